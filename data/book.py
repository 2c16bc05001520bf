"""The book: enterprises and their ratings in one table, checked row by row."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lendplan.data.contracts import ENTERPRISES, NO_COLUMNS, RATINGS, conform
from lendplan.data.findings import Finding, InputError, did_you_mean, listed
from lendplan.data.sources import InputRecord
from lendplan.data.tables import RawTable

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
    frame
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

    frame: pd.DataFrame
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
    frame = rated = None
    try:
        frame = conform(enterprises, ENTERPRISES, columns)
    except InputError as error:
        findings += error.findings
    if ratings is not None:
        try:
            rated = conform(ratings, _RATINGS_READ, columns)
        except InputError as error:
            findings += error.findings
    if findings or frame is None:
        raise InputError(findings)
    inputs = [enterprises.record("enterprises")]
    if ratings is not None and rated is not None:
        inputs.append(ratings.record("ratings"))
        frame = _merge(frame, rated, ratings, columns)
    findings = _row_findings(frame, enterprises)
    if findings:
        raise InputError(findings)
    return Book(
        frame=frame,
        line=enterprises.line,
        file=enterprises.name,
        rated_by=None if ratings is None else ratings.name,
        inputs=tuple(inputs),
    )


def _unknown_columns(
    enterprises: RawTable, ratings: RawTable | None, columns: Mapping[str, str]
) -> list[Finding]:
    """Refuse a name under `columns` that neither table has; the column it means would be overlooked."""
    present = [
        str(name) for table in (enterprises, ratings) if table is not None for name in table.frame.columns
    ]
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
    frame: pd.DataFrame, rated: pd.DataFrame, ratings: RawTable, columns: Mapping[str, str]
) -> pd.DataFrame:
    ids = pd.Index(frame["enterprise"].to_numpy(), dtype=object)
    position = ids.get_indexer(pd.Index(rated["enterprise"].to_numpy(), dtype=object))
    known = position >= 0
    if not known.all():
        strangers = listed(list(rated["enterprise"].to_numpy()[~known]))
        log.warning(
            "%s: %s ratings are for enterprises that the book lacks: %s",
            ratings.name,
            f"{(~known).sum():,}",
            strangers,
        )
    unrated = len(ids) - int(known.sum())
    if unrated:
        log.info("%s: no rating for %s enterprises of the book", ratings.name, f"{unrated:,}")
    theirs = {str(name) for name in ratings.frame.columns}
    brought = [name for name in rated if name in theirs or columns.get(str(name)) in theirs]
    further = [str(name) for name in brought if name not in RATINGS]
    if further:
        log.info("%s: further columns kept: %s", ratings.name, ", ".join(further))
    merged: dict[str, NDArray[Any]] = {str(name): frame[name].to_numpy() for name in frame}
    for label in brought:
        name = str(label)
        if name == "enterprise":
            continue
        new = rated[label].to_numpy()
        is_number = new.dtype != object
        if name in merged:
            values = merged[name].copy()
        else:
            values = np.full(len(ids), np.nan) if is_number else np.full(len(ids), "", dtype=object)
        taken = known & (~np.isnan(new) if is_number else new != "")
        values[position[taken]] = new[taken]
        merged[name] = values
    series = {name: pd.Series(values, dtype=values.dtype) for name, values in merged.items()}
    return pd.DataFrame(series, columns=pd.Index(list(series), dtype=object), copy=False)


def _row_findings(frame: pd.DataFrame, enterprises: RawTable) -> list[Finding]:
    """Compare columns that bound one another."""
    findings: list[Finding] = []
    for low, high in _ORDERED:
        lows, highs = frame[low].to_numpy(), frame[high].to_numpy()
        findings += [
            Finding(
                f"{lows[row]:.12g} is above {high} {highs[row]:.12g} of {frame['enterprise'].iloc[row]!r}",
                file=enterprises.name,
                line=int(enterprises.line[row]),
                key=low,
            )
            for row in np.flatnonzero(lows > highs)
        ]
    return sorted(findings, key=lambda finding: finding.line or 0)
