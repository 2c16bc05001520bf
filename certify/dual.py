r"""D(λ) without a rounding, over all choices or over those that a part of a search leaves.

With t the largest estimate of what an enterprise's pairs of a rate and a line are worth, and η how far each may be off
(`lendplan.certify.estimate`), a pair whose estimate is below t − 2η is not its best: it is worth less than t − η, and
the pair of t is worth t − η or more. An enterprise that may decline, and is worth less than −η wherever it is lent to,
counts 0. Only the pairs that are left, nearly always one an enterprise, are evaluated exactly, and the exact maximum
over them is that over all.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.choices import Choices
from lendplan.certify.estimate import Prices, Seen, Sheets
from lendplan.certify.exact import Exact, chosen, total
from lendplan.certify.left import Indices, Left, Part, Whole
from lendplan.certify.pricing import Priced, exact_prices, right_sides, worths


def exact_dual(choices: Choices, prices: Prices, left: Left | None = None) -> Fraction | None:
    """Return D for one set of prices over what is left.

    Parameters
    ----------
    choices
        The enterprises.
    prices
        Row name → price; rows left out have price 0.
    left
        All choices unless given.

    Returns
    -------
    Fraction or None
        In the objective's unit; None for −infinity: somebody has no choice left.
    """
    sheets, rows = Sheets(choices, [prices]), exact_prices(choices.families, prices, choices.weights)
    found = sum((side.fraction() for side in right_sides(rows)), Fraction(0))
    for part in Whole(choices) if left is None else left:
        if part.is_void:
            return None
        seen = sheets.seen(0, part)
        is_needed = ~(part.may_decline & (seen.best_lent < -seen.error))
        pairs = ExactPairs(choices, rows, seen, seen.near_best & is_needed[part.owner])
        if pairs.size:
            found += total(pairs.best, pairs.unit)
    return found / choices.weights.multiple + choices.weights.exact_constant


class ExactPairs:
    """Some pairs of a part; all values are times the enterprise's unit and `Weights.multiple`.

    Parameters
    ----------
    choices
        The enterprises.
    rows
        Priced.
    seen
        The part, estimated.
    is_wanted
        Which pairs: of an enterprise that has any, the best one is among them, (p,).

    Attributes
    ----------
    at
        Places of the pairs in the part, (q,).
    of
        Place of each one's enterprise among those that occur, (q,).
    owners
        The enterprises that occur, as places in the part, (size,).
    v, fixed, worth
        A unit of line, a loan, and a loan with its better line, (q,).
    best
        The best choice of each enterprise, (size,).
    unit
        Of each enterprise, (size,).
    """

    def __init__(
        self, choices: Choices, rows: Sequence[Priced], seen: Seen, is_wanted: NDArray[np.bool_]
    ) -> None:
        part: Part = seen.part
        self.at: Indices = np.flatnonzero(is_wanted)
        owner = part.owner[self.at]
        starts = np.flatnonzero(np.diff(owner, prepend=-1))
        self.owners: Indices = owner[starts]
        self.size = len(starts)
        if not self.size:
            return
        self.of: Indices = np.repeat(np.arange(self.size), np.diff(starts, append=len(owner)))
        which = self.owners + part.place.start
        weights, terms = choices.weights, choices.exact_terms
        if self.size < len(choices.at):
            terms = terms.some(which)
        revenue = Exact.number(weights.exact_revenue * weights.multiple)
        risk = Exact.number(weights.exact_risk * weights.multiple)
        found = terms.coefficients(worths(rows, choices.at[which], revenue, risk))
        alpha, beta, gamma, fixed = (spread(one, self.size)[self.of] for one in found)
        rate = part.rate[self.at]
        s = choices.exact_retention[choices.applicants.curve[choices.at[which]][self.of], rate]
        self.unit: Exact = spread(terms.unit, self.size)
        self.v: Exact = alpha + s * (beta + gamma * choices.exact_rates[rate])
        self.fixed: Exact = fixed
        unit = Exact.of(part.unit[self.at])
        low, high = (Exact.of(one[self.at]) * unit for one in (part.low, part.high))
        self.worth: Exact = chosen(np.asarray(self.v.ints >= 0, dtype=bool), high, low) * self.v + fixed
        largest = (
            self.worth.ints if len(starts) == len(owner) else np.maximum.reduceat(self.worth.ints, starts)
        )
        largest = np.where(part.may_decline[self.owners], np.maximum(largest, 0), largest)
        self.best: Exact = Exact(largest, self.worth.exponent)


def spread(number: Exact, size: int) -> Exact:
    """Return an array, of equal numbers where there was one for all."""
    if not isinstance(number.ints, int):
        return number
    return Exact(np.full(size, number.ints, dtype=object), number.exponent)
