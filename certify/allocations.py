"""The allocations of a plan, as they stand in its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import numpy_of
from lendplan.data.cells import texts_of
from lendplan.data.findings import Finding, InputError
from lendplan.data.numbers import plain_numbers
from lendplan.data.tables import RawTable, read_table
from lendplan.data.texts import Texts

TEXTS = ("enterprise", "grade", "decision", "reason")
NUMBERS = ("rate", "line", "exposure", "interest", "revenue", "risk", "value")
HEADER = ("enterprise", "grade", "decision", *NUMBERS, "reason")


@dataclass(frozen=True)
class Allocations:
    """A table of allocations as it stands in a file.

    Parameters
    ----------
    header
        Its columns.
    columns
        Of `HEADER` those that are there: text, '' for blank; numbers as float64, NaN for blank and for what is no
        finite number, (rows,).
    wrong_type
        Columns that hold another type than they should (Parquet only).
    encoding
        Of a text file, else None.
    """

    header: tuple[str, ...]
    columns: Mapping[str, Texts | NDArray[np.float64]]
    wrong_type: tuple[str, ...]
    encoding: str | None

    def texts(self, name: str) -> Texts:
        """Return a column of text."""
        column = self.columns[name]
        assert isinstance(column, Texts)
        return column

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers, (rows,)."""
        column = self.columns[name]
        assert not isinstance(column, Texts)
        return column

    @property
    def rows(self) -> int:
        """Number of rows."""
        return max((len(column) for column in self.columns.values()), default=0)


def same_as(table: Allocations, parquet: Allocations) -> tuple[bool, str]:
    """Compare allocations.parquet with allocations.csv, value by value and to the last bit; say where they differ."""
    if parquet.header != table.header:
        return False, f"columns differ: {', '.join(parquet.header)}"
    faults = [f"{name} has another type" for name in parquet.wrong_type]
    if table.rows != parquet.rows:
        faults.append(f"{parquet.rows:,} rows, where allocations.csv has {table.rows:,}")
        return False, "; ".join(faults)
    for name in table.columns:
        ours, theirs = table.columns[name], parquet.columns[name]
        bad = np.flatnonzero(_unequal(ours, theirs))
        if name == "reason":
            # Text that a spreadsheet would take for a formula is guarded by an apostrophe in the CSV.
            bad = np.array([row for row in bad.tolist() if ours[row] != f"'{theirs[row]}"], dtype=np.int64)
        if bad.size:
            row = int(bad[0])
            who = table.columns["enterprise"][row] if "enterprise" in table.columns else f"row {row + 1}"
            in_parquet, in_csv = (_plain(one[row]) for one in (theirs, ours))
            faults.append(
                f"{name} of {who!r} is {in_parquet!r}, in allocations.csv {in_csv!r} ({bad.size:,} rows differ)"
            )
    return not faults, "; ".join(faults) or f"{table.rows:,} rows are equal"


def _unequal(one: Texts | NDArray[np.float64], other: Texts | NDArray[np.float64]) -> NDArray[np.bool_]:
    if isinstance(one, Texts) and isinstance(other, Texts):
        return one.differs(other)
    if isinstance(one, Texts) or isinstance(other, Texts):
        return np.ones(len(one), dtype=bool)
    return np.asarray(~((one == other) | (np.isnan(one) & np.isnan(other))))


def _plain(value: str | np.float64) -> str | float:
    return value if isinstance(value, str) else float(value)


def read_allocations(path: Path) -> Allocations:
    """Read allocations.csv or allocations.parquet.

    Raises
    ------
    InputError
        If the file is missing or damaged, or a cell of a number column is no number; NaN and inf are kept as NaN, so
        that the check that meets them can name them.
    """
    return allocations_in(read_table(path, NUMBERS))


def allocations_in(raw: RawTable) -> Allocations:
    """Return allocations as they stand in a table that was read, or in a part of one; as `read_allocations` raises."""
    path = raw.path
    columns: dict[str, Texts | NDArray[np.float64]] = {}
    wrong: list[str] = []
    for name in HEADER:
        if name not in raw.columns:
            continue
        column = raw.columns[name]
        is_arrow = not isinstance(column, np.ndarray)
        if name in TEXTS:
            if is_arrow and not _holds_text(column):
                wrong.append(name)
            columns[name] = texts_of(column).values
        elif is_arrow and str(column.type) in ("double", "large_string", "null"):
            if path.suffix != ".csv" and str(column.type) == "large_string":
                wrong.append(name)
            columns[name] = _numbers(column, raw, name)
        else:
            if path.suffix != ".csv":
                wrong.append(name)
            columns[name] = _floats(raw.cells(name), raw, name)
    return Allocations(tuple(raw.columns), columns, tuple(wrong), raw.encoding)


def _holds_text(column: Any) -> bool:
    kind = str(column.type)
    return "string" in kind or kind == "null"


def _numbers(column: Any, raw: RawTable, name: str) -> NDArray[np.float64]:
    """Return an Arrow array as numbers."""
    if str(column.type) == "large_string":
        plain = plain_numbers(column)
        return _floats(raw.cells(name), raw, name) if plain is None else plain
    if str(column.type) == "null":
        return np.full(len(column), np.nan)
    values = numpy_of(column)
    return np.where(np.isfinite(values), values, np.nan)


def _floats(cells: NDArray[np.object_], raw: RawTable, name: str) -> NDArray[np.float64]:
    values = np.full(len(cells), np.nan)
    filled = np.array([cell is not None and cell != "" for cell in cells.tolist()], dtype=bool)
    try:
        values[filled] = cells[filled].astype(np.float64)
    except (ValueError, TypeError):
        raise InputError(_no_numbers(cells, raw, name)) from None
    return np.where(np.isfinite(values), values, np.nan)


def _no_numbers(cells: NDArray[np.object_], raw: RawTable, name: str) -> list[Finding]:
    findings = []
    for row, cell in enumerate(cells.tolist()):
        if cell is None or cell == "":
            continue
        try:
            float(cell)
        except (ValueError, TypeError):
            findings.append(
                Finding(f"{cell!r} is no number", file=raw.name, line=int(raw.line[row]), key=name)
            )
    return findings
