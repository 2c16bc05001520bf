"""Where labels go so that none lies on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lendplan.models.measures import Floats

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
BESIDE = ((0.7, 0.7), (-0.7, -0.7), (0.7, -0.7), (-0.7, 0.7), (1, 0), (-1, 0), (0, -1), (0, 1))
"""Directions from a mark in which its label is looked for, the best first; down is positive."""
ABOVE = ((0, -1), (-0.7, -0.7), (0, 1), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (1, 0), (-1, 0))

"""The same for a label that had best stand above its mark."""
_BETWEEN = 5.0  # labels in a row, at least


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return places as near to the wanted ones as keeps them `gap` apart and within two ends, in their order.

    The least squares answer, by pooling neighbours that violate the order: Barlow et al., Statistical Inference under
    Order Restrictions, 1972. The ends must have room for all.
    """
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    blocks: list[tuple[float, int]] = []  # sum, count
    for rank, at in enumerate(order):
        total, count = wanted[at] - rank * gap, 1
        while blocks and blocks[-1][0] / blocks[-1][1] >= total / count:
            before, more = blocks.pop()
            total, count = total + before, count + more
        blocks.append((total, count))
    pooled = [total / count for total, count in blocks for _ in range(count)]
    last = high - (len(wanted) - 1) * gap
    places = [0.0] * len(wanted)
    for rank, at in enumerate(order):
        places[at] = min(max(pooled[rank], low), max(last, low)) + rank * gap
    return places


@dataclass
class Room:
    """The room that a panel leaves for labels.

    Parameters
    ----------
    bounds
        Within which labels stay.
    obstacles
        Boxes that they had better not touch, (n, 4).
    """

    bounds: Box
    obstacles: Floats
    taken: list[Box] = field(default_factory=list)

    def place(
        self,
        mark: tuple[float, float],
        wide: float,
        high: float,
        reach: float,
        sides: Sequence[tuple[float, float]] = BESIDE,
    ) -> tuple[Box, str] | None:
        """Return a box for a label beside a mark and how its text is aligned; None where other labels leave none.

        Parameters
        ----------
        mark
            Its middle.
        wide, high
            The label's size.
        reach
            From the mark's middle to the label.
        sides
            Directions in which it is looked for.
        """
        best: tuple[float, Box, str] | None = None
        for far in (1.0, 1.8, 3.0):
            for across, down in sides:
                side = reach * far
                left = mark[0] + across * side - (0 if across > 0 else wide if across < 0 else wide / 2)
                top = mark[1] + down * side - (0 if down > 0 else high if down < 0 else high / 2)
                box = (left, top, left + wide, top + high)
                if not _within(box, self.bounds) or any(_near(box, other) for other in self.taken):
                    continue
                cost = self._touched(box) + 0.4 * (far - 1)
                if best is None or cost < best[0]:
                    best = cost, box, "left" if across > 0 else "right" if across < 0 else "center"
            if best is not None and best[0] < 1:
                break
        if best is None:
            return None
        self.taken.append(best[1])
        return best[1], best[2]

    def _touched(self, box: Box) -> int:
        if not len(self.obstacles):
            return 0
        left, top, right, bottom = self.obstacles.T
        hit: NDArray[np.bool_] = (left < box[2]) & (right > box[0]) & (top < box[3]) & (bottom > box[1])
        return int(np.count_nonzero(hit))


def around(places: Sequence[tuple[float, float]], reach: float) -> Floats:
    """Return a box around each place, (n, 4)."""
    middles = np.array(places, dtype=float).reshape(-1, 2)
    return np.hstack([middles - reach, middles + reach])


def along(places: Sequence[tuple[float, float]], every: float = 6.0) -> list[tuple[float, float]]:
    """Return places along a line through some, at most `every` apart."""
    between: list[tuple[float, float]] = []
    for (x, y), (to_x, to_y) in pairwise(places):
        steps = max(1, int(np.hypot(to_x - x, to_y - y) / every))
        between += [(x + (to_x - x) * at / steps, y + (to_y - y) * at / steps) for at in range(steps + 1)]
    return between


def _within(box: Box, bounds: Box) -> bool:
    return box[0] >= bounds[0] and box[1] >= bounds[1] and box[2] <= bounds[2] and box[3] <= bounds[3]


def _near(one: Box, other: Box) -> bool:
    """Whether two labels touch, or stand so close in a row that they read as one."""
    return (
        one[0] < other[2] + _BETWEEN
        and other[0] < one[2] + _BETWEEN
        and one[1] < other[3]
        and other[1] < one[3]
    )
