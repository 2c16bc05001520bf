"""The plan and the score on the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from reports_by_hand import PRICES, lent, result, three
from rich.console import Console

from lendplan.models.problem import Row
from lendplan.reports.progress import describe
from lendplan.reports.score import show_score
from lendplan.reports.summary import summarise
from lendplan.reports.tables import GradeTotals, LimitState, limit_states
from lendplan.reports.terminal import Heading, limits_table, show_plan
from lendplan.solvers.result import Progress

HEADING = Heading("Annual SME budget", "CNY", 10_000, "joint", "profit", 0.5, 150.0, "line")
GRADES = [
    GradeTotals("A", 1, 1, 100_000_000.0, 80_000_000.0, 8_000_000.0, 6_400_000.0, 800_000.0, 0.1),
    GradeTotals("B", 2, 1, 50.0, 25.0, 2.5, 2.0, 0.5, 0.1),
    GradeTotals("D", 1, 0, 0.0, 0.0, 0.0, 0.0, 0.0, None),
]


def by_hand(**fields: Any) -> tuple[dict[str, Any], list[LimitState]]:
    problem = three(limits=(Row("losses [all]", "risk", 1, amount=1.3), Row("idle", "count", -1, amount=1.0)))
    choice = lent(problem, 100, 50, 0)
    found = result(problem, **fields)
    states = limit_states(problem, choice, {**PRICES, "losses [all]": 0.0})
    return summarise(found, choice, states, certified_bound=7.1071, seconds={"read": 0.5}), states


def shown(
    width: int = 100, heading: Heading = HEADING, changes: dict[str, Any] | None = None, **fields: Any
) -> str:
    summary, states = by_hand(**fields)
    console = Console(record=True, width=width, file=io.StringIO())
    show_plan(console, heading, {**summary, **(changes or {})}, GRADES, states, "/plans/annual")
    return console.export_text()


def test_totals_against_the_budget() -> None:
    text = shown()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "Annual SME budget"
    assert "Objective 7.1 (profit; joint): proven to" in text
    assert "certified to 1.0e-03" in text
    assert "Budget used (line) 150 CNY × 10,000, 100.0 % of 150" in lines
    assert "Enterprises funded 2 of 3 eligible" in lines
    assert "Average rate 10.00 % interest over exposure" in lines
    assert "Exposure 105.00 expected to be drawn" in lines
    assert "Risk 1.30 expected loss" in lines
    assert "Profit 7.10 revenue less risk" in lines
    assert "Written to /plans/annual" in lines
    assert any(line.startswith("Time: read 0.50 s") for line in lines)


def test_grades_have_a_row_each_and_a_dash_where_nothing_is_drawn() -> None:
    lines = [" ".join(line.split()) for line in shown().splitlines()]
    assert "B 2 1 50.00 10.00 % 25.00 2.00 0.50" in lines
    assert "D 1 0 0.00 – 0.00 0.00 0.00" in lines


@pytest.mark.parametrize("width", [100, 140])
def test_no_header_and_no_figure_of_the_grades_is_wrapped_or_cut(width: int) -> None:
    """Amounts in plain currency may have nine digits."""
    lines = shown(width).splitlines()
    header = next(line for line in lines if line.split()[:1] == ["Grade"])
    assert header.split() == [
        "Grade", "Enterprises", "Funded", "Line", "Average", "rate", "Exposure", "Revenue", "Risk",
    ]  # fmt: skip
    row = next(line for line in lines if line.split()[:1] == ["A"])
    assert "…" not in row
    assert "100,000,000" in row


def test_limits_are_shown_with_brackets_as_they_are() -> None:
    lines = [" ".join(line.split()) for line in shown().splitlines()]
    assert "budget line ≤ 150 150 binds 0.03" in lines
    assert "losses [all] risk ≤ 1.3 1.3 binds 0" in lines


def test_of_many_limits_those_with_room_are_counted_alone() -> None:
    problem = three(limits=tuple(Row(f"idle {i}", "count", -1, amount=1.0) for i in range(60)))
    states = limit_states(problem, lent(problem, 100, 50, 0), PRICES)
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(limits_table(HEADING, states))
    text = console.export_text()
    assert "60 more" in text
    assert "idle" not in text
    assert "budget" in text


def test_the_caption_says_what_a_shadow_price_is() -> None:
    text = " ".join(shown().split())
    assert "Shadow price: what one more unit on the limit's right side" in text
    assert "objective a unit, profit" in text
    assert "adds at most to the continuous relaxation" in text


def test_a_wide_terminal_says_where_prices_hold() -> None:
    ranges = {"budget": [100.0, 150.5], "losses [all]": [1.3, None]}
    changes = {"shadow_price_ranges": ranges}
    lines = [" ".join(line.split()) for line in shown(130, changes=changes).splitlines()]
    assert "budget line ≤ 150 150 binds 0.03 100 to 150.5" in lines
    assert "losses [all] risk ≤ 1.3 1.3 binds 0 from 1.3" in lines
    assert any(line.startswith("idle count") and line.endswith("–") for line in lines)
    assert "all else as it stands" in " ".join(lines)
    assert "Holds" not in shown(100, changes=changes)
    assert "Holds" not in shown(130)


def test_what_is_left_is_explained() -> None:
    assert "Unspent: 5 of 150 is left: why." in shown(changes={"unspent_because": "5 of 150 is left: why"})
    assert "Unspent" not in shown()


def test_a_plan_that_is_not_proven_says_so_at_the_top() -> None:
    text = shown(changes={"status": "feasible", "gap": 0.02})
    assert "a limit was reached before the gap asked for" in text.splitlines()[1]
    assert "2.0e-02" in text


def test_two_stage_is_proven_for_its_own_stages_alone() -> None:
    text = " ".join(shown(changes={"gap": None, "certified_gap": 0.0123}).split())
    assert "best for its own two stages" in text
    assert "proven by HiGHS" not in text
    assert "7.1071" in text or "1.23 %" in text


def test_a_unit_of_one_is_not_shown() -> None:
    assert "CNY, 100.0 %" in shown(heading=replace(HEADING, unit=1))


def test_a_title_with_markup_is_shown_as_it_is() -> None:
    assert shown(heading=replace(HEADING, title="[bold]2027[/bold]")).startswith("[bold]2027[/bold]")


def score_shown(**changes: Any) -> str:
    summary, states = by_hand()
    console = Console(record=True, width=100, file=io.StringIO())
    show_score(console, HEADING, {**summary, "best": 8.0, "distance": 0.9, "broken": {}, **changes}, states)
    return console.export_text()


def test_a_score_names_worth_best_and_distance() -> None:
    text = score_shown()
    assert "This allocation is worth 7.1 (profit)" in text
    assert "The best plan is worth 8: 0.9 more than this" in text
    assert "It obeys the budget, every limit and every bound" in text


def test_a_score_lists_what_is_broken_and_by_how_much() -> None:
    lines = [
        " ".join(line.split())
        for line in score_shown(broken={"budget": 60.0, "group[x]": 1.5, "must": 1.0}).splitlines()
    ]
    assert "budget 60" in lines
    assert "group[x] 1.5" in lines
    assert "must (enterprises with `must: lend` that get nothing) 1" in lines


def test_a_score_without_a_plan_to_compare_with() -> None:
    assert "The best plan" not in score_shown(best=None, distance=None)


def test_a_step_of_the_search_is_one_line() -> None:
    assert describe(Progress("rates and lines")) == "rates and lines"
    assert (
        describe(Progress("rates and lines", 50.0, 55.0))
        == "rates and lines: best so far 50, at most 55, gap 1.0e-01"
    )
    assert describe(Progress("rates", None, 55.0)) == "rates, at most 55"
    assert describe(Progress("rates", 0.0, 0.0)) == "rates: best so far 0, at most 0"


def test_a_narrow_terminal_shows_fewer_columns_and_every_figure_whole() -> None:
    lines = shown(80).splitlines()
    header = next(line for line in lines if line.split()[:1] == ["Grade"])
    assert "Enterprises" not in header
    assert "…" not in "\n".join(lines)
    assert any("100,000,000" in line for line in lines)
