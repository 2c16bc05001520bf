"""Two plans side by side, by hand: who gained, who lost, and sums that add up."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from workspace import BOOK, SCENARIO, Workspace

import lendplan
from lendplan.diff import CAUSES, Difference, diff

SHIPPED = Path(lendplan.__file__).resolve().parents[1] / "scenarios" / "annual_budget.yaml"


def plan(work: Workspace, name: str, *settings: str) -> Path:
    folder = work.folder / name
    ran = work.optimize(*settings, options=("--output", folder))
    assert ran.code == 0, ran.err
    return folder


def by(difference: Difference, measure: str) -> dict[str, float]:
    return {cause: value for cause, value in difference.causes[measure].items() if value}


def kinds(difference: Difference) -> dict[str, str]:
    return {change.enterprise: change.kind for change in difference.changes}


def test_a_larger_budget_by_hand(work: Workspace) -> None:
    """With 250 E2 gets 100 at 10 %: it draws 50, and earns 50 · 8 % − .1 = 3.9, with a risk of 50 · 2 % = 1."""
    found = diff(plan(work, "a"), plan(work, "b", "budget.total=250"))
    assert found.settings == {"budget.total": (150.0, 250.0)}
    assert found.inputs == ()
    assert kinds(found) == {"E2": "new"}
    assert found.counts == {"new": 1, "gone": 0, "better": 0, "worse": 0, "mixed": 0, "same": 5}
    assert by(found, "revenue") == {"new loans": pytest.approx(3.9)}
    assert by(found, "risk") == {"new loans": pytest.approx(1.0)}
    assert by(found, "profit") == {"new loans": pytest.approx(2.9)}
    assert by(found, "funded") == {"new loans": 1.0}
    assert found.totals["line"] == (150.0, 250.0)
    assert found.changes[0].to_dict() == {
        "enterprise": "E2",
        "kind": "new",
        "decision": ["decline", "lend"],
        "rate": [None, pytest.approx(0.1)],
        "line": [0.0, 100.0],
        "revenue": [0.0, pytest.approx(3.9)],
        "risk": [0.0, pytest.approx(1.0)],
    }


def test_back_again_is_the_opposite(work: Workspace) -> None:
    one, other = plan(work, "a"), plan(work, "b", "budget.total=250")
    there, back = diff(one, other), diff(other, one)
    assert kinds(back) == {"E2": "gone"}
    assert by(back, "revenue") == {"loans gone": pytest.approx(-3.9)}
    for measure, (before, after) in there.totals.items():
        assert back.totals[measure] == (after, before)


def test_lower_rates_by_hand(work: Workspace) -> None:
    """At 5 % nobody leaves: E1 100, E3 40 and E6 10 as before, so all that moves revenue is the rate.

    Per unit of line, 8 % · .8 = .064 becomes 3 % for E1 and E3; E6 4 % becomes 3 %.
    """
    found = diff(plan(work, "a"), plan(work, "b", "rates.max=5%"))
    assert found.settings == {"rates.max": (None, 0.05)}
    assert set(kinds(found).values()) == {"better"}
    assert by(found, "line") == {}
    assert by(found, "revenue") == {"rates": pytest.approx(140 * (0.03 - 0.064) + 10 * (0.03 - 0.04))}


def test_lines_and_terms_by_hand(work: Workspace) -> None:
    """E3's largest line falls from 40 to 20; E6 takes 20 more. Of a unit E3 loses 6.4 %, and E6 earns 4 %.

    A loan costs .2, not .1.
    """
    one = plan(work, "a")
    work.write(SCENARIO, BOOK.replace("5,50,20", "5,20,20"))
    found = diff(one, plan(work, "b", "economics.fixed_cost=0.2"))
    assert found.inputs == ("enterprises",)
    assert kinds(found) == {"E3": "worse", "E6": "better"}
    assert by(found, "revenue") == {
        "lines": pytest.approx(-20 * 0.064 + 20 * 0.04),
        "terms": pytest.approx(-0.3),
    }


def test_a_changed_rate_under_changed_terms_is_told_as_both(work: Workspace) -> None:
    found = diff(plan(work, "a"), plan(work, "b", "rates.max=5%", "economics.funding_cost=2%"))
    assert by(found, "revenue") == {
        "rates and terms": pytest.approx(140 * (0.02 - 0.064) + 10 * (0.02 - 0.04)),
    }


def test_a_book_that_has_grown_and_lost_rows(work: Workspace) -> None:
    one = plan(work, "a")
    work.write(SCENARIO, BOOK.replace("E1,A", "E7,A"))
    found = diff(one, plan(work, "b"))
    changed = {change.enterprise: change for change in found.changes}
    assert changed["E1"].kind == "gone"
    assert changed["E1"].decision == ("lend", None)
    assert changed["E7"].decision == (None, "lend")
    assert found.totals["revenue"][0] == pytest.approx(found.totals["revenue"][1])


def test_the_same_plan_twice(work: Workspace) -> None:
    one = plan(work, "a")
    found = diff(one, one)
    assert found.changes == ()
    assert all(by(found, measure) == {} for measure in found.totals)
    assert "Both answer the same question" in work.run("diff", one, one).out


def test_causes_add_up_exactly_on_the_shipped_scenario(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    lendplan.load(SHIPPED).solve().write(one)
    changes = ["budget.total=1500", "economics.funding_cost=2.5%", "limits.reach.at_least=22"]
    lendplan.load(SHIPPED, changes).solve().write(other)
    found = diff(one, other)
    for measure, (before, after) in found.totals.items():
        assert set(found.causes[measure]) == set(CAUSES)
        assert math.fsum(found.causes[measure].values()) == pytest.approx(
            after - before, rel=1e-12, abs=1e-12
        )
    summary = json.loads((other / "summary.json").read_text(encoding="utf-8"))
    for measure in ("line", "exposure", "interest", "revenue", "risk", "profit", "funded"):
        assert found.totals[measure][1] == pytest.approx(summary[measure], rel=1e-12)
    assert sum(found.counts.values()) == 123


def test_the_command_says_it_in_words_and_as_json(work: Workspace) -> None:
    one, other = plan(work, "a"), plan(work, "b", "budget.total=250")
    ran = work.run("diff", one, other)
    assert ran.code == 0
    for words in (
        "budget.total: 150 → 250",
        "by new loans",
        "1 lent to now, and not before:",
        "0 → 100",
        "– → 10 %",
    ):
        assert words in ran.out
    record = json.loads(work.run("diff", one, other, "--json").out)
    assert record["totals"]["revenue"]["by"]["new loans"] == pytest.approx(3.9)
    assert [change["enterprise"] for change in record["enterprises"]] == ["E2"]


def test_points_of_a_sweep_are_plans(work: Workspace) -> None:
    work.write(SCENARIO + "sweep: {budget.total: [150, 250]}\n")
    assert work.optimize().code == 0
    found = diff(work.plan / "points" / "0001", work.plan / "points" / "0002")
    assert kinds(found) == {"E2": "new"}


def test_a_moved_folder_whose_tables_are_gone_is_compared(work: Workspace) -> None:
    one, other = plan(work, "a"), plan(work, "b", "budget.total=250")
    for name in ("book.csv", "churn.csv", "scenario.yaml"):
        (work.folder / name).unlink()
    moved = one.rename(work.folder / "moved")
    assert kinds(diff(moved, other)) == {"E2": "new"}


def test_plans_in_different_units_are_not_compared(work: Workspace) -> None:
    one, other = plan(work, "a"), plan(work, "b", "unit=1000")
    ran = work.run("diff", one, other)
    assert ran.code == 3
    assert "counts in another unit (1000.0, and 1.0" in ran.err


def test_what_is_no_plan_is_told(work: Workspace) -> None:
    one = plan(work, "a")
    assert work.run("diff", one, work.folder / "nothing").code == 3
    (one / "allocations.parquet").write_bytes(b"")
    assert work.run("diff", one, one).code == 3
