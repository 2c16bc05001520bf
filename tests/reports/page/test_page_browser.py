"""The page in a browser: points are chosen, enterprises found, and nothing else happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toldreports import enterprises, many_report, plan_report, told_at

from lendplan.reports.contents import Report

Open = Callable[..., Any]


def shown_line(report: Report, at: int) -> str:
    return f"{told_at(report, at).summary['line']:,.2f}"


def test_a_click_on_a_point_shows_its_plan(opened: Open) -> None:
    report = many_report(9, 60, failed=(2,))
    at = opened(report)
    assert shown_line(report, 0) in at.texts("#headline .value")
    before = at.column(6)
    at.page.locator('figure[data-name="frontier"] [data-point="5"]').click()
    at.await_point(6)
    assert shown_line(report, 5) in at.texts("#headline .value")
    told = told_at(report, 5)
    lines = [f"{line:,.0f}" for line in told.enterprises.line.tolist()]
    assert at.column(5) == lines
    assert at.column(5) != before
    assert at.column(8) == told.enterprises.reason.tolist()
    grades = at.texts("#grades-table tbody th")
    assert grades == [one.grade for one in told.grades]
    assert at.texts("#grades-table tbody td:nth-child(3)") == [f"{one.funded:,}" for one in told.grades]
    bars = at.page.locator('figure[data-name="grades"] .bar').count()
    assert bars == sum(one.line > 0 for one in told.grades)
    assert at.page.evaluate("location.hash") == "#point=6"
    assert "revenue_weight 0.625" in at.page.locator("#said").inner_text()
    assert at.page.locator("[aria-current]").evaluate_all("found => found.map(one => one.tagName)") == [
        "g",
        "g",
        "TR",
    ]


def test_a_click_beside_a_point_takes_the_nearest_and_far_from_all_none(opened: Open) -> None:
    at = opened(many_report(9, 60))
    box = at.page.locator('figure[data-name="frontier"] [data-point="8"] .dot').bounding_box()
    at.page.mouse.click(box["x"] + box["width"] / 2 - 9, box["y"] + box["height"] / 2 + 6)
    at.await_point(9)
    canvas = at.page.locator('figure[data-name="frontier"] .overlay').bounding_box()
    at.page.mouse.click(canvas["x"] + 0.9 * canvas["width"], canvas["y"] + 0.7 * canvas["height"])
    at.page.wait_for_timeout(100)
    assert at.page.evaluate("location.hash") == "#point=9"


def test_points_at_one_place_are_taken_in_turn(opened: Open) -> None:
    report = many_report(4, 40)
    same = [report.points[0], report.points[1], report.points[1], report.points[3]]
    at = opened(replace(report, points=same))
    mark = at.page.locator('figure[data-name="frontier"] [data-point="1"] .halo').bounding_box()
    for number in (2, 3, 2):
        at.page.mouse.click(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
        at.await_point(number)


def test_the_keyboard_does_what_the_mouse_does(opened: Open) -> None:
    report = many_report(5, 40, failed=(1,))
    at = opened(report)
    keys = at.page.keyboard
    for _ in range(20):
        keys.press("Tab")
        if at.page.evaluate("document.activeElement.closest('.point') !== null"):
            break
    assert at.page.evaluate("document.activeElement.getAttribute('aria-label')").startswith(
        "point 1, revenue_weight 0"
    )
    keys.press("ArrowRight")
    assert at.page.evaluate("document.activeElement.dataset.point") == "2"
    halo = "getComputedStyle(document.activeElement.querySelector('.halo')).strokeWidth"
    assert at.page.evaluate(halo) == "3px"
    keys.press("Enter")
    at.await_point(3)
    assert shown_line(report, 2) in at.texts("#headline .value")
    keys.press("End")
    keys.press("Space")
    at.await_point(5)
    keys.press("Home")
    keys.press("Enter")
    at.await_point(1)
    at.page.locator("#points-table tbody tr").nth(3).locator("button").focus()
    keys.press("Enter")
    at.await_point(4)
    at.page.locator("#next").focus()
    keys.press("Enter")
    at.await_point(5)
    keys.press("Enter")
    assert at.page.locator("#next").get_attribute("aria-disabled") == "true"
    at.page.locator("#previous").click()
    at.await_point(4)
    at.page.locator("#previous").click()
    at.await_point(3)


def test_every_control_is_a_stop_and_the_skip_link_is_the_first(opened: Open) -> None:
    at = opened(plan_report(enterprises(250)))
    at.page.keyboard.press("Tab")
    assert at.page.evaluate("document.activeElement.textContent") == "Skip to the report"
    assert at.page.locator(".skip").bounding_box()["x"] >= 0
    seen = set()
    for _ in range(60):
        at.page.keyboard.press("Tab")
        seen.add(at.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert {"search", "decision", "grade", "Enterprise", "Reason", "Next", "Last"} <= {
        one.strip() for one in seen
    }
    assert at.page.locator("button, a, input, select, [tabindex='0']").evaluate_all(
        "found => found.every(one => one.tabIndex >= 0)"
    )


def test_the_address_opens_a_point_and_the_browser_goes_back(opened: Open) -> None:
    report = many_report(5, 40, failed=(1,))
    at = opened(report, address="#point=4")
    assert at.page.evaluate("document.documentElement.dataset.shown") == "4"
    at.page.locator("#points-table tbody tr").nth(2).click()
    at.await_point(3)
    at.page.evaluate("location.hash = '#point=2'")
    at.await_text("#said", "no plan")
    notice = at.page.locator("#no-plan")
    assert notice.is_visible()
    assert "no plan at point 2, revenue_weight 0.25: the budget and grade C contradict" in notice.inner_text()
    assert at.page.evaluate("document.documentElement.dataset.shown") == "3"
    at.page.go_back()
    notice.wait_for(state="hidden")
    at.page.go_back()
    at.await_point(4)
    at.page.go_forward()
    at.await_point(3)
    for nonsense in ("#point=0", "#point=99", "#point=-1", "#point=<b>", "#main", "#points-title"):
        at.page.evaluate(f"location.hash = {nonsense!r}")
        at.page.wait_for_timeout(30)
        assert at.page.evaluate("document.documentElement.dataset.shown") == "3"


def test_a_point_without_a_plan_is_grey_and_says_why(opened: Open) -> None:
    at = opened(many_report(4, 30, failed=(2,)))
    row = at.page.locator("#points-table tbody tr").nth(2)
    assert "the budget and grade C contradict each other" in row.inner_text()
    assert row.get_attribute("class") == "off"
    assert row.locator("button").count() == 0
    row.click()
    at.page.wait_for_timeout(50)
    assert at.page.evaluate("document.documentElement.dataset.shown") == "1"
    assert at.page.locator('figure[data-name="frontier"] .point').count() == 3


def test_the_points_sort_and_keep_their_numbers(opened: Open) -> None:
    report = many_report(5, 60, failed=(3,))
    at = opened(report)
    at.page.locator("#points-table").get_by_role("button", name="Revenue", exact=True).click()
    assert at.texts("#points-table tbody th") == ["5", "3", "2", "1", "4"]
    at.page.locator("#points-table tbody tr").first.click()
    at.await_point(5)


def test_the_knee_is_named(opened: Open) -> None:
    report = many_report(7, 50, kind="frontier")
    at = opened(report)
    assert "risk ≤ 30 (knee)" in at.page.locator("#chosen").inner_text()
    assert at.page.locator('figure[data-name="frontier"] text.knee').text_content() == "knee"
    label = at.page.locator('figure[data-name="frontier"] [data-point="3"]').get_attribute("aria-label")
    assert label.startswith("point 4, risk ≤ 30, the knee: revenue ")


def test_marks_lie_where_the_figure_has_their_data(opened: Open) -> None:
    from lendplan.reports.figures import empty_figures

    report = many_report(4, 60)
    at = opened(report)
    places = {figure.name: figure.places for figure in empty_figures(report)}
    for point in range(4):
        summary = told_at(report, point).summary
        dot = at.page.locator(f'figure[data-name="frontier"] [data-point="{point}"] .dot')
        drawn = float(dot.get_attribute("cx")), float(dot.get_attribute("cy"))
        assert drawn == pytest.approx(
            places["frontier"]["frontier"].at(summary["risk"], summary["revenue"]), abs=0.01
        )
    told = told_at(report, 0)
    circles = at.page.locator('figure[data-name="churn"] .share-of-lines')
    drawn_circles = sorted(
        (float(one.get_attribute("cx")), float(one.get_attribute("cy"))) for one in circles.all()
    )
    wanted = sorted(places["churn"]["churn"].at(one.rate, one.churn) for one in told.chosen)
    assert np.array(drawn_circles) == pytest.approx(np.array(wanted), abs=0.01)


def test_without_scripts_the_plan_stands_in_tables(opened: Open) -> None:
    report = plan_report(enterprises(30), weighted=True)
    at = opened(report, java_script_enabled=False)
    text = at.page.locator("main").inner_text()
    assert "The table of enterprises needs a script" in text
    assert "In the figure each circle" not in text
    assert f"{report.shown.summary['line']:,.2f}" in at.texts("#headline .value")
    assert at.page.locator("#grades-table tbody tr").count() == len(report.shown.grades)
    assert at.page.locator("#limits-table tbody tr").count() == len(report.shown.limits)
    assert at.page.locator("figure svg").count() == 2


def test_a_browser_that_cannot_unpack_says_so(browser: Any, tmp_path: Any) -> None:
    from lendplan.reports.page.page import page

    file = tmp_path / "old.html"
    file.write_text(page(plan_report(enterprises(5))), encoding="utf-8")
    tab = browser.new_page()
    tab.add_init_script("delete window.DecompressionStream")
    tab.goto(file.as_uri())
    assert "it has no DecompressionStream" in tab.locator("#fault").inner_text()
    assert tab.locator("#headline .value").first.is_visible()
    assert "its enterprises are in allocations.csv." in tab.locator("#fault").inner_text()
    tab.close()


def test_of_two_swept_keys_the_first_has_a_sign_a_value(opened: Open) -> None:
    report = many_report(6, 30)
    values = [
        {"objective.revenue_weight": first, "budget.total": second}
        for first in (0.2, 0.8)
        for second in (1, 2, 3)
    ]
    points = [replace(point, values=value) for point, value in zip(report.points, values, strict=True)]
    at = opened(replace(report, points=points, swept=tuple(values[0])))
    dots = at.page.locator('figure[data-name="frontier"] .point .dot')
    assert dots.evaluate_all("found => found.map(one => one.tagName)") == ["circle"] * 3 + ["path"] * 3
    fills = dots.evaluate_all("found => [...new Set(found.map(one => getComputedStyle(one).fill))]")
    assert len(fills) == 2
    assert at.page.locator("figure").count() == 3  # no curve over two keys
    assert at.texts("#points-table thead th")[1:3] == ["objective.revenue_weight", "budget.total"]
