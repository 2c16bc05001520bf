"""From a scenario and its tables to the problem: everything is read and checked here, once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lendplan.data.book import Book, assemble_book
from lendplan.data.churn import ChurnTable, churn_from_frame, read_churn
from lendplan.data.curves import ChurnFit, churn_at, fit_churn, rate_grid
from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import InputRecord
from lendplan.data.tables import RawTable, read_table, table_from_frame
from lendplan.models.applicants import Applicants, Terms, select_applicants, unit_mismatch
from lendplan.models.limits import LimitSpec, build_limits
from lendplan.models.measures import Economics, Floats, Objective, Ranges
from lendplan.models.problem import Problem, Row
from lendplan.scenario import Limit, Settings
from lendplan.scrutiny import Locate, contradicting_shares, lines_of_nothing, tell_oddities

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tables:
    """The input tables as they were read; of files, the cells are let go of as soon as the book is made of them."""

    enterprises: RawTable
    ratings: RawTable | None
    churn: ChurnTable
    framed: frozenset[str] = frozenset()  # the roles of those that came as data frames

    def without_cells(self) -> Tables:
        """Return the same without the cells of files."""

        def kept(role: str, table: RawTable) -> RawTable:
            return table if role in self.framed else table.without_cells()

        ratings = None if self.ratings is None else kept("ratings", self.ratings)
        return replace(self, enterprises=kept("enterprises", self.enterprises), ratings=ratings)


@dataclass(frozen=True)
class Case:
    """A question that is ready to be solved: the settings, the book, and the problem they make."""

    settings: Settings
    scenario_path: Path | None
    scenario_files: tuple[InputRecord, ...]
    overrides: tuple[str, ...]  # `--set`
    tables: Tables
    book: Book
    churn: ChurnFit
    applicants: Applicants
    problem: Problem
    seconds: dict[str, float]  # read, check

    @property
    def inputs(self) -> tuple[InputRecord, ...]:
        """Every file or frame the answer rests on."""
        return (*self.scenario_files, *self.book.inputs, self.tables.churn.source)


def read_tables(settings: Settings) -> Tables:
    """Read the tables a scenario names; all that is wrong with them is raised at once.

    Raises
    ------
    InputError
    """
    findings: list[Finding] = []

    def attempt(read: Callable[[], Any]) -> Any:
        try:
            return read()
        except InputError as error:
            findings.extend(error.findings)
            return None

    assert settings.enterprises is not None
    book_path, ratings_path = settings.enterprises, settings.ratings
    enterprises = attempt(lambda: read_table(book_path))
    ratings = attempt(lambda: read_table(ratings_path)) if ratings_path is not None else None
    churn = attempt(lambda: read_churn(settings.churn, settings.columns))
    if findings:
        if enterprises is not None:  # what else is wrong with the tables that could be read
            attempt(lambda: assemble_book(enterprises, ratings, settings.columns))
        raise InputError(findings)
    return Tables(enterprises, ratings, churn)


def tables_from_frames(
    enterprises: pd.DataFrame, ratings: pd.DataFrame | None, churn: pd.DataFrame | None, settings: Settings
) -> Tables:
    """Take data frames for the tables, checked like files.

    Raises
    ------
    InputError
    """
    given = {"enterprises": enterprises, "ratings": ratings, "churn": churn}
    return Tables(
        table_from_frame(enterprises, "enterprises"),
        None if ratings is None else table_from_frame(ratings, "ratings"),
        read_churn(settings.churn, settings.columns)
        if churn is None
        else churn_from_frame(churn, columns=settings.columns),
        frozenset(role for role, frame in given.items() if frame is not None),
    )


def build_case(
    settings: Settings,
    tables: Tables,
    *,
    locate: Locate,
    scenario_path: Path | None = None,
    scenario_files: tuple[InputRecord, ...] = (),
    overrides: Sequence[str] = (),
    seconds_read: float = 0.0,
    book: Book | None = None,
) -> Case:
    """Check the tables against the scenario and state the problem.

    Parameters
    ----------
    locate : turns a key path and a message into a finding with its place
    book : made of the same tables before; made of them here unless given

    Raises
    ------
    InputError
        With everything that is wrong.
    """
    started = time.perf_counter()
    findings: list[Finding] = []
    rates = rates_of(settings, tables.churn, findings, locate)
    if book is None:
        book = _book(settings, tables, findings)
    if book is None or rates is None:
        raise InputError(findings)
    churn = fit_churn(tables.churn, settings.churn_fit)
    unknown_grades(settings, churn, findings, locate)
    applicants = _applicants(settings, book, rates, churn, findings)
    if applicants is None or findings:
        raise InputError(findings)
    specs = [limit_spec(limit, settings) for limit in settings.limits]
    rows, faults = build_limits(specs, book.table, applicants.row)
    findings += [
        locate(("limits", fault.position, *fault.key.split(".", 1)), fault.message) for fault in faults
    ]
    mismatch = unit_mismatch(settings.budget.total, applicants)
    if mismatch:
        findings.append(locate(("budget", "total"), mismatch))
    findings += lines_of_nothing(applicants, rows, settings.economics.fixed_cost, locate)
    if findings:
        raise InputError(findings)
    problem = problem_of(settings, applicants, rates, churn, rows)
    findings += contradicting_shares(settings, problem, locate)
    if findings:
        raise InputError(findings)
    tell_oddities(settings, book, applicants, rows, specs)
    return Case(
        settings=settings,
        scenario_path=scenario_path,
        scenario_files=scenario_files,
        overrides=tuple(overrides),
        tables=tables.without_cells(),
        book=book,
        churn=churn,
        applicants=applicants,
        problem=problem,
        seconds={"read": seconds_read, "check": time.perf_counter() - started},
    )


def rates_of(settings: Settings, table: ChurnTable, findings: list[Finding], locate: Locate) -> Floats | None:
    """Return the rates that may be offered, (m,); None, and findings, where the scenario's do not fit the table."""
    wanted = settings.rates
    try:
        return rate_grid(table.rates, wanted.min, wanted.max, wanted.step)
    except InputError as error:
        for finding in error.findings:
            key = finding.key.split(".")[-1] if finding.key else ""
            path = ("rates", key) if key in ("min", "max", "step") else ("rates",)
            findings.append(locate(path, finding.message))
        return None


def _book(settings: Settings, tables: Tables, findings: list[Finding]) -> Book | None:
    try:
        return assemble_book(tables.enterprises, tables.ratings, settings.columns)
    except InputError as error:
        findings.extend(error.findings)
        return None


def unknown_grades(settings: Settings, churn: ChurnFit, findings: list[Finding], locate: Locate) -> None:
    """Find grades that borrow the curve of a grade that has none."""
    for grade, lender in settings.churn_as.items():
        if lender not in churn.grades:
            has = ", ".join(churn.grades)
            findings.append(
                locate(
                    ("churn_as", grade), f"the churn table has no grade {lender} to borrow from; it has {has}"
                )
            )


def _applicants(
    settings: Settings, book: Book, rates: Floats, churn: ChurnFit, findings: list[Finding]
) -> Applicants | None:
    try:
        return select_applicants(book, terms_of(settings), rates, churn.grades)
    except InputError as error:
        findings.extend(error.findings)
        return None


def terms_of(settings: Settings) -> Terms:
    """Return the scenario's values for rows that bring none of their own, and who takes part."""
    return Terms(
        line_min=settings.lines.min,
        line_max=settings.lines.max,
        line_step=settings.lines.step,
        loss_given_default=settings.economics.loss_given_default,
        default_multiplier=settings.economics.default_multiplier,
        loss_multiplier=settings.economics.loss_multiplier,
        interest_lost_on_default=settings.economics.interest_lost_on_default,
        exclude_grades=settings.exclude_grades,
        unrated=settings.unrated,
        churn_as=settings.churn_as,
        grade_factor=settings.grade_factor,
    )


def limit_spec(limit: Limit, settings: Settings) -> LimitSpec:
    """State a limit in the models' terms: a share of the budget as an amount, columns by our names for them."""
    ours = {theirs: name for name, theirs in settings.columns.items()}
    bound = limit.at_most if limit.at_most is not None else limit.at_least
    assert bound is not None
    amount = share = rate = None
    if limit.measure == "average_rate":
        rate = bound.value
    elif bound.kind == "amount":
        amount = bound.value
    elif limit.of == "budget":
        amount = bound.value * settings.budget.total
    else:
        share = bound.value
    return LimitSpec(
        name=limit.name,
        measure=limit.measure,
        sense=1 if limit.at_most is not None else -1,
        amount=amount,
        share=share,
        rate=rate,
        where={ours.get(column, column): values for column, values in limit.where.items()},
        by=None if limit.by is None else ours.get(limit.by, limit.by),
    )


def problem_of(
    settings: Settings, applicants: Applicants, rates: Floats, churn: ChurnFit, rows: tuple[Row, ...]
) -> Problem:
    """State the problem of some applicants; its rows count them."""
    economics, objective = settings.economics, settings.objective
    ranges = objective.ranges
    return Problem(
        enterprise=applicants.enterprise,
        rates=rates,
        retention=1.0 - churn_at(churn, rates),
        curve=applicants.curve,
        line_min=applicants.line_min,
        line_max=applicants.line_max,
        line_step=applicants.line_step,
        first_rate=applicants.first_rate,
        last_rate=applicants.last_rate,
        must_lend=applicants.must_lend,
        default_probability=applicants.default_probability,
        risk_weight=applicants.risk_weight,
        risk_index=applicants.risk_index,
        grade_factor=applicants.grade_factor,
        economics=Economics(
            funding_cost=economics.funding_cost,
            operating_cost=economics.operating_cost,
            fixed_cost=economics.fixed_cost,
            utilisation=economics.utilisation,
            interest_lost_on_default=economics.interest_lost_on_default,
            risk_basis=economics.risk_basis,
        ),
        budget=settings.budget.total,
        budget_basis=settings.budget.basis,
        objective=Objective(
            kind=objective.kind,
            revenue_weight=objective.revenue_weight,
            ranges=None
            if ranges is None
            else Ranges(ranges.revenue_max, ranges.revenue_min, ranges.risk_max, ranges.risk_min),
        ),
        limits=rows,
    )
