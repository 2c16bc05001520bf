r"""The least upper bound that prices can prove, at any size.

A small book: cutting planes from nothing (:mod:`cutting_planes`), then the exact optimum (:mod:`boxstep`).

A large book is first priced by a sample of it. Its D is D of the sample times n / s, nearly; what is missing is
mostly a slope. So the sample's right sides are moved until its slope at the present prices is the book's, it is
solved again from there, and the book is evaluated once at the new prices. Each evaluation of the book gains
about as many digits as the sample resolves, and four or five do for a million.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lendplan.models.measures import Floats
from lendplan.models.sums import BLOCK
from lendplan.solvers.boxstep import COLUMNS, Relaxed, gain_that_counts, relax, unit_of
from lendplan.solvers.cutting_planes import descend
from lendplan.solvers.newton import newton
from lendplan.solvers.pricing import Book, Evaluation, Lagrangian
from lendplan.solvers.result import Options
from lendplan.solvers.rowtable import Value

SMALL = 8192  # enterprises that are priced without a sample
_STEPS = 150
_MANY = 40  # rows
_TINY = 150  # enterprises whose choices all enter one linear problem at once
_TIES_OF = 32  # of a very large book so much is looked through for changes of choice that are near
_LAST_STEP = 0.3  # of it the best prices may still be away
_NEAR = 1e-6  # relative: from here on the linear problem over the open choices is faster


def lowest(
    book: Book,
    value: Value,
    options: Options,
    *,
    left: Callable[[], float],
    stage: str,
    start: Floats | None = None,
) -> Relaxed:
    """Return the optimum of the continuous relaxation: its prices, its value, and D there.

    Parameters
    ----------
    book : the problem in blocks
    value : what is maximised
    left : seconds left
    stage : named to the watcher
    start : shape (rows,), prices to begin from, such as those of a similar problem
    """
    if book.size <= _TINY:
        nothing = book.evaluate(np.zeros(len(book.amount)), value)
        far = 10.0 * unit_of(book, value)
        bundle = [nothing] if start is None else [book.evaluate(start, value), nothing]
        return relax(
            book,
            value,
            bundle,
            far,
            options,
            left=left,
            stage=stage,
            width=book.size,
            columns=None if start is None else COLUMNS,
        )
    bundle, radius = near(book, value, options, left=left, stage=stage, start=start)
    if len(book.amount) > _MANY and book.size <= SMALL:
        # With hundreds of rows few cuts say little: everybody's choices enter at once.
        return relax(
            book, value, bundle, 10.0 * unit_of(book, value), options, left=left, stage=stage, width=book.size
        )
    return relax(book, value, bundle, radius, options, left=left, stage=stage)


def near(
    book: Book,
    value: Value,
    options: Options,
    *,
    left: Callable[[], float],
    stage: str,
    start: Floats | None = None,
) -> tuple[list[Evaluation], Floats]:
    """Return evaluations, the lowest first, and how far from its prices the best may be, (rows,)."""
    found = None
    if book.size > SMALL:
        found = _by_sample(book, value, options, left=left, stage=stage, start=start)
    bundle, radius = found or _by_planes(book, value, left=left, start=start)
    fine = 0.01 / np.sqrt(max(1, book.size))
    best = bundle[0]
    return bundle, np.maximum(radius, fine * np.maximum(0.1 * np.abs(best.prices), unit_of(book, value)))


def _by_planes(
    book: Book, value: Value, *, left: Callable[[], float], start: Floats | None
) -> tuple[list[Evaluation], Floats]:
    nothing = book.evaluate(np.zeros(len(book.amount)), value)
    unit = 0.3 * unit_of(book, value)
    first = nothing
    if start is not None:
        first = min(nothing, book.evaluate(start, value), key=lambda at: at.bound)
    if first is not nothing:
        unit = np.maximum(0.1 * np.abs(first.prices), 1e-3 * unit)
    return descend(
        lambda prices: book.evaluate(prices, value),
        book.amount,
        book.table.sense,
        first,
        unit,
        steps=_STEPS,
        tolerance=_NEAR,
        enough_time=lambda: left() > 0,
    )


def _by_sample(
    book: Book,
    value: Value,
    options: Options,
    *,
    left: Callable[[], float],
    stage: str,
    start: Floats | None,
) -> tuple[list[Evaluation], Floats] | None:
    """Return what a sample's prices lead to; None where the sample, unlike perhaps the book, has no plan."""
    inner = Value(value.revenue, value.risk)
    few = _part(book, SMALL // 2)
    solved = lowest(few, inner, options, left=left, stage=stage, start=start)
    if solved.infeasible:
        return None
    unit = 0.1 * unit_of(few, inner)
    near_ties = _part(book, max(BLOCK, book.size // _TIES_OF))
    fine = gain_that_counts(options)
    prices = solved.at.prices
    bundle = newton(book, near_ties, value, prices, unit, enough_time=lambda: left() > 0, fine=fine)
    if len(bundle) == 1:
        return bundle, np.abs(prices) / np.sqrt(book.size)
    return bundle, _LAST_STEP * np.abs(bundle[0].prices - bundle[1].prices)


def _part(book: Book, most: int) -> Lagrangian:
    """Return about so many of the enterprises, evenly spread, with their part of the right sides."""
    every = -(-book.size // most)
    some = np.arange(every // 2, book.size, every)
    return Lagrangian(book.gather(some), book.amount * (len(some) / book.size))
