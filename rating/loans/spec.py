"""Which columns of a loan history mean what: a small table that is kept beside it, in a spreadsheet or as CSV."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from lendplan.data.coltable import ColumnTable
from lendplan.data.columns import Column, Contract
from lendplan.data.contracts import conform
from lendplan.data.findings import Finding, InputError, did_you_mean, shown
from lendplan.data.numbers import parse_number
from lendplan.data.tables import read_table

Role = Literal["enterprise", "receivable", "defaulted", "default"]
Direction = Literal["more", "less", "interval"]

ROLES: tuple[Role, ...] = ("enterprise", "receivable", "defaulted", "default")
KINDS = ("financial", "non-financial", "macro", "pledge")
DIRECTIONS: tuple[Direction, ...] = ("more", "less", "interval")
FILLS = ("median", "worst")

SPEC = Contract(
    "loan indicators",
    (
        Column("indicator", "id", "Our name of it; text, shown in every report.", required=True, filled=True),
        Column("column", "text", "Header in the loan history; the indicator's name where blank."),
        Column(
            "kind",
            "choice",
            "What the column is: the id of the loan or of its enterprise, what was due, what of it was lost, whether"
            " the loan is marked as defaulted (only compared with the amounts), or the kind of indicator.",
            required=True,
            filled=True,
            choices=(*ROLES, *KINDS),
        ),
        Column(
            "direction",
            "choice",
            "What is better: more, less, or a value within low … high; needed for an indicator.",
            choices=DIRECTIONS,
        ),
        Column("low", "number", "Lower end of the best interval."),
        Column("high", "number", "Upper end of the best interval."),
        Column(
            "values",
            "text",
            "How cells become numbers: `Y=1; N=0; *=0` for words (`*` is any other, a word without a number is"
            " missing), `above 1` for 1 where the cell is above 1, else 0. Blank: the cell is the number.",
        ),
        Column(
            "missing",
            "text",
            "What stands in for a missing value: `median` or `worst` of the history, or a number. Blank: the loan"
            " cannot be scored, and is listed with that reason.",
        ),
    ),
    extra=Column("", "text", "Kept for the reader."),
)
"""The table that says which columns of a loan history mean what."""

_ABOVE = re.compile(r"above\s+(?P<number>\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Indicator:
    """One indicator of a loan history.

    Parameters
    ----------
    name
        Ours.
    column
        Header in the loan history.
    kind
        ``financial``, ``non-financial``, ``macro`` or ``pledge``.
    direction
        ``more`` or ``less`` is better, or what lies within ``interval``.
    low, high
        Ends of the best interval; None for the other directions.
    words
        Text of a cell → number, ``*`` for any other text; None where cells are numbers.
    above
        Where given, the value is 1 for a cell above it, else 0.
    missing
        ``median``, ``worst``, a number, or None where a loan without it cannot be scored.
    """

    name: str
    column: str
    kind: str
    direction: Direction
    low: float | None = None
    high: float | None = None
    words: Mapping[str, float] | None = None
    above: float | None = None
    missing: str | float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "name": self.name,
            "column": self.column,
            "kind": self.kind,
            "direction": self.direction,
            "low": self.low,
            "high": self.high,
            "words": None if self.words is None else dict(self.words),
            "above": self.above,
            "missing": self.missing,
        }


@dataclass(frozen=True)
class Spec:
    """What the columns of a loan history mean.

    Parameters
    ----------
    columns
        Role → header in the loan history.
    indicators
        In the order of the table; k of them.
    marks
        How the column that marks defaults becomes 1 and 0; None where it holds these numbers.
    """

    columns: Mapping[Role, str]
    indicators: tuple[Indicator, ...]
    marks: Mapping[str, float] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the indicators."""
        return tuple(indicator.name for indicator in self.indicators)


def read_spec(source: str | Path) -> Spec:
    """Read the table that says which columns of a loan history mean what.

    Parameters
    ----------
    source
        ``.csv``, ``.parquet``, ``.xlsx`` or ``file.xlsx#Sheet``, as :data:`SPEC` says.

    Returns
    -------
    Spec

    Raises
    ------
    InputError
        With every problem at once, each with its line and column.
    """
    raw = read_table(source)
    table = conform(raw, SPEC)
    findings: list[Finding] = []
    columns: dict[str, str] = {}
    indicators: list[Indicator] = []
    marks: dict[str, float] | None = None
    for row in range(table.rows):
        line = int(raw.line[row])
        kind = table.texts("kind")[row]
        name = table.texts("indicator")[row]
        theirs = table.texts("column")[row] or name
        if kind in KINDS:
            found = _indicator(table, row, name, theirs)
            if isinstance(found, Indicator):
                indicators.append(found)
            else:
                findings += [Finding(text, file=raw.name, line=line, key=key) for key, text in found]
        elif kind in columns:
            text = f"{kind} is told twice; it is {columns[kind]!r} in an earlier line"
            findings.append(Finding(text, file=raw.name, line=line, key="kind"))
        else:
            columns[kind] = theirs
            if kind == "default":
                faults: list[tuple[str, str]] = []
                marks, _ = _values(table.texts("values")[row], faults)
                findings += [Finding(text, file=raw.name, line=line, key=key) for key, text in faults]
    for role in ROLES[:3]:
        if role not in columns:
            text = f"no line has the kind {role}; it names the column with {_MEANING[role]}"
            findings.append(Finding(text, file=raw.name, key="kind"))
    if not indicators and not findings:
        text = f"has no indicator; a line with one of the kinds {', '.join(KINDS)} is one"
        findings.append(Finding(text, file=raw.name, key="kind"))
    if findings:
        raise InputError(findings)
    return Spec({role: columns[role] for role in ROLES if role in columns}, tuple(indicators), marks)


_MEANING = {
    "enterprise": "the id of the loan or of its enterprise",
    "receivable": "principal and interest due",
    "defaulted": "the part of it that was lost",
}


def _indicator(table: ColumnTable, row: int, name: str, theirs: str) -> Indicator | list[tuple[str, str]]:
    """Return the indicator of a line, or what is wrong with it: column and message."""
    faults: list[tuple[str, str]] = []
    direction = table.texts("direction")[row]
    low, high = (float(table.numbers(key)[row]) for key in ("low", "high"))
    if not direction:
        faults.append(("direction", f"is blank; say what is better: {', '.join(DIRECTIONS)}"))
    elif direction == "interval":
        if math.isnan(low) or math.isnan(high):
            faults.append(("low", "is best within an interval, which needs both low and high"))
        elif low > high:
            faults.append(("low", f"{low:g} is above high, {high:g}"))
    elif not (math.isnan(low) and math.isnan(high)):
        faults.append(("low", f"low and high belong to the direction interval, and this one is {direction}"))
    words, above = _values(table.texts("values")[row], faults)
    missing = _missing(table.texts("missing")[row], faults)
    if faults:
        return faults
    return Indicator(
        name,
        theirs,
        table.texts("kind")[row],
        cast(Direction, direction),
        None if math.isnan(low) else low,
        None if math.isnan(high) else high,
        words,
        above,
        missing,
    )


def _values(text: str, faults: list[tuple[str, str]]) -> tuple[dict[str, float] | None, float | None]:
    """Return the words and the limit that `text` tells."""
    if not text:
        return None, None
    match = _ABOVE.fullmatch(text)
    if match is not None:
        number = parse_number(match["number"], is_share=False)
        if isinstance(number, str):
            faults.append(("values", number))
            return None, None
        return None, number
    words: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        word, equals, written = (piece.strip() for piece in part.rpartition("="))
        number = parse_number(written, is_share=False) if equals and word else "missing"
        if isinstance(number, str):
            faults.append(("values", f"{shown(part)} is not understood; write `Y=1; N=0`, or `above 1`"))
        elif word in words:
            faults.append(("values", f"tells {shown(word)} twice"))
        else:
            words[word] = number
    return words, None


def _missing(text: str, faults: list[tuple[str, str]]) -> str | float | None:
    if not text or text in FILLS:
        return text or None
    number = parse_number(text, is_share=False)
    if isinstance(number, str):
        hint = did_you_mean(text, FILLS)
        faults.append(("missing", f"{shown(text)} is neither {' nor '.join(FILLS)} nor a number{hint}"))
        return None
    return number


def headers(spec: Spec, roles: Sequence[Role]) -> list[str]:
    """Return the headers that a table must have for these roles and for every indicator, each once."""
    wanted = [spec.columns[role] for role in roles if role in spec.columns]
    return list(dict.fromkeys([*wanted, *(indicator.column for indicator in spec.indicators)]))
