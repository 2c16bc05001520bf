"""Columns of Arrow read at once: many rows as few, and the bytes at the edges of each text as `str.strip` sees them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lendplan.data.arrowtexts import texts_of_arrow
from lendplan.data.cells import Cells, ids_of, texts_of
from lendplan.data.numbers import numbers_of
from lendplan.data.tables import read_table
from lendplan.data.texts import Texts

COLUMNS: dict[str, Any] = {
    "plain": ["a", "b", "", None, "a"],
    "to be stripped": [" a", "a ", " ", "\u3000b\u2003", "c\x1c", "\x85d"],
    "wide": ["甲 ", "é", " 乙", "\u00a0\u00a0", "😀"],
    "numbers": ["1", "2.5", "", None, "1e3", "-4", "1."],
    "odd numbers": ["1", " 2 ", "１２", "1,000", "+.5", "7"],
    "no numbers": ["1", "x", "-", "1e", "1e999", "nan", ""],
    "shares": ["4%", "400bp", "0.04", ""],
    "one": [" x "],
    "none": [],
}


def told(cells: Cells[Any]) -> tuple[Any, ...]:
    return [repr(one) for one in cells.values.tolist()], cells.faults, cells.changed


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary", "string_view"])
@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_many_rows_are_read_as_few_are(column: list[Any], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    array = pa.array(column, pa.string())
    array = array.dictionary_encode() if kind == "dictionary" else array.cast(getattr(pa, kind)())
    few = [told(one) for one in (texts_of(array), ids_of(array), numbers_of(array, is_share=True))]
    for module in ("texts", "arrowtexts", "numbers"):
        monkeypatch.setattr(f"lendplan.data.{module}.SMALL", 0)
    for sample in (0, 4096):  # all columns packed, or by what their first rows say
        monkeypatch.setattr("lendplan.data.arrowtexts.SAMPLE", sample)
        many = [told(one) for one in (texts_of(array), ids_of(array), numbers_of(array, is_share=True))]
        assert many == few
    assert few[0][0] == [repr((one or "").strip()) for one in column]


def test_every_blank_is_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each character of Unicode at the edge of a text: only those that Python strips go."""
    monkeypatch.setattr("lendplan.data.arrowtexts.SMALL", 0)
    letters = [chr(one) for one in range(1, 0x30000) if not 0xD800 <= one < 0xE000]
    for texts in ([f"x{one}" for one in letters], [f"{one}x" for one in letters]):
        found = texts_of_arrow(pa.array(texts, pa.large_string()))
        assert found.values.is_packed
        assert found.values.tolist() == [text.strip() for text in texts]
        assert len(found.changed) == sum(one.isspace() for one in letters)


def test_text_that_repeats_stays_in_codes_on_its_way_from_parquet(tmp_path: Path) -> None:
    size = 5000
    table = pa.table(
        {"id": [f"E{row:07}" for row in range(size)], "grade": ["A", "B "] * (size // 2), "x": [1.5] * size}
    )
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=1234)
    raw = read_table(tmp_path / "t.parquet")
    assert pa.types.is_dictionary(raw.columns["grade"].type)
    assert not pa.types.is_dictionary(raw.columns["id"].type)
    assert raw.cells("id").tolist() == table["id"].to_pylist()
    grades = texts_of(raw.columns["grade"]).values
    assert grades.tolist() == ["A", "B"] * (size // 2)
    assert isinstance(grades, Texts)
    assert not grades.is_packed
    assert sys.getsizeof(grades.coded()[0]) < 5 * size
