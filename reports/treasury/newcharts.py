"""The native charts of a new workbook: revenue against risk, and amounts against what was swept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_BLUE, _RED, _GREEN, _GREY = "#1F4E79", "#C00000", "#2E7D32", "#404040"
_SIZE = {"width": 640, "height": 400}
_WIDE = 6  # columns of 16 from one chart to the next
_AGAINST_KEY = {"revenue": _BLUE, "risk": _RED, "profit": _GREEN}


@dataclass(frozen=True)
class Place:
    """A cell; row and column count from 0."""

    sheet: str
    row: int
    column: int

    @property
    def area(self) -> list[Any]:
        """The cell as XlsxWriter takes an area."""
        return [self.sheet, self.row, self.column, self.row, self.column]


@dataclass(frozen=True)
class Drawing:
    """Charts of the points of a sheet.

    Parameters
    ----------
    book, sheet
        Of XlsxWriter.
    name
        Of the sheet; the points of a ``frontier`` are joined by a line.
    columns
        Of the sheet, in order.
    count
        Number of points; the first stands in the second row.
    corner
        Row and column at which the first chart begins, from 0.
    money
        The unit of amounts; '' where it is not told.
    """

    book: Any
    sheet: Any
    name: str
    columns: Sequence[str]
    count: int
    corner: tuple[int, int]
    money: str

    def against_risk(self, knee: int | None, plan: Mapping[str, Place]) -> None:
        """Draw revenue against risk.

        Parameters
        ----------
        knee
            Position of the knee; None for none.
        plan
            Where the plan's own ``risk`` and ``revenue`` stand; it is marked where both do.
        """
        is_line = self.name == "frontier"
        chart = self._chart(is_line)
        chart.add_series(self._curve("frontier" if is_line else "points", "risk", "revenue", _BLUE, is_line))
        if knee is not None:
            chart.add_series(
                _mark("knee", self._at(knee, "risk"), self._at(knee, "revenue"), "square", 8, _GREEN)
            )
        if {"risk", "revenue"} <= set(plan):
            chart.add_series(_mark("this plan", plan["risk"], plan["revenue"], "diamond", 11, _RED))
        self._put(chart, "Revenue against risk", self._with_unit("risk"), self._with_unit("revenue"), 0)

    def against_key(self, key: str, is_rising: bool, chosen: int | None) -> None:
        """Draw revenue, risk and profit against the key that was swept, beside the other chart.

        Parameters
        ----------
        key
            Its column.
        is_rising
            Whether its values rise, so that a line can lead through them.
        chosen
            Position of the plan among the points; it is marked on each curve.
        """
        chart = self._chart(is_rising)
        drawn = [measure for measure in _AGAINST_KEY if measure in self.columns]
        for measure in drawn:
            chart.add_series(self._curve(measure, key, measure, _AGAINST_KEY[measure], is_rising))
        for measure in drawn if chosen is not None else ():
            assert chosen is not None
            place = self._at(chosen, key), self._at(chosen, measure)
            chart.add_series(_mark("this plan", *place, "diamond", 10, _GREY))
        # One entry of the legend speaks for all of the marks.
        hidden = [] if chosen is None else [len(drawn) + order for order in range(1, len(drawn))]
        self._put(chart, f"What {key} changes", key, self._with_unit("amount"), 1, hidden)

    def _chart(self, is_line: bool) -> Any:
        return self.book.add_chart(
            {"type": "scatter", "subtype": "straight_with_markers" if is_line else "marker_only"}
        )

    def _curve(self, label: str, x: str, y: str, color: str, is_line: bool) -> dict[str, Any]:
        across, up = self.columns.index(x), self.columns.index(y)
        return {
            "name": label,
            "categories": [self.name, 1, across, self.count, across],
            "values": [self.name, 1, up, self.count, up],
            "marker": _marker("circle", 5, color),
            "line": {"color": color, "width": 1.5} if is_line else {"none": True},
        }

    def _at(self, point: int, column: str) -> Place:
        return Place(self.name, point + 1, self.columns.index(column))

    def _with_unit(self, what: str) -> str:
        return f"{what} ({self.money})" if self.money else what

    def _put(self, chart: Any, title: str, x: str, y: str, order: int, hidden: Sequence[int] = ()) -> None:
        chart.set_title({"name": title, "name_font": {"size": 12}})
        lines = {"major_gridlines": {"visible": True, "line": {"color": "#D9D9D9", "width": 0.5}}}
        chart.set_x_axis({"name": x, "num_format": "General", **lines})
        chart.set_y_axis({"name": y, "num_format": "General", **lines})
        chart.set_legend({"position": "bottom", **({"delete_series": list(hidden)} if hidden else {})})
        chart.set_size(_SIZE)
        row, column = self.corner
        self.sheet.insert_chart(row, column + order * _WIDE, chart)


def _marker(kind: str, size: int, color: str) -> dict[str, Any]:
    return {"type": kind, "size": size, "fill": {"color": color}, "border": {"color": color}}


def _mark(label: str, x: Place, y: Place, kind: str, size: int, color: str) -> dict[str, Any]:
    """Return a series of one point."""
    return {
        "name": label,
        "categories": x.area,
        "values": y.area,
        "marker": _marker(kind, size, color),
        "line": {"none": True},
    }
