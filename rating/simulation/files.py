"""Simulated tables as files that `rate fit` reads: a folder of CSV or Parquet, or one workbook with Chinese sheets."""

from __future__ import annotations

import contextlib
import datetime
import io
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lendplan.data import csvwriting
from lendplan.data.bridge import arrow_numbers
from lendplan.data.coltable import ColumnTable
from lendplan.data.texts import Texts

BLOCK = 250_000
"""Rows that are turned to text together."""
SHEET_ROWS = 1_048_575
"""Rows below the header that a sheet holds."""

_STAMP = datetime.datetime.fromisoformat("2027-01-01")
_ENTERPRISE_SHEET = (
    "企业信息",
    {"enterprise": "企业代号", "name": "企业名称", "grade": "信誉评级", "default": "是否违约"},
)
_INVOICE_SHEETS = (("input", "进项发票信息", "销方单位代号"), ("output", "销项发票信息", "购方单位代号"))
_INVOICE_HEADERS = {
    "enterprise": "企业代号",
    "invoice_no": "发票号码",
    "date": "开票日期",
    "counterparty": "",
    "amount": "金额",
    "tax": "税额",
    "total": "价税合计",
    "status": "发票状态",
}
_CHINESE = {"yes": "是", "no": "否", "valid": "有效发票", "void": "作废发票"}


def write_simulation(
    target: str | Path, tables: Mapping[str, ColumnTable], *, kind: Literal["csv", "parquet"] = "csv"
) -> list[Path]:
    """Write simulated tables; each file is there whole or not at all.

    Parameters
    ----------
    target
        A folder, made where there is none; or a workbook, if the name ends in ``.xlsx``.
    tables
        What :func:`lendplan.rating.simulation.simulator.simulate` returned.
    kind
        Of the folder's files.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    ValueError
        If a workbook is asked for and a sheet would be too long, or XlsxWriter is not installed; if the folder holds
        the same tables as the other kind of file.
    OSError
        If a file cannot be written; what stood there before stands.
    """
    path = Path(target)
    if path.suffix.lower() == ".xlsx":
        path.parent.mkdir(parents=True, exist_ok=True)
        return [_placed(path, workbook_bytes(tables))]
    for name in tables:
        for other in {"csv", "parquet"} - {kind}:
            if (path / f"{name}.{other}").exists():
                message = f"{path} holds {name}.{other} already; choose another folder, or delete it"
                raise ValueError(f"{message}: of two {name} tables nobody knows which one is meant")
    path.mkdir(parents=True, exist_ok=True)
    return [_placed(path / name, data) for name, data in simulation_files(tables, kind=kind).items()]


def simulation_files(
    tables: Mapping[str, ColumnTable], *, kind: Literal["csv", "parquet"] = "csv"
) -> dict[str, bytes]:
    """Return ``enterprises`` and ``invoices`` as files: name → content. The same tables give the same bytes."""
    written = _csv_bytes if kind == "csv" else _parquet_bytes
    return {f"{name}.{kind}": written(table) for name, table in tables.items()}


def _placed(path: Path, data: bytes) -> Path:
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    return path


def _csv_bytes(table: ColumnTable) -> bytes:
    parts = [csvwriting.header(table.names)]
    for first in range(0, table.rows, BLOCK):
        rows = slice(first, min(first + BLOCK, table.rows))
        parts.append(csvwriting.rows([_part(column, rows) for column in table.columns.values()]))
    return b"".join(parts)


def _part(column: Any, rows: slice) -> Any:
    return column.take(rows) if isinstance(column, Texts) else column[rows]


def _parquet_bytes(table: ColumnTable) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {name: _arrow_column(table, name) for name in table.names}
    target = io.BytesIO()
    parquet.write_table(pa.table(columns), target, compression="zstd")
    return target.getvalue()


def _arrow_column(table: ColumnTable, name: str) -> Any:
    import pyarrow as pa

    column = table.columns[name]
    if not isinstance(column, Texts):
        return arrow_numbers(column, nan_is_null=True)
    if name == "date":
        codes, values = column.coded()
        days = np.array(values.tolist(), dtype="datetime64[D]").astype(np.int32)
        return arrow_numbers(days[codes]).cast(pa.date32())
    return column.arrow()


def workbook_bytes(tables: Mapping[str, ColumnTable]) -> bytes:
    """Return one workbook with the sheets 企业信息, 进项发票信息 and 销项发票信息, as the tax office's export has them.

    The columns of the book that have no Chinese header keep ours. The same tables give the same bytes.

    Raises
    ------
    ValueError
        If a sheet would have more rows than a workbook holds, or XlsxWriter is not installed.
    """
    try:
        import xlsxwriter
    except ModuleNotFoundError as error:
        message = "writing a workbook needs XlsxWriter: pip install XlsxWriter, or ask for a folder"
        raise ValueError(message) from error
    invoices = tables["invoices"]
    of_side = {side: np.flatnonzero(invoices.texts("side").equals(side)) for side, _, _ in _INVOICE_SHEETS}
    for side, sheet, _ in _INVOICE_SHEETS:
        if len(of_side[side]) > SHEET_ROWS:
            message = f"{sheet} would have {len(of_side[side]):,} rows, and a sheet holds {SHEET_ROWS:,}"
            raise ValueError(f"{message}; write a folder instead")
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"constant_memory": True, "in_memory": False}) as workbook:
        workbook.set_properties({"created": _STAMP, "comments": "Simulated: no enterprise in it exists."})
        name, headers = _ENTERPRISE_SHEET
        enterprises = tables["enterprises"]
        ours = {column: headers.get(column, column) for column in enterprises.names}
        _write_sheet(workbook, name, enterprises, ours, np.arange(enterprises.rows))
        for side, sheet, counterparty in _INVOICE_SHEETS:
            headers = _INVOICE_HEADERS | {"counterparty": counterparty}
            _write_sheet(workbook, sheet, invoices, headers, of_side[side])
    return target.getvalue()


def _write_sheet(
    workbook: Any, name: str, table: ColumnTable, headers: Mapping[str, str], rows: np.ndarray[Any, Any]
) -> None:
    sheet = workbook.add_worksheet(name)
    sheet.write_row(0, 0, list(headers.values()))
    as_day = workbook.add_format({"num_format": "yyyy-mm-dd"})
    cells = [_cells(table, column, rows) for column in headers]
    of_dates = [column == "date" for column in headers]
    for number, row in enumerate(zip(*cells, strict=True), start=1):
        for place, value in enumerate(row):
            if value == "":
                continue
            if of_dates[place]:
                sheet.write_datetime(number, place, value, as_day)
            elif isinstance(value, str):
                sheet.write_string(number, place, value)
            else:
                sheet.write_number(number, place, value)


def _cells(table: ColumnTable, name: str, rows: np.ndarray[Any, Any]) -> list[Any]:
    """Return a column's cells as they go into a sheet; the words of our choices in Chinese, blanks around kept."""
    column = table.columns[name]
    if not isinstance(column, Texts):
        return list(column[rows].tolist())
    if name == "date":
        codes, values = column.coded()
        days = [datetime.datetime.fromisoformat(value) for value in values]
        return [days[code] for code in codes[rows].tolist()]
    if name in {"default", "status"}:
        column = column.mapped(_in_chinese)
    return column.take(rows).tolist()


def _in_chinese(word: str) -> str:
    bare = word.strip()
    return word.replace(bare, _CHINESE[bare]) if bare else word
