from pathlib import Path

import numpy as np
import pytest

from lendplan.data.findings import InputError
from lendplan.rating.loans.history import read_applicants, read_loans
from lendplan.rating.loans.spec import Indicator, read_spec

SPEC = """indicator,column,kind,direction,low,high,values,missing
id,Loan,enterprise,,,,,
due,Due,receivable,,,,,
lost,Lost,defaulted,,,,,
marked,Status,default,,,,bad=1; good=0,
margin,,financial,more,,,,
debt ratio,Debt,financial,interval,0.2,0.5,,median
line of credit,Rev,non-financial,less,,,Y=1; N=0,0.5
franchise,Code,non-financial,more,,,above 1,worst
"""
LOANS = """Loan,Due,Lost,Status,margin,Debt,Rev,Code,Town
001,100,0,good,0.1,0.3,N,0,X
002,200,50,bad,0.2,,Y,1,Y
NA,300,0,good,-0.1,0.9,,15710,Z
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def messages(folder: Path, *, spec: str = SPEC, loans: str = LOANS) -> str:
    with pytest.raises(InputError) as caught:
        read_loans(written(folder, "loans.csv", loans), read_spec(written(folder, "spec.csv", spec)))
    return str(caught.value)


def test_a_history_is_read_as_the_spec_says(tmp_path: Path) -> None:
    spec = read_spec(written(tmp_path, "spec.csv", SPEC))
    loans = read_loans(written(tmp_path, "loans.csv", LOANS), spec)
    assert loans.enterprise == ("001", "002", "NA")
    assert loans.receivable.tolist() == [100, 200, 300]
    assert loans.defaulted.tolist() == [0, 50, 0]
    assert loans.is_default.tolist() == [False, True, False]
    np.testing.assert_array_equal(
        loans.values, [[0.1, 0.3, 0, 0], [0.2, np.nan, 1, 0], [-0.1, 0.9, np.nan, 1]]
    )
    assert spec.names == ("margin", "debt ratio", "line of credit", "franchise")
    assert spec.indicators[1] == Indicator(
        "debt ratio", "Debt", "financial", "interval", 0.2, 0.5, None, None, "median"
    )
    assert loans.findings == ()
    assert [record.role for record in loans.inputs] == ["loans"]


def test_new_applicants_need_neither_receivable_nor_defaulted(tmp_path: Path) -> None:
    spec = read_spec(written(tmp_path, "spec.csv", SPEC))
    found = read_applicants(written(tmp_path, "new.csv", "Loan,margin,Debt,Rev,Code\nE1,0.3,0.4,Y,2\n"), spec)
    assert found.enterprise == ("E1",)
    assert found.values.tolist() == [[0.3, 0.4, 1.0, 1.0]]
    assert not found.is_known.any()


def test_what_is_odd_but_usable_is_told_and_not_dropped(tmp_path: Path) -> None:
    rows = (
        "A,100,120,bad,0.1,0.3,N,0\nB,100,0,bad,0.1,0.3,?,0\nC,100,5,good,0.1,0.3,N,0\nD,,5,bad,0.1,0.3,N,0\n"
    )
    text = "Loan,Due,Lost,Status,margin,Debt,Rev,Code\n" + rows
    loans = read_loans(written(tmp_path, "loans.csv", text), read_spec(written(tmp_path, "spec.csv", SPEC)))
    assert loans.size == 4
    assert loans.defaulted[:3].tolist() == [100, 0, 5]
    assert loans.is_known.tolist() == [True, True, True, False]
    told = "\n".join(map(str, loans.findings))
    assert "loans.csv:2: Lost: 1 loans lost more than was due (line 2)" in told
    assert "loans.csv:4: Status: 1 loans lost part of what was due but are not marked as defaulted" in told
    assert "loans.csv:3: Status: 1 loans are marked as defaulted but lost nothing" in told
    assert "loans.csv:5: Due: 1 loans tell not what was due or what was lost" in told
    assert "loans.csv:3: Rev: 1 cells hold words without a number (?)" in told


def test_one_column_may_tell_two_indicators_as_number_and_as_word(tmp_path: Path) -> None:
    spec = SPEC + "code zero,Code,macro,less,,,0=1; *=0,\nlarge,Due,financial,more,,,,\n"
    loans = read_loans(written(tmp_path, "loans.csv", LOANS), read_spec(written(tmp_path, "spec.csv", spec)))
    assert loans.values[:, 4:].tolist() == [[1, 100], [0, 200], [0, 300]]


@pytest.mark.parametrize(
    ("loans", "expected"),
    [
        (LOANS.replace("Debt", "Debts"), "loans.csv:1: Debt: no column has this name"),
        (LOANS.replace("Debt", "Debts"), "did you mean 'Debts'?"),
        (LOANS.replace("002", "001"), "loans.csv:3: Loan: '001' stands in line 2 already"),
        (LOANS.replace("200,50", "0,0"), "loans.csv:3: Due: 0 is not above 0"),
        (LOANS.replace("200,50", "200,-1"), "loans.csv:3: Lost: -1 is below 0"),
        (LOANS.replace("0.9", "many"), "loans.csv:4: Debt: 'many' is no number"),
        (LOANS.splitlines()[0] + "\n", "has a header, but no row below it"),
    ],
)
def test_a_history_that_cannot_be_used_is_refused(tmp_path: Path, loans: str, expected: str) -> None:
    assert expected in messages(tmp_path, loans=loans)


def test_all_problems_of_a_history_are_told_at_once(tmp_path: Path) -> None:
    told = messages(tmp_path, loans=LOANS.replace("200,50", "0,-1").replace("0.9", "many"))
    assert len(told.splitlines()) == 3


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("margin,,financial,more", "margin,,financial,", "spec.csv:6: direction: is blank"),
        ("margin,,financial,more", "margin,,money,more", "spec.csv:6: kind: 'money' is none of"),
        ("margin,,financial,more", "margin,,financial,up", "spec.csv:6: direction: 'up' is none of"),
        ("interval,0.2,0.5", "interval,0.2,", "needs both low and high"),
        ("interval,0.2,0.5", "interval,0.5,0.2", "spec.csv:7: low: 0.5 is above high, 0.2"),
        ("interval,0.2,0.5", "less,0.2,0.5", "low and high belong to the direction interval"),
        ("Y=1; N=0", "Y=1; N", "spec.csv:8: values: 'N' is not understood"),
        ("Y=1; N=0", "Y=1; Y=0", "tells 'Y' twice"),
        ("above 1", "above one", "spec.csv:9: values: 'one' is no number"),
        (",median", ",medain", "did you mean 'median'?"),
        ("lost,Lost,defaulted,,,,,\n", "", "no line has the kind defaulted"),
        (
            "lost,Lost,defaulted,,,,,\n",
            "lost,Lost,receivable,,,,,\n",
            "receivable is told twice; it is 'Due'",
        ),
        ("bad=1; good=0", "bad", "spec.csv:5: values: 'bad' is not understood"),
    ],
)
def test_a_spec_that_cannot_be_used_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        read_spec(written(tmp_path, "spec.csv", SPEC.replace(old, new)))
    assert expected in str(caught.value)


def test_a_spec_without_indicators_is_refused(tmp_path: Path) -> None:
    text = "".join(SPEC.splitlines(keepends=True)[:5])
    with pytest.raises(InputError, match="has no indicator"):
        read_spec(written(tmp_path, "spec.csv", text))


@pytest.mark.parametrize("theirs", ["Lost", "Status", "Loan"])
def test_what_is_known_only_afterwards_is_no_indicator(tmp_path: Path, theirs: str) -> None:
    told = messages(tmp_path, spec=SPEC + f"tell-tale,{theirs},financial,less,,,,\n")
    assert f"{theirs}: is the " in told
    assert "it is not known beforehand" in told
