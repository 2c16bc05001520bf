"""Column tables written down as lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lendplan.data.coltable import ColumnTable
from lendplan.data.texts import Texts


def column_table(columns: Mapping[str, Sequence[str] | Sequence[float]]) -> ColumnTable:
    """Return a table: a column of text where its cells are text, else of numbers."""
    read = {
        name: Texts.of(str(cell) for cell in cells)
        if any(isinstance(cell, str) for cell in cells)
        else np.array(cells, dtype=np.float64)
        for name, cells in columns.items()
    }
    return ColumnTable(read, max((len(cells) for cells in columns.values()), default=0))
