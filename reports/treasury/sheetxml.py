"""A worksheet's part as bytes: where its rows and cells lie, so that a few can change and the rest stays as it is.

A tree of a sheet with 200,000 rows takes a hundred times the memory of the part itself. Rows and cells are therefore
found by their tags, which is safe in the plain form that Excel, LibreOffice, openpyxl and XlsxWriter write; a part
that is in another form is parsed and written in the plain one first. The filled workbook is read back by another
reader before it is used.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from functools import cached_property
from xml.parsers import expat

from lxml import etree

from lendplan.data.findings import Finding, InputError, shown
from lendplan.reports.treasury.celltext import shared_text, unescaped, unquoted
from lendplan.reports.treasury.package import Element, child, children, parsed
from lendplan.reports.treasury.references import (
    MAX_COLUMN,
    MAX_ROW,
    Area,
    area_of,
    cell_of,
    column_letters,
    column_number,
)
from lendplan.reports.treasury.sheetform import ROOT, is_plain, plain_form, refuse_malformed

_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)<")
_ATTRIBUTE = re.compile(rb"""([\w:.-]+)\s*=\s*["']([^"']*)["']""")

_STYLE = re.compile(rb"""\ss=["'](\d+)""")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_KIND = re.compile(rb"""\st=["'](\w+)""")

Span = tuple[int, int]


class SheetXml:
    """A worksheet's part.

    Parameters
    ----------
    xml
        The part's bytes.
    where
        The workbook and the sheet, for messages.

    Raises
    ------
    InputError
        If it is no well-formed worksheet, or has cells beyond the end of a sheet.
    """

    frame: Element
    """All of the part but its rows, parsed."""

    def __init__(self, xml: bytes, where: str) -> None:
        self.where = where
        if xml.startswith((b"\xff\xfe", b"\xfe\xff")):
            message = "is written in UTF-16, which most readers misread; open the workbook and save it"
            raise InputError(Finding(message, file=where))
        try:
            refuse_malformed(xml)
            self.xml = xml if is_plain(xml) else plain_form(xml)
        except (expat.ExpatError, etree.XMLSyntaxError, ValueError) as error:
            raise InputError(Finding(f"is damaged: {error}", file=where)) from error
        root = ROOT.search(self.xml)
        self.prefix = root[1].decode() + ":" if root and root[1] else ""
        p = self.prefix.encode()
        self.xml = self.xml.replace(b"<%ssheetData/>" % p, b"<%ssheetData></%ssheetData>" % (p, p), 1)
        opening = re.search(rb"<%ssheetData(?:\s[^>]*)?>" % p, self.xml)
        closing = self.xml.rfind(b"</%ssheetData>" % p)
        if root is None or opening is None or closing < opening.end():
            raise InputError(Finding("is no worksheet", file=where))
        self.body: Span = (opening.end(), closing)
        self._cell, self._cell_end, self._row_end = b"<%sc r=" % p, b"</%sc>" % p, b"</%srow>" % p
        self._index(p)
        self._refuse_far(p)
        try:
            self.frame = parsed(self.xml[: opening.end()] + self.xml[closing:])
        except etree.XMLSyntaxError as error:
            raise InputError(Finding(f"is damaged: {error}", file=where)) from error

    def _index(self, p: bytes) -> None:
        tags = list(re.compile(rb'<%srow r="(\d+)"[^>]*>' % p).finditer(self.xml, *self.body))
        self.numbers = [int(tag[1]) for tag in tags]
        self._tags: list[Span] = [tag.span() for tag in tags]
        if any(one >= other for one, other in zip(self.numbers, self.numbers[1:], strict=False)):
            raise InputError(Finding("is damaged: its rows are not in order", file=self.where))

    def _refuse_far(self, p: bytes) -> None:
        self.last_row = self.numbers[-1] if self.numbers else 0
        wide = set(re.compile(rb'<%sc r="([A-Z]{2,})\d' % p).findall(self.xml))
        self.last_column = max((column_number(one.decode()) for one in wide), default=26)
        if self.last_row > MAX_ROW or self.last_column > MAX_COLUMN:
            message = (
                f"reaches to row {self.last_row:,}, column {self.last_column:,}; "
                f"a sheet ends at row {MAX_ROW:,}, column {MAX_COLUMN:,}"
            )
            raise InputError(Finding(message, file=self.where))

    def position(self, row: int) -> int | None:
        """Return a row's place among the rows that are there; None where it is not."""
        place = bisect_left(self.numbers, row)
        return place if place < len(self.numbers) and self.numbers[place] == row else None

    def tag(self, place: int) -> Span:
        """Return where a row's opening tag lies."""
        return self._tags[place]

    def is_closed(self, place: int) -> bool:
        """Whether a row is one tag without content."""
        return self.xml[self._tags[place][1] - 2] == ord("/")

    def content(self, place: int) -> Span:
        """Return where the cells of a row lie."""
        start = self._tags[place][1]
        if self.is_closed(place):
            return start, start
        following = self._tags[place + 1][0] if place + 1 < len(self._tags) else self.body[1]
        return start, self.xml.rfind(self._row_end, start, following)

    def cell(self, place: int, column: int) -> Span | None:
        """Return where a cell lies; None where the row has none there."""
        start, end = self.content(place)
        name = f'"{column_letters(column)}{self.numbers[place]}"'.encode()
        found = self.xml.find(self._cell + name, start, end)
        return None if found < 0 else (found, self._end_of_cell(found, end))

    def cells(self, place: int) -> list[tuple[int, Span]]:
        """Return the cells of a row: column, and where each lies."""
        start, end = self.content(place)
        cells: list[tuple[int, Span]] = []
        while (found := self.xml.find(self._cell, start, end)) >= 0:
            quote = found + len(self._cell) + 1
            reference = self.xml[quote : self.xml.index(b'"', quote)].decode()
            at, start = cell_of(reference), self._end_of_cell(found, end)
            if at is None or at[0] != self.numbers[place]:
                message = f"is damaged: cell {reference} stands in row {self.numbers[place]}"
                raise InputError(Finding(message, file=self.where))
            cells.append((at[1], (found, start)))
        return cells

    def _end_of_cell(self, start: int, limit: int) -> int:
        tag = self.xml.find(b">", start, limit)
        if self.xml[tag - 1] == ord("/"):
            return tag + 1
        end = self.xml.find(self._cell_end, tag, limit)
        if tag < 0 or end < 0:
            raise InputError(Finding("is damaged: a cell does not end in its row", file=self.where))
        return end + len(self._cell_end)

    def areas(self, container: str, item: str) -> list[Area]:
        """Return rectangles that the frame lists, of merged cells for example."""
        listed = child(self.frame, container)
        found = (area_of(one.get("ref", "")) for one in (() if listed is None else children(listed, item)))
        return [one for one in found if one is not None]

    @cached_property
    def formulas(self) -> dict[tuple[int, int], Span]:
        """Row and column of each cell with a formula → where the cell begins, and where its formula does."""
        p = self.prefix.encode()
        found: dict[tuple[int, int], Span] = {}
        if all(self.xml.find(b"<%sf%s" % (p, end), *self.body) < 0 for end in (b">", b" ", b"/")):
            return found
        for tag in re.compile(rb"<%sf[\s>/]" % p).finditer(self.xml, *self.body):
            start = self.xml.rindex(self._cell, self.body[0], tag.start())
            quote = start + len(self._cell) + 1
            place = cell_of(self.xml[quote : self.xml.index(b'"', quote)].decode())
            if place is not None:
                found[place] = start, tag.start()
        return found

    @cached_property
    def spread(self) -> list[Area]:
        """Rectangles of several cells that one formula fills together: no part of them can be changed."""
        areas = []
        for _, start in self.formulas.values():
            end = self.xml.index(b">", start)
            if self.xml.find(b" ref=", start, end) >= 0:
                said = attributes(self.xml[start:end])
                area = area_of(said.get("ref", "")) if said.get("t") != "shared" else None
                if area is not None and ":" in str(area):
                    areas.append(area)
        return areas

    @cached_property
    def column_styles(self) -> list[tuple[int, int, str]]:
        """First column, last column and number of the format that whole columns have."""
        listed = child(self.frame, "cols")
        return [
            (int(one.get("min", "0")), int(one.get("max", "0")), one.get("style", "0"))
            for one in (() if listed is None else children(listed, "col"))
        ]


def attributes(tag: bytes) -> dict[str, str]:
    """Return the attributes of an opening tag in plain form."""
    return {key.decode(): value.decode() for key, value in _ATTRIBUTE.findall(tag.partition(b">")[0])}


def style_of(cell: bytes) -> str | None:
    """Return the number of a cell's format; None where it has none."""
    said = _STYLE.search(cell, 0, cell.index(b">"))
    return said[1].decode() if said else None


def has_formula(cell: bytes, prefix: str) -> bool:
    """Whether a cell holds a formula of its own."""
    p = prefix.encode()
    return any(b"<%sf%s" % (p, end) in cell for end in (b">", b" ", b"/"))


def value_of(cell: bytes, prefix: str, strings: list[str]) -> str | float | bool | None:
    """Return what a cell holds: text, a number, a truth value; None where it is blank.

    Raises
    ------
    ValueError
        With what is wrong, where the cell holds an error or a formula that was never calculated.
    """
    said = _KIND.search(cell, 0, cell.index(b">"))
    kind = said[1].decode() if said else "n"
    if kind == "inlineStr":
        inner = parsed_cell(cell, prefix)
        text = child(inner, "is")
        return None if text is None else shared_text(text) or None
    match = _VALUE.search(cell)
    raw = match[1].decode() if match else ""
    if not raw:
        if has_formula(cell, prefix):
            raise ValueError("holds a formula without a value; open the workbook, calculate and save it")
        return None
    if kind == "s":
        place = int(raw) if raw.isdigit() else -1
        if not 0 <= place < len(strings):
            raise ValueError(f"names shared text {raw}, which is not there")
        return strings[place] or None
    if kind == "e":
        raise ValueError(f"holds the error {raw}; mend the formula, or clear the cell")
    if kind == "b":
        return raw in ("1", "true")
    if kind in ("str", "d"):
        return unescaped(unquoted(raw)) or None
    return _number(raw)


def _number(raw: str) -> float:
    """Return a number as a cell holds it; what Python alone would take for one is none."""
    if not _NUMBER.fullmatch(raw.strip()) or not math.isfinite(number := float(raw)):
        raise ValueError(f"holds {shown(raw)}, which is no number; the file is damaged there")
    return number


def parsed_cell(cell: bytes, prefix: str) -> Element:
    """Parse one cell on its own; its prefixes are bound to nothing in particular."""
    used = {prefix.rstrip(":").encode(), *re.findall(rb"[<\s](\w+):\w", cell)} - {b"", b"xml"}
    bound = b"".join(b' xmlns:%s="urn:%s"' % (one, one) for one in sorted(used))
    return parsed(b"<cell%s>%s</cell>" % (bound, cell))[0]
