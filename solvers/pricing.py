r"""The Lagrangian, evaluated: what every enterprise would choose if the rows were priced.

With a price :math:`\lambda_r` on each row (≥ 0 for at_most, ≤ 0 for at_least) no plan is worth more than

.. math::

   D(\lambda) = c + \sum_r \lambda_r b_r + \sum_i \max_{k,\; L \in \{0\} \cup [\ell^-_i, \ell^+_i]}
   \Bigl( L\, v_{ik}(\lambda) + \varphi_i(\lambda) [L > 0] \Bigr),

and :math:`b - a` is a subgradient, where :math:`a_r` is what the choices use of row r. (Geoffrion, Lagrangean
relaxation for integer programming, Mathematical Programming Study 2, 1974.)

Enterprises are looked at in blocks of rows, a few arrays of ``BLOCK`` numbers each, which stay in the processor's
cache. Within a block those that the same limits count form a cell, and prices are first added up cell by cell, so
that hundreds of limits cost hardly more than two. A block's sums depend on the block alone and the sums of blocks
are added exactly (``math.fsum``): the result is the same to the last bit on one thread, on two, or with the
blocks spread over machines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem, reordered
from lendplan.models.sums import BLOCK
from lendplan.models.tally import Tally, spans, tallied, tally
from lendplan.solvers.blocks import BEST, Block, block_of
from lendplan.solvers.rowtable import MEASURE, RowTable, Value
from lendplan.solvers.stretch import stretch

_ROUNDING = 16 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class Evaluation:
    """D and what stands behind it, at one vector of prices."""

    prices: Floats  # (rows,)
    bound: float  # D(λ)
    used: Floats  # (rows,) left sides of the rows, as the choices leave them
    revenue: float  # of the choices
    risk: float

    def slope(self, amount: Floats) -> Floats:
        """Return a subgradient of D, (rows,)."""
        return amount - self.used


@dataclass(frozen=True)
class Settlement:
    """A plan: everybody's best choice at some prices, but for a few enterprises.

    Parameters
    ----------
    prices : shape (rows,); None where nobody else is lent to
    value : what is maximised at these prices
    positions, rate, line : of the few, shapes (p,); rate −1 and line 0 where nothing is lent
    """

    prices: Floats | None
    value: Value
    positions: Indices
    rate: Indices
    line: Floats


class Book(Protocol):
    """A problem that can be priced, wherever it stands; its methods are those of :class:`Lagrangian`."""

    problem: Problem  # its enterprises may stand elsewhere
    table: RowTable
    amount: Floats

    @property
    def size(self) -> int:
        """Number of enterprises."""
        ...

    def evaluate(self, prices: Floats, value: Value) -> Evaluation:
        """Return D(λ) and what the choices behind it use."""
        ...

    def closest(
        self, prices: Floats, value: Value, most: int, *, lending: bool = False
    ) -> tuple[Indices, float]:
        """Return the enterprises whose choice hangs on the least."""
        ...

    def gather(self, positions: Indices) -> Problem:
        """Return some of the enterprises as a problem of their own."""
        ...

    def whole(self) -> Problem:
        """Return the problem with all its enterprises."""
        ...

    def choices(self, prices: Floats, value: Value) -> tuple[Indices, Floats]:
        """Return everybody's best choice: rates, −1 where nothing is lent, and lines."""
        ...

    def spread(self, plan: Settlement) -> tuple[Indices, Floats]:
        """Return everybody's rate, −1 where nothing is lent, and line."""
        ...

    def tally(self, plan: Settlement) -> Tally:
        """Return what a plan adds up to."""
        ...


class Lagrangian:
    """A problem in blocks, ready to be priced as often as is asked.

    Parameters
    ----------
    problem : its own right sides hold unless ``amount`` is given
    amount : shape (rows,)
    threads : that answer side by side, where there is more than one block
    block : enterprises a block, ``BLOCK`` unless given
    """

    def __init__(
        self,
        problem: Problem,
        amount: Floats | None = None,
        threads: int = 1,
        block: int | None = None,
    ) -> None:
        self.problem = problem
        self.table = RowTable(problem)
        self.amount = self.table.amount if amount is None else amount
        self._spread: tuple[Settlement, Indices, Floats] | None = None  # the last plan that was asked for
        self.spans = spans(problem.size, BLOCK if block is None else block)
        self._pool = ThreadPoolExecutor(threads) if threads > 1 and len(self.spans) > 1 else None
        self.blocks = list(self._each(lambda span: block_of(stretch(problem, span, self.table)), self.spans))

    @property
    def size(self) -> int:
        """Number of enterprises."""
        return self.problem.size

    def _each(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        return map(work, items) if self._pool is None else self._pool.map(work, items)

    def evaluate(self, prices: Floats, value: Value) -> Evaluation:
        """Return D(λ) and what the choices behind it use.

        Parameters
        ----------
        prices : shape (rows,), d objective / d right side: ≥ 0 for at_most, ≤ 0 for at_least
        value : what is maximised
        """
        return combined(self.answers(prices, value), prices, value, self.amount)

    def answers(self, prices: Floats, value: Value) -> Floats:
        """Return each block's part of D, of each row, of revenue and of risk, (blocks, 1 + rows + 2)."""
        worth = self.table.worth(prices, value)
        answers = list(self._each(lambda block: block.answer(worth), self.blocks))
        if not answers:  # nobody is eligible
            return np.zeros((0, len(self.amount) + 3))
        tables = np.stack(answers)
        whole = tables[:, 0]
        return np.column_stack(
            [whole[:, BEST], self.table.used(tables), whole[:, MEASURE["revenue"]], whole[:, MEASURE["risk"]]]
        )

    def closeness(self, prices: Floats, value: Value, *, lending: bool = False) -> Floats:
        """Return by how much each enterprise's best choice beats its second best, (n,)."""
        worth = self.table.worth(prices, value)
        close = np.empty(self.problem.size)
        for block, part in zip(
            self.blocks,
            self._each(lambda block: block.closeness(worth, lending=lending), self.blocks),
            strict=True,
        ):
            close[block.at] = part
        return close

    def closest(
        self, prices: Floats, value: Value, most: int, *, lending: bool = False
    ) -> tuple[Indices, float]:
        """Return the enterprises whose choice hangs on the least.

        Returns
        -------
        positions : shape (p,), p ≤ ``most``, rising; of equals the first. ``lending``: whether to lend, and with
            which line, hangs on the least; other rates do not count
        beyond : what everybody else's best choice is worth more than the second best, at least
        """
        if most >= self.size:
            return np.arange(self.size), np.inf
        positions, close = self.closer(prices, value, most + 1, lending=lending)
        return least(close, most, positions)

    def closer(
        self, prices: Floats, value: Value, most: int, *, lending: bool = False
    ) -> tuple[Indices, Floats]:
        """Return at least the ``most`` enterprises whose choice hangs on the least, rising, and on how much; (p,)."""
        if not self.blocks:  # nobody is eligible
            return np.empty(0, dtype=np.int64), np.empty(0)
        worth = self.table.worth(prices, value)

        def of(block: Block) -> tuple[Indices, Floats]:
            close = block.closeness(worth, lending=lending)
            if most < len(close):
                near = np.flatnonzero(close <= np.partition(close, most - 1)[most - 1])
                order = np.argsort(block.at[near])
                return block.at[near][order], close[near][order]
            order = np.argsort(block.at)
            return block.at[order], close[order]

        positions, close = zip(*self._each(of, self.blocks), strict=True)
        return np.concatenate(positions), np.concatenate(close)

    def gather(self, positions: Indices) -> Problem:
        """Return some of the enterprises as a problem of their own; its right sides are the whole problem's."""
        return reordered(self.problem, positions)

    def whole(self) -> Problem:
        """Return the problem."""
        return self.problem

    def choices(self, prices: Floats, value: Value) -> tuple[Indices, Floats]:
        """Return everybody's best choice: rates, −1 where nothing is lent, and lines; shapes (n,)."""
        worth = self.table.worth(prices, value)
        rate, line = np.empty(self.size, dtype=np.int64), np.empty(self.size)
        found = self._each(lambda block: block.choose(worth), self.blocks)
        for block, (rates, lines) in zip(self.blocks, found, strict=True):
            rate[block.at], line[block.at] = rates, lines
        return rate, line

    def spread(self, plan: Settlement) -> tuple[Indices, Floats]:
        """Return everybody's rate, −1 where nothing is lent, and line; shapes (n,)."""
        if self._spread is None or self._spread[0] is not plan:
            if plan.prices is None:
                rate, line = np.full(self.size, -1, dtype=np.int64), np.zeros(self.size)
            else:
                rate, line = self.choices(plan.prices, plan.value)
            rate[plan.positions], line[plan.positions] = plan.rate, plan.line
            self._spread = plan, rate, line
        return self._spread[1:]

    def tally(self, plan: Settlement) -> Tally:
        """Return what a plan adds up to."""
        return tally(self.problem, self.tallied(plan))

    def tallied(self, plan: Settlement) -> list[Floats]:
        """Return what each block of a plan adds up to, for :func:`lendplan.models.tally.tally`."""
        rate, line = self.spread(plan)

        def block(span: slice) -> Floats:
            return tallied(self.problem, self.problem.choice(rate[span], line[span], span), span)

        return list(self._each(block, self.spans))


def least(values: Floats, most: int, positions: Indices | None = None) -> tuple[Indices, float]:
    """Return where the ``most`` least of more values stand, rising, and the least of the others; of equals the first.

    Parameters
    ----------
    values : shape (n,), n > ``most``
    positions : shape (n,), rising, what to call each; 0 … n − 1 unless given
    """
    beyond = float(np.partition(values, most)[most])
    below, equal = np.flatnonzero(values < beyond), np.flatnonzero(values == beyond)
    place = np.sort(np.concatenate([below, equal[: most - len(below)]]))
    return place if positions is None else positions[place], beyond


def combined(parts: Floats, prices: Floats, value: Value, amount: Floats) -> Evaluation:
    """Add up the answers of all blocks, exactly, so that their order does not matter.

    The bound holds although each block's sum is rounded: a few units in the last place of all that is added and taken
    off again are put on top. Beside it, prices so large that they leave nothing but rounding are never the best.

    Parameters
    ----------
    parts : shape (blocks, 1 + rows + 2), as :meth:`Lagrangian.answers` gives them
    """
    sums = np.array([math.fsum(column) for column in parts.T.tolist()])
    gross = abs(sums[0]) + float(np.abs(prices) @ np.abs(sums[1:-2]))
    bound = math.fsum([value.constant, sums[0], *(prices * amount).tolist(), _ROUNDING * gross])
    return Evaluation(prices, bound, sums[1:-2], float(sums[-2]), float(sums[-1]))
