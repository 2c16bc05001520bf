"""HiGHS refuses to run where it ran before in the same thread with another number of threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import highspy
import pytest
from workspace import ROOT

import lendplan

SHIPPED = ROOT / "scenarios" / "annual_budget.yaml"


def apart(task: Callable[[], None]) -> None:
    """Run a task in a thread of its own, in which HiGHS has not run before."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            task()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def run_highs(threads: int) -> None:
    own = highspy.Highs()
    own.setOptionValue("output_flag", False)
    own.setOptionValue("presolve", "off")
    own.setOptionValue("threads", threads)
    own.addVar(0.0, 1.0)
    assert own.run() == highspy.HighsStatus.kOk


@pytest.mark.parametrize("before", [None, 1, 2, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_search_and_price_ranges_do_not_hang_on_who_ran_before(before: int | None, threads: int) -> None:
    def solve() -> None:
        if before is not None:
            run_highs(before)
        plan = lendplan.load(str(SHIPPED), [f"solver.threads={threads}"]).solve()
        assert plan.summary["status"] == "optimal"
        assert plan.summary["certified_gap"] < 1e-9
        assert len(plan.summary["shadow_price_ranges"]) == len(plan.summary["shadow_prices"])

    apart(solve)
