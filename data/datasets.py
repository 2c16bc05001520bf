"""A table as a Parquet dataset, one file or a folder of them in the order of their names, read a stretch at a time."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from lendplan.data.cells import one_array
from lendplan.data.findings import Finding, InputError, listed
from lendplan.data.parquet import ROW_LABELS, coded_columns
from lendplan.data.separated import check_header
from lendplan.data.sources import parquet_files, read_bytes, sha256_of
from lendplan.data.tables import RawTable

_BATCH = 1 << 16
"""Rows that are decoded together."""


@dataclass(frozen=True)
class DatasetFile:
    """One file of a dataset, as it was found.

    Parameters
    ----------
    path
        Where it stands.
    groups
        Rows of each of its row groups.
    size, modified
        Its bytes, and when it was written, in nanoseconds: whoever reads it must find the same.
    """

    path: str
    groups: tuple[int, ...]
    size: int
    modified: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(self.groups)


@dataclass(frozen=True)
class Dataset:
    """The files of a table, in order.

    Parameters
    ----------
    path
        The file or the folder, as it was named.
    files
        At least one.
    """

    path: Path
    files: tuple[DatasetFile, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True)
class Stretch:
    """Rows of one file: from ``start`` up to ``stop``, counted from 0."""

    file: DatasetFile
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.stop - self.start


def find_dataset(path: str | Path) -> Dataset:
    """Look at the files of a dataset; no row is read.

    Raises
    ------
    InputError
        If it is missing, no Parquet, damaged, or the files have different columns.
    """
    path = Path(path)
    findings: list[Finding] = []
    files: list[DatasetFile] = []
    names: dict[str, list[str]] = {}
    for one in parquet_files(path) if path.is_dir() else [path]:
        try:
            if not one.is_file():
                read_bytes(one)  # says why it is none
            metadata, columns = _looked_at(one)
            names[str(one)] = check_header(columns, str(one))
            status = one.stat()
            groups = tuple(metadata.row_group(place).num_rows for place in range(metadata.num_row_groups))
            files.append(DatasetFile(str(one), groups, status.st_size, status.st_mtime_ns))
        except InputError as error:
            findings += error.findings
    first = next(iter(names), None)
    for file, own in names.items():
        if first is not None and set(own) != set(names[first]):
            odd = sorted(set(own) ^ set(names[first]))
            message = f"has other columns than {first}: {listed(odd)}; all files of a dataset have the same"
            findings.append(Finding(message, file=file))
    if findings:
        raise InputError(findings)
    return Dataset(path, tuple(files))


def _looked_at(path: Path) -> tuple[Any, list[str]]:
    try:
        with parquet.ParquetFile(path) as stored:
            return stored.metadata, list(stored.schema_arrow.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(_unreadable(error, str(path))) from error


def _unreadable(error: Exception, file: str) -> Finding:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return Finding(f"is no readable Parquet file: {reason}", file=file)


def stretches(dataset: Dataset, start: int, stop: int) -> list[Stretch]:
    """Return where the rows ``start`` … ``stop`` − 1 of a dataset stand."""
    found, first = [], 0
    for file in dataset.files:
        here, there = max(start - first, 0), min(stop - first, file.rows)
        if here < there:
            found.append(Stretch(file, here, there))
        first += file.rows
    return found


def read_stretch(stretch: Stretch) -> RawTable:
    """Read some rows of a file.

    Returns
    -------
    RawTable
        Its lines are those of the file, as though it were text: the header is 1. It has no hash.

    Raises
    ------
    InputError
        If the file is damaged, or is not the one that was looked at any more.
    """
    file = stretch.file
    try:
        status = Path(file.path).stat()
        found = (status.st_size, status.st_mtime_ns)
        if not stat.S_ISREG(status.st_mode) or found != (file.size, file.modified):
            raise InputError(Finding("was changed while it was being read; run again", file=file.path))
        table = pa.Table.from_batches(list(_batches(stretch)))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(_unreadable(error, file.path)) from error
    columns = {
        name: one_array(table.column(name)) for name in table.column_names if not ROW_LABELS.fullmatch(name)
    }
    return RawTable(Path(file.path), None, "", None, columns, np.arange(2 + stretch.start, 2 + stretch.stop))


def _batches(stretch: Stretch) -> Iterator[Any]:
    """Decode the row groups that a stretch touches, and keep what belongs to it."""
    groups, first = _touched(stretch.file.groups, stretch.start, stretch.stop)
    with parquet.ParquetFile(stretch.file.path) as plain:
        coded = coded_columns(plain)
    with parquet.ParquetFile(stretch.file.path, read_dictionary=coded) as stored:
        names = check_header(list(stored.schema_arrow.names), stretch.file.path)
        nothing = True
        for batch in stored.iter_batches(batch_size=_BATCH, row_groups=groups):
            here, there = max(stretch.start - first, 0), min(stretch.stop - first, batch.num_rows)
            first += batch.num_rows
            if here < there:
                nothing = False
                yield batch.slice(here, there - here).rename_columns(names)
            if first >= stretch.stop:
                break
        if nothing:
            yield pa.RecordBatch.from_pylist([], schema=stored.schema_arrow).rename_columns(names)


def _touched(groups: Sequence[int], start: int, stop: int) -> tuple[list[int], int]:
    """Return the row groups that hold some of the rows, and the first row of the first of them."""
    ends = np.cumsum(groups)
    found = [
        place
        for place, (end, rows) in enumerate(zip(ends.tolist(), groups, strict=True))
        if end > start and end - rows < stop
    ]
    return found, int(ends[found[0]] - groups[found[0]]) if found else start


def read_folder_of_parquet(path: Path) -> RawTable:
    """Read a folder of Parquet files as one table; its lines count on from file to file.

    Raises
    ------
    InputError
        As `find_dataset` and `read_stretch` do.
    """
    dataset = find_dataset(path)
    tables = [read_stretch(Stretch(file, 0, file.rows)) for file in dataset.files]
    columns = {
        name: _joined([table.columns[name] for table in tables], name, path) for name in tables[0].columns
    }
    return RawTable(path, None, sha256_of(path), None, columns, np.arange(2, 2 + dataset.rows))


def _joined(columns: Sequence[Any], name: str, path: Path) -> Any:
    """Return the arrays of several files as one; text as text, numbers as numbers."""
    kinds = {column.type for column in columns}
    if len(kinds) > 1:
        columns = [
            column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
            for column in columns
        ]
    try:
        tables = [pa.table({name: column}) for column in columns]
        return one_array(pa.concat_tables(tables, promote_options="permissive").column(0))
    except pa.ArrowException as error:
        message = f"holds {listed(sorted(map(str, kinds)))} in different files of the folder"
        raise InputError(Finding(message, file=str(path), key=name)) from error
