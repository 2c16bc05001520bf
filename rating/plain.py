"""Plain JSON read strictly: a fitted rating is data, never code, and a damaged one is refused with its place named."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError, did_you_mean, listed, shown

REMEDY = "the file is damaged or from another version; fit the rating again"


def parse(text: str, file: str) -> object:
    """Return what a JSON text holds.

    Raises
    ------
    InputError
        If it is no JSON, has a key twice, or holds NaN or infinity.
    """

    def constant(name: str) -> NoReturn:
        raise InputError(Finding(f"holds {name}, and only numbers are read", file=file))

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in items]
        again = sorted({key for key in keys if keys.count(key) > 1})
        if again:
            raise InputError(Finding(f"has the key {again[0]!r} twice in one object", file=file))
        return dict(items)

    try:
        held: object = json.loads(text, parse_constant=constant, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        text = f"is no JSON: {error.msg}"
        raise InputError(Finding(text, file=file, line=error.lineno, column=error.colno)) from None
    except (RecursionError, ValueError):
        raise InputError(Finding("is nested too deeply or holds a number too long", file=file)) from None
    return held


def record(raw: object, where: str, keys: Sequence[str]) -> Mapping[str, Any]:
    """Return a JSON object that has exactly these keys.

    Parameters
    ----------
    raw
        What was read.
    where
        Its path within the file, for messages; '' for the whole.
    keys
        The keys that it must have.

    Raises
    ------
    InputError
        If it is no object, or has unknown or lacks known keys; all of them are named.
    """
    if not isinstance(raw, Mapping):
        raise wrong(where, f"must be an object, not {shown(raw)}")
    unknown = [key for key in raw if key not in keys]
    missing = [key for key in keys if key not in raw]
    findings = [
        Finding(f"unknown key {shown(key)}{did_you_mean(str(key), keys)}; {REMEDY}", key=where or None)
        for key in unknown
    ]
    if missing:
        findings.append(Finding(f"lacks {listed(missing)}; {REMEDY}", key=where or None))
    if findings:
        raise InputError(findings)
    return raw


def numbers(raw: object, where: str, *, shape: Sequence[int | None]) -> NDArray[np.float64]:
    """Return finite numbers in nested lists as an array.

    Parameters
    ----------
    shape
        Length of each dimension, None where any will do; () for one number.

    Raises
    ------
    InputError
        If the shape is another one, or an entry is no number or not finite.
    """
    flat: list[object] = [raw]
    sizes: list[int] = []
    for size in shape:
        if not all(isinstance(part, list) for part in flat):
            raise wrong(
                where, "must be a list of numbers" if not sizes else "must be a list of lists of numbers"
            )
        lengths = {len(part) for part in flat if isinstance(part, list)}
        wanted = lengths if size is None else {size}
        if len(lengths | wanted) > 1:
            raise wrong(where, f"has {_lengths(lengths)} entries where {_lengths(wanted)} belong")
        # a list of no lists has no inner length of its own
        sizes.append(lengths.pop() if lengths else (size or 0))
        flat = [entry for part in flat if isinstance(part, list) for entry in part]
    values = np.empty(len(flat))
    for position, entry in enumerate(flat):
        values[position] = _finite(entry, where)
    return values.reshape(sizes)


def number(raw: object, where: str) -> float:
    """Return one finite number; raises as :func:`numbers`."""
    return _finite(raw, where)


def whole_numbers(raw: object, where: str, *, size: int | None = None) -> NDArray[np.int32]:
    """Return a list of whole numbers of 32 bits as an array, (size,).

    Raises
    ------
    InputError
        If it is no such list, or one of another length.
    """
    if not isinstance(raw, list):
        raise wrong(where, "must be a list of whole numbers")
    if size is not None and len(raw) != size:
        raise wrong(where, f"has {len(raw):,} entries where {size:,} belong")
    for entry in raw:
        if type(entry) is not int or not -(2**31) <= entry < 2**31:
            raise wrong(where, f"{shown(entry)} is no whole number of 32 bits")
    return np.array(raw, np.int32)


def whole_number(raw: object, where: str) -> int:
    """Return one whole number of at most 64 bits.

    Raises
    ------
    InputError
        If it is none.
    """
    if type(raw) is not int or not -(2**63) <= raw < 2**63:
        raise wrong(where, f"{shown(raw)} is no whole number")
    return raw


def words(raw: object, where: str, *, unique: bool = True) -> tuple[str, ...]:
    """Return a list of texts, each once unless `unique` is False.

    Raises
    ------
    InputError
        If it is no such list.
    """
    if not isinstance(raw, list) or not all(isinstance(entry, str) for entry in raw):
        raise wrong(where, "must be a list of texts")
    if unique and len(set(raw)) < len(raw):
        raise wrong(where, f"names {shown(next(word for word in raw if raw.count(word) > 1))} twice")
    return tuple(raw)


def word(raw: object, where: str, options: Iterable[str] | None = None) -> str:
    """Return one text, one of `options` if given.

    Raises
    ------
    InputError
        If it is no text or none of the options.
    """
    if not isinstance(raw, str):
        raise wrong(where, f"must be a text, not {shown(raw)}")
    known = None if options is None else list(options)
    if known is not None and raw not in known:
        raise wrong(where, f"{shown(raw)} is none of {', '.join(known)}{did_you_mean(raw, known)}")
    return raw


def wrong(where: str, message: str) -> InputError:
    """Return the error for one thing that is wrong with a stored rating."""
    return InputError(Finding(f"{message}; {REMEDY}", key=where or None))


def _finite(entry: object, where: str) -> float:
    # bool is an int in Python, and a rating has no use for one among its numbers
    if type(entry) is not float and type(entry) is not int:
        raise wrong(where, f"{shown(entry)} is no number")
    try:
        value = float(entry)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise wrong(where, f"{shown(entry)} is not finite")
    return value


def _lengths(lengths: set[int]) -> str:
    return " or ".join(f"{length:,}" for length in sorted(lengths))
