"""The Lagrangian solver: `joint` at any size, with prices as the proof.

Stages: the payoff ranges, where the objective needs them, and the best prices (:mod:`dual`); a plan, from a small
model over the enterprises whose choice hangs on the prices, everybody else settled (:mod:`firstplan`); then, as far as
the asked gap needs it and the size allows it, the search that closes the gap, or HiGHS on what is left
(:mod:`closing`). HiGHS solves the linear and small mixed-integer problems in between; Pyomo is not needed.

Ties are broken by rule: up to ``BLOCK`` enterprises they enter in the order of their ids, a larger book in its own
order; nothing depends on the clock, except where the time limit is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from lendplan.models.measures import Floats, Ranges
from lendplan.models.problem import Problem
from lendplan.models.sums import BLOCK
from lendplan.solvers.boxstep import Relaxed, gain_that_counts
from lendplan.solvers.closing import close, close_from_start
from lendplan.solvers.core import with_right_sides
from lendplan.solvers.dual import lowest
from lendplan.solvers.engine import SolverError
from lendplan.solvers.entry import expect_finite, in_order_of_ids, start_in_order_of_ids
from lendplan.solvers.firstplan import Found, first_plan, try_start
from lendplan.solvers.inhand import InHand
from lendplan.solvers.narrowed import narrowed
from lendplan.solvers.pricing import Book, Lagrangian, Settlement
from lendplan.solvers.relaxation import TIE, widest
from lendplan.solvers.result import Options, Result, SolutionStatus, StopReason, objective_scale
from lendplan.solvers.rowtable import Value, value_of
from lendplan.solvers.sensitivity import price_ranges

NAME = "lagrangian"

_RANGED = 200_000  # enterprises up to which the range of each price is worked out
_RANGING = 10.0  # seconds for that at most
_DUST = 1e-6  # of the scale: a plan may lie so far above the bound by rounding


def solve(problem: Problem, options: Options) -> Result:
    """Solve a problem of the formulation ``joint``.

    Parameters
    ----------
    problem : its ranges are computed where ``weighted`` has none
    options : gap, time limit, threads, seed, watcher

    Returns
    -------
    Result
        ``rate`` and ``line`` in the order of ``problem``. Interrupted, or out of time, it holds the best plan that
        was found.

    Raises
    ------
    SolverError
        Where an answer cannot be trusted.
    """
    expect_finite(problem)
    if problem.size > BLOCK:
        return _solve_here(problem, options)
    started = start_in_order_of_ids(problem, options)
    return in_order_of_ids(problem, lambda ordered: _solve_here(ordered, started))


def _solve_here(problem: Problem, options: Options) -> Result:
    book = None

    def make_book() -> Book:
        nonlocal book
        book = Lagrangian(problem, threads=options.threads)
        return book

    result, plan = solve_book(problem, make_book, options)
    if plan is None or book is None:
        return result
    rate, line = book.spread(plan)
    return replace(result, rate=rate, line=line)


def solve_book(
    problem: Problem, make_book: Callable[[], Book], options: Options
) -> tuple[Result, Settlement | None]:
    """Solve a book, wherever it stands.

    Parameters
    ----------
    problem : its enterprises may stand elsewhere
    make_book : gives it in blocks
    options : gap, time limit, threads, seed, watcher

    Returns
    -------
    result : without ``rate`` and ``line``
    plan : None where there is none
    """
    hand = InHand(problem, options)
    try:
        stop = _run(hand, make_book)
        if isinstance(stop, Found):
            return _infeasible(hand), None
    except KeyboardInterrupt:
        stop = StopReason.INTERRUPTED
    return _finished(hand, stop), None if hand.best is None else hand.best.plan


def _run(hand: InHand, make_book: Callable[[], Book]) -> StopReason | Found:
    hand.book = make_book()
    hand.lap("build")
    stopped = _value_terms(hand)
    if stopped is not None:
        return stopped
    hand.value = value_of(hand.problem)
    relaxed = _lowest(hand, hand.value, "prices")
    if relaxed.infeasible:
        return Found.INFEASIBLE
    hand.at = relaxed.at
    hand.bound = relaxed.at.bound
    names = hand.book.table.names
    hand.prices = {name: float(price) + 0.0 for name, price in zip(names, relaxed.at.prices, strict=True)}
    hand.take_nothing()
    if try_start(hand) and close_from_start(hand):
        return StopReason.PROVEN
    found = first_plan(hand)
    return close(hand) if found is Found.ENOUGH else found


def _value_terms(hand: InHand) -> StopReason | Found | None:
    """Add the payoff ranges to the problem where the objective needs them; return why that was not possible."""
    objective = hand.problem.objective
    if objective.kind == "profit" or objective.ranges is not None:
        return None
    corners = []
    book = hand.book
    # The ranges are those of the relaxation as stated, the same for every solver: no whole numbers of borrowers.
    whole, book.amount = book.amount, np.array([row.amount for row in hand.problem.rows])
    for value, stage in ((Value(1.0, -TIE), "range of revenue"), (Value(TIE, -1.0), "range of risk")):
        relaxed = _lowest(hand, value, stage)
        if relaxed.infeasible:
            return Found.INFEASIBLE
        totals = _totals(hand, relaxed, value, stage)
        if np.isnan(totals).any():
            return relaxed.stop if relaxed.stop is not StopReason.PROVEN else StopReason.TIME_LIMIT
        corners.append(totals)
    book.amount = whole
    budget = hand.problem.budget
    (most_revenue, most_risk), (least_revenue, least_risk) = corners
    ranges = Ranges(*widest(most_revenue, least_revenue, budget), *widest(most_risk, least_risk, budget))
    hand.problem = book.problem = hand.problem.with_ranges(ranges)
    return None


def _totals(hand: InHand, relaxed: Relaxed, value: Value, stage: str) -> tuple[float, float]:
    """Return revenue and risk of the relaxation's best mixture; NaN where none was found."""
    if not np.isnan(relaxed.revenue) or relaxed.stop is not StopReason.PROVEN:
        return relaxed.revenue, relaxed.risk
    # The prices of a large book are right long before a mixture of all its enterprises meets the rows.
    loss = gain_that_counts(hand.options) * abs(relaxed.at.bound)
    few = narrowed(hand.book, relaxed.at, value, hand.quiet, loss=loss, left=hand.left, stage=stage)
    if few is None:
        return np.nan, np.nan
    return few.revenue + few.relaxed.revenue, few.risk + few.relaxed.risk


def _lowest(hand: InHand, value: Value, stage: str) -> Relaxed:
    hand.tell(stage)
    start = _start_prices(hand) if stage == "prices" else None
    return lowest(hand.book, value, hand.quiet, left=hand.left, stage=stage, start=start)


def _start_prices(hand: InHand) -> Floats | None:
    """Return the prices of a similar problem, of the signs that prices may have here."""
    if hand.options.start is None:
        return None
    given = hand.options.start.prices
    prices = np.array([given.get(name, 0.0) for name in hand.book.table.names])
    sense = hand.book.table.sense
    return np.asarray(np.where(sense > 0, np.maximum(prices, 0.0), np.minimum(prices, 0.0)))


def _finished(hand: InHand, stop: StopReason) -> Result:
    best = hand.best
    hand.lap("solve")
    if best is None:
        return _result(hand, stop, SolutionStatus.NONE)
    scale = max(abs(best.value), objective_scale(hand.problem))
    if best.value - hand.bound > _DUST * scale:
        raise SolverError(f"the plan is worth {best.value!r}, above the bound {hand.bound!r}")
    hand.bound = max(hand.bound, best.value)
    if stop is StopReason.EFFORT and hand.is_proven:
        stop = StopReason.PROVEN
    result = _result(
        hand,
        stop,
        SolutionStatus.OPTIMAL if hand.is_proven else SolutionStatus.FEASIBLE,
        bound=hand.bound,
        proof=hand.proof,
        price_ranges=_price_ranges(hand) if stop is not StopReason.INTERRUPTED else {},
    )
    hand.lap("solve")
    return result


def _price_ranges(hand: InHand) -> dict[str, tuple[float, float]]:
    if hand.book.size > _RANGED or not hand.prices:
        return {}
    whole = with_right_sides(hand.book.whole(), hand.book.amount)
    return price_ranges(whole, hand.prices, hand.quiet, seconds=max(1.0, min(hand.left(), _RANGING)))


def _infeasible(hand: InHand) -> Result:
    from lendplan.solvers.conflict import explain_conflict

    conflict = explain_conflict(hand.book.whole(), hand.options, None)
    hand.lap("solve")
    return _result(hand, StopReason.PROVEN, SolutionStatus.INFEASIBLE, conflict=conflict)


def _result(hand: InHand, stop: StopReason, solution: SolutionStatus, **more: Any) -> Result:
    return Result(
        stop=stop,
        solution=solution,
        problem=hand.problem,
        prices=hand.prices,
        seconds=hand.seconds,
        seed=hand.options.seed,
        solver=f"{NAME} (highs {version('highspy')})",
        **more,
    )
