"""What the commands of System 2 show and write: tables of scores, grades and contrasts, and lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lendplan.data import csvwriting
from lendplan.data.texts import Texts
from lendplan.rating.loans.divisions import BELL, by_head_count, by_k_means
from lendplan.rating.loans.gradetable import GRADES, GradeTable
from lendplan.rating.loans.history import Loans
from lendplan.rating.loans.scorecard import Fit, Scorecard, Scored, risk_columns
from lendplan.rating.ratings import Ratings
from lendplan.rating.records import Floats


def contrasts_of(
    score: Floats, receivable: Floats, defaulted: Floats, grades: int = len(GRADES)
) -> dict[str, GradeTable]:
    """Return the divisions into so many grades that look at scores or numbers alone, by name.

    The bell is a published one of nine grades, and stands beside nine alone.
    """
    contrasts = {"equal numbers of loans": by_head_count(score, receivable, defaulted, [1 / grades] * grades)}
    if grades == len(BELL):
        contrasts["a bell by number of loans"] = by_head_count(score, receivable, defaulted, BELL)
    return contrasts | {"k-means on the score": by_k_means(score, receivable, defaulted, grades)}


def contrast_lines(contrasts: Mapping[str, GradeTable], grades: int = len(GRADES)) -> list[str]:
    """Return what the contrasting divisions explain, and how often they break the pyramid."""
    lines = [f"For contrast, {grades} {'grade' if grades == 1 else 'grades'} by"]
    for name, table in contrasts.items():
        breaks = len(table.breaks)
        keeps = (
            f"break the pyramid in {breaks} of {len(table.grades) - 1} steps"
            if breaks
            else "keep the pyramid"
        )
        lines.append(f"- {name}: explain {table.explained:.2%} and {keeps}")
    return lines


def contrast_csv(contrasts: Mapping[str, GradeTable]) -> bytes:
    """Return the contrasting divisions as one table."""
    parts = []
    for name, table in contrasts.items():
        columns: list[Texts | Floats] = [
            Texts.repeated(name, len(table.grades)),
            Texts.of(table.grades),
            table.lowest,
            table.count.astype(np.float64),
            table.receivable,
            table.defaulted,
            table.loss_rate,
        ]
        parts.append(csvwriting.rows(columns))
    names = ("division", "grade", "lowest_score", "loans", "receivable", "defaulted", "loss_rate")
    return csvwriting.header(names) + b"".join(parts)


def history_lines(history: Loans, fit: Fit) -> list[str]:
    """Return what was noticed in a history, and how much of it was learnt from."""
    lines = [f"note: {finding}" for finding in (*history.findings, *fit.selection.findings)]
    told = history.take(fit.used)
    lines.append(
        f"{history.size:,} loans, {told.size:,} of them learnt from: {int(told.is_default.sum()):,} lost "
        f"{told.defaulted.sum() / told.receivable.sum():.2%} of what was due on all"
    )
    unscored = sum(map(bool, fit.scored.reason))
    if unscored:
        lines.append(f"{unscored:,} loans cannot be scored; scores.csv and ratings.csv give each its reason")
    return lines


def selection_lines(fit: Fit) -> list[str]:
    """Return the indicators with what each tells, its weight, or why it was dropped."""
    weight = dict(zip(fit.weights.names, fit.weights.weight.tolist(), strict=True))
    width = max(len(choice.name) for choice in fit.selection.choices)
    lines = [f"{'indicator':<{width}}  {'AUC':>6}  {'weight':>7}"]
    for choice in fit.selection.choices:
        held = f"{weight[choice.name]:>7.1%}" if choice.is_kept else f"{'–':>7}  {choice.reason}"
        lines.append(f"{choice.name:<{width}}  {choice.told.auc:>6.3f}  {held}")
    return [*lines, *fit.weights.remarks]


def scores_csv(loans: Loans, card: Scorecard, scored: Scored) -> bytes:
    """Return the table of scores: a row a loan, with the points of each indicator."""
    columns: dict[str, Texts | Floats] = {
        "enterprise": Texts.of(loans.enterprise),
        "score": scored.score,
        "grade": Texts.of(scored.grade),
    }
    taken = {*columns, "reason"}
    for one, points in zip(card.indicators, scored.points.T, strict=True):
        columns[f"points {one.name}" if one.name in taken else one.name] = np.ascontiguousarray(points)
    columns["reason"] = Texts.of(scored.reason)
    return csvwriting.header(list(columns)) + csvwriting.rows(list(columns.values()))


def ratings_of(loans: Loans, card: Scorecard, scored: Scored) -> Ratings:
    """Return the table for a scenario."""
    risk = risk_columns(card, scored.grade)
    blank = np.full(loans.size, np.nan)
    return Ratings(
        enterprise=loans.enterprise,
        grade=scored.grade,
        grade_forecast=scored.grade,
        default_probability=risk["default_probability"],
        default_probability_own=blank,
        loss_given_default=risk["loss_given_default"],
        risk_weight=risk["risk_weight"],
        risk_index=blank,
        score=scored.score,
        reason=tuple(_reasons(card, scored)),
    )


def _reasons(card: Scorecard, scored: Scored) -> list[str]:
    """Return a sentence a loan: what raised its score most, and what it lacks most of the points that could be had."""
    names = [one.name for one in card.indicators]
    points = np.nan_to_num(scored.points)
    most = np.argmax(points, axis=1)
    lacking = np.argmax(100.0 * card.weight - points, axis=1)
    return [
        why or f"scorecard: most points from {names[best]}, most missed on {names[worst]}"
        for why, best, worst in zip(scored.reason, most.tolist(), lacking.tolist(), strict=True)
    ]


def text_of_lines(lines: Sequence[str]) -> bytes:
    """Return lines as a text file."""
    return ("\n".join(lines) + "\n").encode()
