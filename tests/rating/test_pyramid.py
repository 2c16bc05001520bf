import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lendplan.data.findings import InputError
from lendplan.rating.loans import pyramidsearch
from lendplan.rating.loans.gradetable import GRADES, GradeTable
from lendplan.rating.loans.losscurve import loss_curve
from lendplan.rating.loans.pyramid import Pyramid, find_pyramid
from lendplan.rating.loans.pyramidbounds import cut_bounds, hull_corners
from lendplan.rating.loans.pyramidsearch import best_cuts, feasible_cuts

Rows = Sequence[tuple[int, int, int]]


def brute_force(rows: Rows, groups: int, least: int, rise: Fraction = Fraction(0)) -> Fraction | None:
    """Greatest Σ D²/R over all divisions that are pyramids, in fractions; None where there is none."""
    levels = sorted({score for score, _, _ in rows}, reverse=True)
    sums = [
        (len(part), sum(due for _, due, _ in part), sum(lost for _, _, lost in part))
        for level in levels
        for part in [[row for row in rows if row[0] == level]]
    ]
    best = None
    for inner in itertools.combinations(range(1, len(levels)), groups - 1):
        cuts = (0, *inner, len(levels))
        parts = [
            tuple(map(sum, zip(*sums[first:last], strict=True))) for first, last in itertools.pairwise(cuts)
        ]
        rates = [Fraction(lost, due) for _, due, lost in parts]
        if any(count < least for count, _, _ in parts):
            continue
        if any(after <= before + rise for before, after in itertools.pairwise(rates)):
            continue
        worth = sum((Fraction(lost * lost, due) for _, due, lost in parts), Fraction(0))
        best = worth if best is None else max(best, worth)
    return best


def arrays(rows: Rows) -> list[np.ndarray]:
    return [np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)]


@st.composite
def small_lists(draw: st.DrawFn) -> Rows:
    size = draw(st.integers(1, 12))
    most = draw(st.integers(1, 14))
    kind = draw(st.sampled_from(["any", "none", "all", "whole", "rising"]))
    rows = []
    for _ in range(size):
        score, due = draw(st.integers(0, most)), draw(st.integers(1, 12))
        lost = {
            "none": 0,
            "all": due,
            "whole": due * draw(st.integers(0, 1)),
            "rising": min(due, max(0, due * (most - score) // max(most, 1) + draw(st.integers(-1, 1)))),
            "any": draw(st.integers(0, due)),
        }[kind]
        rows.append((score, due, lost))
    return rows


@settings(max_examples=400, deadline=None)
@given(small_lists(), st.integers(1, 4), st.integers(1, 4))
def test_the_best_of_all_divisions_of_small_lists(rows: Rows, groups: int, least: int) -> None:
    curve = loss_curve(*arrays(rows))
    found = best_cuts(curve, groups, least, 0.0)
    expected = brute_force(rows, groups, least)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert curve.squares(found) == pytest.approx(float(expected), rel=1e-12)
        assert (np.diff(curve.count[found]) >= least).all()
        rates = [curve.rate(i, j) for i, j in itertools.pairwise(found.tolist())]
        assert all(after > before for before, after in itertools.pairwise(rates))


@settings(max_examples=150, deadline=None)
@given(small_lists(), st.integers(2, 4), st.integers(1, 3), st.sampled_from([1, 10, 30]))
def test_a_least_rise_against_all_divisions(rows: Rows, groups: int, least: int, percent: int) -> None:
    # A hundredth more than a whole per cent, so that no difference of rates of small numbers is exactly that.
    rise = Fraction(percent, 100) + Fraction(1, 10007)
    curve = loss_curve(*arrays(rows))
    found = best_cuts(curve, groups, least, float(rise))
    expected = brute_force(rows, groups, least, rise)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert curve.squares(found) == pytest.approx(float(expected), rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(small_lists(), st.integers(2, 4), st.integers(1, 3))
def test_no_bound_is_below_what_it_bounds(rows: Rows, groups: int, least: int) -> None:
    curve = loss_curve(*arrays(rows))
    if groups * least > len(rows):
        return
    bound, rest = cut_bounds(curve, groups, least)
    for inner in itertools.combinations(range(1, curve.size), groups - 1):
        cuts = np.array([0, *inner, curve.size])
        rates = [curve.rate(i, j) for i, j in itertools.pairwise(cuts.tolist())]
        rising = all(after > before for before, after in itertools.pairwise(rates))
        if not rising or (np.diff(curve.count[cuts]) < least).any():
            continue
        worth = curve.squares(cuts)
        for k, place in enumerate(cuts[1:-1], start=1):
            assert bound[place, k] >= worth * (1 - 1e-12)
            assert rest[place, groups - k] >= curve.squares(cuts[k:]) * (1 - 1e-12)


def random_loans(seed: int, size: int, digits: int, steep: float) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    score = np.round(rng.normal(size=size), digits)
    due = np.round(np.exp(rng.normal(3, 1, size))) + 1
    is_default = rng.random(size) < 1 / (1 + np.exp(1 + steep * score))
    return [score, due, np.floor(due * rng.random(size)) * is_default]


@pytest.mark.parametrize("seed", range(12))
def test_the_bounded_search_finds_what_the_full_one_finds(seed: int) -> None:
    groups = 3 + seed % 7
    curve = loss_curve(*random_loans(seed, 60 + 15 * seed, 1 + seed % 3, 0.3 * (seed % 4)))
    least = max(1, int(curve.count[-1]) * (seed % 3) // 50)
    everything = [np.arange(1, curve.size)] * (groups - 1)
    anything = np.full((curve.size + 1, groups + 1), -np.inf)
    full = pyramidsearch._search(curve, everything, least, 0.0, anything)
    found = best_cuts(curve, groups, least, 0.0)
    assert (full is None) == (found is None)
    if full is not None and found is not None:
        assert curve.squares(found) == pytest.approx(curve.squares(full), rel=1e-12)


def test_the_search_beyond_the_hull_is_exact_too() -> None:
    # The least share forbids the corners of the hull, so that its proof does not hold and the bounds decide.
    beyond = 0
    for seed in range(40):
        curve = loss_curve(*random_loans(100 + seed, 60, 1, 1.0))
        hull = hull_corners(curve.receivable, curve.defaulted)
        full = pyramidsearch._search(
            curve, [np.arange(1, curve.size)] * 3, 9, 0.0, np.full((curve.size + 1, 5), -np.inf)
        )
        found = best_cuts(curve, 4, 9, 0.0)
        assert (full is None) == (found is None)
        if full is not None and found is not None:
            assert curve.squares(found) == pytest.approx(curve.squares(full), rel=1e-12)
            beyond += not set(found.tolist()) <= set(hull.tolist())
    assert beyond >= 5


def test_a_pyramid_by_hand() -> None:
    # Loss rates 0, 0, 1/2, 0, 1 from the best score to the worst. Of the divisions into two that rise, the worst loan
    # alone against the rest, (1/2)²/4 + 1, beats all others; into three, the third and fourth loan between both ends.
    score = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    due = np.full(5, 10.0)
    lost = np.array([0.0, 0.0, 5.0, 0.0, 10.0])
    two = find_pyramid(score, due, lost, grades=2, least_share=0)
    assert two.table.lowest.tolist() == [2.0, 1.0]
    assert two.table.loss_rate.tolist() == [0.125, 1.0]
    three = find_pyramid(score, due, lost, grades=3, least_share=0)
    assert three.table.grades == ("AAA", "AA", "A")
    assert three.table.lowest.tolist() == [4.0, 2.0, 1.0]
    assert three.table.count.tolist() == [2, 2, 1]
    assert three.table.defaults.tolist() == [0, 1, 1]
    assert three.table.loss_rate.tolist() == [0.0, 0.25, 1.0]
    # Σ R_g (ℓ_g − 0.3)² = 20·0.09 + 20·0.0025 + 10·0.49 = 6.75 of Σ r_i (ℓ_i − 0.3)² = 30·0.09 + 10·0.04 + 4.9 = 8.
    assert three.table.explained == pytest.approx(6.75 / 8)
    assert three.of_greatest == pytest.approx(1.0)
    assert three.remark == ""


def test_where_nine_cannot_be_had_the_most_are_taken_and_it_is_said_why() -> None:
    score = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    lost = np.array([0.0, 0.0, 5.0, 0.0, 10.0])
    found = find_pyramid(score, np.full(5, 10.0), lost, grades=4, least_share=0)
    assert len(found.table.grades) == 3
    assert found.remark == (
        "4 grades cannot be had, 3 can: even in the division into 4 that comes nearest the loss rate stays the same "
        "from AAA (0.00%) to AA (0.00%)."
    )


def test_a_loss_rate_that_would_fall_is_named() -> None:
    score = np.array([4.0, 3.0, 2.0, 1.0])
    lost = np.array([2.0, 1.0, 6.0, 5.0])
    found = find_pyramid(score, np.full(4, 10.0), lost, grades=4, least_share=0)
    assert found.table.loss_rate.tolist() == [0.2, 0.35, 0.5]
    assert "falls by 10.00% from AAA (20.00%) to AA (10.00%)" in found.remark


def test_reasons_why_so_many_grades_cannot_be_had() -> None:
    def remark(score: list[float], lost: list[float], **more: Any) -> tuple[int, str]:
        found = find_pyramid(np.array(score), np.full(len(score), 10.0), np.array(lost), **more)
        return len(found.table.grades), found.remark

    assert remark([1, 1, 2, 2], [9, 9, 1, 0]) == (
        2,
        "9 grades cannot be had, 2 can: there are only 2 distinct scores.",
    )
    assert remark([1, 2, 3, 4], [9, 5, 1, 0], grades=3, least_share=0.5) == (
        2,
        "3 grades cannot be had, 2 can: 3 grades of at least 2 loans need 6, and there are 4.",
    )
    assert remark([1, 2, 2, 2, 2, 3], [9, 5, 5, 5, 5, 0], grades=3, least_share=0.3) == (
        1,
        "3 grades cannot be had, 1 can: equal scores are not split, and they stand in too few blocks of at least 2 "
        "loans.",
    )
    assert remark([1, 2, 3], [0, 0, 0], grades=2) == (
        1,
        "2 grades cannot be had, 1 can: no loan lost anything, so that no grade is worse than another.",
    )
    assert remark([1, 2, 3], [10, 10, 10], grades=2)[0] == 1
    assert "stays the same from AAA (100.00%) to AA (100.00%)" in remark([1, 2, 3], [10, 10, 10], grades=2)[1]
    assert "rises by only 10.00%" in remark([1, 2], [5, 4], grades=2, least_share=0.0, least_rise=0.2)[1]


def test_one_loan_is_one_grade() -> None:
    found = find_pyramid(np.array([1.0]), np.array([10.0]), np.array([3.0]))
    assert found.table.grades == ("AAA",)
    assert found.table.loss_rate.tolist() == [0.3]
    assert found.table.explained == 0.0


def test_equal_scores_are_never_split() -> None:
    rng = np.random.default_rng(5)
    score = rng.integers(0, 12, 300).astype(np.float64)
    due = rng.integers(1, 50, 300).astype(np.float64)
    lost = np.floor(due * np.clip(rng.random(300) - score / 15, 0, 1))
    table = find_pyramid(score, due, lost).table
    for grade, lowest, count in zip(table.grades, table.lowest, table.count, strict=True):
        assert table.grade_of(np.array([lowest])) == (grade,)
        assert sum(one == grade for one in table.grade_of(score)) == count
    assert not table.breaks
    assert (table.count >= 6).all()  # 2 % of 300


def nine() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    score, due, lost = random_loans(3, 900, 3, 1.2)
    return score, due, lost


def test_the_order_of_rows_changes_nothing() -> None:
    score, due, lost = nine()
    order = np.random.default_rng(8).permutation(len(score))
    one = find_pyramid(score, due, lost)
    other = find_pyramid(score[order], due[order], lost[order])
    assert one.to_dict() == other.to_dict()


@pytest.mark.parametrize("scale", [1e-8, 1e8, 0.01])
def test_the_unit_of_money_changes_nothing(scale: float) -> None:
    score, due, lost = nine()
    one = find_pyramid(score, due, lost)
    other = find_pyramid(score, due * scale, lost * scale)
    assert one.table.lowest.tolist() == other.table.lowest.tolist()
    assert other.table.explained == pytest.approx(one.table.explained)


def test_equal_rates_of_cents_do_not_rise_by_a_rounding_error() -> None:
    # 0.1/0.3 and 0.2/0.6 and 0.7/2.1 are the same rate; in running sums of binary fractions they would differ.
    score = np.array([3.0, 2.0, 1.0])
    found = find_pyramid(score, np.array([0.3, 0.6, 2.1]), np.array([0.1, 0.2, 0.7]), grades=3, least_share=0)
    assert len(found.table.grades) == 1
    # Nor do they where no decimal helps.
    third = np.array([1 / 3, 2 / 3, 7 / 3])
    found = find_pyramid(score, third, third / 7, grades=3, least_share=0)
    assert len(found.table.grades) == 1


def test_a_better_score_never_has_a_worse_grade() -> None:
    table = find_pyramid(*nine()).table
    scores = np.linspace(-9, 9, 2001)
    places = table.position_of(scores)
    assert (np.diff(places) <= 0).all()
    assert table.grade_of(np.array([-99.0, 99.0, np.nan])) == ("C", "AAA", "")


def test_levels_are_said_and_keep_the_pyramid() -> None:
    score, due, lost = nine()
    exact, coarse = find_pyramid(score, due, lost), find_pyramid(score, due, lost, levels=60)
    assert coarse.remark == f"{len(np.unique(score))} distinct scores were taken as 60 levels."
    assert not coarse.table.breaks
    assert coarse.table.count.sum() == 900
    assert 0.7 * exact.table.explained < coarse.table.explained <= exact.table.explained
    again = [sum(one == grade for one in coarse.table.grade_of(score)) for grade in coarse.table.grades]
    assert again == coarse.table.count.tolist()


def test_too_many_scores_for_an_exact_division_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyramidsearch, "_MOST_PAIRS", 10)
    monkeypatch.setattr(pyramidsearch, "_FIRST_TRY", 1)
    rng = np.random.default_rng(6)
    score, due = rng.random(400), np.ones(400)
    with pytest.raises(InputError, match="set `levels`, for example to 5000"):
        find_pyramid(score, due, (rng.random(400) < 0.1).astype(float), least_share=0.08)


def test_even_scores_of_no_worth_can_make_a_pyramid() -> None:
    # Which is why `rate scorecard` holds loans out: a pyramid in the loans it was made of proves nothing.
    rng = np.random.default_rng(11)
    found = find_pyramid(rng.random(800), np.ones(800), (rng.random(800) < 0.2).astype(float))
    assert len(found.table.grades) == 9
    assert found.table.explained < 0.05


def test_a_feasible_division_is_one() -> None:
    curve = loss_curve(*nine())
    cuts = feasible_cuts(curve, 9, 18, 0.0)
    assert cuts is not None
    rates = [curve.rate(i, j) for i, j in itertools.pairwise(cuts.tolist())]
    assert (np.diff(rates) > 0).all()
    assert (np.diff(curve.count[cuts]) >= 18).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"grades": 0},
        {"grades": 10},
        {"least_share": 1.5},
        {"least_rise": -0.1},
        {"levels": 0},
        {"score": np.array([1.0, np.nan])},
        {"receivable": np.array([1.0, 0.0])},
        {"defaulted": np.array([0.0, 2.0])},
        {"defaulted": np.array([0.0])},
    ],
)
def test_what_cannot_be_divided_is_refused(changed: dict[str, Any]) -> None:
    usual = {"score": np.array([1.0, 2.0]), "receivable": np.ones(2), "defaulted": np.zeros(2)}
    with pytest.raises(ValueError, match="must"):
        find_pyramid(**(usual | changed))


def test_a_pyramid_survives_json_and_nothing_else_does() -> None:
    found = find_pyramid(*nine())
    assert Pyramid.from_dict(found.to_dict()).to_dict() == found.to_dict()
    content = found.to_dict()
    content["table"]["defaulted"][1] = 0.0
    with pytest.raises(InputError, match=r"the loss rate of AA, 0\.00%, is not above that of AAA"):
        Pyramid.from_dict(content)


def test_breaks_of_two_published_divisions() -> None:
    # "Credit Rating Model of Small Enterprises Based on Optimal Discriminant Ability", Complexity 2021, 5605499: loss
    # rates of table 6 (by number of customers) and table 7 (by k-means), in per cent.
    def breaks(rates: list[float]) -> list[str]:
        lost = np.array(rates) * 10
        counts = np.ones(9, dtype=np.int64)
        table = GradeTable(GRADES, -np.arange(9.0), counts, counts, np.full(9, 1000.0), lost, 0.0)
        return [text.split(",")[0].removeprefix("the loss rate of ") for text in table.breaks]

    assert breaks([0.00, 0.00, 0.89, 0.37, 12.11, 8.64, 31.03, 31.28, 32.04]) == ["AA", "BBB", "B"]
    assert breaks([0.00, 0.00, 0.88, 6.78, 5.90, 24.37, 21.44, 2.88, 100.0]) == ["AA", "BB", "CCC", "CC"]
