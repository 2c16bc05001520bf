"""A sweep of 41 weights against one solve, both as whole processes; its answers against solves from nothing."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from measure import Figure, Row, Settings, seconds

import lendplan
from lendplan.solvers.lagrangian import solve
from lendplan.solvers.result import Options

SHIPPED = Path(__file__).resolve().parents[1] / "scenarios" / "annual_budget.yaml"
LARGE, QUICK_LARGE = 100_000, 5_000
POINTS, QUICK_POINTS = 41, 9
RUNS, LARGE_RUNS = 5, 2
_KEY = "objective.revenue_weight"
_COMMAND = "import sys; sys.argv[0] = 'optimize'; from lendplan.cli import main; main()"
_ASKED_GAP = 1e-6


@dataclass(frozen=True)
class _Case:
    name: str
    scenario: Path
    points: int
    wanted: str
    runs: int
    compared: int  # every so manieth point is solved from nothing, too


def rows(settings: Settings) -> Iterator[Row | Figure]:
    points = QUICK_POINTS if settings.quick else POINTS
    size = settings.sizes[0] if settings.sizes else QUICK_LARGE if settings.quick else LARGE
    with tempfile.TemporaryDirectory(prefix="lendplan-benchmark-") as name:
        folder = Path(name)
        wanted = ("", "") if points < POINTS else ("<= 4", "<= 15")
        yield from _measured(_Case("annual budget", _copied(folder), points, wanted[0], RUNS, 1), folder)
        large = _Case(f"{size:,} enterprises", _drawn(folder, size), points, wanted[1], LARGE_RUNS, 5)
        yield from _measured(large, folder)


def _measured(case: _Case, folder: Path) -> Iterator[Row | Figure]:
    """Yield the ratio of the times, and the largest difference from a solve from nothing."""
    output = folder / "swept"
    sweep = f"sweep={json.dumps({_KEY: {'from': 0, 'to': 1, 'points': case.points}})}"

    def swept() -> None:
        shutil.rmtree(output, ignore_errors=True)  # else nothing would be left to solve
        _optimize(case.scenario, "--set", sweep, "--output", str(output))

    def alone() -> None:
        _optimize(case.scenario, "--output", str(folder / "plan"))

    alone()
    pairs = [(seconds(swept), seconds(alone)) for _ in range(case.runs)]
    ours, one = (statistics.median(times) for times in zip(*pairs, strict=True))
    yield Row(f"{case.points} weights, {case.name}", ours, "one solve", one, case.wanted)
    worst, gaps = _compared(case, output)
    note = f"every {case.compared}. point solved from nothing; largest gap of the sweep {gaps:.1e}"
    yield Figure(f"{case.points} weights, {case.name}: from cold", worst, "", f"<= {2 * _ASKED_GAP:g}", note)


def _compared(case: _Case, output: Path) -> tuple[float, float]:
    """Return by how much a point's value differs at most from a solve from nothing, and the largest gap."""
    with (output / "sweep.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    problem = lendplan.load(case.scenario).case.problem
    worst = 0.0
    for row in found[:: case.compared]:
        objective = type(problem.objective)("weighted", float(row[_KEY]))
        result = solve(problem.replaced(objective=objective), Options(gap=_ASKED_GAP))
        assert result.rate is not None
        assert result.line is not None
        value = result.problem.value(result.problem.choice(result.rate, result.line))
        worst = max(worst, abs(value - float(row["objective"])) / max(1.0, abs(value)))
    return worst, max(float(row["gap"]) for row in found)


def _optimize(scenario: Path, *arguments: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", _COMMAND, str(scenario), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode not in (0, 5):
        raise RuntimeError(f"optimize ended with {process.returncode}: {process.stderr[-2000:]}")


def _copied(folder: Path) -> Path:
    for file in SHIPPED.parent.glob("annual_budget*"):
        shutil.copy(file, folder)
    return folder / SHIPPED.name


def _drawn(folder: Path, size: int) -> Path:
    """Return the shipped scenario over a drawn book, its amounts grown with the book."""
    book = folder / "book.csv"
    arguments = ["--size", str(size), "--seed", "7", "--output", str(book)]
    subprocess.run([sys.executable, "-m", "lendplan.scenarios.generator", *arguments], check=True)
    scenario = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    factor = size / 123
    scenario["enterprises"] = book.name
    scenario["budget"]["total"] *= factor
    for limit in scenario["limits"]:
        for side in ("at_most", "at_least"):
            if limit["measure"] != "average_rate" and isinstance(limit.get(side), int | float):
                limit[side] = round(limit[side] * factor)
    target = folder / "large.yaml"
    target.write_text(yaml.safe_dump(scenario, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return target
