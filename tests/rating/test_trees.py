"""Forests as arrays: applied and taken apart by hand, against scikit-learn, and stored strictly."""

import copy
import json
import math

import numpy as np
import pytest

from lendplan.data.findings import InputError
from lendplan.rating.forecast import trees
from lendplan.rating.forecast.trees import Forest

# Tree 1:            sales ≤ 10: (0.5, 0.5)            Tree 2: a leaf, (0.25, 0.75)
#            yes: (0.8, 0.2)    no: age ≤ 3: (0.2, 0.8)
#                            yes: (0, 1)   no: (0.4, 0.6)
HAND = {
    "features": ["sales", "age"],
    "classes": ["good", "bad"],
    "offset": [0, 5, 6],
    "feature": [0, -1, 1, -1, -1, -1],
    "threshold": [10.0, 0.0, 3.0, 0.0, 0.0, 0.0],
    "left": [1, -1, 3, -1, -1, -1],
    "right": [2, -1, 4, -1, -1, -1],
    "value": [[0.5, 0.5], [0.8, 0.2], [0.2, 0.8], [0.0, 1.0], [0.4, 0.6], [0.25, 0.75]],
}


def hand():
    return Forest.from_dict(HAND)


def grown(seed=3, *, classes=4, rows=120, count=40, kind="RandomForestClassifier"):
    """Return a scikit-learn forest on random data, and the data."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 7)) * 10.0 ** random.integers(-6, 7, 7)
    # ties, and values that differ in double precision alone, lie on both sides of cut points
    x[:, 0] = random.integers(0, 4, rows)
    x[:, 1] = 1 + random.integers(0, 3, rows) * 1e-9
    y = random.integers(0, classes, rows)
    fitted = getattr(ensemble, kind)(count, random_state=seed, bootstrap=True).fit(x.astype(np.float32), y)
    return fitted, x, y


def as_forest(fitted):
    from lendplan.rating.forecast.forest import _arrays

    width = fitted.n_features_in_
    return _arrays(fitted, [f"x{j}" for j in range(width)], [str(c) for c in range(fitted.n_classes_)])


class TestByHand:
    def test_probabilities(self):
        x = np.array([[10.0, 0.0], [11.0, 3.0], [11.0, 4.0]])
        # the mean of (0.8, 0.2), (0, 1), (0.4, 0.6) and tree 2's (0.25, 0.75)
        expected = [[0.525, 0.475], [0.125, 0.875], [0.325, 0.675]]
        np.testing.assert_allclose(hand().probabilities(x), expected, rtol=0, atol=1e-15)

    def test_contributions(self):
        found = hand().decompose(np.array([[10.0, 0.0], [11.0, 3.0], [11.0, 4.0]]), "bad")
        # roots hold 0.5 and 0.75; sales: 0.5 → 0.2 or 0.8; age: 0.8 → 1 or 0.6; all over two trees
        np.testing.assert_allclose(found.base, [0.625] * 3, rtol=0, atol=1e-15)
        np.testing.assert_allclose(
            found.contributions, [[-0.15, 0], [0.15, 0.1], [0.15, -0.1]], rtol=0, atol=1e-15
        )

    def test_a_value_on_the_cut_goes_left_as_single_precision_sees_it(self):
        x = np.array([[10.0 + 1e-9, 0.0], [10.0 + 1e-5, 9.0]])
        np.testing.assert_allclose(hand().probabilities(x)[:, 1], [0.475, 0.675], atol=1e-15)

    def test_asking_some_trees(self):
        x = np.array([[11.0, 3.0]] * 3)
        asked = np.array([[True, False], [False, True], [True, True]])
        np.testing.assert_allclose(hand().probabilities(x, asked=asked)[:, 1], [1.0, 0.75, 0.875], atol=1e-15)
        found = hand().decompose(x, "bad", asked=asked)
        np.testing.assert_allclose(found.base, [0.5, 0.75, 0.625], atol=1e-15)
        np.testing.assert_allclose(found.contributions, [[0.3, 0.2], [0, 0], [0.15, 0.1]], atol=1e-15)

    def test_weighted_classes(self):
        x = np.array([[11.0, 3.0]])
        found = hand().decompose(x, np.array([100.0, 40.0]))
        assert found.base[0] + found.contributions.sum() == pytest.approx(12.5 + 35, abs=1e-12)

    def test_no_rows(self):
        assert hand().probabilities(np.empty((0, 2))).shape == (0, 2)
        assert hand().contributions(np.empty((0, 2)), "bad").shape == (0, 2)

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
    def test_what_single_precision_cannot_hold_is_refused(self, value):
        with pytest.raises(ValueError, match="not finite in single precision"):
            hand().probabilities(np.array([[value, 1.0]]))

    def test_wrong_shapes_are_refused(self):
        with pytest.raises(ValueError, match=r"\(rows, 2\) belong"):
            hand().probabilities(np.ones((3, 3)))
        with pytest.raises(ValueError, match="mask of shape"):
            hand().probabilities(np.ones((3, 2)), asked=np.ones((2, 2), bool))
        with pytest.raises(ValueError, match="may ask no tree"):
            hand().probabilities(np.ones((1, 2)), asked=np.zeros((1, 2), bool))


class TestAgainstScikitLearn:
    @pytest.mark.parametrize("kind", ["RandomForestClassifier", "ExtraTreesClassifier"])
    @pytest.mark.parametrize("classes", [2, 4, 9])
    def test_identical_probabilities(self, kind, classes):
        fitted, x, _ = grown(classes=classes, kind=kind)
        forest = as_forest(fitted)
        rows = np.concatenate((x, np.random.default_rng(1).normal(size=(500, 7)) * np.abs(x).max(axis=0)))
        theirs = fitted.predict_proba(rows.astype(np.float32))
        assert np.abs(forest.probabilities(rows) - theirs).max() < 1e-12

    def test_contributions_add_up(self):
        fitted, x, _ = grown()
        forest = as_forest(fitted)
        for place, name in enumerate(forest.classes):
            found = forest.decompose(x, name)
            total = found.base + found.contributions.sum(axis=1)
            assert np.abs(total - forest.probabilities(x)[:, place]).max() < 1e-12

    def test_out_of_bag_contributions_add_up(self):
        fitted, x, _ = grown()
        forest = as_forest(fitted)
        asked = np.random.default_rng(0).random((len(x), forest.trees)) < 0.4
        found = forest.decompose(x, "1", asked=asked)
        total = found.base + found.contributions.sum(axis=1)
        assert np.abs(total - forest.probabilities(x, asked=asked)[:, 1]).max() < 1e-12

    def test_a_row_does_not_depend_on_the_others(self, monkeypatch):
        fitted, x, _ = grown()
        forest = as_forest(fitted)
        whole, parts = forest.probabilities(x), forest.decompose(x, "2")
        monkeypatch.setattr(trees, "BLOCK", 7 * forest.trees)
        assert (forest.probabilities(x) == whole).all()
        assert (forest.decompose(x, "2").contributions == parts.contributions).all()
        single = np.vstack([forest.probabilities(x[row : row + 1]) for row in range(len(x))])
        assert (single == whole).all()
        assert (forest.decompose(x[5:6], "2").contributions == parts.contributions[5]).all()

    def test_many_rows_take_little_memory(self):
        import tracemalloc

        fitted, x, _ = grown(count=100)
        forest = as_forest(fitted)
        rows = np.tile(x, (200, 1))
        tracemalloc.start()
        forest.probabilities(rows)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # all pairs at once would be 24,000 · 100 · some 60 bytes
        assert peak < 80e6

    def test_json_gives_it_back_bit_by_bit(self):
        fitted, x, _ = grown()
        forest = as_forest(fitted)
        text = json.dumps(forest.to_dict())
        again = Forest.from_dict(json.loads(text))
        assert json.dumps(again.to_dict()) == text
        assert (again.probabilities(x) == forest.probabilities(x)).all()
        assert (again.decompose(x, "3").contributions == forest.decompose(x, "3").contributions).all()


def changed(**parts):
    raw = copy.deepcopy(HAND)
    raw.update(parts)
    return raw


def without(key):
    return {name: value for name, value in HAND.items() if name != key}


def entry(key, place, value):
    raw = copy.deepcopy(HAND)
    raw[key][place] = value
    return raw


class TestStrictness:
    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            ([], "must be an object"),
            (None, "must be an object"),
            (changed(extra=1), "unknown key 'extra'"),
            ({**without("left"), "lfet": []}, "unknown key 'lfet'; did you mean 'left'"),
            (without("left"), "lacks left"),
            (changed(features="sales"), "features: must be a list of texts"),
            (changed(features=["a", "a"]), "names 'a' twice"),
            (changed(classes=["good"], value=[[1.0]] * 6), "two classes"),
            (changed(classes=[1, 2]), "classes: must be a list of texts"),
            (changed(offset=[0, 5, 7]), "offset must rise"),
            (changed(offset=[0, 5, 5, 6]), "offset must rise"),
            (changed(offset=[1, 5, 6]), "offset must rise"),
            (changed(offset=[6]), "offset must rise"),
            (changed(offset=[]), "offset must rise"),
            (changed(offset=[0, 5.0, 6]), "'5.0' is no whole number"),
            (entry("feature", 0, 2), "node 0 asks for feature 2 of 2"),
            (entry("feature", 0, -2), "node 0 asks for feature -2 of 2"),
            (entry("feature", 0, True), "'True' is no whole number"),
            (entry("feature", 0, 2**40), "no whole number of 32 bits"),
            (entry("feature", 1, 0), "node 1 has a feature or a left child, and not both"),
            (entry("left", 0, -1), "node 0 has a feature or a left child"),
            (entry("left", 0, 0), "left child of node 0, 0, does not come after"),
            (entry("right", 2, 2), "right child of node 2, 2, does not come after"),
            (entry("right", 2, 0), "right child of node 2, 0, does not come after"),
            (entry("right", 2, 5), "right child of node 2, 5, does not come after it in its tree"),
            (entry("right", 2, 99), "right child of node 2, 99"),
            (entry("right", 2, 3), "is the child of"),
            (changed(left=[1]), "left: has 1 entries where 6 belong"),
            (entry("threshold", 0, math.nan), "threshold: 'nan' is not finite"),
            (entry("threshold", 0, math.inf), "threshold: 'inf' is not finite"),
            (entry("threshold", 0, "10"), "'10' is no number"),
            (entry("threshold", 0, None), "'None' is no number"),
            (entry("threshold", 0, True), "'True' is no number"),
            (entry("threshold", 0, 10**400), "is not finite"),
            (changed(threshold=[1.0]), "threshold: has 1 entries where 6 belong"),
            (entry("value", 1, [0.8, 0.3]), "shares of node 1 do not sum to 1"),
            (entry("value", 1, [1.2, -0.2]), "node 1 holds a share outside 0 to 1"),
            (entry("value", 1, [0.8]), "value: has 1 or 2 entries where 2 belong"),
            (entry("value", 1, 0.8), "must be a list of lists"),
            (changed(value=[]), "value: has 0 entries where 6 belong"),
        ],
    )
    def test_what_is_no_forest_is_refused(self, raw, message):
        with pytest.raises(InputError) as caught:
            Forest.from_dict(raw)
        assert message in str(caught.value)
        assert "forest" in str(caught.value), "the place in the file is named"
        assert "fit the rating again" in str(caught.value)

    def test_all_unknown_and_missing_keys_are_named_at_once(self):
        with pytest.raises(InputError) as caught:
            Forest.from_dict({**without("left"), "one": 1, "two": 2})
        assert len(caught.value.findings) == 3
