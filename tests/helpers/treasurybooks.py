"""Workbooks of a treasury, made on the spot: everything that a spreadsheet program can put into one."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import xlsxwriter

from lendplan.reports.tables import LimitState
from lendplan.reports.treasury.newsheets import Points
from lendplan.reports.treasury.target import Target

HEADER = 3
"""Row of the header of `Allocation`; the first enterprise stands below it."""
IDS = ["E1", "E2", "E3", "E4", "E5"]
WRITE = {"授信额度": "line", "年利率": "rate"}
CELLS = {"Summary!B3": "revenue", "budget_used": "budget_used"}
PLAN: dict[str, list[Any]] = {
    "enterprise": ["E2", "E1", "E4"],
    "line": [30.0, 20.5, 0.0],
    "rate": [0.0425, 0.0585, float("nan")],
}
SUMMARY: dict[str, float | str | None] = {"revenue": 2.47, "budget_used": 50.5, "status": "optimal"}
PROVENANCE = {"scenario": "annual.yaml", "objective": "2.47", "gap": "0"}

TABLE: dict[str, list[Any]] = {
    "enterprise": ["=E1", "0012", "E3"],
    "grade": ["A", "", "a"],
    "decision": ["lend", "decline", "lend"],
    "rate": [0.05, float("nan"), 0.06],
    "line": [10.0, 0.0, 30.5],
    "revenue": [0.5, 0.0, 1.83],
    "reason": ["@first", "", "none"],
}
TOTALS: dict[str, float | str | None] = {"line": 40.5, "revenue": 2.33, "funded": 2.0, "status": "optimal"}
LIMITS = [
    LimitState("budget", "line", 1, 50.0, 40.5, "amount", 0.06, False, 50.0),
    LimitState("one industry[retail]", "line", 1, 0.25, 0.25, "share", 0.0, True, 0.0),
    LimitState("=reach", "count", -1, 2.0, None, "amount", -0.5, False, 2.0),
]
FRONTIER = Points(
    "frontier",
    {
        "risk_limit": [None, 1.0, None],
        "knee": [False, True, False],
        "risk": [0.0, 1.0, 3.0],
        "revenue": [0.0, 2.0, 2.5],
    },
    chosen=2,
)
"""The plan of a workbook of its own, its totals, its limits and a frontier."""


def target_of(path: Path, **options: Any) -> Target:
    """Return the target of the workbooks below."""
    given: dict[str, Any] = {
        "sheet": "Allocation",
        "key": "企业代号",
        "write": WRITE,
        "cells": CELLS,
        **options,
    }
    return Target(path, **given)


def simple(path: Path, ids: list[Any] = IDS, more: Callable[[Any, Any, Any], None] | None = None) -> Path:
    """Write a workbook with one sheet of enterprises and one of totals.

    `Allocation` has in B3:F3 the headers 企业代号, 名称, 授信额度, 年利率, 利息 and in F the formula D*E;
    `Summary` has in B1 the sum of all lines, in B2 that of all interest.
    """
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False}) as book:
        sheet, summary = book.add_worksheet("Allocation"), book.add_worksheet("Summary")
        share = book.add_format({"num_format": "0.00%", "bold": True})
        sheet.write(0, 1, "Allocation of lines")
        sheet.write_row(HEADER - 1, 1, ["企业代号", "名称", "授信额度", "年利率", "利息"])
        for row, one in enumerate(ids, start=HEADER):
            sheet.write(row, 1, one)
            sheet.write(row, 2, f"Firm {one}")
            sheet.write(row, 3, 10)
            sheet.write(row, 4, 0.04, share)
            sheet.write_formula(row, 5, f"=D{row + 1}*E{row + 1}", None, 4)
        last = HEADER + len(ids)
        summary.write_formula("B1", f"=SUM(Allocation!D{HEADER + 1}:D{last})", None, 50)
        summary.write_formula("B2", f"=SUM(Allocation!F{HEADER + 1}:F{last})", None, 2)
        summary.write("B3", 0, book.add_format({"num_format": "#,##0.00"}))
        book.define_name("budget_used", "=Summary!$B$5")
        if more is not None:
            more(book, sheet, summary)
    return path


def rich(path: Path, macros: bytes = b"") -> Path:
    """Write a workbook with everything that must stay: XlsxWriter's share of it, and parts made by hand."""

    def more(book: Any, sheet: Any, summary: Any) -> None:
        red = book.add_format({"bg_color": "#FFC7CE"})
        sheet.conditional_format("D4:D8", {"type": "cell", "criteria": ">", "value": 25, "format": red})
        sheet.conditional_format("D4:D8", {"type": "data_bar", "data_bar_2010": True})
        sheet.conditional_format("E4:E8", {"type": "icon_set", "icon_style": "3_arrows"})
        sheet.data_validation("D4:D8", {"validate": "decimal", "criteria": ">=", "value": 0})
        sheet.merge_range("B2:F2", "amounts in CNY", book.add_format({"align": "center"}))
        sheet.add_sparkline("H4", {"range": "Allocation!D4:D8"})
        sheet.write_comment("D3", "as the committee decided")
        sheet.set_row(4, 30)
        sheet.set_column("C:C", 30)
        sheet.freeze_panes(3, 2)
        sheet.set_header("&CAllocation")
        chart = book.add_chart({"type": "column"})
        chart.add_series({"categories": "=Allocation!$B$4:$B$8", "values": "=Allocation!$D$4:$D$8"})
        summary.insert_chart("D2", chart)
        summary.insert_textbox("D20", "not to be lost")
        summary.write_rich_string("A1", "the ", book.add_format({"bold": True}), "whole")
        summary.write_url("A9", "https://example.org/")
        listed = book.add_worksheet("Rates")
        listed.add_table("A1:B4", {"name": "rates", "data": [["A", 0.04], ["B", 0.05], ["C", 0.06]]})
        listed.write_dynamic_array_formula("D1:D3", "=A2:A4", None, "A")
        book.add_worksheet("Notes").write("A1", "nothing that is calculated")
        book.add_worksheet("Pivot").write_row("A3", ["grade", "line"])
        book.add_chartsheet("Picture").set_chart(_pie(book))
        if macros:
            project = path.with_name("vbaProject.bin")
            project.write_bytes(macros)
            book.add_vba_project(str(project))

    simple(path, more=more)
    with_parts(path, _pivot_parts(path))
    return path


def _pie(book: Any) -> Any:
    chart = book.add_chart({"type": "pie"})
    chart.add_series({"values": "=Rates!$B$2:$B$4"})
    return chart


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml."


def _pivot_parts(path: Path) -> dict[str, bytes]:
    """Return the parts of a pivot table over Rates, standing in Pivot!A3:B6, and of a calculation chain."""
    with zipfile.ZipFile(path) as archive:
        sheet = next(f"xl/worksheets/sheet{number}.xml" for number in (5,))
        types, workbook = archive.read("[Content_Types].xml"), archive.read("xl/workbook.xml")
        relations = archive.read("xl/_rels/workbook.xml.rels")
        assert sheet in archive.namelist()
    chain = "xl/calcChain.xml"
    cache, table = "xl/pivotCache/pivotCacheDefinition1.xml", "xl/pivotTables/pivotTable1.xml"

    def listing(kind: str, target: str) -> bytes:
        return (
            f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_OFFICE}/{kind}" Target="{target}"/>'
            "</Relationships>"
        ).encode()

    override = "".join(
        f'<Override PartName="/{part}" ContentType="{_TYPE}{kind}+xml"/>'
        for part, kind in ((cache, "pivotCacheDefinition"), (table, "pivotTable"), (chain, "calcChain"))
    ).encode()
    return {
        "[Content_Types].xml": types.replace(b"</Types>", override + b"</Types>"),
        "xl/workbook.xml": workbook.replace(
            b"</workbook>", b'<pivotCaches><pivotCache cacheId="7" r:id="rIdP"/></pivotCaches></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": relations.replace(
            b"</Relationships>",
            f'<Relationship Id="rIdP" Type="{_OFFICE}/pivotCacheDefinition" '
            f'Target="pivotCache/pivotCacheDefinition1.xml"/><Relationship Id="rIdC" Type="{_OFFICE}/calcChain" '
            'Target="calcChain.xml"/></Relationships>'.encode(),
        ),
        "xl/worksheets/_rels/sheet5.xml.rels": listing("pivotTable", "../pivotTables/pivotTable1.xml"),
        "xl/pivotTables/_rels/pivotTable1.xml.rels": listing(
            "pivotCacheDefinition", "../pivotCache/pivotCacheDefinition1.xml"
        ),
        chain: f'<calcChain xmlns="{_MAIN}"><c r="F4" i="1"/><c r="B1" i="2"/></calcChain>'.encode(),
        cache: (
            f'<pivotCacheDefinition xmlns="{_MAIN}" refreshOnLoad="1" recordCount="0"><cacheSource type="worksheet">'
            '<worksheetSource ref="A1:B4" sheet="Rates"/></cacheSource><cacheFields count="2">'
            '<cacheField name="Column1"><sharedItems/></cacheField><cacheField name="Column2"><sharedItems/>'
            "</cacheField></cacheFields></pivotCacheDefinition>"
        ).encode(),
        table: (
            f'<pivotTableDefinition xmlns="{_MAIN}" name="p" cacheId="7" dataCaption="v"><location ref="A3:B6" '
            'firstHeaderRow="1" firstDataRow="1" firstDataCol="0"/><pivotFields count="2"><pivotField/>'
            "<pivotField/></pivotFields></pivotTableDefinition>"
        ).encode(),
    }


def with_parts(path: Path, parts: Mapping[str, bytes | Callable[[bytes], bytes]]) -> Path:
    """Replace or add parts of a workbook, in place."""
    with zipfile.ZipFile(path) as old:
        content = {name: old.read(name) for name in old.namelist()}
    for name, given in parts.items():
        content[name] = given if isinstance(given, bytes) else given(content[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in content.items():
            new.writestr(name, data)
    return path


def members(path: Path) -> dict[str, tuple[bytes, tuple[int, ...], int, int]]:
    """Return each member of an archive, in order: its packed bytes as they lie there, its date, flags and method."""
    data = path.read_bytes()
    found = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name, extra = struct.unpack("<HH", data[entry.header_offset + 26 : entry.header_offset + 30])
            start = entry.header_offset + 30 + name + extra
            packed = data[start : start + entry.compress_size]
            plain = packed if entry.compress_type == 0 else zlib.decompress(packed, -15)
            assert zlib.crc32(plain) == entry.CRC
            found[entry.filename] = packed, entry.date_time, entry.flag_bits, entry.compress_type
    return found


def part(path: Path, name: str) -> str:
    """Return the text of a part."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(name).decode()


def cells(path: Path, sheet: str) -> dict[str, Any]:
    """Return the cells of a sheet that are not blank, as another reader sees them: reference → value."""
    import python_calamine as calamine
    from xlsxwriter.utility import xl_rowcol_to_cell

    rows = calamine.CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    return {
        xl_rowcol_to_cell(row, column): value
        for row, values in enumerate(rows)
        for column, value in enumerate(values)
        if value != ""
    }
