"""The inputs that a plan's manifest names, read anew and hashed."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lendplan.certify.folder import PlanFolder, Source
from lendplan.data.book import Book, assemble_book
from lendplan.data.churn import ChurnTable, read_churn
from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import sha256_of
from lendplan.data.tables import RawTable, read_table, split_sheet

SHIPPED = "package:churn_2019.csv"
"""What a manifest calls the churn table that comes with the package."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a plan, read anew.

    Parameters
    ----------
    hashes
        Of each source the SHA-256 of the bytes that were read, (sources,).
    book, churn
        The tables; None where they cannot be read any more because a file was changed.
    unreadable
        What was found then; '' otherwise.
    """

    hashes: tuple[str, ...]
    book: Book | None
    churn: ChurnTable | None
    unreadable: str


def read_inputs(plan: PlanFolder, columns: Mapping[str, str]) -> Inputs:
    """Read the inputs that the manifest names; each is hashed from the very bytes that are read.

    Parameters
    ----------
    plan
        The folder.
    columns
        Our column name → theirs.

    Raises
    ------
    InputError
        With every input that is missing; or with what is wrong in inputs that have not changed.
    """
    missing: list[Finding] = []
    unreadable: list[Finding] = []
    hashes: list[str] = []
    tables: dict[str, RawTable] = {}
    churn: ChurnTable | None = None
    book: Book | None = None
    with quiet():
        for source in plan.sources:
            where = plan.locate(source)
            try:
                if source.role == "scenario":
                    hashes.append(sha256_of(where))
                elif source.role == "churn":
                    churn = read_churn(None if source.path == SHIPPED else where, columns)
                    hashes.append(churn.source.sha256)
                else:
                    table = read_table(where)
                    tables[source.role] = table
                    hashes.append(table.sha256)
            except InputError as error:
                digest = _hash_if_changed(source, where)
                hashes.append(digest or "")
                (missing if digest is None else unreadable).extend(error.findings)
        if missing:
            raise InputError(missing)
        is_changed = any(digest != source.sha256 for digest, source in zip(hashes, plan.sources, strict=True))
        if {source.role for source in plan.sources} - {"scenario", "churn"} == set(tables):
            try:
                book = assemble_book(tables["enterprises"], tables.get("ratings"), columns)
            except InputError as error:
                if not is_changed:
                    raise
                unreadable += error.findings
    return Inputs(tuple(hashes), book, churn, str(InputError(unreadable)) if unreadable else "")


def _hash_if_changed(source: Source, where: str) -> str | None:
    """Return the hash of an input that cannot be read because it was changed; None where that is not why."""
    if source.path == SHIPPED:
        return None
    try:
        digest = sha256_of(split_sheet(Path(where))[0])
    except InputError:
        return None
    return digest if digest != source.sha256 else None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the readers log to themselves, in this thread alone: it was said when the plan was made."""
    here = threading.get_ident()

    def is_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    names = [name for name in logging.root.manager.loggerDict if name.startswith("lendplan.data")]
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(is_elsewhere)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_elsewhere)
