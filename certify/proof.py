"""The claim of a search: no plan that obeys all rows is worth more than a number. Proven leaf by leaf.

A plan worth more than the claim holds no dropped choice: D(fixing prices | choice) ≤ claim bounds every plan that holds
it. It lies in some leaf, for the leaves hold all choices, and so it is worth at most D(the leaf's prices) over what is
left in the leaf. Where that is ≤ the claim in every leaf, there is no such plan.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from lendplan.certify.bound import choices_of, price_faults
from lendplan.certify.choices import Choices, Cuts, Region
from lendplan.certify.dual import dropped, exact_dual
from lendplan.certify.estimate import estimates
from lendplan.certify.exact import Floats, rounded_up
from lendplan.certify.leaves import Leaf, Search, cuts_of, search_of, strangers, uncovered
from lendplan.data.book import Book
from lendplan.data.churn import ChurnTable

SHOWN = 3


@dataclass(frozen=True)
class Proof:
    """Whether a claim is proven; true where nothing fails.

    Parameters
    ----------
    claimed
        What no plan is worth more than, in the objective's unit.
    names
        Prices of no row, of the wrong sign or not finite; enterprises that are not eligible.
    cover
        Where the leaves leave choices out.
    bounds
        Leaves in which the prices allow more than the claim.
    leaves
        Their number.
    choices, dropped
        Number of choices (an enterprise declining, or at one rate), and of those that the fixing prices drop.
    reached
        The greatest D of a leaf, no less than it is: a claim of at least this is proven by these leaves. None where it
        was not looked at, or no leaf holds a choice of every enterprise.
    is_exact
        Whether every comparison was decided as exact arithmetic decides it.
    """

    claimed: float
    names: tuple[str, ...]
    cover: tuple[str, ...]
    bounds: tuple[str, ...]
    leaves: int
    choices: int
    dropped: int
    reached: float | None
    is_exact: bool

    @property
    def faults(self) -> tuple[str, ...]:
        """All that fails."""
        return self.names + self.cover + self.bounds

    def __bool__(self) -> bool:
        return not self.faults


def is_proven(
    scenario: Mapping[str, Any],
    book: Book,
    churn: ChurnTable,
    claimed: float,
    leaves: Sequence[Any],
    fixing_prices: Sequence[Mapping[str, Any]],
    ranges: Mapping[str, float] | None,
) -> Proof:
    """Return whether leaves prove that no plan is worth more than `claimed`.

    Parameters
    ----------
    scenario
        As the manifest holds it: every default filled in.
    book, churn
        The input tables.
    claimed
        In the objective's unit. Fixing prices drop the more the higher it is, so a claim that fails may be raised to
        `Proof.reached` and is proven then.
    leaves, fixing_prices
        As certificate.json has them.
    ranges
        Of a weighted objective, else None.

    Returns
    -------
    Proof
        True where the claim is proven; else it says what fails.

    Raises
    ------
    InputError
        If leaves, branches or prices have not their form, or the scenario and the tables make no problem.
    ValueError
        If ranges are missing, or the claim is not finite.
    """
    search = search_of({"leaves": leaves, "fixing_prices": fixing_prices})
    return prove(choices_of(scenario, book, churn, ranges), claimed, search)


def prove(choices: Choices, claimed: float, search: Search) -> Proof:
    """Return whether the leaves of a search, which must have some, prove a claim.

    Parameters
    ----------
    choices
        The enterprises, and what they are worth.
    claimed
        In the objective's unit; finite.
    search
        Leaves and fixing prices.

    Raises
    ------
    ValueError
        If the claim is not finite.
    """
    if not math.isfinite(claimed):
        raise ValueError(f"{claimed!r} is no bound that could be proven")
    leaves = search.leaves or ()
    named = {branch.enterprise for leaf in leaves for branch in leaf.choices}
    enterprise = choices.applicants.enterprise
    known = np.flatnonzero(enterprise.isin(named) & choices.applicants.is_eligible)
    places = {
        enterprise[i]: place
        for i, place in zip(known, np.searchsorted(choices.at, known).tolist(), strict=True)
    }
    faults = list(strangers(leaves, places))
    for kind, sets in (("fixing prices", search.fixing_prices), ("leaf", [leaf.prices for leaf in leaves])):
        for number, prices in enumerate(sets):
            faults += [f"{kind} {number}: {fault}" for fault in price_faults(choices.families, prices)]
    count = _count(choices, choices.everything)
    if faults:
        return Proof(claimed, _some(faults), (), (), len(leaves), count, 0, None, choices.is_exact)
    gap = uncovered(leaves, places, choices)
    region = _left(choices, search.fixing_prices, claimed)
    cuts = [cuts_of(leaf, places, choices) for leaf in leaves]
    bounds, reached = _above(choices, leaves, cuts, region, claimed)
    return Proof(
        claimed,
        (),
        (gap,) if gap else (),
        bounds,
        len(leaves),
        count,
        count - _count(choices, region),
        reached,
        choices.is_exact,
    )


def _some(faults: Sequence[str]) -> tuple[str, ...]:
    more = len(faults) - SHOWN
    return (*islice(faults, SHOWN), *((f"and {more:,} more",) if more > 0 else ()))


def _count(choices: Choices, region: Region) -> int:
    """Return the number of choices in a region."""
    everyone = len(choices.at) * len(choices.applicants.rates)
    return int(region.may_decline.sum()) + (everyone if region.rates is None else int(region.rates.sum()))


def _left(choices: Choices, fixing_prices: Sequence[Mapping[str, Any]], claimed: float) -> Region:
    """Return what is left once every set of fixing prices has dropped what it can."""
    everything = choices.everything
    if not fixing_prices:
        return everything
    rates = choices.open_rates(everything, np.arange(len(choices.at)))
    may_decline = everything.may_decline.copy()
    for prices in fixing_prices:
        no_rates, no_declining = dropped(choices, prices, claimed)
        rates &= ~no_rates
        may_decline &= ~no_declining
    return Region(rates, may_decline)


def _above(
    choices: Choices, leaves: Sequence[Leaf], cuts: Sequence[Cuts], region: Region, claimed: float
) -> tuple[tuple[str, ...], float | None]:
    """Return the leaves whose D is above the claim, in words, and the greatest D, no less than it is."""
    prices = [leaf.prices for leaf in leaves]
    values, errors = estimates(choices, prices, cuts, region)
    with np.errstate(invalid="ignore"):
        highest = np.where(np.isneginf(values), -np.inf, np.nextafter(values + errors, np.inf))
        lowest = np.nextafter(values - errors, -np.inf)
    if choices.is_exact and not (highest <= claimed).all():
        # Estimates decide where they leave no doubt. Above the claim, what may be the greatest is worked out, too.
        above = ~(highest <= claimed)
        floor = max(claimed, float(lowest[above & ~np.isnan(lowest)].max(initial=-np.inf)))
        for place in np.flatnonzero(above & ~((lowest > claimed) & (highest < floor))).tolist():
            found = exact_dual(choices, prices[place], cuts[place], region)
            highest[place] = -np.inf if found is None else rounded_up(found)
            values[place], errors[place] = highest[place], 0.0
    above = ~(highest <= claimed)
    told = [_told(leaves[place], place, values, errors, claimed) for place in np.flatnonzero(above)[:SHOWN]]
    if above.sum() > SHOWN:
        told.append(f"and {int(above.sum()) - SHOWN:,} more leaves")
    greatest = float(np.max(highest, initial=-np.inf))
    return tuple(told), greatest if greatest > -np.inf else None


def _told(leaf: Leaf, place: int, values: Floats, errors: Floats, claimed: float) -> str:
    below = " and ".join(str(branch) for branch in leaf.choices) or "all choices"
    value = float(values[place])
    margin = f" ± {errors[place]:.2g}" if errors[place] > 0 else ""
    return f"leaf {place}, {below}: D is {value!r}{margin}, {value - claimed:.3g} above the claim"
