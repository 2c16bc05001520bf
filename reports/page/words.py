"""The sentences of the page: what the plan comes to, what one more unit of a limit would earn, what is left out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from lendplan.reports.contents import Cell, PlanTold, Point, Report
from lendplan.reports.page.texts import NONE, amount, bound, clean, counted, figure, money, rate
from lendplan.reports.proof import missed
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
    if is_of_stages(summary):
        said = f"{_stages(summary)}. " if summary["status"] == "optimal" else ""
        joint = summary.get("certified_bound")
        if joint is None:
            return f"{said}Nothing is proven of how much better a joint plan is."
        distance = missed(summary["objective"], joint)
        more = "no more than this one" if distance is None else f"at most {distance} more than this one"
        return f"{said}A joint plan is worth at most {bound(max(joint, summary['objective']))}, {more}."
    distance = missed(summary["objective"], summary["bound"])
    if distance is None:
        return "No plan is better."
    if summary["status"] != "optimal":
        return f"The search ended before its proof did: a plan better by up to {distance} may exist."
    return f"No plan is better by more than {distance}."


def is_of_stages(summary: Mapping[str, Any]) -> bool:
    """Whether a plan was made in two stages: what its search proves does not bound a joint plan."""
    return summary.get("bound") is None


def _stages(summary: Mapping[str, Any]) -> str:
    if summary["status"] == "optimal":
        return "It is the best that its two stages can do, within the gap asked for"
    return "It is not proven to be the best of its two stages"


def standing_of(summary: Mapping[str, Any]) -> str:
    """Return in a note what is proven of the objective."""
    status = str(summary["status"])
    if not is_of_stages(summary):
        told = {"optimal": "proven", "feasible": "not proven", "infeasible": "breaks a limit"}.get(
            status, status
        )
        if status == "optimal" and missed(summary["objective"], summary["bound"]) is None:
            return f"{told}; no plan has more"
        most = summary["bound"] if status == "infeasible" else max(summary["bound"], summary["objective"])
        return f"{told}; no plan has more than {bound(most)}"
    told = {
        "optimal": "the best of its two stages, within the gap asked for",
        "infeasible": "breaks a limit",
    }.get(status, "not proven")
    joint = summary.get("certified_bound")
    if joint is None:
        return f"{told}; no bound is known"
    most = joint if status == "infeasible" else max(joint, summary["objective"])
    return f"{told}; a joint plan is worth at most {bound(most)}"


def allocations(report: Report) -> str:
    """Return the file that has every enterprise of a plan; a point's folder has but one of the two kinds."""
    if report.kind != "plan":
        return "allocations.parquet in the point’s folder"
    is_point = re.search(r"[/\\]points[/\\]\d+'?$", folder(report.shown))
    return "allocations.parquet" if is_point else "allocations.csv"


def comparable(report: Report) -> str:
    """Return a sentence where the objectives of a sweep's points are not of one scale; '' where they are."""
    with_plan = [point for point in report.points if point.told is not None]
    ranges = [point.told.summary.get("ranges") for point in with_plan if point.told is not None]
    if report.kind != "sweep" or not any(ranges):
        return ""
    weights = {point.values.get("objective.revenue_weight") for point in with_plan}
    causes = []
    if any(not _alike(one, ranges[0]) for one in ranges):
        causes.append("each is normalised by its own ranges of revenue and risk")
    if len(weights) > 1:
        causes.append("revenue has another weight in each")
    if not causes:
        return ""
    return (
        f"The objectives of different points are not to be compared, since {joined(causes)}; compare revenue and "
        "expected loss."
    )


def _alike(one: Mapping[str, float] | None, other: Mapping[str, float] | None) -> bool:
    if not one or not other:
        return one == other
    return all(math.isclose(one[name], other[name], rel_tol=1e-9, abs_tol=1e-9) for name in other)


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
    """Return in words what one more unit of a limit would earn, in the unit of amounts.

    A price is a rate of gain of mixed lines, whose gains shrink: it is the most that a unit adds to what they earn. Of
    a share it is so where as much is lent.
    """
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
    of_it = f" ({rate(gain)} of it)" if state.unit == "amount" and state.measure in _OF_MONEY else ""
    if is_of_stages(told.summary):
        return (
            f"{step}: a price of {earned}"
            if is_weighted(told)
            else f"{step}: a price of {earned} a year{of_it}"
        )
    most = f"{'about' if state.unit == 'share' else 'at most'} {earned}"
    while_it_lasts = _until(state, told, size)
    if is_weighted(told):
        return f"{step} adds {most} to the objective{while_it_lasts}"
    return f"{step} earns {most} a year{of_it}{while_it_lasts}"


def _until(state: LimitState, told: PlanTold, size: float) -> str:
    """Return where a price ends before a whole unit has been had of it; '' where it does not."""
    low, high = told.price_ranges.get(state.name) or (None, None)
    end = high if state.sense > 0 else low
    if end is None:
        return ""
    is_amount = state.unit == "amount"
    room = max(state.sense * (end - state.stated if is_amount else end), 0.0)
    if room >= size * (1 - 1e-9):
        return ""
    if not is_amount:
        return f"; less after the first {amount(room)}" if room else "; less from the start"
    at = amount(end) if amount(end) != amount(state.stated) else f"{end:,.8g}"
    return f"; less {'above' if state.sense > 0 else 'below'} {at}"


def price_note(told: PlanTold) -> str:
    """Return what the prices of a plan promise, and what they do not."""
    if is_of_stages(told.summary):
        return (
            "These shadow prices are those of the joint plan where lines may be mixed: they do not bound what the two "
            "stages of this plan would gain."
        )
    return (
        "What one more unit earns is the limit’s shadow price: the most that it adds where lines may be mixed. A plan "
        "of whole loans follows it nearby, and may gain more by what it now falls short of mixed lines."
    )


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
