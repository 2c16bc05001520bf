"""All methods on the same instances: time to a gap of 1e-4 and of 1e-9, memory, growth.

A gap counts against the least bound that any method has proven of the instance, D of the prices among them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from instances import binding, instance, is_easy
from judge import dual_bound
from measure import Settings
from measured import Laboratory, Measured, best_bound, gap_to, laboratory
from rivals import METHODS, PROVE_NOTHING

from lendplan.models.problem import Problem

SIZES = (100, 302, 1000, 5000, 20_000, 100_000, 1_000_000)
LIMITS = (2, 12, 200)
GAPS = (1e-4, 1e-9)
SECONDS = 300.0
QUICK_SIZES, QUICK_LIMITS, QUICK_SECONDS = (100, 302), (2, 12), 20.0
_COUNTED_BY_RELAXATION = 5000  # enterprises; beyond, the rows that have a price in our answer are counted
_ROUNDING = 1e-10
_PRICED = 1e-12


@dataclass(frozen=True)
class PeerRow:
    """One method, one instance, one gap. ``seconds`` is None where the gap was not reached."""

    size: int
    limits: int
    rows: int
    binding: int
    easy: str
    method: str
    gap: float
    outcome: str
    seconds: float | None = None
    times_ours: float | None = None
    reached: float | None = None  # the gap of the plan against the best bound of the run
    own_gap: float | None = None  # against the method's own bound
    megabytes: float | None = None
    value: float | None = None
    bound: float | None = None  # the best of the run

    def cells(self) -> dict[str, Any]:
        """Return column -> value."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    def text(self) -> str:
        """Return one line."""
        seconds = f"{self.seconds:9.3f} s" if self.seconds is not None else " " * 11
        times = f"{self.times_ours:9.1f} ×" if self.times_ours is not None else " " * 11
        reached = f"gap {self.reached:7.1e}" if self.reached is not None else " " * 11
        held = f"{self.megabytes:7,.0f} MB" if self.megabytes is not None else " " * 10
        return (
            f"{self.size:9,} {self.limits:4} limits, {self.binding:3} of {self.rows:3} rows bind {self.easy:4} "
            f"{self.method:19} to {self.gap:.0e} {seconds} {times}  {reached} {held}  {self.outcome}"
        )


@dataclass(frozen=True)
class Growth:
    """The exponent b of seconds = a · size^b, fitted by least squares on the logarithms."""

    limits: int
    method: str
    gap: float
    exponent: float
    sizes: str

    def cells(self) -> dict[str, Any]:
        """Return column -> value."""
        own = {column.name: getattr(self, column.name) for column in fields(self)}
        return {**own, "outcome": f"growth over {own.pop('sizes')}"}

    def text(self) -> str:
        """Return one line."""
        about = f"{self.limits} limits, {self.method} to {self.gap:.0e}"
        return f"growth, {about}: seconds ~ size^{self.exponent:.2f}, {self.sizes}"


def rows(settings: Settings) -> Iterator[PeerRow | Growth]:
    sizes = settings.sizes or (QUICK_SIZES if settings.quick else SIZES)
    limits = settings.limits or (QUICK_LIMITS if settings.quick else LIMITS)
    seconds = settings.seconds or (QUICK_SECONDS if settings.quick else SECONDS)
    seed = (settings.seeds or (1,))[0]
    methods = settings.methods or tuple(METHODS)
    unknown = [method for method in methods if method not in METHODS]
    if unknown:
        raise SystemExit(f"no method is called {', '.join(unknown)}; there are {', '.join(METHODS)}")
    made: list[PeerRow] = []
    with laboratory() as lab:
        for number in limits:
            given_up: dict[tuple[str, float], str] = {}
            for size in sorted(sizes):
                found = list(_instance_rows(lab, size, number, seed, methods, seconds, given_up))
                made += found
                yield from found
    yield from _growth(made)


def _instance_rows(
    lab: Laboratory,
    size: int,
    number: int,
    seed: int,
    methods: tuple[str, ...],
    seconds: float,
    given_up: dict[tuple[str, float], str],
) -> Iterator[PeerRow]:
    problem = instance(size, number, "mixed", seed)
    path = lab.add(problem)
    measured: dict[tuple[str, float], Measured] = {}
    skipped: dict[tuple[str, float], str] = {}
    for method in methods:
        for gap in GAPS[-1:] if method in PROVE_NOTHING else GAPS:
            if (method, gap) in given_up:
                skipped[method, gap] = f"not run: {given_up[method, gap]}"
                continue
            one = lab.measure(method, problem, path, gap, seconds)
            measured[method, gap] = one
            why = _given_up(one)
            if why:
                for later in GAPS[GAPS.index(gap) :]:
                    given_up[method, later] = f"{why} at {size:,}" + (f" to {gap:.0e}" if later < gap else "")
    path.unlink()
    runs = list(measured.values())
    prices = next((one.answer.prices for one in runs if one.method == "ours" and one.answer), {})
    bound = best_bound(runs, [dual_bound(problem, prices)] if prices else [])
    bind = _binding(problem, prices)
    easy = "easy" if bind >= 0 and is_easy(bind, len(problem.rows)) else ""
    ours: dict[float, float] = {}
    for method in methods:
        for gap in GAPS:
            key = (method, GAPS[-1] if method in PROVE_NOTHING else gap)
            blank = PeerRow(size, number, len(problem.rows), bind, easy, METHODS[method], gap, "")
            if key in skipped:
                yield replace(blank, outcome=skipped[key])
                continue
            row = _filled(blank, problem, measured[key], bound)
            if method == "ours" and row.seconds is not None:
                ours[gap] = row.seconds
            if row.seconds is not None and gap in ours:
                row = replace(row, times_ours=row.seconds / ours[gap])
            yield row


def _given_up(one: Measured) -> str:
    """Say why a method need not be tried at a larger size; '' where it may be."""
    if one.fault.startswith("out of memory"):
        return "out of memory"
    if one.fault.startswith("out of time") or (one.answer and not one.fault and not one.answer.in_time):
        return "out of time"
    return "failed" if one.answer is None else ""


def _filled(row: PeerRow, problem: Problem, one: Measured, bound: float) -> PeerRow:
    """Fill in what one run gave; ``bound`` is the best of the instance."""
    row = replace(row, megabytes=one.megabytes if math.isfinite(one.megabytes) else None)
    if one.value is None or one.answer is None:
        return replace(row, outcome=one.fault)
    goal = row.gap + _ROUNDING
    reached = gap_to(problem, bound, one.value)
    seconds: float | None = None
    if one.method in PROVE_NOTHING:
        within = [at for at, value in one.answer.history if gap_to(problem, bound, value) <= goal]
        seconds = within[0] if within else None
        outcome = "reached" if within else "ended before" if one.answer.in_time else "out of time"
    elif one.answer.in_time and reached <= goal:
        seconds, outcome = one.seconds, "reached"
    else:
        outcome = "ended before" if one.answer.in_time else "out of time"
    own = one.answer.bound
    if own is not None and own < bound - 1e-9 * max(1.0, abs(bound)):
        outcome += "; its bound is contradicted by a plan"
    return replace(
        row,
        outcome=outcome,
        seconds=seconds,
        reached=reached if math.isfinite(reached) else None,
        own_gap=None if own is None else gap_to(problem, max(own, one.value), one.value),
        value=one.value,
        bound=bound if math.isfinite(bound) else None,
    )


def _binding(problem: Problem, prices: Any) -> int:
    """Count the rows that bind; −1 where nothing tells."""
    if problem.size <= _COUNTED_BY_RELAXATION:
        return binding(problem)
    return sum(abs(price) > _PRICED for price in prices.values()) if prices else -1


def _growth(made: list[PeerRow]) -> Iterator[Growth]:
    groups: dict[tuple[int, str, float], list[PeerRow]] = {}
    for row in made:
        if row.seconds is not None:
            groups.setdefault((row.limits, row.method, row.gap), []).append(row)
    for (limits, method, gap), reached in groups.items():
        if len(reached) >= 3:
            size = np.log([row.size for row in reached])
            taken = np.log([max(row.seconds or 0.0, 1e-6) for row in reached])
            exponent = float(np.polyfit(size, taken, 1)[0])
            ends = f"{reached[0].size:,} to {reached[-1].size:,}"
            yield Growth(limits, method, gap, exponent, ends)
