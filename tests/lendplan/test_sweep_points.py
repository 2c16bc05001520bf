"""What a sweep asks for: its values, its points, and what is wrong with them."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from workspace import SCENARIO, Workspace

import lendplan
from lendplan.scenario import json_schema, settings_from
from lendplan.scenario.sweptvalues import swept_values
from lendplan.sweep.points import Point, chains_of, distinct, points_of

PLAIN: dict[str, Any] = {
    "title": "by hand",
    "currency": "CNY",
    "enterprises": "book.csv",
    "lines": {"min": 10, "max": 100},
    "budget": {"total": 150},
    "limits": [
        {"name": "a.b", "measure": "count", "at_most": 3},
        {"name": "share", "measure": "line", "where": {"grade": ["A"]}, "at_most": "25%"},
    ],
}


def points(**sweep: Any) -> tuple[Point, ...]:
    settings = settings_from({**PLAIN, "sweep": sweep["sweep"]})
    return points_of(settings, lambda path, text: lendplan.Finding(text, key=".".join(map(str, path))))


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ([1, "x", None], [1, "x", None]),
        ({"from": 0, "to": 1, "points": 3}, [0.0, 0.5, 1.0]),
        ({"from": 0.1, "to": 0.3, "points": 3}, [0.1, 0.2, 0.3]),
        ({"from": 3, "to": 1, "points": 2}, [3.0, 1.0]),
        ({"from": "2%", "to": "5%", "points": 4}, ["2%", "3%", "4%", "5%"]),
        ({"from": "0%", "to": "25bp", "points": 3}, ["0%", "0.125%", "0.25%"]),
    ],
)
def test_values(given: object, values: list[object]) -> None:
    assert swept_values(given) == values


def test_forty_one_weights_are_the_numbers_one_would_write() -> None:
    values = swept_values({"from": 0, "to": 1, "points": 41})
    assert [repr(value) for value in values[:8]] == [
        "0.0",
        "0.025",
        "0.05",
        "0.075",
        "0.1",
        "0.125",
        "0.15",
        "0.175",
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "has no value"),
        (3, "must be a list of values, or {from: 0, to: 1, points: 21}, and is 3"),
        ("x", "must be a list of values"),
        ({"from": 0, "to": 1}, "lacks `points`"),
        ({"form": 0, "to": 1, "points": 3}, "did you mean 'from'"),
        ({"from": 0, "to": 1, "points": 1}, "must be a whole number from 2"),
        ({"from": 0, "to": 1, "points": True}, "must be a whole number from 2"),
        ({"from": 0, "to": 1, "points": 2.0}, "must be a whole number from 2"),
        ({"from": 0, "to": "5%", "points": 2}, "both be plain numbers"),
        ({"from": "a", "to": 1, "points": 2}, "`from`: 'a' is neither"),
        ([0] * 10_001, "at most 10,000"),
    ],
)
def test_values_that_are_none(given: object, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        swept_values(given)


def test_a_limit_goes_by_its_name_or_its_position() -> None:
    one, _ = points(sweep={"limits.a.b.at_most": [1, 2]})
    assert one.settings.limits[0].at_most is not None
    assert one.settings.limits[0].at_most.value == 1
    *_, last = points(sweep={"limits.1.at_most": {"from": "10%", "to": "30%", "points": 3}})
    bound = last.settings.limits[1].at_most
    assert bound is not None
    assert (bound.kind, bound.value) == ("share", 0.3)
    assert last.overrides == ('limits.1.at_most="30%"',)


def test_blocks_and_lists_can_be_values() -> None:
    one, other, none = points(sweep={"exclude_grades": [["D"], ["C", "D"], []]})
    assert [point.settings.exclude_grades for point in (one, other, none)] == [["D"], ["C", "D"], []]
    _, all_grades = points(
        sweep={"objective": [{"kind": "profit"}, {"kind": "weighted", "revenue_weight": "30%"}]}
    )
    assert all_grades.settings.objective.revenue_weight == 0.3


def test_the_points_of_a_point_are_none() -> None:
    for point in points(sweep={"budget.total": [1, 2]}):
        assert point.settings.sweep == {}
        assert point.settings.frontier is None


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ({"objective.revenue_wight": [0]}, "objective.revenue_wight: 0: there is no such key; did you mean"),
        ({"limits.shar.at_most": [1]}, "no limit is called 'shar'; did you mean 'share'?"),
        ({"objective.revenue_weight": [0.5, 1.5]}, "1.5: 1.5 would be 150%"),
        ({"budget.total": [-1, "many"]}, "-1: must not be below 0"),
        ({"budget.total.x": [1]}, "'total' holds no keys"),
        ({"rates.min": ["9%"], "rates.max": ["4%"]}, "above `max`"),
    ],
)
def test_points_that_make_no_scenario(sweep: dict[str, Any], told: str) -> None:
    with pytest.raises(lendplan.InputError) as caught:
        points(sweep=sweep)
    assert told in str(caught.value)
    assert str(caught.value).startswith("sweep.")


def test_a_product_has_a_limit() -> None:
    with pytest.raises(lendplan.InputError, match="asks for 1,000,000 plans"):
        points(sweep={"budget.total": list(range(1000)), "economics.utilisation": [0.5] * 1000})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sweep: {output: [a, b]}\n", "cannot be swept: all points go to one folder"),
        ("sweep: {solver.threads: [1, 2]}\n", "cannot be swept"),
        ("sweep: {budget.total: [1]}\nfrontier: {points: 3}\n", "cannot stand beside `sweep`"),
        ("frontier: {points: 1}\n", "must not be below 2"),
        ("solver: {cluster: local}\nfrontier: {}\n", "solves one plan"),
        ("sweep: [1]\n", "must hold keys and their values"),
    ],
)
def test_what_cannot_stand_in_a_scenario(work: Workspace, text: str, told: str) -> None:
    work.write(SCENARIO + text)
    error = work.refused()
    assert told in error
    assert "scenario.yaml:9:" in error or "scenario.yaml:10:" in error


def test_values_at_odds_with_the_tables_are_told_before_anything_is_solved(work: Workspace) -> None:
    work.write(
        SCENARIO
        + "limits:\n  - {name: few, measure: count, at_most: 2}\n"
        + "sweep:\n  rates.max: [10%, 20%]\n"
    )
    error = work.refused()
    assert "scenario.yaml:12:" in error
    assert "sweep.rates.max" in error


def test_a_budget_in_another_unit_is_told(work: Workspace) -> None:
    work.write(SCENARIO + "sweep: {budget.total: [150, 1e9]}\n")
    assert "unit" in work.refused()


def test_a_sweep_on_the_command_line(work: Workspace) -> None:
    work.write(SCENARIO)
    assert work.optimize("sweep.budget.total=[50, 150]").code == 0
    assert (work.plan / "sweep.csv").exists()
    assert work.optimize("sweep.budget.total=[50, 150]", "sweep=null").code == 0
    assert (work.plan / "summary.json").exists()


@pytest.mark.parametrize(
    "block",
    [
        {"sweep": {"objective.revenue_weight": {"from": 0, "to": 1, "points": 21}}},
        {
            "sweep": {
                "economics.funding_cost": {"from": "2%", "to": "400bp", "points": 3},
                "churn_fit": ["raw"],
            }
        },
        {"frontier": {"points": 25}},
        {"frontier": {}},
        {"sweep": None, "frontier": None},
    ],
)
def test_the_json_schema_takes_what_the_loader_takes(block: dict[str, Any]) -> None:
    settings_from({**PLAIN, **block})
    jsonschema.validate({**PLAIN, **block}, json_schema())


@pytest.mark.parametrize(
    "block", [{"sweep": {"x": []}}, {"sweep": {"x": {"from": 1}}}, {"frontier": {"points": 1}}]
)
def test_the_json_schema_refuses_what_the_loader_refuses(block: dict[str, Any]) -> None:
    with pytest.raises(lendplan.InputError):
        settings_from({**PLAIN, **block})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**PLAIN, **block}, json_schema())


@pytest.mark.parametrize(("count", "processes"), [(41, 2), (1, 2), (5, 2), (3, 8), (100, 3), (10_000, 64)])
def test_chains_hold_each_point_once_in_order(count: int, processes: int) -> None:
    chains = list(chains_of(count, processes))
    assert [at for chain in chains for at in chain] == list(range(count))
    assert len(chains) >= min(count, processes)


def test_values_without_danger_are_not_checked_again() -> None:
    found = points(sweep={"objective.revenue_weight": [0, 0.5, 1], "budget.total": [1, 2]})
    assert [point.values["budget.total"] for point in distinct(found, ("objective.",))] == [1, 2]
