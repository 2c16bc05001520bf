"""The measures, limits and objective by hand.

Two enterprises, two rates (4 %, 8 %), utilisation 0.8. Retention of A (curve 0) 1.0 and 0.5, of B (curve 1) 0.9 and
0.6, so the exposure of a unit of line is 0.8 and 0.4 for A, 0.72 and 0.48 for B. The plan: A 100 at 4 %, B 50 at 8 %;
exposures 80 and 24, interest 3.2 and 1.92.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from books import group

from lendplan.models.measures import Economics, Form, Objective, Ranges, scalarise
from lendplan.models.problem import Choice, Members, Problem, Row, broken_by, reordered


@pytest.fixture
def problem() -> Problem:
    return Problem(
        enterprise=np.array(["A", "B"], dtype=object),
        rates=np.array([0.04, 0.08]),
        retention=np.array([[1.0, 0.5], [0.9, 0.6]]),
        curve=np.array([0, 1], dtype=np.int16),
        line_min=np.array([10.0, 10.0]),
        line_max=np.array([100.0, 100.0]),
        line_step=np.zeros(2),
        first_rate=np.zeros(2, dtype=np.int16),
        last_rate=np.ones(2, dtype=np.int16),
        must_lend=np.array([False, True]),
        default_probability=np.array([0.1, 0.2]),
        risk_weight=np.array([0.05, 0.12]),
        risk_index=np.array([0.1, 0.2]),
        grade_factor=np.ones(2),
        economics=Economics(
            funding_cost=0.02,
            operating_cost=0.005,
            fixed_cost=0.5,
            utilisation=0.8,
            interest_lost_on_default=True,
        ),
        budget=200.0,
        budget_basis="line",
        objective=Objective(kind="profit"),
    )


@pytest.fixture
def plan(problem: Problem) -> Choice:
    return problem.choice(np.array([0, 1]), np.array([100.0, 50.0]))


def test_choice_by_hand(plan: Choice) -> None:
    np.testing.assert_allclose(plan.exposure, [80.0, 24.0])
    np.testing.assert_allclose(plan.interest, [3.2, 1.92])
    np.testing.assert_allclose(plan.rate, [0.04, 0.08])
    np.testing.assert_array_equal(plan.offered, [True, True])


def test_choice_of_nothing_counts_nothing_even_if_a_line_is_given(problem: Problem) -> None:
    plan = problem.choice(np.array([-1, 1]), np.array([100.0, 50.0]))
    assert plan.line[0] == 0.0
    assert plan.exposure[0] == 0.0
    assert np.isnan(plan.rate[0])
    assert problem.totals(plan)["count"] == 1.0


def test_totals_by_hand(problem: Problem, plan: Choice) -> None:
    # Revenue A: 80·((1 − 0.1)·0.04 − 0.025) − 0.5 = 0.38; B: 24·((1 − 0.2)·0.08 − 0.025) − 0.5 = 0.436.
    # Risk: 80·0.05 + 24·0.12 = 6.88.
    expected = {
        "line": 150.0,
        "exposure": 104.0,
        "interest": 5.12,
        "revenue": 0.816,
        "risk": 6.88,
        "count": 2.0,
    }
    assert problem.totals(plan) == pytest.approx(expected)
    assert problem.value(plan) == pytest.approx(0.816 - 6.88)


def test_interest_is_kept_on_default_unless_lost(problem: Problem, plan: Choice) -> None:
    # 5.12 − 104·0.025 − 2·0.5
    kept = problem.replaced(economics=dataclasses.replace(problem.economics, interest_lost_on_default=False))
    assert kept.totals(plan)["revenue"] == pytest.approx(1.52)


def test_risk_on_the_line(problem: Problem, plan: Choice) -> None:
    # 100·0.05 + 50·0.12, whatever is drawn
    on_line = problem.replaced(economics=dataclasses.replace(problem.economics, risk_basis="line"))
    assert on_line.totals(plan)["risk"] == pytest.approx(11.0)


def test_coefficients_by_hand(problem: Problem) -> None:
    enterprise, rate = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    per_line, per_offer = problem.coefficients(problem.measures["revenue"], enterprise, rate)
    # e·((1 − p)·r − 0.025): 0.8·0.011, 0.4·0.047, 0.72·0.007, 0.48·0.039
    np.testing.assert_allclose(per_line, [0.0088, 0.0188, 0.00504, 0.01872])
    np.testing.assert_allclose(per_offer, [-0.5] * 4)


def test_forms_add_up() -> None:
    form = (Form(line=1.0, count=2.0) + Form(exposure=3.0)) * 2.0 - Form(interest=1.0, count=1.0)
    assert form == Form(line=2.0, exposure=6.0, interest=-1.0, count=3.0)
    assert 2.0 * Form(line=1.0) == Form(line=2.0)


@pytest.mark.parametrize(
    ("row", "left", "right", "broken"),
    [
        (Row("amount", "line", 1, amount=140.0), 150.0, 140.0, 10.0),
        (Row("amount kept", "line", 1, amount=150.0), 150.0, 150.0, 0.0),
        (Row("least", "interest", -1, amount=6.0), 5.12, 6.0, 0.88),
        (Row("least kept", "interest", -1, amount=5.0), 5.12, 5.0, 0.0),
        (
            Row("members", "exposure", 1, Members(np.array([0, -1], np.int32), 0), amount=50.0),
            80.0,
            50.0,
            30.0,
        ),
        # 25 % of an exposure of 104
        (Row("share", "exposure", 1, Members(np.array([-1, 3], np.int32), 3), share=0.2), 24.0, 20.8, 3.2),
        (Row("share least", "count", -1, Members(np.array([0, 1], np.int32), 1), share=0.6), 1.0, 1.2, 0.2),
        # 5.12 ≤ 0.045·104 = 4.68
        (Row("mean rate", "average_rate", 1, rate=0.045), 5.12, 4.68, 0.44),
        # B's own: 1.92 against 0.09·24 = 2.16
        (
            Row("B's rate", "average_rate", -1, Members(np.array([0, 1], np.int32), 1), rate=0.09),
            1.92,
            2.16,
            0.24,
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Row) else None,
)
def test_limits_by_hand(
    problem: Problem, plan: Choice, row: Row, left: float, right: float, broken: float
) -> None:
    left_form, right_form, constant = problem.sides(row)
    assert float(np.sum(plan.total(left_form))) == pytest.approx(left)
    assert float(np.sum(plan.total(right_form))) + constant == pytest.approx(right)
    assert float(np.sum(plan.total(problem.row_form(row)))) == pytest.approx(left - right + row.amount)
    assert broken_by(problem, plan, row) == pytest.approx(broken)


def test_the_budget_is_the_first_row(problem: Problem) -> None:
    limit = Row("x", "line", 1, amount=1.0)
    budget, other = problem.replaced(limits=(limit,), budget_basis="exposure").rows
    assert (budget.name, budget.measure, budget.sense, budget.amount) == ("budget", "exposure", 1, 200.0)
    assert other is limit


def test_scalarise_by_hand() -> None:
    # 0.25·(R − 2)/8 − 0.75·(Q − 1)/4 = 0.03125·R − 0.1875·Q + 0.125
    weights = scalarise(Objective("weighted", 0.25, Ranges(10.0, 2.0, 5.0, 1.0)))
    assert (weights.revenue, weights.risk, weights.constant) == pytest.approx((0.03125, -0.1875, 0.125))
    assert dataclasses.astuple(scalarise(Objective("profit"))) == (1.0, -1.0, 0.0)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_a_range_of_zero_makes_its_term_zero(weight: float) -> None:
    weights = scalarise(Objective("weighted", weight, Ranges(7.0, 7.0, 5.0, 1.0)))
    assert weights.revenue == 0.0
    assert weights.risk == pytest.approx(-(1 - weight) / 4)
    assert weights.constant == pytest.approx((1 - weight) / 4)
    assert dataclasses.astuple(scalarise(Objective("weighted", weight, Ranges(7.0, 7.0, 5.0, 5.0)))) == (
        pytest.approx((0.0, 0.0, 0.0))
    )


def test_weighted_is_between_its_ends(problem: Problem, plan: Choice) -> None:
    totals = problem.totals(plan)
    best = Ranges(totals["revenue"], 0.0, totals["risk"], 0.0)
    for weight in (0.0, 0.3, 1.0):
        weighted = problem.replaced(objective=Objective("weighted", weight, best))
        assert weighted.value(plan) == pytest.approx(weight - (1 - weight))


def test_weighted_without_ranges_is_refused() -> None:
    with pytest.raises(ValueError, match="payoff ranges"):
        scalarise(Objective("weighted"))


def test_ranges_are_frozen_in_a_copy(problem: Problem) -> None:
    given = problem.replaced(objective=Objective("weighted", 0.4))
    frozen = given.with_ranges(Ranges(1.0, 0.0, 1.0, 0.0))
    assert given.objective.ranges is None
    assert frozen.objective.revenue_weight == 0.4
    assert frozen.scalarisation.revenue == pytest.approx(0.4)


def test_reordered_moves_all_that_belongs_to_an_enterprise(problem: Problem, plan: Choice) -> None:
    codes = np.array([4, 7], dtype=np.int32)
    limits = tuple(Row(f"x[{c}]", "exposure", 1, Members(codes, c), amount=1.0, rule="x") for c in (4, 7))
    given = problem.replaced(limits=limits)
    turned = reordered(given, np.array([1, 0]))
    assert turned.enterprise.tolist() == ["B", "A"]
    assert turned.must_lend.tolist() == [True, False]
    back = turned.choice(np.array([1, 0]), np.array([50.0, 100.0]))
    assert turned.totals(back) == pytest.approx(given.totals(plan))
    for before, after in zip(given.rows, turned.rows, strict=True):
        assert broken_by(turned, back, after) == pytest.approx(broken_by(given, plan, before))
    first, second = turned.limits
    assert first.members is not None
    assert second.members is not None
    assert first.members.codes is second.members.codes, "groups of one limit share their codes"


def test_reordered_can_select(problem: Problem) -> None:
    only = reordered(
        problem.replaced(limits=(Row("x", "line", 1, group(problem, 1), amount=1.0),)), np.array([1])
    )
    assert only.size == 1
    assert only.limits[0].members is not None
    assert only.limits[0].members.mask.tolist() == [True]


def test_every_field_of_an_enterprise_is_reordered() -> None:
    """A field that is added to Problem and forgotten in ``reordered`` would mix up enterprises."""
    n = 5
    fields = {
        f.name: np.arange(n)
        for f in dataclasses.fields(Problem)
        if f.name not in ("rates", "retention", "economics", "budget", "budget_basis", "objective", "limits")
    }
    problem = Problem(
        **fields,  # type: ignore[arg-type]  # each holds its position, which is all that counts here
        rates=np.array([0.04]),
        retention=np.ones((n, 1)),
        economics=Economics(),
        budget=1.0,
        budget_basis="line",
        objective=Objective("profit"),
    )
    order = np.array([3, 0, 4, 1, 2])
    turned = reordered(problem, order)
    for name in fields:
        np.testing.assert_array_equal(getattr(turned, name), order, name)
