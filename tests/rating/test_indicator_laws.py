"""Indicators of random invoices: a slow reference, and what must not change them."""

import numpy as np
import pytest
from indicators_by_fractions import reference
from invoice_rows import Row, assert_same, dossier_of, random_rows, row_of

from lendplan.rating.indicators.catalogue import CATALOGUE
from lendplan.rating.indicators.computing import indicators_of
from lendplan.rating.indicators.groups import DENSE, grouped


@pytest.mark.parametrize("seed", range(8))
def test_against_slow_reference(seed: int) -> None:
    rows = random_rows(seed)
    indicators = indicators_of(dossier_of(rows))
    for enterprise in indicators.enterprise:
        expected = reference(rows, enterprise)
        assert set(expected) == set(indicators.names)
        assert_same(row_of(indicators, enterprise), expected)


def test_order_changes_no_bit() -> None:
    rows = random_rows(99, most=400)
    ids = sorted({row[0] for row in rows})
    expected = indicators_of(dossier_of(rows, ids)).values
    random = np.random.default_rng(0)
    for _ in range(5):
        shuffled = [rows[place] for place in random.permutation(len(rows))]
        np.testing.assert_array_equal(indicators_of(dossier_of(shuffled, ids)).values, expected)


def test_others_change_no_bit() -> None:
    rows = random_rows(98, most=400)
    together = indicators_of(dossier_of(rows))
    for enterprise in together.enterprise:
        alone = indicators_of(dossier_of([row for row in rows if row[0] == enterprise]))
        np.testing.assert_array_equal(alone.values[0], together.values[together.enterprise.index(enterprise)])


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_scale_of_money(factor: float) -> None:
    rows = random_rows(97)
    scaled: list[Row] = [(*row[:4], row[4] * factor, row[5] * factor, row[6]) for row in rows]
    before, after = indicators_of(dossier_of(rows)), indicators_of(dossier_of(scaled))
    for place, name in enumerate(before.names):
        times = factor if CATALOGUE[name].unit.startswith("currency") else 1
        np.testing.assert_allclose(
            after.values[:, place], before.values[:, place] * times, rtol=1e-7, err_msg=name
        )


def test_groups_counted_or_sorted_are_the_same() -> None:
    random = np.random.default_rng(5)
    owner = random.integers(0, 50, 3000).astype(np.int32)
    key = random.integers(-20, 20, 3000).astype(np.int32)
    counted = grouped(owner, key, 50)
    far = key.copy()
    far[0] = DENSE  # so wide a key makes the table of pairs too large to be counted
    sorted_ = grouped(owner, far, 50)
    for groups, keys in ((counted, key), (sorted_, far)):
        pairs = sorted(set(zip(owner.tolist(), keys.tolist(), strict=True)))
        assert list(zip(groups.owner.tolist(), groups.key.tolist(), strict=True)) == pairs
        np.testing.assert_array_equal(groups.owner[groups.of_row], owner)
        np.testing.assert_array_equal(groups.key[groups.of_row], keys)
        np.testing.assert_array_equal(np.bincount(groups.of_row), groups.count)
