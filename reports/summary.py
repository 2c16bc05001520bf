"""The plan in figures: the keys of ``summary.json``, and why budget is left where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Choice, Problem, reached
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
    fixed_lines: Floats | None = None,
    given: bool = False,
) -> dict[str, Any]:
    """Return the plan's figures under the keys of ``summary.json``.

    ``bound`` and ``gap`` are None for ``two_stage``, which does not bound the scenario's objective;
    ``certified_bound`` holds for every plan of the scenario, whatever made it. ``fixed_lines`` are the lines of its
    first stage, shape (n,). ``given`` says that no search made the plan.
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
        "unspent_because": _unspent_as_given(problem, choice)
        if given
        else _unspent(result, choice, states, fixed_lines),
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
                "alone_proven": change.alone_proven,
                "together": change.together,
            }
            for change in conflict.changes
        },
    }


def _unspent_as_given(problem: Problem, choice: Choice) -> str | None:
    left = budget_left(problem, choice)
    if left <= _SPENT * problem.budget:
        return None
    return f"{amount(left)} of {amount(problem.budget)} is left: the allocation that was given lends no more"


def _unspent(
    result: Result, choice: Choice, states: list[LimitState], fixed_lines: Floats | None
) -> str | None:
    problem = result.problem
    left = budget_left(problem, choice)
    if left > _SPENT * problem.budget and result.solution is not SolutionStatus.OPTIMAL:
        return f"{amount(left)} of {amount(problem.budget)} is left: the search ended before the best plan was proven"
    if fixed_lines is not None:
        return unspent_in_two_stages(problem, choice, fixed_lines)
    return unspent_because(problem, choice, states, result.prices)


def unspent_in_two_stages(problem: Problem, choice: Choice, fixed_lines: Floats) -> str | None:
    """Say why ``two_stage`` leaves budget: what stage 1 cannot share, and whom stage 2 must decline for the limits."""
    left = budget_left(problem, choice)
    if left <= _SPENT * problem.budget:
        return None
    of = f"{amount(left)} of {amount(problem.budget)} is left"
    if problem.size == 0:
        return f"{of}: no enterprise is eligible"
    declined = np.flatnonzero((fixed_lines > 0) & ~choice.offered)
    unshared = problem.budget - float(np.sum(fixed_lines))
    if not len(declined):
        return f"{of}: stage 1 shares no more, since every line is at its bound or a step short of it"
    names = ", ".join(f"`{name}`" for name in _in_the_way(problem, choice, fixed_lines, declined))
    first = f"; {amount(unshared)} was not shared in stage 1" if unshared > _SPENT * problem.budget else ""
    given_up = amount(float(np.sum(fixed_lines[declined])))
    return (
        f"{of}: stage 2 declines {len(declined)} enterprises with lines of {given_up}"
        + (f", since {names} would break" if names else " for the limits")
        + first
    )


def _in_the_way(problem: Problem, choice: Choice, lines: Floats, declined: Indices) -> list[str]:
    """Return the rows that some declined enterprise, added with its fixed line, would break at each of its rates."""
    rates = len(problem.rates)
    enterprise, rate = np.repeat(declined, rates), np.tile(np.arange(rates), len(declined))
    names = []
    for row in problem.rows:
        left, right = reached(problem, choice, row)
        per_line, per_offer = problem.coefficients(problem.row_form(row), enterprise, rate)
        used = (row.sense * (per_line * lines[enterprise] + per_offer)).reshape(-1, rates)
        outside = (rate.reshape(-1, rates) < problem.first_rate[declined, None]) | (
            rate.reshape(-1, rates) > problem.last_rate[declined, None]
        )
        room = row.sense * (right - left)
        if np.any(np.min(np.where(outside, np.inf, used), axis=1) > room):
            names.append(row.name)
    return names


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
        # The budget's own price is no argument where nothing is lent: it is what the first to be lent to would pay.
        pays = (yields.earned > yields.risk + yields.limits) & (best_line > 0)
        if np.any(pays):
            least = float(np.min(problem.line_min[pays]))
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
