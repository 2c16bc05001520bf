"""Cross-validation: measures by hand and against scikit-learn, folds, and the proofs that nothing leaks."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lendplan.data.findings import InputError
from lendplan.rating.forecast.accuracy import (
    auc,
    brier,
    calibration_bins,
    confusion,
    interval_of_mean,
    interval_over_defaults,
    log_loss,
    ranked_above,
)
from lendplan.rating.forecast.outcomemodel import deal
from lendplan.rating.forecast.reached import Sample
from lendplan.rating.records import Indicators

pytest.importorskip("sklearn")

from lendplan.rating.forecast.learning import Settings, forecast, learn
from lendplan.rating.forecast.validation import folds_of, validate

FEW = Settings(trees=60)
WAYS = {"size": "more", "unrest": "less", "noise": "none"}


def book(rows=80, seed=5):
    random = np.random.default_rng(seed)
    quality = random.normal(size=rows)
    values = np.column_stack(
        (
            quality + 0.6 * random.normal(size=rows),
            -quality + random.normal(size=rows),
            random.normal(size=rows),
        )
    )
    latent = quality + 0.4 * random.normal(size=rows)
    grade = tuple("CBA"[place] for place in np.digitize(latent, [-0.6, 0.5]))
    return (
        Indicators(tuple(f"E{row}" for row in range(rows)), tuple(WAYS), values),
        grade,
        (latent < -0.7).astype(float),
    )


def reached(figure):
    """Return a figure's mean; there must be one."""
    assert figure is not None
    return figure.mean


def validated(indicators, grade, is_default, **more):
    options = {"seed": 1, "repeats": 2, "folds": 4, "settings": FEW, "directions": WAYS}
    return validate(indicators, grade, is_default, **{**options, **more})


class TestMeasures:
    def test_area_by_hand(self):
        score = np.array([0.9, 0.5, 0.5, 0.2, 0.1])
        happened = np.array([1.0, 1, 0, 0, 0])
        # pairs of default and other: 0.9 beats three; 0.5 ties one, beats two: (3 + 2.5) / 6
        assert auc(score, happened) == pytest.approx(5.5 / 6, abs=1e-15)
        assert ranked_above(score, happened).tolist() == [[1, 1, 1], [0.5, 1, 1]]

    @given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
    def test_area_is_that_of_scikit_learn(self, rows):
        from sklearn.metrics import roc_auc_score

        score = np.array([float(one) for one, _ in rows])
        happened = np.array([float(other) for _, other in rows])
        if 0 < happened.sum() < len(rows):
            assert auc(score, happened) == pytest.approx(roc_auc_score(happened, score), abs=1e-12)
            assert ranked_above(score, happened).mean() == pytest.approx(auc(score, happened), abs=1e-12)

    def test_area_needs_both_outcomes(self):
        with pytest.raises(ValueError, match="defaulted and"):
            auc(np.array([1.0, 2]), np.array([1.0, 1]))

    def test_interval_over_defaults_by_hand(self):
        above = np.array([[1.0, 1, 0], [1, 0.5, 1]])
        # area 0.75; row means 2/3 and 5/6: variance 1/72; column means 1, 3/4, 1/2: variance 1/16
        spread = math.sqrt((1 / 72) / 2 + (1 / 16) / 3)
        half = 1.959963984540054 * spread / (0.75 * 0.25)
        low, high = (1 / (1 + math.exp(-(math.log(3) + sign * half))) for sign in (-1, 1))
        assert interval_over_defaults(above) == pytest.approx((low, high), abs=1e-12)

    def test_interval_over_defaults_holds_the_truth_as_often_as_it_says(self):
        random = np.random.default_rng(0)
        truth = 0.5 * (1 + math.erf(1.2 / 2))  # P(N(1.2, 1) > N(0, 1))
        held = 0
        for _ in range(400):
            above = random.normal(1.2, 1, (30, 1)) > random.normal(0, 1, (1, 90))
            low, high = interval_over_defaults(above.astype(float))
            held += low <= truth <= high
        assert 0.92 < held / 400 < 0.98

    def test_interval_where_nothing_is_left_open(self):
        assert interval_over_defaults(np.ones((3, 3))) == (1, 1)
        assert interval_over_defaults(np.ones((1, 3))) == (0, 1)

    def test_interval_of_a_mean_by_hand(self):
        # four hits of eight: deviation √(2/7), standard error √(1/28)
        low, high = interval_of_mean(np.array([1.0, 0] * 4))
        assert (low, high) == pytest.approx(
            (0.5 - 1.959964 / math.sqrt(28), 0.5 + 1.959964 / math.sqrt(28)), abs=1e-6
        )

    def test_brier_and_log_loss_by_hand(self):
        probability, happened = np.array([0.8, 0.3]), np.array([1.0, 0])
        assert brier(probability, happened) == pytest.approx((0.04 + 0.09) / 2, abs=1e-15)
        assert log_loss(probability, happened) == pytest.approx(
            -(math.log(0.8) + math.log(0.7)) / 2, abs=1e-15
        )

    def test_bins_and_confusion_by_hand(self):
        bins = calibration_bins(
            np.array([0.1, 0.3, 0.8]), np.array([0.0, 1, 1]), ["A", "A", "D"], ["A", "B", "D"]
        )
        assert bins[0] == pytest.approx(("A", 2, 0.2, 0.5))
        assert [one.name for one in bins] == ["A", "D"]
        assert confusion(["A", "A", "B"], ["A", "B", "B"], ("A", "B")).tolist() == [[1, 1], [0, 1]]


class TestFolds:
    def test_cards_are_dealt_evenly(self):
        rank = [0] * 23 + [1] * 9
        part = deal(rank, 5, np.random.default_rng(0))
        for one in (0, 1):
            counts = np.bincount(part[np.array(rank) == one], minlength=5)
            assert counts.max() - counts.min() <= 1
        assert np.ptp(np.bincount(part)) <= 1

    def test_folds_share_out_defaults_and_grades(self):
        indicators, grade, is_default = book(123)
        fold = folds_of(Sample(indicators, grade, is_default), 5, np.random.default_rng(0))
        assert np.ptp(np.bincount(fold[is_default == 1], minlength=5)) <= 1
        for label in "ABC":
            assert np.ptp(np.bincount(fold[np.array(grade) == label], minlength=5)) <= 2
        again = folds_of(Sample(indicators, grade, is_default), 5, np.random.default_rng(1))
        assert (fold != again).any()


@pytest.fixture(scope="module")
def found():
    return validated(*book())


class TestValidation:
    def test_what_it_tells(self, found):
        assert (found.rated, found.outcomes, found.grades) == (80, 80, ("A", "B", "C"))
        for model in found.models.values():
            assert 0.75 < model.auc.mean <= 1
            assert model.auc_pooled.interval.low < model.auc_pooled.mean < model.auc_pooled.interval.high
            assert model.confusion.sum() == pytest.approx(80)
            assert model.confusion.trace() / 80 == pytest.approx(model.accuracy.mean)
            assert model.accuracy.mean <= model.within_one.mean
            assert sum(one.size for one in model.by_grade) == 2 * 80

    def test_it_is_as_learning_and_forecasting_apart(self, found):
        indicators, grade, is_default = book()
        order = np.array(sorted(range(80), key=lambda row: indicators.enterprise[row]))
        sample = Sample(indicators, grade, is_default).part(order)
        own = np.zeros(80)
        for repeat in range(2):
            fold = folds_of(sample, 4, np.random.default_rng((1, repeat)))
            for held in range(4):
                train, test = (
                    sample.part(np.flatnonzero(fold != held)),
                    sample.part(np.flatnonzero(fold == held)),
                )
                learned = learn(
                    train.indicators,
                    train.grade,
                    train.is_default,
                    seed=1 + repeat * 4 + held,
                    settings=FEW,
                    directions=WAYS,
                )
                own[fold == held] += forecast(learned, test.indicators).default_probability / 2
        np.testing.assert_allclose(found.models["combined"].default_probability, own, atol=1e-12)

    def test_the_order_of_enterprises_and_the_processes_change_nothing(self, found):
        indicators, grade, is_default = book()
        order = np.random.default_rng(0).permutation(80)
        turned = Indicators(
            tuple(indicators.enterprise[row] for row in order), tuple(WAYS), indicators.values[order]
        )
        again = validated(turned, [grade[row] for row in order], is_default[order], jobs=2)
        assert json.dumps(again.to_dict()) == json.dumps(found.to_dict())

    def test_text_and_json(self, found):
        lines = "\n".join(found.lines())
        assert "80 rated enterprises" in lines
        assert "logistic: the monotone logit alone" in lines
        figure = found.models["forest"].auc
        assert f"{figure.mean:.3f}  [{figure.spread.low:.3f}, {figure.spread.high:.3f}]" in lines
        assert (
            json.loads(json.dumps(found.to_dict()))["models"]["combined"]["auc"]["mean"]
            == found.models["combined"].auc.mean
        )

    def test_without_defaults_the_grades_are_validated_alone(self):
        indicators, grade, _ = book()
        found = validated(indicators, grade, np.zeros(80), repeats=1)
        assert found.models["combined"].auc is None
        assert found.models["combined"].accuracy.mean > 0.4
        assert "default is not validated: 0 of 80" in "\n".join(found.lines())
        assert found.to_dict()["models"]["forest"]["brier"] is None

    def test_unrated_and_unknown_are_left_out_of_what_they_lack(self):
        indicators, grade, is_default = book()
        labels = ["" if row < 8 else label for row, label in enumerate(grade)]
        outcome = is_default.copy()
        outcome[4:12] = np.nan
        found = validated(indicators, labels, outcome, repeats=1)
        assert (found.rated, found.outcomes, len(found.enterprise)) == (72, 72, 76)
        assert found.models["combined"].confusion.sum() == 72


class TestNothingLeaks:
    def test_an_outcome_among_the_indicators_is_refused(self):
        indicators, grade, is_default = book()
        planted = Indicators(
            indicators.enterprise, (*WAYS, "default"), np.column_stack((indicators.values, is_default))
        )
        with pytest.raises(InputError, match="'default' names an outcome"):
            validated(planted, grade, is_default)

    def test_an_outcome_under_another_name_would_show(self):
        indicators, grade, is_default = book()
        planted = Indicators(
            indicators.enterprise, (*WAYS, "hue"), np.column_stack((indicators.values, is_default))
        )
        assert reached(validated(planted, grade, is_default, repeats=1).models["combined"].auc) > 0.99

    def test_shuffled_outcomes_cannot_be_forecast(self):
        indicators, grade, is_default = book(120)
        random = np.random.default_rng(2)
        areas, hits = {"combined": [], "forest": [], "logistic": []}, []
        for seed in range(4):
            order = random.permutation(120)
            found = validated(
                indicators, [grade[row] for row in order], is_default[order], seed=seed, repeats=1
            )
            for model, one in found.models.items():
                areas[model].append(reached(one.auc))
            hits.append(found.models["combined"].accuracy.mean)
        for model, means in areas.items():
            assert 0.38 < np.mean(means) < 0.62, model
        most = max(grade.count(label) for label in "ABC") / 120
        assert np.mean(hits) < most + 0.06

    def test_nothing_is_fitted_outside_the_folds(self, monkeypatch):
        from lendplan.rating.forecast import learning

        seen = []
        prepare = learning.prepare
        monkeypatch.setattr(learning, "prepare", lambda one: seen.append(one.enterprise) or prepare(one))
        validated(*book(), repeats=1)
        assert [len(one) for one in seen] == [60] * 4
        assert set.intersection(*map(set, seen)) == set(), "each enterprise is held out once"


class TestRefused:
    def test_too_few_for_the_folds(self):
        indicators, grade, is_default = book()
        few = ["B" if label == "C" else label for label in grade]
        few[0] = few[1] = "C"
        with pytest.raises(
            InputError, match="grade C: 2 enterprises cannot be shared out over 4 folds, which takes 5"
        ):
            validated(indicators, few, is_default)

    def test_too_few_defaults_for_the_folds(self):
        indicators, grade, _ = book()
        outcome = np.zeros(80)
        outcome[:6] = 1
        with pytest.raises(
            InputError, match=r"^default: 6 enterprises cannot be shared out over 8 folds.*use 6 folds"
        ):
            validated(indicators, grade, outcome, folds=8)

    @pytest.mark.parametrize("wrong", [{"repeats": 0}, {"folds": 1}, {"models": ()}])
    def test_numbers_that_make_no_sense(self, wrong):
        with pytest.raises(InputError, match="are the least"):
            validated(*book(), **wrong)


REAL = (
    Path(os.environ.get("LENDPLAN_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    / "cumcm2020c"
    / "attachment1.xlsx"
)


@pytest.mark.skipif(not REAL.exists(), reason="the real invoices are not here")
def test_the_real_enterprises():
    from lendplan.rating.indicators.computing import indicators_of, learnt
    from lendplan.rating.invoices.reading import read_dossier

    dossier = read_dossier(REAL)
    found = validate(
        learnt(indicators_of(dossier)),
        dossier.enterprises.grade,
        dossier.enterprises.is_default,
        seed=2027,
        repeats=2,
        settings=replace(Settings(), trees=100),
    )
    # two repeats of fewer trees; the figures of twenty are in the docs
    assert reached(found.models["combined"].auc) > 0.87
    assert found.models["combined"].accuracy.mean > 0.5
    assert reached(found.models["combined"].brier) < found.defaults / 123 * (1 - found.defaults / 123) * 0.7
