"""A new applicant, read as a row of the book would be: by its contract, with the scenario's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lendplan.data.book import assemble_book
from lendplan.data.findings import Finding, InputError, did_you_mean
from lendplan.data.tables import table_from_cells
from lendplan.inputs import limit_spec, terms_of
from lendplan.models.applicants import Applicants, select_applicants
from lendplan.models.limits import BLANK, present_values
from lendplan.models.problem import Members, Row
from lendplan.pricedplan import PricedPlan
from lendplan.scenario import Limit

APPLICANT = "the applicant"
_SHOWN = 8  # values of a column that a message lists
_TOO_LARGE = 1e4  # × the budget and the largest line of the book: beyond it, a line is in another unit
_OPTIONS = {
    "grade": "--grade",
    "risk_weight": "--risk-weight",
    "default_probability": "--default-probability",
    "line_max": "--line-max",
    "line_min": "--line-min",
}


@dataclass(frozen=True)
class Applicant:
    """A new applicant beside a plan.

    Parameters
    ----------
    values : as of a book of one row; of no row where it is excluded
    grade : as given
    belongs : limit's name → whether it counts the applicant; limits that count everybody are left out or not
    alone : rows that a limit would get for a value of its column that the plan does not have
    """

    values: Applicants
    grade: str
    belongs: Mapping[str, bool]
    alone: tuple[Row, ...]

    @property
    def excluded_because(self) -> str | None:
        """Why it takes no part; None where it does."""
        return None if len(self.values.row) else str(self.values.reason[0])


def read_applicant(plan: PricedPlan, given: Mapping[str, object], columns: Mapping[str, object]) -> Applicant:
    """Read a new applicant.

    Parameters
    ----------
    given : the properties that are asked of every applicant, by column; None where left out
    columns : further columns of the book, under our names or the bank's

    Raises
    ------
    InputError
        With everything that is wrong or missing.
    """
    cells, findings = _cells(plan, given, columns)
    try:
        values = _values(plan, cells)
    except InputError as error:
        raise InputError(dict.fromkeys([*findings, *error.findings])) from None
    if "line_max" in cells:
        findings += _beyond_sense(plan, values)
    if findings:
        raise InputError(findings)
    belongs, alone = _memberships(plan, cells)
    return Applicant(values, cells["grade"], belongs, alone)


def _cells(
    plan: PricedPlan, given: Mapping[str, object], columns: Mapping[str, object]
) -> tuple[dict[str, str], list[Finding]]:
    """Return column → text of the applicant's row, and what is wrong that a row of the book could not have wrong."""
    cells = {name: str(value) for name, value in given.items() if value is not None}
    blank = [name for name, text in cells.items() if name != "grade" and not text.strip()]
    findings = [Finding("is blank; give a number, or leave it out", key=_OPTIONS[name]) for name in blank]
    cells = {name: text for name, text in cells.items() if name not in blank}
    ours = {theirs: name for name, theirs in plan.case.settings.columns.items()}
    known = list(plan.case.book.table)
    for theirs, value in columns.items():
        name = ours.get(theirs, theirs)
        if name in cells:
            findings.append(Finding(f"{name} is given twice", key=_option(theirs)))
        elif name in ("enterprise", "must", "must_reason"):
            findings.append(Finding("is no property that a quote could depend on", key=_option(theirs)))
        elif name not in known:
            near = did_you_mean(theirs, known)
            findings.append(Finding(f"the book has no such column{near}", key=_option(theirs)))
        else:
            cells[name] = "" if value is None else str(value)
    if not cells.get("grade", "").strip():
        findings.append(Finding("is blank; a grade names the churn curve", key="--grade"))
        cells["grade"] = plan.case.churn.grades[0]
    if not cells.get("risk_weight", "").strip() and not cells.get("default_probability", "").strip():
        if not {"risk_weight", "default_probability"} & set(blank):
            findings.append(Finding("is needed, or --default-probability", key="--risk-weight"))
        cells["risk_weight"] = "0"  # so that nothing else is said of it
    return cells, findings + _missing(plan, cells)


def _option(column: str) -> str:
    return f"--set {column}"


def _missing(plan: PricedPlan, cells: Mapping[str, str]) -> list[Finding]:
    """Ask for the columns by which limits choose whom they count."""
    ours = {theirs: name for name, theirs in plan.case.settings.columns.items()}
    wanted: dict[str, list[str]] = {}
    for limit in plan.case.settings.limits:
        for column in (*limit.where, *([limit.by] if limit.by is not None else [])):
            name = ours.get(column, column)
            if name not in cells and name not in ("grade", "enterprise"):
                wanted.setdefault(column, []).append(limit.name)
    findings = []
    for column, names in wanted.items():
        values = present_values(plan.case.book.table, ours.get(column, column))
        has = ", ".join(values[:_SHOWN]) + (", …" if len(values) > _SHOWN else "")
        limits = " and ".join(f"`{name}`" for name in dict.fromkeys(names))
        message = f"needed by {limits}: add --set {column}=…; the book has {has}"
        findings.append(Finding(message, key=column))
    return findings


def _values(plan: PricedPlan, cells: Mapping[str, str]) -> Applicants:
    """Read the applicant as a book of one row, by the contract and with the scenario's values."""
    raw = table_from_cells(
        {"enterprise": [APPLICANT], **{name: [value] for name, value in cells.items()}}, APPLICANT
    )
    try:
        book = assemble_book(raw)
        churn = plan.case.churn
        return select_applicants(book, terms_of(plan.case.settings), plan.problem.rates, churn.grades)
    except InputError as error:
        raise InputError(_as_option(one) for one in error.findings) from None


def _beyond_sense(plan: PricedPlan, values: Applicants) -> list[Finding]:
    """Refuse a largest line with which no figure would mean anything: it is in another unit, or mistyped."""
    budget, longest = plan.problem.budget, float(plan.problem.line_max.max(initial=0.0))
    most = _TOO_LARGE * max(budget, longest)
    if not len(values.row) or most <= 0 or values.line_max[0] <= most:
        return []
    message = (
        f"{values.line_max[0]:.12g} is more than {_TOO_LARGE:,.0f} times the budget, {budget:.12g}, and the largest "
        f"line of the book, {longest:.12g}; is it in the same unit?"
    )
    return [Finding(message, key=_OPTIONS["line_max"])]


def _as_option(finding: Finding) -> Finding:
    """Speak of the option that was given, not of a row in a table."""
    key = finding.key
    option = None if key is None else _OPTIONS.get(key, _option(key))
    return replace(
        finding, message=finding.message.removeprefix(f"{APPLICANT}: "), file="", line=None, key=option
    )


def _memberships(plan: PricedPlan, cells: Mapping[str, str]) -> tuple[dict[str, bool], tuple[Row, ...]]:
    """Return which limits of the plan count the applicant, and the rows that only it would be in."""
    problem, settings = plan.problem, plan.case.settings
    ours = {theirs: name for name, theirs in settings.columns.items()}
    by_rule: dict[str, list[Row]] = {}
    for row in problem.limits:
        by_rule.setdefault(row.rule, []).append(row)
    belongs: dict[str, bool] = {}
    alone: list[Row] = []

    def text(column: str) -> str:
        name = ours.get(column, column)
        value = APPLICANT if name == "enterprise" else cells.get(name, "").strip()
        return value or BLANK

    for limit in settings.limits:
        inside = all(text(column) in wanted for column, wanted in limit.where.items())
        own = limit.name if limit.by is None else f"{limit.name}[{text(limit.by)}]"
        rows = by_rule.get(limit.name, [])
        belongs |= {row.name: inside and row.name == own for row in rows}
        if inside and own not in belongs:
            alone.append(_new_row(limit, own, plan))
    return belongs, tuple(alone)


def _new_row(limit: Limit, name: str, plan: PricedPlan) -> Row:
    """Return the row that a limit would get for a value of its column that the plan does not have."""
    spec = limit_spec(limit, plan.case.settings)
    return Row(
        name=name,
        measure=spec.measure,
        sense=spec.sense,
        members=Members(np.full(plan.problem.size, -1, dtype=np.int32), 0),
        amount=spec.amount or 0.0,
        share=spec.share,
        rate=spec.rate,
        rule=spec.name,
    )
