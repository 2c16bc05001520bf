"""What only scenario and book together show: contradictions that are refused, and oddities that are told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lendplan.data.book import Book
from lendplan.data.findings import Finding, did_you_mean, listed
from lendplan.models.applicants import Applicants
from lendplan.models.limits import Census, LimitSpec, take_census
from lendplan.models.problem import Problem, Row
from lendplan.scenario import Settings
from lendplan.solvers.shares import shares_that_force_nothing

log = logging.getLogger(__name__)

Locate = Callable[[Sequence[str | int], str], Finding]
"""Turns a key path and a message into a finding with its place."""


def contradicting_shares(settings: Settings, problem: Problem, locate: Locate) -> list[Finding]:
    """Refuse shares of several limits that together leave nothing to lend."""
    if sum(limit.measure != "average_rate" for limit in settings.limits) < 2:
        return []
    position = {limit.name: place for place, limit in enumerate(settings.limits)}
    findings = []
    for rows in shares_that_force_nothing(problem):
        said = ", ".join(
            f"`{row.name}` at {'most' if row.sense == 1 else 'least'} {100 * (row.share or 0.0):.6g} %"
            for row in rows
        )
        message = (
            f"these shares of {rows[0].measure} leave no plan but lending nothing: {said}; loosen one of them"
        )
        findings.append(locate(("limits", position[rows[0].rule]), message))
    return findings


def tell_oddities(
    settings: Settings, book: Book, applicants: Applicants, rows: Sequence[Row], specs: Sequence[LimitSpec]
) -> None:
    """Warn of what is allowed and is most likely a slip: grades and limits that touch nobody, odd risk weights."""
    by_group = [spec for spec in specs if spec.by is not None and spec.sense < 0]
    census = take_census(by_group, book.table, applicants.row)
    tell(
        settings,
        Seen(
            file=book.file,
            grades=frozenset(book.table.texts("grade").present()),
            nobody=tuple(row.name for row in rows if row.members is not None and not row.members.mask.any()),
            left_out=left_out(by_group, census),
            eligible=len(applicants.row),
            heavy=int((applicants.risk_weight > 1.0).sum()),
        ),
    )


def left_out(specs: Sequence[LimitSpec], census: Census) -> dict[str, list[str]]:
    """Return limit → values of its column that enterprises of the book have, and no eligible one."""
    found = {spec.name: census.left_out(position) for position, spec in enumerate(specs)}
    return {name: values for name, values in found.items() if values}


@dataclass(frozen=True)
class Seen:
    """What is looked at for oddities: the grades of the book, the limits that count nobody, two counts.

    ``left_out`` has, of limits that ask for at least so much of each group, the groups in which nobody is eligible.
    """

    file: str
    grades: frozenset[str]
    nobody: tuple[str, ...]
    left_out: Mapping[str, Sequence[str]]
    eligible: int
    heavy: int  # with a risk weight above 1


def tell(settings: Settings, seen: Seen) -> None:
    """Warn of the oddities of a book."""
    grades = seen.grades - {""}
    named = {
        "exclude_grades": set(settings.exclude_grades) - {"D"},
        "churn_as": set(settings.churn_as),
        "grade_factor": set(settings.grade_factor),
    }
    for key, wanted in named.items():
        for grade in sorted(wanted - grades):
            log.warning("%s: no enterprise has the grade %r%s", key, grade, did_you_mean(grade, grades))
    for name in seen.nobody:
        log.warning("limit `%s` counts nobody: no eligible enterprise is in it", name)
    for name, values in seen.left_out.items():
        log.warning(
            "limit `%s` asks nothing of %s: the book has enterprises there, and none of them is eligible",
            name,
            listed([f"`{value}`" for value in values]),
        )
    if not seen.eligible:
        log.warning("%s: no enterprise is eligible, so the plan will be empty", seen.file)
    if seen.heavy:
        log.warning(
            "%s: %s with a risk weight above 1: more is lost than is lent",
            seen.file,
            f"{seen.heavy:,} enterprises",
        )


def lines_of_nothing(
    applicants: Applicants, rows: Sequence[Row], fixed_cost: float, locate: Locate
) -> list[Finding]:
    """Refuse a least line of 0 where a loan of nothing would count as a loan."""
    at_nothing = applicants.line_min <= 0
    some, must = bool(at_nothing.any()), bool(applicants.must_lend[at_nothing].any())
    return nothing_counted(some, must, rows, fixed_cost, locate)


def nothing_counted(
    some: bool, some_must: bool, rows: Sequence[Row], fixed_cost: float, locate: Locate
) -> list[Finding]:
    """Refuse it where some enterprise has a least line of 0, or some with `must: lend` has.

    A loan of nothing still is one borrower, and costs its fixed cost. A limit that either of these helps to meet would
    be met on paper alone.
    """
    if not some:
        return []
    # What a loan of nothing adds to: harmless only where a stated amount of it may not be passed.
    added = {"count": ("borrowers", 1), "revenue": ("fixed costs", -1)}
    if not fixed_cost > 0:
        del added["revenue"]
    reasons = list(
        dict.fromkeys(
            f"helps to meet limit `{row.rule or row.name}`, which counts {added[row.measure][0]}"
            for row in rows
            if row.measure in added and (row.share is not None or row.sense != added[row.measure][1])
        )
    )
    if some_must:
        reasons.append("meets `must: lend`")
    if not reasons:
        return []
    return [
        locate(
            ("lines", "min"),
            f"a least line of 0 lets a loan of nothing count as a loan, which {' and '.join(reasons)}; "
            "set a least line above 0, also in the column line_min of the tables",
        )
    ]
