r"""The plan problem as one small algebra.

Per unit of line granted to enterprise :math:`i` at rate :math:`r_k`, everything that is counted is a
combination of three basis quantities that depend on the grade's churn curve alone, and of one fixed term:

.. math::

   1, \qquad e_{gk} = u\,s_{gk}, \qquad e_{gk} r_k, \qquad\text{and } z_{ik},

line, exposure, interest and count, where :math:`s_{gk}` is the share of grade :math:`g`'s customers who stay
at :math:`r_k` and :math:`u` the utilisation. A measure, a limit, the budget and the objective are each four
coefficients an enterprise over that basis (:class:`lendplan.models.measures.Form`), so no table of enterprises ×
rates is ever kept: one million enterprises take a few arrays of one million numbers.

Units: amounts are in multiples of the scenario's ``unit``, rates are fractions a year.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import (
    Economics,
    Floats,
    Form,
    Indices,
    MeasureName,
    Objective,
    Ranges,
    Scalarisation,
    measure_forms,
    scalarise,
)
from lendplan.models.sums import total

BUDGET = "budget"  # the name of the budget's row
ALL = slice(None)  # of the enterprises
MUST = "must"  # the name under which `must: lend` stands beside the limits
TOLERANCE = 1e-9  # of the right side, at least 1: within it a limit holds
RESERVED = (BUDGET, MUST)  # no limit may take these names
PER_ENTERPRISE = (
    "enterprise",
    "curve",
    "line_min",
    "line_max",
    "line_step",
    "first_rate",
    "last_rate",
    "must_lend",
    "default_probability",
    "risk_weight",
    "risk_index",
    "grade_factor",
)  # the fields of a problem of shape (n,)


@dataclass(frozen=True)
class Members:
    """Whom a limit counts: those whose ``codes`` entry equals ``code``; limits made by ``by`` share ``codes``."""

    codes: NDArray[np.int32]  # shape (n,); -1 belongs to no group
    code: int

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Shape (n,)."""
        return np.asarray(self.codes == self.code)


@dataclass(frozen=True)
class Row:
    """The budget or one limit: left ≤ right (sense +1) or left ≥ right (sense −1).

    ``left`` is the measure over the members. ``right`` is ``amount``, or ``share`` of the same measure over the
    whole plan, plus ``amount``; for ``average_rate`` left is the members' interest and right is ``rate`` times their
    exposure, plus ``amount``. (With a share or a rate the amount is 0, except in a part of a problem, where the
    others have used or left some.)
    """

    name: str
    measure: MeasureName | Literal["average_rate"]
    sense: Literal[1, -1]
    members: Members | None = None
    amount: float = 0.0
    share: float | None = None
    rate: float | None = None
    rule: str = ""  # the name of the limit in the scenario, without the group

    @property
    def whole_amount(self) -> float:
        """The amount; of a count, the whole number that it means: at least 39.2 borrowers are at least 40.

        A plan holds the one if and only if it holds the other, but the relaxation, which counts parts of borrowers,
        does not: so its bound is tighter for it.
        """
        if self.measure != "count" or self.share is not None:
            return self.amount
        slack = TOLERANCE * max(1.0, abs(self.amount))
        return float(math.ceil(self.amount - slack) if self.sense < 0 else math.floor(self.amount + slack))


@dataclass(frozen=True)
class Choice:
    """A plan in the problem's own terms; shapes (n,). Where nothing is lent, line is 0 and rate NaN."""

    offered: NDArray[np.bool_]
    line: Floats
    rate: Floats
    exposure: Floats  # expected to be drawn: retention × utilisation × line
    interest: Floats  # exposure × rate

    def total(self, form: Form) -> Floats:
        """Value a form for each enterprise, shape (n,)."""
        value = np.zeros(len(self.line))
        for factor, basis in (
            (form.line, self.line),
            (form.exposure, self.exposure),
            (form.interest, self.interest),
            (form.count, self.offered),
        ):
            if isinstance(factor, np.ndarray) or factor != 0.0:
                value += factor * basis
        return value

    def among(self, rows: slice) -> Choice:
        """Return the plan of some of the enterprises."""
        return Choice(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))


@dataclass(frozen=True)
class Problem:
    """Everything a solver needs, and nothing of files, names of columns or defaults.

    n eligible enterprises, m rates, g churn curves. Amounts are non-negative and finite, bounds are already
    rounded to whole steps, and ``first_rate`` ≤ ``last_rate``. ``line_min`` is above 0 where a row asks for at least
    so many loans, and for those with ``must_lend``: a loan of nothing would be one.
    """

    enterprise: NDArray[np.object_]  # (n,) ids
    rates: Floats  # (m,) fractions a year, increasing
    retention: Floats  # (g, m) share of customers who stay
    curve: NDArray[np.int16]  # (n,) row of retention
    line_min: Floats  # (n,) amounts
    line_max: Floats  # (n,)
    line_step: Floats  # (n,) 0 where lines are continuous
    first_rate: NDArray[np.int16]  # (n,) first and last admissible rate, both included
    last_rate: NDArray[np.int16]
    must_lend: NDArray[np.bool_]  # (n,)
    default_probability: Floats  # (n,) 0 where unknown and without use
    risk_weight: Floats  # (n,) currency lost per currency exposed
    risk_index: Floats  # (n,) for the line rule of two_stage alone
    grade_factor: Floats  # (n,) likewise
    economics: Economics
    budget: float
    budget_basis: Literal["line", "exposure"]
    objective: Objective
    limits: tuple[Row, ...] = ()

    @property
    def size(self) -> int:
        """Number of eligible enterprises, n."""
        return len(self.enterprise)

    @cached_property
    def exposure_table(self) -> Floats:
        """Exposure per unit of line by curve and rate, e = u·s, shape (g, m)."""
        return self.economics.utilisation * self.retention

    @cached_property
    def interest_table(self) -> Floats:
        """Interest per unit of line by curve and rate, e·r, shape (g, m)."""
        return self.exposure_table * self.rates

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The budget, then the limits in the scenario's order."""
        return (Row(BUDGET, self.budget_basis, 1, amount=self.budget, rule=BUDGET), *self.limits)

    @cached_property
    def measures(self) -> Mapping[MeasureName, Form]:
        """The six measures, as forms."""
        return measure_forms(self.economics, self.default_probability, self.risk_weight)

    def sides(self, row: Row) -> tuple[Form, Form, float]:
        """Return (left, right, constant): the row says left ≤ right + constant, or ≥ where the sense is −1."""
        inside = 1.0 if row.members is None else row.members.mask.astype(np.float64)
        if row.rate is not None:
            return (
                self.measures["interest"] * inside,
                self.measures["exposure"] * (inside * row.rate),
                row.amount,
            )
        assert row.measure != "average_rate"
        measure = self.measures[row.measure]
        if row.share is not None:
            return measure * inside, measure * row.share, row.amount
        return measure * inside, Form(), row.amount

    def row_form(self, row: Row) -> Form:
        """Return left − right as one form; the row says it is ≤ (or ≥) ``row.amount``."""
        left, right, _ = self.sides(row)
        return left - right

    @cached_property
    def scalarisation(self) -> Scalarisation:
        """The weights of the objective; needs the ranges where it is ``weighted``."""
        return scalarise(self.objective)

    @property
    def value_form(self) -> Form:
        """The objective without its constant, as a form."""
        weights = self.scalarisation
        return self.measures["revenue"] * weights.revenue + self.measures["risk"] * weights.risk

    def coefficients(self, form: Form, enterprise: Indices, rate: Indices) -> tuple[Floats, Floats]:
        """Return a form's coefficient on the line and on the offer, for pairs of positions.

        Parameters
        ----------
        form : Form
        enterprise, rate : shape (p,), positions of enterprises and rates

        Returns
        -------
        per_line, per_offer : shape (p,)
        """

        def pick(coefficient: Floats | float) -> Floats:
            return np.broadcast_to(np.asarray(coefficient, dtype=np.float64), (self.size,))[enterprise]

        curve = self.curve[enterprise]
        per_line = (
            pick(form.line)
            + pick(form.exposure) * self.exposure_table[curve, rate]
            + pick(form.interest) * self.interest_table[curve, rate]
        )
        return per_line, np.array(pick(form.count))

    def choice(self, rate: Indices, line: Floats, rows: slice = ALL) -> Choice:
        """Return the plan that offers ``rate`` (a position, −1 for none) and ``line``; shapes (n,).

        Where ``rows`` are given, n are those enterprises.
        """
        curve = self.curve[rows]
        offered = rate >= 0
        at = np.where(offered, rate, 0)
        granted = np.where(offered, line, 0.0)
        return Choice(
            offered=offered,
            line=granted,
            rate=np.where(offered, self.rates[at], np.nan),
            exposure=granted * self.exposure_table[curve, at],
            interest=granted * self.interest_table[curve, at],
        )

    def replaced(self, **changes: Any) -> Problem:
        """Return the same problem with some fields changed."""
        return dataclasses.replace(self, **changes)

    def with_ranges(self, ranges: Ranges) -> Problem:
        """Return the same problem with the payoff ranges frozen."""
        return self.replaced(objective=dataclasses.replace(self.objective, ranges=ranges))

    def totals(self, choice: Choice) -> dict[MeasureName, float]:
        """Sum each measure over the plan."""
        return {name: total(choice.total(form)) for name, form in self.measures.items()}

    def value(self, choice: Choice) -> float:
        """Value a plan by the objective."""
        return self.value_of(self.totals(choice))

    def value_of(self, totals: Mapping[MeasureName, float]) -> float:
        """Value a plan's totals by the objective."""
        weights = self.scalarisation
        return weights.revenue * totals["revenue"] + weights.risk * totals["risk"] + weights.constant


def reordered(problem: Problem, order: Indices) -> Problem:
    """Return the same problem with its enterprises in another order; ``order`` has shape (n,)."""
    moved: dict[int, NDArray[np.int32]] = {}  # groups of one limit share their codes before and after

    def move(row: Row) -> Row:
        if row.members is None:
            return row
        codes = moved.setdefault(id(row.members.codes), row.members.codes[order])
        return dataclasses.replace(row, members=Members(codes, row.members.code))

    return problem.replaced(
        **{name: getattr(problem, name)[order] for name in PER_ENTERPRISE},
        limits=tuple(move(row) for row in problem.limits),
    )


def concatenated(parts: Sequence[Problem]) -> Problem:
    """Return one problem of the enterprises of several, one after another; all else is the first one's, as in all."""
    first = parts[0]
    if len(parts) == 1:
        return first
    joined: dict[int, NDArray[np.int32]] = {}
    rows = []
    for at, row in enumerate(first.limits):
        members = row.members
        if members is not None:
            if id(members.codes) not in joined:
                of_parts = [part.limits[at].members for part in parts]
                joined[id(members.codes)] = np.concatenate([one.codes for one in of_parts if one is not None])
            members = Members(joined[id(members.codes)], members.code)
        rows.append(dataclasses.replace(row, members=members))
    return first.replaced(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in PER_ENTERPRISE},
        limits=tuple(rows),
    )


def broken_by(problem: Problem, choice: Choice, row: Row) -> float:
    """Return by how much a plan breaks a row: 0 where it holds; in the unit of the row's left side."""
    left, right = reached(problem, choice, row)
    return max(0.0, row.sense * (left - right))


def reached(problem: Problem, choice: Choice, row: Row) -> tuple[float, float]:
    """Return the two sides of a row as a plan leaves them."""
    left, right, constant = problem.sides(row)
    return float(np.sum(choice.total(left))), float(np.sum(choice.total(right))) + constant


def breaches(problem: Problem, choice: Choice) -> list[tuple[str, float]]:
    """Return the rows that a plan breaks, and by how much: beyond 1e-9 × max(1, |right side|)."""
    found = []
    for row in problem.rows:
        left, right = reached(problem, choice, row)
        excess = row.sense * (left - right)
        if not excess <= TOLERANCE * max(1.0, abs(right)):  # NaN is a breach, too
            found.append((row.name, excess))
    return found
