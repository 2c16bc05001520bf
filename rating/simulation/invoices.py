"""The invoices of simulated enterprises: drawn from how each of them trades, all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import arrow_numbers
from lendplan.data.coltable import ColumnTable
from lendplan.data.texts import Texts, strings
from lendplan.rating.simulation.uniformdraw import Draw

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

INVOICE_COLUMNS = (
    "enterprise",
    "side",
    "invoice_no",
    "date",
    "counterparty",
    "amount",
    "tax",
    "total",
    "status",
)
AFTER_LAST_MONTH = "2027-01"
MOST_INVOICES = 60_000_000

# What a month's sales stand above or below the year's mean where all of them follow the season: little in the weeks
# of the Spring Festival, most before the year ends. They add up to 0.
_SEASON = np.array([-0.10, -0.50, 0.00, 0.05, 0.05, 0.00, -0.10, -0.05, 0.10, 0.05, 0.20, 0.30])
_STATUS = ("valid", "void", "valid ", " void")
_BLANK_AROUND = 0.001  # share of the rows whose status has a blank beside it
_ZERO_OF_VOID = 0.2  # share of the void rows whose amounts are zero
_FIRST_NUMBER, _NUMBERS = 10_000_000, 90_000_000


@dataclass(frozen=True)
class Habits:
    """How each enterprise trades, each (n,).

    Parameters
    ----------
    sales
        Sales a month, in CNY.
    invoices
        Invoices a month, in proportion to one another.
    tax_rate
        Value-added tax on an invoice's amount.
    margin
        Share of sales that purchases leave.
    growth
        A month, of the sales.
    season
        How much of the sales follows the season, 0 to 1.
    unsteady
        Deviation of the logarithm of a month's sales.
    silent
        Share of the months without sales.
    joined
        Share of the months before its first invoice.
    void, returned, bunched
        Share of the invoices that are void, that are returns, and that fall on one day of the month.
    customers, suppliers
        How many there are.
    largest
        Share of the invoices that the largest of them takes, beside its even share.
    duplicated
        Share of the rows that stand there twice.
    one_invoice, all_void, no_purchases
        Who has a file as thin as that.
    """

    sales: Floats
    invoices: Floats
    tax_rate: Floats
    margin: Floats
    growth: Floats
    season: Floats
    unsteady: Floats
    silent: Floats
    joined: Floats
    void: Floats
    returned: Floats
    bunched: Floats
    customers: Floats
    suppliers: Floats
    largest: Floats
    duplicated: Floats
    one_invoice: Mask
    all_void: Mask
    no_purchases: Mask


def draw_invoices(
    draw: Draw, ids: NDArray[np.object_], habits: Habits, months: int, invoices_per_month: float
) -> ColumnTable:
    """Draw the invoices, ordered by enterprise, side (input first) and date.

    Parameters
    ----------
    draw
        Where the numbers come from.
    ids
        The enterprises' ids, (n,).
    habits
        How they trade.
    months
        Months up to December 2026.
    invoices_per_month
        Mean number an enterprise, month and side.

    Raises
    ------
    ValueError
        If that makes more than 60,000,000 invoices.
    """
    activity = _activity(draw, habits, months)
    counts = _counts(draw, habits, activity, invoices_per_month)
    rows = int(counts.sum())
    if rows > MOST_INVOICES:
        message = f"{rows:,} invoices would be made, and {MOST_INVOICES:,} is the most"
        raise ValueError(f"{message}: lower size, months or invoices_per_month")
    size = len(ids)
    block = np.repeat(np.arange(2 * size), counts.sum(axis=2).ravel())  # enterprise and side
    owner, is_sale = block // 2, block % 2 == 1
    day = _days(draw, habits, counts, owner, months)
    order = np.argsort(block * (1 << 20) + day, kind="stable")
    day = day[order]
    counterparty = _counterparties(draw, habits, owner, is_sale)
    amount, tax, is_void = _amounts(draw, habits, counts, owner, is_sale)
    total = amount + tax
    if rows:
        _spoil(draw, total, amount)
    number = _numbers(draw, counts, is_sale)
    status = is_void.astype(np.int32) + 2 * (draw.even(rows) < _BLANK_AROUND)
    twice = np.repeat(np.arange(rows), 1 + (draw.even(rows) < habits.duplicated[owner]))
    return ColumnTable(
        {
            "enterprise": Texts(owner[twice].astype(np.int32), ids),
            "side": Texts(is_sale[twice].astype(np.int32), strings(["input", "output"])),
            "invoice_no": _written(number[twice]),
            "date": _dates(day[twice]),
            "counterparty": _counterparty_ids(counterparty[twice], is_sale[twice]),
            "amount": amount[twice] / 100,
            "tax": tax[twice] / 100,
            "total": total[twice] / 100,
            "status": Texts(status[twice].astype(np.int32), strings(list(_STATUS))),
        },
        len(twice),
    )


def _first_days(months: int) -> Codes:
    """Return the first day of each month and of the one after, in days since 1970-01-01, (months + 1,)."""
    end = np.datetime64(AFTER_LAST_MONTH, "M")
    return (end - np.arange(months, -1, -1)).astype("datetime64[D]").astype(np.int64)


def _activity(draw: Draw, habits: Habits, months: int) -> Floats:
    """Return each month's sales as a multiple of the mean month's, (n, months)."""
    size = len(habits.sales)
    month = np.arange(months)
    trend = draw.spread(habits.growth[:, None] * (month - months / 2))
    season = 1 + habits.season[:, None] * _SEASON[(month - months) % 12]
    unsteady = draw.spread(habits.unsteady[:, None] * draw.bell(size * months).reshape(size, months))
    is_silent = draw.even(size * months).reshape(size, months) < habits.silent[:, None]
    is_silent |= month < np.floor(habits.joined * months)[:, None]
    return np.asarray(np.where(is_silent, 0.0, trend * season * unsteady))


def _counts(draw: Draw, habits: Habits, activity: Floats, invoices_per_month: float) -> Codes:
    """Return how many invoices there are of each enterprise, side (purchases first) and month, (n, 2, months)."""
    size, months = activity.shape
    # A running sum, since NumPy's own adds up in an order of its own on every processor.
    mean = np.cumsum(habits.invoices)[-1] / size
    a_month = invoices_per_month * habits.invoices / mean
    sales = draw.counts((a_month[:, None] * activity).ravel()).reshape(size, months)
    bought = (a_month * np.clip(1 - habits.margin, 0.1, 1.5))[:, None] * activity
    purchases = draw.counts(bought.ravel()).reshape(size, months)
    purchases[habits.no_purchases | habits.one_invoice] = 0
    sales[habits.one_invoice] = 0
    sales[habits.one_invoice, -1] = 1
    sales[habits.all_void, -1] = np.maximum(sales[habits.all_void, -1], 1)
    return np.stack([purchases, sales], axis=1)


def _days(draw: Draw, habits: Habits, counts: Codes, owner: Codes, months: int) -> Codes:
    """Return each invoice's day in days since 1970-01-01, (m,), within its month at random or on the busy day."""
    first = _first_days(months)
    length = np.diff(first)
    size = counts.shape[0]
    month = np.repeat(np.tile(np.arange(months), 2 * size), counts.ravel())
    busy = np.floor(28 * draw.even(size)).astype(np.int64)
    within = np.floor(draw.even(len(owner)) * length[month]).astype(np.int64)
    is_busy = draw.even(len(owner)) < habits.bunched[owner]
    return np.asarray(first[month] + np.where(is_busy, busy[owner], within))


def _counterparties(draw: Draw, habits: Habits, owner: Codes, is_sale: Mask) -> Codes:
    """Return each invoice's counterparty as a position in a pool that the enterprises share, (m,)."""
    rows = len(owner)
    known = np.where(is_sale, habits.customers[owner], habits.suppliers[owner])
    share = draw.even(rows)
    rank = np.floor((known - 1) * share * share) + 1  # the earlier ones are met more often
    rank[(draw.even(rows) < habits.largest[owner]) | (known == 1)] = 0
    pool = 40 + 20 * len(habits.sales)
    start = np.floor(pool * draw.even(2 * len(habits.sales)))
    return np.asarray((start[2 * owner + is_sale] + rank) % pool, dtype=np.int64)


def _amounts(
    draw: Draw, habits: Habits, counts: Codes, owner: Codes, is_sale: Mask
) -> tuple[Codes, Codes, Mask]:
    """Return amount before tax and tax, in hundredths, and what is void, each (m,)."""
    rows, size = len(owner), len(habits.sales)
    invoices = counts.sum(axis=2).reshape(2 * size) / counts.shape[2]
    a_month = np.stack([habits.sales * (1 - habits.margin), habits.sales], axis=1).ravel()
    mean = 100 * a_month / np.maximum(invoices, 1 / counts.shape[2])
    amount = mean[2 * owner + is_sale] * draw.spread(0.7 * draw.bell(rows)) * 0.8
    is_void = (draw.even(rows) < np.where(is_sale, 1.0, 0.6) * habits.void[owner]) | habits.all_void[owner]
    is_return = draw.even(rows) < np.where(is_sale, 1.0, 0.3) * habits.returned[owner]
    amount = np.where(is_return & ~is_void & ~habits.one_invoice[owner], -0.6 * amount, amount)
    amount = np.where(is_void & (draw.even(rows) < _ZERO_OF_VOID), 0.0, np.rint(amount))
    tax = np.rint(amount * habits.tax_rate[owner])
    return amount.astype(np.int64), tax.astype(np.int64), is_void & ~habits.one_invoice[owner]


def _spoil(draw: Draw, total: Codes, amount: Codes) -> None:
    """Let a few totals be other than amount and tax together."""
    rows = len(total)
    places = np.floor(rows * draw.even(2 + rows // 100_000)).astype(np.int64)
    total[places] += np.maximum(np.abs(amount[places]) // 10, 100)


def _numbers(draw: Draw, counts: Codes, is_sale: Mask) -> Codes:
    """Return eight digits an invoice, (m,): one after another for sales, anybody's for purchases."""
    rows = len(is_sale)
    of_block = counts.sum(axis=2).ravel()
    start = np.floor(_NUMBERS * draw.even(len(of_block)))
    running = np.arange(rows) - np.repeat(np.cumsum(of_block) - of_block, of_block)
    own = np.repeat(start, of_block) + running
    others = np.floor(_NUMBERS * draw.even(rows))
    return np.asarray(_FIRST_NUMBER + np.where(is_sale, own, others) % _NUMBERS, dtype=np.int64)


def _written(numbers: Codes) -> Texts:
    import pyarrow as pa

    return Texts.packed(arrow_numbers(numbers).cast(pa.large_string()))


def _dates(days: Codes) -> Texts:
    """Return days since 1970-01-01 as ISO text, (m,); each day is written once."""
    first = int(days.min()) if len(days) else 0
    last = int(days.max()) if len(days) else 0
    spelled = np.arange(first, last + 1).astype("datetime64[D]").astype(str)
    return Texts((days - first).astype(np.int32), strings(spelled.tolist()))


def _counterparty_ids(codes: Codes, is_sale: Mask) -> Texts:
    pool = int(codes.max()) + 1 if len(codes) else 0
    width = max(5, len(str(pool)))
    spelled = [f"{letter}{code + 1:0{width}d}" for letter in "VC" for code in range(pool)]
    return Texts((codes + pool * is_sale).astype(np.int32), strings(spelled))
