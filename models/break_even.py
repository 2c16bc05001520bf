r"""Where the risk weight would turn a decision at given prices.

What a line :math:`L` at a rate is worth is linear in the risk weight :math:`\rho`:
:math:`(a - b\rho) L + d`. Where a limit on risk allows no more than :math:`L = C / (\rho g)` it is, times :math:`\rho`,
linear again. So the risk weights at which a loan is worth its price are, line by line and rate by rate, the solutions
of linear inequalities, and together a few intervals; the offered rate changes where two lines cross: both exactly.

The default probability is held where it is: a risk weight that moves says that more, or less, is lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from lendplan.models.ceilings import STEPS, Ceiling
from lendplan.models.measures import Floats, Indices
from lendplan.models.priced import Choices, PricedEnterprise


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
    at the first. ``lends_until`` ends what ``lends_from`` begins, where a limit on risk cuts the line too far beyond.
    ``always``: at every risk weight.
    ``below`` and ``above`` are the nearest risk weights at which another rate becomes the best, as long as lending
    is worth it there, and no limit on risk cuts a line on the way.
    """

    now: float
    always: bool
    lends_up_to: float | None
    lends_from: float | None
    rate_at_turn: float | None
    below: RateTurn | None
    above: RateTurn | None
    lends_until: float | None = None

    def lends(self, risk_weight: float) -> bool:
        """Whether lending is worth its price at a risk weight."""
        up_to, start, end = self.lends_up_to, self.lends_from, self.lends_until
        return (
            self.always
            or (up_to is not None and risk_weight <= up_to)
            or (start is not None and risk_weight >= start and (end is None or risk_weight <= end))
        )


def risk_turns(one: PricedEnterprise, ceiling: Ceiling | None = None) -> RiskTurns:
    """Return where the risk weight would turn the decision, exactly.

    Parameters
    ----------
    ceiling : of the lines that it can have; its own largest line alone unless given
    """
    now = float(one.problem.risk_weight[0])
    ceiling = ceiling or Ceiling(one, is_bound=False)
    paying, bites = _paying(one, ceiling)
    spans, rate = paying.joined()
    first = spans[0] if spans and spans[0][0] <= 0 else None
    further = spans[0 if first is None else 1 :]
    always = first is not None and math.isinf(first[1])
    start, end = further[0] if further and not always else (None, None)
    turns = RiskTurns(
        now=now,
        always=always,
        lends_up_to=None if first is None or always else first[1],
        lends_from=start,
        rate_at_turn=None if first is None or always else float(one.problem.rates[rate]),
        below=None,
        above=None,
        lends_until=None if end is None or math.isinf(end) else end,
    )
    choices = ceiling.choices()[0]
    if not len(choices.net):
        return turns
    below, above = (
        turn
        if turn is not None and turns.lends(turn.risk_weight) and max(now, turn.risk_weight) <= bites
        else None
        for turn in _rate_turns(one, choices, now)
    )
    return replace(turns, below=below, above=above)


def _net_at(one: PricedEnterprise, risk_weight: float) -> Floats:
    return _at(one, risk_weight).net


def _at(one: PricedEnterprise, risk_weight: float) -> PricedEnterprise:
    return PricedEnterprise(one.problem.replaced(risk_weight=np.full(1, risk_weight)), one.prices)


def _worth_and_loss(one: PricedEnterprise, choices: Choices) -> tuple[Floats, Floats]:
    """Return what choices are worth at a risk weight of 0, and what one unit of it costs: it is linear in it."""
    basis = one.basis(choices.rate, choices.line)
    base = _net_at(one, 0.0)
    return base @ basis, (base - _net_at(one, 1.0)) @ basis


@dataclass(frozen=True)
class _Paying:
    """Intervals of risk weights at which a loan at a rate is worth its price; shapes (p,)."""

    low: Floats
    high: Floats
    rate: Indices

    def joined(self) -> tuple[list[tuple[float, float]], int]:
        """Return the intervals joined, in rising order, and the rate at which the first one ends."""
        if not len(self.low):
            return [], -1
        order = np.argsort(self.low, kind="stable")
        low, high, rate = self.low[order], self.high[order], self.rate[order]
        top = np.maximum.accumulate(high)
        starts = np.flatnonzero(np.concatenate([[True], low[1:] > top[:-1]]))
        ends = np.concatenate([starts[1:], [len(low)]]) - 1
        spans = [(float(low[a]), float(top[z])) for a, z in zip(starts, ends, strict=True)]
        return spans, int(rate[int(np.argmax(high[: ends[0] + 1]))])


def _paying(one: PricedEnterprise, ceiling: Ceiling) -> tuple[_Paying, float]:
    """Return where loans are worth their price, and the least risk weight from which a limit on risk cuts a line."""
    rate = one.admissible
    unit = ceiling.unit(rate)
    base, once = _net_at(one, 0.0), _net_at(one, 1.0)
    a, b, per_loan = base[:3] @ unit, (base - once)[:3] @ unit, float(base[3])
    full, room = np.full(len(rate), one.lines[0]), np.full(len(rate), np.inf)
    at_one = replace(ceiling, one=_at(one, 1.0))
    for place, row in at_one.capping:
        most = at_one.left_by(place, row, unit)
        if row.measure == "risk":
            room = np.minimum(room, most)
        else:
            full = np.minimum(full, most)
    if ceiling.is_bound:
        full = ceiling.whole(full)
        kept = ceiling.is_loan(full)
        rate, a, b, full, room = rate[kept], a[kept], b[kept], full[kept], room[kept]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        bites = np.where(np.isinf(room), np.inf, room / full)
        ends = np.where(np.isinf(room), np.inf, room / ceiling.least if ceiling.least > 0 else np.inf)
        nothing = np.zeros(len(rate))
        pieces = [(nothing, bites, a * full + per_loan, b * full, rate)]
        if ceiling.least > 0:
            pieces.append((nothing, ends, a * ceiling.least + per_loan, b * ceiling.least, rate))
        cut = np.isfinite(room)
        if cut.any():
            own = (rate[cut], a[cut], b[cut], full[cut], room[cut])
            count = 0 if ceiling.step <= 0 else round(float(full.max()) / ceiling.step)
            if 0 < count <= STEPS:
                pieces += _in_steps(ceiling, *own, per_loan)
            else:
                pieces.append(
                    (bites[cut], ends[cut], a[cut] * room[cut], b[cut] * room[cut] - per_loan, rate[cut])
                )
        low, high, worth, loss, at = (np.concatenate(column) for column in zip(*pieces, strict=True))
        turn = worth / loss
        low = np.where(loss < 0, np.maximum(low, turn), low)
        high = np.where(loss > 0, np.minimum(high, turn), high)
        pays = ((loss != 0) | (worth >= 0)) & (low <= high)
    return _Paying(low[pays], high[pays], at[pays]), float(np.min(bites, initial=np.inf))


_Piece = tuple[Floats, Floats, Floats, Floats, Indices]


def _in_steps(
    ceiling: Ceiling, rate: Indices, a: Floats, b: Floats, full: Floats, room: Floats, per_loan: float
) -> list[_Piece]:
    """Return the stretches of risk weight in which a limit on risk allows just so many steps and no more."""
    fewest = max(1, round(ceiling.least / ceiling.step))
    found = []
    for count in range(fewest, round(float(full.max()) / ceiling.step)):
        line = count * ceiling.step
        some = full > line + 0.5 * ceiling.step
        found.append(
            (
                room[some] / (line + ceiling.step),
                room[some] / line,
                a[some] * line + per_loan,
                b[some] * line,
                rate[some],
            )
        )
    return found


def _rate_turns(
    one: PricedEnterprise, choices: Choices, now: float
) -> tuple[RateTurn | None, RateTurn | None]:
    """Return the nearest risk weights below and above, at which a choice at another rate is as good as the best."""
    worth, loss = _worth_and_loss(one, choices)
    found: list[RateTurn | None] = []
    for side in (-1.0, 1.0):
        leader, turn = int(np.argmax(choices.net)), None
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
