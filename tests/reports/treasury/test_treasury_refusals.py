"""What cannot be filled is refused before anything is written: every cell is named, all at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from treasurybooks import PLAN, PROVENANCE, SUMMARY, rich, simple, target_of, with_parts
from workspace import snapshot

from lendplan.reports.treasury.filling import fill
from lendplan.reports.treasury.target import WorkbookError

SHEET = "xl/worksheets/sheet1.xml"
MORE = {"enterprise": ["N1"], "line": [5.0], "rate": [0.06]}


def refusal(book: Path, plan=PLAN, summary=SUMMARY, **options) -> str:
    """Return what is said where a fill is refused; nothing in the folder may have changed."""
    before = snapshot(book.parent)
    with pytest.raises(WorkbookError) as caught:
        fill(target_of(book, **options), plan, summary, PROVENANCE)
    assert snapshot(book.parent) == before
    return str(caught.value)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return simple(tmp_path / "treasury.xlsx")


def test_formulas_are_not_written_over(book):
    said = refusal(book, write={"授信额度": "line", "利息": "rate"}, cells={"Summary!B1": "revenue"})
    for name in ("F4", "F5", "F7", "B1"):
        assert f"cell {name} holds a formula" in said
    assert f"{book}#Allocation" in said
    assert f"{book}#Summary" in said


def test_cells_of_a_formula_that_fills_several_are_not_written(tmp_path):
    book = simple(
        tmp_path / "a.xlsx", more=lambda _b, _s, summary: summary.write_array_formula("A20:A22", "{=B1:B3}")
    )
    assert "cell A21 is filled by the formula of A20:A22" in refusal(book, cells={"Summary!A21": "revenue"})


def test_merged_cells(tmp_path):
    def more(_book, sheet, summary):
        sheet.merge_range("D5:D6", 1)
        summary.merge_range("B10:C11", 1)

    book = simple(tmp_path / "a.xlsx", more=more)
    plan = {"enterprise": ["E2", "E3"], "line": [1.0, 2.0], "rate": [0.05, 0.05]}
    said = refusal(book, plan, cells={"Summary!C11": "revenue", "Summary!B10": "budget_used"})
    assert "cell D6 is merged into D5:D6" in said
    assert "cell C11 is merged into B10:C11" in said
    assert "D5 is" not in said
    assert "B10 is" not in said


def test_protected_sheets_may_be_filled_where_they_are_open(tmp_path):
    def more(book, sheet, _summary):
        free = book.add_format({"locked": False})
        sheet.protect()
        for row in (3, 4, 6):
            sheet.write(row, 3, 1, free)

    book = simple(tmp_path / "a.xlsx", more=more)
    said = refusal(book)
    assert "cell E4 is locked and the sheet is protected" in said
    assert "cell D4" not in said
    fill(target_of(book, write={"授信额度": "line"}), PLAN, SUMMARY, PROVENANCE)
    assert "cell B9 is locked" in refusal(book, MORE, write={"授信额度": "line"})


def test_a_column_may_be_open_on_a_protected_sheet(tmp_path):
    def more(book, _sheet, summary):
        summary.protect()
        summary.set_column("H:H", 10, book.add_format({"locked": False}))

    book = simple(tmp_path / "a.xlsx", more=more)
    assert "cell G9 is locked" in refusal(book, cells={"Summary!G9": "revenue", "Summary!H9": "budget_used"})
    fill(target_of(book, cells={"Summary!H9": "budget_used"}), PLAN, SUMMARY, PROVENANCE)


def test_pivot_tables_are_not_written_into(tmp_path):
    book = rich(tmp_path / "a.xlsx")
    assert "cell B4 belongs to the pivot table in A3:B6" in refusal(book, cells={"Pivot!B4": "revenue"})


def test_all_that_is_missing_is_said_at_once(book):
    said = refusal(
        book,
        {"enterprise": ["E1"], "lines": [1.0], "rate": [0.05]},
        write={"授信额度": "line", "年利": "rate"},
        cells={
            "Sumary!B3": "revenue",
            "budget": "budget_used",
            "Summary!B2:B3": "revenue",
            "Summary!B9": "reve",
        },
    )
    for what in (
        "the plan has no column 'line'; did you mean 'lines'?",
        "has no header '年利' in row 3, where '企业代号' stands",
        "did you mean '年利率'?",
        "has no sheet 'Sumary'; did you mean 'Summary'?",
        "no defined name has it",
        "'Summary!B2:B3' is no reference to one cell",
        "Summary!B9: the summary has no 'reve'; did you mean 'revenue'?",
    ):
        assert what in said


def test_the_sheet_and_the_key_must_be_there(book):
    assert "has no sheet 'Lines'" in refusal(book, sheet="Lines")
    assert "has no header 'id' in its first 50 rows" in refusal(book, key="id")


def test_a_header_below_row_50_is_not_found(tmp_path):
    book = simple(tmp_path / "a.xlsx", more=lambda _b, sheet, _s: sheet.write_row(50, 8, ["id", "line"]))
    assert "has no header 'id'" in refusal(book, key="id", write={"line": "line"})


def test_headers_that_stand_twice(tmp_path):
    book = simple(tmp_path / "a.xlsx", more=lambda _b, sheet, _s: sheet.write("H3", "年利率"))
    assert "has the header '年利率' twice, in E3 and H3" in refusal(book)


def test_names_that_are_no_single_cell(tmp_path):
    def more(book, _sheet, _summary):
        book.define_name("block", "=Summary!$B$2:$C$3")
        book.define_name("gone", "=#REF!")
        book.define_name("Summary!mine", "=Summary!$B$9")
        book.define_name("Allocation!mine", "=Allocation!$J$9")

    book = simple(tmp_path / "a.xlsx", more=more)
    said = refusal(book, cells={"block": "revenue", "gone": "revenue", "mine": "revenue"})
    assert "'block' refers to 'Summary!$B$2:$C$3', and not to one cell" in said
    assert "'gone' refers to '#REF!'" in said
    assert "'mine' is a defined name of several sheets" in said


def test_repeated_ids(tmp_path):
    book = simple(tmp_path / "a.xlsx", ["E1", "E2", "E1", "sub", "sub", "E4"])
    assert "id 'E1' stands in B4, B6" in refusal(book)
    plan = {"enterprise": ["E2"], "line": [1.0], "rate": [0.05]}
    notes = fill(target_of(book), plan, SUMMARY, PROVENANCE).notes
    assert any("'sub', which the plan lacks, stands in B7, B8" in note for note in notes)


def test_ids_that_a_sheet_does_not_keep(tmp_path):
    def more(_book, sheet, _summary):
        sheet.write_formula("B6", "=1/0", None, "#DIV/0!")
        sheet.write_formula("B7", '="E"&4', None, "")

    book = simple(tmp_path / "a.xlsx", ["E1", 1234567890123456, "E2", "E3"], more=more)
    said = refusal(book)
    assert "cell B5 1.23456789012346e+15 has more than 15 digits" in said
    assert "cell B6 holds the error #DIV/0!" in said
    assert "cell B7 holds a formula without a value" in said


def test_an_id_that_lost_its_zeros_is_not_appended_beside_itself(tmp_path):
    book = simple(tmp_path / "a.xlsx", [7, 8])
    plan = {"enterprise": ["007"], "line": [5.0], "rate": [0.06]}
    assert "cell B4 holds 7, which may be '007'" in refusal(book, plan)


def test_ids_are_not_written_over(book):
    assert "the column of the ids" in refusal(book, write={"企业代号": "rate", "授信额度": "line"})
    fill(target_of(book, write={"企业代号": "enterprise", "授信额度": "line"}), PLAN, SUMMARY, PROVENANCE)


def test_enterprises_that_the_sheet_lacks_may_be_refused(book):
    assert "lacks 1 enterprises of the plan: N1" in refusal(book, MORE, missing="refuse")


@pytest.mark.parametrize("where", ["B9", "C9", "D9"])
def test_rows_are_not_appended_over_others(tmp_path, where):
    book = simple(tmp_path / "a.xlsx", more=lambda _b, sheet, _s: sheet.write(where, "Total"))
    if where == "B9":  # then it is the last row with an id, and the new one goes below
        book = simple(tmp_path / "a.xlsx", more=lambda _b, sheet, _s: _totals(sheet))
        said = refusal(book, MORE)
        assert "cell D9 holds a formula, so row 9 looks like one of totals" in said
    else:
        assert f"cell {where} is not blank, and a new row would go there" in refusal(book, MORE)


def _totals(sheet):
    sheet.write("B9", "Total")
    sheet.write_formula("D9", "=SUM(D4:D8)", None, 50)


def test_a_row_of_totals_with_a_formula_elsewhere_is_seen(tmp_path):
    def more(_book, sheet, _summary):
        sheet.write("B9", "Total")
        sheet.write_formula("C9", "=COUNTA(C4:C8)", None, 5)

    assert "row 9 looks like one of totals" in refusal(simple(tmp_path / "a.xlsx", more=more), MORE)


def test_a_table_does_not_grow_over_its_totals(tmp_path):
    def more(_book, sheet, _summary):
        columns = [{"header": "id"}, {"header": "line", "total_function": "sum"}]
        sheet.add_table("I3:J6", {"name": "book", "columns": columns, "total_row": True})
        sheet.write_column("I4", ["Z1", "Z2"])

    book = simple(tmp_path / "a.xlsx", more=more)
    said = refusal(book, MORE, key="id", write={"line": "line"})
    assert "table book ends with a row of totals, row 6" in said


def test_a_sheet_that_is_full(tmp_path):
    book = simple(tmp_path / "a.xlsx", more=lambda _b, sheet, _s: sheet.write("B1048576", "Z"))
    assert "has no room for 1 more rows" in refusal(book, MORE)


def test_one_cell_is_not_written_twice(book):
    said = refusal(
        book, cells={"Allocation!D4": "revenue", "Summary!B5": "revenue", "budget_used": "revenue"}
    )
    assert "cell D4 would be written twice" in said
    assert "cell B5 would be written twice" in said


def test_a_signed_workbook(book):
    with_parts(book, {"_xmlsignatures/sig1.xml": b"<Signature/>"})
    assert "is digitally signed" in refusal(book)


def test_a_workbook_protected_against_new_sheets(book):
    lock = b'<workbookProtection lockStructure="1"/><bookViews>'
    with_parts(book, {"xl/workbook.xml": lambda xml: xml.replace(b"<bookViews>", lock)})
    assert "provenance: false" in refusal(book)
    fill(target_of(book, provenance=False), PLAN, SUMMARY, PROVENANCE)


def test_numbers_and_texts_that_no_cell_holds(book):
    said = refusal(book, {**PLAN, "line": [1.0, float("inf"), 2.0]}, {**SUMMARY, "revenue": "x" * 40_000})
    assert "line of E1 is infinite" in said
    assert "Summary!B3 (revenue) has 40,000 characters" in said


def test_a_plan_with_an_enterprise_twice(book):
    assert "twice" in refusal(book, {"enterprise": ["E1", "E1"], "line": [1.0, 2.0], "rate": [0.05, 0.05]})


def test_the_result_must_be_of_the_same_kind(book):
    assert "must end in .xlsx" in refusal(book, save_as=book.with_suffix(".xlsm"))


def test_a_folder_that_is_not_there(book):
    assert "a folder that does not exist" in refusal(book, save_as=book.parent / "no" / "a.xlsx")


def test_a_sheet_of_another_kind(tmp_path):
    book = rich(tmp_path / "a.xlsx")
    assert "sheet 'Picture' holds no cells (it is a chartsheet)" in refusal(book, sheet="Picture")


def test_thousands_of_faults_are_counted(tmp_path):
    book = simple(tmp_path / "a.xlsx", [f"E{number}" for number in range(3000)])
    plan = {"enterprise": [f"E{number}" for number in range(3000)], "rate": [0.05] * 3000}
    said = refusal(book, plan, write={"利息": "rate"})
    assert re.search(r"and 2,950 more$", said)
