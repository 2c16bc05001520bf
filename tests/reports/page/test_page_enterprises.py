"""The table of enterprises in a browser: searched, filtered, sorted, a page at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toldreports import enterprises, many_report, plan_report, told_at, told_of

Open = Callable[..., Any]


def test_search_finds_ids_names_grades_decisions_and_reasons(opened: Open) -> None:
    names = [f"杭州{row}号科技有限公司" if row % 3 == 0 else f"Ａcme-{row}" for row in range(130)]
    book = enterprises(130, names=names)
    at = opened(plan_report(book))
    rows = at.page.locator("#enterprises tbody tr")

    def found(words: str) -> list[str]:
        at.page.locator("#search").fill(words)
        at.page.wait_for_timeout(200)
        at.page.locator("#enterprises output").wait_for()
        return at.column(1)

    assert found("s00077") == ["S00077"]
    assert found("杭州12") == ["S00013", "S00121", "S00124", "S00127", "S00130"]
    assert found("acme-76") == ["S00077"]  # a full-width Ａ is an A
    excluded = found("excluded grade D")
    assert excluded == [
        f"S{row + 1:05d}" for row in np.flatnonzero(book.decision.equals("excluded")).tolist()
    ]
    assert at.texts("#enterprises output") == [f"{len(excluded)} of 130 enterprises"]
    assert found("no such thing") == []
    assert at.texts("#enterprises .place") == [""] or at.page.locator("#enterprises .pager").is_hidden()
    assert len(found("")) == 100
    assert rows.first.locator("bdi[lang=zh-Hans]").count() == 1


def test_the_decision_and_the_grade_filter(opened: Open) -> None:
    book = enterprises(80)
    at = opened(plan_report(book))
    lent = np.flatnonzero(book.lent)
    assert f"lend ({len(lent)})" in at.page.locator("#decision option").all_inner_texts()
    at.page.select_option("#decision", "=lend")
    assert at.column(1) == [f"S{row + 1:05d}" for row in lent.tolist()]
    at.page.select_option("#grade", "=B")
    assert at.column(1) == [
        f"S{row + 1:05d}" for row in np.flatnonzero(book.lent & book.grade.equals("B")).tolist()
    ]


def test_a_filter_stays_when_another_point_is_chosen(opened: Open) -> None:
    report = many_report(3, 80)
    at = opened(report)
    at.page.select_option("#decision", "=lend")
    at.page.locator("#next").click()
    at.await_point(2)
    lent = np.flatnonzero(told_at(report, 1).enterprises.lent)
    assert at.column(1) == [f"S{row + 1:05d}" for row in lent.tolist()]


@pytest.mark.parametrize(("title", "at_column"), [("Line", 5), ("Rate", 4), ("Expected loss", 7)])
def test_numbers_sort_both_ways_with_blanks_last(opened: Open, title: str, at_column: int) -> None:
    book = enterprises(90)
    at = opened(plan_report(book))
    header = at.page.get_by_role("button", name=title, exact=True)
    for direction in ("descending", "ascending"):
        header.click()
        cells = at.column(at_column)
        values = [float(cell.replace(",", "").removesuffix(" %")) for cell in cells if cell != "–"]
        assert values == sorted(values, reverse=direction == "descending")
        assert cells == [*cells[: len(values)], *["–"] * (len(cells) - len(values))]
        assert header.locator("xpath=..").get_attribute("aria-sort") == direction
    assert (title == "Rate") == ("–" in cells)


def test_texts_sort_both_ways_with_blanks_last_and_numbers_in_them_as_numbers(opened: Open) -> None:
    names = ["beta 10", "", "Alpha", "beta 9", "", "gamma", "杭州", "álvaro"]
    at = opened(plan_report(enterprises(8, names=names)))
    header = at.page.get_by_role("button", name="Name", exact=True)
    header.click()
    assert at.column(2) == ["Alpha", "álvaro", "beta 9", "beta 10", "gamma", "杭州", "", ""]
    assert at.page.locator("th[aria-sort]").count() == 1
    header.click()
    assert at.column(2) == ["杭州", "gamma", "beta 10", "beta 9", "álvaro", "Alpha", "", ""]


def test_every_column_sorts(opened: Open) -> None:
    at = opened(plan_report(enterprises(40, names=[f"N{row}" for row in range(40)])))
    for button in at.page.locator("#enterprises thead button").all():
        button.click()
        assert button.locator("xpath=..").get_attribute("aria-sort") in ("ascending", "descending")
        assert at.page.locator("#enterprises tbody tr").count() == 40


def test_a_page_holds_a_hundred_rows(opened: Open) -> None:
    at = opened(plan_report(enterprises(250)))
    assert len(at.column(1)) == 100
    assert at.texts("#enterprises .place") == ["1 to 100 of 250"]
    at.page.get_by_role("button", name="Next", exact=True).click()
    assert at.column(1)[0] == "S00101"
    at.page.get_by_role("button", name="Last").click()
    assert at.texts("#enterprises .place") == ["201 to 250 of 250"]
    assert len(at.column(1)) == 50
    at.page.get_by_role("button", name="Next", exact=True).press("Enter")
    assert at.texts("#enterprises .place") == ["201 to 250 of 250"]
    at.page.get_by_role("button", name="First").click()
    assert at.column(1)[0] == "S00001"
    at.page.locator("#search").fill("S0024")
    at.await_text("#enterprises output", "^10 of 250")
    assert at.page.locator("#enterprises .pager").is_hidden()


def test_ten_thousand_enterprises_are_searched_and_sorted_at_once(opened: Open) -> None:
    at = opened(plan_report(enterprises(10_000)))
    timed = """() => {
        const began = performance.now();
        document.querySelectorAll('#enterprises thead button')[4].click();
        return performance.now() - began;
    }"""
    assert at.page.evaluate(timed) < 2_000
    at.page.locator("#search").fill("S09999")
    at.await_text("#enterprises output", "^1 of 10,000")
    assert at.column(1) == ["S09999"]


def test_points_of_other_books_have_their_own_enterprises(opened: Open) -> None:
    report = many_report(2, 20)
    other = told_of(enterprises(35, seed=9, names=[f"公司{row}" for row in range(35)]))
    points = [report.points[0], replace(report.points[1], told=other)]
    at = opened(replace(report, points=points))
    assert at.texts("#enterprises thead th")[1] == "Grade"
    at.page.locator("#next").click()
    at.await_point(2)
    assert at.texts("#enterprises thead th")[1] == "Name"
    assert len(at.column(1)) == 35
