"""The Lagrangian evaluated, against every choice of everybody; and what does not depend on blocks and threads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from books import random_book, random_problem, random_row, with_limits
from searched import Priced, everything

from lendplan.models.measures import Floats, Objective, Ranges
from lendplan.models.problem import Members, Problem, Row
from lendplan.solvers import blocks, pricing, stretch
from lendplan.solvers.pricing import Evaluation, Lagrangian, Settlement, least
from lendplan.solvers.rowtable import Value, value_of


@pytest.fixture(params=["compiled", "numpy"], autouse=True)
def loops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try everything with the compiled loops, where they are built, and with NumPy."""
    if request.param == "numpy":
        monkeypatch.setattr(blocks, "COMPILED", False)
    elif not blocks.COMPILED:
        pytest.skip("lendplan was installed without a C compiler")


def book(seed: int, size: int = 20) -> Problem:
    """A book under one to six limits of every kind, ranges frozen."""
    draw = np.random.default_rng(seed)
    problem = random_book(seed, size, 6 if seed % 2 else 3)
    rows = [
        random_row(draw, problem, f"further {j}", str(draw.choice(["amount", "share"])))
        for j in range(1 + seed % 4)
    ]
    objective = Objective("weighted", 0.4, Ranges(2.0, 0.5, 1.0, 0.2)) if seed % 3 else Objective("profit")
    return with_limits(problem, *problem.limits, *rows).replaced(objective=objective)


def some_prices(problem: Problem, seed: int) -> Floats:
    """Return prices of the signs that prices have, some of them 0."""
    draw = np.random.default_rng(seed)
    sense = np.array([row.sense for row in problem.rows])
    size = 10.0 ** draw.uniform(-4, 0.5, len(sense)) * draw.choice([0.0, 1.0, 1.0], len(sense))
    size[[row.measure == "count" for row in problem.rows]] *= 0.03
    return sense * size


def assert_same_to_the_bit(one: Evaluation, other: Evaluation) -> None:
    assert (one.bound, one.revenue, one.risk) == (other.bound, other.revenue, other.risk)
    np.testing.assert_array_equal(one.used, other.used)


@pytest.mark.parametrize("seed", range(60))
def test_d_is_the_best_of_every_choice(seed: int) -> None:
    problem = book(seed)
    prices, value = some_prices(problem, seed), value_of(problem)
    priced = Priced(problem, prices)
    found = Lagrangian(problem).evaluate(prices, value)
    assert found.bound == pytest.approx(priced.bound(everything(problem)), rel=1e-12, abs=1e-12)
    rate, line = Lagrangian(problem).choices(prices, value)
    lent = rate >= 0
    np.testing.assert_array_equal(lent, line > 0)
    assert np.all((problem.first_rate <= rate)[lent])
    assert np.all((rate <= problem.last_rate)[lent])
    assert np.all(lent[problem.must_lend])
    for i, left in enumerate(everything(problem)):
        worth = priced.line[i, rate[i]] * line[i] + priced.loan[i, rate[i]] if rate[i] >= 0 else 0.0
        assert worth == pytest.approx(priced.best(i, left), rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_what_the_choices_use_earn_and_risk(seed: int) -> None:
    problem = book(seed)
    prices, value = some_prices(problem, seed), value_of(problem)
    lagrangian = Lagrangian(problem)
    found = lagrangian.evaluate(prices, value)
    choice = problem.choice(*lagrangian.choices(prices, value))
    used = [float(np.sum(choice.total(problem.row_form(row)))) for row in problem.rows]
    np.testing.assert_allclose(found.used, used, rtol=1e-11, atol=1e-11)
    totals = problem.totals(choice)
    assert found.revenue == pytest.approx(totals["revenue"], rel=1e-11, abs=1e-12)
    assert found.risk == pytest.approx(totals["risk"], rel=1e-11, abs=1e-12)
    # D is what the choices are worth and what is paid or earned for what they leave of the rows.
    paid = float(prices @ found.slope(lagrangian.amount))
    assert found.bound == pytest.approx(problem.value(choice) + paid, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("seed", range(40))
def test_the_slope_is_a_subgradient(seed: int) -> None:
    problem = book(seed)
    lagrangian, value = Lagrangian(problem), value_of(problem)
    here = lagrangian.evaluate(some_prices(problem, seed), value)
    for other in range(20):
        there = lagrangian.evaluate(some_prices(problem, 1000 * seed + other), value)
        cut = here.bound + float(here.slope(lagrangian.amount) @ (there.prices - here.prices))
        assert there.bound >= cut - 1e-9 * max(1.0, abs(here.bound), abs(cut))


@pytest.mark.parametrize("seed", range(10))
def test_d_is_above_every_plan(seed: int) -> None:
    """Any choices, priced: what they are worth plus what their slack is priced at is no more than D."""
    problem = book(seed)
    draw = np.random.default_rng(seed)
    prices, value = some_prices(problem, seed), value_of(problem)
    bound = Lagrangian(problem).evaluate(prices, value).bound
    for _ in range(50):
        rate = draw.integers(problem.first_rate, problem.last_rate + 1)
        rate = np.where(problem.must_lend | (draw.random(problem.size) < 0.6), rate, -1)
        line = np.where(rate >= 0, draw.uniform(problem.line_min, problem.line_max), 0.0)
        choice = problem.choice(rate, line)
        slack = np.array(
            [row.amount - float(np.sum(choice.total(problem.row_form(row)))) for row in problem.rows]
        )
        assert problem.value(choice) + float(prices @ slack) <= bound + 1e-9 * max(1.0, abs(bound))


# Blocks and threads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_threads_change_no_bit(seed: int) -> None:
    problem = book(seed, 200)
    prices, value = some_prices(problem, seed), value_of(problem)
    one, two, three = (Lagrangian(problem, threads=threads, block=23) for threads in (1, 2, 3))
    for other in (two, three):
        assert_same_to_the_bit(one.evaluate(prices, value), other.evaluate(prices, value))
        np.testing.assert_array_equal(one.closeness(prices, value), other.closeness(prices, value))
        for ours, theirs in zip(one.choices(prices, value), other.choices(prices, value), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("few", [0, 48, 1000])
@pytest.mark.parametrize("block", [1, 7, 64, 199, 200, 1000])
def test_neither_blocks_nor_envelopes_change_a_choice(
    block: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = book(5, 200)
    prices, value = some_prices(problem, 5), value_of(problem)
    whole = Lagrangian(problem)
    expected, choices, close = (
        whole.evaluate(prices, value),
        whole.choices(prices, value),
        whole.closeness(prices, value, lending=True),
    )
    monkeypatch.setattr(stretch, "_FEW", few)
    monkeypatch.setattr(pricing, "BLOCK", block)
    cut = Lagrangian(problem)
    assert len(cut.blocks) == -(-200 // block)
    found = cut.evaluate(prices, value)
    for ours, theirs in zip(cut.choices(prices, value), choices, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert found.bound == pytest.approx(expected.bound, rel=1e-13)
    np.testing.assert_allclose(found.used, expected.used, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(cut.closeness(prices, value, lending=True), close, rtol=1e-9, atol=1e-14)


def test_the_order_of_the_parts_does_not_matter() -> None:
    problem = book(5, 200)
    prices, value = some_prices(problem, 5), value_of(problem)
    whole = Lagrangian(problem, block=9)
    turned = pricing.combined(whole.answers(prices, value)[::-1], prices, value, whole.amount)
    assert_same_to_the_bit(turned, whole.evaluate(prices, value))


def test_nobody_is_worth_the_right_sides() -> None:
    problem = random_problem(1, 0)
    found = Lagrangian(problem).evaluate(np.array([0.5]), value_of(problem))
    assert found.bound == 0.5 * problem.budget
    assert found.used.tolist() == [0.0]


# Rows -------------------------------------------------------------------------------------------------------------


def test_hundreds_of_rows_over_shared_and_own_groups() -> None:
    """Rows that share codes, rows with codes of their own, rows that count nobody."""
    draw = np.random.default_rng(1)
    problem = random_problem(1, 60, 6)
    shared = draw.integers(-1, 40, 60).astype(np.int32)
    rows = [
        *(Row(f"shared {g}", "line", 1, Members(shared, g), amount=3.0) for g in range(45)),
        *(Row(f"share {g}", "risk", 1, Members(shared, g), share=0.2) for g in range(45)),
        *(
            Row(f"own {g}", "count", -1, Members(draw.integers(0, 3, 60).astype(np.int32), g % 4), amount=1)
            for g in range(40)
        ),
        *(
            Row(f"mean {g}", "average_rate", 1, Members(shared, g), rate=0.07, amount=0.01 * (g % 2))
            for g in range(45)
        ),
        *(Row(f"again {g}", "interest", 1, None, amount=1.0) for g in range(30)),
    ]
    problem = with_limits(problem, *rows)
    for seed in range(5):
        prices = 0.05 * some_prices(problem, seed)
        found = Lagrangian(problem, block=16).evaluate(prices, value_of(problem))
        expected = Priced(problem, prices).bound(everything(problem))
        assert found.bound == pytest.approx(expected, rel=1e-11)


# Who hangs on little ----------------------------------------------------------------------------------------------


def dense_gaps(problem: Problem, prices: Floats) -> Floats:
    """Return by how much each one's best choice beats the next best of all, both ends of each stretch of lines."""
    priced, gaps = Priced(problem, prices), []
    for i, left in enumerate(everything(problem)):
        worth = [priced.line[i, k] * x + priced.loan[i, k] for k, xs in left.lines.items() for x in xs]
        worth += [0.0] if left.decline else []
        worth.sort()
        gaps.append(worth[-1] - worth[-2] if len(worth) > 1 else np.inf)
    return np.array(gaps)


@pytest.mark.parametrize("seed", range(30))
def test_closeness_is_never_less_than_the_gap_to_the_next_choice(seed: int) -> None:
    problem = book(seed, 40).replaced(line_step=np.zeros(40))
    prices, value = some_prices(problem, seed), value_of(problem)
    close = Lagrangian(problem).closeness(prices, value)
    gaps = dense_gaps(problem, prices)
    assert np.all(close >= gaps - 1e-11 * np.maximum(1.0, gaps))
    # Where all rates lie on the envelope, the next one is beside the best one: the two agree.
    assert np.mean(np.isclose(close, gaps, rtol=1e-9, atol=1e-12)) > 0.5


def test_the_closest_of_equals_are_the_first() -> None:
    problem = random_problem(1, 4)
    alike = dataclasses.replace(
        problem,
        **{
            name: getattr(problem, name)[[0, 0, 0, 0]]
            for name in ("curve", "line_min", "line_max", "default_probability", "risk_weight")
        },
    )
    prices, value = np.array([0.01]), value_of(problem)
    positions, beyond = Lagrangian(alike).closest(prices, value, 2)
    assert positions.tolist() == [0, 1]
    assert beyond == Lagrangian(alike).closeness(prices, value)[0]


def test_least_of_values() -> None:
    values = np.array([3.0, 1.0, 2.0, 1.0, 2.0, 2.0])
    for most, expected in ((1, [1]), (2, [1, 3]), (3, [1, 2, 3]), (4, [1, 2, 3, 4])):
        place, beyond = least(values, most)
        assert place.tolist() == expected
        assert beyond == sorted(values)[most]
    place, _ = least(values, 2, np.arange(10, 16))
    assert place.tolist() == [11, 13]


def test_a_settlement_puts_a_few_in_place_of_what_the_prices_say() -> None:
    problem = book(4, 30)
    lagrangian, value = Lagrangian(problem), value_of(problem)
    prices = some_prices(problem, 4)
    rate, line = lagrangian.choices(prices, value)
    rate[[3, 7]], line[[3, 7]] = [-1, 1], [0.0, 2.0]
    plan = Settlement(prices, value, np.array([3, 7]), np.array([-1, 1]), np.array([0.0, 2.0]))
    for ours, theirs in zip(lagrangian.spread(plan), (rate, line), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    totals = problem.totals(problem.choice(rate, line))
    for name, total in lagrangian.tally(plan).totals.items():
        assert total == pytest.approx(totals[name], rel=1e-12)


def test_no_prices_lend_to_nobody() -> None:
    problem = book(4, 30)
    none = np.empty(0, dtype=np.int64)
    rate, line = Lagrangian(problem).spread(Settlement(None, Value(1.0, 0.0), none, none, np.empty(0)))
    assert set(rate.tolist()) == {-1}
    assert not line.any()
