r"""D(λ) in doubles, with a bound of how far it may be off.

A value that was computed from the tables differs from the true one by at most η = (F + 32)·ε·M, ε = 2⁻⁵², where M is
the same formula with every term taken without its sign and F is the number of limits and the budget. A term passes
through at most F + 23 roundings of at most u = ε/2 each: to be added to those of each limit before it (F), 3 for its
price, share or weight, 8 for the risk weight, 12 for the measure's own factors and the line. n roundings change a term
by at most n·u/(1 − n·u) of itself (Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, lemma 3.1); η, with
2F + 64 of them, is more than twice as much, which covers M's own rounding. 2⁻⁹⁰⁰ is added for what falls below the
smallest numbers. Sums over enterprises are correctly rounded (`math.fsum`), so that D is off by the sum of its terms'
errors.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.certify import left as parts
from lendplan.certify.choices import Choices
from lendplan.certify.exact import Floats, pair
from lendplan.certify.left import Left, Part
from lendplan.certify.pricing import Priced, float_prices, float_terms, right_sides, worths

Prices = Mapping[str, Any]
EPSILON = float(np.finfo(np.float64).eps)
TINY = 2.0**-900


@dataclass(frozen=True)
class Coefficients:
    """What lending is worth to e enterprises in doubles, under one set of prices, or b sets: (e,) or (b, e).

    Parameters
    ----------
    alpha, beta, gamma
        A unit of line at rate r, with retention s, is worth α + s·(β + γ·r).
    fixed
        A loan, wherever it is lent.
    error
        How far the worth of a loan may be off, whatever its line and rate.
    """

    alpha: Floats
    beta: Floats
    gamma: Floats
    fixed: Floats
    error: Floats

    def at(self, place: int) -> "Coefficients":
        """Return those of one set of prices."""
        return Coefficients(
            self.alpha[place], self.beta[place], self.gamma[place], self.fixed[place], self.error[place]
        )


@dataclass(frozen=True)
class Seen:
    """What the pairs of a part are worth under one set of prices.

    Parameters
    ----------
    part
        p pairs of e enterprises.
    v
        A unit of line, (p,).
    fixed
        A loan, (p,).
    at_low, at_high
        A loan with the smallest and with the largest line, (p,).
    error
        How far either may be off, (e,).
    """

    part: Part
    v: Floats
    fixed: Floats
    at_low: Floats
    at_high: Floats
    error: Floats

    @cached_property
    def lent(self) -> Floats:
        """A loan with its better end, (p,)."""
        return np.maximum(self.at_low, self.at_high)

    @cached_property
    def best_lent(self) -> Floats:
        """The best of lending, −inf where there is no rate, (e,)."""
        return self.part.largest(self.lent)

    @cached_property
    def best(self) -> Floats:
        """The best of all choices, (e,)."""
        return np.where(self.part.may_decline, np.maximum(self.best_lent, 0.0), self.best_lent)

    @cached_property
    def near_best(self) -> NDArray[np.bool_]:
        """The pairs among which the best one of each enterprise is, (p,)."""
        part = self.part
        floor = self.best_lent - 2 * self.error
        near = ~(self.lent < np.where(np.isfinite(self.error), floor, -np.inf)[part.owner])
        # Where nobody stays all rates are worth the same, to the last bit: the first of those with equal lines will do.
        alike = near & (part.retention == 0)
        again = alike[1:] & alike[:-1]
        for column in (part.owner, part.low, part.high):
            again &= column[1:] == column[:-1]
        near[1:] &= ~again
        return np.asarray(near)


class Sheets:
    """D under b sets of prices in doubles; several sets are priced together, as they will be asked for one by one.

    Parameters
    ----------
    choices
        The enterprises.
    sets
        Row name → price; rows left out have price 0.
    """

    def __init__(self, choices: Choices, sets: Sequence[Prices]) -> None:
        self._choices, self._sets = choices, sets
        self._together = max(1, parts.BLOCK // max(1, len(choices.at)))
        self._first = -1
        self._rows: list[Priced] = []
        self._sizes: list[Priced] = []
        self._made: dict[int, Coefficients] = {}

    def _turn_to(self, place: int) -> int:
        """Price the sets around one, and return its place among them."""
        first = place - place % self._together
        if first != self._first:
            sets = self._sets[first : first + self._together]
            self._rows = float_prices(self._choices.families, sets)
            self._sizes = float_prices(self._choices.families, sets, is_magnitude=True)
            self._made, self._first = {}, first
        return place - first

    def _coefficients(self, block: slice) -> Coefficients:
        choices = self._choices
        at, a, weights = choices.at[block], choices.applicants, choices.weights
        shape = (min(self._together, len(self._sets) - self._first), len(at))

        def spread(numbers: Sequence[Any]) -> list[Floats]:
            return [np.broadcast_to(np.asarray(one, dtype=np.float64), shape) for one in numbers]

        worth = worths(self._rows, at, weights.revenue, weights.risk)
        found = spread(float_terms(choices.question, a, at).coefficients(worth))
        worth = worths(self._sizes, at, abs(weights.revenue), abs(weights.risk), is_magnitude=True)
        terms = float_terms(choices.question, a, at, is_magnitude=True)
        sizes = spread(terms.coefficients(worth))
        of_line = sizes[0] + sizes[1] + sizes[2] * float(a.rates[-1])
        error = margin(choices) * (choices.high[block] * of_line + sizes[3]) + TINY
        return Coefficients(found[0], found[1], found[2], found[3], error)

    def seen(self, place: int, part: Part) -> Seen:
        """Return what the pairs of a part are worth under a set of prices."""
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is decided exactly, or not at all
            row = self._turn_to(place)
            made = self._made.get(part.place.start)
            if made is None:
                made = self._coefficients(part.place)
                if self._together > 1:
                    self._made[part.place.start] = made
            one, owner = made.at(row), part.owner
            v = one.gamma[owner] * self._choices.applicants.rates[part.rate]
            v += one.beta[owner]
            v *= part.retention
            v += one.alpha[owner]
            fixed = one.fixed[owner]
            at_low, at_high = part.low * part.unit * v + fixed, part.high * part.unit * v + fixed
            return Seen(part, v, fixed, at_low, at_high, one.error)

    def dual(self, place: int, left: Left) -> tuple[float, float]:
        """Return D under a set of prices over what is left, and how far it may be off.

        Returns
        -------
        value, error
            In the objective's unit; −inf and 0 where somebody has no choice left, NaN beyond the largest double.
        """
        row = self._turn_to(place)
        weights, share = self._choices.weights, margin(self._choices)
        terms = [weights.constant, *(float(one[row, 0]) for one in right_sides(self._rows))]
        errors = [
            share * weights.magnitude,
            *(share * float(one[row, 0]) for one in right_sides(self._sizes)),
        ]
        for part in left:
            if part.is_void:
                return -math.inf, 0.0
            seen = self.seen(place, part)
            terms += pair(seen.best)
            errors += pair(seen.error)
        # The roundings of these few sums are within the room of the margin.
        value, error = _sum(terms), _sum(errors)
        return (value, error) if math.isfinite(value) and math.isfinite(error) else (math.nan, math.nan)


def _sum(numbers: list[float]) -> float:
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return math.nan


def margin(choices: Choices) -> float:
    """Return the error as a part of the magnitude."""
    return (len(choices.families) + 32) * EPSILON
