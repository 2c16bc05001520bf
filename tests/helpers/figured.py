"""Reports for the figures, made of a few numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lendplan.data.texts import Texts
from lendplan.reports.contents import Cell, Chosen, Curve, Enterprises, Kind, PlanTold, Point, Report
from lendplan.reports.tables import GradeTotals, LimitState

CURVES = (
    Curve("A", ("A", "AAA", "AA"), np.array([0.04, 0.08, 0.15]), np.array([0.0, 0.57, 0.89])),
    Curve("B", ("B",), np.array([0.04, 0.08, 0.15]), np.array([0.0, 0.51, 0.86])),
    Curve("C", ("C",), np.array([0.04, 0.08, 0.15]), np.array([0.0, 0.49, 0.84])),
)


def grade(name: str, line: float, rate: float | None) -> GradeTotals:
    """Return what a grade gets."""
    return GradeTotals(
        grade=name,
        enterprises=3,
        funded=2,
        line=line,
        exposure=line,
        interest=line * (rate or 0.0),
        revenue=line * (rate or 0.0),
        risk=0.01 * line,
        average_rate=rate,
    )


def told(
    *,
    revenue: float = 24.0,
    risk: float = 6.0,
    objective: float = 18.0,
    price: float | None = 0.025,
    grades: Sequence[GradeTotals] = (grade("A", 300.0, 0.08), grade("B", 200.0, 0.0625)),
    curves: Sequence[Curve] = CURVES,
    chosen: Sequence[Chosen] = (Chosen("A", 0.08, 0.57, 4, 300.0), Chosen("B", 0.04, 0.0, 1, 75.0)),
    limits: Sequence[LimitState] = (),
) -> PlanTold:
    """Return a plan."""
    blank = Texts.of(())
    none = np.zeros(0)
    summary: dict[str, Any] = {
        "status": "optimal",
        "revenue": revenue,
        "risk": risk,
        "objective": objective,
        "shadow_prices": {} if price is None else {"budget": price},
    }
    enterprises = Enterprises(blank, None, blank, blank, blank, none, none, none, none, none)
    return PlanTold(summary, grades, limits, {}, curves, chosen, (), enterprises, "optimize verify plan")


def report(
    kind: Kind,
    plans: Sequence[PlanTold | None],
    *,
    values: Sequence[Mapping[str, Cell]] = (),
    swept: tuple[str, ...] = (),
    knee: int | None = None,
    opened: int = 0,
    title: str = "A year's budget",
    money: str = "CNY × 10,000",
    objective: str = "profit",
) -> Report:
    """Return a report of some plans, in their order."""
    points = [
        Point(
            "" if kind == "plan" else f"point {at + 1}",
            values[at] if values else {},
            "failed" if plan is None else "optimal",
            plan,
            knee=at == knee,
        )
        for at, plan in enumerate(plans)
    ]
    return Report(kind, title, money, objective, points, opened, swept, {})


def frontier(plans: int = 25) -> Report:
    """Return a concave frontier whose knee is opened."""
    risks = np.linspace(2.0, 120.0, plans)
    revenues = 40.0 * np.sqrt(risks)
    made = [told(risk=float(x), revenue=float(y)) for x, y in zip(risks, revenues, strict=True)]
    return report("frontier", made, knee=plans // 3, opened=plans // 3)


def budgets(plans: int = 12) -> Report:
    """Return a sweep over the budget whose price falls."""
    totals = np.linspace(100.0, 2000.0, plans)
    made = [
        told(
            objective=float(2.0 * np.sqrt(b)), price=float(1 / np.sqrt(b)), revenue=3.0 * b**0.5, risk=b**0.5
        )
        for b in totals
    ]
    values = [{"budget.total": float(b)} for b in totals]
    return report("sweep", made, values=values, swept=("budget.total",), opened=plans // 2)
