"""`verify`: every claim of a written plan, checked from its files and the input tables."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from lendplan.certify.allocations import HEADER
from lendplan.certify.applicants import applicants_of
from lendplan.certify.choices import Choices
from lendplan.certify.claims import Certified, check_certificate, check_limits, check_objective
from lendplan.certify.decisions import (
    check_decisions,
    check_figures,
    check_header,
    check_rows,
    measure,
)
from lendplan.certify.folder import PlanFolder, read_folder, read_papers
from lendplan.certify.inputs import Inputs, quiet, read_inputs
from lendplan.certify.leaves import search_of
from lendplan.certify.pricing import weights_of
from lendplan.certify.question import Question, finite, question_of
from lendplan.certify.report import Checklist, Report
from lendplan.certify.rows import rows_of
from lendplan.certify.statements import check_statements
from lendplan.certify.sums import sums_of
from lendplan.certify.totals import check_agreement, check_bounds, check_summary, objective_scale
from lendplan.data.findings import Finding, InputError


def verify(folder: Path, read: Callable[[PlanFolder, Mapping[str, str]], Inputs] = read_inputs) -> Report:
    """Check a written plan; nothing is written, printed or logged.

    Parameters
    ----------
    folder
        Holds allocations.csv, allocations.parquet, summary.json, certificate.json and manifest.json. It may have been
        moved; inputs are looked for where the manifest says.
    read
        How they are read; who checks many plans of the same inputs need not read them each time.

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
    scenario does not give (they are taken as stated), how far a right side may move before its price does, what binds
    and why budget is left, reasons, versions and times. Shadow prices are held by the bound that they prove; beside
    leaves, certificates of versions up to 0.2.0 do not state it. An enterprise with `must: lend` that the scenario
    excludes fails the check ``must lend``.
    """
    from lendplan.certify.largeplan import large_dataset, verify_large  # loads Arrow

    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(Finding("no such folder", file=str(folder)))
    papers = read_papers(folder)
    dataset = large_dataset(papers)
    if dataset is not None:
        question = question_of(papers.scenario, str(folder / "manifest.json"))
        report, certified = verify_large(papers, question, dataset, _check_inputs)
        return replace(report, notes=_notes(papers, question, certified) if report.passed else ())
    plan = read_folder(folder).without_reasons()
    question = question_of(plan.scenario, str(folder / "manifest.json"))
    search = search_of(plan.certificate, str(folder / "certificate.json"))
    checks = Checklist()
    inputs = read(plan, question.columns)
    is_unchanged = _check_inputs(plan, question, inputs, checks)
    is_table = check_header(plan.table, HEADER, checks)
    if is_table:
        checks.add("parquet", *plan.parquet)
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

    choices = Choices(question, applicants, families, weights)
    certified = check_certificate(plan.certificate, search, choices, checks)
    check_statements(plan.summary, question, families, checks)
    if is_table and check_rows(plan.table, applicants, checks):
        check_decisions(plan.table, applicants, checks)
        measured = measure(plan.table, question, applicants, weights)
        check_figures(plan.table, applicants, measured, checks)
        sums = sums_of(plan.table, choices, measured)
        slack = check_limits(choices, sums, plan.certificate.get("prices"), checks)
        objective = check_summary(plan.summary, choices, measured, sums, checks)
        check_bounds(plan.summary, question, slack, checks)
        check_objective(objective, certified, slack, choices, checks)
    made = tuple(checks.checks)
    notes = _notes(plan, question, certified) if all(check.passed for check in made) else ()
    return Report(made, certified.bound, notes)


def _notes(plan: PlanFolder, question: Question, certified: Certified) -> tuple[str, ...]:
    """Say what the checks of a plan that passed them prove, and what they take on trust."""
    notes = []
    bound, objective = certified.bound, finite(plan.summary.get("objective"))
    if bound is not None and objective is not None:
        scale = objective_scale(objective, question)
        gap = f", a gap of {max(bound - objective, 0.0) / scale:.1e}" if scale > 0 else ""
        notes.append(
            f"certified: no plan is worth more than {bound:.10g}; this one is worth {objective:.10g}{gap}"
        )
        notes.append(f"certified {certified.by}")
        notes += _of_prices(plan, certified)
    own = finite(plan.summary.get("bound"))
    if own is not None and (bound is None or own < bound):
        trusted = (
            f"the solver's own bound, {plan.summary['bound']!r}, as far as it is below the certified one"
        )
        notes.append(f"taken on trust: {trusted}")
    if question.weight is not None and question.ranges is None:
        notes.append(
            "taken on trust: the payoff ranges, which the solver found and the scenario does not give"
        )
    notes += _strange(plan, question)
    overrides = plan.manifest.get("overrides")
    if overrides:
        notes.append(f"the scenario file was overridden by {', '.join(map(str, overrides))}")
    notes.append("the scenario is taken as the manifest states it; of its file only the hash was checked")
    return tuple(notes)


def _of_prices(plan: PlanFolder, certified: Certified) -> list[str]:
    """Say what holds the shadow prices where it is not they that prove the certified bound."""
    if plan.certificate.get("leaves") is None:
        return []
    if certified.by_prices is None:
        return [
            "taken on trust: the shadow prices, since this certificate states no prices_bound beside its leaves"
        ]
    return [
        f"the shadow prices by themselves prove that no plan is worth more than {certified.by_prices:.10g}"
    ]


def _strange(plan: PlanFolder, question: Question) -> list[str]:
    """Say what is no false claim, and is not what is written with such a plan either."""
    notes = []
    status, gap = plan.summary.get("status"), finite(plan.summary.get("gap"))
    if status == "feasible" and gap is not None and gap <= question.gap:
        notes.append(
            f"the status is feasible, though the gap of {gap:.1e} is within the {question.gap:g} asked for"
        )
    if question.formulation == "two_stage" and plan.summary.get("bound") is not None:
        notes.append(
            "the manifest's formulation is two_stage, which gives no bound, and the summary has one, as of joint"
        )
    return notes


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
