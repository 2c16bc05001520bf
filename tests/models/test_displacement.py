"""What gives way to a new loan: the least that is given up at the margin, and every row holds again."""

from __future__ import annotations

import numpy as np
import pytest
from books import group, random_problem, with_limits

from lendplan.models.displacement import make_room, standing_of
from lendplan.models.measures import Economics, Objective
from lendplan.models.problem import Choice, Problem, Row

PRICES = {"budget": 0.05}


def book(**fields: object) -> Problem:
    """Four full lines of 10 at one rate, 10 %, that earn 9, 8, 7 and 6 % a unit; the budget of 40 is used up."""
    return random_problem(1, 4, 3).replaced(
        **{
            "rates": np.array([0.1]),
            "retention": np.ones((1, 1)),
            "curve": np.zeros(4, np.int16),
            "last_rate": np.zeros(4, np.int16),
            "line_min": np.full(4, 4.0),
            "line_max": np.full(4, 10.0),
            "risk_weight": np.array([0.01, 0.02, 0.03, 0.04]),
            "economics": Economics(),
            "budget": 40.0,
            "objective": Objective("profit"),
            **fields,
        }
    )


def full(problem: Problem) -> Choice:
    return problem.choice(np.zeros(problem.size, dtype=np.int64), problem.line_max)


def room(problem: Problem, wanted: list[float]) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    choice = full(problem)
    standing = standing_of(problem, choice, PRICES)
    found = make_room(problem, choice, standing, problem.rows, standing.used, np.array(wanted))
    return {one.enterprise: (one.line_after, one.value_lost) for one in found.loans}, dict(found.unplaced)


def test_the_margin_comes_first() -> None:
    problem = book()
    assert [problem.enterprise[i] for i in standing_of(problem, full(problem), PRICES).order] == [
        "E03",
        "E02",
        "E01",
        "E00",
    ]


def test_a_loan_shrinks_down_to_its_least_line_or_goes() -> None:
    assert room(book(), [5.0]) == ({"E03": (5.0, pytest.approx(0.3))}, {})
    loans, unplaced = room(book(), [8.0])
    assert unplaced == {}
    assert sum(10.0 - after for after, _ in loans.values()) == pytest.approx(8.0)
    assert loans["E03"][0] == 4.0


def test_nothing_gives_way_where_there_is_room() -> None:
    assert room(book(budget=50.0), [8.0]) == ({}, {})


def test_must_lend_keeps_its_least_line() -> None:
    must = np.array([True] * 4)
    loans, unplaced = room(book(must_lend=must), [40.0])
    assert {after for after, _ in loans.values()} == {4.0}
    assert unplaced == {"budget": pytest.approx(16.0)}


def test_lines_shrink_by_whole_steps() -> None:
    loans, _ = room(book(line_step=np.full(4, 2.0)), [5.0])
    assert loans["E03"][0] == 4.0


def test_only_members_make_room_under_a_limit() -> None:
    problem = book(budget=100.0)
    problem = with_limits(problem, Row("first two", "line", 1, group(problem, 0, 1), amount=20.0))
    assert room(problem, [5.0, 5.0]) == ({"E01": (5.0, pytest.approx(0.4))}, {})


def test_what_a_limit_asks_for_stays() -> None:
    """The last two are at least 20 together, so the second gives way and not the fourth."""
    problem = book()
    problem = with_limits(problem, Row("last two", "line", -1, group(problem, 2, 3), amount=20.0))
    loans, unplaced = room(problem, [5.0, 0.0])
    assert unplaced == {}
    assert loans == {"E01": (5.0, pytest.approx(0.4))}


@pytest.mark.parametrize("seed", range(20))
def test_every_row_holds_again(seed: int) -> None:
    draw = np.random.default_rng(seed)
    problem = random_problem(seed, 30, 6).replaced(line_step=np.where(draw.random(30) < 0.3, 1.0, 0.0))
    rate = draw.integers(0, 6, 30)
    choice = problem.choice(rate, problem.line_max)
    used = float(np.sum(choice.line))
    problem = problem.replaced(budget=used)
    half = group(problem, *range(0, 30, 2))
    loss = float(np.sum(choice.total(problem.measures["risk"])[::2]))
    problem = with_limits(
        problem,
        Row("loss", "risk", 1, half, amount=loss),
        Row("share", "line", 1, half, share=float(np.sum(choice.line[::2])) / used),
        Row("reach", "count", -1, amount=24.0),
    )
    prices = {"budget": 0.01, "loss": 0.3, "share": 0.002, "reach": 0.0}
    standing = standing_of(problem, choice, prices)
    wanted = np.array([6.0, 0.1, 6.0 * (1 - (problem.limits[1].share or 0)), 1.0])
    found = make_room(problem, choice, standing, problem.rows, standing.used, wanted)
    assert not found.unplaced
    line = choice.line.copy()
    for one in found.loans:
        line[list(problem.enterprise).index(one.enterprise)] = one.line_after
    lent = line > 0
    assert np.all(line[lent] >= problem.line_min[lent] - 1e-9)
    stepped = lent & (problem.line_step > 0)
    assert np.allclose(line[stepped], np.round(line[stepped]))
    after = problem.choice(np.where(lent, rate, -1), line)
    for row, extra in zip(problem.rows, wanted, strict=True):
        reached = float(np.sum(after.total(problem.row_form(row)))) + extra
        assert row.sense * (reached - row.amount) <= 1e-8 * max(1.0, abs(row.amount))
    lost = float(np.sum(choice.total(problem.value_form)) - np.sum(after.total(problem.value_form)))
    assert sum(one.value_lost for one in found.loans) == pytest.approx(lost)
