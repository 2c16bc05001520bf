"""The measures: what is counted, as linear forms over a basis of four quantities, and the objective made of them.

Units: amounts are in multiples of the scenario's ``unit``, rates are fractions a year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

MeasureName = Literal["line", "exposure", "interest", "revenue", "risk", "count"]
MEASURES: tuple[MeasureName, ...] = ("line", "exposure", "interest", "revenue", "risk", "count")


@dataclass(frozen=True)
class Form:
    """A linear form over the basis: four coefficients an enterprise, each of shape (n,) or a scalar."""

    line: Floats | float = 0.0
    exposure: Floats | float = 0.0
    interest: Floats | float = 0.0
    count: Floats | float = 0.0

    def __add__(self, other: Form) -> Form:
        return Form(
            self.line + other.line,
            self.exposure + other.exposure,
            self.interest + other.interest,
            self.count + other.count,
        )

    def __mul__(self, weight: Floats | float) -> Form:
        """Multiply by a number, or by one number an enterprise, shape (n,)."""
        return Form(self.line * weight, self.exposure * weight, self.interest * weight, self.count * weight)

    __rmul__ = __mul__

    def __sub__(self, other: Form) -> Form:
        return self + other * -1.0

    def among(self, rows: slice) -> Form:
        """Return the form for some of the enterprises."""
        return Form(
            *(
                factor[rows] if isinstance(factor, np.ndarray) else factor
                for factor in (self.line, self.exposure, self.interest, self.count)
            )
        )


@dataclass(frozen=True)
class Economics:
    """What money costs and what a default takes, fractions a year unless said otherwise."""

    funding_cost: float = 0.0
    operating_cost: float = 0.0
    fixed_cost: float = 0.0  # an amount, a loan
    utilisation: float = 1.0
    interest_lost_on_default: bool = False
    risk_basis: Literal["exposure", "line"] = "exposure"


@dataclass(frozen=True)
class Ranges:
    """The payoff table: total revenue and total risk at their best and at their worst, in money."""

    revenue_max: float
    revenue_min: float
    risk_max: float
    risk_min: float


@dataclass(frozen=True)
class Objective:
    """What is maximised. ``ranges`` are needed by ``weighted`` before anything can be valued."""

    kind: Literal["weighted", "profit"] = "weighted"
    revenue_weight: float = 0.5
    ranges: Ranges | None = None


@dataclass(frozen=True)
class Scalarisation:
    """The objective is ``revenue`` × R + ``risk`` × Q + ``constant``, with R and Q in money."""

    revenue: float
    risk: float
    constant: float


def scalarise(objective: Objective) -> Scalarisation:
    """Return the weights that turn total revenue and total risk into the objective's value.

    ``profit`` is R − Q. ``weighted`` is w·(R−R⁻)/(R⁺−R⁻) − (1−w)·(Q−Q⁻)/(Q⁺−Q⁻); a range of zero makes its
    term 0.

    Raises
    ------
    ValueError
        If ``weighted`` has no ranges yet.
    """
    if objective.kind == "profit":
        return Scalarisation(1.0, -1.0, 0.0)
    ranges = objective.ranges
    if ranges is None:
        raise ValueError("the weighted objective needs its payoff ranges first")
    weight = objective.revenue_weight
    revenue_range = ranges.revenue_max - ranges.revenue_min
    risk_range = ranges.risk_max - ranges.risk_min
    revenue = weight / revenue_range if revenue_range > 0 else 0.0
    risk = -(1.0 - weight) / risk_range if risk_range > 0 else 0.0
    return Scalarisation(revenue, risk, -revenue * ranges.revenue_min - risk * ranges.risk_min)


def measure_forms(
    terms: Economics, default_probability: Floats, risk_weight: Floats
) -> dict[MeasureName, Form]:
    """Return the six measures as forms, per unit of line at a rate and per loan.

    Parameters
    ----------
    terms : costs, and on what interest and risk rest
    default_probability, risk_weight : shape (n,)
    """
    lost = default_probability if terms.interest_lost_on_default else 0.0
    return {
        "line": Form(line=1.0),
        "exposure": Form(exposure=1.0),
        "interest": Form(interest=1.0),
        "revenue": Form(
            interest=1.0 - lost,
            exposure=-(terms.funding_cost + terms.operating_cost),
            count=-terms.fixed_cost,
        ),
        "risk": Form(line=risk_weight) if terms.risk_basis == "line" else Form(exposure=risk_weight),
        "count": Form(count=1.0),
    }
