"""The points of a sweep: one scenario for each combination of the swept keys' values."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lendplan.data.findings import Finding, InputError, shown
from lendplan.scenario import Settings, settings_from
from lendplan.scenario.mappings import nodes_of
from lendplan.scenario.nodes import Place
from lendplan.scenario.overrides import assign
from lendplan.scenario.sweptvalues import MOST_POINTS
from lendplan.scrutiny import Locate

_SHOWN = 20  # faults of one sweep
_A_RUN = 8  # points of a small book that start from one that was solved before
_A_CHAIN = 10  # points that one process solves one after another, about


@dataclass(frozen=True)
class Point:
    """One plan that is asked for.

    Parameters
    ----------
    number : from 1, in the order of the table
    values : swept key → its value here
    settings : the scenario with these values, without ``sweep``, ``frontier`` and ``treasury``
    overrides : the values as ``--set`` would take them
    """

    number: int
    values: Mapping[str, Any]
    settings: Settings
    overrides: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Where it stands below the sweep's folder."""
        return f"points/{self.number:04d}"


def points_of(settings: Settings, locate: Locate, base: Path | None = None) -> tuple[Point, ...]:
    """Return the points of a scenario's ``sweep``, the last key's values changing fastest.

    Parameters
    ----------
    settings : of the scenario
    locate : turns a key path and a message into a finding with its place
    base : folder that swept paths belong to

    Raises
    ------
    InputError
        With every value that makes no scenario.
    """
    keys = list(settings.sweep)
    wanted = math.prod(len(values) for values in settings.sweep.values())
    if wanted > MOST_POINTS:
        raise InputError(
            locate(
                ("sweep",),
                f"asks for {wanted:,} plans, and a sweep takes at most {MOST_POINTS:,}; take fewer values",
            )
        )
    findings: list[Finding] = []
    points = []
    plain = unswept(settings)
    for number, values in enumerate(itertools.product(*settings.sweep.values()), start=1):
        combination = dict(zip(keys, values, strict=True))
        at = settings_at(plain, combination, findings, lambda key, text: locate(("sweep", key), text), base)
        if at is not None:
            said = tuple(
                f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in combination.items()
            )
            points.append(Point(number, combination, at, said))
        if len(findings) >= _SHOWN:
            break
    if findings:
        raise InputError(list(dict.fromkeys(findings)))
    return tuple(points)


def unswept(settings: Settings) -> dict[str, Any]:
    """Return a scenario as plain data, without its ``sweep``, its ``frontier`` and the workbook of one plan."""
    plain: dict[str, Any] = settings.model_dump(mode="json", exclude={"sweep", "frontier", "treasury"})
    return plain


def settings_at(
    plain: Mapping[str, Any],
    values: Mapping[str, Any],
    findings: list[Finding],
    told: Callable[[str, str], Finding],
    base: Path | None = None,
) -> Settings | None:
    """Return a scenario with some keys set; None, and findings, where that makes none.

    Parameters
    ----------
    plain : the scenario, as plain data
    values : dotted key → value
    told : turns a swept key and a message into a finding
    base : folder that paths among the values belong to
    """
    root, faults = nodes_of({**plain})
    assert not faults
    for key, value in values.items():
        node, faults = nodes_of([value])
        assert isinstance(node.content, list)
        try:
            assign(root, key, node.content[0], Place())
        except LookupError as error:
            findings.append(told(key, str(error.args[0])))
            return None
        findings += [told(key, fault.message) for fault in faults]
    try:
        return settings_from(root.plain(), base, need_enterprises=False)
    except InputError as error:
        for fault in error.findings:
            key = _meant(fault.key or "", values, plain)
            what = f"{_said(values[key])}: " if key in values else ""
            where = "" if fault.key in (key, None) else f"{fault.key} "
            findings.append(told(key, f"{what}{where}{fault.message}"))
        return None


def _meant(key: str, values: Mapping[str, Any], plain: Mapping[str, Any]) -> str:
    """Return the swept key that a fault at ``key`` comes from; the first of them where none is near."""
    named = key
    steps = key.split(".")
    if steps[0] == "limits" and len(steps) > 1 and steps[1].isdigit():
        limit = plain["limits"][int(steps[1])]
        named = ".".join(["limits", limit["name"], *steps[2:]])
    for swept in values:
        if any(one == swept or one.startswith(f"{swept}.") for one in (key, named)):
            return swept
    return next(iter(values))


def _said(value: object) -> str:
    return shown(value) if isinstance(value, str) else repr(value)


def chains_of(count: int, processes: int) -> Iterator[range]:
    """Yield runs of positions, each for one process to solve one after another.

    They depend on the number of processes that is asked for and not on which of them is free first, so that a
    point always starts from the same neighbour.
    """
    runs = min(count, processes * max(1, round(count / (_A_CHAIN * processes))))
    for at in range(runs):
        first, last = at * count // runs, (at + 1) * count // runs
        if last > first:
            yield range(first, last)


def runs_of(count: int) -> list[range]:
    """Return short runs of positions, whatever the number of processes."""
    runs = max(1, round(count / _A_RUN))
    return [range(at * count // runs, (at + 1) * count // runs) for at in range(runs if count else 0)]


def distinct(points: Sequence[Point], harmless: Sequence[str]) -> Iterator[Point]:
    """Yield a point for each combination of the values of keys that do not begin with a harmless word."""
    seen = set()
    for point in points:
        key = repr(
            [(name, value) for name, value in point.values.items() if not name.startswith(tuple(harmless))]
        )
        if key not in seen:
            seen.add(key)
            yield point
