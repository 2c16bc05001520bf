r"""Fixing: what prices show that no plan of a node worth more than the claim holds, and which is left out below it.

Let S be the choices that are left at a node when prices μ are looked at, D = D(μ) over S, and B_i the best that
enterprise i's choices in S are worth at μ. A plan that obeys all rows, lies in S and gives i the choice c is worth at
most D − B_i + w_i(c): the same sum, i's part being w_i(c) in place of the best. So where

.. math:: D - B_i + w_i(c) \le \text{claim}

no plan in S that is worth more than the claim holds c. All choices c of all enterprises may be left out together, for
each is judged by the same S; and the next prices, there or further down, are looked at over what is left, since every
plan worth more than the claim that lay in S still does (by induction from the root, where S is everything).

A loan of L at rate k is worth w(L) = L·v + φ, which is linear. Where its better end is left out, every line is. Else
the lines that are left out are those beyond the one, L*, at which D − B + w(L*) = claim: where v > 0 those below, where
v < 0 those above, and L* = (claim − D + B − φ)/v. So an interval of lines stays, at the better end. What is kept beyond
need only weakens the proof: without a step L* is rounded outward, to a double; with one, to the last whole step that
stays.

In doubles the same, with all errors on the side of keeping: a choice is left out if estimate + errors ≤ claim, and L*
is taken where that holds with equality. So what stays holds all that stays without roundings.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from lendplan.certify.choices import Choices
from lendplan.certify.dual import ExactPairs, exact_dual
from lendplan.certify.estimate import EPSILON, TINY, Prices, Seen, Sheets
from lendplan.certify.exact import Exact, Floats, aligned, nearest_to, rounded_up
from lendplan.certify.left import Left, Part
from lendplan.certify.pricing import Priced, exact_prices


def after_fixing(
    choices: Choices, sheets: Sheets, place: int, left: Left, claimed: float
) -> tuple[Part, ...]:
    """Return what a fixing leaves, in doubles: no less than `after_fixing_exactly` leaves.

    Parameters
    ----------
    choices
        The enterprises.
    sheets, place
        The prices.
    left
        What was left before.
    claimed
        What is claimed that no plan exceeds, in the objective's unit.
    """
    value, error = sheets.dual(place, left)
    if not math.isfinite(value):  # nothing to leave out, or nothing known
        return tuple(left)
    return tuple(_part(choices, sheets.seen(place, part), value, error, claimed) for part in left)


def _limits(seen: Seen, value: float, error: float, claimed: float) -> tuple[Floats, Floats]:
    """Return what a loan must be worth more than to stay, and how far that and the worth may be off, (e,)."""
    # Twice the error of the enterprise, that of D, and the few roundings of these very lines; a quarter of an error is
    # 8 ε times the magnitude of φ or more.
    room = 8 * EPSILON * (abs(value) + abs(claimed) + np.abs(seen.best)) + 0.25 * seen.error
    return (claimed - value) + seen.best, 2 * seen.error + error + room


def _part(choices: Choices, seen: Seen, value: float, error: float, claimed: float) -> Part:
    part = seen.part
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        limit, doubt = _limits(seen, value, error, claimed)
        sure = np.where(np.isfinite(limit) & np.isfinite(doubt), limit - doubt, -np.inf)
        may_decline = part.may_decline & ~(sure >= 0)
        floor = sure[part.owner]
        is_kept = ~((seen.lent <= floor) & (floor > -np.inf))
        is_cut = is_kept & (np.minimum(seen.at_low, seen.at_high) < floor)
        low, high = part.low, part.high
        if is_cut.any():
            cut = (floor - seen.fixed) / seen.v / part.unit
            slack = 8 * EPSILON * np.abs(cut) + TINY
            low = np.where(is_cut & (seen.v > 0), np.fmax(low, _up(choices, part, cut - slack)), low)
            high = np.where(is_cut & (seen.v < 0), np.fmin(high, _down(choices, part, cut + slack)), high)
            is_kept &= low <= high
    return part.kept(is_kept, may_decline, low, high)


def _up(choices: Choices, part: Part, count: Floats) -> Floats:
    return np.where(choices.has_step[part.place][part.owner], np.ceil(count), count)


def _down(choices: Choices, part: Part, count: Floats) -> Floats:
    return np.where(choices.has_step[part.place][part.owner], np.floor(count), count)


# ----------------------------------------------------------------------------------------------------- exactly
def after_fixing_exactly(choices: Choices, prices: Prices, left: Left, claimed: float) -> tuple[Part, ...]:
    """Return what a fixing leaves, decided without a rounding: estimates where they leave no doubt, exactly elsewhere.

    Parameters
    ----------
    choices
        The enterprises.
    prices
        Row name → price.
    left
        What was left before.
    claimed
        What is claimed that no plan exceeds, in the objective's unit.
    """
    whole = exact_dual(choices, prices, left)
    if whole is None:
        return tuple(left)
    sheets, rows = Sheets(choices, [prices]), exact_prices(choices.families, prices, choices.weights)
    return tuple(_part_exactly(choices, rows, sheets.seen(0, part), whole, claimed) for part in left)


def _part_exactly(choices: Choices, rows: list[Priced], seen: Seen, whole: Fraction, claimed: float) -> Part:
    part = seen.part
    with np.errstate(over="ignore", invalid="ignore"):
        limit, doubt = _limits(seen, nearest_to(whole), 0.0, claimed)
        known = np.isfinite(limit) & np.isfinite(doubt)
        below = np.where(known, limit - doubt, -np.inf)[part.owner]
        above = np.where(known, limit + doubt, np.inf)[part.owner]
        is_gone = (seen.lent <= below) & (below > -np.inf)
        is_open = ~(is_gone | ((np.minimum(seen.at_low, seen.at_high) > above) & (above < np.inf)))
        no_decline = part.may_decline & known & (limit - doubt >= 0)
        is_unsure = part.may_decline & ~no_decline & ~(known & (limit + doubt < 0))
    is_unsure[part.owner[is_open]] = True
    wanted = (is_open | seen.near_best) & is_unsure[part.owner]
    pairs = ExactPairs(choices, rows, seen, wanted)
    may_decline = part.may_decline & ~no_decline
    # best − worth ≥ (D − claimed)·multiple·unit, both sides times the denominator.
    gap = (whole - Fraction(claimed)) * choices.weights.multiple
    # Who may only decline has that as the best choice, worth 0.
    alone = is_unsure.copy()
    low, high = part.low.copy(), part.high.copy()
    if pairs.size:
        alone[pairs.owners] = False
        scale, least = Exact(gap.denominator), Exact(gap.numerator) * pairs.unit
        far, near, _ = aligned(pairs.best * scale, least)
        may_decline[pairs.owners] &= ~np.asarray(far >= near, dtype=bool)
        # What a loan must be worth more than to stay, times the denominator.
        limits = (pairs.best * scale - least)[pairs.of]
        worth, limit_ints, _ = aligned(pairs.worth * scale, limits)
        is_dropped = np.asarray(worth <= limit_ints, dtype=bool)
        is_gone[pairs.at] = is_dropped
        cut = np.flatnonzero(~is_dropped & is_open[pairs.at] & np.asarray(pairs.v.ints != 0, dtype=bool))
        over, slope = (limits - pairs.fixed * scale)[cut], (pairs.v * scale)[cut]
        shift = over.exponent - slope.exponent
        for j, a, b in zip(pairs.at[cut].tolist(), over.ints.tolist(), slope.ints.tolist(), strict=True):
            _cut(choices, part, j, _ratio(a, b, shift), b > 0, low, high)
    may_decline &= ~(alone & (gap <= 0))
    return part.kept(~is_gone & (low <= high), may_decline, low, high)


def _ratio(over: int, under: int, shift: int) -> Fraction:
    """Return over·2^shift / under."""
    return Fraction(over << shift, under) if shift >= 0 else Fraction(over, under << -shift)


def _cut(choices: Choices, part: Part, j: int, line: Fraction, is_rising: bool, low: Any, high: Any) -> None:
    """Leave the lines of a pair from `line` on where its worth rises with the line, else those up to it."""
    if choices.has_step[part.place.start + int(part.owner[j])]:
        count = line / Fraction(float(part.unit[j]))
        end = float(math.ceil(count) if is_rising else math.floor(count))
    else:
        end = -rounded_up(-line) if is_rising else rounded_up(line)
    if is_rising:
        low[j] = max(low[j], end)
    else:
        high[j] = min(high[j], end)
