"""Indicators on one scale from 0, the worst that the history shows, to 1, the best; more is always better there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lendplan.rating.loans.spec import Indicator
from lendplan.rating.records import Floats


@dataclass(frozen=True)
class Scale:
    """The fitted scale of one indicator.

    Parameters
    ----------
    indicator
        What is scaled.
    least, most
        Smallest and largest value in the history; equal where the indicator never varies.
    fill
        Stands in for a missing value; None where a loan without it cannot be scored.
    """

    indicator: Indicator
    least: float
    most: float
    fill: float | None

    def filled(self, values: Floats) -> Floats:
        """Return raw values with missing ones filled, (n,); NaN stays where nothing stands in."""
        return values if self.fill is None else np.where(np.isnan(values), self.fill, values)

    def standard(self, values: Floats) -> Floats:
        """Return raw values on the scale, (n,); outside the history they are clipped to 0 and 1.

        Parameters
        ----------
        values
            Shape (n,), in the indicator's unit; NaN where missing and not filled.

        Notes
        -----
        With v a value, m and M the least and the most of the history (Chi and others' standardisation):

        - more is better: (v − m)/(M − m); less is better: (M − v)/(M − m);
        - best within [a, b]: 1 within, 1 − (a − v)/max(a − m, M − b) below, 1 − (v − b)/max(a − m, M − b) above.

        An indicator that never varies tells nothing and is 1 at its value; for a new value the sign of the difference
        decides between 0 and 1, so that better is never scored lower.
        """
        values = self.filled(values)
        one = self.indicator
        if one.direction == "interval" and one.low is not None and one.high is not None:
            reach = max(one.low - self.least, self.most - one.high)
            outside = np.maximum(one.low - values, values - one.high)
            worth = np.where(outside <= 0, 1.0, 1.0 - outside / reach if reach > 0 else 0.0)
        else:
            span = self.most - self.least
            above = values - self.least if one.direction == "more" else self.most - values
            worth = above / span if span > 0 else np.where(above < 0, 0.0, 1.0)
        return np.where(np.isnan(values), np.nan, np.clip(worth, 0.0, 1.0))


def fit_scales(indicators: Sequence[Indicator], values: Floats) -> tuple[Scale, ...]:
    """Fit the scale of each indicator.

    Parameters
    ----------
    indicators
        k of them.
    values
        Shape (n, k), raw; NaN where missing.

    Returns
    -------
    tuple
        k scales; one that has no value at all spans from 0 to 0, and nothing stands in for what it lacks unless a
        number was told.
    """
    return tuple(_scale(one, values[:, position]) for position, one in enumerate(indicators))


def _scale(one: Indicator, values: Floats) -> Scale:
    known = values[~np.isnan(values)]
    least, most = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if not isinstance(one.missing, str):
        return Scale(one, least, most, one.missing)
    if not known.size:
        return Scale(one, least, most, None)
    if one.missing == "median":
        return Scale(one, least, most, float(np.median(known)))
    if one.direction != "interval" or one.low is None or one.high is None:
        return Scale(one, least, most, least if one.direction == "more" else most)
    return Scale(one, least, most, least if one.low - least >= most - one.high else most)


def standardised(scales: Sequence[Scale], values: Floats) -> Floats:
    """Return raw values, (n, k), on the scales, (n, k); NaN where missing."""
    result = np.full(values.shape, np.nan)
    for position, scale in enumerate(scales):
        result[:, position] = scale.standard(values[:, position])
    return result
