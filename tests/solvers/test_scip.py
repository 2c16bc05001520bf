"""A second opinion: SCIP on the LP file that Pyomo writes of the same model."""

from __future__ import annotations

from pathlib import Path

import pytest
from books import assert_plan_obeys, plan_of, random_book, random_problem, with_limits

from lendplan.models import joint
from lendplan.models.dominance import all_offers
from lendplan.models.problem import Problem
from lendplan.solvers.highs import solve
from lendplan.solvers.result import Options, SolutionStatus, objective_scale

pyscipopt = pytest.importorskip("pyscipopt", reason="SCIP, the second opinion, is not installed")


def scip_optimum(problem: Problem, folder: Path) -> float | None:
    """Solve ``joint`` with no rate dropped; None where SCIP finds it infeasible."""
    file = folder / "joint.lp"
    joint.build(problem, all_offers(problem)).write(str(file), io_options={"symbolic_solver_labels": True})
    model = pyscipopt.Model()
    model.hideOutput()
    model.setParam("limits/gap", 1e-9)
    model.setParam("limits/time", 60)
    model.readProblem(str(file))
    model.optimize()
    if model.getStatus() == "infeasible":
        return None
    assert model.getStatus() in ("optimal", "gaplimit")
    return float(model.getObjVal()) + problem.scalarisation.constant


@pytest.mark.parametrize("seed", range(15))
def test_same_optimum(seed: int, tmp_path: Path) -> None:
    problem = random_book(7000 + seed, size=12 + seed % 9, rates=3)
    result = solve(problem, "joint", Options(threads=1, gap=1e-8, time_limit=60))
    if result.solution is SolutionStatus.INFEASIBLE:
        if result.problem.objective.kind == "profit" or result.problem.objective.ranges is not None:
            assert scip_optimum(result.problem, tmp_path) is None
        return
    assert result.solution is SolutionStatus.OPTIMAL
    value = result.problem.value(plan_of(result.problem, result.rate, result.line))
    theirs = scip_optimum(result.problem, tmp_path)
    assert theirs is not None
    assert value == pytest.approx(theirs, abs=1e-7 * max(abs(theirs), objective_scale(result.problem)))
    assert_plan_obeys(result.problem, result.rate, result.line)


def test_same_optimum_without_limits(tmp_path: Path) -> None:
    problem = with_limits(random_problem(77, 20, 6))
    result = solve(problem, "joint", Options(threads=1, gap=1e-8))
    value = problem.value(plan_of(problem, result.rate, result.line))
    assert value == pytest.approx(scip_optimum(problem, tmp_path), rel=1e-7)
