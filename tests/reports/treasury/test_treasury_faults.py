"""Faults while a workbook is filled: whatever happens, a whole workbook stands under the first name."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from treasurybooks import PLAN, PROVENANCE, SUMMARY, cells, rich, simple, target_of
from workspace import ROOT, snapshot

from lendplan.reports.treasury import filling, placing
from lendplan.reports.treasury.filling import fill
from lendplan.reports.treasury.placing import fingerprint
from lendplan.reports.treasury.target import WorkbookError

HELPERS = ROOT / "tests" / "helpers"
NOW = datetime(2026, 11, 22, 13, 45, 1)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return simple(tmp_path / "treasury.xlsx")


def refusal(book: Path, **options: Any) -> str:
    before = snapshot(book.parent)
    with pytest.raises(WorkbookError) as caught:
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE, **options)
    assert snapshot(book.parent) == before
    return str(caught.value)


# Others at work -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", ["~$treasury.xlsx", ".~lock.treasury.xlsx#"])
def test_a_workbook_that_is_open_elsewhere(book, lock):
    book.with_name(lock).write_bytes(b"somebody")
    assert f"is open in another program: {lock} stands beside it" in refusal(book)
    notes = fill(target_of(book, save_as=book.with_name("planned.xlsx")), PLAN, SUMMARY, PROVENANCE).notes
    assert notes[-1] == "treasury.xlsx is open in another program: what was saved there last was filled."


def test_a_workbook_that_is_opened_while_it_is_filled(book, monkeypatch):
    monkeypatch.setattr(filling, "check_filled", lambda *_: book.with_name("~$treasury.xlsx").touch())
    old = book.read_bytes()
    with pytest.raises(WorkbookError, match="is open in another program"):
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert book.read_bytes() == old
    assert sorted(path.name for path in book.parent.iterdir()) == ["treasury.xlsx", "~$treasury.xlsx"]


def test_a_workbook_that_was_changed_before_it_is_filled(book):
    since = fingerprint(book)
    simple(book, ["E1", "X"])
    assert "has changed since it was read" in refusal(book, since=since)


@pytest.mark.parametrize("moment", ["check_filled", "_is_as_before"])
def test_a_workbook_that_is_changed_while_it_is_filled(book, monkeypatch, moment):
    other = simple(book.with_name("other.xlsx"), ["theirs"]).read_bytes()
    before = placing._is_as_before

    def changed(*arguments):
        book.write_bytes(other)
        return before(*arguments) if moment == "_is_as_before" else None

    monkeypatch.setattr(placing if moment == "_is_as_before" else filling, moment, changed)
    with pytest.raises(WorkbookError, match="has changed since it was read"):
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert book.read_bytes() == other
    assert sorted(path.name for path in book.parent.iterdir()) == ["other.xlsx", "treasury.xlsx"]


def test_a_workbook_that_appears_where_the_result_goes(book, monkeypatch):
    final = book.with_name("planned.xlsx")
    monkeypatch.setattr(filling, "check_filled", lambda *_: final.write_bytes(b"theirs"))
    with pytest.raises(WorkbookError, match="has changed"):
        fill(target_of(book, save_as=final), PLAN, SUMMARY, PROVENANCE)
    assert final.read_bytes() == b"theirs"


def test_two_runs_on_one_workbook(book, monkeypatch):
    inside, go = threading.Event(), threading.Event()
    check = filling.check_filled

    def slow(*arguments):
        inside.set()
        assert go.wait(30)
        check(*arguments)

    monkeypatch.setattr(filling, "check_filled", slow)
    first = threading.Thread(target=fill, args=(target_of(book), PLAN, SUMMARY, PROVENANCE))
    first.start()
    assert inside.wait(30)
    with pytest.raises(WorkbookError, match="is being filled by another run"):
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    go.set()
    first.join()
    assert cells(book, "Allocation")["D4"] == 20.5


def test_many_runs_at_once_leave_one_whole_workbook_and_no_work_lost(book):
    code = (
        "import sys; from treasurybooks import *; from pathlib import Path; "
        "from lendplan.reports.treasury.filling import fill; n = float(sys.argv[2]); "
        "fill(target_of(Path(sys.argv[1])), {'enterprise': IDS, 'line': [n] * 5, 'rate': [n / 100] * 5}, SUMMARY, {})"
    )
    runs = [started(code, book, number) for number in range(1, 7)]
    ended = [run.wait() for run in runs]
    done = ended.count(0)
    assert done >= 1
    after = cells(book, "Allocation")
    assert len({after[f"D{row}"] for row in range(4, 9)}) == 1
    assert after["E4"] == pytest.approx(after["D4"] / 100)
    names = [path.name for path in book.parent.iterdir()]
    assert len(names) == 1 + done, names


def started(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HELPERS}"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


# Killed -------------------------------------------------------------------------------------------------------------

LOOP = """
import sys, itertools
from pathlib import Path
from treasurybooks import *
from lendplan.reports.treasury.filling import fill
book, copies = Path(sys.argv[1]), Path(sys.argv[2])
print("ready", flush=True)
for number in itertools.count(1):
    done = fill(target_of(book), {**PLAN, "line": [float(number)] * 3}, SUMMARY, PROVENANCE)
    done.copy.unlink()
"""


def test_killed_at_random_moments_the_workbook_is_whole_every_time(tmp_path):
    book = rich(tmp_path / "treasury.xlsx")
    seed = random.Random(20261122)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HELPERS}"}
    for _ in range(12):
        command = [sys.executable, "-c", LOOP, str(book), str(tmp_path)]
        run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert run.stdout is not None
        assert run.stdout.readline() == b"ready\n", run.stderr and run.stderr.read()
        time.sleep(seed.uniform(0.0, 0.25))
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        assert run.stderr is not None
        run.stderr.close()
        with zipfile.ZipFile(book) as archive:
            assert archive.testzip() is None
        lines = {cells(book, "Allocation")[f"D{row}"] for row in (4, 5, 7)}
        assert len(lines) == 1, "lines of two runs"
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE, now=NOW)
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert left == set(), "leftovers of killed runs are swept"


STEPS = ("_write", "check_filled", "place", "link", "replace")


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step_the_original_stands(book, step):
    code = f"""
import os, sys, signal
from pathlib import Path
from treasurybooks import *
from lendplan.reports.treasury import filling
step = {step!r}
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
owner = {{"link": os, "replace": Path}}.get(step, filling)
setattr(owner, step, die)
filling.fill(target_of(Path(sys.argv[1])), PLAN, SUMMARY, PROVENANCE)
"""
    old = book.read_bytes()
    assert started(code, book).wait() == -signal.SIGKILL
    assert book.read_bytes() == old
    assert len(list(book.parent.iterdir())) > 1, "the run was killed after it had begun"
    done = fill(target_of(book), PLAN, SUMMARY, PROVENANCE, now=NOW)
    assert done.copy is not None
    assert done.copy.read_bytes() == old
    assert {path.name for path in book.parent.iterdir()} == {"treasury.xlsx", done.copy.name}


def test_what_running_processes_write_is_not_swept(book):
    theirs = book.with_name(f".treasury.xlsx.partial-{os.getppid()}-0a1b2c3d")
    theirs.write_bytes(b"theirs")
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert theirs.read_bytes() == b"theirs"


def test_a_copy_that_somebody_made_is_not_swept(book):
    mine = book.with_name("treasury.20250101-000000.xlsx")
    shutil.copy(book, mine)
    link = book.with_name("second name.xlsx")
    os.link(book, link)
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert mine.exists()
    assert link.exists()


# The disk -----------------------------------------------------------------------------------------------------------


class Failing:
    """Makes the n-th call of some functions of the operating system fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
        self.left = nth
        self.calls: list[str] = []
        monkeypatch.setattr(os, "fsync", self.wrapped("fsync", os.fsync))
        monkeypatch.setattr(os, "link", self.wrapped("link", os.link))
        monkeypatch.setattr(Path, "replace", self.wrapped("replace", Path.replace))
        monkeypatch.setattr(Path, "open", self.opened(Path.open))

    def step(self, name: str) -> None:
        self.calls.append(name)
        self.left -= 1
        if self.left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def wrapped(self, name: str, function: Any) -> Any:
        def failing(*arguments: Any, **options: Any) -> Any:
            self.step(name)
            return function(*arguments, **options)

        return failing

    def opened(self, function: Any) -> Any:
        def failing(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            file = function(path, mode, *arguments, **options)
            if "x" not in mode:
                return file
            try:
                self.step("open")
            except OSError:
                file.close()
                raise
            return Writer(file, self)

        return failing


class Writer:
    """A file whose writing counts."""

    def __init__(self, file: Any, failing: Failing) -> None:
        self.file, self.failing = file, failing

    def write(self, data: Any) -> int:
        self.failing.step("write")
        return int(self.file.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def outcome(book: Path) -> str | None:
    """Return what is said where a fill fails; None where it does not."""
    try:
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    except WorkbookError as error:
        return str(error)
    return None


def test_the_nth_write_flush_or_rename_fails(book):
    """Each step in turn, until none is left to fail: only then may the workbook be another."""
    before = snapshot(book.parent)
    calls: set[str] = set()
    for nth in range(1, 400):
        with pytest.MonkeyPatch.context() as monkeypatch:
            failing = Failing(monkeypatch, nth)
            said = outcome(book)
        calls |= set(failing.calls)
        if said is None:
            break
        assert "the disk is full" in said
        assert snapshot(book.parent) == before, failing.calls
    assert calls == {"open", "write", "fsync", "link", "replace"}
    # The last step that failed was flushing the folder, after the new workbook stood: that is no fault.
    assert cells(book, "Allocation")["D4"] == 20.5


def test_without_second_names_the_copy_is_a_copy(book, monkeypatch):
    old = book.read_bytes()

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refused)
    copies = [fill(target_of(book), PLAN, SUMMARY, PROVENANCE, now=NOW).copy for _ in range(2)]
    assert copies[0] is not None
    assert copies[0].read_bytes() == old
    assert copies[1] is not None
    assert copies[1].name == "treasury.20261122-134501-2.xlsx"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, small."""
    where = tmp_path / "disk"
    where.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(where)]
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            yield where
            subprocess.run(["umount", str(where)], capture_output=True, check=False)
            return
    pytest.skip("mounting is not allowed")


def test_a_full_disk(disk):
    book = simple(disk / "treasury.xlsx")
    room = os.statvfs(disk)
    for spare in (0, 1):
        (disk / "ballast").write_bytes(b"x" * ((room.f_bavail - spare) * room.f_bsize))
        assert "the disk is full" in refusal(book)
    (disk / "ballast").unlink()
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert cells(book, "Allocation")["D4"] == 20.5


def test_a_read_only_disk(disk):
    book = simple(disk / "treasury.xlsx")
    if subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("remounting is not allowed")
    assert "read-only" in refusal(book)


def test_a_folder_without_permission(book):
    if os.geteuid() == 0:
        pytest.skip("permissions do not hold root back")
    book.parent.chmod(0o500)
    try:
        assert "may not be written to" in refusal(book)
    finally:
        book.parent.chmod(0o700)


def test_what_is_read_back_wrong_is_not_put_in_place(book, monkeypatch):
    """The check must be able to fail: here the writer changes a cell that nobody asked for."""
    applied = filling.rewrite

    def meddling(data, parts, changed, added, out):
        name = "xl/worksheets/sheet1.xml"
        xml = b"".join(bytes(piece) for piece in changed[name])
        applied(
            data,
            parts,
            {**changed, name: [xml.replace(b'<c r="D6"><v>10</v>', b'<c r="D6"><v>11</v>')]},
            added,
            out,
        )

    monkeypatch.setattr(filling, "rewrite", meddling)
    assert "cell D6 of 'Allocation' holds 11" in refusal(book)


def test_what_cannot_be_read_back_is_not_put_in_place(book, monkeypatch):
    monkeypatch.setattr(filling, "rewrite", lambda *arguments: arguments[-1].write(b"PK nonsense"))
    assert "what was written could not be read back" in refusal(book)


def test_a_part_that_did_not_stay_is_seen(book, monkeypatch):
    applied = filling.rewrite

    def meddling(data, parts, changed, added, out):
        styles = parts.unpacked("xl/styles.xml").replace(b"Calibri", b"Arial")
        applied(data, parts, {**changed, "xl/styles.xml": [styles]}, added, out)

    monkeypatch.setattr(filling, "rewrite", meddling)
    assert "part xl/styles.xml did not stay as it was" in refusal(book)


def test_an_interrupt_leaves_nothing(book, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(filling, "check_filled", interrupted)
    before = snapshot(book.parent)
    with pytest.raises(KeyboardInterrupt):
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert snapshot(book.parent) == before
