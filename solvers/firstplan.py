"""A first plan from good prices: everybody as the prices have it, but those whose choice hangs on little.

A small model settles those few (:mod:`core`), with the right sides that the others leave. Where it finds no plan that
is good enough more enterprises are opened, as far as that pays. A similar problem's plan, where one is given, is tried
before.
"""

from __future__ import annotations

import math
from dataclasses import replace
from enum import Enum

import numpy as np

from lendplan.models.measures import Indices
from lendplan.solvers.core import core_model, left_within, margin_for, read_core, with_right_sides
from lendplan.solvers.engine import Outcome, run
from lendplan.solvers.entry import obeys_bounds
from lendplan.solvers.inhand import InHand
from lendplan.solvers.pricing import Lagrangian, Settlement
from lendplan.solvers.result import StopReason, objective_scale

_OPEN, _OPEN_A_ROW = 10, 4  # enterprises open at first, and so many more a row, in a small book …
_LARGER_OPEN, _LARGER_OPEN_A_ROW = (
    20,
    6,
)  # … and in a larger one, where more of them have to make up for others
_PLAN_SHARE = 0.7  # of the asked gap that a first plan of a small book may miss of its model's bound …
_GOOD_ENOUGH = 2e-5  # … and this much relative in any case: the search finds better ones
_LARGER_SHARE = 0.6  # the same of a larger book, which is not searched
_WIDEN = 2
_MOST_OPEN = 1600  # enterprises of either kind in a model for a plan
_NEAR = 1e-3  # so near, relative, the search goes on from a plan of a small book
_NEARER = 3.0  # times the asked gap: so near, from one of a larger book
SEARCHED = 10_000  # enterprises up to which the last digits are searched for
_START_NEAR = 3e-3  # so near, relative, the search goes on from the plan of a similar problem
_MIXES = (
    0.75,
    1.5,
)  # enterprises a row that keep their part of that plan, while all others follow the prices
_FOR_A_PLAN = {
    "mip_max_nodes": 1000,  # effort is not counted by the clock
    "mip_heuristic_run_feasibility_jump": False,
    "mip_allow_restart": False,
    "mip_detect_symmetry": False,
}


class Found(Enum):
    """How the search for a first plan ended."""

    ENOUGH = "a plan, or none that this could find: go on from here"
    INFEASIBLE = "proven to have no plan"


def first_plan(hand: InHand) -> Found | StopReason:
    """Find a plan from the prices; return why it stopped early, or how it ended.

    Those whose rate hangs on the least are not enough where a row is to be met: so many again are open whose lending
    does.
    """
    rows = len(hand.book.amount)
    most = _OPEN + _OPEN_A_ROW * rows if hand.is_small else _LARGER_OPEN + _LARGER_OPEN_A_ROW * rows
    while True:
        if hand.left() <= 0:
            return StopReason.TIME_LIMIT
        everybody = most >= hand.book.size
        positions, margin = hand.book.closest(hand.at.prices, hand.value, most)
        lending = 0.0
        if not everybody:
            others, lending = hand.book.closest(hand.at.prices, hand.value, most, lending=True)
            positions = np.union1d(positions, others)
        outcome = _among(hand, positions, margin, lending, spare=most)
        if outcome.x is None and everybody and not outcome.infeasible:
            return outcome.stop
        if outcome.infeasible and everybody:  # perhaps for want of choices only
            outcome = _among(hand, positions, float("inf"), 0.0, spare=None)
            if outcome.infeasible:
                return Found.INFEASIBLE
        if outcome.stop is StopReason.INTERRUPTED:
            return outcome.stop
        is_for_search = outcome.x is not None and _is_for_search(hand)
        if hand.is_proven or is_for_search or everybody or most > _MOST_OPEN:
            return Found.ENOUGH
        most *= _WIDEN


def _is_for_search(hand: InHand) -> bool:
    """Whether the search is the quicker way on from the plan in hand."""
    if hand.is_small:
        return hand.gap <= _NEAR
    return hand.book.size <= SEARCHED and hand.gap <= _NEARER * hand.options.gap


def _among(hand: InHand, positions: Indices, margin: float, lending: float, *, spare: int | None) -> Outcome:
    """Solve the model over some enterprises, everybody else as the prices have it."""
    whole = hand.book.gather(positions)
    own = Lagrangian(whole).evaluate(hand.at.prices, hand.value)
    core = with_right_sides(whole, hand.book.amount - (hand.at.used - own.used))
    if spare is not None:
        margin = min(margin, margin_for(core, hand.at.prices, hand.value, spare))
    choices = left_within(core, hand.at.prices, hand.value, margin, lending=lending)
    outcome = run(
        core_model(core, choices, hand.value),
        replace(hand.options, gap=0.0),
        seconds=hand.left(),
        stage="plan",
        absolute_gap=_wanted(hand),
        settings=_FOR_A_PLAN,
    )
    if outcome.x is not None:
        hand.take_polished(core, positions, *read_core(core, choices, outcome.x), hand.at.prices)
    return outcome


def _wanted(hand: InHand) -> float:
    """Return how near its own optimum a model's plan must be, in the unit of the objective."""
    if not hand.is_small:
        return _LARGER_SHARE * hand.slack
    return max(_PLAN_SHARE * hand.slack, _GOOD_ENOUGH * max(abs(hand.bound), objective_scale(hand.problem)))


def try_start(hand: InHand) -> bool:
    """Take the plan of a similar problem where it obeys this one; return whether the search may go on from it."""
    start = hand.options.start
    if start is None or start.rate is None or start.line is None:
        return False
    if not obeys_bounds(hand.problem, start.rate, start.line):
        return False
    everybody = np.arange(hand.problem.size)
    hand.take(Settlement(None, hand.value, everybody, start.rate, start.line))
    if not hand.is_small:
        return hand.is_proven
    for share in () if hand.is_proven else _MIXES:
        # Those whose choice hangs on little as in the similar plan, everybody else as the prices have it.
        rate, line = hand.book.choices(hand.at.prices, hand.value)
        few = math.ceil(share * len(hand.book.amount))
        undecided, _ = hand.book.closest(hand.at.prices, hand.value, few)
        rate[undecided], line[undecided] = start.rate[undecided], start.line[undecided]
        hand.take_polished(hand.book.whole(), everybody, rate, line, None)
    return hand.gap <= _START_NEAR
