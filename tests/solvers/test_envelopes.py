"""Envelopes against the best of all rates, for directions of every sign."""

from __future__ import annotations

import numpy as np
import pytest
from books import random_book

from lendplan.models.measures import Floats
from lendplan.solvers.envelopes import Envelope, compact, envelope
from lendplan.solvers.rowtable import RowTable
from lendplan.solvers.stretch import stretch


def directions(draw: np.random.Generator, count: int = 400) -> tuple[Floats, Floats]:
    """Return directions (B, C) of every sign and size, some of them along an axis, some nought."""
    size = 10.0 ** draw.uniform(-6, 6, (2, count))
    signed = size * draw.choice([-1.0, 1.0], (2, count))
    signed[0, ::9] = 0.0
    signed[1, ::7] = 0.0
    return signed[0], signed[1]


def assert_best(made: Envelope, x: Floats, y: Floats, first: int, last: int, b: Floats, c: Floats) -> None:
    """The rate of the envelope is worth as much as the best of all admissible rates."""
    rate = np.arange(first, last + 1)
    worth = b[:, None] * x[rate] + c[:, None] * y[rate]
    found = made.best(b, c)
    assert np.all((first <= found) & (found <= last))
    reached = b * x[found] + c * y[found]
    size = np.abs(b)[:, None] * np.abs(x[rate]) + np.abs(c)[:, None] * np.abs(y[rate])
    assert np.all(reached >= worth.max(axis=1) - 1e-13 * size.max(axis=1))


@pytest.mark.parametrize("seed", range(40))
def test_the_best_rate_is_the_best_of_all(seed: int) -> None:
    draw = np.random.default_rng(seed)
    m = int(draw.integers(1, 40))
    x = draw.uniform(0, 1, m)
    if seed % 2:
        x = np.sort(x)[::-1].copy()  # as curves that never fall have it
    y = x * np.sort(draw.uniform(0.03, 0.3, m))
    first = int(draw.integers(0, m))
    last = int(draw.integers(first, m))
    assert_best(envelope(x, y, first, last), x, y, first, last, *directions(draw))


@pytest.mark.parametrize("rows", [[[0.5] * 6, [0.02, 0.03, 0.03, 0.04, 0.04, 0.01]], [[0.0] * 6, [0.0] * 6]])
def test_points_of_equal_exposure(rows: list[list[float]]) -> None:
    x, y = np.array(rows)
    draw = np.random.default_rng(1)
    assert_best(envelope(x, y, 0, 5), x, y, 0, 5, *directions(draw))


@pytest.mark.parametrize("kind", ["repeated", "on a line", "nobody stays from the third rate on"])
def test_points_that_coincide_or_lie_on_a_line(kind: str) -> None:
    draw = np.random.default_rng(2)
    x = np.sort(draw.uniform(0.2, 1, 8))[::-1].copy()
    y = x * np.linspace(0.04, 0.15, 8)
    if kind == "repeated":
        x, y = np.repeat(x, 2), np.repeat(y, 2)
    elif kind == "on a line":
        y = 0.1 - 0.05 * x
    else:
        x[2:], y[2:] = 0.0, 0.0
    last = len(x) - 1
    made = envelope(x, y, 0, last)
    assert_best(made, x, y, 0, last, *directions(draw))
    for chain in (made.gaining, made.losing):
        assert np.all(np.diff(chain.until) >= 0)
        assert len(chain.until) == len(chain.rate) - 1
        points = {(float(x[k]), float(y[k])) for k in chain.rate}
        assert len(points) == len(chain.rate), "a point is there twice"


def test_of_equal_points_the_first_rate_is_chosen() -> None:
    x, y = np.array([0.9, 0.5, 0.5, 0.5]), np.array([0.03, 0.06, 0.06, 0.06])
    made = envelope(x, y, 0, 3)
    assert made.best(np.array([0.0, 0.1]), np.array([1.0, 2.0])).tolist() == [1, 1]


def test_a_single_rate_is_chosen_whatever_the_direction() -> None:
    x, y = np.array([0.9, 0.7, 0.4]), np.array([0.04, 0.05, 0.06])
    made = envelope(x, y, 1, 1)
    b, c = directions(np.random.default_rng(3))
    assert set(made.best(b, c).tolist()) == {1}
    assert made.beside(b, c).tolist() == [[-1] * len(b)] * 2


def test_worked_by_hand() -> None:
    """e = 1, 0.8, 0.5 at 4, 6, 8 %: e·r = 0.04, 0.048, 0.04, so the third is on no hull for gaining directions.

    B·e + C·e·r with C = 1: the first beats the second where 0.2·B > 0.008, that is above B = 0.04; the second
    beats the third above B = −0.008 / 0.3.
    """
    x, y = np.array([1.0, 0.8, 0.5]), np.array([0.04, 0.048, 0.04])
    made = envelope(x, y, 0, 2)
    assert made.gaining.rate.tolist() == [2, 1, 0]
    np.testing.assert_allclose(made.gaining.until, [-0.008 / 0.3, 0.04], rtol=1e-12)
    ones = np.ones(3)
    assert made.best(np.array([-0.03, 0.0, 0.05]), ones).tolist() == [2, 1, 0]
    assert made.beside(np.array([-0.03, 0.0, 0.05]), ones).tolist() == [[-1, 2, 1], [1, 0, -1]]
    # C = −1: −e·r is highest at the ends, and equal there; B says which.
    assert made.losing.rate.tolist() == [2, 0]
    assert made.best(np.array([-0.01, 0.01]), -ones[:2]).tolist() == [2, 0]


def test_at_a_crossing_the_rate_of_larger_exposure_is_chosen() -> None:
    x, y = np.array([1.0, 0.75]), np.array([0.25, 0.5])
    assert envelope(x, y, 0, 1).best(np.array([1.0]), np.array([1.0])).tolist() == [0]


@pytest.mark.parametrize("seed", range(8))
def test_everybody_has_the_envelope_of_his_curve_and_rates(seed: int) -> None:
    problem = random_book(seed, 25, 6)
    made = stretch(problem, slice(3, 20), RowTable(problem))
    assert sorted(made.at.tolist()) == list(range(3, 20))
    b, c = directions(np.random.default_rng(seed), 50)
    for group in made.groups:
        for i in made.at[group.rows].tolist():
            x, y = problem.exposure_table[problem.curve[i]], problem.interest_table[problem.curve[i]]
            assert group.envelope is not None
            assert_best(group.envelope, x, y, int(problem.first_rate[i]), int(problem.last_rate[i]), b, c)
    assert sum(group.rows.stop - group.rows.start for group in made.groups) == 17


@pytest.mark.parametrize("upper", [10, 1 << 20])
def test_compact_is_unique_with_inverse(upper: int) -> None:
    """Both ways of doing it, for few possible keys and for many."""
    key = np.random.default_rng(4).integers(0, 10, 30)
    present, position = compact(key, upper)
    expected, inverse = np.unique(key, return_inverse=True)
    np.testing.assert_array_equal(present, expected)
    np.testing.assert_array_equal(position, inverse)
