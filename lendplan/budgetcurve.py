"""What a budget is worth: value against budget, with the price of one more unit of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lendplan.run import Scenario, solved
from lendplan.scenario import settings_from
from lendplan.solvers.result import Options
from lendplan.sweep.points import unswept
from lendplan.sweep.runner import Step
from lendplan.sweep.sweeping import Swept, sweep

if TYPE_CHECKING:
    import pandas as pd

KEY = "budget.total"


@dataclass(frozen=True)
class BudgetCurve:
    """A sweep over the budget.

    Parameters
    ----------
    swept : the points, in the order of the budgets
    """

    swept: Swept = field(repr=False)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row a budget.

        ``budget``, ``objective``, ``shadow_price`` (what one more unit of budget adds to the objective, of the
        continuous relaxation), ``revenue``, ``risk``, ``profit``, ``budget_used``, ``status``.
        """
        names = ("objective", "revenue", "risk", "profit", "budget_used", "status")
        return [
            {
                "budget": point.values[KEY],
                "shadow_price": summary.get("shadow_prices", {}).get("budget"),
                **{name: summary.get(name) for name in names},
            }
            for point, summary in zip(self.swept.points, self.swept.summaries, strict=True)
        ]

    @property
    def table(self) -> pd.DataFrame:
        """The rows as a data frame."""
        import pandas as pd

        return pd.DataFrame(self.rows)


def budget_curve(
    scenario: Scenario,
    budgets: Sequence[float],
    output: str | Path | None = None,
    watch: Callable[[Step], None] | None = None,
) -> BudgetCurve:
    """Solve a scenario under several budgets and write them as one sweep.

    ``weighted`` without ranges of its own is scaled by the ranges of the scenario's own budget at every point, so
    that its values can be compared, and a larger budget never is worth less.

    Parameters
    ----------
    scenario : its own sweep is of no account
    budgets : amounts in the scenario's unit
    output : folder; the scenario's unless given
    watch : called with each step

    Raises
    ------
    InfeasibleError, NoPlanError
        Where the ranges are wanted and the scenario's own budget has no plan.
    InputError, OutputError, KeyboardInterrupt
        As :func:`lendplan.sweep.sweeping.sweep` raises them.
    """
    plain = unswept(scenario.settings)
    objective = scenario.settings.objective
    if objective.kind == "weighted" and objective.ranges is None:
        solver = scenario.settings.solver
        found = solved(
            scenario.case, Options(gap=solver.gap, time_limit=solver.time_limit, threads=solver.threads)
        )
        ranges = found.problem.objective.ranges
        assert ranges is not None  # a plan of `weighted` has been valued by them
        plain["objective"]["ranges"] = dict(vars(ranges))
    settings = settings_from({**plain, "sweep": {KEY: list(budgets)}}, need_enterprises=False)
    return BudgetCurve(
        sweep(replace(scenario, case=replace(scenario.case, settings=settings)), output, watch)
    )
