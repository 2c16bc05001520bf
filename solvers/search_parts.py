"""What a search splits: parts of a core, the columns that stand for its choices, and points between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.core import Choices, Valued, valued
from lendplan.solvers.result import Branch
from lendplan.solvers.rowtable import Value

Mask = NDArray[np.bool_]

WHOLE = 1e-7  # of an enterprise: less than this on a second rate is one rate
_LOOSE = 60  # settled enterprises whose lines take part in the linear problem


@dataclass(frozen=True)
class Node:
    """A part of the core that is still to be looked at."""

    columns: Mask  # (c,) which columns may be used
    decline: Mask  # (q,) which open enterprises may decline
    bound: float
    prices: Floats  # that prove the bound
    branches: tuple[Branch, ...] = ()


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


class Mixed:
    """A point of the relaxation, enterprise by enterprise."""

    def __init__(self, columns: Columns, x: Floats) -> None:
        self.columns, self.x = columns, x
        self.nothing = 1.0 - np.bincount(columns.owner, weights=x, minlength=len(columns.open))

    def candidates(self) -> list[Split]:
        """Return a split for each enterprise that is of two minds."""
        found = []
        columns, x = self.columns, self.x
        used = np.flatnonzero(x > WHOLE)
        for owner in np.unique(columns.owner[used]).tolist():
            mine = used[columns.owner[used] == owner]
            rates = columns.rate[mine]
            nothing = float(self.nothing[owner])
            if nothing > WHOLE or rates.min() < rates.max():
                weights = {-1: nothing} if nothing > WHOLE else {}
                for rate, weight in zip(rates.tolist(), x[mine].tolist(), strict=True):
                    weights[rate] = weights.get(rate, 0.0) + weight
                places = sorted(weights)
                up_to = np.cumsum([weights[place] for place in places])[:-1]
                at = int(np.argmin(np.abs(up_to - 0.5)))
                found.append(Split(owner, places[at], None, float(np.clip(up_to[at], WHOLE, 1 - WHOLE))))
            elif columns.stepped[owner] and len(mine) > 1:
                line = float(columns.line[mine] @ x[mine])
                under = columns.line[mine][columns.line[mine] <= line].max()
                below = float(x[mine][columns.line[mine] <= line].sum())
                found.append(Split(owner, None, float(under), min(max(below, WHOLE), 1 - WHOLE)))
        return found

    def plan(self, stretch: Floats) -> tuple[Indices, Floats]:
        """Return rates and lines of the whole core, where nobody is of two minds."""
        columns = self.columns
        rate, line = np.full(columns.core.size, -1, dtype=np.int64), np.zeros(columns.core.size)
        rate[columns.alone_owner] = columns.alone_rate
        part = columns.better_end.copy()
        part[columns.loose] = stretch
        line[columns.alone_owner] = columns.alone_least + part * columns.alone_stretch
        for at in np.flatnonzero(self.x > WHOLE).tolist():
            who = columns.open[columns.owner[at]]
            rate[who] = columns.rate[at]
            line[who] += self.x[at] * columns.line[at]
        return rate, line
