"""The continuous relaxation: the same as that of ``joint``, its ranges by hand, its prices by what they promise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from books import group, random_book, random_problem, with_limits

from lendplan.models import joint
from lendplan.models.dominance import all_offers
from lendplan.models.measures import Economics, Objective, Ranges
from lendplan.models.problem import Problem, Row
from lendplan.solvers.engine import run
from lendplan.solvers.relaxation import payoff_ranges, shadow_prices
from lendplan.solvers.result import Options
from lendplan.solvers.standard_form import compile_model

OPTIONS = Options(threads=1)


def relaxed_optimum(problem: Problem) -> float | None:
    """The LP relaxation of the Pyomo model, with every rate in it."""
    model = compile_model(joint.build(problem, all_offers(problem))).model.relaxed()
    outcome = run(model, OPTIONS, seconds=20, stage="test")
    return None if outcome.infeasible else outcome.objective + problem.scalarisation.constant


def with_frozen_ranges(problem: Problem) -> Problem | None:
    if problem.objective.kind == "profit":
        return problem
    ranges, _ = payoff_ranges(problem, OPTIONS, seconds=20)
    return None if ranges is None else problem.with_ranges(ranges)


def book(seed: int) -> Problem:
    """Books without steps: for these the relaxation with whole lines is the same, which is tested apart."""
    return random_book(2000 + seed, size=7, rates=6)


@pytest.mark.parametrize("seed", range(60))
def test_same_as_the_relaxation_of_joint(seed: int) -> None:
    problem = with_frozen_ranges(book(seed))
    if problem is None:
        assert relaxed_optimum(book(seed).replaced(objective=Objective("profit"))) is None
        return
    _, bound, outcome = shadow_prices(problem, OPTIONS, seconds=20)
    theirs = relaxed_optimum(problem)
    if theirs is None:
        assert outcome.infeasible
    else:
        assert bound == pytest.approx(theirs, rel=1e-7, abs=1e-9)


def test_ranges_by_hand() -> None:
    """A: lines to 10 at 10 %, risk weight 0.05; B: lines to 10 at 10 %, risk weight 0.02; all stay; budget 12.

    Most revenue: 12 · 0.1 = 1.2, with as little risk as may be: B 10, A 2, so 0.1 + 0.2 = 0.3. Least risk: nothing.
    """
    problem = random_problem(1, 2, 3).replaced(
        rates=np.array([0.1]),
        retention=np.ones((1, 1)),
        curve=np.zeros(2, np.int16),
        last_rate=np.zeros(2, np.int16),
        line_min=np.ones(2),
        line_max=np.full(2, 10.0),
        risk_weight=np.array([0.05, 0.02]),
        economics=Economics(),
        budget=12.0,
        objective=Objective("weighted", 0.5),
    )
    ranges, _ = payoff_ranges(problem, OPTIONS, seconds=10)
    assert ranges is not None
    assert dataclasses.astuple(ranges) == pytest.approx((1.2, 0.0, 0.3, 0.0), abs=1e-12)
    # At least 5 lent: the least risk is 5 at B, 0.1, which earns 0.5.
    least = with_limits(problem, Row("lend", "line", -1, amount=5.0))
    ranges, _ = payoff_ranges(least, OPTIONS, seconds=10)
    assert ranges is not None
    assert dataclasses.astuple(ranges) == pytest.approx((1.2, 0.5, 0.3, 0.1), abs=1e-12)
    # A least line of 8 mixes: half an offer of 8 counts as 4, so the ranges do not change.
    ranges, _ = payoff_ranges(least.replaced(line_min=np.full(2, 8.0)), OPTIONS, seconds=10)
    assert ranges is not None
    assert dataclasses.astuple(ranges) == pytest.approx((1.2, 0.5, 0.3, 0.1), abs=1e-12)


def test_ranges_of_zero() -> None:
    """A budget of zero, or one plan only: nothing is divided by dust."""
    for problem in (
        random_problem(1, 4, budget=0.0),
        random_problem(
            1, 4, 3, budget=1e3, must_lend=np.ones(4, bool), line_min=np.full(4, 3.1), line_max=np.full(4, 3.1),
            last_rate=np.zeros(4, np.int16),
        ),
    ):  # fmt: skip
        ranges, _ = payoff_ranges(problem, OPTIONS, seconds=10)
        assert ranges is not None
        assert ranges.revenue_max == ranges.revenue_min
        assert ranges.risk_max == ranges.risk_min


def test_ranges_are_ordered() -> None:
    for seed in range(30):
        ranges, outcome = payoff_ranges(book(seed), OPTIONS, seconds=10)
        if ranges is None:
            assert outcome.infeasible
        else:
            assert ranges.revenue_max >= ranges.revenue_min
            assert ranges.risk_max >= ranges.risk_min


def moved(problem: Problem, position: int, by: float) -> Problem:
    """Return the problem with the right side of one row moved; a share's or a rate's constant is moved too."""
    if position == 0:
        return problem.replaced(budget=problem.budget + by)
    limits = list(problem.limits)
    limits[position - 1] = dataclasses.replace(limits[position - 1], amount=limits[position - 1].amount + by)
    return problem.replaced(limits=tuple(limits))


@pytest.mark.parametrize("seed", range(25))
def test_prices_by_finite_difference(seed: int) -> None:
    problem = with_frozen_ranges(book(seed))
    if problem is None:
        return
    prices, bound, outcome = shadow_prices(problem, OPTIONS, seconds=10)
    if outcome.infeasible:
        assert prices == {}
        return
    assert set(prices) == {row.name for row in problem.rows}
    step = 1e-5
    for position, row in enumerate(problem.rows):
        price = prices[row.name]
        assert price * row.sense >= 0
        values = []
        for by in (-step, step):
            _, value, other = shadow_prices(moved(problem, position, by), OPTIONS, seconds=10)
            values.append(None if other.infeasible else value)
        below, above = values
        tolerance = 1e-6 * (1 + abs(price))
        # The value is concave in the right side: the price lies between the slopes to the right and to the left.
        if above is not None:
            assert price >= (above - bound) / step - tolerance
        if below is not None:
            assert price <= (bound - below) / step + tolerance


def dual_bound(problem: Problem, prices: dict[str, float]) -> float:
    """D(λ), naively: each enterprise by itself takes its best of nothing, least and largest line at each rate."""
    total = sum(prices[row.name] * row.amount for row in problem.rows) + problem.scalarisation.constant
    for i in range(problem.size):
        best = -np.inf if problem.must_lend[i] else 0.0
        for k in range(int(problem.first_rate[i]), int(problem.last_rate[i]) + 1):
            at = np.array([i]), np.array([k])
            line, offer = (part[0] for part in problem.coefficients(problem.value_form, *at))
            for row in problem.rows:
                per_line, per_offer = problem.coefficients(problem.row_form(row), *at)
                line -= prices[row.name] * per_line[0]
                offer -= prices[row.name] * per_offer[0]
            best = max(best, *(line * size + offer for size in (problem.line_min[i], problem.line_max[i])))
        total += best
    return float(total)


@pytest.mark.parametrize("seed", range(60))
def test_strong_duality(seed: int) -> None:
    problem = with_frozen_ranges(book(seed))
    if problem is None:
        return
    prices, bound, outcome = shadow_prices(problem, OPTIONS, seconds=10)
    if not outcome.infeasible:
        assert dual_bound(problem, prices) == pytest.approx(bound, rel=1e-7, abs=1e-8)


def test_a_price_by_hand() -> None:
    """One more yuan of budget goes to the best enterprise that is not yet at its largest line."""
    problem = random_problem(4, 3, budget=1e-3, economics=Economics())
    per_line, _ = problem.coefficients(problem.value_form, *(a.ravel() for a in np.indices((3, 3))))
    prices, _, _ = shadow_prices(problem, OPTIONS, seconds=10)
    assert prices == pytest.approx({"budget": per_line.max()})
    prices, _, _ = shadow_prices(problem.replaced(budget=1e9), OPTIONS, seconds=10)
    assert prices == {"budget": 0.0}


def test_prices_of_a_weighted_objective_without_ranges_left() -> None:
    """Ranges of zero leave an objective of zero: prices are zero, not NaN."""
    problem = random_problem(4, 3, objective=Objective("weighted", 0.5, Ranges(1.0, 1.0, 1.0, 1.0)))
    prices, bound, _ = shadow_prices(
        with_limits(problem, Row("x", "line", 1, group(problem, 0), amount=1.0)), OPTIONS, seconds=10
    )
    assert prices == {"budget": 0.0, "x": 0.0}
    assert bound == 0.0
