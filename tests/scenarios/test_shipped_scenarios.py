"""Every shipped scenario is solved, says that it is simulated, and shows the limits it is there to show."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml

import lendplan.run
from lendplan.run import Plan
from lendplan.scenario import json_schema

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """The falls of the 2019 churn table are logged at each reading."""
    caplog.set_level("ERROR")


@cache
def plan_of(name: str, *overrides: str) -> Plan:
    return lendplan.run.load(FOLDER / f"{name}.yaml", overrides).solve()


def stated(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_named_ones_are_there() -> None:
    assert {"minimal", "annual_budget", "profit", "two_stage"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_solved_to_optimality(name: str) -> None:
    plan = plan_of(name)
    assert plan.summary["status"] == "optimal"
    assert plan.summary["funded"] > 0
    for state in plan.limits:
        assert state.reached is not None
        slack = state.sense * (state.stated - state.reached)
        assert slack >= -1e-9 * max(1.0, abs(state.stated)), state.name


@pytest.mark.parametrize("name", [name for name in NAMES if name != "two_stage"])
def test_gap_is_proven(name: str) -> None:
    assert plan_of(name).summary["gap"] <= 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_keeps_the_schema(name: str) -> None:
    jsonschema.Draft202012Validator(json_schema()).validate(stated(name))


@pytest.mark.parametrize("name", NAMES)
def test_says_that_it_is_simulated(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    assert "simulated" in stated(name)["title"]
    assert "simulated" in "".join(line for line in text.splitlines() if line.startswith("#"))
    assert f"optimize scenarios/{name}.yaml" in text
    book = plan_of(name).case.book.table.to_frame()
    assert book["name"].str.startswith("Simulated ").all()


@pytest.mark.parametrize("name", NAMES)
def test_plan_is_written_and_nothing_lands_in_the_checkout(name: str, tmp_path: Path) -> None:
    before = sorted(path.name for path in FOLDER.iterdir())
    plan = plan_of(name)
    assert Path(str(plan.case.settings.output)) == FOLDER / "plans" / name
    written = plan.write(tmp_path / name)
    summary = json.loads((written / "summary.json").read_text(encoding="utf-8"))
    assert summary["objective"] == plan.summary["objective"]
    assert sorted(path.name for path in FOLDER.iterdir()) == before


@pytest.mark.parametrize("name", NAMES)
def test_shipped_with_the_package(name: str) -> None:
    shipped = files("lendplan.scenarios")
    assert (shipped / f"{name}.yaml").is_file()
    for key in ("enterprises", "churn"):
        if key in stated(name):
            assert (shipped / stated(name)[key]).is_file()


# minimal.yaml, by hand: 8 % is the best rate for everyone, and the five least likely to default get full lines.


def test_minimal_is_what_the_hand_calculation_says() -> None:
    table = plan_of("minimal").allocations.set_index("enterprise")
    full = ["M02", "M04", "M07", "M09", "M10"]
    assert sorted(table.index[table["decision"] == "lend"]) == full
    assert (table.loc[full, "line"] == 100).all()
    assert (table.loc[full, "rate"] == 0.08).all()
    value = {"M07": 4.4, "M02": 4.0, "M09": 3.6, "M04": 3.2, "M10": 2.8}
    for enterprise, worth in value.items():
        assert table.loc[enterprise, "value"] == pytest.approx(worth, abs=1e-12)
    rest = table.drop(full)
    assert len(rest) == 5
    assert (rest["decision"] == "decline").all()
    assert (rest["line"] == 0).all()
    assert rest["rate"].isna().all()


def test_minimal_totals() -> None:
    summary = plan_of("minimal").summary
    expected = {
        "objective": 18,
        "profit": 18,
        "revenue": 24,
        "risk": 6,
        "line": 500,
        "exposure": 400,
        "interest": 32,
    }
    assert {key: summary[key] for key in expected} == pytest.approx(expected, abs=1e-9)
    assert summary["funded"] == 5
    assert summary["eligible"] == 10
    assert summary["binding"] == ["budget"]
    assert 0.024 - 1e-12 <= summary["shadow_prices"]["budget"] <= 0.028 + 1e-12


def test_minimal_with_one_more_line_lends_to_the_next() -> None:
    plan = plan_of("minimal", "budget.total=550")
    table = plan.allocations.set_index("enterprise")
    assert table.loc["M01", "line"] == 50
    assert plan.summary["profit"] == pytest.approx(18 + 50 * 0.024, abs=1e-9)
    assert plan.summary["shadow_prices"]["budget"] == pytest.approx(0.024, abs=1e-12)


# Each kind of limit binds somewhere, at a price.

_KINDS: dict[str, Callable[[dict[str, Any]], bool]] = {
    **{
        f"measure {measure}": lambda limit, measure=measure: limit["measure"] == measure
        for measure in ("line", "exposure", "interest", "revenue", "risk", "count", "average_rate")
    },
    "at_most": lambda limit: "at_most" in limit,
    "at_least": lambda limit: "at_least" in limit,
    "amount": lambda limit: limit["measure"] != "average_rate" and not _is_share(limit),
    "share of the plan": lambda limit: (
        limit["measure"] != "average_rate" and _is_share(limit) and "of" not in limit
    ),
    "share of the budget": lambda limit: limit.get("of") == "budget",
    "where": lambda limit: "where" in limit and "by" not in limit,
    "by": lambda limit: "by" in limit and "where" not in limit,
    "where and by together": lambda limit: "by" in limit and "where" in limit,
}


def _is_share(limit: dict[str, Any]) -> bool:
    return isinstance(limit.get("at_most", limit.get("at_least")), str)


def _bites(name: str, limit: str) -> bool:
    summary = plan_of(name).summary
    rows = [row for row in summary["binding"] if row == limit or row.startswith(f"{limit}[")]
    return any(abs(summary["shadow_prices"][row]) > 1e-9 for row in rows)


@pytest.mark.parametrize("kind", _KINDS)
def test_each_kind_of_limit_binds_somewhere(kind: str) -> None:
    where = [
        (name, limit["name"])
        for name in NAMES
        for limit in stated(name).get("limits", [])
        if _KINDS[kind](limit) and _bites(name, limit["name"])
    ]
    assert where


@pytest.mark.parametrize("name", ["annual_budget", "profit"])
def test_every_limit_of_the_scenario_binds(name: str) -> None:
    assert [limit["name"] for limit in stated(name)["limits"] if not _bites(name, limit["name"])] == []


def test_prices_have_the_sign_of_their_limit() -> None:
    for name in NAMES:
        for state in plan_of(name).limits:
            assert state.sense * state.price >= 0, state.name


# What each scenario is there to show.


def test_annual_budget_uses_its_budget_and_keeps_the_committees_decisions() -> None:
    plan = plan_of("annual_budget")
    book = plan.case.book.table.to_frame()
    assert len(book) == 123
    assert plan.summary["budget_used"] == pytest.approx(2000)
    decision = plan.allocations["decision"].to_numpy()
    must = book["must"].to_numpy()
    assert (decision[must == "lend"] == "lend").all()
    assert (decision[must == "decline"] == "decline").all()
    reasons = plan.allocations["reason"].to_numpy()[must == "decline"]
    assert list(reasons) == list(book["must_reason"].to_numpy()[must == "decline"])
    assert (decision[(plan.allocations["grade"] == "D").to_numpy()] == "excluded").all()


def test_profit_extends_the_annual_budget() -> None:
    plan, base = plan_of("profit"), plan_of("annual_budget")
    assert stated("profit")["extends"] == "annual_budget.yaml"
    settings, stands = plan.case.settings, base.case.settings
    assert settings.enterprises == stands.enterprises
    assert settings.economics == stands.economics
    assert settings.rates == stands.rates
    assert (settings.budget.total, settings.budget.basis) == (600, "exposure")
    assert [limit.name for limit in settings.limits] == [
        limit["name"] for limit in stated("profit")["limits"]
    ]
    assert plan.summary["exposure"] == pytest.approx(600)
    assert plan.summary["objective"] == pytest.approx(plan.summary["revenue"] - plan.summary["risk"])


def test_two_stage_declines_for_its_limit_and_joint_is_better() -> None:
    limited, free = plan_of("two_stage"), plan_of("two_stage", "limits=[]")
    assert free.summary["funded"] == free.summary["eligible"] == 94
    assert free.summary["risk"] > 12
    assert limited.summary["risk"] <= 12
    assert limited.summary["funded"] < 94
    both = limited.allocations["line"] > 0
    lines = np.array(limited.allocations["line"][both])
    assert lines == pytest.approx(np.array(free.allocations["line"][both]))
    joint = plan_of("two_stage", "formulation=joint")
    assert joint.summary["objective"] > limited.summary["objective"]
