"""Fractions and limit values, as a scenario writes them: ``0.04``, ``4%``, ``400bp``, or an amount."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from lendplan.data.findings import shown

_NUMBER = r"[0-9]+(\.[0-9]*)?|\.[0-9]+"
_WITH_UNIT = re.compile(rf"(-?)({_NUMBER}) *(%|bp)")
_PLACES = {"%": 2, "bp": 4}

PERCENT_PATTERN = r"^0*(100(\.0*)?|[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+) *%$"
BASIS_POINT_PATTERN = r"^0*(10000(\.0*)?|[0-9]{1,4}(\.[0-9]*)?|\.[0-9]+) *bp$"
"""What JSON Schema accepts as a fraction with a unit: 0 to 100%, 0 to 10000bp."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The right side of a limit.

    Parameters
    ----------
    kind
        ``share``: a fraction of the measure over the whole plan, or of the budget. ``amount``: all else.
    value
        The fraction (0.25 for 25%); the amount, in the scenario's unit, or a number of borrowers; for
        ``average_rate`` the annual rate as a fraction, and the kind is ``amount``.
    """

    kind: Literal["amount", "share"]
    value: float


def parse_fraction(value: object) -> float:
    """Return the fraction between 0 and 1 that a number, or text with ``%`` or ``bp``, stands for.

    Raises
    ------
    ValueError
        If it is none; the message gives the likely meaning.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a fraction such as 0.04, 4% or 400bp")
    if isinstance(value, str):
        fraction = _with_unit(value)
        if fraction < 0:
            raise ValueError(f"must not be below 0, and is {value}")
        if fraction > 1:
            raise ValueError(f"must not be above 100%, and is {value}")
        return float(fraction)
    if math.isnan(value):
        raise ValueError("must be a fraction such as 0.04, 4% or 400bp, and is not a number")
    if value < 0:
        raise ValueError(f"must not be below 0, and is {value}")
    if value > 1:
        raise ValueError(_above_one(value))
    return float(value)


def parse_bound(value: object) -> Bound:
    """Return what stands on the right side of a limit: a share where there is a ``%`` or ``bp``, else an amount.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(value, str):
        if not _WITH_UNIT.fullmatch(value.strip()):
            raise ValueError(f"{shown(value)} is neither an amount such as 250 nor a share such as 25%")
        return Bound("share", parse_fraction(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be an amount such as 250, or a share such as 25%")
    try:
        amount = float(value)
    except OverflowError:
        amount = math.inf
    if not math.isfinite(amount):
        raise ValueError("must be a finite amount, or a share such as 25%")
    return Bound("amount", amount)


def format_bound(bound: Bound) -> float | str:
    """Return a bound as a scenario writes it; `parse_bound` gives the same bound back."""
    return bound.value if bound.kind == "amount" else percent(bound.value)


def percent(fraction: float) -> str:
    """Return a fraction as text with ``%``; `parse_fraction` gives the same number back."""
    return f"{_plain(Decimal(repr(fraction)).scaleb(2))}%"


def _with_unit(text: str) -> Decimal:
    match = _WITH_UNIT.fullmatch(text.strip())
    if match is None:
        remedy = "write it without quotes" if re.fullmatch(_NUMBER, text) else "write 0.04, 4% or 400bp"
        raise ValueError(f"{shown(text)} is no fraction; {remedy}")
    sign, number, _, unit = match.groups()
    return Decimal(sign + number).scaleb(-_PLACES[unit])


def _above_one(value: float) -> str:
    if value > 10_000:
        return f"must be a fraction between 0 and 1, such as 0.04, 4% or 400bp, and is {shown(value)}"
    unit = "%" if value <= 100 else "bp"
    number = Decimal(repr(value))
    fraction = _plain(number.scaleb(-_PLACES[unit]))
    return (
        f"{_plain(number)} would be {_plain(number.scaleb(2))}%; write {_plain(number)}{unit} or {fraction}"
    )


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
