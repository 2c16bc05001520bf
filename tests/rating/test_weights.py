import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lendplan.rating.loans.scales import fit_scales, standardised
from lendplan.rating.loans.spec import Indicator
from lendplan.rating.loans.weights import contributions, moments, scores, variation_weights, weights_of

MORE = Indicator("more", "more", "financial", "more")
LESS = Indicator("less", "less", "financial", "less")
WITHIN = Indicator("within", "within", "financial", "interval", 4.0, 6.0)


def test_coefficient_of_variation_on_a_published_example() -> None:
    # Decision matrix and weights: Shuai, Zongzhun, Yongji and Lei (2012), "A new angular method to determine the
    # objective weights", 24th Chinese Control and Decision Conference, 3889–3892.
    matrix = np.array([[30, 30, 38, 29], [19, 54, 86, 29], [19, 15, 85, 28.9], [68, 70, 60, 29]])
    found = variation_weights("abcd", matrix)
    assert found.weight.round(4).tolist() == [0.4258, 0.3610, 0.2121, 0.0011]


def test_weights_and_score_by_hand() -> None:
    # Column 1: mean 1/2, σ = √(1/6), V = √(2/3). Column 2: mean 5/6, σ = √(1/18), V = √2/5.
    standard = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 1.0]])
    found = variation_weights(("one", "two"), standard)
    v = np.array([np.sqrt(2 / 3), np.sqrt(2) / 5])
    np.testing.assert_allclose(found.mean, [1 / 2, 5 / 6], rtol=1e-15)
    np.testing.assert_allclose(found.deviation, [np.sqrt(1 / 6), np.sqrt(1 / 18)], rtol=1e-15)
    np.testing.assert_allclose(found.measure, v, rtol=1e-15)
    np.testing.assert_allclose(found.weight, v / v.sum(), rtol=1e-15)
    np.testing.assert_allclose(found.weight, [0.742716, 0.257284], atol=5e-7)
    points = contributions(standard, found.weight)
    np.testing.assert_allclose(scores(points), [25.7284, 50.0, 100.0], atol=5e-5)
    np.testing.assert_allclose(points.sum(axis=1), scores(points), rtol=1e-14)


def test_the_same_weights_with_the_deviation_of_a_sample() -> None:
    values = np.random.default_rng(2).random((9, 3))
    sample = values.std(axis=0, ddof=1) / values.mean(axis=0)
    np.testing.assert_allclose(variation_weights("abc", values).weight, sample / sample.sum(), rtol=1e-13)


def test_scales_by_hand() -> None:
    values = np.array([[2.0, 2.0, 0.0], [3.0, 3.0, 5.0], [6.0, 6.0, 8.0]])
    found = standardised(fit_scales((MORE, LESS, WITHIN), values), values)
    # Within 4 … 6 is best; the farthest is 4 away, at 0.
    np.testing.assert_allclose(found, [[0, 1, 0], [0.25, 0.75, 1], [1, 0, 0.5]])


def test_new_values_beyond_the_history_are_clipped() -> None:
    scales = fit_scales((MORE, LESS, WITHIN), np.array([[2.0, 2.0, 0.0], [6.0, 6.0, 8.0]]))
    new = standardised(scales, np.array([[-9.0, -9.0, -9.0], [99.0, 99.0, 99.0], [np.nan] * 3]))
    np.testing.assert_array_equal(new, [[0, 1, 0], [1, 0, 0], [np.nan] * 3])


def test_an_indicator_that_never_varies_keeps_the_order_of_new_values() -> None:
    scales = fit_scales((MORE, LESS, WITHIN), np.array([[3.0, 3.0, 5.0], [3.0, 3.0, 5.0]]))
    new = standardised(scales, np.array([[2.0, 2.0, 3.9], [3.0, 3.0, 5.0], [4.0, 4.0, 6.1]]))
    np.testing.assert_array_equal(new, [[0, 1, 0], [1, 1, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("indicator", "filled"),
    [
        (Indicator("x", "x", "macro", "more", missing="median"), 3.0),
        (Indicator("x", "x", "macro", "more", missing="worst"), 1.0),
        (Indicator("x", "x", "macro", "less", missing="worst"), 9.0),
        (Indicator("x", "x", "macro", "interval", 2.0, 3.0, missing="worst"), 9.0),
        (Indicator("x", "x", "macro", "interval", 8.0, 9.0, missing="worst"), 1.0),
        (Indicator("x", "x", "macro", "more", missing=2.5), 2.5),
    ],
)
def test_what_stands_in_for_a_missing_value(indicator: Indicator, filled: float) -> None:
    (scale,) = fit_scales((indicator,), np.array([[1.0], [3.0], [9.0], [np.nan]]))
    assert scale.fill == filled
    expected = scale.standard(np.array([filled]))
    assert scale.standard(np.array([np.nan])) == expected


def test_an_indicator_without_any_value_has_nothing_to_stand_in() -> None:
    (scale,) = fit_scales((Indicator("x", "x", "macro", "more", missing="median"),), np.full((3, 1), np.nan))
    assert scale.fill is None
    assert np.isnan(scale.standard(np.array([np.nan]))).all()


def test_constant_and_mean_zero_get_no_weight_and_are_told() -> None:
    values = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, 1.0]])
    found = variation_weights(("constant", "centred", "good"), values)
    assert found.weight.tolist() == [0.0, 0.0, 1.0]
    assert found.remarks[0] == "constant never varies and gets no weight"
    assert found.remarks[1].startswith("centred has the mean 0")


def test_where_none_has_a_weight_all_weigh_the_same() -> None:
    found = variation_weights(("a", "b"), np.ones((3, 2)))
    assert found.weight.tolist() == [0.5, 0.5]
    assert found.remarks[-1] == "no indicator has a weight of its own, and all weigh the same"


def test_a_tenth_that_never_varies_is_seen_as_constant() -> None:
    # The mean of ten tenths is not a tenth in binary; a rounding error is no variation.
    _, deviation = moments(np.full((10, 1), 0.1))
    assert deviation.tolist() == [0.0]


def test_weights_by_area_and_equal_ones() -> None:
    values = np.random.default_rng(1).random((5, 3))
    by_area = weights_of("abc", values, np.array([0.75, 0.625, 0.5]), "auc")
    np.testing.assert_allclose(by_area.weight, [2 / 3, 1 / 3, 0])
    assert weights_of("abc", values, np.full(3, 0.5), "equal").weight.tolist() == [1 / 3] * 3
    assert by_area.to_csv().decode().splitlines()[0].endswith("auc_above_chance,weight")


def test_the_order_of_rows_changes_no_digit() -> None:
    rng = np.random.default_rng(4)
    values = rng.random((200, 4))
    order = rng.permutation(200)
    one, other = variation_weights("abcd", values), variation_weights("abcd", values[order])
    assert one.weight.tolist() == other.weight.tolist()
    points = contributions(values, one.weight)
    assert scores(points)[order].tolist() == scores(contributions(values[order], other.weight)).tolist()


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_better_in_every_indicator_never_scores_lower(data: st.DataObject) -> None:
    number = st.floats(-1e6, 1e6, allow_nan=False)
    values = np.array(data.draw(st.lists(st.tuples(number, number, number), min_size=2, max_size=8)))
    scales = fit_scales((MORE, LESS, WITHIN), values)
    weights = variation_weights("abc", standardised(scales, values))
    worse = np.array(data.draw(st.tuples(number, number, number)))
    gain = np.array(data.draw(st.tuples(*[st.floats(0, 1e6)] * 2)))
    # The third moves towards its best interval, and not beyond.
    share = data.draw(st.floats(0, 1))
    towards = np.clip(worse[2], 4.0, 6.0)
    third = worse[2] + share * (towards - worse[2])
    third = min(third, towards) if worse[2] < towards else max(third, towards)
    better = np.array([worse[0] + gain[0], worse[1] - gain[1], third])
    low, high = scores(contributions(standardised(scales, np.array([worse, better])), weights.weight))
    assert high >= low
    assert low >= 0
    assert high <= 100
