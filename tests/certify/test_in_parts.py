"""The check of a large plan part by part finds what the check of the whole finds, and proves the same bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import book, written

from lendplan.certify import allocationparts, choices, largeplan
from lendplan.certify.bound import bound_from_prices
from lendplan.certify.inparts import Together, bound_of_parts, choices_in, dual_part
from lendplan.certify.plan import verify
from lendplan.certify.pricing import weights_of
from lendplan.certify.question import question_of
from lendplan.certify.report import Report
from lendplan.data.book import assemble_book
from lendplan.data.churn import read_churn
from lendplan.data.datasets import find_dataset, read_stretch, stretches
from lendplan.data.tables import read_table
from lendplan.plan import Plan
from lendplan.run import load
from lendplan.solvers import lagrangian
from lendplan.solvers.result import Options

ROWS = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan of a small dataset; one id needs quotes, and holds a line feed."""
    place = tmp_path_factory.mktemp("parts")
    table = book(ROWS)
    ids = table.column("enterprise").to_pylist()
    ids[150] = 'one, "two"\nthree'
    table = table.set_column(table.column_names.index("enterprise"), "enterprise", [ids])
    scenario = written(place, table)
    changes = ["solver.cluster=null", "solver.gap=5e-3", "limits.reach.at_least=20", "budget.total=6000"]
    case = load(scenario, changes).case
    result = lagrangian.solve(case.problem, Options(gap=5e-3, time_limit=30.0))
    return Plan(case, result).write(place / "plan")


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(largeplan, "LARGE", 100)
    monkeypatch.setattr(largeplan, "ROWS", 130)
    monkeypatch.setattr(allocationparts, "_PIECE", 999)
    monkeypatch.setattr(choices, "EXACT_UP_TO", 0)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    target = tmp_path / "plan"
    target.mkdir()
    for one in folder.iterdir():
        (target / one.name).write_bytes(one.read_bytes())
    # The search's leaves are checked on the whole; what the prices alone prove is claimed here.
    certificate = json.loads((target / "certificate.json").read_text(encoding="utf-8"))
    summary = json.loads((target / "summary.json").read_text(encoding="utf-8"))
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    certificate.pop("leaves", None)
    certificate.pop("fixings", None)
    bound = whole_bound(manifest["scenario"], certificate)
    for one in (certificate, summary):
        one["certified_bound"] = bound
        one["bound"] = max(bound, one["bound"])
    size = max(abs(summary["objective"]), 1.0)
    summary["certified_gap"] = (bound - summary["objective"]) / size
    summary["gap"] = (summary["bound"] - summary["objective"]) / size
    (target / "certificate.json").write_text(json.dumps(certificate), encoding="utf-8")
    (target / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return target


def whole_bound(scenario: dict[str, Any], certificate: dict[str, Any]) -> float:
    whole = assemble_book(read_table(scenario["enterprises"]), None, {})
    return bound_from_prices(scenario, whole, read_churn(None), certificate["prices"], certificate["ranges"])


def failed(report: Report) -> list[str]:
    return [check.name for check in report.failed]


@pytest.mark.usefixtures("in_parts")
def test_a_sound_plan_passes_and_nothing_of_the_whole_is_read(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lendplan.certify.plan as whole

    monkeypatch.setattr(whole, "read_folder", None)
    report = verify(copy)
    assert failed(report) == []
    assert report.notes[1].endswith("part by part")
    names = {check.name for check in report.checks}
    assert {
        "rows",
        "parquet",
        "limit grade C",
        "budget",
        "summary profit",
        "certified bound",
        "all rows",
    } <= names


@pytest.mark.usefixtures("in_parts")
def test_the_bound_of_parts_is_that_of_the_whole_to_the_last_bit(copy: Path) -> None:
    scenario = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))["scenario"]
    certificate = json.loads((copy / "certificate.json").read_text(encoding="utf-8"))
    each = {"measure": "line", "where": {"grade": ["C", "E"]}, "by": "grade", "at_least": 300.0}
    scenario["limits"].append({"name": "each", "at_most": None, "of": None, **each})
    certificate["prices"]["each[C]"] = -1e-3  # nobody has E; some parts have nobody of C
    question, prices = question_of(scenario), certificate["prices"]
    weights, dataset = weights_of(question, certificate["ranges"]), find_dataset(scenario["enterprises"])
    expected = whole_bound(scenario, certificate)
    for rows in (50, 77, 300, ROWS):
        found = []
        for start in range(0, ROWS, rows):
            for stretch in stretches(dataset, start, start + rows):
                part = assemble_book(read_stretch(stretch), None, {})
                own = choices_in(question, part, read_churn(None), weights, prices)
                found.append(dual_part(own, prices))
        together = Together(question, weights, found)
        assert together.families[-1].names == ("each[C]",)
        assert bound_of_parts(together, found, prices) == expected


def lines_of(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text(
        "".join(change(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8"
    )


def keys_of(path: Path, **new: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **new}), encoding="utf-8")


@pytest.mark.usefixtures("in_parts")
def test_what_is_planted_anywhere_is_found(copy: Path) -> None:
    table, summary, certificate = (
        copy / name for name in ("allocations.csv", "summary.json", "certificate.json")
    )
    sound = {path: path.read_bytes() for path in (table, summary, certificate)}

    def restored() -> None:
        for path, data in sound.items():
            path.write_bytes(data)

    def other_line(lines: list[str]) -> list[str]:
        place = max(at for at, line in enumerate(lines) if ",lend," in line)
        cells = lines[place].split(",")
        cells[4] = str(float(cells[4]) * 2)
        return [*lines[:place], ",".join(cells), *lines[place + 1 :]]

    lines_of(table, other_line)
    names = failed(verify(copy))
    assert {"parquet", "exposure"} <= set(names)
    assert "summary line" in names
    restored()

    lines_of(table, lambda lines: lines[:-1])
    assert "rows" in failed(verify(copy))
    restored()
    lines_of(table, lambda lines: [*lines, lines[-1]])
    assert failed(verify(copy)) == ["all rows"]
    restored()

    revenue = json.loads(summary.read_text(encoding="utf-8"))["revenue"]
    keys_of(summary, revenue=revenue * (1 + 1e-6))
    assert failed(verify(copy)) == ["summary revenue", "summary profit"][:1]
    restored()

    prices = json.loads(certificate.read_text(encoding="utf-8"))["prices"]
    keys_of(certificate, prices={**prices, "budget": prices["budget"] * 1.01 + 1e-6})
    assert {"certified bound", "shadow prices"} <= set(failed(verify(copy)))
    restored()
    strange = {**prices, "one industry[opera]": 0.1}
    keys_of(certificate, prices=strange)
    keys_of(summary, shadow_prices=strange)
    assert failed(verify(copy)) == ["prices"]
    restored()
    less = {name: price for name, price in prices.items() if name != "one industry[retail]"}
    keys_of(certificate, prices=less)
    keys_of(summary, shadow_prices=less)
    assert failed(verify(copy)) == ["prices"]
