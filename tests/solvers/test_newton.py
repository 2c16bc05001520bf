"""Prices of a large book by Newton's method: from a start that is near, and where there is no curvature at all."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from books import random_problem, with_limits

from lendplan.models.measures import Objective
from lendplan.models.problem import Members, Problem, Row
from lendplan.models.sums import BLOCK
from lendplan.solvers import boxstep, lagrangian
from lendplan.solvers.dual import SMALL, lowest
from lendplan.solvers.narrowed import Narrowed, narrowed
from lendplan.solvers.newton import _quadratic, newton
from lendplan.solvers.pricing import Lagrangian
from lendplan.solvers.result import Options, SolutionStatus
from lendplan.solvers.rowtable import Value

PROFIT = Value(1.0, -1.0)


def always() -> bool:
    return True


def everyone_of(problem: Problem) -> Members:
    return Members(np.zeros(problem.size, dtype=np.int32), 0)


def test_from_near_prices_it_reaches_the_least_bound() -> None:
    size = 6000
    problem = random_problem(4, size, 6, budget=1.5 * size)
    problem = with_limits(problem, Row("loss", "risk", 1, everyone_of(problem), amount=0.0075 * size))
    book = Lagrangian(problem)
    exact = lowest(book, PROFIT, Options(), left=lambda: 60.0, stage="")
    assert exact.exact
    assert (exact.at.prices != 0).all()
    found = newton(
        book, book, PROFIT, 1.1 * exact.at.prices, 0.1 * np.abs(exact.at.prices), enough_time=always
    )
    assert exact.at.bound <= found[0].bound <= exact.at.bound + 1e-5 * abs(exact.at.bound)
    assert found[0].bound < book.evaluate(1.1 * exact.at.prices, PROFIT).bound


@pytest.mark.filterwarnings("error")
def test_where_no_choice_that_a_row_counts_is_near_there_is_no_step() -> None:
    # Everybody is lent the one line there is, so only rates can change, and no row counts by rate.
    size = SMALL + 500
    line = np.full(size, 5.0)
    problem = random_problem(
        5, size, 6, line_min=line, line_max=line, must_lend=np.ones(size, bool), budget=6.0 * size
    )
    book = Lagrangian(problem)
    start = np.zeros(len(book.amount))
    found = newton(book, book, PROFIT, start, np.ones_like(start), enough_time=always)
    assert len(found) == 1
    relaxed = lowest(book, PROFIT, Options(), left=lambda: 60.0, stage="")
    assert relaxed.exact
    assert relaxed.at.bound == pytest.approx(found[0].bound, rel=1e-12)


def tight_book(size: int) -> Problem:
    """Return a book whose loss, groups and count bind."""
    draw = np.random.default_rng(size)
    half = draw.integers(0, 2, size).astype(np.int32)
    problem = random_problem(6, size, 6, budget=1.2 * size)
    return with_limits(
        problem,
        Row("loss", "risk", 1, everyone_of(problem), amount=0.0075 * size),
        Row("half", "line", 1, Members(half, 0), amount=0.55 * size),
        Row("reach", "count", -1, Members(half, 1), amount=0.2 * size),
    )


@pytest.mark.parametrize("kind", ["profit", "weighted"])
def test_a_very_large_book_is_left_before_the_last_digits(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ranges of `weighted` and the plan come from a narrowed book then; they are those of the exact optimum."""
    objective = Objective("profit") if kind == "profit" else Objective("weighted", 0.4)
    problem = tight_book(SMALL + 3000).replaced(objective=objective)
    options = Options(gap=1e-4)
    exact = lagrangian.solve(problem, options)
    rounds = boxstep.rounds_for
    monkeypatch.setattr(boxstep, "rounds_for", lambda size: 0 if size > SMALL else rounds(size))
    asked: list[str] = []

    def spied(*arguments: Any, **settings: Any) -> Narrowed | None:
        asked.append(settings["stage"])
        return narrowed(*arguments, **settings)

    monkeypatch.setattr(lagrangian, "narrowed", spied)
    early = lagrangian.solve(problem, options)
    assert early.solution is SolutionStatus.OPTIMAL
    assert early.bound is not None
    assert exact.bound is not None
    assert early.bound >= exact.bound - 1e-9 * abs(exact.bound)
    ours, theirs = early.problem.objective.ranges, exact.problem.objective.ranges
    assert (len(asked), ours is None) == ((2, False) if kind == "weighted" else (0, True))
    if ours is not None and theirs is not None:
        assert astuple(ours) == pytest.approx(astuple(theirs), rel=1e-6)


def test_a_narrowed_book_has_a_bound_near_to_the_whole_ones() -> None:
    problem = tight_book(6000)
    book = Lagrangian(problem)
    exact = lowest(book, PROFIT, Options(), left=lambda: 60.0, stage="")
    found = narrowed(book, exact.at, PROFIT, Options(), loss=0.0, left=lambda: 60.0, stage="")
    assert found is not None
    assert 300 <= found.book.size < 6000
    assert found.bound(PROFIT) == pytest.approx(exact.at.bound, rel=1e-9)
    # The others' plan and the mixture of those few meet every row.
    assert found.relaxed.exact
    assert found.revenue + found.relaxed.revenue == pytest.approx(exact.revenue, rel=1e-6)


@pytest.mark.parametrize("seed", range(30))
def test_the_quadratic_model_has_its_minimum_where_no_direction_descends(seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = int(draw.integers(1, 14))
    wide = draw.normal(size=(rows, rows + 2)) * 10.0 ** draw.uniform(-2, 0, (rows, 1))
    hessian = wide @ wide.T + 1e-8 * np.eye(rows)
    gradient = draw.normal(size=rows)
    lower, upper = -draw.uniform(0, 3, rows), draw.uniform(0, 3, rows)
    found = _quadratic(gradient, hessian, lower, upper)
    slope = gradient + hessian @ found
    assert np.all((lower <= found) & (found <= upper))
    assert np.all((slope >= -1e-7) | (found >= upper))
    assert np.all((slope <= 1e-7) | (found <= lower))


def test_a_limit_whose_members_can_change_their_rate_alone_has_its_size() -> None:
    """Three that must be lent one line: no change counts, and what others use of the row is rounding."""
    size = BLOCK + 2000
    where = np.array([5, BLOCK + 100, BLOCK + 101])
    problem = random_problem(1, size, 6)
    low, high, must, curve = (
        getattr(problem, name).copy() for name in ("line_min", "line_max", "must_lend", "curve")
    )
    draws = (np.random.default_rng(seed).uniform(1e-4, 9e-4, 3) for seed in range(99))
    low[where] = high[where] = next(v for v in draws if (v[0] + v[1]) + v[2] != v[0] + (v[1] + v[2]))
    must[where], curve[where] = True, 0
    codes = np.full(size, -1, dtype=np.int32)
    codes[where] = 0
    problem = problem.replaced(line_min=low, line_max=high, must_lend=must, curve=curve, budget=0.3 * size)
    problem = with_limits(problem, Row("small", "line", 1, Members(codes, 0), amount=1e4))
    found = lagrangian.solve(problem, Options(gap=1e-5))
    assert found.solution is SolutionStatus.OPTIMAL


def test_nobody_is_close_where_nobody_is() -> None:
    positions, close = Lagrangian(random_problem(1, 0)).closer(np.array([0.5]), PROFIT, 3)
    assert positions.shape == close.shape == (0,)
