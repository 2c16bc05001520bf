"""The data that the page's script reads, block by block, and what is left out where all would be too large."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.reports.contents import Enterprises, Report
from lendplan.reports.page import words
from lendplan.reports.page.columns import RATE_DIGITS, coded, coded_texts, packed, rounded
from lendplan.reports.page.headlines import digits_of, index
from lendplan.reports.page.sections import MOST_ROWS, grade_names, headline_html, sections, shown_grades
from lendplan.reports.page.texts import LONG, SHORT, clean

MOST_ENTERPRISES = 10_000
_OVERHEAD = 60  # bytes that a block costs beside its text


@dataclass(frozen=True)
class Extent:
    """How much a page holds.

    Parameters
    ----------
    reasons
        Of the points other than the opened one; its own are always there.
    money
        Revenue and expected loss of each enterprise at these points.
    enterprises
        At most, of each book.
    details
        Whether all of these points have their enterprises, grades and limits; else the nearest that have room.
    headlines
        Of these points: the cards; the table of points has their figures in any case.
    """

    reasons: bool = True
    money: bool = True
    enterprises: int = MOST_ENTERPRISES
    details: bool = True
    headlines: bool = True


def extents() -> Iterator[Extent]:
    """Yield what a page may hold, most first."""
    extent = Extent()
    yield extent
    extent = replace(extent, reasons=False)
    yield extent
    extent = replace(extent, money=False)
    yield extent
    for number in (5_000, 2_000, 1_000):
        extent = replace(extent, enterprises=number)
        yield extent
    # Without the plans of all other points there is room again for the enterprises of the one that is opened.
    for number in (MOST_ENTERPRISES, 5_000, 2_000, 1_000, 300, 0):
        yield replace(extent, details=False, enterprises=number)
    yield replace(extent, details=False, headlines=False, enterprises=300)
    yield replace(extent, details=False, headlines=False, enterprises=0)


class Blocks:
    """The blocks of a report; each is made once."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._digits = digits_of(report)
        self._kept: dict[tuple[str, int, int], str] = {}
        self._rows_of: dict[tuple[int, int], NDArray[np.int64]] = {}

    def of(self, extent: Extent, room: int) -> dict[str, str] | None:
        """Return the blocks by name, or None where they take more bytes than there is room.

        Where the other points need not have theirs, those of the points nearest to the opened one fill the room.
        """
        report = self._report
        found = {
            "index": self._once("index", 0, 0, lambda *_: index(report)),
            "heads": self._once("heads", 0, int(extent.headlines), self._heads),
        }
        room -= _bytes(found)
        nearest = sorted(self._books, key=lambda at: (abs(at - report.opened), at))
        for at in nearest:
            own = {name: text for name, text in self._point(at, extent) if name not in found}
            room -= _bytes(own)
            if room >= 0:
                found |= own
            elif extent.details or at == report.opened:
                return None
            else:
                break
        return found

    def _point(self, at: int, extent: Extent) -> Iterator[tuple[str, str]]:
        is_opened, number, book = at == self._report.opened, extent.enterprises, self._books[at]
        yield f"book-{book}", self._once("book", book, number, self._book)
        yield f"detail-{at}", self._once("detail", at, 0, self._detail)
        yield f"rows-{at}", self._once("rows", at, number, self._rows)
        if is_opened or extent.money:
            yield f"money-{at}", self._once("money", at, number, self._money)
        if is_opened or extent.reasons:
            yield f"reasons-{at}", self._once("reasons", at, number, self._reasons)

    def _once(self, name: str, at: int, number: int, make: Callable[[int, int], Any]) -> str:
        key = (name, at, number)
        if key not in self._kept:
            self._kept[key] = packed(make(at, number))
        return self._kept[key]

    def _heads(self, _: int, all_points: int) -> list[str | None]:
        report = self._report
        return [
            headline_html(point.told)
            if point.told is not None and (all_points or at == report.opened)
            else None
            for at, point in enumerate(report.points)
        ]

    def _detail(self, at: int, _: int) -> dict[str, Any]:
        """Return what the page says and draws of a point."""
        point = self._report.points[at]
        told = point.told
        assert told is not None
        places = {grade: place for place, grade in enumerate(grade_names(self._report.points))}
        return {
            "html": sections(self._report, point),
            "book": self._books[at],
            "explain": f"optimize explain {words.folder(told)} ENTERPRISE",
            "grades": [
                [
                    places[one.grade],
                    clean(one.grade),
                    _number(one.line),
                    _number(one.average_rate),
                    one.funded,
                ]
                for one in shown_grades(told)[0]
            ],
            "chosen": [
                [clean(one.curve), _number(one.rate), _number(one.churn), one.loans, _number(one.line)]
                for one in told.chosen[:MOST_ROWS]
            ],
        }

    @cached_property
    def _books(self) -> dict[int, int]:
        """Position of each point → number of its book; points of one book share its ids, names and grades."""
        known: dict[bytes, int] = {}
        found: dict[int, int] = {}
        for at, point in enumerate(self._report.points):
            if point.told is not None:
                found[at] = known.setdefault(_fingerprint(point.told.enterprises), len(known))
        return found

    def _chosen_rows(self, book: int, number: int) -> NDArray[np.int64]:
        """Return the rows of a book that the page has, in the book's order.

        Those with the largest lines at any point, then those declined at the first of its points, then the others.
        """
        key = (book, number)
        if key in self._rows_of:
            return self._rows_of[key]
        ats = [at for at, one in self._books.items() if one == book]
        told = [self._told(at) for at in ats]
        first = told[0] if self._report.opened not in ats else self._told(self._report.opened)
        if first.rows <= number:
            rows = np.arange(first.rows)
        else:
            line = np.max([one.line for one in told], axis=0)
            rows = np.sort(np.lexsort((~first.decision.equals("decline"), -line))[:number])
        self._rows_of[key] = rows
        return rows

    def _told(self, at: int) -> Enterprises:
        told = self._report.points[at].told
        assert told is not None
        return told.enterprises

    def _book(self, book: int, number: int) -> dict[str, Any]:
        first = next(at for at, one in self._books.items() if one == book)
        rows, told = self._chosen_rows(book, number), self._told(first)
        return {
            "all": told.rows,
            "enterprise": [clean(one) for one in told.enterprise.take(rows)],
            "name": None if told.name is None else [clean(one) for one in told.name.take(rows)],
            "grade": coded_texts(told.grade, rows, SHORT),
        }

    def _rows(self, at: int, number: int) -> dict[str, Any]:
        told, rows = self._told(at), self._chosen_rows(self._books[at], number)
        line = told.line[rows]
        return {
            "decision": coded_texts(told.decision, rows, SHORT),
            "rate": coded(rounded(told.rate[rows], RATE_DIGITS)),
            "line": rounded(line, self._digits["line"]),
        }

    def _money(self, at: int, number: int) -> dict[str, Any]:
        told, rows = self._told(at), self._chosen_rows(self._books[at], number)
        return {
            "revenue": rounded(told.revenue[rows], self._digits["revenue"]),
            "risk": rounded(told.risk[rows], self._digits["risk"]),
        }

    def _reasons(self, at: int, number: int) -> dict[str, Any]:
        told, rows = self._told(at), self._chosen_rows(self._books[at], number)
        return coded_texts(told.reason, rows, LONG)


def _bytes(blocks: Mapping[str, str]) -> int:
    return sum(len(name) + len(text) + _OVERHEAD for name, text in blocks.items())


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.8g}")


def _fingerprint(told: Enterprises) -> bytes:
    """Return what two points share exactly where they are of one book."""
    found = sha256()
    for column in (told.enterprise, told.name, told.grade):
        texts = [] if column is None else column.tolist()
        for part in (str(len(texts)), *texts):
            found.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return found.digest()
