"""Where limits cut a single line: the decision turns where it is said to, at the lines that can be had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from books import random_book, random_problem

from lendplan.models.break_even import risk_turns
from lendplan.models.ceilings import Ceiling
from lendplan.models.measures import Economics, Floats, Objective, Ranges
from lendplan.models.priced import PricedEnterprise, only
from lendplan.models.problem import Problem, Row
from lendplan.models.rate_turns import rate_turns

CAPS = ("line", "exposure", "interest", "risk", "count")


def drawn(seed: int) -> tuple[Problem, dict[str, float]]:
    """One enterprise under tight rows, at prices of the right signs that nobody has optimised."""
    draw = np.random.default_rng(seed)
    book = random_book(seed, size=5, rates=6)
    if book.objective.kind == "weighted":
        book = book.with_ranges(Ranges(1.0, 0.0, 0.5, 0.0))
    rows = [
        replace(row, amount=row.amount * float(draw.uniform(0.05, 0.6)))
        for row in book.limits
        if row.measure != "count"
    ]
    typical = float(np.mean(book.risk_weight)) * float(draw.uniform(0.5, 6.0))
    rows += [Row("losses", "risk", 1, amount=typical)] if draw.random() < 0.6 else []
    rows += [Row("loans", "count", -1, amount=1.0)] if draw.random() < 0.3 else []
    rows += [Row("risky", "risk", -1, amount=typical)] if draw.random() < 0.2 else []
    budget = float(draw.uniform(1.0, 8.0))
    step = float(draw.choice([0.0, 0.0, 0.25, 1.0]))
    book = book.replaced(limits=tuple(rows), budget=budget, line_step=np.full(5, step))
    one = only(book, int(draw.integers(0, 5)))
    if step == 0.0 and draw.random() < 0.3:
        one = one.replaced(line_min=np.zeros(1))
    scale = 0.05 if one.objective.kind == "profit" else 1.0
    prices = {row.name: row.sense * scale * float(draw.choice([0.0, draw.random()])) for row in one.rows}
    if "risky" in prices:
        prices["risky"] = -float(draw.uniform(1.0, 5.0)) - prices["budget"]
    return one, prices


def net(problem: Problem, prices: dict[str, float], rate: int, line: float) -> float:
    choice = problem.choice(np.array([rate]), np.array([line]))
    worth = float(choice.total(problem.value_form)[0])
    return worth - sum(
        prices[row.name] * float(choice.total(problem.row_form(row))[0]) for row in problem.rows
    )


def largest(problem: Problem, rate: int) -> float:
    """The largest line at a rate that no row forbids by itself; 0 where none is left."""
    found = float(problem.line_max[0])
    for row in problem.rows:
        if row.sense == 1 and row.share is None and row.measure in CAPS:
            form = problem.row_form(row)
            of_loan = float(problem.choice(np.array([rate]), np.zeros(1)).total(form)[0])
            per_line = float(problem.choice(np.array([rate]), np.ones(1)).total(form)[0]) - of_loan
            if of_loan > row.amount:
                return 0.0
            if per_line > 0:
                found = min(found, (row.amount - of_loan) / per_line)
    step = float(problem.line_step[0])
    found = np.floor(found / step + 1e-9) * step if step > 0 else found
    return found if found >= problem.line_min[0] else 0.0


def best(problem: Problem, prices: dict[str, float], risk_weight: float | None = None) -> float:
    """What the best loan that can be had is worth at the prices; −inf where there is none."""
    if risk_weight is not None:
        problem = problem.replaced(risk_weight=np.array([risk_weight]))
    found = [-np.inf]
    for rate in range(int(problem.first_rate[0]), int(problem.last_rate[0]) + 1):
        most = largest(problem, rate)
        lines = {line for line in (most, float(problem.line_min[0])) if 0 < line <= most}
        found += [net(problem, prices, rate, line) for line in lines]
    return max(found)


@pytest.mark.parametrize("seed", range(120))
def test_the_decision_turns_where_it_is_said_to(seed: int) -> None:
    problem, prices = drawn(seed)
    one = PricedEnterprise(problem, prices)
    turns = risk_turns(one, Ceiling(one))
    for end, below in ((turns.lends_up_to, True), (turns.lends_from, False), (turns.lends_until, True)):
        if end is not None and end > 1e-6:
            assert (best(problem, prices, end * (1 - 1e-6)) >= 0) == below
            assert (best(problem, prices, end * (1 + 1e-6)) < 0) == below
    for probe in (*np.linspace(0.0, 0.3, 31), 1.0, 5.0):
        worth = best(problem, prices, float(probe))
        assert turns.lends(float(probe)) == (worth >= 0) or abs(worth) < 1e-9


def test_the_seeds_hold_every_kind() -> None:
    seen = []
    for seed in range(120):
        problem, prices = drawn(seed)
        one = PricedEnterprise(problem, prices)
        turns, free = risk_turns(one, Ceiling(one)), risk_turns(one)
        kinds = (turns.lends_up_to, turns.lends_from, turns.lends_until)
        seen.append(
            (*(one is not None for one in kinds), turns.always, turns.lends_up_to != free.lends_up_to)
        )
    counts = np.sum(seen, axis=0)
    assert (counts > [30, 3, 0, 1, 30]).all(), counts


@pytest.mark.parametrize("seed", range(60))
def test_the_choices_are_the_lines_that_can_be_had(seed: int) -> None:
    problem, prices = drawn(seed)
    one = PricedEnterprise(problem, prices)
    choices, cut = Ceiling(one).choices()
    for rate in one.admissible.tolist():
        mine = choices.line[choices.rate == rate]
        assert mine.max(initial=0.0) == pytest.approx(largest(problem, rate), abs=1e-12)
    assert choices.net.max(initial=-np.inf) == pytest.approx(best(problem, prices), abs=1e-12)
    lines = [largest(problem, rate) for rate in one.admissible.tolist()]
    assert bool(cut) == (min(lines) < problem.line_max[0])


@pytest.mark.parametrize("seed", range(60))
def test_rates_that_pay_are_those_at_which_a_line_that_can_be_had_does(seed: int) -> None:
    problem, prices = drawn(seed)
    one = PricedEnterprise(problem, prices)
    ceiling = Ceiling(one)
    if not len(ceiling.choices()[0].net):
        return
    curve = problem.retention[int(problem.curve[0])]
    turns = rate_turns(one, problem.rates, curve, ceiling)
    low, high = problem.rates[problem.first_rate[0]], problem.rates[problem.last_rate[0]]

    def at(rate: float, stays: Floats) -> Problem:
        return problem.replaced(
            rates=np.array([rate]),
            retention=stays.reshape(1, 1),
            curve=np.zeros(1, np.int16),
            first_rate=np.zeros(1, np.int16),
            last_rate=np.zeros(1, np.int16),
        )

    for rate in np.linspace(low, high, 61):
        worth = best(at(float(rate), np.interp([rate], problem.rates, curve)), prices)
        inside = any(a <= rate <= b for a, b in turns.lends)
        assert (
            inside == (worth >= 0) or abs(worth) < 1e-6 or np.min(np.abs(np.ravel(turns.lends) - rate)) < 1e-9
        )


def by_hand(**fields: object) -> Problem:
    """One enterprise at one rate, 10 %, at which 80 % stay: lines 10 to 100, a loan costs 1."""
    own = {
        "rates": np.array([0.10]),
        "retention": np.array([[0.8]]),
        "curve": np.zeros(1, np.int16),
        "first_rate": np.zeros(1, np.int16),
        "last_rate": np.zeros(1, np.int16),
        "line_min": np.array([10.0]),
        "line_max": np.array([100.0]),
        "risk_weight": np.array([0.02]),
        "economics": Economics(fixed_cost=1.0),
        "objective": Objective("profit"),
        "budget": 1000.0,
    }
    return random_problem(1, 1, 3).replaced(**{**own, **fields})


def test_a_fixed_cost_is_borne_by_the_line_that_is_left() -> None:
    """.8·(.1 − ρ)·L = 1: ρ = .0875 with a line of 100, .05 with the 25 that the budget leaves."""
    one = PricedEnterprise(by_hand(budget=25.0), {})
    assert risk_turns(one).lends_up_to == pytest.approx(0.0875)
    assert risk_turns(one, Ceiling(one)).lends_up_to == pytest.approx(0.05)


def test_a_limit_on_risk_leaves_a_line_that_shrinks_as_the_risk_weight_grows() -> None:
    """L = 1 / (.8ρ), so .8·(.1 − ρ) / (.8ρ) = 1: ρ = .05, where L is 25. In steps of 20 it is .1 − 1 / 16 at 20."""
    row = Row("losses", "risk", 1, amount=1.0)
    one = PricedEnterprise(by_hand(limits=(row,)), {})
    turns = risk_turns(one, Ceiling(one))
    assert turns.lends_up_to == pytest.approx(0.05)
    one = PricedEnterprise(by_hand(limits=(row,), line_step=np.array([20.0]), line_min=np.array([20.0])), {})
    assert risk_turns(one, Ceiling(one)).lends_up_to == pytest.approx(0.0375)


def test_what_asks_for_risk_and_what_caps_it_bound_a_stretch_from_both_sides() -> None:
    """A price of −2 on risk turns −.8ρ into +.8ρ: .8(.02 + ρ)·100 = 41 at ρ = .4925; L ≥ 10 up to ρ = 60 / 8."""
    rows = (Row("risky", "risk", -1, amount=1.0), Row("losses", "risk", 1, amount=60.0))
    costs = Economics(fixed_cost=41.0, funding_cost=0.08)
    one = PricedEnterprise(by_hand(limits=rows, economics=costs), {"risky": -2.0})
    turns = risk_turns(one, Ceiling(one))
    assert turns.lends_up_to is None
    assert turns.lends_from == pytest.approx(0.4925)
    # Beyond ρ = .75 the line is 60 / (.8ρ): 60·(.02 + ρ) / ρ = 41 has no root above 0, so the least line ends it.
    assert turns.lends_until == pytest.approx(7.5)
    assert not turns.lends(8.0)
    assert turns.lends(7.0)
