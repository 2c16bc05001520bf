"""One run of HiGHS on an array model: scaled, watched, interruptible, every status read.

What was seen to bite is answered here: HiGHS takes NaN for a number (all that goes in is checked), reads tiny
coefficients as zero (rows and columns are scaled), ignores Ctrl-C inside ``run`` (it runs in a thread, and the
callbacks stop it), and fails when the number of threads changes in one process (its scheduler is reset).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np

from lendplan.models.measures import Floats
from lendplan.solvers.arrays import ArrayModel
from lendplan.solvers.result import Options, Progress, StopReason
from lendplan.solvers.scaling import Scaled

log = logging.getLogger(__name__)

_FEASIBILITY = 1e-9  # on rows and columns scaled to about 1
_NO_SETTINGS: Mapping[str, Any] = {}
_OVERTIME = 10.0  # seconds beyond the time limit until a run that does not end is left behind
_QUICK = 1000  # columns of a linear problem
_POLL = 0.05  # seconds between looks at the user's Ctrl-C
_last_threads: list[int] = []  # the thread count HiGHS's scheduler of this process was started with


class SolverError(Exception):
    """The engine was given, or returned, something that must not be passed on."""


@dataclass(frozen=True)
class Outcome:
    """What one run gave. ``infeasible`` is a proof; ``x`` is None where no point is in hand."""

    stop: StopReason
    infeasible: bool
    x: Floats | None
    objective: float
    bound: float
    row_dual: Floats | None  # d objective / d right side; continuous models only
    detail: str


def clock(options: Options) -> Callable[[], float]:
    """Return a function that tells the seconds left of the time limit, never below 0."""
    end = time.monotonic() + options.time_limit
    return lambda: max(0.0, end - time.monotonic())


def run(
    model: ArrayModel,
    options: Options,
    *,
    seconds: float,
    stage: str,
    absolute_gap: float = 0.0,
    start: Floats | None = None,
    exact: bool = False,
    settings: Mapping[str, Any] = _NO_SETTINGS,
) -> Outcome:
    """Solve one model.

    Parameters
    ----------
    model : with finite numbers, except that bounds may be infinite
    seconds : allowed for this run
    stage : named to the watcher
    absolute_gap : in the objective's unit; the relative gap is the options'
    start : shape (c,), a point to begin from; one that is not feasible is ignored by HiGHS
    exact : pass every digit, and let the unit of the amounts decide between ties
    settings : further options of HiGHS, by name

    Raises
    ------
    SolverError
        On NaN or inf in the model or in the answer, or a status that is none of the known ones.
    """
    if len(model.cost) == 0:
        _check_finite(model)
        return _without_columns(model)
    highs, scaled = loaded(model, options, seconds=seconds, absolute_gap=absolute_gap, exact=exact)
    for name, setting in settings.items():
        _expect_ok(highs.setOptionValue(name, setting), f"option {name}")
    if start is not None and model.integer.any():
        solution = highspy.HighsSolution()
        measure = np.where(scaled.column > 0, scaled.column, 1.0)
        solution.col_value = (start / measure).tolist()
        highs.setSolution(solution)
    interrupted = (
        _run_at_once(highs, options, stage)
        if _is_quick(model)
        else _run_watched(highs, options, stage, scaled.objective, seconds)
    )
    if interrupted is None:
        log.warning("HiGHS did not heed its time limit (%s) and was left behind", stage)
        return Outcome(StopReason.TIME_LIMIT, False, None, float("-inf"), float("inf"), None, "left behind")
    return _read(highs, model, scaled, interrupted)


def loaded(
    model: ArrayModel,
    options: Options,
    *,
    seconds: float = 0.0,
    absolute_gap: float = 0.0,
    exact: bool = False,
) -> tuple[Any, Scaled]:
    """Return HiGHS with the model in it, and the measures in which it was passed."""
    _check_finite(model)
    scaled = Scaled(model, exact)
    highs = _prepared(options, seconds, absolute_gap * scaled.objective)
    _expect_ok(scaled.passed_to(highs), "passModel")
    return highs, scaled


def _check_finite(model: ArrayModel) -> None:
    for name, values in (
        ("cost", model.cost),
        ("matrix", model.matrix.data),
        ("offset", np.array([model.offset])),
    ):
        if not np.all(np.isfinite(values)):
            raise SolverError(f"the model's {name} holds NaN or inf; it is not passed to the solver")
    for name, bounds in (
        ("lower bounds", model.lower),
        ("upper bounds", model.upper),
        ("row lower bounds", model.row_lower),
        ("row upper bounds", model.row_upper),
    ):
        if np.any(np.isnan(bounds)):
            raise SolverError(f"the model's {name} hold NaN; it is not passed to the solver")


def _without_columns(model: ArrayModel) -> Outcome:
    """Settle a model without columns: HiGHS has no status for it that tells feasible from infeasible."""
    feasible = bool(np.all(model.row_lower <= 0) and np.all(model.row_upper >= 0))
    return Outcome(
        StopReason.PROVEN,
        not feasible,
        np.zeros(0) if feasible else None,
        model.offset,
        model.offset,
        np.zeros(len(model.row_lower)),
        "no columns",
    )


def _prepared(options: Options, seconds: float, absolute_gap: float) -> Any:
    if _last_threads and _last_threads[-1] != options.threads:
        highspy.Highs.resetGlobalScheduler(True)
    _last_threads[:] = [options.threads]
    highs = highspy.Highs()
    for name, value in (
        ("output_flag", True),  # else HiGHS never tells of its progress
        ("log_to_console", False),
        ("threads", options.threads),
        ("random_seed", options.seed),
        ("time_limit", seconds),
        ("mip_rel_gap", options.gap),
        ("mip_abs_gap", absolute_gap),
        ("primal_feasibility_tolerance", _FEASIBILITY),
        ("dual_feasibility_tolerance", _FEASIBILITY),
        ("mip_feasibility_tolerance", _FEASIBILITY),
    ):
        _expect_ok(highs.setOptionValue(name, value), f"option {name}")
    return highs


def _expect_ok(status: Any, what: str) -> None:
    if status == highspy.HighsStatus.kError:
        raise SolverError(f"HiGHS refused {what}")


def _is_quick(model: ArrayModel) -> bool:
    """Whether a run ends before anybody could wish to interrupt it."""
    return len(model.cost) <= _QUICK and not model.integer.any()


def _run_at_once(highs: Any, options: Options, stage: str) -> bool:
    """Run in this thread, which spares more than half of the time of a small model; return that nobody interrupted."""
    if options.watch is not None:
        options.watch(Progress(stage))
    _expect_ok(
        highs.setOptionValue("threads", 0), "option threads"
    )  # this thread's scheduler may have another number
    highs.run()
    return False


def _run_watched(
    highs: Any, options: Options, stage: str, objective_scale: float, seconds: float
) -> bool | None:
    """Run in a thread so that Ctrl-C is heard; return whether the user interrupted, None where it does not end.

    Some steps of HiGHS, parts of its presolve above all, look neither at the clock nor at the callbacks.

    The thread says itself when it has ended: in Python 3.11 a ``join`` that Ctrl-C interrupts takes a thread that
    still runs for one that has ended.
    """
    stop, ended = threading.Event(), threading.Event()
    failure: list[BaseException] = []

    def on_interrupt(event: Any) -> None:
        if stop.is_set():
            event.interrupt()

    def tell(progress: Progress) -> None:
        if options.watch is not None and not failure:
            try:
                options.watch(progress)
            except BaseException as error:  # handed to the caller's thread below
                failure.append(error)
                stop.set()

    def on_log(event: Any) -> None:
        out = event.data_out
        incumbent, bound = out.mip_primal_bound, out.mip_dual_bound
        tell(
            Progress(
                stage,
                incumbent / objective_scale if abs(incumbent) < highspy.kHighsInf else None,
                bound / objective_scale if abs(bound) < highspy.kHighsInf else None,
            )
        )

    def solve() -> None:
        try:
            highs.run()
        except BaseException as error:
            failure.append(error)
        finally:
            ended.set()

    highs.cbMipInterrupt += on_interrupt
    highs.cbSimplexInterrupt += on_interrupt
    highs.cbIpmInterrupt += on_interrupt
    if options.watch is not None:
        highs.cbMipLogging += on_log
    tell(Progress(stage))
    interrupted = False
    given_up = time.monotonic() + seconds + _OVERTIME
    threading.Thread(target=solve, name="highs", daemon=True).start()
    while True:
        try:
            if ended.wait(_POLL):
                break
            if time.monotonic() > given_up:
                stop.set()
                return None
        except KeyboardInterrupt:
            interrupted = True
            stop.set()
    if failure:
        raise failure[0]
    return interrupted


def _read(highs: Any, model: ArrayModel, scaled: Scaled, interrupted: bool) -> Outcome:
    kind = highspy.HighsModelStatus
    status = highs.getModelStatus()
    detail = highs.modelStatusToString(status)
    info = highs.getInfo()
    is_mip = bool(model.integer.any())
    has_point = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    if status == kind.kOptimal and not has_point:
        raise SolverError("HiGHS said optimal and gave no feasible point")
    if interrupted or status == kind.kInterrupt:
        stop = StopReason.INTERRUPTED
    elif status in (kind.kOptimal, kind.kInfeasible):
        stop = StopReason.PROVEN
    elif status == kind.kTimeLimit:
        stop = StopReason.TIME_LIMIT
    else:  # unbounded is impossible, since every column that earns is bounded; the rest are failures
        stop = StopReason.FAILED
    usable = has_point and (is_mip or status == kind.kOptimal)
    x = np.array(highs.getSolution().col_value) * scaled.column if usable else None
    if x is not None and not np.all(np.isfinite(x)):
        raise SolverError("HiGHS returned NaN or inf")
    dual = None
    if not is_mip and status == kind.kOptimal:
        dual = np.array(highs.getSolution().row_dual) * scaled.row / scaled.objective
    objective = float(model.cost @ x) + model.offset if x is not None else float("-inf")
    bound = float("inf")
    if is_mip and not abs(info.mip_dual_bound) >= highspy.kHighsInf:
        bound = info.mip_dual_bound / scaled.objective
        if not np.isfinite(bound):
            raise SolverError(f"HiGHS returned {bound} for its bound")
    elif status == kind.kOptimal:
        bound = objective
    return Outcome(stop, status == kind.kInfeasible, x, objective, bound, dual, detail)
