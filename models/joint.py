r"""``joint``: rate and line together, the formulation that ships.

.. math::

   \max\ & \sum_{i,k} (v_{ik} L_{ik} + w_i z_{ik}) \\
   \text{s.t. } & \textstyle\sum_k z_{ik} \le 1 \quad (= 1 \text{ where must: lend}) \\
   & \ell^-_i z_{ik} \le L_{ik} \le \ell^+_i z_{ik} \\
   & L_{ik} = \text{step}_i\, n_{ik},\ n_{ik} \in \mathbb{Z}_{\ge 0} \quad \text{where a line step is set} \\
   & \textstyle\sum_{i,k} (a^r_{ik} L_{ik} + b^r_i z_{ik}) \le \text{or} \ge \text{amount}_r
     \quad \text{for the budget and each limit } r \\
   & L_{ik} \ge 0,\ z_{ik} \in \{0, 1\}

================== ============================== =====================================================
symbol             attribute                      unit and meaning
================== ============================== =====================================================
i                  ``model.ENTERPRISES``          eligible enterprises
(i, k)             ``model.OFFERS``               enterprise and annual rate that may be offered
L_ik               ``model.line_at_rate``         amount granted to i at rate k
z_ik               ``model.is_offered``           1 where i is offered rate k
n_ik               ``model.steps_at_rate``        whole line steps
Σ z ≤ 1            ``model.one_rate_max``         at most one rate an enterprise
Σ z = 1            ``model.one_rate_must``        exactly one where it must be lent to
L ≤ ℓ⁺z            ``model.line_if_offered_max``  no line without an offer, none above its maximum
L ≥ ℓ⁻z            ``model.line_if_offered_min``  an offer is a real line
L = step·n         ``model.whole_steps``          lines in whole steps
budget             ``model.budget_max``           Σ line, or Σ exposure, within the budget
limits             ``model.limit_max, limit_min`` one a limit and group
================== ============================== =====================================================

``v`` and ``w`` are the objective's coefficients, ``a`` and ``b`` a row's (:class:`lendplan.models.measures.Form`).

Beyond :data:`APIECE` offers the least line is one row an enterprise,
:math:`\sum_k L_{ik} \ge \ell^-_i \sum_k z_{ik}`. With one rate offered the two say the same, and the relaxation loses
nothing either: where :math:`\ell^- Z \le \sum_k L_k \le \ell^+ Z` with :math:`Z = \sum_k z_k`, the offers
:math:`z_k = Z L_k / \sum_k L_k` satisfy :math:`\ell^- z_k \le L_k \le \ell^+ z_k` one by one, and every row and the
objective see only :math:`L_k` and :math:`Z`. It halves the rows of a model that takes Pyomo long to build; a smaller
one HiGHS searches several times faster with a row an offer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.relational_expr import InequalityExpression

from lendplan.models.dominance import Offers
from lendplan.models.problem import Problem
from lendplan.models.rows import (
    add_one_rate,
    add_rows,
    declare_sets,
    form_expression,
    linear,
    pair_expression,
)

APIECE = 150_000  # offers; up to here each has its own row for the least line


def build(problem: Problem, offers: Offers) -> pyo.ConcreteModel:
    """Build the model over the given offers.

    Parameters
    ----------
    problem : with its ranges, where the objective is ``weighted``
    offers : the pairs to model, shape (p,); columns follow their order

    Returns
    -------
    pyomo.environ.ConcreteModel
        A maximisation; amounts in the scenario's unit.
    """
    model = pyo.ConcreteModel(name="joint")
    declare_sets(model, problem, offers)
    model.line_at_rate = pyo.Var(
        model.OFFERS, domain=pyo.NonNegativeReals, doc="Credit line granted at this rate, an amount."
    )
    model.is_offered = pyo.Var(model.OFFERS, domain=pyo.Binary, doc="Whether this rate is offered.")
    lines = list(model.line_at_rate.values())
    offered = list(model.is_offered.values())
    for line, largest in zip(lines, problem.line_max[offers.enterprise].tolist(), strict=True):
        line.setub(largest)

    add_one_rate(model, problem, offers, offered)
    _link_lines(model, problem, offers, lines, offered)
    _add_steps(model, problem, offers)
    terms = (np.ones(offers.size), lines)
    add_rows(model, problem, offers, terms, offered)
    model.max_value = pyo.Objective(
        expr=form_expression(problem, problem.value_form, offers, terms, offered),
        sense=pyo.maximize,
        doc="Weighted normalised revenue less risk, or profit.",
    )
    return model


def _link_lines(
    model: pyo.ConcreteModel, problem: Problem, offers: Offers, lines: list[Any], offered: list[Any]
) -> None:
    """Zero or a real line: ℓ⁻ z ≤ L ≤ ℓ⁺ z."""
    largest = problem.line_max[offers.enterprise].tolist()
    upper = (
        InequalityExpression((pair_expression(1.0, line, -bound, offer), 0.0), strict=False)
        for line, offer, bound in zip(lines, offered, largest, strict=True)
    )
    # The rule is asked in the order of its index, which is that of the offers.
    model.line_if_offered_max = pyo.Constraint(
        model.OFFERS, rule=lambda *_: next(upper), doc="No line without an offer, and none above its maximum."
    )
    if offers.size <= APIECE:
        lower = {
            pair: (None, pair_expression(least, offer, -1.0, line), 0.0)
            for pair, least, offer, line in zip(
                model.OFFERS, problem.line_min[offers.enterprise].tolist(), offered, lines, strict=True
            )
            if least > 0
        }
    else:
        lower = {
            problem.enterprise[i]: (
                None,
                linear(
                    ([problem.line_min[i]] * (end - start), offered[start:end]),
                    ([-1.0] * (end - start), lines[start:end]),
                ),
                0.0,
            )
            for i, (start, end) in enumerate(pairwise(offers.starts(problem.size)))
            if problem.line_min[i] > 0 and end > start
        }
    model.line_if_offered_min = pyo.Constraint(
        list(lower), rule=lower, doc="An offer is a line of at least its minimum."
    )


def _add_steps(model: pyo.ConcreteModel, problem: Problem, offers: Offers) -> None:
    """Lines in whole steps, counted from zero, where the enterprise has a step."""
    pairs = list(model.OFFERS)
    steps = problem.line_step[offers.enterprise]
    most = np.where(
        steps > 0, np.round(problem.line_max[offers.enterprise] / np.where(steps > 0, steps, 1.0)), 0
    )
    step_of = {pair: step for pair, step in zip(pairs, steps.tolist(), strict=True) if step > 0}
    most_of = dict(zip(pairs, most.tolist(), strict=True))
    model.steps_at_rate = pyo.Var(
        list(step_of),
        domain=pyo.NonNegativeIntegers,
        bounds=lambda _, i, k: (0, most_of[i, k]),
        doc="Number of line steps granted at this rate.",
    )
    model.whole_steps = pyo.Constraint(
        list(step_of),
        rule={
            pair: (0.0, pair_expression(1.0, model.line_at_rate[pair], -step, model.steps_at_rate[pair]), 0.0)
            for pair, step in step_of.items()
        },
        doc="A line is a whole number of steps.",
    )
