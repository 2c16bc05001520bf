"""The machines that a scenario names: processes of this one, or a Dask scheduler's workers."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lendplan.data.findings import Finding, InputError
from lendplan.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

LOCAL = "local"
_PATIENCE = 10.0  # seconds for an address to answer
_AT_THE_END = 1.0  # seconds for workers to stop by themselves


_running: list[Any] = []  # clusters of this machine that were started here


def abandon() -> None:
    """End the processes that were started here, at once; for a process that is about to be ended."""
    logging.getLogger("distributed").setLevel(
        logging.CRITICAL
    )  # what it says of them comes late, and is no news
    for cluster in _running:
        for nanny in cluster.workers.values():
            with contextlib.suppress(Exception):  # one that has ended, or was not yet there
                os.kill(nanny.pid, signal.SIGKILL)


@contextlib.contextmanager
def connected(cluster: str, threads: int, locate: Callable[[str], Finding]) -> Iterator[Client]:
    """Give a client of the machines that a scenario names; those of this machine end with the block.

    Parameters
    ----------
    cluster : ``local``, or the address of a Dask scheduler
    threads : processes of this machine where it is ``local``
    locate : turns a message into a finding about the scenario's key

    Raises
    ------
    InputError
        If Dask is not installed, nobody answers at the address, or its workers have another lendplan.
    """
    if importlib.util.find_spec("distributed") is None:
        raise InputError(locate("needs Dask, which is not installed: pip install 'lendplan[cluster]'"))
    import distributed.client  # so that its loggers are there to be silenced

    del distributed
    there = _processes(threads) if cluster == LOCAL else _workers_at(cluster, locate)
    with _silent(), there as client:
        yield client


@contextlib.contextmanager
def _processes(threads: int) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    stack = contextlib.ExitStack()
    try:
        with _deaf_to_interrupts(), _started():
            cluster = LocalCluster(
                n_workers=threads,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",  # any free port: another run has the usual one
                silence_logs=logging.CRITICAL,
            )
            _running.append(cluster)
            stack.callback(_running.remove, cluster)
            stack.callback(_ended, cluster.close)
            client = Client(cluster)
            stack.callback(_ended, client.close)
        yield client
    except KeyboardInterrupt:
        abandon()  # who works for minutes does not hear that the end is near
        raise
    finally:
        stack.close()


def _ended(close: Callable[..., Any]) -> None:
    """Close what is ours; workers that take long over it, as those with much in their memory do, are ended."""
    try:
        close(timeout=_AT_THE_END)
    except TimeoutError:
        abandon()
        with contextlib.suppress(TimeoutError):
            close(timeout=_AT_THE_END)


@contextlib.contextmanager
def _started() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ClusterError(
            f"the processes of `{LOCAL}` did not start ({error}); a script that solves in parts begins its work under "
            '`if __name__ == "__main__":`'
        ) from error


@contextlib.contextmanager
def _workers_at(address: str, locate: Callable[[str], Finding]) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = (
            f"nobody answers at {address} ({reason}); start `dask scheduler` there and `dask worker {address}` on each "
            f"machine, or write `{LOCAL}` for processes of this one"
        )
        raise InputError(locate(message)) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            message = f"{address} has no workers; start `dask worker {address}` on each machine"
            raise InputError(locate(message)) from error
        try:
            answers: Any = client.run(_version)
            theirs = set(answers.values())
        except Exception as error:  # whatever a worker without lendplan answers
            raise InputError(locate(f"the workers of {address} have no lendplan: {error}")) from error
        if theirs != {version("lendplan")}:
            told = ", ".join(sorted(map(str, theirs)))
            raise InputError(
                locate(f"the workers of {address} have lendplan {told}, and this is {version('lendplan')}")
            )
        yield client


def _version() -> str:
    return version("lendplan")


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Start processes that a Ctrl-C in the terminal does not reach: the one that started them ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep to ourselves what Dask logs of connections that end: that they end is meant, or is told otherwise."""
    known = [*logging.root.manager.loggerDict]
    names = [name for name in known if name.partition(".")[0] in ("distributed", "tornado", "asyncio")]
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what Dask raises where its workers are lost for good into an error for the user.

    Raises
    ------
    ClusterError
    """
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        yield
    except KilledWorker as error:
        raise ClusterError(
            "the workers died over the same part again and again, most likely for want of memory; nothing was "
            "written. Give them more memory, or lower solver.threads where the cluster is `local`"
        ) from error
    except (CommClosedError, OSError) as error:
        if not isinstance(error, CommClosedError | TimeoutError | ConnectionError):
            raise
        raise ClusterError(
            f"the connection to the cluster was lost ({error}); nothing was written"
        ) from error
