"""One written plan that is taken up again: of a folder, or the point that is chosen of a sweep or a frontier."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lendplan.certify.allocations import read_allocations
from lendplan.certify.folder import PlanFolder, read_papers
from lendplan.certify.plan import verify
from lendplan.data.findings import Finding, InputError
from lendplan.data.tables import split_sheet
from lendplan.errors import CheckFailedError, OutputError
from lendplan.reports.contents import Cell
from lendplan.scenario import Settings, settings_from
from lendplan.scenario.mappings import nodes_of
from lendplan.scenario.overrides import override
from lendplan.treasury import provenance_of
from lendplan.written import WrittenFolder, read_written

_BLOCK = "treasury"
_NEEDED = frozenset({"workbook", "sheet", "key", "write"})
"""Keys without which there is no block."""
_TABLES = ("enterprises", "ratings", "churn")
"""Keys of a scenario that name a table."""


@dataclass(frozen=True)
class ChosenPlan:
    """A plan on the disk; see :func:`choose`.

    Parameters
    ----------
    written
        The folder that was named; of a point that was named by its own folder, that of its sweep or frontier.
    row
        Row of its table, from 0; None for a plan alone.
    papers
        The plan's JSON files.
    """

    written: WrittenFolder
    row: int | None
    papers: PlanFolder = field(repr=False)

    @property
    def folder(self) -> Path:
        """The plan's own folder."""
        return self.papers.path

    @property
    def values(self) -> Mapping[str, Cell]:
        """What tells its point from the others: swept key → value; of a frontier the level of risk."""
        if self.row is None:
            return {}
        row = self.written.rows[self.row]
        return {key: row[key] for key in self.written.keys if key not in ("knee", "revenue_bound")}

    def settings(self, overrides: Sequence[str] = ()) -> Settings:
        """Return the plan's scenario, with the ``treasury`` block of the sweep or frontier that it belongs to.

        Parameters
        ----------
        overrides
            ``KEY=VALUE`` each, of keys of ``treasury`` alone; a path belongs to the working directory.

        Raises
        ------
        InputError
            If they or the manifest make no scenario, or they are not all that a block of `treasury` needs where
            there is none.
        """
        plain = {**self.papers.scenario}
        stated = self.written.manifest.get("scenario")
        if isinstance(stated, Mapping):
            plain[_BLOCK] = stated.get(_BLOCK)
        keys = [text.partition("=")[0].strip() for text in overrides]
        of_block = [key for key in keys if key == _BLOCK or key.startswith(f"{_BLOCK}.")]
        if plain.get(_BLOCK) is None and keys == of_block and not _is_whole(keys):
            raise self.without_block()
        root, faults = nodes_of(plain)
        findings = [replace(one, file=str(self.folder / "manifest.json")) for one in faults]
        for text in overrides:
            key = text.partition("=")[0].strip()
            if key != _BLOCK and not key.startswith(f"{_BLOCK}."):
                message = (
                    "is no key of `treasury`, and the rest of a written plan's scenario is as it was solved"
                )
                findings.append(Finding(message, file=f"--set {key}"))
            else:
                findings += override(root, text)
        if findings:
            raise InputError(findings)
        return settings_from(root.plain(), need_enterprises=False)

    def without_block(self) -> InputError:
        """Return the error of a plan whose scenario names no workbook."""
        message = (
            "the scenario has no `treasury` block, so no workbook is named: add one to the scenario and run it again "
            "(points that stand are not solved again), or write a new workbook with --new FILE.xlsx"
        )
        manifest = str(self.written.path / "manifest.json")
        return InputError(Finding(message, file=manifest, key="scenario.treasury"))

    def tables(self) -> list[Path]:
        """Return the files that the plan is made from, and those of the other points of its sweep or frontier."""
        return list(dict.fromkeys([*_tables_in(self.papers), *self._swept_tables()]))

    def _swept_tables(self) -> list[Path]:
        """Return the tables of each point where tables were swept; elsewhere every point has the same."""
        swept = [key for key in self.written.keys if key.removeprefix("scenario.") in _TABLES]
        if self.row is None or self.written.kind != "sweep" or not swept:
            return []
        stated = self.written.manifest.get("scenario_file")
        beside = Path(str(stated)).parent if stated else Path()
        found: list[Path] = []
        for row, cells in enumerate(self.written.rows):
            found += [beside / split_sheet(str(cells[key]))[0] for key in swept if cells[key]]
            if self.written.has_plan(row):
                with contextlib.suppress(InputError):  # a point that cannot be read is another question
                    found += _tables_in(read_papers(self.written.folder_of(row)))
        return found

    def refuse_within(self, final: Path, remedy: str) -> None:
        """Refuse to write a file into the folder, which then held a stranger's file.

        Raises
        ------
        OutputError
        """
        if final.resolve().is_relative_to(self.written.path.resolve()):
            raise OutputError(
                f"{final} would stand within {self.written.path}, which holds a plan's files and nothing else; {remedy}"
            )

    def checked(self) -> PlanFolder:
        """Return all that the plan's folder holds, once it has passed the independent check.

        Raises
        ------
        CheckFailedError
            If it does not pass, or the table of points says other figures than the plan.
        InputError
            If a file cannot be read.
        """
        report = verify(self.folder)
        if not report.passed:
            failed = "\n".join(f"  {check.name}: {check.detail}" for check in report.failed)
            raise CheckFailedError(
                f"{self.folder} fails the independent check, so nothing was written:\n{failed}"
            )
        # The Parquet file says the same as the CSV, and no apostrophe guards its text.
        read = replace(read_papers(self.folder), table=read_allocations(self.folder / "allocations.parquet"))
        wrong = [] if self.row is None else self.written.unlike(self.row, read.summary)
        if wrong:
            raise CheckFailedError(
                f"{self.written.path / self.written.kind}.parquet says otherwise of point {(self.row or 0) + 1} than "
                f"the plan in {self.folder}, so nothing was written:\n"
                + "\n".join(f"  {one}" for one in wrong)
            )
        return read

    def provenance(self) -> dict[str, str]:
        """Return what a workbook says of where its figures come from."""
        papers = self.papers
        manifest = papers.manifest
        hashes = [(source.path, source.sha256) for source in papers.sources]
        said = provenance_of(
            str(papers.scenario.get("title", "")),
            str(manifest.get("scenario_file") or "none"),
            papers.summary,
            hashes,
        )
        where = {"plan": str(self.folder.absolute())}
        if self.row is not None:
            where[f"point of the {self.written.kind}"] = self.named
        allocations = (self.folder / "allocations.parquet").read_bytes()
        return {
            **where,
            "solved": f"{manifest.get('created', 'unknown')} by lendplan {manifest.get('lendplan', 'unknown')}",
            **said,
            "sha256 of allocations.parquet": hashlib.sha256(allocations).hexdigest(),
        }

    @property
    def named(self) -> str:
        """The point in words: ``3 of 25, risk_limit 1.5``; '' for a plan alone."""
        if self.row is None:
            return ""
        values = ", ".join(
            f"{key} {_plain(value)}" for key, value in self.values.items() if value is not None
        )
        knee = "the knee" if self.written.rows[self.row].get("knee") is True else ""
        return ", ".join(filter(None, [f"{self.row + 1} of {len(self.written.rows)}", values, knee]))


def choose(folder: str | Path, point: int | None = None) -> ChosenPlan:
    """Find a plan, or a point of a sweep or a frontier; nothing of it is checked yet.

    Parameters
    ----------
    folder
        That `optimize SCENARIO` wrote. The folder of a point is known for what it is.
    point
        Row of the table, from 1; the knee, or of a sweep the point nearest to the scenario, unless given.

    Raises
    ------
    InputError
        If the folder is none of `optimize`'s, or there is no such point, or it has no plan.
    """
    written = read_written(folder)
    if written.kind == "plan" and point is None and "point" in written.manifest:
        around = _around(written.path)
        if around is not None:
            return around
    place = written.plan_folder(point)
    row = None if written.kind == "plan" else written.opened if point is None else point - 1
    return ChosenPlan(written, row, read_papers(place))


def _tables_in(papers: PlanFolder) -> list[Path]:
    """Return the files that a plan's manifest names."""
    return [Path(split_sheet(papers.locate(source))[0]) for source in papers.sources]


def _is_whole(keys: Sequence[str]) -> bool:
    """Whether these keys alone make a block of `treasury`."""
    below = {key.split(".")[1] for key in keys if "." in key}
    return _BLOCK in keys or below >= _NEEDED


def _around(folder: Path) -> ChosenPlan | None:
    """Return a point with the sweep or frontier that it stands in; None where it stands alone."""
    real = folder.resolve()
    try:
        written = read_written(real.parent.parent)
    except InputError:
        return None
    for row in range(len(written.rows)):
        if written.has_plan(row) and written.folder_of(row).resolve() == real:
            return ChosenPlan(written, row, read_papers(folder))
    return None


def _plain(cell: Cell) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)
