"""``joint``: its constraints on paper, its names, and a book by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from books import random_problem
from golden import check_golden, constraint_names, golden_names, tiny_problem, undocumented

from lendplan.models import joint
from lendplan.models.dominance import all_offers
from lendplan.solvers.engine import run
from lendplan.solvers.result import Options
from lendplan.solvers.standard_form import compile_model

NAMES = (
    "one_rate_max",
    "one_rate_must",
    "line_if_offered_max",
    "line_if_offered_min",
    "whole_steps",
    "budget_max",
    "limit_max",
    "limit_min",
)


def tiny_model() -> Any:  # Pyomo's attributes are of any kind
    problem = tiny_problem()
    return joint.build(problem, all_offers(problem))


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, tmp_path: Path) -> None:
    check_golden(tiny_model(), "joint", name, tmp_path)


def test_every_constraint_has_its_golden_file() -> None:
    names = set(constraint_names(tiny_model()))
    assert names == set(NAMES)
    assert golden_names("joint") == names


def test_everything_says_what_it_is() -> None:
    assert undocumented(tiny_model()) == []


def test_the_docstring_names_every_part() -> None:
    for name in (*NAMES, "ENTERPRISES", "OFFERS", "line_at_rate", "is_offered", "steps_at_rate"):
        assert name in (joint.__doc__ or "")


def test_the_tiny_book_by_hand() -> None:
    """Profit of a unit of line, A: 0.04 − 0.0625 and 0.04 − 0.03125; B: 0.04 − 0.125 and 0.04 − 0.0625; 0.25 a loan.

    B must be lent to: 8 % and its least line 20, −0.45 − 0.25. Its exposure of 10 may be 75 % of the whole, so A's is
    at least 10/3; interest of 1.5 needs 37.5 of line in all. A at 8 % earns 0.00875 a unit: 50, 0.4375 − 0.25.
    """
    model = tiny_model()
    form = compile_model(model)
    outcome = run(form.model, Options(threads=1), seconds=10, stage="test")
    assert outcome.x is not None
    assert outcome.objective == pytest.approx(-0.7 + 0.1875)
    lines = form.values(list(model.line_at_rate.values()), outcome.x)
    np.testing.assert_allclose(lines, [0.0, 50.0, 0.0, 20.0], atol=1e-9)
    np.testing.assert_allclose(
        form.values(list(model.steps_at_rate.values()), outcome.x), [0.0, 1.0], atol=1e-9
    )


def test_columns_follow_the_offers() -> None:
    problem = random_problem(1, 4)
    offers = all_offers(problem)
    model: Any = joint.build(problem, offers)
    wanted = [
        (problem.enterprise[i], problem.rates[k]) for i, k in zip(offers.enterprise, offers.rate, strict=True)
    ]
    assert list(model.OFFERS) == wanted
    assert list(model.line_at_rate.keys()) == wanted
    assert list(model.is_offered.keys()) == wanted


def test_repeated_ids_are_refused() -> None:
    problem = random_problem(1, 3, enterprise=np.array(["a", "b", "a"], dtype=object))
    with pytest.raises(ValueError, match="ids must be unique"):
        joint.build(problem, all_offers(problem))


def test_nobody_is_no_error() -> None:
    problem = random_problem(1, 0)
    model: Any = joint.build(problem, all_offers(problem))
    assert len(model.OFFERS) == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_least_line_as_one_row_an_enterprise_says_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same optimum, and the same relaxation, as with a row an offer."""
    problem = random_problem(seed, 5, line_step=np.full(5, float(seed % 2)))
    offers = all_offers(problem)
    apiece = compile_model(joint.build(problem, offers)).model
    monkeypatch.setattr(joint, "APIECE", 0)
    model: Any = joint.build(problem, offers)
    together = compile_model(model).model
    assert len(model.line_if_offered_min) == problem.size
    for one, other in ((apiece, together), (apiece.relaxed(), together.relaxed())):
        values = [run(each, Options(gap=1e-9), seconds=10, stage="test").objective for each in (one, other)]
        assert values[0] == pytest.approx(values[1], rel=1e-9, abs=1e-12)
