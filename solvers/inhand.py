"""What a solve by prices has in hand: the clock, the prices, what is proven, and the best plan so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.engine import clock
from lendplan.solvers.polish import polish
from lendplan.solvers.pricing import Book, Evaluation, Settlement
from lendplan.solvers.result import Options, Progress, SearchProof, objective_scale, relative_gap
from lendplan.solvers.rowtable import Value

_SAFETY = 0.9  # of the gap: a little less is aimed at, so that rounding does not miss it
_FAR = 0.1  # of the bound
SMALL = 2000  # enterprises up to which the search is quicker than a wider model


@dataclass(frozen=True)
class Incumbent:
    """The best plan so far."""

    plan: Settlement
    value: float


class InHand:
    """One solve, as far as it has come.

    Parameters
    ----------
    problem : its ranges are added once they are known
    options : gap, time limit, threads, seed, watcher

    Attributes
    ----------
    book : the problem in blocks, in this process or in parts afar
    value : what is maximised; set once the payoff ranges are known
    at : D at the best prices
    bound : what no plan exceeds; inf while nothing is proven
    best : None while there is no plan
    proof : of a bound below that of the prices
    """

    book: Book
    value: Value
    at: Evaluation

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem = problem
        self.options = options
        self.left = clock(options)
        self.best: Incumbent | None = None
        self.bound = float("inf")
        self.prices: dict[str, float] = {}
        self.proof: SearchProof | None = None
        self.seconds = {"build": 0.0, "solve": 0.0}
        self._since = time.perf_counter()

    @property
    def gap(self) -> float:
        """How far the best plan may be from the optimum, relative; inf where there is none."""
        if self.best is None:
            return float("inf")
        return relative_gap(max(self.bound, self.best.value), self.best.value, self.problem)

    @property
    def is_proven(self) -> bool:
        """Whether the gap is no more than was asked for."""
        return self.gap <= self.options.gap

    @property
    def slack(self) -> float:
        """The asked gap, a little less, in the unit of the objective.

        A plan that is far from the bound, such as to lend nothing, does not say what the best one will be worth.
        """
        is_near = self.best is not None and self.bound - self.best.value <= _FAR * abs(self.bound)
        size = abs(self.best.value) if self.best is not None and is_near else abs(self.bound)
        return self.safe_gap * max(size, objective_scale(self.problem))

    @property
    def safe_gap(self) -> float:
        """The asked gap, a little less, relative."""
        return self.options.gap * _SAFETY

    @property
    def margin(self) -> float:
        """How much a choice may fall short of its enterprise's best in a plan better than the best one so far."""
        return float("inf") if self.best is None else self.at.bound - self.best.value

    @property
    def is_small(self) -> bool:
        """Whether the search is quicker than wider models for a plan."""
        return self.book.size <= SMALL

    def take(self, plan: Settlement) -> float:
        """Hold a plan against every row; keep it if it is the best. Return what it is worth, −inf if it is none."""
        tally = self.book.tally(plan)
        if tally.forgotten or tally.breaches(self.problem):
            return float("-inf")
        value = self.problem.value_of(tally.totals)
        if self.best is None or value > self.best.value:
            self.best = Incumbent(plan, value)
            self.tell("plan")
        return value

    def take_nothing(self) -> None:
        """Take the plan that lends to nobody, where it is one."""
        nobody = np.empty(0, dtype=np.int64)
        self.take(Settlement(None, self.value, nobody, nobody, np.empty(0)))

    def take_polished(
        self, core: Problem, positions: Indices, rate: Indices, line: Floats, prices: Floats | None
    ) -> float:
        """Put a core's plan, its lines exact, in place of what the prices alone say; return its value."""
        rate, line = polish(core, rate, line, self.quiet, seconds=self.left())
        return self.take(Settlement(prices, self.value, positions, rate, line))

    @property
    def quiet(self) -> Options:
        """The options without the watcher."""
        return replace(self.options, watch=None)

    def tell(self, stage: str) -> None:
        """Tell the watcher how far the solve is."""
        if self.options.watch is not None:
            value = None if self.best is None else self.best.value
            bound = self.bound if np.isfinite(self.bound) else None
            self.options.watch(Progress(stage, value, bound))

    def lap(self, stage: str) -> None:
        """Count the time since the last lap to a stage."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._since
        self._since = now
