"""Scenario files: what is accepted, and every mistake at once with its place and its remedy."""
# ruff: noqa: E501 - in the tables, one mistake is one line

import hashlib
import json
import logging
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lendplan.data.findings import Finding, InputError
from lendplan.scenario import Bound, ScenarioFile, Settings, load_settings, settings_from
from lendplan.scenario.values import format_bound, parse_bound, parse_fraction

MINIMAL = """\
title: Small
currency: CNY
enterprises: book.csv
lines: {min: 10, max: 100}
budget: {total: 1000}
"""

# The example of the manual, less what later versions read.
FULL = """\
title: Annual SME budget 2027
currency: CNY
unit: 10000
enterprises: enterprises.csv
ratings: ratings.csv
churn: churn.csv
churn_as: {AAA: A, AA: A, D: C}
columns: {enterprise: 企业代号, grade: 信誉评级}
unrated: error
exclude_grades: [D]
rates:  {min: 4%, max: 15%, step: null}
churn_fit: raw
lines:  {min: 10, max: 100, step: null}
budget: {total: 10000, basis: line}
economics:
  funding_cost: 0%
  operating_cost: 0%
  fixed_cost: 0
  utilisation: 100%
  loss_given_default: 50%
  default_multiplier: 1
  loss_multiplier: 1
  interest_lost_on_default: false
  risk_basis: exposure
objective: {kind: weighted, revenue_weight: 0.5, ranges: null}
formulation: joint
grade_factor: {}
limits:
  - {name: one industry, measure: line, by: industry, at_most: 25%, of: budget}
  - {name: grade C, measure: line, where: {grade: [C]}, at_most: 30%}
  - {name: loss budget, measure: risk, at_most: 250}
  - {name: reach, measure: count, where: {size: [micro]}, at_least: 40}
  - {name: mean rate, measure: average_rate, at_most: 9%}
solver: {method: auto, gap: 1e-6, time_limit: 300, threads: 2, cluster: null}
output: plans/annual_budget
"""


def write(folder: Path, text: str, name: str = "s.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, *overrides: str) -> ScenarioFile:
    return load_settings(write(folder, text), overrides)


def mistakes(folder: Path, text: str, *overrides: str) -> list[str]:
    """Return the findings of a file, without its folder."""
    with pytest.raises(InputError) as caught:
        load(folder, text, *overrides)
    return [str(one).replace(f"{folder}/", "") for one in caught.value.findings]


def mapping(**changes: Any) -> dict[str, Any]:
    base = {"title": "Small", "currency": "CNY", "lines": {"min": 10, "max": 100}, "budget": {"total": 1000}}
    return {**base, **changes}


def from_mapping(**changes: Any) -> Settings:
    return settings_from(mapping(**changes), need_enterprises=False)


def problems(**changes: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        from_mapping(**changes)
    return [str(one) for one in caught.value.findings]


# --- what is accepted -------------------------------------------------------------------------------------------


def test_defaults_are_those_of_the_manual(tmp_path: Path) -> None:
    small = load(tmp_path, MINIMAL).settings
    full = load(tmp_path, FULL).settings
    given = {
        "unit",
        "churn",
        "ratings",
        "churn_as",
        "columns",
        "limits",
        "output",
        "title",
        "budget",
        "rates",
    }
    for name in set(Settings.model_fields) - given - {"enterprises"}:
        assert getattr(small, name) == getattr(full, name), name
    assert small.unit == 1
    assert (small.rates.min, small.rates.max, small.rates.step) == (None, None, None)
    assert (small.ratings, small.churn) == (None, None)
    assert (small.churn_as, small.columns, small.limits) == ({}, {}, [])
    assert small.output == str(tmp_path / "plans" / "s")


def test_the_manual_s_example(tmp_path: Path) -> None:
    file = load(tmp_path, FULL)
    got = file.settings
    assert (got.rates.min, got.rates.max) == (0.04, 0.15)
    assert got.columns == {"enterprise": "企业代号", "grade": "信誉评级"}
    assert got.enterprises == str(tmp_path / "enterprises.csv")
    assert got.output == str(tmp_path / "plans" / "annual_budget")
    bounds = [(limit.name, limit.at_most, limit.at_least, limit.of) for limit in got.limits]
    assert bounds == [
        ("one industry", Bound("share", 0.25), None, "budget"),
        ("grade C", Bound("share", 0.3), None, None),
        ("loss budget", Bound("amount", 250), None, None),
        ("reach", None, Bound("amount", 40), None),
        ("mean rate", Bound("amount", 0.09), None, None),
    ]
    assert got.limits[1].where == {"grade": ["C"]}
    assert got.solver.gap == 1e-6
    (record,) = file.files
    assert record.path == str(tmp_path / "s.yaml")
    assert record.sha256 == hashlib.sha256(FULL.encode()).hexdigest()
    assert record.encoding == "utf-8"


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    got = load(tmp_path, MINIMAL).settings
    with pytest.raises(ValidationError):
        got.title = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_dump_reads_back_as_the_same_settings(tmp_path: Path) -> None:
    got = load(tmp_path, FULL).settings
    dump = json.loads(json.dumps(got.model_dump(mode="json")))
    assert "extends" not in dump
    assert settings_from(dump) == got


def test_null_is_as_good_as_left_out(tmp_path: Path) -> None:
    text = MINIMAL + "unit:\nlimits:\neconomics: ~\nrates: {min: null}\nobjective: {ranges: }\noutput: null\n"
    assert load(tmp_path, text).settings == load(tmp_path, MINIMAL).settings


def test_where_takes_numbers_and_truth_values_as_they_are_written(tmp_path: Path) -> None:
    where = "where: {a: 001, b: [1.50, true, NO, 0x1F, '7'], c: x}"
    text = MINIMAL + f"limits: [{{name: n, measure: line, at_most: 1, {where}}}]\n"
    assert load(tmp_path, text).settings.limits[0].where == {
        "a": ["001"],
        "b": ["1.50", "true", "NO", "0x1F", "7"],
        "c": ["x"],
    }


def test_a_mapping_from_python(tmp_path: Path) -> None:
    got = settings_from(
        mapping(
            enterprises=Path("book.csv"),
            unit=np.int64(10_000),
            budget={"total": np.float64(5), "basis": "exposure"},
            economics={"interest_lost_on_default": np.bool_(True)},
            exclude_grades=("C", "D"),
            limits=({"name": "n", "measure": "count", "at_least": np.int32(3), "where": {"size": (1, "x")}},),
        ),
        base=tmp_path,
    )
    assert got.unit == 10_000
    assert got.budget.total == 5
    assert got.economics.interest_lost_on_default is True
    assert got.exclude_grades == ["C", "D"]
    assert got.limits[0].at_least == Bound("amount", 3)
    assert got.limits[0].where == {"size": ["1", "x"]}
    assert got.enterprises == str(tmp_path / "book.csv")
    assert got.output is None


def test_enterprises_are_needed_from_a_mapping_unless_said_otherwise() -> None:
    with pytest.raises(InputError, match="enterprises: is required and missing"):
        settings_from(mapping())
    assert from_mapping().enterprises is None


# --- fractions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "fraction"),
    [
        ("4%", 0.04),
        ("400bp", 0.04),
        (0.04, 0.04),
        ("4.35 %", 0.0435),
        ("5bp", 0.0005),
        ("100%", 1.0),
        (0, 0.0),
        (1, 1.0),
    ],
)
def test_fractions(written: object, fraction: float) -> None:
    assert parse_fraction(written) == fraction


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (4, "4 would be 400%; write 4% or 0.04"),
        (4.35, "4.35 would be 435%; write 4.35% or 0.0435"),
        (400, "400 would be 40000%; write 400bp or 0.04"),
        (1e30, "must be a fraction between 0 and 1, such as 0.04, 4% or 400bp, and is '1e+30'"),
        (-0.1, "must not be below 0, and is -0.1"),
        ("-4%", "must not be below 0, and is -4%"),
        ("101%", "must not be above 100%, and is 101%"),
        ("10001bp", "must not be above 100%, and is 10001bp"),
        ("0.04", "'0.04' is no fraction; write it without quotes"),
        ("4 percent", "'4 percent' is no fraction; write 0.04, 4% or 400bp"),
        ("４％", "'４％' is no fraction; write 0.04, 4% or 400bp"),
        (float("nan"), "must be a fraction such as 0.04, 4% or 400bp, and is not a number"),
        (True, "must be a fraction such as 0.04, 4% or 400bp"),
        ([], "must be a fraction such as 0.04, 4% or 400bp"),
    ],
)
def test_what_is_no_fraction(written: object, message: str) -> None:
    with pytest.raises(ValueError, match=r"fraction|below|above|would") as caught:
        parse_fraction(written)
    assert str(caught.value) == message


@given(st.floats(0, 1))
@example(0.1 + 0.2)
def test_fractions_survive_writing_and_reading(fraction: float) -> None:
    exact = Decimal(repr(fraction))
    assert parse_fraction(f"{exact.scaleb(2):f}%") == fraction
    assert parse_fraction(f"{exact.scaleb(4):f} bp") == fraction
    for bound in (Bound("share", fraction), Bound("amount", fraction)):
        assert parse_bound(format_bound(bound)) == bound


# --- mistakes ---------------------------------------------------------------------------------------------------


def test_all_mistakes_are_reported_at_once_with_their_places(tmp_path: Path) -> None:
    text = """\
titel: Small
currency: CNY
enterprises: &x book.csv
lines: {min: 200, max: 100}
budget: -1
rates: {min: 4, max: .nan}
economics:
  fixed_cost: 10_000
  interest_lost_on_default: yes
sweep: {budget.total: []}
exclude_grades: [D, 1.10]
limits:
  - {name: x, measure: lines, at_most: 3}
  - {name: y, measure: count, at_most: -1}
"""
    assert mistakes(tmp_path, text) == [
        "s.yaml:1:1: title: is required and missing: what the plan is called in reports",
        "s.yaml:1:1: titel: there is no such key; did you mean 'title'?",
        "s.yaml:3:14: enterprises: the anchor &x is not read; remove it",
        "s.yaml:4:14: lines.min: is 200, above `max`, which is 100; exchange them",
        "s.yaml:5:9: budget: must hold keys and their values, such as `total:`, and is -1",
        "s.yaml:6:14: rates.min: 4 would be 400%; write 4% or 0.04",
        "s.yaml:6:22: rates.max: .nan is no usable number; write a finite one, or leave the key out",
        "s.yaml:8:15: economics.fixed_cost: must be a number, and is '10_000'; write 10000, without separators",
        "s.yaml:9:29: economics.interest_lost_on_default: must be true or false, and is 'yes'; write true",
        "s.yaml:10:23: sweep.budget.total: has no value; name at least one, or remove the key",
        's.yaml:11:21: exclude_grades.1: must be text, and 1.10 is a number; quote it: "1.10"',
        "s.yaml:13:24: limits.0.measure: must be line, exposure, interest, revenue, risk, count or average_rate, "
        "and is 'lines'; did you mean 'line'?",
        "s.yaml:14:40: limits.1.at_most: must not be below 0, and is -1",
    ]


LIMIT = {"name": "n", "measure": "line", "at_most": 1}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": None}, "title: is required and missing: what the plan is called in reports"),
        ({"title": ""}, "title: must not be empty"),
        ({"title": 2027}, 'title: must be text, and 2027 is a number; quote it: "2027"'),
        ({"title": True}, 'title: must be text, and true is a truth value; quote it: "true"'),
        ({"title": []}, "title: must be text, and is a list"),
        ({"title": b"x"}, "title: must be text, and is a bytes"),
        ({"currency": "Chinese yuan"}, "currency: must have at most 8 characters, and is 'Chinese yuan'"),
        ({"unit": 0}, "unit: must be above 0, and is 0"),
        ({"unit": True}, "unit: must be a number, and is true"),
        ({"unit": "5"}, "unit: must be a number, and is '5'; write 5, without quotes"),
        ({"unit": "10 000"}, "unit: must be a number, and is '10 000'; write 10000, without separators"),
        ({"unit": "5%"}, "unit: must be a number, and is '5%'; a share cannot stand here"),
        ({"unit": float("nan")}, "unit: must be a finite number, and is nan"),
        ({"unit": float("inf")}, "unit: must be a finite number, and is inf"),
        ({"unit": 10**5000}, "unit: is too large a number"),
        ({"budget": {"total": -1}}, "budget.total: must not be below 0, and is -1"),
        ({"budget": None}, "budget: is required and missing: what may be lent in all"),
        ({"budget": {}}, "budget.total: is required and missing: the budget, in the scenario's unit"),
        ({"budget": {"total": 1, "basis": "lines"}}, "budget.basis: must be line or exposure, and is 'lines'; did you mean 'line'?"),
        ({"lines": {"min": 0, "max": 0}}, "lines.max: must be above 0, and is 0"),
        ({"lines": [1, 2]}, "lines: must hold keys and their values, such as `min:`, and is a list"),
        ({"lines": {"min": 1, "max": 2, "step": 0}}, "lines.step: must be above 0, and is 0"),
        ({"rates": {"min": "5%", "max": "4%"}}, "rates.min: is 0.05, above `max`, which is 0.04; exchange them"),
        ({"rates": {"step": 0}}, "rates.step: must be above 0; leave it out for the churn table's own rates"),
        ({"rates": {"stepp": 1}}, "rates.stepp: there is no such key; did you mean 'step'?"),
        ({"rates": {"qqq": 1}}, "rates.qqq: there is no such key; the keys here are min, max, step"),
        ({"churn_as": {"AA": 1}}, 'churn_as.AA: must be text, and 1 is a number; quote it: "1"'),
        ({"churn_as": {"AA": None}}, "churn_as.AA: must be text, and has no value"),
        ({"churn_as": [1]}, "churn_as: must hold keys and their values, and is a list"),
        ({"columns": {1: "x"}}, "columns: the key '1' is not text"),
        ({"exclude_grades": "D"}, "exclude_grades: must be a list, and is 'D'"),
        ({"exclude_grades": [1]}, 'exclude_grades.0: must be text, and 1 is a number; quote it: "1"'),
        ({"grade_factor": {"A": -1}}, "grade_factor.A: must not be below 0, and is -1"),
        ({"unrated": "skip"}, "unrated: must be error or exclude, and is 'skip'"),
        ({"unrated": 3}, "unrated: must be error or exclude, and is 3"),
        ({"solver": {"gap": 1}}, "solver.gap: must be below 1, and is 1"),
        ({"solver": {"gap": 0}}, "solver.gap: must be above 0, and is 0"),
        ({"solver": {"threads": 0}}, "solver.threads: must not be below 1, and is 0"),
        ({"solver": {"threads": 1.5}}, "solver.threads: must be a whole number, and is 1.5"),
        ({"solver": {"time_limit": 0}}, "solver.time_limit: must be above 0, and is 0"),
        ({"solver": {"cluster": "Local"}}, "solver.cluster: must be `local`, or the address of a Dask scheduler such as tcp://10.0.0.1:8786, and is 'Local'"),
        ({"formulation": "two_stage", "solver": {"method": "lagrangian"}}, "solver.method: `lagrangian` solves `joint` and not `two_stage`; write `auto` or `highs`"),
        ({"formulation": "stress"}, "formulation: this version of lendplan has no `stress` yet; write joint or two_stage (it is planned)"),
        ({"frontier": {"points": 1}}, "frontier.points: must not be below 2, and is 1"),
        (
            {"treasury": {"workbook": "a.xlsx", "sheet": "S", "key": "K", "write": {"L": "lines"}}},
            "treasury.write.L: 'lines' is no column of a plan; did you mean 'line'?",
        ),
        ({"extends": "base.yaml"}, "extends: is read from files alone; merge the mappings"),
        ({"economics": {"interest_lost_on_default": 1}}, "economics.interest_lost_on_default: must be true or false, and is 1"),
        ({"objective": {"ranges": {"revenue_max": 1, "risk_max": 1, "risk_min": 0}}}, "objective.ranges.revenue_min: is required and missing: revenue that counts as 0, in the scenario's unit"),
        (
            {"objective": {"ranges": {"revenue_max": 1, "revenue_min": 2, "risk_max": 1, "risk_min": 0}}},
            "objective.ranges.revenue_min: is 2, above `revenue_max`, which is 1; exchange them",
        ),
        ({"limits": {}}, "limits: must be a list, and is a mapping"),
        ({"limits": ["x"]}, "limits.0: must hold keys and their values, such as `name:`, and is 'x'"),
        ({"limits": [LIMIT | {"name": " "}]}, "limits.0.name: is blank; give the limit a name"),
        ({"limits": [LIMIT | {"name": "budget"}]}, "limits.0.name: `budget` is a name that the outputs use themselves; choose another"),
        ({"limits": [LIMIT, LIMIT]}, "limits.1: another limit is called 'n', too; rename one"),
        ({"limits": [LIMIT | {"at_least": 1}]}, "limits.0: has both `at_most` and `at_least`; write two limits"),
        ({"limits": [LIMIT | {"at_most": None}]}, "limits.0: needs `at_most` or `at_least`"),
        ({"limits": [LIMIT | {"at_most": "lots"}]}, "limits.0.at_most: 'lots' is neither an amount such as 250 nor a share such as 25%"),
        ({"limits": [LIMIT | {"at_most": []}]}, "limits.0.at_most: must be an amount such as 250, or a share such as 25%"),
        ({"limits": [LIMIT | {"at_most": float("inf")}]}, "limits.0.at_most: must be a finite amount, or a share such as 25%"),
        ({"limits": [LIMIT | {"at_most": "120%"}]}, "limits.0.at_most: must not be above 100%, and is 120%"),
        ({"limits": [LIMIT | {"at_most": -5}]}, "limits.0.at_most: must not be below 0, and is -5"),
        ({"limits": [LIMIT | {"measure": "average_rate", "at_most": 9}]}, "limits.0.at_most: 9 would be 900%; write 9% or 0.09"),
        ({"limits": [LIMIT | {"of": "budget"}]}, "limits.0.at_most: is an amount, and `of: budget` needs a share such as 25%; write one, or remove `of`"),
        (
            {"limits": [LIMIT | {"measure": "count", "at_most": "5%", "of": "budget"}]},
            "limits.0.of: cannot go with `measure: count`: the budget is money, and this measure is not; remove it",
        ),
        ({"limits": [LIMIT | {"where": {"grade": None}}]}, "limits.0.where.grade: must be a value or a list of values"),
        ({"limits": [LIMIT | {"where": {"grade": []}}]}, "limits.0.where.grade: has no value; name at least one, or remove the key"),
        ({"limits": [LIMIT | {"where": {"grade": ["C", {}]}}]}, "limits.0.where.grade.1: must be a value or a list of values"),
        ({"limits": [LIMIT | {"where": "C"}]}, "limits.0.where: must hold keys and their values, and is 'C'"),
        ({"title": "a\0b"}, r"title: 'a\\x00b' holds a control character; remove it"),
    ],
)  # fmt: skip
def test_each_mistake_in_plain_words(changes: dict[str, Any], expected: str) -> None:
    assert problems(**changes) == [expected]


def test_revenue_alone_may_be_bounded_below_zero() -> None:
    limit = LIMIT | {"measure": "revenue", "at_most": -5}
    assert from_mapping(limits=[limit]).limits[0].at_most == Bound("amount", -5)


@pytest.mark.parametrize("measure", ["line", "exposure"])
def test_a_share_of_the_budget(measure: str) -> None:
    (limit,) = from_mapping(limits=[LIMIT | {"measure": measure, "at_most": "5%", "of": "budget"}]).limits
    assert (limit.at_most, limit.of) == (Bound("share", 0.05), "budget")


def test_a_single_rate_and_a_single_line_size() -> None:
    got = from_mapping(rates={"min": "5%", "max": "5%"}, lines={"min": 10, "max": 10}, budget={"total": 0})
    assert (got.rates.min, got.lines.min, got.budget.total) == (0.05, 10, 0)


def test_an_endless_mapping_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert any(
        message.endswith("nested deeper than 50 levels") for message in problems(exclude_grades=endless)
    )


# --- extends ----------------------------------------------------------------------------------------------------


def test_extends_merges_mappings_and_replaces_lists(tmp_path: Path) -> None:
    write(tmp_path, FULL, "base.yaml")
    text = "extends: base.yaml\nlines: {max: 50}\nrates: {max: null}\nlimits: [{name: n, measure: risk, at_most: 1}]\nratings: null\n"
    file = load(tmp_path, text)
    got = file.settings
    assert (got.lines.min, got.lines.max) == (10, 50)
    assert (got.rates.min, got.rates.max) == (0.04, None)
    assert [limit.name for limit in got.limits] == ["n"]
    assert got.ratings is None
    assert got.extends is None
    assert [Path(record.path).name for record in file.files] == ["s.yaml", "base.yaml"]


def test_paths_belong_to_the_file_they_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, MINIMAL + "ratings: ../r.xlsx#Sheet 1\n", "base/b.yaml")
    path = write(tmp_path, "extends: base/b.yaml\nchurn: sub/churn.csv\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    got = load_settings("../s.yaml", ["enterprises=mine.csv"]).settings
    assert got.enterprises == str(elsewhere / "mine.csv")
    assert got.ratings == str(tmp_path / "r.xlsx#Sheet 1")
    assert got.churn == str(tmp_path / "sub" / "churn.csv")
    assert got.output == str(tmp_path / "plans" / "s")
    assert load_settings(path).settings.enterprises == str(tmp_path / "base" / "book.csv")


def test_a_mistake_is_placed_in_the_file_it_stands_in(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL + "unit: -1\n", "base.yaml")
    assert mistakes(tmp_path, "extends: base.yaml\nlines: {mix: 1}\n") == [
        "base.yaml:6:7: unit: must be above 0, and is -1",
        "s.yaml:2:9: lines.mix: there is no such key; did you mean 'min'?",
    ]


def test_a_cycle_names_the_chain(tmp_path: Path) -> None:
    write(tmp_path, "extends: s.yaml\n", "b.yaml")
    write(tmp_path, "extends: b.yaml\n", "a.yaml")
    assert mistakes(tmp_path, "extends: a.yaml\nunit: 0\n") == [
        "b.yaml:1:10: extends: runs in a circle: s.yaml → a.yaml → b.yaml → s.yaml; remove one `extends`",
        "s.yaml:2:7: unit: must be above 0, and is 0",
    ]


def test_a_missing_file_names_the_chain(tmp_path: Path) -> None:
    write(tmp_path, "title: x\nextends: basee.yaml\n", "a.yaml")
    write(tmp_path, MINIMAL, "base.yaml")
    assert mistakes(tmp_path, "extends: a.yaml\nunit: 0\n") == [
        "a.yaml:2:10: extends: basee.yaml: no such file; did you mean 'base.yaml'? (read as s.yaml → a.yaml → basee.yaml)",
        "s.yaml:2:7: unit: must be above 0, and is 0",
    ]


@pytest.mark.parametrize("value", ["3", "[a.yaml]", "''"])
def test_extends_is_one_file(tmp_path: Path, value: str) -> None:
    (message,) = mistakes(tmp_path, MINIMAL + f"extends: {value}\n")
    assert message.startswith("s.yaml:6:10: extends: must")


# --- folders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["../x", "/x", ".", "plans/../.."])
def test_a_scenario_cannot_write_outside_its_folder(tmp_path: Path, output: str) -> None:
    (message,) = mistakes(tmp_path / "in", MINIMAL + f"output: {output}\n")
    assert message.startswith("s.yaml:6:9: output: ")
    assert message.endswith(
        "is no folder below that of the scenario; remove the key, or give the folder with --output"
    )


def test_a_link_does_not_lead_outside(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (message,) = mistakes(folder, MINIMAL + "output: link/x\n")
    assert "--output" in message


def test_the_command_line_may_write_anywhere(tmp_path: Path) -> None:
    got = load(tmp_path / "in", MINIMAL + "output: ../x\n", f"output={tmp_path / 'y'}").settings
    assert got.output == str(tmp_path / "y")


def test_reading_outside_the_folder_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="lendplan"):
        load(tmp_path / "in", MINIMAL.replace("book.csv", "../book.csv") + "churn: churn.csv\n")
    assert [record.getMessage() for record in caplog.records] == [
        f"enterprises: {tmp_path / 'book.csv'} lies outside the scenario's folder"
    ]


# --- --set ------------------------------------------------------------------------------------------------------


def test_overrides(tmp_path: Path) -> None:
    overrides = [
        "budget.total=8000",
        "economics.utilisation=80%",
        "objective={kind: profit}",
        "exclude_grades=[C, D]",
        "churn_as.A.1=A",
        "columns.grade=等级",
        "limits.mean rate.at_most=8%",
        "limits.1.at_most=20%",
        "limits.reach.where.size.x=[micro, 007]",
        "title=a=b",
        "rates.max=",
        "budget.total=9000",
    ]
    got = load(tmp_path, FULL, *overrides).settings
    assert got.budget.total == 9000
    assert got.economics.utilisation == 0.8
    assert got.objective.kind == "profit"
    assert got.exclude_grades == ["C", "D"]
    assert got.churn_as == {"AAA": "A", "AA": "A", "D": "C", "A.1": "A"}
    assert got.columns == {"enterprise": "企业代号", "grade": "等级"}
    assert got.limits[4].at_most == Bound("amount", 0.08)
    assert got.limits[1].at_most == Bound("share", 0.2)
    assert got.limits[3].where == {"size": ["micro"], "size.x": ["micro", "007"]}
    assert got.title == "a=b"
    assert got.rates.max is None


def test_a_limit_s_name_may_hold_dots(tmp_path: Path) -> None:
    limits = "limits: [{name: a, measure: line, at_most: 1}, {name: a.b, measure: line, at_most: 2}]\n"
    got = load(tmp_path, MINIMAL + limits, "limits.a.b.at_most=3").settings
    assert [limit.at_most for limit in got.limits] == [Bound("amount", 1), Bound("amount", 3)]


def test_blocks_that_the_scenario_lacks_are_made(tmp_path: Path) -> None:
    got = load(tmp_path, MINIMAL + "solver:\n", "solver.threads=1", "economics.fixed_cost=3").settings
    assert (got.solver.threads, got.economics.fixed_cost) == (1, 3)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("budget.totl=5", "--set budget.totl: budget.totl: there is no such key; did you mean 'total'?"),
        ("budgte.total=5", "--set budgte.total: budgte: there is no such key; did you mean 'budget'?"),
        ("budget.total=-5", "--set budget.total: budget.total: must not be below 0, and is -5"),
        ("rates.max=4", "--set rates.max: rates.max: 4 would be 400%; write 4% or 0.04"),
        ("rates.max=.nan", "--set rates.max: .nan is no usable number; write a finite one, or leave the key out"),
        ("rates.max=[", "--set rates.max: a value is missing, or a bracket or comma is too many"),
        ("title.x=3", "--set title.x: 'title' holds no keys, so none of them can be set"),
        ("title", "--set title: write KEY=VALUE, such as --set budget.total=8000"),
        ("=3", "--set : write KEY=VALUE, such as --set budget.total=8000"),
        ("extends=x.yaml", "--set extends: cannot be set; write it in the scenario"),
        ("limits.grade D.at_most=3", "--set limits.grade D.at_most: no limit is called 'grade D'; did you mean 'grade C'?"),
        ("limits.9.at_most=3", "--set limits.9.at_most: no limit is called '9'; there are 'one industry', 'grade C', "
         "'loss budget', 'reach', 'mean rate'"),
        ("limits.reach.at_mst=3", "--set limits.reach.at_mst: limits.3.at_mst: there is no such key; did you mean 'at_most'?"),
        ("limits.reach=3", "--set limits.reach: limits.3: must hold keys and their values, such as `name:`, and is 3"),
        ("solver.cluster=tcp://head", "--set solver.cluster: solver.cluster: must be `local`, or the address of a Dask scheduler "
         "such as tcp://10.0.0.1:8786, and is 'tcp://head'"),
    ],
)  # fmt: skip
def test_overrides_that_are_wrong(tmp_path: Path, override: str, expected: str) -> None:
    assert mistakes(tmp_path, FULL, override) == [expected]


# --- places for later messages ----------------------------------------------------------------------------------


def test_a_finding_about_a_key_that_was_read(tmp_path: Path) -> None:
    file = load(tmp_path, FULL, "budget.total=3")
    found = file.finding("limits.1.where.grade", "no such grade")
    assert str(found) == f"{tmp_path / 's.yaml'}:30:51: limits.1.where.grade: no such grade"
    assert file.finding(("limits", 1, "where", "grade"), "no such grade") == found
    assert str(file.finding("budget.total", "too small")) == "--set budget.total: budget.total: too small"
    # Not in the file: the block it would stand in.
    assert file.locate("solver.nothing").line == 34
    assert file.locate("lines.step").column == 35


# --- whatever comes ---------------------------------------------------------------------------------------------

KEYS = [*sorted(Settings.model_fields), "x"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["4%", "400bp", "line", "profit", "budget", "-1%", "1e400", 10**400])
)
INNER = sorted(
    {key for block in Settings.model_json_schema()["$defs"].values() for key in block["properties"]}
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(INNER) | st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


def refusals(read: Callable[[], object]) -> tuple[Finding, ...]:
    """Return what a reading refuses; nothing where it accepts. Any other exception passes through."""
    try:
        read()
    except InputError as error:
        return error.findings
    return ()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
@example({"title": "\ud800"})
@example({"grade_factor": {"\ud800": 1}})
def test_nothing_but_an_input_error_is_raised(changes: dict[str, Any]) -> None:
    text = "\n".join(str(one) for one in refusals(lambda: from_mapping(**changes)))
    assert "nput should" not in text
    assert "pydantic" not in text


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_nothing_but_an_input_error_is_raised_by_a_file(tmp_path: Path, changes: dict[str, Any]) -> None:
    text = json.dumps(
        mapping(enterprises="book.csv", **{k: v for k, v in changes.items() if k != "enterprises"})
    )
    assert all(one.file for one in refusals(lambda: load(tmp_path, text)))
