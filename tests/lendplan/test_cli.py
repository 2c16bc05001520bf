"""Every command and option, its exit code, and what goes to which stream."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from typing import Any

import pytest
from workspace import FILES, FREE_BOOK, PROFIT, ROOT, SCENARIO, Workspace, ran, snapshot, started

from lendplan import cli

SUMMARY_KEYS = {
    "status", "objective", "bound", "gap", "certified_bound", "certified_gap", "revenue", "risk", "profit",
    "interest", "line", "exposure", "budget_used", "funded", "eligible", "average_rate", "unspent_because",
    "solver", "seconds", "shadow_prices", "shadow_price_ranges", "ranges", "binding",
}  # fmt: skip
CERTIFICATE_KEYS = {"objective", "bound", "certified_bound", "prices", "prices_bound", "ranges", "inputs"}
MANIFEST_KEYS = {"lendplan", "scenario", "scenario_file", "inputs", "versions", "seed", "created"}
COLUMNS = [
    "enterprise", "grade", "decision", "rate", "line", "exposure", "interest", "revenue", "risk", "value", "reason",
]  # fmt: skip
STAGES = {"read", "check", "build", "solve", "write"}


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# What a solve writes ------------------------------------------------------------------------------------------


def test_the_plan_is_the_one_worked_by_hand(work: Workspace) -> None:
    ran_ = work.optimize()
    assert ran_.code == 0
    rows = table(work.allocations())
    assert [row["enterprise"] for row in rows] == ["E1", "E2", "E3", "E4", "E5", "E6"]
    assert [row["decision"] for row in rows] == ["lend", "decline", "lend", "excluded", "decline", "lend"]
    assert [float(row["line"]) for row in rows] == [100, 0, 40, 0, 0, 10]
    assert [row["rate"] for row in rows] == ["0.1", "", "0.1", "", "", "0.1"]
    assert all(row["reason"] for row in rows)
    assert work.json("summary")["objective"] == pytest.approx(PROFIT, abs=1e-12)


def test_a_folder_holds_the_five_files_and_nothing_stays_beside_it(work: Workspace) -> None:
    work.optimize()
    assert sorted(path.name for path in work.plan.iterdir()) == sorted(FILES)
    assert [path.name for path in work.plan.parent.iterdir()] == ["scenario"]


def test_the_keys_of_the_written_files_are_those_of_the_interface(work: Workspace) -> None:
    work.optimize()
    summary = work.json("summary")
    assert set(summary) == SUMMARY_KEYS
    assert set(summary["seconds"]) == STAGES
    assert summary["seconds"]["write"] > 0
    assert set(summary["shadow_prices"]) == {"budget"}
    assert summary["binding"] == ["budget"]
    assert summary["ranges"] is None
    certificate = work.json("certificate")
    assert set(certificate) - {"leaves"} == CERTIFICATE_KEYS
    assert set(certificate["inputs"]) == {
        str(work.folder / name) for name in ("scenario.yaml", "book.csv", "churn.csv")
    }
    manifest = work.json("manifest")
    assert set(manifest) >= MANIFEST_KEYS
    assert manifest["scenario"]["budget"] == {"total": 150.0, "basis": "line"}
    assert [entry["encoding"] for entry in manifest["inputs"]] == ["utf-8"] * 3
    assert work.allocations().splitlines()[0] == ",".join(COLUMNS)


def test_the_certificate_states_what_its_prices_prove_by_themselves(work: Workspace) -> None:
    """Lines of 0 or 100 under a budget of 150: the prices leave a distance that leaves close."""
    work.write(book=FREE_BOOK)
    assert work.optimize("lines.min=100", "solver.gap=1e-9").code == 0
    certificate = work.json("certificate")
    assert certificate["leaves"]
    assert certificate["prices_bound"] > certificate["certified_bound"] + 0.1
    said = work.run("verify", work.plan)
    assert f"than {certificate['prices_bound']:.10g}" in said.out
    assert work.optimize("lines.min=100", "solver.gap=0.9").code == 0
    certificate = work.json("certificate")
    assert "leaves" not in certificate
    assert certificate["prices_bound"] == certificate["certified_bound"]


def test_a_weighted_plan_has_its_ranges_in_summary_and_certificate(work: Workspace) -> None:
    assert work.optimize("objective.kind=weighted").code == 0
    ranges = work.json("summary")["ranges"]
    assert set(ranges) == {"revenue_max", "revenue_min", "risk_max", "risk_min"}
    assert work.json("certificate")["ranges"] == ranges


def test_parquet_and_csv_say_the_same(work: Workspace) -> None:
    import pandas as pd

    work.optimize()
    frame = pd.read_parquet(work.plan / "allocations.parquet")
    assert list(frame.columns) == COLUMNS
    rows = table(work.allocations())
    assert list(frame["enterprise"]) == [row["enterprise"] for row in rows]
    assert [float(row["value"]) for row in rows] == list(frame["value"])


def test_lines_come_out_as_round_as_they_are(work: Workspace) -> None:
    """With 80 to lend, E6 and E3 leave 30 to E1: thirty, and not 29.9999999999983."""
    work.optimize("budget.total=80")
    assert [row["line"] for row in table(work.allocations())] == ["30.0", "0.0", "40.0", "0.0", "0.0", "10.0"]


def test_the_same_inputs_give_the_same_allocations_to_the_byte(work: Workspace) -> None:
    work.optimize()
    first = (work.plan / "allocations.csv").read_bytes()
    work.optimize()
    assert (work.plan / "allocations.csv").read_bytes() == first


def test_the_plan_does_not_depend_on_the_order_of_the_book(work: Workspace) -> None:
    work.optimize()
    first = sorted(work.allocations().splitlines())
    header, *rows = (work.folder / "book.csv").read_text().splitlines()
    (work.folder / "book.csv").write_text("\n".join([header, *reversed(rows)]) + "\n")
    work.optimize()
    assert sorted(work.allocations().splitlines()) == first
    assert table(work.allocations())[0]["enterprise"] == "E6"


# Options of `optimize SCENARIO` -------------------------------------------------------------------------------


def test_json_prints_the_written_summary_and_nothing_else(work: Workspace) -> None:
    ran_ = work.optimize(options=("--json",))
    assert ran_.code == 0
    assert json.loads(ran_.out) == work.json("summary")
    assert ran_.err == ""


def test_set_overrides_and_output_redirects(work: Workspace) -> None:
    elsewhere = work.folder / "elsewhere" / "deep"
    ran_ = work.optimize("budget.total=50", "lines.max=40", options=("--output", elsewhere, "--json"))
    assert ran_.code == 0
    assert json.loads(ran_.out)["line"] == 50
    assert (elsewhere / "summary.json").exists()
    assert not work.plan.exists()
    manifest = json.loads((elsewhere / "manifest.json").read_text())
    assert manifest["scenario"]["budget"]["total"] == 50


def test_options_may_come_before_the_scenario(work: Workspace) -> None:
    assert work.run("--json", "--set", "budget.total=60", work.scenario).code == 0
    assert work.json("summary")["line"] == 60


def test_plan_is_the_command_that_a_scenario_stands_for(work: Workspace) -> None:
    assert work.run("plan", work.scenario, "--json").code == 0


def test_a_relative_output_belongs_to_the_working_directory(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work.folder / "here").mkdir()
    monkeypatch.chdir(work.folder / "here")
    assert work.optimize(options=("--output", "mine")).code == 0
    assert (work.folder / "here" / "mine" / "summary.json").exists()


def test_the_result_goes_to_standard_output_alone(work: Workspace) -> None:
    ran_ = work.optimize()
    assert ran_.err == ""
    assert "7.95" in ran_.out
    assert str(work.plan) in ran_.out


def test_nothing_is_wrapped_where_the_output_is_no_terminal(work: Workspace) -> None:
    deep = work.folder / "/".join(["a folder whose name alone is as long as a line of a terminal may be"] * 2)
    ran_ = work.optimize("budget.total=190", "lines.max=20", options=("--output", deep))
    assert ran_.code == 0
    assert f"Written to {deep}" in ran_.out.splitlines()
    unspent = json.loads((deep / "summary.json").read_text())["unspent_because"]
    assert f"Unspent: {unspent}." in ran_.out.splitlines()


def test_an_error_message_is_one_line_each_however_long(work: Workspace) -> None:
    err = work.refused("lines.mxa=5", "budget.totl=" + "9" * 300)
    lines = err.splitlines()
    assert len(lines) == 2
    assert "did you mean 'max'" in err
    assert "did you mean 'total'" in err


# The other commands ------------------------------------------------------------------------------------------


def test_check_reads_all_and_writes_nothing(work: Workspace) -> None:
    before = snapshot(work.folder)
    ran_ = work.run("check", work.scenario)
    assert ran_.code == 0
    assert "6 enterprises" in ran_.out
    assert "4 eligible" in ran_.out
    assert snapshot(work.folder) == before


def test_check_refuses_what_is_wrong_in_the_tables(work: Workspace) -> None:
    work.write(book="enterprise,grade,default_probability\nE1,A,2\n")
    ran_ = work.run("check", work.scenario)
    assert ran_.code == 3
    assert "book.csv:2" in ran_.err
    assert "default_probability" in ran_.err
    assert ran_.out == ""


def test_check_takes_overrides(work: Workspace) -> None:
    assert "5 rates" in work.run("check", work.scenario, "--set", "rates.step=125bp").out


def test_schema_is_a_json_schema_of_the_scenario(work: Workspace) -> None:
    ran_ = work.run("schema")
    assert ran_.code == 0
    schema = json.loads(ran_.out)
    assert {"title", "currency", "lines", "budget"} <= set(schema["properties"])
    assert "$schema" in schema


def test_verify_passes_on_a_folder_that_was_moved(work: Workspace) -> None:
    work.optimize()
    moved = work.folder / "moved"
    shutil.move(work.plan, moved)
    ran_ = work.run("verify", moved)
    assert ran_.code == 0
    assert "checks passed" in ran_.out


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("allocations.csv", "100.0", "90.0"),
        ("allocations.csv", "lend,0.1", "lend,0.05"),
        ("summary.json", '"funded": 3', '"funded": 4'),
        ("certificate.json", '"budget": ', '"budget": -'),
    ],
)
def test_verify_fails_on_a_plan_that_was_changed(work: Workspace, name: str, old: str, new: str) -> None:
    work.optimize()
    path = work.plan / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    ran_ = work.run("verify", work.plan)
    assert ran_.code == 7
    assert "FAILED" in ran_.out


def test_verify_fails_on_an_input_that_was_changed(work: Workspace) -> None:
    work.optimize()
    (work.folder / "book.csv").write_text(
        (work.folder / "book.csv").read_text().replace("E1,A,0.02", "E1,A,0.03")
    )
    assert work.run("verify", work.plan).code == 7


def test_verify_cannot_read_a_folder_that_is_missing_damaged_or_lacks_a_file(work: Workspace) -> None:
    assert work.run("verify", work.folder / "nowhere").code == 3
    work.optimize()
    (work.plan / "summary.json").write_text("{")
    assert work.run("verify", work.plan).code == 3
    (work.plan / "summary.json").unlink()
    ran_ = work.run("verify", work.plan)
    assert ran_.code == 3
    assert "summary.json" in ran_.err


def test_verify_cannot_read_a_plan_whose_input_is_gone(work: Workspace) -> None:
    work.optimize()
    (work.folder / "book.csv").unlink()
    ran_ = work.run("verify", work.plan)
    assert ran_.code == 3
    assert "book.csv" in ran_.err


def test_score_prints_worth_and_distance(work: Workspace) -> None:
    given = work.folder / "given.csv"
    given.write_text("enterprise,line,rate\nE1,100,10%\nE6,10,10%\n")
    ran_ = work.run("score", work.scenario, given, "--json")
    assert ran_.code == 0
    scored = json.loads(ran_.out)
    assert set(scored) == SUMMARY_KEYS | {"best", "distance", "broken"}
    assert scored["objective"] == pytest.approx(5.65)
    assert scored["distance"] == pytest.approx(2.3)
    shown = work.run("score", work.scenario, given)
    assert shown.code == 0
    assert "5.65" in shown.out
    assert "2.3" in shown.out


def test_score_ends_with_zero_also_where_limits_are_broken(work: Workspace) -> None:
    given = work.folder / "given.csv"
    given.write_text("enterprise,line,rate\nE1,100,10%\nE2,100,10%\n")
    ran_ = work.run("score", work.scenario, given)
    assert ran_.code == 0
    assert "Broken" in ran_.out
    assert "budget" in ran_.out


# Usage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["scenario.yaml", "--bogus"],
        ["scenario.yaml", "another.yaml"],
        ["--set"],
        ["verify"],
        ["score", "scenario.yaml"],
        ["check"],
        ["schema", "extra"],
    ],
    ids=" ".join,
)
def test_a_mistake_in_the_arguments_is_usage(work: Workspace, arguments: list[str]) -> None:
    before = snapshot(work.folder)
    ran_ = work.run(*arguments)
    assert ran_.code == 2
    assert ran_.out == ""
    assert "Error: " in ran_.err
    assert snapshot(work.folder) == before


def test_an_override_without_a_value_is_refused(work: Workspace) -> None:
    before = snapshot(work.folder)
    ran_ = work.optimize("budget")
    assert ran_.code in (2, 3)
    assert "KEY=VALUE" in ran_.err
    assert snapshot(work.folder) == before


def test_without_arguments_the_help_is_shown(work: Workspace) -> None:
    ran_ = work.run()
    assert ran_.code == 2
    for command in ("plan", "check", "score", "verify", "schema"):
        assert command in ran_.out + ran_.err


def test_help_and_version(work: Workspace) -> None:
    assert work.run("--help").code == 0
    shown = work.run("--version")
    assert shown.code == 0
    assert shown.out.startswith("lendplan ")


@pytest.mark.parametrize("command", ["plan", "check", "score", "verify", "schema"])
def test_every_command_has_help(work: Workspace, command: str) -> None:
    ran_ = work.run(command, "--help")
    assert ran_.code == 0
    assert "Usage" in ran_.out


def test_a_scenario_may_have_the_name_of_a_command(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.folder / "check").write_text(SCENARIO)
    monkeypatch.chdir(work.folder)
    assert work.run("./check", "--json").code == 0
    assert (work.folder / "plans" / "check" / "summary.json").exists()


def test_a_misspelt_command_is_usage(work: Workspace) -> None:
    ran_ = work.run("verfy")
    assert ran_.code == 2
    assert "did you mean 'verify'" in ran_.err


# As a process ---------------------------------------------------------------------------------------------------


def test_the_process_ends_with_the_code_and_speaks_on_the_right_stream(work: Workspace) -> None:
    process = ran(started(["scenario.yaml", "--set", "budget.total=-1"], work.folder))
    assert process.code == 3
    assert process.out == ""
    assert "scenario.yaml" in process.err or "--set" in process.err
    assert "Traceback" not in process.err


def test_a_warning_is_a_line_on_standard_error(work: Workspace) -> None:
    work.write(churn="rate,A,B\n0.05,0.3,0\n0.1,0.2,0.5\n")
    process = ran(started(["scenario.yaml", "--json"], work.folder))
    assert process.code == 0
    json.loads(process.out)
    assert process.err.startswith("warning: ")


def test_a_pipe_that_closes_early_is_no_crash(work: Workspace) -> None:
    command = f"{sys.executable} -c 'import lendplan.cli; lendplan.cli.main()' schema | head -1"
    process = subprocess.run(
        ["bash", "-c", command],
        cwd=work.folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout == "{\n"
    assert process.stderr == ""


def test_an_unforeseen_failure_is_a_sentence_unless_debugging(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("lendplan.run.load", fails)
    monkeypatch.delenv("LENDPLAN_DEBUG", raising=False)
    code = cli.run([str(work.scenario)])
    err = capsys.readouterr().err
    assert code == 7
    assert "by nought" in err
    assert "Traceback" not in err
    monkeypatch.setenv("LENDPLAN_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.run([str(work.scenario)])
