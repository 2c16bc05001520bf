"""`verify` for a plan on a large Parquet dataset: the same checks, part by part."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from lendplan.certify.allocationparts import AllocationsInParts
from lendplan.certify.allocations import HEADER, same_as
from lendplan.certify.claims import Certified, check_limits, check_objective
from lendplan.certify.folder import PlanFolder
from lendplan.certify.inparts import (
    ROWS,
    DualPart,
    Sums,
    SumsTogether,
    Together,
    check_bound,
    check_part,
    choices_in,
    dual_part,
)
from lendplan.certify.inputs import SHIPPED, Inputs, quiet
from lendplan.certify.pricing import Weights, weights_of
from lendplan.certify.question import Question
from lendplan.certify.report import Check, Checklist, Report
from lendplan.certify.statements import check_statements
from lendplan.certify.sums import FloatSums
from lendplan.certify.totals import check_agreement, check_bounds, check_summary
from lendplan.data.book import assemble_book
from lendplan.data.churn import ChurnTable, read_churn
from lendplan.data.datasets import Dataset, find_dataset, read_stretch, stretches
from lendplan.data.findings import InputError
from lendplan.data.sources import sha256_of

LARGE = 2_000_000
"""Rows of a book that is checked as a whole; a larger one that is a Parquet dataset is checked in parts."""


def large_dataset(plan: PlanFolder) -> Dataset | None:
    """Return the book of a plan where it is checked in parts: a large dataset, without ratings and leaves."""
    sources = {source.role: source for source in plan.sources}
    path = Path(plan.locate(sources["enterprises"]))
    if "ratings" in sources or "leaves" in plan.certificate:
        return None
    if path.suffix.lower() != ".parquet" and not path.is_dir():
        return None
    try:
        found = find_dataset(path)
    except InputError:
        return None  # what is wrong is told where the whole is read
    return found if found.rows > LARGE else None


def verify_large(
    plan: PlanFolder,
    question: Question,
    dataset: Dataset,
    check_inputs: Callable[[PlanFolder, Question, Inputs, Checklist], bool],
) -> tuple[Report, Certified]:
    """Check a plan part by part; what is raised and reported is as in `lendplan.certify.plan.verify`.

    Parameters
    ----------
    plan
        Without its tables.
    dataset
        The book.
    check_inputs
        Compares hashes and paths.
    """
    checks = Checklist()
    with quiet():
        churn_at = next(source.path for source in plan.sources if source.role == "churn")
        churn = read_churn(None if churn_at == SHIPPED else churn_at, question.columns)
        hashes = tuple(
            churn.source.sha256 if source.role == "churn" else sha256_of(plan.locate(source))
            for source in plan.sources
        )
    is_unchanged = check_inputs(plan, question, Inputs(hashes, None, None, ""), checks)
    check_agreement(plan.summary, plan.certificate, question, checks)
    ranges, prices = plan.certificate.get("ranges"), plan.certificate.get("prices")
    try:
        weights = weights_of(question, ranges if isinstance(ranges, dict) else None)
    except ValueError as error:
        checks.add("ranges", False, str(error))
        return Report(tuple(checks.checks), None), Certified(None)

    looked = _Looked(plan, question, churn, weights)
    try:
        is_table = looked.at(dataset, checks)
    except InputError as error:
        if is_unchanged:
            raise
        is_table = checks.add("inputs make a problem", False, str(error))
    if not is_table or not looked.duals:
        return Report(tuple(checks.checks), None), Certified(None)
    whole = Together(question, weights, looked.duals)
    bound = check_bound(plan.certificate, whole, looked.duals, checks)
    how = "in floating point with its rounding bound added, part by part"
    certified = Certified(bound, f"by the prices, {how}" if bound is not None else "", bound)
    check_statements(plan.summary, question, whole.families, checks)
    if len(looked.sums) == len(looked.duals):
        together = SumsTogether(looked.sums, whole)
        as_sums = cast(FloatSums, together)
        slack = check_limits(whole, as_sums, prices, checks)
        objective = check_summary(plan.summary, whole, together.measured, as_sums, checks)
        check_bounds(plan.summary, question, slack, checks)
        check_objective(objective, certified, slack, whole, checks)
    return Report(tuple(checks.checks), bound), certified


class _Looked:
    """What was seen in the parts of a plan and its book."""

    def __init__(self, plan: PlanFolder, question: Question, churn: ChurnTable, weights: Weights) -> None:
        self._plan, self._question, self._churn, self._weights = plan, question, churn, weights
        self.duals: list[DualPart] = []
        self.sums: list[Sums] = []  # fewer where rows of a part are not those of the book

    def at(self, dataset: Dataset, checks: Checklist) -> bool:
        """Look at all parts, and note the checks of rows; return whether the tables have the right columns."""
        prices = self._plan.certificate.get("prices")
        files = AllocationsInParts(self._plan.path)
        made: list[tuple[Check, ...]] = []
        first = 0
        for start in range(0, dataset.rows, ROWS):
            for stretch in stretches(dataset, start, start + ROWS):
                table, parquet = files.take(stretch.rows)
                if table.header != HEADER or table.encoding not in ("utf-8", "utf-8-sig"):
                    detail = f"expected {', '.join(HEADER)} in UTF-8; found {', '.join(table.header)}"
                    return checks.add("header", False, detail)
                with quiet():
                    book = assemble_book(read_stretch(stretch), None, self._question.columns)
                    named = prices if isinstance(prices, dict) else {}
                    own = choices_in(self._question, book, self._churn, self._weights, named)
                self.duals.append(dual_part(own, named))
                found, sums = check_part(table, same_as(table, parquet), own, first)
                made.append(found)
                self.sums += [] if sums is None else [sums]
                first += stretch.rows
        checks.checks += _joined(made, first)
        checks.add("all rows", not files.rest, files.rest or f"{first:,} rows and no more")
        return True


def _joined(made: list[tuple[Check, ...]], rows: int) -> list[Check]:
    """Return each check of rows once: that of the first part that fails it, or that all rows are good."""
    found: dict[str, Check] = {}
    for part in made:
        for one in part:
            if one.name not in found or (found[one.name].passed and not one.passed):
                found[one.name] = one
    return [Check(one.name, True, f"{rows:,} rows") if one.passed else one for one in found.values()]
