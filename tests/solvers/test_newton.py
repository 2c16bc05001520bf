"""Prices of a large book by Newton's method: from a start that is near, and where there is no curvature at all."""

from __future__ import annotations

import numpy as np
import pytest
from books import random_problem, with_limits

from lendplan.models.problem import Members, Problem, Row
from lendplan.solvers.dual import SMALL, lowest
from lendplan.solvers.newton import newton
from lendplan.solvers.pricing import Lagrangian
from lendplan.solvers.result import Options
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
