"""A new workbook for those who have no template: allocations, totals that tie out, shadow prices, the frontier."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lendplan.data.findings import Finding
from lendplan.reports.treasury.celltext import MAX_TEXT
from lendplan.reports.treasury.placing import (
    Placing,
    fingerprint,
    not_written,
    place,
    refuse_open,
    reserved,
    staged,
)
from lendplan.reports.treasury.references import MAX_ROW, column_letters
from lendplan.reports.treasury.target import AMOUNTS, WorkbookError

ALLOCATIONS, TOTALS, PRICES, FRONTIER = "allocations", "totals", "shadow prices", "frontier"
RATES = frozenset({"rate", "average_rate", "default_probability", "loss_given_default", "risk_weight"})
"""Columns that are shown as shares."""
_SUMMED = ("line", "exposure", "interest", "revenue", "risk")
_IN_SUMMARY = {
    "line": "line",
    "exposure": "exposure",
    "interest": "interest",
    "revenue": "revenue",
    "risk": "risk",
}
_TOLERANCE = 1e-6
"""Relative difference up to which a total ties out: a spreadsheet adds in another order."""


def write_new(
    path: Path,
    table: Mapping[str, Any],
    summary: Mapping[str, float | str | None],
    prices: Mapping[str, float],
    *,
    frontier: Mapping[str, Any] | None = None,
    provenance: Mapping[str, str] | None = None,
    now: datetime | None = None,
    while_placing: Placing = contextlib.nullcontext,
) -> Path | None:
    """Write a workbook of its own for a plan.

    Parameters
    ----------
    path
        Where it goes; ends in .xlsx. What stands there is kept as a dated copy.
    table
        Column → values, each (rows,), in the scenario's unit; ``enterprise`` first. ``grade`` gives totals by grade.
    summary
        Keys of summary.json → value; those of the table's summed columns are tied out against live formulas.
    prices
        Limit → shadow price.
    frontier
        Column → values, each (points,), ``risk`` and ``revenue`` among them; drawn as a native chart.
    provenance
        What a last sheet says → its value.
    now
        Names the dated copy; the present moment unless given.
    while_placing
        Entered for the moment in which files change their names.

    Returns
    -------
    Path
        The dated copy of what stood there; None where nothing did.

    Raises
    ------
    WorkbookError
        If XlsxWriter is not installed, the plan has more rows than a sheet, or the file cannot be written.
    """
    final = Path(os.path.realpath(path))
    columns = {name: _plain(values) for name, values in table.items()}
    rows = len(next(iter(columns.values()), []))
    if final.suffix.lower() != ".xlsx":
        raise WorkbookError(Finding("a new workbook must end in .xlsx", file=str(path)))
    if rows + 1 > MAX_ROW:
        message = f"a sheet has {MAX_ROW:,} rows, and the plan has {rows:,}; use allocations.parquet"
        raise WorkbookError(Finding(message, file=str(path)))
    writer = _writer()
    refuse_open(final)
    with reserved(final), staged(final) as staging:
        try:
            before = fingerprint(final)
            # Row by row: the rows of a large plan are not all held in memory.
            options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
            with writer.Workbook(str(staging), options) as book:
                sheets = _Sheets(book)
                sheets.table(ALLOCATIONS, columns)
                sheets.totals(columns, rows, summary)
                sheets.table(PRICES, {"limit": list(prices), "shadow price": list(prices.values())})
                if frontier is not None:
                    sheets.frontier({name: _plain(values) for name, values in frontier.items()})
                if provenance is not None:
                    said = {"what": list(provenance), "value": list(provenance.values())}
                    sheets.table("lendplan", said)
            handle = os.open(staging, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            return place(staging, final, before, now or datetime.now(), while_placing)
        except OSError as error:
            raise not_written(final, error) from error
        except writer.exceptions.XlsxFileError as error:
            cause = (
                error.args[0] if error.args and isinstance(error.args[0], OSError) else OSError(str(error))
            )
            raise not_written(final, cause) from error


def _writer() -> Any:
    try:
        import xlsxwriter
    except ImportError as error:
        message = "a new workbook takes XlsxWriter; install it with: pip install 'lendplan[treasury]'"
        raise WorkbookError(Finding(message)) from error
    return xlsxwriter


class _Sheets:
    """The sheets of the new workbook."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.amount = book.add_format({"num_format": "#,##0.00"})
        self.share = book.add_format({"num_format": "0.00%"})
        self.bold = book.add_format({"bold": True})

    def table(self, name: str, columns: Mapping[str, Sequence[Any]]) -> Any:
        """Write columns under their names; text never becomes a formula."""
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        for position, column in enumerate(columns):
            sheet.set_column(
                position, position, 48 if column in ("reason", "value") and name != ALLOCATIONS else 16
            )
        for position, column in enumerate(columns):
            sheet.write_string(0, position, column, self.head)
        formats = [self._format(column) for column in columns]
        for row, values in enumerate(zip(*columns.values(), strict=True), start=1):
            for position, value in enumerate(values):
                self.cell(sheet, row, position, value, formats[position])
        if columns and len(next(iter(columns.values()))):
            sheet.autofilter(0, 0, len(next(iter(columns.values()))), len(columns) - 1)
        return sheet

    def _format(self, column: str) -> Any:
        return self.share if column in RATES else self.amount if column in AMOUNTS else None

    def cell(self, sheet: Any, row: int, column: int, value: Any, form: Any) -> None:
        """Write one value; blank where there is none."""
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            return
        if isinstance(value, str):
            sheet.write_string(row, column, value[:MAX_TEXT], form)
        else:
            sheet.write_number(row, column, value, form)

    def totals(
        self, columns: Mapping[str, Sequence[Any]], rows: int, summary: Mapping[str, float | str | None]
    ) -> None:
        """Write totals as live formulas, in all and by grade, beside what the plan says they are."""
        sheet = self.book.add_worksheet(TOTALS)
        sheet.set_column(0, 0, 20)
        sheet.set_column(1, 6, 18)
        summed = [name for name in _SUMMED if name in columns]
        sheet.write_row(0, 0, ["total", "by formula", "by the plan", "difference", "ties out"], self.head)
        row = 1
        for name in summed:
            total = math.fsum(value for value in columns[name] if not math.isnan(value))
            sheet.write_string(row, 0, name)
            sheet.write_formula(row, 1, f"=SUM({_cells(columns, name, rows)})", self.amount, total)
            stated = summary.get(_IN_SUMMARY[name])
            if isinstance(stated, (int, float)):
                self._tie(sheet, row, float(stated), total)
            row += 1
        if "decision" in columns:
            funded = sum(one == "lend" for one in columns["decision"])
            sheet.write_string(row, 0, "funded")
            sheet.write_formula(row, 1, f'=COUNTIF({_cells(columns, "decision", rows)},"lend")', None, funded)
            stated = summary.get("funded")
            if isinstance(stated, (int, float)):
                self._tie(sheet, row, float(stated), funded)
            row += 1
        if "grade" in columns and summed:
            self._by_grade(sheet, row + 1, columns, rows, summed)

    def _tie(self, sheet: Any, row: int, stated: float, total: float) -> None:
        number = row + 1
        sheet.write_number(row, 2, stated, self.amount)
        sheet.write_formula(row, 3, f"=B{number}-C{number}", self.amount, total - stated)
        is_tied = abs(total - stated) <= _TOLERANCE * max(1.0, abs(stated))
        formula = f'=IF(ABS(D{number})<={_TOLERANCE}*MAX(1,ABS(C{number})),"yes","NO")'
        sheet.write_formula(row, 4, formula, None, "yes" if is_tied else "NO")

    def _by_grade(
        self, sheet: Any, top: int, columns: Mapping[str, Sequence[Any]], rows: int, summed: Sequence[str]
    ) -> None:
        grades = sorted({str(one) for one in columns["grade"]})
        sheet.write_row(top, 0, ["grade", *summed], self.head)
        where = _cells(columns, "grade", rows)
        for row, grade in enumerate(grades, start=top + 1):
            sheet.write_string(row, 0, grade)
            # EXACT, as SUMIF takes "a", "A" and "A*" for one; a blank grade is an empty text.
            for position, name in enumerate(summed, start=1):
                total = math.fsum(
                    value
                    for value, one in zip(columns[name], columns["grade"], strict=True)
                    if str(one) == grade
                )
                formula = f"=SUMPRODUCT(EXACT({where},$A{row + 1})*{_cells(columns, name, rows)})"
                sheet.write_formula(row, position, formula, self.amount, total)
        last = top + 1 + len(grades)
        sheet.write_string(last, 0, "all grades", self.bold)
        for position, name in enumerate(summed, start=1):
            letter = column_letters(position + 1)
            formula = f"=SUM({letter}{top + 2}:{letter}{last})"
            sheet.write_formula(last, position, formula, self.amount, math.fsum(columns[name]))

    def frontier(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write the frontier's points and draw revenue against risk."""
        sheet = self.table(FRONTIER, columns)
        points = len(next(iter(columns.values()), []))
        if not points or not {"risk", "revenue"} <= set(columns):
            return
        names = list(columns)
        chart = self.book.add_chart({"type": "scatter", "subtype": "straight_with_markers"})
        risk, revenue = names.index("risk"), names.index("revenue")
        chart.add_series(
            {
                "name": "frontier",
                "categories": [FRONTIER, 1, risk, points, risk],
                "values": [FRONTIER, 1, revenue, points, revenue],
            }
        )
        chart.set_x_axis({"name": "risk"})
        chart.set_y_axis({"name": "revenue"})
        chart.set_legend({"none": True})
        sheet.insert_chart(1, len(names) + 1, chart)


def _cells(columns: Mapping[str, Sequence[Any]], name: str, rows: int) -> str:
    letter = column_letters(list(columns).index(name) + 1)
    return f"{ALLOCATIONS}!${letter}$2:${letter}${max(rows, 1) + 1}"


def _plain(values: Any) -> list[Any]:
    return list(values.tolist()) if hasattr(values, "tolist") else list(values)
