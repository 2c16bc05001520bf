"""The scenario's `treasury` block: a plan into the workbook, edits back out of it, all or nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import python_calamine
import xlsxwriter
from workspace import SCENARIO, Workspace

import lendplan
from lendplan.data.findings import InputError
from lendplan.reports.tables import ALLOCATION_COLUMNS
from lendplan.scenario.schema import PLAN_COLUMNS
from lendplan.sweep.tables import flat
from lendplan.treasury import check_cells

pytest.importorskip("lxml")

BLOCK = """
treasury:
  workbook: treasury.xlsx
  save_as: planned.xlsx
  sheet: Allocation
  key: Enterprise
  write: {Line: line, Rate: rate, Decision: decision}
  cells: {Summary!B1: revenue, Summary!B2: status}
"""


@pytest.fixture
def work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workspace:
    made = Workspace(tmp_path, capsys)
    with made.scenario.open("a", encoding="utf-8") as file:
        file.write(BLOCK)
    build(tmp_path / "treasury.xlsx", ids(made)[:-1])
    return made


def ids(work: Workspace) -> list[str]:
    rows = (work.folder / "book.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [row.split(",")[0] for row in rows]


def build(path: Path, enterprises: list[str]) -> None:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("Allocation")
        sheet.write_row(0, 0, ["Enterprise", "Line", "Rate", "Decision", "Twice"])
        for row, enterprise in enumerate(enterprises, start=1):
            sheet.write_string(row, 0, enterprise)
            sheet.write_formula(row, 4, f"=B{row + 1}*2", value=-1)
        summary = book.add_worksheet("Summary")
        summary.write_column(0, 0, ["Revenue", "Status"])


def sheet_of(path: Path, name: str) -> list[list[Any]]:
    return python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name(name).to_python()


def test_the_plan_stands_in_the_workbook_and_comes_back_as_it_is(work: Workspace) -> None:
    before = (work.folder / "treasury.xlsx").read_bytes()
    ran = work.optimize()
    assert ran.code == 0, ran.err
    assert "1 rows appended" in ran.err
    assert (work.folder / "treasury.xlsx").read_bytes() == before
    plan = {line.split(",")[0]: line.split(",") for line in work.allocations().splitlines()[1:]}
    rows = {row[0]: row for row in sheet_of(work.folder / "planned.xlsx", "Allocation")[1:]}
    assert list(rows) == ids(work)
    for enterprise, row in rows.items():
        assert row[1] == float(plan[enterprise][4])
        assert row[2] == (float(plan[enterprise][3]) if plan[enterprise][3] else "")
        assert row[3] == plan[enterprise][2]
    summary = sheet_of(work.folder / "planned.xlsx", "Summary")
    assert summary[0][1] == pytest.approx(work.json("summary")["revenue"], rel=1e-14)
    assert summary[1][1] == "optimal"
    pulled = work.run("pull", work.scenario)
    assert pulled.code == 0, pulled.err
    assert "obeys" in pulled.out


def test_an_edit_by_hand_is_scored(work: Workspace) -> None:
    work.optimize()
    name = work.folder / "planned.xlsx"
    rows = sheet_of(name, "Allocation")
    with xlsxwriter.Workbook(str(name)) as book:
        sheet = book.add_worksheet("Allocation")
        for place, row in enumerate(rows):
            changed = [row[0], 0, "", row[3]] if place and row[1] else row[:4]
            sheet.write_row(place, 0, changed)
        book.add_worksheet("Summary")
    ran = work.run("pull", work.scenario, "--json")
    assert ran.code == 0, ran.err
    assert '"funded": 0' in ran.out


def test_a_workbook_that_cannot_be_filled_stops_the_plan_too(work: Workspace) -> None:
    with work.scenario.open("a", encoding="utf-8") as file:
        file.write("  missing: refuse\n")
    err = work.refused(code=8)
    assert ids(work)[-1] in err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("treasury.workbook=nowhere.xlsx", "nowhere.xlsx"),
        ("treasury.write.Line=lines", "line"),
        ("treasury.cells.Summary!B1=revenues", "revenues"),
        ("treasury.sheet=Other", "Other"),
        ("solver.cluster=local", "treasury"),
    ],
)
def test_what_is_wrong_with_the_block_is_told(work: Workspace, setting: str, said: str) -> None:
    before = sorted(entry.name for entry in work.folder.iterdir())
    ran = work.optimize(setting)
    assert ran.code in (3, 8), ran.err
    assert said in ran.err
    assert sorted(entry.name for entry in work.folder.iterdir()) == before


def test_every_column_of_a_plan_can_go_into_a_workbook() -> None:
    assert PLAN_COLUMNS == ALLOCATION_COLUMNS


WEIGHTED = "objective: {kind: weighted}\n"


@pytest.mark.parametrize("objective", ["", WEIGHTED])
@pytest.mark.parametrize("limit", ["", "by: industry, "])
def test_every_key_of_the_summary_is_known_before_any_search(
    work: Workspace, objective: str, limit: str
) -> None:
    scenario = SCENARIO.replace("objective: {kind: profit}\n", objective) if objective else SCENARIO
    retail = f"limits: [{{name: retail, measure: line, {limit}at_most: 60%, of: budget}}]\n"
    work.write(scenario + retail)
    assert work.optimize().code == 0
    keys = [key for key in flat(work.json("summary")) if key != "ranges"]
    work.write(
        scenario
        + retail
        + BLOCK.replace(
            "{Summary!B1: revenue, Summary!B2: status}",
            json.dumps({f"Summary!B{row}": key for row, key in enumerate(keys, start=1)}),
        )
    )
    asked = lendplan.load(work.scenario)
    check_cells(asked.settings)
    check_cells(asked.settings, [row.name for row in asked.case.problem.limits])
    ran = work.optimize()
    assert ran.code == 0, ran.err
    cells = [row[1] if len(row) > 1 else "" for row in sheet_of(work.folder / "planned.xlsx", "Summary")]
    said = flat(work.json("summary"))
    for key, cell in zip(keys, cells, strict=False):
        if not key.startswith("seconds."):
            value = said[key]
            assert cell == (
                pytest.approx(value) if isinstance(value, float) else "" if value is None else value
            )


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("revenu", "revenue"),
        ("seconds.solved", "seconds.solve"),
        ("shadow_prices.budgets", "shadow_prices.budget"),
        ("shadow_prices.one[retail]", ""),
        ("shadow_price_ranges.budget.form", "shadow_price_ranges.budget.from"),
        ("shadow_price_ranges.budget", ""),
        ("ranges.revenue_max", ""),
    ],
)
def test_a_key_that_no_plan_has_is_refused_before_any_search(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, key: str, near: str
) -> None:
    monkeypatch.setattr("lendplan.run.solved", lambda *_: pytest.fail("was searched for"))
    err = work.refused(f"treasury.cells.budget={key}", f"treasury.cells.Summary!B2={key}")
    assert err.count(f"{key!r} is no key of summary.json") == 2
    assert not near or f"did you mean {near!r}" in err


def test_a_group_that_is_not_there_is_known_with_the_tables(work: Workspace) -> None:
    with work.scenario.open("a", encoding="utf-8") as file:
        file.write("limits: [{name: one, by: industry, measure: line, at_most: 60%, of: budget}]\n")
    asked = lendplan.load(work.scenario, ["treasury.cells.Summary!B2=shadow_prices.one[retial]"])
    check_cells(asked.settings)
    with pytest.raises(InputError, match=r"did you mean 'shadow_prices.one\[retail\]'"):
        check_cells(asked.settings, [row.name for row in asked.case.problem.limits])


def test_the_ends_of_a_range_are_amounts_in_the_treasurys_unit(work: Workspace) -> None:
    """By hand: with 150 E1 gets 100 of 100, so that the price holds from 150 on, or to there."""
    ran = work.optimize(
        "unit=1000", "treasury.unit=1", "treasury.cells.Summary!B1=shadow_price_ranges.budget.from",
        "treasury.cells.Summary!B2=shadow_price_ranges.budget.to",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    low, high = work.json("summary")["shadow_price_ranges"]["budget"]
    summary = sheet_of(work.folder / "planned.xlsx", "Summary")
    assert [summary[0][1], summary[1][1]] == [
        pytest.approx(1000 * end) if end is not None else "" for end in (low, high)
    ]


@pytest.mark.parametrize("name", ["p" * 300 + ".xlsx", "q" * 245 + ".xlsx", "pipe.xlsx", "folder.xlsx"])
def test_a_path_at_which_no_workbook_can_stand(work: Workspace, name: str) -> None:
    (work.folder / "folder.xlsx").mkdir()
    os.mkfifo(work.folder / "pipe.xlsx")
    ran = work.optimize(f"treasury.save_as={work.folder / name}")
    assert ran.code == 8, ran.err
    assert name in ran.err
    assert not work.plan.exists()


def test_a_workbook_that_is_a_pipe_is_not_waited_for(work: Workspace) -> None:
    os.mkfifo(work.folder / "pipe.xlsx")
    ran = work.optimize(f"treasury.workbook={work.folder / 'pipe.xlsx'}")
    assert ran.code == 8, ran.err
    assert "is a device, a pipe or the like" in ran.err
