"""Write the reference pages: ``python docs/generate.py``.

They come from the program itself: the commands, the scenario's schema, the contracts of the tables. A test
compares them with the committed ones.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
_NOTE = "<!-- Written by docs/generate.py; edit what it reads, not this page. -->"


def pages() -> dict[str, str]:
    """Return path below docs/ -> text of every generated page."""
    return {
        "reference/cli.md": cli_page(),
        "reference/scenario.md": scenario_page(),
        "reference/tables.md": tables_page(),
        "rating/indicators.md": indicators_page(),
    }


# ------------------------------------------------------------------------------------------------- commands
def cli_page() -> str:
    """Return the reference of the command line."""
    from lendplan.cli import app as optimize
    from lendplan.ratecli import app as rate

    parts = [
        _NOTE,
        "# Commands",
        "Results go to standard output, progress, warnings and errors to standard error. The exit codes are in "
        "[Outputs](../outputs.md#exit-codes). `--help` after any of these prints the same.",
        *_command_parts("optimize", optimize),
        *_command_parts("rate", rate),
    ]
    return _joined(parts)


def _command_parts(program: str, app: Any) -> Iterator[str]:
    import typer

    group: Any = typer.main.get_command(app)
    yield from (f"## {program}", _flowed(group.help), _options(group.params))
    for name, command in group.commands.items():
        yield f"## {program} {name}"
        yield f"```text\n{_usage(program, name, command.params)}\n```"
        yield _flowed(command.help)
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        if arguments:
            yield _table(("argument", "meaning"), [(f"`{one.metavar}`", one.help) for one in arguments])
        yield _options(command.params)


def _flowed(text: str) -> str:
    return "\n\n".join(" ".join(block.split()) for block in re.split(r"\n\s*\n", text.strip()))


def _usage(program: str, name: str, params: list[Any]) -> str:
    words = [program, name]
    for one in params:
        if one.param_type_name == "argument":
            words.append(one.metavar)
        elif one.is_flag:
            words.append(f"[{one.opts[0]}]")
        elif one.required:
            words.append(f"{one.opts[0]} {_holds(one)}")
        else:
            words.append(f"[{one.opts[0]} {_holds(one)}]" + ("…" if one.multiple else ""))
    return " ".join(words)


def _holds(option: Any) -> str:
    """Return what stands for the value of an option: its metavar, or the choices that its default is one of."""
    choices: Any = type(option.default)
    return option.metavar or "|".join(one.value for one in choices)


def _options(params: list[Any]) -> str:
    rows = [
        (
            f"`{', '.join(one.opts)}{'' if one.is_flag else f' {_holds(one)}'}`",
            one.help + (" May be given more than once." if one.multiple else ""),
        )
        for one in params
        if one.param_type_name == "option"
    ]
    return _table(("option", "meaning"), [*rows, ("`--help`", "Show the help and exit.")])


# ------------------------------------------------------------------------------------------------- scenario
def scenario_page() -> str:
    """Return the reference of the scenario file."""
    from lendplan.scenario.editorschema import described_schema

    schema = described_schema()
    parts = [
        _NOTE,
        "# The scenario file",
        "Every key, from the schema. A *fraction* is written `0.04`, `4%` or `400bp`; a *share* `25%`. A relative path "
        "belongs to the file it stands in. A key that is `null` counts as left out. `optimize schema` prints the same "
        "as JSON Schema, for editors.",
        "```{contents}\n:local:\n:depth: 1\n```",
        "## At the top",
        _block(schema, schema),
    ]
    for path, block in _blocks(schema, schema, ""):
        parts += [f"## {path}", _flowed(block.get("description", "")), _block(block, schema)]
    return _joined(parts)


def _blocks(block: Mapping[str, Any], schema: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for key, entry in block["properties"].items():
        below = _definition(entry, schema)
        if below is not None:
            path = f"{above}{key}"
            yield path, below
            yield from _blocks(below, schema, f"{path}.")


def _definition(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Return the block that a key holds, one or a list of them; None where it holds a value."""
    for one in (entry, entry.get("items", {}), *entry.get("anyOf", [])):
        if "$ref" in one:
            return schema["$defs"][one["$ref"].rpartition("/")[2]]
    return None


def _block(block: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    required = block.get("required", [])
    rows = [
        (
            f"`{key}`",
            _kind(entry, schema),
            "**required**" if key in required else _default(entry),
            # pydantic leaves a key's own words out where they are those of its block.
            _flowed(entry.get("description") or _definition(entry, schema)["description"]),
        )
        for key, entry in block["properties"].items()
    ]
    return _table(("key", "holds", "unless given", "meaning"), rows)


def _kind(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Say in words what a key of the JSON Schema holds."""
    options = [one for one in entry.get("anyOf", [entry]) if one.get("type") != "null"]
    if not options:
        return "null"
    if _definition(entry, schema) is not None:
        return "list of blocks" if entry.get("type") == "array" else "block"
    if any("%" in one.get("pattern", "") for one in options):
        numbers = [one for one in options if one.get("type") == "number"]
        return "fraction" if any(one.get("maximum") == 1 for one in numbers) else "amount or share"
    if len(options) > 1:
        return "value or list of values" if any(one.get("type") == "array" for one in options) else "value"
    return _plain_kind(options[0], schema)


def _plain_kind(one: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    choices = one.get("enum") or ([one["const"]] if "const" in one else [])
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    if one.get("type") == "object":
        return f"mapping of {_kind(one['additionalProperties'], schema)}"
    if one.get("type") == "array":
        return f"list of {_kind(one['items'], schema)}"
    if one.get("type") in ("number", "integer"):
        word = "whole number" if one["type"] == "integer" else "number"
        ends = [
            f"{sign} {one[key]:g}"
            for key, sign in (
                ("exclusiveMinimum", ">"),
                ("minimum", "≥"),
                ("exclusiveMaximum", "<"),
                ("maximum", "≤"),
            )
            if key in one
        ]
        return " ".join([word, " and ".join(ends)]).strip()
    return {"string": "text", "boolean": "true or false"}.get(one.get("type", ""), "value")


def _default(entry: Mapping[str, Any]) -> str:
    value = entry.get("default")
    if value is None or value in ({}, []) or isinstance(value, dict):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`[{', '.join(value)}]`" if isinstance(value, list) else f"`{value}`"


# --------------------------------------------------------------------------------------------------- tables
def tables_page() -> str:
    """Return the reference of the tables' columns."""
    from lendplan.data.contracts import ALLOCATIONS, CHURN, ENTERPRISES, RATINGS
    from lendplan.rating.invoices.tables import INVOICES, RATED_ENTERPRISES

    parts = [
        _NOTE,
        "# Columns of the tables",
        "Every column, from the contracts that the tables are checked against. How a table is read is on "
        "[Tables](../tables.md). *amount* is money in the scenario's unit; a *fraction* is written `0.04`, `4%` or "
        "`400bp`; a *date* `2017-07-18`, `2017/7/18`, `20170718`, `2017年7月18日`, a date of a workbook or Excel's "
        "number of the day, never `03/04/2017`; a *code* is text kept as exactly as an id, that may repeat. Blank "
        "cells are allowed unless it says otherwise.",
    ]
    for contract, about in (
        (ENTERPRISES, "The book: one row an applicant."),
        (RATINGS, "One row an applicant; each value stands over the book's, unless it is blank."),
        (CHURN, "One row a rate, one column a grade."),
        (ALLOCATIONS, "What `optimize score` reads: a plan made elsewhere."),
        (RATED_ENTERPRISES, f"What `rate` reads, {_headers(RATED_ENTERPRISES)}."),
        (INVOICES, f"What `rate` reads, one table a side or one for both, {_headers(INVOICES)}."),
    ):
        rows = [
            (
                f"**{column.name}**" if column.required else f"`{column.name}`",
                column.kind + (", never blank" if column.filled and column.kind != "id" else ""),
                column.unit or "–",
                column.range or "–",
                column.description,
            )
            for column in contract.columns
        ]
        extra = contract.extra
        rows.append(("further columns", extra.kind, extra.unit or "–", extra.range or "–", extra.description))
        needed = [" or ".join(f"`{name}`" for name in group) for group in contract.any_of]
        also = f" It also needs {'; '.join(needed)}." if needed else ""
        parts += [
            f"## {contract.name}",
            f"{about} Required columns are in bold.{also}",
            _table(("column", "kind", "unit", "range", "meaning"), rows),
        ]
    return _joined(parts)


def _headers(contract: Any) -> str:
    """Return by which headers the columns of a table of the rating are recognised."""
    from lendplan.rating.invoices.tables import COUNTERPARTY, HEADERS

    told = {
        **{column.name: HEADERS[column.name][0] for column in contract.columns},
        **(
            {"counterparty": " or ".join(names[0] for names in COUNTERPARTY.values())}
            if "side" in contract
            else {}
        ),
    }
    return "with our headers or with " + ", ".join(f"{theirs} ({name})" for name, theirs in told.items())


# ----------------------------------------------------------------------------------------------- indicators
def indicators_page() -> str:
    """Return the page of the rating's indicators."""
    import inspect

    from lendplan.rating.indicators import catalogue

    groups = {
        "published": "The six of the published method",
        "size": "Size",
        "spread": "Spread over counterparties and days",
        "papers": "Void and returned invoices",
        "time": "Days and silences",
        "months": "Month by month",
    }
    parts = [
        _NOTE,
        "# Indicators",
        f"{len(catalogue.CATALOGUE)} numbers describe an enterprise, all of them worked out of its invoices. The "
        f"[forests and the logit](forest_and_probabilities.md) learn from {len(catalogue.LEARNT)} of them, marked "
        "*yes* under *learnt*; the others are for people and for the early warning. The [grey relation](grey.md) takes "
        "the first six. *Better* is judged beforehand and not from the data; `none` where it is not clear which way "
        "that is.",
        _flowed((inspect.getdoc(catalogue) or "").split("\n\n", 1)[1]),
    ]
    found = list(catalogue.CATALOGUE.values())
    for group in dict.fromkeys(one.group for one in found):
        rows = [
            (
                f"`{one.name}`",
                "–" if one.unit == "1" else one.unit,
                one.direction,
                "yes" if one.name in catalogue.LEARNT else "–",
                one.formula,
                one.description,
            )
            for one in found
            if one.group == group
        ]
        parts += [
            f"## {groups.get(group, group.capitalize())}",
            _table(("indicator", "unit", "better", "learnt", "formula", "what it tells"), rows),
        ]
    return _joined(parts)


# -------------------------------------------------------------------------------------------------- writing
def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def main() -> None:
    """Write the pages."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    for name, text in pages().items():
        target = DOCS / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
        print(target)


if __name__ == "__main__":
    main()
