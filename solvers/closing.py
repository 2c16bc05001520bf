"""The last digits: the search over the choices that a better plan can hold, or HiGHS on them.

A choice whose penalty exceeds bound − incumbent is in no better plan. What is left goes to the search
(:mod:`search`), as long as its parts are cheap enough, and else to HiGHS.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.core import Choices, core_model, left_within, read_core, with_right_sides, write_core
from lendplan.solvers.engine import run
from lendplan.solvers.firstplan import SEARCHED
from lendplan.solvers.inhand import InHand
from lendplan.solvers.result import Branched, SearchProof, StopReason, objective_scale
from lendplan.solvers.search import Search

_WORK = 400_000  # columns × parts that a search may look at before HiGHS takes over
_PARTS = 1500  # and parts
_START_PARTS = 200  # parts that are looked at from a similar problem's plan before a better one is looked for
_FEWEST_PARTS = 20  # where fewer are to be looked at none is
_ALIKE = 20_000  # choices in a core: so many are left only where enterprises are alike
# HiGHS's own heuristics solve models within the model; with a good plan in hand they only take time.
_NO_HEURISTICS = {
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_root_reduced_cost": False,
}


def close(hand: InHand) -> StopReason:
    """Close the gap over the choices that a better plan can hold."""
    if hand.is_proven:
        return StopReason.PROVEN
    if hand.book.size > SEARCHED:
        return StopReason.EFFORT
    core, choices = _still_open(hand)
    if _search(hand, core, choices, _PARTS):
        return StopReason.PROVEN
    if hand.left() <= 0:
        return StopReason.TIME_LIMIT
    return _by_highs(hand, core, choices)


def close_from_start(hand: InHand) -> bool:
    """Close the gap that a similar problem's plan leaves, where that is soon done; return whether it was."""
    if hand.is_proven:
        return True
    core, choices = _still_open(hand)
    return _search(hand, core, choices, _START_PARTS)


def _still_open(hand: InHand) -> tuple[Problem, Choices]:
    """Return everybody, and the choices that a better plan can hold."""
    core = with_right_sides(hand.book.whole(), hand.book.amount)
    return core, left_within(core, hand.at.prices, hand.value, hand.margin)


def _search(hand: InHand, core: Problem, choices: Choices, parts: int) -> bool:
    """Search through so many parts at most; return whether the gap is closed."""
    everybody = np.arange(core.size)
    size = int(choices.open[choices.owner].sum()) + int(choices.open.sum())
    most = min(parts, _WORK // max(1, size))
    if most < _FEWEST_PARTS:
        return False

    def found(rate: Indices, line: Floats) -> float:
        return hand.take_polished(core, everybody, rate, line, None)

    hand.tell("search")
    searched = Search(
        core,
        choices,
        hand.value,
        hand.value.constant,
        hand.at.prices,
        hand.at.bound,
        hand.best.value if hand.best is not None else float("-inf"),
        hand.slack,
        found,
        going=lambda nodes: nodes < most and hand.left() > 0,
    ).run()
    if searched.bound < hand.bound:
        hand.bound = searched.bound
        root = Branched((), hand.at.prices)  # the core's choices are what these prices leave
        hand.proof = SearchProof(searched.leaves, (root, *searched.fixings))
    return searched.complete


def _by_highs(hand: InHand, core: Problem, choices: Choices) -> StopReason:
    if hand.best is not None:
        choices = left_within(core, hand.at.prices, hand.value, hand.margin)
    settings: dict[str, Any] = dict(_NO_HEURISTICS) if hand.best is not None else {}
    if len(choices.owner) > _ALIKE:
        # Where so many enterprises are alike HiGHS's presolve finds no end.
        settings["presolve"] = "off"
    outcome = run(
        replace(core_model(core, choices, hand.value), offset=hand.value.constant),
        replace(hand.options, gap=hand.safe_gap),
        seconds=hand.left(),
        stage="rates and lines",
        absolute_gap=hand.safe_gap * objective_scale(hand.problem),
        start=None if hand.best is None else write_core(core, choices, *hand.book.spread(hand.best.plan)),
        settings=settings,
    )
    if outcome.x is not None:
        hand.take_polished(core, np.arange(core.size), *read_core(core, choices, outcome.x), None)
    if hand.best is not None:
        hand.bound = min(hand.bound, max(outcome.bound, hand.best.value))
    elif np.isfinite(outcome.bound):
        hand.bound = min(hand.bound, outcome.bound)
    return outcome.stop
