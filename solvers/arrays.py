"""A mixed-integer linear model as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats
from lendplan.solvers.sparse import Sparse


@dataclass(frozen=True)
class ArrayModel:
    """Maximise cost·x + offset, row_lower ≤ matrix·x ≤ row_upper, lower ≤ x ≤ upper; c columns, r rows."""

    cost: Floats  # (c,)
    lower: Floats  # (c,)
    upper: Floats  # (c,)
    integer: NDArray[np.bool_]  # (c,)
    matrix: Sparse  # (r, c)
    row_lower: Floats  # (r,)
    row_upper: Floats  # (r,)
    offset: float = 0.0

    def relaxed(self) -> ArrayModel:
        """Return the same model with every column continuous."""
        return replace(self, integer=np.zeros_like(self.integer))
