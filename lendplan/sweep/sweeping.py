"""A sweep from a scenario to its folder: ``sweep.csv`` and ``.parquet``, and a folder for each point."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lendplan.data.findings import Finding, InputError
from lendplan.errors import CHECK_FAILED, INFEASIBLE, LIMIT_REACHED, NO_PLAN, OK
from lendplan.plan import OURS, as_json, output_folder
from lendplan.run import Scenario
from lendplan.sweep.place import Place
from lendplan.sweep.points import Point, distinct, points_of
from lendplan.sweep.reading import summary_in
from lendplan.sweep.renewal import renewed
from lendplan.sweep.runner import Run, Step
from lendplan.sweep.tables import cell_of, csv_of, flat, in_columns, parquet_of
from lendplan.sweep.work import Bench, Outcome

if TYPE_CHECKING:
    import pandas as pd

_HARMLESS = ("objective.", "economics.", "solver.")  # keys that cannot be at odds with the tables
_WORST_FIRST = (CHECK_FAILED, NO_PLAN, INFEASIBLE, LIMIT_REACHED)


@dataclass(frozen=True)
class Swept:
    """What became of the points of a sweep.

    Parameters
    ----------
    points : in order
    outcomes : one a point
    folders : where each point's files stand
    final : the sweep's folder
    """

    points: tuple[Point, ...]
    outcomes: tuple[Outcome, ...]
    folders: tuple[Path, ...] = field(repr=False)
    final: Path

    @property
    def code(self) -> int:
        """The exit code: 0 where every point is proven; else that of the worst point."""
        return worst(self.outcomes)

    @cached_property
    def summaries(self) -> list[dict[str, Any]]:
        """The figures of each point, under the keys of ``summary.json``."""
        return [
            summary_in(folder) if outcome.stands else {"status": outcome.status}
            for folder, outcome in zip(self.folders, self.outcomes, strict=True)
        ]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row a point: the swept keys, the summary's keys, then ``folder`` and ``error``."""
        return [
            row_of(point.values, summary, point.folder if outcome.stands else None, outcome.error)
            for point, outcome, summary in zip(self.points, self.outcomes, self.summaries, strict=True)
        ]

    @property
    def record(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {"sweep": self.records, "folder": str(self.final)}

    @property
    def faults(self) -> list[str]:
        """What is wrong with points, a line each."""
        return faults_of(self.points, self.outcomes)

    @property
    def records(self) -> list[dict[str, Any]]:
        """What ``--json`` prints of each point: its values, its figures, its folder, and what is wrong with it."""
        return [
            {
                "values": dict(point.values),
                **summary,
                "folder": point.folder if outcome.stands else None,
                "error": outcome.error or None,
            }
            for point, outcome, summary in zip(self.points, self.outcomes, self.summaries, strict=True)
        ]

    @property
    def table(self) -> pd.DataFrame:
        """``sweep.csv`` as a data frame."""
        import pandas as pd

        return pd.DataFrame(in_columns(self.rows))


def row_of(
    values: Mapping[str, Any], summary: Mapping[str, Any], folder: str | None, error: str | None
) -> dict[str, Any]:
    """Return the row of ``sweep.csv`` of one point."""
    return {
        **{_column(key): cell_of(value) for key, value in values.items()},
        **flat(summary),
        "folder": folder,
        "error": error or None,
    }


def _column(key: str) -> str:
    """Return the column of a swept key; a block whose name is also a figure's goes by ``scenario.NAME``."""
    return f"scenario.{key}" if key in ("objective", "solver") else key


def faults_of(points: Sequence[Point], outcomes: Sequence[Outcome]) -> list[str]:
    """Say what is wrong with points: a line for each that has no plan, or none that is proven."""
    lines = []
    for point, outcome in zip(points, outcomes, strict=True):
        if outcome.code != OK:
            said = (
                outcome.error.splitlines()[0]
                if outcome.error
                else "a limit was reached before the gap was proven"
            )
            values = ", ".join(f"{key} {value}" for key, value in point.values.items())
            lines.append(f"point {point.number} ({values}): {outcome.status}: {said}")
    return lines


def worst(outcomes: Sequence[Outcome]) -> int:
    """Return the exit code of many points: a failed check before a missing plan, an infeasible point, a limit."""
    codes = {outcome.code for outcome in outcomes} - {OK}
    known = [code for code in _WORST_FIRST if code in codes]
    return known[0] if known else max(codes, default=OK)


def sweep(
    scenario: Scenario, output: str | Path | None = None, watch: Callable[[Step], None] | None = None
) -> Swept:
    """Solve every point of a scenario's ``sweep`` and write them as one folder.

    Parameters
    ----------
    scenario : with a ``sweep``
    output : folder; the scenario's unless given
    watch : called with each step

    Returns
    -------
    Swept
        With every point; where one failed the others are kept, and :attr:`Swept.code` is not 0. The same call again
        solves only what is missing.

    Raises
    ------
    InputError
        Where a point makes no problem; nothing is solved then.
    OutputError
        Where the folder cannot be written.
    KeyboardInterrupt
        Where the user interrupted: finished points are kept for the next call.
    """
    if not scenario.settings.sweep:
        raise InputError(Finding("the scenario has no `sweep`; write one", key="sweep"))
    points = checked_points(scenario)
    final = output_folder(scenario.case, output)
    place = Place(final)
    with place.held():
        swept = solve_points(scenario, points, place, watch)
        place.put(
            {point.folder: folder for point, folder in standing(swept)},
            lambda: {
                **tables_of("sweep", swept.rows),
                "manifest.json": as_json(manifest_of(scenario, "sweep", swept)),
            },
            OURS,
            renewals(scenario, swept),
        )
        return placed(swept, final)


def checked_points(scenario: Scenario) -> tuple[Point, ...]:
    """Return the points of a scenario's ``sweep``, each held against the tables.

    Raises
    ------
    InputError
        With what is wrong with any of them.
    """
    locate = scenario.locate or _nowhere
    path = scenario.case.scenario_path
    points = points_of(scenario.settings, locate, None if path is None else path.parent)
    bench = Bench(scenario)
    findings: list[Finding] = []
    for point in distinct(points, _HARMLESS):
        try:
            bench.case_of(point)
        except InputError as error:
            key = next(
                (one for one in point.values if not one.startswith(_HARMLESS)), next(iter(point.values))
            )
            said = ", ".join(f"{name} {value!r}" for name, value in point.values.items())
            findings += [locate(("sweep", key), f"at {said}: {fault}") for fault in error.findings]
        if len(findings) >= 20:
            break
    if findings:
        raise InputError(findings)
    return points


def _nowhere(path: Sequence[str | int], message: str) -> Finding:
    return Finding(message, key=".".join(map(str, path)))


def solve_points(
    scenario: Scenario, points: tuple[Point, ...], place: Place, watch: Callable[[Step], None] | None
) -> Swept:
    """Solve points, keep what stands, and return all of them."""
    run = Run(scenario, points, place, watch)
    outcomes = run.all()
    return Swept(
        points,
        tuple(outcomes[point.number] for point in points),
        tuple(run.folders[point.number] for point in points),
        place.final,
    )


def standing(swept: Swept) -> list[tuple[Point, Path]]:
    """Return the points that have a folder, with it."""
    return [
        (point, folder)
        for point, outcome, folder in zip(swept.points, swept.outcomes, swept.folders, strict=True)
        if outcome.stands
    ]


def renewals(scenario: Scenario, swept: Swept) -> dict[str, dict[str, bytes]]:
    """Return folder → papers of the points that name an earlier state of the scenario's file."""
    papers = {point.folder: renewed(folder, point, scenario.case) for point, folder in standing(swept)}
    return {name: files for name, files in papers.items() if files}


def placed(swept: Swept, final: Path) -> Swept:
    """Return the same with the folders where they were put."""
    _ = swept.summaries  # read before their place goes
    folders = tuple(final / point.folder for point in swept.points)
    there = Swept(swept.points, swept.outcomes, folders, final)
    there.__dict__["summaries"] = swept.summaries
    return there


def tables_of(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Return a table as CSV and as Parquet, under their names."""
    columns = in_columns(rows)
    return {f"{name}.csv": csv_of(columns), f"{name}.parquet": parquet_of(columns)}


def manifest_of(scenario: Scenario, kind: str, swept: Swept) -> dict[str, Any]:
    """Return what tells how the folder was made, and what became of each point."""
    case = scenario.case
    return {
        "lendplan": version("lendplan"),
        "kind": kind,
        "scenario": case.settings.model_dump(mode="json"),
        "scenario_file": None if case.scenario_path is None else str(case.scenario_path),
        "overrides": list(case.overrides),
        "inputs": [
            {"role": one.role, "path": one.path, "sha256": one.sha256, "encoding": one.encoding}
            for one in case.inputs
        ],
        "points": [
            {
                "values": dict(point.values),
                "status": outcome.status,
                "code": outcome.code,
                "folder": point.folder if outcome.stands else None,
                "error": outcome.error or None,
            }
            for point, outcome in zip(swept.points, swept.outcomes, strict=True)
        ],
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("highspy", "numpy", "pyarrow")},
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
