"""One reader for every kind of table: comma-separated text, Parquet, workbooks, data frames."""

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lendplan.data.archives import COMPOUND_FILE
from lendplan.data.cells import texts_of
from lendplan.data.findings import Finding, InputError
from lendplan.data.separated import check_header, parse_separated
from lendplan.data.sources import InputRecord, decode, read_bytes
from lendplan.data.workbooks import read_sheet

log = logging.getLogger(__name__)

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
    frame
        Its columns, (rows, columns): text from text files, Arrow types from Parquet, cells from workbooks.
    line
        File's line or sheet's row of each row, (rows,); the header is 1.
    """

    path: Path
    sheet: str | None
    sha256: str
    encoding: str | None
    frame: pd.DataFrame
    line: NDArray[np.int64]

    @property
    def name(self) -> str:
        """The table as the user would name it, for messages."""
        return str(self.path) if self.sheet is None else f"{self.path}#{self.sheet}"

    def record(self, role: str) -> InputRecord:
        """Return what manifest and certificate keep of this table."""
        return InputRecord(role, str(self.path), self.sha256, self.encoding, self.sheet)


def split_sheet(source: str | Path) -> tuple[Path, str | None]:
    """Split ``file.xlsx#Sheet`` into file and sheet; a file of that very name comes first."""
    match = WITH_SHEET.fullmatch(str(source))
    if match is None or Path(source).exists():
        return Path(source), None
    return Path(match["path"]), match["sheet"]


def read_table(source: str | Path) -> RawTable:
    """Read a table.

    Parameters
    ----------
    source
        A ``.csv``, ``.parquet`` or ``.xlsx`` file, or ``file.xlsx#Sheet``.

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
    if kind not in {".csv", ".parquet", ".xlsx", ".xlsm"}:
        raise InputError(Finding(_other_kind(kind), file=file))
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    if not data:
        raise InputError(Finding("is empty", file=file))
    encoding = None
    if kind == ".csv":
        _refuse_disguise(data, file)
        text, encoding = decode(data, path)
        del data
        frame, line = parse_separated(text, path)
    elif kind == ".parquet":
        frame, line = _read_parquet(data, file)
    else:
        frame, line, sheet = read_sheet(data, path, sheet)
    return RawTable(path, sheet, digest, encoding, frame, line)


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


def _read_parquet(data: bytes, file: str) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        stored = parquet.ParquetFile(pa.BufferReader(data))
        if stored.metadata.num_rows * stored.metadata.num_columns > MAX_CELLS:
            raise InputError(
                Finding(f"holds more than {MAX_CELLS:,} cells, the most that is read", file=file)
            )
        table = stored.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(Finding(f"is no readable Parquet file: {reason}", file=file)) from error
    names = check_header(list(table.column_names), file)
    # pandas keeps its row labels as a column of this name; they are no part of the table.
    kept = [position for position, name in enumerate(names) if not re.fullmatch(r"__index_level_\d+__", name)]
    table = table.select(kept).rename_columns([names[position] for position in kept])
    # Arrow types tell a missing value from NaN, which numpy floats do not.
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame, np.arange(2, len(frame) + 2, dtype=np.int64)


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
    return RawTable(Path(name), None, _content_hash(frame), None, frame, line)


def as_csv(table: RawTable) -> bytes:
    """Return a table as a CSV file that is read as the same table, each cell as the text it stands for."""
    texts = {name: texts_of(table.frame[name]).values for name in table.frame.columns}
    return pd.DataFrame(texts).to_csv(index=False, lineterminator="\n").encode("utf-8")


def _content_hash(frame: pd.DataFrame) -> str:
    """Return the SHA-256 over names and values, column by column."""
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
