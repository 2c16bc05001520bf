"""`optimize workbook DIR`: a written plan, or a chosen point, into the treasury's own workbook."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import python_calamine
import xlsxwriter
from workspace import BOOK, SCENARIO, Workspace, snapshot

pytest.importorskip("lxml")

BLOCK = """
treasury:
  workbook: treasury.xlsx
  save_as: planned.xlsx
  sheet: Allocation
  key: Enterprise
  write: {Line: line, Rate: rate, Decision: decision, Why: reason}
  cells: {Summary!B1: revenue, Summary!B2: status, Summary!B3: objective}
"""
SWEEP = "sweep: {budget.total: [50, 5, 150, 250]}\n"
"""By hand: E6 must get 10, so that a budget of 5 has no plan."""
FRONTIER = "frontier: {points: 5}\n"


@pytest.fixture
def work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workspace:
    made = Workspace(tmp_path, capsys)
    made.write(SCENARIO + BLOCK)
    build(tmp_path / "treasury.xlsx", ["E6", "E2", "E1", "E4", "E5"])
    return made


def build(path: Path, enterprises: list[str]) -> None:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("Allocation")
        sheet.write_row(0, 0, ["Enterprise", "Line", "Rate", "Decision", "Why", "Twice"])
        for row, enterprise in enumerate(enterprises, start=1):
            sheet.write_string(row, 0, enterprise)
            sheet.write_formula(row, 5, f"=B{row + 1}*2", value=-1)
        summary = book.add_worksheet("Summary")
        summary.write_column(0, 0, ["Revenue", "Status", "Objective"])


def sheet_of(path: Path, name: str) -> list[list[Any]]:
    return python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name(name).to_python()


def lines(path: Path) -> dict[str, float]:
    return {str(row[0]): row[1] for row in sheet_of(path, "Allocation")[1:]}


def told(path: Path) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in sheet_of(path, "lendplan")}


def solved(work: Workspace, more: str = "", code: int = 0) -> Path:
    """Write the scenario with its block and something more, solve it, and return the folder."""
    work.write(SCENARIO + BLOCK + more)
    ran = work.optimize()
    assert ran.code == code, ran.err
    return work.plan


def refused(work: Workspace, *arguments: str | Path, code: int) -> str:
    """Run the command, see that it changes nothing on the disk, and return what it says."""
    before = snapshot(work.folder)
    ran = work.run("workbook", *arguments)
    assert ran.code == code, ran.err
    assert snapshot(work.folder) == before
    assert ran.out == ""
    return ran.err


def test_a_plan_goes_into_the_workbook_as_it_does_when_it_is_solved(work: Workspace) -> None:
    plan = solved(work)
    final = work.folder / "planned.xlsx"
    first = {name: sheet_of(final, name) for name in ("Allocation", "Summary")}
    final.unlink()
    ran = work.run("workbook", plan)
    assert ran.code == 0, ran.err
    assert ran.out == f"{plan}\n{final}: 29 cells written, 1 rows appended\n"
    assert {name: sheet_of(final, name) for name in ("Allocation", "Summary")} == first
    assert lines(final) == {"E6": 10, "E2": 0, "E1": 100, "E4": 0, "E5": 0, "E3": 40}
    assert sheet_of(final, "Summary")[2][1] == pytest.approx(7.95)
    said = told(final)
    assert said["plan"] == str(plan)
    assert said["scenario"] == "by hand"
    assert said["scenario file"] == str(work.scenario)
    assert {"sha256 of book.csv", "sha256 of allocations.parquet", "solved", "written"} <= set(said)
    assert work.run("verify", plan).code == 0


def test_the_point_that_is_chosen(work: Workspace) -> None:
    """By hand, as in test_sweep: with 50 E6 has 10 and E3 40; with 250 E2 has another 100."""
    sweep = solved(work, SWEEP, code=4)
    final = work.folder / "planned.xlsx"
    assert not final.exists(), "a sweep leaves the workbook alone"
    assert work.run("workbook", sweep, "--point", "1").code == 0
    assert lines(final) == {"E6": 10, "E2": 0, "E1": 0, "E4": 0, "E5": 0, "E3": 40}
    assert told(final)["point of the sweep"] == "1 of 4, budget.total 50"
    ran = work.run("workbook", sweep, "--point", "4")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"{sweep}: point 4 of 4, budget.total 250\n{final}: 29 cells written")
    assert "what stood there is kept in " in ran.out
    assert lines(final) == {"E6": 10, "E2": 100, "E1": 100, "E4": 0, "E5": 0, "E3": 40}
    assert told(final)["plan"] == str(sweep / "points" / "0004")
    pulled = work.run("pull", work.scenario, "--set", "sweep=null", "--set", "budget.total=250", "--json")
    assert json.loads(pulled.out)["objective"] == pytest.approx(10.85)


def test_the_folder_of_a_point_is_known_for_what_it_is(work: Workspace) -> None:
    sweep = solved(work, SWEEP, code=4)
    ran = work.run("workbook", sweep / "points" / "0004")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(
        f"{sweep / 'points' / '..' / '..'}".replace("/points/../..", "") + ": point 4 of 4"
    )
    elsewhere = work.folder / "alone"
    shutil.copytree(sweep / "points" / "0004", elsewhere)
    assert "the scenario has no `treasury` block" in refused(work, elsewhere, code=3)


def test_the_knee_of_a_frontier_unless_another_is_named(work: Workspace) -> None:
    frontier = solved(work, FRONTIER)
    table = sheet_knee(frontier)
    ran = work.run("workbook", frontier, "--json")
    assert ran.code == 0, ran.err
    record = json.loads(ran.out)
    assert record["point"] == table
    assert record["plan"].startswith(str(frontier / "points"))
    assert (record["cells"], record["appended"], record["kept"]) == (29, ["E3"], None)
    assert told(work.folder / "planned.xlsx")["point of the frontier"].endswith(", the knee")
    assert work.run("workbook", frontier, "--point", "1").code == 0
    assert told(work.folder / "planned.xlsx")["point of the frontier"] != table


def sheet_knee(frontier: Path) -> int:
    rows = (frontier / "frontier.csv").read_text(encoding="utf-8").splitlines()
    at = rows[0].split(",").index("knee")
    return [row.split(",")[at] for row in rows[1:]].index("true") + 1


def test_a_moved_folder_and_another_workbook(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = solved(work)
    moved = work.folder / "elsewhere"
    plan.rename(moved)
    there = work.folder / "there"
    there.mkdir()
    build(there / "ours.xlsx", ["E1"])
    monkeypatch.chdir(there)
    ran = work.run(
        "workbook", moved, "--set", "treasury.workbook=ours.xlsx", "--set", "treasury.save_as=null",
        "--set", "treasury.provenance=false", "--set", "treasury.unit=10",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert lines(there / "ours.xlsx")["E1"] == 10.0
    assert len(list(there.iterdir())) == 2, "the workbook, and the dated copy of it"
    assert "lendplan" not in python_calamine.CalamineWorkbook.from_path(str(there / "ours.xlsx")).sheet_names


def test_rows_that_the_plan_lacks_are_told(work: Workspace) -> None:
    plan = solved(work)
    build(work.folder / "treasury.xlsx", ["E1", "F1", "F2"])
    ran = work.run("workbook", plan)
    assert ran.code == 0
    assert "2 rows of the sheet are of none of the plan's enterprises" in ran.err


def test_text_that_is_guarded_in_the_csv_stands_as_it_is(work: Workspace) -> None:
    """A reason that a spreadsheet would take for a formula is text here, and needs no apostrophe."""
    rows = [line.split(",") for line in BOOK.splitlines()]
    at = rows[0].index("must") + 1
    for place, row in enumerate(rows):
        row.insert(at, "must_reason" if place == 0 else "=1+1" if row[0] == "E5" else "")
    work.write(SCENARIO + BLOCK, book="".join(",".join(row) + "\n" for row in rows))
    assert work.optimize().code == 0
    final = work.folder / "planned.xlsx"
    first = sheet_of(final, "Allocation")
    final.unlink()
    assert work.run("workbook", work.plan).code == 0
    assert sheet_of(final, "Allocation") == first
    assert any("=1+1" in str(row[4]) for row in first)


# Refused --------------------------------------------------------------------------------------------------------------


def test_a_plan_that_fails_the_check_is_not_written(work: Workspace) -> None:
    plan = solved(work)
    (work.folder / "planned.xlsx").unlink()
    text = (plan / "allocations.csv").read_text(encoding="utf-8")
    (plan / "allocations.csv").write_text(text.replace("100.0", "99.0"), encoding="utf-8")
    assert "fails the independent check, so nothing was written" in refused(work, plan, code=7)


def test_a_changed_input(work: Workspace) -> None:
    plan = solved(work)
    with (work.folder / "book.csv").open("a", encoding="utf-8") as book:
        book.write("E7,A,0.02,,,,,,retail,micro\n")
    assert "input enterprises" in refused(work, plan, code=7)
    (work.folder / "book.csv").unlink()
    assert "book.csv" in refused(work, plan, code=3)


def test_a_table_of_points_that_says_otherwise(work: Workspace) -> None:
    """The point is a true plan, and the table names it for another one."""
    sweep = solved(work, SWEEP, code=4)
    points = sweep / "points"
    shutil.rmtree(points / "0001")
    shutil.copytree(points / "0004", points / "0001")
    assert "says otherwise of point 1" in refused(work, sweep, "--point", "1", code=7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--point", "2"), "point 2 has no plan (No plan"),
        (("--point", "0"), "has 4 points, and no point 0"),
        (("--point", "5"), "has 4 points, and no point 5"),
        (("--point", "-1"), "no point -1"),
        (("--set", "budget.total=10"), "is no key of `treasury`"),
        (("--set", "treasury.save_as"), "write KEY=VALUE"),
        (("--set", "treasury.sheets=A"), "did you mean"),
        (("--set", "treasury=null"), "the scenario has no `treasury` block"),
        (("--set", "treasury.workbook=nowhere.xlsx"), "nowhere.xlsx"),
        (("--set", "treasury.cells.A1=revenues"), "'revenues' is no key of summary.json"),
    ],
)
def test_bad_input(work: Workspace, arguments: tuple[str, ...], said: str) -> None:
    sweep = solved(work, SWEEP, code=4)
    assert said in refused(work, sweep, *arguments, code=3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "treasury.missing=refuse"), "E3"),
        (("--set", "treasury.sheet=Other"), "Other"),
        (("--set", "treasury.write.Twice=line"), "holds a formula"),
        (("--set", "treasury.save_as=planned.xls"), "must end in .xlsx"),
        (("--set", "treasury.save_as=plans/scenario/planned.xlsx"), "would stand within"),
        (("--set", "treasury.save_as=nowhere/planned.xlsx"), "does not exist"),
    ],
)
def test_what_stands_in_the_way(
    work: Workspace, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = solved(work)
    monkeypatch.chdir(work.folder)
    assert said in refused(work, plan, *arguments, code=8)


def test_a_workbook_that_is_open_elsewhere(work: Workspace) -> None:
    plan = solved(work)
    (work.folder / "~$planned.xlsx").touch()
    assert "is open in another program" in refused(work, plan, code=8)


def test_a_workbook_that_changes_while_the_plan_is_checked(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lendplan import chosenplan

    plan = solved(work)
    check = chosenplan.verify

    def slow(folder: Path) -> Any:
        build(work.folder / "treasury.xlsx", ["theirs"])
        return check(folder)

    (work.folder / "planned.xlsx").unlink()
    monkeypatch.setattr(chosenplan, "verify", slow)
    ran = work.run("workbook", plan)
    assert (ran.code, ran.out) == (8, "")
    assert "has changed since it was read" in ran.err
    assert not (work.folder / "planned.xlsx").exists()


def test_folders_that_are_none(work: Workspace) -> None:
    assert "no such folder" in refused(work, work.folder / "nothing", code=3)
    (work.folder / "empty").mkdir()
    assert "name a folder that `optimize SCENARIO` wrote" in refused(work, work.folder / "empty", code=3)
    plan = solved(work)
    assert "single plan" in refused(work, plan, "--point", "1", code=3)
    manifest = plan / "manifest.json"
    for broken in (
        b"{",
        b"[]",
        b'{"scenario": 1, "inputs": []}',
        b'{"scenario": {"title": "x"}, "inputs": []}',
    ):
        manifest.write_bytes(broken)
        assert "manifest.json" in refused(work, plan, code=3)


def test_options_that_do_not_go_together(work: Workspace) -> None:
    plan = solved(work)
    assert "--new" in refused(work, plan, "--frontier", plan, code=2)
    assert "--set" in refused(work, plan, "--new", "a.xlsx", "--set", "treasury.unit=1", code=2)


def test_a_plan_without_a_block(work: Workspace) -> None:
    work.write(SCENARIO)
    assert work.optimize().code == 0
    err = refused(work, work.plan, code=3)
    assert "--new FILE.xlsx" in err
    block = "treasury={workbook: %s, sheet: Allocation, key: Enterprise, write: {Line: line}}"
    workbook = work.folder / "treasury.xlsx"
    ran = work.run("workbook", work.plan, "--set", block % workbook)
    assert ran.code == 0, ran.err
    assert lines(workbook)["E1"] == 100


def test_a_workbook_that_is_the_book_itself_is_not_written_over(work: Workspace) -> None:
    """Filled in place it were no longer the book that the plan was made from, and the check would fail from then on."""
    shutil.copy(work.folder / "treasury.xlsx", work.folder / "empty.xlsx")
    rows = [line.split(",") for line in (work.folder / "book.csv").read_text(encoding="utf-8").splitlines()]
    with xlsxwriter.Workbook(str(work.folder / "treasury.xlsx")) as book:
        sheet = book.add_worksheet("Allocation")
        for place, row in enumerate(rows):
            sheet.write_row(place, 0, [*row, *(("Line", "Rate") if place == 0 else ())])
    text = SCENARIO.replace("book.csv", "treasury.xlsx#Allocation") + BLOCK.replace(
        "Enterprise\n", "enterprise\n"
    )
    text = text.replace(", Decision: decision, Why: reason", "").replace("  cells", "  # cells")
    work.write(text.replace("  save_as: planned.xlsx\n", ""))
    assert "is an input of the plan" in work.refused(code=8)
    work.write(text)
    assert work.optimize().code == 0
    where = f"treasury.save_as={work.folder / 'treasury.xlsx'}"
    assert "is an input of the plan" in refused(work, work.plan, "--set", where, code=8)
    assert work.run("workbook", work.plan).code == 0


def test_a_table_of_another_point_is_not_written_over(work: Workspace) -> None:
    tables = ("a.xlsx", "b.xlsx")
    for name in tables:
        with xlsxwriter.Workbook(str(work.folder / name)) as book:
            sheet = book.add_worksheet("book")
            for row, line in enumerate(BOOK.splitlines()):
                sheet.write_row(row, 0, line.split(","), None)
    sweep = solved(work, "sweep: {enterprises: [a.xlsx, b.xlsx]}\n")
    for name in tables:
        for point in ("1", "2"):
            err = refused(
                work, sweep, "--point", point, "--set", f"treasury.save_as={work.folder / name}", code=8
            )
            assert "is an input of the plan" in err
            assert "is an input of the plan" in refused(
                work, sweep, "--point", point, "--new", work.folder / name, code=8
            )
    assert work.run("workbook", sweep, "--point", "2").code == 0


def test_a_lone_point_has_no_block(work: Workspace) -> None:
    sweep = solved(work, "sweep: {budget.total: [50, 150]}\n")
    alone = work.folder / "alone"
    shutil.copytree(sweep / "points" / "0001", alone)
    err = refused(work, alone, "--set", "treasury.save_as=x.xlsx", code=3)
    assert "the scenario has no `treasury` block" in err
    assert "is required and missing" not in err
    whole = [
        word
        for key, value in (
            ("workbook", work.folder / "treasury.xlsx"),
            ("save_as", work.folder / "x.xlsx"),
            ("sheet", "Allocation"),
            ("key", "Enterprise"),
            ("write.Line", "line"),
        )
        for word in ("--set", f"treasury.{key}={value}")
    ]
    ran = work.run("workbook", alone, *whole)
    assert ran.code == 0, ran.err


def test_the_record_names_whole_paths(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = solved(work)
    monkeypatch.chdir(plan.parent)
    ran = work.run("workbook", plan.name, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["plan"] == str(plan)


@pytest.mark.parametrize("option", ["--new", "--set"])
@pytest.mark.parametrize("name", ["p" * 300 + ".xlsx", "q" * 245 + ".xlsx", "pipe.xlsx", "folder.xlsx"])
def test_no_workbook_can_stand_there(work: Workspace, option: str, name: str) -> None:
    plan = solved(work)
    (work.folder / "folder.xlsx").mkdir()
    os.mkfifo(work.folder / "pipe.xlsx")
    final = work.folder / name
    ran = work.run("workbook", plan, option, final if option == "--new" else f"treasury.save_as={final}")
    assert ran.code == 8, ran.err
    assert name in ran.err
    assert not [entry.name for entry in work.folder.iterdir() if "lendplan-lock" in entry.name]
