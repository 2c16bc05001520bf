"""What does not grow with appended rows, found so that it can be said: ranges that end where the rows ended."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lendplan.data.findings import listed
from lendplan.reports.treasury.celltext import unquoted
from lendplan.reports.treasury.package import Package, SheetEntry, local
from lendplan.reports.treasury.references import area_of, split_sheet
from lendplan.reports.treasury.sheetxml import SheetXml

_SAID = {
    "conditionalFormatting": "the conditional format of",
    "dataValidation": "the data validation of",
    "protectedRange": "the protected range",
    "autoFilter": "the filter of",
    "sparkline": "the range of the sparklines",
}
_FILTER = "_xlnm._FilterDatabase"
_CHART_RANGE = re.compile(rb"<(?:\w+:)?f>([^<]*)</(?:\w+:)?f>")
_PIVOT_SOURCE = re.compile(rb"<(?:\w+:)?worksheetSource\s[^>]*>")


def ranges_that_end(package: Package, entry: SheetEntry, sheet: SheetXml, row: int) -> list[str]:
    """Return one sentence for each kind of range that ends at a row of a sheet.

    Parameters
    ----------
    package, entry, sheet
        The workbook, the sheet as it is listed, and its part.
    row
        The last row before the appended ones.

    Returns
    -------
    list of str
        Empty where nothing ends there.
    """
    found = [*_of_frame(sheet, row), *_of_names(package, entry, row), *_of_parts(package, entry, row)]
    if not found:
        return []
    return [
        f"{one} ends at row {row} of {entry.name!r} and was left as it is: the appended rows are outside it"
        for one in found
    ]


def formulas_that_end(formulas: list[tuple[str, str]], own: bool, entry: SheetEntry, row: int) -> list[str]:
    """Return the cells whose formula has a range that ends at a row.

    Parameters
    ----------
    formulas
        Reference of the cell, and its text.
    own
        Whether they stand on the sheet itself, where a range need not name it.
    entry
        The sheet that has grown.
    row
        Its last row before that.
    """
    name = re.escape(entry.name.replace("'", "''"))
    before = rf"(?:'{name}'|{name})!" if not own else rf"(?:(?:'{name}'|{name})!|(?<![!\w$.:]))"
    pattern = re.compile(
        rf"{before}\$?[A-Z]{{1,3}}\$?(\d+):\$?[A-Z]{{1,3}}\${{0,1}}{row}(?!\d)", re.IGNORECASE
    )
    return [cell for cell, text in formulas if any(int(match[1]) < row for match in pattern.finditer(text))]


def _ends(reference: str, row: int) -> bool:
    area = area_of(reference.replace("$", ""))
    return area is not None and area.last_row == row and area.first_row < row


def _of_frame(sheet: SheetXml, row: int) -> Iterator[str]:
    for element in sheet.frame.iter():
        name = local(element)
        if name == "sqref" or (name == "f" and local(element.getparent()) == "sparkline"):
            reference = split_sheet(element.text or "")[1]
            name = "sparkline" if name == "f" else local(element.getparent())
        elif name in _SAID:
            reference = element.get("sqref", element.get("ref", ""))
        else:
            continue
        if any(_ends(one, row) for one in reference.split()):
            yield f"{_SAID.get(name, 'the range of ' + name)} {reference}"


def _of_names(package: Package, entry: SheetEntry, row: int) -> Iterator[str]:
    for name, _, reference in package.defined_names:
        if name == _FILTER:
            continue  # the filter itself is named above
        sheet, area = split_sheet(reference)
        if sheet is not None and sheet.casefold() == entry.name.casefold() and _ends(area, row):
            yield f"the name {name} ({reference})"


def _of_parts(package: Package, entry: SheetEntry, row: int) -> Iterator[str]:
    """Look through charts and pivot tables, which are not parsed."""
    for part in package.parts.entries:
        if not part.endswith(".xml"):
            continue
        if "/charts/chart" in part:
            ranges = [
                unquoted(text.decode(errors="replace"))
                for text in _CHART_RANGE.findall(package.parts.unpacked(part))
            ]
            hits = sorted({one for one in ranges if _on(one, entry) and _ends(split_sheet(one)[1], row)})
            if hits:
                yield f"the chart range {listed(hits, 3)}"
        elif "/pivotCacheDefinition" in part:
            for tag in _PIVOT_SOURCE.findall(package.parts.unpacked(part)):
                said = dict(re.findall(r'(\w+)="([^"]*)"', tag.decode(errors="replace")))
                if unquoted(said.get("sheet", "")) == entry.name and _ends(said.get("ref", ""), row):
                    yield f"the source of a pivot table, {said['ref']},"


def _on(reference: str, entry: SheetEntry) -> bool:
    sheet = split_sheet(reference)[0]
    return sheet is not None and sheet.casefold() == entry.name.casefold()
