"""How good forecasts were: area under the curve, its interval over enterprises, Brier score, log loss, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lendplan.rating.loans.discrimination import area_under_curve
from lendplan.rating.records import Floats

NORMAL_95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""


class Interval(NamedTuple):
    """An interval that holds 95 %.

    Parameters
    ----------
    low, high
        Its ends.
    """

    low: float
    high: float


class Bin(NamedTuple):
    """Forecast against outcome in one group of enterprises.

    Parameters
    ----------
    name
        Of the group.
    size
        Enterprises in it.
    forecast
        Mean default probability that was forecast.
    observed
        Share that defaulted.
    """

    name: str
    size: int
    forecast: float
    observed: float


def ranked_above(score: Floats, happened: Floats) -> Floats:
    """Return, for each pair of a default and another, 1 where the default scores higher, ½ where equal, else 0.

    Parameters
    ----------
    score
        Shape (n,): higher where default is held more likely.
    happened
        Shape (n,): 1 default, 0 none.

    Returns
    -------
    ndarray
        Shape (defaults, others). Its mean is the area under the ROC curve (Mann and Whitney, 1947).
    """
    high, low = score[happened == 1, None], score[None, happened == 0]
    return np.asarray((high > low) + 0.5 * (high == low))


def auc(score: Floats, happened: Floats) -> float:
    """Return the area under the ROC curve of `score` (higher: default held more likely), ties counted half.

    Raises
    ------
    ValueError
        Unless both outcomes occur.
    """
    return area_under_curve(-score, happened == 1)


def interval_over_defaults(above: Floats) -> Interval:
    """Return the 95 % interval of an area under the curve that comes from the choice of enterprises.

    DeLong et al. (1988), on the scale of log-odds so that it stays within 0 and 1.

    Parameters
    ----------
    above
        Shape (defaults, others): from :func:`ranked_above`, or the mean of several.
    """
    n1, n0 = above.shape
    area = float(above.mean())
    if min(n1, n0) < 2:
        return Interval(0.0, 1.0)
    variance = above.mean(axis=1).var(ddof=1) / n1 + above.mean(axis=0).var(ddof=1) / n0
    if not 0 < area < 1 or variance == 0:
        return Interval(area, area)
    centre, half = np.log(area / (1 - area)), NORMAL_95 * np.sqrt(variance) / (area * (1 - area))
    low, high = 1 / (1 + np.exp(-(centre + np.array([-half, half]))))
    return Interval(float(low), float(high))


def interval_of_mean(values: Floats) -> Interval:
    """Return the 95 % interval of the mean of one number an enterprise, cut to 0–1, by its standard error."""
    half = float(NORMAL_95 * values.std(ddof=1) / np.sqrt(len(values)))
    mean = float(values.mean())
    return Interval(max(0.0, mean - half), min(1.0, mean + half))


def brier(probability: Floats, happened: Floats) -> float:
    """Return the mean squared difference of probability and outcome; always forecasting the mean p gives p(1 − p)."""
    return float(np.mean((probability - happened) ** 2))


def log_loss(probability: Floats, happened: Floats) -> float:
    """Return the mean of −ln of the probability given to what happened; probabilities lie strictly within (0, 1)."""
    return float(-np.mean(np.where(happened == 1, np.log(probability), np.log1p(-probability))))


def calibration_bins(
    probability: Floats, happened: Floats, groups: Sequence[str], names: Sequence[str]
) -> list[Bin]:
    """Return forecast against observed defaults for each of `names` among `groups`, those without members left out."""
    bins = []
    for name in names:
        inside = np.array([group == name for group in groups], np.bool_)
        if inside.any():
            bins.append(
                Bin(
                    name, int(inside.sum()), float(probability[inside].mean()), float(happened[inside].mean())
                )
            )
    return bins


def confusion(actual: Sequence[str], forecast: Sequence[str], classes: Sequence[str]) -> Floats:
    """Return counts, (G, G): a row for each actual class, a column for each forecast one."""
    position = {name: place for place, name in enumerate(classes)}
    flat = [
        position[one] * len(classes) + position[other] for one, other in zip(actual, forecast, strict=True)
    ]
    return np.bincount(flat, minlength=len(classes) ** 2).reshape(len(classes), -1).astype(np.float64)
