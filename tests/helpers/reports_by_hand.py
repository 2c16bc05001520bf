"""Three enterprises whose plan, prices and reasons were worked by hand, in the models' own terms.

Rates 5 % and 10 %; grade A keeps all and 80 %, B all and 50 %; funding costs 2 %. Lines 10 to 100, budget 150.
Per unit of line, at 5 % and 10 %:

          earns (s·(r − 2 %))    risk weight    costs for risk     net
    P A   3 %      6.4 %         1 %            1 %    0.8 %       2 %   5.6 %
    Q B   3 %      4 %           2 %            2 %    1 %         1 %   3 %
    R B   3 %      4 %           5 %            5 %    2.5 %      −2 %   1.5 %

P gets 100, Q what is left, 50, both at 10 %: profit 5.6 + 1.5 = 7.1. One more unit of budget goes to Q: its price is
3 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lendplan.models.measures import Economics, Objective
from lendplan.models.problem import Choice, Problem
from lendplan.solvers.result import Result, SolutionStatus, StopReason

PRICES = {"budget": 0.03}


def three(**fields: Any) -> Problem:
    problem = Problem(
        enterprise=np.array(["P", "Q", "R"], dtype=object),
        rates=np.array([0.05, 0.1]),
        retention=np.array([[1.0, 0.8], [1.0, 0.5]]),
        curve=np.array([0, 1, 1], dtype=np.int16),
        line_min=np.full(3, 10.0),
        line_max=np.full(3, 100.0),
        line_step=np.zeros(3),
        first_rate=np.zeros(3, dtype=np.int16),
        last_rate=np.ones(3, dtype=np.int16),
        must_lend=np.zeros(3, dtype=bool),
        default_probability=np.zeros(3),
        risk_weight=np.array([0.01, 0.02, 0.05]),
        risk_index=np.array([0.01, 0.02, 0.05]),
        grade_factor=np.ones(3),
        economics=Economics(funding_cost=0.02),
        budget=150.0,
        budget_basis="line",
        objective=Objective(kind="profit"),
    )
    return problem.replaced(**fields)


def lent(problem: Problem, *lines: float, rate: int = 1) -> Choice:
    """Return the plan with these lines, all at one rate."""
    line = np.array(lines, dtype=float)
    return problem.choice(np.where(line > 0, rate, -1).astype(np.int64), line)


def result(problem: Problem, **fields: Any) -> Result:
    return Result(
        **{
            "stop": StopReason.PROVEN,
            "solution": SolutionStatus.OPTIMAL,
            "problem": problem,
            "bound": 7.1,
            "prices": PRICES,
            "solver": "by hand",
            **fields,
        }
    )
