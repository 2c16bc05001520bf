"""Solves in processes of their own: started, timed out, weighed, judged."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from instances import instance
from judge import faults, value_of
from rivals.answer import THREADS, Answer

from lendplan.models.problem import Problem
from lendplan.solvers.result import relative_gap

_WORKER = Path(__file__).with_name("worker.py")
_GRACE, _GRACE_SECONDS = 1.3, 30.0  # a solver that ends this much after its time is ended


@dataclass(frozen=True)
class Measured:
    """One solve. ``fault`` says why it counts for nothing: killed, failed, or the plan is none; '' otherwise."""

    method: str
    gap: float
    seconds: float
    megabytes: float
    answer: Answer | None
    value: float | None
    fault: str = ""

    @property
    def in_time(self) -> bool:
        """Whether it ended by itself, with a plan that obeys."""
        return not self.fault and self.answer is not None and self.answer.in_time


class Laboratory:
    """A folder that holds the instances, and runs one solve at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._warm_up = self._kept("warm_up", instance(40, 2, "mixed", seed=1))
        self._number = 0

    def add(self, problem: Problem) -> Path:
        """Keep an instance for the processes to read."""
        self._number += 1
        return self._kept(f"instance_{self._number}", problem)

    def _kept(self, name: str, problem: Problem) -> Path:
        path = self._folder / f"{name}.pickle"
        path.write_bytes(pickle.dumps(problem))
        return path

    def measure(self, method: str, problem: Problem, instance: Path, gap: float, seconds: float) -> Measured:
        """Solve once, for at most so many seconds and a little grace."""
        target = self._folder / "answer.pickle"
        target.unlink(missing_ok=True)
        arguments = [sys.executable, str(_WORKER), method, str(instance), str(self._warm_up)]
        threads = {name: str(THREADS) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        process = subprocess.Popen(
            [*arguments, repr(gap), repr(seconds), str(target)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **threads},
            start_new_session=True,
        )
        try:
            _, errors = process.communicate(timeout=_GRACE * seconds + _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _ended(process)
            return Measured(method, gap, seconds, float("nan"), None, None, "out of time, ended by force")
        except BaseException:
            _ended(process)
            raise
        if process.returncode != 0 or not target.exists():
            last = errors.strip().splitlines()[-1] if errors.strip() else f"exit code {process.returncode}"
            memory = "MemoryError" in errors or "bad_alloc" in errors or process.returncode == -signal.SIGKILL
            return Measured(
                method, gap, float("nan"), float("nan"), None, None, "out of memory" if memory else last
            )
        answer, spent, _, held = pickle.loads(target.read_bytes())
        if answer.rate is None:
            fault = "no plan" if answer.in_time else "out of time, no plan"
            return Measured(method, gap, spent, held, answer, None, fault)
        wrong = faults(problem, answer)
        if wrong:
            return Measured(method, gap, spent, held, answer, None, f"breaks {', '.join(wrong[:3])}")
        return Measured(method, gap, spent, held, answer, value_of(problem, answer))


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """Open a laboratory in a folder that goes when it is closed."""
    with TemporaryDirectory(prefix="lendplan-benchmark-") as folder:
        yield Laboratory(Path(folder))


def best_bound(measured: list[Measured], others: list[float]) -> float:
    """Return the least bound known that no plan of the run contradicts."""
    best = max((one.value for one in measured if one.value is not None), default=float("-inf"))
    slip = 1e-9 * max(1.0, abs(best))
    known = [*others, *(one.answer.bound for one in measured if one.answer and one.answer.bound is not None)]
    return max(best, min((bound for bound in known if bound >= best - slip), default=float("inf")))


def gap_to(problem: Problem, bound: float, value: float) -> float:
    """Return the relative gap as the package defines it; infinite without a bound."""
    return relative_gap(bound, value, problem) if bound < float("inf") else float("inf")


def _ended(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
