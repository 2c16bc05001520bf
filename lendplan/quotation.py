"""Rate and line for a new applicant from a plan's prices, without solving again, and what it would displace.

At the prices the applicant takes the choice that is worth most beside what it is charged, as every enterprise of the
plan does. (Column pricing: Dantzig and Wolfe, Operations Research 8, 1960.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lendplan.applicant import Applicant, read_applicant
from lendplan.explanation import Loan, loan_at, turns_of_rate
from lendplan.models.break_even import RiskTurns, risk_turns
from lendplan.models.ceilings import Ceiling
from lendplan.models.displacement import Displaced, make_room
from lendplan.models.measures import Floats
from lendplan.models.priced import PricedEnterprise, with_applicant
from lendplan.models.problem import PER_ENTERPRISE, Row
from lendplan.models.rate_turns import RateTurns
from lendplan.pricedplan import PricedPlan, Scale


@dataclass(frozen=True)
class RowUse:
    """What a quote takes from a row, and what the plan leaves of it, both in the row's unit.

    ``room`` is 0 where the row is used up. ``holds`` is how much the row's right side may shrink (a use above 0) or
    grow (below) before its price changes; None where that is not known.
    """

    name: str
    price: float
    uses: float
    cost: float
    room: float
    holds: float | None


@dataclass(frozen=True)
class Quote:
    """Rate and line for a new applicant at the prices of a plan. All worth is in the objective's unit.

    ``loan`` is the offer, or, where ``decision`` is ``decline``, the best there would have been; None where the
    applicant is excluded. ``is_tie``: lending and declining are worth the same. ``prices_hold``: the loan is small
    enough for the prices to stay as they are; ``prices_hold_up_to`` is the line for which that is sure; both None where
    no range is known. ``displaced`` is one way to make room, ``unplaced`` what it could not; ``effect`` is what the
    plan gains by the loan and that way together, None where there is none.
    """

    decision: str
    reason: str
    grade: str
    risk_weight: float | None
    line_min: float | None
    line_max: float | None
    loan: Loan | None
    is_tie: bool
    uses: tuple[RowUse, ...]
    prices_hold: bool | None
    prices_hold_up_to: float | None
    displaced: tuple[Displaced, ...]
    unplaced: Mapping[str, float]
    effect: float | None
    risk_turns: RiskTurns | None
    rate_turns: RateTurns | None
    scale: Scale
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as ``--json`` prints it."""
        return asdict(self)


def quote(
    plan: PricedPlan,
    *,
    grade: str,
    risk_weight: float | str | None = None,
    default_probability: float | str | None = None,
    line_max: float | str | None = None,
    line_min: float | str | None = None,
    columns: Mapping[str, object] | None = None,
) -> Quote:
    """Quote rate and line for a new applicant.

    Parameters
    ----------
    plan : whose prices count
    grade : names the churn curve
    risk_weight, default_probability : at least one, as in the book; text may say ``3%``
    line_max, line_min : amounts; the scenario's unless given
    columns : further columns of the book → value; those that limits ask for are needed

    Raises
    ------
    InputError
        With everything that is wrong or missing.
    """
    given = {
        "grade": grade,
        "risk_weight": risk_weight,
        "default_probability": default_probability,
        "line_max": line_max,
        "line_min": line_min,
    }
    applicant = read_applicant(plan, given, columns or {})
    if applicant.excluded_because is not None:
        return _not_considered(plan, applicant.grade, "excluded", applicant.excluded_because)
    return _quoted(plan, _asked(plan, applicant), applicant.grade)


@dataclass(frozen=True)
class _Asked:
    """The applicant at the prices, the rows over it, and what the plan uses of each."""

    one: PricedEnterprise
    rows: tuple[Row, ...]
    used: Floats
    notes: list[str]


def _asked(plan: PricedPlan, applicant: Applicant) -> _Asked:
    problem = plan.problem.replaced(limits=(*plan.problem.limits, *applicant.alone))
    used = [float(np.sum(plan.choice.total(problem.row_form(row)))) for row in applicant.alone]
    mine = with_applicant(
        problem,
        {**applicant.belongs, **{row.name: True for row in applicant.alone}},
        **{name: getattr(applicant.values, name) for name in PER_ENTERPRISE},
    )
    notes = [
        f"`{row.name}` counts nobody of the plan, so it has no price; it bounds this line alone"
        for row in applicant.alone
    ]
    if plan.is_two_stage:
        notes.append("the plan is of two_stage; the prices are those of `joint`")
    one = PricedEnterprise(mine, plan.prices)
    return _Asked(one, problem.rows, np.concatenate([plan.standing.used, used]), notes)


def _quoted(plan: PricedPlan, asked: _Asked, grade: str) -> Quote:
    one, notes = asked.one, asked.notes
    ceiling = Ceiling(one)
    choices, cut = ceiling.choices()
    if not len(choices.net):
        cause = (
            f"`{cut}` leaves no room for its least line, whoever gives way"
            if cut
            else "its largest line is 0"
        )
        return replace(_not_considered(plan, grade, "decline", cause), notes=tuple(notes))
    at = int(np.argmax(choices.net))
    loan = loan_at(one, int(choices.rate[at]), float(choices.line[at]))
    is_tie = abs(loan.net) <= one.margin_at(int(choices.rate[at]), loan.line)
    lends = loan.net > 0 or is_tie
    if cut and lends:
        notes.append(f"`{cut}` allows no larger line, whoever gives way")
    wanted = one.used(int(choices.rate[at]), loan.line)
    uses = _row_uses(plan, asked, wanted)
    holds, up_to = _prices_hold(plan, asked, loan, wanted) if lends else (None, None)
    displaced: tuple[Displaced, ...] = ()
    unplaced: Mapping[str, float] = {}
    effect = None
    if lends:
        room = make_room(plan.problem, plan.choice, plan.standing, asked.rows, asked.used, wanted)
        displaced, unplaced = room.loans, room.unplaced
        effect = None if unplaced else loan.value - sum(one.value_lost for one in displaced)
    return Quote(
        decision="lend" if lends else "decline",
        reason=_reason(loan, is_tie=is_tie),
        grade=grade,
        risk_weight=float(one.problem.risk_weight[0]),
        line_min=float(one.problem.line_min[0]),
        line_max=float(one.problem.line_max[0]),
        loan=loan,
        is_tie=is_tie,
        uses=uses,
        prices_hold=holds,
        prices_hold_up_to=up_to,
        displaced=displaced,
        unplaced=unplaced,
        effect=effect,
        risk_turns=risk_turns(one, ceiling),
        rate_turns=turns_of_rate(plan, one, ceiling),
        scale=plan.scale,
        notes=tuple(notes),
    )


def _reason(loan: Loan, *, is_tie: bool) -> str:
    if is_tie:
        return "it is worth just what it takes from budget and limits: as good as what it would displace"
    if loan.net > 0:
        return "it is worth more than what it takes from budget and limits"
    return "even its best loan is worth less than what it takes from budget and limits"


def _not_considered(plan: PricedPlan, grade: str, decision: str, reason: str) -> Quote:
    return Quote(
        decision=decision,
        reason=reason,
        grade=grade,
        risk_weight=None,
        line_min=None,
        line_max=None,
        loan=None,
        is_tie=False,
        uses=(),
        prices_hold=None,
        prices_hold_up_to=None,
        displaced=(),
        unplaced={},
        effect=None,
        risk_turns=None,
        rate_turns=None,
        scale=plan.scale,
        notes=(),
    )


def _reach(plan: PricedPlan, row: Row, use: float) -> float | None:
    """Return how far the right side may move against a use before the price changes; None where it is not known."""
    if row.name not in plan.price_ranges:
        return None
    low, high = plan.price_ranges[row.name]
    return max(row.amount - low, 0.0) if use > 0 else max(high - row.amount, 0.0)


def _row_uses(plan: PricedPlan, asked: _Asked, wanted: Floats) -> tuple[RowUse, ...]:
    found = []
    for row, used, use in zip(asked.rows, asked.used, wanted, strict=True):
        if use != 0.0:
            price = plan.prices.get(row.name, 0.0)
            room = max(row.sense * (row.amount - used), 0.0)
            reach = _reach(plan, row, use)
            holds = reach if reach is not None and np.isfinite(reach) else None
            found.append(RowUse(row.name, price, float(use), price * float(use), float(room), holds))
    return tuple(sorted(found, key=lambda one: -abs(one.cost)))


def _prices_hold(
    plan: PricedPlan, asked: _Asked, loan: Loan, wanted: Floats
) -> tuple[bool | None, float | None]:
    """Say whether the prices stay as they are when the loan takes its part of every row, and up to which line.

    Several right sides move at once: the prices hold for sure where the parts that are taken of the single ranges add
    up to no more than 1 (the 100 per cent rule: Bradley, Hax and Magnanti, Applied Mathematical Programming, 1977).
    """
    per_loan = asked.one.uses[:, 3]
    parts = fixed = 0.0
    for row, use, once in zip(asked.rows, wanted.tolist(), per_loan.tolist(), strict=True):
        if row.name not in plan.price_ranges:
            if row.name in plan.prices:
                return None, None
            continue  # a row without a price counts the applicant alone
        reach = _reach(plan, row, use)
        if use == 0.0 or reach is None or np.isinf(reach):
            continue
        if reach <= 1e-9 * abs(use):
            return False, 0.0
        parts += abs(use) / reach
        fixed += abs(once) / reach
    if parts == 0.0:
        return True, loan.line
    up_to = loan.line * max(1.0 - fixed, 0.0) / (parts - fixed) if parts > fixed else loan.line
    return parts <= 1.0 + 1e-9, float(min(up_to, loan.line)) if parts <= 1.0 + 1e-9 else float(up_to)
