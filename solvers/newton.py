r"""Prices of a large book: Newton's method on a dual that is smooth as seen from a distance.

D is piecewise linear, but with tens of thousands of enterprises its slopes change by so many small steps that it has a
curvature: how fast what is used of each row falls as prices rise. The enterprises of a part of the book that are near
to changing their choice give it; the slope itself comes from the whole book. A step is the minimum of the
quadratic model within the signs that prices may have.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.openchoices import penalties
from lendplan.solvers.pricing import Book, Evaluation, Lagrangian
from lendplan.solvers.rowtable import Value

_STEPS = 14
FINE = 1e-9  # relative: a step that gains less is the last
_RIDGE = 1e-8
_HALVINGS = 3
_TIES = 150  # near changes of choice a row
_QUADRATIC_STEPS, _QUADRATIC_FINE = 100, 1e-12


def newton(
    book: Book,
    part: Lagrangian,
    value: Value,
    start: Floats,
    unit: Floats,
    *,
    enough_time: Callable[[], bool],
    fine: float = FINE,
) -> list[Evaluation]:
    """Return evaluations of the book, the lowest first.

    Parameters
    ----------
    book : the whole
    part : some of its enterprises, for the curvature
    start : shape (rows,), prices within some per cent of the best
    unit : shape (rows,), the size of a price that matters
    fine : relative; a step that gains less is the last
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
        if foretold <= fine * max(abs(best.bound), 1e-300):
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
        if gained <= fine * abs(best.bound):
            break
    return sorted(bundle, key=lambda at: at.bound)


def _signed(prices: Floats, sense: Floats) -> Floats:
    return np.where(sense > 0, np.maximum(prices, 0.0), np.minimum(prices, 0.0))


def _curvature(part: Lagrangian, value: Value, prices: Floats) -> Floats:
    """Return how what is used falls with the prices, −∂a/∂λ, (rows, rows).

    An enterprise whose best choice beats its second best by p changes over when the prices move by p along the
    difference Δa of what the two use. With the changes-over spread evenly, −∂a/∂λ is the sum of Δa Δaᵀ / 2p⁺ over
    those with p ≤ p⁺. Being a sum of squares it is right to a few per cent in every direction at once.

    Changes between lending and declining, or to the other end of the lines, are rare and matter most, those to the
    rate beside are many and small: each kind has a width p⁺ of its own, with as many changes within.
    """
    most = min(_TIES * len(prices), part.size // 8)
    curvature = np.zeros((len(prices), len(prices)))
    for lending in (True, False):
        positions, widest = part.closest(prices, value, most, lending=lending)
        core = part.gather(positions)
        first, second = _two_best(core, prices, value, lending=lending)
        change = use_of(core, first) - use_of(core, second)
        curvature += change @ change.T / (2.0 * max(widest, 1e-300))
    return curvature


def _two_best(core: Problem, prices: Floats, value: Value, *, lending: bool) -> tuple[Indices, Indices]:
    """Return the best choice of each and the one it may change to, numbered as :func:`use_of` has them, (n,) each.

    With ``lending`` the change is to decline, or to the other end of the lines; else to another rate, and where the
    two best choices are no two rates there is none.
    """
    decline, lend = penalties(core, prices, value)
    n, m = core.size, len(core.rates)
    everybody = np.arange(n)
    if not lending:
        choices = np.concatenate([lend.reshape(n, 2 * m), decline[:, None]], axis=1)
        best = choices.argmin(axis=1)
        choices[everybody, best] = np.inf
        second = choices.argmin(axis=1)
        both_rates = (best < 2 * m) & (second < 2 * m) & (best % 2 == second % 2)
        return best, np.where(both_rates, second, best)
    rate = lend.min(axis=2).argmin(axis=1)
    three = np.stack([2 * rate, 2 * rate + 1, np.full(n, 2 * m)])
    penalty = np.stack([*lend[everybody, rate].T, decline])
    order = np.argsort(penalty, axis=0, kind="stable")
    return three[order[0], everybody], three[order[1], everybody]


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
    """Minimise gradient·d + d'·hessian·d / 2 over a box that holds 0, the Hessian being positive definite.

    Newton steps of those that are not held by a bound, cut to the box and halved until they gain (Bertsekas,
    Projected Newton methods for optimization problems with simple constraints, SIAM Journal on Control and
    Optimization 20, 1982). HiGHS's own solver was seen to call points optimal that were not.
    """

    def worth(d: Floats) -> float:
        return float(gradient @ d + 0.5 * d @ hessian @ d)

    d = np.zeros(len(gradient))
    for _ in range(_QUADRATIC_STEPS):
        slope = gradient + hessian @ d
        free = ~(((d <= lower) & (slope > 0)) | ((d >= upper) & (slope < 0)))
        if not free.any() or np.abs(slope[free]).max() <= _QUADRATIC_FINE:
            break
        step = np.zeros(len(d))
        step[free] = -np.linalg.solve(hessian[np.ix_(free, free)], slope[free])
        trial = np.clip(d + step, lower, upper)
        while worth(trial) >= worth(d) and np.abs(step).max() > _QUADRATIC_FINE:
            step *= 0.5
            trial = np.clip(d + step, lower, upper)
        if worth(trial) >= worth(d):
            break
        d = trial
    return d
