import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lendplan.data.findings import InputError
from lendplan.rating.risk.gradeprobability import (
    FLOOR,
    METHODS,
    GradeProbabilities,
    Method,
    count_defaults,
    grade_probabilities,
)

REAL = ("ABCD", [27, 38, 34, 24], [0, 1, 2, 24])


def prudent(counts: list[int], defaults: list[int], confidence: float) -> np.ndarray:
    grades = [f"G{place}" for place in range(len(counts))]
    return grade_probabilities(
        grades, counts, defaults, method="pluto_tasche", confidence=confidence, floor=1e-9
    ).probability


# Pluto and Tasche (2005), table 1: 100, 400 and 300 obligors without a default; per cent, as printed.
@pytest.mark.parametrize(
    ("confidence", "printed"),
    [
        (0.5, [0.09, 0.10, 0.23]),
        (0.75, [0.17, 0.20, 0.46]),
        (0.9, [0.29, 0.33, 0.76]),
        (0.95, [0.37, 0.43, 0.99]),
        (0.99, [0.57, 0.66, 1.52]),
        (0.999, [0.86, 0.98, 2.28]),
    ],
)
def test_bounds_without_defaults_are_those_of_the_paper(confidence: float, printed: list[float]) -> None:
    assert np.round(100 * prudent([100, 400, 300], [0, 0, 0], confidence), 2).tolist() == printed


def test_bounds_without_defaults_have_a_closed_form() -> None:
    # Nobody of n defaults with probability (1 − p)^n, which is 1 − 0.9 at the bound; pools of 60, 50 and 20.
    expected = [1 - 0.1 ** (1 / pool) for pool in (60, 50, 20)]
    assert prudent([10, 30, 20], [0, 0, 0], 0.9) == pytest.approx(expected, abs=1e-12)


def test_bounds_with_defaults_are_those_of_another_implementation() -> None:
    # PTOnePeriodPD of the R package LDPD 1.1.2, its documented example, which stands worst grade first there; it
    # solves the same equation by a root finder that stops within 1e-4.
    documented = [0.03330381, 0.03659702, 0.06086968, 0.12106991, 0.16226172]
    assert prudent([10, 40, 30, 20, 10], [0, 0, 0, 2, 1], 0.5) == pytest.approx(documented, abs=1e-4)


def test_a_bound_leaves_the_observed_defaults_the_stated_probability() -> None:
    # 3 of 8: at the bound p, P(at most 3 of 8) = Σ C(8, i) p^i (1 − p)^(8−i) is 1 − 0.8.
    (p,) = prudent([8], [3], 0.8)
    tail = sum(c * p**i * (1 - p) ** (8 - i) for i, c in enumerate((1, 8, 28, 56)))
    assert tail == pytest.approx(0.2, abs=1e-12)


def test_jeffreys_by_hand() -> None:
    result = grade_probabilities(*REAL)
    assert result.method == "jeffreys"
    # (0 + ½)/28, (1 + ½)/39, (2 + ½)/35, (24 + ½)/25
    assert result.probability == pytest.approx([0.5 / 28, 1.5 / 39, 2.5 / 35, 24.5 / 25], abs=1e-15)


def test_jeffreys_quantile_is_above_its_mean_at_a_high_confidence() -> None:
    from scipy.stats import beta

    upper = grade_probabilities(*REAL, confidence=0.9)
    assert upper.probability[1] == pytest.approx(beta(1.5, 37.5).ppf(0.9), rel=1e-12)
    assert (upper.probability > grade_probabilities(*REAL).probability).all()


def test_neighbours_in_the_wrong_order_are_pooled_by_hand() -> None:
    # A 2/9 → 2.5/10 = 0.25, B 0/19 → 0.5/20 = 0.025: pooled (2.5 + 0.5)/30 = 0.1; C 4/9 → 4.5/10 stays.
    result = grade_probabilities("ABC", [9, 19, 9], [2, 0, 4])
    assert result.raw == pytest.approx([0.25, 0.025, 0.45])
    odds = np.exp(0.01) * 0.1 / 0.9  # B is set 0.01 in log-odds above A
    assert result.probability == pytest.approx([0.1, odds / (1 + odds), 0.45], abs=1e-12)


def test_an_empty_grade_stands_between_its_neighbours_in_log_odds() -> None:
    # A ½/10 = 0.05, C 1½/4 = 0.375: odds 1/19 and 3/5; B has the geometric mean √(3/95).
    result = grade_probabilities(["AA", "A", "B", "C", "D"], [0, 9, 0, 3, 0], [0, 0, 0, 1, 0])
    odds = (3 / 95) ** 0.5
    assert result.probability[2] == pytest.approx(odds / (1 + odds), abs=3e-3)
    assert np.isnan(result.raw[[0, 2, 4]]).all()
    assert result.probability[0] == pytest.approx(0.05)
    assert result.probability[4] == pytest.approx(0.375, abs=4e-3)


def test_a_worse_grade_with_a_lower_bound_takes_the_better_ones() -> None:
    # A alone is 5 of 10, B 0 of 100: pooled 5 of 110 for A, and B's own bound would be lower.
    result = grade_probabilities("AB", [10, 100], [5, 0], method="pluto_tasche", confidence=0.9)
    assert result.raw[1] < result.raw[0] == pytest.approx(result.probability[0])
    assert result.probability[1] > result.probability[0]


def test_the_default_grade_is_kept_out_of_the_pools() -> None:
    pooled = grade_probabilities(*REAL, method="pluto_tasche")
    apart = grade_probabilities(*REAL, method="pluto_tasche", default_grade="D")
    assert pooled.probability[0] > 0.2
    # 3 defaults of 27 + 38 + 34 = 99, as though D did not exist.
    assert apart.probability[0] == pytest.approx(prudent([99], [3], 0.75)[0])
    assert apart.probability[3] == pytest.approx(24.5 / 25)


def test_central_tendency_multiplies_the_odds() -> None:
    plain = grade_probabilities("AB", [9, 9], [0, 4])
    # Means ½/10 and 4½/10, so 0.25 over the sample: odds 1/3. A portfolio with 2 % has odds 1/49, a factor of 3/49.
    moved = grade_probabilities("AB", [9, 9], [0, 4], central_tendency=0.02)
    factor = (moved.probability / (1 - moved.probability)) / (plain.probability / (1 - plain.probability))
    assert factor == pytest.approx([3 / 49, 3 / 49])
    # Bayes' rule: with the mix of grades that goes with it, the portfolio defaults with 2 %.
    thinner, thicker = 0.02 / 0.25, 0.98 / 0.75
    mix = 0.5 * (plain.probability * thinner + (1 - plain.probability) * thicker)
    assert mix.sum() == pytest.approx(1)
    assert mix @ moved.probability == pytest.approx(0.02)


def test_floor_lifts_good_grades_and_keeps_them_apart() -> None:
    result = grade_probabilities("ABC", [100_000, 50_000, 10], [0, 0, 1])
    assert result.probability[0] == pytest.approx(FLOOR)
    assert result.probability[0] < result.probability[1] < result.probability[2]


def test_central_tendency_is_held_against_the_mean_of_the_pooled_estimates() -> None:
    # ½ + 3 of 11, ½ of 10 are pooled to (11·3.5/11 + 10·0.5/10)/21 = 4/21; the sample's own rate is 3 of 19.
    plain = grade_probabilities("AB", [10, 9], [3, 0])
    moved = grade_probabilities("AB", [10, 9], [3, 0], central_tendency=4 / 21)
    assert moved.probability == pytest.approx(plain.probability, rel=1e-12)


def test_a_floor_that_stands_is_told(caplog: pytest.LogCaptureFixture) -> None:
    grade_probabilities("AB", [9, 9], [0, 4])
    assert not caplog.messages
    result = grade_probabilities("AB", [9, 9], [0, 4], central_tendency=5e-324)
    assert result.probability[0] == pytest.approx(FLOOR)
    (message,) = caplog.messages
    assert "A, B" in message
    assert "0.05 %" in message


COUNTED = st.lists(
    st.integers(0, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=9
).filter(lambda rows: any(n for n, _ in rows))


@given(
    COUNTED,
    st.sampled_from(METHODS),
    st.sampled_from([None, 0.01, 0.5, 0.999]),
    st.sampled_from([None, 1e-4, 0.6]),
)
def test_probabilities_rise_strictly_within_zero_and_one(
    rows: list[tuple[int, int]], method: Method, confidence: float | None, central: float | None
) -> None:
    grades = [f"G{place}" for place in range(len(rows))]
    counts, defaults = [n for n, _ in rows], [k for _, k in rows]
    result = grade_probabilities(
        grades, counts, defaults, method=method, confidence=confidence, central_tendency=central
    )
    assert result.probability[0] >= FLOOR * (1 - 1e-9)
    assert result.probability[-1] < 1
    assert (np.diff(result.probability) > 0).all()
    again = GradeProbabilities.from_dict(json.loads(json.dumps(result.to_dict())))
    assert again.to_dict() == result.to_dict()


@given(COUNTED)
def test_a_further_default_never_lowers_the_most_prudent_bound(rows: list[tuple[int, int]]) -> None:
    rows = [(n + 1, k) for n, k in rows]
    counts, defaults = [n for n, _ in rows], [k for _, k in rows]
    before = prudent(counts, defaults, 0.75)
    more = [defaults[0] + 1, *defaults[1:]]
    if defaults[0] + 1 < counts[0]:
        assert prudent(counts, more, 0.75)[0] >= before[0]


def test_of_reads_grades_and_leaves_the_unknown_blank() -> None:
    result = grade_probabilities(*REAL)
    assert result.of(["D", "", "A", "E"]) == pytest.approx([0.98, np.nan, 0.5 / 28, np.nan], nan_ok=True)
    assert result.lines()[4].split() == ["D", "24", "24", "98.000%"]


def test_defaults_are_counted_where_the_outcome_is_known() -> None:
    grade = ["A", "A", "B", "", "B", "X"]
    is_default = np.array([0.0, 1.0, np.nan, 1.0, 0.0, 1.0])
    counts, defaults = count_defaults(grade, is_default, "AB")
    assert counts.tolist() == [2, 1]
    assert defaults.tolist() == [1, 0]


def test_nothing_known_is_told() -> None:
    with pytest.raises(InputError, match="no enterprise has both a grade and a known outcome"):
        grade_probabilities("AB", [0, 0], [0, 0])


@pytest.mark.parametrize(
    "arguments",
    [
        {"grades": "AA", "counts": [1, 1], "defaults": [0, 0]},
        {"grades": "AB", "counts": [1], "defaults": [0]},
        {"grades": "AB", "counts": [1, 1], "defaults": [0, 2]},
        {"grades": "AB", "counts": [1, 1], "defaults": [0, -1]},
        {"grades": "AB", "counts": [1, 1], "defaults": [0, 0], "confidence": 1.0},
        {"grades": "AB", "counts": [1, 1], "defaults": [0, 0], "central_tendency": 0.0},
        {"grades": "AB", "counts": [1, 1], "defaults": [0, 0], "default_grade": "A"},
        {"grades": "AB", "counts": [1, 1], "defaults": [0, 0], "floor": 0.0},
        {"grades": "AB", "counts": [1, 1], "defaults": [0, 0], "method": "guess"},
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|is none of"):
        grade_probabilities(**arguments)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"probability": [0.1, 0.1, 0.2, 0.3]}, "do not rise strictly"),
        ({"probability": [0.0, 0.1, 0.2, 0.3]}, "do not rise strictly"),
        ({"probability": [0.1, 0.2]}, "unequal lengths"),
        ({"probability": ["x", 0.1, 0.2, 0.3]}, "no number"),
        ({"method": "magic"}, "none of"),
        ({"grades": ["A", "A", "B", "C"]}, "repeated"),
        ({"code": "import os"}, "and no others"),
    ],
)
def test_a_damaged_state_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        GradeProbabilities.from_dict(grade_probabilities(*REAL).to_dict() | change)
