"""Decide which small enterprises get a loan, at what annual rate and with what credit line, under one budget.

plan = lendplan.load("scenario.yaml").solve()
plan.summary["objective"], plan.allocations
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lendplan.data.findings import Finding, InputError
    from lendplan.errors import (
        CheckFailedError,
        InfeasibleError,
        InterruptedRunError,
        LendplanError,
        NoPlanError,
        OutputError,
    )
    from lendplan.explanation import Explanation
    from lendplan.plan import Plan
    from lendplan.planfolder import WrittenPlan, explain, read_plan
    from lendplan.quotation import Quote
    from lendplan.run import Scenario, from_frames, load
    from lendplan.score import Score

# Loaded on first use: `import lendplan` and `optimize --help` need neither tables nor a solver.
_HOME = {
    "Finding": "lendplan.data.findings",
    "InputError": "lendplan.data.findings",
    "CheckFailedError": "lendplan.errors",
    "InfeasibleError": "lendplan.errors",
    "InterruptedRunError": "lendplan.errors",
    "LendplanError": "lendplan.errors",
    "NoPlanError": "lendplan.errors",
    "OutputError": "lendplan.errors",
    "Explanation": "lendplan.explanation",
    "Plan": "lendplan.plan",
    "Quote": "lendplan.quotation",
    "Scenario": "lendplan.run",
    "Score": "lendplan.score",
    "WrittenPlan": "lendplan.planfolder",
    "explain": "lendplan.planfolder",
    "from_frames": "lendplan.run",
    "load": "lendplan.run",
    "read_plan": "lendplan.planfolder",
}

__all__ = [
    "CheckFailedError",
    "Explanation",
    "Finding",
    "InfeasibleError",
    "InputError",
    "InterruptedRunError",
    "LendplanError",
    "NoPlanError",
    "OutputError",
    "Plan",
    "Quote",
    "Scenario",
    "Score",
    "WrittenPlan",
    "explain",
    "from_frames",
    "load",
    "read_plan",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'lendplan' has no attribute {name!r}")
