"""A new workbook for those who have no template."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from treasurybooks import FRONTIER, LIMITS, TABLE, TOTALS, cells, members, part

from lendplan.data.findings import InputError
from lendplan.reports.treasury import newbook
from lendplan.reports.treasury.newbook import write_new
from lendplan.reports.treasury.newsheets import Points
from lendplan.reports.treasury.target import WorkbookError


@pytest.fixture
def final(tmp_path: Path) -> Path:
    return tmp_path / "plan.xlsx"


def test_the_sheets(final):
    assert write_new(final, TABLE, TOTALS, LIMITS) is None
    after = cells(final, "allocations")
    assert [after[name] for name in ("A1", "A2", "A3", "D2", "E4", "G2")] == [
        "enterprise", "=E1", "0012", 0.05, 30.5, "@first",
    ]  # fmt: skip
    assert "D3" not in after
    assert "<f>=" not in part(final, "xl/worksheets/sheet1.xml")
    assert "xl/charts/chart1.xml" not in members(final)


def test_totals_are_live_formulas_and_tie_out(final):
    write_new(final, TABLE, TOTALS, [])
    sheet = part(final, "xl/worksheets/sheet2.xml")
    assert "<f>SUM(allocations!$E$2:$E$4)</f><v>40.5</v>" in sheet
    after = cells(final, "totals")
    assert [after[f"E{row}"] for row in (2, 3, 4)] == ["yes"] * 3
    assert (after["A4"], after["B4"]) == ("funded", 2)


def test_totals_that_do_not_tie_out_say_so(final):
    write_new(final, TABLE, {**TOTALS, "line": 41.0}, [])
    after = cells(final, "totals")
    assert (after["D2"], after["E2"]) == (-0.5, "NO")


def test_totals_by_grade_keep_apart_what_only_looks_alike(final):
    write_new(final, TABLE, TOTALS, [])
    after = cells(final, "totals")
    grades = {after.get(f"A{row}", ""): after[f"B{row}"] for row in range(7, 11)}
    assert grades == {"": 0, "A": 10, "a": 30.5, "all grades": 40.5}


def test_limits_and_their_prices(final):
    ranges = {"budget": (10.0, None), "one industry[retail]": (-0.05, 0.1)}
    write_new(final, TABLE, TOTALS, LIMITS, price_ranges=ranges)
    after = cells(final, "shadow prices")
    row = {name: [after.get(f"{name}{row}") for row in (2, 3, 4)] for name in "ABCDEFGHI"}
    assert row["A"] == ["budget", "one industry[retail]", "=reach"]
    assert row["C"] == ["at most", "at most", "at least"]
    assert row["D"] == [50, 0.25, 2]
    assert row["E"] == [40.5, 0.25, None]
    assert row["F"] == ["has room", "binds", "counts nothing"]
    assert row["G"] == [0.06, 0, -0.5]
    assert row["H"] == [10, -0.05, None]
    assert row["I"] == ["no end", 0.1, None]
    assert after["A6"].startswith("Shadow price: what one more unit")


def series_of(chart: str) -> dict[str, list[str]]:
    """Return of each series of a chart the cells that it is drawn from."""
    found = {}
    for one in re.findall(r"<c:ser>.*?</c:ser>", chart, re.DOTALL):
        name = re.search(r"<c:tx>.*?<c:v>(.*?)</c:v>", one, re.DOTALL)
        assert name is not None
        found[name[1]] = re.findall(r"<c:f>([^<]*)</c:f>", one)
    return found


def test_the_frontier_is_a_native_chart_with_marks_of_its_own(final):
    table = {**TABLE, "risk": [0.25, 0.0, 0.75]}
    write_new(final, table, TOTALS, LIMITS, points=[FRONTIER], money="CNY × 10,000")
    chart = part(final, "xl/charts/chart1.xml")
    assert "scatterChart" in chart
    assert "risk (CNY × 10,000)" in chart
    assert series_of(chart) == {
        "frontier": ["frontier!$E$2:$E$4", "frontier!$F$2:$F$4"],
        "knee": ["frontier!$E$3", "frontier!$F$3"],
        "this plan": ["totals!$B$4", "totals!$B$3"],
    }
    after = cells(final, "frontier")
    assert (after["A4"], after["B4"], after["F4"]) == (3, "this plan", 2.5)
    assert [after["D2"], after["D3"]] == ["no", "yes"]
    assert "B3" not in after
    totals = cells(final, "totals")
    assert {totals[f"A{row}"]: totals[f"B{row}"] for row in (2, 3, 4, 6)} == {
        "line": 40.5, "revenue": 2.33, "risk": 1.0, "profit": 1.33,
    }  # fmt: skip


@pytest.mark.parametrize("rising", [True, False])
def test_a_sweep_over_one_key_is_drawn_against_it(final, rising):
    budgets = [300.0, 500.0, 700.0] if rising else [500.0, 300.0, 700.0]
    columns = {"budget.total": budgets, "revenue": [1.0, 2.0, None], "risk": [0.5, 1.0, None]}
    points = Points("sweep", columns, chosen=1, key="budget.total")
    write_new(final, TABLE, TOTALS, LIMITS, points=[points])
    assert list(series_of(part(final, "xl/charts/chart1.xml"))) == ["points"], "the plan here has no risk"
    chart = part(final, "xl/charts/chart2.xml")
    assert series_of(chart) == {
        "revenue": ["sweep!$C$2:$C$4", "sweep!$D$2:$D$4"],
        "risk": ["sweep!$C$2:$C$4", "sweep!$E$2:$E$4"],
        "this plan": ["sweep!$C$3", "sweep!$E$3"],
    }
    assert chart.count("this plan") == 2
    assert re.findall(r'<c:legendEntry><c:idx val="(\d)"/>', chart) == ["3"]
    assert ("<a:noFill/>" in chart.split("</c:ser>")[0]) is not rising, (
        "a line leads through rising values alone"
    )


def test_a_sweep_and_a_frontier(final):
    write_new(final, TABLE, TOTALS, LIMITS, points=[Points("sweep", {"a": ["x", "=y"]}), FRONTIER])
    assert cells(final, "sweep")["C3"] == "=y"
    assert cells(final, "frontier")["F4"] == 2.5
    assert "xl/charts/chart2.xml" not in members(final)


def test_many_points_have_their_charts_beside_them(final):
    many = [float(at) for at in range(61)]
    write_new(final, TABLE, TOTALS, LIMITS, points=[Points("frontier", {"risk": many, "revenue": many})])
    anchor = part(final, "xl/drawings/drawing1.xml")
    assert re.findall(r"<xdr:from><xdr:col>(\d+)<.*?<xdr:row>(\d+)<", anchor) == [("5", "1")]


def test_provenance(final):
    write_new(final, TABLE, TOTALS, [], provenance={"scenario": "=a.yaml"})
    assert cells(final, "lendplan")["B2"] == "=a.yaml"


def test_an_empty_plan(final):
    write_new(
        final,
        {name: [] for name in TABLE},
        {"line": 0.0},
        [],
        points=[Points("frontier", {"risk": [], "revenue": []})],
    )
    assert cells(final, "totals")["E2"] == "yes"


def test_what_stood_there_is_kept(final):
    final.write_bytes(b"theirs")
    copy = write_new(final, TABLE, TOTALS, [])
    assert copy is not None
    assert copy.read_bytes() == b"theirs"
    assert len(list(final.parent.iterdir())) == 2


def test_it_is_refused_where_it_is_open(final):
    final.with_name("~$plan.xlsx").touch()
    with pytest.raises(WorkbookError, match="is open in another program"):
        write_new(final, TABLE, TOTALS, [])


def test_what_it_takes(final, monkeypatch):
    with pytest.raises(WorkbookError, match=r"must end in \.xlsx"):
        write_new(final.with_suffix(".xls"), TABLE, TOTALS, [])
    with monkeypatch.context() as patched:
        patched.setattr(newbook, "MAX_ROW", 3)
        with pytest.raises(WorkbookError, match=r"allocations\.parquet"):
            write_new(final, TABLE, TOTALS, [])
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(InputError, match=r"pip install 'lendplan\[treasury\]'"):
        write_new(final, TABLE, TOTALS, [])
    assert not list(final.parent.iterdir())


def test_a_place_that_is_none(final):
    final.mkdir()
    with pytest.raises(WorkbookError, match="is a folder"):
        write_new(final, TABLE, TOTALS, [])
    with pytest.raises(WorkbookError, match="lies in a folder that does not exist"):
        write_new(final.parent / "nowhere" / "plan.xlsx", TABLE, TOTALS, [])
    final.rmdir()
    assert not list(final.parent.iterdir())


def test_odd_text_stands_as_it_is(final):
    odd = ["a\x0bb", "_x000D_", "\u3000中小企业\n", "=1+1", "x" * 32_767]
    write_new(final, {"enterprise": odd, "line": [1.0] * 5}, {}, [])
    after = cells(final, "allocations")
    assert [after[f"A{row}"] for row in range(2, 7)] == odd


def test_text_that_no_cell_holds_is_cut_and_told(final):
    said: list[str] = []
    names, grades = ["x" * 40_000, "short", "y" * 32_768], ["g" * 32_768, "A", "A"]
    table = {"enterprise": ["E1", "E2", "E3"], "name": names, "grade": grades, "line": [1.0, 2.0, 3.0]}
    provenance = {"scenario": "z" * 40_000}
    write_new(final, table, {}, [], provenance=provenance, note=said.append)
    after = cells(final, "allocations")
    assert [after[f"B{row}"] for row in range(2, 5)] == ["x" * 32_767, "short", "y" * 32_767]
    cut = "cut to 32,767 characters, the most that a cell holds"
    assert said == [
        f"note: sheet 'allocations': 2 cells of 'name' are {cut}",
        f"note: sheet 'allocations': a cell of 'grade' is {cut}",
        f"note: sheet 'totals': a cell of 'grade' is {cut}",
        f"note: sheet 'lendplan': a cell of 'value' is {cut}",
    ]


def test_an_id_that_no_cell_holds_is_refused(final):
    with pytest.raises(WorkbookError, match=r"the id 'xxx.* in row 3 of the plan has 32,768 characters"):
        write_new(final, {"enterprise": ["E1", "x" * 32_768], "line": [1.0, 2.0]}, {}, [])
    assert not final.exists()


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e12])
def test_totals_tie_out_alike_in_every_unit(final, unit):
    """10 and 30.5 make 40.5: 41 is no such total, and 40.5 and a ten-millionth of it is."""
    table = {**TABLE, "line": [10.0 * unit, 0.0, 30.5 * unit], "risk": [unit, 0.0, -unit]}
    for line, risk, ties in ((41.0, 1e-6, ["NO", "NO"]), (40.5 * (1 + 1e-7), 1e-12, ["yes", "yes"])):
        write_new(final, table, {"line": line * unit, "risk": risk * unit}, [])
        after = cells(final, "totals")
        assert [after["A2"], after["A4"]] == ["line", "risk"]
        assert [after["E2"], after["E4"]] == ties
    sheet = part(final, "xl/worksheets/sheet2.xml")
    where = "allocations!$H$2:$H$4"
    assert f"MAX(1E-06*ABS(C4),1E-09*MAX(MAX({where}),-MIN({where})))" in sheet


def test_a_profit_that_is_next_to_nothing_ties_out(final):
    table = {**TABLE, "risk": [0.5, 0.0, 1.83]}
    summary = {"revenue": 2.33, "risk": 2.33}
    for profit, tied in ((1e-16, "yes"), (1e-6, "NO")):
        write_new(final, table, {**summary, "profit": profit}, [])
        after = cells(final, "totals")
        row = next(row for row in range(2, 8) if after[f"A{row}"] == "profit")
        assert after[f"E{row}"] == tied


def test_a_disk_that_fails(final, monkeypatch):
    import os

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    final.write_bytes(b"theirs")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkbookError, match=r"the disk is full.*name another file"):
        write_new(final, TABLE, TOTALS, [])
    assert [path.read_bytes() for path in final.parent.iterdir()] == [b"theirs"]
