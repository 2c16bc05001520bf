"""One measurement in a process of its own: ``python worker.py METHOD INSTANCE WARM_UP GAP SECONDS ANSWER``.

INSTANCE and WARM_UP are pickled problems, ANSWER is the pickled outcome. The warm-up, a problem of a few dozen
enterprises, is solved first and not counted: it loads what is loaded once. A call of less than ``SHORT`` seconds is
repeated, and the median of its times counts. Memory is the most that the process ever held.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import statistics
import sys
import time
from pathlib import Path

from memory import peak_megabytes
from rivals.answer import Answer

SHORT = 1.0
REPEATS = 5
_WARM_UP_SECONDS = 1.0
_MEMORY_SHARE = 0.85  # of the machine's memory


def main() -> None:
    method, instance, warm_up, gap, seconds, answer = sys.argv[1:]
    _limit_memory()
    solve = importlib.import_module(f"rivals.{method}").solve
    solve(pickle.loads(Path(warm_up).read_bytes()), 1e-2, _WARM_UP_SECONDS)
    problem = pickle.loads(Path(instance).read_bytes())
    before = peak_megabytes()
    times: list[float] = []
    found: Answer | None = None
    while not times or (sum(times) < SHORT and len(times) < REPEATS):
        started = time.perf_counter()
        found = solve(problem, float(gap), float(seconds))
        times.append(time.perf_counter() - started)
    outcome = (found, statistics.median(times), before, peak_megabytes())
    Path(answer).write_bytes(pickle.dumps(outcome))


def _limit_memory() -> None:
    """Take most of the machine's memory at most, so that this process fails and the machine does not."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        most = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * _MEMORY_SHARE)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main()
