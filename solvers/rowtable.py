"""Which limits count whom: prices by row become the worth of measures by group, and sums by group the use of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import MEASURES, Floats, Indices, MeasureName
from lendplan.models.problem import Problem
from lendplan.solvers.envelopes import compact

MEASURE: dict[MeasureName | str, int] = {name: at for at, name in enumerate(MEASURES)}
"""The column of each measure in a table of measures."""


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


_ROUNDING = 1e-13
_MOST_KEYS = 1 << 16  # of cells, until those that occur are counted off


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
                entries += [(r, slot, MEASURE["interest"], 1.0), (r, slot, MEASURE["exposure"], -row.rate)]
                continue
            entries.append((r, slot, MEASURE[row.measure], 1.0))
            if row.share is not None:
                entries.append((r, 0, MEASURE[row.measure], -row.share))
        row_, slot_, measure_, factor_ = zip(*entries, strict=True)
        self._row, self._slot, self._measure = np.array(row_), np.array(slot_), np.array(measure_)
        self._starts = np.flatnonzero(np.diff(self._row, prepend=-1))  # the entries of a row stand together
        self._factor = np.array(factor_)
        self.needed = tuple(sorted(set(measure_) | {MEASURE["revenue"], MEASURE["risk"]}))

    def slots_of(self, rows: slice) -> tuple[NDArray[np.int32], Indices]:
        """Return the cell of each of the rows and the slots that count each cell, (cells, arrays + 1)."""
        cells = _Cells(rows.stop - rows.start)
        for codes, first, width in zip(self.arrays, self._first, self._widths, strict=True):
            # As an unsigned number a code below 0, which no row counts, is beyond the width, too.
            cells.divide(np.minimum(codes[rows].view(np.uint32), np.uint32(width)), width + 1, first)
        cells.settle()
        slots = cells.slots
        return cells.of, np.where(slots < 0, self.slots, slots)  # the last slot counts nobody

    def worth(self, prices: Floats, value: Value) -> Floats:
        """Return what a unit of each measure is worth in each slot, (slots + 1, measures)."""
        place = self._slot * len(MEASURES) + self._measure
        priced = -prices[self._row] * self._factor
        flat = np.bincount(place, weights=priced, minlength=(self.slots + 1) * len(MEASURES))
        table = np.asarray(flat, dtype=np.float64).reshape(self.slots + 1, len(MEASURES))
        table[0, MEASURE["revenue"]] += value.revenue
        table[0, MEASURE["risk"]] += value.risk
        return table

    def used(self, tables: Floats) -> Floats:
        """Return each row's left side from the measures by slot, (blocks, slots + 1, measures …) → (blocks, rows).

        What is left of terms that cancel but for rounding is 0: where everybody pays the average rate that is allowed,
        nothing is used of that limit, and a price made from what is used would be without measure.
        """
        terms = tables[:, self._slot, self._measure] * self._factor
        used = np.add.reduceat(terms, self._starts, axis=1)
        gross = np.add.reduceat(np.abs(terms), self._starts, axis=1)
        return np.where(np.abs(used) <= _ROUNDING * gross, 0.0, used)


class _Cells:
    """A division of enterprises into those that the same rows count.

    Codes become digits of a key, and the keys that occur are counted off once there may be too many.
    """

    def __init__(self, size: int) -> None:
        self.of = np.zeros(size, dtype=np.int32)  # (size,) the cell of each
        self.slots = np.zeros((1, 1), dtype=np.int64)  # (cells, arrays + 1), −1 for none
        self._key, self._keys = np.zeros(size, dtype=np.int64), 1
        self._digits: list[tuple[int, int]] = []

    def divide(self, code: NDArray[np.uint32], digits: int, first: int) -> None:
        """Divide by a code from 0 to ``digits`` − 1; the last is of no slot, the others are from ``first`` on."""
        if self._keys * digits > _MOST_KEYS:
            self.settle()
        self._key *= digits
        self._key += code
        self._keys *= digits
        self._digits.append((digits, first))

    def settle(self) -> None:
        """Count off the cells that occur."""
        present, self.of = compact(self._key, self._keys)
        columns: list[Indices] = []
        for digits, first in reversed(self._digits):
            present, code = np.divmod(present, digits)
            columns.append(np.where(code < digits - 1, first + code, -1))
        self.slots = np.column_stack([self.slots[present], *columns[::-1]])
        self._key, self._keys, self._digits = self.of.astype(np.int64), len(self.slots), []
