"""What a benchmark yields, and how a time is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison; ``ratio`` is seconds over reference seconds."""

    case: str
    seconds: float
    reference: str
    reference_seconds: float
    wanted: str = ""
    note: str = ""

    @property
    def ratio(self) -> float:
        """Seconds over reference seconds."""
        return self.seconds / self.reference_seconds


def alternating(
    measured: Callable[[], object], reference: Callable[[], object], runs: int
) -> tuple[float, float]:
    """Return the median seconds of both, run in turn after one run of each that does not count."""
    measured(), reference()
    pairs = [(seconds(measured), seconds(reference)) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def command(arguments: Sequence[str]) -> Callable[[], object]:
    """Return a call that runs a whole process, its output thrown away; a failure is an error."""
    import subprocess

    return lambda: subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
