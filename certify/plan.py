"""`verify`: every claim of a written plan, checked from its files and the input tables."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lendplan.certify.applicants import Applicants, applicants_of
from lendplan.certify.bound import Weights, certified_bound, price_faults, weights_of
from lendplan.certify.decisions import (
    RELATIVE,
    Measured,
    check_decisions,
    check_figures,
    check_header,
    check_parquet,
    check_rows,
    measure,
)
from lendplan.certify.folder import HEADER, PlanFolder, read_folder
from lendplan.certify.inputs import Inputs, quiet, read_inputs
from lendplan.certify.question import Question, finite, question_of
from lendplan.certify.report import Checklist, Report
from lendplan.certify.rows import BUDGET, RowFamily, rows_of, tolerances
from lendplan.certify.totals import check_agreement, check_bounds, check_summary, objective_scale
from lendplan.data.findings import InputError


def verify(folder: Path) -> Report:
    """Check a written plan; nothing is written, printed or logged.

    Parameters
    ----------
    folder
        Holds allocations.csv, allocations.parquet, summary.json, certificate.json and manifest.json. It may have been
        moved; inputs are looked for where the manifest says.

    Returns
    -------
    Report
        An input that has changed is a failed check.

    Raises
    ------
    InputError
        If a file of the plan or an input is missing, malformed or cannot be read, or the scenario and its
        unchanged inputs make no problem.

    Notes
    -----
    Not checked: that the scenario file says what the manifest's scenario says (its hash is), ranges that the
    scenario does not give (they are taken as stated), shadow prices and the list of what binds, reasons, versions
    and times. An enterprise with `must: lend` that the scenario excludes fails the check ``must lend``.
    """
    folder = Path(folder)
    plan = read_folder(folder)
    question = question_of(plan.scenario, str(folder / "manifest.json"))
    checks = Checklist()
    inputs = read_inputs(plan, question.columns)
    is_unchanged = _check_inputs(plan, question, inputs, checks)
    is_table = check_header(plan.table, HEADER, checks)
    if is_table:
        check_parquet(plan.table, plan.parquet, checks)
    check_agreement(plan.summary, plan.certificate, question, checks)
    if inputs.book is None or inputs.churn is None:
        checks.add("inputs can be read", False, inputs.unreadable or "a changed input can no longer be read")
        return Report(tuple(checks.checks), None)
    try:
        with quiet():
            applicants = applicants_of(question, inputs.book, inputs.churn)
            families = rows_of(question, inputs.book, applicants.is_eligible)
    except InputError as error:
        if is_unchanged:
            raise
        checks.add("inputs make a problem", False, str(error))
        return Report(tuple(checks.checks), None)
    ranges = plan.certificate.get("ranges")
    try:
        weights = weights_of(question, ranges if isinstance(ranges, dict) else None)
    except ValueError as error:
        checks.add("ranges", False, str(error))
        return Report(tuple(checks.checks), None)

    bound = _check_prices(plan, question, applicants, families, weights, checks)
    if is_table and check_rows(plan.table, applicants, checks):
        check_decisions(plan.table, applicants, checks)
        measured = measure(plan.table, question, applicants, weights)
        check_figures(plan.table, applicants, measured, checks)
        slack = _check_limits(families, measured, plan.certificate.get("prices"), checks)
        objective = check_summary(plan.summary, question, applicants, measured, weights, checks)
        check_bounds(plan.summary, question, slack, checks)
        if bound is not None:
            tolerance = RELATIVE * objective_scale(objective, question) + slack
            checks.at_most("objective within D(λ)", objective, bound, tolerance)
    made = tuple(checks.checks)
    notes = _notes(plan, question, bound) if all(check.passed for check in made) else ()
    return Report(made, bound, notes)


def _notes(plan: PlanFolder, question: Question, bound: float | None) -> tuple[str, ...]:
    """Say what the checks of a plan that passed them prove, and what they take on trust."""
    notes = []
    objective = finite(plan.summary.get("objective"))
    if bound is not None and objective is not None:
        scale = objective_scale(objective, question)
        gap = f", a gap of {max(bound - objective, 0.0) / scale:.1e}" if scale > 0 else ""
        notes.append(
            f"certified: no plan is worth more than {bound:.10g}; this one is worth {objective:.10g}{gap}"
        )
    if plan.summary.get("bound") is not None:
        trusted = (
            f"the solver's own bound, {plan.summary['bound']!r}, as far as it is below the certified one"
        )
        notes.append(f"taken on trust: {trusted}")
    if question.weight is not None and question.ranges is None:
        notes.append(
            "taken on trust: the payoff ranges, which the solver found and the scenario does not give"
        )
    overrides = plan.manifest.get("overrides")
    if overrides:
        notes.append(f"the scenario file was overridden by {', '.join(map(str, overrides))}")
    notes.append("the scenario is taken as the manifest states it; of its file only the hash was checked")
    return tuple(notes)


def _check_inputs(plan: PlanFolder, question: Question, inputs: Inputs, checks: Checklist) -> bool:
    """Check hashes; that the certificate has the same; and that the scenario names the same files."""
    is_unchanged = True
    for source, found in zip(plan.sources, inputs.hashes, strict=True):
        detail = f"{source.path}: sha256 {found}" + (
            "" if found == source.sha256 else f", was {source.sha256}"
        )
        is_unchanged &= checks.add(f"input {source.role}", found == source.sha256, detail)
    manifest = {source.path: source.sha256 for source in plan.sources}
    stated = plan.certificate.get("inputs")
    checks.add("certificate inputs", stated == manifest, f"certificate {stated!r}, manifest {manifest!r}")
    paths = {source.role: source.path for source in plan.sources}
    for role, named in question.paths.items():
        used = paths.get(role)
        if named is None:
            # Without a path in the scenario the table came as a data frame, stored with the plan, or is shipped.
            is_same = used is None or not Path(used).is_absolute()
        else:
            ours = os.path.normpath(named)
            is_same = used is not None and (os.path.normpath(used) == ours or used.rpartition("#")[0] == ours)
        checks.add(f"scenario {role}", is_same, f"scenario {named!r}, inputs {used!r}")
    return is_unchanged


def _check_prices(
    plan: PlanFolder,
    question: Question,
    applicants: Applicants,
    families: Sequence[RowFamily],
    weights: Weights,
    checks: Checklist,
) -> float | None:
    """Check names and signs of the prices, recompute D(λ), and compare it with the certified bound."""
    stated, prices = plan.certificate.get("certified_bound"), plan.certificate.get("prices")
    if not isinstance(prices, dict):
        checks.add(
            "prices", stated is None and prices is None, f"are {prices!r}, certified_bound is {stated!r}"
        )
        return None
    # A row without members is 0 ≤ 0 or cannot be met; its price may be left out.
    wanted = [
        name for family in families for name, size in zip(family.names, family.sizes, strict=True) if size
    ]
    absent = [name for name in wanted if name not in prices] if stated is not None else []
    faults = price_faults(families, prices) + [f"there is no price of {name!r}" for name in absent]
    if not checks.add(
        "prices", not faults, "; ".join(faults) or f"{len(prices):,} prices, signs and names are right"
    ):
        return None
    bound = certified_bound(question, applicants, families, prices, weights)
    if stated is not None:
        scale = max(abs(bound), 1e-3 * objective_scale(bound, question))
        checks.equal("certified bound", finite(stated), bound, RELATIVE * scale)
    return bound


def _check_limits(
    families: Sequence[RowFamily], measured: Measured, prices: Mapping[str, Any] | None, checks: Checklist
) -> float:
    """Check every row of the scenario, and return what the rows' tolerances are worth at the prices."""
    slack = 0.0
    for family in families:
        left, right = family.sides(measured.measures)
        allowed = tolerances(right)
        check = checks.at_most if family.sense == "at_most" else checks.at_least
        for name, ours, theirs, tolerance in zip(
            family.names, left.tolist(), right.tolist(), allowed.tolist(), strict=True
        ):
            check(name if name == BUDGET else f"limit {name}", ours, theirs, tolerance)
            price = finite(prices.get(name)) if isinstance(prices, dict) else None
            slack += abs(price or 0.0) * (tolerance if np.isfinite(tolerance) else 0.0)
    return slack
