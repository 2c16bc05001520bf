r"""The trade-off between revenue and risk, by the augmented ε-constraint method.

A weighted sum of revenue and risk reaches the hull of the frontier alone. Here risk is bounded instead: for each of
some levels :math:`\varepsilon`

.. math::

   \max\; (1 - \tau)\,\frac{R - R^-}{R^+ - R^-} - \tau\,\frac{Q - Q^-}{Q^+ - Q^-}
   \qquad\text{subject to } Q \le \varepsilon,

with a small :math:`\tau`, so that of plans that earn the same the one of less risk is found: every optimum is
efficient. (Haimes, Lasdon and Wismer, On a bicriterion formulation, IEEE Transactions on Systems, Man and Cybernetics
1, 1971; the small weight: Mavrotas, Effective implementation of the ε-constraint method, Applied Mathematics and
Computation 213, 2009.) Each subproblem is a plan problem with one limit more, so each point has its proof.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Objective, Ranges, scalarise
from lendplan.models.problem import Problem, Row

TAU = 1e-3
"""Weight of the risk where revenue is sought, and of revenue where the least risk is."""


_DUST = 1e-9  # of the distance between the ends: so near, two are the same


def toward_revenue(problem: Problem, ranges: Ranges | None = None) -> Problem:
    """Return the problem of most revenue, the risk counting for little."""
    return _weighted(problem, 1.0 - TAU, ranges)


def toward_safety(problem: Problem, ranges: Ranges | None = None) -> Problem:
    """Return the problem of least risk, revenue counting for little."""
    return _weighted(problem, TAU, ranges)


def within(problem: Problem, level: float, name: str = "frontier") -> Problem:
    """Return the problem with its total risk bounded by ``level``, in money."""
    return problem.replaced(limits=(*problem.limits, Row(name, "risk", 1, amount=level, rule=name)))


def _weighted(problem: Problem, weight: float, ranges: Ranges | None) -> Problem:
    objective = Objective("weighted", weight, ranges or problem.objective.ranges)
    return replace(problem, objective=objective)


def levels(least: float, most: float, points: int) -> list[float]:
    """Return the levels of risk between two ends, both left out, evenly spaced.

    Parameters
    ----------
    least, most : the risk of the two end plans, in money
    points : how many, the ends included
    """
    return [least + (most - least) * at / (points - 1) for at in range(1, points - 1)]


def revenue_bound(bound: float, level: float, objective: Objective) -> float:
    """Return what no plan of at most this risk can earn, in money.

    Of the weighted objective, no plan within the level is worth more than the bound, and at that risk none loses
    more to it than the level itself does; what is left is revenue.

    Parameters
    ----------
    bound : on the objective, of plans within the level
    level : of the risk, in money
    objective : ``weighted``, with its ranges and a weight on revenue
    """
    weights = scalarise(objective)
    if weights.revenue == 0.0:
        return float("inf")
    return (bound - weights.constant - weights.risk * level) / weights.revenue


def efficient(revenue: Floats, risk: Floats) -> NDArray[np.bool_]:
    """Return which points no other one dominates; of equal ones the first counts.

    Parameters
    ----------
    revenue, risk : shape (p,), money

    Returns
    -------
    kept : shape (p,); a point is dominated where another earns at least as much at no more risk, both to rounding
    """
    kept = np.zeros(len(risk), dtype=bool)
    if not len(risk):
        return kept
    dust = _DUST * np.ptp(revenue)
    steps = np.round((risk - risk.min()) / (_DUST * np.ptp(risk) or 1.0))
    order = np.lexsort((np.arange(len(risk)), -revenue, steps))
    best = -np.inf
    for at in order.tolist():
        if revenue[at] > best + dust:
            kept[at], best = True, revenue[at]
    return kept


def knee(revenue: Floats, risk: Floats) -> int | None:
    """Return the position of the knee: the point farthest above the line between the two ends.

    Both axes count from 0 to 1 between the ends. (Das, On characterizing the "knee" of the Pareto curve, Structural
    Optimization 18, 1999.)

    Parameters
    ----------
    revenue, risk : shape (p,), money, of points none of which dominates another

    Returns
    -------
    position : None where fewer than three points are given, or none stands above the line
    """
    if len(revenue) < 3:
        return None
    low, high = int(np.argmin(risk)), int(np.argmax(risk))
    gained = (revenue - revenue[low]) / (revenue[high] - revenue[low])
    risked = (risk - risk[low]) / (risk[high] - risk[low])
    above = gained - risked
    best = int(np.argmax(above))
    return best if above[best] > 0 else None
