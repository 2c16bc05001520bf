"""From the rows of the book to the numbers of the problem: who is eligible, and with what values.

A row's own value comes first, the scenario's stands in for a blank one. Risk weights are scaled with the
multipliers as their parts are: a given weight by p'/p and by LGD'/LGD, where the row has them, else by the plain
multiplier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lendplan.data.book import Book
from lendplan.data.findings import Finding, InputError
from lendplan.data.texts import Texts
from lendplan.models.measures import Floats, Indices

_DUST = 1e-9  # of a step: nearer than this to a whole number of steps, a bound is that number
_BUDGET_TOO_LARGE = 1e4  # × Σ line_max: beyond it, budget and lines are in different units
_BUDGET_TOO_SMALL = 1e-4  # × the smallest line_max

OUTCOMES = ("", "decline", "excluded")  # before any solving; '' for the eligible
_DECLINE, _EXCLUDED = 1, 2


@dataclass(frozen=True)
class Terms:
    """The scenario's values for rows that bring none of their own, and who takes part. Amounts in its unit."""

    line_min: float
    line_max: float
    line_step: float | None = None
    loss_given_default: float = 0.5
    default_multiplier: float = 1.0
    loss_multiplier: float = 1.0
    interest_lost_on_default: bool = False
    exclude_grades: Sequence[str] = ()
    unrated: Literal["error", "exclude"] = "error"
    churn_as: Mapping[str, str] = field(default_factory=dict)
    grade_factor: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Applicants:
    """The eligible enterprises as arrays, shape (n,), and the outcome of the others, shape (rows of the book,)."""

    row: Indices  # (n,) where in the book each stands
    enterprise: NDArray[np.object_]
    curve: NDArray[np.int16]
    default_probability: Floats
    risk_weight: Floats
    risk_index: Floats
    grade_factor: Floats
    line_min: Floats
    line_max: Floats
    line_step: Floats
    first_rate: NDArray[np.int16]
    last_rate: NDArray[np.int16]
    must_lend: NDArray[np.bool_]
    outcome: NDArray[np.int8]  # (rows,) position in OUTCOMES
    reason: Texts  # (rows,) why; '' for the eligible

    def outcome_of(self, row: int) -> str:
        """Return the outcome of a row of the book before any solving; '' where it is eligible."""
        return OUTCOMES[self.outcome[row]]


def select_applicants(book: Book, terms: Terms, rates: Floats, curve_grades: Sequence[str]) -> Applicants:
    """Choose the eligible enterprises and settle their values.

    Parameters
    ----------
    book : ratings merged in
    terms : the scenario's values
    rates : shape (m,), the rate grid, fractions
    curve_grades : shape (g,), the grades that have a churn curve, in the order of the curves

    Raises
    ------
    InputError
        With every row that cannot be used, and why.
    """
    return _Selection(book, terms, rates, curve_grades).applicants()


class _Selection:
    """One pass over the book; findings gather here."""

    def __init__(self, book: Book, terms: Terms, rates: Floats, curve_grades: Sequence[str]) -> None:
        self.book, self.terms, self.rates = book, terms, rates
        self.curve_grades = list(curve_grades)
        self.findings: list[Finding] = []
        self.grade = book.table.texts("grade")
        self.outcome = np.zeros(book.table.rows, dtype=np.int8)
        self.reason = Texts.repeated("", book.table.rows)

    def applicants(self) -> Applicants:
        self._settle_outsiders()
        row = np.flatnonzero(self.outcome == 0)
        low, high, step = self._lines(row)
        first, last = self._rate_bounds(row)
        probability, weight = self._risk(row)
        codes, grades = self.grade.coded()
        codes = codes[row]
        curve = self._curves(row, codes, grades)
        if self.findings:
            raise InputError(self.findings)
        index = self._number("risk_index")[row]
        factors = np.array([self.terms.grade_factor.get(grade, 1.0) for grade in grades], dtype=np.float64)
        return Applicants(
            row=row,
            enterprise=self._text("enterprise").take(row).objects(),
            curve=curve,
            default_probability=probability,
            risk_weight=weight,
            risk_index=np.where(np.isnan(index), weight, index),
            grade_factor=factors[codes],
            line_min=low,
            line_max=high,
            line_step=step,
            first_rate=first,
            last_rate=last,
            must_lend=self._text("must").equals("lend")[row],
            outcome=self.outcome,
            reason=self.reason,
        )

    def _text(self, column: str) -> Texts:
        return self.book.table.texts(column)

    def _number(self, column: str) -> Floats:
        return self.book.table.numbers(column)

    def _find(self, rows: Indices, column: str, message: str) -> None:
        names = self._text("enterprise")
        self.findings += [
            Finding(f"{names[i]}: {message}", file=self.book.file, line=int(self.book.line[i]), key=column)
            for i in rows
        ]

    def _settle_outsiders(self) -> None:
        """Mark who takes no part; `must: decline` first, so that its own reason is kept."""
        must = self._text("must")
        declined = must.equals("decline")
        ungraded = self.grade.equals("")
        excluded = ~declined & self.grade.isin(self.terms.exclude_grades) & ~ungraded
        self._settle(declined, _DECLINE, self._text("must_reason"), lambda own: own or "must: decline")
        self._settle(excluded, _EXCLUDED, self.grade, lambda grade: f"grade {grade} is excluded")
        self._find(
            np.flatnonzero(excluded & must.equals("lend")),
            "must",
            "`must: lend`, but its grade is in exclude_grades; change one of the two",
        )
        unrated = ~declined & ungraded
        self.outcome[unrated] = _EXCLUDED  # where that is a finding: so that nothing else is said of it
        if len(unrated) > 1 and ungraded.all() and self.terms.unrated == "error":
            message = "no enterprise has a grade; is its column called otherwise? Name it under `columns`"
            self.findings.append(Finding(message, file=self.book.file, line=1, key="grade"))
        elif self.terms.unrated == "exclude":
            self._settle(unrated, _EXCLUDED, self.grade, lambda _: "it has no grade")
        else:
            self._find(
                np.flatnonzero(unrated),
                "grade",
                "it has no grade; rate it, or set `unrated: exclude` to leave it out",
            )

    def _settle(
        self, who: NDArray[np.bool_], outcome: int, told: Texts, reason: Callable[[str], str]
    ) -> None:
        """Note the outcome of some rows, with a reason made of a column."""
        rows = np.flatnonzero(who)
        self.outcome[rows] = outcome
        if rows.size:
            self.reason = self.reason.overlaid(rows, told.take(rows).mapped(reason))

    def _lines(self, row: Indices) -> tuple[Floats, Floats, Floats]:
        terms = self.terms
        low = _or_else(self._number("line_min")[row], terms.line_min)
        high = _or_else(self._number("line_max")[row], terms.line_max)
        step = _or_else(self._number("line_step")[row], terms.line_step or 0.0)
        whole = np.where(step > 0, step, 1.0)
        # A loan of no step is none, so the least line is one step where it is stated as 0.
        fewest, most = np.maximum(1.0, np.ceil(low / whole - _DUST)), np.floor(high / whole + _DUST)
        crossed = low > high
        for i in np.flatnonzero(crossed):
            self._find(
                row[i : i + 1],
                "line_min",
                f"its least line is {low[i]:.12g}, above its largest, {high[i]:.12g}",
            )
        none_left = (step > 0) & (fewest > most) & ~crossed
        for i in np.flatnonzero(none_left):
            self._find(
                row[i : i + 1],
                "line_step",
                f"no multiple of its step {step[i]:.12g} lies between {low[i]:.12g} and {high[i]:.12g}",
            )
        stepped = step > 0
        return np.where(stepped, fewest * whole, low), np.where(stepped, most * whole, high), step

    def _rate_bounds(self, row: Indices) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        least = _or_else(self._number("rate_min")[row], float(self.rates[0]))
        most = _or_else(self._number("rate_max")[row], float(self.rates[-1]))
        first = np.searchsorted(self.rates, least - 1e-12, side="left")
        last = np.searchsorted(self.rates, most + 1e-12, side="right") - 1
        for i in np.flatnonzero(first > last):
            self._find(
                row[i : i + 1],
                "rate_min",
                f"no rate of the scenario lies between {100 * least[i]:.6g} % and {100 * most[i]:.6g} %; "
                f"it offers {100 * self.rates[0]:.6g} % to {100 * self.rates[-1]:.6g} %",
            )
        return first.astype(np.int16), last.astype(np.int16)

    def _risk(self, row: Indices) -> tuple[Floats, Floats]:
        terms = self.terms
        given = self._number("default_probability")[row]
        probability = np.minimum(1.0, terms.default_multiplier * given)
        own_loss = self._number("loss_given_default")[row]
        base_loss = _or_else(own_loss, terms.loss_given_default)
        loss = np.minimum(1.0, terms.loss_multiplier * base_loss)
        weight = self._number("risk_weight")[row]
        by_default = np.where(
            given > 0, probability / np.where(given > 0, given, 1.0), terms.default_multiplier
        )
        by_loss = np.where(own_loss > 0, loss / np.where(own_loss > 0, own_loss, 1.0), terms.loss_multiplier)
        missing = np.isnan(weight) & np.isnan(given)
        rated = f" or {self.book.rated_by}" if self.book.rated_by else ""
        self._find(
            row[missing],
            "risk_weight",
            f"it has neither risk_weight nor default_probability in {self.book.file}{rated}",
        )
        if terms.interest_lost_on_default:
            self._find(
                row[np.isnan(given) & ~missing],
                "default_probability",
                "it is blank, and `interest_lost_on_default` needs it",
            )
        scaled = np.where(np.isnan(weight), probability * loss, weight * by_default * by_loss)
        return np.where(np.isnan(given), 0.0, probability), scaled

    def _curves(
        self, row: Indices, codes: NDArray[np.int32], grades: NDArray[np.object_]
    ) -> NDArray[np.int16]:
        """Return the curve of each; ``codes`` are the grades of ``row``, (n,), among ``grades``."""
        position = {grade: place for place, grade in enumerate(self.curve_grades)}
        curves = np.array(
            [position.get(self.terms.churn_as.get(grade, grade), -1) for grade in grades], dtype=np.int16
        )
        missing = (np.bincount(codes, minlength=len(grades)) > 0) & (curves < 0)
        for code in sorted(np.flatnonzero(missing).tolist(), key=lambda code: grades[code]):
            grade = str(grades[code])
            borrowed = self.terms.churn_as.get(grade)
            has = ", ".join(self.curve_grades)
            message = (
                f"grade {grade} borrows the churn curve of {borrowed}, which the churn table lacks; it has {has}"
                if borrowed is not None
                else f"grade {grade} has no churn curve; the table has {has}. Lend it one with `churn_as`, or "
                "put the grade into `exclude_grades`"
            )
            self._find(row[np.argmax(codes == code)][None], "grade", message)
        return curves[codes]


def _or_else(values: Floats, default: float) -> Floats:
    return np.where(np.isnan(values), default, values)


def unit_mismatch(budget: float, applicants: Applicants) -> str:
    """Say that budget and lines seem to be in different units; '' where they do not."""
    if not len(applicants.row):
        return ""
    return mismatch_of(budget, float(np.sum(applicants.line_max)), float(np.min(applicants.line_max)))


def mismatch_of(budget: float, total: float, smallest: float) -> str:
    """Say that a budget and largest lines, their sum and the smallest of them, seem to be in different units."""
    if budget > _BUDGET_TOO_LARGE * total:
        return (
            f"the budget of {budget:.12g} is more than {_BUDGET_TOO_LARGE:.0f} times all the largest lines together, "
            f"{total:.12g}; is it in the same unit as the lines?"
        )
    if 0 < budget < _BUDGET_TOO_SMALL * smallest:
        return (
            f"the budget of {budget:.12g} is less than {_BUDGET_TOO_SMALL:g} of the smallest of the largest lines, "
            f"{smallest:.12g}; is it in the same unit as the lines?"
        )
    return ""
