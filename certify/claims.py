"""The claims about a whole plan: that it keeps to the limits, and that no plan exceeds its certified bound."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lendplan.certify.bound import certified_bound, price_faults
from lendplan.certify.choices import EXACT_UP_TO, Choices
from lendplan.certify.decisions import RELATIVE
from lendplan.certify.leaves import Search
from lendplan.certify.proof import Proof, prove
from lendplan.certify.question import finite
from lendplan.certify.report import Checklist
from lendplan.certify.rows import BUDGET, tolerance_of
from lendplan.certify.sums import Sums
from lendplan.certify.totals import objective_scale

TRUE_AGAIN = 1e-9
"""Relative difference allowed to a bound that cannot be recomputed to the last bit: a logistic fit, sums of doubles."""


@dataclass(frozen=True)
class Certified:
    """What was certified.

    Parameters
    ----------
    bound
        What no plan exceeds, in the objective's unit; None where nothing was proven.
    by
        How, in words; '' where nothing was.
    by_prices
        D of the shadow prices, which they prove by themselves; None where leaves prove the bound, and the certificate
        does not state it, so that nothing holds the prices.
    """

    bound: float | None
    by: str = ""
    by_prices: float | None = None


def check_certificate(
    certificate: Mapping[str, Any], search: Search, choices: Choices, checks: Checklist
) -> Certified:
    """Check the prices, by D(λ), and the certified bound: D(λ) itself, or the claim that the leaves prove.

    Parameters
    ----------
    certificate, search
        As read.
    choices
        The enterprises, and what they are worth.
    checks
        Where to note.
    """
    stated, prices = certificate.get("certified_bound"), certificate.get("prices")
    families = choices.families
    if not isinstance(prices, dict):
        is_right = stated is None and prices is None and search.leaves is None
        checks.add("prices", is_right, f"are {prices!r}, certified_bound is {stated!r}")
        return Certified(None)
    # A row without members is 0 ≤ 0 or cannot be met; its price may be left out.
    wanted = [
        name for family in families for name, size in zip(family.names, family.sizes, strict=True) if size
    ]
    absent = [name for name in wanted if name not in prices] if stated is not None else []
    faults = price_faults(families, prices) + [f"there is no price of {name!r}" for name in absent]
    detail = "; ".join(faults) or f"{len(prices):,} prices, signs and names are right"
    if not checks.add("prices", not faults, detail):
        return Certified(None)
    bound = certified_bound(choices, prices)
    repeats = _is_repeatable(choices)
    room = _again(bound, choices)
    if search.leaves is None:
        if stated is not None:
            _check_stated("certified bound", finite(stated), bound, room, checks, repeats=repeats)
        check_prices_bound(certificate, bound, room, checks, repeats=repeats)
        return Certified(bound, f"by the prices, {_arithmetic(choices)}", bound)
    is_held = check_prices_bound(certificate, bound, room, checks, repeats=repeats)
    claimed = finite(stated)
    if claimed is not None:
        detail = f"stated {claimed!r}; the prices by themselves prove {bound!r}"
        checks.add("certified bound within the prices'", claimed <= bound + room, detail)
    certified = _check_leaves(stated, search, choices, checks)
    return replace(certified, by_prices=bound if is_held else None)


def check_prices_bound(
    certificate: Mapping[str, Any], bound: float, room: float, checks: Checklist, *, repeats: bool
) -> bool:
    """Check that D(λ) of the prices is a number, and the one that is stated; return whether one is.

    Parameters
    ----------
    certificate
        As read. Versions up to 0.2.0 wrote no ``prices_bound``.
    bound
        D(λ), recomputed.
    room
        By how much it may differ from the stated one.
    checks
        Where to note.
    repeats
        Whether it comes out the same to the last bit wherever it is recomputed.
    """
    name = "bound of the prices"
    if not math.isfinite(bound):
        checks.add(name, False, f"D(λ) of the shadow prices is {bound!r}, so they prove nothing")
    elif "prices_bound" in certificate:
        _check_stated(name, finite(certificate["prices_bound"]), bound, room, checks, repeats=repeats)
    return "prices_bound" in certificate


def _again(bound: float, choices: Choices) -> float:
    """Return how far a bound may be from what it was where the plan was made."""
    return TRUE_AGAIN * max(abs(bound), 1e-3 * objective_scale(bound, choices.question))


def _is_repeatable(choices: Choices) -> bool:
    """Return whether the bound comes out the same to the last bit wherever it is recomputed."""
    return choices.is_exact and choices.question.churn_fit != "logistic"


def _check_stated(
    name: str, stated: float | None, bound: float, room: float, checks: Checklist, *, repeats: bool
) -> None:
    """Check that a stated bound is D(λ): no less, where that is known to the last bit, and hardly more."""
    if stated is not None and repeats and bound - room <= stated < bound:
        checks.add(
            name, False, f"stated {stated!r} is less than D(λ), which is {bound!r}; nothing was rounded"
        )
    else:
        checks.equal(name, stated, bound, room)


def _check_leaves(stated: object, search: Search, choices: Choices, checks: Checklist) -> Certified:
    """Check names, cover and bounds of the leaves against the certified bound that they are to prove."""
    claimed = finite(stated)
    if claimed is None:
        checks.add("certified bound", False, f"is {stated!r}; leaves prove a number")
        return Certified(None)
    bound = claimed if _is_repeatable(choices) else claimed + _again(claimed, choices)
    proof = prove(choices, bound, search)
    number = f"{proof.leaves:,} {'leaf' if proof.leaves == 1 else 'leaves'}"
    detail = "; ".join(proof.names) or f"{number}, prices and enterprises are right"
    checks.add("leaves: names and signs", not proof.names, detail)
    if proof.names:
        return Certified(None)
    checks.add("leaves: cover", not proof.cover, "; ".join(proof.cover) or f"{number} hold all choices")
    checks.add(
        "certified bound", not proof.bounds, "; ".join(proof.bounds) or f"{number}, none above {bound!r}"
    )
    return Certified(bound, _by_leaves(number, proof, choices)) if proof else Certified(None)


def _by_leaves(number: str, proof: Proof, choices: Choices) -> str:
    """Say how leaves prove a bound."""
    told = f"by {number} of a search, which together hold every plan, and prices for each, {_arithmetic(choices)}"
    if proof.dropped:
        share = f"{proof.dropped:,} of {proof.choices:,} choices"
        told += f"; {share} were left out, since prices show that a plan with one of them is worth no more"
    if proof.inner:
        fixings = "fixing" if proof.inner == 1 else "fixings"
        told += f"; {proof.inner:,} {fixings} left out more in parts of it"
    return told


def _arithmetic(choices: Choices) -> str:
    if choices.is_exact:
        return "in exact arithmetic"
    return f"in floating point with its rounding bound added, as always beyond {EXACT_UP_TO:,} eligible enterprises"


def check_limits(choices: Choices, sums: Sums, prices: object, checks: Checklist) -> float:
    """Check every row of the scenario, and return what the rows' tolerances are worth at the prices."""
    slack = 0.0
    for family in choices.families:
        check = checks.at_most if family.sense == "at_most" else checks.at_least
        for name, (left, right) in zip(family.names, sums.sides(family), strict=True):
            tolerance = tolerance_of(right)
            check(name if name == BUDGET else f"limit {name}", left, right, tolerance)
            price = finite(prices.get(name)) if isinstance(prices, dict) else None
            slack += abs(price or 0.0) * float(tolerance)
    return slack


def check_objective(
    objective: float, certified: Certified, slack: float, choices: Choices, checks: Checklist
) -> None:
    """Check that the plan is worth no more than what is certified; its tolerances may be worth `slack`."""
    if certified.bound is not None:
        tolerance = RELATIVE * objective_scale(objective, choices.question) + slack
        checks.at_most("objective within what is certified", objective, certified.bound, tolerance)
