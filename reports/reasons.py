r"""Why each enterprise is lent to or not: one sentence, with the deciding number in it.

At the shadow prices :math:`\lambda` a unit of line at rate :math:`r_k` earns :math:`R_{ik}` and needs
:math:`(\beta Q_{ik} + \sum_r \lambda_r a^r_{ik}) / \alpha`, both in money per unit of line, where the objective
is :math:`\alpha R - \beta Q`: what its risk costs, and what the budget and the limits it uses would earn
elsewhere. An enterprise is worth a loan where it earns more than it needs. Where revenue has no weight
(:math:`\alpha = 0`) both sides are measured in risk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Form, Indices
from lendplan.models.problem import BUDGET, Choice, Problem

_BLOCK = 4096  # enterprises at a time, so that the table of enterprises × rates stays small
_AT_BOUND = 1e-9
_MARGINAL = 1e-9  # a year: nearer than this to its need, an enterprise is as good as those that are lent to


@dataclass(frozen=True)
class Yields:
    """At one rate an enterprise: what its line earns and needs at the prices, a year per unit of line; (n,)."""

    rate: Indices  # position of the rate
    earned: Floats  # revenue
    risk: Floats  # what the risk costs
    budget: Floats  # what the budget it uses would earn elsewhere
    limits: Floats  # what the limits it uses would earn elsewhere; below 0 where it helps a limit

    @property
    def needed(self) -> Floats:
        """What it must earn to be worth a loan."""
        return self.risk + self.budget + self.limits

    @property
    def net(self) -> Floats:
        """What is left."""
        return self.earned - self.needed


class Pricing:
    """A problem seen at its shadow prices."""

    def __init__(self, problem: Problem, prices: Mapping[str, float]) -> None:
        self.problem = problem
        weights = problem.scalarisation
        # The unit in which both sides are measured: money of revenue, or of risk where revenue has no weight.
        self.measured_in = "revenue" if weights.revenue > 0 else "risk" if weights.risk < 0 else "nothing"
        unit = weights.revenue if weights.revenue > 0 else -weights.risk if weights.risk < 0 else 1.0
        self._earned = problem.measures["revenue"] * (weights.revenue / unit)
        self._risk = problem.measures["risk"] * (-weights.risk / unit)
        rows = {row.name: row for row in problem.rows}
        self._budget = problem.row_form(rows[BUDGET]) * (prices.get(BUDGET, 0.0) / unit)
        limits = Form()
        for name, price in prices.items():
            if name != BUDGET and price != 0.0 and name in rows:
                limits = limits + problem.row_form(rows[name]) * (price / unit)
        self._limits = limits

    def at(self, rate: Indices, line: Floats) -> Yields:
        """Return the yields at given rates; fixed amounts a loan are spread over ``line``; shapes (n,)."""
        everyone = np.arange(self.problem.size)
        spread = 1.0 / np.where(line > 0, line, np.inf)

        def per_line(form: Form) -> Floats:
            variable, fixed = self.problem.coefficients(form, everyone, rate)
            return variable + fixed * spread

        return Yields(
            rate, per_line(self._earned), per_line(self._risk), per_line(self._budget), per_line(self._limits)
        )

    def best(self) -> tuple[Yields, Floats]:
        """Return the yields where a unit of line nets most, over each enterprise's rates and lines, and that line."""
        problem = self.problem
        net = self._earned - self._risk - self._budget - self._limits
        rate = np.zeros(problem.size, dtype=np.int64)
        line = np.zeros(problem.size)
        position = np.arange(len(problem.rates))
        for start in range(0, problem.size, _BLOCK):
            block = np.arange(start, min(start + _BLOCK, problem.size))
            pairs = np.repeat(block, len(position)), np.tile(position, len(block))
            per_line, fixed = problem.coefficients(net, *pairs)
            shape = (len(block), len(position))
            low, high = problem.line_min[block, None], problem.line_max[block, None]
            slope, fixed = per_line.reshape(shape), fixed.reshape(shape)
            at_low = slope + np.divide(fixed, low, out=np.full(shape, -np.inf), where=low > 0)
            at_high = slope + np.divide(fixed, high, out=np.full(shape, -np.inf), where=high > 0)
            net_yield = np.maximum(at_low, at_high)
            outside = (position < problem.first_rate[block, None]) | (
                position > problem.last_rate[block, None]
            )
            net_yield[outside] = -np.inf
            best = np.argmax(net_yield, axis=1)
            chosen = np.arange(len(block)), best
            rate[block] = best
            line[block] = np.where(at_low[chosen] > at_high[chosen], low[:, 0], high[:, 0])
        return self.at(rate, line), line


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def amount(value: float) -> str:
    """Write an amount: no more digits than one reads, and never a 0 for what is more."""
    if value != 0.0 and not 0.1 <= abs(value) < 1e15:
        return f"{value:.4g}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _need(yields: Yields, i: int) -> str:
    parts = [f"{_percent(yields.risk[i])} for risk"]
    if yields.budget[i]:
        parts.append(f"{_percent(yields.budget[i])} for the budget")
    if yields.limits[i]:
        parts.append(f"{_percent(yields.limits[i])} for limits")
    return f"{_percent(yields.needed[i])} ({', '.join(parts)})"


def reasons(
    problem: Problem, prices: Mapping[str, float], choice: Choice, budget_left: float
) -> NDArray[np.object_]:
    """Return a sentence for each eligible enterprise, shape (n,).

    Parameters
    ----------
    prices : by row name; empty where there are none, and the reasons then weigh risk alone
    choice : the plan
    budget_left : an amount, in the budget's basis
    """
    pricing = Pricing(problem, prices)
    if pricing.measured_in == "nothing":
        return np.where(
            choice.offered,
            "lent as the limits ask; the objective values nothing",
            "the objective values nothing",
        ).astype(object)
    best, _ = pricing.best()
    at = np.where(
        choice.offered, np.searchsorted(problem.rates, np.nan_to_num(choice.rate) - 1e-12), best.rate
    )
    granted = pricing.at(at, np.where(choice.offered, choice.line, problem.line_min))
    text = np.empty(problem.size, dtype=object)
    for i in range(problem.size):
        if choice.offered[i]:
            text[i] = _why_lent(problem, choice, granted, i)
        else:
            text[i] = _why_declined(problem, best, i, budget_left)
    return text


def _why_lent(problem: Problem, choice: Choice, yields: Yields, i: int) -> str:
    line = choice.line[i]
    said = f"earns {_percent(yields.earned[i])} a year of its line and needs {_need(yields, i)}"
    if problem.must_lend[i] and yields.net[i] < 0:
        return f"must: lend; it {said}"
    if problem.line_max[i] - line <= _AT_BOUND * problem.line_max[i]:
        where = (
            "its line is the largest it may have"
            if problem.line_min[i] < line
            else "its line is the only one it may have"
        )
    elif line - problem.line_min[i] <= _AT_BOUND * problem.line_max[i]:
        where = "its line is the least it may have"
    else:
        where = f"its line of {amount(line)} is what budget and limits leave"
    if yields.net[i] < -1e-9:
        where += ", and makes the whole come out: lines are all-or-nothing"
    return f"{said}; {where}"


def _why_declined(problem: Problem, yields: Yields, i: int, budget_left: float) -> str:
    rate = _percent(problem.rates[yields.rate[i]])
    if yields.net[i] < -_MARGINAL:
        return (
            f"needs {_need(yields, i)} a year, the best it earns is {_percent(yields.earned[i])} (at {rate})"
        )
    least = problem.line_min[i]
    room = (
        f"{amount(budget_left)} of the budget is left"
        if budget_left < least
        else "the limits leave no room for it"
    )
    return (
        f"earns {_percent(yields.earned[i])} a year at {rate} and needs {_need(yields, i)}, but its line of at least "
        f"{amount(least)} has no place beside the others: {room}"
    )
