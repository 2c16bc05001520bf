"""A stretch of the book, laid out to answer prices: a few arrays of ``BLOCK`` numbers, which stay in the cache.

Enterprises stand in the order of their envelopes, so that those who share one are a slice. Those that the same limits
count form a cell; prices are added up cell by cell first, so that hundreds of limits cost hardly more than two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import MEASURES, Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.envelopes import Envelope, compact, envelope
from lendplan.solvers.rowtable import RowTable

BASIS = ("line", "exposure", "interest", "count")
_FEW = 48  # an envelope that fewer enterprises of a stretch share is searched rate by rate instead
_FEW_KINDS = 16  # of envelopes: so few are built in any case


@dataclass(frozen=True)
class Terms:
    """Parts of measures in the coefficients of the basis: measure += factor × basis, t of them."""

    basis: NDArray[np.int32]  # (t,) positions in BASIS
    measure: NDArray[np.int32]  # (t,)
    factor: Floats  # (t,), or (t, b) where each enterprise has its own

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Basis and measure of each."""
        return list(zip(self.basis.tolist(), self.measure.tolist(), strict=True))


@dataclass(frozen=True)
class Group:
    """Enterprises that share a churn curve and the rates they may have, from ``first`` to ``last``, both included."""

    rows: slice
    curve: int
    first: int
    last: int
    envelope: Envelope | None  # None: too few share it, the rates are looked at one by one


@dataclass(frozen=True)
class Stretch:
    """b enterprises, with all they need to answer prices; the same wherever it is built."""

    at: Indices  # (b,) positions in the problem
    low: Floats  # (b,) the least line
    high: Floats  # (b,) the largest
    must: NDArray[np.bool_] | None  # (b,) whether to lend is no question; None where it is one for all
    cell: NDArray[np.int32]  # (b,)
    slots: Indices  # (cells, arrays + 1), the slots of the row table that count each cell; the last counts nobody
    groups: tuple[Group, ...]  # one after the other, all of the stretch
    exposure: Floats  # (curves, m)
    interest: Floats  # (curves, m)
    common: Terms  # the same for everybody
    own: Terms

    @property
    def size(self) -> int:
        """Number of enterprises."""
        return len(self.at)


def stretch(problem: Problem, rows: slice, table: RowTable) -> Stretch:
    """Lay out some rows of a problem, one after the other."""
    groups, order = _groups(problem, rows)
    at = order + rows.start
    cell, slots = table.slots_of(rows)
    common, own = _terms(problem, at, table.needed)
    return Stretch(
        at,
        problem.line_min[at],
        problem.line_max[at],
        problem.must_lend[at] if problem.must_lend[rows].any() else None,
        cell[order],
        slots,
        groups,
        problem.exposure_table,
        problem.interest_table,
        common,
        own,
    )


def _groups(problem: Problem, rows: slice) -> tuple[tuple[Group, ...], Indices]:
    """Return who shares an envelope, and the order in which they stand together."""
    m = len(problem.rates)
    key = problem.curve[rows].astype(np.int64)
    for rate in (problem.first_rate, problem.last_rate):
        key *= m
        key += rate[rows]
    codes, kind = compact(key, len(problem.retention) * m * m)
    few = len(codes) <= np.iinfo(np.uint16).max
    order = np.argsort(
        kind.astype(np.uint16) if few else kind, kind="stable"
    )  # small numbers are sorted by counting
    ends = np.cumsum(np.bincount(kind, minlength=len(codes))).tolist()
    groups = []
    for code, start, stop in zip(codes.tolist(), [0, *ends[:-1]], ends, strict=True):
        curve, first, last = code // (m * m), code // m % m, code % m
        shared = stop - start >= _FEW or len(codes) <= _FEW_KINDS
        own = (
            envelope(problem.exposure_table[curve], problem.interest_table[curve], first, last)
            if shared
            else None
        )
        groups.append(Group(slice(start, stop), curve, first, last, own))
    return tuple(groups), order


def _terms(problem: Problem, at: Indices, needed: tuple[int, ...]) -> tuple[Terms, Terms]:
    """Split the forms of the measures that count into terms, those with one factor for all and the others."""
    common: list[tuple[int, int]] = []
    own: list[tuple[int, int]] = []
    factors: list[float] = []
    own_factors: list[Floats] = []
    for measure in needed:
        form = problem.measures[MEASURES[measure]]
        for basis, name in enumerate(BASIS):
            factor = getattr(form, name)
            if isinstance(factor, np.ndarray):
                own.append((basis, measure))
                own_factors.append(factor[at])
            elif factor != 0.0:
                common.append((basis, measure))
                factors.append(float(factor))
    each = np.stack(own_factors) if own else np.empty((0, len(at)))
    return _terms_of(common, np.array(factors)), _terms_of(own, each)


def _terms_of(pairs: list[tuple[int, int]], factor: Floats) -> Terms:
    basis, measure = np.ascontiguousarray(np.array(pairs, dtype=np.int32).reshape(-1, 2).T)
    return Terms(basis, measure, factor)
