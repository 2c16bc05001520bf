r"""Where the rate would turn a decision at given prices.

Between two knots of the churn curve the share of customers who stay is linear in the rate :math:`r`, so that what a
unit of line is worth, :math:`p(r)`, and what it uses of a row, :math:`u(r)`, are quadratics. A line of a given size is
worth its price where :math:`p L + d \ge 0`; the line :math:`C / u` that a row leaves is where :math:`p C + d u \ge 0`,
and is no less than a size :math:`s` where :math:`C \ge s u`. So the roots of quadratics are where lending begins, or
ceases, to be worth its price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.models.ceilings import STEPS, Ceiling
from lendplan.models.measures import Floats
from lendplan.models.priced import Choices, PricedEnterprise


@dataclass(frozen=True)
class RateTurns:
    """What the rate decides, between the lowest and the highest rate that the enterprise may be offered.

    ``lends`` are the intervals of rates at which some line is worth its price, customers leaving as the churn
    curve says. ``best`` is the grid's best rate; ``needed`` the rate at which lending would be worth its price if as
    many customers stayed as at ``best``; None where no rate would do.
    """

    lends: tuple[tuple[float, float], ...]
    best: float
    needed: float | None


def rate_turns(
    one: PricedEnterprise, knots: Floats, retention: Floats, ceiling: Ceiling | None = None
) -> RateTurns:
    """Return where the rate would turn the decision, exactly.

    Parameters
    ----------
    knots, retention : shape (j,), the enterprise's churn curve: rates, and the share of customers who stay
    ceiling : of the lines that it can have, of which there must be one; its own largest line alone unless given
    """
    ceiling = ceiling or Ceiling(one, is_bound=False)
    rates = one.problem.rates[one.admissible]
    first, last = float(rates[0]), float(rates[-1])
    inner = knots[(knots > first) & (knots < last)]
    ends = np.unique(np.concatenate([[first], inner, [last]]))
    drawn = one.problem.economics.utilisation * np.interp(ends, knots, retention)
    choices = ceiling.choices()[0]
    at = int(np.argmax(choices.net))
    rate, line, net = int(choices.rate[at]), float(choices.line[at]), float(choices.net[at])
    # A tie is worth its price.
    fixed = float(one.net[3]) + (max(-net, 0.0) if abs(net) <= one.margin_at(rate, line) else 0.0)
    curve = _Curve(ends, drawn, one, ceiling, fixed)
    marks = np.unique(np.concatenate([ends, curve.roots()]))
    lends = _intervals(marks, curve.pays(0.5 * (marks[:-1] + marks[1:])))
    if len(marks) == 1:
        lends = ((first, first),) if curve.pays(marks)[0] else ()
    return RateTurns(lends, float(one.problem.rates[rate]), _needed(one, choices, at))


@dataclass(frozen=True)
class _Curve:
    """What lines are worth, and may be, between the ends of a churn curve's pieces.

    Parameters
    ----------
    ends, drawn : shape (j,), rates in rising order, and the exposure of a unit of line
    fixed : what a loan is worth whatever its line
    """

    ends: Floats
    drawn: Floats
    one: PricedEnterprise
    ceiling: Ceiling
    fixed: float

    def _quadratics(self, basis: Floats) -> Floats:
        """Return three coefficients, the square's first, of line, exposure and interest on each piece, (3, j − 1)."""
        slope = np.diff(self.drawn) / np.diff(self.ends)
        start = self.drawn[:-1] - slope * self.ends[:-1]  # drawn(r) = start + slope r
        line, exposure, interest = basis[:3].tolist()
        return np.stack([interest * slope, exposure * slope + interest * start, line + exposure * start])

    def roots(self) -> Floats:
        """Return every rate at which lending could begin, or cease, to be worth its price."""
        least, step, largest = self.ceiling.least, self.ceiling.step, self.one.lines[0]
        price, fixed = self._quadratics(self.one.net), np.array([0.0, 0.0, self.fixed])[:, None]
        sizes = [largest, *([least] if least > 0 else [])]
        caps = [
            (self.ceiling.room(r, row), self._quadratics(self.one.uses[r])) for r, row in self.ceiling.capping
        ]
        if caps and step > 0 and largest <= STEPS * step:
            sizes += [step * count for count in range(1, round(largest / step))]
        found = [price * size + fixed for size in sizes]
        for room, use in caps:
            none = np.array([0.0, 0.0, max(room, 0.0)])[:, None]
            found.append(price * max(room, 0.0) + self.fixed * use)
            found += [use * size - none for size in sizes]
        return np.concatenate([self._inside(one) for one in found])

    def _inside(self, quadratic: Floats) -> Floats:
        """Return the real roots that lie within their pieces, computed without cancellation."""
        square, linear, constant = quadratic
        with np.errstate(all="ignore"):  # what has no root is NaN or infinite, and so within no piece
            half = -0.5 * (linear + np.copysign(np.sqrt(linear * linear - 4.0 * square * constant), linear))
            both = np.stack([half / square, constant / half])
        return np.asarray(both[(both > self.ends[:-1]) & (both < self.ends[1:])])

    def pays(self, rate: Floats) -> NDArray[np.bool_]:
        """Return whether the largest or the least line that it can have is worth its price at each rate."""
        stays = np.interp(rate, self.ends, self.drawn)
        basis = np.stack([np.ones(len(rate)), stays, stays * rate])
        largest, worth = self.ceiling.under(basis), self.one.net[:3] @ basis
        smallest = np.full(len(rate), self.ceiling.least) if self.ceiling.least > 0 else largest
        best = np.maximum(largest * worth, np.minimum(smallest, largest) * worth) + self.fixed
        return np.asarray((best >= 0.0) & self.ceiling.is_loan(largest))


def _intervals(marks: Floats, pays: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """Join the stretches between marks at whose middle lending is worth its price."""
    found: list[tuple[float, float]] = []
    for place in np.flatnonzero(pays).tolist():
        left, right = float(marks[place]), float(marks[place + 1])
        if found and found[-1][1] == left:
            found[-1] = (found[-1][0], right)
        else:
            found.append((left, right))
    return tuple(found)


def _needed(one: PricedEnterprise, choices: Choices, best: int) -> float | None:
    rate, size = int(choices.rate[best]), float(choices.line[best])
    stays = float(one.problem.exposure_table[int(one.problem.curve[0]), rate])
    line, exposure, interest, fixed = one.net.tolist()
    if size <= 0.0 or stays * interest <= 0.0:
        return None
    return float(-(line + exposure * stays + fixed / size) / (stays * interest))
