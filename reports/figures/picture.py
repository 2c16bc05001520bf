"""What a figure is once it is drawn, and where its data lie in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lendplan.data.findings import InputError


class FiguresError(InputError):
    """No figure can be drawn."""


@dataclass(frozen=True)
class Axes:
    """An affine map from data to the coordinates of an SVG, the units of its viewBox.

    Parameters
    ----------
    x, y
        Slope and intercept: ``x[0] * value + x[1]``; downwards is up in numbers, so the slope of ``y`` is negative.
    """

    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a datum lies."""
        return self.x[0] * x + self.x[1], self.y[0] * y + self.y[1]


@dataclass(frozen=True)
class Figure:
    """A figure of a report.

    Parameters
    ----------
    name
        ``frontier``, ``curve``, ``grades`` or ``churn``; the stem of its files.
    title
        A short heading.
    description
        What it shows and the figures in it: the text that stands for the picture.
    svg
        One ``<svg>`` element, text as text; every id in it begins with the name.
    png
        The same at two pixels a unit of the viewBox; b'' of an empty figure.
    places
        Panel → its map.
    """

    name: str
    title: str
    description: str
    svg: str = field(repr=False)
    png: bytes = field(repr=False)
    places: Mapping[str, Axes]
