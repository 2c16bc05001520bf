"""HiGHS on the plain Pyomo model: ``joint`` over every admissible rate of every enterprise.

None is left out as dominated, no price is known beforehand, no plan is given to start from. The model is compiled and
scaled as this package does it, which is faster than Pyomo's own writers, and the lines of the answer are solved again.
"""

from __future__ import annotations

import numpy as np
from pyomo.common.gc_manager import PauseGC

from lendplan.models import joint
from lendplan.models.dominance import all_offers
from lendplan.models.problem import Problem
from lendplan.solvers.engine import run
from lendplan.solvers.polish import polish
from lendplan.solvers.result import Options, StopReason, objective_scale
from lendplan.solvers.standard_form import compile_model
from rivals.answer import SEED, THREADS, Answer, clock_of


def solve(problem: Problem, gap: float, seconds: float) -> Answer:
    """Build the model and solve it."""
    from dataclasses import replace

    _, left = clock_of(seconds)
    offers = all_offers(problem)
    with PauseGC():
        model = joint.build(problem, offers)
        form = compile_model(model)
    options = Options(gap=gap, time_limit=seconds, threads=THREADS, seed=SEED)
    outcome = run(
        replace(form.model, offset=problem.scalarisation.constant),
        options,
        seconds=left(),
        stage="plain",
        absolute_gap=gap * objective_scale(problem),
    )
    bound = outcome.bound if np.isfinite(outcome.bound) else None
    in_time = outcome.stop is StopReason.PROVEN
    if outcome.x is None:
        return Answer(bound=bound, in_time=in_time, detail=outcome.detail)
    offered = form.values(list(model.is_offered.values()), outcome.x)
    lines = form.values(list(model.line_at_rate.values()), outcome.x)
    pairs = np.flatnonzero(offered > 0.5)
    rate, line = np.full(problem.size, -1, dtype=np.int64), np.zeros(problem.size)
    rate[offers.enterprise[pairs]], line[offers.enterprise[pairs]] = offers.rate[pairs], lines[pairs]
    rate, line = polish(problem, rate, line, options, seconds=left())
    return Answer(rate, line, bound, in_time, detail=outcome.detail)
