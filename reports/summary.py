"""The plan in figures: the keys of ``summary.json``, and why budget is left where it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lendplan.models.measures import Floats, Indices, MeasureName
from lendplan.models.problem import Choice, Problem, reached
from lendplan.reports.reasons import Pricing
from lendplan.reports.tables import LimitState, budget_left, is_budget
from lendplan.reports.wording import amount
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
    why = (
        _unspent_as_given(result.problem, choice) if given else _unspent(result, choice, states, fixed_lines)
    )
    problem = result.problem
    return figures(
        result,
        problem.totals(choice),
        states,
        funded=int(np.sum(choice.offered)),
        eligible=problem.size,
        unspent_because=why,
        certified_bound=certified_bound,
        seconds=seconds,
    )


def figures(
    result: Result,
    totals: Mapping[MeasureName, float],
    states: list[LimitState],
    *,
    funded: int,
    eligible: int,
    unspent_because: str | None,
    certified_bound: float | None,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Return a plan's figures from what it adds up to, under the keys of ``summary.json``."""
    problem = result.problem
    value = problem.value_of(totals)
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
        "funded": funded,
        "eligible": eligible,
        "average_rate": totals["interest"] / totals["exposure"] if totals["exposure"] > 0 else None,
        "unspent_because": unspent_because,
        "solver": result.solver,
        "seconds": {stage: round(float(seconds.get(stage, 0.0)), 6) for stage in STAGES},
        "shadow_prices": dict(result.prices),
        "shadow_price_ranges": {name: finite_ends(ends) for name, ends in result.price_ranges.items()},
        "ranges": None if ranges is None else asdict(ranges),
        "binding": [state.name for state in states if state.binding],
    }


def finite_ends(ends: tuple[float, float]) -> list[float | None]:
    """Return a range as JSON has it: null where nothing ends it."""
    return [end if math.isfinite(end) else None for end in ends]


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
        "needed_proven": conflict.needed_proven,
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
    unproven = unspent_unproven(result, budget_left(problem, choice))
    if unproven:
        return unproven
    if fixed_lines is not None:
        return unspent_in_two_stages(problem, choice, fixed_lines)
    return unspent_because(problem, choice, states, result.prices)


def unspent_unproven(result: Result, left: float) -> str | None:
    """Say that budget is left since the search ended early; None where that is not so."""
    budget = result.problem.budget
    if left <= _SPENT * budget or result.solution is SolutionStatus.OPTIMAL:
        return None
    return f"{amount(left)} of {amount(budget)} is left: the search ended before the best plan was proven"


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
    return why_unspent(
        Spending(problem.budget, budget_left(problem, choice), problem.size, bool(np.any(choice.offered))),
        states,
        prices,
        lambda: idle_in(problem, choice, prices),
    )


@dataclass(frozen=True)
class Spending:
    """How much of a budget is left, how many are eligible, and whether anybody is lent to."""

    budget: float
    left: float
    eligible: int
    lends: bool


@dataclass(frozen=True)
class Idle:
    """What could still be lent at a plan's prices; of parts of a book the counts add up."""

    worth: int  # enterprises that are worth a loan
    full: int  # of these, how many have their largest line
    least: float  # the least line that pays, the budget's price left out; inf where none does


def idle_in(problem: Problem, choice: Choice, prices: Mapping[str, float]) -> Idle:
    """Return what could still be lent to the enterprises of a problem."""
    yields, best_line = Pricing(problem, prices).best()
    worth = (yields.net > 1e-12) & (best_line > 0)
    # The budget's own price is no argument where nothing is lent: it is what the first to be lent to would pay.
    pays = (yields.earned > yields.risk + yields.limits) & (best_line > 0)
    full = worth & (choice.line >= problem.line_max * (1 - 1e-9))
    return Idle(int(worth.sum()), int(full.sum()), float(problem.line_min[pays].min(initial=math.inf)))


def why_unspent(
    spending: Spending, states: list[LimitState], prices: Mapping[str, float], look: Callable[[], Idle]
) -> str | None:
    """Say why budget is left; None where none is. ``look`` is asked where the enterprises have to be."""
    if spending.left <= _SPENT * spending.budget:
        return None
    of = f"{amount(spending.left)} of {amount(spending.budget)} is left"
    if spending.eligible == 0:
        return f"{of}: no enterprise is eligible"
    binding = [state for state in states if state.binding and not is_budget(state)]
    names = ", ".join(f"`{state.name}`" for state in binding[:6]) + (", …" if len(binding) > 6 else "")
    if not spending.lends:
        least = look().least
        if least < math.inf:
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
    idle = look()
    if idle.full == idle.worth:
        return f"{of}: each of the {idle.full} enterprises that are worth a loan has its largest line"
    return f"{of}: no further line earns what it costs"
