"""Arithmetic without a rounding, against fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest

from lendplan.certify.exact import Exact, chosen, float_sum, nearest_to, rounded_up, total

DRAW = np.random.default_rng(3)
WIDE = DRAW.normal(size=400) * 10.0 ** DRAW.integers(-25, 25, 400)
EDGES = np.array([0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1.7e308, -1.0, 100.0, 0.1, 2.0**70, 3.0])


def fractions(values: np.ndarray) -> list[Fraction]:
    return [Fraction(value) for value in values.tolist()]


@pytest.mark.parametrize("values", [WIDE, EDGES, np.zeros(3), np.empty(0), np.array([8.0, 16.0])])
def test_doubles_are_taken_as_they_are(values: np.ndarray) -> None:
    exact = Exact.of(values)
    assert exact.fractions() == fractions(values)
    assert exact.fraction() == sum(fractions(values), Fraction(0))
    assert (-exact).fractions() == [-one for one in fractions(values)]


def test_sums_products_and_choices() -> None:
    ours, theirs = fractions(WIDE), fractions(WIDE[::-1])
    one, other = Exact.of(WIDE), Exact.of(WIDE[::-1].copy())
    assert (one + other).fractions() == [a + b for a, b in zip(ours, theirs, strict=True)]
    assert (one * other).fractions() == [a * b for a, b in zip(ours, theirs, strict=True)]
    assert (one - Exact.number(0.1)).fractions() == [a - Fraction(0.1) for a in ours]
    assert one[3:5].fractions() == ours[3:5]
    mask = WIDE > 0
    assert chosen(mask, one, Exact(1)).fractions() == [max(a, Fraction(0)) or Fraction(1) for a in ours]
    assert chosen(mask, Exact(1 << 70), Exact(0)).fractions()[0] in (0, 1 << 70)


def test_numbers_have_no_largest() -> None:
    big = Exact.of(np.array([1.5e308]))
    assert (big * big * big).fractions() == [Fraction(1.5e308) ** 3]
    assert nearest_to(Fraction(1.5e308) ** 2) == math.inf
    assert nearest_to(-(Fraction(1.5e308) ** 2)) == -math.inf


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Exact.of(np.array([1.0, value]))


def test_a_third_is_no_whole_number_over_a_power_of_two() -> None:
    with pytest.raises(ValueError, match="1/3"):
        Exact.number(Fraction(1, 3))


def test_total_over_divisors() -> None:
    divisors = DRAW.choice([0.1, 0.3, 7.0], len(WIDE))
    expected = sum((a / b for a, b in zip(fractions(WIDE), fractions(divisors), strict=True)), Fraction(0))
    assert total(Exact.of(WIDE), Exact.of(divisors)) == expected
    assert total(Exact.of(WIDE), Exact.number(0.7)) == sum(fractions(WIDE)) / Fraction(0.7)
    assert total(Exact.of(np.empty(0)), Exact.of(np.empty(0))) == 0


@pytest.mark.parametrize(
    ("number", "up"),
    [
        (Fraction(1, 3), math.nextafter(1 / 3, 1)),
        (Fraction(2, 3), math.nextafter(2 / 3, 1)),
        (Fraction(-1, 3), -1 / 3),
        (Fraction(-2, 3), -2 / 3),
        (Fraction(0.1), 0.1),
        (Fraction(0), 0.0),
        (Fraction(1, 10**400), 5e-324),
        (Fraction(10**400), math.inf),
        (Fraction(-(10**400)), -1.7976931348623157e308),
    ],
)
def test_rounded_up_is_the_least_double_that_is_no_less(number: Fraction, up: float) -> None:
    assert rounded_up(number) == up


def test_sum_of_doubles() -> None:
    assert float_sum(np.array([1e16, 1.0, 1.0, -1e16])) == 2.0
    assert float_sum(np.tile(0.1, 200_000)) == math.fsum([0.1] * 200_000)
    assert math.isnan(float_sum(np.array([math.inf, -math.inf])))
    assert math.isnan(float_sum(np.array([1.7e308, 1.7e308])))
    assert float_sum(np.array([1.0, -math.inf])) == -math.inf
