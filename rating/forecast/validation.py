"""Repeated stratified cross-validation: how good the forecasts are of enterprises that nothing was learnt from."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError
from lendplan.rating.forecast.calibration import calibrate
from lendplan.rating.forecast.learning import Learned, learn, usable_rows
from lendplan.rating.forecast.outcomemodel import Settings, deal
from lendplan.rating.forecast.outcomes import (
    given,
    grades_to_learn,
    picked,
    refuse_contradicted,
    rows_of,
    too_few_defaults,
)
from lendplan.rating.forecast.preparation import refuse_outcomes
from lendplan.rating.forecast.reached import (
    MEASURES,
    Figure,
    ModelValidation,
    Sample,
    plain_figures,
    summarised,
)
from lendplan.rating.records import Floats, Indicators

log = logging.getLogger(__name__)

Forecasts = tuple[Floats, Floats, NDArray[np.intp]]
"""Of n enterprises in one repeat: default probability (n,), grade probability (n, G), fold (n,)."""

Model = Literal["combined", "forest", "logistic"]

MODELS: Mapping[Model, str] = {
    "combined": "the weighted mean of both, which `rate fit` learns",
    "forest": "the forest alone",
    "logistic": "the monotone logit alone, the plain alternative",
}
"""Every model that is validated, and what it is."""


@dataclass(frozen=True)
class Validation:
    """What `rate validate` reports.

    Parameters
    ----------
    enterprise
        Ids of all that took part, n.
    grades
        From best to worst.
    rated, defaults, outcomes
        Enterprises with a grade; that have defaulted; of which it is known whether they have.
    repeats, folds, seed, settings
        How it was done.
    models
        Model → what it reached; see :data:`MODELS`.
    without_default
        Why default was not validated; '' where it was.
    """

    enterprise: tuple[str, ...]
    grades: tuple[str, ...]
    rated: int
    defaults: int
    outcomes: int
    repeats: int
    folds: int
    seed: int
    settings: Settings
    models: Mapping[Model, ModelValidation]
    without_default: str

    def lines(self) -> list[str]:
        """Return the measures as text for a terminal."""
        lines = [
            f"{self.rated} rated enterprises, {self.defaults} defaults among {self.outcomes} with a known outcome; "
            f"{self.repeats} repeats of {self.folds} folds, {self.settings.trees} trees, seed {self.seed}"
        ]
        if self.without_default:
            lines.append(f"default is not validated: {self.without_default}")
        for model, found in self.models.items():
            lines += ["", f"{model}: {MODELS[model]}"]
            for name, meaning in MEASURES.items():
                figure: Figure | None = getattr(found, name)
                if figure is not None:
                    lines.append(f"  {meaning:<42} {_shown(figure)}")
        lines += [
            "",
            "In brackets: 2.5 % and 97.5 % of the repeats; all have the same enterprises. After them: the interval",
            "that comes from the choice of enterprises (95 %, DeLong or standard error), the one to read for new ones.",
        ]
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the measures as plain JSON values (the forecasts of single enterprises are left out)."""
        return {
            "rated": self.rated,
            "outcomes": self.outcomes,
            "defaults": self.defaults,
            "grades": list(self.grades),
            "repeats": self.repeats,
            "folds": self.folds,
            "seed": self.seed,
            "trees": self.settings.trees,
            "without_default": self.without_default,
            "models": {name: plain_figures(model) for name, model in self.models.items()},
        }


def validate(
    indicators: Indicators,
    grade: Sequence[str],
    is_default: Floats,
    *,
    seed: int,
    repeats: int = 20,
    folds: int = 5,
    models: Sequence[Model] = ("combined", "forest", "logistic"),
    settings: Settings | None = None,
    grades: Sequence[str] | None = None,
    directions: Mapping[str, str] | None = None,
    jobs: int = 1,
) -> Validation:
    """Cross-validate: each enterprise is forecast by models that were fitted without it, `repeats` times.

    Everything is fitted on the training folds alone: medians, sizes, scores, forests, coefficients and calibration.
    How the settings themselves were chosen is told by :class:`lendplan.rating.forecast.outcomemodel.Settings`.

    Parameters
    ----------
    indicators, grade, is_default, settings, grades, directions
        As in :func:`~lendplan.rating.forecast.learning.learn`; those without any indicator or outcome are left out.
    seed
        Of the folds and of all that is fitted.
    repeats, folds
        Divisions into folds, and folds of each. Defaults and grades are shared out evenly over the folds.
    models
        Which of :data:`MODELS`.
    jobs
        Processes; they change nothing but the time.

    Returns
    -------
    Validation

    Raises
    ------
    InputError
        As :func:`~lendplan.rating.forecast.learning.learn`; or if a grade or outcome has too few for these folds.
    """
    settings = settings or Settings()
    if repeats < 1 or folds < 2 or not models:
        raise InputError(
            Finding(f"{repeats} repeats of {folds} folds of {len(models)} models: 1, 2 and 1 are the least")
        )
    refuse_outcomes(indicators.names)
    sample = _sample_of(indicators, grade, is_default)
    order = grades_to_learn([label for label in sample.grade if label], grades)
    if grades is None:
        refuse_contradicted(order, sample.grade, sample.is_default)
    without = too_few_defaults(sample.is_default[sample.known])
    _refuse_few(sample, folds, with_default=not without)
    task = _Task(sample, folds, seed, settings, order, directions, tuple(models))
    found = _repeated(task, repeats, jobs)
    known = sample.known
    return Validation(
        enterprise=sample.indicators.enterprise,
        grades=order,
        rated=int(sample.rated.sum()),
        defaults=int((sample.is_default[known] == 1).sum()),
        outcomes=int(known.sum()),
        repeats=repeats,
        folds=folds,
        seed=seed,
        settings=settings,
        models={
            model: summarised(sample, order, [one[model] for one in found], without=bool(without))
            for model in models
        },
        without_default=without,
    )


@dataclass(frozen=True)
class _Task:
    """What every repeat is told."""

    sample: Sample
    folds: int
    seed: int
    settings: Settings
    grades: tuple[str, ...]
    directions: Mapping[str, str] | None
    models: tuple[Model, ...]


def _repeated(task: _Task, repeats: int, jobs: int) -> list[dict[Model, Forecasts]]:
    """Return the forecasts of every repeat, in order.

    Repeats are shared out over processes and not over threads: most of the work for a small tree holds the interpreter.
    """
    if jobs == 1 or repeats == 1:
        return [_repeat(task, repeat) for repeat in range(repeats)]
    try:
        from sklearn.utils.parallel import Parallel, delayed
    except ImportError:
        return [_repeat(task, repeat) for repeat in range(repeats)]  # and says what is missing
    found: Any = Parallel(n_jobs=jobs)(delayed(_repeat)(task, repeat) for repeat in range(repeats))
    return list(found)


def _repeat(task: _Task, repeat: int) -> dict[Model, Forecasts]:
    """Return default probability, grade probability and fold of every enterprise, by each model."""
    sample, size = task.sample, len(task.sample.grade)
    fold = folds_of(sample, task.folds, np.random.default_rng((task.seed, repeat)))
    own = {model: np.full(size, np.nan) for model in task.models}
    shares = {model: np.full((size, len(task.grades)), np.nan) for model in task.models}
    for held in range(task.folds):
        train, test = sample.part(np.flatnonzero(fold != held)), np.flatnonzero(fold == held)
        learned = learn(
            train.indicators,
            train.grade,
            train.is_default,
            seed=task.seed + repeat * task.folds + held,
            settings=task.settings,
            grades=task.grades,
            directions=task.directions,
        )
        for model, default, by_grade in _forecasts(learned, train, sample.part(test), task.models):
            own[model][test], shares[model][test] = default, by_grade
    log.info("repeat %d", repeat + 1)
    return {model: (own[model], shares[model], fold) for model in task.models}


def folds_of(sample: Sample, folds: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Return a fold for each enterprise, (n,): as many defaults in each, give or take one, and much the same grades."""
    outcome = np.nan_to_num(sample.is_default, nan=-1.0).tolist()
    return deal(list(zip(outcome, sample.grade, strict=True)), folds, random)


def _sample_of(indicators: Indicators, grade: Sequence[str], is_default: Floats) -> Sample:
    """Return the enterprises with indicators and an outcome, by id, so that the order of the table changes nothing."""
    usable = usable_rows(indicators) & (given(grade) | ~np.isnan(is_default))
    by_id = sorted(np.flatnonzero(usable).tolist(), key=lambda row: indicators.enterprise[row])
    rows = np.array(by_id, np.intp)
    return Sample(
        rows_of(indicators, rows), tuple(picked(grade, rows)), np.asarray(is_default, np.float64)[rows]
    )


def _forecasts(
    learned: Learned, train: Sample, test: Sample, models: Sequence[Model]
) -> Iterator[tuple[Model, Floats, Floats]]:
    """Yield default and grade probabilities by each model; they differ in how forest and logit are weighted."""
    x = learned.preparation.apply(test.indicators)
    ids = test.indicators.enterprise
    settings = learned.settings
    weights: Mapping[Model, tuple[float, float]] = {
        "combined": (settings.grade_weight, settings.default_weight),
        "forest": (0.0, 0.0),
        "logistic": (1.0, 1.0),
    }
    known = np.flatnonzero(train.known)
    for model in models:
        for_grade, for_default = weights[model]
        own = np.full(len(ids), np.nan)
        if learned.default is not None:
            seen = train.part(known)
            told = learned.default.shares(
                learned.preparation.apply(seen.indicators), seen.indicators.enterprise, for_default
            )
            calibration = calibrate(told[:, 1], seen.is_default)
            own = calibration.apply(learned.default.shares(x, ids, for_default)[:, 1])
        yield model, own, learned.grade.shares(x, ids, for_grade)


def _refuse_few(sample: Sample, folds: int, *, with_default: bool) -> None:
    """Refuse a class that could be short of two enterprises in some training part."""
    counts = {f"grade {name}": sample.grade.count(name) for name in sorted(set(sample.grade) - {""})}
    if with_default:
        counts["default"] = int((sample.is_default == 1).sum())
        counts["no default"] = int((sample.is_default == 0).sum())
    # a grade stands in up to three runs of cards (default, none, not known), so a fold can get three of it
    least = max(folds, 5 if folds > 2 else 6)
    few = {name: count for name, count in counts.items() if count < least}
    if few:
        raise InputError(
            Finding(
                f"{name}: {count} enterprises cannot be shared out over {folds} folds, which takes {least}; "
                + (
                    f"use {count} folds"
                    if 5 <= count < folds
                    else "join it with another grade, or leave it blank"
                )
            )
            for name, count in few.items()
        )


def _shown(figure: Figure) -> str:
    text = f"{figure.mean:6.3f}  [{figure.spread.low:.3f}, {figure.spread.high:.3f}]"
    if figure.interval is not None:
        text += f"  {figure.interval.low:.3f} to {figure.interval.high:.3f}"
    return text
