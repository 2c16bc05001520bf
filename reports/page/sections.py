"""What the page says of one point: its headline, grades, curves, limits and certificate, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from lendplan.data.findings import Finding, InputError
from lendplan.reports.contents import PlanTold, Point, Report
from lendplan.reports.page import texts, words
from lendplan.reports.tables import GradeTotals, LimitState, is_budget

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_ROWS = 200
"""Rows of the tables of grades, curves and limits; what is beyond is counted below them."""


class PageError(InputError):
    """No page can be made."""


@dataclass(frozen=True)
class Card:
    """A headline figure."""

    title: str
    value: str
    note: str
    share: float | None = None  # of a whole, drawn as a bar


def cards(told: PlanTold) -> list[Card]:
    """Return the headline figures of a plan."""
    summary = told.summary
    rows = told.enterprises.rows
    found = [
        Card(
            "Lent to", f"{summary['funded']:,}", f"of {summary['eligible']:,} eligible, {rows:,} in the book"
        ),
        *_budget(told),
        Card("Average rate", texts.rate(summary["average_rate"]), "a year: interest over exposure"),
        Card("Revenue", texts.money(summary["revenue"]), "a year, after funding and costs"),
        Card("Expected loss", texts.money(summary["risk"]), "a year"),
        Card("Profit", texts.money(summary["profit"]), "revenue less expected loss"),
    ]
    title = "Objective, no unit" if words.is_weighted(told) else "Objective"
    return [*found, Card(title, texts.figure(summary["objective"]), words.standing_of(summary))]


def _budget(told: PlanTold) -> list[Card]:
    summary = told.summary
    lines = Card("Credit lines", texts.money(summary["line"]), f"{texts.money(summary['exposure'])} is drawn")
    budget = next((state for state in told.limits if is_budget(state)), None)
    if budget is None or budget.stated <= 0:
        return [lines]
    used = summary["budget_used"] / budget.stated
    note = f"of {texts.amount(budget.stated)}: {texts.rate(used)}, counted in {words.measure(budget)}"
    return [lines, Card("Budget used", texts.money(summary["budget_used"]), note, min(max(used, 0.0), 1.0))]


def shown_limits(told: PlanTold) -> tuple[list[LimitState], int]:
    """Return the limits that the page shows, those that matter first kept, and how many it does not."""
    states = list(told.limits)
    if len(states) <= MOST_ROWS:
        return states, 0
    order = sorted(
        range(len(states)),
        key=lambda at: (
            not is_budget(states[at]),
            not states[at].binding,
            -abs(states[at].price),
            at,
        ),
    )
    kept = sorted(order[:MOST_ROWS])
    return [states[at] for at in kept], len(states) - len(kept)


def shown_grades(told: PlanTold) -> tuple[list[GradeTotals], int]:
    """Return the grades that the page shows, those with the largest lines kept, and how many it does not."""
    grades = list(told.grades)
    order = sorted(range(len(grades)), key=lambda at: (-grades[at].line, at))[:MOST_ROWS]
    return [grades[at] for at in sorted(order)], len(grades) - len(order)


def headline_html(told: PlanTold) -> str:
    """Return the headline figures of a plan as HTML."""
    parts: Any = environment().get_template("parts.html.jinja").module
    return str(parts.headline(cards(told), told))


def sections(report: Report, point: Point) -> dict[str, str]:
    """Return the parts of the page that belong to a point with a plan, each as HTML, by the id of their place."""
    told = point.told
    assert told is not None
    limits, more_limits = shown_limits(told)
    grades, more_grades = shown_grades(told)
    said: Any = environment().get_template("parts.html.jinja").module
    return {
        "grades-table": str(said.grades(grades, more_grades, report.money, words.allocations(report))),
        "churn-table": str(
            said.churn(
                told.chosen[:MOST_ROWS],
                max(len(told.chosen) - MOST_ROWS, 0),
                report.money,
                words.allocations(report),
            )
        ),
        "limits-table": str(said.limits(limits, more_limits, told, report.money)),
        "certificate-words": str(said.certificate(told)),
    }


@cache
def environment() -> Environment:
    """Return the environment of the templates: all texts are escaped, and a name that is not there is an error.

    Raises
    ------
    PageError
        If Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        message = "the page takes Jinja2; install it with: pip install 'lendplan[report]'"
        raise PageError(Finding(message)) from error

    made = Environment(
        loader=PackageLoader("lendplan.reports.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        text=texts.marked,
        money=texts.money,
        amount=texts.amount,
        rate=texts.rate,
        plain=lambda text: texts.clean(text, texts.LONG),
        has_chinese=texts.is_chinese,
    )
    made.globals.update(words=words, counted=texts.counted)
    return made


def page_html(**context: Any) -> str:
    """Return the whole page."""
    return environment().get_template("page.html.jinja").render(**context)


def grade_names(points: Sequence[Point]) -> list[str]:
    """Return the grades of all plans, sorted: the places on the axis of the figures by grade."""
    return sorted({one.grade for point in points if point.told is not None for one in point.told.grades})
