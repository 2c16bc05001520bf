"""The scenario's schema for editors, as JSON Schema."""

from typing import Any, get_args, get_origin

from pydantic import BaseModel

from lendplan.scenario.manual import descriptions
from lendplan.scenario.schema import Settings


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a scenario file, for editors.

    It accepts every scenario that the loader accepts. What it cannot say (two limits of one name, a `min` above its
    `max`) the loader alone refuses.
    """
    schema = described_schema()
    definitions = schema["$defs"]
    for name, block in [("Settings", schema), *definitions.items()]:
        required = block.get("required", [])
        for key, entry in block["properties"].items():
            if key not in required:
                block["properties"][key] = _or_null(entry)
        if name != "Limit":
            # A scenario that extends another may leave out what that one has: demanded at the root only, below.
            block.pop("required", None)
    one = [
        {"required": [key], "properties": {key: {"not": {"type": "null"}}, other: {"type": "null"}}}
        for key, other in (("at_most", "at_least"), ("at_least", "at_most"))
    ]
    definitions["Limit"]["oneOf"] = one
    extended = {"required": ["extends"], "properties": {"extends": {"type": "string"}}}
    complete = _required(Settings)
    complete["required"].append("enterprises")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "lendplan scenario",
        "anyOf": [extended, complete],
    }


def described_schema() -> dict[str, Any]:
    """Return the schema as pydantic has it, with what the manual says of each key.

    A key's own words are left out where they are those of its block.
    """
    schema = Settings.model_json_schema()
    definitions = schema["$defs"]
    about = {one.__name__: descriptions(one) for one in _blocks(Settings)}
    for name, block in [("Settings", schema), *definitions.items()]:
        for key, entry in block["properties"].items():
            told = about[name].get(key)
            of_its_block = definitions.get(entry.get("$ref", "").rpartition("/")[2], {}).get("description")
            if told is not None and told != of_its_block:
                block["properties"][key] = dict(sorted({**entry, "description": told}.items()))
    return schema


def _blocks(block: type[BaseModel]) -> set[type[BaseModel]]:
    """Return a block and all blocks below it."""
    below = {
        one
        for info in block.model_fields.values()
        for one in _types(info.annotation)
        if isinstance(one, type) and issubclass(one, BaseModel)
    }
    return {block}.union(*(_blocks(one) for one in below))


def _types(annotation: Any) -> list[Any]:
    return [annotation, *(found for one in get_args(annotation) for found in _types(one))]


def _or_null(entry: dict[str, Any]) -> dict[str, Any]:
    if entry.get("type") == "null" or {"type": "null"} in entry.get("anyOf", []):
        return entry
    about = ("title", "description", "default")
    rest = {key: value for key, value in entry.items() if key not in about}
    return {key: entry[key] for key in about if key in entry} | {"anyOf": [rest, {"type": "null"}]}


def _required(block: type[BaseModel]) -> dict[str, Any]:
    """Return the schema that demands the required keys of a block and of the blocks below it."""
    below = {
        key: _required(one)
        for key, info in block.model_fields.items()
        for one in (info.annotation, *get_args(info.annotation))
        if isinstance(one, type) and issubclass(one, BaseModel) and get_origin(info.annotation) is not list
    }
    required = [key for key, info in block.model_fields.items() if info.is_required()]
    return {
        "required": required,
        "properties": {key: rule for key, rule in below.items() if rule["required"] or rule["properties"]},
    }
