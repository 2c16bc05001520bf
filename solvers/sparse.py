"""A sparse matrix by columns, as HiGHS takes it; put together from entries, rows and blocks.

SciPy has all of this and more. It is not used on the way to the solver because importing ``scipy.sparse`` before
Pyomo makes Pyomo import ``scipy.stats``: together they took longer than solving a book of a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lendplan.models.measures import Floats


@dataclass(frozen=True)
class Sparse:
    """Column j holds ``data[indptr[j]:indptr[j+1]]`` in the rows ``indices[...]``; no entry stands twice."""

    indptr: NDArray[np.int32]  # (columns + 1,)
    indices: NDArray[np.int32]  # (entries,)
    data: Floats  # (entries,)
    shape: tuple[int, int]

    @property
    def nnz(self) -> int:
        """Number of entries."""
        return len(self.data)

    def entries(self) -> tuple[NDArray[np.int32], NDArray[np.int64], Floats]:
        """Return row, column and value of each entry."""
        columns = np.repeat(np.arange(self.shape[1]), np.diff(self.indptr))
        return self.indices, columns, self.data


def from_entries(rows: ArrayLike, columns: ArrayLike, values: ArrayLike, shape: tuple[int, int]) -> Sparse:
    """Build from row, column and value of each entry, shapes (entries,); zeros are left out."""
    row, column = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
    value = np.asarray(values, dtype=np.float64)
    kept = value != 0.0
    row, column, value = row[kept], column[kept], value[kept]
    order = np.lexsort((row, column))
    indptr = np.zeros(shape[1] + 1, dtype=np.int32)
    np.cumsum(np.bincount(column, minlength=shape[1]), out=indptr[1:])
    return Sparse(indptr, row[order].astype(np.int32), value[order], shape)


def from_rows(rows: Sequence[Floats], columns: int) -> Sparse:
    """Build from whole rows, each of shape (columns,), most of their numbers perhaps zero."""
    places = [np.flatnonzero(row) for row in rows]
    number = np.repeat(np.arange(len(rows)), [len(place) for place in places])
    column = np.concatenate([np.zeros(0, dtype=np.int64), *places])
    value = np.concatenate([np.zeros(0), *(row[place] for row, place in zip(rows, places, strict=True))])
    return from_entries(number, column, value, (len(rows), columns))


def stacked(blocks: Sequence[Sparse]) -> Sparse:
    """Put blocks of equal width on top of each other."""
    starts = np.cumsum([0, *(block.shape[0] for block in blocks)])
    rows, columns, values = zip(*(block.entries() for block in blocks), strict=True)
    return from_entries(
        np.concatenate([row + start for row, start in zip(rows, starts, strict=False)]),
        np.concatenate(columns),
        np.concatenate(values),
        (int(starts[-1]), blocks[0].shape[1]),
    )


def beside(left: Sparse, right: Sparse) -> Sparse:
    """Put two blocks of equal height beside each other."""
    return Sparse(
        np.concatenate([left.indptr, left.indptr[-1] + right.indptr[1:]]).astype(np.int32),
        np.concatenate([left.indices, right.indices]),
        np.concatenate([left.data, right.data]),
        (left.shape[0], left.shape[1] + right.shape[1]),
    )
