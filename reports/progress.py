"""Displays on the terminal: of one search the stage, the best so far and the bound; of many points those done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from rich.console import Console

from lendplan.solvers.result import Progress


@contextlib.contextmanager
def search_display() -> Iterator[Callable[[Progress], None] | None]:
    """Show the search on standard error while the block runs; nothing where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with console.status("reading …", spinner="line") as status:

        def show(progress: Progress) -> None:
            status.update(describe(progress))

        yield show


class PointsDisplay:
    """A bar on standard error: points done of many, and the time left; nothing where that is no terminal."""

    def __init__(self) -> None:
        self.done = self.points = 0
        self._bar: Any = None

    def watch(self, step: Step) -> None:
        """Show how far the points of a sweep are."""
        self.show(step.done, step.points, step.failed)

    def show(self, done: int, points: int, failed: int = 0) -> None:
        """Show how many points are done, and how many of these have failed."""
        self.done, self.points = done, points
        if self._bar is None:
            console = Console(stderr=True)
            if not console.is_terminal:
                return
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("{task.completed:,.0f} of {task.total:,.0f} points"),
                progress.BarColumn(),
                progress.TimeRemainingColumn(elapsed_when_finished=True),
                progress.TextColumn("{task.description}"),
                console=console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=points)
        said = f"{failed:,} failed" if failed else ""
        self._bar.update(self._task, completed=done, description=said)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Step(Protocol):
    """How far many points are."""

    @property
    def done(self) -> int:
        """Points that are done."""
        ...

    @property
    def points(self) -> int:
        """All of them."""
        ...

    @property
    def failed(self) -> int:
        """Points that have no plan, and are not proven to have none."""
        ...


@contextlib.contextmanager
def points_display() -> Iterator[PointsDisplay]:
    """Show points while the block runs."""
    display = PointsDisplay()
    try:
        yield display
    finally:
        display.stop()


def describe(progress: Progress) -> str:
    """Say a step of the search in one line."""
    text = progress.stage
    if progress.incumbent is not None:
        text += f": best so far {progress.incumbent:.6g}"
    if progress.bound is not None:
        text += f", at most {progress.bound:.6g}"
    if progress.incumbent is not None and progress.bound is not None and progress.incumbent != 0:
        text += f", gap {abs(progress.bound - progress.incumbent) / abs(progress.incumbent):.1e}"
    return text
