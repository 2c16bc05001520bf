"""Comma-separated text: many rows at once are written as few are, one by one, and as `csv` and `repr` write them."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lendplan.data.bridge import arrow_texts
from lendplan.data.csvwriting import Column, few_rows, header, many_rows
from lendplan.data.texts import Texts

ODD = [
    0.0,
    -0.0,
    1e16,
    1e-4,
    9.999e-5,
    1e15,
    123456789012345678.0,
    1e22,
    5e-324,
    0.1,
    1 / 3,
    1e9,
    1e10,
    1e-9,
    100.0,
]


def by_hand(columns: list[list[str] | list[float]]) -> bytes:
    text = io.StringIO(newline="")
    told = [
        [one if isinstance(one, str) else "" if math.isnan(one) else repr(one) for one in cells]
        for cells in columns
    ]
    csv.writer(text, lineterminator="\n").writerows(zip(*told, strict=True))
    return text.getvalue().encode()


def test_numbers_are_the_shortest_text_that_is_read_as_the_same() -> None:
    draw = np.random.default_rng(7)
    values = np.concatenate(
        [
            draw.normal(size=20_000) * 10.0 ** draw.integers(-25, 25, 20_000),
            np.round(draw.normal(size=5_000) * 1000, 2),
            np.arange(-500.0, 500.0),
            ODD,
            [np.nan],
        ]
    )
    marks = Texts.of("x" for _ in values)
    expected = by_hand([["x"] * len(values), values.tolist()])
    assert many_rows([marks, values]) == expected
    assert few_rows([marks, values]) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text('a,"\n é', max_size=4), st.floats(allow_infinity=False)), min_size=1))
def test_text_is_quoted_where_it_must_be(cells: list[tuple[str, float]]) -> None:
    texts, values = [text for text, _ in cells], [value for _, value in cells]
    expected = by_hand([texts, values])
    columns: list[Column] = [Texts.of(texts), np.array(values)]
    assert few_rows(columns) == many_rows(columns) == expected
    assert many_rows([Texts.packed(arrow_texts(texts)), np.array(values)]) == expected


def test_the_header_is_quoted_alike() -> None:
    assert header(["a", 'b "c"', "d,e"]) == b'a,"b ""c""","d,e"\n'


def test_a_carriage_return_is_quoted() -> None:
    assert few_rows([Texts.of(["a\rb"]), Texts.of(["x"])]) == b'"a\rb",x\n'
