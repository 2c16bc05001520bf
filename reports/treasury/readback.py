"""A filled workbook is read back by another reader before it is used: only what was to change has changed."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, time, timedelta
from itertools import zip_longest
from typing import Any
from xml.parsers import expat

from lendplan.data.archives import DAMAGE
from lendplan.data.findings import Finding, InputError
from lendplan.reports.treasury.celltext import unescaped
from lendplan.reports.treasury.edits import Changes, Formula, Styled
from lendplan.reports.treasury.locate import named
from lendplan.reports.treasury.package import Package
from lendplan.reports.treasury.references import column_number
from lendplan.reports.treasury.sheetxml import SheetXml, value_of
from lendplan.reports.treasury.target import WorkbookError
from lendplan.reports.treasury.zipcopy import packed_bytes

_BLANK = ("", None)
MAX_AREA = 8_000_000
"""Most cells in the rectangle from A1 to the last one that the other reader is given; it allocates all of them."""
_ROW = re.compile(rb'<(?:[\w.-]+:)?row r="(\d+)"')
_WIDE = re.compile(rb'<(?:[\w.-]+:)?c r="([A-Z]{2,})\d')


def check_filled(
    old: Package,
    new: Package,
    changed: Collection[str],
    sheets: Mapping[str, tuple[Changes, Collection[tuple[int, int]]]],
) -> None:
    """Compare a workbook before and after.

    Parameters
    ----------
    old, new
        The workbook as it was, and as it was filled.
    changed
        Parts that were to change; every other one must lie in the archive byte for byte as it did.
    sheets
        Name → what was written there, and the cells whose results were dropped.

    Raises
    ------
    WorkbookError
        If anything else differs. It is a fault of this program, not of the workbook.
    InputError
        If the other reader cannot read the workbook as it was.
    """
    for name, entry in old.parts.entries.items():
        if name in changed:
            continue
        kept = new.parts.entries.get(name)
        if kept is None or packed_bytes(old.data, entry) != packed_bytes(new.data, kept):
            _refuse(new, f"part {name} did not stay as it was")
    for part in changed:
        if part.lower().endswith((".xml", ".rels")):
            try:
                _well_formed(new, part)
            except (expat.ExpatError, *DAMAGE) as error:
                _refuse(new, f"part {part} is not well-formed: {error}")
    try:
        with _opened(old) as before, _opened(new) as after:
            for name, (changes, dropped) in sheets.items():
                if max(_area(old, name), _area(new, name)) > MAX_AREA:
                    rows = _rows_of_xml(old, name), _rows_of_xml(new, name)
                else:
                    rows = _rows(before, name), _rows(after, name)
                _compare(new, name, *rows, changes, dropped)
    except _UnreadableError as error:
        _refuse_unreadable(old, sheets)
        _refuse(new, f"it cannot be opened ({error})")


def _well_formed(package: Package, part: str) -> None:
    parser = expat.ParserCreate()
    for piece in package.parts.chunks(part):
        parser.Parse(piece, False)
    parser.Parse(b"", True)


def _refuse(package: Package, message: str) -> None:
    said = f"was not put in place, because {message} when it was read back; please report this"
    raise WorkbookError(Finding(said, file=package.file))


class _UnreadableError(Exception):
    """The other reader cannot read a workbook."""


@contextmanager
def _opened(package: Package) -> Iterator[Any]:
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_filelike(io.BytesIO(package.data)) as workbook:
            yield workbook
    except calamine.CalamineError as error:
        raise _UnreadableError(str(error)) from error


def _refuse_unreadable(package: Package, sheets: Collection[str]) -> None:
    """Refuse a workbook that could not be read before anything was written to it."""
    try:
        with _opened(package) as workbook:
            for name in {one.name for one in package.worksheets} & set(sheets):
                for _ in _rows(workbook, name):
                    pass
    except _UnreadableError as error:
        message = (
            f"is damaged: {error}; open it in a spreadsheet program and save it, so that it is written anew"
        )
        raise InputError(Finding(message, file=package.file)) from error


def _rows(workbook: Any, sheet: str) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows that a sheet has: number, and the cells from column A on."""
    cells = workbook.get_sheet_by_name(sheet)
    if cells.start is None:
        return
    blank = [""] * cells.start[1]  # the reader begins with row 1, and with the first column in use
    for number, values in enumerate(cells.iter_rows(), start=1):
        yield number, blank + values


def _area(package: Package, sheet: str) -> int:
    """Return how many cells the other reader would set apart for a sheet."""
    entry = package.sheet(sheet)
    xml = b"" if entry is None else package.parts.unpacked(entry.part)
    rows = max((int(row) for row in _ROW.findall(xml)), default=0)
    wide = {column_number(letters.decode()) for letters in set(_WIDE.findall(xml))}
    return rows * max(wide, default=26)


def _rows_of_xml(package: Package, sheet: str) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows of a sheet with cells far from all others, as its part has them."""
    entry = package.sheet(sheet)
    if entry is None:
        return
    xml = SheetXml(package.parts.unpacked(entry.part), f"{package.file}#{sheet}")
    for number in range(1, xml.last_row + 1):
        values: list[Any] = []
        place = xml.position(number)
        for column, (start, end) in () if place is None else xml.cells(place):
            values.extend([""] * (column - len(values)))
            try:
                value = value_of(xml.xml[start:end], xml.prefix, package.shared_strings)
            except ValueError:
                value = None
            values[column - 1] = "" if value is None else value
        yield number, values


def _compare(
    package: Package,
    sheet: str,
    before: Iterator[tuple[int, list[Any]]],
    after: Iterator[tuple[int, list[Any]]],
    changes: Changes,
    dropped: Collection[tuple[int, int]],
) -> None:
    nothing: tuple[int, list[Any]] = (0, [])
    seen = 0
    for (number, old), (other, new) in zip_longest(before, after, fillvalue=nothing):
        seen = number or other
        wanted = changes.cells.get(seen, {})
        width = max(len(old), len(new), *wanted)
        old.extend([""] * (width - len(old)))
        new.extend([""] * (width - len(new)))
        for column, content in wanted.items():
            read = new[column - 1]
            if not isinstance(content, Styled):
                if isinstance(content, Formula):
                    is_right = read in _BLANK
                else:
                    is_right = _same(package, sheet, (seen, column), content, read)
                if not is_right:
                    _refuse_cell(package, sheet, seen, column, read)
                new[column - 1] = old[column - 1] = ""
        if old == new:
            continue
        for column, (was, now) in enumerate(zip(old, new, strict=True), start=1):
            is_right = now in _BLANK if (seen, column) in dropped else _is_kept(was, now)
            if not is_right:
                _refuse_cell(package, sheet, seen, column, now)
    missing = [row for row, cells in changes.cells.items() if row > seen and any(map(_says, cells.values()))]
    if missing:
        _refuse(package, f"row {missing[0]} of {sheet!r} is not there")


def _is_kept(was: object, now: object) -> bool:
    """Whether a cell holds what it held; one that holds no number, as NaN, is equal to nothing."""
    return type(was) is type(now) and (was == now or (was != was and now != now))  # noqa: PLR0124


def _refuse_cell(package: Package, sheet: str, row: int, column: int, read: object) -> None:
    _refuse(package, f"cell {named((row, column))} of {sheet!r} holds {read!r}")


def _says(content: object) -> bool:
    return content is not None and not isinstance(content, (Styled, Formula))


def _same(package: Package, sheet: str, place: tuple[int, int], content: object, read: object) -> bool:
    if content is None or content == "":
        return read in _BLANK
    if isinstance(content, str):
        return isinstance(read, str) and content in (read, unescaped(read))
    if isinstance(read, float):
        return read == content
    # The reader makes a date of a number in a cell with a date's format.
    return isinstance(read, (date, time, timedelta)) and _in_xml(package, sheet, place) == content


def _in_xml(package: Package, sheet: str, place: tuple[int, int]) -> object:
    entry = package.sheet(sheet)
    if entry is None:
        return None
    xml = SheetXml(package.parts.unpacked(entry.part), sheet)
    row = xml.position(place[0])
    span = None if row is None else xml.cell(row, place[1])
    return None if span is None else value_of(xml.xml[span[0] : span[1]], xml.prefix, package.shared_strings)
