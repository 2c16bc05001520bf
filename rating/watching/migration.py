"""Where enterprises went between two runs of a grade history: the migration matrix, and who moved far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError, did_you_mean, listed, shown
from lendplan.rating.watching.history import reading

FAR = 2
"""Moves of so many grades are told one by one."""


@dataclass(frozen=True)
class Move:
    """An enterprise that went from one grade to another.

    Parameters
    ----------
    enterprise, before, after
        Id and grades.
    steps
        Grades it has lost; negative where it has risen.
    """

    enterprise: str
    before: str
    after: str
    steps: int


@dataclass(frozen=True)
class Migration:
    """Where enterprises went between two runs.

    Parameters
    ----------
    grades
        From best to worst, g of them; the blank grade '' comes last.
    counts
        Shape (g + 1, g + 1): enterprises by grade before (rows) and after (columns), among those in both runs.
    moved
        Those that moved by two grades or more, the furthest falls first.
    appeared, gone
        Enterprises of one run alone.
    """

    grades: tuple[str, ...]
    counts: NDArray[np.int64]
    moved: tuple[Move, ...]
    appeared: tuple[str, ...]
    gone: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """Return the matrix and the great moves as text."""
        names = [grade or "(none)" for grade in self.grades]
        width = max(7, *(len(name) for name in names))
        rows = [" " * width + "".join(f"{name:>{width + 1}}" for name in names)]
        rows += [
            f"{name:<{width}}" + "".join(f"{count:>{width + 1},}" for count in row)
            for name, row in zip(names, self.counts.tolist(), strict=True)
        ]
        rows += [
            f"{move.enterprise}: {move.before} to {move.after}, {abs(move.steps)} grades "
            f"{'worse' if move.steps > 0 else 'better'}"
            for move in self.moved
        ]
        return tuple(rows)


def migration_matrix(path: Path, from_run: str, to_run: str) -> Migration:
    """Count where enterprises went between two runs.

    Parameters
    ----------
    path
        The history.
    from_run, to_run
        Ids of the runs; their scales must be the same.

    Raises
    ------
    InputError
        If the file cannot be read, a run is not in it, or the two runs have different scales.
    """
    with reading(path) as connection:
        runs = {
            run: (position, tuple(json.loads(grades)))
            for position, run, grades in connection.execute("SELECT position, run, grades FROM runs")
        }
        findings = [
            Finding(
                f"has no run {shown(run)}{did_you_mean(run, runs)}; it has {listed(list(runs))}",
                file=str(path),
            )
            for run in dict.fromkeys((from_run, to_run))
            if run not in runs
        ]
        if findings:
            raise InputError(findings)
        (first, scale), (second, other) = runs[from_run], runs[to_run]
        if scale != other:
            message = (
                f"run {from_run!r} grades by {', '.join(scale)} and run {to_run!r} by {', '.join(other)}; "
                "moves are counted on one scale only"
            )
            raise InputError(Finding(message, file=str(path)))
        before, after = (
            dict(
                connection.execute(
                    "SELECT enterprise, grade FROM ratings WHERE position = ? ORDER BY place", (position,)
                ).fetchall()
            )
            for position in (first, second)
        )
        return _migration(scale, before, after)


def _migration(scale: tuple[str, ...], before: Mapping[str, str], after: Mapping[str, str]) -> Migration:
    grades = (*scale, "")
    rank = {grade: position for position, grade in enumerate(grades)}
    counts = np.zeros((len(grades), len(grades)), dtype=np.int64)
    moved = []
    for enterprise, old in before.items():
        if enterprise not in after:
            continue
        new = after[enterprise]
        counts[rank[old], rank[new]] += 1
        steps = rank[new] - rank[old]
        if old and new and abs(steps) >= FAR:
            moved.append(Move(enterprise, old, new, steps))
    moved.sort(key=lambda move: (-move.steps, move.enterprise))
    return Migration(
        grades,
        counts,
        tuple(moved),
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
    )
