r"""One enterprise at the prices of a plan: what each of its choices is worth, and what it is charged for each row.

At prices :math:`\lambda` a line :math:`L` at rate :math:`r_k` is worth its part of the objective, less the price of
all that it takes from the budget and the limits,

.. math::

   L\,(a + b\,e_{gk} + c\,e_{gk} r_k) + d,

four numbers over the basis line, exposure, interest, count. Declining is worth 0. These are the terms of
:math:`D(\lambda)`, so the best choice of each enterprise by itself is its share of the certificate's bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Form, Indices
from lendplan.models.problem import Members, Problem, Row, reordered

TIE = 1e-6  # of what a loan is worth and is charged: nearer than this, two choices are worth the same


def basis_numbers(form: Form, position: int = 0) -> Floats:
    """Return a form's four coefficients for the enterprise at a position: line, exposure, interest, count."""
    parts = (form.line, form.exposure, form.interest, form.count)
    return np.array([part[position] if isinstance(part, np.ndarray) else part for part in parts], dtype=float)


def only(problem: Problem, position: int) -> Problem:
    """Return the problem of one enterprise alone, its rows and memberships kept."""
    return reordered(problem, np.array([position]))


def with_applicant(problem: Problem, belongs: Mapping[str, bool], **fields: Any) -> Problem:
    """Return the problem of one new enterprise alone, under the rows of a problem.

    Parameters
    ----------
    problem : whose rates, curves, economics, objective and rows hold for the new one
    belongs : limit's name → whether it counts the new one; limits that count everybody may be left out
    fields : the per-enterprise fields of :class:`Problem`, arrays of shape (1,)
    """

    def moved(row: Row) -> Row:
        if row.members is None:
            return row
        code = 0 if belongs[row.name] else -1
        return Row(
            **{**vars(row), "members": Members(np.array([code], dtype=np.int32), 0)},
        )

    return problem.replaced(limits=tuple(moved(row) for row in problem.limits), **fields)


@dataclass(frozen=True)
class Choices:
    """Lines at rates, and what each is worth; shapes (c,)."""

    rate: Indices  # position of the rate
    line: Floats
    value: Floats  # its part of the objective
    net: Floats  # the same, less what it is charged


@dataclass(frozen=True)
class PricedEnterprise:
    """One enterprise at prices.

    Parameters
    ----------
    problem : of this enterprise alone, see :func:`only`; with its ranges
    prices : by row name; a row without one costs nothing
    """

    problem: Problem
    prices: Mapping[str, float]

    @cached_property
    def price(self) -> Floats:
        """The price of each row, (rows,)."""
        return np.array([self.prices.get(row.name, 0.0) for row in self.problem.rows])

    @cached_property
    def value(self) -> Floats:
        """The objective over the basis, (4,)."""
        return basis_numbers(self.problem.value_form)

    @cached_property
    def uses(self) -> Floats:
        """What it adds to each row's left side less its right, over the basis, (rows, 4)."""
        return np.stack([basis_numbers(self.problem.row_form(row)) for row in self.problem.rows])

    @cached_property
    def net(self) -> Floats:
        """The objective less all charges, over the basis, (4,)."""
        return self.value - self.price @ self.uses

    @property
    def admissible(self) -> Indices:
        """Positions of the rates that it may be offered."""
        return np.arange(int(self.problem.first_rate[0]), int(self.problem.last_rate[0]) + 1)

    @property
    def lines(self) -> tuple[float, ...]:
        """Its largest line, and its least where that is another one; a line of 0 is no loan."""
        least, largest = float(self.problem.line_min[0]), float(self.problem.line_max[0])
        return (largest, least) if 0.0 < least < largest else (largest,)

    def basis(self, rate: Indices, line: Floats) -> Floats:
        """Return line, exposure, interest and count of loans, (4, c); a line of 0 counts as a loan."""
        curve = int(self.problem.curve[0])
        return np.stack(
            [
                line,
                line * self.problem.exposure_table[curve, rate],
                line * self.problem.interest_table[curve, rate],
                np.ones(len(line)),
            ]
        )

    def at(self, rate: Indices, line: Floats) -> Choices:
        """Value given choices; shapes (c,)."""
        basis = self.basis(rate, line)
        return Choices(rate, line, self.value @ basis, self.net @ basis)

    @cached_property
    def choices(self) -> Choices:
        """Each admissible rate with its least and its largest line: an end of the line is never worse than between."""
        rate = self.admissible
        return self.at(np.tile(rate, len(self.lines)), np.repeat(self.lines, len(rate)))

    @cached_property
    def best(self) -> int:
        """Where in ``choices`` the best one stands; of equal ones the larger line, then the lower rate."""
        return int(np.argmax(self.choices.net))

    @cached_property
    def margin(self) -> float:
        """How near to 0, or to another choice, the best one's net worth is no difference."""
        return self.margin_at(int(self.choices.rate[self.best]), float(self.choices.line[self.best]))

    def margin_at(self, rate: int, line: float) -> float:
        """Return how near to 0 the net worth of a loan is no difference: :data:`TIE` of the amounts compared."""
        terms = np.abs(self.used(rate, line)) * np.abs(self.price)
        value = self.at(np.array([rate]), np.array([line])).value[0]
        return TIE * float(np.abs(value) + np.sum(terms))

    def used(self, rate: int, line: float) -> Floats:
        """Return what a line at a rate adds to each row, (rows,)."""
        return np.asarray(self.uses @ self.basis(np.array([rate]), np.array([line]))[:, 0])


def priced_form(problem: Problem, prices: Mapping[str, float]) -> Form:
    """Return the objective less all charges, for all enterprises."""
    form = problem.value_form
    for row in problem.rows:
        price = prices.get(row.name, 0.0)
        if price != 0.0:
            form = form - problem.row_form(row) * price
    return form


def spread(coefficient: Floats | float, chosen: NDArray[Any] | slice) -> Floats | float:
    """Return one of a form's coefficients for some enterprises; a number stays a number."""
    return coefficient[chosen] if isinstance(coefficient, np.ndarray) else coefficient
