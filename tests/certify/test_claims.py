"""Limits, totals, bounds and prices: what a plan claims holds, and each false claim is caught by its own check."""

import math
from pathlib import Path
from typing import Any

import pytest
from random_tables import random_case

from lendplan.certify.bound import certified_bound, choices_of
from lendplan.certify.claims import check_certificate
from lendplan.certify.leaves import search_of
from lendplan.certify.plan import verify
from lendplan.certify.report import Checklist, Report


def failures(report: Report) -> dict[str, str]:
    return {check.name: check.detail for check in report.failed}


# ----------------------------------------------------------------------------------------------------- limits
LIMITS = [
    ({"measure": "line", "where": {"industry": ["retail"]}}, "at_most", 100.0, 99.99),
    ({"measure": "line", "where": {"industry": ["farming", "retail"]}}, "at_least", 140.0, 140.01),
    ({"measure": "exposure", "where": {"size": ["micro"]}}, "at_most", 112.0, 111.9),
    ({"measure": "interest"}, "at_most", 11.7, 11.69),
    ({"measure": "interest"}, "at_least", 11.7, 11.71),
    ({"measure": "revenue"}, "at_least", 9.06, 9.07),
    ({"measure": "risk", "where": {"grade": ["A"]}}, "at_most", 0.96, 0.95),
    ({"measure": "count", "where": {"size": ["micro"]}}, "at_least", 2.0, 3.0),
    ({"measure": "count", "where": {"size": ["(blank)"]}}, "at_most", 1.0, 0.0),
    ({"measure": "average_rate"}, "at_most", 0.1, 0.0999),
    ({"measure": "average_rate", "where": {"grade": ["B"]}}, "at_least", 0.1, 0.1001),
    ({"measure": "line", "where": {"industry": ["retail"]}}, "at_most", "67%", "66%"),
    ({"measure": "line", "where": {"industry": ["retail"]}}, "at_most", "6667bp", "6666bp"),
    ({"measure": "risk", "where": {"size": ["micro"]}}, "at_most", "86.5%", "86.4%"),
    ({"measure": "count", "where": {"size": ["micro"]}}, "at_least", "66%", "67%"),
    ({"measure": "exposure", "where": {"grade": ["B"]}}, "at_least", "4%", "5%"),
    ({"measure": "line", "where": {"industry": ["farming"]}, "of": "budget"}, "at_most", "27%", "26%"),
    ({"measure": "exposure", "where": {"grade": ["A"], "size": ["micro"]}, "of": "budget"}, "at_least", "74%", "75%"),
    ({"measure": "line", "where": {"default_probability": ["0.02"]}}, "at_most", 100.0, 99.0),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "sense", "kept", "broken"), LIMITS)
def test_each_kind_of_limit(plan: Any, tmp_path: Path, keys: Any, sense: str, kept: Any, broken: Any) -> None:
    plan.limit(**keys, **{sense: kept})
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed
    plan.scenario["limits"][0][sense] = broken
    found = failures(verify(plan.write(tmp_path / "plan")))
    assert set(found) == {"limit it"}
    assert "left" in found["limit it"]


@pytest.mark.parametrize(
    ("keys", "values", "kept", "broken"),
    [
        ({"measure": "line", "by": "industry"}, ("retail", "farming", "(blank)"), "67%", "66%"),
        (
            {"measure": "exposure", "by": "industry", "where": {"size": ["micro"]}},
            ("retail", "farming"),
            80.0,
            79.0,
        ),
        ({"measure": "count", "by": "industry"}, ("retail", "farming", "(blank)"), 1.0, 0.9),
    ],
)
def test_limits_by_a_column(
    plan: Any, tmp_path: Path, keys: Any, values: tuple[str, ...], kept: Any, broken: Any
) -> None:
    plan.limit(rows=tuple(f"it[{value}]" for value in values), at_most=kept, **keys)
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed
    told = {one.name for one in report.checks if one.name.startswith("limit ")}
    assert told == {f"limit it[{value}]" for value in values}
    plan.scenario["limits"][0]["at_most"] = broken
    assert "limit it[retail]" in failures(verify(plan.write(tmp_path / "plan")))


def test_where_and_by_on_one_column_ask_nothing_of_the_other_values(plan: Any, tmp_path: Path) -> None:
    """Farming is E3 with 40; nobody whom `where` keeps is of retail, so retail is asked for nothing."""
    plan.limit(
        rows=("it[farming]",), measure="line", by="industry", where={"industry": ["farming"]}, at_least=40.0
    )
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed, report.failed
    assert "limit it[retail]" not in {one.name for one in report.checks}
    plan.scenario["limits"][0]["at_least"] = 41.0
    assert set(failures(verify(plan.write(tmp_path / "plan")))) == {"limit it[farming]"}


def test_over_budget(plan: Any, tmp_path: Path) -> None:
    plan.scenario["budget"]["total"] = 150.0 - 1e-6
    assert "excess 1e-06" in failures(verify(plan.write(tmp_path / "plan")))["budget"]


def test_tolerance_of_a_row(plan: Any, tmp_path: Path) -> None:
    plan.scenario["budget"]["total"] = 150.0 - 1e-7
    assert "budget" not in failures(verify(plan.write(tmp_path / "plan")))


# ---------------------------------------------------------------------------------------------------- numbers
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("revenue", 9.0600001), ("risk", 1.12), ("profit", 7.96), ("interest", 11.8), ("line", 149.0),
        ("exposure", 116.0), ("budget_used", 149.0), ("funded", 4), ("eligible", 5), ("average_rate", 0.11),
        ("objective", 7.9500001), ("revenue", math.nan), ("risk", None), ("line", "150"), ("funded", True),
    ],
)  # fmt: skip
def test_wrong_total_is_caught(plan: Any, tmp_path: Path, name: str, value: Any) -> None:
    plan.state(**{name: value})
    found = failures(verify(plan.write(tmp_path / "plan")))
    assert "recomputed" in found[f"summary {name}"]


@pytest.mark.parametrize(
    ("numbers", "check"),
    [
        ({"bound": 7.94}, "objective within bound"),
        ({"bound": 8.5}, "gap"),
        ({"bound": 8.5, "gap": 0.55 / 7.95}, "optimal within the gap asked for"),
        ({"gap": 1e-8}, "gap"),
        ({"bound": math.nan}, "bound"),
        ({"status": "infeasible"}, "status"),
        ({"certified_bound": 7.9500001}, "certified bound"),
        ({"certified_bound": 7.9}, "objective within certified_bound"),
        ({"certified_gap": 1e-3}, "certified_gap"),
    ],
)
def test_wrong_bound_is_caught(plan: Any, tmp_path: Path, numbers: Any, check: str) -> None:
    assert check in failures(verify(plan.state(**numbers).write(tmp_path / "plan")))


@pytest.mark.parametrize("name", ["objective", "bound", "certified_bound", "ranges"])
def test_summary_and_certificate_must_agree(plan: Any, tmp_path: Path, name: str) -> None:
    plan.certificate[name] = 8.0
    assert f"certificate {name}" in failures(verify(plan.write(tmp_path / "plan")))
    del plan.certificate[name]
    assert f"certificate {name}" in failures(verify(plan.write(tmp_path / "plan")))


@pytest.mark.parametrize(
    ("prices", "says"),
    [
        ({"budget": -0.03, "it": 0.0}, ">= 0"),
        ({"budget": 0.03, "it": 0.01}, "<= 0"),
        ({"budget": 0.03}, "there is no price of 'it'"),
        ({"budget": 0.03, "it": 0.0, "that": 0.0}, "'that' is no row"),
        ({"budget": math.nan, "it": 0.0}, "no finite number"),
        ({"budget": "0.03", "it": 0.0}, "no finite number"),
        (None, "are None"),
    ],
)
def test_wrong_prices_are_caught(plan: Any, tmp_path: Path, prices: Any, says: str) -> None:
    plan.limit(measure="count", at_least=1.0)
    plan.certificate["prices"] = prices
    report = verify(plan.write(tmp_path / "plan"))
    assert says in failures(report)["prices"]
    assert report.certified_bound is None


def test_shadow_prices_are_those_of_the_certificate(plan: Any, tmp_path: Path) -> None:
    plan.summary["shadow_prices"] = {"budget": 0.5}
    assert "0.5" in failures(verify(plan.write(tmp_path / "plan")))["shadow prices"]


def test_only_two_stage_may_lack_a_bound(plan: Any, tmp_path: Path) -> None:
    plan.state(bound=None, gap=None)
    assert "two_stage" in failures(verify(plan.write(tmp_path / "plan")))["bound"]


def test_what_is_taken_on_trust_is_said(plan: Any, tmp_path: Path) -> None:
    report = verify(plan.write(tmp_path / "plan"))
    assert report.notes[0].startswith("certified: no plan is worth more than ")
    assert any("solver's own bound" in note for note in report.notes)
    assert any("of its file only the hash" in note for note in report.notes)


# ------------------------------------------------------------------------------------------------ to the last bit
@pytest.mark.parametrize("prices", [{"budget": 0.02}, {"budget": 0.06}, {"budget": 0.0}])
def test_prices_that_were_exchanged_are_caught(plan: Any, tmp_path: Path, prices: Any) -> None:
    plan.certificate["prices"] = prices
    assert "certified bound" in failures(verify(plan.write(tmp_path / "plan")))


def test_a_bound_that_is_too_low_by_its_last_bit_is_caught(plan: Any, tmp_path: Path) -> None:
    plan.state(certified_bound=7.95)
    found = failures(verify(plan.write(tmp_path / "plan")))
    assert found == {
        "certified bound": "stated 7.95 is less than D(λ), which is 7.950000000000001; nothing was rounded"
    }


@pytest.mark.parametrize(("fit", "is_kept"), [("raw", False), ("isotonic", False), ("logistic", True)])
def test_a_logistic_fit_need_not_repeat_to_the_last_bit(
    scenario: dict[str, Any], fit: str, is_kept: bool
) -> None:
    """It is fitted anew, by another release or on another machine perhaps, and its last digits may differ."""
    case, book, churn = random_case(3, scenario)
    choices = choices_of({**case, "churn_fit": fit}, book, churn, case["objective"]["ranges"])
    prices = {name: 0.0 for family in choices.families for name in family.names}
    bound = math.nextafter(certified_bound(choices, prices), -math.inf)
    leaves = [{"choices": [], "prices": prices}]
    for more in ({}, {"leaves": leaves}):
        certificate = {"certified_bound": bound, "prices": prices, **more}
        checks = Checklist()
        check_certificate(certificate, search_of(certificate), choices, checks)
        assert {check.name: check.passed for check in checks.checks}["certified bound"] == is_kept
        certificate["certified_bound"] = bound - 1e-3
        checks = Checklist()
        check_certificate(certificate, search_of(certificate), choices, checks)
        assert not {check.name: check.passed for check in checks.checks}["certified bound"]
