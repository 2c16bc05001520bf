"""CP-SAT of OR-tools on the tight model in whole numbers.

Lines count in ``STEPS``-ths of the way from the least to the largest; coefficients of each row and of the objective are
multiplied so that the largest is ``LARGEST``, and rounded towards the safe side: up in rows of at_most, and down in
at_least and in the objective. So every plan it finds obeys the rows, and its bound is one on the rounded problem alone
and is not counted. With the rates that it chose the lines are solved again as real numbers, by SciPy: OR-tools and
highspy each bring a HiGHS of their own, and the two cannot be loaded into one process.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ortools.sat.python import cp_model
from scipy.optimize import linprog

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem, breaches
from rivals.answer import SEED, THREADS, Answer, clock_of
from rivals.tight import tight

STEPS = 1000
LARGEST = 10**9


def solve(problem: Problem, gap: float, seconds: float) -> Answer:
    """Build the model in whole numbers and solve it."""
    spent, left = clock_of(seconds)
    made = tight(problem)
    arrays, p = made.model, made.offers.size
    parts = np.where(arrays.integer[p:], arrays.upper[p:], STEPS).astype(np.int64)
    per = np.concatenate([np.ones(p), np.where(arrays.integer[p:], 1.0, 1.0 / STEPS)])
    model = cp_model.CpModel()
    offered = [model.new_bool_var("") for _ in range(p)]
    part = [model.new_int_var(0, most, "") for most in parts.tolist()]
    variables = [*offered, *part]
    row, column, value = arrays.matrix.entries()
    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(arrays.matrix.shape[0] + 1))
    value, column = (value * per[column])[order], column[order]
    for number, limit in enumerate(problem.rows):
        inside = slice(starts[number], starts[number + 1])
        terms = [variables[place] for place in column[inside].tolist()]
        scale = LARGEST / max(float(np.max(np.abs(value[inside]), initial=0.0)), 1e-300)
        if limit.sense > 0:
            body = np.ceil(value[inside] * scale - 1e-6).astype(np.int64)
            right = int(np.floor(arrays.row_upper[number] * scale))
            model.add(cp_model.LinearExpr.weighted_sum(terms, body.tolist()) <= right)
        else:
            body = np.floor(value[inside] * scale + 1e-6).astype(np.int64)
            right = int(np.ceil(arrays.row_lower[number] * scale))
            model.add(cp_model.LinearExpr.weighted_sum(terms, body.tolist()) >= right)
    for start, end, must in zip(
        made.offers.starts(problem.size)[:-1],
        made.offers.starts(problem.size)[1:],
        problem.must_lend.tolist(),
        strict=True,
    ):
        (model.add_exactly_one if must else model.add_at_most_one)(offered[start:end])
    for place in range(p):
        model.add(part[place] <= int(parts[place]) * offered[place])
    cost = arrays.cost * per
    scale = LARGEST / max(float(np.max(np.abs(cost), initial=0.0)), 1e-300)
    model.maximize(
        cp_model.LinearExpr.weighted_sum(variables, np.floor(cost * scale).astype(np.int64).tolist())
    )
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(left(), 0.1)
    solver.parameters.relative_gap_limit = gap
    solver.parameters.num_workers = THREADS
    solver.parameters.random_seed = SEED
    status = solver.solve(model)
    in_time = status in (cp_model.OPTIMAL, cp_model.INFEASIBLE)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Answer(in_time=in_time, detail=solver.status_name(status))
    x = np.array([float(solver.value(variable)) for variable in variables]) * per
    x[:p] = np.round(x[:p])
    rate, line = made.plan(x)
    line = _solved_again(problem, rate, line)
    value_found = problem.value(problem.choice(rate, line))
    return Answer(rate, line, None, in_time, [(spent(), value_found)], detail=solver.status_name(status))


def _solved_again(problem: Problem, rate: Indices, line: Floats) -> Floats:
    """Return the best continuous lines for these rates, or the lines as they are where that breaks a row."""
    lent = np.flatnonzero((rate >= 0) & (problem.line_step == 0))
    if not len(lent):
        return line
    worth, _ = problem.coefficients(problem.value_form, lent, rate[lent])
    fixed = np.where(np.isin(np.arange(problem.size), lent), 0.0, line)
    body, right = [], []
    for row in problem.rows:
        form = problem.row_form(row)
        per_line, _ = problem.coefficients(form, lent, rate[lent])
        rest = float(np.sum(problem.choice(rate, fixed).total(form)))
        scale = row.sense / max(float(np.max(np.abs(per_line), initial=0.0)), 1e-9)
        body.append(per_line * scale)
        right.append((row.amount - rest) * scale)
    found: Any = linprog(
        -worth,
        A_ub=np.stack(body),
        b_ub=np.array(right) - 1e-12 * np.maximum(1.0, np.abs(right)),
        bounds=list(zip(problem.line_min[lent].tolist(), problem.line_max[lent].tolist(), strict=True)),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if found.x is None:
        return line
    again = line.copy()
    again[lent] = np.clip(found.x, problem.line_min[lent], problem.line_max[lent])
    return line if breaches(problem, problem.choice(rate, again)) else again
