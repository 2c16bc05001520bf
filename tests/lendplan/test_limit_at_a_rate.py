"""An average-rate limit exactly at a rate of the grid: both methods find the same ranges and the same plan."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import lendplan

CHURN = pd.DataFrame({"rate": [0.025, 0.175], "A": [0.1, 0.24066300012702502]})
BOOK = pd.DataFrame(
    {
        "enterprise": ["E3", "E2", "E4"],
        "grade": ["A", "A", "A"],
        "default_probability": ["1", "0.05", "0.3"],
        "loss_given_default": ["0.45", "0.45", "0.45"],
        "risk_weight": ["", "", "0.02"],
        "line_min": ["20", "", ""],
        "line_max": ["20", "", ""],
        "size": ["m", "s", "s"],
    }
)
SETTINGS: dict[str, Any] = {
    "title": "t",
    "currency": "CNY",
    "lines": {"min": 100, "max": 100},
    "budget": {"total": 700},
    "economics": {"utilisation": 0.6, "funding_cost": 0.02},
    "objective": {"kind": "weighted", "revenue_weight": 0.3},
}


@pytest.mark.parametrize("top", [0.025, 0.175])
def test_rounding_is_no_unit_of_price(top: float) -> None:
    # At 2.5 % interest and limit cancel but for rounding; a price in units of that rounding hid every loan.
    limits = [
        {"name": "small", "measure": "average_rate", "where": {"size": "s"}, "at_most": 0.025},
        {"name": "each", "measure": "average_rate", "where": {"size": "s"}, "by": "grade", "at_most": top},
    ]
    found = {
        method: lendplan.from_frames(
            BOOK, churn=CHURN, limits=limits, solver={"method": method}, **SETTINGS
        ).solve()
        for method in ("lagrangian", "highs")
    }
    ours, reference = (found[method].summary for method in ("lagrangian", "highs"))
    assert reference["ranges"]["revenue_max"] > 1
    assert ours["ranges"] == pytest.approx(reference["ranges"], rel=1e-7, abs=1e-9)
    assert ours["objective"] == pytest.approx(reference["objective"], rel=1e-6, abs=1e-9)
    assert ours["status"] == "optimal"
