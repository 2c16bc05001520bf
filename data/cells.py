"""Cells of any origin to typed columns: text as str, numbers as float64, and what could be read as neither."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import SMALL, arrow_numbers, numpy_of
from lendplan.data.texts import Texts, strings

RawColumn = Any
"""A column as it was read: an Arrow array, or an object array of cells, (rows,)."""

Values = TypeVar("Values")

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
class Cells(Generic[Values]):
    """A typed column, and what was found while it was read.

    Parameters
    ----------
    values
        `Texts` with '' for blank, or float64 with NaN for blank, (rows,).
    faults
        Row positions and what is wrong there; position None stands for the whole column.
    changed
        Row position, text as it stood, text it was read as: normalised, to be logged.
    unread
        Where a cell is at fault, (rows,), if `faults` names the first of several alike only; else None.
    """

    values: Values
    faults: list[tuple[int | None, str]] = field(default_factory=list)
    changed: list[tuple[int, str, str]] = field(default_factory=list)
    unread: NDArray[np.bool_] | None = None


def is_blank(value: object) -> bool:
    """Whether a cell says nothing."""
    return value is None or (isinstance(value, str) and not value.strip())


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


def texts_of(column: RawColumn) -> Cells[Texts]:
    """Read a column as text without surrounding blanks.

    Parameters
    ----------
    column
        An Arrow array, or mixed cells, (rows,).

    Returns
    -------
    Cells
        Text, '' where blank.
    """
    return _texts(column, _any_text)


def ids_of(column: RawColumn, *, may_be_blank: bool = False) -> Cells[Texts]:
    """Read a column as ids: text without surrounding blanks, never a number that may have lost digits.

    Parameters
    ----------
    column
        An Arrow array of text or of whole numbers of an exact type, or a workbook's cells, (rows,).
    may_be_blank
        Whether a blank is no fault.

    Returns
    -------
    Cells
        Text; a fault where an id is a date, a truth value, a number not kept exactly, or blank.
    """
    if not isinstance(column, np.ndarray):
        import pyarrow as pa

        kind = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        is_exact = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
        if not (is_exact or is_text(kind) or pa.types.is_null(kind)):
            message = f"holds {kind}, which may have changed the ids; store them as text"
            return Cells(Texts.repeated("", len(column)), [(None, message)])
    result = _texts(column, _id_text)
    if may_be_blank:
        return result
    blank = np.flatnonzero(result.values.equals(""))
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


def _texts(column: RawColumn, convert: Callable[[object], tuple[str, str]]) -> Cells[Texts]:
    if isinstance(column, np.ndarray):
        return _texts_of_objects(column, convert)
    import pyarrow as pa

    from lendplan.data.arrowtexts import texts_of_arrow

    kind = column.type
    if pa.types.is_dictionary(kind) and not is_text(kind.value_type):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return Cells(Texts.repeated("", len(column)), [(None, f"holds {kind}, and text is wanted")])
    if pa.types.is_floating(kind):
        known = arrow_numbers(numpy_of(column), nan_is_null=True)
        return texts_of_arrow(known.cast(pa.large_string()))
    if is_text(kind):
        return texts_of_arrow(column)
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return texts_of_arrow(column.cast(pa.large_string()))
    if pa.types.is_dictionary(kind):
        return texts_of_arrow(column)
    return _texts_of_objects(objects(column.to_pylist()), convert)


def _texts_of_objects(
    cells: NDArray[np.object_], convert: Callable[[object], tuple[str, str]]
) -> Cells[Texts]:
    listed: list[Any] = cells.tolist()
    quick = _whole_numbers(listed) or _plain_texts(listed) if len(listed) >= SMALL else None
    if quick is not None:
        return Cells(quick)
    texts: list[str] = []
    faults: list[tuple[int | None, str]] = []
    changed: list[tuple[int, str, str]] = []
    for row, cell in enumerate(listed):
        if type(cell) is str:
            text = cell.strip()
            if text and text != cell:
                changed.append((row, cell, text))
        else:
            text, fault = convert(cell)
            if fault:
                faults.append((row, fault))
        texts.append(text)
    return Cells(Texts.of(texts), faults, changed)


def _plain_texts(cells: list[Any]) -> Texts | None:
    """Return cells as text where all are text without surrounding blanks; each distinct one is looked at once."""
    if {*map(type, cells)} != {str}:
        return None
    place = {text: code for code, text in enumerate(dict.fromkeys(cells))}
    if any(text != text.strip() for text in place):
        return None
    codes = np.fromiter(map(place.__getitem__, cells), dtype=np.int32, count=len(cells))
    return Texts(codes, strings(list(place)))


def _whole_numbers(cells: list[Any]) -> Texts | None:
    """Return cells as text where all are whole numbers that a spreadsheet keeps exactly."""
    if {*map(type, cells)} != {float}:
        return None
    numbers = np.array(cells, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        if not ((np.trunc(numbers) == numbers) & (np.abs(numbers) < 10**EXACT_DIGITS)).all():
            return None
    import pyarrow as pa

    return Texts.packed(arrow_numbers(numbers.astype(np.int64)).cast(pa.large_string()))


def is_text(kind: Any) -> bool:
    """Whether an Arrow type holds text."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def one_array(column: Any) -> Any:
    """Return an Arrow column of any number of chunks as one array."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks == 1:
            return column.chunk(0)
        column = column.unify_dictionaries().combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # an empty one, or text beyond 2 GiB
        if column.num_chunks:
            return pa.concat_arrays([_large(chunk) for chunk in column.chunks])
        return pa.nulls(0, type=column.type)
    return column


def _large(array: Any) -> Any:
    import pyarrow as pa

    return array.cast(pa.large_string()) if is_text(array.type) else array


def cells_of(column: RawColumn) -> NDArray[np.object_]:
    """Return a column as an object array of its cells, None for what is missing, (rows,)."""
    return column if isinstance(column, np.ndarray) else objects(column.to_pylist())
