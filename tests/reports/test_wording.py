"""Numbers in words: a million at once as one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lendplan.data.texts import Texts
from lendplan.reports.wording import amount, amounts, chosen, joined, percent, percents


def test_fractions_in_per_cent() -> None:
    assert percents(np.array([0.0465, 0.0, -0.01, 1.5])).tolist() == [
        "4.65 %",
        "0.00 %",
        "-1.00 %",
        "150.00 %",
    ]
    assert percents(np.array([-1e-9, 1e-9, -0.0])).tolist() == ["-0.00 %", "0.00 %", "-0.00 %"]
    assert percents(np.array([])).tolist() == []


@given(st.lists(st.floats(width=64), max_size=20))
def test_any_number_is_written_as_python_writes_it(values: list[float]) -> None:
    assert percents(np.array(values, dtype=np.float64)).tolist() == [percent(value) for value in values]


def test_halves_are_rounded_as_python_rounds_the_exact_value() -> None:
    values = np.concatenate(
        [np.arange(-2000, 2000) / 2e4 + 5e-5, np.random.default_rng(3).normal(size=20_000)]
    )
    assert percents(values).tolist() == [percent(value) for value in values.tolist()]


def test_amounts_are_written_one_by_one() -> None:
    values = np.array([50.0, 0.0, 33.25, 1e-5, 50.0, 1e16])
    assert amounts(values).tolist() == [amount(value) for value in values.tolist()]


@pytest.mark.parametrize("small", [10, 0], ids=["few", "many"])
def test_pieces_are_joined_row_by_row(small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lendplan.reports.wording.SMALL", small)
    which = chosen(np.array([True, False, True]), "one", "other")
    assert joined("<", which, ": ", Texts.of(["a", "", "é"]), ">").tolist() == [
        "<one: a>",
        "<other: >",
        "<one: é>",
    ]
