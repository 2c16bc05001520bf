"""Answers held against the problem itself: whether a plan obeys, what it is worth, and a bound that needs no trust."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from calibration import best_answers
from rivals.answer import Answer

from lendplan.models.problem import Problem, breaches


def faults(problem: Problem, answer: Answer) -> list[str]:
    """Say what is wrong with a plan: rows it breaks, lines and rates that nobody may have."""
    assert answer.rate is not None
    assert answer.line is not None
    lent = answer.rate >= 0
    line = answer.line
    found = [name for name, _ in breaches(problem, problem.choice(answer.rate, line))]
    wrong = {
        "a line below its least or above its largest": lent
        & ~((line >= problem.line_min) & (line <= problem.line_max)),
        "a line of no whole steps": lent
        & (problem.line_step > 0)
        & (np.abs(line / np.where(problem.line_step > 0, problem.line_step, 1.0) % 1.0) > 1e-9),
        "a rate out of its bounds": lent
        & ~((answer.rate >= problem.first_rate) & (answer.rate <= problem.last_rate)),
        "must lend, and does not": problem.must_lend & ~lent,
    }
    return found + [name for name, where in wrong.items() if np.any(where)]


def value_of(problem: Problem, answer: Answer) -> float:
    """Value a plan."""
    assert answer.rate is not None
    assert answer.line is not None
    return problem.value(problem.choice(answer.rate, answer.line))


def dual_bound(problem: Problem, prices: Mapping[str, float]) -> float:
    """Compute D of the prices: what all enterprises are worth at them, and the right sides.

    Prices of the wrong sign count as 0. No plan that obeys the rows is worth more.
    """
    total = problem.value_form
    constant = problem.scalarisation.constant
    for row in problem.rows:
        price = max(row.sense * prices.get(row.name, 0.0), 0.0)
        if price > 0.0:
            total = total - problem.row_form(row) * (row.sense * price)
            constant += price * row.sense * row.amount
    return float(np.sum(best_answers(problem, total).total(total))) + constant
