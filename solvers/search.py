r"""Branch and bound on the Lagrangian bound: the proof of the last digits, and its certificate.

The core is split by enterprise: "declines, or is lent to at a rate of at most r" on the one hand and "is lent to at a
rate above r" on the other (lines with steps are split likewise). That halves what is left of an enterprise, where
fixing one choice at a time would hardly change the other half. Each part's relaxation is a linear problem of one
row a limit and one an open enterprise, and its prices prove a bound for the part by themselves: a leaf of the tree
is a list of splits and one price a row, which anyone can check. Within a part choices are dropped by penalty.

Which enterprise is split: the one whose halves both lose most, as tried once and then remembered (pseudocosts with
one trial: Achterberg, Koch and Martin, Branching rules revisited, Operations Research Letters 33, 2005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.core import Choices
from lendplan.solvers.result import Branched
from lendplan.solvers.rowtable import Value
from lendplan.solvers.search_parts import Columns, Mixed, Node, Split
from lendplan.solvers.search_relaxation import PartsRelaxation

_TINY = 1e-10


@dataclass(frozen=True)
class Searched:
    """What a search has shown: no plan of the core is worth more than ``bound``."""

    bound: float
    leaves: tuple[Branched, ...]
    fixings: tuple[Branched, ...]
    nodes: int
    complete: bool


@dataclass
class _Trials:
    """What splits of one enterprise have cost, per unit of what they moved: the lower half, the upper half."""

    lower: float
    upper: float


@dataclass
class Search:
    """A search through the parts of a core.

    Parameters
    ----------
    core : the enterprises that are not settled for good; its rows' amounts are what is left to them
    choices : that are left to them
    value : what is maximised
    offset : what all others are worth, constant included
    prices : shape (rows,), the best prices
    bound : that they prove
    best : what the incumbent is worth
    slack : a part whose bound is within this of the incumbent is not looked at
    found : takes rates and lines (n,) of the core, and says what that plan is worth, −inf if it is none
    going : asked before each part; False ends the search
    """

    core: Problem
    choices: Choices
    value: Value
    offset: float
    prices: Floats
    bound: float
    best: float
    slack: float
    found: Callable[[Indices, Floats], float]
    going: Callable[[int], bool]
    nodes: int = 0
    _trials: dict[int, _Trials] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.right = np.array([row.amount for row in self.core.rows])
        self.sense = np.array([float(row.sense) for row in self.core.rows])
        self.columns = Columns(self.core, self.choices, self.value, self.prices)
        self._lp = PartsRelaxation(self.columns, self.right, self.sense, self.prices)

    def run(self) -> Searched:
        """Look at part after part, the better half first, until none is left or the time is up."""
        columns = self.columns
        stack = [Node(np.ones(columns.size, dtype=bool), columns.may_decline.copy(), self.bound, self.prices)]
        leaves: list[Branched] = []
        fixings: list[Branched] = []
        worst = -np.inf
        complete = True
        while stack:
            node = stack.pop()
            if complete and node.bound > self.best + self.slack:
                complete = self.going(self.nodes)
                if complete:
                    halves, closed = self._look_at(node, fixings)
                    stack += halves
                    if closed is None:
                        continue
                    node = closed
            leaves.append(Branched(node.branches, node.prices))
            worst = max(worst, node.bound)
        return Searched(max(worst, self.best), tuple(leaves), tuple(fixings), self.nodes, complete)

    def _look_at(self, node: Node, fixings: list[Branched]) -> tuple[list[Node], Node | None]:
        """Return the halves of a part, the better one last, or the part itself with the prices that close it."""
        self.nodes += 1
        solved = self._lp.solve(node)
        prices = np.where(self.sense > 0, np.maximum(solved.prices, 0.0), np.minimum(solved.prices, 0.0))
        proven = self.columns.bound(node, prices, self.right) + self.offset
        if proven > node.bound:  # by rounding, or a trial that was cut short
            proven, prices = node.bound, node.prices
        here = Node(node.columns, node.decline, proven, prices, node.branches)
        if proven <= self.best + self.slack:
            return [], here
        mixed = Mixed(self.columns, solved.x)
        candidates = mixed.candidates()
        if not candidates:
            rate, line = mixed.plan(solved.stretch)
            self.best = max(self.best, self.found(rate, line))
            if proven <= self.best + self.slack:
                return [], here
            if (
                solved.is_strained
            ):  # the rows hold only at a fine: no plan is here, and a higher fine will say so
                self._lp.raise_fines()
                return [here], None
            return [], here
        kept = self._dropped(here)
        if kept is not here:
            fixings.append(Branched(here.branches, here.prices))
        split = self._choose(kept, candidates, proven)
        lower, upper = split.halves(self.columns, kept)
        return ([lower, upper] if split.below < 0.5 else [upper, lower]), None

    def _dropped(self, node: Node) -> Node:
        """Drop the choices that cost more than the part is above the incumbent."""
        margin = node.bound - self.best
        columns = self.columns
        net = np.where(node.columns, columns.worth - node.prices @ columns.use, -np.inf)
        best = np.where(node.decline, 0.0, -np.inf)
        np.maximum.at(best, columns.owner, net)
        penalty = best[columns.owner] - net
        # The two ends of a stretch of lines stay or go together.
        rate_key = columns.owner * (len(self.core.rates) + 1) + columns.rate
        _, group = np.unique(rate_key, return_inverse=True)
        least = np.full(group.max(initial=-1) + 1, np.inf)
        np.minimum.at(least, group, penalty)
        cost = np.where(columns.stepped[columns.owner], penalty, least[group])
        kept = node.columns & (cost <= margin + _TINY * abs(node.bound))
        decline = node.decline & (best <= margin + _TINY * abs(node.bound))
        if kept.sum() == node.columns.sum() and decline.sum() == node.decline.sum():
            return node
        return Node(kept, decline, node.bound, node.prices, node.branches)

    def _choose(self, node: Node, candidates: list[Split], bound: float) -> Split:
        """Return the split whose halves both lose most."""
        room = min(max(bound - self.best, _TINY), 1.0 + abs(bound))

        def score(split: Split) -> float:
            trials = self._trials.get(split.owner)
            if trials is None:
                lower, upper = (
                    max(bound - self._lp.tried(half, self.offset), 0.0)
                    for half in split.halves(self.columns, node)
                )
                trials = _Trials(lower / (1.0 - split.below), upper / split.below)
                self._trials[split.owner] = trials
            lower, upper = trials.lower * (1.0 - split.below), trials.upper * split.below
            return max(min(lower, room), _TINY * room) * max(min(upper, room), _TINY * room)

        return max(candidates, key=score)
