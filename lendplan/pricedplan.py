"""A plan seen at its shadow prices: what each loan is worth beside what it is charged, and how much room is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lendplan.inputs import Case
from lendplan.models.displacement import Standing, standing_of
from lendplan.models.problem import Choice, Problem


@dataclass(frozen=True)
class Scale:
    """The objective's unit in money: one unit of money of ``measured_in`` is worth ``money`` in the objective.

    ``measured_in`` is ``revenue``; ``risk`` where revenue has no weight; ``nothing`` where neither has. ``unit`` is the
    unit of amounts, such as ``CNY × 10,000``.
    """

    objective: str  # profit | weighted
    money: float
    measured_in: str
    unit: str


@dataclass(frozen=True)
class PricedPlan:
    """A plan with its prices.

    Parameters
    ----------
    case : the question that it answers
    problem : of the eligible enterprises, with its ranges
    choice : the plan over them
    prices : by row name
    price_ranges : by row name, from and to; rows may be missing
    enterprise, grade, decision, reason : the columns of ``allocations.csv``, shape (rows of the book,)
    """

    case: Case
    problem: Problem
    choice: Choice
    prices: Mapping[str, float]
    price_ranges: Mapping[str, tuple[float, float]]
    enterprise: NDArray[np.object_]
    grade: NDArray[np.object_]
    decision: NDArray[np.object_]
    reason: NDArray[np.object_]

    @cached_property
    def standing(self) -> Standing:
        """The loans from the margin inwards, and the room under each row."""
        return standing_of(self.problem, self.choice, self.prices)

    @cached_property
    def position(self) -> dict[str, int]:
        """Id → row of the book."""
        return {str(name): row for row, name in enumerate(self.enterprise)}

    @cached_property
    def eligible(self) -> NDArray[np.int64]:
        """Row of the book → position among the eligible enterprises, −1 for the others; shape (rows,)."""
        place = np.full(len(self.enterprise), -1, dtype=np.int64)
        place[self.case.applicants.row] = np.arange(self.problem.size)
        return place

    @property
    def scale(self) -> Scale:
        """How the objective's unit is told in money."""
        weights, settings = self.problem.scalarisation, self.case.settings
        unit = settings.currency if settings.unit == 1 else f"{settings.currency} × {settings.unit:,.12g}"
        kind = self.problem.objective.kind
        if weights.revenue > 0:
            return Scale(kind, weights.revenue, "revenue", unit)
        return (
            Scale(kind, -weights.risk, "risk", unit)
            if weights.risk < 0
            else Scale(kind, 1.0, "nothing", unit)
        )

    @property
    def is_two_stage(self) -> bool:
        """Whether the lines were shared by a rule, which no price explains."""
        return self.case.settings.formulation == "two_stage"
