"""The independent check of every point of a sweep or a frontier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lendplan.certify.folder import read_papers
from lendplan.certify.plan import verify
from lendplan.sweep.pointfolder import reading_once
from lendplan.written import read_written


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


def check_points(
    folder: str | Path, watch: Callable[[int, int], None] | None = None
) -> Iterator[PointChecked]:
    """Check the plan of each point, and that the table of points says what the plans say.

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
        failed += [f"the table: {one}" for one in written.unlike(row, read_papers(place).summary)]
        yield PointChecked(row + 1, place, len(report.checks) + 1, tuple(failed))
