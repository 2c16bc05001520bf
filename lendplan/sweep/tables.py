"""One tidy table of many plans: a row a point, as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lendplan.data.bridge import arrow_numbers, arrow_texts

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one
_ENDS = ("from", "to")  # of a range
_LEFT_OUT = ("conflict", "error")

Cell = str | float | int | bool | None
Rows = Sequence[Mapping[str, Cell]]


def flat(summary: Mapping[str, Any]) -> dict[str, Cell]:
    """Return the keys of summary.json as columns: nested ones joined by a dot, a list of names by ``; ``.

    The two ends of a range get ``.from`` and ``.to``. The conflict of an infeasible point is left out: ``error`` says
    it in words.
    """
    row: dict[str, Cell] = {}

    def put(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, below in value.items():
                put(f"{name}.{key}" if name else str(key), below)
        elif isinstance(value, list) and name.startswith("shadow_price_ranges."):
            for end, one in zip(_ENDS, value, strict=True):
                row[f"{name}.{end}"] = one
        elif isinstance(value, list):
            row[name] = "; ".join(map(str, value))
        else:
            row[name] = value

    put("", {key: value for key, value in summary.items() if key not in _LEFT_OUT})
    return row


def cell_of(value: object) -> Cell:
    """Return a swept value as a cell: lists and mappings as JSON."""
    if value is None or isinstance(value, str | float | int | bool):
        return value
    return json.dumps(value, ensure_ascii=False)


def in_columns(rows: Rows) -> dict[str, list[Cell]]:
    """Return the rows as columns; a column stands where the first row that has it has it."""
    names: list[str] = []
    for row in rows:
        at = 0
        for name in row:
            if name in names:
                at = names.index(name) + 1
            else:
                names.insert(at, name)
                at += 1
    return {name: [row.get(name) for row in rows] for name in names}


def csv_of(columns: Mapping[str, Sequence[Cell]]) -> bytes:
    """Return a table as CSV: UTF-8, numbers to the last bit, nothing where there is none.

    Text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_written(cell) for cell in row])
    return text.getvalue().encode("utf-8")


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    return repr(cell)


def parquet_of(columns: Mapping[str, Sequence[Cell]]) -> bytes:
    """Return a table as Parquet: truth values, numbers as float64, all else as text."""
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_arrays([_array(cells) for cells in columns.values()], names=list(columns))
    target = io.BytesIO()
    parquet.write_table(table, target)
    return target.getvalue()


def _array(cells: Sequence[Cell]) -> Any:
    filled = [cell for cell in cells if cell is not None]
    if filled and all(isinstance(cell, bool) for cell in filled):
        return _nullable(arrow_numbers(np.array([bool(cell) for cell in cells])), cells)
    if filled and not any(isinstance(cell, str | bool) for cell in filled):
        return _nullable(arrow_numbers(np.array([float(cell or 0) for cell in cells])), cells)
    return _nullable(arrow_texts(["" if cell is None else plain(cell) for cell in cells]), cells)


def _nullable(array: Any, cells: Sequence[Cell]) -> Any:
    """Return the array with nothing where the cell has nothing."""
    import pyarrow as pa

    known = np.packbits([cell is not None for cell in cells], bitorder="little")
    return pa.Array.from_buffers(array.type, len(cells), [pa.py_buffer(known), *array.buffers()[1:]])


def plain(cell: Cell) -> str:
    """Return a cell as a column of text in Parquet holds it."""
    return cell if isinstance(cell, str) else _written(cell)
