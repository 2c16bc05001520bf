"""Numbers as people read them, one or a million at a time, and sentences joined from columns of pieces."""

from __future__ import annotations

from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import SMALL, kernels
from lendplan.data.texts import Texts
from lendplan.models.measures import Floats

_NEAR_TIE = 1e-6  # of a last digit: nearer than this to a half, rounding is left to Python, which knows the exact value
_LARGE = 1e9  # last digits: from here on rounding errors could reach that far


def percent(value: float) -> str:
    """Write a fraction in per cent."""
    return f"{100 * value:.2f} %"


def amount(value: float) -> str:
    """Write an amount: no more digits than one reads, and never a 0 for what is more."""
    if value != 0.0 and not 0.1 <= abs(value) < 1e15:
        return f"{value:.4g}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def percents(values: Floats) -> Texts:
    """Write fractions as `percent` does, (n,); each distinct text is made once."""
    with np.errstate(over="ignore", invalid="ignore"):
        digits = 100 * values * 100
    is_hard = ~(np.abs(digits) < _LARGE)
    np.copyto(digits, 0.0, where=is_hard)
    is_hard |= np.abs(np.abs(digits - np.trunc(digits)) - 0.5) < _NEAR_TIE
    whole = np.rint(digits).astype(np.int64)
    # A last bit for the sign keeps "-0.00" apart from "0.00".
    keys = 2 * whole + np.signbit(values)
    distinct, codes = _distinct(keys)
    texts = [
        f"{'-' if key & 1 else ''}{abs(key >> 1) // 100}.{abs(key >> 1) % 100:02d} %"
        for key in distinct.tolist()
    ]
    hard = np.flatnonzero(is_hard)
    exact = Texts.of(percent(value) for value in values[hard].tolist())
    return Texts.recoded(codes, texts).overlaid(hard, exact)


def _distinct(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the distinct keys and each one's position among them; by a table where they lie close together."""
    if not len(keys):
        return keys, np.empty(0, dtype=np.int32)
    least, span = keys.min(), int(keys.max() - keys.min()) + 1
    if span > 4 * len(keys) + 10_000:
        distinct, codes = np.unique(keys, return_inverse=True)
        return distinct, codes.astype(np.int32)
    near = keys - least
    is_there = np.zeros(span, dtype=bool)
    is_there[near] = True
    place = np.cumsum(is_there, dtype=np.int32) - 1
    return np.flatnonzero(is_there) + least, place[near].astype(np.int32)


def amounts(values: Floats) -> Texts:
    """Write amounts as `amount` does, (n,)."""
    distinct, codes = np.unique(values, return_inverse=True)
    return Texts.recoded(codes.astype(np.int32), [amount(value) for value in distinct.tolist()])


def chosen(where: NDArray[np.bool_], one: str, other: str) -> Texts:
    """Return one text where `where` says so and another elsewhere, (n,)."""
    return Texts.recoded(where.astype(np.int32), [other, one])


def joined(*pieces: Texts | str) -> Texts:
    """Join pieces row by row; a piece is one text for all rows, or a column; at least one is a column."""
    rows = next(len(piece) for piece in pieces if isinstance(piece, Texts))
    if rows < SMALL:
        columns = [repeat(piece, rows) if isinstance(piece, str) else piece.tolist() for piece in pieces]
        return Texts.of(map("".join, zip(*columns, strict=True)))
    import pyarrow as pa

    told = [
        pa.scalar(piece, pa.large_string()) if isinstance(piece, str) else piece.arrow() for piece in pieces
    ]
    return Texts.packed(kernels().binary_join_element_wise(*told, pa.scalar("", pa.large_string())))
