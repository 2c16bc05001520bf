"""The allocations as files: block by block as all at once, CSV and Parquet alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from column_tables import column_table
from reports_by_hand import PRICES, lent, three

from lendplan.data.texts import Texts
from lendplan.models.applicants import OUTCOMES, Applicants
from lendplan.reports import allocationfiles
from lendplan.reports.allocationfiles import guarded, with_reasons, write_allocations
from lendplan.reports.reasons import Reasons, reasons
from lendplan.reports.tables import ALLOCATION_COLUMNS, allocations

BOOK = column_table({"enterprise": ["X", "P", "Q", "Y", "R"], "grade": ["D", "A", "B", "", "B"]})


def outside() -> Applicants:
    numbers, places = np.zeros(3), np.zeros(3, dtype=np.int16)
    return Applicants(
        row=np.array([1, 2, 4]),
        enterprise=np.array(["P", "Q", "R"], dtype=object),
        curve=places,
        default_probability=numbers,
        risk_weight=numbers,
        risk_index=numbers,
        grade_factor=numbers,
        line_min=numbers,
        line_max=numbers,
        line_step=numbers,
        first_rate=places,
        last_rate=places,
        must_lend=np.zeros(3, dtype=bool),
        outcome=np.array([OUTCOMES.index(one) for one in ("excluded", "", "", "decline", "")], dtype=np.int8),
        reason=Texts.of(["grade D is excluded", "", "", "=must", ""]),
    )


@pytest.mark.parametrize("block", [1, 2, 100])
def test_blocks_make_no_difference(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocationfiles, "BLOCK", block)
    problem = three()
    choice = lent(problem, 100, 50, 0)
    told = reasons(problem, PRICES, choice, 0.0).tolist()
    rows = allocations(BOOK, outside(), problem, choice)
    write_allocations(tmp_path, rows, outside(), Reasons(problem, PRICES, choice, 0.0))
    lines = (tmp_path / "allocations.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",".join(ALLOCATION_COLUMNS)
    assert lines[1] == "X,D,excluded,,0.0,0.0,0.0,0.0,0.0,0.0,grade D is excluded"
    figures = ",".join(repr(float(rows.numbers(name)[1])) for name in ALLOCATION_COLUMNS[3:-1])
    assert lines[2] == f'P,A,lend,{figures},"{told[0]}"'
    assert [float(one) for one in figures.split(",")] == pytest.approx([0.1, 100, 80, 8, 6.4, 0.8, 5.6])
    assert lines[4] == "Y,,decline,,0.0,0.0,0.0,0.0,0.0,0.0,'=must"
    stored = pq.read_table(tmp_path / "allocations.parquet")
    assert stored.column_names == list(ALLOCATION_COLUMNS)
    assert stored["reason"].to_pylist() == ["grade D is excluded", *told[:2], "=must", told[2]]
    assert stored["rate"].to_pylist() == [None, 0.1, 0.1, None, None]


def test_a_part_has_the_reasons_of_its_rows() -> None:
    problem = three()
    choice = lent(problem, 100, 50, 0)
    rows = allocations(BOOK, outside(), problem, choice)
    part = with_reasons(rows, outside(), Reasons(problem, PRICES, choice, 0.0), slice(3, 5))
    assert part["enterprise"].tolist() == ["Y", "R"]
    assert part["reason"].tolist()[0] == "=must"
    assert part["reason"].tolist()[1].startswith("needs 5.50 %")


def test_what_looks_like_a_formula_is_guarded() -> None:
    texts = Texts.of(["=a", "a=", "+1", "-1", "@x", "", "'x"])
    assert guarded(texts).tolist() == ["'=a", "a=", "'+1", "'-1", "'@x", "", "'x"]
