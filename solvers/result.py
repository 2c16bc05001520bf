"""What a solver hands back: why it stopped, what is in hand, and how good that is proven to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats
from lendplan.models.problem import Problem


class StopReason(Enum):
    """Why the solver stopped."""

    PROVEN = "proven"  # the plan is within the asked gap of the bound, or there is proven to be none
    TIME_LIMIT = "time limit"  # the time allowed was used up
    EFFORT = "effort"  # what is left of the gap would take a search that is not made for books of this size
    INTERRUPTED = "interrupted"  # the user asked it to stop
    FAILED = "failed"  # the engine gave up: its own words are in `detail`


class SolutionStatus(Enum):
    """What is in hand."""

    OPTIMAL = "optimal"  # a plan, proven within the gap
    FEASIBLE = "feasible"  # a plan, not proven within the gap
    NONE = "none"  # no plan was found, and none is proven not to exist
    INFEASIBLE = "infeasible"  # proven: no plan obeys budget, limits and `must: lend` together


@dataclass(frozen=True)
class Progress:
    """A step of the search, for a display. ``bound`` and ``incumbent`` are in the objective's unit."""

    stage: str
    incumbent: float | None = None
    bound: float | None = None


@dataclass(frozen=True)
class Start:
    """What is known of a similar problem: where the search begins. It never changes what is proven.

    Parameters
    ----------
    prices : by row name; a row that is not named begins at 0
    rate : shape (n,), positions in the problem's rates, −1 for none; None where no plan is known
    line : shape (n,), 0 where nothing is lent
    """

    prices: Mapping[str, float]
    rate: NDArray[np.int64] | None = None
    line: Floats | None = None


@dataclass(frozen=True)
class Options:
    """How to solve. ``gap`` is relative, as the design defines it; ``time_limit`` is in seconds, for all stages."""

    gap: float = 1e-6
    time_limit: float = 300.0
    threads: int = 2
    seed: int = 0
    watch: Callable[[Progress], None] | None = None
    start: Start | None = None  # heeded by the Lagrangian solver alone


@dataclass(frozen=True)
class LimitChange:
    """What one limit in a conflict would have to become.

    ``alone`` is the amount, share or rate at which, all else as it stands, a plan exists; None where no change
    of this limit alone is enough. ``together`` is its value in the least total change.
    """

    name: str
    stated: float
    unit: str  # amount | share | rate | enterprises
    alone: float | None
    together: float
    alone_proven: bool = (
        True  # False where the time ran out: `alone` works, but less might; None may be not found
    )


@dataclass(frozen=True)
class Conflict:
    """Why no plan exists, in the words of the scenario."""

    changes: tuple[LimitChange, ...]
    relaxed_feasible: (
        bool  # True: with lines mixed continuously a plan exists; only all-or-nothing forbids it
    )
    together_proven: bool = True
    needed_proven: bool = True  # whether each of the limits is proven to be needed for the conflict


Branch = tuple[str, str, float | None]
"""A split of one enterprise: (id, ``at_most`` | ``above``, rate or None) or (id, ``line_at_…``, line)."""


@dataclass(frozen=True)
class Branched:
    """Prices for a part of the plans: those that keep to the branches, root first."""

    branches: tuple[Branch, ...]
    prices: Floats  # (rows,)


@dataclass(frozen=True)
class SearchProof:
    """The leaves of a search that show the bound, and the prices at which choices were dropped on the way."""

    leaves: tuple[Branched, ...]
    fixings: tuple[Branched, ...]


@dataclass(frozen=True)
class Result:
    """The outcome of a solve. ``rate`` holds positions in the problem's rates, −1 for none; shapes (n,)."""

    stop: StopReason
    solution: SolutionStatus
    problem: Problem  # with its payoff ranges, where it needs them
    rate: NDArray[np.int64] | None = None
    line: Floats | None = None
    bound: float | None = None  # on the scenario's objective; None where the formulation does not bound it
    prices: Mapping[str, float] = field(default_factory=dict)  # by row name, d objective / d right side
    price_ranges: Mapping[str, tuple[float, float]] = field(
        default_factory=dict
    )  # of right sides; may lack rows
    proof: SearchProof | None = None  # where a search went further than the prices alone
    seconds: Mapping[str, float] = field(default_factory=dict)
    solver: str = ""
    seed: int = 0
    detail: str = ""
    conflict: Conflict | None = None


_ROUNDING = 1e-9


def objective_scale(problem: Problem) -> float:
    """Return the least size that a gap is measured against: 1 for ``weighted``, 1e-9 × budget for ``profit``."""
    return 1.0 if problem.objective.kind == "weighted" else 1e-9 * problem.budget


def relative_gap(bound: float, objective: float, problem: Problem) -> float:
    """Return (bound − objective) / max(|objective|, scale), with 0/0 = 0.

    Never negative: the caller has checked that the bound is not below the objective.
    """
    distance = max(bound - objective, 0.0) + 0.0  # no negative zero
    size = max(abs(objective), objective_scale(problem))
    if size == 0.0:  # a budget of 0 and a plan worth nothing: only rounding is left
        return 0.0 if distance <= _ROUNDING else float("inf")
    return distance / size
