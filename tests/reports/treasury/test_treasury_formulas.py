"""Formulas carried down, and references."""

from __future__ import annotations

import pytest

from lendplan.reports.treasury.formulas import carried_down
from lendplan.reports.treasury.references import area_of, cell_of, column_letters, column_number, split_sheet


@pytest.mark.parametrize(
    ("formula", "carried"),
    [
        ("D4*E4", "D7*E7"),
        ("$D$4*$E4+D$4", "$D$4*$E7+D$4"),
        ("SUM(A1:B4)", "SUM(A4:B7)"),
        ("SUM(4:6)+SUM($4:5)", "SUM(7:9)+SUM($4:8)"),
        ("'Q4 2027'!B4+Data4!C4", "'Q4 2027'!B7+Data4!C7"),
        ("'it''s A1'!B4", "'it''s A1'!B7"),
        ('IF(A4="A4","B""4",C4)', 'IF(A7="A4","B""4",C7)'),
        ("LOG10(A4)+ATAN2(A4,B4)", "LOG10(A7)+ATAN2(A7,B7)"),
        ("book[[#This Row],[A4]]*book[B4]+C4", "book[[#This Row],[A4]]*book[B4]+C7"),
        ("[1]Sheet1!A4", "[1]Sheet1!A7"),
        ("rate_A4+A4x+_A4", "rate_A4+A4x+_A4"),
        ("A1048576", "A#REF!"),
        ("4*2.5E4", "4*2.5E4"),
    ],
)
def test_relative_rows_move_and_all_else_stays(formula, carried):
    assert carried_down(formula, 3) == carried


def test_references():
    assert [column_letters(number) for number in (1, 26, 27, 702, 703, 16_384)] == [
        "A", "Z", "AA", "ZZ", "AAA", "XFD",
    ]  # fmt: skip
    assert all(column_number(column_letters(number)) == number for number in range(1, 16_385))
    assert cell_of("$B$17") == (17, 2)
    assert cell_of("b17") == (17, 2)
    assert [cell_of(one) for one in ("B0", "B", "17", "XFE1", "A1048577", "A1:B2", "R1C1")] == [None] * 7
    assert str(area_of("D9:A1")) == "A1:D9"
    assert area_of("A:B") is None
    assert split_sheet("'It''s'!$B$3") == ("It's", "$B$3")
    assert split_sheet("B3") == (None, "B3")
