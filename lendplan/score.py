"""What a given allocation is worth under a scenario, which limits it breaks, and how far it is from the best plan."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lendplan.data.contracts import ALLOCATIONS, conform
from lendplan.data.curves import churn_at
from lendplan.data.findings import Finding, InputError
from lendplan.data.tables import RawTable, read_table, table_from_frame
from lendplan.errors import InfeasibleError, NoPlanError
from lendplan.inputs import Case
from lendplan.models.measures import Floats
from lendplan.models.problem import TOLERANCE, Choice, Problem, breaches
from lendplan.plan import Plan
from lendplan.reports.summary import summarise
from lendplan.reports.tables import LimitState, limit_states
from lendplan.solvers.result import Result, SolutionStatus, StopReason, relative_gap

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Score:
    """A given allocation, valued. ``summary`` has the keys of a plan's, and ``best``, ``distance``, ``broken``."""

    summary: dict[str, Any]
    choice: Choice
    limits: list[LimitState]
    best: Plan | None


def score(case: Case, allocation: str | Path | pd.DataFrame, solve: Callable[[], Plan]) -> Score:
    """Value an allocation.

    Parameters
    ----------
    case : the question
    allocation : enterprise, line, rate; a blank rate where the line is 0. An enterprise that it lacks gets nothing;
        a rate off the grid is read between the churn table's knots
    solve : finds the case's best plan, whose ranges and worth the allocation is held against

    Raises
    ------
    InputError
        Where the allocation cannot be read, names strangers, or lends to an enterprise that takes no part.
    """
    raw = (
        read_table(allocation)
        if isinstance(allocation, str | Path)
        else table_from_frame(allocation, "allocation")
    )
    line, rate = _given(case, raw)
    best: Plan | None = None
    try:
        best = solve()
        problem, bound, prices = best.result.problem, best.result.bound, best.result.prices
    except (InfeasibleError, NoPlanError) as error:
        problem, bound, prices = case.problem, None, {}
        if problem.objective.kind == "weighted" and problem.objective.ranges is None:
            raise
        log.warning("there is no plan to compare with: %s", error)
    choice = _choice(case, problem, line, rate)
    broken = _broken(problem, choice)
    states = limit_states(problem, choice, prices)
    value = problem.value(choice)
    gap = relative_gap(bound, value, problem) if bound is not None and not broken else None
    solution = SolutionStatus.INFEASIBLE if broken else SolutionStatus.FEASIBLE
    if gap is not None and gap <= case.settings.solver.gap:
        solution = SolutionStatus.OPTIMAL
    result = Result(
        stop=StopReason.PROVEN if best is None else best.result.stop,
        solution=solution,
        problem=problem,
        bound=bound,
        prices=prices,
        price_ranges={} if best is None else best.result.price_ranges,
        seconds={} if best is None else best.result.seconds,
        solver="" if best is None else best.result.solver,
    )
    summary = summarise(
        result,
        choice,
        states,
        certified_bound=None if best is None else best.certified_bound,
        seconds={**case.seconds, **result.seconds},
        given=True,
    )
    reached = None if best is None else problem.value(best.choice)
    summary |= {
        "gap": gap,
        "certified_gap": None if broken else summary["certified_gap"],
        "best": reached,
        "distance": None if reached is None else reached - value,
        "broken": broken,
    }
    return Score(summary, choice, states, best)


def _given(case: Case, raw: RawTable) -> tuple[Floats, Floats]:
    """Return line and rate for each eligible enterprise, shapes (n,); rate NaN where the line is 0."""
    table = conform(raw, ALLOCATIONS, case.settings.columns)
    findings: list[Finding] = []
    applicants, book = case.applicants, case.book.table
    place = {name: i for i, name in enumerate(applicants.enterprise)}
    row_of = {name: row for row, name in enumerate(book.texts("enterprise"))}
    line = np.zeros(len(applicants.enterprise))
    rate = np.full(len(line), np.nan)
    knots = case.churn.rates
    for position, (name, amount, offered) in enumerate(
        zip(table.texts("enterprise"), table.numbers("line"), table.numbers("rate"), strict=True)
    ):

        def find(key: str, message: str, row: int = position, who: str = name) -> None:
            findings.append(Finding(f"{who}: {message}", file=raw.name, line=int(raw.line[row]), key=key))

        granted = 0.0 if np.isnan(amount) else float(amount)
        if name not in row_of:
            find("enterprise", "the book has no such enterprise")
        elif name not in place:
            if granted > 0:
                decision = applicants.outcome_of(row_of[name])
                reason = applicants.reason[row_of[name]]
                find("line", f"the scenario has it as `{decision}` ({reason}), so a line for it has no value")
        elif granted > 0:
            if np.isnan(offered):
                find("rate", f"it has a line of {granted:.12g} and no rate")
            elif not knots[0] <= offered <= knots[-1]:
                find(
                    "rate",
                    f"{100 * offered:.6g} % is outside the churn table, "
                    f"{100 * knots[0]:.6g} % to {100 * knots[-1]:.6g} %",
                )
            else:
                line[place[name]], rate[place[name]] = granted, offered
    if findings:
        raise InputError(findings)
    missing = len(place.keys() - set(table.texts("enterprise")))
    if missing:
        log.info("%s: %s eligible enterprises are not named and get nothing", raw.name, f"{missing:,}")
    return line, rate


def _choice(case: Case, problem: Problem, line: Floats, rate: Floats) -> Choice:
    """Return the allocation in the problem's terms, churn read between knots at its own rates."""
    distinct = np.unique(rate[~np.isnan(rate)])
    retention = (
        1.0 - churn_at(case.churn, distinct) if distinct.size else np.zeros((len(problem.retention), 0))
    )
    offered = line > 0
    at = np.searchsorted(distinct, np.where(offered, rate, distinct[0] if distinct.size else 0.0))
    stay = retention[problem.curve, at] if distinct.size else np.zeros(problem.size)
    exposure = np.where(offered, line * problem.economics.utilisation * stay, 0.0)
    return Choice(
        offered=offered,
        line=line,
        rate=np.where(offered, rate, np.nan),
        exposure=exposure,
        interest=np.where(offered, exposure * np.nan_to_num(rate), 0.0),
    )


def _broken(problem: Problem, choice: Choice) -> dict[str, float]:
    """Return what the allocation breaks and by how much: limits by their names, bounds of rows under `lines` etc."""
    broken = dict(breaches(problem, choice))
    lent = choice.offered
    outside = np.where(
        lent,
        np.maximum(problem.line_min - choice.line, 0) + np.maximum(choice.line - problem.line_max, 0),
        0.0,
    )
    step = np.where(problem.line_step > 0, problem.line_step, 1.0)
    odd = np.where(
        lent & (problem.line_step > 0), np.abs(choice.line / step - np.round(choice.line / step)) * step, 0.0
    )
    low, high = problem.rates[problem.first_rate], problem.rates[problem.last_rate]
    rate = np.nan_to_num(choice.rate)
    rates = np.where(lent, np.maximum(low - rate, 0) + np.maximum(rate - high, 0), 0.0)
    for name, amounts in (("lines", outside), ("line steps", odd), ("rates", rates)):
        if np.max(amounts, initial=0.0) > TOLERANCE:
            broken[name] = float(np.sum(amounts))
    forgotten = int(np.sum(problem.must_lend & ~lent))
    if forgotten:
        broken["must"] = float(forgotten)
    return broken
