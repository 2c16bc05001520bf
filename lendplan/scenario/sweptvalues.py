"""What a key of `sweep` holds: a list of values, or evenly spaced ones between two ends."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from lendplan.data.findings import did_you_mean, shown
from lendplan.scenario.values import parse_bound, percent

MOST_POINTS = 10_000
"""Of one key, of the product of all keys, and of a frontier."""

NOT_SWEPT: Mapping[str, str] = {
    "sweep": "a sweep is no part of a plan",
    "frontier": "a frontier is no part of a plan",
    "treasury": "the workbook takes one plan",
    "extends": "it is read from files alone",
    "output": "all points go to one folder",
    "solver.cluster": "a sweep runs on one machine",
    "solver.threads": "a sweep gives each of its processes one thread",
}
"""Keys that cannot be swept, and why."""

_KEYS = ("from", "to", "points")


def swept_values(value: object) -> list[object]:
    """Return the values that a key is swept over, in order.

    Parameters
    ----------
    value
        A list, or a mapping with ``from``, ``to`` and ``points``; the ends are numbers, or both have ``%`` or ``bp``,
        and so have the values between them then.

    Raises
    ------
    ValueError
        If it is neither; the message says what belongs there.
    """
    if isinstance(value, Mapping):
        return _spaced(value)
    if not isinstance(value, list):
        raise ValueError(
            "must be a list of values, or {from: 0, to: 1, points: 21}, and is "
            + (shown(value) if isinstance(value, str) else repr(value))
        )
    if not value:
        raise ValueError("has no value; name at least one, or remove the key")
    if len(value) > MOST_POINTS:
        raise ValueError(f"has {len(value):,} values; a sweep takes at most {MOST_POINTS:,}")
    return list(value)


def _spaced(value: Mapping[str, Any]) -> list[object]:
    for key in value:
        if key not in _KEYS:
            raise ValueError(
                f"there is no key {shown(str(key))} in it{did_you_mean(str(key), _KEYS) or '; ' + _wanted()}"
            )
    missing = [key for key in _KEYS if value.get(key) is None]
    if missing:
        raise ValueError(f"lacks `{'` and `'.join(missing)}`; {_wanted()}")
    points = value["points"]
    if isinstance(points, bool) or not isinstance(points, int) or not 2 <= points <= MOST_POINTS:
        raise ValueError(f"`points` must be a whole number from 2 to {MOST_POINTS:,}, and is {points!r}")
    ends = []
    for key in ("from", "to"):
        try:
            ends.append(parse_bound(value[key]))
        except ValueError as error:
            raise ValueError(f"`{key}`: {error}") from None
    first, last = ends
    if first.kind != last.kind:
        raise ValueError("`from` and `to` must both be plain numbers, or both have % or bp")
    low, high = (Fraction(repr(end.value)) for end in ends)
    # Exact between the ends, so that 0.15 is the number that one would write, and not a neighbour of it.
    values = [float(low + (high - low) * at / (points - 1)) for at in range(points)]
    return [percent(one) for one in values] if first.kind == "share" else list(values)


def _wanted() -> str:
    return "write {from: 0, to: 1, points: 21}"
