"""Sheets of .xlsx workbooks, read by calamine; what it would read wrongly is found in the XML first."""

import gc
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from lendplan.data.archives import DAMAGE, Parts, open_parts
from lendplan.data.cells import BadCell, cell_text
from lendplan.data.findings import Finding, InputError, did_you_mean, listed
from lendplan.data.separated import check_header

MAX_ROW, MAX_COLUMN = 1_048_576, 16_384
MAX_AREA = 50_000_000
"""Most cells in the rectangle from A1 to the last cell in use; the reader allocates all of it."""

PLACE = re.compile(rb"""<(?:\w+:)?(?:c|row)\b[^<>]*?\sr\s*=\s*["']([A-Za-z]*\d+)["']""")
FAR = re.compile(rb'r="(?:[A-Z]{2}|[A-Z]?\d{7}|[a-z](?!ttp))')
"""A reference beyond column Z or row 999,999, or one in small letters; the name of a namespace is none."""
ERROR = re.compile(rb'<(?:\w+:)?c\b(?=[^<>]*?\st="e")[^<>]*?\sr="([A-Z]+\d+)"[^<>]*>')
FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
LIKE_FORMULA = re.compile(rb"f[\s/>]")
UNCOUNTED = re.compile(
    rb'<(?:\w+:)?c\b[^<>]*?\sr="([A-Z]+\d+)"[^<>]*>\s*'
    rb"<(?:\w+:)?f\b(?:[^<>]*/>|[^<>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>\s*|<(?:\w+:)?v></(?:\w+:)?v>\s*)?</(?:\w+:)?c>"
)
LETTERS, DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", b"0123456789"
PARSED_AT_ONCE = 2
"""Sheets that are parsed side by side."""
BLOCK = 1 << 18
"""Bytes that are looked at together."""
EQUALS, QUOTE, SPACE = b"="[0], b'"'[0], b" "[0]

Columns = dict[str, NDArray[np.object_]]


class Workbook:
    """A workbook whose archive was looked over; its sheets are read when they are asked for.

    Parameters
    ----------
    data
        The workbook's bytes.
    path
        Its name, for messages.

    Raises
    ------
    InputError
        If it is damaged, encrypted or unsafe.
    """

    names: list[str]
    """Names of its sheets, in their order."""

    def __init__(self, data: bytes, path: Path) -> None:
        self._data, self._file = data, str(path)
        self._parts = open_parts(data, self._file)
        with _readable(self._file), _opened(data) as workbook:
            self.names = list(workbook.sheet_names)

    def read(self, sheets: Sequence[str]) -> list[tuple[Columns, NDArray[np.int64]]]:
        """Read some sheets, several at once; the header of each stands in row 1.

        Returns
        -------
        list
            For each sheet its columns and the row of the sheet each row stands in, as `read_sheet` has them.

        Raises
        ------
        InputError
            As `read_sheet` does.
        """
        with _readable(self._file), _no_collector():
            if len(sheets) == 1:
                bad = self._looked_over(sheets[0])
                return [self._table(sheets[0], bad, _cells_of_sheet(self._data, sheets[0]))]
            from concurrent.futures import ThreadPoolExecutor

            # The reader lets other threads run while it parses: meanwhile the next sheet is looked over.
            with ThreadPoolExecutor(PARSED_AT_ONCE) as pool:
                parsed = [
                    (sheet, self._looked_over(sheet), pool.submit(_cells_of_sheet, self._data, sheet))
                    for sheet in sheets
                ]
                return [self._table(sheet, bad, rows.result()) for sheet, bad, rows in parsed]

    def _looked_over(self, sheet: str) -> dict[tuple[int, int], BadCell]:
        """Refuse a sheet before it is parsed; return cells that calamine takes as blank though they are not."""
        part = _part_of_sheet(self._parts, sheet)
        return {} if part is None else _bad_cells(self._parts.unpacked(part), f"{self._file}#{sheet}")

    def _table(
        self, sheet: str, bad: Mapping[tuple[int, int], BadCell], rows: list[list[Any]]
    ) -> tuple[Columns, NDArray[np.int64]]:
        for (row, column), cell in bad.items():
            if row <= len(rows) and column <= len(rows[row - 1]):
                rows[row - 1][column - 1] = cell
        return _table_of(rows, f"{self._file}#{sheet}")


def read_sheet(data: bytes, path: Path, sheet: str | None) -> tuple[Columns, NDArray[np.int64], str]:
    """Read one sheet of a workbook; its header stands in row 1.

    Parameters
    ----------
    data
        The workbook's bytes.
    path
        Its name, for messages.
    sheet
        The sheet's name; may be left out where the workbook has one sheet only.

    Returns
    -------
    columns
        Name → cells as they are stored, (rows,): str, float, bool, date, or BadCell for an error and for a
        formula that was never calculated; '' for blank. Rows without any content are left out.
    line
        Row of the sheet, (rows,).
    sheet
        Name of the sheet.

    Raises
    ------
    InputError
        If the workbook is damaged, encrypted, unsafe or far too large; if the sheet is not there or is empty; if
        a name in its header is blank or repeated.
    """
    workbook = Workbook(data, path)
    sheet = _choose_sheet(workbook.names, sheet, str(path))
    [(columns, line)] = workbook.read([sheet])
    return columns, line, sheet


def _opened(data: bytes) -> Any:
    import python_calamine as calamine

    return calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))


def _cells_of_sheet(data: bytes, sheet: str) -> list[list[Any]]:
    with _opened(data) as workbook:
        rows: list[list[Any]] = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        return rows


@contextmanager
def _readable(file: str) -> Iterator[None]:
    """Tell what cannot be read as the user would be told."""
    import python_calamine as calamine

    try:
        yield
    except (calamine.CalamineError, ET.ParseError, KeyError, *DAMAGE) as error:
        raise InputError(Finding(f"is no readable .xlsx workbook: {error}", file=file)) from error


@contextmanager
def _no_collector() -> Iterator[None]:
    """Keep Python from searching for cycles among millions of cells, all of which are in use: a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _choose_sheet(names: list[str], sheet: str | None, file: str) -> str:
    if sheet is None:
        if len(names) == 1:
            return names[0]
        choices = listed([f"{Path(file).name}#{name}" for name in names], 20)
        raise InputError(Finding(f"has {len(names)} sheets; say which one: {choices}", file=file))
    if sheet not in names:
        message = f"has no sheet {sheet!r}{did_you_mean(sheet, names)} (it has {listed(names, 20)})"
        raise InputError(Finding(message, file=file))
    return sheet


def _part_of_sheet(parts: Parts, sheet: str) -> str | None:
    """Return the part that holds a sheet; None where it cannot be told."""
    workbook, relations = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
    if workbook not in parts.entries or relations not in parts.entries:
        return None
    # No part declares entities: that was seen to when the archive was opened.
    targets = {item.get("Id"): item.get("Target", "") for item in ET.fromstring(parts.unpacked(relations))}
    for item in ET.fromstring(parts.unpacked(workbook)).iter():
        if item.tag.endswith("}sheet") and item.get("name") == sheet:
            relation = next((value for key, value in item.items() if key.endswith("}id")), None)
            target = targets.get(relation, "")
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            return part if part in parts.entries else None
    return None


def _position(reference: bytes) -> tuple[int, int]:
    """Return row and column of a reference such as ``B17``, both from 1."""
    column = 0
    for letter in reference.rstrip(DIGITS).upper():
        column = column * 26 + letter - ord("A") + 1
    return int(reference.lstrip(LETTERS)), column


def _may_reach_far(xml: bytes) -> bool:
    """Whether a reference may lie beyond column Z or row 999,999, or is written in an odd way.

    Up to there a sheet is smaller than `MAX_AREA`, and how far it reaches need not be known.
    """
    octets = np.frombuffer(xml, dtype=np.uint8)
    for first in range(0, len(octets) - 2, BLOCK):
        block = octets[first : first + BLOCK + 2]
        is_odd = (block[2:] != QUOTE) | (block[:-2] <= SPACE)
        if (is_odd & (block[1:-1] == EQUALS)).any():
            return True
    return FAR.search(xml) is not None


def _bad_cells(xml: bytes, where: str) -> dict[tuple[int, int], BadCell]:
    """Refuse absurd positions; return cells that calamine takes as blank though they are not."""
    places = PLACE.findall(xml) if _may_reach_far(xml) else []
    last_row = max((int(place.lstrip(LETTERS)) for place in places), default=0)
    letters = {place.rstrip(DIGITS) for place in places}
    last_column = max((_position(letter + b"1")[1] for letter in letters), default=0)
    if last_row > MAX_ROW or last_column > MAX_COLUMN:
        message = (
            f"a cell stands in row {last_row:,}, column {last_column:,}; "
            f"a sheet ends at row {MAX_ROW:,}, column {MAX_COLUMN:,}"
        )
        raise InputError(Finding(message, file=where))
    if last_row * last_column > MAX_AREA:
        message = (
            f"reaches to row {last_row:,}, column {last_column:,}, too far to be read; "
            "delete the stray cells there, or save the table as Parquet"
        )
        raise InputError(Finding(message, file=where))
    bad: dict[tuple[int, int], BadCell] = {}
    if b't="e"' in xml:
        for match in ERROR.finditer(xml):
            after = xml[match.end() : match.end() + 8192].partition(b"</c>")[0]
            value = re.search(rb"<(?:\w+:)?v>([^<]*)<", after)
            text = value[1].decode(errors="replace") if value else "an error"
            bad[_position(match[1])] = BadCell(text, f"holds {text}; mend the formula, or clear the cell")
    if LIKE_FORMULA.search(xml) and FORMULA.search(xml):  # the first is many times faster
        message = "holds a formula without a value; open the workbook, calculate and save it"
        for match in UNCOUNTED.finditer(xml):
            bad[_position(match[1])] = BadCell("", message)
    return bad


def _is_blank(cell: object) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _table_of(rows: list[list[Any]], where: str) -> tuple[Columns, NDArray[np.int64]]:
    """Split off the header; leave out rows without any content, and nameless columns without any."""
    if all(_is_blank(cell) for row in rows for cell in row):
        raise InputError(Finding("is empty; a table begins with a row of column names", file=where))
    header = [cell_text(cell) for cell in rows[0]]
    if not any(header):
        raise InputError(Finding("is blank; the header belongs into row 1", file=where, line=1))
    numbers = [
        number
        for number, row in enumerate(rows[1:], start=2)
        # The first cell mostly tells, and a call for each row takes longer than all the rest.
        if row[0].__class__ is not str or row[0].strip() or not all(map(_is_blank, row))
    ]
    body = rows[1:] if len(numbers) == len(rows) - 1 else [rows[number - 1] for number in numbers]
    columns: list[NDArray[np.object_]] = []
    names: list[str] = []
    for position, name in enumerate(header):
        cells = np.empty(len(body), dtype=object)
        cells[:] = [row[position] for row in body]
        if name or not all(_is_blank(cell) for cell in cells):
            names.append(name)
            columns.append(cells)
    names = check_header(names, where)
    line = np.array(numbers, dtype=np.int64)
    return dict(zip(names, columns, strict=True)), line
