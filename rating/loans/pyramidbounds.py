"""How good a division can be at most, if one of its cuts is at a given score: what spares the search most of its work.

Seen as a curve, the running sums of receivable x and loss y turn a division into a chain of straight lines between
points of the curve, the loss rates are its slopes, and a pyramid is a chain that is strictly convex. Its worth is
∫(slope)² dx = Σ (Δy)²/Δx. Three facts bound it:

1. Of two chains f ≤ g with the same ends, g convex, f is worth at least as much: ∫f'² − ∫g'² = ∫(f' − g')² +
   2∫(g − f) dg' ≥ 0. So a pyramid gains when its corners are let down on the lower convex hull L of the points.
2. (Δy)²/Δx is convex in the ends of a line. So a corner that slides along an edge of the hull is worth most at a
   corner of the hull.
3. A pyramid with a corner at P lies above some line through P with a slope s between its slopes on both sides of P,
   and so above max(L, line); its corners are let down on that, left and right of P.

Hence the best chain of k lines on corners of the hull, left of P, plus the best of the others right of P, over all s,
bounds every pyramid whose k-th cut is P. The least share keeps the neighbouring corners at their distance from P.
"""

from __future__ import annotations

import numpy as np

from lendplan.rating.loans.losscurve import LossCurve, Places
from lendplan.rating.records import Floats


def hull_chains(x: Floats, y: Floats, groups: int) -> tuple[Floats, list[Places]]:
    """Return the best chains on the hulls of all beginnings of a curve.

    Parameters
    ----------
    x, y
        Shape (m + 1,), x rising from 0.
    groups
        Most lines of a chain.

    Returns
    -------
    worth
        Shape (m + 1, groups + 1): of the best chain of at most k lines from point 0 to point i over corners of the
        lower convex hull of points 0 … i; corners that slide may meet, so that fewer lines are left.
    hulls
        The corners of that hull for each i, i the last.
    """
    corners = np.empty(len(x), dtype=np.int64)
    size = 0
    worth = np.full((len(x), groups + 1), -np.inf)
    worth[0] = 0.0
    hulls: list[Places] = []
    for i in range(len(x)):
        while size >= 2:
            a, b = corners[size - 2], corners[size - 1]
            if (x[b] - x[a]) * (y[i] - y[a]) > (y[b] - y[a]) * (x[i] - x[a]):
                break
            size -= 1
        if size:
            u = corners[:size]
            line = (y[i] - y[u]) ** 2 / (x[i] - x[u])
            worth[i, 1:] = (worth[u, :-1] + line[:, None]).max(axis=0)  # rises with the number of lines
        corners[size] = i
        size += 1
        hulls.append(corners[:size].copy())
    return worth, hulls


def hull_corners(x: Floats, y: Floats) -> Places:
    """Return the corners of the lower convex hull of the points of a curve, both ends included."""
    corners: list[int] = []
    for i in range(len(x)):
        while len(corners) >= 2:
            a, b = corners[-2:]
            if (x[b] - x[a]) * (y[i] - y[a]) > (y[b] - y[a]) * (x[i] - x[a]):
                break
            corners.pop()
        corners.append(i)
    return np.array(corners)


def cut_bounds(curve: LossCurve, groups: int, least: int) -> tuple[Floats, Floats]:
    """Bound every pyramid by one of its cuts.

    Parameters
    ----------
    curve
        With m distinct scores.
    groups
        Grades.
    least
        Fewest loans in a grade.

    Returns
    -------
    bound
        Shape (m + 1, groups + 1): no pyramid of so many grades whose k-th cut is at point i is worth more; −inf where
        there is none.
    rest
        Shape (m + 1, groups + 1): nothing to the right of point i is worth more in k grades.
    """
    x, y, count = curve.receivable, curve.defaulted, curve.count
    m = curve.size
    left, left_hulls = hull_chains(x, y, groups)
    # The same from the worst end: mirrored, the curve is again one with rising x and the same convexity.
    right, right_hulls = hull_chains((x[-1] - x)[::-1], (y - y[-1])[::-1], groups)
    right = right[::-1]
    before = np.searchsorted(count, count - least, side="right") - 1
    after = np.searchsorted(count, count + least)
    bound = np.full((m + 1, groups + 1), -np.inf)
    rest = np.full((m + 1, groups + 1), -np.inf)
    bound[0, 0] = bound[m, groups] = left[m, groups]
    rest[m] = 0.0
    for i in range(m):
        if after[i] > m:
            continue
        v = m - right_hulls[m - after[i]]
        falling = (y[v] - y[i]) / (x[v] - x[i])
        onward = right[v, :-1] + (falling**2 * (x[v] - x[i]))[:, None]
        rest[i, 1:] = onward.max(axis=0)
        if i == 0 or before[i] < 0:
            continue
        u = left_hulls[before[i]]
        rising = (y[i] - y[u]) / (x[i] - x[u])
        back = left[u, :-1] + (rising**2 * (x[i] - x[u]))[:, None]
        least_slope, most_slope = y[i] / x[i], (y[-1] - y[i]) / (x[-1] - x[i])
        if least_slope >= most_slope:
            continue
        bound[i, 1:groups] = _both_sides(rising, back, falling, onward, least_slope, most_slope)
    return bound, rest


def _both_sides(
    rising: Floats, back: Floats, falling: Floats, onward: Floats, least_slope: float, most_slope: float
) -> Floats:
    """Return the best sum of both sides over the slope s of a line between them, (groups − 1,).

    Parameters
    ----------
    rising, back
        Shape (u,) and (u, groups): slopes from the hull's corners on the left to P, and the worth of chains through
        them that reach P in 1, …, groups lines.
    falling, onward
        Shape (v,) and (v, groups): the same on the right.
    least_slope, most_slope
        No pyramid with a corner at P has a line between its slopes there outside of these.
    """
    slopes, back = _up_to(rising, back)
    steeper, onward = _up_to(-falling, onward)
    stops = np.concatenate([slopes, -steeper, [least_slope, most_slope]])
    stops = np.unique(np.clip(stops, least_slope, most_slope))
    # Between two stops the left side is worth no more than at the upper, the right side no more than at the lower.
    upper = np.searchsorted(slopes, stops[1:], side="right") - 1
    lower = np.searchsorted(steeper, -stops[:-1], side="right") - 1
    possible = (upper >= 0) & (lower >= 0)
    if not possible.any():
        return np.full(back.shape[1] - 1, -np.inf)
    both = back[upper[possible], :-1] + onward[lower[possible], -2::-1]
    return np.asarray(both.max(axis=0))


def _up_to(slope: Floats, worth: Floats) -> tuple[Floats, Floats]:
    """Return slopes in rising order, and the greatest worth of all corners up to each, their neighbours included.

    A line cuts the hull within an edge; what it is worth there is at most what it is at one of the edge's two corners,
    one of which may be a neighbour of those up to the slope.
    """
    wide = worth.copy()
    if len(worth) > 1:
        wide[1:] = np.maximum(wide[1:], worth[:-1])
        wide[:-1] = np.maximum(wide[:-1], worth[1:])
    order = np.argsort(slope, kind="stable")
    return slope[order], np.maximum.accumulate(wide[order], axis=0)
