"""Small random scenarios with their tables, as a manifest and the readers give them, for tests of the certificate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lendplan.data.book import Book, assemble_book
from lendplan.data.churn import ChurnTable, churn_from_frame
from lendplan.data.tables import table_from_frame

NO_LIMIT: dict[str, Any] = {"where": {}, "by": None, "at_most": None, "at_least": None, "of": None}
SIZES = {"line": 30, "exposure": 25, "interest": 2, "revenue": 1.5, "risk": 1, "count": 2}
RANGES = {"revenue_max": 3.0, "revenue_min": 1.0, "risk_max": 1.7, "risk_min": 0.3}


def random_case(
    seed: int, scenario: dict[str, Any], *, limits: int = 3, sizes: tuple[int, int] = (2, 5)
) -> tuple[dict[str, Any], Book, ChurnTable]:
    """Return a scenario made from a complete one, a book of a few enterprises, and churn at three rates.

    Every feature of the certificate occurs within a few dozen seeds: both objectives and budget bases, all measures,
    amounts and shares, of the plan and of the budget, by a column and by `where`, `must: lend`, own rate bounds, line
    steps, risk weights, multipliers that reach the cap of 1, a rate at which nobody stays.
    """
    draw = np.random.default_rng(seed)
    n = int(draw.integers(*sizes))
    frame = pd.DataFrame(
        {
            "enterprise": [f"E{i}" for i in range(n)],
            "grade": draw.choice(["A", "B"], n),
            "default_probability": draw.uniform(0, 0.1, n),
            "loss_given_default": np.where(draw.random(n) < 0.3, draw.uniform(0.3, 0.7, n), np.nan),
            "risk_weight": np.where(draw.random(n) < 0.3, draw.uniform(0, 0.1, n), np.nan),
            "line_min": draw.uniform(0, 10, n),
            "line_max": draw.uniform(10, 30, n),
            "line_step": np.where(draw.random(n) < 0.3, draw.choice([0.1, 0.7, 3.0], n), np.nan),
            "rate_min": np.where(draw.random(n) < 0.2, 0.05, np.nan),
            "rate_max": np.where(draw.random(n) < 0.2, 0.09, np.nan),
            "must": draw.choice(["", "", "", "lend"], n),
            "region": draw.choice(["north", "south", ""], n),
        }
    )
    last = float(draw.choice([0.5, 1.0]))
    churn = pd.DataFrame({"rate": [0.04, 0.07, 0.12], "A": [0.0, 0.2, 0.6], "B": [0.0, 0.1, last]})
    scenario = {**scenario, "limits": []}
    scenario["economics"] = {
        **scenario["economics"],
        "utilisation": 0.9,
        "interest_lost_on_default": bool(draw.integers(2)),
        "risk_basis": str(draw.choice(["line", "exposure"])),
        "fixed_cost": 0.05,
        "default_multiplier": float(draw.choice([1.0, 1.0, 1.3, 20.0])),
        "loss_multiplier": float(draw.choice([1.0, 1.0, 0.7, 1.9])),
    }
    scenario["budget"] = {
        "total": float(draw.uniform(20, 60)),
        "basis": str(draw.choice(["line", "exposure"])),
    }
    if draw.integers(2):
        scenario["objective"] = {"kind": "weighted", "revenue_weight": 0.6, "ranges": dict(RANGES)}
    for position in range(limits):
        sense = str(draw.choice(["at_most", "at_least"]))
        measure = str(draw.choice(list(SIZES)))
        is_share = bool(draw.integers(2))
        value = "60%" if is_share else float(SIZES[measure] * (1.3 if sense == "at_most" else 0.3))
        limit = {
            "name": f"l{position}",
            "measure": measure,
            "by": "region" if draw.integers(2) else None,
            "where": {"grade": ["A"]} if draw.integers(2) else {},
            sense: value,
        }
        if is_share and measure in ("line", "exposure") and draw.integers(2):
            limit["of"] = "budget"
        scenario["limits"].append({**NO_LIMIT, **limit})
    scenario["limits"].append({**NO_LIMIT, "name": "mean", "measure": "average_rate", "at_most": 0.08})
    return scenario, assemble_book(table_from_frame(frame, "book")), churn_from_frame(churn)
