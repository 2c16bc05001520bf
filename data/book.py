"""The book: enterprises and their ratings in one table, checked row by row."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import release
from lendplan.data.coltable import ColumnTable
from lendplan.data.contracts import ENTERPRISES, NO_COLUMNS, RATINGS, conform
from lendplan.data.findings import Finding, InputError, did_you_mean, listed
from lendplan.data.sources import InputRecord
from lendplan.data.tables import RawTable
from lendplan.data.texts import Texts

log = logging.getLogger(__name__)

# A ratings table may bring any column of the book; it is read by the book's contract then.
_RATINGS_READ = replace(
    RATINGS,
    columns=RATINGS.columns + tuple(column for column in ENTERPRISES.columns if column.name not in RATINGS),
)
_ORDERED = (("line_min", "line_max"), ("rate_min", "rate_max"))


@dataclass(frozen=True)
class Book:
    """The table of enterprises, ratings merged in.

    Parameters
    ----------
    table
        One row an enterprise, in the order of the enterprises table: every column of its contract (blank: NaN
        or ''), then the further columns as text.
    line
        Line of the enterprises table each row stands on, (rows,).
    file
        The enterprises table, for messages.
    rated_by
        The ratings table, or None.
    inputs
        What was read: role, path, hash, encoding.
    """

    table: ColumnTable
    line: NDArray[np.int64]
    file: str
    rated_by: str | None
    inputs: tuple[InputRecord, ...]


def assemble_book(
    enterprises: RawTable, ratings: RawTable | None = None, columns: Mapping[str, str] = NO_COLUMNS
) -> Book:
    """Check both tables and merge them.

    Parameters
    ----------
    enterprises
        One row an applicant.
    ratings
        One row an applicant, in any order; a value stands over the book's, unless it is blank. Ratings of
        applicants that are not in the book are left out and logged.
    columns
        Our column name → theirs, for both tables.

    Returns
    -------
    Book

    Raises
    ------
    InputError
        With every problem of both tables at once.
    """
    findings: list[Finding] = _unknown_columns(enterprises, ratings, columns)
    table = rated = None
    try:
        table = conform(enterprises, ENTERPRISES, columns)
    except InputError as error:
        findings += error.findings
    if ratings is not None:
        try:
            rated = conform(ratings, _RATINGS_READ, columns)
        except InputError as error:
            findings += error.findings
    if findings or table is None:
        raise InputError(findings)
    inputs = [enterprises.record("enterprises")]
    if ratings is not None and rated is not None:
        inputs.append(ratings.record("ratings"))
        table = _merge(table, rated, ratings, columns)
    findings = _row_findings(table, enterprises)
    if findings:
        raise InputError(findings)
    release()
    return Book(
        table=table,
        line=enterprises.line,
        file=enterprises.name,
        rated_by=None if ratings is None else ratings.name,
        inputs=tuple(inputs),
    )


def _unknown_columns(
    enterprises: RawTable, ratings: RawTable | None, columns: Mapping[str, str]
) -> list[Finding]:
    """Refuse a name under `columns` that neither table has; the column it means would be overlooked."""
    present = [name for table in (enterprises, ratings) if table is not None for name in table.columns]
    tables = enterprises.name if ratings is None else f"{enterprises.name} and {ratings.name}"
    needed = {column.name for column in ENTERPRISES.columns if column.required}
    if ratings is not None:
        needed |= {column.name for column in RATINGS.columns if column.required}
    return [
        Finding(
            f"there is no column {theirs!r} in {tables}{did_you_mean(theirs, present)}", key=f"columns.{name}"
        )
        for name, theirs in columns.items()
        # A column that must be there is told as missing already.
        if name in _RATINGS_READ and name not in needed and theirs not in present and name not in present
    ]


def _merge(
    book: ColumnTable, rated: ColumnTable, ratings: RawTable, columns: Mapping[str, str]
) -> ColumnTable:
    position = rated.texts("enterprise").positions_in(book.texts("enterprise"))
    known = position >= 0
    if not known.all():
        strangers = listed(rated.texts("enterprise").take(~known).tolist())
        log.warning(
            "%s: %s ratings are for enterprises that the book lacks: %s",
            ratings.name,
            f"{(~known).sum():,}",
            strangers,
        )
    unrated = book.rows - int(known.sum())
    if unrated:
        log.info("%s: no rating for %s enterprises of the book", ratings.name, f"{unrated:,}")
    theirs = ratings.columns
    brought = [name for name in rated if name in theirs or columns.get(name) in theirs]
    further = [name for name in brought if name not in RATINGS]
    if further:
        log.info("%s: further columns kept: %s", ratings.name, ", ".join(further))
    merged = dict(book.columns)
    for name in brought:
        if name == "enterprise":
            continue
        new, old = rated.columns[name], merged.get(name)
        if isinstance(new, Texts):
            taken = known & ~new.equals("")
            texts = old if isinstance(old, Texts) else Texts.repeated("", book.rows)
            merged[name] = texts.overlaid(position[taken], new.take(taken))
        else:
            taken = known & ~np.isnan(new)
            numbers = np.full(book.rows, np.nan) if old is None or isinstance(old, Texts) else old.copy()
            numbers[position[taken]] = new[taken]
            merged[name] = numbers
    return ColumnTable(merged, book.rows)


def _row_findings(table: ColumnTable, enterprises: RawTable) -> list[Finding]:
    """Compare columns that bound one another."""
    findings: list[Finding] = []
    for low, high in _ORDERED:
        lows, highs = table.numbers(low), table.numbers(high)
        findings += [
            Finding(
                f"{lows[row]:.12g} is above {high} {highs[row]:.12g} of {table.texts('enterprise')[row]!r}",
                file=enterprises.name,
                line=int(enterprises.line[row]),
                key=low,
            )
            for row in np.flatnonzero(lows > highs)
        ]
    return sorted(findings, key=lambda finding: finding.line or 0)
