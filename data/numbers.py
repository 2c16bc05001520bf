"""Numbers out of cells: full-width digits and thousands separators normalised, `%` and `bp` read, the rest refused."""

import re
from decimal import Decimal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lendplan.data.cells import BadCell, Cells, arrow, cell_text, is_blank, is_text
from lendplan.data.findings import shown

PLAIN = re.compile(r"[0-9eE.+\-]*")
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


def numbers_of(column: pd.Series, *, is_share: bool) -> Cells:
    """Read a column as numbers.

    Parameters
    ----------
    column
        Text, an Arrow or numpy type, or mixed cells, (rows,).
    is_share
        Whether ``4%`` and ``400bp`` are understood.

    Returns
    -------
    Cells
        float64, NaN where blank or at fault.
    """
    if column.dtype == object:
        return _numbers_of_objects(column.to_numpy(), is_share)
    import pyarrow as pa

    array = arrow(column)
    kind = array.type
    rows = len(array)
    if pa.types.is_null(kind):
        return Cells(np.full(rows, np.nan))
    if is_text(kind):
        texts = array.cast(pa.large_string()).fill_null("").to_numpy(zero_copy_only=False)
        return _numbers_of_text(texts, is_share)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return Cells(np.full(rows, np.nan), [(None, f"holds {kind}, and numbers are wanted")])
    is_null = array.is_null().to_numpy(zero_copy_only=False)
    values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    values = np.array(values, dtype=np.float64)
    odd = np.flatnonzero(~np.isfinite(values) & ~is_null)
    faults: list[tuple[int | None, str]] = [
        (int(row), f"{values[row]} is no number; leave the cell blank where there is no value") for row in odd
    ]
    values[odd] = np.nan
    return Cells(values, faults)


def _numbers_of_text(texts: NDArray[np.object_], is_share: bool) -> Cells:
    """Read text all at once where every cell is plain, cell by cell where it is not."""
    values = np.full(len(texts), np.nan)
    filled = np.flatnonzero(texts != "")
    plain = texts[filled]
    if PLAIN.fullmatch("".join(plain)):
        try:
            with np.errstate(over="ignore"):
                values[filled] = plain.astype(np.float64)
        except ValueError:
            pass
        else:
            if np.isfinite(values[filled]).all():
                return Cells(values)
    return _numbers_of_objects(texts, is_share)


def _numbers_of_objects(cells: NDArray[np.object_], is_share: bool) -> Cells:
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
