"""Whether everybody can use the page: axe's rules, print, narrow and enlarged screens, Chinese letters."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from toldreports import enterprises, many_report, plan_report

Open = Callable[..., Any]
CHINESE = "杭州湾科技有限公司"
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "abc\u202edcba\u2066",
    "x" * 5_000,
    "two\nlines",
    "nul\0nul",
    "=1+1",
    "]]>&amp;<!--",
    "{{ 7*7 }}",
    "\ud800 lone",
    '" onmouseover="alert(1)',
)


def violations(opened: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(
        opened.page,
        options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    )
    assert len(found.response["passes"]) > 20
    return [
        f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}"
        for one in found.response["violations"]
    ]


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("kind", ["plan", "sweep", "frontier"])
def test_axe_finds_nothing(opened: Open, kind: str, width: int) -> None:
    report = (
        plan_report(enterprises(130, names=[f"{CHINESE}{row}" for row in range(130)]))
        if kind == "plan"
        else many_report(
            6, 40, kind="sweep" if kind == "sweep" else "frontier", failed=(1,) if kind == "sweep" else ()
        )
    )
    at = opened(report, viewport={"width": width, "height": 800})
    assert violations(at) == []
    if kind != "plan":
        at.page.locator("#next").click()
        at.page.locator("#points-table tbody tr").first.hover()
        assert violations(at) == []


def test_headings_are_in_order_and_tables_have_captions(opened: Open) -> None:
    at = opened(many_report(4, 40))
    levels = at.page.locator("h1, h2, h3").evaluate_all("found => found.map(one => one.tagName)")
    assert levels == ["H1", *["H2"] * (len(levels) - 1)]
    assert at.texts("h2") == [
        "Headline figures",
        "The points of the sweep",
        "Rate and line by grade",
        "Churn curves and the chosen rates",
        "Limits, and what they cost",
        "Enterprises",
        "What is proven",
        "What this rests on",
    ]
    assert at.page.locator("table").count() == at.page.locator("table > caption").count() == 5
    assert at.page.locator("thead th:not([scope=col]), tbody th:not([scope=row])").count() == 0
    assert at.page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize(
    "context",
    [
        {"viewport": {"width": 400, "height": 800}},
        {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
    ],
)
def test_only_tables_scroll_sideways(opened: Open, context: dict[str, Any]) -> None:
    names = ["wide" * 60, *(f"{CHINESE * 3}{row}" for row in range(49))]
    for report in (
        plan_report(enterprises(50, names=names), title="T" * 300),
        many_report(6, 40, failed=(1,)),
    ):
        at = opened(report, **context)
        wide = at.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide[0] <= wide[1]
        boxes = at.page.locator(".scroll").evaluate_all(
            "found => found.filter(one => one.scrollWidth > one.clientWidth).map(one => one.tabIndex)"
        )
        assert boxes
        assert set(boxes) == {0}


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_print_has_all_rows_that_match_and_no_controls(opened: Open) -> None:
    at = opened(many_report(5, 250))
    at.page.select_option("#decision", "=lend")
    lent = int(at.texts("#enterprises output")[0].split(" of ")[0])
    at.page.locator("#search").fill("S")
    at.page.emulate_media(media="print")
    at.page.wait_for_timeout(150)
    assert len(at.column(1)) == lent
    hidden = at.page.locator("button, input, select, .skip").evaluate_all(
        "found => found.filter(one => one.checkVisibility() && !one.closest('thead, tbody')).map(one => one.outerHTML)"
    )
    assert hidden == []
    # A button's text is not repeated with the head of a table on the next sheet; the text of the head itself is.
    heads = at.page.locator("thead button").evaluate_all(
        "found => found.map(one => getComputedStyle(one).display)"
    )
    assert set(heads) == {"contents"}
    assert at.page.locator(".chosen").is_visible()
    assert at.page.locator("#certificate-words").is_visible()
    at.page.emulate_media(media="screen")
    at.page.wait_for_timeout(50)
    at.page.select_option("#decision", "")
    at.page.wait_for_timeout(150)
    assert len(at.column(1)) == 100


def test_paper_gets_more_pages_for_more_enterprises(opened: Open) -> None:
    pages = []
    for rows in (20, 1_000):
        at = opened(plan_report(enterprises(rows)))
        pages.append(pages_of(at.page.pdf(format="A4")))
    assert pages[0] <= 6
    assert pages[1] >= 20


def width_of(page: Any, text: str) -> float:
    return float(
        page.evaluate(
            "text => { const pen = document.createElement('canvas').getContext('2d');"
            "pen.font = `40px ${getComputedStyle(document.body).fontFamily}`; return pen.measureText(text).width; }",
            text,
        )
    )


def has_chinese_font(page: Any) -> bool:
    """Whether letters are drawn as letters: two different ones differ, as two boxes for missing ones would not."""
    images = [
        page.evaluate(
            "text => { const made = document.createElement('canvas'); const pen = made.getContext('2d');"
            "pen.font = `40px ${getComputedStyle(document.body).fontFamily}`; pen.fillText(text, 10, 60);"
            "return made.toDataURL(); }",
            letter,
        )
        for letter in ("杭", "州", "\U000e0fff")
    ]
    return len(set(images)) == 3


def picture_of(page: Any, text: str) -> bytes:
    heading = page.locator("h1")
    heading.evaluate("(one, text) => { one.textContent = text; }", text)
    return bytes(heading.screenshot())


def test_chinese_names_are_drawn(opened: Open) -> None:
    at = opened(plan_report(enterprises(12, names=[CHINESE] * 12), title=CHINESE))
    if not has_chinese_font(at.page):
        pytest.skip("no font with Chinese letters on this machine")
    assert width_of(at.page, CHINESE) == pytest.approx(40 * len(CHINESE), rel=0.05)
    cell = at.page.locator("#enterprises tbody td bdi").first
    assert cell.inner_text() == CHINESE
    assert cell.get_attribute("lang") == "zh-Hans"
    assert at.page.locator("h1 bdi").get_attribute("lang") == "zh-Hans"
    drawn = {
        text: zlib.crc32(picture_of(at.page, text)) for text in (CHINESE[:3], "湾杭州", "\U000e0fff" * 3)
    }
    assert len(set(drawn.values())) == 3


@pytest.mark.parametrize("texts", [HOSTILE, tuple(reversed(HOSTILE))])
def test_hostile_texts_are_shown_and_do_nothing(opened: Open, texts: Sequence[str]) -> None:
    book = enterprises(len(texts), names=texts, grades=("A", "<b>B</b>", "D"))
    report = plan_report(book, title=texts[0])
    points = [
        replace(
            report.points[0], told=replace(report.shown, certificate=texts, command="optimize verify '<b>'")
        )
    ]
    report = replace(report, points=points, facts={text: text for text in texts}, money=texts[1])
    at = opened(report)
    names = at.texts("#enterprises tbody td:nth-child(2)")
    assert "<script>alert(1)</script>" in names
    assert "two lines" in names
    assert "abc\ufffddcba\ufffd" in names
    assert "nul\ufffdnul" in names
    assert "{{ 7*7 }}" in names
    assert max(map(len, names)) == 200
    assert (
        at.page.locator("script").count()
        == at.page.locator("script[type^=text], script[type^=application]").count() + 1
    )
    assert at.page.locator("img, b, iframe, object, [onerror], [onmouseover]").count() == 0
    for width in (1280, 400):
        at.page.set_viewport_size({"width": width, "height": 800})
        assert at.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_motion_is_left_out_where_it_is_not_wanted(opened: Open) -> None:
    at = opened(plan_report(enterprises(5)), reduced_motion="reduce")
    assert at.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_long_names_of_grades_leave_the_figures_in_view(opened: Open) -> None:
    at = opened(plan_report(enterprises(40, grades=("A" * 190, "B", "C", "D"))))
    wide = at.page.locator("#grades-table th.label").first.bounding_box()["width"]
    assert wide < 260
    short = at.page.locator("#grades-table th.label").nth(1).bounding_box()["height"]
    assert short < 40
