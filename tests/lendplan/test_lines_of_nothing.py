"""A least line of 0 where a loan of nothing would help to meet a limit."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace import BOOK, Workspace

LIMITS = {
    "a share of borrowers": ('{name: few, measure: count, where: {grade: [A]}, at_most: "30%"}', 0, True),
    "at least so many": ("{name: few, measure: count, at_least: 1}", 0, True),
    "at most so many": ("{name: few, measure: count, at_most: 9}", 0, False),
    "revenue that costs lower": ("{name: few, measure: revenue, at_most: 5}", 1, True),
    "revenue without a fixed cost": ("{name: few, measure: revenue, at_most: 5}", 0, False),
    "revenue that costs cannot raise": ("{name: few, measure: revenue, at_least: 0}", 1, False),
}


@pytest.fixture
def work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workspace:
    made = Workspace(tmp_path, capsys)
    made.write(book=BOOK.replace("lend,,", ",,"))
    return made


@pytest.mark.parametrize("case", LIMITS)
def test_it_is_refused_where_it_helps_and_taken_where_it_does_not(work: Workspace, case: str) -> None:
    limit, cost, is_refused = LIMITS[case]
    settings = ("lines.min=0", f"economics.fixed_cost={cost}", f"limits=[{limit}]")
    if is_refused:
        err = work.refused(*settings)
        assert "a loan of nothing" in err
        assert "few" in err
    else:
        assert work.optimize(*settings).code == 0
