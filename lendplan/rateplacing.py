"""Putting in place what `rate` has made: a folder, a file beside it, a line in a history; all of it or nothing."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lendplan.errors import OutputError
from lendplan.interrupts import uninterrupted
from lendplan.rating.outputs import FILES
from lendplan.reports.folder import FolderError, refuse_strangers, staged, write_files
from lendplan.reports.onefile import refuse_to_replace, staged_file

if TYPE_CHECKING:
    from lendplan.rating.process import RatedBook
    from lendplan.rating.watching.history import Rated, Run

log = logging.getLogger(__name__)

SCORECARD_FILES = (
    "scores.csv",
    "ratings.csv",
    "selection.csv",
    "weights.csv",
    "pyramid.csv",
    "contrast.csv",
    "held_out.csv",
    "report.txt",
)
PYRAMID_FILES = ("pyramid.csv", "grades.csv", "contrast.csv", "report.txt")


@dataclass(frozen=True)
class Entry:
    """A rating that is added to a grade history: the file, the run, and what it said."""

    file: Path
    run: Run
    rated: tuple[Rated, ...]


def entry(file: Path | None, run: str | None, rated: RatedBook, digest: str) -> Entry | None:
    """Return what is to be added to a grade history; None without a history."""
    if file is None:
        return None
    from lendplan.rating.watching.history import Run, rated_rows

    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    named = run or f"{now} {digest[:8]}"
    return Entry(file, Run(named, now, digest, rated.forecast.grades), rated_rows(rated.ratings))


def write(
    folder: Path,
    files: Mapping[str, bytes],
    *,
    ours: Collection[str] = FILES,
    model: tuple[Path, bytes] | None = None,
    history: Entry | None = None,
) -> None:
    """Put a folder, and a model's file beside it, in place: all of it or nothing.

    Parameters
    ----------
    folder, files
        Where, and what.
    ours
        Names of files that a folder which stands there already may hold.
    model
        A file beside it, and its content.
    history
        What is added to a grade history, if all else could be written.

    Raises
    ------
    OutputError
        Where something cannot be written; what stood there before stands.
    """
    from lendplan.rating.watching.history import HistoryError, record_run

    try:
        if model is not None:
            refuse_to_replace(model[0], _is_model)
        refuse_strangers(folder, ours)
        with contextlib.ExitStack() as stack:
            if model is not None:
                stack.enter_context(staged_file(*model, "--model", while_placing=uninterrupted))
            staging = stack.enter_context(staged(folder, ours, while_placing=uninterrupted))
            write_files(staging, files)
            if history is not None and not record_run(history.file, history.run, history.rated):
                log.warning("%s holds the run %r already; nothing was added", history.file, history.run.run)
    except (FolderError, HistoryError) as error:
        raise OutputError(str(error)) from error


def write_file(path: Path, content: bytes, *, is_ours: Callable[[bytes], bool]) -> None:
    """Put one file in place, whole or not at all.

    Parameters
    ----------
    path, content
        Where, and what.
    is_ours
        Whether the beginning of a file that stands there says that it is of this kind, and may be replaced.

    Raises
    ------
    OutputError
        Where it cannot be written, or another file stands there.
    """
    try:
        refuse_to_replace(path, is_ours)
        with staged_file(path, content, "another file", while_placing=uninterrupted):
            pass
    except FolderError as error:
        raise OutputError(str(error)) from error


def is_signals(beginning: bytes) -> bool:
    """Whether a file is a table of signals of ours."""
    return beginning.startswith(b"enterprise,signal,severity,")


def _is_model(beginning: bytes) -> bool:
    return re.match(rb'\s*\{\s*"format"\s*:\s*"lendplan ', beginning) is not None
