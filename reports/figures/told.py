"""What the figures take from a report: the points that have a plan, as numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lendplan.reports.contents import Cell, PlanTold, Point, Report
from lendplan.reports.figures.lettering import clean
from lendplan.reports.figures.scales import number

WEIGHT, BUDGET = "objective.revenue_weight", "budget.total"


@dataclass(frozen=True)
class Solved:
    """A point with a plan."""

    position: int  # among the report's points
    point: Point
    told: PlanTold

    def figure(self, name: str) -> float | None:
        """Return a figure of the summary."""
        return finite(self.told.summary.get(name))


def solved(report: Report) -> list[Solved]:
    """Return the points that have a plan."""
    return [
        Solved(position, point, point.told)
        for position, point in enumerate(report.points)
        if point.told is not None
    ]


def shown(report: Report) -> PlanTold | None:
    """Return the plan that is shown first; None where that point has none."""
    return report.points[report.opened].told if 0 <= report.opened < len(report.points) else None


def under_heading(report: Report) -> str:
    """Return the line under the heading of a figure that tells of one plan."""
    label = report.points[report.opened].label
    return f"{report.title} · {label}" if label else report.title


def finite(value: object) -> float | None:
    """Return a finite number, None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def fraction_in(value: Cell) -> float | None:
    """Return the fraction that text such as ``5 %`` or ``50bp`` stands for; None for all else."""
    if isinstance(value, str):
        for unit, size in (("%", 100), ("bp", 10_000)):
            if value.endswith(unit):
                try:
                    return finite(float(value.removesuffix(unit)) / size)
                except ValueError:
                    return None
    return None


def cell_text(value: Cell) -> str:
    """Return a swept value as a label says it."""
    plain = finite(value)
    return "none" if value is None else clean(str(value)) if plain is None else number(plain)


def money(report: Report) -> str:
    """Return the unit of amounts."""
    return clean(report.money)


def counted(number_of: int, what: str) -> str:
    """Return a count and what is counted."""
    return f"{number_of:,} {what}{'' if number_of == 1 else 's'}"
