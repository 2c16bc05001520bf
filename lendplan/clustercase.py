"""From a scenario and a Parquet dataset to a question in parts: read and checked where the parts stand."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lendplan.clusterfindings import looked_through, refused
from lendplan.clusterparts import (
    Recipe,
    Scanned,
    kinds_in,
    make_share,
)
from lendplan.data.book import Book
from lendplan.data.churn import read_churn
from lendplan.data.coltable import ColumnTable
from lendplan.data.curves import fit_churn
from lendplan.data.datasets import Dataset, Stretch, find_dataset, stretches
from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import InputRecord, sha256_of
from lendplan.data.tables import RawTable
from lendplan.data.texts import Texts
from lendplan.inputs import Case, Tables, limit_spec, problem_of, rates_of, unknown_grades
from lendplan.models import sums
from lendplan.models.applicants import Applicants, mismatch_of
from lendplan.models.limits import Census, build_limits
from lendplan.models.problem import Row
from lendplan.scenario import Settings
from lendplan.scrutiny import Locate, Seen, contradicting_shares, left_out, nothing_counted, tell
from lendplan.solvers.cluster import ClusterBook, Part

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

STRETCH = 1 << 18
"""Most rows that are looked at together."""
BLOCKS_A_PART = 8
"""Blocks of the eligible in a part, unless a number of parts is asked for."""


@dataclass(frozen=True)
class Division:
    """A question in parts.

    Parameters
    ----------
    case : as that of one process, but for its rows: book, applicants and problem are without them
    book : the parts
    recipe, census : what they are made by
    rows : for each part, where its rows stand
    dataset : where they come from
    looked_at : the stretches in which it was checked
    """

    case: Case
    book: ClusterBook = field(repr=False)
    recipe: Recipe = field(repr=False)
    census: Census = field(repr=False)
    rows: tuple[tuple[Stretch, ...], ...] = field(repr=False)
    dataset: Dataset = field(repr=False)
    looked_at: tuple[Stretch, ...] = field(repr=False)


def divide(
    client: Client,
    settings: Settings,
    locate: Locate,
    *,
    scenario_path: Path,
    scenario_files: tuple[InputRecord, ...],
    overrides: Sequence[str],
    parts: int | None = None,
) -> Division:
    """Read and check a scenario's tables over a cluster, and divide the problem.

    Parameters
    ----------
    client : of the cluster
    locate : turns a key path and a message into a finding with its place
    scenario_path, scenario_files, overrides : as `lendplan.inputs.build_case` has them
    parts : how many; as many as whole blocks make, unless given

    Raises
    ------
    InputError
        With everything that is wrong: with the scenario, and with rows, in whatever part they stand.
    """
    started = time.perf_counter()
    findings = refused(settings, locate)
    dataset = churn_table = None
    try:
        dataset = None if findings else find_dataset(Path(settings.enterprises or ""))
    except InputError as error:
        findings += error.findings
    try:
        churn_table = read_churn(settings.churn, settings.columns)
    except InputError as error:
        findings += error.findings
    if findings or dataset is None or churn_table is None:
        raise InputError(findings)
    rates = rates_of(settings, churn_table, findings, locate)
    churn = fit_churn(churn_table, settings.churn_fit)
    unknown_grades(settings, churn, findings, locate)
    if rates is None or findings:
        raise InputError(findings)
    recipe = Recipe(settings, rates, churn, tuple(limit_spec(limit, settings) for limit in settings.limits))

    looked_at = [
        stretch
        for start in range(0, max(dataset.rows, 1), STRETCH)
        for stretch in stretches(dataset, start, start + STRETCH)
    ] or [Stretch(dataset.files[0], 0, 0)]
    scanned = looked_through(client, recipe, looked_at)
    seconds_read = time.perf_counter() - started
    census = reduce(add, [one.census for one in scanned if one.census is not None])
    rows, findings = _rows(recipe, census, locate)
    findings += _about_the_whole(settings, scanned, rows, locate)
    if findings:
        raise InputError(findings)

    # Without an enterprise: what the whole has that no part has.
    nobody = _nobody()
    problem = problem_of(settings, nobody, rates, churn, rows)
    where = _divided(dataset, looked_at, scanned, parts)
    run = uuid.uuid4().hex
    book = ClusterBook(
        client,
        problem,
        [
            Part(first, size, partial(make_share, recipe, census, own), f"lendplan-{run}-{first}-{size}")
            for first, size, own in where
        ],
    )
    findings = _contradictions(book, settings, locate)
    if findings:
        raise InputError(findings)
    tell(
        settings,
        Seen(
            file=str(dataset.path),
            grades=frozenset().union(*(one.grades for one in scanned)),
            nobody=_nobody_in(recipe, census),
            left_out=left_out(recipe.specs, census),
            eligible=census.size,
            heavy=sum(one.heavy for one in scanned),
        ),
    )
    path = Path(settings.enterprises or "")
    source = RawTable(path, None, sha256_of(path), None, {}, np.empty(0, dtype=np.int64))
    case = Case(
        settings=settings,
        scenario_path=scenario_path,
        scenario_files=scenario_files,
        overrides=tuple(overrides),
        tables=Tables(source, None, churn_table),
        book=Book(
            ColumnTable({}, dataset.rows), source.line, source.name, None, (source.record("enterprises"),)
        ),
        churn=churn,
        applicants=nobody,
        problem=problem,
        seconds={"read": seconds_read, "check": time.perf_counter() - started - seconds_read},
    )
    return Division(case, book, recipe, census, tuple(own for _, _, own in where), dataset, tuple(looked_at))


def _nobody() -> Applicants:
    """Return applicants of which there are none."""
    numbers, small = np.empty(0), np.empty(0, dtype=np.int16)
    return Applicants(
        row=np.empty(0, dtype=np.int64),
        enterprise=np.empty(0, dtype=object),
        curve=small,
        default_probability=numbers,
        risk_weight=numbers,
        risk_index=numbers,
        grade_factor=numbers,
        line_min=numbers,
        line_max=numbers,
        line_step=numbers,
        first_rate=small,
        last_rate=small,
        must_lend=np.empty(0, dtype=bool),
        outcome=np.empty(0, dtype=np.int8),
        reason=Texts.repeated("", 0),
    )


def _rows(recipe: Recipe, census: Census, locate: Locate) -> tuple[tuple[Row, ...], list[Finding]]:
    """Return the rows of the limits without their members, and what is wrong with the limits."""
    empty: dict[str, Any] = {
        name: Texts.repeated("", 0) if is_text else np.empty(0) for name, is_text in census.is_text.items()
    }
    nobody = np.empty(0, dtype=np.int64)
    rows, faults = build_limits(recipe.specs, ColumnTable(empty, 0), nobody, census)
    findings = [
        locate(("limits", fault.position, *fault.key.split(".", 1)), fault.message) for fault in faults
    ]
    return rows, findings


def _nobody_in(recipe: Recipe, census: Census) -> tuple[str, ...]:
    """Return the names of limits that count nobody."""
    return tuple(
        spec.name
        for spec, groups in zip(recipe.specs, census.groups, strict=True)
        if spec.by is None and not sum(inside for _, inside in groups.values())
    )


def _about_the_whole(
    settings: Settings, scanned: Sequence[Scanned], rows: Sequence[Row], locate: Locate
) -> list[Finding]:
    findings = []
    smallest = min(one.smallest for one in scanned)
    if np.isfinite(smallest):
        total = float(np.sum([one.largest for one in scanned]))
        mismatch = mismatch_of(settings.budget.total, total, smallest)
        if mismatch:
            findings.append(locate(("budget", "total"), mismatch))
    at_nothing = any(one.at_nothing for one in scanned)
    must = any(one.must_at_nothing for one in scanned)
    return findings + nothing_counted(at_nothing, must, rows, settings.economics.fixed_cost, locate)


def _divided(
    dataset: Dataset, looked_at: Sequence[Stretch], scanned: Sequence[Scanned], parts: int | None
) -> list[tuple[int, int, tuple[Stretch, ...]]]:
    """Return first, size and rows of each part: whole blocks of the eligible, and the other rows among them."""
    eligible = sum(int(one.mask.sum()) for one in scanned)
    blocks = -(-eligible // sums.BLOCK)
    wanted = -(-blocks // BLOCKS_A_PART) if parts is None else min(parts, blocks)
    firsts = sorted({sums.BLOCK * (blocks * k // wanted) for k in range(wanted)}) if wanted else [0]
    starts = _rows_of(firsts[1:], looked_at, scanned)
    ends = [*firsts[1:], eligible]
    return [
        (first, end - first, tuple(stretches(dataset, start, stop)) or (Stretch(dataset.files[0], 0, 0),))
        for first, end, start, stop in zip(firsts, ends, [0, *starts], [*starts, dataset.rows], strict=True)
    ]


def _rows_of(positions: Sequence[int], looked_at: Sequence[Stretch], scanned: Sequence[Scanned]) -> list[int]:
    """Return the rows of the dataset on which some of the eligible stand; positions rise."""
    found: list[int] = []
    eligible = row = 0
    for stretch, one in zip(looked_at, scanned, strict=True):
        place = np.flatnonzero(one.mask)
        while len(found) < len(positions) and positions[len(found)] < eligible + len(place):
            found.append(row + int(place[positions[len(found)] - eligible]))
        eligible += len(place)
        row += stretch.rows
    return found


def _contradictions(book: ClusterBook, settings: Settings, locate: Locate) -> list[Finding]:
    """Refuse shares that leave nothing to lend: one enterprise of each kind is enough to see it."""
    if sum(limit.measure != "average_rate" for limit in settings.limits) < 2 or not book.size:
        return []
    kinds: dict[tuple[int, ...], int] = {}
    for part, found in zip(book.parts, book.ask(kinds_in), strict=True):
        for kind, place in found:
            kinds.setdefault(kind, part.first + place)
    return contradicting_shares(settings, book.gather(np.array(sorted(kinds.values()))), locate)
