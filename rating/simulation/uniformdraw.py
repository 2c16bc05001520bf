"""Random numbers that are the same on every machine: uniform ones, shaped by plain arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_SQUARINGS = 5


class Draw:
    """A stream of numbers from one seed.

    Parameters
    ----------
    seed
        0 or more; the same seed gives the same stream.
    """

    def __init__(self, seed: int) -> None:
        self._numbers = np.random.default_rng(seed)

    def even(self, size: int) -> Floats:
        """Return numbers even over [0, 1), (size,)."""
        return self._numbers.random(size)

    def bell(self, size: int) -> Floats:
        """Return bell-shaped numbers of mean 0 and deviation 1, within ±3: three uniform ones added, (size,)."""
        return 2.0 * (self.even(size) + self.even(size) + self.even(size) - 1.5)

    def order(self, size: int) -> Codes:
        """Return the positions 0 … size − 1 in random order, (size,)."""
        return np.asarray(np.argsort(self.even(size), kind="stable"), dtype=np.int64)

    def choice(self, size: int, shares: Sequence[float]) -> Codes:
        """Return positions in `shares`, each as often as its share says, (size,)."""
        ends = np.cumsum(np.array(shares))[:-1]
        return np.asarray(np.searchsorted(ends, self.even(size), side="right"), dtype=np.int64)

    def counts(self, mean: Floats) -> Codes:
        """Return whole numbers about `mean`, which has to be 0 or more; as spread as counted events are."""
        about = mean + np.sqrt(mean) * np.where(mean > 1, self.bell(len(mean)), 0.0)
        return np.asarray(np.floor(np.maximum(about, 0.0) + self.even(len(mean))), dtype=np.int64)

    @staticmethod
    def spread(exponent: Floats) -> Floats:
        """Return (1 + x/32)³², a positive factor much like eˣ for −8 ≤ x ≤ 8; squares round alike everywhere."""
        factor = 1.0 + np.clip(exponent, -16.0, 16.0) / 2.0**_SQUARINGS
        for _ in range(_SQUARINGS):
            factor = factor * factor
        return factor
