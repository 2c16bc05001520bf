"""What summary.json and manifest.json say beside figures: all of it is there, and nonsense is caught or told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lendplan.certify.plan import verify
from lendplan.certify.report import Report
from lendplan.certify.statements import KEYS
from lendplan.data.findings import InputError


def failures(report: Report) -> dict[str, str]:
    return {check.name: check.detail for check in report.failed}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_is_missing_is_caught(plan: Any, tmp_path: Path, name: str) -> None:
    folder = plan.write(tmp_path / "plan")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    del summary[name]
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    found = failures(verify(folder))
    assert found["summary keys"] == f"there is no {name}"


def test_all_that_is_missing_is_told_at_once(plan: Any, tmp_path: Path) -> None:
    for name in ("solver", "seconds", "binding", "unspent_because"):
        del plan.summary[name]
    found = failures(verify(plan.write(tmp_path / "plan")))
    assert found == {"summary keys": "there is no unspent_because, solver, seconds, binding"}


@pytest.mark.parametrize(
    ("name", "value", "check", "says"),
    [
        ("solver", 5, "summary solver", "is 5; its name is text"),
        ("seconds", None, "summary seconds", "are None"),
        ("seconds", {"solve": -1.0}, "summary seconds", "solve took -1.0"),
        ("seconds", {"read": "1"}, "summary seconds", "read took '1'"),
        ("binding", "budget", "summary binding", "is a list of names"),
        ("binding", ["budget", 1], "summary binding", "is a list of names"),
        ("binding", ["zz"], "summary binding", "'zz' is no row of the scenario"),
        ("binding", ["a", "b", "c", "d"], "summary binding", "and 1 more"),
        ("binding", ["budget", "budget"], "summary binding", "stands twice"),
        (
            "unspent_because",
            "lines are all-or-nothing",
            "summary unspent_because",
            "0.0 of the budget is left",
        ),
        ("unspent_because", 3, "summary unspent_because", "is 3"),
        ("unspent_because", " ", "summary unspent_because", "is ' '"),
        ("shadow_price_ranges", "x", "shadow price ranges", "ranges by name"),
        ("shadow_price_ranges", {"zz": [0, 200]}, "shadow price ranges", "'zz' is no row"),
        ("shadow_price_ranges", {"budget": [0]}, "shadow price ranges", "no pair of numbers or null"),
        ("shadow_price_ranges", {"budget": ["0", 200]}, "shadow price ranges", "no pair"),
        ("shadow_price_ranges", {"budget": [float("nan"), 200]}, "shadow price ranges", "no pair"),
        ("shadow_price_ranges", {"budget": [True, 200]}, "shadow price ranges", "no pair"),
        (
            "shadow_price_ranges",
            {"budget": [0, 1]},
            "shadow price ranges",
            "its right side, 150.0, is not in it",
        ),
        ("shadow_price_ranges", {"budget": [200, 100]}, "shadow price ranges", "is not in it"),
    ],
)
def test_nonsense_is_caught(plan: Any, tmp_path: Path, name: str, value: Any, check: str, says: str) -> None:
    plan.summary[name] = value
    found = failures(verify(plan.write(tmp_path / "plan")))
    assert set(found) == {check}
    assert says in found[check]


def test_budget_that_is_left_wants_a_sentence(plan: Any, tmp_path: Path) -> None:
    plan.scenario["budget"]["total"] = 151.0
    found = failures(verify(plan.write(tmp_path / "plan")))
    assert found["summary unspent_because"] == "is None, and 1.0 of the budget is left"


@pytest.mark.parametrize(
    ("limit", "ranges"),
    [
        ({"measure": "line", "at_most": 160.0}, [150.0, None]),
        ({"measure": "line", "at_most": 160.0}, [None, None]),
        (
            {"measure": "count", "at_least": 1.4},
            [None, 1.5],
        ),  # as stated, or as the whole number that it means
        ({"measure": "count", "at_least": 1.4}, [2.0, 2.0]),
        ({"measure": "line", "where": {"size": ["micro"]}, "at_least": "10%"}, [-5.0, 20.0]),
        ({"measure": "average_rate", "at_most": 0.2}, [0.0, None]),
        ({"measure": "line", "at_most": "110%", "of": "budget"}, [150.0, 165.0]),
    ],
)
def test_a_range_holds_the_right_side_of_its_row(
    plan: Any, tmp_path: Path, limit: dict[str, Any], ranges: list[float | None]
) -> None:
    plan.limit(**limit)
    plan.summary["shadow_price_ranges"] = {"budget": [100.0, 150.0], "it": ranges}
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed
    for end, off in ((0, 1e3), (1, -1e3)):
        plan.summary["shadow_price_ranges"]["it"] = [off, None] if end == 0 else [None, off]
        assert set(failures(verify(plan.write(tmp_path / "plan")))) == {"shadow price ranges"}


# --------------------------------------------------------------------------------------------------- manifest
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("title"), "scenario.title: is missing"),
        (lambda s: s.pop("currency"), "scenario.currency: is missing"),
        (lambda s: s.pop("unit"), "scenario.unit: is missing"),
        (lambda s: s.update(title=""), "scenario.title: must not be blank"),
        (lambda s: s.update(title=3), "scenario.title: must be a str"),
        (lambda s: s.update(unit=-1), "scenario.unit: must be above 0, and is -1"),
        (lambda s: s.update(unit=0), "scenario.unit: must be above 0"),
        (lambda s: s.update(unit="1"), "scenario.unit: must be a finite number"),
    ],
)
def test_a_manifest_without_what_a_scenario_must_say_is_bad_input(
    plan: Any, tmp_path: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    change(plan.scenario)
    with pytest.raises(InputError, match=says):
        verify(plan.write(tmp_path / "plan"))


def test_a_bound_under_two_stage_is_told(plan: Any, tmp_path: Path) -> None:
    plan.scenario["formulation"] = "two_stage"
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed
    assert any("two_stage, which gives no bound" in note for note in report.notes)
    plan.state(bound=None, gap=None)
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed
    assert not any("gives no bound" in note for note in report.notes)


def test_a_proven_plan_that_is_called_feasible_is_told(plan: Any, tmp_path: Path) -> None:
    plan.state(status="feasible")
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed
    assert any(
        "the status is feasible, though the gap of 0.0e+00 is within the 1e-06" in one for one in report.notes
    )
    plan.state(bound=8.5, gap=0.55 / 7.95)
    assert not any("the status is" in note for note in verify(plan.write(tmp_path / "plan")).notes)


# ------------------------------------------------------------------------------------------------ endless numbers
@pytest.mark.parametrize("digits", [1001, 5000])
def test_a_number_without_end_is_told_in_our_own_words(plan: Any, tmp_path: Path, digits: int) -> None:
    folder = plan.write(tmp_path / "plan")
    file = folder / "certificate.json"
    content = {**json.loads(file.read_text(encoding="utf-8")), "certified_bound": "@"}
    file.write_text(json.dumps(content).replace('"@"', "1" * digits), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        verify(folder)
    assert f"has a number of {digits:,} digits; none may have more than 1,000" in str(refused.value)
    assert "sys." not in str(refused.value)


def test_what_is_nested_without_end_is_told_in_our_own_words(plan: Any, tmp_path: Path) -> None:
    folder = plan.write(tmp_path / "plan")
    (folder / "certificate.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(InputError, match="is malformed JSON: it is nested too deeply"):
        verify(folder)


def test_a_long_number_is_no_finite_one(plan: Any, tmp_path: Path) -> None:
    folder = plan.write(tmp_path / "plan")
    file = folder / "certificate.json"
    content = {**json.loads(file.read_text(encoding="utf-8")), "certified_bound": "@"}
    file.write_text(json.dumps(content).replace('"@"', "1" * 400), encoding="utf-8")
    assert "certified bound" in failures(verify(folder))
