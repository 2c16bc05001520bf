"""What pydantic finds wrong, in plain words: the value, what belongs there, and the likely remedy."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from lendplan.data.findings import did_you_mean, shown
from lendplan.scenario.manual import descriptions
from lendplan.scenario.nodes import KeyPath

PLANNED_VALUES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("formulation",): ("rate_card", "stress", "robust"),
}
"""Values that this version cannot use yet."""

_TRUTH = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def explain(error: ErrorDetails, model: type[BaseModel], written: str | None = None) -> tuple[KeyPath, str]:
    """Say one validation error in plain words.

    Parameters
    ----------
    error
        An entry of ``ValidationError.errors()``.
    model
        The model that was validated.
    written
        The value as it was written, where that is known and it is no text.

    Returns
    -------
    path, message
        The path of the key that is wrong, and what is wrong with it.
    """
    path: KeyPath = tuple(error["loc"])
    context: Mapping[str, Any] = error.get("ctx") or {}
    if error["type"] == "lendplan":
        below = context["key"]
        return (path if below is None else (*path, below)), context["text"]
    if error["type"] in _SPECIAL:
        return path, _SPECIAL[error["type"]](path, error["input"], model, written)
    if error["type"] in _PLAIN:
        return path, _PLAIN[error["type"]].format(**context, is_=_is(error["input"], written))
    return path, f"{error['msg'].lower()}, and {_is(error['input'], written)}"


def _is(value: object, written: str | None = None) -> str:
    """Say what a value is: ``is 'text'``, ``is -1``, ``is a list``."""
    if value is None:
        return "has no value"
    if isinstance(value, bool):
        return f"is {written or str(value).lower()}"
    if isinstance(value, int | float):
        return f"is {_short(written or repr(value))}"
    if isinstance(value, str):
        return f"is {shown(value)}" if value else "is empty"
    if isinstance(value, Mapping):
        return "is a mapping"
    return "is a list" if isinstance(value, list | tuple) else f"is a {type(value).__name__}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _fields(model: type[BaseModel], path: KeyPath) -> tuple[type[BaseModel], Any] | None:
    """Return the model a path ends in, and the field's annotation there; None where the path leaves the schema."""
    block: type[BaseModel] | None = model
    annotation: Any = model
    owner = model
    for step in path:
        if isinstance(step, int):
            continue
        if block is None or step not in block.model_fields:
            return None
        owner, annotation = block, block.model_fields[step].annotation
        block = next(
            (one for one in _parts(annotation) if isinstance(one, type) and issubclass(one, BaseModel)), None
        )
    return (block or owner), annotation


def _parts(annotation: Any) -> list[Any]:
    """Return an annotation and all that it is made of."""
    parts = [annotation]
    if get_origin(annotation) is not Literal:
        for one in get_args(annotation):
            parts += _parts(one)
    return parts


def _missing(path: KeyPath, _value: object, model: type[BaseModel], _written: str | None) -> str:
    found = _fields(model, path[:-1])
    about = descriptions(found[0]).get(str(path[-1])) if found else None
    clause = re.split(r"[;.]", " ".join((about or "").split()))[0]
    return f"is required and missing{f': {clause[0].lower()}{clause[1:]}' if clause else ''}"


def _unknown(path: KeyPath, _value: object, model: type[BaseModel], _written: str | None) -> str:
    key = str(path[-1])
    found = _fields(model, path[:-1])
    siblings = list(found[0].model_fields) if found else []
    nearest = did_you_mean(key, siblings)
    return f"there is no such key{nearest or '; the keys here are ' + ', '.join(siblings)}"


def _choice(path: KeyPath, value: object, model: type[BaseModel], written: str | None) -> str:
    found = _fields(model, path)
    literal = next((one for one in _parts(found[1]) if get_origin(one) is Literal), None) if found else None
    choices = [str(one) for one in get_args(literal)]
    named = tuple(step for step in path if isinstance(step, str))
    if value in PLANNED_VALUES.get(named, ()):
        return f"this version of lendplan has no `{value}` yet; write {_or(choices)} (it is planned)"
    nearest = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"must be {_or(choices)}, and {_is(value, written)}{nearest}"


def _or(choices: list[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]] if len(choices) > 1 else choices)


def _mapping(path: KeyPath, value: object, model: type[BaseModel], written: str | None) -> str:
    found = _fields(model, path)
    block = found[0] if found and found[0] in _parts(found[1]) else None
    example = f", such as `{next(iter(block.model_fields))}:`" if block else ""
    return f"must hold keys and their values{example}, and {_is(value, written)}"


def _text(_path: KeyPath, value: object, _model: type[BaseModel], written: str | None) -> str:
    if isinstance(value, int | float):
        literal = _short(written or (str(value).lower() if isinstance(value, bool) else repr(value)))
        kind = "truth value" if isinstance(value, bool) else "number"
        return f'must be text, and {literal} is a {kind}; quote it: "{literal}"'
    return f"must be text, and {_is(value, written)}"


def _number(_path: KeyPath, value: object, _model: type[BaseModel], written: str | None) -> str:
    remedy = ""
    if isinstance(value, str):
        digits = re.sub(r"[\s,_']", "", value)
        if re.search(r"(%|bp)\s*$", value):
            remedy = "; a share cannot stand here"
        elif re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?", digits, re.ASCII):
            remedy = f"; write {_short(digits)}, without {'quotes' if digits == value else 'separators'}"
    return f"must be a number, and {_is(value, written)}{remedy}"


def _truth(_path: KeyPath, value: object, _model: type[BaseModel], written: str | None) -> str:
    meant = _TRUTH.get(value.lower()) if isinstance(value, str) else None
    return f"must be true or false, and {_is(value, written)}{f'; write {meant}' if meant else ''}"


_SPECIAL: dict[str, Callable[[KeyPath, object, type[BaseModel], str | None], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "literal_error": _choice,
    "model_type": _mapping,
    "dict_type": _mapping,
    "string_type": _text,
    "float_type": _number,
    "bool_type": _truth,
}
_PLAIN = {
    "list_type": "must be a list, and {is_}",
    "int_type": "must be a whole number, and {is_}",
    "finite_number": "must be a finite number, and {is_}",
    "greater_than": "must be above {gt:g}, and {is_}",
    "greater_than_equal": "must not be below {ge:g}, and {is_}",
    "less_than": "must be below {lt:g}, and {is_}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters, and {is_}",
}
