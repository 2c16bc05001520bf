"""The simulated books that the benchmarks share."""

from __future__ import annotations

from typing import Any

import numpy as np

import lendplan
from lendplan.models.problem import Problem
from lendplan.scenarios.generator import simulate_book

ECONOMICS = {"funding_cost": "3%", "interest_lost_on_default": True}
INDUSTRY = {"name": "one industry", "measure": "line", "by": "industry", "at_most": "25%", "of": "budget"}


def problem_of(eligible: int, **settings: Any) -> Problem:
    """Return the problem of a simulated book with so many eligible enterprises; budget 20 a head unless given."""
    book = simulate_book(size=int(eligible * 1.4) + 20, seed=7)
    able = book[(book["grade"] != "D") & (book["must"] == "")].head(eligible)
    if len(able) != eligible:
        raise ValueError(f"{len(able)} enterprises are eligible, {eligible} were wanted")
    given: dict[str, Any] = {"budget": {"total": 20 * eligible}, "economics": ECONOMICS, **settings}
    asked = lendplan.from_frames(
        able, title="benchmark", currency="CNY", lines={"min": 10, "max": 100}, **given
    )
    if not np.isfinite(asked.case.problem.line_max).all():
        raise ValueError("the book holds a line that is no number")
    return asked.case.problem
