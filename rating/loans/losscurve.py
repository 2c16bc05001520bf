"""The loss curve of a loan history: from the best score to the worst, running sums of what was due and lost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lendplan.rating.records import Floats

Places = NDArray[np.int64]

_DECIMALS = 9
"""Most decimals of amounts that are summed as whole numbers."""
_EXACT = 2.0**52


@dataclass(frozen=True)
class LossCurve:
    """Running sums over the distinct scores, from the best to the worst; m of them.

    Parameters
    ----------
    score
        Shape (m,), falling: the scores, each once; of several taken as one the lowest.
    count, receivable, defaulted
        Shape (m + 1,): sums over the loans of the first 0, 1, …, m scores; amounts in `unit`.
    within
        Σ d²/r over the loans: what the receivable-weighted sum of squares of the loans' own loss rates is made of.
    unit
        How many of the units that amounts are summed in make one of currency.
    """

    score: Floats
    count: Places
    receivable: Floats
    defaulted: Floats
    within: float
    unit: float

    @property
    def size(self) -> int:
        """Number of distinct scores."""
        return len(self.score)

    def at(self, places: Places) -> LossCurve:
        """Return the curve with some of its points alone, from 0 to m; the scores between two of them are one."""
        return replace(
            self,
            score=self.score[places[1:] - 1],
            count=self.count[places],
            receivable=self.receivable[places],
            defaulted=self.defaulted[places],
        )

    def rate(self, first: int, last: int) -> float:
        """Return the loss rate of the loans of the scores from `first` up to, not including, `last`."""
        lost = self.defaulted[last] - self.defaulted[first]
        return float(lost / (self.receivable[last] - self.receivable[first]))

    def squares(self, cuts: Places) -> float:
        """Return Σ D²/R over the groups between neighbouring cuts."""
        lost = np.diff(self.defaulted[cuts])
        return float((lost * lost / np.diff(self.receivable[cuts])).sum())

    def explained(self, cuts: Places) -> float:
        """Return the share of the variance of the loans' loss rates that the groups between the cuts explain.

        Weighted by receivable: Σ R_g (ℓ_g − ℓ)² / Σ r_i (ℓ_i − ℓ)²; 0 where all loans lost the same share.
        """
        base = float(self.defaulted[-1] ** 2 / self.receivable[-1])
        whole = self.within - base
        return float((self.squares(cuts) - base) / whole) if whole > 1e-12 * max(self.within, 1e-300) else 0.0


def loss_curve(
    score: Floats, receivable: Floats, defaulted: Floats, *, levels: int | None = None
) -> LossCurve:
    """Return the loss curve of some loans.

    Parameters
    ----------
    score
        Shape (n,), more is better.
    receivable, defaulted
        Shape (n,): above 0, and from 0 to the receivable.
    levels
        Where there are more distinct scores than this, neighbouring ones are taken as one, so that this many are left
        with about equally many loans; each is then known by its lowest score.

    Notes
    -----
    Amounts of up to nine decimals are summed as whole numbers of their last decimal, which is exact up to 4.5·10¹⁵; the
    order of the rows then changes no digit. Others are summed in the order of score and amount.
    """
    order = np.lexsort((defaulted, receivable, -score))
    unit = _unit(receivable, defaulted)
    due, lost = (
        amounts[order] if unit is None else np.rint(amounts[order] * unit)
        for amounts in (receivable, defaulted)
    )
    within = float((lost * lost / due).sum())
    first = np.flatnonzero(np.diff(score[order], prepend=np.inf))
    if levels is not None and len(first) > levels:
        wanted = np.searchsorted(first, np.arange(1, levels) * len(score) / levels)
        first = np.unique(np.concatenate([[0], first[np.minimum(wanted, len(first) - 1)]]))
    last = np.append(first[1:], len(score)) - 1
    sums = [np.concatenate([[0.0], np.cumsum(amounts)[last]]) for amounts in (due, lost)]
    return LossCurve(
        score[order][last],
        np.concatenate([[0], last + 1]).astype(np.int64),
        sums[0],
        sums[1],
        within,
        unit or 1.0,
    )


def _unit(receivable: Floats, defaulted: Floats) -> float | None:
    """Return how many of the smallest unit make one, so that all amounts are whole; None where there is no such."""
    for decimals in range(_DECIMALS + 1):
        unit = 10.0**decimals
        if float(receivable.sum()) * unit >= _EXACT:
            return None
        if all(
            bool(
                (
                    np.abs(amounts * unit - np.rint(amounts * unit)) <= 1e-9 * np.maximum(amounts * unit, 1)
                ).all()
            )
            for amounts in (receivable, defaulted)
        ):
            return unit
    return None
