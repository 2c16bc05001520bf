"""A first plan from good prices: everybody as the prices have it, but those whose choice hangs on little.

A small model settles those few (:mod:`core`), with the right sides that the others leave. Where it finds no plan that
is good enough more enterprises are opened, as far as that pays. A similar problem's plan, where one is given, is tried
before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.solvers.core import core_model, left_within, margin_for, read_core, with_right_sides
from lendplan.solvers.engine import Outcome, run
from lendplan.solvers.entry import obeys_bounds
from lendplan.solvers.inhand import InHand
from lendplan.solvers.narrowed import narrowed
from lendplan.solvers.polish import polish
from lendplan.solvers.pricing import Book, Evaluation, Lagrangian, Settlement
from lendplan.solvers.result import StopReason, objective_scale

_OPEN, _OPEN_A_ROW = 10, 4  # enterprises open at first, and so many more a row, in a small book …
# … and in a larger one, where more of them have to make up for others:
_LARGER_OPEN, _LARGER_OPEN_A_ROW = 20, 6
_PLAN_SHARE = 0.7  # of the asked gap that a first plan of a small book may miss of its model's bound …
_GOOD_ENOUGH = 2e-5  # … and this much relative in any case: the search finds better ones
_LARGER_SHARE = 0.6  # the same of a larger book, which is not searched
_WIDEN = 2
_NARROW_SHARE = 0.3  # of the gap may be lost by narrowing a larger book
_NARROW_PART = 3  # where more than one in so many of them is to be open the whole book is looked at again
_MOST_OPEN = 1600  # enterprises of either kind in a model for a plan
_NEAR = 1e-3  # so near, relative, the search goes on from a plan of a small book
_NEARER = 3.0  # times the asked gap: so near, from one of a larger book
SEARCHED = 10_000  # enterprises up to which the last digits are searched for
_START_NEAR = 3e-3  # so near, relative, the search goes on from the plan of a similar problem
# Enterprises a row that keep their part of that plan, while all others follow the prices:
_MIXES = 0.75, 1.5
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
    """Find a plan from the prices; return why it stopped early, or how it ended."""
    rows = len(hand.book.amount)
    most = _OPEN + _OPEN_A_ROW * rows if hand.is_small else _LARGER_OPEN + _LARGER_OPEN_A_ROW * rows
    whole = Ground(hand.book, hand.at)
    narrow = _narrowed(hand)
    while True:
        if hand.left() <= 0:
            return StopReason.TIME_LIMIT
        ground = whole if narrow is None or _NARROW_PART * most > narrow.book.size else narrow
        everybody = most >= ground.book.size
        outcome = _with_open(hand, ground, most)
        if outcome.x is None and everybody and not outcome.infeasible:
            return outcome.stop
        if outcome.infeasible and everybody:  # perhaps for want of choices only
            outcome = _among(hand, ground, np.arange(ground.book.size), float("inf"), 0.0, spare=None)
            if outcome.infeasible:
                return Found.INFEASIBLE
        if outcome.stop is StopReason.INTERRUPTED:
            return outcome.stop
        is_for_search = outcome.x is not None and _is_for_search(hand)
        if hand.is_proven or is_for_search or everybody or most > _MOST_OPEN:
            return Found.ENOUGH
        most *= _WIDEN


@dataclass(frozen=True)
class Ground:
    """Where a plan is looked for: the whole book, or some enterprises, all others as its prices have it."""

    book: Book  # its right sides are what the others leave
    at: Evaluation  # at the best prices of these enterprises
    positions: Indices | None = None  # in the whole book, rising; None where it is the whole

    def plan(self, hand: InHand, positions: Indices, rate: Indices, line: Floats) -> Settlement:
        """Return the plan of a few of these enterprises, their others as the prices of all of them have it."""
        if self.positions is None:
            return Settlement(hand.at.prices, hand.value, positions, rate, line)
        rates, lines = self.book.choices(self.at.prices, hand.value)
        rates[positions], lines[positions] = rate, line
        return Settlement(hand.at.prices, hand.value, self.positions, rates, lines)


def _narrowed(hand: InHand) -> Ground | None:
    """Return a large book's few whose choice hangs on little, so many that hardly any of the gap is lost."""
    if hand.is_small:
        return None
    loss = _NARROW_SHARE * hand.slack
    found = narrowed(hand.book, hand.at, hand.value, hand.quiet, loss=loss, left=hand.left, stage="plan")
    return None if found is None else Ground(found.book, found.relaxed.at, found.positions)


def _with_open(hand: InHand, ground: Ground, most: int) -> Outcome:
    """Solve the model over those whose choice hangs on the least.

    Those whose rate does are not enough where a row is to be met: so many again are open whose lending does.
    """
    prices = ground.at.prices
    positions, margin = ground.book.closest(prices, hand.value, most)
    lending = 0.0
    if most < ground.book.size:
        others, lending = ground.book.closest(prices, hand.value, most, lending=True)
        positions = np.union1d(positions, others)
    return _among(hand, ground, positions, margin, lending, spare=most)


def _is_for_search(hand: InHand) -> bool:
    """Whether the search is the quicker way on from the plan in hand."""
    if hand.is_small:
        return hand.gap <= _NEAR
    return hand.book.size <= SEARCHED and hand.gap <= _NEARER * hand.options.gap


def _among(
    hand: InHand, ground: Ground, positions: Indices, margin: float, lending: float, *, spare: int | None
) -> Outcome:
    """Solve the model over some enterprises, everybody else as the prices have it."""
    prices = ground.at.prices
    whole = ground.book.gather(positions)
    own = Lagrangian(whole).evaluate(prices, hand.value)
    core = with_right_sides(whole, ground.book.amount - (ground.at.used - own.used))
    if spare is not None:
        margin = min(margin, margin_for(core, prices, hand.value, spare))
    choices = left_within(core, prices, hand.value, margin, lending=lending)
    outcome = run(
        core_model(core, choices, hand.value),
        replace(hand.options, gap=0.0),
        seconds=hand.left(),
        stage="plan",
        absolute_gap=_wanted(hand),
        settings=_FOR_A_PLAN,
    )
    if outcome.x is not None:
        rate, line = polish(core, *read_core(core, choices, outcome.x), hand.quiet, seconds=hand.left())
        hand.take(ground.plan(hand, positions, rate, line))
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
