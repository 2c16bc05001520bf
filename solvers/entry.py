"""How a problem enters a solver: every number finite, enterprises in the order of their ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem, reordered
from lendplan.solvers.engine import SolverError
from lendplan.solvers.result import Options, Result

_STEP = 1e-12  # relative: so near to a whole step a line is one
_NUMBERS = (
    "rates",
    "retention",
    "line_min",
    "line_max",
    "line_step",
    "default_probability",
    "risk_weight",
)


def in_order_of_ids(problem: Problem, solve: Callable[[Problem], Result]) -> Result:
    """Solve with the enterprises in the order of their ids, so that ties fall the same way; return as given."""
    order = np.argsort(problem.enterprise, kind="stable")
    result = solve(reordered(problem, order))
    given = problem.replaced(objective=result.problem.objective)
    if result.rate is None or result.line is None:
        return replace(result, problem=given)
    rate, line = np.empty_like(result.rate), np.empty_like(result.line)
    rate[order], line[order] = result.rate, result.line
    return replace(result, problem=given, rate=rate, line=line)


def start_in_order_of_ids(problem: Problem, options: Options) -> Options:
    """Return the options with the start's plan in the order in which :func:`in_order_of_ids` solves."""
    start = options.start
    if start is None or start.rate is None or start.line is None:
        return options
    order = np.argsort(problem.enterprise, kind="stable")
    return replace(options, start=replace(start, rate=start.rate[order], line=start.line[order]))


def obeys_bounds(problem: Problem, rate: Indices, line: Floats) -> bool:
    """Whether each enterprise alone may have this rate and this line, shapes (n,); limits are another question."""
    lent = rate >= 0
    if np.any(problem.must_lend & ~lent) or np.any((line > 0) != lent):
        return False
    within = (
        (problem.first_rate <= rate)
        & (rate <= problem.last_rate)
        & (problem.line_min <= line)
        & (line <= problem.line_max)
    )
    steps = line / np.where(problem.line_step > 0, problem.line_step, 1.0)
    whole = (problem.line_step == 0) | (np.abs(steps - np.round(steps)) <= _STEP * np.maximum(1.0, steps))
    return bool(np.all(~lent | (within & whole)))


def expect_finite(problem: Problem) -> None:
    """Refuse NaN and inf anywhere in a problem: HiGHS would take them for numbers.

    Raises
    ------
    SolverError
        Naming the arrays.
    """
    arrays = {name: getattr(problem, name) for name in _NUMBERS}
    rights = {
        f"the right side of {row.name}": [row.amount, row.share or 0.0, row.rate or 0.0]
        for row in problem.rows
    }
    bad = [name for name, values in {**arrays, **rights}.items() if not np.all(np.isfinite(values))]
    if bad:
        raise SolverError(f"the problem holds NaN or inf in {', '.join(bad)}; it is not passed to the solver")
