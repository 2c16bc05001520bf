"""From a Pyomo model to arrays, by way of its linear standard form: once, and without a file in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from lendplan.models.measures import Floats
from lendplan.solvers.engine import ArrayModel

_EQUAL, _AT_MOST = 0, 1  # how the standard form marks a row; −1 is at least


@dataclass(frozen=True)
class StandardForm:
    """An array model, and where the Pyomo model's variables and constraints went in it."""

    model: ArrayModel
    row_names: tuple[str, ...]  # (r,) Pyomo's names, "limit_max[grade C]"
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
    declared = [v for var in model.component_objects(pyo.Var, descend_into=False) for v in var.values()]
    form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None, column_order=declared)
    kind = np.array([row.bound_type for row in form.rows], dtype=np.int64)
    rhs = np.asarray(form.rhs, dtype=np.float64)
    cost = np.asarray(form.c.todense(), dtype=np.float64).reshape(-1)
    arrays = ArrayModel(
        cost=cost if cost.size else np.zeros(len(form.columns)),
        lower=np.array([-np.inf if v.lb is None else v.lb for v in form.columns], dtype=np.float64),
        upper=np.array([np.inf if v.ub is None else v.ub for v in form.columns], dtype=np.float64),
        integer=np.array([not v.is_continuous() for v in form.columns], dtype=bool),
        matrix=form.A,
        row_lower=np.where(kind == _AT_MOST, -np.inf, rhs),
        row_upper=np.where((kind == _AT_MOST) | (kind == _EQUAL), rhs, np.inf),
        offset=float(np.sum(form.c_offset)),
    )
    return StandardForm(
        model=arrays,
        row_names=tuple(row.constraint.name for row in form.rows),
        column_of={id(v): position for position, v in enumerate(form.columns)},
    )
