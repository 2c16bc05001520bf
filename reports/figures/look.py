"""How the figures look: colours that the colour-blind tell apart and that stand out from white, sizes, dashes."""

from __future__ import annotations

INK, QUIET = "#1f2933", "#52606d"
"""Of text: the first for what is read, the second for what explains."""
FRAME, GRID = "#7b8794", "#e1e5ea"
"""Of axes, and of the lines behind the data, which may be faint."""
PAPER = "#ffffff"
SERIES = ("#0066aa", "#cc4400", "#8833ee", "#660000", "#4a1a4a", "#330088", "#aa5544", "#885577")
"""Of lines, marks and the labels beside them: at least 4.5 : 1 against white, and every two at least 20 apart in
CIELAB, also as people without red, green or blue cones see them (Machado et al., IEEE TVCG 15, 2009)."""
PALE = "#77838f"
"""Of what another point dominates."""
MARKED = "#cc4400"
"""Of the knee."""
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 2), (2, 1.6), (7, 2, 1.5, 2))
"""On and off in line widths; () is a whole line."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
MOST_SERIES = len(SERIES)
"""More than these cannot be told apart."""
WIDTH = 640
"""Of every figure, in units of the viewBox: a unit is a pixel where it is shown at this width."""
BODY, SMALL, HEADING = 12.0, 11.0, 14.0
"""Sizes of text."""
FAMILIES = (
    "Arial",
    "Liberation Sans",
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "sans-serif",
)
"""Of text in an SVG: whoever shows it takes the first that it has."""


def colour_of(position: int) -> str:
    """Return the colour of a series."""
    return SERIES[position % len(SERIES)]


def dashes_of(position: int) -> tuple[float, ...]:
    """Return the dashes of a series: two that share a colour differ in them."""
    return DASHES[(position + position // len(SERIES)) % len(DASHES)]
