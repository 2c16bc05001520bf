"""What a page leaves out to stay below 2 MB, in which order, and that it says so."""

from __future__ import annotations

import html as html_text
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from toldreports import enterprises, many_report, plan_report, told_of

from lendplan.reports.page import page as page_module
from lendplan.reports.page.blocks import MOST_ENTERPRISES, Blocks, Extent, extents
from lendplan.reports.page.columns import unpacked
from lendplan.reports.page.leftout import left_out
from lendplan.reports.page.page import MOST_BYTES, page

AMPLE = 10**9


def blocks_in(text: str) -> dict[str, Any]:
    found = re.findall(r'<script type="text/plain" id="block-([\w-]+)">([^<]*)</script>', text)
    return {name: unpacked(data) for name, data in found}


def left_out_of(text: str) -> list[str]:
    return [html_text.unescape(one) for one in re.findall(r'<p class="left-out"><bdi>(.*?)</bdi></p>', text)]


def test_a_page_is_below_two_megabytes() -> None:
    one = page(plan_report(enterprises(10_000)))
    assert len(one.encode()) < 400_000
    assert left_out_of(one) == []
    some = page(many_report(41, 302))
    assert len(some.encode()) < 1_000_000
    assert left_out_of(some) == []


def test_a_large_frontier_keeps_the_reasons_of_the_opened_point() -> None:
    report = many_report(25, 10_000, kind="frontier")
    text = page(report)
    assert len(text.encode()) < MOST_BYTES
    found = blocks_in(text)
    assert [name for name in found if name.startswith("reasons")] == ["reasons-12"]
    assert len([name for name in found if name.startswith("money")]) == 25
    assert left_out_of(text) == [
        "Each enterprise’s reason is here for risk ≤ 120 alone, so that the page stays below 2 MB: optimize explain "
        "plans/made_up/points/0013 ENTERPRISE, with a point’s own folder, tells of another."
    ]


def test_of_a_larger_book_the_largest_lines_come_first_then_the_declined() -> None:
    book = enterprises(12_000, weight=0.2)
    text = page(plan_report(book))
    found = blocks_in(text)["book-0"]
    kept = set(found["enterprise"])
    assert found["all"] == 12_000
    assert len(kept) == MOST_ENTERPRISES
    decision, ids = book.decision.tolist(), book.enterprise.tolist()
    gone = [one for one, name in zip(decision, ids, strict=True) if name not in kept]
    assert set(gone) == {"excluded"}
    assert found["enterprise"] == sorted(kept)
    assert "The page holds 10,000 of 12,000 enterprises" in left_out_of(text)[0]
    assert "allocations.csv has all of them" in left_out_of(text)[0]


def test_who_is_lent_to_anywhere_is_kept() -> None:
    report = many_report(3, 400)
    told = [point.told.enterprises for point in report.points if point.told is not None]
    ever = np.max([one.line for one in told], axis=0)
    number = int(np.count_nonzero(ever > 0))
    blocks = Blocks(report).of(Extent(enterprises=number), AMPLE)
    assert blocks is not None
    kept = unpacked(blocks["book-0"])["enterprise"]
    assert kept == [told[0].enterprise[row] for row in np.flatnonzero(ever > 0)]


LEVELS: list[tuple[Extent, Callable[[str], bool], Sequence[str]]] = [
    (Extent(), lambda _: True, ()),
    (
        Extent(reasons=False),
        lambda name: not name.startswith("reasons") or name == "reasons-1",
        ["reason is here for"],
    ),
    (
        Extent(reasons=False, money=False),
        lambda name: not name.startswith(("reasons", "money")) or name in ("reasons-1", "money-1"),
        ["revenue, expected loss and reason is here for"],
    ),
    (
        Extent(reasons=False, money=False, enterprises=50),
        lambda name: not name.startswith(("reasons", "money")) or name in ("reasons-1", "money-1"),
        ["The page holds 50 of 80 enterprises", "is here for", "So that there is room for all points"],
    ),
]


@pytest.mark.parametrize(("extent", "has", "told"), LEVELS)
def test_what_each_step_leaves_out(
    monkeypatch: pytest.MonkeyPatch, extent: Extent, has: Callable[[str], bool], told: Sequence[str]
) -> None:
    report = replace(many_report(3, 80), opened=1)
    monkeypatch.setattr(page_module, "extents", lambda: iter([extent]))
    text = page(report)
    found = blocks_in(text)
    everything = Blocks(report).of(Extent(), AMPLE) or {}
    assert sorted(found) == sorted(name for name in everything if has(name))
    said = left_out_of(text)
    assert len(said) == len(told)
    for sentence, part in zip(said, told, strict=True):
        assert part in sentence
    assert len(found["book-0"]["enterprise"]) == min(80, extent.enterprises)
    assert [head is not None for head in found["heads"]] == [extent.headlines, True, extent.headlines]


@pytest.mark.parametrize("headlines", [True, False])
@pytest.mark.parametrize("points", [1, 2, 4])
def test_the_points_nearest_to_the_opened_one_fill_the_room(points: int, headlines: bool) -> None:
    report = replace(many_report(7, 80, failed=(4,)), opened=3)
    blocks = Blocks(report)
    extent = Extent(reasons=False, money=False, details=False, headlines=headlines)
    shrinking = ((room, blocks.of(extent, room) or {}) for room in range(200_000, 0, -100))
    room, found = next(
        one for one in shrinking if sum(name.startswith("detail") for name in one[1]) == points
    )
    kept = {1: {3}, 2: {3, 2}, 4: {3, 2, 1, 5}}[points]
    assert {int(name.split("-")[1]) for name in found if name.startswith("rows")} == kept
    assert {name for name in found if name.startswith(("money", "reasons"))} == {"money-3", "reasons-3"}
    assert sum(map(len, found.values())) < room
    assert [head is not None for head in unpacked(found["heads"])] == [
        at != 4 and (headlines or at == 3) for at in range(7)
    ]
    said = left_out(report, extent, found)
    kind = "their headline figures" if headlines else "their rows in the table of points"
    assert said[0] == (
        f"Of {6 - points} points the page holds {kind} and nothing more, so that it stays below 2 MB: those farthest "
        "from revenue_weight 0.5. optimize report with --point makes a page of another."
    )
    assert len(said) == (1 if points == 1 else 2)
    assert blocks.of(extent, 500) is None


def test_each_step_holds_less_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    report = many_report(6, 3_000)
    blocks = Blocks(report)
    sizes = [sum(map(len, (blocks.of(extent, AMPLE) or {}).values())) for extent in extents()]
    assert sizes[0] > sizes[1] > sizes[2] >= sizes[3] > sizes[4] > sizes[5]
    whole = len(page(report, []).encode())
    for size in sizes[0] - 1, sizes[2] - 1, sizes[5] - 1, 25_000:
        limit = whole - sizes[0] + size
        monkeypatch.setattr(page_module, "MOST_BYTES", limit)
        text = page(report, [])
        assert len(text.encode()) <= limit
        assert left_out_of(text)


def test_where_nothing_has_room_the_opened_plan_stands(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(page_module, "MOST_BYTES", 1_000)
    report = plan_report(enterprises(30))
    text = page(report, [])
    assert blocks_in(text) == {}
    assert f"{report.shown.summary['line']:,.2f}" in text
    assert "too large for a page" in caplog.text


def test_a_figure_beyond_all_bounds_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    axes = SimpleNamespace(x=(1.0, 0.0), y=(-1.0, 0.0))
    small, large = (
        SimpleNamespace(name=name, title=name, description="", svg=f"<svg><desc>{name * times}</desc></svg>",
                        png=b"", places={"line": axes})
        for name, times in (("small", 1), ("large", 300_000))
    )  # fmt: skip
    text = page(plan_report(enterprises(3)), [large, small])  # type: ignore[list-item]
    assert "<desc>small</desc>" in text
    assert "<desc>large" not in text
    assert len(text.encode()) < MOST_BYTES
    assert "figure large is too large" in caplog.text


def test_many_limits_and_grades_are_cut_to_those_that_matter() -> None:
    book = enterprises(900, grades=[f"G{at:03d}" for at in range(300)])
    told = told_of(book)
    state = told.limits[1]
    limits = [
        told.limits[0],
        *(replace(state, name=f"region[{at}]", binding=at == 777) for at in range(1_000)),
    ]
    report = plan_report(book)
    report = replace(report, points=[replace(report.points[0], told=replace(told, limits=limits))])
    text = page(report)
    assert len(text.encode()) < MOST_BYTES
    assert "region[777]" in text
    assert "region[999]" not in text
    assert "801 limits more: see summary.json" in text
    assert f"{len(told.grades) - 200} grades more" in text
