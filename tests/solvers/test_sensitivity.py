"""The range in which a price holds: by hand, and by solving again just inside and just outside of its ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from books import group, random_book, random_problem, with_limits

from lendplan.models.measures import Economics, Objective
from lendplan.models.problem import Problem, Row
from lendplan.solvers.relaxation import payoff_ranges, shadow_prices
from lendplan.solvers.result import Options
from lendplan.solvers.sensitivity import find_ties, price_ranges

OPTIONS = Options(threads=1)


def moved(problem: Problem, position: int, by: float) -> Problem:
    """The problem with one more unit on a row's right side, whatever the row states."""
    if position == 0:
        return problem.replaced(budget=problem.budget + by)
    limits = list(problem.limits)
    limits[position - 1] = replace(limits[position - 1], amount=limits[position - 1].amount + by)
    return problem.replaced(limits=tuple(limits))


def priced(problem: Problem) -> tuple[Problem, dict[str, float], float] | None:
    if problem.objective.kind == "weighted":
        ranges, _ = payoff_ranges(problem, OPTIONS, seconds=10)
        if ranges is None:
            return None
        problem = problem.with_ranges(ranges)
    prices, bound, outcome = shadow_prices(problem, OPTIONS, seconds=10)
    return None if outcome.infeasible else (problem, prices, bound)


def loss_of_price(problem: Problem, position: int, price: float, bound: float, by: float) -> float:
    """By how much the relaxation falls short of what the price promises: 0 as long as the price holds."""
    _, value, outcome = shadow_prices(moved(problem, position, by), OPTIONS, seconds=10)
    return np.inf if outcome.infeasible else bound + price * by - value


@pytest.mark.parametrize("seed", range(50))
def test_prices_hold_inside_their_range_and_not_outside(seed: int) -> None:
    found = priced(random_book(3000 + seed, size=8, rates=6))
    if found is None:
        return
    problem, prices, bound = found
    ranges = price_ranges(problem, prices, OPTIONS)
    assert list(ranges) == [row.name for row in problem.rows]
    for position, row in enumerate(problem.rows):
        size = max(1e-3, abs(row.amount), problem.budget)
        dust = 1e-8 * (1 + abs(bound) + abs(prices[row.name]) * size)
        for end, direction in zip(ranges[row.name], (-1, 1), strict=True):
            if np.isinf(end):
                assert prices[row.name] == 0.0
                assert loss_of_price(problem, position, 0.0, bound, direction * size) <= dust
                continue
            by = end - row.amount
            assert direction * by >= 0
            assert loss_of_price(problem, position, prices[row.name], bound, by * (1 - 1e-7)) <= dust
            beyond = loss_of_price(problem, position, prices[row.name], bound, by + direction * 0.01 * size)
            assert beyond > dust


def by_hand() -> Problem:
    """One rate, 10 %; E00 earns 9 % a unit of line up to 10, E01 8 % up to 20, E02 5 % up to 30. Budget 15."""
    return random_problem(1, 3, 3).replaced(
        rates=np.array([0.1]),
        retention=np.ones((1, 1)),
        curve=np.zeros(3, np.int16),
        last_rate=np.zeros(3, np.int16),
        line_min=np.ones(3),
        line_max=np.array([10.0, 20.0, 30.0]),
        risk_weight=np.array([0.01, 0.02, 0.05]),
        economics=Economics(),
        budget=15.0,
        objective=Objective("profit"),
    )


def test_by_hand() -> None:
    """E01 is at the margin: from a budget of 10, where it begins, to 30, where it ends, a unit is worth 0.08."""
    problem = by_hand()
    ranges = price_ranges(problem, {"budget": 0.08}, OPTIONS)
    assert ranges == {"budget": pytest.approx((10.0, 30.0))}


def test_a_row_with_room_holds_from_its_level_to_infinity() -> None:
    problem = with_limits(
        by_hand(),
        Row("at most", "line", 1, group(by_hand(), 0, 1), amount=40.0),
        Row("at least", "count", -1, amount=1.0),
    )
    ranges = price_ranges(problem, {"budget": 0.08, "at most": 0.0, "at least": 0.0}, OPTIONS)
    assert ranges["at most"] == (pytest.approx(15.0), np.inf)
    # E00 counts 1, and E01, which has 5, counts as much as 1 where its least and its largest line are mixed.
    assert ranges["at least"] == (-np.inf, pytest.approx(2.0))


def test_at_a_corner_the_range_is_on_the_side_of_the_price() -> None:
    problem = by_hand().replaced(budget=30.0)
    assert price_ranges(problem, {"budget": 0.08}, OPTIONS) == {"budget": pytest.approx((10.0, 30.0))}
    assert price_ranges(problem, {"budget": 0.05}, OPTIONS) == {"budget": pytest.approx((30.0, 60.0))}
    assert price_ranges(problem, {"budget": 0.06}, OPTIONS) == {"budget": pytest.approx((30.0, 30.0))}


def test_prices_that_are_no_optimum_have_no_range() -> None:
    assert price_ranges(by_hand(), {"budget": 0.06}, OPTIONS) == {}


def test_out_of_time_the_rows_that_were_not_reached_are_left_out() -> None:
    assert price_ranges(by_hand(), {"budget": 0.08}, OPTIONS, seconds=0.0) == {}


def test_ties_are_the_enterprises_at_the_margin() -> None:
    ties = find_ties(by_hand(), {"budget": 0.08})
    assert list(ties.may_decline) == [True]
    assert sorted(ties.used[0]) == [1.0, 20.0]  # E01's least and largest line
    assert ties.settled[0] == 10.0


def test_nobody() -> None:
    problem = random_problem(1, 0, 3)
    assert price_ranges(problem, {"budget": 0.0}, OPTIONS) == {"budget": (0.0, np.inf)}
