"""A sheet of 200,000 rows."""

from __future__ import annotations

from pathlib import Path

import xlsxwriter
from treasurybooks import PROVENANCE, members, target_of

from lendplan.reports.treasury.filling import fill
from lendplan.reports.treasury.pull import pull

ROWS = 200_000


def test_200_000_rows(tmp_path: Path) -> None:
    path = tmp_path / "large.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Allocation")
        sheet.write_row(0, 0, ["id", "line", "rate"])
        for row in range(1, ROWS + 1):
            sheet.write_number(row, 0, row)
            sheet.write_number(row, 1, 0)
        book.add_worksheet("Rest").write("A1", "stays")
    ids = [str(row) for row in range(ROWS, 0, -10)] + ["new"]
    plan = {"enterprise": ids, "line": [float(len(one)) for one in ids], "rate": [0.05] * len(ids)}
    target = target_of(path, key="id", write={"line": "line", "rate": "rate"}, cells={})
    done = fill(target, plan, {}, PROVENANCE)
    assert done.cells == 2 * len(ids) + 1
    assert done.copy is not None
    assert members(path)["xl/worksheets/sheet2.xml"] == members(done.copy)["xl/worksheets/sheet2.xml"]
    pulled = pull(target)
    assert pulled.enterprise == [str(row) for row in range(1, ROWS + 1)] + ["new"]
    planned = set(ids)
    assert pulled.line == [float(len(one)) if one in planned else 0.0 for one in pulled.enterprise]
    assert len(done.only_in_sheet) == ROWS - len(ids) + 1
