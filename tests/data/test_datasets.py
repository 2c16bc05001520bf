"""Parquet datasets: one file or a folder, whole or a stretch at a time, and ids as numbers."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from lendplan.data.datasets import Stretch, find_dataset, read_stretch, stretches
from lendplan.data.findings import InputError
from lendplan.data.idhashes import hashes_of
from lendplan.data.sources import sha256_of
from lendplan.data.tables import read_table
from lendplan.data.texts import Texts

IDS = [f"E{row:02d}" for row in range(20)]


def table(first: int, last: int) -> pa.Table:
    return pa.table(
        {
            "enterprise": pa.array(IDS[first:last], type=pa.large_string()),
            "grade": pa.array(["AB"[row % 2] for row in range(first, last)]),
            "line_max": pa.array([float(row) for row in range(first, last)]),
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of 7, 8 and 5 rows, in row groups of 3; and a file that is none of it."""
    path = tmp_path / "book"
    path.mkdir()
    for name, first, last in (("b.parquet", 7, 15), ("a.parquet", 0, 7), ("c.PARQUET", 15, 20)):
        parquet.write_table(table(first, last), path / name, row_group_size=3)
    (path / "_SUCCESS.parquet").touch()
    (path / "notes.txt").touch()
    return path


def test_the_files_stand_in_the_order_of_their_names(folder: Path) -> None:
    dataset = find_dataset(folder)
    assert [Path(file.path).name for file in dataset.files] == ["a.parquet", "b.parquet", "c.PARQUET"]
    assert [file.groups for file in dataset.files] == [(3, 3, 1), (3, 3, 2), (3, 2)]
    assert dataset.rows == 20


def test_every_stretch_holds_its_rows_and_their_lines(folder: Path) -> None:
    dataset = find_dataset(folder)
    for start in range(20):
        for stop in range(start + 1, 21):
            found = [read_stretch(one) for one in stretches(dataset, start, stop)]
            ids = [text for one in found for text in one.cells("enterprise").tolist()]
            assert ids == IDS[start:stop]
    (alone,) = stretches(dataset, 9, 11)
    assert read_stretch(alone).line.tolist() == [4, 5]
    assert read_stretch(alone).name == str(folder / "b.parquet")


def test_no_rows_have_columns_all_the_same(folder: Path) -> None:
    found = read_stretch(Stretch(find_dataset(folder).files[0], 2, 2))
    assert list(found.columns) == ["enterprise", "grade", "line_max"]
    assert found.rows == 0


def test_a_folder_is_read_as_one_table(folder: Path) -> None:
    whole = read_table(folder)
    assert whole.cells("enterprise").tolist() == IDS
    assert whole.cells("line_max").tolist() == [float(row) for row in range(20)]
    assert whole.line.tolist() == list(range(2, 22))
    lines = "".join(
        f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n"
        for name in ("a.parquet", "b.parquet", "c.PARQUET")
    )
    assert whole.sha256 == sha256_of(folder) == hashlib.sha256(lines.encode()).hexdigest()


def test_files_with_other_columns_are_refused(folder: Path) -> None:
    parquet.write_table(table(0, 2).append_column("size", pa.array(["x", "y"])), folder / "d.parquet")
    with pytest.raises(InputError, match=r"d\.parquet: has other columns than .*a\.parquet: size"):
        find_dataset(folder)


def test_what_is_no_dataset_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"is a folder without \.parquet files"):
        find_dataset(empty)
    (empty / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="is no readable Parquet file"):
        find_dataset(empty)
    with pytest.raises(InputError, match="no such file"):
        find_dataset(tmp_path / "absent.parquet")


def test_a_file_that_changes_is_not_read_on(folder: Path) -> None:
    (stretch,) = stretches(find_dataset(folder), 0, 3)
    os.utime(stretch.file.path, ns=(1, 1))
    with pytest.raises(InputError, match="was changed while it was being read"):
        read_stretch(stretch)


def test_equal_ids_have_equal_numbers_wherever_they_stand() -> None:
    ids = Texts.of(["E1", "E2", "", "企业", "E1", "1E", "E10", "E1 "])
    numbers = hashes_of(ids)
    assert numbers[0] == numbers[4]
    assert len(np.unique(numbers)) == 7
    some = np.array([3, 4, 6])
    assert (hashes_of(ids.take(some)) == numbers[some]).all()
    assert (hashes_of(Texts.packed(ids.arrow()[2:])) == numbers[2:]).all()


def test_many_ids_have_different_numbers() -> None:
    assert len(np.unique(hashes_of(Texts.of(f"E{row}" for row in range(50_000))))) == 50_000


def test_columns_join() -> None:
    joined = Texts.joined([Texts.of(["a", "b"]), Texts.of([]), Texts.of(["b"])])
    assert joined.tolist() == ["a", "b", "b"]
