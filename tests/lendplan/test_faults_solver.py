"""Limits of the search, answers that cannot be trusted, and amounts on another scale.

Everywhere: the exit code, a message that says where, no traceback, and every file that stood before stands.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from workspace import (
    FREE_BOOK,
    PROFIT,
    SCENARIO,
    Workspace,
    limits,
)

from lendplan.certify.report import Check, Report
from lendplan.solvers import engine
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.result import StopReason


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# Limits of the search ---------------------------------------------------------------------------------------------


def answering(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[engine.Outcome], engine.Outcome], stage: str
) -> None:
    """Change what the solver returns for one stage."""
    real = engine.run
    monkeypatch.setattr("lendplan.solvers.methods.chosen", lambda *_: "highs")

    def run(model: ArrayModel, *args: Any, **kwargs: Any) -> engine.Outcome:
        outcome = real(model, *args, **kwargs)
        return change(outcome) if kwargs["stage"] == stage else outcome

    for place in ("engine", "highs", "relaxation", "polish"):
        monkeypatch.setattr(f"lendplan.solvers.{place}.run", run)


def test_a_time_limit_with_a_plan_writes_it_and_says_so(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With 100 to lend the relaxation spreads a fixed cost that a plan must pay whole, so its bound is not reached.
    answering(
        monkeypatch,
        lambda found: replace(found, stop=StopReason.TIME_LIMIT, bound=2 * found.bound),
        "rates and lines",
    )
    work.write(book=FREE_BOOK)
    ran_ = work.optimize("budget.total=100")
    assert ran_.code == 5
    assert "time limit" in ran_.err
    assert "best so far" in ran_.err
    summary = work.json("summary")
    assert summary["status"] == "feasible"
    assert summary["objective"] == pytest.approx(5.56)  # 40·.06 + 60·.056 − 2·0.1
    assert summary["gap"] > 1e-6
    assert work.run("verify", work.plan).code == 0
    shown = work.optimize("budget.total=100", options=("--json",))
    assert shown.code == 5
    assert json.loads(shown.out)["status"] == "feasible"


def test_an_unproven_plan_does_not_say_that_no_more_could_be_lent(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poor(found: engine.Outcome) -> engine.Outcome:
        return replace(found, stop=StopReason.TIME_LIMIT, x=np.zeros_like(found.x))

    answering(monkeypatch, poor, "rates and lines")
    work.write(book=FREE_BOOK)
    assert work.optimize().code == 5
    because = work.json("summary")["unspent_because"]
    assert "150 of 150 is left" in because
    assert "no further line" not in because
    assert "no enterprise" not in because
    assert "all-or-nothing" not in because
    assert "least line that is worth lending" not in because


def test_a_time_limit_without_a_plan_writes_nothing(planned: Workspace) -> None:
    err = planned.refused("solver.time_limit=1e-9", code=6)
    assert "time limit" in err
    assert "solver.time_limit" in err


# Answers that cannot be trusted -----------------------------------------------------------------------------------


def test_an_offer_of_nearly_one_is_rounded(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def dusty(found: engine.Outcome) -> engine.Outcome:
        assert found.x is not None
        return replace(found, x=np.where(found.x > 0, found.x * 0.9999995, 3e-8))

    answering(monkeypatch, dusty, "rates and lines")
    assert work.optimize().code == 0
    assert [float(row["line"]) for row in rows(work.allocations())] == [100, 0, 40, 0, 0, 10]
    assert work.json("summary")["objective"] == pytest.approx(PROFIT, rel=1e-12)


def test_a_wrong_objective_is_recomputed(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda found: replace(found, objective=1e6), "rates and lines")
    assert work.optimize().code == 0
    assert work.json("summary")["objective"] == pytest.approx(PROFIT, rel=1e-12)


def test_a_bound_below_the_plan_is_not_believed(planned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda found: replace(found, bound=5.0), "rates and lines")
    err = planned.refused(code=7)
    assert "bound" in err


@pytest.mark.parametrize("stage", ["shadow prices", "rates and lines"])
def test_a_solver_that_fails_without_an_answer(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def failed(found: engine.Outcome) -> engine.Outcome:
        return replace(found, stop=StopReason.FAILED, x=None, row_dual=None, detail="Solve error")

    answering(monkeypatch, failed, stage)
    err = planned.refused(code=7)
    assert "Solve error" in err


def test_a_bad_status_with_an_answer_is_told(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan in hand is checked like any other; that the solver gave up is said, in its own words."""
    answering(
        monkeypatch,
        lambda found: replace(found, stop=StopReason.FAILED, bound=np.inf, detail="Iteration limit reached"),
        "rates and lines",
    )
    work.write(book=FREE_BOOK)
    ran_ = work.optimize("budget.total=100")
    assert ran_.code in (5, 7)
    assert "the failed" not in ran_.err
    assert "Iteration limit reached" in ran_.err


def test_an_answer_that_claims_to_be_optimal_and_is_not(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan of far less than the bound, called optimal: no limit was reached, and none may be named."""

    def lazy(found: engine.Outcome) -> engine.Outcome:
        assert found.x is not None
        return replace(found, x=np.zeros_like(found.x))

    answering(monkeypatch, lazy, "rates and lines")
    work.write(book=FREE_BOOK)
    ran_ = work.optimize("budget.total=100")
    assert ran_.code == 7
    assert "the proven" not in ran_.err


def test_two_rates_for_one_enterprise_are_no_answer(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(found: engine.Outcome) -> engine.Outcome:
        assert found.x is not None
        return replace(found, x=np.ones_like(found.x))

    answering(monkeypatch, everything, "rates and lines")
    # A limit on the mean rate keeps both rates in the question.
    planned.write(SCENARIO + limits("name: mean, measure: average_rate, at_most: 9%"))
    assert "two rates" in planned.refused(code=7)


def test_nan_from_the_solver_is_no_answer(planned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import highspy

    real = highspy.Highs.getSolution

    class Broken:
        def __init__(self, found: Any) -> None:
            self.col_value = [float("nan")] * len(found.col_value)
            self.row_dual = found.row_dual

    monkeypatch.setattr(highspy.Highs, "getSolution", lambda self: Broken(real(self)))
    err = planned.refused(code=7)
    assert "NaN" in err


def test_a_plan_that_fails_the_independent_check_is_not_written(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Report((Check("limit grade C", False, "left 2, right 1, excess 1"),), None)
    monkeypatch.setattr("lendplan.plan.verify", lambda _: report)
    err = planned.refused(code=7)
    assert "limit grade C" in err
    assert "excess 1" in err


def test_where_no_plan_stood_a_failed_check_leaves_not_even_a_folder(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lendplan.plan.verify", lambda _: Report((Check("x", False, "y"),), None))
    work.refused(code=7)


def test_lines_that_break_a_limit_never_reach_the_disk(
    planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way from a wrong answer to the check, with nothing replaced but the lines."""
    from lendplan.solvers import highs

    def doubled(problem: Any, rate: Any, line: Any, options: Any, **_: Any) -> Any:
        del problem, options
        return rate, np.where(rate >= 0, line * 2, 0.0)

    monkeypatch.setattr("lendplan.solvers.methods.chosen", lambda *_: "highs")
    monkeypatch.setattr(highs, "polish", doubled)
    monkeypatch.setattr(highs, "_BOUND_SLIP", np.inf)
    err = planned.refused(code=7)
    assert "check" in err


# Scale --------------------------------------------------------------------------------------------------------


def scaled(work: Workspace, factor: float, kind: str) -> list[tuple[str, str, float]] | None:
    """Solve the scenario with every amount times `factor`; return decisions and lines in the old unit."""
    text = FREE_BOOK
    for old in (",5,50,20,",):
        text = text.replace(old, f",{5 * factor!r},{50 * factor!r},{20 * factor!r},")
    work.write(
        "title: scaled\ncurrency: CNY\nenterprises: book.csv\nchurn: churn.csv\n"
        f"lines: {{min: {10 * factor!r}, max: {100 * factor!r}}}\nbudget: {{total: {117 * factor!r}}}\n"
        f"economics: {{funding_cost: 1%, operating_cost: 1%, fixed_cost: {0.1 * factor!r}}}\n"
        f"objective: {{kind: {kind}}}\n"
        + limits(
            "name: retail, measure: line, where: {industry: retail}, at_most: 60%",
            "name: mean, measure: average_rate, at_most: 9%",
            f"name: losses, measure: risk, at_most: {0.6 * factor!r}",
            "name: reach, measure: count, at_least: 2",
        ),
        book=text,
    )
    ran_ = work.optimize()
    if ran_.code == 3:
        return None
    assert ran_.code == 0, ran_.err
    assert work.run("verify", work.plan).code == 0
    return [(row["decision"], row["rate"], float(row["line"]) / factor) for row in rows(work.allocations())]


@pytest.mark.parametrize("kind", ["profit", "weighted"])
@pytest.mark.parametrize("factor", [1e8, 1e-8, 1e4, 1e-4])
def test_amounts_on_another_scale_give_the_same_plan(work: Workspace, factor: float, kind: str) -> None:
    plain, other = scaled(work, 1.0, kind), scaled(work, factor, kind)
    assert plain is not None
    if other is None:  # refused as bad input: also right
        return
    assert [one[:2] for one in other] == [one[:2] for one in plain]
    assert [one[2] for one in other] == pytest.approx([one[2] for one in plain], rel=1e-6)
