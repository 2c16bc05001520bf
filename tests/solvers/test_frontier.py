"""The augmented ε-constraint method against complete enumeration, and its arithmetic by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from books import RATES, plan_of, random_problem

from lendplan.models.measures import Floats, Objective, Ranges, scalarise
from lendplan.models.problem import Problem
from lendplan.solvers import lagrangian
from lendplan.solvers.frontier import (
    TAU,
    efficient,
    knee,
    levels,
    revenue_bound,
    toward_revenue,
    toward_safety,
    within,
)
from lendplan.solvers.result import Options

EXACT = Options(gap=1e-9)
RANGES = Ranges(revenue_max=1.0, revenue_min=0.0, risk_max=1.0, risk_min=0.0)


def all_or_nothing(seed: int, size: int) -> Problem:
    """A book whose lines are fixed: its plans can be counted."""
    problem = random_problem(seed, size=size, rates=3)
    return problem.replaced(line_min=problem.line_max, objective=Objective("weighted", 0.5))


def every_plan(problem: Problem) -> tuple[Floats, Floats]:
    """Return revenue and risk of every plan that obeys the budget and the limits."""
    options = [range(-1, len(problem.rates)) for _ in range(problem.size)]
    found = []
    for rates in itertools.product(*options):
        rate = np.array(rates)
        choice = problem.choice(rate, np.where(rate >= 0, problem.line_max, 0.0))
        totals = problem.totals(choice)
        if totals[problem.budget_basis] <= problem.budget:
            found.append((totals["revenue"], totals["risk"]))
    revenue, risk = np.array(found).T
    return revenue, risk


def reached(problem: Problem) -> tuple[float, float, Problem]:
    result = lagrangian.solve(problem, EXACT)
    totals = result.problem.totals(plan_of(problem, result.rate, result.line))
    return totals["revenue"], totals["risk"], result.problem


@pytest.mark.parametrize("seed", range(6))
def test_each_level_gives_the_best_plan_of_the_enumeration(seed: int) -> None:
    problem = all_or_nothing(seed, 5)
    revenue, risk = every_plan(problem)
    *most, stated = reached(toward_revenue(problem))
    ranges = stated.objective.ranges
    assert ranges is not None
    least = reached(toward_safety(problem, ranges))
    for end, weight in ((most, 1 - TAU), (least, TAU)):
        values = scalarise(Objective("weighted", weight, ranges))
        best = np.max(values.revenue * revenue + values.risk * risk)
        assert values.revenue * end[0] + values.risk * end[1] == pytest.approx(best, abs=1e-9)
    values = scalarise(Objective("weighted", 1 - TAU, ranges))
    for level in levels(least[1], most[1], 9):
        allowed = risk <= level
        best = np.max((values.revenue * revenue + values.risk * risk)[allowed])
        found = reached(within(toward_revenue(problem, ranges), level))
        assert values.revenue * found[0] + values.risk * found[1] == pytest.approx(best, abs=1e-9)
        dominated = (revenue >= found[0] + 1e-9) & (risk <= found[1] + 1e-12)
        assert not dominated.any()


def lumpy() -> Problem:
    """Three all-or-nothing loans at one rate, each earning 6 % of its line, and a budget for two of 10 or one of 16.

    By hand: A and B have lines of 10, risk weights 1 % and 9 %; C has 13 and 5 %. Plans within the budget of 20:
    nothing (0, 0), A (.6, .1), B (.6, .9), C (.78, .65), A and B (1.2, 1.0). Efficient: nothing, A, C, A and B. From
    A to A and B a unit of risk earns .6/.9 = .667, and C, at (.78, .65), lies below that line (.6 + .55 · .667 = .967):
    no weight finds it.
    """
    problem = random_problem(0, size=3, rates=1)
    lines = np.array([10.0, 10.0, 13.0])
    return problem.replaced(
        rates=RATES[3:4] - 0.02 + 0.0,
        retention=np.ones((3, 1)),
        first_rate=np.zeros(3, dtype=np.int16),
        last_rate=np.zeros(3, dtype=np.int16),
        line_min=lines,
        line_max=lines,
        risk_weight=np.array([0.01, 0.09, 0.05]),
        default_probability=np.zeros(3),
        economics=problem.economics.__class__(),
        budget=20.0,
        objective=Objective("weighted", 0.5, Ranges(1.2, 0.0, 1.0, 0.0)),
    )


def test_a_point_that_no_weight_finds_is_found() -> None:
    problem = lumpy()
    revenue, risk = every_plan(problem)
    assert sorted(zip(revenue.round(12).tolist(), risk.round(12).tolist(), strict=True)) == [
        (0.0, 0.0),
        (0.6, 0.1),
        (0.6, 0.9),
        (0.78, 0.65),
        (1.2, 1.0),
    ]
    by_weight = set()
    for weight in np.linspace(0, 1, 1001):
        values = scalarise(Objective("weighted", float(weight), problem.objective.ranges))
        best = np.argmax(values.revenue * revenue + values.risk * risk)
        by_weight.add(round(float(revenue[best]), 9))
    assert 0.78 not in by_weight
    found = [reached(within(toward_revenue(problem), level)) for level in levels(0.0, 1.0, 11)]
    assert [round(one[0], 9) for one in found] == [0.6] * 6 + [0.78] * 3
    assert [round(one[1], 9) for one in found] == [0.1] * 6 + [0.65] * 3


def test_the_bound_on_revenue_holds_for_every_plan_within_the_level() -> None:
    for seed in range(6):
        problem = all_or_nothing(seed, 5)
        revenue, risk = every_plan(problem)
        level = float(np.median(risk))
        result = lagrangian.solve(within(toward_revenue(problem), level), EXACT)
        assert result.bound is not None
        bound = revenue_bound(result.bound, level, result.problem.objective)
        assert bound >= revenue[risk <= level].max() - 1e-9
        assert bound <= revenue[risk <= level].max() + 0.01


def test_bound_by_hand() -> None:
    """(1 − w)·risk off: 0.6·R − 0.4·Q ≤ 0.2 within Q ≤ 0.5 leaves R ≤ (0.2 + 0.2) / 0.6."""
    assert revenue_bound(0.2, 0.5, Objective("weighted", 0.6, RANGES)) == pytest.approx(2 / 3)
    assert revenue_bound(0.2, 0.5, Objective("weighted", 0.0, RANGES)) == float("inf")


def test_levels_leave_the_ends_out() -> None:
    assert levels(1.0, 3.0, 5) == [1.5, 2.0, 2.5]
    assert levels(1.0, 3.0, 2) == []


def test_dominated_and_repeated_points_go() -> None:
    revenue = np.array([1.0, 3.0, 2.0, 3.0, 5.0, 0.5])
    risk = np.array([1.0, 2.0, 2.0, 2.0, 4.0, 1.0])
    assert efficient(revenue, risk).tolist() == [True, True, False, False, True, False]


def test_points_that_differ_by_rounding_are_one() -> None:
    revenue, risk = np.array([0.0, 1.0, 1.0 + 1e-15]), np.array([0.0, 1.0, 1.0 - 1e-15])
    assert efficient(revenue, risk).sum() == 2
    assert efficient(np.array([]), np.array([])).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_efficient_points_are_those_of_the_definition(seed: int) -> None:
    draw = np.random.default_rng(seed)
    revenue, risk = draw.integers(0, 6, 12).astype(float), draw.integers(0, 6, 12).astype(float)
    kept = efficient(revenue, risk)
    for i in range(12):
        better = (revenue >= revenue[i]) & (risk <= risk[i])
        strictly = better & ((revenue > revenue[i]) | (risk < risk[i]))
        same = (revenue == revenue[i]) & (risk == risk[i])
        assert kept[same].sum() == (0 if strictly.any() else 1)


def test_the_knee_is_farthest_above_the_line_between_the_ends() -> None:
    risk = np.array([0.0, 1.0, 2.0, 4.0])
    revenue = np.array([0.0, 5.0, 7.0, 8.0])
    # Above the line: 5/8 − 1/4 = .375, 7/8 − 2/4 = .375; the first of equals.
    assert knee(revenue, risk) == 1
    assert knee(revenue, np.array([0.0, 2.0, 2.1, 4.0])) == 2
    assert knee(revenue[:2], risk[:2]) is None
    assert knee(np.array([0.0, 1.0, 4.0]), np.array([0.0, 2.0, 4.0])) is None
