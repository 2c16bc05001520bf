r"""What a line is worth to each enterprise once the rows are priced, written once for three kinds of numbers.

Every coefficient is one of the measures, so that a unit of line at rate k is worth v_ik = α_i + s_ik (β_i + γ_i r_k), s
the retention, and a loan φ_i, wherever it is lent. The same formulas are evaluated

- in doubles;
- in doubles with every term without its sign: the *magnitude*, which the rounding of the first is in proportion to;
- exactly (`lendplan.certify.exact`). Two things are no whole numbers over powers of two. The weights of a weighted
  objective are divided by the ranges: all is multiplied by `Weights.multiple`, a common denominator. And the risk
  weight of an enterprise whose default probability, or loss given default, reaches its cap of 1 under a multiplier is
  divided by what the table has: all of that enterprise is multiplied by its `unit`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.applicants import Applicants
from lendplan.certify.exact import Exact, chosen, float_sum, nearest_to
from lendplan.certify.question import MEASURES, RANGES, Question, finite
from lendplan.certify.rows import RowFamily

Indices = NDArray[np.int64]
Number = Any
"""Doubles or `Exact`: a number or an array, as the place says. Both know +, −, × and take an index."""


@dataclass(frozen=True)
class Weights:
    """The objective: revenue·(its weight) + risk·(its weight) + constant.

    Parameters
    ----------
    exact_revenue, exact_risk
        1 and −1 for ``profit``; w/(R⁺−R⁻) and −(1−w)/(Q⁺−Q⁻) for ``weighted``, 0 where the range is zero.
    exact_constant
        0 for ``profit``; −w·R⁻/(R⁺−R⁻) + (1−w)·Q⁻/(Q⁺−Q⁻) for ``weighted``.
    magnitude
        The constant's terms without their signs; rounding is held against it.
    """

    exact_revenue: Fraction
    exact_risk: Fraction
    exact_constant: Fraction
    magnitude: float

    @property
    def revenue(self) -> float:
        """The double nearest to the weight of revenue."""
        return nearest_to(self.exact_revenue)

    @property
    def risk(self) -> float:
        """The double nearest to the weight of risk."""
        return nearest_to(self.exact_risk)

    @property
    def constant(self) -> float:
        """The double nearest to the constant."""
        return nearest_to(self.exact_constant)

    @property
    def multiple(self) -> int:
        """A common denominator of both weights."""
        return self.exact_revenue.denominator * self.exact_risk.denominator


def weights_of(question: Question, ranges: Mapping[str, Any] | None) -> Weights:
    """Return the objective's weights.

    Parameters
    ----------
    question
        The scenario.
    ranges
        revenue_max, revenue_min, risk_max, risk_min; None for ``profit``.

    Raises
    ------
    ValueError
        If ``weighted`` has no four finite ranges.
    """
    if question.weight is None:
        return Weights(Fraction(1), Fraction(-1), Fraction(0), 0.0)
    numbers = {name: finite((ranges or {}).get(name)) for name in RANGES}
    missing = [name for name, number in numbers.items() if number is None]
    if missing:
        raise ValueError(f"a weighted objective needs finite ranges; there is no {', '.join(missing)}")
    w = Fraction(question.weight)
    revenue_max, revenue_min, risk_max, risk_min = (Fraction(numbers[name] or 0.0) for name in RANGES)
    revenue = w / (revenue_max - revenue_min) if revenue_max > revenue_min else Fraction(0)
    risk = (1 - w) / (risk_max - risk_min) if risk_max > risk_min else Fraction(0)
    terms = (-revenue * revenue_min, risk * risk_min)
    return Weights(revenue, -risk, sum(terms, Fraction(0)), nearest_to(abs(terms[0]) + abs(terms[1])))


# ------------------------------------------------------------------------------------------------ enterprises
@dataclass(frozen=True)
class Terms:
    """What the coefficients of some enterprises are made of, in one kind of numbers.

    Parameters
    ----------
    unit
        What all numbers of an enterprise are multiplied by: 1 in doubles.
    utilisation
        u, one number.
    kept
        unit·(1 − p where interest is lost on default, else 1).
    cost, fixed
        −unit·(funding + operating cost) and −unit·(cost of a loan).
    risk_on_line, risk_on_exposure
        unit·ρ; one of them 0.
    """

    unit: Number
    utilisation: Number
    kept: Number
    cost: Number
    fixed: Number
    risk_on_line: Number
    risk_on_exposure: Number

    def coefficients(self, worth: Mapping[str, Number]) -> tuple[Number, Number, Number, Number]:
        """Return α, β, γ and φ, times the unit, from what a unit of each measure is worth."""
        revenue, risk = worth["revenue"], worth["risk"]
        alpha = worth["line"] * self.unit + risk * self.risk_on_line
        beta = self.utilisation * (
            worth["exposure"] * self.unit + revenue * self.cost + risk * self.risk_on_exposure
        )
        gamma = self.utilisation * (worth["interest"] * self.unit + revenue * self.kept)
        return alpha, beta, gamma, worth["count"] * self.unit + revenue * self.fixed

    def some(self, which: Indices) -> "Terms":
        """Return the exact terms of some enterprises; what is one number for all stays so."""
        picked = {name: one if isinstance(one.ints, int) else one[which] for name, one in vars(self).items()}
        return Terms(**picked)


def float_terms(question: Question, a: Applicants, at: Indices, *, is_magnitude: bool = False) -> Terms:
    """Return the terms of the enterprises `at` in doubles, or their magnitudes."""
    sign = 1.0 if is_magnitude else -1.0
    p, rho = a.default_probability[at], a.risk_weight[at]
    return Terms(
        unit=1.0,
        utilisation=question.utilisation,
        kept=1.0 + sign * p if question.interest_lost else 1.0,
        cost=sign * (question.funding_cost + question.operating_cost),
        fixed=sign * question.fixed_cost,
        risk_on_line=rho if question.risk_on_line else 0.0,
        risk_on_exposure=0.0 if question.risk_on_line else rho,
    )


def exact_terms(question: Question, a: Applicants, at: Indices) -> Terms:
    """Return the terms of the enterprises `at` exactly, from what the tables have."""
    zero, one = Exact(0), Exact(1)
    p0 = Exact.of(np.nan_to_num(a.given_probability[at]))
    loss = a.given_loss[at]
    lgd0 = Exact.of(np.where(np.isnan(loss), question.loss_given_default, loss))
    times_p, times_lgd = Exact.number(question.default_multiplier), Exact.number(question.loss_multiplier)
    p, p_capped = _capped(times_p * p0)
    lgd, lgd_capped = _capped(times_lgd * lgd0)
    # A risk weight is scaled by p / p₀, which is the multiplier, or 1 / p₀ at the cap; likewise by the loss.
    weight = a.given_weight[at]
    is_weighed = ~np.isnan(weight)
    over_p = is_weighed & p_capped
    over_lgd = is_weighed & lgd_capped & (loss > 0)
    unit = chosen(over_p, p0, one) * chosen(over_lgd, lgd0, one) if (over_p | over_lgd).any() else one
    weighed = (
        Exact.of(np.nan_to_num(weight)) * chosen(over_p, one, times_p) * chosen(over_lgd, one, times_lgd)
    )
    rho = chosen(is_weighed, weighed, p * lgd)
    cost = Exact.number(question.funding_cost) + Exact.number(question.operating_cost)
    return Terms(
        unit=unit,
        utilisation=Exact.number(question.utilisation),
        kept=unit * (one - p) if question.interest_lost else unit,
        cost=unit * -cost,
        fixed=unit * -Exact.number(question.fixed_cost),
        risk_on_line=rho if question.risk_on_line else zero,
        risk_on_exposure=zero if question.risk_on_line else rho,
    )


def _capped(numbers: Exact) -> tuple[Exact, NDArray[np.bool_]]:
    """Return the lesser of each number and 1, and where that is 1 for being above it."""
    above = np.asarray((numbers - Exact(1)).ints > 0, dtype=bool)
    return chosen(above, Exact(1), numbers), above


# ------------------------------------------------------------------------------------------------------- rows
@dataclass(frozen=True)
class Priced:
    """The rows of one limit with their prices, in one kind of numbers.

    Parameters
    ----------
    family
        The rows.
    prices
        Of each row, then a 0 for those that are members of none, (m + 1,), or (b, m + 1) for b sets of prices.
    total
        Σ prices, one number or (b, 1).
    value
        The amount, share or rate.
    """

    family: RowFamily
    prices: Number
    total: Number
    value: Number


def float_prices(
    families: Sequence[RowFamily], sets: Sequence[Mapping[str, Any]], *, is_magnitude: bool = False
) -> list[Priced]:
    """Return b sets of prices in doubles, or their magnitudes; rows without any price are left out."""
    found = []
    for family in families:
        prices = np.array([[*(float(one.get(name, 0.0)) for name in family.names), 0.0] for one in sets])
        if is_magnitude:
            prices = np.abs(prices)
        if prices.any():
            total = np.array([[float_sum(row)] for row in prices])
            value = family.value if family.whole_value is None else family.whole_value
            found.append(Priced(family, prices, total, abs(value) if is_magnitude else value))
    return found


def exact_prices(families: Sequence[RowFamily], prices: Mapping[str, Any], weights: Weights) -> list[Priced]:
    """Return one set of prices exactly, times `Weights.multiple`; rows without any price are left out."""
    found = []
    for family in families:
        row = np.array([*(float(prices.get(name, 0.0)) for name in family.names), 0.0])
        if row.any():
            exact = Exact.of(row) * Exact(weights.multiple)
            whole = family.whole_value
            value = Exact.number(family.exact_value if whole is None else Fraction(whole))
            found.append(Priced(family, exact, Exact(sum(exact.ints.tolist()), exact.exponent), value))
    return found


def worths(
    rows: Sequence[Priced], at: Indices, revenue: Number, risk: Number, *, is_magnitude: bool = False
) -> dict[str, Number]:
    """Return what one unit of each measure is worth in the hands of the enterprises `at`: the objective less the rows.

    Parameters
    ----------
    rows
        The rows with their prices; a row reads measure(members) − share·measure(all), or interest − rate·exposure.
    at
        Places in the book, (m,).
    revenue, risk
        The objective's weights.
    is_magnitude
        Add the terms without their signs.

    Returns
    -------
    dict
        Measure → one number for all, (m,), or (b, m).
    """
    zero = Exact(0) if isinstance(revenue, Exact) else 0.0
    worth: dict[str, Number] = dict.fromkeys(MEASURES, zero)
    worth["revenue"], worth["risk"] = revenue, risk
    for row in rows:
        family = row.family
        own = row.prices[..., family.group[at]]  # the group −1 takes the 0 at the end
        less = own if is_magnitude else -own
        if family.kind == "rate":
            worth["interest"] = worth["interest"] + less
            worth["exposure"] = worth["exposure"] + own * row.value
            continue
        worth[family.measure] = worth[family.measure] + less
        if family.kind == "share":
            worth[family.measure] = worth[family.measure] + row.value * row.total
    return worth


def right_sides(rows: Sequence[Priced]) -> list[Number]:
    """Return Σ λ·b of each limit whose right side is an amount: one number each, or (b, 1)."""
    return [row.total * row.value for row in rows if row.family.kind == "amount"]
