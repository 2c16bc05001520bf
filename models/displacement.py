"""Which loans of a plan would give way to another one: those at the margin, worth least for what they are charged.

A search and no optimisation: step by step the loan shrinks, or goes, that gives up least of the objective for what
it mends of the rows that are overdrawn, each row counted at its price; what was given up in vain is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Form, Indices
from lendplan.models.priced import TIE, priced_form
from lendplan.models.problem import TOLERANCE, Choice, Problem, Row, reordered

_POOLS = (128, 2048)  # loans of a row that are looked at first; then all
_STEPS = 10_000
_GROWTHS = 8  # loans that get what others left over


@dataclass(frozen=True)
class Standing:
    """A plan's loans at the prices.

    Parameters
    ----------
    order : shape (loans,), positions of the enterprises lent to, the least worth for what they are charged first
    used : shape (rows,), each row's left side less its right, without its amount
    prices : by row name
    """

    order: Indices
    used: Floats
    prices: Mapping[str, float]


def standing_of(problem: Problem, choice: Choice, prices: Mapping[str, float]) -> Standing:
    """Return where the loans of a plan stand."""
    lent = np.flatnonzero(choice.offered & (choice.line > 0))
    worth, net = problem.value_form, priced_form(problem, prices)
    value, charge = choice.total(worth)[lent], (choice.total(worth) - choice.total(net))[lent]
    fixed_value = np.broadcast_to(worth.count, problem.size)[lent]
    fixed_charge = fixed_value - np.broadcast_to(net.count, problem.size)[lent]
    whole = _ratio(value, charge)
    # A loan above its least line can shrink, which leaves what it costs and counts as a loan in place.
    shrinks = choice.line[lent] > problem.line_min[lent] * (1 + TOLERANCE)
    part = np.where(shrinks, _ratio(value - fixed_value, charge - fixed_charge), np.inf)
    used = np.array([float(np.sum(choice.total(problem.row_form(row)))) for row in problem.rows])
    return Standing(lent[np.argsort(np.minimum(whole, part), kind="stable")], used, prices)


def _ratio(value: Floats, charge: Floats) -> Floats:
    """Return value per charge; who is charged nothing makes no room where it is wanted, and comes last."""
    ratio: Floats = np.divide(value, charge, out=np.full(len(value), np.inf), where=charge > 0)
    return ratio


@dataclass(frozen=True)
class Displaced:
    """A loan that shrinks, goes, or grows by what a whole loan that went has left.

    ``value_lost``, in the objective's unit, is below 0 for one that grows.

    ``net_lost`` is what is lost beyond what it was charged; ``is_tie`` says that this is nothing: the loan stood just
    at the margin.
    """

    enterprise: str
    line_before: float
    line_after: float
    value_lost: float
    net_lost: float
    is_tie: bool


@dataclass(frozen=True)
class Displacement:
    """What gives way, and by how much each row would still be broken; empty where all has its place."""

    loans: tuple[Displaced, ...]
    unplaced: Mapping[str, float]


def make_room(
    problem: Problem, choice: Choice, standing: Standing, rows: tuple[Row, ...], used: Floats, wanted: Floats
) -> Displacement:
    """Find loans that give way to a new one, from the margin inwards, so that every row holds again.

    Parameters
    ----------
    problem, choice, standing : the plan
    rows : the problem's rows, and after them rows that count the new loan alone
    used, wanted : shape (rows,), what the plan uses of each row, and what the new loan would use besides

    Returns
    -------
    Displacement
        One way to make room, not the best there is. A loan shrinks down to its least line or goes.
    """
    sense = np.array([row.sense for row in rows], dtype=float)
    amount = np.array([row.amount for row in rows])
    # Beyond what rounding is, and what the plan itself overdraws within its tolerance.
    dust = TOLERANCE * np.maximum(1.0, np.abs(amount)) + np.maximum(sense * (used - amount), 0.0)
    room = sense * (amount - used - wanted)
    if np.all(room >= -dust):
        return Displacement((), {})

    def search_among(size: int) -> _Search:
        pool = _pool(problem, standing, rows, room < -dust, size)
        return _Search(problem, choice, standing.prices, pool, room, sense, dust)

    everybody = len(standing.order)
    search = search_among(_POOLS[0])
    for size in (*_POOLS[1:], everybody):
        if search.succeeds() or search.looked_at >= everybody:
            break
        search = search_among(size)
    else:
        search.succeeds()
    broken = {row.name: float(-search.room[r]) for r, row in enumerate(rows) if search.short[r]}
    return Displacement(search.displaced(), broken)


def _pool(
    problem: Problem, standing: Standing, rows: tuple[Row, ...], short: NDArray[np.bool_], size: int
) -> Indices:
    """Return the loans at the margin of each row that has too little room, in the order of the margin."""
    ranks: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    for r in np.flatnonzero(short[: len(problem.rows)]):
        members = rows[r].members
        if members is None or rows[r].sense < 0:  # an at_least share can be helped by those it does not count
            ranks.append(np.arange(min(size, len(standing.order))))
        else:
            ranks.append(np.flatnonzero(members.codes[standing.order] == members.code)[:size])
    return standing.order[np.unique(np.concatenate(ranks))]


class _Search:
    """The loans of a pool, what a unit of line of each and each loan itself are worth and use, and the room so far."""

    def __init__(
        self,
        problem: Problem,
        choice: Choice,
        prices: Mapping[str, float],
        pool: Indices,
        room: Floats,
        sense: Floats,
        dust: Floats,
    ) -> None:
        few = reordered(problem, pool)
        self.few, self.room, self.dust = few, room.copy(), dust
        self.before = choice.line[pool]
        self.line = self.before.copy()
        drawn = np.stack([self.before, choice.exposure[pool], choice.interest[pool]]) / self.before
        forms = [few.value_form, priced_form(few, prices), *(few.row_form(row) for row in few.rows)]
        numbers = np.stack([_coefficients(form, len(pool)) for form in forms])  # (forms, 4, loans)
        per_line, per_loan = np.sum(numbers[:, :3] * drawn, axis=1), numbers[:, 3]
        self.worth = per_line[:2], per_loan[:2]  # value, net
        known = len(few.rows)
        self.per_line, self.per_loan = np.zeros(
            (2, len(room), len(pool))
        )  # others use none of the rows after
        self.per_line[:known] = sense[:known, None] * per_line[2:]
        self.per_loan[:known] = sense[:known, None] * per_loan[2:]
        price = np.zeros(len(room))
        price[:known] = [abs(prices.get(row.name, 0.0)) for row in few.rows]
        # A row without a price counts a little, a tenth of what its use earns on the whole: it must be mended, too.
        uses = np.sum(np.abs(self.per_line * self.line + self.per_loan), axis=1)
        earned = np.sum(np.abs(self.worth[0][0] * self.line + self.worth[1][0]))
        self.weight = np.where(price > 0, price, 0.1 * earned / np.where(uses > 0, uses, np.inf))

    @property
    def looked_at(self) -> int:
        """How many loans were looked at."""
        return len(self.line)

    @property
    def short(self) -> NDArray[np.bool_]:
        """Which rows are overdrawn, (rows,)."""
        return np.asarray(self.room < -self.dust)

    def succeeds(self) -> bool:
        """Let loans give way until no row is overdrawn; False where that cannot be."""
        for _ in range(_STEPS):
            if not self.short.any() or not self._give_way():
                break
        self._take_back()
        return not self.short.any()

    def _give_way(self) -> bool:
        """Take the one step that gives up least for what it mends; False where none mends anything."""
        with np.errstate(divide="ignore", invalid="ignore"):
            enough = np.where(
                self.short[:, None] & (self.per_line > 0), -self.room[:, None] / self.per_line, np.inf
            )
        shrunk = self._on_step(self.line - np.min(enough, axis=0, initial=np.inf))
        shrunk = np.where(self.line > 0, np.maximum(shrunk, self.few.line_min), 0.0)
        shrunk = np.where(np.any(np.isfinite(enough), axis=0), shrunk, self.line)
        gone = np.where(self.few.must_lend, self.line, 0.0)
        overdrawn = self.weight @ np.maximum(-self.room - self.dust, 0.0)
        best: tuple[float, int, float] | None = None
        for target in (shrunk, gone):
            after = self.room[:, None] + self._freed(target)
            mends = overdrawn - self.weight @ np.maximum(-after - self.dust[:, None], 0.0)
            some = mends > TIE * overdrawn
            if some.any():
                score = np.full(len(mends), np.inf)
                score[some] = self._lost(target)[0, some] / mends[some]
                at = int(np.argmin(score))
                if best is None or score[at] < best[0]:
                    best = float(score[at]), at, float(target[at])
        if best is not None:
            self._move(best[1], best[2])
        return best is not None

    def _take_back(self) -> None:
        """Give back what is not needed after all, then let others have what whole loans that went have left."""
        for j in np.flatnonzero(self.line < self.before)[::-1]:
            self._grow(int(j), float(self.before[j]))
        for _ in range(0 if self.short.any() else _GROWTHS):
            more = np.minimum(self._spare(), self.few.line_max - self.line)
            gain = np.where(self.line > 0, self.worth[0][0] * more, 0.0)
            j = int(np.argmax(gain)) if len(gain) else -1
            if j < 0 or gain[j] <= 0.0 or not self._grow(j, float(self.few.line_max[j])):
                break

    def _spare(self) -> Floats:
        """Return by how much each loan alone could grow as far as the rows allow, (loans,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(self.per_line > 0, np.maximum(self.room, 0.0)[:, None] / self.per_line, np.inf)
        return np.asarray(np.min(each, axis=0))

    def _grow(self, j: int, most: float) -> bool:
        """Let one loan grow as far as the rows allow; one that went comes back whole or not at all."""
        lines = [most]
        if self.line[j] > 0:
            reach = np.minimum(self.line + self._spare(), most)
            lines.append(float(self._on_step(reach)[j]))
        for larger in lines:
            target = self.line.copy()
            target[j] = larger
            if larger > self.line[j] + TOLERANCE * most and self._holds(self._freed(target)[:, j]):
                self._move(j, larger)
                return True
        return False

    def _holds(self, change: Floats) -> bool:
        """Whether no row would become, or stay, overdrawn by a change."""
        after = self.room + change
        return bool(np.all((after >= -self.dust) | (change >= 0)))

    def _on_step(self, line: Floats) -> Floats:
        step = self.few.line_step
        whole = np.where(step > 0, step, 1.0)
        with np.errstate(invalid="ignore"):
            return np.where(step > 0, np.floor(line / whole + TOLERANCE) * whole, line)

    def _freed(self, target: Floats) -> Floats:
        """Return what each loan would free of each row if its line became another one, (rows, loans)."""
        fewer = (self.line > 0).astype(float) - (target > 0)
        return np.asarray(self.per_line * (self.line - target) + self.per_loan * fewer)

    def _lost(self, target: Floats) -> Floats:
        """Return the value and the net worth lost, (2, loans)."""
        fewer = (self.line > 0).astype(float) - (target > 0)
        return np.asarray(self.worth[0] * (self.line - target) + self.worth[1] * fewer)

    def _move(self, j: int, line: float) -> None:
        target = self.line.copy()
        target[j] = line
        self.room = self.room + self._freed(target)[:, j]
        self.line = target

    def displaced(self) -> tuple[Displaced, ...]:
        """Return the loans that gave way, in the order of the margin."""
        after, self.line = self.line, self.before
        value, net = self._lost(after)
        self.line = after
        return tuple(
            Displaced(
                str(self.few.enterprise[j]),
                float(self.before[j]),
                float(after[j]),
                float(value[j]),
                float(net[j]),
                bool(abs(net[j]) <= TIE * (abs(value[j]) + abs(value[j] - net[j]))),
            )
            for j in np.flatnonzero(np.abs(after - self.before) > TOLERANCE * self.before)
        )


def _coefficients(form: Form, size: int) -> Floats:
    """Return a form's four coefficients for each enterprise, (4, size)."""
    parts = [form.line, form.exposure, form.interest, form.count]
    return np.stack([np.broadcast_to(part, size) for part in parts])
