r"""How large a loan the rows leave one enterprise even where everybody else gives way.

A row that caps a measure which is never negative, such as the budget, caps the line of each single enterprise, too: at
rate :math:`r_k` a line :math:`L` uses :math:`L\,u_k` of it, so :math:`L \le C / u_k`. What a row on ``risk`` leaves
depends on the risk weight :math:`\rho`, :math:`L \le C / (\rho\,g_k)`; all other rows leave the same at any.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lendplan.models.limits import NEVER_NEGATIVE
from lendplan.models.measures import Floats, Indices
from lendplan.models.priced import Choices, PricedEnterprise
from lendplan.models.problem import Row

STEPS = 1000  # lines of a whole number of steps that are looked at one by one; of more, one more or less is nothing
_DUST = 1e-9  # of a step: a line this much short of a whole number of steps is that number


@dataclass(frozen=True)
class Ceiling:
    """The lines that one enterprise can have.

    Parameters
    ----------
    one : the enterprise, whose largest line they never exceed
    is_bound : whether the rows cut them, too
    """

    one: PricedEnterprise
    is_bound: bool = True

    @property
    def least(self) -> float:
        """Its least line; 0 where any will do."""
        return float(self.one.problem.line_min[0])

    @property
    def step(self) -> float:
        """What its lines are multiples of; 0 where any will do."""
        return float(self.one.problem.line_step[0])

    @cached_property
    def capping(self) -> list[tuple[int, Row]]:
        """The rows that cut, each with its place among all."""
        if not self.is_bound:
            return []
        return [
            (place, row)
            for place, row in enumerate(self.one.problem.rows)
            if row.sense > 0 and row.share is None and row.measure in NEVER_NEGATIVE
        ]

    def room(self, place: int, row: Row) -> float:
        """Return what a row leaves the line once the loan itself is counted; below 0 where it leaves no loan."""
        return float(row.whole_amount - self.one.uses[place, 3])

    def left_by(self, place: int, row: Row, basis: Floats) -> Floats:
        """Return the largest line that a row leaves, (p,); ``basis`` is that of a line of 1 at some rates, (3, p)."""
        room, use = self.room(place, row), self.one.uses[place, :3] @ basis
        with np.errstate(divide="ignore", over="ignore"):
            return np.where(use > 0, max(room, 0.0) / use, np.inf if room >= 0 else 0.0)

    def unit(self, rate: Indices) -> Floats:
        """Return line, exposure and interest of a line of 1, (3, rates)."""
        return self.one.basis(rate, np.ones(len(rate)))[:3]

    def whole(self, line: Floats) -> Floats:
        """Round lines down to whole steps."""
        return np.asarray(np.floor(line / self.step + _DUST) * self.step) if self.step > 0 else line

    def under(self, basis: Floats) -> Floats:
        """Return the largest line, (p,); ``basis`` is that of a line of 1 at some rates, (3, p)."""
        return self._cut(basis)[0]

    def _cut(self, basis: Floats) -> tuple[Floats, str]:
        """Return the largest line, and the name of the row that cuts it last; '' where none does."""
        line, cut = np.full(basis.shape[1], self.one.lines[0]), ""
        for place, row in self.capping:
            most = self.left_by(place, row, basis)
            if np.any(most < line):
                line, cut = np.minimum(line, most), row.name
        return (self.whole(line) if cut else line), cut

    def is_loan(self, line: Floats) -> NDArray[np.bool_]:
        """Return which largest lines it can have: those that are not below its least."""
        return (
            np.asarray((line >= self.least) & (line > 0)) if self.is_bound else np.ones(len(line), dtype=bool)
        )

    def choices(self) -> tuple[Choices, str]:
        """Return each admissible rate with its largest and its least line, and the name of the row that cuts it."""
        if not self.is_bound:
            return self.one.choices, ""
        rate = self.one.admissible
        line, cut = self._cut(self.unit(rate))
        kept = np.flatnonzero(self.is_loan(line))
        lower = kept[line[kept] > self.least] if self.least > 0 else kept[:0]
        lines = np.concatenate([line[kept], np.full(len(lower), self.least)])
        return self.one.at(rate[np.concatenate([kept, lower])], lines), cut
