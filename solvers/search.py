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
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.core import Choices, Valued, valued
from lendplan.solvers.engine import SolverError
from lendplan.solvers.result import Branch, Branched
from lendplan.solvers.rowtable import Value

Mask = NDArray[np.bool_]

_WHOLE = 1e-7  # of an enterprise: less than this on a second rate is one rate
_TRIAL_STEPS = 20  # of the simplex method, to try a split
_TINY = 1e-10
_LOOSE = 60  # settled enterprises whose lines take part in the linear problem


@dataclass(frozen=True)
class Searched:
    """What a search has shown: no plan of the core is worth more than ``bound``."""

    bound: float
    leaves: tuple[Branched, ...]
    fixings: tuple[Branched, ...]
    nodes: int
    complete: bool


@dataclass(frozen=True)
class Node:
    """A part of the core that is still to be looked at."""

    columns: Mask  # (c,) which columns may be used
    decline: Mask  # (q,) which open enterprises may decline
    bound: float
    prices: Floats  # that prove the bound
    branches: tuple[Branch, ...] = ()


@dataclass
class _Trials:
    """What splits of one enterprise have cost, per unit of what they moved: the lower half, the upper half."""

    lower: float
    upper: float


class Columns:
    """The columns of the linear problem: the open enterprises' choices, and stretches of the settled ones' lines."""

    def __init__(self, core: Problem, choices: Choices, value: Value, prices: Floats) -> None:
        stretch = choices.largest - choices.least
        stepped = core.line_step[choices.owner] > 0
        is_open = choices.open[choices.owner] | (stepped & (stretch > 0))
        self.core = core
        self.open = np.unique(choices.owner[is_open])  # (q,) positions of the open enterprises
        position = np.full(core.size, -1, dtype=np.int64)
        position[self.open] = np.arange(len(self.open))

        owner, rate, line = _points(core, choices, np.flatnonzero(is_open))
        self.owner, self.rate, self.line = position[owner], rate, line
        self.stepped = core.line_step[self.open] > 0
        self.may_decline = choices.may_decline[self.open]
        terms = valued(core, owner, rate, value)
        self.worth, self.use = terms.worth(line), terms.use(line)

        alone = np.flatnonzero(~is_open)  # settled enterprises that are lent to
        self.alone_owner, self.alone_rate = choices.owner[alone], choices.rate[alone]
        self.alone_least, self.alone_stretch = choices.least[alone], stretch[alone]
        settled = valued(core, self.alone_owner, self.alone_rate, value)
        self.settled: Valued = settled
        self.base_worth = float(settled.worth(self.alone_least).sum())
        self.base_use = settled.use(self.alone_least).sum(axis=1)
        self.more_worth = settled.worth_line * self.alone_stretch
        self.more_use = settled.use_line * self.alone_stretch
        # Most settled lines stay at their better end in any plan worth having: only those that give way for the
        # least enter the linear problem. The bound of a part counts all of them, so it is none the weaker.
        net = self.more_worth - prices @ self.more_use
        self.better_end = (net > 0).astype(np.float64)
        per_line = np.abs(net) / np.maximum(self.alone_stretch, 1e-300)
        order = np.argsort(per_line, kind="stable")
        self.loose = np.sort(order[: min(_LOOSE, len(order))])
        tight = np.setdiff1d(np.arange(len(net)), self.loose)
        self.tight_worth = self.base_worth + float(self.more_worth[tight] @ self.better_end[tight])
        self.tight_use = self.base_use + self.more_use[:, tight] @ self.better_end[tight]

    @property
    def size(self) -> int:
        """Number of columns of open enterprises."""
        return len(self.owner)

    def bound(self, node: Node, prices: Floats, right: Floats) -> float:
        """Return D of a part at some prices; −inf where an enterprise has no choice left."""
        net = np.where(node.columns, self.worth - prices @ self.use, -np.inf)
        best = np.where(node.decline, 0.0, -np.inf)
        np.maximum.at(best, self.owner, net)
        alone = np.maximum(self.more_worth - prices @ self.more_use, 0.0).sum()
        return float(best.sum() + alone + self.base_worth + prices @ (right - self.base_use))


def _points(core: Problem, choices: Choices, some: Indices) -> tuple[Indices, Indices, Floats]:
    """Return the ends of each stretch of lines, or every step of it where lines have steps."""
    owners, rates, lines = [], [], []
    for at in some.tolist():
        owner, least, largest = int(choices.owner[at]), float(choices.least[at]), float(choices.largest[at])
        step = float(core.line_step[owner])
        if largest <= least:
            ends = [largest]
        elif step > 0:
            ends = [least + step * j for j in range(round((largest - least) / step) + 1)]
        else:
            ends = [least, largest]
        owners += [owner] * len(ends)
        rates += [int(choices.rate[at])] * len(ends)
        lines += ends
    return np.array(owners, dtype=np.int64), np.array(rates, dtype=np.int64), np.array(lines)


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
        self._lp = _Relaxation(self.columns, self.right, self.sense, self.prices)

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
        mixed = _Mixed(self.columns, solved.x)
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


@dataclass(frozen=True)
class Split:
    """A split of one open enterprise; ``below`` of the mixture lies in the lower half."""

    owner: int  # position among the open ones
    rate: int | None  # the lower half: declines, or a rate up to this position (−1: declines)
    line: float | None  # or, where lines have steps, a line up to this
    below: float

    def halves(self, columns: Columns, node: Node) -> tuple[Node, Node]:
        """Return the lower and the upper half of a part."""
        own = columns.owner == self.owner
        lower_decline, upper_decline = node.decline.copy(), node.decline.copy()
        upper_decline[self.owner] = False
        who = str(columns.core.enterprise[columns.open[self.owner]])
        if self.rate is not None:
            high = own & (columns.rate > self.rate)
            at = float(columns.core.rates[self.rate]) if self.rate >= 0 else None
            words = ((who, "at_most", at), (who, "above", at))
        else:
            assert self.line is not None
            high = own & (columns.line > self.line)
            words = (
                (who, "line_at_most", self.line),
                (who, "line_at_least", float(columns.line[high].min())),
            )
        low = own & ~high

        def half(without: Mask, decline: Mask, word: Branch) -> Node:
            return Node(node.columns & ~without, decline, node.bound, node.prices, (*node.branches, word))

        return half(high, lower_decline, words[0]), half(low, upper_decline, words[1])


class _Mixed:
    """A point of the relaxation, enterprise by enterprise."""

    def __init__(self, columns: Columns, x: Floats) -> None:
        self.columns, self.x = columns, x
        self.nothing = 1.0 - np.bincount(columns.owner, weights=x, minlength=len(columns.open))

    def candidates(self) -> list[Split]:
        """Return a split for each enterprise that is of two minds."""
        found = []
        columns, x = self.columns, self.x
        used = np.flatnonzero(x > _WHOLE)
        for owner in np.unique(columns.owner[used]).tolist():
            mine = used[columns.owner[used] == owner]
            rates = columns.rate[mine]
            nothing = float(self.nothing[owner])
            if nothing > _WHOLE or rates.min() < rates.max():
                weights = {-1: nothing} if nothing > _WHOLE else {}
                for rate, weight in zip(rates.tolist(), x[mine].tolist(), strict=True):
                    weights[rate] = weights.get(rate, 0.0) + weight
                places = sorted(weights)
                up_to = np.cumsum([weights[place] for place in places])[:-1]
                at = int(np.argmin(np.abs(up_to - 0.5)))
                found.append(Split(owner, places[at], None, float(np.clip(up_to[at], _WHOLE, 1 - _WHOLE))))
            elif columns.stepped[owner] and len(mine) > 1:
                line = float(columns.line[mine] @ x[mine])
                under = columns.line[mine][columns.line[mine] <= line].max()
                below = float(x[mine][columns.line[mine] <= line].sum())
                found.append(Split(owner, None, float(under), min(max(below, _WHOLE), 1 - _WHOLE)))
        return found

    def plan(self, stretch: Floats) -> tuple[Indices, Floats]:
        """Return rates and lines of the whole core, where nobody is of two minds."""
        columns = self.columns
        rate, line = np.full(columns.core.size, -1, dtype=np.int64), np.zeros(columns.core.size)
        rate[columns.alone_owner] = columns.alone_rate
        part = columns.better_end.copy()
        part[columns.loose] = stretch
        line[columns.alone_owner] = columns.alone_least + part * columns.alone_stretch
        for at in np.flatnonzero(self.x > _WHOLE).tolist():
            who = columns.open[columns.owner[at]]
            rate[who] = columns.rate[at]
            line[who] += self.x[at] * columns.line[at]
        return rate, line


@dataclass(frozen=True)
class _Solved:
    x: Floats  # (c,)
    stretch: Floats  # of the loose ones' lines, 0 to 1
    prices: Floats  # (rows,)
    is_strained: bool  # whether a row was broken at a fine


class _Relaxation:
    """The linear problem of the parts, kept in HiGHS from one part to the next.

    A row may be broken at a fine far above its price, so that a part without any plan is closed by prices like any
    other, and not by a ray.
    """

    def __init__(self, columns: Columns, right: Floats, sense: Floats, prices: Floats) -> None:
        self._columns = columns
        rows, c, s, q = len(right), columns.size, len(columns.loose), len(columns.open)
        use = np.concatenate([columns.use, columns.more_use[:, columns.loose]], axis=1)
        self._row = 1.0 / np.maximum(np.abs(use).max(axis=1, initial=0.0), 1e-9)
        worth = np.concatenate([columns.worth, columns.more_worth[columns.loose]])
        self._unit = 1.0 / max(float(np.abs(worth).max(initial=0.0)), 1e-300)
        typical = float(np.abs(worth).mean()) * self._row if len(worth) else self._row
        self._fines = 100.0 * np.maximum(np.abs(prices), typical)
        self._rows, self._first_fine = rows, c + s
        self._bounds = (np.ones(c, dtype=bool), columns.may_decline.copy())
        total = c + s + rows
        matrix = np.zeros((rows + q, total))
        matrix[:rows, : c + s] = use * self._row[:, None]
        matrix[rows + columns.owner, np.arange(c)] = 1.0
        matrix[np.arange(rows), c + s + np.arange(rows)] = -sense
        limit = (right - columns.tight_use) * self._row
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = total, rows + q
        model.sense_ = highspy.ObjSense.kMaximize
        model.col_cost_ = np.concatenate([worth * self._unit, -self._fine_costs()])
        model.col_lower_ = np.zeros(total)
        model.col_upper_ = np.concatenate([np.ones(c + s), np.full(rows, np.inf)])
        model.row_lower_ = np.concatenate(
            [np.where(sense < 0, limit, -np.inf), np.where(columns.may_decline, 0.0, 1.0)]
        )
        model.row_upper_ = np.concatenate([np.where(sense > 0, limit, np.inf), np.ones(q)])
        column, row = np.nonzero(matrix.T)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.searchsorted(column, np.arange(total + 1)).astype(np.int32)
        model.a_matrix_.index_ = row.astype(np.int32)
        model.a_matrix_.value_ = matrix[row, column]
        self._highs = highspy.Highs()
        for option, setting in (
            ("output_flag", False),
            ("presolve", "off"),  # no number of threads: HiGHS refuses another than ran before in this thread
            ("primal_feasibility_tolerance", 1e-10),
            ("dual_feasibility_tolerance", 1e-10),
        ):
            self._highs.setOptionValue(option, setting)
        if not all(np.all(np.isfinite(part)) for part in (matrix, worth, limit)):
            raise SolverError("the core holds NaN or inf; it is not passed to the solver")
        self._highs.passModel(model)

    def _fine_costs(self) -> Floats:
        return np.asarray(self._fines / self._row * self._unit)

    def raise_fines(self) -> None:
        """Make breaking a row a hundred times dearer."""
        self._fines = 100.0 * self._fines
        costs = -self._fine_costs()
        for r in range(self._rows):
            self._highs.changeColCost(self._first_fine + r, float(costs[r]))

    def _set(self, node: Node) -> None:
        columns, decline = self._bounds
        changed = np.flatnonzero(columns != node.columns).astype(np.int32)
        if len(changed):
            self._highs.changeColsBounds(
                len(changed), changed, np.zeros(len(changed)), np.where(node.columns[changed], 1.0, 0.0)
            )
        for q in np.flatnonzero(decline != node.decline).tolist():
            self._highs.changeRowBounds(self._rows + q, 0.0 if node.decline[q] else 1.0, 1.0)
        self._bounds = (node.columns, node.decline)

    def tried(self, node: Node, offset: float) -> float:
        """Return about what a part is worth at most, after a few steps of the simplex method."""
        self._set(node)
        self._highs.setOptionValue("simplex_iteration_limit", _TRIAL_STEPS)
        self._highs.run()
        self._highs.setOptionValue("simplex_iteration_limit", highspy.kHighsIInf)
        if self._highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            return -np.inf
        value: float = self._highs.getInfo().objective_function_value
        return value / self._unit + self._columns.tight_worth + offset

    def solve(self, node: Node) -> _Solved:
        """Solve the relaxation of a part."""
        self._set(node)
        self._highs.run()
        status: Any = self._highs.getModelStatus()
        c = self._columns.size
        if status == highspy.HighsModelStatus.kInfeasible:  # an enterprise without a choice: any prices do
            return _Solved(np.zeros(c), np.zeros(len(self._columns.loose)), np.zeros(self._rows), False)
        if status != highspy.HighsModelStatus.kOptimal:  # try again without what it remembers of other parts
            self._highs.clearSolver()
            self._highs.run()
        # Any prices prove a bound, so a point that HiGHS does not vouch for costs time at most.
        solution = self._highs.getSolution()
        x = np.array(solution.col_value)
        if not (np.all(np.isfinite(x)) and np.all(np.isfinite(solution.row_dual))):
            raise SolverError("HiGHS returned NaN or inf")
        prices = np.array(solution.row_dual)[: self._rows] * self._row / self._unit
        fines = x[self._first_fine :]
        return _Solved(x[:c], x[c : self._first_fine], prices, bool(fines.max(initial=0.0) > 1e-9))
