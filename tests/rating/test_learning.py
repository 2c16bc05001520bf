"""Learning and forecasting: no outcome leaks in, nothing is answered from memory, and everything adds up."""

import copy
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lendplan.data.findings import InputError

pytest.importorskip("sklearn")

from lendplan.rating.forecast.calibration import Calibration, calibrate
from lendplan.rating.forecast.learning import Learned, Settings, forecast, learn
from lendplan.rating.forecast.normalscores import NormalScores, fit_scores
from lendplan.rating.forecast.outcomes import in_order, most_probable, refuse_contradicted
from lendplan.rating.forecast.preparation import Preparation, is_outcome, prepare
from lendplan.rating.records import Indicators

NAMES = ("monthly_sales", "volatility", "margin", "trend")
WAYS = {"monthly_sales": "more", "volatility": "less", "margin": "more", "trend": "more"}
FEW = Settings(trees=80)


def book(rows=90, seed=3, *, gaps=True):
    """Return indicators, grades and defaults of made-up enterprises, worse with less sales and more volatility."""
    random = np.random.default_rng(seed)
    quality = random.normal(size=rows)
    values = np.column_stack(
        (
            10 ** (5 + quality + 0.5 * random.normal(size=rows)),
            np.exp(-quality + random.normal(size=rows)),
            random.uniform(-1, 1, rows),
            0.1 * random.normal(size=rows),
        )
    )
    if gaps:
        values[random.random(rows) < 0.2, 2] = np.nan
    latent = quality + 0.7 * random.normal(size=rows)
    grade = ["DCBA"[place] for place in np.digitize(latent, [-1.0, 0, 0.8])]
    is_default = ((latent < -0.8) ^ (random.random(rows) < 0.02)).astype(float)
    return Indicators(tuple(f"E{row:03d}" for row in range(rows)), NAMES, values), grade, is_default


def learnt(indicators, grade, is_default, **more):
    return learn(indicators, grade, is_default, **{"seed": 11, "settings": FEW, "directions": WAYS, **more})


def default_of(learned):
    """Return the model of default; there must be one."""
    assert learned.default is not None
    return learned.default


@pytest.fixture(scope="module")
def known():
    return book()


@pytest.fixture(scope="module")
def learned(known):
    return learnt(*known)


def rows_of(indicators, rows):
    return Indicators(
        tuple(indicators.enterprise[row] for row in rows), indicators.names, indicators.values[rows]
    )


class TestOutcomesAreNoIndicators:
    @pytest.mark.parametrize(
        "name",
        [
            *(
                "grade",
                "Grade",
                "isDefault",
                "is_default",
                "default_probability",
                "credit rating",
                "risk_index",
                "score",
            ),
            *("loan-default", "charge_off", "days_overdue", "是否违约", "信誉评级", "PD", "defaulted1"),
        ],
    )
    def test_a_planted_outcome_is_refused_by_its_name(self, known, name):
        indicators, grade, is_default = known
        planted = Indicators(
            indicators.enterprise, (*NAMES, name), np.column_stack((indicators.values, is_default))
        )
        with pytest.raises(InputError, match="names an outcome, and an outcome is never an indicator"):
            learnt(planted, grade, is_default)

    @pytest.mark.parametrize(
        "name", ["operating_margin", "upgraded_sales", "defaultless", "asteriskshare", "scored_x"]
    )
    def test_other_names_are_not(self, name):
        assert not is_outcome(name)

    def test_all_planted_columns_are_named_at_once(self, known):
        indicators, grade, is_default = known
        planted = Indicators(indicators.enterprise, ("grade", "x", "default", "y"), indicators.values)
        with pytest.raises(InputError) as caught:
            learnt(planted, grade, is_default)
        assert [finding.key for finding in caught.value.findings] == ["grade", "default"]

    def test_the_catalogue_has_none(self):
        from lendplan.rating.indicators.catalogue import CATALOGUE

        assert not [name for name in CATALOGUE if is_outcome(name)]

    def test_the_grade_says_nothing_to_the_model_of_default(self, known, learned):
        indicators, grade, is_default = known
        # other grades, same defaults: the model of default is the same
        random = np.random.default_rng(0)
        other = learnt(indicators, [grade[row] for row in random.permutation(len(grade))], is_default)
        assert default_of(other).to_dict() == default_of(learned).to_dict()
        assert other.grade.to_dict() != learned.grade.to_dict()

    def test_default_says_nothing_to_the_model_of_the_grade(self, known, learned):
        indicators, grade, is_default = known
        other = learnt(indicators, grade, np.random.default_rng(0).permutation(is_default))
        assert other.grade.to_dict() == learned.grade.to_dict()


class TestForecast:
    def test_contributions_add_up_to_the_score(self, known, learned):
        found = forecast(learned, known[0])
        assert np.abs(found.base + found.contributions.sum(axis=1) - found.score).max() < 1e-10
        assert found.names == NAMES

    def test_score_and_own_probability_say_the_same(self, known, learned):
        found = forecast(learned, known[0])
        order = np.argsort(found.score)
        assert (np.diff(found.default_probability[order]) <= 0).all()
        assert ((found.default_probability > 0) & (found.default_probability < 1)).all()
        assert ((found.score >= 0) & (found.score <= 100)).all()

    def test_grade_probabilities(self, known, learned):
        found = forecast(learned, known[0])
        assert found.grades == ("A", "B", "C", "D")
        np.testing.assert_allclose(found.grade_probability.sum(axis=1), 1, atol=1e-12)
        best = found.grade_probability.max(axis=1)
        assert [found.grades.index(label) for label in found.grade] == [
            max(np.flatnonzero(row == top)) for row, top in zip(found.grade_probability, best, strict=True)
        ]

    def test_what_was_learnt_from_is_answered_out_of_bag(self, known, learned):
        indicators, grade, _ = known
        strangers = replace(indicators, enterprise=tuple(f"X{name}" for name in indicators.enterprise))
        own, as_stranger = forecast(learned, indicators), forecast(learned, strangers)
        assert own.out_of_bag.all()
        assert not as_stranger.out_of_bag.any()
        met = np.mean(np.array(own.grade) == grade)
        by_heart = np.mean(np.array(as_stranger.grade) == grade)
        assert by_heart > met + 0.1, "the forest knows its own rows by heart, which must not show"

    def test_shuffled_outcomes_cannot_be_forecast_out_of_bag(self, known):
        indicators, grade, is_default = known
        random = np.random.default_rng(5)
        areas = []
        for _ in range(6):
            shuffled = random.permutation(is_default)
            found = forecast(learnt(indicators, grade, shuffled), indicators, explain=False)
            above = (
                found.default_probability[shuffled == 1, None]
                - found.default_probability[None, shuffled == 0]
            )
            areas.append(np.mean((above > 0) + 0.5 * (above == 0)))
        assert 0.35 < np.mean(areas) < 0.6

    def test_a_row_does_not_depend_on_the_others(self, known, learned):
        whole = forecast(learned, known[0])
        some = forecast(learned, rows_of(known[0], [7, 3, 50]))
        assert (some.score == whole.score[[7, 3, 50]]).all()
        assert (some.contributions == whole.contributions[[7, 3, 50]]).all()
        assert (some.grade_probability == whole.grade_probability[[7, 3, 50]]).all()

    def test_columns_are_found_by_name(self, known, learned):
        indicators, whole = known[0], forecast(learned, known[0])
        turned = Indicators(
            indicators.enterprise,
            ("more", *NAMES[::-1]),
            np.column_stack((np.ones(90), indicators.values[:, ::-1])),
        )
        assert (forecast(learned, turned).score == whole.score).all()
        fewer = Indicators(indicators.enterprise, NAMES[:3], indicators.values[:, :3])
        with pytest.raises(InputError, match="the indicators lack trend"):
            forecast(learned, fewer)

    def test_nothing_known_stays_blank_in_its_place(self, known, learned):
        indicators = known[0]
        values = indicators.values.copy()
        values[4] = np.nan
        found = forecast(learned, Indicators(indicators.enterprise, NAMES, values))
        assert found.grade[4] == ""
        assert np.isnan(found.score[4])
        assert np.isnan(found.default_probability[4])
        assert np.isnan(found.contributions[4]).all()
        assert not np.isnan(np.delete(found.score, 4)).any()

    def test_without_explanation(self, known, learned):
        found = forecast(learned, known[0], explain=False)
        assert (found.score == forecast(learned, known[0]).score).all()
        assert np.isnan(found.contributions).all()

    def test_no_enterprise(self, learned):
        found = forecast(learned, Indicators((), NAMES, np.empty((0, 4))))
        assert found.grade == ()
        assert found.contributions.shape == (0, 4)


class TestLearning:
    def test_the_order_of_enterprises_changes_nothing(self, known, learned):
        indicators, grade, is_default = known
        order = np.random.default_rng(1).permutation(90)
        again = learnt(rows_of(indicators, order), [grade[row] for row in order], is_default[order])
        assert json.dumps(again.to_dict()) == json.dumps(learned.to_dict())
        found, there = forecast(learned, indicators), forecast(again, rows_of(indicators, order))
        assert (found.score[order] == there.score).all()

    def test_threads_change_nothing(self, known, learned):
        assert json.dumps(learnt(*known, jobs=2).to_dict()) == json.dumps(learned.to_dict())

    def test_the_seed_changes_something(self, known, learned):
        assert json.dumps(learnt(*known, seed=12).to_dict()) != json.dumps(learned.to_dict())

    def test_the_unit_of_money_changes_nothing_but_rounding(self, known, learned):
        indicators, grade, is_default = known
        scaled = Indicators(indicators.enterprise, NAMES, indicators.values * np.array([2.0**-13, 1, 1, 1]))
        found = forecast(learnt(scaled, grade, is_default), scaled)
        np.testing.assert_allclose(found.score, forecast(learned, indicators).score, atol=1e-9)

    def test_the_unrated_and_the_unknown_are_not_learnt_from(self, known):
        indicators, grade, is_default = known
        labels = ["" if row < 10 else label for row, label in enumerate(grade)]
        outcome = is_default.copy()
        outcome[5:20] = np.nan
        found = learnt(indicators, labels, outcome)
        assert found.grade.trained == indicators.enterprise[10:]
        assert default_of(found).trained == (*indicators.enterprise[:5], *indicators.enterprise[20:])
        # whatever the ten without an outcome hold, nothing that is fitted changes
        values = indicators.values.copy()
        values[5:10] = 1e9
        again = learnt(Indicators(indicators.enterprise, NAMES, values), labels, outcome)
        assert again.grade.to_dict() == found.grade.to_dict()
        assert again.preparation.to_dict() == found.preparation.to_dict()

    def test_without_any_default_there_is_a_grade_all_the_same(self, known, caplog):
        indicators, grade, _ = known
        found = learnt(indicators, grade, np.zeros(90))
        assert found.default is None
        assert "0 of 90 enterprises with a known outcome have defaulted" in found.without_default
        assert "default_probability_own stays blank" in caplog.text
        told = forecast(found, indicators)
        assert np.isnan(told.default_probability).all()
        assert np.abs(told.base + told.contributions.sum(axis=1) - told.score).max() < 1e-10
        expected = told.grade_probability @ np.array([100, 200 / 3, 100 / 3, 0])
        np.testing.assert_allclose(told.score, expected, atol=1e-10)
        assert Learned.from_dict(json.loads(json.dumps(found.to_dict()))).default is None

    def test_one_default_is_too_few_for_a_model_of_default(self, known):
        indicators, grade, _ = known
        outcome = np.zeros(90)
        outcome[3] = 1
        assert "1 of 90" in learnt(indicators, grade, outcome).without_default

    def test_unknown_outcomes(self, known):
        found = learnt(known[0], known[1], np.full(90, np.nan))
        assert found.without_default == "of no enterprise is it known whether it has defaulted"

    @pytest.mark.parametrize(
        ("grade", "message"),
        [
            ([""] * 90, "there is no grade to learn from; at least two grades with 2 enterprises each"),
            (["A"] * 90, "there is the one grade 'A' alone to learn from"),
            (["A"] * 89 + ["B"], "grade 'B' has 1 rated enterprise, and 2 are needed"),
            (["good"] * 45 + ["bad"] * 45, "the order of the grades bad, good is not known"),
        ],
    )
    def test_too_little_to_learn_from(self, known, grade, message):
        with pytest.raises(InputError, match=message):
            learnt(known[0], grade, known[2])

    def test_grades_in_another_order(self, known):
        labels = ["low" if label in "CD" else "high" for label in known[1]]
        found = learnt(known[0], labels, known[2], grades=("high", "middle", "low"))
        assert found.grades == ("high", "low")
        with pytest.raises(InputError, match=r"low: not among the grades high, middle; .* --grades"):
            learnt(known[0], labels, known[2], grades=("high", "middle"))

    def test_two_of_each_are_enough(self, known):
        indicators, grade, _ = known
        rows = [row for label in "ABCD" for row in [r for r in range(90) if grade[r] == label][:2]]
        found = learnt(
            rows_of(indicators, rows), [grade[row] for row in rows], np.array([0, 0, 0, 0, 0, 0, 1, 1.0])
        )
        assert np.isfinite(forecast(found, indicators).score).all()

    def test_infinite_values_are_named(self, known):
        indicators, grade, is_default = known
        values = indicators.values.copy()
        values[3, 1] = np.inf
        with pytest.raises(InputError, match="volatility of E003 is infinite"):
            learnt(Indicators(indicators.enterprise, NAMES, values), grade, is_default)

    def test_a_gap_is_the_median_and_a_feature(self, known):
        preparation = prepare(known[0])
        margin = known[0].values[:, 2]
        assert preparation.features == (*NAMES, "margin is missing")
        assert preparation.median[2] == np.median(margin[~np.isnan(margin)])
        x = preparation.apply(known[0])
        assert preparation.logged == (0,), "monthly_sales is in currency a month"
        assert (x[np.isnan(margin), 2] == preparation.median[2] / preparation.size[2]).all()
        assert (x[:, 4] == np.isnan(margin)).all()

    def test_a_column_without_values_says_nothing(self, known):
        indicators, grade, is_default = known
        values = indicators.values.copy()
        values[:, 3] = np.nan
        found = learnt(Indicators(indicators.enterprise, NAMES, values), grade, is_default)
        told = forecast(found, Indicators(indicators.enterprise, NAMES, values))
        assert (told.contributions[:, 3] == 0).all()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"trees": 0},
            {"min_leaf": 0},
            {"max_features": 0.0},
            {"max_features": 1.5},
            {"default_weight": -0.1},
        ],
    )
    def test_settings_that_make_no_sense(self, wrong):
        with pytest.raises(InputError, match="nothing can be learnt with"):
            Settings(**wrong)

    @pytest.mark.parametrize("weight", [0.0, 1.0])
    def test_either_model_alone(self, known, weight):
        found = learnt(*known, settings=Settings(trees=80, default_weight=weight))
        told = forecast(found, known[0])
        assert np.abs(told.base + told.contributions.sum(axis=1) - told.score).max() < 1e-10
        model = default_of(found)
        x = found.preparation.apply(known[0])
        expected = 100 * model.forest.decompose(x, "no default", asked=model.unseen).base
        assert (np.abs(told.base - expected).max() < 1e-10) == (weight == 0)

    def test_better_in_everything_is_never_worse_by_the_logit(self, known):
        indicators, grade, is_default = known
        found = learnt(
            indicators, grade, is_default, settings=Settings(trees=80, grade_weight=1.0, default_weight=1.0)
        )
        better = Indicators(
            tuple(f"X{name}" for name in indicators.enterprise),
            NAMES,
            indicators.values + np.array([1e5, -0.5, 0.2, 0.05]),
        )
        same = replace(better, values=indicators.values)
        before, after = forecast(found, same), forecast(found, better)
        assert (after.score >= before.score - 1e-12).all()
        assert all(one <= other for one, other in zip(after.grade, before.grade, strict=True))


class TestStored:
    def test_json_gives_it_back_bit_by_bit(self, known, learned):
        text = json.dumps(learned.to_dict())
        again = Learned.from_dict(json.loads(text))
        assert json.dumps(again.to_dict()) == text
        one, other = forecast(learned, known[0]), forecast(again, known[0])
        for name in ("score", "base", "contributions", "default_probability", "grade_probability"):
            assert (getattr(one, name) == getattr(other, name)).all()

    def test_nothing_but_plain_values(self, learned):
        def check(value):
            if isinstance(value, dict):
                assert all(type(key) is str for key in value)
                value = list(value.values())
            if isinstance(value, list):
                for part in value:
                    check(part)
            else:
                assert type(value) in (str, int, float, type(None))

        check(learned.to_dict())

    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            (("extra",), 1, "unknown key 'extra'"),
            (("seed",), 1.5, "is no whole number"),
            (("settings", "kind"), "gradient_boosting", "none of random_forest, extra_trees"),
            (("settings", "trees"), -1, "nothing can be learnt with"),
            (("preparation", "names"), ["grade", "b", "c", "d"], "names an outcome"),
            (("preparation", "size"), [1.0, 1.0, 0.0, 1.0], "must be positive"),
            (("preparation", "flagged"), ["other"], "is no indicator"),
            (("preparation", "logged"), ["other"], "is no indicator"),
            (("preparation", "flagged"), [], "are not those that the preparation gives"),
            (("grade", "trained"), ["E1"], "belong"),
            (("grade", "part"), [9] * 90, "names a part"),
            (("grade", "unseen"), ["0" * 80] * 90, "must hold a 0 or 1 for each of 80 trees and a 1"),
            (("grade", "unseen"), ["1" * 79] * 90, "must hold a 0 or 1"),
            (("grade", "unseen"), ["2" * 80] * 90, "must hold a 0 or 1"),
            (("grade", "without"), [], "must be a list of logits"),
            (("grade", "logit", "classes"), ["D", "C", "B", "A"], "are not those of the forest"),
            (("grade", "scores", "value"), [[1.0]] * 4, "a list of numbers for each of 5 features"),
            (("grade", "scores", "value"), [[2.0, 1.0]] * 5, "must have knots, and rise"),
            (("default", "forest", "classes"), ["x", "y"], "are not those of the forest"),
            (("calibration",), None, "both or neither"),
            (("default",), None, "both or neither"),
            (("calibration", "slope"), -1.0, "is negative"),
            (("calibration", "intercept"), float("nan"), "is not finite"),
        ],
    )
    def test_what_is_no_fitted_rating_is_refused(self, learned, path, value, message):
        raw = copy.deepcopy(learned.to_dict())
        inner = raw
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        with pytest.raises(InputError, match=message):
            Learned.from_dict(raw)


class TestParts:
    def test_grades_in_order(self):
        assert in_order(["B", "AAA", "A", "AA", "CC", "C"]) == ("AAA", "AA", "A", "B", "CC", "C")
        assert in_order(["A-", "A+", "A", "BB+"]) == ("A+", "A", "A-", "BB+")
        assert in_order(["10", "9", "1"]) == ("1", "9", "10")
        with pytest.raises(InputError, match=r"the order of the grades good is not known.*--grades"):
            in_order(["A", "good"])

    def test_an_order_that_defaults_speak_against_is_refused(self):
        grade = ["1"] * 8 + ["2"] * 8 + ["3"] * 8
        falling = np.array([1.0] * 8 + [0.0] * 16)
        with pytest.raises(
            InputError, match=r'taken to run 1, 2, 3 .* 8 of 8 graded 1 but 0 of 8.*--grades "3,2,1"'
        ):
            refuse_contradicted(("1", "2", "3"), grade, falling)
        refuse_contradicted(("3", "2", "1"), grade, falling)

    @pytest.mark.parametrize(
        ("grade", "is_default"),
        [
            (["A"] * 20 + ["B"] * 20, [1.0] + [0.0] * 39),  # one default among the best is chance
            (["A", "A", "B", "B"], [1.0, 1.0, 0.0, 0.0]),  # four are too few to tell: −1·√3
            (["A"] * 20 + ["B"] * 20, [0.0] * 40),
            (["A"] * 20 + ["B"] * 20, [np.nan] * 40),
            (["A"] * 20 + [""] * 20, [1.0] * 10 + [0.0] * 30),
        ],
    )
    def test_what_may_be_chance_speaks_against_no_order(self, grade, is_default):
        refuse_contradicted(("A", "B"), grade, np.array(is_default))

    def test_the_worse_of_equally_probable_grades(self):
        probability = np.array([[0.4, 0.4, 0.2], [0.5, 0.3, 0.2], [np.nan] * 3])
        assert most_probable(probability, ("A", "B", "C")) == ("B", "A", "")

    def test_calibration_recovers_a_curve(self):
        random = np.random.default_rng(0)
        share = random.uniform(0.02, 0.98, 20_000)
        odds = 0.5 + 1.5 * np.log(share / (1 - share))
        happened = (random.random(20_000) < 1 / (1 + np.exp(-odds))).astype(float)
        found = calibrate(share, happened)
        assert found.intercept == pytest.approx(0.5, abs=0.06)
        assert found.slope == pytest.approx(1.5, abs=0.06)

    def test_calibration_meets_the_mean(self):
        share = np.array([0.1, 0.2, 0.3, 0.6, 0.9])
        happened = np.array([0.0, 0, 1, 0, 1])
        # maximum likelihood with an intercept: forecasts have the mean of the outcomes aimed at, 3/4 and 1/5
        assert calibrate(share, happened).apply(share).mean() == pytest.approx(
            (2 * 3 / 4 + 3 / 5) / 5, abs=1e-9
        )

    def test_calibration_stays_within_bounds(self):
        share = np.array([0.0] * 20 + [1.0] * 20)
        found = calibrate(share, share.copy()).apply(np.array([0.0, 0.5, 1.0]))
        assert (np.diff(found) > 0).all()
        assert 0 < found[0] < found[-1] < 1

    def test_a_forecast_that_is_wrong_way_round_is_not_turned(self):
        found = calibrate(np.array([0.9, 0.8, 0.2, 0.1]), np.array([0.0, 0, 1, 1]))
        assert found.intercept == pytest.approx(0.0)
        assert found.slope == 0

    def test_normal_scores_by_hand(self):
        from statistics import NormalDist

        found = fit_scores(np.array([[1.0], [2], [2], [7]]), ("x",))
        # 1: (0 + 1/2)/4, 2: (1 + 2/2)/4, 7: (3 + 1/2)/4; half-way between 2 and 7 the mean of the two
        low, high = NormalDist().inv_cdf(1 / 8), NormalDist().inv_cdf(7 / 8)
        expected = [[low], [low], [0.0], [high / 2], [high], [high]]
        np.testing.assert_allclose(
            found.apply(np.array([[-9.0], [1], [2], [4.5], [7], [99]])), expected, atol=1e-15
        )

    def test_normal_scores_never_fall(self):
        random = np.random.default_rng(0)
        x = np.round(random.lognormal(size=(500, 2)), 1)
        found = fit_scores(x, ("a", "b"))
        assert len(found.value[0]) <= 64
        line = np.sort(random.uniform(-1, 40, (300, 2)), axis=0)
        assert (np.diff(found.apply(line), axis=0) >= 0).all()
        assert NormalScores.from_dict(json.loads(json.dumps(found.to_dict()))).to_dict() == found.to_dict()

    def test_features_by_hand(self):
        values = np.array([[-3.0, 8], [1.0, np.nan], [0.0, 2]])
        indicators = Indicators(("a", "b", "c"), ("x", "y"), values)
        found = prepare(indicators, logged=["x"])
        # sizes: the median of 3 and 1, of 8 and 2; y's gap becomes the median 5 of 8 and 2, and has a flag
        assert found.size.tolist() == [2.0, 5.0]
        expected = [[-np.log1p(1.5e4), 1.6, 0], [np.log1p(0.5e4), 1, 1], [0, 0.4, 0]]
        np.testing.assert_allclose(found.apply(indicators), expected, rtol=1e-14)

    def test_extreme_values_stay_finite(self):
        values = np.array([[1e-300, 1e300], [1e-310, -1e300], [0.0, 1.0]])
        indicators = Indicators(("a", "b", "c"), ("x", "y"), values)
        preparation = prepare(indicators)
        assert np.isfinite(preparation.apply(indicators).astype(np.float32)).all()
        again = Preparation.from_dict(json.loads(json.dumps(preparation.to_dict())))
        assert (again.apply(indicators) == preparation.apply(indicators)).all()


REAL = (
    Path(os.environ.get("LENDPLAN_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    / "cumcm2020c"
    / "attachment1.xlsx"
)


@pytest.mark.skipif(not REAL.exists(), reason="the real invoices are not here")
def test_the_real_enterprises_out_of_bag():
    from lendplan.rating.indicators.computing import indicators_of
    from lendplan.rating.indicators.computing import learnt as learnt_from
    from lendplan.rating.invoices.reading import read_dossier

    dossier = read_dossier(REAL)
    book = dossier.enterprises
    indicators = learnt_from(indicators_of(dossier))
    found = forecast(learn(indicators, book.grade, book.is_default, seed=2027), indicators)
    defaults = book.is_default == 1
    above = found.default_probability[defaults, None] - found.default_probability[None, ~defaults]
    assert np.mean((above > 0) + 0.5 * (above == 0)) > 0.86
    assert np.mean(np.array(found.grade) == book.grade) > 0.5
    assert np.abs(found.base + found.contributions.sum(axis=1) - found.score).max() < 1e-9
    assert found.default_probability.mean() == pytest.approx(defaults.mean(), abs=0.03)


@pytest.mark.parametrize("changed", [{"slope": 1e308}, {"intercept": -1e308}])
def test_a_curve_beyond_all_that_is_fitted_is_refused(changed: dict[str, float]) -> None:
    with pytest.raises(InputError, match="beyond"):
        Calibration.from_dict({"intercept": 0.0, "slope": 1.0} | changed)


def test_the_steepest_curve_that_is_read_overflows_nowhere() -> None:
    curve = Calibration.from_dict({"intercept": -1e6, "slope": 1e6})
    assert curve.apply(np.array([0.0, 0.5, 1.0])).tolist() == [1e-4, 1e-4, 1 - 1e-4]
