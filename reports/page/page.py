"""The report as one HTML page that needs no network and no other file, below 2 MB whatever the report."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lendplan.reports.contents import Report
from lendplan.reports.page import words
from lendplan.reports.page.blocks import Blocks, extents
from lendplan.reports.page.leftout import left_out
from lendplan.reports.page.sections import headline_html, page_html, sections

if TYPE_CHECKING:
    from lendplan.reports.figures.picture import Axes, Figure

log = logging.getLogger(__name__)

MOST_BYTES = 2_000_000
"""Of a page."""
_PANELS = {  # section of the page → panels of the figures that stand in it
    "points": {"frontier", "objective", "price"},
    "grades": {"line", "rate"},
    "churn": {"churn"},
}
_NOTES = 4_000  # bytes kept free for the sentences that say what is left out
_SCRIPTS = (  # each needs those before it
    "blocks.js",
    "shown.js",
    "table.js",
    "layers.js",
    "drawings.js",
    "enterprises.js",
    "page.js",
)


@dataclass(frozen=True)
class _Drawing:
    """A figure as the template takes it."""

    name: str
    title: str
    svg: Any


def page(report: Report, figures: Sequence[Figure] | None = None) -> str:
    """Return a report as a page; the same report gives the same page.

    Every text is escaped: a name such as ``<script>`` is shown, and does nothing. The page states that nothing may be
    loaded; of scripts it runs its own alone, known by its hash.

    Parameters
    ----------
    report
        What is told.
    figures
        Empty figures, onto which the page draws what belongs to a point; those of the report unless given.

    Raises
    ------
    PageError, FiguresError
        If Jinja2 or matplotlib is not installed.
    """
    if figures is None:
        from lendplan.reports.figures import empty_figures

        figures = empty_figures(report)
    figures = _fitting(figures)
    blocks = Blocks(report)
    frame = len(_page(report, figures, {}, []).encode()) + _NOTES
    for extent in extents():
        found = blocks.of(extent, MOST_BYTES - frame)
        if found is not None:
            return _page(report, figures, found, left_out(report, extent, found))
    log.warning(
        "the report of %d points is too large for a page: it has no data to choose from", len(report.points)
    )
    return _page(report, figures, {}, left_out(report, None, {}))


def _page(
    report: Report, figures: Sequence[Figure], blocks: Mapping[str, str], missing: Sequence[str]
) -> str:
    from markupsafe import Markup

    script = "\n" + _script() + "\n"
    told, many = report.shown, len(report.points) > 1
    kinds = {"plan": "Plan", "sweep": "Sweep", "frontier": "Frontier of revenue and risk"}
    what = kinds[report.kind] + (f", {len(report.points):,} points" if many else "")
    drawings = {
        section: [
            _Drawing(one.name, one.title, Markup(one.svg)) for one in figures if panels & one.places.keys()
        ]
        for section, panels in _PANELS.items()
    }
    return page_html(
        report=report,
        what=what,
        result=words.result(report),
        allocations=words.allocations(report),
        comparable=words.comparable(report),
        label=report.points[report.opened].label,
        many=many,
        parts={
            name: Markup(text)
            for name, text in {
                "headline": headline_html(told),
                **sections(report, report.points[report.opened]),
            }.items()
        },
        figures=drawings,
        places={one.name: {panel: _axes(axes) for panel, axes in one.places.items()} for one in figures},
        style=Markup(_asset("page.css")),
        script=Markup(script),
        script_hash="sha256-" + base64.b64encode(sha256(script.encode()).digest()).decode("ascii"),
        blocks=blocks,
        left_out=missing,
    )


def _axes(axes: Axes) -> Mapping[str, tuple[float, float]]:
    return {"x": axes.x, "y": axes.y}


def _fitting(figures: Sequence[Figure]) -> list[Figure]:
    """Return the figures that leave half of the page to the data; the largest go first."""
    kept = sorted(figures, key=lambda one: len(one.svg))
    while sum(len(one.svg) for one in kept) > MOST_BYTES // 2:
        log.warning(
            "figure %s is too large for a page (%d bytes) and is left out", kept[-1].name, len(kept[-1].svg)
        )
        kept.pop()
    return [one for one in figures if one in kept]


@cache
def _asset(name: str) -> str:
    return files("lendplan.reports.page").joinpath(name).read_text(encoding="utf-8").strip()


@cache
def _script() -> str:
    """Return the page's script: its files one after another in a scope of their own."""
    parts = "\n".join(_asset(name) for name in _SCRIPTS)
    return f"(() => {{\n'use strict';\n{parts}\n}})();"
