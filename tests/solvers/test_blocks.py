"""The compiled loops against the passes of NumPy that define them: the same numbers to the last bit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from books import random_book, random_problem, random_row, with_limits

from lendplan.models.measures import Floats, Indices
from lendplan.models.problem import Members, Problem, Row
from lendplan.solvers import blocks, lagrangian, stretch
from lendplan.solvers.blocks import BEST, Block, NumpyBlock
from lendplan.solvers.result import Options
from lendplan.solvers.rowtable import MEASURE, RowTable, Value
from lendplan.solvers.stretch import Stretch

pytestmark = pytest.mark.skipif(not blocks.COMPILED, reason="lendplan was installed without a C compiler")


def problem_of(seed: int, size: int) -> Problem:
    """Return a book under limits of every kind, some by codes that nobody or not everybody has."""
    draw = np.random.default_rng(seed)
    problem = random_book(seed, size, int(draw.choice([2, 3, 6])))
    codes = draw.integers(-1, 5, size).astype(np.int32)
    rows = [
        random_row(draw, problem, f"further {j}", str(draw.choice(["amount", "share"])))
        for j in range(seed % 5)
    ]
    rows += [Row(f"group {g}", "interest", 1, Members(codes, g), amount=1.0) for g in range(seed % 7)]
    if seed % 2:
        must = draw.random(size) < 0.2
        problem = problem.replaced(must_lend=must)
    return with_limits(problem, *problem.limits, *rows)


def some_worth(table: RowTable, seed: int) -> Floats:
    """Return what measures are worth at prices of any size and of the signs that prices have; of nothing, too."""
    draw = np.random.default_rng(seed)
    prices = table.sense * 10.0 ** draw.uniform(-6, 3, len(table.sense))
    prices *= draw.choice([0.0, 1.0], len(prices))
    value = (Value(1.0, -1.0), Value(0.0, 0.0), Value(1.0, 0.0), Value(0.0, -1.0))[seed % 4]
    return table.worth(prices, value)


def both(problem: Problem, rows: slice, table: RowTable) -> tuple[Block, Block, Stretch]:
    one = stretch.stretch(problem, rows, table)
    return blocks.CompiledBlock(one), NumpyBlock(one), one


def assert_same(ours: tuple[Floats | Indices, ...], theirs: tuple[Floats | Indices, ...]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("few", [0, 5, 1000])
@pytest.mark.parametrize("seed", range(60))
def test_the_compiled_block_answers_as_the_other(
    seed: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretch, "_FEW", few)
    monkeypatch.setattr(stretch, "_FEW_KINDS", 0)
    problem = problem_of(seed, 1 + 29 * (seed % 21))
    table = RowTable(problem)
    compiled, numpy, one = both(problem, slice(0, problem.size), table)
    searched = {group.envelope is None for group in one.groups}
    assert searched == {few == 1000} or few == 5
    for again in range(6):
        worth = some_worth(table, 100 * seed + again)
        assert_same((compiled.answer(worth),), (numpy.answer(worth),))
        assert_same(compiled.choose(worth), numpy.choose(worth))
        for lending in (False, True):
            found = compiled.closeness(worth, lending=lending), numpy.closeness(worth, lending=lending)
            assert_same(found[:1], found[1:])


@pytest.mark.parametrize("seed", range(10))
def test_directions_that_lose_by_interest_and_ratios_of_nothing_by_nothing(seed: int) -> None:
    """Prices of an average rate turn the direction round; worth nothing, the ratio is 0/0."""
    problem = problem_of(seed, 300)
    problem = with_limits(problem, Row("mean", "average_rate", 1, None, rate=0.05))
    table = RowTable(problem)
    compiled, numpy, _ = both(problem, slice(0, 300), table)
    for price in (0.0, 0.5, 1.0, 2.0, 1e6):
        worth = table.worth(np.array([0.0, price]), Value(1.0, 0.0))
        assert_same((compiled.answer(worth),), (numpy.answer(worth),))
        assert_same((compiled.closeness(worth),), (numpy.closeness(worth),))


def test_more_than_a_chunk_of_everybody_and_a_stretch_in_the_middle() -> None:
    problem = problem_of(3, 2000)
    table = RowTable(problem)
    worth = some_worth(table, 8)
    for rows in (slice(0, 2000), slice(256, 512), slice(700, 1999), slice(5, 6)):
        compiled, numpy, one = both(problem, rows, table)
        assert sorted(one.at.tolist()) == list(range(rows.start, rows.stop))
        assert_same((compiled.at,), (numpy.at,))
        assert_same((compiled.answer(worth),), (numpy.answer(worth),))
        assert_same(compiled.choose(worth), numpy.choose(worth))


def test_as_many_rates_as_there_are() -> None:
    """Envelopes of dozens of breakpoints, curves that fall now and then."""
    draw = np.random.default_rng(4)
    problem = problem_of(4, 3000)
    rates = np.linspace(0.04, 0.15, 45)
    retention = np.clip(np.linspace(1.0, 0.1, 45) + draw.normal(0, 0.02, (3, 45)), 0.0, 1.0)
    last = draw.choice([10, 30, 44], 3000).astype(np.int16)
    problem = problem.replaced(rates=rates, retention=retention, last_rate=last)
    table = RowTable(problem)
    compiled, numpy, one = both(problem, slice(0, 3000), table)
    assert max(len(group.envelope.gaining.until) for group in one.groups if group.envelope) > 8
    for seed in range(20):
        worth = some_worth(table, seed)
        assert_same((compiled.answer(worth),), (numpy.answer(worth),))
        assert_same(compiled.choose(worth), numpy.choose(worth))
        assert_same((compiled.closeness(worth),), (numpy.closeness(worth),))


@pytest.mark.parametrize(("size", "gap"), [(40, 1e-9), (3000, 1e-5), (9000, 1e-5)])
def test_a_solve_is_the_same_without_the_compiled_loops(
    size: int, gap: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(size)
    problem = random_problem(size, size, 6, budget=1.2 * size)
    half = draw.integers(0, 2, size).astype(np.int32)
    problem = with_limits(
        problem,
        Row("loss", "risk", 1, None, amount=0.0075 * size),
        Row("half", "line", 1, Members(half, 0), amount=0.55 * size),
        Row("reach", "count", -1, Members(half, 1), amount=0.2 * size),
    )
    options = Options(gap=gap, threads=2)
    compiled = lagrangian.solve(problem, options)
    monkeypatch.setattr(blocks, "COMPILED", False)
    numpy = lagrangian.solve(problem, options)
    assert compiled.rate is not None
    assert compiled.line is not None
    assert numpy.rate is not None
    assert numpy.line is not None
    assert (compiled.rate >= 0).any()
    assert_same((compiled.rate, compiled.line), (numpy.rate, numpy.line))
    assert (compiled.bound, compiled.prices) == (numpy.bound, numpy.prices)


def test_a_block_travels() -> None:
    problem = problem_of(5, 100)
    table = RowTable(problem)
    compiled, numpy, _ = both(problem, slice(0, 100), table)
    there = pickle.loads(pickle.dumps(compiled))
    worth = some_worth(table, 3)
    assert_same((there.answer(worth),), (numpy.answer(worth),))


def test_an_answer_is_what_the_choices_add_up_to() -> None:
    """By hand: everybody's line, loans and worth, added up again from the choices."""
    problem = problem_of(2, 500)
    table = RowTable(problem)
    compiled, _, one = both(problem, slice(0, 500), table)
    worth = table.worth(np.zeros(len(table.sense)), Value(1.0, -1.0))
    rate, line = compiled.choose(worth)
    whole = compiled.answer(worth)[0]
    choice = problem.choice(np.where(line > 0, rate, -1)[np.argsort(one.at)], line[np.argsort(one.at)])
    totals = problem.totals(choice)
    assert whole[MEASURE["revenue"]] == pytest.approx(totals["revenue"], rel=1e-12)
    assert whole[MEASURE["risk"]] == pytest.approx(totals["risk"], rel=1e-12)
    assert whole[BEST] == pytest.approx(totals["revenue"] - totals["risk"], rel=1e-10)
