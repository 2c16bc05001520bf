"""One side of the invoices, sales or purchases, summed by enterprise, by day and by counterparty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lendplan.rating.indicators.groups import (
    Ints,
    ends_by,
    grouped,
    middles,
    ordered_by,
    rounded,
    steps,
    sums_by,
)
from lendplan.rating.records import Codes, Floats, Invoices, Mask


@dataclass(frozen=True)
class Parties:
    """The counterparties of each enterprise on one side; a row a pair of enterprise and counterparty, g of them.

    Parameters
    ----------
    owner
        Shape (g,), ascending.
    total
        Shape (g,): net total of the valid invoices between the two.
    first, last
        Shape (g,): days of the first and the last of them.
    """

    owner: Ints
    total: Floats
    first: Ints
    last: Ints


@dataclass(frozen=True)
class Days:
    """The days on which each enterprise had a valid invoice on one side; a row a pair of enterprise and day, g of them.

    Parameters
    ----------
    owner
        Shape (g,), ascending.
    day
        Shape (g,), ascending within an owner.
    total
        Shape (g,): net total of that day.
    """

    owner: Ints
    day: Ints
    total: Floats


@dataclass(frozen=True)
class Side:
    """One side of the invoices of n enterprises.

    Void invoices are counted in `invoices` and `void` and nowhere else. A valid invoice with a negative total is a
    return: it is counted in `returns` and lowers every net sum.

    Parameters
    ----------
    invoices, void, returns, valid
        Shape (n,): invoices of any kind; void ones; valid negative ones; valid ones, returns among them.
    total, amount, tax
        Shape (n,), in currency: net sums over valid invoices.
    sold, returned
        Shape (n,), in currency: sum of the positive totals, and of the negative ones with the sign turned.
    median
        Shape (n,), in currency: median positive total, NaN without one.
    first, last
        Shape (n,): first and last day with a valid invoice, NaN without one.
    days, parties
        The same sums by day and by counterparty.
    """

    invoices: Floats
    void: Floats
    returns: Floats
    valid: Floats
    total: Floats
    amount: Floats
    tax: Floats
    sold: Floats
    returned: Floats
    median: Floats
    first: Floats
    last: Floats
    days: Days
    parties: Parties

    @property
    def span(self) -> Floats:
        """Days spanned, last − first + 1, (n,): 1 where all invoices are of one day, NaN where there are none."""
        return self.last - self.first + 1


def side_of(invoices: Invoices, owners: int, *, is_sale: bool) -> Side:
    """Sum up one side.

    Parameters
    ----------
    invoices
        Invoices of both sides.
    owners
        Number n of enterprises.
    is_sale
        True for sales, False for purchases.
    """
    on_side = invoices.is_sale if is_sale else ~invoices.is_sale
    counted = np.bincount(invoices.owner[on_side], minlength=owners).astype(np.float64)
    chosen: Mask = on_side & invoices.is_valid
    owner = invoices.owner[chosen]
    day = invoices.day[chosen]
    total, amount, tax = invoices.total[chosen], invoices.amount[chosen], invoices.tax[chosen]
    step = steps(owner, owners, total, amount, tax)[owner]
    # Rounding serves exact sums alone: what an invoice is, and the invoice in the middle, are told by its own total.
    is_return = total < 0
    median = medians(owner, total, owners)
    total = rounded(total, step)
    valid = sums_by(owner, None, owners)
    net = sums_by(owner, total, owners)
    returned = -sums_by(owner[is_return], total[is_return], owners) + 0.0

    by_day = grouped(owner, day, owners)
    days = Days(by_day.owner, by_day.key, by_day.sums(total))
    del by_day
    by_party = grouped(owner, invoices.counterparty[chosen], owners)
    parties = Parties(by_party.owner, by_party.sums(total), by_party.least(day), by_party.greatest(day))
    del by_party
    starts, stops = ends_by(days.owner, owners)
    first, last = np.full(owners, np.nan), np.full(owners, np.nan)
    has_any = stops > starts
    first[has_any] = days.day[starts[has_any]]
    last[has_any] = days.day[stops[has_any] - 1]
    return Side(
        invoices=counted,
        void=counted - valid,
        returns=sums_by(owner[is_return], None, owners),
        valid=valid,
        total=net,
        amount=sums_by(owner, rounded(amount, step), owners),
        tax=sums_by(owner, rounded(tax, step), owners),
        sold=net + returned,
        returned=returned,
        median=median,
        first=first,
        last=last,
        days=days,
        parties=parties,
    )


def medians(owner: Codes, total: Floats, owners: int) -> Floats:
    """Return the median of the positive totals by owner, (owners,); NaN for an owner without one."""
    keep = total > 0
    owner, total = owner[keep], total[keep]
    ordered = total[ordered_by(owner, total, owners)]
    return middles(ordered, *ends_by(owner, owners))
