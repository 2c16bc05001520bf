"""The folder of one point: its allocation as Parquet, its figures, its certificate, and what it was made from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lendplan.certified import Certified, certified, to_be_certified
from lendplan.certify.allocations import read_allocations
from lendplan.certify.folder import PlanFolder
from lendplan.certify.inputs import SHIPPED, Inputs, read_inputs
from lendplan.certify.plan import verify
from lendplan.data.findings import InputError
from lendplan.data.texts import Texts
from lendplan.errors import CheckFailedError
from lendplan.models.measures import Floats
from lendplan.plan import Plan, as_json
from lendplan.reports.allocationfiles import write_parquet

ALLOCATION, SUMMARY, CERTIFICATE, MANIFEST = (
    "allocations.parquet",
    "summary.json",
    "certificate.json",
    "manifest.json",
)
FILES = (ALLOCATION, SUMMARY, CERTIFICATE, MANIFEST)
_STAGING = ".partial-"


@dataclass(frozen=True)
class PointPlan(Plan):
    """The plan of one point of a sweep; ``is_doubted`` where a claim of it has failed the check."""

    is_doubted: bool = False

    @cached_property
    def _certified(self) -> Certified:
        """What the written point claims: it is tried once, when the point is checked, and not before as well."""
        case = self.case
        scenario = case.settings.model_dump(mode="json")
        certify = certified if self.is_doubted else to_be_certified
        return certify(self.result, scenario, case.book, case.tables.churn, self.summary_ranges)

    def _encoded(self, value: Mapping[str, Any]) -> bytes:
        """Return plain data on one line: of thousands of points few are read by eye, and it is written in no time."""
        return as_json(value, indent=None)

    def write_point(self, folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
        """Write the plan of a point, checked independently before it is put in place; return its figures.

        Parameters
        ----------
        folder : where it shall stand; what stands there is replaced
        about : what the manifest says of the point

        Raises
        ------
        CheckFailedError
            Where it does not pass the check; nothing is put in place.
        OSError
            Where it cannot be written.
        """
        try:
            return self._write_point(folder, about)
        except CheckFailedError:
            if self.is_doubted:
                raise
            # Perhaps by rounding, in a claim that was not tried: what is tried before stands.
            return PointPlan(self.case, self.result, is_doubted=True).write_point(folder, about)

    def _write_point(self, folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        with _staged(folder) as staging:
            write_parquet(staging / ALLOCATION, self._rows, self.case.applicants, self._reasons)
            papers = self._files(started)
            manifest = json.loads(papers.pop(MANIFEST))
            _write_all(staging, papers, {**manifest, "point": dict(about)}, [ALLOCATION])
            report = verify(staging, _inputs_read_once)
            if not report.passed:
                failed = "; ".join(f"{check.name}: {check.detail}" for check in report.failed)
                raise CheckFailedError(f"the plan failed the independent check: {failed}")
        summary: dict[str, Any] = json.loads(papers[SUMMARY])
        return summary


def reading_once() -> Callable[[PlanFolder, Mapping[str, str]], Inputs]:
    """Return what reads the inputs of points, and those of the point before it again only where they are others.

    They are read, and their hashes taken, at the first point: what was read for one sweep is not for another.
    """
    read: dict[str, Inputs] = {}

    def inputs_of(plan: PlanFolder, columns: Mapping[str, str]) -> Inputs:
        key = repr(
            [
                [
                    # The shipped table is known by its name: as a path it would lie in each point's own folder.
                    (
                        source.role,
                        source.path if source.path == SHIPPED else plan.locate(source),
                        source.sha256,
                    )
                    for source in plan.sources
                ],
                sorted(columns.items()),
            ]
        )
        if key not in read:
            read.clear()
            read[key] = read_inputs(plan, columns)
        return read[key]

    return inputs_of


_inputs_read_once = reading_once()  # of the points that were checked last


def write_without_plan(folder: Path, summary: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write the folder of a point that is proven to have no plan."""
    with _staged(folder) as staging:
        _write_all(staging, {SUMMARY: as_json(summary)}, {"point": dict(about)}, [])


def _write_all(
    folder: Path, papers: Mapping[str, bytes], manifest: Mapping[str, Any], written: Iterable[str]
) -> None:
    """Write the JSON files; the manifest says what bytes the others hold."""
    for name, content in papers.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    files = {name: _digest(folder / name) for name in sorted([*papers, *written])}
    (folder / MANIFEST).write_bytes(as_json({**manifest, "files": files}, indent=None))


@contextlib.contextmanager
def _staged(final: Path) -> Iterator[Path]:
    """Give a folder to fill, put in place when the block ends; what a killed process leaves is swept by the next."""
    staging = final.parent / f"{_STAGING}{final.name}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
        shutil.rmtree(final, ignore_errors=True)
        staging.rename(final)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(question: Mapping[str, Any], inputs: Iterable[str], made_by: str) -> str:
    """Return what tells one point from every other: the scenario in full, its inputs' hashes, and the version.

    Parameters
    ----------
    question : the point's scenario as plain data
    inputs : the hashes of its tables
    made_by : the version
    """
    said = json.dumps([question, list(inputs), made_by], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def whole_points(folders: Iterable[Path]) -> dict[str, Path]:
    """Return fingerprint → folder of every point below these folders that stands whole.

    Whole is one whose every file holds the bytes that its manifest says. Those without a plan count, where that
    was proven; nothing is deleted.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        with contextlib.suppress(OSError):
            for entry in sorted(os.scandir(folder), key=lambda one: one.name):
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    mark = _mark_of_whole(Path(entry.path))
                    if mark is not None:
                        found.setdefault(mark, Path(entry.path))
    return found


def _mark_of_whole(folder: Path) -> str | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        mark, files = manifest["point"]["fingerprint"], manifest["files"]
        is_whole = SUMMARY in files and all(
            _digest(folder / name) == digest for name, digest in files.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return mark if is_whole and isinstance(mark, str) else None


@dataclass(frozen=True)
class Known:
    """What the next point starts from: a neighbour's prices, and its plan over the rows of the book.

    Parameters
    ----------
    prices : by limit name
    enterprise : shape (rows,), the ids of the plan's rows
    rate, line : shape (rows,), annual rate, NaN where nothing is lent, and line
    """

    prices: Mapping[str, float]
    enterprise: Texts
    rate: Floats
    line: Floats


def known_of(folder: Path) -> Known | None:
    """Return what a point that stands whole has to give to its neighbour; None where it has no plan."""
    try:
        certificate = json.loads((folder / CERTIFICATE).read_bytes())
        table = read_allocations(folder / ALLOCATION)
    except (OSError, ValueError, InputError):
        return None
    line = np.nan_to_num(table.numbers("line"))
    rate = np.where(line > 0, table.numbers("rate"), np.nan)
    return Known(certificate["prices"], table.texts("enterprise"), rate, line)
