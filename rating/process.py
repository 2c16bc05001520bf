"""The four stages of a rating, run and recorded one by one: understand, prepare, learn, rate.

*Understand* and *prepare* are reading (:mod:`invoices.reading`) and the data-quality report
(:mod:`invoices.quality`). *Learn* fits what grades and defaults say of the indicators. *Rate* puts it together for
every enterprise: the grade that counts, its default probability, the loss given default after guarantees, and their
product.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lendplan.data.findings import Finding, InputError, shown
from lendplan.rating.fitted import FittedRating, Options
from lendplan.rating.forecast.accuracy import auc
from lendplan.rating.forecast.learning import Forecast, Settings, forecast, learn
from lendplan.rating.grey.published import published_table
from lendplan.rating.grey.relation import GreyRelation
from lendplan.rating.indicators.computing import indicators_of, learnt, undefined
from lendplan.rating.invoices.quality import Quality, quality_report
from lendplan.rating.ratings import Ratings
from lendplan.rating.reasons import reasons
from lendplan.rating.records import Dossier, Enterprises, Indicators
from lendplan.rating.risk.agencies import AgencyGrades, apply_agencies
from lendplan.rating.risk.gradeprobability import count_defaults, grade_probabilities
from lendplan.rating.risk.guarantees import Guarantees
from lendplan.rating.risk.mitigation import Mitigated, mitigate, risk_weights
from lendplan.rating.risk.thirdparties import AgencyRatings, MasterScale
from lendplan.rating.tolearn import refuse_too_few
from lendplan.rating.watching.customers import largest_customers
from lendplan.rating.watching.state import State

log = logging.getLogger(__name__)

_WITHOUT_GREY = (
    "risk_index and grey_relation are blank for all: when the rating was fitted, no enterprise had valid invoices on "
    "both sides, so that the grey relation had nothing to compare; fit on both sides if the risk index is needed"
)


@dataclass(frozen=True)
class Beside:
    """What is known beside the invoices.

    Parameters
    ----------
    loss_given_default
        Of all, before guarantees, as a fraction; None where it is not known, so that no risk weight is written.
    guarantees, agencies, scale
        The tables, None where there are none; `agencies` needs `scale`.
    """

    loss_given_default: float | None = None
    guarantees: Guarantees | None = None
    agencies: AgencyRatings | None = None
    scale: MasterScale | None = None


@dataclass(frozen=True)
class RatedBook:
    """Everything that was found out of n enterprises.

    Parameters
    ----------
    dossier, quality, indicators
        What was read, how good it is, and the numbers it gave.
    unrated
        Enterprise id → why the model cannot rate it.
    source
        Whence each grade comes: ``given``, ``forecast``, an agency's name, or ''.
    forecast, relation
        What the fitted model says, and the grey relation of the published method; None where there was nothing to
        compare when the rating was fitted.
    agencies, guarantees, mitigated
        What third parties and guarantees say and changed; None where there are none.
    ratings
        The table that is handed over.
    findings
        What was noticed on the way.
    """

    dossier: Dossier
    quality: Quality
    indicators: Indicators
    unrated: dict[str, str]
    source: tuple[str, ...]
    forecast: Forecast
    relation: GreyRelation | None
    agencies: AgencyGrades | None
    guarantees: Guarantees | None
    mitigated: Mitigated | None
    ratings: Ratings
    findings: tuple[Finding, ...]


def fit(dossier: Dossier, options: Options, *, jobs: int = 1) -> tuple[FittedRating, Indicators]:
    """Learn a rating from enterprises whose grades are known, and their defaults as far as they are.

    Parameters
    ----------
    dossier
        What was read; the enterprises with a grade are learnt from.
    options
        How.
    jobs
        Threads; they change nothing but the time.

    Returns
    -------
    tuple
        The fitted rating, and the indicators of all enterprises.

    Raises
    ------
    InputError
        If too few are rated, or grades and defaults contradict one another so that nothing can be learnt.
    """
    enterprises = dossier.enterprises
    indicators = indicators_of(dossier)
    usable, unrated = rated_on(dossier, indicators)
    with naming_file(dossier):
        refuse_too_few(dossier, unrated, options.grades)
        learned = learn(
            learnt(usable),
            enterprises.grade,
            enterprises.is_default,
            seed=options.seed,
            settings=Settings(trees=options.trees),
            grades=options.grades,
            jobs=jobs,
        )
    grades = learned.grades
    counts, defaults = count_defaults(enterprises.grade, enterprises.is_default, grades)
    if not counts.any():
        message = (
            "no rated enterprise has a known outcome, so no grade has a default probability; "
            "fill the column default (yes or no)"
        )
        raise InputError(Finding(message, file=_named(dossier)))
    probabilities = grade_probabilities(
        grades,
        counts,
        defaults,
        method=options.probability_method,
        confidence=options.confidence,
        default_grade=grades[-1] if options.last_grade_is_default else None,
        central_tendency=options.central_tendency,
    )
    table = published_table(dossier, usable, grades=grades)
    grey = table.fit(standardise=options.standardise, zeta=options.zeta) if table.is_comparable else None
    foretold = forecast(learned, usable, explain=False)
    state = State(
        enterprise=enterprises.enterprise,
        grade=tuple(given or likely for given, likely in zip(enterprises.grade, foretold.grade, strict=True)),
        default_probability=foretold.default_probability,
        indicators=usable,
        grade_forecast=foretold.grade,
        largest_customer=largest_customers(dossier),
    )
    inputs = tuple((Path(record.path).name, record.sha256) for record in dossier.inputs)
    return FittedRating(options, learned, probabilities, grey, state, inputs), indicators


def rate(
    fitted: FittedRating, dossier: Dossier, beside: Beside, *, indicators: Indicators | None = None
) -> RatedBook:
    """Rate every enterprise; one that cannot be rated keeps its place, with the reason.

    Parameters
    ----------
    fitted
        The fitted rating.
    dossier
        What was read; may hold the enterprises that were learnt from, which are then forecast out of bag.
    beside
        What is known beside the invoices.
    indicators
        Of the same dossier, where they are at hand.

    Raises
    ------
    InputError
        If a given grade is none of the fitted ones, or a table beside the invoices does not fit.
    """
    enterprises = dossier.enterprises
    grades = fitted.learned.grades
    _refuse_unknown_grades(enterprises, grades, dossier)
    indicators = indicators_of(dossier) if indicators is None else indicators
    usable, unrated = rated_on(dossier, indicators)
    foretold = forecast(fitted.learned, usable)
    relation = None
    if fitted.grey is not None:
        table = published_table(dossier, usable, grades=grades)
        relation = fitted.grey.relate(table.columns(fitted.grey.names))
    agencies = None
    if beside.agencies is not None and beside.scale is not None:
        agencies = apply_agencies(
            enterprises.enterprise,
            enterprises.grade,
            foretold.grade,
            beside.agencies,
            beside.scale,
            grades,
            as_of=_last_day(dossier),
        )
    grade, source = _counting(enterprises, foretold, agencies)
    probability = fitted.probabilities.of(grade)
    base = np.full(
        enterprises.size, np.nan if beside.loss_given_default is None else beside.loss_given_default
    )
    mitigated = None
    if beside.guarantees is not None:
        mitigated = mitigate(
            enterprises.enterprise,
            base,
            beside.guarantees,
            default_probability=probability,
            is_default=enterprises.is_default,
        )
    lgd = base if mitigated is None else mitigated.loss_given_default
    ratings = Ratings(
        enterprise=enterprises.enterprise,
        grade=grade,
        grade_forecast=foretold.grade,
        default_probability=probability,
        default_probability_own=foretold.default_probability,
        loss_given_default=lgd,
        risk_weight=risk_weights(probability, lgd),
        risk_index=(
            np.full(enterprises.size, np.nan)
            if fitted.grey is None or relation is None
            else fitted.grey.risk_index(relation.relation)
        ),
        score=foretold.score,
        reason=reasons(enterprises.enterprise, grade, source, foretold, unrated),
        further={} if mitigated is None else mitigated.columns(),
    )
    findings = (*dossier.findings, *(() if agencies is None else agencies.findings))
    findings += () if relation is not None else (Finding(_WITHOUT_GREY),)
    findings += () if mitigated is None else mitigated.findings
    return RatedBook(
        dossier=dossier,
        quality=quality_report(dossier),
        indicators=indicators,
        unrated=unrated,
        source=source,
        forecast=foretold,
        relation=relation,
        agencies=agencies,
        guarantees=beside.guarantees,
        mitigated=mitigated,
        ratings=ratings,
        findings=findings,
    )


def out_of_bag(rated: RatedBook) -> dict[str, Any]:
    """Return how well a rating that was fitted just now forecasts those it was fitted on, out of bag.

    Returns
    -------
    dict
        ``accuracy``: share of the rated whose grade is met; ``auc``: for default, by score, None where it
        cannot be told.
    """
    enterprises = rated.dossier.enterprises
    pairs = [
        (given, likely)
        for given, likely in zip(enterprises.grade, rated.forecast.grade, strict=True)
        if given and likely
    ]
    known = ~np.isnan(enterprises.is_default) & ~np.isnan(rated.forecast.default_probability)
    outcome = enterprises.is_default[known] == 1
    told = outcome.any() and not outcome.all()
    return {
        "rated": len(pairs),
        "accuracy": sum(given == likely for given, likely in pairs) / max(1, len(pairs)),
        "auc": auc(-rated.forecast.score[known], outcome.astype(np.float64)) if told else None,
    }


def rated_on(dossier: Dossier, indicators: Indicators | None = None) -> tuple[Indicators, dict[str, str]]:
    """Return the indicators that a rating rests on, and enterprise id → why it cannot be rated.

    Those of an enterprise that cannot be rated are blank throughout, so that nothing is learnt from it or said of it.
    """
    indicators = indicators_of(dossier) if indicators is None else indicators
    unrated = dict(undefined(dossier, indicators))
    values = indicators.values.copy()
    values[[name in unrated for name in indicators.enterprise]] = np.nan
    return Indicators(indicators.enterprise, indicators.names, values), unrated


def _refuse_unknown_grades(enterprises: Enterprises, grades: Sequence[str], dossier: Dossier) -> None:
    strange = [row for row, grade in enumerate(enterprises.grade) if grade and grade not in grades]
    if strange:
        raise InputError(
            Finding(
                f"{shown(enterprises.grade[row])} of {enterprises.enterprise[row]} is no grade of the fitted rating "
                f"({', '.join(grades)}); blank it, or fit the rating again",
                file=_named(dossier),
                line=int(enterprises.line[row]),
                key="grade",
            )
            for row in strange
        )


@contextmanager
def naming_file(dossier: Dossier) -> Iterator[None]:
    """Add the file that was read to findings of what is learnt from it, which name none."""
    try:
        yield
    except InputError as error:
        raise InputError(
            finding if finding.file else replace(finding, file=_named(dossier)) for finding in error.findings
        ) from error


def _last_day(dossier: Dossier) -> float | None:
    """Return the day of the latest valid invoice, which a rating is as of; None without any."""
    days = dossier.invoices.day[dossier.invoices.is_valid]
    return float(days.max()) if days.size else None


def _named(dossier: Dossier) -> str:
    return dossier.inputs[0].path if dossier.inputs else ""


def _counting(
    enterprises: Enterprises, foretold: Forecast, agencies: AgencyGrades | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the grade that counts for each enterprise, and whence it comes."""
    if agencies is not None:
        return agencies.grade, agencies.source
    pairs = [
        (given, "given") if given else (likely, "forecast" if likely else "")
        for given, likely in zip(enterprises.grade, foretold.grade, strict=True)
    ]
    return tuple(grade for grade, _ in pairs), tuple(source for _, source in pairs)
