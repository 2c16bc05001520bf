"""Why each enterprise is lent to or not: the deciding numbers, worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reports_by_hand import PRICES, lent, three

from lendplan.models.measures import Economics, Objective, Ranges
from lendplan.models.problem import Choice, Members, Problem, Row
from lendplan.reports.reasons import Pricing, reasons
from lendplan.reports.tables import budget_left
from lendplan.reports.wording import amount


def said(problem: Problem, choice: Choice, prices: dict[str, float] | None = None) -> list[str]:
    given = PRICES if prices is None else prices
    return list(reasons(problem, given, choice, budget_left(problem, choice)))


def test_each_sentence_has_the_numbers_that_decide() -> None:
    problem = three()
    assert said(problem, lent(problem, 100, 50, 0)) == [
        "earns 6.40 % a year of its line and needs 3.80 % (0.80 % for risk, 3.00 % for the budget); "
        "its line is the largest it may have",
        "earns 4.00 % a year of its line and needs 4.00 % (1.00 % for risk, 3.00 % for the budget); "
        "its line of 50 is what budget and limits leave",
        "needs 5.50 % (2.50 % for risk, 3.00 % for the budget) a year, the best it earns is 4.00 % (at 10.00 %)",
    ]


def test_the_price_of_a_limit_is_part_of_what_is_needed() -> None:
    """A risk budget at a price of 2 for each unit of risk: Q's 1 % for risk costs 2 % more."""
    problem = three(limits=(Row("losses", "risk", 1, amount=1.0),))
    texts = said(problem, lent(problem, 100, 0, 0), {"budget": 0.0, "losses": 2.0})
    assert texts[0].startswith(
        "earns 6.40 % a year of its line and needs 2.40 % (0.80 % for risk, 1.60 % for limits)"
    )
    # At 5 % it earns 3 % and needs 6 %; at 10 % 4 % and 3 %.
    assert texts[1].startswith(
        "earns 4.00 % a year at 10.00 % and needs 3.00 % (1.00 % for risk, 2.00 % for limits)"
    )
    assert texts[2].startswith(
        "needs 7.50 % (2.50 % for risk, 5.00 % for limits) a year, the best it earns is 4.00 %"
    )


def test_one_that_helps_a_limit_needs_less() -> None:
    """At least so much for B, priced −1 %: a unit of B's line is worth 1 % more to the plan than it earns."""
    codes = Members(np.array([-1, 0, 0], dtype=np.int32), 0)
    problem = three(limits=(Row("some B", "line", -1, codes, amount=60),))
    texts = said(problem, lent(problem, 90, 60, 0), {"budget": 0.04, "some B": -0.01})
    assert "needs 4.00 % (1.00 % for risk, 4.00 % for the budget, -1.00 % for limits)" in texts[1]


def test_prices_of_two_limits_on_one_group_add_up() -> None:
    codes = np.array([-1, 0, 0], dtype=np.int32)
    limits = tuple(Row(name, "line", -1, Members(codes, 0), amount=60) for name in ("some B", "more B"))
    texts = said(
        three(limits=limits), lent(three(), 90, 60, 0), {"budget": 0.05, "some B": -0.01, "more B": -0.01}
    )
    assert "needs 4.00 % (1.00 % for risk, 5.00 % for the budget, -2.00 % for limits)" in texts[1]


def test_the_best_it_earns_is_the_best_at_any_rate_and_line() -> None:
    """A fixed cost weighs least on the largest line: R's best is 4 % less 0.1 a loan over 100, 3.90 %."""
    problem = three(economics=Economics(funding_cost=0.02, fixed_cost=0.1))
    text = said(problem, lent(problem, 100, 50, 0))[2]
    assert text.startswith("needs 5.50 %")
    assert "the best it earns is 3.90 % (at 10.00 %)" in text


def test_the_best_rate_is_found_where_the_least_line_is_zero() -> None:
    problem = three(line_min=np.zeros(3))
    text = said(problem, lent(problem, 100, 50, 0))[2]
    assert "the best it earns is 4.00 % (at 10.00 %)" in text


def test_its_own_rates_are_all_that_count() -> None:
    problem = three(last_rate=np.array([1, 1, 0], dtype=np.int16))
    text = said(problem, lent(problem, 100, 50, 0))[2]
    assert (
        text
        == "needs 8.00 % (5.00 % for risk, 3.00 % for the budget) a year, the best it earns is 3.00 % (at 5.00 %)"
    )


def test_one_that_must_be_lent_to_says_so_where_it_does_not_pay() -> None:
    problem = three(must_lend=np.array([True, False, True]))
    texts = said(problem, lent(problem, 100, 40, 10))
    assert texts[2].startswith("must: lend; it earns 4.00 % a year of its line and needs 5.50 %")
    assert "must" not in texts[0]


def test_one_that_pays_but_has_no_room_says_what_is_left() -> None:
    """P alone in a budget of 105: Q earns what it needs, but 5 is less than a line."""
    problem = three(budget=105.0)
    text = said(problem, lent(problem, 100, 0, 0), {"budget": 0.02})[1]
    assert text.startswith("earns 4.00 % a year at 10.00 % and needs 3.00 %")
    assert "line of at least 10 has no place" in text
    assert "5 of the budget is left" in text


@pytest.mark.parametrize(
    ("fields", "line", "words"),
    [
        ({"line_max": np.full(3, 60.0)}, 60, "the largest it may have"),
        ({}, 10, "the least it may have"),
        ({"line_max": np.full(3, 10.0)}, 10, "the only one it may have"),
        ({}, 33.25, "its line of 33.25 is what budget and limits leave"),
    ],
)
def test_what_its_line_is(fields: dict[str, Any], line: float, words: str) -> None:
    problem = three(**fields)
    assert words in said(problem, lent(problem, line, 0, 0))[0]


def test_without_prices_risk_alone_is_weighed() -> None:
    text = said(three(), lent(three(), 100, 50, 0), {})[2]
    assert text.startswith("earns 4.00 % a year at 10.00 % and needs 2.50 % (2.50 % for risk)")


def test_a_weighted_objective_is_told_in_money_of_revenue() -> None:
    """Weights ½/10 on revenue and ½/2 on risk: a unit of risk costs 5 of revenue, a budget price of .0005 is 1 %."""
    problem = three(objective=Objective("weighted", 0.5, Ranges(10, 0, 2, 0)))
    text = said(problem, lent(problem, 100, 0, 0), {"budget": 0.0005})[0]
    assert text.startswith(
        "earns 6.40 % a year of its line and needs 5.00 % (4.00 % for risk, 1.00 % for the budget)"
    )


def test_without_weight_on_revenue_both_sides_are_risk() -> None:
    problem = three(objective=Objective("weighted", 0.0, Ranges(10, 0, 2, 0)))
    texts = said(problem, lent(problem, 10, 0, 0), {"budget": 0.0})
    assert texts[1].startswith("needs ")
    assert "earns is 0.00 %" in texts[1]


def test_an_objective_that_values_nothing_says_so() -> None:
    problem = three(objective=Objective("weighted", 0.5, Ranges(1, 1, 1, 1)))
    assert said(problem, lent(problem, 10, 0, 0), {})[1] == "the objective values nothing"


def test_many_enterprises_are_priced_block_by_block() -> None:
    """The best of each is the same whichever block it falls into."""
    size = 9000
    turn = np.arange(size) % 3
    base = three()
    problem = base.replaced(
        enterprise=np.array([f"E{i}" for i in range(size)], dtype=object),
        **{
            name: getattr(base, name)[turn]
            for name in (
                "curve", "line_min", "line_max", "line_step", "first_rate", "last_rate", "must_lend",
                "default_probability", "risk_weight", "risk_index", "grade_factor",
            )
        },
    )  # fmt: skip
    yields, line = Pricing(problem, PRICES).best()
    np.testing.assert_allclose(yields.net, np.array([0.026, 0.0, -0.015])[turn], atol=1e-12)
    np.testing.assert_array_equal(line[turn == 0], 100)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234.5, "1,234.5"),
        (1e6, "1,000,000"),
        (99.999, "100"),
        (-3.25, "-3.25"),
        (1e18, "1e+18"),
        (0.001234, "0.001234"),
        (6.47e-7, "6.47e-07"),
    ],
)
def test_amounts_have_the_digits_one_reads_and_never_vanish(value: float, text: str) -> None:
    assert amount(value) == text
