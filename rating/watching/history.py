"""The history of grades: every run is added to one SQLite file, and nothing in it is ever changed.

SQLite rather than Parquet: a run is appended to what is there in one transaction (a Parquet file would be written
anew), so that a run that is interrupted leaves the file as it was; an enterprise is looked up by an index without
reading all runs; and the standard library brings it. Triggers within the file itself refuse changes and deletions.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from lendplan.data.findings import Finding, InputError, did_you_mean, listed, shown
from lendplan.rating.ratings import Ratings
from lendplan.rating.records import Floats

APPLICATION = 0x4C504748
"""SQLite's application id of our files: "LPGH"."""
VERSION = 1
"""Version of the tables within; SQLite's user version."""
WAIT_SECONDS = 10.0
"""How long another run's write is waited for."""

_SCHEMA = (
    """CREATE TABLE runs (
        position INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL UNIQUE, at TEXT NOT NULL, model TEXT NOT NULL,
        grades TEXT NOT NULL, digest TEXT NOT NULL)""",
    """CREATE TABLE ratings (
        position INTEGER NOT NULL REFERENCES runs(position), place INTEGER NOT NULL, enterprise TEXT NOT NULL,
        grade TEXT NOT NULL, grade_forecast TEXT NOT NULL, default_probability REAL, default_probability_own REAL,
        risk_weight REAL, score REAL, reason TEXT NOT NULL, PRIMARY KEY (position, place),
        UNIQUE (enterprise, position)) WITHOUT ROWID""",
    *(
        f"CREATE TRIGGER {table}_{action} BEFORE {action.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the history is only ever added to'); END"
        for table in ("runs", "ratings")
        for action in ("update", "delete")
    ),
)


class HistoryError(Exception):
    """The history could not be written; what stood in it before stands."""


@dataclass(frozen=True)
class Run:
    """One run of a rating.

    Parameters
    ----------
    run
        Its id, unique in the file.
    at
        When it was, ISO 8601; given by the caller, so that the same run is the same.
    model
        SHA-256 of the fitted rating, or '' where grades were given by hand.
    grades
        The scale, from best to worst.
    """

    run: str
    at: str
    model: str
    grades: tuple[str, ...]


@dataclass(frozen=True)
class Rated:
    """What one run said of one enterprise; None and '' are blank.

    Parameters
    ----------
    enterprise, grade, grade_forecast
        Id, the grade that counts, and the model's.
    default_probability, default_probability_own
        The grade's, and the enterprise's by itself.
    risk_weight, score
        As in ``ratings.csv``.
    reason
        One sentence.
    """

    enterprise: str
    grade: str
    grade_forecast: str = ""
    default_probability: float | None = None
    default_probability_own: float | None = None
    risk_weight: float | None = None
    score: float | None = None
    reason: str = ""


def record_run(path: Path, run: Run, rated: Sequence[Rated]) -> bool:
    """Add a run to the history; the file is made where there is none.

    Parameters
    ----------
    path
        The SQLite file.
    run, rated
        What was run, and what it said; an enterprise stands there once.

    Returns
    -------
    bool
        False where the very same run stands there already, and nothing was written.

    Raises
    ------
    HistoryError
        If the file cannot be written, is none of ours, or holds another run of this id. The file is as it was.
    ValueError
        If `run` or `rated` is no proper run: no id, no ISO time, an enterprise twice, a number that is not finite.
    """
    _check(run, rated)
    is_new = not path.exists()
    try:
        with closing(_opened(path, "rwc")) as connection:
            return _append(connection, run, rated)
    except sqlite3.Error as error:
        raise HistoryError(f"{path}: {_told(error)}; nothing was written") from error
    finally:
        # SQLite makes the file as soon as it is opened; where nothing went in, nothing is left.
        if is_new and path.is_file() and not path.stat().st_size:
            path.unlink()


def rated_rows(ratings: Ratings) -> tuple[Rated, ...]:
    """Return the table of ratings as rows for the history; what cannot be rated stands there with its reason."""

    def cells(values: Floats) -> list[float | None]:
        return [None if np.isnan(value) else value for value in values.tolist()]

    return tuple(
        map(
            Rated,
            ratings.enterprise,
            ratings.grade,
            ratings.grade_forecast,
            cells(ratings.default_probability),
            cells(ratings.default_probability_own),
            cells(ratings.risk_weight),
            cells(ratings.score),
            ratings.reason,
        )
    )


def runs_of(path: Path) -> tuple[Run, ...]:
    """Return the runs of a history, from the first added to the last.

    Raises
    ------
    InputError
        If the file is missing, damaged or none of ours.
    """
    with reading(path) as connection:
        found = connection.execute("SELECT run, at, model, grades FROM runs ORDER BY position").fetchall()
        return tuple(Run(run, at, model, tuple(json.loads(grades))) for run, at, model, grades in found)


def history_of(path: Path, enterprise: str) -> tuple[tuple[Run, Rated], ...]:
    """Return what each run said of one enterprise, from the first run to the last.

    Raises
    ------
    InputError
        If the file is missing, damaged or none of ours, or no run knows the enterprise.
    """
    columns = ", ".join(f"ratings.{field.name}" for field in fields(Rated))
    with reading(path) as connection:
        found = connection.execute(
            f"SELECT run, at, model, grades, {columns} FROM ratings JOIN runs USING (position) "
            "WHERE enterprise = ? ORDER BY position",
            (enterprise,),
        ).fetchall()
        if not found:
            known = [name for (name,) in connection.execute("SELECT DISTINCT enterprise FROM ratings")]
            message = f"no run knows {shown(enterprise)}{did_you_mean(enterprise, known)}"
            raise InputError(Finding(message, file=str(path)))
        return tuple(
            (Run(run, at, model, tuple(json.loads(grades))), Rated(*rest))
            for run, at, model, grades, *rest in found
        )


def _check(run: Run, rated: Sequence[Rated]) -> None:
    if not run.run or not run.grades or len(set(run.grades)) < len(run.grades) or "" in run.grades:
        raise ValueError("a run needs an id and a scale of distinct grades")
    datetime.fromisoformat(run.at)
    if len({one.enterprise for one in rated}) < len(rated):
        raise ValueError("an enterprise stands in a run once")
    unknown = {one.grade for one in rated} - {*run.grades, ""}
    if unknown:
        raise ValueError(f"grades {listed(sorted(unknown))} are not on the run's scale")
    for one in rated:
        numbers = (one.default_probability, one.default_probability_own, one.risk_weight, one.score)
        if not all(number is None or np.isfinite(number) for number in numbers):
            raise ValueError(f"numbers of {one.enterprise!r} must be finite, or None for blank")


def _append(connection: sqlite3.Connection, run: Run, rated: Sequence[Rated]) -> bool:
    digest = hashlib.sha256(
        json.dumps([astuple(run), [astuple(one) for one in rated]], ensure_ascii=False).encode()
    ).hexdigest()
    connection.execute("BEGIN IMMEDIATE")  # from here on the file is ours alone, until all of it is in
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        fault = _foreign(connection)
        if fault:
            raise sqlite3.DatabaseError(fault)
        stands = connection.execute("SELECT digest FROM runs WHERE run = ?", (run.run,)).fetchone()
        if stands is not None and stands[0] != digest:
            raise sqlite3.DatabaseError(
                f"holds another run {run.run!r}, with other ratings; name this one otherwise"
            )
        if stands is None:
            position = connection.execute(
                "INSERT INTO runs (run, at, model, grades, digest) VALUES (?, ?, ?, ?, ?)",
                (run.run, run.at, run.model, json.dumps(run.grades, ensure_ascii=False), digest),
            ).lastrowid
            connection.executemany(
                f"INSERT INTO ratings VALUES (?, ?, {', '.join('?' for _ in fields(Rated))})",
                ((position, place, *astuple(one)) for place, one in enumerate(rated)),
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return stands is None


def _foreign(connection: sqlite3.Connection) -> str:
    """Say why a database is none of ours, or ''."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        return "is a database of something else, and no grade history"
    if version != VERSION:
        return f"is a grade history of version {version}, and this release reads version {VERSION}; use a newer release"
    return ""


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    # Transactions are begun and ended by hand, so that not even the tables are made halfway.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=WAIT_SECONDS, isolation_level=None
    )


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a history to be read; whatever SQLite finds wrong with it is told as a finding."""
    if not path.is_file():
        raise InputError(Finding("is not there, or no file", file=str(path)))
    # What an interrupted run left in the file is undone by whoever opens it next, who must be allowed to write then.
    was_interrupted = path.with_name(f"{path.name}-journal").exists()
    try:
        with closing(_opened(path, "rw" if was_interrupted else "ro")) as connection:
            fault = _foreign(connection)
            if fault:
                raise InputError(Finding(fault, file=str(path)))
            yield connection
    except sqlite3.Error as error:
        raise InputError(Finding(_told(error), file=str(path))) from error
    except (json.JSONDecodeError, KeyError, UnicodeDecodeError) as error:
        raise InputError(Finding(f"is damaged: {error}", file=str(path))) from error


def _told(error: sqlite3.Error) -> str:
    """Say what SQLite found, in the user's terms."""
    message = str(error)
    known: dict[str, Any] = {
        "file is not a database": "is no SQLite database, or is damaged",
        "malformed": "is damaged (restore it from a copy)",
        "readonly": "cannot be written: it, or its folder, is read-only",
        "unable to open": "cannot be opened: its folder is missing, or its rights do not allow it",
        "locked": f"is being written by another run, and was waited for {WAIT_SECONDS:g} s; try again later",
        "full": "cannot be written: the disk is full",
    }
    return next((told for sign, told in known.items() if sign in message), message)
