"""What the instances are made of: enterprises drawn at random, and lists of limits without their right sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats, MeasureName

Kind = Literal["mixed", "amounts"]
KINDS: tuple[Kind, ...] = ("mixed", "amounts")
MOST_LIMITS = 200

GRADES = ("A", "B", "C")
SIZES = ("micro", "small", "medium")
INDUSTRIES = ("construction", "food", "logistics", "manufacturing", "retail", "services")
REGIONS = ("east", "north", "south", "west")
BRANCHES = tuple(f"branch {number:02d}" for number in range(1, 49))
VALUES = {"grade": GRADES, "size": SIZES, "industry": INDUSTRIES, "region": REGIONS, "branch": BRANCHES}

_GRADE_MIX = np.array([27, 38, 34]) / 99.0  # of the rated enterprises of annex 1 of CUMCM 2020 C, without D
_INDUSTRY_MIX = np.array([0.12, 0.14, 0.12, 0.22, 0.25, 0.15])
_REGION_MIX = np.array([0.36, 0.22, 0.27, 0.15])
_SIZE_MIX = np.array([0.40, 0.38, 0.22])
_LINE_MAX = np.array([(20.0, 40.0), (30.0, 70.0), (60.0, 100.0)])  # by size, from and to
_DEFAULT = np.array(
    [(0.031, 0.30), (0.060, 0.24), (0.100, 0.23)]
)  # by grade: median, spread of the logarithm
_LOSS = np.array([(0.45, 0.65), (0.38, 0.58), (0.28, 0.48)])  # by size


@dataclass(frozen=True)
class Limit:
    """One limit before its right side is known: ``fraction`` of what would be used without it."""

    name: str
    measure: MeasureName | Literal["average_rate"]
    sense: Literal[1, -1]
    unit: Literal["amount", "share", "rate"]
    fraction: float
    column: str = ""
    value: str = ""


@dataclass(frozen=True)
class Book:
    """The enterprises as arrays of shape (n,); ``codes`` by column are positions in :data:`VALUES`."""

    enterprise: NDArray[np.object_]
    codes: dict[str, NDArray[np.int32]]
    line_max: Floats
    default_probability: Floats
    loss_given_default: Floats


def limits_of(kind: Kind, number: int) -> tuple[Limit, ...]:
    """Return the first limits of a kind.

    Raises
    ------
    ValueError
        Where more than :data:`MOST_LIMITS` are asked for.
    """
    if not 0 <= number <= MOST_LIMITS:
        raise ValueError(f"0 to {MOST_LIMITS} limits can be had, not {number}")
    made = _mixed() if kind == "mixed" else _amounts()
    return tuple(made[:number])


def _mixed() -> list[Limit]:
    made = [
        Limit("loss", "risk", 1, "amount", 0.90),
        Limit("grade C", "line", 1, "share", 0.85, "grade", "C"),
        *(
            Limit(f"line in {name}", "line", 1, "amount", 0.88, "industry", name)
            for name in ("retail", "manufacturing", "services", "food")
        ),
        Limit("mean rate", "average_rate", 1, "rate", 0.97),
        Limit("reach", "count", -1, "amount", 1.25, "size", "micro"),
        Limit("exposure in the east", "exposure", 1, "amount", 0.85, "region", "east"),
        Limit("line in the west", "line", -1, "amount", 1.20, "region", "west"),
        Limit("logistics of all loans", "count", 1, "share", 0.80, "industry", "logistics"),
        Limit("mean rate of grade B", "average_rate", 1, "rate", 0.97, "grade", "B"),
    ]
    made += [Limit(f"line of {name}", "line", 1, "amount", 0.85, "branch", name) for name in BRANCHES]
    made += [Limit(f"loss of {name}", "risk", 1, "amount", 0.90, "branch", name) for name in BRANCHES]
    made += [
        Limit(f"mean rate of {name}", "average_rate", 1, "rate", 0.98, "branch", name) for name in BRANCHES
    ]
    made += [Limit(f"loans of {name}", "count", -1, "amount", 1.10, "branch", name) for name in BRANCHES]
    return made


def _amounts() -> list[Limit]:
    made = [
        Limit("loss", "risk", 1, "amount", 0.90),
        *(
            Limit(f"line in {name}", "line", 1, "amount", 0.88, "industry", name)
            for name in ("retail", "manufacturing", "services", "food")
        ),
        Limit("grade C", "line", 1, "amount", 0.80, "grade", "C"),
        Limit("exposure in the east", "exposure", 1, "amount", 0.85, "region", "east"),
        Limit("exposure in the south", "exposure", 1, "amount", 0.85, "region", "south"),
        Limit("medium sized", "line", 1, "amount", 0.85, "size", "medium"),
        Limit("loss in logistics", "risk", 1, "amount", 0.85, "industry", "logistics"),
        Limit("interest of grade B", "interest", 1, "amount", 0.90, "grade", "B"),
        Limit("loss in construction", "risk", 1, "amount", 0.85, "industry", "construction"),
    ]
    for measure in ("line", "risk", "interest", "count"):
        made += [
            Limit(f"{measure} of {name}", measure, 1, "amount", 0.90, "branch", name) for name in BRANCHES
        ]
    return made


def draw_book(size: int, seed: int) -> Book:
    """Draw the enterprises, in the proportions of the simulated book that is shipped, nobody graded D."""
    draw = np.random.default_rng([seed, size])
    grade = np.searchsorted(np.cumsum(_GRADE_MIX)[:-1], draw.random(size), side="right")
    scale = np.searchsorted(np.cumsum(_SIZE_MIX)[:-1], draw.random(size), side="right")
    industry = np.searchsorted(np.cumsum(_INDUSTRY_MIX)[:-1], draw.random(size), side="right")
    region = np.searchsorted(np.cumsum(_REGION_MIX)[:-1], draw.random(size), side="right")
    branch = draw.permutation(size) % len(BRANCHES)
    median, spread = _DEFAULT[grade].T
    bell = 2.0 * (draw.random(size) + draw.random(size) + draw.random(size) - 1.5)
    low, high = _LINE_MAX[scale].T
    least, most = _LOSS[scale].T
    codes = {"grade": grade, "size": scale, "industry": industry, "region": region, "branch": branch}
    return Book(
        enterprise=np.array([f"E{number:07d}" for number in range(1, size + 1)], dtype=object),
        codes={column: code.astype(np.int32) for column, code in codes.items()},
        line_max=np.round(low + (high - low) * draw.random(size)),
        default_probability=np.round(np.clip(median * np.exp(spread * bell), 0.01, 0.2), 4),
        loss_given_default=np.round(least + (most - least) * draw.random(size), 2),
    )
