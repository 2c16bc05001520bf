import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lendplan.data.findings import InputError
from lendplan.data.tables import RawTable, table_from_frame
from lendplan.rating.risk.agencies import RULES, AgencyGrades, Rule, apply_agencies
from lendplan.rating.risk.thirdparties import (
    AgencyRatings,
    MasterScale,
    read_agency_ratings,
    read_master_scale,
)

GRADES = ("A", "B", "C", "D")
SCALE = """agency,rating,grade,default_probability
North,AA+,A,0.1%
North,BBB-,B,1%
North,CC,D,
South,1,A,
South,2,B,
South,3,C,
West,good,B,
"""
AS_OF = float(np.datetime64("2027-06-30", "D").astype(np.int64))


def raw(text: str, name: str) -> RawTable:
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return table_from_frame(frame, name)


def scale(text: str = SCALE) -> MasterScale:
    return read_master_scale(raw(text, "scale"), GRADES)


def ratings(*rows: str) -> AgencyRatings:
    return read_agency_ratings(raw("enterprise,agency,rating,date\n" + "\n".join(rows) + "\n", "agencies"))


def applied(
    *rows: str, given: tuple[str, ...] = ("", "", ""), as_of: float | None = AS_OF, **options: Any
) -> AgencyGrades:
    """What counts for three enterprises whose forecast is C."""
    return apply_agencies(
        ["E1", "E2", "E3"], given, ("C", "C", "C"), ratings(*rows), scale(), GRADES, as_of=as_of, **options
    )


def messages(result: AgencyGrades) -> list[str]:
    return [str(finding) for finding in result.findings]


def test_the_given_grade_comes_before_the_agencies_and_they_before_the_forecast() -> None:
    rows = ("E1,North,BBB-,2027-01-05", "E2,North,BBB-,2027-01-05")
    result = applied(*rows, given=("A", "", ""))
    assert result.grade == ("A", "B", "C")
    assert result.source == ("given", "North", "forecast")
    assert result.agency_grade == ("B", "B", "")
    assert result.default_probability == pytest.approx([np.nan, 0.01, np.nan], nan_ok=True)
    assert result.findings == ()


def test_the_order_of_precedence_is_an_option() -> None:
    rows = ("E1,North,BBB-,2027-01-05",)
    assert applied(*rows, given=("A", "", "D"), precedence=("agency", "given")).grade == ("B", "", "D")
    assert applied(*rows, precedence=("forecast",)).grade == ("C", "C", "C")
    with pytest.raises(ValueError, match="at most once"):
        applied(*rows, precedence=("agency", "agency"))
    with pytest.raises(ValueError, match="at most once"):
        applied(*rows, precedence=("oracle",))


def test_a_stale_rating_is_told_and_left_out() -> None:
    # 2026-06-30 is 365 days before 2027-06-30 and counts; the day before does not.
    result = applied("E1,North,BBB-,2026-06-30", "E2,North,BBB-,2026-06-29")
    assert result.source == ("North", "forecast", "forecast")
    assert messages(result) == [
        "agencies:3: date: North's rating of 'E2' is of 2026-06-29, older than 365 days on 2027-06-30; it is left out"
    ]
    assert applied("E2,North,BBB-,2020-01-01", max_age_days=None).source[1] == "North"
    assert result.ratings["E2"][0].use == "older than 365 days"


def test_a_rating_without_a_date_counts_where_there_is_no_age_limit() -> None:
    result = applied("E1,North,BBB-,")
    assert result.grade[0] == "C"
    assert "has no date, so its age is not known" in messages(result)[0]
    assert applied("E1,North,BBB-,", max_age_days=None).grade[0] == "B"


def test_a_rating_from_the_future_is_left_out() -> None:
    result = applied("E1,North,BBB-,2027-07-01")
    assert result.grade[0] == "C"
    assert "of 2027-07-01, after 2027-06-30" in messages(result)[0]


def test_without_a_day_the_newest_rating_is_today() -> None:
    result = applied("E1,North,BBB-,2020-01-01", "E2,North,AA+,2020-12-31", as_of=None)
    assert result.grade == ("B", "A", "C")


def test_of_one_agency_the_newest_counts() -> None:
    rows = ("E1,North,AA+,2027-01-05", "E1,North,BBB-,2027-03-05", "E1,North,AA+,2027-02-05")
    result = applied(*rows)
    assert result.grade[0] == "B"
    assert [one.use for one in result.ratings["E1"]] == ["a newer one stands", "counts", "a newer one stands"]
    assert [one.date for one in result.ratings["E1"]] == ["2027-01-05", "2027-03-05", "2027-02-05"]
    same_day = applied("E1,North,AA+,2027-01-05", "E1,North,BBB-,2027-01-05")
    assert same_day.grade[0] == "B"  # the later row


DIFFER = ("E1,North,AA+,2027-01-05", "E1,South,3,2027-02-05", "E1,West,good,2027-03-05")
"""A, C and B, from the oldest to the newest."""


@pytest.mark.parametrize(
    ("rule", "order", "grade"),
    [
        ("worst", (), "C"),
        ("second_best", (), "B"),
        ("newest", (), "B"),
        ("order", ("South", "North", "West"), "C"),
        ("order", ("North", "West", "South"), "A"),
    ],
)
def test_agencies_that_differ(rule: Rule, order: tuple[str, ...], grade: str) -> None:
    result = applied(*DIFFER, rule=rule, order=order)
    assert result.grade[0] == grade
    told = f"agencies differ on 'E1': North AA+ (A), South 3 (C), West good (B); {grade} counts, by the rule {rule!r}"
    assert any(told in message for message in messages(result))


def test_basel_takes_the_worse_of_two() -> None:
    assert applied(*DIFFER[:2], rule="second_best").grade[0] == "C"
    assert applied(DIFFER[0], rule="second_best").grade[0] == "A"


def test_the_worst_of_equally_new_ones() -> None:
    rows = ("E1,North,AA+,2027-01-05", "E1,South,3,2027-01-05")
    assert applied(*rows, rule="newest").grade[0] == "C"


def test_an_order_that_lacks_an_agency_is_refused() -> None:
    with pytest.raises(InputError, match="lacks South, West; name every agency"):
        applied(*DIFFER, rule="order", order=("North",))
    with pytest.raises(ValueError, match="is none of"):
        applied(*DIFFER, rule="best")


def test_an_agency_far_from_the_given_grade_is_told() -> None:
    result = applied("E1,South,3,2027-01-05", given=("A", "", ""))
    assert result.grade[0] == "A"
    assert messages(result) == [
        "agencies:2: rating: 'E1' is given A, which counts, and South says 3 (C); look at it again"
    ]
    assert applied("E1,South,2,2027-01-05", given=("A", "", "")).findings == ()


def test_ratings_of_strangers_are_one_finding() -> None:
    result = applied("E7,North,AA+,2027-01-05", "E1,North,AA+,2027-01-05", "E8,North,AA+,2027-01-05")
    assert messages(result) == [
        "agencies:2: enterprise: 2 ratings are for enterprises that are not rated here: E7, E8"
    ]
    assert result.grade[0] == "A"


def test_words_the_scale_lacks_are_told_at_once_with_the_nearest() -> None:
    with pytest.raises(InputError) as told:
        applied(
            "E1,North,BBB,2027-01-05",
            "E2,North,AA+,2027-01-05",
            "E2,North,BBB,2027-01-05",
            "E3,Nort,AA+,2027-01-05",
            "E3,South,9,2027-01-05",
        )
    assert str(told.value).splitlines() == [
        "agencies:2: rating: 'BBB' is no word of North's scale in scale; did you mean 'BBB-'? "
        "(2 rows, this is the first)",
        "agencies:5: agency: scale has no scale of 'Nort'; did you mean 'North'?",
        "agencies:6: rating: '9' is no word of South's scale in scale",
    ]


def test_a_faulty_scale_is_told_at_once() -> None:
    with pytest.raises(InputError) as told:
        scale("agency,rating,grade,default_probability\nN,1,A,2%\nN,2,B,1%\nN,2,C,\nN,3,E,\n")
    assert str(told.value).splitlines() == [
        "scale:3: default_probability: N's 2 (B) has 0.01, less than its better 1 (A) with 0.02",
        "scale:4: rating: '2' of N stands in line 3 already",
        "scale:5: grade: 'E' is none of our grades, A, B, C, D",
    ]


def test_a_scale_of_other_grades_is_refused() -> None:
    with pytest.raises(ValueError, match="read it with these grades"):
        apply_agencies(["E1"], [""], ["A"], ratings(), scale(), ("A", "B"))


def test_chinese_headers_and_dates_are_read(tmp_path: Path) -> None:
    path = tmp_path / "外部评级.csv"
    path.write_bytes("企业代号,评级机构,评级结果,评级日期\n001,北方,AA＋,2027年1月5日\n".encode("gb18030"))
    read = read_agency_ratings(path)
    assert (read.enterprise, read.agency, read.rating) == (("001",), ("北方",), ("AA＋",))
    assert str(np.datetime64(int(read.day[0]), "D")) == "2027-01-05"
    assert read.record is not None


def test_bad_cells_are_told_with_their_rows() -> None:
    with pytest.raises(InputError) as told:
        ratings("E1,North,AA+,03/04/2027", "E1,,AA+,2027-01-05", ",North,,2027-02-30")
    assert sorted({(finding.line, finding.key) for finding in told.value.findings}) == [
        (2, "date"),
        (3, "agency"),
        (4, "date"),
        (4, "enterprise"),
        (4, "rating"),
    ]


WORDS = ["North,AA+", "North,BBB-", "North,CC", "South,1", "South,2", "South,3", "West,good"]


@given(
    st.lists(st.tuples(st.sampled_from(WORDS), st.integers(1, 28)), max_size=8),
    st.sampled_from([rule for rule in RULES if rule != "order"]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_different_days_changes_nothing(
    rows: list[tuple[str, int]], rule: Rule, draw: Any
) -> None:
    by_day = {day: word for word, day in rows}
    written = [f"E1,{word},2027-01-{day:02d}" for day, word in by_day.items()]
    shuffled = list(written)
    draw.shuffle(shuffled)
    first, second = applied(*written, rule=rule), applied(*shuffled, rule=rule)
    assert first.grade == second.grade
    worst = applied(*written, rule="worst").grade[0]
    if written:
        assert GRADES.index(first.grade[0]) <= GRADES.index(worst)
