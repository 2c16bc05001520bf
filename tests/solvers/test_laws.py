"""Laws that hold between solves: units, order, larger budgets, further limits, repetition, threads."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from books import halves, plan_of, random_book, random_problem, random_row, with_limits

from lendplan.models.measures import Objective, Ranges
from lendplan.models.problem import Problem, Row, reordered
from lendplan.solvers.methods import Formulation, Method, solve
from lendplan.solvers.result import Options, Result, SolutionStatus

OPTIONS = Options(threads=1, gap=1e-9, time_limit=30)
both_methods = pytest.mark.parametrize("method", ["lagrangian", "highs"])


def value_of(result: Result) -> float:
    return result.problem.value(plan_of(result.problem, result.rate, result.line))


def in_other_money(problem: Problem, unit: float) -> Problem:
    """Return the same problem with every amount multiplied; counts, shares and rates are no amounts."""
    ranges = problem.objective.ranges
    return problem.replaced(
        line_min=problem.line_min * unit,
        line_max=problem.line_max * unit,
        line_step=problem.line_step * unit,
        budget=problem.budget * unit,
        economics=dataclasses.replace(problem.economics, fixed_cost=problem.economics.fixed_cost * unit),
        objective=problem.objective
        if ranges is None
        else dataclasses.replace(
            problem.objective, ranges=Ranges(*(end * unit for end in dataclasses.astuple(ranges)))
        ),
        limits=tuple(
            dataclasses.replace(row, amount=row.amount * (1.0 if row.measure == "count" else unit))
            for row in problem.limits
        ),
    )


def distinct(seed: int, size: int) -> Problem:
    """A book in which no two enterprises are alike, so that no two plans are equally good."""
    draw = np.random.default_rng(seed)
    problem = random_book(4000 + seed, size)
    retention = 1 - np.sort(draw.uniform(0, 0.6, (size, len(problem.rates))), axis=1)
    return problem.replaced(
        curve=np.arange(size, dtype=np.int16),
        retention=retention,
        line_max=problem.line_max + draw.uniform(0.1, 0.9, size),
        line_step=np.zeros(size),
        objective=Objective("weighted", 0.6) if seed % 2 else Objective("profit"),
        must_lend=np.zeros(size, bool),
    )


@both_methods
@pytest.mark.parametrize("unit", [1e4, 1e8, 1e-8])
@pytest.mark.parametrize("seed", range(25))
def test_the_unit_of_money_does_not_matter(seed: int, unit: float, method: Method) -> None:
    problem = distinct(seed, 7)
    one, other = (
        solve(problem, "joint", method, OPTIONS),
        solve(in_other_money(problem, unit), "joint", method, OPTIONS),
    )
    assert other.solution is one.solution
    if one.rate is None:
        return
    assert one.line is not None
    assert other.line is not None
    np.testing.assert_array_equal(other.rate, one.rate)
    np.testing.assert_allclose(other.line / unit, one.line, rtol=1e-7)
    scale = unit if problem.objective.kind == "profit" else 1.0
    assert value_of(other) / scale == pytest.approx(value_of(one), rel=1e-9, abs=1e-12)
    money = {"line", "exposure", "interest", "revenue", "risk", "average_rate"}
    for row in problem.rows:
        # a price is objective per unit of the right side
        factor = scale / (unit if row.measure in money else 1.0)
        assert other.prices[row.name] == pytest.approx(
            one.prices[row.name] * factor, rel=1e-6, abs=1e-9 * factor
        )


@both_methods
@pytest.mark.parametrize("unit", [1e8, 1e-8])
@pytest.mark.parametrize("seed", [33, 142, 145, 197, 242, 245])
def test_the_unit_of_money_does_not_matter_to_the_value_or_the_conflict(
    seed: int, unit: float, method: Method
) -> None:
    """Books with ties and conflicts: the plan may be another one of the same value; what is said may not differ."""
    problem = random_book(seed, 5)
    one, other = (
        solve(problem, "joint", method, OPTIONS),
        solve(in_other_money(problem, unit), "joint", method, OPTIONS),
    )
    assert other.solution is one.solution
    if one.rate is not None:
        scale = unit if problem.objective.kind == "profit" else 1.0
        assert value_of(other) / scale == pytest.approx(value_of(one), rel=1e-7, abs=1e-9)
        return
    assert one.conflict is not None
    assert other.conflict is not None
    factor = {row.name: unit if row.measure not in ("count", "average_rate") and row.share is None else 1.0
              for row in problem.rows}  # fmt: skip
    assert [change.name for change in other.conflict.changes] == [
        change.name for change in one.conflict.changes
    ]
    for ours, theirs in zip(one.conflict.changes, other.conflict.changes, strict=True):
        by = factor.get(ours.name, 1.0)
        assert (ours.alone is None) == (theirs.alone is None)
        if ours.alone is not None and theirs.alone is not None:
            assert theirs.alone / by == pytest.approx(ours.alone, rel=1e-6, abs=1e-9)
        assert theirs.together / by == pytest.approx(ours.together, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("formulation", "method"), [("joint", "lagrangian"), ("joint", "highs"), ("two_stage", "highs")]
)
@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_book_does_not_matter(seed: int, formulation: Formulation, method: Method) -> None:
    problem = random_book(5000 + seed, 9)
    order = np.random.default_rng(seed).permutation(problem.size)
    one = solve(problem, formulation, method, OPTIONS)
    other = solve(reordered(problem, order), formulation, method, OPTIONS)
    assert other.solution is one.solution
    assert other.prices == one.prices
    if one.rate is not None and one.line is not None:
        np.testing.assert_array_equal(other.rate, one.rate[order])
        np.testing.assert_array_equal(other.line, one.line[order])


@both_methods
@pytest.mark.parametrize("seed", range(20))
def test_twice_is_the_same_to_the_bit(seed: int, method: Method) -> None:
    problem = random_book(5500 + seed, 9)
    one, other = (solve(problem, "joint", method, OPTIONS) for _ in range(2))
    np.testing.assert_equal(other.rate, one.rate)
    np.testing.assert_equal(other.line, one.line)
    assert (other.bound, other.prices, other.conflict) == (one.bound, one.prices, one.conflict)


@both_methods
@pytest.mark.parametrize("basis", ["line", "exposure"])
@pytest.mark.parametrize("kind", ["profit", "weighted"])
@pytest.mark.parametrize("seed", range(8))
def test_a_larger_budget_never_earns_less(seed: int, kind: str, basis: str, method: Method) -> None:
    """Under profit, and under weighted with frozen ranges."""
    problem = random_book(6000 + seed, 8).replaced(budget_basis=basis, must_lend=np.zeros(8, bool))
    problem = problem.replaced(
        objective=Objective("profit")
        if kind == "profit"
        else Objective("weighted", 0.7, Ranges(1, 0.1, 1, 0.05))
    )
    values = []
    for factor in (0.0, 0.1, 0.5, 1.0, 1.5, 10.0):
        result = solve(problem.replaced(budget=problem.budget * factor), "joint", method, OPTIONS)
        values.append(-np.inf if result.rate is None else value_of(result))
    assert all(after >= before - 1e-8 * max(1.0, abs(before)) for before, after in itertools.pairwise(values))


@both_methods
@pytest.mark.parametrize("seed", range(25))
def test_a_further_limit_never_earns_more(seed: int, method: Method) -> None:
    draw = np.random.default_rng(seed)
    problem = random_book(6500 + seed, 8).replaced(objective=Objective("profit"))
    last = np.inf
    for count in range(4):
        result = solve(problem, "joint", method, OPTIONS)
        value = -np.inf if result.rate is None else value_of(result)
        assert value <= last + 1e-8 * max(1.0, abs(last)) if np.isfinite(last) else True
        if not np.isfinite(value):
            break
        last = value
        row = random_row(draw, problem, f"further {count}", "share" if draw.random() < 0.5 else "amount")
        problem = with_limits(problem, *problem.limits, row)


@both_methods
def test_one_thread_and_two_agree(method: Method) -> None:
    for seed in range(5):
        problem = random_book(6800 + seed, 15)
        values = []
        for threads in (1, 2, 1):
            result = solve(problem, "joint", method, dataclasses.replace(OPTIONS, threads=threads))
            values.append(None if result.rate is None else value_of(result))
        assert values[1] == pytest.approx(values[0], rel=1e-7)
        assert values[2] == values[0]


@both_methods
def test_an_enterprise_that_cannot_earn_changes_nothing(method: Method) -> None:
    problem = random_problem(8, 6)
    worse = problem.replaced(risk_weight=np.where(np.arange(6) == 2, 5.0, problem.risk_weight))
    result = solve(worse, "joint", method, OPTIONS)
    without = solve(reordered(worse, np.array([0, 1, 3, 4, 5])), "joint", method, OPTIONS)
    assert result.rate is not None
    assert result.rate[2] == -1
    assert value_of(result) == pytest.approx(value_of(without), rel=1e-9)


@both_methods
def test_a_limit_that_says_nothing_changes_nothing(method: Method) -> None:
    problem = random_problem(8, 6)
    idle = with_limits(
        problem,
        Row("all", "line", 1, None, amount=1e9),
        Row("share of all", "exposure", 1, halves(problem), share=1.0),
        Row("none", "count", -1, None, amount=0.0),
    )
    one, other = solve(problem, "joint", method, OPTIONS), solve(idle, "joint", method, OPTIONS)
    assert other.solution is SolutionStatus.OPTIMAL
    assert value_of(other) == pytest.approx(value_of(one), rel=1e-9)
    assert [other.prices[row.name] for row in idle.limits] == [0.0, 0.0, 0.0]
