"""Numbers out of cells: full-width digits and thousands separators normalised, `%` and `bp` read, the rest refused."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import (
    SMALL,
    arrow_numbers,
    is_missing,
    kernels,
    numpy_of,
    packed_bytes,
    strings_of,
)
from lendplan.data.cells import BadCell, Cells, RawColumn, cell_text, is_blank, is_text, objects
from lendplan.data.findings import shown

Floats = NDArray[np.float64]

PLAIN = b"0123456789eE.+-"
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?", re.ASCII)
SHARE = re.compile(r"(?P<number>.*?)\s*(?P<unit>%|bps?)", re.IGNORECASE | re.DOTALL)
EXPONENT = {"%": -2, "bp": -4, "bps": -4}
WIDE = str.maketrans("０１２３４５６７８９．，％－＋−ｅＥ\u3000\u00a0", "0123456789.,%-+-eE  ")


def parse_number(text: str, *, is_share: bool) -> float | str:
    """Read one number, or say why it is none.

    Parameters
    ----------
    text
        Digits with a decimal point; thousands separators and full-width digits are understood.
    is_share
        Whether ``4%`` and ``400bp`` are understood.

    Returns
    -------
    float
        The number, as a fraction where it was a share.
    str
        What is wrong with `text`, where it is no finite number.
    """
    plain = text.translate(WIDE).strip()
    exponent = 0
    match = SHARE.fullmatch(plain)
    if match is not None:
        if not is_share:
            return f"{shown(text)} is a share, and an amount is wanted; write it with digits alone"
        plain, exponent = match["number"], EXPONENT[match["unit"].lower()]
    if GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not NUMBER.fullmatch(plain):
        if plain.lstrip("+-").lower() in {"nan", "inf", "infinity", "na", "n/a", "null", "none"}:
            return f"{shown(text)} is no number; leave the cell blank where there is no value"
        if re.fullmatch(r"[+-]?\d+,\d+", plain):
            return f"{shown(text)} is no number; write decimals with a point"
        return f"{shown(text)} is no number; write it with digits"
    # Decimal, so that 4.65% is the float nearest to 0.0465.
    try:
        number = float(Decimal(plain).scaleb(exponent)) if exponent else float(plain)
    except ArithmeticError:
        number = float("inf")
    return number if np.isfinite(number) else f"{shown(text)} is beyond the range of numbers"


def numbers_of(column: RawColumn, *, is_share: bool) -> Cells[Floats]:
    """Read a column as numbers.

    Parameters
    ----------
    column
        An Arrow array, or mixed cells, (rows,).
    is_share
        Whether ``4%`` and ``400bp`` are understood.

    Returns
    -------
    Cells
        float64, NaN where blank or at fault.
    """
    if isinstance(column, np.ndarray):
        plain = _plain_floats(column)
        return _numbers_of_objects(column, is_share) if plain is None else Cells(plain)
    import pyarrow as pa

    from lendplan.data.arrowtexts import code_numbers

    kind = column.type
    if pa.types.is_dictionary(kind):
        if is_text(kind.value_type):
            texts = strings_of(column.dictionary)
            return _numbers_of_codes(code_numbers(column.indices, len(texts)), texts, is_share)
        column = column.dictionary_decode()
        kind = column.type
    rows = len(column)
    if pa.types.is_null(kind):
        return Cells(np.full(rows, np.nan))
    if is_text(kind):
        return _numbers_of_text(column, is_share)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return Cells(np.full(rows, np.nan), [(None, f"holds {kind}, and numbers are wanted")])
    values = numpy_of(column if pa.types.is_float64(kind) else column.cast(pa.float64(), safe=False))
    odd = np.flatnonzero(~np.isfinite(values) & ~is_missing(column))
    faults: list[tuple[int | None, str]] = [
        (int(row), f"{values[row]} is no number; leave the cell blank where there is no value") for row in odd
    ]
    if odd.size:
        values = values.copy()
        values[odd] = np.nan
    return Cells(values, faults)


def _numbers_of_text(array: Any, is_share: bool) -> Cells[Floats]:
    """Read an Arrow array of text all at once where every cell is plain, else each distinct text."""
    from lendplan.data.arrowtexts import large

    if len(array) < SMALL:
        return _numbers_of_objects(objects(strings_of(array)), is_share)
    array = large(array).fill_null("")
    plain = plain_numbers(array)
    if plain is not None:
        return Cells(plain)
    coded = array.dictionary_encode()
    return _numbers_of_codes(numpy_of(coded.indices), strings_of(coded.dictionary), is_share)


def plain_numbers(array: Any) -> Floats | None:
    """Return text as numbers, NaN for '', where it has digits, points, signs and exponents alone; None otherwise.

    Parameters
    ----------
    array
        An Arrow array of large strings without nulls, (rows,).

    Notes
    -----
    Arrow's conversion rounds to the nearest float, as Python's does, and takes no text of these letters that
    Python does not take.
    """
    import pyarrow as pa

    ends, letters = packed_bytes(array)
    if len(array) and ends[-1] > ends[0]:
        is_plain = np.zeros(256, dtype=bool)
        is_plain[list(PLAIN)] = True
        if not is_plain[letters[ends[0] : ends[-1]]].all():
            return None
    is_blank = ends[1:] == ends[:-1]
    if is_blank.any():
        array = kernels().if_else(arrow_numbers(is_blank), pa.scalar(None, pa.large_string()), array)
    try:
        values: Floats = numpy_of(array.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None
    return values if np.isfinite(values[~is_blank]).all() else None


def _numbers_of_codes(codes: NDArray[np.int32], texts: list[str], is_share: bool) -> Cells[Floats]:
    """Read each distinct text once; a code beyond them is blank."""
    read = _numbers_of_objects(objects([*texts, ""]), is_share)
    result = Cells(read.values[codes])
    faults = {code: message for code, message in read.faults if code is not None}
    changed = {code: texts for code, *texts in read.changed}
    for row in _rows_with(codes, faults):
        result.faults.append((row, faults[int(codes[row])]))
    for row in _rows_with(codes, changed):
        before, after = changed[int(codes[row])]
        result.changed.append((row, before, after))
    return result


def _rows_with(codes: NDArray[Any], told: Mapping[int, object]) -> list[int]:
    """Return the rows whose code is told of."""
    if not told:
        return []
    is_told = np.zeros(int(codes.max(initial=0)) + 1, dtype=bool)
    is_told[[code for code in told if code < len(is_told)]] = True
    return [int(row) for row in np.flatnonzero(is_told[codes])]


def _numbers_of_objects(cells: NDArray[np.object_], is_share: bool) -> Cells[Floats]:
    result = Cells(np.full(len(cells), np.nan))
    for row, cell in enumerate(cells):
        if isinstance(cell, str):
            if not cell or cell.isspace():
                continue
            number = parse_number(cell, is_share=is_share)
            if isinstance(number, float) and not NUMBER.fullmatch(cell.strip()) and not SHARE.fullmatch(cell):
                result.changed.append((row, cell, f"{number:.15g}"))
        elif is_blank(cell) or (isinstance(cell, float) and np.isnan(cell)):
            continue
        elif isinstance(cell, BadCell):
            number = cell.message
        elif isinstance(cell, (bool, np.bool_)) or not isinstance(cell, (int, float, Decimal, np.number)):
            number = f"{shown(cell_text(cell))} is no number; write it with digits"
        else:
            try:
                number = float(cell)
            except OverflowError:
                number = float("inf")
            if not np.isfinite(number):
                number = f"{shown(cell)} is no finite number"
        if isinstance(number, str):
            result.faults.append((row, number))
        else:
            result.values[row] = number
    return result


def _plain_floats(cells: NDArray[np.object_]) -> Floats | None:
    """Return cells as they are where all are finite floats, as a workbook has them; None otherwise."""
    if {*map(type, cells.tolist())} != {float}:
        return None
    numbers = cells.astype(np.float64)
    return numbers if np.isfinite(numbers).all() else None
