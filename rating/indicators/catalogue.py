"""Every indicator: what it is called, its unit, which way is better, its formula and where it comes from.

In the formulas the sum of totals W₁ is of valid sales and W₂ of valid purchases, returns (valid invoices below zero)
taken off; S invoices, S₁ of them valid and negative, S₂ void. Void invoices count in S and S₂ alone. D days are spanned
from the first to the last valid invoice of a side, both included, so that invoices of one day span one day; M = 12 D /
365.25 months, 1 at the least. Shares of counterparties and of days are of positive net totals: one that took back more
than it bought has the share 0. Whatever is not defined is NaN, never 0 or infinite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Direction = Literal["more", "less", "none"]

PAPER = "Published rating of small enterprises on their invoices (RATING.md, system 1)"
OURS = "ours"


@dataclass(frozen=True)
class Indicator:
    """One number that describes an enterprise.

    Parameters
    ----------
    name
        As in tables and files.
    unit
        Of its values; ``1`` for a ratio.
    direction
        Whether more or less of it is better, judged beforehand and not from the data; ``none`` where that is not clear.
    formula
        How it is worked out of the invoices.
    source
        The published system it is from, or ``ours``.
    description
        What it tells, in one sentence.
    group
        What it is about: ``published``, ``size``, ``spread``, ``papers``, ``time`` or ``months``.
    """

    name: str
    unit: str
    direction: Direction
    formula: str
    source: str
    description: str
    group: str


def _published(name: str, unit: str, formula: str, description: str) -> Indicator:
    """Return one of the paper's six; of each of them it calls more better."""
    return Indicator(name, unit, "more", formula, PAPER, description, "published")


def _ours(
    group: str, name: str, unit: str, direction: Direction, formula: str, description: str
) -> Indicator:
    """Return one that goes beyond the paper."""
    return Indicator(name, unit, direction, formula, OURS, description, group)


# fmt: off
# A table: the formatter would give every cell a line of its own.
_ALL = (
    _published("daily_input", "currency a day",
               "J = W₂ / D of purchases",
               "What the enterprise buys on an average day."),
    _published("sales_turnover_rate", "1",
               "η = (S − 2 S₁ − S₂) / S, from −1 to 1",
               "Share of sales invoices that stood; a return counts twice, for itself and for the sale "
               "that it undoes."),
    _published("purchase_turnover_rate", "1",
               "ζ = (S − 2 S₁ − S₂) / S of purchases, from −1 to 1",
               "Share of purchase invoices that stood."),
    _published("daily_profit", "currency a day",
               "(W₁ − W₂) / D of sales; the paper prints W₁ + W₂ as well, and the difference is what it "
               "means",
               "What is left of the sales of an average day after all purchases."),
    _published("customers", "counterparties",
               "number of distinct counterparties of valid sales",
               "How many buy from it."),
    _published("suppliers", "counterparties",
               "number of distinct counterparties of valid purchases",
               "How many it buys from."),
    _ours("size", "monthly_sales", "currency a month", "more",
          "W₁ / M",
          "What it sells in an average month."),
    _ours("size", "monthly_tax", "currency a month", "more",
          "(tax of valid sales − tax of valid purchases) / M",
          "Value-added tax that its own trade adds in an average month."),
    _ours("size", "monthly_sales_invoices", "invoices a month", "more",
          "valid sales invoices / M",
          "How often it sells."),
    _ours("size", "monthly_purchase_invoices", "invoices a month", "more",
          "valid purchase invoices / M of purchases",
          "How often it buys."),
    _ours("size", "mean_sale", "currency", "more",
          "sum of positive totals of valid sales / their number",
          "Size of its average sale."),
    _ours("size", "median_sale", "currency", "more",
          "median of the positive totals of valid sales",
          "Size of its usual sale."),
    _ours("size", "median_purchase", "currency", "more",
          "median of the positive totals of valid purchases",
          "Size of its usual purchase."),
    _ours("size", "margin", "1", "more",
          "(V₁ − V₂) / max(V₁, V₂) of net amounts before tax, those below 0 taken as 0; from −1 to 1",
          "Share of its sales that purchases leave over; with a loss, the part of its purchases that "
          "sales do not cover."),
    _ours("size", "sales_tax_rate", "1", "none",
          "sum of tax / sum of amounts of valid sales",
          "Mean rate of value-added tax on what it sells, a mark of its trade and of its tax status."),
    _ours("size", "purchase_tax_rate", "1", "none",
          "sum of tax / sum of amounts of valid purchases",
          "Mean rate of value-added tax on what it buys."),
    _ours("spread", "largest_customer_share", "1", "less",
          "largest share of a customer in sales",
          "How far it depends on one buyer."),
    _ours("spread", "largest_supplier_share", "1", "less",
          "largest share of a supplier in purchases",
          "How far it depends on one seller."),
    _ours("spread", "effective_customers", "counterparties", "more",
          "1 / Σ share² over customers (inverse Herfindahl index)",
          "How many equal buyers would make as concentrated a trade."),
    _ours("spread", "effective_suppliers", "counterparties", "more",
          "1 / Σ share² over suppliers (inverse Herfindahl index)",
          "How many equal sellers would make as concentrated a supply."),
    _ours("spread", "buyer_spread", "1", "more",
          "−Σ share · ln share / ln k over the k customers with a positive share; 0 where k is 1",
          "How evenly sales are spread over buyers (entropy): 1 if all buy alike; a check of authenticity."),
    _ours("spread", "busiest_days_share", "1", "less",
          "share in sales of the ⌈d / 100⌉ strongest of the d days with a sale",
          "How much of its sales was invoiced on the busiest hundredth of days; a check of authenticity."),
    _ours("spread", "repeat_customer_share", "1", "more",
          "customers with valid sales on two days or more / customers",
          "How many of its buyers come back."),
    _ours("spread", "repeat_supplier_share", "1", "more",
          "suppliers with valid purchases on two days or more / suppliers",
          "How many of its sellers it comes back to."),
    _ours("spread", "new_customer_sales_share", "1", "none",
          "share in sales of customers whose first sale lies in the later half of the days spanned",
          "How far it lives on buyers won lately."),
    _ours("papers", "sales_void_share", "1", "less",
          "S₂ / S",
          "Share of sales invoices that were declared void."),
    _ours("papers", "purchase_void_share", "1", "none",
          "S₂ / S of purchases",
          "Share of purchase invoices that were declared void, which is its sellers' doing."),
    _ours("papers", "sales_return_share", "1", "less",
          "S₁ / valid sales invoices",
          "Share of valid sales invoices that are returns."),
    _ours("papers", "purchase_return_share", "1", "none",
          "S₁ / valid purchase invoices",
          "Share of valid purchase invoices that are returns."),
    _ours("time", "sales_days", "days", "more",
          "D = last − first + 1",
          "Days covered by its sales."),
    _ours("time", "purchase_days", "days", "more",
          "D = last − first + 1 of purchases",
          "Days covered by its purchases."),
    _ours("time", "selling_day_share", "1", "more",
          "days with a valid sale / D",
          "On what share of days it sells."),
    _ours("time", "buying_day_share", "1", "more",
          "days with a valid purchase / D of purchases",
          "On what share of days it buys."),
    _ours("time", "active_months", "months", "more",
          "calendar months with a valid sale",
          "In how many months it sold."),
    _ours("time", "silent_months", "months", "less",
          "calendar months without a valid sale, from the first to the last with one",
          "In how many months it sold nothing, and yet was in business."),
    _ours("time", "longest_silence", "days", "less",
          "most days in a row without a valid sale between two sales",
          "Its longest pause in selling."),
    _ours("time", "days_since_last_sale", "days", "less",
          "its last day with a valid invoice of either side − its last day with a valid sale",
          "How long it has gone on buying without selling."),
    _ours("months", "trend", "1 a month", "more",
          "slope of the least-squares line through monthly sales / their mean; 3 months at the least",
          "By what share of an average month its sales grow a month."),
    _ours("months", "growth", "1", "more",
          "(L − E) / (L + E) with sales E of the earlier and L of the later half of the days spanned, "
          "those below 0 taken as 0; from −1 to 1",
          "Whether the later half sold more than the earlier."),
    _ours("months", "usual_month_sales", "currency a month", "more",
          "median of monthly sales, silent months included",
          "What it sells in a usual month; a few large orders do not lift it."),
    _ours("months", "profit_month_share", "1", "more",
          "months of sales in which sales exceed purchases / months of sales, silent ones included",
          "In what share of months more is sold than bought."),
    _ours("months", "volatility", "1", "less",
          "standard deviation / mean of monthly sales, silent months included; 3 months at the least",
          "How unsteady its sales are."),
    _ours("months", "purchase_volatility", "1", "less",
          "standard deviation / mean of monthly purchases, silent months included; 3 months at the least",
          "How unsteady its purchases are."),
    _ours("months", "seasonality", "1", "none",
          "correlation of a month's sales with those of the same month a year before; 6 pairs (18 "
          "months) at the least",
          "Whether sales follow the calendar."),
    _ours("months", "agreement", "1", "more",
          "correlation of sales with purchases over the months that both span; 6 months at the least",
          "Whether what is bought moves with what is sold."),
)
# fmt: on

CATALOGUE: Mapping[str, Indicator] = MappingProxyType({indicator.name: indicator for indicator in _ALL})
"""Name → indicator, in the order of the columns of :class:`lendplan.rating.records.Indicators`."""

PUBLISHED = tuple(indicator.name for indicator in _ALL if indicator.source == PAPER)
"""Names of the paper's six."""

_FOR_PEOPLE = {
    "mean_sale",
    "median_purchase",
    "monthly_tax",
    "monthly_purchase_invoices",
    "effective_suppliers",
    "repeat_supplier_share",
    "new_customer_sales_share",
    "buying_day_share",
    "active_months",
    "days_since_last_sale",
    "growth",
    "purchase_volatility",
    "agreement",
}

LEARNT = tuple(name for name in CATALOGUE if name not in _FOR_PEOPLE)
"""Names of those that forests learn from.

Left out is what another one says already (`growth` beside `trend`, `mean_sale` beside `median_sale`) and the finer
grain of purchases: it is for people and for the early warning. Among few rated enterprises every further column lets a
tree ask more questions that lead nowhere. On the 123 of the contest, by two times twenty repeats of cross-validation,
these reach an area under the curve of 0.902 and an accuracy of 0.58 to 0.59, all 45 indicators 0.898 to 0.899 and 0.56
to 0.57. Some twenty lists were compared by cross-validation on the same 123 enterprises; the figures of `validate` do
not know of that choice, and are too good by what it gains, which is about as much as the difference itself.
"""
