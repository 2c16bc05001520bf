"""The linear problem over a few open enterprises: their choices one by one, everybody else's as what they use.

A choice is a change from a base, the enterprise's best at the prices in hand. Where it has a single change the bound of
the column says that it happens once; only those with several need a row that says so. Near the best prices these are
few, so the problem has hardly more rows than the book has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lendplan.models.measures import Floats, Form, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.engine import Outcome, run
from lendplan.solvers.pricing import Book, Evaluation, Lagrangian
from lendplan.solvers.result import Options
from lendplan.solvers.rowtable import Value
from lendplan.solvers.sparse import from_entries, from_rows, stacked


@dataclass(frozen=True)
class Open:
    """Some enterprises whose choices are open; the others take part as what they chose at a few price vectors."""

    positions: Indices  # (o,) in the problem
    core: Problem  # those enterprises alone
    used: Floats  # (rows, cuts) what the others used of each row
    revenue: Floats  # (cuts,) of the others
    risk: Floats  # (cuts,)


def opened(book: Book, bundle: Sequence[Evaluation], value: Value, positions: Indices) -> Open:
    """Open some enterprises, and take from each evaluation what the others chose."""
    core = book.gather(positions)
    part = Lagrangian(core)
    own = [part.evaluate(at.prices, value) for at in bundle]
    pairs = list(zip(bundle, own, strict=True))
    return Open(
        positions,
        core,
        np.stack([at.used - mine.used for at, mine in pairs], axis=1),
        np.array([at.revenue - mine.revenue for at, mine in pairs]),
        np.array([at.risk - mine.risk for at, mine in pairs]),
    )


@dataclass(frozen=True)
class Columns:
    """Choices that are open: to decline, rate −1 and line 0, or a rate and the least or the largest line.

    A column is a change from an enterprise's base: to decline, where all choices are open (a change is then due where
    it must be lent to), since nothing is taken off again that was added; else the best choice at the best prices.
    """

    base_rate: Indices  # (o,)
    base_line: Floats
    owner: Indices  # (c,) positions in the core, rising
    rate: Indices
    line: Floats


def columns_near(core: Problem, prices: list[Floats], value: Value, window: float, most: int) -> Columns:
    """Return the choices that are worth no more than ``window`` less than the best at one of the prices."""
    n, m = core.size, len(core.rates)
    penalty = np.full((n, 2 * m + 1), np.inf)  # rate by rate the least and the largest line, then to decline
    base = np.empty(0, dtype=np.int64)
    for at in prices:
        decline, lend = penalties(core, at, value)
        np.minimum(penalty[:, :-1], lend.reshape(n, 2 * m), out=penalty[:, :-1])
        np.minimum(penalty[:, -1], decline, out=penalty[:, -1])
        if at is prices[0]:
            base = penalty.argmin(axis=1)
            if most >= penalty.size - n:
                base = np.full(n, 2 * m)
    penalty[np.arange(n), base] = np.inf
    flat = penalty.reshape(-1)
    near = np.flatnonzero((flat <= window) & np.isfinite(flat))
    if len(near) > most:
        near = np.sort(near[np.argpartition(flat[near], most)[:most]])
    owner, choice = np.divmod(near, 2 * m + 1)

    def rate_and_line(who: Indices, choice: Indices) -> tuple[Indices, Floats]:
        rate, large = np.divmod(choice, 2)
        lent = choice < 2 * m
        line = np.where(large == 1, core.line_max[who], core.line_min[who])
        return np.where(lent, rate, -1), np.where(lent, line, 0.0)

    return Columns(*rate_and_line(np.arange(n), base), owner, *rate_and_line(owner, choice))


def penalties(core: Problem, prices: Floats, value: Value) -> tuple[Floats, Floats]:
    """Return what each choice is worth less than the enterprise's best: declining (n,), and lending (n, m, 2).

    The last axis is the least and the largest line; where both are the same only the largest counts, and what
    is not admissible is infinitely worse.
    """
    form = core.measures["revenue"] * value.revenue + core.measures["risk"] * value.risk
    for row, price in zip(core.rows, prices.tolist(), strict=True):
        if price:
            form = form - core.row_form(row) * price
    n, m = core.size, len(core.rates)
    v, loan = core.coefficients(form, np.repeat(np.arange(n), m), np.tile(np.arange(m), n))
    v, loan = v.reshape(n, m), loan.reshape(n, m)
    rate = np.arange(m)
    v[(rate < core.first_rate[:, None]) | (rate > core.last_rate[:, None])] = -np.inf
    with np.errstate(invalid="ignore"):  # −inf × 0
        lent = np.stack([v * core.line_min[:, None] + loan, v * core.line_max[:, None] + loan], axis=2)
    lent[np.isnan(lent)] = -np.inf
    lent[core.line_min >= core.line_max, :, 0] = -np.inf
    nothing = np.where(core.must_lend, -np.inf, 0.0)
    best = np.maximum(lent.max(axis=(1, 2)), nothing)
    return best - nothing, best[:, None, None] - lent


def best_mixture(
    open_: Open,
    columns: Columns,
    value: Value,
    amount: Floats,
    lower: Floats,
    upper: Floats,
    options: Options,
    seconds: float,
    stage: str,
) -> tuple[Outcome, tuple[float, float]]:
    """Solve the relaxation over the open choices, prices within a box; return total revenue and risk, too."""
    core, rows = open_.core, len(lower)
    everybody = np.arange(core.size)

    def valued(form: Form, who: Indices, rate: Indices, line: Floats) -> Floats:
        per_line, per_loan = core.coefficients(form, who, np.maximum(rate, 0))
        return np.where(rate >= 0, per_line * line + per_loan, 0.0)

    def changed(form: Form) -> tuple[Floats, Floats]:
        """Return what each base comes to and by how much each column changes it."""
        base = valued(form, everybody, columns.base_rate, columns.base_line)
        return base, valued(form, columns.owner, columns.rate, columns.line) - base[columns.owner]

    count, cuts = len(columns.rate), len(open_.revenue)
    total = count + cuts + 2 * rows
    uses = [changed(core.row_form(row)) for row in core.rows]
    use = [np.concatenate([change, open_.used[r]]) for r, (_, change) in enumerate(uses)]
    # In any unit of money the slack must not dwarf what is used, nor vanish beside it. Changes may all be 0, and what
    # is left of the others but rounding: the bases have the row's size.
    unit = np.array(
        [
            max(np.abs(part).max(initial=0.0), np.abs(base).max(initial=0.0))
            for part, (base, _) in zip(use, uses, strict=True)
        ]
    )
    unit = np.where(unit > 0, unit, 1.0)
    slack = np.concatenate([-np.diag(unit), np.diag(unit)], axis=1)
    limits = [np.concatenate([part, slack[r]]) for r, part in enumerate(use)]
    # An enterprise with a single change needs no row of its own: the column's bound says that it happens once.
    several = np.bincount(columns.owner, minlength=core.size)[columns.owner] > 1
    group, place = np.unique(columns.owner[several], return_inverse=True)
    at = np.concatenate([np.flatnonzero(several), np.arange(count, count + cuts)])
    once = from_entries(
        np.concatenate([place, np.full(cuts, len(group))]), at, np.ones(len(at)), (len(group) + 1, total)
    )
    revenues, more_revenue = changed(core.measures["revenue"])
    risks, more_risk = changed(core.measures["risk"])
    base_revenue, base_risk = float(revenues.sum()), float(risks.sum())
    revenue, risk = np.append(more_revenue, open_.revenue), np.append(more_risk, open_.risk)
    right = amount - np.array([base.sum() for base, _ in uses])
    due = (core.must_lend & (columns.base_rate < 0)).astype(np.float64)
    model = ArrayModel(
        cost=np.concatenate([value.revenue * revenue + value.risk * risk, -upper * unit, lower * unit]),
        lower=np.concatenate([np.where(several, 0.0, due[columns.owner]), np.zeros(cuts + 2 * rows)]),
        upper=np.concatenate([np.ones(count), np.full(cuts + 2 * rows, np.inf)]),
        integer=np.zeros(total, dtype=bool),
        matrix=stacked([from_rows(limits, total), once]),
        row_lower=np.concatenate([right, due[group], [1.0]]),
        row_upper=np.concatenate([right, np.ones(len(group) + 1)]),
        offset=value.constant + value.revenue * base_revenue + value.risk * base_risk,
    )
    outcome = run(model, options, seconds=seconds, stage=stage, exact=True)
    if outcome.x is None:
        return outcome, (np.nan, np.nan)
    x = outcome.x[: count + cuts]
    return outcome, (base_revenue + float(revenue @ x), base_risk + float(risk @ x))
