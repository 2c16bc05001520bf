"""What a given allocation is worth, what it breaks, and how far it is from the best plan; worked by hand.

The scenario is that of ``workspace``: its best plan earns 7.95. Churn is read between its two knots, so that at
7.5 % A loses 10 % and B 25 %.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from workspace import FREE_BOOK, PROFIT, SCENARIO, Workspace

import lendplan


def given(*rows: tuple[str, Any, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=pd.Index(["enterprise", "line", "rate"]))


def scored(work: Workspace, *rows: tuple[str, Any, Any]) -> dict[str, Any]:
    return lendplan.load(work.scenario).score(given(*rows)).summary


def test_a_score_worked_by_hand(work: Workspace) -> None:
    # E1: exposure 40, interest 4, revenue 4 − 40·.02 − .1 = 3.1, risk .4. E6: exposure 5, revenue .3, risk .15.
    found = scored(work, ("E1", 50, 0.1), ("E6", 10, 0.1))
    assert found["line"] == 60
    assert found["exposure"] == pytest.approx(45)
    assert found["interest"] == pytest.approx(4.5)
    assert found["revenue"] == pytest.approx(3.4)
    assert found["risk"] == pytest.approx(0.55)
    assert found["profit"] == found["objective"] == pytest.approx(2.85)
    assert found["average_rate"] == pytest.approx(0.1)
    assert found["funded"] == 2
    assert found["broken"] == {}
    assert found["best"] == pytest.approx(PROFIT)
    assert found["distance"] == pytest.approx(PROFIT - 2.85)
    assert found["status"] == "feasible"
    assert found["gap"] == pytest.approx((PROFIT - 2.85) / 2.85)


def test_a_rate_off_the_grid_is_read_between_the_knots(work: Workspace) -> None:
    # E1 at 7.5 %: 10 % leave, exposure 90; revenue 90·.055 − .1 = 4.85, risk .9.
    found = scored(work, ("E1", 100, 0.075), ("E6", 10, 0.1))
    assert found["objective"] == pytest.approx(4.85 - 0.9 + 0.15)
    assert found["exposure"] == pytest.approx(95)
    assert found["broken"] == {}


def test_a_given_plan_may_beat_the_grids_best_by_its_own_rates(work: Workspace) -> None:
    """At 8.5 % B keeps 65 %: 10·(.65·(.065 − .03)) − .1 = .1275 of E6, less than .15 at 10 %: the best stands."""
    found = scored(work, ("E1", 100, 0.1), ("E3", 40, 0.1), ("E6", 10, 0.085))
    assert found["objective"] == pytest.approx(PROFIT - 0.15 + 0.1275)
    assert found["distance"] == pytest.approx(0.15 - 0.1275)


def test_the_plans_own_allocations_score_at_distance_zero(work: Workspace) -> None:
    work.optimize()
    ran_ = work.run("score", work.scenario, work.plan / "allocations.csv", "--json")
    assert ran_.code == 0, ran_.err
    found = json.loads(ran_.out)
    assert found["distance"] == pytest.approx(0, abs=1e-12)
    assert found["broken"] == {}
    assert found["status"] == "optimal"
    stored = work.json("summary")
    for key in (
        "objective",
        "revenue",
        "risk",
        "profit",
        "line",
        "exposure",
        "interest",
        "funded",
        "eligible",
    ):
        assert found[key] == pytest.approx(stored[key], abs=1e-12)
    assert found["shadow_prices"] == stored["shadow_prices"]


def test_the_plans_own_parquet_and_frame_score_alike(work: Workspace) -> None:
    work.optimize()
    asked = lendplan.load(work.scenario)
    for table in (work.plan / "allocations.parquet", asked.solve().allocations):
        assert asked.score(table).summary["distance"] == pytest.approx(0, abs=1e-12)


def test_a_weighted_score_uses_the_ranges_of_the_scenario(work: Workspace) -> None:
    asked = lendplan.load(work.scenario, ["objective.kind=weighted"])
    plan = asked.solve()
    found = asked.score(plan.allocations).summary
    assert found["ranges"] == plan.summary["ranges"]
    assert found["objective"] == pytest.approx(plan.summary["objective"], abs=1e-12)


def test_enterprises_that_are_missing_get_nothing(work: Workspace) -> None:
    work.write(book=FREE_BOOK)
    found = scored(work, ("E1", 100, 0.1))
    assert (found["funded"], found["line"], found["broken"]) == (1, 100, {})


def test_an_empty_allocation_is_worth_nothing(work: Workspace) -> None:
    work.write(book=FREE_BOOK)
    found = scored(work, ("E1", 0, None), ("E2", None, None))
    assert (found["objective"], found["funded"], found["average_rate"]) == (0, 0, None)
    assert found["distance"] == pytest.approx(found["best"])


def test_blank_rates_are_fine_where_the_line_is_zero_and_refused_elsewhere(work: Workspace) -> None:
    assert scored(work, ("E1", 0, None), ("E6", 10, 0.1))["funded"] == 1
    with pytest.raises(lendplan.InputError, match=r"allocation:2: rate: E1: .* no rate"):
        scored(work, ("E1", 20, None))


def test_strangers_are_refused_by_name_and_row(work: Workspace) -> None:
    with pytest.raises(lendplan.InputError, match="allocation:3: enterprise: E99") as caught:
        scored(work, ("E1", 20, 0.1), ("E99", 10, 0.1), ("E98", 10, 0.1))
    assert len(caught.value.findings) == 2


@pytest.mark.parametrize(("name", "word"), [("E4", "excluded"), ("E5", "decline")])
def test_a_line_for_one_that_takes_no_part_is_refused(work: Workspace, name: str, word: str) -> None:
    with pytest.raises(lendplan.InputError, match=word):
        scored(work, (name, 20, 0.1))
    assert scored(work, (name, 0, None), ("E6", 10, 0.1))["broken"] == {}


@pytest.mark.parametrize("rate", [0.04, 0.11, 0.0])
def test_a_rate_outside_the_churn_table_is_refused(work: Workspace, rate: float) -> None:
    with pytest.raises(lendplan.InputError, match="5 % to 10 %"):
        scored(work, ("E1", 20, rate))


def test_amounts_below_zero_and_repeated_rows_are_refused(work: Workspace) -> None:
    with pytest.raises(lendplan.InputError, match="line"):
        scored(work, ("E1", -5, 0.1))
    with pytest.raises(lendplan.InputError, match="E1"):
        scored(work, ("E1", 10, 0.1), ("E1", 20, 0.1))


def test_a_table_without_the_columns_is_refused(work: Workspace) -> None:
    path = work.folder / "given.csv"
    path.write_text("enterprise,line\nE1,10\n")
    ran_ = work.run("score", work.scenario, path)
    assert ran_.code == 3
    assert "given.csv" in ran_.err
    assert "rate" in ran_.err
    assert work.run("score", work.scenario, work.folder / "nowhere.csv").code == 3


# What is broken ---------------------------------------------------------------------------------------------------

MUST = ("E6", 10, 0.1)


def test_the_budget_is_broken_by_what_is_too_much(work: Workspace) -> None:
    found = scored(work, ("E1", 100, 0.1), ("E2", 100, 0.1), MUST)
    assert found["broken"] == {"budget": pytest.approx(60)}
    assert found["status"] == "infeasible"
    assert found["gap"] is None
    assert found["certified_gap"] is None


@pytest.mark.parametrize(
    ("row", "broken"),
    [
        (("E1", 4, 0.1), {"lines": 6}),
        (("E1", 104, 0.1), {"lines": 4}),
        (("E3", 35, 0.1), {"line steps": 5}),
        (("E3", 45, 0.1), {"lines": 5, "line steps": 5}),
    ],
)
def test_bounds_and_steps_of_lines(
    work: Workspace, row: tuple[str, float, float], broken: dict[str, Any]
) -> None:
    found = scored(work, row, MUST)
    assert found["broken"] == {name: pytest.approx(by) for name, by in broken.items()}


def test_bounds_of_rates(work: Workspace) -> None:
    work.write(
        SCENARIO + "rates: {min: 5%, max: 10%, step: 1%}\n",
        book="enterprise,grade,default_probability,rate_max\nE1,A,0.02,7%\nE6,B,0.02,\n",
    )
    assert scored(work, ("E1", 20, 0.09), ("E6", 20, 0.1))["broken"] == {"rates": pytest.approx(0.02)}
    assert scored(work, ("E1", 20, 0.065))["broken"] == {}


def test_must_lend_that_gets_nothing(work: Workspace) -> None:
    assert scored(work, ("E1", 50, 0.1))["broken"] == {"must": 1}


LIMITS = """limits:
  - {name: retail, measure: line, where: {industry: retail}, at_most: 50%}
  - {name: farming, measure: line, where: {industry: farming}, at_least: 30}
  - {name: reach, measure: count, at_least: 3}
  - {name: losses, measure: risk, at_most: 0.5}
  - {name: mean, measure: average_rate, at_most: 9%}
  - {name: size, measure: line, by: size, at_most: 40%, of: budget}
"""


def test_each_limit_is_broken_by_its_own_name_and_in_its_own_unit(work: Workspace) -> None:
    """All of 100 to E1 at 10 %: retail has 100 where 50 may be; farming lacks 30; two borrowers are missing.

    Risk is .8, .3 too much; interest 8 where 9 % of 80 allow 7.2; micro has 100 where 40 % of 150 are 60.
    """
    work.write(SCENARIO + LIMITS, book=FREE_BOOK)
    found = scored(work, ("E1", 100, 0.1))
    assert found["broken"] == {
        "retail": pytest.approx(50),
        "farming": pytest.approx(30),
        "reach": pytest.approx(2),
        "losses": pytest.approx(0.3),
        "mean": pytest.approx(0.8),
        "size[micro]": pytest.approx(40),
    }


def test_a_limit_that_is_just_reached_is_not_broken(work: Workspace) -> None:
    work.write(SCENARIO + "limits: [{name: third, measure: line, where: {enterprise: E1}, at_most: 30}]\n")
    assert scored(work, ("E1", 30, 0.1), MUST)["broken"] == {}
    assert scored(work, ("E1", 30 + 1e-10, 0.1), MUST)["broken"] == {}
    assert scored(work, ("E1", 30 + 1e-6, 0.1), MUST)["broken"] == {"third": pytest.approx(1e-6, rel=1e-3)}


def test_where_no_plan_exists_a_profit_is_still_valued(work: Workspace) -> None:
    work.write(SCENARIO + "limits: [{name: reach, measure: count, at_least: 9}]\n")
    found = scored(work, ("E1", 50, 0.1), MUST)
    assert found["objective"] == pytest.approx(2.85)
    assert found["best"] is None
    assert found["distance"] is None
    assert found["broken"] == {"reach": pytest.approx(7)}


def test_theirs_may_be_named_in_their_language(work: Workspace) -> None:
    work.write(SCENARIO + "columns: {line: 授信额度, rate: 年利率}\n")
    path = work.folder / "given.csv"
    path.write_text("enterprise,授信额度,年利率\nE1,50,10%\nE6,10,10%\n", encoding="gb18030")
    ran_ = work.run("score", work.scenario, path, "--json")
    assert ran_.code == 0, ran_.err
    assert json.loads(ran_.out)["objective"] == pytest.approx(2.85)
