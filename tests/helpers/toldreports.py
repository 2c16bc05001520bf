"""Reports made up for the tests of the page: books, plans and sweeps of any size, seeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from lendplan.data.texts import Texts
from lendplan.reports.contents import Chosen, Curve, Enterprises, Kind, PlanTold, Point, Report
from lendplan.reports.tables import GradeTotals, LimitState

RATES = np.array([0.04, 0.0465, 0.0585, 0.0745, 0.0945, 0.1105, 0.15])
GRADES = ("A", "B", "C", "D")
MONEY = "CNY × 10,000"


def enterprises(
    rows: int,
    *,
    weight: float = 0.6,
    seed: int = 5,
    names: Sequence[str] | None = None,
    grades: Sequence[str] = GRADES,
) -> Enterprises:
    """Return what a made-up plan decides: the same book for every weight, and more is lent the larger it is."""
    random = np.random.default_rng(seed)
    grade = random.choice(len(grades), rows)
    score, least = random.random(rows), random.integers(5, 60, rows)
    pick = np.random.default_rng(seed + 1 + int(1e6 * weight))
    excluded = grade == len(grades) - 1 if len(grades) > 1 else np.zeros(rows, dtype=bool)
    lent = ~excluded & (score < 0.15 + 0.5 * weight)
    rate = np.where(lent, RATES[np.minimum(grade + 2 + pick.integers(0, 2, rows), len(RATES) - 1)], np.nan)
    line = np.where(lent, least + np.round(40 * weight * pick.random(rows)), 0.0)
    revenue = np.where(lent, line * (np.nan_to_num(rate) - 0.03) * (0.5 + 0.3 * score), 0.0)
    risk = line * 0.01 * (1 + grade) * (0.5 + score)
    reasons = [
        "grade D is excluded"
        if excluded[row]
        else _lent_because(100 * score[row], line[row])
        if lent[row]
        else _declined_because(score[row], 9 + weight)
        for row in range(rows)
    ]
    return Enterprises(
        enterprise=Texts.of(f"S{row + 1:05d}" for row in range(rows)),
        name=None if names is None else Texts.of(names),
        grade=Texts.of([str(grades[one]) for one in grade]),
        decision=Texts.of(np.where(lent, "lend", np.where(excluded, "excluded", "decline")).tolist()),
        reason=Texts.of(reasons),
        rate=rate,
        line=line,
        revenue=revenue,
        risk=risk,
        value=revenue - risk,
    )


def _lent_because(earned: float, line: float) -> str:
    return (
        f"earns {earned:.2f} % a year of its line and needs {earned / 2:.2f} % ({earned / 2 - 2.26:.2f} % for risk, "
        f"2.26 % for the budget); its line of {line:g} is what budget and limits leave"
    )


def _declined_because(score: float, rate: float) -> str:
    return (
        f"needs {3 + score:.2f} % ({0.74 + score:.2f} % for risk, 2.26 % for the budget) a year, the best it earns is "
        f"{2 + score:.2f} % (at {rate:.2f} %)"
    )


def told_of(book: Enterprises, *, weighted: bool = False, folder: str = "plans/made_up") -> PlanTold:
    """Return a plan told of what it decides, with totals that are true of it."""
    lent = book.lent
    exposure = 0.5 * book.line
    interest = exposure * np.nan_to_num(book.rate)
    revenue, risk, line = (float(one.sum()) for one in (book.revenue, book.risk, book.line))
    objective = (0.6 * revenue - 0.4 * risk) / 100 if weighted else revenue - risk
    codes, names = book.grade.coded()
    grades = []
    for name in sorted(set(names[np.unique(codes)].tolist())):
        own = book.grade.equals(name)
        drawn = float(exposure[own].sum())
        grades.append(
            GradeTotals(
                name or "(none)", int(own.sum()), int((own & lent).sum()), float(book.line[own].sum()), drawn,
                float(interest[own].sum()), float(book.revenue[own].sum()), float(book.risk[own].sum()),
                float(interest[own].sum()) / drawn if drawn else None,
            )
        )  # fmt: skip
    churn = {name: (0.03 + 0.02 * at) + (RATES - 0.04) * (6 + at) for at, name in enumerate(("A", "B", "C"))}
    chosen = []
    for name, curve in churn.items():
        for rate in np.unique(book.rate[lent & book.grade.equals(name)]).tolist():
            own = lent & book.grade.equals(name) & (book.rate == rate)
            share = float(np.interp(rate, RATES, curve))
            chosen.append(Chosen(name, rate, share, int(own.sum()), float(book.line[own].sum())))
    price = 0.0005 if weighted else 0.02257
    limits = [
        LimitState("budget", "line", 1, line, line, "amount", price, True, line),
        LimitState(
            "one industry[retail]", "line", 1, 0.25 * line, 0.21 * line, "amount", 0.0, False, 0.25 * line
        ),
        LimitState("grade C", "line", -1, 0.06, 0.0601, "share", -0.0031, True, 0.0),
        LimitState("reach", "count", -1, 18.0, 21.0, "amount", 0.0, False, 18.0),
        LimitState("mean rate micro", "average_rate", 1, 0.08, None, "rate", 0.0, False, 0.0),
    ]
    summary: dict[str, Any] = {
        "status": "optimal", "objective": objective, "bound": objective * (1 + 1e-12), "gap": 1e-12,
        "certified_bound": objective * (1 + 1e-12), "certified_gap": 1e-12, "revenue": revenue, "risk": risk,
        "profit": revenue - risk, "interest": float(interest.sum()), "line": line, "exposure": float(exposure.sum()),
        "budget_used": line, "funded": int(lent.sum()), "eligible": int((~book.decision.equals("excluded")).sum()),
        "average_rate": float(interest.sum() / exposure.sum()) if exposure.any() else None,
        "unspent_because": None, "solver": "lagrangian (highs 1.15.1), chosen by auto", "seconds": {},
        "shadow_prices": {state.name: state.price for state in limits}, "shadow_price_ranges": {},
        "ranges": {"revenue_max": 100.0, "revenue_min": 0.0, "risk_max": 100.0, "risk_min": 0.0} if weighted else None,
        "binding": ["budget", "grade C"],
    }  # fmt: skip
    return PlanTold(
        summary=summary,
        grades=grades,
        limits=limits,
        price_ranges={"budget": (60.0, 2165.0), "grade C": (None, 30.0)},
        curves=[Curve(name, (name,), RATES, curve) for name, curve in churn.items()],
        chosen=chosen,
        certificate=[
            "No plan within these limits is worth more: the shadow prices prove it by arithmetic alone.",
            "The check has recomputed every row of the plan from the input tables.",
        ],
        enterprises=book,
        command=f"optimize verify {folder}",
    )


FACTS = {
    "Scenario": "scenarios/annual_budget.yaml",
    "Enterprises": f"annual_budget_enterprises.csv, SHA-256 {'9f86d081' * 8}",
    "Version": "lendplan 0.3.0",
    "Written": "2027-01-04 09:30",
}


def plan_report(
    book: Enterprises, *, title: str = "Annual SME budget 2027", weighted: bool = False
) -> Report:
    """Return the report of one plan."""
    point = Point("", {}, "optimal", told_of(book, weighted=weighted))
    objective = "weighted" if weighted else "profit"
    return Report("plan", title, MONEY, objective, [point], 0, (), FACTS)


def many_report(
    points: int,
    rows: int,
    *,
    kind: Literal["sweep", "frontier"] = "sweep",
    failed: Sequence[int] = (),
    names: Sequence[str] | None = None,
) -> Report:
    """Return the report of a sweep over the weight of revenue, or of a frontier."""
    found: list[Point] = []
    for at in range(points):
        weight = at / max(points - 1, 1)
        values: dict[str, Any] = {"objective.revenue_weight": weight}
        label = f"revenue_weight {weight:.4g}"
        if kind == "frontier":
            is_end = at in (0, points - 1)
            values = {"risk_limit": None if is_end else 10.0 * at, "revenue_bound": 100.0 + at}
            label = "least risk" if at == 0 else "most revenue" if is_end else f"risk ≤ {10 * at}"
        if at in failed:
            found.append(
                Point(label, values, "infeasible", None, "the budget and grade C contradict each other")
            )
            continue
        book = enterprises(rows, weight=weight, names=names)
        told = told_of(book, weighted=True, folder=f"plans/made_up/points/{at + 1:04d}")
        found.append(Point(label, values, "optimal", told))
    opened = next(at for at, point in enumerate(found) if point.told is not None)
    if kind == "frontier":
        opened = points // 2
        found[opened] = replace(found[opened], knee=True)
    swept = ("objective.revenue_weight",) if kind == "sweep" else ()
    kinds: Kind = kind
    return Report(kinds, "Annual SME budget 2027", MONEY, "weighted", found, opened, swept, FACTS)


def told_at(report: Report, at: int) -> PlanTold:
    """Return the plan of a point that has one."""
    told = report.points[at].told
    assert told is not None
    return told
