"""A sheet of fixed width that panels, text and marks are put on, in the coordinates of the SVG that it becomes.

Margins are worked out from the text before anything is drawn, not by one of matplotlib's layout engines: where a datum
lies is then known exactly, and a page can put its own marks there.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lendplan.data.findings import Finding
from lendplan.reports.figures import look
from lendplan.reports.figures.lettering import Lettering, shortened, width_of
from lendplan.reports.figures.picture import Axes, Figure, FiguresError
from lendplan.reports.figures.placing import Room
from lendplan.reports.figures.scales import Scale, scale_of
from lendplan.reports.figures.tidysvg import tidied

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

HEAD = 54
"""Height of the heading."""
_POINTS_PER_INCH = 72  # a unit of the viewBox is a point at this resolution
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lendplan",
    "text.usetex": False,
    "path.simplify": False,
    "axes.unicode_minus": True,
}


@contextmanager
def drawing() -> Iterator[Lettering]:
    """Hold matplotlib's settings as this package needs them, whatever the user's own are.

    Raises
    ------
    FiguresError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        message = "figures take matplotlib; install it with: pip install 'lendplan[report]'"
        raise FiguresError(Finding(message)) from error
    settings: Any = {
        key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")
    }
    settings |= _SETTINGS
    lettering = Lettering()
    finder = logging.getLogger("matplotlib.font_manager")
    with mpl.rc_context(settings), warnings.catch_warnings():
        # What no font has is told once, by name and with the remedy.
        warnings.filterwarnings("ignore", message=r"(?s)Glyph .* missing from font")
        was, finder.disabled = finder.disabled, True
        try:
            yield lettering
        finally:
            finder.disabled = was
    lettering.report()


@dataclass(frozen=True)
class Panel:
    """A pair of axes on a sheet."""

    name: str
    plot: Plot
    place: Axes
    left: float
    top: float
    right: float
    bottom: float


class Sheet:
    """A figure while it is drawn.

    Parameters
    ----------
    name
        Of the figure.
    height
        Units of the viewBox.
    bare
        Whether the sheet is transparent and its figure only in SVG.
    """

    def __init__(self, name: str, height: float, *, bare: bool) -> None:
        from matplotlib.figure import Figure as Drawing

        self.name, self.height, self.bare = name, round(height), bare
        self.prefix = f"{name}-{'empty' if bare else 'figure'}"  # of ids: both may stand in one page
        self.drawing = Drawing(
            figsize=(look.WIDTH / _POINTS_PER_INCH, self.height / _POINTS_PER_INCH),
            dpi=_POINTS_PER_INCH,
            facecolor="none" if bare else look.PAPER,
        )
        self.panels: dict[str, Panel] = {}

    def heading(self, title: str, under: str) -> None:
        """Write the heading and a quieter line under it."""
        room = look.WIDTH - 24.0
        self.text(12, 22, shortened(title, room / 1.1, look.HEADING), size=look.HEADING, weight="bold")
        self.text(12, 40, shortened(under, room), colour=look.QUIET)

    def panel(self, name: str, box: tuple[float, float, float, float], x: Scale, y: Scale) -> Panel:
        """Put axes on the sheet.

        Parameters
        ----------
        name
            Of the panel.
        box
            Left, top, right and bottom edge.
        x, y
            What they go over.
        """
        left, top, right, bottom = box
        share = (
            left / look.WIDTH,
            1 - bottom / self.height,
            (right - left) / look.WIDTH,
            (bottom - top) / self.height,
        )
        plot = self.drawing.add_axes(share, facecolor="none")
        plot.set_xlim(x.low, x.high)
        plot.set_ylim(y.low, y.high)
        plot.set_xticks(x.ticks, x.labels)
        plot.set_yticks(y.ticks, y.labels)
        plot.tick_params(length=0, pad=5, labelsize=look.SMALL, labelcolor=look.QUIET)
        plot.set_axisbelow(True)
        plot.grid(axis="y", color=look.GRID, linewidth=1)
        for side in ("top", "right", "left"):
            plot.spines[side].set_visible(False)
        plot.spines["bottom"].set_color(look.FRAME)
        plot.spines["bottom"].set_linewidth(1)
        plot.patch.set_visible(False)
        across, down = (right - left) / (x.high - x.low), (top - bottom) / (y.high - y.low)
        place = Axes((across, left - across * x.low), (down, bottom - down * y.low))
        self.panels[name] = Panel(name, plot, place, left, top, right, bottom)
        return self.panels[name]

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = look.BODY,
        colour: str = look.INK,
        align: str = "left",
        weight: str = "normal",
        rotation: float = 0.0,
        backed: bool = False,
    ) -> None:
        """Write text with its baseline at a place; `backed` hides the lines behind it."""
        self.drawing.text(
            x / look.WIDTH,
            1 - y / self.height,
            text,
            size=size,
            color=colour,
            ha=align,
            va="baseline",
            weight=weight,
            rotation=rotation,
            rotation_mode="anchor",
            parse_math=False,
            bbox={"facecolor": look.PAPER, "edgecolor": "none", "pad": 3} if backed else None,
        )

    def mark(
        self, panel: Panel, x: float, y: float, text: str, room: Room, *, knee: bool, shown: bool
    ) -> None:
        """Mark a datum as the knee, or ring it as the plan that is shown, and say so beside it.

        Parameters
        ----------
        panel
            Where the datum is.
        x, y
            The datum.
        text
            What is said; '' for nothing.
        room
            For the text.
        knee, shown
            What the datum is.
        """
        name = f"{self.prefix}-{panel.name}"
        style: dict[str, Any] = {"linestyle": "none", "clip_on": False, "zorder": 4}
        if knee:
            panel.plot.plot(
                [x], [y], marker="D", markersize=9, color=look.MARKED, markeredgecolor=look.PAPER,
                gid=f"{name}-knee", **style,
            )  # fmt: skip
        if shown:
            panel.plot.plot(
                [x], [y], marker="o", markersize=17, color=look.INK, markerfacecolor="none", markeredgewidth=1.6,
                gid=f"{name}-shown", **style,
            )  # fmt: skip
        fitting = shortened(text, 240)
        found = room.place(panel.place.at(x, y), width_of(fitting), 15, 13 if shown else 10)
        if found is None or not fitting:
            return
        (left, top, right, _), align = found
        at = {"left": left, "right": right, "center": (left + right) / 2}[align]
        colour = look.MARKED if knee else look.INK
        self.text(at, top + 12, fitting, colour=colour, align=align, weight="bold" if knee else "normal")

    def line(self, xs: Sequence[float], ys: Sequence[float], **style: Any) -> None:
        """Draw a line, or marks, through places on the sheet."""
        from matplotlib.lines import Line2D

        across = [x / look.WIDTH for x in xs]
        up = [1 - y / self.height for y in ys]
        self.drawing.add_artist(Line2D(across, up, transform=self.drawing.transFigure, **style))

    def finished(self, title: str, description: str, lettering: Lettering) -> Figure:
        """Return the figure."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.text import Text

        texts = self.drawing.findobj(Text)
        # An SVG names fonts for whoever shows it; only pixels take one that is here.
        families = lettering.families("" if self.bare else str(one.get_text()) for one in texts)
        for one in texts:
            one.set_parse_math(False)
            one.set_fontfamily(families)
        vector, pixels = io.BytesIO(), io.BytesIO()
        canvas: Any = FigureCanvasSVG(self.drawing)
        canvas.print_svg(vector, metadata={"Date": None, "Creator": None})
        if not self.bare:
            self.drawing.set_dpi(2 * _POINTS_PER_INCH)
            canvas = FigureCanvasAgg(self.drawing)
            canvas.print_png(pixels, metadata={"Software": None})
        svg = tidied(vector.getvalue(), self.prefix, (look.WIDTH, self.height), title, description)
        places = {name: panel.place for name, panel in self.panels.items()}
        return Figure(self.name, title, description, svg, pixels.getvalue(), places)


def dashed(dashes: tuple[float, ...]) -> dict[str, Any]:
    """Return the line style of dashes."""
    return {"linestyle": (0, dashes) if dashes else "solid"}


def widest(labels: Sequence[str], size: float = look.SMALL) -> float:
    """Return the width of the widest of some labels."""
    return max((width_of(label, size) for label in labels), default=0.0)


def fitted(
    values: Sequence[float], left: float, *, percent: bool = False, margin: float = 0.05
) -> tuple[Scale, float]:
    """Return a scale across the sheet with as many ticks as have room for their labels, and its right edge."""
    for most in range(9, 1, -1):
        scale = scale_of(values, percent=percent, margin=margin, most=most)
        right = look.WIDTH - max(16.0, 4 + widest(scale.labels) / 2)
        if len(scale.ticks) * (widest(scale.labels) + 16) <= right - left:
            return scale, right
    scale = scale_of(values, percent=percent, margin=margin, most=1)
    return scale, look.WIDTH - max(16.0, 4 + widest(scale.labels) / 2)
