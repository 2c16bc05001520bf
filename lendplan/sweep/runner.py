"""A sweep from its points to their folders: what stands is kept, the rest is solved, side by side where it pays."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lendplan.errors import NO_PLAN, OutputError
from lendplan.reports.folder import explained
from lendplan.run import Scenario
from lendplan.sweep.place import Place
from lendplan.sweep.pointfolder import known_of
from lendplan.sweep.points import Point, chains_of, runs_of, unswept
from lendplan.sweep.pool import Chain, Pool, Worker
from lendplan.sweep.reading import outcome_in
from lendplan.sweep.work import Bench, Outcome, run_chain

_LARGE = (
    5_000  # enterprises from which all points are left to processes of their own: they may need all memory
)
_WORTH = 0.6  # seconds of work that are left: so much takes a further process to begin
_MANY = 16  # points: with so many it is not waited for how long the first takes
_STILLBORN = 2  # processes that end before their first point, until this one does all the work by itself


@dataclass(frozen=True)
class Step:
    """How far a sweep is, for a display."""

    done: int
    points: int
    failed: int


@dataclass
class Run:
    """The points of one sweep while they are solved.

    Parameters
    ----------
    scenario : read and checked
    points : to solve
    place : where they are collected
    watch : called with each step
    """

    scenario: Scenario
    points: Sequence[Point]
    place: Place
    watch: Callable[[Step], None] | None = None
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bench = Bench(self.scenario)
        self._by_number = {point.number: point for point in self.points}
        self.marks = {point.number: self.bench.fingerprint(point) for point in self.points}
        self.folders = {number: self.place.of(mark) for number, mark in self.marks.items()}
        self._stillborn = 0

    def all(self) -> dict[int, Outcome]:
        """Solve what does not stand yet; return what became of each point.

        Raises
        ------
        OutputError
            Where a point cannot be written.
        KeyboardInterrupt
            Where the user interrupted: the points that are finished stay.
        """
        whole = self.place.whole()
        for number, mark in self.marks.items():
            folder = whole.get(mark)
            outcome = None if folder is None else outcome_in(folder, number)
            if folder is not None and outcome is not None:
                self.folders[number] = folder
                self.outcomes[number] = outcome
        self._tell()
        heads, chains = self._chains()
        if heads or chains:
            self._solve(heads, chains)
        self._settle_twins()
        return self.outcomes

    def _chains(self) -> tuple[deque[Chain], deque[Chain]]:
        """Return what is left to solve: what this process does first, and what can then be done side by side.

        In a small book a few points, evenly spread, are solved one after another while other processes begin; each
        chain goes on from one of them. In a large one each chain begins from nothing, which costs little there.
        """
        seen = {self.marks[number] for number in self.outcomes}
        coming: set[int] = set()
        positions = range(len(self.points))
        if self._is_large:
            long = chains_of(len(self.points), self.scenario.settings.solver.threads)
            return deque(), deque(chain for run in long for chain in self._missing(run, seen, coming))
        runs = runs_of(len(self.points))
        heads = deque(self._missing([positions[run.start] for run in runs], seen, coming))
        return heads, deque(chain for run in runs for chain in self._missing(run, seen, coming))

    def _missing(self, run: Iterable[int], seen: set[str], coming: set[int]) -> Iterator[Chain]:
        """Yield what is left of a run; a chain starts from the neighbour that stands, or will stand, before it."""
        chain = Chain([])
        before: int | None = None
        for at in run:
            number = self.points[at].number
            if number in self.outcomes or number in coming:
                if chain.numbers:
                    yield chain
                    chain = Chain([])
                before = number
            elif self.marks[number] not in seen:  # else the same point as an earlier one
                seen.add(self.marks[number])
                coming.add(number)
                if not chain.numbers:
                    chain.after = before
                chain.numbers.append(number)
                before = number
        if chain.numbers:
            yield chain

    def _settle_twins(self) -> None:
        """Give points that are the same as an earlier one its outcome and its folder."""
        first: dict[str, int] = {}
        for point in self.points:
            number, mark = point.number, self.marks[point.number]
            twin = first.setdefault(mark, number)
            if number not in self.outcomes:
                one = self.outcomes[twin]
                self.outcomes[number] = Outcome(number, one.code, one.status, one.error)
                self.folders[number] = self.folders[twin]

    # --- side by side ---------------------------------------------------------------------------------------

    @property
    def _is_alone(self) -> bool:
        """Whether no other process takes part: data frames stand in this one alone."""
        return self.scenario.settings.solver.threads == 1 or self.scenario.case.scenario_path is None

    @property
    def _is_large(self) -> bool:
        return self.scenario.eligible > _LARGE and not self._is_alone

    def _solve(self, heads: deque[Chain], chains: deque[Chain]) -> None:
        most = self.scenario.settings.solver.threads
        with self._pool() as pool:
            if self._is_large:
                for _ in range(min(most, len(chains))):
                    self._give(pool.start(), chains)
                self._heed(pool, chains)
            started, left = time.perf_counter(), self._left()
            if left >= _MANY:
                self._begin(pool, chains)
            for _ in self._own(heads):
                each = (time.perf_counter() - started) / max(1, left - self._left())
                if each * self._left() > _WORTH:
                    self._begin(pool, chains)
                self._share(pool, chains)
            for _ in self._own(chains):
                self._share(pool, chains)
            self._heed(pool, chains)
            for _ in self._own(chains):  # what a process that died left behind
                pass

    def _begin(self, pool: Pool, chains: deque[Chain]) -> None:
        """Let other processes begin, where there are none and there may be."""
        if not self._is_alone and not pool.workers and not math.isinf(_WORTH):
            for _ in range(min(self.scenario.settings.solver.threads - 1, len(chains))):
                pool.start()

    @contextlib.contextmanager
    def _pool(self) -> Iterator[Pool]:
        job = self.place.folder / "job.json"
        pool = Pool(job)
        if self.scenario.case.scenario_path is not None:
            case = self.scenario.case
            said = {
                "scenario": str(case.scenario_path),
                "overrides": list(case.overrides),
                "hashes": [record.sha256 for record in case.inputs],
                "points": [
                    [one.number, dict(one.values), unswept(one.settings), one.overrides]
                    for one in self.points
                ],
            }
            try:
                job.write_text(json.dumps(said), encoding="utf-8")
            except OSError as error:
                raise OutputError(explained(self.place.final, error)) from error
        try:
            yield pool
        finally:
            pool.close()
            job.unlink(missing_ok=True)

    def _own(self, chains: deque[Chain]) -> Iterator[None]:
        """Solve chains in this process, as long as there are any; yield after each point."""
        while chains:
            chain = chains.popleft()
            known = None if chain.after is None else known_of(self.folders[chain.after])
            points = [self._by_number[number] for number in chain.numbers]
            for step in run_chain(self.bench, points, self.folders, self.marks, known):
                if isinstance(step, Outcome):
                    self._ended(step)
                    yield

    def _share(self, pool: Pool, chains: deque[Chain]) -> None:
        """Hear what the processes have said, and give something to those that are at nothing, or soon will be."""
        while not pool.said.empty():
            self._hear(pool, chains)
        for worker in list(pool.workers):
            if worker.chain is None or (worker.ahead is None and len(chains) > len(pool.workers)):
                self._give(worker, chains)

    def _give(self, worker: Worker, chains: deque[Chain]) -> None:
        """Give a process a chain whose first point has its start, if there is one, now or after the one it is at."""
        ready = next((one for one in chains if one.after is None or one.after in self.outcomes), None)
        if ready is None:
            return
        chains.remove(ready)
        if worker.chain is None:
            worker.chain, worker.begun = ready, None
        else:
            worker.ahead = ready
        numbers, after = ready.numbers, ready.after
        worker.tell(
            {
                "points": list(numbers),
                "folders": [str(self.folders[number]) for number in numbers],
                "marks": [self.marks[number] for number in numbers],
                "after": None if after is None else str(self.folders[after]),
            }
        )

    def _heed(self, pool: Pool, chains: deque[Chain]) -> None:
        """Hear the processes until none of them is at work."""
        while any(worker.chain is not None for worker in pool.workers):
            self._hear(pool, chains)

    def _hear(self, pool: Pool, chains: deque[Chain]) -> None:
        said = pool.said.get()
        worker, message = said.worker, said.message
        if message is None:
            self._bury(pool, worker, chains)
        elif "begun" in message:
            worker.begun = message["begun"]
        elif "ended" in message:
            outcome = Outcome(**message["ended"])
            assert worker.chain is not None
            worker.chain.numbers.remove(outcome.number)
            if outcome.status not in ("infeasible", "failed"):
                worker.chain.after = outcome.number
            worker.begun = None
            self._ended(outcome)
        elif "unwritable" in message:
            raise OutputError(message["unwritable"])
        elif "free" in message:
            worker.chain, worker.ahead = worker.ahead, None
            if worker.chain is None:
                self._give(worker, chains)

    def _bury(self, pool: Pool, worker: Worker, chains: deque[Chain]) -> None:
        """Mark the point that a process died at; another process goes on with what it left."""
        how = pool.gone(worker)
        if worker.ahead is not None:
            chains.appendleft(worker.ahead)
        if worker.chain is None:
            return
        left = worker.chain
        if worker.begun is not None:
            left.numbers.remove(worker.begun)
            told = f"the process that solved it died ({how}); run the same command again to try once more"
            self._ended(Outcome(worker.begun, NO_PLAN, "failed", told))
        else:
            self._stillborn += 1
        if left.numbers:
            chains.appendleft(left)
        if chains and self._stillborn < _STILLBORN:
            self._give(pool.start(), chains)

    def _left(self) -> int:
        return len(self.points) - len(self.outcomes)

    def _ended(self, outcome: Outcome) -> None:
        self.outcomes[outcome.number] = outcome
        self._tell()

    def _tell(self) -> None:
        if self.watch is not None:
            failed = sum(not one.stands for one in self.outcomes.values())
            self.watch(Step(len(self.outcomes), len(self.points), failed))
