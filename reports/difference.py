"""The difference of two plans in sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lendplan.reports.terminal import say

_LISTED = 10  # enterprises of each kind
_WORDS = {
    "new": "lent to now, and not before",
    "gone": "lent to before, and no more",
    "better": "a larger line or a lower rate",
    "worse": "a smaller line or a higher rate",
    "mixed": "a larger line at a higher rate, or a smaller one at a lower rate",
}


def show_difference(console: Console, record: Mapping[str, Any]) -> None:
    """Print the difference of two plans; ``record`` is that of ``Difference.to_dict``."""
    before, after = record["folders"]
    say(console, f"From {before} to {after}", "bold")
    for line in _questions(record):
        say(console, line)
    console.print(_totals(record["totals"]))
    counts = record["counts"]
    gained, lost = counts["new"] + counts["better"], counts["gone"] + counts["worse"]
    say(
        console,
        f"{gained:,} enterprises gained, {lost:,} lost, {counts['mixed']:,} got more of one and less of the other, "
        f"{counts['same']:,} are as they were.",
    )
    for kind, words in _WORDS.items():
        changes = [one for one in record["enterprises"] if one["kind"] == kind]
        if changes:
            say(console, f"{len(changes):,} {words}:", "bold")
            console.print(_changes(changes))
            if len(changes) > _LISTED:
                say(console, f"… and {len(changes) - _LISTED:,} more; --json names all", "dim")


def _questions(record: Mapping[str, Any]) -> list[str]:
    lines = [f"{key}: {_said(one)} → {_said(other)}" for key, (one, other) in record["settings"].items()]
    lines += [f"{role}: another table" for role in record["inputs"]]
    return lines or ["Both answer the same question from the same tables."]


def _said(value: Any) -> str:
    return "none" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)


def _totals(totals: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return totals before and after, and what each cause adds; causes that add nothing are left out."""
    causes = list(next(iter(totals.values()))["by"])
    used = [cause for cause in causes if any(one["by"][cause] for one in totals.values())]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "before", "after", "change", *(f"by {cause}" for cause in used)):
        table.add_column(name, justify="right" if name else "left")
    for name, one in totals.items():
        figures = (one["before"], one["after"])
        changes = (one["after"] - one["before"], *(one["by"][cause] for cause in used))
        table.add_row(name, *map(_amount, figures), *map(_signed, changes))
    return table


def _changes(changes: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    for name in ("enterprise", "line", "rate", "revenue"):
        table.add_column(name, justify="left" if name == "enterprise" else "right")
    for one in changes[:_LISTED]:
        table.add_row(
            Text(one["enterprise"]),
            _pair(*map(_amount, one["line"])),
            _pair(*map(_rate, one["rate"])),
            _pair(*map(_amount, one["revenue"])),
        )
    return table


def _pair(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.6g}"


def _signed(value: float) -> str:
    return "0" if value == 0 else f"{value:+,.0f}" if abs(value) >= 1e5 else f"{value:+,.5g}"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.6g} %"
