"""Cells of any origin to typed columns: text as str, numbers as float64, and what could be read as neither."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lendplan.data.findings import shown

PLAIN = re.compile(r"[0-9eE.+\-]*")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?", re.ASCII)
SHARE = re.compile(r"(?P<number>.*?)\s*(?P<unit>%|bps?)", re.IGNORECASE | re.DOTALL)
EXPONENT = {"%": -2, "bp": -4, "bps": -4}
WIDE = str.maketrans("０１２３４５６７８９．，％－＋−ｅＥ\u3000\u00a0", "0123456789.,%-+-eE  ")
EXACT_DIGITS = 15
"""Whole numbers of more digits are not kept exactly by a spreadsheet."""


@dataclass(frozen=True)
class BadCell:
    """A workbook's cell whose content is no value.

    Parameters
    ----------
    text
        What it shows.
    message
        What is wrong with it, and the remedy.
    """

    text: str
    message: str


@dataclass
class Cells:
    """A typed column, and what was found while it was read.

    Parameters
    ----------
    values
        (rows,) str objects with '' for blank, or float64 with NaN for blank.
    faults
        Row positions and what is wrong there; position None stands for the whole column.
    changed
        Row position, text as it stood, text it was read as: normalised, to be logged.
    """

    values: NDArray[Any]
    faults: list[tuple[int | None, str]] = field(default_factory=list)
    changed: list[tuple[int, str, str]] = field(default_factory=list)


def _is_blank(value: object) -> bool:
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, str) and not value.strip())
    )


def _objects(values: list[Any]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


# ---------------------------------------------------------------------------------------------------- numbers
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

    array = _arrow(column)
    kind = array.type
    rows = len(array)
    if pa.types.is_null(kind):
        return Cells(np.full(rows, np.nan))
    if _is_text(kind):
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
        elif _is_blank(cell) or (isinstance(cell, float) and np.isnan(cell)):
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


# ------------------------------------------------------------------------------------------------------- text
def cell_text(cell: object) -> str:  # noqa: PLR0911
    """Return a cell as text: whole numbers without a point, dates by ISO 8601, blanks as ''."""
    if isinstance(cell, BadCell):
        return cell.text
    if isinstance(cell, str):
        return cell.strip()
    if _is_blank(cell):
        return ""
    if isinstance(cell, (bool, np.bool_)):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, (float, np.floating)):
        number = float(cell)
        if np.isnan(number):
            return ""
        return str(int(number)) if number.is_integer() and abs(number) < 10**EXACT_DIGITS else repr(number)
    if isinstance(cell, datetime):
        return (
            cell.date().isoformat() if cell.time() == time(0) and cell.tzinfo is None else cell.isoformat(" ")
        )
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell).strip()


def texts_of(column: pd.Series) -> Cells:
    """Read a column as text without surrounding blanks.

    Parameters
    ----------
    column
        Text, an Arrow or numpy type, or mixed cells, (rows,).

    Returns
    -------
    Cells
        str objects, '' where blank.
    """
    return _texts(column, _any_text)


def ids_of(column: pd.Series) -> Cells:
    """Read a column as ids: text without surrounding blanks, never a number that may have lost digits.

    Parameters
    ----------
    column
        Text, whole numbers of an exact type, or a workbook's cells, (rows,).

    Returns
    -------
    Cells
        str objects; a fault where an id is blank, a date, a truth value, or a number not kept exactly.
    """
    if column.dtype != object:
        import pyarrow as pa

        kind = _arrow(column.iloc[:0]).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        is_exact = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
        if not (is_exact or _is_text(kind) or pa.types.is_null(kind)):
            message = f"holds {kind}, which may have changed the ids; store them as text"
            return Cells(_objects([""] * len(column)), [(None, message)])
    result = _texts(column, _id_text)
    blank = np.flatnonzero(result.values == "")
    at_fault = {row for row, _ in result.faults}
    result.faults += [
        (int(row), "is blank; every row needs an id") for row in blank if int(row) not in at_fault
    ]
    return result


def _any_text(cell: object) -> tuple[str, str]:
    """Return a cell's text and what is wrong with it."""
    return cell_text(cell), cell.message if isinstance(cell, BadCell) else ""


def _id_text(cell: object) -> tuple[str, str]:
    """Return an id and what is wrong with it."""
    if isinstance(cell, BadCell):
        return "", cell.message
    if isinstance(cell, (bool, np.bool_, date, time, timedelta)):
        return "", f"{cell_text(cell)} is a date or truth value, no id; store ids as text"
    if isinstance(cell, (float, np.floating)) and not np.isnan(cell):
        if not float(cell).is_integer():
            return "", f"{cell} is a number with decimals, no id; store ids as text"
        if abs(cell) >= 10**EXACT_DIGITS:
            return (
                "",
                f"{cell:.15g} has more than {EXACT_DIGITS} digits, which are not kept; store ids as text",
            )
    return cell_text(cell), ""


def _texts(column: pd.Series, convert: Callable[[object], tuple[str, str]]) -> Cells:
    if column.dtype != object:
        import pyarrow as pa

        array = _arrow(column)
        kind = array.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return Cells(_objects([""] * len(array)), [(None, f"holds {kind}, and text is wanted")])
        if pa.types.is_floating(kind):
            known = pa.array(array.to_numpy(zero_copy_only=False), from_pandas=True)  # NaN becomes null
            return _texts_of_arrow(known.cast(pa.large_string()))
        if _is_text(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
            return _texts_of_arrow(array.cast(pa.large_string()))
        return _texts_of_objects(_objects(array.to_pylist()), convert)
    return _texts_of_objects(column.to_numpy(), convert)


def _texts_of_objects(cells: NDArray[np.object_], convert: Callable[[object], tuple[str, str]]) -> Cells:
    result = Cells(cells.copy())
    for row, cell in enumerate(cells):
        if type(cell) is str:
            text = cell.strip()
            if text != cell:
                result.values[row] = text
                if text:
                    result.changed.append((row, cell, text))
            continue
        text, fault = convert(cell)
        result.values[row] = text
        if fault:
            result.faults.append((row, fault))
    return result


def _texts_of_arrow(array: Any) -> Cells:
    """Strip each value once, however often it stands there; equal values share one object."""
    coded = array.fill_null("").dictionary_encode()
    codes = coded.indices.to_numpy()
    before = coded.dictionary.to_numpy(zero_copy_only=False)
    after = _objects([text.strip() for text in before])
    result = Cells(after[codes])
    rows = np.flatnonzero(((before != after) & (after != ""))[codes])
    result.changed += [(int(row), str(before[codes[row]]), str(after[codes[row]])) for row in rows]
    return result


# ------------------------------------------------------------------------------------------------------ Arrow
def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _arrow(column: pd.Series) -> Any:
    """Return a column as one Arrow array; pandas' missing values are null, dictionaries are spelled out."""
    import pyarrow as pa

    array = pa.array(column)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # an empty one, or text beyond 2 GiB
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], type=array.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
