"""A process that solves points for another: ``python -c "from lendplan.sweep.worker import serve; serve()"``.

It is told on its standard input, a line of JSON each: first the job (a file), then chains of points; it answers on
its standard output, a line of JSON each, when a point begins and when it ends. When the other process goes, however
it goes, standard input ends, and so does this one.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def serve() -> None:
    """Answer until standard input ends."""
    gc.set_threshold(100_000, 20, 20)  # as the command does: little of what there is ever goes in a cycle
    logging.disable(logging.CRITICAL)  # what there is to say of the tables was said by the other process
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that a library prints may stand between the answers
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(waiting,), name="listener", daemon=True).start()

    def answer(said: Mapping[str, Any]) -> None:
        answers.write(json.dumps(said) + "\n")
        answers.flush()

    job = _Job(json.loads(waiting.get()))
    answer({"ready": True})
    while True:
        job.run(json.loads(waiting.get()), answer)


def _listen(waiting: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        waiting.put(line)
    os._exit(0)  # the process that asked is gone: nobody waits for what is under way


def _load_what_points_take() -> None:
    """Import, while the other process is at work, what the first point would wait for."""
    from importlib import import_module

    for name in ("pyarrow.parquet", "lendplan.sweep.pointfolder", "lendplan.solvers.lagrangian"):
        import_module(name)


class _Job:
    """The scenario as this process has read it, and its points."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        from lendplan.run import load
        from lendplan.scenario import settings_from
        from lendplan.sweep.points import Point
        from lendplan.sweep.work import Bench

        _load_what_points_take()
        os.chdir(said["directory"])
        job = json.loads(Path(said["file"]).read_text(encoding="utf-8"))
        self.bench = Bench(load(job["scenario"], job["overrides"]))
        hashes = [record.sha256 for record in self.bench.base.inputs]
        if hashes != job["hashes"]:
            raise SystemExit("the scenario or a table was changed while the sweep ran")
        self.points = {
            number: Point(number, values, settings_from(plain, need_enterprises=False), tuple(overrides))
            for number, values, plain, overrides in job["points"]
        }

    def run(self, said: Mapping[str, Any], answer: Any) -> None:
        """Solve a chain of points: ``points``, their ``folders`` and ``marks``, ``after`` the folder of a neighbour."""
        from lendplan.errors import OutputError
        from lendplan.sweep.pointfolder import known_of
        from lendplan.sweep.work import plain_outcome, run_chain

        numbers = said["points"]
        folders = {number: Path(folder) for number, folder in zip(numbers, said["folders"], strict=True)}
        marks = dict(zip(numbers, said["marks"], strict=True))
        known = known_of(Path(said["after"])) if said["after"] else None
        points = [self.points[number] for number in numbers]
        try:
            for step in run_chain(self.bench, points, folders, marks, known):
                answer({"begun": step} if isinstance(step, int) else {"ended": plain_outcome(step)})
        except OutputError as error:
            answer({"unwritable": str(error)})
            return
        answer({"free": True})
