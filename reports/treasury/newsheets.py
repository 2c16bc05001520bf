"""The sheets of a new workbook: a plan's table, totals that tie out, limits with their prices, points and charts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.texts import Texts
from lendplan.reports.tables import LimitState
from lendplan.reports.treasury.celltext import MAX_TEXT
from lendplan.reports.treasury.newcharts import Drawing, Place
from lendplan.reports.treasury.references import column_letters
from lendplan.reports.treasury.target import AMOUNTS

ALLOCATIONS, TOTALS, PRICES, PROVENANCE = "allocations", "totals", "shadow prices", "lendplan"
RATES = frozenset({"rate", "average_rate", "default_probability", "loss_given_default", "risk_weight"})
"""Columns that are shown as shares."""
_MONEY = AMOUNTS | {"value", "risk_limit", "revenue_bound"}
_SUMMED = ("line", "exposure", "interest", "revenue", "risk")
_TOLERANCE = 1e-6
"""Part of a total up to which it may differ and ties out: a spreadsheet adds in another order."""
_FLOOR = 1e-9
"""Part of the largest of what is added up that is no difference, where the total is next to nothing."""
_PIECE = 4096  # rows that are made Python's own at a time
_SHORT = 60  # points of a table below which its charts stand
_LONG = 15  # letters of a header that one line has room for
_WIDE = {"reason": 60, "name": 28, "limit": 32, "what": 32, "value": 72, "error": 48}
_ABOUT_PRICES = (
    "Shadow price: what one more unit on the limit's right side adds at most to the objective of the continuous "
    "relaxation, in which lines may be mixed.",
    "It holds while that side stays between `holds from` and `holds to`, all else as it stands; of a share or a rate "
    "these say by how much more the measure itself may be. Where they are blank it is not known how far it holds.",
)
_NO_END = "no end"

Column = Texts | NDArray[np.float64]
Ranges = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Points:
    """The points of a sweep or a frontier that a plan is compared with.

    Parameters
    ----------
    name
        Of the sheet: ``frontier`` or ``sweep``.
    columns
        Column → cells, a point each; ``risk`` and ``revenue`` among them are drawn, and ``knee`` is marked.
    chosen
        Position of the plan among them; None where it is none of them.
    key
        The column of numbers that was swept, alone; '' where there is no such column.
    """

    name: str
    columns: Mapping[str, Sequence[Any]]
    chosen: int | None = None
    key: str = ""

    @property
    def count(self) -> int:
        """Number of points."""
        return len(next(iter(self.columns.values()), ()))


class Sheets:
    """The sheets of a new workbook, written one after another, each from its top down.

    Parameters
    ----------
    book
        The workbook, of XlsxWriter.
    money
        The unit of amounts, such as ``CNY × 10,000``; '' where it is not told.
    """

    def __init__(self, book: Any, money: str = "") -> None:
        self.book = book
        self.money = money
        self.cut: dict[tuple[str, str], int] = {}  # sheet and column → cells whose text was too long
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.amount = book.add_format({"num_format": "#,##0.00"})
        self.share = book.add_format({"num_format": "0.00%"})
        self.bold = book.add_format({"bold": True})
        self.bold_amount = book.add_format({"bold": True, "num_format": "#,##0.00"})

    def _sheet(self, name: str) -> Any:
        """Return a new sheet whose header stays in sight, also in print: A4, as wide as a page."""
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        sheet.set_paper(9)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        return sheet

    def table(self, name: str, columns: Mapping[str, Any]) -> Any:
        """Write columns under their names; text never becomes a formula."""
        sheet = self._sheet(name)
        rows = len(next(iter(columns.values()), ()))
        for position, column in enumerate(columns):
            is_narrow = column == "value" and name != PROVENANCE  # a number, and no fact
            sheet.set_column(position, position, 16 if is_narrow else _WIDE.get(column, 16))
        if any(len(column) > _LONG for column in columns):
            sheet.set_row(0, 45)  # a program need not find the height of wrapped text by itself
        for position, column in enumerate(columns):
            sheet.write_string(0, position, column, self.head)
        formats = [None if name == PROVENANCE else self._format(column) for column in columns]
        names = list(columns)
        for row, values in enumerate(_rows(columns, rows), start=1):
            for position, value in enumerate(values):
                self.cell(sheet, row, position, value, formats[position], names[position])
        if rows:
            sheet.autofilter(0, 0, rows, len(columns) - 1)
        return sheet

    def _format(self, column: str) -> Any:
        return self.share if column in RATES else self.amount if column in _MONEY else None

    def cell(self, sheet: Any, row: int, column: int, value: Any, form: Any = None, head: str = "") -> None:
        """Write one value; blank where there is none. Text is cut to what a cell holds; ``head`` tells where."""
        if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
            return
        if isinstance(value, str):
            if len(value) > MAX_TEXT:
                place = (sheet.get_name(), head or column_letters(column + 1))
                self.cut[place] = self.cut.get(place, 0) + 1
            sheet.write_string(row, column, value[:MAX_TEXT], form)
        elif isinstance(value, bool):
            sheet.write_string(row, column, "yes" if value else "no", form)
        else:
            sheet.write_number(row, column, value, form)

    def totals(
        self, columns: Mapping[str, Column], summary: Mapping[str, float | str | None]
    ) -> Mapping[str, Place]:
        """Write totals as live formulas, in all and by grade, beside what the plan says; return where they stand."""
        sheet = self._sheet(TOTALS)
        sheet.set_column(0, 0, 20)
        sheet.set_column(1, 6, 18)
        rows = len(next(iter(columns.values()), ()))
        sheet.write_row(0, 0, ["total", "by formula", "by the plan", "difference", "ties out"], self.head)
        if self.money:
            sheet.write_string(0, 6, f"amounts in {self.money}")
        found: dict[str, tuple[str, float]] = {}  # of each total its cell and its value
        row = 1

        def put(
            name: str, formula: str, value: float, form: Any, largest: str = "0", added: float = 0.0
        ) -> None:
            nonlocal row
            sheet.write_string(row, 0, name)
            sheet.write_formula(row, 1, formula, form, value)
            stated = summary.get(name.replace(" ", "_"))
            if isinstance(stated, (int, float)):
                self._tie(sheet, row, float(stated), value, form, largest, added)
            found[name] = (f"B{row + 1}", value)
            row += 1

        summed = {name: column for name, column in columns.items() if name in _SUMMED}
        for name in _SUMMED:
            if name in summed:
                where, values = _cells(columns, name, rows), _numbers(summed[name])
                most = float(np.max(np.abs(values[~np.isnan(values)]), initial=0.0))
                put(
                    name,
                    f"=SUM({where})",
                    _total(summed[name]),
                    self.amount,
                    f"MAX(MAX({where}),-MIN({where}))",
                    most,
                )
        if "decision" in columns:
            lent = float(_equals(columns["decision"], "lend").sum())
            put("funded", f'=COUNTIF({_cells(columns, "decision", rows)},"lend")', lent, None)
        if {"revenue", "risk"} <= set(found):
            (revenue, earned), (risk, lost) = found["revenue"], found["risk"]
            most = max(abs(earned), abs(lost))
            put(
                "profit",
                f"={revenue}-{risk}",
                earned - lost,
                self.amount,
                f"MAX(ABS({revenue}),ABS({risk}))",
                most,
            )
        if {"interest", "exposure"} <= set(found) and found["exposure"][1] > 0:
            (interest, paid), (exposure, drawn) = found["interest"], found["exposure"]
            put("average rate", f"=IF({exposure}>0,{interest}/{exposure},0)", paid / drawn, self.share)
        if "grade" in columns and summed:
            self._by_grade(sheet, row + 1, columns, rows)
        return {name: Place(TOTALS, int(cell[1:]) - 1, 1) for name, (cell, _) in found.items()}

    def _tie(
        self, sheet: Any, row: int, stated: float, total: float, form: Any, largest: str, added: float
    ) -> None:
        """Write what the plan says beside a total; ``largest``, ``added`` as a number, is the most that is added."""
        number = row + 1
        sheet.write_number(row, 2, stated, form)
        sheet.write_formula(row, 3, f"=B{number}-C{number}", form, total - stated)
        is_tied = abs(total - stated) <= max(_TOLERANCE * abs(stated), _FLOOR * added)
        room = f"MAX({_TOLERANCE:.0E}*ABS(C{number}),{_FLOOR:.0E}*{largest})"
        sheet.write_formula(
            row, 4, f'=IF(ABS(D{number})<={room},"yes","NO")', None, "yes" if is_tied else "NO"
        )

    def _by_grade(self, sheet: Any, top: int, columns: Mapping[str, Column], rows: int) -> None:
        names = [name for name in _SUMMED if name in columns]
        numbers = {name: _numbers(columns[name]) for name in names}
        grade = columns["grade"]
        grades = grade.present() if isinstance(grade, Texts) else []
        sheet.write_row(top, 0, ["grade", *names], self.head)
        where = _cells(columns, "grade", rows)
        for row, one in enumerate(grades, start=top + 1):
            self.cell(sheet, row, 0, one, head="grade")
            is_there = _equals(grade, one)
            # EXACT, as SUMIF takes "a", "A" and "A*" for one; a blank grade is an empty text.
            for position, name in enumerate(names, start=1):
                formula = f"=SUMPRODUCT(EXACT({where},$A{row + 1})*{_cells(columns, name, rows)})"
                sheet.write_formula(row, position, formula, self.amount, _total(numbers[name][is_there]))
        last = top + 1 + len(grades)
        sheet.write_string(last, 0, "all grades", self.bold)
        for position, name in enumerate(names, start=1):
            letter = column_letters(position + 1)
            formula = f"=SUM({letter}{top + 2}:{letter}{max(last, top + 2)})"
            sheet.write_formula(last, position, formula, self.bold_amount, _total(numbers[name]))

    def limits(self, states: Sequence[LimitState], ranges: Ranges) -> None:
        """Write the budget and each limit: what is stated and reached, whether it binds, and its shadow price."""
        sheet = self._sheet(PRICES)
        sheet.set_column(0, 0, _WIDE["limit"])
        sheet.set_column(1, 8, 14)
        header = (
            "limit", "measure", "side", "stated", "reached", "", "shadow price", "holds from", "holds to",
        )  # fmt: skip
        sheet.write_row(0, 0, header, self.head)
        row = 0
        for row, state in enumerate(states, start=1):
            form = self.amount if state.unit == "amount" else self.share
            low, high = (_NO_END if end is None else end for end in ranges.get(state.name, ("", "")))
            side = "at most" if state.sense > 0 else "at least"
            room = "binds" if state.binding else "has room" if state.reached is not None else "counts nothing"
            cells = (
                (state.name, None), (state.measure, None), (side, None), (state.stated, form),
                (state.reached, form), (room, None), (state.price, None), (low, self.amount), (high, self.amount),
            )  # fmt: skip
            for column, (value, its) in enumerate(cells):
                self.cell(sheet, row, column, value, its, header[column])
        if states:
            sheet.autofilter(0, 0, len(states), len(header) - 1)
        for below, text in enumerate(_ABOUT_PRICES, start=row + 2):
            sheet.write_string(below, 0, text)

    def points(self, points: Points, plan: Mapping[str, Place]) -> None:
        """Write a sweep's or a frontier's points, and draw them with the plan as a mark of its own.

        Parameters
        ----------
        points
            As they stand in their table.
        plan
            Where the plan's own ``risk`` and ``revenue`` stand.
        """
        mine = ["this plan" if at == points.chosen else "" for at in range(points.count)]
        columns = {"point": [float(at) for at in range(1, points.count + 1)], "chosen": mine}
        columns |= {name: cells for name, cells in points.columns.items() if name not in columns}
        sheet = self.table(points.name, columns)
        if not points.count or not {"risk", "revenue"} <= set(columns):
            return
        knee = next((at for at, one in enumerate(points.columns.get("knee", ())) if one is True), None)
        # Below the table, or beside one that is so long that nobody would come upon them.
        corner = (points.count + 2, 0) if points.count <= _SHORT else (1, len(columns) + 1)
        drawing = Drawing(self.book, sheet, points.name, list(columns), points.count, corner, self.money)
        drawing.against_risk(knee, plan)
        if points.key:
            is_rising = all(a < b for a, b in pairwise(points.columns[points.key]))
            drawing.against_key(points.key, is_rising, points.chosen)


def column_of(values: Any) -> Column:
    """Return a plan's column as text or as numbers; NaN and '' where it is blank."""
    if isinstance(values, Texts):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return values.astype(np.float64)
    cells = list(values.tolist()) if hasattr(values, "tolist") else list(values)
    if any(isinstance(cell, str) for cell in cells):
        return Texts.of("" if cell is None else str(cell) for cell in cells)
    return np.array([math.nan if cell is None else float(cell) for cell in cells], dtype=np.float64)


def _rows(columns: Mapping[str, Any], rows: int) -> Iterator[tuple[Any, ...]]:
    """Yield rows of plain values; a few thousand at a time are made Python's own."""
    for start in range(0, rows, _PIECE):
        piece = slice(start, min(start + _PIECE, rows))
        yield from zip(*(_plain(values, piece) for values in columns.values()), strict=True)


def _plain(values: Any, piece: slice) -> list[Any]:
    if isinstance(values, Texts):
        return values.take(piece).tolist()
    some = values[piece]
    return list(some.tolist()) if isinstance(some, np.ndarray) else list(some)


def _numbers(column: Column) -> NDArray[np.float64]:
    return np.full(len(column), math.nan) if isinstance(column, Texts) else column


def _total(column: Column) -> float:
    values = _numbers(column)
    return math.fsum(values[~np.isnan(values)].tolist())


def _equals(column: Column, text: str) -> NDArray[np.bool_]:
    return column.equals(text) if isinstance(column, Texts) else np.zeros(len(column), dtype=bool)


def _cells(columns: Mapping[str, Column], name: str, rows: int) -> str:
    letter = column_letters(list(columns).index(name) + 1)
    return f"{ALLOCATIONS}!${letter}$2:${letter}${max(rows, 1) + 1}"
