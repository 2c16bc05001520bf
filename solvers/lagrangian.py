"""The Lagrangian solver: `joint` at any size, with prices as the proof.

Stages: the payoff ranges, where the objective needs them, and the best prices (:mod:`dual`); a plan, from a small
model over the enterprises whose choice hangs on the prices, everybody else settled (:mod:`core`); then, as far as the
asked gap needs it and the size allows it, the search that closes the gap (:mod:`search`), or HiGHS on the core
where the tree grows too large. HiGHS solves the linear and small mixed-integer problems in between; Pyomo is not
needed.

Ties are broken by rule: up to ``BLOCK`` enterprises they enter in the order of their ids, a larger book in its own
order; nothing depends on the clock, except where the time limit is reached.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from lendplan.models.measures import Floats, Indices, Ranges
from lendplan.models.problem import Problem
from lendplan.models.sums import BLOCK
from lendplan.solvers.boxstep import Relaxed
from lendplan.solvers.core import (
    Choices,
    core_model,
    left_within,
    margin_for,
    read_core,
    with_right_sides,
    write_core,
)
from lendplan.solvers.dual import lowest
from lendplan.solvers.engine import Outcome, SolverError, clock, run
from lendplan.solvers.entry import expect_finite, in_order_of_ids, obeys_bounds, start_in_order_of_ids
from lendplan.solvers.polish import polish
from lendplan.solvers.pricing import Book, Lagrangian, Settlement
from lendplan.solvers.relaxation import TIE, widest
from lendplan.solvers.result import (
    Branched,
    Options,
    Progress,
    Result,
    SearchProof,
    SolutionStatus,
    StopReason,
    objective_scale,
    relative_gap,
)
from lendplan.solvers.rowtable import Value, value_of
from lendplan.solvers.search import Search
from lendplan.solvers.sensitivity import price_ranges

NAME = "lagrangian"

_SAFETY = 0.9  # of the gap: a little less is aimed at, so that rounding does not miss it
_CORE, _CORE_A_ROW = 10, 4  # enterprises open at first, and so many more a row, in a small book …
_LARGER_CORE, _LARGER_CORE_A_ROW = (
    20,
    6,
)  # … and in a larger one, where more of them have to make up for others
_GOOD_ENOUGH = 2e-5  # relative: a first plan of a small book; the search finds better ones
_WIDEN = 2
_PLAN_NODES = 1000  # of HiGHS, in a model for a plan: effort is not counted by the clock
_LARGEST_CORE = 1600  # enterprises of either kind in a model for a plan
_NEAR = 1e-3  # so near, relative, the search goes on from a plan of a small book
_START_NEAR = 3e-3  # so near it goes on from the plan of a similar problem …
_MIXES = (
    0.75,
    1.5,
)  # enterprises a row that keep their part of that plan, while all others follow the prices
_START_PARTS = 200  # … and looks at so many parts before a better plan is looked for
_NEARER = 3.0  # times the asked gap: so near, from one of a larger book
_SMALL = 2000  # enterprises up to which the search is quicker than a wider model
_SEARCHED = 10_000  # enterprises up to which the last digits are searched for
_WORK = 400_000  # columns × parts that a search may look at before HiGHS takes over
_PARTS = 1500  # and parts
_RANGED = 200_000  # enterprises up to which the range of each price is worked out
_RANGING = 10.0  # seconds for that at most
_ALIKE = 20_000  # choices in a core: so many are left only where enterprises are alike
# HiGHS's own heuristics solve models within the model; with a good plan in hand they only take time.
_NO_HEURISTICS = {
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_root_reduced_cost": False,
}


def solve(problem: Problem, options: Options) -> Result:
    """Solve a problem of the formulation ``joint``.

    Parameters
    ----------
    problem : its ranges are computed where ``weighted`` has none
    options : gap, time limit, threads, seed, watcher

    Returns
    -------
    Result
        ``rate`` and ``line`` in the order of ``problem``. Interrupted, or out of time, it holds the best plan that
        was found.

    Raises
    ------
    SolverError
        Where an answer cannot be trusted.
    """
    expect_finite(problem)
    if problem.size > BLOCK:
        return _Solve(problem, options).run()
    started = start_in_order_of_ids(problem, options)
    return in_order_of_ids(problem, lambda ordered: _Solve(ordered, started).run())


@dataclass(frozen=True)
class Incumbent:
    """The best plan so far."""

    plan: Settlement
    value: float


class _Solve:
    """One solve: the clock, what is proven, and the best plan so far."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem = problem
        self.options = options
        self.left: Callable[[], float] = clock(options)
        self.seconds = {"build": 0.0, "solve": 0.0}
        self.best: Incumbent | None = None
        self.bound = float("inf")
        self.prices: dict[str, float] = {}
        self.proof: SearchProof | None = None
        self._since = time.perf_counter()

    def run(self) -> Result:
        try:
            stop = self._run()
        except KeyboardInterrupt:
            stop = StopReason.INTERRUPTED
        if isinstance(stop, Result):
            return stop
        return self._finished(stop)

    def _run(self) -> Result | StopReason:
        self.book = self._book()
        self._lap("build")
        stopped = self._value_terms()
        if stopped is not None:
            return stopped
        self.value = value_of(self.problem)
        relaxed = self._lowest(self.value, "prices")
        if relaxed.infeasible:
            return self._infeasible()
        self.at = relaxed.at
        self.bound = relaxed.at.bound
        self.prices = {
            name: float(price) + 0.0
            for name, price in zip(self.book.table.names, relaxed.at.prices, strict=True)
        }
        self._try_nothing()
        if self._try_start() and self._close_from_start():
            return StopReason.PROVEN
        return self._plan() or self._close()

    def _book(self) -> Book:
        return Lagrangian(self.problem, threads=self.options.threads)

    # --- what is proven -------------------------------------------------------------------------------------

    def _lowest(self, value: Value, stage: str) -> Relaxed:
        self._tell(stage)
        return lowest(
            self.book,
            value,
            replace(self.options, watch=None),
            left=self.left,
            stage=stage,
            start=self._start_prices() if stage == "prices" else None,
        )

    def _start_prices(self) -> Floats | None:
        if self.options.start is None:
            return None
        given = self.options.start.prices
        prices = np.array([given.get(name, 0.0) for name in self.book.table.names])
        sense = self.book.table.sense
        return np.asarray(np.where(sense > 0, np.maximum(prices, 0.0), np.minimum(prices, 0.0)))

    def _value_terms(self) -> Result | StopReason | None:
        objective = self.problem.objective
        if objective.kind == "profit" or objective.ranges is not None:
            return None
        corners = []
        # The ranges are those of the relaxation as stated, the same for every solver: no whole numbers of borrowers.
        whole, self.book.amount = self.book.amount, np.array([row.amount for row in self.problem.rows])
        for value, stage in ((Value(1.0, -TIE), "range of revenue"), (Value(TIE, -1.0), "range of risk")):
            relaxed = self._lowest(value, stage)
            if relaxed.infeasible:
                return self._infeasible()
            if np.isnan(relaxed.revenue):
                return relaxed.stop if relaxed.stop is not StopReason.PROVEN else StopReason.TIME_LIMIT
            corners.append(relaxed)
        self.book.amount = whole
        most, least = corners
        budget = self.problem.budget
        ranges = Ranges(*widest(most.revenue, least.revenue, budget), *widest(most.risk, least.risk, budget))
        self.problem = self.problem.with_ranges(ranges)
        self.book.problem = self.problem
        return None

    def _gap(self) -> float:
        if self.best is None:
            return float("inf")
        return relative_gap(max(self.bound, self.best.value), self.best.value, self.problem)

    def _slack(self) -> float:
        """Return the asked gap in the unit of the objective."""
        size = abs(self.best.value) if self.best is not None else abs(self.bound)
        return self.options.gap * _SAFETY * max(size, objective_scale(self.problem))

    # --- plans ----------------------------------------------------------------------------------------------

    def _take(self, plan: Settlement) -> float:
        """Hold a plan against every row; keep it if it is the best. Return what it is worth, −inf if it is none."""
        tally = self.book.tally(plan)
        if tally.forgotten or tally.breaches(self.problem):
            return float("-inf")
        value = self.problem.value_of(tally.totals)
        if self.best is None or value > self.best.value:
            self.best = Incumbent(plan, value)
            self._tell("plan")
        return value

    def _try_nothing(self) -> None:
        nobody = np.empty(0, dtype=np.int64)
        self._take(Settlement(None, self.value, nobody, nobody, np.empty(0)))

    def _try_start(self) -> bool:
        """Take the plan of a similar problem where it obeys this one; return whether the search may go on from it."""
        start = self.options.start
        if start is None or start.rate is None or start.line is None:
            return False
        if not obeys_bounds(self.problem, start.rate, start.line):
            return False
        everybody = np.arange(self.problem.size)
        self._take(Settlement(None, self.value, everybody, start.rate, start.line))
        if self.book.size > _SMALL:
            return self._gap() <= self.options.gap
        for share in _MIXES if self._gap() > self.options.gap else ():
            # Those whose choice hangs on little as in the similar plan, everybody else as the prices have it.
            rate, line = self.book.choices(self.at.prices, self.value)
            few = math.ceil(share * len(self.book.amount))
            undecided, _ = self.book.closest(self.at.prices, self.value, few)
            rate[undecided], line[undecided] = start.rate[undecided], start.line[undecided]
            self._polished(self._whole(), everybody, rate, line, None)
        return self._gap() <= _START_NEAR

    def _close_from_start(self) -> bool:
        """Close the gap that a similar problem's plan leaves, where that is soon done; return whether it was."""
        if self._gap() <= self.options.gap:
            return True
        core, choices = self._left()
        return self._search(core, choices, _START_PARTS)

    def _plan(self) -> StopReason | Result | None:
        """Find a plan from the prices: all settled but those whose choice hangs on little.

        Those whose rate hangs on the least are not enough where a row is to be met: so many again are open whose
        lending does.
        """
        rows = len(self.book.amount)
        most = _CORE + _CORE_A_ROW * rows
        if self.book.size > _SMALL:
            most = _LARGER_CORE + _LARGER_CORE_A_ROW * rows
        while True:
            if self.left() <= 0:
                return StopReason.TIME_LIMIT
            everybody = most >= self.book.size
            positions, margin = self.book.closest(self.at.prices, self.value, most)
            lending = 0.0
            if not everybody:
                others, lending = self.book.closest(self.at.prices, self.value, most, lending=True)
                positions = np.union1d(positions, others)
            outcome = self._among(positions, margin, lending, spare=most)
            if outcome.x is None and everybody and not outcome.infeasible:
                return outcome.stop
            if outcome.infeasible and everybody:  # perhaps for want of choices only
                outcome = self._among(positions, float("inf"), 0.0, spare=None)
                if outcome.infeasible:
                    return self._infeasible()
            if outcome.stop is StopReason.INTERRUPTED:
                return outcome.stop
            if self._gap() <= self.options.gap:
                return None
            if outcome.x is not None and self._is_for_search():
                return None
            if everybody or most > _LARGEST_CORE:
                return None
            most *= _WIDEN

    def _is_for_search(self) -> bool:
        """Whether the search is the quicker way on from the plan in hand."""
        if self.book.size <= _SMALL:
            return self._gap() <= _NEAR
        return self.book.size <= _SEARCHED and self._gap() <= _NEARER * self.options.gap

    def _among(self, positions: Indices, margin: float, lending: float, *, spare: int | None) -> Outcome:
        """Solve the model over some enterprises, everybody else as the prices have it."""
        whole = self.book.gather(positions)
        own = Lagrangian(whole).evaluate(self.at.prices, self.value)
        core = with_right_sides(whole, self.book.amount - (self.at.used - own.used))
        if spare is not None:
            margin = min(margin, margin_for(core, self.at.prices, self.value, spare))
        choices = left_within(core, self.at.prices, self.value, margin, lending=lending)
        model = core_model(core, choices, self.value)
        wanted = 0.6 * self._slack()
        if self.book.size <= _SMALL:
            wanted = max(
                0.3 * self._slack(), _GOOD_ENOUGH * max(abs(self.bound), objective_scale(self.problem))
            )
        outcome = run(
            model,
            replace(self.options, gap=0.0),
            seconds=self.left(),
            stage="plan",
            absolute_gap=wanted,
            settings={"mip_max_nodes": _PLAN_NODES, "mip_heuristic_run_feasibility_jump": False},
        )
        if outcome.x is not None:
            self._polished(core, positions, *read_core(core, choices, outcome.x), self.at.prices)
        return outcome

    def _polished(
        self, core: Problem, positions: Indices, rate: Indices, line: Floats, prices: Floats | None
    ) -> float:
        """Put the core's plan, its lines exact, in place of what the prices alone say; return its value."""
        rate, line = polish(core, rate, line, self._quiet(), seconds=self.left())
        return self._take(Settlement(prices, self.value, positions, rate, line))

    # --- the last digits ------------------------------------------------------------------------------------

    def _close(self) -> StopReason:
        """Close the gap over the choices that a better plan can hold."""
        if self._gap() <= self.options.gap:
            return StopReason.PROVEN
        if self.book.size > _SEARCHED:
            return StopReason.EFFORT
        core, choices = self._left()
        if self._search(core, choices, _PARTS):
            return StopReason.PROVEN
        if self.left() <= 0:
            return StopReason.TIME_LIMIT
        return self._close_by_highs(core, choices)

    def _left(self) -> tuple[Problem, Choices]:
        """Return everybody, and the choices that a better plan can hold."""
        margin = self.at.bound - self.best.value if self.best is not None else float("inf")
        core = with_right_sides(self._whole(), self.book.amount)
        return core, left_within(core, self.at.prices, self.value, margin)

    def _search(self, core: Problem, choices: Choices, parts: int) -> bool:
        """Search through so many parts at most; return whether the gap is closed."""
        everybody = np.arange(core.size)
        size = int(choices.open[choices.owner].sum()) + int(choices.open.sum())
        most = min(parts, _WORK // max(1, size))

        def found(rate: Indices, line: Floats) -> float:
            return self._polished(core, everybody, rate, line, None)

        if most >= 20:
            self._tell("search")
            search = Search(
                core,
                choices,
                self.value,
                self.value.constant,
                self.at.prices,
                self.at.bound,
                self.best.value if self.best is not None else float("-inf"),
                self._slack(),
                found,
                going=lambda nodes: nodes < most and self.left() > 0,
            )
            searched = search.run()
            if searched.bound < self.bound:
                self.bound = searched.bound
                root = Branched((), self.at.prices)  # the core's choices are what these prices leave
                self.proof = SearchProof(searched.leaves, (root, *searched.fixings))
            return searched.complete
        return False

    def _close_by_highs(self, core: Problem, choices: Choices) -> StopReason:
        if self.best is not None:
            choices = left_within(core, self.at.prices, self.value, self.at.bound - self.best.value)
        settings: dict[str, Any] = dict(_NO_HEURISTICS) if self.best is not None else {}
        if len(choices.owner) > _ALIKE:
            # Where so many enterprises are alike HiGHS's presolve finds no end.
            settings["presolve"] = "off"
        outcome = run(
            replace(core_model(core, choices, self.value), offset=self.value.constant),
            replace(self.options, gap=self.options.gap * _SAFETY),
            seconds=self.left(),
            stage="rates and lines",
            absolute_gap=self.options.gap * _SAFETY * objective_scale(self.problem),
            start=None if self.best is None else write_core(core, choices, *self.book.spread(self.best.plan)),
            settings=settings,
        )
        if outcome.x is not None:
            self._polished(core, np.arange(core.size), *read_core(core, choices, outcome.x), None)
        if self.best is not None:
            self.bound = min(self.bound, max(outcome.bound, self.best.value))
        elif np.isfinite(outcome.bound):
            self.bound = min(self.bound, outcome.bound)
        return outcome.stop

    # --- the answer -----------------------------------------------------------------------------------------

    def _finished(self, stop: StopReason) -> Result:
        best = self.best
        self._lap("solve")
        if best is None:
            return self._result(stop, SolutionStatus.NONE)
        scale = max(abs(best.value), objective_scale(self.problem))
        if best.value - self.bound > 1e-6 * scale:
            raise SolverError(f"the plan is worth {best.value!r}, above the bound {self.bound!r}")
        self.bound = max(self.bound, best.value)
        proven = self._gap() <= self.options.gap
        if stop is StopReason.EFFORT and proven:
            stop = StopReason.PROVEN
        rate, line = self._spread(best.plan)
        result = self._result(
            stop,
            SolutionStatus.OPTIMAL if proven else SolutionStatus.FEASIBLE,
            rate=rate,
            line=line,
            bound=self.bound,
            proof=self.proof,
            price_ranges=self._price_ranges() if stop is not StopReason.INTERRUPTED else {},
        )
        self._lap("solve")
        return result

    def _price_ranges(self) -> dict[str, tuple[float, float]]:
        if self.book.size > _RANGED or not self.prices:
            return {}
        whole = with_right_sides(self._whole(), self.book.amount)
        return price_ranges(whole, self.prices, self._quiet(), seconds=max(1.0, min(self.left(), _RANGING)))

    def _infeasible(self) -> Result:
        from lendplan.solvers.conflict import explain_conflict

        conflict = explain_conflict(self._whole(), self.options, None)
        self._lap("solve")
        return self._result(StopReason.PROVEN, SolutionStatus.INFEASIBLE, conflict=conflict)

    def _result(self, stop: StopReason, solution: SolutionStatus, **more: Any) -> Result:
        return Result(
            stop=stop,
            solution=solution,
            problem=self.problem,
            prices=self.prices,
            seconds=self.seconds,
            seed=self.options.seed,
            solver=f"{NAME} (highs {version('highspy')})",
            **more,
        )

    def _whole(self) -> Problem:
        """Return the problem with all its enterprises."""
        return self.problem

    def _spread(self, plan: Settlement) -> tuple[Indices | None, Floats | None]:
        """Return everybody's rate and line, for the result."""
        return self.book.spread(plan)

    def _quiet(self) -> Options:
        return replace(self.options, watch=None)

    def _tell(self, stage: str) -> None:
        if self.options.watch is not None:
            self.options.watch(
                Progress(
                    stage,
                    None if self.best is None else self.best.value,
                    self.bound if np.isfinite(self.bound) else None,
                )
            )

    def _lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] += now - self._since
        self._since = now
