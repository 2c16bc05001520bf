"""The tables of a plan: a row an enterprise, a grade, a limit; every number worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from column_tables import column_table
from reports_by_hand import PRICES, lent, three

from lendplan.data.coltable import ColumnTable
from lendplan.data.texts import Texts
from lendplan.models.applicants import OUTCOMES, Applicants
from lendplan.models.measures import Objective, Ranges
from lendplan.models.problem import Choice, Members, Problem, Row
from lendplan.reports.tables import (
    ALLOCATION_COLUMNS,
    allocations,
    budget_left,
    is_budget,
    limit_states,
    totals_by_grade,
)


def applicants(rows: list[int], decision: list[str], reason: list[str]) -> Applicants:
    """Return who takes part: only where each stands in the book counts here."""
    size = len(rows)
    numbers = np.zeros(size)
    return Applicants(
        row=np.array(rows, dtype=np.int64),
        enterprise=np.array(["P", "Q", "R"][:size], dtype=object),
        curve=np.zeros(size, dtype=np.int16),
        default_probability=numbers,
        risk_weight=numbers,
        risk_index=numbers,
        grade_factor=numbers,
        line_min=numbers,
        line_max=numbers,
        line_step=numbers,
        first_rate=np.zeros(size, dtype=np.int16),
        last_rate=np.zeros(size, dtype=np.int16),
        must_lend=np.zeros(size, dtype=bool),
        outcome=np.array([OUTCOMES.index(one) for one in decision], dtype=np.int8),
        reason=Texts.of(reason),
    )


BOOK = column_table({"enterprise": ["X", "P", "Q", "Y", "R"], "grade": ["D", "A", "B", "", "B"]})
OUTSIDE = applicants(
    [1, 2, 4], ["excluded", "", "", "decline", ""], ["grade D is excluded", "", "", "must: decline", ""]
)


def planned(problem: Problem, choice: Choice) -> ColumnTable:
    return allocations(BOOK, OUTSIDE, problem, choice)


def test_allocations_stand_in_the_books_order_with_the_figures_worked_by_hand() -> None:
    problem = three()
    plan = planned(problem, lent(problem, 100, 50, 0))
    assert (*plan, "reason") == ALLOCATION_COLUMNS
    assert list(plan["enterprise"]) == ["X", "P", "Q", "Y", "R"]
    assert list(plan["decision"]) == ["excluded", "lend", "lend", "decline", "decline"]
    assert list(plan["line"]) == [0, 100, 50, 0, 0]
    np.testing.assert_array_equal(plan["rate"], [np.nan, 0.1, 0.1, np.nan, np.nan])
    np.testing.assert_allclose(plan["exposure"], [0, 80, 25, 0, 0])
    np.testing.assert_allclose(plan["interest"], [0, 8, 2.5, 0, 0])
    np.testing.assert_allclose(plan["revenue"], [0, 6.4, 2, 0, 0])
    np.testing.assert_allclose(plan["risk"], [0, 0.8, 0.5, 0, 0])
    np.testing.assert_allclose(plan["value"], [0, 5.6, 1.5, 0, 0])


def test_the_value_is_each_ones_part_of_a_weighted_objective() -> None:
    """Half of revenue over its range of 10, less half of risk over its range of 2."""
    problem = three(objective=Objective("weighted", 0.5, Ranges(10, 0, 2, 0)))
    plan = planned(problem, lent(problem, 100, 50, 0))
    np.testing.assert_allclose(plan["value"], [0, 0.32 - 0.2, 0.1 - 0.125, 0, 0])


def test_no_zero_has_a_sign() -> None:
    problem = three(objective=Objective("weighted", 0.0, Ranges(10, 0, 2, 0)))
    plan = planned(problem, lent(problem, 0, 0, 0))
    for name in ("line", "exposure", "interest", "revenue", "risk", "value"):
        assert not np.any(np.signbit(plan[name])), name


def test_the_outsiders_own_words_are_not_overwritten() -> None:
    problem = three()
    planned(problem, lent(problem, 100, 50, 0))
    assert [OUTSIDE.outcome_of(row) for row in range(5)] == ["excluded", "", "", "decline", ""]


def test_grades_are_summed_and_the_average_rate_weighs_by_exposure() -> None:
    problem = three()
    choice = problem.choice(np.array([1, 0, 1]), np.array([100.0, 20, 10]))
    totals = totals_by_grade(planned(problem, choice))
    assert [one.grade for one in totals] == ["(none)", "A", "B", "D"]
    assert [one.enterprises for one in totals] == [1, 1, 2, 1]
    assert [one.funded for one in totals] == [0, 1, 2, 0]
    assert [one.line for one in totals] == [0, 100, 30, 0]
    # A: at 10 %. B: 20 at 5 %, all drawn; 10 at 10 %, half drawn: (1 + .5) / 25.
    assert [one.average_rate for one in totals] == [None, pytest.approx(0.1), pytest.approx(0.06), None]


def members(*positions: int) -> Members:
    codes = np.full(3, -1, dtype=np.int32)
    codes[list(positions)] = 0
    return Members(codes, 0)


ROWS = (
    Row("grade B", "line", 1, members(1, 2), share=0.4),
    Row("losses", "risk", 1, amount=1.3),
    Row("mean", "average_rate", 1, rate=0.1),
    Row("reach", "count", -1, amount=1),
    Row("more of Q", "line", -1, members(1), amount=50),
)


def test_each_limit_says_what_it_states_and_what_the_plan_reaches() -> None:
    problem = three(limits=ROWS)
    states = {state.name: state for state in limit_states(problem, lent(problem, 100, 50, 0), PRICES)}
    assert list(states) == ["budget", *(row.name for row in ROWS)]
    found = {name: (state.unit, state.stated, state.reached, state.binding) for name, state in states.items()}
    assert found == {
        "budget": ("amount", 150, 150, True),
        "grade B": ("share", 0.4, pytest.approx(1 / 3), False),
        "losses": ("amount", 1.3, pytest.approx(1.3), True),
        "mean": ("rate", 0.1, pytest.approx(0.1), True),
        "reach": ("amount", 1, 2, False),
        "more of Q": ("amount", 50, 50, True),
    }
    assert states["budget"].price == 0.03
    assert states["losses"].price == 0
    assert [is_budget(state) for state in states.values()] == [True] + [False] * 5


def test_a_limit_on_nothing_does_not_bind_by_being_zero() -> None:
    problem = three(limits=ROWS)
    states = {state.name: state for state in limit_states(problem, lent(problem, 0, 0, 0), {})}
    assert not states["grade B"].binding
    assert not states["mean"].binding
    assert not states["losses"].binding
    assert states["grade B"].reached is None


def test_what_is_left_of_the_budget_counts_in_its_own_basis() -> None:
    problem = three()
    choice = lent(problem, 100, 40, 0)
    assert budget_left(problem, choice) == 10
    # Exposure 80 + 20.
    assert budget_left(three(budget_basis="exposure"), choice) == pytest.approx(50)
    assert budget_left(three(budget=139.0), choice) == 0
