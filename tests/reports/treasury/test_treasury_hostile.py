"""Workbooks that were made to harm: refused before they are parsed, and nothing is written."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
from treasurybooks import PLAN, PROVENANCE, SUMMARY, part, simple, target_of, with_parts
from workspace import snapshot

from lendplan.data.findings import InputError
from lendplan.reports.treasury.filling import fill
from lendplan.reports.treasury.pull import pull

SHEET = "xl/worksheets/sheet1.xml"


def refusal(book: Path) -> str:
    """Return what is said where a workbook is refused as input, by `fill` and by `pull` alike."""
    before = snapshot(book.parent)
    with pytest.raises(InputError) as caught:
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    with pytest.raises(InputError):
        pull(target_of(book))
    assert snapshot(book.parent) == before
    assert str(book) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return simple(tmp_path / "treasury.xlsx")


def test_no_such_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "treasury.xlsx")


def test_a_zip_bomb(book):
    with_parts(book, {"xl/media/image1.png": bytes(300 << 20)})
    assert "as a zip bomb does" in refusal(book)


def test_members_that_lie_over_one_another(book):
    """One packed stream behind many names unpacks to any size."""
    data = bytearray(book.read_bytes())
    with zipfile.ZipFile(book) as archive:
        entries = archive.infolist()
    first, second = entries[1].header_offset, entries[2]
    name = second.filename.encode()
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(name))
    data[at + 42 : at + 46] = struct.pack("<L", first)
    book.write_bytes(data)
    refusal(book)


def test_a_member_larger_than_it_says(book):
    data = bytearray(book.read_bytes())
    with zipfile.ZipFile(book) as archive:
        entry = archive.getinfo(SHEET)
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(SHEET.encode()))
    data[at + 24 : at + 28] = struct.pack("<L", entry.file_size - 100)
    book.write_bytes(data)
    assert "larger than the directory says" in refusal(book)


def test_two_members_of_one_name(book):
    with zipfile.ZipFile(book, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(SHEET, "<worksheet/>")
    assert "two parts of one name" in refusal(book)


def test_two_members_whose_names_differ_in_capitals_only(book):
    with zipfile.ZipFile(book, "a") as archive:
        archive.writestr(SHEET.upper(), "<worksheet/>")
    assert "two parts of one name" in refusal(book)


@pytest.mark.parametrize(
    "name", [SHEET, "xl/workbook.xml", "xl/sharedStrings.xml", "[Content_Types].xml", "_rels/.rels"]
)
def test_document_types_and_entities(book, name):
    def declared(xml: bytes) -> bytes:
        head, _, rest = xml.partition(b"?>")
        return head + b'?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + rest

    with_parts(book, {name: declared})
    assert "declares a document type or entities" in refusal(book)


def test_an_entity_that_nobody_declared(book):
    with_parts(book, {SHEET: lambda xml: xml.replace(b"<v>10</v>", b"<v>&lots;</v>", 1)})
    assert "is damaged: undefined entity" in refusal(book)


def test_absurd_rows_and_columns(book):
    old = book.read_bytes()
    for reference, said in (
        ("A1048577", "a sheet ends at row"),
        ("XFE4", "column 16,385"),
    ):
        row = "".join(one for one in reference if one.isdigit())
        cell = f'<row r="{row}"><c r="{reference}"><v>1</v></c></row></sheetData>'.encode()
        if row == "4":
            cell = b"</sheetData>"
            with_parts(
                book, {SHEET: lambda xml, at=reference: xml.replace(b'<c r="F4"', f'<c r="{at}"'.encode())}
            )
        with_parts(book, {SHEET: lambda xml, cell=cell: xml.replace(b"</sheetData>", cell)})
        assert said in refusal(book)
        book.write_bytes(old)


def test_rows_and_cells_out_of_place(book):
    old = book.read_bytes()
    for was, now, said in (
        (b'<row r="6"', b'<row r="5"', "not in order"),
        (b'<c r="B3"', b'<c r="B77"', "cell B77 stands in row 3"),
    ):
        with_parts(book, {SHEET: lambda xml, was=was, now=now: xml.replace(was, now)})
        assert said in refusal(book)
        book.write_bytes(old)


def test_damaged_parts(book):
    old = book.read_bytes()
    for name in (SHEET, "xl/workbook.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"):
        with_parts(book, {name: lambda xml: xml[: len(xml) // 2]})
        refusal(book)
        book.write_bytes(old)
    book.write_bytes(old[: len(old) // 2])
    assert "is no .xlsx workbook" in refusal(book)


def test_deep_nesting(book):
    def deep(xml: bytes) -> bytes:
        return xml.replace(b"</worksheet>", b"<a>" * 20_000 + b"</a>" * 20_000 + b"</worksheet>")

    with_parts(book, {SHEET: deep})
    assert "is damaged" in refusal(book)


def test_utf_16(book):
    def wide(xml: bytes) -> bytes:
        return b"\xff\xfe" + xml.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16-le")

    with_parts(book, {SHEET: wide})
    assert "UTF-16" in refusal(book)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "legacy .xls"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "is encrypted"),
        (b"", "is no .xlsx workbook"),
        (b"id,line\n1,2\n", "is no .xlsx workbook"),
    ],
)
def test_other_files(tmp_path, content, said):
    book = tmp_path / "treasury.xlsx"
    book.write_bytes(content)
    assert said in refusal(book)


def test_binary_workbooks_and_other_documents(book):
    old = book.read_bytes()
    with_parts(book, {"_rels/.rels": lambda xml: xml.replace(b"xl/workbook.xml", b"xl/workbook.bin")})
    with_parts(book, {"xl/workbook.bin": b"\x83\x01\x00"})
    assert ".xlsb" in refusal(book)
    book.write_bytes(old)
    with_parts(book, {"_rels/.rels": lambda xml: xml.replace(b"xl/workbook.xml", b"xl/styles.xml")})
    assert "another kind of document" in refusal(book)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("content.xml", "<a/>")
    book.write_bytes(buffer.getvalue())
    assert "no .xlsx workbook" in refusal(book)


def test_parts_are_not_looked_for_outside_the_archive(book):
    with_parts(
        book,
        {
            "xl/_rels/workbook.xml.rels": lambda xml: xml.replace(
                b"worksheets/sheet1.xml", b"../../../etc/passwd"
            )
        },
    )
    with pytest.raises(Exception, match="holds no cells"):
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)


def test_what_reads_like_a_row_inside_a_text_is_none(book):
    """Raw greater-than signs are allowed in text; tags are found all the same."""
    with_parts(
        book, {"xl/sharedStrings.xml": lambda xml: xml.replace(b"Firm E1", b'&lt;row r="9"> > &lt;c r=')}
    )
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert "<v>20.5</v>" in part(book, SHEET)
