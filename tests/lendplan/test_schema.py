"""The JSON Schema: what editors say agrees with what the loader says."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lendplan.data.findings import InputError
from lendplan.scenario import json_schema, load_settings
from lendplan.scenario.yamlsource import parse_yaml

VALIDATOR = jsonschema.Draft202012Validator(json_schema())

BASE = """\
title: Small
currency: CNY
enterprises: book.csv
lines: {min: 10, max: 100}
budget: {total: 1000}
"""

GOOD = [
    "",
    "unit: 1e4",
    "unit: null",
    "rates: {min: 4%, max: 400bp, step: 0.0005}",
    "rates: {min: 100%, max: 10000 bp, step: 0.5 %}",
    "rates:",
    "economics: {utilisation: 1, loss_given_default: .5%, interest_lost_on_default: true}",
    "limits: [{name: a, measure: line, at_most: 25%, of: budget, by: industry, where: {grade: C, size: [1, x]}}]",
    "limits: [{name: a, measure: count, at_least: 40, at_most: null}]",
    "limits: null",
    "objective: {kind: profit, ranges: {revenue_max: 1, revenue_min: -1, risk_max: 2, risk_min: 0}}",
    "solver: {method: highs, gap: 1e-6, threads: 1, cluster: null}",
    "churn_as: {AA: A}",
    "grade_factor: {A: 1.2}",
    "exclude_grades: []",
]
BAD = [
    "titel: x",
    "unit: 0",
    "unit: '1'",
    "unit: true",
    "rates: {min: 4}",
    "rates: {min: 101%}",
    "rates: {min: -1%}",
    "rates: {min: 10001bp}",
    "rates: {min: '0.04'}",
    "rates: {min: four}",
    "economics: {interest_lost_on_default: yes}",
    "economics: {fixed_cost: -1}",
    "economics: 3",
    "limits: [{name: a, measure: line}]",
    "limits: [{name: a, measure: line, at_most: 1, at_least: 1}]",
    "limits: [{name: '', measure: line, at_most: 1}]",
    "limits: [{measure: line, at_most: 1}]",
    "limits: [{name: a, measure: lines, at_most: 1}]",
    "limits: [{name: a, measure: line, at_most: lots}]",
    "limits: [{name: a, measure: line, at_most: 1, where: {grade: []}}]",
    "limits: [{name: a, measure: line, at_most: 1, where: {grade: null}}]",
    "limits: {}",
    "objective: {ranges: {revenue_max: 1}}",
    "solver: {gap: 1}",
    "solver: {threads: 1.5}",
    "solver: {threads: 0}",
    "solver: {method: simplex}",
    "solver: {cluster: somewhere}",
    "churn_as: {AA: 1}",
    "exclude_grades: [1]",
    "exclude_grades: D",
    "sweep: {budget.total: []}",
    "sweep: {budget.total: {from: 1, to: 2}}",
    "frontier: {points: 1}",
]
# Two wrongs that only the loader can see.
LOADER_ALONE = [
    "rates: {min: 5%, max: 4%}",
    "limits: [{name: a, measure: line, at_most: 1}, {name: a, measure: line, at_most: 2}]",
    "limits: [{name: budget, measure: line, at_most: 1}]",
    "limits: [{name: a, measure: count, at_most: 5%, of: budget}]",
    "limits: [{name: a, measure: average_rate, at_most: 9}]",
]


def schema_accepts(text: str) -> bool:
    return VALIDATOR.is_valid(parse_yaml(text, "s.yaml").value)


def loader_accepts(folder: Path, text: str) -> bool:
    path = folder / "s.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_settings(path)
    except InputError:
        return False
    return True


def test_it_is_a_schema() -> None:
    schema = json_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("line", GOOD)
def test_both_accept(tmp_path: Path, line: str) -> None:
    text = BASE + line + "\n"
    assert [error.message for error in VALIDATOR.iter_errors(parse_yaml(text, "s.yaml").value)] == []
    assert loader_accepts(tmp_path, text)


@pytest.mark.parametrize("line", BAD)
def test_both_refuse(tmp_path: Path, line: str) -> None:
    text = BASE + line + "\n"
    assert not schema_accepts(text)
    assert not loader_accepts(tmp_path, text)


@pytest.mark.parametrize("line", LOADER_ALONE)
def test_the_loader_refuses_more(tmp_path: Path, line: str) -> None:
    text = BASE + line + "\n"
    assert schema_accepts(text)
    assert not loader_accepts(tmp_path, text)


@pytest.mark.parametrize("key", ["title", "currency", "enterprises", "lines", "budget"])
def test_what_is_required_is_required_by_both(tmp_path: Path, key: str) -> None:
    text = "".join(line for line in BASE.splitlines(keepends=True) if not line.startswith(key))
    assert not schema_accepts(text)
    assert not loader_accepts(tmp_path, text)


def test_a_scenario_that_extends_another_may_leave_out_what_that_one_has(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    text = "extends: base.yaml\nlines: {max: 50}\n"
    assert schema_accepts(text)
    assert loader_accepts(tmp_path, text)
    assert not schema_accepts(text.replace("max", "maxx"))
    assert not schema_accepts("extends: null\nlines: {max: 50}\n")


@given(st.decimals(0, 1, places=6), st.sampled_from(["%", "bp", " %", ""]))
def test_every_fraction_the_loader_reads_is_one_to_the_schema(value: Any, unit: str) -> None:
    scale = {"%": 2, "bp": 4}.get(unit.strip(), 0)
    text = f"{value.scaleb(scale):f}{unit}"
    assert schema_accepts(f"{BASE}rates: {{max: {text}}}\n"), text


def test_every_key_has_its_entry_in_the_manual() -> None:
    schema = json_schema()
    definitions = schema["$defs"]
    for name, block in {"Settings": schema, **definitions}.items():
        for key, entry in block["properties"].items():
            # Where field and block say the same, pydantic keeps it with the block.
            about = entry.get("description") or definitions[entry["$ref"].rsplit("/", 1)[1]]["description"]
            assert about.strip().endswith("."), f"{name}.{key}"


def test_every_optional_key_says_what_holds_without_it() -> None:
    for name, block in {"Settings": json_schema(), **json_schema()["$defs"]}.items():
        for key, entry in block["properties"].items():
            if "default" in entry and (name, key) not in (("Settings", "enterprises"), ("Limit", "at_most")):
                about = " ".join(entry["description"].split())
                said = ("unless given", "(the default)", "give this or", "null, this machine")
                assert any(words in about for words in said), f"{name}.{key}: {about}"
