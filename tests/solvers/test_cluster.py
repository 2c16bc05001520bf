"""A problem in parts over a cluster answers as one process does, to the last bit, also where a worker dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lendplan.models import sums
from lendplan.models.problem import Problem, reordered
from lendplan.models.tally import tally_of
from lendplan.solvers import lagrangian, pricing
from lendplan.solvers.pricing import Lagrangian, Settlement
from lendplan.solvers.result import Options
from lendplan.solvers.rowtable import Value

distributed = pytest.importorskip("distributed")
from parted import BLOCK, SIZE, make, problem  # noqa: E402

from lendplan.solvers import cluster  # noqa: E402
from lendplan.solvers.cluster import ClusterBook, Part, part_of  # noqa: E402

VALUE = Value(1.0, -1.0)


def divided(client: Any, parts: int, seconds: float = 0.0) -> ClusterBook:
    blocks = -(-SIZE // BLOCK)
    cuts = [BLOCK * (blocks * k // parts) for k in range(parts)] + [SIZE]
    return ClusterBook(
        client,
        reordered(problem(), np.arange(0)),
        [
            Part(first, last - first, partial(make, first, last, seconds), f"test-{parts}-{seconds}-{first}")
            for first, last in pairwise(cuts)
        ],
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as machines,
        distributed.Client(machines) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sums, pricing, lagrangian):
        monkeypatch.setattr(module, "BLOCK", BLOCK)


@pytest.fixture(scope="module")
def prices() -> np.ndarray:
    sense = np.array([row.sense for row in problem().rows])
    return sense * np.random.default_rng(8).uniform(0.0, 0.03, len(sense))


def equal(one: Problem, other: Problem) -> bool:
    fields = ("enterprise", "line_min", "line_max", "curve", "risk_weight", "must_lend")
    codes = [
        (a.members.codes == b.members.codes).all()
        for a, b in zip(one.limits, other.limits, strict=True)
        if a.members is not None and b.members is not None
    ]
    return all((getattr(one, name) == getattr(other, name)).all() for name in fields) and all(codes)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_every_answer_is_that_of_one_process(client: Any, parts: int, prices: np.ndarray) -> None:
    one, book = Lagrangian(problem()), divided(client, parts)
    assert book.size == SIZE
    ours, theirs = book.evaluate(prices, VALUE), one.evaluate(prices, VALUE)
    assert (ours.bound, ours.revenue, ours.risk) == (theirs.bound, theirs.revenue, theirs.risk)
    assert (ours.used == theirs.used).all()
    for most in (1, 40, SIZE - 1, SIZE):
        found, beyond = book.closest(prices, VALUE, most)
        expected, above = one.closest(prices, VALUE, most)
        assert (found == expected).all()
        assert beyond == above
    for at, mine in zip(one.choices(prices, VALUE), book.choices(prices, VALUE), strict=True):
        assert (at == mine).all()
    mixed = np.array([990, 3, 500, 4, 64, 63])
    assert equal(book.gather(mixed), one.gather(mixed))
    assert equal(book.whole(), problem())


def test_of_equals_the_first_are_the_closest() -> None:
    places, beyond = pricing.least(np.array([3.0, 1.0, 2.0, 1.0, 1.0]), 2)
    assert places.tolist() == [1, 3]
    assert beyond == 1.0
    named, _ = pricing.least(np.array([3.0, 1.0, 2.0]), 2, np.array([10, 20, 30]))
    assert named.tolist() == [20, 30]


def test_a_plan_is_summed_where_it_stands(client: Any, prices: np.ndarray) -> None:
    whole, book = problem(), divided(client, 3)
    few = np.array([0, 63, 64, 900])
    plan = Settlement(prices, VALUE, few, np.array([2, -1, 0, 1]), np.array([1.5, 0.0, 2.0, 3.0]))
    rate, line = Lagrangian(whole).spread(plan)
    assert (rate[few].tolist(), line[few].tolist()) == ([2, -1, 0, 1], [1.5, 0.0, 2.0, 3.0])
    ours, theirs = book.tally(plan), tally_of(whole, whole.choice(rate, line))
    assert ours.totals == theirs.totals
    assert (ours.left == theirs.left).all()
    assert (ours.right == theirs.right).all()
    assert part_of(plan, book.parts[0]).positions.tolist() == [0, 63, 64]
    assert part_of(plan, book.parts[-1]).positions.tolist() == [900 - book.parts[-1].first]


def solved(book: ClusterBook | None) -> tuple[Any, np.ndarray, np.ndarray]:
    options = Options(gap=2e-3, time_limit=60.0)
    if book is None:
        here = Lagrangian(problem())
        result, plan = lagrangian.solve_book(here.problem, lambda: here, options)
        assert plan is not None
        return result, *here.spread(plan)
    result, plan = cluster.solve(book, options)
    assert plan is not None
    return result, *book.spread(plan)


@pytest.fixture
def alone() -> tuple[Any, np.ndarray, np.ndarray]:
    return solved(None)


def assert_same(one: tuple[Any, np.ndarray, np.ndarray], other: tuple[Any, np.ndarray, np.ndarray]) -> None:
    assert (one[1] == other[1]).all()
    assert (one[2] == other[2]).all()
    assert (one[0].bound, one[0].prices) == (other[0].bound, other[0].prices)
    assert one[0].problem.objective == other[0].problem.objective


def test_a_worker_that_dies_costs_time_and_not_the_plan(
    client: Any, alone: tuple[Any, np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    asked = 0
    real = ClusterBook.ask

    def ask(self: ClusterBook, *arguments: Any) -> list[Any]:
        nonlocal asked
        asked += 1
        if asked in (5, 25):  # as the answers are on their way
            pids = list(client.run(os.getpid).values())
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)
        return real(self, *arguments)

    monkeypatch.setattr(ClusterBook, "ask", ask)
    assert_same(solved(divided(client, 3, seconds=0.1)), alone)
    assert len(set(killed)) == 2


def test_a_book_of_one_block_is_solved_at_home(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sums, pricing, lagrangian):
        monkeypatch.setattr(module, "BLOCK", 2 * SIZE)
    options = Options(gap=2e-3, time_limit=60.0)
    expected = lagrangian.solve(problem(), options)
    book = divided(client, 1)
    result, plan = cluster.solve(book, options)
    assert plan is not None
    rate, line = book.spread(plan)
    assert (rate == expected.rate).all()
    assert (line == expected.line).all()
    assert result.bound == expected.bound
