r"""The exact dual: a linear problem over the few enterprises whose choice hangs on the prices.

Near the best prices nearly everybody's choice is settled; only those whose best choice beats the second best by
little can be moved by the last digits of the prices. Their choices enter a linear problem one by one, everybody
else's as what they use. That is a cut of D for each single enterprise, where a cutting plane is one for all of them
together, so a few solves reach the exact optimum of the continuous relaxation: the value of the linear problem is
then a plan's (with mixed choices) and D at its prices is no more.

The prices stay in a box: using more of a row than there is costs the box's upper price, leaving some of it earns
the lower one (Marsten, Hogan and Blankenship, The boxstep method for large-scale optimization, Operations
Research 23, 1975).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lendplan.models.measures import Floats
from lendplan.solvers.cutting_planes import box
from lendplan.solvers.openchoices import best_mixture, columns_near, opened
from lendplan.solvers.pricing import Book, Evaluation
from lendplan.solvers.result import Options, StopReason
from lendplan.solvers.rowtable import Value

TOLERANCE = 1e-11  # relative: D this near to the relaxation's value is the relaxation's value
_FURTHER, _NEARER = 8.0, 3.0
_GOOD, _POOR = 0.7, 0.3
COLUMNS = 6  # an enterprise
_CUTS, _FEW_CUTS = 60, 8  # in a larger book, in one of at most
_FEW = 2000  # enterprises
_SURE = 1e-9
_LARGE = 200_000  # enterprises: in a larger book the last digits are left, where a round gains no more than
_COUNTS, _COUNTS_OF_GAP = (1e-9, 1e-8), 0.01  # of D, at least and at most, and of the asked gap
_ABSURD = 1e3  # times what is lent is worth
_FAR = 100.0  # times the first box: prices that have grown so far may have no bound at all


@dataclass(frozen=True)
class Relaxed:
    """The relaxation's optimum, or the best prices that were found on the way to it."""

    at: Evaluation  # D at the best prices
    value: float  # of the best mixture of plans that was found; −inf where there is none
    revenue: float  # of that mixture
    risk: float
    stop: StopReason
    exact: bool  # whether D is the mixture's value
    infeasible: bool = False  # proven


def relax(
    book: Book,
    value: Value,
    bundle: Sequence[Evaluation],
    radius: Floats,
    options: Options,
    *,
    left: Callable[[], float],
    stage: str,
    width: int | None = None,
    columns: int | None = None,
) -> Relaxed:
    """Find the exact optimum of the continuous relaxation, from prices that are nearly right.

    Parameters
    ----------
    book : the problem in blocks
    value : what is maximised
    bundle : evaluations of the book, at least one
    radius : shape (rows,), how far the best prices may be
    left : seconds left
    stage : named to the watcher
    width : how many enterprises are left open; by the size of the book unless given
    columns : an enterprise, where all are open and the bundle's prices are nearly right; all there are unless given
    """
    sense = book.table.sense
    bundle = list(bundle)
    width = width or 150 + book.size // 1000
    start, enough = radius, gain_that_counts(options)
    best = trial = min(bundle, key=lambda at: at.bound)
    first = best.prices
    floor, mixture = -np.inf, (np.nan, np.nan)
    stop = StopReason.PROVEN
    if _is_absurd(best, value) and _is_hopeless(book, best.prices):
        return _without_plan(best, mixture)
    for _ in range(rounds_for(book.size)):
        positions, beyond = book.closest(best.prices, value, width)
        if trial is not best:
            more, _ = book.closest(trial.prices, value, width)
            positions = np.union1d(positions, more)
        bundle = _kept(bundle, best, book.amount, _FEW_CUTS if book.size <= _FEW else _CUTS)
        open_ = opened(book, bundle, value, positions)
        every = width >= book.size and columns is None
        most = open_.core.size * 2 * len(book.problem.rates) if every else (columns or COLUMNS) * width
        choices = columns_near(open_.core, [best.prices, trial.prices], value, beyond, most)
        lower, upper = box(best.prices, radius, sense)
        outcome, totals = best_mixture(
            open_, choices, value, book.amount, lower, upper, options, left(), stage
        )
        if outcome.x is None or outcome.row_dual is None:
            stop = outcome.stop
            break
        model, rows = outcome.objective, len(sense)
        prices = np.clip(outcome.row_dual[:rows], lower, upper)
        trial = book.evaluate(prices, value)
        bundle.append(trial)
        over, under = outcome.x[-2 * rows : -rows], outcome.x[-rows:]
        pressed = ((over > 0) & (upper != 0.0)) | ((under > 0) & (lower != 0.0))
        if not pressed.any() and model > floor:
            floor, mixture = model, totals
        elif np.any(pressed & (np.abs(prices - first) > _FAR * start)) and _is_hopeless(book, prices):
            return _without_plan(trial, mixture)
        foretold, gained = best.bound - model, best.bound - trial.bound
        if trial.bound - model <= TOLERANCE * _size(trial.bound, value):
            best = trial
            if not pressed.any():
                break
            radius = np.where((prices <= lower) | (prices >= upper), _FURTHER * radius, radius)
            continue
        if 0 <= gained <= enough * abs(best.bound) and book.size > _LARGE:
            best = min(best, trial, key=lambda at: at.bound)
            break
        if gained >= _GOOD * foretold:
            radius = np.where((prices <= lower) | (prices >= upper), _FURTHER * radius, radius)
        elif gained <= _POOR * foretold:
            radius = radius / _NEARER
        if gained > 0:
            best, trial = trial, best
    exact = best.bound - floor <= TOLERANCE * _size(best.bound, value)
    return Relaxed(best, floor, *mixture, stop, exact)


def _without_plan(at: Evaluation, mixture: tuple[float, float]) -> Relaxed:
    return Relaxed(at, -np.inf, *mixture, StopReason.PROVEN, False, infeasible=True)


def _is_absurd(at: Evaluation, value: Value) -> bool:
    """Whether D is so far below what is lent that it may have no end; cutting planes can come there by themselves."""
    worth = abs(value.revenue * at.revenue) + abs(value.risk * at.risk) + abs(value.constant)
    return at.bound < -_ABSURD * worth


def _size(bound: float, value: Value) -> float:
    """Return what D is measured against: where terms and constant cancel, as at the least risk, D itself is dust."""
    return max(abs(bound), abs(value.constant), 1e-300)


def _kept(bundle: list[Evaluation], best: Evaluation, amount: Floats, most: int) -> list[Evaluation]:
    """Keep the evaluations whose cuts are the highest at the best prices."""

    def below(at: Evaluation) -> float:
        return best.bound - (at.bound + float(at.slope(amount) @ (best.prices - at.prices)))

    return sorted(bundle, key=below)[:most]


def _is_hopeless(book: Book, prices: Floats) -> bool:
    """Whether these prices prove that no mixture of plans keeps to the rows, whatever it is worth (Farkas)."""
    size = float(np.abs(prices).max())
    if size == 0.0:
        return False
    ray = book.evaluate(prices / size, Value(0.0, 0.0))
    gross = float(np.abs(ray.prices * book.amount).sum() + np.abs(ray.prices * ray.used).sum())
    return ray.bound < -_SURE * gross


def unit_of(book: Book, value: Value) -> Floats:
    """Return a price of each row at which all that it counts would cost what all is worth, (rows,)."""
    free = book.evaluate(np.zeros(len(book.amount)), Value(1.0, 0.0))
    gross = np.maximum(np.abs(free.used), np.abs(book.amount))
    gross = np.where(gross > 0, gross, gross.max(initial=0.0))
    gross = np.where(gross > 0, gross, 1.0)
    worth = abs(value.revenue * free.revenue) + abs(value.risk * free.risk)
    if not worth > 0.0:  # nobody earns anything: a per cent of all amounts has the right size
        worth = 0.01 * (abs(value.revenue) + abs(value.risk)) * gross.max()
    return worth / gross


def gain_that_counts(options: Options) -> float:
    """Return the gain of a large book's bound, relative, below which the next step is left."""
    least, most = _COUNTS
    return min(max(least, _COUNTS_OF_GAP * options.gap), most)


def rounds_for(size: int) -> int:
    """Return how many rounds pay: where a book is large its prices are right to 1e-8 without the last digits."""
    return max(8, min(100, 2_000_000 // max(1, size)))
