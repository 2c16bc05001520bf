"""Grey relational analysis: a table worked by hand, a textbook's printed grades, laws, and a fitted state as JSON."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lendplan.data.findings import InputError
from lendplan.data.texts import Texts
from lendplan.rating.grey.published import published_table
from lendplan.rating.grey.relation import (
    STANDARDISATIONS,
    FittedGrey,
    Standardise,
    fit_grey,
    grey_relation,
    risk_index,
)
from lendplan.rating.indicators.catalogue import PUBLISHED, Direction
from lendplan.rating.indicators.computing import indicators_of
from lendplan.rating.records import Dossier, Enterprises, Indicators, Invoices

Table = NDArray[np.float64]

# Three enterprises; profit (more is better) and void share (less is better).
SMALL = np.array([[10.0, 0.1], [20.0, 0.3], [30.0, 0.5]])
BOTH: tuple[Direction, Direction] = ("more", "less")


def test_hand_worked() -> None:
    # standardised: profit 0, ½, 1; void share 1, ½, 0. Distances 1, ½, 0 and 0, ½, 1; Δmin 0, Δmax 1, so that
    # ξ = 0.5 / (Δ + 0.5): 1/3, 1/2, 1 and 1, 1/2, 1/3. Both columns have the mean 11/18, hence the weights are ½ each.
    found = grey_relation(SMALL, BOTH)
    np.testing.assert_allclose(found.standardised, [[0, 1], [0.5, 0.5], [1, 0]], atol=1e-15)
    np.testing.assert_allclose(found.coefficients, [[1 / 3, 1], [0.5, 0.5], [1, 1 / 3]])
    np.testing.assert_allclose(found.weights, [0.5, 0.5])
    np.testing.assert_allclose(found.relation, [2 / 3, 1 / 2, 2 / 3])
    assert (found.least, found.greatest) == (0, 1)
    # reciprocals 3/2, 2, 3/2 add up to 5
    np.testing.assert_allclose(risk_index(found.relation), [0.3, 0.4, 0.3])


def test_hand_worked_weights() -> None:
    # more is better in both: 0, 1/4, 1 and 0, 1/2, 1; ξ = 0.5 / (1.5 − x): 1/3, 2/5, 1 and 1/3, 1/2, 1.
    # The means are 26/45 and 11/18, that is 52/90 and 55/90: weights 52/107 and 55/107.
    found = grey_relation(np.array([[1.0, 10], [2, 20], [5, 30]]), ("more", "more"))
    np.testing.assert_allclose(found.weights, [52 / 107, 55 / 107])
    np.testing.assert_allclose(found.relation, [1 / 3, (52 * 2 / 5 + 55 / 2) / 107, 1])


def test_hand_worked_mean_and_initial() -> None:
    # By the mean: 0.5, 1, 1.5 and 1/3, 1, 5/3; the best is 1.5 and 1/3. Distances 1, 1/2, 0 and 0, 2/3, 4/3;
    # Δmax = 4/3, ξ = (2/3) / (Δ + 2/3): 2/5, 4/7, 1 and 1, 1/2, 1/3.
    mean = grey_relation(SMALL, BOTH, standardise="mean", weights=np.array([1.0, 1.0]))
    np.testing.assert_allclose(mean.coefficients, [[2 / 5, 1], [4 / 7, 1 / 2], [1, 1 / 3]])
    np.testing.assert_allclose(mean.relation, [7 / 10, 15 / 28, 2 / 3])
    # By the first row: 1, 2, 3 and 1, 3, 5; the best is 3 and 1. Distances 2, 1, 0 and 0, 2, 4; Δmax = 4,
    # ξ = 2 / (Δ + 2): 1/2, 2/3, 1 and 1, 1/2, 1/3.
    initial = grey_relation(SMALL, BOTH, standardise="initial", weights=np.array([3.0, 1.0]))
    np.testing.assert_allclose(initial.coefficients, [[1 / 2, 1], [2 / 3, 1 / 2], [1, 1 / 3]])
    np.testing.assert_allclose(initial.relation, [5 / 8, 5 / 8, 5 / 6])


def test_textbook_example() -> None:
    # Choice among six suppliers by nine indicators, of which price, distance and service time are better when less;
    # equal weights, ζ = 0.5. Data: Si Shoukui and Sun Zhaoliang, Mathematical Modelling Algorithms and Applications
    # (National Defence Industry Press), chapter 14, grey relational evaluation. Grades as printed to six digits in an
    # independent solution, github.com/xyfJASON/mathematical-modeling-python, "Grey Relational Analysis".
    suppliers = np.array(
        [
            [0.83, 0.90, 0.99, 0.92, 0.87, 0.95],
            [326, 295, 340, 287, 310, 303],
            [21, 38, 25, 19, 27, 10],
            [3.2, 2.4, 2.2, 2.0, 0.9, 1.7],
            [0.20, 0.25, 0.12, 0.33, 0.20, 0.09],
            [0.15, 0.20, 0.14, 0.09, 0.15, 0.17],
            [250, 180, 300, 200, 150, 175],
            [0.23, 0.15, 0.27, 0.30, 0.18, 0.26],
            [0.87, 0.95, 0.99, 0.89, 0.82, 0.94],
        ]
    ).T
    directions: list[Direction] = ["more", "less", "less", "less", "more", "more", "more", "more", "more"]
    found = grey_relation(suppliers, directions, weights=np.ones(9))
    printed = [0.462992, 0.555994, 0.649074, 0.652723, 0.493562, 0.613015]
    np.testing.assert_allclose(found.relation, printed, atol=5e-7)
    np.testing.assert_allclose(found.coefficients[0, :4], [0.333333, 0.404580, 0.560000, 0.333333], atol=5e-7)


def random_table(seed: int, rows: int = 40) -> tuple[Table, list[Direction]]:
    random = np.random.default_rng(seed)
    table = random.lognormal(3, 2, (rows, 6)) * np.array([1, -1, 1, 1e6, 1e-6, 1])
    table[:, 2] = 7.0  # one on which all are alike
    return table, ["more", "less", "more", "less", "more", "less"]


@pytest.mark.parametrize("standardise", STANDARDISATIONS)
@pytest.mark.parametrize("zeta", [0.1, 0.5, 1.0])
def test_laws(standardise: Standardise, zeta: float) -> None:
    table, directions = random_table(1)
    found = grey_relation(table, directions, standardise=standardise, zeta=zeta)
    assert ((found.coefficients > 0) & (found.coefficients <= 1)).all()
    assert ((found.relation > 0) & (found.relation <= 1)).all()
    assert found.weights.sum() == pytest.approx(1)
    np.testing.assert_array_equal(found.contributions.sum(axis=1), found.relation)
    assert (found.least, found.coefficients.min()) == (0, pytest.approx(zeta / (1 + zeta)))
    index = risk_index(found.relation)
    assert index.sum() == pytest.approx(1)
    assert (np.argsort(index) == np.argsort(-found.relation)).all()
    # the ideal enterprise, best in everything, has the grade 1
    fitted = fit_grey(
        [str(place) for place in range(6)], table, directions, standardise=standardise, zeta=zeta
    )
    is_more = np.array(directions) == "more"
    best = np.where(is_more, table.max(axis=0), table.min(axis=0))[None, :]
    assert fitted.relate(best).relation[0] == pytest.approx(1)
    # and whoever is better in one indicator has no lower grade
    better = np.where(is_more, table + 0.1 * np.abs(table), table - 0.1 * np.abs(table))
    assert (fitted.relate(better).relation >= fitted.relate(table).relation - 1e-15).all()


@pytest.mark.parametrize("standardise", ["minmax", "mean"])
def test_order_changes_no_bit(standardise: Standardise) -> None:
    table, directions = random_table(2)
    order = np.random.default_rng(3).permutation(len(table))
    straight = grey_relation(table, directions, standardise=standardise)
    mixed = grey_relation(table[order], directions, standardise=standardise)
    np.testing.assert_array_equal(mixed.relation, straight.relation[order])
    np.testing.assert_array_equal(risk_index(mixed.relation), risk_index(straight.relation)[order])


@pytest.mark.parametrize("standardise", STANDARDISATIONS)
def test_units_change_nothing(standardise: Standardise) -> None:
    table, directions = random_table(4)
    scaled = table * np.array([1e6, 1e-6, 10, 1, 1000, 0.5])
    straight = grey_relation(table, directions, standardise=standardise)
    np.testing.assert_allclose(
        grey_relation(scaled, directions, standardise=standardise).relation, straight.relation
    )


def test_all_alike() -> None:
    found = grey_relation(np.full((3, 2), 5.0), BOTH)
    np.testing.assert_array_equal(found.relation, [1, 1, 1])
    np.testing.assert_allclose(risk_index(found.relation), [1 / 3] * 3)


def test_undefined_indicator() -> None:
    table = np.vstack([SMALL, [[math.nan, 0.9]], [[1000.0, math.nan]]])
    found = grey_relation(table, BOTH)
    np.testing.assert_allclose(found.relation, [2 / 3, 1 / 2, 2 / 3, math.nan, math.nan])
    np.testing.assert_allclose(risk_index(found.relation), [0.3, 0.4, 0.3, math.nan, math.nan])


def test_new_enterprise() -> None:
    fitted = fit_grey(("profit", "void"), SMALL, BOTH)
    # within the range: profit 25 stands at 0.75, ξ = 0.5 / 0.75 = 2/3; void 0.3 has ξ = 1/2; γ = 7/12
    inside = fitted.relate(np.array([[25.0, 0.3]]))
    assert inside.relation[0] == pytest.approx(7 / 12)
    # Σ 1/γ of the fitted is 5 and stays so
    assert fitted.risk_index(inside.relation)[0] == pytest.approx(12 / 7 / 5)
    # beyond the range it is taken to be at its limit
    beyond = fitted.relate(np.array([[1e9, -3.0], [-1e9, 17.0]]))
    np.testing.assert_allclose(beyond.standardised, [[1, 1], [0, 0]])
    np.testing.assert_allclose(beyond.relation, [1, 1 / 3])
    # a fitted one has the published index
    grades = fitted.relate(SMALL).relation
    np.testing.assert_allclose(fitted.risk_index(grades), risk_index(grades))
    with pytest.raises(ValueError, match="2 indicators were fitted"):
        fitted.relate(np.ones((1, 3)))


def test_unknown_where_it_may_be() -> None:
    table = np.column_stack([SMALL, [4.0, math.nan, 1.0]])
    fitted = fit_grey(("profit", "void", "grade"), table, (*BOTH, "more"), may_be_unknown=("grade",))
    # ξ of the grade is 1 and 1/3, with the mean 2/3 = 12/18 beside 11/18 twice
    np.testing.assert_allclose(fitted.weights, [11 / 34, 11 / 34, 12 / 34])
    found = fitted.relate(table)
    # the second is compared on the first two alone, with weights ½ each
    np.testing.assert_allclose(found.relation, [(11 / 3 + 11 + 12) / 34, 1 / 2, (11 + 11 / 3 + 4) / 34])
    np.testing.assert_allclose(found.contributions[1], [1 / 4, 1 / 4, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"zeta": 0.0}, "zeta"),
        ({"zeta": 1.5}, "zeta"),
        ({"directions": ("more", "none")}, "no better direction is known of void"),
        ({"directions": ("more",)}, "1 directions"),
        ({"standardise": "rank"}, "minmax, mean, initial"),
        ({"weights": np.array([-1.0, 2.0])}, "non-negative"),
        ({"weights": np.array([0.0, 0.0])}, "not all 0"),
        ({"values": np.array([[1.0, math.nan]])}, "no enterprise has every indicator"),
        ({"values": np.array([[1.0, math.inf]])}, "infinite"),
        (
            {"values": np.array([[1.0, 2.0], [-1.0, 3.0]]), "standardise": "mean"},
            "divides by zero for profit",
        ),
    ],
)
def test_refused(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"names": ("profit", "void"), "values": SMALL, "directions": BOTH}
    with pytest.raises(ValueError, match=message):
        fit_grey(**(given | change))


@pytest.mark.parametrize("standardise", STANDARDISATIONS)
def test_json_round_trip(standardise: Standardise) -> None:
    table, directions = random_table(6)
    fitted = fit_grey("abcdef", table, directions, standardise=standardise, may_be_unknown=("c",))
    again = FittedGrey.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again.to_dict() == fitted.to_dict()
    np.testing.assert_array_equal(again.relate(table).relation, fitted.relate(table).relation)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"more": 1}, "unknown key 'more'"),
        ({"zeta": None}, "zeta"),
        ({"zeta": 2}, "zeta"),
        ({"low": [1.0]}, "low"),
        ({"low": [99.0, 99.0]}, "high"),
        ({"weights": [0.5, 0.6]}, "weights"),
        ({"weights": [math.nan, 1.0]}, "weights"),
        ({"divisor": [0.0, 1.0]}, "divisor"),
        ({"standardise": "rank"}, "standardise"),
        ({"directions": ["more", "none"]}, "directions"),
        ({"may_be_unknown": ["risk"]}, "may_be_unknown"),
        ({"least": 3.0}, "greatest"),
        ({"reciprocals": 0.0}, "reciprocals"),
        ({"names": "profit"}, "names"),
    ],
)
def test_damaged_json(change: dict[str, Any], key: str) -> None:
    stored = fit_grey(("profit", "void"), SMALL, BOTH).to_dict() | change
    with pytest.raises(InputError, match=key):
        FittedGrey.from_dict(stored)


def test_missing_key() -> None:
    stored = fit_grey(("profit", "void"), SMALL, BOTH).to_dict()
    del stored["low"], stored["high"]
    with pytest.raises(InputError, match="lacks low, high"):
        FittedGrey.from_dict(stored)


def book(grades: list[str], defaults: list[float]) -> Dossier:
    """Return as many enterprises; the i-th sells (i + 1) · 100 to i + 1 customers and buys 50, all on one day."""
    n = len(grades)
    owner = [number for number in range(n) for _ in range(number + 1)] + list(range(n))
    sales = n * (n + 1) // 2
    total = np.array([100.0] * sales + [50.0] * n)
    return Dossier(
        Enterprises(
            tuple(f"E{number}" for number in range(n)),
            ("",) * n,
            tuple(grades),
            np.array(defaults),
            np.arange(2, n + 2),
        ),
        Invoices(
            owner=np.array(owner, dtype=np.int32),
            is_sale=np.arange(len(owner)) < sales,
            number=Texts.repeated("1", len(owner)),
            day=np.full(len(owner), 18_000, dtype=np.int32),
            counterparty=np.arange(len(owner), dtype=np.int32),
            amount=total,
            tax=np.zeros(len(owner)),
            total=total,
            is_valid=np.ones(len(owner), dtype=bool),
        ),
    )


def test_published_table() -> None:
    dossier = book(["D", "B", ""], [1.0, 0.0, math.nan])
    table = published_table(dossier, indicators_of(dossier))
    assert table.names == (*PUBLISHED, "grade", "default")
    np.testing.assert_array_equal(
        table.values,
        [
            [50, 1, 1, 50, 1, 1, 1, 0],
            [50, 1, 1, 150, 2, 1, 3, 1],
            [50, 1, 1, 250, 3, 1, math.nan, math.nan],
        ],
    )
    assert not table.reasons
    fitted = table.fit()
    grades = fitted.relate(table.columns(fitted.names)).relation
    assert (
        grades[0] < grades[1] < grades[2] == pytest.approx(1)
    )  # the third is the best in all that is known of it
    bare = published_table(dossier, indicators_of(dossier), with_labels=False).fit()
    assert bare.names == PUBLISHED


def test_published_table_without_a_side() -> None:
    dossier = book(["A", "B", "C"], [0.0, 0.0, 0.0])
    invoices = dossier.invoices
    without = Invoices(
        **{
            name: getattr(invoices, name)
            for name in ("owner", "number", "day", "counterparty", "amount", "tax", "total")
        },
        is_sale=invoices.is_sale | (invoices.owner == 1),
        is_valid=invoices.is_valid,
    )
    dossier = Dossier(dossier.enterprises, without)
    table = published_table(dossier, indicators_of(dossier))
    assert list(table.reasons) == ["E1"]
    assert "daily_input, purchase_turnover_rate" in table.reasons["E1"]
    fitted = table.fit()
    grades = fitted.relate(table.columns(fitted.names)).relation
    assert np.isnan(grades).tolist() == [False, True, False]


def test_nobody_can_be_compared() -> None:
    dossier = book(["A"], [0.0])
    empty = Indicators(("E0",), PUBLISHED, np.full((1, 6), math.nan))
    with pytest.raises(InputError, match="valid invoices on both sides"):
        published_table(dossier, empty).fit()


def test_grade_off_the_scale() -> None:
    dossier = book(["A", "AA", "E"], [0.0, 0.0, 0.0])
    with pytest.raises(InputError) as caught:
        published_table(dossier, indicators_of(dossier))
    assert "'E1' has the grade 'AA', which is none of A, B, C, D" in str(caught.value)
    assert "'E2' has the grade 'E'" in str(caught.value)
    table = published_table(dossier, indicators_of(dossier), grades=("AA", "A", "E"))
    assert table.values[:, 6].tolist() == [2, 3, 1]


def test_real_book() -> None:
    import os

    real = Path(
        os.environ.get("LENDPLAN_REAL_DATA", Path(__file__).resolve().parents[2] / ".." / "shared" / "data")
    )
    workbook = real / "cumcm2020c" / "attachment1.xlsx"
    if not workbook.exists():
        pytest.skip("the real invoices are not here")
    from lendplan.rating.invoices.reading import read_dossier

    dossier = read_dossier(workbook)
    table = published_table(dossier, indicators_of(dossier))
    fitted = table.fit()
    assert fitted.names == table.names
    index = fitted.risk_index(fitted.relate(table.values).relation)
    assert index.sum() == pytest.approx(1)
    grade = np.array(dossier.enterprises.grade)
    means = [index[grade == letter].mean() for letter in "ABCD"]
    assert means == sorted(means)
