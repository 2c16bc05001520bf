"""The one module that knows every part: read, check, solve, certify, write; and the Python interface to it.

plan = lendplan.load("scenario.yaml").solve()
plan.allocations, plan.summary, plan.write("plans/mine")
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lendplan.data.findings import Finding, InputError
from lendplan.errors import CheckFailedError
from lendplan.inputs import Case, build_case, read_tables, tables_from_frames
from lendplan.plan import Plan, raise_without_plan
from lendplan.reports.summary import summarise_without_plan
from lendplan.reports.terminal import Heading
from lendplan.scenario import Settings, load_settings, settings_from
from lendplan.score import Score, score
from lendplan.scrutiny import Locate
from lendplan.solvers.result import Options, Progress, Result

if TYPE_CHECKING:
    import pandas as pd

    from lendplan.clustercase import Division

log = logging.getLogger(__name__)

SEED = 0


@dataclass(frozen=True)
class Scenario:
    """A question, read and checked: settings and tables that make one problem."""

    case: Case = field(repr=False)
    division: Division | None = field(
        default=None, repr=False
    )  # where the book stands in parts over a cluster
    locate: Locate | None = field(default=None, repr=False)  # of keys in the scenario's file
    _resources: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)

    def __enter__(self) -> Scenario:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._resources.__exit__(kind, error, trace)

    def close(self) -> None:
        """Let go of the cluster, where there is one; processes of this machine that belong to it end."""
        self._resources.close()

    @property
    def eligible(self) -> int:
        """Number of eligible enterprises."""
        return self.case.problem.size if self.division is None else self.division.book.size

    @property
    def settings(self) -> Settings:
        """What the scenario says, defaults filled in."""
        return self.case.settings

    @property
    def heading(self) -> Heading:
        """What the plan is called and measured in."""
        settings = self.settings
        return Heading(
            title=settings.title,
            currency=settings.currency,
            unit=settings.unit,
            formulation=settings.formulation,
            objective=settings.objective.kind,
            revenue_weight=settings.objective.revenue_weight,
            budget=settings.budget.total,
            budget_basis=settings.budget.basis,
        )

    def solve(self, watch: Callable[[Progress], None] | None = None) -> Plan:
        """Find the best plan.

        Parameters
        ----------
        watch : called with each step of the search

        Returns
        -------
        Plan
            Proven within ``solver.gap``, or, where the time ran out or the user interrupted, the best so far: its
            ``summary["status"]`` is then ``feasible``.

        Raises
        ------
        InfeasibleError
            Where no plan exists; the message names the limits in conflict.
        NoPlanError
            Where the time ran out before a plan was found.
        CheckFailedError
            Where the solver's answer cannot be trusted.
        """
        settings = self.settings
        options = Options(
            gap=settings.solver.gap,
            time_limit=settings.solver.time_limit,
            threads=settings.solver.threads,
            seed=SEED,
            watch=watch,
        )
        if self.division is not None:
            from lendplan.cluster import solve_partitioned

            return solve_partitioned(self.division, options)
        return Plan(self.case, solved(self.case, options))

    def score(self, allocation: str | Path | pd.DataFrame) -> Score:
        """Value a given allocation (enterprise, line, rate); see :func:`lendplan.score.score`."""
        if self.division is not None:
            message = "an allocation is scored in one process; add --set solver.cluster=null"
            raise InputError(Finding(message, key="solver.cluster"))
        return score(self.case, allocation, self.solve)


def solved(case: Case, options: Options) -> Result:
    """Solve a case by the method that its scenario names; the result has a plan.

    Raises
    ------
    InfeasibleError, NoPlanError, CheckFailedError
        As :meth:`Scenario.solve` raises them.
    """
    # Pyomo and HiGHS take longer to load than a small book to read; what is only checked needs neither.
    from lendplan.solvers.engine import SolverError
    from lendplan.solvers.methods import solve

    settings = case.settings
    try:
        result = solve(case.problem, settings.formulation, settings.solver.method, options)
    except SolverError as error:
        raise CheckFailedError(f"the solver's answer failed the check: {error}") from error
    seconds = {**case.seconds, **result.seconds}
    if result.rate is None or result.line is None:
        raise_without_plan(result, summarise_without_plan(result, seconds), settings.solver.time_limit)
    return result


def load(path: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read and check a scenario file and its tables.

    Parameters
    ----------
    path : a YAML file
    overrides : ``KEY=VALUE`` each, as ``--set`` takes them

    Raises
    ------
    InputError
        With everything that is wrong.
    ClusterError
        Where the machines of ``solver.cluster`` are lost.
    """
    started = time.perf_counter()
    file = load_settings(path, overrides)
    if file.settings.solver.cluster is not None:
        from lendplan.cluster import divide_over

        division, resources = divide_over(file, overrides)
        return Scenario(division.case, division, _resources=resources)
    tables = read_tables(file.settings)
    case = build_case(
        file.settings,
        tables,
        locate=file.finding,
        scenario_path=file.path,
        scenario_files=file.files,
        overrides=overrides,
        seconds_read=time.perf_counter() - started,
    )
    return Scenario(case, locate=file.finding)


def from_frames(
    enterprises: pd.DataFrame,
    *,
    ratings: pd.DataFrame | None = None,
    churn: pd.DataFrame | None = None,
    **settings: Any,
) -> Scenario:
    """Build a scenario from data frames, without files.

    Parameters
    ----------
    enterprises, ratings, churn : the tables, with the columns of the table contracts
    **settings : the keys of a scenario file: title, currency, lines, budget, …

    Raises
    ------
    InputError
        With everything that is wrong.

    Examples
    --------
    >>> from_frames(book, title="2027", currency="CNY", lines={"min": 10, "max": 100}, budget={"total": 500}).solve()
    ... # doctest: +SKIP
    """
    checked = settings_from(settings, need_enterprises=False)
    tables = tables_from_frames(enterprises, ratings, churn, checked)

    def locate(keypath: Sequence[str | int], message: str) -> Finding:
        return Finding(message, key=".".join(map(str, keypath)))

    return Scenario(build_case(checked, tables, locate=locate))
