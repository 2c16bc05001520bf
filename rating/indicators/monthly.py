"""Monthly sums of each enterprise as one flat row of months, and what is read from them: trend, season, volatility."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lendplan.rating.indicators.groups import (
    Ints,
    ends_by,
    grouped,
    middles,
    ordered_by,
    ranks_within,
    sums_by,
)
from lendplan.rating.indicators.sides import Days
from lendplan.rating.records import Floats, Mask

FEWEST_MONTHS = 3
"""A trend or a volatility is not read from fewer months."""

FEWEST_PAIRS = 6
"""A correlation is not read from fewer pairs of months."""


@dataclass(frozen=True)
class Months:
    """Net totals of one side by calendar month, from the first to the last with a valid invoice, silent ones included.

    Parameters
    ----------
    owner
        Shape (g,), ascending; g is the sum over enterprises of the months they span.
    month
        Shape (g,): months since January 1970, ascending within an owner without a gap.
    total
        Shape (g,), in currency; 0 in a silent month.
    is_silent
        Shape (g,): whether no valid invoice fell into the month.
    owners
        Number n of enterprises.
    """

    owner: Ints
    month: Ints
    total: Floats
    is_silent: Mask
    owners: int

    @property
    def count(self) -> Floats:
        """Months spanned, (n,)."""
        return sums_by(self.owner, None, self.owners)

    @property
    def silent(self) -> Floats:
        """Silent months among them, (n,)."""
        return sums_by(self.owner[self.is_silent], None, self.owners)

    @property
    def mean(self) -> Floats:
        """Mean net total a month, (n,); NaN without a month."""
        return ratio(sums_by(self.owner, self.total, self.owners), self.count)


def ratio(upper: Floats, lower: Floats) -> Floats:
    """Return upper / lower where lower > 0, and NaN elsewhere; same shape."""
    quotient = np.full(np.broadcast(upper, lower).shape, np.nan)
    np.divide(upper, lower, out=quotient, where=lower > 0)
    return quotient


def months_of(days: Days, owners: int) -> Months:
    """Sum days up to months.

    Parameters
    ----------
    days
        Daily sums of one side.
    owners
        Number of enterprises.
    """
    of_day = days.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    found = grouped(days.owner.astype(np.int32), of_day.astype(np.int32), owners)
    starts, stops = ends_by(found.owner, owners)
    has_any = stops > starts
    length, first = np.zeros(owners, dtype=np.int64), np.zeros(owners, dtype=np.int64)
    first[has_any] = found.key[starts[has_any]]
    length[has_any] = found.key[stops[has_any] - 1] - first[has_any] + 1
    owner = np.repeat(np.arange(owners), length)
    rank = ranks_within(owner, owners)
    total, is_silent = np.zeros(len(owner)), np.ones(len(owner), dtype=bool)
    begin = np.cumsum(length) - length
    place = begin[found.owner] + found.key - first[found.owner]
    total[place], is_silent[place] = found.sums(days.total), False
    return Months(owner, first[owner] + rank, total, is_silent, owners)


def trend_of(months: Months) -> Floats:
    """Return the slope of the least-squares line through the monthly totals, as a share of their mean, a month, (n,).

    NaN with fewer than three months, or where the mean is not positive.
    """
    rank = ranks_within(months.owner, months.owners).astype(np.float64)
    rank -= ((months.count - 1) / 2)[months.owner]
    across = sums_by(months.owner, rank * months.total, months.owners)
    slope = ratio(across, sums_by(months.owner, rank * rank, months.owners))
    return np.where(months.count >= FEWEST_MONTHS, ratio(slope, months.mean), np.nan)


def volatility_of(months: Months) -> Floats:
    """Return the standard deviation (of the population) of the monthly totals over their mean, (n,).

    NaN with fewer than three months, or where the mean is not positive.
    """
    off = months.total - months.mean[months.owner]
    spread = np.sqrt(ratio(sums_by(months.owner, off * off, months.owners), months.count))
    return np.where(months.count >= FEWEST_MONTHS, ratio(spread, months.mean), np.nan)


def seasonality_of(months: Months) -> Floats:
    """Return the correlation of a month's total with that of the same month a year before, (n,).

    NaN with fewer than six such pairs, that is below 18 months, or where one of the two does not vary.
    """
    year = 12
    has_pair = ranks_within(months.owner, months.owners) >= year
    later = np.flatnonzero(has_pair)
    return _correlation(months.owner[later], months.total[later], months.total[later - year], months.owners)


def usual_of(months: Months) -> Floats:
    """Return the median of the monthly totals, silent months included, (n,); NaN without a month."""
    ordered = months.total[ordered_by(months.owner, months.total, months.owners)]
    return middles(ordered, *ends_by(months.owner, months.owners))


def profitable_of(sales: Months, purchases: Months) -> Floats:
    """Return the share of months of sales in which sales exceed purchases, (n,); NaN without a month of sales.

    A month that purchases do not span has purchases of 0.
    """
    is_common, place = _common(sales, purchases)
    spent = np.zeros(len(sales.total))
    spent[is_common] = purchases.total[place]
    return ratio(sums_by(sales.owner[sales.total > spent], None, sales.owners), sales.count)


def agreement_of(sales: Months, purchases: Months) -> Floats:
    """Return the correlation of monthly sales with purchases over the months that both sides span, (n,).

    NaN with fewer than six such months, or where one of the two does not vary.
    """
    is_common, place = _common(sales, purchases)
    return _correlation(sales.owner[is_common], sales.total[is_common], purchases.total[place], sales.owners)


def _common(sales: Months, purchases: Months) -> tuple[Mask, Ints]:
    """Return which months of sales are months of purchases, too, (g,), and where those stand among purchases."""
    both = (sales.month, purchases.month)
    least = min((int(month.min()) for month in both if month.size), default=0)
    width = max((int(month.max()) for month in both if month.size), default=0) - least + 1
    code, other = (side.owner * width + side.month - least for side in (sales, purchases))
    place = np.searchsorted(other, code)
    place[place == len(other)] = 0
    is_common = other[place] == code if other.size else np.zeros(len(code), dtype=bool)
    return is_common, place[is_common]


def _correlation(owner: Ints, one: Floats, other: Floats, owners: int) -> Floats:
    """Return Pearson's correlation by owner, (owners,); NaN with too few pairs or where one does not vary."""
    count = sums_by(owner, None, owners)
    off_one, spread_one = _deviations(owner, one, count)
    off_other, spread_other = _deviations(owner, other, count)
    across = ratio(sums_by(owner, off_one * off_other, owners), spread_one * spread_other)
    return np.where(count >= FEWEST_PAIRS, np.clip(across, -1, 1), np.nan)


def _deviations(owner: Ints, values: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Return deviations from each owner's mean, (rows,), and the root of their sum of squares, (owners,).

    What is left of equal values by rounding is taken as 0, so that it is not correlated with anything.
    """
    owners = len(count)
    off = values - ratio(sums_by(owner, values, owners), count)[owner]
    size, spread = (np.sqrt(sums_by(owner, each * each, owners)) for each in (values, off))
    return off, np.where(spread > 1e-12 * size, spread, 0.0)
