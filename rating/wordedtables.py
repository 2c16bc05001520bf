"""Small tables beside the invoices, read with the headers and words that Chinese and English offices use for them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lendplan.data.cells import texts_of
from lendplan.data.coltable import ColumnTable
from lendplan.data.columns import Contract
from lendplan.data.contracts import conform
from lendplan.data.findings import Finding, InputError
from lendplan.data.tables import RawTable, read_table

Words = Mapping[str, Sequence[str]]


def read_worded(
    source: str | Path | RawTable, contract: Contract, headers: Words, choices: Mapping[str, Words]
) -> tuple[ColumnTable, RawTable]:
    """Read a table by its contract, whichever of the known words it uses.

    Parameters
    ----------
    source
        A .csv, .parquet or .xlsx file (``file.xlsx#Sheet``), or a table that was read already.
    contract
        What it holds.
    headers
        Our column name → further headers that mean it. Ours comes first where both stand there.
    choices
        Column → our choice → further words that mean it; letters, blanks and hyphens are compared loosely.

    Returns
    -------
    tuple
        The typed table, and the table as it was read, for messages and its record.

    Raises
    ------
    InputError
        With every problem at once; one is two headers that mean the same.
    """
    raw = source if isinstance(source, RawTable) else read_table(source)
    named = {loose(header): header for header in reversed(list(raw.columns))}
    columns: dict[str, str] = {}
    for column in contract.columns:
        if column.name in raw.columns:
            continue
        meant = [
            named[word] for word in map(loose, (column.name, *headers.get(column.name, ()))) if word in named
        ]
        if len(set(meant)) > 1:
            message = (
                f"columns {' and '.join(map(repr, dict.fromkeys(meant)))} both mean {column.name!r}; keep one"
            )
            raise InputError(Finding(message, file=raw.name, line=1))
        if meant:
            columns[column.name] = meant[0]
    translated = dict(raw.columns)
    for name, words in choices.items():
        header = columns.get(name, name)
        if header not in translated:
            continue
        ours = {loose(word): choice for choice, others in words.items() for word in (choice, *others)}
        cells = texts_of(translated[header]).values.tolist()
        changed = np.empty(len(cells), dtype=object)
        changed[:] = [ours.get(loose(cell), cell) for cell in cells]
        translated[header] = changed
    return conform(replace(raw, columns=translated), contract, columns), raw


def loose(word: str) -> str:
    """Return a word without what offices write differently: width, case, blanks, hyphens and underscores."""
    plain = unicodedata.normalize("NFKC", word).casefold()
    return "".join(letter for letter in plain if letter not in "-_–" and not letter.isspace())
