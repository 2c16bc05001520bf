"""The independent check of every point of a sweep or a frontier, and of the table that stands beside them.

The table is made anew from the points' own files: every column, the order and number of its rows, of a frontier which
points are efficient, their bounds and the knee. Files of a point that have changed since it was written are found by
the hashes in its manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lendplan.certify.folder import read_papers
from lendplan.certify.plan import verify
from lendplan.data.findings import Finding, InputError
from lendplan.frontier import LEVEL, rows_of
from lendplan.sweep.pointfolder import ALLOCATION, CERTIFICATE, FILES, SUMMARY, reading_once
from lendplan.sweep.reading import summary_in
from lendplan.sweep.sweeping import row_of
from lendplan.sweep.tables import csv_of, in_columns, plain
from lendplan.written import WrittenFolder, read_written


@dataclass(frozen=True)
class PointChecked:
    """One point: how many checks were made of its plan, and what failed.

    Parameters
    ----------
    number
        Row of the table, from 1.
    folder
        The point's; None where it has no plan, and nothing is claimed of it.
    checks
        How many were made.
    failed
        A line for each that does not hold.
    """

    number: int
    folder: Path | None
    checks: int
    failed: tuple[str, ...]


class TableError(InputError):
    """The manifest does not say what the points are."""


def faults_of_table(folder: str | Path) -> list[str]:
    """Return what the table of points says otherwise than the points themselves, a line each.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    written = read_written(folder)
    expected = _expected(written)
    table = f"{written.kind}.parquet"
    faults = []
    if len(written.rows) != len(expected):
        faults.append(f"{table} has {len(written.rows):,} rows, where the points make {len(expected):,}")
    for number, (said, wanted) in enumerate(zip(written.rows, expected, strict=False), start=1):
        faults += [
            f"point {number}: {name} is {said.get(name)!r} in {table}, {wanted.get(name)!r} by its files"
            for name in dict.fromkeys([*said, *wanted])
            if not _is_same(said.get(name), wanted.get(name))
        ]
    try:
        is_same = (written.path / f"{written.kind}.csv").read_bytes() == csv_of(in_columns(expected))
    except OSError as error:
        faults.append(f"{written.kind}.csv cannot be read: {error.strerror}")
    else:
        if not is_same:
            faults.append(f"{written.kind}.csv does not say what the points say")
    return faults


def _expected(written: WrittenFolder) -> list[dict[str, Any]]:
    """Return the rows that the points' own files make."""
    manifest = str(written.path / "manifest.json")
    points = written.manifest.get("points")
    if not isinstance(points, list) or not all(_is_point(one) for one in points):
        message = "must list the points, each with values, status and folder"
        raise TableError(Finding(message, file=manifest, key="points"))
    folders = [one["folder"] for one in points]
    for name in filter(None, folders):
        written.expect_within(str(name))
    try:
        summaries = [
            summary_in(written.path / one["folder"]) if one["folder"] else {"status": one["status"]}
            for one in points
        ]
        if written.kind == "sweep":
            return [
                row_of(one["values"], summary, one["folder"], one.get("error"))
                for one, summary in zip(points, summaries, strict=True)
            ]
        weights = [_weight(written.path / one["folder"]) if one["folder"] else 0.0 for one in points]
        limits = [one["values"].get(LEVEL) for one in points]
        return rows_of(limits, weights, summaries, folders)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = (
            f"a point's files cannot be read as the manifest names them: {type(error).__name__}: {error}"
        )
        raise TableError(Finding(message, file=manifest, key="points")) from error


def _is_same(said: Any, wanted: Any) -> bool:
    """Whether two cells say the same; a column of text in Parquet holds numbers of other rows as text."""
    return said == wanted or (isinstance(said, str) and said == plain(wanted))


def _is_point(one: object) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("values"), dict)
        and isinstance(one.get("status"), str)
        and isinstance(one.get("folder"), str | None)
    )


def _weight(folder: Path) -> float:
    return float(read_papers(folder).scenario["objective"]["revenue_weight"])


def _changed_files(place: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files of a point that are not as its manifest has them."""
    hashes = manifest.get("files")
    for name in (ALLOCATION, SUMMARY, CERTIFICATE):
        stated = hashes.get(name) if isinstance(hashes, Mapping) else None
        if stated != sha256((place / name).read_bytes()).hexdigest():
            yield f"{name}: has changed since it was written, or its hash in manifest.json has"


def check_points(
    folder: str | Path, watch: Callable[[int, int], None] | None = None
) -> Iterator[PointChecked]:
    """Check the plan of each point, and that its files are as they were written.

    Parameters
    ----------
    folder : of a sweep or a frontier
    watch : called with the points that were looked at, and how many there are

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    written, inputs_of = read_written(folder), reading_once()
    for row in range(len(written.rows)):
        if watch is not None:
            watch(row, len(written.rows))
        if not written.has_plan(row):
            yield PointChecked(row + 1, None, 0, ())
            continue
        place = written.folder_of(row)
        report = verify(place, inputs_of)
        failed = [f"{check.name}: {check.detail}" for check in report.failed]
        failed += _changed_files(place, read_papers(place).manifest)
        yield PointChecked(row + 1, place, len(report.checks) + len(FILES) - 1, tuple(failed))
