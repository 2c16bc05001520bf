"""A point fails, its process dies, the user interrupts, the disk is full: the other points are kept."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from workspace import BOOK, CHURN, FREE_BOOK, PROFIT, SCENARIO, Workspace, ran, snapshot, started

import lendplan
from lendplan.budgetcurve import budget_curve
from lendplan.certify.plan import verify
from lendplan.errors import OutputError
from lendplan.frontier import frontier
from lendplan.sweep import pool as sweep_pool
from lendplan.sweep import work as sweep_work
from lendplan.sweep.place import Place
from lendplan.sweep.sweeping import sweep

BUDGETS = "sweep:\n  budget.total: [50, 100, 150, 200, 250]\n"


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    """However slow the machine: small books are left to this process, where the tests can look at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lendplan.sweep.runner._WORTH", float("inf"))
        yield


def statuses(folder: Path) -> list[str]:
    with (folder / "sweep.csv").open(encoding="utf-8", newline="") as file:
        return [row["status"] for row in csv.DictReader(file)]


def broken_at(monkeypatch: pytest.MonkeyPatch, budget: float, error: BaseException) -> list[float]:
    """Make the solver fail at a budget; return a list that gets the budget of each solve."""
    solved: list[float] = []
    real = sweep_work.solved

    def solving(case: Any, options: Any) -> Any:
        solved.append(case.problem.budget)
        if case.problem.budget == budget:
            raise error
        return real(case, options)

    monkeypatch.setattr(sweep_work, "solved", solving)
    return solved


def test_a_point_that_is_infeasible_is_marked_and_the_others_are_kept(work: Workspace) -> None:
    """E6 must be lent to, at least 10: a budget of 5 has no plan."""
    work.write(SCENARIO + "sweep: {budget.total: [5, 50, 150]}\n")
    ended = work.optimize()
    assert ended.code == 4
    assert "point 1 (budget.total 5): infeasible" in ended.err
    assert statuses(work.plan) == ["infeasible", "optimal", "optimal"]
    summary = json.loads((work.plan / "points" / "0001" / "summary.json").read_text(encoding="utf-8"))
    assert "budget" in summary["conflict"]["limits"]
    assert not (work.plan / "points" / "0001" / "allocations.parquet").exists()


def test_an_infeasible_point_is_not_solved_again(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    work.write(SCENARIO + "sweep: {budget.total: [5, 50]}\n")
    assert work.optimize().code == 4
    solved = broken_at(monkeypatch, -1.0, AssertionError())
    assert work.optimize().code == 4
    assert solved == []


def test_a_point_that_fails_is_marked_and_done_again(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write(SCENARIO + BUDGETS)
    solved = broken_at(monkeypatch, 150.0, RuntimeError("lost its way"))
    ended = work.optimize()
    assert ended.code == 7
    assert "point 3 (budget.total 150): failed" in ended.err
    assert "lost its way" in ended.err
    assert statuses(work.plan) == ["optimal", "optimal", "failed", "optimal", "optimal"]
    assert not (work.plan / "points" / "0003").exists()
    kept = snapshot(work.plan / "points")
    monkeypatch.undo()
    solved = broken_at(monkeypatch, -1.0, AssertionError())
    assert work.optimize().code == 0
    assert solved == [150.0]
    assert statuses(work.plan) == ["optimal"] * 5
    again = snapshot(work.plan / "points")
    assert {name: content for name, content in again.items() if not name.startswith("0003")} == kept


def test_a_plan_that_fails_the_check_is_not_kept(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    work.write(SCENARIO + BUDGETS)
    real = sweep_work.solved

    def wrong(case: Any, options: Any) -> Any:
        result = real(case, options)
        if case.problem.budget == 100.0 and result.line is not None:
            result.line[result.line > 0] += 1000.0
        return result

    monkeypatch.setattr(sweep_work, "solved", wrong)
    ended = work.optimize()
    assert ended.code == 7
    assert "independent check" in ended.err
    assert statuses(work.plan) == ["optimal", "failed", "optimal", "optimal", "optimal"]


def killing(number: int) -> str:
    """A worker that ends itself, as kill -9 would, at a point."""
    return (
        "import os, signal\n"
        "from lendplan.sweep import work\n"
        "solve = work.Bench.solve\n"
        "def dying(self, point, *rest):\n"
        f"    if point.number == {number}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return solve(self, point, *rest)\n"
        "work.Bench.solve = dying\n"
        "from lendplan.sweep.worker import serve; serve()"
    )


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_process_that_dies_takes_its_point_alone(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    work.write(SCENARIO + BUDGETS)
    monkeypatch.setattr("lendplan.sweep.runner._LARGE", 0)
    monkeypatch.setattr(sweep_pool, "_SERVE", killing(number))
    ended = work.optimize()
    assert ended.code == 6
    assert f"point {number} (" in ended.err
    assert "died (signal 9)" in ended.err
    expected = ["optimal"] * 5
    expected[number - 1] = "failed"
    assert statuses(work.plan) == expected
    monkeypatch.undo()
    solved = broken_at(monkeypatch, -1.0, AssertionError())
    assert work.optimize().code == 0
    assert len(solved) == 1
    assert statuses(work.plan) == ["optimal"] * 5


def test_where_no_process_can_be_started_this_one_does_the_work(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write(SCENARIO + BUDGETS)
    monkeypatch.setattr("lendplan.sweep.runner._LARGE", 0)
    monkeypatch.setattr(sweep_pool, "_SERVE", "raise SystemExit(3)")
    assert work.optimize().code == 0
    assert statuses(work.plan) == ["optimal"] * 5


def test_an_interrupt_writes_nothing_and_the_same_command_goes_on(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write()
    assert work.optimize().code == 0
    before = snapshot(work.plan)
    work.write(SCENARIO + BUDGETS)
    solved = broken_at(monkeypatch, 150.0, KeyboardInterrupt())
    ended = work.optimize()
    assert ended.code == 130
    assert "2 of 5 points are kept aside; the same command goes on from there" in ended.err
    assert snapshot(work.plan) == before
    monkeypatch.undo()
    solved = broken_at(monkeypatch, -1.0, AssertionError())
    assert work.optimize().code == 0
    assert solved == [150.0, 200.0, 250.0]
    assert [path.name for path in work.plan.parent.iterdir()] == [work.plan.name]


def test_an_interrupt_before_the_first_point_leaves_nothing(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write(SCENARIO + BUDGETS)
    before = snapshot(work.folder)
    broken_at(monkeypatch, 50.0, KeyboardInterrupt())
    assert work.optimize().code == 130
    assert snapshot(work.folder) == before


def test_kill_9_leaves_points_that_the_next_run_goes_on_from(work: Workspace, tmp_path: Path) -> None:
    work.write(SCENARIO + BUDGETS)
    slow = (
        "import time\n"
        "from lendplan.sweep import work\n"
        "solve = work.Bench.solve\n"
        "def slowly(self, point, *rest):\n"
        "    if point.number == 3:\n"
        "        reached('third')\n"
        "        time.sleep(60)\n"
        "    return solve(self, point, *rest)\n"
        "work.Bench.solve = slowly\n"
    )
    process = started([work.scenario, "--set", "solver.threads=1"], tmp_path, slow)
    until = time.monotonic() + 30
    while not (tmp_path / "third").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    assert ran(process).code == -signal.SIGKILL
    assert not work.plan.exists()
    assert work.optimize("solver.threads=1").code == 0
    assert statuses(work.plan) == ["optimal"] * 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_processes_within_two_seconds(work: Workspace, tmp_path: Path, number: int) -> None:
    work.write(SCENARIO + BUDGETS)
    serve = (
        "import os, pathlib, time\n"
        "from lendplan.sweep import work\n"
        "def never(self, point, *rest):\n"
        f"    pathlib.Path({str(tmp_path)!r}, 'child').write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "work.Bench.solve = never\n"
        "from lendplan.sweep.worker import serve; serve()"
    )
    prelude = (
        "import lendplan.sweep.runner, lendplan.sweep.pool\n"
        "lendplan.sweep.runner._LARGE = 0\n"
        f"lendplan.sweep.pool._SERVE = {serve!r}\n"
    )
    process = started([work.scenario], tmp_path, prelude)
    until = time.monotonic() + 30
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        assert time.monotonic() < until
        time.sleep(0.02)
    child = int((tmp_path / "child").read_text())
    process.send_signal(number)
    since = time.monotonic()
    ended = ran(process)
    assert time.monotonic() - since < 2.0
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert not work.plan.exists()
    while _runs(child):
        assert time.monotonic() < since + 5
        time.sleep(0.02)


def _runs(process: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return bool(state.stdout.strip()) and not state.stdout.strip().startswith("Z")


def test_processes_end_when_the_one_that_asked_is_killed(work: Workspace, tmp_path: Path) -> None:
    work.write(SCENARIO + BUDGETS)
    job = tmp_path / "job.json"
    case = lendplan.load(work.scenario).case
    job.write_text(
        json.dumps(
            {
                "scenario": str(work.scenario),
                "overrides": [],
                "hashes": [record.sha256 for record in case.inputs],
                "points": [],
            }
        )
    )
    pool = sweep_pool.Pool(job)
    worker = pool.start()
    assert pool.said.get(timeout=30).message == {"ready": True}
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    assert worker.process.wait(10) == 0
    pool.gone(worker)


def test_two_runs_at_once_do_not_share_a_folder(work: Workspace) -> None:
    work.write(SCENARIO + BUDGETS)
    with Place(work.plan).held():
        ended = work.optimize()
    assert ended.code == 8
    assert "another run sweeps into" in ended.err
    assert work.optimize().code == 0


def test_a_run_that_is_refused_leaves_the_folder_of_the_other(work: Workspace) -> None:
    with Place(work.plan).held():
        for _ in range(2):
            with pytest.raises(OutputError, match="another run sweeps into"), Place(work.plan).held():
                pytest.fail("two runs hold one folder")
            assert (work.plan.parent / ".scenario.points" / "lock").exists()
    assert not work.plan.parent.exists()


def test_a_lock_that_cannot_be_made_ends_the_run(work: Workspace) -> None:
    folder = work.plan.parent / ".scenario.points"
    folder.mkdir(parents=True)
    (folder / "lock").symlink_to(work.folder / "nowhere" / "lock")
    with pytest.raises(OutputError, match="could not be written"), Place(work.plan).held():
        pytest.fail("nothing is held")


@pytest.mark.parametrize("name", [".scenario.points", "points"])
def test_a_disk_that_is_full_from_the_start_leaves_nothing(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    work.write(SCENARIO + BUDGETS)
    before = snapshot(work.folder)
    real = Path.mkdir

    def full(self: Path, *arguments: Any, **options: Any) -> None:
        if self.name == name:
            raise OSError(28, "No space left on device")
        real(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", full)
    ended = work.optimize()
    assert ended.code == 8
    assert "the disk is full" in ended.err
    monkeypatch.undo()
    assert snapshot(work.folder) == before


def of_frames(**more: Any) -> lendplan.Scenario:
    """The scenario by hand, of frames."""
    book = pd.read_csv(io.StringIO(BOOK))
    churn = pd.read_csv(io.StringIO(CHURN))
    said = {key: one for key, one in yaml.safe_load(SCENARIO).items() if key not in ("enterprises", "churn")}
    return lendplan.from_frames(book, churn=churn, **said, **more)


def test_points_of_frames_are_written_with_their_tables(tmp_path: Path) -> None:
    """By hand: with 150 the profit is 7.95; with 50 E6 has 10 and E3 40."""
    for _ in range(2):  # the second run takes the points over from the first
        found = sweep(of_frames(sweep={"budget.total": [50, 150]}), tmp_path / "swept")
        assert [row["status"] for row in found.rows] == ["optimal", "optimal"]
        assert found.rows[1]["objective"] == pytest.approx(PROFIT)
        for point in ("0001", "0002"):
            folder = tmp_path / "swept" / "points" / point
            assert (folder / "inputs" / "enterprises.csv").is_file()
            assert verify(folder).passed
    assert [entry.name for entry in tmp_path.iterdir()] == ["swept"]


def test_a_frontier_of_frames_is_written_with_its_tables(tmp_path: Path) -> None:
    assert frontier(of_frames(frontier={"points": 3}), tmp_path / "frontier").swept.code == 0
    assert all(verify(folder).passed for folder in (tmp_path / "frontier" / "points").iterdir())


def test_a_budget_curve_of_frames_is_written_with_its_tables(tmp_path: Path) -> None:
    curve = budget_curve(of_frames(), [50.0, 150.0], tmp_path / "curve")
    assert [row["status"] for row in curve.rows] == ["optimal", "optimal"]
    assert all(verify(folder).passed for folder in (tmp_path / "curve" / "points").iterdir())


def test_a_disk_that_is_full_ends_the_sweep_and_keeps_what_is_done(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write(SCENARIO + BUDGETS)
    writes = []
    real = sweep_work.PointPlan.write_point

    def full(self: Any, folder: Path, about: Any) -> Any:
        writes.append(folder)
        if len(writes) == 3:
            raise OSError(28, "No space left on device")
        return real(self, folder, about)

    monkeypatch.setattr(sweep_work.PointPlan, "write_point", full)
    ended = work.optimize()
    assert ended.code == 8
    assert "the disk is full" in ended.err
    assert not work.plan.exists()
    monkeypatch.undo()
    solved = broken_at(monkeypatch, -1.0, AssertionError())
    assert work.optimize().code == 0
    assert solved == [150.0, 200.0, 250.0]


def test_a_folder_that_cannot_be_written_to_is_told_before_any_work(work: Workspace) -> None:
    work.write(SCENARIO + BUDGETS)
    file = work.folder / "file"
    file.write_text("")
    with pytest.raises(OutputError):
        sweep(lendplan.load(work.scenario), file / "below")


def test_a_table_that_changes_while_processes_start_is_not_mixed_in(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write(SCENARIO + BUDGETS)
    monkeypatch.setattr("lendplan.sweep.runner._LARGE", 0)
    asked = lendplan.load(work.scenario)
    (work.folder / "book.csv").write_text(FREE_BOOK)
    found = sweep(asked, work.folder / "swept")
    assert {outcome.status for outcome in found.outcomes} == {"failed"}
    assert "the plan failed the independent check" in found.outcomes[0].error
    assert not (work.folder / "swept" / "points").exists()
