"""How well one number tells defaulters from the rest: area under the curve, best cut, and a test of significance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lendplan.rating.records import Floats, Mask


@dataclass(frozen=True)
class Discrimination:
    """How well a number tells defaulters from the rest, where more should mean safer.

    Parameters
    ----------
    auc
        Chance that a loan that did not default has more of it than one that did; ties count half.
    p_value
        Of the two-sided Mann–Whitney test that it tells nothing.
    accuracy
        Share of loans that the best cut puts right: default below the cut, none from it on.
    cut
        That cut; the lowest of equally good ones, −inf where no cut beats calling every loan safe.
    """

    auc: float
    p_value: float
    accuracy: float
    cut: float


def ranks(values: Floats) -> Floats:
    """Return ranks from 1, ties averaged, (n,)."""
    _, code, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2.0)[code])


def area_under_curve(values: Floats, is_default: Mask) -> float:
    """Return the chance that a non-defaulter has more than a defaulter, ties counting half (Hanley and McNeil 1982).

    Raises
    ------
    ValueError
        If all defaulted, or none did.
    """
    bad = int(is_default.sum())
    good = len(is_default) - bad
    if not bad or not good:
        raise ValueError("needs loans that defaulted and loans that did not")
    return float((ranks(values)[~is_default].sum() - good * (good + 1) / 2.0) / (good * bad))


def discrimination(values: Floats, is_default: Mask) -> Discrimination:
    """Return how well a number tells defaulters from the rest.

    Parameters
    ----------
    values
        Shape (n,), more should mean safer; no NaN.
    is_default
        Shape (n,).

    Raises
    ------
    ValueError
        If all defaulted, or none did.
    """
    auc = area_under_curve(values, is_default)
    accuracy, cut = _best_cut(values, is_default)
    return Discrimination(auc, _mann_whitney(values, is_default, auc), accuracy, cut)


def _mann_whitney(values: Floats, is_default: Mask, auc: float) -> float:
    """Return the two-sided p-value by the normal limit, corrected for ties and continuity (Mann and Whitney 1947)."""
    n = len(values)
    bad = int(is_default.sum())
    good = n - bad
    _, count = np.unique(values, return_counts=True)
    ties = float((count.astype(np.float64) ** 3 - count).sum())
    variance = good * bad / 12.0 * (n + 1 - ties / (n * (n - 1)))
    if variance <= 0:  # every value is the same
        return 1.0
    distance = max(abs(auc - 0.5) * good * bad - 0.5, 0.0)
    return math.erfc(distance / math.sqrt(2.0 * variance))


def _best_cut(values: Floats, is_default: Mask) -> tuple[float, float]:
    """Return the accuracy of the best cut and that cut; default is called below it."""
    distinct, code = np.unique(values, return_inverse=True)
    bad = np.bincount(code, weights=is_default, minlength=len(distinct))
    good = np.bincount(code, minlength=len(distinct)) - bad
    # right[c]: a cut just below distinct[c]; c = number of values: every loan is called a default.
    right = np.concatenate([[0.0], np.cumsum(bad)]) + np.concatenate([np.cumsum(good[::-1])[::-1], [0.0]])
    best = int(np.argmax(right))
    cut = -math.inf if best == 0 else math.inf if best == len(distinct) else float(distinct[best])
    return float(right[best] / len(values)), cut


def adjusted(p_values: Floats) -> Floats:
    """Return p-values adjusted for many tests, (k,), so that those kept at α hold at most a share α of false ones.

    Benjamini and Hochberg (1995): p₍ᵢ₎·k/i in rising order, made to rise from the largest down.
    """
    k = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * k / np.arange(1, k + 1)
    result = np.empty(k)
    result[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return result
