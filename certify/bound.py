r"""The bound D(λ): what no plan can exceed, from a few prices and the input tables.

Each row r of the scenario reads a_r(plan) ≤ b_r with λ_r ≥ 0, or ≥ b_r with λ_r ≤ 0. A plan that keeps to all rows has

.. math::
    \text{objective} \le \text{objective} + \sum_r \lambda_r (b_r - a_r(\text{plan})) \le D(\lambda)
    = \text{constant} + \sum_r \lambda_r b_r + \sum_i \max_{(k, L)} \bigl(L\,v_{ik} + \varphi_i\bigr),

because what is left after the rows are priced falls apart by enterprise. Enterprise i lends nothing (0; not where
`must: lend`), or lends L ∈ [ℓ⁻, ℓ⁺] at an admissible rate k; L·v_ik + φ_i is linear in L, so its maximum lies at
an end.

(Geoffrion, Lagrangean relaxation for integer programming, Mathematical Programming Study 2, 1974.)

Every number of the tables, the scenario and the certificate is taken as the double that was read, churn as it was
fitted and read between the table's rates. Up to `EXACT_UP_TO` eligible enterprises nothing is rounded from there on,
but the bound, at last, up to a double; beyond, the estimate's error bound is added.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lendplan.certify.applicants import applicants_of
from lendplan.certify.choices import Choices
from lendplan.certify.dual import exact_dual
from lendplan.certify.estimate import Sheets
from lendplan.certify.exact import rounded_up
from lendplan.certify.left import Whole
from lendplan.certify.pricing import weights_of
from lendplan.certify.question import finite, question_of
from lendplan.certify.rows import RowFamily, rows_of
from lendplan.data.book import Book
from lendplan.data.churn import ChurnTable


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
        In the objective's unit; no feasible plan exceeds it. Exact and then rounded up, up to `EXACT_UP_TO` eligible
        enterprises; beyond, with its error bound added.

    Raises
    ------
    InputError
        If the scenario and the tables make no problem.
    ValueError
        If prices name no row of the scenario, have the wrong sign, or ranges are missing.
    """
    return certified_bound(choices_of(scenario, book, churn, ranges), prices)


def choices_of(
    scenario: Mapping[str, Any], book: Book, churn: ChurnTable, ranges: Mapping[str, float] | None
) -> Choices:
    """Put a scenario and its tables together; parameters and errors are those of `bound_from_prices`."""
    question = question_of(scenario)
    applicants = applicants_of(question, book, churn)
    families = rows_of(question, book, applicants.is_eligible)
    return Choices(question, applicants, families, weights_of(question, ranges))


def certified_bound(choices: Choices, prices: Mapping[str, float]) -> float:
    """Return D(λ), no less than it is.

    Parameters
    ----------
    choices
        The enterprises, and what they are worth.
    prices
        Row name → price; rows left out have price 0.

    Returns
    -------
    float
        In the objective's unit.

    Raises
    ------
    ValueError
        If a price has the wrong sign, is not finite, or names no row.
    """
    faults = price_faults(choices.families, prices)
    if faults:
        raise ValueError("; ".join(faults))
    if choices.is_exact:
        found = exact_dual(choices, prices)
        return -math.inf if found is None else rounded_up(found)
    value, error = Sheets(choices, [prices]).dual(0, Whole(choices))
    return float(np.nextafter(value + error, math.inf))
