"""A stretch of the book that answers prices: everybody's best choice, and what all of them add up to.

Everything is a few arrays of ``BLOCK`` numbers, which stay in the processor's cache. Enterprises that the same limits
count form a cell; prices are added up cell by cell first. A block's answer depends on the block alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import MEASURES, Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.envelopes import Envelope, envelopes
from lendplan.solvers.rowtable import RowTable

_FEW = 48  # an envelope that fewer enterprises of a block share is searched rate by rate instead
_BASIS = ("line", "exposure", "interest", "count")


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
            rate[group.rows], beside[:, group.rows] = (
                group.envelope.best(*along),
                group.envelope.beside(*along),
            )
        if len(self._rest):
            rate[self._rest], beside[0, self._rest] = self._search(self._rest, exposure, interest)

        def per_line(at: Indices) -> Floats:
            v: Floats = line + exposure * self._exposure[self.curve, at]
            v += interest * self._interest[self.curve, at]
            return v

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
        sums = np.bincount(self._cell, weights=values, minlength=cells)
        return np.asarray(sums, dtype=np.float64)

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
