"""What this package set out to reach, each as a ratio within one run.

Times to a gap are those of ``against_peers``: from the problem in memory to the plan, model building included, one
process a solve. Where the reference runs out of time, its time counts as what it was allowed, and the ratio is at
most what stands there. Several seeds: the median of the ratios counts, with its times.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import start_up
from calibration import problem_of_book
from drawn import Kind, draw_book, limits_of
from instances import binding, instance
from judge import dual_bound
from measure import Figure, Row, Settings
from measured import Laboratory, Measured, best_bound, gap_to, laboratory
from rivals import METHODS
from scenario_files import BOOK, write_files

SEEDS = (1, 2, 3)
SECONDS, QUICK_SECONDS = 900.0, 20.0
LARGE, QUICK_LARGE = 1_000_000, 20_000
GROWTH_SIZES, QUICK_GROWTH = (10_000, 31_623, 100_000, 316_228, 1_000_000), (1000, 3162, 10_000)
_READS = 5

# Runs `optimize` inside and says on the last line of standard error what it held at most, in MB.
_WEIGHED = """
import atexit, sys
sys.path.insert(0, {here!r})
from memory import peak_megabytes
atexit.register(lambda: print(peak_megabytes(), file=sys.stderr))
sys.argv = ["optimize", *{arguments!r}]
from lendplan.cli import main
main()
"""
_READING = """
import sys, time
import pandas
times = []
for _ in range({reads}):
    started = time.perf_counter()
    pandas.read_parquet({path!r})
    times.append(time.perf_counter() - started)
print(sorted(times)[len(times) // 2])
"""


def rows(settings: Settings) -> Iterator[Row | Figure]:
    seconds = settings.seconds or (QUICK_SECONDS if settings.quick else SECONDS)
    seeds = settings.seeds or (SEEDS[:1] if settings.quick else SEEDS)
    with laboratory() as lab:
        for size in (100,) if settings.quick else (302, 1000):
            for goal in (
                _Goal(size, 9, "mixed", 1e-4, "highs_plain", "<= 0.02", least_binding=8),
                _Goal(size, 9, "mixed", 1e-9, "highs_plain", "<= 0.1", least_binding=8),
                _Goal(size, 5, "amounts", 1e-9, "highs_plain", "<= 0.0333", least_binding=6),
            ):
                yield from goal.rows(lab, seeds, seconds)
        for limits in (2, 8):
            size = 302 if settings.quick else 5000
            yield from _Goal(size, limits, "mixed", 1e-6, "highs_tight", "<= 0.01").rows(
                lab, seeds[:1], seconds
            )
        yield from _growth(lab, QUICK_GROWTH if settings.quick else GROWTH_SIZES, seconds)
    yield from _large(QUICK_LARGE if settings.quick else LARGE, seconds)
    *_, whole = start_up.rows(settings)
    yield Row(whole.case, whole.seconds, whole.reference, whole.reference_seconds, "<= 1")


class _Goal:
    """A ratio of times to one gap, ours over a rival's, on instances of one kind."""

    def __init__(
        self,
        size: int,
        limits: int,
        kind: Kind,
        gap: float,
        rival: str,
        wanted: str,
        least_binding: int = 0,
    ) -> None:
        self.size, self.limits, self.kind, self.gap = size, limits, kind, gap
        self.rival, self.wanted, self.least_binding = rival, wanted, least_binding

    def rows(self, lab: Laboratory, seeds: tuple[int, ...], seconds: float) -> Iterator[Row | Figure]:
        found: list[tuple[float, float, str]] = []
        bound_rows: list[int] = []
        by_prices: list[float] = []
        for seed in seeds:
            problem = instance(self.size, self.limits, self.kind, seed)
            bound_rows.append(binding(problem))
            path = lab.add(problem)
            ours = lab.measure("ours", problem, path, self.gap, seconds)
            theirs = lab.measure(self.rival, problem, path, self.gap, seconds)
            path.unlink()
            prices = ours.answer.prices if ours.answer else {}
            certified = dual_bound(problem, prices) if prices else float("inf")
            bound = best_bound([ours, theirs], [certified])
            reached, notes = [], []
            for one in (ours, theirs):
                gap = float("inf") if one.value is None else gap_to(problem, bound, one.value)
                reached.append(one.in_time and gap <= self.gap + 1e-10)
                notes.append(
                    f"{METHODS[one.method]} gap {gap:.1e}" + ("" if reached[-1] else f" {_failure(one)}")
                )
            by_prices.append(
                gap_to(problem, certified, ours.value) if ours.value is not None else float("inf")
            )
            spent = ours.seconds if reached[0] else float("inf")
            found.append(
                (spent, theirs.seconds if reached[1] else max(seconds, theirs.seconds), "; ".join(notes))
            )
        middle = sorted(found, key=lambda one: one[0] / one[1])[len(found) // 2]
        few = " (fewer bind than wanted)" if min(bound_rows) < self.least_binding else ""
        bind = f"{min(bound_rows)}–{max(bound_rows)} of {self.limits + 1} rows bind{few}"
        case = f"{self.size:,} enterprises, {self.limits} limits ({self.kind}), to {self.gap:.0e}"
        yield Row(case, middle[0], METHODS[self.rival], middle[1], self.wanted, f"{bind}; {middle[2]}")
        if self.least_binding:
            yield Figure(
                f"{case}: certified by prices alone", max(by_prices), "gap", "<= 1e-3", "worst of the seeds"
            )


def _failure(one: Measured) -> str:
    return one.fault or "out of time"


def _growth(lab: Laboratory, sizes: tuple[int, ...], seconds: float) -> Iterator[Figure]:
    """Yield the exponent of our own time to 1e-6 with 12 limits."""
    taken, gaps = [], []
    for size in sizes:
        problem = instance(size, 12, "mixed")
        path = lab.add(problem)
        one = lab.measure("ours", problem, path, 1e-6, seconds)
        path.unlink()
        taken.append(one.seconds if one.in_time else float("nan"))
        bound = one.answer.bound if one.answer else None
        gap = float("nan")
        if one.value is not None and bound is not None:
            gap = gap_to(problem, max(bound, one.value), one.value)
        gaps.append(gap)
    exponent = (
        float(np.polyfit(np.log(sizes), np.log(taken), 1)[0]) if np.all(np.isfinite(taken)) else float("nan")
    )
    note = ", ".join(
        f"{size:,}: {spent:.3f} s, gap {gap:.0e}" for size, spent, gap in zip(sizes, taken, gaps, strict=True)
    )
    yield Figure(
        f"growth to 1e-6 with 12 limits, {sizes[0]:,} to {sizes[-1]:,}", exponent, "exponent", "<= 1.1", note
    )


def _large(size: int, seconds_allowed: float) -> Iterator[Row | Figure]:
    """Yield build and solve of a whole run against reading its book, and what the process held."""
    limits = limits_of("mixed", 12)
    book = draw_book(size, 1)
    problem = problem_of_book(book, limits, 1, "profit")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenario = write_files(folder, book, problem, "mixed", gap=1e-6, time_limit=seconds_allowed)
        reading = _said([sys.executable, "-c", _READING.format(reads=_READS, path=str(folder / BOOK))])
        arguments = [str(scenario), "--output", str(folder / "plan")]
        here = str(Path(__file__).resolve().parent)
        code = _WEIGHED.format(here=here, arguments=arguments)
        process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if process.returncode not in (0, 5):
            raise RuntimeError(f"optimize ended with {process.returncode}: {process.stderr[-2000:]}")
        held = float(process.stderr.strip().splitlines()[-1])
        summary = json.loads((folder / "plan" / "summary.json").read_text(encoding="utf-8"))
    seconds = summary["seconds"]
    both = seconds["build"] + seconds["solve"]
    stages = ", ".join(f"{stage} {spent:.2f} s" for stage, spent in seconds.items())
    note = (
        f"{summary['solver']}; gap {summary['gap']:.1e}, certified {summary['certified_gap']:.1e}; {stages}"
    )
    case = f"{size:,} enterprises, 12 limits, whole process to 1e-6"
    yield Row(
        f"{case}: build and solve", both, "pandas.read_parquet of the book", float(reading), "<= 10", note
    )
    yield Row(f"{case}: build and solve", both, "its own reading", seconds["read"], "<= 10")
    yield Figure(f"{case}: peak memory", held / 1000.0, "GB", "<= 1.5", f"ended with {process.returncode}")


def _said(arguments: list[str]) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.strip()
