"""Shares of the plan that, taken together, leave no plan but the empty one.

Shares of one measure bound fractions of the same whole. Enterprises that are members of the same limits form a cell;
a plan that lends anything gives each cell a fraction, and the fractions add up to 1. Where no fractions obey all
shares, only lending nothing does, and the scenario cannot mean that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lendplan.models.limits import NEVER_NEGATIVE
from lendplan.models.problem import Problem, Row
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.engine import run
from lendplan.solvers.result import Options
from lendplan.solvers.sparse import from_rows

_SECONDS = 10.0


def shares_that_force_nothing(problem: Problem) -> list[list[Row]]:
    """Return, for each measure whose shares contradict each other, a set of which each is needed for that."""
    found = []
    for measure in sorted(NEVER_NEGATIVE):
        rows = [row for row in problem.limits if row.measure == measure and row.share is not None]
        if problem.size == 0 or len(rows) < 2 or _agree(problem, rows):
            continue
        needed = list(rows)
        for row in rows:
            without = [other for other in needed if other is not row]
            if not _agree(problem, without):
                needed = without
        found.append(needed)
    return found


def _agree(problem: Problem, rows: Sequence[Row]) -> bool:
    """Whether some fractions of the cells obey all these shares."""
    if not rows:
        return True
    inside = np.stack(
        [np.ones(problem.size, bool) if row.members is None else row.members.mask for row in rows]
    )
    cells = np.unique(inside, axis=1).astype(np.float64)
    columns = cells.shape[1]
    sense = np.array([row.sense for row in rows])
    share = np.array([row.share for row in rows], dtype=np.float64)
    model = ArrayModel(
        cost=np.zeros(columns),
        lower=np.zeros(columns),
        upper=np.ones(columns),
        integer=np.zeros(columns, dtype=bool),
        matrix=from_rows([*cells, np.ones(columns)], columns),
        row_lower=np.append(np.where(sense < 0, share, -np.inf), 1.0),
        row_upper=np.append(np.where(sense > 0, share, np.inf), 1.0),
    )
    return not run(model, Options(threads=1), seconds=_SECONDS, stage="shares", exact=True).infeasible
