"""The plan into the treasury's workbook, and edited lines and rates back out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lendplan.data.findings import Finding, InputError
from lendplan.errors import OutputError
from lendplan.interrupts import uninterrupted
from lendplan.reports.treasury.target import AMOUNTS, Target, WorkbookError

if TYPE_CHECKING:
    import pandas as pd

    from lendplan.plan import Plan
    from lendplan.reports.treasury.filling import Filled
    from lendplan.reports.treasury.placing import Fingerprint
    from lendplan.run import Scenario
    from lendplan.scenario import Settings

_IN_MONEY = frozenset({"objective", "bound", "certified_bound", "value"})  # where the objective is a profit


def target_of(settings: Settings) -> Target | None:
    """Return what the scenario's ``treasury`` block says; None without one."""
    block = settings.treasury
    if block is None:
        return None
    return Target(
        workbook=Path(block.workbook),
        sheet=block.sheet,
        key=block.key,
        write=dict(block.write),
        cells=dict(block.cells),
        save_as=None if block.save_as is None else Path(block.save_as),
        missing=block.missing,
        provenance=block.provenance,
        factor=settings.unit / (block.unit or settings.unit),
        amounts=AMOUNTS | _IN_MONEY if settings.objective.kind == "profit" else AMOUNTS,
    )


def looked_at(target: Target) -> Fingerprint | None:
    """Return the workbook as it stands when a run begins, so that an edit made meanwhile is not written over.

    Raises
    ------
    OutputError
        If it cannot be read.
    """
    from lendplan.reports.treasury.placing import fingerprint

    try:
        return fingerprint(target.workbook)
    except OSError as error:
        raise OutputError(f"{target.workbook} cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class PlanFigures:
    """What a workbook gets of a plan.

    Parameters
    ----------
    summary
        The keys of summary.json.
    column
        Returns a column of ``allocations.csv`` by name, a value a row; NaN and None are blank.
    provenance
        What the sheet of provenance says → its value.
    """

    summary: Mapping[str, Any]
    column: Callable[[str], list[Any]]
    provenance: Mapping[str, str]


def figures_of(plan: Plan) -> PlanFigures:
    """Return the figures of a plan that was just made."""
    summary, case = plan.summary, plan.case
    hashes = [(record.path, record.sha256) for record in case.inputs]
    provenance = provenance_of(case.settings.title, str(case.scenario_path or "none"), summary, hashes)
    return PlanFigures(summary, lambda name: list(plan.allocations[name].tolist()), provenance)


def provenance_of(
    title: str, scenario_file: str, summary: Mapping[str, Any], inputs: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Return what a workbook says of where its figures come from; ``inputs`` are paths with their SHA-256."""
    return {
        "scenario": title,
        "scenario file": scenario_file,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "lendplan": version("lendplan"),
        "status": str(summary["status"]),
        "objective": str(summary["objective"]),
        "gap": str(summary["gap"]),
        "certified gap": str(summary["certified_gap"]),
        **{f"sha256 of {Path(path).name}": sha256 for path, sha256 in inputs},
    }


class Workbook:
    """The workbook of one run: looked at when the run begins, filled when the plan has passed its check.

    Parameters
    ----------
    settings
        Of a scenario with a ``treasury`` block.
    inputs
        Files that the plan is made from; none of them may be written over.

    Raises
    ------
    OutputError
        If the workbook cannot be read, or what would be written over is an input.
    """

    def __init__(self, settings: Settings, inputs: Iterable[str | Path] = ()) -> None:
        target = target_of(settings)
        assert target is not None
        refuse_inputs(target.final, inputs, "name another file in treasury.save_as")
        self.target = target
        self._since = looked_at(target)
        self.told: list[str] = []

    def filling(self, plan: Plan) -> Callable[[], None]:
        """Return what fills it with a plan, and notes in `told` what was done."""

        def fill() -> None:
            done = self.fill(figures_of(plan))
            self.told += [*done_lines(done), *note_lines(done)]

        return fill

    def fill(self, figures: PlanFigures) -> Filled:
        """Write a plan into the workbook; all of it or nothing.

        Parameters
        ----------
        figures
            Of the plan; enterprises that are declined or excluded have a line of 0 and no rate.

        Raises
        ------
        OutputError
            If the workbook cannot be filled: everything that stands in the way, each with its cell.
        InputError
            If it is missing, damaged, or no workbook that is safe to open.
        """
        from lendplan.reports.treasury.filling import fill

        target = self.target
        summary = _flat(figures.summary)
        unknown = [
            Finding(f"{key!r} is no key of summary.json", key=f"treasury.cells.{cell}")
            for cell, key in target.cells.items()
            if key not in summary
        ]
        if unknown:
            raise InputError(unknown)
        table = {name: figures.column(name) for name in {"enterprise", *target.write.values()}}
        try:
            return fill(
                target, table, summary, figures.provenance, since=self._since, while_placing=uninterrupted
            )
        except WorkbookError as error:
            raise OutputError(str(error)) from error


def refuse_inputs(final: Path, inputs: Iterable[str | Path], remedy: str) -> None:
    """Refuse to write over a file that the plan is made from: its check would fail from then on.

    Raises
    ------
    OutputError
    """
    for path in inputs:
        if Path(path).exists() and final.exists() and final.samefile(path):
            raise OutputError(
                f"{final} is an input of the plan, which could not be checked any more; {remedy}"
            )


def done_lines(done: Filled) -> list[str]:
    """Say what was done to a workbook."""
    told = f"{done.path}: {done.cells:,} cells written, {len(done.appended):,} rows appended"
    return [told, *kept_lines(done.copy)]


def kept_lines(copy: Path | None) -> list[str]:
    """Say where what stood there before is kept."""
    return [] if copy is None else [f"what stood there is kept in {copy}"]


def note_lines(done: Filled) -> list[str]:
    """Say what a reader of a filled workbook should know."""
    strangers = len(done.only_in_sheet)
    said = [f"{strangers:,} rows of the sheet are of none of the plan's enterprises"] if strangers else []
    return [*said, *(f"note: {note}" for note in done.notes)]


def pulled(scenario: Scenario) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read edited lines and rates out of the workbook.

    Returns
    -------
    tuple
        The allocation (enterprise, line, rate), and ids of the sheet that the book lacks.

    Raises
    ------
    InputError
        If the scenario has no ``treasury`` block, or the workbook cannot be read: each wrong cell is named.
    """
    import pandas as pd

    from lendplan.reports.treasury.pull import pull

    target = target_of(scenario.settings)
    if target is None:
        raise InputError(Finding("the scenario has no `treasury` block, so there is no workbook to read"))
    ids = scenario.case.book.table.texts("enterprise").tolist()
    try:
        found = pull(target, ids)
    except WorkbookError as error:
        raise InputError(error.findings) from error
    frame = pd.DataFrame({"enterprise": found.enterprise, "line": found.line, "rate": found.rate})
    return frame, found.unknown


def _flat(summary: Mapping[str, Any], before: str = "") -> dict[str, float | str | None]:
    """Return the summary's numbers and texts, nested keys joined by a dot."""
    flat: dict[str, float | str | None] = {}
    for name, value in summary.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
        elif value is None or isinstance(value, int | float | str):
            flat[before + name] = value
    return flat
