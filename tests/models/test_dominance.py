"""Dropped rates are dominated by the definition, and no plan is worse for their absence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from books import RATES, group, halves, random_book, random_problem, with_limits

from lendplan.models import joint
from lendplan.models.dominance import Offers, all_offers, undominated_offers
from lendplan.models.measures import Economics, Form, Objective, Ranges
from lendplan.models.problem import Members, Problem, Row
from lendplan.solvers.engine import run
from lendplan.solvers.result import Options
from lendplan.solvers.standard_form import compile_model

OPTIONS = Options(threads=1, gap=1e-9)


def pairs(offers: Offers) -> set[tuple[int, int]]:
    return set(zip(offers.enterprise.tolist(), offers.rate.tolist(), strict=True))


def values(problem: Problem, forms: list[Form], enterprise: int, rate: int) -> np.ndarray:
    """Every objective and every row, all to be maximised, per unit of line at one rate."""
    at = np.array([enterprise]), np.array([rate])
    wanted = [*forms, *(problem.row_form(row) * float(-row.sense) for row in problem.rows)]
    return np.array([problem.coefficients(form, *at)[0][0] for form in wanted])


def random_forms(draw: np.random.Generator, problem: Problem) -> list[Form]:
    """Coefficients of both signs, some of them zero, by enterprise."""

    def coefficient(scale: float) -> np.ndarray:
        return np.where(draw.random(problem.size) < 0.3, 0.0, draw.normal(size=problem.size) * scale)

    return [
        Form(coefficient(1.0), coefficient(1.0), coefficient(15.0)) for _ in range(int(draw.integers(1, 4)))
    ]


@pytest.mark.parametrize("seed", range(120))
def test_what_is_dropped_is_dominated_by_what_is_kept(seed: int) -> None:
    draw = np.random.default_rng(seed)
    problem = random_book(seed, size=4, rates=6)
    curves = 1 - np.sort(draw.random((3, 6)), axis=1)
    if seed % 3 == 0:
        curves = draw.random((3, 6))  # churn that falls in places, as the 2019 table's does
    forms = random_forms(draw, problem)
    problem = problem.replaced(rates=RATES, retention=curves)
    everything, kept = pairs(all_offers(problem)), pairs(undominated_offers(problem, forms))
    assert kept <= everything
    assert {i for i, _ in kept} == set(range(problem.size))
    for i, k in everything - kept:
        lost = values(problem, forms, i, k)
        others = [values(problem, forms, i, other) for j, other in kept if j == i]
        slack = 1e-12 * (1 + np.abs(lost))
        assert any(np.all(other >= lost - slack) for other in others), f"{i} at rate {k} has no stand-in"


@pytest.mark.parametrize("seed", range(60))
def test_the_optimum_does_not_need_what_is_dropped(seed: int) -> None:
    problem = random_book(3000 + seed, size=6, rates=6)
    if problem.objective.kind == "weighted":
        weight = problem.objective.revenue_weight
        problem = problem.replaced(objective=Objective("weighted", weight, Ranges(2.0, 0.5, 1.0, 0.1)))
    optima = []
    for offers in (all_offers(problem), undominated_offers(problem, [problem.value_form])):
        model = compile_model(joint.build(problem, offers)).model
        outcome = run(model, OPTIONS, seconds=20, stage="test")
        optima.append(None if outcome.infeasible else outcome.objective)
    if optima[0] is None:
        assert optima[1] is None
    else:
        assert optima[1] == pytest.approx(optima[0], rel=1e-7, abs=1e-9)


def test_one_rate_is_left_where_lines_are_counted_and_profit_is_maximised() -> None:
    """With the budget on lines and no limit, the rate of most profit stands in for all others."""
    problem = random_problem(5, size=5, rates=6)
    offers = undominated_offers(problem, [problem.value_form])
    assert offers.size == problem.size
    per_line, _ = problem.coefficients(problem.value_form, *(a.ravel() for a in np.indices((5, 6))))
    np.testing.assert_array_equal(offers.rate, np.argmax(per_line.reshape(5, 6), axis=1))


def test_of_equal_rates_the_lowest_stays() -> None:
    problem = random_problem(5, size=3, rates=6)
    nothing = undominated_offers(problem, [problem.measures["line"]])
    np.testing.assert_array_equal(nothing.rate, [0, 0, 0])


def test_opposite_wishes_drop_nothing() -> None:
    """An exposure that is to be large and small at once leaves no rate for another to stand in for."""
    problem = random_problem(5, size=3, rates=6)
    wide = with_limits(
        problem, Row("most", "exposure", 1, amount=5.0), Row("least", "exposure", -1, amount=1.0)
    )
    assert undominated_offers(wide, [problem.value_form]).size == all_offers(wide).size


def test_a_limit_keeps_only_its_members_rates() -> None:
    """A limit on interest matters to its members; the others keep a single rate."""
    problem = random_problem(5, size=4, rates=6, economics=Economics())
    limited = with_limits(problem, Row("x", "interest", 1, group(problem, 1), amount=0.1))
    counts = np.bincount(undominated_offers(limited, [limited.value_form]).enterprise)
    assert counts[1] > 1
    assert counts[[0, 2, 3]].tolist() == [1, 1, 1]


def test_rate_bounds_hold() -> None:
    problem = random_problem(
        5, 3, 6, first_rate=np.array([2, 0, 5], np.int16), last_rate=np.array([3, 0, 5], np.int16)
    )
    assert pairs(all_offers(problem)) == {(0, 2), (0, 3), (1, 0), (2, 5)}
    assert pairs(undominated_offers(problem, [problem.value_form])) <= {(0, 2), (0, 3), (1, 0), (2, 5)}


def test_a_rate_at_which_nobody_stays_is_dropped_where_it_earns_nothing() -> None:
    problem = random_problem(5, 3, 6)
    retention = problem.retention.copy()
    retention[:, 3] = 0.0
    problem = problem.replaced(retention=retention)
    offers = undominated_offers(problem, [problem.value_form])
    value, _ = problem.coefficients(problem.value_form, np.arange(3), np.full(3, 3))
    assert np.all(value == 0)
    assert 3 not in offers.rate


def test_blocks_agree_with_one_at_a_time() -> None:
    """Enterprises are worked on in blocks; more than one block must give what each alone gives."""
    problem = with_limits(random_problem(9, 5000, 6))
    problem = with_limits(problem, Row("x", "average_rate", 1, halves(problem), rate=0.07))
    whole = pairs(undominated_offers(problem, [problem.value_form]))
    for start in (0, 2047, 2048, 4096, 4999):
        one = problem.replaced(
            **{
                f.name: getattr(problem, f.name)[[start]]
                for f in dataclasses.fields(problem)
                if isinstance(getattr(problem, f.name), np.ndarray) and f.name not in ("rates", "retention")
            },
            limits=(Row("x", "average_rate", 1, _only(start), rate=0.07),),
        )
        alone = undominated_offers(one, [one.value_form])
        assert {k for i, k in whole if i == start} == set(alone.rate.tolist())


def _only(position: int) -> Members:
    return Members(np.array([position % 2], dtype=np.int32), 0)


def test_nobody() -> None:
    problem = random_problem(1, size=0)
    assert all_offers(problem).size == 0
    assert undominated_offers(problem, [problem.value_form]).size == 0
