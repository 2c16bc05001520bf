"""The sparse matrices against SciPy's."""

import numpy as np
import pytest
import scipy.sparse as sp

from lendplan.solvers.sparse import Sparse, beside, from_entries, from_rows, stacked


def drawn(seed: int, rows: int, columns: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.where(draw.random((rows, columns)) < 0.4, draw.normal(size=(rows, columns)), 0.0)


def dense(matrix: Sparse) -> np.ndarray:
    return sp.csc_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape).toarray()


@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (0, 4), (4, 0), (7, 2)])
def test_rows_and_entries_make_the_matrix(shape: tuple[int, int]) -> None:
    whole = drawn(1, *shape)
    np.testing.assert_array_equal(dense(from_rows(list(whole), shape[1])), whole)
    row, column = np.nonzero(whole)
    order = np.random.default_rng(2).permutation(len(row))
    made = from_entries(row[order], column[order], whole[row, column][order], shape)
    np.testing.assert_array_equal(dense(made), whole)
    assert made.nnz == np.count_nonzero(whole)


def test_zeros_are_left_out() -> None:
    assert from_entries([0, 1], [0, 1], [0.0, 2.0], (2, 2)).nnz == 1


def test_blocks_stand_on_top_of_and_beside_each_other() -> None:
    one, two = drawn(3, 2, 4), drawn(4, 3, 4)
    top, bottom = from_rows(list(one), 4), from_rows(list(two), 4)
    np.testing.assert_array_equal(dense(stacked([top, bottom])), np.vstack([one, two]))
    left, right = drawn(5, 3, 4), drawn(6, 3, 2)
    joined = beside(from_rows(list(left), 4), from_rows(list(right), 2))
    np.testing.assert_array_equal(dense(joined), np.hstack([left, right]))


def test_entries_are_given_back() -> None:
    whole = drawn(7, 4, 3)
    matrix = from_rows(list(whole), 3)
    row, column, value = matrix.entries()
    np.testing.assert_array_equal(whole[row, column], value)
