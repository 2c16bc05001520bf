"""The leaves and fixings of a small book in fractions: what the certificate's walk of the tree is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from by_fractions import ExactBook

Lines = tuple[Fraction, Fraction]
State = list[tuple[bool, dict[int, Lines]]]
"""For each enterprise whether it may decline, and the ends of the line at each rate that is left."""
Node = Mapping[str, Any]
"""A leaf or a fixing: choices and prices."""


def everything(exact: ExactBook, branches: Sequence[Any] = ()) -> State:
    """Return what branches leave of all choices."""
    found: State = []
    for i in range(exact.n):
        left = exact.choices(i, branches)
        lines: dict[int, list[Fraction]] = {}
        for one in left:
            if one is not None:
                lines.setdefault(one[0], []).append(one[1])
        found.append((None in left, {k: (min(ends), max(ends)) for k, ends in lines.items()}))
    return found


def both(one: State, other: State) -> State:
    """Return the choices that are left in both."""
    found: State = []
    for (a, ours), (b, theirs) in zip(one, other, strict=True):
        lines = {
            k: (max(ours[k][0], theirs[k][0]), min(ours[k][1], theirs[k][1]))
            for k in ours.keys() & theirs.keys()
        }
        found.append((a and b, {k: ends for k, ends in lines.items() if ends[0] <= ends[1]}))
    return found


def dual(exact: ExactBook, state: State, prices: Mapping[str, float]) -> Fraction | None:
    """Return D over what is left; None for −infinity."""
    found = sum((Fraction(prices.get(name, 0.0)) * right for name, _, _, right in exact.rows), exact.constant)
    for i in range(exact.n):
        worths = _worths(exact, state, i, prices)
        if not worths:
            return None
        found += max(worths)
    return found


def _worths(exact: ExactBook, state: State, i: int, prices: Mapping[str, float]) -> list[Fraction]:
    may_decline, lines = state[i]
    ends = [exact.priced(i, (k, line), prices) for k, pair in lines.items() for line in pair]
    return ends + [Fraction(0)] * may_decline


def fixed(
    exact: ExactBook, state: State, prices: Mapping[str, float], claimed: float, *, cuts_lines: bool = True
) -> State:
    """Return what a fixing leaves: choices that allow more than the claim, and lines that do, rounded outward."""
    whole = dual(exact, state, prices)
    if whole is None:
        return state
    found: State = []
    for i, (may_decline, lines) in enumerate(state):
        limit = Fraction(claimed) - whole + max(_worths(exact, state, i, prices))
        kept: dict[int, Lines] = {}
        for k, ends in lines.items():
            low, high = ends
            if max(exact.priced(i, (k, line), prices) for line in (low, high)) <= limit:
                continue
            fixed_part = exact.priced(i, (k, Fraction(0)), prices)
            v = exact.priced(i, (k, Fraction(1)), prices) - fixed_part
            if cuts_lines and v > 0:
                low = max(low, _outward(exact, i, (limit - fixed_part) / v, -1))
            elif cuts_lines and v < 0:
                high = min(high, _outward(exact, i, (limit - fixed_part) / v, 1))
            if low <= high:
                kept[k] = (low, high)
        found.append((may_decline and limit < 0, kept))
    return found


def _outward(exact: ExactBook, i: int, line: Fraction, way: int) -> Fraction:
    """Return the double next to a line on the way, or the last whole step that stays."""
    step = exact.cell(i, "line_step")
    if step:
        return (math.floor if way > 0 else math.ceil)(line / Fraction(step)) * Fraction(step)
    near = float(line)
    return Fraction(near if way * (Fraction(near) - line) >= 0 else math.nextafter(near, way * math.inf))


def bounds(
    exact: ExactBook,
    leaves: Sequence[Node],
    fixings: Sequence[Node],
    claimed: float,
    *,
    cuts_lines: bool = True,
) -> list[Fraction | None]:
    """Return D of each leaf over what its branches, and the fixings on its way, leave."""
    states: dict[str, State] = {}

    def state_at(path: list[Any]) -> State:
        key = repr(path)
        if key not in states:
            state = everything(exact)
            if path:
                state = both(state_at(path[:-1]), everything(exact, path))
            for one in fixings:
                if [list(branch) for branch in one["choices"]] == path:
                    state = fixed(exact, state, one["prices"], claimed, cuts_lines=cuts_lines)
            states[key] = state
        return states[key]

    return [dual(exact, state_at([list(one) for one in leaf["choices"]]), leaf["prices"]) for leaf in leaves]


def count(state: State) -> int:
    """Return the number of choices: declining, or a rate."""
    return sum(may_decline + len(lines) for may_decline, lines in state)
