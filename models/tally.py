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
from lendplan.models.measures import MEASURES, Floats, Indices, MeasureName
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


def spans(size: int, block: int | None = None) -> list[slice]:
    """Return the blocks of a book, ``BLOCK`` enterprises each unless given."""
    step = sums.BLOCK if block is None else block
    return [slice(start, min(start + step, size)) for start in range(0, size, step)]


def tallied(problem: Problem, choice: Choice, span: slice) -> Floats:
    """Return the sums of one block of enterprises, (measures + 1 + 2 × rows,), for `tally` to add up.

    Parameters
    ----------
    choice : of the block's enterprises
    span : which they are
    """
    found = np.zeros(_HEAD + 2 * len(problem.rows))
    found[_HEAD - 1] = np.count_nonzero(problem.must_lend[span] & ~choice.offered)
    if not choice.offered.any():
        return found
    parts = {name: choice.total(problem.measures[name].among(span)) for name in MEASURES}
    found[: len(MEASURES)] = [part.sum() for part in parts.values()]
    lent = np.flatnonzero(choice.offered)
    found[_HEAD:] = _sides(problem, {name: part[lent] for name, part in parts.items()}, span, lent, found)
    return found


def _sides(
    problem: Problem, parts: dict[MeasureName, Floats], span: slice, lent: Indices, head: Floats
) -> Floats:
    """Return left side and base of each row over those of a block that are lent to, one after the other."""
    known: dict[tuple[int, MeasureName], Floats] = {}

    def inside(at: int, name: MeasureName) -> float:
        members = problem.rows[at].members
        if members is None:
            return float(head[MEASURES.index(name)])
        key = (id(members.codes), name)
        if key not in known:
            known[key] = np.asarray(
                np.bincount(members.codes[span][lent] + 1, weights=parts[name]), dtype=np.float64
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
    return tally(problem, [tallied(problem, choice.among(span), span) for span in spans(problem.size)])
