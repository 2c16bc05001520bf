"""What a written folder holds: a plan, or the points of a sweep or a frontier, and which of its plans is meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lendplan.data.findings import Finding, InputError
from lendplan.reports.contents import Cell

_IN_TABLE = ("status", "objective", "revenue", "risk", "line", "exposure", "interest", "funded")
"""Figures of summary.json that the table of points must say as well, to the last bit."""
_LONGEST = 200  # letters of the name of a point's folder
_KINDS: tuple[Literal["sweep", "frontier"], ...] = ("sweep", "frontier")


@dataclass(frozen=True)
class WrittenFolder:
    """What a folder holds.

    Parameters
    ----------
    path
        The folder.
    kind
        What it holds.
    rows
        A mapping a point, in the order of its table: column of ``sweep.csv`` or ``frontier.csv`` → cell; () for a plan.
    manifest
        manifest.json of the folder.
    """

    path: Path
    kind: Literal["plan", "sweep", "frontier"]
    rows: tuple[Mapping[str, Cell], ...] = field(repr=False)
    manifest: Mapping[str, Any] = field(repr=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns before ``status``: the swept keys; of a frontier ``risk_limit``, ``revenue_bound``, ``knee``."""
        names = list(self.rows[0]) if self.rows else []
        return tuple(names[: names.index("status")]) if "status" in names else ()

    @property
    def opened(self) -> int | None:
        """Row that is looked at first; None where none has a plan.

        The knee of a frontier; of a sweep the point nearest to the scenario's own values, the first of those that are
        as near.
        """
        with_plan = [at for at in range(len(self.rows)) if self.has_plan(at)]
        knees = [at for at in with_plan if self.rows[at].get("knee") is True]
        away = self._away_from_scenario()
        return next(iter([*knees, *sorted(with_plan, key=away.__getitem__)]), None)

    def _away_from_scenario(self) -> list[float]:
        """Return how far each point is from the scenario's own values, each key's values from 0 to 1."""
        away = [0.0] * len(self.rows)
        scenarios = [self._scenario_of(row) for row in range(len(self.rows))] if self.kind == "sweep" else []
        for column in self.keys if self.kind == "sweep" else ():
            key = column.removeprefix("scenario.")
            own = _own_value(self.manifest.get("scenario"), key)
            values = [_own_value(one, key) for one in scenarios]
            numbers = [float(one) for one in values if _is_number(one)]
            span = max(numbers, default=0.0) - min(numbers, default=0.0)
            for at, value in enumerate(values):
                if _is_number(own) and _is_number(value) and span > 0:
                    away[at] += min(abs(value - own) / span, 1.0)
                elif value != own:
                    away[at] += 1.0
        return away

    def _scenario_of(self, row: int) -> Any:
        """Return the scenario of a point as it was validated; None where its manifest cannot be read."""
        if not self.has_plan(row):
            return None
        try:
            return _manifest(self.folder_of(row) / "manifest.json").get("scenario")
        except InputError:
            return None

    def has_plan(self, row: int) -> bool:
        """Whether a point has a plan."""
        return bool(self.rows[row].get("folder")) and self.rows[row].get("status") in ("optimal", "feasible")

    def plan_folder(self, point: int | None = None) -> Path:
        """Return the folder of one plan.

        Parameters
        ----------
        point
            Row of the table, from 1; that which is looked at first unless given.

        Raises
        ------
        InputError
            If there is no such point, it has no plan, or the folder is that of a single plan and a point is given.
        """
        if self.kind == "plan":
            if point is not None:
                raise InputError(
                    Finding("is the folder of a single plan, which has no points", file=str(self.path))
                )
            return self.path
        table = str(self.path / f"{self.kind}.csv")
        at = self.opened if point is None else point - 1
        if at is None:
            raise InputError(Finding("none of its points has a plan", file=table))
        if not 0 <= at < len(self.rows):
            raise InputError(Finding(f"has {len(self.rows):,} points, and no point {point}", file=table))
        if not self.has_plan(at):
            why = str(self.rows[at].get("error") or self.rows[at].get("status")).splitlines()[0].rstrip(".:")
            raise InputError(Finding(f"point {at + 1} has no plan ({why}); choose another", file=table))
        return self.folder_of(at)

    def unlike(self, row: int, summary: Mapping[str, Any]) -> list[str]:
        """Return where the table says otherwise of a point than its own summary.json, a line each."""
        said = self.rows[row]
        return [
            f"{name}: {said[name]!r} in {self.kind}.parquet, {summary.get(name)!r} in summary.json"
            for name in _IN_TABLE
            if name in said and said[name] != summary.get(name)
        ]

    def folder_of(self, row: int) -> Path:
        """Return the folder of a point, which may not lead out of this one.

        Raises
        ------
        InputError
            If it does.
        """
        return self.expect_within(str(self.rows[row]["folder"]))

    def expect_within(self, name: str) -> Path:
        """Return a folder below this one by its name.

        Raises
        ------
        InputError
            If it leads out of this one, or can be no name.
        """
        folder = self.path / name
        try:  # a name may hold what no file's name can
            is_within = folder.resolve().is_relative_to(self.path.resolve()) and len(name) < _LONGEST
        except (OSError, ValueError):
            is_within = False
        if not is_within:
            message = f"the folder {name[:80]!r} of a point leads out of {self.path}, or can be none"
            raise InputError(Finding(message, file=str(self.path / f"{self.kind}.parquet")))
        return folder


def holds_points(folder: Path) -> bool:
    """Whether a folder is that of a sweep or a frontier."""
    return any((folder / f"{kind}.parquet").exists() for kind in _KINDS)


def read_written(folder: str | Path) -> WrittenFolder:
    """Return what a folder holds; of a sweep or a frontier its table.

    Raises
    ------
    InputError
        If it is none of `optimize`'s, or cannot be read.
    """
    path = Path(folder)
    if not path.is_dir():
        raise InputError(Finding("no such folder", file=str(path)))
    manifest = _manifest(path / "manifest.json")
    for kind in _KINDS:
        if (path / f"{kind}.parquet").exists():
            return WrittenFolder(path, kind, _rows(path / f"{kind}.parquet"), manifest)
    if not (path / "allocations.parquet").exists():
        message = "holds no plan, sweep or frontier; name a folder that `optimize SCENARIO` wrote"
        raise InputError(Finding(message, file=str(path)))
    return WrittenFolder(path, "plan", (), manifest)


def _own_value(scenario: Any, key: str) -> Any:
    """Return what a scenario says under a dotted key; a limit goes by its name. None where it says nothing."""
    first, *rest = key.split(".")
    if first == "limits" and rest:
        *name, field_of_it = rest
        limits = scenario.get("limits") if isinstance(scenario, dict) else None
        named = [
            one
            for one in (limits if isinstance(limits, list) else [])
            if isinstance(one, dict) and one.get("name") == ".".join(name)
        ]
        bound = named[0].get(field_of_it) if named else None
        return bound.get("value") if isinstance(bound, dict) else bound
    for part in (first, *rest):
        scenario = scenario.get(part) if isinstance(scenario, dict) else None
    return scenario


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _manifest(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        message = "there is none; name a folder that `optimize SCENARIO` wrote"
        raise InputError(Finding(message, file=str(path))) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(Finding(f"cannot be read: {error}", file=str(path))) from error
    if not isinstance(found, dict):
        raise InputError(Finding("must be a JSON object", file=str(path)))
    return found


def _rows(path: Path) -> tuple[Mapping[str, Cell], ...]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        rows = parquet.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(Finding(f"cannot be read as Parquet: {error}", file=str(path))) from error
    needed = {"status", "folder"}
    if rows and not needed <= set(rows[0]):
        lacking = ", ".join(sorted(needed - set(rows[0])))
        raise InputError(Finding(f"lacks the columns {lacking}", file=str(path)))
    if any(not isinstance(cell, str | float | int | bool | None) for row in rows for cell in row.values()):
        raise InputError(
            Finding("holds cells that are neither text nor number nor truth value", file=str(path))
        )
    return tuple(rows)
