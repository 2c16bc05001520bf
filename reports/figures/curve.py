"""The objective against a swept number, and below it the price of the budget: what the next unit would earn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lendplan.models.problem import BUDGET
from lendplan.reports.contents import Report
from lendplan.reports.figures import look
from lendplan.reports.figures.lettering import Lettering, shortened
from lendplan.reports.figures.picture import Figure
from lendplan.reports.figures.placing import Room, along, around
from lendplan.reports.figures.scales import number, percent, scale_of
from lendplan.reports.figures.sheet import HEAD, Panel, Sheet, fitted, widest
from lendplan.reports.figures.sweptkeys import Unit, numbers_on, title_of
from lendplan.reports.figures.told import Solved, counted, finite, money, solved

NAME = "curve"
_TALL, _LOW = 220, 150  # heights of the panels
_MARKED = 80  # points; of more the line alone is drawn


def draw(report: Report, lettering: Lettering, *, empty: bool) -> Figure | None:
    """Draw a sweep over one number; None for all else."""
    swept = numbers_on(report)
    if swept is None:
        return None
    values, unit = swept
    points = sorted(
        (
            (value, objective, _price(one), one.position == report.opened)
            for one in solved(report)
            if (value := values[one.position]) is not None
            and (objective := one.figure("objective")) is not None
        ),
        key=lambda point: point[0],
    )
    if not points:
        return None
    xs = [point[0] for point in points]
    objectives = [point[1] for point in points]
    prices = [point[2] for point in points]
    shown = [point[3] for point in points]
    has_price = not all(math.isnan(price) for price in prices)

    top = (0 if empty else HEAD) + 28
    low_top = top + _TALL + 44
    bottom = low_top + _LOW if has_price else top + _TALL
    y = scale_of(objectives, margin=0.08)
    below = scale_of([price for price in prices if not math.isnan(price)], margin=0.1, most=5, from_zero=True)
    left = max(40.0, 14 + widest([*y.labels, *(below.labels if has_price else ())]))
    x, right = fitted(xs, left, percent=unit == "percent", margin=0.03)
    sheet = Sheet(NAME, bottom + 46, bare=empty)
    about = title_of(report, unit)
    title = "Objective and price of the budget" if has_price else "Objective"
    if not empty:
        sheet.heading(title, report.title)
    worth = "Profit" if report.objective == "profit" else "Objective, weighted and without a unit"
    earned = f", {shortened(money(report), 220)}" if report.objective == "profit" else ""
    sheet.text(12, top - 12, f"{worth}{earned}", colour=look.QUIET)
    panel = sheet.panel("objective", (left, top, right, top + _TALL), x, y)
    label = report.points[report.opened].label
    _draw_line(sheet, panel, xs, objectives, shown, f"shown: {label}" if label else "shown", empty)
    if has_price:
        panel.plot.tick_params(labelbottom=False)
        added = (
            "one more unit of it would earn"
            if report.objective == "profit"
            else f"one more {money(report)} adds to the objective"
        )
        said = shortened(f"Shadow price of the budget: what {added}", look.WIDTH - 24.0)
        sheet.text(12, low_top - 12, said, colour=look.QUIET)
        panel = sheet.panel("price", (left, low_top, right, bottom), x, below)
        _draw_line(sheet, panel, xs, prices, shown, "", empty)
    sheet.text(
        (left + right) / 2, bottom + 38, shortened(about, right - left), colour=look.QUIET, align="center"
    )
    description = _description(points, about, unit, report, empty)
    return sheet.finished(title, description, lettering)


def _price(one: Solved) -> float:
    prices = one.told.summary.get("shadow_prices") or {}
    price = finite(prices.get(BUDGET))
    return math.nan if price is None else price + 0.0


def _draw_line(
    sheet: Sheet,
    panel: Panel,
    xs: Sequence[float],
    ys: Sequence[float],
    shown: Sequence[bool],
    label: str,
    empty: bool,
) -> None:
    series = len(sheet.panels) - 1
    name = f"{sheet.prefix}-{panel.name}"
    colour = look.colour_of(series)
    panel.plot.plot(xs, ys, color=colour, linewidth=1.8, clip_on=False, gid=f"{name}-line")
    if empty:
        return
    if len(xs) <= _MARKED:
        panel.plot.plot(
            xs, ys, linestyle="none", marker=look.MARKERS[series], markersize=6.5, color=colour,
            markeredgecolor=look.PAPER, markeredgewidth=0.8, clip_on=False, zorder=3, gid=f"{name}-points",
        )  # fmt: skip
    places = [panel.place.at(x, y) for x, y in zip(xs, ys, strict=True) if not math.isnan(y)]
    room = Room((panel.left, panel.top - 8, look.WIDTH - 4, panel.bottom - 2), around(along(places), 5))
    for x, y, is_shown in zip(xs, ys, shown, strict=True):
        if is_shown and not math.isnan(y):
            sheet.mark(panel, x, y, label, room, knee=False, shown=True)


def _description(
    points: Sequence[tuple[float, float, float, bool]], about: str, unit: Unit, report: Report, empty: bool
) -> str:
    def at(value: float) -> str:
        return percent(value) if unit == "percent" else number(value)

    first, last = points[0], points[-1]
    name = "profit" if report.objective == "profit" else "objective"
    parts = [
        f"{counted(len(points), 'plan')} by {about[:1].lower()}{about[1:]}: the {name} is {number(first[1])} "
        f"at {at(first[0])} and {number(last[1])} at {at(last[0])}."
    ]
    if not math.isnan(first[2]) and not math.isnan(last[2]):
        parts.append(
            f"One more unit of budget would {'earn' if name == 'profit' else 'add'} "
            f"{number(first[2])} at {at(first[0])} and {number(last[2])} at {at(last[0])}."
        )
    shown = next((point for point in points if point[3]), None)
    if not empty and shown is not None:
        parts.append(f"Shown is the plan at {at(shown[0])}, with {number(shown[1])}.")
    return " ".join(parts)
