"""What the command `rate` does between reading and writing: inputs in, a rating as a folder and a file out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lendplan.data.findings import Finding, InputError
from lendplan.data.numbers import parse_number
from lendplan.errors import OutputError
from lendplan.rateplacing import write, write_file
from lendplan.rating import process
from lendplan.rating.fitted import FittedRating, Options, read_model, read_rating
from lendplan.rating.invoices.reading import read_dossier
from lendplan.rating.outputs import output_of
from lendplan.rating.records import Output
from lendplan.rating.risk.guarantees import read_guarantees
from lendplan.rating.risk.thirdparties import read_agency_ratings, read_master_scale
from lendplan.rating.tolearn import refuse_too_few

if TYPE_CHECKING:
    from lendplan.rating.card.card import Card
    from lendplan.rating.forecast.validation import Validation
    from lendplan.rating.watching.watch import Watch

log = logging.getLogger(__name__)

Duplicates = Literal["drop", "keep"]
FileKind = Literal["csv", "parquet"]
JOBS = 2
"""Threads of a forest; they change nothing but the time."""


@dataclass(frozen=True)
class Tables:
    """Further inputs, as the user named them.

    Parameters
    ----------
    loss_given_default
        A fraction as text, such as ``50%``.
    guarantees, agencies, scale
        Files, or None.
    """

    loss_given_default: str | None = None
    guarantees: Path | None = None
    agencies: Path | None = None
    scale: Path | None = None


def fit(
    source: Path, options: Options, tables: Tables, duplicates: Duplicates
) -> tuple[bytes, str, process.RatedBook, Output]:
    """Read, learn and rate.

    Returns
    -------
    tuple
        The fitted rating's file and its SHA-256, the enterprises as rated, and the files of the folder.

    Raises
    ------
    InputError
        With everything that is wrong with the inputs.
    """
    dossier = read_dossier(source, duplicates=duplicates)
    fitted, indicators = process.fit(dossier, options, jobs=JOBS)
    content = fitted.to_json()
    digest = hashlib.sha256(content).hexdigest()
    rated = process.rate(fitted, dossier, _beside(tables, fitted), indicators=indicators)
    made = output_of(fitted, _stamp(digest), rated, validation=process.out_of_bag(rated))
    _tell(rated)
    return content, digest, rated, made


def apply(
    fitted: FittedRating, digest: str, source: Path, tables: Tables, duplicates: Duplicates
) -> tuple[process.RatedBook, Output]:
    """Read and rate by a rating that was fitted before.

    Raises
    ------
    InputError
        With everything that is wrong with the inputs.
    """
    dossier = read_dossier(source, duplicates=duplicates)
    rated = process.rate(fitted, dossier, _beside(tables, fitted))
    _tell(rated)
    return rated, output_of(fitted, _stamp(digest), rated)


def read_fitted(path: Path) -> tuple[FittedRating, str]:
    """Read a fitted rating, and return it with the hash of its file."""
    return read_rating(path)


def is_scorecard(path: Path) -> bool:
    """Whether a model's file is a scorecard rather than a fitted rating of enterprises."""
    from lendplan.rating.loans.scorefile import FORMAT

    return read_model(path).content.get("format") == FORMAT


def apply_scorecard(model: Path, applicants: Path) -> Output:
    """Score and grade applicants by a fitted scorecard.

    Raises
    ------
    InputError
        If the scorecard or the table cannot be read.
    """
    from lendplan.rating.loans.scoring import apply_scorecard as scored

    return scored(model, applicants)


def refuse_with_scorecard(*given: object) -> None:
    """Refuse options that mean nothing to a scorecard.

    Raises
    ------
    InputError
        If one of them is given.
    """
    if any(one is not None for one in given):
        message = (
            "a scorecard takes its losses from the loan history; leave out --lgd, --guarantees, --agencies, --scale "
            "and --history"
        )
        raise InputError(Finding(message))


def _stamp(digest: str) -> dict[str, str]:
    return {"sha256": digest, "version": version("lendplan")}


def _tell(rated: process.RatedBook) -> None:
    for finding in rated.findings:
        log.warning("%s", finding)


def _beside(tables: Tables, fitted: FittedRating) -> process.Beside:
    """Read the tables beside the invoices; what is wrong with any of them is told together."""
    found = process.Beside()
    findings: list[Finding] = []
    if (tables.agencies is None) != (tables.scale is None):
        message = "agencies' ratings and the master scale belong together; give --agencies and --scale"
        findings.append(Finding(message))
    try:
        if tables.loss_given_default is not None:
            found = replace(found, loss_given_default=fraction(tables.loss_given_default, "--lgd"))
    except InputError as error:
        findings += error.findings
    try:
        if tables.guarantees is not None:
            found = replace(found, guarantees=read_guarantees(tables.guarantees))
    except InputError as error:
        findings += error.findings
    try:
        if tables.agencies is not None and tables.scale is not None:
            ratings = read_agency_ratings(tables.agencies)
            scale = read_master_scale(tables.scale, fitted.learned.grades)
            found = replace(found, agencies=ratings, scale=scale)
    except InputError as error:
        findings += error.findings
    if findings:
        raise InputError(findings)
    if found.guarantees is not None and found.loss_given_default is None:
        log.warning("guarantees lower a loss given default, and none is known: state one with --lgd")
    return found


def fraction(text: str, option: str) -> float:
    """Return a fraction of the command line.

    Raises
    ------
    InputError
        If it is none between 0 and 1.
    """
    value = parse_number(text, is_share=True)
    if isinstance(value, str) or not 0 <= value <= 1:
        raise InputError(Finding(f"{option} {text!r} is no fraction between 0 and 1; write 50% or 0.5"))
    return value


def validate(
    source: Path,
    duplicates: Duplicates,
    *,
    repeats: int,
    folds: int,
    seed: int,
    trees: int,
    grades: tuple[str, ...] | None = None,
) -> Validation:
    """Cross-validate on the rated enterprises of an input.

    Raises
    ------
    InputError
        If the input cannot be read, or too few are rated.
    """
    from lendplan.rating.forecast.learning import Settings
    from lendplan.rating.forecast.validation import validate as cross_validate
    from lendplan.rating.indicators.catalogue import CATALOGUE
    from lendplan.rating.indicators.computing import learnt

    dossier = read_dossier(source, duplicates=duplicates)
    indicators, unrated = process.rated_on(dossier)
    with process.naming_file(dossier):
        refuse_too_few(dossier, unrated, grades)
        return cross_validate(
            learnt(indicators),
            dossier.enterprises.grade,
            dossier.enterprises.is_default,
            repeats=repeats,
            folds=folds,
            seed=seed,
            settings=Settings(trees=trees),
            grades=grades,
            directions={name: one.direction for name, one in CATALOGUE.items()},
            jobs=JOBS,
        )


def watch(model: Path, source: Path, thresholds: Sequence[str], duplicates: Duplicates) -> Watch:
    """Hold new invoices against the state of a fitted rating.

    Raises
    ------
    InputError
        If the model or the input cannot be read, or a threshold is none.
    """
    from lendplan.rating.forecast.learning import forecast
    from lendplan.rating.watching.customers import customers_of
    from lendplan.rating.watching.rules import parse_thresholds
    from lendplan.rating.watching.watch import watch as watched

    levels = parse_thresholds(thresholds)
    fitted, _ = read_rating(model)
    dossier = read_dossier(source, duplicates=duplicates)
    if not set(fitted.state.enterprise) & set(dossier.enterprises.enterprise):
        raise InputError(Finding(f"no enterprise of {model} is in it; is it another book?", file=str(source)))
    indicators, _ = process.rated_on(dossier)
    foretold = forecast(fitted.learned, indicators, explain=False)
    return watched(
        fitted.state,
        indicators,
        grades=fitted.learned.grades,
        grade_forecast=foretold.grade,
        default_probability=foretold.default_probability,
        customers=customers_of(dossier),
        thresholds=levels,
    )


def card(folder: Path, enterprise: str, history: Path | None) -> Card:
    """Return the rating report of one enterprise, with its earlier ratings where a history is given.

    Raises
    ------
    InputError
        If the folder or the history cannot be read, or the enterprise is in neither.
    """
    from lendplan.rating.card.card import HistoryLine
    from lendplan.rating.card.folder import card_of

    found = card_of(folder, enterprise)
    if history is None:
        return found
    from lendplan.rating.watching.history import history_of

    lines = tuple(
        HistoryLine(
            f"{run.at} ({run.run})",
            one.grade,
            one.grade_forecast,
            float("nan") if one.default_probability is None else one.default_probability,
            float("nan") if one.score is None else one.score,
        )
        for run, one in history_of(history, enterprise)
    )
    return replace(found, history=lines)


def history_lines(file: Path, enterprise: str | None, moves: tuple[str, str] | None) -> tuple[str, ...]:
    """Return what a grade history holds, for the terminal.

    Raises
    ------
    InputError
        If it cannot be read, or lacks what is asked for.
    """
    from lendplan.rating.watching.history import history_of, runs_of
    from lendplan.rating.watching.migration import migration_matrix

    if moves is not None:
        return migration_matrix(file, *moves).lines()
    if enterprise is not None:
        return tuple(
            f"{run.at}  {run.run}  {one.grade or '(none)'}  {one.reason}"
            for run, one in history_of(file, enterprise)
        )
    return tuple(f"{run.at}  {run.run}  model {run.model[:12] or 'none'}" for run in runs_of(file))


def simulate(
    output: Path,
    *,
    size: int,
    seed: int,
    months: int,
    invoices_per_month: float,
    unrated: float,
    kind: FileKind,
) -> tuple[Path, ...]:
    """Write simulated enterprises and invoices, as a folder or as a workbook; return what was written.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from lendplan.rating.simulation.files import simulation_files, workbook_bytes
    from lendplan.rating.simulation.simulator import simulate as simulated

    tables = simulated(size, seed, months=months, invoices_per_month=invoices_per_month, unrated=unrated)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise OutputError(
            f"{output} stands there already, and a made-up book must not replace a real one; name another"
        )
    if output.suffix.lower() == ".xlsx":
        write_file(output, workbook_bytes(tables), is_ours=lambda _: False)
        return (output,)
    files = simulation_files(tables, kind=kind)
    write(output, files, ours=tuple(files))
    return tuple(output / name for name in files)
