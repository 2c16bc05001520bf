"""Models read off against Pyomo's own compiler, and by it where they are written otherwise."""

from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from books import random_book, random_problem

from lendplan.models import joint, two_stage
from lendplan.models.dominance import all_offers, undominated_offers
from lendplan.models.measures import Ranges
from lendplan.solvers.standard_form import StandardForm, _read_off, compile_by_pyomo, compile_model


def assert_equal(one: StandardForm, other: StandardForm) -> None:
    for name in ("cost", "lower", "upper", "integer", "row_lower", "row_upper", "offset"):
        np.testing.assert_array_equal(getattr(one.model, name), getattr(other.model, name), err_msg=name)
    for ours, theirs in zip(one.model.matrix.entries(), other.model.matrix.entries(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert one.column_of == other.column_of


@pytest.mark.parametrize("seed", range(12))
def test_joint_is_read_as_pyomo_reads_it(seed: int) -> None:
    problem = random_book(seed, 6)
    if problem.objective.kind == "weighted" and problem.objective.ranges is None:
        problem = problem.with_ranges(Ranges(2.0, 0.0, 1.0, 0.0))
    model = joint.build(problem, undominated_offers(problem, [problem.value_form]))
    assert _read_off(model) is not None
    assert_equal(compile_model(model), compile_by_pyomo(model))


def test_two_stage_is_read_as_pyomo_reads_it() -> None:
    problem = random_problem(3, 6)
    lines = two_stage.stage_one_lines(problem)
    model = two_stage.build(problem, two_stage.stage_two_offers(problem, lines), lines)
    assert _read_off(model) is not None
    assert_equal(compile_model(model), compile_by_pyomo(model))


def test_a_model_written_in_any_other_way_goes_through_pyomos_compiler() -> None:
    model: Any = pyo.ConcreteModel()
    x: Any = pyo.Var(["a", "b"], bounds=(0, 3))
    model.x = x
    model.cap = pyo.Constraint(expr=x["a"] + 2 * x["b"] <= 4)
    model.least = pyo.Constraint(expr=pyo.inequality(1, x["a"], 2))
    model.worth = pyo.Objective(expr=3 * x["a"] + x["b"] + 5, sense=pyo.maximize)
    assert _read_off(model) is None
    form = compile_model(model)
    np.testing.assert_array_equal(form.model.cost, [3, 1])
    assert form.model.offset == 5
    np.testing.assert_array_equal(form.model.upper, [3, 3])
    np.testing.assert_array_equal(sorted(form.model.row_upper.tolist()), [2, 4, np.inf])


def test_a_fixed_variable_is_not_read_as_a_free_one() -> None:
    problem = random_problem(1, 2)
    model: Any = joint.build(problem, all_offers(problem))
    next(iter(model.is_offered.values())).fix(1)
    assert _read_off(model) is None
