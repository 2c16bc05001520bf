"""What every formulation states alike in Pyomo: one offer an enterprise, the budget and the limits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr import LinearExpression, MonomialTermExpression

from lendplan.models.dominance import Offers
from lendplan.models.measures import Floats, Form
from lendplan.models.problem import Problem, Row


def linear(*terms: tuple[Floats | Sequence[float], Sequence[Any]]) -> LinearExpression:
    """Return Σ coefficient × variable over pairs of coefficients and variables, without the terms that are zero."""
    monomials: list[Any] = []
    for coefficients, variables in terms:
        values = np.asarray(coefficients, dtype=np.float64)
        kept = np.flatnonzero(values)
        monomials += [
            MonomialTermExpression((value, variables[place]))
            for value, place in zip(values[kept].tolist(), kept.tolist(), strict=True)
        ]
    return LinearExpression(monomials)


def pair_expression(a: float, x: Any, b: float, y: Any) -> LinearExpression:
    """Return a·x + b·y; of all expressions the one that is written most often."""
    return LinearExpression([MonomialTermExpression((a, x)), MonomialTermExpression((b, y))])


def declare_sets(model: pyo.ConcreteModel, problem: Problem, offers: Offers) -> None:
    """Declare ENTERPRISES, RATES and OFFERS, the admissible pairs, in the order of ``offers``."""
    ids = problem.enterprise.tolist()
    rates = problem.rates.tolist()
    pairs = [
        (ids[i], rates[k]) for i, k in zip(offers.enterprise.tolist(), offers.rate.tolist(), strict=True)
    ]
    model.ENTERPRISES = pyo.Set(initialize=ids, doc="Eligible enterprises.")
    model.RATES = pyo.Set(initialize=rates, doc="Annual rates, as fractions.")
    model.OFFERS = pyo.Set(initialize=pairs, dimen=2, doc="Enterprise and rate that may be offered together.")
    for name, size, wanted in (
        ("ENTERPRISES", len(model.ENTERPRISES), len(ids)),
        ("OFFERS", len(model.OFFERS), len(pairs)),
    ):
        if size != wanted:  # Pyomo's Set drops repeated members in silence
            raise ValueError(f"{name} holds {size} members where {wanted} were given: ids must be unique")


def add_one_rate(
    model: pyo.ConcreteModel, problem: Problem, offers: Offers, is_offered: Sequence[Any]
) -> None:
    """Add ``one_rate_max`` (at most one offer an enterprise) and ``one_rate_must`` (exactly one)."""
    ends = offers.starts(problem.size)
    must = problem.must_lend.tolist()
    body = [linear(([1.0] * (end - start), is_offered[start:end])) for start, end in itertools.pairwise(ends)]
    ids = problem.enterprise.tolist()
    free = {ids[i]: (None, body[i], 1.0) for i in range(problem.size) if not must[i] and body[i].linear_vars}
    bound = {ids[i]: (1.0, body[i], 1.0) for i in range(problem.size) if must[i]}
    model.one_rate_max = pyo.Constraint(
        list(free), rule=free, doc="An enterprise is offered at most one rate."
    )
    model.one_rate_must = pyo.Constraint(
        list(bound),
        rule=bound,
        doc="An enterprise with `must: lend` is offered exactly one rate.",
    )


def add_rows(
    model: pyo.ConcreteModel,
    problem: Problem,
    offers: Offers,
    line_terms: tuple[Floats, Sequence[Any]],
    is_offered: Sequence[Any],
) -> None:
    """Add ``budget_max``, ``limit_max`` and ``limit_min``, one constraint a row of the problem.

    Parameters
    ----------
    line_terms : the line of each offer as a factor, shape (p,), times a variable: (1, L) or (line, z)
    is_offered : the binary of each offer
    """

    def expression(row: Row) -> LinearExpression:
        return form_expression(problem, problem.row_form(row), offers, line_terms, is_offered)

    budget, *limits = problem.rows
    model.budget_max = pyo.Constraint(
        expr=(None, expression(budget), budget.amount),
        doc="Lines, or exposures where the budget says so, stay within the budget.",
    )
    upper = {row.name: (None, expression(row), row.amount) for row in limits if row.sense == 1}
    lower = {row.name: (row.amount, expression(row), None) for row in limits if row.sense == -1}
    model.limit_max = pyo.Constraint(
        list(upper),
        rule=upper,
        doc="A limit's measure stays at or below its amount or share.",
    )
    model.limit_min = pyo.Constraint(
        list(lower),
        rule=lower,
        doc="A limit's measure reaches at least its amount or share.",
    )


def form_expression(
    problem: Problem,
    form: Form,
    offers: Offers,
    line_terms: tuple[Floats, Sequence[Any]],
    is_offered: Sequence[Any],
) -> LinearExpression:
    """Write a form over the offers' variables; terms on the same variable are added up."""
    factor, line_variable = line_terms
    per_line, per_offer = problem.coefficients(form, offers.enterprise, offers.rate)
    if line_variable is is_offered:
        return linear((per_line * factor + per_offer, is_offered))
    return linear((per_line * factor, line_variable), (per_offer, is_offered))
