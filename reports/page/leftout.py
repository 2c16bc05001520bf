"""What a page does not hold, in words, and the command that tells it."""

from __future__ import annotations

from collections.abc import Collection

from lendplan.reports.contents import Report
from lendplan.reports.page import words
from lendplan.reports.page.blocks import MOST_ENTERPRISES, Extent
from lendplan.reports.page.texts import counted


def left_out(report: Report, extent: Extent | None, blocks: Collection[str]) -> list[str]:
    """Return a sentence for each kind of thing that a page leaves out.

    Parameters
    ----------
    extent
        What the page holds; None where it has no data at all.
    blocks
        The names of the blocks that it has.
    """
    told, number = report.shown, 0 if extent is None else extent.enterprises
    explain = f"optimize explain {words.folder(told)} ENTERPRISE"
    most = max(point.told.enterprises.rows for point in report.points if point.told is not None)
    found = []
    if most > number:
        found.append(
            f"The page holds {number:,} of {counted(most, 'enterprise')}: those with the largest lines, then those "
            "that were declined, then the others, in the book’s order. "
            f"{words.allocations(report)} has all of them, and {explain} tells of one."
        )
    others = sum(point.told is not None for point in report.points) - 1
    if not others or extent is None:
        return found
    label = report.points[report.opened].label or f"point {report.opened + 1}"
    told_of = sum(name.startswith("detail-") for name in blocks)
    if told_of <= others:
        kept = "their headline figures" if extent.headlines else "their rows in the table of points"
        found.append(
            f"Of {counted(others + 1 - told_of, 'point')} the page holds {kept} and nothing more, so that it stays "
            f"below 2 MB: those farthest from {label}. optimize report with --point makes a page of another."
        )
    if told_of == 1:
        return found
    kept = "revenue, expected loss and reason" if not extent.money else "reason" if not extent.reasons else ""
    if kept:
        found.append(
            f"Each enterprise’s {kept} is here for {label} alone, so that the page stays below 2 MB: {explain}, with "
            "a point’s own folder, tells of another."
        )
    if number < min(most, MOST_ENTERPRISES):
        found.append(
            "So that there is room for all points, each has fewer enterprises than a page of one plan would."
        )
    return found
