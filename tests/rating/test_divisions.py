import itertools

import numpy as np
import pytest

from lendplan.rating.loans.divisions import BELL, by_head_count, by_k_means


def loans(size: int, seed: int = 1, digits: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = np.round(rng.normal(60, 15, size), digits)
    due = rng.integers(1, 100, size).astype(np.float64)
    return score, due, np.floor(due * rng.random(size)) * (rng.random(size) < 0.2)


def test_a_bell_divides_3111_enterprises_as_published() -> None:
    # Complexity 2021, 5605499, table 6: last enterprise of each grade.
    table = by_head_count(*loans(3111), BELL)
    assert np.cumsum(table.count).tolist() == [249, 747, 1680, 2178, 2489, 2738, 2925, 3049, 3111]
    assert sum(BELL) == pytest.approx(1.0)


def test_equal_numbers() -> None:
    assert by_head_count(*loans(18), [1 / 9] * 9).count.tolist() == [2] * 9


def test_equal_scores_stay_together_and_may_leave_a_grade_empty() -> None:
    score = np.array([9.0, 5.0, 5.0, 5.0, 1.0])
    table = by_head_count(score, np.ones(5), np.zeros(5), [0.4, 0.3, 0.3])
    assert table.grades == ("AAA", "AA")
    assert table.count.tolist() == [4, 1]
    assert table.lowest.tolist() == [5.0, 1.0]


@pytest.mark.parametrize("seed", range(6))
def test_k_means_against_all_divisions(seed: int) -> None:
    score, due, lost = loans(11, seed, digits=-1 if seed % 2 else 6)
    groups = 2 + seed % 3
    levels = np.unique(score)[::-1]
    groups = min(groups, len(levels))

    def spread(cuts: tuple[int, ...]) -> float:
        total = 0.0
        for first, last in itertools.pairwise(cuts):
            part = score[(score <= levels[first]) & (score >= levels[last - 1])]
            total += float(((part - part.mean()) ** 2).sum())
        return total

    best = min(
        spread((0, *inner, len(levels)))
        for inner in itertools.combinations(range(1, len(levels)), groups - 1)
    )
    table = by_k_means(score, due, lost, groups)
    ends = [int(np.flatnonzero(levels == lowest)[0]) + 1 for lowest in table.lowest]
    assert spread((0, *ends)) == pytest.approx(best, abs=1e-9)


def test_k_means_by_hand() -> None:
    score = np.array([10.0, 11.0, 50.0, 52.0, 90.0])
    table = by_k_means(score, np.ones(5), np.array([1.0, 0, 0, 1.0, 0]), 3)
    assert table.lowest.tolist() == [90.0, 50.0, 10.0]
    assert table.loss_rate.tolist() == [0.0, 0.5, 0.5]
    assert table.breaks == ("the loss rate of A, 50.00%, is not above that of AA, 50.00%",)


def test_k_means_on_fewer_scores_than_grades() -> None:
    table = by_k_means(np.array([1.0, 1.0, 2.0]), np.ones(3), np.zeros(3))
    assert table.grades == ("AAA", "AA")
