r"""D(λ) without a rounding, over all choices or over those that a part of a search leaves.

With t the largest estimate of an enterprise's rates, and η how far each may be off (`lendplan.certify.estimate`), a
rate whose estimate is below t − 2η is not its best: it is worth less than t − η, and the rate of t is worth t − η or
more. An enterprise that may decline, and is worth less than −(the error) wherever it is lent to, counts 0. Only the
rates that are left, nearly always one an enterprise, are evaluated exactly, and the exact maximum over them is that
over all.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.choices import NO_CUTS, Choices, Cuts, Region
from lendplan.certify.estimate import (
    EPSILON,
    FloatRows,
    Prices,
    Values,
    blocks,
    estimates,
    values_of,
)
from lendplan.certify.exact import Exact, aligned, chosen, total
from lendplan.certify.pricing import Priced, exact_prices, right_sides, worths

Indices = NDArray[np.int64]


def exact_dual(
    choices: Choices, prices: Prices, cuts: Cuts = NO_CUTS, region: Region | None = None
) -> Fraction | None:
    """Return D for one set of prices over what the cuts leave of a region.

    Parameters
    ----------
    choices
        The enterprises.
    prices
        Row name → price; rows left out have price 0.
    cuts
        What is left of some enterprises' choices.
    region
        What is left of all in any case; everything unless given.

    Returns
    -------
    Fraction or None
        In the objective's unit; None for −infinity: an enterprise has no choice left.
    """
    region = region or choices.everything
    priced = FloatRows.of(choices, [prices])
    rows = exact_prices(choices.families, prices, choices.weights)
    found = sum((side.fraction() for side in right_sides(rows)), Fraction(0))
    for place in blocks(choices):
        values = values_of(choices, priced, place, [cuts], region)
        is_open = choices.open_rates(region, np.arange(place.start, place.stop), cuts)
        may_decline, has_rate = values.may_decline[0], is_open.any(axis=1)
        if not (may_decline | has_rate).all():
            return None
        needed = np.flatnonzero(has_rate & ~(may_decline & (values.lent[0] < -values.error[0])))
        if not needed.size:
            continue
        which = needed + place.start
        of, rate = np.nonzero(is_open[needed] & _near_best(choices, values, needed, which))
        exact = _Coefficients(choices, rows, which)
        top = _largest(exact.value(of, rate), of, len(which))
        worth = exact.worth(top, slice(None), *_lines(choices, which, cuts))
        best = np.where(may_decline[needed], np.maximum(worth.ints, 0), worth.ints)
        found += total(Exact(best, worth.exponent), exact.unit)
    return found / choices.weights.multiple + choices.weights.exact_constant


def _near_best(choices: Choices, values: Values, needed: Indices, which: Indices) -> NDArray[np.bool_]:
    """Return the rates among which the best one of each of some enterprises is, (e, k)."""
    v, error = values.v[0, needed], values.v_error[0, needed]
    floor = np.where(np.isfinite(error), v.max(axis=1) - 2 * error, -np.inf)
    near = ~(v < floor[:, None])
    if near.sum() > 2 * len(near):
        # Where nobody stays all rates are worth the same, to the last bit: one that is left will do.
        alike = near & np.isfinite(v) & (choices.retention[choices.applicants.curve[choices.at[which]]] == 0)
        near &= ~alike | (np.cumsum(alike, axis=1) == 1)
    return np.asarray(near)


class _Coefficients:
    """α, β, γ, φ and the unit of some enterprises; all values are times the unit and `Weights.multiple`."""

    def __init__(self, choices: Choices, rows: Sequence[Priced], which: Indices) -> None:
        self.choices, self.which = choices, which
        weights, terms = choices.weights, choices.exact_terms
        if len(which) < len(choices.at):
            terms = terms.some(which)
        revenue = Exact.number(weights.exact_revenue * weights.multiple)
        risk = Exact.number(weights.exact_risk * weights.multiple)
        found = terms.coefficients(worths(rows, choices.at[which], revenue, risk))
        self.alpha, self.beta, self.gamma, self.fixed = (_spread(one, len(which)) for one in found)
        self.unit: Exact = terms.unit

    def value(self, of: Indices, rate: Indices) -> Exact:
        """Return v of pairs of an enterprise, counted within `which`, and a rate."""
        choices = self.choices
        s = choices.exact_retention[choices.applicants.curve[choices.at[self.which]][of], rate]
        return self.alpha[of] + s * (self.beta[of] + self.gamma[of] * choices.exact_rates[rate])

    def worth(self, v: Exact, of: Indices | slice, low: Exact, high: Exact) -> Exact:
        """Return what a loan is worth at the better end of the line."""
        return chosen(np.asarray(v.ints >= 0, dtype=bool), high, low) * v + self.fixed[of]


def _spread(number: Exact, size: int) -> Exact:
    if not isinstance(number.ints, int):
        return number
    return Exact(np.full(size, number.ints, dtype=object), number.exponent)


def _largest(numbers: Exact, of: Indices, size: int) -> Exact:
    """Return the largest number of each of `size` enterprises; `of` never falls and leaves none out."""
    if len(of) == size:
        return numbers
    starts = np.searchsorted(of, np.arange(size))
    return Exact(np.maximum.reduceat(numbers.ints, starts), numbers.exponent)


def _lines(choices: Choices, which: Indices, cuts: Cuts) -> tuple[Exact, Exact]:
    """Return the ends of the line that are left to some enterprises."""
    low, high = (side[which] for side in choices.exact_lines)
    here = [(j, cuts[i]) for j, i in enumerate(which.tolist()) if i in cuts] if cuts else []
    if not here:
        return low, high
    counts = np.stack([choices.low_count[which], choices.high_count[which]])
    for j, cut in here:
        counts[:, j] = cut.low, cut.high
    unit = Exact.of(choices.line_unit[which])
    return Exact.of(counts[0]) * unit, Exact.of(counts[1]) * unit


# ----------------------------------------------------------------------------------------------------- dropping
def dropped(choices: Choices, prices: Prices, claimed: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the choices that no plan worth more than `claimed` holds: D(prices | choice) ≤ claimed.

    D(prices | choice) is D less the best of the enterprise's choices plus the worth of this one. Where figures are
    exact, each choice is decided as exact arithmetic decides it: by estimates where their errors leave no doubt,
    exactly elsewhere. Beyond that size a choice in doubt is kept.

    Parameters
    ----------
    choices
        The enterprises.
    prices
        Row name → price.
    claimed
        What is claimed that no plan exceeds, in the objective's unit.

    Returns
    -------
    rates, declining
        (m, k) and (m,).
    """
    everything = choices.everything
    (value,), (error,) = estimates(choices, [prices], [NO_CUTS], everything)
    priced = FloatRows.of(choices, [prices])
    rates = np.zeros((len(choices.at), len(choices.applicants.rates)), dtype=bool)
    declining = np.zeros(len(choices.at), dtype=bool)
    doubtful = [np.empty(0, dtype=np.int64)]
    for place in blocks(choices):
        values = values_of(choices, priced, place, [NO_CUTS], everything)
        is_open = choices.open_rates(everything, np.arange(place.start, place.stop))
        v, best = np.where(is_open, values.v[0], 0.0), values.best[0]
        lent = np.maximum(values.low[0, :, None] * v, values.high[0, :, None] * v) + values.fixed[0, :, None]
        # Twice the error of the enterprise, that of D, and the few roundings of these very lines.
        room = 8 * EPSILON * (abs(value) + abs(claimed) + np.abs(best))
        doubt, limit = 2 * values.error[0] + error + room, (claimed - value) + best
        rates[place] = is_open & (lent <= (limit - doubt)[:, None])
        declining[place] = values.may_decline[0] & (limit - doubt >= 0)
        is_kept = ~is_open | rates[place] | (lent > (limit + doubt)[:, None])
        is_sure = is_kept.all(axis=1) & (~values.may_decline[0] | declining[place] | (limit + doubt < 0))
        doubtful.append(np.flatnonzero(~is_sure) + place.start)
    unsure = np.concatenate(doubtful)
    if choices.is_exact and unsure.size:
        _drop_exactly(choices, prices, claimed, unsure, rates, declining)
    return rates, declining


def _drop_exactly(
    choices: Choices,
    prices: Prices,
    claimed: float,
    which: Indices,
    rates: NDArray[np.bool_],
    declining: NDArray[np.bool_],
) -> None:
    """Decide every choice of some enterprises without a rounding."""
    whole = exact_dual(choices, prices)
    assert whole is not None  # `Choices` refuses an enterprise without any choice
    exact = _Coefficients(choices, exact_prices(choices.families, prices, choices.weights), which)
    of, rate = np.nonzero(choices.open_rates(choices.everything, which))
    low, high = (side[which][of] for side in choices.exact_lines)
    worth = exact.worth(exact.value(of, rate), of, low, high)
    may_decline = choices.everything.may_decline[which]
    # Declining is one more choice, worth 0, of those that may.
    free = np.flatnonzero(may_decline)
    all_of = np.concatenate([of, free])
    all_worth = Exact(np.concatenate([worth.ints, np.zeros(len(free), dtype=object)]), worth.exponent)
    order = np.argsort(all_of, kind="stable")
    best = _largest(all_worth[order], all_of[order], len(which))
    # best − worth ≥ (D − claimed)·multiple·unit, both sides times the denominator.
    gap = (whole - Fraction(claimed)) * choices.weights.multiple
    least = _spread(Exact(gap.numerator) * exact.unit, len(which))
    far, near, _ = aligned((best[all_of] - all_worth) * Exact(gap.denominator), least[all_of])
    is_dropped = np.asarray(far >= near, dtype=bool)
    rates[which[of], rate] = is_dropped[: len(of)]
    declining[which[free]] = is_dropped[len(of) :]
