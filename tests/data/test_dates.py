import datetime
import re
import time
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from lendplan.data.cells import BadCell
from lendplan.data.columns import Column, Contract
from lendplan.data.contracts import conform
from lendplan.data.dates import dates_of, parse_date
from lendplan.data.findings import InputError
from lendplan.data.tables import table_from_cells

DAY = 17365
"""2017-07-18: 47 years, 12 of them leap years, and 198 days after 1970-01-01: 47·365 + 12 + 198."""


def objects(*cells):
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array


def test_the_day_was_counted_by_hand():
    assert DAY == 47 * 365 + 12 + (31 + 28 + 31 + 30 + 31 + 30 + 17)


@pytest.mark.parametrize(
    "cell",
    [
        "2017-07-18",
        "2017-7-18",
        "2017/7/18",
        "2017/07/18",
        "2017.07.18",
        "20170718",
        "20170718.0",
        "2017年7月18日",
        "2017年07月18日",
        "2017 年 7 月 18 日",
        "2017-07-18 00:00:00",
        "2017-07-18T23:59:59.5+08:00",
        "2017/7/18 9:30",
        "  2017-07-18\u3000",
        "２０１７－０７－１８",
        "42934",
        "42934.75",
        42934,
        42934.0,
        42934.75,
        20170718.0,
        Decimal(42934),
        np.int64(42934),
        np.datetime64("2017-07-18T12:00"),
        datetime.date(2017, 7, 18),
        datetime.datetime(2017, 7, 18, 23, 59),
    ],
)
def test_one_day_in_many_ways(cell):
    assert parse_date(cell) == DAY
    assert dates_of(objects(cell, None)).values.tolist()[0] == DAY


@pytest.mark.parametrize("cell", ["", "  ", None, float("nan"), np.datetime64("NaT")])
def test_blank(cell):
    read = dates_of(objects(cell))
    assert np.isnan(read.values).all()
    assert not read.faults


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("03/04/2017", "'03/04/2017' may be 3 April or 4 March; write 2017-04-03 or 2017-03-04"),
        ("3-4-2017", "may be 3 April or 4 March"),
        ("18/07/2017", "has the year last, .*write 2017-07-18"),
        ("07/18/2017", "has the year last, .*write 2017-07-18"),
        ("30/30/2017", "is no day of the calendar"),
        ("2017-02-30", "'2017-02-30' is no day of the calendar"),
        ("2017-13-01", "is no day of the calendar"),
        ("20170230", "is no day of the calendar"),
        ("2017年2月29日", "is no day of the calendar"),
        ("1989-12-31", "'1989-12-31' lies outside the years 1990 to 2100"),
        ("2101-01-01", "lies outside the years 1990 to 2100"),
        (datetime.date(1900, 1, 3), "1900-01-03 lies outside the years 1990 to 2100"),
        (25569.0, "25569, that is 1970-01-01, lies outside the years 1990 to 2100"),
        ("17365", "'17365' is no date: a day number of Excel lies between 20000 and 60000"),
        (60001, "60001 is no date: a day number"),
        (0.5, "0.5 is no date"),
        ("2017-07", "'2017-07' is no date; write it as 2017-07-18"),
        ("17-07-18", "is no date"),
        ("2017-07/18", "is no date"),
        ("yesterday", "is no date"),
        ("٢٠١٧-٠٧-١٨", "is no date"),
        (True, "'TRUE' is no date"),
        (datetime.time(9, 30), "is no date"),
        (datetime.timedelta(days=42934), "is no date"),
        (BadCell("#N/A", "holds #N/A; mend the formula, or clear the cell"), "holds #N/A"),
    ],
)
def test_what_is_no_date_is_told(cell, says):
    read = dates_of(objects(datetime.date(2017, 7, 18), cell))
    assert np.isnan(read.values[1])
    [(row, message)] = read.faults
    assert row == 1
    assert re.search(says, message), message


def test_the_ends_of_the_range():
    assert parse_date("1990-01-01") == 20 * 365 + 5
    assert parse_date("2100-12-31") == 131 * 365 + 32 - 1
    assert parse_date("2000-02-29") == 30 * 365 + 7 + 31 + 28
    assert isinstance(parse_date("2100-02-29"), str)


def test_a_truth_value_is_not_the_number_one():
    read = dates_of(objects(1.0, True, 42934.0))
    assert [row for row, _ in read.faults] == [0, 1]
    assert read.values[2] == DAY


ARROW = [
    pa.array([datetime.date(2017, 7, 18), None]),
    pa.array([datetime.datetime(2017, 7, 18, 23, 59), None], pa.timestamp("s")),
    pa.array([datetime.datetime(2017, 7, 18, 23, 59), None], pa.timestamp("ms")),
    pa.array([datetime.datetime(2017, 7, 18, 23, 59), None], pa.timestamp("us")),
    pa.array([datetime.datetime(2017, 7, 18, 23, 59), None], pa.timestamp("ns")),
    pa.array([datetime.date(2017, 7, 18), None], pa.date64()),
    pa.array(["2017/7/18", None]),
    pa.array(["2017/7/18", None], pa.large_string()),
    pa.array(["2017/7/18", None]).dictionary_encode(),
    pa.array([datetime.date(2017, 7, 18), None]).dictionary_encode(),
    pa.array([42934, None], pa.int32()),
    pa.array([20170718, None], pa.int64()),
    pa.array([42934.5, None]),
    pa.array([42934.5, None]).dictionary_encode(),
    pa.array([Decimal(42934), None]),
]


@pytest.mark.parametrize("column", ARROW, ids=lambda column: str(column.type))
def test_arrow(column):
    for found, rows in ((column, [DAY, None]), (column[1:], [None]), (column[:1], [DAY])):
        read = dates_of(found)
        assert [None if np.isnan(day) else day for day in read.values.tolist()] == rows
        assert not read.faults


def test_a_time_with_a_zone_is_the_day_in_that_zone():
    evening = datetime.datetime(2017, 7, 17, 17, 0, tzinfo=datetime.UTC)
    assert dates_of(pa.array([evening], pa.timestamp("us", "+08:00"))).values.tolist() == [DAY]
    assert dates_of(pa.array([evening], pa.timestamp("us", "UTC"))).values.tolist() == [DAY - 1]


def test_arrow_before_1970_is_told_with_its_day():
    column = pa.array(
        [datetime.datetime(1969, 12, 31, 23), datetime.datetime(1969, 12, 31, 1)], pa.timestamp("s")
    )
    read = dates_of(column)
    [(row, message)] = read.faults
    assert row == 0
    assert message == "1969-12-31 lies outside the years 1990 to 2100 (2 rows, this is the first)"


@pytest.mark.parametrize(
    "column", [pa.array([True]), pa.array([[1]]), pa.array([b"x"]), pa.array([5], pa.time32("s"))]
)
def test_other_types_are_refused_as_a_whole(column):
    assert dates_of(column).faults == [(None, f"holds {column.type}, and dates are wanted")]


def test_each_value_at_fault_is_told_once_with_its_first_row_and_count():
    read = dates_of(objects("2017-07-18", "2017-02-30", "x", "2017-02-30", "2017-02-30", "x"))
    assert [row for row, _ in read.faults] == [1, 2]
    assert read.faults[0][1].endswith("(3 rows, this is the first)")
    assert read.faults[1][1].endswith("(2 rows, this is the first)")
    assert read.unread is not None
    assert read.unread.tolist() == [False, True, True, True, True, True]


def test_a_contract_tells_line_column_and_value_and_no_fault_twice():
    contract = Contract("t", (Column("date", "date", "A day.", "day", required=True, filled=True),))
    good = conform(table_from_cells({"date": ["2017-07-18", "42934"]}, "t"), contract)
    assert good.numbers("date").tolist() == [DAY, DAY]
    with pytest.raises(InputError) as caught:
        conform(table_from_cells({"date": ["2017-07-18", "2017-02-30", "", "2017-02-30"]}, "t"), contract)
    assert [str(finding) for finding in caught.value.findings] == [
        "t:3: date: '2017-02-30' is no day of the calendar; write it as 2017-07-18 (2 rows, this is the first)",
        "t:4: date: is blank; a value is needed",
    ]
    assert contract["date"].range == "1990 to 2100"
    blank = Contract("t", (Column("id", "text", "x."), Column("date", "date", "A day.", "day")))
    assert np.isnan(conform(table_from_cells({"id": ["a"]}, "t"), blank).numbers("date")).all()


def test_a_code_may_repeat_and_is_read_as_exactly_as_an_id():
    contract = Contract("t", (Column("no", "code", "A number."),))
    assert conform(table_from_cells({"no": ["001", "1", "001", ""]}, "t"), contract).texts("no").tolist() == [
        "001",
        "1",
        "001",
        "",
    ]
    raw = table_from_cells({"no": ["1", "2"]}, "t")
    with pytest.raises(InputError) as caught:
        conform(replace(raw, columns={"no": objects(12345678901234567890.0, 1.5)}), contract)
    assert [finding.line for finding in caught.value.findings] == [2, 3]
    assert "more than 15 digits" in str(caught.value)


def test_millions_of_rows_are_read_by_their_distinct_values():
    codes = np.random.default_rng(0).integers(0, 1000, 5_000_000).astype(np.int32)
    days = [str(np.datetime64("2017-01-01") + day) for day in range(1000)]
    column = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(days))
    start = time.process_time()
    read = dates_of(column)
    assert time.process_time() - start < 2
    assert np.array_equal(read.values, codes + 47 * 365.0 + 12)
    plain = dates_of(column[:100_000].cast(pa.large_string()))
    assert np.array_equal(plain.values, read.values[:100_000])
