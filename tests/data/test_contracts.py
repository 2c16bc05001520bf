import datetime
import logging
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from lendplan.data.columns import ALLOCATIONS, CHURN, ENTERPRISES, RATINGS
from lendplan.data.contracts import conform
from lendplan.data.findings import InputError
from lendplan.data.numbers import parse_number
from lendplan.data.tables import read_table, table_from_frame


def table(tmp_path, text):
    path = tmp_path / "book.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return read_table(path)


def refusals(raw, contract=ENTERPRISES, columns=None):
    with pytest.raises(InputError) as caught:
        conform(raw, contract, columns or {})
    return [(finding.line, finding.key, finding.message) for finding in caught.value.findings]


def parquet(tmp_path, **columns):
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    return read_table(tmp_path / "t.parquet")


def cells(frame, row, *names):
    return [frame[name].tolist()[row] for name in names]


def all_blank(frame, row, *names):
    return all(np.isnan(value) for value in cells(frame, row, *names))


def sheet(tmp_path, *rows):
    with xlsxwriter.Workbook(tmp_path / "t.xlsx", {"strings_to_formulas": False}) as book:
        page = book.add_worksheet()
        date = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, row in enumerate(rows):
            for position, cell in enumerate(row):
                page.write(number, position, cell, *([date] if isinstance(cell, datetime.date) else []))
    return read_table(tmp_path / "t.xlsx")


# --------------------------------------------------------------------------------------------------- the shape
def test_every_column_of_the_contract_is_there_and_typed(tmp_path):
    frame = conform(table(tmp_path, "enterprise,line_max,colour\nE1,100,red\nE2,,\n"), ENTERPRISES)
    assert list(frame) == [*(column.name for column in ENTERPRISES.columns), "colour"]
    assert frame["line_max"].dtype == np.float64
    assert frame["line_max"].tolist()[0] == 100
    assert np.isnan(frame["line_max"][1])
    assert np.isnan(frame["rate_min"]).all()
    for name in ("enterprise", "grade", "must", "colour"):
        assert frame[name].dtype == object
        assert all(type(value) is str for value in frame[name])
    assert frame["colour"].tolist() == ["red", ""]
    assert frame["grade"].tolist() == ["", ""]


@pytest.mark.parametrize("contract", [ENTERPRISES, RATINGS, CHURN, ALLOCATIONS])
def test_contracts_can_be_documented(contract):
    assert len({column.name for column in contract.columns}) == len(contract.columns)
    for column in (*contract.columns, contract.extra):
        assert column.description.endswith(".")
        assert bool(column.unit) == column.is_numeric
        if column.kind == "amount":
            assert column.low is not None or column.above is not None


def test_ranges_in_words():
    words = {
        name: ENTERPRISES[name].range
        for name in ("enterprise", "rate_min", "line_max", "line_step", "must", "name")
    }
    assert words == {
        "enterprise": "unique, not blank",
        "rate_min": "[0, 1]",
        "line_max": "≥ 0",
        "line_step": "> 0",
        "must": "lend, decline, blank",
        "name": "",
    }


# ------------------------------------------------------------------------------------------------------- ids
def test_ids_are_kept_exactly(tmp_path):
    ids = ["NA", "001", "123456789012345678", "=1+1", "+a", "-b", "@c", "null", "1e5", "企业", "nan", "1.0"]
    frame = conform(table(tmp_path, "enterprise\n" + "\n".join(ids)), ENTERPRISES)
    assert frame["enterprise"].tolist() == ids


def test_blank_and_repeated_ids_name_both_lines(tmp_path):
    found = refusals(table(tmp_path, "enterprise,name\nE1,a\n,b\nE2,c\nE1,d\n E1 ,e\n"))
    assert [line for line, _, _ in found] == [3, 5, 6]
    assert "blank" in found[0][2]
    assert "'E1' stands in line 2 already" in found[1][2]
    assert "line 2" in found[2][2]


def test_blanks_around_ids_go_and_are_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="lendplan"):
        frame = conform(table(tmp_path, "enterprise,name\nE1 ,a\n\u3000E2,b\n"), ENTERPRISES)
    assert frame["enterprise"].tolist() == ["E1", "E2"]
    assert "2 cells normalised" in caplog.text


def test_whole_numbers_of_parquet_become_exact_ids(tmp_path):
    raw = parquet(tmp_path, enterprise=pa.array([123456789012345678, 2]))
    assert conform(raw, ENTERPRISES)["enterprise"].tolist() == ["123456789012345678", "2"]
    raw = parquet(tmp_path, enterprise=pa.array([Decimal(12345678901234567890), Decimal(2)]))
    assert conform(raw, ENTERPRISES)["enterprise"].tolist() == ["12345678901234567890", "2"]


@pytest.mark.parametrize(
    "ids",
    [
        [1.0, 2.0],
        [True, False],
        [datetime.date(2024, 3, 4), datetime.date(2024, 3, 5)],
        [b"a", b"b"],
        [[1], [2]],
    ],
)
def test_other_types_of_parquet_are_no_ids(tmp_path, ids):
    ((line, key, message),) = refusals(parquet(tmp_path, enterprise=ids))
    assert (line, key) == (1, "enterprise")
    assert "store them as text" in message


def test_ids_of_a_sheet(tmp_path):
    frame = conform(
        sheet(tmp_path, ["enterprise"], [17], [123456789012345], ["001"], ["=x"], [-3]), ENTERPRISES
    )
    assert frame["enterprise"].tolist() == ["17", "123456789012345", "001", "=x", "-3"]
    found = refusals(
        sheet(
            tmp_path,
            ["enterprise"],
            [1234567890123456],
            [1.5],
            [True],
            [datetime.date(2024, 3, 4)],
            [" "],
            ["x"],
        )
    )
    assert [line for line, _, _ in found] == [2, 3, 4, 5]
    assert all("store ids as text" in message for _, _, message in found)
    found = refusals(sheet(tmp_path, ["enterprise", "name"], ["", "x"]))
    assert "blank" in found[0][2]


def test_text_and_number_are_one_id_in_a_sheet(tmp_path):
    assert "stands in line 2" in refusals(sheet(tmp_path, ["enterprise"], [17], ["17"]))[0][2]


# ---------------------------------------------------------------------------------------------------- numbers
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e5", 1e5), ("1E-3", 1e-3), ("+.5", 0.5), ("7.", 7.0), ("1,234", 1234.0), ("1,234,567.5", 1234567.5),
        ("１２３", 123.0), ("１，２３４．５", 1234.5), (" 12 ", 12.0), ("\u00a012", 12.0), ("−5", -5.0), ("0.1", 0.1),
    ],
)  # fmt: skip
def test_numbers(text, value):
    assert parse_number(text, is_share=False) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4%", 0.04),
        ("4.65 %", 0.0465),
        ("４％", 0.04),
        ("400bp", 0.04),
        ("425 BPS", 0.0425),
        ("0.3", 0.3),
        ("7%", 0.07),
    ],
)
def test_shares(text, value):
    assert parse_number(text, is_share=True) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1OO", "write it with digits"), ("nan", "leave the cell blank"), ("inf", "leave the cell blank"),
        ("-Infinity", "leave the cell blank"), ("#N/A", "digits"), ("N/A", "blank"), ("1_000", "digits"),
        ("0x10", "digits"), ("1,5", "decimals with a point"), ("0,123", "decimals with a point"),
        ("12,34", "decimals with a point"), ("4%", "is a share"), ("1e999", "beyond the range"), ("¥100", "digits"),
        ("١٢", "digits"), ("5²", "digits"), ("TRUE", "digits"), ("1 000", "digits"),
    ],
)  # fmt: skip
def test_what_is_no_amount(tmp_path, text, says):
    assert says in parse_number(text, is_share=False)
    quoted = f'"{text}"'
    ((line, key, message),) = refusals(table(tmp_path, f"enterprise,line_max\nE1,1\nE2,{quoted}\nE3,2\n"))
    assert (line, key) == (3, "line_max")
    assert says in message


@pytest.mark.parametrize("text", ["%", "4%%", "abc%", "1e999%", "1e99999999999%"])
def test_what_is_no_share(text):
    assert isinstance(parse_number(text, is_share=True), str)


@pytest.mark.parametrize(
    ("column", "text", "says"),
    [
        ("rate_max", "4", "4 is above 1; did you mean 4% or 0.04?"),
        ("rate_max", "425", "425 is above 1; did you mean 425bp or 0.0425?"),
        ("rate_max", "150%", "1.5 is above 1"),
        ("default_probability", "-0.1", "below 0"),
        ("loss_given_default", "1.0001", "1.0001 is above 1"),
        ("risk_weight", "-1", "below 0"),
        ("line_min", "-1", "below 0"),
        ("line_step", "0", "not above 0"),
        ("must", "Lend", "did you mean 'lend'?"),
        ("must", "yes", "none of lend, decline, blank"),
    ],
)
def test_ranges_and_choices(tmp_path, column, text, says):
    ((line, key, message),) = refusals(table(tmp_path, f"enterprise,{column}\nE1,{text}\n"))
    assert (line, key) == (2, column)
    assert says in message


def test_ends_of_ranges_are_allowed(tmp_path):
    frame = conform(
        table(tmp_path, "enterprise,rate_min,rate_max,risk_weight\nE1,0,1,1.7\nE2,0%,100%,4%\n"), ENTERPRISES
    )
    assert frame["rate_max"].tolist() == [1, 1]
    assert frame["risk_weight"].tolist() == [1.7, 0.04]


def test_normalised_numbers_are_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="lendplan"):
        frame = conform(table(tmp_path, 'enterprise,line_max\nE1,"1,234"\nE2,１２\nE3,7\n'), ENTERPRISES)
    assert frame["line_max"].tolist() == [1234, 12, 7]
    assert (
        "book.csv: line_max: 2 cells normalised, the first in line 2: '1,234' read as '1234'" in caplog.text
    )


def test_numbers_of_parquet_are_taken_as_they_are(tmp_path):
    raw = parquet(
        tmp_path,
        enterprise=pa.array(["a", "b"]).dictionary_encode(),
        line_max=pa.array([5, None]),
        line_min=pa.array([Decimal("1.25"), None]),
        rate_max=pa.array(["4%", ""]),
        risk_index=pa.array([0.1, None], pa.float32()),
        line_step=pa.nulls(2),
        grade=pa.array(["A", None], pa.large_string()),
        flag=[True, None],
        code=[3.0, 2.5],
    )
    frame = conform(raw, ENTERPRISES)
    assert frame["line_max"][0] == 5
    assert frame["line_min"][0] == 1.25
    assert frame["rate_max"][0] == 0.04
    assert frame["risk_index"][0] == pytest.approx(0.1)
    assert all_blank(frame, 1, "line_max", "line_min", "rate_max", "risk_index", "line_step")
    assert frame["grade"].tolist() == ["A", ""]
    assert frame["flag"].tolist() == ["TRUE", ""]
    assert frame["code"].tolist() == ["3", "2.5"]


def test_nan_and_infinity_of_parquet_are_refused(tmp_path):
    raw = parquet(tmp_path, enterprise=["a", "b", "c"], line_max=[1.0, float("nan"), float("inf")])
    assert [line for line, _, _ in refusals(raw)] == [3, 4]
    raw = parquet(tmp_path, enterprise=["a"], line_max=[True])
    assert "holds bool" in refusals(raw)[0][2]


def test_numbers_of_a_sheet(tmp_path):
    frame = conform(
        sheet(tmp_path, ["enterprise", "line_max"], ["a", 1.5], ["b", "1,000"], ["c", ""]), ENTERPRISES
    )
    assert frame["line_max"].tolist()[:2] == [1.5, 1000]
    found = refusals(
        sheet(tmp_path, ["enterprise", "line_max"], ["a", True], ["b", datetime.date(2024, 3, 4)])
    )
    assert [line for line, _, _ in found] == [2, 3]
    assert "2024-03-04" in found[1][2]


def test_errors_of_a_sheet_matter_only_where_the_column_has_a_meaning(tmp_path, caplog):
    with xlsxwriter.Workbook(tmp_path / "t.xlsx") as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["enterprise", "line_max", "remark"])
        page.write_row(1, 0, ["a", 1])
        error: Any = "#N/A"  # XlsxWriter's annotation knows numbers only
        page.write_formula(1, 2, "=NA()", None, error)
    raw = read_table(tmp_path / "t.xlsx")
    assert conform(raw, ENTERPRISES)["remark"].tolist() == ["#N/A"]
    assert "remark: holds #N/A" in caplog.text
    ((line, key, message),) = refusals(raw, columns={"grade": "remark"})
    assert (line, key) == (2, "remark")
    assert "mend the formula" in message


def test_missing_values_of_a_frame_are_blank_and_infinity_is_not():
    frame = pd.DataFrame(
        {
            "enterprise": ["a", "b"],
            "line_max": [1.0, np.nan],
            "rate_max": ["4%", None],
            "line_min": pd.array([1, None], dtype="Int64"),
            "grade": pd.Categorical(["A", None]),
            "name": pd.array(["x", pd.NA], dtype="string"),
            "since": [pd.Timestamp("2024-03-04"), pd.NaT],
        }
    )
    typed = conform(table_from_frame(frame, "book"), ENTERPRISES)
    assert cells(typed, 0, "line_max", "rate_max", "line_min") == [1, 0.04, 1]
    assert all_blank(typed, 1, "line_max", "rate_max", "line_min")
    assert typed["grade"].tolist() == ["A", ""]
    assert typed["name"].tolist() == ["x", ""]
    assert typed["since"].tolist() == ["2024-03-04", ""]
    frame["line_max"] = [1.0, np.inf]
    assert refusals(table_from_frame(frame, "book"))[0][:2] == (3, "line_max")
    frame["line_max"] = pd.Series([1.0, np.inf], dtype=object)
    assert refusals(table_from_frame(frame, "book"))[0][:2] == (3, "line_max")


# ---------------------------------------------------------------------------------------------------- columns
def test_their_names_stand_for_ours(tmp_path):
    raw = table(tmp_path, "企业代号,信誉评级,Wirtschaftszweig\nE1,A,x\n")
    columns = {
        "enterprise": "企业代号",
        "grade": "信誉评级",
        "sector": "Wirtschaftszweig",
        "region": "not there",
    }
    frame = conform(raw, ENTERPRISES, columns)
    assert cells(frame, 0, "enterprise", "grade", "sector") == ["E1", "A", "x"]
    assert refusals(raw)[0][2].startswith("column 'enterprise' is missing")


def test_our_own_name_serves_where_theirs_is_absent(tmp_path):
    assert conform(table(tmp_path, "enterprise\nE1\n"), ENTERPRISES, {"enterprise": "企业代号"}).rows == 1


def test_both_names_at_once_are_refused(tmp_path):
    found = refusals(table(tmp_path, "enterprise,grade,评级\nE1,A,B\n"), columns={"grade": "评级"})
    assert "is called '评级' by `columns`, but a column 'grade' is there too" in found[0][2]
    found = refusals(table(tmp_path, "enterprise,x\nE1,A\n"), columns={"grade": "x", "region": "x"})
    assert "both 'grade' and 'region'" in found[0][2]


def test_names_can_be_swapped(tmp_path):
    raw = table(tmp_path, "enterprise,region,industry\nE1,a,b\n")
    frame = conform(raw, ENTERPRISES, {"region": "industry", "industry": "region"})
    assert cells(frame, 0, "region", "industry") == ["b", "a"]


def test_missing_columns_say_what_is_likely_meant(tmp_path):
    found = refusals(table(tmp_path, "Enterprise,line_max\nE1,1\n"))
    assert "did you mean 'Enterprise'?" in found[0][2]
    found = refusals(table(tmp_path, "enterprise,risk_weigth\nE1,1\n"), RATINGS)
    assert [line for line, _, _ in found] == [1, 1]
    assert "'grade' is missing" in found[0][2]
    assert "needs a column 'risk_weight' or 'default_probability'; did you mean 'risk_weigth'?" in found[1][2]


def test_rows_are_needed_except_in_an_allocation(tmp_path):
    assert "no row" in refusals(table(tmp_path, "enterprise\n"))[0][2]
    frame = conform(table(tmp_path, "enterprise,line,rate\n"), ALLOCATIONS)
    assert (list(frame), frame.rows) == (["enterprise", "line", "rate"], 0)
    assert frame["line"].dtype == np.float64


def test_an_allocation_keeps_further_columns(tmp_path):
    frame = conform(
        table(tmp_path, "enterprise,decision,line,rate\nE1,lend,5,4%\nE2,decline,,\n"), ALLOCATIONS
    )
    assert frame["line"].tolist()[0] == 5
    assert frame["decision"].tolist() == ["lend", "decline"]
    assert np.isnan(frame["rate"]).tolist() == [False, True]


def test_all_problems_come_at_once_in_the_order_of_lines(tmp_path):
    found = refusals(table(tmp_path, "enterprise,line_max,rate_max,must\nE1,x,4,no\nE1,-1,nan,lend\n"))
    assert [(line, key) for line, key, _ in found] == [
        (2, "line_max"), (2, "rate_max"), (2, "must"), (3, "enterprise"), (3, "line_max"), (3, "rate_max"),
    ]  # fmt: skip
    assert found[0][2] == "'x' is no number; write it with digits"
