"""Explanations: by hand, on moved folders and changed inputs, and the text that the command prints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from workspace import BOOK, FREE_BOOK, Workspace, logged, snapshot

import lendplan
from lendplan.scenarios.generator import simulate_book


@pytest.fixture
def done(work: Workspace) -> Workspace:
    assert work.optimize().code == 0
    return work


def explained(work: Workspace, enterprise: str, folder: Path | None = None) -> tuple[dict[str, Any], str]:
    ran = work.run("explain", folder or work.plan, enterprise, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out), work.run("explain", folder or work.plan, enterprise).out


def price(work: Workspace) -> float:
    return float(work.json("summary")["shadow_prices"]["budget"])


def test_a_loan_by_hand(done: Workspace) -> None:
    """E1: 100 at 10 %, worth 100 · .056 − .1; it is worth it up to ρ with .8 (.08 − ρ) = λ + .001."""
    record, text = explained(done, "E1")
    loan, budget = record["loan"], price(done)
    assert record["decision"] == "lend"
    assert (loan["rate"], loan["line"]) == (0.1, 100)
    assert loan["value"] == pytest.approx(5.5)
    assert loan["charges"] == [
        {"name": "budget", "price": budget, "uses": 100.0, "cost": pytest.approx(100 * budget)}
    ]
    assert loan["net"] == pytest.approx(5.5 - 100 * budget, abs=1e-12)
    assert record["risk_weight"]["now"] == 0.01
    # At 5 %, all stay: .03 − ρ = λ + .001.
    most = max(0.08 - (budget + 0.001) / 0.8, 0.03 - budget - 0.001)
    assert record["risk_weight"]["lends_up_to"] == pytest.approx(most)
    assert text.startswith("E1 (grade A) is lent 100 at 10 % a year\n")
    assert "Risk weight 0.01:" in text


def test_a_refusal_by_hand(done: Workspace) -> None:
    """E2, B: at 10 % half stay, .5 (.08 − ρ); at 5 % all, .03 − ρ. It is declined for its price, and has one."""
    record, text = explained(done, "E2")
    budget = price(done)
    assert record["decision"] == "decline"
    assert record["best_net"] == 0
    best = max(100 * (0.5 * 0.06 - budget), 10 * (0.5 * 0.06 - budget)) - 0.1
    assert record["loan"]["net"] == pytest.approx(best)
    turns = record["risk_weight"]
    most = max(0.08 - 2 * (budget + 0.001), 0.03 - (budget + 0.001))
    assert turns["lends_up_to"] == (None if most < 0 else pytest.approx(most))
    assert record["rate"]["needed"] > 0.1
    assert text.startswith("E2 (grade B) is declined; the best it could have is")
    assert "with as many customers staying as at 10 %" in text


def test_must_lend_says_what_would_be_without_it(done: Workspace) -> None:
    record, text = explained(done, "E6")
    assert record["must_lend"]
    assert record["decision"] == "lend"
    assert record["loan"]["net"] < 0
    assert record["alternative"]["decision"] == "lend"
    assert "it must be lent to" in text
    assert "a loan would not be worth its price at any" in text


@pytest.mark.parametrize(
    ("enterprise", "said"),
    [
        ("E4", "E4 (grade D) is excluded: grade D is excluded"),
        ("E5", "E5 (grade A) is declined: must: decline"),
    ],
)
def test_who_takes_no_part_has_a_reason_and_no_numbers(done: Workspace, enterprise: str, said: str) -> None:
    record, text = explained(done, enterprise)
    assert record["loan"] is None
    assert record["risk_weight"] is None
    assert text.startswith(said)


def test_an_unknown_enterprise(done: Workspace) -> None:
    ran = done.run("explain", done.plan, "e1")
    assert ran.code == 3
    assert ran.err == "the plan has no enterprise 'e1'; did you mean 'E1'?\n"
    ran = done.run("explain", done.plan, "Other")
    assert ran.err == "the plan has no enterprise 'Other'; it has E1, E2, E3, E4, E5 and 1 more\n"
    assert done.run("explain", done.plan).code == 2


def test_python_gives_the_same(done: Workspace) -> None:
    record, _ = explained(done, "E1")
    assert json.loads(json.dumps(lendplan.explain(done.plan, "E1").to_dict())) == record
    with pytest.raises(lendplan.InputError, match="no such folder"):
        lendplan.read_plan(done.folder / "nowhere")


def test_the_break_even_turns_the_decision_at_the_prices(done: Workspace) -> None:
    """The book with another risk weight for E1, under the prices of the plan as it was: just below, and just above."""
    record, _ = explained(done, "E1")
    most = record["risk_weight"]["lends_up_to"]
    plan = lendplan.read_plan(done.plan)
    for factor, decision in ((1 - 1e-4, "lend"), (1 + 1e-4, "decline")):
        assert plan.quote(grade="A", risk_weight=most * factor).decision == decision


def test_a_moved_folder_and_nothing_written(done: Workspace) -> None:
    before = explained(done, "E1")
    moved = done.folder / "archive" / "plan of a day"
    shutil.copytree(done.plan, moved)
    files = snapshot(moved)
    assert explained(done, "E1", moved) == before
    assert snapshot(moved) == files


def test_tables_that_came_as_frames_move_with_the_plan(tmp_path: Path) -> None:
    book = simulate_book(40, 3)
    plan = lendplan.from_frames(
        book,
        title="frames",
        currency="CNY",
        lines={"min": 10, "max": 100},
        budget={"total": 300},
        objective={"kind": "weighted", "revenue_weight": "60%"},
    ).solve()
    moved = plan.write(tmp_path / "one").rename(tmp_path / "two")
    read = lendplan.read_plan(moved)
    assert list(read.choice.line) == list(plan.choice.line)
    assert read.prices == plan.result.prices
    assert read.price_ranges == plan.result.price_ranges
    assert read.problem.value(read.choice) == pytest.approx(plan.summary["objective"])
    for name, row in zip(book["enterprise"], plan.allocations.to_dict("records"), strict=True):
        one = read.explain(name)
        assert one.decision == row["decision"]
        if one.decision == "lend":
            assert one.loan is not None
            assert one.loan.value == pytest.approx(row["value"])
            assert one.loan.rate == row["rate"]


@pytest.mark.parametrize("command", [["explain", "E1"], ["quote", "--grade", "A", "--risk-weight", "0"]])
def test_a_changed_table_is_refused(done: Workspace, command: list[str]) -> None:
    (done.folder / "book.csv").write_text(BOOK.replace("E1,A,0.02", "E1,A,0.03"), encoding="utf-8")
    ran = done.run(command[0], done.plan, *command[1:])
    assert ran.code == 3
    assert "book.csv: has changed since the plan was made" in ran.err
    assert "solve the scenario again" in ran.err


def test_a_missing_table_is_refused(done: Workspace) -> None:
    (done.folder / "churn.csv").unlink()
    ran = done.run("explain", done.plan, "E1")
    assert ran.code == 3
    assert "no such file" in ran.err


def test_a_changed_scenario_is_told(done: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    before, _ = explained(done, "E1")
    done.scenario.write_text(done.scenario.read_text(encoding="utf-8") + "# later\n", encoding="utf-8")
    assert explained(done, "E1")[0] == before
    assert "has changed since the plan was made; the plan answers the earlier one" in logged(caplog)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("certificate.json", '"budget": ', '"budget": -', "prices.budget: has the wrong sign"),
        ("certificate.json", '"budget": ', '"budgte": ', "prices.budgte: the scenario has no such limit"),
        ("allocations.csv", "E1,A,lend,0.1,", "E1,A,lend,0.11,", "a rate that the scenario does not offer"),
        ("allocations.csv", "\nE1,", "\nE9,", "is not the allocation of the book"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(
    work: Workspace, name: str, old: str, new: str, said: str
) -> None:
    work.write(book=FREE_BOOK)
    assert work.optimize().code == 0
    path = work.plan / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    ran = work.run("explain", work.plan, "E2")
    assert ran.code == 3
    assert said in ran.err


def test_two_stage_says_that_a_rule_shared_the_lines(work: Workspace) -> None:
    assert work.optimize("formulation=two_stage").code == 0
    record, text = explained(work, "E1")
    assert "two_stage shares the lines by its own rule" in text
    assert record["loan"]["line"] == work_line(work, "E1")


def work_line(work: Workspace, enterprise: str) -> float:
    table = pd.read_csv(work.plan / "allocations.csv").set_index("enterprise")
    return float(table.loc[enterprise, "line"])  # type: ignore[arg-type]


def test_nets_and_prices_add_up_to_the_certified_bound(work: Workspace) -> None:
    """Σ best net + Σ price · right side is D(λ): what an explanation calls best is the certificate's part."""
    work.write(book=FREE_BOOK)
    assert (
        work.optimize("budget.total=90", "solver.gap=0.5").code == 0
    )  # no search, so D(λ) is what is certified
    plan = lendplan.read_plan(work.plan)
    names = [name for name in plan.position if plan.eligible[plan.position[name]] >= 0]
    parts = sum(plan.explain(name).best_net or 0.0 for name in names)
    total = parts + sum(plan.prices[row.name] * row.amount for row in plan.problem.rows)
    assert total == pytest.approx(work.json("summary")["certified_bound"], rel=1e-5)
