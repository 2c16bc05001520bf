"""What is remembered of each enterprise when a rating is fitted, so that new invoices can be held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lendplan.data.findings import Finding, InputError, listed
from lendplan.rating.records import Floats, Indicators

KEYS = (
    "enterprise",
    "grade",
    "grade_forecast",
    "default_probability",
    "largest_customer",
    "indicators",
    "values",
)


@dataclass(frozen=True)
class State:
    """n enterprises as they stood when the rating was fitted.

    Parameters
    ----------
    enterprise
        Ids, n of them.
    grade
        The grade that counted, '' for none.
    default_probability
        Shape (n,): the enterprise's own, NaN where it is not known; for those the rating was fitted on, out of bag.
    indicators
        Values (n, k), of these enterprises in this order.
    grade_forecast
        The model's grade then, '' for none; empty where it is not kept, and then `grade` stands in.
    largest_customer
        Whom most was sold to, '' where that is not known; empty where it is not kept.
    """

    enterprise: tuple[str, ...]
    grade: tuple[str, ...]
    default_probability: Floats
    indicators: Indicators
    grade_forecast: tuple[str, ...] = ()
    largest_customer: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.enterprise)
        lengths = {len(self.grade), len(self.default_probability), len(self.indicators.values)}
        may_be_empty = {len(self.grade_forecast), len(self.largest_customer)} - {0}
        if lengths | may_be_empty != {n} or self.indicators.enterprise != self.enterprise:
            raise ValueError("a state needs one of everything for each enterprise, in one order")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "enterprise": list(self.enterprise),
            "grade": list(self.grade),
            "grade_forecast": list(self.grade_forecast),
            "default_probability": _written(self.default_probability),
            "largest_customer": list(self.largest_customer),
            "indicators": list(self.indicators.names),
            "values": [_written(row) for row in self.indicators.values],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> State:
        """Return what `to_dict` gave.

        Raises
        ------
        InputError
            If keys are missing or unknown, or what they hold is not of the right kind or number.
        """
        if not isinstance(content, Mapping) or set(content) != set(KEYS):
            found = (
                listed(sorted(map(str, content))) if isinstance(content, Mapping) else type(content).__name__
            )
            raise _unreadable(f"needs the keys {', '.join(KEYS)} and no others, and has {found}")
        enterprise, grade, forecast, customer, names = (
            _texts(content, key)
            for key in ("enterprise", "grade", "grade_forecast", "largest_customer", "indicators")
        )
        n, k = len(enterprise), len(names)
        if len(set(enterprise)) < n or len(set(names)) < k or "" in enterprise or "" in names:
            raise _unreadable("holds enterprises or indicators that are blank or repeated")
        probability = _numbers(content["default_probability"], n)
        rows = content["values"]
        if not isinstance(rows, list) or len(rows) != n:
            raise _unreadable(f"needs {n:,} rows of values")
        values = np.array([_numbers(row, k) for row in rows], dtype=np.float64).reshape(n, k)
        if len(grade) != n or len(forecast) not in (0, n) or len(customer) not in (0, n):
            raise _unreadable("holds lists of unequal lengths")
        with np.errstate(invalid="ignore"):
            if ((probability < 0) | (probability > 1)).any():
                raise _unreadable("holds default probabilities outside [0, 1]")
        return cls(enterprise, grade, probability, Indicators(enterprise, names, values), forecast, customer)


def _written(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


def _texts(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    texts = content[key]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _unreadable(f"{key} must be a list of texts")
    return tuple(texts)


def _numbers(values: object, count: int) -> Floats:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != count:
        raise _unreadable(f"needs lists of {count:,} numbers")
    known = [np.nan if value is None else value for value in values]
    # True is an int to Python; a number that is not finite is written as null.
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in known):
        raise _unreadable("holds what is no number")
    array = np.array(known, dtype=np.float64)
    if np.isinf(array).any() or any(value is not None and value != value for value in values):  # noqa: PLR0124 -- NaN
        raise _unreadable("holds numbers that are not finite; what is not known is null")
    return array


def _unreadable(message: str) -> InputError:
    return InputError(Finding(f"{message}; fit the rating again", key="state"))
