"""From limits to rows: members, groups, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from column_tables import column_table

from lendplan.data.coltable import ColumnTable
from lendplan.models.limits import LimitFault, LimitSpec, build_limits, coded_column, take_census
from lendplan.models.problem import Row


@pytest.fixture
def book() -> ColumnTable:
    return column_table(
        {
            "enterprise": ["E1", "E2", "E3", "E4", "E5", "E6"],
            "grade": ["A", "B", "C", "A", "B", "C"],
            "industry": ["retail", "food", "", "retail", "Food", ""],
            "size": ["micro", "micro", "small", "small", "micro", "small"],
            "score": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        }
    )


EVERYONE = np.arange(6)


def rows_of(book: ColumnTable, *specs: LimitSpec, eligible: np.ndarray = EVERYONE) -> tuple[Row, ...]:
    rows, faults = build_limits(specs, book, eligible)
    assert faults == []
    return rows


def faults_of(book: ColumnTable, *specs: LimitSpec, eligible: np.ndarray = EVERYONE) -> list[LimitFault]:
    return build_limits(specs, book, eligible)[1]


def members(row: Row) -> list[int]:
    assert row.members is not None
    return np.flatnonzero(row.members.mask).tolist()


def test_a_limit_on_all_has_no_members(book: ColumnTable) -> None:
    (row,) = rows_of(book, LimitSpec("loss", "risk", 1, amount=250.0))
    assert row == Row("loss", "risk", 1, None, 250.0, None, None, "loss")


def test_where_selects(book: ColumnTable) -> None:
    (row,) = rows_of(book, LimitSpec("c", "line", 1, share=0.3, where={"grade": ["C"]}))
    assert members(row) == [2, 5]
    assert row.share == 0.3


def test_where_values_unite_and_columns_intersect(book: ColumnTable) -> None:
    (row,) = rows_of(
        book, LimitSpec("x", "count", -1, amount=1, where={"grade": ["A", "B"], "size": ["micro"]})
    )
    assert members(row) == [0, 1, 4]


def test_by_makes_one_row_a_value_in_sorted_order(book: ColumnTable) -> None:
    rows = rows_of(book, LimitSpec("one industry", "line", 1, amount=10.0, by="industry"))
    assert [row.name for row in rows] == [
        "one industry[(blank)]",
        "one industry[Food]",
        "one industry[food]",
        "one industry[retail]",
    ]
    assert [members(row) for row in rows] == [[2, 5], [4], [1], [0, 3]]
    assert {row.rule for row in rows} == {"one industry"}
    assert all(row.amount == 10.0 for row in rows)


def test_groups_of_one_limit_share_their_codes(book: ColumnTable) -> None:
    rows = rows_of(book, LimitSpec("g", "line", 1, amount=10.0, by="grade"))
    assert len({id(row.members.codes) for row in rows if row.members is not None}) == 1


def test_by_and_where_intersect_and_empty_groups_make_no_row(book: ColumnTable) -> None:
    rows = rows_of(book, LimitSpec("x", "line", 1, amount=9.0, by="grade", where={"size": ["micro"]}))
    assert [(row.name, members(row)) for row in rows] == [("x[A]", [0]), ("x[B]", [1, 4])]


@pytest.mark.parametrize(
    ("spec", "left_out"),
    [
        (LimitSpec("g", "line", -1, amount=9.0, by="industry"), ["Food", "food"]),
        (LimitSpec("g", "line", 1, amount=9.0, by="industry"), []),  # at most: nobody has less than nothing
        (
            LimitSpec("g", "line", -1, amount=9.0, where={"industry": ["food"]}),
            [],
        ),  # told as a limit on nobody
        (LimitSpec("g", "line", -1, amount=9.0, by="industry", where={"size": ["small"]}), []),
        (
            LimitSpec("g", "line", -1, amount=9.0, by="industry", where={"grade": ["A", "B"]}),
            ["Food", "food"],
        ),
    ],
)
def test_groups_in_which_nobody_is_eligible_are_known(
    book: ColumnTable, spec: LimitSpec, left_out: list[str]
) -> None:
    assert take_census([spec], book, np.array([0, 2, 3, 5])).left_out(0) == left_out
    # In parts: E2 and E5, who alone have them, in another part than those who are eligible.
    parts = [np.array([0, 1, 2]), np.array([3, 4, 5])]
    both = []
    for rows in parts:
        some = column_table(
            {name: [book.texts(name)[i] for i in rows] for name in ("grade", "industry", "size")}
        )
        both.append(take_census([spec], some, np.array([0, 2])))
    assert (both[0] + both[1]).left_out(0) == left_out


def test_only_the_eligible_count_and_positions_are_theirs(book: ColumnTable) -> None:
    eligible = np.array([5, 1, 0])
    rows = rows_of(book, LimitSpec("g", "line", 1, amount=9.0, by="grade"), eligible=eligible)
    assert [(row.name, members(row)) for row in rows] == [("g[A]", [2]), ("g[B]", [1]), ("g[C]", [0])]


def test_blanks_are_a_value(book: ColumnTable) -> None:
    (row,) = rows_of(book, LimitSpec("x", "line", 1, amount=9.0, where={"industry": ["(blank)"]}))
    assert members(row) == [2, 5]
    codes, values = coded_column(book, "industry")
    assert [values[code] for code in codes] == ["retail", "food", "(blank)", "retail", "Food", "(blank)"]


def test_average_rate_keeps_its_rate(book: ColumnTable) -> None:
    (row,) = rows_of(book, LimitSpec("mean", "average_rate", 1, rate=0.09))
    assert (row.rate, row.share, row.amount) == (0.09, None, 0.0)


@pytest.mark.parametrize(
    ("spec", "key", "message"),
    [
        (LimitSpec("x", "line", 1, amount=1, by="industri"), "by", "did you mean `industry`"),
        (LimitSpec("x", "line", 1, amount=1, by="zzz"), "by", "it has enterprise, grade, industry, size"),
        (LimitSpec("x", "line", 1, amount=1, by="score"), "by", "holds numbers"),
        (LimitSpec("x", "line", 1, amount=1, where={"grad": ["A"]}), "where.grad", "did you mean `grade`"),
        (LimitSpec("x", "line", 1, amount=1, where={"size": ["micr"]}), "where.size", "did you mean `micro`"),
        (
            LimitSpec("x", "line", 1, amount=1, where={"grade": ["Q"]}),
            "where.grade",
            "no row has `Q` in `grade`",
        ),
    ],
)
def test_unknown_columns_and_values_are_refused(
    book: ColumnTable, spec: LimitSpec, key: str, message: str
) -> None:
    (fault,) = faults_of(book, LimitSpec("fine", "line", 1, amount=1), spec)
    assert (fault.position, fault.key) == (1, key)
    assert message in fault.message


def test_all_faults_are_reported_at_once(book: ColumnTable) -> None:
    faults = faults_of(
        book,
        LimitSpec("x", "line", 1, amount=1, by="nope", where={"grade": ["Q", "R"], "none": ["A"]}),
        LimitSpec("y", "line", 1, share=0.2, by="grade"),
    )
    assert [(fault.position, fault.key) for fault in faults] == [
        (0, "by"),
        (0, "where.grade"),
        (0, "where.grade"),
        (0, "where.none"),
        (1, "at_most"),
    ]


@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        (LimitSpec("x", "line", 1, share=0.3, by="grade"), True),  # 3 · 30 % = 90 %
        (LimitSpec("x", "line", 1, share=1 / 3, by="grade"), False),  # 100 %, to rounding
        (LimitSpec("x", "line", 1, share=0.3, by="grade", where={"grade": ["A", "B"]}), False),  # C is free
        (
            LimitSpec("x", "line", 1, share=0.9, where={"grade": ["A", "B", "C"]}),
            True,
        ),  # all of it at most 90 %
        (LimitSpec("x", "line", 1, share=0.9), True),
        (LimitSpec("x", "revenue", 1, share=0.3, by="grade"), False),  # revenue may be negative
        (LimitSpec("x", "count", -1, share=0.4, by="grade"), True),  # 120 %
        (LimitSpec("x", "count", -1, share=0.4, by="grade", where={"grade": ["A", "B"]}), False),
        (LimitSpec("x", "line", -1, share=1.2, where={"grade": ["A"]}), True),
        (LimitSpec("x", "line", 1, amount=0.3, by="grade"), False),  # an amount is no share
    ],
)
def test_shares_that_force_lending_nothing(book: ColumnTable, spec: LimitSpec, refused: bool) -> None:
    faults = faults_of(book, spec)
    assert bool(faults) == refused
    for fault in faults:
        assert fault.key == ("at_most" if spec.sense == 1 else "at_least")
        assert "lending nothing" in fault.message


def test_the_refusal_counts_the_eligible_groups_only(book: ColumnTable) -> None:
    spec = LimitSpec("x", "line", 1, share=0.5, by="grade")
    assert faults_of(book, spec) == []  # three groups
    (fault,) = faults_of(book, LimitSpec("x", "line", 1, share=0.45, by="grade"), eligible=np.array([0, 1]))
    assert "2 groups of at most 45 % of the plan make 90 % together" in fault.message
    assert "raise it to at least 50 %" in fault.message


def test_nobody_eligible_is_no_fault_of_a_share(book: ColumnTable) -> None:
    spec = LimitSpec("x", "line", 1, share=0.3, where={"grade": ["C"]})
    assert faults_of(book, spec, eligible=np.array([], dtype=np.int64)) == []


def test_a_limit_named_like_a_group_is_refused(book: ColumnTable) -> None:
    (fault,) = faults_of(
        book,
        LimitSpec("g", "line", 1, amount=5, by="grade"),
        LimitSpec("g[A]", "line", 1, amount=5),
    )
    assert (fault.position, fault.key) == (1, "name")
    assert "`g[A]`" in fault.message


@pytest.mark.parametrize("name", ["budget", "must"])
def test_names_that_the_answers_use_are_refused(book: ColumnTable, name: str) -> None:
    """``budget`` and ``must`` are the names of rows of our own; a limit that takes one is lost among them."""
    (fault,) = faults_of(book, LimitSpec(name, "line", 1, amount=5))
    assert (fault.position, fault.key) == (0, "name")
    assert name in fault.message
