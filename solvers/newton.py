r"""Prices of a large book: Newton's method on a dual that is smooth as seen from a distance.

D is piecewise linear, but with tens of thousands of enterprises its slopes change by so many small steps that it has a
curvature: how fast what is used of each row falls as prices rise. The enterprises of a part of the book that are near
to changing their choice give it; the slope itself comes from the whole book. A step is the minimum of the
quadratic model within the signs that prices may have.
"""

from __future__ import annotations

from collections.abc import Callable

import highspy
import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.boxstep import penalties
from lendplan.solvers.engine import SolverError
from lendplan.solvers.pricing import Book, Evaluation, Lagrangian
from lendplan.solvers.rowtable import Value

_STEPS = 14
_FINE = 1e-9  # relative: a step that gains less is the last
_RIDGE = 1e-8
_HALVINGS = 3
_TIES = 150  # near changes of choice a row


def newton(
    book: Book,
    part: Lagrangian,
    value: Value,
    start: Floats,
    unit: Floats,
    *,
    enough_time: Callable[[], bool],
) -> list[Evaluation]:
    """Return evaluations of the book, the lowest first.

    Parameters
    ----------
    book : the whole
    part : some of its enterprises, for the curvature
    start : shape (rows,), prices within some per cent of the best
    unit : shape (rows,), the size of a price that matters
    """
    scale = book.size / part.size
    sense = book.table.sense
    trust = 0.3
    best = book.evaluate(start, value)
    bundle = [best]
    for _ in range(_STEPS):
        if not enough_time():
            break
        curvature = scale * _curvature(part, value, best.prices)
        step, foretold = _step(
            best.slope(book.amount),
            curvature,
            best.prices,
            sense,
            trust * np.maximum(np.abs(best.prices), unit),
        )
        if foretold <= _FINE * max(abs(best.bound), 1e-300):
            break
        trial = best
        for _ in range(_HALVINGS):
            trial = book.evaluate(_signed(best.prices + step, sense), value)
            bundle.append(trial)
            if trial.bound < best.bound:
                break
            step = 0.3 * step
        if trial.bound >= best.bound:
            break
        gained = best.bound - trial.bound
        best = trial
        if gained <= _FINE * abs(best.bound):
            break
    return sorted(bundle, key=lambda at: at.bound)


def _signed(prices: Floats, sense: Floats) -> Floats:
    return np.where(sense > 0, np.maximum(prices, 0.0), np.minimum(prices, 0.0))


def _curvature(part: Lagrangian, value: Value, prices: Floats) -> Floats:
    """Return how what is used falls with the prices, −∂a/∂λ, (rows, rows).

    An enterprise whose best choice beats its second best by p changes over when the prices move by p along the
    difference Δa of what the two use. With the changes-over spread evenly, −∂a/∂λ is the sum of Δa Δaᵀ / 2p⁺ over
    those with p ≤ p⁺. Being a sum of squares it is right to a few per cent in every direction at once.
    """
    positions, widest = part.closest(prices, value, min(_TIES * len(prices), part.size // 8))
    core = part.gather(positions)
    decline, lend = penalties(core, prices, value)
    n, m = core.size, len(core.rates)
    choices = np.concatenate([lend.reshape(n, 2 * m), decline[:, None]], axis=1)
    two = np.argsort(choices, axis=1, kind="stable")[:, :2]
    change = use_of(core, two[:, 0]) - use_of(core, two[:, 1])
    return np.asarray(change @ change.T / (2.0 * max(widest, 1e-300)))


def use_of(core: Problem, choice: Indices) -> Floats:
    """Return what one choice an enterprise uses of each row, (rows, n); 2·rate + (0 least, 1 largest line), or 2·m."""
    m = len(core.rates)
    lends = choice < 2 * m
    rate = np.where(lends, choice // 2, 0)
    line = np.where(choice % 2 == 1, core.line_max, core.line_min)
    who = np.arange(core.size)
    use = np.zeros((len(core.rows), core.size))
    for r, row in enumerate(core.rows):
        per_line, per_loan = core.coefficients(core.row_form(row), who, rate)
        use[r] = np.where(lends, per_line * line + per_loan, 0.0)
    return use


def _step(
    slope: Floats, curvature: Floats, prices: Floats, sense: Floats, trust: Floats
) -> tuple[Floats, float]:
    """Minimise slope·d + d'·curvature·d / 2 with prices + d of the right signs; return d and the gain.

    Without any curvature, where nobody is near to changing a choice that a row counts, there is no step to foretell.
    """
    rows = len(prices)
    # In units in which every row curves alike.
    width = np.sqrt(np.maximum(np.diag(curvature), 0.0))
    if not 0.0 < width.max() < np.inf:
        return np.zeros(rows), 0.0
    scale = 1.0 / np.maximum(width, 1e-6 * width.max())
    hessian = curvature * np.outer(scale, scale)
    hessian += _RIDGE * np.eye(rows)
    gradient = slope * scale
    size = max(float(np.abs(gradient).max()), 1e-300)
    lower = np.where(sense > 0, np.maximum(-prices, -trust), -trust) / scale
    upper = np.where(sense > 0, trust, np.minimum(-prices, trust)) / scale
    d = _quadratic(gradient / size, hessian, lower / size, upper / size) * size
    gain = -float(gradient @ d + 0.5 * d @ hessian @ d)
    return d * scale, gain


def _quadratic(gradient: Floats, hessian: Floats, lower: Floats, upper: Floats) -> Floats:
    """Minimise a convex quadratic over a box, by HiGHS."""
    rows = len(gradient)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    for r in range(rows):
        highs.addVar(float(lower[r]), float(upper[r]))
        highs.changeColCost(r, float(gradient[r]))
    column, row = np.nonzero(np.triu(np.ones((rows, rows))))
    quadratic = highspy.HighsHessian()
    quadratic.dim_ = rows
    quadratic.format_ = highspy.HessianFormat.kTriangular
    quadratic.start_ = np.searchsorted(column, np.arange(rows + 1)).astype(np.int32)
    quadratic.index_ = row.astype(np.int32)
    quadratic.value_ = hessian[row, column]
    highs.passHessian(quadratic)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise SolverError("HiGHS did not solve the quadratic model of the dual")
    return np.asarray(np.clip(np.array(highs.getSolution().col_value), lower, upper))
