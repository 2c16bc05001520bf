"""A written plan, read back: its folder may have moved, its inputs must be as they were."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lendplan.certify.allocations import Allocations
from lendplan.certify.folder import PlanFolder, Source, read_folder
from lendplan.certify.inputs import SHIPPED
from lendplan.data.book import Book
from lendplan.data.churn import ChurnTable, read_churn
from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import sha256_of
from lendplan.data.tables import RawTable, read_table
from lendplan.explanation import Explanation
from lendplan.explanation import explain as explain_one
from lendplan.inputs import Case, Tables, build_case
from lendplan.models.measures import Ranges
from lendplan.models.problem import Choice, Problem
from lendplan.pricedplan import PricedPlan
from lendplan.quotation import Quote
from lendplan.quotation import quote as quote_one
from lendplan.scenario import Settings, settings_from

log = logging.getLogger(__name__)

_ON_GRID = 1e-9


class WrittenPlan(PricedPlan):
    """A plan that was read from its folder; see :func:`read_plan`."""

    def explain(self, enterprise: str) -> Explanation:
        """Explain one decision; see :func:`lendplan.explanation.explain`."""
        return explain_one(self, enterprise)

    def quote(
        self,
        *,
        grade: str,
        risk_weight: float | str | None = None,
        default_probability: float | str | None = None,
        line_max: float | str | None = None,
        line_min: float | str | None = None,
        columns: Mapping[str, object] | None = None,
        **more: object,
    ) -> Quote:
        """Quote rate and line for a new applicant; see :func:`lendplan.quotation.quote`.

        Further columns of the book are keywords; ``columns`` takes those whose names are no Python names.
        """
        return quote_one(
            self,
            grade=grade,
            risk_weight=risk_weight,
            default_probability=default_probability,
            line_max=line_max,
            line_min=line_min,
            columns={**(columns or {}), **more},
        )


def explain(folder: str | Path, enterprise: str) -> Explanation:
    """Explain one decision of a written plan.

    Raises
    ------
    InputError
        If the folder cannot be read, an input was changed, or the plan has no such enterprise.
    """
    return read_plan(folder).explain(enterprise)


Inputs = dict[str, tuple[Tables, Book]]
"""What was read of plans before: a key of paths, hashes and columns → the tables without their cells, and the book."""


def read_plan(folder: str | Path, inputs: Inputs | None = None) -> WrittenPlan:
    """Read a plan's folder and the inputs that it rests on.

    Parameters
    ----------
    folder : it may have been moved; inputs are looked for where the manifest has them
    inputs : of plans that were read before, such as the points of one sweep, which are not read again; added to

    Raises
    ------
    InputError
        If the folder cannot be read, or an input table is missing or is not the one that the plan was made from.
    """
    place = Path(folder)
    with _quiet():
        read = read_folder(place)
        settings = settings_from(dict(read.scenario), place, need_enterprises=False)
        case = _case(read, settings, {} if inputs is None else inputs)
    _tell_changed_scenario(read)
    problem = _with_ranges(case.problem, read)
    prices = _prices(problem, read)
    table = read.table
    plan = WrittenPlan(
        case=case,
        problem=problem,
        choice=_choice(case, problem, table, place),
        prices=prices,
        price_ranges=_price_ranges(problem, prices, read.summary),
        enterprise=table.texts("enterprise").objects(),
        grade=table.texts("grade").objects(),
        decision=table.texts("decision").objects(),
        reason=table.texts("reason").objects(),
    )
    _ = plan.standing, plan.position  # so that the first quote is as quick as the next
    return plan


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep notes and warnings of the inputs to themselves: they were told when the plan was made."""
    house = logging.getLogger("lendplan")
    before = house.level
    house.setLevel(logging.ERROR)
    try:
        yield
    finally:
        house.setLevel(before)


def _case(read: PlanFolder, settings: Settings, inputs: Inputs) -> Case:
    manifest = str(read.path / "manifest.json")
    sources = [(one.role, read.locate(one), one.sha256) for one in read.sources if one.role != "scenario"]
    key = repr((sources, sorted(settings.columns.items())))
    tables, book = inputs.get(key) or (_tables(read, settings), None)

    def locate(keypath: Sequence[str | int], message: str) -> Finding:
        return Finding(message, file=manifest, key=".".join(["scenario", *map(str, keypath)]))

    case = build_case(settings, tables, locate=locate, book=book)
    inputs[key] = (case.tables, case.book)
    return case


def _tables(read: PlanFolder, settings: Settings) -> Tables:
    """Read the tables that a plan rests on; they must be the ones that it was made from."""
    findings: list[Finding] = []
    tables: dict[str, RawTable] = {}
    churn: ChurnTable | None = None
    for source in read.sources:
        if source.role == "scenario":
            continue
        where = read.locate(source)
        try:
            if source.role == "churn":
                churn = read_churn(None if source.path == SHIPPED else where, settings.columns)
                digest = churn.source.sha256
            else:
                tables[source.role] = read_table(where)
                digest = tables[source.role].sha256
        except InputError as error:
            findings += error.findings
            continue
        if digest != source.sha256:
            findings.append(_changed(source, where))
    if findings:
        raise InputError(findings)
    assert churn is not None  # the folder's reader asks for one of each
    framed = frozenset(
        source.role
        for source in read.sources
        if not Path(source.path).is_absolute() and source.path != SHIPPED
    )
    return Tables(tables["enterprises"], tables.get("ratings"), churn, framed)


def _changed(source: Source, where: str) -> Finding:
    return Finding(
        f"has changed since the plan was made (sha256 {source.sha256[:12]}… then), so its prices say nothing of it; "
        "restore the file, or solve the scenario again",
        file=where,
    )


def _tell_changed_scenario(read: PlanFolder) -> None:
    for source in read.sources:
        if source.role != "scenario":
            continue
        try:
            is_same = sha256_of(read.locate(source)) == source.sha256
        except InputError:
            continue  # moved or gone: the manifest has the scenario in full
        if not is_same:
            log.warning(
                "%s has changed since the plan was made; the plan answers the earlier one", source.path
            )


def _with_ranges(problem: Problem, read: PlanFolder) -> Problem:
    if problem.objective.kind == "profit":
        return problem
    given = read.certificate.get("ranges")
    names = ("revenue_max", "revenue_min", "risk_max", "risk_min")
    if not isinstance(given, dict) or not all(_is_number(given.get(name)) for name in names):
        file = str(read.path / "certificate.json")
        raise InputError(Finding(f"must hold the four numbers {', '.join(names)}", file=file, key="ranges"))
    return problem.with_ranges(Ranges(**{name: float(given[name]) for name in names}))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _prices(problem: Problem, read: PlanFolder) -> dict[str, float]:
    file = str(read.path / "certificate.json")
    given = read.certificate.get("prices")
    if not isinstance(given, dict) or not given:
        raise InputError(
            Finding("has no prices, so nothing can be explained by them", file=file, key="prices")
        )
    sense = {row.name: row.sense for row in problem.rows}
    findings = [
        Finding(
            f"{value!r} is no number"
            if not _is_number(value)
            else "has the wrong sign"
            if name in sense
            else "the scenario has no such limit",
            file=file,
            key=f"prices.{name}",
        )
        for name, value in given.items()
        if name not in sense or not _is_number(value) or sense[name] * value < 0
    ]
    if findings:
        raise InputError(findings)
    return {name: float(value) for name, value in given.items()}


def _price_ranges(
    problem: Problem, prices: Mapping[str, float], summary: Mapping[str, Any]
) -> dict[str, tuple[float, float]]:
    """Return the ranges that were written, or, for a plan of an earlier version, compute them."""
    written = summary.get("shadow_price_ranges")
    if isinstance(written, dict):
        ranges = {}
        for name, ends in written.items():
            if (
                isinstance(ends, list)
                and len(ends) == 2
                and all(one is None or _is_number(one) for one in ends)
            ):
                low, high = ends
                ranges[str(name)] = (
                    -math.inf if low is None else float(low),
                    math.inf if high is None else float(high),
                )
        return ranges
    from lendplan.solvers.result import Options
    from lendplan.solvers.sensitivity import price_ranges

    return price_ranges(problem, prices, Options())


def _choice(case: Case, problem: Problem, table: Allocations, folder: Path) -> Choice:
    """Return the plan over the eligible enterprises, held against the book that it was made from."""
    file = str(folder / "allocations.csv")
    missing = [
        name
        for name in ("enterprise", "grade", "decision", "rate", "line", "reason")
        if name not in table.columns
    ]
    if missing:
        raise InputError(Finding(f"lacks the columns {', '.join(missing)}", file=file, line=1))
    row = case.applicants.row
    ids, decision = table.texts("enterprise").objects(), table.texts("decision")
    if len(ids) != case.book.table.rows or np.any(ids[row] != problem.enterprise):
        raise InputError(Finding("is not the allocation of the book that the manifest names", file=file))
    offered = decision.equals("lend")[row]
    rate, line = table.numbers("rate")[row], table.numbers("line")[row]
    at = np.argmin(np.abs(problem.rates[:, None] - np.unique(rate[offered])), axis=0)
    position = np.full(problem.size, -1, dtype=np.int64)
    position[offered] = at[np.unique(rate[offered], return_inverse=True)[1]]
    with np.errstate(invalid="ignore"):
        off = offered & ~(np.abs(problem.rates[position] - rate) <= _ON_GRID) | offered & ~(line >= 0)
    if np.any(off):
        names = ", ".join(str(name) for name in problem.enterprise[off][:5])
        raise InputError(
            Finding(f"has a rate that the scenario does not offer, or no line, for {names}", file=file)
        )
    return problem.choice(position, np.nan_to_num(line))
