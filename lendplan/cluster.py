"""A scenario whose book stands in parts over a cluster: read, checked, solved, certified and written there.

It is used as :class:`lendplan.run.Scenario` and :class:`lendplan.plan.Plan` are, and gives what they give, to the
last digit that is written.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lendplan.certified import Certified
from lendplan.certify.inparts import Together, bound_of_parts
from lendplan.certify.largeplan import LARGE
from lendplan.certify.plan import verify
from lendplan.certify.pricing import weights_of
from lendplan.certify.question import question_of
from lendplan.certify.report import Report
from lendplan.clustercase import Division, divide
from lendplan.clusterclient import connected, explained
from lendplan.clusterparts import Answer, Written, dual_of, idle_part, write_part
from lendplan.data.book import assemble_book
from lendplan.data.findings import Finding
from lendplan.data.tables import read_table
from lendplan.errors import CheckFailedError
from lendplan.inputs import Case
from lendplan.models.tally import Tally
from lendplan.plan import Plan, raise_without_plan
from lendplan.reports.allocationfiles import AllocationFiles
from lendplan.reports.summary import (
    Idle,
    Spending,
    figures,
    summarise_without_plan,
    unspent_unproven,
    why_unspent,
)
from lendplan.reports.tables import GradeTotals, LimitState, states_of
from lendplan.scenario.reading import ScenarioFile
from lendplan.solvers.cluster import gathered, part_of, solve
from lendplan.solvers.engine import SolverError
from lendplan.solvers.pricing import Settlement
from lendplan.solvers.result import Options

if TYPE_CHECKING:
    import pandas as pd

_AHEAD = 1  # parts a worker that are written before they are asked for


def divide_over(
    file: ScenarioFile, overrides: Sequence[str] = (), *, parts: int | None = None
) -> tuple[Division, contextlib.ExitStack]:
    """Read and check a scenario over the cluster that it names.

    Parameters
    ----------
    file : the scenario
    overrides : as they were given
    parts : how many; as many as whole blocks make, unless given

    Returns
    -------
    division : the question in parts
    resources : to be closed when all is done

    Raises
    ------
    InputError
        With everything that is wrong.
    ClusterError
        Where the workers are lost for good.
    """
    settings = file.settings

    def locate(message: str) -> Finding:
        return file.finding(("solver", "cluster"), message)

    assert settings.solver.cluster is not None
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(connected(settings.solver.cluster, settings.solver.threads, locate))
        with explained():
            division = divide(
                client,
                settings,
                file.finding,
                scenario_path=file.path,
                scenario_files=file.files,
                overrides=overrides,
                parts=parts,
            )
        return division, stack.pop_all()


def solve_partitioned(division: Division, options: Options) -> PartitionedPlan:
    """Find the best plan of a question in parts; answer and errors are those of :meth:`lendplan.run.Scenario.solve`.

    Raises
    ------
    ClusterError
        Where the workers are lost for good.
    """
    book, case = division.book, division.case
    try:
        with explained():
            result, plan = solve(book, options)
    except SolverError as error:
        raise CheckFailedError(f"the solver's answer failed the check: {error}") from error
    if plan is None:
        summary = summarise_without_plan(result, {**case.seconds, **result.seconds})
        raise_without_plan(result, {**summary, "eligible": book.size}, options.time_limit)
    return PartitionedPlan(case, result, division=division, settlement=plan)


@dataclass(frozen=True)
class PartitionedPlan(Plan):
    """A plan whose enterprises stand in parts."""

    division: Division = field(repr=False, kw_only=True)
    settlement: Settlement = field(repr=False, kw_only=True)

    @cached_property
    def tally(self) -> Tally:
        """What the plan adds up to."""
        with explained():
            return self.division.book.tally(self.settlement)

    @cached_property
    def limits(self) -> list[LimitState]:
        """The budget and each limit: stated, reached, shadow price, whether it binds."""
        return states_of(self.result.problem, self.tally, self.result.prices)

    @property
    def _budget_left(self) -> float:
        problem = self.result.problem
        return max(problem.budget - self.tally.totals[problem.budget_basis], 0.0)

    @cached_property
    def allocations(self) -> pd.DataFrame:
        """One row for every enterprise of the book, in its order; all of them in this process."""
        import pyarrow as pa

        tables = [rows.table for written in self._written() for rows in written.rows]
        return cast("pd.DataFrame", pa.concat_tables(tables).to_pandas())

    @property
    def totals_by_grade(self) -> list[GradeTotals]:
        """What each grade gets."""
        return _added(self._by_grade)

    @cached_property
    def _by_grade(self) -> list[GradeTotals]:
        """What each grade gets in each part; known already where the plan was written."""
        return [total for one in self._written() for total in one.by_grade]

    @cached_property
    def _certified(self) -> Certified:
        if self.result.proof is not None or self.division.dataset.rows <= LARGE:
            return Plan(self._whole, self.result)._certified
        bound = self._bound_in_parts() if self.result.prices else None
        return Certified(bound, bound)

    def _bound_in_parts(self) -> float:
        """Return D(λ) as the check of the written plan recomputes it, each stretch of the book where it is read."""
        settings, prices = self.case.settings, dict(self.result.prices)
        scenario: dict[str, Any] = settings.model_dump(mode="json")
        question = question_of(scenario)
        client = self.division.book.client
        churn, weights = self.case.tables.churn, weights_of(question, self.summary_ranges)
        with explained():
            asked = [
                client.submit(dual_of, question, churn, weights, prices, stretch, pure=False)
                for stretch in self.division.looked_at
            ]
            parts = gathered(client, asked)
        return bound_of_parts(Together(question, weights, parts), parts, prices)

    @property
    def _whole(self) -> Case:
        """The case with its book in this process."""
        settings = self.case.settings
        assert settings.enterprises is not None
        book = assemble_book(read_table(settings.enterprises), None, settings.columns)
        return replace(self.case, book=book)

    @cached_property
    def _figures(self) -> dict[str, Any]:
        """The summary, but for the time that writing takes."""
        result, prices, book = self.result, dict(self.result.prices), self.division.book

        def look() -> Idle:
            found: list[Idle] = book.ask_of(self.settlement, idle_part, book.problem.objective, prices)
            return reduce(_with, found)

        left = self._budget_left
        spending = Spending(result.problem.budget, left, book.size, self.tally.funded > 0)
        return figures(
            result,
            self.tally.totals,
            self.limits,
            funded=self.tally.funded,
            eligible=book.size,
            unspent_because=unspent_unproven(result, left)
            or why_unspent(spending, self.limits, prices, look),
            certified_bound=self.certified_bound,
            seconds={**self.case.seconds, **result.seconds},
        )

    def _written(self) -> Iterator[Written]:
        """Give the allocations part by part, in the book's order; few of them are there at a time."""
        division = self.division
        book = division.book
        answer = Answer(dict(self.result.prices), self._budget_left)
        workers = max(1, len(book.client.scheduler_info()["workers"]))
        asked: deque[Any] = deque()
        waiting = list(zip(book.standing, book.parts, division.rows, strict=True))[::-1]
        with explained():
            while waiting or asked:
                while waiting and len(asked) < _AHEAD * workers:
                    standing, part, rows = waiting.pop()
                    own = part_of(self.settlement, part)
                    objective = book.problem.objective
                    asked.append(
                        book.client.submit(
                            write_part, standing, own, objective, division.recipe, rows, answer, pure=False
                        )
                    )
                yield asked.popleft().result()

    def _write_tables(self, folder: Path) -> None:
        grades: list[GradeTotals] = []
        with AllocationFiles(folder) as files:
            for written in self._written():
                grades += written.by_grade
                for rows in written.rows:
                    files.add(rows)
        self.__dict__["_by_grade"] = grades

    def _check(self, folder: Path) -> Report:
        return verify(folder)


def _with(one: Idle, other: Idle) -> Idle:
    return Idle(one.worth + other.worth, one.full + other.full, min(one.least, other.least))


def _added(parts: Sequence[GradeTotals]) -> list[GradeTotals]:
    """Add up what each grade gets in each part."""
    by_grade: dict[str, GradeTotals] = {}
    for one in parts:
        before = by_grade.get(one.grade)
        if before is None:
            by_grade[one.grade] = one
            continue
        sums: dict[str, Any] = {
            name: getattr(before, name) + getattr(one, name)
            for name in ("enterprises", "funded", "line", "exposure", "interest", "revenue", "risk")
        }
        rate = sums["interest"] / sums["exposure"] if sums["exposure"] > 0 else None
        by_grade[one.grade] = GradeTotals(one.grade, **sums, average_rate=rate)
    return sorted(by_grade.values(), key=lambda one: one.grade)
