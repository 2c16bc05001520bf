"""The rating report of an enterprise out of the folder that `rate` has written."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lendplan.data.cells import texts_of
from lendplan.data.findings import Finding, InputError, did_you_mean
from lendplan.data.numbers import numbers_of
from lendplan.data.sources import InputRecord, read_bytes
from lendplan.data.tables import RawTable, read_table
from lendplan.rating.card.card import AgencyLine, Basis, Card, GuaranteeLine, How, ModelStamp, card_indicators
from lendplan.rating.outputs import CHANCE, FILES, POINTS
from lendplan.rating.plain import parse, record, whole_number, word, words, wrong
from lendplan.rating.records import Floats, Indicators

_SIDES = ("output", "input")
_STAGES = ("model", "understand", "prepare", "learn", "rate", "files")
_UNDERSTOOD = ("inputs", "enterprises", "invoices", "graded", "outcome_known", "indicators")


def card_of(folder: Path, enterprise: str) -> Card:
    """Return the rating report of one enterprise.

    Parameters
    ----------
    folder
        What `rate fit` or `rate apply` wrote.
    enterprise
        Its id.

    Raises
    ------
    InputError
        If the folder is none of a rating, or the enterprise is not in it.
    """
    process = _process(folder)
    ratings = _Rows(read_table(folder / "ratings.csv"))
    if enterprise not in ratings.ids:
        near = did_you_mean(enterprise, ratings.ids)
        raise InputError(
            Finding(f"rates no enterprise {enterprise!r}{near}", file=str(folder / "ratings.csv"))
        )
    forecasts = _Rows(read_table(folder / "forecasts.csv"))
    row, foretold = ratings.row(enterprise), forecasts.row(enterprise)
    chances = tuple(
        (name.removeprefix(CHANCE), forecasts.number(name, foretold))
        for name in forecasts.names
        if name.startswith(CHANCE)
    )
    points = tuple(
        (name.removeprefix(POINTS), forecasts.number(name, foretold))
        for name in forecasts.names
        if name.startswith(POINTS)
    )
    is_forecast = not any(math.isnan(chance) for _, chance in chances)
    source = forecasts.text("source", foretold)
    model = process["model"]
    return Card(
        enterprise=enterprise,
        name=forecasts.text("name", foretold),
        grade=ratings.text("grade", row),
        how=_how(source),
        reason=ratings.text("reason", row).removeprefix("cannot be rated: "),
        grade_forecast=ratings.text("grade_forecast", row),
        grade_probabilities=chances if is_forecast else (),
        default_probability=ratings.number("default_probability", row),
        default_probability_own=ratings.number("default_probability_own", row),
        loss_given_default=ratings.number("loss_given_default", row),
        risk_weight=ratings.number("risk_weight", row),
        risk_index=ratings.number("risk_index", row),
        score=ratings.number("score", row),
        base=forecasts.number("base", foretold),
        contributions=points if is_forecast else (),
        indicators=card_indicators(_indicators(folder), enterprise),
        basis=_basis(folder, enterprise, process),
        agencies=_agencies(folder, enterprise),
        guarantees=_guarantees(folder, enterprise),
        model=ModelStamp(sha256=model["sha256"], seed=model["seed"], version=model["version"]),
    )


def _process(folder: Path) -> Mapping[str, Any]:
    """Read the record of the rating, once every file of the folder is found to be the one that the rating wrote.

    A report tells of what the model said, and must not tell as fact what somebody wrote into a table afterwards.
    """
    path = folder / "process.json"
    if not path.is_file():
        message = "is no folder of a rating: it has no process.json; name what `rate fit --output` wrote"
        raise InputError(Finding(message, file=str(folder)))
    try:
        content = record(parse(read_bytes(path).decode("utf-8"), ""), "", _STAGES)
        _check_model(content["model"])
        _check_inputs(content["understand"])
        stated = record(
            content["files"], "files", [name for name in FILES if _is_stated(name, content["files"])]
        )
        for name, digest in stated.items():
            word(digest, f"files.{name}")
    except UnicodeDecodeError as error:
        raise InputError(Finding("is no text in UTF-8; rate again", file=str(path))) from error
    except InputError as error:
        raise InputError(replace(one, file=str(path)) for one in error.findings) from error
    _refuse_changed(folder, stated)
    return content


def _is_stated(name: str, stated: object) -> bool:
    """Whether the hash of a file must stand in the record: of those that not every rating has, only if it is there."""
    is_optional = name in ("agencies.csv", "guarantees.csv")
    return name != "process.json" and (not is_optional or (isinstance(stated, Mapping) and name in stated))


def _check_model(raw: object) -> None:
    model = record(raw, "model", ("sha256", "version", "seed", "grades"))
    word(model["sha256"], "model.sha256")
    word(model["version"], "model.version")
    whole_number(model["seed"], "model.seed")
    words(model["grades"], "model.grades")


def _check_inputs(raw: object) -> None:
    stage = record(raw, "understand", _UNDERSTOOD)
    if not isinstance(stage["inputs"], list):
        raise wrong("understand.inputs", "must be a list")
    for one in stage["inputs"]:
        held = record(one, "understand.inputs", ("role", "file", "sheet", "sha256"))
        for key in ("role", "file", "sha256"):
            word(held[key], f"understand.inputs.{key}")
        if held["sheet"] is not None:
            word(held["sheet"], "understand.inputs.sheet")


def _refuse_changed(folder: Path, stated: Mapping[str, str]) -> None:
    findings = []
    for name in FILES:
        path = folder / name
        if name in stated and not path.is_file():
            findings.append(Finding("is missing, and the rating wrote it; rate again", file=str(path)))
        elif name in stated and hashlib.sha256(read_bytes(path)).hexdigest() != stated[name]:
            findings.append(Finding("was changed since the rating wrote it; rate again", file=str(path)))
        elif name not in stated and name != "process.json" and path.exists():
            findings.append(Finding("is none that the rating wrote; rate again", file=str(path)))
    if findings:
        raise InputError(findings)


def _how(source: str) -> How:
    if source in ("given", "forecast"):
        return source  # type: ignore[return-value]  # narrowed by the line above
    return "agency" if source else "none"


class _Rows:
    """A table by its ids."""

    def __init__(self, raw: RawTable) -> None:
        self.raw = raw
        self.names = tuple(raw.columns)
        self.ids = texts_of(raw.columns["enterprise"]).values.tolist() if "enterprise" in raw.columns else []

    def row(self, enterprise: str) -> int:
        if enterprise not in self.ids:
            raise InputError(Finding(f"lacks {enterprise!r}; rate again", file=self.raw.name))
        return self.ids.index(enterprise)

    def rows(self, enterprise: str) -> Sequence[int]:
        return [row for row, one in enumerate(self.ids) if one == enterprise]

    def text(self, name: str, row: int) -> str:
        return str(self.raw.cells(name)[row] or "") if name in self.names else ""

    def number(self, name: str, row: int) -> float:
        text = self.text(name, row)
        return float(text) if text else math.nan


def _indicators(folder: Path) -> Indicators:
    raw = read_table(folder / "indicators.csv")
    names = tuple(name for name in raw.columns if name != "enterprise")
    columns: list[Floats] = [numbers_of(raw.columns[name], is_share=False).values for name in names]
    return Indicators(
        tuple(texts_of(raw.columns["enterprise"]).values.tolist()), names, np.column_stack(columns)
    )


def _basis(folder: Path, enterprise: str, process: Mapping[str, Any]) -> Basis:
    coverage = _Rows(read_table(folder / "coverage.csv"))
    sides = {coverage.text("side", row): row for row in coverage.rows(enterprise)}

    def count(name: str, side: str) -> int:
        return int(coverage.number(name, sides[side])) if side in sides else 0

    days = [(coverage.text("first", row), coverage.text("last", row)) for row in sides.values()]
    first = min((one for one, _ in days if one), default="")
    last = max((one for _, one in days if one), default="")
    quality = _Rows(read_table(folder / "quality.csv"))
    remarks = tuple(
        _remark(*(quality.text(name, row) for name in ("check", "side", "invoice_no", "row", "detail")))
        for row in quality.rows(enterprise)
    )
    sales, purchases = _SIDES
    return Basis(
        files=tuple(
            InputRecord(one["role"], one["file"], one["sha256"], None, one["sheet"])
            for one in process["understand"]["inputs"]
        ),
        sales=count("invoices", sales),
        purchases=count("invoices", purchases),
        void_sales=count("void", sales),
        void_purchases=count("void", purchases),
        first_day=first,
        last_day=last,
        days=_days_between(first, last),
        remarks=remarks,
    )


def _remark(check: str, side: str, invoice: str, row: str, detail: str) -> str:
    place = ", ".join(
        part for part in (f"invoice {invoice}" * bool(invoice), f"row {row}" * bool(row)) if part
    )
    return f"{check} ({side}){', ' * bool(place)}{place}: {detail}"


def _days_between(first: str, last: str) -> int:
    if not first or not last:
        return 0
    return int((np.datetime64(last) - np.datetime64(first)).astype(int)) + 1


def _agencies(folder: Path, enterprise: str) -> tuple[AgencyLine, ...]:
    if not (folder / "agencies.csv").is_file():
        return ()
    table = _Rows(read_table(folder / "agencies.csv"))
    return tuple(
        AgencyLine(*(table.text(name, row) for name in ("agency", "rating", "grade", "date", "use")))
        for row in table.rows(enterprise)
    )


def _guarantees(folder: Path, enterprise: str) -> tuple[GuaranteeLine, ...]:
    if not (folder / "guarantees.csv").is_file():
        return ()
    table = _Rows(read_table(folder / "guarantees.csv"))
    return tuple(
        GuaranteeLine(
            table.text("kind", row),
            table.text("guarantor", row),
            table.number("covered", row),
            table.number("haircut", row),
            table.text("why", row),
        )
        for row in table.rows(enterprise)
    )
