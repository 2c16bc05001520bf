r"""How far a right side may move before its price does.

Prices :math:`\lambda` stay optimal for as long as some plan of the relaxation obeys the moved right side and uses
nothing but choices that are best at :math:`\lambda` (complementary slackness). Nearly all enterprises have one best
choice, which settles them; what is left are the few whose best choices tie. So the range of a right side is a linear
programme over the ties alone: the least and the most that they can use of that row while every other row with a
price stays exactly used up. Unlike a ratio test on the basis that a solver happened to end with, this gives the
whole range, also where the basis is degenerate, and it needs the prices only, whoever found them.

The ranges are for one right side at a time, all others as stated. (Dantzig, Linear Programming and Extensions,
1963, chapter 12; Bradley, Hax and Magnanti, Applied Mathematical Programming, 1977, chapter 3.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import highspy
import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, Indices
from lendplan.models.priced import priced_form, spread
from lendplan.models.problem import Choice, Problem, Row
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.engine import clock, loaded
from lendplan.solvers.result import Options
from lendplan.solvers.sparse import from_entries, from_rows, stacked

TIE = 1e-9  # of the largest loan's worth: choices nearer than this to the best one tie with it
_ROUNDING = 1e-9  # of all that is added up in a row
_BLOCK = 1 << 14  # enterprises at a time

PriceRanges = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Ties:
    """The enterprises whose best choices tie at given prices, and what all others use.

    Parameters
    ----------
    owner : shape (c,), the enterprise of each tied choice, numbered from 0 without gaps
    used : shape (rows, c), what the choice adds to each row's left side less its right
    may_decline : shape (ties,), whether declining ties, too
    settled : shape (rows,), what the enterprises with a single best choice add
    added : shape (rows,), the same with every part counted positive; tells rounding from room
    priced : shape (rows,), whether the price is more than rounding
    """

    owner: Indices
    used: Floats
    may_decline: NDArray[np.bool_]
    settled: Floats
    added: Floats
    priced: NDArray[np.bool_]


def price_ranges(
    problem: Problem, prices: Mapping[str, float], options: Options, *, seconds: float = 10.0
) -> PriceRanges:
    """Return the range of each right side in which its price holds, all other right sides as stated.

    Parameters
    ----------
    problem : with its ranges, where it is ``weighted``
    prices : by row name, an optimum of the relaxation's dual: ≥ 0 for at_most, ≤ 0 for at_least
    options : threads and seed
    seconds : allowed; a row that is not reached in them has no range

    Returns
    -------
    ranges : row name → (from, to) in the unit of the right side, ±inf where nothing ends it; the stated right side
        lies within. For a share of the plan and an average rate the right side is 0, in units of the measure (of
        interest): so much more, or less, than the limit allows. Empty where the prices are no optimum of the dual.
    """
    left = clock(Options(time_limit=seconds))
    ties = find_ties(problem, prices)
    return ranges_from_ties(problem.rows, ties, options, seconds=left())


def find_ties(problem: Problem, prices: Mapping[str, float]) -> Ties:
    """Return the ties at the prices: one pass over the book, in blocks of enterprises × rates."""
    worth = _largest_worth(problem)
    who, rate, line, may_decline, settled = _sorted_out(problem, prices, TIE * worth)
    own, owner = np.unique(who, return_inverse=True)
    rows = problem.rows
    used = np.zeros((len(rows), len(who)))
    total, added, priced = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    for r, row in enumerate(rows):
        form = problem.row_form(row)
        per_line, per_offer = problem.coefficients(form, who, rate)
        used[r] = per_line * line + per_offer
        parts = np.broadcast_to(settled.total(form), (problem.size,))
        total[r], added[r] = np.sum(parts), np.sum(np.abs(parts))
        largest = max(np.max(np.abs(parts), initial=0.0), np.max(np.abs(used[r]), initial=0.0))
        priced[r] = abs(prices.get(row.name, 0.0)) * largest > TIE * worth
    return Ties(owner.astype(np.int64), used, may_decline[own], total, added, priced)


def _sorted_out(
    problem: Problem, prices: Mapping[str, float], near: float
) -> tuple[Indices, Indices, Floats, NDArray[np.bool_], Choice]:
    """Return the tied choices (enterprise, rate, line), who may decline, (n,), and the choices of all others."""
    form = priced_form(problem, prices)
    n, position = problem.size, np.arange(len(problem.rates))
    none = np.zeros(0, dtype=np.int64)
    tied: list[tuple[Indices, Indices, Floats]] = [(none, none, np.zeros(0))]
    may_decline = np.zeros(n, dtype=bool)
    rate_of, line_of = np.full(n, -1, dtype=np.int64), np.zeros(n)
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        curve = problem.curve[block]
        line, exposure, interest, count = (
            np.reshape(spread(one, block), (-1, 1))
            for one in (form.line, form.exposure, form.interest, form.count)
        )
        slope = line + exposure * problem.exposure_table[curve] + interest * problem.interest_table[curve]
        ends = np.stack([problem.line_max[block], problem.line_min[block]], axis=1)
        net = ends[:, :, None] * slope[:, None, :] + count[:, :, None]  # (b, 2, rates)
        outside = (position < problem.first_rate[block, None]) | (position > problem.last_rate[block, None])
        net[np.broadcast_to(outside[:, None, :], net.shape)] = -np.inf
        net[ends[:, 0] == ends[:, 1], 1] = -np.inf  # one line is no tie with itself
        free = ~problem.must_lend[block]
        best = np.maximum(net.max(axis=(1, 2)), np.where(free, 0.0, -np.inf))
        as_good = net >= (best - near)[:, None, None]
        declines = free & (best <= near)
        several = as_good.sum(axis=(1, 2)) + declines > 1
        i, end, rate = np.nonzero(as_good & several[:, None, None])
        tied.append((i + start, rate, ends[i, end]))
        i, end, rate = np.nonzero(as_good & ~several[:, None, None])
        rate_of[i + start], line_of[i + start] = rate, ends[i, end]
        may_decline[block] = declines & several
    who, at, lines = (np.concatenate(parts) for parts in zip(*tied, strict=True))
    return who, at, lines, may_decline, problem.choice(rate_of, line_of)


def _largest_worth(problem: Problem) -> float:
    """Return about the largest part of the objective that one loan has."""
    if problem.size == 0:
        return 0.0
    form = problem.value_form
    per_line = (
        np.max(np.abs(form.line))
        + np.max(np.abs(form.exposure)) * np.max(problem.exposure_table)
        + np.max(np.abs(form.interest)) * np.max(problem.interest_table)
    )
    return float(np.max(problem.line_max) * per_line + np.max(np.abs(form.count)))


def ranges_from_ties(
    rows: Sequence[Row], ties: Ties, options: Options, *, seconds: float = 10.0
) -> PriceRanges:
    """Return the ranges where the ties are known; see :func:`price_ranges`."""
    left = clock(Options(time_limit=seconds))
    sense, amount = np.array([row.sense for row in rows]), np.array([row.amount for row in rows])
    room = amount - ties.settled
    # A row with a price is used up exactly; the others keep to their side.
    lower = np.where(ties.priced | (sense < 0), room, -np.inf)
    upper = np.where(ties.priced | (sense > 0), room, np.inf)
    counts = np.any(ties.used != 0.0, axis=1)
    dust = _ROUNDING * (np.abs(amount) + ties.added)
    if np.any(~counts & ((lower > dust) | (upper < -dust))):
        return {}  # no plan uses the prices' best choices alone: they are no optimum
    face = _Face(ties, counts, lower, upper, options, left()) if counts.any() else None
    ranges: PriceRanges = {}
    for r, row in enumerate(rows):
        least = most = 0.0
        if face is not None and counts[r]:
            reach = face.reach(r, least=ties.priced[r] or sense[r] > 0, most=ties.priced[r] or sense[r] < 0)
            if reach is None:
                return ranges if face.ran_out else {}
            least, most = reach
        low, high = min(ties.settled[r] + least, amount[r]), max(ties.settled[r] + most, amount[r])
        if not ties.priced[r]:
            low, high = (low, np.inf) if sense[r] > 0 else (-np.inf, high)
        ranges[row.name] = float(low) + 0.0, float(high) + 0.0
    return ranges


class _Face:
    """The plans of the relaxation that use the prices' best choices alone, as one model that HiGHS keeps."""

    def __init__(
        self,
        ties: Ties,
        counts: NDArray[np.bool_],
        lower: Floats,
        upper: Floats,
        options: Options,
        seconds: float,
    ) -> None:
        columns = len(ties.owner)
        self._used = ties.used[counts]
        self._place = np.cumsum(counts) - 1
        once = from_entries(
            ties.owner, np.arange(columns), np.ones(columns), (len(ties.may_decline), columns)
        )
        self._model = ArrayModel(
            cost=np.zeros(columns),
            lower=np.zeros(columns),
            upper=np.full(columns, np.inf),
            integer=np.zeros(columns, dtype=bool),
            matrix=stacked([from_rows(list(self._used), columns), once]),
            row_lower=np.concatenate([lower[counts], np.where(ties.may_decline, 0.0, 1.0)]),
            row_upper=np.concatenate([upper[counts], np.ones(len(ties.may_decline))]),
        )
        # HiGHS refuses another number of threads than ran before in this thread; 0 takes any.
        any_threads = replace(options, threads=0)
        self._highs, self._scaled = loaded(self._model, any_threads, seconds=seconds, exact=True)
        self._highs.setOptionValue("presolve", "off")  # each run starts from the last one's basis
        self._columns = np.arange(columns, dtype=np.int32)
        self.ran_out = False

    def reach(self, r: int, *, least: bool, most: bool) -> tuple[float, float] | None:
        """Return the least and the most that the ties can use of a row, its own bound set aside.

        What is not asked for is 0 for the least, and the same for the most; None where there is no such plan, or
        the time ran out.
        """
        place = int(self._place[r])
        infinity, measure = highspy.kHighsInf, self._scaled.row[place]
        self._highs.changeRowBounds(place, -infinity, infinity)
        ends = [0.0, 0.0]
        for end, sign, asked in ((0, -1.0, least), (1, 1.0, most)):
            if not asked:
                continue
            self._highs.changeColsCost(len(self._columns), self._columns, sign * self._used[place] * measure)
            self._highs.run()
            status = self._highs.getModelStatus()
            if status != highspy.HighsModelStatus.kOptimal:
                self.ran_out = status == highspy.HighsModelStatus.kTimeLimit
                return None
            ends[end] = float(self._used[place] @ np.array(self._highs.getSolution().col_value))
        bounds = self._model.row_lower[place] * measure, self._model.row_upper[place] * measure
        self._highs.changeRowBounds(place, max(bounds[0], -infinity), min(bounds[1], infinity))
        return ends[0], ends[1]
