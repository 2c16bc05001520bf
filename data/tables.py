"""One reader for every kind of table: comma-separated text, Parquet, workbooks, data frames."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.archives import COMPOUND_FILE
from lendplan.data.cells import RawColumn, cells_of, one_array, texts_of
from lendplan.data.findings import Finding, InputError
from lendplan.data.separated import check_header, parse_separated
from lendplan.data.sources import InputRecord, read_bytes, utf8_of
from lendplan.data.texts import strings

if TYPE_CHECKING:
    import pandas as pd

WITH_SHEET = re.compile(r"(?P<path>.+\.xls[xm])#(?P<sheet>.+)", re.IGNORECASE | re.DOTALL)

MAX_CELLS = 1_000_000_000
"""Most cells of a Parquet file; few bytes can claim a great many."""
DISGUISES = {
    b"PK\x03\x04": "an .xlsx workbook",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip archive",
    COMPOUND_FILE: "a legacy or encrypted workbook",
}
"""First bytes of other kinds of files that get called .csv."""


@dataclass(frozen=True)
class RawTable:
    """A table as it was read, before any contract.

    Parameters
    ----------
    path
        The file as it was named; the table's name where it came as a data frame.
    sheet
        The workbook's sheet, else None.
    sha256
        Of the file's bytes; of the content where the table came as a data frame.
    encoding
        Of a text file, else None.
    columns
        Name → column, (rows,): Arrow's arrays from Parquet, from large text files and from data frames, else cells:
        text from text files, what it is from workbooks; None is missing.
    line
        File's line or sheet's row of each row, (rows,); the header is 1.
    """

    path: Path
    sheet: str | None
    sha256: str
    encoding: str | None
    columns: Mapping[str, RawColumn]
    line: NDArray[np.int64]

    @property
    def name(self) -> str:
        """The table as the user would name it, for messages."""
        return str(self.path) if self.sheet is None else f"{self.path}#{self.sheet}"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.line)

    def cells(self, name: str) -> NDArray[np.object_]:
        """Return a column's cells as Python objects, None for what is missing, (rows,)."""
        return cells_of(self.columns[name])

    def without_cells(self) -> RawTable:
        """Return what is known of the table, and nothing of what stood in it."""
        return replace(self, columns={}, line=np.empty(0, dtype=np.int64))

    def record(self, role: str) -> InputRecord:
        """Return what manifest and certificate keep of this table."""
        return InputRecord(role, str(self.path), self.sha256, self.encoding, self.sheet)


def split_sheet(source: str | Path) -> tuple[Path, str | None]:
    """Split ``file.xlsx#Sheet`` into file and sheet; a file of that very name comes first."""
    match = WITH_SHEET.fullmatch(str(source))
    if match is None or Path(source).exists():
        return Path(source), None
    return Path(match["path"]), match["sheet"]


def read_table(source: str | Path, numbers: Collection[str] = ()) -> RawTable:
    """Read a table.

    Parameters
    ----------
    source
        A ``.csv``, ``.parquet`` or ``.xlsx`` file, ``file.xlsx#Sheet``, or a folder of ``.parquet`` files.
    numbers
        Columns that are wanted as numbers alone: in a large text file they are turned into such as they are read,
        where every cell is plain, so that their text takes no room.

    Returns
    -------
    RawTable

    Raises
    ------
    InputError
        If the file is missing, of another kind, damaged, or no plain table with a header in its first row.
    """
    path, sheet = split_sheet(source)
    kind = path.suffix.lower()
    file = str(path)
    if path.is_dir():
        from lendplan.data.datasets import read_folder_of_parquet

        return read_folder_of_parquet(path)
    if kind not in {".csv", ".parquet", ".xlsx", ".xlsm"}:
        raise InputError(Finding(_other_kind(kind), file=file))
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    if not data:
        raise InputError(Finding("is empty", file=file))
    encoding = None
    if kind == ".csv":
        _refuse_disguise(data, file)
        data, encoding = utf8_of(data, path)
        columns, line = parse_separated(data, path, numbers)
    elif kind == ".parquet":
        from lendplan.data.parquet import read_parquet

        columns, line = read_parquet(data, file, MAX_CELLS)
    else:
        from lendplan.data.workbooks import read_sheet

        columns, line, sheet = read_sheet(data, path, sheet)
    return RawTable(path, sheet, digest, encoding, columns, line)


def _other_kind(kind: str) -> str:
    if kind == ".xls":
        return "is a legacy .xls workbook, which is not read; save it as .xlsx"
    if kind in {".tsv", ".tab", ".txt"}:
        return f"is of kind {kind}; save the table with commas as .csv"
    return f"is of kind {kind or 'unknown'}; tables are read from .csv, .parquet and .xlsx"


def _refuse_disguise(data: bytes, file: str) -> None:
    """Refuse other kinds of files that are called .csv."""
    for magic, kind in DISGUISES.items():
        if data.startswith(magic):
            raise InputError(Finding(f"is {kind}, though it is called .csv", file=file))


def table_from_frame(frame: pd.DataFrame, name: str) -> RawTable:
    """Take a data frame as a table.

    Parameters
    ----------
    frame
        One row a record; missing values (None, NaN, NaT, pd.NA) are blank. A named index becomes a column.
    name
        What messages call it.

    Returns
    -------
    RawTable
        Its lines count as though the frame were saved as text: the header is 1.

    Raises
    ------
    InputError
        If a column has no name, or two are named alike.
    """
    if any(label is not None for label in frame.index.names):
        frame = frame.reset_index()
    names = check_header([str(column) for column in frame.columns], name)
    frame = frame.set_axis(names, axis=1).reset_index(drop=True)
    line = np.arange(2, len(frame) + 2, dtype=np.int64)
    columns = {str(label): _column_of(frame[label]) for label in frame.columns}
    return RawTable(Path(name), None, _content_hash(frame), None, columns, line)


def table_from_cells(cells: Mapping[str, list[str]], name: str) -> RawTable:
    """Take columns of text as a table; its lines count as in `table_from_frame`, and it has no hash."""
    columns = {key: strings(texts) for key, texts in cells.items()}
    rows = max((len(column) for column in columns.values()), default=0)
    return RawTable(Path(name), None, "", None, columns, np.arange(2, rows + 2, dtype=np.int64))


def _column_of(series: pd.Series) -> RawColumn:
    """Take a column of a data frame: cells where it holds objects, else an Arrow array."""
    if series.dtype == object:
        cells: NDArray[np.object_] = series.to_numpy().copy()
        cells[series.isna().to_numpy(dtype=bool)] = None
        return cells
    import pyarrow as pa

    return one_array(pa.array(series))


def as_csv(columns: Mapping[str, RawColumn]) -> bytes:
    """Return columns as a CSV file that is read as the same table, each cell as the text it stands for."""
    from lendplan.data import csvwriting

    texts = [texts_of(column).values for column in columns.values()]
    return csvwriting.header(list(columns)) + csvwriting.rows(texts)


def _content_hash(frame: pd.DataFrame) -> str:
    """Return the SHA-256 over names and values, column by column."""
    import pandas as pd

    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name}\x1e{column.dtype}\x1e{len(column)}\x1e".encode(errors="surrogatepass"))
        values: NDArray[Any] = column.to_numpy()
        if values.dtype.kind in "biufmM":
            digest.update(np.ascontiguousarray(values).tobytes())
        else:
            text = "\x1f".join("" if value is None or value is pd.NA else repr(value) for value in values)
            digest.update(text.encode(errors="surrogatepass"))
    return digest.hexdigest()
