"""Amounts measured so that all that HiGHS sees is about 1, whatever the unit of money."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np

from lendplan.models.measures import Floats
from lendplan.solvers.arrays import ArrayModel

_BITS = 2.0**43


class Scaled:
    """Columns measured by their upper bound, rows by their largest coefficient, the objective by its largest.

    A column that can only be zero is measured by zero, so that it has no say in the other measures. What comes out
    is cut to 43 bits: the last few differ when the same amounts are stated in another unit, and ties with them.
    """

    def __init__(self, model: ArrayModel, exact: bool = False) -> None:
        self.cut = (lambda values: values) if exact else _cut
        bounded = ~model.integer & np.isfinite(model.upper)
        self.column = np.where(bounded & (model.upper > 0), model.upper, 1.0)
        self.column[bounded & (model.upper == 0) & (model.lower == 0)] = 0.0
        matrix = model.matrix
        values = matrix.data * np.repeat(self.column, np.diff(matrix.indptr))
        largest = np.zeros(matrix.shape[0])
        np.maximum.at(largest, matrix.indices, np.abs(values))
        self.row = np.where(largest > 0, 1.0 / np.where(largest > 0, largest, 1.0), 1.0)
        self.values = self.cut(values * self.row[matrix.indices])
        cost = model.cost * self.column
        most = float(np.max(np.abs(cost), initial=0.0))
        self.objective = 1.0 / most if most > 0 else 1.0
        self.cost = self.cut(cost * self.objective)
        self.model = model

    def _measured(self, bound: Floats) -> Floats:
        measure = np.where(self.column > 0, self.column, 1.0)
        return self.cut(np.clip(bound / measure, -highspy.kHighsInf, highspy.kHighsInf))

    def passed_to(self, highs: Any) -> Any:
        """Pass the model as measured to a HiGHS instance; return its status."""
        model, infinity = self.model, highspy.kHighsInf
        lower, upper = model.row_lower * self.row, model.row_upper * self.row
        return highs.passModel(
            len(self.cost),
            len(lower),
            len(self.values),
            int(highspy.MatrixFormat.kColwise),
            int(highspy.ObjSense.kMaximize),
            model.offset * self.objective,
            self.cost,
            self._measured(model.lower),
            self._measured(model.upper),
            self.cut(np.clip(lower, -infinity, infinity)),
            self.cut(np.clip(upper, -infinity, infinity)),
            model.matrix.indptr.astype(np.int32),
            model.matrix.indices.astype(np.int32),
            self.values,
            model.integer.astype(np.int32),
        )


def _cut(values: Floats) -> Floats:
    """Round to 43 bits, about thirteen digits; infinity stays."""
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.round(fraction * _BITS) / _BITS, exponent)
