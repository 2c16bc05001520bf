"""Where in the treasury's workbook the plan goes; the scenario's `treasury:` block as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lendplan.data.findings import Finding, InputError

AMOUNTS = frozenset(
    {
        "line",
        "exposure",
        "interest",
        "revenue",
        "risk",
        "profit",
        "budget_used",
        "ranges.revenue_max",
        "ranges.revenue_min",
        "ranges.risk_max",
        "ranges.risk_min",
    }
)
"""Columns and summary keys that are amounts whatever the objective; `objective` is one for `profit` alone."""

SIGNIFICANT = 15
"""Digits that a spreadsheet keeps."""


class WorkbookError(Exception):
    """The workbook cannot be filled; nothing was written, and what stood before stands.

    Parameters
    ----------
    findings
        One finding or several; each names the cell, the sheet or the file.
    """

    findings: tuple[Finding, ...]

    def __init__(self, findings: Finding | Iterable[Finding]) -> None:
        self.findings = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__(self.findings)

    def __str__(self) -> str:
        return str(InputError(self.findings))


@dataclass(frozen=True)
class Target:
    """A workbook, and what of the plan goes where.

    Parameters
    ----------
    workbook
        The treasury's workbook, .xlsx or .xlsm.
    sheet
        Name of the sheet that has a row an enterprise.
    key
        Header of the column that holds the enterprise id.
    write
        Header → column of the plan's table.
    cells
        ``Sheet!B3``, ``B3`` on `sheet`, or a defined name → key of the summary.
    save_as
        Where the filled workbook goes; None fills `workbook` itself.
    missing
        What is done with enterprises of the plan that the sheet lacks.
    provenance
        Whether a sheet says where the figures come from.
    factor
        Amounts are multiplied by this: the scenario's unit over the treasury's.
    amounts
        Names of columns and summary keys that are amounts.
    """

    workbook: Path
    sheet: str
    key: str
    write: Mapping[str, str]
    cells: Mapping[str, str] = field(default_factory=dict)
    save_as: Path | None = None
    missing: Literal["append", "refuse"] = "append"
    provenance: bool = True
    factor: float = 1.0
    amounts: frozenset[str] = AMOUNTS

    @property
    def final(self) -> Path:
        """The file that holds the plan in the end."""
        return self.workbook if self.save_as is None else self.save_as

    def out(self, name: str, value: float) -> float:
        """Return a number of the plan in the treasury's unit, to the digits that a spreadsheet keeps."""
        if name not in self.amounts or self.factor == 1.0:
            return value
        return float(f"{value * self.factor:.{SIGNIFICANT}g}")

    def back(self, name: str, value: float) -> float:
        """Return a number of the workbook in the scenario's unit; the inverse of `out`."""
        if name not in self.amounts or self.factor == 1.0:
            return value
        return float(f"{value / self.factor:.{SIGNIFICANT}g}")
