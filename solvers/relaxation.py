r"""The continuous relaxation as arrays: payoff ranges and shadow prices, with no model in between.

With :math:`z_{ik} \ge 0` and each enterprise's choices mixed, an enterprise's share of a plan is a mixture of
"nothing", "the least line" and "the largest line" at each rate. So two columns an offer, one row an enterprise
and one row a limit say all; no linking rows are needed. It is the same relaxation as that of ``joint`` (its
linking rows describe the same polytope), and the tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lendplan.models.dominance import Offers, undominated_offers
from lendplan.models.measures import Floats, Form, Ranges
from lendplan.models.problem import Problem
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.engine import Outcome, clock, run
from lendplan.solvers.result import Options
from lendplan.solvers.sparse import from_entries, from_rows, stacked

# The payoff table breaks ties by the other criterion: maximise R − TIE·Q, and −Q + TIE·R, in money.
TIE = 1e-6


@dataclass(frozen=True)
class Relaxation:
    """The relaxation over ``offers``; columns are (offer at least line), then (offer at largest line)."""

    problem: Problem
    offers: Offers
    model: ArrayModel  # without an objective yet
    mixed: bool  # whether the least-line columns exist

    def cost(self, form: Form) -> Floats:
        """Value of each column, shape (c,)."""
        return _column_values(self.problem, form, self.offers, self.mixed)

    def maximise(self, form: Form, options: Options, *, seconds: float, stage: str) -> Outcome:
        """Maximise a form; the outcome's first rows are the problem's rows."""
        return run(replace(self.model, cost=self.cost(form)), options, seconds=seconds, stage=stage)


def relax(problem: Problem, objectives: Sequence[Form]) -> Relaxation:
    """Build the relaxation for any non-negative mixture of the objectives."""
    offers = undominated_offers(problem, objectives)
    mixed = bool(np.any(problem.line_min < problem.line_max))
    columns = offers.size * (2 if mixed else 1)
    blocks = [_column_values(problem, problem.row_form(row), offers, mixed) for row in problem.rows]
    owner = np.concatenate([offers.enterprise] * (2 if mixed else 1))
    once = from_entries(owner, np.arange(columns), np.ones(columns), (problem.size, columns))
    sense = np.array([row.sense for row in problem.rows])
    amount = np.array([row.amount for row in problem.rows])
    model = ArrayModel(
        cost=np.zeros(columns),
        lower=np.zeros(columns),
        upper=np.full(columns, np.inf),
        integer=np.zeros(columns, dtype=bool),
        matrix=stacked([from_rows(blocks, columns), once]),
        row_lower=np.concatenate([np.where(sense < 0, amount, -np.inf), problem.must_lend.astype(float)]),
        row_upper=np.concatenate([np.where(sense > 0, amount, np.inf), np.ones(problem.size)]),
    )
    return Relaxation(problem, offers, model, mixed)


def _column_values(problem: Problem, form: Form, offers: Offers, mixed: bool) -> Floats:
    per_line, per_offer = problem.coefficients(form, offers.enterprise, offers.rate)
    largest = per_line * problem.line_max[offers.enterprise] + per_offer
    if not mixed:
        return largest
    return np.concatenate([per_line * problem.line_min[offers.enterprise] + per_offer, largest])


def payoff_ranges(problem: Problem, options: Options, *, seconds: float) -> tuple[Ranges | None, Outcome]:
    """Return (R⁺, R⁻, Q⁺, Q⁻) of the relaxation under the problem's budget and limits.

    Parameters
    ----------
    seconds : allowed for both runs together

    Returns
    -------
    ranges : None where the relaxation is infeasible, or the time ran out
    outcome : of the last run
    """
    revenue, risk = problem.measures["revenue"], problem.measures["risk"]
    relaxation = relax(problem, [revenue, risk * -1.0])
    left = clock(replace(options, time_limit=seconds))
    corners: list[tuple[float, float]] = []
    for form, stage in (
        (revenue - risk * TIE, "range of revenue"),
        (revenue * TIE - risk, "range of risk"),
    ):
        outcome = relaxation.maximise(form, options, seconds=left(), stage=stage)
        if outcome.x is None:
            return None, outcome
        corners.append(
            (float(relaxation.cost(revenue) @ outcome.x), float(relaxation.cost(risk) @ outcome.x))
        )
    (revenue_max, risk_max), (revenue_min, risk_min) = corners
    return Ranges(
        *widest(revenue_max, revenue_min, problem.budget), *widest(risk_max, risk_min, problem.budget)
    ), outcome


def widest(most: float, least: float, budget: float) -> tuple[float, float]:
    """Make a range that is no more than rounding a range of zero, so that no weight is divided by dust.

    Parameters
    ----------
    most, least : of total revenue or risk, in money
    budget : in money; what is less than 1e-13 of it is the rounding of a total of zero
    """
    dust = 1e-13 * budget
    most, least = (0.0 if abs(one) <= dust else one for one in (most, least))
    if most - least <= 1e-9 * max(abs(most), abs(least)):
        return most, most
    return most, least


def shadow_prices(
    problem: Problem, options: Options, *, seconds: float
) -> tuple[dict[str, float], float, Outcome]:
    """Return the prices of budget and limits, and the relaxation's bound on the objective.

    Returns
    -------
    prices : by row name: what one more unit on the row's right side is worth in the objective; ≥ 0 for at_most,
        ≤ 0 for at_least. Empty where there is no solution.
    bound : the relaxation's optimum, constant included
    outcome : of the run
    """
    relaxation = relax(problem, [problem.value_form])
    outcome = relaxation.maximise(problem.value_form, options, seconds=seconds, stage="shadow prices")
    if outcome.row_dual is None:
        return {}, float("inf"), outcome
    dual = outcome.row_dual[: len(problem.rows)]
    prices = {
        row.name: float(max(row.sense * price, 0.0) * row.sense) + 0.0
        for row, price in zip(problem.rows, dual, strict=True)
    }
    return prices, outcome.objective + problem.scalarisation.constant, outcome
