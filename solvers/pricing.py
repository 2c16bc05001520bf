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
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import MEASURES, Floats, Indices, MeasureName
from lendplan.models.problem import Problem, reordered
from lendplan.models.sums import BLOCK
from lendplan.models.tally import Tally, tally_of
from lendplan.solvers.envelopes import Envelope, compact, envelopes

_FEW = 48  # an envelope that fewer enterprises of a block share is searched rate by rate instead
_BASIS = ("line", "exposure", "interest", "count")


@dataclass(frozen=True)
class Value:
    """What is maximised: total revenue and total risk with their weights, plus a constant."""

    revenue: float
    risk: float
    constant: float = 0.0


def value_of(problem: Problem) -> Value:
    """Return the problem's own objective; needs the ranges where it is ``weighted``."""
    weights = problem.scalarisation
    return Value(weights.revenue, weights.risk, weights.constant)


class RowTable:
    """Which limits count whom: the rows as entries (row, slot, measure, factor).

    A slot is a group of enterprises: all of them, or those with one code in one of the limits' code arrays. Row r
    is Σ factor × measure(slot) over its entries.
    """

    def __init__(self, problem: Problem) -> None:
        rows = problem.rows
        self.names = tuple(row.name for row in rows)
        self.amount = np.array([row.whole_amount for row in rows])
        self.sense = np.array([float(row.sense) for row in rows])
        self.arrays: list[NDArray[np.int32]] = []  # distinct arrays of codes
        self._widths: list[int] = []  # of each: codes from here on are counted by no row
        known: dict[int, int] = {}
        for row in rows:
            if row.members is not None:
                codes = row.members.codes
                if id(codes) not in known:
                    known[id(codes)] = len(self.arrays)
                    self.arrays.append(codes)
                    self._widths.append(0)
                at = known[id(codes)]
                self._widths[at] = max(self._widths[at], row.members.code + 1)
        # Slot 0 counts everybody; the slots depend on the rows alone, so that parts of a book agree on them.
        self._first = [1 + sum(self._widths[:at]) for at in range(len(self._widths))]
        self.slots = 1 + sum(self._widths)
        entries: list[tuple[int, int, int, float]] = []
        for r, row in enumerate(rows):
            slot = 0
            if row.members is not None:
                slot = self._first[known[id(row.members.codes)]] + row.members.code
            if row.measure == "average_rate":
                assert row.rate is not None
                entries += [(r, slot, _MEASURE["interest"], 1.0), (r, slot, _MEASURE["exposure"], -row.rate)]
                continue
            entries.append((r, slot, _MEASURE[row.measure], 1.0))
            if row.share is not None:
                entries.append((r, 0, _MEASURE[row.measure], -row.share))
        row_, slot_, measure_, factor_ = zip(*entries, strict=True)
        self._row, self._at = np.array(row_), np.array(slot_) * len(MEASURES) + np.array(measure_)
        self._factor = np.array(factor_)
        self.needed = tuple(sorted(set(measure_) | {_MEASURE["revenue"], _MEASURE["risk"]}))

    def slots_of(self, rows: slice) -> tuple[NDArray[np.int32], Indices]:
        """Return the cell of each of the rows and the slots that count each cell, (cells, arrays + 1)."""
        length = rows.stop - rows.start
        cell = np.zeros(length, dtype=np.int32)
        slots = np.zeros((1, 1), dtype=np.int64)
        for codes, first, width in zip(self.arrays, self._first, self._widths, strict=True):
            own = codes[rows].astype(np.int64)
            own[(own < 0) | (own >= width)] = width
            present, cell = compact(cell * np.int64(width + 1) + own, len(slots) * (width + 1))
            code = present % (width + 1)
            added = np.where(code < width, first + code, self.slots)  # the last slot counts nobody
            slots = np.column_stack([slots[present // (width + 1)], added])
        return cell, slots

    def worth(self, prices: Floats, value: Value) -> Floats:
        """Return what a unit of each measure is worth in each slot, (slots + 1, measures)."""
        flat = np.bincount(
            self._at, weights=-prices[self._row] * self._factor, minlength=(self.slots + 1) * len(MEASURES)
        )
        table = flat.reshape(self.slots + 1, len(MEASURES))
        table[0, _MEASURE["revenue"]] += value.revenue
        table[0, _MEASURE["risk"]] += value.risk
        return table

    def used(self, table: Floats) -> Floats:
        """Return each row's left side from the measures by slot, (slots + 1, measures) → (rows,)."""
        return np.bincount(
            self._row, weights=table.reshape(-1)[self._at] * self._factor, minlength=len(self.names)
        )


_MEASURE: dict[MeasureName | str, int] = {name: at for at, name in enumerate(MEASURES)}


@dataclass(frozen=True)
class Term:
    """One measure's part in one basis coefficient: a number, or one an enterprise of the block."""

    basis: int
    measure: int
    factor: Floats | float


@dataclass(frozen=True)
class Group:
    """A stretch of a block whose enterprises share an envelope and a churn curve."""

    rows: slice
    envelope: Envelope
    curve: int


@dataclass(frozen=True)
class Chosen:
    """The choices of one block, in its own order; shapes (b,)."""

    best: Floats  # the maximum, per enterprise
    rate: Indices
    line: Floats  # 0 where nothing is lent
    per_line: Floats  # v at that rate
    per_loan: Floats  # φ


class Block:
    """A stretch of the book, with all it needs to answer prices; the same wherever it is built."""

    def __init__(self, problem: Problem, rows: slice, table: RowTable) -> None:
        kinds = envelopes(problem, rows)
        order = np.argsort(kinds.of, kind="stable")
        self.at = order + rows.start  # positions in the problem, in the block's order
        self.low, self.high = problem.line_min[self.at], problem.line_max[self.at]
        self.must = problem.must_lend[self.at] if problem.must_lend[rows].any() else None
        self.first, self.last = problem.first_rate[self.at], problem.last_rate[self.at]
        self.curve = problem.curve[self.at]
        self._exposure, self._interest = problem.exposure_table, problem.interest_table
        cell, self._slots = table.slots_of(rows)
        self._cell = cell[order]
        self._terms = _terms(problem, self.at, table.needed)
        self._groups, self._rest = _groups(kinds.kinds, kinds.of[order], self.curve)
        self._needed = table.needed

    @property
    def size(self) -> int:
        """Number of enterprises."""
        return len(self.at)

    def coefficients(self, worth: Floats) -> list[Floats]:
        """Return what line, exposure, interest and the loan itself are worth to each, four arrays (b,)."""
        by_cell = worth[self._slots].sum(axis=1)
        flat: list[Floats | float] = [0.0] * len(_BASIS)
        varying: list[list[Term]] = [[] for _ in _BASIS]
        for term in self._terms:
            if isinstance(term.factor, float):
                flat[term.basis] = flat[term.basis] + term.factor * by_cell[:, term.measure]
            else:
                varying[term.basis].append(term)
        out: list[Floats] = []
        for basis in range(len(_BASIS)):
            common = flat[basis]
            sums = np.zeros(self.size) if isinstance(common, float) else self._spread(common)
            for term in varying[basis]:
                sums += self._spread(by_cell[:, term.measure]) * term.factor
            out.append(sums)
        return out

    def _spread(self, by_cell: Floats) -> Floats:
        return by_cell[self._cell] if len(by_cell) > 1 else np.full(self.size, by_cell[0])

    def choose(self, worth: Floats) -> Chosen:
        """Return everybody's best choice at these prices."""
        line, exposure, interest, loan = self.coefficients(worth)
        rate = np.empty(self.size, dtype=np.int64)
        for group in self._groups:
            rate[group.rows] = group.envelope.best(exposure[group.rows], interest[group.rows])
        if len(self._rest):
            rate[self._rest], _ = self._search(self._rest, exposure, interest)
        v = line
        v += exposure * self._exposure[self.curve, rate]
        v += interest * self._interest[self.curve, rate]
        best = np.where(v > 0, self.high, self.low)
        granted = best.copy()
        best *= v
        best += loan
        lent = best > 0
        if self.must is not None:
            lent |= self.must
        best[~lent] = 0.0
        granted[~lent] = 0.0
        return Chosen(best, rate, granted, v, loan)

    def _search(self, some: Indices, exposure: Floats, interest: Floats) -> tuple[Indices, Indices]:
        """Return the best and the next best rate, −1 for none, where hardly anybody shares the envelope."""
        curve = self.curve[some]
        rate = np.arange(self._exposure.shape[1])
        v = exposure[some, None] * self._exposure[curve] + interest[some, None] * self._interest[curve]
        v[(rate < self.first[some, None]) | (rate > self.last[some, None])] = -np.inf
        best = v.argmax(axis=1)
        v[np.arange(len(some)), best] = -np.inf
        second = v.argmax(axis=1)
        return best, np.where(v[np.arange(len(some)), second] > -np.inf, second, -1)

    def closeness(self, worth: Floats, *, lending: bool = False) -> Floats:
        """Return by how much each enterprise's best choice beats the next ones, (b,), 0 for a tie.

        The next ones are those that it may give way to as prices move: to decline, the other end of its lines,
        and, unless only ``lending`` counts, the rates beside its own on the envelope.
        """
        line, exposure, interest, loan = self.coefficients(worth)
        rate, beside = np.empty(self.size, dtype=np.int64), np.full((2, self.size), -1, dtype=np.int64)
        for group in self._groups:
            along = exposure[group.rows], interest[group.rows]
            rate[group.rows], beside[:, group.rows] = group.envelope.best(*along), group.envelope.beside(*along)
        if len(self._rest):
            rate[self._rest], beside[0, self._rest] = self._search(self._rest, exposure, interest)

        def per_line(at: Indices) -> Floats:
            v: Floats = line + exposure * self._exposure[self.curve, at]
            return v + interest * self._interest[self.curve, at]

        v = per_line(rate)
        second = np.full(self.size, -np.inf)
        if not lending:
            second = np.maximum(*(np.where(at >= 0, per_line(at), -np.inf) for at in beside))
        ends = np.stack([v * self.low, v * self.high])
        ends.sort(axis=0)
        worst, best = ends
        other = np.where(self.low < self.high, worst, -np.inf)
        with np.errstate(invalid="ignore"):  # −inf × 0
            other = np.fmax(other, np.fmax(second * self.low, second * self.high))
        best, other = best + loan, other + loan
        nothing = 0.0 if self.must is None else np.where(self.must, -np.inf, 0.0)
        # The difference between the two largest of best ≥ other and nothing.
        return np.asarray(np.where(best >= nothing, best - np.maximum(other, nothing), nothing - best))

    def measured(self, chosen: Chosen) -> Floats:
        """Add up the measures of the choices by slot, (slots used + 1, measures) as ``RowTable.used`` takes it."""
        line = chosen.line
        exposure = line * self._exposure[self.curve, chosen.rate]
        basis = (
            line,
            exposure,
            line * self._interest[self.curve, chosen.rate],
            (line > 0).astype(np.float64),
        )
        cells = len(self._slots)
        by_cell = np.zeros((cells, len(MEASURES)))
        plain: dict[int, Floats] = {}
        for term in self._terms:
            if isinstance(term.factor, float):
                if term.basis not in plain:
                    plain[term.basis] = self._summed(basis[term.basis], cells)
                by_cell[:, term.measure] += term.factor * plain[term.basis]
            else:
                by_cell[:, term.measure] += self._summed(basis[term.basis] * term.factor, cells)
        return by_cell

    def _summed(self, values: Floats, cells: int) -> Floats:
        if cells == 1:
            return np.array([values.sum()])
        return np.bincount(self._cell, weights=values, minlength=cells)

    def by_slot(self, by_cell: Floats, slots: int) -> Floats:
        """Spread sums by cell over the slots that count each cell, (slots + 1, measures)."""
        table = np.zeros((slots + 1, len(MEASURES)))
        for column in range(self._slots.shape[1]):
            np.add.at(table, self._slots[:, column], by_cell)
        return table


def _terms(problem: Problem, at: Indices, needed: Sequence[int]) -> list[Term]:
    """Split the forms of the measures that count into terms."""
    terms = []
    for measure in needed:
        form = problem.measures[MEASURES[measure]]
        for basis, name in enumerate(_BASIS):
            factor = getattr(form, name)
            if isinstance(factor, np.ndarray):
                terms.append(Term(basis, measure, np.ascontiguousarray(factor[at])))
            elif factor != 0.0:
                terms.append(Term(basis, measure, float(factor)))
    return terms


def _groups(
    kinds: Sequence[Envelope], of: NDArray[np.int32], curve: NDArray[np.int16]
) -> tuple[list[Group], Indices]:
    """Return the stretches that share an envelope, and the positions that share it with hardly anybody."""
    ends = np.searchsorted(of, np.arange(len(kinds) + 1))
    groups, rest = [], []
    for kind, (start, stop) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
        if stop - start >= _FEW or len(kinds) <= 16:
            groups.append(Group(slice(start, stop), kinds[kind], int(curve[start])))
        else:
            rest.append(np.arange(start, stop))
    return groups, np.concatenate(rest) if rest else np.empty(0, dtype=np.int64)


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

    def within(self, prices: Floats, value: Value, margin: float) -> Indices:
        """Return the enterprises that have more than one choice within ``margin`` of their best."""
        ...

    def gather(self, positions: Indices) -> Problem:
        """Return some of the enterprises as a problem of their own."""
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
        self.block = step = BLOCK if block is None else block
        self._pool = ThreadPoolExecutor(threads) if threads > 1 and problem.size > step else None
        spans = [slice(start, min(start + step, problem.size)) for start in range(0, problem.size, step)]
        self.blocks = list(self._each(lambda span: Block(problem, span, self.table), spans))

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
        worth = self.table.worth(prices, value)
        parts = list(self._each(lambda block: answer(block, worth, self.table), self.blocks))
        return combined(parts, prices, value, self.amount)

    def closeness(self, prices: Floats, value: Value, *, lending: bool = False) -> Floats:
        """Return by how much each enterprise's best choice beats its second best, (n,)."""
        worth = self.table.worth(prices, value)
        close = np.empty(self.problem.size)
        for block, part in zip(
            self.blocks, self._each(lambda block: block.closeness(worth, lending=lending), self.blocks), strict=True
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
        return least(self.closeness(prices, value, lending=lending), most)

    def within(self, prices: Floats, value: Value, margin: float) -> Indices:
        """Return the enterprises that have more than one choice within ``margin`` of their best; positions, rising."""
        worth = self.table.worth(prices, value)
        found = self._each(lambda block: block.at[block.closeness(worth) <= margin], self.blocks)
        return np.sort(np.concatenate(list(found))) if self.blocks else np.empty(0, dtype=np.int64)

    def gather(self, positions: Indices) -> Problem:
        """Return some of the enterprises as a problem of their own; its right sides are the whole problem's."""
        return reordered(self.problem, positions)

    def choices(self, prices: Floats, value: Value) -> tuple[Indices, Floats]:
        """Return everybody's best choice: rates, −1 where nothing is lent, and lines; shapes (n,)."""
        worth = self.table.worth(prices, value)
        rate, line = np.empty(self.size, dtype=np.int64), np.empty(self.size)
        found = self._each(lambda block: block.choose(worth), self.blocks)
        for block, chosen in zip(self.blocks, found, strict=True):
            rate[block.at] = np.where(chosen.line > 0, chosen.rate, -1)
            line[block.at] = chosen.line
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
        return tally_of(self.problem, self.problem.choice(*self.spread(plan)))


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


def answer(block: Block, worth: Floats, table: RowTable) -> Floats:
    """Return a block's part of D, of each row, of revenue and of risk, (1 + rows + 2,)."""
    chosen = block.choose(worth)
    by_slot = block.by_slot(block.measured(chosen), table.slots)
    revenue, risk = by_slot[0, _MEASURE["revenue"]], by_slot[0, _MEASURE["risk"]]
    return np.concatenate([[chosen.best.sum()], table.used(by_slot), [revenue, risk]])


def combined(parts: Sequence[Floats], prices: Floats, value: Value, amount: Floats) -> Evaluation:
    """Add up the answers of all blocks, exactly, so that their order does not matter."""
    if not parts:  # nobody is eligible
        parts = [np.zeros(len(amount) + 3)]
    sums = np.array([math.fsum(column) for column in zip(*(part.tolist() for part in parts), strict=True)])
    bound = math.fsum([value.constant, sums[0], *(prices * amount).tolist()])
    return Evaluation(prices, bound, sums[1:-2], float(sums[-2]), float(sums[-1]))
