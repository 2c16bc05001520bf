"""Comma-separated text to columns of text, each row with the line of the file it starts on."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError, listed, shown

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


def parse_separated(text: str, path: Path) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Read comma-separated text (RFC 4180; lines may end in LF, CRLF or CR).

    Parameters
    ----------
    text
        The file's text.
    path
        Its name, for messages.

    Returns
    -------
    frame
        Every cell as text, (rows, columns). Rows without any content are left out.
    line
        Line of the file each row starts on, (rows,).

    Raises
    ------
    InputError
        If the text is empty, separated by something else, ragged, or a quote is not closed.
    """
    file = str(path)
    if not text.strip("\ufeff \t\r\n"):
        raise InputError(Finding("is empty; a table begins with a line of column names", file=file))
    match = re.match(r"[^\r\n]*", text)
    first = match[0] if match else ""
    if first.strip().strip('"').startswith("sep="):
        raise InputError(Finding("'sep=' is for Excel alone; delete this line", file=file, line=1))
    if "," not in first:
        found = max(SEPARATORS, key=first.count)
        if found in first:
            message = f"columns are separated by {SEPARATORS[found]}; save the table with commas"
            raise InputError(Finding(message, file=file, line=1))
    if '"' not in text:
        fast = _parse_unquoted(text, first, file)
        if fast is not None:
            return fast
    return _parse_quoted(text, file)


def _parse_unquoted(text: str, first: str, file: str) -> tuple[pd.DataFrame, NDArray[np.int64]] | None:
    """Read text without quotes at once; None where a line calls for the careful reader."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode()
    octets = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(octets == ord("\n"))
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    commas = np.diff(np.searchsorted(np.flatnonzero(octets == ord(",")), ends), prepend=0)
    lengths = ends - starts
    names = first.split(",")
    width = len(names)
    is_empty = lengths == 0
    if is_empty[0] or not bool(np.all(is_empty | (commas == width - 1))):
        return None
    names = check_header(names, file)
    rows = np.flatnonzero(~is_empty)[1:]
    line = (rows + 1).astype(np.int64)
    if rows.size == 0:
        return pd.DataFrame({name: np.empty(0, dtype=object) for name in names}), line
    keys = [str(position) for position in range(width)]
    table = arrow_csv.read_csv(
        pa.BufferReader(memoryview(data)[int(starts[rows[0]]) :]),
        read_options=arrow_csv.ReadOptions(
            column_names=keys, block_size=int(max(1 << 22, 2 * lengths.max() + 2))
        ),
        parse_options=arrow_csv.ParseOptions(quote_char=False, ignore_empty_lines=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={key: pa.large_string() for key in keys}, strings_can_be_null=False
        ),
    )
    if table.num_rows != rows.size:  # the two readers disagree on what a line is: let the careful one decide
        return None
    # A row of commas and spaces alone is blank.
    said = ~np.isin(octets, np.frombuffer(b", \t\r\n", dtype=np.uint8))
    kept = np.maximum.reduceat(said, starts)[rows]
    if not kept.all():
        table, line = table.filter(pa.array(kept)), line[kept]
    frame: pd.DataFrame = table.rename_columns(names).to_pandas(types_mapper=pd.ArrowDtype)
    return frame, line


def _parse_quoted(text: str, file: str) -> tuple[pd.DataFrame, NDArray[np.int64]]:
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
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    frame = pd.DataFrame(
        {name: _objects(cells) for name, cells in zip(names, columns, strict=True)}, columns=pd.Index(names)
    )
    return frame, np.array(line, dtype=np.int64)


def _objects(cells: tuple[str, ...]) -> NDArray[np.object_]:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array


def _ragged(cells: list[str], names: list[str], file: str, line: int) -> Finding:
    if len(cells) > len(names):
        beyond = shown(cells[len(names)])
        hint = f"the first beyond the header is {beyond}; a comma within a cell needs quotes around the cell"
    else:
        hint = f"nothing for {names[len(cells)]!r}; leave a cell blank, but keep its comma"
    return Finding(f"{len(cells)} cells under {len(names)} columns: {hint}", file=file, line=line)
