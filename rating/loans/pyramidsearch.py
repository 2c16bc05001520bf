"""The exact search for the best division into grades whose loss rates rise: dynamic programming with bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lendplan.data.findings import Finding, InputError
from lendplan.rating.loans.losscurve import LossCurve, Places
from lendplan.rating.loans.pyramidbounds import cut_bounds, hull_chains, hull_corners
from lendplan.rating.records import Floats

_FIRST_TRY = 500
"""Scores, the most promising ones, among which a first good division is sought."""
_BLOCK = 4_000_000
"""Pairs of cuts that are held at a time."""
_MOST_PAIRS = 2_000_000_000
"""Pairs of cuts beyond which the search would take many minutes."""
_ROUNDING = 1e-12
"""Relative error of a sum of worths."""


@dataclass(frozen=True)
class _Front:
    """What is worth keeping of the divisions that end at one cut: a higher last rate only where it is worth more."""

    rate: Floats
    worth: Floats
    parent: Places


def best_cuts(curve: LossCurve, groups: int, least: int, rise: float) -> Places | None:
    """Return the division of greatest Σ D²/R among those that are pyramids.

    Parameters
    ----------
    curve
        With m distinct scores.
    groups
        Grades, at least 1.
    least
        Fewest loans in a grade, at least 1.
    rise
        A grade's loss rate must be above the better grade's by more than this.

    Returns
    -------
    Places or None
        Shape (groups + 1,), from 0 to m: the scores up to each cut; None where there is no such division.

    Raises
    ------
    InputError
        If there are so many distinct scores that the search would take many minutes.

    Notes
    -----
    The worth of a division is a sum over its grades, but whether a grade may follow depends on the one before it, so
    that the state is the last cut with the last loss rate: for each cut the divisions that end there are kept as a
    front, a higher last rate only where it is worth more.

    First the search runs over the corners of the lower convex hull of the loss curve alone. They hold the best pyramid
    there is without a least share (:mod:`pyramidbounds`, facts 1 and 2), so that a division found there which is worth
    as much is proven best. Else the bounds rule out most cuts, and the search runs over the others. Of equally good
    divisions the first in a fixed order is taken.
    """
    loans = int(curve.count[-1])
    # Nearer to the ends than the least share there is no cut; and without these points the hull bounds more closely.
    places = np.flatnonzero(
        (curve.count == 0)
        | (curve.count == loans)
        | ((curve.count >= least) & (curve.count <= loans - least))
    )
    if groups * least > loans or groups >= len(places):
        return None
    curve = curve.at(places)
    if groups == 1:
        return places[[0, -1]]
    hull = hull_corners(curve.receivable, curve.defaulted)
    most = hull_chains(curve.receivable[hull], curve.defaulted[hull], groups)[0][-1, groups]
    anything = np.full((len(places), groups + 1), -np.inf)
    found = _search(curve, [hull[1:-1]] * (groups - 1), least, rise, anything)
    if found is not None and curve.squares(found) >= most * (1 - _ROUNDING):
        return places[found]
    found = _search_all(curve, groups, least, rise, found, hull)
    return None if found is None else places[found]


def _search_all(
    curve: LossCurve, groups: int, least: int, rise: float, found: Places | None, hull: Places
) -> Places | None:
    """Return the best pyramid over all cuts, given one among the corners of the hull if there is one."""
    if found is None:
        found = feasible_cuts(curve, groups, least, rise)
        if found is None:
            return None
    bound, rest = cut_bounds(curve, groups, least)
    inner = [np.flatnonzero(np.isfinite(bound[:, k])) for k in range(1, groups)]
    few = [
        np.union1d(cuts[np.argsort(-bound[cuts, k], kind="stable")[:_FIRST_TRY]], [*hull[1:-1], found[k]])
        for k, cuts in enumerate(inner, start=1)
    ]
    tried = _search(curve, few, least, rise, _wanted(curve.squares(found), rest))
    found = found if tried is None else tried
    worth = curve.squares(found)
    kept = [cuts[bound[cuts, k] >= worth * (1 - _ROUNDING)] for k, cuts in enumerate(inner, start=1)]
    pairs = sum(len(one) * len(other) for one, other in pairwise(kept))
    if pairs > _MOST_PAIRS:
        text = (
            f"there are {len(curve.score):,} distinct scores, too many for an exact division in reasonable time; "
            "set `levels`, for example to 5000, to take neighbouring scores as one"
        )
        raise InputError(Finding(text))
    better = _search(curve, kept, least, rise, _wanted(worth, rest))
    return found if better is None else better


def _wanted(worth: float, rest: Floats) -> Floats:
    """Return the least worth at each cut, with k grades to come, from which `worth` can be reached; as `rest`."""
    possible = np.isfinite(rest)
    return np.where(possible, worth * (1 - _ROUNDING) - np.where(possible, rest, 0.0), np.inf)


def _search(
    curve: LossCurve, inner: Sequence[Places], least: int, rise: float, wanted: Floats
) -> Places | None:
    """Return the best pyramid whose cuts are among `inner`, one list a cut, of those worth as much as `wanted`."""
    groups = len(inner) + 1
    start = _Front(np.array([-np.inf]), np.array([0.0]), np.array([0]))
    fronts = [{0: start}]
    for k, cuts in enumerate([*inner, np.array([curve.size])], start=1):
        fronts.append(_next_fronts(curve, fronts[-1], cuts, least, rise, wanted[:, groups - k]))
        if not fronts[-1]:
            return None
    return _traced(fronts[1:], curve.size, rise)


def _next_fronts(
    curve: LossCurve, fronts: dict[int, _Front], cuts: Places, least: int, rise: float, wanted: Floats
) -> dict[int, _Front]:
    """Return the fronts of the divisions with one grade more that end at one of `cuts`."""
    x, y, count = curve.receivable, curve.defaulted, curve.count
    places = np.fromiter(fronts, dtype=np.int64, count=len(fronts))
    after: dict[int, _Front] = {}
    step = max(1, _BLOCK // len(places))
    for begin in range(0, len(cuts), step):
        block = cuts[begin : begin + step]
        worth = np.full((len(places), len(block)), -np.inf)
        rate = np.full((len(places), len(block)), np.inf)
        first = np.searchsorted(count[block], count[places] + least)
        for row, (place, front) in enumerate(fronts.items()):
            if first[row] == len(block):
                continue
            to = block[first[row] :]
            lost = y[to] - y[place]
            slope = lost / (x[to] - x[place])
            lower = np.searchsorted(front.rate, slope - rise)  # rates strictly below
            before = np.where(lower > 0, front.worth[lower - 1], -np.inf)
            rate[row, first[row] :] = slope
            worth[row, first[row] :] = before + lost * slope
        for column, place in enumerate(block):
            rows = np.flatnonzero(worth[:, column] >= max(wanted[place], -1e300))
            if rows.size:
                after[int(place)] = _front_of(rate[rows, column], worth[rows, column], places[rows])
    return after


def _front_of(rate: Floats, worth: Floats, parent: Places) -> _Front:
    order = np.argsort(rate, kind="stable")
    best = np.maximum.accumulate(worth[order])
    keep = np.ones(len(order), dtype=bool)
    keep[1:] = best[1:] > best[:-1]
    # Equal rates: the last of them is worth most and stands for all.
    chosen = order[keep]
    return _Front(rate[chosen], worth[chosen], parent[chosen])


def _traced(fronts: Sequence[dict[int, _Front]], size: int, rise: float) -> Places:
    """Return the cuts of the best division, from the last front back to the first."""
    place, limit = size, np.inf
    cuts = [place]
    for level in reversed(fronts):
        front = level[place]
        row = int(np.searchsorted(front.rate, limit)) - 1
        parent = int(front.parent[row])
        limit = float(front.rate[row]) - rise
        cuts.append(parent)
        place = parent
    return np.array(cuts[::-1])


def feasible_cuts(curve: LossCurve, groups: int, least: int, rise: float) -> Places | None:
    """Return some pyramid of so many grades, None where there is none.

    Notes
    -----
    To go on from a cut, the lowest last loss rate is the best: S_k(j) = min { rate(i, j) : S_{k−1}(i) + rise <
    rate(i, j) } over the cuts i that leave enough loans. A pyramid of k grades exists if S_k(m) is finite.
    """
    lowest, parent = lowest_rates(curve, groups, least, rise)
    if not np.isfinite(lowest[groups, -1]):
        return None
    cuts = [curve.size]
    for k in range(groups, 0, -1):
        cuts.append(int(parent[k, cuts[-1]]))
    return np.array(cuts[::-1])


def lowest_rates(curve: LossCurve, groups: int, least: int, rise: float) -> tuple[Floats, Places]:
    """Return the lowest last loss rate of the pyramids of k grades that end at point j, and where that grade begins.

    Returns
    -------
    tuple
        Both (groups + 1, m + 1); inf where there is no such pyramid.
    """
    x, y, count = curve.receivable, curve.defaulted, curve.count
    lowest = np.full((groups + 1, curve.size + 1), np.inf)
    parent = np.zeros((groups + 1, curve.size + 1), dtype=np.int64)
    lowest[0, 0] = -np.inf
    ends = np.searchsorted(count, count - least, side="right")
    for j in range(1, curve.size + 1):
        end = ends[j]
        if not end:
            continue
        rate = (y[j] - y[:end]) / (x[j] - x[:end])
        possible = np.where(lowest[:-1, :end] + rise < rate, rate, np.inf)
        best = possible.argmin(axis=1)
        parent[1:, j] = best
        lowest[1:, j] = possible[np.arange(groups), best]
    return lowest, parent
