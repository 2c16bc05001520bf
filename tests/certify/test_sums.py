"""Sums of a plan: without a rounding, against fractions; and in doubles beyond the exact size."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from by_fractions import ExactBook
from random_tables import random_case

from lendplan.certify import choices
from lendplan.certify.bound import choices_of
from lendplan.certify.plan import verify
from lendplan.certify.sums import ExactSums


@pytest.mark.parametrize("seed", range(25))
def test_totals_objective_and_limits_are_those_of_fractions(seed: int, scenario: dict[str, Any]) -> None:
    case, book, churn = random_case(seed, scenario)
    exact, draw = ExactBook(case, book, churn), np.random.default_rng(seed)
    dual = choices_of(case, book, churn, case["objective"]["ranges"])
    lent = np.flatnonzero(draw.random(exact.n) < 0.8)
    rate = draw.integers(0, 3, len(lent))
    line = draw.uniform(1, 30, len(lent))
    sums = ExactSums(dual, lent, rate, line)
    loans = [
        (i, k, Fraction(amount))
        for i, k, amount in zip(lent.tolist(), rate.tolist(), line.tolist(), strict=True)
    ]
    for measure in ("line", "exposure", "interest", "revenue", "risk", "count"):
        parts = [(exact.measures(i, k)[measure], amount) for i, k, amount in loans]
        assert sums.total(measure) == sum(amount * a + b for (a, b), amount in parts)
    worth = sum((amount * exact.value(i, k)[0] + exact.value(i, k)[1] for i, k, amount in loans), Fraction(0))
    assert sums.objective() == exact.constant + worth
    excess = {
        name: left - right
        for family in dual.families
        for name, (left, right) in zip(family.names, sums.sides(family), strict=True)
    }
    assert set(excess) == {row[0] for row in exact.rows}
    for place, (name, _, _, right) in enumerate(exact.rows, start=1):
        effects = ((exact.effects(i, k)[place], amount) for i, k, amount in loans)
        left = sum((amount * a + b for (a, b), amount in effects), Fraction(0))
        assert excess[name] == left - exact.stated.get(name, right)


def test_a_limit_is_held_to_the_last_bit(plan: Any, tmp_path: Any) -> None:
    """The budget's tolerance is 1.5e-7: a line that exceeds it by its last bit is told from the next smaller one."""
    for line, is_kept in ((math.nextafter(100.00000015, 0), True), (100.00000015, False)):
        assert (Fraction(line) + 50 - 150 <= Fraction(1e-9) * 150) == is_kept
        plan.scenario["lines"]["max"] = 101.0
        plan.set("E1", line=line)
        found = {check.name: check for check in verify(plan.write(tmp_path / "plan")).checks}
        assert found["budget"].passed == is_kept


def test_beyond_the_exact_size_the_notes_say_so(
    plan: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "EXACT_UP_TO", 3)
    plan.state(certified_bound=7.95)
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed
    assert any(
        note.startswith("certified by the prices, in floating point with its rounding")
        for note in report.notes
    )
