"""Why an enterprise is lent to or not: what its loan is worth, what it is charged, and what would turn the decision."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lendplan.data.findings import Finding, InputError, did_you_mean, listed
from lendplan.models.break_even import RiskTurns, risk_turns
from lendplan.models.ceilings import Ceiling
from lendplan.models.priced import PricedEnterprise, only
from lendplan.models.rate_turns import RateTurns, rate_turns
from lendplan.pricedplan import PricedPlan, Scale

_SEARCHED = 20_000  # ids that a misspelt one is held against


@dataclass(frozen=True)
class Charge:
    """What a loan takes from a row, in the row's unit, and what that costs in the objective's."""

    name: str
    price: float
    uses: float
    cost: float


@dataclass(frozen=True)
class Loan:
    """A line at a rate at the plan's prices.

    ``revenue`` and ``risk`` are in money; ``value`` is the part of the objective, ``net`` the same less all
    ``charges``, the dearest of which stands first. ``net`` is 0 where the loan is as good as declining.
    """

    rate: float
    line: float
    exposure: float
    interest: float
    revenue: float
    risk: float
    value: float
    net: float
    charges: tuple[Charge, ...]


@dataclass(frozen=True)
class Alternative:
    """The best other decision: another rate with its best line, or to decline (rate None, line 0)."""

    decision: str
    rate: float | None
    line: float
    net: float


@dataclass(frozen=True)
class Explanation:
    """One enterprise's decision, explained. All worth is in the objective's unit; ``scale`` tells it in money.

    ``loan`` is the plan's, or, where the enterprise gets none, the one it would be offered at the prices; None where it
    takes no part. ``best_net`` is what the best choice is worth at the prices, declining included: where it is above
    the decision's own, the plan as a whole forbids that choice, since lines are all-or-nothing.
    """

    enterprise: str
    grade: str
    decision: str
    reason: str
    must_lend: bool
    line_min: float | None
    line_max: float | None
    loan: Loan | None
    at_margin: bool
    alternative: Alternative | None
    best_net: float | None
    risk_weight: RiskTurns | None
    rate: RateTurns | None
    scale: Scale
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as ``--json`` prints it."""
        return asdict(self)


def explain(plan: PricedPlan, enterprise: str) -> Explanation:
    """Explain one decision of a plan.

    Raises
    ------
    InputError
        If the book has no such enterprise.
    """
    row = plan.position.get(enterprise)
    if row is None:
        near = _nearest(enterprise, plan)
        raise InputError(Finding(f"the plan has no enterprise {enterprise!r}{near}"))
    place = int(plan.eligible[row])
    if place < 0:
        return _without_part(plan, row)
    one = PricedEnterprise(only(plan.problem, place), plan.prices)
    offered = bool(plan.choice.offered[place])
    best = one.choices
    if offered:
        rate = int(np.argmin(np.abs(plan.problem.rates - plan.choice.rate[place])))
        line = float(plan.choice.line[place])
    else:
        rate, line = int(best.rate[one.best]), float(best.line[one.best])
    loan = loan_at(one, rate, line)
    must = bool(plan.problem.must_lend[place])
    best_net = float(best.net[one.best]) if must else max(float(best.net[one.best]), 0.0)
    own = loan.net if offered else 0.0
    return Explanation(
        enterprise=enterprise,
        grade=str(plan.grade[row]),
        decision=str(plan.decision[row]),
        reason=str(plan.reason[row]),
        must_lend=must,
        line_min=float(plan.problem.line_min[place]),
        line_max=float(plan.problem.line_max[place]),
        loan=loan,
        at_margin=abs(loan.net) <= one.margin,
        alternative=_alternative(one, rate, loan, offered=offered, must=must),
        best_net=best_net if best_net - own > one.margin else own,
        risk_weight=risk_turns(one),
        rate=turns_of_rate(plan, one),
        scale=plan.scale,
        notes=_notes(plan, one, loan, best_net - own, offered=offered),
    )


def _nearest(enterprise: str, plan: PricedPlan) -> str:
    """Return ``; did you mean …?``; of a large book only ids of about the same length are looked at."""
    alike = [name for name in plan.position if abs(len(name) - len(enterprise)) <= 1][:_SEARCHED]
    return did_you_mean(enterprise, alike) or f"; it has {listed(list(plan.position))}"


def _without_part(plan: PricedPlan, row: int) -> Explanation:
    return Explanation(
        enterprise=str(plan.enterprise[row]),
        grade=str(plan.grade[row]),
        decision=str(plan.decision[row]),
        reason=str(plan.reason[row]),
        must_lend=False,
        line_min=None,
        line_max=None,
        loan=None,
        at_margin=False,
        alternative=None,
        best_net=None,
        risk_weight=None,
        rate=None,
        scale=plan.scale,
        notes=("it was settled before the search, so no price decides on it",),
    )


def loan_at(one: PricedEnterprise, rate: int, line: float) -> Loan:
    """Return a line at a rate (a position), with what it is worth and charged."""
    problem = one.problem
    choice = problem.choice(np.array([rate]), np.array([line]))
    used = one.used(rate, line)
    valued = one.at(np.array([rate]), np.array([line]))
    charges = [
        Charge(row.name, float(price), float(uses) + 0.0, float(price * uses) + 0.0)
        for row, price, uses in zip(problem.rows, one.price, used, strict=True)
        if price != 0.0 and uses != 0.0
    ]
    totals = problem.totals(choice)
    return Loan(
        rate=float(problem.rates[rate]),
        line=line,
        exposure=totals["exposure"],
        interest=totals["interest"],
        revenue=totals["revenue"],
        risk=totals["risk"],
        value=float(valued.value[0]),
        net=float(valued.net[0]),
        charges=tuple(sorted(charges, key=lambda charge: -abs(charge.cost))),
    )


def turns_of_rate(plan: PricedPlan, one: PricedEnterprise, ceiling: Ceiling | None = None) -> RateTurns:
    """Return where the rate would turn the decision, on the enterprise's own churn curve."""
    churn = plan.case.churn
    return rate_turns(one, churn.rates, 1.0 - churn.churn[int(one.problem.curve[0])], ceiling)


def _alternative(
    one: PricedEnterprise, rate: int, loan: Loan, *, offered: bool, must: bool
) -> Alternative | None:
    choices = one.choices
    if not offered:
        return Alternative("lend", loan.rate, loan.line, loan.net)
    others = np.flatnonzero(choices.rate != rate)
    found = [] if must else [Alternative("decline", None, 0.0, 0.0)]
    if len(others):
        at = int(others[np.argmax(choices.net[others])])
        found.append(
            Alternative(
                "lend",
                float(one.problem.rates[choices.rate[at]]),
                float(choices.line[at]),
                float(choices.net[at]),
            )
        )
    return max(found, key=lambda one: one.net, default=None)


def _notes(
    plan: PricedPlan, one: PricedEnterprise, loan: Loan, forgone: float, *, offered: bool
) -> tuple[str, ...]:
    notes = []
    if plan.is_two_stage:
        notes.append(
            "two_stage shares the lines by its own rule, and declines for the limits; the prices are those of `joint`: "
            "they say what would be worth while, not why stage 1 chose this line"
        )
    elif forgone > one.margin:
        what = "a larger or another loan" if offered and loan.net >= 0 else "the other decision"
        notes.append(
            f"at the prices alone {what} would be worth more; lines are all-or-nothing, and the plan as a whole comes "
            "out better this way"
        )
    if not any(plan.prices.values()):
        notes.append("nothing binds, so every price is 0 and each loan stands for itself")
    return tuple(notes)
