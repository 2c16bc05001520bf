"""The plan into the treasury's workbook: all is checked first, then written beside it, read back and put in place."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lendplan.data.findings import Finding, InputError
from lendplan.reports.treasury.package import Package
from lendplan.reports.treasury.placing import (
    Fingerprint,
    Placing,
    changed,
    fingerprint,
    flush,
    not_written,
    open_elsewhere,
    place,
    refuse_irregular,
    refuse_open,
    reserved,
    staged,
)
from lendplan.reports.treasury.planned import Draft, draft_of
from lendplan.reports.treasury.readback import check_filled
from lendplan.reports.treasury.target import Target, WorkbookError
from lendplan.reports.treasury.zipcopy import rewrite

_UNSAVED = "{} is open in another program: what was saved there last was filled."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Filled:
    """What was done to a workbook.

    Parameters
    ----------
    path
        The filled workbook.
    copy
        The dated copy of what stood there before; None where nothing did.
    cells
        Number of cells that were written, appended ones among them.
    appended
        Ids of the plan that the sheet lacked, in the order of their new rows.
    only_in_sheet
        Ids of the sheet that the plan lacks, in the sheet's order; left alone.
    changed
        Parts that changed or are new; every other part is byte for byte what it was.
    notes
        Sentences on what a reader should know: what did not grow, which results wait for a recalculation.
    """

    path: Path
    copy: Path | None
    cells: int
    appended: tuple[str, ...]
    only_in_sheet: tuple[str, ...]
    changed: tuple[str, ...]
    notes: tuple[str, ...]


def fill(
    target: Target,
    table: Mapping[str, Any],
    summary: Mapping[str, float | str | None],
    provenance: Mapping[str, str],
    *,
    since: Fingerprint | None = None,
    now: datetime | None = None,
    while_placing: Placing = contextlib.nullcontext,
) -> Filled:
    """Fill a workbook with a plan.

    Parameters
    ----------
    target
        Where what goes.
    table
        Column → values, each (rows,): ``enterprise`` (ids), and every column that `target.write` names. Amounts are
        in the scenario's unit, rates fractions a year; NaN and None leave a cell blank.
    summary
        Every key that `target.cells` names → number, text, or None for a blank cell.
    provenance
        What the sheet of provenance says → its value.
    since
        The workbook as it was when the caller first read it; see `placing.fingerprint`.
    now
        Names the dated copy; the present moment unless given.
    while_placing
        Entered for the moment in which files change their names.

    Returns
    -------
    Filled

    Raises
    ------
    InputError
        If the workbook is missing, hostile, damaged, encrypted or legacy.
    WorkbookError
        If it cannot be filled or written: everything that stands in the way, at once. Nothing was changed.
    """
    # A link stays a link: what it leads to is filled.
    for path in (target.final, target.workbook):
        refuse_irregular(path)
    final, source = _real(target.final), _real(target.workbook)
    _check_endings(target)
    if not final.parent.is_dir():
        message = (
            "lies in a folder that does not exist; make it first, or name another file in treasury.save_as"
        )
        raise WorkbookError(Finding(message, file=str(target.final)))
    refuse_open(final)
    with reserved(final):
        try:
            before = fingerprint(final)
            read = before if source == final else fingerprint(source)
        except OSError as error:
            raise not_written(final, error) from error
        if since is not None and read != since:
            raise changed(source)
        package = Package(source)
        package.refuse_signed()
        open_source = source != final and open_elsewhere(source) is not None
        draft = draft_of(package, target, table, summary, provenance)
        with staged(final) as staging:
            try:
                _write(package, draft, staging, source, final)
                _check(package, draft, staging)
                copy = place(staging, final, before, now or datetime.now(), while_placing)
            except OSError as error:
                raise not_written(final, error) from error
    log.info("%s: %d cells written, %d rows appended", final, draft.cells, len(draft.appended))
    return Filled(
        final,
        copy,
        draft.cells,
        draft.appended,
        draft.only_in_sheet,
        tuple(sorted({*draft.changed, *draft.added})),
        (*draft.notes, *([_UNSAVED.format(source.name)] if open_source else [])),
    )


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _check_endings(target: Target) -> None:
    """Refuse a result whose name promises another kind of workbook: Excel would not open it."""
    was, will = target.workbook.suffix.lower(), target.final.suffix.lower()
    if was != will:
        message = f"must end in {was}, as {target.workbook.name} does; macros and format are kept as they are"
        raise WorkbookError(Finding(message, file=str(target.final)))


def _write(package: Package, draft: Draft, staging: Path, source: Path, final: Path) -> None:
    with staging.open("xb") as out:
        rewrite(package.data, package.parts, draft.changed, draft.added, out)
        out.flush()
        os.fsync(out.fileno())
    with contextlib.suppress(OSError):  # some file systems know no permissions
        staging.chmod((final if final.exists() else source).stat().st_mode & 0o777)
    flush(staging)


def _check(package: Package, draft: Draft, staging: Path) -> None:
    try:
        filled = Package(staging, package.file)
    except InputError as error:
        message = "was not put in place, because what was written could not be read back; please report this"
        raise WorkbookError([Finding(message, file=package.file), *error.findings]) from error
    check_filled(package, filled, draft.changed, draft.written)
