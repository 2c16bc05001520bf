"""The check of a table against its contract: every cell typed, every problem found at once."""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.cells import Cells, RawColumn, ids_of, texts_of
from lendplan.data.coltable import ColumnTable
from lendplan.data.columns import ALLOCATIONS, CHURN, ENTERPRISES, RATINGS, Column, Contract
from lendplan.data.dates import dates_of
from lendplan.data.findings import Finding, InputError, did_you_mean, listed, shown
from lendplan.data.numbers import numbers_of
from lendplan.data.tables import RawTable
from lendplan.data.texts import Texts

__all__ = ["ALLOCATIONS", "CHURN", "ENTERPRISES", "NO_COLUMNS", "RATINGS", "Column", "Contract", "conform"]

log = logging.getLogger(__name__)

NO_COLUMNS: Mapping[str, str] = MappingProxyType({})


def conform(raw: RawTable, contract: Contract, columns: Mapping[str, str] = NO_COLUMNS) -> ColumnTable:
    """Type a table by its contract, and check every cell.

    Parameters
    ----------
    raw
        The table as it was read.
    contract
        What it should hold.
    columns
        Our column name → theirs. Where theirs is not in the table, our own name is looked for.

    Returns
    -------
    ColumnTable
        Every column of the contract in its order, then the further ones in theirs. Rows stand as in `raw`.

    Raises
    ------
    InputError
        With every problem at once, each with its line and column.
    """
    file = raw.name
    findings: list[Finding] = []
    ours = _our_names(raw, columns, findings)
    _check_presence(raw, contract, columns, ours, findings)
    if not raw.rows and not contract.may_be_empty:
        findings.append(Finding("has a header, but no row below it", file=file))
    by_name = {column.name: column for column in contract.columns}
    read: dict[str, Texts | NDArray[np.float64]] = {}
    for theirs, cells_of_theirs in raw.columns.items():
        name = ours[theirs]
        if name in read:  # named twice: already a finding
            continue
        column = by_name.get(name, contract.extra)
        cells = _read(cells_of_theirs, column)
        read[name] = cells.values
        if column is contract.extra and not column.is_numeric:
            _log_overlooked(cells, theirs, raw)  # nobody may ever ask for this column
        else:
            findings += _column_findings(cells, column, theirs, raw)
        _log_changes(cells, theirs, raw)
    if findings:
        raise InputError(sorted(findings, key=lambda finding: finding.line or 0))
    ordered = {
        name: read.pop(name) if name in read else _blank(column, raw.rows) for name, column in by_name.items()
    }
    return ColumnTable(ordered | read, raw.rows)


def _our_names(raw: RawTable, columns: Mapping[str, str], findings: list[Finding]) -> dict[str, str]:
    """Return their column name → ours, for each column of the table."""
    ours = {theirs: theirs for theirs in raw.columns}
    taken: dict[str, str] = {}
    for name, theirs in columns.items():
        if theirs not in ours:
            continue
        if theirs in taken:
            message = f"is named both {taken[theirs]!r} and {name!r} in `columns`; a column has one meaning"
            findings.append(Finding(message, file=raw.name, line=1, key=theirs))
        elif name != theirs and name in ours and name not in columns.values():
            message = (
                f"is called {theirs!r} by `columns`, but a column {name!r} is there too; rename or delete one"
            )
            findings.append(Finding(message, file=raw.name, line=1, key=name))
        else:
            taken[theirs] = ours[theirs] = name
    return ours


def _check_presence(
    raw: RawTable,
    contract: Contract,
    columns: Mapping[str, str],
    ours: Mapping[str, str],
    findings: list[Finding],
) -> None:
    present = set(ours.values())
    free = [theirs for theirs, name in ours.items() if name not in contract]

    def told(name: str) -> str:
        theirs = columns.get(name)
        return f"{name!r}" if theirs is None else f"{theirs!r} (our {name!r})"

    def hint(name: str) -> str:
        near = did_you_mean(columns.get(name, name), free) or did_you_mean(name, free)
        return near or "; name it under `columns` where it is called otherwise"

    for column in contract.columns:
        if column.required and column.name not in present:
            message = (
                f"column {told(column.name)} is missing{hint(column.name)} (it has {listed(list(ours), 12)})"
            )
            findings.append(Finding(message, file=raw.name, line=1))
    for name in free:
        meant = [known.name for known in contract.columns if _plain(known.name) == _plain(name)]
        if meant:
            log.warning(
                "%s: column %r is read as a further column; if %r is meant, rename it or name it under `columns`",
                raw.name,
                name,
                meant[0],
            )
    for group in contract.any_of:
        if present.isdisjoint(group):
            message = f"needs a column {' or '.join(map(told, group))}{hint(group[0])}"
            findings.append(Finding(message, file=raw.name, line=1))


def _plain(name: str) -> str:
    """Return a header without what a slip changes: case, blanks, hyphens and underscores."""
    return "".join(letter for letter in name.casefold() if letter not in " -_")


def _read(cells: RawColumn, column: Column) -> Cells[Texts] | Cells[NDArray[np.float64]]:
    if column.kind == "date":
        return dates_of(cells)
    if column.is_numeric:
        return numbers_of(cells, is_share=column.kind == "fraction")
    if column.kind in ("id", "code"):
        return ids_of(cells, may_be_blank=column.kind == "code")
    return texts_of(cells)


def _blank(column: Column, rows: int) -> Texts | NDArray[np.float64]:
    # One number seen as many: a column that nobody brought takes no room.
    return np.broadcast_to(np.float64(np.nan), (rows,)) if column.is_numeric else Texts.repeated("", rows)


def _column_findings(
    cells: Cells[Texts] | Cells[NDArray[np.float64]], column: Column, key: str, raw: RawTable
) -> list[Finding]:
    faults = list(cells.faults)
    at_fault = {row for row, _ in faults}
    values = cells.values
    if not isinstance(values, Texts):
        faults += _range_faults(values, column)
        blank = np.isnan(values)
        if cells.unread is not None:
            blank &= ~cells.unread
    else:
        if column.kind == "id":
            faults += _repeated(values, raw)
        elif column.kind == "choice":
            faults += _unknown_choices(values, column)
        blank = values.equals("") if column.filled else np.zeros(0, dtype=bool)
    if column.filled and column.kind != "id" and None not in at_fault:
        faults += [
            (int(row), "is blank; a value is needed")
            for row in np.flatnonzero(blank)
            if int(row) not in at_fault
        ]
    return [
        Finding(message, file=raw.name, line=1 if row is None else int(raw.line[row]), key=key)
        for row, message in faults
    ]


def _unknown_choices(values: Texts, column: Column) -> list[tuple[int | None, str]]:
    return [
        (
            int(row),
            f"{shown(values[row])} is none of {column.range}{did_you_mean(values[row], column.choices)}",
        )
        for row in np.flatnonzero(~values.isin([*column.choices, ""]))
    ]


def _range_faults(values: NDArray[np.float64], column: Column) -> list[tuple[int | None, str]]:
    faults: list[tuple[int | None, str]] = []
    with np.errstate(invalid="ignore"):
        if column.low is not None:
            faults += [
                (int(row), f"{values[row]:g} is below {column.low:g}")
                for row in np.flatnonzero(values < column.low)
            ]
        if column.above is not None:
            faults += [
                (int(row), f"{values[row]:g} is not above {column.above:g}; leave it blank for none")
                for row in np.flatnonzero(values <= column.above)
            ]
        if column.high is not None:
            faults += [
                (
                    int(row),
                    f"{values[row]:.12g} is above {column.high:g}{_likely_fraction(values[row], column)}",
                )
                for row in np.flatnonzero(values > column.high)
            ]
    return faults


def _likely_fraction(value: float, column: Column) -> str:
    """Return what a number above 1 most likely stands for, as a question."""
    if column.kind != "fraction" or value > 10_000:
        return ""
    written = f"{value:.12g}%" if value <= 100 else f"{value:.12g}bp"
    return f"; did you mean {written} or {value / (100 if value <= 100 else 10_000):.12g}?"


def _repeated(ids: Texts, raw: RawTable) -> list[tuple[int | None, str]]:
    again = ids.repeats()
    if not again.size:
        return []
    wanted = ids.take(again)
    first = wanted.positions_in(ids)
    return [
        (int(row), f"{shown(text)} stands in line {raw.line[before]} already; ids are unique")
        for row, text, before in zip(again, wanted, first, strict=True)
    ]


def _log_changes(cells: Cells[Any], key: str, raw: RawTable) -> None:
    if cells.changed:
        row, before, after = cells.changed[0]
        log.info(
            "%s: %s: %s cells normalised, the first in line %s: %r read as %r",
            raw.name,
            key,
            f"{len(cells.changed):,}",
            raw.line[row],
            before,
            after,
        )


def _log_overlooked(cells: Cells[Any], key: str, raw: RawTable) -> None:
    if cells.faults:
        row, message = cells.faults[0]
        line = 1 if row is None else raw.line[row]
        log.warning(
            "%s:%s: %s: %s (%s in this column)", raw.name, line, key, message, f"{len(cells.faults):,}"
        )
