r"""The problem as one small array model, for the solvers that take arrays.

Only undominated offers, and for each a binary :math:`z` and a part :math:`t` of the way from the least line to the
largest, so that the line is :math:`\ell^- z + (\ell^+ - \ell^-)\,t` with :math:`0 \le t \le z`, or in whole steps
where the enterprise has them. One row an offer where the plain model has two, and each row of the problem is divided
by its largest coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lendplan.models.dominance import Offers, undominated_offers
from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.sparse import from_entries


@dataclass(frozen=True)
class Tight:
    """The model; its columns are the p binaries, then the p parts. ``unit`` is the line of one part, shape (p,)."""

    problem: Problem
    offers: Offers
    unit: Floats
    model: ArrayModel

    def plan(self, x: Floats) -> tuple[Indices, Floats]:
        """Read rate positions and lines, shapes (n,), out of a solution."""
        pairs = np.flatnonzero(x[: self.offers.size] > 0.5)
        rate = np.full(self.problem.size, -1, dtype=np.int64)
        line = np.zeros(self.problem.size)
        owner = self.offers.enterprise[pairs]
        rate[owner] = self.offers.rate[pairs]
        line[owner] = self.problem.line_min[owner] + self.unit[pairs] * x[self.offers.size + pairs]
        return rate, line


def tight(problem: Problem) -> Tight:
    """Build the model."""
    offers = undominated_offers(problem, [problem.value_form])
    p, owner = offers.size, offers.enterprise
    least, reach = problem.line_min[owner], (problem.line_max - problem.line_min)[owner]
    step = problem.line_step[owner]
    unit = np.where(step > 0, step, reach)
    most = np.where(step > 0, np.round(reach / np.where(step > 0, step, 1.0)), (reach > 0).astype(float))

    rows, columns, values = [], [], []
    scale = []
    for number, row in enumerate(problem.rows):
        per_line, per_offer = problem.coefficients(problem.row_form(row), owner, offers.rate)
        both = np.concatenate([per_line * least + per_offer, per_line * unit])
        scale.append(1.0 / max(float(np.max(np.abs(both), initial=0.0)), 1e-300))
        place = np.flatnonzero(both)
        rows.append(np.full(len(place), number))
        columns.append(place)
        values.append(both[place] * scale[-1])
    limits, n = len(problem.rows), problem.size
    every = np.arange(p)
    rows += [limits + owner, limits + n + every, limits + n + every]
    columns += [every, p + every, every]
    values += [np.ones(p), np.ones(p), -most]
    sense = np.array([row.sense for row in problem.rows])
    amount = np.array([row.amount for row in problem.rows]) * np.array(scale)
    per_line, per_offer = problem.coefficients(problem.value_form, owner, offers.rate)
    model = ArrayModel(
        cost=np.concatenate([per_line * least + per_offer, per_line * unit]),
        lower=np.zeros(2 * p),
        upper=np.concatenate([np.ones(p), most]),
        integer=np.concatenate([np.ones(p, dtype=bool), step > 0]),
        matrix=from_entries(
            np.concatenate(rows), np.concatenate(columns), np.concatenate(values), (limits + n + p, 2 * p)
        ),
        row_lower=np.concatenate(
            [np.where(sense < 0, amount, -np.inf), problem.must_lend.astype(float), np.full(p, -np.inf)]
        ),
        row_upper=np.concatenate([np.where(sense > 0, amount, np.inf), np.ones(n), np.zeros(p)]),
        offset=problem.scalarisation.constant,
    )
    return Tight(problem, offers, unit, model)
