"""Columns to comma-separated text, a block of rows at a time; many rows by Arrow's joins, without a loop over them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import SMALL, arrow_numbers, arrow_texts, kernels, numpy_of, packed_bytes
from lendplan.data.texts import Texts

Column = Texts | NDArray[np.float64]

_SPECIAL = re.compile(r'[,"\r\n]')
_AS_IT_STANDS = (1e-4, 1e9)
"""Magnitudes that both Arrow and Python write without an exponent."""


def header(names: Sequence[str]) -> bytes:
    """Return the line of column names."""
    return (",".join(_quoted(name) for name in names) + "\n").encode()


def rows(columns: Sequence[Column]) -> bytes:
    """Return rows as comma-separated text in UTF-8, each ended by LF.

    Parameters
    ----------
    columns
        Text, or numbers that are finite or NaN; each (rows,). Numbers are written as Python writes them, the shortest
        text that is read as the same number; NaN as nothing. Cells with commas, quotes or line breaks are quoted.
    """
    return few_rows(columns) if len(columns[0]) < SMALL else many_rows(columns)


def few_rows(columns: Sequence[Column]) -> bytes:
    """Return rows as `rows` does, one by one."""
    cells = [
        column.mapped(_quoted).tolist()
        if isinstance(column, Texts)
        else ["" if math.isnan(value) else repr(value) for value in column.tolist()]
        for column in columns
    ]
    return "".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode()


def many_rows(columns: Sequence[Column]) -> bytes:
    """Return rows as `rows` does, all at once."""
    join = kernels().binary_join_element_wise
    cells = [_texts(column) if isinstance(column, Texts) else _numbers(column) for column in columns]
    cells[-1] = join(cells[-1], _text("\n"), _text(""))
    ends, letters = packed_bytes(join(*cells, _text(",")))
    return letters[int(ends[0]) : int(ends[-1])].tobytes()


def _text(text: str) -> Any:
    import pyarrow as pa

    return pa.scalar(text, pa.large_string())


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


def _texts(texts: Texts) -> Any:
    """Return cells of text, (rows,); each distinct value is looked at once where there are few."""
    if not texts.is_packed:
        return texts.mapped(_quoted).arrow()
    compute = kernels()
    array = texts.arrow()
    special = compute.match_substring_regex(array, _SPECIAL.pattern)
    if not numpy_of(special).any():
        return array
    doubled = compute.replace_substring(array, '"', '""')
    quoted = compute.binary_join_element_wise(_text('"'), doubled, _text('"'), _text(""))
    return compute.if_else(special, quoted, array)


def _numbers(values: NDArray[np.float64]) -> Any:
    """Return numbers as Python's ``repr`` writes them, NaN as '', an Arrow array of large strings, (rows,)."""
    import pyarrow as pa

    compute = kernels()
    magnitude = np.abs(values)
    is_blank = np.isnan(values)
    is_plain = (magnitude >= _AS_IT_STANDS[0]) & (magnitude < _AS_IT_STANDS[1]) | (magnitude == 0)
    written = arrow_numbers(values).cast(pa.large_string())
    # Arrow leaves the point out where nothing follows it.
    is_whole = is_plain & (np.trunc(values) == values)
    if is_whole.any():
        pointed = compute.binary_join_element_wise(written, _text(".0"), _text(""))
        has_point = compute.match_substring(written, ".")
        written = compute.if_else(compute.and_not(arrow_numbers(is_whole), has_point), pointed, written)
    is_other = ~is_plain & ~is_blank
    if is_other.any():
        spelled = arrow_texts([repr(value) for value in values[is_other].tolist()])
        written = compute.replace_with_mask(written, arrow_numbers(is_other), spelled)
    if is_blank.any():
        written = compute.if_else(arrow_numbers(is_blank), _text(""), written)
    return written
