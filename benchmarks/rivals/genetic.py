"""A genetic algorithm, as it is commonly set up for this problem.

One gene for the rate (or none) and one for the line of each enterprise; tournaments of three, uniform crossover, a few
mutations a plan, the best kept. A plan that obeys beats one that does not, and of two that do not the one of less
excess wins (Deb 2000, Computer Methods in Applied Mechanics and Engineering 186). In every generation the best plan is
repaired greedily, which is kind to it: without repair it finds hardly any plan that obeys. It ends after ``PATIENCE``
generations without an improvement; the lines of the best plan are then solved again as a linear problem.
"""

from __future__ import annotations

import numpy as np

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Problem
from lendplan.solvers.polish import polish
from lendplan.solvers.result import Options
from rivals.activity import Activity
from rivals.answer import SEED, THREADS, Answer, clock_of

POPULATION = 80
PATIENCE = 1500
_REPAIRS = 60  # steps of one repair
_MUTATIONS = 3.0  # genes of each kind, a plan
_BETTER = 1e-9


def solve(problem: Problem, gap: float, seconds: float) -> Answer:
    """Search until nothing better is found for long, or the time is over."""
    spent, left = clock_of(seconds)
    draw = np.random.default_rng(SEED)
    activity = Activity(problem)
    rate, share = _first(problem, draw)
    best: tuple[float, Indices, Floats] | None = None
    history: list[tuple[float, float]] = []
    idle = 0
    while idle < PATIENCE and left() > 0:
        excess, value = activity.of(rate, _lines(problem, share))
        rank = _ranked(excess.sum(axis=1), value)
        top = int(rank[0])
        mended, line, obeys = activity.mended(rate[top], _lines(problem, share[top]), _REPAIRS)
        idle += 1
        if obeys:
            _, worth = activity.of(mended[None], line[None])
            if best is None or worth[0] > best[0] + _BETTER * abs(best[0]):
                best = (float(worth[0]), mended, line)
                history.append((spent(), best[0]))
                idle = 0
        rate, share = _next(problem, draw, rate, share, rank)
        rate[0], share[0] = rate[top], share[top]
        if best is not None:
            rate[1], share[1] = best[1], _share(problem, best[2])
    if best is None:
        return Answer(in_time=left() > 0, detail="no plan that obeys")
    rate_found, line_found = polish(
        problem, best[1], best[2], Options(gap=gap, threads=THREADS), seconds=left()
    )
    value_found = problem.value(problem.choice(rate_found, line_found))
    history.append((spent(), value_found))
    return Answer(rate_found, line_found, None, idle >= PATIENCE, history)


def _first(problem: Problem, draw: np.random.Generator) -> tuple[Indices, Floats]:
    """Draw plans that spend about the budget."""
    shape = (POPULATION, problem.size)
    some = min(1.0, problem.budget / max(float(np.sum(0.5 * (problem.line_min + problem.line_max))), 1e-300))
    lent = (draw.random(shape) < some * draw.random((POPULATION, 1))) | problem.must_lend
    return np.where(lent, _rates(problem, draw, shape), -1), draw.random(shape)


def _rates(problem: Problem, draw: np.random.Generator, shape: tuple[int, int]) -> Indices:
    return draw.integers(problem.first_rate, problem.last_rate + 1, size=shape, dtype=np.int64)


def _lines(problem: Problem, share: Floats) -> Floats:
    line = problem.line_min + share * (problem.line_max - problem.line_min)
    step = problem.line_step
    return np.where(step > 0, np.round(line / np.where(step > 0, step, 1.0)) * step, line)


def _share(problem: Problem, line: Floats) -> Floats:
    reach = problem.line_max - problem.line_min
    return np.clip((line - problem.line_min) / np.where(reach > 0, reach, 1.0), 0.0, 1.0)


def _ranked(excess: Floats, value: Floats) -> Indices:
    """Order plans: those that obey by value, then the others by excess."""
    return np.lexsort((-value, excess))


def _next(
    problem: Problem, draw: np.random.Generator, rate: Indices, share: Floats, rank: Indices
) -> tuple[Indices, Floats]:
    place = np.empty(POPULATION, dtype=np.int64)
    place[rank] = np.arange(POPULATION)
    entrants = draw.integers(POPULATION, size=(2, POPULATION, 3))
    mother, father = (
        group[np.arange(POPULATION), np.argmin(place[group], axis=1)] for group in (entrants[0], entrants[1])
    )
    shape = rate.shape
    of_mother = draw.random(shape) < 0.5
    rate = np.where(of_mother, rate[mother], rate[father])
    share = np.where(of_mother, share[mother], share[father])
    turned = draw.random(shape) < _MUTATIONS / problem.size
    declined = (draw.random(shape) < 0.5) & ~problem.must_lend
    rate = np.where(turned, np.where(declined, -1, _rates(problem, draw, shape)), rate)
    moved = draw.random(shape) < _MUTATIONS / problem.size
    # Half of the new lines are the least or the largest: most lines of good plans are.
    fresh = np.clip(draw.random(shape) * 2.0 - 0.5, 0.0, 1.0)
    return rate, np.where(moved, fresh, share)
