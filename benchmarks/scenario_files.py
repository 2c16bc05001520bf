"""An instance as files, as a user would have it: a book in Parquet and a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from drawn import VALUES, Book, Kind, limits_of

from lendplan.models.problem import Problem

BOOK, SCENARIO = "book.parquet", "scenario.yaml"


def write_files(folder: Path, book: Book, problem: Problem, kind: Kind, **solver: object) -> Path:
    """Write the book and the scenario that mean this problem; return the scenario's path.

    Raises
    ------
    ValueError
        Where the objective is ``weighted``; its ranges are not written.
    """
    if problem.objective.kind != "profit":
        raise ValueError("only instances of profit are written to files")
    frame_of(book, problem).to_parquet(folder / BOOK, index=False)
    scenario = {
        "title": f"Benchmark of {problem.size} enterprises",
        "currency": "CNY",
        "unit": 10000,
        "enterprises": BOOK,
        "lines": {"min": 10, "max": 100},
        "budget": {"total": problem.budget, "basis": problem.budget_basis},
        "economics": {"funding_cost": 0.03, "interest_lost_on_default": True},
        "objective": {"kind": "profit"},
        "limits": _limits(problem, kind),
        "solver": solver,
    }
    target = folder / SCENARIO
    target.write_text(yaml.safe_dump(scenario, sort_keys=False), encoding="utf-8")
    return target


def frame_of(book: Book, problem: Problem) -> pd.DataFrame:
    """Return the book as a table of enterprises."""
    groups = {column: np.array(VALUES[column], dtype=object)[codes] for column, codes in book.codes.items()}
    return pd.DataFrame(
        {
            "enterprise": book.enterprise,
            "default_probability": problem.default_probability,
            "loss_given_default": book.loss_given_default,
            "line_min": problem.line_min,
            "line_max": problem.line_max,
            **groups,
        }
    )


def _limits(problem: Problem, kind: Kind) -> list[dict[str, Any]]:
    limits = []
    for limit, row in zip(limits_of(kind, len(problem.limits)), problem.limits, strict=True):
        if row.share is not None:
            right: object = f"{100.0 * row.share:.10g}%"
        else:
            right = row.amount if row.rate is None else row.rate
        side = "at_most" if row.sense > 0 else "at_least"
        where = {"where": {limit.column: [limit.value]}} if limit.column else {}
        limits.append({"name": limit.name, "measure": limit.measure, **where, side: right})
    return limits
