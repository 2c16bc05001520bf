"""The SVG of a figure: one element that may stand inside a page, beside others, with its text as text."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import figured
import numpy as np
import pytest
import svgread
from figured import grade, told
from numpy.typing import NDArray

from lendplan.reports.contents import Cell, Chosen, Curve, Point, Report
from lendplan.reports.figures import Figure, empty_figures, figures, look

HOSTILE = "</svg><script>alert(1)</script>\x00\x0b\ud800\n$a_b^2$ \\frac{1}{2} & \"'"
SAID = "</svg><script>alert(1)</script> $a_b^2$ \\frac{1}{2} & \"'"


@pytest.fixture(scope="module")
def sheets() -> list[Figure]:
    """Every figure of a sweep over the budget, in full and empty."""
    report = figured.budgets()
    return [*figures(report), *empty_figures(report)]


def hostile() -> Report:
    """Return a report whose every text is hostile."""
    curve = Curve(HOSTILE, (HOSTILE, HOSTILE + "2"), figured.CURVES[0].rates, figured.CURVES[0].churn)
    plan = told(
        grades=[grade(HOSTILE, 10.0, 0.05)],
        curves=[curve],
        chosen=[Chosen(HOSTILE, 0.08, 0.57, 3, 5.0)],
    )
    values: list[dict[str, Cell]] = [
        {HOSTILE: HOSTILE, "budget.total": 1.0},
        {HOSTILE: "$x$", "budget.total": 2.0},
    ]
    made = figured.report(
        "sweep",
        [plan, plan],
        values=values,
        swept=(HOSTILE, "budget.total"),
        title=HOSTILE,
        money=HOSTILE,
    )
    points = [replace(point, label=HOSTILE, knee=True) for point in made.points]
    return replace(made, points=points)


def test_it_is_one_element_for_a_page(sheets: list[Figure]) -> None:
    for figure in sheets:
        assert figure.svg.startswith("<svg ")
        assert figure.svg.endswith("</svg>")
        root = svgread.parsed(figure.svg)
        width, height = (float(one) for one in root.get("viewBox").split()[2:])
        assert (width, height) == (look.WIDTH, float(root.get("height")))
        assert root.get("role") == "img"
        assert ET.fromstring(figure.svg).tag == "{http://www.w3.org/2000/svg}svg"
        # A rule here would reach the whole page, and a content policy may forbid it.
        assert "<style" not in figure.svg
        assert " style=" not in figure.svg
        assert "<metadata" not in figure.svg
        assert "<!--" not in figure.svg


def test_it_says_what_it_shows(sheets: list[Figure]) -> None:
    for figure in sheets:
        root = svgread.parsed(figure.svg)
        assert [root[0].text, root[1].text] == [figure.title, figure.description]
        assert root.get("aria-labelledby").split() == [root[0].get("id"), root[1].get("id")]
        assert figure.description.endswith(".")


def test_ids_differ_throughout_a_page_and_nothing_refers_elsewhere(sheets: list[Figure]) -> None:
    every = [one for figure in sheets for one in svgread.ids(figure.svg)]
    assert len(every) == len(set(every))
    for figure in sheets:
        own = svgread.ids(figure.svg)
        assert all(one.startswith(f"{figure.name}-") for one in own)
        assert svgread.references(figure.svg) <= set(own)


def test_text_is_text_in_fonts_that_have_chinese() -> None:
    report = replace(figured.frontier(), title="2025 年度授信计划")
    (frontier, *_) = figures(report)
    assert "2025 年度授信计划" in [one.text for one in svgread.texts(frontier.svg)]
    families = svgread.parsed(frontier.svg).get("font-family")
    assert families.endswith("'Microsoft YaHei', 'WenQuanYi Micro Hei', sans-serif")
    assert "font-family" not in frontier.svg.replace(f'font-family="{families}"', "")


def test_the_same_report_gives_the_same_bytes() -> None:
    assert figures(figured.budgets()) == figures(figured.budgets())
    assert empty_figures(figured.frontier()) == empty_figures(figured.frontier())


def test_hostile_text_stays_text() -> None:
    for figure in [*figures(hostile()), *empty_figures(hostile())]:
        root = svgread.parsed(figure.svg)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "title", "desc", "g", "path", "text", "use", "defs", "clipPath", "rect"}
        assert not re.search(r"<(?!/?(svg|title|desc|g|path|text|use|defs|clipPath|rect)[\s>/])", figure.svg)
        assert figure.svg.count("</svg>") == 1
    (full, *_) = figures(hostile())
    assert SAID in [one.text for one in svgread.texts(full.svg)]


def test_the_png_has_two_pixels_a_unit(sheets: list[Figure], tmp_path: Path) -> None:
    from matplotlib.image import imread

    for figure in sheets[:4]:
        assert figure.png[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", figure.png[16:24])
        expected = [float(one) for one in svgread.parsed(figure.svg).get("viewBox").split()[2:]]
        assert [width, height] == [2 * one for one in expected]
        target = tmp_path / f"{figure.name}.png"
        target.write_bytes(figure.png)
        pixels = imread(target)
        assert pixels.shape[:2] == (height, width)
        assert len({tuple(one) for one in pixels[::7, ::7].reshape(-1, pixels.shape[2]).tolist()}) > 5


def test_no_colour_is_too_pale(sheets: list[Figure]) -> None:
    for figure in sheets:
        for written in svgread.texts(figure.svg):
            assert svgread.contrast(written.colour) >= 4.5
        for colour in svgread.paints(figure.svg) - {look.GRID, look.PAPER}:
            assert svgread.contrast(colour) >= 3


def test_every_colour_of_a_series_can_be_that_of_its_label() -> None:
    assert svgread.contrast("#000000") == pytest.approx(21)
    for colour in (*look.SERIES, look.INK, look.QUIET, look.MARKED):
        assert svgread.contrast(colour) >= 4.5
    for colour in (look.PALE, look.FRAME):
        assert svgread.contrast(colour) >= 3
    looks = {(look.colour_of(at), look.dashes_of(at)) for at in range(32)}
    assert len(looks) == 32
    assert len(set(look.MARKERS)) == look.MOST_SERIES


def test_a_point_without_a_plan_is_left_out() -> None:
    made = figured.frontier(4)
    gone = Point("point 5", {}, "failed", None, error="no plan")
    report = replace(made, points=[*made.points, gone], opened=4)
    for figure in figures(report):
        assert "shown" not in figure.svg.lower()


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return CIELAB of linear sRGB, (n, 3)."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = np.clip(linear, 0, 1) @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(np.eye(3), id="all cones"),
        pytest.param(
            [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ],
            id="no red",
        ),
        pytest.param(
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
            id="no green",
        ),
        pytest.param(
            [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
            id="no blue",
        ),
    ],
)
def test_series_are_told_apart_whatever_cones_one_has(seen: NDArray[np.float64]) -> None:
    parts = np.array([[int(one[at : at + 2], 16) / 255 for at in (1, 3, 5)] for one in look.SERIES])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    lab = _lab(linear @ np.asarray(seen).T)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1000 * np.eye(len(lab))
    assert apart.min() > 20
