"""Divisions that look at scores or numbers of loans alone, for contrast: most of them break the default pyramid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lendplan.rating.loans.gradetable import GRADES, GradeTable, grade_table
from lendplan.rating.loans.losscurve import LossCurve, Places, loss_curve
from lendplan.rating.records import Floats

BELL = (0.08, 0.16, 0.30, 0.16, 0.10, 0.08, 0.06, 0.04, 0.02)
"""Shares of loans from AAA to C of a published division by head-count (Complexity 2021, 5605499, table 6)."""


def by_head_count(
    score: Floats, receivable: Floats, defaulted: Floats, shares: Sequence[float] = BELL
) -> GradeTable:
    """Divide loans into grades by their number.

    Parameters
    ----------
    score, receivable, defaulted
        Shape (n,), as for :func:`lendplan.rating.loans.pyramid.find_pyramid`.
    shares
        Of the grades, from best to worst; their sum is 1. ``[1/9] * 9`` for equal ones.

    Returns
    -------
    GradeTable
        Grade k ends with loan ⌈(share_1 + … + share_k)·n⌉, or with the last loan of the same score. A grade that equal
        scores leave no loan is left out, so that there may be fewer grades.
    """
    curve = loss_curve(score, receivable, defaulted)
    wanted = np.ceil(np.cumsum(shares) * len(score) - 1e-9)
    ends = np.searchsorted(curve.count, np.minimum(wanted, len(score)))
    cuts = np.unique(np.concatenate([[0], ends, [curve.size]]))
    return grade_table(curve, cuts, score, defaulted > 0)


def by_k_means(score: Floats, receivable: Floats, defaulted: Floats, grades: int = len(GRADES)) -> GradeTable:
    """Divide loans into grades by k-means on their scores, exactly.

    Parameters
    ----------
    score, receivable, defaulted
        Shape (n,), as for :func:`lendplan.rating.loans.pyramid.find_pyramid`.
    grades
        How many; fewer where there are fewer distinct scores.

    Notes
    -----
    On a line the clusters of least Σ (score − mean)² are intervals, and the best beginning of the last one moves on
    with its end, so that divide and conquer finds them in n·log n steps a grade (Grønlund and others 2017, "Fast exact
    k-means, k-medians and Bregman divergence clustering in 1D").
    """
    curve = loss_curve(score, receivable, defaulted)
    cuts = _k_means_cuts(curve, min(grades, curve.size))
    return grade_table(curve, cuts, score, defaulted > 0)


def _k_means_cuts(curve: LossCurve, groups: int) -> Places:
    weight = np.diff(curve.count).astype(np.float64)
    centred = curve.score - np.average(curve.score, weights=weight)
    sums = [np.concatenate([[0.0], np.cumsum(weight * centred**power)]) for power in (0, 1, 2)]

    def spread(first: Places, last: int) -> Floats:
        """Return Σ (score − mean)² of the scores from each of `first` up to `last`."""
        n, s, q = (total[last] - total[first] for total in sums)
        return np.asarray(q - s * s / n)

    m = curve.size
    best = [np.where(np.arange(m + 1) == 0, 0.0, np.inf)]
    parent = [np.zeros(m + 1, dtype=np.int64)]
    for k in range(1, groups + 1):
        now = np.full(m + 1, np.inf)
        origin = np.zeros(m + 1, dtype=np.int64)
        # Ends from `low` to `high`, the last cluster of which begins from `first` to `last`.
        waiting = [(k, m, k - 1, m - 1)]
        while waiting:
            low, high, first, last = waiting.pop()
            if low > high:
                continue
            end = (low + high) // 2
            begins = np.arange(max(first, k - 1), min(last, end - 1) + 1)
            worth = best[-1][begins] + spread(begins, end)
            place = int(np.argmin(worth))
            now[end], origin[end] = worth[place], begins[place]
            waiting.append((low, end - 1, first, int(begins[place])))
            waiting.append((end + 1, high, int(begins[place]), last))
        best.append(now)
        parent.append(origin)
    cuts = [m]
    for k in range(groups, 0, -1):
        cuts.append(int(parent[k][cuts[-1]]))
    return np.array(cuts[::-1])
