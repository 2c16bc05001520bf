"""Two written plans side by side: who gained, who lost, and why the totals moved.

What moved a total is told enterprise by enterprise. A new loan adds all that it counts, one that is gone takes all of
it away. Where both plans lend, the difference of ``line × (count per unit of line)`` is split in the middle,

    ΔL·(u + u′)/2  by the line,    Δu·(L + L′)/2  by what a unit counts,

which add up to it; a unit counts otherwise for another rate, and at the same rate for other terms (costs, churn,
default). The fixed cost of a loan counts per loan, and is terms. The parts add up to the difference of the totals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.allocations import Allocations, read_allocations
from lendplan.certify.folder import PlanFolder, read_papers
from lendplan.data.findings import Finding, InputError
from lendplan.models.measures import Floats

MEASURES = ("line", "exposure", "interest", "revenue", "risk")
TOTALS = (*MEASURES, "profit", "funded")
CAUSES = ("new loans", "loans gone", "lines", "rates", "terms", "rates and terms")
KINDS = ("new", "gone", "better", "worse", "mixed", "same")
_SAME_RATE = 1e-12
_SAME_LINE = 1e-9  # relative
_SAME_UNIT = 1e-9  # relative: so near, a unit of line counts the same
_DRAWN = (
    "churn",
    "economics.utilisation",
)  # what settles how much of a line is drawn at a rate: keys and tables
_TERMS: Mapping[str, tuple[str, ...]] = {
    "line": ("nothing",),
    "exposure": _DRAWN,
    "interest": _DRAWN,
    "revenue": (
        *_DRAWN,
        "economics.funding_cost",
        "economics.operating_cost",
        "economics.interest_lost_on_default",
        "economics.default_multiplier",
    ),
    "risk": (
        *_DRAWN,
        "economics.loss",
        "economics.default_multiplier",
        "economics.risk_basis",
    ),
}
_READ = ("enterprise", "decision", "rate", *MEASURES)


@dataclass(frozen=True)
class Change:
    """What changed for one enterprise; rates None where nothing is lent, decisions None where it is not in the book."""

    enterprise: str
    kind: str  # of KINDS, as the enterprise sees it
    decision: tuple[str | None, str | None]
    rate: tuple[float | None, float | None]
    line: tuple[float, float]
    revenue: tuple[float, float]
    risk: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, the earlier plan first."""
        return {name: list(one) if isinstance(one, tuple) else one for name, one in vars(self).items()}


@dataclass(frozen=True)
class Difference:
    """How a plan differs from an earlier one.

    Parameters
    ----------
    folders : of both
    totals : measure → before, after
    causes : measure → cause → what it adds; they add up to after − before
    counts : kind → enterprises
    changes : one an enterprise that is lent to otherwise, the largest first
    settings : key of the scenario → before, after, where they differ
    inputs : roles of the tables that differ
    """

    folders: tuple[str, str]
    totals: Mapping[str, tuple[float, float]]
    causes: Mapping[str, Mapping[str, float]]
    counts: Mapping[str, int]
    changes: tuple[Change, ...] = field(repr=False)
    settings: Mapping[str, tuple[Any, Any]]
    inputs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "folders": list(self.folders),
            "totals": {
                name: {"before": a, "after": b, "by": dict(self.causes[name])}
                for name, (a, b) in self.totals.items()
            },
            "counts": dict(self.counts),
            "settings": {key: list(pair) for key, pair in self.settings.items()},
            "inputs": list(self.inputs),
            "enterprises": [change.to_dict() for change in self.changes],
        }


@dataclass(frozen=True)
class _Side:
    """One plan over the enterprises of both books."""

    lent: NDArray[np.bool_]
    rate: Floats
    values: Mapping[str, Floats]
    decision: list[str | None]
    fixed_cost: float


def diff(before: str | Path, after: str | Path) -> Difference:
    """Compare two written plans; points of a sweep are plans, too.

    Parameters
    ----------
    before, after : their folders; nothing but what stands in them is read

    Raises
    ------
    InputError
        Where a folder cannot be read, or the two count in different units.
    """
    papers = [read_papers(Path(one)) for one in (before, after)]
    _expect_one_unit(papers)
    tables = [_table(one.path) for one in papers]
    ids, places = _matched(tables)
    one, other = (
        _side(table, place, len(ids), paper)
        for table, place, paper in zip(tables, places, papers, strict=True)
    )
    settings, inputs = _settings(papers[0].scenario, papers[1].scenario), _inputs(papers[0], papers[1])
    moved = {*settings, *inputs}
    totals = {name: (_sum(one.values[name]), _sum(other.values[name])) for name in MEASURES}
    causes = {
        name: _causes(
            name, one, other, totals[name], other_terms=any(key.startswith(_TERMS[name]) for key in moved)
        )
        for name in MEASURES
    }
    earned, lost = totals["revenue"], totals["risk"]
    totals["profit"] = earned[0] - lost[0], earned[1] - lost[1]
    causes["profit"] = {cause: causes["revenue"][cause] - causes["risk"][cause] for cause in CAUSES}
    totals["funded"] = float(one.lent.sum()), float(other.lent.sum())
    causes["funded"] = {
        **dict.fromkeys(CAUSES, 0.0),
        "new loans": float((other.lent & ~one.lent).sum()),
        "loans gone": -float((one.lent & ~other.lent).sum()),
    }
    kinds = _kinds(one, other)
    return Difference(
        folders=(str(papers[0].path), str(papers[1].path)),
        totals=totals,
        causes=causes,
        counts={kind: kinds.count(kind) for kind in KINDS},
        changes=_changes(ids, kinds, one, other),
        settings=settings,
        inputs=inputs,
    )


def _expect_one_unit(papers: list[PlanFolder]) -> None:
    for key in ("currency", "unit"):
        said = [paper.scenario.get(key) for paper in papers]
        if said[0] != said[1]:
            message = f"counts in another {key} ({said[1]!r}, and {said[0]!r} in {papers[0].path})"
            raise InputError(
                Finding(message, file=str(papers[1].path / "manifest.json"), key=f"scenario.{key}")
            )


def _table(folder: Path) -> Allocations:
    """Return the allocation of a plan: its Parquet file, which every plan has."""
    table = read_allocations(folder / "allocations.parquet")
    missing = [name for name in _READ if name not in table.columns]
    if missing:
        file = str(folder / "allocations.parquet")
        raise InputError(Finding(f"lacks the columns {', '.join(missing)}", file=file))
    return table


def _matched(tables: list[Allocations]) -> tuple[list[str], list[NDArray[np.int64]]]:
    """Return the ids of both books, the earlier one's order first, and where each table's rows stand among them."""
    place: dict[str, int] = {}
    places = [
        np.array([place.setdefault(one, len(place)) for one in table.texts("enterprise")], dtype=np.int64)
        for table in tables
    ]
    return list(place), places


def _side(table: Allocations, place: NDArray[np.int64], count: int, paper: PlanFolder) -> _Side:
    def spread(values: Floats, blank: float) -> Floats:
        wide = np.full(count, blank)
        wide[place] = values
        return wide

    values = {name: spread(np.nan_to_num(table.numbers(name)), 0.0) for name in MEASURES}
    decision: list[str | None] = [None] * count
    for at, one in zip(place.tolist(), table.texts("decision"), strict=True):
        decision[at] = one
    economics = paper.scenario.get("economics")
    fixed = economics.get("fixed_cost", 0.0) if isinstance(economics, Mapping) else 0.0
    lent = values["line"] > 0
    rate = np.where(lent, spread(table.numbers("rate"), np.nan), np.nan)
    return _Side(lent, rate, values, decision, float(fixed))


def _causes(
    name: str, one: _Side, other: _Side, totals: tuple[float, float], *, other_terms: bool
) -> dict[str, float]:
    """Return what each cause adds to a total; the largest part takes what rounding leaves.

    ``other_terms`` says that the scenarios differ in what a unit of line counts.
    """
    a, b = one.values[name], other.values[name]
    both = one.lent & other.lent
    before, after = one.values["line"][both], other.values["line"][both]
    fees = (one.fixed_cost, other.fixed_cost) if name == "revenue" else (0.0, 0.0)
    unit_before, unit_after = (a[both] + fees[0]) / before, (b[both] + fees[1]) / after
    by_line = (after - before) * 0.5 * (unit_before + unit_after)
    by_unit = (unit_after - unit_before) * 0.5 * (before + after)
    same_rate = np.abs(other.rate[both] - one.rate[both]) <= _SAME_RATE
    dust = _SAME_UNIT * np.maximum(np.abs(unit_before), np.abs(unit_after))
    moved = np.abs(unit_after - unit_before) > dust
    by_unit = np.where(same_rate & ~moved, 0.0, by_unit)
    alike = not other_terms and not np.any(same_rate & moved)
    by_rate = _sum(by_unit[~same_rate])
    found = {
        "new loans": _sum(b[other.lent & ~one.lent]),
        "loans gone": -_sum(a[one.lent & ~other.lent]),
        "lines": _sum(by_line),
        "rates": by_rate if alike else 0.0,
        "terms": _sum(by_unit[same_rate]) - (fees[1] - fees[0]) * float(both.sum()),
        "rates and terms": 0.0 if alike else by_rate,
    }
    largest = max(found, key=lambda cause: abs(found[cause]))
    found[largest] += (totals[1] - totals[0]) - math.fsum(found.values())
    return found


def _sum(values: Floats) -> float:
    return math.fsum(values.tolist())


def _kinds(one: _Side, other: _Side) -> list[str]:
    """Return the kind of each enterprise's change, as it sees it: a larger line and a lower rate are better."""
    before, after = one.values["line"], other.values["line"]
    more = np.where(
        np.abs(after - before) > _SAME_LINE * np.maximum(before, after), np.sign(after - before), 0.0
    )
    with np.errstate(invalid="ignore"):
        cheaper = np.where(np.abs(other.rate - one.rate) > _SAME_RATE, np.sign(one.rate - other.rate), 0.0)
    kinds = np.select(
        [
            ~one.lent & ~other.lent,
            ~one.lent,
            ~other.lent,
            (more == 0) & (cheaper == 0),
            (more >= 0) & (cheaper >= 0),
            (more <= 0) & (cheaper <= 0),
        ],
        ["same", "new", "gone", "same", "better", "worse"],
        default="mixed",
    )
    found: list[str] = kinds.tolist()
    return found


def _changes(ids: list[str], kinds: list[str], one: _Side, other: _Side) -> tuple[Change, ...]:
    moved = np.abs(other.values["line"] - one.values["line"])
    earns = np.abs(other.values["revenue"] - one.values["revenue"])
    order = np.lexsort((np.arange(len(ids)), -earns, -moved))

    def rate(side: _Side, at: int) -> float | None:
        return float(side.rate[at]) if side.lent[at] else None

    def pair(name: str, at: int) -> tuple[float, float]:
        return float(one.values[name][at]), float(other.values[name][at])

    return tuple(
        Change(
            enterprise=ids[at],
            kind=kinds[at],
            decision=(one.decision[at], other.decision[at]),
            rate=(rate(one, at), rate(other, at)),
            line=pair("line", at),
            revenue=pair("revenue", at),
            risk=pair("risk", at),
        )
        for at in order.tolist()
        if kinds[at] != "same"
    )


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the keys of the scenario that differ; where a plan goes and how it is solved are none of them."""
    one, other = (
        _flat({key: value for key, value in said.items() if key not in _ASIDE}) for said in (before, after)
    )
    return {
        key: (one.get(key), other.get(key))
        for key in dict.fromkeys([*one, *other])
        if one.get(key) != other.get(key)
    }


_ASIDE = ("output", "solver", "sweep", "frontier", "treasury", "enterprises", "ratings", "churn")


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return leaves by dotted key; a limit goes by its name."""
    if isinstance(value, Mapping):
        below = {f"{name}.{key}" if name else str(key): one for key, one in value.items()}
    elif name == "limits" and isinstance(value, list):
        below = {
            f"{name}.{one.get('name', at) if isinstance(one, Mapping) else at}": one
            for at, one in enumerate(value)
        }
    else:
        return {name: value}
    return {key: leaf for path, one in below.items() for key, leaf in _flat(one, path).items()}


def _inputs(before: PlanFolder, after: PlanFolder) -> tuple[str, ...]:
    one, other = ({source.role: source.sha256 for source in paper.sources} for paper in (before, after))
    return tuple(role for role in ("enterprises", "ratings", "churn") if one.get(role) != other.get(role))
