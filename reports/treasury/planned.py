"""What a fill changes, part by part."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from lendplan.data.findings import listed
from lendplan.reports.treasury.edits import Changes, applied, dimension_edit, edits_of
from lendplan.reports.treasury.formulas import calculate_on_load, formulas_of, without_results
from lendplan.reports.treasury.gathered import Gathered
from lendplan.reports.treasury.outgrown import formulas_that_end
from lendplan.reports.treasury.package import Package, SheetEntry, serialised
from lendplan.reports.treasury.provenance import provenance_parts, provenance_sheet
from lendplan.reports.treasury.sheetxml import SheetXml
from lendplan.reports.treasury.target import Target, WorkbookError
from lendplan.reports.treasury.zipcopy import Chunks

_FORMULA = re.compile(rb"<(?:[\w.-]+:)?f[\s>/]")


@dataclass
class Draft:
    """A fill before it is written.

    Parameters
    ----------
    changed, added
        Part → new content.
    written
        Sheet → what is written there, and the cells whose results are dropped.
    cells, appended, only_in_sheet, notes
        As in `filling.Filled`.
    """

    changed: dict[str, Chunks] = field(default_factory=dict)
    added: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, tuple[Changes, Collection[tuple[int, int]]]] = field(default_factory=dict)
    cells: int = 0
    appended: tuple[str, ...] = ()
    only_in_sheet: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def draft_of(
    package: Package,
    target: Target,
    table: Mapping[str, Any],
    summary: Mapping[str, float | str | None],
    provenance: Mapping[str, str],
) -> Draft:
    """Return what a fill changes; `filling.fill` describes the parameters.

    Raises
    ------
    InputError
        If a part is damaged or hostile.
    WorkbookError
        With everything that stands in the way.
    """
    gathered = Gathered(package, target)
    gathered.rows(table)
    gathered.single_cells(summary)
    gathered.check()
    if target.provenance and package.structure_is_locked:
        try:
            provenance_parts(package, provenance)
        except WorkbookError as error:
            gathered.findings += error.findings
    if gathered.findings:
        raise WorkbookError(gathered.findings)
    return _written(gathered, provenance)


def _written(gathered: Gathered, provenance: Mapping[str, str]) -> Draft:
    """Make the new content of every part that changes.

    The calculation chain stays: no formula is taken away, and one that the chain lacks is added on loading.
    """
    package = gathered.package
    draft = Draft(appended=gathered.appended, only_in_sheet=gathered.only_in_sheet)
    draft.cells = sum(changes.count for _, _, changes in gathered.sheets.values())
    if gathered.table is not None:
        part, content = gathered.table
        draft.changed[part] = [content]
    notes = gathered.notes
    is_new, ours = calculate_on_load(package.workbook), ""
    if gathered.target.provenance:
        ours, changed, draft.added = provenance_parts(package, provenance)
        draft.changed.update({part: [content] for part, content in changed.items()})
    elif (earlier := provenance_sheet(package)) is not None:
        notes.append(
            f"The sheet {earlier.name!r} says where earlier figures came from, and was left as it was."
        )
    if is_new or draft.added:
        draft.changed[package.workbook_part] = [serialised(package.workbook)]
    dropped = [
        entry.name
        for entry in package.worksheets
        if entry.name != ours and _write_sheet(gathered, entry, draft, notes)
    ]
    if dropped:
        notes.append(
            f"Results of formulas on {listed(dropped)} were dropped and wait for a recalculation, which spreadsheet "
            "programs do when they open the workbook; readers that do not calculate see blanks."
        )
    draft.notes = tuple(notes)
    return draft


def _write_sheet(gathered: Gathered, entry: SheetEntry, draft: Draft, notes: list[str]) -> bool:
    """Make a sheet's part anew if it changes; return whether results of formulas were dropped there."""
    if entry.name in gathered.sheets:
        _, sheet, changes = gathered.sheets[entry.name]
    else:
        xml = gathered.package.parts.unpacked(entry.part)
        if _FORMULA.search(xml) is None:
            return False
        sheet = SheetXml(xml, f"{gathered.package.file}#{entry.name}")
        changes = Changes()
    edits, dropped = without_results(sheet)
    if gathered.grown is not None:
        grown, row = gathered.grown
        cells = formulas_that_end(list(formulas_of(sheet)), entry.name == grown.name, grown, row)
        if cells:
            notes.append(
                f"Formulas on {entry.name!r} in {listed(cells)} have a range that ends at row {row} of "
                f"{grown.name!r}: the appended rows are outside it."
            )
    if not edits and not changes.cells:
        return False
    edits += edits_of(sheet, changes) + dimension_edit(sheet, changes)
    draft.changed[entry.part] = applied(sheet.xml, edits)
    draft.written[entry.name] = changes, dropped
    return bool(dropped)
