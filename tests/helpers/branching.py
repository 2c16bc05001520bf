"""A branch and bound of a few lines over small books, for leaves that are right and for tests to spoil."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from by_fractions import ExactBook
from scipy.optimize import linprog

from lendplan.certify.exact import rounded_up

PENALTY = 1e4
"""Price of breaking a row by one: a part that holds no plan is closed by prices of this size."""
DUST = 1e-7


@dataclass
class Found:
    """What the search found.

    Parameters
    ----------
    leaves
        As certificate.json has them.
    inner
        The nodes that were split, the root first, in the same form.
    root
        The prices of the root.
    claimed
        The greatest exact D of a leaf, rounded up.
    best
        The best plan's worth; −inf where there is none.
    """

    leaves: list[dict[str, Any]] = field(default_factory=list)
    inner: list[dict[str, Any]] = field(default_factory=list)
    root: dict[str, float] = field(default_factory=dict)
    claimed: float = -math.inf
    best: float = -math.inf


def branch_and_bound(exact: ExactBook, seed: int = 0, most: int = 1_000_000) -> Found:
    """Split until the relaxation of each part, priced, is worth no more than the best plan that was met.

    Each part is a linear program over mixtures of the choices that are left, an enterprise's mixture summing to one. A
    solution that mixes no two rates, nor lending with declining, and keeps whole steps, is a plan. After `most` splits
    the parts that are left are closed as they are, with what bound they have.
    """
    found, draw = Found(), np.random.default_rng(seed)
    todo: list[list[list[Any]]] = [[]]
    closed: list[tuple[list[list[Any]], dict[str, float]]] = []
    while todo:
        branches = todo.pop()
        value, prices, used, broken = _relaxation(exact, branches)
        is_closed = value <= found.best + DUST or len(found.inner) >= most
        pair = None if is_closed else _branches(exact, used, draw)
        if pair is None:
            if value > found.best and broken <= DUST and _branches(exact, used, draw) is None:
                found.best = value
            closed.append((branches, prices))
        else:
            found.inner.append({"choices": branches, "prices": prices})
            todo += [[*branches, one] for one in pair]
    # Where nothing was split, the only leaf is the root.
    found.root = found.inner[0]["prices"] if found.inner else closed[0][1]
    found.leaves = [{"choices": branches, "prices": prices} for branches, prices in closed]
    bounds = [exact.bound(prices, branches) for branches, prices in closed]
    found.claimed = max((rounded_up(one) for one in bounds if one is not None), default=-math.inf)
    return found


def _relaxation(
    exact: ExactBook, branches: list[list[Any]]
) -> tuple[float, dict[str, float], list[dict[Any, float]], float]:
    """Return the worth, the rows' prices, how much of each choice each enterprise takes, and what is broken."""
    choices = [(i, one) for i in range(exact.n) for one in exact.choices(i, branches)]
    if {i for i, _ in choices} != set(range(exact.n)):
        return -math.inf, {name: 0.0 for name, *_ in exact.rows}, [], math.inf
    cost = [-float(exact.priced(i, one, {})) for i, one in choices]
    sign = np.array([1.0 if sense == "at_most" else -1.0 for _, sense, _, _ in exact.rows])
    right = sign * np.array([float(one[3]) for one in exact.rows])
    body = np.zeros((len(exact.rows), len(choices)))
    for j, (i, one) in enumerate(choices):
        for r, (_, _, coefficient, _) in enumerate(exact.rows):
            if one is not None:
                per_line, per_loan = coefficient(i, one[0])
                body[r, j] = sign[r] * float(one[1] * per_line + per_loan)
    one_each = np.array([[float(i == k) for i, _ in choices] for k in range(exact.n)])
    m = len(exact.rows)
    answer = linprog(
        [*cost, *[PENALTY] * m],
        A_ub=np.hstack([body, -np.eye(m)]),
        b_ub=right,
        A_eq=np.hstack([one_each, np.zeros((exact.n, m))]),
        b_eq=np.ones(exact.n),
        method="highs-ds",
    )
    assert answer.status == 0, answer.message
    assert answer.x is not None
    assert answer.fun is not None
    marginals = np.asarray(answer.ineqlin.marginals)
    prices = {
        row[0]: float(s * max(0.0, -mu)) for row, s, mu in zip(exact.rows, sign, marginals, strict=True)
    }
    used: list[dict[Any, float]] = [{} for _ in range(exact.n)]
    for (i, one), part in zip(choices, answer.x, strict=False):
        if part > DUST:
            used[i][one] = float(part)
    return float(exact.constant) - float(answer.fun), prices, used, float(np.sum(answer.x[len(choices) :]))


def _branches(
    exact: ExactBook, used: list[dict[Any, float]], draw: np.random.Generator
) -> tuple[list[Any], list[Any]] | None:
    """Return two complementary branches at an enterprise whose choices are mixed; None where none is."""
    for i, parts in enumerate(used):
        name = exact.column("enterprise")[i]
        rates = sorted({one[0] for one in parts if one is not None})
        line = sum(part * float(one[1]) for one, part in parts.items() if one is not None)
        step = exact.cell(i, "line_step")
        if len(rates) > 1:
            at = float(exact.rates[rates[0]])
            return [name, "at_most", at], [name, "above", at]
        if None in parts and rates:
            if draw.integers(2):
                return [name, "line_at_most", 0.0], [name, "line_at_least", float(exact.ends(i)[0]) or 1e-9]
            return [name, "at_most", None], [name, "above", None]
        if step and abs(line / step - round(line / step)) > 1e-6:
            below = math.floor(line / step)
            return [name, "line_at_most", below * step], [name, "line_at_least", (below + 1) * step]
    return None
