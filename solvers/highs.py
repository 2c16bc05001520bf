"""The reference solver: any formulation through Pyomo's standard form and HiGHS.

Stages: the payoff ranges and the shadow prices from the continuous relaxation (:mod:`relaxation`), then the
formulation's model over the offers that are not dominated, then the exact lines for the offers chosen
(:mod:`polish`). Enterprises enter the models in the order of their ids, whatever the order of the book, so that
ties fall the same way every time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from pyomo.common.gc_manager import PauseGC

from lendplan.models import joint, two_stage
from lendplan.models.dominance import Offers, undominated_offers
from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import MUST, Problem, breaches
from lendplan.solvers.conflict import explain_conflict
from lendplan.solvers.engine import Outcome, SolverError, clock, run
from lendplan.solvers.entry import in_order_of_ids
from lendplan.solvers.polish import polish
from lendplan.solvers.relaxation import payoff_ranges, shadow_prices
from lendplan.solvers.result import (
    Options,
    Progress,
    Result,
    SolutionStatus,
    StopReason,
    objective_scale,
    relative_gap,
)
from lendplan.solvers.sensitivity import price_ranges
from lendplan.solvers.standard_form import compile_model

FormulationName = Literal["joint", "two_stage"]

# HiGHS is asked for a little less than the gap, so that recomputing its answer exactly does not miss it.
_SAFETY = 0.9
# An answer above the bound by more than this, relative, is a wrong bound and not rounding.
_BOUND_SLIP = 1e-7
# An answer called optimal whose gap is more than this many times what was asked for is a wrong answer.
_CLAIM = 10.0


def solve(problem: Problem, formulation: FormulationName, options: Options) -> Result:
    """Solve a problem by one of the formulations.

    Parameters
    ----------
    problem : its ranges are computed where ``weighted`` has none
    formulation : ``joint`` or ``two_stage``
    options : gap, time limit, threads, seed, watcher

    Returns
    -------
    Result
        ``rate`` and ``line`` in the order of ``problem``.

    Raises
    ------
    SolverError
        Where the engine's answer cannot be trusted.
    """
    return in_order_of_ids(problem, lambda ordered: _Solve(ordered, options).by(formulation))


class _Solve:
    """One solve: the clock, the stages' seconds, and what is known so far."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem = problem
        self.options = options
        self.left: Callable[[], float] = clock(options)
        self.seconds = {"build": 0.0, "solve": 0.0}
        self.prices: dict[str, float] = {}
        self.price_ranges: dict[str, tuple[float, float]] = {}
        self.relaxed_bound = float("inf")
        self._since = time.perf_counter()

    def by(self, formulation: FormulationName) -> Result:
        stopped = self._value_terms() or self._price()
        if stopped is not None:
            return stopped
        return self._joint() if formulation == "joint" else self._two_stage()

    def _value_terms(self) -> Result | None:
        objective = self.problem.objective
        if objective.kind == "profit" or objective.ranges is not None:
            return None
        ranges, outcome = payoff_ranges(self.problem, self.options, seconds=self.left())
        self._lap("solve")
        if ranges is None:
            return self._without_plan(outcome)
        self.problem = self.problem.with_ranges(ranges)
        return None

    def _price(self) -> Result | None:
        self.prices, self.relaxed_bound, outcome = shadow_prices(
            self.problem, self.options, seconds=self.left()
        )
        if outcome.x is not None:
            self.price_ranges = price_ranges(self.problem, self.prices, self.options, seconds=self.left())
        self._lap("solve")
        return None if outcome.x is not None else self._without_plan(outcome)

    def _joint(self) -> Result:
        problem = self.problem
        offers = undominated_offers(problem, [problem.value_form])
        with PauseGC():  # a million small objects, none of which can go yet
            model = joint.build(problem, offers)
            form = compile_model(model)
        self._lap("build")
        outcome = run(
            replace(form.model, offset=problem.scalarisation.constant),
            self._asked(),
            seconds=self.left(),
            stage="rates and lines",
            absolute_gap=self._absolute_gap(),
            start=np.zeros(len(form.model.cost)),
        )
        if outcome.x is None:
            return self._without_plan(outcome)
        offered = form.values(list(model.is_offered.values()), outcome.x)
        lines = form.values(list(model.line_at_rate.values()), outcome.x)
        rate, chosen = _chosen(problem, offers, offered)
        line = np.zeros(problem.size)
        line[rate >= 0] = lines[chosen]
        return self._finished(rate, line, outcome)

    def _two_stage(self) -> Result:
        problem = self.problem
        fixed = two_stage.stage_one_lines(problem)
        offers = two_stage.stage_two_offers(problem, fixed)
        model = two_stage.build(problem, offers, fixed)
        form = compile_model(model)
        self._lap("build")
        outcome = run(
            form.model,
            # Fine enough to tell a plan that lends from one of the same score that does not.
            replace(
                self.options,
                gap=min(self.options.gap, two_stage.LENDING_BONUS / (2.0 * max(1, problem.size))),
            ),
            seconds=self.left(),
            stage="rates",
            absolute_gap=two_stage.LENDING_BONUS / 2.0,
            start=np.zeros(len(form.model.cost)),
        )
        if outcome.x is None:
            return self._without_plan(outcome, fixed)
        rate, _ = _chosen(problem, offers, form.values(list(model.is_offered.values()), outcome.x))
        line = np.where(rate >= 0, fixed, 0.0)
        _expect_obeyed(problem, rate, line)
        self._lap("solve")
        proven = outcome.stop is StopReason.PROVEN
        return self._result(
            outcome.stop,
            SolutionStatus.OPTIMAL if proven else SolutionStatus.FEASIBLE,
            rate=rate,
            line=line,
            detail=outcome.detail,
        )

    def _finished(self, rate: Indices, line: Floats, outcome: Outcome) -> Result:
        problem = self.problem
        rate, line = polish(problem, rate, line, self.options, seconds=self.left())
        _expect_obeyed(problem, rate, line)
        value = problem.value(problem.choice(rate, line))
        bound = min(outcome.bound, self.relaxed_bound)
        if math.isnan(bound):
            raise SolverError("HiGHS gave no number for its bound")
        if value - bound > _BOUND_SLIP * max(abs(value), objective_scale(problem)):
            raise SolverError(
                f"the plan is worth {value!r}, above the bound {bound!r} that HiGHS claims to prove"
            )
        bound = max(bound, value)
        gap = relative_gap(bound, value, problem)
        if outcome.stop is StopReason.PROVEN and gap > max(_CLAIM * self.options.gap, _BOUND_SLIP):
            raise SolverError(f"HiGHS claims a proven optimum, and leaves a gap of {gap:.1e}")
        proven = gap <= self.options.gap
        self._lap("solve")
        return self._result(
            outcome.stop,
            SolutionStatus.OPTIMAL if proven else SolutionStatus.FEASIBLE,
            rate=rate,
            line=line,
            bound=bound,
            detail=outcome.detail,
        )

    def _without_plan(self, outcome: Outcome, fixed_lines: Floats | None = None) -> Result:
        if not outcome.infeasible:
            return self._result(outcome.stop, SolutionStatus.NONE, detail=outcome.detail)
        conflict = explain_conflict(self.problem, self.options, fixed_lines)
        self._lap("solve")
        return self._result(outcome.stop, SolutionStatus.INFEASIBLE, conflict=conflict, detail=outcome.detail)

    def _result(self, stop: StopReason, solution: SolutionStatus, **more: Any) -> Result:
        return Result(
            stop=stop,
            solution=solution,
            problem=self.problem,
            prices=self.prices,
            price_ranges=self.price_ranges,
            seconds=self.seconds,
            seed=self.options.seed,
            solver=f"highs {version('highspy')}",
            **more,
        )

    def _asked(self) -> Options:
        return replace(self.options, gap=self.options.gap * _SAFETY)

    def _absolute_gap(self) -> float:
        return self.options.gap * _SAFETY * objective_scale(self.problem)

    def _lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] += now - self._since
        self._since = now
        if self.options.watch is not None:
            self.options.watch(Progress(stage))


def _expect_obeyed(problem: Problem, rate: Indices, line: Floats) -> None:
    """Hold an answer against every row and every `must: lend`, whatever the engine said of it."""
    choice = problem.choice(rate, line)
    broken = [name for name, _ in breaches(problem, choice)]
    if np.any(problem.must_lend & ~choice.offered):
        broken.append(MUST)
    if broken:
        raise SolverError(f"HiGHS's answer breaks {', '.join(broken)}")


def _chosen(problem: Problem, offers: Offers, offered: Floats) -> tuple[Indices, Indices]:
    """Round the offers: each enterprise's rate, shape (n,), −1 for none, and the pairs that were chosen."""
    pairs = np.flatnonzero(offered > 0.5)
    rate = np.full(problem.size, -1, dtype=np.int64)
    rate[offers.enterprise[pairs]] = offers.rate[pairs]
    if len(np.unique(offers.enterprise[pairs])) != len(pairs):
        raise SolverError("HiGHS offered an enterprise two rates")
    return rate, pairs
