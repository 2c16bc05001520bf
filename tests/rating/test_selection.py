import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from lendplan.data.findings import InputError
from lendplan.rating.loans.discrimination import adjusted, area_under_curve, discrimination, ranks
from lendplan.rating.loans.selection import select

DEFAULTED = np.array([False, False, False, True, True])
BY_HAND = np.array([3.0, 2.0, 2.0, 2.0, 1.0])
"""Six pairs of a safe and a defaulted loan: four are in order, two tie, so that the area is 5/6."""


def test_area_under_the_curve_by_hand() -> None:
    assert area_under_curve(BY_HAND, DEFAULTED) == pytest.approx(5 / 6, abs=1e-15)


def test_best_cut_by_hand() -> None:
    # Calling what is below 2 a default puts all but the defaulted 2 right; no other cut puts more right.
    found = discrimination(BY_HAND, DEFAULTED)
    assert found.accuracy == 4 / 5
    assert found.cut == 2.0


def test_calling_every_loan_safe_is_a_cut() -> None:
    found = discrimination(np.array([1.0, 2.0, 3.0, 3.0]), np.array([False, False, False, True]))
    assert (found.accuracy, found.cut) == (0.75, -np.inf)


def test_calling_every_loan_a_default_is_a_cut() -> None:
    found = discrimination(np.array([1.0, 1.0, 1.0]), np.array([True, True, False]))
    assert (found.accuracy, found.cut, found.p_value) == (2 / 3, np.inf, 1.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=4, max_size=40))
def test_ranks_area_and_p_value_agree_with_scipy(rows: list[tuple[int, bool]]) -> None:
    values = np.array([float(value) for value, _ in rows])
    is_default = np.array([bad for _, bad in rows])
    np.testing.assert_array_equal(ranks(values), rankdata(values))
    if is_default.all() or not is_default.any() or len(set(values)) == 1:
        return
    test = mannwhitneyu(values[~is_default], values[is_default], use_continuity=True, method="asymptotic")
    found = discrimination(values, is_default)
    assert found.auc == pytest.approx(test.statistic / ((~is_default).sum() * is_default.sum()), abs=1e-12)
    assert found.p_value == pytest.approx(min(test.pvalue, 1.0), abs=1e-12)


def test_benjamini_and_hochberg_on_their_own_example() -> None:
    # Benjamini and Hochberg (1995), section 4.1: fifteen p-values, of which the first four are significant at 5 %.
    given_there = np.array(
        [
            *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
            *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
        ]
    )
    shuffled = np.random.default_rng(1).permutation(15)
    found = np.empty(15)
    found[shuffled] = adjusted(given_there[shuffled])
    assert (found <= 0.05).tolist() == [True] * 4 + [False] * 11
    assert found[3] == pytest.approx(0.0095 * 15 / 4)
    assert found[-1] == 1.0


def history(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Standardised indicators (telling, nearly the same, noise, the wrong way round, constant), and who defaulted."""
    rng = np.random.default_rng(7)
    is_default = rng.random(n) < 0.3
    telling = rng.normal(size=n) - 1.2 * is_default
    columns = [
        telling,
        telling + 0.3 * rng.normal(size=n),
        rng.normal(size=n),
        rng.normal(size=n) + 0.9 * is_default,
        np.ones(n),
    ]
    return np.column_stack(columns), is_default


NAMES = ("telling", "alike", "noise", "reversed", "constant")


def test_each_indicator_is_kept_or_dropped_for_its_reason() -> None:
    values, is_default = history()
    found = select(NAMES, values, is_default)
    assert [choice.is_kept for choice in found.choices] == [True, False, False, False, False]
    reasons = [choice.reason for choice in found.choices]
    assert reasons[0].startswith("tells defaulters from the rest")
    assert reasons[1].startswith("says the same as telling (rank correlation 0.9")
    assert reasons[2].startswith("does not differ significantly")
    assert reasons[3].startswith("tells the other way than its direction says")
    assert reasons[4] == "is the same for defaulters and the rest"
    assert found.kept == (0,)
    rows = found.to_csv().decode().splitlines()
    assert rows[0] == "indicator,decision,auc,accuracy,p_value,p_adjusted,reason"
    assert rows[1].startswith("telling,kept,0.")


def test_a_higher_threshold_keeps_both_of_a_pair() -> None:
    values, is_default = history()
    assert select(NAMES, values, is_default, correlation=0.999).kept == (0, 1)


def test_of_equal_ones_the_earlier_stays() -> None:
    values, is_default = history()
    both = values[:, [0, 0]]
    assert select(("one", "same"), both, is_default).kept == (0,)
    assert select(("one", "same"), both, is_default, correlation=1.0).kept == (0, 1)


def test_an_area_too_small_is_dropped_though_significant() -> None:
    values, is_default = history()
    found = select(NAMES, values, is_default, least_auc=0.79)
    assert found.choices[1].reason.startswith(("tells too little", "says the same"))
    with pytest.raises(InputError, match=r"no indicator tells defaulters from the rest.*tells too little"):
        select(NAMES, values, is_default, least_auc=0.99)


def test_the_order_of_rows_changes_nothing() -> None:
    values, is_default = history()
    order = np.random.default_rng(3).permutation(len(values))
    one, other = select(NAMES, values, is_default), select(NAMES, values[order], is_default[order])
    assert one.kept == other.kept
    assert [choice.told for choice in one.choices] == [choice.told for choice in other.choices]


@pytest.mark.parametrize(("value", "word"), [(False, "no"), (True, "every")])
def test_a_history_of_one_outcome_tells_nothing(value: bool, word: str) -> None:
    with pytest.raises(InputError, match=f"{word} loan defaulted"):
        select(("x",), np.arange(5.0)[:, None], np.full(5, value))
    with pytest.raises(ValueError, match="needs loans that defaulted and loans that did not"):
        area_under_curve(np.arange(5.0), np.full(5, value))


def test_an_indicator_that_tells_too_well_is_told_and_kept() -> None:
    values, is_default = history()
    leak = np.column_stack([values[:, 0], 1.0 - is_default + values[:, 2] * 0.1])
    found = select(("fair", "recorded afterwards"), leak, is_default)
    assert found.choices[1].is_kept
    assert [finding.key for finding in found.findings] == ["recorded afterwards"]
    assert "make sure that it is known before the loan is granted" in str(found.findings[0])
