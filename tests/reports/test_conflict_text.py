"""Why no plan exists, as lines to read."""

from __future__ import annotations

import re

import pytest
from reports_by_hand import three

from lendplan.models.problem import Problem, Row
from lendplan.reports.conflict import conflict_lines, outward
from lendplan.solvers.result import Conflict, LimitChange


def problem() -> Problem:
    return three(
        limits=(
            Row("losses", "risk", 1, amount=2.0),
            Row("grade B", "line", 1, share=0.25),
            Row("reach", "count", -1, amount=3.0),
            Row("mean", "average_rate", 1, rate=0.07),
            Row("micro", "line", -1, share=0.4),
        )
    )


def text(*changes: LimitChange, relaxed: bool = False, together: bool = True) -> str:
    return "\n".join(conflict_lines(Conflict(changes, relaxed, together), problem()))


def test_each_limit_states_itself_and_what_would_do() -> None:
    said = text(
        LimitChange("budget", 150, "amount", 1250.5, 150),
        LimitChange("losses", 2, "amount", None, 2),
        LimitChange("grade B", 0.25, "share", 0.3, 0.25),
        LimitChange("reach", 3, "amount", 2, 2),
        LimitChange("mean", 0.07, "rate", 0.0725, 0.07),
        LimitChange("must", 4, "enterprises", 3, 4),
    )
    assert said.splitlines() == [
        "No plan obeys the budget and all limits together.",
        "In conflict:",
        "  budget of 150: alone, 1,250.5 would do",
        "  `losses`, at most 2: not alone",
        "  `grade B`, at most 25 %: alone, 30 % would do",
        "  `reach`, at least 3: alone, 2 would do",
        "  `mean`, at most 7 %: alone, 7.25 % would do",
        "  `must: lend` for 4 enterprises: alone, 3 of them would do",
        "Least total change: `reach` 3 → 2.",
    ]


def test_the_least_total_change_names_all_that_move() -> None:
    said = text(
        LimitChange("budget", 150, "amount", None, 160), LimitChange("grade B", 0.25, "share", None, 0.275)
    )
    assert said.endswith("Least total change: budget 150 → 160, `grade B` 25 % → 27.5 %.")


def test_what_the_time_did_not_allow_is_not_claimed() -> None:
    said = text(
        LimitChange("losses", 2, "amount", None, 2.5, alone_proven=False),
        LimitChange("grade B", 0.25, "share", 0.3, 0.25, alone_proven=False),
        together=False,
    )
    assert "`losses`, at most 2: not found alone in the time allowed" in said
    assert "alone, 30 % would do (less may do" in said
    assert "Least total change" not in said
    assert "not proven the least" in said
    assert "not alone" not in said


def test_limits_that_are_not_proven_to_be_needed_are_not_called_so() -> None:
    change = LimitChange("losses", 2, "amount", None, 2, alone_proven=False)
    lines = conflict_lines(Conflict((change,), False, False, needed_proven=False), problem())
    assert "In conflict (perhaps without some of these: the time ran out):" in lines
    assert "In conflict:" not in lines


def test_all_or_nothing_is_said_where_the_relaxation_is_feasible() -> None:
    change = LimitChange("losses", 2, "amount", 3, 3)
    assert "all-or-nothing" in text(change, relaxed=True)
    assert "all-or-nothing" not in text(change)


def test_one_enterprise_is_spoken_of_in_the_singular() -> None:
    assert "`must: lend` for 1 enterprise:" in text(LimitChange("must", 1, "enterprises", 0, 1))


@pytest.mark.parametrize(
    ("value", "sense", "rounded"),
    [
        (12.34567891, 1, 12.3457),
        (12.34567891, -1, 12.3456),
        (0.333333333333, 1, 0.333334),
        (0.333333333333, -1, 0.333333),
        (10.0, 1, 10.0),
        (10.0000000001, 1, 10.0),
        (0.0, 1, 0.0),
        (-5.5555555, 1, -5.55555),
    ],
)
def test_figures_are_rounded_away_from_the_limit(value: float, sense: int, rounded: float) -> None:
    assert outward(value, sense) == pytest.approx(rounded, rel=1e-12)


@pytest.mark.parametrize("alone", [12.3412, 1234.5678, 100.001, 0.00012345678, 7.005])
def test_the_printed_figure_does_what_it_says(alone: float) -> None:
    """A budget of the figure as printed must be enough, and `at least` as printed must be little enough."""
    found = re.search(
        r"alone, ([\d.,e+-]+) would do", text(LimitChange("budget", 1e-5, "amount", alone, 1e-5))
    )
    assert found
    assert alone <= float(found[1].replace(",", "")) * (1 + 1e-12) <= alone * 1.001
    found = re.search(r"alone, ([\d.,e+-]+) would do", text(LimitChange("reach", 9e9, "amount", alone, 9e9)))
    assert found
    assert alone * 0.999 <= float(found[1].replace(",", "")) * (1 - 1e-12) <= alone
