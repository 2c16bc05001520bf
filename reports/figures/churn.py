"""The churn curves, and on them the rates that the plan chose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lendplan.reports.contents import Chosen, Curve, PlanTold, Report
from lendplan.reports.figures import look
from lendplan.reports.figures.lettering import Lettering, clean, shortened, width_of
from lendplan.reports.figures.picture import Figure
from lendplan.reports.figures.placing import ABOVE, Room, along, around, spread
from lendplan.reports.figures.scales import number, percent, scale_of
from lendplan.reports.figures.sheet import HEAD, Panel, Sheet, dashed, widest
from lendplan.reports.figures.told import counted, money, shown, solved, under_heading

NAME = "churn"
_HEIGHT = 320  # of the panel
_LARGEST, _SMALLEST = 13.0, 3.0  # radius of a circle
_GAP = 14.0  # between labels of curves
_MOST_COUNTS = 40  # circles whose loans are counted, the largest
_LABEL_ROOM = 150.0


@dataclass(frozen=True)
class _Line:
    """A curve as it is drawn: of one name several, where the points of a sweep have different ones."""

    name: str
    series: int
    rates: tuple[float, ...]
    churn: tuple[float, ...]


def curve_colours(report: Report) -> dict[str, str]:
    """Return the colour of each churn curve, for marks that a page puts on them itself."""
    return {name: look.colour_of(at) for at, name in enumerate(_curves(report))}


def draw(report: Report, lettering: Lettering, *, empty: bool) -> Figure | None:
    """Draw the churn curves; None where there are none."""
    grades = _curves(report)
    lines = _lines(report, list(grades), empty=empty)
    if not lines:
        return None
    points = solved(report)
    plan = None if empty else shown(report)
    all_curves = [curve for point in points for curve in point.told.curves]
    labels = {name: shortened(_label(name, grades[name]), _LABEL_ROOM, look.SMALL) for name in grades}
    # Room below 0 %, too, so that a circle there stays clear of the labels of the rates.
    y = scale_of((one for curve in all_curves for one in _ends(curve.churn)), percent=True, margin=0.06)
    left = max(40.0, 14 + widest(y.labels))
    right = look.WIDTH - 30 - widest(list(labels.values()))
    x = scale_of((one for curve in all_curves for one in _ends(curve.rates)), percent=True, margin=0.03)
    top = (0 if empty else HEAD) + 28
    bottom = top + _HEIGHT
    sheet = Sheet(NAME, bottom + (46 if empty else 66), bare=empty)
    title = "Churn curves and chosen rates"
    if not empty:
        sheet.heading(title, under_heading(report))
    sheet.text(12, top - 12, "Share of customers lost", colour=look.QUIET)
    panel = sheet.panel(NAME, (left, top, right, bottom), x, y)
    panel.plot.grid(axis="x", color=look.GRID, linewidth=1)
    sheet.text((left + right) / 2, bottom + 38, "Rate a year", colour=look.QUIET, align="center")
    for at, line in enumerate(lines):
        variant = at - [one.series for one in lines].index(line.series)
        panel.plot.plot(
            line.rates,
            line.churn,
            color=look.colour_of(line.series),
            linewidth=1.8,
            marker="o" if len(line.rates) == 1 else "",
            clip_on=False,
            gid=f"{sheet.prefix}-line-{line.series}{f'-{variant}' if variant else ''}",
            **dashed(look.dashes_of(line.series)),
        )
    _end_labels(sheet, panel, lines, labels)
    if plan is not None:
        _circles(sheet, panel, report, plan, lines)
        sheet.text(
            12, bottom + 58, "Circles: loans at a rate, the area by their line; a number counts two or more.",
            size=look.SMALL, colour=look.QUIET,
        )  # fmt: skip
    return sheet.finished(title, _description(report, grades, all_curves, plan), lettering)


def _ends(values: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, ...]:
    return (float(np.min(values)), float(np.max(values))) if len(values) else ()


def _curves(report: Report) -> dict[str, tuple[str, ...]]:
    """Return the curves of all points and the grades that follow each."""
    grades: dict[str, dict[str, None]] = {}
    for one in solved(report):
        for curve in one.told.curves:
            if len(curve.rates):
                grades.setdefault(curve.name, {}).update(dict.fromkeys(curve.grades))
    return {name: tuple(followed) for name, followed in grades.items()}


def _label(name: str, grades: Sequence[str]) -> str:
    borrowed = [clean(grade) for grade in grades if grade != name]
    return f"{clean(name)} ({', '.join(borrowed)})" if borrowed else clean(name)


def _lines(report: Report, names: Sequence[str], *, empty: bool) -> list[_Line]:
    """Return the lines to draw: those of the plan that is shown, or each that some point has, once."""
    plan = None if empty else shown(report)
    told = [one.told for one in solved(report)] if plan is None else [plan]
    lines = {
        _Line(curve.name, names.index(curve.name), tuple(curve.rates.tolist()), tuple(curve.churn.tolist()))
        for plan in told
        for curve in plan.curves
        if len(curve.rates)
    }
    return sorted(lines, key=lambda line: (line.series, line.rates, line.churn))


def _end_labels(sheet: Sheet, panel: Panel, lines: Sequence[_Line], labels: Mapping[str, str]) -> None:
    """Write each curve's name beside its end, apart from one another, with a thin line between the two."""
    ends = {line.name: (line.series, *panel.place.at(line.rates[-1], line.churn[-1])) for line in lines}
    fit = int((panel.bottom - panel.top + 16) // _GAP) + 1
    if len(ends) > fit:  # every n-th of them, from the lowest to the highest
        ordered = sorted(ends, key=lambda name: ends[name][2])
        ends = {name: ends[name] for name in ordered[:: math.ceil(len(ends) / fit)]}
    wanted = [y for _, _, y in ends.values()]
    heights = spread(wanted, _GAP, panel.top - 8, panel.bottom + 8)
    for (name, (series, x, y)), height in zip(ends.items(), heights, strict=True):
        start = panel.right + 14
        sheet.line([x + 4, start - 3], [y, height], color=look.FRAME, linewidth=0.8, zorder=-1)
        sheet.text(start, height + 4, labels[name], size=look.SMALL, colour=look.colour_of(series))


def _circles(sheet: Sheet, panel: Panel, report: Report, plan: PlanTold, lines: Sequence[_Line]) -> None:
    """Draw the loans of the plan that is shown, the largest first, so that none hides another."""
    from matplotlib.colors import to_rgba

    chosen = sorted(plan.chosen, key=lambda one: -one.line)
    if not chosen:
        return
    most = max(one.line for point in solved(report) for one in point.told.chosen)
    radii = [_radius(one, most) for one in chosen]
    series = {line.name: line.series for line in lines}
    colours = [look.colour_of(series.get(one.curve, 0)) for one in chosen]
    panel.plot.scatter(
        [one.rate for one in chosen],
        [one.churn for one in chosen],
        s=[(2 * radius) ** 2 for radius in radii],
        facecolors=[to_rgba(colour, 0.25) for colour in colours],
        edgecolors=colours,
        linewidths=1.4,
        clip_on=False,
        zorder=3,
        gid=f"{sheet.prefix}-circles",
    )
    places = [panel.place.at(one.rate, one.churn) for one in chosen]
    drawn = [
        place
        for line in lines
        for place in along([panel.place.at(*at) for at in zip(line.rates, line.churn, strict=True)])
    ]
    circles = np.vstack([around([place], radius) for place, radius in zip(places, radii, strict=True)])
    room = Room(
        (panel.left, panel.top - 12, panel.right + 10, panel.bottom), np.vstack([around(drawn, 2), circles])
    )
    several = [at for at, one in enumerate(chosen) if one.loans > 1]
    for at in several[:_MOST_COUNTS]:
        one, place, radius = chosen[at], places[at], radii[at]
        text = f"{one.loans:,}"
        found = room.place(place, width_of(text, look.SMALL), 12, radius + 2, ABOVE)
        if found is not None:
            (left, top, right, _), align = found
            x = {"left": left, "right": right, "center": (left + right) / 2}[align]
            sheet.text(x, top + 10, text, size=look.SMALL, colour=colours[at], align=align)


def _radius(one: Chosen, most: float) -> float:
    return max(_SMALLEST, _LARGEST * math.sqrt(max(one.line, 0.0) / most)) if most > 0 else _SMALLEST


def _description(
    report: Report, grades: Mapping[str, Sequence[str]], curves: Sequence[Curve], plan: PlanTold | None
) -> str:
    rates = [rate for curve in curves for rate in _ends(curve.rates)]
    told = (
        f"{counted(len(grades), 'churn curve')}: the share of customers lost at rates "
        f"from {percent(min(rates))} to {percent(max(rates))} a year."
    )
    if plan is None:
        return told
    chosen = plan.chosen
    if not chosen:
        return f"{told} Nothing is lent."
    largest = max(chosen, key=lambda one: one.line)
    loans = sum(one.loans for one in chosen)
    return (
        f"{told} {counted(loans, 'loan')} at rates from {percent(min(one.rate for one in chosen))} "
        f"to {percent(max(one.rate for one in chosen))}; the largest line, {number(largest.line)} ({money(report)}), "
        f"at {percent(largest.rate)} on curve {clean(largest.curve)[:40]}, where {percent(largest.churn)} are lost."
    )
