"""Who may be lent to, within which lines and at which rates, and what a line is worth: from the input tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.question import Question
from lendplan.data.book import Book
from lendplan.data.churn import TOLERANCE, ChurnTable
from lendplan.data.coltable import ColumnTable
from lendplan.data.curves import churn_at, fit_churn, rate_grid
from lendplan.data.findings import Finding, InputError
from lendplan.data.texts import Texts

Floats = NDArray[np.float64]
STEP_TOLERANCE = 1e-9
"""Part of a step within which a line counts as a multiple of it."""


@dataclass(frozen=True)
class Applicants:
    """Every enterprise of the book, n of them, in its order.

    Parameters
    ----------
    enterprise, grade
        Text, (n,).
    is_excluded
        Left out for its grade, or for having none, (n,).
    must_decline, must_lend
        Settled beforehand, (n,).
    is_eligible
        Neither excluded nor `must: decline`, (n,).
    line_min, line_max, line_step
        Bounds of a line after rounding to steps; step 0 where any line will do; NaN where not eligible, (n,).
    rate_min, rate_max
        The row's own, −inf and +inf where it has none, (n,).
    default_probability, risk_weight
        p and ρ with the scenario's multipliers; 0 where not eligible, (n,).
    curve
        Row of `retention`; −1 where not eligible, (n,).
    rates
        The rate grid, annual fractions, (k,).
    churn
        Share of customers lost, read from the curves, (curves, k).
    given_probability, given_loss, given_weight
        p₀, LGD₀ and the risk weight as the tables have them, NaN for blank, (n,).
    """

    enterprise: Texts
    grade: Texts
    is_excluded: NDArray[np.bool_]
    must_decline: NDArray[np.bool_]
    must_lend: NDArray[np.bool_]
    is_eligible: NDArray[np.bool_]
    line_min: Floats
    line_max: Floats
    line_step: Floats
    rate_min: Floats
    rate_max: Floats
    default_probability: Floats
    risk_weight: Floats
    curve: NDArray[np.int64]
    rates: Floats
    churn: Floats
    given_probability: Floats
    given_loss: Floats
    given_weight: Floats

    @property
    def retention(self) -> Floats:
        """The share who stay, 1 − churn, (curves, k)."""
        return 1.0 - self.churn

    def on_grid(self, rate: Floats) -> NDArray[np.int64]:
        """Return each rate's place on the grid, −1 where it is not on it (and where it is NaN), (n,)."""
        right = np.clip(np.searchsorted(self.rates, rate), 1, max(len(self.rates) - 1, 1))
        left = right - 1
        right = np.minimum(right, len(self.rates) - 1)
        nearest = np.where(np.abs(self.rates[right] - rate) < np.abs(self.rates[left] - rate), right, left)
        return np.where(np.abs(self.rates[nearest] - rate) <= TOLERANCE, nearest, -1)

    def allows(self, rate: Floats) -> NDArray[np.bool_]:
        """Return whether each rate lies within its row's own rate_min and rate_max, (n,)."""
        return (rate >= self.rate_min - TOLERANCE) & (rate <= self.rate_max + TOLERANCE)


def applicants_of(question: Question, book: Book, churn: ChurnTable) -> Applicants:
    """Put the input tables together as the scenario says.

    Parameters
    ----------
    question
        The scenario.
    book
        Enterprises, ratings merged in.
    churn
        Churn as observed.

    Returns
    -------
    Applicants

    Raises
    ------
    InputError
        With every eligible row that has no grade, no churn curve, no risk, or no line that the scenario allows.
    """
    table = book.table
    grade, must = table.texts("grade"), table.texts("must")
    must_decline = must.equals("decline")
    is_graded = ~grade.equals("")
    is_excluded = grade.isin(question.exclude_grades) & is_graded
    if question.unrated == "exclude":
        is_excluded |= ~is_graded
    is_eligible = ~is_excluded & ~must_decline

    grid = rate_grid(churn.rates, question.rate_min, question.rate_max, question.rate_step)
    fit = fit_churn(churn, question.churn_fit)
    curve = _curves(grade, is_eligible, question.churn_as, fit.grades)
    low, high, step = _lines(question, table, is_eligible)
    probability, weight, is_known = _risk(question, table)
    is_empty = np.asarray(~(low <= high)) & is_eligible
    findings = [
        Finding(
            f"{table.texts('enterprise')[row]!r} {what}", file=book.file, line=int(book.line[row]), key=key
        )
        for key, what, at_fault in (
            ("grade", "has no grade", is_eligible & ~is_graded),
            ("grade", "has a grade without a churn curve", is_eligible & is_graded & (curve < 0)),
            ("risk_weight", "has neither a risk weight nor a default probability", is_eligible & ~is_known),
            ("line_max", "has no line between its smallest and its largest", is_empty),
        )
        for row in np.flatnonzero(at_fault)
    ]
    if findings:
        raise InputError(findings)

    def blank(values: Floats, instead: float) -> Floats:
        return np.where(np.isnan(values), instead, values)

    return Applicants(
        enterprise=table.texts("enterprise"),
        grade=grade,
        is_excluded=is_excluded,
        must_decline=must_decline,
        must_lend=must.equals("lend"),
        is_eligible=is_eligible,
        line_min=low,
        line_max=high,
        line_step=step,
        rate_min=blank(table.numbers("rate_min"), -np.inf),
        rate_max=blank(table.numbers("rate_max"), np.inf),
        default_probability=np.where(is_eligible, probability, 0.0),
        risk_weight=np.where(is_eligible, weight, 0.0),
        curve=curve,
        rates=grid,
        churn=churn_at(fit, grid),
        given_probability=table.numbers("default_probability"),
        given_loss=table.numbers("loss_given_default"),
        given_weight=table.numbers("risk_weight"),
    )


def _curves(
    grade: Texts,
    is_eligible: NDArray[np.bool_],
    churn_as: Mapping[str, str],
    curves: tuple[str, ...],
) -> NDArray[np.int64]:
    places = {name: place for place, name in enumerate(curves)}
    codes, names = grade.coded()
    curve_of = np.array([places.get(churn_as.get(name, name), -1) for name in names], dtype=np.int64)
    return np.where(is_eligible, curve_of[codes], -1)


def _lines(
    question: Question, table: ColumnTable, is_eligible: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Return smallest line, largest line and step: with a step, the smallest is rounded up and the largest down."""

    def own(column: str, instead: float) -> Floats:
        values = table.numbers(column)
        return np.where(np.isnan(values), instead, values)

    low, high = own("line_min", question.line_min), own("line_max", question.line_max)
    step = own("line_step", question.line_step or 0.0)
    has_step = step > 0
    unit = np.where(has_step, step, 1.0)
    low = np.where(has_step, np.maximum(1.0, np.ceil(low / unit - STEP_TOLERANCE)) * unit, low)
    high = np.where(has_step, np.floor(high / unit + STEP_TOLERANCE) * unit, high)
    return np.where(is_eligible, low, np.nan), np.where(is_eligible, high, np.nan), step


def _risk(question: Question, table: ColumnTable) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return p, ρ, and whether ρ is known.

    p = min(1, m_p p₀) and LGD = min(1, m_l LGD₀). Without a risk weight, ρ = p·LGD; with one, ρ is that weight
    times p / p₀ (m_p where the row has no p₀ > 0) and LGD / LGD₀ (m_l where the row has no LGD₀ > 0).
    """
    p0, lgd0 = table.numbers("default_probability"), table.numbers("loss_given_default")
    weight = table.numbers("risk_weight")
    p = np.minimum(1.0, question.default_multiplier * np.nan_to_num(p0))
    lgd_base = np.where(np.isnan(lgd0), question.loss_given_default, lgd0)
    lgd = np.minimum(1.0, question.loss_multiplier * lgd_base)
    has_p, has_lgd = p0 > 0, lgd0 > 0
    by_p = np.where(has_p, p / np.where(has_p, p0, 1.0), question.default_multiplier)
    by_lgd = np.where(has_lgd, lgd / np.where(has_lgd, lgd0, 1.0), question.loss_multiplier)
    is_weighed = ~np.isnan(weight)
    rho = np.where(is_weighed, np.nan_to_num(weight) * by_p * by_lgd, p * lgd)
    return p, rho, is_weighed | ~np.isnan(p0)
