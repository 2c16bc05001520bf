"""Books at the edge: limits exactly at a rate of the grid, budgets that leave one choice, equal enterprises, dust."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
from books import enumerate_best, halves, random_problem, with_limits

from lendplan.models.measures import Economics, Objective
from lendplan.models.problem import Row
from lendplan.solvers import engine, lagrangian
from lendplan.solvers.dual import SMALL
from lendplan.solvers.relaxation import payoff_ranges, widest
from lendplan.solvers.result import Options, SolutionStatus

WEIGHTED = Objective("weighted", 0.5)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("place", [0, 1])
def test_an_average_rate_limit_at_a_rate_of_the_grid(seed: int, place: int) -> None:
    # At that rate interest and limit cancel but for rounding, which must not become a unit of price.
    problem = random_problem(seed, 4, 3, objective=WEIGHTED)
    rate = float(problem.rates[place])
    problem = with_limits(
        problem,
        Row("rate", "average_rate", 1, rate=rate),
        Row("half", "average_rate", 1, members=halves(problem), rate=rate),
    )
    found = lagrangian.solve(problem, Options(gap=1e-9))
    assert found.solution is SolutionStatus.OPTIMAL
    reference, _ = payoff_ranges(problem, Options(), seconds=60.0)
    assert reference is not None
    ranges = found.problem.objective.ranges
    assert ranges is not None
    for name, wanted in dataclasses.asdict(reference).items():
        assert getattr(ranges, name) == pytest.approx(wanted, rel=1e-7, abs=1e-9)
    assert found.rate is not None
    assert found.line is not None
    best = enumerate_best(found.problem)
    assert best is not None
    value = found.problem.value(found.problem.choice(found.rate, found.line))
    assert value == pytest.approx(best, rel=1e-7, abs=1e-9)


def test_a_budget_that_leaves_one_choice_of_lines_has_a_true_bound() -> None:
    size = SMALL + 808
    line = np.random.default_rng(1).integers(20, 100, size).astype(float)
    problem = random_problem(
        1,
        size,
        6,
        line_min=line,
        line_max=line,
        must_lend=np.ones(size, bool),
        budget=float(line.sum()),
        objective=WEIGHTED,
        economics=Economics(funding_cost=0.02),
    )
    found = lagrangian.solve(problem, Options(gap=1e-6, time_limit=60.0))
    assert found.solution is SolutionStatus.OPTIMAL


def test_thousands_of_equal_enterprises_are_solved_in_time() -> None:
    size = SMALL + 100
    kind = np.random.default_rng(2).integers(0, 3, size)
    problem = random_problem(
        2,
        size,
        6,
        curve=kind.astype(np.int16),
        line_min=np.full(size, 10.0),
        line_max=np.array([50.0, 100.0, 70.0])[kind],
        default_probability=np.array([0.01, 0.02, 0.05])[kind],
        risk_weight=np.array([0.005, 0.01, 0.025])[kind],
        budget=20.0 * size,
        objective=WEIGHTED,
    )
    problem = with_limits(
        problem, Row("loss", "risk", 1, amount=0.05 * size), Row("reach", "count", -1, amount=0.2 * size)
    )
    started = time.monotonic()
    found = lagrangian.solve(problem, Options(gap=1e-6, time_limit=20.0))
    assert time.monotonic() - started < 20.0 + 15.0
    assert found.solution in (SolutionStatus.OPTIMAL, SolutionStatus.FEASIBLE)


def test_a_range_of_dust_is_a_range_of_zero() -> None:
    assert widest(3.6e-15, -1e-15, 100.0) == (0.0, 0.0)
    assert widest(5.0, 5.0 - 1e-10, 100.0) == (5.0, 5.0)
    assert widest(5.0, 4.0, 100.0) == (5.0, 4.0)


class Callback:
    def __iadd__(self, _: Any) -> Callback:
        return self


class NeverEnding:
    """A solver that heeds no time limit."""

    def __init__(self) -> None:
        self.cbMipInterrupt = self.cbSimplexInterrupt = self.cbIpmInterrupt = Callback()

    def run(self) -> None:
        time.sleep(5.0)


def test_a_run_that_does_not_end_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_OVERTIME", 0.1)
    started = time.monotonic()
    assert engine._run_watched(NeverEnding(), Options(), "stage", 1.0, 0.1) is None
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize(("objective", "share"), [(Objective("profit", 0.5), 0.3), (WEIGHTED, 0.02)])
def test_a_large_book_that_nothing_can_meet_is_recognised_and_explained(
    objective: Objective, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dual has no end: whatever the cutting planes make of that, the answer is a proof, and names the two.

    Those that must be lent to lose, at their least lines and lowest rates, more than the limit on the loss allows.
    """
    monkeypatch.setattr("lendplan.solvers.conflict._MANY", 1000)
    size = SMALL + 200
    must = np.random.default_rng(3).random(size) < share
    problem = random_problem(5, size, 6, objective=objective, must_lend=must)
    least = problem.measures["risk"]
    rate = problem.last_rate.astype(np.int64)
    per_line, _ = problem.coefficients(least, np.arange(size), rate)
    loss = float(np.sum((per_line * problem.line_min)[must]))
    assert loss > 0
    problem = with_limits(
        problem,
        Row("loss budget", "risk", 1, amount=0.05 * loss),
        Row("reach", "count", -1, amount=10.0),
        Row("half", "line", 1, members=halves(problem), share=0.9),
    )
    found = lagrangian.solve(problem, Options(gap=1e-4, time_limit=60.0))
    assert found.solution is SolutionStatus.INFEASIBLE
    assert found.conflict is not None
    assert {change.name for change in found.conflict.changes} == {"loss budget", "must"}
    assert found.conflict.needed_proven
