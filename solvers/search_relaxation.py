"""The linear problem of the parts of a search, kept in HiGHS from one part to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np

from lendplan.models.measures import Floats
from lendplan.solvers.engine import SolverError
from lendplan.solvers.search_parts import Columns, Node

_TRIAL_STEPS = 20  # of the simplex method, to try a split


@dataclass(frozen=True)
class Solved:
    """The relaxation of one part."""

    x: Floats  # (c,)
    stretch: Floats  # of the loose ones' lines, 0 to 1
    prices: Floats  # (rows,)
    is_strained: bool  # whether a row was broken at a fine


class PartsRelaxation:
    """The linear problem of the parts, kept in HiGHS from one part to the next.

    A row may be broken at a fine far above its price, so that a part without any plan is closed by prices like any
    other, and not by a ray.
    """

    def __init__(self, columns: Columns, right: Floats, sense: Floats, prices: Floats) -> None:
        self._columns = columns
        rows, c, s, q = len(right), columns.size, len(columns.loose), len(columns.open)
        use = np.concatenate([columns.use, columns.more_use[:, columns.loose]], axis=1)
        self._row = 1.0 / np.maximum(np.abs(use).max(axis=1, initial=0.0), 1e-9)
        worth = np.concatenate([columns.worth, columns.more_worth[columns.loose]])
        self._unit = 1.0 / max(float(np.abs(worth).max(initial=0.0)), 1e-300)
        typical = float(np.abs(worth).mean()) * self._row if len(worth) else self._row
        self._fines = 100.0 * np.maximum(np.abs(prices), typical)
        self._rows, self._first_fine = rows, c + s
        self._bounds = (np.ones(c, dtype=bool), columns.may_decline.copy())
        total = c + s + rows
        matrix = np.zeros((rows + q, total))
        matrix[:rows, : c + s] = use * self._row[:, None]
        matrix[rows + columns.owner, np.arange(c)] = 1.0
        matrix[np.arange(rows), c + s + np.arange(rows)] = -sense
        limit = (right - columns.tight_use) * self._row
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = total, rows + q
        model.sense_ = highspy.ObjSense.kMaximize
        model.col_cost_ = np.concatenate([worth * self._unit, -self._fine_costs()])
        model.col_lower_ = np.zeros(total)
        model.col_upper_ = np.concatenate([np.ones(c + s), np.full(rows, np.inf)])
        model.row_lower_ = np.concatenate(
            [np.where(sense < 0, limit, -np.inf), np.where(columns.may_decline, 0.0, 1.0)]
        )
        model.row_upper_ = np.concatenate([np.where(sense > 0, limit, np.inf), np.ones(q)])
        column, row = np.nonzero(matrix.T)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.searchsorted(column, np.arange(total + 1)).astype(np.int32)
        model.a_matrix_.index_ = row.astype(np.int32)
        model.a_matrix_.value_ = matrix[row, column]
        self._highs = highspy.Highs()
        for option, setting in (
            ("output_flag", False),
            ("presolve", "off"),  # no number of threads: HiGHS refuses another than ran before in this thread
            ("primal_feasibility_tolerance", 1e-10),
            ("dual_feasibility_tolerance", 1e-10),
        ):
            self._highs.setOptionValue(option, setting)
        if not all(np.all(np.isfinite(part)) for part in (matrix, worth, limit)):
            raise SolverError("the core holds NaN or inf; it is not passed to the solver")
        self._highs.passModel(model)

    def _fine_costs(self) -> Floats:
        return np.asarray(self._fines / self._row * self._unit)

    def raise_fines(self) -> None:
        """Make breaking a row a hundred times dearer."""
        self._fines = 100.0 * self._fines
        costs = -self._fine_costs()
        for r in range(self._rows):
            self._highs.changeColCost(self._first_fine + r, float(costs[r]))

    def _set(self, node: Node) -> None:
        columns, decline = self._bounds
        changed = np.flatnonzero(columns != node.columns).astype(np.int32)
        if len(changed):
            self._highs.changeColsBounds(
                len(changed), changed, np.zeros(len(changed)), np.where(node.columns[changed], 1.0, 0.0)
            )
        for q in np.flatnonzero(decline != node.decline).tolist():
            self._highs.changeRowBounds(self._rows + q, 0.0 if node.decline[q] else 1.0, 1.0)
        self._bounds = (node.columns, node.decline)

    def tried(self, node: Node, offset: float) -> float:
        """Return about what a part is worth at most, after a few steps of the simplex method."""
        self._set(node)
        self._highs.setOptionValue("simplex_iteration_limit", _TRIAL_STEPS)
        self._highs.run()
        self._highs.setOptionValue("simplex_iteration_limit", highspy.kHighsIInf)
        if self._highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            return -np.inf
        value: float = self._highs.getInfo().objective_function_value
        return value / self._unit + self._columns.tight_worth + offset

    def solve(self, node: Node) -> Solved:
        """Solve the relaxation of a part."""
        self._set(node)
        self._highs.run()
        status: Any = self._highs.getModelStatus()
        c = self._columns.size
        if status == highspy.HighsModelStatus.kInfeasible:  # an enterprise without a choice: any prices do
            return Solved(np.zeros(c), np.zeros(len(self._columns.loose)), np.zeros(self._rows), False)
        if status != highspy.HighsModelStatus.kOptimal:  # try again without what it remembers of other parts
            self._highs.clearSolver()
            self._highs.run()
        # Any prices prove a bound, so a point that HiGHS does not vouch for costs time at most.
        solution = self._highs.getSolution()
        x = np.array(solution.col_value)
        if not (np.all(np.isfinite(x)) and np.all(np.isfinite(solution.row_dual))):
            raise SolverError("HiGHS returned NaN or inf")
        prices = np.array(solution.row_dual)[: self._rows] * self._row / self._unit
        fines = x[self._first_fine :]
        return Solved(x[:c], x[c : self._first_fine], prices, bool(fines.max(initial=0.0) > 1e-9))
