"""A new workbook for those who have no template: allocations, totals that tie out, shadow prices, the frontier."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lendplan.data.findings import Finding, InputError, shown
from lendplan.data.texts import Texts
from lendplan.reports.tables import LimitState
from lendplan.reports.treasury.celltext import MAX_TEXT
from lendplan.reports.treasury.newsheets import ALLOCATIONS, PROVENANCE, Points, Ranges, Sheets, column_of
from lendplan.reports.treasury.placing import (
    Placing,
    fingerprint,
    flush,
    not_written,
    place,
    refuse_irregular,
    refuse_open,
    reserved,
    staged,
)
from lendplan.reports.treasury.references import MAX_ROW
from lendplan.reports.treasury.target import WorkbookError

OTHER_NAME = "another file"
"""What an error of the disk tells to name instead."""


def write_new(
    path: Path,
    table: Mapping[str, Any],
    summary: Mapping[str, float | str | None],
    limits: Sequence[LimitState],
    *,
    price_ranges: Ranges | None = None,
    points: Sequence[Points] = (),
    money: str = "",
    provenance: Mapping[str, str] | None = None,
    now: datetime | None = None,
    while_placing: Placing = contextlib.nullcontext,
    note: Callable[[str], None] = lambda _: None,
) -> Path | None:
    """Write a workbook of its own for a plan.

    Parameters
    ----------
    path
        Where it goes; ends in .xlsx. What stands there is kept as a dated copy.
    table
        Column → values, each (rows,), in the scenario's unit; ``enterprise`` first. ``grade`` gives totals by grade.
    summary
        Keys of summary.json → value; those of the table's summed columns are tied out against live formulas.
    limits
        The budget and each limit, with its shadow price.
    price_ranges
        Limit → the ends between which its price holds.
    points
        The sweep or the frontier that the plan is compared with, or both: a sheet each, with native charts.
    money
        The unit of amounts, such as ``CNY × 10,000``.
    provenance
        What a last sheet says → its value.
    now
        Names the dated copy; the present moment unless given.
    while_placing
        Entered for the moment in which files change their names.
    note
        Called with each sentence that a reader should know: which texts were cut to what a cell holds.

    Returns
    -------
    Path
        The dated copy of what stood there; None where nothing did.

    Raises
    ------
    InputError
        If XlsxWriter is not installed.
    WorkbookError
        If the plan has more rows than a sheet or an id that no cell holds, or the file cannot be written.
    """
    final = check_place(path)
    columns = {name: column_of(values) for name, values in table.items()}
    check_rows(path, len(next(iter(columns.values()), ())))
    _check_ids(path, columns.get("enterprise"))
    writer = _writer()
    with reserved(final, OTHER_NAME), staged(final) as staging:
        try:
            before = fingerprint(final)
            # Row by row: the rows of a large plan are not all held in memory.
            options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
            with writer.Workbook(str(staging), options) as book:
                sheets = Sheets(book, money)
                sheets.table(ALLOCATIONS, columns)
                found = sheets.totals(columns, summary)
                sheets.limits(limits, price_ranges or {})
                for one in points:
                    sheets.points(one, found)
                if provenance is not None:
                    said = {"what": list(provenance), "value": list(provenance.values())}
                    sheets.table(PROVENANCE, said)
            flush(staging)
            copy = place(staging, final, before, now or datetime.now(), while_placing)
            for (sheet, column), count in sheets.cut.items():
                cells = f"{count:,} cells of {column!r} are" if count > 1 else f"a cell of {column!r} is"
                note(
                    f"note: sheet {sheet!r}: {cells} cut to {MAX_TEXT:,} characters, the most that a cell holds"
                )
            return copy
        except OSError as error:
            raise not_written(final, error, OTHER_NAME) from error
        except writer.exceptions.XlsxFileError as error:
            cause = (
                error.args[0] if error.args and isinstance(error.args[0], OSError) else OSError(str(error))
            )
            raise not_written(final, cause, OTHER_NAME) from error


def check_place(path: Path) -> Path:
    """Return where a new workbook goes, links followed; refuse a place at which none can stand.

    Raises
    ------
    WorkbookError
        If the name ends otherwise than in .xlsx, a folder stands there or none above it, or it is open elsewhere.
    InputError
        If XlsxWriter is not installed.
    """
    refuse_irregular(path, OTHER_NAME)
    final = Path(os.path.realpath(path))
    if final.suffix.lower() != ".xlsx":
        raise WorkbookError(Finding("a new workbook must end in .xlsx", file=str(path)))
    if not final.parent.is_dir():
        message = "lies in a folder that does not exist; make it first, or name another file"
        raise WorkbookError(Finding(message, file=str(path)))
    _writer()
    refuse_open(final)
    return final


def check_rows(path: Path, rows: int) -> None:
    """Refuse a plan that no sheet has room for.

    Raises
    ------
    WorkbookError
    """
    if rows + 1 > MAX_ROW:
        message = f"a sheet has {MAX_ROW:,} rows, and the plan has {rows:,}; use allocations.parquet"
        raise WorkbookError(Finding(message, file=str(path)))


def _check_ids(path: Path, ids: Any) -> None:
    """Refuse ids that no cell holds: cut, two might be one."""
    for row, one in enumerate(ids.tolist() if isinstance(ids, Texts) else (), start=2):
        if len(one) > MAX_TEXT:
            message = (
                f"the id {shown(one)} in row {row:,} of the plan has {len(one):,} characters; a cell holds "
                f"{MAX_TEXT:,}. Shorten it, or use allocations.parquet"
            )
            raise WorkbookError(Finding(message, file=str(path)))


def _writer() -> Any:
    try:
        import xlsxwriter
    except ImportError as error:
        message = "a new workbook takes XlsxWriter; install it with: pip install 'lendplan[treasury]'"
        raise InputError(Finding(message)) from error
    return xlsxwriter
