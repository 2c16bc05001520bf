"""Arrow's text to `Texts` without surrounding blanks; most of it is looked at as bytes, not as Python strings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lendplan.data.bridge import SMALL, arrow_texts, is_missing, numpy_of, packed_bytes, strings_of
from lendplan.data.cells import Cells
from lendplan.data.texts import Texts

SAMPLE = 4096
"""Rows that are looked at to see whether values repeat."""


def _bytes_at_the_edge(*ranges: tuple[int, int]) -> NDArray[np.bool_]:
    found = np.zeros(256, dtype=bool)
    for first, last in ranges:
        found[first : last + 1] = True
    return found


# What a blank's UTF-8 may begin and end with: the control characters and the space; U+0085 and U+00A0 (C2 …),
# U+1680 (E1 9A 80), U+2000 to U+205F (E2 80 80 … E2 81 9F) and U+3000 (E3 80 80).
_FIRST = _bytes_at_the_edge((0, 0x20), (0xC2, 0xC2), (0xE1, 0xE3))
_LAST = _bytes_at_the_edge((0, 0x20), (0x80, 0x8A), (0x9F, 0xA0), (0xA8, 0xA9), (0xAF, 0xAF))


def texts_of_arrow(array: Any) -> Cells[Texts]:
    """Read an Arrow array of large strings, or of codes into text; null is blank.

    Parameters
    ----------
    array
        One array, (rows,).
    """
    if pa.types.is_dictionary(array.type):
        return _coded(array.indices, array.dictionary)
    if len(array) < SMALL:
        return _each(strings_of(array))
    array = large(array)
    if array.null_count:
        array = array.fill_null("")
    if not repeats(array):
        return _packed(array)
    found = array.dictionary_encode()
    return _coded(found.indices, found.dictionary)


def _each(before: list[str]) -> Cells[Texts]:
    after = [text.strip() for text in before]
    pairs = enumerate(zip(before, after, strict=True))
    return Cells(
        Texts.of(after), [], [(row, one, other) for row, (one, other) in pairs if one != other != ""]
    )


def code_numbers(indices: Any, missing: int) -> NDArray[np.int32]:
    """Return the codes of an Arrow dictionary array, (rows,), another number where a value is missing."""
    if indices.null_count:
        return np.where(is_missing(indices), missing, numpy_of(indices)).astype(np.int32)
    return numpy_of(indices).astype(np.int32, copy=False)


def large(array: Any) -> Any:
    """Return an Arrow array of text as one of large strings."""
    return array if pa.types.is_large_string(array.type) else array.cast(pa.large_string())


def repeats(array: Any) -> bool:
    """Whether the values of an Arrow array repeat, by its first rows."""
    head = array[:SAMPLE]
    return bool(2 * len(head.unique()) <= len(head)) or len(head) <= 1


def _coded(indices: Any, dictionary: Any) -> Cells[Texts]:
    """Strip each value once, however often it stands there."""
    before = strings_of(dictionary)
    codes = code_numbers(indices, len(before))
    if indices.null_count:
        before.append("")
    after = [text.strip() for text in before]
    result = Cells(Texts.recoded(codes, after))
    is_changed = np.array([one != other != "" for one, other in zip(before, after, strict=True)], dtype=bool)
    if is_changed.any():
        rows = np.flatnonzero(is_changed[codes])
        result.changed = [(int(row), before[codes[row]], after[codes[row]]) for row in rows]
    return result


def _packed(array: Any) -> Cells[Texts]:
    """Strip where the first or the last byte may belong to a blank."""
    ends, letters = packed_bytes(array)
    filled = np.flatnonzero(ends[1:] > ends[:-1])
    at_edge = _FIRST[letters[ends[:-1][filled]]] | _LAST[letters[ends[1:][filled] - 1]]
    changed: list[tuple[int, str, str]] = []
    blank: list[int] = []
    for row in filled[at_edge].tolist():
        before = array[row].as_py()
        after = before.strip()
        if after != before:
            if after:
                changed.append((row, before, after))
            else:
                blank.append(row)
    if changed or blank:
        texts = strings_of(array)
        for row in blank:
            texts[row] = ""
        for row, _, after in changed:
            texts[row] = after
        array = arrow_texts(texts)
    return Cells(Texts.packed(array), [], changed)
