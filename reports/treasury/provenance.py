"""The sheet that says where the figures come from: added at the workbook's end, or written again."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from lendplan.data.findings import Finding, InputError
from lendplan.reports.treasury.edits import cell_xml
from lendplan.reports.treasury.package import (
    CONTENT_TYPES,
    Package,
    SheetEntry,
    child,
    children,
    local,
    serialised,
)
from lendplan.reports.treasury.sheetxml import SheetXml, value_of
from lendplan.reports.treasury.target import WorkbookError

SHEET = "lendplan"
HEADING = "lendplan: where these figures come from"
"""First cell of the sheet, by which it is known again."""

_WORKSHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"


def provenance_parts(
    package: Package, lines: Mapping[str, str]
) -> tuple[str, dict[str, bytes], dict[str, bytes]]:
    """Return the sheet's name, the parts that change and the parts that are new; `package.workbook` changes.

    Parameters
    ----------
    package
        The workbook.
    lines
        What is said → its value, in the order in which they are shown.

    Raises
    ------
    WorkbookError
        If the workbook is protected against new sheets.
    InputError
        If it is damaged.
    """
    ours = provenance_sheet(package)
    namespace = package.workbook.tag.rpartition("}")[0].lstrip("{")
    if ours is not None:
        return ours.name, {ours.part: _sheet(namespace, lines)}, {}
    if package.structure_is_locked:
        message = (
            "is protected against new sheets; take the protection off, or leave the sheet of provenance out "
            "with provenance: false"
        )
        raise WorkbookError(Finding(message, file=package.file))
    name = _unused(SHEET, {one.name.casefold() for one in package.sheets}, " ({})")
    folder = posixpath.join(posixpath.dirname(package.workbook_part), "worksheets")
    taken = {one.casefold() for one in package.parts.entries}
    stem = _unused(posixpath.join(folder, "lendplan"), {one.removesuffix(".xml") for one in taken}, "{}")
    part = f"{stem}.xml"
    changed = {
        CONTENT_TYPES: _with_type(package, part),
        package.relations_part(package.workbook_part): _with_sheet(package, name, part),
    }
    return name, changed, {part: _sheet(namespace, lines)}


def provenance_sheet(package: Package) -> SheetEntry | None:
    """Return the sheet that an earlier fill has added; None where there is none."""
    for entry in package.worksheets:
        if entry.name.casefold().startswith(SHEET):
            sheet = SheetXml(package.parts.unpacked(entry.part), f"{package.file}#{entry.name}")
            place = sheet.position(1)
            span = None if place is None else sheet.cell(place, 1)
            if span is None:
                continue
            try:
                value = value_of(sheet.xml[span[0] : span[1]], sheet.prefix, package.shared_strings)
            except ValueError:
                continue
            if value == HEADING:
                return entry
    return None


def _unused(name: str, taken: set[str], form: str) -> str:
    number, tried = 1, name
    while tried.casefold() in taken:
        number += 1
        tried = name + form.format(number)
    return tried


def _sheet(namespace: str, lines: Mapping[str, str]) -> bytes:
    rows = [f'<row r="1">{cell_xml("", 1, 1, None, HEADING).decode()}</row>']
    for number, (key, value) in enumerate(lines.items(), start=3):
        cells = cell_xml("", number, 1, None, key) + cell_xml("", number, 2, None, value)
        rows.append(f'<row r="{number}">{cells.decode()}</row>')
    last = len(lines) + 2 if lines else 1
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<worksheet xmlns="{namespace}"><dimension ref="A1:B{last}"/>'
        '<cols><col min="1" max="1" width="32" customWidth="1"/>'
        '<col min="2" max="2" width="80" customWidth="1"/></cols>'
        f"<sheetData>{''.join(rows)}</sheetData></worksheet>"
    ).encode()


def _with_type(package: Package, part: str) -> bytes:
    root = package.xml(CONTENT_TYPES)
    item = root.makeelement(root.tag.removesuffix(local(root)) + "Override")
    item.set("PartName", f"/{part}")
    item.set("ContentType", _WORKSHEET_TYPE)
    root.append(item)
    return serialised(root)


def _with_sheet(package: Package, name: str, part: str) -> bytes:
    """List the sheet in the workbook; return the workbook's relationships with it."""
    relations = package.relations_part(package.workbook_part)
    root = package.xml(relations)
    sheets = child(package.workbook, "sheets")
    listed = [] if sheets is None else list(children(sheets, "sheet"))
    related = list(children(root, "Relationship"))
    kinds = [one.get("Type", "") for one in related if one.get("Type", "").endswith("/worksheet")]
    keys = [key for one in listed for key in one.attrib if key.endswith("}id")]
    if sheets is None or not kinds or not keys:
        raise InputError(Finding("is damaged: it does not say where its sheets are", file=package.file))
    taken = {one.get("Id", "") for one in related}
    new_id = _unused("rIdLendplan", {one.casefold() for one in taken}, "{}")
    item = root.makeelement(root.tag.removesuffix(local(root)) + "Relationship")
    item.set("Id", new_id)
    item.set("Type", kinds[0])
    item.set("Target", f"/{part}")
    root.append(item)
    numbers = [one.get("sheetId", "") for one in listed]
    entry = sheets.makeelement(listed[-1].tag)
    entry.set("name", name)
    entry.set("sheetId", str(max((int(one) for one in numbers if one.isdecimal()), default=0) + 1))
    entry.set(keys[0], new_id)
    sheets.append(entry)
    return serialised(root)
