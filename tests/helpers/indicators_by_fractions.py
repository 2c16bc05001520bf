"""The catalogue of indicators worked out again, invoice by invoice: slow, and of other means than the product's."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from itertools import pairwise

import numpy as np
from invoice_rows import EPOCH, Row

NAN = math.nan


def reference(rows: list[Row], enterprise: str) -> dict[str, float]:
    """Work the catalogue out again, invoice by invoice, in exact fractions where that is possible."""
    sides: dict[str, list[Row]] = {"output": [], "input": []}
    for row in rows:
        if row[0] == enterprise:
            sides[row[1]].append(row)
    valid = {side: [row for row in given if row[6]] for side, given in sides.items()}

    def total(row: Row) -> Fraction:
        return Fraction(row[4] + row[5])

    def over(upper: Fraction | float, lower: Fraction | float) -> float:
        return float(upper) / float(lower) if lower > 0 else NAN

    def span(side: str) -> float:
        days = [row[2] for row in valid[side]]
        return (max(days) - min(days)).days + 1 if days else NAN

    def turnover(side: str) -> float:
        returns = sum(total(row) < 0 for row in valid[side])
        return over(len(sides[side]) - 2 * returns - (len(sides[side]) - len(valid[side])), len(sides[side]))

    def net(side: str, key: Callable[[Row], Fraction] = total) -> Fraction:
        return sum((key(row) for row in valid[side]), Fraction(0))

    def by(side: str, key: Callable[[Row], object]) -> dict[object, Fraction]:
        sums: dict[object, Fraction] = defaultdict(Fraction)
        for row in valid[side]:
            sums[key(row)] += total(row)
        return sums

    def shares(side: str, key: Callable[[Row], object]) -> list[float]:
        positive = [max(value, Fraction(0)) for value in by(side, key).values()]
        return sorted((float(value / sum(positive)) for value in positive if value > 0), reverse=True)

    def median(side: str) -> float:
        ordered = sorted(float(total(row)) for row in valid[side] if total(row) > 0)
        half = len(ordered) // 2
        return (ordered[half] + ordered[~half]) / 2 if ordered else NAN

    def repeat(side: str) -> float:
        days: dict[str, set[date]] = defaultdict(set)
        for row in valid[side]:
            days[row[3]].add(row[2])
        return over(sum(len(found) > 1 for found in days.values()), len(days))

    def months(side: str) -> dict[int, float]:
        sums = by(side, lambda row: row[2].year * 12 + row[2].month)
        known = [key for key in sums if isinstance(key, int)]
        return {key: float(sums.get(key, 0)) for key in range(min(known), max(known) + 1)} if known else {}

    def volatility(side: str) -> float:
        totals = list(months(side).values())
        mean = sum(totals) / len(totals) if totals else 0
        return over(float(np.std(totals)), mean) if len(totals) >= 3 else NAN

    def correlation(pairs: list[tuple[float, float]]) -> float:
        if len(pairs) < 6 or any(len({pair[end] for pair in pairs}) == 1 for end in (0, 1)):
            return NAN
        return float(np.corrcoef(np.array(pairs).T)[0, 1])

    sold, bought = shares("output", lambda row: row[3]), shares("input", lambda row: row[3])
    days, selling, buying = shares("output", lambda row: row[2]), months("output"), months("input")
    sale_days = sorted({row[2] for row in valid["output"]})
    d1, d2 = span("output"), span("input")
    m1, m2 = (max(length / (365.25 / 12), 1) if length > 0 else NAN for length in (d1, d2))
    v1, v2 = (max(net(side, lambda row: Fraction(row[4])), Fraction(0)) for side in ("output", "input"))
    positive = [total(row) for row in valid["output"] if total(row) > 0]
    middle = sale_days[0] + (sale_days[-1] - sale_days[0]) / 2 if sale_days else EPOCH
    halves = [Fraction(0), Fraction(0)]
    for row in valid["output"]:
        halves[row[2] > middle] += total(row)
    early, late = (max(half, Fraction(0)) for half in halves)
    firsts: dict[str, date] = {}
    for row in sorted(valid["output"], key=lambda row: row[2]):
        firsts.setdefault(row[3], row[2])
    party_totals = {
        str(key): max(value, Fraction(0)) for key, value in by("output", lambda row: row[3]).items()
    }
    new = sum((value for key, value in party_totals.items() if firsts[key] > middle), Fraction(0))
    ranks = range(len(selling))
    slope = float(np.polyfit(ranks, list(selling.values()), 1)[0]) if len(selling) >= 3 else NAN
    mean = sum(selling.values()) / len(selling) if selling else 0
    every_day = [row[2] for side in ("output", "input") for row in valid[side]]

    def count(side: str, *, negative: bool) -> int:
        return sum(total(row) < 0 for row in valid[side]) if negative else len(sides[side]) - len(valid[side])

    return {
        "daily_input": over(net("input"), d2),
        "sales_turnover_rate": turnover("output"),
        "purchase_turnover_rate": turnover("input"),
        "daily_profit": over(net("output") - net("input"), d1),
        "customers": len({row[3] for row in valid["output"]}),
        "suppliers": len({row[3] for row in valid["input"]}),
        "monthly_sales": over(net("output"), m1),
        "monthly_tax": over(
            net("output", lambda row: Fraction(row[5])) - net("input", lambda row: Fraction(row[5])), m1
        ),
        "monthly_sales_invoices": over(len(valid["output"]), m1),
        "monthly_purchase_invoices": over(len(valid["input"]), m2),
        "mean_sale": over(sum(positive), len(positive)),
        "median_sale": median("output"),
        "median_purchase": median("input"),
        "margin": over(v1 - v2, max(v1, v2)),
        "sales_tax_rate": over(
            net("output", lambda row: Fraction(row[5])), net("output", lambda row: Fraction(row[4]))
        ),
        "purchase_tax_rate": over(
            net("input", lambda row: Fraction(row[5])), net("input", lambda row: Fraction(row[4]))
        ),
        "largest_customer_share": sold[0] if sold else NAN,
        "largest_supplier_share": bought[0] if bought else NAN,
        "effective_customers": over(1, sum(share * share for share in sold)),
        "effective_suppliers": over(1, sum(share * share for share in bought)),
        "buyer_spread": over(-sum(share * math.log(share) for share in sold), math.log(len(sold)))
        if len(sold) > 1
        else (0.0 if sold else NAN),
        "busiest_days_share": sum(days[: math.ceil(len(sale_days) / 100)]) if days else NAN,
        "repeat_customer_share": repeat("output"),
        "repeat_supplier_share": repeat("input"),
        "new_customer_sales_share": over(new, sum(party_totals.values())),
        "sales_void_share": over(count("output", negative=False), len(sides["output"])),
        "purchase_void_share": over(count("input", negative=False), len(sides["input"])),
        "sales_return_share": over(count("output", negative=True), len(valid["output"])),
        "purchase_return_share": over(count("input", negative=True), len(valid["input"])),
        "sales_days": d1,
        "purchase_days": d2,
        "selling_day_share": over(len(sale_days), d1),
        "buying_day_share": over(len({row[2] for row in valid["input"]}), d2),
        "active_months": len({(day.year, day.month) for day in sale_days}),
        "silent_months": len(selling) - len({(day.year, day.month) for day in sale_days}) if selling else NAN,
        "longest_silence": max(
            ((later - earlier).days - 1 for earlier, later in pairwise(sale_days)),
            default=0,
        )
        if sale_days
        else NAN,
        "days_since_last_sale": (max(every_day) - sale_days[-1]).days if sale_days else NAN,
        "trend": slope / mean if mean > 0 else NAN,
        "growth": over(late - early, late + early),
        "usual_month_sales": statistics.median(selling.values()) if selling else NAN,
        "profit_month_share": over(
            sum(value > buying.get(key, 0) for key, value in selling.items()), len(selling)
        ),
        "volatility": volatility("output"),
        "purchase_volatility": volatility("input"),
        "seasonality": correlation(
            [(selling[key], selling[key - 12]) for key in selling if key - 12 in selling]
        ),
        "agreement": correlation([(value, buying[key]) for key, value in selling.items() if key in buying]),
    }
