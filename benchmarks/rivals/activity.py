"""What many plans at once use of each row, and a repair of those that use too much."""

from __future__ import annotations

import numpy as np

from lendplan.models.measures import Floats, Form, Indices
from lendplan.models.problem import TOLERANCE, Problem

_SLACK = 0.5 * TOLERANCE  # of the right side: what the tests of a plan would forgive, by half


class Activity:
    """The rows and the objective as dense coefficients over line, exposure, interest and offer.

    Rows are signed so that each is at_most; the coefficients have shape (rows, n), the objective's is the last.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        sense = np.array([float(row.sense) for row in problem.rows])
        forms = [problem.row_form(row) * float(row.sense) for row in problem.rows]
        forms.append(problem.value_form)
        self.line, self.exposure, self.interest, self.count = (
            np.stack([np.broadcast_to(part(form), problem.size) for form in forms])
            for part in (_line, _exposure, _interest, _count)
        )
        self.right = sense * np.array([row.amount for row in problem.rows])
        self.unit = np.maximum(np.maximum(1.0, np.abs(self.right)), 1e-3 * problem.budget)

    def of(self, rate: Indices, line: Floats) -> tuple[Floats, Floats]:
        """Return excess over the right sides, shape (plans, rows), in units of the rows, and values, (plans,).

        ``rate`` and ``line`` have shape (plans, n).
        """
        problem = self.problem
        offered = rate >= 0
        at = np.where(offered, rate, 0)
        granted = np.where(offered, line, 0.0)
        exposure = granted * problem.exposure_table[problem.curve, at]
        interest = granted * problem.interest_table[problem.curve, at]
        used = (
            granted @ self.line.T
            + exposure @ self.exposure.T
            + interest @ self.interest.T
            + offered.astype(np.float64) @ self.count.T
        )
        return self._excess(used[:, :-1]), used[:, -1] + problem.scalarisation.constant

    def each(self, rate: Indices, line: Floats) -> Floats:
        """Return what each enterprise adds to each row and to the objective, shape (rows + 1, n)."""
        problem = self.problem
        offered = rate >= 0
        at = np.where(offered, rate, 0)
        granted = np.where(offered, line, 0.0)
        added: Floats = (
            self.line * granted
            + self.exposure * (granted * problem.exposure_table[problem.curve, at])
            + self.interest * (granted * problem.interest_table[problem.curve, at])
            + self.count * offered
        )
        return added

    def _excess(self, used: Floats) -> Floats:
        over = used - self.right
        excess: Floats = np.where(over > _SLACK * np.maximum(1.0, np.abs(self.right)), over, 0.0) / self.unit
        return excess

    def mended(self, rate: Indices, line: Floats, steps: int) -> tuple[Indices, Floats, bool]:
        """Turn one plan into one that obeys the rows, by declining or lending to one enterprise at a time.

        Each step takes the change that lessens the excess most for the value it costs; one that is lent to gets its
        most profitable rate and its least line. Shapes (n,); the last is whether it came to obey.
        """
        problem, rate, line = self.problem, rate.copy(), line.copy()
        best = self._most_profitable()
        lent, other = self.each(rate, line), self.each(best, problem.line_min)
        total = lent.sum(axis=1)
        for _ in range(steps):
            excess = self._excess(total[None, :-1])[0]
            if not np.any(excess):
                return rate, line, True
            change = np.where(rate >= 0, -lent, other)
            after = self._excess((total[:-1, None] + change[:-1]).T).sum(axis=1)
            relief = excess.sum() - after
            relief[problem.must_lend & (rate >= 0)] = 0.0
            if not np.any(relief > 0):
                return rate, line, False
            cost = np.maximum(-change[-1], 0.0) + 1e-6 * (1.0 + np.abs(change[-1]))
            chosen = int(np.argmax(np.where(relief > 0, relief / cost, -1.0)))
            if rate[chosen] >= 0:
                rate[chosen], line[chosen] = -1, 0.0
                lent[:, chosen] = 0.0
            else:
                rate[chosen], line[chosen] = best[chosen], problem.line_min[chosen]
                lent[:, chosen] = other[:, chosen]
            total = lent.sum(axis=1)
        return rate, line, False

    def _most_profitable(self) -> Indices:
        problem = self.problem
        exposure = problem.exposure_table[problem.curve]
        interest = problem.interest_table[problem.curve]
        worth = self.exposure[-1][:, None] * exposure + self.interest[-1][:, None] * interest
        rates = np.arange(len(problem.rates))
        own = (rates >= problem.first_rate[:, None]) & (rates <= problem.last_rate[:, None])
        return np.asarray(np.argmax(np.where(own, worth, -np.inf), axis=1), dtype=np.int64)


def _line(form: Form) -> Floats | float:
    return form.line


def _exposure(form: Form) -> Floats | float:
    return form.exposure


def _interest(form: Form) -> Floats | float:
    return form.interest


def _count(form: Form) -> Floats | float:
    return form.count
