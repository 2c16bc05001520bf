"""Both solvers against complete enumeration, over random books with every feature."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from books import (
    MEASURES_OF_ROWS,
    assert_plan_obeys,
    combinations,
    enumerate_best,
    group,
    halves,
    plan_of,
    random_book,
    random_problem,
    with_limits,
)

from lendplan.models import two_stage
from lendplan.models.measures import Economics, Objective, Ranges
from lendplan.models.problem import Problem, Row, broken_by
from lendplan.solvers.highs import solve as solve_by_highs
from lendplan.solvers.methods import Formulation, Method, solve
from lendplan.solvers.result import Options, Result, SolutionStatus, objective_scale

OPTIONS = Options(threads=1, time_limit=30)
both_methods = pytest.mark.parametrize("method", ["lagrangian", "highs"])


def assert_best(problem: Problem, method: Method) -> Result:
    """Solve, and compare with the enumeration: status, value, bound, and every row."""
    result = solve(problem, "joint", method, OPTIONS)
    solved = result.problem
    if solved.objective.kind == "weighted" and solved.objective.ranges is None:
        assert result.solution is SolutionStatus.INFEASIBLE
        solved = problem.replaced(objective=Objective("profit"))  # feasibility is the same
    best = enumerate_best(solved)
    if best is None:
        assert result.solution is SolutionStatus.INFEASIBLE
        assert result.conflict is not None
        assert result.conflict.changes
        return result
    assert result.solution is SolutionStatus.OPTIMAL
    scale = max(abs(best), objective_scale(solved))
    value = solved.value(plan_of(solved, result.rate, result.line))
    assert value == pytest.approx(best, abs=2e-6 * scale)
    assert result.bound is not None
    assert result.bound >= best - 1e-9 * scale
    assert result.bound >= value
    assert_plan_obeys(solved, result.rate, result.line)
    return result


@both_methods
@pytest.mark.parametrize("seed", range(160))
def test_random_books(seed: int, method: Method) -> None:
    assert_best(random_book(seed, size=4 if seed % 8 == 0 else 3), method)


def test_the_random_books_hold_every_feature() -> None:
    books = [random_book(seed) for seed in range(160)]
    rows = [row for book in books for row in book.limits]
    kinds = {(row.measure, row.sense, row.share is not None) for row in rows}
    for measure, sense in itertools.product(MEASURES_OF_ROWS, (1, -1)):
        shares = (False,) if measure == "average_rate" else (False, True)
        assert {(measure, sense, share) for share in shares} <= kinds
    assert {row.members is None for row in rows} == {True, False}
    assert {(book.objective.kind, book.budget_basis) for book in books} == set(
        itertools.product(("profit", "weighted"), ("line", "exposure"))
    )
    weights = {book.objective.revenue_weight for book in books if book.objective.kind == "weighted"}
    assert weights == {0.0, 0.3, 1.0}
    assert any(book.line_step.any() for book in books)
    assert any(book.must_lend.any() for book in books)
    assert any(book.first_rate.any() for book in books)
    economics = [book.economics for book in books]
    assert {terms.risk_basis for terms in economics} == {"line", "exposure"}
    assert {terms.interest_lost_on_default for terms in economics} == {True, False}
    assert {terms.utilisation for terms in economics} == {1.0, 0.7}
    assert len({terms.fixed_cost for terms in economics}) > 1
    infeasible = [
        s
        for s in range(160)
        if enumerate_best(random_book(s).replaced(objective=Objective("profit"))) is None
    ]
    assert len(infeasible) >= 5


@both_methods
@pytest.mark.parametrize("basis", ["line", "exposure"])
def test_a_share_of_the_budget(basis: str, method: Method) -> None:
    """`of: budget` is an amount by the time it is a row: 40 % of the budget."""
    problem = random_problem(11, 4, budget_basis=basis)
    row = Row("half", "line", 1, halves(problem), amount=0.4 * problem.budget, rule="half")
    assert_best(with_limits(problem, row), method)


@both_methods
def test_different_steps_and_none(method: Method) -> None:
    for seed in range(6):
        problem = random_problem(seed, 3, line_step=np.array([1.0, 0.0, 0.5]), budget=7.3)
        assert_best(with_limits(problem, Row("risk", "risk", 1, amount=0.12)), method)


@both_methods
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["profit", "weighted"])
@pytest.mark.parametrize(
    "change",
    [
        {"budget": 0.0},
        {"budget": 1e-9},
        {"budget": 1e12},
        {"budget": 0.0, "budget_basis": "exposure"},
        {"economics": Economics(funding_cost=0.5)},  # nothing earns: the plan is empty
        {"economics": Economics(fixed_cost=50.0)},
        {"economics": Economics(utilisation=0.0, fixed_cost=0.01)},
        {"default_probability": np.ones(3), "risk_weight": np.ones(3)},
        {"risk_weight": np.zeros(3)},
        {"line_min": np.full(3, 4.0), "line_max": np.full(3, 4.0)},
        {"line_min": np.full(3, 5.0), "line_max": np.full(3, 5.0), "line_step": np.full(3, 5.0)},
        {"line_min": np.zeros(3)},
        {"retention": np.zeros((3, 3))},
        {"retention": np.array([[1.0, 0.9, 0.0]] * 3)},
        {"retention": np.array([[1.0, 0.9, 0.0]] * 3), "budget_basis": "exposure"},
        {"first_rate": np.full(3, 2, np.int16), "last_rate": np.full(3, 2, np.int16)},
    ],
    ids=" ".join,
)
def test_degenerate_books(change: dict[str, Any], kind: str, seed: int, method: Method) -> None:
    objective = Objective("profit") if kind == "profit" else Objective("weighted", 0.6)
    assert_best(random_problem(seed, 3, objective=objective, **change), method)


@both_methods
@pytest.mark.parametrize("seed", range(10))
def test_a_single_enterprise(seed: int, method: Method) -> None:
    assert_best(random_book(500 + seed, size=1), method)


def test_nobody_eligible() -> None:
    ways: tuple[tuple[Formulation, Method], ...] = (
        ("joint", "lagrangian"),
        ("joint", "highs"),
        ("two_stage", "highs"),
    )
    for formulation, method in ways:
        result = solve(random_problem(1, 0), formulation, method, OPTIONS)
        assert result.solution is SolutionStatus.OPTIMAL
        assert result.rate is not None
        assert result.rate.shape == (0,)


@both_methods
def test_a_group_without_members(method: Method) -> None:
    problem = random_problem(1, 3)
    assert_best(with_limits(problem, Row("none", "line", 1, group(problem), amount=1.0)), method)
    assert_best(with_limits(problem, Row("none", "line", -1, group(problem), amount=1.0)), method)
    assert_best(with_limits(problem, Row("none", "line", -1, group(problem), share=0.1)), method)


# A least line of 0 -----------------------------------------------------------------------------------------------
# A line is 0 or real, so an offer of no line is no offer: it is no borrower, and it is not lending to whom one must.

LOSSES = Economics(funding_cost=0.5)


# Stopping ----------------------------------------------------------------------------------------------------------


@both_methods
@pytest.mark.parametrize("gap", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("seed", [29, 35, 3])
def test_proven_means_optimal_whatever_the_constant(seed: int, gap: float, method: Method) -> None:
    """The gap is one of the objective with its constant, which frozen, narrow ranges make large."""
    problem = random_book(seed, 12).replaced(must_lend=np.zeros(12, bool), limits=())
    best = solve(problem.replaced(objective=Objective("profit")), "joint", method, OPTIONS)
    totals = problem.totals(plan_of(problem, best.rate, best.line))
    narrow = Objective("weighted", 0.5, _narrow(totals["revenue"], totals["risk"]))
    result = solve(problem.replaced(objective=narrow), "joint", method, dataclasses.replace(OPTIONS, gap=gap))
    assert result.solution is SolutionStatus.OPTIMAL


def _narrow(revenue: float, risk: float) -> Ranges:
    return Ranges(revenue, revenue * 0.999, risk + 1e-3, risk)


# two_stage ---------------------------------------------------------------------------------------------------------


def best_score(problem: Problem, lines: np.ndarray) -> float | None:
    """Return the best total score over all combinations of rates, with the lines as stage 1 has them."""
    offers = two_stage.stage_two_offers(problem, lines)
    worth = two_stage.scores(problem, offers) + two_stage.LENDING_BONUS
    score = dict(zip(zip(offers.enterprise.tolist(), offers.rate.tolist(), strict=True), worth, strict=True))
    best: float | None = None
    for rate in combinations(problem):
        taken = [(i, k) for i, k in enumerate(rate.tolist()) if k >= 0]
        if any(pair not in score for pair in taken):
            continue
        choice = problem.choice(rate, lines)
        if all(broken_by(problem, choice, row) <= 1e-9 for row in problem.rows):
            value = float(sum(score[pair] for pair in taken))
            best = value if best is None else max(best, value)
    return best


@pytest.mark.parametrize("seed", [*range(60), 147, 337])
def test_two_stage(seed: int) -> None:
    problem = random_book(seed, size=4)
    result = solve_by_highs(problem, "two_stage", OPTIONS)
    lines = two_stage.stage_one_lines(problem)
    best = best_score(problem, lines)
    if best is None:
        assert result.solution is SolutionStatus.INFEASIBLE
        return
    assert result.solution is SolutionStatus.OPTIMAL
    assert result.rate is not None
    assert result.line is not None
    lent = result.rate >= 0
    np.testing.assert_array_equal(result.line, np.where(lent, lines, 0.0))
    assert_plan_obeys(result.problem, result.rate, result.line)
    offers = two_stage.stage_two_offers(problem, lines)
    worth = two_stage.scores(problem, offers) + two_stage.LENDING_BONUS
    taken = result.rate[offers.enterprise] == offers.rate
    assert float(worth[taken].sum()) == pytest.approx(best, abs=3e-6)


def test_two_stage_limit_on_a_group_that_got_no_line() -> None:
    """Only the safest is given a line; a limit asks for the riskiest: infeasible, not a failure."""
    problem = random_problem(1, 4, risk_index=np.array([0.01, 0.5, 0.6, 0.7]), budget=1.0)
    asked = with_limits(problem, Row("riskiest", "line", -1, group(problem, 3), amount=0.5))
    result = solve_by_highs(asked, "two_stage", OPTIONS)
    assert result.solution is SolutionStatus.INFEASIBLE
    assert result.conflict is not None


@pytest.mark.parametrize("size", [1, 2, 30])
@pytest.mark.parametrize("gap", [1e-6, 1e-3])
def test_two_stage_prefers_lending_to_declining_at_the_same_score(size: int, gap: float) -> None:
    problem = random_problem(2, size, objective=Objective("weighted", 0.0), budget=1e6)
    result = solve_by_highs(problem, "two_stage", dataclasses.replace(OPTIONS, gap=gap))
    assert result.rate is not None
    assert np.all(result.rate >= 0)
