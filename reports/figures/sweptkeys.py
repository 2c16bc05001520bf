"""What a swept key is measured in: how its values stand on an axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from lendplan.reports.contents import Report
from lendplan.reports.figures.lettering import clean
from lendplan.reports.figures.told import finite, fraction_in, money

Unit = Literal["money", "percent", "number"]

KNOWN: Mapping[str, tuple[str, Unit]] = {
    "budget.total": ("Budget", "money"),
    "objective.revenue_weight": ("Weight of revenue", "number"),
    "rates.min": ("Lowest rate a year", "percent"),
    "rates.max": ("Highest rate a year", "percent"),
    "rates.step": ("Step between rates", "percent"),
    "lines.min": ("Smallest line", "money"),
    "lines.max": ("Largest line", "money"),
    "lines.step": ("Step between lines", "money"),
    "economics.funding_cost": ("Funding cost a year", "percent"),
    "economics.operating_cost": ("Operating cost a year", "percent"),
    "economics.fixed_cost": ("Fixed cost of a loan", "money"),
    "economics.utilisation": ("Utilisation", "percent"),
    "economics.loss_given_default": ("Loss given default", "percent"),
    "economics.default_multiplier": ("Factor on default probabilities", "number"),
    "economics.loss_multiplier": ("Factor on losses given default", "number"),
    "objective.ranges.revenue_max": ("Revenue that counts as 1", "money"),
    "objective.ranges.revenue_min": ("Revenue that counts as 0", "money"),
    "objective.ranges.risk_max": ("Risk that counts as 1", "money"),
    "objective.ranges.risk_min": ("Risk that counts as 0", "money"),
}
"""Scenario key → what it is called on an axis, and its unit."""
_MONEY_MEASURES = ("line", "exposure", "interest", "revenue", "risk")
_BOUNDS = {"at_most": "at most", "at_least": "at least"}


def numbers_on(report: Report) -> tuple[list[float | None], Unit] | None:
    """Return the value of the only swept key at each point, and its unit; None where it is no number throughout.

    A share such as ``25%`` becomes a fraction, (points,).
    """
    if report.kind != "sweep" or len(report.swept) != 1:
        return None
    key = report.swept[0]
    values = [point.values.get(key) for point in report.points]
    shares = [fraction_in(value) for value in values]
    plain = [finite(value) for value in values]
    if values and all(share is not None for share in shares):
        return list(shares), "percent"
    both = [share if number is None else number for share, number in zip(shares, plain, strict=True)]
    unit = _unit(report, key)
    if unit == "percent" and all(one is not None for one in both):
        return both, unit  # a rate may be written as 4% at one point and as 0.05 at the next
    return (list(plain), unit) if plain and all(one is not None for one in plain) else None


def title_of(report: Report, unit: Unit) -> str:
    """Return what stands under the axis of the only swept key."""
    return f"{words_of(report.swept[0])}{f', {money(report)}' if unit == 'money' else ''}"


def words_of(key: str) -> str:
    """Return what a key is called; keys that are seldom swept are called what they are."""
    limit = _limit(key)
    if limit is not None:
        return f"Limit {clean(limit[0])}, {_BOUNDS[limit[1]]}"
    return KNOWN[key][0] if key in KNOWN else clean(key)


def _limit(key: str) -> tuple[str, str] | None:
    """Return a limit's name and the bound of it that a key is; None for all other keys."""
    name, _, bound = key.removeprefix("limits.").rpartition(".")
    return (name, bound) if key.startswith("limits.") and bound in _BOUNDS else None


def _unit(report: Report, key: str) -> Unit:
    if key in KNOWN:
        return KNOWN[key][1]
    limit = _limit(key)
    if limit is not None:
        name = limit[0]
        for point in report.points:
            for state in point.told.limits if point.told is not None else ():
                if state.name == name or state.name.startswith(f"{name}["):
                    if state.unit != "amount":
                        return "percent"
                    return "money" if state.measure in _MONEY_MEASURES else "number"
    return "number"
