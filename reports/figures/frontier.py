"""Revenue against risk: a point a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lendplan.reports.contents import Report
from lendplan.reports.figures import look
from lendplan.reports.figures.key import Entry, write_key
from lendplan.reports.figures.lettering import Lettering, shortened
from lendplan.reports.figures.picture import Figure
from lendplan.reports.figures.placing import Room, along, around
from lendplan.reports.figures.scales import number, scale_of
from lendplan.reports.figures.sheet import HEAD, Panel, Sheet, dashed, fitted, widest
from lendplan.reports.figures.sweptkeys import words_of
from lendplan.reports.figures.told import BUDGET, WEIGHT, cell_text, counted, money, solved

NAME = "frontier"
_HEIGHT = 300  # of the panel
_APART = 1e-9  # relative: nearer than this, two plans are equal in revenue or risk
_JOINED = (WEIGHT, BUDGET)  # keys along which revenue and risk rise together


@dataclass(frozen=True)
class _Plan:
    position: int
    risk: float
    revenue: float
    series: int
    knee: bool
    label: str


def draw(report: Report, lettering: Lettering, *, empty: bool) -> Figure | None:
    """Draw the plans of a sweep or a frontier; None for a plan alone, and where no point has a plan."""
    names, plans = _plans(report)
    if not plans:
        return None
    pale = _dominated_in_series(plans) if report.kind == "sweep" else set()
    unit = shortened(money(report), 200)
    entries = _entries(report, names, bool(pale) and not empty)

    start = write_key(None, entries, 12, look.WIDTH - 12, 0)
    top = (0 if empty else HEAD) + start + 26
    sheet = Sheet(NAME, top + _HEIGHT + 46, bare=empty)
    y = scale_of([plan.revenue for plan in plans], margin=0.07)
    left = max(40.0, 14 + widest(y.labels))
    x, right = fitted([plan.risk for plan in plans], left)
    title = "Revenue against risk"
    if not empty:
        sheet.heading(title, report.title)
    write_key(sheet, entries, 12, look.WIDTH - 12, top - 26 - start)
    sheet.text(12, top - 12, f"Revenue, {unit}", colour=look.QUIET)
    panel = sheet.panel(NAME, (left, top, right, top + _HEIGHT), x, y)
    panel.plot.grid(axis="x", color=look.GRID, linewidth=1)
    sheet.text((left + right) / 2, top + _HEIGHT + 38, f"Risk, {unit}", colour=look.QUIET, align="center")

    joined = _is_joined(report)
    for series in range(max(len(names), 1)):
        line = sorted(
            (plan for plan in plans if plan.series == series), key=lambda one: (one.risk, one.revenue)
        )
        efficient = [plan for plan in line if plan.position not in pale]
        if joined:
            panel.plot.plot(
                [plan.risk for plan in efficient],
                [plan.revenue for plan in efficient],
                color=look.colour_of(series),
                linewidth=1.8,
                gid=f"{sheet.prefix}-line-{series}",
                **dashed(look.dashes_of(series)),
            )
        for is_pale in () if empty else (True, False):
            marked = [one for one in line if (one.position in pale) == is_pale]
            _marks(sheet.prefix, panel, marked, series, pale=is_pale)
    if not empty:
        _labels(sheet, panel, report, plans, joined)
    return sheet.finished(title, _description(report, plans, pale, unit, empty), lettering)


def _plans(report: Report) -> tuple[list[str], list[_Plan]]:
    """Return the names of the series, none where there is one alone, and the plans."""
    if report.kind == "plan":
        return [], []
    points = solved(report)
    keys = [
        cell_text(one.point.values.get(report.swept[0])) if len(report.swept) > 1 else "" for one in points
    ]
    names = list(dict.fromkeys(keys))
    if not 1 < len(names) <= look.MOST_SERIES:
        names = []
    plans = [
        _Plan(one.position, risk, revenue, names.index(key) if names else 0, one.point.knee, one.point.label)
        for one, key in zip(points, keys, strict=True)
        if (risk := one.figure("risk")) is not None and (revenue := one.figure("revenue")) is not None
    ]
    return names, plans


def _is_joined(report: Report) -> bool:
    if report.kind == "frontier":
        return True
    if len(report.swept) == 1:
        return report.swept[0] == WEIGHT
    firsts = {cell_text(point.values.get(report.swept[0])) for point in report.points}
    return len(report.swept) == 2 and report.swept[1] in _JOINED and len(firsts) <= look.MOST_SERIES


def _dominated_in_series(plans: Sequence[_Plan]) -> set[int]:
    """Return the positions of plans that another of their series beats in risk or revenue, and in none loses to."""
    pale: set[int] = set()
    near_risk = _APART * max(abs(plan.risk) for plan in plans)
    near_revenue = _APART * max(abs(plan.revenue) for plan in plans)
    best: dict[int, _Plan] = {}
    for plan in sorted(plans, key=lambda one: (one.risk, -one.revenue)):
        rival = best.get(plan.series)
        if rival is None or plan.revenue > rival.revenue + near_revenue:
            best[plan.series] = plan
        elif plan.revenue < rival.revenue - near_revenue or plan.risk > rival.risk + near_risk:
            pale.add(plan.position)
    return pale


def _entries(report: Report, names: Sequence[str], pale: bool) -> list[Entry]:
    joined = _is_joined(report)
    entries = [
        Entry(
            f"{words_of(report.swept[0])}: {name}",
            look.colour_of(at),
            look.MARKERS[at],
            dashes=look.dashes_of(at) if joined else None,
        )
        for at, name in enumerate(names)
    ]
    if pale:
        entries.append(Entry("another plan has more revenue or less risk", look.PALE, "o", filled=False))
    return entries


def _marks(prefix: str, panel: Panel, plans: Sequence[_Plan], series: int, *, pale: bool) -> None:
    if not plans:
        return
    colour = look.PALE if pale else look.colour_of(series)
    panel.plot.plot(
        [plan.risk for plan in plans],
        [plan.revenue for plan in plans],
        linestyle="none",
        marker=look.MARKERS[series],
        markersize=5 if pale else 6.5,
        color=colour,
        markerfacecolor=look.PAPER if pale else colour,
        markeredgewidth=1.3 if pale else 0.8,
        markeredgecolor=colour if pale else look.PAPER,
        clip_on=False,
        zorder=2.5 if pale else 3,
        gid=f"{prefix}-{'dominated' if pale else 'points'}-{series}",
    )


def _labels(sheet: Sheet, panel: Panel, report: Report, plans: Sequence[_Plan], joined: bool) -> None:
    """Mark the knee and the plan that is shown, and say so beside them."""
    places = [panel.place.at(plan.risk, plan.revenue) for plan in plans]
    lines = []
    if joined:
        for series in {plan.series for plan in plans}:
            own = sorted(panel.place.at(plan.risk, plan.revenue) for plan in plans if plan.series == series)
            lines += along(own)
    room = Room(
        (panel.left, panel.top - 8, look.WIDTH - 4, panel.bottom - 2),
        around(places + lines, 5),
    )
    for plan in plans:
        shown = plan.position == report.opened
        if plan.knee or shown:
            words = "knee, shown" if plan.knee and shown else "knee" if plan.knee else "shown"
            text = f"{words}: {plan.label}" if plan.label and shown else words
            sheet.mark(panel, plan.risk, plan.revenue, text, room, knee=plan.knee, shown=shown)


def _description(report: Report, plans: Sequence[_Plan], pale: set[int], unit: str, empty: bool) -> str:
    least = min(plans, key=lambda one: (one.risk, -one.revenue))
    most = max(plans, key=lambda one: (one.revenue, -one.risk))
    parts = [
        f"{counted(len(plans), 'plan')} by risk and revenue, in {unit}: "
        f"from a risk of {number(least.risk)} and a revenue of {number(least.revenue)} "
        f"to {number(most.risk)} and {number(most.revenue)}."
    ]
    parts += [
        f"The knee is at a risk of {number(plan.risk)} and a revenue of {number(plan.revenue)}."
        for plan in plans
        if plan.knee
    ]
    if pale:
        parts.append(f"Another plan has more revenue or less risk than {len(pale):,} of them.")
    shown = next((plan for plan in plans if plan.position == report.opened), None)
    if not empty and shown is not None:
        parts.append(f"Shown is the one at {number(shown.risk)} and {number(shown.revenue)}.")
    return " ".join(parts)
