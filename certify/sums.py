"""Sums over the loans of a plan, by which its totals and limits are held: exact ones, or doubles correctly rounded."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from lendplan.certify.allocations import Allocations
from lendplan.certify.choices import Choices
from lendplan.certify.decisions import Measured
from lendplan.certify.exact import Exact, float_sum, total
from lendplan.certify.rows import RowFamily

Number = float | Fraction


class FloatSums:
    """Sums of doubles, each correctly rounded.

    Parameters
    ----------
    measured
        What each enterprise adds.
    constant
        Of the objective.
    """

    def __init__(self, measured: Measured, constant: float) -> None:
        self._measured, self._constant = measured, constant

    def total(self, measure: str) -> float:
        """Return a measure of the whole plan."""
        return float_sum(self._measured.measures[measure])

    def objective(self) -> float:
        """Return what the plan is worth."""
        return float_sum(self._measured.value) + self._constant

    def sides(self, family: RowFamily) -> list[tuple[Number, Number]]:
        """Return both sides of each row."""
        left, right = family.sides(self._measured.measures)
        return list(zip(left.tolist(), right.tolist(), strict=True))


class ExactSums:
    """Sums without a rounding, from the lines and rates of the plan and what the tables have.

    Parameters
    ----------
    choices
        The enterprises, and what they are worth.
    lent
        Rows of the book that get a loan, all of them eligible, (l,).
    rate
        Place of each one's rate on the grid, (l,).
    line
        As the plan states it, (l,).
    """

    def __init__(self, choices: Choices, lent: np.ndarray, rate: np.ndarray, line: np.ndarray) -> None:
        self._choices, self._lent = choices, lent
        terms = choices.exact_terms.some(np.searchsorted(choices.at, lent))
        one, granted = Exact(1), Exact.of(line)
        r = choices.exact_rates[rate]
        curve = choices.applicants.curve[lent]
        exposure = granted * choices.exact_retention[curve, rate] * terms.utilisation
        # Numerators, and what each is over.
        self._measures: Mapping[str, tuple[Exact, Exact]] = {
            "line": (granted, one),
            "exposure": (exposure, one),
            "interest": (exposure * r, one),
            "revenue": (exposure * (terms.kept * r + terms.cost) + terms.fixed, terms.unit),
            "risk": (granted * terms.risk_on_line + exposure * terms.risk_on_exposure, terms.unit),
            "count": (Exact(np.ones(len(lent), dtype=object)), one),
        }

    def total(self, measure: str) -> Fraction:
        """Return a measure of the whole plan."""
        return total(*self._measures[measure])

    def objective(self) -> Fraction:
        """Return what the plan is worth."""
        weights = self._choices.weights
        parts = weights.exact_revenue * self.total("revenue") + weights.exact_risk * self.total("risk")
        return parts + weights.exact_constant

    def sides(self, family: RowFamily) -> list[tuple[Number, Number]]:
        """Return both sides of each row."""
        members = family.members(family.group[self._lent])

        def sums(measure: str) -> list[Fraction]:
            numerators, units = self._measures[measure]
            return [
                total(numerators[some], units if isinstance(units.ints, int) else units[some])
                for some in members
            ]

        value = family.exact_value
        if family.kind == "rate":
            return list(zip(sums("interest"), [value * one for one in sums("exposure")], strict=True))
        right = value if family.kind == "amount" else value * self.total(family.measure)
        return [(left, right) for left in sums(family.measure)]


Sums = FloatSums | ExactSums


def sums_of(table: Allocations, choices: Choices, measured: Measured) -> Sums:
    """Return the sums of a plan: exact up to `EXACT_UP_TO` eligible enterprises, where every loan can be valued."""
    a = choices.applicants
    lent = np.flatnonzero(table.texts("decision").equals("lend"))
    rate, line = a.on_grid(table.numbers("rate")[lent]), table.numbers("line")[lent]
    is_valued = bool((a.is_eligible[lent] & (rate >= 0) & np.isfinite(line)).all())
    if choices.is_exact and is_valued:
        return ExactSums(choices, lent, rate, line)
    return FloatSums(measured, choices.weights.constant)
