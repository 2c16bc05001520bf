"""Faults of the tables: ids, encodings, cells and columns.

Everywhere: the exit code, a message that says where, no traceback, and every file that stood before stands.
"""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from workspace import CHURN, SCENARIO, Workspace, logged

HEADER = "enterprise,grade,default_probability,name\n"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def book(*lines: str) -> str:
    return HEADER + "".join(line + "\n" for line in lines)


# Ids ----------------------------------------------------------------------------------------------------------


def test_duplicate_and_blank_ids_are_refused_with_their_lines(work: Workspace) -> None:
    work.write(book=book("E1,A,1%,x", "E2,A,1%,x", "E1,B,1%,x", ",A,1%,x"))
    err = work.refused()
    assert "book.csv:4" in err
    assert "book.csv:5" in err
    assert "enterprise" in err
    assert "blank" in err


ODD_IDS = ["NA", "001", "123456789012345678", "=1+1", "+7", "-x", "@me", "null", "1e5", "名字", "E 1", "1.0"]


def test_odd_ids_are_kept_exactly(work: Workspace) -> None:
    work.write(book=book(*(f"{one},A,1%,x" for one in ODD_IDS)))
    assert work.optimize().code == 0
    assert [row["enterprise"] for row in rows(work.allocations())] == ODD_IDS
    import pyarrow.parquet as pq

    assert pq.read_table(work.plan / "allocations.parquet")["enterprise"].to_pylist() == ODD_IDS
    assert work.run("verify", work.plan).code == 0


def test_free_text_that_looks_like_a_formula_is_guarded_in_the_csv_alone(work: Workspace) -> None:
    text = "enterprise,grade,risk_weight,must,must_reason\nE1,A,0.01,decline,=HYPERLINK(1)\nE2,A,0.01,,\n"
    work.write(book=text)
    assert work.optimize().code == 0
    assert rows(work.allocations())[0]["reason"] == "'=HYPERLINK(1)"
    import pyarrow.parquet as pq

    assert pq.read_table(work.plan / "allocations.parquet")["reason"].to_pylist()[0] == "=HYPERLINK(1)"


def workbook(path: Path, cells: list[list[Any]]) -> None:
    with xlsxwriter.Workbook(str(path)) as stored:
        sheet = stored.add_worksheet("Book")
        for place, row in enumerate(cells):
            sheet.write_row(place, 0, row)


def test_numeric_ids_of_a_workbook_beyond_15_digits_are_refused(work: Workspace) -> None:
    workbook(
        work.folder / "book.xlsx", [["enterprise", "grade", "risk_weight"], [123456789012345678, "A", 0.01]]
    )
    work.write(SCENARIO.replace("book.csv", "book.xlsx#Book"))
    err = work.refused()
    assert "book.xlsx#Book:2" in err
    assert "15 digits" in err


def test_text_ids_and_short_numeric_ids_of_a_workbook_are_kept(work: Workspace) -> None:
    cells = [["enterprise", "grade", "risk_weight"], ["123456789012345678", "A", 0.01], [12345, "A", 0.01]]
    workbook(work.folder / "book.xlsx", cells)
    work.write(SCENARIO.replace("book.csv", "book.xlsx#Book"))
    assert work.optimize().code == 0
    assert [row["enterprise"] for row in rows(work.allocations())] == ["123456789012345678", "12345"]
    assert work.run("verify", work.plan).code == 0


# Encodings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "recorded"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gb18030", "gb18030"), ("utf-16", "utf-16")],
)
def test_encodings_are_recognised_and_recorded(work: Workspace, encoding: str, recorded: str) -> None:
    text = book("甲公司,A,1%,名", "乙公司,B,2%,名")
    work.write(SCENARIO.replace("by hand", "手算").encode(encoding), book=text.encode(encoding))
    assert work.optimize().code == 0
    assert [row["enterprise"] for row in rows(work.allocations())] == ["甲公司", "乙公司"]
    found = {entry["role"]: entry["encoding"] for entry in work.json("manifest")["inputs"]}
    assert found["scenario"] == found["enterprises"] == recorded
    assert work.json("manifest")["scenario"]["title"] == "手算"


@pytest.mark.parametrize("name", ["scenario.yaml", "book.csv", "churn.csv"])
def test_bytes_of_no_known_encoding_are_refused_with_the_line(work: Workspace, name: str) -> None:
    path = work.folder / name
    path.write_bytes(path.read_bytes() + b"# \xff\xff\xff\n")
    err = work.refused()
    assert f"{name}:{len(path.read_bytes().splitlines())}" in err
    assert "0xff" in err


# Tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        (book("E1,A,1%,x", "E2,A"), "book.csv:3", "cells"),
        (book("E1,A,1%,x", "E2,A,1%,x,y"), "book.csv:3", "cells"),
        ("grade,default_probability\nA,1%\n", "book.csv", "enterprise"),
        (book("E1,A,1%,x").replace(",", ";"), "book.csv:1", "semicolons"),
        (book("E1,A,1%,x").replace(",", "\t"), "book.csv:1", "tabs"),
        (book("E1,A,1%,x", "E2,A,1%,\0"), "book.csv:3", "NUL"),
        (book("E1,A,3,x"), "book.csv:2", "default_probability"),
        (book("E1,A,nan,x"), "book.csv:2", "leave the cell blank"),
        (book("E1,A,-1%,x"), "book.csv:2", "default_probability"),
        (book("E1,A,1%,x", "E2,Z,1%,x"), "book.csv:3", "no churn curve"),
        (book("E1,A,1%,x", "E2,,1%,x"), "book.csv:3", "unrated: exclude"),
        (book("E1,A,,x"), "book.csv:2", "risk_weight"),
        ("enterprise,grade,risk_weight,line_min\nE1,A,1%,500\n", "book.csv:2", "above its largest"),
        ("enterprise,grade,risk_weight,must\nE1,A,1%,maybe\n", "book.csv:2", "lend"),
        ("enterprise,grade,risk_weight,rate_min\nE1,A,1%,12%\n", "book.csv:2", "rate"),
        ("enterprise,grade,risk_weight,line_min\nE1,A,1%,1.234,56\n", "book.csv:2", "cells"),
        ("", "book.csv", "empty"),
    ],
    ids=[
        "too few cells", "too many cells", "missing column", "semicolons", "tabs", "NUL", "a probability of 3", "nan",
        "negative", "no curve", "unrated", "no risk", "line bounds", "must", "rate bounds", "decimal comma", "empty",
    ],
)  # fmt: skip
def test_a_book_that_cannot_be_used(work: Workspace, text: str, place: str, word: str) -> None:
    work.write(book=text)
    err = work.refused()
    assert place in err
    assert word in err


def test_all_problems_of_all_tables_are_reported_at_once(work: Workspace) -> None:
    work.write(book=book("E1,A,3,x", "E1,A,x,x"), churn="rate,A,B\n0.05,0,0\n0.1,1.2,0.5\n")
    err = work.refused()
    assert "book.csv:2" in err
    assert "book.csv:3" in err
    assert "churn.csv:3" in err


def test_full_width_digits_and_thousands_separators_are_normalised_and_logged(
    work: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    text = 'enterprise,grade,risk_weight,line_max\nE1,A,０.０１,"1,050"\n'
    work.write(SCENARIO.replace("total: 150", "total: 5000"), book=text)
    assert work.optimize().code == 0
    assert float(rows(work.allocations())[0]["line"]) == 1050
    said = logged(caplog)
    assert "book.csv" in said
    assert "1,050" in said
    assert "０.０１" in said


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        (CHURN.replace("0.2", "1.2"), "churn.csv:3", "A"),
        (CHURN.replace("0.2", "-0.2"), "churn.csv:3", "A"),
        ("rate,A,B\n0.05,0,0\n0.05,0.2,0.5\n", "churn.csv:3", "rate"),
        ("rate,A,B\n0.1,0,0\n0.05,0.2,0.5\n", "churn.csv:3", "rate"),
        ("rate,A,B\n0.05,0,\n0.1,0.2,0.5\n", "churn.csv:2", "B"),
        ("rate\n0.05\n", "churn.csv", "grade"),
        ("rate,A,B\n5,0,0\n10,0.2,0.5\n", "churn.csv:2", "rate"),
    ],
    ids=["above 1", "below 0", "repeated rate", "falling rates", "blank", "no grade", "percent without sign"],
)
def test_churn_that_is_impossible(work: Workspace, text: str, place: str, word: str) -> None:
    work.write(churn=text)
    err = work.refused()
    assert place in err
    assert word in err


def test_churn_that_only_falls_is_a_warning_with_grade_and_rate(
    work: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    work.write(churn="rate,A,B\n0.05,0.3,0\n0.1,0.2,0.5\n")
    assert work.optimize().code == 0
    said = logged(caplog, logging.WARNING)
    assert "grade A" in said
    assert "10 %" in said
    assert "grade B" not in said


def test_a_rate_outside_the_churn_table_is_refused(work: Workspace) -> None:
    work.write(SCENARIO + "rates: {max: 12%}\n")
    err = work.refused()
    assert "scenario.yaml:9:14" in err
    assert "10 %" in err or "0.1" in err
