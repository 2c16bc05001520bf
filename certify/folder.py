"""The five files of a plan, as they were read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lendplan.certify.allocations import Allocations, read_allocations, same_as
from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import read_text

ROLES = ("scenario", "enterprises", "ratings", "churn")
DIGITS = 1000
"""Of a whole number in a JSON file; a double has no more than 309."""


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
