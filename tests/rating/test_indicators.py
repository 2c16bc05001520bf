"""Indicators: hand-worked tables, enterprises with almost nothing, the catalogue, and the real invoices."""

import math
import os
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from invoice_rows import Row, assert_same, dossier_of, random_rows, row_of

from lendplan.rating.indicators.catalogue import CATALOGUE, LEARNT, PUBLISHED
from lendplan.rating.indicators.computing import indicators_of, learnt, undefined
from lendplan.rating.records import Dossier

REAL = Path(
    os.environ.get("LENDPLAN_REAL_DATA", Path(__file__).resolve().parents[2] / ".." / "shared" / "data")
)

NAN = math.nan
A: list[Row] = [
    ("a", "output", date(2020, 1, 1), "X", 100.0, 13.0, True),
    ("a", "output", date(2020, 1, 11), "Y", 200.0, 26.0, True),
    ("a", "output", date(2020, 1, 11), "X", 100.0, 13.0, True),
    ("a", "output", date(2020, 1, 21), "X", -50.0, -6.5, True),
    ("a", "output", date(2020, 3, 31), "Z", 300.0, 39.0, False),
    ("a", "input", date(2020, 1, 5), "P", 100.0, 13.0, True),
    ("a", "input", date(2020, 1, 6), "Q", 50.0, 0.0, True),
    ("a", "input", date(2020, 1, 14), "P", 37.0, 0.0, True),
]
# Valid sales 113 + 226 + 113 − 56.5 = 395.5 (before tax 350) from 1 to 21 January: 21 days. Purchases 113 + 50 + 37
# = 200 (before tax 187) from 5 to 14 January: 10 days. Both are less than a month, and M is then 1.
A_EXPECTED = {
    "daily_input": 20.0,  # 200 / 10
    "sales_turnover_rate": 0.4,  # (5 − 2·1 − 1) / 5
    "purchase_turnover_rate": 1.0,
    "daily_profit": 195.5 / 21,  # (395.5 − 200) / 21
    "customers": 2.0,  # X and Y; Z's invoice is void
    "suppliers": 2.0,
    "monthly_sales": 395.5,
    "monthly_tax": 45.5 - 13,
    "monthly_sales_invoices": 4.0,
    "monthly_purchase_invoices": 3.0,
    "mean_sale": 452 / 3,  # the return aside
    "median_sale": 113.0,
    "median_purchase": 50.0,
    "margin": 163 / 350,
    "sales_tax_rate": 0.13,  # (13 + 26 + 13 − 6.5) / 350
    "purchase_tax_rate": 13 / 187,
    "largest_customer_share": 4 / 7,  # Y 226, X 113 + 113 − 56.5 = 169.5
    "largest_supplier_share": 0.75,  # P 150, Q 50
    "effective_customers": 49 / 25,
    "effective_suppliers": 1.6,
    "buyer_spread": -(4 / 7 * math.log(4 / 7) + 3 / 7 * math.log(3 / 7)) / math.log(2),
    "busiest_days_share": 0.75,  # 339 of 113 + 339; the day of the return counts 0
    "repeat_customer_share": 0.5,  # X on 1, 11 and 21 January
    "repeat_supplier_share": 0.5,
    "new_customer_sales_share": 0.0,  # Y came on the middle day, not after it
    "sales_void_share": 0.2,
    "purchase_void_share": 0.0,
    "sales_return_share": 0.25,
    "purchase_return_share": 0.0,
    "sales_days": 21.0,
    "purchase_days": 10.0,
    "selling_day_share": 3 / 21,
    "buying_day_share": 0.3,
    "active_months": 1.0,
    "silent_months": 0.0,
    "longest_silence": 9.0,  # 2 to 10 and 12 to 20 January
    "days_since_last_sale": 0.0,
    "trend": NAN,
    "growth": -1.0,  # after 11 January there is the return alone
    "usual_month_sales": 395.5,
    "profit_month_share": 1.0,
    "volatility": NAN,
    "purchase_volatility": NAN,
    "seasonality": NAN,
    "agreement": NAN,
}

B: list[Row] = [
    ("b", "output", date(2020, 1, 31), "X", 100.0, 0.0, True),
    ("b", "output", date(2020, 3, 10), "X", 200.0, 0.0, True),
    ("b", "output", date(2020, 4, 1), "Y", 200.0, 0.0, True),
    ("b", "output", date(2020, 4, 10), "X", 100.0, 0.0, True),
    ("b", "input", date(2020, 2, 1), "P", 900.0, 0.0, True),
    ("b", "input", date(2020, 5, 1), "P", -300.0, 0.0, True),
    ("b", "input", date(2020, 5, 2), "P", 1.0, 0.0, False),
]
# Monthly sales 100, 0, 200, 300 with mean 150; about the middle of the row −1.5·100 − 0.5·0 + 0.5·200 + 1.5·300 = 400
# over 5 is a slope of 80. Deviations −50, −150, 50, 150: variance 12,500. Purchases 900, 0, 0, −300 from February on.
B_EXPECTED = {
    "daily_input": 600 / 91,  # 1 February to 1 May of a leap year: 29 + 31 + 30 + 1 days
    "purchase_turnover_rate": 0.0,  # (3 − 2·1 − 1) / 3
    "daily_profit": 0.0,
    "monthly_sales": 600 / (71 / (365.25 / 12)),  # 31 January to 10 April: 1 + 29 + 31 + 10 days
    "margin": 0.0,
    "sales_days": 71.0,
    "active_months": 3.0,
    "silent_months": 1.0,
    "longest_silence": 38.0,  # 1 February to 9 March
    "days_since_last_sale": 21.0,  # 10 April to 1 May; the void invoice of 2 May does not count
    "trend": 80 / 150,
    "usual_month_sales": 150.0,  # between 100 and 200
    "profit_month_share": 0.75,  # not February: 0 against 900; January's 100 and April's 300 against 0
    "volatility": math.sqrt(12_500) / 150,
    "purchase_volatility": math.sqrt((750**2 + 150**2 + 150**2 + 450**2) / 4) / 150,
    "growth": (500 - 100) / 600,  # the middle of 71 days is 6 March
    "new_customer_sales_share": 200 / 600,
    "agreement": NAN,
    "seasonality": NAN,
    "purchase_return_share": 0.5,
    "purchase_void_share": 1 / 3,
    "mean_sale": 150.0,
    "median_sale": 150.0,
    "sales_tax_rate": 0.0,
}


def test_hand_worked() -> None:
    # the enterprises' invoices are mixed, and a third has none
    indicators = indicators_of(dossier_of([*A[4:], *B, *A[:4]], ids=["b", "none", "a"]))
    assert set(A_EXPECTED) == set(CATALOGUE)
    assert_same(row_of(indicators, "a"), A_EXPECTED)
    assert_same(row_of(indicators, "b"), B_EXPECTED)


def month_rows(sales: list[float], purchases: list[float]) -> list[Row]:
    def rows(side: str, totals: list[float]) -> list[Row]:
        months = [date(2018 + number // 12, number % 12 + 1, 15) for number in range(len(totals))]
        return [
            ("a", side, month, "X", total, 0.0, True) for month, total in zip(months, totals, strict=True)
        ]

    return rows("output", sales) + rows("input", purchases)


def test_calendar() -> None:
    # every January sells 3, every other month 1; the year after is the year before, doubled: the correlation is 1
    year = [3.0] + [1.0] * 11
    found = row_of(indicators_of(dossier_of(month_rows(year + [2 * total for total in year], []))), "a")
    assert found["seasonality"] == pytest.approx(1)
    # 1, 2, …, 18: six pairs, rising together; 17 months are five pairs
    rising = [float(total) for total in range(1, 19)]
    assert row_of(indicators_of(dossier_of(month_rows(rising, []))), "a")["seasonality"] == pytest.approx(1)
    assert math.isnan(row_of(indicators_of(dossier_of(month_rows(rising[:17], []))), "a")["seasonality"])
    # the same every month: nothing varies, though the mean of 0.1 twelve times is not 0.1
    assert math.isnan(row_of(indicators_of(dossier_of(month_rows([0.1] * 24, []))), "a")["seasonality"])


def test_agreement() -> None:
    sales = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 100.0]
    purchases = [10 - total for total in sales[:6]]  # the seventh month has none, and is not common to both
    assert row_of(indicators_of(dossier_of(month_rows(sales, purchases))), "a")["agreement"] == pytest.approx(
        -1
    )
    # Five common months are too few.
    found = row_of(indicators_of(dossier_of(month_rows(sales, purchases[:5]))), "a")
    assert math.isnan(found["agreement"])


def test_busiest_days_of_many() -> None:
    # 250 days of sales 1, 2, …, 250: the strongest ⌈2.5⌉ = 3 sell 250 + 249 + 248 of 250·251/2 = 31,375
    rows: list[Row] = [
        ("a", "output", date(2019, 1, 1) + timedelta(days=number), "X", float(number + 1), 0.0, True)
        for number in range(250)
    ]
    assert row_of(indicators_of(dossier_of(rows)), "a")["busiest_days_share"] == pytest.approx(747 / 31_375)


def test_one_invoice() -> None:
    found = row_of(
        indicators_of(dossier_of([("a", "output", date(2020, 2, 29), "X", 100.0, 0.0, True)])), "a"
    )
    assert (
        found["sales_days"] == found["customers"] == found["largest_customer_share"] == found["margin"] == 1
    )
    assert found["busiest_days_share"] == found["effective_customers"] == found["selling_day_share"] == 1
    assert found["daily_profit"] == found["median_sale"] == found["monthly_sales"] == 100
    assert found["buyer_spread"] == found["longest_silence"] == found["days_since_last_sale"] == 0
    assert found["growth"] == -1  # the one day is the earlier half
    for name in (
        "daily_input",
        "purchase_turnover_rate",
        "trend",
        "volatility",
        "purchase_days",
        "agreement",
    ):
        assert math.isnan(found[name]), name


DAY = date(2020, 5, 5)
NOTHING_TO_RATE: dict[str, list[Row]] = {
    "no sales invoice": [("a", "input", DAY, "P", 10.0, 1.0, True)],
    "all 2 are void": [("a", "output", DAY, "X", 10.0, 1.0, False)] * 2,
    "returns are not below sales": [
        ("a", "output", DAY, "X", 10.0, 1.0, True),
        ("a", "output", DAY, "X", -20.0, -2.0, True),
    ],
}


@pytest.mark.parametrize("reason", NOTHING_TO_RATE)
def test_undefined(reason: str) -> None:
    healthy: list[Row] = [("z", "output", DAY, "X", 10.0, 1.0, True)]
    dossier = dossier_of([*NOTHING_TO_RATE[reason], *healthy], ids=["z", "a"])
    indicators = indicators_of(dossier)
    assert not np.isinf(indicators.values).any()
    reasons = undefined(dossier, indicators)
    assert list(reasons) == ["a"]
    assert reason in reasons["a"]


def test_reader_s_reason_comes_first() -> None:
    dossier = dossier_of(NOTHING_TO_RATE["no sales invoice"], ids=["b", "a"])
    dossier = Dossier(dossier.enterprises, dossier.invoices, unusable={"a": "as the reader says"})
    assert undefined(dossier, indicators_of(dossier)) == {
        "b": "no sales invoice: there are no sales to rate it on",
        "a": "as the reader says",
    }


@pytest.mark.parametrize("ids", [[], ["a", "b"]])
def test_no_invoices_at_all(ids: list[str]) -> None:
    dossier = dossier_of([], ids=ids)
    indicators = indicators_of(dossier)
    assert indicators.values.shape == (len(ids), len(CATALOGUE))
    assert list(undefined(dossier, indicators)) == ids


def test_catalogue_is_whole() -> None:
    assert tuple(CATALOGUE)[:6] == PUBLISHED
    assert all(indicator.name == name for name, indicator in CATALOGUE.items())
    assert all(indicator.description.endswith(".") and indicator.formula for indicator in CATALOGUE.values())
    assert all(CATALOGUE[name].direction == "more" for name in PUBLISHED)


def test_learnt_is_a_part_in_the_same_order() -> None:
    indicators = indicators_of(dossier_of(random_rows(1)))
    chosen = learnt(indicators)
    assert chosen.names == LEARNT == tuple(name for name in CATALOGUE if name in LEARNT)
    assert set(PUBLISHED) < set(LEARNT) < set(CATALOGUE)
    for name in LEARNT:
        np.testing.assert_array_equal(chosen.column(name), indicators.column(name))


def test_real_invoices() -> None:
    workbook = REAL / "cumcm2020c" / "attachment1.xlsx"
    if not workbook.exists():
        pytest.skip("the real invoices are not here")
    from lendplan.rating.invoices.reading import read_dossier

    dossier = read_dossier(workbook)
    started = time.perf_counter()
    indicators = indicators_of(dossier)
    assert time.perf_counter() - started < 3  # 0.15 s on two idle cores
    assert indicators.values.shape == (123, len(CATALOGUE))
    assert not np.isinf(indicators.values).any()
    assert not undefined(dossier, indicators)
    assert not np.isnan(indicators.values[:, : len(PUBLISHED)]).any()
    grade = np.array(dossier.enterprises.grade)
    sales = indicators.column("monthly_sales")
    assert np.median(sales[grade == "A"]) > np.median(sales[grade == "B"]) > np.median(sales[grade == "D"])


def test_rounding_for_exact_sums_changes_no_invoice() -> None:
    """Beside an invoice of 10^12 amounts are added in steps of 1/1024; the middle one and returns keep their own."""
    day = date(2024, 5, 1)
    rows: list[Row] = [
        ("E", side, day, "P", amount, 0.0, True)
        for side in ("input", "output")
        for amount in (1e12, 0.0234, 0.01)
    ]
    rows.append(("E", "output", day, "P", -0.00001, 0.0, True))
    found = row_of(indicators_of(dossier_of(rows)), "E")
    assert found["median_purchase"] == 0.0234
    assert found["median_sale"] == 0.0234
    assert found["sales_return_share"] == 0.25
