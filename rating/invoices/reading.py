"""Enterprises and their invoices out of a workbook or a folder of tables, checked, as one dossier."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import release
from lendplan.data.findings import Finding, InputError, did_you_mean, listed, shown
from lendplan.data.tables import RawTable
from lendplan.data.texts import Texts
from lendplan.rating.invoices.places import SIDES, find_tables
from lendplan.rating.invoices.repeats import find_repeats, named_codes, told, without
from lendplan.rating.invoices.tables import (
    DEFAULT,
    INVOICES,
    RATED_ENTERPRISES,
    SIDE,
    STATUS,
    counted,
    meanings,
    rows_of,
    typed,
)
from lendplan.rating.records import Codes, Dossier, Enterprises, Floats, Invoices, Mask, Reading

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Part:
    """The invoices of one table."""

    file: str
    owner: Codes
    is_sale: Mask
    number: Texts
    day: Codes
    counterparty: Texts
    amount: Floats
    tax: Floats
    total: Floats
    is_valid: Mask
    line: Codes
    notes: tuple[Finding, ...]


def read_dossier(source: str | Path, *, duplicates: Literal["drop", "keep"] = "drop") -> Dossier:
    """Read enterprises and invoices.

    Parameters
    ----------
    source
        A workbook with the sheets 企业信息, 进项发票信息 and 销项发票信息 (or ``enterprises``, ``input_invoices``
        and ``output_invoices``), in any order; or a folder with tables of these names as ``.csv`` or ``.parquet``.
        One table ``invoices`` (发票信息) with the column ``side`` may stand for the two of invoices.
    duplicates
        Whether rows that repeat an earlier one in every column are left out.

    Returns
    -------
    Dossier
        Every enterprise, also those without a valid invoice; `unusable` says so. Purchases come before sales where each
        side has a table of its own.

    Raises
    ------
    InputError
        With every problem of all tables at once: a missing table or column, cells that cannot be read, words that are
        not known, invoices of enterprises that are not among the enterprises.
    """
    tables = find_tables(Path(source))
    findings: list[Finding] = []
    enterprises: Enterprises | None = None
    parts: list[_Part] = []
    try:
        enterprises = _enterprises(tables.enterprises)
    except InputError as error:
        findings += error.findings
    for side, raw in tables.invoices:
        try:
            parts.append(_part(raw, side, enterprises, tables.enterprises.name))
        except InputError as error:
            findings += error.findings
    if findings or enterprises is None:
        raise InputError(findings)
    records = tuple(raw.record(role) for role, raw in tables.named())
    files = (parts[0].file, parts[-1].file)
    del tables
    invoices, line = _joined(parts)
    notes = [note for part in parts for note in part.notes]
    del parts
    invoices, reading, repeated = _screened(invoices, line, files, enterprises, drop=duplicates == "drop")
    unusable = _unusable(enterprises, invoices)
    release()
    return Dossier(enterprises, invoices, unusable, (*notes, *repeated), records, reading)


def _enterprises(raw: RawTable) -> Enterprises:
    table, headers = typed(raw, RATED_ENTERPRISES)
    is_default, findings = meanings(
        table.texts("default"), DEFAULT, raw, headers.get("default", ""), "write 是 (yes), 否 (no) or nothing"
    )
    if findings:
        raise InputError(findings)
    return Enterprises(
        enterprise=tuple(table.texts("enterprise").tolist()),
        name=tuple(table.texts("name").tolist()),
        grade=tuple(table.texts("grade").tolist()),
        is_default=is_default,
        line=raw.line,
    )


def _part(raw: RawTable, side: str | None, enterprises: Enterprises | None, known_from: str) -> _Part:
    """Read the invoices of one table; without the enterprises all is checked but whose they are."""
    table, headers = typed(raw, INVOICES, side)
    is_valid, findings = meanings(
        table.texts("status"), STATUS, raw, headers["status"], "write 有效发票 (valid) or 作废发票 (void)"
    )
    is_sale, of_side = _is_sale(table.texts("side"), side, raw, headers.get("side"))
    owner = np.zeros(raw.rows, dtype=np.int32)
    findings += of_side
    if enterprises is not None:
        owner, of_owner = _owners(
            table.texts("enterprise"), enterprises, raw, headers["enterprise"], known_from
        )
        findings += of_owner
    if findings:
        raise InputError(findings)
    return _Part(
        file=raw.name,
        owner=owner,
        is_sale=is_sale,
        number=table.texts("invoice_no"),
        day=table.numbers("date").astype(np.int32),
        counterparty=table.texts("counterparty"),
        amount=table.numbers("amount"),
        tax=table.numbers("tax"),
        total=table.numbers("total"),
        is_valid=is_valid == 1,
        line=raw.line.astype(np.int32),
        notes=_notes(table.texts("counterparty"), raw, headers["counterparty"]),
    )


def _notes(counterparty: Texts, raw: RawTable, key: str) -> tuple[Finding, ...]:
    """Return what may stand in a table, and should be known."""
    blank = np.flatnonzero(counterparty.equals(""))
    if not blank.size:
        return ()
    message = (
        f"names nobody in {rows_of(blank.size)}, this is the first; together they count as one counterparty"
    )
    return (Finding(message, file=raw.name, line=int(raw.line[blank[0]]), key=key),)


def _is_sale(texts: Texts, side: str | None, raw: RawTable, key: str | None) -> tuple[Mask, list[Finding]]:
    """Return which invoices are sales; the column `side` may stand in a table of one side, if it agrees."""
    if key is None:
        if side is None:
            message = (
                f"column 'side' is missing: write input or output (进项, 销项) in each row, or keep {SIDES['input']} "
                f"and {SIDES['output']} apart"
            )
            return np.zeros(raw.rows, dtype=bool), [Finding(message, file=raw.name, line=1)]
        return np.full(raw.rows, side == "output"), []
    wanted = "write 进项 (input) or 销项 (output)"
    meaning, findings = meanings(texts, SIDE, raw, key, wanted)
    blank = np.flatnonzero(texts.equals(""))
    if blank.size and side is None:
        message = f"is blank in {rows_of(blank.size)}, this is the first; {wanted}"
        findings.append(Finding(message, file=raw.name, line=int(raw.line[blank[0]]), key=key))
    if side is None:
        return meaning == 1, findings
    contrary = np.flatnonzero(meaning == (side != "output"))
    if contrary.size:
        where = f"is of the other side in {rows_of(contrary.size)}, this is the first"
        message = f"{where}; the table is one of {side} invoices"
        findings.append(Finding(message, file=raw.name, line=int(raw.line[contrary[0]]), key=key))
    return np.full(raw.rows, side == "output"), findings


def _owners(
    texts: Texts, enterprises: Enterprises, raw: RawTable, key: str, known_from: str
) -> tuple[Codes, list[Finding]]:
    """Return the position of each invoice's enterprise; unknown ids are one finding."""
    place = {one: position for position, one in enumerate(enterprises.enterprise)}
    codes, values = texts.coded()
    owner = np.array([*(place.get(value, -1) for value in values), -1], dtype=np.int32)[codes]
    strange = np.flatnonzero(owner < 0)
    if not strange.size:
        return owner, []
    names = {code: shown(values[code]) for code in set(codes[strange].tolist())}
    ids = "1 id is" if len(names) == 1 else f"{len(names):,} ids are"
    one = str(values[int(codes[strange[0]])])
    message = (
        f"{ids} not among the enterprises of {known_from}: {counted(codes[strange], raw.line[strange], names)}; "
        f"add them there, or delete their invoices{did_you_mean(one, place)}"
    )
    return owner, [Finding(message, file=raw.name, line=int(raw.line[strange[0]]), key=key)]


def _joined(parts: Sequence[_Part]) -> tuple[Invoices, Codes]:
    """Return the invoices of all tables one after another, and the row each stands in."""

    def column(name: str) -> NDArray[Any]:
        found = [getattr(part, name) for part in parts]
        return found[0] if len(found) == 1 else np.concatenate(found)

    counterparty, counterparties = named_codes(Texts.joined([part.counterparty for part in parts]))
    invoices = Invoices(
        owner=column("owner"),
        is_sale=column("is_sale"),
        number=Texts.joined([part.number for part in parts]),
        day=column("day"),
        counterparty=counterparty,
        amount=column("amount"),
        tax=column("tax"),
        total=column("total"),
        is_valid=column("is_valid"),
        counterparties=counterparties,
    )
    return invoices, column("line")


def _screened(
    invoices: Invoices, line: Codes, files: tuple[str, str], enterprises: Enterprises, *, drop: bool
) -> tuple[Invoices, Reading, list[Finding]]:
    """Find rows that stand there twice, leave them out if that is asked for, and tell of them."""
    duplicate, duplicated, conflict, conflicting = find_repeats(invoices)
    repeats = told(invoices, line, duplicate, duplicated)
    conflicts = told(invoices, line, conflict, conflicting)
    if drop and duplicate.size:
        invoices, kept = without(invoices, duplicate)
        line = line[kept]
    findings: list[Finding] = []
    for is_sale, file in enumerate(files):
        owners = repeats.owner[repeats.is_sale == bool(is_sale)]
        if owners.size:
            done = "left out" if drop else "kept"
            message = (
                f"{rows_of(owners.size)} repeat an earlier one of the same side in every column, {done}: "
                f"{_most(owners, enterprises)}"
            )
            findings.append(
                Finding(message, file=file, line=int(repeats.line[repeats.is_sale == bool(is_sale)][0]))
            )
    return invoices, Reading(*files, line, repeats, conflicts, drop), findings


def _most(owners: Codes, enterprises: Enterprises) -> str:
    """Return the enterprises with the most rows, and how many."""
    count = np.bincount(owners)
    order = np.argsort(-count, kind="stable")[: int((count > 0).sum())]
    return listed([f"{enterprises.enterprise[at]} {count[at]:,}" for at in order.tolist()], 3)


def _unusable(enterprises: Enterprises, invoices: Invoices) -> dict[str, str]:
    """Return the enterprises without a valid invoice, and why they have none."""
    count = np.bincount(invoices.owner, minlength=enterprises.size)
    valid = np.bincount(invoices.owner[invoices.is_valid], minlength=enterprises.size)
    return {
        enterprises.enterprise[at]: (
            "has no invoice on either side"
            if not count[at]
            else f"has no valid invoice: {'the only one is' if count[at] == 1 else f'all {count[at]:,} are'} void"
        )
        for at in np.flatnonzero(valid == 0).tolist()
    }
