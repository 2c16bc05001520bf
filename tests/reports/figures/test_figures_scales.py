"""Ticks, numbers and places of labels, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lendplan.reports.figures.placing import Room, along, around, spread
from lendplan.reports.figures.scales import number, percent, scale_of


def test_ticks_are_round_and_within_the_ends() -> None:
    scale = scale_of([0.0, 100.0])
    assert (scale.low, scale.high) == (-5.0, 105.0)
    assert scale.ticks == (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)
    assert scale.labels == ("0", "20", "40", "60", "80", "100")
    assert scale_of([0.0, 100.0], most=5).labels == ("0", "25", "50", "75", "100")


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 0.3], ("0.0", "0.1", "0.2", "0.3")),
        ([-30.0, 10.0], ("−30", "−20", "−10", "0", "10")),
        ([0.0, 30000.0], ("0", "10,000", "20,000", "30,000")),
        ([0.0, 3e15], ("0", "1 × 10¹⁵", "2 × 10¹⁵", "3 × 10¹⁵")),
        ([0.0, 3e-7], ("0", "1 × 10⁻⁷", "2 × 10⁻⁷", "3 × 10⁻⁷")),
        ([1e8, 1e8 + 0.3], ("100,000,000.0", "100,000,000.1", "100,000,000.2", "100,000,000.3")),
    ],
)
def test_labels_say_every_tick_whole(values: list[float], labels: tuple[str, ...]) -> None:
    assert scale_of(values, most=5).labels == labels


def test_fractions_in_per_cent() -> None:
    scale = scale_of([0.04, 0.15], percent=True)
    assert scale.ticks == pytest.approx((0.04, 0.06, 0.08, 0.1, 0.12, 0.14))
    assert scale.labels == ("4 %", "6 %", "8 %", "10 %", "12 %", "14 %")


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0, 1e-30, 1e200, -1e200])
def test_a_single_value_stands_in_the_middle(value: float) -> None:
    scale = scale_of([value, value])
    assert scale.low < value < scale.high
    assert (scale.low + scale.high) / 2 == pytest.approx(value)
    assert scale.ticks


def test_from_zero_unless_something_lies_below() -> None:
    assert scale_of([5.0, 10.0], from_zero=True).low == 0.0
    assert scale_of([-5.0, 10.0], from_zero=True).low < -5.0
    assert scale_of([0.0, 0.0], from_zero=True).low == 0.0
    assert (scale_of([], from_zero=True, margin=0.0).low, scale_of([], margin=0.0).high) == (0.0, 1.0)


@pytest.mark.parametrize("most", range(1, 12))
def test_never_more_ticks_than_asked_for(most: int) -> None:
    random = np.random.default_rng(5)
    for _ in range(50):
        low, high = sorted(random.normal(size=2) * 10.0 ** random.integers(-9, 13))
        scale = scale_of([low, high], most=most)
        assert 1 <= len(scale.ticks) <= most
        assert all(scale.low <= tick <= scale.high for tick in scale.ticks)
        assert len(set(scale.labels)) == len(scale.ticks)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234567.4, "1,234,567"),
        (12.345, "12.3"),
        (1.5, "1.5"),
        (-0.0123, "−0.0123"),
        (999.96, "1,000"),
        (2.5e13, "2.50 × 10¹³"),
        (-2.5e-9, "−2.50 × 10⁻⁹"),
        (9.9999e12, "1.00 × 10¹³"),
    ],
)
def test_numbers_beside_marks(value: float, text: str) -> None:
    assert number(value) == text


def test_shares_beside_marks() -> None:
    assert (percent(0.08125), percent(-0.01)) == ("8.12 %", "−1.00 %")


def test_labels_move_no_farther_than_they_must() -> None:
    # 10 and 12 share their distance from the middle; 50 stays.
    assert spread([10.0, 12.0, 50.0], 10.0, 0.0, 100.0) == [6.0, 16.0, 50.0]
    # Another order, and an end: three at 98 go up from it.
    assert spread([98.0, 98.0, 5.0, 98.0], 10.0, 0.0, 100.0) == [80.0, 90.0, 5.0, 100.0]
    assert spread([], 10.0, 0.0, 100.0) == []


def test_a_label_takes_the_first_side_that_is_free() -> None:
    room = Room((0.0, 0.0, 200.0, 200.0), around([(115.0, 115.0)], 5.0))
    box, align = room.place((100.0, 100.0), 40.0, 10.0, 10.0) or ((0.0,) * 4, "")
    # Right below lies the obstacle, so it is left above: its right lower corner 7 units from the mark.
    assert box == pytest.approx((53.0, 83.0, 93.0, 93.0))
    assert align == "right"
    second, _ = room.place((100.0, 100.0), 40.0, 10.0, 10.0) or ((0.0,) * 4, "")
    assert second != box


def test_no_label_where_others_leave_no_room() -> None:
    room = Room((0.0, 0.0, 50.0, 20.0), np.zeros((0, 4)))
    assert room.place((5.0, 10.0), 30.0, 10.0, 5.0) is not None
    assert room.place((5.0, 10.0), 30.0, 10.0, 5.0) is None


def test_places_along_a_line_lie_close() -> None:
    found = np.array(along([(0.0, 0.0), (30.0, 40.0)], 6.0))
    assert np.hypot(*np.diff(found, axis=0).T).max() <= 6.5
    assert along([(1.0, 1.0)]) == []
