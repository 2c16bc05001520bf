"""A new workbook for those who have no template."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from treasurybooks import FRONTIER, TABLE, TOTALS, cells, members, part

from lendplan.reports.treasury import newbook
from lendplan.reports.treasury.newbook import write_new
from lendplan.reports.treasury.target import WorkbookError


@pytest.fixture
def final(tmp_path: Path) -> Path:
    return tmp_path / "plan.xlsx"


def test_the_sheets(final):
    assert write_new(final, TABLE, TOTALS, {"budget": 0.06, "one industry[retail]": 0.0}) is None
    after = cells(final, "allocations")
    assert [after[name] for name in ("A1", "A2", "A3", "D2", "E4", "G2")] == [
        "enterprise", "=E1", "0012", 0.05, 30.5, "@first",
    ]  # fmt: skip
    assert "D3" not in after
    assert cells(final, "shadow prices")["B2"] == 0.06
    assert "<f>=" not in part(final, "xl/worksheets/sheet1.xml")
    assert "xl/charts/chart1.xml" not in members(final)


def test_totals_are_live_formulas_and_tie_out(final):
    write_new(final, TABLE, TOTALS, {})
    sheet = part(final, "xl/worksheets/sheet2.xml")
    assert "<f>SUM(allocations!$E$2:$E$4)</f><v>40.5</v>" in sheet
    after = cells(final, "totals")
    assert [after[f"E{row}"] for row in (2, 3, 4)] == ["yes"] * 3
    assert (after["A4"], after["B4"]) == ("funded", 2)


def test_totals_that_do_not_tie_out_say_so(final):
    write_new(final, TABLE, {**TOTALS, "line": 41.0}, {})
    after = cells(final, "totals")
    assert (after["D2"], after["E2"]) == (-0.5, "NO")


def test_totals_by_grade_keep_apart_what_only_looks_alike(final):
    write_new(final, TABLE, TOTALS, {})
    after = cells(final, "totals")
    grades = {after.get(f"A{row}", ""): after[f"B{row}"] for row in range(7, 11)}
    assert grades == {"": 0, "A": 10, "a": 30.5, "all grades": 40.5}


def test_the_frontier_is_a_native_chart(final):
    write_new(final, TABLE, TOTALS, {}, frontier=FRONTIER)
    chart = part(final, "xl/charts/chart1.xml")
    assert re.findall(r"<c:f>([^<]*)</c:f>", chart) == ["frontier!$B$2:$B$4", "frontier!$C$2:$C$4"]
    assert "scatterChart" in chart
    assert cells(final, "frontier")["C4"] == 2.5


def test_provenance(final):
    write_new(final, TABLE, TOTALS, {}, provenance={"scenario": "=a.yaml"})
    assert cells(final, "lendplan")["B2"] == "=a.yaml"


def test_an_empty_plan(final):
    write_new(final, {name: [] for name in TABLE}, {"line": 0.0}, {}, frontier={"risk": [], "revenue": []})
    assert cells(final, "totals")["E2"] == "yes"


def test_what_stood_there_is_kept(final):
    final.write_bytes(b"theirs")
    copy = write_new(final, TABLE, TOTALS, {})
    assert copy is not None
    assert copy.read_bytes() == b"theirs"
    assert len(list(final.parent.iterdir())) == 2


def test_it_is_refused_where_it_is_open(final):
    final.with_name("~$plan.xlsx").touch()
    with pytest.raises(WorkbookError, match="is open in another program"):
        write_new(final, TABLE, TOTALS, {})


def test_what_it_takes(final, monkeypatch):
    with pytest.raises(WorkbookError, match=r"must end in \.xlsx"):
        write_new(final.with_suffix(".xls"), TABLE, TOTALS, {})
    with monkeypatch.context() as patched:
        patched.setattr(newbook, "MAX_ROW", 3)
        with pytest.raises(WorkbookError, match=r"allocations\.parquet"):
            write_new(final, TABLE, TOTALS, {})
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(WorkbookError, match=r"pip install 'lendplan\[treasury\]'"):
        write_new(final, TABLE, TOTALS, {})
    assert not list(final.parent.iterdir())


def test_a_disk_that_fails(final, monkeypatch):
    import os

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    final.write_bytes(b"theirs")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkbookError, match="the disk is full"):
        write_new(final, TABLE, TOTALS, {})
    assert [path.read_bytes() for path in final.parent.iterdir()] == [b"theirs"]
