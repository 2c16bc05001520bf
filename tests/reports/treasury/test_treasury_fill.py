"""What is written: by hand-worked workbooks, read by another reader."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from treasurybooks import IDS, PLAN, PROVENANCE, SUMMARY, cells, part, rich, simple, target_of

from lendplan.reports.treasury.filling import fill

SHEET = "xl/worksheets/sheet1.xml"
NOW = datetime(2026, 11, 22, 13, 45, 1)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return simple(tmp_path / "treasury.xlsx")


def cell(path: Path, reference: str, sheet: str = SHEET) -> str:
    found = re.search(rf'<c r="{reference}"[^>]*?(?:/>|>.*?</c>)', part(path, sheet))
    assert found is not None, reference
    return found[0]


def test_lines_and_rates_go_to_the_rows_of_their_enterprises(book):
    done = fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    after = cells(book, "Allocation")
    assert {name: after.get(name) for name in ("D4", "E4", "D5", "E5", "D7", "E7")} == {
        "D4": 20.5, "E4": 0.0585, "D5": 30.0, "E5": 0.0425, "D7": 0.0, "E7": None,
    }  # fmt: skip
    assert (after["D6"], after["E6"], after["D8"], after["E8"]) == (10, 0.04, 10, 0.04)
    assert done.cells == 8
    assert done.appended == ()
    assert done.only_in_sheet == ("E3", "E5")
    assert cells(book, "Summary") == {"B3": 2.47, "B5": 50.5}


def test_a_cell_keeps_its_format(book):
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert cell(book, "E4") == '<c r="E4" s="1"><v>0.0585</v></c>'
    assert cell(book, "E7") == '<c r="E7" s="1"/>'
    assert cell(book, "B3", "xl/worksheets/sheet2.xml") == '<c r="B3" s="2"><v>2.47</v></c>'


def test_amounts_are_written_in_the_treasurys_unit_and_rates_are_not(book):
    fill(target_of(book, factor=10_000.0), PLAN, SUMMARY, PROVENANCE)
    after = cells(book, "Allocation")
    assert (after["D4"], after["E4"]) == (205_000, 0.0585)
    assert cells(book, "Summary") == {"B3": 24_700, "B5": 505_000}


def test_a_factor_brings_no_binary_dust(book):
    plan = {"enterprise": ["E1"], "line": np.array([12.3]), "rate": np.array([0.1])}
    assert 12.3 * 1.1 != 13.53  # what would be written without the rounding
    fill(target_of(book, factor=1.1), plan, SUMMARY, PROVENANCE)
    assert cell(book, "D4") == '<c r="D4"><v>13.53</v></c>'


def test_in_place_the_old_workbook_is_kept_under_a_dated_name(book):
    old = book.read_bytes()
    done = fill(target_of(book), PLAN, SUMMARY, PROVENANCE, now=NOW)
    kept = book.with_name("treasury.20261122-134501.xlsx")
    assert done.copy == kept
    assert kept.read_bytes() == old
    assert done.path.read_bytes() != old
    again = fill(target_of(book), PLAN, SUMMARY, PROVENANCE, now=NOW)
    assert again.copy == book.with_name("treasury.20261122-134501-2.xlsx")
    assert kept.read_bytes() == old
    assert sorted(path.name for path in book.parent.iterdir()) == [
        "treasury.20261122-134501-2.xlsx", "treasury.20261122-134501.xlsx", "treasury.xlsx",
    ]  # fmt: skip


def test_a_fill_can_be_repeated_to_the_byte(book):
    first = fill(target_of(book, save_as=book.with_name("a.xlsx")), PLAN, SUMMARY, PROVENANCE).path
    other = fill(target_of(book, save_as=book.with_name("b.xlsx")), PLAN, SUMMARY, PROVENANCE).path
    assert first.read_bytes() == other.read_bytes()
    fill(target_of(first), PLAN, SUMMARY, PROVENANCE)
    assert cells(first, "Allocation") == cells(other, "Allocation")


def test_saved_elsewhere_the_workbook_stays_as_it_is(book):
    old = book.read_bytes()
    final = book.with_name("planned.xlsx")
    assert fill(target_of(book, save_as=final), PLAN, SUMMARY, PROVENANCE).copy is None
    assert book.read_bytes() == old
    first = final.read_bytes()
    copy = fill(target_of(book, save_as=final), {**PLAN, "line": [1.0, 2.0, 3.0]}, SUMMARY, PROVENANCE).copy
    assert copy is not None
    assert copy.read_bytes() == first
    assert cells(final, "Allocation")["D5"] == 1


def test_a_link_stays_a_link(book):
    link = book.parent / "elsewhere" / "link.xlsx"
    link.parent.mkdir()
    link.symlink_to(book)
    fill(target_of(link), PLAN, SUMMARY, PROVENANCE)
    assert link.is_symlink()
    assert cells(book, "Allocation")["D4"] == 20.5
    assert [path.name for path in link.parent.iterdir()] == ["link.xlsx"]


def test_permissions_stay(book):
    book.chmod(0o640)
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert book.stat().st_mode & 0o777 == 0o640


def test_new_enterprises_are_appended_with_the_format_and_formulas_of_the_last_row(book):
    plan = {"enterprise": ["E9", "E1", "=E0"], "line": [7.0, 1.0, 8.0], "rate": [0.05, 0.04, 0.06]}
    done = fill(target_of(book), plan, SUMMARY, PROVENANCE)
    assert done.appended == ("E9", "=E0")
    assert cell(book, "B9") == '<c r="B9" t="inlineStr"><is><t>E9</t></is></c>'
    assert cell(book, "E10") == '<c r="E10" s="1"><v>0.06</v></c>'
    assert cell(book, "F10") == '<c r="F10"><f>D10*E10</f></c>'
    assert cells(book, "Allocation")["B10"] == "=E0"
    assert '<dimension ref="B1:F10"/>' in part(book, SHEET)
    assert any("Summary" in note and "ends at row 8" in note for note in done.notes)


def test_text_that_looks_like_a_formula_stays_text(book):
    texts = ["=1+1", "+1", "-1", "@x", 'a<b&"c"', " blanks ", "line\nbreak", "_x0041_", "bell\x07", "金额"]
    ids = [f"N{number}" for number in range(len(texts))]
    plan = {"enterprise": ids, "name": texts, "line": [1.0] * len(ids)}
    fill(target_of(book, write={"名称": "name", "授信额度": "line"}), plan, SUMMARY, PROVENANCE)
    after = cells(book, "Allocation")
    read = [after[f"C{row}"] for row in range(9, 9 + len(ids))]
    assert read == texts
    assert "bell_x0007_" in part(book, SHEET)  # escaped as spreadsheets do
    assert "<f>1+1" not in part(book, SHEET)


def test_numeric_ids_are_matched_as_whole_numbers(tmp_path):
    book = simple(tmp_path / "n.xlsx", [1001, 999_999_999_999_999, "007", " 9 "])
    plan = {
        "enterprise": ["1001", "999999999999999", "007", "9"],
        "line": [1.0, 2.0, 3.0, 4.0],
        "rate": [0.05] * 4,
    }
    done = fill(target_of(book), plan, SUMMARY, PROVENANCE)
    assert done.appended == ()
    assert [cells(book, "Allocation")[f"D{row}"] for row in range(4, 8)] == [1, 2, 3, 4]
    assert cell(book, "B4") == '<c r="B4"><v>1001</v></c>'


def test_headers_broken_by_hand_and_a_header_far_down_are_found(tmp_path):
    def more(_book, sheet, _summary):
        sheet.write_row(49, 8, ["企业\n代号", "授信 额度", "rate"])
        sheet.write_row(50, 8, ["Z1", 1, 2])

    book = simple(tmp_path / "a.xlsx", more=more)
    target = target_of(book, key="企业 代号", write={"授信 额度": "line", "rate": "rate"})
    fill(target, {"enterprise": ["Z1"], "line": [5.0], "rate": [0.07]}, SUMMARY, PROVENANCE)
    after = cells(book, "Allocation")
    assert (after["J51"], after["K51"]) == (5, 0.07)


def test_summary_cells_of_all_kinds(book):
    wanted = {"C1": "status", "'Summary'!$C$40": "revenue", "BUDGET_USED": "nothing"}
    fill(target_of(book, cells=wanted), PLAN, {**SUMMARY, "nothing": None}, PROVENANCE)
    assert cells(book, "Allocation")["C1"] == "optimal"
    assert cells(book, "Summary")["C40"] == 2.47
    assert "B5" not in cells(book, "Summary")


def test_a_new_cell_has_the_format_of_its_row_or_column(tmp_path):
    def more(book, _sheet, summary):
        bold, share = book.add_format({"bold": True}), book.add_format({"num_format": "0%"})
        summary.set_column("E:E", 20, share)
        summary.set_row(9, 20, bold)

    book = simple(tmp_path / "a.xlsx", more=more)
    fill(
        target_of(book, cells={"Summary!E6": "revenue", "Summary!E10": "revenue"}), PLAN, SUMMARY, PROVENANCE
    )
    assert 's="' in cell(book, "E6", "xl/worksheets/sheet2.xml")
    styles = [cell(book, name, "xl/worksheets/sheet2.xml").split('s="')[1][0] for name in ("E6", "E10")]
    assert styles[0] != styles[1]


def test_tables_grow(tmp_path):
    def more(_book, sheet, _summary):
        columns = [{"header": one} for one in ("企业代号", "名称", "授信额度", "年利率", "利息")]
        columns[4]["formula"] = "book[[#This Row],[授信额度]]*book[[#This Row],[年利率]]"
        sheet.add_table("B3:F8", {"name": "book", "columns": columns})
        for row, one in enumerate(IDS, start=3):
            sheet.write(row, 1, one)

    book = simple(tmp_path / "a.xlsx", more=more)
    plan = {"enterprise": ["X1", "X2"], "line": [1.0, 2.0], "rate": [0.05, 0.06]}
    fill(target_of(book), plan, SUMMARY, PROVENANCE)
    assert part(book, "xl/tables/table1.xml").count('ref="B3:F10"') == 2
    assert cells(book, "Allocation")["B10"] == "X2"
    assert "<f>book[[#This Row],[授信额度]]*book[[#This Row],[年利率]]</f>" in cell(book, "F10")


def test_blank_rows_of_a_table_are_filled_first(tmp_path):
    def more(_book, sheet, _summary):
        sheet.add_table("I3:K5", {"columns": [{"header": one} for one in ("id", "line", "rate")]})

    book = simple(tmp_path / "a.xlsx", more=more)
    target = target_of(book, key="id", write={"line": "line", "rate": "rate"})
    plan = {"enterprise": ["X1", "X2", "X3"], "line": [1.0, 2.0, 3.0], "rate": [0.05, 0.06, 0.07]}
    fill(target, plan, SUMMARY, PROVENANCE)
    after = cells(book, "Allocation")
    assert [after[f"I{row}"] for row in (4, 5, 6)] == ["X1", "X2", "X3"]
    assert 'ref="I3:K6"' in part(book, "xl/tables/table1.xml")


def test_what_does_not_grow_is_said(tmp_path):
    def more(book, sheet, summary):
        sheet.conditional_format("D4:D8", {"type": "cell", "criteria": ">", "value": 1, "format": None})
        sheet.data_validation("E4:E8", {"validate": "decimal", "criteria": ">=", "value": 0})
        sheet.autofilter("B3:F8")
        sheet.add_sparkline("H4", {"range": "Allocation!D4:D8"})
        book.define_name("lines", "=Allocation!$D$4:$D$8")
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=Allocation!$D$4:$D$8"})
        summary.insert_chart("D2", chart)

    book = simple(tmp_path / "a.xlsx", more=more)
    plan = {"enterprise": ["X1"], "line": [1.0], "rate": [0.05]}
    said = "\n".join(fill(target_of(book), plan, SUMMARY, PROVENANCE).notes)
    for what in ("conditional format of D4:D8", "data validation of E4:E8", "filter of B3:F8", "sparklines D4:D8",
                 "The name lines", "chart range Allocation!$D$4:$D$8", "B1, B2"):  # fmt: skip
        assert what in said, said
    quiet = fill(target_of(book), PLAN, SUMMARY, PROVENANCE).notes
    assert not any("row 8" in note for note in quiet)


def test_provenance_is_added_once_and_then_refreshed(book):
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    first = cells(book, "lendplan")
    assert (first["A3"], first["B3"], first["B5"]) == ("scenario", "annual.yaml", "0")
    fill(target_of(book), PLAN, SUMMARY, {"scenario": "=next.yaml"})
    assert cells(book, "lendplan") == {"A1": first["A1"], "A3": "scenario", "B3": "=next.yaml"}
    assert part(book, "xl/workbook.xml").count("<sheet ") == 3


def test_provenance_does_not_take_a_sheet_that_is_not_ours(tmp_path):
    def more(book, _sheet, _summary):
        book.add_worksheet("Lendplan").write("A1", "mine")

    book = simple(tmp_path / "a.xlsx", more=more)
    for _ in range(2):
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
        assert cells(book, "Lendplan") == {"A1": "mine"}
        assert cells(book, "lendplan (2)")["B3"] == "annual.yaml"


def test_provenance_can_be_left_out(book):
    done = fill(target_of(book, provenance=False), PLAN, SUMMARY, PROVENANCE)
    assert "[Content_Types].xml" not in done.changed
    assert 'name="lendplan' not in part(book, "xl/workbook.xml")
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    notes = fill(target_of(book, provenance=False), PLAN, SUMMARY, PROVENANCE).notes
    assert any("'lendplan' says where earlier figures came from" in note for note in notes)


def test_an_empty_plan_changes_single_cells_alone(book):
    done = fill(target_of(book), {"enterprise": [], "line": [], "rate": []}, SUMMARY, PROVENANCE)
    assert done.cells == 2
    assert done.only_in_sheet == tuple(IDS)
    assert cells(book, "Allocation")["D4"] == 10


def test_a_number_in_a_cell_with_the_format_of_a_date_is_that_number(tmp_path):
    def more(book, sheet, _summary):
        sheet.write_number("D4", 1, book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_number("D5", 1, book.add_format({"num_format": "hh:mm"}))

    book = simple(tmp_path / "a.xlsx", more=more)
    fill(target_of(book), {**PLAN, "line": [0.5, 45_000.0, 0.0]}, SUMMARY, PROVENANCE)
    assert "<v>45000</v>" in cell(book, "D4")
    assert "<v>0.5</v>" in cell(book, "D5")


def test_a_pivot_tables_source_that_ends_there_is_said(tmp_path):
    book = rich(tmp_path / "a.xlsx")
    target = target_of(book, sheet="Rates", key="Column1", write={"Column2": "rate"})
    said = "\n".join(fill(target, {"enterprise": ["D"], "rate": [0.07]}, SUMMARY, PROVENANCE).notes)
    assert "The source of a pivot table, A1:B4, ends at row 4 of 'Rates'" in said
    assert 'ref="A1:B5"' in part(book, "xl/tables/table1.xml")


def test_a_formula_that_cannot_be_carried_down_is_said(tmp_path):
    book = simple(
        tmp_path / "a.xlsx", more=lambda _b, sheet, _s: sheet.write_array_formula("F8", "{=SUM(D8*E8)}")
    )
    plan = {"enterprise": ["N1"], "line": [1.0], "rate": [0.05]}
    notes = fill(target_of(book), plan, SUMMARY, PROVENANCE).notes
    assert any("The formulas in F of 'Allocation' could not be carried down" in note for note in notes)
    assert "<f" not in cell(book, "F9")


def test_rows_that_are_prepared_below_keep_their_own_format_and_formulas(tmp_path):
    def more(book, sheet, _summary):
        sheet.write_blank("D9", None, book.add_format({"num_format": "0.000"}))
        sheet.write_formula("F9", "=D9*E9*2", None, 0)
        sheet.write("H9", "a note beside it")

    book = simple(tmp_path / "a.xlsx", more=more)
    fill(target_of(book), {"enterprise": ["N1"], "line": [1.0], "rate": [0.05]}, SUMMARY, PROVENANCE)
    assert 's="2"' in cell(book, "D9")
    assert "<f>D9*E9*2</f>" in cell(book, "F9")
    assert cells(book, "Allocation")["H9"] == "a note beside it"


def test_a_sheet_without_any_row_takes_single_cells(tmp_path):
    book = simple(tmp_path / "a.xlsx", more=lambda book, _sheet, _summary: book.add_worksheet("Empty"))
    fill(target_of(book, cells={"Empty!B3": "revenue", "Empty!A1": "status"}), PLAN, SUMMARY, PROVENANCE)
    assert cells(book, "Empty") == {"A1": "optimal", "B3": 2.47}
