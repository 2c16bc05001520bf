"""What the tables of a rating hold: their columns, the headers and the words they are recognised by."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lendplan.data.coltable import ColumnTable
from lendplan.data.columns import Column, Contract
from lendplan.data.contracts import conform
from lendplan.data.findings import Finding, InputError, did_you_mean, listed, shown
from lendplan.data.tables import RawTable
from lendplan.data.texts import Texts

log = logging.getLogger(__name__)

RATED_ENTERPRISES = Contract(
    "rated_enterprises",
    (
        Column("enterprise", "id", "Id of the enterprise; text, kept exactly.", required=True, filled=True),
        Column("name", "text", "Name of the enterprise."),
        Column("grade", "text", "Credit grade it has; blank for the unrated."),
        Column("default", "text", "Whether it has defaulted: yes or no; blank where it is not known."),
    ),
    extra=Column("", "text", "Not read."),
)
"""The enterprises to rate, and what is known of those already rated."""

LARGEST = 1e15
"""No invoice is of more, in whatever currency: beyond it is a slip, and its cents would be lost in rounding."""

INVOICES = Contract(
    "invoices",
    (
        Column("enterprise", "code", "Whose invoice it is.", required=True, filled=True),
        Column(
            "side",
            "text",
            "input for a purchase, output for a sale; left out where each side has a table of its own.",
        ),
        Column("invoice_no", "code", "Number of the invoice.", required=True, filled=True),
        Column(
            "date",
            "date",
            "Day it was issued.",
            "day",
            required=True,
            filled=True,
        ),
        Column("counterparty", "code", "Who sold (input) or bought (output).", required=True),
        Column(
            "amount",
            "number",
            "Amount before tax.",
            "currency",
            low=-LARGEST,
            high=LARGEST,
            required=True,
            filled=True,
        ),
        Column("tax", "number", "Tax.", "currency", low=-LARGEST, high=LARGEST, required=True, filled=True),
        Column(
            "total",
            "number",
            "Amount and tax together; below zero for a return.",
            "currency",
            low=-LARGEST,
            high=LARGEST,
            required=True,
            filled=True,
        ),
        Column("status", "text", "valid or void.", required=True, filled=True),
    ),
    extra=Column("", "text", "Not read."),
    may_be_empty=True,
)
"""Invoices: one row each, of one side or, with the column `side`, of both."""

HEADERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "enterprise": ("企业代号", "enterprise"),
        "name": ("企业名称", "name"),
        "grade": ("信誉评级", "信用评级", "grade"),
        "default": ("是否违约", "default"),
        "side": ("发票方向", "side"),
        "invoice_no": ("发票号码", "发票号", "invoice_no", "invoice_number"),
        "date": ("开票日期", "date"),
        "counterparty": ("对方单位代号", "counterparty"),
        "amount": ("金额", "amount"),
        "tax": ("税额", "tax"),
        "total": ("价税合计", "total"),
        "status": ("发票状态", "status"),
    }
)
"""Our column → headers it is recognised by; blanks, hyphens, underscores and case make no difference."""

COUNTERPARTY = MappingProxyType(
    {
        "input": ("销方单位代号", "销方代号", "销方", "seller", "supplier"),
        "output": ("购方单位代号", "购方代号", "购方", "buyer", "customer"),
    }
)
"""Side → headers that only a table of this side has for its counterparty."""

STATUS: Mapping[str, bool] = MappingProxyType(
    {"有效发票": True, "有效": True, "valid": True, "作废发票": False, "作废": False, "void": False}
)
"""Word of `status` → whether the invoice is valid."""

SIDE: Mapping[str, bool] = MappingProxyType(
    {
        "进项": False,
        "进项发票": False,
        "input": False,
        "purchase": False,
        "销项": True,
        "销项发票": True,
        "output": True,
        "sale": True,
    }
)
"""Word of `side` → whether the invoice is a sale."""

DEFAULT: Mapping[str, bool] = MappingProxyType(
    {"是": True, "yes": True, "true": True, "1": True, "否": False, "no": False, "false": False, "0": False}
)
"""Word of `default` → whether the enterprise has defaulted."""

NUMBERS = frozenset(HEADERS["amount"] + HEADERS["tax"] + HEADERS["total"])
"""Headers of columns that are wanted as numbers alone."""


def plain(name: str) -> str:
    """Return a header or the name of a sheet without case, blanks, hyphens and underscores."""
    return "".join(letter for letter in name.casefold() if letter not in "-_" and not letter.isspace())


def typed(raw: RawTable, contract: Contract, side: str | None = None) -> tuple[ColumnTable, dict[str, str]]:
    """Type a table by its contract; its headers may be Chinese or English.

    Parameters
    ----------
    raw
        The table as it was read.
    contract
        `RATED_ENTERPRISES` or `INVOICES`.
    side
        ``input`` or ``output`` for a table that holds one side; None for both.

    Returns
    -------
    table
        The contract's columns alone.
    headers
        Our column → the header it stands under, for messages.

    Raises
    ------
    InputError
        If a column is missing, stands there twice, or belongs to the other side; and as `conform` does.
    """
    findings: list[Finding] = []
    headers: dict[str, str] = {}
    for column in contract.columns:
        found = _found(raw, _known_by(column.name, side))
        if len(found) > 1:
            message = f"stand for {column.name} alike; rename or delete all but one"
            findings.append(Finding(message, file=raw.name, line=1, key=", ".join(found)))
        if found:
            headers[column.name] = found[0]
        elif column.required:
            findings.append(_missing(raw, column.name, side))
    if findings:
        raise InputError(findings)
    further = [name for name in raw.columns if name not in headers.values()]
    if further:
        log.info("%s: further columns are not read: %s", raw.name, listed(further, 12))
    own = replace(raw, columns={theirs: raw.columns[theirs] for theirs in headers.values()})
    return conform(own, contract, headers), headers


def _known_by(name: str, side: str | None) -> tuple[str, ...]:
    """Return the headers that stand for one of our columns, the most telling first."""
    return (*COUNTERPARTY.get(side or "", ()), *HEADERS[name]) if name == "counterparty" else HEADERS[name]


def _found(raw: RawTable, known: tuple[str, ...]) -> list[str]:
    wanted = {plain(header) for header in known}
    return [theirs for theirs in raw.columns if plain(theirs) in wanted]


def _missing(raw: RawTable, name: str, side: str | None) -> Finding:
    other = {"input": "output", "output": "input"}.get(side or "")
    if name == "counterparty" and other:
        contrary = _found(raw, COUNTERPARTY[other])
        if contrary:
            words = {"input": "a seller, as purchases have", "output": "a buyer, as sales have"}
            message = (
                f"names {words[other]}, but the table is called one of {side} invoices; "
                "if the two tables are swapped, swap their names"
            )
            return Finding(message, file=raw.name, line=1, key=contrary[0])
    known = _known_by(name, side)
    near = did_you_mean(name, raw.columns) or did_you_mean(known[0], raw.columns)
    message = (
        f"column {name!r} is missing{near}; it is recognised by the headers {listed(known, 12)} "
        f"(it has {listed(list(raw.columns), 12)})"
    )
    return Finding(message, file=raw.name, line=1)


def meanings(
    texts: Texts, words: Mapping[str, bool], raw: RawTable, key: str, wanted: str
) -> tuple[NDArray[np.float64], list[Finding]]:
    """Read a column of words.

    Parameters
    ----------
    texts
        The column, (rows,).
    words
        Word in small letters → what it means.
    raw, key
        The table and the column's header, for messages.
    wanted
        What to write instead of a word that is not known.

    Returns
    -------
    meaning
        Shape (rows,): 1 or 0; NaN where blank or unknown.
    findings
        At most one: the words that are not known, how often each stands there, and its first row.
    """
    codes, values = texts.coded()
    known = [words.get("".join(value.split()).casefold(), np.nan) for value in values]
    # A place for no value at all, so that an empty column has something to look up.
    meaning = np.array([*known, np.nan], dtype=np.float64)[codes]
    odd = np.flatnonzero(np.isnan(meaning) & (np.append(values, "") != "")[codes])
    if not odd.size:
        return meaning, []
    told = counted(
        codes[odd], raw.line[odd], {code: shown(values[code]) for code in set(codes[odd].tolist())}
    )
    message = f"{wanted}; not known: {told}"
    return meaning, [Finding(message, file=raw.name, line=int(raw.line[odd[0]]), key=key)]


def counted(codes: NDArray[np.int32], line: NDArray[np.int64], names: Mapping[int, str]) -> str:
    """Return each name with its number of rows and its first row, in the order of the first rows."""
    found, first, count = np.unique(codes, return_index=True, return_counts=True)
    order = np.argsort(first)
    return listed(
        [
            f"{names[int(found[at])]} ({rows_of(int(count[at]))}, first in row {line[first[at]]})"
            for at in order.tolist()
        ],
        10,
    )


def rows_of(count: int) -> str:
    """Return a number of rows in words."""
    return "1 row" if count == 1 else f"{count:,} rows"
