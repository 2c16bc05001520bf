"""Formulas: results that no longer hold are dropped, and a row's formulas are carried down to new rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lendplan.reports.treasury.celltext import unquoted
from lendplan.reports.treasury.package import Element, child, local
from lendplan.reports.treasury.references import MAX_ROW, Area, cell_of
from lendplan.reports.treasury.sheetxml import SheetXml, attributes, has_formula

Edit = tuple[int, int, bytes]
"""Begin, end, and what stands there instead."""

_OF_RESULT = re.compile(rb'\s(?:t|vm)="[^"]*"')
"""Attributes of a cell that describe its value."""
_BEFORE_CALCULATION = ("sheets", "functionGroups", "externalReferences", "definedNames")
_SKIPPED = re.compile(
    r'"(?:[^"]|"")*"'  # text
    r"|'(?:[^']|'')*'!"  # a sheet's name
    r"|\[(?:[^\[\]]|\[[^\[\]]*\])*\]"  # a table's column, or another workbook
    r"|(?<![\w.$])(?P<column>\$?[A-Za-z]{1,3})(?P<fixed>\$?)(?P<row>[1-9]\d{0,6})(?![\w.(!])"
    r"|(?<![\w.$])(?P<top_fixed>\$?)(?P<top>[1-9]\d{0,6}):(?P<bottom_fixed>\$?)(?P<bottom>[1-9]\d{0,6})(?![\w.(!])"
)


def without_results(sheet: SheetXml) -> tuple[list[Edit], set[tuple[int, int]]]:
    """Drop what formulas were last calculated to.

    Returns
    -------
    edits
        Of the sheet's bytes.
    places
        Row and column of each cell that loses its value.
    """
    p = sheet.prefix.encode()
    result = re.compile(
        rb"<%sf(?:\s[^>]*)?(?:/>|>[^<]*</%sf>)\s*(<%sv(?:\s[^>]*)?(?:/>|>[^<]*</%sv>))" % (p, p, p, p)
    )
    edits: list[Edit] = []
    places: set[tuple[int, int]] = set()
    for place, (start, formula) in sheet.formulas.items():
        match = result.match(sheet.xml, formula)
        if match is None:
            continue
        edits.append((*match.span(1), b""))
        places.add(place)
        tag = _OF_RESULT.finditer(sheet.xml, start, sheet.xml.index(b">", start))
        edits += [(*said.span(), b"") for said in tag]
    for area in sheet.spread:
        edits += _emptied(sheet, area, places)
    return edits, places


def formulas_of(sheet: SheetXml) -> Iterator[tuple[str, str]]:
    """Yield the cells with a formula that has a text of its own: reference, text."""
    p = sheet.prefix.encode()
    text = re.compile(rb'<%sc r="([A-Z]+\d+)"[^>]*>\s*<%sf(?:\s[^>]*)?>([^<]*)<' % (p, p))
    for start, _ in sheet.formulas.values():
        match = text.match(sheet.xml, start)
        if match is not None and match[2]:
            yield match[1].decode(), unquoted(match[2].decode())


def formula_in(sheet: SheetXml, cell: bytes, reference: str) -> tuple[str, int] | None:
    """Return a cell's formula and the row in which it reads like that; None where it cannot be carried down.

    Formulas that several cells share stand in the first of them alone, as they read there.
    """
    p = sheet.prefix.encode()
    match = re.search(rb"<%sf((?:\s[^>]*?)?)(?:/>|>([^<]*)</)" % p, cell)
    place = cell_of(reference)
    if match is None or place is None:
        return None
    said = attributes(b"<f" + match[1] + b">")
    if said.get("t", "normal") not in ("normal", "shared"):
        return None
    if match[2]:
        return unquoted(match[2].decode()), place[0]
    for first, text in formulas_of_group(sheet, said.get("si", "")):
        if first[1] == place[1]:
            return text, first[0]
    return None


def formulas_of_group(sheet: SheetXml, group: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield where the formula of a group of cells stands, row and column, and its text."""
    p = sheet.prefix.encode()
    tag = rb'<%sc r="([A-Z]+\d+)"[^>]*>\s*<%sf\s(?=[^>]*\bsi="%s")[^>]*>([^<]+)<' % (p, p, group.encode())
    for match in re.finditer(tag, sheet.xml):
        place = cell_of(match[1].decode())
        if place is not None:
            yield place, unquoted(match[2].decode())


def _emptied(sheet: SheetXml, area: Area, places: set[tuple[int, int]]) -> list[Edit]:
    """Drop the results that a formula spreads over several cells."""
    edits: list[Edit] = []
    for row in sheet.numbers:
        if not area.first_row <= row <= area.last_row:
            continue
        place = sheet.position(row)
        for column, (start, end) in () if place is None else sheet.cells(place):
            cell = sheet.xml[start:end]
            if (row, column) in area and (row, column) not in places and not has_formula(cell, sheet.prefix):
                tag = _OF_RESULT.sub(b"", cell.partition(b">")[0].rstrip(b"/"))
                if tag + b"/>" != cell:
                    edits.append((start, end, tag + b"/>"))
                    places.add((row, column))
    return edits


def calculate_on_load(workbook: Element) -> bool:
    """Tell a workbook to calculate everything when it is opened; return whether that changed it."""
    settings = child(workbook, "calcPr")
    if settings is None:
        namespace = workbook.tag.rpartition("}")[0]
        settings = workbook.makeelement(f"{namespace}}}calcPr" if namespace else "calcPr")
        before = [item for item in workbook if local(item) in _BEFORE_CALCULATION]
        before[-1].addnext(settings)
    if settings.get("fullCalcOnLoad") in ("1", "true"):
        return False
    settings.set("fullCalcOnLoad", "1")
    return True


def carried_down(formula: str, rows: int) -> str:
    """Return a formula as it reads when it is copied some rows down: relative rows move, all else stays."""

    def moved(fixed: str, row: str) -> str:
        number = int(row) if fixed else int(row) + rows
        return f"{fixed}{number}" if number <= MAX_ROW else "#REF!"

    def replaced(match: re.Match[str]) -> str:
        if match["row"]:
            return match["column"] + moved(match["fixed"], match["row"])
        if match["top"]:
            top = moved(match["top_fixed"], match["top"])
            return f"{top}:{moved(match['bottom_fixed'], match['bottom'])}"
        return match[0]

    return _SKIPPED.sub(replaced, formula)
