"""A fitted scorecard as a file, ``score.json``: written to the byte, read strictly, nothing in it is run."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np

from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import read_bytes
from lendplan.rating.loans.graderisk import GradeRisk
from lendplan.rating.loans.pyramid import Pyramid
from lendplan.rating.loans.scales import Scale
from lendplan.rating.loans.scorecard import Scorecard
from lendplan.rating.loans.spec import DIRECTIONS, FILLS, KINDS, Indicator
from lendplan.rating.loans.weights import WEIGHTINGS, Weighting
from lendplan.rating.plain import number, parse, record, word, wrong
from lendplan.rating.records import Floats

FORMAT = "lendplan scorecard 1"
"""What a file of a fitted scorecard says it is."""
MAX_BYTES = 16 << 20
"""Largest file that is read."""
_KEYS = ("format", "enterprise", "indicators", "weighting", "pyramid", "risk")
_INDICATOR = (
    "name",
    "column",
    "kind",
    "direction",
    "low",
    "high",
    "words",
    "above",
    "missing",
    "least",
    "most",
    "fill",
    "weight",
)
_RISK = ("default_probability", "loss_given_default", "risk_weight")


def card_to_dict(card: Scorecard) -> dict[str, Any]:
    """Return a scorecard as JSON takes it."""
    return {
        "format": FORMAT,
        "enterprise": card.identity,
        "indicators": [
            {
                **scale.indicator.to_dict(),
                "least": scale.least,
                "most": scale.most,
                "fill": scale.fill,
                "weight": weight,
            }
            for scale, weight in zip(card.scales, card.weight.tolist(), strict=True)
        ],
        "weighting": card.weighting,
        "pyramid": card.pyramid.to_dict(),
        "risk": {
            name: [None if np.isnan(value) else value for value in column.tolist()]
            for name, column in card.risk.columns().items()
        },
    }


def card_to_json(card: Scorecard) -> bytes:
    """Return a scorecard as JSON in UTF-8; the same scorecard, the same bytes."""
    return (json.dumps(card_to_dict(card), ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def read_card(path: str) -> Scorecard:
    """Read a fitted scorecard.

    Raises
    ------
    InputError
        If the file is missing, no JSON, or not exactly what `card_to_json` writes: unknown or missing keys, values out
        of their range, loss rates that do not rise.
    """
    data = read_bytes(path, MAX_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(Finding("is no text in UTF-8", file=str(path))) from None
    content = parse(text, str(path))
    try:
        return _card(content)
    except InputError as error:
        raise InputError(
            [Finding(one.message, file=str(path), key=one.key) for one in error.findings]
        ) from None


def _card(content: object) -> Scorecard:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise wrong(
            "format", f"is not {FORMAT!r}; this is no scorecard of `rate scorecard`, or of another version"
        )
    held = record(content, "score", _KEYS)
    listed = held["indicators"]
    if not isinstance(listed, list) or not listed:
        raise wrong("indicators", "must be a list of at least one indicator")
    scales, weight = zip(*(_scale(one, f"indicators[{i}]") for i, one in enumerate(listed)), strict=True)
    if len({scale.indicator.name for scale in scales}) < len(scales):
        raise wrong("indicators", "holds two of the same name")
    if min(weight) < 0 or abs(sum(weight) - 1) > 1e-9:
        raise wrong("indicators", "has weights that are negative or do not add up to 1")
    if held["weighting"] not in WEIGHTINGS:
        raise wrong("weighting", f"must be one of {', '.join(WEIGHTINGS)}")
    pyramid = Pyramid.from_dict(held["pyramid"])
    return Scorecard(
        word(held["enterprise"], "enterprise"),
        tuple(scales),
        np.array(weight),
        cast(Weighting, held["weighting"]),
        pyramid,
        _risk(held["risk"], len(pyramid.table.grades)),
    )


def _scale(content: object, where: str) -> tuple[Scale, float]:
    held = record(content, where, _INDICATOR)
    if held["kind"] not in KINDS:
        raise wrong(f"{where}.kind", f"must be one of {', '.join(KINDS)}")
    if held["direction"] not in DIRECTIONS:
        raise wrong(f"{where}.direction", f"must be one of {', '.join(DIRECTIONS)}")
    low, high, above, fill = (_maybe(held[key], f"{where}.{key}") for key in ("low", "high", "above", "fill"))
    given = [one for one in (low, high) if one is not None]
    if len(given) != (2 if held["direction"] == "interval" else 0) or given != sorted(given):
        raise wrong(
            f"{where}.low", "and high must be given, in order, for the direction interval and for no other"
        )
    words = held["words"]
    if words is not None:
        if not isinstance(words, dict):
            raise wrong(f"{where}.words", "must be an object of numbers, or null")
        words = {word(text, where): number(meant, f"{where}.words") for text, meant in words.items()}
    missing = held["missing"]
    if isinstance(missing, str):
        if missing not in FILLS:
            raise wrong(f"{where}.missing", f"must be one of {', '.join(FILLS)}, a number or null")
    else:
        missing = _maybe(missing, f"{where}.missing")
    least, most = (number(held[key], f"{where}.{key}") for key in ("least", "most"))
    if least > most:
        raise wrong(f"{where}.least", f"{least:g} is above most, {most:g}")
    indicator = Indicator(
        word(held["name"], f"{where}.name"),
        word(held["column"], f"{where}.column"),
        held["kind"],
        held["direction"],
        low,
        high,
        words,
        above,
        missing,
    )
    return Scale(indicator, least, most, fill), number(held["weight"], f"{where}.weight")


def _maybe(value: object, where: str) -> float | None:
    return None if value is None else number(value, where)


def _risk(content: object, size: int) -> GradeRisk:
    held = record(content, "risk", _RISK)
    columns: dict[str, Floats] = {}
    for name in _RISK:
        column = held[name]
        if not isinstance(column, list) or len(column) != size:
            raise wrong(f"risk.{name}", f"must be a list of {size} numbers")
        values = np.array([np.nan if one is None else number(one, f"risk.{name}") for one in column])
        if (values < 0).any() or (values > 1).any():
            raise wrong(f"risk.{name}", "must lie between 0 and 1")
        if name != "loss_given_default" and (np.diff(values) <= 0).any():
            raise wrong(f"risk.{name}", "must rise from grade to grade")
        columns[name] = values
    if np.isnan(columns["default_probability"]).any():
        raise wrong("risk.default_probability", "must be known for every grade")
    return GradeRisk(columns["default_probability"], columns["loss_given_default"], columns["risk_weight"])
