"""A table as named columns of text and of numbers; data frames are made of it at the edge alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.texts import Texts

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnTable:
    """Named columns of equal length, never changed.

    Parameters
    ----------
    columns
        Name → text ('' for blank), or float64 (NaN for blank), each (rows,).
    rows
        Number of rows.
    """

    columns: Mapping[str, Texts | Floats]
    rows: int

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.columns)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column as an array of Python strings or of numbers, (rows,)."""
        column = self.columns[name]
        return column.objects() if isinstance(column, Texts) else column

    def is_text(self, name: str) -> bool:
        """Whether a column holds text."""
        return isinstance(self.columns[name], Texts)

    def texts(self, name: str) -> Texts:
        """Return a column of text.

        Raises
        ------
        TypeError
            If it holds numbers.
        """
        column = self.columns[name]
        if not isinstance(column, Texts):
            raise TypeError(f"column {name!r} holds numbers")
        return column

    def numbers(self, name: str) -> Floats:
        """Return a column of numbers, (rows,).

        Raises
        ------
        TypeError
            If it holds text.
        """
        column = self.columns[name]
        if isinstance(column, Texts):
            raise TypeError(f"column {name!r} holds text")
        return column

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame."""
        import pandas as pd

        return pd.DataFrame({name: self[name] for name in self.columns})
