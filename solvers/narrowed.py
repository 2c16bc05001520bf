"""A large book narrowed to those whose choice hangs on little, which have prices of their own.

However little the prices of a large book are off, so many choices change with them that what is used of a row is off by
thousands of loans. Some thousand enterprises whose choice hangs on the least can make up for it: they become a book of
their own, whose right sides are what all others leave, and which is small enough to be priced exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lendplan.models.measures import Indices
from lendplan.solvers.boxstep import Relaxed, relax, unit_of
from lendplan.solvers.pricing import Book, Evaluation, Lagrangian
from lendplan.solvers.result import Options
from lendplan.solvers.rowtable import Value

_FEWEST, _ONE_IN = 150, 1000  # enterprises of either kind, and one more in so many, …
_WIDEN = 4  # … so many times as many where their bound is not near enough to the whole book's, …
_MOST, _MOST_ONE_IN = 20_000, 200
_OFF = 0.02  # of its size a price may be off
_COLUMNS = 2  # an enterprise


@dataclass(frozen=True)
class Narrowed:
    """Some enterprises of a book, all others choosing as its prices have it."""

    positions: Indices  # rising
    book: Book  # those enterprises; its right sides are what the others leave
    relaxed: Relaxed  # their own prices and mixture
    revenue: float  # of the others
    risk: float

    def bound(self, value: Value) -> float:
        """Return what no plan in which the others choose so is worth more than."""
        return value.revenue * self.revenue + value.risk * self.risk + self.relaxed.at.bound


def narrowed(
    book: Book,
    at: Evaluation,
    value: Value,
    options: Options,
    *,
    loss: float,
    left: Callable[[], float],
    stage: str,
) -> Narrowed | None:
    """Narrow a book to as many enterprises as it takes for their bound to come near to its own.

    Parameters
    ----------
    at : D at the best prices of the book
    loss : in the unit of the objective: so much less than D the bound of the narrowed book may be
    left : seconds left
    stage : named to the watcher

    Returns
    -------
    Narrowed
        The widest that was tried where none comes near enough; None where the book itself is hardly larger.
    """
    most = _FEWEST + book.size // _ONE_IN
    found = None
    while most <= max(_MOST, book.size // _MOST_ONE_IN) and 2 * most < book.size and left() > 0:
        positions, _ = book.closest(at.prices, value, most)
        others, _ = book.closest(at.prices, value, most, lending=True)
        positions = np.union1d(positions, others)
        core = book.gather(positions)
        own = Lagrangian(core).evaluate(at.prices, value)
        part = Lagrangian(core, book.amount - (at.used - own.used))
        relaxed = _priced_again(part, at, value, options, left=left, stage=stage)
        if not relaxed.infeasible:
            found = Narrowed(positions, part, relaxed, at.revenue - own.revenue, at.risk - own.risk)
            if at.bound - found.bound(value) <= loss:
                break
        most *= _WIDEN
    return found


def _priced_again(
    part: Lagrangian,
    at: Evaluation,
    value: Value,
    options: Options,
    *,
    left: Callable[[], float],
    stage: str,
) -> Relaxed:
    start = part.evaluate(at.prices, value)
    radius = _OFF * np.maximum(np.abs(at.prices), 0.1 * unit_of(part, value))
    return relax(
        part, value, [start], radius, options, left=left, stage=stage, width=part.size, columns=_COLUMNS
    )
