"""A plan that was worked by hand, written as `optimize` writes one, and ways to change it.

Churn: rates 5 % and 10 %; A loses 0 and 20 %, B 0 and 50 %. Costs: funding 1 %, operating 1 %, 0.1 a loan. LGD 50 %.
Profit per unit of line, s·((r − 2 %) − ρ), at 5 % and 10 %:

    E1 A p 2 %  ρ 1 %     .02    .8·.07  = .056
    E2 B p 4 %  ρ 2 %     .01    .5·.06  = .03
    E3 A p 1 %  ρ 0.5 %   .025   .8·.075 = .06      lines 5 to 50 in steps of 20: 20 to 40
    E4 D        excluded
    E5 A        must: decline
    E6 B        ρ 3 %     .0     .5·.05  = .025     must: lend

Budget 150, lines 10 to 100: E3 takes 40, E6 its 10, E1 100; E2, next at .03, gets nothing. All at 10 %.
With a budget price of .03: D = 150·.03 + (100·.026 − .1) + 0 + (40·.03 − .1) + (10·(−.005) − .1) = 7.95, the profit.
The doubles nearest to these decimals make it a hair more, and nothing below their exact sum is certified: the bound is
the next double.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

BOOK = """enterprise,grade,default_probability,risk_weight,line_min,line_max,line_step,must,industry,size
E1,A,0.02,,,,,,retail,micro
E2,B,0.04,,,,,,retail,small
E3,A,0.01,,5,50,20,,farming,micro
E4,D,0.5,,,,,,farming,micro
E5,A,0.02,,,,,decline,retail,small
E6,B,,0.03,,,,lend,,
"""
CHURN = "rate,A,B\n0.05,0,0\n0.1,0.2,0.5\n"
FROM_CERTIFICATE = "those of the certificate"
HEADER = [
    "enterprise",
    "grade",
    "decision",
    "rate",
    "line",
    "exposure",
    "interest",
    "revenue",
    "risk",
    "value",
    "reason",
]
ROWS: list[list[Any]] = [
    ["E1", "A", "lend", 0.1, 100.0, 80.0, 8.0, 6.3, 0.8, 5.5, "earns 5.6 %"],
    ["E2", "B", "decline", None, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "earns 3 %"],
    ["E3", "A", "lend", 0.1, 40.0, 32.0, 3.2, 2.46, 0.16, 2.3, "=best"],
    ["E4", "D", "excluded", None, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "grade D"],
    ["E5", "A", "decline", None, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "must"],
    ["E6", "B", "lend", 0.1, 10.0, 5.0, 0.5, 0.3, 0.15, 0.15, "must"],
]
SUMMARY: dict[str, Any] = {
    "status": "optimal", "objective": 7.95, "bound": 7.95, "gap": 0.0,
    "certified_bound": 7.950000000000001, "certified_gap": 0.0,
    "revenue": 9.06, "risk": 1.11, "profit": 7.95, "interest": 11.7, "line": 150.0, "exposure": 117.0,
    "budget_used": 150.0, "funded": 3, "eligible": 4, "average_rate": 0.1, "unspent_because": None, "solver": "hand",
    "seconds": {}, "shadow_prices": FROM_CERTIFICATE, "ranges": None, "binding": ["budget"],
}  # fmt: skip
CERTIFICATE: dict[str, Any] = {
    "objective": 7.95, "bound": 7.95, "certified_bound": 7.950000000000001, "prices": {"budget": 0.03}, "ranges": None,
}  # fmt: skip
SCENARIO: dict[str, Any] = {
    "title": "by hand", "currency": "CNY", "unit": 1.0, "enterprises": None, "ratings": None, "churn": None,
    "churn_as": {}, "columns": {}, "unrated": "error", "exclude_grades": ["D"],
    "rates": {"min": None, "max": None, "step": None}, "churn_fit": "raw",
    "lines": {"min": 10.0, "max": 100.0, "step": None}, "budget": {"total": 150.0, "basis": "line"},
    "economics": {
        "funding_cost": 0.01, "operating_cost": 0.01, "fixed_cost": 0.1, "utilisation": 1.0,
        "loss_given_default": 0.5, "default_multiplier": 1.0, "loss_multiplier": 1.0,
        "interest_lost_on_default": False, "risk_basis": "exposure",
    },
    "objective": {"kind": "profit", "revenue_weight": 0.5, "ranges": None}, "formulation": "joint",
    "grade_factor": {}, "limits": [],
    "solver": {"method": "auto", "gap": 1e-6, "time_limit": 300.0, "threads": 2, "cluster": None}, "output": None,
}  # fmt: skip


class Plan:
    """The plan above, in parts that a test may change before it is written."""

    def __init__(self) -> None:
        self.book, self.churn = BOOK, CHURN
        self.header, self.rows = list(HEADER), copy.deepcopy(ROWS)
        self.summary, self.certificate = copy.deepcopy(SUMMARY), copy.deepcopy(CERTIFICATE)
        self.scenario = copy.deepcopy(SCENARIO)
        self.parquet_rows: list[list[Any]] | None = None

    def set(self, enterprise: str, **cells: Any) -> Plan:
        row = next(row for row in self.rows if row[0] == enterprise)
        for name, value in cells.items():
            row[self.header.index(name)] = value
        return self

    def state(self, **numbers: Any) -> Plan:
        """Change numbers of the summary, and of the certificate where it has them."""
        self.summary.update(numbers)
        self.certificate.update({name: value for name, value in numbers.items() if name in self.certificate})
        return self

    def limit(self, price: float = 0.0, rows: tuple[str, ...] = ("it",), **keys: Any) -> Plan:
        """Add a limit called `it`, with the same price for each of its rows."""
        whole = {"where": {}, "by": None, "at_most": None, "at_least": None, "of": None, **keys}
        self.scenario["limits"].append({"name": "it", **whole})
        self.certificate["prices"].update(dict.fromkeys(rows, price))
        return self

    def write(self, folder: Path) -> Path:
        """Write the inputs beside the plan's folder, and return the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = {"enterprises": folder.parent / "book.csv", "churn": folder.parent / "churn.csv"}
        tables["enterprises"].write_text(self.book, encoding="utf-8")
        tables["churn"].write_text(self.churn, encoding="utf-8")
        inputs = [
            {
                "role": role,
                "path": str(path),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "encoding": "utf-8",
            }
            for role, path in tables.items()
        ]
        for role, path in tables.items():
            self.scenario[role] = str(path)
        write_tables(folder, self.header, self.rows, self.parquet_rows)
        certificate = {"inputs": {one["path"]: one["sha256"] for one in inputs}, **self.certificate}
        summary = {**self.summary}
        if summary["shadow_prices"] is FROM_CERTIFICATE:
            summary["shadow_prices"] = certificate["prices"]
        manifest = {"lendplan": "0.1.0", "scenario": self.scenario, "scenario_file": None, "inputs": inputs,
                    "versions": {}, "seed": 0, "created": "2027-01-01T00:00:00+00:00"}  # fmt: skip
        for name, content in (
            ("summary", summary),
            ("certificate", certificate),
            ("manifest", manifest),
        ):
            (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        return folder


def write_tables(
    folder: Path, header: list[str], rows: list[list[Any]], others: list[list[Any]] | None = None
) -> None:
    """Write allocations.csv from `rows` and allocations.parquet from `others`, or from the same."""
    with (folder / "allocations.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            cells = ["" if cell is None else repr(cell) if isinstance(cell, float) else cell for cell in row]
            cells[-1] = f"'{cells[-1]}" if str(cells[-1]).startswith("=") else cells[-1]
            writer.writerow(cells)
    texts = {"enterprise", "grade", "decision", "reason"}
    table = pa.table(
        {
            name: pa.array(
                [row[place] for row in others or rows], pa.string() if name in texts else pa.float64()
            )
            for place, name in enumerate(header)
        }
    )
    parquet.write_table(table, folder / "allocations.parquet")


@pytest.fixture
def plan() -> Plan:
    return Plan()


@pytest.fixture
def scenario() -> dict[str, Any]:
    return copy.deepcopy(SCENARIO)
