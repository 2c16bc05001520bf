"""Weights of the indicators: by coefficient of variation, as published, or by how well each tells defaulters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lendplan.data import csvwriting
from lendplan.data.texts import Texts
from lendplan.rating.records import Floats

Weighting = Literal["variation", "auc", "equal"]
WEIGHTINGS: tuple[Weighting, ...] = ("variation", "auc", "equal")


@dataclass(frozen=True)
class Weights:
    """Weights of k indicators, and what they come from.

    Parameters
    ----------
    names
        The indicators.
    mean, deviation
        Shape (k,), on the scale from 0 to 1: mean μ and population standard deviation σ.
    measure
        Shape (k,): what the weights are in proportion to.
    weight
        Shape (k,), sum 1.
    weighting
        ``variation``, ``auc`` or ``equal``.
    remarks
        Indicators that get no weight, and why.
    """

    names: tuple[str, ...]
    mean: Floats
    deviation: Floats
    measure: Floats
    weight: Floats
    weighting: Weighting
    remarks: tuple[str, ...] = ()

    def to_csv(self) -> bytes:
        """Return the table of weights."""
        columns: list[Texts | Floats] = [
            Texts.of(self.names),
            self.mean,
            self.deviation,
            self.measure,
            self.weight,
        ]
        measure = {"variation": "coefficient_of_variation", "auc": "auc_above_chance", "equal": "one"}
        names = ("indicator", "mean", "standard_deviation", measure[self.weighting], "weight")
        return csvwriting.header(names) + csvwriting.rows(columns)


def moments(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and population standard deviation of each column of (n, k), each (k,).

    Sums are exact (``math.fsum``), so that the order of the rows changes no digit.
    """
    n = len(values)
    mean = np.array([math.fsum(column) / n for column in values.T.tolist()])
    deviation = np.array(
        [
            math.sqrt(math.fsum((value - mu) ** 2 for value in column) / n)
            for column, mu in zip(values.T.tolist(), mean.tolist(), strict=True)
        ]
    )
    constant = np.array([column.min() == column.max() for column in values.T])
    deviation[constant] = 0.0
    return mean, deviation


def variation_weights(names: Sequence[str], values: Floats) -> Weights:
    """Weight indicators by their coefficient of variation: V = σ/|μ|, w = V/ΣV.

    Parameters
    ----------
    names
        Of the indicators, k of them.
    values
        Shape (n, k), on one scale; no NaN.

    Returns
    -------
    Weights
        σ is of the population (divided by n); with n − 1 every V is larger by the same factor and w the same. An
        indicator that never varies, or whose mean is 0, gets no weight, with a remark; where that holds for all of
        them, all weigh the same.
    """
    mean, deviation = moments(values)
    remarks = []
    measure = np.zeros(len(names))
    for position, name in enumerate(names):
        if deviation[position] == 0.0:
            remarks.append(f"{name} never varies and gets no weight")
        elif mean[position] == 0.0:
            remarks.append(
                f"{name} has the mean 0, its coefficient of variation is not defined, and it gets no weight"
            )
        else:
            measure[position] = deviation[position] / abs(mean[position])
    return _shared(names, mean, deviation, measure, "variation", remarks)


def weights_of(names: Sequence[str], values: Floats, auc: Floats, weighting: Weighting) -> Weights:
    """Weight indicators by one of three rules.

    Parameters
    ----------
    names
        Of the indicators, k of them.
    values
        Shape (n, k), on one scale; no NaN.
    auc
        Shape (k,): the area under the curve of each by itself.
    weighting
        ``variation``: see :func:`variation_weights`, the published rule, which looks at no outcome: an indicator that
        few loans have much of weighs much, whether it tells anything or not. ``auc``: in proportion to 2·AUC − 1, what
        it tells beyond chance (after the "AUC value method", Discrete Dynamics in Nature and Society 2022, 1551937).
        ``equal``: all the same.
    """
    if weighting == "variation":
        return variation_weights(names, values)
    mean, deviation = moments(values)
    measure = np.maximum(2.0 * auc - 1.0, 0.0) if weighting == "auc" else np.ones(len(names))
    return _shared(names, mean, deviation, measure, weighting, [])


def _shared(
    names: Sequence[str],
    mean: Floats,
    deviation: Floats,
    measure: Floats,
    weighting: Weighting,
    remarks: list[str],
) -> Weights:
    total = math.fsum(measure.tolist())
    if total > 0:
        weight = measure / total
    else:
        remarks.append("no indicator has a weight of its own, and all weigh the same")
        weight = np.full(len(names), 1.0 / len(names))
    return Weights(tuple(names), mean, deviation, measure, weight, weighting, tuple(remarks))


def contributions(standard: Floats, weight: Floats) -> Floats:
    """Return the points of each indicator, 100·w·x, (n, k); they add up to the score."""
    return np.asarray(100.0 * weight * standard)


def scores(points: Floats) -> Floats:
    """Return the score of each loan from 0 to 100, (n,): the sum of its points, column by column.

    The columns are added in their order, so that equal loans have equal scores to the last digit, and a loan with more
    points in one column and no fewer in any other never has a lower score: rounding keeps order.
    """
    total = np.zeros(len(points))
    for column in points.T:
        total = total + column
    return np.minimum(total, 100.0)
