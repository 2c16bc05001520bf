"""Guarantees and pledges as a checked table: who vouches for whom, with what, and how much of it is counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lendplan.data.columns import Column, Contract
from lendplan.data.findings import Finding, InputError, shown
from lendplan.data.sources import InputRecord
from lendplan.data.tables import RawTable
from lendplan.rating.records import Floats
from lendplan.rating.wordedtables import read_worded

PROFESSIONAL = "professional guarantor"
MUTUAL = "mutual guarantee"
RECEIVABLES = "receivables"
PROPERTY = "property"
COUNTER = "counter-guarantee"
KINDS = (PROFESSIONAL, MUTUAL, RECEIVABLES, PROPERTY, COUNTER)
PERSONAL = (PROFESSIONAL, MUTUAL, COUNTER)
"""Kinds that are a promise of somebody, who must be named."""

HAIRCUTS = {PROFESSIONAL: 0.2, MUTUAL: 0.5, RECEIVABLES: 0.4, PROPERTY: 0.4, COUNTER: 1.0}
"""Haircut where a row states none. Receivables and property: 40 %, the haircut of Basel III's foundation approach. A
professional guarantor: 20 %, the share of risk that the usual 80 : 20 bargain of Chinese guarantee funds leaves with
the bank. A mutual guarantee: 50 %, ours, since enterprises that vouch for one another tend to fail together."""

GUARANTEES = Contract(
    "guarantees",
    (
        Column(
            "enterprise",
            "code",
            "Id of the enterprise that is vouched for; may stand in several rows.",
            required=True,
            filled=True,
        ),
        Column("kind", "choice", "What kind of security it is.", required=True, filled=True, choices=KINDS),
        Column("covered", "amount", "Amount it covers.", "currency", 0.0),
        Column(
            "covered_share",
            "fraction",
            "Share of the exposure it covers, where it is stated as a share.",
            "fraction",
            0.0,
            1.0,
        ),
        Column(
            "haircut",
            "fraction",
            "Share of the covered amount that is not counted; that of its kind where blank.",
            "fraction",
            0.0,
            1.0,
        ),
        Column("guarantor", "code", "Id of who vouches; needed for guarantees, may be blank for pledges."),
        Column(
            "guarantor_default_probability",
            "fraction",
            "Default probability of a guarantor who is not rated here, within the year.",
            "fraction",
            0.0,
            1.0,
        ),
        Column("capacity", "amount", "Most the guarantor may vouch for in all.", "currency", 0.0),
        Column(
            "exposure",
            "amount",
            "Exposure to the enterprise; the same in all of its rows.",
            "currency",
            above=0.0,
        ),
    ),
    any_of=(("covered", "covered_share"),),
    may_be_empty=True,
)
"""Guarantees and pledges: a row each."""

HEADERS = {
    "enterprise": ("企业代号", "被担保企业", "借款企业"),
    "kind": ("担保方式", "担保类型", "类型"),
    "covered": ("担保金额", "担保额", "covered_amount", "amount"),
    "covered_share": ("担保比例", "share"),
    "haircut": ("折扣率", "折减率"),
    "guarantor": ("担保人", "担保机构", "担保人代号", "guarantor_id"),
    "guarantor_default_probability": ("担保人违约概率",),
    "capacity": ("担保能力", "担保限额", "guarantor_capacity"),
    "exposure": ("风险敞口", "敞口", "贷款余额"),
}
WORDS = {
    "kind": {
        PROFESSIONAL: ("专业担保", "担保公司", "融资担保", "guarantor", "professional"),
        MUTUAL: ("互保", "联保", "互助担保", "企业互保", "mutual"),
        RECEIVABLES: ("应收账款", "应收账款质押", "receivable", "pledged receivables"),
        PROPERTY: ("房产", "房产抵押", "不动产", "不动产抵押", "抵押", "real estate", "mortgage"),
        COUNTER: ("反担保", "counter guarantee"),
    }
}


@dataclass(frozen=True)
class Guarantees:
    """Guarantees and pledges, m of them, in the order of their table; NaN and '' are blank.

    Parameters
    ----------
    enterprise, kind, guarantor
        Texts, m each.
    covered, covered_share
        Shape (m,): an amount of currency, or a share of the exposure; one of the two is there.
    haircut
        Shape (m,): share not counted; that of the kind where the row stated none.
    guarantor_default_probability, capacity, exposure
        Shape (m,).
    line
        Shape (m,): row of the table, for messages.
    file
        The table, for messages.
    record
        What a manifest keeps of it, None where it was no file.
    """

    enterprise: tuple[str, ...]
    kind: tuple[str, ...]
    guarantor: tuple[str, ...]
    covered: Floats
    covered_share: Floats
    haircut: Floats
    guarantor_default_probability: Floats
    capacity: Floats
    exposure: Floats
    line: NDArray[np.int64]
    file: str
    record: InputRecord | None = None

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.enterprise)

    def told(self, row: int, message: str, key: str | None = None) -> Finding:
        """Return a finding on one row."""
        return Finding(message, file=self.file, line=int(self.line[row]), key=key)


def read_guarantees(source: str | Path | RawTable) -> Guarantees:
    """Read guarantees and pledges.

    Parameters
    ----------
    source
        The table :data:`GUARANTEES`, its headers and kinds in English or Chinese.

    Raises
    ------
    InputError
        With every problem at once: an unknown kind, a negative amount, a haircut above 1, an amount and a share both or
        neither, a promise without a guarantor or by the enterprise itself, rows that contradict one another on the
        exposure of an enterprise or on a guarantor's capacity or default probability.
    """
    table, raw = read_worded(source, GUARANTEES, HEADERS, WORDS)
    kind = tuple(table.texts("kind").tolist())
    haircut = table.numbers("haircut")
    usual = np.array([HAIRCUTS[name] for name in kind], dtype=np.float64)
    guarantees = Guarantees(
        enterprise=tuple(table.texts("enterprise").tolist()),
        kind=kind,
        guarantor=tuple(table.texts("guarantor").tolist()),
        covered=table.numbers("covered"),
        covered_share=table.numbers("covered_share"),
        haircut=np.where(np.isnan(haircut), usual, haircut),
        guarantor_default_probability=table.numbers("guarantor_default_probability"),
        capacity=table.numbers("capacity"),
        exposure=table.numbers("exposure"),
        line=raw.line,
        file=raw.name,
        record=raw.record("guarantees") if raw.sha256 else None,
    )
    findings = [
        *_row_faults(guarantees),
        *_contradictions(guarantees, guarantees.enterprise, "exposure"),
        *_contradictions(guarantees, guarantees.guarantor, "capacity"),
        *_contradictions(guarantees, guarantees.guarantor, "guarantor_default_probability"),
    ]
    if findings:
        raise InputError(sorted(findings, key=lambda finding: finding.line or 0))
    return guarantees


def _row_faults(table: Guarantees) -> list[Finding]:
    findings = []
    for row, (kind, guarantor, enterprise) in enumerate(
        zip(table.kind, table.guarantor, table.enterprise, strict=True)
    ):
        has_amount, has_share = (not np.isnan(column[row]) for column in (table.covered, table.covered_share))
        if has_amount and has_share:
            message = "covered and covered_share are both given; keep the one that the contract states"
            findings.append(table.told(row, message, "covered"))
        elif not has_amount and not has_share:
            findings.append(table.told(row, "needs an amount, or a share under covered_share", "covered"))
        if kind in PERSONAL and not guarantor:
            findings.append(table.told(row, f"is blank; a {kind} needs who vouches", "guarantor"))
        if kind in (PROFESSIONAL, MUTUAL) and guarantor == enterprise:
            message = f"{shown(guarantor)} cannot vouch for itself; name another, or make it a pledge"
            findings.append(table.told(row, message, "guarantor"))
    return findings


def _contradictions(table: Guarantees, owner: tuple[str, ...], column: str) -> list[Finding]:
    """Tell where rows of one owner state different numbers in a column that belongs to the owner."""
    values: Floats = getattr(table, column)
    first: dict[str, int] = {}
    findings = []
    for row in np.flatnonzero(~np.isnan(values)).tolist():
        if not owner[row]:
            continue
        before = first.setdefault(owner[row], row)
        if values[before] != values[row]:
            message = (
                f"{values[row]:.12g}, while line {table.line[before]} says {values[before]:.12g} for "
                f"{shown(owner[row])}; it must be the same in all of its rows"
            )
            findings.append(table.told(row, message, column))
    return findings
