"""A valued allocation on the terminal: what it is worth, what it breaks, how far it is from the best plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lendplan.reports.tables import LimitState
from lendplan.reports.terminal import NARROW, Heading, limits_table, say, totals_table

_STRUCTURAL = {
    "lines": "lines outside their bounds, in all",
    "line steps": "lines off their steps, in all",
    "rates": "rates outside their bounds, in all",
    "must": "enterprises with `must: lend` that get nothing",
}


def show_score(
    console: Console, heading: Heading, summary: Mapping[str, Any], states: Sequence[LimitState]
) -> None:
    """Print a score."""
    say(console, heading.title, "bold")
    what = (
        "profit" if heading.objective == "profit" else f"weighted, revenue weight {heading.revenue_weight:g}"
    )
    say(console, f"This allocation is worth {summary['objective']:,.10g} ({what})")
    if summary["best"] is not None:
        say(
            console,
            f"The best plan is worth {summary['best']:,.10g}: {summary['distance']:,.6g} more than this",
        )
    console.print(_broken(summary["broken"]))
    console.print(totals_table(heading, summary))
    console.print(limits_table(heading, states, narrow=console.width < NARROW))


def _broken(broken: Mapping[str, float]) -> Table | Text:
    if not broken:
        return Text("It obeys the budget, every limit and every bound", style="green")
    table = Table(box=box.SIMPLE_HEAD, title="Broken", title_justify="left", title_style="bold red")
    table.add_column("Limit", overflow="fold")
    table.add_column("By", justify="right")
    for name, excess in broken.items():
        said = f"{name} ({_STRUCTURAL[name]})" if name in _STRUCTURAL else name
        table.add_row(Text(said), f"{excess:,.6g}")
    return table
