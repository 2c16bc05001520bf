"""What is wrong with a scenario in parts, and with its book in whatever part: all of it told together."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lendplan.clusterparts import Recipe, Scanned, repeated_hashes, rows_with, scan, without_hashes
from lendplan.data.datasets import Stretch
from lendplan.data.findings import Finding, InputError, shown
from lendplan.scenario import Settings
from lendplan.scrutiny import Locate
from lendplan.solvers.cluster import gathered

if TYPE_CHECKING:
    from distributed import Client

_IDS_A_BUCKET = 1 << 22
_REPEATED = 200  # ids that stand twice and are told


def refused(settings: Settings, locate: Locate) -> list[Finding]:
    """Refuse what is not solved in parts, each with the remedy."""
    findings = []
    path = Path(settings.enterprises or "")
    if path.suffix.lower() != ".parquet" and not path.is_dir():
        message = (
            "`solver.cluster` takes a .parquet file or a folder of them; save the book as one, or leave "
            "`solver.cluster` out"
        )
        findings.append(locate(("enterprises",), message))
    if settings.ratings is not None:
        message = "`solver.cluster` takes the ratings as columns of the book; join them, or leave it out"
        findings.append(locate(("ratings",), message))
    if settings.formulation != "joint":
        message = (
            f"`{settings.formulation}` is not solved in parts; use `joint`, or leave `solver.cluster` out"
        )
        findings.append(locate(("formulation",), message))
    if settings.solver.method == "highs":
        message = "`highs` does not solve in parts; write `auto`, or leave `solver.cluster` out"
        findings.append(locate(("solver", "method"), message))
    return findings


def looked_through(client: Client, recipe: Recipe, looked_at: Sequence[Stretch]) -> list[Scanned]:
    """Look through all stretches; what is wrong with them is raised together."""
    seen = [client.submit(scan, recipe, stretch, pure=False) for stretch in looked_at]
    scanned: list[Scanned] = gathered(
        client, [client.submit(without_hashes, one, pure=False) for one in seen]
    )
    told: dict[tuple[int, str, str], None] = {}
    for one in scanned:
        told.update(dict.fromkeys(one.told))
    for level, name, message in told:
        logging.getLogger(name).log(level, "%s", message)
    is_graded = any(one.grades - {""} for one in scanned)
    findings = list(
        _once(
            _of_its_rows(finding, stretch) if is_graded and finding.line == 1 else finding
            for stretch, one in zip(looked_at, scanned, strict=True)
            for finding in one.findings
        )
    )
    findings += _repeated(client, recipe, looked_at, seen)
    further = sum(one.further for one in scanned)
    if further:
        findings.append(Finding(f"{further:,} more findings of the same stretches of rows are not listed"))
    if findings:
        raise InputError(findings)
    return scanned


def _of_its_rows(finding: Finding, stretch: Stretch) -> Finding:
    """Say that a stretch has no grades where others have: its rows are at fault, and not the name of the column."""
    if finding.key != "grade":
        return finding
    rows = f"no enterprise from line {stretch.start + 2} to line {stretch.stop + 1} has a grade"
    return replace(finding, message=f"{rows}; rate them, or set `unrated: exclude` to leave them out")


def _once(findings: Iterable[Finding]) -> Iterable[Finding]:
    """Leave out what is said again by another stretch: of a whole file, or of a grade."""
    seen = set()
    for finding in findings:
        about = finding.message.partition(": ")[2] if finding.key == "grade" else ""
        known = (finding.file, finding.line, finding.key, finding.message)
        told: tuple[Any, ...] = ("grade", about) if about.startswith("grade ") else known
        if told not in seen:
            seen.add(told)
            yield finding


def _repeated(client: Client, recipe: Recipe, looked_at: Sequence[Stretch], seen: list[Any]) -> list[Finding]:
    """Find ids that stand in more than one stretch; those of one stretch are found by its contract."""
    if len(looked_at) < 2:
        return []
    buckets = 1 + sum(stretch.rows for stretch in looked_at) // _IDS_A_BUCKET
    asked = [client.submit(repeated_hashes, one, buckets, *seen, pure=False) for one in range(buckets)]
    hashes = np.concatenate(gathered(client, asked))[:_REPEATED]
    if not len(hashes):
        return []
    rows = gathered(
        client, [client.submit(rows_with, recipe, stretch, hashes, pure=False) for stretch in looked_at]
    )
    first: dict[str, tuple[str, int]] = {}
    findings = []
    for stretch, found in zip(looked_at, rows, strict=True):
        for text, line in found:
            file = stretch.file.path
            before = first.setdefault(text, (file, line))
            if before != (file, line):
                where = f"line {before[1]}" + ("" if before[0] == file else f" of {before[0]}")
                message = f"{shown(text)} stands in {where} already; ids are unique"
                findings.append(Finding(message, file=file, line=line, key="enterprise"))
    return findings
