"""One filling in a process of its own: ``python workbook_filler.py ours|openpyxl WORKBOOK PLAN``.

WORKBOOK is filled in place, PLAN is JSON: ``enterprise``, ``line`` and ``rate``. Printed are the seconds of the call,
from the plan in memory to the file in place, libraries loaded before, and the most that the process has held, in MB.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from memory import peak_megabytes

SHEET, KEY, LINE, RATE, TOTAL = "Allocation", "Enterprise", "Line", "Rate", "Summary!B1"
"""Where the plan goes; `TOTAL` gets the sum of the lines."""

Filler = Callable[[Path, Mapping[str, Any]], None]


def ours() -> Filler:
    """Return a call that fills as the command does: checked before, read back, and a dated copy kept."""
    from lendplan.reports.treasury.filling import fill
    from lendplan.reports.treasury.target import Target

    def write(path: Path, plan: Mapping[str, Any]) -> None:
        target = Target(path, SHEET, KEY, {LINE: "line", RATE: "rate"}, {TOTAL: "line"}, provenance=False)
        fill(target, plan, {"line": sum(plan["line"])}, {})

    return write


def openpyxl() -> Filler:
    """Return a call that loads, writes and saves with openpyxl; the rows are found by their ids, as ours are."""
    from openpyxl import load_workbook

    def write(path: Path, plan: Mapping[str, Any]) -> None:
        book: Any = load_workbook(path)
        sheet = book[SHEET]
        header = {cell.value: cell.column for cell in sheet[1]}
        row_of = {sheet.cell(row, header[KEY]).value: row for row in range(2, sheet.max_row + 1)}
        for enterprise, line, rate in zip(plan["enterprise"], plan["line"], plan["rate"], strict=True):
            row = row_of[enterprise]
            sheet.cell(row, header[LINE]).value = line
            sheet.cell(row, header[RATE]).value = rate
        name, _, cell = TOTAL.partition("!")
        book[name][cell] = sum(plan["line"])
        book.save(path)

    return write


def main() -> None:
    who, workbook, plan_file = sys.argv[1:]
    write = {"ours": ours, "openpyxl": openpyxl}[who]()
    plan = json.loads(Path(plan_file).read_text(encoding="utf-8"))
    started = time.perf_counter()
    write(Path(workbook), plan)
    print(time.perf_counter() - started, peak_megabytes())


if __name__ == "__main__":
    main()
