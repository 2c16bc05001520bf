from __future__ import annotations

import importlib
import importlib.util
import math
from typing import Any

import numpy as np
import pytest

instances: Any = importlib.import_module("instances")
judge: Any = importlib.import_module("judge")
measure: Any = importlib.import_module("measure")
measured: Any = importlib.import_module("measured")
against_peers: Any = importlib.import_module("against_peers")
answer: Any = importlib.import_module("rivals.answer")


@pytest.fixture(scope="module")
def problem() -> Any:
    return instances.instance(30, 2, "mixed", seed=1)


@pytest.fixture(scope="module")
def best(problem: Any) -> float:
    found = importlib.import_module("rivals.highs_plain").solve(problem, 1e-9, 60.0)
    assert found.in_time
    assert not judge.faults(problem, found)
    value: float = judge.value_of(problem, found)
    assert found.bound == pytest.approx(value, rel=1e-8)
    return value


@pytest.mark.parametrize("method", ["highs_tight", "scip"])
def test_those_who_prove_agree(problem: Any, best: float, method: str):
    if method == "scip":
        pytest.importorskip("pyscipopt")
    found = importlib.import_module(f"rivals.{method}").solve(problem, 1e-9, 60.0)
    assert not judge.faults(problem, found)
    assert judge.value_of(problem, found) == pytest.approx(best, rel=1e-8)
    assert found.bound == pytest.approx(best, rel=1e-8)


@pytest.mark.parametrize("method", ["genetic", "slsqp"])
def test_those_who_prove_nothing_give_plans_that_obey(problem: Any, best: float, method: str):
    found = importlib.import_module(f"rivals.{method}").solve(problem, 1e-4, 3.0)
    assert found.bound is None
    assert not judge.faults(problem, found)
    value = judge.value_of(problem, found)
    assert 0.5 * best < value <= best * (1 + 1e-9)
    assert found.history[-1][1] == pytest.approx(value)


@pytest.mark.skipif(importlib.util.find_spec("ortools") is None, reason="OR-tools is an extra")
def test_cp_sat_agrees_in_a_process_of_its_own(problem: Any, best: float):
    with measured.laboratory() as lab:
        one = lab.measure("cp_sat", problem, lab.add(problem), 1e-9, 60.0)
    assert one.in_time
    assert one.value == pytest.approx(best, rel=1e-8)
    assert one.megabytes > 20.0
    assert 0.0 < one.seconds < 60.0


def test_a_method_that_fails_is_a_fault_and_not_a_result(problem: Any):
    with measured.laboratory() as lab:
        one = lab.measure("none_such", problem, lab.add(problem), 1e-9, 5.0)
    assert "none_such" in one.fault
    assert not one.in_time
    assert against_peers._given_up(one) == "failed"


def test_faults_of_a_plan_are_found(problem: Any):
    everyone = np.zeros(30, dtype=np.int64)
    assert judge.faults(problem, answer.Answer(everyone, problem.line_max))[0] == "budget"
    assert judge.faults(problem, answer.Answer(everyone, problem.line_min - 1.0)) != []
    assert "a line below its least or above its largest" in judge.faults(
        problem, answer.Answer(everyone, problem.line_max + 1.0)
    )
    assert judge.faults(problem, answer.Answer(everyone - 1, np.zeros(30))) == []


def test_a_bound_below_a_plan_is_not_the_best_bound():
    def one(value: float | None, bound: float | None) -> Any:
        return measured.Measured("m", 1e-4, 1.0, 1.0, answer.Answer(bound=bound), value)

    assert measured.best_bound([one(10.0, 12.0), one(9.0, 11.0)], [11.5]) == 11.0
    assert measured.best_bound([one(10.0, 9.5), one(None, None)], []) == math.inf
    assert measured.best_bound([one(10.0, 9.5)], [10.2]) == 10.2


def test_a_gap_is_reached_against_the_best_bound_of_the_run(problem: Any):
    blank = against_peers.PeerRow(30, 2, 3, 3, "", "", 1e-4, "")

    def row(method: str, gap: float, value: float, bound: float | None, **more: Any) -> Any:
        given = answer.Answer(rate=np.zeros(1), line=np.zeros(1), bound=bound, **more)
        one = measured.Measured(method, gap, 2.0, 50.0, given, value)
        return against_peers._filled(against_peers.replace(blank, gap=gap), problem, one, 100.0)

    reached = row("highs_plain", 1e-4, 99.995, 100.0)
    assert (reached.outcome, reached.seconds) == ("reached", 2.0)
    assert reached.reached == pytest.approx(5e-5, rel=1e-3)
    late = row("highs_plain", 1e-9, 99.995, 101.0, in_time=False)
    assert (late.outcome, late.seconds) == ("out of time", None)
    assert late.own_gap == pytest.approx(1.005 / 99.995)
    first = row("genetic", 1e-4, 99.999, None, history=[(0.5, 90.0), (0.7, 99.995), (0.9, 99.999)])
    assert (first.outcome, first.seconds) == ("reached", 0.7)
    assert row("genetic", 1e-9, 99.999, None, history=[(0.9, 99.999)]).outcome == "ended before"
    contradicted = row("scip", 1e-4, 98.0, 99.0)
    assert "contradicted" in contradicted.outcome


def test_growth_is_the_slope_of_the_logarithms():
    rows = [
        against_peers.PeerRow(size, 2, 3, 3, "", "m", 1e-4, "reached", seconds=3.0 * size**1.5)
        for size in (10, 100, 1000)
    ]
    (growth,) = against_peers._growth(rows)
    assert growth.exponent == pytest.approx(1.5)
    assert list(against_peers._growth(rows[:2])) == []


@pytest.mark.parametrize(
    ("figure", "wanted", "said"),
    [(0.02, "<= 0.02", "met"), (0.021, "<= 0.02", "missed"), (1.0, "", ""), (1.0, "<= 10 s", "")],
)
def test_a_wanted_ratio_is_kept_or_not(figure: float, wanted: str, said: str):
    assert measure.kept(figure, wanted) == said
