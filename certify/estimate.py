r"""D(λ) in doubles, with a bound of how far it may be off.

A value that was computed from the tables differs from the true one by at most η = (F + 32)·ε·M, ε = 2⁻⁵², where M is
the same formula with every term taken without its sign and F is the number of limits and the budget. A term passes
through at most F + 23 roundings of at most u = ε/2 each: to be added to those of each limit before it (F), 3 for its
price, share or weight, 8 for the risk weight, 12 for the measure's own factors and the line. n roundings change a term
by at most n·u/(1 − n·u) of itself (Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, lemma 3.1); η, with
2F + 64 of them, is more than twice as much, which covers M's own rounding. 2⁻⁹⁰⁰ is added for what falls below the
smallest numbers. Sums over enterprises are correctly rounded (`math.fsum`), so that D is off by the sum of its terms'
errors.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.choices import Choices, Cuts, Region
from lendplan.certify.exact import Floats, float_sum
from lendplan.certify.pricing import Priced, float_prices, float_terms, right_sides, worths

Prices = Mapping[str, Any]
BLOCK = 1 << 18
"""Most (set of prices, enterprise, rate) triples that are looked at together."""
EPSILON = float(np.finfo(np.float64).eps)
TINY = 2.0**-900


@dataclass(frozen=True)
class Values:
    """What lending is worth to e enterprises in doubles, under b sets of prices.

    Parameters
    ----------
    v, v_error
        A unit of line at each rate, −inf where that is not left, (b, e, k); how far it may be off, (b, e).
    fixed, fixed_error
        A loan, wherever it is lent, (b, e).
    low, high
        Ends of the line, (b or 1, e).
    may_decline
        Whether declining is left, (b or 1, e).
    """

    v: Floats
    v_error: Floats
    fixed: Floats
    fixed_error: Floats
    low: Floats
    high: Floats
    may_decline: NDArray[np.bool_]

    @cached_property
    def error(self) -> Floats:
        """How far the worth of a loan may be off, whatever its line and rate, (b, e)."""
        return np.asarray(self.high * self.v_error + self.fixed_error)

    @cached_property
    def lent(self) -> Floats:
        """The best of lending, −inf where no rate is left, (b, e)."""
        top = self.v.max(axis=2)
        is_open = top != -np.inf
        top = np.where(is_open, top, 0.0)
        # For any line ≥ 0 the best rate is the one of the largest v; then the best line is an end.
        return np.where(is_open, np.maximum(self.low * top, self.high * top) + self.fixed, -np.inf)

    @cached_property
    def best(self) -> Floats:
        """The best of all choices, (b, e)."""
        return np.where(self.may_decline, np.maximum(self.lent, 0.0), self.lent)


@dataclass(frozen=True)
class FloatRows:
    """The rows under b sets of prices, and their magnitudes."""

    rows: Sequence[Priced]
    sizes: Sequence[Priced]

    @classmethod
    def of(cls, choices: Choices, sets: Sequence[Prices]) -> "FloatRows":
        """Read prices; rows that have none in any set are left out."""
        rows = float_prices(choices.families, sets)
        return cls(rows, float_prices(choices.families, sets, is_magnitude=True))


def margin(choices: Choices) -> float:
    """Return the error as a part of the magnitude."""
    return (len(choices.families) + 32) * EPSILON


def blocks(choices: Choices) -> Iterator[slice]:
    """Return the eligible enterprises in parts that are looked at together."""
    step = max(1, BLOCK // len(choices.applicants.rates))
    return (slice(start, min(start + step, len(choices.at))) for start in range(0, len(choices.at), step))


def estimates(
    choices: Choices, sets: Sequence[Prices], cuts: Sequence[Cuts], region: Region
) -> tuple[Floats, Floats]:
    """Return D for b sets of prices, each over what its cuts leave of a region, and how far it may be off.

    Parameters
    ----------
    choices
        The enterprises.
    sets, cuts
        Prices, and what is left of some enterprises' choices, b of each.
    region
        What is left of all in any case.

    Returns
    -------
    values, errors
        In the objective's unit, (b,); −inf where an enterprise has no choice left, NaN beyond the largest double.
    """
    values, errors = np.empty(len(sets)), np.empty(len(sets))
    together = max(1, BLOCK // max(1, len(choices.at) * len(choices.applicants.rates)))
    for first in range(0, len(sets), together):
        some = slice(first, first + together)
        values[some], errors[some] = _estimates(choices, sets[some], cuts[some], region)
    return values, errors


def _estimates(
    choices: Choices, sets: Sequence[Prices], cuts: Sequence[Cuts], region: Region
) -> tuple[list[float], list[float]]:
    priced = FloatRows.of(choices, sets)
    none = np.zeros((len(sets), 1))
    terms = np.hstack([none + choices.weights.constant, *right_sides(priced.rows)])
    sizes = np.hstack([none + choices.weights.magnitude, *right_sides(priced.sizes)]) * margin(choices)
    sums, errors = terms.tolist(), sizes.tolist()
    for place in blocks(choices):
        values = values_of(choices, priced, place, cuts, region)
        for j in range(len(sets)):
            sums[j].append(float_sum(values.best[j]))
            errors[j].append(float_sum(values.error[j]))
    # One more rounding for each block's sum and for the whole is within the room of the margin.
    return [_sum(one) for one in sums], [_sum(one) for one in errors]


def _sum(numbers: list[float]) -> float:
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return math.nan


def values_of(
    choices: Choices, priced: FloatRows, place: slice, cuts: Sequence[Cuts], region: Region
) -> Values:
    """Return what lending is worth to the enterprises of a block, under each set of prices and its cuts."""
    at, a, weights = choices.at[place], choices.applicants, choices.weights
    shape = (len(cuts), len(at))

    def spread(number: Any) -> Floats:
        return np.broadcast_to(np.asarray(number, dtype=np.float64), shape)

    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is decided exactly, or not at all
        worth = worths(priced.rows, at, weights.revenue, weights.risk)
        terms = float_terms(choices.question, a, at)
        alpha, beta, gamma, fixed = map(spread, terms.coefficients(worth))
        worth = worths(priced.sizes, at, abs(weights.revenue), abs(weights.risk), is_magnitude=True)
        terms = float_terms(choices.question, a, at, is_magnitude=True)
        sizes = [spread(one) for one in terms.coefficients(worth)]
        v = gamma[..., None] * a.rates
        v += beta[..., None]
        v *= choices.retention[a.curve[at]]
        v += alpha[..., None]
        size_of_v = sizes[0] + sizes[1] + sizes[2] * float(a.rates[-1])
    if region.rates is not None:
        v[:, ~region.rates[place]] = -np.inf
    low, high = choices.low[None, place], choices.high[None, place]
    may_decline = region.may_decline[None, place]
    if any(cuts):
        low, high = np.tile(low, (len(cuts), 1)), np.tile(high, (len(cuts), 1))
        may_decline = np.tile(may_decline, (len(cuts), 1))
        for j, i, cut in _cuts_within(cuts, place):
            at_i = i - place.start
            v[j, at_i, ~cut.rates] = -np.inf
            may_decline[j, at_i] &= cut.may_decline
            low[j, at_i], high[j, at_i] = cut.low * choices.line_unit[i], cut.high * choices.line_unit[i]
    share = margin(choices)
    return Values(v, share * size_of_v + TINY, fixed, share * sizes[3] + TINY, low, high, may_decline)


def _cuts_within(cuts: Sequence[Cuts], place: slice) -> Iterator[tuple[int, int, Any]]:
    for j, one in enumerate(cuts):
        for i, cut in one.items():
            if place.start <= i < place.stop:
                yield j, i, cut
