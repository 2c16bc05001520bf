"""A book in parts, for tests of clusters; here, since workers find helpers by their names and tests not."""

from __future__ import annotations

import time

import numpy as np
from books import random_problem

from lendplan.data.texts import Texts
from lendplan.models.measures import Objective
from lendplan.models.problem import Members, Problem, Row, reordered
from lendplan.solvers.cluster import Share

SIZE, BLOCK = 1_000, 64


def problem() -> Problem:
    """Return a book with limits by two columns, a share, a rate and a count."""
    draw = np.random.default_rng(5)
    plain = random_problem(3, SIZE, 6)
    one = draw.integers(0, 5, SIZE).astype(np.int32)
    other = draw.integers(-1, 3, SIZE).astype(np.int32)
    rows = [Row(f"one[{k}]", "line", 1, Members(one, k), amount=110.0) for k in range(5)]
    rows += [
        Row("other", "exposure", 1, Members(other, 1), share=0.3),
        Row("rate", "average_rate", 1, rate=0.07),
        Row("count", "count", -1, amount=100.0),
    ]
    objective = Objective("weighted", 0.6)
    return plain.replaced(limits=tuple(rows), budget=500.0, objective=objective)


def make(first: int, last: int, seconds: float = 0.0) -> Share:
    time.sleep(seconds)
    own = reordered(problem(), np.arange(first, last))
    return Share(own.replaced(enterprise=np.empty(own.size, dtype=object)), Texts.of(own.enterprise.tolist()))
