r"""The best rate for any prices without looking at every rate: upper envelopes, one a grade.

Once the rows are priced, a unit of line lent to enterprise i at rate k is worth
:math:`v_{ik} = A_i + B_i e_{gk} + C_i e_{gk} r_k`. For given :math:`(B, C)` the best k is a vertex of the hull of
the points :math:`(e_{gk}, e_{gk} r_k)`, and with :math:`C > 0` it depends on the ratio :math:`t = B / C` alone: the
upper envelope of the lines :math:`t e_k + e_k r_k`. So a search among a dozen breakpoints replaces a table of
enterprises × rates. Enterprises share an envelope if they share the curve and the first and last admissible rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Indices


@dataclass(frozen=True)
class Chain:
    """Lines t·x + y that are each the highest somewhere, by rising x; the next takes over at ``until``."""

    rate: Indices  # (c,) positions of rates
    until: Floats  # (c - 1,) rising values of t

    def highest(self, t: Floats) -> Indices:
        """Return the rate of the highest line at each t; at a crossing the one of larger x."""
        return self.rate[self._place(t)]

    def beside(self, t: Floats) -> Indices:
        """Return the rates next to the highest on either side, −1 where there is none, (2, b)."""
        framed = np.concatenate([[-1], self.rate, [-1]])
        place = self._place(t)
        return np.stack([framed[place], framed[place + 2]])

    def _place(self, t: Floats) -> Indices:
        return np.searchsorted(self.until, t, side="right").clip(max=len(self.rate) - 1)


@dataclass(frozen=True)
class Envelope:
    """The vertices of one hull: ``gaining`` for directions that gain by interest, ``losing`` for the others."""

    gaining: Chain
    losing: Chain

    def best(self, exposure: Floats, interest: Floats) -> Indices:
        """Return the rate that maximises ``exposure``·e + ``interest``·e·r, for directions of shape (b,)."""
        ratio = _ratio(exposure, interest)
        best = self.gaining.highest(ratio)
        losing = interest < 0
        if losing.any():
            best[losing] = self.losing.highest(ratio[losing])
        return best

    def beside(self, exposure: Floats, interest: Floats) -> Indices:
        """Return the two rates that the best one gives way to as the direction turns, −1 for none, (2, b)."""
        ratio = _ratio(exposure, interest)
        beside = self.gaining.beside(ratio)
        losing = interest < 0
        if losing.any():
            beside[:, losing] = self.losing.beside(ratio[losing])
        return beside


def _ratio(exposure: Floats, interest: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return exposure / np.abs(interest)  # ±inf, and NaN for 0/0, find an end of the chain


def envelope(exposure: Floats, interest: Floats, first: int, last: int) -> Envelope:
    """Return the envelope of the rates ``first`` … ``last``, both included, from a curve's two tables (m,)."""
    rate = np.arange(first, last + 1)
    x, y = exposure[rate], interest[rate]
    return Envelope(_chain(rate, x, y), _chain(rate, x, -y))


def _chain(rate: Indices, x: Floats, y: Floats) -> Chain:
    """Return the upper hull of points, by rising x; of equal points the first stays."""
    chain: list[int] = []
    for point in sorted(range(len(x)), key=lambda at: (x[at], y[at], -at)):
        while chain and x[chain[-1]] == x[point]:
            chain.pop()  # the same x and no more y
        while len(chain) > 1:
            a, b = chain[-2], chain[-1]
            if (x[b] - x[a]) * (y[point] - y[a]) < (y[b] - y[a]) * (x[point] - x[a]):
                break
            chain.pop()
        chain.append(point)
    at = np.array(chain, dtype=np.int64)
    # Rounding may leave two crossings the wrong way round by an ulp; a search needs them in order.
    until = np.maximum.accumulate(-np.diff(y[at]) / np.diff(x[at]))
    return Chain(rate[at], until)


def compact(key: Indices, upper: int) -> tuple[Indices, NDArray[np.int32]]:
    """Return the distinct keys in rising order and the position of each entry's key among them.

    Parameters
    ----------
    key : shape (n,), each in [0, upper)
    """
    if upper > max(1 << 16, 8 * len(key)):
        present, of = np.unique(key, return_inverse=True)
        return present, of.astype(np.int32)
    seen = np.zeros(upper, dtype=bool)
    seen[key] = True
    position = np.cumsum(seen, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(seen), position[key]
