"""The plan into the treasury's workbook, and edited lines and rates back out of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lendplan.data.findings import Finding, InputError, did_you_mean
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

_FIGURES = (
    "status", "objective", "bound", "gap", "certified_bound", "certified_gap", "revenue", "risk", "profit",
    "interest", "line", "exposure", "budget_used", "funded", "eligible", "average_rate", "unspent_because",
    "solver", "binding",
)  # fmt: skip
"""Keys of summary.json whatever the scenario."""
_PRICE, _RANGE = "shadow_prices.", "shadow_price_ranges."
_IN_MONEY = frozenset({"objective", "bound", "certified_bound", "value"})  # where the objective is a profit


def target_of(settings: Settings) -> Target | None:
    """Return what the scenario's ``treasury`` block says; None without one."""
    block = settings.treasury
    if block is None:
        return None
    amounts = AMOUNTS | _IN_MONEY if settings.objective.kind == "profit" else AMOUNTS
    heads = tuple(limit.name for limit in settings.limits if limit.measure == "count")
    ends = {  # of a share or a rate they are of the measure itself
        key
        for key in block.cells.values()
        if key.startswith(_RANGE) and not any(_is_of(_limit_in(key), name) for name in heads)
    }
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
        amounts=amounts | ends,
    )


def check_cells(settings: Settings, limits: Iterable[str] | None = None) -> None:
    """Hold the keys that ``treasury.cells`` names against those that summary.json can have, before any search.

    Parameters
    ----------
    settings
        A scenario's; without a ``treasury`` block nothing is wrong.
    limits
        Names of the limits that the tables make of the scenario's, a group each; unless given, every group of a limit
        with ``by`` is taken to be there.

    Raises
    ------
    InputError
        With every key that the summary cannot have, whatever the plan.
    """
    from lendplan.reports.summary import STAGES

    known = [*_FIGURES, *(f"seconds.{stage}" for stage in STAGES)]
    if settings.objective.kind == "weighted":
        known += sorted(name for name in AMOUNTS if name.startswith("ranges."))
    names = [limit.name for limit in settings.limits if limit.by is None] if limits is None else list(limits)
    grouped = [limit.name for limit in settings.limits if limit.by is not None and limits is None]
    for name in dict.fromkeys(["budget", *names]):
        known += [_PRICE + name, f"{_RANGE}{name}.from", f"{_RANGE}{name}.to"]
    findings = []
    for cell, key in settings.treasury.cells.items() if settings.treasury is not None else ():
        of = _limit_in(key)
        if key not in known and not any(_is_of(of, name) and of != name for name in grouped):
            near = did_you_mean(key, known)
            findings.append(Finding(f"{key!r} is no key of summary.json{near}", key=f"treasury.cells.{cell}"))
    if findings:
        raise InputError(findings)


def _limit_in(key: str) -> str:
    """Return the limit that a key of the summary is about; '' for none."""
    if key.startswith(_PRICE):
        return key.removeprefix(_PRICE)
    name, dot, end = key.rpartition(".")
    return name.removeprefix(_RANGE) if dot and end in ("from", "to") and name.startswith(_RANGE) else ""


def _is_of(limit: str, name: str) -> bool:
    """Whether a limit is one of the scenario's, or a group of it: ``one industry[retail]``."""
    return limit == name or (limit.startswith(f"{name}[") and limit.endswith("]"))


def looked_at(target: Target) -> Fingerprint | None:
    """Return the workbook as it stands when a run begins, so that an edit made meanwhile is not written over.

    Raises
    ------
    OutputError
        If it cannot be read.
    """
    from lendplan.reports.treasury.placing import fingerprint, refuse_irregular

    try:
        refuse_irregular(target.workbook, "another workbook in treasury.workbook")
        return fingerprint(target.workbook)
    except WorkbookError as error:
        raise OutputError(str(error)) from error
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
    limits
        Names of the problem's limits, a group each; see :func:`check_cells`.

    Raises
    ------
    OutputError
        If the workbook cannot be read, or what would be written over is an input or no file.
    InputError
        If a cell is to hold what is no key of summary.json.
    """

    def __init__(
        self, settings: Settings, inputs: Iterable[str | Path] = (), limits: Iterable[str] | None = None
    ) -> None:
        from lendplan.reports.treasury.placing import refuse_irregular

        target = target_of(settings)
        assert target is not None
        check_cells(settings, limits)
        try:
            refuse_irregular(target.final)
        except WorkbookError as error:
            raise OutputError(str(error)) from error
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
        from lendplan.sweep.tables import flat

        target = self.target
        summary = flat(figures.summary)
        prices = figures.summary.get("shadow_prices") or {}
        for key in target.cells.values():
            of = _limit_in(key)
            if of and (of in prices or not prices):
                summary.setdefault(key, None)  # what is not known of a limit is blank
        unknown = [
            Finding(
                f"{key!r} is no key of summary.json{did_you_mean(key, summary)}", key=f"treasury.cells.{cell}"
            )
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
        is_same = False
        with contextlib.suppress(OSError, ValueError):  # there is no such file: nothing is written over
            is_same = final.samefile(path)
        if is_same:
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
