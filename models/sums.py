"""Sums that come out the same to the last bit, wherever the parts of a book stand.

A block of ``BLOCK`` values is added up as NumPy does it, which depends on the block alone; the blocks' sums are added
exactly. So what one process sums, and what several machines sum that hold whole blocks each, is one number.
"""

from __future__ import annotations

import math

from lendplan.models.measures import Floats

BLOCK = 1 << 15
"""Values a block; where a book is divided, it is divided between blocks."""


def by_block(values: Floats, block: int | None = None) -> list[float]:
    """Return the sum of each block of values, shape (n,); ``BLOCK`` values a block unless given."""
    step = BLOCK if block is None else block
    return [float(values[start : start + step].sum()) for start in range(0, len(values), step)]


def total(values: Floats) -> float:
    """Return the sum of values, shape (n,)."""
    return math.fsum(by_block(values))
