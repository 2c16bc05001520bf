"""What is said where nothing is feasible, against enumeration on tiny books."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
from books import enumerate_best, group, halves, random_book, random_problem, with_limits

from lendplan.models.measures import Objective
from lendplan.models.problem import MUST, Members, Problem, Row
from lendplan.solvers.highs import solve
from lendplan.solvers.result import Conflict, LimitChange, Options, SolutionStatus

OPTIONS = Options(threads=1, time_limit=20)


def is_feasible(problem: Problem) -> bool:
    return enumerate_best(problem.replaced(objective=Objective("profit"))) is not None


def conflict_of(problem: Problem) -> Conflict:
    result = solve(problem, "joint", OPTIONS)
    assert result.solution is SolutionStatus.INFEASIBLE
    assert result.rate is None
    assert result.conflict is not None
    return result.conflict


def named(conflict: Conflict) -> dict[str, LimitChange]:
    return {change.name: change for change in conflict.changes}


def only(problem: Problem, names: Collection[str]) -> Problem:
    """Return the problem with the named rows alone."""
    return problem.replaced(
        budget=problem.budget if "budget" in names else 1e6,
        must_lend=problem.must_lend if MUST in names else np.zeros(problem.size, bool),
        limits=tuple(row for row in problem.limits if row.name in names),
    )


def names_of(problem: Problem) -> set[str]:
    return {row.name for row in problem.rows} | ({MUST} if problem.must_lend.any() else set())


def set_to(problem: Problem, name: str, value: float) -> Problem:
    """Return the problem with another amount, share or rate in one row."""

    def moved(row: Row) -> Row:
        if row.name != name:
            return row
        field = "share" if row.share is not None else "rate" if row.rate is not None else "amount"
        changes: dict[str, Any] = {field: value}
        return dataclasses.replace(row, **changes)

    if name == "budget":
        return problem.replaced(budget=value)
    return problem.replaced(limits=tuple(moved(row) for row in problem.limits))


def eased(problem: Problem, name: str, value: float, by: float) -> Problem:
    """Return the problem with the row at ``value``, and that much easier, relative; negative: harder."""
    sense = next(row.sense for row in problem.rows if row.name == name)
    return set_to(problem, name, value + sense * by * max(abs(value), 1e-3))


def kept_subsets(problem: Problem, kept: int) -> list[Problem]:
    """The problem with ``must: lend`` let go for all but ``kept`` of them, in every way."""
    who = np.flatnonzero(problem.must_lend)
    return [
        problem.replaced(must_lend=np.isin(np.arange(problem.size), chosen))
        for chosen in itertools.combinations(who, kept)
    ]


def has_revenue_share(problem: Problem) -> bool:
    """A share of a revenue that may be negative is no share: what it asks for turns round with the sign."""
    return any(row.measure == "revenue" and row.share is not None for row in problem.limits)


def tight_book(seed: int) -> Problem:
    problem = random_book(seed, 4)
    if seed % 2:
        problem = problem.replaced(must_lend=np.arange(4) < 2, budget=problem.budget * 0.5)
    return problem


# Books that no plan obeys, found by enumeration of the first few hundred.
INFEASIBLE = (
    9,
    11,
    13,
    25,
    27,
    30,
    31,
    33,
    39,
    52,
    53,
    55,
    65,
    69,
    72,
    73,
    82,
    83,
    99,
    105,
    111,
    113,
    117,
    121,
    122,
    137,
    139,
    145,
    147,
    149,
    151,
    153,
    154,
    155,
    171,
    177,
    187,
    190,
    197,
    199,
    207,
    211,
    221,
    223,
    227,
    237,
    239,
    249,
    250,
    251,
    265,
    273,
    274,
    275,
    283,
    285,
    291,
    295,
    309,
    317,
    319,
    329,
    333,
    337,
    359,
    361,
    367,
    369,
    375,
    376,
)


@pytest.mark.parametrize("seed", INFEASIBLE)
def test_against_enumeration(seed: int) -> None:
    problem = tight_book(seed)
    assert not is_feasible(problem)
    conflict = conflict_of(problem)
    changes = named(conflict)
    assert len(changes) == len(conflict.changes)
    assert not is_feasible(only(problem, changes)), "the named limits can hold together"
    for name, change in changes.items():
        if name == MUST:
            assert change.stated == problem.must_lend.sum()
            _check_must_alone(problem, change)
            continue
        assert change.alone_proven
        if change.alone is None:
            assert not is_feasible(only(problem, names_of(problem) - {name}))
        else:
            assert is_feasible(eased(problem, name, change.alone, 1e-6)), change
            assert not is_feasible(eased(problem, name, change.alone, -1e-4)), change
    _check_together(problem, conflict)


def _check_must_alone(problem: Problem, change: LimitChange) -> None:
    if change.alone is None:
        assert not is_feasible(problem.replaced(must_lend=np.zeros(problem.size, bool)))
        return
    assert any(is_feasible(book) for book in kept_subsets(problem, round(change.alone)))
    assert not any(is_feasible(book) for book in kept_subsets(problem, round(change.alone) + 1))


def _check_together(problem: Problem, conflict: Conflict) -> None:
    assert conflict.together_proven
    changed, kept = problem, int(problem.must_lend.sum())
    for change in conflict.changes:
        if change.name == MUST:
            kept = round(change.together)
        elif change.together != change.stated:
            changed = eased(changed, change.name, change.together, 1e-6)
    assert any(is_feasible(book) for book in kept_subsets(changed, kept)), conflict


@pytest.mark.parametrize("seed", INFEASIBLE[::2])
def test_a_single_conflict_is_minimal(seed: int) -> None:
    """Where one conflict is all there is, each of its limits is needed for it."""
    problem = tight_book(seed)
    names = named(conflict_of(problem))
    # Those with a change alone are in every conflict, and leaving out any of the rest leaves another conflict.
    for name in names:
        gone = is_feasible(only(problem, names_of(problem) - {name}))
        assert gone == (names[name].alone is not None)


def test_must_lend_beyond_the_budget_by_hand() -> None:
    """Least lines 1, 1, 3, 2, all to be lent to, of a budget of 4: 7 would do, or to let one go: 1 + 1 + 2."""
    problem = random_problem(1, 4, must_lend=np.ones(4, bool), budget=4.0)
    np.testing.assert_array_equal(problem.line_min, [1, 1, 3, 2])
    conflict = conflict_of(problem)
    assert not conflict.relaxed_feasible
    changes = named(conflict)
    assert set(changes) == {"budget", MUST}
    assert (changes["budget"].stated, changes["budget"].unit) == (4.0, "amount")
    assert changes["budget"].alone == pytest.approx(7.0)
    assert (changes[MUST].stated, changes[MUST].unit, changes[MUST].alone) == (4.0, "enterprises", 3.0)
    # Letting one of four go is a quarter; three more of a budget of four are three quarters.
    assert changes[MUST].together == 3.0
    assert changes["budget"].together == 4.0


@pytest.mark.parametrize(
    ("row", "unit", "stated"),
    [
        (Row("x", "line", 1, Members(np.array([0, -1, -1, -1], np.int32), 0), share=0.01), "share", 0.01),
        (Row("x", "average_rate", 1, rate=0.01), "rate", 0.01),
        (Row("x", "line", 1, amount=0.1), "amount", 0.1),
        (Row("x", "count", -1, amount=5.0), "amount", 5.0),
    ],
)
def test_units(row: Row, unit: str, stated: float) -> None:
    problem = with_limits(random_problem(3, 4, must_lend=np.ones(4, bool), budget=100.0), row)
    change = named(conflict_of(problem))["x"]
    assert (change.unit, change.stated) == (unit, stated)


def test_an_average_rate_by_hand() -> None:
    """Rates are 4 % at least, and someone must be lent to: a mean of 3 % has to become 4 %."""
    problem = random_problem(3, 3, must_lend=np.array([True, False, False]), budget=50.0)
    limited = with_limits(problem, Row("mean", "average_rate", 1, rate=0.03))
    change = named(conflict_of(limited))["mean"]
    assert change.alone == pytest.approx(0.04)
    assert change.alone_proven


def test_two_conflicts_apart_are_both_named() -> None:
    """Who must be lent to has a least line above its limit; and a count beyond the book."""
    problem = random_problem(3, 4, must_lend=np.array([True, False, False, False]), budget=50.0)
    rows = (
        Row("first", "line", 1, group(problem, 0), amount=0.5),
        Row("second", "count", -1, group(problem, 1), amount=2.0),
        Row("fine", "line", 1, group(problem, 2), amount=5.0),
    )
    changes = named(conflict_of(with_limits(problem, *rows)))
    assert set(changes) == {"first", "second", MUST}
    assert all(change.alone is None for change in changes.values())
    assert changes["second"].together == pytest.approx(1.0)


def test_only_all_or_nothing_forbids_it() -> None:
    """Lines are exactly 4; a budget of 6 cannot hold an exposure of 5 at least, unless lines are split."""
    problem = random_problem(1, 3, line_min=np.full(3, 4.0), line_max=np.full(3, 4.0), budget=6.0)
    limited = with_limits(problem, Row("reach", "line", -1, amount=5.0))
    conflict = conflict_of(limited)
    assert conflict.relaxed_feasible
    changes = named(conflict)
    assert changes["budget"].alone == pytest.approx(8.0)
    assert changes["reach"].alone == pytest.approx(4.0)
    assert not is_feasible(only(limited, changes))


def test_infeasible_even_when_mixed() -> None:
    problem = random_problem(1, 3)
    limited = with_limits(problem, Row("reach", "line", -1, amount=problem.budget + 1))
    assert not conflict_of(limited.replaced(line_max=np.full(3, 1e3))).relaxed_feasible


def test_a_budget_of_zero_that_must_lend() -> None:
    problem = random_problem(1, 3, must_lend=np.array([True, False, False]), budget=0.0)
    changes = named(conflict_of(problem))
    assert changes["budget"].alone == pytest.approx(problem.line_min[0])
    assert changes[MUST].alone == 0.0


@pytest.mark.parametrize("unit", [1.0, 1e-8, 1e8])
def test_lines_of_one_size_in_any_unit(unit: float) -> None:
    """An enterprise whose least line is its largest must not drown the others in the solver's scaling."""
    problem = random_book(145, 5)
    small = problem.replaced(
        line_min=problem.line_min * unit,
        line_max=problem.line_max * unit,
        budget=problem.budget * unit,
        economics=dataclasses.replace(problem.economics, fixed_cost=problem.economics.fixed_cost * unit),
    )
    assert (problem.line_min == problem.line_max).any()
    assert named(conflict_of(small))["limit 1"].alone == pytest.approx(0.18116958030265745)


def test_the_least_total_change_changes_something() -> None:
    """A share of a revenue that is negative: what is reached must be said, or that it cannot be."""
    for seed in (23, 839):
        problem = tight_book(seed)
        assert has_revenue_share(problem)
        conflict = conflict_of(problem)
        moved = [change for change in conflict.changes if change.together != change.stated]
        assert not conflict.together_proven or moved


def test_halves_that_cannot_both_be_small() -> None:
    problem = random_problem(1, 4)
    even = halves(problem)
    odd = dataclasses.replace(even, code=1)
    limited = with_limits(
        problem,
        Row("even", "line", 1, even, share=0.4),
        Row("odd", "line", 1, odd, share=0.4),
        Row("lend", "line", -1, amount=1.0),
    )
    changes = named(conflict_of(limited))
    assert set(changes) == {"even", "odd", "lend"}
    assert changes["even"].alone == pytest.approx(0.6)
    assert changes["odd"].alone == pytest.approx(0.6)
    assert changes["lend"].alone == pytest.approx(0.0, abs=1e-12)


def test_two_stage_speaks_of_its_fixed_lines() -> None:
    problem = random_problem(1, 4, line_min=np.full(4, 2.0), line_max=np.full(4, 2.0), budget=8.0)
    result = solve(with_limits(problem, Row("reach", "line", 1, amount=3.0),
                               Row("two", "count", -1, amount=2)), "two_stage", OPTIONS)  # fmt: skip
    assert result.solution is SolutionStatus.INFEASIBLE
    assert result.conflict is not None
    changes = named(result.conflict)
    assert changes["reach"].alone == pytest.approx(4.0)
    assert changes["two"].alone == pytest.approx(1.0)
