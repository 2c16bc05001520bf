"""Processes that solve chains of points: started, told, heard, and replaced where one dies."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SERVE = "from lendplan.sweep.worker import serve; serve()"
_PATIENCE = 2.0  # seconds for a process to end by itself


@dataclass
class Chain:
    """Points that are solved one after another.

    Parameters
    ----------
    numbers : of the points that are left
    after : a point whose folder gives the first one its start; None for a start from nothing
    """

    numbers: list[int]
    after: int | None = None


@dataclass(frozen=True)
class Said:
    """What a process said, or that it has ended: ``message`` is None then."""

    worker: Worker
    message: Mapping[str, Any] | None


@dataclass
class Worker:
    """A process, and what it is at."""

    process: subprocess.Popen[str]
    chain: Chain | None = None
    ahead: Chain | None = None  # what it goes on with, so that it need not wait to be heard
    begun: int | None = None  # the point that it is at
    is_ready: bool = False

    def tell(self, said: Mapping[str, Any]) -> None:
        """Say something to the process; that it has gone is heard elsewhere."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write(json.dumps(said) + "\n")
            self.process.stdin.flush()


@dataclass
class Pool:
    """The processes of one sweep.

    Parameters
    ----------
    job : file that says what every one of them is to read
    """

    job: Path
    said: queue.SimpleQueue[Said] = field(default_factory=queue.SimpleQueue)
    workers: list[Worker] = field(default_factory=list)

    def start(self) -> Worker:
        """Start a process; it takes a while until it is ready, and may be given a chain before."""
        # A session of its own: Ctrl-C is for the process that asked, which ends the others.
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={
                **os.environ,
                **threads,
                "PYTHONPATH": os.pathsep.join(one or str(Path.cwd()) for one in sys.path),
            },
            start_new_session=True,
        )
        worker = Worker(process)
        self.workers.append(worker)
        worker.tell({"file": str(self.job), "directory": str(Path.cwd())})
        threading.Thread(target=self._hear, args=(worker,), name="worker", daemon=True).start()
        return worker

    def _hear(self, worker: Worker) -> None:
        assert worker.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in worker.process.stdout:
                self.said.put(Said(worker, json.loads(line)))
        worker.process.wait()
        self.said.put(Said(worker, None))

    def gone(self, worker: Worker) -> str:
        """Take a process that has ended out of the pool; say how it ended."""
        if worker in self.workers:
            self.workers.remove(worker)
        _closed(worker)
        code = worker.process.returncode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def close(self) -> None:
        """End all processes."""
        for worker in self.workers:
            with contextlib.suppress(OSError):
                worker.process.kill()
        for worker in self.workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(_PATIENCE)
            _closed(worker)
        self.workers.clear()


def _closed(worker: Worker) -> None:
    for stream in (worker.process.stdin, worker.process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.close()
