import datetime
import gc
import io
import struct
import zipfile
import zlib

import pytest
import xlsxwriter

from lendplan.data import archives, workbooks
from lendplan.data.bridge import SMALL
from lendplan.data.cells import BadCell, ids_of
from lendplan.data.findings import InputError
from lendplan.data.numbers import numbers_of
from lendplan.data.tables import read_table


def workbook(path, fill, sheets=("Book",), **options):
    with xlsxwriter.Workbook(
        path, {"strings_to_formulas": False, "strings_to_urls": False, **options}
    ) as book:
        fill(book, [book.add_worksheet(name) for name in sheets])
    return path


def simple(path, cells, **options):
    def fill(_book, sheets):
        for row, values in cells.items():
            sheets[0].write_row(row - 1, 0, values)

    return workbook(path, fill, **options)


def rewritten(path, changes):
    """Return a copy of a workbook with parts replaced or added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, changes[name](data) if name in changes else data)
    copy = path.with_name("changed.xlsx")
    copy.write_bytes(buffer.getvalue())
    return copy


def refusal(source):
    with pytest.raises(InputError) as caught:
        read_table(source)
    return str(caught.value)


SHEET = "xl/worksheets/sheet1.xml"


def test_rows_keep_the_number_of_the_sheet(tmp_path):
    raw = read_table(
        simple(tmp_path / "a.xlsx", {1: ["id", "x"], 4: ["a", 1.5], 6: ["=b", "2"], 7: [" ", ""]})
    )
    assert raw.line.tolist() == [4, 6]
    assert raw.cells("id").tolist() == ["a", "=b"]
    assert raw.cells("x").tolist() == [1.5, "2"]
    assert raw.sheet == "Book"
    assert raw.name.endswith("a.xlsx#Book")


def test_cells_keep_their_kind(tmp_path):
    def fill(book, sheets):
        sheets[0].write_row(0, 0, ["id", "d", "b", 2024])
        sheets[0].write(1, 0, "x")
        sheets[0].write_datetime(
            1, 1, datetime.datetime(2024, 3, 4), book.add_format({"num_format": "yyyy-mm-dd"})
        )
        sheets[0].write_boolean(1, 2, True)

    raw = read_table(workbook(tmp_path / "a.xlsx", fill))
    assert list(raw.columns) == ["id", "d", "b", "2024"]
    assert raw.cells("d").tolist() == [datetime.date(2024, 3, 4)]
    assert raw.cells("b").tolist() == [True]


def test_sheets(tmp_path):
    def fill(_book, sheets):
        sheets[1].write_row(0, 0, ["id"])
        sheets[1].write_row(1, 0, ["a"])

    path = workbook(tmp_path / "a.xlsx", fill, sheets=("Cover", "Book"))
    assert read_table(f"{path}#Book").cells("id").tolist() == ["a"]
    assert "say which one: a.xlsx#Cover, a.xlsx#Book" in refusal(path)
    assert "did you mean 'Book'" in refusal(f"{path}#book")
    assert "is empty" in refusal(f"{path}#Cover")


def test_headers(tmp_path):
    assert "header belongs into row 1" in refusal(simple(tmp_path / "a.xlsx", {2: ["id"], 3: ["a"]}))
    assert "column 2 has no name" in refusal(
        simple(tmp_path / "b.xlsx", {1: ["id", "", "x"], 2: ["a", 1, 2]})
    )
    assert "alike" in refusal(simple(tmp_path / "c.xlsx", {1: ["id", "id"], 2: ["a", 1]}))
    raw = read_table(simple(tmp_path / "d.xlsx", {1: ["id", " ", "x"], 2: ["a", " ", 2]}))
    assert list(raw.columns) == ["id", "x"]


def test_errors_and_uncalculated_formulas_are_not_blank(tmp_path):
    def fill(_book, sheets):
        sheets[0].write_row(0, 0, ["id", "x"])
        sheets[0].write_row(1, 0, ["a", 1])
        sheets[0].write_formula(1, 1, "=NA()", None, "#N/A")
        sheets[0].write_row(2, 0, ["b"])
        sheets[0].write_formula(2, 1, "=1+1", None, 2)

    path = workbook(tmp_path / "a.xlsx", fill)
    cells = read_table(path).cells("x").tolist()
    assert isinstance(cells[0], BadCell)
    assert cells[0].text == "#N/A"
    assert cells[1] == 2
    stale = rewritten(path, {SHEET: lambda xml: xml.replace(b"<f>1+1</f><v>2</v>", b"<f>1+1</f>")})
    cells = read_table(stale).cells("x").tolist()
    assert isinstance(cells[1], BadCell)
    assert "calculate and save" in cells[1].message


def test_encrypted_and_legacy_workbooks(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(archives.COMPOUND_FILE + b"\0" * 100)
    assert "legacy" in refusal(path)
    path.write_bytes(archives.COMPOUND_FILE + "EncryptedPackage".encode("utf-16-le"))
    assert "encrypted" in refusal(path)


def test_what_is_no_workbook(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"id,x\na,1\n")
    assert "is no .xlsx workbook" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    assert "no .xlsx workbook" in refusal(path)
    whole = simple(tmp_path / "b.xlsx", {1: ["id"], 2: ["a"]})
    path.write_bytes(whole.read_bytes()[:-300])
    assert "workbook" in refusal(path)
    broken = rewritten(whole, {"xl/workbook.xml": lambda _: b"<workbook"})
    assert "readable" in refusal(broken)


@pytest.mark.parametrize(
    "declaration",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]>',
        b"<!-- <x> -->\n<!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
    ],
)
@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "_rels/.rels"])
def test_document_types_are_refused_before_parsing(tmp_path, monkeypatch, declaration, part):
    path = simple(tmp_path / "a.xlsx", {1: ["id"], 2: ["a"]})
    changed = rewritten(path, {part: lambda xml: xml.replace(b"?>", b"?>" + declaration, 1)})
    monkeypatch.setattr(workbooks, "_part_of_sheet", None)  # parsing would fail loudly
    assert f"part {part} declares" in refusal(changed)


def test_a_document_type_in_utf_16_is_seen(tmp_path):
    path = simple(tmp_path / "a.xlsx", {1: ["id"], 2: ["a"]})
    wide = rewritten(path, {SHEET: lambda _: '<?xml version="1.0"?><!DOCTYPE x><x/>'.encode("utf-16")})
    assert "declares" in refusal(wide)


def test_text_that_looks_like_a_declaration_is_text(tmp_path):
    path = simple(tmp_path / "a.xlsx", {1: ["id"], 2: ["<!DOCTYPE x>"]})
    assert read_table(path).cells("id").tolist() == ["<!DOCTYPE x>"]


def test_zip_bombs_are_refused_unopened(tmp_path, monkeypatch):
    path = simple(tmp_path / "a.xlsx", {1: ["id"], 2: ["a"]})
    bomb = rewritten(path, {SHEET: lambda xml: xml + b" " * (40 << 20)})
    assert "zip bomb" in refusal(bomb)
    monkeypatch.setattr(archives, "MAX_UNPACKED", 1 << 20)
    assert "absurd size" in refusal(bomb)


def test_a_part_that_lies_about_its_size(tmp_path):
    path = simple(tmp_path / "a.xlsx", {1: ["id"], 2: ["a"]})
    data = bytearray(rewritten(path, {SHEET: lambda xml: xml + b" " * 5000}).read_bytes())
    entry = data.find(SHEET.encode(), data.find(b"PK\x01\x02")) - 46
    assert data[entry : entry + 4] == b"PK\x01\x02"
    kept = zlib.crc32(zipfile.ZipFile(path).read(SHEET))
    struct.pack_into("<L", data, entry + 16, kept)
    struct.pack_into("<L", data, entry + 24, len(zipfile.ZipFile(path).read(SHEET)))
    liar = tmp_path / "liar.xlsx"
    liar.write_bytes(bytes(data))
    assert "larger than the directory says" in refusal(liar)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("A1048577", "a sheet ends at"),
        ("XFE2", "a sheet ends at"),
        ("XFD1048576", "stray cells"),
        ("A99999999", "ends at"),
    ],
)
def test_absurd_positions(tmp_path, reference, says):
    path = simple(tmp_path / "a.xlsx", {1: ["id"], 2: ["a"]})
    row = reference.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    stray = f'<row r="{row}"><c r="{reference}"><v>1</v></c></row></sheetData>'.encode()
    assert says in refusal(rewritten(path, {SHEET: lambda xml: xml.replace(b"</sheetData>", stray)}))


@pytest.mark.parametrize("written", ["r='{}'", 'r = "{}"', 'r\n="{}"', "r= '{}'"])
@pytest.mark.parametrize("reference", ["XFD1048576", "xfd1048576", "AA999999", "B99999999"])
def test_absurd_positions_however_they_are_written(tmp_path, written, reference):
    path = simple(tmp_path / "a.xlsx", {1: ["id"], 2: ["a"]})
    stray = f"<row><c {written.format(reference)}><v>1</v></c></row></sheetData>".encode()
    if reference == "AA999999":  # 27 columns of nearly a million rows may be read
        assert workbooks._bad_cells(stray, "a") == {}
    else:
        told = refusal(rewritten(path, {SHEET: lambda xml: xml.replace(b"</sheetData>", stray)}))
        assert "stray cells" in told or "a sheet ends at" in told


def test_a_sheet_up_to_column_z_is_not_measured(tmp_path, monkeypatch):
    path = simple(tmp_path / "a.xlsx", {1: [f"c{place}" for place in range(26)], 40_000: ["a"] * 26})
    monkeypatch.setattr(workbooks, "PLACE", None)
    assert read_table(path).line.tolist() == [40_000]
    wide = simple(tmp_path / "b.xlsx", {1: [f"c{place}" for place in range(27)]})
    with pytest.raises(AttributeError):
        read_table(wide)


def test_several_sheets_are_read_as_each_alone(tmp_path):
    def fill(_book, sheets):
        for place, sheet in enumerate(sheets):
            sheet.write_row(0, 0, ["id", f"x{place}"])
            sheet.write_row(2 + place, 0, [f"a{place}", place])

    names = [f"S{place}" for place in range(5)]
    path = workbook(tmp_path / "a.xlsx", fill, sheets=names)
    book = workbooks.Workbook(path.read_bytes(), path)
    assert book.names == names
    for name, (columns, line) in zip(names[::-1], book.read(names[::-1]), strict=True):
        alone, line_alone, _ = workbooks.read_sheet(path.read_bytes(), path, name)
        assert {key: cells.tolist() for key, cells in columns.items()} == {
            key: cells.tolist() for key, cells in alone.items()
        }
        assert line.tolist() == line_alone.tolist()


def test_one_bad_sheet_of_several_is_refused_and_the_collector_is_on_again(tmp_path):
    path = workbook(tmp_path / "a.xlsx", lambda _book, sheets: sheets[0].write(0, 0, "id"), sheets=("A", "B"))
    with pytest.raises(InputError, match="#B: is empty"):
        workbooks.Workbook(path.read_bytes(), path).read(["A", "B"])
    assert gc.isenabled()


def test_many_plain_cells_are_read_as_few_are(tmp_path):
    rows = SMALL + 10
    cells = {1: ["id", "no", "x"]} | {row + 2: [f"e{row % 7}", row % 9_000, row / 4] for row in range(rows)}
    raw = read_table(simple(tmp_path / "a.xlsx", cells))
    ids, numbers, amounts = (
        ids_of(raw.columns["id"]),
        ids_of(raw.columns["no"]),
        numbers_of(raw.columns["x"], is_share=False),
    )
    assert ids.values.tolist() == [f"e{row % 7}" for row in range(rows)]
    assert numbers.values.tolist() == [str(row % 9_000) for row in range(rows)]
    assert amounts.values.tolist() == [row / 4 for row in range(rows)]
    raw.columns["no"][5], raw.columns["id"][6], raw.columns["x"][7] = 1e15, " e ", float("inf")
    assert [row for row, _ in ids_of(raw.columns["no"]).faults] == [5]
    assert ids_of(raw.columns["id"]).changed == [(6, " e ", "e")]
    assert [row for row, _ in numbers_of(raw.columns["x"], is_share=False).faults] == [7]
