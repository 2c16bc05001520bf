"""Where the tables of a rating stand: sheets of a workbook, or files of a folder, known by their names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lendplan.data.findings import Finding, InputError, did_you_mean, listed
from lendplan.data.sources import read_bytes
from lendplan.data.tables import RawTable, read_table, split_sheet
from lendplan.rating.invoices.tables import NUMBERS, plain

ENTERPRISES, BOTH = "enterprises", "invoices"
SIDES = MappingProxyType({"input": "input_invoices", "output": "output_invoices"})
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ENTERPRISES: ("企业信息", "enterprises"),
        SIDES["input"]: ("进项发票信息", "input_invoices"),
        SIDES["output"]: ("销项发票信息", "output_invoices"),
        BOTH: ("发票信息", "invoices"),
    }
)
"""Table → names of the sheet or file; case, blanks, hyphens and underscores make no difference."""
KINDS = (".csv", ".parquet")
WORKBOOKS = (".xlsx", ".xlsm")


@dataclass(frozen=True)
class Tables:
    """The tables as they were read, before any contract.

    Parameters
    ----------
    enterprises
        The enterprises.
    invoices
        Invoices with their side, ``input`` before ``output``; one table with side None where it holds both.
    """

    enterprises: RawTable
    invoices: tuple[tuple[str | None, RawTable], ...]

    def named(self) -> Iterator[tuple[str, RawTable]]:
        """Return each table with its role."""
        yield ENTERPRISES, self.enterprises
        for side, table in self.invoices:
            yield (BOTH if side is None else SIDES[side]), table


def find_tables(source: Path) -> Tables:
    """Find and read the tables of a workbook or a folder.

    Raises
    ------
    InputError
        If a table is missing or there twice, naming which and what there is; if one cannot be read.
    """
    path, sheet = split_sheet(source)
    if sheet is not None:
        message = "is one sheet, and a rating needs several; name the workbook alone"
        raise InputError(Finding(message, file=str(source)))
    if path.suffix.lower() in WORKBOOKS and not path.is_dir():
        return _of_workbook(path)
    if path.is_dir():
        return _of_folder(path)
    if path.exists():
        message = (
            "is one table, and a rating needs enterprises and invoices; name the folder that holds "
            f"{_spelled(ENTERPRISES)} and the invoices (.csv or .parquet), or a workbook (.xlsx)"
        )
        raise InputError(Finding(message, file=str(path)))
    read_bytes(path)  # says why it cannot be read
    raise AssertionError(path)


def _of_workbook(path: Path) -> Tables:
    from lendplan.data.workbooks import Workbook

    data = read_bytes(path)
    if not data:
        raise InputError(Finding("is empty", file=str(path)))
    digest = hashlib.sha256(data).hexdigest()
    workbook = Workbook(data, path)
    chosen = _assigned([(name, name) for name in workbook.names], str(path), "sheet")
    read = workbook.read(list(chosen.values()))
    return _tables(
        {
            role: RawTable(path, sheet, digest, None, columns, line)
            for (role, sheet), (columns, line) in zip(chosen.items(), read, strict=True)
        }
    )


def _of_folder(path: Path) -> Tables:
    try:
        files = sorted(
            one for one in path.iterdir() if one.suffix.lower() in KINDS and one.name[0] not in "._"
        )
    except OSError as error:
        raise InputError(Finding(f"cannot be read: {error.strerror}", file=str(path))) from error
    chosen = _assigned([(one.stem, one.name) for one in files], str(path), "file")
    return _tables({role: read_table(path / name, NUMBERS) for role, name in chosen.items()})


def _assigned(present: Iterable[tuple[str, str]], file: str, kind: str) -> dict[str, str]:
    """Return role → sheet or file, the enterprises first; `present` has what each is known by and its full name."""
    findings: list[Finding] = []
    names = [name for _, name in present]
    found: dict[str, str] = {}
    for role, known in NAMES.items():
        wanted = {plain(one) for one in known}
        here = [name for stem, name in present if plain(stem) in wanted]
        if len(here) > 1:
            message = f"has {len(here)} {kind}s for {_spelled(role)}: {listed(here)}; leave one"
            findings.append(Finding(message, file=file))
        if here:
            found[role] = here[0]
    sides = [role for role in SIDES.values() if role in found]
    if BOTH in found and sides:
        message = f"has {found[BOTH]} for both sides and {found[sides[0]]} for one; leave one or the other"
        findings.append(Finding(message, file=file))
    needed = [ENTERPRISES, *([] if BOTH in found else SIDES.values())]
    rest = [name for name in names if name not in found.values()]
    for role in needed:
        if role not in found:
            near = next(filter(None, (did_you_mean(known, rest) for known in NAMES[role])), "")
            there = listed(names, 20) or f"no {' or '.join(KINDS)} file"
            message = f"has no {kind} {_spelled(role)}{near} (it has {there})"
            findings.append(Finding(message, file=file))
    if findings:
        raise InputError(findings)
    return found


def _spelled(role: str) -> str:
    chinese, english = NAMES[role]
    return f"{chinese} ({english})"


def _tables(read: Mapping[str, RawTable]) -> Tables:
    if BOTH in read:
        return Tables(read[ENTERPRISES], ((None, read[BOTH]),))
    return Tables(read[ENTERPRISES], tuple((side, read[role]) for side, role in SIDES.items()))
