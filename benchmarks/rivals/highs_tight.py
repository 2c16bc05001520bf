"""HiGHS on the tight array model, without Pyomo."""

from __future__ import annotations

import numpy as np

from lendplan.models.problem import Problem
from lendplan.solvers.engine import run
from lendplan.solvers.polish import polish
from lendplan.solvers.result import Options, StopReason, objective_scale
from rivals.answer import SEED, THREADS, Answer, clock_of
from rivals.tight import tight


def solve(problem: Problem, gap: float, seconds: float) -> Answer:
    """Build the arrays and solve them."""
    _, left = clock_of(seconds)
    made = tight(problem)
    options = Options(gap=gap, time_limit=seconds, threads=THREADS, seed=SEED)
    outcome = run(
        made.model, options, seconds=left(), stage="tight", absolute_gap=gap * objective_scale(problem)
    )
    bound = outcome.bound if np.isfinite(outcome.bound) else None
    in_time = outcome.stop is StopReason.PROVEN
    if outcome.x is None:
        return Answer(bound=bound, in_time=in_time, detail=outcome.detail)
    rate, line = polish(problem, *made.plan(outcome.x), options, seconds=left())
    return Answer(rate, line, bound, in_time, detail=outcome.detail)
