"""What the workers of a cluster do with their parts of a book: read, check, state as a problem, write.

Every function depends on its arguments and on files that do not change, on nothing else: a part whose worker dies is
made again by another. A book is divided twice. It is looked through in stretches of its files; then, once it is
known who is eligible, in parts that hold whole blocks of the eligible, so that every block is the one of one process.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.inparts import DualPart, choices_in, dual_part
from lendplan.certify.pricing import Weights
from lendplan.certify.question import Question
from lendplan.data.book import Book, assemble_book
from lendplan.data.churn import ChurnTable
from lendplan.data.curves import ChurnFit
from lendplan.data.datasets import Stretch, read_stretch
from lendplan.data.findings import Finding, InputError
from lendplan.data.idhashes import hashes_of
from lendplan.data.texts import Texts
from lendplan.inputs import problem_of, terms_of
from lendplan.models.applicants import Applicants, select_applicants
from lendplan.models.limits import Census, LimitSpec, build_limits, take_census
from lendplan.models.measures import Floats, Objective
from lendplan.models.problem import Problem, concatenated, reordered
from lendplan.reports.allocationfiles import BLOCK, Encoded, encoded, with_reasons
from lendplan.reports.reasons import Reasons
from lendplan.reports.summary import Idle, idle_in
from lendplan.reports.tables import GradeTotals, allocations, totals_by_grade
from lendplan.scenario import Settings
from lendplan.solvers.cluster import Share, Standing
from lendplan.solvers.pricing import Settlement

MOST_FINDINGS = 200
"""Findings of one stretch that are told; the others are counted."""


@dataclass(frozen=True)
class Recipe:
    """What turns rows of the dataset into a problem."""

    settings: Settings
    rates: Floats
    churn: ChurnFit
    specs: tuple[LimitSpec, ...]


@dataclass(frozen=True)
class Scanned:
    """What was seen in a stretch of the book.

    Parameters
    ----------
    rows : of the stretch
    eligible : who is eligible, a bit a row
    findings, further : what is wrong with it; how much more than that
    told : what was logged, each once: level, logger, message
    census : of what limits ask for; None where something is wrong
    grades : that stand in it
    largest, smallest : the sum and the smallest of the largest lines of the eligible; inf where there is none
    at_nothing, must_at_nothing : whether some eligible have a least line of 0, and some of them `must: lend`
    heavy : how many have a risk weight above 1
    hashes : of the ids, in rising order; taken out before it travels
    """

    rows: int
    eligible: bytes
    findings: tuple[Finding, ...]
    further: int
    told: tuple[tuple[int, str, str], ...]
    census: Census | None = None
    grades: frozenset[str] = frozenset()
    largest: float = 0.0
    smallest: float = np.inf
    at_nothing: bool = False
    must_at_nothing: bool = False
    heavy: int = 0
    hashes: NDArray[np.uint64] | None = None

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Who is eligible, (rows,)."""
        return np.unpackbits(np.frombuffer(self.eligible, dtype=np.uint8), count=self.rows).astype(bool)


def scan(recipe: Recipe, stretch: Stretch) -> Scanned:
    """Read and check a stretch of the book."""
    with _Listening() as heard:
        try:
            book, applicants = _read(recipe, stretch)
        except InputError as error:
            found = error.findings
            return Scanned(
                stretch.rows, b"", found[:MOST_FINDINGS], max(0, len(found) - MOST_FINDINGS), heard.told
            )
    at_nothing = applicants.line_min <= 0
    return Scanned(
        rows=stretch.rows,
        eligible=np.packbits(applicants.outcome == 0).tobytes(),
        findings=(),
        further=0,
        told=heard.told,
        census=take_census(recipe.specs, book.table, applicants.row),
        grades=frozenset(book.table.texts("grade").present()),
        largest=float(applicants.line_max.sum()),
        smallest=float(applicants.line_max.min(initial=np.inf)),
        at_nothing=bool(at_nothing.any()),
        must_at_nothing=bool(applicants.must_lend[at_nothing].any()),
        heavy=int((applicants.risk_weight > 1.0).sum()),
        hashes=np.sort(hashes_of(book.table.texts("enterprise"))),
    )


def without_hashes(scanned: Scanned) -> Scanned:
    """Return what travels to the one that asked."""
    return replace(scanned, hashes=None)


def repeated_hashes(bucket: int, buckets: int, *scanned: Scanned) -> NDArray[np.uint64]:
    """Return the hashes that stand in more than one stretch, of those that fall into one bucket."""
    parts = [
        one.hashes[one.hashes % np.uint64(buckets) == bucket] for one in scanned if one.hashes is not None
    ]
    together = np.sort(np.concatenate(parts)) if parts else np.empty(0, dtype=np.uint64)
    return np.unique(together[1:][together[1:] == together[:-1]])


def rows_with(recipe: Recipe, stretch: Stretch, hashes: NDArray[np.uint64]) -> list[tuple[str, int]]:
    """Return id and line of the rows of a stretch whose id has one of some hashes."""
    with _Listening():
        book, _ = _read(recipe, stretch)
    ids = book.table.texts("enterprise")
    found = np.flatnonzero(np.isin(hashes_of(ids), hashes))
    return [(ids[row], int(book.line[row])) for row in found.tolist()]


def _read(recipe: Recipe, stretch: Stretch) -> tuple[Book, Applicants]:
    book = assemble_book(read_stretch(stretch), None, recipe.settings.columns)
    return book, select_applicants(book, terms_of(recipe.settings), recipe.rates, recipe.churn.grades)


def make_share(recipe: Recipe, census: Census, stretches: Sequence[Stretch]) -> Share:
    """Make a part's share of the problem; its rows are those of the whole."""
    problems, ids = [], []
    for stretch in stretches:
        with _Listening():
            book, applicants = _read(recipe, stretch)
        rows, _ = build_limits(recipe.specs, book.table, applicants.row, census)
        ids.append(book.table.texts("enterprise").take(applicants.row))
        nameless = replace(applicants, enterprise=np.empty(len(applicants.row), dtype=object))
        problems.append(problem_of(recipe.settings, nameless, recipe.rates, recipe.churn, rows))
    return Share(concatenated(problems), Texts.joined(ids))


def kinds_in(standing: Standing) -> list[tuple[tuple[int, ...], int]]:
    """Return the combinations of limits that count somebody, each with the position of one whom they count."""
    arrays = standing.blocks.table.arrays
    if not arrays:
        return [((), 0)] if standing.share.problem.size else []
    codes, first = np.unique(np.stack(arrays), axis=1, return_index=True)
    return list(zip(map(tuple, codes.T.tolist()), first.tolist(), strict=True))


@dataclass(frozen=True)
class Answer:
    """What is written of a plan, beside everybody's rate and line."""

    prices: dict[str, float]
    budget_left: float


@dataclass(frozen=True)
class Written:
    """The allocations of a part: rows as the files have them, and what each grade gets."""

    rows: tuple[Encoded, ...]
    by_grade: tuple[GradeTotals, ...]


def write_part(
    standing: Standing,
    plan: Settlement,
    objective: Objective,
    recipe: Recipe,
    stretches: Sequence[Stretch],
    answer: Answer,
) -> Written:
    """Write the allocations of a part; the sentence of each enterprise is that of one process."""
    rate, line = standing.blocks.spread(plan)
    whole = standing.share.problem.replaced(objective=objective)
    rows: list[Encoded] = []
    totals: list[GradeTotals] = []
    first = 0
    for stretch in stretches:
        with _Listening():
            book, applicants = _read(recipe, stretch)
        last = first + len(applicants.row)
        own = reordered(whole, np.arange(first, last))
        choice = own.choice(rate[first:last], line[first:last])
        reasons = Reasons(own, answer.prices, choice, answer.budget_left)
        table = allocations(book.table, applicants, own, choice)
        for start in range(0, table.rows, BLOCK):
            part = slice(start, min(start + BLOCK, table.rows))
            rows.append(encoded(with_reasons(table, applicants, reasons, part)))
        totals += totals_by_grade(table)
        first = last
    return Written(tuple(rows), tuple(totals))


def idle_part(standing: Standing, plan: Settlement, objective: Objective, prices: dict[str, float]) -> Idle:
    """Return what could still be lent to the enterprises of a part."""
    problem: Problem = standing.share.problem.replaced(objective=objective)
    return idle_in(problem, problem.choice(*standing.blocks.spread(plan)), prices)


def dual_of(
    question: Question,
    churn: ChurnTable,
    weights: Weights,
    prices: dict[str, float],
    stretch: Stretch,
) -> DualPart:
    """Return what a stretch of the book adds to D(λ), by the code that checks plans."""
    with _Listening():
        book = assemble_book(read_stretch(stretch), None, question.columns)
        return dual_part(choices_in(question, book, churn, weights, prices), prices)


class _Listening(logging.Handler):
    """Keeps what lendplan logs within a block: workers have nobody to tell it to, and it is told once, at home."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._seen: dict[tuple[int, str, str], None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self._seen[record.levelno, record.name, record.getMessage()] = None

    @property
    def told(self) -> tuple[tuple[int, str, str], ...]:
        """What was logged, each once: level, logger, message."""
        return tuple(self._seen)

    def __enter__(self) -> _Listening:
        logger = logging.getLogger("lendplan")
        self._before: tuple[Any, ...] = logger.level, logger.propagate
        logger.addHandler(self)
        logger.propagate = False
        logger.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("lendplan")
        logger.removeHandler(self)
        logger.level, logger.propagate = self._before[0], self._before[1]
        logger.setLevel(self._before[0])
