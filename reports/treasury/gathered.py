"""What a fill wants to change in a workbook: rows by id, single cells; and everything that stands in its way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from lendplan.data.findings import Finding, did_you_mean, listed
from lendplan.reports.treasury.celltext import MAX_TEXT
from lendplan.reports.treasury.checks import check_targets
from lendplan.reports.treasury.edits import Changes, Content
from lendplan.reports.treasury.growth import append
from lendplan.reports.treasury.locate import Rows, find_rows, find_sheet, finding, named, single_cell
from lendplan.reports.treasury.outgrown import ranges_that_end
from lendplan.reports.treasury.package import Package, SheetEntry
from lendplan.reports.treasury.sheetxml import SheetXml
from lendplan.reports.treasury.tables import stretched
from lendplan.reports.treasury.target import Target

ID = "enterprise"
"""The plan's column of ids."""


class Gathered:
    """The changes of a fill as they are gathered, and what stands in the way.

    Parameters
    ----------
    package, target
        The workbook, and where in it the plan goes.
    """

    def __init__(self, package: Package, target: Target) -> None:
        self.package, self.target = package, target
        self.findings: list[Finding] = []
        self.sheets: dict[str, tuple[SheetEntry, SheetXml, Changes]] = {}
        self.appended: tuple[str, ...] = ()
        self.only_in_sheet: tuple[str, ...] = ()
        self.notes: list[str] = []
        self.grown: tuple[SheetEntry, int] | None = None
        """The sheet that got rows, and its last row before."""
        self.table: tuple[str, bytes] | None = None
        """The table object that grew: its part, and the new content."""

    def fault(self, message: str, sheet: str = "") -> None:
        """Note something that stands in the way."""
        self.findings.append(finding(self.package, sheet, message))

    def opened(self, entry: SheetEntry) -> tuple[SheetXml, Changes]:
        """Return a sheet and its changes so far."""
        if entry.name not in self.sheets:
            where = f"{self.package.file}#{entry.name}"
            self.sheets[entry.name] = (
                entry,
                SheetXml(self.package.parts.unpacked(entry.part), where),
                Changes(),
            )
        return self.sheets[entry.name][1:]

    def content(self, name: str, value: Any, what: str) -> Content:
        """Return what a cell gets: a number in the treasury's unit, a text, or None."""
        if value is None or isinstance(value, str):
            if value is not None and len(value) > MAX_TEXT:
                self.fault(f"{what} has {len(value):,} characters; a cell holds {MAX_TEXT:,}")
            return value or None
        number = float(value)
        if math.isnan(number):
            return None
        if math.isinf(number):
            self.fault(f"{what} is infinite, which no cell can hold")
            return None
        return self.target.out(name, number)

    # The rows ------------------------------------------------------------------------------------------------------

    def rows(self, table: Mapping[str, Any]) -> None:
        """Match the plan's rows with the sheet's."""
        target = self.target
        missing = [name for name in (ID, *target.write.values()) if name not in table]
        for name in missing:
            self.fault(f"the plan has no column {name!r}{did_you_mean(name, table)}")
        entry = find_sheet(self.package, target.sheet, self.fault)
        if entry is None:
            return
        sheet, changes = self.opened(entry)
        rows = find_rows(self.package, entry, sheet, target, partial(self.fault, sheet=entry.name))
        if rows is None or missing:
            return
        ids = [str(one) for one in _plain(table[ID])]
        for number, message in rows.unread.items():
            self.fault(f"cell {named((number, rows.key))} {message}", entry.name)
        self._refuse_repeated(rows, ids, entry)
        columns = self._columns(rows, table, entry)
        new: list[tuple[str, Mapping[int, Content]]] = []
        for position, one in enumerate(ids):
            cells = {
                column: self.content(name, values[position], f"{name} of {one}")
                for column, name, values in columns
            }
            row = rows.by_id.get(one)
            if row is None:
                self._refuse_near(rows, one, entry)
                new.append((one, {**cells, rows.key: one}))
            else:
                for column, content in cells.items():
                    changes.put(row, column, content)
        known = set(ids)
        self.only_in_sheet = tuple(one for one in rows.by_id if one not in known)
        self._append(entry, sheet, rows, new, known, changes)

    def _columns(
        self, rows: Rows, table: Mapping[str, Any], entry: SheetEntry
    ) -> list[tuple[int, str, list[Any]]]:
        """Return what is written: column of the sheet, column of the plan, values; the ids stay as they are."""
        columns = []
        for header, name in self.target.write.items():
            if rows.columns[header] != rows.key:
                columns.append((rows.columns[header], name, _plain(table[name])))
            elif name != ID:
                self.fault(
                    f"{header!r} is the column of the ids, and {name} would be written over them", entry.name
                )
        return columns

    def _refuse_near(self, rows: Rows, one: str, entry: SheetEntry) -> None:
        """Refuse to append an id that the sheet may hold as a number, without its leading zeros."""
        row = rows.by_id.get(one.lstrip("0")) if one.startswith("0") and one.isdigit() else None
        if row is not None:
            cell = named((row, rows.key))
            self.fault(
                f"cell {cell} holds {one.lstrip('0')}, which may be {one!r}; store ids as text", entry.name
            )

    def _refuse_repeated(self, rows: Rows, ids: list[str], entry: SheetEntry) -> None:
        known = set(ids)
        if len(known) != len(ids):
            self.fault("the plan has an enterprise twice")
        for one, places in rows.repeated.items():
            cells = listed([named((row, rows.key)) for row in places])
            if one in known:
                self.fault(f"id {one!r} stands in {cells}; keep one of these rows", entry.name)
            else:
                self.notes.append(f"{one!r}, which the plan lacks, stands in {cells} of {entry.name!r}.")

    def _append(
        self,
        entry: SheetEntry,
        sheet: SheetXml,
        rows: Rows,
        new: list[tuple[str, Mapping[int, Content]]],
        known: set[str],
        changes: Changes,
    ) -> None:
        ids = [one for one, _ in new]
        if not new:
            return
        if self.target.missing == "refuse":
            self.fault(f"lacks {len(ids):,} enterprises of the plan: {listed(ids, 10)}", entry.name)
            return
        numbers, template = append(sheet, rows, new, known, changes, partial(self.fault, sheet=entry.name))
        if not numbers:
            return
        self.appended = tuple(ids)
        self.grown = entry, rows.last
        if rows.table is not None and numbers[-1] > rows.table.area.last_row:
            self.table = rows.table.part, stretched(self.package, rows.table, numbers[-1])
        if template.uncarried:
            self.notes.append(
                f"The formulas in {listed(template.uncarried)} of {entry.name!r} could not be carried down to the "
                "appended rows; fill them down there."
            )
        self.notes += [
            f"{one}." for one in map(_capital, ranges_that_end(self.package, entry, sheet, rows.last))
        ]

    # Single cells --------------------------------------------------------------------------------------------------

    def single_cells(self, summary: Mapping[str, float | str | None]) -> None:
        """Find the cells of the summary."""
        for name, key in self.target.cells.items():
            found = single_cell(self.package, self.target, name, self.fault)
            if key not in summary:
                self.fault(f"{name}: the summary has no {key!r}{did_you_mean(key, summary)}")
                continue
            if found is None:
                continue
            entry, (row, column) = found
            changes = self.opened(entry)[1]
            if column in changes.cells.get(row, {}):
                self.fault(
                    f"cell {named((row, column))} would be written twice, the second time as {name}",
                    entry.name,
                )
                continue
            changes.put(row, column, self.content(key, summary[key], f"{name} ({key})"))

    # What may not be written to -------------------------------------------------------------------------------------

    def check(self) -> None:
        """Look at all cells that are to be written."""
        for entry, sheet, changes in self.sheets.values():
            check_targets(self.package, entry, sheet, changes, partial(self.fault, sheet=entry.name))


def _plain(values: Any) -> list[Any]:
    """Return a column as a list of Python's own values."""
    return list(values.tolist()) if hasattr(values, "tolist") else list(values)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
