"""Each row of a plan: is the decision allowed, and are its figures those of the input tables."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.allocations import NUMBERS, Allocations
from lendplan.certify.applicants import STEP_TOLERANCE, Applicants
from lendplan.certify.estimate import EPSILON
from lendplan.certify.pricing import Weights
from lendplan.certify.question import Question
from lendplan.certify.report import Checklist, RowMessages
from lendplan.data.texts import Texts

Floats = NDArray[np.float64]
RELATIVE = 1e-9
"""By how much, relative to its terms, a figure may differ from the recomputed one."""


@dataclass(frozen=True)
class Measured:
    """What each enterprise adds to every measure of the plan.

    Parameters
    ----------
    measures
        Measure → amounts in the scenario's unit; ``count`` is 0 or 1, (n,).
    value
        Part of the objective, the constant left out, (n,).
    scale
        ``revenue`` and ``value`` → the sum of their terms without signs, against which rounding is held, (n,).
    """

    measures: Mapping[str, Floats]
    value: Floats
    scale: Mapping[str, Floats]


def check_header(table: Allocations, header: tuple[str, ...], checks: Checklist) -> bool:
    """Check columns and encoding of allocations.csv."""
    detail = f"expected {', '.join(header)}; found {', '.join(table.header)}"
    is_right = checks.add("header", table.header == header, detail)
    is_utf8 = table.encoding in ("utf-8", "utf-8-sig")
    return checks.add("encoding", is_utf8, f"allocations.csv is {table.encoding}") and is_right


def check_rows(table: Allocations, a: Applicants, checks: Checklist) -> bool:
    """Check that every enterprise of the book stands once, in its order."""
    stated, known_ids = table.texts("enterprise"), a.enterprise
    if len(stated) == len(known_ids) and not stated.differs(known_ids).any():
        return checks.add("rows", True, f"{len(stated):,} rows")
    ids, book = stated.tolist(), known_ids.tolist()
    known, seen = set(book), set(ids)
    told = [
        f"{len(ids):,} rows for {len(book):,} enterprises",
        *(f"missing: {one!r}" for one in [one for one in book if one not in seen][:3]),
        *(f"not in the book: {one!r}" for one in [one for one in ids if one not in known][:3]),
    ]
    if len(seen) < len(ids):
        again = next(one for one, times in Counter(ids).items() if times > 1)
        told.append(f"more than once: {again!r}")
    place = next((p for p, (one, other) in enumerate(zip(ids, book, strict=False)) if one != other), None)
    if place is not None:
        told.append(f"row {place + 1} is {ids[place]!r}, where the book has {book[place]!r}")
    return checks.add("rows", False, "; ".join(told))


def check_decisions(table: Allocations, a: Applicants, checks: Checklist) -> None:
    """Check numbers, grades, eligibility, rates and lines of every row."""
    decision, grade = table.texts("decision"), table.texts("grade")
    column = {name: table.numbers(name) for name in NUMBERS}
    ids = a.enterprise
    is_lent, is_declined = decision.equals("lend"), decision.equals("decline")

    is_finite = np.ones(len(ids), dtype=bool)
    for name in NUMBERS:
        is_finite &= np.isfinite(column[name]) | (~is_lent if name == "rate" else False)
    checks.rows("numbers", is_finite, RowMessages(ids, **column))
    checks.rows("grade", ~grade.differs(a.grade), RowMessages(ids, grade=grade, book=a.grade))

    allowed = ("lend or decline", "decline", "excluded", "excluded or decline")
    expected = Texts.recoded((a.must_decline + 2 * a.is_excluded).astype(np.int32), allowed)
    is_allowed = np.where(
        a.is_eligible,
        is_lent | is_declined,
        (decision.equals("excluded") & a.is_excluded) | (is_declined & a.must_decline),
    ).astype(bool)
    checks.rows("decision", is_allowed, RowMessages(ids, decision=decision, allowed=expected))
    checks.rows("must lend", ~a.must_lend | is_lent, RowMessages(ids, decision=decision, must=a.must_lend))

    rate, line = column["rate"], column["line"]
    on_grid = a.on_grid(rate) >= 0
    is_rate = np.where(is_lent, on_grid, np.isnan(rate))
    checks.rows("rate", is_rate, RowMessages(ids, decision=decision, rate=rate))
    messages = RowMessages(ids, rate=rate, rate_min=a.rate_min, rate_max=a.rate_max)
    checks.rows("rate bounds", ~is_lent | a.allows(rate), messages)

    within = (line >= a.line_min * (1 - RELATIVE)) & (line <= a.line_max * (1 + RELATIVE))
    messages = RowMessages(ids, decision=decision, line=line, line_min=a.line_min, line_max=a.line_max)
    checks.rows("line", np.where(is_lent, within, line == 0), messages)
    has_step = a.line_step > 0
    steps = np.where(has_step, line / np.where(has_step, a.line_step, 1.0), 0.0)
    off = np.abs(steps - np.round(steps))
    is_whole = off <= np.maximum(STEP_TOLERANCE, 4 * EPSILON * np.abs(steps))
    checks.rows(
        "line step", ~is_lent | ~has_step | is_whole, RowMessages(ids, line=line, line_step=a.line_step)
    )

    others = np.all([column[name] == 0 for name in NUMBERS if name != "rate"], axis=0)
    checks.rows(
        "nothing lent, nothing counted", is_lent | others, RowMessages(ids, decision=decision, **column)
    )


def measure(table: Allocations, question: Question, a: Applicants, weights: Weights) -> Measured:
    """Recompute every measure of the plan from its rates and lines and the input tables.

    A rate that is not on the grid, or a loan to an enterprise that is not eligible, makes its row NaN, which no
    check passes.
    """
    is_lent = table.texts("decision").equals("lend")
    place = a.on_grid(table.numbers("rate"))
    is_known = is_lent & (place >= 0) & a.is_eligible
    z = is_lent.astype(np.float64)
    line = np.where(is_lent, table.numbers("line"), 0.0)
    s = np.where(is_known, a.retention[a.curve, place], np.nan)
    s = np.where(is_lent, s, 0.0)
    r = np.where(is_known, a.rates[place], 0.0)
    exposure = line * (s * question.utilisation)
    kept = 1.0 - a.default_probability if question.interest_lost else np.ones(len(r))
    cost = question.funding_cost + question.operating_cost
    revenue = exposure * (kept * r - cost) - z * question.fixed_cost
    risk = (line if question.risk_on_line else exposure) * a.risk_weight
    revenue_scale = exposure * (kept * r + cost) + z * question.fixed_cost
    return Measured(
        measures={
            "line": line,
            "exposure": exposure,
            "interest": exposure * r,
            "revenue": revenue,
            "risk": risk,
            "count": z,
        },
        value=weights.revenue * revenue + weights.risk * risk,
        scale={
            "revenue": revenue_scale,
            "value": abs(weights.revenue) * revenue_scale + abs(weights.risk) * risk,
        },
    )


def check_figures(table: Allocations, a: Applicants, measured: Measured, checks: Checklist) -> None:
    """Compare each row's figures with the recomputed ones, relative 1e-9."""
    for name in ("exposure", "interest", "revenue", "risk", "value"):
        expected = measured.value if name == "value" else measured.measures[name]
        scale = measured.scale.get(name, np.abs(expected))
        stated = table.numbers(name)
        is_equal = np.abs(stated - expected) <= RELATIVE * scale
        checks.rows(name, is_equal, RowMessages(a.enterprise, stated=stated, recomputed=expected))
