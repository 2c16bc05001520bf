"""Instances whose limits bind: ``instance(302, 8, "mixed", seed=1)`` is 302 enterprises under budget and 8 limits.

Kinds: ``mixed`` (amounts, shares, average rates, counts, at_most and at_least) and ``amounts`` (at_most amounts
only). ``limits`` counts those beside the budget, up to 200; the first so many of one list, so 8 mixed ones are loss,
share, four industries, average rate and count. ``binding(problem)`` counts the rows, budget included, that bind.

How right sides are found. Each row is given a price, by bisection, at which the enterprises' own best answers use a
stated fraction of what they use at a price of 0; row after row, several times over, on a sample.
With these prices the whole book answers once, and what it then uses, and one or two per cent drawn at random, is the
right side. So that answer is a plan that obeys all rows, and not the best one; and at the optimum of the relaxation
each row has about the price it was given, and binds, whatever the size.

    python benchmarks/instances.py
"""

from __future__ import annotations

import logging
from typing import Literal

from calibration import problem_of_book
from drawn import KINDS, draw_book, limits_of

from lendplan.models.problem import Problem
from lendplan.solvers.relaxation import relax
from lendplan.solvers.result import Options

_BINDS = 1e-7  # of the right side: nearer than this, a row binds


def instance(
    size: int,
    limits: int,
    kind: str = "mixed",
    seed: int = 1,
    *,
    objective: Literal["profit", "weighted"] = "profit",
) -> Problem:
    """Return a problem most of whose rows bind; the same arguments give the same problem.

    Parameters
    ----------
    size : number of eligible enterprises
    limits : beside the budget, which is 20 a head
    kind : ``mixed`` or ``amounts``
    seed : of the book and of the right sides
    objective : ``weighted`` has frozen ranges

    Raises
    ------
    ValueError
        For another kind, or more than 200 limits.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    return problem_of_book(draw_book(size, seed), limits_of(kind, limits), seed, objective)


def binding(problem: Problem) -> int:
    """Count the rows, budget included, that bind at the optimum of the relaxation; −1 where it is infeasible.

    By HiGHS on all columns: seconds at 1,000 enterprises, minutes beyond 10,000.
    """
    relaxation = relax(problem, [problem.value_form])
    outcome = relaxation.maximise(problem.value_form, Options(threads=1), seconds=600.0, stage="binding")
    if outcome.x is None:
        return -1
    count = 0
    for row in problem.rows:
        left, right, constant = problem.sides(row)
        over = float(relaxation.cost(left) @ outcome.x)
        under = float(relaxation.cost(right) @ outcome.x) + constant
        count += abs(over - under) <= _BINDS * max(1.0, abs(over), abs(under))
    return count


def is_easy(binding_rows: int, rows: int) -> bool:
    """Whether fewer than half of the rows bind."""
    return 2 * binding_rows < rows


def main() -> None:
    logging.disable(logging.WARNING)
    for objective in ("profit", "weighted"):
        for size in (302, 1000):
            for kind, number in (("mixed", 2), ("mixed", 8), ("mixed", 12), ("amounts", 5), ("amounts", 12)):
                problem = instance(size, number, kind, objective=objective)
                bind, rows = binding(problem), len(problem.rows)
                easy = " easy" if is_easy(bind, rows) else ""
                print(
                    f"{objective:8} {size:5,} {kind:7} {number:3} limits: {bind} of {rows} rows bind{easy}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
