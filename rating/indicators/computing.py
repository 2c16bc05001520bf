"""All indicators of all enterprises out of their invoices; :mod:`catalogue` beside this says what each one is."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from lendplan.rating.indicators.catalogue import CATALOGUE, LEARNT
from lendplan.rating.indicators.groups import Ints, ends_by, ordered_by, ranks_within, sums_by
from lendplan.rating.indicators.monthly import (
    Months,
    agreement_of,
    months_of,
    profitable_of,
    ratio,
    seasonality_of,
    trend_of,
    usual_of,
    volatility_of,
)
from lendplan.rating.indicators.sides import Days, Parties, Side, side_of
from lendplan.rating.records import Dossier, Floats, Indicators

LOG = logging.getLogger(__name__)

MONTH = 365.25 / 12
"""Days of a mean month."""


def indicators_of(dossier: Dossier) -> Indicators:
    """Work out every indicator of the catalogue for every enterprise.

    An enterprise's numbers rest on its own invoices alone: they are the same, to the last bit, whoever else is in the
    dossier and in whatever order the invoices stand. Memory beyond the dossier is about 150 bytes an invoice of the
    larger side.

    Parameters
    ----------
    dossier
        Enterprises and invoices; totals, amounts and taxes are finite.

    Returns
    -------
    Indicators
        Values (n, k) in the order of the catalogue. NaN where an indicator is not defined, never infinite: shares and
        means of an empty side are NaN, numbers of customers, suppliers and active months are then 0, and trends and
        correlations ask for as many months as the catalogue says.
    """
    owners = dossier.enterprises.size
    sales = side_of(dossier.invoices, owners, is_sale=True)
    purchases = side_of(dossier.invoices, owners, is_sale=False)
    selling, buying = months_of(sales.days, owners), months_of(purchases.days, owners)
    found = {
        **_published(sales, purchases),
        **_size(sales, purchases),
        **_spread(sales, purchases),
        **_papers(sales, purchases),
        **_time(sales, purchases, selling),
        **_months(sales, selling, buying),
    }
    values = np.column_stack([found[name] for name in CATALOGUE])
    LOG.debug(
        "%d indicators of %d enterprises from %d invoices", len(CATALOGUE), owners, dossier.invoices.size
    )
    return Indicators(dossier.enterprises.enterprise, tuple(CATALOGUE), values)


def learnt(indicators: Indicators) -> Indicators:
    """Return the indicators that are learnt from (``LEARNT`` of the catalogue), the rest left out."""
    places = [indicators.names.index(name) for name in LEARNT]
    return Indicators(indicators.enterprise, LEARNT, indicators.values[:, places])


def undefined(dossier: Dossier, indicators: Indicators) -> Mapping[str, str]:
    """Say which enterprises cannot be rated, and why.

    Selling is what a rating rests on. One without a valid sale, or whose returns are not below its sales, has no
    turnover, margin or share of a customer; to fill these with the usual values of others would make it look usual.
    One without purchases is rated on its sales.

    Parameters
    ----------
    dossier
        Enterprises and invoices, with the reasons that reading found.
    indicators
        Of the same enterprises.

    Returns
    -------
    Mapping
        Enterprise id → reason, in the order of the enterprises; the reader's own reason comes first.
    """
    ids = dossier.enterprises.enterprise
    owner, is_sale = dossier.invoices.owner, dossier.invoices.is_sale
    issued = np.bincount(owner[is_sale], minlength=len(ids))
    valid = np.bincount(owner[is_sale & dossier.invoices.is_valid], minlength=len(ids))
    net = indicators.column("monthly_sales")
    is_listed = np.array([enterprise in dossier.unusable for enterprise in ids], dtype=bool)
    reasons: dict[str, str] = {}
    for row in np.flatnonzero(is_listed | ~(net > 0)):
        enterprise = ids[row]
        if is_listed[row]:
            reasons[enterprise] = dossier.unusable[enterprise]
        elif issued[row] == 0:
            reasons[enterprise] = "no sales invoice: there are no sales to rate it on"
        elif valid[row] == 0:
            reasons[enterprise] = f"no valid sales invoice: all {issued[row]:,} are void"
        else:
            reasons[enterprise] = "returns are not below sales: no turnover is left to rate it on"
    return reasons


def _published(sales: Side, purchases: Side) -> dict[str, Floats]:
    """Return the paper's six, (n,) each."""
    return {
        "daily_input": ratio(purchases.total, purchases.span),
        "sales_turnover_rate": ratio(sales.invoices - 2 * sales.returns - sales.void, sales.invoices),
        "purchase_turnover_rate": ratio(
            purchases.invoices - 2 * purchases.returns - purchases.void, purchases.invoices
        ),
        "daily_profit": ratio(sales.total - purchases.total, sales.span),
        "customers": parties_of(sales),
        "suppliers": parties_of(purchases),
    }


def _size(sales: Side, purchases: Side) -> dict[str, Floats]:
    """Return how much is sold, bought and left over, (n,) each."""
    selling, buying = np.maximum(sales.span / MONTH, 1), np.maximum(purchases.span / MONTH, 1)
    earned, spent = np.maximum(sales.amount, 0), np.maximum(purchases.amount, 0)
    return {
        "monthly_sales": ratio(sales.total, selling),
        "monthly_tax": ratio(sales.tax - purchases.tax, selling),
        "monthly_sales_invoices": ratio(sales.valid, selling),
        "monthly_purchase_invoices": ratio(purchases.valid, buying),
        "mean_sale": ratio(sales.sold, sales.valid - sales.returns),
        "median_sale": sales.median,
        "median_purchase": purchases.median,
        "margin": ratio(earned - spent, np.maximum(earned, spent)),
        "sales_tax_rate": ratio(sales.tax, sales.amount),
        "purchase_tax_rate": ratio(purchases.tax, purchases.amount),
    }


def _spread(sales: Side, purchases: Side) -> dict[str, Floats]:
    """Return how trade is spread over counterparties and days, (n,) each."""
    owners = len(sales.total)
    of_customers, of_suppliers = (
        ordered_shares(sales.parties, owners),
        ordered_shares(purchases.parties, owners),
    )
    middle = (sales.first + sales.last) / 2
    customers = sales.parties
    is_new = customers.first > middle[customers.owner]
    bought = np.maximum(customers.total, 0)
    return {
        "largest_customer_share": largest(*of_customers, owners),
        "largest_supplier_share": largest(*of_suppliers, owners),
        "effective_customers": effective(*of_customers, owners),
        "effective_suppliers": effective(*of_suppliers, owners),
        "buyer_spread": evenness(*of_customers, owners),
        "busiest_days_share": busiest(sales.days, owners),
        "repeat_customer_share": repeated(sales),
        "repeat_supplier_share": repeated(purchases),
        "new_customer_sales_share": ratio(
            steady_sums(customers.owner[is_new], bought[is_new], owners),
            steady_sums(customers.owner, bought, owners),
        ),
    }


def _papers(sales: Side, purchases: Side) -> dict[str, Floats]:
    """Return what share of the invoices was void or a return, (n,) each."""
    return {
        "sales_void_share": ratio(sales.void, sales.invoices),
        "purchase_void_share": ratio(purchases.void, purchases.invoices),
        "sales_return_share": ratio(sales.returns, sales.valid),
        "purchase_return_share": ratio(purchases.returns, purchases.valid),
    }


def _time(sales: Side, purchases: Side, months: Months) -> dict[str, Floats]:
    """Return how long and how steadily it has traded, (n,) each; `months` are those of sales."""
    owners = len(sales.total)
    return {
        "sales_days": sales.span,
        "purchase_days": purchases.span,
        "selling_day_share": ratio(sums_by(sales.days.owner, None, owners), sales.span),
        "buying_day_share": ratio(sums_by(purchases.days.owner, None, owners), purchases.span),
        "active_months": months.count - months.silent,
        "silent_months": np.where(months.count > 0, months.silent, np.nan),
        "longest_silence": longest_silence(sales.days, owners),
        "days_since_last_sale": np.fmax(sales.last, purchases.last) - sales.last,
    }


def _months(sales: Side, selling: Months, buying: Months) -> dict[str, Floats]:
    """Return what the row of months shows, (n,) each."""
    return {
        "trend": trend_of(selling),
        "growth": growth(sales, selling.owners),
        "usual_month_sales": usual_of(selling),
        "profit_month_share": profitable_of(selling, buying),
        "volatility": volatility_of(selling),
        "purchase_volatility": volatility_of(buying),
        "seasonality": seasonality_of(selling),
        "agreement": agreement_of(selling, buying),
    }


def parties_of(side: Side) -> Floats:
    """Return the number of counterparties, (n,)."""
    return sums_by(side.parties.owner, None, len(side.total))


def repeated(side: Side) -> Floats:
    """Return the share of counterparties that come on two days or more, (n,)."""
    came_back = side.parties.last > side.parties.first
    return ratio(sums_by(side.parties.owner[came_back], None, len(side.total)), parties_of(side))


def steady_sums(owner: Ints, values: Floats, owners: int) -> Floats:
    """Return sums by owner that do not depend on the order of the rows, to the last bit, (owners,)."""
    order = ordered_by(owner, values, owners)
    return sums_by(owner[order], values[order], owners)


def ordered_shares(parties: Parties | Days, owners: int) -> tuple[Ints, Floats]:
    """Return owner and share in the positive net totals, from each owner's largest down, (g,) each.

    All shares of an owner are 0 where no net total is above 0.
    """
    order = ordered_by(parties.owner, -parties.total, owners)
    owner, total = parties.owner[order], np.maximum(parties.total[order], 0)
    share = ratio(total, sums_by(owner, total, owners)[owner])
    return owner, np.nan_to_num(share, copy=False)


def largest(owner: Ints, share: Floats, owners: int) -> Floats:
    """Return the largest share, (n,); NaN where none is above 0."""
    starts, stops = ends_by(owner, owners)
    found = np.full(owners, np.nan)
    has_any = np.flatnonzero(stops > starts)
    first = share[starts[has_any]]
    found[has_any] = np.where(first > 0, first, np.nan)
    return found


def effective(owner: Ints, share: Floats, owners: int) -> Floats:
    """Return 1 / Σ share², (n,); NaN where no share is above 0."""
    return ratio(np.ones(owners), sums_by(owner, share * share, owners))


def evenness(owner: Ints, share: Floats, owners: int) -> Floats:
    """Return entropy over its greatest possible value, (n,): 0 for a single share, NaN for none."""
    owner, share = owner[share > 0], share[share > 0]
    count = sums_by(owner, None, owners)
    entropy = sums_by(owner, -share * np.log(share), owners)
    spread = ratio(entropy, np.log(np.maximum(count, 1)))
    return np.where(count == 1, 0.0, np.minimum(spread, 1))


def busiest(days: Days, owners: int) -> Floats:
    """Return the share of the strongest hundredth of days, rounded up, (n,); NaN where no day is above 0."""
    owner, share = ordered_shares(days, owners)
    counted = sums_by(owner, None, owners)
    is_top = ranks_within(owner, owners) < np.ceil(counted / 100)[owner]
    found = sums_by(owner[is_top], share[is_top], owners)
    return np.where(found > 0, np.minimum(found, 1), np.nan)


def longest_silence(days: Days, owners: int) -> Floats:
    """Return the most days in a row without an invoice between two, (n,); 0 with one day alone, NaN with none."""
    is_same = days.owner[1:] == days.owner[:-1]
    pause = (days.day[1:] - days.day[:-1] - 1)[is_same]
    found = np.zeros(owners)
    np.maximum.at(found, days.owner[1:][is_same], pause)
    return np.where(sums_by(days.owner, None, owners) > 0, found, np.nan)


def growth(side: Side, owners: int) -> Floats:
    """Return (later − earlier) / (later + earlier) of the two halves of the days spanned, (n,)."""
    days = side.days
    is_late = days.day > ((side.first + side.last) / 2)[days.owner]
    later = np.maximum(sums_by(days.owner[is_late], days.total[is_late], owners), 0)
    earlier = np.maximum(sums_by(days.owner[~is_late], days.total[~is_late], owners), 0)
    return ratio(later - earlier, later + earlier)
