"""Tables of third-party ratings: what agencies say on scales of their own, and what their words stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lendplan.data.columns import Column, Contract
from lendplan.data.findings import Finding, InputError, did_you_mean, shown
from lendplan.data.sources import InputRecord
from lendplan.data.tables import RawTable
from lendplan.rating.records import Floats
from lendplan.rating.wordedtables import read_worded

AGENCY_RATINGS = Contract(
    "agency_ratings",
    (
        Column("enterprise", "code", "Id of the rated enterprise.", required=True, filled=True),
        Column("agency", "text", "Who rated it.", required=True, filled=True),
        Column("rating", "text", "The rating, a word of the agency's own scale.", required=True, filled=True),
        Column(
            "date",
            "date",
            "Day of the rating; without it, it counts as stale wherever there is an age limit.",
        ),
    ),
    may_be_empty=True,
)
"""Ratings by third parties: a row each."""

MASTER_SCALE = Contract(
    "master_scale",
    (
        Column("agency", "text", "Whose scale it is.", required=True, filled=True),
        Column("rating", "text", "A word of that scale.", required=True, filled=True),
        Column("grade", "text", "Our grade that it stands for.", required=True, filled=True),
        Column(
            "default_probability",
            "fraction",
            "Default probability the agency states for it.",
            "fraction",
            0.0,
            1.0,
        ),
    ),
)
"""What each word of each agency's scale stands for: a row a word."""

HEADERS = {
    "enterprise": ("企业代号", "企业编号"),
    "agency": ("评级机构", "机构"),
    "rating": ("评级结果", "外部评级", "评级", "external_rating"),
    "date": ("评级日期", "日期", "rating_date"),
    "grade": ("信誉评级", "内部等级", "对应等级", "our_grade"),
    "default_probability": ("违约概率",),
}


@dataclass(frozen=True)
class AgencyRatings:
    """Ratings by third parties, m of them, in the order of their table.

    Parameters
    ----------
    enterprise, agency, rating
        Texts, m each.
    day
        Shape (m,): days since 1970-01-01, NaN where there is no date.
    line
        Shape (m,): row of the table, for messages.
    file
        The table, for messages.
    record
        What a manifest keeps of it, None where it was no file.
    """

    enterprise: tuple[str, ...]
    agency: tuple[str, ...]
    rating: tuple[str, ...]
    day: Floats
    line: NDArray[np.int64]
    file: str
    record: InputRecord | None = None


@dataclass(frozen=True)
class MasterScale:
    """What agencies' words stand for.

    Parameters
    ----------
    grade
        (agency, rating) → our grade.
    default_probability
        (agency, rating) → what the agency states, where it does.
    file
        The table, for messages.
    record
        What a manifest keeps of it, None where it was no file.
    """

    grade: Mapping[tuple[str, str], str]
    default_probability: Mapping[tuple[str, str], float]
    file: str
    record: InputRecord | None = None


def read_agency_ratings(source: str | Path | RawTable) -> AgencyRatings:
    """Read the table :data:`AGENCY_RATINGS`, headers in English or Chinese.

    Raises
    ------
    InputError
        With every problem at once.
    """
    table, raw = read_worded(source, AGENCY_RATINGS, HEADERS, {})
    enterprise, agency, rating = (table.texts(name).tolist() for name in ("enterprise", "agency", "rating"))
    return AgencyRatings(
        tuple(enterprise),
        tuple(agency),
        tuple(rating),
        np.asarray(table.numbers("date")),
        raw.line,
        raw.name,
        raw.record("agency_ratings") if raw.sha256 else None,
    )


def read_master_scale(source: str | Path | RawTable, grades: Sequence[str]) -> MasterScale:
    """Read the table :data:`MASTER_SCALE`, headers in English or Chinese.

    Parameters
    ----------
    grades
        Our grades, from best to worst.

    Raises
    ------
    InputError
        With every problem at once: a grade that is none of ours, a word that stands there twice, an agency whose
        default probability falls where our grade worsens.
    """
    table, raw = read_worded(source, MASTER_SCALE, HEADERS, {})
    agency, rating, grade = (table.texts(name).tolist() for name in ("agency", "rating", "grade"))
    stated = table.numbers("default_probability")
    place = {name: position for position, name in enumerate(grades)}
    findings: list[Finding] = []
    first: dict[tuple[str, str], int] = {}

    def tell(row: int, message: str, key: str) -> None:
        findings.append(Finding(message, file=raw.name, line=int(raw.line[row]), key=key))

    for row, key in enumerate(zip(agency, rating, strict=True)):
        if grade[row] not in place:
            near = did_you_mean(grade[row], grades)
            tell(row, f"{shown(grade[row])} is none of our grades, {', '.join(grades)}{near}", "grade")
        if key in first:
            before = raw.line[first[key]]
            tell(row, f"{shown(rating[row])} of {agency[row]} stands in line {before} already", "rating")
        first.setdefault(key, row)
    for name in dict.fromkeys(agency):
        rows = [row for row in first.values() if agency[row] == name and grade[row] in place]
        rows = sorted((row for row in rows if not np.isnan(stated[row])), key=lambda row: place[grade[row]])
        for row, worse in pairwise(rows):
            if place[grade[worse]] > place[grade[row]] and stated[worse] < stated[row]:
                message = (
                    f"{name}'s {rating[worse]} ({grade[worse]}) has {stated[worse]:.6g}, less than its better "
                    f"{rating[row]} ({grade[row]}) with {stated[row]:.6g}"
                )
                tell(worse, message, "default_probability")
    if findings:
        raise InputError(sorted(findings, key=lambda finding: finding.line or 0))
    return MasterScale(
        {key: grade[row] for key, row in first.items()},
        {key: float(stated[row]) for key, row in first.items() if not np.isnan(stated[row])},
        raw.name,
        raw.record("master_scale") if raw.sha256 else None,
    )
