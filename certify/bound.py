r"""The bound D(λ): what no plan can exceed, from a few prices and the input tables.

Each row r of the scenario reads a_r(plan) ≤ b_r with λ_r ≥ 0, or ≥ b_r with λ_r ≤ 0. A plan that keeps to all rows has

.. math::
    \text{objective} \le \text{objective} + \sum_r \lambda_r (b_r - a_r(\text{plan})) \le D(\lambda)
    = \text{constant} + \sum_r \lambda_r b_r + \sum_i \max_{(k, L)} \bigl(L\,v_{ik} + \varphi_i\bigr),

because what is left after the rows are priced falls apart by enterprise. Enterprise i lends nothing (0; not where
`must: lend`), or lends L ∈ [ℓ⁻, ℓ⁺] at an admissible rate k; L·v_ik + φ_i is linear in L, so its maximum lies at
an end.

Every coefficient is one of the measures, so v_ik needs three numbers an enterprise:
v_ik = α_i + s_ik (β_i + γ_i r_k), where s is the retention. (Geoffrion, Lagrangean relaxation for integer programming,
Mathematical Programming Study 2, 1974.)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.applicants import Applicants, applicants_of
from lendplan.certify.question import MEASURES, RANGES, Question, finite, question_of
from lendplan.certify.rows import RowFamily, rows_of
from lendplan.data.book import Book
from lendplan.data.churn import TOLERANCE, ChurnTable
from lendplan.data.findings import Finding, InputError

Floats = NDArray[np.float64]
BLOCK = 1 << 21
"""Most (enterprise, rate) pairs that are looked at together."""
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Weights:
    """The objective: revenue·(its weight) + risk·(its weight) + constant.

    Parameters
    ----------
    revenue, risk
        1 and −1 for ``profit``; w/(R⁺−R⁻) and −(1−w)/(Q⁺−Q⁻) for ``weighted``, 0 where the range is zero.
    constant
        0 for ``profit``; −w·R⁻/(R⁺−R⁻) + (1−w)·Q⁻/(Q⁺−Q⁻) for ``weighted``.
    magnitude
        The constant's terms without their signs; its rounding error is in proportion to this.
    """

    revenue: float
    risk: float
    constant: float
    magnitude: float


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
    w = question.weight
    if w is None:
        return Weights(1.0, -1.0, 0.0, 0.0)
    numbers = {name: finite((ranges or {}).get(name)) for name in RANGES}
    missing = [name for name, number in numbers.items() if number is None]
    if missing:
        raise ValueError(f"a weighted objective needs finite ranges; there is no {', '.join(missing)}")
    revenue_max, revenue_min, risk_max, risk_min = (float(numbers[name] or 0.0) for name in RANGES)
    revenue = w / (revenue_max - revenue_min) if revenue_max > revenue_min else 0.0
    risk = (1.0 - w) / (risk_max - risk_min) if risk_max > risk_min else 0.0
    terms = (-revenue * revenue_min, risk * risk_min)
    return Weights(revenue, -risk, terms[0] + terms[1], abs(terms[0]) + abs(terms[1]))


def price_faults(families: Sequence[RowFamily], prices: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with prices: names of no row, what is no finite number, the wrong sign."""
    senses = {name: family.sense for family in families for name in family.names}
    faults = [f"{name!r} is no row of the scenario" for name in prices if name not in senses]
    for name, sense in senses.items():
        price = finite(prices.get(name, 0.0))
        if price is None:
            faults.append(f"the price of {name!r} is {prices[name]!r}, no finite number")
        elif (price < 0) if sense == "at_most" else (price > 0):
            side = ">= 0" if sense == "at_most" else "<= 0"
            faults.append(f"the price of {name!r} is {price!r}; the price of an {sense} row is {side}")
    return faults


def bound_from_prices(
    scenario: Mapping[str, Any],
    book: Book,
    churn: ChurnTable,
    prices: Mapping[str, float],
    ranges: Mapping[str, float] | None,
) -> float:
    """Return D(λ) from the scenario, the input tables and prices.

    Parameters
    ----------
    scenario
        As the manifest holds it: every default filled in.
    book, churn
        The input tables.
    prices
        Row name → price, in the objective's unit per unit of the row's right side; rows left out have price 0.
    ranges
        Of a weighted objective, else None.

    Returns
    -------
    float
        In the objective's unit; no feasible plan exceeds it.

    Raises
    ------
    InputError
        If the scenario and the tables make no problem.
    ValueError
        If prices name no row of the scenario, have the wrong sign, or ranges are missing.
    """
    question = question_of(scenario)
    applicants = applicants_of(question, book, churn)
    families = rows_of(question, book, applicants.is_eligible)
    return certified_bound(question, applicants, families, prices, weights_of(question, ranges))


def certified_bound(
    question: Question,
    applicants: Applicants,
    families: Sequence[RowFamily],
    prices: Mapping[str, float],
    weights: Weights,
) -> float:
    """Return D(λ), as the module's docstring defines it, plus a margin for rounding.

    Parameters
    ----------
    question, applicants, families
        The scenario, and what it makes of the input tables.
    prices
        Row name → price; rows left out have price 0.
    weights
        The objective.

    Returns
    -------
    float
        D(λ) + (families + 32)·ε·(sum of the magnitudes of all terms), ε = 2⁻⁵². The sums over enterprises and rows are
        correctly rounded (`math.fsum`), so the margin need only cover the few operations within each term.

    Raises
    ------
    ValueError
        If a price has the wrong sign, is not finite, or names no row.
    InputError
        If an enterprise must be lent to and no rate is left for it.
    """
    faults = price_faults(families, prices)
    if faults:
        raise ValueError("; ".join(faults))
    at = np.flatnonzero(applicants.is_eligible)
    # What one unit of each measure is worth in the hands of each enterprise, once the rows are priced.
    worth = {measure: np.zeros(len(at)) for measure in MEASURES}
    size = {measure: np.zeros(len(at)) for measure in MEASURES}

    def add(measure: str, amount: Floats | float) -> None:
        worth[measure] += amount
        size[measure] += np.abs(amount)

    add("revenue", weights.revenue)
    add("risk", weights.risk)
    amounts = [weights.constant]
    for family in families:
        price = np.array([float(prices.get(name, 0.0)) for name in family.names])
        if not price.any():
            continue
        group = family.group[at]
        own = np.where(group >= 0, price[group], 0.0)
        if family.kind == "rate":
            add("interest", -own)
            add("exposure", family.value * own)
            continue
        add(family.measure, -own)
        if family.kind == "share":
            add(family.measure, family.value * math.fsum(price.tolist()))
        else:
            amounts += (price * family.value).tolist()

    def coefficients(of: Mapping[str, Floats], sign: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Return α, β, γ and φ; with sign +1 their magnitudes, costs counted as positive."""
        u, p, rho = question.utilisation, applicants.default_probability[at], applicants.risk_weight[at]
        kept = 1.0 - p if question.interest_lost else np.ones(len(at))
        cost = question.funding_cost + question.operating_cost
        on_line, on_exposure = (rho, 0.0) if question.risk_on_line else (0.0, rho)
        alpha = of["line"] + of["risk"] * on_line
        beta = u * (of["exposure"] + sign * cost * of["revenue"] + of["risk"] * on_exposure)
        gamma = u * (of["interest"] + of["revenue"] * kept)
        return alpha, beta, gamma, of["count"] + sign * question.fixed_cost * of["revenue"]

    best = _best(applicants, at, *coefficients(worth, -1.0))
    alpha, beta, gamma, fixed = coefficients(size, 1.0)
    magnitudes = applicants.line_max[at] * (alpha + beta + gamma * float(applicants.rates[-1])) + fixed
    magnitude = math.fsum([*magnitudes.tolist(), *np.abs(amounts).tolist(), weights.magnitude])
    total = math.fsum([*best.tolist(), *amounts])
    return total + (len(families) + 32) * EPSILON * magnitude


def _best(
    a: Applicants, at: NDArray[np.int64], alpha: Floats, beta: Floats, gamma: Floats, fixed: Floats
) -> Floats:
    """Return max over {0 (not where `must: lend`), L·v_ik + φ_i} for each eligible enterprise, (eligible,)."""
    best = np.empty(len(at))
    curve, low, high = a.curve[at], a.line_min[at], a.line_max[at]
    chunk = max(1, BLOCK // len(a.rates))
    for g in np.unique(curve):
        members = np.flatnonzero(curve == g)
        s = a.retention[g]
        for start in range(0, len(members), chunk):
            i = members[start : start + chunk]
            v = alpha[i, None] + s * (beta[i, None] + gamma[i, None] * a.rates)
            v[
                (a.rates < a.rate_min[at[i], None] - TOLERANCE)
                | (a.rates > a.rate_max[at[i], None] + TOLERANCE)
            ] = -np.inf
            # For any L ≥ 0 the best rate is the one of the largest v.
            top = v.max(axis=1)
            is_possible = np.isfinite(top)
            top = np.where(is_possible, top, 0.0)
            lent = np.maximum(low[i] * top, high[i] * top) + fixed[i]
            best[i] = np.where(is_possible, lent, -np.inf)
    must = a.must_lend[at]
    stuck = at[must & np.isneginf(best)]
    if stuck.size:
        raise InputError(
            [Finding(f"{a.enterprise[i]!r} must be lent to, and no rate is left for it") for i in stuck]
        )
    return np.where(must, best, np.maximum(best, 0.0))
