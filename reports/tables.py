"""The tables of a plan: one row an enterprise, one a grade, one a limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lendplan.data.coltable import ColumnTable
from lendplan.data.texts import Texts, strings
from lendplan.models.applicants import OUTCOMES, Applicants
from lendplan.models.measures import Floats
from lendplan.models.problem import BUDGET, Choice, Problem, Row
from lendplan.models.sums import total
from lendplan.models.tally import Tally, tally_of

ALLOCATION_COLUMNS = (
    "enterprise",
    "grade",
    "decision",
    "rate",
    "line",
    "exposure",
    "interest",
    "revenue",
    "risk",
    "value",
    "reason",
)
DECISIONS = (*OUTCOMES, "lend")
_BINDING = 1e-6  # of the right side, at least of 1e-6 of the budget: nearer than this a limit binds


def allocations(book: ColumnTable, applicants: Applicants, problem: Problem, choice: Choice) -> ColumnTable:
    """Return one row for every enterprise of the book, in the book's order; all but the reasons.

    ``rate`` is a fraction a year and blank (NaN) where nothing is lent; amounts are in the scenario's unit;
    ``value`` is the enterprise's part of the objective, constants left out.
    """
    weights = problem.scalarisation
    parts = {
        name: choice.total(problem.measures[name]) for name in ("exposure", "interest", "revenue", "risk")
    }
    value = weights.revenue * parts["revenue"] + weights.risk * parts["risk"]
    decision = applicants.outcome.astype(np.int32)
    decision[applicants.row] = np.where(choice.offered, DECISIONS.index("lend"), DECISIONS.index("decline"))

    def spread(values: Floats, blank: float) -> Floats:
        column = np.full(book.rows, blank)
        column[applicants.row] = values
        return column

    return ColumnTable(
        {
            "enterprise": book.texts("enterprise"),
            "grade": book.texts("grade"),
            "decision": Texts(decision, strings(list(DECISIONS))),
            "rate": spread(choice.rate, np.nan),
            "line": spread(choice.line, 0.0),
            **{name: spread(values + 0.0, 0.0) for name, values in parts.items()},
            "value": spread(value + 0.0, 0.0),
        },
        book.rows,
    )


@dataclass(frozen=True)
class GradeTotals:
    """What a grade gets; amounts in the scenario's unit."""

    grade: str  # "(none)" where there is none
    enterprises: int
    funded: int
    line: float
    exposure: float
    interest: float
    revenue: float
    risk: float
    average_rate: float | None  # interest over exposure, a fraction; None where nothing is drawn


def totals_by_grade(plan: ColumnTable) -> list[GradeTotals]:
    """Return the totals of each grade, in the order of their names."""
    codes, grades = plan.texts("grade").coded()
    counts = np.bincount(codes, minlength=len(grades))
    funded = np.bincount(codes[plan.texts("decision").equals("lend")], minlength=len(grades))
    sums = {
        name: np.bincount(codes, weights=plan.numbers(name), minlength=len(grades)).tolist()
        for name in ("line", "exposure", "interest", "revenue", "risk")
    }
    return sorted(
        (
            GradeTotals(
                grade=grades[code] or "(none)",
                enterprises=int(counts[code]),
                funded=int(funded[code]),
                **{name: totals[code] for name, totals in sums.items()},
                average_rate=sums["interest"][code] / sums["exposure"][code]
                if sums["exposure"][code] > 0
                else None,
            )
            for code in np.flatnonzero(counts).tolist()
        ),
        key=lambda one: one.grade,
    )


@dataclass(frozen=True)
class LimitState:
    """A row of the problem as the plan leaves it; a share's and a rate's sides as fractions."""

    name: str
    measure: str
    sense: int
    stated: float  # amount, share or rate
    reached: float | None  # None where a share or a rate is one of nothing
    unit: str  # amount | share | rate
    price: float  # of one more unit on the right side, in the objective; of the continuous relaxation
    binding: bool
    right_side: float  # in the measure's own unit


def limit_states(problem: Problem, choice: Choice, prices: Mapping[str, float]) -> list[LimitState]:
    """Return the state of the budget and of each limit, in the problem's order."""
    return states_of(problem, tally_of(problem, choice), prices)


def states_of(problem: Problem, tally: Tally, prices: Mapping[str, float]) -> list[LimitState]:
    """Return the state of the budget and of each limit from what a plan adds up to."""
    sides = zip(problem.rows, tally.left.tolist(), tally.base.tolist(), tally.right.tolist(), strict=True)
    return [
        _state(problem.budget, row, left, base, right, prices.get(row.name, 0.0))
        for row, left, base, right in sides
    ]


def _state(budget: float, row: Row, left: float, base: float, right: float, price: float) -> LimitState:
    unit, stated = "amount", row.amount
    reached: float | None = left
    if row.rate is not None:
        unit, stated, reached = "rate", row.rate, left / base if base else None
    elif row.share is not None and row.measure != "average_rate":
        unit, stated, reached = "share", row.share, left / base if base else None
    slack = row.sense * (right - left)
    # A limit on a plan that lends nothing of what it counts holds trivially: there is nothing that it binds.
    touched = slack <= _BINDING * max(abs(right), 1e-6 * budget) and (
        left != 0.0 or price != 0.0 or row.name == BUDGET
    )
    return LimitState(row.name, row.measure, row.sense, stated, reached, unit, price, bool(touched), right)


def budget_left(problem: Problem, choice: Choice) -> float:
    """Return what is left of the budget, an amount in its basis; never below 0."""
    return max(problem.budget - total(choice.total(problem.measures[problem.budget_basis])), 0.0)


def is_budget(state: LimitState) -> bool:
    """Whether a state is the budget's."""
    return state.name == BUDGET
