"""What is left of all choices at a node of a search: rates, each with an interval of lines, and declining.

A pair is an enterprise and a rate that is left to it, with the ends of its line, counted in `Choices.line_unit`. Pairs
are held flat, ordered by enterprise and then by rate: after the first fixing there is hardly more than one for each
enterprise. Nothing here changes: a branch or a fixing makes new arrays for the enterprises that it concerns.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.applicants import STEP_TOLERANCE
from lendplan.certify.choices import Choices
from lendplan.certify.exact import Floats
from lendplan.certify.leaves import Branch

Indices = NDArray[np.int64]
BLOCK = 1 << 18
"""Most (set of prices, enterprise, rate) triples that are looked at together."""


@dataclass(frozen=True)
class Part:
    """What is left to the eligible enterprises of a block, e of them, in p pairs.

    Parameters
    ----------
    place
        The block among the eligible.
    owner
        Place of each pair's enterprise within the block, (p,).
    rate
        Place of its rate on the grid, (p,).
    low, high
        Ends of its line, counted in `unit`; low ≤ high, (p,).
    unit
        `Choices.line_unit`, (p,).
    retention
        The share who stay at the rate, (p,).
    may_decline
        Whether declining is left, (e,).
    """

    place: slice
    owner: Indices
    rate: Indices
    low: Floats
    high: Floats
    unit: Floats
    retention: Floats
    may_decline: NDArray[np.bool_]

    @cached_property
    def starts(self) -> Indices:
        """Place of the first pair of each enterprise that has one."""
        return np.flatnonzero(np.diff(self.owner, prepend=-1))

    @cached_property
    def is_void(self) -> bool:
        """Whether somebody has no choice left."""
        has = self.may_decline.copy()
        has[self.owner[self.starts]] = True
        return not has.all()

    @property
    def count(self) -> int:
        """Number of choices."""
        return len(self.owner) + int(self.may_decline.sum())

    def largest(self, numbers: Floats) -> Floats:
        """Return the largest of each enterprise's numbers, one for each pair; −inf where it has no pair, (e,)."""
        found = np.full(len(self.may_decline), -np.inf)
        if len(self.owner):
            found[self.owner[self.starts]] = np.maximum.reduceat(numbers, self.starts)
        return found

    def kept(
        self,
        is_kept: NDArray[np.bool_],
        may_decline: NDArray[np.bool_],
        low: Floats | None = None,
        high: Floats | None = None,
    ) -> "Part":
        """Return what is left with these pairs, and their lines cut to these ends."""
        low, high = self.low if low is None else low, self.high if high is None else high
        if is_kept.all():
            return replace(self, may_decline=may_decline, low=low, high=high)
        return Part(
            self.place,
            self.owner[is_kept],
            self.rate[is_kept],
            low[is_kept],
            high[is_kept],
            self.unit[is_kept],
            self.retention[is_kept],
            may_decline,
        )


class Whole:
    """All choices, made block by block each time they are looked at: of a large book they do not fit in memory."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def __iter__(self) -> Iterator[Part]:
        choices = self._choices
        a, rates = choices.applicants, len(choices.applicants.rates)
        step = max(1, BLOCK // rates)
        for start in range(0, len(choices.at), step):
            place = slice(start, min(start + step, len(choices.at)))
            size = place.stop - start
            owner, rate = np.repeat(np.arange(size), rates), np.tile(np.arange(rates), size)
            if choices.open_rates is not None:
                is_open = choices.open_rates[place].ravel()
                owner, rate = owner[is_open], rate[is_open]
            yield Part(
                place,
                owner,
                rate,
                choices.low_count[place][owner],
                choices.high_count[place][owner],
                choices.line_unit[place][owner],
                choices.retention[a.curve[choices.at[place]][owner], rate],
                choices.may_decline[place],
            )


Left = Iterable[Part]
"""What is left to everybody: `Whole`, or a tuple of parts. It can be looked at again and again."""


def branched(choices: Choices, left: Left, branch: Branch, i: int) -> tuple[Part, ...]:
    """Return what a branch leaves.

    Parameters
    ----------
    choices
        The enterprises.
    left
        Before it.
    branch
        A decision.
    i
        Place of its enterprise among the eligible.
    """
    return tuple(
        _branched(choices, part, branch, i) if part.place.start <= i < part.place.stop else part
        for part in left
    )


def _branched(choices: Choices, part: Part, branch: Branch, i: int) -> Part:
    own, at = i - part.place.start, branch.at
    first, last = np.searchsorted(part.owner, [own, own + 1]).tolist()
    mine = slice(first, last)
    is_kept, may_decline = np.ones(len(part.owner), dtype=bool), part.may_decline.copy()
    low, high = part.low, part.high
    rates = choices.applicants.rates[part.rate[mine]]
    if branch.how == "at_most":
        is_kept[mine] = (rates <= at) if at is not None else False
    elif branch.how == "above":
        is_kept[mine] = (rates > at) if at is not None else True
        may_decline[own] = False
    elif branch.how == "line_at_most":
        high = high.copy()
        high[mine] = np.minimum(high[mine], steps_down(choices, i, at or 0.0))
    else:
        low = low.copy()
        low[mine] = np.maximum(low[mine], steps_up(choices, i, at or 0.0))
        may_decline[own] &= at == 0
    is_kept[mine] &= low[mine] <= high[mine]  # else no line is left to lend
    return part.kept(is_kept, may_decline, low, high)


def steps_down(choices: Choices, i: int, line: float) -> float:
    """Return a line counted in the unit of an enterprise; where that has a step, the last whole one up to it."""
    if not choices.has_step[i]:
        return line
    return math.floor(line / float(choices.line_unit[i]) + STEP_TOLERANCE)


def steps_up(choices: Choices, i: int, line: float) -> float:
    """Return a line counted in the unit of an enterprise; where that has a step, the first whole one from it."""
    if not choices.has_step[i]:
        return line
    return math.ceil(line / float(choices.line_unit[i]) - STEP_TOLERANCE)
