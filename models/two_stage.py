r"""``two_stage``: the published method, and our baseline.

Stage 1 fixes the lines. The budget is shared in proportion to :math:`g_i / x_i`, grade factor over risk index
(:math:`\rho_i`, at least 1e-6, where there is none), clipped to the line bounds, and what is left over is
shared again among those not yet at a bound; while :math:`\sum \ell^- > B` the riskiest leaves.

Stage 2 fixes the rates, with lines :math:`\bar L_i` given:

.. math::

   \max\ & \sum_{i,k} (\omega \tilde R_{ik} - (1 - \omega) \tilde Q_{ik})\, z_{ik} \\
   \text{s.t. } & \textstyle\sum_k z_{ik} \le 1, \quad L_{ik} = \bar L_i z_{ik}, \quad
     \text{budget and limits}, \quad z_{ik} \in \{0, 1\}

:math:`\tilde R` and :math:`\tilde Q` are revenue and risk of a unit of line, each min–max standardised over the
enterprise's own rates (a constant is 0), so the rate depends on grade, weight and default probability only.

============ ============================== ===========================================
symbol       attribute                      meaning
============ ============================== ===========================================
i            ``model.ENTERPRISES``          eligible enterprises
(i, k)       ``model.OFFERS``               those with a line from stage 1, and their rates
z_ik         ``model.is_offered``           1 where i is offered rate k
Σ z ≤ 1      ``model.one_rate_max``         at most one rate an enterprise
Σ z = 1      ``model.one_rate_must``        exactly one where it must be lent to
budget       ``model.budget_max``           binds stage 2 only where the basis is exposure
limits       ``model.limit_max, limit_min`` may make stage 2 decline
============ ============================== ===========================================

Source: the "optimal revenue and rating classification" system; with rounding to line steps of our own.
"""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from lendplan.models.dominance import Offers, all_offers
from lendplan.models.measures import Floats, MeasureName
from lendplan.models.problem import Problem
from lendplan.models.rows import add_one_rate, add_rows, declare_sets, linear

# A plan that lends is preferred to one that declines with the same score: without it, an enterprise whose best
# score is 0 (revenue weight 0) would be declined by the toss of a coin.
LENDING_BONUS = 1e-6
_LEAST_RISK_INDEX = 1e-6
_DUST = 1e-9  # of a step, or of the budget: less than this is rounding
_ROUNDS = 200


def stage_one_lines(problem: Problem) -> Floats:
    """Share the budget as lines; shape (n,), 0 for those that left.

    Lines are whole steps where a step is set: shares are rounded down, which the next round shares again.
    Enterprises with ``must: lend`` never leave, so their minimum lines may exceed the budget together; stage 2
    then finds no plan and says so.
    """
    index = np.maximum(problem.risk_index, _LEAST_RISK_INDEX)
    inside = _afforded(problem, index)
    weight = np.where(inside, problem.grade_factor / index, 0.0)
    line = np.where(inside, problem.line_min, 0.0)
    free = inside & (weight > 0)
    # Each round settles at least one enterprise at a bound, so n rounds are enough.
    for _ in range(problem.size):
        settled = float(np.sum(line[inside & ~free]))
        total = float(np.sum(weight[free]))
        if total <= 0:
            break
        share = weight * ((problem.budget - settled) / total)
        low = free & (share < problem.line_min)
        high = free & (share > problem.line_max)
        if not np.any(low | high):
            line[free] = share[free]
            break
        # What clipping up takes and clipping down leaves decides which side is settled for good.
        gained = float(np.sum((share - problem.line_max)[high]))
        lacked = float(np.sum((problem.line_min - share)[low]))
        settle = high if gained >= lacked else low
        line[settle] = (problem.line_max if settle is high else problem.line_min)[settle]
        free &= ~settle
    return _in_steps(problem, line, inside, weight) if np.any(problem.line_step > 0) else line


def _in_steps(problem: Problem, line: Floats, inside: NDArray[np.bool_], weight: Floats) -> Floats:
    """Round lines down to whole steps, and share what that leaves: in proportion, then whatever step still fits."""
    stepped = problem.line_step > 0
    step = np.where(stepped, problem.line_step, 1.0)

    def whole(amount: Floats) -> Floats:
        return np.where(stepped, np.floor(amount / step + _DUST) * step, amount)

    line = np.where(inside, np.maximum(whole(line), problem.line_min), 0.0)
    for _ in range(_ROUNDS):
        left = problem.budget - float(np.sum(line))
        free = (
            inside & (weight > 0) & (problem.line_max - line >= np.where(stepped, step * (1 - _DUST), _DUST))
        )
        total = float(np.sum(weight[free]))
        if left <= 0 or total <= 0:
            return line
        more = np.where(free, whole(np.minimum(weight * (left / total), problem.line_max - line)), 0.0)
        if float(np.sum(more)) <= _DUST * problem.budget:
            break
        line = line + more
    for i in np.lexsort((np.arange(problem.size), -weight)):
        if inside[i] and weight[i] > 0:
            left = problem.budget - float(np.sum(line))
            line[i] += float(whole(np.minimum(left, problem.line_max - line))[i])
    return line


def _afforded(problem: Problem, index: Floats) -> NDArray[np.bool_]:
    """Who takes part: while the minimum lines exceed the budget, the riskiest leaves (ties: the later row)."""
    inside = np.ones(problem.size, dtype=bool)
    needed = float(np.sum(problem.line_min))
    for i in np.lexsort((-np.arange(problem.size), -index)):
        if needed <= problem.budget * (1 + 1e-12):
            break
        if not problem.must_lend[i]:
            inside[i] = False
            needed -= float(problem.line_min[i])
    return inside


def scores(problem: Problem, offers: Offers) -> Floats:
    """Return ω·standardised revenue − (1 − ω)·standardised risk of each offer, shape (p,)."""

    def standardised(name: MeasureName) -> Floats:
        per_line, _ = problem.coefficients(problem.measures[name], offers.enterprise, offers.rate)
        least = np.full(problem.size, np.inf)
        most = np.full(problem.size, -np.inf)
        np.minimum.at(least, offers.enterprise, per_line)
        np.maximum.at(most, offers.enterprise, per_line)
        spread = (most - least)[offers.enterprise]
        above = per_line - least[offers.enterprise]
        return np.asarray(np.divide(above, spread, out=np.zeros_like(above), where=spread > 0))

    weight = problem.objective.revenue_weight if problem.objective.kind == "weighted" else 0.5
    return weight * standardised("revenue") - (1 - weight) * standardised("risk")


def stage_two_offers(problem: Problem, lines: Floats) -> Offers:
    """Return every admissible rate of those who have a line; none is dropped, so the score stays as published."""
    offers = all_offers(problem)
    kept = (lines > 0)[offers.enterprise] | problem.must_lend[offers.enterprise]
    return Offers(offers.enterprise[kept], offers.rate[kept])


def build(problem: Problem, offers: Offers, lines: Floats) -> pyo.ConcreteModel:
    """Build stage 2 over the given offers.

    Parameters
    ----------
    problem : the rows bind here
    offers : shape (p,), from :func:`stage_two_offers`
    lines : shape (n,), amounts, from :func:`stage_one_lines`
    """
    model = pyo.ConcreteModel(name="two_stage")
    declare_sets(model, problem, offers)
    model.is_offered = pyo.Var(model.OFFERS, domain=pyo.Binary, doc="Whether this rate is offered.")
    offered = list(model.is_offered.values())
    add_one_rate(model, problem, offers, offered)
    add_rows(model, problem, offers, (lines[offers.enterprise], offered), offered)
    model.max_score = pyo.Objective(
        expr=linear((scores(problem, offers) + LENDING_BONUS, offered)),
        sense=pyo.maximize,
        doc="Standardised revenue less standardised risk, each over the enterprise's own rates.",
    )
    return model
