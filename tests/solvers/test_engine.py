"""One run of HiGHS: what it refuses, how it stops, and that no wrong answer of it gets through."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from books import assert_plan_obeys, enumerate_best, plan_of, random_problem, with_limits

from lendplan.models import joint
from lendplan.models.dominance import all_offers
from lendplan.models.problem import Members, Problem, Row
from lendplan.solvers import engine, highs
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.engine import Outcome, SolverError, run
from lendplan.solvers.highs import solve
from lendplan.solvers.result import Options, Progress, SolutionStatus, StopReason, relative_gap
from lendplan.solvers.sparse import Sparse, from_entries, from_rows
from lendplan.solvers.standard_form import compile_model

OPTIONS = Options(threads=1)


def dense(rows: list[list[float]]) -> Sparse:
    """Return a matrix of whole rows, NaN and inf kept."""
    return from_rows([np.array(row) for row in rows], len(rows[0]))


def knapsack() -> ArrayModel:
    """Maximise 3x + 2y + 1, x + y ≤ 3.5, x integer ≤ 2, y ≤ 5: x = 2, y = 1.5, worth 10."""
    return ArrayModel(
        cost=np.array([3.0, 2.0]),
        lower=np.zeros(2),
        upper=np.array([2.0, 5.0]),
        integer=np.array([True, False]),
        matrix=dense([[1.0, 1.0]]),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([3.5]),
        offset=1.0,
    )


def solved(model: ArrayModel, **options: Any) -> Outcome:
    return run(model, dataclasses.replace(OPTIONS, **options), seconds=10, stage="test")


def hard_problem(size: int = 400) -> Problem:
    """A book that takes HiGHS far longer than the tests wait, and of which the empty plan is feasible."""
    draw = np.random.default_rng(3)
    problem = random_problem(3, size, 6, budget=size * 0.9)
    problem = problem.replaced(
        line_min=draw.uniform(1, 4, size),
        line_max=draw.uniform(4, 9, size),
        economics=dataclasses.replace(problem.economics, fixed_cost=0.05),
    )

    def some(groups: int) -> Members:
        return Members(draw.integers(0, groups, size).astype(np.int32), 0)

    shares = [Row(f"share {j}", "line", 1, some(3), share=0.25) for j in range(4)]
    return with_limits(
        problem,
        *shares,
        Row("mean", "average_rate", 1, rate=0.07),
        Row("loss", "risk", 1, amount=0.0108 * size),
    )


# What is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", ["cost", "matrix", "offset"])
def test_numbers_must_be_finite(field: str, wrong: float) -> None:
    model = knapsack()
    value: Any = {
        "cost": np.array([3.0, wrong]),
        "matrix": dense([[1.0, wrong]]),
        "offset": wrong,
    }[field]
    with pytest.raises(SolverError, match=field):
        solved(dataclasses.replace(model, **{field: value}))


@pytest.mark.parametrize("field", ["lower", "upper", "row_lower", "row_upper"])
def test_bounds_must_not_be_nan(field: str) -> None:
    model = knapsack()
    bounds = getattr(model, field).copy()
    bounds[0] = np.nan
    with pytest.raises(SolverError, match="bounds"):
        solved(dataclasses.replace(model, **{field: bounds}))


def test_a_nan_in_the_book_is_refused_before_it_is_solved() -> None:
    problem = random_problem(1, 4)
    retention = problem.retention.copy()
    retention[0, 0] = np.nan
    with pytest.raises((SolverError, ValueError)):
        solve(problem.replaced(retention=retention, curve=np.zeros(4, np.int16)), "joint", OPTIONS)


# How it stops ------------------------------------------------------------------------------------------------------


def test_proven() -> None:
    outcome = solved(knapsack())
    assert outcome.stop is StopReason.PROVEN
    assert not outcome.infeasible
    np.testing.assert_allclose(_x(outcome), [2.0, 1.5])
    assert outcome.objective == pytest.approx(10.0)
    assert outcome.bound == pytest.approx(10.0)
    assert outcome.row_dual is None


def test_continuous_has_duals() -> None:
    outcome = solved(knapsack().relaxed())
    assert outcome.row_dual is not None
    np.testing.assert_allclose(outcome.row_dual, [2.0])
    assert outcome.bound == outcome.objective == pytest.approx(10.0)


@pytest.mark.parametrize("relaxed", [True, False])
def test_infeasible(relaxed: bool) -> None:
    model = dataclasses.replace(knapsack(), row_lower=np.array([8.0]), row_upper=np.array([np.inf]))
    outcome = solved(model.relaxed() if relaxed else model)
    assert outcome.infeasible
    assert outcome.x is None
    assert outcome.stop is StopReason.PROVEN


def test_no_time_and_no_plan() -> None:
    result = solve(random_problem(1, 4), "joint", dataclasses.replace(OPTIONS, time_limit=0.0))
    assert result.stop is StopReason.TIME_LIMIT
    assert result.solution is SolutionStatus.NONE
    assert result.rate is None


def test_time_limit_with_an_incumbent() -> None:
    problem = hard_problem()
    began = time.perf_counter()
    result = solve(problem, "joint", dataclasses.replace(OPTIONS, time_limit=0.6, gap=0.0))
    assert time.perf_counter() - began < 3.0
    assert result.stop is StopReason.TIME_LIMIT
    assert result.solution is SolutionStatus.FEASIBLE
    assert result.bound is not None
    assert result.bound > problem.value(plan_of(problem, result.rate, result.line))
    assert_plan_obeys(problem, result.rate, result.line)


@pytest.fixture
def interrupt_after() -> Any:
    """Send this process Ctrl-C after a while; tell when."""
    timers: list[threading.Timer] = []
    sent: list[float] = []

    def fire() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def start(seconds: float) -> list[float]:
        timers.append(threading.Timer(seconds, fire))
        timers[0].start()
        return sent

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield start
    for timer in timers:
        timer.cancel()
        timer.join()
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_returns_the_incumbent(interrupt_after: Callable[[float], list[float]]) -> None:
    problem = hard_problem()
    running = threading.active_count()
    sent = interrupt_after(1.2)
    result = solve(problem, "joint", dataclasses.replace(OPTIONS, time_limit=20, gap=0.0))
    assert sent, "it was solved before it could be interrupted"
    assert time.perf_counter() - sent[0] < 2.0
    assert result.stop is StopReason.INTERRUPTED
    assert result.solution is SolutionStatus.FEASIBLE
    assert_plan_obeys(problem, result.rate, result.line)
    assert threading.active_count() <= running + 1, "HiGHS still runs"


def test_ctrl_c_waits_for_highs_to_stop(
    interrupt_after: Callable[[float], list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A solver that is still at work must not be read: its status would be that of no run at all."""
    statuses: list[str] = []
    read = engine._read

    def noted(solver: Any, *rest: Any) -> Outcome:
        statuses.append(solver.modelStatusToString(solver.getModelStatus()))
        return read(solver, *rest)

    problem = hard_problem()
    model = compile_model(joint.build(problem, all_offers(problem))).model
    monkeypatch.setattr(engine, "_read", noted)
    interrupt_after(1.0)
    run(model, dataclasses.replace(OPTIONS, gap=0.0), seconds=20, stage="test")
    assert statuses == ["Interrupted by user"]


def test_the_number_of_threads_may_change() -> None:
    for threads in (1, 2, 1, 3, 2):
        assert solved(knapsack(), threads=threads).objective == pytest.approx(10.0)


def test_the_watcher_is_told() -> None:
    seen: list[Progress] = []
    options = dataclasses.replace(OPTIONS, time_limit=1.5, gap=0.0, watch=seen.append)
    solve(hard_problem(), "joint", options)
    assert {"shadow prices", "rates and lines"} <= {step.stage for step in seen}
    numbers = [step for step in seen if step.incumbent is not None and step.bound is not None]
    assert numbers
    assert all(step.incumbent <= step.bound * (1 + 1e-6) for step in numbers if step.incumbent and step.bound)


def test_an_error_in_the_watcher_is_not_lost() -> None:
    """Whichever thread it is raised in."""

    def watch(step: Progress) -> None:
        if step.incumbent is not None:
            raise RuntimeError("display is gone")

    with pytest.raises((RuntimeError, SolverError), match="display is gone"):
        solve(hard_problem(), "joint", dataclasses.replace(OPTIONS, time_limit=1.5, gap=0.0, watch=watch))


@pytest.mark.parametrize(("upper", "feasible"), [(0.0, True), (5.0, True), (-1.0, False)])
def test_a_model_without_columns(upper: float, feasible: bool) -> None:
    model = ArrayModel(
        cost=np.zeros(0),
        lower=np.zeros(0),
        upper=np.zeros(0),
        integer=np.zeros(0, bool),
        matrix=from_entries([], [], [], (1, 0)),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([upper]),
        offset=3.0,
    )
    outcome = solved(model)
    assert outcome.infeasible is not feasible
    assert (outcome.x is not None) is feasible
    if feasible:
        assert outcome.objective == outcome.bound == 3.0


def test_a_fixed_column_does_not_drown_the_others() -> None:
    """Rows are scaled by what can move: a column held at 0 has no say, whatever its coefficient."""
    small = 1e-10
    model = ArrayModel(
        cost=np.array([small, small / 2, 1.0]),
        lower=np.zeros(3),
        upper=np.array([1.0, 1.0, 0.0]),
        integer=np.array([True, True, False]),
        matrix=dense([[small, small, 1.0]]),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([1.4 * small]),
    )
    outcome = solved(model)
    np.testing.assert_allclose(_x(outcome), [1.0, 0.0, 0.0], atol=1e-9)


# The gap -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "objective", "budget", "gap"),
    [
        (0.0, 0.0, 0.0, 0.0),  # 0/0 is 0
        (2.0, 1.0, 1.0, 1.0),
        (1.0, 2.0, 1.0, 0.0),
        (-1.0, -2.0, 1.0, 0.5),
        (1e-9, 0.0, 10.0, 0.1),  # measured against 1e-9 of the budget
        (1.0, 0.0, 0.0, np.inf),
    ],
)
def test_relative_gap(bound: float, objective: float, budget: float, gap: float) -> None:
    problem = random_problem(1, 2, budget=budget)
    assert relative_gap(bound, objective, problem) == pytest.approx(gap)


# Wrong answers -----------------------------------------------------------------------------------------------------

Change = Callable[[Outcome, ArrayModel], dict[str, Any]]


def lie(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Let the engine give a wrong answer for the formulation's model, and right ones for all else."""

    def wrong(model: ArrayModel, options: Options, **rest: Any) -> Outcome:
        outcome = run(model, options, **rest)
        if rest["stage"] not in ("rates and lines", "rates"):
            return outcome
        return dataclasses.replace(outcome, **change(outcome, model))

    monkeypatch.setattr(highs, "run", wrong)


LIES: dict[str, Change] = {
    "objective": lambda outcome, _: {"objective": outcome.objective * 2},
    "bound too low": lambda outcome, _: {"bound": outcome.bound * 0.9},
    "bound too high": lambda outcome, _: {"bound": abs(outcome.bound) * 2},
    "bound NaN": lambda *_: {"bound": float("nan")},
    "bound inf": lambda *_: {"bound": float("inf")},
    "offers of 0.9999995": lambda outcome, _: {"x": _x(outcome) * 0.9999995},
    "offers of 1.0000005": lambda outcome, _: {"x": _x(outcome) * 1.0000005},
    "offers of a half": lambda outcome, _: {"x": np.full_like(_x(outcome), 0.5)},
    "everything offered": lambda _, model: {"x": model.upper.copy()},
    "nothing offered": lambda outcome, _: {"x": np.zeros_like(_x(outcome))},
    "NaN": lambda outcome, _: {"x": _x(outcome) * np.nan},
    "infeasible": lambda *_: {"x": None, "infeasible": True},
}


def _x(outcome: Outcome) -> np.ndarray:
    assert outcome.x is not None
    return outcome.x


BOOKS = {
    "plain": random_problem(1, 4),
    "must": random_problem(1, 4, must_lend=np.array([True, False, False, True])),
    "steps": random_problem(1, 4, line_step=np.ones(4), budget=3.0),
    "reach": with_limits(random_problem(1, 4), Row("reach", "count", -1, amount=2)),
    "loss": with_limits(random_problem(1, 4), Row("loss", "risk", 1, amount=0.06)),
}


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("name", LIES)
def test_a_wrong_answer_is_put_right_or_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, book: str
) -> None:
    """Never a plan that breaks a row, a bound below the optimum, or a claim that was not proven."""
    problem = BOOKS[book]
    best = enumerate_best(problem)
    assert best is not None
    lie(monkeypatch, LIES[name])
    try:
        result = solve(problem, "joint", OPTIONS)
    except SolverError:
        return
    assert result.solution is not SolutionStatus.INFEASIBLE
    if result.rate is None:
        return
    assert_plan_obeys(problem, result.rate, result.line)
    value = problem.value(plan_of(problem, result.rate, result.line))
    assert result.bound is not None
    assert result.bound >= best - 1e-9
    if result.solution is SolutionStatus.OPTIMAL:
        assert value == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(
    "name", ["everything offered", "nothing offered", "offers of 0.9999995", "infeasible"]
)
@pytest.mark.parametrize("book", BOOKS)
def test_two_stage_does_not_pass_on_a_wrong_answer(
    monkeypatch: pytest.MonkeyPatch, name: str, book: str
) -> None:
    problem = BOOKS[book]
    lie(monkeypatch, LIES[name])
    try:
        result = solve(problem, "two_stage", OPTIONS)
    except SolverError:
        return
    if result.solution is SolutionStatus.INFEASIBLE:
        assert result.conflict is not None
        assert result.conflict.changes
    if result.rate is not None:
        assert_plan_obeys(problem, result.rate, result.line)
