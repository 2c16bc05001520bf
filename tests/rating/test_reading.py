"""A workbook or a folder becomes a dossier; what is wrong with it is told with sheet, row and column."""

from __future__ import annotations

import datetime
import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xlsxwriter
from pyarrow import parquet

from lendplan.data.findings import InputError
from lendplan.rating.invoices.reading import read_dossier
from lendplan.rating.invoices.tables import HEADERS, INVOICES, RATED_ENTERPRISES
from lendplan.rating.records import Dossier

REAL = Path(os.environ.get("LENDPLAN_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
ANNEX = REAL / "cumcm2020c" / "attachment1.xlsx"
DAY = 17365  # 2017-07-18, counted by hand in tests/data/test_dates.py

ENTERPRISES = [
    ["企业代号", "企业名称", "信誉评级", "是否违约"],
    ["E1", "甲", "A", "否"],
    ["E2", "乙", "D", "是"],
]
TAIL = ["金额", "税额", "价税合计", "发票状态"]
INPUT_HEADER = ["企业代号", "发票号码", "开票日期", "销方单位代号", *TAIL]
OUTPUT_HEADER = ["企业代号", "发票号码", "开票日期", "购方单位代号", *TAIL]
BOUGHT = [
    ["E1", 3390939, datetime.date(2017, 7, 18), "A1", -100, -13, -113, "有效发票"],
    ["E2", 3390940, datetime.date(2017, 7, 19), "A1", 100, 13, 113, " 作废发票 "],
]
SOLD = [["E1", 11, datetime.date(2017, 8, 4), "B1", 200.5, 26.07, 226.57, "有效发票"]]


def sheets(**changed: list[list[Any]]) -> dict[str, list[list[Any]]]:
    return {
        "企业信息": ENTERPRISES,
        "进项发票信息": [INPUT_HEADER, *BOUGHT],
        "销项发票信息": [OUTPUT_HEADER, *SOLD],
        **changed,
    }


def workbook(folder: Path, tables: dict[str, list[list[Any]]]) -> Path:
    path = folder / "invoices.xlsx"
    with xlsxwriter.Workbook(path) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for name, rows in tables.items():
            page = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for place, cell in enumerate(row):
                    page.write(number, place, cell, *([day] if isinstance(cell, datetime.date) else []))
    return path


def read(folder: Path, **changed: list[list[Any]]) -> Dossier:
    return read_dossier(workbook(folder, sheets(**changed)))


def refusals(folder: Path, **changed: list[list[Any]]) -> list[str]:
    path = workbook(folder, sheets(**changed))
    return refusals_of(path)


def refusals_of(source: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_dossier(source)
    return [str(finding).replace(f"{source.parent}{os.sep}", "") for finding in caught.value.findings]


def plain(dossier: Dossier) -> dict[str, Any]:
    """Return what a dossier says, without where it was read from."""
    one, who = dossier.invoices, dossier.enterprises
    partners = {code: f"#{place}" for place, code in enumerate(dict.fromkeys(one.counterparty.tolist()))}
    return {
        "enterprises": [who.enterprise, who.name, who.grade, who.is_default.tolist()],
        "owner": one.owner.tolist(),
        "is_sale": one.is_sale.tolist(),
        "number": one.number.tolist(),
        "day": one.day.tolist(),
        "counterparty": [partners[code] for code in one.counterparty.tolist()],
        "amount": one.amount.tolist(),
        "tax": one.tax.tolist(),
        "total": one.total.tolist(),
        "is_valid": one.is_valid.tolist(),
        "unusable": dict(dossier.unusable),
    }


EXPECTED = {
    "enterprises": [("E1", "E2"), ("甲", "乙"), ("A", "D"), [0.0, 1.0]],
    "owner": [0, 1, 0],
    "is_sale": [False, False, True],
    "number": ["3390939", "3390940", "11"],
    "day": [DAY, DAY + 1, DAY + 17],
    "counterparty": ["#0", "#0", "#1"],
    "amount": [-100.0, 100.0, 200.5],
    "tax": [-13.0, 13.0, 26.07],
    "total": [-113.0, 113.0, 226.57],
    "is_valid": [True, False, True],
    "unusable": {"E2": "has no valid invoice: the only one is void"},
}


def test_the_tables_can_be_documented_and_are():
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "tables.md").read_text(
        encoding="utf-8"
    )
    for contract in (RATED_ENTERPRISES, INVOICES):
        section = page.split(f"## {contract.name}\n")[1].split("\n## ")[0]
        for column in contract.columns:
            assert column.description.endswith(".")
            assert bool(column.unit) == column.is_numeric
            assert f"| **{column.name}** |" in section or f"| `{column.name}` |" in section
            assert HEADERS[column.name][0] in section or column.name == "counterparty"
            assert column.name in HEADERS[column.name]


# ------------------------------------------------------------------------------------------------- where it stands
def test_a_workbook_is_read_cell_by_cell(tmp_path):
    dossier = read(tmp_path)
    assert plain(dossier) == EXPECTED
    assert (
        dossier.invoices.owner.dtype
        == dossier.invoices.day.dtype
        == dossier.invoices.counterparty.dtype
        == np.int32
    )
    assert dossier.enterprises.line.tolist() == [2, 3]
    assert dossier.reading is not None
    assert dossier.reading.line.tolist() == [2, 3, 2]
    assert [(one.role, one.sheet) for one in dossier.inputs] == [
        ("enterprises", "企业信息"),
        ("input_invoices", "进项发票信息"),
        ("output_invoices", "销项发票信息"),
    ]


def test_the_order_of_the_sheets_does_not_matter_nor_do_further_ones(tmp_path):
    turned = dict(reversed(sheets().items()))
    assert plain(read_dossier(workbook(tmp_path, {"说明": [["read me"]], **turned}))) == EXPECTED


def test_sheets_may_be_named_in_english_and_hold_stray_blanks(tmp_path):
    named = {
        " Enterprises": [[" 企业代号 ", "企业 名称", "信誉评级\n", "是否违约"], *ENTERPRISES[1:]],
        "output-invoices": [OUTPUT_HEADER, *SOLD],
        "Input Invoices": [
            ["Enterprise", "Invoice No", "DATE", "seller", "amount", "tax", "total", "status"],
            *([*row[:7], word] for row, word in zip(BOUGHT, ("Valid", "void "), strict=True)),
        ],
    }
    assert plain(read_dossier(workbook(tmp_path, named))) == EXPECTED


def folder_of(folder: Path, encoding: str, *, both: bool) -> Path:
    """Write the same tables as CSV."""

    def written(name: str, rows: list[list[Any]]) -> None:
        text = "\n".join(",".join(str(cell) for cell in row) for row in rows)
        (folder / f"{name}.csv").write_text(text, encoding=encoding)

    written("enterprises", ENTERPRISES)
    if both:
        header = [
            "enterprise",
            "side",
            "invoice_no",
            "date",
            "counterparty",
            "amount",
            "tax",
            "total",
            "status",
        ]
        sides = [*((row, "进项") for row in BOUGHT), *((row, "销项") for row in SOLD)]
        written("invoices", [header, *([row[0], side, *row[1:]] for row, side in sides)])
    else:
        written("input_invoices", [INPUT_HEADER, *BOUGHT])
        written("销项发票信息", [OUTPUT_HEADER, *SOLD])
    return folder


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("both", [True, False])
def test_a_folder_of_csv_in_any_encoding(tmp_path, encoding, both):
    dossier = read_dossier(folder_of(tmp_path, encoding, both=both))
    assert plain(dossier) == EXPECTED
    assert {one.encoding for one in dossier.inputs} == {encoding}


@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize("kind", [pa.string(), pa.int64()])
def test_a_folder_of_parquet(tmp_path, coded, kind):
    rows = [*BOUGHT, *SOLD]
    names = ["enterprise", "invoice_no", "date", "counterparty", "amount", "tax", "total", "status"]
    columns = {name: pa.array([row[place] for row in rows]) for place, name in enumerate(names)}
    columns["status"] = pa.array(["valid", "void", "valid"])
    columns["invoice_no"] = columns["invoice_no"].cast(kind)
    columns["side"] = pa.array(["input", "input", "output"])
    if coded:
        for name in ("enterprise", "side", "status", "counterparty"):
            columns[name] = columns[name].dictionary_encode()
    parquet.write_table(pa.table(columns), tmp_path / "invoices.parquet")
    who = {name: [row[place] for row in ENTERPRISES[1:]] for place, name in enumerate(ENTERPRISES[0])}
    parquet.write_table(pa.table(who), tmp_path / "enterprises.parquet")
    assert plain(read_dossier(tmp_path)) == EXPECTED


def test_a_missing_sheet_is_named_with_what_there_is(tmp_path):
    tables = sheets()
    tables["销项发票"] = tables.pop("销项发票信息")
    assert refusals_of(workbook(tmp_path, tables)) == [
        "invoices.xlsx: has no sheet 销项发票信息 (output_invoices); did you mean '销项发票'? "
        "(it has 企业信息, 进项发票信息, 销项发票)"
    ]
    assert [text.split(" (")[0] for text in refusals_of(workbook(tmp_path, {"Sheet1": ENTERPRISES}))] == [
        "invoices.xlsx: has no sheet 企业信息",
        "invoices.xlsx: has no sheet 进项发票信息",
        "invoices.xlsx: has no sheet 销项发票信息",
    ]


def test_two_sheets_or_files_for_one_table_are_refused(tmp_path):
    [told] = refusals(tmp_path, enterprises=ENTERPRISES)
    assert told.endswith("has 2 sheets for 企业信息 (enterprises): 企业信息, enterprises; leave one")
    [told] = refusals(tmp_path, invoices=[INPUT_HEADER])
    assert "has invoices for both sides and 进项发票信息 for one" in told
    folder = tmp_path / "f"
    folder.mkdir()
    folder_of(folder, "utf-8", both=True)
    (folder / "enterprises.parquet").write_bytes(b"PAR1")
    [told] = refusals_of(folder)
    assert "has 2 files for 企业信息 (enterprises): enterprises.csv, enterprises.parquet; leave one" in told


def test_what_is_no_dossier_is_refused_with_what_is_wanted(tmp_path):
    with pytest.raises(InputError, match=r"has no file 企业信息 \(enterprises\).*no .csv or .parquet file"):
        read_dossier(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_dossier(tmp_path / "nothing.xlsx")
    (tmp_path / "a.csv").write_text("enterprise\nE1\n", encoding="utf-8")
    with pytest.raises(InputError, match="is one table, and a rating needs enterprises and invoices"):
        read_dossier(tmp_path / "a.csv")
    path = workbook(tmp_path, sheets())
    with pytest.raises(InputError, match="name the workbook alone"):
        read_dossier(f"{path}#企业信息")
    (tmp_path / "empty.xlsx").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        read_dossier(tmp_path / "empty.xlsx")


# --------------------------------------------------------------------------------------------------------- columns
def test_swapped_sheets_are_noticed_by_their_counterparties(tmp_path):
    told = refusals(tmp_path, 进项发票信息=[OUTPUT_HEADER, *SOLD], 销项发票信息=[INPUT_HEADER, *BOUGHT])
    assert told == [
        "invoices.xlsx#进项发票信息:1: 购方单位代号: names a buyer, as sales have, but the table is called one of "
        "input invoices; if the two tables are swapped, swap their names",
        "invoices.xlsx#销项发票信息:1: 销方单位代号: names a seller, as purchases have, but the table is called one of "
        "output invoices; if the two tables are swapped, swap their names",
    ]


def test_where_both_parties_are_named_the_other_one_counts(tmp_path):
    header = [*INPUT_HEADER, "购方单位代号"]
    assert plain(read(tmp_path, 进项发票信息=[header, *([*row, "own"] for row in BOUGHT)])) == EXPECTED


def test_missing_columns_are_all_named(tmp_path):
    header = ["企业代号", "发票号", "开票日", "销方单位代号", *TAIL[:3]]
    told = refusals(
        tmp_path, 进项发票信息=[header, *(row[:7] for row in BOUGHT)], 企业信息=[["代号"], ["E1"]]
    )
    assert [one.split("; it is")[0] for one in told] == [
        "invoices.xlsx#企业信息:1: column 'enterprise' is missing; did you mean '代号'?",
        "invoices.xlsx#进项发票信息:1: column 'date' is missing; did you mean '开票日'?",
        "invoices.xlsx#进项发票信息:1: column 'status' is missing",
    ]
    assert "recognised by the headers 发票状态, status (it has 企业代号, 发票号, 开票日" in told[2]


def test_two_columns_for_one_meaning_are_refused(tmp_path):
    told = refusals(tmp_path, 进项发票信息=[[*INPUT_HEADER, "total"], *([*row, 1] for row in BOUGHT)])
    assert told == [
        "invoices.xlsx#进项发票信息:1: 价税合计, total: stand for total alike; rename or delete all but one"
    ]


def test_a_table_of_both_sides_needs_the_side(tmp_path):
    tables = sheets()
    del tables["进项发票信息"], tables["销项发票信息"]
    header = ["enterprise", "side", "invoice_no", "date", "counterparty", "amount", "tax", "total", "status"]
    rows = [
        [row[0], side, *row[1:]] for row, side in zip([*BOUGHT, *SOLD], ("input", "", "sold"), strict=True)
    ]
    assert refusals_of(workbook(tmp_path, {**tables, "invoices": [header, *rows]})) == [
        "invoices.xlsx#invoices:4: side: write 进项 (input) or 销项 (output); "
        "not known: 'sold' (1 row, first in row 4)",
        "invoices.xlsx#invoices:3: side: is blank in 1 row, this is the first; write 进项 (input) or 销项 (output)",
    ]
    without = [[header[0], *header[2:]], *([row[0], *row[2:]] for row in rows)]
    [told] = refusals_of(workbook(tmp_path, {**tables, "invoices": without}))
    assert told.startswith("invoices.xlsx#invoices:1: column 'side' is missing: write input or output")


def test_a_side_that_contradicts_the_table_is_refused(tmp_path):
    header = [*INPUT_HEADER, "side"]
    told = refusals(tmp_path, 进项发票信息=[header, [*BOUGHT[0], "input"], [*BOUGHT[1], "output"]])
    assert told == [
        "invoices.xlsx#进项发票信息:3: side: is of the other side in 1 row, this is the first; "
        "the table is one of input invoices"
    ]


# ----------------------------------------------------------------------------------------------------------- cells
def test_dates_as_text_and_as_serial_numbers(tmp_path):
    days = [
        "2017-07-18",
        "2017/7/18",
        "20170718",
        "2017年7月18日",
        "2017-07-18 00:00:00",
        42934,
        "42934",
        20170718,
    ]
    rows = [["E1", 100 + place, day, "A1", 1, 0, 1, "有效发票"] for place, day in enumerate(days)]
    assert read(tmp_path, 进项发票信息=[INPUT_HEADER, *rows]).invoices.day.tolist()[:-1] == [DAY] * len(days)


def test_bad_cells_of_all_sheets_are_told_at_once(tmp_path):
    bought = [
        ["E1", 1, "03/04/2017", "A1", 1, 0, 1, "有效发票"],
        ["E1", 2, "2017-02-30", "A1", "一百", 0, 1, "有效发票"],
        ["", 3, "2017-03-01", "A1", 1, "", 1, "有效发票"],
        ["E1", "", 12, "A1", 1, 0, 1, "有效发票"],
    ]
    sold = [["E1", 1.5, "1850-01-01", "B1", 1, 0, 1, "有效发票"]]
    who = [*ENTERPRISES, ["E1", "丙", "B", "否"]]
    told = refusals(
        tmp_path, 进项发票信息=[INPUT_HEADER, *bought], 销项发票信息=[OUTPUT_HEADER, *sold], 企业信息=who
    )
    assert told == [
        "invoices.xlsx#企业信息:4: 企业代号: 'E1' stands in line 2 already; ids are unique",
        "invoices.xlsx#进项发票信息:2: 开票日期: '03/04/2017' may be 3 April or 4 March; "
        "write 2017-04-03 or 2017-03-04",
        "invoices.xlsx#进项发票信息:3: 开票日期: '2017-02-30' is no day of the calendar; write it as 2017-07-18",
        "invoices.xlsx#进项发票信息:3: 金额: '一百' is no number; write it with digits",
        "invoices.xlsx#进项发票信息:4: 企业代号: is blank; a value is needed",
        "invoices.xlsx#进项发票信息:4: 税额: is blank; a value is needed",
        "invoices.xlsx#进项发票信息:5: 发票号码: is blank; a value is needed",
        "invoices.xlsx#进项发票信息:5: 开票日期: 12 is no date: a day number of Excel lies between 20000 and 60000; "
        "write it as 2017-07-18",
        "invoices.xlsx#销项发票信息:2: 发票号码: 1.5 is a number with decimals, no id; store ids as text",
        "invoices.xlsx#销项发票信息:2: 开票日期: '1850-01-01' lies outside the years 1990 to 2100",
    ]


def test_unknown_words_are_listed_with_their_counts(tmp_path):
    rows = [
        ["E1", place, "2017-07-18", "A1", 1, 0, 1, word]
        for place, word in enumerate(["有效发票", "红冲", "异常", "红冲"])
    ]
    who = [ENTERPRISES[0], ["E1", "甲", "A", "maybe"]]
    told = refusals(tmp_path, 进项发票信息=[INPUT_HEADER, *rows], 企业信息=who)
    assert told == [
        "invoices.xlsx#企业信息:2: 是否违约: write 是 (yes), 否 (no) or nothing; "
        "not known: 'maybe' (1 row, first in row 2)",
        "invoices.xlsx#进项发票信息:3: 发票状态: write 有效发票 (valid) or 作废发票 (void); not known: "
        "'红冲' (2 rows, first in row 3), '异常' (1 row, first in row 4)",
    ]


def test_unknown_enterprises_are_listed_with_their_counts(tmp_path):
    rows = [
        [one, place, "2017-07-18", "A1", 1, 0, 1, "有效发票"]
        for place, one in enumerate(["E1", "E01", "X", "E01", "e1"])
    ]
    told = refusals(tmp_path, 进项发票信息=[INPUT_HEADER, *rows])
    assert told == [
        "invoices.xlsx#进项发票信息:3: 企业代号: 3 ids are not among the enterprises of invoices.xlsx#企业信息: "
        "'E01' (2 rows, first in row 3), 'X' (1 row, first in row 4), 'e1' (1 row, first in row 6); "
        "add them there, or delete their invoices; did you mean 'E1'?"
    ]


def test_ids_and_numbers_are_text(tmp_path):
    who = [["企业代号"], ["001"], ["NA"], [7]]
    rows = [
        ["001", "00123", "2017-07-18", 5, 1, 0, 1, "有效发票"],
        [7, 123, "2017-07-18", "5", 1, 0, 1, "有效发票"],
    ]
    dossier = read(tmp_path, 企业信息=who, 进项发票信息=[INPUT_HEADER, *rows], 销项发票信息=[OUTPUT_HEADER])
    assert dossier.enterprises.enterprise == ("001", "NA", "7")
    assert dossier.enterprises.grade == ("", "", "")
    assert np.isnan(dossier.enterprises.is_default).all()
    assert dossier.invoices.number.tolist() == ["00123", "123"]
    assert dossier.invoices.counterparty[0] == dossier.invoices.counterparty[1]
    assert dossier.unusable == {"NA": "has no invoice on either side"}
    [told] = refusals(tmp_path, 进项发票信息=[INPUT_HEADER, ["E1", 12345678901234567890, *rows[0][2:]]])
    assert told.startswith(
        "invoices.xlsx#进项发票信息:2: 发票号码: 1.23456789012346e+19 has more than 15 digits"
    )


def test_an_error_in_a_cell_is_told_with_its_place(tmp_path):
    path = tmp_path / "invoices.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets().items():
            page = book.add_worksheet(name)
            for number, row in enumerate(rows):
                page.write_row(
                    number, 0, [str(cell) if isinstance(cell, datetime.date) else cell for cell in row]
                )
            if name == "进项发票信息":
                page.write(1, 6, "=E2+F2", None, "#REF!")
    assert refusals_of(path) == [
        "invoices.xlsx#进项发票信息:2: 价税合计: holds #REF!; mend the formula, or clear the cell"
    ]


def test_a_blank_counterparty_is_a_note(tmp_path):
    rows = [[*BOUGHT[0][:3], "", *BOUGHT[0][4:]], BOUGHT[1]]
    [note] = read(tmp_path, 进项发票信息=[INPUT_HEADER, *rows]).findings
    assert str(note).endswith(
        "#进项发票信息:2: 销方单位代号: names nobody in 1 row, this is the first; "
        "together they count as one counterparty"
    )


# ------------------------------------------------------------------------------------------------------- enterprises
def test_enterprises_without_valid_invoices_stay_with_the_reason(tmp_path):
    who = [ENTERPRISES[0], *([f"E{n}", "", "", ""] for n in range(1, 6))]
    rows = [
        ["E2", 1, "2017-07-18", "A1", 1, 0, 1, "作废发票"],
        ["E2", 2, "2017-07-18", "A1", 0, 0, 0, "作废发票"],
        ["E3", 3, "2017-07-18", "A1", 1, 0, 1, "作废发票"],
        ["E4", 4, "2017-07-18", "A1", -1, 0, -1, "有效发票"],
    ]
    dossier = read(tmp_path, 企业信息=who, 进项发票信息=[INPUT_HEADER, *rows])
    assert dossier.enterprises.size == 5
    assert dossier.unusable == {
        "E2": "has no valid invoice: all 2 are void",
        "E3": "has no valid invoice: the only one is void",
        "E5": "has no invoice on either side",
    }


def test_empty_sides(tmp_path):
    dossier = read(tmp_path, 进项发票信息=[INPUT_HEADER])
    assert dossier.invoices.is_sale.tolist() == [True]
    assert dossier.unusable == {"E2": "has no invoice on either side"}
    neither = read(tmp_path, 进项发票信息=[INPUT_HEADER], 销项发票信息=[OUTPUT_HEADER])
    assert neither.invoices.size == 0
    assert list(neither.unusable) == ["E1", "E2"]
    assert refusals(tmp_path, 进项发票信息=[]) == [
        "invoices.xlsx#进项发票信息: is empty; a table begins with a row of column names"
    ]
    assert refusals(tmp_path, 企业信息=ENTERPRISES[:1])[0] == (
        "invoices.xlsx#企业信息: has a header, but no row below it"
    )


# -------------------------------------------------------------------------------------------------------- duplicates
def repeated(folder: Path) -> Path:
    """Write six purchases: row 4 repeats row 2, row 5 has its number and another total, row 7 repeats row 5."""
    first, other = BOUGHT
    another = [*first[:6], -114, first[7]]
    of_other_day = [*other[:2], datetime.date(2017, 7, 20), *other[3:]]
    sold = [SOLD[0], [*first[:3], "A1", *first[4:]]]  # the same number on the other side is no repeat
    tables = sheets(
        进项发票信息=[INPUT_HEADER, first, other, first, another, of_other_day, another],
        销项发票信息=[OUTPUT_HEADER, *sold],
    )
    return workbook(folder, tables)


def test_duplicates_are_dropped_and_remembered(tmp_path):
    dossier = read_dossier(repeated(tmp_path))
    reading = dossier.reading
    assert reading is not None
    assert reading.line.tolist() == [2, 3, 5, 6, 2, 3]
    assert reading.duplicates.line.tolist() == [4, 7]
    assert reading.duplicates.first.tolist() == [2, 5]
    assert reading.duplicates.number.tolist() == ["3390939", "3390939"]
    assert reading.conflicts.line.tolist() == [5, 6]
    assert reading.conflicts.first.tolist() == [2, 3]
    assert reading.conflicts.owner.tolist() == [0, 1]
    assert reading.are_dropped
    [note] = dossier.findings
    assert str(note).endswith(
        "#进项发票信息:4: 2 rows repeat an earlier one of the same side in every column, left out: E1 2"
    )


def test_duplicates_may_be_kept(tmp_path):
    dossier = read_dossier(repeated(tmp_path), duplicates="keep")
    reading = dossier.reading
    assert reading is not None
    assert reading.line.tolist() == [2, 3, 4, 5, 6, 7, 2, 3]
    assert reading.duplicates.line.tolist() == [4, 7]
    assert reading.conflicts.line.tolist() == [5, 6]
    assert ", kept: E1 2" in str(dossier.findings[0])


@pytest.mark.parametrize("number", ["plain", "coded", "long"])
def test_repeats_are_those_that_a_loop_finds(tmp_path, number):
    draw = np.random.default_rng(3)
    size = 30_000
    columns: dict[str, Any] = {
        "enterprise": [f"E{one}" for one in draw.integers(1, 3, size)],
        "side": draw.choice(["input", "output"], size).tolist(),
        "invoice_no": draw.integers(1, 12_000, size).astype(str).tolist(),
        "date": draw.choice(["2017-07-18", "2017-07-19"], size).tolist(),
        "counterparty": draw.choice(["a", "b"], size).tolist(),
        "amount": draw.choice([1.0, 2.0], size).tolist(),
        "tax": [0.0] * size,
        "total": [1.0] * size,
        "status": draw.choice(["valid", "void"], size).tolist(),
    }
    if number == "coded":
        columns["invoice_no"] = [f"n{one}" for one in columns["invoice_no"]]
    elif number == "long":
        columns["invoice_no"] = [
            one.zfill(18) if place % 2 else f"9{one.zfill(17)}"
            for place, one in enumerate(columns["invoice_no"])
        ]
    parquet.write_table(pa.table(columns), tmp_path / "invoices.parquet")
    parquet.write_table(pa.table({"enterprise": ["E1", "E2"]}), tmp_path / "enterprises.parquet")
    seen: dict[tuple[Any, ...], int] = {}
    first_of_number: dict[tuple[Any, ...], int] = {}
    duplicates: list[tuple[int, int]] = []
    conflicts: list[tuple[int, int]] = []
    for line, row in enumerate(zip(*columns.values(), strict=True), start=2):
        if row in seen:
            duplicates.append((line, seen[row]))
            continue
        seen[row] = line
        if row[:3] in first_of_number:
            conflicts.append((line, first_of_number[row[:3]]))
        first_of_number.setdefault(row[:3], line)
    reading = read_dossier(tmp_path).reading
    assert reading is not None
    assert len(duplicates) > 100
    assert (
        list(zip(reading.duplicates.line.tolist(), reading.duplicates.first.tolist(), strict=True))
        == duplicates
    )
    assert (
        list(zip(reading.conflicts.line.tolist(), reading.conflicts.first.tolist(), strict=True)) == conflicts
    )


def test_thousands_of_duplicates(tmp_path):
    path = folder_of(tmp_path, "gb18030", both=False)
    target = path / "input_invoices.csv"
    lines = target.read_text(encoding="gb18030").splitlines()
    target.write_text("\n".join([*lines, *([lines[1]] * 50_000)]), encoding="gb18030")
    dossier = read_dossier(path)
    assert plain(dossier) == EXPECTED
    assert dossier.reading is not None
    assert dossier.reading.duplicates.size == 50_000


# ------------------------------------------------------------------------------------------------------- real invoices
@pytest.fixture(scope="module")
def real() -> Dossier:
    if not ANNEX.exists():
        pytest.skip("the real data are not at hand")
    return read_dossier(ANNEX)


def test_the_real_workbook(real):
    assert real.enterprises.size == 123
    grades = {grade: real.enterprises.grade.count(grade) for grade in "ABCD"}
    assert grades == {"A": 27, "B": 38, "C": 34, "D": 24}
    defaults = {
        grade: sum(
            bad
            for bad, own in zip(real.enterprises.is_default, real.enterprises.grade, strict=True)
            if own == grade
        )
        for grade in "ABCD"
    }
    assert defaults == {"A": 0, "B": 1, "C": 2, "D": 24}
    reading = real.reading
    # The figures that pandas' duplicated() gives for either sheet.
    assert int((~reading.duplicates.is_sale).sum()) == 803
    assert int(reading.duplicates.is_sale.sum()) == 4436
    assert real.invoices.size == 210_947 + 162_484 - 803 - 4436
    assert (reading.conflicts.size, int(reading.conflicts.is_sale.sum())) == (16, 1)
    assert real.unusable == {}
    first = (
        real.invoices.number[0],
        real.invoices.day[0],
        real.enterprises.enterprise[real.invoices.owner[0]],
    )
    assert first[0] == str(int(first[0]))


def test_the_real_workbook_is_read_in_little_more_than_the_reader_takes(real):
    import python_calamine

    del real
    data = ANNEX.read_bytes()
    start = time.process_time()
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    cells = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
    alone = time.process_time() - start
    del cells
    start = time.process_time()
    read_dossier(ANNEX)
    # Time of the processor, which others on the machine do not change much; on two cores the wall clock shows less,
    # since two sheets are parsed side by side.
    assert time.process_time() - start < 3 * alone


@pytest.mark.parametrize("place", [4, 5, 6])
def test_an_amount_beyond_all_that_is_invoiced_is_refused(tmp_path: Path, place: int) -> None:
    row = list(SOLD[0])
    row[place] = -1e155
    assert refusals(tmp_path, 销项发票信息=[OUTPUT_HEADER, SOLD[0], row]) == [
        f"invoices.xlsx#销项发票信息:3: {OUTPUT_HEADER[place]}: -1e+155 is below -1e+15"
    ]
