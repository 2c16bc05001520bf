"""Columns as the page carries them: rounded as they are shown, coded where they repeat, gzip and base64."""

from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.texts import Texts
from lendplan.models.measures import Floats
from lendplan.reports.page.texts import clean

RATE_DIGITS = 6  # of a fraction: a hundredth of a basis point
_MOST_DIGITS = 9


def digits_for(values: Floats) -> int:
    """Return the decimals with which a column of amounts is shown: three digits of the typical one, none if whole."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0.0)])
    if not sizes.size or np.all(sizes == np.rint(sizes)):
        return 0
    digits = 2 - int(np.floor(np.log10(np.median(sizes))))
    return min(max(digits, 0), _MOST_DIGITS)


def rounded(values: Floats, digits: int) -> list[float | int | None]:
    """Return numbers rounded to some decimals, whole ones as integers, None for what is no number."""
    return [
        None if not math.isfinite(value) else int(value) if value == int(value) else value
        for value in np.round(values, digits).tolist()
    ]


def coded(values: list[Any]) -> dict[str, list[Any]]:
    """Return a column as distinct values, in the order of their first row, and a code a row."""
    place: dict[Any, int] = {}
    codes = [place.setdefault(value, len(place)) for value in values]
    return {"values": list(place), "codes": codes}


def coded_texts(column: Texts, rows: NDArray[np.int64], most: int) -> dict[str, list[Any]]:
    """Return some rows of a column of text, harmless, as sorted distinct values and a code a row.

    Sorted, neighbours begin alike, which is what gzip shortens best.
    """
    codes, values = column.take(rows).coded()
    present = sorted(
        (str(values[code]), int(code)) for code in np.flatnonzero(np.bincount(codes, minlength=len(values)))
    )
    place = np.zeros(len(values), dtype=np.int64)
    place[[code for _, code in present]] = np.arange(len(present))
    return {"values": [clean(value, most) for value, _ in present], "codes": place[codes].tolist()}


def packed(record: Any) -> str:
    """Return a record as strict JSON, gzip and base64; the same record gives the same text."""
    told = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(told.encode(), 9, mtime=0)).decode("ascii")


def unpacked(text: str) -> Any:
    """Return what `packed` packed."""
    return json.loads(gzip.decompress(base64.b64decode(text)))
