"""The types of scenario fields: what each accepts from a file, and what the JSON Schema says of it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from lendplan.data.findings import shown
from lendplan.scenario.sweptvalues import MOST_POINTS, swept_values
from lendplan.scenario.values import (
    BASIS_POINT_PATTERN,
    PERCENT_PATTERN,
    Bound,
    format_bound,
    parse_bound,
    parse_fraction,
)

_WITH_UNIT = [
    {"type": "string", "pattern": PERCENT_PATTERN},
    {"type": "string", "pattern": BASIS_POINT_PATTERN},
]


def problem(text: str, key: str | int | None = None) -> PydanticCustomError:
    """Return the error whose whole message is `text`; `key` is the key below the one that is being validated."""
    return PydanticCustomError("lendplan", "{text}", {"text": text, "key": key})


def check_fraction(value: object) -> float:
    """Return the fraction that a value stands for, as a validator; see `parse_fraction`."""
    try:
        return parse_fraction(value)
    except ValueError as error:
        raise problem(str(error)) from None


def _bound(value: object) -> Bound:
    try:
        return parse_bound(value)
    except ValueError as error:
        raise problem(str(error)) from None


def _swept(value: object) -> list[object]:
    """Return the values that a key is swept over."""
    try:
        return swept_values(value)
    except ValueError as error:
        raise problem(str(error)) from None


def _texts(value: object) -> list[str]:
    """Return one value or a list of values as text; the loader has turned numbers into what was written."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise problem("has no value; name at least one, or remove the key")
    for position, one in enumerate(values):
        if isinstance(one, list | Mapping) or one is None:
            raise problem(
                "must be a value or a list of values", position if isinstance(value, list) else None
            )
    return [str(one) for one in values]


CLUSTER_PATTERN = r"^(local|(tcp|tls)://[^\s/]+:[0-9]{1,5}/?)$"
"""What stands for machines: our own, or the address of a Dask scheduler."""


def _cluster(value: str) -> str:
    if not re.fullmatch(CLUSTER_PATTERN, value):
        message = "must be `local`, or the address of a Dask scheduler such as tcp://10.0.0.1:8786, and is"
        raise problem(f"{message} {shown(value)}")
    return value


Cluster = Annotated[
    str,
    AfterValidator(_cluster),
    WithJsonSchema({"type": "string", "pattern": CLUSTER_PATTERN}),
]
"""``local`` or an address such as ``tcp://10.0.0.1:8786``."""
Fraction = Annotated[
    float,
    BeforeValidator(check_fraction),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, *_WITH_UNIT]}),
]
"""A number from 0 to 1, or text such as ``4%`` and ``400bp``."""
Amount = Annotated[float, Field(ge=0)]
"""A finite number, 0 or more; for money in the scenario's unit."""
Positive = Annotated[float, Field(gt=0)]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[
    list[str],
    PlainValidator(_texts),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}},
            ]
        }
    ),
]
_END = {"anyOf": [{"type": "number"}, *_WITH_UNIT]}
Swept = Annotated[
    list[Any],
    PlainValidator(_swept),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "minItems": 1, "maxItems": MOST_POINTS},
                {
                    "type": "object",
                    "properties": {
                        "from": _END,
                        "to": _END,
                        "points": {"type": "integer", "minimum": 2, "maximum": MOST_POINTS},
                    },
                    "required": ["from", "to", "points"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""The values that a key is swept over: a list, or so many evenly spaced ones from the first to the last."""
LimitValue = Annotated[
    Bound,
    PlainValidator(_bound),
    PlainSerializer(format_bound, return_type=float | str),
    WithJsonSchema({"anyOf": [{"type": "number"}, *_WITH_UNIT]}),
]
