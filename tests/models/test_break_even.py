"""Break-evens: by hand, and by moving the risk weight, or the rate, to either side of them."""

from __future__ import annotations

import numpy as np
import pytest
from books import random_book, random_problem

from lendplan.models.break_even import risk_turns
from lendplan.models.measures import Economics, Floats, Objective
from lendplan.models.priced import PricedEnterprise, only
from lendplan.models.problem import Problem
from lendplan.models.rate_turns import rate_turns
from lendplan.solvers.relaxation import payoff_ranges, shadow_prices
from lendplan.solvers.result import Options

OPTIONS = Options(threads=1)


def priced(seed: int) -> tuple[Problem, dict[str, float]] | None:
    problem = random_book(5000 + seed, size=7, rates=6)
    if problem.objective.kind == "weighted":
        ranges, _ = payoff_ranges(problem, OPTIONS, seconds=10)
        if ranges is None:
            return None
        problem = problem.with_ranges(ranges)
    prices, _, outcome = shadow_prices(problem, OPTIONS, seconds=10)
    return None if outcome.infeasible else (problem, prices)


def best_by_hand(problem: Problem, prices: dict[str, float]) -> tuple[float, float]:
    """The net worth of the best loan of the only enterprise, and its rate, rate by rate and row by row."""
    found = []
    for k in range(int(problem.first_rate[0]), int(problem.last_rate[0]) + 1):
        for line in (problem.line_min[0], problem.line_max[0]):
            choice = problem.choice(np.array([k]), np.array([line]))
            net = float(choice.total(problem.value_form)[0])
            for row in problem.rows:
                net -= prices[row.name] * float(choice.total(problem.row_form(row))[0])
            found.append((net, float(problem.rates[k])))
    return max(found, key=lambda one: one[0])


def at_risk_weight(problem: Problem, risk_weight: float) -> Problem:
    return problem.replaced(risk_weight=np.array([risk_weight]))


@pytest.mark.parametrize("seed", range(40))
def test_the_decision_turns_at_the_risk_weight_that_is_named(seed: int) -> None:
    found = priced(seed)
    if found is None:
        return
    problem, prices = found
    for i in range(problem.size):
        alone = only(problem, i)
        turns = risk_turns(PricedEnterprise(alone, prices))

        def lends(risk_weight: float, mine: Problem = alone) -> bool:
            return best_by_hand(at_risk_weight(mine, risk_weight), prices)[0] >= 0

        for probe in (0.0, 0.01, 0.05, 0.2, 1.0):
            assert (
                turns.lends(probe) == lends(probe)
                or abs(best_by_hand(at_risk_weight(alone, probe), prices)[0]) < 1e-9
            )
        if turns.lends_up_to is not None and turns.lends_up_to > 1e-6:
            assert lends(turns.lends_up_to * (1 - 1e-6))
            assert not lends(turns.lends_up_to * (1 + 1e-6))
        if turns.lends_from is not None:
            assert lends(turns.lends_from * (1 + 1e-6))
            assert not lends(turns.lends_from * (1 - 1e-6))


@pytest.mark.parametrize("seed", range(40))
def test_the_rate_turns_at_the_risk_weight_that_is_named(seed: int) -> None:
    found = priced(seed)
    if found is None:
        return
    problem, prices = found
    for i in range(problem.size):
        alone = only(problem, i)
        now = float(alone.risk_weight[0])
        _, rate = best_by_hand(alone, prices)
        turns = risk_turns(PricedEnterprise(alone, prices))
        for turn in (turns.below, turns.above):
            if turn is None or abs(turn.risk_weight - now) < 1e-9:
                continue
            away = 1e-6 * (turn.risk_weight - now)
            assert best_by_hand(at_risk_weight(alone, turn.risk_weight - away), prices)[1] == rate
            assert best_by_hand(at_risk_weight(alone, turn.risk_weight + away), prices)[1] != rate


def by_hand() -> Problem:
    """One enterprise: all stay at 5 %, 80 % at 10 %, 40 % at 15 %; lines 10 to 100; risk weight 2 %."""
    return random_problem(1, 1, 3).replaced(
        rates=np.array([0.05, 0.10, 0.15]),
        retention=np.array([[1.0, 0.8, 0.4]]),
        curve=np.zeros(1, np.int16),
        line_min=np.array([10.0]),
        line_max=np.array([100.0]),
        risk_weight=np.array([0.02]),
        economics=Economics(),
        objective=Objective("profit"),
    )


def test_by_hand() -> None:
    """At a price of 0.04: 5 % nets .05 − ρ − .04, 10 % .8(.1 − ρ) − .04, 15 % .4(.15 − ρ) − .04.

    Lending pays up to ρ = .05 (at 10 % and at 15 %); 15 % overtakes 10 % there, and 5 % is overtaken at −.15.
    """
    turns = risk_turns(PricedEnterprise(by_hand(), {"budget": 0.04}))
    assert turns.lends_up_to == pytest.approx(0.05)
    assert turns.above is None or turns.above.risk_weight == pytest.approx(0.05)
    assert turns.below is None
    assert not turns.always


def test_rates_by_hand() -> None:
    """Up to 10 % retention is 1.2 − 4r: (1.2 − 4r)(r − .02) = .04 at r = (1.28 − √.6144) / 8; at 15 % .052 is left."""
    knots = np.array([0.05, 0.10, 0.15])
    turns = rate_turns(PricedEnterprise(by_hand(), {"budget": 0.04}), knots, np.array([1.0, 0.8, 0.4]))
    ((low, high),) = turns.lends
    assert low == pytest.approx((1.28 - 0.6144**0.5) / 8, abs=1e-15)
    assert high == 0.15
    assert turns.best == 0.10
    assert turns.needed == pytest.approx(0.02 + 0.04 / 0.8)


@pytest.mark.parametrize("seed", range(20))
def test_rates_that_pay_are_those_at_which_a_loan_is_worth_its_price(seed: int) -> None:
    found = priced(seed)
    if found is None:
        return
    problem, prices = found

    def net_at(mine: Problem, rate: float, curve: Floats) -> float:
        single = mine.replaced(
            rates=np.array([rate]),
            retention=np.array([[np.interp(rate, problem.rates, curve)]]),
            curve=np.zeros(1, np.int16),
            first_rate=np.zeros(1, np.int16),
            last_rate=np.zeros(1, np.int16),
        )
        return best_by_hand(single, prices)[0]

    for i in range(problem.size):
        alone = only(problem, i)
        curve = problem.retention[int(problem.curve[i])]
        turns = rate_turns(PricedEnterprise(alone, prices), problem.rates, curve)
        low, high = problem.rates[alone.first_rate[0]], problem.rates[alone.last_rate[0]]
        for rate in np.linspace(low, high, 37):
            inside = any(a <= rate <= b for a, b in turns.lends)
            net = net_at(alone, float(rate), curve)
            assert inside == (net >= 0) or abs(net) < 1e-6


def test_a_line_of_nothing_is_no_loan() -> None:
    one = PricedEnterprise(by_hand().replaced(line_min=np.zeros(1)), {"budget": 1.0})
    assert list(one.choices.line) == [100.0] * 3
    assert one.choices.net.max() < 0
