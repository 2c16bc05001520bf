"""Ctrl-C while a cluster works: 130 within two seconds, nothing written, no process left."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from datasets import book, written
from workspace import ran, snapshot, started

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

SECONDS = 2.0
SLACK = 1.5
"""What a busy machine may add."""

SMALL = """
from lendplan import clustercase
from lendplan.models import sums
from lendplan.solvers import lagrangian, pricing
for module in (sums, pricing, lagrangian):
    module.BLOCK = 128
"""
SOLVING = (
    SMALL
    + """
from lendplan.solvers.cluster import ClusterBook
real = ClusterBook.ask
def ask(*given):
    reached("stage")
    return real(*given)
ClusterBook.ask = ask
"""
)
WRITING = (
    SMALL
    + """
import time
from lendplan.reports.allocationfiles import AllocationFiles
real = AllocationFiles.add
def add(*given):
    real(*given)
    reached("stage")
    time.sleep(60)
AllocationFiles.add = add
"""
)


def children_of(process: int) -> list[int]:
    """Return the processes below one, from the kernel's own list."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == process:
                found += [int(entry.name), *children_of(int(entry.name))]
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("prelude", [SOLVING, WRITING], ids=["solving", "writing"])
def test_ctrl_c_ends_the_cluster_and_writes_nothing(tmp_path: Path, prelude: str) -> None:
    scenario = written(tmp_path, book())
    before = {*snapshot(tmp_path)}
    process = started([scenario], tmp_path, prelude)
    end = time.monotonic() + 60
    while not (tmp_path / "stage").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    workers = children_of(process.pid)
    assert workers
    since = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert time.monotonic() - since < SECONDS + SLACK
    told = ran(process)
    assert told.code == 130
    assert "interrupted; nothing was written" in told.err
    assert "Traceback" not in told.err
    assert {*snapshot(tmp_path)} - before == {"stage"}
    end = time.monotonic() + 5
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]
