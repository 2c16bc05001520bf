"""The answer to a scenario: its tables and figures, and its way to the disk through the independent check."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lendplan.certified import Certified, certified
from lendplan.certify.plan import verify
from lendplan.certify.report import Report
from lendplan.data.cells import RawColumn, objects
from lendplan.data.churn import SHIPPED, ChurnTable
from lendplan.data.coltable import ColumnTable
from lendplan.data.sources import InputRecord
from lendplan.data.tables import as_csv
from lendplan.errors import (
    CheckFailedError,
    InfeasibleError,
    InterruptedRunError,
    NoPlanError,
    OutputError,
)
from lendplan.inputs import Case
from lendplan.interrupts import uninterrupted
from lendplan.models.problem import Choice
from lendplan.reports.allocationfiles import with_reasons, write_allocations
from lendplan.reports.conflict import conflict_lines
from lendplan.reports.folder import FolderError, refuse_strangers, staged, write_files
from lendplan.reports.reasons import Reasons
from lendplan.reports.summary import summarise
from lendplan.reports.tables import (
    GradeTotals,
    LimitState,
    allocations,
    budget_left,
    limit_states,
    totals_by_grade,
)
from lendplan.scenario import Settings
from lendplan.solvers.result import Result, SolutionStatus, StopReason

if TYPE_CHECKING:
    import pandas as pd

# What a plan's folder may hold: a folder that holds anything else is not replaced.
FILES = (
    "allocations.csv",
    "allocations.parquet",
    "summary.json",
    "certificate.json",
    "manifest.json",
    "inputs/enterprises.csv",
    "inputs/ratings.csv",
    "inputs/churn.csv",
)
# A folder may hold a plan, a sweep or a frontier, and any of them takes the place of any other.
OURS = (
    *FILES,
    *(f"{kind}.{suffix}" for kind in ("sweep", "frontier") for suffix in ("csv", "parquet")),
    *(f"points/[0-9]*/{name}" for name in FILES),
)


def output_folder(case: Case, folder: str | Path | None = None) -> Path:
    """Return where a plan of this case goes, absolute; it is refused before any work where it cannot go there.

    Parameters
    ----------
    folder : the scenario's ``output`` unless given

    Raises
    ------
    OutputError
        If there is none, it holds files that are no plan's, or an input of the scenario.
    """
    target = folder if folder is not None else case.settings.output
    if target is None:
        raise OutputError("the scenario names no output folder; give one")
    final = Path(target).absolute()
    try:
        refuse_strangers(final, OURS)
    except FolderError as error:
        raise OutputError(str(error)) from error
    for record in case.inputs if case.scenario_path is not None else ():
        if Path(record.path).resolve().is_relative_to(final.resolve()):
            raise OutputError(
                f"{final} holds an input of this scenario, {record.path}; choose another folder with --output"
            )
    return final


@dataclass(frozen=True)
class Plan:
    """The answer: who gets a loan, at what rate, with what line, and what that is worth."""

    case: Case = field(repr=False)
    result: Result = field(repr=False)

    @cached_property
    def choice(self) -> Choice:
        """The plan over the eligible enterprises, as arrays."""
        assert self.result.rate is not None
        assert self.result.line is not None
        return self.result.problem.choice(self.result.rate, self.result.line)

    @cached_property
    def limits(self) -> list[LimitState]:
        """The budget and each limit: stated, reached, shadow price, whether it binds."""
        return limit_states(self.result.problem, self.choice, self.result.prices)

    @cached_property
    def _rows(self) -> ColumnTable:
        """The allocations but for their reasons."""
        case = self.case
        return allocations(case.book.table, case.applicants, self.result.problem, self.choice)

    @property
    def _reasons(self) -> Reasons:
        problem = self.result.problem
        return Reasons(problem, self.result.prices, self.choice, budget_left(problem, self.choice))

    @cached_property
    def allocations(self) -> pd.DataFrame:
        """One row for every enterprise of the book, in its order; the columns of ``allocations.csv``."""
        return with_reasons(self._rows, self.case.applicants, self._reasons, slice(None)).to_frame()

    @property
    def totals_by_grade(self) -> list[GradeTotals]:
        """What each grade gets."""
        return totals_by_grade(self._rows)

    @cached_property
    def by_grade(self) -> pd.DataFrame:
        """One row a grade; the average rate is NaN where nothing is drawn."""
        import pandas as pd

        return pd.DataFrame([vars(one) for one in self.totals_by_grade]).astype({"average_rate": float})

    @property
    def certified_bound(self) -> float | None:
        """What no plan of this scenario can exceed, recomputed from the input tables by the code that checks plans."""
        return self._certified.bound

    @cached_property
    def _certified(self) -> Certified:
        case = self.case
        return certified(
            self.result, _dumped(case.settings), case.book, case.tables.churn, self.summary_ranges
        )

    @property
    def summary_ranges(self) -> dict[str, float] | None:
        """The payoff ranges as plain data; None for ``profit``."""
        ranges = self.result.problem.objective.ranges
        return None if ranges is None else dict(vars(ranges))

    @property
    def summary(self) -> dict[str, Any]:
        """The keys of ``summary.json``."""
        return self._summary(write_seconds=0.0)

    def _summary(self, write_seconds: float) -> dict[str, Any]:
        seconds = {**self._figures["seconds"], "write": round(write_seconds, 6)}
        return {**self._figures, "seconds": seconds}

    @cached_property
    def _figures(self) -> dict[str, Any]:
        """The summary, but for the time that writing takes."""
        fixed_lines = None
        if self.case.settings.formulation == "two_stage":
            from lendplan.models.two_stage import stage_one_lines

            fixed_lines = stage_one_lines(self.result.problem)
        return summarise(
            self.result,
            self.choice,
            self.limits,
            certified_bound=self.certified_bound,
            seconds={**self.case.seconds, **self.result.seconds},
            fixed_lines=fixed_lines,
        )

    def write(
        self, folder: str | Path | None = None, *, once_checked: Callable[[], None] | None = None
    ) -> Path:
        """Write the plan as a folder, checked independently before it is put in place.

        Parameters
        ----------
        folder : the scenario's ``output`` unless given
        once_checked : called when all is written and has passed the check; where it raises nothing is put in place

        Raises
        ------
        CheckFailedError
            Where the written plan does not pass the check; nothing is put in place.
        OutputError
            Where it cannot be written; what stood there before stands.
        """
        started = time.perf_counter()
        final = output_folder(self.case, folder)
        try:
            with staged(final, OURS, while_placing=uninterrupted) as staging:
                self._write_tables(staging)
                write_files(staging, self._files(started))
                report = self._check(staging)
                if not report.passed:
                    failed = "\n".join(f"  {check.name}: {check.detail}" for check in report.failed)
                    raise CheckFailedError(
                        f"the plan failed the independent check and was not written:\n{failed}"
                    )
                if once_checked is not None:
                    once_checked()
        except FolderError as error:
            raise OutputError(str(error)) from error
        return final

    def _write_tables(self, folder: Path) -> None:
        write_allocations(folder, self._rows, self.case.applicants, self._reasons)

    def _check(self, folder: Path) -> Report:
        return verify(folder)

    def _files(self, started: float) -> dict[str, bytes]:
        files = {
            "certificate.json": self._encoded(self._certificate()),
            "manifest.json": self._encoded(self._manifest()),
            **self._stored_tables,
        }
        files["summary.json"] = self._encoded(self._summary(time.perf_counter() - started))
        return files

    def _encoded(self, value: Mapping[str, Any]) -> bytes:
        return as_json(value)

    def _certificate(self) -> dict[str, Any]:
        summary = self.summary
        return {
            "objective": summary["objective"],
            "bound": summary["bound"],
            "certified_bound": summary["certified_bound"],
            "prices": dict(self.result.prices),
            "prices_bound": self._certified.by_prices,
            "ranges": self.summary_ranges,
            **self._certified.search,
            "inputs": {str(entry["path"]): entry["sha256"] for entry in self._inputs()},
        }

    def _inputs(self) -> list[dict[str, Any]]:
        """Where each input stands and its hash; tables that came as data frames are stored with the plan."""
        stored = self._stored_tables
        return [
            {
                "role": record.role,
                "path": f"inputs/{record.role}.csv",
                "sha256": hashlib.sha256(stored[f"inputs/{record.role}.csv"]).hexdigest(),
                "encoding": "utf-8",
            }
            if record.role in self.case.tables.framed
            else {
                "role": record.role,
                "path": _named(record),
                "sha256": record.sha256,
                "encoding": record.encoding,
            }
            for record in self.case.inputs
        ]

    @cached_property
    def _stored_tables(self) -> dict[str, bytes]:
        """The tables that came as data frames, as files to stand with the plan, so that it can be checked."""
        tables = self.case.tables
        given: dict[str, Callable[[], Mapping[str, RawColumn]]] = {
            "enterprises": lambda: tables.enterprises.columns,
            "ratings": lambda: {} if tables.ratings is None else tables.ratings.columns,
            "churn": lambda: _churn_columns(tables.churn),
        }
        return {
            f"inputs/{role}.csv": as_csv(columns())
            for role, columns in given.items()
            if role in tables.framed
        }

    def _manifest(self) -> dict[str, Any]:
        case = self.case
        return {
            "lendplan": _version("lendplan"),
            "scenario": _dumped(case.settings),
            "scenario_file": None if case.scenario_path is None else str(case.scenario_path),
            "overrides": list(case.overrides),
            "inputs": self._inputs(),
            "versions": {
                "python": platform.python_version(),
                **{name: _version(name) for name in ("highspy", "pyomo", "numpy", "pandas", "pyarrow")},
            },
            "seed": self.result.seed,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


_version = cache(version)  # which looks through all installed packages


def _churn_columns(churn: ChurnTable) -> dict[str, RawColumn]:
    curves = dict(zip(churn.grades, churn.churn, strict=True))
    return {name: objects(values.tolist()) for name, values in {"rate": churn.rates, **curves}.items()}


def _named(record: InputRecord) -> str:
    """Name a file as the manifest does: its sheet after `#`, the shipped churn table by its package."""
    if record.path == SHIPPED:
        return f"package:{Path(SHIPPED).name}"
    return record.path + (f"#{record.sheet}" if record.sheet else "")


def _dumped(settings: Settings) -> dict[str, Any]:
    dumped: dict[str, Any] = settings.model_dump(mode="json")
    return dumped


def as_json(value: Mapping[str, Any], *, indent: int | None = 2) -> bytes:
    """Return plain data as the files of a plan hold it."""
    return (json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False) + "\n").encode("utf-8")


def raise_without_plan(result: Result, summary: dict[str, Any], time_limit: float) -> NoReturn:
    """Raise what says why a solve has no plan."""
    if result.solution is SolutionStatus.INFEASIBLE:
        assert result.conflict is not None
        raise InfeasibleError("\n".join(conflict_lines(result.conflict, result.problem)), summary)
    if result.stop is StopReason.INTERRUPTED:
        raise InterruptedRunError("interrupted before a plan was found; nothing was written")
    if result.stop is StopReason.TIME_LIMIT:
        raise NoPlanError(
            f"the time limit of {time_limit:g} s was reached before a plan was found; "
            "raise solver.time_limit, or loosen solver.gap"
        )
    raise CheckFailedError(f"the solver gave up without a plan: {result.detail}")
