"""Comma-separated text to columns of text, each row with the line of the file it starts on."""

import csv
import io
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lendplan.data.cells import RawColumn
from lendplan.data.findings import Finding, InputError, listed, shown
from lendplan.data.texts import strings

LARGE = 131_072
"""Bytes from which on a file is worth the import of Arrow; in what is smaller no cell is too long for `csv`."""

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", "，": "full-width commas", "、": "、"}


def check_header(names: list[str], file: str) -> list[str]:
    """Return the header's names without surrounding blanks.

    Raises
    ------
    InputError
        If a name is blank or repeated.
    """
    names = [name.strip() for name in names]
    if not any(names):
        raise InputError(Finding("is blank; the header belongs into the first line", file=file, line=1))
    findings = [
        Finding(f"column {position} has no name; name it, or delete the column", file=file, line=1)
        for position, name in enumerate(names, start=1)
        if not name
    ]
    for name in dict.fromkeys(names):
        if name and names.count(name) > 1:
            at = [position for position, other in enumerate(names, start=1) if other == name]
            findings.append(
                Finding(
                    f"names columns {listed(at)} alike; rename or delete one", file=file, line=1, key=name
                )
            )
    if findings:
        raise InputError(findings)
    return names


def parse_separated(
    data: bytes, path: Path, numbers: Collection[str] = ()
) -> tuple[dict[str, RawColumn], NDArray[np.int64]]:
    """Read comma-separated text (RFC 4180; lines may end in LF, CRLF or CR).

    Parameters
    ----------
    data
        The file's text in UTF-8, without a byte order mark.
    path
        Its name, for messages.
    numbers
        Columns that may come as numbers.

    Returns
    -------
    columns
        Name → every cell as text, (rows,). Rows without any content are left out.
    line
        Line of the file each row starts on, (rows,).

    Raises
    ------
    InputError
        If the text is empty, separated by something else, ragged, or a quote is not closed.
    """
    file = str(path)
    match = re.match(rb"[^\r\n]*", data)
    first = match[0].decode() if match else ""
    if not first.strip("\ufeff \t") and not data.decode().strip("\ufeff \t\r\n"):
        raise InputError(Finding("is empty; a table begins with a line of column names", file=file))
    if first.strip().strip('"').startswith("sep="):
        raise InputError(Finding("'sep=' is for Excel alone; delete this line", file=file, line=1))
    if "," not in first:
        found = max(SEPARATORS, key=first.count)
        if found in first:
            message = f"columns are separated by {SEPARATORS[found]}; save the table with commas"
            raise InputError(Finding(message, file=file, line=1))
    if len(data) > LARGE:
        from lendplan.data.largecsv import parse_large

        fast = parse_large(data, file, numbers)
        if fast is not None:
            return fast
    return _parse_row_by_row(data.decode(), file)


def _parse_row_by_row(text: str, file: str) -> tuple[dict[str, RawColumn], NDArray[np.int64]]:
    """Read text row by row, minding quotes and line breaks within them."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    findings: list[Finding] = []
    names: list[str] = []
    rows: list[list[str]] = []
    line: list[int] = []
    start = 1
    try:
        for cells in reader:
            at, start = start, reader.line_num + 1
            if not names:
                names = check_header(cells or [""], file)
            elif not any(cell and not cell.isspace() for cell in cells):
                continue
            elif len(cells) != len(names):
                findings.append(_ragged(cells, names, file, at))
            else:
                rows.append(cells)
                line.append(at)
    except csv.Error as error:
        message = (
            f"cannot be read from here on ({error}): a quote is not closed, or stands within quotes; "
            "close it, and double each quote within quotes"
        )
        findings.append(Finding(message, file=file, line=start))
    if findings:
        raise InputError(findings)
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    read = {name: strings(list(cells)) for name, cells in zip(names, columns, strict=True)}
    return read, np.array(line, dtype=np.int64)


def _ragged(cells: list[str], names: list[str], file: str, line: int) -> Finding:
    if len(cells) > len(names):
        beyond = shown(cells[len(names)])
        hint = f"the first beyond the header is {beyond}; a comma within a cell needs quotes around the cell"
    else:
        hint = f"nothing for {names[len(cells)]!r}; leave a cell blank, but keep its comma"
    return Finding(f"{len(cells)} cells under {len(names)} columns: {hint}", file=file, line=line)
