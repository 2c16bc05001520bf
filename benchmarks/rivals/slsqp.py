"""SciPy's SLSQP on rate and line as continuous numbers, then rounded.

Churn between the rates of the table is read from a monotone cubic (PCHIP), so that there are derivatives, which are
given. A line may be anything from 0 to its largest, and a loan counts by line over largest line. Afterwards rates go to
the nearest rate of the table, lines below half the least line to nothing, and other lines below the least line to it;
what breaks a row is repaired greedily, and the lines are solved again as a linear problem.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import minimize

from lendplan.models.measures import Floats
from lendplan.models.problem import Problem
from lendplan.solvers.polish import polish
from lendplan.solvers.result import Options
from rivals.activity import Activity
from rivals.answer import THREADS, Answer, clock_of

_ITERATIONS = 1000


class _OutOfTimeError(Exception):
    pass


def solve(problem: Problem, gap: float, seconds: float) -> Answer:
    """Minimise the negative value from half of the budget, spread evenly."""
    spent, left = clock_of(seconds)
    n = problem.size
    activity = Activity(problem)
    smooth = _Smooth(problem, activity)
    low, high = problem.rates[problem.first_rate], problem.rates[problem.last_rate]
    even = min(1.0, 0.5 * problem.budget / max(float(np.sum(problem.line_max)), 1e-300))
    start = np.concatenate([np.full(n, even), 0.5 * (low + high)])
    latest = start
    size = max(1.0, abs(float(smooth(start)[0][-1])))

    def objective(x: Floats) -> tuple[float, Floats]:
        nonlocal latest
        if left() <= 0:
            raise _OutOfTimeError
        latest = x.copy()
        value, slope = smooth(x)
        return -float(value[-1]) / size, -slope[-1] / size

    rows: Any = {
        "type": "ineq",
        "fun": lambda x: (activity.right - smooth(x)[0][:-1]) / activity.unit,
        "jac": lambda x: -smooth(x)[1][:-1] / activity.unit[:, None],
    }
    bounds = [(0.0, 1.0)] * n + list(zip(low.tolist(), high.tolist(), strict=True))
    in_time = True
    try:
        outcome: Any = minimize(
            objective,
            start,
            jac=True,
            bounds=bounds,
            constraints=[rows],
            method="SLSQP",
            options={"maxiter": _ITERATIONS, "ftol": 1e-9},
        )
        latest, detail = outcome.x, str(outcome.message)
    except _OutOfTimeError:
        in_time, detail = False, "out of time"
    return _rounded(problem, activity, latest, gap, in_time, detail, spent)


def _rounded(
    problem: Problem, activity: Activity, x: Floats, gap: float, in_time: bool, detail: str, spent: Any
) -> Answer:
    n = problem.size
    line, wanted = x[:n] * problem.line_max, x[n:]
    rates = np.arange(len(problem.rates))
    own = (rates >= problem.first_rate[:, None]) & (rates <= problem.last_rate[:, None])
    away = np.where(own, np.abs(problem.rates - wanted[:, None]), np.inf)
    lent = (line >= 0.5 * problem.line_min) | problem.must_lend
    rate = np.where(lent & (line > 0), np.argmin(away, axis=1), -1).astype(np.int64)
    step = problem.line_step
    line = np.where(step > 0, np.round(line / np.where(step > 0, step, 1.0)) * step, line)
    line = np.where(rate >= 0, np.clip(line, problem.line_min, problem.line_max), 0.0)
    rate, line, obeys = activity.mended(rate, line, 4 * n)
    if not obeys:
        return Answer(in_time=in_time, detail=f"{detail}; the rounded plan breaks rows")
    rate, line = polish(problem, rate, line, Options(gap=gap, threads=THREADS), seconds=10.0)
    return Answer(
        rate, line, None, in_time, [(spent(), problem.value(problem.choice(rate, line)))], detail=detail
    )


class _Smooth:
    """The rows and the objective, and their derivatives, at shares of the largest lines and at rates."""

    def __init__(self, problem: Problem, activity: Activity) -> None:
        self.problem, self.activity = problem, activity
        self.curves = [
            PchipInterpolator(problem.rates, row, extrapolate=True) for row in problem.exposure_table
        ]
        self.slopes = [curve.derivative() for curve in self.curves]

    def __call__(self, x: Floats) -> tuple[Floats, Floats]:
        """Return values, shape (rows + 1,), and derivatives, shape (rows + 1, 2 n); the objective is last."""
        problem, activity = self.problem, self.activity
        share, rate = x[: problem.size], x[problem.size :]
        drawn, slope = np.empty(problem.size), np.empty(problem.size)
        for curve in range(len(self.curves)):
            mine = problem.curve == curve
            drawn[mine], slope[mine] = self.curves[curve](rate[mine]), self.slopes[curve](rate[mine])
        most = problem.line_max
        whole = activity.count + most * (
            activity.line + activity.exposure * drawn + activity.interest * (drawn * rate)
        )
        by_rate = (share * most) * (activity.exposure * slope + activity.interest * (slope * rate + drawn))
        return whole @ share, np.concatenate([whole, by_rate], axis=1)
