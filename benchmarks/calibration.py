"""Right sides at which the rows of a problem bind: how, is said in ``instances``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from drawn import GRADES, VALUES, Book, Limit
from numpy.typing import NDArray

from lendplan.data.churn import read_churn
from lendplan.models.measures import Economics, Floats, Form, Indices, Objective, Ranges
from lendplan.models.problem import PER_ENTERPRISE, Choice, Members, Problem, Row, reached

BUDGET_A_HEAD = 20.0  # at most; less where the limits leave some of it unspent
SAMPLE = 4000

_BUDGET_FRACTION = 0.95  # of what would be spent without a budget
_BLOCK = 1 << 16  # enterprises at a time
_SWEEPS = 6
_LOOSER = (0.003, 0.015)  # of what is used, by which a right side is above it (below it, for at_least)
_UNPRICED = 0.05  # likewise where the row has no price
_HALVINGS = 24
_DOUBLINGS = 40


def problem_of_book(book: Book, limits: tuple[Limit, ...], seed: int, objective: str) -> Problem:
    """Return the book's problem under these limits, right sides calibrated."""
    bare = _bare(book, objective)
    chosen = _calibrated(bare, book, limits)
    rows = tuple(row for row, _ in chosen)
    choice = _answers(bare, rows, [price for _, price in chosen])
    shifts = np.random.default_rng([seed, bare.size, len(limits)]).uniform(*_LOOSER, len(rows)).tolist()
    settled = [
        _with_right(row, _used(bare, choice, row) * (1.0 + row.sense * (shift if price > 0.0 else _UNPRICED)))
        for (row, price), shift in zip(chosen, shifts, strict=True)
    ]
    return replace(bare, budget=settled[0].amount, limits=tuple(settled[1:]))


def _bare(book: Book, objective: str) -> Problem:
    """Return the problem under the budget alone."""
    n = len(book.enterprise)
    churn = read_churn()
    rates = len(churn.rates)
    risk = book.default_probability * book.loss_given_default
    weighted = Objective("weighted", 0.5, Ranges(0.45 * n, 0.0, 0.25 * n, 0.0))
    return Problem(
        enterprise=book.enterprise,
        rates=churn.rates,
        retention=1.0 - churn.churn[[churn.grades.index(grade) for grade in GRADES]],
        curve=book.codes["grade"].astype(np.int16),
        line_min=np.full(n, 10.0),
        line_max=book.line_max,
        line_step=np.zeros(n),
        first_rate=np.zeros(n, dtype=np.int16),
        last_rate=np.full(n, rates - 1, dtype=np.int16),
        must_lend=np.zeros(n, dtype=bool),
        default_probability=book.default_probability,
        risk_weight=risk,
        risk_index=risk,
        grade_factor=np.ones(n),
        economics=Economics(funding_cost=0.03, interest_lost_on_default=True),
        budget=BUDGET_A_HEAD * n,
        budget_basis="line",
        objective=weighted if objective == "weighted" else Objective("profit"),
    )


def _calibrated(bare: Problem, book: Book, limits: tuple[Limit, ...]) -> list[tuple[Row, float]]:
    """Return the rows, budget first, with the fractions' right sides, and the prices at which they are met.

    The rows count the whole book; right sides and prices come from its first ``SAMPLE`` enterprises.
    """
    part = np.arange(min(SAMPLE, bare.size))
    small = _part_of(bare, part)
    whole = [bare.rows[0], *(_row(limit, book.codes) for limit in limits)]
    rows = [small.rows[0], *(_part_row(row, part) for row in whole[1:])]
    prices = [0.0] * len(rows)
    total = small.value_form
    for _ in range(_SWEEPS):
        for place, row in enumerate(rows):
            without = total + small.row_form(row) * (row.sense * prices[place])
            fraction = limits[place - 1].fraction if place else _BUDGET_FRACTION
            used = _used(small, best_answers(small, without), row)
            if _right(row) == 0.0 or row.sense * (_right(row) - used * fraction) > 0.0:
                rows[place] = _with_right(row, used * fraction)
            form = small.row_form(rows[place]) * float(row.sense)
            prices[place] = _price(small, without, form, row.sense * rows[place].amount)
            total = without - form * prices[place]
    kept = [replace(settled, members=row.members) for row, settled in zip(whole, rows, strict=True)]
    return list(zip(kept, prices, strict=True))


def _price(problem: Problem, without: Form, form: Form, amount: float) -> float:
    """Return the least price at which the form is within the amount; 0 where it is already, or where none does."""
    within = np.flatnonzero(
        np.any([np.broadcast_to(part, problem.size) != 0.0 for part in _parts(form)], axis=0)
    )
    if not len(within):
        return 0.0
    some = _part_of(problem, within)
    base, row = _at(without, within, problem.size), _at(form, within, problem.size)

    def over(price: float) -> bool:
        return float(np.sum(best_answers(some, base - row * price).total(row))) > amount

    if not over(0.0):
        return 0.0
    high = 1e-4
    for _ in range(_DOUBLINGS):
        if not over(high):
            break
        high *= 2.0
    else:
        return 0.0
    low = 0.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if over(middle) else (low, middle)
    return high


def _answers(problem: Problem, rows: tuple[Row, ...], prices: list[float]) -> Choice:
    """Return what each enterprise does by itself at these prices."""
    total = problem.value_form
    for row, price in zip(rows, prices, strict=True):
        if price > 0.0:
            total = total - problem.row_form(row) * (row.sense * price)
    return best_answers(problem, total)


def best_answers(problem: Problem, form: Form) -> Choice:
    """Return each enterprise's best answer to a form: nothing, or a rate with the least or the largest line."""
    n = problem.size
    rate = np.full(n, -1, dtype=np.int64)
    line = np.zeros(n)
    per_line, exposure, interest, count = (np.broadcast_to(part, n) for part in _parts(form))
    rates = np.arange(len(problem.rates))
    narrowed = bool(np.any(problem.first_rate > 0) or np.any(problem.last_rate < rates[-1]))
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        curve = problem.curve[block]
        value = (
            exposure[block, None] * problem.exposure_table[curve]
            + interest[block, None] * problem.interest_table[curve]
        )
        if narrowed:
            own = (rates >= problem.first_rate[block, None]) & (rates <= problem.last_rate[block, None])
            value = np.where(own, value, -np.inf)
        best = np.argmax(value, axis=1)
        worth = value[np.arange(len(best)), best] + per_line[block]
        granted = np.where(worth > 0.0, problem.line_max[block], problem.line_min[block])
        lent = (worth * granted + count[block] > 0.0) | problem.must_lend[block]
        rate[block] = np.where(lent, best, -1)
        line[block] = np.where(lent, granted, 0.0)
    return problem.choice(rate, line)


def _parts(form: Form) -> tuple[Floats | float, ...]:
    return form.line, form.exposure, form.interest, form.count


def _at(form: Form, chosen: Indices, size: int) -> Form:
    return Form(*(np.broadcast_to(part, size)[chosen] for part in _parts(form)))


def _part_of(problem: Problem, chosen: Indices) -> Problem:
    """Return the budget's problem over some of the enterprises, the budget in proportion."""
    weights = problem.scalarisation
    objective = problem.objective
    if objective.kind == "weighted":  # the same weights, whatever the number of enterprises
        objective = replace(objective, ranges=Ranges(0.5 / weights.revenue, 0.0, -0.5 / weights.risk, 0.0))
    return problem.replaced(
        **{name: getattr(problem, name)[chosen] for name in PER_ENTERPRISE},
        budget=problem.budget * len(chosen) / problem.size,
        objective=objective,
        limits=(),
    )


def _row(limit: Limit, codes: dict[str, NDArray[np.int32]]) -> Row:
    members = Members(codes[limit.column], VALUES[limit.column].index(limit.value)) if limit.column else None
    right = {"share": 0.0} if limit.unit == "share" else {"rate": 0.0} if limit.unit == "rate" else {}
    return Row(limit.name, limit.measure, limit.sense, members, rule=limit.name, **right)


def _part_row(row: Row, chosen: Indices) -> Row:
    if row.members is None:
        return row
    return replace(row, members=Members(row.members.codes[chosen], row.members.code))


def _used(problem: Problem, choice: Choice, row: Row) -> float:
    """Return the right side at which a plan would just meet the row; a mild one where it uses nothing of it."""
    if row.rate is not None:
        left, right = reached(problem, choice, replace(row, rate=1.0))
        return left / right if right > 0.0 else float(problem.rates[-1])
    if row.share is not None:
        left, right = reached(problem, choice, replace(row, share=1.0))
        return left / right if left > 0.0 else 0.02
    used = reached(problem, choice, row)[0]
    if used > 0.0 or row.sense < 0:
        return used
    return reached(problem, choice, replace(row, members=None))[0] / problem.size


def _right(row: Row) -> float:
    return row.rate if row.rate is not None else row.share if row.share is not None else row.amount


def _with_right(row: Row, right: float) -> Row:
    """Return the row with a right side of six digits."""
    right = float(f"{right:.6g}")
    if row.rate is not None:
        return replace(row, rate=right)
    if row.share is not None:
        return replace(row, share=right)
    return replace(row, amount=right)
