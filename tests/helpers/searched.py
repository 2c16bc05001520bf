"""What a search claims, checked choice by choice: its leaves hold every plan, and none is worth more than the bound."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lendplan.models.measures import Floats
from lendplan.models.problem import Problem
from lendplan.solvers.result import Branch, Result

Lines = list[float]
"""Lines of which the best is the best of all: the two ends of a stretch, or every step."""


@dataclass
class Left:
    """What is left to one enterprise: whether it may decline, and lines by rate."""

    decline: bool
    lines: dict[int, Lines]


def lines_of(problem: Problem, i: int) -> Lines:
    low, high, step = (float(part[i]) for part in (problem.line_min, problem.line_max, problem.line_step))
    if step > 0:
        return [step * j for j in range(round(low / step), round(high / step) + 1)]
    return [low, high] if low < high else [high]


def everything(problem: Problem) -> list[Left]:
    return [
        Left(
            not problem.must_lend[i],
            {
                k: lines_of(problem, i)
                for k in range(int(problem.first_rate[i]), int(problem.last_rate[i]) + 1)
            },
        )
        for i in range(problem.size)
    ]


class Priced:
    """Every choice's worth at some prices, (n, m) each: per line, and per loan."""

    def __init__(self, problem: Problem, prices: Floats) -> None:
        n, m = problem.size, len(problem.rates)
        self._stepped = problem.line_step > 0
        form = problem.value_form
        for row, price in zip(problem.rows, prices.tolist(), strict=True):
            form = form - problem.row_form(row) * price
        pair = problem.coefficients(form, np.repeat(np.arange(n), m), np.tile(np.arange(m), n))
        self.line, self.loan = (part.reshape(n, m) for part in pair)
        right = np.array([row.amount for row in problem.rows])
        self.constant = float(prices @ right) + problem.scalarisation.constant

    def at_rate(self, i: int, k: int, lines: Lines) -> float:
        return max(float(self.line[i, k]) * line for line in lines) + float(self.loan[i, k])

    def best(self, i: int, left: Left) -> float:
        worth = [self.at_rate(i, k, lines) for k, lines in left.lines.items() if lines]
        return max([*worth, *([0.0] if left.decline else []), float("-inf")])

    def bound(self, left: Sequence[Left]) -> float:
        """Return D over what is left; −inf where an enterprise has no choice."""
        return sum((self.best(i, one) for i, one in enumerate(left)), start=self.constant)

    def dropped(self, left: Sequence[Left], bound: float, *, lines: bool = False) -> list[Left]:
        """Drop each choice with which nobody reaches more than ``bound``; ``lines``: each single line, too."""
        total = self.bound(left)
        if not np.isfinite(total):
            return list(left)
        kept = []
        for i, one in enumerate(left):
            rest = total - self.best(i, one)
            rates = {k: ls for k, ls in one.lines.items() if ls and rest + self.at_rate(i, k, ls) > bound}
            if lines:
                rates = {k: self._cut(i, k, ls, bound - rest) for k, ls in rates.items()}
            kept.append(Left(one.decline and rest > bound, rates))
        return kept

    def _cut(self, i: int, k: int, lines: Lines, least: float) -> Lines:
        """Return the lines that are worth at least ``least``."""
        v, loan = float(self.line[i, k]), float(self.loan[i, k])
        if self._stepped[i] or len(lines) != 2 or v == 0:
            return [line for line in lines if v * line + loan >= least]
        end = (least - loan) / v
        low, high = lines
        return [max(low, end), high] if v > 0 else [low, min(high, end)]


def prices_of(problem: Problem, prices: Mapping[str, float]) -> Floats:
    return np.array([prices[row.name] for row in problem.rows])


def dual_bound(problem: Problem, prices: Mapping[str, float]) -> float:
    """Return D at the prices by looking at every choice."""
    return Priced(problem, prices_of(problem, prices)).bound(everything(problem))


def branched(problem: Problem, left: Sequence[Left], branch: Branch) -> list[Left]:
    who, how, at = branch
    out = list(left)
    i = int(np.flatnonzero(problem.enterprise == who)[0])
    one = left[i]
    rates = problem.rates
    step = float(problem.line_step[i])
    near = 1e-9 * max(step, 1.0)
    if how == "at_most":
        out[i] = Left(
            one.decline, {k: ls for k, ls in one.lines.items() if at is not None and rates[k] <= at}
        )
    elif how == "above":
        out[i] = Left(False, {k: ls for k, ls in one.lines.items() if at is None or rates[k] > at})
    elif how == "line_at_most":
        assert at is not None
        out[i] = Left(one.decline, {k: [x for x in ls if x <= at + near] for k, ls in one.lines.items()})
    else:
        assert at is not None
        assert how == "line_at_least"
        out[i] = Left(False, {k: [x for x in ls if x >= at - near] for k, ls in one.lines.items()})
    return out


def uncovered(problem: Problem, leaves: Sequence[tuple[Branch, ...]]) -> str:
    """Return what the leaves leave out, '' for nothing: a binary tree by their common beginnings."""
    if any(not leaf for leaf in leaves):
        return "" if len(leaves) == 1 else "a leaf above others"
    firsts = sorted({leaf[0] for leaf in leaves}, key=str)
    if len(firsts) != 2:
        return f"{firsts}: not two sides"
    one, other = firsts
    if not _complement(problem, one, other):
        return f"{one} and {other} do not complement each other"
    for side in firsts:
        found = uncovered(problem, [leaf[1:] for leaf in leaves if leaf[0] == side])
        if found:
            return f"{side}: {found}"
    return ""


def _complement(problem: Problem, one: Branch, other: Branch) -> bool:
    if one[0] != other[0]:
        return False
    how = {one[1]: one[2], other[1]: other[2]}
    if set(how) == {"at_most", "above"}:
        return one[2] == other[2]
    if set(how) != {"line_at_most", "line_at_least"}:
        return False
    i = int(np.flatnonzero(problem.enterprise == one[0])[0])
    most, least = how["line_at_most"], how["line_at_least"]
    assert most is not None
    assert least is not None
    near = 1e-9 * max(1.0, float(problem.line_step[i]))
    return problem.line_step[i] > 0 and not any(
        most + near < line < least - near for line in lines_of(problem, i)
    )


def faults_of(result: Result, *, lines: bool = False) -> list[str]:
    """Return what is wrong with a result's proof of its bound; none where it holds."""
    problem, bound, proof = result.problem, result.bound, result.proof
    assert bound is not None
    slack = (
        1e-9 * max(1.0, abs(bound)) if problem.objective.kind == "weighted" else 1e-9 * abs(bound) + 1e-300
    )
    if proof is None:
        found = dual_bound(problem, result.prices)
        return [] if found <= bound + slack else [f"D is {found!r}, above the bound {bound!r}"]
    faults = []
    gap = uncovered(problem, [leaf.branches for leaf in proof.leaves])
    if gap:
        faults.append(gap)
    root = Priced(problem, prices_of(problem, result.prices)).dropped(everything(problem), bound, lines=lines)
    for number, leaf in enumerate(proof.leaves):
        left = root
        for depth in range(len(leaf.branches) + 1):
            if depth:
                left = branched(problem, left, leaf.branches[depth - 1])
            for fixing in proof.fixings:
                if fixing.branches == leaf.branches[:depth]:
                    left = Priced(problem, fixing.prices).dropped(left, bound, lines=lines)
        found = Priced(problem, leaf.prices).bound(left)
        if found > bound + slack:
            faults.append(
                f"leaf {number} {leaf.branches}: D is {found!r}, above {bound!r} by {found - bound:.3g}"
            )
    return faults


def plans_left_out(problem: Problem, leaves: Sequence[tuple[Branch, ...]]) -> int:
    """Count the plans, at the lines of which the best is the best of all, that lie in no leaf or in several."""
    start = everything(problem)
    parts = []
    for leaf in leaves:
        left = start
        for branch in leaf:
            left = branched(problem, left, branch)
        parts.append(left)
    wrong = 0
    options = [
        [*([(-1, 0.0)] if one.decline else []), *((k, x) for k, ls in one.lines.items() for x in ls)]
        for one in start
    ]
    for plan in itertools.product(*options):
        held = sum(
            all(
                one.decline if k < 0 else x in one.lines.get(k, [])
                for (k, x), one in zip(plan, part, strict=True)
            )
            for part in parts
        )
        wrong += held != 1
    return wrong
