"""What the page holds of every point: its place in the charts and its row in the table of points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lendplan.models.measures import Floats
from lendplan.models.problem import BUDGET
from lendplan.reports.contents import PlanTold, Report
from lendplan.reports.figures import look
from lendplan.reports.figures.churn import curve_colours
from lendplan.reports.figures.sweptkeys import numbers_on
from lendplan.reports.figures.told import cell_text
from lendplan.reports.page import words
from lendplan.reports.page.columns import digits_for, rounded
from lendplan.reports.page.texts import clean

_ERROR = 300  # letters of why a point has no plan
_AMOUNTS = (("revenue", "Revenue"), ("risk", "Expected loss"), ("profit", "Profit"), ("line", "Lines"))


def digits_of(report: Report) -> dict[str, int]:
    """Return the decimals with which the enterprises' amounts are shown, alike at all points."""
    books = [point.told.enterprises for point in report.points if point.told is not None]
    line, revenue, risk = (
        np.concatenate([values[np.isfinite(values) & (values != 0.0)] for values in columns])
        for columns in zip(*((book.line, book.revenue, book.risk) for book in books), strict=True)
    )
    is_whole = bool(np.all(line == np.rint(line)))
    # Reasons name lines with two decimals.
    return {
        "line": 0 if is_whole else max(digits_for(line), 2),
        "revenue": digits_for(revenue),
        "risk": digits_for(risk),
    }


def _series(report: Report) -> list[int]:
    """Return which series of the chart each point belongs to, as the figure has them: one a first swept value."""
    firsts = [
        cell_text(point.values.get(report.swept[0])) if len(report.swept) > 1 else ""
        for point in report.points
    ]
    with_plan = [point.told is not None for point in report.points]
    names = list(dict.fromkeys(name for name, has in zip(firsts, with_plan, strict=True) if has))
    if not 1 < len(names) <= look.MOST_SERIES:
        return [0] * len(firsts)
    return [names.index(name) if has else 0 for name, has in zip(firsts, with_plan, strict=True)]


def index(report: Report) -> dict[str, Any]:
    """Return what the script knows from the start: the points, their figures, and how to show them."""
    points = report.points
    swept = numbers_on(report)
    lines = [one.line for point in points if point.told is not None for one in point.told.chosen]

    def each(tell: Callable[[PlanTold], float | None]) -> list[float | None]:
        return [None if point.told is None else _finite(tell(point.told)) for point in points]

    return {
        "kind": report.kind,
        "opened": report.opened,
        "money": clean(report.money),
        "labels": [clean(point.label) for point in points],
        "errors": [clean(point.error, _ERROR) for point in points],
        "has": [int(point.told is not None) for point in points],
        "knee": [at for at, point in enumerate(points) if point.knee],
        "columns": [*_value_columns(report), *_figure_columns(report)] if len(points) > 1 else [],
        "digits": digits_of(report),
        "risk": each(lambda told: told.summary["risk"]),
        "revenue": each(lambda told: told.summary["revenue"]),
        "objective": each(lambda told: told.summary["objective"]),
        "price": each(lambda told: told.summary.get("shadow_prices", {}).get(BUDGET)),
        "swept": [None] * len(points) if swept is None else swept[0],
        "series": _series(report),
        "colours": list(look.SERIES),
        "curves": {clean(name): colour for name, colour in curve_colours(report).items()},
        "largest": max(lines, default=0.0),
    }


def _value_columns(report: Report) -> list[dict[str, Any]]:
    """Return a column for each swept value; of a frontier for the level of risk and what is proven there."""
    titles = {"risk_limit": "Risk at most", "revenue_bound": "Revenue proven at most"}
    keys = list(dict.fromkeys(key for point in report.points for key in point.values))
    found = []
    for key in keys:
        cells = [point.values.get(key) for point in report.points]
        title = titles.get(key, key) if report.kind == "frontier" else clean(key)
        if all(one is None or (isinstance(one, (int, float)) and not isinstance(one, bool)) for one in cells):
            values = np.array([np.nan if one is None else float(one) for one in cells])
            if report.kind == "frontier":
                found.append(_numbers(title, values))
            else:
                exact = [_finite(one) for one in values.tolist()]
                found.append({"title": title, "kind": "exact", "values": exact})
        else:
            found.append({"title": title, "kind": "text", "values": [words.cell(one) for one in cells]})
    return found


def _figure_columns(report: Report) -> list[dict[str, Any]]:
    def every(name: str) -> Floats:
        cells = [None if point.told is None else point.told.summary.get(name) for point in report.points]
        return np.array([np.nan if one is None else float(one) for one in cells])

    status = [clean(point.status) for point in report.points]
    figures: list[dict[str, Any]] = [
        *(_numbers(title, every(name)) for name, title in _AMOUNTS),
        {"title": "Lent to", "kind": "number", "digits": 0, "values": rounded(every("funded"), 0)},
        {"title": "Average rate", "kind": "rate", "values": rounded(every("average_rate"), 6)},
    ]
    if report.kind == "sweep":
        figures.append(_numbers("Objective", every("objective")))
    return [
        {"title": "Status", "kind": "text", "values": status},
        *({**one, "figure": True} for one in figures),
    ]


def _numbers(title: str, values: Floats) -> dict[str, Any]:
    known = np.abs(values[np.isfinite(values)])
    digits = 0 if known.size and known.max() >= 1e5 else max(2, digits_for(values))
    return {"title": title, "kind": "number", "digits": digits, "values": rounded(values, digits)}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.10g}")
