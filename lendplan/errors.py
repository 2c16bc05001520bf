"""What can go wrong, and the exit code of each; what is wrong with an input is :class:`InputError` of the data room."""

from __future__ import annotations

from typing import Any

from lendplan.data.findings import InputError

OK = 0
USAGE = 2
BAD_INPUT = 3
INFEASIBLE = 4
LIMIT_REACHED = 5
NO_PLAN = 6
CHECK_FAILED = 7
NOT_WRITTEN = 8
INTERRUPTED = 130


class LendplanError(Exception):
    """A run that ends without a plan; the message is for the user."""

    exit_code: int = CHECK_FAILED


class InfeasibleError(LendplanError):
    """No plan obeys budget, limits and `must: lend` together; ``summary`` says what ``--json`` prints."""

    exit_code = INFEASIBLE

    def __init__(self, message: str, summary: dict[str, Any]) -> None:
        super().__init__(message)
        self.summary = summary


class NoPlanError(LendplanError):
    """The time, or the solver, ended before a plan was found."""

    exit_code = NO_PLAN


class ClusterError(LendplanError):
    """The machines of a cluster were lost before there was a plan."""

    exit_code = NO_PLAN


class CheckFailedError(LendplanError):
    """The answer did not pass the independent check; nothing of it is kept."""

    exit_code = CHECK_FAILED


class InterruptedRunError(LendplanError):
    """The user stopped the run before a plan was found."""

    exit_code = INTERRUPTED


class OutputError(LendplanError):
    """The output could not be written; what stood there before stands."""

    exit_code = NOT_WRITTEN


def exit_code_of(error: BaseException) -> int:
    """Return the exit code that an error ends the command with."""
    if isinstance(error, LendplanError):
        return error.exit_code
    return BAD_INPUT if isinstance(error, InputError) else CHECK_FAILED
