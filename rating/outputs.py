"""The files that a rating leaves: the table for `optimize`, and all that a rating report is written from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lendplan.data import csvwriting
from lendplan.data.texts import Texts
from lendplan.rating.fitted import FittedRating
from lendplan.rating.indicators.catalogue import CATALOGUE
from lendplan.rating.process import RatedBook
from lendplan.rating.records import Floats, Output

FILES = (
    "ratings.csv",
    "grades.csv",
    "indicators.csv",
    "forecasts.csv",
    "quality.csv",
    "coverage.csv",
    "agencies.csv",
    "guarantees.csv",
    "process.json",
)
"""All that may stand in the folder of a rating."""

CHANCE, POINTS = "chance of ", "points of "
"""Beginnings of the columns of ``forecasts.csv``: a grade's probability, and an indicator's points of score."""


def output_of(
    fitted: FittedRating,
    model: Mapping[str, Any],
    rated: RatedBook,
    *,
    validation: Mapping[str, Any] | None = None,
) -> Output:
    """Return the files of a rating, and what the terminal shows of it.

    Parameters
    ----------
    fitted
        The fitted rating.
    model
        What is to be known of its file: ``file``, ``sha256``.
    rated
        The enterprises as rated.
    validation
        What fitting says of its own quality, where it was fitted just now.
    """
    ratings, forecast = rated.ratings, rated.forecast
    names = Texts.of(ratings.enterprise)
    chances = {
        f"{CHANCE}{grade}": forecast.grade_probability[:, k] for k, grade in enumerate(forecast.grades)
    }
    points = {f"{POINTS}{name}": forecast.contributions[:, k] for k, name in enumerate(forecast.names)}
    files = {
        "ratings.csv": ratings.to_csv(),
        "grades.csv": _table(
            {
                "grade": Texts.of(fitted.probabilities.grades),
                "rated": fitted.probabilities.counts.astype(np.float64),
                "defaulted": fitted.probabilities.defaults.astype(np.float64),
                "default_probability": fitted.probabilities.probability,
                "enterprises": np.array(
                    [ratings.grade.count(grade) for grade in fitted.probabilities.grades], np.float64
                ),
            }
        ),
        "indicators.csv": _table(
            {
                "enterprise": names,
                **{name: rated.indicators.values[:, k] for k, name in enumerate(rated.indicators.names)},
            }
        ),
        "forecasts.csv": _table(
            {
                "enterprise": names,
                "name": Texts.of(rated.dossier.enterprises.name),
                "source": Texts.of(rated.source),
                **chances,
                "grey_relation": np.full(len(ratings.enterprise), np.nan)
                if rated.relation is None
                else rated.relation.relation,
                "base": forecast.base,
                **points,
            }
        ),
        "quality.csv": rated.quality.to_csv(),
        "coverage.csv": rated.quality.coverage_csv(),
        **_agencies(rated),
        **_guarantees(rated),
    }
    record = _process(fitted, model, rated, validation)
    record["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files["process.json"] = _json(record)
    return Output(files, _lines(fitted, rated, validation))


def _table(columns: Mapping[str, Texts | Floats]) -> bytes:
    return csvwriting.header(list(columns)) + csvwriting.rows(list(columns.values()))


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def _agencies(rated: RatedBook) -> dict[str, bytes]:
    if rated.agencies is None:
        return {}
    rows = [
        (enterprise, one.agency, one.rating, one.date, one.grade, one.use)
        for enterprise, ratings in rated.agencies.ratings.items()
        for one in ratings
    ]
    return {"agencies.csv": _texts(("enterprise", "agency", "rating", "date", "grade", "use"), rows)}


def _guarantees(rated: RatedBook) -> dict[str, bytes]:
    if rated.mitigated is None or rated.guarantees is None:
        return {}
    table = rated.guarantees
    if not table.size:
        return {}
    columns: dict[str, Texts | Floats] = {
        "enterprise": Texts.of(table.enterprise),
        "kind": Texts.of(table.kind),
        "guarantor": Texts.of(table.guarantor),
        "covered": table.covered,
        "covered_share": table.covered_share,
        "haircut": table.haircut,
        "counts": rated.mitigated.credit,
        "why": Texts.of(rated.mitigated.why),
    }
    return {"guarantees.csv": _table(columns)}


def _texts(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    if not rows:
        return csvwriting.header(names)
    columns = [Texts.of(column) for column in zip(*rows, strict=True)]
    return csvwriting.header(names) + csvwriting.rows(columns)


def _process(
    fitted: FittedRating, model: Mapping[str, Any], rated: RatedBook, validation: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the record of the four stages."""
    ratings = rated.ratings
    return {
        "model": {**model, "seed": fitted.options.seed, "grades": list(fitted.learned.grades)},
        "understand": {
            "inputs": [
                {"role": one.role, "file": one.path, "sheet": one.sheet, "sha256": one.sha256}
                for one in rated.dossier.inputs
            ],
            "enterprises": rated.dossier.enterprises.size,
            "invoices": rated.dossier.invoices.size,
            "graded": sum(grade != "" for grade in rated.dossier.enterprises.grade),
            "outcome_known": int((~np.isnan(rated.dossier.enterprises.is_default)).sum()),
            "indicators": {
                name: {
                    "unit": CATALOGUE[name].unit,
                    "formula": CATALOGUE[name].formula,
                    "defined_for": int((~np.isnan(rated.indicators.values[:, k])).sum()),
                }
                for k, name in enumerate(rated.indicators.names)
            },
        },
        "prepare": {
            "duplicates": "unknown"
            if rated.dossier.reading is None
            else ("dropped" if rated.dossier.reading.are_dropped else "kept"),
            "checks": rated.quality.to_dict()["checks"],
        },
        "learn": {
            "fitted_on": [list(one) for one in fitted.inputs],
            "options": fitted.to_options(),
            "probabilities": fitted.probabilities.to_dict(),
            "out_of_bag": validation,
        },
        "rate": {
            "rated": sum(grade != "" for grade in ratings.grade),
            "unrated": dict(rated.unrated),
            "by_grade": {grade: ratings.grade.count(grade) for grade in fitted.learned.grades},
            "findings": [str(one) for one in rated.findings],
        },
    }


def _lines(fitted: FittedRating, rated: RatedBook, validation: Mapping[str, Any] | None) -> tuple[str, ...]:
    ratings = rated.ratings
    lines = [*rated.quality.lines(), "", *fitted.probabilities.lines(), ""]
    counted = ", ".join(
        f"{ratings.grade.count(grade):,} {grade}" for grade in fitted.learned.grades if grade in ratings.grade
    )
    unrated = sum(grade == "" for grade in ratings.grade)
    lines.append(f"rated: {counted or 'nobody'}" + (f"; {unrated:,} cannot be rated" if unrated else ""))
    if validation is not None:
        lines.append(_out_of_bag(validation))
    if np.isnan(ratings.risk_weight).all():
        lines.append(
            "no loss given default is known, so risk_weight is blank and the scenario's own is used; "
            "state one with --lgd"
        )
    return tuple(lines)


def _out_of_bag(validation: Mapping[str, Any]) -> str:
    auc, accuracy = validation["auc"], validation["accuracy"]
    words = f"out of bag: the grade is met for {100 * accuracy:.1f} % of the rated"
    return words + (f", the AUC for default is {auc:.3f}" if auc is not None else "")
