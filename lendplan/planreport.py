"""From a written folder to what its report tells: the plan, or each point of a sweep or a frontier."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lendplan.certify.allocations import read_allocations
from lendplan.certify.folder import PlanFolder, read_papers
from lendplan.certify.inputs import Inputs as CheckInputs
from lendplan.certify.plan import verify
from lendplan.data.coltable import ColumnTable
from lendplan.data.findings import Finding, InputError
from lendplan.errors import CheckFailedError
from lendplan.planfolder import Inputs, WrittenPlan, read_plan
from lendplan.pointscheck import faults_of_table
from lendplan.reports.contents import Cell, Chosen, Curve, Enterprises, PlanTold, Point, Report
from lendplan.reports.proof import proof_sentences
from lendplan.reports.tables import limit_states, totals_by_grade
from lendplan.sweep.pointfolder import reading_once
from lendplan.written import WrittenFolder, read_written

MAX_POINTS = 2000
"""Points that a report tells: beyond it a table does better."""
_IN_REPORT = ("rate", "line", "revenue", "risk", "value")


@dataclass(frozen=True)
class _Reading:
    """What the points of a report have in common, and is read once: by the report, and by the check."""

    tables: Inputs = field(default_factory=dict)
    check_inputs: Callable[[PlanFolder, Mapping[str, str]], CheckInputs] = field(default_factory=reading_once)


def report_of(
    folder: str | Path, point: int | None = None, watch: Callable[[int, int], None] | None = None
) -> Report:
    """Read all that a report tells; each plan passes the independent check again.

    Parameters
    ----------
    folder : of a plan, a sweep or a frontier
    point : the row of its table, from 1, that is shown first; the knee, or of a sweep the point nearest to
        the scenario's own values, unless given
    watch : called with the points that are read, and how many there are

    Raises
    ------
    InputError
        If the folder, or a table that it rests on, cannot be read or has changed, or there is no such point.
    CheckFailedError
        If a plan does not pass the check.
    """
    written = read_written(folder)
    if len(written.rows) > MAX_POINTS:
        message = (
            f"has {len(written.rows):,} points, and a report shows at most {MAX_POINTS:,}; sweep fewer values"
        )
        raise InputError(Finding(message, file=str(written.path / f"{written.kind}.csv")))
    first = written.plan_folder(point)
    reading = _Reading()
    if written.kind == "plan":
        told, plan = _told(first, reading)
        points: tuple[Point, ...] = (Point("", {}, str(told.summary["status"]), told),)
        opened = 0
    else:
        points, plan = _points(written, reading, watch or _unwatched)
        opened = point - 1 if point is not None else (written.opened or 0)
    settings = plan.case.settings
    return Report(
        kind=written.kind,
        title=settings.title,
        money=plan.scale.unit,
        objective=settings.objective.kind,
        points=points,
        opened=opened,
        swept=written.keys if written.kind == "sweep" else (),
        facts=_facts(written, read_papers(first)),
    )


def _unwatched(done: int, points: int) -> None:
    del done, points


def _points(
    written: WrittenFolder, reading: _Reading, watch: Callable[[int, int], None]
) -> tuple[tuple[Point, ...], WrittenPlan]:
    faults = faults_of_table(written.path)
    if faults:
        first = "\n".join(f"  {one}" for one in faults[:20])
        raise CheckFailedError(
            f"the table of points says otherwise than the points, so nothing is reported:\n{first}"
        )
    points: list[Point] = []
    last: WrittenPlan | None = None
    for at, row in enumerate(written.rows):
        told = None
        if written.has_plan(at):
            told, plan = _told(written.folder_of(at), reading)
            if last is not None and plan.scale.unit != last.scale.unit:
                message = (
                    f"point {at + 1} counts in {plan.scale.unit}, and an earlier one in {last.scale.unit}; a report "
                    "takes points of one unit: report the point by itself, by its folder"
                )
                raise InputError(Finding(message, file=str(written.path / f"{written.kind}.csv")))
            last = plan
        points.append(
            Point(
                label=_label(written, at),
                values={key: row[key] for key in written.keys if key != "knee"},
                status=str(row["status"]),
                told=told,
                error="" if told is not None else str(row.get("error") or "it has no plan"),
                knee=row.get("knee") is True,
            )
        )
        watch(at + 1, len(written.rows))
    assert last is not None  # one of them has a plan, or there would be no folder to open
    return tuple(points), last


def _label(written: WrittenFolder, at: int) -> str:
    row = written.rows[at]
    if written.kind == "frontier":
        limit = row.get("risk_limit")
        if isinstance(limit, float | int):
            return f"risk ≤ {limit:,.6g}"
        return "least risk" if at == 0 else "most revenue"
    return ", ".join(f"{_short(key)} {_plain(row[key])}" for key in written.keys)


def _short(key: str) -> str:
    """Return the last part of a key; of a limit's, its name, too."""
    parts = key.split(".")
    return ".".join(parts[1:]) if parts[0] == "limits" else parts[-1]


def _plain(cell: Cell) -> str:
    if cell is None:
        return "–"
    return f"{cell:,.12g}" if isinstance(cell, float) else str(cell)


def _told(folder: Path, reading: _Reading) -> tuple[PlanTold, WrittenPlan]:
    plan = read_plan(folder, reading.tables)
    report = verify(folder, reading.check_inputs)
    if not report.passed:
        failed = "\n".join(f"  {check.name}: {check.detail}" for check in report.failed)
        raise CheckFailedError(
            f"{folder} fails the independent check, so nothing is reported of it:\n{failed}"
        )
    papers = read_papers(folder)
    told = PlanTold(
        summary=papers.summary,
        grades=totals_by_grade(_allocations(folder)),
        limits=limit_states(plan.problem, plan.choice, plan.prices),
        price_ranges={name: (_finite(low), _finite(high)) for name, (low, high) in plan.price_ranges.items()},
        curves=_curves(plan),
        chosen=_chosen(plan),
        certificate=[
            *proof_sentences(papers.summary, papers.certificate, plan.scale.unit),
            f"For this report the check was made again: {len(report.checks)} of {len(report.checks)} passed.",
        ],
        enterprises=_enterprises(plan, folder),
        command=f"optimize verify {_quoted(folder)}",
    )
    return told, plan


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None


def _quoted(folder: Path) -> str:
    import shlex

    return shlex.quote(str(folder))


def _allocations(folder: Path) -> ColumnTable:
    """Return the allocations as they were written."""
    table = read_allocations(folder / "allocations.parquet")
    return ColumnTable(dict(table.columns), table.rows)


def _enterprises(plan: WrittenPlan, folder: Path) -> Enterprises:
    table, book = _allocations(folder), plan.case.book.table
    names = book.texts("name") if "name" in book else None
    if names is not None and not any(names.present()):
        names = None
    return Enterprises(
        enterprise=table.texts("enterprise"),
        name=names,
        grade=table.texts("grade"),
        decision=table.texts("decision"),
        reason=table.texts("reason"),
        **{name: table.numbers(name) for name in _IN_REPORT},
    )


def _curves(plan: WrittenPlan) -> list[Curve]:
    """Return the churn curves that eligible enterprises follow."""
    problem, grades = plan.problem, np.asarray(plan.grade)[plan.case.applicants.row]
    return [
        Curve(
            name=plan.case.churn.grades[curve],
            grades=tuple(sorted({str(one) for one in grades[problem.curve == curve]})),
            rates=problem.rates,
            churn=1.0 - problem.retention[curve],
        )
        for curve in np.unique(problem.curve).tolist()
    ]


def _chosen(plan: WrittenPlan) -> list[Chosen]:
    """Return the loans of each curve at each rate, counted."""
    problem, choice = plan.problem, plan.choice
    lent = np.flatnonzero(choice.offered)
    at = np.argmin(np.abs(problem.rates[:, None] - np.unique(choice.rate[lent])), axis=0)
    rate = at[np.unique(choice.rate[lent], return_inverse=True)[1]]
    pairs, place = np.unique(
        np.stack([problem.curve[lent].astype(np.int64), rate]), axis=1, return_inverse=True
    )
    loans = np.bincount(place.ravel(), minlength=pairs.shape[1])
    lines = np.bincount(place.ravel(), weights=choice.line[lent], minlength=pairs.shape[1])
    return [
        Chosen(
            curve=plan.case.churn.grades[curve],
            rate=float(problem.rates[k]),
            churn=float(1.0 - problem.retention[curve, k]),
            loans=int(count),
            line=float(line),
        )
        for (curve, k), count, line in zip(pairs.T.tolist(), loans.tolist(), lines.tolist(), strict=True)
    ]


def _facts(written: WrittenFolder, papers: PlanFolder) -> dict[str, str]:
    manifest = written.manifest
    facts = {"folder": str(written.path), "made": str(manifest.get("created", "–"))}
    scenario = manifest.get("scenario_file")
    if scenario:
        facts["scenario"] = str(scenario)
    overrides = manifest.get("overrides")
    if isinstance(overrides, list) and overrides:
        facts["overridden"] = ", ".join(map(str, overrides))
    for source in papers.sources:
        if source.role != "scenario":
            whose = " of the point shown first" if source.role in written.keys else ""
            facts[f"{source.role}{whose}"] = f"{source.path} (sha256 {source.sha256})"
    facts["made by"] = f"lendplan {manifest.get('lendplan', '?')}, {papers.summary.get('solver', '?')}"
    return facts
