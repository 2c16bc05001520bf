"""What each eligible enterprise may be given: declining, a rate, a line."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.applicants import Applicants
from lendplan.certify.exact import Exact, Floats
from lendplan.certify.pricing import Terms, Weights, exact_terms
from lendplan.certify.question import Question
from lendplan.certify.rows import RowFamily
from lendplan.data.churn import TOLERANCE
from lendplan.data.findings import Finding, InputError

EXACT_UP_TO = 50_000
"""Eligible enterprises up to which figures are exact; beyond, they are doubles with their error bound."""


class Choices:
    """The m eligible enterprises of a book, what each may be given, and what that is worth.

    Parameters
    ----------
    question, applicants, families, weights
        The scenario, and what it makes of the input tables.

    Raises
    ------
    InputError
        If an enterprise must be lent to and no rate is left for it.

    Attributes
    ----------
    at
        Rows of the book that are eligible, (m,).
    may_decline
        Whether each may be lent nothing, (m,).
    open_rates
        Whether each may be lent to at a rate, (m, k); None where every rate is open to everyone.
    """

    def __init__(
        self, question: Question, applicants: Applicants, families: Sequence[RowFamily], weights: Weights
    ) -> None:
        a = applicants
        self.question, self.applicants, self.families, self.weights = question, a, families, weights
        self.at = np.flatnonzero(a.is_eligible)
        self.is_exact = len(self.at) <= EXACT_UP_TO
        self.retention = a.retention
        self.low, self.high = a.line_min[self.at], a.line_max[self.at]
        self.may_decline: NDArray[np.bool_] = ~a.must_lend[self.at]
        self.open_rates = self._open_rates()
        if self.open_rates is not None:
            stuck = self.at[~self.may_decline & ~self.open_rates.any(axis=1)]
            if stuck.size:
                message = "{!r} must be lent to, and no rate is left for it"
                raise InputError([Finding(message.format(a.enterprise[i])) for i in stuck])

    def _open_rates(self) -> NDArray[np.bool_] | None:
        """Return which rates each may be lent to at, (m, k); None where every rate is open to everyone."""
        low, high = self.applicants.rate_min[self.at, None], self.applicants.rate_max[self.at, None]
        if np.isinf(low).all() and np.isinf(high).all():
            return None
        rates = self.applicants.rates
        return np.asarray((rates >= low - TOLERANCE) & (rates <= high + TOLERANCE))

    @property
    def count(self) -> int:
        """Number of choices: an enterprise declining, or at one rate."""
        everyone = len(self.at) * len(self.applicants.rates)
        rates = everyone if self.open_rates is None else int(self.open_rates.sum())
        return int(self.may_decline.sum()) + rates

    @cached_property
    def has_step(self) -> NDArray[np.bool_]:
        """Whether lines are multiples of a step, (m,)."""
        return np.asarray(self.applicants.line_step[self.at] > 0)

    @cached_property
    def line_unit(self) -> Floats:
        """What a line is counted in: its step, or 1 where any line will do, (m,)."""
        return np.where(self.has_step, self.applicants.line_step[self.at], 1.0)

    @cached_property
    def low_count(self) -> Floats:
        """Smallest line in `line_unit`: a whole number of steps, (m,)."""
        return np.where(self.has_step, np.rint(self.low / self.line_unit), self.low)

    @cached_property
    def high_count(self) -> Floats:
        """Largest line in `line_unit`: a whole number of steps, (m,)."""
        return np.where(self.has_step, np.rint(self.high / self.line_unit), self.high)

    @cached_property
    def exact_terms(self) -> Terms:
        """What the coefficients are made of, exactly, (m,)."""
        return exact_terms(self.question, self.applicants, self.at)

    @cached_property
    def exact_rates(self) -> Exact:
        """The rate grid, (k,)."""
        return Exact.of(self.applicants.rates)

    @cached_property
    def exact_retention(self) -> Exact:
        """The share who stay, (curves, k)."""
        return Exact(1) - Exact.of(self.applicants.churn)
