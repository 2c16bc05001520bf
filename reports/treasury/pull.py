"""Lines and rates that people changed in the workbook, read back out of it."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from lendplan.data.findings import Finding, InputError, listed, shown
from lendplan.data.numbers import parse_number
from lendplan.reports.treasury.locate import Rows, find_rows, find_sheet, finding, named
from lendplan.reports.treasury.package import Package
from lendplan.reports.treasury.sheetxml import SheetXml, value_of
from lendplan.reports.treasury.target import Target

log = logging.getLogger(__name__)

LINE, RATE = "line", "rate"


@dataclass(frozen=True)
class Pulled:
    """What stands in the workbook, one item a row of the sheet.

    Parameters
    ----------
    path
        The workbook.
    enterprise
        Ids.
    line
        Credit lines, in the scenario's unit; 0 where the cell is blank.
    rate
        Annual rates, fractions; NaN where the cell is blank.
    row
        Rows of the sheet.
    unknown
        Ids of the sheet that are none of those asked for; their rows are left out.
    """

    path: Path
    enterprise: list[str]
    line: list[float]
    rate: list[float]
    row: list[int]
    unknown: tuple[str, ...]


def pull(target: Target, ids: Collection[str] | None = None) -> Pulled:
    """Read lines and rates out of the filled workbook.

    Parameters
    ----------
    target
        Where they stand; `target.write` must name headers for ``line`` and ``rate``. The file is `target.save_as`,
        or `target.workbook` where there is none.
    ids
        Enterprises to read. Rows of others, of totals for example, are left out; all rows are read unless given.

    Returns
    -------
    Pulled

    Raises
    ------
    InputError
        If the workbook cannot be read, a header is missing, an id is repeated, or a cell holds no line or rate:
        all of them at once, with sheet and cell.
    """
    findings: list[Finding] = []
    headers = {name: header for header, name in target.write.items() if name in (LINE, RATE)}
    findings += [
        Finding(
            f"names no header for {name!r}; add one, as in write: {{Header: {name}}}", key="treasury.write"
        )
        for name in (LINE, RATE)
        if name not in headers
    ]
    if findings:
        raise InputError(findings)
    path = Path(os.path.realpath(target.final))
    package = Package(path)

    def fault(message: str) -> None:
        findings.append(finding(package, target.sheet, message))

    entry = find_sheet(package, target.sheet, lambda message: findings.append(finding(package, "", message)))
    if entry is None:
        raise InputError(findings)
    sheet = SheetXml(package.parts.unpacked(entry.part), f"{package.file}#{entry.name}")
    rows = find_rows(package, entry, sheet, target, fault)
    if rows is None:
        raise InputError(findings)
    known = None if ids is None else set(ids)
    _check_ids(rows, known, fault)
    pulled = Pulled(
        path, [], [], [], [], tuple(one for one in rows.by_id if known is not None and one not in known)
    )
    for one, row in rows.by_id.items():
        if known is not None and one not in known:
            continue
        line = _number(package, sheet, (row, rows.columns[headers[LINE]]), target, LINE, fault)
        rate = _number(package, sheet, (row, rows.columns[headers[RATE]]), target, RATE, fault)
        if math.isnan(rate) and line > 0:
            cell = named((row, rows.columns[headers[RATE]]))
            fault(f"cell {cell} is blank, and {one} has a line of {line:g}; give its annual rate")
        pulled.enterprise.append(one)
        pulled.line.append(0.0 if math.isnan(line) else line)
        pulled.rate.append(rate)
        pulled.row.append(row)
    if findings:
        raise InputError(findings)
    if pulled.unknown:
        log.info("%s: %d rows of %s are none of the book's", path, len(pulled.unknown), entry.name)
    return pulled


def _check_ids(rows: Rows, known: Collection[str] | None, fault: Callable[[str], None]) -> None:
    for number, message in rows.unread.items():
        fault(f"cell {named((number, rows.key))} {message}")
    for one, places in rows.repeated.items():
        if known is None or one in known:
            cells = listed([named((row, rows.key)) for row in places])
            fault(f"id {one!r} stands in {cells}; keep one of these rows")


def _number(
    package: Package,
    sheet: SheetXml,
    place: tuple[int, int],
    target: Target,
    name: str,
    fault: Callable[[str], None],
) -> float:
    """Return a line or a rate in the scenario's unit; NaN where the cell is blank or at fault."""
    row = sheet.position(place[0])
    span = None if row is None else sheet.cell(row, place[1])
    try:
        value = None
        if span is not None:
            value = value_of(sheet.xml[span[0] : span[1]], sheet.prefix, package.shared_strings)
    except ValueError as error:
        fault(f"cell {named(place)} {error}")
        return math.nan
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    number = _as_number(value, is_share=name == RATE)
    said = shown(value) if isinstance(value, str) else f"{value:g}"
    if isinstance(number, str):
        fault(f"cell {named(place)}: {number}")
        return math.nan
    if number < 0:
        fault(f"cell {named(place)} holds {said}; a {name} is never negative")
        return math.nan
    if name == RATE and number > 1:
        fault(
            f"cell {named(place)} holds {said}; an annual rate is a fraction: did you mean {number / 100:g}?"
        )
        return math.nan
    return target.back(name, number)


def _as_number(value: str | float | bool, *, is_share: bool) -> float | str:
    if isinstance(value, bool):
        return f"holds {'TRUE' if value else 'FALSE'}, and a number is wanted"
    return parse_number(value, is_share=is_share) if isinstance(value, str) else value
