"""From a problem of 20,000 enterprises × 29 rates to a model inside HiGHS, by way of Pyomo."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from books import INDUSTRY, problem_of
from measure import Row, Settings, seconds
from pyomo.common.gc_manager import PauseGC

from lendplan.models import joint
from lendplan.models.dominance import Offers, all_offers, undominated_offers
from lendplan.models.measures import Ranges
from lendplan.models.problem import Problem
from lendplan.solvers.engine import loaded
from lendplan.solvers.result import Options
from lendplan.solvers.standard_form import StandardForm, compile_by_pyomo, compile_model

SIZE = 20_000
LOSS = {"name": "loss", "measure": "risk", "at_most": SIZE / 4}
RATE = {"name": "mean rate", "measure": "average_rate", "at_most": "9%"}


def rows(_: Settings) -> Iterator[Row]:
    profit = {"kind": "profit"}
    exposure = {"total": 5 * SIZE, "basis": "exposure"}
    yield _row("profit, budget on lines", problem_of(SIZE, objective=profit))
    yield _row("profit, budget on exposure", problem_of(SIZE, objective=profit, budget=exposure))
    weighted = problem_of(SIZE, limits=[INDUSTRY, LOSS]).with_ranges(Ranges(9000.0, 0.0, 5000.0, 0.0))
    yield _row("weighted, industries and loss", weighted)
    mean = problem_of(SIZE, objective=profit, limits=[INDUSTRY, LOSS, RATE])
    yield _row("profit, industries, loss and mean rate", mean)
    yield _row("every rate kept (no dominance)", problem_of(SIZE, objective=profit), every_rate=True)


def _row(case: str, problem: Problem, *, every_rate: bool = False) -> Row:
    made: dict[str, StandardForm] = {}

    def offers() -> Offers:
        return all_offers(problem) if every_rate else undominated_offers(problem, [problem.value_form])

    def ours() -> None:
        with PauseGC():
            made["ours"] = compile_model(joint.build(problem, offers()))
            loaded(made["ours"].model, Options())

    def by_pyomo() -> None:
        with PauseGC():
            made["Pyomo's"] = compile_by_pyomo(joint.build(problem, offers()))
            loaded(made["Pyomo's"].model, Options())

    measured, reference = seconds(ours), seconds(by_pyomo)
    _expect_equal(made["ours"], made["Pyomo's"])
    note = f"{problem.size:,} × {len(problem.rates)}, {offers().size:,} offers; arrays equal"
    return Row(case, measured, "the same by Pyomo's compiler", reference, "<= 10 s", note)


def _expect_equal(one: StandardForm, other: StandardForm) -> None:
    for name in ("cost", "lower", "upper", "integer", "row_lower", "row_upper"):
        np.testing.assert_array_equal(getattr(one.model, name), getattr(other.model, name), err_msg=name)
    for ours, theirs in zip(one.model.matrix.entries(), other.model.matrix.entries(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
