"""From a Pyomo model to arrays: its linear standard form, read once, and without a file in between.

Pyomo's own ``LinearStandardFormCompiler`` does this for every linear model. The formulations here write each row
as one ``LinearExpression``, whose terms can be read off as they stand, in a third of the time and without SciPy;
a model that writes its rows otherwise goes through Pyomo's compiler. The tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pyomo.core.expr import LinearExpression, MonomialTermExpression

from lendplan.models.measures import Floats
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.sparse import Sparse, from_entries

_EQUAL, _AT_MOST = 0, 1  # how Pyomo's standard form marks a row; −1 is at least


@dataclass(frozen=True)
class StandardForm:
    """An array model, and where the Pyomo model's variables went in it."""

    model: ArrayModel
    column_of: dict[int, int]  # id of a Pyomo variable -> column

    def columns(self, variables: Sequence[Any]) -> NDArray[np.int64]:
        """Return the column of each variable, −1 for one that no row and no objective holds; shape (v,)."""
        return np.fromiter((self.column_of.get(id(v), -1) for v in variables), dtype=np.int64)

    def values(self, variables: Sequence[Any], x: Floats) -> Floats:
        """Read the variables' values out of a solution; shape (v,)."""
        columns = self.columns(variables)
        return np.where(columns >= 0, x[np.maximum(columns, 0)], 0.0) if len(x) else np.zeros(len(columns))


def compile_model(model: pyo.ConcreteModel) -> StandardForm:
    """Compile a Pyomo maximisation with one objective.

    Columns stand in the order in which the model declares its variables.
    """
    read_off = _read_off(model)
    return compile_by_pyomo(model) if read_off is None else read_off


def compile_by_pyomo(model: pyo.ConcreteModel) -> StandardForm:
    """Compile by Pyomo's own compiler, whatever way the rows are written in."""
    from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

    declared = _variables(model)
    form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None, column_order=declared)
    kind = np.array([row.bound_type for row in form.rows], dtype=np.int64)
    rhs = np.asarray(form.rhs, dtype=np.float64)
    cost = np.asarray(form.c.todense(), dtype=np.float64).reshape(-1)
    return _standard_form(
        form.columns,
        cost=cost if cost.size else np.zeros(len(form.columns)),
        offset=float(np.sum(form.c_offset)),
        matrix=Sparse(form.A.indptr, form.A.indices, form.A.data, form.A.shape),
        row_lower=np.where(kind == _AT_MOST, -np.inf, rhs),
        row_upper=np.where((kind == _AT_MOST) | (kind == _EQUAL), rhs, np.inf),
    )


def _variables(model: pyo.ConcreteModel) -> list[Any]:
    return [v for var in model.component_objects(pyo.Var, descend_into=False) for v in var.values()]


def _read_off(model: pyo.ConcreteModel) -> StandardForm | None:
    """Read the terms of each row; None where a row is more than constant coefficients times variables."""
    variables = _variables(model)
    column_of = {id(v): position for position, v in enumerate(variables)}
    terms: list[Any] = []
    lengths: list[int] = []
    lower: list[float | None] = []
    upper: list[float | None] = []
    rows = model.component_objects(pyo.Constraint, active=True, descend_into=False)
    for constraint in (one for row in rows for one in row.values() if one.active):
        least, body, most = constraint.to_bounded_expression()
        if body.__class__ is not LinearExpression:
            return None
        own = body._args_  # the public `args` makes a copy: a fifth of the time of a million rows
        terms += own
        lengths.append(len(own))
        lower.append(least)
        upper.append(most)
    (objective,) = model.component_data_objects(pyo.Objective, active=True, descend_into=False)
    if objective.sense != pyo.maximize or objective.expr.__class__ is not LinearExpression:
        return None
    terms += objective.expr._args_
    lengths.append(len(objective.expr._args_))
    if any(term.__class__ is not MonomialTermExpression for term in terms):
        return None
    if any(variable.fixed for variable in variables):
        return None
    values = [term._args_[0] for term in terms]
    if any(value.__class__ is not float for value in values):
        return None
    columns = [column_of[id(term._args_[1])] for term in terms]
    ends = np.cumsum([0, *lengths])
    column, value = np.array(columns, dtype=np.int64), np.array(values, dtype=np.float64)
    split = ends[-2]  # what stands after it is the objective
    cost = np.zeros(len(variables))
    np.add.at(cost, column[split:], value[split:])
    row = np.repeat(np.arange(len(lengths) - 1), lengths[:-1])
    return _standard_form(
        variables,
        cost=cost,
        offset=0.0,
        matrix=from_entries(row, column[:split], value[:split], (len(lengths) - 1, len(variables))),
        row_lower=_or_infinite(np.array(lower, dtype=np.float64), -np.inf),
        row_upper=_or_infinite(np.array(upper, dtype=np.float64), np.inf),
    )


def _or_infinite(bounds: Floats, infinity: float) -> Floats:
    """Put infinity where Pyomo had no bound: None, which NumPy reads as NaN."""
    return np.where(np.isnan(bounds), infinity, bounds)


def _standard_form(
    variables: Sequence[Any],
    *,
    cost: Floats,
    offset: float,
    matrix: Sparse,
    row_lower: Floats,
    row_upper: Floats,
) -> StandardForm:
    bounds = np.array([v.bounds for v in variables], dtype=np.float64).reshape(-1, 2)
    return StandardForm(
        model=ArrayModel(
            cost=cost,
            lower=_or_infinite(bounds[:, 0], -np.inf),
            upper=_or_infinite(bounds[:, 1], np.inf),
            integer=np.array([not v.is_continuous() for v in variables], dtype=bool),
            matrix=matrix,
            row_lower=row_lower,
            row_upper=row_upper,
            offset=offset,
        ),
        column_of={id(v): position for position, v in enumerate(variables)},
    )
