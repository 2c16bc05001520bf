"""A plan into a treasury's workbook: ours against openpyxl's load, write and save; time, memory, and the same cells.

Ours checks every cell before, writes beside the file, reads it back, brings it to the disk and keeps a dated copy;
openpyxl does none of this, and drops what it does not know.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import python_calamine
import xlsxwriter
from measure import Figure, Row, Settings
from workbook_filler import KEY, LINE, RATE, SHEET, TOTAL

ROWS, QUICK_ROWS = 20_000, 2_000
RUNS, QUICK_RUNS = 5, 2
_FILLER = Path(__file__).with_name("workbook_filler.py")
_REFERENCE = "openpyxl: load, write, save"


def rows(settings: Settings) -> Iterator[Row | Figure]:
    sizes = settings.sizes or (QUICK_ROWS if settings.quick else ROWS,)
    for size in sizes:
        yield from _measured(size, QUICK_RUNS if settings.quick else RUNS)


def _measured(size: int, runs: int) -> Iterator[Row | Figure]:
    """Yield the ratio of the times and that of the memory; the first run of each does not count."""
    with tempfile.TemporaryDirectory(prefix="lendplan-benchmark-") as name:
        folder = Path(name)
        source, plan_file = folder / "treasury.xlsx", folder / "plan.json"
        plan = _plan(size)
        plan_file.write_text(json.dumps(plan), encoding="utf-8")
        _build(source, plan["enterprise"])
        found: dict[str, list[tuple[float, float]]] = {"ours": [], "openpyxl": []}
        for _ in range(runs + 1):
            for who, figures in found.items():
                where = folder / who / source.name
                shutil.rmtree(where.parent, ignore_errors=True)
                where.parent.mkdir()
                shutil.copy(source, where)
                figures.append(_filled(who, where, plan_file))
        differing = _compared(folder, source.name, plan)
    (ours, held), (theirs, they_held) = (
        tuple(statistics.median(one) for one in zip(*figures[1:], strict=True)) for figures in found.values()
    )
    case = f"{size:,} rows into a workbook"
    yield Row(case, ours, _REFERENCE, theirs, "<= 1", f"{differing} cells differ")
    note = f"{held:.0f} MB, openpyxl {they_held:.0f} MB; whole processes"
    yield Figure(f"{case}: peak memory", held / they_held, "ratio", "<= 1", note)


def _filled(who: str, where: Path, plan: Path) -> tuple[float, float]:
    arguments = [sys.executable, str(_FILLER), who, str(where), str(plan)]
    process = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"{who} ended with {process.returncode}: {process.stderr[-2000:]}")
    seconds, megabytes = process.stdout.split()
    return float(seconds), float(megabytes)


def _plan(size: int) -> dict[str, list[Any]]:
    draw = np.random.default_rng(1)
    lines = np.where(draw.random(size) < 0.3, 0.0, np.round(draw.uniform(10, 100, size), 2))
    rates = np.round(draw.uniform(0.04, 0.15, size), 4)
    order = draw.permutation(size)  # the plan's order is not the sheet's
    return {
        "enterprise": [f"E{number:06d}" for number in order.tolist()],
        "line": lines.tolist(),
        "rate": rates.tolist(),
    }


def _build(path: Path, enterprises: list[str]) -> None:
    """Write a treasury's workbook: two sheets of a row an enterprise, formulas, formats, charts, a table, a picture."""
    ids = sorted(enterprises)
    last = len(ids) + 1
    with xlsxwriter.Workbook(path) as opened:
        book: Any = opened
        sheet, summary = book.add_worksheet(SHEET), book.add_worksheet("Summary")
        amount, share = book.add_format({"num_format": "#,##0.00"}), book.add_format({"num_format": "0.00%"})
        red = book.add_format({"bg_color": "#FFC7CE"})
        sheet.write_row(0, 0, [KEY, "Name", "Branch", "Last year", LINE, RATE, "Interest", "Remark"])
        for row, one in enumerate(ids, start=1):
            sheet.write_row(row, 0, [one, f"Enterprise {one}", f"Branch {row % 40}", 10.0 + row % 90])
            sheet.write_number(row, 4, 10.0, amount)
            sheet.write_number(row, 5, 0.04, share)
            sheet.write_formula(row, 6, f"=E{row + 1}*F{row + 1}", amount, 0.4)
            if row % 5 == 0:
                sheet.write_string(row, 7, f"seen on day {row}")
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, last - 1, 7)
        sheet.conditional_format(1, 4, last - 1, 4, {"type": "data_bar"})
        sheet.conditional_format(
            1, 5, last - 1, 5, {"type": "cell", "criteria": ">", "value": 0.1, "format": red}
        )
        sheet.data_validation(1, 4, last - 1, 4, {"validate": "decimal", "criteria": ">=", "value": 0})
        summary.write_column(0, 0, ["Lines", "Interest", "Largest"])
        summary.write_number(0, 1, 0.0, amount)
        summary.write_formula(1, 1, f"=SUM({SHEET}!G2:G{last})", amount, 0.4 * len(ids))
        summary.write_formula(2, 1, f"=MAX({SHEET}!E2:E{last})", amount, 10)
        chart = book.add_chart({"type": "column"})
        chart.add_series({"categories": [SHEET, 1, 0, 50, 0], "values": [SHEET, 1, 4, 50, 4]})
        summary.insert_chart("D2", chart)
        history = book.add_worksheet("History")
        for row, one in enumerate(ids):
            history.write_row(row, 0, [one, 2023 + row % 3, float(row % 70)])
        listed = book.add_worksheet("Rates")
        listed.add_table("A1:B4", {"name": "rates", "data": [["A", 0.04], ["B", 0.05], ["C", 0.06]]})


def _compared(folder: Path, name: str, plan: dict[str, list[Any]]) -> int:
    """Return how many cells that were to be written do not hold the plan's value in both workbooks."""
    lines, rates = (dict(zip(plan["enterprise"], plan[key], strict=True)) for key in ("line", "rate"))
    differing = 0
    for who in ("ours", "openpyxl"):
        book = python_calamine.CalamineWorkbook.from_path(str(folder / who / name))
        header, *cells = book.get_sheet_by_name(SHEET).to_python()
        key, line, rate = (header.index(one) for one in (KEY, LINE, RATE))
        differing += len(cells) != len(lines)
        differing += sum(
            (row[line] != lines[str(row[key])]) + (row[rate] != rates[str(row[key])]) for row in cells
        )
        sheet, _, _ = TOTAL.partition("!")
        total: Any = book.get_sheet_by_name(sheet).to_python()[0][1]
        differing += abs(float(total) - sum(plan["line"])) > 1e-6
    return differing
