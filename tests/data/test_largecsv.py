"""Large files read at once: the same cells and lines as row by row, or left to the careful reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lendplan.data import largecsv, separated
from lendplan.data.cells import cells_of
from lendplan.data.columns import ENTERPRISES
from lendplan.data.contracts import conform
from lendplan.data.csvwriting import header, rows
from lendplan.data.findings import InputError
from lendplan.data.largecsv import parse_large
from lendplan.data.separated import parse_separated
from lendplan.data.tables import RawTable, read_table
from lendplan.data.texts import Texts

PATH = Path("t.csv")
Read = tuple[dict[str, list[Any]], list[int]]


def by_rows(data: bytes) -> Read:
    columns, line = parse_separated(data, PATH)  # what is small is read row by row
    return {name: cells_of(cells).tolist() for name, cells in columns.items()}, line.tolist()


def at_once(data: bytes) -> Read | None:
    found = parse_large(data, "t.csv")
    if found is None:
        return None
    return {name: cells_of(cells).tolist() for name, cells in found[0].items()}, found[1].tolist()


WELL_FORMED = {
    "plain": b"a,b\n1,2\n3,4\n",
    "no last line break": b"a,b\n1,2\n3,4",
    "CRLF": b"a,b\r\n1,2\r\n3,4\r\n",
    "CR": b"a,b\r1,2\r3,4\r",
    "empty lines": b"a,b\n\n1,2\n\n\n3,4\n\n",
    "blank rows": b"a,b\n1,2\n,\n ,\t\n3,4\n",
    "quotes": b'a,b\n"1","2"\n3,"x, y"\n',
    "a row of one quote": b'a,b\n"""",\n',
    "a row of quoted blanks": b'a,b\n1,2\n," "\n"\n",""\n3,4\n',
    "doubled quotes": b'a,b\n"say ""so""",2\n"""",""\n"""a""b""",x\n',
    "line breaks in cells": b'a,b\n"1\n2",3\n4,"5\n\n6"\n7,8\n',
    "quoted header": b'"a, b",c\n1,2\n',
    "wide letters": "甲,乙\n企业,“x”\n\u3000,é\n".encode(),
    "blank cells": b"a,b,c\n,,1\n2,,\n",
}
LEFT_TO_THE_CAREFUL = {
    "ragged": b"a,b\n1,2,3\n",
    "short": b"a,b\n1\n",
    "quote within a cell": b'a,b\n1"2,3\n',
    "text behind a quote": b'a,b\n"1"2,3\n',
    "open quote": b'a,b\n"1,2\n',
    "blank behind a quote": b'a,b\n"1" ,2\n',
    "CRLF and quotes": b'a,b\r\n"1",2\r\n',
    "header alone": b"a,b\n",
    "empty first line": b"\na,b\n1,2\n",
}


@pytest.mark.parametrize("data", WELL_FORMED.values(), ids=WELL_FORMED)
@pytest.mark.parametrize(("block", "piece"), [(1 << 23, 1 << 24), (1, 1), (5, 7)])
def test_the_same_cells_and_lines(
    data: bytes, block: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(largecsv, "BLOCK", block)
    monkeypatch.setattr(largecsv, "PIECE", piece)
    assert at_once(data) == by_rows(data)


@pytest.mark.parametrize("data", LEFT_TO_THE_CAREFUL.values(), ids=LEFT_TO_THE_CAREFUL)
def test_what_is_odd_is_left_to_the_careful_reader(data: bytes) -> None:
    assert at_once(data) is None


def test_a_blank_or_repeated_name_is_refused_by_both() -> None:
    for data in (b"a,a\n1,2\n", b"a,\n1,2\n", b'"a","a"\n1,2\n'):
        with pytest.raises(InputError) as careful:
            by_rows(data)
        with pytest.raises(InputError) as fast:
            at_once(data)
        assert str(fast.value) == str(careful.value)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab1,"\n \t', max_size=40))
@example(text='," "')
def test_any_text_is_read_alike_or_left_alone(text: str) -> None:
    data = f"x,y\n{text}".encode()
    try:
        found = at_once(data)
    except InputError:
        found = None
    if found is not None:
        assert found == by_rows(data)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*[st.text(alphabet='ab,"\n é=', max_size=5)] * 2), min_size=1, max_size=8))
def test_what_is_written_is_read(table: list[tuple[str, str]]) -> None:
    table = [(f"r{row}{one}", other) for row, (one, other) in enumerate(table)]
    data = header(["x", "y"]) + rows([Texts.of(cells) for cells in zip(*table, strict=True)])
    expected = {"x": [one for one, _ in table], "y": [other for _, other in table]}
    assert at_once(data) == by_rows(data) == (expected, by_rows(data)[1])


def test_columns_that_are_wanted_as_numbers() -> None:
    data = b"id,x,y\na,1.5,2\nb,,x\nc,1e3,4\n"
    columns, _ = parse_large(data, "t.csv", ["x", "y", "z"]) or ({}, None)
    assert str(columns["x"].type) == "double"
    assert columns["x"].to_pylist() == [1.5, None, 1000.0]
    assert cells_of(columns["y"]).tolist() == ["2", "x", "4"]


def test_one_odd_cell_in_a_later_piece_leaves_the_column_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(largecsv, "PIECE", 4)
    columns, _ = parse_large(b"id,x\na,1\nb,2\nc,4%\n", "t.csv", ["x"]) or ({}, None)
    assert cells_of(columns["x"]).tolist() == ["1", "2", "4%"]


def many(path: Path, cell: str = "5") -> RawTable:
    """Return a book of as many rows as are read at once."""
    size = 25_000
    lines = [
        f"E{row:05},{'A' if row % 2 else 'B '},{row % 97}.5,{(row + 1) / 7!r},{row}" for row in range(size)
    ]
    lines[20_000] = f"E20000,A,{cell},1.0,x"
    text = "enterprise,grade,line_max,line_step,note\n" + "\n".join(lines)
    path.write_text(text, encoding="utf-8")
    assert len(text) > separated.LARGE
    return read_table(path)


def test_a_large_book_conforms_as_a_small_one(tmp_path: Path) -> None:
    raw = many(tmp_path / "large.csv")
    assert not isinstance(raw.columns["enterprise"], np.ndarray)
    book = conform(raw, ENTERPRISES)
    assert book["enterprise"].tolist() == [f"E{row:05}" for row in range(25_000)]
    assert book["grade"].tolist()[:3] == ["B", "A", "B"]
    assert book.numbers("line_max")[20_000] == 5
    assert book.numbers("line_step")[3] == 4 / 7
    assert book["note"].tolist()[19_999:20_001] == ["19999", "x"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [("x", "'x' is no number"), ("-1", "-1 is below 0"), ("nan", "leave the cell blank"), ("1e999", "range")],
)
def test_one_mistake_in_a_large_book_is_told_with_its_line(tmp_path: Path, cell: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        conform(many(tmp_path / "large.csv", cell), ENTERPRISES)
    (finding,) = [one for one in caught.value.findings if one.key == "line_max"]
    assert finding.line == 20_002
    assert message in finding.message


def test_a_repeated_id_in_a_large_book_is_told_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    many(path)
    text = path.read_text(encoding="utf-8").replace("\nE24000,", "\n E00007 ,")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        conform(read_table(path), ENTERPRISES)
    (finding,) = [one for one in caught.value.findings if one.key == "enterprise"]
    assert finding.line == 24_002
    assert "'E00007' stands in line 9 already" in finding.message
