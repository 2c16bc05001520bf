"""The rating report: its points add up, nothing in it is obeyed, and it needs nothing but itself."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from lendplan.data.sources import InputRecord
from lendplan.rating.card import page as cardhtml
from lendplan.rating.card.card import (
    AgencyLine,
    Basis,
    Card,
    CardIndicator,
    GuaranteeLine,
    HistoryLine,
    ModelStamp,
    card_indicators,
)
from lendplan.rating.card.page import card_html
from lendplan.rating.card.text import card_text
from lendplan.rating.card.words import figure, headline, points
from lendplan.rating.indicators.catalogue import Indicator
from lendplan.rating.records import Indicators

HOSTILE = "<script>alert(1)</script>&\"'\u202egnp.exe\x1b[2J"
CHINESE = "重庆某某机电设备有限公司"

# All are exact in binary: 73 + 8.125 + 4.5 + 2.25 − 3.5 − 6.75 − 0.125 + 0 = 77.5
CONTRIBUTIONS = (
    ("daily_profit", 8.125),
    ("return_share", 0.0),
    ("customers", 4.5),
    ("trend", 2.25),
    ("void_share", -3.5),
    ("largest_customer_share", -6.75),
    ("silent_months", -0.125),
)


def a_card(**fields: Any) -> Card:
    given: dict[str, Any] = {
        "enterprise": "S0007",
        "name": CHINESE,
        "grade": "B",
        "how": "given",
        "reason": "given; forecast C",
        "grade_forecast": "C",
        "grade_probabilities": (("A", 0.125), ("B", 0.25), ("C", 0.5), ("D", 0.125)),
        "default_probability": 0.0312,
        "default_probability_own": 0.0874,
        "loss_given_default": 0.4,
        "risk_weight": 0.01248,
        "risk_index": 0.00712,
        "score": 77.5,
        "base": 73.0,
        "contributions": CONTRIBUTIONS,
        "indicators": (
            CardIndicator("daily_profit", "currency a day", "more", 12345.6, 2345.0, 0.83, "What is left."),
            CardIndicator("void_share", "1", "less", 0.1745, 0.0625, 0.91),
            CardIndicator("tax_rate", "1", "none", 0.13, 0.09, 0.6),
            CardIndicator("trend", "1 a month", "more", math.nan, 0.01, math.nan),
        ),
        "basis": Basis(
            files=(InputRecord("invoices", "book/发票.xlsx", "ab" * 32, None, "销项发票信息"),),
            sales=1200,
            purchases=980,
            void_sales=31,
            void_purchases=8,
            first_day="2024-01-03",
            last_day="2026-12-30",
            days=1093,
            remarks=("12 exact duplicates were left out.",),
        ),
        "agencies": (AgencyLine("中诚信", "A+", "B", "2026-05-01", "older than 180 days"),),
        "guarantees": (GuaranteeLine("professional guarantor", "渝担保", 500_000.0, 0.1, "counts 450,000"),),
        "history": (
            HistoryLine("2025-12", "B", "C", 0.03, 71.2),
            HistoryLine("2026-06", "B", "", 0.04, math.nan),
        ),
        "model": ModelStamp("cd" * 32, "2026-12-31", 2027, "0.2.0"),
    }
    return Card(**(given | fields))


class Page(HTMLParser):
    """What a reader of the page finds: tags, attributes and text."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


# -------------------------------------------------------------------------------------------------------- adds up
def test_contributions_have_to_add_up() -> None:
    assert a_card(score=77.5 + 9e-10).score > 77.5
    with pytest.raises(ValueError, match=r"score of 'S0007' is 77\.50000001, and its parts add up to 77\.5"):
        a_card(score=77.50000001)
    with pytest.raises(ValueError, match="add up"):
        a_card(base=math.nan)


@pytest.mark.parametrize(
    "fields",
    [
        {"default_probability": 1.2},
        {"default_probability_own": -0.1},
        {"loss_given_default": 40.0},
        {"grade_probabilities": (("A", 1.5), ("B", -0.5))},
        {"grade_probabilities": (("A", 0.5), ("B", 0.4))},
        {"grade_probabilities": (("A", math.nan), ("B", 0.4))},
    ],
)
def test_what_is_no_probability_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="probabilit"):
        a_card(**fields)


def test_raised_and_lowered_are_all_of_it() -> None:
    card = a_card()
    assert [name for name, _ in card.raised] == ["daily_profit", "customers", "trend"]
    assert [name for name, _ in card.lowered] == ["largest_customer_share", "void_share", "silent_months"]
    assert card.untouched == ("return_share",)
    assert card.base + sum(one for _, one in (*card.raised, *card.lowered)) == card.score


# ----------------------------------------------------------------------------------------------- beside the book
# Five enterprises with 1, 2, 2, 4 and nothing. Of the other three known, the second 2 has one below and one equal:
# (1 + 0.5) / 3 = 0.5. The median of 1, 2, 2, 4 is 2.
def test_indicators_beside_the_book_by_hand() -> None:
    values = np.array([[1.0, 9.0], [2.0, 9.0], [2.0, 9.0], [4.0, 9.0], [np.nan, 9.0]])
    book = Indicators(("a", "b", "c", "d", "e"), ("orders", "same"), values)
    catalogue = {
        "orders": Indicator("orders", "orders", "less", "counted", "ours", "How many.", "size"),
        "same": Indicator("same", "1", "more", "9", "ours", "Nine.", "size"),
    }
    orders, same = card_indicators(book, "c", catalogue)
    assert (orders.value, orders.median, orders.percentile) == (2.0, 2.0, 0.5)
    assert orders.standing == "better than 50% of the book"
    assert (same.value, same.percentile, same.description) == (9.0, 0.5, "Nine.")
    best, _ = card_indicators(book, "a", catalogue)
    assert (best.percentile, best.standing) == (0.0, "better than 100% of the book")
    blank, _ = card_indicators(book, "e", catalogue)
    assert math.isnan(blank.value)
    assert blank.standing == "not defined"
    with pytest.raises(KeyError):
        card_indicators(book, "z", catalogue)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (12345.6, "12,346"),
        (-12.0, "−12"),
        (0.0, "0"),
        (0.17449, "0.174"),
        (-0.25, "−0.25"),
        (0.00012345, "1.23e−04"),
        (math.nan, "–"),
    ],
)
def test_figures_are_written_as_one_reads_them(value: float, written: str) -> None:
    assert figure(value) == written


@pytest.mark.parametrize(("value", "written"), [(8.126, "+8.13"), (-0.125, "−0.12"), (0.0, "0.00")])
def test_points_have_a_sign(value: float, written: str) -> None:
    assert points(value) == written


def test_headline_says_where_the_grade_is_from() -> None:
    assert (
        headline(a_card())
        == "Grade B, given by the bank, and not changed by the model; the model would say C."
    )
    assert headline(a_card(grade="C", how="forecast")) == "Grade C, forecast by the model."
    assert headline(a_card(how="agency")).startswith("Grade B, taken from a third-party rating")
    unrated = Card("S1", reason="no valid invoice on either side")
    assert headline(unrated) == "Not rated: no valid invoice on either side"


# ----------------------------------------------------------------------------------------------------------- text
def test_text_says_it_all() -> None:
    text = card_text(a_card())
    for words in (
        f"Rating report: S0007  {CHINESE}",
        "What raised the score (+14.88)",
        "+8.12  daily profit",
        "What lowered the score (−10.38)",
        "−6.75  largest customer share",
        "daily profit, currency a day",
        "better than 9% of the book (less is better)",
        "Not defined: trend.",
        "1,200 sales invoices, 31 of them void; 980 purchase invoices, 8 of them void.",
        "They cover 1,093 days, 2024-01-03 to 2026-12-30.",
        "12 exact duplicates were left out.",
        f"book/发票.xlsx#销项发票信息  sha256 {'ab' * 32}",
        f"Rated by model {'cd' * 32}, fitted 2026-12-31, seed 2027, lendplan 0.2.0",
        "中诚信: A+, that is grade B, of 2026-05-01; older than 180 days",
        "professional guarantor by 渝担保: 500,000, haircut 10.00 %; counts 450,000",
        "2026-06: grade B, forecast –, default probability 4.00 %, score –",
        "How it may be appealed",
    ):
        assert words in text, words


def test_base_is_told_as_a_starting_point_and_no_mean() -> None:
    words = "starting point, before anything is known of this enterprise"
    for report in (card_text(a_card()), card_html(a_card())):
        assert words in " ".join(report.replace("&#x27;", "'").split())
        assert "mean of those" not in report
        assert "on average" not in report
        assert "within a year" not in report


def test_text_adds_up_what_it_leaves_out() -> None:
    many = tuple((f"indicator_{number:02d}", 0.5) for number in range(12))
    text = card_text(a_card(contributions=many, score=79.0))
    assert text.count("+0.50") == 8
    assert "+2.00  4 others together" in text


def test_no_name_commands_the_terminal() -> None:
    text = card_text(a_card(name=HOSTILE, reason=HOSTILE))
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert "<script>alert(1)</script>&\"'\ufffdgnp.exe\ufffd[2J" in text


# ----------------------------------------------------------------------------------------------------------- HTML
def test_page_is_well_formed_and_asks_for_nothing() -> None:
    source = card_html(a_card())
    page = Page(source)
    assert page.open == []
    assert page.of("script") == page.of("link") == page.of("img") == page.of("iframe") == page.of("a") == []
    assert re.findall(r"https?:|//[a-z]|url\(|@import|\bsrc=|\bhref=", source) == []
    policy = next(one for one in page.of("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_page_can_be_read_aloud() -> None:
    page = Page(card_html(a_card()))
    assert page.of("html") == [{"lang": "en"}]
    assert len(page.of("h1")) == 1
    headings = [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert set(headings[1:]) == {"h2"}
    assert len(page.of("caption")) == len(page.of("table")) >= 7
    assert all(one.get("scope") in {"col", "row"} for one in page.of("th"))
    (chart,) = page.of("svg")
    assert chart["role"] == "img"
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert set(str(chart["aria-labelledby"]).split()) <= ids


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2: 0.2126 R + 0.7152 G + 0.0722 B of the linear parts."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", [cardhtml.INK, cardhtml.QUIET, cardhtml.RAISED, cardhtml.LOWERED])
def test_colours_stand_out_from_the_paper(colour: str) -> None:
    assert luminance(cardhtml.PAPER) == pytest.approx(1)
    assert (luminance(cardhtml.PAPER) + 0.05) / (luminance(colour) + 0.05) >= 4.5


def test_every_contribution_is_on_the_page() -> None:
    many = tuple((f"indicator_{number:02d}", 0.25 * (number - 15)) for number in range(40))
    card = a_card(contributions=many, score=73 + sum(one for _, one in many))
    page = Page(card_html(card))
    for name, one in many:
        assert name.replace("_", " ") in page.texts
        assert points(one) in page.texts
    # Ten bars a side, and the rest in one each: 24 raise, 15 lower, one does neither.
    assert len(page.of("rect")) == 22
    assert "14 others" in page.texts
    assert "5 others" in page.texts


def test_bars_are_as_long_as_their_points() -> None:
    page = Page(card_html(a_card()))
    widths = [float(str(one["width"])) for one in page.of("rect")]
    assert len(widths) == 6
    shares = np.array([8.125, 4.5, 2.25, 6.75, 3.5, 0.125]) / 8.125
    np.testing.assert_allclose(np.array(widths) / widths[0], shares, atol=1e-4)


@pytest.mark.parametrize(
    "fields",
    [
        {"enterprise": HOSTILE},
        {"name": HOSTILE},
        {"reason": HOSTILE},
        {"grade": HOSTILE},
        {"grade_forecast": HOSTILE},
        {"appeal": HOSTILE},
        {"grade_probabilities": ((HOSTILE, 1.0),)},
        {"contributions": ((HOSTILE, 4.5),)},
        {"contributions": ((HOSTILE, -4.5),), "score": 68.5},
        {"contributions": ((HOSTILE, 0.0), ("a", 4.5))},
        {"indicators": (CardIndicator(HOSTILE, HOSTILE, "more", 1.0, 2.0, 0.5, HOSTILE),)},
        {"basis": Basis((InputRecord("invoices", HOSTILE, HOSTILE, None, HOSTILE),), remarks=(HOSTILE,))},
        {"agencies": (AgencyLine(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE),)},
        {"guarantees": (GuaranteeLine(HOSTILE, HOSTILE, 1.0, 0.1, HOSTILE),)},
        {"history": (HistoryLine(HOSTILE, HOSTILE, HOSTILE, 0.1, 1.0),)},
        {"model": ModelStamp(HOSTILE, HOSTILE, 1, HOSTILE)},
    ],
)
def test_every_text_is_only_text(fields: dict[str, Any]) -> None:
    source = card_html(a_card(**({"score": 77.5} | fields)))
    page = Page(source)
    assert page.open == []
    assert page.of("script") == []
    assert "<script>alert(1)</script>&\"'" in page.text
    assert not {"\u202e", "\x1b"} & set(source)


def test_chinese_is_marked_as_chinese() -> None:
    source = card_html(a_card())
    assert f'<bdi><span lang="zh-Hans">{CHINESE}</span></bdi>' in source
    assert "Noto Sans CJK SC" in source


def test_what_is_not_defined_is_named_once() -> None:
    page = Page(card_html(a_card()))
    assert "Not defined: trend." in page.texts
    assert sum("1 a month" in text for text in page.texts) == 0
    bare = a_card(indicators=(CardIndicator("trend", "1 a month", "more", math.nan, math.nan, math.nan),))
    assert Page(card_html(bare)).open == []


def test_same_card_same_report() -> None:
    assert card_html(a_card()) == card_html(a_card())
    assert card_text(a_card()) == card_text(a_card())


def test_what_cannot_be_rated_has_its_report() -> None:
    card = Card("S0042", reason="all of its invoices are void", basis=Basis(sales=3, void_sales=3))
    text, page = card_text(card), Page(card_html(card))
    for found in (text, page.text):
        assert "Not rated: all of its invoices are void" in found
        assert "3 sales invoices, 3 of them void" in found
        assert "nan" not in found.lower()
    assert page.of("svg") == []
    assert "What raised" not in text
