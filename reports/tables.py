"""The tables of a plan: one row an enterprise, one a grade, one a limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lendplan.models.applicants import Applicants
from lendplan.models.problem import BUDGET, Choice, Problem, Row

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
_BINDING = 1e-6  # of the right side, at least of 1e-6 of the budget: nearer than this a limit binds


def allocations(
    book: pd.DataFrame,
    applicants: Applicants,
    problem: Problem,
    choice: Choice,
    reasons: NDArray[np.object_],
) -> pd.DataFrame:
    """Return one row for every enterprise of the book, in the book's order.

    ``rate`` is a fraction a year and blank (NaN) where nothing is lent; amounts are in the scenario's unit;
    ``value`` is the enterprise's part of the objective, constants left out.
    """
    rows = len(book)
    weights = problem.scalarisation
    parts = {
        name: choice.total(problem.measures[name]) for name in ("exposure", "interest", "revenue", "risk")
    }
    value = weights.revenue * parts["revenue"] + weights.risk * parts["risk"]
    decision, reason = applicants.decision.copy(), applicants.reason.copy()
    decision[applicants.row] = np.where(choice.offered, "lend", "decline")
    reason[applicants.row] = reasons

    def spread(values: NDArray[np.float64], blank: float) -> NDArray[np.float64]:
        column = np.full(rows, blank)
        column[applicants.row] = values
        return column

    columns = {
        "enterprise": book["enterprise"].to_numpy(dtype=object),
        "grade": book["grade"].to_numpy(dtype=object),
        "decision": decision,
        "rate": spread(choice.rate, np.nan),
        "line": spread(choice.line, 0.0),
        **{name: spread(values + 0.0, 0.0) for name, values in parts.items()},
        "value": spread(value + 0.0, 0.0),
        "reason": reason,
    }
    return pd.DataFrame({name: columns[name] for name in ALLOCATION_COLUMNS})


def by_grade(plan: pd.DataFrame) -> pd.DataFrame:
    """Return one row a grade: enterprises, funded, line, average rate, exposure, revenue, risk.

    The average rate is interest over exposure, a fraction; NaN where nothing is drawn.
    """
    funded = plan["decision"] == "lend"
    table = (
        plan.assign(enterprises=1, funded=funded.astype(int), grade=plan["grade"].replace("", "(none)"))
        .groupby("grade", sort=True)[
            ["enterprises", "funded", "line", "exposure", "interest", "revenue", "risk"]
        ]
        .sum()
    )
    drawn = table["exposure"].to_numpy()
    earned = table["interest"].to_numpy()
    table["average_rate"] = np.divide(earned, drawn, out=np.full(len(drawn), np.nan), where=drawn > 0)
    return table.reset_index()


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
    return [_state(problem, choice, row, prices.get(row.name, 0.0)) for row in problem.rows]


def _state(problem: Problem, choice: Choice, row: Row, price: float) -> LimitState:
    left_form, right_form, constant = problem.sides(row)
    left = float(np.sum(choice.total(left_form)))
    right = float(np.sum(choice.total(right_form))) + constant
    unit, stated = "amount", row.amount
    reached: float | None = left
    if row.rate is not None:
        base = right / row.rate if row.rate else 0.0
        unit, stated, reached = "rate", row.rate, left / base if base else None
    elif row.share is not None and row.measure != "average_rate":
        base = float(np.sum(choice.total(problem.measures[row.measure])))
        unit, stated, reached = "share", row.share, left / base if base else None
    slack = row.sense * (right - left)
    # A limit on a plan that lends nothing of what it counts holds trivially: there is nothing that it binds.
    touched = slack <= _BINDING * max(abs(right), 1e-6 * problem.budget) and (
        left != 0.0 or price != 0.0 or row.name == BUDGET
    )
    return LimitState(row.name, row.measure, row.sense, stated, reached, unit, price, bool(touched), right)


def budget_left(problem: Problem, choice: Choice) -> float:
    """Return what is left of the budget, an amount in its basis; never below 0."""
    used = float(np.sum(choice.total(problem.measures[problem.budget_basis])))
    return max(problem.budget - used, 0.0)


def is_budget(state: LimitState) -> bool:
    """Whether a state is the budget's."""
    return state.name == BUDGET
