"""NumPy and Python to Arrow and back, by their buffers.

Arrow's own conversions (``pyarrow.array``, ``Array.to_numpy``) import pandas where it is installed, and its methods on
whole columns import ``pyarrow.compute``: each takes longer than a book of a hundred takes from file to plan.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL = 20_000
"""Rows below which a loop in Python is over before Arrow's functions are imported."""


def kernels() -> Any:
    """Return ``pyarrow.compute``; it makes its functions while it is imported, so no type checker knows them."""
    import pyarrow.compute

    return pyarrow.compute


def release() -> None:
    """Return to the system what Arrow has set aside and does not use."""
    if "pyarrow" in sys.modules:
        import pyarrow

        pyarrow.default_memory_pool().release_unused()


def arrow_numbers(values: NDArray[Any], *, nan_is_null: bool = False) -> Any:
    """Return numbers or truth values, (n,), as an Arrow array; numbers are shared, not copied.

    Parameters
    ----------
    values
        float64, a whole number type, or bool.
    nan_is_null
        Whether NaN becomes a missing value.
    """
    import pyarrow as pa

    if values.dtype == bool:
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])
    kind = pa.from_numpy_dtype(values.dtype)
    validity = None
    if nan_is_null:
        is_known = ~np.isnan(values)
        validity = None if is_known.all() else _bits(is_known)
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [validity, buffer])


def _bits(values: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(values, bitorder="little"))


def arrow_texts(texts: list[str]) -> Any:
    """Return texts as an Arrow array of large strings."""
    import pyarrow as pa

    coded = [text.encode() for text in texts]
    ends = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(one) for one in coded], out=ends[1:])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(coded))]
    return pa.Array.from_buffers(pa.large_string(), len(texts), buffers)


def numpy_of(array: Any) -> NDArray[Any]:
    """Return an Arrow array of numbers or truth values as NumPy's, (n,); a missing number is NaN.

    Whole numbers and truth values must not be missing. The array may be read-only.
    """
    import pyarrow as pa

    validity, data = array.buffers()
    rows, first = len(array), array.offset
    if data is None:
        return np.zeros(rows, dtype=array.type.to_pandas_dtype())
    if pa.types.is_boolean(array.type):
        return _from_bits(data, first, rows)
    values = np.frombuffer(data, dtype=array.type.to_pandas_dtype())[first : first + rows]
    if array.null_count and values.dtype.kind == "f":
        values = np.where(_from_bits(validity, first, rows), values, np.nan)
    return values


def _from_bits(buffer: Any, first: int, rows: int) -> NDArray[np.bool_]:
    octets = np.frombuffer(buffer, dtype=np.uint8)
    return np.unpackbits(octets, count=first + rows, bitorder="little")[first:].astype(bool)


def is_missing(array: Any) -> NDArray[np.bool_]:
    """Return where an Arrow array has no value, (n,)."""
    if not array.null_count:
        return np.zeros(len(array), dtype=bool)
    validity = array.buffers()[0]
    if validity is None:  # an array of nothing but nulls
        return np.ones(len(array), dtype=bool)
    return ~_from_bits(validity, array.offset, len(array))


def strings_of(array: Any) -> list[str]:
    """Return an Arrow array of text as Python's; what is missing is ''."""
    import pyarrow as pa

    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        array = array.cast(pa.large_string())
    ends, letters = packed_bytes(array)
    if not len(array) or ends[0] == ends[-1]:
        return [""] * len(array)
    data = letters[ends[0] : ends[-1]].tobytes()
    places = (ends - ends[0]).tolist()
    text = data.decode()
    if len(text) == len(data):  # a letter is a byte
        found = [text[start:end] for start, end in pairwise(places)]
    else:
        found = [data[start:end].decode() for start, end in pairwise(places)]
    if array.null_count:
        for row in np.flatnonzero(is_missing(array)).tolist():
            found[row] = ""
    return found


def packed_bytes(array: Any) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the ends of each text, (rows + 1,), and all bytes they count in; of strings or large strings."""
    import pyarrow as pa

    _, offsets, data = array.buffers()
    first, rows = array.offset, len(array)
    if offsets is None or not rows:
        return np.zeros(rows + 1, dtype=np.int64), np.empty(0, dtype=np.uint8)
    kind = np.int64 if pa.types.is_large_string(array.type) else np.int32
    ends = np.frombuffer(offsets, dtype=kind)[first : first + rows + 1].astype(np.int64, copy=False)
    letters = np.empty(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return ends, letters
