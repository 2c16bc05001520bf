"""Points that stand, read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lendplan.errors import INFEASIBLE, LIMIT_REACHED, OK
from lendplan.sweep.pointfolder import SUMMARY
from lendplan.sweep.work import Outcome

_CODES = {"optimal": OK, "feasible": LIMIT_REACHED, "infeasible": INFEASIBLE}


def summary_in(folder: Path) -> dict[str, Any]:
    """Return a point's summary.json.

    Raises
    ------
    OSError, ValueError
        Where it cannot be read.
    """
    found: dict[str, Any] = json.loads((folder / SUMMARY).read_bytes())
    return found


def outcome_in(folder: Path, number: int) -> Outcome | None:
    """Return what became of a point that stands; None where its figures cannot be read."""
    try:
        summary = summary_in(folder)
        status = str(summary["status"])
        return Outcome(number, _CODES[status], status, str(summary.get("error", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
