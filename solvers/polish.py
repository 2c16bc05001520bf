"""From a solver's answer to an exact plan: offers rounded, lines solved again for the offers as they stand.

A mixed-integer answer is right only to its tolerances: an offer of 0.9999995, a line of 99.99999998, a limit
passed by 1e-9. With the offers fixed the lines are a small linear problem, whose vertex is clean; where rounding
still breaks a row, the row is asked for a little more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem, broken_by, reached
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.engine import run
from lendplan.solvers.result import Options
from lendplan.solvers.sparse import from_rows

_SNAP = 1e-9  # of its bound: nearer than this, a line is its bound
_NO_ONE_MINDS = 1e-12  # of a row's right side
_TRIES = 4
_LEAST_SECONDS = 2.0


def polish(
    problem: Problem, rate: Indices, line: Floats, options: Options, *, seconds: float
) -> tuple[Indices, Floats]:
    """Return the best lines for the given offers, exact at their bounds and within every row.

    Parameters
    ----------
    rate : shape (n,), position of the rate offered, −1 for none
    line : shape (n,), the solver's lines, used where the small problem has no answer
    seconds : that are left; the small problem gets at least a few, since it costs next to nothing

    Returns
    -------
    rate, line : shape (n,); an offer of no line is no offer
    """
    lent = np.flatnonzero(rate >= 0)
    lines = np.clip(line, problem.line_min, problem.line_max)
    step = problem.line_step
    stepped = step > 0
    lines = np.where(stepped, np.round(lines / np.where(stepped, step, 1.0)) * step, lines)
    if len(lent):
        lines[lent] = _solve_lines(problem, rate, lines, lent, options, max(seconds, _LEAST_SECONDS) / _TRIES)
    rate = np.where((rate >= 0) & (lines > 0), rate, -1)
    return rate, np.where(rate >= 0, lines, 0.0)


def _solve_lines(
    problem: Problem, rate: Indices, lines: Floats, lent: Indices, options: Options, seconds: float
) -> Floats:
    low = np.where(problem.line_step > 0, lines, problem.line_min)[lent]
    high = np.where(problem.line_step > 0, lines, problem.line_max)[lent]
    value, _ = problem.coefficients(problem.value_form, lent, rate[lent])
    body, fixed = [], []
    for row in problem.rows:
        per_line, per_offer = problem.coefficients(problem.row_form(row), lent, rate[lent])
        body.append(per_line)
        fixed.append(float(np.sum(per_offer)))
    sense = np.array([row.sense for row in problem.rows])
    right = np.array([row.amount for row in problem.rows]) - np.array(fixed)
    model = ArrayModel(
        cost=value,
        lower=low,
        upper=high,
        integer=np.zeros(len(lent), dtype=bool),
        matrix=from_rows(body, len(lent)),
        row_lower=np.where(sense < 0, right, -np.inf),
        row_upper=np.where(sense > 0, right, np.inf),
    )
    best = lines[lent]
    margin = np.zeros(len(right))
    for _ in range(_TRIES):
        tightened = replace(model, row_lower=model.row_lower + margin, row_upper=model.row_upper - margin)
        outcome = run(tightened, options, seconds=seconds, stage="lines", exact=True)
        if outcome.x is None:
            break
        best = _snapped(outcome.x, low, high)
        trial = lines.copy()
        trial[lent] = best
        choice = problem.choice(rate, trial)
        excess = np.array([broken_by(problem, choice, row) for row in problem.rows])
        if not np.any(excess):
            break
        margin += 2.0 * excess
    return _tidy(problem, rate, lines, lent, best)


def _tidy(problem: Problem, rate: Indices, lines: Floats, lent: Indices, best: Floats) -> Floats:
    """Write lines with twelve digits where no row minds: 40, and not 39.99999999999998."""
    digits = 12 - np.ceil(np.log10(np.maximum(best, 1e-300)))
    unit = 10.0**-digits
    short = np.clip(np.round(best / unit) * unit, problem.line_min[lent], problem.line_max[lent])
    trial = lines.copy()
    trial[lent] = short
    choice = problem.choice(rate, trial)
    for row in problem.rows:
        left, right = reached(problem, choice, row)
        if row.sense * (left - right) > _NO_ONE_MINDS * max(abs(right), problem.budget * 1e-3):
            return best
    return short


def _snapped(x: Floats, low: Floats, high: Floats) -> Floats:
    x = np.where(np.abs(x - high) <= _SNAP * np.maximum(high, 1e-300), high, x)
    x = np.where(np.abs(x - low) <= _SNAP * np.maximum(low, 1e-300), low, x)
    return np.clip(x, low, high)
