"""From what a solver has shown to what is certified: the claim that the certificate makes, tried before it is written.

The solver's bound is not taken over: the code that checks plans recomputes it from the input tables, from the prices
alone or, where the search went further, from its leaves. What that code does not confirm is not claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lendplan.certify.bound import bound_from_prices
from lendplan.certify.proof import is_proven
from lendplan.data.book import Book
from lendplan.data.churn import ChurnTable
from lendplan.solvers.result import Branched, Result, SearchProof

_ROUNDING = 1e-13  # relative: a claim of the search's bound to the last bit would fail by rounding
_CLAIMS = 3  # what the leaves were seen to prove is claimed next


@dataclass(frozen=True)
class Certified:
    """What no plan is worth more than, and the leaves and fixings that prove it where the prices alone do not.

    ``by_prices`` is what the prices prove by themselves, D(λ).
    """

    bound: float | None
    by_prices: float | None = None
    search: Mapping[str, Any] = field(default_factory=dict)  # `leaves` and `fixings`, or empty


def certified(
    result: Result,
    scenario: Mapping[str, Any],
    book: Book,
    churn: ChurnTable,
    ranges: Mapping[str, float] | None,
) -> Certified:
    """Return the least bound that the independent check confirms.

    Parameters
    ----------
    result : its prices, and the proof of its search
    scenario : as the manifest holds it
    book, churn : the input tables
    ranges : the payoff ranges of a weighted objective
    """
    claimed = to_be_certified(result, scenario, book, churn, ranges)
    bound, claim, search = claimed.by_prices, claimed.bound, claimed.search
    if bound is None or claim is None or not search:
        return claimed
    for _ in range(_CLAIMS):
        if claim >= bound:
            break
        proof = is_proven(scenario, book, churn, claim, search["leaves"], search["fixings"], ranges)
        if proof:
            return Certified(claim, bound, search)
        if proof.names or proof.cover or proof.reached is None:
            break
        claim = proof.reached
    return Certified(bound, bound)


def to_be_certified(
    result: Result,
    scenario: Mapping[str, Any],
    book: Book,
    churn: ChurnTable,
    ranges: Mapping[str, float] | None,
) -> Certified:
    """Return what the solver has shown as a claim that is not tried yet; as `certified` takes its arguments."""
    if not result.prices:
        return Certified(None)
    bound = bound_from_prices(scenario, book, churn, dict(result.prices), ranges)
    if result.proof is None or result.bound is None:
        return Certified(bound, bound)
    claim = result.bound + _ROUNDING * max(abs(result.bound), abs(bound))
    if claim >= bound:
        return Certified(bound, bound)
    return Certified(claim, bound, written(result.proof, [row.name for row in result.problem.rows]))


def written(proof: SearchProof, names: Sequence[str]) -> dict[str, Any]:
    """Return a search's leaves and fixings as the certificate holds them; a price of zero is left out."""

    def parts(branched: Sequence[Branched]) -> list[dict[str, Any]]:
        return [
            {
                "choices": [list(branch) for branch in part.branches],
                "prices": {
                    name: float(price) for name, price in zip(names, part.prices, strict=True) if price
                },
            }
            for part in branched
        ]

    return {"leaves": parts(proof.leaves), "fixings": parts(proof.fixings)}
