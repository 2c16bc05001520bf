"""What a loan of each grade is expected to lose: from loss rates to default probability, severity and risk weight."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lendplan.rating.loans.gradetable import GradeTable
from lendplan.rating.loans.history import Loans
from lendplan.rating.records import Floats
from lendplan.rating.risk.gradeprobability import grade_probabilities


@dataclass(frozen=True)
class GradeRisk:
    """What a loan of each grade is expected to lose, over the time that the outcomes of the history cover; g grades.

    Parameters
    ----------
    default_probability
        Shape (g,), strictly rising.
    loss_given_default
        Shape (g,): share of the exposure; NaN where no loan ever lost anything.
    risk_weight
        Shape (g,), strictly rising: their product; currency lost per currency exposed.
    """

    default_probability: Floats
    loss_given_default: Floats
    risk_weight: Floats

    def columns(self) -> dict[str, Floats]:
        """Return them by name."""
        return {
            "default_probability": self.default_probability,
            "loss_given_default": self.loss_given_default,
            "risk_weight": self.risk_weight,
        }


def grade_risk(table: GradeTable, loans: Loans, years: float = 1.0) -> GradeRisk:
    """Return what a loan of each grade of a pyramid is expected to lose.

    Parameters
    ----------
    table
        The grades of a pyramid.
    loans
        It was made of.
    years
        That they ran until their outcome was known, on average.

    Returns
    -------
    GradeRisk
        The risk weight is the grade's loss rate, measured in money. The default probability is Jeffreys' estimate from
        the number of loans that lost anything, made to rise, and at least the loss rate; the loss given default is what
        makes the risk weight their product. A best grade that lost nothing has the loss given default of all loans
        together for its risk weight, but at most half the risk weight of the next grade: no grade is free of risk. Over
        several years y a probability p becomes 1 − (1 − p)^(1/y) a year, and the loss given default stays.
    """
    found = grade_probabilities(table.grades, table.count, table.defaults)
    weight = np.array(table.loss_rate)
    probability = np.maximum(found.probability, weight)
    if weight[0] == 0.0:
        lost = math.fsum(loans.defaulted[loans.is_default].tolist())
        due = math.fsum(loans.receivable[loans.is_default].tolist())
        if lost == 0.0:
            unknown = np.full(len(weight), np.nan)
            return GradeRisk(_yearly(probability, years), unknown, unknown)
        weight[0] = probability[0] * lost / due
        if len(weight) > 1:
            weight[0] = min(weight[0], weight[1] / 2.0)
    severity = np.minimum(weight / probability, 1.0)
    yearly = _yearly(probability, years)
    return GradeRisk(yearly, severity, weight if years == 1.0 else yearly * severity)


def _yearly(probability: Floats, years: float) -> Floats:
    if years == 1.0:
        return probability
    return np.asarray(-np.expm1(np.log1p(-np.minimum(probability, 1.0 - 1e-12)) / years))
