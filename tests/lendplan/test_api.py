"""The Python interface: from a file or from data frames to a plan, its tables, and a folder that can be checked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from workspace import FREE_BOOK, PROFIT, SCENARIO, Workspace, snapshot

import lendplan
from lendplan.certify.plan import verify
from lendplan.errors import exit_code_of
from lendplan.solvers.result import Progress, SolutionStatus, StopReason

BASE: dict[str, Any] = {
    "title": "by hand",
    "currency": "CNY",
    "lines": {"min": 10, "max": 100},
    "budget": {"total": 150},
    "economics": {"funding_cost": "1%", "operating_cost": 0.01, "fixed_cost": 0.1},
    "objective": {"kind": "profit"},
}
DAYS = pd.to_datetime(pd.Series(["2027-01-01", None, *["2027-01-02"] * 4]))


@pytest.fixture
def book() -> pd.DataFrame:
    """The book that was worked by hand, as a data frame."""
    return pd.DataFrame(
        {
            "enterprise": ["E1", "E2", "E3", "E4", "E5", "E6"],
            "grade": ["A", "B", "A", "D", "A", "B"],
            "default_probability": [0.02, 0.04, 0.01, 0.5, 0.02, np.nan],
            "risk_weight": [np.nan] * 5 + [0.03],
            "line_min": [np.nan, np.nan, 5, np.nan, np.nan, np.nan],
            "line_max": [np.nan, np.nan, 50, np.nan, np.nan, np.nan],
            "line_step": [np.nan, np.nan, 20, np.nan, np.nan, np.nan],
            "must": [None, None, None, None, "decline", "lend"],
        }
    )


@pytest.fixture
def churn() -> pd.DataFrame:
    return pd.DataFrame({"rate": [0.05, 0.1], "A": [0, 0.2], "B": [0, 0.5]})


def by_hand(book: pd.DataFrame, churn: pd.DataFrame, **settings: Any) -> lendplan.Scenario:
    return lendplan.from_frames(book, churn=churn, **{**BASE, **settings})


# From a file ----------------------------------------------------------------------------------------------------


def test_load_and_solve_give_the_plan_worked_by_hand(work: Workspace) -> None:
    plan = lendplan.load(work.scenario).solve()
    assert isinstance(plan, lendplan.Plan)
    assert plan.result.stop is StopReason.PROVEN
    assert plan.result.solution is SolutionStatus.OPTIMAL
    assert list(plan.allocations["line"]) == [100, 0, 40, 0, 0, 10]
    assert plan.summary["objective"] == pytest.approx(PROFIT, abs=1e-12)
    grades = plan.by_grade.set_index("grade")
    assert list(grades["funded"]) == [2, 1, 0]
    assert grades.loc["A", "revenue"] == pytest.approx(6.3 + 2.46)
    assert [state.name for state in plan.limits] == ["budget"]
    assert plan.limits[0].binding
    assert plan.limits[0].reached == 150


def test_solving_writes_nothing(work: Workspace) -> None:
    before = snapshot(work.folder)
    plan = lendplan.load(str(work.scenario)).solve()
    _ = plan.summary, plan.allocations
    assert snapshot(work.folder) == before


def test_write_goes_to_the_scenarios_output_and_returns_it(work: Workspace) -> None:
    plan = lendplan.load(work.scenario).solve()
    assert plan.write() == work.plan
    assert verify(work.plan).passed
    stored = pd.read_parquet(work.plan / "allocations.parquet")
    assert list(stored["line"]) == list(plan.allocations["line"])


def test_overrides_are_those_of_the_command(work: Workspace) -> None:
    asked = lendplan.load(work.scenario, ["budget.total=60"])
    assert asked.settings.budget.total == 60
    assert asked.solve().summary["line"] == 60


def test_a_scenario_can_be_solved_twice_with_the_same_answer(work: Workspace) -> None:
    asked = lendplan.load(work.scenario)
    one, other = asked.solve(), asked.solve()
    pd.testing.assert_frame_equal(one.allocations, other.allocations)
    assert one.summary["shadow_prices"] == other.summary["shadow_prices"]


def test_two_stage_is_bounded_by_the_scenarios_certificate_alone(work: Workspace) -> None:
    plan = lendplan.load(work.scenario, ["formulation=two_stage"]).solve()
    best = lendplan.load(work.scenario).solve()
    assert plan.summary["bound"] is None
    assert plan.summary["gap"] is None
    assert plan.summary["certified_bound"] >= plan.summary["objective"]
    assert plan.summary["objective"] <= best.summary["objective"] + 1e-9
    assert verify(plan.write(work.folder / "two")).passed


def test_reasons_are_not_guarded_in_python(work: Workspace) -> None:
    work.write(book="enterprise,grade,risk_weight,must,must_reason\nE1,A,0.01,decline,=1\nE2,A,0.01,,\n")
    assert lendplan.load(work.scenario).solve().allocations["reason"][0] == "=1"


# Errors ---------------------------------------------------------------------------------------------------------


def test_bad_input_carries_every_finding_with_its_place(work: Workspace) -> None:
    work.write(SCENARIO.replace("max: 100", "mxa: 100").replace("total: 150", "total: -1"))
    with pytest.raises(lendplan.InputError) as caught:
        lendplan.load(work.scenario)
    findings = caught.value.findings
    assert all(isinstance(one, lendplan.Finding) for one in findings)
    assert {(one.line, one.key) for one in findings} >= {(5, "lines.mxa"), (6, "budget.total")}
    assert exit_code_of(caught.value) == 3


def test_an_infeasible_scenario_is_an_exception_with_its_summary(work: Workspace) -> None:
    with pytest.raises(lendplan.InfeasibleError, match="must: lend") as caught:
        lendplan.load(work.scenario, ["budget.total=8"]).solve()
    assert caught.value.summary["status"] == "infeasible"
    assert exit_code_of(caught.value) == 4
    assert isinstance(caught.value, lendplan.LendplanError)


def test_no_plan_in_time_is_an_exception(work: Workspace) -> None:
    with pytest.raises(lendplan.NoPlanError, match="time limit"):
        lendplan.load(work.scenario, ["solver.time_limit=1e-9"]).solve()


def test_a_folder_that_cannot_be_written_is_an_exception(work: Workspace) -> None:
    plan = lendplan.load(work.scenario).solve()
    with pytest.raises(lendplan.OutputError, match=r"book\.csv"):
        plan.write(work.folder / "book.csv")


def test_a_failed_check_is_an_exception(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from lendplan.certify.report import Check, Report

    plan = lendplan.load(work.scenario).solve()
    monkeypatch.setattr("lendplan.plan.verify", lambda _: Report((Check("line", False, "E1"),), None))
    with pytest.raises(lendplan.CheckFailedError, match="line: E1"):
        plan.write()


def test_an_unknown_attribute_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lendplan.nothing
    assert set(lendplan.__all__) <= {name for name in lendplan.__all__ if hasattr(lendplan, name)}


# From data frames -----------------------------------------------------------------------------------------------


def test_frames_give_the_same_plan_as_files(work: Workspace, book: pd.DataFrame, churn: pd.DataFrame) -> None:
    ours = by_hand(book, churn).solve()
    theirs = lendplan.load(work.scenario).solve()
    assert list(ours.allocations["line"]) == list(theirs.allocations["line"])
    assert ours.summary["objective"] == pytest.approx(PROFIT, abs=1e-12)


def test_frames_are_stored_with_the_plan_so_that_a_moved_folder_can_be_checked(
    tmp_path: Path, book: pd.DataFrame, churn: pd.DataFrame
) -> None:
    ratings = book[["enterprise", "grade", "default_probability", "risk_weight"]]
    rest = book.drop(columns=["grade", "default_probability", "risk_weight"])
    plan = lendplan.from_frames(rest, ratings=ratings, churn=churn, **BASE).solve()
    written = plan.write(tmp_path / "plan")
    assert sorted(path.name for path in (written / "inputs").iterdir()) == [
        "churn.csv",
        "enterprises.csv",
        "ratings.csv",
    ]
    shutil.move(written, tmp_path / "moved")
    assert verify(tmp_path / "moved").passed


def test_a_stored_table_that_was_changed_fails_the_check(
    tmp_path: Path, book: pd.DataFrame, churn: pd.DataFrame
) -> None:
    written = by_hand(book, churn).solve().write(tmp_path / "plan")
    stored = written / "inputs" / "enterprises.csv"
    stored.write_text(stored.read_text().replace("0.02", "0.03", 1))
    assert not verify(written).passed


def test_a_plan_of_frames_may_replace_another(
    tmp_path: Path, book: pd.DataFrame, churn: pd.DataFrame
) -> None:
    by_hand(book, churn).solve().write(tmp_path / "plan")
    by_hand(book, churn, budget={"total": 60}).solve().write(tmp_path / "plan")
    assert verify(tmp_path / "plan").passed
    assert [path.name for path in tmp_path.iterdir()] == ["plan"]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([1.0, np.nan, 2.0, 1.0, 1.0, 2.0], {"[1]", "[2]", "[(blank)]"}),
        ([True, False, True, True, True, False], {"[TRUE]", "[FALSE]"}),
        (pd.array([1, None, 2, 1, 1, 2], dtype="Int64"), {"[1]", "[2]", "[(blank)]"}),
        (pd.Categorical(["x", None, "y", "x", "x", "y"]), {"[x]", "[y]", "[(blank)]"}),
        (DAYS, {"[2027-01-01]", "[2027-01-02]", "[(blank)]"}),
        ([" x", "x ", "y, z", 'q"', "x", "line\nbreak"], {"[x]", "[y, z]", "[line\nbreak]"}),
        ([0.1 + 0.2, 1e22, 1e-7, 1, 1, 1.5], None),
        (np.array([1, 2.0, "NA", None, "x", 3], dtype=object), {"[1]", "[2]", "[NA]", "[3]"}),
    ],
    ids=["floats", "truth values", "Int64", "categories", "dates", "blanks and quotes", "long floats", "mixed"],
)  # fmt: skip
def test_any_kind_of_column_can_group_a_limit_and_be_checked(
    tmp_path: Path, book: pd.DataFrame, churn: pd.DataFrame, values: Any, names: set[str] | None
) -> None:
    limit = {"name": "group", "measure": "line", "by": "group", "at_most": "95%"}
    plan = by_hand(book.assign(group=values), churn, limits=[limit]).solve()
    found = {state.name.removeprefix("group") for state in plan.limits} - {"budget"}
    if names is not None:
        assert found == names
    assert verify(plan.write(tmp_path / "plan")).passed


@pytest.mark.parametrize(
    "ids",
    [
        [1, 2, 3, 4, 5, 6],
        ["001", "NA", "123456789012345678", "=1", "nan", "None"],
        pd.array([10**17 + i for i in range(6)], dtype="Int64"),
    ],
    ids=["integers", "odd text", "18 digits"],
)
def test_ids_of_frames_are_kept_exactly(
    tmp_path: Path, book: pd.DataFrame, churn: pd.DataFrame, ids: Any
) -> None:
    plan = by_hand(book.assign(enterprise=ids), churn).solve()
    assert list(plan.allocations["enterprise"]) == [str(one) for one in ids]
    assert verify(plan.write(tmp_path / "plan")).passed


def test_a_named_index_is_a_column(tmp_path: Path, book: pd.DataFrame, churn: pd.DataFrame) -> None:
    plan = by_hand(book.set_index("enterprise"), churn).solve()
    assert verify(plan.write(tmp_path / "plan")).passed


def test_headers_of_frames_can_be_mapped(tmp_path: Path, book: pd.DataFrame, churn: pd.DataFrame) -> None:
    mapped = by_hand(
        book.rename(columns={"enterprise": "企业代号", "grade": "信誉评级"}),
        churn.rename(columns={"rate": "年利率"}),
        columns={"enterprise": "企业代号", "grade": "信誉评级", "rate": "年利率"},
    )
    assert verify(mapped.solve().write(tmp_path / "plan")).passed


def test_amounts_that_are_no_short_decimals_survive_the_way_to_the_disk(
    tmp_path: Path, book: pd.DataFrame, churn: pd.DataFrame
) -> None:
    odd = book.assign(line_max=[100 / 3, 0.1 + 99.2, 50, 100, 100, 1e2 / 7])
    assert verify(by_hand(odd, churn).solve().write(tmp_path / "plan")).passed


def test_the_frame_given_is_not_changed(book: pd.DataFrame, churn: pd.DataFrame) -> None:
    kept, curves = book.copy(), churn.copy()
    by_hand(book, churn).solve()
    pd.testing.assert_frame_equal(book, kept)
    pd.testing.assert_frame_equal(churn, curves)


def test_frames_without_a_folder_say_that_one_is_needed(book: pd.DataFrame, churn: pd.DataFrame) -> None:
    with pytest.raises(lendplan.OutputError, match="output folder"):
        by_hand(book, churn).solve().write()


def test_mistakes_in_frames_name_the_frame_and_the_row(book: pd.DataFrame, churn: pd.DataFrame) -> None:
    with pytest.raises(lendplan.InputError, match="enterprises:4: enterprise"):
        by_hand(book.assign(enterprise=["E1", "E2", "E1", "E4", "E5", "E6"]), churn)
    with pytest.raises(lendplan.InputError, match=r"budget\.total"):
        by_hand(book, churn, budget={"total": float("nan")})
    with pytest.raises(lendplan.InputError, match="no such key"):
        by_hand(book, churn, bugdet={"total": 1})
    with pytest.raises(lendplan.InputError, match="grade D has no churn curve"):
        by_hand(book, churn, exclude_grades=[])


def test_the_shipped_churn_table_serves_where_none_is_given(tmp_path: Path, book: pd.DataFrame) -> None:
    plan = lendplan.from_frames(book, **BASE, churn_fit="isotonic").solve()
    assert 0.04 <= plan.summary["average_rate"] <= 0.15
    written = plan.write(tmp_path / "plan")
    assert [path.name for path in (written / "inputs").iterdir()] == ["enterprises.csv"]
    assert verify(written).passed


# The watcher ----------------------------------------------------------------------------------------------------


def test_the_watcher_is_told_of_each_stage(work: Workspace) -> None:
    seen: list[Progress] = []
    lendplan.load(work.scenario, ["objective.kind=weighted"]).solve(seen.append)
    stages = {step.stage for step in seen}
    assert {"range of revenue", "range of risk", "prices", "plan"} <= stages


def test_the_watcher_sees_the_best_so_far_and_the_bound(work: Workspace) -> None:
    """In the objective's own unit, the bound above the best."""
    draw = np.random.default_rng(7)
    rows = [
        f"E{i},{'ABC'[i % 3]},{draw.uniform(0.005, 0.08):.5f},f{i % 5},{draw.integers(10, 60)}"
        for i in range(120)
    ]
    work.write(
        SCENARIO.replace("churn: churn.csv\n", "churn_fit: isotonic\n").replace("total: 150", "total: 1517.3")
        + "limits: [{name: mean, measure: average_rate, at_most: 7.2%},"
        " {name: family, measure: exposure, by: family, at_most: 24%}]\n"
        "solver: {time_limit: 3, gap: 1e-9}\n",
        book="enterprise,grade,default_probability,family,line_min\n" + "\n".join(rows) + "\n",
    )
    seen: list[Progress] = []
    plan = lendplan.load(work.scenario, ["solver.method=highs"]).solve(seen.append)
    told = [step for step in seen if step.stage == "rates and lines" and step.bound is not None]
    assert told
    for step in told:
        assert step.bound is not None
        assert step.bound >= plan.summary["objective"] - 1e-6
        if step.incumbent is not None:
            assert step.incumbent <= step.bound + 1e-6
    best = [step.incumbent for step in told if step.incumbent is not None]
    assert best
    assert best[-1] == pytest.approx(plan.summary["objective"], rel=1e-3)


def test_a_watcher_that_raises_reaches_the_caller_and_harms_nothing(work: Workspace) -> None:
    asked = lendplan.load(work.scenario)

    def broken(step: Progress) -> None:
        raise LookupError(step.stage)

    with pytest.raises(LookupError):
        asked.solve(broken)
    assert asked.solve().summary["objective"] == pytest.approx(PROFIT)


# A plan without the need to lend ----------------------------------------------------------------------------------


def test_a_larger_budget_never_earns_less(work: Workspace) -> None:
    work.write(book=FREE_BOOK)
    values = [
        lendplan.load(work.scenario, [f"budget.total={total}"]).solve().summary["objective"]
        for total in (5, 10, 20, 40, 60, 100, 150, 240, 400)
    ]
    assert values == sorted(values)
    assert values[0] == 0
