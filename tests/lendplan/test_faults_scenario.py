"""Faults of the scenario file, and of the units in it.

Everywhere: the exit code, a message that says where, no traceback, and every file that stood before stands.
"""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path

import pytest
from workspace import FREE_BOOK, SCENARIO, Workspace, logged


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


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
