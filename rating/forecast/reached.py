"""What cross-validation reached: measures over the repeats, with their spread and their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.rating.forecast.accuracy import (
    Bin,
    Interval,
    auc,
    brier,
    calibration_bins,
    confusion,
    interval_of_mean,
    interval_over_defaults,
    log_loss,
    ranked_above,
)
from lendplan.rating.forecast.outcomes import given, most_probable, picked, rows_of
from lendplan.rating.records import Floats, Indicators, Mask

MEASURES = {
    "auc": "area under the curve, mean of folds",
    "auc_pooled": "area under the curve, folds pooled",
    "brier": "Brier score of default",
    "log_loss": "log loss of default",
    "accuracy": "grades met",
    "within_one": "grades met or missed by one",
    "ordinal_error": "mean distance in grades",
}
"""The figures of :class:`ModelValidation` and what they are, in the order in which they are shown."""


@dataclass(frozen=True)
class Figure:
    """One measure over the repeats.

    Parameters
    ----------
    mean, deviation
        Over the repeats; the deviation is that of a sample (0 for one repeat).
    spread
        2.5 % and 97.5 % of the repeats. It tells how much the division into folds matters, and is no confidence
        interval for new enterprises: all repeats share the same ones.
    interval
        95 % interval that comes from the choice of enterprises, far wider: DeLong's for the area under the curve, by
        the standard error over enterprises for the others; None where none is given.
    """

    mean: float
    deviation: float
    spread: Interval
    interval: Interval | None = None


@dataclass(frozen=True)
class ModelValidation:
    """What one model reached. Measures of default are None where too few defaults are known.

    Parameters
    ----------
    auc
        Area under the ROC curve for default: of each fold, averaged over the folds of a repeat.
    auc_pooled
        The same over all enterprises of a repeat at once; lower as a rule, since each fold is scored by a model of its
        own (Forman and Scholz, 2010, doi:10.1145/1882471.1882479). Its interval is DeLong's.
    brier, log_loss
        Of the calibrated default probability.
    accuracy
        Share of enterprises whose grade was met.
    ordinal_error
        Mean number of grades between forecast and given grade.
    within_one
        Share of enterprises whose forecast is at most one grade off.
    confusion
        Shape (G, G): mean number of enterprises over repeats; given grade by row, forecast by column.
    by_grade
        Default probability against defaults by forecast grade, all repeats together.
    default_probability
        Shape (n,): mean over repeats, NaN where not validated.
    grade_probability
        Shape (n, G): mean over repeats.
    """

    auc: Figure | None
    auc_pooled: Figure | None
    brier: Figure | None
    log_loss: Figure | None
    accuracy: Figure
    ordinal_error: Figure
    within_one: Figure
    confusion: Floats
    by_grade: tuple[Bin, ...]
    default_probability: Floats
    grade_probability: Floats


@dataclass(frozen=True)
class Sample:
    """Enterprises with a known grade, a known default, or both.

    Parameters
    ----------
    indicators
        Of n enterprises.
    grade
        Their grades, '' where not known.
    is_default
        Shape (n,): 1, 0, or NaN where not known.
    """

    indicators: Indicators
    grade: tuple[str, ...]
    is_default: Floats

    @property
    def rated(self) -> Mask:
        """Where the grade is known, (n,)."""
        return given(self.grade)

    @property
    def known(self) -> Mask:
        """Where default is known, (n,)."""
        return ~np.isnan(self.is_default)

    def part(self, rows: NDArray[np.intp]) -> Sample:
        """Return the enterprises at these positions."""
        return Sample(rows_of(self.indicators, rows), tuple(picked(self.grade, rows)), self.is_default[rows])


def summarised(
    sample: Sample,
    order: tuple[str, ...],
    found: Sequence[tuple[Floats, Floats, NDArray[np.intp]]],
    *,
    without: bool,
) -> ModelValidation:
    """Sum up what a model forecast.

    Parameters
    ----------
    sample
        The n enterprises.
    order
        Grades from best to worst.
    found
        A repeat each: default probability (n,), grade probability (n, G), fold (n,).
    without
        True where default was not learnt.
    """
    rated = sample.rated.tolist()
    actual = [label for label in sample.grade if label]
    place = {name: at for at, name in enumerate(order)}
    code = np.array([place[label] for label in actual])
    forecasts = [most_probable(shares, order) for _, shares, _ in found]
    distance = np.array(
        [np.abs(np.array([place[label] for label in labels])[rated] - code) for labels in forecasts]
    )
    hits = (distance == 0).astype(np.float64)
    near = (distance <= 1).astype(np.float64)
    default: dict[str, Figure | None] = dict.fromkeys(("auc", "auc_pooled", "brier", "log_loss"))
    bins: list[Bin] = []
    if not without:
        known = sample.known
        happened = sample.is_default[known]
        default = _defaultfigure_ofs(happened, [(own[known], fold[known]) for own, _, fold in found])
        bins = calibration_bins(
            np.concatenate([own[known] for own, _, _ in found]),
            np.tile(happened, len(found)),
            [label for labels in forecasts for label, has in zip(labels, known, strict=True) if has],
            order,
        )
    return ModelValidation(
        auc=default["auc"],
        auc_pooled=default["auc_pooled"],
        brier=default["brier"],
        log_loss=default["log_loss"],
        accuracy=figure_of(hits.mean(axis=1), interval_of_mean(hits.mean(axis=0))),
        ordinal_error=figure_of(distance.mean(axis=1)),
        within_one=figure_of(near.mean(axis=1), interval_of_mean(near.mean(axis=0))),
        confusion=np.mean(
            [
                confusion(actual, [label for label, has in zip(labels, rated, strict=True) if has], order)
                for labels in forecasts
            ],
            axis=0,
        ),
        by_grade=tuple(bins),
        default_probability=np.mean([own for own, _, _ in found], axis=0),
        grade_probability=np.mean([shares for _, shares, _ in found], axis=0),
    )


def _defaultfigure_ofs(
    happened: Floats, found: Sequence[tuple[Floats, NDArray[np.intp]]]
) -> dict[str, Figure | None]:
    by_fold = [
        [auc(own[fold == one], happened[fold == one]) for one in np.unique(fold).tolist()]
        for own, fold in found
    ]
    above = np.mean([ranked_above(own, happened) for own, _ in found], axis=0)
    interval = interval_over_defaults(above)
    return {
        "auc": figure_of(np.array(by_fold).mean(axis=1)),
        "auc_pooled": figure_of(np.array([auc(own, happened) for own, _ in found]), interval),
        "brier": figure_of(np.array([brier(own, happened) for own, _ in found])),
        "log_loss": figure_of(np.array([log_loss(own, happened) for own, _ in found])),
    }


def figure_of(values: Floats, interval: Interval | None = None) -> Figure:
    """Return mean, deviation and spread of one value a repeat, (repeats,)."""
    low, high = np.quantile(values, (0.025, 0.975))
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Figure(float(values.mean()), deviation, Interval(float(low), float(high)), interval)


def plain_figures(model: ModelValidation) -> dict[str, Any]:
    """Return the measures of a model as plain JSON values."""
    figures: dict[str, Any] = {}
    for name in MEASURES:
        figure: Figure | None = getattr(model, name)
        figures[name] = figure and {
            "mean": figure.mean,
            "deviation": figure.deviation,
            "spread": list(figure.spread),
            "interval": figure.interval and list(figure.interval),
        }
    figures["confusion"] = model.confusion.tolist()
    figures["by_grade"] = [one._asdict() for one in model.by_grade]
    return figures
