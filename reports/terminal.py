"""The plan on the terminal: totals against the budget, grades, binding limits, what is left and why, the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lendplan.reports.summary import STAGES
from lendplan.reports.tables import GradeTotals, LimitState, is_budget
from lendplan.reports.wording import amount

_NO_CENTS = 1e5  # amounts from here on are shown without decimals
NARROW = 92  # columns of the terminal; below it the table by grade leaves some out
WIDE = 120  # from here on the table of limits says where each shadow price holds
_SMALL = 0.1  # and below this with three digits, so that none is shown as nothing
_ALL_SHOWN = 12  # rows of the budget and the limits; of more, only those that bind are shown


@dataclass(frozen=True)
class Heading:
    """What a plan is called and measured in."""

    title: str
    currency: str
    unit: float
    formulation: str
    objective: str  # profit | weighted
    revenue_weight: float
    budget: float
    budget_basis: str

    @property
    def money(self) -> str:
        """The unit of amounts, "CNY × 10,000"."""
        return self.currency if self.unit == 1 else f"{self.currency} × {self.unit:,.12g}"


def show_plan(
    console: Console,
    heading: Heading,
    summary: Mapping[str, Any],
    grades: Sequence[GradeTotals],
    states: Sequence[LimitState],
    written_to: str | None,
) -> None:
    """Print a plan."""
    say(console, heading.title, "bold")
    say(console, _verdict(heading, summary), "green" if summary["status"] == "optimal" else "yellow")
    console.print()
    console.print(totals_table(heading, summary))
    console.print(_grades(grades, narrow=console.width < NARROW))
    ranges = summary.get("shadow_price_ranges", {}) if console.width >= WIDE else {}
    console.print(limits_table(heading, states, narrow=console.width < NARROW, ranges=ranges))
    if summary["unspent_because"]:
        say(console, f"Unspent: {summary['unspent_because']}.")
    say(console, _times(summary), "dim")
    if written_to is not None:
        say(console, f"Written to {written_to}")


def say(console: Console, text: str, style: str = "") -> None:
    """Print a line as it is; a terminal folds it, and nothing else does."""
    console.print(Text(text, style=style), soft_wrap=True)


def _verdict(heading: Heading, summary: Mapping[str, Any]) -> str:
    what = (
        "profit" if heading.objective == "profit" else f"weighted, revenue weight {heading.revenue_weight:g}"
    )
    value = f"Objective {summary['objective']:,.8g} ({what}; {heading.formulation})"
    certified = summary["certified_gap"]
    if summary["gap"] is None:
        proven = (
            "the best for its own two stages" if summary["status"] == "optimal" else "not proven the best"
        )
        if certified is not None:
            proven += f"; no plan of this scenario is worth more than {summary['certified_bound']:,.8g}"
    else:
        proven = f"proven to {summary['gap']:.1e}"
        if certified is not None and certified <= 1:
            proven += f", certified to {certified:.1e}"
        elif certified is not None:
            proven += f"; certified: no plan is worth more than {summary['certified_bound']:,.8g}"
    if summary["status"] != "optimal":
        proven = f"a limit was reached before the gap asked for; {proven}"
    return f"{value}: {proven}"


def totals_table(heading: Heading, summary: Mapping[str, Any]) -> Table:
    """Return the totals against the budget."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column(justify="left", style="dim")
    used, total = summary["budget_used"], heading.budget
    share = f"{100 * used / total:.1f} % of {amount(total)}" if total > 0 else "of a budget of 0"
    table.add_row(f"Budget used ({heading.budget_basis})", amount(used), f"{heading.money}, {share}")
    funded = f"of {summary['eligible']:,} eligible"
    table.add_row("Enterprises funded", f"{summary['funded']:,}", funded)
    rate = summary["average_rate"]
    table.add_row("Average rate", "–" if rate is None else f"{100 * rate:.2f} %", "interest over exposure")
    for key, note in (
        ("exposure", "expected to be drawn"),
        ("interest", "a year"),
        ("revenue", "interest less funding, operating and fixed cost"),
        ("risk", "expected loss"),
        ("profit", "revenue less risk"),
    ):
        table.add_row(key.capitalize(), _money(summary[key]), note)
    return table


def _grades(grades: Sequence[GradeTotals], *, narrow: bool) -> Table:
    """Return the table by grade; a narrow terminal gets fewer columns, and every figure whole."""
    table = Table(box=box.SIMPLE_HEAD, title="By grade", title_justify="left")
    columns: dict[str, Callable[[GradeTotals], str]] = {
        "Grade": lambda row: row.grade,
        "Enterprises": lambda row: f"{row.enterprises:,}",
        "Funded": lambda row: f"{row.funded:,}",
        "Line": lambda row: _money(row.line),
        "Average rate": lambda row: "–" if row.average_rate is None else f"{100 * row.average_rate:.2f} %",
        "Exposure": lambda row: _money(row.exposure),
        "Revenue": lambda row: _money(row.revenue),
        "Risk": lambda row: _money(row.risk),
    }
    shown = {
        name: cell for name, cell in columns.items() if not (narrow and name in ("Enterprises", "Exposure"))
    }
    for name in shown:
        table.add_column(name, justify="left" if name == "Grade" else "right", no_wrap=True)
    for row in grades:
        table.add_row(*(cell(row) for cell in shown.values()))
    return table


def limits_table(
    heading: Heading,
    states: Sequence[LimitState],
    *,
    narrow: bool = False,
    ranges: Mapping[str, Sequence[float | None]] | None = None,
) -> Table:
    """Return the budget and the limits; of many, those that bind or have a price.

    ``ranges`` are those of ``shadow_price_ranges``; without any the table does not speak of them.
    """
    few = len(states) <= _ALL_SHOWN
    shown = [state for state in states if few or is_budget(state) or state.binding or state.price != 0.0]
    hidden = len(states) - len(shown)
    title = "Budget and limits" if few else f"Budget and binding limits ({hidden:,} more have room)"
    worth = f"objective a unit, {heading.objective}"
    table = Table(
        box=box.SIMPLE_HEAD,
        title=title,
        title_justify="left",
        caption="Shadow price: what one more unit on the limit's right side adds at most to the continuous "
        f"relaxation, in which lines may be mixed ({worth})."
        + (" It holds while that side stays within the range, all else as it stands." if ranges else ""),
        caption_justify="left",
    )
    for name in ("Limit", *(() if narrow else ("Measure",)), "Stated", "Reached", "", "Shadow price"):
        is_text = name in ("Limit", "Measure", "")
        table.add_column(
            name, justify="left" if is_text else "right", overflow="fold", no_wrap=name != "Limit"
        )
    if ranges:
        table.add_column("Holds", justify="right", no_wrap=True)
    for state in shown:
        sign = "≤" if state.sense > 0 else "≥"
        table.add_row(
            Text(state.name),
            *(() if narrow else (state.measure,)),
            f"{sign} {_quantity(state.stated, state.unit)}",
            _reached(state),
            "binds" if state.binding else "has room" if state.reached is not None else "counts nothing",
            f"{state.price:.4g}" if state.price else "0",
            *([_range(state, ranges.get(state.name))] if ranges else []),
        )
    return table


def _range(state: LimitState, ends: Sequence[float | None] | None) -> str:
    """Write the right sides at which a price holds; for a share or a rate by how much more the measure may be."""
    if ends is None:
        return "–"
    low, high = ends
    signed = state.unit != "amount"

    def text(end: float) -> str:
        if not signed:
            return amount(end)
        return f"{'−' if end < 0 else '+'}{amount(abs(end))}"

    if low is None or high is None:
        return (
            f"from {text(low)}"
            if low is not None
            else f"up to {text(high)}"
            if high is not None
            else "always"
        )
    return f"{text(low)} to {text(high)}"


def _money(value: float) -> str:
    if value != 0.0 and abs(value) < _SMALL:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= _NO_CENTS else f"{value:,.2f}"


def _reached(state: LimitState) -> str:
    """Write what a limit has reached with as many digits as tell it from what is stated, where it has room."""
    if state.reached is None:
        return "–"
    short = _quantity(state.reached, state.unit)
    if not state.binding and short == _quantity(state.stated, state.unit) and state.reached != state.stated:
        return f"{state.reached:,.8g}" if state.unit == "amount" else f"{100 * state.reached:.6g} %"
    return short


def _quantity(value: float, unit: str) -> str:
    return amount(value) if unit == "amount" else f"{100 * value:.2f} %"


def _times(summary: Mapping[str, Any]) -> str:
    seconds = summary["seconds"]
    parts = ", ".join(f"{stage} {seconds[stage]:.2f} s" for stage in STAGES if stage in seconds)
    return f"Time: {parts}; {summary['solver']}"
