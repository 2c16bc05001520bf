"""Ids as numbers of 64 bits, so that those of a large book can be compared without their letters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import packed_bytes
from lendplan.data.texts import Texts

Hashes = NDArray[np.uint64]

_FACTOR = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def hashes_of(ids: Texts) -> Hashes:
    """Return a number for each id, (rows,), the same on every machine.

    Equal ids have equal numbers; that different ids have different ones is likely, and no more: whoever finds two
    equal numbers has the ids to look at. A number is the polynomial of the id's bytes at an odd number, modulo 2⁶⁴,
    mixed (splitmix64: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014).
    """
    ends, letters = packed_bytes(ids.arrow())
    length = np.diff(ends)
    found = length.astype(np.uint64)
    if len(found) and ends[-1] > ends[0]:
        powers = np.ones(int(length.max()) + 1, dtype=np.uint64)
        powers[1:] = _FACTOR
        powers = np.multiply.accumulate(powers)
        place = np.arange(ends[0], ends[-1]) - np.repeat(ends[:-1], length)
        terms = (letters[ends[0] : ends[-1]].astype(np.uint64) + np.uint64(1)) * powers[place]
        filled = np.flatnonzero(length)
        found[filled] += np.add.reduceat(terms, ends[:-1][filled] - ends[0])
    found ^= found >> np.uint64(30)
    found *= np.uint64(_MIX[0])
    found ^= found >> np.uint64(27)
    found *= np.uint64(_MIX[1])
    found ^= found >> np.uint64(31)
    return found
