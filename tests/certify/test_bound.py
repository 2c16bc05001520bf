"""D(λ) against exact arithmetic, against every plan of small books, and against a problem worked by hand."""

import io
import itertools
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from by_fractions import ExactBook
from random_tables import random_case

from lendplan.certify import choices, left
from lendplan.certify.bound import bound_from_prices
from lendplan.data.book import Book, assemble_book
from lendplan.data.churn import ChurnTable, churn_from_frame
from lendplan.data.findings import InputError
from lendplan.data.tables import read_table


def tables(plan: Any, folder: Path) -> tuple[Book, ChurnTable]:
    (folder / "book.csv").write_text(plan.book, encoding="utf-8")
    book = assemble_book(read_table(folder / "book.csv"))
    return book, churn_from_frame(pd.read_csv(io.StringIO(plan.churn)))


@pytest.mark.parametrize(
    ("price", "bound"),
    [
        # 150λ + max(0, 100(.056 − λ) − .1) + max(0, 100(.03 − λ) − .1) + 40(.06 − λ) − .1 + E6's ends of 10 and 100
        (0.0, 5.5 + 2.9 + 2.3 + 2.4),
        (0.01, 1.5 + 4.5 + 1.9 + 1.9 + 1.4),
        (0.03, 7.95),
        (0.1, 15.0 + 0.0 + 0.0 + 0.0 + (10 * (0.025 - 0.1) - 0.1)),
    ],
)
def test_by_hand(plan: Any, tmp_path: Path, price: float, bound: float) -> None:
    book, churn = tables(plan, tmp_path)
    found = bound_from_prices(plan.scenario, book, churn, {"budget": price}, None)
    assert found == pytest.approx(bound, rel=1e-12)
    assert bound_from_prices(plan.scenario, book, churn, {"budget": price, **{}}, {"unused": 1.0}) == found


def test_price_on_a_count_and_on_an_average_rate(plan: Any, tmp_path: Path) -> None:
    """A loan pays .2 more: E2 lends at 5 % its 10 at least, or 100; a mean rate of 5 % at most costs .5·(r − .05)·s."""
    book, churn = tables(plan, tmp_path)
    plan.limit(measure="count", at_least=3.0)
    assert bound_from_prices(plan.scenario, book, churn, {"it": -0.2}, None) == pytest.approx(
        13.1 + 4 * 0.2 - 3 * 0.2
    )
    plan.scenario["limits"] = []
    plan.limit(measure="average_rate", at_most=0.05)
    # at 10 %: E1 .8(.07 − .025) = .036, E2 .5(.06 − .025) = .0175, E3 .8(.075 − .025) = .04, E6 .5(.05 − .025) = .0125
    expected = (3.6 - 0.1) + (1.75 - 0.1) + (1.6 - 0.1) + (1.25 - 0.1)
    assert bound_from_prices(plan.scenario, book, churn, {"it": 0.5}, None) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prices", "says"),
    [({"budget": -1e-9}, ">= 0"), ({"bugdet": 1.0}, "no row"), ({"budget": math.inf}, "no finite number")],
)
def test_prices_that_prove_nothing_are_refused(plan: Any, tmp_path: Path, prices: Any, says: str) -> None:
    book, churn = tables(plan, tmp_path)
    with pytest.raises(ValueError, match=says):
        bound_from_prices(plan.scenario, book, churn, prices, None)


def test_weighted_without_ranges_is_refused(plan: Any, tmp_path: Path) -> None:
    book, churn = tables(plan, tmp_path)
    plan.scenario["objective"]["kind"] = "weighted"
    with pytest.raises(ValueError, match="there is no revenue_max, revenue_min, risk_max, risk_min"):
        bound_from_prices(plan.scenario, book, churn, {}, None)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("E2,B,0.04", "E2,,0.04", "'E2' has no grade"),
        ("E2,B,0.04", "E2,Z,0.04", "'E2' has a grade without a churn curve"),
        ("E2,B,0.04", "E2,B,", "'E2' has neither"),
        ("5,50,20", "5,50,60", "'E3' has no line"),
    ],
)
def test_rows_that_make_no_problem_are_errors(
    plan: Any, tmp_path: Path, old: str, new: str, says: str
) -> None:
    plan.book = plan.book.replace(old, new)
    book, churn = tables(plan, tmp_path)
    with pytest.raises(InputError, match=says):
        bound_from_prices(plan.scenario, book, churn, {}, None)


def test_unrated_and_borrowed_curves(plan: Any, tmp_path: Path) -> None:
    plan.book = plan.book.replace("E2,B,0.04", "E2,,0.04").replace("E3,A", "E3,AAA")
    plan.scenario |= {"unrated": "exclude", "churn_as": {"AAA": "A"}}
    book, churn = tables(plan, tmp_path)
    assert bound_from_prices(plan.scenario, book, churn, {}, None) == pytest.approx(5.5 + 2.3 + 2.4)


def test_multipliers(plan: Any, tmp_path: Path) -> None:
    """p ×40, capped at 1, LGD ×1.5 = .75: E1 ρ .6, E2 .75, E3 .3; E6 has no p: .03·60 = 1.8. E6 alone gets a loan."""
    plan.scenario["economics"] |= {"default_multiplier": 40.0, "loss_multiplier": 1.5, "funding_cost": 0.0}
    plan.scenario["economics"]["operating_cost"] = 0.0
    book, churn = tables(plan, tmp_path)
    assert bound_from_prices(plan.scenario, book, churn, {}, None) == pytest.approx(
        10 * 0.5 * (0.1 - 1.8) - 0.1
    )
    plan.book = plan.book.replace("E6,B,,0.03", "E6,B,0.05,0.03")  # p_eff / p = 1 / .05 = 20
    book, churn = tables(plan, tmp_path)
    assert bound_from_prices(plan.scenario, book, churn, {}, None) == pytest.approx(
        10 * 0.5 * (0.1 - 0.9) - 0.1
    )


# ------------------------------------------------------------------------------------- random books, exactly
@pytest.mark.parametrize("seed", range(40))
def test_bound_is_the_fraction_rounded_up(seed: int, scenario: dict[str, Any]) -> None:
    scenario, book, churn = random_case(seed, scenario)
    exact, draw = ExactBook(scenario, book, churn), np.random.default_rng(seed)
    for _ in range(4):
        prices = exact.random_prices(draw)
        found = bound_from_prices(scenario, book, churn, prices, scenario["objective"]["ranges"])
        expected = exact.bound(prices)
        assert expected is not None
        assert Fraction(math.nextafter(found, -math.inf)) < expected <= Fraction(found)


@pytest.mark.parametrize("seed", range(40))
def test_beyond_the_exact_size_the_error_is_added(
    seed: int, scenario: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "EXACT_UP_TO", 1)
    monkeypatch.setattr(left, "BLOCK", 7)
    scenario, book, churn = random_case(seed, scenario)
    exact, draw = ExactBook(scenario, book, churn), np.random.default_rng(seed)
    for _ in range(4):
        prices = exact.random_prices(draw)
        found = bound_from_prices(scenario, book, churn, prices, scenario["objective"]["ranges"])
        expected = exact.bound(prices)
        assert expected is not None
        assert Fraction(found) > expected
        assert found == pytest.approx(float(expected), rel=1e-11, abs=1e-12)


def test_no_feasible_plan_exceeds_the_bound(scenario: dict[str, Any]) -> None:
    """Weak duality: every plan of small books, lines at their ends and halfway, at random prices."""
    feasible = 0
    for seed in range(120):
        case, book, churn = random_case(seed, scenario)
        exact, draw = ExactBook(case, book, churn), np.random.default_rng(seed)
        if exact.n > 3:
            continue
        bounds = [
            bound_from_prices(case, book, churn, exact.random_prices(draw), case["objective"]["ranges"])
            for _ in range(5)
        ]
        rows = exact.rows
        effects = []
        for i in range(exact.n):
            none: list[tuple[float, ...]] = []
            for choice in exact.choices(i, points=3):
                if choice is None:
                    none.append((0.0,) * (len(rows) + 1))
                    continue
                k, line = choice
                parts = [exact.value(i, k), *(coefficient(i, k) for _, _, coefficient, _ in rows)]
                none.append(tuple(float(line * a + b) for a, b in parts))
            effects.append(none)
        right = np.array([float(one[3]) for one in rows])
        sign = np.array([1.0 if one[1] == "at_most" else -1.0 for one in rows])
        for plan in itertools.product(*effects):
            value, *left = np.sum(plan, axis=0)
            if np.all(sign * (np.array(left) - right) <= 1e-12):
                feasible += 1
                assert value + float(exact.constant) <= min(bounds) + 1e-12
    assert feasible > 500
