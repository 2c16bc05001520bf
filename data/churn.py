"""Churn curves: what share of a grade's customers walks away at a rate."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lendplan.data.contracts import CHURN, NO_COLUMNS, conform
from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import InputRecord
from lendplan.data.tables import RawTable, read_table, table_from_frame

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

SHIPPED = "lendplan.data/churn_2019.csv"
"""What records call the table that comes with the package."""

TOLERANCE = 1e-12
"""Rates closer than this are one rate; rates are rounded to twelve decimals."""


@dataclass(frozen=True)
class ChurnTable:
    """Churn as observed.

    Parameters
    ----------
    rates
        Annual rates as fractions, strictly increasing, (m,).
    grades
        Names of the curves, (g,).
    churn
        Share of customers lost, (g, m), each in [0, 1].
    source
        Where it was read from.
    """

    rates: NDArray[np.float64]
    grades: tuple[str, ...]
    churn: NDArray[np.float64]
    source: InputRecord


def read_churn(source: str | Path | None = None, columns: Mapping[str, str] = NO_COLUMNS) -> ChurnTable:
    """Read churn curves.

    Parameters
    ----------
    source
        A table as `read_table` takes it; None, or `SHIPPED`, for the 2019 table that comes with the package.
    columns
        Our column name → theirs.

    Returns
    -------
    ChurnTable

    Raises
    ------
    InputError
        If a rate or churn is blank or outside [0, 1], or rates are not strictly increasing.

    Notes
    -----
    The shipped table is annex 3 of problem C of the 2020 Chinese undergraduate modelling contest (CUMCM),
    statistics for 2019.
    """
    if source is None or str(source) == SHIPPED:
        with as_file(files("lendplan.data") / "churn_2019.csv") as path:
            return _table_of(replace(read_table(path), path=Path(SHIPPED)), NO_COLUMNS, SHIPPED)
    return _table_of(read_table(source), columns)


def churn_from_frame(
    frame: pd.DataFrame, name: str = "churn", columns: Mapping[str, str] = NO_COLUMNS
) -> ChurnTable:
    """Take churn curves from a data frame: a column ``rate``, and one a grade.

    Raises
    ------
    InputError
        As `read_churn` does.
    """
    return _table_of(table_from_frame(frame, name), columns)


def _table_of(raw: RawTable, columns: Mapping[str, str], label: str | None = None) -> ChurnTable:
    raw = _without_remarks(raw, columns)
    table = conform(raw, CHURN, columns)
    rates = table.numbers("rate")
    findings: list[Finding] = []
    rate_name = columns.get("rate", "rate") if columns.get("rate") in raw.columns else "rate"
    steps = np.diff(rates)
    for row in np.flatnonzero(steps <= TOLERANCE):
        word = "repeats" if abs(steps[row]) <= TOLERANCE else "is below"
        before = f"that of line {raw.line[row]}, {rates[row]:.12g}"
        message = f"{rates[row + 1]:.12g} {word} {before}; rates must increase"
        findings.append(Finding(message, file=raw.name, line=int(raw.line[row + 1]), key=rate_name))
    grades = tuple(name for name in table if name != "rate")
    if not grades:
        findings.append(Finding("needs one column a grade beside the rate", file=raw.name, line=1))
    if findings:
        raise InputError(findings)
    churn = np.stack([table.numbers(grade) for grade in grades])
    source = raw.record("churn")
    return ChurnTable(rates, grades, churn, source if label is None else replace(source, path=label))


def _without_remarks(raw: RawTable, columns: Mapping[str, str]) -> RawTable:
    """Leave out columns without a single number in them: remarks, no curves."""
    from lendplan.data.cells import texts_of
    from lendplan.data.numbers import numbers_of

    remarks = []
    for name, cells in raw.columns.items():
        if name in ("rate", columns.get("rate")):
            continue
        has_text = not texts_of(cells).values.equals("").all()
        if has_text and np.isnan(numbers_of(cells, is_share=True).values).all():
            remarks.append(name)
    if remarks:
        log.warning("%s: columns without numbers are no churn curves: %s", raw.name, ", ".join(remarks))
    kept = {name: cells for name, cells in raw.columns.items() if name not in remarks}
    return replace(raw, columns=kept)
