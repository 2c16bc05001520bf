"""`optimize workbook DIR --new FILE`: a workbook of its own for a plan, and what LibreOffice makes of it."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from treasurybooks import cells, part, with_parts
from workspace import BOOK, SCENARIO, Workspace, limits, snapshot

from lendplan.reports.treasury import newbook

pytest.importorskip("xlsxwriter")

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
EVERY_SHEET = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"
NAMED = "\n".join(
    line + ("," + ("name" if at == 0 else f"企业{at}" if at < 4 else "=1+1" if at == 4 else ""))
    for at, line in enumerate(BOOK.strip().splitlines())
)
LIMITS = limits(
    "name: retail, measure: line, where: {industry: [retail]}, at_most: 50%, of: budget",
    "name: rate, measure: average_rate, at_most: 11%",
    "name: reach, measure: count, at_least: 2",
)
FRONTIER = "frontier: {points: 5}\n"
SWEEP = "sweep: {budget.total: [50, 5, 150, 250]}\n"


@pytest.fixture
def work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workspace:
    return Workspace(tmp_path, capsys)


def solved(work: Workspace, more: str = "", code: int = 0, name: str = "plan", book: str = NAMED) -> Path:
    work.write(SCENARIO + more, book=book)
    folder = work.folder / name
    ran = work.optimize(options=("--output", folder))
    assert ran.code == code, ran.err
    return folder


def written(work: Workspace, folder: Path, *arguments: str | Path) -> Path:
    final = work.folder / "new.xlsx"
    ran = work.run("workbook", folder, "--new", final, *arguments)
    assert ran.code == 0, ran.err
    return final


def refused(work: Workspace, *arguments: str | Path, code: int) -> str:
    before = snapshot(work.folder)
    ran = work.run("workbook", *arguments)
    assert ran.code == code, ran.err
    assert snapshot(work.folder) == before
    return ran.err


def column(found: dict[str, Any], letter: str, rows: int) -> list[Any]:
    return [found.get(f"{letter}{row}") for row in range(1, rows + 1)]


def test_the_sheets_of_a_plan(work: Workspace) -> None:
    """By hand: E3 takes 40, of E1 and E2 (retail, at most 75) E1 gets 75, and E6 what is left, 35."""
    plan = solved(work, LIMITS)
    final = written(work, plan)
    found = cells(final, "allocations")
    assert column(found, "A", 7) == ["enterprise", "E1", "E2", "E3", "E4", "E5", "E6"]
    assert column(found, "B", 7) == ["name", "企业1", "企业2", "企业3", "=1+1", None, None]
    assert column(found, "F", 7) == ["line", 75, 0, 40, 0, 0, 35]
    assert column(found, "E", 7) == ["rate", 0.1, None, 0.1, None, None, 0.1]
    totals = cells(final, "totals")
    names = ["line", "exposure", "interest", "revenue", "risk", "funded", "profit", "average rate"]
    assert column(totals, "A", 9)[1:] == names
    summary = json.loads((plan / "summary.json").read_text(encoding="utf-8"))
    for row, name in enumerate(names, start=2):
        assert totals[f"B{row}"] == pytest.approx(summary[name.replace(" ", "_")]), name
        assert totals[f"E{row}"] == "yes"
    assert totals["G1"] == "amounts in CNY"
    prices = cells(final, "shadow prices")
    assert column(prices, "A", 5)[1:] == ["budget", "retail", "rate", "reach"]
    assert column(prices, "D", 5)[1:] == [150, 75, 0.11, 2]
    assert column(prices, "E", 5)[1:] == [pytest.approx(150), pytest.approx(75), pytest.approx(0.1), 3]
    assert column(prices, "F", 5)[1:] == ["binds", "binds", "has room", "has room"]
    for row, name in enumerate(["budget", "retail", "rate", "reach"], start=2):
        assert prices[f"G{row}"] == pytest.approx(summary["shadow_prices"][name])
        holds = summary["shadow_price_ranges"].get(name, ("", ""))
        shown = ["no end" if end is None else end or None for end in holds]
        assert [prices.get(f"H{row}"), prices.get(f"I{row}")] == [pytest.approx(end) for end in shown], name
    assert set(summary["shadow_price_ranges"]) >= {"retail"}
    said = dict(zip(*facts(final), strict=True))
    assert said["plan"] == str(plan)
    assert said["amounts in"] == "CNY"
    assert "sha256 of book.csv" in said
    assert work.run("verify", plan).code == 0


def facts(final: Path) -> tuple[list[Any], list[Any]]:
    found = cells(final, "lendplan")
    rows = sum(name.startswith("A") for name in found)
    return column(found, "A", rows), column(found, "B", rows)


def test_names_are_left_out_where_the_book_has_none(work: Workspace) -> None:
    for book in (BOOK, BOOK.replace("enterprise,", "enterprise,name,").replace("\nE", "\nE").replace(",A,", ",,A,")
                 .replace(",B,", ",,B,").replace(",D,", ",,D,")):  # fmt: skip
        final = written(work, solved(work, book=book))
        assert column(cells(final, "allocations"), "B", 2) == ["grade", "A"]


def test_a_point_of_a_sweep(work: Workspace) -> None:
    sweep = solved(work, SWEEP, code=4)
    final = written(work, sweep, "--point", "3")
    found = cells(final, "sweep")
    assert column(found, "A", 5)[1:] == [1, 2, 3, 4]
    assert column(found, "B", 5)[1:] == [None, None, "this plan", None]
    assert column(found, "C", 5) == ["budget.total", 50, 5, 150, 250]
    assert column(found, "D", 5)[1:] == ["optimal", "infeasible", "optimal", "optimal"]
    assert column(found, "E", 5)[2] is None
    assert "shadow_prices.budget" in found.values()
    assert "xl/charts/chart2.xml" in members_of(final), "one chart against risk, one against the budget"
    assert column(cells(final, "allocations"), "F", 7)[1:] == [100, 0, 40, 0, 0, 10]
    said = dict(zip(*facts(final), strict=True))
    assert said["point of the sweep"] == "3 of 4, budget.total 150"
    assert said["sweep"] == str(sweep)


def members_of(path: Path) -> list[str]:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


@pytest.mark.parametrize(
    "sweep",
    [
        "objective: [{kind: profit}, {kind: weighted}]",
        "budget.total: [50, 150], economics.fixed_cost: [0, 0.1]",
    ],
)
def test_a_sweep_that_no_amount_is_drawn_against(work: Workspace, sweep: str) -> None:
    folder = solved(work, f"sweep: {{{sweep}}}\n")
    final = written(work, folder)
    assert "xl/charts/chart1.xml" in members_of(final)
    assert "xl/charts/chart2.xml" not in members_of(final)
    if "kind" in sweep:
        assert cells(final, "sweep")["C2"] == '{"kind": "profit"}'


def test_the_knee_of_a_frontier(work: Workspace) -> None:
    frontier = solved(work, FRONTIER)
    final = written(work, frontier)
    found = cells(final, "frontier")
    head = {
        value: name.rstrip("1") for name, value in found.items() if name.endswith("1") and name[1:] == "1"
    }
    assert {"risk_limit", "knee", "revenue", "risk"} <= set(head)
    knee = [row for row in range(2, 7) if found.get(f"{head['knee']}{row}") == "yes"]
    assert [row for row in range(2, 7) if found.get(f"B{row}") == "this plan"] == knee
    with (frontier / "frontier.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name in ("revenue", "risk"):
        column_there = [found[f"{head[name]}{row}"] for row in range(2, 2 + len(rows))]
        assert column_there == pytest.approx([float(row[name]) for row in rows])
    chart = part(final, "xl/charts/chart1.xml")
    assert all(f"<c:v>{name}</c:v>" in chart for name in ("frontier", "knee", "this plan"))


def test_a_plan_beside_a_frontier(work: Workspace) -> None:
    frontier = solved(work, FRONTIER, name="frontier")
    for own in ((), ("--frontier", frontier)):
        assert "this plan" in column(cells(written(work, frontier, *own), "frontier"), "B", 9)
    plan = solved(work)
    final = written(work, plan, "--frontier", frontier)
    assert column(cells(final, "frontier"), "B", 9)[1:] == [None] * 8, "the plan is none of its points"
    assert "this plan" in part(final, "xl/charts/chart1.xml")
    sweep = solved(work, "sweep: {objective.kind: [profit, weighted]}\n", name="sweep")
    final = written(work, sweep, "--frontier", frontier)
    assert {"sweep", "frontier"} <= set(dict(zip(*facts(final), strict=True)))


def test_a_frontier_of_another_budget_is_told(work: Workspace) -> None:
    frontier = solved(work, FRONTIER + "churn_as: {D: B}\n", name="frontier")
    ran = work.run("workbook", solved(work), "--new", work.folder / "new.xlsx", "--frontier", frontier)
    assert ran.code == 0
    assert "the frontier's scenario differs from the plan's in churn_as" in ran.err


def test_frontiers_that_are_none_of_the_plan(work: Workspace) -> None:
    other = solved(work, FRONTIER, name="other", book=BOOK)
    unit = solved(work, FRONTIER + "unit: 10000\n", name="unit")
    plan = solved(work)
    new = work.folder / "new.xlsx"
    work.write(SCENARIO, book=NAMED)
    assert "of another question: enterprises differ" in refused(
        work, plan, "--new", new, "--frontier", other, code=3
    )
    assert "of another question: unit differ" in refused(work, plan, "--new", new, "--frontier", unit, code=3)
    assert "is the folder of a plan" in refused(work, plan, "--new", new, "--frontier", plan, code=3)
    assert "no such folder" in refused(work, plan, "--new", new, "--frontier", work.folder / "no", code=3)
    empty = work.folder / "empty"
    shutil.copytree(other, empty)
    table = parquet.read_table(empty / "frontier.parquet")
    for rows in (table.slice(0, 0), pa.table({})):
        parquet.write_table(rows, empty / "frontier.parquet")
        assert "none of its points has a plan" in refused(
            work, plan, "--new", new, "--frontier", empty, code=3
        )
    inside = unit / "new.xlsx"
    assert "would stand within" in refused(work, plan, "--new", inside, "--frontier", unit, code=8)


def test_json(work: Workspace) -> None:
    plan = solved(work)
    final = work.folder / "new.xlsx"
    ran = work.run("workbook", plan, "--new", final, "--json")
    assert json.loads(ran.out) == {
        "workbook": str(final), "kept": None, "enterprises": 6, "notes": [], "plan": str(plan), "point": None,
    }  # fmt: skip


def test_what_stood_there_is_kept(work: Workspace) -> None:
    plan = solved(work)
    final = work.folder / "new.xlsx"
    final.write_bytes(b"theirs")
    ran = work.run("workbook", plan, "--new", final)
    assert ran.code == 0
    kept = Path(ran.out.rstrip().rpartition(" kept in ")[2])
    assert kept.read_bytes() == b"theirs"
    assert kept.parent == final.parent


def test_a_plan_that_lends_nothing(work: Workspace) -> None:
    plan = solved(work, book=BOOK.replace("lend", ""))
    work.optimize("budget.total=0", options=("--output", plan))
    totals = cells(written(work, plan), "totals")
    assert column(totals, "B", 8)[1:] == [0] * 7
    assert column(totals, "E", 8)[1:] == ["yes"] * 7


@pytest.mark.parametrize("formulation", ["joint", "two_stage"])
@pytest.mark.parametrize("kind", ["profit", "weighted"])
def test_each_kind_of_plan(work: Workspace, formulation: str, kind: str) -> None:
    text = SCENARIO.replace("profit", kind) + f"formulation: {formulation}\n"
    book = BOOK.replace("lend", "").replace("grade,", "grade,risk_index,").replace(",A,", ",A,0.2,")
    work.write(text, book=book.replace(",B,", ",B,0.4,").replace(",D,", ",D,0.9,"))
    assert work.optimize().code == 0
    totals = cells(written(work, work.plan), "totals")
    assert set(column(totals, "E", 7)[1:]) == {"yes"}


# Refused --------------------------------------------------------------------------------------------------------------


def test_places_that_are_none(work: Workspace) -> None:
    plan = solved(work)
    for name, said in (
        ("new.xls", "must end in .xlsx"),
        ("new", "must end in .xlsx"),
        ("no/new.xlsx", "does not exist"),
        ("plan/new.xlsx", "would stand within"),
        ("book.csv/new.xlsx", "does not exist"),
    ):
        assert said in refused(work, plan, "--new", work.folder / name, code=8)
    (work.folder / "folder.xlsx").mkdir()
    assert "is a folder" in refused(work, plan, "--new", work.folder / "folder.xlsx", code=8)
    (work.folder / "link.xlsx").symlink_to(plan / "new.xlsx")
    assert "would stand within" in refused(work, plan, "--new", work.folder / "link.xlsx", code=8)


@pytest.mark.parametrize("lock", ["~$new.xlsx", ".~lock.new.xlsx#"])
def test_a_workbook_that_is_open_elsewhere(work: Workspace, lock: str) -> None:
    plan = solved(work)
    (work.folder / lock).touch()
    assert "is open in another program" in refused(work, plan, "--new", work.folder / "new.xlsx", code=8)


def test_without_the_library(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = solved(work)
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    err = refused(work, plan, "--new", work.folder / "new.xlsx", code=3)
    assert "pip install 'lendplan[treasury]'" in err


def test_more_rows_than_a_sheet_has(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = solved(work)
    monkeypatch.setattr(newbook, "MAX_ROW", 6)
    assert "allocations.parquet" in refused(work, plan, "--new", work.folder / "new.xlsx", code=8)


def test_plans_that_fail_the_check(work: Workspace) -> None:
    plan = solved(work)
    text = (plan / "summary.json").read_text(encoding="utf-8")
    (plan / "summary.json").write_text(text.replace('"funded": 3', '"funded": 4'), encoding="utf-8")
    err = refused(work, plan, "--new", work.folder / "new.xlsx", code=7)
    assert "summary funded" in err
    (plan / "summary.json").write_text(text, encoding="utf-8")
    (work.folder / "book.csv").write_text(BOOK, encoding="utf-8")
    assert "input enterprises" in refused(work, plan, "--new", work.folder / "new.xlsx", code=7)


def test_an_input_is_not_written_over(work: Workspace) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(work.folder / "book.xlsx")) as book:
        sheet = book.add_worksheet("Book")
        for place, line in enumerate(BOOK.splitlines()):
            sheet.write_row(place, 0, line.split(","))
    work.write(SCENARIO.replace("book.csv", "book.xlsx#Book"))
    assert work.optimize().code == 0
    err = refused(work, work.plan, "--new", work.folder / "book.xlsx", code=8)
    assert "is an input of the plan" in err


def test_a_disk_that_fails(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    plan = solved(work)
    monkeypatch.setattr(os, "fsync", full)
    assert "the disk is full" in refused(work, plan, "--new", work.folder / "new.xlsx", code=8)


# In LibreOffice -------------------------------------------------------------------------------------------------------


def recalculated(path: Path) -> dict[str, list[list[str]]]:
    """Return what LibreOffice shows on each sheet once it has calculated: raw values, not formats."""
    assert OFFICE is not None
    out, profile = path.parent / "out", path.parent / "profile"
    command = [OFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", EVERY_SHEET,
               "--outdir", str(out), str(path)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    found = {}
    for file in out.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            found[file.stem.removeprefix(f"{path.stem}-")] = list(csv.reader(stream))
    return found


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
def test_the_totals_are_live(work: Workspace) -> None:
    """E1's line of 75 becomes 70, by hand: the sum is 5 less, and no longer ties out; the grades follow."""
    plan = solved(work, LIMITS)
    final = written(work, plan)
    shown = recalculated(final)
    totals = {row[0]: row for row in shown["totals"][1:9]}
    summary = json.loads((plan / "summary.json").read_text(encoding="utf-8"))
    for name, row in totals.items():
        shown_as = float(row[1].rstrip("%")) / (100 if row[1].endswith("%") else 1)
        assert shown_as == pytest.approx(summary[name.replace(" ", "_")]), name
        assert row[4] == "yes"
    assert [row[1] for row in shown["totals"][11:15]] == ["115", "35", "0", "150"]
    assert [row[0] for row in shown["totals"][11:15]] == ["A", "B", "D", "all grades"]
    with_parts(
        final,
        {
            "xl/worksheets/sheet1.xml": lambda xml: xml.replace(b"<v>75</v>", b"<v>70</v>", 1),
            # LibreOffice calculates what has no result.
            "xl/worksheets/sheet2.xml": lambda xml: re.sub(rb"</f><v>[^<]*</v>", b"</f>", xml),
        },
    )
    shown = recalculated(final)
    assert shown["totals"][1][:5] == ["line", "145", "150", "-5", "NO"]
    assert [row[1] for row in shown["totals"][11:15]] == ["110", "35", "0", "145"]


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
def test_the_chart_is_seen(work: Workspace) -> None:
    """Written again by LibreOffice, the chart has its three series, and the plan's mark is drawn from its cells."""
    final = written(work, solved(work, FRONTIER))
    assert OFFICE is not None
    profile = work.folder / "profile"
    command = [OFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", "xlsx",
               "--outdir", str(work.folder / "out"), str(final)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    again = work.folder / "out" / "new.xlsx"
    totals = cells(again, "totals")
    chart = part(again, "xl/charts/chart1.xml")
    values = [float(one) for one in re.findall(r"<c:v>([-\d.eE]+)</c:v>", chart)]
    for row in (5, 6):
        assert any(one == pytest.approx(totals[f"B{row}"], rel=1e-9) for one in values)
    assert chart.count("<c:ser>") == 3


def test_a_name_that_no_cell_holds_is_cut_and_told(work: Workspace) -> None:
    plan = solved(work, book=NAMED.replace("企业1", "x" * 40_000))
    ran = work.run("workbook", plan, "--new", work.folder / "new.xlsx")
    assert ran.code == 0, ran.err
    assert "note: sheet 'allocations': a cell of 'name' is cut to 32,767 characters" in ran.err
    assert cells(work.folder / "new.xlsx", "allocations")["B2"] == "x" * 32_767


def test_the_tables_of_a_frontier_beside_are_not_written_over(work: Workspace) -> None:
    frontier = solved(work, FRONTIER, name="frontier")
    own = work.folder / "own"
    own.mkdir()
    for name in ("scenario.yaml", "book.csv", "churn.csv"):
        shutil.copy(work.folder / name, own / name)
    (own / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    assert work.run(own / "scenario.yaml").code == 0
    link = work.folder / "new.xlsx"
    link.hardlink_to(work.folder / "book.csv")
    err = refused(work, own / "plans" / "scenario", "--new", link, "--frontier", frontier, code=8)
    assert "is an input of the plan" in err
