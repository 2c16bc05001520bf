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
    assert "FAILED  point 3: summary.json: has changed since it was written" in ran.out
    assert "FAILED  point 3: revenue is " in ran.out
    assert "FAILED  point 2" not in ran.out
    assert "1 of 2 points passed" in ran.out


def forge(path: Path, name: str, cells: list[object]) -> None:
    table = parquet.read_table(path)
    at = table.column_names.index(name)
    parquet.write_table(table.set_column(at, name, pa.array(cells, table.schema.field(at).type)), path)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("objective", [None, 7.95, 99.0]),
        ("budget.total", [0.0, 150.0, 9999.0]),
        ("profit", [None, 7.95, 1e6]),
        ("shadow_prices.budget", [None, 5.0, 5.0]),
        ("folder", [None, "points/0003", "points/0002"]),
        ("status", ["infeasible", "optimal", "failed"]),
    ],
)
def test_a_table_that_says_what_is_not_so(
    work: Workspace, swept: Path, name: str, cells: list[object]
) -> None:
    forge(swept / "sweep.parquet", name, cells)
    ran = work.run("verify", swept)
    assert ran.code == 7
    assert f"FAILED  point 3: {name} is " in ran.out
    page = work.folder / "r.html"
    assert work.run("report", swept, "--html", page).code == 7
    assert not page.exists()


@pytest.mark.parametrize(("name", "value"), [("knee", True), ("revenue_bound", 99.0), ("risk_limit", 0.01)])
def test_a_frontier_that_says_what_is_not_so(work: Workspace, name: str, value: object) -> None:
    assert work.optimize("frontier.points=5").code == 0
    path = work.plan / "frontier.parquet"
    cells = parquet.read_table(path).column(name).to_pylist()
    forge(path, name, [not cells[0] if name == "knee" else value, *cells[1:]])
    ran = work.run("verify", work.plan)
    assert ran.code == 7
    assert f"FAILED  point 1: {name} is " in ran.out


def test_rows_that_are_missing_and_a_csv_of_its_own(work: Workspace, swept: Path) -> None:
    path = swept / "sweep.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("150", "151"), encoding="utf-8")
    ran = work.run("verify", swept)
    assert (ran.code, "sweep.csv does not say what the points say" in ran.out) == (7, True)
    path.write_text(text, encoding="utf-8")
    table = parquet.read_table(swept / "sweep.parquet")
    parquet.write_table(table.slice(0, 2), swept / "sweep.parquet")
    ran = work.run("verify", swept)
    assert (ran.code, "has 2 rows, where the points make 3" in ran.out) == (7, True)


def test_reasons_that_were_forged(work: Workspace, swept: Path) -> None:
    path = swept / "points" / "0003" / "allocations.parquet"
    reasons = parquet.read_table(path).column("reason").to_pylist()
    forge(path, "reason", ["forged"] * len(reasons))
    ran = work.run("verify", swept)
    assert (ran.code, "FAILED  point 3: allocations.parquet: has changed" in ran.out) == (7, True)


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
