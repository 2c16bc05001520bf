"""What is loaded before anything is asked for: help and version need neither tables nor a solver."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from workspace import ROOT

HEAVY = ("pandas", "numpy", "scipy", "pyarrow", "pydantic", "pyomo", "highspy", "python_calamine", "yaml")


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


@pytest.mark.parametrize("command", ["plan", "check", "score", "verify", "schema"])
def test_the_help_of_a_command_needs_no_tables_and_no_solver(command: str) -> None:
    code = f"import lendplan.cli\ntry:\n    lendplan.cli.main([{command!r}, '--help'])\nexcept SystemExit:\n    pass"
    assert loaded_after(code) <= {"pydantic"}  # Typer's own


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import lendplan") == set()


def test_a_name_of_the_package_is_loaded_when_it_is_used() -> None:
    assert "pandas" in loaded_after("import lendplan\nlendplan.load")
