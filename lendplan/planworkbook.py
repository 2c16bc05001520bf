"""A written plan in a workbook: the treasury's own, or a new one with what the plan is compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lendplan.chosenplan import ChosenPlan, choose
from lendplan.data.findings import Finding, InputError
from lendplan.data.texts import Texts
from lendplan.errors import OutputError
from lendplan.interrupts import uninterrupted
from lendplan.reports.contents import Cell
from lendplan.reports.treasury.target import WorkbookError
from lendplan.treasury import PlanFigures, Workbook, done_lines, kept_lines, note_lines, refuse_inputs
from lendplan.written import WrittenFolder, read_written

if TYPE_CHECKING:
    from lendplan.certify.folder import PlanFolder
    from lendplan.planfolder import WrittenPlan
    from lendplan.reports.treasury.newsheets import Points

_TOLD = (
    "status", "revenue", "risk", "profit", "line", "budget_used", "funded", "average_rate", "objective", "gap",
)  # fmt: skip
"""Columns of a sweep's or a frontier's table that a workbook shows beside the swept keys."""
_COMPARED = ("enterprises", "ratings", "churn")
_CONDITIONS = (
    "limits", "budget", "lines", "rates", "economics", "churn_as", "churn_fit", "formulation", "exclude_grades",
)  # fmt: skip
"""Keys that change which plans there are, and what they are worth."""


@dataclass(frozen=True)
class WorkbookWritten:
    """A workbook that holds a written plan.

    Parameters
    ----------
    plan
        Which.
    path
        The workbook.
    copy
        The dated copy of what stood there; None where nothing did.
    done, notes
        What was written, and what a reader should know, a sentence each.
    figures
        Of what was written, for ``--json``.
    """

    plan: ChosenPlan
    path: Path
    copy: Path | None
    done: tuple[str, ...]
    notes: tuple[str, ...]
    figures: Mapping[str, Any]

    @property
    def heading(self) -> str:
        """Which plan it is, in words."""
        named = self.plan.named
        return f"{self.plan.written.path}: point {named}" if named else str(self.plan.folder)

    @property
    def record(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "workbook": str(self.path),
            "kept": None if self.copy is None else str(self.copy),
            **self.figures,
            "notes": list(self.notes),
            "plan": str(self.plan.folder.absolute()),
            "point": None if self.plan.row is None else self.plan.row + 1,
        }


def fill_treasury(
    folder: str | Path, point: int | None = None, overrides: Sequence[str] = ()
) -> WorkbookWritten:
    """Write a written plan into the workbook that its scenario's ``treasury`` block names.

    Parameters
    ----------
    folder
        Of a plan, a sweep or a frontier.
    point
        Row of the table, from 1; the knee, or of a sweep the point nearest to the scenario, unless given.
    overrides
        ``treasury.KEY=VALUE`` each; a path belongs to the working directory.

    Raises
    ------
    InputError
        If there is no such plan or no ``treasury`` block, or the workbook is none that is safe to open.
    CheckFailedError
        If the plan does not pass the independent check; nothing is written then.
    OutputError
        If the workbook cannot be filled: everything that stands in the way, each with its cell.
    """
    plan = choose(folder, point)
    settings = plan.settings(overrides)
    if settings.treasury is None:
        raise plan.without_block()
    workbook = Workbook(settings, plan.tables())
    plan.refuse_within(workbook.target.final, "name another file with --set treasury.save_as=FILE")
    read = plan.checked()
    filled = workbook.fill(PlanFigures(read.summary, lambda name: _cells(read, name), plan.provenance()))
    figures = {
        "cells": filled.cells,
        "appended": list(filled.appended),
        "only_in_sheet": list(filled.only_in_sheet),
    }
    return WorkbookWritten(
        plan, filled.path, filled.copy, tuple(done_lines(filled)), tuple(note_lines(filled)), figures
    )


def _cells(read: PlanFolder, name: str) -> list[Any]:
    column = read.table.columns[name]
    return column.tolist() if isinstance(column, Texts) else list(column.tolist())


def write_workbook(
    folder: str | Path, file: str | Path, point: int | None = None, frontier: str | Path | None = None
) -> WorkbookWritten:
    """Write a written plan as a new workbook: allocations, totals, shadow prices, and the points around it.

    Parameters
    ----------
    folder
        Of a plan, a sweep or a frontier; the points of the last two stand in the workbook, too.
    file
        The workbook; ends in .xlsx. What stands there is kept as a dated copy.
    point
        Row of the table, from 1; the knee, or of a sweep the point nearest to the scenario, unless given.
    frontier
        Folder of a frontier to show the plan beside, of the same tables and unit.

    Raises
    ------
    InputError
        If there is no such plan or frontier, or XlsxWriter is not installed.
    CheckFailedError
        If the plan does not pass the independent check; nothing is written then.
    OutputError
        If the workbook cannot be written there.
    """
    from lendplan.planfolder import read_plan
    from lendplan.reports.tables import limit_states
    from lendplan.reports.treasury.newbook import check_place, check_rows, write_new

    plan = choose(folder, point)
    path = Path(file)
    cut: list[str] = []
    other = "name another with --new"
    try:
        final = check_place(path)
        plan.refuse_within(final, other)
        refuse_inputs(final, plan.tables(), other)
        others, notes = _frontier(frontier, plan, final)
        read = plan.checked()
        check_rows(path, read.table.rows)
        prices = read_plan(plan.folder)
        copy = write_new(
            path,
            _table(read, prices),
            read.summary,
            limit_states(prices.problem, prices.choice, prices.prices),
            price_ranges={name: (_end(low), _end(high)) for name, (low, high) in prices.price_ranges.items()},
            points=[_points(one, plan.row if one is plan.written else None) for one in others],
            money=prices.scale.unit,
            provenance={
                **plan.provenance(),
                **{one.kind: str(one.path.absolute()) for one in others},
                "amounts in": prices.scale.unit,
            },
            while_placing=uninterrupted,
            note=cut.append,
        )
    except WorkbookError as error:
        raise OutputError(str(error)) from error
    rows = read.table.rows
    done = (f"{final}: a new workbook, {rows:,} enterprises", *kept_lines(copy))
    return WorkbookWritten(plan, final, copy, done, (*notes, *cut), {"enterprises": rows})


def _end(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _table(read: PlanFolder, plan: WrittenPlan) -> dict[str, Any]:
    """Return the columns of the allocation, and after the ids the enterprises' names, where the book has any."""
    columns: dict[str, Any] = dict(read.table.columns)
    book = plan.case.book.table
    names = book.texts("name") if "name" in book else None
    if names is None or not any(names.present()):
        return columns
    return {"enterprise": columns.pop("enterprise"), "name": names, **columns}


def _points(written: WrittenFolder, chosen: int | None) -> Points:
    """Return the points of a sweep or a frontier as a workbook shows them."""
    from lendplan.reports.treasury.newsheets import Points

    rows = written.rows
    prices = [
        name for name in rows[0] if name.startswith("shadow_prices.") and any(row[name] for row in rows)
    ]
    notes = [name for name in ("folder", "error") if any(row.get(name) for row in rows)]
    columns: dict[str, list[Cell]] = {
        name: [row[name] for row in rows]
        for name in dict.fromkeys([*written.keys, *_TOLD, *prices, *notes])
        if name in rows[0]
    }
    return Points(written.kind, columns, chosen, _drawn_key(written))


def _drawn_key(written: WrittenFolder) -> str:
    """Return the key that amounts can be drawn against: the only one that was swept, over numbers."""
    if written.kind != "sweep" or len(written.keys) != 1:
        return ""
    values = [row[written.keys[0]] for row in written.rows]
    is_numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    return written.keys[0] if is_numbers and len(set(values)) > 1 else ""


def _frontier(
    folder: str | Path | None, plan: ChosenPlan, final: Path
) -> tuple[list[WrittenFolder], tuple[str, ...]]:
    """Return the points that a plan is shown among, its own and those of a frontier; and what is to be said of them.

    Raises
    ------
    InputError
        If the folder is no frontier's, or that of other tables or another unit.
    OutputError
        If the workbook would stand within it.
    """
    own = [plan.written] if plan.row is not None else []
    if folder is None or Path(folder).resolve() == plan.written.path.resolve():
        if folder is not None and plan.written.kind != "frontier":
            raise _no_frontier(plan.written)
        return own, ()
    found = read_written(folder)
    manifest = str(found.path / "manifest.json")
    if found.kind != "frontier":
        raise _no_frontier(found)
    if found.opened is None:
        raise InputError(Finding("none of its points has a plan", file=str(found.path / "frontier.csv")))
    beside = choose(folder)
    beside.refuse_within(final, "name another with --new")
    refuse_inputs(final, beside.tables(), "name another with --new")
    theirs = _tables_of(found.manifest)
    ours = _tables_of(plan.papers.manifest)
    other = [role for role in _COMPARED if theirs.get(role) != ours.get(role)]
    scenario = found.manifest.get("scenario")
    said: Mapping[str, Any] = scenario if isinstance(scenario, Mapping) else {}
    other += [key for key in ("currency", "unit") if said.get(key) != plan.papers.scenario.get(key)]
    if other:
        message = (
            f"is the frontier of another question: {', '.join(other)} differ from those of {plan.folder}"
        )
        raise InputError(Finding(message, file=manifest))
    differing = [key for key in _CONDITIONS if said.get(key) != plan.papers.scenario.get(key)]
    shown = [*(one for one in own if one.kind != "frontier"), found]
    if not differing:
        return shown, ()
    return shown, (f"note: the frontier's scenario differs from the plan's in {', '.join(differing)}",)


def _no_frontier(found: WrittenFolder) -> InputError:
    message = f"is the folder of a {found.kind}; name one that a scenario with `frontier` was written to"
    return InputError(Finding(message, file=str(found.path)))


def _tables_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    entries = manifest.get("inputs")
    return {
        str(entry.get("role")): str(entry.get("sha256"))
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, Mapping)
    }
