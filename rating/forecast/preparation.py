"""From indicators to the numbers that models learn on: outcomes refused, gaps filled."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError, listed, shown
from lendplan.rating.indicators.catalogue import CATALOGUE
from lendplan.rating.plain import numbers, record, words
from lendplan.rating.records import Floats, Indicators

BANNED = frozenset(
    {
        *("grade", "grades", "graded", "rating", "ratings", "rated", "score", "risk", "pd", "lgd"),
        *(
            "default",
            "defaults",
            "defaulted",
            "overdue",
            "delinquent",
            "delinquency",
            "chargeoff",
            "chgoff",
            "npl",
        ),
        *("label", "target", "outcome"),
    }
)
"""Words that no indicator's name may contain: they name what is to be forecast, or what was made from it."""

BANNED_CHINESE = ("评级", "等级", "违约", "逾期", "风险", "不良", "评分")

FLAGGED_FROM = 0.05
"""A gap is a feature of its own where at least this share of the training rows has it."""

LOG_FROM = 1e-4
"""A logarithm tells sizes apart down to this part of the usual one."""

LARGEST = 1e30
"""What exceeds this many times its usual size is read as this."""

_KEYS = ("names", "median", "size", "logged", "flagged")


@dataclass(frozen=True, eq=False)
class Preparation:
    """How values of indicators become features; everything in it comes from the training rows alone.

    A missing value becomes the training rows' median, and every value x is divided by its usual size: v = x / size, the
    same in yuan as in ten thousand yuan. Where an indicator is money a day or a month, its order of magnitude tells
    more than its amount, and v becomes sign(v)·ln(1 + |v| / :data:`LOG_FROM`), which takes losses and zero as well.

    Parameters
    ----------
    names
        Names of the indicators, k.
    median
        Shape (k,): what stands in for a missing value; 0 where no training row has one.
    size
        Shape (k,), positive: the median of |x| over training rows where x is neither missing nor 0; 1 where
        there are none.
    logged
        Positions of the indicators that are taken as logarithms.
    flagged
        Positions of the indicators whose gaps are a feature of their own (1 where missing, else 0): those that
        at least :data:`FLAGGED_FROM` of the training rows lack, if some do not.
    """

    names: tuple[str, ...]
    median: Floats
    size: Floats
    logged: tuple[int, ...]
    flagged: tuple[int, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features: the indicators, then the flags of the gaps."""
        return (*self.names, *(f"{self.names[position]} is missing" for position in self.flagged))

    @property
    def indicator_of(self) -> NDArray[np.intp]:
        """Position of the indicator that each feature belongs to."""
        return np.array([*range(len(self.names)), *self.flagged], np.intp)

    def chosen(self, indicators: Indicators) -> Indicators:
        """Return these indicators alone, in this order.

        Raises
        ------
        InputError
            If one of them is missing altogether.
        """
        lacking = [name for name in self.names if name not in indicators.names]
        if lacking:
            raise InputError(
                Finding(f"the indicators lack {listed(lacking)}, which this rating was fitted on")
            )
        if indicators.names == self.names:
            return indicators
        position = {name: place for place, name in enumerate(indicators.names)}
        columns = [position[name] for name in self.names]
        return Indicators(indicators.enterprise, self.names, indicators.values[:, columns])

    def apply(self, indicators: Indicators) -> Floats:
        """Return the features of these enterprises, (n, features), finite.

        Raises
        ------
        InputError
            If an indicator is missing altogether, or holds an infinite value.
        """
        raw = self.chosen(indicators).values
        _refuse_infinite(raw, self.names, indicators.enterprise)
        missing = np.isnan(raw)
        filled = np.where(missing, self.median, raw)
        # far beyond any indicator, and within single precision, which trees compare in
        with np.errstate(over="ignore"):
            scaled = np.clip(filled / self.size, -LARGEST, LARGEST)
        logged = list(self.logged)
        scaled[:, logged] = np.sign(scaled[:, logged]) * np.log1p(np.abs(scaled[:, logged]) / LOG_FROM)
        return np.column_stack((scaled, missing[:, list(self.flagged)].astype(np.float64)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "names": list(self.names),
            "median": self.median.tolist(),
            "size": self.size.tolist(),
            "logged": [self.names[position] for position in self.logged],
            "flagged": [self.names[position] for position in self.flagged],
        }

    @classmethod
    def from_dict(cls, raw: object, where: str = "preparation") -> Preparation:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        InputError
            If it is not of that form, or names an outcome as an indicator.
        """
        known = record(raw, where, _KEYS)
        names = words(known["names"], f"{where}.names")
        refuse_outcomes(names)
        size = numbers(known["size"], f"{where}.size", shape=(len(names),))
        if (size <= 0).any():
            raise InputError(Finding("sizes must be positive", key=f"{where}.size"))
        places = {
            key: _places(words(known[key], f"{where}.{key}"), names, f"{where}.{key}") for key in _KEYS[3:]
        }
        return cls(
            names,
            numbers(known["median"], f"{where}.median", shape=(len(names),)),
            size,
            places["logged"],
            places["flagged"],
        )


def prepare(indicators: Indicators, logged: Collection[str] | None = None) -> Preparation:
    """Measure medians, sizes and gaps on the training rows.

    Parameters
    ----------
    indicators
        Of the training rows.
    logged
        Names of those that are taken as logarithms; unless given, those that the catalogue measures in currency a day
        or a month.

    Raises
    ------
    InputError
        If a name speaks of an outcome (see :func:`refuse_outcomes`), a value is infinite, or there is no indicator.
    """
    refuse_outcomes(indicators.names)
    values = indicators.values
    if not indicators.names or not len(values):
        raise InputError(
            Finding("there is nothing to learn from: no indicator, or no enterprise with an outcome")
        )
    _refuse_infinite(values, indicators.names, indicators.enterprise)
    known = ~np.isnan(values)
    median, size = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for column, is_known in enumerate(known.T):
        present = values[is_known, column]
        if len(present):
            median[column] = np.median(present)
        sizes = np.abs(present[present != 0])
        if len(sizes):
            size[column] = np.median(sizes)
    gaps = 1 - known.mean(axis=0)
    flagged = np.flatnonzero((gaps >= FLAGGED_FROM) & (gaps < 1))
    if logged is None:
        logged = [name for name, one in CATALOGUE.items() if one.unit.startswith("currency a ")]
    return Preparation(
        names=indicators.names,
        median=median,
        # a subnormal size would make every ratio infinite
        size=np.maximum(size, 1e-290),
        logged=tuple(place for place, name in enumerate(indicators.names) if name in logged),
        flagged=tuple(int(place) for place in flagged),
    )


def refuse_outcomes(names: Sequence[str]) -> None:
    """Refuse indicators whose names speak of what is to be forecast.

    A grade says nearly all of a default (every enterprise of the worst grade may be one), and a default nearly all of a
    grade: either, given as a feature, would be forecast by itself.

    Raises
    ------
    InputError
        Naming every such column.
    """
    bad = [name for name in names if is_outcome(name)]
    if bad:
        raise InputError(
            Finding(
                f"{shown(name)} names an outcome, and an outcome is never an indicator: it would forecast itself; "
                "leave the column out, or rename it if it is something else",
                key=name,
            )
            for name in bad
        )
    if len(set(names)) < len(names):
        raise InputError(
            Finding(f"two indicators have the name {shown(next(n for n in names if names.count(n) > 1))}")
        )


def is_outcome(name: str) -> bool:
    """Whether a name holds one of :data:`BANNED` as a word, or of :data:`BANNED_CHINESE`."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()
    parts = re.findall(r"[^\W\d_]+", parted)
    # `charge_off` and `default1` are caught as well
    joined = {first + second for first, second in pairwise(parts)}
    return bool(BANNED & ({*parts} | joined)) or any(word in name for word in BANNED_CHINESE)


def _places(some: Sequence[str], names: Sequence[str], where: str) -> tuple[int, ...]:
    unknown = [name for name in some if name not in names]
    if unknown:
        raise InputError(Finding(f"{shown(unknown[0])} is no indicator", key=where))
    return tuple(names.index(name) for name in some)


def _refuse_infinite(values: Floats, names: Sequence[str], ids: Sequence[str]) -> None:
    rows, columns = np.nonzero(np.isinf(values))
    if len(rows):
        raise InputError(
            Finding(
                f"{names[column]} of {ids[row]} is infinite; leave blank what is not defined",
                key=names[column],
            )
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        )
