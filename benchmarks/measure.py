"""What a benchmark yields, and how a time is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol


class Printed(Protocol):
    """A row of a benchmark's table."""

    def cells(self) -> dict[str, Any]:
        """Return column -> value, for the CSV."""
        ...

    def text(self) -> str:
        """Return the row as a line to print."""
        ...


@dataclass(frozen=True)
class Settings:
    """What the command line asks for; None leaves it to the benchmark."""

    quick: bool = False
    seconds: float | None = None
    sizes: tuple[int, ...] | None = None
    limits: tuple[int, ...] | None = None
    methods: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None


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

    @property
    def met(self) -> str:
        """Whether the wanted ratio is kept; '' where none is wanted."""
        return kept(self.ratio, self.wanted)

    def cells(self) -> dict[str, Any]:
        """Return column -> value."""
        own = {column.name: getattr(self, column.name) for column in fields(self)}
        return {**own, "ratio": self.ratio, "met": self.met}

    def text(self) -> str:
        """Return one line."""
        return (
            f"{self.case:62} {self.seconds:9.3f} s  against {self.reference:32} {self.reference_seconds:9.3f} s  "
            f"ratio {self.ratio:8.4f}  {self.wanted:8} {self.met:6} {self.note}"
        )


@dataclass(frozen=True)
class Figure:
    """One number that is no comparison of times."""

    case: str
    figure: float
    unit: str
    wanted: str = ""
    note: str = ""

    def cells(self) -> dict[str, Any]:
        """Return column -> value."""
        own = {column.name: getattr(self, column.name) for column in fields(self)}
        return {**own, "met": kept(self.figure, self.wanted)}

    def text(self) -> str:
        """Return one line."""
        met = kept(self.figure, self.wanted)
        return f"{self.case:62} {self.figure:9.4g} {self.unit:8} {self.wanted:8} {met:6} {self.note}"


def kept(figure: float, wanted: str) -> str:
    """Say whether ``<= 0.02`` is kept by a figure; '' where no plain number is wanted."""
    words = wanted.split()
    if len(words) != 2 or words[0] != "<=":
        return ""
    return "met" if figure <= float(words[1]) else "missed"


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
