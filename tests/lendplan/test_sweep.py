"""Sweeps from the command to the folder: figures by hand, laws, and what is solved again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from workspace import FREE_BOOK, SCENARIO, Workspace

import lendplan
from lendplan.certify.plan import verify
from lendplan.sweep import work as sweep_work
from lendplan.sweep.sweeping import Swept, sweep

SHIPPED = Path(lendplan.__file__).resolve().parents[1] / "scenarios" / "annual_budget.yaml"
BUDGETS = "sweep:\n  budget.total: [50, 150, 250]\n"


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    """However slow the machine: small books are left to this process, where the tests can look at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lendplan.sweep.runner._WORTH", float("inf"))
        yield


def swept(work: Workspace, text: str, **files: str) -> list[dict[str, str]]:
    work.write(SCENARIO + text, **files)
    ran = work.optimize()
    assert ran.code == 0, ran.err
    return rows(work)


def rows(work: Workspace) -> list[dict[str, str]]:
    with (work.plan / "sweep.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the number of each point that is solved in this process."""
    solved: list[int] = []
    solve = sweep_work.Bench.solve

    def counting(self: Any, point: Any, *rest: Any) -> Any:
        solved.append(point.number)
        return solve(self, point, *rest)

    monkeypatch.setattr(sweep_work.Bench, "solve", counting)
    return solved


def test_a_sweep_over_the_budget_by_hand(work: Workspace) -> None:
    """By hand, as in the workspace: with 50 E6's 10 (.25) and E3's 40 (2.4), with 250 another 100 of E2 (3 − .1)."""
    found = swept(work, BUDGETS)
    assert [row["budget.total"] for row in found] == ["50", "150", "250"]
    assert [float(row["objective"]) for row in found] == pytest.approx([2.45, 7.95, 10.85])
    assert [float(row["funded"]) for row in found] == [2, 3, 4]
    assert [row["status"] for row in found] == ["optimal"] * 3
    assert [row["folder"] for row in found] == ["points/0001", "points/0002", "points/0003"]
    assert float(found[0]["shadow_prices.budget"]) > 0


def test_columns_are_the_swept_keys_and_then_those_of_the_summary(work: Workspace) -> None:
    assert work.optimize().code == 0
    summary = work.json("summary")
    columns = list(swept(work, BUDGETS)[0])
    assert columns[0] == "budget.total"
    tops = list(dict.fromkeys(name.split(".")[0] for name in columns[1:]))
    assert tops == [*(key for key in summary if summary[key] != {}), "folder", "error"]
    assert "seconds.solve" in columns
    assert "shadow_price_ranges.budget.from" in columns


def test_the_parquet_table_says_the_same(work: Workspace) -> None:
    found = swept(work, BUDGETS)
    table = parquet.read_table(work.plan / "sweep.parquet")
    assert table.column_names == list(found[0])
    for name in ("objective", "risk", "budget.total"):
        assert table.column(name).to_pylist() == [float(row[name]) for row in found]
    assert table.column("folder").to_pylist() == [row["folder"] for row in found]


def test_each_point_is_a_plan_that_passes_the_check(work: Workspace) -> None:
    swept(work, BUDGETS)
    for folder in sorted((work.plan / "points").iterdir()):
        assert {file.name for file in folder.iterdir()} == {
            "allocations.parquet",
            "summary.json",
            "certificate.json",
            "manifest.json",
        }
        assert verify(folder).passed
    assert work.run("verify", work.plan / "points" / "0002").code == 0
    assert "E1" in work.run("explain", work.plan / "points" / "0002", "E1").out


def test_a_point_that_was_tampered_with_fails_the_check(work: Workspace) -> None:
    swept(work, BUDGETS)
    folder = work.plan / "points" / "0001"
    other = work.plan / "points" / "0003" / "allocations.parquet"
    (folder / "allocations.parquet").write_bytes(other.read_bytes())
    assert work.run("verify", folder).code == 7


def test_the_allocation_of_a_point_is_that_of_the_plan_alone(work: Workspace) -> None:
    swept(work, BUDGETS)
    point = parquet.read_table(work.plan / "points" / "0003" / "allocations.parquet")
    work.write()
    assert work.optimize("budget.total=250").code == 0
    alone = parquet.read_table(work.plan / "allocations.parquet")
    assert point.equals(alone)


def test_products_change_the_last_key_fastest(work: Workspace) -> None:
    found = swept(
        work, "sweep:\n  budget.total: [50, 150]\n  economics.funding_cost: {from: 1%, to: 2%, points: 2}\n"
    )
    assert [(row["budget.total"], row["economics.funding_cost"]) for row in found] == [
        ("50", "1%"),
        ("50", "2%"),
        ("150", "1%"),
        ("150", "2%"),
    ]
    assert float(found[3]["objective"]) < float(found[2]["objective"])


def test_a_limit_goes_by_its_name(work: Workspace) -> None:
    text = "limits:\n  - {name: few, measure: count, at_most: 2}\nsweep: {limits.few.at_most: [1, 2, 3]}\n"
    found = swept(work, text, book=FREE_BOOK)
    # The best alone is E1 (5.6 − .1), then E3 with it (2.4 − .1); the third gets the 10 that are left.
    assert [float(row["objective"]) for row in found] == pytest.approx([5.5, 7.8, 8.0])


def test_any_key_can_be_swept(work: Workspace) -> None:
    other = work.folder / "other.csv"
    other.write_text((work.folder / "book.csv").read_text().replace("E1,A", "E9,A"))
    found = swept(
        work, "sweep:\n  enterprises: [book.csv, other.csv]\n  objective.kind: [profit, weighted]\n"
    )
    assert [row["status"] for row in found] == ["optimal"] * 4
    point = parquet.read_table(work.plan / "points" / "0003" / "allocations.parquet")
    assert point.column("enterprise").to_pylist()[0] == "E9"
    assert verify(work.plan / "points" / "0003").passed


def test_two_points_that_are_the_same_are_solved_once(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved = counted(monkeypatch)
    found = swept(work, "sweep: {budget.total: [50, 150, 50]}\n")
    assert solved == [1, 2]
    assert found[0]["objective"] == found[2]["objective"]
    one, other = (work.plan / "points" / name / "allocations.parquet" for name in ("0001", "0003"))
    assert one.read_bytes() == other.read_bytes()


def test_what_stands_is_not_solved_again(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    solved = counted(monkeypatch)
    swept(work, BUDGETS)
    assert solved == [1, 2, 3]
    first = (work.plan / "sweep.csv").read_bytes()
    swept(work, BUDGETS)
    assert solved == [1, 2, 3]
    assert (work.plan / "sweep.csv").read_bytes() == first
    swept(work, "sweep: {budget.total: [50, 100, 150]}\n")
    assert solved == [1, 2, 3, 2]


def test_what_was_made_from_other_tables_or_is_damaged_is_solved_again(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved = counted(monkeypatch)
    swept(work, BUDGETS)
    (work.plan / "points" / "0002" / "allocations.parquet").write_bytes(b"")
    swept(work, BUDGETS)
    assert solved == [1, 2, 3, 2]
    swept(work, BUDGETS, book=FREE_BOOK)
    assert solved == [1, 2, 3, 2, 1, 2, 3]


def test_the_same_sweep_gives_the_same_allocations_to_the_byte(work: Workspace) -> None:
    def points(output: str) -> list[bytes]:
        assert work.optimize(options=("--output", work.folder / output)).code == 0
        folders = sorted((work.folder / output / "points").iterdir())
        return [(folder / "allocations.parquet").read_bytes() for folder in folders]

    work.write(SCENARIO + BUDGETS)
    assert points("one") == points("other")


def test_json_prints_every_point(work: Workspace) -> None:
    work.write(SCENARIO + BUDGETS)
    record = json.loads(work.optimize(options=("--json",)).out)
    assert [point["values"]["budget.total"] for point in record["sweep"]] == [50, 150, 250]
    assert record["sweep"][1]["objective"] == pytest.approx(7.95)
    assert record["sweep"][1]["shadow_prices"]["budget"] >= 0


def test_check_counts_the_points_and_solves_nothing(work: Workspace) -> None:
    work.write(SCENARIO + BUDGETS)
    ran = work.run("check", work.scenario)
    assert ran.code == 0
    assert "3 points to sweep" in ran.out
    assert not work.plan.exists()


def test_a_plan_and_a_sweep_take_each_others_place(work: Workspace) -> None:
    assert work.optimize().code == 0
    swept(work, BUDGETS)
    assert not (work.plan / "summary.json").exists()
    work.write()
    assert work.optimize().code == 0
    assert not (work.plan / "points").exists()


def test_a_folder_with_other_files_is_left_alone(work: Workspace) -> None:
    swept(work, BUDGETS)
    (work.plan / "points" / "0001" / "notes.txt").write_text("mine")
    work.refused(code=8)


def shipped(*overrides: str, folder: Path) -> Swept:
    return sweep(lendplan.load(SHIPPED, overrides), folder)


@pytest.fixture(scope="module")
def by_weight(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    folder = tmp_path_factory.mktemp("by_weight") / "swept"
    return shipped(
        "sweep.objective.revenue_weight={from: 0, to: 1, points: 9}",
        "solver.gap=1e-9",
        "solver.threads=1",
        folder=folder,
    )


def test_revenue_and_risk_rise_with_the_weight_on_revenue(by_weight: Swept) -> None:
    assert by_weight.code == 0
    for name in ("revenue", "risk"):
        values = np.array([summary[name] for summary in by_weight.summaries])
        assert np.all(np.diff(values) >= -1e-6 * values[1:])


def test_the_ranges_are_frozen_while_the_weight_is_swept(by_weight: Swept) -> None:
    ranges = [summary["ranges"] for summary in by_weight.summaries]
    assert all(one == ranges[0] for one in ranges)
    assert ranges[0] == lendplan.load(SHIPPED).solve().summary["ranges"]


@pytest.mark.parametrize("position", [1, 4, 7, 8])
def test_a_point_is_worth_what_a_solve_from_nothing_finds(by_weight: Swept, position: int) -> None:
    weight = by_weight.points[position].values["objective.revenue_weight"]
    alone = lendplan.load(SHIPPED, [f"objective.revenue_weight={weight}", "solver.gap=1e-9"]).solve()
    warm = by_weight.summaries[position]
    assert warm["objective"] == pytest.approx(alone.summary["objective"], abs=1e-9)
    assert warm["certified_bound"] == pytest.approx(warm["objective"], abs=1e-8)


def test_a_larger_budget_never_earns_less(tmp_path: Path) -> None:
    found = shipped(
        "objective={kind: profit}",
        "sweep.budget.total={from: 200, to: 3000, points: 8}",
        "solver.threads=1",
        folder=tmp_path / "swept",
    )
    profit = np.array([summary["objective"] for summary in found.summaries])
    assert np.all(np.diff(profit) >= -1e-6 * profit[1:])
    assert found.table["budget.total"].tolist() == [200, 600, 1000, 1400, 1800, 2200, 2600, 3000]


def test_processes_and_one_process_give_the_same_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_of = ("sweep.objective.revenue_weight={from: 0.3, to: 0.6, points: 13}", "solver.threads=2")
    together = shipped(*sweep_of, folder=tmp_path / "together")
    monkeypatch.setattr("lendplan.sweep.runner._WORTH", 0.0)
    apart = shipped(*sweep_of, folder=tmp_path / "apart")
    assert apart.code == together.code == 0
    for one, other in zip(apart.folders, together.folders, strict=True):
        assert (one / "allocations.parquet").read_bytes() == (other / "allocations.parquet").read_bytes()


def test_points_left_to_processes_alone_are_worth_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_of = ("sweep.objective.revenue_weight=[0.3, 0.4, 0.5, 0.6]", "solver.gap=1e-9")
    together = shipped(*sweep_of, folder=tmp_path / "together")
    monkeypatch.setattr("lendplan.sweep.runner._LARGE", 0)
    apart = shipped(*sweep_of, folder=tmp_path / "apart")
    for one, other in zip(apart.summaries, together.summaries, strict=True):
        assert one["objective"] == pytest.approx(other["objective"], abs=1e-9)


def test_a_budget_curve_is_a_sweep_over_the_budget(work: Workspace) -> None:
    from lendplan.budgetcurve import budget_curve

    curve = budget_curve(lendplan.load(work.scenario), [50, 150, 200, 250], work.folder / "curve")
    assert [row["objective"] for row in curve.rows] == pytest.approx([2.45, 7.95, 9.35, 10.85])
    # With 200 the next unit goes to E2: 3 %, less a hundredth of its fee of 0.1, since the relaxation lends in part.
    assert curve.rows[2]["shadow_price"] == pytest.approx(0.029)
    assert (work.folder / "curve" / "sweep.csv").exists()


def test_a_weighted_budget_curve_has_the_same_ranges_at_every_point(work: Workspace) -> None:
    from lendplan.budgetcurve import budget_curve

    scenario = lendplan.load(work.scenario, ["objective={kind: weighted}"])
    curve = budget_curve(scenario, [50, 100, 150, 250], work.folder / "curve")
    ranges = [summary["ranges"] for summary in curve.swept.summaries]
    assert all(one == ranges[0] for one in ranges)
    values = [row["objective"] for row in curve.rows]
    assert values == sorted(values)
    assert len(curve.table) == 4


def test_a_swept_block_does_not_give_way_to_a_figure_of_the_same_name(work: Workspace) -> None:
    found = swept(work, "sweep: {objective: [{kind: profit}, {kind: weighted, revenue_weight: 1}]}\n")
    assert [json.loads(row["scenario.objective"])["kind"] for row in found] == ["profit", "weighted"]
    assert float(found[0]["objective"]) == pytest.approx(7.95)
    assert list(found[0])[:2] == ["scenario.objective", "status"]
