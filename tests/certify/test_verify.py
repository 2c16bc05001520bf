"""A plan worked by hand passes; each single change of it is caught, and by the check that names it."""

import ast
import json
import logging
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

import lendplan.certify
from lendplan.certify.plan import verify
from lendplan.certify.report import Report
from lendplan.data.churn import read_churn
from lendplan.data.findings import InputError


def failures(report: Report) -> dict[str, str]:
    return {check.name: check.detail for check in report.failed}


def edit(path: Path, change: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_right_plan_passes(plan: Any, tmp_path: Path) -> None:
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed
    assert report.certified_bound == pytest.approx(7.95, rel=1e-12)
    assert report.certified_bound is not None
    assert report.certified_bound >= 7.95
    names = [check.name for check in report.checks]
    assert len(names) == len(set(names))
    assert {
        "input enterprises",
        "rows",
        "rate",
        "line",
        "budget",
        "summary profit",
        "certified bound",
    } <= set(names)


def test_verify_writes_and_logs_nothing(
    plan: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.churn = "rate,A,B,C\n0.05,0,0,0.3\n0.1,0.2,0.5,0.1\n"  # C falls, which the reader warns of
    folder = plan.write(tmp_path / "plan")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with caplog.at_level(logging.DEBUG):
        assert verify(folder).passed
    assert not caplog.records
    assert capsys.readouterr() == ("", "")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_moved_folder_passes(plan: Any, tmp_path: Path) -> None:
    plan.write(tmp_path / "plan")
    shutil.move(tmp_path / "plan", tmp_path / "elsewhere")
    assert verify(tmp_path / "elsewhere").passed


def test_tables_stored_with_the_plan_move_with_it(plan: Any, tmp_path: Path) -> None:
    folder = plan.write(tmp_path / "plan")
    (folder / "inputs").mkdir()
    for name in ("book.csv", "churn.csv"):
        (tmp_path / name).rename(folder / "inputs" / name)
    inputs: list[dict[str, str]] = []

    def store(manifest: dict[str, Any]) -> None:
        for one in manifest["inputs"]:
            one["path"] = f"inputs/{Path(one['path']).name}"
            manifest["scenario"][one["role"]] = None
        inputs.extend(manifest["inputs"])

    edit(folder / "manifest.json", store)
    edit(
        folder / "certificate.json", lambda c: c.update(inputs={one["path"]: one["sha256"] for one in inputs})
    )
    folder.rename(tmp_path / "elsewhere")
    report = verify(tmp_path / "elsewhere")
    assert report.passed, report.failed

    edit(tmp_path / "elsewhere" / "manifest.json", lambda m: m["inputs"][0].update(path="../book.csv"))
    with pytest.raises(InputError, match="leads out of the plan's folder"):
        verify(tmp_path / "elsewhere")


def test_weighted_plan(plan: Any, tmp_path: Path) -> None:
    """Revenue counts .5/10, risk −.5/2, constant −.5·5/10 + .5·.5/2 = −.125; D(0) = .115 + .083 − .0225 − .125."""
    ranges = {"revenue_max": 15.0, "revenue_min": 5.0, "risk_max": 2.5, "risk_min": 0.5}
    plan.scenario["objective"] = {"kind": "weighted", "revenue_weight": 0.5, "ranges": ranges}
    plan.set("E1", value=0.115).set("E3", value=0.083).set("E6", value=-0.0225)
    plan.certificate["prices"] = {"budget": 0.0}
    plan.state(objective=0.0505, bound=0.0505, certified_bound=0.05050000000000003, ranges=ranges)
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed

    plan.state(ranges={**ranges, "risk_max": 2.6})
    assert {"value", "summary objective", "certified bound", "ranges of the scenario"} <= set(
        failures(verify(plan.write(tmp_path / "plan")))
    )
    plan.state(ranges=None)
    assert "risk_max" in failures(verify(plan.write(tmp_path / "plan")))["ranges"]


def test_range_of_zero_makes_its_term_zero(plan: Any, tmp_path: Path) -> None:
    ranges = {"revenue_max": 15.0, "revenue_min": 5.0, "risk_max": 0.5, "risk_min": 0.5}
    plan.scenario["objective"] = {"kind": "weighted", "revenue_weight": 1.0, "ranges": ranges}
    plan.set("E1", value=0.63).set("E3", value=0.246).set("E6", value=0.03)
    plan.certificate["prices"] = {"budget": 0.0}
    # D(0): per unit .1·.8·.08 = .0064 (A), .1·.5·.08 = .004 (B); the loans cost .01: .63 + .39 + .246 + .39 − .5
    plan.state(
        objective=0.406, bound=0.406, certified_bound=1.1560000000000008, certified_gap=0.75, ranges=ranges
    )
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed


def test_budget_on_exposure(plan: Any, tmp_path: Path) -> None:
    """Without a price D is 5.5 + 2.9 + 2.3 + 2.4 = 13.1."""
    plan.scenario["budget"] = {"total": 117.0, "basis": "exposure"}
    plan.certificate["prices"] = {"budget": 0.0}
    plan.state(budget_used=117.0, certified_bound=13.100000000000003, certified_gap=(13.1 - 7.95) / 7.95)
    assert verify(plan.write(tmp_path / "plan")).passed
    plan.scenario["budget"]["total"] = 117.0 - 1e-6
    assert "excess 1e-06" in failures(verify(plan.write(tmp_path / "plan")))["budget"]


def test_without_bounds(plan: Any, tmp_path: Path) -> None:
    plan.state(bound=None, gap=None, status="feasible")
    plan.scenario["formulation"] = "two_stage"
    assert verify(plan.write(tmp_path / "plan")).passed
    plan.state(certified_bound=None, certified_gap=None)
    plan.certificate["prices"] = None
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed
    assert report.certified_bound is None
    plan.state(gap=0.0)
    assert "gap" in failures(verify(plan.write(tmp_path / "plan")))


def test_shipped_churn_table(plan: Any, tmp_path: Path) -> None:
    folder = plan.write(tmp_path / "plan")
    digest = read_churn().source.sha256

    def ship(manifest: dict[str, Any]) -> None:
        manifest["inputs"][1].update(path="package:churn_2019.csv", sha256=digest)
        manifest["scenario"]["churn"] = None

    edit(folder / "manifest.json", ship)
    found = failures(verify(folder))
    assert "input churn" not in found
    assert "scenario churn" not in found
    assert "'E1': decision 'lend', rate 0.1" in found["rate"]  # 10 % is no rate of that table


def test_check_imports_the_input_tables_and_nothing_else_of_ours() -> None:
    room = Path(lendplan.certify.__file__).parent
    imported = {
        name
        for path in room.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        )
        if name and name.startswith("lendplan")
    }  # fmt: skip
    assert len(imported) > 5
    assert {name.split(".")[1] for name in imported} == {"certify", "data"}


# ------------------------------------------------------------------------------------------------------- rows
@pytest.mark.parametrize(
    ("enterprise", "cells", "check", "says"),
    [
        ("E1", {"line": 99.0}, "exposure", "'E1'"),
        ("E1", {"line": 100.1}, "line", "line_max 100.0"),
        ("E1", {"line": 5.0}, "line", "line_min 10.0"),
        ("E1", {"line": 0.0}, "line", "line_min 10.0"),
        ("E1", {"rate": 0.05}, "exposure", "'E1'"),
        ("E1", {"rate": 0.08}, "rate", "rate 0.08"),
        ("E1", {"rate": None}, "rate", "'E1'"),
        ("E1", {"rate": 0.1 + 1e-9}, "rate", "'E1'"),
        ("E3", {"line": 39.0}, "line step", "line_step 20.0"),
        ("E3", {"line": 50.0}, "line", "line_max 40.0"),
        ("E2", {"line": 1.0}, "line", "'E2'"),
        ("E2", {"interest": 1e-9}, "nothing lent, nothing counted", "'E2'"),
        ("E2", {"rate": 0.05}, "rate", "decision 'decline'"),
        ("E1", {"interest": 8.0 + 1e-7}, "interest", "recomputed 8.0"),
        ("E1", {"revenue": 6.3 + 1e-7}, "revenue", "stated 6.3000001"),
        ("E1", {"risk": 0.8 + 1e-8}, "risk", "'E1'"),
        ("E1", {"value": 5.6}, "value", "stated 5.6"),
        ("E1", {"exposure": math.nan}, "numbers", "exposure nan"),
        ("E1", {"line": math.inf}, "numbers", "line nan"),
        ("E1", {"grade": "B"}, "grade", "book 'A'"),
        ("E6", {"decision": "decline"}, "must lend", "'E6'"),
        ("E4", {"decision": "lend"}, "decision", "allowed 'excluded'"),
        ("E4", {"decision": "decline"}, "decision", "allowed 'excluded'"),
        ("E5", {"decision": "lend"}, "decision", "allowed 'decline'"),
        ("E2", {"decision": "excluded"}, "decision", "allowed 'lend or decline'"),
        ("E2", {"decision": "perhaps"}, "decision", "'perhaps'"),
    ],
)
def test_changed_row_is_caught(
    plan: Any, tmp_path: Path, enterprise: str, cells: dict[str, Any], check: str, says: str
) -> None:
    found = failures(verify(plan.set(enterprise, **cells).write(tmp_path / "plan")))
    assert says in found[check]


def test_rate_outside_the_rows_own_bounds(plan: Any, tmp_path: Path) -> None:
    header, first, *others = plan.book.splitlines()
    plan.book = "\n".join([f"{header},rate_max", f"{first},9%", *(f"{line}," for line in others)])
    assert "rate_max 0.09" in failures(verify(plan.write(tmp_path / "plan")))["rate bounds"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.pop(1), "missing: 'E2'"),
        (lambda rows: rows.insert(1, list(rows[1])), "more than once: 'E2'"),
        (lambda rows: rows.reverse(), "row 1 is 'E6', where the book has 'E1'"),
        (lambda rows: rows[0].__setitem__(0, "E7"), "not in the book: 'E7'"),
    ],
)
def test_rows_of_the_book(plan: Any, tmp_path: Path, change: Any, says: str) -> None:
    change(plan.rows)
    assert says in failures(verify(plan.write(tmp_path / "plan")))["rows"]


def test_header_is_caught(plan: Any, tmp_path: Path) -> None:
    plan.header[3:5] = ["line", "rate"]
    plan.rows = [[*row[:3], row[4], row[3], *row[5:]] for row in plan.rows]
    assert set(failures(verify(plan.write(tmp_path / "plan")))) == {"header"}


@pytest.mark.parametrize(
    ("place", "value"), [(4, 100.00000000000001), (0, "e1"), (3, None), (10, "=earns"), (4, None)]
)
def test_different_parquet_is_caught(plan: Any, tmp_path: Path, place: int, value: Any) -> None:
    plan.parquet_rows = [list(row) for row in plan.rows]
    plan.parquet_rows[0][place] = value
    found = failures(verify(plan.write(tmp_path / "plan")))
    assert set(found) == {"parquet"}
    assert "'E1'" in found["parquet"]
    plan.parquet_rows.pop()
    assert "5 rows" in failures(verify(plan.write(tmp_path / "plan")))["parquet"]


# ---------------------------------------------------------------------------------------------------- inputs
def test_changed_input_is_caught(plan: Any, tmp_path: Path) -> None:
    folder = plan.write(tmp_path / "plan")
    with (tmp_path / "book.csv").open("a", encoding="utf-8") as stream:
        stream.write("\n")
    found = failures(verify(folder))
    assert set(found) == {"input enterprises"}
    assert "book.csv" in found["input enterprises"]


@pytest.mark.parametrize("text", ["", "enterprise,grade\nE1,A\nE1,A\n", "enterprise,grade\nE1,Z\n", "x\n1\n"])
def test_changed_input_that_cannot_be_used_is_caught(plan: Any, tmp_path: Path, text: str) -> None:
    folder = plan.write(tmp_path / "plan")
    (tmp_path / "book.csv").write_text(text, encoding="utf-8")
    assert "input enterprises" in failures(verify(folder))
    (tmp_path / "churn.csv").write_text(text, encoding="utf-8")
    assert {"input enterprises", "input churn"} <= set(failures(verify(folder)))


def test_certificate_must_name_the_inputs(plan: Any, tmp_path: Path) -> None:
    plan.certificate["inputs"] = {"book.csv": "0" * 64}
    assert "certificate inputs" in failures(verify(plan.write(tmp_path / "plan")))


def test_inputs_must_be_those_of_the_scenario(plan: Any, tmp_path: Path) -> None:
    folder = plan.write(tmp_path / "plan")
    edit(folder / "manifest.json", lambda m: m["scenario"].update(enterprises=str(tmp_path / "other.csv")))
    assert "scenario enterprises" in failures(verify(folder))


@pytest.mark.parametrize(
    "name", ["allocations.csv", "allocations.parquet", "summary.json", "certificate.json", "manifest.json"]
)
def test_missing_and_malformed_files_are_errors(plan: Any, tmp_path: Path, name: str) -> None:
    folder = plan.write(tmp_path / "plan")
    (folder / name).write_text("{", encoding="utf-8")
    if name != "allocations.csv":
        with pytest.raises(InputError, match=name):
            verify(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: no such file"):
        verify(folder)


def test_missing_input_is_an_error(plan: Any, tmp_path: Path) -> None:
    folder = plan.write(tmp_path / "plan")
    (tmp_path / "book.csv").unlink()
    (tmp_path / "churn.csv").unlink()
    with pytest.raises(InputError, match=r"(?s)book\.csv: no such file.*churn\.csv: no such file"):
        verify(folder)
    with pytest.raises(InputError, match="no such folder"):
        verify(tmp_path / "nowhere")


def test_text_in_a_number_is_an_error(plan: Any, tmp_path: Path) -> None:
    folder = plan.write(tmp_path / "plan")
    table = folder / "allocations.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("6.3", "six"), encoding="utf-8")
    with pytest.raises(InputError, match=r"allocations\.csv:2: revenue: 'six' is no number"):
        verify(folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.pop("scenario"), "scenario: must be the scenario in full"),
        (lambda m: m["inputs"].pop(), "0 inputs of role 'churn'"),
        (lambda m: m["inputs"].append({"role": "churn"}), r"inputs\.2: needs a role"),
        (lambda m: m["scenario"]["budget"].pop("total"), r"scenario\.budget\.total: is missing"),
        (
            lambda m: m["scenario"]["lines"].update(min="ten"),
            r"scenario\.lines\.min: must be a finite number",
        ),
        (
            lambda m: m["scenario"]["limits"].append({"name": "x", "unless": 1}),
            r"scenario\.limits\.0\.unless",
        ),
    ],
)
def test_malformed_manifest_is_an_error(plan: Any, tmp_path: Path, change: Any, says: str) -> None:
    folder = plan.write(tmp_path / "plan")
    edit(folder / "manifest.json", change)
    with pytest.raises(InputError, match=says):
        verify(folder)


def test_repeated_key_is_an_error(plan: Any, tmp_path: Path) -> None:
    folder = plan.write(tmp_path / "plan")
    text = (folder / "summary.json").read_text(encoding="utf-8")
    (folder / "summary.json").write_text('{"objective": 9.0, ' + text[1:], encoding="utf-8")
    with pytest.raises(InputError, match="stands twice"):
        verify(folder)
