"""`optimize workbook` ended at any moment, or run twice at once: a whole workbook stands under the name every time."""

from __future__ import annotations

import random
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import python_calamine
import xlsxwriter
from workspace import SCENARIO, Workspace, ran, snapshot, started

pytest.importorskip("lxml")

BLOCK = """
treasury:
  workbook: treasury.xlsx
  sheet: Allocation
  key: Enterprise
  write: {Line: line, Rate: rate}
  cells: {Summary!B1: line}
sweep: {budget.total: [50, 150, 250]}
"""
LINES = {1: [0, 0, 40, 10], 2: [100, 0, 40, 10], 3: [100, 100, 40, 10]}
"""By hand: of E1, E2, E3 and E6 at each point."""


@pytest.fixture
def work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workspace:
    made = Workspace(tmp_path, capsys)
    made.write(SCENARIO + BLOCK)
    with xlsxwriter.Workbook(str(tmp_path / "treasury.xlsx")) as book:
        sheet = book.add_worksheet("Allocation")
        sheet.write_row(0, 0, ["Enterprise", "Line", "Rate", "Twice"])
        for row, enterprise in enumerate(["E1", "E2", "E3", "E6", "E4", "E5"], start=1):
            sheet.write_string(row, 0, enterprise)
            sheet.write_formula(row, 3, f"=B{row + 1}*2")
        book.add_worksheet("Summary").write_string(0, 0, "Lines")
    assert made.optimize().code == 0
    return made


def sheet_of(path: Path, name: str) -> list[list[Any]]:
    return python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name(name).to_python()


def point_in(path: Path, is_new: bool) -> int | None:
    """Return which plan a whole workbook holds; None for none yet."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    if is_new:
        sheet = sheet_of(path, "allocations")
        at = sheet[0].index("line")
        lines = {row[0]: row[at] for row in sheet[1:]}
        total = next(row[2] for row in sheet_of(path, "totals") if row[0] == "line")
    else:
        lines = {row[0]: row[1] for row in sheet_of(path, "Allocation")[1:]}
        total = sheet_of(path, "Summary")[0][1] if lines["E1"] != "" else ""
    found = [lines[name] for name in ("E1", "E2", "E3", "E6")]
    if total == "":
        assert found == [""] * 4
        return None
    point = next(number for number, wanted in LINES.items() if wanted == found)
    assert total == sum(LINES[point]), "the figures of one plan and the lines of another"
    return point


@pytest.mark.parametrize("is_new", [False, True])
def test_killed_at_random_moments_a_whole_workbook_stands(work: Workspace, is_new: bool) -> None:
    final = work.folder / ("new.xlsx" if is_new else "treasury.xlsx")
    more = ["--new", final] if is_new else []
    assert work.run("workbook", work.plan, "--point", "1", *more).code == 0
    plan = snapshot(work.plan)
    draw = random.Random(20261122)
    begun = time.perf_counter()
    assert ran(started(["workbook", work.plan, "--point", "2", *more], work.folder)).code == 0
    takes = time.perf_counter() - begun
    held = {1, 2}
    for attempt in range(10):
        point = 1 + attempt % 3
        process = started(["workbook", work.plan, "--point", str(point), *more], work.folder)
        time.sleep(draw.uniform(0.4, 1.05) * takes)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        held.add(point)
        assert point_in(final, is_new) in held
        assert snapshot(work.plan) == plan
    assert work.run("workbook", work.plan, "--point", "3", *more).code == 0
    assert point_in(final, is_new) == 3
    left = [path.name for path in work.folder.iterdir() if path.name.startswith((".", "~"))]
    assert left == [], "what killed runs leave is swept"
    for copy in work.folder.glob(f"{final.stem}.*.xlsx"):
        assert point_in(copy, is_new) in {None, *LINES}


STEP = """
import os, signal
from pathlib import Path
from lendplan.reports.treasury import {module}
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
setattr({owner}, {step!r}, die)
"""


@pytest.mark.parametrize("step", ["fsync", "flush", "place", "link", "replace"])
def test_killed_at_each_step_of_a_new_workbook_the_old_one_stands(work: Workspace, step: str) -> None:
    final = work.folder / "new.xlsx"
    final.write_bytes(b"theirs")
    owner = {"fsync": "os", "link": "os", "replace": "Path"}.get(step, "newbook")
    prelude = STEP.format(module="newbook", owner=owner, step=step)
    process = started(["workbook", work.plan, "--new", final], work.folder, prelude)
    assert ran(process).code == -signal.SIGKILL
    assert final.read_bytes() == b"theirs"
    assert work.run("workbook", work.plan, "--new", final).code == 0
    assert not [path for path in work.folder.iterdir() if path.name.startswith(".")]
    kept = list(work.folder.glob("new.*.xlsx"))
    assert [path.read_bytes() for path in kept] == [b"theirs"]


@pytest.mark.parametrize("is_new", [False, True])
def test_many_at_once_leave_one_whole_workbook_and_no_work_lost(work: Workspace, is_new: bool) -> None:
    final = work.folder / ("new.xlsx" if is_new else "treasury.xlsx")
    more = ["--new", final] if is_new else []
    processes = [
        started(["workbook", work.plan, "--point", str(1 + number % 3), *more], work.folder)
        for number in range(6)
    ]
    ended = [ran(process) for process in processes]
    done = [one for one in ended if one.code == 0]
    assert done, [one.err for one in ended]
    for one in ended:
        assert one.code in (0, 8), one.err
        if one.code == 8:
            assert "is being filled by another run" in one.err or "has changed since it was read" in one.err
    assert point_in(final, is_new) in LINES
    copies = list(work.folder.glob(f"{final.stem}.*.xlsx"))
    assert len(copies) == len(done) - is_new
    assert not [path for path in work.folder.iterdir() if path.name.startswith(".")]


def test_interrupted_while_the_plan_is_checked(work: Workspace) -> None:
    prelude = """
import time
from lendplan import chosenplan
def slow(*_):
    reached("checking")
    time.sleep(30)
chosenplan.verify = slow
"""
    before = snapshot(work.folder)
    for number in (signal.SIGINT, signal.SIGTERM):
        process = started(["workbook", work.plan], work.folder, prelude)
        while not (work.folder / "checking").exists():
            time.sleep(0.02)
        (work.folder / "checking").unlink()
        process.send_signal(number)
        ended = ran(process, timeout=5)
        assert ended.code == 130
        assert "interrupted; nothing was written" in ended.err
        assert snapshot(work.folder) == before
