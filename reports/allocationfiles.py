"""The allocations as files, written block by block, so that a million sentences never stand in memory together."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lendplan.data.bridge import arrow_numbers, release
from lendplan.data.coltable import ColumnTable
from lendplan.data.texts import Texts
from lendplan.models.applicants import Applicants
from lendplan.reports.reasons import Reasons
from lendplan.reports.tables import ALLOCATION_COLUMNS

BLOCK = 1 << 16
"""Rows that are written together."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one
NAMES = ("allocations.csv", "allocations.parquet")


def with_reasons(rows: ColumnTable, applicants: Applicants, reasons: Reasons, part: slice) -> ColumnTable:
    """Return a part of the allocations with their reasons.

    Parameters
    ----------
    rows : the allocations without reasons, in the book's order
    applicants : who is eligible, and why the others are not
    reasons : of the eligible
    part : rows of the book
    """
    start, stop, _ = part.indices(rows.rows)
    first, last = np.searchsorted(applicants.row, (start, stop)).tolist()
    eligible = applicants.row[first:last] - start
    columns = {
        name: column.take(part) if isinstance(column, Texts) else column[part]
        for name, column in rows.columns.items()
    }
    reason = applicants.reason.take(part).overlaid(eligible, reasons.of(slice(first, last)))
    return ColumnTable({**columns, "reason": reason}, stop - start)


def write_allocations(folder: Path, rows: ColumnTable, applicants: Applicants, reasons: Reasons) -> None:
    """Write ``allocations.csv`` and ``allocations.parquet``; as `with_reasons` takes its arguments.

    Reasons that a spreadsheet would take for a formula begin with an apostrophe in the CSV, and there alone.

    Raises
    ------
    OSError
        Where they cannot be written.
    """
    with AllocationFiles(folder) as files:
        for start in range(0, rows.rows, BLOCK):
            part = slice(start, min(start + BLOCK, rows.rows))
            files.add(encoded(with_reasons(rows, applicants, reasons, part)))
            release()


def write_parquet(path: Path, rows: ColumnTable, applicants: Applicants, reasons: Reasons) -> None:
    """Write ``allocations.parquet`` alone; as `with_reasons` takes its arguments.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    from pyarrow import parquet

    with path.open("wb") as file, parquet.ParquetWriter(file, _schema()) as writer:
        for start in range(0, rows.rows, BLOCK):
            part = slice(start, min(start + BLOCK, rows.rows))
            writer.write_table(_arrow(with_reasons(rows, applicants, reasons, part)))
            release()


@dataclass(frozen=True)
class Encoded:
    """Some rows of the allocations as both files have them."""

    text: bytes  # lines of the CSV
    table: Any  # an Arrow table


def encoded(block: ColumnTable) -> Encoded:
    """Encode a part of the allocations with its reasons."""
    from lendplan.data import csvwriting

    columns = {**block.columns, "reason": guarded(block.texts("reason"))}
    text = csvwriting.rows(list(columns.values()))
    return Encoded(text, _arrow(block))


def _arrow(block: ColumnTable) -> Any:
    """Return rows of the allocations as an Arrow table."""
    import pyarrow as pa

    arrays = [
        column.arrow() if isinstance(column, Texts) else arrow_numbers(column, nan_is_null=True)
        for column in block.columns.values()
    ]
    return pa.Table.from_arrays(arrays, schema=_schema())


def _schema() -> Any:
    import pyarrow as pa

    texts = ("enterprise", "grade", "decision", "reason")
    kinds = [pa.large_string() if name in texts else pa.float64() for name in ALLOCATION_COLUMNS]
    return pa.schema(list(zip(ALLOCATION_COLUMNS, kinds, strict=True)))


class AllocationFiles:
    """Both files while they are written, in the book's order, some rows at a time.

    Parameters
    ----------
    folder : where they are made
    """

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / name for name in NAMES]
        self._stack = contextlib.ExitStack()
        self._waiting: list[Any] = []

    def __enter__(self) -> AllocationFiles:
        from pyarrow import parquet

        from lendplan.data import csvwriting

        with contextlib.ExitStack() as stack:
            self._text, binary = (stack.enter_context(path.open("wb")) for path in self._paths)
            self._writer = stack.enter_context(parquet.ParquetWriter(binary, _schema()))
            self._text.write(csvwriting.header(ALLOCATION_COLUMNS))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._stack:
            if kind is None and self._waiting:
                self._write(self._joined())

    def add(self, rows: Encoded) -> None:
        """Write the next rows; the Parquet file gets them in groups of ``BLOCK``, whatever comes together."""
        self._text.write(rows.text)
        self._waiting.append(rows.table)
        if sum(one.num_rows for one in self._waiting) >= BLOCK:
            table = self._joined()
            whole = table.num_rows - table.num_rows % BLOCK
            for start in range(0, whole, BLOCK):
                self._write(table.slice(start, BLOCK))
            self._waiting = [table.slice(whole)] if whole < table.num_rows else []

    def _joined(self) -> Any:
        import pyarrow as pa

        return pa.concat_tables(self._waiting)

    def _write(self, table: Any) -> None:
        self._writer.write_table(table.combine_chunks())


def guarded(texts: Texts) -> Texts:
    """Keep free text from being read as a formula by a spreadsheet."""
    at_risk = np.flatnonzero(texts.starts_with(_FORMULA))
    return (
        texts.overlaid(at_risk, texts.take(at_risk).mapped(lambda text: f"'{text}"))
        if at_risk.size
        else texts
    )
