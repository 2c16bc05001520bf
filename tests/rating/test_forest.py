"""Growing forests: same seed, same bytes; out of bag; the order of rows and the number of threads change nothing."""

import json

import numpy as np
import pytest

from lendplan.data.findings import InputError

pytest.importorskip("sklearn")

from lendplan.rating.forecast.forest import grow

CLASSES = ("good", "fair", "bad")
FEATURES = ("a", "b", "c", "d")


def data(rows=60, seed=1):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 4))
    place = np.clip(np.round(1 + x[:, 0] + 0.3 * random.normal(size=rows)), 0, 2).astype(int)
    y = [CLASSES[one] for one in place]
    return x, y, [f"E{row}" for row in random.permutation(rows)]


def grew(x, y, ids, **more):
    return grow(x, y, ("good", "fair", "bad"), ids=ids, features=FEATURES, **{"seed": 5, "trees": 70, **more})


def test_same_seed_same_bytes_on_any_number_of_threads():
    x, y, ids = data()
    first, second = grew(x, y, ids, jobs=1), grew(x, y, ids, jobs=2)
    assert json.dumps(first.forest.to_dict()) == json.dumps(second.forest.to_dict())
    assert (first.unseen == second.unseen).all()
    assert json.dumps(grew(x, y, ids, seed=6).forest.to_dict()) != json.dumps(first.forest.to_dict())


def test_the_order_of_rows_changes_nothing():
    x, y, ids = data()
    order = np.random.default_rng(2).permutation(len(y))
    first = grew(x, y, ids)
    second = grew(x[order], [y[row] for row in order], [ids[row] for row in order])
    assert json.dumps(first.forest.to_dict()) == json.dumps(second.forest.to_dict())
    assert (first.unseen[order] == second.unseen).all()
    assert (first.oob[order] == second.oob).all()


@pytest.mark.parametrize("kind", ["extra_trees", "random_forest"])
def test_out_of_bag_is_that_of_scikit_learn(kind):
    from sklearn import ensemble

    x, y, ids = data()
    classes = ("good", "fair", "bad")
    order = sorted(range(len(y)), key=lambda row: ids[row])
    make = {"extra_trees": ensemble.ExtraTreesClassifier, "random_forest": ensemble.RandomForestClassifier}[
        kind
    ]
    theirs = make(70, min_samples_leaf=2, max_features=0.4, bootstrap=True, oob_score=True, random_state=5)
    theirs.fit(x[order].astype(np.float32), [classes.index(y[row]) for row in order])
    found = grew(x, y, ids, kind=kind)
    assert np.abs(found.oob[order] - theirs.oob_decision_function_).max() < 1e-12
    assert np.abs(found.forest.probabilities(x) - theirs.predict_proba(x.astype(np.float32))).max() < 1e-12


def test_labels_without_information_are_not_learnt_out_of_bag():
    x, y, ids = data(rows=150)
    random = np.random.default_rng(0)
    shuffled = [y[row] for row in random.permutation(len(y))]
    found = grew(x, shuffled, ids)
    label = np.array(shuffled)
    hits = np.mean(np.array(CLASSES)[found.oob.argmax(1)] == label)
    most = max(shuffled.count(label) for label in set(shuffled)) / len(shuffled)
    in_bag = found.forest.probabilities(x).argmax(1)
    memory = np.mean(np.array(CLASSES)[in_bag] == label)
    assert hits < most + 0.08
    assert memory > most + 0.2, "the same forest knows its own rows by heart"


def test_a_class_that_no_row_has_keeps_its_column():
    x, _, ids = data(rows=20)
    found = grew(x, ["good", "bad"] * 10, ids)
    assert found.forest.classes == ("good", "fair", "bad")
    assert (found.oob[:, 1] == 0).all()


def test_too_few_trees_are_refused():
    x, y, ids = data()
    with pytest.raises(InputError, match=r"2 trees leave no out-of-bag forecast for .* grow more trees"):
        grew(x, y, ids, trees=2)


@pytest.mark.parametrize("ids", [["E1"] * 60, [f"E{row}" for row in range(59)]])
def test_ids_must_be_distinct_and_complete(ids):
    x, y, _ = data()
    with pytest.raises(ValueError, match="distinct ids"):
        grew(x, y, ids)


def test_scikit_learn_is_named_where_it_is_missing(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    x, y, ids = data()
    with pytest.raises(
        InputError, match=r"needs scikit-learn; install it with: pip install 'lendplan\[rating\]'"
    ):
        grew(x, y, ids)


def test_scikit_learn_is_not_imported_with_the_module():
    import subprocess
    import sys

    heavy = "('sklearn', 'scipy', 'pandas')"
    code = f"import sys, lendplan.rating.forecast.validation; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
