"""Exact arithmetic on arrays: a double is a whole number over a power of two, and sums and products of such stay so.

An array of them is held as Python integers, which have no largest, times one power of two for all. Nothing here rounds
but `rounded_up`, which says so.
"""

import math
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Exact:
    """Numbers ints · 2^exponent.

    Parameters
    ----------
    ints
        A Python int, or an array of them (dtype object).
    exponent
        Common to all.
    """

    __slots__ = ("exponent", "ints")

    def __init__(self, ints: Any, exponent: int = 0) -> None:
        self.ints = ints
        self.exponent = exponent

    @classmethod
    def of(cls, values: Floats) -> "Exact":
        """Return an array of doubles as it is, to the last bit.

        Raises
        ------
        ValueError
            If a value is not finite.
        """
        if not np.isfinite(values).all():
            raise ValueError("only finite numbers are rational")
        fraction, power = np.frexp(values)
        whole = np.ldexp(fraction, 53).astype(np.int64)  # value = whole · 2^(power − 53)
        # Trailing zeros are taken off first, so that 100, 0.5 and 40 need few bits; 0 counts as having none.
        zeros = np.where(whole == 0, 0, np.frexp((whole & -whole).astype(np.float64))[1] - 1).astype(np.int64)
        odd, power = whole >> zeros, power.astype(np.int64) - 53 + zeros
        exponent = int(power[whole != 0].min(initial=1024))
        shift = np.where(whole == 0, 0, power - exponent)
        return cls(odd.astype(object) << shift.astype(object), exponent)

    @classmethod
    def number(cls, value: float | Fraction) -> "Exact":
        """Return one number.

        Raises
        ------
        ValueError
            If it is no whole number over a power of two.
        """
        number = Fraction(value)
        power = number.denominator.bit_length() - 1
        if number.denominator != 1 << power:
            raise ValueError(f"{number} is no whole number over a power of two")
        return cls(number.numerator, -power)

    def __getitem__(self, at: Any) -> "Exact":
        return Exact(self.ints[at], self.exponent)

    def __neg__(self) -> "Exact":
        return Exact(-self.ints, self.exponent)

    def __mul__(self, other: "Exact") -> "Exact":
        return Exact(self.ints * other.ints, self.exponent + other.exponent)

    def __add__(self, other: "Exact") -> "Exact":
        ours, theirs, exponent = aligned(self, other)
        return Exact(ours + theirs, exponent)

    def __sub__(self, other: "Exact") -> "Exact":
        return self + -other

    def fraction(self) -> Fraction:
        """Return one number, or the sum of an array, as a fraction."""
        whole = self.ints if isinstance(self.ints, int) else sum(self.ints.tolist())
        return _fraction(whole, self.exponent)

    def fractions(self) -> list[Fraction]:
        """Return each number of an array as a fraction."""
        return [_fraction(whole, self.exponent) for whole in self.ints.tolist()]


def _fraction(whole: int, exponent: int) -> Fraction:
    return Fraction(whole << exponent) if exponent >= 0 else Fraction(whole, 1 << -exponent)


def aligned(one: Exact, other: Exact) -> tuple[Any, Any, int]:
    """Return the integers of two numbers or arrays over one power of two, and that power."""
    exponent = min(one.exponent, other.exponent)
    ours, theirs = (
        each.ints if each.exponent == exponent else each.ints << (each.exponent - exponent)
        for each in (one, other)
    )
    return ours, theirs, exponent


def chosen(mask: NDArray[np.bool_], one: Exact, other: Exact) -> Exact:
    """Return `one` where the mask holds, else `other`: `numpy.where`."""
    ours, theirs, exponent = aligned(one, other)
    # Two bare Python ints would become 64-bit numbers here, which do have a largest.
    return Exact(np.where(mask, np.asarray(ours, dtype=object), np.asarray(theirs, dtype=object)), exponent)


def total(numerators: Exact, divisors: Exact) -> Fraction:
    """Return Σ numerator / divisor.

    Parameters
    ----------
    numerators
        An array.
    divisors
        Positive numbers that belong to it, or one for all. Few different ones are wanted: those with the same divisor
        are added first.
    """
    if isinstance(divisors.ints, int):
        return numerators.fraction() / divisors.fraction()
    sums: dict[int, int] = {}
    for whole, divisor in zip(numerators.ints.tolist(), divisors.ints.tolist(), strict=True):
        sums[divisor] = sums.get(divisor, 0) + whole
    parts = [Fraction(whole, divisor) for divisor, whole in sums.items()]
    # By halves, so that the denominators of many different divisors grow together and not one after another.
    while len(parts) > 1:
        pairs = zip(parts[::2], [*parts[1::2], Fraction(0)], strict=False)
        parts = [one + other for one, other in pairs]
    scale = _fraction(1, numerators.exponent - divisors.exponent)
    return (parts[0] if parts else Fraction(0)) * scale


def rounded_up(number: Fraction) -> float:
    """Return the least double that is no less than a rational number; +inf beyond the largest."""
    nearest = nearest_to(number)
    if math.isinf(nearest):
        return nearest if nearest > 0 else math.nextafter(-math.inf, 0.0)
    return nearest if nearest >= number else math.nextafter(nearest, math.inf)


def nearest_to(number: Fraction | float) -> float:
    """Return the double nearest to a number; ±inf beyond the largest."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


BLOCK = 1 << 16


def pair(values: Floats) -> list[float]:
    """Return a sum as the double nearest to it and the double nearest to the rest, so that parts of a sum add up."""
    near = float_sum(values)
    return [near, float_sum(np.append(values, -near))] if math.isfinite(near) else [near]


def float_sum(values: Floats) -> float:
    """Return the sum of doubles, correctly rounded; they become Python numbers in blocks, which saves memory.

    A sum beyond the largest double, or of opposite infinities, is NaN.
    """
    blocks = (values[start : start + BLOCK].tolist() for start in range(0, len(values), BLOCK))
    try:
        return math.fsum(chain.from_iterable(blocks))
    except (OverflowError, ValueError):
        return math.nan
