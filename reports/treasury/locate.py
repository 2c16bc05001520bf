"""Where the plan goes in a sheet: the header row is searched for, the rows are matched by id."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from lendplan.data.cells import EXACT_DIGITS
from lendplan.data.findings import Finding, did_you_mean, listed
from lendplan.reports.treasury.package import Package, SheetEntry
from lendplan.reports.treasury.references import Area, cell_of, column_letters, split_sheet
from lendplan.reports.treasury.sheetxml import SheetXml, value_of
from lendplan.reports.treasury.tables import Table, table_at
from lendplan.reports.treasury.target import Target

HEADER_ROWS = 50
"""Rows from the top in which the header is looked for."""

Place = tuple[int, int]
Fault = Callable[[str], None]


@dataclass
class Rows:
    """The rows of a sheet that have an id.

    Parameters
    ----------
    header
        Row of the header.
    key
        Column of the ids.
    columns
        Header → column, for those that are written or read.
    span
        Columns of the table around them, the first and the last.
    table
        The table object that they belong to; None where they are plain cells.
    by_id
        Id → row.
    repeated
        Ids that stand in several rows → all their rows.
    unread
        Row → what is wrong with the cell of its id.
    last
        The last row with an id; the header's where there is none, also where a table has blank rows to fill.
    """

    header: int
    key: int
    columns: dict[str, int]
    span: tuple[int, int]
    table: Table | None = None
    by_id: dict[str, int] = field(default_factory=dict)
    repeated: dict[str, list[int]] = field(default_factory=dict)
    unread: dict[int, str] = field(default_factory=dict)
    last: int = 0


def find_sheet(package: Package, name: str, fault: Fault) -> SheetEntry | None:
    """Return a worksheet by name; say so where there is none."""
    entry = package.sheet(name)
    if entry is None:
        names = [one.name for one in package.sheets]
        fault(f"has no sheet {name!r}{did_you_mean(name, names)} (it has {listed(names, 20)})")
        return None
    if entry not in package.worksheets:
        fault(f"sheet {entry.name!r} holds no cells (it is a {entry.kind or 'sheet whose part is missing'})")
        return None
    return entry


def find_rows(
    package: Package, entry: SheetEntry, sheet: SheetXml, target: Target, fault: Fault
) -> Rows | None:
    """Search for the header and read the ids below it.

    Parameters
    ----------
    package, entry, sheet
        The workbook, the sheet as it is listed, and its part.
    target
        Says which headers are wanted.
    fault
        Called with what is missing.

    Returns
    -------
    Rows
        None where the header of the ids, or one of the others, is not to be found once and once only.
    """
    wanted = [_tidy(target.key), *(_tidy(header) for header in target.write)]
    best: tuple[int, dict[str, list[int]]] | None = None
    seen: list[str] = []
    for place, number in enumerate(sheet.numbers):
        if number > HEADER_ROWS:
            break
        texts = _texts(package, sheet, place)
        seen += texts
        if wanted[0] in texts and (best is None or _hits(texts, wanted) > _hits(best[1], wanted)):
            best = number, texts
    if best is None:
        near = did_you_mean(target.key, seen)
        fault(f"has no header {target.key!r} in its first {HEADER_ROWS} rows{near}")
        return None
    number, texts = best
    sound = True
    for header in (target.key, *target.write):
        found = texts.get(_tidy(header), [])
        if len(found) != 1:
            sound = False
            cells = " and ".join(f"{column_letters(column)}{number}" for column in found)
            near = did_you_mean(header, texts)
            fault(
                f"has the header {header!r} twice, in {cells}"
                if found
                else f"has no header {header!r} in row {number}, where {target.key!r} stands{near}"
            )
    if not sound:
        return None
    columns = {header: texts[_tidy(header)][0] for header in target.write}
    key = texts[wanted[0]][0]
    table = table_at(package, entry, number, key)
    filled = {column for places in texts.values() for column in places}
    span = table.columns if table is not None else _span(filled, {key, *columns.values()})
    rows = Rows(number, key, columns, span, table, last=number)
    _read_ids(package, sheet, rows)
    return rows


def _hits(texts: Collection[str], wanted: list[str]) -> int:
    return sum(header in texts for header in wanted)


def _tidy(header: str) -> str:
    """Return a header with line breaks and repeated blanks as one blank: people break long headers by hand."""
    return " ".join(header.split())


def _texts(package: Package, sheet: SheetXml, place: int) -> dict[str, list[int]]:
    """Return the texts of a row → the columns in which each stands."""
    texts: dict[str, list[int]] = {}
    for column, (start, end) in sheet.cells(place):
        try:
            value = value_of(sheet.xml[start:end], sheet.prefix, package.shared_strings)
        except ValueError:
            continue
        text = _tidy(_text(value))
        if text:
            texts.setdefault(text, []).append(column)
    return texts


def _span(filled: set[int], needed: set[int]) -> tuple[int, int]:
    """Return the columns around those needed whose headers stand without a gap."""
    first, last = min(needed), max(needed)
    while first - 1 in filled:
        first -= 1
    while last + 1 in filled:
        last += 1
    return first, last


def _text(value: str | float | bool | None) -> str:
    if value is None or isinstance(value, str):
        return (value or "").strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 10**EXACT_DIGITS else repr(number)


def _read_ids(package: Package, sheet: SheetXml, rows: Rows) -> None:
    """Read the ids below the header, down to the end of the table or of the sheet."""
    end = rows.table.last_data_row if rows.table is not None else sheet.last_row
    begin = sheet.position(rows.header)
    strings = package.shared_strings
    for place in range((begin or 0) + 1, len(sheet.numbers)):
        number = sheet.numbers[place]
        if number > end:
            break
        span = sheet.cell(place, rows.key)
        if span is None:
            continue
        try:
            value = value_of(sheet.xml[span[0] : span[1]], sheet.prefix, strings)
        except ValueError as error:
            rows.unread[number] = str(error)
            rows.last = number
            continue
        if isinstance(value, float) and value.is_integer() and abs(value) >= 10**EXACT_DIGITS:
            rows.unread[number] = (
                f"{value:.15g} has more than {EXACT_DIGITS} digits, which are not kept; store ids as text"
            )
            rows.last = number
            continue
        text = _text(value)
        if not text:
            continue
        rows.last = number
        if text in rows.by_id:
            rows.repeated.setdefault(text, [rows.by_id[text]]).append(number)
        else:
            rows.by_id[text] = number


def single_cell(package: Package, target: Target, name: str, fault: Fault) -> tuple[SheetEntry, Place] | None:
    """Return the sheet and the place of one cell, named by its address or by a defined name."""
    sheet_name, reference = split_sheet(name)
    place = cell_of(reference)
    if place is None and sheet_name is None:
        known = [one for one in package.defined_names if one[0].casefold() == name.casefold()]
        chosen = [one for one in known if one[1] is None] or known
        if len(chosen) != 1:
            names = [one[0] for one in package.defined_names]
            what = (
                "is no cell, and no defined name has it"
                if not known
                else "is a defined name of several sheets"
            )
            fault(f"{name!r} {what}{did_you_mean(name, names) if not known else ''}")
            return None
        sheet_name, reference = split_sheet(chosen[0][2].lstrip("="))
        place = cell_of(reference)
        if place is None or sheet_name is None:
            fault(f"defined name {name!r} refers to {chosen[0][2]!r}, and not to one cell")
            return None
    if place is None:
        fault(f"{name!r} is no reference to one cell")
        return None
    entry = find_sheet(package, sheet_name or target.sheet, fault)
    return None if entry is None else (entry, place)


def finding(package: Package, sheet: str, message: str) -> Finding:
    """Return a finding on a sheet of the workbook."""
    return Finding(message, file=f"{package.file}#{sheet}" if sheet else package.file)


def named(place: Place) -> str:
    """Return a place as people write it, ``B17``."""
    return str(Area(*place, *place))
