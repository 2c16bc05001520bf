"""What goes wrong in scenario, tables, solving and writing, and what is owed then: each row of the table of faults.

Everywhere: the exit code, a message that says where, no traceback, and every file that stood before stands.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import logging
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xlsxwriter
from workspace import BOOK, CHURN, FREE_BOOK, PROFIT, SCENARIO, Workspace, logged, ran, snapshot, started

from lendplan.certify.report import Check, Report
from lendplan.solvers import engine
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.result import StopReason

HEADER = "enterprise,grade,default_probability,name\n"


@pytest.fixture
def work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workspace:
    return Workspace(tmp_path, capsys)


@pytest.fixture
def planned(work: Workspace) -> Workspace:
    """A workspace in which a plan of an earlier day stands."""
    assert work.optimize("budget.total=40").code == 0
    return work


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def book(*lines: str) -> str:
    return HEADER + "".join(line + "\n" for line in lines)


# The scenario file --------------------------------------------------------------------------------------------

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" + SCENARIO


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        (BOMB, "scenario.yaml:1:4", "anchor"),
        (SCENARIO + "note: !!python/object/apply:os.system [ls]\n", "scenario.yaml:9:7", "python"),
        (SCENARIO + "title: again\n", "scenario.yaml:9:1", "second time"),
        (SCENARIO + "note: " + "[" * 20_000 + "\n", "scenario.yaml:9:", "nested deeper"),
        (SCENARIO.replace("{total: 150}", "{total: -1}"), "scenario.yaml:6:17", "must not be below 0"),
        (SCENARIO.replace("{total: 150}", "{total: .nan}"), "scenario.yaml:6:17", "no usable number"),
        (SCENARIO.replace("{total: 150}", "{total: -.inf}"), "scenario.yaml:6:17", "no usable number"),
        (SCENARIO.replace("{total: 150}", "{total: 1e999}"), "scenario.yaml:6:17", "too large"),
        (SCENARIO.replace("min: 10", "min: 101"), "scenario.yaml:5:14", "exchange them"),
        (SCENARIO + "rates: {min: 4}\n", "scenario.yaml:9:14", "4%"),
        (SCENARIO + "rates: {min: 9%, max: 6%}\n", "scenario.yaml:9:14", "exchange them"),
        (SCENARIO.replace("max: 100", "mxa: 100"), "scenario.yaml:5:18", "did you mean 'max'"),
        (SCENARIO + "exclude_grades: [0123]\n", "scenario.yaml:9:18", "quote it"),
        (SCENARIO + "\ttabs: 1\n", "scenario.yaml:9:1", "tab"),
        (SCENARIO.replace("budget: {total: 150}\n", ""), "scenario.yaml", "budget"),
    ],
    ids=[
        "alias bomb", "python tag", "duplicate key", "20,000 levels", "negative budget", "nan", "inf", "1e999",
        "min above max", "a rate of 4", "rates exchanged", "misspelt key", "a number as grade", "tab", "no budget",
    ],
)  # fmt: skip
def test_a_scenario_that_cannot_be_read_as_meant(work: Workspace, text: str, place: str, word: str) -> None:
    work.write(text)
    err = work.refused()
    assert place in err
    assert word in err


def test_all_mistakes_of_scenario_are_reported_at_once(work: Workspace) -> None:
    work.write(
        SCENARIO.replace("max: 100", "mxa: 100").replace("total: 150", "total: -1") + "currency: EUR\n"
    )
    err = work.refused()
    for place in (":5:", ":6:", ":9:"):
        assert f"scenario.yaml{place}" in err


def test_a_scenario_of_a_gigabyte_is_not_read(work: Workspace) -> None:
    with work.scenario.open("r+b") as stream:
        stream.truncate(1 << 30)
    ran_ = work.optimize()
    assert ran_.code == 3
    assert "scenario.yaml" in ran_.err
    assert "larger than" in ran_.err


@pytest.mark.parametrize("grade", ["NO", "on", "12:30", "yes"])
def test_words_have_the_meaning_of_yaml_1_2(work: Workspace, grade: str) -> None:
    work.write(
        SCENARIO + f"exclude_grades: [{grade}]\n", book=f"enterprise,grade,risk_weight\nE1,{grade},0.01\n"
    )
    assert work.optimize().code == 0
    assert rows(work.allocations())[0]["reason"] == f"grade {grade} is excluded"


def test_1e5_is_a_number(work: Workspace) -> None:
    work.write(SCENARIO.replace("total: 150", "total: 1e5"))
    assert work.optimize().code == 0
    assert work.json("manifest")["scenario"]["budget"]["total"] == 100_000


def test_extends_in_a_circle_names_the_chain(work: Workspace) -> None:
    (work.folder / "base.yaml").write_text("extends: scenario.yaml\n")
    work.write("extends: base.yaml\n" + SCENARIO)
    err = work.refused()
    assert "circle" in err
    assert "base.yaml" in err
    assert err.index("scenario.yaml") < err.index("base.yaml →")


def test_extends_of_a_missing_file_names_the_line_and_the_chain(work: Workspace) -> None:
    work.write("extends: bsae.yaml\n" + SCENARIO)
    (work.folder / "base.yaml").write_text("title: base\n")
    err = work.refused()
    assert "scenario.yaml:1:10" in err
    assert "bsae.yaml" in err
    assert "did you mean 'base.yaml'" in err


def test_a_missing_scenario_and_a_folder_in_its_place(work: Workspace) -> None:
    ran_ = work.run(work.folder / "scenari.yaml")
    assert ran_.code == 3
    assert "did you mean 'scenario.yaml'" in ran_.err
    assert work.run(work.folder).code == 3


def test_reading_outside_the_scenarios_folder_is_logged(
    work: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "s.yaml").write_text(
        SCENARIO.replace("book.csv", "../book.csv").replace("churn.csv", "../churn.csv")
    )
    caplog.set_level(logging.INFO)
    assert work.run(inner / "s.yaml").code == 0
    assert "outside the scenario's folder" in logged(caplog)
    assert str(tmp_path / "book.csv") in logged(caplog)


@pytest.mark.parametrize("target", ["../stolen", "/stolen", ".", "plans/../.."])
def test_a_scenario_may_not_write_outside_its_folder(work: Workspace, target: str) -> None:
    work.write(SCENARIO + f"output: {target}\n")
    err = work.refused()
    assert "scenario.yaml:9:9" in err
    assert "--output" in err


def test_writing_outside_takes_the_option(work: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "plan"
    assert work.optimize(options=("--output", outside)).code == 0
    assert (outside / "summary.json").exists()


# Units --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", ["3400001", "0.0039"])
def test_budget_and_lines_in_different_units(work: Workspace, total: str) -> None:
    # Σ line_max of the eligible: 100 + 100 + 40 + 100; the smallest is 40.
    work.write(SCENARIO.replace("total: 150", f"total: {total}"))
    err = work.refused()
    assert "scenario.yaml:6:17" in err
    assert "unit" in err
    assert total.lstrip("0.").rstrip("0") in err
    assert "340" in err or "40" in err


@pytest.mark.parametrize("total", ["3400000", "0.004"])
def test_a_budget_at_the_edge_of_the_units_is_taken(work: Workspace, total: str) -> None:
    work.write(SCENARIO.replace("total: 150", f"total: {total}"), book=FREE_BOOK)
    assert work.optimize().code == 0


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


# Nothing to lend, and nothing feasible ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["profit", "weighted"])
@pytest.mark.parametrize("basis", ["line", "exposure"])
def test_a_budget_of_zero_gives_an_empty_plan(work: Workspace, kind: str, basis: str) -> None:
    work.write(book=FREE_BOOK)
    ran_ = work.optimize(
        "budget.total=0", f"objective.kind={kind}", f"budget.basis={basis}", options=("--json",)
    )
    assert ran_.code == 0, ran_.err
    summary = json.loads(ran_.out)
    assert (summary["status"], summary["funded"], summary["line"], summary["gap"]) == ("optimal", 0, 0, 0)
    assert {row["decision"] for row in rows(work.allocations())} == {"decline", "excluded"}
    assert work.run("verify", work.plan).code == 0


def test_nobody_eligible_gives_an_empty_plan(work: Workspace) -> None:
    work.write(book=FREE_BOOK)
    assert work.optimize("exclude_grades=[A, B, D]").code == 0
    assert "no enterprise is eligible" in work.json("summary")["unspent_because"]


def test_must_lend_beyond_the_budget_is_infeasible_and_explained(planned: Workspace) -> None:
    before = snapshot(planned.folder)
    ran_ = planned.optimize("budget.total=8")
    assert ran_.code == 4
    assert ran_.out == ""
    assert "budget of 8: alone, 10 would do" in ran_.err
    assert "must: lend" in ran_.err
    assert "Least total change" in ran_.err
    assert "8 → 10" in ran_.err  # a change of 25 %, and letting the one enterprise go would be all of it
    assert snapshot(planned.folder) == before


def test_an_infeasible_scenario_prints_its_status_as_json(planned: Workspace) -> None:
    before = snapshot(planned.folder)
    ran_ = planned.optimize("budget.total=8", options=("--json",))
    assert ran_.code == 4
    summary = json.loads(ran_.out)
    assert summary["status"] == "infeasible"
    assert "budget" in ran_.err
    assert snapshot(planned.folder) == before


def limits(*texts: str) -> str:
    return "limits:\n" + "".join(f"  - {{{text}}}\n" for text in texts)


def test_a_limit_that_no_other_change_can_help_is_named_not_alone(work: Workspace) -> None:
    # At least 3 borrowers of at least 10 need a budget of 30 and more than `most` of 20: neither alone will do.
    work.write(
        SCENARIO
        + limits("name: reach, measure: count, at_least: 3", "name: most, measure: line, at_most: 20"),
        book=FREE_BOOK,
    )
    ran_ = work.optimize("budget.total=20")
    assert ran_.code == 4
    assert "`reach`, at least 3: alone, 2 would do" in ran_.err
    assert "`most`, at most 20: not alone" in ran_.err
    assert "`reach` 3 → 2" in ran_.err


def test_limits_that_take_no_part_in_the_conflict_are_not_named(work: Workspace) -> None:
    work.write(
        SCENARIO
        + limits(
            "name: farming, measure: line, where: {industry: farming}, at_least: 70",
            "name: idle, measure: line, where: {industry: retail}, at_most: 90%",
        ),
        book=FREE_BOOK,
    )
    ran_ = work.optimize()
    assert ran_.code == 4
    assert "`farming`, at least 70: alone, 40 would do" in ran_.err
    assert "idle" not in ran_.err


def test_a_conflict_with_a_share_is_told_in_shares(work: Workspace) -> None:
    work.write(
        SCENARIO
        + limits(
            "name: micro, measure: line, where: {size: micro}, at_least: 99%",
            "name: small, measure: line, where: {size: small}, at_least: 40",
        ),
        book=FREE_BOOK,
    )
    ran_ = work.optimize()
    assert ran_.code == 4
    assert re.search(r"`micro`, at least 99 %: alone, \d\d(\.\d+)? % would do", ran_.err)


def test_shares_of_several_limits_that_leave_nothing_to_lend_are_refused(work: Workspace) -> None:
    """Everyone is micro or small: 30 % and 40 % of the plan are no plan, in the conflict of the two alone."""
    micro = "name: few micro, measure: line, where: {size: micro}, at_most: 30%"
    small = "name: few small, measure: line, where: {size: [small, (blank)]}, at_most: 40%"
    other = "name: grade A, measure: line, where: {grade: A}, at_most: 90%"
    work.write(SCENARIO + limits(micro, small, other), book=FREE_BOOK)
    err = work.refused()
    assert "`few micro` at most 30 %, `few small` at most 40 %" in err
    assert "lending nothing" in err
    assert "grade A" not in err
    work.write(SCENARIO + limits(micro, small.replace("40%", "70%"), other), book=FREE_BOOK)
    assert work.optimize().code == 0


def test_a_budget_below_the_least_line_is_told_as_such(work: Workspace) -> None:
    work.write(book=FREE_BOOK)
    assert work.optimize("budget.total=5").code == 0
    assert "the least line that is worth lending is 10" in work.json("summary")["unspent_because"]
    assert "-0" not in work.json("summary")["gap"].__repr__()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("exclude_grades=[D, a]", "no enterprise has the grade 'a'; did you mean 'A'?"),
        ("grade_factor={Z: 1}", "grade_factor: no enterprise has the grade 'Z'"),
        ("churn_as={Q: A}", "churn_as: no enterprise has the grade 'Q'"),
    ],
)
def test_a_grade_that_nobody_has_is_a_warning(
    work: Workspace, caplog: pytest.LogCaptureFixture, setting: str, said: str
) -> None:
    work.write(book=FREE_BOOK)
    assert work.run("check", work.scenario, "--set", setting).code == 0
    assert said in caplog.text


def test_a_header_that_is_nearly_ours_is_a_warning(work: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    work.write(book=FREE_BOOK.replace("line_max", "Line Max"))
    assert work.run("check", work.scenario).code == 0
    assert "column 'Line Max' is read as a further column; if 'line_max' is meant" in caplog.text


def test_a_book_without_any_grade_is_said_once(work: Workspace) -> None:
    work.write(book=FREE_BOOK.replace("grade", "Rating", 1))
    err = work.refused()
    assert err.count("no enterprise has a grade") == 1
    assert len(err.splitlines()) == 1


def test_infeasible_only_because_lines_are_all_or_nothing(work: Workspace) -> None:
    work.write(
        SCENARIO
        + limits(
            "name: least, measure: line, where: {grade: B}, at_least: 5",
            "name: most, measure: line, where: {grade: B}, at_most: 8",
        ),
        book=FREE_BOOK,
    )
    ran_ = work.optimize()
    assert ran_.code == 4
    assert "all-or-nothing" in ran_.err
    assert "`least`, at least 5: alone, 0 would do" in ran_.err
    assert "`most`, at most 8: alone, 10 would do" in ran_.err


def test_a_conflict_of_the_relaxation_is_not_put_down_to_all_or_nothing(work: Workspace) -> None:
    work.write(SCENARIO + limits("name: least, measure: line, where: {grade: B}, at_least: 500"))
    ran_ = work.optimize()
    assert ran_.code == 4
    assert "all-or-nothing" not in ran_.err


def test_an_explanation_that_runs_out_of_time_claims_no_more_than_it_proved(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each model of the explanation ends at once with nothing in hand."""

    def nothing(model: ArrayModel, *_: Any, **__: Any) -> engine.Outcome:
        del model
        return engine.Outcome(StopReason.TIME_LIMIT, False, None, -np.inf, np.inf, None, "Time limit reached")

    monkeypatch.setattr("lendplan.solvers.conflict.run", nothing)
    work.write(SCENARIO + limits("name: least, measure: line, where: {grade: B}, at_least: 500"))
    ran_ = work.optimize()
    assert ran_.code == 4
    assert "all-or-nothing" not in ran_.err
    assert "not alone" not in ran_.err
    assert "Least total change" not in ran_.err


# Limits of the search ---------------------------------------------------------------------------------------------


def answering(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[engine.Outcome], engine.Outcome], stage: str
) -> None:
    """Change what the solver returns for one stage."""
    real = engine.run

    def run(model: ArrayModel, *args: Any, **kwargs: Any) -> engine.Outcome:
        outcome = real(model, *args, **kwargs)
        return change(outcome) if kwargs["stage"] == stage else outcome

    for place in ("engine", "highs", "relaxation", "polish"):
        monkeypatch.setattr(f"lendplan.solvers.{place}.run", run)


def test_a_time_limit_with_a_plan_writes_it_and_says_so(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With 100 to lend the relaxation spreads a fixed cost that a plan must pay whole, so its bound is not reached.
    answering(
        monkeypatch,
        lambda found: replace(found, stop=StopReason.TIME_LIMIT, bound=2 * found.bound),
        "rates and lines",
    )
    work.write(book=FREE_BOOK)
    ran_ = work.optimize("budget.total=100")
    assert ran_.code == 5
    assert "time limit" in ran_.err
    assert "best so far" in ran_.err
    summary = work.json("summary")
    assert summary["status"] == "feasible"
    assert summary["objective"] == pytest.approx(5.56)  # 40·.06 + 60·.056 − 2·0.1
    assert summary["gap"] > 1e-6
    assert work.run("verify", work.plan).code == 0
    shown = work.optimize("budget.total=100", options=("--json",))
    assert shown.code == 5
    assert json.loads(shown.out)["status"] == "feasible"


def test_an_unproven_plan_does_not_say_that_no_more_could_be_lent(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poor(found: engine.Outcome) -> engine.Outcome:
        return replace(found, stop=StopReason.TIME_LIMIT, x=np.zeros_like(found.x))

    answering(monkeypatch, poor, "rates and lines")
    work.write(book=FREE_BOOK)
    assert work.optimize().code == 5
    because = work.json("summary")["unspent_because"]
    assert "150 of 150 is left" in because
    assert "no further line" not in because
    assert "no enterprise" not in because
    assert "all-or-nothing" not in because
    assert "least line that is worth lending" not in because


def test_a_time_limit_without_a_plan_writes_nothing(planned: Workspace) -> None:
    err = planned.refused("solver.time_limit=1e-9", code=6)
    assert "time limit" in err
    assert "solver.time_limit" in err


# Answers that cannot be trusted -----------------------------------------------------------------------------------


def test_an_offer_of_nearly_one_is_rounded(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def dusty(found: engine.Outcome) -> engine.Outcome:
        assert found.x is not None
        return replace(found, x=np.where(found.x > 0, found.x * 0.9999995, 3e-8))

    answering(monkeypatch, dusty, "rates and lines")
    assert work.optimize().code == 0
    assert [float(row["line"]) for row in rows(work.allocations())] == [100, 0, 40, 0, 0, 10]
    assert work.json("summary")["objective"] == pytest.approx(PROFIT, rel=1e-12)


def test_a_wrong_objective_is_recomputed(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda found: replace(found, objective=1e6), "rates and lines")
    assert work.optimize().code == 0
    assert work.json("summary")["objective"] == pytest.approx(PROFIT, rel=1e-12)


def test_a_bound_below_the_plan_is_not_believed(planned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda found: replace(found, bound=5.0), "rates and lines")
    err = planned.refused(code=7)
    assert "bound" in err


@pytest.mark.parametrize("stage", ["shadow prices", "rates and lines"])
def test_a_solver_that_fails_without_an_answer(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def failed(found: engine.Outcome) -> engine.Outcome:
        return replace(found, stop=StopReason.FAILED, x=None, row_dual=None, detail="Solve error")

    answering(monkeypatch, failed, stage)
    err = planned.refused(code=7)
    assert "Solve error" in err


def test_a_bad_status_with_an_answer_is_told(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan in hand is checked like any other; that the solver gave up is said, in its own words."""
    answering(
        monkeypatch,
        lambda found: replace(found, stop=StopReason.FAILED, bound=np.inf, detail="Iteration limit reached"),
        "rates and lines",
    )
    work.write(book=FREE_BOOK)
    ran_ = work.optimize("budget.total=100")
    assert ran_.code in (5, 7)
    assert "the failed" not in ran_.err
    assert "Iteration limit reached" in ran_.err


def test_an_answer_that_claims_to_be_optimal_and_is_not(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan of far less than the bound, called optimal: no limit was reached, and none may be named."""

    def lazy(found: engine.Outcome) -> engine.Outcome:
        assert found.x is not None
        return replace(found, x=np.zeros_like(found.x))

    answering(monkeypatch, lazy, "rates and lines")
    work.write(book=FREE_BOOK)
    ran_ = work.optimize("budget.total=100")
    assert ran_.code == 7
    assert "the proven" not in ran_.err


def test_two_rates_for_one_enterprise_are_no_answer(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(found: engine.Outcome) -> engine.Outcome:
        assert found.x is not None
        return replace(found, x=np.ones_like(found.x))

    answering(monkeypatch, everything, "rates and lines")
    # A limit on the mean rate keeps both rates in the question.
    planned.write(SCENARIO + limits("name: mean, measure: average_rate, at_most: 9%"))
    assert "two rates" in planned.refused(code=7)


def test_nan_from_the_solver_is_no_answer(planned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import highspy

    real = highspy.Highs.getSolution

    class Broken:
        def __init__(self, found: Any) -> None:
            self.col_value = [float("nan")] * len(found.col_value)
            self.row_dual = found.row_dual

    monkeypatch.setattr(highspy.Highs, "getSolution", lambda self: Broken(real(self)))
    err = planned.refused(code=7)
    assert "NaN" in err


def test_a_plan_that_fails_the_independent_check_is_not_written(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Report((Check("limit grade C", False, "left 2, right 1, excess 1"),), None)
    monkeypatch.setattr("lendplan.plan.verify", lambda _: report)
    err = planned.refused(code=7)
    assert "limit grade C" in err
    assert "excess 1" in err


def test_where_no_plan_stood_a_failed_check_leaves_not_even_a_folder(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lendplan.plan.verify", lambda _: Report((Check("x", False, "y"),), None))
    work.refused(code=7)


def test_lines_that_break_a_limit_never_reach_the_disk(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way from a wrong answer to the check, with nothing replaced but the lines."""
    from lendplan.solvers import highs

    def doubled(problem: Any, rate: Any, line: Any, options: Any, **_: Any) -> Any:
        del problem, options
        return rate, np.where(rate >= 0, line * 2, 0.0)

    monkeypatch.setattr(highs, "polish", doubled)
    monkeypatch.setattr(highs, "_BOUND_SLIP", np.inf)
    err = planned.refused(code=7)
    assert "check" in err


# Scale --------------------------------------------------------------------------------------------------------


def scaled(work: Workspace, factor: float, kind: str) -> list[tuple[str, str, float]] | None:
    """Solve the scenario with every amount times `factor`; return decisions and lines in the old unit."""
    text = FREE_BOOK
    for old in (",5,50,20,",):
        text = text.replace(old, f",{5 * factor!r},{50 * factor!r},{20 * factor!r},")
    work.write(
        "title: scaled\ncurrency: CNY\nenterprises: book.csv\nchurn: churn.csv\n"
        f"lines: {{min: {10 * factor!r}, max: {100 * factor!r}}}\nbudget: {{total: {117 * factor!r}}}\n"
        f"economics: {{funding_cost: 1%, operating_cost: 1%, fixed_cost: {0.1 * factor!r}}}\n"
        f"objective: {{kind: {kind}}}\n"
        + limits(
            "name: retail, measure: line, where: {industry: retail}, at_most: 60%",
            "name: mean, measure: average_rate, at_most: 9%",
            f"name: losses, measure: risk, at_most: {0.6 * factor!r}",
            "name: reach, measure: count, at_least: 2",
        ),
        book=text,
    )
    ran_ = work.optimize()
    if ran_.code == 3:
        return None
    assert ran_.code == 0, ran_.err
    assert work.run("verify", work.plan).code == 0
    return [(row["decision"], row["rate"], float(row["line"]) / factor) for row in rows(work.allocations())]


@pytest.mark.parametrize("kind", ["profit", "weighted"])
@pytest.mark.parametrize("factor", [1e8, 1e-8, 1e4, 1e-4])
def test_amounts_on_another_scale_give_the_same_plan(work: Workspace, factor: float, kind: str) -> None:
    plain, other = scaled(work, 1.0, kind), scaled(work, factor, kind)
    assert plain is not None
    if other is None:  # refused as bad input: also right
        return
    assert [one[:2] for one in other] == [one[:2] for one in plain]
    assert [one[2] for one in other] == pytest.approx([one[2] for one in plain], rel=1e-6)


# The folder -------------------------------------------------------------------------------------------------------


def test_an_output_that_is_a_file_is_refused(work: Workspace) -> None:
    (work.folder / "plans").mkdir()
    work.plan.write_text("mine")
    err = work.refused(code=8)
    assert str(work.plan) in err
    assert "--output" in err


def test_a_folder_with_other_files_is_left_alone(work: Workspace) -> None:
    work.plan.mkdir(parents=True)
    (work.plan / "notes.txt").write_text("mine")
    err = work.refused(code=8)
    assert "notes.txt" in err


@pytest.mark.parametrize(
    "inside", ["inputs/my_data.csv", "inputs/deep/enterprises.csv", "summary.json/mine.txt"]
)
def test_a_folder_whose_files_only_have_our_names_outside_is_left_alone(work: Workspace, inside: str) -> None:
    path = work.plan / inside
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    work.refused(code=8)


def test_an_input_that_lies_in_the_old_plan_survives_the_new_one(planned: Workspace) -> None:
    """A scenario may read what an earlier plan has stored; replacing that plan would take its own input away."""
    stored = planned.plan / "inputs" / "enterprises.csv"
    stored.parent.mkdir()
    stored.write_text(BOOK)
    planned.write(SCENARIO.replace("book.csv", "plans/scenario/inputs/enterprises.csv"))
    before = snapshot(planned.folder)
    ran_ = planned.optimize()
    assert stored.exists()
    assert ran_.code in (3, 8)
    assert snapshot(planned.folder) == before


def test_an_output_below_a_file_is_refused(work: Workspace) -> None:
    work.refused(options=("--output", work.folder / "book.csv" / "plan"), code=8)


def test_an_output_that_is_a_link_is_refused(work: Workspace) -> None:
    (work.folder / "there").mkdir()
    (work.folder / "link").symlink_to("there")
    work.refused(options=("--output", work.folder / "link"), code=8)


def test_a_name_that_is_too_long_is_refused(work: Workspace) -> None:
    work.refused(options=("--output", work.folder / ("x" * 250)), code=8)


def mounted(where: Path, *options: str) -> bool:
    """Mount a small file system; False where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(where)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def unmount(where: Path) -> None:
    subprocess.run(["umount", str(where)], capture_output=True, check=False)


@pytest.fixture
def disk(work: Workspace) -> Iterator[Path]:
    """A disk of its own below the workspace."""
    where = work.folder / "disk"
    where.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not mounted(where, "size=64k"):
        pytest.skip("mounting a small file system takes root")
    yield where
    unmount(where)


def test_a_full_disk_loses_nothing(work: Workspace, disk: Path) -> None:
    final = disk / "plan"
    assert work.optimize("budget.total=40", options=("--output", final)).code == 0
    (disk / "ballast").write_bytes(fill(disk))
    before = snapshot(disk)
    ran_ = work.optimize(options=("--output", final))
    assert ran_.code == 8
    assert "disk is full" in ran_.err
    assert snapshot(disk) == before
    (disk / "ballast").unlink()
    assert work.optimize(options=("--output", final)).code == 0
    assert work.run("verify", final).code == 0


def fill(disk: Path) -> bytes:
    """Return as much as leaves room for one small file and no more."""
    room = os.statvfs(disk)
    return b"x" * ((room.f_bavail - 2) * room.f_bsize)


def test_a_read_only_disk_loses_nothing(work: Workspace, disk: Path) -> None:
    final = disk / "plan"
    assert work.optimize("budget.total=40", options=("--output", final)).code == 0
    before = snapshot(disk)
    if subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("remounting is not allowed")
    for target in (final, disk / "new" / "plan"):
        ran_ = work.optimize(options=("--output", target))
        assert ran_.code == 8
        assert "read-only" in ran_.err
    assert snapshot(disk) == before


def test_a_folder_without_permission_loses_nothing(work: Workspace) -> None:
    if os.geteuid() == 0:
        pytest.skip("permissions do not hold root back")
    (work.folder / "plans").mkdir(mode=0o500)
    err = work.refused(code=8)
    assert "may not be written to" in err


def test_two_runs_at_once_to_one_output_leave_one_whole_plan(work: Workspace) -> None:
    """Both may end well, the later standing; or one is told that it could not write. Never a mixture."""
    both = [
        started(["scenario.yaml", "--set", f"budget.total={total}"], work.folder) for total in (40, 60, 80)
    ]
    ended = [ran(process) for process in both]
    assert {one.code for one in ended} <= {0, 8}
    assert 0 in {one.code for one in ended}
    assert work.run("verify", work.plan).code == 0
    assert round(work.json("summary")["line"], 6) in (40, 60, 80)
    assert [path.name for path in work.plan.parent.iterdir()] == ["scenario"]


def test_an_input_that_vanishes_during_the_run(planned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from lendplan import plan

    real = plan.verify

    def verify(folder: Path) -> Report:
        (planned.folder / "book.csv").unlink()
        return real(folder)

    monkeypatch.setattr(plan, "verify", verify)
    before = snapshot(planned.folder)
    ran_ = planned.optimize()
    assert ran_.code == 3
    assert "book.csv" in ran_.err
    del before["book.csv"]
    assert snapshot(planned.folder) == before


def test_an_error_of_the_disk_is_told_in_words(planned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr("lendplan.plan.write_files", full)
    assert "quota" in planned.refused(code=8)
