import logging

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lendplan.data import tables
from lendplan.data.cells import texts_of
from lendplan.data.findings import InputError
from lendplan.data.tables import read_table, split_sheet, table_from_frame


def csv(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows(raw):
    return list(zip(*(texts_of(column).values for column in raw.columns.values()), strict=True))


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_table(path)
    return caught.value.findings


def test_text_stays_text(tmp_path):
    raw = read_table(csv(tmp_path, "id,x\nNA,1.50\n001,\n123456789012345678,nan\n=1+1,TRUE\n"))
    assert rows(raw) == [("NA", "1.50"), ("001", ""), ("123456789012345678", "nan"), ("=1+1", "TRUE")]
    assert raw.line.tolist() == [2, 3, 4, 5]
    assert raw.encoding == "utf-8"
    assert raw.sheet is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_lines_are_the_files_own(tmp_path, end, quote):
    lines = ["id,x", "a,1", "", "b,2", ",", "", f"{quote}c{quote},3"]
    raw = read_table(csv(tmp_path, end.join(lines)))
    assert rows(raw) == [("a", "1"), ("b", "2"), ("c", "3")]
    assert raw.line.tolist() == [2, 4, 7]


def test_line_breaks_within_quotes_count(tmp_path):
    raw = read_table(csv(tmp_path, 'id,x\n"a\nb\r\nc",1\n"d,""e""",2\n'))
    assert rows(raw) == [("a\nb\r\nc", "1"), ('d,"e"', "2")]
    assert raw.line.tolist() == [2, 5]


def test_a_quote_within_plain_text_is_text(tmp_path):
    assert rows(read_table(csv(tmp_path, 'id,x\na,5" pipe\n'))) == [("a", '5" pipe')]


def test_no_line_end_at_the_end_and_blank_space_lines(tmp_path):
    raw = read_table(csv(tmp_path, "id\n1\n  \n2"))
    assert rows(raw) == [("1",), ("2",)]
    assert raw.line.tolist() == [2, 4]
    raw = read_table(csv(tmp_path, "id,x\na,1\n   \nb,2\n , \n"))
    assert raw.line.tolist() == [2, 4]


@pytest.mark.parametrize("quote", ["", '"'])
def test_ragged_rows_are_refused_all_at_once(tmp_path, quote):
    findings = refusal(csv(tmp_path, f"id,x,y\n{quote}a{quote},1,2\nb,1\nc,1,234,5\n"))
    assert [finding.line for finding in findings] == [3, 4]
    assert "nothing for 'y'" in findings[0].message
    assert "comma within a cell needs quotes" in findings[1].message


def test_a_quote_that_never_closes_is_told_where_it_opens(tmp_path):
    findings = refusal(csv(tmp_path, 'id,x\na,1\nb,"2\nc,3\nd,4\n'))
    assert [finding.line for finding in findings] == [3]
    assert "quote is not closed" in findings[0].message


def test_a_long_unclosed_quote_is_no_traceback(tmp_path):
    findings = refusal(csv(tmp_path, 'id,x\na,"1\n' + "b,2\n" * 50_000))
    assert findings[0].line == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id;x\na;1\n", "semicolons; save the table with commas"),
        ("id\tx\na\t1\n", "tabs"),
        ("id，x\na，1\n", "full-width commas"),
        ("sep=;\nid;x\n", "delete this line"),
        ("", "empty"),
        ("\ufeff\n \n", "empty"),
        ("\nid,x\n", "header belongs"),
        (",,\na,b,c\n", "header belongs"),
        ("id,,x\na,b,c\n", "column 2 has no name"),
        ("id,x,id\na,b,c\n", "columns 1, 3 alike"),
        ("id, id\na,b\n", "alike"),
        (b"PK\x03\x04rest", "is an .xlsx workbook"),
        (b"PAR1rest", "is a Parquet file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "legacy or encrypted"),
    ],
)
def test_what_is_no_plain_table_is_refused(tmp_path, text, says):
    assert says in str(InputError(refusal(csv(tmp_path, text))))


def test_a_mark_before_the_header_is_no_part_of_it(tmp_path):
    assert list(read_table(csv(tmp_path, b"\xef\xbb\xbfid,x\na,1\n")).columns) == ["id", "x"]


def test_headers_lose_surrounding_blanks(tmp_path):
    assert list(read_table(csv(tmp_path, "id , x\na,1\n")).columns) == ["id", "x"]


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    raw = read_table(csv(tmp_path, "id,x"))
    assert list(raw.columns) == ["id", "x"]
    assert raw.rows == len(raw.cells("id")) == 0


def test_a_line_longer_than_a_block(tmp_path):
    long = "x" * (6 << 20)
    assert rows(read_table(csv(tmp_path, f"id,x\na,{long}\nb,1\n"))) == [("a", long), ("b", "1")]


@pytest.mark.parametrize(
    ("name", "says"),
    [("a.xls", "save it as .xlsx"), ("a.tsv", "with commas"), ("a.ods", "read from .csv"), ("a", "unknown")],
)
def test_other_kinds_of_files_are_refused(tmp_path, name, says):
    assert says in str(refusal(csv(tmp_path, "x", name))[0])


def test_sheets_are_named_after_a_hash(tmp_path):
    assert split_sheet("a/b.xlsx#S #1") == (split_sheet("a/b.xlsx")[0], "S #1")
    odd = tmp_path / "a.xlsx#b.csv"
    odd.write_text("id\n1\n")
    assert split_sheet(odd) == (odd, None)
    assert rows(read_table(odd)) == [("1",)]


# ---------------------------------------------------------------------------------------------------- Parquet
def test_parquet_keeps_types_and_drops_pandas_row_labels(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "x": [1.5, np.nan]}, index=[5, 7])
    frame.to_parquet(tmp_path / "t.parquet")
    raw = read_table(tmp_path / "t.parquet")
    assert list(raw.columns) == ["id", "x"]
    assert rows(raw) == [("a", "1.5"), ("b", "")]
    assert raw.line.tolist() == [2, 3]
    assert raw.encoding is None


def test_damaged_parquet_is_refused(tmp_path):
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    assert "Parquet" in str(refusal(csv(tmp_path, data[:-20], "cut.parquet"))[0])
    assert "Parquet" in str(refusal(csv(tmp_path, b"no", "no.parquet"))[0])
    assert "empty" in str(refusal(csv(tmp_path, b"", "none.parquet"))[0])


def test_parquet_with_repeated_names_is_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["id", "id"])
    pq.write_table(table, tmp_path / "t.parquet")
    assert "alike" in str(refusal(tmp_path / "t.parquet")[0])


# ------------------------------------------------------------------------------------------------ data frames
def test_a_named_index_becomes_a_column():
    frame = pd.DataFrame({"x": [1]}, index=pd.Index(["a"], name="id"))
    raw = table_from_frame(frame, "book")
    assert list(raw.columns) == ["id", "x"]
    assert raw.name == "book"


def test_the_hash_of_a_frame_follows_its_content():
    one = table_from_frame(pd.DataFrame({"id": ["a"], "x": [1.0]}), "book").sha256
    assert one == table_from_frame(pd.DataFrame({"id": ["a"], "x": [1.0]}, index=[9]), "other").sha256
    assert one != table_from_frame(pd.DataFrame({"id": ["a"], "x": [2.0]}), "book").sha256
    assert one != table_from_frame(pd.DataFrame({"id": ["a"], "y": [1.0]}), "book").sha256


def test_frames_with_repeated_or_blank_names_are_refused():
    with pytest.raises(InputError, match="alike"):
        table_from_frame(pd.DataFrame([[1, 2]], columns=["a", "a"]), "book")
    with pytest.raises(InputError, match="no name"):
        table_from_frame(pd.DataFrame([[1, 2]], columns=["a", " "]), "book")


def test_reading_gb18030_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="lendplan"):
        raw = read_table(csv(tmp_path, "企业代号\nE1\n".encode("gb18030")))
    assert raw.encoding == "gb18030"
    assert "GB18030" in caplog.text


def test_parquet_that_claims_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MAX_CELLS", 2)
    pq.write_table(pa.table({"id": ["a", "b", "c"]}), tmp_path / "t.parquet")
    assert "more than 2 cells" in str(refusal(tmp_path / "t.parquet")[0])
