import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lendplan
from lendplan.data.findings import InputError
from lendplan.data.tables import table_from_frame
from lendplan.rating.ratings import Ratings
from lendplan.rating.records import Floats
from lendplan.rating.risk.guarantees import HAIRCUTS, Guarantees, read_guarantees
from lendplan.rating.risk.mitigation import FLOOR, Mitigated, mitigate, risk_weights

HEAD = "enterprise,kind,covered,covered_share,haircut,guarantor,guarantor_default_probability,capacity,exposure\n"


def table(*rows: str) -> Guarantees:
    """Guarantees out of rows of comma-separated text."""
    frame = pd.read_csv(io.StringIO(HEAD + "\n".join(rows) + "\n"), dtype=str, keep_default_na=False)
    return read_guarantees(table_from_frame(frame, "guarantees"))


def mitigated(
    guarantees: Guarantees, base: float = 0.6, floor: float = FLOOR, **more: Sequence[float]
) -> Mitigated:
    """What guarantees do to three enterprises of one base loss."""
    arrays = {name: np.array(values, dtype=np.float64) for name, values in more.items()}
    return mitigate(["E1", "E2", "E3"], np.full(3, base), guarantees, floor=floor, **arrays)


# The arithmetic, by hand ----------------------------------------------------------------------------------------


def test_a_pledge_takes_its_covered_part_off() -> None:
    # 50 of 100 less a haircut of 40 % covers 30; 70 of 100 lose 60 %: 0.42.
    result = mitigated(table("E2,property,50,,40%,,,,100"))
    assert result.loss_given_default == pytest.approx([0.6, 0.42, 0.6])
    assert result.covered == pytest.approx([0, 30, 0])
    assert result.covered_share == pytest.approx([0, 0.3, 0])
    assert not result.findings


def test_several_add_up_to_no_more_than_the_exposure() -> None:
    # 80 · 0.6 + 50 · 0.8 = 48 + 40 = 88 of 100: 0.12 · 0.6 = 0.072, which the floor of 10 % lifts.
    rows = ("E1,property,80,,0.4,,,,100", "E1,professional guarantor,50,,0.2,G1,,,100")
    result = mitigated(table(*rows))
    assert result.covered[0] == pytest.approx(88)
    assert result.loss_given_default[0] == FLOOR
    assert mitigated(table(*rows), floor=0.0).loss_given_default[0] == pytest.approx(0.072)
    more = mitigated(table(*rows, "E1,receivables,900,,0,,,,100"), floor=0.0)
    assert more.covered[0] == 100
    assert more.loss_given_default[0] == 0


def test_the_floor_never_lifts_a_loss_above_its_base() -> None:
    assert mitigated(table("E1,property,50,,0,,,,100"), base=0.04).loss_given_default[0] == pytest.approx(
        0.04
    )


def test_a_share_needs_no_exposure() -> None:
    # 80 % less the professional's usual haircut of 20 % covers 64 %: 0.36 · 0.6 = 0.216.
    result = mitigated(table("E3,professional guarantor,,80%,,G1,,,"))
    assert HAIRCUTS["professional guarantor"] == 0.2
    assert result.loss_given_default[2] == pytest.approx(0.216)
    assert np.isnan(result.covered[2])
    assert result.guarantor == ("", "", "G1")
    assert np.isnan(result.guaranteed_amount[2])


def test_an_amount_without_an_exposure_counts_nothing_and_is_told() -> None:
    result = mitigated(table("E1,property,50,,0.4,,,,"))
    assert result.loss_given_default[0] == 0.6
    assert "exposure to 'E1' is not known" in str(result.findings[0])
    known = mitigated(table("E1,property,50,,0.4,,,,"), exposure=[100, np.nan, 5])
    assert known.loss_given_default[0] == pytest.approx(0.42)


def test_the_tables_exposure_stands_over_the_given() -> None:
    result = mitigated(table("E1,property,50,,0.4,,,,100"), exposure=[1000, 1, 1])
    assert result.covered_share[0] == pytest.approx(0.3)


def test_no_base_stays_unknown() -> None:
    result = mitigated(table("E1,property,50,,0.4,,,,100"), base=np.nan)
    assert np.isnan(result.loss_given_default).all()


# The guarantor's own risk ---------------------------------------------------------------------------------------


def test_the_covered_part_carries_the_guarantors_risk() -> None:
    # E1 defaults with 8 %, its guarantor E2 with 2 %: credit 1 − 2/8 = 0.75. Fully covered without a haircut,
    # the risk weight is 8 % · 0.6 · 0.25 = 1.2 %, that of a loan to E2: 2 % · 0.6.
    result = mitigated(table("E1,mutual guarantee,100,,0,E2,,,100"), default_probability=[0.08, 0.02, 0.05])
    assert result.credit.tolist() == [0.75]
    weight = risk_weights(np.array([0.08, 0.02, 0.05]), result.loss_given_default)
    assert weight[0] == pytest.approx(weight[1]) == pytest.approx(0.012)
    assert "E2 defaults with 2 %, the enterprise with 8 %" in result.why[0]


def test_two_that_vouch_for_one_another_help_the_weaker_alone() -> None:
    rows = ("E1,mutual guarantee,100,,0,E2,,,100", "E2,mutual guarantee,100,,0,E1,,,100")
    result = mitigated(table(*rows), default_probability=[0.08, 0.02, 0.05])
    assert result.loss_given_default == pytest.approx([0.15, 0.6, 0.6])
    assert [finding.line for finding in result.findings] == [3]


@pytest.mark.parametrize(
    ("row", "more", "told"),
    [
        ("E1,mutual guarantee,100,,0,E2,,,100", {"is_default": [0, 1, 0]}, "E2 has defaulted"),
        ("E1,professional guarantor,100,,0,E2,,,100", {"is_default": [0, 1, 0]}, "E2 has defaulted"),
        ("E1,mutual guarantee,100,,0,X,,,100", {}, "no default probability of X is known"),
        ("E1,mutual guarantee,100,,0,X,2%,,100", {}, "has no default probability to compare with"),
        ("E1,mutual guarantee,100,,0,X,9%,,100", {"default_probability": [0.08, 0, 0]}, "counts 0 %"),
        ("E1,counter-guarantee,100,,0,G1,,,100", {}, "secures the guarantor, not the bank"),
    ],
)
def test_guarantees_that_count_nothing_are_told(
    row: str, more: dict[str, Sequence[float]], told: str
) -> None:
    result = mitigated(table(row), 0.6, FLOOR, **more)
    assert result.loss_given_default[0] == 0.6
    assert result.credit.tolist() == [0]
    assert told in result.why[0]
    (finding,) = result.findings
    assert told in finding.message
    assert finding.line == 2


def test_a_stated_default_probability_of_a_stranger_is_used() -> None:
    result = mitigated(table("E1,mutual guarantee,50,,0,X,2%,,100"), default_probability=[0.08, 0.5, 0.5])
    assert result.loss_given_default[0] == pytest.approx(0.6 * (1 - 0.5 * 0.75))


def test_an_unrated_professional_counts_in_full() -> None:
    result = mitigated(table("E1,professional guarantor,50,,0,G1,,,100"))
    assert result.loss_given_default[0] == pytest.approx(0.3)
    assert "counts in full" in result.why[0]


def test_promises_above_the_capacity_are_told_and_counted_pro_rata() -> None:
    rows = ("E1,professional guarantor,50,,0,G1,,60,100", "E2,professional guarantor,70,,0,G1,,,100")
    result = mitigated(table(*rows, "E3,property,70,,0,G1,,,100"))
    assert result.promised == {"G1": 120}
    assert result.covered == pytest.approx([25, 35, 70])
    (finding,) = result.findings
    assert str(finding).startswith(
        "guarantees:2: capacity: 'G1' has promised 120 over all enterprises, above its"
    )
    assert "50 % of that is within" in result.why[0]


def test_the_largest_guarantor_is_named_for_limits() -> None:
    result = mitigated(
        table(
            "E1,professional guarantor,30,,0.2,G2,,,100",
            "E1,professional guarantor,30,,0.2,G1,,,",
            "E1,mutual guarantee,25,,0.5,G2,,,",
            "E2,property,90,,0.4,G1,,,100",
        )
    )
    assert result.guarantor == ("G2", "", "")
    assert result.guaranteed_amount == pytest.approx([55, np.nan, np.nan], nan_ok=True)
    columns = result.columns()
    assert list(columns) == ["guarantor", "guaranteed", "guaranteed_amount"]
    assert list(columns["guaranteed"]) == ["yes", "", ""]


def test_guaranteed_stands_only_where_something_of_the_guarantee_counts() -> None:
    result = mitigated(
        table(
            "E1,counter-guarantee,30,,0,G1,,,100",
            "E1,mutual guarantee,90,,0,G2,,,",  # no default probability of G2 is known
            "E2,mutual guarantee,90,,0,G2,,,100",
            "E2,professional guarantor,20,,0,G3,,,",
            "E3,professional guarantor,20,,1,G3,,,100",  # its haircut takes all of it
        )
    )
    assert result.guarantor == ("G2", "G3", "G3")
    assert result.guaranteed_amount == pytest.approx([90, 20, 20])
    assert list(result.columns()["guaranteed"]) == ["", "yes", ""]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["E1", "E2", "E3"]),
        st.sampled_from(["professional guarantor", "mutual guarantee", "receivables", "property"]),
        st.integers(0, 200),
        st.integers(0, 100),
        st.sampled_from(["G1", "G2", "G3"]),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.floats(0, 1), st.lists(st.floats(0.001, 0.999), min_size=3, max_size=3))
def test_more_security_never_raises_a_loss(
    rows: list[tuple[str, str, int, int, str]], base: float, probability: list[float]
) -> None:
    written = [f"{e},{kind},{amount},,{cut}%,{who},1%,," for e, kind, amount, cut, who in rows]

    def lowered(rows: Sequence[str]) -> Floats:
        result = mitigated(table(*rows), base, exposure=[100, 50, 10], default_probability=probability)
        return result.loss_given_default

    before, after = lowered(written[:-1]), lowered(written)
    assert (after <= before + 1e-12).all()
    assert (after >= min(base, FLOOR)).all()
    assert (after <= base).all()
    assert lowered(written[::-1]) == pytest.approx(after)


# Reading --------------------------------------------------------------------------------------------------------


def test_chinese_headers_and_kinds_are_read(tmp_path: Path) -> None:
    text = "企业代号,担保方式,担保金额,担保人\nE1,专业担保,50,G1\nE2,互保,20,E1\nE3, 房产抵押 ,30,\nE1,反担保,9,G1\n"
    path = tmp_path / "guarantees.csv"
    path.write_bytes(text.encode("gb18030"))
    guarantees = read_guarantees(path)
    kinds = ("professional guarantor", "mutual guarantee", "property", "counter-guarantee")
    assert guarantees.kind == kinds
    assert guarantees.haircut == pytest.approx([0.2, 0.5, 0.4, 1.0])
    assert guarantees.guarantor == ("G1", "E1", "", "G1")
    assert guarantees.record is not None
    assert guarantees.record.encoding == "gb18030"


def test_ids_are_kept_exactly() -> None:
    assert table("001,property,5,,,NA,,,").enterprise == ("001",)


def test_an_empty_table_changes_nothing() -> None:
    assert mitigated(table()).loss_given_default.tolist() == [0.6, 0.6, 0.6]


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(InputError) as told:
        table(
            "E1,property,-5,,,,,,",
            "E1,property,5,,1.2,,,,",
            "E1,mutal guarantee,5,,,E2,,,",
            ",property,5,,,,,,",
            "E1,property,5,,0.1,,,,0",
        )
    assert str(told.value).splitlines() == [
        "guarantees:2: covered: -5 is below 0",
        "guarantees:3: haircut: 1.2 is above 1; did you mean 1.2% or 0.012?",
        "guarantees:4: kind: 'mutal guarantee' is none of professional guarantor, mutual guarantee, receivables, "
        "property, counter-guarantee; did you mean 'mutual guarantee'?",
        "guarantees:5: enterprise: is blank; a value is needed",
        "guarantees:6: exposure: 0 is not above 0; leave it blank for none",
    ]


def test_rows_that_contradict_themselves_are_told_at_once() -> None:
    with pytest.raises(InputError) as told:
        table(
            "E1,property,5,50%,,,,,",
            "E1,property,,,,,,,",
            "E1,mutual guarantee,5,,,,,,",
            "E1,mutual guarantee,5,,,E1,,,",
            "E2,professional guarantor,5,,,G1,1%,100,50",
            "E2,professional guarantor,5,,,G1,2%,200,60",
        )
    assert [(finding.line, finding.key) for finding in told.value.findings] == [
        (2, "covered"),
        (3, "covered"),
        (4, "guarantor"),
        (5, "guarantor"),
        (7, "exposure"),
        (7, "capacity"),
        (7, "guarantor_default_probability"),
    ]
    assert "60, while line 6 says 50 for 'E2'" in str(told.value)


def test_unknown_enterprises_are_told_with_their_rows() -> None:
    with pytest.raises(InputError) as told:
        mitigated(table("E12,property,5,,,,,,", "E1,property,5,,,,,,", "F7,property,5,,,,,,"))
    assert [finding.line for finding in told.value.findings] == [2, 4]
    assert "'E12' is none of the enterprises that are rated; did you mean 'E2'?" in str(told.value)


def test_two_headers_of_one_meaning_are_refused() -> None:
    frame = pd.DataFrame({"enterprise": ["E1"], "kind": ["property"], "担保金额": ["1"], "担保额": ["2"]})
    with pytest.raises(InputError, match="both mean 'covered'"):
        read_guarantees(table_from_frame(frame, "guarantees"))


def test_arrays_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="need 3 values each"):
        mitigated(table(), exposure=[1, 2])


def test_risk_weight_is_blank_without_a_loss_given_default() -> None:
    weight = risk_weights(np.array([0.1, np.nan, 0.2]), np.array([0.5, 0.5, np.nan]))
    assert weight == pytest.approx([0.05, np.nan, np.nan], nan_ok=True)


# The way into a plan --------------------------------------------------------------------------------------------


def test_a_scenario_limits_what_one_guarantor_stands_for(tmp_path: Path) -> None:
    # Six alike; G1 vouches for E0 to E2, G2 for E3, nobody for E4 and E5. With at most 150 a guarantor, the budget of
    # 500 cannot be spent: G1's three share 150, G2's one and the other two have their largest line of 100.
    names = [f"E{i}" for i in range(6)]
    rows = [f"E{i},professional guarantor,80,,0.2,{'G2' if i == 3 else 'G1'},,,100" for i in range(4)]
    probability = np.full(6, 0.04)
    result = mitigate(names, np.full(6, 0.5), table(*rows), default_probability=probability)
    blank = np.full(6, np.nan)
    ratings = Ratings(
        enterprise=tuple(names),
        grade=("A",) * 6,
        grade_forecast=("A",) * 6,
        default_probability=probability,
        default_probability_own=blank,
        loss_given_default=result.loss_given_default,
        risk_weight=risk_weights(probability, result.loss_given_default),
        risk_index=blank,
        score=blank,
        reason=("",) * 6,
        further=result.columns(),
    )
    (tmp_path / "ratings.csv").write_bytes(ratings.to_csv())
    (tmp_path / "book.csv").write_text("enterprise\n" + "\n".join(names) + "\n", encoding="utf-8")
    (tmp_path / "churn.csv").write_text("rate,A\n0.05,0\n0.1,0.2\n", encoding="utf-8")
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "title: guarantors\ncurrency: CNY\nenterprises: book.csv\nratings: ratings.csv\nchurn: churn.csv\n"
        "lines: {min: 10, max: 100}\nbudget: {total: 500}\nobjective: {kind: profit}\n"
        'limits:\n  - {name: guarantor, measure: line, where: {guaranteed: ["yes"]}, by: guarantor, at_most: 150}\n',
        encoding="utf-8",
    )
    plan = lendplan.load(scenario).solve().allocations
    lines = dict(zip(plan["enterprise"], plan["line"], strict=True))
    by_guarantor = {
        name: sum(line for _, line in group)
        for name, group in itertools.groupby(
            sorted((result.guarantor[names.index(name)], line) for name, line in lines.items()),
            lambda pair: pair[0],
        )
    }
    assert by_guarantor == pytest.approx({"": 200, "G1": 150, "G2": 100})
