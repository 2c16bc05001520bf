"""A simulated book as a Parquet dataset, and a scenario on it, for tests of clusters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from lendplan.scenarios.generator import simulate_book

ROWS = 2_000
SCENARIO = """title: in parts
currency: CNY
unit: 10000
enterprises: book.parquet
churn_fit: isotonic
lines: {min: 10, max: 100}
budget: {total: 20000}
economics: {funding_cost: 2%}
limits:
  - {name: one industry, measure: line, by: industry, at_most: 20%, of: budget}
  - {name: grade C, measure: line, where: {grade: [C]}, at_most: 3%}
  - {name: loss, measure: risk, at_most: 110}
  - {name: mean rate, measure: average_rate, at_most: 8%}
  - {name: reach, measure: count, where: {size: [micro]}, at_least: 120}
solver: {gap: 1e-3, time_limit: 60, cluster: local}
"""


def book(rows: int = ROWS, seed: int = 7) -> pa.Table:
    """Return a simulated book; blanks are missing values."""
    frame = simulate_book(rows, seed)
    frame = frame.astype(object).where(frame.notna() & (frame != ""), None)
    return pa.table({name: pa.array(frame[name].tolist()) for name in frame.columns})


def changed(table: pa.Table, name: str, cells: dict[int, Any]) -> pa.Table:
    """Return a table with other cells in some rows of a column."""
    column = table.column(name).to_pylist()
    for row, cell in cells.items():
        column[row] = cell
    return table.set_column(table.column_names.index(name), name, pa.array(column))


def written(folder: Path, table: pa.Table, scenario: str = SCENARIO) -> Path:
    """Write a book, as one file and as a folder of three, and a scenario; return the scenario's path."""
    parquet.write_table(table, folder / "book.parquet", row_group_size=300)
    (folder / "book").mkdir()
    third = table.num_rows // 3
    for place, (first, length) in enumerate(((0, third), (third, third), (2 * third, table.num_rows))):
        parquet.write_table(table.slice(first, length), folder / "book" / f"part-{place}.parquet")
    path = folder / "scenario.yaml"
    path.write_text(scenario, encoding="utf-8")
    return path
