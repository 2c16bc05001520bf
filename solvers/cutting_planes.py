r"""Good prices from nothing: stabilised cutting planes, with HiGHS as the master.

Each evaluation of D at prices λ_j gives a cut, D(λ) ≥ D(λ_j) + (b − a_j)·(λ − λ_j). The master is the smallest value
that all cuts allow: a linear problem of one column a row of the problem. Its prices are trusted only within a box
around the best ones so far (the boxstep method: Marsten, Hogan and Blankenship, Operations Research 23, 1975), which
grows where the model foretells well and shrinks where it does not.
"""

from __future__ import annotations

from collections.abc import Callable

import highspy
import numpy as np

from lendplan.models.measures import Floats
from lendplan.solvers.pricing import Evaluation

# Tried on books of 302 to 5,000 with 9 to 12 rows that bind: with these, 120 evaluations come within 1e-6 of the
# least D; with a centre that moves at a tenth of what was foretold and a box that is halved, within 1e-4.
_SERIOUS = 1e-4  # of the foretold improvement: a step that gives this much moves the centre
_TRUSTED = 0.3  # a step that gives this much widens the box
_WIDER, _NARROWER = 2.0, 0.8
_WIDENINGS = 8  # where nothing is foretold: D may be flat without end, and far out it is only rounding


class Master:
    """The lower model of D, in units in which prices and D are about 1."""

    def __init__(self, sense: Floats, unit: Floats, size: float) -> None:
        self._rows = len(sense)
        self._unit, self._size = unit, size
        self._highs = highspy.Highs()
        for option, setting in (
            ("output_flag", False),
            ("primal_feasibility_tolerance", 1e-10),
            ("dual_feasibility_tolerance", 1e-10),
        ):
            self._highs.setOptionValue(option, setting)
        infinity = highspy.kHighsInf
        for _ in range(self._rows + 1):
            self._highs.addVar(-infinity, infinity)
        self._highs.changeColCost(self._rows, 1.0)
        self._columns = np.arange(self._rows + 1, dtype=np.int32)

    def add(self, at: Evaluation, slope: Floats) -> None:
        """Add the cut of one evaluation."""
        steep = slope * self._unit / self._size
        constant = at.bound / self._size - float(steep @ (at.prices / self._unit))
        self._highs.addRow(constant, highspy.kHighsInf, self._rows + 1, self._columns, np.append(-steep, 1.0))

    def lowest(self, lower: Floats, upper: Floats) -> tuple[Floats, float] | None:
        """Return the prices in the box at which the model is lowest, and its value; None where HiGHS gives up."""
        self._highs.changeColsBounds(self._rows, self._columns[:-1], lower / self._unit, upper / self._unit)
        self._highs.run()
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        x = np.array(self._highs.getSolution().col_value)
        return np.clip(x[:-1] * self._unit, lower, upper), float(x[-1]) * self._size


def descend(
    evaluate: Callable[[Floats], Evaluation],
    amount: Floats,
    sense: Floats,
    start: Evaluation,
    unit: Floats,
    *,
    steps: int,
    tolerance: float,
    enough_time: Callable[[], bool],
) -> tuple[list[Evaluation], Floats]:
    """Lower D by cutting planes.

    Parameters
    ----------
    evaluate : prices (rows,) → D and its slope there
    amount, sense : shape (rows,), right sides, +1 for at_most and −1 for at_least
    start : where to begin
    unit : shape (rows,), the size of a first step in each price
    steps : most evaluations
    tolerance : relative; less than this to be gained is no reason to go on
    enough_time : asked before each step

    Returns
    -------
    bundle : all that was evaluated, the lowest first
    radius : shape (rows,), the box that was trusted in the end
    """
    size = max(abs(start.bound), float(np.abs(start.slope(amount)) @ unit))
    if not size > 0.0:
        return [start], unit
    master = Master(sense, unit, size)
    master.add(start, start.slope(amount))
    best, radius, bundle = start, unit.copy(), [start]
    widenings = 0
    for _ in range(steps):
        if not enough_time():
            break
        lower, upper = box(best.prices, radius, sense)
        lowest = master.lowest(lower, upper)
        if lowest is None:  # what was found so far is good enough to go on from
            break
        prices, model = lowest
        foretold = best.bound - model
        pressed = (prices <= lower) & (lower != 0.0) | (prices >= upper) & (upper != 0.0)
        if foretold <= tolerance * max(abs(best.bound), 1e-300):
            if not pressed.any() or widenings == _WIDENINGS:
                break
            widenings += 1
            radius = np.where(pressed, 4.0 * radius, radius)
            continue
        trial = evaluate(prices)
        bundle.append(trial)
        master.add(trial, trial.slope(amount))
        gained = best.bound - trial.bound
        if gained >= _TRUSTED * foretold:
            radius = np.where(pressed, _WIDER * radius, radius)
        elif gained <= 0.0:
            radius = _NARROWER * radius
        if gained >= _SERIOUS * foretold:
            best = trial
    return sorted(bundle, key=lambda at: at.bound), radius


def box(centre: Floats, radius: Floats, sense: Floats) -> tuple[Floats, Floats]:
    """Return the ends of a box of prices, cut to the signs that prices may have."""
    lower, upper = centre - radius, centre + radius
    return np.where(sense > 0, np.maximum(lower, 0.0), lower), np.where(
        sense > 0, upper, np.minimum(upper, 0.0)
    )
