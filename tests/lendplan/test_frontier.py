"""The frontier from the command to the folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from workspace import LUMPY, LUMPY_BOOK, SCENARIO, Workspace, snapshot

import lendplan
from lendplan.certify.plan import verify
from lendplan.frontier import Frontier, frontier

SHIPPED = Path(lendplan.__file__).resolve().parents[1] / "scenarios" / "annual_budget.yaml"


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lendplan.sweep.runner._WORTH", float("inf"))
        yield


def rows(work: Workspace) -> list[dict[str, str]]:
    with (work.plan / "frontier.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_point_that_no_weight_finds(work: Workspace) -> None:
    """By hand, revenue 5 % of the line: nothing, A (.5, .1), C (.65, .65), A and B (1, 1). B alone is dominated.

    Above the line between the ends: A by .5 − .1 = .4, C by .65 − .65 = 0.
    """
    work.write(LUMPY, LUMPY_BOOK)
    ran = work.optimize()
    assert ran.code == 0, ran.err
    found = rows(work)
    assert [float(row["revenue"]) for row in found] == pytest.approx([0, 0.5, 0.65, 1.0])
    assert [float(row["risk"]) for row in found] == pytest.approx([0, 0.1, 0.65, 1.0])
    assert [row["knee"] for row in found] == ["false", "true", "false", "false"]
    assert "knee" in ran.out
    assert len(list((work.plan / "points").iterdir())) == 11
    for row in found:
        assert verify(work.plan / row["folder"]).passed
        assert float(row["revenue_bound"]) >= float(row["revenue"])
    table = parquet.read_table(work.plan / "frontier.parquet")
    assert table.column_names == list(found[0])
    assert table.column_names[:3] == ["risk_limit", "revenue_bound", "knee"]
    assert table.column("knee").to_pylist() == [False, True, False, False]


def test_it_goes_on_from_what_stands(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    work.write(LUMPY, LUMPY_BOOK)
    assert work.optimize().code == 0
    first = rows(work)
    monkeypatch.setattr("lendplan.sweep.work.solved", None)  # whoever solves fails
    assert work.optimize().code == 0
    assert rows(work) == first


def test_json_prints_the_efficient_plans(work: Workspace) -> None:
    work.write(LUMPY, LUMPY_BOOK)
    record = json.loads(work.optimize(options=("--json",)).out)
    assert [point["revenue"] for point in record["frontier"]] == pytest.approx([0, 0.5, 0.65, 1.0])
    assert record["frontier"][1]["knee"] is True


def test_a_scenario_without_a_plan_writes_nothing(work: Workspace) -> None:
    work.write(SCENARIO + "frontier: {points: 5}\n")
    before = snapshot(work.folder)
    ran = work.optimize("budget.total=5")
    assert ran.code == 4
    assert "budget" in ran.err
    assert snapshot(work.folder) == before


def test_a_budget_of_zero_has_one_point(work: Workspace) -> None:
    work.write(LUMPY, LUMPY_BOOK)
    assert work.optimize("budget.total=0").code == 0
    assert [(row["revenue"], row["risk"]) for row in rows(work)] == [("0.0", "0.0")]


def test_a_limit_may_have_the_name_that_the_bound_on_the_risk_would_have(work: Workspace) -> None:
    work.write(LUMPY + "limits:\n  - {name: frontier, measure: count, at_most: 2}\n", LUMPY_BOOK)
    assert work.optimize("frontier.points=4").code == 0
    assert "shadow_prices.frontier 2" in rows(work)[0] or "shadow_prices.frontier 2" in rows(work)[1]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Frontier:
    scenario = lendplan.load(SHIPPED, ["frontier.points=6", "solver.threads=1"])
    return frontier(scenario, tmp_path_factory.mktemp("frontier") / "traced")


def test_risk_is_evenly_spaced_and_revenue_rises_at_a_falling_pace(shipped: Frontier) -> None:
    assert shipped.code == 0
    risk, revenue = (np.array([row[name] for row in shipped.rows]) for name in ("risk", "revenue"))
    assert len(risk) == 6
    np.testing.assert_allclose(np.diff(risk), np.diff(risk).mean(), rtol=1e-3)
    assert np.all(np.diff(revenue) > 0)
    assert np.all(np.diff(revenue, 2) < 0)
    assert sum(row["knee"] for row in shipped.rows) == 1


def test_each_point_is_proven(shipped: Frontier) -> None:
    spread = shipped.rows[-1]["revenue"] - shipped.rows[0]["revenue"]
    for row in shipped.rows[1:]:
        assert 0 <= row["revenue_bound"] - row["revenue"] <= 1e-4 * spread
        assert row["certified_gap"] <= 1e-6
    assert shipped.table["risk"].is_monotonic_increasing


def test_no_weighted_plan_lies_above_it(shipped: Frontier) -> None:
    for weight in (0.3, 0.6, 0.8):
        plan = lendplan.load(SHIPPED, [f"objective.revenue_weight={weight}"]).solve().summary
        within = [row for row in shipped.rows if row["risk"] <= plan["risk"]]
        assert plan["revenue"] >= within[-1]["revenue"] - 1e-6 * plan["revenue"]
        above = [row for row in shipped.rows if (row["risk_limit"] or row["risk"]) >= plan["risk"]]
        assert plan["revenue"] <= above[0]["revenue_bound"] + 1e-9
