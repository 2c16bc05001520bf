"""What each grade gets: the line granted to it, and the average rate that it pays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from lendplan.reports.contents import Report
from lendplan.reports.figures import look
from lendplan.reports.figures.lettering import Lettering, clean, shortened, width_of
from lendplan.reports.figures.picture import Figure
from lendplan.reports.figures.scales import Scale, number, percent, scale_of
from lendplan.reports.figures.sheet import HEAD, Panel, Sheet, widest
from lendplan.reports.figures.told import counted, money, shown, solved, under_heading
from lendplan.reports.tables import GradeTotals

NAME = "grades"
_TALL, _LOW = 200, 150  # heights of the panels
_LETTER = 13.0  # height of a line of small text
_LEFT = 40.0  # edge of the panels, at least
_WIDEST = 90.0  # of a bar
_NAME_ROOM = 90.0  # of a grade's name that stands on its side


def draw(report: Report, lettering: Lettering, *, empty: bool) -> Figure | None:
    """Draw line and rate by grade; None where no plan has a grade."""
    points = solved(report)
    names = sorted({one.grade for point in points for one in point.told.grades})
    if not names:
        return None
    every = [one for point in points for one in point.told.grades]
    plan = None if empty else shown(report)
    held = {one.grade: one for one in plan.grades} if plan is not None else {}
    rates = [one.average_rate for one in every if one.average_rate is not None]
    lines = [one.line for one in every]
    right = look.WIDTH - 16.0
    # The room for the values depends on the slot of a grade, that on the labels of the scales, and they on the room:
    # so the slot is taken as if those labels were the narrowest.
    slot = (right - _LEFT) / len(names)
    y = scale_of(lines, from_zero=True, margin=_headroom(map(number, lines), slot, _TALL))
    above = _headroom(map(percent, rates), slot, _LOW)
    below = scale_of(rates, percent=True, from_zero=True, margin=above, most=5)
    left = max(_LEFT, 14 + widest([*y.labels, *below.labels]))
    slot = (right - left) / len(names)
    labels, every_nth, on_side = _names(names, slot)

    top = (0 if empty else HEAD) + 28
    low_top = top + _TALL + 40
    bottom = low_top + _LOW
    under = (widest(labels) if on_side else _LETTER) + 12
    sheet = Sheet(NAME, bottom + under + 24, bare=empty)
    title = "Line and rate by grade"
    if not empty:
        sheet.heading(title, under_heading(report))
    x = Scale(-0.5, len(names) - 0.5, (), ())
    sheet.text(12, top - 12, f"Line granted, {shortened(money(report), 240)}", colour=look.QUIET)
    line = sheet.panel("line", (left, top, right, top + _TALL), x, y)
    sheet.text(12, low_top - 12, "Average rate a year", colour=look.QUIET)
    rate = sheet.panel("rate", (left, low_top, right, bottom), x, below)
    for at, label in enumerate(labels):
        if at % every_nth:
            continue
        middle = rate.place.at(at, 0)[0]
        if on_side:
            sheet.text(middle + 4, bottom + 8, label, size=look.SMALL, align="right", rotation=90)
        else:
            sheet.text(middle, bottom + 17, label, size=look.SMALL, align="center")
    sheet.text((left + right) / 2, bottom + under + 16, "Grade", colour=look.QUIET, align="center")
    if plan is not None:
        _bars(sheet, line, [held.get(name) for name in names], slot)
        _dots(sheet, rate, [held.get(name) for name in names], slot)
    return sheet.finished(title, _description(report, names, held, every), lettering)


def _names(names: Sequence[str], slot: float) -> tuple[list[str], int, bool]:
    """Return the labels of the grades, of how many one is written, and whether they stand on their side."""
    cleaned = [clean(name) for name in names]
    if all(width_of(name[:200], look.SMALL) <= slot - 6 for name in cleaned):
        return cleaned, 1, False
    short = [shortened(name, slot - 6, look.SMALL) for name in cleaned]
    if slot >= 70 and len(set(short)) == len(short):
        return short, 1, False
    on_side = [shortened(name, _NAME_ROOM, look.SMALL) for name in cleaned]
    return on_side, max(1, math.ceil(_LETTER / slot)), True


def _headroom(texts: Iterable[str], slot: float, height: float) -> float:
    """Return the room above the highest mark for its value, as a share of what lies below; see `_values`."""
    wide = widest(list(texts))
    need = 24.0 if wide <= slot - 4 else min(wide + 16, 0.45 * height) if slot >= _LETTER else 10.0
    return need / (height - need)


def _bars(sheet: Sheet, panel: Panel, grades: Sequence[GradeTotals | None], slot: float) -> None:
    held = [(at, one.line) for at, one in enumerate(grades) if one is not None and one.line > 0]
    bars = panel.plot.bar(
        [at for at, _ in held],
        [line for _, line in held],
        width=min(0.66, _WIDEST / slot),
        color=look.colour_of(0),
    )
    for (at, _), bar in zip(held, bars, strict=True):
        bar.set_gid(f"{sheet.prefix}-bar-{at}")
    if not held:
        _say_nothing(sheet, panel)
    _values(sheet, panel, [(at, line, number(line)) for at, line in held], slot, 5)


def _dots(sheet: Sheet, panel: Panel, grades: Sequence[GradeTotals | None], slot: float) -> None:
    held = [
        (at, one.average_rate)
        for at, one in enumerate(grades)
        if one is not None and one.average_rate is not None
    ]
    for at, rate in held:
        panel.plot.plot([at, at], [0, rate], color=look.colour_of(1), linewidth=1.6)
    panel.plot.plot(
        [at for at, _ in held], [rate for _, rate in held], linestyle="none", marker="o", markersize=8,
        color=look.colour_of(1), markeredgecolor=look.PAPER, clip_on=False, zorder=3, gid=f"{sheet.prefix}-dots",
    )  # fmt: skip
    if not held:
        _say_nothing(sheet, panel)
    _values(sheet, panel, [(at, rate, percent(rate)) for at, rate in held], slot, 10)


def _values(
    sheet: Sheet, panel: Panel, marks: Sequence[tuple[int, float, str]], slot: float, above: float
) -> None:
    """Write values over marks; on their side where they lack the room, and none where that lacks it, too."""
    lying = widest([text for _, _, text in marks]) <= slot - 4
    for at, value, text in marks:
        x, y = panel.place.at(at, value)
        if lying:
            sheet.text(x, y - above, text, size=look.SMALL, align="center")
        elif slot >= _LETTER:
            sheet.text(x + 4, y - above, text, size=look.SMALL, rotation=90)


def _say_nothing(sheet: Sheet, panel: Panel) -> None:
    middle = (panel.left + panel.right) / 2, (panel.top + panel.bottom) / 2
    sheet.text(*middle, "nothing is lent", colour=look.QUIET, align="center", backed=True)


def _description(
    report: Report, names: Sequence[str], held: dict[str, GradeTotals], every: Sequence[GradeTotals]
) -> str:
    unit = money(report)
    if not held:
        most = max(one.line for one in every)
        return (
            f"Line granted and average rate a year of {counted(len(names), 'grade')}; "
            f"the most that a grade gets in any plan is {number(most)} {unit}."
        )
    told = [
        f"{clean(name)[:40]} {number(one.line)}"
        + (f" at {percent(one.average_rate)}" if one.average_rate is not None else "")
        for name in names
        if (one := held.get(name)) is not None
    ]
    more = f" and {len(told) - 12:,} more" if len(told) > 12 else ""
    return f"Line granted, in {unit}, and average rate a year by grade: {'; '.join(told[:12])}{more}."
