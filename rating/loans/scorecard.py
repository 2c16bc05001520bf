"""The fitted scorecard: from what is known of a loan beforehand to a score from 0 to 100, a grade and its risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lendplan.data.findings import Finding, InputError
from lendplan.rating.loans.graderisk import GradeRisk, grade_risk
from lendplan.rating.loans.gradetable import GRADES
from lendplan.rating.loans.history import Loans
from lendplan.rating.loans.pyramid import LEAST_SHARE, Pyramid, find_pyramid
from lendplan.rating.loans.scales import Scale, fit_scales, standardised
from lendplan.rating.loans.selection import CORRELATION, LEAST_AUC, SIGNIFICANCE, Selection, select
from lendplan.rating.loans.spec import Indicator, Spec
from lendplan.rating.loans.weights import Weighting, Weights, contributions, scores, weights_of
from lendplan.rating.records import Floats, Mask


@dataclass(frozen=True)
class Options:
    """How a scorecard is fitted.

    Parameters
    ----------
    grades, least_share, least_rise, levels
        Of :func:`lendplan.rating.loans.pyramid.find_pyramid`.
    weighting
        Of :func:`lendplan.rating.loans.weights.weights_of`.
    significance, least_auc, correlation
        Of :func:`lendplan.rating.loans.selection.select`.
    years
        Years that the history's loans ran until their outcome was known, on average; 1 where its losses are those of a
        year. Default probabilities and risk weights are turned into those of a year at a constant hazard.
    """

    grades: int = len(GRADES)
    least_share: float = LEAST_SHARE
    least_rise: float = 0.0
    levels: int | None = None
    weighting: Weighting = "variation"
    significance: float = SIGNIFICANCE
    least_auc: float = LEAST_AUC
    correlation: float = CORRELATION
    years: float = 1.0


@dataclass(frozen=True)
class Scored:
    """Loans by a scorecard; n of them, k indicators.

    Parameters
    ----------
    points
        Shape (n, k): what each indicator adds to the score; NaN where it is missing and nothing stands in.
    score
        Shape (n,), 0 to 100: their sum; NaN where a value is missing.
    grade
        '' where there is no score.
    reason
        Why there is no score, '' where there is one.
    """

    points: Floats
    score: Floats
    grade: tuple[str, ...]
    reason: tuple[str, ...]


@dataclass(frozen=True)
class Scorecard:
    """A fitted scorecard.

    Parameters
    ----------
    identity
        Header of the column that holds the ids.
    scales
        Of the indicators that stay, k of them.
    weight
        Shape (k,), sum 1.
    weighting
        How the weights were found.
    pyramid
        The grades.
    risk
        What a loan of each grade is expected to lose.
    """

    identity: str
    scales: tuple[Scale, ...]
    weight: Floats
    weighting: Weighting
    pyramid: Pyramid
    risk: GradeRisk

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """The indicators that stay."""
        return tuple(scale.indicator for scale in self.scales)

    @property
    def spec(self) -> Spec:
        """What the columns of new applicants must mean."""
        return Spec({"enterprise": self.identity}, self.indicators)

    def rate(self, loans: Loans) -> Scored:
        """Score and grade loans.

        Parameters
        ----------
        loans
            With at least the indicators of the scorecard.

        Returns
        -------
        Scored
            A loan that is at least as good in every indicator never has a lower score or a worse grade.
        """
        names = [one.name for one in loans.indicators]
        values = loans.values[:, [names.index(one.name) for one in self.indicators]]
        points = contributions(standardised(self.scales, values), self.weight)
        score = scores(points)
        reason = []
        for row in np.isnan(points).tolist():
            gone = [one.name for one, is_gone in zip(self.indicators, row, strict=True) if is_gone]
            reason.append(f"cannot be scored: {', '.join(gone)} missing" if gone else "")
        return Scored(points, score, self.pyramid.table.grade_of(score), tuple(reason))


@dataclass(frozen=True)
class Fit:
    """A scorecard with what it comes from.

    Parameters
    ----------
    card
        The scorecard.
    selection, weights
        Which indicators stay, and what they weigh.
    used
        Shape (n,): the loans of the history that it was fitted on.
    scored
        All loans of the history by the scorecard.
    """

    card: Scorecard
    selection: Selection
    weights: Weights
    used: Mask
    scored: Scored


def fit_scorecard(loans: Loans, spec: Spec, options: Options | None = None) -> Fit:
    """Fit a scorecard: choose indicators, weight them, score, and divide the scores into grades.

    Parameters
    ----------
    loans
        The history.
    spec
        What its columns mean.
    options
        How.

    Returns
    -------
    Fit
        A loan whose outcome is not known, or that lacks a value for which nothing stands in, is not learnt from. It is
        scored where the indicators that stay are known.

    Raises
    ------
    InputError
        If no loan is left, none or all of them defaulted, or no indicator tells defaulters from the rest.
    """
    options = options or Options()
    scales = fit_scales(loans.indicators, loans.values)
    standard = standardised(scales, loans.values)
    used = loans.is_known & ~np.isnan(standard).any(axis=1)
    if not used.any():
        without = [not np.isfinite(column).any() for column in standard.T]
        lacking = [one.name for one, gone in zip(loans.indicators, without, strict=True) if gone]
        text = (
            "no loan has a known outcome and a value for every indicator; say under `missing` what stands in"
        )
        raise InputError(Finding(text + (f" (no loan has {', '.join(lacking)})" if lacking else "")))
    told = loans.take(used)
    # The scales are of the loans that are learnt from, so that their best and worst are 1 and 0.
    scales = fit_scales(told.indicators, told.values)
    standard = standardised(scales, told.values)
    names = [one.name for one in loans.indicators]
    selection = select(
        names,
        standard,
        told.is_default,
        significance=options.significance,
        least_auc=options.least_auc,
        correlation=options.correlation,
    )
    kept = list(selection.kept)
    weights = weights_of(
        [names[position] for position in kept],
        standard[:, kept],
        np.array([selection.choices[position].told.auc for position in kept]),
        options.weighting,
    )
    score = scores(contributions(standard[:, kept], weights.weight))
    pyramid = find_pyramid(
        score,
        told.receivable,
        told.defaulted,
        grades=options.grades,
        least_share=options.least_share,
        least_rise=options.least_rise,
        levels=options.levels,
    )
    card = Scorecard(
        spec.columns["enterprise"],
        tuple(scales[position] for position in kept),
        weights.weight,
        options.weighting,
        pyramid,
        grade_risk(pyramid.table, told, options.years),
    )
    return Fit(card, selection, weights, used, card.rate(loans))


def risk_columns(card: Scorecard, grade: Sequence[str]) -> dict[str, Floats]:
    """Return default probability, loss given default and risk weight of each loan by its grade, (n,); NaN for ''."""
    place = {name: position for position, name in enumerate(card.pyramid.table.grades)}
    position = np.array([place.get(name, -1) for name in grade], dtype=np.int64)
    return {
        name: np.where(position < 0, np.nan, column[position]) for name, column in card.risk.columns().items()
    }
