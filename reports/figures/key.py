"""The key of a panel: what its lines and marks stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lendplan.reports.figures import look
from lendplan.reports.figures.lettering import shortened, width_of
from lendplan.reports.figures.sheet import Sheet, dashed


@dataclass(frozen=True)
class Entry:
    """What the key beside a panel explains: a line, a mark or both."""

    text: str
    colour: str
    marker: str = ""
    filled: bool = True
    dashes: tuple[float, ...] | None = None


def write_key(sheet: Sheet | None, entries: Sequence[Entry], left: float, right: float, top: float) -> float:
    """Write entries in rows and return where the next thing may begin; without a sheet only measure."""
    x, y = left, top
    for entry in entries:
        text = shortened(entry.text, 300, look.SMALL)
        wide = 26 + width_of(text, look.SMALL)
        if x > left and x + wide > right:
            x, y = left, y + 18
        if sheet is not None:
            style: dict[str, Any] = {"color": entry.colour, "linewidth": 1.8}
            if entry.dashes is not None:
                sheet.line([x, x + 20], [y + 8, y + 8], **style, **dashed(entry.dashes))
            if entry.marker:
                mark: dict[str, Any] = {
                    "marker": entry.marker,
                    "markersize": 7,
                    "markeredgewidth": 1.4,
                    "linestyle": "none",
                }
                face = entry.colour if entry.filled else look.PAPER
                sheet.line([x + 10], [y + 8], **mark, color=entry.colour, markerfacecolor=face)
            sheet.text(x + 26, y + 12, text, size=look.SMALL)
        x += wide + 16
    return y + 22 if entries else top
