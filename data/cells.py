"""Cells of any origin to typed columns: text as str, numbers as float64, and what could be read as neither."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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


def is_blank(value: object) -> bool:
    """Whether a cell says nothing."""
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, str) and not value.strip())
    )


def objects(values: list[Any]) -> NDArray[np.object_]:
    """Return an array of the values themselves, shape (rows,), whatever they are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def cell_text(cell: object) -> str:  # noqa: PLR0911
    """Return a cell as text: whole numbers without a point, dates by ISO 8601, blanks as ''."""
    if isinstance(cell, BadCell):
        return cell.text
    if isinstance(cell, str):
        return cell.strip()
    if is_blank(cell):
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

        kind = arrow(column.iloc[:0]).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        is_exact = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
        if not (is_exact or is_text(kind) or pa.types.is_null(kind)):
            message = f"holds {kind}, which may have changed the ids; store them as text"
            return Cells(objects([""] * len(column)), [(None, message)])
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

        array = arrow(column)
        kind = array.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return Cells(objects([""] * len(array)), [(None, f"holds {kind}, and text is wanted")])
        if pa.types.is_floating(kind):
            known = pa.array(array.to_numpy(zero_copy_only=False), from_pandas=True)  # NaN becomes null
            return _texts_of_arrow(known.cast(pa.large_string()))
        if is_text(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
            return _texts_of_arrow(array.cast(pa.large_string()))
        return _texts_of_objects(objects(array.to_pylist()), convert)
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
    after = objects([text.strip() for text in before])
    result = Cells(after[codes])
    rows = np.flatnonzero(((before != after) & (after != ""))[codes])
    result.changed += [(int(row), str(before[codes[row]]), str(after[codes[row]])) for row in rows]
    return result


def is_text(kind: Any) -> bool:
    """Whether an Arrow type holds text."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def arrow(column: pd.Series) -> Any:
    """Return a column as one Arrow array; pandas' missing values are null, dictionaries are spelled out."""
    import pyarrow as pa

    array = pa.array(column)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # an empty one, or text beyond 2 GiB
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], type=array.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
