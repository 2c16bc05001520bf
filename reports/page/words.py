"""The sentences of the page: what the plan comes to, what one more unit of a limit would earn, what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lendplan.reports.contents import Cell, PlanTold, Point, Report
from lendplan.reports.page.texts import NONE, amount, clean, counted, figure, gap, money, rate
from lendplan.reports.tables import LimitState

_MEASURES = {
    "line": "lines",
    "exposure": "exposure",
    "interest": "interest",
    "revenue": "revenue",
    "risk": "expected loss",
    "count": "borrowers",
    "average_rate": "average rate",
}
_TOTALS = {  # measure → key of the summary that has its total over the plan
    "line": "line",
    "exposure": "exposure",
    "interest": "interest",
    "revenue": "revenue",
    "risk": "risk",
    "count": "funded",
}
_OF_MONEY = ("line", "exposure")  # what is lent: a price of it is a yield


def is_weighted(told: PlanTold) -> bool:
    """Whether the objective of a plan has no unit; a sweep may change it from point to point."""
    return told.summary.get("ranges") is not None


def result(report: Report) -> str:
    """Return the result in one sentence or two."""
    with_plan = [point for point in report.points if point.told is not None]
    if report.kind == "plan" or not with_plan:
        return _plan(report.shown)
    revenues, risks = (
        [float(point.told.summary[name]) for point in with_plan if point.told is not None]
        for name in ("revenue", "risk")
    )
    failed = len(report.points) - len(with_plan)
    without = f" {counted(failed, 'point has', 'points have')} no plan." if failed else ""
    if report.kind == "frontier":
        first, last = with_plan[0], with_plan[-1]
        assert first.told is not None
        assert last.told is not None
        knee = next((point for point in with_plan if point.knee), None)
        return (
            f"{counted(len(with_plan), 'efficient plan')}: from an expected loss of "
            f"{money(first.told.summary['risk'])} with a revenue of {money(first.told.summary['revenue'])} to "
            f"{money(last.told.summary['risk'])} with {money(last.told.summary['revenue'])}. {_knee(knee)}{without}"
        )
    return (
        f"{counted(len(with_plan), 'plan')} over {joined([clean(key) for key in report.swept])}: revenue from "
        f"{money(min(revenues))} to {money(max(revenues))}, expected loss from {money(min(risks))} to "
        f"{money(max(risks))}.{without}"
    )


def _knee(point: Point | None) -> str:
    if point is None or point.told is None:
        return "None of them stands out as a knee."
    summary = point.told.summary
    return (
        f"At the knee, beyond which more risk buys less revenue, it is {money(summary['risk'])} with "
        f"{money(summary['revenue'])}."
    )


def _plan(told: PlanTold) -> str:
    summary = told.summary
    if not summary["funded"]:
        return f"None of {counted(summary['eligible'], 'eligible enterprise')} gets a loan. {proof(summary)}"
    return (
        f"{summary['funded']:,} of {counted(summary['eligible'], 'eligible enterprise')} "
        f"{'gets' if summary['funded'] == 1 else 'get'} a loan, lines of {money(summary['line'])} in all at "
        f"{rate(summary['average_rate'])} a year on average: a revenue of {money(summary['revenue'])} a year before "
        f"an expected loss of {money(summary['risk'])}. {proof(summary)}"
    )


def proof(summary: Mapping[str, Any]) -> str:
    """Return in a sentence how good a plan is proven to be."""
    if summary["status"] == "infeasible":
        return "This allocation breaks a limit."
    distance = summary.get("gap")
    if distance is None:
        distance = summary.get("certified_gap")
        if distance is None:
            return "Nothing is proven of how good it is."
        return f"No plan is proven to be better by more than {gap(distance)}."
    if summary["status"] != "optimal":
        return f"The search ended before its proof did: a plan better by up to {gap(distance)} may exist."
    return (
        "No plan is better." if gap(distance) == "0 %" else f"No plan is better by more than {gap(distance)}."
    )


def measure(state: LimitState) -> str:
    """Return what a limit counts."""
    return _MEASURES.get(state.measure, state.measure)


def stated(state: LimitState) -> str:
    """Return what a limit states."""
    return f"{'≤' if state.sense > 0 else '≥'} {_quantity(state, state.stated)}"


def reached(state: LimitState) -> str:
    """Return what the plan makes of it, with more digits where two would hide that there is room."""
    if state.reached is None:
        return NONE
    told = _quantity(state, state.reached)
    if not state.binding and told == _quantity(state, state.stated) and state.reached != state.stated:
        return f"{100 * state.reached:.6g} %" if state.unit != "amount" else f"{state.reached:,.8g}"
    return told


def standing(state: LimitState) -> str:
    """Return whether a limit binds."""
    return "binds" if state.binding else "counts nothing" if state.reached is None else "has room"


def worth(state: LimitState, told: PlanTold) -> str:
    """Return in words what one more unit of a limit would earn, in the unit of amounts."""
    if state.price == 0.0:
        return "nothing"
    gain, what = abs(state.price), "allowed" if state.sense > 0 else "less asked for"
    one_more = "one more" if state.sense > 0 else "one"
    size = 1.0
    if state.unit == "share" and state.measure in _TOTALS:
        size = 0.01 * float(told.summary.get(_TOTALS[state.measure]) or 0.0)
        step = f"{one_more} percentage point {what}"
        if size == 0.0:
            return "nothing while the plan lends nothing"
    elif state.unit == "rate":
        step = f"{one_more} unit of interest {what}"
    elif state.measure == "count":
        step = f"{one_more} borrower {what}"
    else:
        step = f"{one_more} unit {what}"
    earned = figure(gain * size)
    if is_weighted(told):
        return f"{step} adds {earned} to the objective"
    of_it = f" ({rate(gain)} of it)" if state.unit == "amount" and state.measure in _OF_MONEY else ""
    return f"{step} earns {earned} a year{of_it}"


def holds(state: LimitState, told: PlanTold) -> str:
    """Return the right sides at which a shadow price holds; of a share or a rate by how much they may move."""
    ends = told.price_ranges.get(state.name)
    if ends is None:
        return NONE
    low, high = ends
    signed = state.unit != "amount"

    def text(end: float) -> str:
        return f"+{amount(end)}" if signed and end >= 0 else amount(end)

    if low is not None and high is not None:
        return f"{text(low)} to {text(high)}"
    return f"from {text(low)}" if low is not None else f"up to {text(high)}" if high is not None else "always"


def _quantity(state: LimitState, value: float) -> str:
    return amount(value) if state.unit == "amount" else rate(value)


def cell(value: Cell) -> str:
    """Return a swept value."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:,.10g}" if isinstance(value, (int, float)) else clean(value)


def folder(told: PlanTold) -> str:
    """Return the plan's folder as a word of the shell."""
    return told.command.removeprefix("optimize verify ").strip() or "FOLDER"


def joined(texts: list[str]) -> str:
    """Return texts as a list in a sentence."""
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)
