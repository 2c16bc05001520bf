"""The generated pages are what the program says, and no command, option, key, column or model part is left out."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
import typer
from golden import tiny_problem

from lendplan.cli import app as optimize_app
from lendplan.data.contracts import ALLOCATIONS, CHURN, ENTERPRISES, RATINGS
from lendplan.models import joint, two_stage
from lendplan.models.dominance import all_offers
from lendplan.models.limits import BLANK
from lendplan.models.problem import Choice
from lendplan.ratecli import app as rate_app
from lendplan.reports.tables import ALLOCATION_COLUMNS
from lendplan.scenario.schema import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()
GENERATED: dict[str, str] = GENERATOR.pages()


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(GENERATED))
def test_committed_page_is_what_is_generated(page: str) -> None:
    assert read(page) == GENERATED[page], f"run python docs/generate.py: docs/{page} is out of date"


def commands() -> list[tuple[str, Any]]:
    groups: dict[str, Any] = {
        "optimize": typer.main.get_command(optimize_app),
        "rate": typer.main.get_command(rate_app),
    }
    return [
        pair
        for program, group in groups.items()
        for pair in [
            (program, group),
            *((f"{program} {name}", command) for name, command in group.commands.items()),
        ]
    ]


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_and_option_of_the_help_is_in_the_reference(name: str, command: Any) -> None:
    text = read("reference/cli.md")
    heading = f"## {name}"
    assert f"{heading}\n" in text
    section = text.split(f"{heading}\n")[1].split("\n## ")[0]
    help_text = command.get_help(typer.Context(command, info_name=name))
    options = set(re.findall(r"(?<!\S)--[a-z-]+", help_text))
    assert "--help" in options
    assert {one for one in options if f"`{one}" not in section} == set()
    arguments = [one.metavar for one in command.params if one.param_type_name == "argument"]
    assert [one for one in arguments if one not in help_text or f"`{one}`" not in section] == []


def test_choices_of_an_option_are_named() -> None:
    text = read("reference/cli.md")
    assert "None`" not in text
    assert "--duplicates drop|keep" in text
    assert "| `--probability jeffreys\\|pluto_tasche` |" in text


def test_indicators_that_are_learnt_from_are_marked() -> None:
    from lendplan.rating.indicators.catalogue import CATALOGUE, LEARNT

    cells = [
        line.split(" | ") for line in read("rating/indicators.md").splitlines() if line.startswith("| `")
    ]
    marked = {row[0].strip("| `"): row[3] == "yes" for row in cells}
    assert marked == {name: name in LEARNT for name in CATALOGUE}
    assert f"learn from {len(LEARNT)} of them" in read("rating/indicators.md")


def test_every_key_of_the_scenario_is_in_the_reference() -> None:
    text = read("reference/scenario.md")
    schema = Settings.model_json_schema()
    for name, block in [("Settings", schema), *schema["$defs"].items()]:
        for key in block["properties"]:
            assert f"| `{key}` |" in text, f"{name}.{key}"


def test_every_key_has_words_for_what_it_holds() -> None:
    rows = [
        line.split(" | ") for line in read("reference/scenario.md").splitlines() if line.startswith("| `")
    ]
    assert [row[0] for row in rows if not row[1].strip() or not row[3].strip(" |")] == []


def test_every_column_of_the_contracts_is_in_the_reference() -> None:
    text = read("reference/tables.md")
    for contract in (ENTERPRISES, RATINGS, CHURN, ALLOCATIONS):
        section = text.split(f"## {contract.name}\n")[1].split("\n## ")[0]
        for column in contract.columns:
            assert f"| `{column.name}` |" in section or f"| **{column.name}** |" in section


@pytest.mark.parametrize("name", ["joint", "two_stage"])
def test_formulation_page_names_every_part_of_the_model(name: str) -> None:
    problem = tiny_problem()
    offers = all_offers(problem)
    model: Any = (
        joint.build(problem, offers)
        if name == "joint"
        else two_stage.build(problem, offers, np.array([20.0, 20.0]))
    )
    kinds = (pyo.Set, pyo.Var, pyo.Constraint, pyo.Objective)
    # Pyomo makes further sets of its own for the lists that constraints are declared over.
    parts = {
        part.name for part in model.component_objects(kinds) if not part.name.endswith(("_index", "_domain"))
    }
    assert len(parts) >= 8
    page = read(f"formulations/{name}.md")
    assert {part for part in parts if f"`{part}`" not in page} == set()


def test_outputs_page_names_every_column_and_key() -> None:
    page = read("outputs.md")
    assert {name for name in ALLOCATION_COLUMNS if f"`{name}`" not in page} == set()
    assert {name for name in _summary_keys() if f"`{name}`" not in page} == set()
    assert BLANK in read("measures_and_limits.md")


def _summary_keys() -> set[str]:
    from lendplan.reports.summary import summarise
    from lendplan.solvers.result import Result, SolutionStatus, StopReason

    problem = tiny_problem()
    none = np.zeros(2)
    nothing = Choice(np.zeros(2, dtype=bool), none, np.full(2, np.nan), none, none)
    result = Result(StopReason.PROVEN, SolutionStatus.OPTIMAL, problem)
    return set(summarise(result, nothing, [], certified_bound=None, seconds={}))
