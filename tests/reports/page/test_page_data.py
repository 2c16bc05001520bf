"""What stands in the page without a browser: its data, its size, what it leaves out and says so."""

from __future__ import annotations

import html as html_text
import json
import re
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toldreports import enterprises, many_report, plan_report, told_at, told_of

from lendplan.data.texts import Texts
from lendplan.reports.contents import Report
from lendplan.reports.page import words
from lendplan.reports.page.columns import coded_texts, digits_for, packed, rounded, unpacked
from lendplan.reports.page.headlines import digits_of
from lendplan.reports.page.page import page
from lendplan.reports.page.sections import PageError, cards, environment
from lendplan.reports.page.texts import clean
from lendplan.reports.tables import LimitState

AMPLE = 10**9


def blocks_in(text: str) -> dict[str, Any]:
    found = re.findall(r'<script type="text/plain" id="block-([\w-]+)">([^<]*)</script>', text)
    return {name: unpacked(data) for name, data in found}


def spelled(column: dict[str, list[Any]]) -> list[Any]:
    return [column["values"][code] for code in column["codes"]]


def test_the_blocks_hold_what_the_plan_decides() -> None:
    book = enterprises(40, names=[f"杭州{row}" for row in range(40)])
    found = blocks_in(page(plan_report(book)))
    assert sorted(found) == ["book-0", "detail-0", "heads", "index", "money-0", "reasons-0", "rows-0"]
    assert found["book-0"]["enterprise"] == book.enterprise.tolist()
    assert found["book-0"]["name"] == book.name.tolist()  # type: ignore[union-attr]
    assert spelled(found["book-0"]["grade"]) == book.grade.tolist()
    assert spelled(found["rows-0"]["decision"]) == book.decision.tolist()
    assert found["rows-0"]["line"] == book.line.tolist()
    assert spelled(found["reasons-0"]) == book.reason.tolist()
    rates = spelled(found["rows-0"]["rate"])
    assert [rate is None for rate in rates] == np.isnan(book.rate).tolist()
    assert [rate for rate in rates if rate is not None] == book.rate[book.lent].tolist()
    assert found["money-0"]["revenue"] == pytest.approx(book.revenue.tolist(), abs=0.005)


def test_every_point_has_its_own_blocks_and_one_book() -> None:
    report = many_report(5, 30, failed=(2,))
    found = blocks_in(page(report))
    assert {name.split("-")[1] for name in found if name.startswith("rows")} == {"0", "1", "3", "4"}
    assert [name for name in found if name.startswith("book")] == ["book-0"]
    assert found["index"]["has"] == [1, 1, 0, 1, 1]
    assert found["index"]["errors"][2] == "the budget and grade C contradict each other"
    assert found["index"]["swept"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert found["heads"][2] is None
    for at in (0, 1, 3, 4):
        told = told_at(report, at)
        assert found[f"rows-{at}"]["line"] == told.enterprises.line.tolist()
        assert f"{told.summary['line']:,.2f}" in found["heads"][at]
        assert [row[2] for row in found[f"detail-{at}"]["grades"]] == [one.line for one in told.grades]


def test_the_same_report_gives_the_same_page() -> None:
    assert page(many_report(3, 50)) == page(many_report(3, 50))


HOSTILE = (
    "<script>alert(1)</script>", "</script><script>alert(2)", "a\u202eb", "x" * 5_000, "two\r\nlines",
    "nul\0", "\ud800",
)  # fmt: skip


def test_texts_of_others_are_escaped_and_the_data_are_strict_json() -> None:
    book = replace(
        enterprises(len(HOSTILE)), name=Texts.of(HOSTILE), reason=Texts.of(HOSTILE), grade=Texts.of(HOSTILE)
    )
    told = told_of(book)
    report = plan_report(book, title=HOSTILE[1])
    point = replace(report.points[0], told=replace(told, certificate=HOSTILE), label=HOSTILE[0])
    report = replace(
        report, points=[point, point], kind="sweep", swept=("<k>",), facts={one: one for one in HOSTILE}
    )
    text = page(report)
    text.encode()
    assert text.count("<script") == text.count("</script>") == 2 + len(blocks_in(text))
    assert "alert(1)</script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert not set(text) & set("\0\r\u202e\ud800")
    names = blocks_in(text)["book-0"]["name"]
    assert names[2:] == ["a\ufffdb", "x" * 199 + "…", "two lines", "nul\ufffd", "\ufffd"]
    assert json.dumps(blocks_in(text), allow_nan=False)


def test_nothing_outside_is_named() -> None:
    text = page(many_report(3, 20, kind="frontier"))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;") or policy[1].startswith("default-src 'none'")
    assert "unsafe-inline" not in policy[1].split("script-src")[1]
    assert not re.findall(r"""(?:src|href|action)\s*=\s*["'](?!data:,|#)[^"']*""", text)
    assert not re.findall(r"https?://(?!www\.w3\.org/(?:2000/svg|1999/xlink))", text)
    assert "@import" not in text
    assert "url(" not in text.replace("url(#", "")


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gain_of_a_limit_is_told_in_words(weighted: bool) -> None:
    report = plan_report(enterprises(40), weighted=weighted)
    text = html_text.unescape(page(report))
    if weighted:
        assert "one more unit allowed adds at most 0.0005 to the objective" in text
        assert "The objective is weighted and has no unit" in text
        assert "Objective, no unit" in text
    else:
        assert "one more unit allowed earns at most 0.02257 a year (2.26 % of it)" in text
        assert "has no unit" not in text
    share = 0.0031 * 0.01 * report.shown.summary["line"]
    assert f"one percentage point less asked for {'adds' if weighted else 'earns'} about {share:.4g}" in text
    assert "60 to 2,165" in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "No plan is better."),
        ({"objective": 0.2965, "bound": 0.3024, "gap": 0.0059}, "No plan is better by more than 1.99 %."),
        ({"status": "feasible", "objective": 10, "bound": 10.5}, "a plan better by up to 5 % may exist."),
        (
            {"status": "feasible", "objective": 0.0, "bound": 0.5},
            "better by up to 0.5 in the objective may exist.",
        ),
        (
            {"gap": None, "bound": None, "objective": 10, "certified_bound": 11.70001},
            "It is the best that its two stages can do, within the gap asked for. A joint plan is worth at most "
            "11.71, at most 17.1 % more than this one.",
        ),
        (
            {"status": "feasible", "gap": None, "bound": None, "objective": 10, "certified_bound": 10},
            "9.64. A joint plan is worth at most 10, no more than this one.",
        ),
        ({"gap": None, "certified_gap": None, "bound": None, "certified_bound": None}, "Nothing is proven"),
        ({"funded": 0, "average_rate": None}, "None of 34 eligible enterprises gets a loan."),
        ({"status": "infeasible"}, "This allocation breaks a limit."),
    ],
)
def test_the_result_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    report = plan_report(enterprises(44))
    summary = {**report.shown.summary, **change, "eligible": 34}
    told = replace(report.shown, summary=summary)
    text = html_text.unescape(page(replace(report, points=[replace(report.points[0], told=told)]), []))
    found = re.search(r'<p class="result">(.*?)</p>', text, re.DOTALL)
    assert found is not None
    assert sentence in found[1]


def test_numbers_are_rounded_as_they_are_shown() -> None:
    assert digits_for(np.array([0.0, 5.0, 20.0])) == 0
    assert digits_for(np.array([0.533, 0.2, 0.0])) == 3
    assert digits_for(np.array([123.4, 150.2])) == 0
    assert digits_for(np.array([1e-7, 2e-7])) == 9
    assert digits_for(np.array([np.nan])) == 0
    assert rounded(np.array([1.23456, np.nan, np.inf, 2.0, -0.0]), 2) == [1.23, None, None, 2, 0]
    column = coded_texts(Texts.of(["b", "a", "b", "c"]), np.array([0, 1, 2]), 10)
    assert column == {"values": ["a", "b"], "codes": [1, 0, 1]}
    assert unpacked(packed({"a": [1, None, "杭"]})) == {"a": [1, None, "杭"]}
    with pytest.raises(ValueError, match="JSON"):
        packed([float("nan")])


def test_a_report_of_texts_in_sweeps_and_booleans() -> None:
    report = many_report(3, 20)
    kinds = ["5 %", True, None]
    points = [replace(point, values={"k": value}) for point, value in zip(report.points, kinds, strict=True)]
    swept: Report = replace(report, points=points, swept=("k",))
    column = blocks_in(page(swept))["index"]["columns"][0]
    assert column == {"title": "k", "kind": "text", "values": ["5 %", "true", "–"]}


def test_without_jinja_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(PageError, match=r"pip install 'lendplan\[report\]'"):
        page(plan_report(enterprises(3)), [])


def with_summary(report: Report, **change: Any) -> Report:
    told = replace(report.shown, summary={**report.shown.summary, **change})
    return replace(report, points=[replace(report.points[0], told=told)])


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({}, "proven; no plan has more"),
        ({"objective": 512.341, "bound": 512.351}, "proven; no plan has more than 512.4"),
        ({"status": "feasible", "objective": 9999.6, "bound": 9999.7}, "not proven; no plan has more than 10,000"),
        ({"bound": None, "certified_bound": 600.01},
         "the best of its two stages, within the gap asked for; a joint plan is worth at most 600.1"),
        ({"bound": None, "certified_bound": None, "status": "feasible"}, "not proven; no bound is known"),
        ({"status": "infeasible", "objective": 9, "bound": 8}, "breaks a limit; no plan has more than 8"),
    ],
)  # fmt: skip
def test_the_note_of_the_objective(change: dict[str, Any], note: str) -> None:
    card = cards(with_summary(plan_report(enterprises(20)), **change).shown)[-1]
    assert card.note == note
    assert "e+" not in card.value


def test_a_price_that_ends_within_a_unit_says_where() -> None:
    told = plan_report(enterprises(20), weighted=True).shown
    ceiling = LimitState("c", "line", 1, 3.0, 3.0, "amount", 0.0079, True, 3.0)
    floor = replace(ceiling, sense=-1)
    for state, ends, text in (
        (ceiling, (1.0, 3.01), "one more unit allowed adds at most 0.0079 to the objective; less above 3.01"),
        (ceiling, (1.0, 3.001), "at most 0.0079 to the objective; less above 3.001"),
        (ceiling, (1.0, 4.0), "one more unit allowed adds at most 0.0079 to the objective"),
        (floor, (2.5, None), "one unit less asked for adds at most 0.0079 to the objective; less below 2.5"),
        (replace(ceiling, unit="rate"), (None, 0.25), "to the objective; less after the first 0.25"),
    ):
        assert words.worth(state, replace(told, price_ranges={"c": ends})).endswith(text)


@pytest.mark.parametrize("weighted", [False, True])
def test_prices_of_two_stages_promise_nothing(weighted: bool) -> None:
    report = with_summary(plan_report(enterprises(20), weighted=weighted), bound=None, gap=None)
    text = html_text.unescape(page(report, []))
    assert "they do not bound what the two stages of this plan would gain" in text
    price = "0.0005<" if weighted else "0.02257 a year (2.26 % of it)<"
    assert f"one more unit allowed: a price of {price}" in text
    assert "adds at most" not in text
    assert "earns at most" not in text


def test_objectives_of_several_scales_are_said_not_to_compare() -> None:
    report = many_report(3, 20)
    assert "since revenue has another weight in each; compare revenue and expected loss" in page(report)
    same = [replace(point, values={"budget.total": at}) for at, point in enumerate(report.points)]
    assert words.comparable(replace(report, points=same)) == ""
    told = told_at(report, 2)
    other = replace(told, summary={**told.summary, "ranges": {**told.summary["ranges"], "risk_max": 90.0}})
    found = words.comparable(replace(report, points=[*same[:2], replace(same[2], told=other)]))
    assert "since each is normalised by its own ranges of revenue and risk; compare" in found
    assert words.comparable(plan_report(enterprises(5), weighted=True)) == ""


def test_lines_are_whole_only_where_all_lines_of_all_points_are() -> None:
    report = many_report(3, 20)
    assert digits_of(report)["line"] == 0
    told = told_at(report, 2)
    line = np.where(told.enterprises.line > 0, told.enterprises.line + 200.0, 0.0)
    line[np.argmax(line)] += 0.25
    last = replace(told, enterprises=replace(told.enterprises, line=line))
    assert (
        digits_of(replace(report, points=[*report.points[:2], replace(report.points[2], told=last)]))["line"]
        == 2
    )


def test_spaces_joiners_and_emoji_stay_and_marks_of_direction_go() -> None:
    for text in (
        "a\u00a0b", "杭州\u3000科技", "نمی\u200cخواهم", "क्\u200dष", "👩\u200d👩\u200d👧", "❤\ufe0f", "👍🏽",
        "\U0001f3f4\U000e0067\U000e0062\U000e007f",
    ):  # fmt: skip
        assert clean(text) == text
    for mark in "\u202e\u202a\u2066\u200e\u200f\u200b\ufeff\x00\U000e0041":
        assert clean(f"a{mark}b") == "a\ufffdb"


def test_the_file_of_allocations_is_the_one_that_is_there() -> None:
    report = plan_report(enterprises(5))
    assert "They are in allocations.csv." in page(report, [])
    point = replace(
        report.points[0], told=replace(report.shown, command="optimize verify 'my plans/points/0003'")
    )
    assert words.allocations(replace(report, points=[point])) == "allocations.parquet"
    for many in (many_report(3, 20), many_report(3, 20, kind="frontier")):
        text = page(many)
        assert "allocations.csv" not in text
        assert '<body data-allocations="allocations.parquet in the point’s folder">' in text
