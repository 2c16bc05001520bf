r"""Which rates can be left out before a model is built.

A rate is dropped only if another single rate of the same enterprise is no worse in every objective and in every
row, by its sense. All of them are, per unit of line, :math:`B_i e_{gk} + C_i e_{gk} r_k` plus what does not
depend on the rate, so each is a direction :math:`(B_i, C_i)` in the plane of exposure and interest, and
rate :math:`k'` is no worse than :math:`k` if and only if it is no worse along the two extreme directions of the
cone that they span. Where the directions span more than a half-plane nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Form, Indices
from lendplan.models.problem import Problem

_BLOCK = 2048  # enterprises at a time: 29 × 29 comparisons each, in cache


@dataclass(frozen=True)
class Offers:
    """The pairs of enterprise and rate that a model knows, ordered by enterprise, then rate; shapes (p,)."""

    enterprise: Indices
    rate: Indices

    @property
    def size(self) -> int:
        """Number of pairs."""
        return len(self.enterprise)

    def starts(self, enterprises: int) -> list[int]:
        """Return where each enterprise's pairs begin, and after the last one where they end; n + 1 positions."""
        return [int(place) for place in np.searchsorted(self.enterprise, np.arange(enterprises + 1))]


def all_offers(problem: Problem) -> Offers:
    """Return every admissible pair, none left out."""
    return _pairs(admissible(problem))


def undominated_offers(problem: Problem, objectives: Sequence[Form]) -> Offers:
    """Return the pairs that are left when each rate that another one replaces is dropped.

    Parameters
    ----------
    problem : its rows count with their senses
    objectives : forms to be maximised; a rate must be no worse in each. None: the rows alone count

    Returns
    -------
    Offers
        At least one rate an enterprise. Of rates equal in everything the lowest stays.
    """
    keep = admissible(problem)
    if problem.size == 0:
        return _pairs(keep)
    first, last = _extreme_directions(problem, objectives)
    spans = ~np.isnan(first[:, 0])
    for curve in range(len(problem.retention)):
        chosen = np.flatnonzero((problem.curve == curve) & spans)
        basis = np.stack([problem.exposure_table[curve], problem.interest_table[curve]])
        for start in range(0, len(chosen), _BLOCK):
            block = chosen[start : start + _BLOCK]
            keep[block] &= ~_dominated(keep[block], first[block] @ basis, last[block] @ basis)
    return _pairs(keep)


def admissible(problem: Problem) -> NDArray[np.bool_]:
    """Shape (n, m): whether the enterprise's own bounds admit the rate."""
    rate = np.arange(len(problem.rates))
    return (rate >= problem.first_rate[:, None]) & (rate <= problem.last_rate[:, None])


def _pairs(keep: NDArray[np.bool_]) -> Offers:
    enterprise, rate = np.nonzero(keep)
    return Offers(enterprise.astype(np.int64), rate.astype(np.int64))


def _extreme_directions(problem: Problem, objectives: Sequence[Form]) -> tuple[Floats, Floats]:
    """Return the two outermost directions an enterprise, shapes (n, 2); NaN where they span too much.

    Angles are taken against the first direction that is not zero, so the spread is at most a full turn; a spread
    of half a turn or more drops nothing, which is always safe.
    """
    n = problem.size
    wanted = [*objectives, *(problem.row_form(row) * float(-row.sense) for row in problem.rows)]
    reference = np.full(n, np.nan)
    low, high = np.zeros(n), np.zeros(n)
    first, last = np.zeros((n, 2)), np.zeros((n, 2))
    for form in wanted:
        direction = np.stack(
            [np.broadcast_to(form.exposure, n), np.broadcast_to(form.interest, n)], axis=1
        ).astype(np.float64)
        counts = np.any(direction != 0.0, axis=1)
        angle = np.arctan2(direction[:, 1], direction[:, 0])
        fresh = counts & np.isnan(reference)
        reference[fresh] = angle[fresh]
        first[fresh], last[fresh] = direction[fresh], direction[fresh]
        turned = np.where(counts, (angle - reference + np.pi) % (2 * np.pi) - np.pi, 0.0)
        lower, higher = turned < low, turned > high
        low[lower], high[higher] = turned[lower], turned[higher]
        first[lower], last[higher] = direction[lower], direction[higher]
    first[high - low >= np.pi - 1e-9] = np.nan
    return first, last


def _dominated(keep: NDArray[np.bool_], first: Floats, last: Floats) -> NDArray[np.bool_]:
    """Return which of the rates are replaced by another one; shapes (b, m)."""
    no_worse = (first[:, :, None] >= first[:, None, :]) & (last[:, :, None] >= last[:, None, :])
    better = (first[:, :, None] > first[:, None, :]) | (last[:, :, None] > last[:, None, :])
    rate = np.arange(keep.shape[1])
    earlier = rate[:, None] < rate[None, :]
    replaces = no_worse & (better | earlier) & keep[:, :, None]  # axis 1 replaces axis 2
    return np.asarray(np.any(replaces, axis=1))
