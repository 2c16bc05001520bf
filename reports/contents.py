"""What a report tells of a plan, or of the points of a sweep or a frontier; figures and page are made from it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lendplan.data.texts import Texts
from lendplan.models.measures import Floats
from lendplan.reports.tables import GradeTotals, LimitState

Kind = Literal["plan", "sweep", "frontier"]
Cell = str | float | int | bool | None


@dataclass(frozen=True)
class Curve:
    """A churn curve that eligible enterprises follow, on the rates that are offered.

    Parameters
    ----------
    name
        Of the curve; grades that borrow it stand in ``grades``.
    grades
        Grades that follow it.
    rates
        A year, fractions, increasing, (m,).
    churn
        Share of customers lost at each rate, (m,).
    """

    name: str
    grades: tuple[str, ...]
    rates: Floats
    churn: Floats


@dataclass(frozen=True)
class Chosen:
    """The loans of one curve at one rate: a marker on the churn curve."""

    curve: str
    rate: float  # a year, a fraction
    churn: float  # share lost at that rate
    loans: int
    line: float  # amount


@dataclass(frozen=True)
class Enterprises:
    """What a plan decides for each enterprise of its book, in the book's order; amounts in the scenario's unit.

    Parameters
    ----------
    enterprise, grade, decision, reason
        Text, (rows,); decision is ``lend``, ``decline`` or ``excluded``.
    name
        Names in the book, (rows,); None where it has no such column.
    rate
        A year, a fraction; NaN where nothing is lent, (rows,).
    line, revenue, risk, value
        (rows,); 0 where nothing is lent.
    """

    enterprise: Texts
    name: Texts | None
    grade: Texts
    decision: Texts
    reason: Texts
    rate: Floats
    line: Floats
    revenue: Floats
    risk: Floats
    value: Floats

    @property
    def rows(self) -> int:
        """Number of enterprises."""
        return len(self.line)

    @property
    def lent(self) -> NDArray[np.bool_]:
        """To whom a loan is offered, (rows,)."""
        return self.decision.equals("lend")


@dataclass(frozen=True)
class PlanTold:
    """One plan as the report tells it.

    Parameters
    ----------
    summary
        The keys of summary.json.
    grades
        What each grade gets, in the order of the grades' names.
    limits
        The budget first, then each limit: stated, reached, shadow price, whether it binds.
    price_ranges
        Limit → from, to: within which its shadow price holds; None where nothing ends it.
    curves
        The churn curves that its eligible enterprises follow.
    chosen
        Where its loans stand on the curves.
    certificate
        What is proven, in plain sentences.
    enterprises
        Each enterprise and its reason.
    command
        What repeats the check, such as ``optimize verify plans/annual_budget``.
    """

    summary: Mapping[str, Any]
    grades: Sequence[GradeTotals]
    limits: Sequence[LimitState]
    price_ranges: Mapping[str, tuple[float | None, float | None]]
    curves: Sequence[Curve]
    chosen: Sequence[Chosen]
    certificate: Sequence[str]
    enterprises: Enterprises = field(repr=False)
    command: str


@dataclass(frozen=True)
class Point:
    """A plan, or a point of a sweep or a frontier.

    Parameters
    ----------
    label
        Short, as ``revenue_weight 0.25`` or ``risk ≤ 120``; '' for a plan alone.
    values
        Swept key → value; of a frontier ``risk_limit`` (None at the ends) and ``revenue_bound``.
    status
        As in summary.json, or ``failed``.
    told
        Its plan; None where it has none.
    error
        Why it has none; '' otherwise.
    knee
        Whether it is the knee of a frontier.
    """

    label: str
    values: Mapping[str, Cell]
    status: str
    told: PlanTold | None
    error: str = ""
    knee: bool = False


@dataclass(frozen=True)
class Report:
    """A whole report.

    Parameters
    ----------
    kind
        What the folder holds.
    title
        The scenario's; may be in any script.
    money
        The unit of amounts, such as ``CNY × 10,000``.
    objective
        Of the scenario: ``profit`` or ``weighted``; a sweep may change it from point to point.
    points
        One for a plan; of a frontier in rising risk; of a sweep in its order.
    opened
        Position of the point that is shown first.
    swept
        The swept keys; () for a plan and a frontier.
    facts
        What the report rests on → value: scenario file, tables with hashes, version, time.
    """

    kind: Kind
    title: str
    money: str
    objective: str
    points: Sequence[Point]
    opened: int
    swept: tuple[str, ...]
    facts: Mapping[str, str]

    @property
    def shown(self) -> PlanTold:
        """The plan that is shown first."""
        told = self.points[self.opened].told
        assert told is not None
        return told
