"""Sweeps and frontiers on the terminal: a row a point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lendplan.reports.terminal import Heading, say

_SHOWN = 60  # points; of more the table in the folder tells
_FIGURES = ("objective", "revenue", "risk", "budget_used", "funded", "average_rate", "gap")
_NO_VALUES = ("status", *_FIGURES)


def show_sweep(
    console: Console, heading: Heading, rows: Sequence[Mapping[str, Any]], written_to: str
) -> None:
    """Print a sweep: the swept keys and the headline figures of each point."""
    first = list(rows[0]) if rows else []
    keys = first[: first.index("status")] if "status" in first else []
    say(console, f"{heading.title}: {_counted(rows)} of a sweep over {', '.join(keys)}", "bold")
    console.print(_table(rows, [*keys, "status", *_FIGURES]))
    _say_more(console, rows, "sweep.csv")
    say(console, f"Written to {written_to}")


def show_frontier(
    console: Console, heading: Heading, rows: Sequence[Mapping[str, Any]], written_to: str
) -> None:
    """Print a frontier: risk, revenue, what is proven of each point, and the knee."""
    say(console, f"{heading.title}: {_counted(rows)} of the frontier of revenue and risk", "bold")
    columns = ["risk", "revenue", "revenue_bound", "budget_used", "funded", "average_rate", "status", "knee"]
    console.print(_table(rows, columns))
    _say_more(console, rows, "frontier.csv")
    say(console, f"Written to {written_to}")


def _counted(rows: Sequence[Any]) -> str:
    return f"{len(rows):,} point{'' if len(rows) == 1 else 's'}"


def _say_more(console: Console, rows: Sequence[Any], table: str) -> None:
    if len(rows) > _SHOWN:
        say(console, f"The first {_SHOWN} of {len(rows):,} points; {table} has all.", "dim")


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("point", justify="right")
    for name in columns:
        table.add_column(
            name.replace("_", " ") if name in (*_NO_VALUES, "revenue_bound") else name, justify="right"
        )
    for number, row in enumerate(rows[:_SHOWN], start=1):
        table.add_row(str(number), *(Text(_FORMATS.get(name, _plain)(row.get(name))) for name in columns))
    return table


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _money(value: Any) -> str:
    return "–" if value is None else f"{value:,.6g}" if abs(value) < 1e5 else f"{value:,.0f}"


def _rate(value: Any) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _gap(value: Any) -> str:
    return "–" if value is None else f"{value:.1e}"


def _count(value: Any) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _mark(value: Any) -> str:
    return "knee" if value else ""


_FORMATS: Mapping[str, Callable[[Any], str]] = {
    "objective": _money,
    "revenue": _money,
    "revenue_bound": _money,
    "risk": _money,
    "budget_used": _money,
    "funded": _count,
    "average_rate": _rate,
    "gap": _gap,
    "knee": _mark,
}
