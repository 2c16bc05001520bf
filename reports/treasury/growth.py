"""New rows below the last one that has an id: formats and formulas are carried down from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from lendplan.reports.treasury.edits import Changes, Content, Formula, Styled
from lendplan.reports.treasury.formulas import carried_down, formula_in
from lendplan.reports.treasury.locate import Rows, named
from lendplan.reports.treasury.references import MAX_ROW, column_letters
from lendplan.reports.treasury.sheetxml import SheetXml, attributes, has_formula, style_of

_FILLED = re.compile(rb"<(?:[\w.-]+:)?(?:v(?:\s[^>]*)?>[^<]|f[\s>/]|is[\s>])")
_CARRIED = ("s", "customFormat", "ht", "customHeight")
"""Attributes of a row that a new one below it shares."""


@dataclass
class Template:
    """What the last row with an id gives to the rows below it.

    Parameters
    ----------
    styles
        Column → number of the format.
    formulas
        Column → formula and the row in which it reads like that.
    tag
        Attributes of the row's tag.
    uncarried
        Columns whose formula cannot be carried down.
    """

    styles: dict[int, str] = field(default_factory=dict)
    formulas: dict[int, tuple[str, int]] = field(default_factory=dict)
    tag: str = ""
    uncarried: list[str] = field(default_factory=list)


def append(
    sheet: SheetXml,
    rows: Rows,
    new: Sequence[tuple[str, Mapping[int, Content]]],
    planned: Collection[str],
    changes: Changes,
    fault: Callable[[str], None],
) -> tuple[list[int], Template]:
    """Put enterprises below the last row that has an id.

    Parameters
    ----------
    sheet, rows
        The sheet and its rows.
    new
        Id, and column → content.
    planned
        The plan's ids.
    changes
        Grows by the new rows.
    fault
        Called with what stands in the way.

    Returns
    -------
    rows
        The new rows' numbers.
    template
        What they were given.
    """
    first, last = rows.last + 1, rows.last + len(new)
    table = rows.table
    if last > MAX_ROW:
        fault(f"has no room for {len(new):,} more rows: a sheet ends at row {MAX_ROW:,}")
        return [], Template()
    if table is not None and table.totals and last > table.last_data_row:
        fault(
            f"table {table.name} ends with a row of totals, row {table.area.last_row}, and cannot grow over it; "
            "insert rows in the table first, or set missing: refuse"
        )
        return [], Template()
    numbers = list(range(first, last + 1))
    _check_room(sheet, rows, numbers, fault)
    template = _template(sheet, rows, planned, fault)
    for number, (_, cells) in zip(numbers, new, strict=True):
        for column, content in cells.items():
            changes.put(number, column, content)
        place = sheet.position(number)
        for column in range(rows.span[0], rows.span[1] + 1):
            if column in template.styles:
                changes.styles[number, column] = template.styles[column]
            if column in cells or (place is not None and sheet.cell(place, column) is not None):
                continue
            if column in template.formulas:
                text, origin = template.formulas[column]
                changes.put(number, column, Formula(carried_down(text, number - origin)))
            elif column in template.styles:
                changes.put(number, column, Styled())
        changes.row_tags[number] = template.tag
    return numbers, template


def _check_room(sheet: SheetXml, rows: Rows, numbers: list[int], fault: Callable[[str], None]) -> None:
    """Say what stands where the new rows go; formulas of the table's other columns may be there already."""
    ours = {rows.key, *rows.columns.values()}
    for number in numbers:
        place = sheet.position(number)
        if place is None:
            if number > sheet.last_row:
                break
            continue
        for column in range(rows.span[0], rows.span[1] + 1):
            span = sheet.cell(place, column)
            cell = b"" if span is None else sheet.xml[span[0] : span[1]]
            if _FILLED.search(cell) and (column in ours or not has_formula(cell, sheet.prefix)):
                fault(
                    f"cell {named((number, column))} is not blank, and a new row would go there; make room below "
                    f"row {rows.last}, make the range a table without totals, or set missing: refuse"
                )
                return


def _template(
    sheet: SheetXml, rows: Rows, planned: Collection[str], fault: Callable[[str], None]
) -> Template:
    """Take the formats and formulas of the last row with an id."""
    template = Template()
    place = sheet.position(rows.last)
    if place is None or rows.last == rows.header:
        return template
    ours = {rows.key, *rows.columns.values()}
    start, end = sheet.tag(place)
    said = attributes(sheet.xml[start:end])
    template.tag = "".join(f' {name}="{said[name]}"' for name in _CARRIED if name in said)
    known = {row: text for text, row in rows.by_id.items()}
    for column, (first, last) in sheet.cells(place):
        if not rows.span[0] <= column <= rows.span[1]:
            continue
        cell = sheet.xml[first:last]
        template.styles[column] = style_of(cell) or "0"
        if not has_formula(cell, sheet.prefix):
            continue
        is_totals = known.get(rows.last) not in planned and not _has_formula_above(sheet, rows, column)
        if column in ours or is_totals:
            fault(
                f"cell {named((rows.last, column))} holds a formula, so row {rows.last} looks like one of totals, "
                "below which nothing is appended; make the range a table, or set missing: refuse"
            )
            return template
        formula = formula_in(sheet, cell, named((rows.last, column)))
        if formula is None:
            template.uncarried.append(column_letters(column))
        else:
            template.formulas[column] = formula
    return template


def _has_formula_above(sheet: SheetXml, rows: Rows, column: int) -> bool:
    place = sheet.position(rows.last - 1)
    span = None if place is None or rows.last - 1 == rows.header else sheet.cell(place, column)
    return span is not None and has_formula(sheet.xml[span[0] : span[1]], sheet.prefix)
