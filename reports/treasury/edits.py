"""Changes of a sheet's part: cells with new content and their old format, rows that were not there."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lendplan.reports.treasury.celltext import escaped, number_text, text_xml
from lendplan.reports.treasury.formulas import Edit
from lendplan.reports.treasury.references import area_of, column_letters
from lendplan.reports.treasury.sheetxml import SheetXml, attributes, style_of

_SPANS = re.compile(rb'\sspans="[^"]*"')
_DIMENSION = re.compile(rb'(<(?:[\w.-]+:)?dimension\s+ref=")([^"]*)(")')


@dataclass(frozen=True)
class Formula:
    """A formula that a new cell gets."""

    text: str


@dataclass(frozen=True)
class Styled:
    """Nothing but a format."""


Content = float | str | Formula | Styled | None
"""A number, a text, a formula, a format alone, or None to clear a cell."""


@dataclass
class Changes:
    """What changes in a sheet.

    Parameters
    ----------
    cells
        Row → column → content.
    styles
        Row and column → number of the format of a cell that is not there yet.
    row_tags
        Row that is not there yet → attributes of its tag.
    """

    cells: dict[int, dict[int, Content]] = field(default_factory=dict)
    styles: dict[tuple[int, int], str] = field(default_factory=dict)
    row_tags: dict[int, str] = field(default_factory=dict)

    def put(self, row: int, column: int, content: Content) -> None:
        """Set the content of a cell."""
        self.cells.setdefault(row, {})[column] = content

    @property
    def count(self) -> int:
        """Number of cells that get a number, a text, a formula, or are cleared."""
        return sum(not isinstance(one, Styled) for row in self.cells.values() for one in row.values())


def edits_of(sheet: SheetXml, changes: Changes) -> list[Edit]:
    """Return the edits of a sheet's bytes, in order; a format that a cell has stays."""
    edits: list[Edit] = []
    for row in sorted(changes.cells):
        edits += _edits_of_row(sheet, changes, row, changes.cells[row])
    return edits


def _edits_of_row(sheet: SheetXml, changes: Changes, row: int, cells: Mapping[int, Content]) -> list[Edit]:
    place = sheet.position(row)
    p = sheet.prefix
    if place is None:
        following = _following(sheet, row)
        content = b"".join(
            _new_cell(sheet, changes, None, row, column, cells[column]) for column in sorted(cells)
        )
        tag = f'<{p}row r="{row}"{changes.row_tags.get(row, "")}>'.encode()
        return [(following, following, tag + content + f"</{p}row>".encode())]
    start, end = sheet.tag(place)
    tag = sheet.xml[start:end]
    row_style = attributes(tag) if b"customFormat" in tag else {}
    if sheet.is_closed(place):
        content = b"".join(
            _new_cell(sheet, changes, row_style.get("s"), row, column, cells[column])
            for column in sorted(cells)
        )
        opened = _SPANS.sub(b"", tag[:-2]) + b">"
        return [(start, end, opened + content + f"</{p}row>".encode())]
    edits: list[Edit] = []
    others: list[tuple[int, tuple[int, int]]] | None = None
    is_wider = False
    for column in sorted(cells):
        span = sheet.cell(place, column)
        if span is not None:
            if not isinstance(cells[column], Styled):
                style = style_of(sheet.xml[span[0] : span[1]])
                edits.append((*span, cell_xml(p, row, column, style, cells[column])))
            continue
        others = sheet.cells(place) if others is None else others
        at = next((one[0] for number, one in others if number > column), sheet.content(place)[1])
        edits.append((at, at, _new_cell(sheet, changes, row_style.get("s"), row, column, cells[column])))
        is_wider = True
    if is_wider and _SPANS.search(tag):
        edits.insert(0, (start, end, _SPANS.sub(b"", tag)))
    return edits


def _following(sheet: SheetXml, row: int) -> int:
    """Return where a row that is not there belongs."""
    place = bisect_left(sheet.numbers, row)
    return sheet.tag(place)[0] if place < len(sheet.numbers) else sheet.body[1]


def _new_cell(
    sheet: SheetXml, changes: Changes, row_style: str | None, row: int, column: int, content: Content
) -> bytes:
    """Return a cell that was not there; it has the format that it would have had there."""
    style = changes.styles.get((row, column)) or row_style
    if style is None:
        style = next((s for first, last, s in sheet.column_styles if first <= column <= last), None)
    return cell_xml(sheet.prefix, row, column, None if style == "0" else style, content)


def cell_xml(prefix: str, row: int, column: int, style: str | None, content: Content) -> bytes:
    """Return a cell: ids and text as inline strings, so that no text can become a formula."""
    said = f' s="{style}"' if style is not None else ""
    head = f'<{prefix}c r="{column_letters(column)}{row}"{said}'
    if content is None or isinstance(content, Styled):
        return f"{head}/>".encode()
    if isinstance(content, str):
        return f'{head} t="inlineStr">'.encode() + text_xml(content, prefix) + f"</{prefix}c>".encode()
    if isinstance(content, Formula):
        return f"{head}><{prefix}f>{escaped(content.text)}</{prefix}f></{prefix}c>".encode()
    return f"{head}><{prefix}v>{number_text(content)}</{prefix}v></{prefix}c>".encode()


def dimension_edit(sheet: SheetXml, changes: Changes) -> list[Edit]:
    """Return the edit by which the sheet's stated extent holds all that was written."""
    match = _DIMENSION.search(sheet.xml, 0, sheet.body[0])
    area = None if match is None else area_of(match[2].decode())
    if match is None or area is None:
        return []
    grown = area
    for row, cells in changes.cells.items():
        if cells:
            grown = grown.stretched(row, min(cells)).stretched(row, max(cells))
    return [] if grown == area else [(*match.span(2), str(grown).encode())]


def applied(xml: bytes, edits: list[Edit]) -> Iterator[bytes | memoryview]:
    """Yield a part with its edits made, piece by piece; edits at one place stand in the order given."""
    view = memoryview(xml)
    done = 0
    pending: list[bytes | memoryview] = []
    size = 0
    for start, end, text in sorted(edits, key=lambda edit: edit[0]):
        if start < done:
            raise AssertionError("two changes of a sheet touch the same bytes")
        pending += (view[done:start], text)
        size += start - done + len(text)
        done = end
        if size > 1 << 20:
            yield b"".join(pending)
            pending, size = [], 0
    yield b"".join(pending)
    yield view[done:]
