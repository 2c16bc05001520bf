"""Whole processes against the import of what they must import."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Row, Settings, alternating, command

SCENARIO = Path(__file__).resolve().parents[1] / "scenarios" / "annual_budget.yaml"
IMPORTS = "import pandas, pyomo.environ, highspy"


def rows(_: Settings) -> Iterator[Row]:
    optimize = [sys.executable, "-c", "from lendplan.cli import main; main()"]
    imports = command([sys.executable, "-c", IMPORTS])
    measured, reference = alternating(command([*optimize, "--help"]), imports, runs=11)
    yield Row("optimize --help", measured, IMPORTS, reference, "<= 0.2")
    with tempfile.TemporaryDirectory() as folder:
        whole = command([*optimize, str(SCENARIO), "--output", f"{folder}/plan"])
        measured, reference = alternating(whole, imports, runs=11)
    yield Row("optimize scenarios/annual_budget.yaml", measured, IMPORTS, reference, "<= 3")
