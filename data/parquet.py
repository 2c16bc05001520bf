"""Parquet files to Arrow's arrays; text that repeats stays in codes, as the file has it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from lendplan.data.bridge import release
from lendplan.data.cells import is_text, one_array
from lendplan.data.findings import Finding, InputError
from lendplan.data.separated import check_header

ROW_LABELS = re.compile(r"__index_level_\d+__")
"""What pandas calls the row labels that it keeps as a column; they are no part of the table."""

CODED = 4.0
"""Bytes a row: text that takes fewer is stored as codes into few values, and is read as such."""


def read_parquet(data: bytes, file: str, max_cells: int) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """Read a Parquet file.

    Parameters
    ----------
    data
        Its bytes.
    file
        Its name, for messages.
    max_cells
        Refuse what claims to hold more.

    Returns
    -------
    columns
        Name → Arrow array, (rows,). Arrow's types tell a missing value from NaN, which NumPy's do not.
    line
        The line each row would have as text, (rows,); the header's is 1.

    Raises
    ------
    InputError
        If it is damaged, too large, or a name is blank or repeated.
    """
    try:
        source = pa.BufferReader(data)
        stored = parquet.ParquetFile(source)
        rows = stored.metadata.num_rows
        if rows * stored.metadata.num_columns > max_cells:
            message = f"holds more than {max_cells:,} cells, the most that is read"
            raise InputError(Finding(message, file=file))
        coded = coded_columns(stored)
        if coded:
            stored = parquet.ParquetFile(pa.BufferReader(data), read_dictionary=coded)
        table = stored.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(Finding(f"is no readable Parquet file: {reason}", file=file)) from error
    names = check_header(list(table.column_names), file)
    columns: dict[str, Any] = {}
    for name in names:
        column, table = table.column(0), table.remove_column(0)  # let go of one by one, as each is copied
        if not ROW_LABELS.fullmatch(name):
            columns[name] = one_array(column)
    release()
    return columns, np.arange(2, rows + 2, dtype=np.int64)


def coded_columns(stored: Any) -> list[str]:
    """Return the columns of text that are best read as codes."""
    schema, metadata = stored.schema_arrow, stored.metadata
    if len(schema.names) != metadata.num_columns or not metadata.num_rows:  # nested columns
        return []
    size = np.zeros(metadata.num_columns)
    for group in range(metadata.num_row_groups):
        of_group = metadata.row_group(group)
        size += [of_group.column(place).total_uncompressed_size for place in range(metadata.num_columns)]
    return [
        name
        for name, kind, total in zip(schema.names, schema.types, size, strict=True)
        if is_text(kind) and total < CODED * metadata.num_rows and schema.names.count(name) == 1
    ]
