"""The five files of a plan, as they were read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import numpy_of
from lendplan.data.cells import texts_of
from lendplan.data.findings import Finding, InputError
from lendplan.data.numbers import plain_numbers
from lendplan.data.sources import read_text
from lendplan.data.tables import RawTable, read_table
from lendplan.data.texts import Texts

TEXTS = ("enterprise", "grade", "decision", "reason")
NUMBERS = ("rate", "line", "exposure", "interest", "revenue", "risk", "value")
HEADER = ("enterprise", "grade", "decision", *NUMBERS, "reason")
ROLES = ("scenario", "enterprises", "ratings", "churn")
DIGITS = 1000
"""Of a whole number in a JSON file; a double has no more than 309."""


@dataclass(frozen=True)
class Allocations:
    """A table of allocations as it stands in a file.

    Parameters
    ----------
    header
        Its columns.
    columns
        Of `HEADER` those that are there: text, '' for blank; numbers as float64, NaN for blank and for what is no
        finite number, (rows,).
    wrong_type
        Columns that hold another type than they should (Parquet only).
    encoding
        Of a text file, else None.
    """

    header: tuple[str, ...]
    columns: Mapping[str, Texts | NDArray[np.float64]]
    wrong_type: tuple[str, ...]
    encoding: str | None

    def texts(self, name: str) -> Texts:
        """Return a column of text."""
        column = self.columns[name]
        assert isinstance(column, Texts)
        return column

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers, (rows,)."""
        column = self.columns[name]
        assert not isinstance(column, Texts)
        return column

    @property
    def rows(self) -> int:
        """Number of rows."""
        return max((len(column) for column in self.columns.values()), default=0)


@dataclass(frozen=True)
class Source:
    """An input that the manifest names.

    Parameters
    ----------
    role
        One of `ROLES`.
    path
        As the manifest has it.
    sha256
        As the manifest has it.
    """

    role: str
    path: str
    sha256: str


@dataclass(frozen=True)
class PlanFolder:
    """What a plan's folder holds.

    Parameters
    ----------
    path
        The folder.
    table
        allocations.csv.
    parquet
        Whether allocations.parquet says the same, and where not.
    summary, certificate, manifest
        The JSON files.
    scenario
        manifest.json: scenario.
    sources
        manifest.json: inputs.
    """

    path: Path
    table: Allocations
    parquet: tuple[bool, str]
    summary: Mapping[str, Any]
    certificate: Mapping[str, Any]
    manifest: Mapping[str, Any]
    scenario: Mapping[str, Any]
    sources: tuple[Source, ...]

    def without_reasons(self) -> "PlanFolder":
        """Return the same without the reasons, which nothing is checked against and which take much room."""
        columns = {name: column for name, column in self.table.columns.items() if name != "reason"}
        return replace(self, table=replace(self.table, columns=columns))

    def locate(self, source: Source) -> str:
        """Return where a source is: relative paths belong to the folder, and may not lead out of it."""
        if Path(source.path).is_absolute():
            return source.path
        if not (self.path / source.path).resolve().is_relative_to(self.path.resolve()):
            message = f"the relative path {source.path!r} leads out of the plan's folder"
            raise InputError(Finding(message, file=str(self.path / "manifest.json"), key="inputs"))
        return str(self.path / source.path)


def same_as(table: Allocations, parquet: Allocations) -> tuple[bool, str]:
    """Compare allocations.parquet with allocations.csv, value by value and to the last bit; say where they differ."""
    if parquet.header != table.header:
        return False, f"columns differ: {', '.join(parquet.header)}"
    faults = [f"{name} has another type" for name in parquet.wrong_type]
    if table.rows != parquet.rows:
        faults.append(f"{parquet.rows:,} rows, where allocations.csv has {table.rows:,}")
        return False, "; ".join(faults)
    for name in table.columns:
        ours, theirs = table.columns[name], parquet.columns[name]
        bad = np.flatnonzero(_unequal(ours, theirs))
        if name == "reason":
            # Text that a spreadsheet would take for a formula is guarded by an apostrophe in the CSV.
            bad = np.array([row for row in bad.tolist() if ours[row] != f"'{theirs[row]}"], dtype=np.int64)
        if bad.size:
            row = int(bad[0])
            who = table.columns["enterprise"][row] if "enterprise" in table.columns else f"row {row + 1}"
            in_parquet, in_csv = (_plain(one[row]) for one in (theirs, ours))
            faults.append(
                f"{name} of {who!r} is {in_parquet!r}, in allocations.csv {in_csv!r} ({bad.size:,} rows differ)"
            )
    return not faults, "; ".join(faults) or f"{table.rows:,} rows are equal"


def _unequal(one: Texts | NDArray[np.float64], other: Texts | NDArray[np.float64]) -> NDArray[np.bool_]:
    if isinstance(one, Texts) and isinstance(other, Texts):
        return one.differs(other)
    if isinstance(one, Texts) or isinstance(other, Texts):
        return np.ones(len(one), dtype=bool)
    return np.asarray(~((one == other) | (np.isnan(one) & np.isnan(other))))


def _plain(value: str | np.float64) -> str | float:
    return value if isinstance(value, str) else float(value)


def read_folder(folder: Path) -> PlanFolder:
    """Read the files of a plan.

    Raises
    ------
    InputError
        With every file that is missing or malformed.
    """
    findings: list[Finding] = []
    if not folder.is_dir():
        raise InputError(Finding("no such folder", file=str(folder)))
    tables: dict[str, Allocations] = {}
    is_point = _is_point(folder)
    for name in ("allocations.parquet",) if is_point else ("allocations.csv", "allocations.parquet"):
        try:
            tables[name] = read_allocations(folder / name)
        except InputError as error:
            findings += error.findings
    try:
        papers = read_papers(folder)
    except InputError as error:
        raise InputError([*findings, *error.findings]) from None
    if findings:
        raise InputError(findings)
    if is_point:
        table = replace(
            tables["allocations.parquet"], encoding="utf-8"
        )  # which the format leaves no choice of
        return replace(papers, table=table, parquet=(True, "a point of a sweep has no other allocation"))
    table = tables["allocations.csv"]
    return replace(papers, table=table, parquet=same_as(table, tables["allocations.parquet"]))


def _is_point(folder: Path) -> bool:
    """Whether a folder is a point of a sweep, which has its allocation as Parquet alone."""
    if (folder / "allocations.csv").exists():
        return False
    try:
        return isinstance(_read_json(folder / "manifest.json").get("point"), dict)
    except InputError:
        return False


def read_papers(folder: Path) -> PlanFolder:
    """Read the JSON files of a plan alone; its table has no columns.

    Raises
    ------
    InputError
        With every file that is missing or malformed.
    """
    findings: list[Finding] = []
    texts: dict[str, dict[str, Any]] = {}
    for name in ("summary.json", "certificate.json", "manifest.json"):
        try:
            texts[name] = _read_json(folder / name)
        except InputError as error:
            findings += error.findings
    manifest = texts.get("manifest.json", {})
    sources, faults = _sources(manifest, str(folder / "manifest.json")) if manifest else ((), [])
    if findings or faults:
        raise InputError([*findings, *faults])
    return PlanFolder(
        path=folder,
        table=Allocations((), {}, (), None),
        parquet=(False, "not read"),
        summary=texts["summary.json"],
        certificate=texts["certificate.json"],
        manifest=manifest,
        scenario=manifest["scenario"],
        sources=sources,
    )


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; NaN is kept, so that the check that meets it can name it."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return content

    def whole(digits: str) -> int:
        if len(digits) > DIGITS:
            raise ValueError(f"it has a number of {len(digits):,} digits; none may have more than {DIGITS:,}")
        return int(digits)

    try:
        content = json.loads(read_text(path).text, object_pairs_hook=unique, parse_int=whole)
    except ValueError as error:
        raise InputError(Finding(f"is malformed JSON: {error}", file=str(path))) from error
    except RecursionError as error:
        raise InputError(Finding("is malformed JSON: it is nested too deeply", file=str(path))) from error
    if not isinstance(content, dict) or not content:
        raise InputError(Finding("must hold a JSON object with keys", file=str(path)))
    return content


def _sources(manifest: Mapping[str, Any], file: str) -> tuple[tuple[Source, ...], list[Finding]]:
    findings = []
    if not isinstance(manifest.get("scenario"), dict):
        findings.append(Finding("must be the scenario in full", file=file, key="scenario"))
    sources: list[Source] = []
    entries = manifest.get("inputs")
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        content = entry if isinstance(entry, dict) else {}
        role, path, digest = (content.get(key) for key in ("role", "path", "sha256"))
        if role in ROLES and isinstance(path, str) and isinstance(digest, str):
            sources.append(Source(str(role), path, digest))
        else:
            message = f"needs a role ({', '.join(ROLES)}), a path and a sha256"
            findings.append(Finding(message, file=file, key=f"inputs.{position}"))
    roles = [source.role for source in sources]
    for role, least in (("enterprises", 1), ("ratings", 0), ("churn", 1)):
        if not findings and not least <= roles.count(role) <= 1:
            findings.append(
                Finding(
                    f"{roles.count(role)} inputs of role {role!r}; one is wanted", file=file, key="inputs"
                )
            )
    return tuple(sources), findings


def read_allocations(path: Path) -> Allocations:
    """Read allocations.csv or allocations.parquet.

    Raises
    ------
    InputError
        If the file is missing or damaged, or a cell of a number column is no number; NaN and inf are kept as NaN, so
        that the check that meets them can name them.
    """
    return allocations_in(read_table(path, NUMBERS))


def allocations_in(raw: RawTable) -> Allocations:
    """Return allocations as they stand in a table that was read, or in a part of one; as `read_allocations` raises."""
    path = raw.path
    columns: dict[str, Texts | NDArray[np.float64]] = {}
    wrong: list[str] = []
    for name in HEADER:
        if name not in raw.columns:
            continue
        column = raw.columns[name]
        is_arrow = not isinstance(column, np.ndarray)
        if name in TEXTS:
            if is_arrow and not _holds_text(column):
                wrong.append(name)
            columns[name] = texts_of(column).values
        elif is_arrow and str(column.type) in ("double", "large_string", "null"):
            if path.suffix != ".csv" and str(column.type) == "large_string":
                wrong.append(name)
            columns[name] = _numbers(column, raw, name)
        else:
            if path.suffix != ".csv":
                wrong.append(name)
            columns[name] = _floats(raw.cells(name), raw, name)
    return Allocations(tuple(raw.columns), columns, tuple(wrong), raw.encoding)


def _holds_text(column: Any) -> bool:
    kind = str(column.type)
    return "string" in kind or kind == "null"


def _numbers(column: Any, raw: RawTable, name: str) -> NDArray[np.float64]:
    """Return an Arrow array as numbers."""
    if str(column.type) == "large_string":
        plain = plain_numbers(column)
        return _floats(raw.cells(name), raw, name) if plain is None else plain
    if str(column.type) == "null":
        return np.full(len(column), np.nan)
    values = numpy_of(column)
    return np.where(np.isfinite(values), values, np.nan)


def _floats(cells: NDArray[np.object_], raw: RawTable, name: str) -> NDArray[np.float64]:
    values = np.full(len(cells), np.nan)
    filled = np.array([cell is not None and cell != "" for cell in cells.tolist()], dtype=bool)
    try:
        values[filled] = cells[filled].astype(np.float64)
    except (ValueError, TypeError):
        raise InputError(_no_numbers(cells, raw, name)) from None
    return np.where(np.isfinite(values), values, np.nan)


def _no_numbers(cells: NDArray[np.object_], raw: RawTable, name: str) -> list[Finding]:
    findings = []
    for row, cell in enumerate(cells.tolist()):
        if cell is None or cell == "":
            continue
        try:
            float(cell)
        except (ValueError, TypeError):
            findings.append(
                Finding(f"{cell!r} is no number", file=raw.name, line=int(raw.line[row]), key=name)
            )
    return findings
