"""The five files of a plan, as they were read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import read_text
from lendplan.data.tables import RawTable, read_table

TEXTS = ("enterprise", "grade", "decision", "reason")
NUMBERS = ("rate", "line", "exposure", "interest", "revenue", "risk", "value")
HEADER = ("enterprise", "grade", "decision", *NUMBERS, "reason")
ROLES = ("scenario", "enterprises", "ratings", "churn")


@dataclass(frozen=True)
class Allocations:
    """A table of allocations as it stands in a file.

    Parameters
    ----------
    header
        Its columns.
    columns
        Of `HEADER` those that are there: text as str, '' for blank; numbers as float64, NaN for blank and for what
        is no finite number, (rows,).
    wrong_type
        Columns that hold another type than they should (Parquet only).
    encoding
        Of a text file, else None.
    """

    header: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]
    wrong_type: tuple[str, ...]
    encoding: str | None


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
    table, parquet
        allocations.csv and allocations.parquet.
    summary, certificate, manifest
        The JSON files.
    scenario
        manifest.json: scenario.
    sources
        manifest.json: inputs.
    """

    path: Path
    table: Allocations
    parquet: Allocations
    summary: Mapping[str, Any]
    certificate: Mapping[str, Any]
    manifest: Mapping[str, Any]
    scenario: Mapping[str, Any]
    sources: tuple[Source, ...]

    def locate(self, source: Source) -> str:
        """Return where a source is: relative paths belong to the folder, and may not lead out of it."""
        if Path(source.path).is_absolute():
            return source.path
        if not (self.path / source.path).resolve().is_relative_to(self.path.resolve()):
            message = f"the relative path {source.path!r} leads out of the plan's folder"
            raise InputError(Finding(message, file=str(self.path / "manifest.json"), key="inputs"))
        return str(self.path / source.path)


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
    texts: dict[str, dict[str, Any]] = {}
    for name in ("allocations.csv", "allocations.parquet"):
        try:
            tables[name] = read_allocations(folder / name)
        except InputError as error:
            findings += error.findings
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
        table=tables["allocations.csv"],
        parquet=tables["allocations.parquet"],
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

    try:
        content = json.loads(read_text(path).text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise InputError(Finding(f"is malformed JSON: {error}", file=str(path))) from error
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
    raw = read_table(path)
    is_text_file = path.suffix == ".csv"
    columns: dict[str, NDArray[Any]] = {}
    wrong: list[str] = []
    for name in HEADER:
        if name not in raw.frame.columns:
            continue
        cells = raw.frame[name].to_numpy(dtype=object).copy()
        cells[raw.frame[name].isna().to_numpy(dtype=bool)] = ""
        if name in TEXTS:
            if not all(isinstance(cell, str) for cell in cells):
                wrong.append(name)
            columns[name] = np.array([str(cell) for cell in cells], dtype=object)
        else:
            if not is_text_file and any(not (isinstance(cell, float) or cell == "") for cell in cells):
                wrong.append(name)
            columns[name] = _floats(cells, raw, name)
    return Allocations(tuple(str(name) for name in raw.frame.columns), columns, tuple(wrong), raw.encoding)


def _floats(cells: NDArray[np.object_], raw: RawTable, name: str) -> NDArray[np.float64]:
    values = np.full(len(cells), np.nan)
    filled = np.asarray(cells != "", dtype=bool)
    try:
        values[filled] = cells[filled].astype(np.float64)
    except (ValueError, TypeError):
        raise InputError(_no_numbers(cells, raw, name)) from None
    return np.where(np.isfinite(values), values, np.nan)


def _no_numbers(cells: NDArray[np.object_], raw: RawTable, name: str) -> list[Finding]:
    findings = []
    for row, cell in enumerate(cells.tolist()):
        if isinstance(cell, str) and cell == "":
            continue
        try:
            float(cell)
        except (ValueError, TypeError):
            findings.append(
                Finding(f"{cell!r} is no number", file=raw.name, line=int(raw.line[row]), key=name)
            )
    return findings
