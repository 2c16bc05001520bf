"""A display of the search on the terminal: the stage, the best so far, the bound and the gap."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

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
