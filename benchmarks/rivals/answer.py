"""What every rival hands back, and what all of them share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lendplan.models.measures import Floats, Indices

THREADS = 2  # for each solver that can use them
SEED = 1


@dataclass
class Answer:
    """A plan, or none, and what the rival says of it.

    ``rate`` holds positions in the problem's rates, −1 for none; shapes (n,). ``bound`` is on the objective, constant
    included, None where the rival proves nothing. ``history`` holds (seconds since the start, value) of the plans found
    on the way by those who prove nothing. ``in_time`` is False where the time ended the search.
    """

    rate: Indices | None = None
    line: Floats | None = None
    bound: float | None = None
    in_time: bool = True
    history: list[tuple[float, float]] = field(default_factory=list)
    prices: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""


def clock_of(seconds: float) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return functions that tell the seconds spent, and those left, never below 0."""
    start = time.perf_counter()
    return lambda: time.perf_counter() - start, lambda: max(0.0, start + seconds - time.perf_counter())
