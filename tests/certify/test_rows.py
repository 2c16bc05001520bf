"""Members of limits, and sums that no order of the rows can bend."""

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lendplan.certify.question import question_of
from lendplan.certify.rows import rows_of, tolerance_of
from lendplan.data.book import assemble_book
from lendplan.data.findings import InputError
from lendplan.data.tables import table_from_frame

LIMIT: dict[str, Any] = {
    "measure": "line",
    "where": {},
    "by": None,
    "at_most": 1.0,
    "at_least": None,
    "of": None,
}
EVERYONE = np.ones(4, dtype=bool)


def families(scenario: dict[str, Any], eligible: np.ndarray = EVERYONE, **limit: Any) -> Any:
    frame = pd.DataFrame(
        {
            "enterprise": ["a", "b", "c", "d"],
            "grade": ["A", "A", "B", "B"],
            "region": ["north", "", "north", "south"],
            "branch code": ["001", "1", "001", ""],
            "line_max": [10.0, 20.0, 10.0, np.nan],
        }
    )
    scenario["limits"] = [{**LIMIT, "name": "it", **limit}]
    return rows_of(question_of(scenario), assemble_book(table_from_frame(frame, "book")), eligible)


def test_budget_comes_first(scenario: dict[str, Any]) -> None:
    budget, limit = families(scenario)
    assert budget.names == ("budget",)
    assert limit.names == ("it",)
    assert limit.group.tolist() == [0, 0, 0, 0]


def test_by_has_a_row_for_each_value_of_an_eligible_enterprise(scenario: dict[str, Any]) -> None:
    limit = families(scenario, np.array([True, True, True, False]), by="region", where={"grade": ["A"]})[1]
    assert limit.names == ("it[north]", "it[(blank)]")
    assert limit.group.tolist() == [0, 1, -1, -1]
    assert limit.sizes.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("eligible", "where", "names", "group"),
    [
        ([1, 1, 1, 1], {"grade": ["B"]}, ("it[B]",), [-1, -1, 0, 0]),  # the same column: nobody in it has A
        ([1, 1, 1, 1], {"region": ["south"]}, ("it[B]",), [-1, -1, -1, 0]),
        ([1, 1, 1, 0], {"region": ["south"]}, (), [-1, -1, -1, -1]),
        ([1, 0, 0, 0], {}, ("it[A]",), [0, -1, -1, -1]),
    ],
)
def test_by_has_no_row_for_a_value_of_nobody_whom_where_keeps(
    scenario: dict[str, Any], eligible: list[int], where: Any, names: tuple[str, ...], group: list[int]
) -> None:
    limit = families(
        scenario, np.array(eligible, dtype=bool), by="grade", where=where, at_most=None, at_least=1.0
    )[1]
    assert limit.names == names
    assert limit.group.tolist() == group
    assert limit.sizes.tolist() == [group.count(0)] * len(names)
    line = np.array([1.0, 2.0, 4.0, 8.0])
    left, right = limit.sides({"line": line})
    assert left.tolist() == [sum(line[np.array(group) == 0])] * len(names)
    assert right.tolist() == [1.0] * len(names)


@pytest.mark.parametrize(
    ("where", "members"),
    [
        ({"branch code": ["001"]}, [0, 2]),
        ({"branch code": ["1", "(blank)"]}, [1, 3]),
        ({"line_max": ["10"]}, [0, 2]),
        ({"region": ["north"], "grade": ["B"]}, [2]),
        ({"region": ["nowhere"]}, []),
    ],
)
def test_where(scenario: dict[str, Any], where: Any, members: list[int]) -> None:
    assert np.flatnonzero(families(scenario, where=where)[1].group == 0).tolist() == members


def test_names_of_numbers(scenario: dict[str, Any]) -> None:
    assert families(scenario, by="line_max")[1].names == ("it[10]", "it[20]", "it[(blank)]")


def test_theirs_name_a_column_too(scenario: dict[str, Any]) -> None:
    scenario["columns"] = {"region": "地区"}
    assert families(scenario, by="地区")[1].names == ("it[north]", "it[(blank)]", "it[south]")


def test_unknown_column_is_an_error(scenario: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"limit 'it': there is no column 'regoin'; did you mean 'region'\?"):
        families(scenario, by="regoin")


def test_rows_named_alike_are_an_error(scenario: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="two limits are named 'budget'"):
        families(scenario, name="budget")


def test_sides(scenario: dict[str, Any]) -> None:
    line = np.array([1e16, 1.0, 1.0, -1e16])  # any order of plain additions loses a one
    measures = {"line": line, "interest": line, "exposure": np.array([1.0, 2.0, 3.0, 4.0])}
    left, right = families(scenario, at_most="25%")[1].sides(measures)
    assert (left.tolist(), right.tolist()) == ([2.0], [0.5])
    left, right = families(scenario, at_most="25%", of="budget")[1].sides(measures)
    assert (left.tolist(), right.tolist()) == ([2.0], [37.5])
    left, right = families(scenario, measure="average_rate", at_most=0.1, by="grade")[1].sides(measures)
    assert left.tolist() == [1e16, -1e16]
    assert right.tolist() == pytest.approx([0.3, 0.7])


def test_tolerance_grows_with_the_right_side() -> None:
    assert [tolerance_of(right) for right in (0.0, -0.5, 1000.0)] == pytest.approx([1e-9, 1e-9, 1e-6])
    assert tolerance_of(Fraction(-2000)) == 2000 * Fraction(1e-9)
