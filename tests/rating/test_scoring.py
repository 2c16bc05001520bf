import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lendplan.data.contracts import RATINGS, conform
from lendplan.data.findings import InputError
from lendplan.data.tables import read_table
from lendplan.rating.loans.discrimination import area_under_curve
from lendplan.rating.loans.graderisk import grade_risk
from lendplan.rating.loans.gradetable import GradeTable
from lendplan.rating.loans.heldout import HeldOut, held_out
from lendplan.rating.loans.history import Loans, read_loans
from lendplan.rating.loans.scorecard import Options, fit_scorecard
from lendplan.rating.loans.scorefile import card_to_json, read_card
from lendplan.rating.loans.scoring import apply_scorecard, pyramid, scorecard
from lendplan.rating.loans.spec import read_spec

REAL_DATA = Path(
    os.environ.get("LENDPLAN_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
)
SBA = REAL_DATA / "sba" / "sba_case.csv"
SBA_SPEC = Path(__file__).resolve().parents[2] / "docs" / "rating" / "sba_indicators.csv"
real = pytest.mark.skipif(not SBA.exists(), reason="the real loans are not at hand")

SPEC = """indicator,column,kind,direction,low,high,values,missing
loan,,enterprise,,,,,
due,,receivable,,,,,
lost,,defaulted,,,,,
margin,,financial,more,,,,
debt ratio,debt,financial,interval,0.3,0.5,,median
years,,non-financial,more,,,,
owner,,non-financial,more,,,good=1; bad=0,worst
noise,,macro,less,,,,
"""


def history(rows: int = 600, seed: int = 5) -> str:
    """A simulated loan history as a table."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=rows)
    margin = np.round(0.1 + 0.05 * quality + 0.05 * rng.normal(size=rows), 4)
    debt = np.round(np.clip(0.4 + 0.15 * rng.normal(size=rows) * np.exp(-0.3 * quality), 0, 1), 4)
    years = np.round(np.exp(1.5 + 0.4 * quality + 0.6 * rng.normal(size=rows)), 1)
    owner = np.where(rng.random(rows) < 1 / (1 + np.exp(-quality)), "good", "bad")
    due = rng.integers(10, 500, rows)
    lost = np.round(due * rng.random(rows) * (rng.random(rows) < 1 / (1 + np.exp(1.5 + 1.6 * quality))), 2)
    noise = rng.integers(0, 100, rows)
    lines = ["loan,due,lost,margin,debt,years,owner,noise"]
    lines += [
        f"L{row:04d},{due[row]},{lost[row]},{margin[row]},{debt[row]},{years[row]},{owner[row]},{noise[row]}"
        for row in range(rows)
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "loans.csv").write_text(history())
    (tmp_path / "spec.csv").write_text(SPEC)
    return tmp_path


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def fitted(folder: Path, **options: Any) -> Any:
    spec = read_spec(folder / "spec.csv")
    return fit_scorecard(read_loans(folder / "loans.csv", spec), spec, Options(**options))


def test_the_files_of_a_scorecard(folder: Path) -> None:
    made = scorecard(folder / "loans.csv", folder / "spec.csv")
    assert set(made.files) == {
        "score.json",
        "scores.csv",
        "ratings.csv",
        "selection.csv",
        "weights.csv",
        "pyramid.csv",
        "contrast.csv",
        "held_out.csv",
        "report.txt",
    }
    kept = [row["indicator"] for row in rows_of(made.files["selection.csv"]) if row["decision"] == "kept"]
    assert kept == ["margin", "debt ratio", "years", "owner"]
    assert [row["indicator"] for row in rows_of(made.files["weights.csv"])] == kept
    assert sum(float(row["weight"]) for row in rows_of(made.files["weights.csv"])) == pytest.approx(1)
    grades = rows_of(made.files["pyramid.csv"])
    for key in ("loss_rate", "default_probability", "risk_weight"):
        values = [float(row[key]) for row in grades]
        assert values == sorted(set(values))
        assert values[0] > 0 or key == "loss_rate"
    for row in grades:
        product = float(row["default_probability"]) * float(row["loss_given_default"])
        assert float(row["risk_weight"]) == pytest.approx(product, rel=1e-12)
    for row in rows_of(made.files["scores.csv"]):
        points = [float(row[name]) for name in kept]
        assert sum(points) == pytest.approx(float(row["score"]), abs=1e-9)
        assert 0 <= float(row["score"]) <= 100
    assert made.files["report.txt"].decode() == "\n".join(made.lines) + "\n"
    assert any(
        line.startswith("On loans held out (5 folds) the area under the curve is 0.") for line in made.lines
    )


def test_the_same_input_gives_the_same_bytes(folder: Path) -> None:
    one = scorecard(folder / "loans.csv", folder / "spec.csv")
    assert one == scorecard(folder / "loans.csv", folder / "spec.csv")


def test_the_order_of_rows_changes_nothing_of_the_scorecard(folder: Path) -> None:
    one = scorecard(folder / "loans.csv", folder / "spec.csv")
    header, *lines = (folder / "loans.csv").read_text().splitlines()
    order = np.random.default_rng(2).permutation(len(lines))
    (folder / "loans.csv").write_text("\n".join([header, *(lines[place] for place in order)]) + "\n")
    other = scorecard(folder / "loans.csv", folder / "spec.csv")
    for name in ("score.json", "selection.csv", "weights.csv", "pyramid.csv", "contrast.csv", "held_out.csv"):
        assert one.files[name] == other.files[name], name
    assert sorted(one.files["ratings.csv"].splitlines()) == sorted(other.files["ratings.csv"].splitlines())


def test_a_fitted_scorecard_rates_the_same_loans_alike(folder: Path) -> None:
    made = scorecard(folder / "loans.csv", folder / "spec.csv", folds=0)
    (folder / "score.json").write_bytes(made.files["score.json"])
    again = apply_scorecard(folder / "score.json", folder / "loans.csv")
    assert again.files["ratings.csv"] == made.files["ratings.csv"]
    assert again.files["scores.csv"] == made.files["scores.csv"]
    assert card_to_json(read_card(str(folder / "score.json"))) == made.files["score.json"]


def test_the_ratings_go_into_a_scenario(folder: Path) -> None:
    made = scorecard(folder / "loans.csv", folder / "spec.csv", folds=0)
    (folder / "ratings.csv").write_bytes(made.files["ratings.csv"])
    table = conform(read_table(folder / "ratings.csv"), RATINGS)
    assert table.rows == 600
    assert set(table.texts("grade").present()) <= {"AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C"}
    assert (table.numbers("risk_weight") > 0).all()


def test_an_applicant_that_cannot_be_scored_stays_with_its_reason(folder: Path) -> None:
    made = scorecard(folder / "loans.csv", folder / "spec.csv", folds=0)
    (folder / "score.json").write_bytes(made.files["score.json"])
    new = "loan,margin,debt,years,owner\nN1,0.2,0.4,9,good\nN2,,0.4,,good\nN3,0.2,,9,\n"
    (folder / "new.csv").write_text(new)
    rated = apply_scorecard(folder / "score.json", folder / "new.csv")
    one, two, three = rows_of(rated.files["ratings.csv"])
    assert one["grade"] in {"AAA", "AA"}
    assert (two["grade"], two["risk_weight"], two["score"]) == ("", "", "")
    assert two["reason"] == "cannot be scored: margin, years missing"
    # A median and the worst stand in for what the third lacks.
    assert three["grade"]
    assert float(three["score"]) < float(one["score"])
    assert "3 applicants scored, 1 of them could not be" in rated.lines


def test_loans_that_cannot_be_learnt_from_are_told_and_rated_where_they_can_be(folder: Path) -> None:
    text = (folder / "loans.csv").read_text().splitlines()
    text[1] = "L0000,,5,0.2,0.4,9,good,1"  # the amount due is not known
    text[2] = "L0001,100,0,0.2,0.4,9,good,"  # lacks an indicator that is dropped anyway
    text[3] = "L0002,100,0,,0.4,9,good,1"  # lacks one that stays
    (folder / "loans.csv").write_text("\n".join(text) + "\n")
    made = scorecard(folder / "loans.csv", folder / "spec.csv", folds=0)
    assert any(line.startswith("600 loans, 597 of them learnt from") for line in made.lines)
    assert "1 loans cannot be scored; scores.csv and ratings.csv give each its reason" in made.lines
    ratings = rows_of(made.files["ratings.csv"])
    assert [bool(row["grade"]) for row in ratings[:4]] == [True, True, False, True]
    assert ratings[2]["reason"] == "cannot be scored: margin missing"


def test_better_in_every_indicator_is_never_graded_worse(folder: Path) -> None:
    card = fitted(folder).card
    rng = np.random.default_rng(9)
    names = [one.name for one in card.indicators]
    worse: np.ndarray = np.column_stack(
        [rng.normal(0.1, 0.1, 500), rng.random(500), rng.gamma(2, 3, 500), np.rint(rng.random(500))]
    )
    better = worse + rng.random((500, 4)) * [0.1, 0, 5, 1]
    debt = names.index("debt ratio")
    nearest = np.clip(worse[:, debt], 0.3, 0.5)
    better[:, debt] += rng.random(500) * (nearest - worse[:, debt])
    unknown = np.full(500, np.nan)
    both = [
        card.rate(
            Loans(tuple(map(str, range(500))), unknown, unknown, card.indicators, values, np.arange(500))
        )
        for values in (worse, better)
    ]
    assert (both[1].score >= both[0].score).all()
    place = {grade: position for position, grade in enumerate(card.pyramid.table.grades)}
    assert all(place[high] <= place[low] for low, high in zip(both[0].grade, both[1].grade, strict=True))


def test_losses_of_several_years_become_those_of_one(folder: Path) -> None:
    once, yearly = fitted(folder).card.risk, fitted(folder, years=5.0).card.risk
    np.testing.assert_allclose(1 - (1 - yearly.default_probability) ** 5, once.default_probability)
    np.testing.assert_array_equal(yearly.loss_given_default, once.loss_given_default)
    np.testing.assert_allclose(
        yearly.risk_weight, yearly.default_probability * yearly.loss_given_default, rtol=1e-14
    )
    assert (np.diff(yearly.risk_weight) > 0).all()


def table(count: list[int], defaults: list[int], due: list[float], lost: list[float]) -> GradeTable:
    names = ("AAA", "AA", "A")[: len(count)]
    return GradeTable(
        names,
        -np.arange(float(len(count))),
        np.array(count),
        np.array(defaults),
        np.array(due),
        np.array(lost),
        0.0,
    )


def some_loans(due: list[float], lost: list[float]) -> Loans:
    n = len(due)
    return Loans(tuple(map(str, range(n))), np.array(due), np.array(lost), (), np.empty((n, 0)), np.arange(n))


def test_risk_of_grades_by_hand() -> None:
    # Jeffreys: (0 + ½)/(9 + 1) and (4 + ½)/(9 + 1). The best lost nothing: 0.05 times the loss given default of all,
    # 30/100, which is below half of the next grade's loss rate, 0.1.
    found = grade_risk(
        table([9, 9], [0, 4], [300.0, 300.0], [0.0, 30.0]),
        some_loans([100.0, 50.0, 50.0], [0.0, 10.0, 20.0]),
    )
    np.testing.assert_allclose(found.default_probability, [0.05, 0.45])
    np.testing.assert_allclose(found.risk_weight, [0.05 * 30 / 100, 0.1])
    np.testing.assert_allclose(found.loss_given_default, [0.3, 0.1 / 0.45])


def test_a_best_grade_without_losses_stays_below_the_next() -> None:
    found = grade_risk(table([9, 9], [0, 1], [300.0, 300.0], [0.0, 3.0]), some_loans([3.0], [3.0]))
    np.testing.assert_allclose(found.risk_weight, [0.005, 0.01])


def test_one_large_loss_makes_the_default_probability_as_large_as_the_loss_rate() -> None:
    found = grade_risk(table([99], [1], [1000.0], [900.0]), some_loans([900.0], [900.0]))
    np.testing.assert_allclose(found.default_probability, [0.9])
    np.testing.assert_allclose(found.loss_given_default, [1.0])


def test_without_any_loss_no_risk_weight_is_known() -> None:
    found = grade_risk(table([9], [0], [100.0], [0.0]), some_loans([100.0], [0.0]))
    np.testing.assert_allclose(found.default_probability, [0.05])
    assert np.isnan(found.risk_weight).all()
    assert np.isnan(found.loss_given_default).all()


def test_held_out_loans_are_rated_by_others(folder: Path) -> None:
    spec = read_spec(folder / "spec.csv")
    loans = read_loans(folder / "loans.csv", spec)
    fit = fit_scorecard(loans, spec)
    found = held_out(loans, spec, Options(), fit.used, folds=4)
    assert isinstance(found, HeldOut)
    assert found.count.sum() == 600
    assert found.receivable.sum() == pytest.approx(loans.receivable.sum())
    inside = area_under_curve(fit.scored.score, loans.is_default)
    assert abs(found.auc.mean() - inside) < 0.05
    assert found.rises <= len(found.grades) - 1


def test_too_few_defaults_to_hold_any_out_are_told(folder: Path) -> None:
    spec = read_spec(folder / "spec.csv")
    loans = read_loans(folder / "loans.csv", spec)
    few = np.flatnonzero(loans.is_default)[:3].tolist() + np.flatnonzero(~loans.is_default)[:50].tolist()
    told = held_out(loans.take(np.array(few)), spec, Options(), np.ones(53, dtype=bool), folds=5)
    assert told == "too few loans to hold any out: 5 folds need 5 that defaulted and 5 that did not"
    assert (
        held_out(loans, spec, Options(), loans.is_known, folds=1)
        == "needs at least 2 folds, and 1 is asked for"
    )


def test_weightings_and_options_are_kept_in_the_file(folder: Path) -> None:
    one = fitted(folder, weighting="auc", grades=4, least_share=0.1)
    assert one.card.weighting == "auc"
    assert len(one.card.pyramid.table.grades) == 4
    assert (one.card.pyramid.table.count >= 60).all()
    assert json.loads(card_to_json(one.card))["weighting"] == "auc"


def test_a_history_without_defaults_is_refused(folder: Path) -> None:
    header, *lines = (folder / "loans.csv").read_text().splitlines()
    safe = [line.split(",") for line in lines]
    text = "\n".join([header, *(",".join([*row[:2], "0", *row[3:]]) for row in safe)]) + "\n"
    (folder / "loans.csv").write_text(text)
    with pytest.raises(InputError, match="no loan defaulted"):
        scorecard(folder / "loans.csv", folder / "spec.csv")


def test_an_indicator_that_no_loan_has_is_named(folder: Path) -> None:
    text = (folder / "loans.csv").read_text().splitlines()
    (folder / "loans.csv").write_text(
        "\n".join([text[0]] + [line.rsplit(",", 1)[0] + "," for line in text[1:]])
    )
    with pytest.raises(InputError, match=r"no loan has noise"):
        scorecard(folder / "loans.csv", folder / "spec.csv")


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda card: card.update(code="import os"), "unknown key 'code'"),
        (lambda card: card.pop("weighting"), "lacks weighting"),
        (lambda card: card.update(format="other"), "format: is not 'lendplan scorecard 1'"),
        (lambda card: card.update(weighting="best"), "weighting: must be one of"),
        (lambda card: card.update(indicators=[]), "must be a list of at least one"),
        (
            lambda card: card["indicators"][0].update(weight=0.9),
            "weights that are negative or do not add up to 1",
        ),
        (lambda card: card["indicators"][0].update(weihgt=1), "did you mean 'weight'?"),
        (lambda card: card["indicators"][0].update(kind="secret"), "indicators[0].kind: must be one of"),
        (
            lambda card: card["indicators"][0].update(direction="up"),
            "indicators[0].direction: must be one of",
        ),
        (lambda card: card["indicators"][0].update(low=1.0), "indicators[0].low: and high must be given"),
        (lambda card: card["indicators"][0].update(least=9.0), "indicators[0].least: 9 is above most"),
        (lambda card: card["indicators"][0].update(least=True), "indicators[0].least: 'True' is no number"),
        (lambda card: card["indicators"][3].update(words=[1]), "indicators[3].words: must be an object"),
        (lambda card: card["indicators"][1].update(name="margin"), "holds two of the same name"),
        (lambda card: card["indicators"][1].update(missing="mean"), "indicators[1].missing: must be one of"),
        (lambda card: card["pyramid"].update(wanted=8.5), "pyramid.wanted: '8.5' is no whole number"),
        (lambda card: card["pyramid"]["table"]["grades"].append("D"), "has 9 entries where 10 belong"),
        (lambda card: card["pyramid"]["table"]["lowest_score"].reverse(), "must fall from grade to grade"),
        (
            lambda card: card["pyramid"]["table"]["loans"].__setitem__(0, 0),
            "between 0 and the number of loans",
        ),
        (lambda card: card["risk"]["risk_weight"].reverse(), "risk.risk_weight: must rise"),
        (
            lambda card: card["risk"]["default_probability"].__setitem__(0, None),
            "must be known for every grade",
        ),
        (lambda card: card["risk"]["risk_weight"].pop(), "risk.risk_weight: must be a list of 9"),
        (lambda card: card["risk"]["loss_given_default"].__setitem__(0, 2), "must lie between 0 and 1"),
    ],
)
def test_a_changed_scorecard_file_is_refused(folder: Path, change: Change, expected: str) -> None:
    content = json.loads(card_to_json(fitted(folder).card))
    change(content)
    path = folder / "score.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        read_card(str(path))
    assert expected in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is no JSON"),
        (b"[1]", "is no scorecard of `rate scorecard`"),
        (b"\xff\xfe1", "is no text in UTF-8"),
        (b'{"format": NaN}', "holds NaN"),
        (b'{"format": 1, "format": 2}', "has the key 'format' twice"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_file_that_is_no_scorecard_is_refused(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "score.json"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_card(str(path))
    assert expected in str(caught.value)


def test_a_pyramid_of_scores_that_are_there_already(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    score = np.round(rng.normal(50, 10, 500), 2)
    lost = np.round(100 * rng.random(500) * (rng.random(500) < 1 / (1 + np.exp((score - 40) / 8))), 2)
    lines = ["id,points,due,defaulted"]
    lines += [f"E{row},{score[row]},100,{lost[row]}" for row in range(499)] + ["E499,,100,0"]
    (tmp_path / "loans.csv").write_text("\n".join(lines))
    made = pyramid(
        tmp_path / "loans.csv",
        columns={"enterprise": "id", "score": "points", "receivable": "due"},
        grades=5,
        least_share=0.05,
    )
    assert set(made.files) == {"pyramid.csv", "grades.csv", "contrast.csv", "report.txt"}
    assert made.lines[0] == "500 loans, 1 of them without a score"
    rates = [float(row["loss_rate"]) for row in rows_of(made.files["pyramid.csv"])]
    assert len(rates) == 5
    assert rates == sorted(rates)
    graded = rows_of(made.files["grades.csv"])
    assert (graded[-1]["grade"], graded[-1]["reason"]) == ("", "has no score")
    assert {row["division"] for row in rows_of(made.files["contrast.csv"])} == {
        "equal numbers of loans",
        "k-means on the score",
    }


def test_scored_loans_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_text("enterprise,score,receivable,defaulted\nA,1,10,11\nB,2,10,12\n")
    with pytest.raises(InputError) as caught:
        pyramid(path)
    assert [finding.line for finding in caught.value.findings] == [2, 3]
    assert "11 is above the receivable, 10" in str(caught.value)
    path.write_text("enterprise,score,receivable,defaulted\nA,,10,1\n")
    with pytest.raises(InputError, match="no loan has a score"):
        pyramid(path)


@real
def test_nine_grades_on_real_loans() -> None:
    made = scorecard(SBA, SBA_SPEC)
    told = "\n".join(made.lines)
    assert "11 loans lost part of what was due but are not marked as defaulted" in told
    assert "2,101 loans, 2,101 of them learnt from: 697 lost 8.25% of what was due on all" in told
    grades = rows_of(made.files["pyramid.csv"])
    assert [row["grade"] for row in grades] == ["AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C"]
    rates = [float(row["loss_rate"]) for row in grades]
    assert all(after > before for before, after in pairwise(rates))
    assert min(int(float(row["loans"])) for row in grades) >= 43  # 2 % of 2,101
    with SBA.open(encoding="utf-8-sig") as lines:
        due = sum(int(row["DisbursementGross"]) for row in csv.DictReader(lines))
    assert sum(float(row["receivable"]) for row in grades) == due
    held = next(line for line in made.lines if line.startswith("On loans held out"))
    assert float(held.split("is ")[1].split()[0]) > 0.70
    # None of the divisions that do not look at losses is a pyramid.
    assert told.count("break the pyramid in") == 3


@real
def test_fewer_grades_hold_on_real_loans_held_out() -> None:
    spec = read_spec(SBA_SPEC)
    loans = read_loans(SBA, spec)
    found = held_out(loans, spec, Options(grades=5), loans.is_known)
    assert isinstance(found, HeldOut)
    assert found.rises == 4


@real
def test_what_was_recorded_afterwards_is_noticed_on_real_loans(tmp_path: Path) -> None:
    # Nine in ten terms of loans that were paid are whole years, one in twelve of those that were charged off: the
    # column was written when the loan ended.
    text = SBA_SPEC.read_text() + "term,Term,financial,more,,,,,\n"
    (tmp_path / "spec.csv").write_text(text)
    spec = read_spec(tmp_path / "spec.csv")
    fit = fit_scorecard(read_loans(SBA, spec), spec)
    assert [finding.key for finding in fit.selection.findings] == ["term"]


def test_a_score_beyond_all_reason_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_text("enterprise,score,receivable,defaulted\nA,1e308,10,1\nB,-1e308,10,0\nC,1,1e300,0\n")
    with pytest.raises(InputError) as caught:
        pyramid(path)
    assert [(one.line, one.key) for one in caught.value.findings] == [
        (2, "score"),
        (3, "score"),
        (4, "receivable"),
    ]


def test_contrasts_have_as_many_grades_as_the_pyramid_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    rows = "".join(f"L{k},{k},10,{10 if k % 7 < 3 - k // 20 else 0}\n" for k in range(60))
    path.write_text("enterprise,score,receivable,defaulted\n" + rows)
    made = pyramid(path, grades=2)
    assert "For contrast, 2 grades by" in made.lines
    counted = Counter(row["division"] for row in rows_of(made.files["contrast.csv"]))
    assert counted == {"equal numbers of loans": 2, "k-means on the score": 2}
