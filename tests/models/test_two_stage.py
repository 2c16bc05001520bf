"""``two_stage``: the sharing of the budget and the scores by hand, and the constraints on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from books import random_problem
from golden import check_golden, constraint_names, golden_names, tiny_problem, undocumented
from hypothesis import given, settings
from hypothesis import strategies as st

from lendplan.models import two_stage
from lendplan.models.dominance import all_offers
from lendplan.models.measures import Economics, Objective
from lendplan.models.problem import Problem

NAMES = ("one_rate_max", "one_rate_must", "budget_max", "limit_max", "limit_min")


def tiny_model() -> pyo.ConcreteModel:
    """A has a line of 45, B of 40."""
    problem, lines = tiny_problem(), np.array([45.0, 40.0])
    return two_stage.build(problem, two_stage.stage_two_offers(problem, lines), lines)


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, tmp_path: Path) -> None:
    check_golden(tiny_model(), "two_stage", name, tmp_path)


def test_every_constraint_has_its_golden_file() -> None:
    names = set(constraint_names(tiny_model()))
    assert names == set(NAMES)
    assert golden_names("two_stage") == names


def test_everything_says_what_it_is() -> None:
    assert undocumented(tiny_model()) == []


def book(budget: float, index: list[float], low: list[float], high: list[float], **fields: Any) -> Problem:
    n = len(index)
    return random_problem(1, n).replaced(
        risk_index=np.array(index), line_min=np.array(low), line_max=np.array(high), budget=budget, **fields
    )


@pytest.mark.parametrize(
    ("problem", "lines"),
    [
        # Weights 10 and 5: two thirds and one third.
        (book(90.0, [0.1, 0.2], [0, 0], [100, 100]), [60.0, 30.0]),
        # The first may take 50; the other gets what is left.
        (book(90.0, [0.1, 0.2], [0, 0], [50, 100]), [50.0, 40.0]),
        # Weights 4, 2, 1 of 70: 40, 20, 10; the first at 33, so 37 is shared 2 : 1.
        (book(70.0, [0.25, 0.5, 1.0], [0, 0, 0], [33, 100, 100]), [33.0, 74 / 3, 37 / 3]),
        # Weights 4, 2, 1 of 70: the last is raised to 25, and 45 is shared 2 : 1.
        (book(70.0, [0.25, 0.5, 1.0], [0, 0, 25], [100, 100, 100]), [30.0, 15.0, 25.0]),
        # 40, 20, 10: 15 is cut off the first, 5 added to the last, so the first settles; then 45 is shared 2 : 1,
        # which gives the last its 15 without a floor.
        (book(70.0, [0.25, 0.5, 1.0], [0, 0, 15], [25, 100, 100]), [25.0, 30.0, 15.0]),
        # More than all can take.
        (book(1e9, [0.1, 0.2], [1, 1], [50, 70]), [50.0, 70.0]),
        # The least lines make 60 of 50: the riskiest, the second, leaves; the rest are shared 2 : 1.
        (book(50.0, [0.1, 0.9, 0.2], [20, 20, 20], [100, 100, 100]), [30.0, 0.0, 20.0]),
        # Equal risk: the later one leaves.
        (book(50.0, [0.5, 0.5, 0.5], [20, 20, 20], [100, 100, 100]), [25.0, 25.0, 0.0]),
        # Nobody can be afforded.
        (book(5.0, [0.1, 0.2], [10, 10], [20, 20]), [0.0, 0.0]),
        (book(0.0, [0.1, 0.2], [10, 10], [20, 20]), [0.0, 0.0]),
        # Who must be lent to stays, though the riskiest and beyond the budget.
        (book(50.0, [0.1, 0.9, 0.2], [20] * 3, [99] * 3, must_lend=np.array([False, True, False])), [30.0, 20.0, 0.0]),
        (book(5.0, [0.1, 0.2], [10, 10], [20, 20], must_lend=np.array([True, True])), [10.0, 10.0]),
        # A grade factor weighs as much as half the risk.
        (book(90.0, [0.1, 0.1], [0, 0], [100, 100], grade_factor=np.array([2.0, 1.0])), [60.0, 30.0]),
        # Without a share in the weights, the least line is all there is.
        (book(90.0, [0.1, 0.1], [10, 10], [100, 100], grade_factor=np.array([0.0, 1.0])), [10.0, 80.0]),
        # A risk index below 1e-6 counts as 1e-6.
        (book(90.0, [0.0, 1e-6], [0, 0], [100, 100]), [45.0, 45.0]),
        # The least line is the largest.
        (book(90.0, [0.1, 0.2], [40, 40], [40, 40]), [40.0, 40.0]),
    ],
)  # fmt: skip
def test_lines_by_hand(problem: Problem, lines: list[float]) -> None:
    np.testing.assert_allclose(two_stage.stage_one_lines(problem), lines, rtol=1e-12, atol=1e-12)


def test_whole_steps_and_what_rounding_leaves_is_shared_again() -> None:
    """60 and 30 of 90 in steps of 25 are 50 and 25; the 15 left over are no step more."""
    problem = book(90.0, [0.1, 0.2], [25, 25], [100, 100], line_step=np.full(2, 25.0))
    np.testing.assert_array_equal(two_stage.stage_one_lines(problem), [50.0, 25.0])
    # 56 2/3 and 28 1/3 of 85 in steps of 20 and 1 are 40 and 28; of the 17 left the second can take all.
    problem = book(85.0, [0.1, 0.2], [20, 1], [100, 100], line_step=np.array([20.0, 1.0]))
    np.testing.assert_array_equal(two_stage.stage_one_lines(problem), [40.0, 45.0])


@st.composite
def shared_books(draw: st.DrawFn) -> Problem:
    n = draw(st.integers(1, 8))
    numbers = st.floats(0.01, 100.0)
    low = np.array(draw(st.lists(st.floats(0.0, 10.0), min_size=n, max_size=n)))
    room = np.array(draw(st.lists(st.one_of(st.just(0.0), numbers), min_size=n, max_size=n)))
    index = np.array(draw(st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e3)), min_size=n, max_size=n)))
    return random_problem(0, n).replaced(
        line_min=low,
        line_max=np.maximum(low + room, 0.01),
        risk_index=index,
        budget=draw(st.floats(0.0, 1000.0)),
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(shared_books())
def test_the_budget_is_shared_to_the_last(problem: Problem) -> None:
    lines = two_stage.stage_one_lines(problem)
    inside = two_stage._afforded(problem, np.maximum(problem.risk_index, 1e-6))
    assert np.all(lines[~inside] == 0)
    assert np.all(lines[inside] >= problem.line_min[inside])
    assert np.all(lines[inside] <= problem.line_max[inside])
    assert float(np.sum(lines)) == pytest.approx(
        min(problem.budget, float(np.sum(problem.line_max[inside]))), rel=1e-9, abs=1e-9
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(shared_books())
def test_the_sharing_is_fair(problem: Problem) -> None:
    """Between bounds all have the same line per weight; at the lower bound no less, at the upper no more."""
    lines = two_stage.stage_one_lines(problem)
    inside = lines > 0
    weight = 1 / np.maximum(problem.risk_index, 1e-6)
    per = lines / weight
    free = inside & (lines > problem.line_min) & (lines < problem.line_max)
    if not free.any():
        return
    level = float(np.median(per[free]))
    tolerance = 1e-6 * level
    assert np.ptp(per[free]) <= tolerance
    raised = inside & ~free & (lines == problem.line_min) & (lines < problem.line_max)
    cut = inside & ~free & (lines == problem.line_max) & (lines > problem.line_min)
    assert np.all(per[raised] >= level - tolerance)
    assert np.all(per[cut] <= level + tolerance)


def test_scores_by_hand() -> None:
    """Retention 1, 0.75, 0.5 at 4, 8, 12 %: revenue 0.04, 0.06, 0.06 a unit, standardised 0, 1, 1.

    Risk falls with the exposure: standardised 1, 0.5, 0. With w = 0.25: −0.75, 0.25 − 0.375, 0.25.
    """
    problem = random_problem(1, 1).replaced(
        rates=np.array([0.04, 0.08, 0.12]),
        retention=np.array([[1.0, 0.75, 0.5]]),
        curve=np.zeros(1, dtype=np.int16),
        economics=Economics(),
        objective=Objective("weighted", 0.25),
    )
    scores = two_stage.scores(problem, all_offers(problem))
    np.testing.assert_allclose(scores, [-0.75, -0.125, 0.25], atol=1e-12)
    # profit weighs both alike
    np.testing.assert_allclose(
        two_stage.scores(problem.replaced(objective=Objective("profit")), all_offers(problem)),
        [-0.5, 0.25, 0.5],
        atol=1e-12,
    )


def test_a_constant_scores_zero() -> None:
    problem = random_problem(
        1, 1, economics=Economics(risk_basis="line"), objective=Objective("weighted", 0.0)
    )
    np.testing.assert_array_equal(two_stage.scores(problem, all_offers(problem)), np.zeros(3))


def test_scores_are_taken_over_the_enterprises_own_rates() -> None:
    problem = random_problem(
        1, 2, 6, first_rate=np.array([1, 0], np.int16), last_rate=np.array([3, 0], np.int16)
    )
    offers = all_offers(problem)
    scores = two_stage.scores(problem.replaced(objective=Objective("weighted", 1.0)), offers)
    assert scores[offers.enterprise == 0].min() == 0.0
    assert scores[offers.enterprise == 0].max() == 1.0
    np.testing.assert_array_equal(scores[offers.enterprise == 1], [0.0])


def test_those_without_a_line_get_no_offer() -> None:
    problem = random_problem(1, 3)
    offers = two_stage.stage_two_offers(problem, np.array([0.0, 2.0, 0.0]))
    assert set(offers.enterprise.tolist()) == {1}
