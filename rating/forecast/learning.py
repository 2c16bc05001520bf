"""Learning grades and defaults from indicators, and forecasting them: out of bag for what was learnt from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.rating.forecast.calibration import Calibration, calibrate
from lendplan.rating.forecast.normalscores import fit_scores
from lendplan.rating.forecast.outcomemodel import OutcomeModel, Settings, fit_outcome
from lendplan.rating.forecast.outcomes import (
    DEFAULT,
    KEPT,
    given,
    grades_to_learn,
    most_probable,
    picked,
    refuse_contradicted,
    rows_of,
    too_few_defaults,
)
from lendplan.rating.forecast.preparation import Preparation, prepare
from lendplan.rating.indicators.catalogue import CATALOGUE
from lendplan.rating.plain import record, whole_number, word, wrong
from lendplan.rating.records import Floats, Indicators, Mask

__all__ = ["Forecast", "Learned", "Settings", "forecast", "learn", "usable_rows"]

log = logging.getLogger(__name__)

_KEYS = ("seed", "settings", "preparation", "grade", "default", "calibration", "without_default")


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learnt from enterprises whose grade or default is known.

    Parameters
    ----------
    seed, settings
        What it was learnt with.
    preparation
        How indicators become features.
    grade
        The model of the grade; its classes are the grades from best to worst.
    default
        The model of default, None where too few defaults are known.
    calibration
        From its share to a probability; None without it.
    without_default
        Why there is no model of default; '' where there is one. Then `default_probability_own` is blank
        and the score is read off the grade.
    """

    seed: int
    settings: Settings
    preparation: Preparation
    grade: OutcomeModel
    default: OutcomeModel | None
    calibration: Calibration | None
    without_default: str

    @property
    def grades(self) -> tuple[str, ...]:
        """The grades, from best to worst."""
        return self.grade.classes

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; :meth:`from_dict` gives it back bit by bit."""
        return {
            "seed": self.seed,
            "settings": asdict(self.settings),
            "preparation": self.preparation.to_dict(),
            "grade": self.grade.to_dict(),
            "default": None if self.default is None else self.default.to_dict(),
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "without_default": self.without_default,
        }

    @classmethod
    def from_dict(cls, raw: object, where: str = "learned") -> Learned:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        InputError
            If it is not of that form.
        """
        known = record(raw, where, _KEYS)
        preparation = Preparation.from_dict(known["preparation"], f"{where}.preparation")
        names = preparation.features
        default = known["default"]
        if (default is None) != (known["calibration"] is None):
            raise wrong(where, "default and calibration must be given both or neither")
        return cls(
            seed=whole_number(known["seed"], f"{where}.seed"),
            settings=Settings.from_dict(known["settings"], f"{where}.settings"),
            preparation=preparation,
            grade=OutcomeModel.from_dict(known["grade"], f"{where}.grade", names),
            default=None if default is None else _default_model(default, f"{where}.default", names),
            calibration=(
                None
                if default is None
                else Calibration.from_dict(known["calibration"], f"{where}.calibration")
            ),
            without_default=word(known["without_default"], f"{where}.without_default"),
        )


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is forecast of n enterprises; blank and NaN for one of which no indicator is defined.

    Parameters
    ----------
    enterprise
        Ids, n of them.
    grades
        All G grades, from best to worst.
    grade
        The most probable grade of each, the worse of two that are equally probable.
    grade_probability
        Shape (n, G).
    default_probability
        Shape (n,): the enterprise's own, calibrated, strictly between 0 and 1; NaN without a model of default.
    score
        Shape (n,), 0–100, higher is better: 100·(1 − share of default, not calibrated). Without a model of default, the
        expected place of the grade: 100 if surely the best, 0 if surely the worst.
    base
        Shape (n,): the score's part that is the same for all that are answered by the same trees and the same logit.
    names
        Indicators, k.
    contributions
        Shape (n, k), in points of score: base + Σ contributions = score. How they are found, and what they do not say,
        is told by :meth:`lendplan.rating.forecast.trees.Forest.decompose` and
        :meth:`lendplan.rating.forecast.logistic.MonotoneLogit.decompose`.
    out_of_bag
        Shape (n,): True where the enterprise was learnt from, so that only trees and a logit that have not seen it
        were asked.
    """

    enterprise: tuple[str, ...]
    grades: tuple[str, ...]
    grade: tuple[str, ...]
    grade_probability: Floats
    default_probability: Floats
    score: Floats
    base: Floats
    names: tuple[str, ...]
    contributions: Floats
    out_of_bag: Mask


def learn(
    indicators: Indicators,
    grade: Sequence[str],
    is_default: Floats,
    *,
    seed: int,
    settings: Settings | None = None,
    grades: Sequence[str] | None = None,
    directions: Mapping[str, str] | None = None,
    jobs: int = 1,
) -> Learned:
    """Learn grades and defaults, each from the indicators alone.

    Neither outcome can become a feature of the other: features are columns of `indicators`, and one that is named
    after an outcome is refused. The order of the enterprises changes nothing.

    Parameters
    ----------
    indicators
        Of n enterprises. Those without any defined indicator, and those without a known outcome, are left out.
    grade
        Their grades, '' for the unrated.
    is_default
        Shape (n,): 1, 0, or NaN where not known.
    seed
        Of all random draws.
    settings
        How it is learnt.
    grades
        All grades from best to worst; :func:`in_order` of those that occur unless given.
    directions
        Indicator → ``more`` (better when more), ``less`` or ``none``; those of the catalogue unless given. The logit's
        coefficients keep them.
    jobs
        Threads; they change nothing but the time.

    Returns
    -------
    Learned
        Without a model of default where fewer than two enterprises have defaulted, or fewer than two have not.

    Raises
    ------
    InputError
        If fewer than two grades are known, or a grade has fewer than two enterprises; if their order is not known, or
        the defaults speak against the one that is assumed; if an indicator names an outcome or holds an infinite
        value; if scikit-learn is missing.
    """
    settings = settings or Settings()
    if not len(indicators.enterprise) == len(grade) == len(is_default):
        raise ValueError("indicators, grades and defaults of different lengths")
    usable = usable_rows(indicators)
    rated = usable & given(grade)
    known = usable & ~np.isnan(is_default)
    order = grades_to_learn(picked(grade, np.flatnonzero(rated)), grades)
    if grades is None:
        refuse_contradicted(order, picked(grade, np.flatnonzero(rated)), is_default[rated])
    without = too_few_defaults(is_default[known])
    if without:
        known[:] = False
        log.warning("%s; default_probability_own stays blank, the score is read off the grade", without)
    # in the order of ids, so that nothing that is stored depends on the order of the table
    by_id = np.array(sorted(range(len(grade)), key=lambda row: indicators.enterprise[row]), np.intp)
    rated_rows, known_rows = by_id[rated[by_id]], by_id[known[by_id]]
    trained = rows_of(indicators, by_id[(rated | known)[by_id]])
    preparation = prepare(trained)

    features = preparation.features
    scores = fit_scores(preparation.apply(trained), features)
    stated = {name: one.direction for name, one in CATALOGUE.items()} if directions is None else directions

    def model(
        rows: NDArray[np.intp], labels: Sequence[str], classes: Sequence[str]
    ) -> tuple[OutcomeModel, Floats]:
        chosen = rows_of(indicators, rows)
        x = preparation.apply(chosen)
        found = fit_outcome(
            x,
            scores,
            labels,
            classes,
            chosen.enterprise,
            directions=stated,
            seed=seed,
            settings=settings,
            jobs=jobs,
        )
        return found, x

    of_grade, _ = model(rated_rows, picked(grade, rated_rows), order)
    of_default = calibration = None
    if not without:
        happened = is_default[known_rows]
        of_default, x = model(
            known_rows, [DEFAULT if one else KEPT for one in happened == 1], (KEPT, DEFAULT)
        )
        share = of_default.shares(x, of_default.trained, settings.default_weight)[:, 1]
        calibration = calibrate(share, happened)
    return Learned(seed, settings, preparation, of_grade, of_default, calibration, without)


def usable_rows(indicators: Indicators) -> Mask:
    """Return which enterprises have any defined indicator, (n,); of the others nothing can be said."""
    return np.asarray(~np.isnan(indicators.values).all(axis=1))


def forecast(learned: Learned, indicators: Indicators, *, explain: bool = True) -> Forecast:
    """Forecast grade, default probability and score.

    An enterprise whose id is among those that were learnt from is forecast out of bag: the trees that have its outcome
    in their bag are not asked, nor is a logit that was fitted to it, not even on newer invoices.

    Parameters
    ----------
    learned
        From :func:`learn`.
    indicators
        Of n enterprises; may have further columns.
    explain
        Without it, `base` and `contributions` are NaN, and the time is half.

    Returns
    -------
    Forecast

    Raises
    ------
    InputError
        If an indicator that was learnt from is missing, or a value is infinite.
    """
    preparation = learned.preparation
    n, k, grades = len(indicators.enterprise), len(preparation.names), learned.grades
    indicators = preparation.chosen(indicators)
    usable = usable_rows(indicators)
    chosen = rows_of(indicators, np.flatnonzero(usable))
    x = preparation.apply(chosen)
    settings = learned.settings
    ids = chosen.enterprise
    probability = np.full((n, len(grades)), np.nan)
    own, score, base = (np.full(n, np.nan) for _ in range(3))
    contributions = np.full((n, k), np.nan)
    probability[usable] = learned.grade.shares(x, ids, settings.grade_weight)
    # the score is linear in the shares of classes: points for each, read off one model
    scored, points, weight = learned.grade, 100 * np.linspace(1, 0, len(grades)), settings.grade_weight
    share = probability[usable]
    if learned.default is not None and learned.calibration is not None:
        scored, points, weight = learned.default, np.array([100.0, 0.0]), settings.default_weight
        share = scored.shares(x, ids, weight)
        own[usable] = learned.calibration.apply(share[:, 1])
    score[usable] = np.clip((share * points).sum(axis=1), 0, 100)
    if explain:
        part = scored.decompose(x, ids, points, weight)
        folded = part.contributions[:, :k].copy()
        for place, indicator in enumerate(preparation.flagged):
            folded[:, indicator] += part.contributions[:, k + place]
        base[usable], contributions[usable] = part.base, folded
    return Forecast(
        enterprise=indicators.enterprise,
        grades=grades,
        grade=most_probable(probability, grades),
        grade_probability=probability,
        default_probability=own,
        score=score,
        base=base,
        names=preparation.names,
        contributions=contributions,
        out_of_bag=scored.seen(indicators.enterprise),
    )


def _default_model(raw: object, where: str, features: Sequence[str]) -> OutcomeModel:
    found = OutcomeModel.from_dict(raw, where, features)
    if found.classes != (KEPT, DEFAULT):
        raise wrong(f"{where}.classes", f"must be {KEPT}, {DEFAULT}")
    return found
