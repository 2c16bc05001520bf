"""The allocations of a large plan, both files of them, some rows at a time."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from lendplan.certify.allocations import NUMBERS, Allocations, allocations_in
from lendplan.data.datasets import Dataset, find_dataset, read_stretch, stretches
from lendplan.data.findings import Finding, InputError
from lendplan.data.separated import parse_separated
from lendplan.data.sources import utf8_of
from lendplan.data.tables import RawTable

_PIECE = 1 << 23
_QUOTE, _LINE_FEED = 34, 10


class AllocationsInParts:
    """Both files of allocations, some rows at a time.

    Parameters
    ----------
    folder
        Of the plan.

    Raises
    ------
    InputError
        If one is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "allocations.csv"
        self._parquet: Dataset = find_dataset(folder / "allocations.parquet")
        self._first = 0
        self._lines = _lines(self._path)
        self._header, self._left, self._open = b"", b"", 0
        self._header = self._lines_of(1)

    def take(self, rows: int) -> tuple[Allocations, Allocations]:
        """Return the next rows of both, or as many as there are."""
        data, encoding = utf8_of(self._header + self._lines_of(rows), self._path)
        columns, line = parse_separated(data, self._path, NUMBERS)
        table = allocations_in(RawTable(self._path, None, "", encoding, columns, line + self._first))
        found = stretches(self._parquet, self._first, self._first + rows)
        self._first += rows
        if len(found) != 1:
            return table, replace(table, header=("nothing",))
        return table, allocations_in(read_stretch(found[0]))

    @property
    def rest(self) -> str:
        """What is left unread, in words; '' where nothing is."""
        more = [
            *(["allocations.csv has further rows"] if self._lines_of(1).strip() else []),
            *(["allocations.parquet has further rows"] if self._parquet.rows > self._first else []),
        ]
        return "; ".join(more)

    def _lines_of(self, rows: int) -> bytes:
        """Return so many lines, their ends within quotes left out of the count."""
        pieces = []
        while rows:
            self._left = self._left or next(self._lines, b"")
            if not self._left:
                break
            letters = np.frombuffer(self._left, dtype=np.uint8)
            inside = (np.cumsum(letters == _QUOTE) + self._open) & 1
            ends = np.flatnonzero((letters == _LINE_FEED) & (inside == 0))
            if len(ends) >= rows:
                cut = int(ends[rows - 1]) + 1
                pieces.append(self._left[:cut])
                self._left, self._open = self._left[cut:], 0
                break
            rows -= len(ends)
            pieces.append(self._left)
            self._left, self._open = b"", int(inside[-1])
        return b"".join(pieces)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except OSError as error:
        raise InputError(Finding(f"cannot be read: {error.strerror or error}", file=str(path))) from error
