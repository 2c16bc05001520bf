"""Faults of the output folder: strangers, full and read-only disks, two runs at once.

Everywhere: the exit code, a message that says where, no traceback, and every file that stood before stands.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workspace import BOOK, SCENARIO, Workspace, ran, snapshot, started

from lendplan.certify.report import Report

# The folder -------------------------------------------------------------------------------------------------------


def test_an_output_that_is_a_file_is_refused(work: Workspace) -> None:
    (work.folder / "plans").mkdir()
    work.plan.write_text("mine")
    err = work.refused(code=8)
    assert str(work.plan) in err
    assert "--output" in err


def test_a_folder_with_other_files_is_left_alone(work: Workspace) -> None:
    work.plan.mkdir(parents=True)
    (work.plan / "notes.txt").write_text("mine")
    err = work.refused(code=8)
    assert "notes.txt" in err


@pytest.mark.parametrize(
    "inside", ["inputs/my_data.csv", "inputs/deep/enterprises.csv", "summary.json/mine.txt"]
)
def test_a_folder_whose_files_only_have_our_names_outside_is_left_alone(work: Workspace, inside: str) -> None:
    path = work.plan / inside
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    work.refused(code=8)


def test_an_input_that_lies_in_the_old_plan_survives_the_new_one(planned: Workspace) -> None:
    """A scenario may read what an earlier plan has stored; replacing that plan would take its own input away."""
    stored = planned.plan / "inputs" / "enterprises.csv"
    stored.parent.mkdir()
    stored.write_text(BOOK)
    planned.write(SCENARIO.replace("book.csv", "plans/scenario/inputs/enterprises.csv"))
    before = snapshot(planned.folder)
    ran_ = planned.optimize()
    assert stored.exists()
    assert ran_.code in (3, 8)
    assert snapshot(planned.folder) == before


def test_an_output_below_a_file_is_refused(work: Workspace) -> None:
    work.refused(options=("--output", work.folder / "book.csv" / "plan"), code=8)


def test_an_output_that_is_a_link_is_refused(work: Workspace) -> None:
    (work.folder / "there").mkdir()
    (work.folder / "link").symlink_to("there")
    work.refused(options=("--output", work.folder / "link"), code=8)


def test_a_name_that_is_too_long_is_refused(work: Workspace) -> None:
    work.refused(options=("--output", work.folder / ("x" * 250)), code=8)


def mounted(where: Path, *options: str) -> bool:
    """Mount a small file system; False where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(where)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def unmount(where: Path) -> None:
    subprocess.run(["umount", str(where)], capture_output=True, check=False)


@pytest.fixture
def disk(work: Workspace) -> Iterator[Path]:
    """A disk of its own below the workspace."""
    where = work.folder / "disk"
    where.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not mounted(where, "size=64k"):
        pytest.skip("mounting a small file system takes root")
    yield where
    unmount(where)


def test_a_full_disk_loses_nothing(work: Workspace, disk: Path) -> None:
    final = disk / "plan"
    assert work.optimize("budget.total=40", options=("--output", final)).code == 0
    (disk / "ballast").write_bytes(fill(disk))
    before = snapshot(disk)
    ran_ = work.optimize(options=("--output", final))
    assert ran_.code == 8
    assert "disk is full" in ran_.err
    assert snapshot(disk) == before
    (disk / "ballast").unlink()
    assert work.optimize(options=("--output", final)).code == 0
    assert work.run("verify", final).code == 0


def fill(disk: Path) -> bytes:
    """Return as much as leaves room for one small file and no more."""
    room = os.statvfs(disk)
    return b"x" * ((room.f_bavail - 2) * room.f_bsize)


def test_a_read_only_disk_loses_nothing(work: Workspace, disk: Path) -> None:
    final = disk / "plan"
    assert work.optimize("budget.total=40", options=("--output", final)).code == 0
    before = snapshot(disk)
    if subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("remounting is not allowed")
    for target in (final, disk / "new" / "plan"):
        ran_ = work.optimize(options=("--output", target))
        assert ran_.code == 8
        assert "read-only" in ran_.err
    assert snapshot(disk) == before


def test_a_folder_without_permission_loses_nothing(work: Workspace) -> None:
    if os.geteuid() == 0:
        pytest.skip("permissions do not hold root back")
    (work.folder / "plans").mkdir(mode=0o500)
    err = work.refused(code=8)
    assert "may not be written to" in err


def test_two_runs_at_once_to_one_output_leave_one_whole_plan(work: Workspace) -> None:
    """Both may end well, the later standing; or one is told that it could not write. Never a mixture."""
    both = [
        started(["scenario.yaml", "--set", f"budget.total={total}"], work.folder) for total in (40, 60, 80)
    ]
    ended = [ran(process) for process in both]
    assert {one.code for one in ended} <= {0, 8}
    assert 0 in {one.code for one in ended}
    assert work.run("verify", work.plan).code == 0
    assert round(work.json("summary")["line"], 6) in (40, 60, 80)
    assert [path.name for path in work.plan.parent.iterdir()] == ["scenario"]


def test_an_input_that_vanishes_during_the_run(planned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from lendplan import plan

    real = plan.verify

    def verify(folder: Path) -> Report:
        (planned.folder / "book.csv").unlink()
        return real(folder)

    monkeypatch.setattr(plan, "verify", verify)
    before = snapshot(planned.folder)
    ran_ = planned.optimize()
    assert ran_.code == 3
    assert "book.csv" in ran_.err
    del before["book.csv"]
    assert snapshot(planned.folder) == before


def test_an_error_of_the_disk_is_told_in_words(planned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr("lendplan.plan.write_files", full)
    assert "quota" in planned.refused(code=8)
