"""Small random problems, and their optimum by complete enumeration, for tests to hold the solvers against."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from lendplan.models.measures import Economics, Floats, Indices, MeasureName, Objective
from lendplan.models.problem import Choice, Members, Problem, Row, broken_by

RowMeasure = Literal[MeasureName, "average_rate"]

RETENTION = 1 - np.array(
    [
        [0.0, 0.10, 0.22, 0.35, 0.50, 0.61],
        [0.0, 0.07, 0.20, 0.30, 0.46, 0.55],
        [0.0, 0.06, 0.18, 0.29, 0.42, 0.52],
    ]
)
RATES = np.array([0.04, 0.05, 0.06, 0.08, 0.10, 0.12])
MEASURES_OF_ROWS: tuple[RowMeasure, ...] = (
    "line",
    "exposure",
    "interest",
    "revenue",
    "risk",
    "count",
    "average_rate",
)


def random_problem(seed: int, size: int = 4, rates: int = 3, **fields: Any) -> Problem:
    """Return a book of ``size`` enterprises without limits; ``fields`` replace the problem's own."""
    draw = np.random.default_rng(seed)
    probability = draw.uniform(0.01, 0.12, size)
    low = draw.integers(1, 4, size).astype(float)
    problem = Problem(
        enterprise=np.array([f"E{i:02d}" for i in range(size)], dtype=object),
        rates=RATES[:: 6 // rates][:rates].copy(),
        retention=RETENTION[:, :: 6 // rates][:, :rates].copy(),
        curve=draw.integers(0, 3, size).astype(np.int16),
        line_min=low,
        line_max=low + draw.integers(0, 5, size).astype(float),
        line_step=np.zeros(size),
        first_rate=np.zeros(size, dtype=np.int16),
        last_rate=np.full(size, rates - 1, dtype=np.int16),
        must_lend=np.zeros(size, dtype=bool),
        default_probability=probability,
        risk_weight=probability * draw.uniform(0.2, 0.6, size),
        risk_index=probability,
        grade_factor=np.ones(size),
        economics=Economics(
            funding_cost=0.02, operating_cost=0.002, fixed_cost=0.01, interest_lost_on_default=True
        ),
        budget=float(draw.uniform(4, 4 * max(size, 1))),
        budget_basis="line",
        objective=Objective(kind="profit"),
    )
    return problem.replaced(**fields)


def random_row(draw: np.random.Generator, problem: Problem, name: str, kind: str) -> Row:
    """Return a limit on one measure that a plan may or may not be able to keep.

    ``kind`` is ``amount`` or ``share``; ``average_rate`` has its rate whatever the kind.
    """
    measure = MEASURES_OF_ROWS[int(draw.integers(0, len(MEASURES_OF_ROWS)))]
    sense: Literal[1, -1] = 1 if draw.random() < 0.55 else -1
    members = halves(problem) if draw.random() < 0.6 else None
    if measure == "average_rate":
        rate = float(draw.uniform(problem.rates[0], problem.rates[-1]))
        return Row(name, "average_rate", sense, members, rate=rate, rule=name)
    if kind == "share":
        members = members or halves(problem)
        share = float(draw.uniform(0.3, 0.8) if sense == 1 else draw.uniform(0.1, 0.6))
        return Row(name, measure, sense, members, share=share, rule=name)
    typical = {
        "line": problem.budget,
        "exposure": 0.8 * problem.budget,
        "interest": 0.05 * problem.budget,
        "revenue": 0.025 * problem.budget,
        "risk": 0.02 * problem.budget,
        "count": float(problem.size),
    }[measure]
    part = draw.uniform(0.3, 0.9) if sense == 1 else draw.uniform(0.1, 0.6)
    amount = float(typical * part * (0.6 if members is not None else 1.0))
    return Row(
        name, measure, sense, members, amount=round(amount) if measure == "count" else amount, rule=name
    )


def random_book(seed: int, size: int = 3, rates: int = 3) -> Problem:
    """Return a book with limits, its features drawn: every one of them occurs within a few dozen seeds.

    Both budget bases, profit and weighted (weights 0, 0.3, 1), line steps, a fixed cost, ``must: lend``, an
    enterprise's own rate bounds, risk on the line, interest lost or not, utilisation below 1, zero to three limits.
    """
    draw = np.random.default_rng(10_000 + seed)
    problem = random_problem(seed, size, rates)
    weight = (0.0, 0.3, 1.0)[seed % 3]
    economics = Economics(
        funding_cost=float(draw.choice([0.0, 0.02])),
        operating_cost=float(draw.choice([0.0, 0.002])),
        fixed_cost=float(draw.choice([0.0, 0.01, 0.05])),
        utilisation=float(draw.choice([1.0, 0.7])),
        interest_lost_on_default=bool(draw.random() < 0.5),
        risk_basis="line" if draw.random() < 0.3 else "exposure",
    )
    first, last = problem.first_rate.copy(), problem.last_rate.copy()
    if draw.random() < 0.4:
        first[0] = 1
        last[-1] = rates - 2
    stepped = draw.random() < 0.25
    problem = problem.replaced(
        economics=economics,
        first_rate=first,
        last_rate=np.maximum(first, last).astype(np.int16),
        must_lend=draw.random(size) < (0.3 if draw.random() < 0.4 else 0.0),
        line_step=np.ones(size) if stepped else np.zeros(size),
        budget_basis="exposure" if draw.random() < 0.4 else "line",
        objective=Objective(kind="weighted", revenue_weight=weight)
        if draw.random() < 0.5
        else Objective(kind="profit"),
    )
    kinds = ["amount", "share"]
    rows = [
        random_row(draw, problem, f"limit {j}", kinds[int(draw.integers(0, 2))])
        for j in range(int(draw.integers(0, 4)))
    ]
    return with_limits(problem, *rows)


def with_limits(problem: Problem, *rows: Row) -> Problem:
    return problem.replaced(limits=tuple(rows))


def halves(problem: Problem) -> Members:
    """Every other enterprise."""
    return Members((np.arange(problem.size) % 2).astype(np.int32), 0)


def group(problem: Problem, *positions: int) -> Members:
    """The enterprises at the given positions."""
    codes = np.full(problem.size, -1, dtype=np.int32)
    codes[list(positions)] = 0
    return Members(codes, 0)


def combinations(problem: Problem) -> Iterator[Indices]:
    """Every combination of rates, shape (n,), −1 where nothing is offered."""
    options = [
        [
            *([] if problem.must_lend[i] else [-1]),
            *range(int(problem.first_rate[i]), int(problem.last_rate[i]) + 1),
        ]
        for i in range(problem.size)
    ]
    for combination in itertools.product(*options):
        yield np.array(combination, dtype=np.int64)


def enumerate_best(problem: Problem, lines: Floats | None = None) -> float | None:
    """Return the optimum by enumeration of the rates; the lines by SciPy's simplex, or step by step.

    None where no plan is feasible. The objective's constant is included. ``lines``, shape (n,), fixes them.
    Combinations that cannot be feasible, or cannot beat the best so far, whatever the lines, are passed over.
    """
    table = _Tables(problem)
    best: float | None = None
    for rate in combinations(problem):
        offered = (rate >= 0).astype(float)
        low = (problem.line_min if lines is None else lines) * offered
        high = (problem.line_max if lines is None else lines) * offered
        value, constant, body, right = table.at(rate)
        most = float(np.sum(np.maximum(value * low, value * high))) + constant
        least = np.sum(np.minimum(body * low, body * high), axis=1)
        if np.any(least > right + 1e-9) or (best is not None and most <= best):
            continue
        found = _best_lines(value, body, right, low, high, problem.line_step)
        if found is not None:
            best = max(best if best is not None else -np.inf, found + constant)
    return best


class _Tables:
    """Every coefficient of every enterprise and rate, worked out once."""

    def __init__(self, problem: Problem) -> None:
        n, m = problem.size, len(problem.rates)
        enterprise, rate = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
        self.sense = np.array([row.sense for row in problem.rows], dtype=float)
        self.amount = np.array([row.amount for row in problem.rows])
        forms = [problem.value_form, *(problem.row_form(row) for row in problem.rows)]
        pairs = [problem.coefficients(form, enterprise, rate) for form in forms]
        self.line = np.stack([line.reshape(n, m) for line, _ in pairs])
        self.offer = np.stack([offer.reshape(n, m) for _, offer in pairs])
        self.constant = problem.scalarisation.constant

    def at(self, rate: Indices) -> tuple[Floats, float, Floats, Floats]:
        """Return value, constant, body and right side, all rows as ≤, for one combination of rates."""
        everyone, at, offered = np.arange(len(rate)), np.maximum(rate, 0), (rate >= 0).astype(float)
        line, offer = self.line[:, everyone, at], self.offer[:, everyone, at] @ offered
        body = line[1:] * self.sense[:, None]
        return line[0], float(offer[0]) + self.constant, body, self.sense * (self.amount - offer[1:])


def _best_lines(
    value: Floats, body: Floats, right: Floats, low: Floats, high: Floats, line_step: Floats
) -> float | None:
    if np.all(low == high):
        return float(value @ low) if np.all(body @ low <= right + 1e-9) else None
    stepped = line_step > 0
    grids = [
        np.arange(a, b + 1e-9, s) if s > 0 and b > a else np.array([a])
        for a, b, s in zip(low, high, line_step, strict=True)
    ]
    best: float | None = None
    for point in itertools.product(*grids):
        lines = np.array(point)
        if not np.all(stepped):
            left = np.where(stepped, lines, low)
            answer = linprog(
                -value,
                A_ub=body,
                b_ub=right,
                bounds=list(zip(left.tolist(), np.where(stepped, lines, high).tolist(), strict=True)),
                method="highs-ds",
            )
            if answer.status == 0:
                reached = -float(answer.fun or 0.0)
                best = max(best if best is not None else -np.inf, reached)
        elif np.all(body @ lines <= right + 1e-9):
            best = max(best if best is not None else -np.inf, float(value @ lines))
    return best


def plan_of(problem: Problem, rate: Indices | None, line: Floats | None) -> Choice:
    """Return the plan of a result, which must have one."""
    assert rate is not None
    assert line is not None
    return problem.choice(rate, line)


def assert_plan_obeys(problem: Problem, rate: NDArray[Any] | None, line: NDArray[Any] | None) -> None:
    """Hold a plan against every bound and row, each by the tolerance of the design."""
    choice = plan_of(problem, rate, line)
    assert rate is not None
    assert line is not None
    lent = rate >= 0
    np.testing.assert_array_equal(lent, line > 0, "offered, but no line; or a line without an offer")
    np.testing.assert_array_equal(lent[problem.must_lend], True)
    assert np.all(rate[lent] >= problem.first_rate[lent])
    assert np.all(rate[lent] <= problem.last_rate[lent])
    assert np.all(line[lent] >= problem.line_min[lent])
    assert np.all(line[lent] <= problem.line_max[lent])
    stepped = lent & (problem.line_step > 0)
    steps = line[stepped] / problem.line_step[stepped]
    np.testing.assert_allclose(steps, np.round(steps), rtol=1e-12)
    for row in problem.rows:
        _, right, constant = problem.sides(row)
        size = max(1.0, abs(float(np.sum(choice.total(right))) + constant))
        assert broken_by(problem, choice, row) <= 1e-9 * size, f"{row.name} is broken"
