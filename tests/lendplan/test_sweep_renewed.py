"""Points that are kept though the scenario's file has changed beside their question still pass their check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workspace import SCENARIO, Workspace

from lendplan.certify.plan import verify
from lendplan.sweep import work as sweep_work

SWEEP = "sweep: {budget.total: [50, 5, 150]}\n"
FINER = "# more of them\nsweep: {budget.total: [50, 150, 250]}\n"


@pytest.fixture
def work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workspace:
    return Workspace(tmp_path, capsys)


def times(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("allocations.parquet")
    }


def test_a_sweep_that_is_made_finer_in_its_file(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    work.write(SCENARIO + SWEEP)
    assert work.optimize().code == 4
    before = times(work.plan)
    work.write(SCENARIO + FINER)
    solved = []
    solve = sweep_work.Bench.solve
    monkeypatch.setattr(sweep_work.Bench, "solve", lambda *given: solved.append(1) or solve(*given))
    assert work.optimize().code == 0
    assert len(solved) == 1
    after = times(work.plan)
    assert after["points/0001/allocations.parquet"] == before["points/0001/allocations.parquet"]
    assert after["points/0002/allocations.parquet"] == before["points/0003/allocations.parquet"]
    for folder in sorted((work.plan / "points").iterdir()):
        assert verify(folder).passed, folder
    work.optimize()
    assert len(solved) == 1, "what was told anew stands whole"


def test_what_the_command_line_overrides_is_told_as_it_is_now(work: Workspace) -> None:
    work.write(SCENARIO + "sweep: {economics.fixed_cost: [0, 0.1]}\n")
    assert work.optimize("budget.total=100").code == 0
    work.write(SCENARIO.replace("150", "100"))
    assert work.optimize("sweep={economics.fixed_cost: [0.1, 0]}").code == 0
    manifest = json.loads((work.plan / "points" / "0002" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["overrides"] == ["sweep={economics.fixed_cost: [0.1, 0]}", "economics.fixed_cost=0"]
    assert manifest["scenario"]["economics"]["fixed_cost"] == 0
    assert work.run("verify", work.plan / "points" / "0002").code == 0


def test_a_frontier_whose_file_was_touched(work: Workspace) -> None:
    work.write(SCENARIO + "frontier: {points: 4}\n")
    assert work.optimize().code == 0
    work.write(SCENARIO + "frontier: {points: 4}\n# seen\n")
    assert work.optimize().code == 0
    for folder in sorted((work.plan / "points").iterdir()):
        assert verify(folder).passed, folder


def test_a_run_that_was_broken_off_and_goes_on_with_another_file(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The points of the hidden folder, too, are told what they rest on when they are put in place."""
    work.write(SCENARIO + "solver: {threads: 1}\n" + SWEEP.replace(", 5", ", 60"))
    solve = sweep_work.Bench.solve
    calls = []

    def once(*given):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return solve(*given)

    monkeypatch.setattr(sweep_work.Bench, "solve", once)
    assert work.optimize().code == 130
    monkeypatch.setattr(sweep_work.Bench, "solve", solve)
    work.write(SCENARIO + "# later\nsolver: {threads: 1}\n" + SWEEP.replace(", 5", ", 60"))
    assert work.optimize().code == 0
    for folder in sorted((work.plan / "points").iterdir()):
        assert verify(folder).passed, folder
