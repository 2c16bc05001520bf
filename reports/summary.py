"""The plan in figures: the keys of ``summary.json``, and why budget is left where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from lendplan.models.problem import Choice, Problem
from lendplan.reports.reasons import Pricing, amount
from lendplan.reports.tables import LimitState, budget_left, is_budget
from lendplan.solvers.result import Conflict, Result, SolutionStatus, relative_gap

_SPENT = 1e-6  # of the budget: less than this left is none left
STAGES = ("read", "check", "build", "solve", "write")


def summarise(
    result: Result,
    choice: Choice,
    states: list[LimitState],
    *,
    certified_bound: float | None,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Return the plan's figures under the keys of ``summary.json``.

    ``bound`` and ``gap`` are None for ``two_stage``, which does not bound the scenario's objective;
    ``certified_bound`` holds for every plan of the scenario, whatever made it.
    """
    problem = result.problem
    totals = problem.totals(choice)
    value = problem.value(choice)
    ranges = problem.objective.ranges
    return {
        "status": result.solution.value,
        "objective": value,
        "bound": result.bound,
        "gap": None if result.bound is None else relative_gap(result.bound, value, problem),
        "certified_bound": certified_bound,
        "certified_gap": None if certified_bound is None else relative_gap(certified_bound, value, problem),
        "revenue": totals["revenue"],
        "risk": totals["risk"],
        "profit": totals["revenue"] - totals["risk"],
        "interest": totals["interest"],
        "line": totals["line"],
        "exposure": totals["exposure"],
        "budget_used": totals[problem.budget_basis],
        "funded": int(np.sum(choice.offered)),
        "eligible": problem.size,
        "average_rate": totals["interest"] / totals["exposure"] if totals["exposure"] > 0 else None,
        "unspent_because": unspent_because(problem, choice, states, result.prices),
        "solver": result.solver,
        "seconds": {stage: round(float(seconds.get(stage, 0.0)), 6) for stage in STAGES},
        "shadow_prices": dict(result.prices),
        "ranges": None if ranges is None else asdict(ranges),
        "binding": [state.name for state in states if state.binding],
    }


def summarise_without_plan(result: Result, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the figures of a solve that has no plan: status, the conflict where there is one, and the times."""
    summary: dict[str, Any] = {
        "status": result.solution.value,
        "eligible": result.problem.size,
        "solver": result.solver,
        "seconds": {stage: round(float(seconds.get(stage, 0.0)), 6) for stage in STAGES},
    }
    if result.solution is SolutionStatus.INFEASIBLE and result.conflict is not None:
        summary["conflict"] = conflict_record(result.conflict)
    return summary


def conflict_record(conflict: Conflict) -> dict[str, Any]:
    """Return a conflict as plain data: limit → what it states, what would do alone, and in the least total change."""
    return {
        "all_or_nothing": conflict.relaxed_feasible,
        "limits": {
            change.name: {
                "unit": change.unit,
                "stated": change.stated,
                "alone": change.alone,
                "together": change.together,
            }
            for change in conflict.changes
        },
    }


def unspent_because(
    problem: Problem, choice: Choice, states: list[LimitState], prices: Mapping[str, float]
) -> str | None:
    """Say why budget is left; None where none is."""
    left = budget_left(problem, choice)
    if left <= _SPENT * problem.budget:
        return None
    of = f"{amount(left)} of {amount(problem.budget)} is left"
    if problem.size == 0:
        return f"{of}: no enterprise is eligible"
    binding = [state for state in states if state.binding and not is_budget(state)]
    names = ", ".join(f"`{state.name}`" for state in binding[:6]) + (", …" if len(binding) > 6 else "")
    pricing = Pricing(problem, prices)
    yields, best_line = pricing.best()
    worth = (yields.net > 1e-12) & (best_line > 0)
    if not np.any(choice.offered):
        if np.any(worth):
            least = float(np.min(problem.line_min[worth]))
            return f"{of}: nothing is lent; the least line that is worth lending is {amount(least)}"
        return (
            f"{of}: no enterprise earns what its risk{' and its share of the limits' if names else ''} costs"
        )
    priced = [state for state in binding if state.price != 0.0]
    if prices.get("budget", 0.0) > 0:
        return f"{of}: lines are all-or-nothing, and no further line that pays fits into it" + (
            f" beside {names}" if names else ""
        )
    if priced or binding:
        verb = "binds" if len(binding) == 1 else "bind"
        return f"{of}: {names} {verb} first; more budget would earn nothing"
    full = int(np.sum(worth & (choice.line >= problem.line_max * (1 - 1e-9))))
    if full == int(np.sum(worth)):
        return f"{of}: each of the {full} enterprises that are worth a loan has its largest line"
    return f"{of}: no further line earns what it costs"
