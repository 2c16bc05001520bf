"""A column of text: coded and packed columns answer alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from lendplan.data.bridge import arrow_texts
from lendplan.data.texts import Texts

LETTERS = ["b", "", "a", "b", "甲", "-x", "a"]
Make = Callable[[list[str]], Texts]


def packed(texts: list[str]) -> Texts:
    return Texts.packed(arrow_texts(texts))


@pytest.fixture(params=[Texts.of, packed], ids=["coded", "packed"])
def make(request: pytest.FixtureRequest) -> Make:
    found: Make = request.param
    return found


def test_texts_come_back(make: Make) -> None:
    texts = make(LETTERS)
    assert len(texts) == 7
    assert texts.tolist() == list(texts) == LETTERS
    assert [texts[row] for row in np.arange(7)] == LETTERS
    assert texts.objects().dtype == object
    assert all(type(text) is str for text in texts.objects())
    assert texts.arrow().to_pylist() == LETTERS
    assert texts.arrow().type == pa.large_string()
    codes, values = texts.coded()
    assert [values[code] for code in codes] == LETTERS
    assert len(set(values)) == len(values) == 5


def test_rows_are_taken_by_position_mask_and_slice(make: Make) -> None:
    texts = make(LETTERS)
    assert texts.take(np.array([6, 0, 0])).tolist() == ["a", "b", "b"]
    assert texts.take(np.array([True] + [False] * 5 + [True])).tolist() == ["b", "a"]
    assert texts.take(slice(4, 6)).tolist() == ["甲", "-x"]
    assert texts.take(slice(4, 6)).take(np.array([1])).tolist() == ["-x"]
    assert texts.take(slice(4, 7)).objects().tolist() == ["甲", "-x", "a"]
    assert texts.take(np.array([], dtype=np.int64)).tolist() == []


def test_questions_about_rows(make: Make) -> None:
    texts = make(LETTERS)
    assert np.flatnonzero(texts.equals("b")).tolist() == [0, 3]
    assert np.flatnonzero(texts.isin(["a", "", "nowhere"])).tolist() == [1, 2, 6]
    assert np.flatnonzero(texts.starts_with(("-", "甲"))).tolist() == [4, 5]
    assert texts.present() == ["", "-x", "a", "b", "甲"]
    assert texts.take(slice(0, 3)).present() == ["", "a", "b"]


def test_repeats_are_the_later_rows_and_blanks_are_none(make: Make) -> None:
    assert make([*LETTERS, ""]).repeats().tolist() == [3, 6]
    assert make(["a", "b", "c"]).repeats().tolist() == []
    assert make(["c", "a", "b"]).repeats().tolist() == []


@pytest.mark.parametrize("other", [Texts.of, packed], ids=["coded", "packed"])
def test_two_columns_together(make: Make, other: Make) -> None:
    texts = make(LETTERS)
    assert np.flatnonzero(texts.differs(other(["b", "x", "a", "b", "甲", "-x", ""]))).tolist() == [1, 6]
    assert texts.positions_in(other(["a", "b", "b"])).tolist() == [1, -1, 0, 1, -1, -1, 0]
    assert texts.overlaid(np.array([6, 0]), other(["new", "a"])).tolist() == ["a", *LETTERS[1:6], "new"]
    where = np.array([True, False, False, False, False, False, True])
    assert texts.overlaid_where(where, other(list("1234567"))).tolist() == ["1", *LETTERS[1:6], "7"]
    assert texts.tolist() == LETTERS


def test_changes_that_make_two_values_one(make: Make) -> None:
    changed = make(LETTERS).mapped(lambda text: text.replace("a", "b"))
    assert changed.tolist() == ["b", "", "b", "b", "甲", "-x", "b"]
    assert len(set(changed.coded()[1])) == len(changed.coded()[1])
    assert make(LETTERS).mapped(lambda text: text or "(blank)")[1] == "(blank)"


def test_many_rows_are_looked_up_as_few_are(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, known = make(LETTERS), make(["a", "b", "b"])
    few = texts.positions_in(known).tolist()
    monkeypatch.setattr("lendplan.data.texts.SMALL", 0)
    assert texts.positions_in(known).tolist() == few
    assert texts.arrow().to_pylist() == LETTERS


def test_codes_into_values_that_repeat() -> None:
    texts = Texts.recoded(np.array([0, 1, 2, 1], dtype=np.int32), ["x", "y", "x"])
    assert texts.tolist() == ["x", "y", "x", "y"]
    assert texts.coded()[1].tolist() == ["x", "y"]
    assert Texts.repeated("z", 3).tolist() == ["z", "z", "z"]
