"""SCIP on the tight array model, through PySCIPOpt. It searches on one core; the package has no parallel SCIP."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pyscipopt

from lendplan.models.problem import Problem
from lendplan.solvers.polish import polish
from lendplan.solvers.result import Options, objective_scale
from rivals.answer import SEED, Answer, clock_of
from rivals.tight import tight

_FEASIBILITY = 1e-9  # what HiGHS is asked for, too


def solve(problem: Problem, gap: float, seconds: float) -> Answer:
    """Build the arrays, pass them on and solve."""
    _, left = clock_of(seconds)
    made = tight(problem)
    arrays = made.model
    scip = pyscipopt.Model()
    scip.hideOutput()
    most = float(np.max(np.abs(arrays.cost), initial=1e-300))
    variables = [
        scip.addVar(vtype="I" if whole else "C", lb=low, ub=high, obj=cost)
        for whole, low, high, cost in zip(
            arrays.integer.tolist(),
            arrays.lower.tolist(),
            arrays.upper.tolist(),
            (arrays.cost / most).tolist(),
            strict=True,
        )
    ]
    scip.setMaximize()
    row, column, value = arrays.matrix.entries()
    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(arrays.matrix.shape[0] + 1))
    column, value = column[order].tolist(), value[order].tolist()
    for number, (low, high) in enumerate(
        zip(arrays.row_lower.tolist(), arrays.row_upper.tolist(), strict=True)
    ):
        body = pyscipopt.quicksum(
            value[place] * variables[column[place]] for place in range(starts[number], starts[number + 1])
        )
        if np.isfinite(high):
            scip.addCons(body <= high)
        if np.isfinite(low) and (number < len(problem.rows) or low > 0.0):  # else: 0 offers or more
            scip.addCons(body >= low)
    scip.setParam("limits/gap", gap)
    scip.setParam("limits/absgap", gap * objective_scale(problem) / most)
    scip.setParam("limits/time", max(left(), 0.1))
    scip.setParam("numerics/feastol", _FEASIBILITY)
    scip.setParam("randomization/randomseedshift", SEED)
    scip.optimize()
    bound = scip.getDualbound() * most + arrays.offset
    in_time = scip.getStatus() in ("optimal", "gaplimit", "infeasible")
    detail = f"{version('pyscipopt')}: {scip.getStatus()}"
    if not scip.getNSols():
        return Answer(bound=bound if bound < 1e19 * most else None, in_time=in_time, detail=detail)
    best = scip.getBestSol()
    x = np.array([best[variable] for variable in variables])
    rate, line = polish(problem, *made.plan(x), Options(gap=gap, threads=1), seconds=left())
    return Answer(rate, line, bound, in_time, detail=detail)
