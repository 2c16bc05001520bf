"""Large comma-separated files at once: their layout is found byte by byte in NumPy, their cells are cut out by Arrow.

Taken are files that are well-formed beyond doubt; all others, and all that is wrong, are left to the reader that
goes row by row. With quotes a file is well-formed where each opening quote stands at the beginning of a cell or behind
the quote it doubles, and each closing quote at the end of a cell or before one: then every reader of RFC 4180 finds
the same cells.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from lendplan.data.arrowtexts import repeats
from lendplan.data.bridge import arrow_numbers, release
from lendplan.data.cells import one_array
from lendplan.data.numbers import plain_numbers
from lendplan.data.separated import check_header

BLOCK = 1 << 21
"""Bytes that are looked at together."""
PIECE = 1 << 24
"""Bytes whose cells are cut out together."""
LF, CR, COMMA, QUOTE = b"\n"[0], b"\r"[0], b","[0], b'"'[0]
NOTHING = b", \t"
"""What a row without content consists of."""


@dataclass(frozen=True)
class _Layout:
    """Where the rows of a file stand: first byte, end and line of each, and how many commas part its cells."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    line: NDArray[np.int64]
    commas: NDArray[np.int64]
    is_broken: bool  # whether a cell holds a line break


def parse_large(
    data: bytes, file: str, numbers: Collection[str] = ()
) -> tuple[dict[str, Any], NDArray[np.int64]] | None:
    """Read comma-separated text at once; None where it calls for the careful reader.

    Parameters
    ----------
    data
        Text in UTF-8.
    file
        Its name, for messages.
    numbers
        Columns that are read as numbers, NaN where blank, where every cell is plain.

    Returns
    -------
    columns
        Name → Arrow array of large strings, of codes into them where they repeat, or of numbers, (rows,). Rows
        without any content are left out.
    line
        Line of the file each row starts on, (rows,).

    Raises
    ------
    InputError
        If a name in the header is blank or repeated.
    """
    has_quotes = b'"' in data
    if b"\r" in data:
        if has_quotes:  # a line break within a cell is kept as it stands
            return None
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    octets = np.frombuffer(data, dtype=np.uint8)
    layout = _layout(octets, has_quotes=has_quotes)
    if layout is None:
        return None
    is_empty = layout.start == layout.end
    if is_empty[0] or not (is_empty | (layout.commas == layout.commas[0])).all():
        return None
    head = io.StringIO(data[: int(layout.end[0])].decode(), newline="")
    try:
        names = check_header(next(csv.reader(head, strict=True)), file)
    except csv.Error:  # a name of absurd length
        return None
    rows = np.flatnonzero(~is_empty)[1:]
    line = layout.line[rows]
    if not rows.size:
        return None
    kept = _has_content(data, octets, layout, rows)
    columns = _cut(data, layout, rows, names, has_quotes=has_quotes, numbers=frozenset(numbers))
    if columns is None:
        return None
    if not kept.all():
        columns, line = (
            {name: column.filter(arrow_numbers(kept)) for name, column in columns.items()},
            line[kept],
        )
    release()
    return columns, line


def _cut(
    data: bytes,
    layout: _Layout,
    rows: NDArray[np.int64],
    names: list[str],
    *,
    has_quotes: bool,
    numbers: frozenset[str],
) -> dict[str, Any] | None:
    """Cut out the cells piece by piece, so that the text of all columns never stands in memory together."""
    found: dict[str, list[Any]] = {name: [] for name in names}
    starts = layout.start[rows]
    cuts = np.unique(np.searchsorted(starts, np.arange(starts[0], starts[-1] + PIECE, PIECE)))
    for first, last in pairwise([*cuts[cuts < len(rows)].tolist(), len(rows)]):
        piece = memoryview(data)[int(starts[first]) : int(layout.end[rows[last - 1]])]
        table = _cells(piece, len(names), has_quotes=has_quotes, is_broken=layout.is_broken)
        if table.num_rows != last - first:  # the two disagree on what a row is: let the careful one decide
            return None
        for place, name in enumerate(names):
            column = one_array(table.column(place))
            if name in numbers:
                plain = plain_numbers(column)
                if plain is None:  # one cell is odd: all of this column stays text
                    rest = numbers - {name}
                    return _cut(data, layout, rows, names, has_quotes=has_quotes, numbers=rest)
                column = arrow_numbers(plain, nan_is_null=True)
            elif pa.types.is_dictionary(found[name][0].type) if found[name] else repeats(column):
                column = column.dictionary_encode()
            found[name].append(column)
        del table
        release()
    whole: dict[str, Any] = {}
    for name in names:
        whole[name] = one_array(pa.chunked_array(found.pop(name)))
        release()
    return whole


def _cells(piece: memoryview, columns: int, *, has_quotes: bool, is_broken: bool) -> Any:
    """Return the cells of some rows as an Arrow table of large strings."""
    keys = [str(position) for position in range(columns)]
    return arrow_csv.read_csv(
        pa.BufferReader(piece),
        # One block to a piece: a row that is longer than a block is refused.
        read_options=arrow_csv.ReadOptions(column_names=keys, block_size=len(piece) + 1),
        parse_options=arrow_csv.ParseOptions(
            quote_char='"' if has_quotes else False,
            double_quote=True,
            newlines_in_values=is_broken,
            ignore_empty_lines=True,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={key: pa.large_string() for key in keys}, strings_can_be_null=False
        ),
    )


def _layout(octets: NDArray[np.uint8], *, has_quotes: bool) -> _Layout | None:
    """Find rows and commas block by block; None where quotes are not as they should be."""
    ends: list[NDArray[np.int64]] = []
    commas: list[NDArray[np.int64]] = []  # so many stand before each end
    breaks: list[NDArray[np.int64]] = []  # so many line breaks stand up to each end, cells included
    parity, commas_before, breaks_before = 0, 0, 0
    for first in range(0, len(octets), BLOCK):
        block = octets[first : first + BLOCK]
        is_break, is_comma = block == LF, block == COMMA
        every_break = np.flatnonzero(is_break)
        if has_quotes:
            is_quote = block == QUOTE
            inside = (np.cumsum(is_quote, dtype=np.uint8) + np.uint8(parity)) & 1
            if not _are_sound(octets, first + np.flatnonzero(is_quote), opens_first=not parity):
                return None
            parity = int(inside[-1])
            is_comma &= inside == 0
            end = every_break[inside[every_break] == 0]
        else:
            end = every_break
        comma = np.flatnonzero(is_comma)
        ends.append(end + first)
        commas.append(np.searchsorted(comma, end) + commas_before)
        breaks.append(np.searchsorted(every_break, end) + 1 + breaks_before)
        commas_before += len(comma)
        breaks_before += len(every_break)
    if parity:
        return None
    if octets[-1] != LF:
        ends.append(np.array([len(octets)]))
        commas.append(np.array([commas_before]))
        breaks.append(np.array([breaks_before + 1]))
    end = np.concatenate(ends)
    line = np.concatenate(([1], np.concatenate(breaks)[:-1] + 1))
    return _Layout(
        start=np.concatenate(([0], end[:-1] + 1)),
        end=end,
        line=line.astype(np.int64),
        commas=np.diff(np.concatenate(commas), prepend=0).astype(np.int64),
        is_broken=breaks_before + (octets[-1] != LF) > len(end),
    )


def _are_sound(octets: NDArray[np.uint8], quotes: NDArray[np.int64], *, opens_first: bool) -> bool:
    """Whether each quote opens or closes a cell, or doubles another."""
    opening, closing = quotes[0 if opens_first else 1 :: 2], quotes[1 if opens_first else 0 :: 2]
    before = octets[opening[opening > 0] - 1]
    after = octets[closing[closing < len(octets) - 1] + 1]
    return all(
        bool(((one == COMMA) | (one == LF) | (one == QUOTE)).all()) for one in (before, after) if one.size
    )


def _has_content(
    data: bytes, octets: NDArray[np.uint8], layout: _Layout, rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which rows hold more than commas and blanks; most show it with their first byte."""
    may_be_blank = np.zeros(256, dtype=bool)
    may_be_blank[[*NOTHING, QUOTE]] = True
    kept = np.ones(len(rows), dtype=bool)
    for place in np.flatnonzero(may_be_blank[octets[layout.start[rows]]]).tolist():
        row = data[layout.start[rows[place]] : layout.end[rows[place]]]
        if not row.strip(NOTHING):
            kept[place] = False
        elif not row.strip(NOTHING + b'"\n'):  # quotes may hold blanks alone, or a quote
            cells = next(csv.reader(io.StringIO(row.decode(), newline="")))
            kept[place] = any(cell.strip() for cell in cells)
    return kept
