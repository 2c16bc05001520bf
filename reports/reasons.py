r"""Why each enterprise is lent to or not: one sentence, with the deciding number in it.

At the shadow prices :math:`\lambda` a unit of line at rate :math:`r_k` earns :math:`R_{ik}` and needs
:math:`(\beta Q_{ik} + \sum_r \lambda_r a^r_{ik}) / \alpha`, both in money per unit of line, where the objective
is :math:`\alpha R - \beta Q`: what its risk costs, and what the budget and the limits it uses would earn
elsewhere. An enterprise is worth a loan where it earns more than it needs. Where revenue has no weight
(:math:`\alpha = 0`) both sides are measured in risk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lendplan.data.texts import Texts
from lendplan.models.measures import Floats, Form, Indices
from lendplan.models.problem import BUDGET, Choice, Problem, Row
from lendplan.reports.wording import amount, amounts, chosen, joined, percents

__all__ = ["Pricing", "Reasons", "Yields", "amount", "reasons"]

_BLOCK = 4096  # enterprises at a time, so that the table of enterprises × rates stays small
_EVERYONE = slice(None)
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

    def of(self, who: NDArray[np.bool_]) -> Yields:
        """Return the same for some of them."""
        return Yields(*(getattr(self, field.name)[who] for field in fields(self)))


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
        priced = {
            name: price / unit
            for name, price in prices.items()
            if name != BUDGET and price != 0.0 and name in rows
        }
        self._limits = _priced(problem, [rows[name] for name in priced], priced)
        self._net = self._earned - self._risk - self._budget - self._limits

    def at(self, rate: Indices, line: Floats, part: slice = _EVERYONE) -> Yields:
        """Return the yields of a part at given rates; fixed amounts a loan are spread over ``line``; shapes (part,)."""
        curve = self.problem.curve[part]
        exposure, interest = (
            self.problem.exposure_table[curve, rate],
            self.problem.interest_table[curve, rate],
        )
        spread = 1.0 / np.where(line > 0, line, np.inf)

        def per_line(form: Form) -> Floats:
            on_line, on_exposure, on_interest, on_loan = self._coefficients(form, part)
            return on_line + on_exposure * exposure + on_interest * interest + on_loan * spread

        return Yields(
            rate, per_line(self._earned), per_line(self._risk), per_line(self._budget), per_line(self._limits)
        )

    def best(self, part: slice = _EVERYONE) -> tuple[Yields, Floats]:
        """Return the yields where a unit of line nets most, over each enterprise's rates and lines, and that line."""
        problem = self.problem
        start, stop, _ = part.indices(problem.size)
        rate = np.zeros(stop - start, dtype=np.int64)
        line = np.zeros(stop - start)
        position = np.arange(len(problem.rates))
        for first in range(start, stop, _BLOCK):
            block = slice(first, min(first + _BLOCK, stop))
            curve = problem.curve[block]
            on_line, on_exposure, on_interest, fixed = (
                coefficient[:, None] for coefficient in self._coefficients(self._net, block)
            )
            slope = (
                on_line
                + on_exposure * problem.exposure_table[curve]
                + on_interest * problem.interest_table[curve]
            )
            low, high = problem.line_min[block, None], problem.line_max[block, None]
            nowhere = np.full(low.shape, -np.inf)
            at_low = slope + np.divide(fixed, low, out=nowhere.copy(), where=low > 0)
            at_high = slope + np.divide(fixed, high, out=nowhere, where=high > 0)
            net_yield = np.maximum(at_low, at_high)
            outside = (position < problem.first_rate[block, None]) | (
                position > problem.last_rate[block, None]
            )
            net_yield[outside] = -np.inf
            best = np.argmax(net_yield, axis=1)
            at_best = np.arange(len(best)), best
            here = slice(first - start, block.stop - start)
            rate[here] = best
            line[here] = np.where(at_low[at_best] > at_high[at_best], low[:, 0], high[:, 0])
        return self.at(rate, line, part), line

    def _coefficients(self, form: Form, part: slice) -> tuple[Floats, Floats, Floats, Floats]:
        """Return a form's coefficients on line, exposure, interest and count for a part, each (part,)."""

        def pick(coefficient: Floats | float) -> Floats:
            return np.broadcast_to(np.asarray(coefficient, dtype=np.float64), (self.problem.size,))[part]

        return pick(form.line), pick(form.exposure), pick(form.interest), pick(form.count)


def _priced(problem: Problem, rows: list[Row], prices: Mapping[str, float]) -> Form:
    """Return the sum of rows, each times its price; the rows that one limit makes of a column are taken together."""
    together: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        codes = None if row.members is None else id(row.members.codes)
        together.setdefault((row.measure, row.share, row.rate, codes), []).append(row)
    total = Form()
    for group in together.values():
        members, whole = group[0].members, sum(prices[row.name] for row in group)
        weight: Floats | float = whole
        if members is not None:
            by_code = np.zeros(
                int(members.codes.max(initial=-1)) + 2
            )  # the last for those in no group, whose code is −1
            for row in group:
                assert row.members is not None
                by_code[row.members.code] += prices[row.name]
            weight = by_code[members.codes]
        rate, share, measure = group[0].rate, group[0].share, group[0].measure
        if rate is not None:
            form = problem.measures["interest"] * weight - problem.measures["exposure"] * (weight * rate)
        else:
            assert measure != "average_rate"
            form = problem.measures[measure] * weight
            if share is not None:
                form = form - problem.measures[measure] * (share * whole)
        total = total + form
    return total


def reasons(problem: Problem, prices: Mapping[str, float], choice: Choice, budget_left: float) -> Texts:
    """Return a sentence for each eligible enterprise, (n,).

    Parameters
    ----------
    prices : by row name; empty where there are none, and the reasons then weigh risk alone
    choice : the plan
    budget_left : an amount, in the budget's basis
    """
    return Reasons(problem, prices, choice, budget_left).of(_EVERYONE)


class Reasons:
    """Sentences for the eligible enterprises, made for a part of them at a time; as `reasons` takes its arguments."""

    def __init__(
        self, problem: Problem, prices: Mapping[str, float], choice: Choice, budget_left: float
    ) -> None:
        self._problem, self._choice, self._budget_left = problem, choice, budget_left
        self._pricing = Pricing(problem, prices)

    def of(self, part: slice) -> Texts:
        """Return the sentences of a part of the eligible, (part,)."""
        problem, choice, pricing = self._problem, self._choice, self._pricing
        offered = choice.offered[part]
        if pricing.measured_in == "nothing":
            nothing = "the objective values nothing"
            return chosen(offered, f"lent as the limits ask; {nothing}", nothing)
        best, _ = pricing.best(part)
        at = np.where(
            offered, np.searchsorted(problem.rates, np.nan_to_num(choice.rate[part]) - 1e-12), best.rate
        )
        granted = pricing.at(at, np.where(offered, choice.line[part], problem.line_min[part]), part)
        texts = Texts.repeated("", len(offered))
        for who, told in ((offered, self._lent(part, granted)), (~offered, self._declined(part, best))):
            texts = texts.overlaid(np.flatnonzero(who), told)
        return texts

    def _lent(self, part: slice, yields: Yields) -> Texts:
        problem, lent = self._problem, self._choice.offered[part]
        yields, line = yields.of(lent), self._choice.line[part][lent]
        least, most = problem.line_min[part][lent], problem.line_max[part][lent]
        near = _AT_BOUND * most
        is_largest, is_least = most - line <= near, line - least <= near
        is_forced = problem.must_lend[part][lent] & (yields.net < 0)
        where = chosen(
            is_largest & (least < line),
            "; its line is the largest it may have",
            "; its line is the only one it may have",
        ).overlaid_where(~is_largest, Texts.repeated("; its line is the least it may have", len(line)))
        told = amounts(line).mapped(lambda text: f"; its line of {text} is what budget and limits leave")
        where = where.overlaid_where(~is_largest & ~is_least, told)
        whole = chosen(yields.net < -1e-9, ", and makes the whole come out: lines are all-or-nothing", "")
        nothing = Texts.repeated("", len(line))
        return joined(
            chosen(is_forced, "must: lend; it earns ", "earns "),
            percents(yields.earned),
            " a year of its line and needs ",
            *_need(yields),
            where.overlaid_where(is_forced, nothing),
            whole.overlaid_where(is_forced, nothing),
        )

    def _declined(self, part: slice, best: Yields) -> Texts:
        problem, who = self._problem, ~self._choice.offered[part]
        best, least = best.of(who), problem.line_min[part][who]
        earned, rate, need = percents(best.earned), percents(problem.rates).take(best.rate), _need(best)
        too_dear = joined("needs ", *need, " a year, the best it earns is ", earned, " (at ", rate, ")")
        no_place = np.flatnonzero(best.net >= -_MARGINAL)
        if not no_place.size:
            return too_dear
        least = least[no_place]
        return too_dear.overlaid(
            no_place,
            joined(
                "earns ",
                earned.take(no_place),
                " a year at ",
                rate.take(no_place),
                " and needs ",
                *(piece if isinstance(piece, str) else piece.take(no_place) for piece in need),
                ", but its line of at least ",
                amounts(least),
                " has no place beside the others: ",
                chosen(
                    self._budget_left < least,
                    f"{amount(self._budget_left)} of the budget is left",
                    "the limits leave no room for it",
                ),
            ),
        )


def _for(what: str, share: str) -> str:
    return f", {share} for {what}"


def _need(yields: Yields) -> list[Texts | str]:
    """Return the pieces of what each needs and for what."""
    pieces: list[Texts | str] = [percents(yields.needed), " (", percents(yields.risk), " for risk"]
    for values, what in ((yields.budget, "the budget"), (yields.limits, "limits")):
        if np.any(values):
            told = percents(values).mapped(partial(_for, what))
            pieces.append(told.overlaid_where(values == 0, Texts.repeated("", len(values))))
    return [*pieces, ")"]
