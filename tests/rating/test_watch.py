import csv
import io
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lendplan.data.findings import InputError
from lendplan.rating.indicators.catalogue import CATALOGUE
from lendplan.rating.indicators.computing import indicators_of
from lendplan.rating.invoices.reading import read_dossier
from lendplan.rating.records import Dossier, Indicators
from lendplan.rating.watching.customers import customers_of, largest_customers
from lendplan.rating.watching.rules import RULES, parse_thresholds
from lendplan.rating.watching.watch import State, Watch, watch

REAL_DATA = Path(
    os.environ.get("LENDPLAN_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
)

USUAL = {
    "monthly_sales": 1000.0,
    "monthly_sales_invoices": 20.0,
    "purchase_days": 300.0,
    "days_since_last_sale": 0.0,
    "silent_months": 0.0,
    "margin": 0.4,
    "trend": 0.01,
    "volatility": 0.4,
    "sales_void_share": 0.02,
    "sales_return_share": 0.01,
    "largest_customer_share": 0.3,
    "largest_supplier_share": 0.3,
    "busiest_days_share": 0.1,
}
"""A healthy enterprise."""


def indicators(*enterprises: Mapping[str, float], names: Sequence[str] = tuple(USUAL)) -> Indicators:
    """Indicators of E1, E2, …, each the usual one with some values of its own."""
    rows = [[(USUAL | dict(own))[name] for name in names] for own in enterprises]
    ids = tuple(f"E{place + 1}" for place in range(len(enterprises)))
    return Indicators(ids, tuple(names), np.array(rows, dtype=np.float64).reshape(len(ids), len(names)))


def state(*enterprises: Mapping[str, float], grade: str = "B") -> State:
    known = indicators(*enterprises)
    n = len(known.enterprise)
    return State(known.enterprise, (grade,) * n, np.full(n, 0.05), known, (grade,) * n, ("K1",) * n)


def one(before: Mapping[str, float], now: Mapping[str, float], **more: Any) -> list[tuple[str, str]]:
    """Signals of one enterprise, and how bad they are."""
    result = watch(state(before), indicators(now), **more)
    return [(signal.name, signal.severity) for signal in result.signals]


def test_rules_rest_on_indicators_of_the_catalogue() -> None:
    assert {name for rule in RULES.values() for name in rule.needs} <= set(CATALOGUE)
    assert all(0 < rule.watch <= rule.severe for rule in RULES.values())


def test_nothing_changed_is_no_signal() -> None:
    result = watch(state({}, {}), indicators({}, {}), customers={"E1": {"K1"}, "E2": {"K1"}})
    assert result.signals == ()
    assert result.review == ()
    assert result.watched == 2


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({}, {"monthly_sales": 701}, []),
        ({}, {"monthly_sales": 700}, [("sales_fell", "watch")]),
        ({}, {"monthly_sales": 400}, [("sales_fell", "severe")]),
        ({"monthly_sales": -5}, {"monthly_sales": -50}, []),
        ({}, {"margin": 0.25}, [("margin_fell", "watch")]),
        ({}, {"margin": -0.1}, [("margin_fell", "severe")]),
        ({}, {"silent_months": 2}, [("silence", "watch")]),
        ({"silent_months": 5}, {"silent_months": 5}, []),
        ({}, {"days_since_last_sale": 60}, [("purchases_without_sales", "watch")]),
        ({}, {"trend": -0.05}, [("trend_broke", "watch")]),
        ({"trend": -0.04}, {"trend": -0.3}, []),
        ({}, {"volatility": 0.59}, []),
        ({}, {"volatility": 0.6}, [("volatility_rose", "watch")]),
        ({}, {"sales_void_share": 0.07}, [("void_share_rose", "watch")]),
        ({}, {"sales_return_share": 0.16}, [("return_share_rose", "severe")]),
        ({}, {"largest_customer_share": 0.5}, [("customer_concentration", "watch")]),
        ({"largest_customer_share": 0.55}, {"largest_customer_share": 0.6}, []),
        ({}, {"largest_supplier_share": 0.9}, [("supplier_concentration", "severe")]),
        ({}, {"busiest_days_share": 0.3}, [("busiest_days_rose", "watch")]),
    ],
)
def test_each_signal_by_hand(
    before: Mapping[str, float], now: Mapping[str, float], told: list[tuple[str, str]]
) -> None:
    assert one(before, now) == told


def test_one_that_sells_no_more_is_severe_in_both_ways() -> None:
    nothing = {"monthly_sales": np.nan, "monthly_sales_invoices": np.nan, "days_since_last_sale": np.nan}
    result = watch(state({}), indicators(nothing | {"purchase_days": 200.0}))
    told = [(signal.name, signal.severity) for signal in result.signals]
    assert told == [("sales_stopped", "severe"), ("purchases_without_sales", "severe")]
    assert result.review[0].why == "it sold, and sells no more; it has bought for 200 days without selling"


def test_the_largest_customer_is_missed() -> None:
    assert one({}, {}, customers={"E1": {"K2"}}) == [("largest_customer_gone", "watch")]
    assert one({"largest_customer_share": 0.5}, {}, customers={"E1": set()}) == [
        ("largest_customer_gone", "severe")
    ]
    assert one({"largest_customer_share": 0.1}, {}, customers={"E1": set()}) == []
    assert one({}, {}, customers={"E1": {"K1", "K2"}}) == []


def test_its_own_default_probability_doubled() -> None:
    assert one({}, {}, default_probability=np.array([0.099])) == []
    assert one({}, {}, default_probability=np.array([0.1])) == [("default_probability_rose", "watch")]
    assert one({}, {}, default_probability=np.array([0.2])) == [("default_probability_rose", "severe")]
    low = replace(state({}), default_probability=np.array([0.001]))
    assert not watch(low, indicators({}), default_probability=np.array([0.008])).signals


def test_a_worse_forecast_asks_for_a_new_look_by_itself() -> None:
    result = watch(state({}), indicators({}), grades="ABCD", grade_forecast=["C"])
    assert [(signal.name, signal.severity, signal.measure) for signal in result.signals] == [
        ("forecast_fell", "watch", 1)
    ]
    assert [(review.enterprise, review.grade) for review in result.review] == [("E1", "B")]
    assert one({}, {}, grades="ABCD", grade_forecast=["D"]) == [("forecast_fell", "severe")]
    assert one({}, {}, grades="ABCD", grade_forecast=["A"]) == []
    assert one({}, {}, grades="ABCD", grade_forecast=[""]) == []


def test_the_forecast_is_compared_with_the_forecast_and_not_with_the_given_grade() -> None:
    given = replace(state({}), grade=("A",), grade_forecast=("C",))
    assert not watch(given, indicators({}), grades="ABCD", grade_forecast=["C"]).signals
    unkept = replace(given, grade_forecast=())
    assert watch(unkept, indicators({}), grades="ABCD", grade_forecast=["C"]).signals[0].measure == 2


def test_one_slight_signal_is_told_and_two_ask_for_a_new_look() -> None:
    slight = watch(state({}), indicators({"margin": 0.2}))
    assert len(slight.signals) == 1
    assert not slight.review
    two = watch(state({}), indicators({"margin": 0.2, "volatility": 0.7}))
    assert two.review[0].why == (
        "the margin fell from 40.0% to 20.0%; monthly sales became unsteady: volatility 0.40 then, 0.70 now"
    )


def test_severe_signals_are_named_first() -> None:
    result = watch(state({}), indicators({"margin": 0.2, "largest_supplier_share": 0.95}))
    assert result.review[0].why.startswith(
        "one supplier has 95.0% of its purchases, 30.0% before; the margin"
    )


def test_what_is_missing_is_skipped_and_told() -> None:
    names = [name for name in USUAL if name not in ("margin", "trend")]
    known = indicators({}, names=names)
    result = watch(state({}), known)
    assert result.skipped == {
        "margin_fell": "there was no margin now",
        "trend_broke": "there was no trend now",
        "largest_customer_gone": "the customers' names are not known",
        "default_probability_rose": "no default probability of its own was known then or is known now",
        "forecast_fell": "no grade is forecast now",
    }
    assert "not looked at: margin_fell, there was no margin now" in result.lines()


def test_a_value_that_is_not_defined_is_no_signal() -> None:
    names = [name for name in USUAL if name not in ("monthly_sales_invoices", "purchase_days")]
    blank = Indicators(("E1",), tuple(names), np.full((1, len(names)), np.nan))
    assert watch(state({}), blank).signals == ()


def test_those_that_are_missing_and_those_that_are_new_are_told() -> None:
    now = Indicators(("E2", "E9"), tuple(USUAL), indicators({}, {}).values)
    result = watch(state({}, {}), now)
    assert (result.absent, result.unknown, result.watched) == (("E1",), ("E9",), 1)
    assert [(review.enterprise, review.why) for review in result.review] == [
        ("E1", "it is not in the new input")
    ]
    assert "not known when the rating was fitted: E9" in result.lines()


def test_the_order_of_the_new_input_changes_nothing() -> None:
    now = indicators({"margin": 0.0}, {}, {"trend": -0.2, "volatility": 2.0})
    turned = Indicators(now.enterprise[::-1], now.names, now.values[::-1])
    known = state({}, {}, {})
    assert watch(known, now).to_dict() == watch(known, turned).to_dict()


def test_thresholds_are_overridden() -> None:
    assert one({}, {"margin": 0.35}, thresholds={"margin_fell": (0.05, 0.06)}) == [("margin_fell", "watch")]
    assert parse_thresholds(["sales_fell=40%:70%", "silence=3", "volatility_rose=4"]) == {
        "sales_fell": (0.4, 0.7),
        "silence": (3.0, 4.0),
        "volatility_rose": (4.0, 4.0),
    }


def test_wrong_thresholds_are_told_at_once() -> None:
    with pytest.raises(InputError) as told:
        parse_thresholds(
            ["sale_fell=40%", "silence", "margin_fell=x", "trend_broke=0.3:0.2", "silence=1:2:3"]
        )
    messages = [finding.message for finding in told.value.findings]
    assert messages[0].startswith(
        "'sale_fell' is no signal; did you mean 'sales_fell'?; there are sales_fell, "
    )
    assert messages[1] == "'silence': write it as name=watch or name=watch:severe"
    assert "'x' is no number" in messages[2]
    assert messages[3].startswith(
        "trend_broke: thresholds must be above 0, the severe one not below the other"
    )
    assert len(messages) == 5
    with pytest.raises(InputError, match="is no signal"):
        watch(state({}), indicators({}), thresholds={"x": (1, 2)})


def found() -> Watch:
    return watch(state({}, {}), indicators({"margin": 0.2, "trend": -0.05}, {"silent_months": 7}))


def test_the_table_of_signals() -> None:
    rows = list(csv.DictReader(io.StringIO(found().to_csv().decode())))
    assert [(row["enterprise"], row["signal"], row["severity"]) for row in rows] == [
        ("E1", "margin_fell", "watch"),
        ("E1", "trend_broke", "watch"),
        ("E2", "silence", "severe"),
    ]
    assert rows[1]["before"] == "0.01"
    assert rows[1]["threshold"] == "0.05"
    assert rows[2]["text"] == "7 months went by without a sale"
    assert watch(state({}), indicators({})).to_csv().count(b"\n") == 1


def test_lines_and_json_say_the_same() -> None:
    assert (
        found().lines()[0] == "2 enterprises watched: 3 signals, 1 of them severe; 2 grades to look at again"
    )
    content = json.loads(json.dumps(found().to_dict(), allow_nan=False))
    assert [one["enterprise"] for one in content["review"]] == ["E1", "E2"]
    assert content["signals"][0]["now"] == 0.2


# The state ------------------------------------------------------------------------------------------------------


def test_a_state_comes_back_from_json_to_the_last_bit() -> None:
    known = replace(
        state({"margin": np.nan, "trend": 0.1 + 0.2}, {}), default_probability=np.array([np.nan, 1 / 3])
    )
    again = State.from_dict(json.loads(json.dumps(known.to_dict(), allow_nan=False)))
    assert again.to_dict() == known.to_dict()
    assert np.array_equal(again.indicators.values, known.indicators.values, equal_nan=True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"code": 1}, "and no others"),
        ({"enterprise": ["E1", "E1"]}, "repeated"),
        ({"enterprise": ["E1", 2]}, "list of texts"),
        ({"grade": ["A"]}, "unequal lengths"),
        ({"default_probability": [0.1, 1.5]}, "outside"),
        ({"default_probability": [0.1, True]}, "no number"),
        ({"default_probability": [0.1, float("nan")]}, "not finite"),
        ({"values": [[1.0]]}, "rows of values"),
        ({"values": [[1.0], [2.0]]}, "lists of 13 numbers"),
        ({"values": "x"}, "rows of values"),
    ],
)
def test_a_damaged_state_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        State.from_dict(state({}, {}).to_dict() | change)


def test_a_state_of_unequal_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="one of everything"):
        replace(state({}, {}), grade=("A",))


# Real invoices --------------------------------------------------------------------------------------------------


def between(dossier: Dossier, first: str, last: str) -> Dossier:
    """The same enterprises with the invoices of some days."""
    invoices = dossier.invoices
    from_day, to_day = (int(np.datetime64(day, "D").astype(np.int64)) for day in (first, last))
    kept = (invoices.day >= from_day) & (invoices.day < to_day)
    return replace(
        dossier,
        invoices=replace(
            invoices,
            owner=invoices.owner[kept],
            is_sale=invoices.is_sale[kept],
            number=invoices.number.take(kept),
            day=invoices.day[kept],
            counterparty=invoices.counterparty[kept],
            amount=invoices.amount[kept],
            tax=invoices.tax[kept],
            total=invoices.total[kept],
            is_valid=invoices.is_valid[kept],
        ),
    )


def test_real_enterprises_of_worse_grades_are_told_more_often() -> None:
    source = REAL_DATA / "cumcm2020c" / "attachment1.xlsx"
    if not source.exists():
        pytest.skip("the real workbook is not here")
    dossier = read_dossier(source)
    then, later = between(dossier, "2000-01-01", "2019-01-01"), between(dossier, "2019-01-01", "2099-01-01")
    known = indicators_of(then)
    grade = dossier.enterprises.grade
    remembered = State(
        known.enterprise, grade, np.full(len(grade), np.nan), known, (), largest_customers(then)
    )
    result = watch(remembered, indicators_of(later), customers=customers_of(later))
    rated = Counter(grade)
    told = Counter(review.grade for review in result.review)
    share = [told[name] / rated[name] for name in "ABCD"]
    assert share == sorted(share)
    assert share[0] < 0.3
    assert share[3] > 0.8
