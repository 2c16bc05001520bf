r"""The exact dual: a linear problem over the few enterprises whose choice hangs on the prices.

Near the best prices nearly everybody's choice is settled; only those whose best choice beats the second best by
little can be moved by the last digits of the prices. Their choices enter a linear problem one by one, everybody
else's as what they use. That is a cut of D for each single enterprise, where a cutting plane is one for all of them
together, so a few solves reach the exact optimum of the continuous relaxation: the value of the linear problem is
then a plan's (with mixed choices) and D at its prices is no more.

The prices stay in a box: using more of a row than there is costs the box's upper price, leaving some of it earns
the lower one (Marsten, Hogan and Blankenship, The boxstep method for large-scale optimization, Operations
Research 23, 1975).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lendplan.models.measures import Floats, Form, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.cutting_planes import box
from lendplan.solvers.engine import Outcome, run
from lendplan.solvers.pricing import Book, Evaluation, Lagrangian
from lendplan.solvers.result import Options, StopReason
from lendplan.solvers.rowtable import Value
from lendplan.solvers.sparse import from_entries, from_rows, stacked

TOLERANCE = 1e-11  # relative: D this near to the relaxation's value is the relaxation's value
_FURTHER, _NEARER = 8.0, 3.0
_GOOD, _POOR = 0.7, 0.3
COLUMNS = 6  # an enterprise
_CUTS, _FEW_CUTS = 60, 8  # in a larger book, in one of at most
_FEW = 2000  # enterprises
_SURE = 1e-9
_LARGE = 200_000  # enterprises: in a larger book the last digits are left, where a round gains no more than
_COUNTS, _COUNTS_OF_GAP = 1e-9, 0.01  # of D, and of the asked gap
_ABSURD = 1e3  # times what is lent is worth
_FAR = 100.0  # times the first box: prices that have grown so far may have no bound at all


@dataclass(frozen=True)
class Relaxed:
    """The relaxation's optimum, or the best prices that were found on the way to it."""

    at: Evaluation  # D at the best prices
    value: float  # of the best mixture of plans that was found; −inf where there is none
    revenue: float  # of that mixture
    risk: float
    stop: StopReason
    exact: bool  # whether D is the mixture's value
    infeasible: bool = False  # proven


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


def relax(
    book: Book,
    value: Value,
    bundle: Sequence[Evaluation],
    radius: Floats,
    options: Options,
    *,
    left: Callable[[], float],
    stage: str,
    width: int | None = None,
    columns: int | None = None,
) -> Relaxed:
    """Find the exact optimum of the continuous relaxation, from prices that are nearly right.

    Parameters
    ----------
    book : the problem in blocks
    value : what is maximised
    bundle : evaluations of the book, at least one
    radius : shape (rows,), how far the best prices may be
    left : seconds left
    stage : named to the watcher
    width : how many enterprises are left open; by the size of the book unless given
    columns : an enterprise, where all are open and the bundle's prices are nearly right; all there are unless given
    """
    sense = book.table.sense
    bundle = list(bundle)
    width = width or 150 + book.size // 1000
    start, enough = radius, gain_that_counts(options)
    best = trial = min(bundle, key=lambda at: at.bound)
    first = best.prices
    floor, mixed = -np.inf, (np.nan, np.nan)
    stop = StopReason.PROVEN
    if _is_absurd(best, value) and _is_hopeless(book, best.prices):
        return _without_plan(best, mixed)
    for _ in range(rounds_for(book.size)):
        positions, beyond = book.closest(best.prices, value, width)
        if trial is not best:
            more, _ = book.closest(trial.prices, value, width)
            positions = np.union1d(positions, more)
        bundle = _kept(bundle, best, book.amount, _FEW_CUTS if book.size <= _FEW else _CUTS)
        open_ = opened(book, bundle, value, positions)
        every = width >= book.size and columns is None
        most = open_.core.size * 2 * len(book.problem.rates) if every else (columns or COLUMNS) * width
        choices = _columns(open_.core, [best.prices, trial.prices], value, beyond, most)
        lower, upper = box(best.prices, radius, sense)
        outcome, totals = _solve(open_, choices, value, book.amount, lower, upper, options, left(), stage)
        if outcome.x is None or outcome.row_dual is None:
            stop = outcome.stop
            break
        model, rows = outcome.objective, len(sense)
        prices = np.clip(outcome.row_dual[:rows], lower, upper)
        trial = book.evaluate(prices, value)
        bundle.append(trial)
        over, under = outcome.x[-2 * rows : -rows], outcome.x[-rows:]
        pressed = ((over > 0) & (upper != 0.0)) | ((under > 0) & (lower != 0.0))
        if not pressed.any() and model > floor:
            floor, mixed = model, totals
        elif np.any(pressed & (np.abs(prices - first) > _FAR * start)) and _is_hopeless(book, prices):
            return _without_plan(trial, mixed)
        foretold, gained = best.bound - model, best.bound - trial.bound
        if trial.bound - model <= TOLERANCE * _size(trial.bound, value):
            best = trial
            if not pressed.any():
                break
            radius = np.where((prices <= lower) | (prices >= upper), _FURTHER * radius, radius)
            continue
        if 0 <= gained <= enough * abs(best.bound) and book.size > _LARGE:
            best = min(best, trial, key=lambda at: at.bound)
            break
        if gained >= _GOOD * foretold:
            radius = np.where((prices <= lower) | (prices >= upper), _FURTHER * radius, radius)
        elif gained <= _POOR * foretold:
            radius = radius / _NEARER
        if gained > 0:
            best, trial = trial, best
    exact = best.bound - floor <= TOLERANCE * _size(best.bound, value)
    return Relaxed(best, floor, *mixed, stop, exact)


def _without_plan(at: Evaluation, mixed: tuple[float, float]) -> Relaxed:
    return Relaxed(at, -np.inf, *mixed, StopReason.PROVEN, False, infeasible=True)


def _is_absurd(at: Evaluation, value: Value) -> bool:
    """Whether D is so far below what is lent that it may have no end; cutting planes can come there by themselves."""
    worth = abs(value.revenue * at.revenue) + abs(value.risk * at.risk) + abs(value.constant)
    return at.bound < -_ABSURD * worth


def _size(bound: float, value: Value) -> float:
    """Return what D is measured against: where terms and constant cancel, as at the least risk, D itself is dust."""
    return max(abs(bound), abs(value.constant), 1e-300)


def _kept(bundle: list[Evaluation], best: Evaluation, amount: Floats, most: int) -> list[Evaluation]:
    """Keep the evaluations whose cuts are the highest at the best prices."""

    def below(at: Evaluation) -> float:
        return best.bound - (at.bound + float(at.slope(amount) @ (best.prices - at.prices)))

    return sorted(bundle, key=below)[:most]


def _is_hopeless(book: Book, prices: Floats) -> bool:
    """Whether these prices prove that no mixture of plans keeps to the rows, whatever it is worth (Farkas)."""
    size = float(np.abs(prices).max())
    if size == 0.0:
        return False
    ray = book.evaluate(prices / size, Value(0.0, 0.0))
    gross = float(np.abs(ray.prices * book.amount).sum() + np.abs(ray.prices * ray.used).sum())
    return ray.bound < -_SURE * gross


def gain_that_counts(options: Options) -> float:
    """Return the gain of a large book's bound, relative, below which the next step is left."""
    return max(_COUNTS, _COUNTS_OF_GAP * options.gap)


def rounds_for(size: int) -> int:
    """Return how many rounds pay: where a book is large its prices are right to 1e-8 without the last digits."""
    return max(8, min(100, 2_000_000 // max(1, size)))


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


def _columns(core: Problem, prices: list[Floats], value: Value, window: float, most: int) -> Columns:
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


def _solve(
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

    def changed(form: Form) -> tuple[float, Floats]:
        """Return what the bases come to and by how much each column changes it."""
        base = valued(form, everybody, columns.base_rate, columns.base_line)
        return float(base.sum()), valued(form, columns.owner, columns.rate, columns.line) - base[
            columns.owner
        ]

    count, cuts = len(columns.rate), len(open_.revenue)
    total = count + cuts + 2 * rows
    uses = [changed(core.row_form(row)) for row in core.rows]
    use = [np.concatenate([change, open_.used[r]]) for r, (_, change) in enumerate(uses)]
    # In any unit of money the slack must not dwarf what is used, nor vanish beside it.
    unit = np.array([np.abs(part).max(initial=0.0) for part in use])
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
    base_revenue, more_revenue = changed(core.measures["revenue"])
    base_risk, more_risk = changed(core.measures["risk"])
    revenue, risk = np.append(more_revenue, open_.revenue), np.append(more_risk, open_.risk)
    right = amount - np.array([base for base, _ in uses])
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
