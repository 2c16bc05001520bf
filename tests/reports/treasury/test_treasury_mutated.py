"""Workbooks that are damaged somewhere: filled and read or refused, never an error that nobody foresaw."""

from __future__ import annotations

import contextlib
import math
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from treasurybooks import PLAN, PROVENANCE, SUMMARY, cells, rich, simple, target_of, with_parts
from workspace import snapshot

from lendplan.data.findings import InputError
from lendplan.reports.treasury.filling import fill
from lendplan.reports.treasury.pull import pull
from lendplan.reports.treasury.target import WorkbookError

SHEET, RELATIONS = "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"
PIECES = (
    b"<", b">", b'"', b"/", b"&", b'r="', b't="s"', b't="inlineStr"', b't="e"', b"<f>", b"</f>", b"<v>", b"</v>",
    b"<c ", b"</c>", b"<row ", b"</row>", b"-1", b"99999999", b"A1:XFD1048576", b's="999"', b"<!--", b"-->",
    b"<![CDATA[", b"]]>", b"\x00", b'ref="', b'<mergeCell ref="A1:ZZ100"/>', b"",
)  # fmt: skip
VALUES = (b"nan", b"inf", b"1e999", b"-5", b"", b" 7 ", b"1_0", b"0x10", b"&#0;", b"&#x41;", b"99")


def damaged(part: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(part) + 1)
    kind = draw.randrange(5)
    if kind == 0:
        return part[:at] + draw.choice(PIECES) + part[at:]
    if kind == 1:
        return part[:at] + part[at + draw.randrange(1, 30) :]
    if kind == 2:
        other = draw.randrange(len(part) + 1)
        return part[:at] + part[other : other + draw.randrange(1, 60)] + part[at:]
    form, given = (rb'"[^"<>]*"', PIECES) if kind == 3 else (rb">[^<>]+<", VALUES)
    found = list(re.finditer(form, part))
    if not found:
        return part
    chosen = draw.choice(found)
    said = draw.choice(given).replace(b"<", b"").replace(b'"', b"")
    return part[: chosen.start() + 1] + said + part[chosen.end() - 1 :]


@pytest.mark.parametrize("seed", range(4))
def test_damage_at_random_places(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    with zipfile.ZipFile(rich(tmp_path / "whole.xlsx")) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    names = [name for name in whole if name.endswith((".xml", ".rels"))]
    book, filled = tmp_path / "treasury.xlsx", 0
    refused: list[str] = []
    for _ in range(60):
        parts = dict(whole)
        for name in draw.choices(
            names, [9 if name == SHEET else 1 for name in names], k=draw.choice((1, 1, 2))
        ):
            parts[name] = damaged(parts[name], draw)
        with zipfile.ZipFile(book, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
        before = snapshot(tmp_path)
        try:
            fill(target_of(book, save_as=tmp_path / "filled.xlsx"), PLAN, SUMMARY, PROVENANCE)
            (tmp_path / "filled.xlsx").unlink()
            filled += 1
        except (InputError, WorkbookError) as error:
            refused.append(str(error))
        assert snapshot(tmp_path) == before
        with contextlib.suppress(InputError):
            assert all(math.isfinite(line) for line in pull(target_of(book)).line)
    assert filled > 10
    assert len(refused) > 10
    assert not [said for said in refused if "please report this" in said]


# What such damage has found --------------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return simple(tmp_path / "treasury.xlsx")


def refusal(book: Path, part: str, change: Callable[[bytes], bytes]) -> str:
    with_parts(book, {part: change})
    before = snapshot(book.parent)
    with pytest.raises(InputError) as caught:
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert snapshot(book.parent) == before
    return str(caught.value)


@pytest.mark.parametrize("said", [b"nan", b"inf", b"1e999", b"1_0", b"0x10"])
def test_numbers_that_are_none_are_not_read_as_lines(book: Path, said: bytes) -> None:
    with_parts(book, {SHEET: lambda xml: xml.replace(b"<v>10</v>", b"<v>%s</v>" % said, 1)})
    with pytest.raises(InputError, match=r"cell D4 holds .* which is no number"):
        pull(target_of(book))


def test_a_cell_that_held_no_number_stays_as_it_is(book: Path) -> None:
    with_parts(book, {SHEET: lambda xml: re.sub(rb'(<c r="D8"[^>]*><v>)[^<]*', rb"\1nan", xml)})
    fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
    assert cells(book, "Allocation")["D4"] == 20.5


@pytest.mark.parametrize("end", [b'f>"/>', b'/row>"/>', b'/c>"/>'])
def test_a_cell_whose_end_is_not_to_be_found(book: Path, end: bytes) -> None:
    assert "is damaged" in refusal(
        book, SHEET, lambda xml: xml.replace(b"</row>", b'<c r="G3" s="' + end + b"</row>", 1)
    )


def test_numbers_of_sheets_that_are_none(book: Path) -> None:
    with_parts(book, {"xl/workbook.xml": lambda xml: xml.replace(b'sheetId="2"', b'sheetId="two"')})
    with contextlib.suppress(InputError):
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
        assert "lendplan" in cells(book, "lendplan")["A1"]


def test_relationships_without_a_namespace(book: Path) -> None:
    namespace = b' xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
    with_parts(book, {RELATIONS: lambda xml: xml.replace(namespace, b"")})
    with contextlib.suppress(InputError):
        fill(target_of(book), PLAN, SUMMARY, PROVENANCE)
        assert "lendplan" in cells(book, "lendplan")["A1"]


def test_a_workbook_that_the_second_reader_cannot_read(book: Path) -> None:
    """It is the workbook that is at fault, and not what was written to it."""
    said = refusal(book, SHEET, lambda xml: xml.replace(b'<c r="C4" t="s"', b'<c r="C4" t="strange"', 1))
    assert "is damaged: " in said
    assert "open it in a spreadsheet program and save it" in said
