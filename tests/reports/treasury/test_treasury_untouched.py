"""Everything but the cells that were asked for stays: parts byte for byte, formats, order, dates, flags."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

import pytest
from treasurybooks import PLAN, PROVENANCE, SUMMARY, cells, members, part, rich, simple, target_of, with_parts

from lendplan.reports.treasury import filling
from lendplan.reports.treasury.filling import fill
from lendplan.reports.treasury.target import WorkbookError

ALLOCATION, TOTALS, RATES = (f"xl/worksheets/sheet{number}.xml" for number in (1, 2, 3))
MACROS = b"\xd0\xcf\x11\xe0" + bytes(range(256)) * 40


def compared(before: Path, after: Path) -> set[str]:
    """Return the members that differ; those that both have stand in the same order."""
    old, new = members(before), members(after)
    assert [name for name in new if name in old] == list(old)
    return {name for name in new if new[name] != old.get(name)}


def test_all_other_parts_are_the_same_to_the_byte(tmp_path):
    book = rich(tmp_path / "treasury.xlsx")
    done = fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert done.copy is not None
    assert compared(done.copy, book) == {
        ALLOCATION, TOTALS, RATES, "[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels",
        "xl/worksheets/lendplan.xml",
    }  # fmt: skip
    assert set(done.changed) == compared(done.copy, book)
    for kind in ("charts/chart", "drawings/", "pivotTables/", "pivotCache/", "tables/", "comments", "vmlDrawing",
                 "styles.xml", "sharedStrings.xml", "chartsheets/", "docProps/app.xml", "calcChain.xml"):  # fmt: skip
        assert any(kind in name for name in members(book)), f"the workbook has no {kind} to lose"


def test_without_provenance_the_package_itself_stays(tmp_path):
    book = rich(tmp_path / "treasury.xlsx")
    done = fill(target_of(book, provenance=False), PLAN, SUMMARY, PROVENANCE)
    assert done.copy is not None
    # XlsxWriter's workbooks calculate on loading anyhow, so that even this part stays.
    assert compared(done.copy, book) == {ALLOCATION, TOTALS, RATES}


def test_in_the_changed_sheet_nothing_but_the_cells_differs(tmp_path):
    book = rich(tmp_path / "treasury.xlsx")
    old = part(book, ALLOCATION)
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    new = part(book, ALLOCATION)
    for kind in ("mergeCell ", "conditionalFormatting", "dataValidation ", "x14:sparkline", "x14:dataBar",
                 "legacyDrawing", "pane ", "headerFooter", "customHeight"):  # fmt: skip
        assert kind in old, f"the sheet has no {kind} to lose"
    expected = re.sub(r'(<c r="F\d"[^>]*><f>[^<]*</f>)<v>[^<]*</v>', r"\1", old)
    for reference, content in (("D4", "20.5"), ("D5", "30"), ("D7", "0"), ("E4", "0.0585"), ("E5", "0.0425")):
        expected = re.sub(rf'(<c r="{reference}"[^>]*><v>)[^<]*', rf"\g<1>{content}", expected)
    expected = re.sub(r'(<c r="E7"[^>]*)><v>[^<]*</v></c>', r"\1/>", expected)
    assert new == expected


def test_macros_stay_to_the_byte(tmp_path):
    book = rich(tmp_path / "treasury.xlsm", macros=MACROS)
    done = fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert done.copy is not None
    assert "xl/vbaProject.bin" not in compared(done.copy, book)
    with zipfile.ZipFile(book) as archive:
        assert archive.read("xl/vbaProject.bin") == MACROS
        assert b"macroEnabled" in archive.read("[Content_Types].xml")


def test_results_of_formulas_are_dropped_wherever_they_stand(tmp_path):
    book = rich(tmp_path / "treasury.xlsx")
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    for name in (ALLOCATION, TOTALS, RATES):
        assert not re.search(r"</f>\s*<v>", part(book, name))
    assert 'fullCalcOnLoad="1"' in part(book, "xl/workbook.xml")
    # A formula that fills several cells: none of them keeps its old value.
    assert not [reference for reference in cells(book, "Rates") if reference.startswith("D")]


def test_results_of_array_formulas_and_their_kinds_are_dropped(tmp_path):
    def more(_book, _sheet, summary):
        summary.write_array_formula("A20:A22", "{=B1:B3*2}", None, 1)
        summary.write("A21", 2)
        summary.write("A22", "text")
        summary.write_formula("B20", '="a"', None, "a")
        summary.write_formula("B21", "=1/0", None, "#DIV/0!")
        summary.write("C20", "kept")

    book = simple(tmp_path / "a.xlsx", more=more)
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    text = part(book, TOTALS)
    assert '<c r="A20"><f t="array" ref="A20:A22">B1:B3*2</f></c>' in text
    assert '<c r="A21"/>' in text
    assert '<c r="A22"/>' in text
    assert '<c r="B20"><f>"a"</f></c>' in text
    assert '<c r="B21"><f>1/0</f></c>' in text
    assert cells(book, "Summary")["C20"] == "kept"


def test_calculation_settings_stay_but_for_the_one(tmp_path):
    book = simple(tmp_path / "a.xlsx")
    settings = b'<calcPr calcId="191029" calcMode="manual" iterate="1"/>'
    with_parts(book, {"xl/workbook.xml": lambda xml: re.sub(rb"<calcPr[^>]*/>", settings, xml)})
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert '<calcPr calcId="191029" calcMode="manual" iterate="1" fullCalcOnLoad="1"/>' in part(
        book, "xl/workbook.xml"
    )


def test_a_workbook_without_calculation_settings_gets_them_in_their_place(tmp_path):
    book = simple(tmp_path / "a.xlsx")
    with_parts(book, {"xl/workbook.xml": lambda xml: re.sub(rb"<calcPr[^>]*/>", b'<oleSize ref="A1"/>', xml)})
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert '</definedNames><calcPr fullCalcOnLoad="1"/><oleSize' in part(book, "xl/workbook.xml")


def test_dates_flags_and_methods_of_members_stay(tmp_path):
    book = simple(tmp_path / "a.xlsx")
    with zipfile.ZipFile(book) as old:
        content = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(book, "w") as new:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            entry.compress_type = zipfile.ZIP_STORED if name.endswith("theme1.xml") else zipfile.ZIP_DEFLATED
            entry.comment, entry.external_attr = b"by hand", 0o600 << 16
            new.writestr(entry, data)
        new.writestr("xl/\u8868.bin", b"a part of a name in Chinese")
    done = fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert done.copy is not None
    assert "xl/theme/theme1.xml" not in compared(done.copy, book)
    with zipfile.ZipFile(book) as archive:
        assert archive.testzip() is None
        entries = {entry.filename: entry for entry in archive.infolist()}
    assert entries["xl/theme/theme1.xml"].compress_type == zipfile.ZIP_STORED
    assert entries[ALLOCATION].date_time == (2024, 5, 6, 7, 8, 10)
    assert entries[ALLOCATION].comment == b"by hand"
    assert entries[ALLOCATION].external_attr == 0o600 << 16
    assert "xl/\u8868.bin" in entries


def streamed(path: Path, force_zip64: bool) -> None:
    """Write an archive again as a program does that cannot go back in its output: sizes follow the content."""

    class OneWay:
        def __init__(self, file):
            self.file, self.at = file, 0

        def write(self, data):
            self.at += len(data)
            return self.file.write(data)

        def tell(self):
            raise OSError

        def flush(self):
            self.file.flush()

    with zipfile.ZipFile(path) as old:
        content = {name: old.read(name) for name in old.namelist()}
    with path.open("wb") as file, zipfile.ZipFile(OneWay(file), "w", zipfile.ZIP_DEFLATED) as new:  # type: ignore[arg-type]
        for name, data in content.items():
            with new.open(name, "w", force_zip64=force_zip64) as stream:
                stream.write(data)


@pytest.mark.parametrize("force_zip64", [False, True])
def test_archives_with_sizes_after_the_content_are_copied_whole(tmp_path, force_zip64):
    book = simple(tmp_path / "a.xlsx")
    streamed(book, force_zip64)
    data = book.read_bytes()
    assert struct.unpack("<H", data[6:8])[0] & 8
    done = fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert done.copy is not None
    assert "xl/styles.xml" not in compared(done.copy, book)
    with zipfile.ZipFile(book) as archive:
        assert archive.testzip() is None
    assert cells(book, "Allocation")["D4"] == 20.5
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert cells(book, "Allocation")["D4"] == 20.5


# Sheets that are written in other ways ------------------------------------------------------------------------------


def prefixed(xml: bytes) -> bytes:
    """Name every element of the main namespace with a prefix, as some libraries do."""
    text = re.sub(rb"<(/?)([A-Za-z])", rb"<\1x:\2", xml.partition(b"?>")[2])
    text = text.replace(b"xmlns=", b"xmlns:x=", 1)
    return b'<?xml version="1.0" encoding="utf-8"?>' + text


def without_references(xml: bytes) -> bytes:
    """Leave out where cells stand; a reader counts them. All rows and cells are there from A1 on."""
    return re.sub(rb'<(c|row) r="[A-Z]*\d+"', rb"<\1", xml)


def shuffled(xml: bytes) -> bytes:
    """Put where a cell stands after its other attributes."""
    return re.sub(rb'<c (r="[A-Z]+\d+") (s="\d+")', rb"<c \2 \1", xml)


def commented(xml: bytes) -> bytes:
    """Put things into a sheet that no row or cell begins with."""
    return xml.replace(
        b"<sheetData>", b'<sheetData><!-- <row r="1"><c r="B4"><v>9</v></c></row> -->'
    ).replace(b"</row>", b"</row>\n  <?app note?>", 2)


def marked(xml: bytes) -> bytes:
    return b"\xef\xbb\xbf" + xml


def indented(xml: bytes) -> bytes:
    return re.sub(rb"(<(?:row|c|f|v)[ >/])", rb"\n    \1", xml).replace(b"</c>", b"\n</c>")


@pytest.mark.parametrize("form", [prefixed, shuffled, commented, marked, indented])
def test_other_ways_to_write_a_sheet(tmp_path, form):
    book = simple(tmp_path / "a.xlsx")
    with_parts(book, {ALLOCATION: form, TOTALS: form})
    plan = {"enterprise": ["E2", "N1"], "line": [30.0, 5.0], "rate": [0.05, 0.06]}
    fill(target_of(book), plan, SUMMARY, PROVENANCE)
    after = cells(book, "Allocation")
    assert (after["D5"], after["E5"], after["B9"], after["D9"]) == (30, 0.05, "N1", 5)
    assert (after["D4"], after["D8"], after["B3"]) == (10, 10, "企业代号")
    assert cells(book, "Summary") == {"B3": 2.47, "B5": 50.5}


def test_cells_that_do_not_say_where_they_stand_are_counted(tmp_path):
    import xlsxwriter

    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Allocation")
        sheet.write_row("A1", ["企业代号", "授信额度", "年利率"])
        sheet.write_row("A2", ["E1", 1, 2])
        sheet.write_row("A3", ["E2", 1, 2])
    with_parts(path, {ALLOCATION: without_references})
    fill(target_of(path, cells={}), {"enterprise": ["E2"], "line": [5.0], "rate": [0.06]}, {}, PROVENANCE)
    assert (cells(path, "Allocation")["B3"], cells(path, "Allocation")["C3"]) == (5, 0.06)


def test_shared_formulas_are_carried_down_from_their_first_cell(tmp_path):
    book = simple(tmp_path / "a.xlsx")

    def share(xml: bytes) -> bytes:
        xml = xml.replace(b"<f>D4*E4</f>", b'<f t="shared" ref="F4:F8" si="0">D4*E4</f>')
        return re.sub(rb"<f>D[5-8]\*E[5-8]</f>", b'<f t="shared" si="0"/>', xml)

    with_parts(book, {ALLOCATION: share})
    fill(target_of(book), {"enterprise": ["N1"], "line": [5.0], "rate": [0.06]}, SUMMARY, PROVENANCE)
    assert '<c r="F9"><f>D9*E9</f></c>' in part(book, ALLOCATION)


def test_rich_and_phonetic_shared_texts_are_read(tmp_path):
    book = simple(tmp_path / "a.xlsx")

    def richer(xml: bytes) -> bytes:
        return xml.replace(
            b"<si><t>E1</t></si>",
            b'<si><r><rPr><b/></rPr><t>E</t></r><r><t>1</t></r><rPh sb="0" eb="1"><t>guide</t></rPh></si>',
        )

    with_parts(book, {"xl/sharedStrings.xml": richer})
    assert fill(target_of(book), PLAN, SUMMARY, PROVENANCE).appended == ()


def test_ids_are_read_with_their_references_resolved(tmp_path):
    book = simple(tmp_path / "a.xlsx", ["A&B", "<C>", "企"])

    def referred(xml: bytes) -> bytes:
        return xml.replace("企</t>".encode(), b"&#x4F01;</t>")

    with_parts(book, {"xl/sharedStrings.xml": referred})
    plan = {"enterprise": ["A&B", "<C>", "企"], "line": [1.0, 2.0, 3.0], "rate": [0.05] * 3}
    assert fill(target_of(book), plan, SUMMARY, PROVENANCE).appended == ()


def test_a_stray_cell_far_away_is_no_hindrance(tmp_path):
    """Readers set the whole rectangle apart, 17 thousand million cells here; this one does not."""

    def more(_book, sheet, summary):
        sheet.write("XFD1048576", "stray")
        summary.write_formula("XFD900000", "=B1", None, 7)

    book = simple(tmp_path / "a.xlsx", more=more)
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    text = part(book, ALLOCATION)
    assert '<c r="D4"><v>20.5</v></c>' in text
    assert 'r="XFD1048576"' in text
    assert '<c r="XFD900000"><f>B1</f></c>' in part(book, TOTALS)


def test_far_away_the_check_sees_as_much(tmp_path, monkeypatch):
    book = simple(tmp_path / "a.xlsx", more=lambda _b, sheet, _s: sheet.write("XFD1048576", "stray"))
    applied = filling.rewrite

    def meddling(data, parts, changed, added, out):
        xml = b"".join(bytes(piece) for piece in changed[ALLOCATION])
        wrong = xml.replace(b'<c r="D6"><v>10</v>', b'<c r="D6"><v>11</v>')
        applied(data, parts, {**changed, ALLOCATION: [wrong]}, added, out)

    monkeypatch.setattr(filling, "rewrite", meddling)
    with pytest.raises(WorkbookError, match=r"cell D6 of 'Allocation' holds 11\.0"):
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
