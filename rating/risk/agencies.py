"""Which grade counts where agencies have rated an enterprise as well: by precedence, age, and a rule among agencies.

Which grade counts is decided by an order of precedence, by default: the grade the bank has given, then the agencies',
then the forecast. The bank's own comes first because somebody answers for it, the forecast last because an agency sees
more than invoices. Of several agencies' ratings on one enterprise the newest of each agency counts, and among those the
worst, unless another rule is stated: one agency's good word should not beat another's warning. A rating older than the
age limit, or without a date, is told and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lendplan.data.findings import Finding, InputError, did_you_mean, listed, shown
from lendplan.rating.records import Floats
from lendplan.rating.risk.thirdparties import AgencyRatings, MasterScale

Source = Literal["given", "agency", "forecast"]
Rule = Literal["worst", "second_best", "newest", "order"]
PRECEDENCE: tuple[Source, ...] = ("given", "agency", "forecast")
RULES: tuple[Rule, ...] = ("worst", "second_best", "newest", "order")
MAX_AGE_DAYS = 365
"""A rating older than this is stale: agencies review theirs once a year."""


@dataclass(frozen=True)
class ThirdParty:
    """One rating by one agency, as a rating report shows it.

    Parameters
    ----------
    agency, rating
        Who, and its word.
    date
        ISO 8601, '' where there is none.
    grade
        Ours, by the master scale.
    use
        ``counts``, or why it does not: ``older than 365 days``, ``a newer one stands``, …
    """

    agency: str
    rating: str
    date: str
    grade: str
    use: str


@dataclass(frozen=True)
class AgencyGrades:
    """Which grade counts for each of n enterprises, and whence it comes.

    Parameters
    ----------
    grade
        '' where no source has one.
    source
        ``given``, ``forecast``, the agency's name, or '' without a grade.
    agency_grade
        What the agencies say together, whether it counts or not; '' where none is valid.
    default_probability
        Shape (n,): what the agency states for a grade that it decided; NaN otherwise.
    ratings
        Enterprise → its ratings by third parties, for the rating report.
    findings
        Stale, undated and conflicting ratings (agencies that differ among themselves, or from the given grade by two
        grades or more), and those for enterprises that are not rated here.
    """

    grade: tuple[str, ...]
    source: tuple[str, ...]
    agency_grade: tuple[str, ...]
    default_probability: Floats
    ratings: Mapping[str, tuple[ThirdParty, ...]]
    findings: tuple[Finding, ...]


def apply_agencies(
    enterprise: Sequence[str],
    given: Sequence[str],
    forecast: Sequence[str],
    ratings: AgencyRatings,
    scale: MasterScale,
    grades: Sequence[str],
    *,
    precedence: Sequence[Source] = PRECEDENCE,
    rule: Rule = "worst",
    order: Sequence[str] = (),
    as_of: float | None = None,
    max_age_days: float | None = MAX_AGE_DAYS,
) -> AgencyGrades:
    """Decide which grade counts for each enterprise.

    Parameters
    ----------
    enterprise
        Ids, n of them.
    given, forecast
        The bank's grade and the model's, '' for none; n each.
    ratings, scale
        What agencies say, and what their words stand for.
    grades
        Our grades, from best to worst.
    precedence
        Sources from first to last; one that is left out is never used.
    rule
        Among agencies that differ: ``worst``; ``second_best``, Basel's rule (of two the worse, of three or more the
        second best); ``newest``, the worst among equally new; ``order``, the first agency of `order` that has one.
    order
        Agencies from first to last, for ``order``.
    as_of
        Day that ages are counted to, days since 1970-01-01; the newest date in the table unless given. Later ratings
        are told and left out.
    max_age_days
        Age limit; None for none.

    Returns
    -------
    AgencyGrades

    Raises
    ------
    InputError
        If the scale lacks a word: all of them at once, each with the nearest word it knows.
    ValueError
        If an option is none of its choices.
    """
    _check_options(precedence, rule, order, ratings)
    if not set(scale.grade.values()) <= set(grades):
        raise ValueError(
            "the master scale holds grades that are not among `grades`; read it with these grades"
        )
    findings = _unmapped(ratings, scale)
    if findings:
        raise InputError(findings)
    place = {name: position for position, name in enumerate(enterprise)}
    rank = {name: position for position, name in enumerate(grades)}
    dated = ratings.day[~np.isnan(ratings.day)]
    today = float(dated.max()) if as_of is None and dated.size else as_of
    use, findings = _uses(ratings, place, today, max_age_days)
    by_enterprise: dict[str, list[int]] = {}
    for row, name in enumerate(ratings.enterprise):
        if name in place:
            by_enterprise.setdefault(name, []).append(row)

    ours = [scale.grade[key] for key in zip(ratings.agency, ratings.rating, strict=True)]
    agency_grade = [""] * len(enterprise)
    decided_by = [-1] * len(enterprise)
    for name, rows in by_enterprise.items():
        valid = [row for row in rows if not use[row]]
        if not valid:
            continue
        chosen = _chosen(valid, ours, rank, ratings, rule, order)
        decided_by[place[name]] = chosen
        agency_grade[place[name]] = ours[chosen]
        if len({ours[row] for row in valid}) > 1:
            said = ", ".join(f"{ratings.agency[row]} {ratings.rating[row]} ({ours[row]})" for row in valid)
            message = f"agencies differ on {shown(name)}: {said}; {ours[chosen]} counts, by the rule {rule!r}"
            findings.append(Finding(message, file=ratings.file, line=int(ratings.line[chosen]), key="rating"))

    grade, source, probability = [], [], np.full(len(enterprise), np.nan)
    for position in range(len(enterprise)):
        options = {"given": given[position], "agency": agency_grade[position], "forecast": forecast[position]}
        first = next((kind for kind in precedence if options[kind]), None)
        grade.append(options[first] if first else "")
        row = decided_by[position]
        source.append(ratings.agency[row] if first == "agency" else first or "")
        if (
            first == "given"
            and row >= 0
            and abs(rank.get(grade[-1], np.nan) - rank[agency_grade[position]]) >= 2
        ):
            message = (
                f"{shown(enterprise[position])} is given {grade[-1]}, which counts, and {ratings.agency[row]} says "
                f"{ratings.rating[row]} ({agency_grade[position]}); look at it again"
            )
            findings.append(Finding(message, file=ratings.file, line=int(ratings.line[row]), key="rating"))
        if first == "agency":
            key = (ratings.agency[row], ratings.rating[row])
            probability[position] = scale.default_probability.get(key, np.nan)
    shown_ratings = {
        name: tuple(
            ThirdParty(
                ratings.agency[row],
                ratings.rating[row],
                _iso(ratings.day[row]),
                ours[row],
                use[row] or "counts",
            )
            for row in rows
        )
        for name, rows in by_enterprise.items()
    }
    findings.sort(key=lambda finding: finding.line or 0)
    return AgencyGrades(
        tuple(grade), tuple(source), tuple(agency_grade), probability, shown_ratings, tuple(findings)
    )


def _check_options(
    precedence: Sequence[Source], rule: Rule, order: Sequence[str], ratings: AgencyRatings
) -> None:
    if not set(precedence) <= set(PRECEDENCE) or len(set(precedence)) < len(precedence):
        raise ValueError(f"precedence takes each of {', '.join(PRECEDENCE)} at most once")
    if rule not in RULES:
        raise ValueError(f"rule {rule!r} is none of {', '.join(RULES)}")
    if rule == "order":
        absent = sorted(set(ratings.agency) - set(order))
        if absent:
            message = f"the order of agencies lacks {listed(absent)}; name every agency of the table"
            raise InputError(Finding(message, file=ratings.file, key="agency"))


def _unmapped(ratings: AgencyRatings, scale: MasterScale) -> list[Finding]:
    """Tell each word that the scale lacks once, with its first row and how often it stands there."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(ratings.agency, ratings.rating, strict=True)):
        if key not in scale.grade:
            rows.setdefault(key, []).append(row)
    findings = []
    for (agency, rating), where in rows.items():
        words = [word for name, word in scale.grade if name == agency]
        often = "" if len(where) == 1 else f" ({len(where):,} rows, this is the first)"
        if words:
            message = (
                f"{shown(rating)} is no word of {agency}'s scale in {scale.file}{did_you_mean(rating, words)}"
            )
            column = "rating"
        else:
            near = did_you_mean(agency, {name for name, _ in scale.grade})
            message = f"{scale.file} has no scale of {shown(agency)}{near}"
            column = "agency"
        line = int(ratings.line[where[0]])
        findings.append(Finding(message + often, file=ratings.file, line=line, key=column))
    return findings


def _uses(
    ratings: AgencyRatings, place: Mapping[str, int], today: float | None, max_age: float | None
) -> tuple[list[str], list[Finding]]:
    """Return for each rating why it does not count, '' where it does, and what is to be told."""
    use = [""] * len(ratings.enterprise)
    findings: list[Finding] = []

    def tell(row: int, message: str) -> None:
        findings.append(Finding(message, file=ratings.file, line=int(ratings.line[row]), key="date"))

    newest: dict[tuple[str, str], int] = {}
    strangers: list[int] = []
    for row, (name, agency) in enumerate(zip(ratings.enterprise, ratings.agency, strict=True)):
        day = float(ratings.day[row])
        if name not in place:
            strangers.append(row)
            use[row] = "not rated here"
        elif np.isnan(day) and max_age is not None:
            use[row] = "without a date"
            tell(
                row,
                f"{agency}'s rating of {shown(name)} has no date, so its age is not known; it is left out",
            )
        elif today is not None and day > today:
            use[row] = f"dated after {_iso(today)}"
            tell(
                row,
                f"{agency}'s rating of {shown(name)} is of {_iso(day)}, after {_iso(today)}; it is left out",
            )
        elif max_age is not None and today is not None and today - day > max_age:
            use[row] = f"older than {max_age:g} days"
            message = f"{agency}'s rating of {shown(name)} is of {_iso(day)}, older than {max_age:g} days"
            tell(row, f"{message} on {_iso(today)}; it is left out")
        else:
            before = newest.setdefault((name, agency), row)
            # Of two of one day the later row stands: tables are added to at their end.
            if before != row:
                is_newer = np.isnan(ratings.day[before]) or not day < ratings.day[before]
                newest[name, agency] = row if is_newer else before
                use[before if is_newer else row] = "a newer one stands"
    if strangers:
        names = list(dict.fromkeys(ratings.enterprise[row] for row in strangers))
        message = f"{len(strangers):,} ratings are for enterprises that are not rated here: {listed(names)}"
        line = int(ratings.line[strangers[0]])
        findings.append(Finding(message, file=ratings.file, line=line, key="enterprise"))
    return use, findings


def _chosen(
    valid: Sequence[int],
    ours: Sequence[str],
    rank: Mapping[str, int],
    ratings: AgencyRatings,
    rule: Rule,
    order: Sequence[str],
) -> int:
    """Return the row whose grade counts, among the newest of each agency."""
    from_best = sorted(valid, key=lambda row: (rank[ours[row]], row))
    if rule == "second_best":
        return from_best[min(1, len(from_best) - 1)]
    if rule == "newest":
        return max(from_best, key=lambda row: (np.nan_to_num(ratings.day[row], nan=-np.inf), rank[ours[row]]))
    if rule == "order":
        return min(valid, key=lambda row: order.index(ratings.agency[row]))
    return from_best[-1]


def _iso(day: float | np.floating) -> str:
    return "" if np.isnan(day) else str(np.datetime64(int(day), "D"))
