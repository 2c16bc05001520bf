"""Why nothing is feasible, in the words of the scenario: an elastic model over budget, limits and ``must: lend``.

Three questions, each a small model over the same arrays:

- which limits are in conflict: a deletion filter leaves a set of which each member is needed for the conflict;
  where several conflicts are apart from each other, one set of each is named;
- for each of them, the least change of it alone that would do: all others hold, its own quantity is driven as
  low (at_most) or high (at_least) as it goes. For a share or an average rate this is a ratio of two forms, and
  Dinkelbach's iteration finds its optimum with a few linear objectives;
- the least total change: a slack on every row, each measured as a fraction of what its row states (a share: of
  what it would be with the whole budget lent), an enterprise with ``must: lend`` let go counts as 1 / (number of
  such enterprises).

Source of the ratio method: W. Dinkelbach, "On nonlinear fractional programming", Management Science 13 (1967).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from lendplan.models.dominance import Offers, undominated_offers
from lendplan.models.measures import Floats, Form
from lendplan.models.problem import MUST, Problem, Row, reordered
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.engine import Outcome, SolverError, clock, run
from lendplan.solvers.result import Conflict, LimitChange, Options, StopReason
from lendplan.solvers.sparse import beside, from_entries, from_rows, stacked

_MOST_SECONDS = 30.0
_ITERATIONS = 25
_MANY = 20_000  # offers: where there are more each question takes seconds
_DUST = 1e-9  # of what a limit states: a slack below it is rounding


def explain_conflict(problem: Problem, options: Options, fixed_lines: Floats | None = None) -> Conflict:
    """Explain why a problem that was proven infeasible is so.

    Parameters
    ----------
    problem : n enterprises
    options : its time limit, but never more than 30 s, is what the explanation may take
    fixed_lines : shape (n,), where the lines are given and only the rates are chosen; 0 for no line

    Returns
    -------
    Conflict
        Without any limit where the time ran out before one was found to be in it.

    Raises
    ------
    SolverError
        If there is a plan after all.
    """
    if fixed_lines is not None:
        taken = np.flatnonzero(fixed_lines > 0)
        problem = reordered(problem, taken).replaced(
            line_min=fixed_lines[taken], line_max=fixed_lines[taken], line_step=np.zeros(len(taken))
        )
    options = replace(options, time_limit=min(options.time_limit, _MOST_SECONDS), watch=None)
    elastic = _Elastic(problem, options)
    relaxed_infeasible = not elastic.feasible(elastic.names, relaxed=True)
    if not relaxed_infeasible and elastic.has_point(elastic.names):
        raise SolverError("HiGHS calls the scenario infeasible, and finds a plan that obeys it")
    relaxed_feasible = not relaxed_infeasible and elastic.has_point(elastic.names, relaxed=True)
    named = elastic.conflicting(relaxed=relaxed_infeasible)
    needed_proven = elastic.is_sure
    moved, together_proven = elastic.least_total_change()
    changes = []
    for name in elastic.names:
        if name in named or name in moved:
            alone, proven = elastic.least_change_alone(name)
            stated = elastic.stated(name)
            changes.append(
                LimitChange(name, stated, elastic.unit(name), alone, moved.get(name, stated), proven)
            )
    return Conflict(tuple(changes), relaxed_feasible, together_proven, needed_proven)


@dataclass(frozen=True)
class _Ratio:
    """A row's own quantity: left, or left / base where the row states a share or a rate."""

    left: Floats  # (c,) per column
    base: Floats | None


class _Elastic:
    """The problem over columns (is offered, line above the minimum), each row of the scenario switchable."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem = problem
        self.options = options
        self.left = clock(options)
        self.is_sure = True  # whether every answer so far was one
        sides = [problem.sides(row) for row in problem.rows]
        # A rate may go only if another is no worse in each row's own quantity, whatever its share becomes.
        wanted = [left * float(-row.sense) for row, (left, _, _) in zip(problem.rows, sides, strict=True)]
        wanted += [right * float(row.sense) for row, (_, right, _) in zip(problem.rows, sides, strict=True)]
        self.offers: Offers = undominated_offers(problem, wanted)
        self.rows: dict[str, Row] = {row.name: row for row in problem.rows}
        self.names: tuple[str, ...] = (*self.rows, *((MUST,) if problem.must_lend.any() else ()))
        self._position = {name: place for place, name in enumerate(self.rows)}
        self._build()

    def _build(self) -> None:
        problem, offers = self.problem, self.offers
        n, p = problem.size, offers.size
        step = problem.line_step[offers.enterprise]
        self._unit = np.where(step > 0, step, 1.0)
        self._least = problem.line_min[offers.enterprise]
        room = (problem.line_max[offers.enterprise] - self._least) / self._unit
        room = np.where(step > 0, np.round(room), room)
        body = [self._columns(problem.row_form(row)) for row in problem.rows]
        once = from_entries(offers.enterprise, np.arange(p), np.ones(p), (n, 2 * p))
        links = np.flatnonzero(room > 0)
        count = np.arange(len(links))
        link = from_entries(
            np.concatenate([count, count]),
            np.concatenate([p + links, links]),
            np.concatenate([np.ones(len(links)), -room[links]]),
            (len(links), 2 * p),
        )
        sense = np.array([row.sense for row in problem.rows])
        amount = np.array([row.amount for row in problem.rows])
        self.model = ArrayModel(
            cost=np.zeros(2 * p),
            lower=np.zeros(2 * p),
            upper=np.concatenate([np.ones(p), room]),
            integer=np.concatenate([np.ones(p, dtype=bool), step > 0]),
            matrix=stacked([from_rows(body, 2 * p), once, link]),
            row_lower=np.concatenate(
                [
                    np.where(sense < 0, amount, -np.inf),
                    problem.must_lend.astype(float),
                    np.full(len(links), -np.inf),
                ]
            ),
            row_upper=np.concatenate([np.where(sense > 0, amount, np.inf), np.ones(n), np.zeros(len(links))]),
        )
        self._must_rows = len(problem.rows) + np.flatnonzero(problem.must_lend)

    def _columns(self, form: Form) -> Floats:
        per_line, per_offer = self.problem.coefficients(form, self.offers.enterprise, self.offers.rate)
        return np.concatenate([per_line * self._least + per_offer, per_line * self._unit])

    # What a limit states, and what it counts -------------------------------------------------------------

    def stated(self, name: str) -> float:
        if name == MUST:
            return float(np.sum(self.problem.must_lend))
        row = self.rows[name]
        return row.amount if row.share is None and row.rate is None else float(row.share or row.rate or 0.0)

    def unit(self, name: str) -> str:
        if name == MUST:
            return "enterprises"
        row = self.rows[name]
        return "share" if row.share is not None else "rate" if row.rate is not None else "amount"

    def _quantity(self, name: str) -> _Ratio:
        """Return what the limit counts, per column; a share's or a rate's base beside it."""
        if name == MUST:
            kept = self.problem.must_lend[self.offers.enterprise].astype(float)
            return _Ratio(np.concatenate([kept, np.zeros(self.offers.size)]), None)
        row = self.rows[name]
        left, _, _ = self.problem.sides(row)
        if row.share is None and row.rate is None:
            return _Ratio(self._columns(left), None)
        whole = replace(row, share=1.0) if row.share is not None else replace(row, rate=1.0)
        _, base, _ = self.problem.sides(whole)
        return _Ratio(self._columns(left), self._columns(base))

    def _natural_size(self, name: str) -> float:
        """Return what counts as a change of 100 %: the amount stated, or the share of a plan that lends the budget."""
        if name == MUST:
            return self.stated(MUST)
        row = self.rows[name]
        quantity = self._quantity(name)
        if quantity.base is None and row.amount != 0:
            return abs(row.amount)
        base = quantity.left if quantity.base is None else quantity.base
        budget = self._columns(self.problem.row_form(self.problem.rows[0]))
        counted = (budget > 0) & (base != 0)
        if not counted.any():
            return 1.0
        typical = float(np.median(np.abs(base[counted]) / budget[counted]))
        lent = self.problem.budget if self.problem.budget > 0 else float(np.max(budget))
        return typical * lent * (self.stated(name) or 1.0 if quantity.base is not None else 1.0)

    # Models ----------------------------------------------------------------------------------------------

    def _enforcing(self, names: Iterable[str]) -> ArrayModel:
        """Return the model with only the named rows of the scenario enforced."""
        kept = set(names)
        lower, upper = self.model.row_lower.copy(), self.model.row_upper.copy()
        for name, place in self._position.items():
            if name not in kept:
                lower[place], upper[place] = -np.inf, np.inf
        if MUST not in kept:
            lower[self._must_rows] = 0.0
        return replace(self.model, row_lower=lower, row_upper=upper)

    def _run(self, model: ArrayModel, relaxed: bool = False) -> Outcome:
        return run(
            model.relaxed() if relaxed else model, self.options, seconds=self.left(), stage="why infeasible"
        )

    def feasible(self, names: Iterable[str], *, relaxed: bool) -> bool:
        """Whether the named rows can hold together; an answer that ran out of time counts as feasible."""
        outcome = self._run(self._enforcing(names), relaxed)
        self.is_sure = self.is_sure and (outcome.infeasible or outcome.x is not None)
        return not outcome.infeasible

    def has_point(self, names: Iterable[str], *, relaxed: bool = False) -> bool:
        """Whether a point was found at which the named rows hold together."""
        return self._run(self._enforcing(names), relaxed).x is not None

    def conflicting(self, *, relaxed: bool) -> set[str]:
        """Return one minimal set for each conflict that is apart from the others."""
        named: set[str] = set()
        active = list(self.names)
        suspects = self._suspects() if relaxed and self.offers.size > _MANY else set()
        while self.left() > 0 and not self.feasible(active, relaxed=relaxed):
            needed = [name for name in active if name in suspects]
            if not needed or self.feasible(needed, relaxed=relaxed):
                needed = list(active)
            for name in list(needed):
                without = [other for other in needed if other != name]
                if not self.feasible(without, relaxed=relaxed):
                    needed = without
            if not needed:
                break
            named |= set(needed)
            active = [name for name in active if name not in named]
        if not named and suspects:  # there was no time to hold them against each other
            self.is_sure = False
            return suspects
        return named

    def _suspects(self) -> set[str]:
        """Return the rows that have a price where the total change is least: they alone admit no mixture of plans.

        In a large book each question takes seconds, and these are a few of all.
        """
        outcome = self._run(self._with_slacks(), relaxed=True)
        if outcome.row_dual is None:
            return set()
        priced = np.abs(outcome.row_dual) > _DUST * np.abs(outcome.row_dual).max(initial=0.0)
        found = {name for name, place in self._position.items() if priced[place]}
        return found | ({MUST} if priced[self._must_rows].any() else set())

    def least_change_alone(self, name: str) -> tuple[float | None, bool]:
        """Return the value at which this limit alone would do, all others as they stand, and whether proven."""
        others = self._enforcing(other for other in self.names if other != name)
        quantity = self._quantity(name)
        sense = -1 if name == MUST else self.rows[name].sense
        if quantity.base is None:
            outcome = self._run(replace(others, cost=-sense * quantity.left))
            if outcome.x is None:
                return None, outcome.infeasible
            return float(quantity.left @ outcome.x), outcome.stop is StopReason.PROVEN
        return self._best_ratio(others, quantity, quantity.base, sense, self.stated(name))

    def _best_ratio(
        self, others: ArrayModel, quantity: _Ratio, base: Floats, sense: int, stated: float
    ) -> tuple[float | None, bool]:
        ratio, found = stated, None
        for _ in range(_ITERATIONS):
            outcome = self._run(replace(others, cost=-sense * (quantity.left - ratio * base)))
            if outcome.x is None:
                return found, outcome.infeasible and found is None
            below = float(base @ outcome.x)
            if below <= _DUST * float(np.abs(base) @ np.abs(outcome.x)):
                return found, False
            reached = float(quantity.left @ outcome.x) / below
            if found is not None and sense * (found - reached) <= 1e-9 * max(1.0, abs(found)):
                return found, outcome.stop is StopReason.PROVEN
            ratio = found = reached
        return found, False

    def _with_slacks(self) -> ArrayModel:
        """Return the model with a slack on each row of the scenario and each `must: lend`, and their cost."""
        columns = len(self.model.cost)
        height = self.model.matrix.shape[0]
        names = list(self.rows)
        slack_rows = np.concatenate([np.arange(len(names)), self._must_rows])
        sizes = [self._natural_size(name) for name in names]
        signs = [-float(self.rows[name].sense) for name in names]
        value = np.concatenate([np.array(sizes) * np.array(signs), np.ones(len(self._must_rows))])
        cost = np.concatenate(
            [-np.ones(len(names)), np.full(len(self._must_rows), -1.0 / max(1, len(self._must_rows)))]
        )
        extra = len(slack_rows)
        slack = from_entries(slack_rows, np.arange(extra), value, (height, extra))
        return ArrayModel(
            cost=np.concatenate([self.model.cost, cost]),
            lower=np.zeros(columns + extra),
            upper=np.concatenate(
                [self.model.upper, np.full(len(names), np.inf), np.ones(len(self._must_rows))]
            ),
            integer=np.concatenate(
                [self.model.integer, np.zeros(len(names), bool), np.ones(len(self._must_rows), bool)]
            ),
            matrix=beside(self.model.matrix, slack),
            row_lower=self.model.row_lower,
            row_upper=self.model.row_upper,
        )

    def least_total_change(self) -> tuple[dict[str, float], bool]:
        """Return what the limits that move in the least total change become, and whether it is proven the least."""
        outcome = self._run(self._with_slacks())
        if outcome.x is None:
            return {}, False
        names, columns = list(self.rows), len(self.model.cost)
        x, used = outcome.x[:columns], outcome.x[columns:]
        moved: dict[str, float] = {}
        proven = outcome.stop is StopReason.PROVEN
        for place, name in enumerate(names):
            if used[place] > _DUST:
                reached = self._reached(name, x)
                proven = proven and reached is not None
                moved[name] = self.stated(name) if reached is None else reached
        let_go = float(np.round(np.sum(used[len(names) :])))
        if let_go:
            moved[MUST] = self.stated(MUST) - let_go
        return moved, proven

    def _reached(self, name: str, x: Floats) -> float | None:
        """Return a limit's own quantity at a point; None for a share of what is nothing or below."""
        quantity = self._quantity(name)
        left = float(quantity.left @ x)
        if quantity.base is None:
            return left
        below = float(quantity.base @ x)
        return left / below if below > _DUST * float(np.abs(quantity.base) @ np.abs(x)) else None
