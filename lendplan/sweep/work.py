"""One process's part of a sweep: tables read once, points solved in turn, each from its neighbour's prices."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import sha256_of
from lendplan.data.tables import split_sheet
from lendplan.errors import (
    INFEASIBLE,
    LIMIT_REACHED,
    OK,
    InfeasibleError,
    InterruptedRunError,
    LendplanError,
    OutputError,
    exit_code_of,
)
from lendplan.inputs import Case, build_case, read_tables
from lendplan.models.measures import Ranges
from lendplan.models.problem import Problem
from lendplan.reports.folder import explained
from lendplan.run import SEED, Scenario, solved
from lendplan.scenario import Settings
from lendplan.solvers.result import Options, Result, SolutionStatus, Start, StopReason
from lendplan.sweep.pointfolder import Known, PointPlan, fingerprint, write_without_plan
from lendplan.sweep.points import Point, unswept

_TABLES = ("enterprises", "ratings", "churn", "columns")  # keys that say what is read
_SAME_RATE = 1e-12
_WEIGHT = ("objective", "revenue_weight")


@dataclass(frozen=True)
class Outcome:
    """What became of a point.

    Parameters
    ----------
    number : of the point
    code : 0 proven; 4 proven to have no plan; 5 a plan at a limit of time or effort; else there is none
    status : as in summary.json; ``failed`` where there is no plan and none is proven not to exist
    error : what is wrong, for the user; '' where nothing is
    """

    number: int
    code: int
    status: str
    error: str = ""

    @property
    def stands(self) -> bool:
        """Whether it has a folder, and is not looked for again."""
        return self.code in (OK, INFEASIBLE, LIMIT_REACHED)


class Bench:
    """A scenario whose tables are read, and what has been learnt of it on the way.

    Parameters
    ----------
    scenario : read and checked
    """

    def __init__(self, scenario: Scenario) -> None:
        self.base = scenario.case
        self._ranges: dict[str, Ranges | None] = {}  # of scenarios that differ in the weight alone
        self._hashes: dict[str, str] = {}

    def fingerprint(self, point: Point) -> str:
        """Return what tells this point from every other; see :func:`fingerprint`."""
        question = unswept(point.settings)
        question.pop("output", None)
        question["solver"] = {name: one for name, one in question["solver"].items() if name != "threads"}
        return fingerprint(question, self._inputs(point.settings), version("lendplan"))

    def _inputs(self, settings: Settings) -> list[str]:
        if self._reads_the_same(settings):
            return [
                f"{record.role} {record.sha256}" for record in self.base.inputs if record.role != "scenario"
            ]
        found = []
        for role in ("enterprises", "ratings", "churn"):
            path = getattr(settings, role)
            if path is not None:
                if path not in self._hashes:
                    self._hashes[path] = sha256_of(split_sheet(path)[0])
                found.append(f"{role} {self._hashes[path]}")
        return found

    def _reads_the_same(self, settings: Settings) -> bool:
        return all(getattr(settings, key) == getattr(self.base.settings, key) for key in _TABLES)

    def case_of(self, point: Point) -> Case:
        """Return the question of a point; the tables are read again only where it has others.

        Raises
        ------
        InputError
        """
        settings = point.settings

        def locate(path: Sequence[str | int], message: str) -> Finding:
            return Finding(message, key=".".join(map(str, path)))

        with _quiet():
            same = self._reads_the_same(settings)
            return build_case(
                settings,
                self.base.tables if same else read_tables(settings),
                locate=locate,
                scenario_path=self.base.scenario_path,
                scenario_files=self.base.scenario_files,
                overrides=(*self.base.overrides, *point.overrides),
                book=self.base.book if same else None,
            )

    def solve(
        self, point: Point, known: Known | None, folder: Path, mark: str
    ) -> tuple[Outcome, Known | None]:
        """Solve a point and write its folder; return what became of it, and what its neighbour starts from.

        Parameters
        ----------
        point : to solve
        known : of a neighbour; None for a start from nothing
        folder : of the point
        mark : its fingerprint

        Raises
        ------
        KeyboardInterrupt
            Where the user interrupted; nothing of the point is kept.
        OutputError
            Where the folder cannot be written.
        """
        about = {"values": dict(point.values), "fingerprint": mark}
        try:
            case = self.case_of(point)
            result = self._result(case, known)
            plan = PointPlan(case, result)
            plan.write_point(folder, about)
        except InfeasibleError as error:
            said = str(error)
            try:
                write_without_plan(folder, {**error.summary, "error": said}, about)
            except OSError as failed:
                raise OutputError(explained(folder, failed)) from failed
            return Outcome(point.number, INFEASIBLE, SolutionStatus.INFEASIBLE.value, said), known
        except InterruptedRunError:
            raise KeyboardInterrupt from None
        except (LendplanError, InputError) as error:
            return Outcome(point.number, exit_code_of(error), "failed", str(error)), known
        except OSError as error:
            raise OutputError(explained(folder, error)) from error
        except Exception as error:  # one point fails: the others are kept
            logging.getLogger(__name__).debug("point %d", point.number, exc_info=True)
            said = f"ended in an error that is lendplan's own ({type(error).__name__}: {error}); please report it"
            return Outcome(point.number, exit_code_of(error), "failed", said), known
        proven = result.solution is SolutionStatus.OPTIMAL
        return Outcome(point.number, OK if proven else LIMIT_REACHED, result.solution.value), _known(plan)

    def _result(self, case: Case, known: Known | None) -> Result:
        settings = case.settings
        group = _without_weight(settings)
        problem = case.problem
        ranges = self._ranges.get(group)
        if problem.objective.kind == "weighted" and problem.objective.ranges is None and ranges is not None:
            problem = problem.with_ranges(ranges)
        options = Options(
            gap=settings.solver.gap,
            time_limit=settings.solver.time_limit,
            threads=1,
            seed=SEED,
            start=None if known is None else _start(case, problem, known),
        )
        result = solved(replace(case, problem=problem), options)
        if result.stop is StopReason.INTERRUPTED:
            raise KeyboardInterrupt
        self._ranges.setdefault(group, result.problem.objective.ranges)
        return result


def _without_weight(settings: Settings) -> str:
    """Return what fixes the payoff ranges: the scenario but for the weight, and for how it is solved."""
    plain = unswept(settings)
    block, key = _WEIGHT
    plain[block] = {name: one for name, one in plain[block].items() if name != key}
    return json.dumps({name: one for name, one in plain.items() if name != "solver"}, sort_keys=True)


def _known(plan: PointPlan) -> Known:
    """Return what a neighbour may start from."""
    case, choice = plan.case, plan.choice
    row, rows = case.applicants.row, case.book.table.rows
    rate, line = np.full(rows, np.nan), np.zeros(rows)
    rate[row], line[row] = choice.rate, choice.line
    return Known(dict(plan.result.prices), case.book.table.texts("enterprise"), rate, line)


def _start(case: Case, problem: Problem, known: Known) -> Start:
    """Return a neighbour's prices and plan in the terms of a problem; who cannot have the same is not lent to."""
    ids = case.book.table.texts("enterprise")
    if known.enterprise is not ids and (
        len(known.enterprise) != len(ids) or known.enterprise.differs(ids).any()
    ):
        return Start(known.prices)
    row = case.applicants.row
    rate, line = known.rate[row], known.line[row]
    lent = np.isfinite(rate)
    position = np.full(problem.size, -1, dtype=np.int64)
    near = np.searchsorted(problem.rates, rate[lent] - _SAME_RATE).clip(max=len(problem.rates) - 1)
    position[lent] = np.where(np.abs(problem.rates[near] - rate[lent]) <= _SAME_RATE, near, -1)
    may = (position >= problem.first_rate) & (position <= problem.last_rate)
    position = np.where(may, position, -1)
    fitting = np.clip(line, problem.line_min, problem.line_max)
    return Start(known.prices, position, np.where(may, fitting, 0.0))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep notes and warnings of the tables to themselves: they were told when the scenario was read."""
    house = logging.getLogger("lendplan")
    before = house.level
    house.setLevel(logging.ERROR)
    try:
        yield
    finally:
        house.setLevel(before)


def run_chain(
    bench: Bench,
    points: Sequence[Point],
    folders: Mapping[int, Path],
    marks: Mapping[int, str],
    known: Known | None,
) -> Iterator[int | Outcome]:
    """Solve points one after another; yield each one's number before it begins, then what became of it."""
    for point in points:
        yield point.number
        outcome, known = bench.solve(point, known, folders[point.number], marks[point.number])
        yield outcome


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data; ``Outcome(**…)`` makes it again."""
    return asdict(outcome)
