"""What is said of a proof: neither more nor less than the figures hold."""

from __future__ import annotations

from typing import Any

import pytest

from lendplan.reports.proof import missed, proof_sentences, upward

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
    assert "worth more than 100.00005: at most 0.00005 % of its worth is missed" in text
    assert (
        "by 1 price of the budget and the limits, that no plan is worth more than 100.2, a gap of 0.2 %."
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
    assert "at most 10 % of its worth is missed" in text
    assert "best" not in text


def test_two_stages_claim_no_more_than_they_prove() -> None:
    assert "the best that its two stages can do, within the gap asked for;" in said(bound=None, gap=None)
    text = said(bound=None, gap=None, status="feasible")
    assert "not proven to be the best of its two stages" in text
    assert "may be worth more" in text


def test_a_weighted_objective_has_no_unit_and_takes_its_ranges_on_trust() -> None:
    text = said(ranges=RANGES)
    assert "(weighted, so without a unit)" in text
    assert "takes these four numbers as they are stated" in text


def test_no_certified_bound_is_said() -> None:
    assert "no bound that can be checked without the solver" in said(certified_bound=None, certified_gap=None)


def test_of_a_small_objective_the_share_is_true() -> None:
    # A gap that was taken of 1 would be 0.59 %.
    text = said(objective=0.2965, bound=0.3024, gap=0.0059, certified_bound=0.3024, certified_gap=0.0059)
    assert "at most 1.99 % of its worth is missed" in text
    assert "a gap of 1.99 %." in text


@pytest.mark.parametrize(
    ("objective", "bound", "told"),
    [
        (100.0, 100.0, None),
        (100.0, 99.9999999999, None),
        (0.0, 1e-13, None),
        (0.0, 0.0125, "0.0125 in the objective"),
        (1e-4, 0.5, "0.5 in the objective"),
        (-2.0, -1.0, "50 %"),
        (3.0, 3.1, "3.34 %"),
        (1.0, 1 + 1e-9, "0.000000101 %"),
    ],
)
def test_what_is_missed_is_a_share_or_a_distance_rounded_up(
    objective: float, bound: float, told: str | None
) -> None:
    assert missed(objective, bound) == told


def test_a_bound_is_rounded_up_and_has_no_exponent() -> None:
    assert upward(0.30240001, 4) == "0.3025"
    assert upward(-1.23456, 4) == "-1.234"
    assert upward(123_456_789.2, 8) == "123,456,790"
    assert upward(1.5e-7, 4) == "0.00000015"
    assert upward(0.0, 4) == "0"
    assert upward(99.99999, 4) == "100"
    assert "more than 100.00001: " in said(objective=100.0, bound=100.0000051)
