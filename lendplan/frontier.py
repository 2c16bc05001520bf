"""The frontier of a scenario: its two ends, evenly spaced levels of risk between them, and what is efficient."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lendplan.errors import INFEASIBLE, InfeasibleError
from lendplan.models.measures import Objective, Ranges
from lendplan.plan import OURS, as_json, output_folder
from lendplan.run import Scenario
from lendplan.scenario import Settings, settings_from
from lendplan.solvers.frontier import TAU, efficient, knee, levels, revenue_bound
from lendplan.sweep.place import Place
from lendplan.sweep.points import Point, unswept
from lendplan.sweep.runner import Step
from lendplan.sweep.sweeping import (
    Swept,
    manifest_of,
    placed,
    renewals,
    solve_points,
    standing,
    tables_of,
)
from lendplan.sweep.tables import flat, in_columns

if TYPE_CHECKING:
    import pandas as pd

LEVEL = "risk_limit"
_NAME = "frontier"
_SAME = 1e-12  # relative: ends this near in risk are one


@dataclass(frozen=True)
class Frontier:
    """What was found of a frontier.

    Parameters
    ----------
    swept : every plan that was looked for, in rising risk, the ends first and last
    """

    swept: Swept = field(repr=False)

    @property
    def final(self) -> Path:
        """The folder."""
        return self.swept.final

    @property
    def code(self) -> int:
        """The exit code: 0 where every plan is proven; else that of the worst."""
        return self.swept.code

    @property
    def faults(self) -> list[str]:
        """What is wrong with points, a line each."""
        return self.swept.faults

    @cached_property
    def kept(self) -> list[int]:
        """Positions of the efficient plans, in rising risk."""
        return kept_of(self.swept.summaries)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """A row an efficient plan: ``risk_limit``, ``revenue_bound``, ``knee``, the summary's keys, ``folder``."""
        points = self.swept.points
        return rows_of(
            [point.values[LEVEL] for point in points],
            [point.settings.objective.revenue_weight for point in points],
            self.swept.summaries,
            [point.folder for point in points],
        )

    @property
    def record(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        rows = {row["folder"]: row for row in self.rows}
        points = [
            {
                LEVEL: self.swept.points[at].values[LEVEL],
                "revenue_bound": rows[self.swept.points[at].folder]["revenue_bound"],
                "knee": rows[self.swept.points[at].folder]["knee"],
                **self.swept.summaries[at],
                "folder": self.swept.points[at].folder,
            }
            for at in self.kept
        ]
        return {"frontier": points, "folder": str(self.final)}

    @property
    def table(self) -> pd.DataFrame:
        """``frontier.csv`` as a data frame."""
        import pandas as pd

        return pd.DataFrame(in_columns(self.rows))


def kept_of(summaries: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the positions of the efficient plans, in rising risk."""
    found = [at for at, one in enumerate(summaries) if "revenue" in one]
    revenue, risk = (
        np.array([summaries[at][name] for at in found], dtype=np.float64) for name in ("revenue", "risk")
    )
    is_efficient = efficient(revenue, risk)
    return [found[at] for at in np.argsort(risk, kind="stable").tolist() if is_efficient[at]]


def rows_of(
    limits: Sequence[float | None],
    weights: Sequence[float],
    summaries: Sequence[Mapping[str, Any]],
    folders: Sequence[str],
) -> list[dict[str, Any]]:
    """Return the rows of ``frontier.csv``: one an efficient plan, in rising risk.

    Parameters
    ----------
    limits : on the risk, an amount; None at the two ends
    weights : on revenue
    summaries : under the keys of summary.json
    folders : below that of the frontier
    """
    kept = kept_of(summaries)
    middle = knee(
        np.array([summaries[at]["revenue"] for at in kept]), np.array([summaries[at]["risk"] for at in kept])
    )
    return [
        {
            LEVEL: limits[at],
            "revenue_bound": _most(limits[at], weights[at], summaries[at]),
            "knee": position == middle,
            **flat(summaries[at]),
            "folder": folders[at],
        }
        for position, at in enumerate(kept)
    ]


def _most(limit: float | None, weight: float, summary: Mapping[str, Any]) -> float | None:
    """Return what no plan within the limit on the risk earns, at an end within its own risk; None if unknown."""
    if summary["bound"] is None:
        return None
    level = summary["risk"] if limit is None else limit
    objective = Objective("weighted", weight, Ranges(**summary["ranges"]))
    most = revenue_bound(summary["bound"], level, objective)
    return max(most, summary["revenue"]) if math.isfinite(most) else None


def frontier(
    scenario: Scenario, output: str | Path | None = None, watch: Callable[[Step], None] | None = None
) -> Frontier:
    """Trace a scenario's frontier and write it as one folder.

    Parameters
    ----------
    scenario : with a ``frontier``; its objective is of no account, but for its ``ranges``
    output : folder; the scenario's unless given
    watch : called with each step

    Raises
    ------
    OutputError, KeyboardInterrupt
        As :func:`lendplan.sweep.sweeping.sweep` raises them.
    """
    wanted = scenario.settings.frontier.points if scenario.settings.frontier is not None else 25
    final = output_folder(scenario.case, output)
    place = Place(final)

    def told(offset: int) -> Callable[[Step], None]:
        def tell(step: Step) -> None:
            if watch is not None:
                watch(replace(step, done=step.done + offset, points=wanted))

        return tell

    with place.held():
        ends = solve_points(scenario, _ends(scenario.settings), place, told(0))
        if all(outcome.code == INFEASIBLE for outcome in ends.outcomes):
            summary = {key: one for key, one in ends.summaries[0].items() if key != "error"}
            place.clear()
            raise InfeasibleError(ends.outcomes[0].error, summary)
        swept = ends
        inner = _inner(scenario.settings, ends, wanted)
        if inner:
            between = solve_points(scenario, inner, place, told(2))
            swept = _joined(ends, between)
        found = Frontier(swept)
        place.put(
            {point.folder: folder for point, folder in standing(swept)},
            lambda: {
                **tables_of("frontier", found.rows),
                "manifest.json": as_json(manifest_of(scenario, "frontier", swept)),
            },
            OURS,
            renewals(scenario, swept),
        )
        return Frontier(placed(swept, final))


def _ends(settings: Settings) -> tuple[Point, Point]:
    """Return the plan of least risk and that of most revenue, each a scenario of its own."""
    return (
        Point(1, {LEVEL: None}, _toward(settings, TAU)),
        Point(2, {LEVEL: None}, _toward(settings, 1.0 - TAU)),
    )


def _toward(
    settings: Settings, weight: float, level: float | None = None, ranges: Mapping[str, float] | None = None
) -> Settings:
    plain = unswept(settings)
    plain["objective"] = {
        "kind": "weighted",
        "revenue_weight": weight,
        "ranges": ranges if ranges is not None else plain["objective"].get("ranges"),
    }
    if level is not None:
        plain["limits"] = [
            *plain["limits"],
            {"name": _free_name(settings), "measure": "risk", "at_most": level},
        ]
    return settings_from(plain, need_enterprises=False)


def _free_name(settings: Settings) -> str:
    """Return a name for the bound on the risk that no limit has."""
    taken = {limit.name for limit in settings.limits}
    name, number = _NAME, 1
    while name in taken:
        number += 1
        name = f"{_NAME} {number}"
    return name


def _inner(settings: Settings, ends: Swept, wanted: int) -> tuple[Point, ...]:
    """Return the points between two ends; none where an end has no plan, or both have the same risk."""
    least, most = ends.summaries
    if "risk" not in least or "risk" not in most:
        return ()
    low, high = float(least["risk"]), float(most["risk"])
    if not high - low > _SAME * max(abs(high), abs(low)):
        return ()
    return tuple(
        Point(number, {LEVEL: level}, _toward(settings, 1.0 - TAU, level, most["ranges"]))
        for number, level in enumerate(levels(low, high, wanted), start=3)
    )


def _joined(ends: Swept, inner: Swept) -> Swept:
    """Return all points in rising risk, the folders numbered so."""
    points = [ends.points[0], *inner.points, ends.points[1]]
    return Swept(
        tuple(replace(point, number=number) for number, point in enumerate(points, start=1)),
        (ends.outcomes[0], *inner.outcomes, ends.outcomes[1]),
        (ends.folders[0], *inner.folders, ends.folders[1]),
        ends.final,
    )
