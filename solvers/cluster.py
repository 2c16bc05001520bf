"""The same prices answered by several machines: a book in parts, spread over the workers of a Dask cluster.

A part is a stretch of whole blocks of the book. Where it stands, its blocks are those of one process, and so is each
block's answer; a part returns its blocks' answers, a few numbers each, and they are added exactly. So no sum depends
on how many parts there are, or on who answers (:mod:`lendplan.solvers.pricing`).

How a part is made is a function without a state, named after what it is made of. Where a worker dies, Dask calls it
again elsewhere: that costs time, not the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from lendplan.data.texts import Texts
from lendplan.models import sums
from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem, concatenated, reordered
from lendplan.models.tally import Tally, tally
from lendplan.solvers import lagrangian
from lendplan.solvers.pricing import Evaluation, Lagrangian, Settlement, combined, least
from lendplan.solvers.result import Options, Result
from lendplan.solvers.rowtable import RowTable, Value

if TYPE_CHECKING:
    from distributed import Client, Future


@dataclass(frozen=True)
class Share:
    """A part's enterprises as a problem, and their ids, which are packed and not in the problem's own array."""

    problem: Problem
    ids: Texts

    def some(self, positions: Indices) -> Problem:
        """Return some of them as a problem of their own, with their ids."""
        whole = self.problem
        return reordered(whole, positions).replaced(enterprise=self.ids.take(positions).objects())


@dataclass(frozen=True)
class Part:
    """A stretch of the enterprises, whole blocks of them unless it is the last.

    Parameters
    ----------
    first, size : position of its first enterprise, and how many there are
    make : makes its share of the problem on any machine; always the same one
    name : the same for the same part of the same question, and for no other
    """

    first: int
    size: int
    make: Callable[[], Share]
    name: str


@dataclass(frozen=True)
class Standing:
    """A part as it stands with a worker."""

    share: Share
    blocks: Lagrangian


class ClusterBook:
    """A problem in parts over a cluster, ready to be priced as often as is asked.

    Parameters
    ----------
    client : of the cluster
    problem : the problem without its enterprises: its rows, in the order that all parts have them in
    parts : in the book's order, without a gap
    amount : shape (rows,), right sides; the problem's own unless given
    """

    def __init__(
        self, client: Client, problem: Problem, parts: Sequence[Part], amount: Floats | None = None
    ) -> None:
        self.client, self.problem, self.parts = client, problem, tuple(parts)
        self.table = RowTable(problem)
        self.amount = self.table.amount if amount is None else amount
        self._starts = np.array([part.first for part in self.parts], dtype=np.int64)
        self.standing: list[Future[Any]] = [
            client.submit(stand, part.make, sums.BLOCK, key=f"{part.name}-standing-{sums.BLOCK}")
            for part in self.parts
        ]

    @property
    def size(self) -> int:
        """Number of enterprises."""
        return sum(part.size for part in self.parts)

    def ask(self, question: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Return what each part answers to ``question(standing, …)``, in the book's order."""
        asked = [self.client.submit(question, one, *arguments, pure=False) for one in self.standing]
        return gathered(self.client, asked)

    def ask_of(self, plan: Settlement, question: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Return what each part answers to ``question(standing, its part of the plan, …)``, in the book's order."""
        asked = [
            self.client.submit(question, one, part_of(plan, part), *arguments, pure=False)
            for one, part in zip(self.standing, self.parts, strict=True)
        ]
        return gathered(self.client, asked)

    def evaluate(self, prices: Floats, value: Value) -> Evaluation:
        """Return D(λ) and what the choices behind it use; as :meth:`Lagrangian.evaluate`."""
        return combined(np.concatenate(self.ask(_answers, prices, value)), prices, value, self.amount)

    def closest(
        self, prices: Floats, value: Value, most: int, *, lending: bool = False
    ) -> tuple[Indices, float]:
        """Return the enterprises whose choice hangs on the least; as :meth:`Lagrangian.closest`."""
        if most >= self.size:
            return np.arange(self.size), np.inf
        found = self.ask(_closest, prices, value, most + 1, lending)
        positions = np.concatenate(
            [part.first + place for part, (place, _) in zip(self.parts, found, strict=True)]
        )
        return least(np.concatenate([close for _, close in found]), most, positions)

    def gather(self, positions: Indices) -> Problem:
        """Return some of the enterprises as a problem of their own; as :meth:`Lagrangian.gather`."""
        place = np.searchsorted(self._starts, positions, side="right") - 1
        order = np.argsort(place, kind="stable")
        asked = [
            self.client.submit(
                _some, self.standing[at], positions[place == at] - self._starts[at], pure=False
            )
            for at in np.unique(place).tolist()
        ]
        if not asked:
            return self.problem
        together = concatenated(gathered(self.client, asked)).replaced(objective=self.problem.objective)
        return together if (np.diff(order) == 1).all() else reordered(together, np.argsort(order))

    def choices(self, prices: Floats, value: Value) -> tuple[Indices, Floats]:
        """Return everybody's best choice: rates, −1 where nothing is lent, and lines; shapes (n,)."""
        rate, line = np.empty(self.size, dtype=np.int64), np.empty(self.size)
        for part, (rates, lines) in zip(self.parts, self.ask(chosen_in, prices, value), strict=True):
            here = slice(part.first, part.first + part.size)
            rate[here], line[here] = rates, lines
        return rate, line

    def spread(self, plan: Settlement) -> tuple[Indices, Floats]:
        """Return everybody's rate, −1 where nothing is lent, and line; shapes (n,)."""
        found = self.ask_of(plan, _spread)
        return np.concatenate([rate for rate, _ in found]), np.concatenate([line for _, line in found])

    def tally(self, plan: Settlement) -> Tally:
        """Return what a plan adds up to."""
        return tally(self.problem, [block for blocks in self.ask_of(plan, _tallied) for block in blocks])

    def whole(self) -> Problem:
        """Return the problem with all its enterprises, in this process."""
        return self.gather(np.arange(self.size))


def gathered(client: Client, asked: Sequence[Future[Any]]) -> list[Any]:
    """Return what was asked for, in that order."""
    return cast(list[Any], client.gather(asked))


def part_of(plan: Settlement, part: Part) -> Settlement:
    """Return what a plan says of one part, positions counted from its first."""
    first, last = np.searchsorted(plan.positions, (part.first, part.first + part.size)).tolist()
    few = slice(first, last)
    return replace(plan, positions=plan.positions[few] - part.first, rate=plan.rate[few], line=plan.line[few])


def solve(book: ClusterBook, options: Options) -> tuple[Result, Settlement | None]:
    """Solve a problem of the formulation ``joint`` that stands in parts.

    Returns
    -------
    result : as :func:`lendplan.solvers.lagrangian.solve` has it, ``rate`` and ``line`` left out
    plan : None where there is none

    Raises
    ------
    SolverError
        Where an answer cannot be trusted.
    """
    if book.size > sums.BLOCK:
        return lagrangian.solve_book(book.problem, lambda: book, options)
    result = lagrangian.solve(book.whole(), options)  # a single block: nothing is won by asking for it afar
    book.problem = book.problem.replaced(objective=result.problem.objective)
    plan = None
    if result.rate is not None and result.line is not None:
        plan = Settlement(None, Value(0.0, 0.0), np.arange(book.size), result.rate, result.line)
    return replace(result, problem=book.problem, rate=None, line=None), plan


# ------------------------------------------------------------------------------------------- what workers do
def stand(make: Callable[[], Share], block: int) -> Standing:
    """Make a part and divide it into blocks."""
    share = make()
    return Standing(share, Lagrangian(share.problem, block=block))


def _answers(standing: Standing, prices: Floats, value: Value) -> Floats:
    return standing.blocks.answers(prices, value)


def _closest(
    standing: Standing, prices: Floats, value: Value, most: int, lending: bool
) -> tuple[Indices, Floats]:
    """Return at least the ``most`` closest of a part, places in the part and how close they are."""
    return standing.blocks.closer(prices, value, most, lending=lending)


def _some(standing: Standing, positions: Indices) -> Problem:
    return standing.share.some(positions)


def chosen_in(standing: Standing, prices: Floats, value: Value) -> tuple[NDArray[np.int16], Floats]:
    """Return the best choices of a part; rates as small numbers, since many of them travel."""
    rate, line = standing.blocks.choices(prices, value)
    return rate.astype(np.int16), line


def _spread(standing: Standing, plan: Settlement) -> tuple[Indices, Floats]:
    return standing.blocks.spread(plan)


def _tallied(standing: Standing, plan: Settlement) -> list[Floats]:
    return standing.blocks.tallied(plan)
