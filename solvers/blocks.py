"""Everybody's best choice at some prices, and what all of them add up to, one stretch of the book at a time.

Two blocks give the same answers to the last bit: :class:`NumpyBlock`, which is the definition, and ``CompiledBlock``
(``compiled.pyx``), the same loops in C, six times as fast at a million enterprises and twenty at some hundred. The
compiled one is used where it was built, which takes a C compiler at installation and nothing else.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lendplan.models.measures import MEASURES, Floats, Indices
from lendplan.solvers.stretch import BASIS, Group, Stretch

try:
    from lendplan.solvers.compiled import CompiledBlock
except ImportError:  # installed without a C compiler
    COMPILED = False
else:
    COMPILED = True
    """Whether the compiled loops were built."""

BEST = len(MEASURES)
"""The column of a block's answer that holds what the choices are worth; the measures stand before it."""


class Block(Protocol):
    """A stretch of the book that answers prices."""

    at: Indices
    """Positions in the problem, (b,); what is answered for each enterprise stands in this order."""

    def answer(self, worth: Floats) -> Floats:
        """Return what the best choices add up to in each slot, (slots + 1, measures + 1).

        Parameters
        ----------
        worth : shape (slots + 1, measures), what a unit of each measure is worth in each slot

        Returns
        -------
        table : the measures, then what the choices are worth, column ``BEST``; the last slot counts nobody
        """
        ...

    def choose(self, worth: Floats) -> tuple[Indices, Floats]:
        """Return everybody's best rate, −1 where nothing is lent, and line; shapes (b,)."""
        ...

    def closeness(self, worth: Floats, *, lending: bool = False) -> Floats:
        """Return by how much each enterprise's best choice beats the next ones, (b,), 0 for a tie.

        The next ones are those that it may give way to as prices move: to decline, the other end of its lines,
        and, unless only ``lending`` counts, the rates beside its own on the envelope.
        """
        ...


def block_of(stretch: Stretch) -> Block:
    """Return a stretch, ready to answer prices as fast as this installation can."""
    return CompiledBlock(stretch) if COMPILED else NumpyBlock(stretch)


class NumpyBlock:
    """A stretch of the book that answers prices, a pass over an array at a time."""

    def __init__(self, stretch: Stretch) -> None:
        self.stretch, self.at = stretch, stretch.at
        self._shared = [group for group in stretch.groups if group.envelope is not None]
        searched = [group for group in stretch.groups if group.envelope is None]
        self._searched = _everybody(searched)
        self._first = np.repeat([group.first for group in searched], _sizes(searched))
        self._last = np.repeat([group.last for group in searched], _sizes(searched))
        self._curve = np.repeat([group.curve for group in stretch.groups], _sizes(stretch.groups))

    def answer(self, worth: Floats) -> Floats:
        """Return what the best choices add up to in each slot, as :meth:`Block.answer` says."""
        stretch = self.stretch
        best, rate, line = self._chosen(worth)
        basis = (
            line,
            line * stretch.exposure[self._curve, rate],
            line * stretch.interest[self._curve, rate],
            (line > 0).astype(np.float64),
        )
        by_cell = np.zeros((len(stretch.slots), BEST + 1))
        by_cell[:, BEST] = self._summed(best)
        plain: dict[int, Floats] = {}
        for (at, measure), factor in zip(stretch.common.pairs, stretch.common.factor, strict=True):
            if at not in plain:
                plain[at] = self._summed(basis[at])
            by_cell[:, measure] += factor * plain[at]
        for (at, measure), factors in zip(stretch.own.pairs, stretch.own.factor, strict=True):
            by_cell[:, measure] += self._summed(basis[at] * factors)
        table = np.zeros((len(worth), BEST + 1))
        for slots in stretch.slots.T:
            np.add.at(table, slots, by_cell)
        table[-1] = 0.0
        return table

    def choose(self, worth: Floats) -> tuple[Indices, Floats]:
        """Return everybody's best rate, −1 where nothing is lent, and line; shapes (b,)."""
        _, rate, line = self._chosen(worth)
        return np.where(line > 0, rate, -1), line

    def closeness(self, worth: Floats, *, lending: bool = False) -> Floats:
        """Return by how much each enterprise's best choice beats the next ones, as :meth:`Block.closeness` says."""
        stretch = self.stretch
        low, high = stretch.low, stretch.high
        line, exposure, interest, loan = self._coefficients(worth)
        rate, beside = np.empty(stretch.size, dtype=np.int64), np.full((2, stretch.size), -1, dtype=np.int64)
        for group in self._shared:
            along = exposure[group.rows], interest[group.rows]
            assert group.envelope is not None
            rate[group.rows] = group.envelope.best(*along)
            beside[:, group.rows] = group.envelope.beside(*along)
        if len(self._searched):
            rate[self._searched], beside[0, self._searched] = self._search(exposure, interest)

        def per_line(at: Indices) -> Floats:
            v: Floats = line + exposure * stretch.exposure[self._curve, at]
            v += interest * stretch.interest[self._curve, at]
            return v

        v = per_line(rate)
        second = np.full(stretch.size, -np.inf)
        if not lending:
            second = np.maximum(*(np.where(at >= 0, per_line(at), -np.inf) for at in beside))
        ends = np.stack([v * low, v * high])
        ends.sort(axis=0)
        worst, best = ends
        other = np.where(low < high, worst, -np.inf)
        with np.errstate(invalid="ignore"):  # −inf × 0
            other = np.fmax(other, np.fmax(second * low, second * high))
        best, other = best + loan, other + loan
        nothing = 0.0 if stretch.must is None else np.where(stretch.must, -np.inf, 0.0)
        # The difference between the two largest of best ≥ other and nothing.
        return np.asarray(np.where(best >= nothing, best - np.maximum(other, nothing), nothing - best))

    def _coefficients(self, worth: Floats) -> list[Floats]:
        """Return what line, exposure, interest and the loan itself are worth to each, four arrays (b,)."""
        stretch = self.stretch
        by_cell = np.zeros((len(stretch.slots), len(MEASURES)))
        for slots in stretch.slots.T:
            by_cell += worth[slots]
        common = np.zeros((len(BASIS), len(by_cell)))
        for (basis, measure), factor in zip(stretch.common.pairs, stretch.common.factor, strict=True):
            common[basis] += factor * by_cell[:, measure]
        each = [row[stretch.cell] for row in common]
        for (basis, measure), factors in zip(stretch.own.pairs, stretch.own.factor, strict=True):
            each[basis] += by_cell[stretch.cell, measure] * factors
        return each

    def _chosen(self, worth: Floats) -> tuple[Floats, Indices, Floats]:
        """Return what the best choices are worth, their rates, whoever is lent to, and their lines, 0 for none."""
        stretch = self.stretch
        v, exposure, interest, loan = self._coefficients(worth)
        rate = np.empty(stretch.size, dtype=np.int64)
        for group in self._shared:
            assert group.envelope is not None
            rate[group.rows] = group.envelope.best(exposure[group.rows], interest[group.rows])
        if len(self._searched):
            rate[self._searched], _ = self._search(exposure, interest)
        v += exposure * stretch.exposure[self._curve, rate]
        v += interest * stretch.interest[self._curve, rate]
        line = np.where(v > 0, stretch.high, stretch.low)
        best = line * v
        best += loan
        lent = best > 0
        if stretch.must is not None:
            lent |= stretch.must
        best[~lent] = 0.0
        line[~lent] = 0.0
        return best, rate, line

    def _search(self, exposure: Floats, interest: Floats) -> tuple[Indices, Indices]:
        """Return the best and the next best rate, −1 for none, where hardly anybody shares the envelope."""
        stretch, some = self.stretch, self._searched
        curve = self._curve[some]
        rate = np.arange(stretch.exposure.shape[1])
        v = exposure[some, None] * stretch.exposure[curve] + interest[some, None] * stretch.interest[curve]
        v[(rate < self._first[:, None]) | (rate > self._last[:, None])] = -np.inf
        best = v.argmax(axis=1)
        v[np.arange(len(some)), best] = -np.inf
        second = v.argmax(axis=1)
        return best, np.where(v[np.arange(len(some)), second] > -np.inf, second, -1)

    def _summed(self, values: Floats) -> Floats:
        """Add up by cell, one after the other."""
        sums = np.bincount(self.stretch.cell, weights=values, minlength=len(self.stretch.slots))
        return np.asarray(sums, dtype=np.float64)


def _sizes(groups: list[Group] | tuple[Group, ...]) -> list[int]:
    return [group.rows.stop - group.rows.start for group in groups]


def _everybody(groups: list[Group]) -> Indices:
    rows = [np.arange(group.rows.start, group.rows.stop) for group in groups]
    return np.concatenate([np.empty(0, dtype=np.int64), *rows])
