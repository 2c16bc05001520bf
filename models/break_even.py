r"""Where a decision would turn at given prices: the risk weight, and the rate.

*Risk weight.* What a choice is worth, :math:`A - B\rho`, is linear in the risk weight :math:`\rho`, so the best of all
choices is the upper envelope of lines. Lending is worth its price up to :math:`\max A/B` over the choices with
:math:`B > 0`, and the offered rate changes where two lines cross: both exactly.

*Rate.* Between two knots of the churn curve the share of customers who stay is linear in the rate, so that what a
line is worth is a quadratic in the rate: its roots are where lending begins, or ceases, to be worth its price.

The default probability is held where it is: a risk weight that moves says that more, or less, is lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lendplan.models.measures import Floats
from lendplan.models.priced import PricedEnterprise


@dataclass(frozen=True)
class RateTurn:
    """A risk weight at which the best rate becomes another one."""

    risk_weight: float
    rate: float


@dataclass(frozen=True)
class RiskTurns:
    """What the risk weight decides, all else as it stands; None where no risk weight of 0 or more does.

    ``lends_up_to`` and ``lends_from`` bound the risk weights at which lending is worth its price: at most the first,
    or at least the second, which a limit alone can cause that asks for more risk; ``rate_at_turn`` is the best rate
    at the first. ``always``: at every risk weight.
    ``below`` and ``above`` are the nearest risk weights at which another rate becomes the best, as long as lending
    is worth it there.
    """

    now: float
    always: bool
    lends_up_to: float | None
    lends_from: float | None
    rate_at_turn: float | None
    below: RateTurn | None
    above: RateTurn | None

    def lends(self, risk_weight: float) -> bool:
        """Whether lending is worth its price at a risk weight."""
        up_to, start = self.lends_up_to, self.lends_from
        return (
            self.always
            or (up_to is not None and risk_weight <= up_to)
            or (start is not None and risk_weight >= start)
        )


def risk_turns(one: PricedEnterprise) -> RiskTurns:
    """Return where the risk weight would turn the decision, exactly."""
    now = float(one.problem.risk_weight[0])
    base = _net_at(one, 0.0)
    choices = one.choices
    worth = base @ one.basis(choices.rate, choices.line)  # A
    loss = _loss_per_risk_weight(one) @ one.basis(choices.rate, choices.line)  # B
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = worth / loss
    up_to = float(np.max(crossing[loss > 0], initial=-np.inf))
    start = float(np.min(crossing[loss < 0], initial=np.inf))
    always = bool(np.any((loss == 0) & (worth >= 0))) or start <= max(up_to, 0.0)
    ends = up_to >= 0 and not always
    turns = RiskTurns(
        now=now,
        always=always,
        lends_up_to=up_to if ends else None,
        lends_from=start if np.isfinite(start) and not always else None,
        rate_at_turn=_rate_at(one, np.where(loss > 0, crossing, -np.inf)) if ends else None,
        below=None,
        above=None,
    )
    below, above = (
        turn if turn is not None and turns.lends(turn.risk_weight) else None
        for turn in _rate_turns(one, worth, loss, now)
    )
    return replace(turns, below=below, above=above)


def _loss_per_risk_weight(one: PricedEnterprise) -> Floats:
    """Return how much net worth one unit of risk weight costs, over the basis, (4,): every form is linear in it."""
    return _net_at(one, 0.0) - _net_at(one, 1.0)


def _net_at(one: PricedEnterprise, risk_weight: float) -> Floats:
    return PricedEnterprise(one.problem.replaced(risk_weight=np.full(1, risk_weight)), one.prices).net


def _rate_at(one: PricedEnterprise, score: Floats) -> float:
    return float(one.problem.rates[one.choices.rate[int(np.argmax(score))]])


def _rate_turns(
    one: PricedEnterprise, worth: Floats, loss: Floats, now: float
) -> tuple[RateTurn | None, RateTurn | None]:
    """Return the nearest risk weights below and above, at which a choice at another rate is as good as the best."""
    choices = one.choices
    found: list[RateTurn | None] = []
    for side in (-1.0, 1.0):
        leader, turn = one.best, None
        while turn is None:  # along the envelope; another line at the same rate may come first
            # Going up, those that lose less overtake; going down, those that lose more.
            ahead = side * (loss[leader] - loss)
            distance = np.full(len(worth), np.inf)
            behind = (worth[leader] - worth) - now * (loss[leader] - loss)
            distance[ahead > 0] = np.maximum(behind[ahead > 0], 0.0) / ahead[ahead > 0]
            nearest = int(np.argmin(distance))
            risk_weight = now + side * float(distance[nearest])
            if not np.isfinite(risk_weight) or risk_weight < 0:
                break
            if choices.rate[nearest] != choices.rate[leader]:
                turn = RateTurn(risk_weight, float(one.problem.rates[choices.rate[nearest]]))
            leader = nearest
        found.append(turn)
    return found[0], found[1]


@dataclass(frozen=True)
class RateTurns:
    """What the rate decides, between the lowest and the highest rate that the enterprise may be offered.

    ``lends`` are the intervals of rates at which some line is worth its price, customers leaving as the churn
    curve says. ``best`` is the grid's best rate; ``needed`` the rate at which lending would be worth its price if as
    many customers stayed as at ``best``; None where no rate would do.
    """

    lends: tuple[tuple[float, float], ...]
    best: float
    needed: float | None


def rate_turns(one: PricedEnterprise, knots: Floats, retention: Floats) -> RateTurns:
    """Return where the rate would turn the decision, exactly.

    Parameters
    ----------
    knots, retention : shape (j,), the enterprise's churn curve: rates, and the share of customers who stay
    """
    rates = one.problem.rates[one.admissible]
    first, last = float(rates[0]), float(rates[-1])
    inner = knots[(knots > first) & (knots < last)]
    ends = np.unique(np.concatenate([[first], inner, [last]]))
    drawn = one.problem.economics.utilisation * np.interp(ends, knots, retention)
    line, exposure, interest, fixed = one.net.tolist()
    net = float(one.choices.net[one.best])
    fixed += max(-net, 0.0) if abs(net) <= one.margin else 0.0  # a tie is worth its price
    lines = one.lines
    marks = set(ends.tolist())
    for left, right, low, high in zip(ends[:-1], ends[1:], drawn[:-1], drawn[1:], strict=True):
        slope = (high - low) / (right - left)
        start = low - slope * left  # drawn(r) = start + slope r
        for size in lines:
            square, linear = interest * slope, exposure * slope + interest * start
            roots = _roots(square * size, linear * size, (line + exposure * start) * size + fixed)
            marks |= {root for root in roots if left < root < right}

    def pays(rate: float) -> bool:
        stays = float(np.interp(rate, ends, drawn))
        per_line = line + exposure * stays + interest * stays * rate
        return bool(max(size * per_line for size in lines) + fixed >= 0.0)

    best = float(one.problem.rates[one.choices.rate[one.best]])
    return RateTurns(_intervals(sorted(marks), pays), best, _needed(one))


def _roots(square: float, linear: float, constant: float) -> list[float]:
    """Return the real roots of a quadratic, computed without cancellation."""
    if square == 0.0:
        return [-constant / linear] if linear != 0.0 else []
    under = linear * linear - 4.0 * square * constant
    if under < 0.0:
        return []
    half = -0.5 * (linear + np.copysign(np.sqrt(under), linear))
    return [float(half / square), *([float(constant / half)] if half != 0.0 else [])]


def _intervals(marks: list[float], pays: Callable[[float], bool]) -> tuple[tuple[float, float], ...]:
    """Join the stretches between marks at whose middle lending is worth its price."""
    found: list[tuple[float, float]] = []
    if len(marks) == 1:
        return ((marks[0], marks[0]),) if pays(marks[0]) else ()
    for left, right in itertools.pairwise(marks):
        if pays(0.5 * (left + right)):
            if found and found[-1][1] == left:
                found[-1] = (found[-1][0], right)
            else:
                found.append((left, right))
    return tuple(found)


def _needed(one: PricedEnterprise) -> float | None:
    choices, best = one.choices, one.best
    rate, size = int(choices.rate[best]), float(choices.line[best])
    stays = float(one.problem.exposure_table[int(one.problem.curve[0]), rate])
    line, exposure, interest, fixed = one.net.tolist()
    if size <= 0.0 or stays * interest <= 0.0:
        return None
    return float(-(line + exposure * stays + fixed / size) / (stays * interest))
