"""Probabilities made to rise from grade to grade: neighbours pooled, gaps filled, ties set apart."""

from __future__ import annotations

import numpy as np

from lendplan.rating.records import Floats

CEILING = 1 - 1e-6
"""No estimate is above this, so that there is always room for a worse grade below one."""
STEP = 0.01
"""Least distance of neighbours in log-odds: of two that come out equal the worse gets 1 % higher odds."""


def pooled(values: Floats, weights: Floats) -> Floats:
    """Return the non-decreasing values nearest to `values` by weighted squares (pool adjacent violators); NaN stays."""
    blocks: list[tuple[float, float, list[int]]] = []
    for place in np.flatnonzero(~np.isnan(values)).tolist():
        value, weight, members = float(values[place]), float(weights[place]), [place]
        while blocks and blocks[-1][0] >= value:
            before, mass, others = blocks.pop()
            value = (before * mass + value * weight) / (mass + weight)
            weight += mass
            members = others + members
        blocks.append((value, weight, members))
    result = np.full(len(values), np.nan)
    for value, _, members in blocks:
        result[members] = value
    return result


def strictly_rising(values: Floats, floor: float) -> Floats:
    """Return non-decreasing values as strictly rising ones within [floor, 1), gaps filled; at least one is known."""
    odds = log_odds(np.clip(values, floor, CEILING))
    known = np.flatnonzero(~np.isnan(odds))
    first, last = int(known[0]), int(known[-1])
    odds[:first] = odds[first]
    odds[last:] = odds[last]
    inner = np.flatnonzero(np.isnan(odds))
    odds[inner] = np.interp(inner, known, odds[known])
    for place in range(1, len(odds)):
        odds[place] = max(odds[place], odds[place - 1] + STEP)
    return from_log_odds(odds)


def rises_within(probability: Floats) -> bool:
    """Whether probabilities rise strictly, all within (0, 1)."""
    inside = np.isfinite(probability).all() and probability[0] > 0 and probability[-1] < 1
    return bool(inside and (np.diff(probability) > 0).all())


def log_odds(probability: Floats) -> Floats:
    """Return ln(p / (1 − p)) of each probability within (0, 1); NaN stays."""
    return np.asarray(np.log(probability) - np.log1p(-probability))


def from_log_odds(odds: Floats) -> Floats:
    """Return the probability of each log-odds; NaN stays."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -700, 700))))  # exp of more is no number
