"""What the commands share: how one runs and ends. An error becomes a message and an exit code, never a traceback.

Nothing heavy is imported here: ``--help`` needs neither tables nor a solver.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import logging
import os
import signal
import sys
from typing import Annotated, Any

import typer

from lendplan.interrupts import prompt_interrupts

resources = contextlib.ExitStack()
"""Of the command that runs; closed when it ends."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


def print_version(wanted: bool) -> None:
    """Print the version and end, as an eager option's callback."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"lendplan {version('lendplan')}")
        raise typer.Exit


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def console() -> Any:
    """Return where tables are printed."""
    from rich.console import Console

    found = Console()
    # Where the output is no terminal nothing is wrapped to its width; tables keep their columns.
    return found if found.is_terminal else Console(width=140)


def main_of(app: typer.Typer, name: str, arguments: list[str] | None) -> None:
    """Run a command and end the process.

    Parameters
    ----------
    app : the command
    name : as the user types it
    arguments : those of the process unless given
    """
    # What is loaded stays to the end: looking through it for cycles, once more as the process ends, takes a sixth of
    # the time of a small book.
    gc.set_threshold(100_000, 20, 20)
    atexit.register(gc.freeze)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s: %(message)s")
    for level, label in ((logging.INFO, "note"), (logging.WARNING, "warning")):
        logging.addLevelName(level, label)
    # What the handlers of `run` give way to: an interrupt after the command has ended changes nothing any more.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(run_of(app, name, sys.argv[1:] if arguments is None else arguments))


def run_of(app: typer.Typer, name: str, arguments: list[str]) -> int:
    """Run a command with these arguments and return its exit code."""
    from lendplan.errors import INTERRUPTED

    try:
        with prompt_interrupts(_abandon, INTERRUPTED), resources:
            app(arguments, prog_name=name)
        return 0
    except SystemExit as ended:  # how typer returns, also after a mistake in the arguments
        code = ended.code if isinstance(ended.code, int) else 0
        if code == INTERRUPTED:
            typer.echo("interrupted; nothing was written", err=True)
        return code
    except KeyboardInterrupt:
        typer.echo("interrupted; nothing was written", err=True)
        return INTERRUPTED
    except Exception as error:
        return _explained(error, as_json="--json" in arguments)


def _abandon() -> None:
    """Clean up, and say so, in a process that is about to be ended the hard way."""
    folders = sys.modules.get("lendplan.reports.folder")
    if folders is not None:
        folders.abandon()
    clusters = sys.modules.get("lendplan.clusterclient")
    if clusters is not None:
        clusters.abandon()
    os.write(2, b"interrupted; nothing was written\n")


def _explained(error: Exception, *, as_json: bool) -> int:
    from lendplan.data.findings import InputError
    from lendplan.errors import InfeasibleError, LendplanError, exit_code_of

    if isinstance(error, LendplanError | InputError):
        if as_json and isinstance(error, InfeasibleError):
            print_json(error.summary)
        typer.echo(str(error), err=True)
        return exit_code_of(error)
    if isinstance(error, MemoryError):
        typer.echo("the machine's memory is not enough for these inputs; nothing was written", err=True)
        return exit_code_of(error)
    if os.environ.get("LENDPLAN_DEBUG"):
        raise error
    typer.echo(
        f"lendplan failed on something it did not foresee ({type(error).__name__}: {error}); nothing was written. "
        "Set LENDPLAN_DEBUG=1 to see where, and please report it",
        err=True,
    )
    return exit_code_of(error)
