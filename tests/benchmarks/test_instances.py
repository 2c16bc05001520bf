from __future__ import annotations

import importlib
import logging
from typing import Any

import numpy as np
import pytest

import lendplan
from lendplan.solvers.relaxation import shadow_prices
from lendplan.solvers.result import Options

instances: Any = importlib.import_module("instances")
drawn: Any = importlib.import_module("drawn")
judge: Any = importlib.import_module("judge")
calibration: Any = importlib.import_module("calibration")
scenario_files: Any = importlib.import_module("scenario_files")


def test_the_same_arguments_give_the_same_problem_and_another_seed_another():
    one, same, other = (instances.instance(60, 5, "mixed", seed=seed) for seed in (1, 1, 2))
    assert [row.amount for row in one.rows] == [row.amount for row in same.rows]
    np.testing.assert_array_equal(one.line_max, same.line_max)
    assert [row.amount for row in one.rows] != [row.amount for row in other.rows]


@pytest.mark.parametrize("objective", ["profit", "weighted"])
@pytest.mark.parametrize(("kind", "limits", "least"), [("mixed", 8, 8), ("amounts", 5, 6)])
def test_nearly_every_row_binds(kind: str, limits: int, least: int, objective: str):
    problem = instances.instance(302, limits, kind, seed=1, objective=objective)
    assert len(problem.rows) == limits + 1
    assert instances.binding(problem) >= least


def test_an_instance_is_easy_where_fewer_than_half_of_its_rows_bind():
    assert [instances.is_easy(binding, 9) for binding in (4, 5)] == [True, False]
    assert not instances.is_easy(3, 6)


def test_lists_of_limits_have_no_name_twice_and_end_at_200():
    for kind in ("mixed", "amounts"):
        names = [limit.name for limit in drawn.limits_of(kind, 200)]
        assert len(set(names)) == 200
    with pytest.raises(ValueError, match="0 to 200"):
        drawn.limits_of("mixed", 201)
    with pytest.raises(ValueError, match="mixed, amounts"):
        instances.instance(10, 2, "other")


def test_the_dual_bound_at_the_prices_of_the_relaxation_is_its_optimum():
    problem = instances.instance(80, 8, "mixed", seed=3)
    prices, bound, _ = shadow_prices(problem, Options(threads=1), seconds=60.0)
    assert judge.dual_bound(problem, prices) == pytest.approx(bound, rel=1e-8)
    assert judge.dual_bound(problem, {}) > bound
    turned = {name: -price for name, price in prices.items()}  # wrong signs count as no price at all
    assert judge.dual_bound(problem, turned) == judge.dual_bound(problem, {})


def test_the_best_answer_heeds_bounds_of_rates_and_must_lend():
    problem = instances.instance(20, 0, "amounts", seed=1)
    first = np.full(20, 3, dtype=np.int16)
    must = np.arange(20) == 4
    narrowed = problem.replaced(first_rate=first, last_rate=first, must_lend=must)
    choice = calibration.best_answers(narrowed, problem.value_form * -1.0)
    at_3 = problem.retention[problem.curve, 3] * (
        problem.rates[3] * (1.0 - problem.default_probability) - 0.03 - problem.risk_weight
    )
    np.testing.assert_array_equal(choice.offered, (at_3 < 0.0) | must)
    assert set(choice.rate[choice.offered]) == {problem.rates[3]}


@pytest.mark.parametrize(("kind", "limits"), [("mixed", 200), ("amounts", 12)])
def test_the_files_mean_the_instance(tmp_path: Any, kind: Any, limits: int, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.ERROR)
    book = drawn.draw_book(300, 5)
    problem = calibration.problem_of_book(book, drawn.limits_of(kind, limits), 5, "profit")
    read = lendplan.load(scenario_files.write_files(tmp_path, book, problem, kind, gap=1e-6)).case.problem
    for name in (
        "enterprise",
        "retention",
        "curve",
        "line_min",
        "line_max",
        "first_rate",
        "last_rate",
        "risk_weight",
    ):
        np.testing.assert_array_equal(getattr(read, name), getattr(problem, name), err_msg=name)
    assert read.economics == problem.economics
    for ours, theirs in zip(problem.rows, read.rows, strict=True):
        assert (ours.name, ours.measure, ours.sense) == (theirs.name, theirs.measure, theirs.sense)
        assert (ours.amount, ours.rate) == (theirs.amount, theirs.rate)
        assert theirs.share == (None if ours.share is None else pytest.approx(ours.share, rel=1e-12))
        if ours.members is not None and theirs.members is not None:
            np.testing.assert_array_equal(ours.members.mask, theirs.members.mask)
