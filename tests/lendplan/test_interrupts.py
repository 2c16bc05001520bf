"""Ctrl-C, SIGTERM and kill -9, at every stage: how soon the command ends, with which code, and what stands then."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import pytest
from workspace import BOOK, SCENARIO, Workspace, ran, snapshot, started

import lendplan
from lendplan.certify.plan import verify
from lendplan.solvers.result import Progress, SolutionStatus, StopReason

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

SECONDS = 2.0
"""Within this much the command is over."""
SLACK = 1.0
"""What a busy machine may add."""

# Each runs before the command does, and leaves a mark when its stage begins.
READING = """
import lendplan.data.tables as tables
real = tables.parse_separated
def parse_separated(*given):
    reached("stage")
    return real(*given)
tables.parse_separated = parse_separated
"""
BUILDING = """
import lendplan.models.joint as joint
real = joint.build
def build(*given, **named):
    reached("stage")
    return real(*given, **named)
joint.build = build
"""
SEARCHING = """
import lendplan.solvers.highs as highs
real = highs.run
def run(*given, **named):
    if named["stage"] == "rates and lines":
        reached("stage")
    return real(*given, **named)
highs.run = run
"""
BRANCHING = """
import time
from lendplan.solvers.search import Search
real = Search._look_at
def look_at(*given):
    reached("stage")
    time.sleep(0.05)
    return real(*given)
Search._look_at = look_at
"""
WRITING = """
import time
import lendplan.plan as plan
real = plan.write_files
def write_files(*given):
    real(*given)
    reached("stage")
    time.sleep(60)
plan.write_files = write_files
"""
# A library that hears no signal while it works: an interrupt cannot be raised until it returns.
DEAF_WRITING = WRITING.replace(
    "time.sleep(60)", "__import__('hashlib').pbkdf2_hmac('sha256', b'', b'', 1 << 30)"
)


def hard_scenario(work: Workspace, size: int = 300) -> None:
    """Write a scenario that is searched for minutes, though a plan is found at once."""
    draw = np.random.default_rng(3)
    rows = ["enterprise,grade,default_probability,line_min,line_max,family,region"]
    for i in range(size):
        low = draw.integers(10, 60)
        rows.append(
            f"E{i:04d},{'ABC'[draw.integers(3)]},{draw.uniform(0.005, 0.08):.6f},{low},{low + draw.integers(0, 60)},"
            f"f{draw.integers(6)},r{draw.integers(5)}"
        )
    scenario = """title: hard
currency: CNY
enterprises: book.csv
lines: {min: 10, max: 100}
budget: {total: 3321.7, basis: exposure}
economics: {funding_cost: 2%, fixed_cost: 0.3}
objective: {kind: profit}
churn_fit: isotonic
limits:
  - {name: family, measure: exposure, by: family, at_most: 22%}
  - {name: region, measure: line, by: region, at_most: 27%}
  - {name: mean, measure: average_rate, at_most: 7.2%}
  - {name: risk, measure: risk, at_most: 31}
solver: {method: highs, time_limit: 120, gap: 1e-9}
"""
    work.write(scenario, book="\n".join(rows) + "\n")


def many_parts(work: Workspace) -> None:
    """Write a scenario whose search looks at many parts, each made to last a while."""
    hard_scenario(work)
    text = work.scenario.read_text(encoding="utf-8")
    work.scenario.write_text(text.replace("method: highs, ", ""), encoding="utf-8")


def large_book(work: Workspace) -> None:
    """Write a book that takes seconds to read: quotes call for the careful reader."""
    rows = [f'"E{i}",A,0.01,"{i},000.5"' for i in range(400_000)]
    work.write(book="enterprise,grade,default_probability,turnover\n" + "\n".join(rows) + "\n")


def wide_book(work: Workspace) -> None:
    """Write a book whose model takes seconds to build."""
    draw = np.random.default_rng(5)
    rows = [f"E{i},{'ABC'[i % 3]},{draw.uniform(0.005, 0.08):.6f}" for i in range(2_500)]
    scenario = SCENARIO.replace("churn: churn.csv\n", "churn_fit: isotonic\n").replace(
        "total: 150", "total: 99999"
    )
    limit = "limits: [{name: mean, measure: average_rate, at_most: 7%}]\nsolver: {method: highs}\n"
    work.write(scenario + limit, book="enterprise,grade,default_probability\n" + "\n".join(rows) + "\n")


def wait_for(process: subprocess.Popen[str], mark: Path, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not mark.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize(
    ("prelude", "scene", "wait"),
    [
        (READING, large_book, 0.2),
        (BUILDING, wide_book, 0.2),
        (SEARCHING, hard_scenario, 1.5),
        (BRANCHING, many_parts, 0.2),
        (WRITING, None, 0.0),
        (DEAF_WRITING, None, 0.2),
    ],
    ids=["reading", "building", "searching", "branching", "writing", "deaf"],
)
def test_the_command_ends_within_two_seconds_and_nothing_is_lost(
    work: Workspace, prelude: str, scene: Any, wait: float, number: int
) -> None:
    assert work.optimize().code == 0  # the plan of an earlier day
    if scene is not None:
        scene(work)
    before = snapshot(work.folder)
    process = started(["scenario.yaml"], work.folder, prelude)
    wait_for(process, work.folder / "stage")
    time.sleep(wait)
    assert process.poll() is None, "it was over too soon to be interrupted"
    since = time.monotonic()
    process.send_signal(number)
    ended = ran(process)
    took = time.monotonic() - since
    (work.folder / "stage").unlink()
    assert ended.code == 130, ended.err
    assert took < SECONDS + SLACK
    assert "Traceback" not in ended.err
    assert "terminate called" not in ended.err
    assert snapshot(work.folder) == before


def test_an_impatient_second_ctrl_c_changes_nothing(work: Workspace) -> None:
    hard_scenario(work)
    before = snapshot(work.folder)
    process = started(["scenario.yaml"], work.folder, SEARCHING)
    wait_for(process, work.folder / "stage")
    time.sleep(1.0)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    ended = ran(process)
    (work.folder / "stage").unlink()
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert snapshot(work.folder) == before


def test_an_interrupted_command_says_so(work: Workspace) -> None:
    process = started(["scenario.yaml"], work.folder, WRITING)
    wait_for(process, work.folder / "stage")
    process.send_signal(signal.SIGINT)
    ended = ran(process)
    assert ended.code == 130
    assert "interrupted; nothing was written" in ended.err
    assert ended.out == ""


def test_ctrl_c_once_the_plan_is_in_place_does_not_deny_it(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the folder above is being flushed, the new plan stands already."""
    assert work.optimize("budget.total=40").code == 0
    old = snapshot(work.plan)
    real, sent = os.fsync, []

    def fsync(handle: int) -> None:
        real(handle)
        if not sent and os.path.realpath(f"/proc/self/fd/{handle}") == str(work.plan.parent.resolve()):
            sent.append(handle)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(os, "fsync", fsync)
    ended = work.optimize()
    assert sent, "the folder above was not flushed"
    if snapshot(work.plan) == old:
        assert ended.code == 130
    else:
        assert "nothing was written" not in ended.err
        assert work.run("verify", work.plan).code == 0
        assert ended.code == 0
    assert [path.name for path in work.plan.parent.iterdir()] == ["scenario"]


# In Python --------------------------------------------------------------------------------------------------------


def test_in_python_the_best_plan_so_far_is_in_the_result(work: Workspace) -> None:
    hard_scenario(work)
    asked = lendplan.load(work.scenario)
    timers = []

    def watch(step: Progress) -> None:
        if step.stage == "rates and lines" and not timers:
            timers.append(threading.Timer(2.5, os.kill, (os.getpid(), signal.SIGINT)))
            timers[0].start()

    since = time.monotonic()
    found = asked.solve(watch)
    assert time.monotonic() - since < 30
    assert found.result.stop is StopReason.INTERRUPTED
    assert found.result.solution is SolutionStatus.FEASIBLE
    assert found.summary["status"] == "feasible"
    assert found.summary["funded"] > 0
    assert verify(found.write(work.folder / "so far")).passed


def interrupt_next_run(monkeypatch: pytest.MonkeyPatch, module: str, stage: str) -> None:
    """Send Ctrl-C while HiGHS works on a stage's first model, which is made to last long enough to hear it."""
    import importlib

    home = importlib.import_module(module)
    real_run, real_highs, armed, sent = home.run, highspy.Highs.run, [], []

    def run(*given: Any, **named: Any) -> Any:
        if named["stage"] == stage:
            armed.append(stage)
        return real_run(*given, **named)

    def highs(self: Any) -> Any:
        if armed and not sent:
            sent.append(stage)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
        return real_highs(self)

    monkeypatch.setattr(home, "run", run)
    monkeypatch.setattr(highspy.Highs, "run", highs)


@pytest.mark.parametrize(
    ("method", "module", "stage"),
    [
        ("highs", "relaxation", "range of revenue"),
        ("highs", "relaxation", "range of risk"),
        ("highs", "relaxation", "shadow prices"),
        ("highs", "highs", "rates and lines"),
        ("highs", "polish", "lines"),
        ("lagrangian", "openchoices", "range of revenue"),
        ("lagrangian", "openchoices", "range of risk"),
        ("lagrangian", "openchoices", "prices"),
        ("lagrangian", "firstplan", "plan"),
        ("lagrangian", "polish", "lines"),
    ],
)
def test_ctrl_c_is_heard_in_every_stage(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, method: str, module: str, stage: str
) -> None:
    asked = lendplan.load(work.scenario, ["objective.kind=weighted", f"solver.method={method}"])
    interrupt_next_run(monkeypatch, f"lendplan.solvers.{module}", stage)
    try:
        found = asked.solve()
    except (KeyboardInterrupt, lendplan.InterruptedRunError):
        return
    assert found.result.stop is StopReason.INTERRUPTED


@pytest.mark.parametrize(
    ("method", "module", "stage"),
    [
        ("highs", "relaxation", "shadow prices"),
        ("highs", "highs", "rates and lines"),
        ("highs", "polish", "lines"),
        ("lagrangian", "openchoices", "prices"),
        ("lagrangian", "firstplan", "plan"),
        ("lagrangian", "polish", "lines"),
    ],
)
def test_the_command_heeds_ctrl_c_in_every_stage(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, method: str, module: str, stage: str
) -> None:
    assert work.optimize("budget.total=40").code == 0
    interrupt_next_run(monkeypatch, f"lendplan.solvers.{module}", stage)
    work.refused(f"solver.method={method}", code=130)


def test_ctrl_c_ends_the_explanation_of_a_conflict(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is claimed that the runs it cut short would have had to prove."""
    work.write(SCENARIO + "limits: [{name: reach, measure: count, at_least: 9}]\n")
    interrupt_next_run(monkeypatch, "lendplan.solvers.conflict", "why infeasible")
    err = work.refused(code=130)
    assert "all-or-nothing" not in err


# kill -9 ----------------------------------------------------------------------------------------------------------

WARM = """
import lendplan.run, lendplan.plan, pyomo.environ, pyarrow.parquet
reached("stage")
"""


def test_kill_9_at_any_moment_leaves_the_old_plan_or_the_new_one(work: Workspace) -> None:
    """Twenty rounds, at moments spread over the run; what stands after each is whole."""
    assert work.optimize("budget.total=40").code == 0
    draw = random.Random(11)
    replaced = 0
    for turn in range(20):
        old = snapshot(work.plan)
        total = 60 + 5 * turn
        process = started(["scenario.yaml", "--set", f"budget.total={total}"], work.folder, WARM)
        wait_for(process, work.folder / "stage")
        (work.folder / "stage").unlink()
        time.sleep(draw.uniform(0.0, 0.4))
        process.kill()
        process.communicate()
        if snapshot(work.plan) != old:
            replaced += 1
            assert verify(work.plan).passed
            assert work.json("manifest")["scenario"]["budget"]["total"] == total
    assert work.optimize("budget.total=50").code == 0
    assert [path.name for path in work.plan.parent.iterdir()] == ["scenario"]
    assert replaced < 20, "no run was killed in time"


HALTED = """
import time
import lendplan.reports.folder as folder
real = folder._put_in_place
def put_in_place(*given):
    reached("stage")
    time.sleep(60)
folder._put_in_place = put_in_place
"""


def test_what_a_killed_run_left_is_swept_by_the_next_and_that_of_a_live_run_is_not(work: Workspace) -> None:
    process = started(["scenario.yaml"], work.folder, HALTED)
    wait_for(process, work.folder / "stage")
    left = [path for path in work.plan.parent.iterdir() if path.name.startswith(".scenario.partial-")]
    assert len(left) == 1
    assert work.optimize("budget.total=40").code == 0
    assert left[0].exists(), "the run that it belongs to is alive"
    process.kill()
    process.communicate()
    assert work.optimize("budget.total=50").code == 0
    assert [path.name for path in work.plan.parent.iterdir()] == ["scenario"]


def test_the_book_that_a_killed_run_read_is_untouched(work: Workspace) -> None:
    process = started(["scenario.yaml"], work.folder, HALTED)
    wait_for(process, work.folder / "stage")
    process.kill()
    process.communicate()
    assert (work.folder / "book.csv").read_text() == BOOK
    assert not work.plan.exists()
