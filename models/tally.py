"""What a plan adds up to: its measures, both sides of every row, and whether somebody who must be lent to is left out.

Everything is summed block by block (:mod:`lendplan.models.sums`), so that parts of a book can be summed where they
stand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lendplan.models import sums
from lendplan.models.measures import MEASURES, Floats, MeasureName
from lendplan.models.problem import TOLERANCE, Choice, Problem

_HEAD = len(MEASURES) + 1  # then two numbers a row


@dataclass(frozen=True)
class Tally:
    """The sums of a plan.

    Parameters
    ----------
    totals : each measure over the plan
    left, base, right : shape (rows,), a row's left side; what its share or rate is of, 0 where it states an amount;
        and its right side
    forgotten : how many with ``must: lend`` get nothing
    """

    totals: dict[MeasureName, float]
    left: Floats
    base: Floats
    right: Floats
    forgotten: int

    @property
    def funded(self) -> int:
        """How many are lent to."""
        return round(self.totals["count"])

    def breaches(self, problem: Problem) -> list[str]:
        """Return the names of the rows that the plan breaks, by more than 1e-9 × max(1, |right side|)."""
        sense = np.array([row.sense for row in problem.rows])
        holds = sense * (self.left - self.right) <= TOLERANCE * np.maximum(1.0, np.abs(self.right))
        return [row.name for row, held in zip(problem.rows, holds.tolist(), strict=True) if not held]


def tallied(problem: Problem, choice: Choice, block: int | None = None) -> list[Floats]:
    """Return the sums of each block of enterprises, (measures + 1 + 2 × rows,) each, for `tally` to add up."""
    step = sums.BLOCK if block is None else block
    spans = [slice(start, start + step) for start in range(0, problem.size, step)]
    found = [np.zeros(_HEAD + 2 * len(problem.rows)) for _ in spans]
    parts: dict[MeasureName, Floats] = {}
    for at, name in enumerate(MEASURES):
        parts[name] = choice.total(problem.measures[name])
        for one, sum_ in zip(found, sums.by_block(parts[name], step), strict=True):
            one[at] = sum_
    forgotten = problem.must_lend & ~choice.offered
    for one, span in zip(found, spans, strict=True):
        one[_HEAD - 1] = forgotten[span].sum()
        one[_HEAD:] = _sides(problem, parts, span, one)
    return found


def _sides(problem: Problem, parts: dict[MeasureName, Floats], span: slice, head: Floats) -> Floats:
    """Return left side and base of each row over some enterprises, one after the other."""
    known: dict[tuple[int, MeasureName], Floats] = {}

    def inside(at: int, name: MeasureName) -> float:
        members = problem.rows[at].members
        if members is None:
            return float(head[MEASURES.index(name)])
        key = (id(members.codes), name)
        if key not in known:
            known[key] = np.asarray(
                np.bincount(members.codes[span] + 1, weights=parts[name][span]), dtype=np.float64
            )
        groups = known[key]
        return float(groups[members.code + 1]) if members.code + 1 < len(groups) else 0.0

    sides = np.zeros(2 * len(problem.rows))
    for at, row in enumerate(problem.rows):
        if row.measure == "average_rate":
            sides[2 * at : 2 * at + 2] = inside(at, "interest"), inside(at, "exposure")
        else:
            whole = 0.0 if row.share is None else head[MEASURES.index(row.measure)]
            sides[2 * at : 2 * at + 2] = inside(at, row.measure), whole
    return sides


def tally(problem: Problem, blocks: Iterable[Floats]) -> Tally:
    """Add up the blocks of a plan, exactly.

    Parameters
    ----------
    problem : its rows are asked for, not its enterprises
    blocks : as `tallied` gives them
    """
    listed = [block.tolist() for block in blocks]
    width = _HEAD + 2 * len(problem.rows)
    whole = (
        np.array([math.fsum(column) for column in zip(*listed, strict=True)]) if listed else np.zeros(width)
    )
    left, base = whole[_HEAD::2], whole[_HEAD + 1 :: 2]
    right = [
        row.amount if row.rate is None and row.share is None else (row.rate or row.share or 0.0) * of
        for row, of in zip(problem.rows, base.tolist(), strict=True)
    ]
    totals = dict(zip(MEASURES, whole.tolist(), strict=False))
    return Tally(totals, left, base, np.array(right), int(whole[_HEAD - 1]))


def tally_of(problem: Problem, choice: Choice) -> Tally:
    """Return the sums of a plan of a problem."""
    return tally(problem, tallied(problem, choice))
