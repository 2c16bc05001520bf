"""Totals of a plan: summary.json and certificate.json against the recomputed figures, and against each other."""

import math
from collections.abc import Mapping
from typing import Any

from lendplan.certify.choices import Choices
from lendplan.certify.decisions import RELATIVE, Measured
from lendplan.certify.exact import float_sum, nearest_to
from lendplan.certify.question import RANGES, Question, finite
from lendplan.certify.report import Checklist
from lendplan.certify.sums import Sums


def objective_scale(objective: float, question: Question) -> float:
    """Return what a gap is relative to: max(|objective|, 1), or max(|objective|, 1e-9·budget) for ``profit``."""
    return max(abs(objective), 1.0 if question.weight is not None else 1e-9 * question.budget)


def check_summary(
    summary: Mapping[str, Any], choices: Choices, m: Measured, sums: Sums, checks: Checklist
) -> float:
    """Compare every total of summary.json with the recomputed one.

    Parameters
    ----------
    summary
        As read.
    choices
        The enterprises.
    m, sums
        What each enterprise adds, and the sums of it.
    checks
        Where to note.

    Returns
    -------
    float
        The objective, recomputed.
    """
    question = choices.question
    totals = {name: nearest_to(sums.total(name)) for name in m.measures}
    objective = nearest_to(sums.objective())
    revenue_scale = float_sum(m.scale["revenue"])
    scales = {
        "revenue": revenue_scale,
        "profit": revenue_scale + totals["risk"],
        "objective": float_sum(m.scale["value"]) + choices.weights.magnitude,
    }
    expected = {
        "objective": objective,
        "revenue": totals["revenue"],
        "risk": totals["risk"],
        "profit": nearest_to(sums.total("revenue") - sums.total("risk")),
        "interest": totals["interest"],
        "line": totals["line"],
        "exposure": totals["exposure"],
        "budget_used": totals[question.budget_basis],
        "funded": totals["count"],
        "eligible": float(len(choices.at)),
    }
    for name, value in expected.items():
        checks.equal(
            f"summary {name}", finite(summary.get(name)), value, RELATIVE * scales.get(name, abs(value))
        )
    if totals["exposure"] != 0:  # so that NaN is compared, and fails
        rate = totals["interest"] / totals["exposure"]
        checks.equal("summary average_rate", finite(summary.get("average_rate")), rate, RELATIVE * abs(rate))
    else:
        stated = summary.get("average_rate")
        detail = f"stated {stated!r}; there is no exposure, so it is 0 or null"
        checks.add("summary average_rate", stated is None or finite(stated) == 0, detail)
    return objective


def check_bounds(summary: Mapping[str, Any], question: Question, slack: float, checks: Checklist) -> None:
    """Check bound, gap and status of summary.json.

    Parameters
    ----------
    summary
        As read.
    question
        The scenario.
    slack
        What the rows' tolerances are worth: a plan that uses them may exceed a bound by this.
    checks
        Where to note.
    """
    objective = finite(summary.get("objective"))
    status = summary.get("status")
    checks.add("status", status in ("optimal", "feasible"), f"is {status!r}; a plan is optimal or feasible")
    for bound_name, gap_name in (("bound", "gap"), ("certified_bound", "certified_gap")):
        stated, stated_gap = summary.get(bound_name), summary.get(gap_name)
        if stated is None:
            checks.add(gap_name, stated_gap is None, f"is {stated_gap!r}; without {bound_name} it is null")
            if bound_name == "bound":
                is_free = question.formulation == "two_stage"
                checks.add(bound_name, is_free, "is null; of the formulations only two_stage gives no bound")
            continue
        bound = finite(stated)
        if bound is None or objective is None:
            checks.add(
                bound_name, False, f"{bound_name} {stated!r}, objective {objective!r}: both must be numbers"
            )
            continue
        scale = objective_scale(objective, question)
        checks.at_most(f"objective within {bound_name}", objective, bound, RELATIVE * scale + slack)
        difference = bound - objective
        # A budget of 0 and a plan worth nothing leave only rounding: 0/0 is 0.
        gap = difference / scale if scale > 0 else 0.0 if difference <= 1e-9 else math.inf
        gap_stated = finite(stated_gap)
        if gap < 0 and gap_stated == 0:  # an objective above its bound by rounding alone
            gap = 0.0
        rounding = 1e-12 * (abs(bound) + abs(objective)) / scale if scale > 0 else 0.0
        checks.equal(gap_name, gap_stated, gap, RELATIVE * abs(gap) + rounding)
        if bound_name == "bound" and status == "optimal":
            checks.at_most("optimal within the gap asked for", gap, question.gap, RELATIVE)


def check_agreement(
    summary: Mapping[str, Any], certificate: Mapping[str, Any], question: Question, checks: Checklist
) -> None:
    """Check that summary and certificate say the same, and the scenario's ranges where it has some."""
    for name in ("objective", "bound", "certified_bound", "ranges"):
        ours, theirs = summary.get(name), certificate.get(name)
        detail = f"summary {ours!r}, certificate {theirs!r}"
        checks.add(f"certificate {name}", name in summary and name in certificate and ours == theirs, detail)
    prices, shown = certificate.get("prices"), summary.get("shadow_prices")
    checks.add("shadow prices", prices == shown, f"summary {shown!r}, certificate {prices!r}")
    if question.weight is not None and question.ranges is not None:
        ranges = certificate.get("ranges") or {}
        is_equal = all(ranges.get(name) == question.ranges[name] for name in RANGES)
        checks.add(
            "ranges of the scenario", is_equal, f"scenario {dict(question.ranges)}, certificate {ranges}"
        )
