"""A seeded simulator of enterprises and their invoices, in the schema that `rate fit` reads: none of them exists.

Every value is drawn; no row of any real book is copied or perturbed. Two things are taken from real data, both of the
123 rated enterprises of annex 1 of problem C of the 2020 Chinese undergraduate modelling contest (CUMCM): the mix of
grades, 27 A, 38 B, 34 C and 24 D, and that every D has defaulted, and three others. The rest is chosen by us.

Each enterprise has a quality that nobody sees. It drives how much is sold, how steadily, to how many customers, how
often invoices are void or returned, how many months are silent; with noise of its own it drives the grade, and with
more noise the default. The invoices therefore tell of default, and do not settle it.

Only uniform numbers are drawn, and they are shaped with sums, products, comparisons and square roots alone, which
every machine rounds alike. NumPy may change how it draws other distributions, and ``exp`` and ``log`` differ in the
last digit between processors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.data.coltable import ColumnTable
from lendplan.data.texts import Texts, strings
from lendplan.rating.simulation.invoices import Habits, draw_invoices
from lendplan.rating.simulation.uniformdraw import Draw

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

GRADES = ("A", "B", "C", "D")
GRADE_MIX = (27, 38, 34, 24)  # of 123
DEFAULTS_BEYOND_D = 3 / 123
SIZES = ("micro", "small", "medium")
REGIONS = ("east", "north", "south", "west")
MOST_MONTHS = 240
MOST_CELLS = 50_000_000

ENTERPRISE_COLUMNS = ("enterprise", "name", "grade", "default")
BOOK_COLUMNS = ("line_min", "line_max", "industry", "region", "size")

# Industry, its share, value-added tax, margin, how much of its sales follows the season, size of an invoice.
_INDUSTRIES = (
    ("construction", 0.12, 0.09, 0.16, 0.9, 2.6),
    ("food", 0.14, 0.09, 0.14, 0.6, 0.6),
    ("logistics", 0.12, 0.09, 0.15, 0.5, 0.7),
    ("manufacturing", 0.22, 0.13, 0.18, 0.4, 1.8),
    ("retail", 0.25, 0.13, 0.13, 0.8, 0.4),
    ("services", 0.15, 0.06, 0.30, 0.2, 0.9),
)
INDUSTRIES = tuple(one[0] for one in _INDUSTRIES)
_REGION_MIX = (0.36, 0.22, 0.27, 0.15)
_LINE_MIN = (5, 10, 20)  # by size, in units of 10,000 CNY
_LINE_MAX = ((10, 30), (25, 65), (60, 100))  # by size, from and to
_SMALL_FROM, _MEDIUM_FROM = -0.1, 1.0  # of the scale
_SALES_A_MONTH = 260_000.0  # CNY, of an enterprise of middling scale
_THIN = 0.012  # share of enterprises of each kind of thin file

# How much of what the bank sees of an enterprise is its quality; the rest is chance. Squares add up to 1.
_IN_GRADE, _IN_DEFAULT, _IN_SCALE = 0.96, 0.92, 0.70
_FLATTERED = 0.05  # what the standing of a defaulter who kept a grade is above its worth


@dataclass(frozen=True)
class _Drawn:
    """What is drawn of each enterprise, each (n,)."""

    quality: Floats
    scale: Floats
    industry: Codes
    region: Codes
    line_share: Floats
    grade: Codes
    is_default: NDArray[np.bool_]
    is_rated: NDArray[np.bool_]


def simulate(
    size: int = 123,
    seed: int = 2027,
    *,
    months: int = 36,
    invoices_per_month: float = 12.0,
    unrated: float = 0.15,
    book: bool = True,
) -> Mapping[str, ColumnTable]:
    """Simulate enterprises and their invoices.

    Parameters
    ----------
    size
        Number of enterprises, at least 1.
    seed
        The same arguments give the same tables, on every machine.
    months
        Months of invoices, up to December 2026.
    invoices_per_month
        About how many invoices an enterprise has a month on each side, on average; a few have most of them, as in
        real books.
    unrated
        Share of the enterprises that have neither grade nor default, for `rate` to forecast.
    book
        Whether the enterprises carry the further columns that `optimize` uses: line_min and line_max in units of
        10,000 CNY, industry, region and size. The rating does not look at them.

    Returns
    -------
    Mapping
        ``enterprises``, (size,): enterprise, name, grade, default (yes or no) and the columns of the book.
        ``invoices``: enterprise, side, invoice_no, date (ISO), counterparty, amount, tax, total (CNY) and status.
        The grades of the rated stand in the real proportions (largest remainder). From 42 enterprises on, one in
        about eighty has a single invoice, one nothing but void ones, one no purchases. There are exact duplicates,
        a few rows whose total is not amount plus tax, void rows of amount zero, returns and blanks around a status.

    Raises
    ------
    ValueError
        If an argument is out of range, or more than 50,000,000 enterprise-months would be drawn.
    """
    _check(size, seed, months, invoices_per_month, unrated)
    draw = Draw(seed)
    drawn = _draw_enterprises(draw, size, unrated)
    width = max(4, len(str(size)))
    ids = strings([f"S{number:0{width}d}" for number in range(1, size + 1)])
    habits = _habits(draw, drawn)
    return {
        "enterprises": _enterprise_table(drawn, ids, book=book),
        "invoices": draw_invoices(draw, ids, habits, months, invoices_per_month),
    }


def _check(size: int, seed: int, months: int, invoices_per_month: float, unrated: float) -> None:
    if size < 1:
        raise ValueError(f"size must be at least 1, and is {size}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, and is {seed}")
    if not 1 <= months <= MOST_MONTHS:
        raise ValueError(f"months must be 1 to {MOST_MONTHS}, and is {months}")
    if not 0 < invoices_per_month <= 100_000:
        raise ValueError(f"invoices_per_month must be above 0, at most 100,000, and is {invoices_per_month}")
    if not 0 <= unrated <= 1:
        raise ValueError(f"unrated must be a share from 0 to 1, and is {unrated}")
    if size * months > MOST_CELLS:
        raise ValueError(f"size × months must be at most {MOST_CELLS:,}, and is {size * months:,}")


def _draw_enterprises(draw: Draw, size: int, unrated: float) -> _Drawn:
    quality = draw.bell(size)
    is_rated = np.ones(size, dtype=bool)
    is_rated[draw.order(size)[: round(unrated * size)]] = False
    is_default, grade = _default_and_grade(draw, quality, is_rated)
    return _Drawn(
        quality=quality,
        scale=_mixed(quality, draw.bell(size), _IN_SCALE),
        industry=draw.choice(size, [one[1] for one in _INDUSTRIES]),
        region=draw.choice(size, _REGION_MIX),
        line_share=draw.even(size),
        grade=grade,
        is_default=is_default,
        is_rated=is_rated,
    )


def _mixed(signal: Floats, noise: Floats, share: float) -> Floats:
    return np.asarray(share * signal + np.sqrt(1 - share * share) * noise)


def _default_and_grade(
    draw: Draw, quality: Floats, is_rated: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Codes]:
    """Draw who has defaulted and how each rated one is graded, both (n,); the worst defaults are the D."""
    size = len(quality)
    soundness = _mixed(quality, draw.bell(size), _IN_DEFAULT)
    standing = _mixed(quality, draw.bell(size), _IN_GRADE)
    rated = np.flatnonzero(is_rated)
    counts = largest_remainder(GRADE_MIX, len(rated))
    others = min(round(DEFAULTS_BEYOND_D * len(rated)), len(rated) - int(counts[-1]))
    is_default = np.zeros(size, dtype=bool)
    defaulted = rated[np.argsort(soundness[rated], kind="stable")[: counts[-1] + others]]
    is_default[defaulted] = True
    # A few defaulters kept a grade, since the bank had thought better of them than they were: one B, two C in reality.
    kept = defaulted[np.argsort(-standing[defaulted], kind="stable")[:others]]
    graded = np.concatenate([rated[~is_default[rated]], kept])
    best_first = np.argsort(-(standing + _FLATTERED * is_default)[graded], kind="stable")
    grade = np.full(size, len(GRADES) - 1, dtype=np.int64)
    grade[graded[best_first]] = np.repeat(np.arange(len(GRADES) - 1), counts[:-1])
    return is_default, grade


def largest_remainder(weights: tuple[int, ...], total: int) -> Codes:
    """Share a whole number in proportion to whole weights; ties go to the earlier weight. Shape (weights,)."""
    parts = np.array(weights, dtype=np.int64) * total
    counts = parts // sum(weights)
    rest = parts % sum(weights)
    counts[np.argsort(-rest, kind="stable")[: total - int(counts.sum())]] += 1
    return np.asarray(counts)


def _habits(draw: Draw, drawn: _Drawn) -> Habits:
    """Draw how each enterprise trades; q stands for its quality, and what follows it for chance."""
    size, q = len(drawn.quality), drawn.quality
    by_industry = np.array([one[2:] for one in _INDUSTRIES])[drawn.industry]

    def noisy(of_quality: float, of_chance: float) -> Floats:
        return draw.spread(of_quality * q + of_chance * draw.bell(size))

    thin = draw.order(size)
    each = round(_THIN * size)
    return Habits(
        sales=_SALES_A_MONTH * draw.spread(1.3 * drawn.scale),
        invoices=draw.spread(0.8 * drawn.scale) * noisy(0.0, 0.5) / by_industry[:, 3],
        tax_rate=np.where((drawn.scale < 0) & (draw.even(size) < 0.5), 0.03, by_industry[:, 0]),
        margin=np.clip(by_industry[:, 1] + 0.04 * q + 0.08 * draw.bell(size), -0.25, 0.7),
        growth=0.004 * q + 0.012 * draw.bell(size),
        season=by_industry[:, 2] * draw.even(size),
        unsteady=np.minimum(0.35 * noisy(-0.35, 0.30), 1.2),
        silent=np.minimum(0.035 * noisy(-0.9, 0.7), 0.7),
        joined=np.where(draw.even(size) < 0.12, 0.7 * draw.even(size), 0.0),
        void=np.minimum(0.05 * noisy(-0.4, 0.6), 0.5),
        returned=np.minimum(0.018 * noisy(-0.2, 1.0), 0.4),
        bunched=np.minimum(0.06 * noisy(-0.4, 0.8), 0.8),
        customers=np.maximum(np.rint(24.0 * draw.spread(0.6 * drawn.scale) * noisy(0.25, 0.5)), 1.0),
        suppliers=np.maximum(np.rint(28.0 * draw.spread(0.6 * drawn.scale) * noisy(0.20, 0.5)), 1.0),
        largest=np.minimum(0.20 * noisy(-0.45, 0.6), 0.95),
        duplicated=np.where(draw.even(size) < 0.03, 0.08, 0.0005),
        one_invoice=_chosen(thin[:each], size),
        all_void=_chosen(thin[each : 2 * each], size),
        no_purchases=_chosen(thin[2 * each : 3 * each], size),
    )


def _chosen(places: Codes, size: int) -> NDArray[np.bool_]:
    found = np.zeros(size, dtype=bool)
    found[places] = True
    return found


def _enterprise_table(drawn: _Drawn, ids: NDArray[np.object_], *, book: bool) -> ColumnTable:
    size = len(ids)
    rows = np.arange(size, dtype=np.int32)
    names = [f"Simulated {INDUSTRIES[code]} {row + 1}" for row, code in enumerate(drawn.industry.tolist())]
    columns: dict[str, Texts | Floats] = {
        "enterprise": Texts(rows, ids),
        "name": Texts(rows, strings(names)),
        "grade": _named(("", *GRADES), np.where(drawn.is_rated, 1 + drawn.grade, 0)),
        "default": _named(("", "no", "yes"), np.where(drawn.is_rated, 1 + drawn.is_default, 0)),
    }
    if book:
        scale = (drawn.scale >= _SMALL_FROM).astype(np.int64) + (drawn.scale >= _MEDIUM_FROM)
        least, most = np.array(_LINE_MAX, dtype=float)[scale].T
        columns |= {
            "line_min": np.array(_LINE_MIN, dtype=float)[scale],
            "line_max": np.rint(least + (most - least) * drawn.line_share),
            "industry": _named(INDUSTRIES, drawn.industry),
            "region": _named(REGIONS, drawn.region),
            "size": _named(SIZES, scale),
        }
    return ColumnTable(columns, size)


def _named(names: tuple[str, ...], codes: Codes) -> Texts:
    return Texts(codes.astype(np.int32), strings(list(names)))
