"""Filled workbooks in LibreOffice: it opens them, calculates them, and gets what was worked out by hand."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pytest
from treasurybooks import FRONTIER, LIMITS, PROVENANCE, SUMMARY, TABLE, TOTALS, cells, rich, simple, target_of

from lendplan.reports.treasury.filling import fill
from lendplan.reports.treasury.newbook import write_new

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
pytestmark = pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
EVERY_SHEET = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"
PLAN = {"enterprise": ["E2", "E1", "N1"], "line": [30.0, 20.5, 4.0], "rate": [0.05, 0.04, 0.1]}


def converted(path: Path, kind: str) -> Path:
    assert OFFICE is not None
    out = path.parent / "out"
    profile = path.parent / "profile"
    command = [OFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", kind,
               "--outdir", str(out), str(path)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return out


def sheets(path: Path) -> dict[str, list[list[str]]]:
    """Return what LibreOffice shows on each sheet once it has calculated: raw values, not formats."""
    found = {}
    for file in converted(path, EVERY_SHEET).glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            found[file.stem.removeprefix(f"{path.stem}-")] = list(csv.reader(stream))
    return found


def test_formulas_show_the_new_figures(tmp_path):
    """Lines 20.5, 30, 10, 10, 10 and 4 below; interest .82, 1.5, .4, .4, .4 and .4 carried down."""
    book = simple(tmp_path / "treasury.xlsx")
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    found = sheets(book)
    allocation = found["Allocation"]
    assert [round(float(row[5]), 9) for row in allocation[3:9]] == [0.82, 1.5, 0.4, 0.4, 0.4, 0.4]
    assert [row[1] for row in allocation[3:9]] == ["E1", "E2", "E3", "E4", "E5", "N1"]
    # The sums end at row 8, which the fill said; the appended row is outside them.
    assert round(float(found["Summary"][0][1]), 9) == 80.5
    assert round(float(found["Summary"][1][1]), 9) == 3.52
    assert found["lendplan"][2] == ["scenario", "annual.yaml"]


def test_a_rich_workbook_is_opened_whole(tmp_path):
    """Written again by LibreOffice as .xlsx, it still has its charts, and its sums are the new ones."""
    book = rich(tmp_path / "treasury.xlsx")
    fill(target_of(book), {name: values[:2] for name, values in PLAN.items()}, SUMMARY, PROVENANCE)
    again = converted(book, "xlsx") / "treasury.xlsx"
    assert cells(again, "Summary")["B1"] == pytest.approx(80.5)
    assert [cells(again, "Rates")[name] for name in ("D1", "D2", "D3")] == ["A", "B", "C"]


def test_a_grown_table_is_summed_by_its_name(tmp_path):
    def more(_book, sheet, summary):
        columns = [{"header": one} for one in ("id", "line", "double")]
        columns[2]["formula"] = "book[[#This Row],[line]]*2"
        sheet.add_table("I3:K5", {"name": "book", "columns": columns, "data": [["Z1", 1], ["Z2", 2]]})
        summary.write_formula("B7", "=SUM(book[line])", None, 3)
        summary.write_formula("B8", "=SUM(book[double])", None, 6)

    book = simple(tmp_path / "treasury.xlsx", more=more)
    plan = {"enterprise": ["Z2", "Z3", "Z4"], "line": [10.0, 100.0, 1000.0]}
    fill(target_of(book, key="id", write={"line": "line"}), plan, SUMMARY, PROVENANCE)
    summary = sheets(book)["Summary"]
    assert (float(summary[6][1]), float(summary[7][1])) == (1111, 2222)


def test_a_new_workbook_ties_out(tmp_path):
    path = tmp_path / "plan.xlsx"
    write_new(path, TABLE, TOTALS, LIMITS, points=[FRONTIER])
    totals = sheets(path)["totals"]
    assert [row[4] for row in totals[1:4]] == ["yes"] * 3
    assert {row[0]: float(row[1]) for row in totals[6:10]} == {"": 0, "A": 10, "a": 30.5, "all grades": 40.5}
