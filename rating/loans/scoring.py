"""The commands of System 2 as functions: `rate scorecard`, `rate pyramid`, and a fitted scorecard on new applicants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lendplan.data import csvwriting
from lendplan.data.columns import Column, Contract
from lendplan.data.contracts import NO_COLUMNS, conform
from lendplan.data.findings import Finding, InputError
from lendplan.data.tables import read_table
from lendplan.data.texts import Texts
from lendplan.rating.loans.discrimination import area_under_curve
from lendplan.rating.loans.gradetable import GRADES
from lendplan.rating.loans.heldout import FOLDS, HeldOut, held_out
from lendplan.rating.loans.history import read_applicants, read_loans
from lendplan.rating.loans.pyramid import LEAST_SHARE, find_pyramid
from lendplan.rating.loans.scorecard import Options, fit_scorecard
from lendplan.rating.loans.scorefile import card_to_json, read_card
from lendplan.rating.loans.scoretables import (
    contrast_csv,
    contrast_lines,
    contrasts_of,
    history_lines,
    ratings_of,
    scores_csv,
    selection_lines,
    text_of_lines,
)
from lendplan.rating.loans.spec import read_spec
from lendplan.rating.records import Floats, Output

LARGEST = 1e15
"""No score or amount is beyond this: it is a slip, and sums of its squares would overflow."""

SCORED = Contract(
    "scored loans",
    (
        Column("enterprise", "id", "Id of the loan or of its enterprise.", required=True, filled=True),
        Column(
            "score",
            "number",
            "More is better; a loan without one is listed and not used.",
            low=-LARGEST,
            high=LARGEST,
            required=True,
        ),
        Column(
            "receivable",
            "amount",
            "Principal and interest due.",
            "currency",
            above=0.0,
            high=LARGEST,
            required=True,
            filled=True,
        ),
        Column(
            "defaulted",
            "amount",
            "The part of it that was lost.",
            "currency",
            low=0.0,
            high=LARGEST,
            required=True,
            filled=True,
        ),
    ),
)
"""A loan history that has scores already, for `rate pyramid`."""


def scorecard(
    loans: str | Path,
    spec: str | Path,
    options: Options | None = None,
    *,
    folds: int = FOLDS,
    seed: int = 2027,
) -> Output:
    """Fit a scorecard on a loan history.

    Parameters
    ----------
    loans
        The history, as :func:`lendplan.rating.loans.history.read_loans` reads it.
    spec
        What its columns mean, as :func:`lendplan.rating.loans.spec.read_spec` reads it.
    options
        How it is fitted.
    folds, seed
        Of the check on loans held out; no such check with 0 folds.

    Returns
    -------
    Output
        ``score.json``, the fitted scorecard; ``scores.csv``, a row a loan with the points of each indicator;
        ``ratings.csv`` for a scenario; ``selection.csv``, ``weights.csv``, ``pyramid.csv``, ``contrast.csv``,
        ``held_out.csv`` and ``report.txt``.

    Raises
    ------
    InputError
        If the inputs cannot be used, or nothing can be learnt from them.
    """
    options = options or Options()
    meaning = read_spec(spec)
    history = read_loans(loans, meaning)
    fit = fit_scorecard(history, meaning, options)
    told = history.take(fit.used)
    score = fit.scored.score[fit.used]
    checked = (
        held_out(history, meaning, options, fit.used, folds=folds, seed=seed) if folds else "not asked for"
    )
    area = area_under_curve(score, told.is_default)
    contrasts = contrasts_of(score, told.receivable, told.defaulted, options.grades)
    lines = (
        *history_lines(history, fit),
        "",
        *selection_lines(fit),
        "",
        f"Area under the curve for default on the loans it was fitted on: {area:.3f}",
        *(checked.lines() if isinstance(checked, HeldOut) else (f"On loans held out: {checked}",)),
        "",
        *fit.card.pyramid.lines(),
        "",
        *contrast_lines(contrasts, options.grades),
    )
    files = {
        "score.json": card_to_json(fit.card),
        "scores.csv": scores_csv(history, fit.card, fit.scored),
        "ratings.csv": ratings_of(history, fit.card, fit.scored).to_csv(),
        "selection.csv": fit.selection.to_csv(),
        "weights.csv": fit.weights.to_csv(),
        "pyramid.csv": fit.card.pyramid.table.to_csv(fit.card.risk.columns()),
        "contrast.csv": contrast_csv(contrasts),
        **({"held_out.csv": checked.to_csv()} if isinstance(checked, HeldOut) else {}),
        "report.txt": text_of_lines(lines),
    }
    return Output(files, lines)


def apply_scorecard(model: str | Path, applicants: str | Path) -> Output:
    """Score and grade new applicants by a fitted scorecard.

    Parameters
    ----------
    model
        ``score.json``.
    applicants
        A table with the same columns, without what was due and lost.

    Returns
    -------
    Output
        ``ratings.csv`` for a scenario, and ``scores.csv`` with the points of each indicator. One that cannot be scored
        stands there with a blank grade and the reason.

    Raises
    ------
    InputError
        If the scorecard or the table cannot be used.
    """
    card = read_card(str(model))
    found = read_applicants(applicants, card.spec)
    scored = card.rate(found)
    counts = [scored.grade.count(grade) for grade in card.pyramid.table.grades]
    lines = (
        *(f"note: {finding}" for finding in found.findings),
        f"{found.size:,} applicants scored, {sum(map(bool, scored.reason)):,} of them could not be",
        ", ".join(
            f"{grade} {count:,}" for grade, count in zip(card.pyramid.table.grades, counts, strict=True)
        ),
    )
    files = {
        "ratings.csv": ratings_of(found, card, scored).to_csv(),
        "scores.csv": scores_csv(found, card, scored),
    }
    return Output(files, lines)


def pyramid(
    loans: str | Path,
    *,
    columns: Mapping[str, str] = NO_COLUMNS,
    grades: int = len(GRADES),
    least_share: float = LEAST_SHARE,
    least_rise: float = 0.0,
    levels: int | None = None,
) -> Output:
    """Divide loans that have scores already into grades under the default pyramid.

    Parameters
    ----------
    loans
        A table with the columns of :data:`SCORED`.
    columns
        Our column name → theirs.
    grades, least_share, least_rise, levels
        Of :func:`lendplan.rating.loans.pyramid.find_pyramid`.

    Returns
    -------
    Output
        ``pyramid.csv``, ``grades.csv`` with each loan's grade, ``contrast.csv`` and ``report.txt``.

    Raises
    ------
    InputError
        If the table cannot be used.
    """
    raw = read_table(loans)
    table = conform(raw, SCORED, columns)
    score, receivable, defaulted = (
        np.array(table.numbers(name)) for name in ("score", "receivable", "defaulted")
    )
    key = columns.get("defaulted", "defaulted")
    findings = [
        Finding(
            f"{defaulted[row]:g} is above the receivable, {receivable[row]:g}",
            raw.name,
            int(raw.line[row]),
            key,
        )
        for row in np.flatnonzero(defaulted > receivable)
    ]
    used = ~np.isnan(score)
    if not used.any():
        findings.append(Finding("no loan has a score", raw.name, key=columns.get("score", "score")))
    if findings:
        raise InputError(findings)
    found = find_pyramid(
        score[used],
        receivable[used],
        defaulted[used],
        grades=grades,
        least_share=least_share,
        least_rise=least_rise,
        levels=levels,
    )
    contrasts = contrasts_of(score[used], receivable[used], defaulted[used], grades)
    unscored = int((~used).sum())
    lines = (
        f"{raw.rows:,} loans" + (f", {unscored:,} of them without a score" if unscored else ""),
        *found.lines(),
        "",
        *contrast_lines(contrasts, grades),
    )
    graded: dict[str, Texts | Floats] = {
        "enterprise": table.texts("enterprise"),
        "score": score,
        "grade": Texts.of(found.table.grade_of(score)),
        "reason": Texts.of("" if known else "has no score" for known in used),
    }
    files = {
        "pyramid.csv": found.table.to_csv(),
        "grades.csv": csvwriting.header(list(graded)) + csvwriting.rows(list(graded.values())),
        "contrast.csv": contrast_csv(contrasts),
        "report.txt": text_of_lines(lines),
    }
    return Output(files, lines)
