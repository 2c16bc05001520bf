"""Normal scores: values replaced by where they stand among the training rows, so that no outlier pulls a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from lendplan.rating.plain import numbers, record, words, wrong
from lendplan.rating.records import Floats

MOST_KNOTS = 64
"""A column's curve has no more knots than this, evenly spread over its distinct values."""

_KEYS = ("features", "value", "score")


@dataclass(frozen=True, eq=False)
class NormalScores:
    """A rising curve for each feature, from its value to a score that is about standard normal.

    The score of a value of the training rows is Φ⁻¹((number below + half the number of equals) / n) (van der Waerden);
    between two of them it is interpolated, beyond the least and the greatest it stays what it is there. It is the same
    in any unit of money, and rises wherever the value does within the training rows.

    Parameters
    ----------
    features
        Names, k.
    value, score
        The knots of each feature: values strictly rising, scores rising.
    """

    features: tuple[str, ...]
    value: tuple[Floats, ...]
    score: tuple[Floats, ...]

    def apply(self, x: Floats) -> Floats:
        """Return the scores, (n, k), of features (n, k) without NaN."""
        result = np.empty(x.shape)
        for column, (value, score) in enumerate(zip(self.value, self.score, strict=True)):
            result[:, column] = np.interp(x[:, column], value, score)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "features": list(self.features),
            "value": [part.tolist() for part in self.value],
            "score": [part.tolist() for part in self.score],
        }

    @classmethod
    def from_dict(cls, raw: object, where: str = "scores") -> NormalScores:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        InputError
            If it is not of that form, or a curve does not rise.
        """
        known = record(raw, where, _KEYS)
        features = words(known["features"], f"{where}.features")
        curves: dict[str, list[Floats]] = {}
        for key in _KEYS[1:]:
            parts = known[key]
            if not isinstance(parts, list) or len(parts) != len(features):
                raise wrong(
                    f"{where}.{key}", f"must hold a list of numbers for each of {len(features)} features"
                )
            curves[key] = [numbers(part, f"{where}.{key}", shape=(None,)) for part in parts]
        for name, value, score in zip(features, curves["value"], curves["score"], strict=True):
            if (
                not len(value)
                or len(value) != len(score)
                or (np.diff(value) <= 0).any()
                or (np.diff(score) < 0).any()
            ):
                raise wrong(where, f"the curve of {name} must have knots, and rise")
        return cls(features, tuple(curves["value"]), tuple(curves["score"]))


def fit_scores(x: Floats, features: Sequence[str]) -> NormalScores:
    """Measure the curves on the training rows.

    Parameters
    ----------
    x
        Shape (n, k), without NaN; n at least 1.
    features
        Names of the columns.
    """
    n = len(x)
    normal = NormalDist()
    # a rank counted in halves is one of 2n − 1 places
    place = np.array([normal.inv_cdf(half / (2 * n)) for half in range(1, 2 * n)])
    values, scores = [], []
    for column in x.T:
        distinct, count = np.unique(column, return_counts=True)
        score = place[2 * (np.cumsum(count) - count) + count - 1]
        if len(distinct) > MOST_KNOTS:
            kept = np.linspace(0, len(distinct) - 1, MOST_KNOTS).round().astype(np.intp)
            distinct, score = distinct[kept], score[kept]
        values.append(distinct)
        scores.append(score)
    return NormalScores(tuple(features), tuple(values), tuple(scores))
