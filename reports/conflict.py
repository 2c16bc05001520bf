"""Why no plan exists, as lines to read: the limits in conflict, what each alone would need, and the least change."""

from __future__ import annotations

import math

from lendplan.models.problem import BUDGET, MUST, Problem
from lendplan.solvers.result import Conflict, LimitChange


def outward(value: float, sense: int, digits: int = 6) -> float:
    """Round to so many significant digits, away from the limit, so that the figure still does what it says."""
    if value == 0.0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
    steps = value / unit
    nearest = round(steps)
    if abs(steps - nearest) < 1e-6:
        return nearest * unit
    return (math.ceil(steps) if sense > 0 else math.floor(steps)) * unit


def conflict_lines(conflict: Conflict, problem: Problem) -> list[str]:
    """Say a conflict in the words of the scenario, a line each."""
    senses = {row.name: row.sense for row in problem.rows}
    lines = ["No plan obeys the budget and all limits together."]
    if conflict.relaxed_feasible:
        lines.append(
            "It is the all-or-nothing lines that forbid it: were each line free between zero and its largest, a plan "
            "would exist."
        )
    if conflict.changes:
        lines.append(
            "In conflict:"
            if conflict.needed_proven
            else "In conflict (perhaps without some of these: the time ran out):"
        )
    else:
        lines.append("The time for an explanation ran out before the limits in conflict were found.")
    for change in conflict.changes:
        sense = senses.get(change.name, -1)
        lines.append(f"  {_stated(change, sense)}: {_alone(change, sense)}")
    moved = [change for change in conflict.changes if change.together != change.stated]
    if moved:
        proven = (
            "Least total change"
            if conflict.together_proven
            else "A change that would do (not proven the least)"
        )
        steps = (
            f"{_title(change)} {_quantity(change.stated, change.unit)} → "
            f"{_quantity(outward(change.together, senses.get(change.name, -1)), change.unit)}"
            for change in moved
        )
        lines.append(f"{proven}: {', '.join(steps)}.")
    return lines


def _title(change: LimitChange) -> str:
    return change.name if change.name in (BUDGET, MUST) else f"`{change.name}`"


def _stated(change: LimitChange, sense: int) -> str:
    if change.name == MUST:
        return f"`must: lend` for {change.stated:.0f} enterprise{'s' if change.stated != 1 else ''}"
    if change.name == BUDGET:
        return f"budget of {_quantity(change.stated, change.unit)}"
    word = "at most" if sense > 0 else "at least"
    return f"`{change.name}`, {word} {_quantity(change.stated, change.unit)}"


def _alone(change: LimitChange, sense: int) -> str:
    if change.alone is None:
        return "not alone" if change.alone_proven else "not found alone in the time allowed"
    value = _quantity(outward(change.alone, sense), change.unit)
    if change.name == MUST:
        value = f"{change.alone:.0f} of them"
    hedge = "" if change.alone_proven else " (less may do: the time ran out)"
    return f"alone, {value} would do{hedge}"


def _quantity(value: float, unit: str) -> str:
    if unit in ("share", "rate"):
        return f"{100 * value:.8g} %"
    if unit == "enterprises":
        return f"{value:.0f}"
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:,.8g}"
