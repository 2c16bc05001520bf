"""What may not be written to: formulas, merged cells, protected sheets, pivot tables; found before anything is."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable

from lendplan.reports.treasury.edits import Changes, Formula, Styled
from lendplan.reports.treasury.locate import named
from lendplan.reports.treasury.package import Package, SheetEntry, child
from lendplan.reports.treasury.references import Area
from lendplan.reports.treasury.sheetxml import SheetXml, style_of
from lendplan.reports.treasury.tables import pivot_areas


def check_targets(
    package: Package, entry: SheetEntry, sheet: SheetXml, changes: Changes, fault: Callable[[str], None]
) -> None:
    """Look at every cell that is to be written.

    Parameters
    ----------
    package, entry, sheet
        The workbook, the sheet as it is listed, and its part.
    changes
        What is to be written there.
    fault
        Called with each cell that may not be written, and why.
    """
    written = sorted(
        (row, column)
        for row, cells in changes.cells.items()
        for column, content in cells.items()
        if not isinstance(content, (Styled, Formula))
    )
    _check_areas(sheet.areas("mergeCells", "mergeCell"), written, _merged, fault)
    _check_areas(sheet.spread, written, _spread, fault)
    _check_areas(pivot_areas(package, entry), written, _pivot, fault)
    protection = child(sheet.frame, "sheetProtection")
    is_protected = protection is not None and protection.get("sheet", "0") in ("1", "true")
    for row, column in written:
        if (row, column) in sheet.formulas:
            fault(
                f"cell {named((row, column))} holds a formula, which would be lost; choose another cell or column"
            )
        if is_protected and _style(sheet, row, column) not in package.unlocked_styles:
            fault(
                f"cell {named((row, column))} is locked and the sheet is protected; "
                "take the protection off, or unlock the cells to be filled"
            )


def _style(sheet: SheetXml, row: int, column: int) -> int:
    """Return the number of a cell's format, or of what a cell there would have."""
    place = sheet.position(row)
    span = None if place is None else sheet.cell(place, column)
    if span is not None:
        return int(style_of(sheet.xml[span[0] : span[1]]) or 0)
    return int(next((style for first, last, style in sheet.column_styles if first <= column <= last), "0"))


def _merged(place: tuple[int, int], area: Area) -> str | None:
    if place == (area.first_row, area.first_column):
        return None
    return f"cell {named(place)} is merged into {area}, so that it would not show; take the merge apart"


def _spread(place: tuple[int, int], area: Area) -> str | None:
    return f"cell {named(place)} is filled by the formula of {area}; choose another cell or column"


def _pivot(place: tuple[int, int], area: Area) -> str | None:
    return f"cell {named(place)} belongs to the pivot table in {area}, which fills it; choose another cell"


def _check_areas(
    areas: list[Area],
    written: list[tuple[int, int]],
    says: Callable[[tuple[int, int], Area], str | None],
    fault: Callable[[str], None],
) -> None:
    for area in areas:
        first = bisect_left(written, (area.first_row, 0))
        last = bisect_right(written, (area.last_row, area.last_column))
        for place in written[first:last]:
            message = says(place, area) if place in area else None
            if message is not None:
                fault(message)
