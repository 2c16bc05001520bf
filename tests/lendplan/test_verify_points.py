"""`optimize verify` on the folder of a sweep or a frontier checks every point, and the table beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from workspace import BOOK, Workspace

SWEEP = "sweep.budget.total=[0, 150, 250]"


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lendplan.sweep.runner._WORTH", float("inf"))
        yield


@pytest.fixture
def swept(work: Workspace) -> Path:
    assert work.optimize(SWEEP).code == 4  # with a budget of 0 the one that must be lent to cannot be
    return work.plan


def test_every_point_passes(work: Workspace, swept: Path) -> None:
    ran = work.run("verify", swept)
    assert ran.code == 0, ran.err
    assert "2 of 2 points passed" in ran.out
    assert "1 of 3 points have no plan" in ran.out


def test_a_moved_frontier(work: Workspace) -> None:
    assert work.optimize("frontier.points=4").code == 0
    moved = work.plan.rename(work.folder / "moved")
    ran = work.run("verify", moved)
    assert ran.code == 0, ran.err
    assert f"{moved}: " in ran.out


def test_a_point_that_says_what_is_not_so(work: Workspace, swept: Path) -> None:
    path = swept / "points" / "0003" / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**summary, "revenue": summary["revenue"] + 1}), encoding="utf-8")
    ran = work.run("verify", swept)
    assert ran.code == 7
    assert "FAILED  point 3: summary revenue" in ran.out
    assert "FAILED  point 3: the table: revenue" in ran.out
    assert "FAILED  point 2" not in ran.out
    assert "1 of 2 points passed" in ran.out


def test_a_table_that_says_what_is_not_so(work: Workspace, swept: Path) -> None:
    path = swept / "sweep.parquet"
    table = parquet.read_table(path)
    at = table.column_names.index("objective")
    column = pa.array([None, 7.95, 99.0], table.schema.field(at).type)
    parquet.write_table(table.set_column(at, "objective", column), path)
    ran = work.run("verify", swept)
    assert ran.code == 7
    assert "FAILED  point 3: the table: objective: 99.0 in sweep.parquet" in ran.out
    for command in (
        ("report", "--html", work.folder / "r.html"),
        ("workbook", "--point", "3", "--new", work.folder / "n.xlsx"),
    ):
        refused = work.run(command[0], swept, *command[1:])
        assert refused.code == 7, command
    assert not (work.folder / "r.html").exists()
    assert not (work.folder / "n.xlsx").exists()


def test_a_changed_input(work: Workspace, swept: Path) -> None:
    (work.folder / "book.csv").write_text(BOOK.replace("0.02", "0.03"), encoding="utf-8")
    ran = work.run("verify", swept)
    assert ran.code == 7
    assert "0 of 2 points passed" in ran.out


def test_a_point_that_is_gone(work: Workspace, swept: Path) -> None:
    (swept / "points" / "0002" / "summary.json").unlink()
    ran = work.run("verify", swept)
    assert ran.code == 3
    assert "summary.json" in ran.err
