"""The loan history: a row a loan, what was due, what of it was lost, and what was known beforehand, as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lendplan.data.coltable import ColumnTable
from lendplan.data.columns import Column, Contract
from lendplan.data.contracts import conform
from lendplan.data.findings import Finding, InputError, did_you_mean, listed
from lendplan.data.sources import InputRecord
from lendplan.data.tables import RawTable, read_table
from lendplan.data.texts import Texts
from lendplan.rating.loans.spec import Indicator, Role, Spec
from lendplan.rating.records import Floats, Mask

_EXAMPLES = 5
"""Rows that a finding names."""


@dataclass(frozen=True)
class Loans:
    """A loan history, or new applicants, as checked columns; n rows in the order of their table.

    Parameters
    ----------
    enterprise
        Ids, unique.
    receivable, defaulted
        Shape (n,), in currency: what was due, and what of it was lost, at most the receivable; NaN where not known.
    indicators
        What the columns of `values` are; k of them.
    values
        Shape (n, k), each in its own unit, larger or smaller as it stands in the table; NaN where it is missing.
    line
        Shape (n,): row of the table, for messages.
    findings
        What was noticed and does not stop the rating.
    inputs
        The files it was read from.
    """

    enterprise: tuple[str, ...]
    receivable: Floats
    defaulted: Floats
    indicators: tuple[Indicator, ...]
    values: Floats
    line: NDArray[np.int64]
    findings: tuple[Finding, ...] = ()
    inputs: tuple[InputRecord, ...] = ()

    @property
    def size(self) -> int:
        """Number of loans."""
        return len(self.enterprise)

    @property
    def is_known(self) -> Mask:
        """Whether what was due and what was lost is known, (n,)."""
        return ~(np.isnan(self.receivable) | np.isnan(self.defaulted))

    @property
    def is_default(self) -> Mask:
        """Whether part of the receivable was lost, (n,); False where it is not known."""
        return self.defaulted > 0

    def take(self, rows: NDArray[np.int64] | Mask) -> Loans:
        """Return some rows, without the findings about the whole."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self,
            enterprise=tuple(self.enterprise[row] for row in rows),
            receivable=self.receivable[rows],
            defaulted=self.defaulted[rows],
            values=self.values[rows],
            line=self.line[rows],
            findings=(),
        )


def read_loans(source: str | Path, spec: Spec) -> Loans:
    """Read a loan history.

    Parameters
    ----------
    source
        ``.csv``, ``.parquet``, ``.xlsx`` or ``file.xlsx#Sheet``: a row a loan, with an id, what was due, what of it was
        lost and the indicators. Further columns are not looked at.
    spec
        Which column is which.

    Returns
    -------
    Loans
        A loan whose receivable or defaulted part is blank stays, with NaN. A defaulted part above the receivable is cut
        to it, and a mark of default that the amounts contradict gives way to them; both are findings.

    Raises
    ------
    InputError
        With every problem at once: missing columns, cells that are no numbers, repeated ids, receivables that are not
        above 0, negative defaulted parts.
    """
    raw = read_table(source)
    roles: tuple[Role, ...] = ("enterprise", "receivable", "defaulted", "default")
    table, words = _tables(raw, spec, roles)
    enterprise = table.texts(spec.columns["enterprise"])
    receivable = np.array(table.numbers(spec.columns["receivable"]))
    lost = np.array(table.numbers(spec.columns["defaulted"]))
    if not (receivable > 0).any():
        text = "holds no loan with a receivable above 0, so that no loss rate can be worked out"
        raise InputError(Finding(text, file=raw.name, key=spec.columns["receivable"]))
    findings = _too_much(raw, spec, receivable, lost)
    defaulted = np.minimum(lost, receivable)
    if "default" in spec.columns:
        findings += _marks(raw, spec, table, words, defaulted)
    values, unknown = _values(raw, spec, table, words)
    return Loans(
        tuple(enterprise.tolist()),
        receivable,
        defaulted,
        spec.indicators,
        values,
        raw.line,
        (*findings, *unknown),
        (raw.record("loans"),),
    )


def read_applicants(source: str | Path, spec: Spec) -> Loans:
    """Read new applicants: the same table without what was due and lost, all of which is NaN.

    Raises
    ------
    InputError
        With every problem at once.
    """
    raw = read_table(source)
    table, words = _tables(raw, spec, ("enterprise",))
    values, findings = _values(raw, spec, table, words)
    unknown = np.full(raw.rows, np.nan)
    return Loans(
        tuple(table.texts(spec.columns["enterprise"]).tolist()),
        unknown,
        unknown,
        spec.indicators,
        values,
        raw.line,
        tuple(findings),
        (raw.record("applicants"),),
    )


def _tables(raw: RawTable, spec: Spec, roles: Sequence[Role]) -> tuple[ColumnTable, ColumnTable]:
    """Return the columns that are wanted as numbers (and the id), and those wanted as words, by their headers."""
    used: dict[str, Role] = {spec.columns[role]: role for role in roles if role in spec.columns}
    findings = [
        Finding(f"no column has this name, which the table of indicators asks for{hint}", raw.name, 1, theirs)
        for theirs in dict.fromkeys([*used, *(one.column for one in spec.indicators)])
        if theirs not in raw.columns
        for hint in [did_you_mean(theirs, raw.columns)]
    ]
    if findings:
        raise InputError(findings)
    numbers: dict[str, Column] = {}
    words: dict[str, Column] = {}
    for theirs, of_role in used.items():
        if of_role == "default" and spec.marks is not None:
            words[theirs] = Column(theirs, "text")
        else:
            numbers[theirs] = _column(theirs, of_role)
    for one in spec.indicators:
        role = used.get(one.column)
        if role is not None and role != "receivable":
            text = f"is the {role} and cannot be the indicator {one.name!r}: it is not known beforehand"
            findings.append(Finding(text, raw.name, 1, one.column))
        elif one.words is not None:
            words[one.column] = Column(one.column, "text")
        elif role is None:
            numbers[one.column] = Column(one.column, "number")
    read = []
    for columns in (numbers, words):
        part = replace(raw, columns={theirs: raw.columns[theirs] for theirs in columns})
        try:
            read.append(conform(part, Contract("loans", tuple(columns.values()))))
        except InputError as error:
            findings += error.findings
    if findings:
        # A table without rows is told of once for each part.
        raise InputError(sorted(dict.fromkeys(findings), key=lambda finding: finding.line or 0))
    return read[0], read[1]


def _column(theirs: str, role: Role) -> Column:
    if role == "enterprise":
        return Column(theirs, "id", required=True, filled=True)
    if role == "receivable":
        return Column(theirs, "amount", "Principal and interest due.", "currency", above=0.0, required=True)
    if role == "defaulted":
        return Column(theirs, "amount", "The part that was lost.", "currency", low=0.0, required=True)
    return Column(theirs, "number", "1 where the loan is marked as defaulted.", low=0.0, high=1.0)


def _too_much(raw: RawTable, spec: Spec, receivable: Floats, lost: Floats) -> list[Finding]:
    """Tell of rows that lost more than was due, and of rows whose amounts are not known."""
    findings = []
    above = np.flatnonzero(lost > receivable)
    if above.size:
        where = _lines(raw, above)
        text = f"{above.size:,} loans lost more than was due ({where}); what was lost is cut to what was due"
        findings.append(Finding(text, raw.name, int(raw.line[above[0]]), spec.columns["defaulted"]))
    blank = np.flatnonzero(np.isnan(lost) | np.isnan(receivable))
    if blank.size:
        where = _lines(raw, blank)
        text = f"{blank.size:,} loans tell not what was due or what was lost ({where}); nothing is learnt from them"
        findings.append(Finding(text, raw.name, int(raw.line[blank[0]]), spec.columns["receivable"]))
    return findings


def _marks(
    raw: RawTable, spec: Spec, table: ColumnTable, words: ColumnTable, defaulted: Floats
) -> list[Finding]:
    """Tell of marks of default that the amounts contradict."""
    theirs = spec.columns["default"]
    marks = table.numbers(theirs) if spec.marks is None else _numbers(words.texts(theirs), spec.marks)
    with np.errstate(invalid="ignore"):
        lost_unmarked = np.flatnonzero((marks == 0) & (defaulted > 0))
        marked_unlost = np.flatnonzero((marks == 1) & (defaulted == 0))
    findings = []
    for rows, told, counted in (
        (
            lost_unmarked,
            "lost part of what was due but are not marked as defaulted",
            "as defaulted, by their amounts",
        ),
        (marked_unlost, "are marked as defaulted but lost nothing", "as not defaulted, by their amounts"),
    ):
        if rows.size:
            text = f"{rows.size:,} loans {told} ({_lines(raw, rows)}); they are counted {counted}"
            findings.append(Finding(text, raw.name, int(raw.line[rows[0]]), theirs))
    return findings


def _values(
    raw: RawTable, spec: Spec, table: ColumnTable, words: ColumnTable
) -> tuple[Floats, list[Finding]]:
    """Return the indicators, (n, k), and words that no number was told for."""
    values = np.full((raw.rows, len(spec.indicators)), np.nan)
    findings = []
    for position, one in enumerate(spec.indicators):
        if one.words is None:
            found = table.numbers(one.column)
            if one.above is not None:
                found = np.where(np.isnan(found), np.nan, (found > one.above).astype(np.float64))
        else:
            texts = words.texts(one.column)
            found = _numbers(texts, one.words)
            odd = np.flatnonzero(np.isnan(found) & ~texts.equals(""))
            if odd.size:
                seen = listed(sorted({texts[row] for row in odd}))
                text = f"{odd.size:,} cells hold words without a number ({seen}), and count as missing"
                findings.append(Finding(text, raw.name, int(raw.line[odd[0]]), one.column))
        values[:, position] = found
    return values, findings


def _numbers(texts: Texts, words: Mapping[str, float]) -> Floats:
    """Return words as numbers, NaN where none is told, (n,)."""
    codes, distinct = texts.coded()
    other = words.get("*", np.nan)
    of_text = [np.nan if not text else words.get(text, other) for text in distinct.tolist()]
    return np.asarray(np.array(of_text, dtype=np.float64)[codes])


def _lines(raw: RawTable, rows: NDArray[np.int64]) -> str:
    """Return where some rows stand, for a message."""
    return f"line{'' if rows.size == 1 else 's'} {listed([int(raw.line[row]) for row in rows], _EXAMPLES)}"
