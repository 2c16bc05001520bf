"""A search that begins from a neighbour's prices and plan ends where one from nothing does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from books import assert_plan_obeys, random_book, random_problem

import lendplan
from lendplan.models.measures import Objective, Ranges
from lendplan.models.problem import Problem
from lendplan.solvers import boxstep, lagrangian
from lendplan.solvers.entry import obeys_bounds
from lendplan.solvers.result import Options, Result, SolutionStatus, Start

EXACT = Options(gap=1e-9)
SHIPPED = Path(lendplan.__file__).resolve().parents[1] / "scenarios" / "annual_budget.yaml"


def value(result: Result) -> float:
    assert result.rate is not None
    assert result.line is not None
    assert_plan_obeys(result.problem, result.rate, result.line)
    return result.problem.value(result.problem.choice(result.rate, result.line))


def start_of(result: Result) -> Start:
    return Start(result.prices, result.rate, result.line)


def weighed(problem: Problem, weight: float) -> Problem:
    return problem.replaced(objective=Objective("weighted", weight, Ranges(5.0, 0.0, 2.0, 0.0)))


@pytest.mark.parametrize("seed", range(40))
def test_warm_is_cold(seed: int) -> None:
    """Every feature of a book; the neighbour differs in the weight, or in the budget."""
    problem = random_book(seed, size=6)
    other = problem.replaced(budget=0.8 * problem.budget)
    if problem.objective.kind == "weighted":
        problem, other = weighed(problem, 0.5), weighed(problem, 0.6)
    neighbour = lagrangian.solve(other, EXACT)
    cold = lagrangian.solve(problem, EXACT)
    warm = lagrangian.solve(problem, replace(EXACT, start=start_of(neighbour)))
    assert warm.solution is cold.solution
    if cold.solution is SolutionStatus.OPTIMAL:
        assert value(warm) == pytest.approx(value(cold), abs=1e-9)
        assert warm.bound is not None
        assert warm.bound >= value(warm) - 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_warm_is_cold_in_a_larger_book(seed: int) -> None:
    problem = random_problem(seed, size=400, rates=6, budget=600.0)
    neighbour = lagrangian.solve(weighed(problem, 0.55), EXACT)
    cold = lagrangian.solve(weighed(problem, 0.5), EXACT)
    warm = lagrangian.solve(weighed(problem, 0.5), replace(EXACT, start=start_of(neighbour)))
    assert value(warm) == pytest.approx(value(cold), abs=1e-9)


@pytest.mark.parametrize(
    "start",
    [
        Start({}),
        Start({"budget": -3.0, "no such limit": 7.0}),
        Start({"budget": 1e12}),
        Start({"budget": 0.01}, np.full(6, 2), np.full(6, 1e9)),
        Start({"budget": 0.01}, np.full(6, -1), np.full(6, 1.0)),
        Start({"budget": 0.01}, np.full(6, -1), np.zeros(6)),
    ],
)
def test_a_start_that_is_of_no_use_does_no_harm(start: Start) -> None:
    problem = random_book(3, size=6)
    cold, warm = lagrangian.solve(problem, EXACT), lagrangian.solve(problem, replace(EXACT, start=start))
    assert value(warm) == pytest.approx(value(cold), abs=1e-9)


def test_the_best_plan_as_a_start_is_kept() -> None:
    problem = random_problem(5, size=200, rates=6, budget=300.0)
    cold = lagrangian.solve(problem, EXACT)
    warm = lagrangian.solve(problem, replace(EXACT, start=start_of(cold)))
    np.testing.assert_array_equal(warm.rate, cold.rate)
    np.testing.assert_array_equal(warm.line, cold.line)


def test_a_plan_is_held_against_the_bounds_of_each_enterprise() -> None:
    problem = random_problem(
        0, size=3, line_min=np.full(3, 2.0), line_max=np.full(3, 8.0), line_step=np.array([0.0, 2.0, 0.0])
    )
    rate, line = np.array([0, 1, -1]), np.array([5.0, 6.0, 0.0])
    assert obeys_bounds(problem, rate, line)
    assert not obeys_bounds(problem, rate, np.array([1.0, 6.0, 0.0]))
    assert not obeys_bounds(problem, rate, np.array([9.0, 6.0, 0.0]))
    assert not obeys_bounds(problem, rate, np.array([5.0, 5.0, 0.0]))
    assert not obeys_bounds(problem, rate, np.array([5.0, 6.0, 3.0]))
    assert not obeys_bounds(problem, np.array([0, 7, -1]), line)
    assert not obeys_bounds(problem.replaced(must_lend=np.array([False, False, True])), rate, line)


def test_where_the_objective_is_dust_the_relaxation_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a weight of 0 the least risk is worth 0, a constant less what it takes: D is never right to its own size."""
    problem = lendplan.load(SHIPPED).case.problem
    rounds = []
    solve = boxstep.best_mixture

    def counting(*arguments: Any) -> Any:
        rounds.append(1)
        return solve(*arguments)

    monkeypatch.setattr(boxstep, "best_mixture", counting)
    result = lagrangian.solve(problem.replaced(objective=Objective("weighted", 0.0, None)), Options())
    assert result.solution is SolutionStatus.OPTIMAL
    assert len(rounds) < 30
