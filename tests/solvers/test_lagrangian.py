"""The Lagrangian solver beside the reference, its proofs, and how it stops."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from books import plan_of, random_book, random_problem

import lendplan
from lendplan.certify.plan import verify
from lendplan.certify.proof import is_proven
from lendplan.models.measures import Objective
from lendplan.models.problem import Problem, breaches
from lendplan.scenarios.generator import simulate_book
from lendplan.solvers import highs, lagrangian, methods
from lendplan.solvers.engine import SolverError
from lendplan.solvers.pricing import Lagrangian
from lendplan.solvers.result import Options, SolutionStatus, StopReason
from lendplan.solvers.rowtable import value_of

OPTIONS = Options(threads=1, time_limit=60)
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def from_benchmarks(name: str) -> ModuleType:
    """Load a module of the benchmarks, which are scripts and no package."""
    if str(BENCHMARKS) not in sys.path:
        sys.path.append(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def instances() -> ModuleType:
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not here")
    return from_benchmarks("instances")


def worth(problem: Problem, result: Any) -> float:
    return problem.value(plan_of(problem, result.rate, result.line))


@pytest.mark.parametrize(
    ("size", "limits", "kind"), [(60, 9, "mixed"), (120, 9, "mixed"), (302, 5, "amounts")]
)
def test_binding_books_are_solved_exactly(instances: ModuleType, size: int, limits: int, kind: str) -> None:
    """To 1e-9, with a bound from prices that lies well above the best plan."""
    problem = instances.instance(size, limits, kind, seed=1)
    result = lagrangian.solve(problem, Options(threads=1, gap=1e-9))
    value = worth(problem, result)
    assert result.solution is SolutionStatus.OPTIMAL
    assert result.bound is not None
    assert result.bound - value <= 1e-9 * value
    assert not breaches(problem, plan_of(problem, result.rate, result.line))
    reference = highs.solve(problem, "joint", Options(gap=1e-6, time_limit=60))
    assert value >= worth(problem, reference) - 1e-9 * value
    assert value <= (reference.bound or np.inf) + 1e-9 * value


def test_prices_alone_do_not_close_the_gap_and_the_search_does(instances: ModuleType) -> None:
    problem = instances.instance(60, 9, "mixed", seed=1)
    result = lagrangian.solve(problem, Options(threads=1, gap=1e-9))
    value = worth(problem, result)
    book = Lagrangian(problem)
    prices = np.array([result.prices[row.name] for row in problem.rows])
    by_prices = book.evaluate(prices, value_of(problem)).bound
    assert by_prices - value > 1e-4 * value
    assert result.bound is not None
    assert result.bound - value <= 1e-9 * value


LIMITS = [
    {"name": "one industry", "measure": "line", "by": "industry", "at_most": "24%", "of": "budget"},
    {"name": "grade C", "measure": "line", "where": {"grade": ["C"]}, "at_least": "12%"},
    {"name": "loss", "measure": "risk", "at_most": 18},
    {"name": "reach", "measure": "count", "where": {"size": ["micro"]}, "at_least": 10.4},
    {"name": "mean rate", "measure": "average_rate", "at_most": "8%"},
]


@pytest.mark.parametrize("kind", ["profit", "weighted"])
@pytest.mark.parametrize("seed", range(4))
def test_the_leaves_are_confirmed_by_the_independent_check(seed: int, kind: str, tmp_path: Path) -> None:
    frame = simulate_book(90, seed)
    frame = frame[frame["must"] == ""]
    asked = lendplan.from_frames(
        pd.DataFrame(frame),
        title="leaves",
        currency="CNY",
        churn_fit="isotonic",
        exclude_grades=["D"],
        lines={"min": 10, "max": 100},
        budget={"total": 700},
        economics={"funding_cost": "2%", "fixed_cost": 0.05},
        objective={"kind": kind},
        limits=LIMITS,
        solver={"gap": 1e-9},
    )
    plan = asked.solve()
    summary = plan.summary
    assert summary["status"] == "optimal"
    assert summary["certified_gap"] <= 1e-8
    folder = plan.write(tmp_path / "plan")
    assert verify(folder).passed


def test_some_leaves_are_needed() -> None:
    """Without them the claim is refuted: the leaves of one plan, one left out."""
    frame = simulate_book(90, 1)
    asked = lendplan.from_frames(
        pd.DataFrame(frame[frame["must"] == ""]),
        title="leaves",
        currency="CNY",
        churn_fit="isotonic",
        exclude_grades=["D"],
        lines={"min": 10, "max": 100},
        budget={"total": 700},
        objective={"kind": "profit"},
        limits=LIMITS,
        solver={"gap": 1e-9},
    )
    plan = asked.solve()
    search = plan._certified.search
    assert len(search["leaves"]) > 1
    settings = plan.case.settings.model_dump(mode="json")
    claim = plan.certified_bound
    assert claim is not None

    def proven(leaves: list[Any]) -> bool:
        return bool(
            is_proven(
                settings, plan.case.book, plan.case.tables.churn, claim, leaves, search["fixings"][:1], None
            )
        )

    full = is_proven(
        settings, plan.case.book, plan.case.tables.churn, claim, search["leaves"], search["fixings"], None
    )
    assert full
    assert not proven(search["leaves"][1:])


def test_the_same_plan_every_time_and_on_any_number_of_threads(instances: ModuleType) -> None:
    problem = instances.instance(302, 9, "mixed", seed=2)
    first, second = (lagrangian.solve(problem, Options(threads=threads)) for threads in (1, 2))
    np.testing.assert_array_equal(first.rate, second.rate)
    np.testing.assert_array_equal(first.line, second.line)
    assert first.prices == second.prices


@pytest.mark.parametrize("field", ["line_min", "line_max", "line_step", "risk_weight", "default_probability"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_never_reaches_the_solver(field: str, value: float) -> None:
    problem = random_problem(3, 6)
    spoiled = getattr(problem, field).copy()
    spoiled[2] = value
    with pytest.raises(SolverError, match=field):
        lagrangian.solve(problem.replaced(**{field: spoiled}), OPTIONS)


def test_an_endless_budget_is_refused() -> None:
    with pytest.raises(SolverError, match="budget"):
        lagrangian.solve(random_problem(3, 6, budget=float("inf")), OPTIONS)


def test_without_time_nothing_is_claimed() -> None:
    result = lagrangian.solve(random_book(7, 12), Options(threads=1, time_limit=0.0))
    assert result.solution in (SolutionStatus.NONE, SolutionStatus.FEASIBLE)
    assert result.stop is StopReason.TIME_LIMIT


@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.4])
def test_a_plan_in_hand_is_kept_when_the_time_is_up(instances: ModuleType, seconds: float) -> None:
    problem = instances.instance(302, 9, "amounts", seed=3)
    result = lagrangian.solve(problem, Options(threads=1, gap=1e-9, time_limit=seconds))
    if result.rate is None:
        assert result.solution is SolutionStatus.NONE
        return
    assert not breaches(problem, plan_of(problem, result.rate, result.line))
    assert result.bound is not None
    assert result.bound >= worth(problem, result)


def test_auto_says_what_it_chose_and_a_method_that_cannot_is_refused() -> None:
    problem = random_problem(1, 5)
    assert methods.solve(problem, "joint", "auto", OPTIONS).solver.startswith("lagrangian")
    assert "chosen by auto" in methods.solve(problem, "joint", "auto", OPTIONS).solver
    assert methods.solve(problem, "joint", "highs", OPTIONS).solver.startswith("highs")
    assert methods.solve(problem, "two_stage", "auto", OPTIONS).solver.startswith("highs")
    with pytest.raises(ValueError, match="auto"):
        methods.solve(problem, "two_stage", "lagrangian", OPTIONS)


@pytest.mark.parametrize("seed", range(30))
def test_ranges_are_those_of_the_reference_where_counts_are_fractions(seed: int) -> None:
    """A count means a whole number in the bound, and not in the payoff ranges, which are the relaxation's as stated."""
    from books import halves, with_limits

    from lendplan.models.problem import Row

    problem = with_limits(
        random_problem(seed, 8, objective=Objective("weighted", 0.6)),
        Row("few", "count", 1, amount=5.4),
        Row("half", "count", -1, halves(random_problem(seed, 8)), amount=1.5),
    )
    ours, theirs = lagrangian.solve(problem, OPTIONS), highs.solve(problem, "joint", OPTIONS)
    assert ours.solution is theirs.solution
    if ours.problem.objective.ranges is not None:
        assert theirs.problem.objective.ranges is not None
        np.testing.assert_allclose(
            list(vars(ours.problem.objective.ranges).values()),
            list(vars(theirs.problem.objective.ranges).values()),
            rtol=1e-6,
            atol=1e-9,
        )
