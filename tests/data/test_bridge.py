"""To Arrow and back by buffers: what Arrow's own conversions give."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from lendplan.data.bridge import arrow_numbers, arrow_texts, is_missing, numpy_of, strings_of


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.5, -0.0, np.inf, 1e300]),
        np.array([1, -2, 3], dtype=np.int32),
        np.array([2**62, -1]),
        np.array([True, False, True] * 7),
        np.array([]),
        np.arange(20.0)[::2],
    ],
    ids=["floats", "int32", "int64", "truth values", "none", "every other"],
)
def test_numbers(values: np.ndarray) -> None:
    array = arrow_numbers(values)
    assert array.equals(pa.array(values))
    np.testing.assert_array_equal(numpy_of(array), values)
    np.testing.assert_array_equal(numpy_of(array[1:]), values[1:])


def test_nan_may_be_missing() -> None:
    values = np.array([1.0, np.nan, 3.0] * 5)
    array = arrow_numbers(values, nan_is_null=True)
    assert array.null_count == 5
    assert array.equals(pa.array(values, from_pandas=True))
    np.testing.assert_array_equal(numpy_of(array), values)
    np.testing.assert_array_equal(numpy_of(array[4:]), values[4:])
    np.testing.assert_array_equal(is_missing(array[4:]), np.isnan(values[4:]))
    assert arrow_numbers(values).null_count == 0
    assert not is_missing(arrow_numbers(values)).any()
    assert is_missing(pa.nulls(3, pa.float64())).tolist() == [True] * 3


@pytest.mark.parametrize(
    "texts", [["a", "", "bc"], ["甲", "", "a", "é😀"], [], [""] * 3], ids=["letters", "wide", "none", "blank"]
)
def test_texts(texts: list[str]) -> None:
    array = arrow_texts(texts)
    assert array.equals(pa.array(texts, pa.large_string()))
    assert strings_of(array) == texts
    assert strings_of(array[1:]) == texts[1:]
    for kind in (pa.string(), pa.string_view()):
        assert strings_of(pa.array(texts, kind)) == texts


def test_missing_texts_are_blank() -> None:
    assert strings_of(pa.array(["a", None, "甲", None])) == ["a", "", "甲", ""]
    assert strings_of(pa.array([None, None], pa.large_string())) == ["", ""]
