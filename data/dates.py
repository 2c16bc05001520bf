"""Dates out of cells: read from text, Arrow's types, workbooks and Excel's day numbers, and never guessed.

Each distinct value is read once, since invoices by the million fall on a few thousand days.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import SMALL, is_missing, kernels, strings_of
from lendplan.data.cells import BadCell, Cells, RawColumn, cell_text, is_blank, is_text, objects
from lendplan.data.findings import shown
from lendplan.data.numbers import WIDE

Floats = NDArray[np.float64]

FIRST_YEAR, LAST_YEAR = 1990, 2100
"""Years that a date may have; others are slips far more often than dates."""
FIRST_SERIAL, LAST_SERIAL = 20_000, 60_000
"""Excel's day numbers that are taken for dates. Days since 1970 of those years are smaller, so the two never mix."""
SERIAL_OF_1970 = 25_569
"""Excel's number for 1970-01-01 in its usual system, which counts from 1900."""

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_DAY = date(FIRST_YEAR, 1, 1).toordinal() - _EPOCH
_LAST_DAY = date(LAST_YEAR, 12, 31).toordinal() - _EPOCH
_WIDE = WIDE | str.maketrans("／：", "/:")
_TIME = r"(?:[T\s]\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = tuple(
    re.compile(pattern + _TIME, re.ASCII)
    for pattern in (
        r"(\d{4})-(\d{1,2})-(\d{1,2})",
        r"(\d{4})/(\d{1,2})/(\d{1,2})",
        r"(\d{4})\.(\d{1,2})\.(\d{1,2})",
        r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日",
        r"(\d{4})(\d{2})(\d{2})(?:\.0*)?",
    )
)
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})" + _TIME, re.ASCII)
_SERIAL = re.compile(r"\d{1,7}(?:\.\d*)?", re.ASCII)
_WANTED = "write it as 2017-07-18"
_KINDS = {str, float, int, date, datetime, np.datetime64, BadCell, type(None)}
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_SECONDS = 86_400


def parse_date(cell: object) -> float | str:
    """Read one date, or say why it is none.

    Parameters
    ----------
    cell
        Text such as ``2017-07-18``, ``2017/7/18``, ``20170718``, ``2017年7月18日``, each also with a time of day;
        a date; a day number of Excel in the system of 1900. The time of day is left out.

    Returns
    -------
    float
        Days since 1970-01-01; NaN for a blank.
    str
        What is wrong with `cell`, where it is no date.
    """
    if isinstance(cell, np.datetime64):
        cell = cell.astype("datetime64[D]").item()
    if is_blank(cell):
        return float("nan")
    if isinstance(cell, str):
        return _of_text(cell)
    if isinstance(cell, BadCell):
        return cell.message
    if cell != cell:  # noqa: PLR0124 -- NaN and NaT, which stand for a blank
        return float("nan")
    if isinstance(cell, date):
        return _in_range(cell.toordinal() - _EPOCH, cell_text(cell))
    if isinstance(cell, (int, float, Decimal, np.number)) and not isinstance(cell, bool):
        return _of_number(float(cell), cell_text(cell))
    return f"{shown(cell_text(cell))} is no date; {_WANTED}"


def _of_text(text: str) -> float | str:
    plain = text.translate(_WIDE).strip()
    for pattern in _YEAR_FIRST:
        match = pattern.fullmatch(plain)
        if match:
            day = _day(*map(int, match.groups()))
            return (
                f"{shown(text)} is no day of the calendar; {_WANTED}"
                if day is None
                else _in_range(day, shown(text))
            )
    match = _YEAR_LAST.fullmatch(plain)
    if match:
        return f"{shown(text)} {_told_of_year_last(*map(int, match.groups()))}"
    if _SERIAL.fullmatch(plain):
        return _of_number(float(plain), shown(text))
    return f"{shown(text)} is no date; {_WANTED}"


def _day(year: int, month: int, day: int) -> int | None:
    try:
        return date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None


def _told_of_year_last(first: int, second: int, year: int) -> str:
    """Say how the year should come first; where both orders make a date, say both."""
    options = [
        date.fromordinal(day + _EPOCH)
        for day in dict.fromkeys((_day(year, second, first), _day(year, first, second)))
        if day is not None
    ]
    if len(options) == 2:
        words = " or ".join(f"{one.day} {one:%B}" for one in options)
        return f"may be {words}; write {options[0].isoformat()} or {options[1].isoformat()}"
    if options:
        return (
            f"has the year last, where days and months are easily taken for one another; write {options[0]}"
        )
    return f"is no day of the calendar; {_WANTED}"


def _of_number(number: float, told: str) -> float | str:
    if FIRST_SERIAL <= number <= LAST_SERIAL:
        return _in_range(int(number) - SERIAL_OF_1970, told)
    if number.is_integer() and 10_000_000 <= number < 100_000_000:
        return _of_text(str(int(number)))
    return (
        f"{told} is no date: a day number of Excel lies between {FIRST_SERIAL} and {LAST_SERIAL}; {_WANTED}"
    )


def _in_range(day: int, told: str) -> float | str:
    if _FIRST_DAY <= day <= _LAST_DAY:
        return float(day)
    meant = np.datetime64(day, "D")
    stands = told if str(meant) in told else f"{told}, that is {meant},"
    return f"{stands} lies outside the years {FIRST_YEAR} to {LAST_YEAR}"


def dates_of(column: RawColumn) -> Cells[Floats]:
    """Read a column as dates.

    Parameters
    ----------
    column
        An Arrow array, or mixed cells, (rows,).

    Returns
    -------
    Cells
        Days since 1970-01-01 as float64, NaN where blank or at fault. A fault names the first row of each distinct
        value, and how many rows have it; `unread` says which rows those are.
    """
    if isinstance(column, np.ndarray):
        return _of_objects(column)
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _of_codes(*_codes_of(column))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _of_days(column)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (is_number or is_text(kind) or pa.types.is_null(kind)):
        return Cells(np.full(len(column), np.nan), [(None, f"holds {kind}, and dates are wanted")])
    if pa.types.is_null(kind) or len(column) < SMALL:
        return _of_objects(objects(column.to_pylist()))
    return _of_codes(*_codes_of(column.dictionary_encode()))


def _codes_of(column: Any) -> tuple[NDArray[np.int32], list[Any]]:
    """Return codes and values of an Arrow dictionary array; the last value is a blank, for what is missing."""
    from lendplan.data.arrowtexts import code_numbers

    words = column.dictionary
    values = strings_of(words) if is_text(words.type) else words.to_pylist()
    return code_numbers(column.indices, len(values)), [*values, None]


def _of_objects(cells: NDArray[np.object_]) -> Cells[Floats]:
    listed: list[Any] = cells.tolist()
    # True equals 1, and what is of another kind may not be hashable: both are told of by what they look like.
    if not {*map(type, listed)} <= _KINDS:
        listed = [
            cell if type(cell) in _KINDS or isinstance(cell, date) else cell_text(cell) for cell in listed
        ]
    place = {value: code for code, value in enumerate(dict.fromkeys(listed))}
    codes = np.fromiter(map(place.__getitem__, listed), dtype=np.int32, count=len(listed))
    return _of_codes(codes, list(place))


def _of_codes(codes: NDArray[np.int32], values: Sequence[object]) -> Cells[Floats]:
    """Read each distinct value once."""
    days = np.full(len(values), np.nan)
    told: dict[int, str] = {}
    for code, value in enumerate(values):
        read = parse_date(value)
        if isinstance(read, str):
            told[code] = read
        else:
            days[code] = read
    result = Cells(days[codes])
    if told:
        is_bad = np.zeros(len(values), dtype=bool)
        is_bad[list(told)] = True
        _add_faults(result, np.flatnonzero(is_bad[codes]), codes, told)
    return result


def _of_days(column: Any) -> Cells[Floats]:
    """Read an Arrow column of dates or times."""
    import pyarrow as pa

    kind = column.type
    missing = is_missing(column)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        try:
            column = kernels().local_timestamp(column)
        except pa.ArrowException as error:
            return Cells(np.full(len(column), np.nan), [(None, f"holds {kind}: {error}")])
    if pa.types.is_date32(kind):
        days = _integers(column, np.int32).astype(np.int64)
    else:
        unit = "ms" if pa.types.is_date64(kind) else kind.unit
        days = _integers(column, np.int64) // (_UNITS[unit] * _SECONDS)
    result = Cells(np.where(missing, np.nan, days.astype(np.float64)))
    odd = np.flatnonzero(~missing & ((days < _FIRST_DAY) | (days > _LAST_DAY)))
    if odd.size:
        result.values[odd] = np.nan
        distinct = np.unique(days[odd])
        told = {day: str(_in_range(day, str(np.datetime64(day, "D")))) for day in distinct.tolist()}
        _add_faults(result, odd, days, told)
    return result


def _integers(column: Any, kind: type[np.generic]) -> NDArray[Any]:
    """Return what an Arrow array of dates or times holds, (rows,); anything where it is missing."""
    data = column.buffers()[1]
    if data is None:
        return np.zeros(len(column), dtype=kind)
    return np.frombuffer(data, dtype=kind)[column.offset : column.offset + len(column)]


def _add_faults(
    result: Cells[Floats], rows: NDArray[np.int64], keys: NDArray[Any], told: dict[int, str]
) -> None:
    """Name the first row of each value at fault, and how many rows have it."""
    if not rows.size:
        return
    found, first, count = np.unique(keys[rows], return_index=True, return_counts=True)
    for at in np.argsort(first).tolist():
        many = "" if count[at] == 1 else f" ({count[at]:,} rows, this is the first)"
        result.faults.append((int(rows[first[at]]), f"{told[int(found[at])]}{many}"))
    result.unread = np.zeros(len(result.values), dtype=bool)
    result.unread[rows] = True


__all__ = ["FIRST_SERIAL", "FIRST_YEAR", "LAST_SERIAL", "LAST_YEAR", "dates_of", "parse_date"]
