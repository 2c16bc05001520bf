"""What is loaded before anything is asked for: help and version need neither tables nor a solver."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import ROOT

HEAVY = (
    "pandas",
    "numpy",
    "scipy",
    "pyarrow",
    "pyarrow.compute",
    "pyarrow.csv",
    "pydantic",
    "pyomo",
    "highspy",
    "python_calamine",
    "yaml",
    "distributed",
)
SHIPPED = ROOT / "scenarios" / "annual_budget.yaml"


def loaded_after(code: str) -> set[str]:
    """Return which of the heavy packages a fresh interpreter has loaded after running `code`."""
    program = f"import sys\n{code}\nprint('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []], ids=["help", "version", "nothing"])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"import lendplan.cli\ntry:\n    lendplan.cli.main({arguments!r})\nexcept SystemExit:\n    pass"
    assert loaded_after(code) == set()


@pytest.mark.parametrize("command", ["plan", "check", "score", "verify", "explain", "quote", "schema"])
def test_the_help_of_a_command_needs_no_tables_and_no_solver(command: str) -> None:
    code = f"import lendplan.cli\ntry:\n    lendplan.cli.main([{command!r}, '--help'])\nexcept SystemExit:\n    pass"
    assert loaded_after(code) <= {"pydantic"}  # Typer's own


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import lendplan") == set()


def test_a_name_of_the_package_is_loaded_when_it_is_used() -> None:
    assert "numpy" in loaded_after("import lendplan\nlendplan.load")


def test_a_book_is_read_and_checked_without_data_frames_models_and_statistics() -> None:
    code = f"import lendplan.cli\nassert lendplan.cli.run(['check', {str(SHIPPED)!r}]) == 0"
    assert loaded_after(code).isdisjoint({"pandas", "pyomo", "scipy", "pyarrow", "python_calamine"})


def test_a_plan_is_written_and_checked_without_data_frames(tmp_path: Path) -> None:
    """Arrow is there for the Parquet file; its functions over columns, which are slow to load, are for large books."""
    code = f"""
import numpy as np
import lendplan
from lendplan.plan import Plan
from lendplan.solvers.result import Result, SolutionStatus, StopReason
asked = lendplan.load({str(SHIPPED)!r}, ["objective.kind=profit", "limits=[]", "budget.total=20000"])
problem = asked.case.problem
result = Result(
    stop=StopReason.TIME_LIMIT, solution=SolutionStatus.FEASIBLE, problem=problem, bound=1e6,
    prices={{"budget": 0.0}}, rate=problem.first_rate.astype(np.int64), line=problem.line_max,
)
plan = Plan(asked.case, result)
plan.write({str(tmp_path / "plan")!r})
plan.totals_by_grade
"""
    loaded = loaded_after(code)
    assert "pyarrow" in loaded
    assert loaded.isdisjoint(
        {"pandas", "pyomo", "scipy", "python_calamine", "pyarrow.compute", "pyarrow.csv"}
    )


def test_a_scenario_is_solved_written_and_checked_without_data_frames_models_and_statistics(
    tmp_path: Path,
) -> None:
    """The whole of `optimize scenarios/annual_budget.yaml`: the Lagrangian solver needs neither Pyomo nor SciPy."""
    where = str(tmp_path / "plan")
    code = f"import lendplan.cli\nassert lendplan.cli.run([{str(SHIPPED)!r}, '--output', {where!r}]) == 0"
    loaded = loaded_after(code)
    assert "highspy" in loaded
    assert loaded.isdisjoint(
        {"pandas", "pyomo", "scipy", "python_calamine", "pyarrow.compute", "pyarrow.csv", "distributed"}
    )


def test_the_same_scenario_by_pyomo_loads_it() -> None:
    """So that the test above does not pass for want of looking."""
    code = (
        f"import lendplan\nlendplan.load({str(SHIPPED)!r}, ['solver.method=highs', 'solver.gap=0.5']).solve()"
    )
    assert "pyomo" in loaded_after(code)


def test_data_frames_come_with_pandas_where_they_are_asked_for() -> None:
    pytest.importorskip("pandas")
    code = f"import lendplan\nlendplan.load({str(SHIPPED)!r}).case.book.table.to_frame()"
    assert "pandas" in loaded_after(code)
