"""The cumulative logit: worked by hand, against scikit-learn, and monotone in every direction that is stated."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lendplan.data.findings import InputError
from lendplan.rating.forecast.logistic import MonotoneLogit, _Loss, fit_logit

GRADES = ("A", "B", "C", "D")


def data(rows=200, seed=4):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3)) * [1.0, 100.0, 0.01] + [0, 50, 1]
    latent = x[:, 0] - (x[:, 1] - 50) / 100 + random.logistic(size=rows)
    return (
        x,
        [GRADES[int(place)] for place in 3 - np.digitize(latent, [-1, 0.2, 1])],
        [f"E{row}" for row in range(rows)],
    )


def fitted(x, y, ids, classes=GRADES, **more):
    return fit_logit(x, y, classes, ids=ids, features=("one", "two", "three"), **{"directions": {}, **more})


def test_probabilities_by_hand():
    model = MonotoneLogit(
        ("sales",), ("A", "B", "C"), np.array([10.0]), np.array([2.0]), np.array([0.5]), np.array([-1.0, 1])
    )
    # η = 0.5·(14 − 10)/2 = 1: P(A) = σ(0) = 1/2, P(A or B) = σ(2)
    within = 1 / (1 + math.exp(-2))
    np.testing.assert_allclose(
        model.probabilities(np.array([[14.0]])), [[0.5, within - 0.5, 1 - within]], rtol=0, atol=1e-15
    )


def test_two_classes_are_logistic_regression():
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y, ids = data()
    label = ["no" if grade in "AB" else "yes" for grade in y]
    ours = fitted(x, label, ids, ("no", "yes"), penalty=0.1)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = linear_model.LogisticRegression(C=1 / (0.1 * len(x)), tol=1e-10, max_iter=10_000).fit(z, label)
    np.testing.assert_allclose(ours.probabilities(x), theirs.predict_proba(z), atol=1e-5)


def test_gradient_and_hessian_are_those_of_the_loss():
    random = np.random.default_rng(0)
    loss = _Loss(random.normal(size=(30, 3)), random.integers(0, 4, 30), 3, 0.2)
    for at in (np.array([0.3, -0.2, 0.1, -1.0, 0.7, 1.2]), np.array([3.0, -4, 2, 1, 0.1, 8])):
        _, gradient, hessian = loss.at(at)
        for place, step in enumerate(1e-5 * np.eye(6)):
            up, down = loss.at(at + step), loss.at(at - step)
            assert gradient[place] == pytest.approx((up[0] - down[0]) / 2e-5, abs=1e-7)
            np.testing.assert_allclose(hessian[place], (up[1] - down[1]) / 2e-5, atol=1e-6)


def test_the_minimum_is_that_of_a_general_solver():
    from scipy.optimize import minimize

    random = np.random.default_rng(3)
    x, y, ids = data(80)
    x = np.column_stack((x, random.normal(size=(80, 20))))
    names = [f"x{column}" for column in range(23)]
    ways = {name: ("more", "less", "none")[place % 3] for place, name in enumerate(names)}
    ours = fit_logit(x, y, GRADES, ids=ids, features=names, directions=ways, penalty=0.05)
    order = sorted(range(80), key=lambda row: ids[row])
    loss = _Loss(
        ((x - ours.centre) / ours.spread)[order], np.array([GRADES.index(y[row]) for row in order]), 3, 0.05
    )
    bounds = [{"more": (0, None), "less": (None, 0), "none": (None, None)}[ways[name]] for name in names]
    start = np.concatenate((np.zeros(23), [0.0, 1, 1]))
    theirs = minimize(
        lambda at: loss.at(at)[:2],
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[*bounds, (None, None), (1e-6, None), (1e-6, None)],
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000},
    )
    ours_at = np.concatenate((ours.coefficient, ours.cut[:1], np.diff(ours.cut)))
    assert loss.at(ours_at)[0] <= theirs.fun + 1e-12
    np.testing.assert_allclose(ours_at, theirs.x, atol=1e-5)
    assert (ours.coefficient == 0).any(), "a bound that binds is part of the test"


def test_the_loss_is_the_mean_log_likelihood():
    z, code = np.array([[1.0], [2.0], [-1.0]]), np.array([0, 1, 2])
    at = np.array([0.5, -1.0, 2.0])  # cuts −1 and 1

    def sigma(value):
        return 1 / (1 + math.exp(-value))

    likelihood = [sigma(-0.5), sigma(2) - sigma(0), 1 - sigma(0.5)]
    expected = -sum(math.log(p) for p in likelihood) / 3 + 0.2 / 2 * 0.25
    assert _Loss(z, code, 2, 0.2).at(at)[0] == pytest.approx(expected, abs=1e-14)


def test_no_sign_turns_against_its_direction():
    x, y, ids = data()
    free = fitted(x, y, ids).coefficient
    assert free[0] > 0 > free[1]
    held = fitted(x, y, ids, directions={"one": "less", "two": "more", "three": "none"}).coefficient
    assert held[0] == 0
    assert held[1] == 0
    assert fitted(x, y, ids, directions={"one": "more", "two": "less"}).coefficient[:2] == pytest.approx(
        free[:2], rel=1e-4
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), step=st.lists(st.floats(0, 1e3), min_size=3, max_size=3))
def test_better_in_every_feature_is_never_rated_worse(seed, step):
    random = np.random.default_rng(seed)
    x = random.normal(size=(40, 3))
    y = [GRADES[place] for place in np.concatenate((random.integers(0, 4, 36), [0, 1, 2, 3]))]
    model = fitted(
        x, y, [f"E{row}" for row in range(40)], directions={"one": "more", "two": "less", "three": "more"}
    )
    better = x + np.array(step) * [1, -1, 1]
    before, after = model.probabilities(x), model.probabilities(better)
    assert (after.argmax(axis=1) <= before.argmax(axis=1)).all()
    # the chance of a grade or a better one does not fall
    assert (np.cumsum(after, axis=1) >= np.cumsum(before, axis=1) - 1e-12).all()


def test_contributions_add_up():
    x, y, ids = data()
    model = fitted(x, y, ids)
    points = np.array([100.0, 60.0, 30.0, 0.0])
    x = np.vstack((x, model.centre, model.centre + 1e-9 * model.spread))
    found = model.decompose(x, points)
    total = found.base + found.contributions.sum(axis=1)
    assert np.abs(total - model.probabilities(x) @ points).max() < 1e-10
    assert np.abs(found.contributions[-2]).max() == 0


def test_contributions_by_hand():
    model = MonotoneLogit(
        ("a", "b"), ("A", "B"), np.zeros(2), np.ones(2), np.array([2.0, -1.0]), np.array([0.0])
    )
    # η = 2·1 − 1·1 = 1; P(A) goes from 1/2 to σ(1), and the two share that as 2 to −1
    found = model.decompose(np.array([[1.0, 1.0]]), np.array([1.0, 0.0]))
    gained = 1 / (1 + math.exp(-1)) - 0.5
    assert found.base[0] == 0.5
    np.testing.assert_allclose(found.contributions, [[2 * gained, -gained]], rtol=1e-14)


def test_the_order_of_rows_changes_nothing():
    x, y, ids = data()
    order = np.random.default_rng(2).permutation(len(y))
    first = fitted(x, y, ids)
    second = fitted(x[order], [y[row] for row in order], [ids[row] for row in order])
    assert first.to_dict() == second.to_dict()


def test_a_constant_column_says_nothing():
    x, y, ids = data()
    x[:, 2] = 1 / 3
    model = fitted(x, y, ids)
    assert model.coefficient[2] == 0
    assert np.isfinite(model.probabilities(x + np.array([0, 0, 5]))).all()


def test_a_perfect_separation_stays_finite():
    x = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [10, 0, 0], [11, 0, 0], [12, 0, 0]])
    p = fitted(x, ["yes"] * 3 + ["no"] * 3, list("abcdef"), ("no", "yes")).probabilities(x * 1e6)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)


def test_json_gives_it_back_bit_by_bit():
    x, y, ids = data()
    model = fitted(x, y, ids)
    text = json.dumps(model.to_dict())
    again = MonotoneLogit.from_dict(json.loads(text))
    assert json.dumps(again.to_dict()) == text
    assert (again.probabilities(x) == model.probabilities(x)).all()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"spread": [1.0, 0.0, 1.0]}, "is not positive"),
        ({"coefficient": [1.0, -1e308, 1.0]}, "is beyond ±1e"),
        ({"cut": [0.0, 0.0, 1.0]}, "must rise strictly"),
        ({"cut": [0.0, 1.0]}, "has 2 entries where 3 belong"),
        ({"coefficient": [1.0, 2.0, None]}, "is no number"),
        ({"classes": ["A"]}, "two at least"),
        ({"more": 1}, "unknown key 'more'"),
    ],
)
def test_what_is_no_model_is_refused(part, message):
    x, y, ids = data()
    with pytest.raises(InputError, match=message):
        MonotoneLogit.from_dict({**fitted(x, y, ids).to_dict(), **part})
