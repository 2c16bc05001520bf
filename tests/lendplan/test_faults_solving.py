"""Nothing to lend, nothing feasible, and what happens when the search ends early.

Everywhere: the exit code, a message that says where, no traceback, and every file that stood before stands.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import numpy as np
import pytest
from workspace import (
    FREE_BOOK,
    SCENARIO,
    Workspace,
    limits,
    snapshot,
)

from lendplan.solvers import engine
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.result import StopReason


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# Nothing to lend, and nothing feasible ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["profit", "weighted"])
@pytest.mark.parametrize("basis", ["line", "exposure"])
def test_a_budget_of_zero_gives_an_empty_plan(work: Workspace, kind: str, basis: str) -> None:
    work.write(book=FREE_BOOK)
    ran_ = work.optimize(
        "budget.total=0", f"objective.kind={kind}", f"budget.basis={basis}", options=("--json",)
    )
    assert ran_.code == 0, ran_.err
    summary = json.loads(ran_.out)
    assert (summary["status"], summary["funded"], summary["line"], summary["gap"]) == ("optimal", 0, 0, 0)
    assert {row["decision"] for row in rows(work.allocations())} == {"decline", "excluded"}
    assert work.run("verify", work.plan).code == 0


def test_nobody_eligible_gives_an_empty_plan(work: Workspace) -> None:
    work.write(book=FREE_BOOK)
    assert work.optimize("exclude_grades=[A, B, D]").code == 0
    assert "no enterprise is eligible" in work.json("summary")["unspent_because"]


def test_must_lend_beyond_the_budget_is_infeasible_and_explained(planned: Workspace) -> None:
    before = snapshot(planned.folder)
    ran_ = planned.optimize("budget.total=8")
    assert ran_.code == 4
    assert ran_.out == ""
    assert "budget of 8: alone, 10 would do" in ran_.err
    assert "must: lend" in ran_.err
    assert "Least total change" in ran_.err
    assert "8 → 10" in ran_.err  # a change of 25 %, and letting the one enterprise go would be all of it
    assert snapshot(planned.folder) == before


def test_an_infeasible_scenario_prints_its_status_as_json(planned: Workspace) -> None:
    before = snapshot(planned.folder)
    ran_ = planned.optimize("budget.total=8", options=("--json",))
    assert ran_.code == 4
    summary = json.loads(ran_.out)
    assert summary["status"] == "infeasible"
    assert "budget" in ran_.err
    assert snapshot(planned.folder) == before


def test_a_limit_that_no_other_change_can_help_is_named_not_alone(work: Workspace) -> None:
    # At least 3 borrowers of at least 10 need a budget of 30 and more than `most` of 20: neither alone will do.
    work.write(
        SCENARIO
        + limits("name: reach, measure: count, at_least: 3", "name: most, measure: line, at_most: 20"),
        book=FREE_BOOK,
    )
    ran_ = work.optimize("budget.total=20")
    assert ran_.code == 4
    assert "`reach`, at least 3: alone, 2 would do" in ran_.err
    assert "`most`, at most 20: not alone" in ran_.err
    assert "`reach` 3 → 2" in ran_.err


def test_limits_that_take_no_part_in_the_conflict_are_not_named(work: Workspace) -> None:
    work.write(
        SCENARIO
        + limits(
            "name: farming, measure: line, where: {industry: farming}, at_least: 70",
            "name: idle, measure: line, where: {industry: retail}, at_most: 90%",
        ),
        book=FREE_BOOK,
    )
    ran_ = work.optimize()
    assert ran_.code == 4
    assert "`farming`, at least 70: alone, 40 would do" in ran_.err
    assert "idle" not in ran_.err


def test_a_conflict_with_a_share_is_told_in_shares(work: Workspace) -> None:
    work.write(
        SCENARIO
        + limits(
            "name: micro, measure: line, where: {size: micro}, at_least: 99%",
            "name: small, measure: line, where: {size: small}, at_least: 40",
        ),
        book=FREE_BOOK,
    )
    ran_ = work.optimize()
    assert ran_.code == 4
    assert re.search(r"`micro`, at least 99 %: alone, \d\d(\.\d+)? % would do", ran_.err)


def test_shares_of_several_limits_that_leave_nothing_to_lend_are_refused(work: Workspace) -> None:
    """Everyone is micro or small: 30 % and 40 % of the plan are no plan, in the conflict of the two alone."""
    micro = "name: few micro, measure: line, where: {size: micro}, at_most: 30%"
    small = "name: few small, measure: line, where: {size: [small, (blank)]}, at_most: 40%"
    other = "name: grade A, measure: line, where: {grade: A}, at_most: 90%"
    work.write(SCENARIO + limits(micro, small, other), book=FREE_BOOK)
    err = work.refused()
    assert "`few micro` at most 30 %, `few small` at most 40 %" in err
    assert "lending nothing" in err
    assert "grade A" not in err
    work.write(SCENARIO + limits(micro, small.replace("40%", "70%"), other), book=FREE_BOOK)
    assert work.optimize().code == 0


def test_a_budget_below_the_least_line_is_told_as_such(work: Workspace) -> None:
    work.write(book=FREE_BOOK)
    assert work.optimize("budget.total=5").code == 0
    assert "the least line that is worth lending is 10" in work.json("summary")["unspent_because"]
    assert "-0" not in work.json("summary")["gap"].__repr__()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("exclude_grades=[D, a]", "no enterprise has the grade 'a'; did you mean 'A'?"),
        ("grade_factor={Z: 1}", "grade_factor: no enterprise has the grade 'Z'"),
        ("churn_as={Q: A}", "churn_as: no enterprise has the grade 'Q'"),
    ],
)
def test_a_grade_that_nobody_has_is_a_warning(
    work: Workspace, caplog: pytest.LogCaptureFixture, setting: str, said: str
) -> None:
    work.write(book=FREE_BOOK)
    assert work.run("check", work.scenario, "--set", setting).code == 0
    assert said in caplog.text


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("by: grade, at_least: 5", "limit `least` asks nothing of `D`: the book has enterprises there"),
        ("by: grade, where: {industry: [farming]}, at_least: 5", "limit `least` asks nothing of `D`"),
        ("by: grade, where: {industry: [retail]}, at_least: 5", ""),  # D is in farming alone
        ("by: grade, at_most: 100", ""),
        ("by: grade, where: {grade: [A]}, at_least: 5", ""),
    ],
)
def test_a_group_of_which_nobody_is_eligible_is_a_warning(
    work: Workspace, caplog: pytest.LogCaptureFixture, limit: str, said: str
) -> None:
    work.write(SCENARIO + limits(f"name: least, measure: line, {limit}"), book=FREE_BOOK)
    ran = work.optimize()
    assert ran.code == 0, ran.err
    assert ("asks nothing" in caplog.text) == bool(said)
    assert said in caplog.text
    assert work.run("verify", work.plan).code == 0


def test_a_header_that_is_nearly_ours_is_a_warning(work: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    work.write(book=FREE_BOOK.replace("line_max", "Line Max"))
    assert work.run("check", work.scenario).code == 0
    assert "column 'Line Max' is read as a further column; if 'line_max' is meant" in caplog.text


def test_a_book_without_any_grade_is_said_once(work: Workspace) -> None:
    work.write(book=FREE_BOOK.replace("grade", "Rating", 1))
    err = work.refused()
    assert err.count("no enterprise has a grade") == 1
    assert len(err.splitlines()) == 1


def test_infeasible_only_because_lines_are_all_or_nothing(work: Workspace) -> None:
    work.write(
        SCENARIO
        + limits(
            "name: least, measure: line, where: {grade: B}, at_least: 5",
            "name: most, measure: line, where: {grade: B}, at_most: 8",
        ),
        book=FREE_BOOK,
    )
    ran_ = work.optimize()
    assert ran_.code == 4
    assert "all-or-nothing" in ran_.err
    assert "`least`, at least 5: alone, 0 would do" in ran_.err
    assert "`most`, at most 8: alone, 10 would do" in ran_.err


def test_a_conflict_of_the_relaxation_is_not_put_down_to_all_or_nothing(work: Workspace) -> None:
    work.write(SCENARIO + limits("name: least, measure: line, where: {grade: B}, at_least: 500"))
    ran_ = work.optimize()
    assert ran_.code == 4
    assert "all-or-nothing" not in ran_.err


def test_an_explanation_that_runs_out_of_time_claims_no_more_than_it_proved(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each model of the explanation ends at once with nothing in hand."""

    def nothing(model: ArrayModel, *_: Any, **__: Any) -> engine.Outcome:
        del model
        return engine.Outcome(StopReason.TIME_LIMIT, False, None, -np.inf, np.inf, None, "Time limit reached")

    monkeypatch.setattr("lendplan.solvers.conflict.run", nothing)
    work.write(SCENARIO + limits("name: least, measure: line, where: {grade: B}, at_least: 500"))
    ran_ = work.optimize()
    assert ran_.code == 4
    assert "all-or-nothing" not in ran_.err
    assert "not alone" not in ran_.err
    assert "Least total change" not in ran_.err
