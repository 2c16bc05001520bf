r"""What is left to decide once the prices have spoken.

At prices λ the best an enterprise can do is :math:`u_i`, and a choice that is worth :math:`p` less costs any plan that
holds it that much of the bound: a plan with choices of penalties :math:`p_i` is worth at most
:math:`D(\lambda) - \sum_i p_i`. So a choice whose penalty exceeds bound − incumbent is in no better plan. Most
enterprises keep one rate, or none, and a short stretch of lines; the others are open. Together they are the core, a
small mixed-integer model whose right sides are what the settled ones leave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import BUDGET, Problem
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.openchoices import penalties
from lendplan.solvers.rowtable import Value
from lendplan.solvers.sparse import from_entries, from_rows, stacked


@dataclass(frozen=True)
class Choices:
    """The choices that are left to the enterprises of a core, ordered by enterprise, then rate; shapes (c,)."""

    owner: Indices  # positions in the core
    rate: Indices
    least: Floats  # the stretch of lines that is left at that rate
    largest: Floats
    may_decline: NDArray[np.bool_]  # (n,)

    @property
    def open(self) -> NDArray[np.bool_]:
        """Whether an enterprise has more than one rate, or a rate and declining, left to it, (n,)."""
        return np.bincount(self.owner, minlength=len(self.may_decline)) + self.may_decline > 1


@dataclass(frozen=True)
class Valued:
    """What lines at rates are worth and use: ``line`` × per line + per loan; c columns."""

    worth_line: Floats  # (c,)
    worth_loan: Floats
    use_line: Floats  # (rows, c)
    use_loan: Floats

    def worth(self, line: Floats) -> Floats:
        """Return what these lines are worth, (c,)."""
        return self.worth_line * line + self.worth_loan

    def use(self, line: Floats) -> Floats:
        """Return what these lines use of each row, (rows, c)."""
        return self.use_line * line + self.use_loan


def valued(core: Problem, owner: Indices, rate: Indices, value: Value) -> Valued:
    """Return what a line at each of these rates is worth and uses."""
    form = core.measures["revenue"] * value.revenue + core.measures["risk"] * value.risk
    uses = [core.coefficients(core.row_form(row), owner, rate) for row in core.rows]
    return Valued(
        *core.coefficients(form, owner, rate),
        np.stack([per_line for per_line, _ in uses]),
        np.stack([per_loan for _, per_loan in uses]),
    )


def left_within(
    core: Problem, prices: Floats, value: Value, margin: float, *, lending: float = 0.0
) -> Choices:
    """Return the choices whose penalty at the prices is at most ``margin``; lines are cut to where it is.

    Parameters
    ----------
    lending : a larger margin for declining, and for the best rate of those who would decline
    """
    decline, lend = penalties(core, prices, value)
    at_low, at_high = lend[:, :, 0].copy(), lend[:, :, 1]
    fixed = core.line_min >= core.line_max
    at_low[fixed] = at_high[fixed]
    cheapest = np.minimum(at_low, at_high)
    best_rate = cheapest <= np.minimum(cheapest.min(axis=1), lending)[:, None]
    owner, rate = np.nonzero(((cheapest <= margin) | best_rate) & np.isfinite(cheapest))
    low, high = at_low[owner, rate], at_high[owner, rate]
    own = np.where(np.minimum(low, high) <= margin, margin, lending)
    least, largest, step = core.line_min[owner], core.line_max[owner], core.line_step[owner]
    # The penalty is linear in the line: it falls, or rises, from the one end to the other.
    slope = (low - high) / np.maximum(largest - least, 1e-300)
    safe = np.where(slope == 0.0, 1.0, slope)
    from_ = np.where(low > own, largest - (own - high) / safe, least)
    to = np.where(high > own, least - (own - low) / safe, largest)
    stepped = step > 0
    unit = np.where(stepped, step, 1.0)
    from_ = np.where(stepped, np.ceil(from_ / unit - 1e-6) * unit, from_)
    to = np.where(stepped, np.floor(to / unit + 1e-6) * unit, to)
    from_, to = np.clip(from_, least, largest), np.clip(to, least, largest)
    kept = from_ <= to
    return Choices(
        owner[kept], rate[kept], from_[kept], to[kept], (decline <= max(margin, lending)) & ~core.must_lend
    )


def margin_for(core: Problem, prices: Floats, value: Value, spare: int) -> float:
    """Return the margin within which about so many choices lie beside everybody's best."""
    decline, lend = penalties(core, prices, value)
    every = np.sort(np.concatenate([decline, lend.min(axis=2).ravel()]))
    last = core.size + spare
    return float(every[last]) if last < len(every) else float("inf")


def with_right_sides(problem: Problem, right: Floats) -> Problem:
    """Return the same problem with other right sides, (rows,)."""
    assert problem.rows[0].name == BUDGET
    limits = tuple(
        replace(row, amount=float(amount)) for row, amount in zip(problem.limits, right[1:], strict=True)
    )
    return problem.replaced(budget=float(right[0]), limits=limits)


def core_model(core: Problem, choices: Choices, value: Value) -> ArrayModel:
    r"""Return the core as a mixed-integer model, all right sides being the core's own.

    Columns: for each choice whether it is taken, :math:`z`, with its least line; then for each choice with a stretch
    of lines how much of it, :math:`0 \le x \le z` (whole steps where lines have a step).
    """
    owner, rate = choices.owner, choices.rate
    n, c = core.size, len(owner)
    stretch = choices.largest - choices.least
    longer = np.flatnonzero(stretch > 0)
    step = core.line_step[owner[longer]]
    pieces = np.where(step > 0, np.round(stretch[longer] / np.where(step > 0, step, 1.0)), 1.0)
    f = len(longer)
    terms = valued(core, owner, rate, value)
    worth = np.concatenate([terms.worth(choices.least), (terms.worth_line * stretch)[longer] / pieces])
    use = np.concatenate([terms.use(choices.least), (terms.use_line * stretch)[:, longer] / pieces], axis=1)
    once = from_entries(owner, np.arange(c), np.ones(c), (n, c + f))
    linked = from_entries(
        np.concatenate([np.arange(f), np.arange(f)]),
        np.concatenate([c + np.arange(f), longer]),
        np.concatenate([np.ones(f), -pieces]),
        (f, c + f),
    )
    sense = np.array([row.sense for row in core.rows])
    right = np.array([row.amount for row in core.rows])
    return ArrayModel(
        cost=worth,
        lower=np.zeros(c + f),
        upper=np.concatenate([np.ones(c), pieces]),
        integer=np.concatenate([np.ones(c, dtype=bool), step > 0]),
        matrix=stacked([from_rows(list(use), c + f), once, linked]),
        row_lower=np.concatenate(
            [
                np.where(sense < 0, right, -np.inf),
                np.where(choices.may_decline, 0.0, 1.0),
                np.full(f, -np.inf),
            ]
        ),
        row_upper=np.concatenate([np.where(sense > 0, right, np.inf), np.ones(n), np.zeros(f)]),
    )


def write_core(core: Problem, choices: Choices, rate: Indices, line: Floats) -> Floats:
    """Return the point of the core's model that stands for a plan, as near as its choices allow."""
    stretch = choices.largest - choices.least
    longer = np.flatnonzero(stretch > 0)
    step = core.line_step[choices.owner[longer]]
    pieces = np.where(step > 0, np.round(stretch[longer] / np.where(step > 0, step, 1.0)), 1.0)
    taken = rate[choices.owner] == choices.rate
    part = np.clip((line[choices.owner] - choices.least)[longer] / stretch[longer], 0.0, 1.0) * pieces
    part = np.where(step > 0, np.round(part), part)
    return np.concatenate([taken.astype(np.float64), np.where(taken[longer], part, 0.0)])


def read_core(core: Problem, choices: Choices, x: Floats) -> tuple[Indices, Floats]:
    """Return the rate, −1 for none, and the line of each enterprise of the core from a point of its model."""
    c = len(choices.owner)
    stretch = choices.largest - choices.least
    longer = np.flatnonzero(stretch > 0)
    step = core.line_step[choices.owner[longer]]
    pieces = np.where(step > 0, np.round(stretch[longer] / np.where(step > 0, step, 1.0)), 1.0)
    line = choices.least.copy()
    line[longer] += x[c:] * stretch[longer] / pieces
    taken = np.flatnonzero(x[:c] > 0.5)
    rate, lines = np.full(core.size, -1, dtype=np.int64), np.zeros(core.size)
    rate[choices.owner[taken]] = choices.rate[taken]
    lines[choices.owner[taken]] = line[taken]
    return rate, lines
