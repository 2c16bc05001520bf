"""The check of a plan on a large Parquet dataset: some rows at a time, so that memory does not grow with the book.

What is checked row by row is checked part by part; what is summed is summed in each part, every sum as the double
nearest to it and the double nearest to what that leaves out, and the parts' sums are added exactly.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lendplan.certify.allocations import Allocations
from lendplan.certify.applicants import Applicants, applicants_of
from lendplan.certify.bound import price_faults
from lendplan.certify.choices import Choices
from lendplan.certify.decisions import Measured, check_decisions, check_figures, check_rows, measure
from lendplan.certify.estimate import Sheets, margin
from lendplan.certify.exact import Floats, pair
from lendplan.certify.left import Whole
from lendplan.certify.pricing import Weights, float_prices, right_sides
from lendplan.certify.question import MEASURES, Question, finite
from lendplan.certify.report import Check, Checklist
from lendplan.certify.rows import RowFamily, rows_of
from lendplan.data.book import Book
from lendplan.data.churn import ChurnTable

ROWS = 1 << 18
"""Rows of a part."""

Pairs = list[float]
"""A sum as a few doubles, which add up to it."""


def added(parts: Sequence[Pairs]) -> float:
    """Add up the sums of parts; NaN beyond the largest double."""
    try:
        return math.fsum(one for part in parts for one in part)
    except (OverflowError, ValueError):
        return math.nan


@dataclass(frozen=True)
class DualPart:
    """What a part of the book adds to D(λ): the best of all choices of its eligible enterprises, and its error.

    Parameters
    ----------
    best, error
        Sums.
    eligible
        Number of eligible enterprises.
    families
        The rows, without whom they count.
    members
        Of each family: name → number of members.
    """

    best: Pairs
    error: Pairs
    eligible: int
    families: tuple[RowFamily, ...]
    members: tuple[Mapping[str, int], ...]


def choices_in(
    question: Question, book: Book, churn: ChurnTable, weights: Weights, prices: Mapping[str, Any]
) -> Choices:
    """Return what the enterprises of a part may be given; rows whose members are in other parts are there, too."""
    applicants = applicants_of(question, book, churn)
    families = rows_of(question, book, applicants.is_eligible)
    whole = [
        _widened(family, limit.name, prices) if limit.by is not None else family
        for limit, family in zip(question.limits, families[1:], strict=True)
    ]
    choices = Choices(question, applicants, (families[0], *whole), weights)
    choices.is_exact = False
    return choices


def _widened(family: RowFamily, limit: str, prices: Mapping[str, Any]) -> RowFamily:
    """Add the rows of one limit that prices name; in the order of their names, wherever they have members."""
    named = {name for name in prices if name.startswith(f"{limit}[") and name.endswith("]")}
    names = sorted({*family.names, *named})
    place = {name: at for at, name in enumerate(names)}
    moved = np.array([*(place[name] for name in family.names), -1], dtype=np.int64)
    return replace(family, names=tuple(names), group=moved[family.group])


def dual_part(choices: Choices, prices: Mapping[str, Any]) -> DualPart:
    """Return a part's part of D(λ)."""
    sheets = Sheets(choices, [prices])
    best: list[Floats] = [np.empty(0)]
    error: list[Floats] = [np.empty(0)]
    for part in Whole(choices):
        seen = sheets.seen(0, part)
        best.append(seen.best)
        error.append(seen.error)
    return DualPart(
        pair(np.concatenate(best)),
        pair(np.concatenate(error)),
        len(choices.at),
        tuple(replace(family, group=np.empty(0, dtype=np.int64)) for family in choices.families),
        tuple(
            {name: int(size) for name, size in zip(family.names, family.sizes, strict=True) if size}
            for family in choices.families
        ),
    )


class Together(Choices):
    """The enterprises of all parts, by their number alone, and the rows that some of them are members of."""

    def __init__(self, question: Question, weights: Weights, parts: Sequence[DualPart]) -> None:
        self.question, self.weights, self.is_exact = question, weights, False
        self.at = np.broadcast_to(np.int64(0), (sum(part.eligible for part in parts),))
        together = []
        for at, family in enumerate(parts[0].families):
            found = {name for part in parts for name in part.members[at]}
            names = tuple(sorted(found)) if at and question.limits[at - 1].by is not None else family.names
            together.append(replace(family, names=names))
        self.families = tuple(together)


def bound_of_parts(whole: Together, parts: Sequence[DualPart], prices: Mapping[str, Any]) -> float:
    """Return D(λ), no less than it is.

    Raises
    ------
    ValueError
        If a price has the wrong sign, is not finite, or names no row.
    """
    faults = price_faults(whole.families, prices)
    if faults:
        raise ValueError("; ".join(faults))
    share = margin(whole)
    rows, sizes = (float_prices(whole.families, [prices], is_magnitude=one) for one in (False, True))
    terms = [whole.weights.constant, *(float(one[0, 0]) for one in right_sides(rows))]
    errors = [share * whole.weights.magnitude, *(share * float(one[0, 0]) for one in right_sides(sizes))]
    value = added([terms, *(part.best for part in parts)])
    error = added([errors, *(part.error for part in parts)])
    return float(np.nextafter(value + error, math.inf))


@dataclass(frozen=True)
class Sums:
    """What the loans of a part add up to: measures, the value, the scales of rounding, and the members of each row."""

    measures: Mapping[str, Pairs]
    value: Pairs
    scale: Mapping[str, Pairs]
    members: tuple[Mapping[str, Mapping[str, Pairs]], ...]


def sums_in(choices: Choices, measured: Measured) -> Sums:
    """Add up a part."""
    members = []
    for family in choices.families:
        needed = ("interest", "exposure") if family.kind == "rate" else (family.measure,)
        of_names = {}
        for name, places in zip(family.names, family.members(family.group), strict=True):
            if len(places):
                of_names[name] = {one: pair(measured.measures[one][places]) for one in needed}
        members.append(of_names)
    return Sums(
        {name: pair(values) for name, values in measured.measures.items()},
        pair(measured.value),
        {name: pair(values) for name, values in measured.scale.items()},
        tuple(members),
    )


class SumsTogether:
    """The sums of all parts, as the checks of totals ask for them."""

    def __init__(self, parts: Sequence[Sums], whole: Together) -> None:
        self._parts, self._whole = parts, whole

    def total(self, measure: str) -> float:
        """Return a measure of the whole plan."""
        return added([part.measures[measure] for part in self._parts])

    def objective(self) -> float:
        """Return what the plan is worth."""
        return added([part.value for part in self._parts]) + self._whole.weights.constant

    def sides(self, family: RowFamily) -> list[tuple[float, float]]:
        """Return both sides of each row."""
        at = next(place for place, one in enumerate(self._whole.families) if one is family)

        def sum_of(name: str, measure: str) -> float:
            return added(
                [part.members[at][name][measure] for part in self._parts if name in part.members[at]]
            )

        found = []
        for name in family.names:
            if family.kind == "rate":
                found.append((sum_of(name, "interest"), family.value * sum_of(name, "exposure")))
            else:
                right = family.value * (1.0 if family.kind == "amount" else self.total(family.measure))
                found.append((sum_of(name, family.measure), right))
        return found

    @property
    def measured(self) -> Measured:
        """The sums in the place of what each enterprise adds."""

        def one(parts: Sequence[Pairs]) -> Floats:
            return np.array([number for part in parts for number in part])

        scale = {name: one([part.scale[name] for part in self._parts]) for name in self._parts[0].scale}
        return Measured(dict.fromkeys(MEASURES, np.empty(0)), np.empty(0), scale)


def check_part(
    table: Allocations, parquet_says: tuple[bool, str], choices: Choices, first: int
) -> tuple[tuple[Check, ...], Sums | None]:
    """Check the rows of a part; no sums where they are not those of the book."""
    applicants: Applicants = choices.applicants
    checks = Checklist()
    checks.add("parquet", *parquet_says)
    sums = None
    if check_rows(table, applicants, checks):
        check_decisions(table, applicants, checks)
        measured = measure(table, choices.question, applicants, choices.weights)
        check_figures(table, applicants, measured, checks)
        sums = sums_in(choices, measured)
    where = f" (rows from {first + 1:,} on)"
    return tuple(
        one if one.passed else replace(one, detail=one.detail + where) for one in checks.checks
    ), sums


def check_bound(
    certificate: Mapping[str, Any], whole: Together, parts: Sequence[DualPart], checks: Checklist
) -> float | None:
    """Check the prices and the certified bound of a certificate without leaves; return the bound."""
    from lendplan.certify.claims import TRUE_AGAIN, check_prices_bound
    from lendplan.certify.totals import objective_scale

    stated, prices = certificate.get("certified_bound"), certificate.get("prices")
    if not isinstance(prices, dict):
        checks.add("prices", False, f"are {prices!r}, certified_bound is {stated!r}")
        return None
    wanted = {name for part in parts for family in part.members for name in family}
    faults = price_faults(whole.families, prices)
    faults += [f"there is no price of {name!r}" for name in sorted(wanted) if name not in prices]
    told = "; ".join(faults) or f"{len(prices):,} prices, signs and names are right"
    if not checks.add("prices", not faults, told):
        return None
    bound = bound_of_parts(whole, parts, prices)
    room = TRUE_AGAIN * max(abs(bound), 1e-3 * objective_scale(bound, whole.question))
    if stated is not None:
        checks.equal("certified bound", finite(stated), bound, room)
    check_prices_bound(certificate, bound, room, checks, repeats=False)
    return bound
