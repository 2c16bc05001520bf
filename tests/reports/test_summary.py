"""The plan in figures, and why budget is left where it is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from reports_by_hand import PRICES, lent, result, three

from lendplan.models.measures import Economics, Objective, Ranges
from lendplan.models.problem import Choice, Members, Problem, Row
from lendplan.reports.summary import STAGES, summarise, summarise_without_plan, unspent_because
from lendplan.reports.tables import limit_states
from lendplan.solvers.result import Conflict, LimitChange, SolutionStatus, StopReason


def summary(problem: Problem, choice: Choice, **fields: Any) -> dict[str, Any]:
    found = result(problem, **fields)
    states = limit_states(problem, choice, found.prices)
    return summarise(found, choice, states, certified_bound=7.81, seconds={"read": 0.25, "solve": 1.0})


def test_the_figures_of_the_plan_worked_by_hand() -> None:
    problem = three()
    ranges = {"budget": (140.0, 160.0), "idle": (-np.inf, 2.0)}
    found = summary(problem, lent(problem, 100, 50, 0), price_ranges=ranges)
    assert found == {
        "status": "optimal",
        "objective": pytest.approx(7.1),
        "bound": 7.1,
        "gap": pytest.approx(0, abs=1e-12),
        "certified_bound": 7.81,
        "certified_gap": pytest.approx(0.1),
        "revenue": pytest.approx(8.4),
        "risk": pytest.approx(1.3),
        "profit": pytest.approx(7.1),
        "interest": pytest.approx(10.5),
        "line": 150,
        "exposure": pytest.approx(105),
        "budget_used": 150,
        "funded": 2,
        "eligible": 3,
        "average_rate": pytest.approx(0.1),
        "unspent_because": None,
        "solver": "by hand",
        "seconds": {"read": 0.25, "check": 0, "build": 0, "solve": 1, "write": 0},
        "shadow_prices": {"budget": 0.03},
        "shadow_price_ranges": {"budget": [140.0, 160.0], "idle": [None, 2.0]},
        "ranges": None,
        "binding": ["budget"],
    }
    json.dumps(found, allow_nan=False)


def test_every_number_is_a_plain_one_that_json_can_hold() -> None:
    problem = three(objective=Objective("weighted", 0.5, Ranges(10, 0, 2, 0)))
    found = summary(problem, lent(problem, 100, 50, 0), bound=0.2)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["ranges"] == {"revenue_max": 10, "revenue_min": 0, "risk_max": 2, "risk_min": 0}
    # ½·8.4/10 − ½·1.3/2; gaps of `weighted` are measured against 1 at least.
    assert found["objective"] == pytest.approx(0.095)
    assert found["gap"] == pytest.approx(0.105)


def test_the_budget_used_counts_in_its_own_basis() -> None:
    problem = three(budget_basis="exposure")
    assert summary(problem, lent(problem, 100, 50, 0))["budget_used"] == pytest.approx(105)


@pytest.mark.parametrize("bound", [0.0, 1e-14, -0.0])
def test_an_empty_plan_of_no_budget_has_finite_figures(bound: float) -> None:
    problem = three(budget=0.0)
    found = result(problem, bound=max(bound, 0.0))
    choice = lent(problem, 0, 0, 0)
    states = limit_states(problem, choice, PRICES)
    made = summarise(found, choice, states, certified_bound=bound, seconds={})
    json.dumps(made, allow_nan=False)
    assert made["average_rate"] is None
    assert made["unspent_because"] is None


def test_a_plan_that_its_formulation_does_not_bound_has_no_gap() -> None:
    problem = three()
    found = summary(problem, lent(problem, 100, 50, 0), bound=None)
    assert found["bound"] is None
    assert found["gap"] is None
    assert found["certified_gap"] == pytest.approx(0.1)


def test_without_a_plan_the_conflict_is_told_as_data() -> None:
    conflict = Conflict(
        (LimitChange("budget", 8, "amount", 10, 10), LimitChange("reach", 3, "amount", None, 3)), False
    )
    found = summarise_without_plan(
        result(three(), solution=SolutionStatus.INFEASIBLE, bound=None, conflict=conflict), {"read": 0.5}
    )
    assert found["status"] == "infeasible"
    assert found["conflict"]["limits"]["budget"]["alone"] == 10
    assert found["conflict"]["limits"]["reach"]["alone"] is None
    assert set(found["seconds"]) == set(STAGES)
    json.dumps(found, allow_nan=False)


# Why budget is left -------------------------------------------------------------------------------------------


def because(problem: Problem, choice: Choice, prices: dict[str, float]) -> str | None:
    return unspent_because(problem, choice, limit_states(problem, choice, prices), prices)


def test_no_sentence_where_nothing_is_left() -> None:
    assert because(three(), lent(three(), 100, 50, 0), PRICES) is None
    dust = three(budget=150 + 1e-7)
    assert because(dust, lent(dust, 100, 50, 0), PRICES) is None


def test_everyone_worth_it_has_the_largest_line() -> None:
    problem = three(budget=500.0)
    text = because(problem, lent(problem, 100, 100, 100), {"budget": 0.0})
    assert text == "200 of 500 is left: each of the 3 enterprises that are worth a loan has its largest line"


def test_some_are_not_worth_a_loan() -> None:
    problem = three(budget=500.0, risk_weight=np.array([0.01, 0.02, 0.2]))
    text = because(problem, lent(problem, 100, 100, 0), {"budget": 0.0})
    assert text == "300 of 500 is left: each of the 2 enterprises that are worth a loan has its largest line"


def test_a_limit_binds_first() -> None:
    codes = Members(np.array([-1, 0, 0], dtype=np.int32), 0)
    problem = three(budget=500.0, limits=(Row("little B", "line", 1, codes, amount=60),))
    text = because(problem, lent(problem, 100, 60, 0), {"budget": 0.0, "little B": 0.03})
    assert text == "340 of 500 is left: `little B` binds first; more budget would earn nothing"


def test_lines_are_all_or_nothing() -> None:
    problem = three(budget=105.0)
    text = because(problem, lent(problem, 100, 0, 0), {"budget": 0.03})
    assert text is not None
    assert text.startswith("5 of 105 is left: lines are all-or-nothing")


def test_nobody_is_eligible() -> None:
    empty = np.zeros(0)
    problem = three(
        enterprise=np.array([], dtype=object),
        curve=empty.astype(np.int16),
        first_rate=empty.astype(np.int16),
        last_rate=empty.astype(np.int16),
        must_lend=empty.astype(bool),
        **dict.fromkeys(
            (
                "line_min",
                "line_max",
                "line_step",
                "default_probability",
                "risk_weight",
                "risk_index",
                "grade_factor",
            ),
            empty,
        ),
    )
    choice = problem.choice(np.zeros(0, dtype=np.int64), empty)
    assert because(problem, choice, {"budget": 0.0}) == "150 of 150 is left: no enterprise is eligible"


def test_nobody_earns_what_its_risk_costs() -> None:
    problem = three(economics=Economics(funding_cost=0.2))
    text = because(problem, lent(problem, 0, 0, 0), {"budget": 0.0})
    assert text == "150 of 150 is left: no enterprise earns what its risk costs"


def test_the_least_line_is_beyond_the_budget() -> None:
    problem = three(budget=5.0)
    text = because(problem, lent(problem, 0, 0, 0), {"budget": 0.03})
    assert text == "5 of 5 is left: nothing is lent; the least line that is worth lending is 10"


def test_a_search_that_was_cut_short_explains_itself_and_nothing_else() -> None:
    problem = three()
    choice = lent(problem, 10, 0, 0)
    text = summary(problem, choice, stop=StopReason.TIME_LIMIT, solution=SolutionStatus.FEASIBLE)[
        "unspent_because"
    ]
    assert text is not None
    assert text.startswith("140 of 150 is left: ")
    for claim in ("no further line", "no enterprise", "more budget would earn nothing", "largest line"):
        assert claim not in text
