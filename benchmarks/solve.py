"""``joint`` by Pyomo and HiGHS, against the array relaxation that bounds it."""

from __future__ import annotations

from collections.abc import Iterator

from books import INDUSTRY, problem_of
from measure import Row, Settings, seconds

from lendplan.models.measures import Ranges
from lendplan.solvers.highs import solve
from lendplan.solvers.relaxation import shadow_prices
from lendplan.solvers.result import Options, Result

SIZES = (100, 300, 1000)
GAP = 1e-4


def rows(_: Settings) -> Iterator[Row]:
    for size in SIZES:
        loss = {"name": "loss", "measure": "risk", "at_most": size / 12}
        problem = problem_of(size, limits=[INDUSTRY, loss]).with_ranges(
            Ranges(0.45 * size, 0.0, 0.25 * size, 0.0)
        )
        options = Options(gap=GAP, time_limit=120.0, threads=2)
        answers: list[Result] = []
        bounds: list[float] = []
        measured = seconds(lambda: answers.append(solve(problem, "joint", options)))  # noqa: B023
        reference = seconds(lambda: bounds.append(shadow_prices(problem, options, seconds=120.0)[1]))  # noqa: B023
        answer = answers[0]
        if answer.rate is None or answer.line is None or answer.bound is None:
            raise RuntimeError(f"no plan of {size} enterprises within the time")
        value = problem.value(problem.choice(answer.rate, answer.line))
        if not value <= answer.bound <= bounds[0] + 1e-9:
            raise RuntimeError(f"plan {value}, bound {answer.bound}, relaxation {bounds[0]}: out of order")
        note = f"{answer.solution.value} at gap {GAP:g}; the relaxation lies {bounds[0] - value:.1e} above the plan"
        yield Row(
            f"{size:,} enterprises, {len(problem.rows)} rows",
            measured,
            "its relaxation",
            reference,
            note=note,
        )
