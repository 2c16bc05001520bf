"""The figures of a report, as SVG and as PNG."""

from __future__ import annotations

from lendplan.reports.contents import Report
from lendplan.reports.figures import churn, curve, frontier, grades
from lendplan.reports.figures.picture import Axes, Figure, FiguresError
from lendplan.reports.figures.sheet import drawing

__all__ = ["Axes", "Figure", "FiguresError", "empty_figures", "figures"]


def figures(report: Report) -> list[Figure]:
    """Draw the figures that fit a report, with the plan that is shown first on them.

    ``frontier`` for the points of a sweep or a frontier, ``curve`` for a sweep over one number, ``grades`` and
    ``churn`` for every report.

    Raises
    ------
    FiguresError
        If matplotlib is not installed.
    """
    return _drawn(report, empty=False)


def empty_figures(report: Report) -> list[Figure]:
    """Draw the same axes over all points, without what belongs to one plan and without a heading; no PNG.

    A page puts the plan that is looked at on them through :attr:`Figure.places`: panels ``frontier``, ``objective``,
    ``price``, ``line``, ``rate`` and ``churn``. Rates and shares are fractions; grades stand at 0, 1, 2, … in the order
    of their names over all points.

    Raises
    ------
    FiguresError
        If matplotlib is not installed.
    """
    return _drawn(report, empty=True)


def _drawn(report: Report, *, empty: bool) -> list[Figure]:
    with drawing() as lettering:
        made = [part.draw(report, lettering, empty=empty) for part in (frontier, curve, grades, churn)]
    return [figure for figure in made if figure is not None]
