"""Lines and rates that people changed, read back out of the workbook."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from treasurybooks import PLAN, PROVENANCE, SUMMARY, part, simple, target_of, with_parts

from lendplan.data.findings import InputError
from lendplan.reports.treasury.filling import fill
from lendplan.reports.treasury.pull import pull

SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return simple(tmp_path / "treasury.xlsx")


def edited(book: Path, changes: dict[str, str]) -> Path:
    """Give cells another content, as a person would."""
    import re

    def edit(xml: bytes) -> bytes:
        text = xml.decode()
        for reference, content in changes.items():
            style = re.search(rf'<c r="{reference}"( s="\d+")?', text)
            assert style is not None
            cell = f'<c r="{reference}"{style[1] or ""}{content}'
            text = re.sub(rf'<c r="{reference}"[^>]*?(?:/>|>.*?</c>)', lambda _, cell=cell: cell, text)
        return text.encode()

    return with_parts(book, {SHEET: edit})


def number(value: str) -> str:
    return f"><v>{value}</v></c>"


def text(value: str) -> str:
    return f' t="inlineStr"><is><t>{value}</t></is></c>'


def refusal(book: Path, ids=None, **options) -> str:
    with pytest.raises(InputError) as caught:
        pull(target_of(book, **options), ids)
    return str(caught.value)


def test_what_was_filled_comes_back(book):
    fill(target_of(book, factor=10_000.0), PLAN, SUMMARY, PROVENANCE)
    pulled = pull(target_of(book, factor=10_000.0), ["E1", "E2", "E4"])
    assert pulled.enterprise == ["E1", "E2", "E4"]
    assert pulled.line == [20.5, 30.0, 0.0]
    assert pulled.rate[:2] == [0.0585, 0.0425]
    assert math.isnan(pulled.rate[2])
    assert pulled.row == [4, 5, 7]
    assert pulled.unknown == ("E3", "E5")


def test_every_amount_survives_the_change_of_unit(book):
    lines = [0.1, 12.3, 1 / 3]
    rates = [0.0425, 0.1, 1 / 7]
    target = target_of(book, factor=1 / 0.3)
    fill(target, {"enterprise": ["E1", "E2", "E3"], "line": lines, "rate": rates}, SUMMARY, PROVENANCE)
    pulled = pull(target, ["E1", "E2", "E3"])
    assert pulled.line == pytest.approx(lines, rel=1e-14)
    assert pulled.rate == rates


def test_edits_are_read_as_people_write_them(book):
    edited(book, {"D4": number("25"), "E4": text("5.25%"), "D5": text("１,２００"), "D6": "/>", "E6": "/>"})
    pulled = pull(target_of(book))
    assert pulled.line[:3] == [25, 1200, 0]
    assert pulled.rate[0] == 0.0525
    assert math.isnan(pulled.rate[2])


def test_a_formula_with_a_result_is_read(book):
    edited(book, {"D4": "><f>5*6</f><v>30</v></c>"})
    assert pull(target_of(book)).line[0] == 30


def test_what_is_no_line_or_rate_is_said_all_at_once(book):
    edited(
        book,
        {
            "D4": text("ten"),
            "E4": number("4.25"),
            "D5": number("-5"),
            "E5": ' t="e"><v>#REF!</v></c>',
            "D6": "><f>1+1</f></c>",
            "E6": ' t="b"><v>1</v></c>',
            "E7": "/>",
        },
    )
    said = refusal(book)
    for what in (
        "cell D4: 'ten' is no number",
        "cell E4 holds 4.25; an annual rate is a fraction: did you mean 0.0425?",
        "cell D5 holds -5; a line is never negative",
        "cell E5 holds the error #REF!",
        "cell D6 holds a formula without a value",
        "cell E6: holds TRUE",
        "cell E7 is blank, and E4 has a line of 10",
    ):
        assert what in said
    assert said.count(f"{book}#Allocation") == 7


def test_repeated_and_lost_ids(tmp_path):
    book = simple(tmp_path / "a.xlsx", ["E1", "E1", 1234567890123456])
    said = refusal(book)
    assert "id 'E1' stands in B4, B5" in said
    assert "cell B6 1.23456789012346e+15 has more than 15 digits" in said


def test_headers_must_be_there(book):
    assert "names no header for 'rate'" in refusal(book, write={"授信额度": "line"})
    assert "has no header '利率'" in refusal(book, write={"授信额度": "line", "利率": "rate"})
    assert "has no sheet 'X'" in refusal(book, sheet="X")


def test_the_filled_copy_is_read_and_nothing_is_written(book):
    final = book.with_name("planned.xlsx")
    target = target_of(book, save_as=final)
    fill(target, PLAN, SUMMARY, PROVENANCE)
    before = final.read_bytes()
    final.with_name("~$planned.xlsx").touch()  # open elsewhere: what was saved last is read
    assert pull(target).line[0] == 20.5
    assert final.read_bytes() == before
    assert "<v>10</v>" in part(book, SHEET)
