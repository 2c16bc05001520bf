"""Any table of ids and numbers comes back the same from every kind of file."""

import csv
import math
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from lendplan.data.columns import ENTERPRISES
from lendplan.data.contracts import conform
from lendplan.data.tables import read_table, table_from_frame

# What no text file holds: NUL, and halves of surrogate pairs.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
# What no XML holds besides: control characters, and the two non-characters.
SHEET_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=12
)
AMOUNT = st.none() | st.floats(min_value=0, allow_infinity=False, allow_nan=False)


def tables(text):
    ids = st.lists(text.filter(lambda value: value.strip()), min_size=1, max_size=8, unique_by=str.strip)
    return ids.flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(AMOUNT, min_size=len(names), max_size=len(names)),
            st.lists(st.just("") | text, min_size=len(names), max_size=len(names)),
        )
    )


def check(raw, ids, amounts, texts):
    frame = conform(raw, ENTERPRISES)
    assert frame["enterprise"].tolist() == [name.strip() for name in ids]
    assert frame["remark"].tolist() == [text.strip() for text in texts]
    for value, amount in zip(frame["line_max"], amounts, strict=True):
        assert math.isnan(value) if amount is None else value == amount


def rows(ids, amounts, texts):
    return zip(ids, ["" if amount is None else repr(amount) for amount in amounts], texts, strict=True)


HEADER = ["enterprise", "line_max", "remark"]


@given(tables(ANY_TEXT), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=60, deadline=None)
def test_csv(table, encoding, end):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        with path.open("w", encoding=encoding, newline="") as stream:
            # Unless told otherwise, Python's writer leaves a lone CR unquoted: no reader can tell it from a line end.
            has_cr = any("\r" in cell for row in rows(*table) for cell in row)
            quoting = csv.QUOTE_ALL if has_cr else csv.QUOTE_MINIMAL
            writer = csv.writer(stream, lineterminator=end, quoting=quoting)
            writer.writerow(HEADER)
            writer.writerows(rows(*table))
        check(read_table(path), *table)


@given(tables(st.text("甲乙丙，。あA1=+-@ ", min_size=1, max_size=8)))
@settings(max_examples=40, deadline=None)
def test_csv_in_gb18030(table):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        with path.open("w", encoding="gb18030", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([*HEADER, "企业代号"])
            writer.writerows([*row, "备注"] for row in rows(*table))
        check(read_table(path), *table)


@given(tables(ANY_TEXT))
@settings(max_examples=60, deadline=None)
def test_parquet(table):
    ids, amounts, texts = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        pq.write_table(
            pa.table({"enterprise": ids, "line_max": pa.array(amounts, pa.float64()), "remark": texts}), path
        )
        check(read_table(path), *table)


@given(tables(SHEET_TEXT))
@settings(max_examples=60, deadline=None)
def test_sheet(table):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.xlsx"
        with xlsxwriter.Workbook(path) as book:
            page = book.add_worksheet()
            for position, name in enumerate(HEADER):
                page.write_string(0, position, name)
            for number, (name, amount, text) in enumerate(zip(*table, strict=True), start=1):
                page.write_string(number, 0, name)
                if amount is not None:
                    # As text: XlsxWriter keeps 16 digits of a number, and some need 17.
                    page.write_string(number, 1, repr(amount))
                page.write_string(number, 2, text)
        check(read_table(path), *table)


@given(tables(ANY_TEXT))
@settings(max_examples=40, deadline=None)
def test_frame(table):
    ids, amounts, texts = table
    check(
        table_from_frame(pd.DataFrame({"enterprise": ids, "line_max": amounts, "remark": texts}), "t"), *table
    )
