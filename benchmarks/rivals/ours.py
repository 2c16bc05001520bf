"""Our own solver for books of any size."""

from __future__ import annotations

from lendplan.models.problem import Problem
from lendplan.solvers import lagrangian
from lendplan.solvers.result import Options, SolutionStatus, StopReason
from rivals.answer import SEED, THREADS, Answer


def solve(problem: Problem, gap: float, seconds: float) -> Answer:
    """Solve by ``method: lagrangian``."""
    result = lagrangian.solve(problem, Options(gap=gap, time_limit=seconds, threads=THREADS, seed=SEED))
    return Answer(
        rate=result.rate,
        line=result.line,
        bound=result.bound,
        in_time=result.stop is StopReason.PROVEN and result.solution is not SolutionStatus.NONE,
        prices=dict(result.prices),
        detail=result.solver,
    )
