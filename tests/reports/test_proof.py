"""What is said of a proof: neither more nor less than the figures hold."""

from __future__ import annotations

from typing import Any

import pytest

from lendplan.reports.proof import proof_sentences

RANGES = {"revenue_max": 1.0, "revenue_min": 0.0, "risk_max": 1.0, "risk_min": 0.0}


def summary(**more: Any) -> dict[str, Any]:
    found = {
        "status": "optimal",
        "objective": 100.0,
        "bound": 100.00005,
        "gap": 5e-7,
        "certified_bound": 100.2,
        "certified_gap": 0.002,
        "ranges": None,
    }
    return {**found, **more}


def said(certificate: dict[str, Any] | None = None, **more: Any) -> str:
    return " ".join(proof_sentences(summary(**more), certificate or {"prices": {"budget": 0.1}}, "CNY"))


def test_a_proven_plan() -> None:
    text = said()
    assert "objective is 100 (CNY)" in text
    assert "worth more than 100.00005: at most 5.0e-7 of its worth is missed" in text
    assert (
        "by 1 price of the budget and the limits, that no plan is worth more than 100.2, a gap of 0.20 %"
        in text
    )
    assert "ranges" not in text


@pytest.mark.parametrize("gap", [0.0, -1e-15, 3e-14])
def test_a_gap_of_nothing_or_of_rounding_is_the_best(gap: float) -> None:
    text = said(bound=100.0, gap=gap, certified_bound=100.0, certified_gap=max(gap, 0.0))
    assert "is worth more: it is the best." in text
    assert "a gap of nothing" in text


def test_leaves_are_told_where_there_are_some() -> None:
    assert "and the 3 cases into which the search divided the question" in said(
        {"prices": {"budget": 1, "a": 2}, "leaves": [1, 2, 3]}
    )
    assert "by 2 prices" in said({"prices": {"budget": 1, "a": 2}, "leaves": []})


def test_a_plan_that_is_not_proven_is_not_called_the_best() -> None:
    text = said(status="feasible", bound=110.0, gap=0.1)
    assert "before the gap that was asked for" in text
    assert "at most 10.00 % is missed" in text
    assert "best" not in text


def test_two_stages_claim_no_more_than_they_prove() -> None:
    assert "the best that its two stages can do" in said(bound=None, gap=None)
    text = said(bound=None, gap=None, status="feasible")
    assert "not proven to be the best of its two stages" in text
    assert "may be worth more" in text


def test_a_weighted_objective_has_no_unit_and_takes_its_ranges_on_trust() -> None:
    text = said(ranges=RANGES)
    assert "(weighted, so without a unit)" in text
    assert "takes these four numbers as they are stated" in text


def test_no_certified_bound_is_said() -> None:
    assert "no bound that can be checked without the solver" in said(certified_bound=None, certified_gap=None)
