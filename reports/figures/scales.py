"""Ticks that people count in, and how numbers are written at them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0)
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_HUGE, _TINY = 1e12, 1e-4  # from and below which a number is written with a power of ten
_APART = 1e-9  # of the larger end: ends nearer than this are one number


@dataclass(frozen=True)
class Scale:
    """The ends of an axis and the ticks on it, in data units."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]


def scale_of(
    values: Iterable[float],
    *,
    percent: bool = False,
    from_zero: bool = False,
    margin: float = 0.05,
    most: int = 6,
) -> Scale:
    """Return an axis that holds all values with room at its ends.

    Parameters
    ----------
    values
        Finite numbers; of none the axis goes from 0 to 1.
    percent
        Whether fractions are written in per cent.
    from_zero
        Whether the axis begins at 0, unless a value lies below it.
    margin
        Room at the ends, a share of the span; none below a zero that the axis begins at.
    most
        Ticks at most.
    """
    known = list(values)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    begins = from_zero and low >= 0.0
    low = 0.0 if begins else low
    if high - low <= _APART * max(abs(low), abs(high)):
        room = 0.1 * abs(high) or 1.0
        low, high = (0.0, max(high, 0.0) or 1.0) if begins else (low - room, high + room)
    room = margin * (high - low)
    low, high = low if begins else low - room, high + room
    factor = 100.0 if percent else 1.0
    ticks, step = _ticks(factor * low, factor * high, most)
    labels = _labels(ticks, step)
    return Scale(
        low,
        high,
        tuple(tick / factor for tick in ticks),
        tuple(f"{label} %" if percent else label for label in labels),
    )


def _ticks(low: float, high: float, most: int) -> tuple[list[float], float]:
    """Return round numbers between two ends, one at least, and their distance."""
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step, first, last = next(
        (step, first, last)
        for step in (factor * power * scale for scale in (1.0, 10.0, 100.0) for factor in _STEPS)
        for first, last in [(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9))]
        if last - first + 1 <= most
    )
    if last < first:
        return [(low + high) / 2], step
    return [at * step + 0.0 for at in range(first, last + 1)], step


def _labels(ticks: list[float], step: float) -> list[str]:
    largest = max(map(abs, ticks))
    if largest != 0.0 and not _TINY <= largest < _HUGE:
        power = math.floor(math.log10(largest) + 1e-12)
        digits = _digits(step / 10.0**power)
        return [
            "0" if tick == 0 else f"{_signed(f'{tick / 10.0**power:.{digits}f}')} × 10{_raised(power)}"
            for tick in ticks
        ]
    digits = _digits(step)
    return [_signed(f"{tick:,.{digits}f}") for tick in ticks]


def _digits(step: float) -> int:
    """Return the decimals that tell multiples of a step apart."""
    return next((n for n in range(13) if abs(round(step, n) - step) <= 1e-6 * step), 12)


def _raised(power: int) -> str:
    return str(power).translate(_SUPERSCRIPTS)


def _signed(text: str) -> str:
    """Write a minus sign as long as a digit, and none before a zero."""
    if not text.strip("-0.,"):
        return text.lstrip("-")
    return text.replace("-", "−")


def number(value: float) -> str:
    """Write a number beside a mark: about three digits that matter, thousands apart."""
    size = abs(value)
    if value != 0.0 and not _TINY <= size < _HUGE:
        leading, _, power = f"{value:.2e}".partition("e")
        return f"{_signed(leading)} × 10{_raised(int(power))}"
    digits = 0 if size >= 1000 or value == 0 else max(0, 2 - math.floor(math.log10(size)))
    text = f"{value:,.{digits}f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text else text)


def percent(value: float) -> str:
    """Write a fraction in per cent beside a mark."""
    return f"{_signed(f'{100 * value:.2f}')} %"
