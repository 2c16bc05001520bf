"""Cell references: ``B17``, ``$B$17``, ``A1:D9``, and what a defined name refers to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_ROW, MAX_COLUMN = 1_048_576, 16_384

_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9]\d{0,6})")
_ON_SHEET = re.compile(r"(?:'((?:[^']|'')+)'|([^'!]+))!(.+)", re.DOTALL)


def column_number(letters: str) -> int:
    """Return the number of a column, from 1."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


@lru_cache(MAX_COLUMN)
def column_letters(number: int) -> str:
    """Return the letters of a column, the first is 1."""
    letters = ""
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(65 + digit) + letters
    return letters


def cell_of(reference: str) -> tuple[int, int] | None:
    """Return row and column of one cell, both from 1; None where the text is no reference to one cell."""
    match = _CELL.fullmatch(reference)
    if match is None:
        return None
    row, column = int(match[2]), column_number(match[1])
    return (row, column) if row <= MAX_ROW and column <= MAX_COLUMN else None


def split_sheet(reference: str) -> tuple[str | None, str]:
    """Split ``'My sheet'!B3`` into the sheet's name, None where there is none, and the rest."""
    match = _ON_SHEET.fullmatch(reference.strip())
    if match is None:
        return None, reference.strip()
    return (match[1].replace("''", "'") if match[1] is not None else match[2]), match[3]


@dataclass(frozen=True)
class Area:
    """A rectangle of cells; rows and columns from 1, both ends within."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int

    def __contains__(self, place: tuple[int, int]) -> bool:
        row, column = place
        return self.first_row <= row <= self.last_row and self.first_column <= column <= self.last_column

    def __str__(self) -> str:
        first = f"{column_letters(self.first_column)}{self.first_row}"
        last = f"{column_letters(self.last_column)}{self.last_row}"
        return first if first == last else f"{first}:{last}"

    def stretched(self, row: int, column: int) -> Area:
        """Return the smallest rectangle that holds this one and a cell."""
        return Area(
            min(self.first_row, row),
            min(self.first_column, column),
            max(self.last_row, row),
            max(self.last_column, column),
        )


def area_of(reference: str) -> Area | None:
    """Return the rectangle that ``A1:D9`` or ``A1`` names; None where the text names none."""
    first, _, last = reference.partition(":")
    begin = cell_of(first)
    end = cell_of(last) if last else begin
    if begin is None or end is None:
        return None
    return Area(min(begin[0], end[0]), min(begin[1], end[1]), max(begin[0], end[0]), max(begin[1], end[1]))
