"""A published plan for real enterprises, found again by solving and by scoring.

The plan is for the 99 enterprises of grades A to C of a public contest (problem C of CUMCM 2020, question 1): lines
of 10 to 100, a budget of 4950 (unit 10,000 yuan), the objective Σ line·(1 − churn)·[(1 − p)·rate − 0.03 − 0.5·p] with
isotonic churn. The data may be read and not copied, so these tests skip where they are not at hand.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from workspace import ROOT

import lendplan
from lendplan.certify.plan import verify

FOLDER = Path(os.environ.get("LENDPLAN_REAL_DATA", ROOT / ".." / "shared" / "data"))
PUBLISHED = 55.18716253
SETTINGS: dict[str, Any] = {
    "title": "published",
    "currency": "CNY",
    "unit": 10_000,
    "lines": {"min": 10, "max": 100},
    "budget": {"total": 4950},
    "economics": {"funding_cost": "3%", "loss_given_default": "50%", "interest_lost_on_default": True},
    "objective": {"kind": "profit"},
    "churn_fit": "isotonic",
}

pytestmark = pytest.mark.skipif(
    not (FOLDER / "cumcm2020c" / "published_q1.csv").exists(), reason="the real data are not at hand"
)


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "cumcm2020c" / "published_q1.csv", dtype=str)


def column(published: pd.DataFrame, *words: str) -> str:
    """Return the one column whose name holds one of the words."""
    return next(name for name in published.columns if any(word in name.lower() for word in words))


@pytest.fixture(scope="module")
def scenario(published: pd.DataFrame) -> lendplan.Scenario:
    ratings = pd.DataFrame(
        {
            "enterprise": published[column(published, "enterprise", "企业")],
            "grade": published[column(published, "grade", "评级")],
            "default_probability": published[column(published, "default", "probability", "违约")],
        }
    )
    return lendplan.from_frames(ratings, **SETTINGS)


def test_the_published_plan_is_found_again(scenario: lendplan.Scenario, tmp_path: Path) -> None:
    plan = scenario.solve()
    assert plan.summary["objective"] == pytest.approx(PUBLISHED, abs=1e-6)
    assert plan.summary["funded"] == 50
    assert plan.summary["status"] == "optimal"
    assert verify(plan.write(tmp_path / "plan")).passed


def test_the_published_plan_scores_its_published_worth(
    scenario: lendplan.Scenario, published: pd.DataFrame
) -> None:
    rates = pd.to_numeric(published[column(published, "rate", "利率")])
    given = pd.DataFrame(
        {
            "enterprise": published[column(published, "enterprise", "企业")],
            "line": pd.to_numeric(published[column(published, "line", "额度")]),
            "rate": rates.where(rates > 0),
        }
    )
    found = scenario.score(given).summary
    assert found["objective"] == pytest.approx(PUBLISHED, abs=1e-6)
    assert found["broken"] == {}
    assert found["distance"] == pytest.approx(0, abs=1e-6)


def test_the_workbook_of_enterprises_serves_as_the_book(published: pd.DataFrame, tmp_path: Path) -> None:
    """All 123 enterprises from the workbook's sheet, probabilities from a table beside it; grade D is left out."""
    workbook = FOLDER / "cumcm2020c" / "attachment1.xlsx"
    if not workbook.exists():
        pytest.skip("the workbook is not at hand")
    ratings = published.rename(
        columns={
            column(published, "enterprise", "企业"): "enterprise",
            column(published, "grade", "评级"): "grade",
            column(published, "default", "probability", "违约"): "default_probability",
        }
    )[["enterprise", "grade", "default_probability"]]
    ratings.to_csv(tmp_path / "ratings.csv", index=False)
    (tmp_path / "published.yaml").write_text(
        "title: published\ncurrency: CNY\nunit: 10000\n"
        f"enterprises: {workbook.resolve()}#企业信息\nratings: ratings.csv\n"
        "columns: {enterprise: 企业代号, grade: 信誉评级}\n"
        "lines: {min: 10, max: 100}\nbudget: {total: 4950}\nchurn_fit: isotonic\n"
        "economics: {funding_cost: 3%, loss_given_default: 50%, interest_lost_on_default: true}\n"
        "objective: {kind: profit}\n",
        encoding="utf-8",
    )
    plan = lendplan.load(tmp_path / "published.yaml").solve()
    assert len(plan.allocations) == 123
    assert (plan.allocations["decision"] == "excluded").sum() == 24
    assert plan.summary["eligible"] == 99
    assert plan.summary["funded"] == 50
    assert plan.summary["objective"] == pytest.approx(PUBLISHED, abs=1e-6)
    assert verify(plan.write()).passed
