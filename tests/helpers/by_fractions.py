"""The bound of a small book in fractions, with loops over every choice: what the certificate's code is held against."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from lendplan.data.book import Book
from lendplan.data.churn import ChurnTable

Branch = Sequence[Any]


class ExactBook:
    """A scenario's book in fractions; a choice is (rate's place, line), or None for lending nothing.

    Every number is the double that was read; nothing is rounded after. Grades are those of the churn table; no
    enterprise is excluded; limits are by columns of text.
    """

    def __init__(self, scenario: dict[str, Any], book: Book, churn: ChurnTable) -> None:
        self.columns: dict[str, list[Any]] = {name: book.table[name].tolist() for name in book.table}
        e = scenario["economics"]
        # Asked for again and again, and each a dozen fractions.
        self.measures = cache(self._measures)
        self.effects = cache(self._effects)
        self.ends = cache(self._ends)
        self.n, self.rates = len(self.column("enterprise")), [Fraction(rate) for rate in churn.rates.tolist()]
        self.scenario, self.curves = scenario, dict(zip(churn.grades, churn.churn.tolist(), strict=True))
        self.cost = Fraction(e["funding_cost"]) + Fraction(e["operating_cost"])
        objective = scenario["objective"]
        self.weights, self.constant = (Fraction(1), Fraction(-1)), Fraction(0)
        if objective["kind"] == "weighted":
            w, r = (
                Fraction(objective["revenue_weight"]),
                {k: Fraction(v) for k, v in objective["ranges"].items()},
            )
            a = (
                w / (r["revenue_max"] - r["revenue_min"])
                if r["revenue_max"] > r["revenue_min"]
                else Fraction(0)
            )
            b = (1 - w) / (r["risk_max"] - r["risk_min"]) if r["risk_max"] > r["risk_min"] else Fraction(0)
            self.weights = (a, -b)
            self.constant = -a * r["revenue_min"] + b * r["risk_min"]
        self.stated: dict[str, Fraction] = {}  # right sides of counts before they are made whole numbers
        self.rows = list(self._rows())

    def column(self, name: str) -> list[Any]:
        return self.columns[name]

    def cell(self, i: int, name: str) -> Any:
        value = self.column(name)[i]
        return None if isinstance(value, float) and math.isnan(value) else value

    def risk(self, i: int) -> tuple[Fraction, Fraction]:
        """Return p and ρ with the multipliers."""
        e = self.scenario["economics"]
        by_p, by_l = Fraction(e["default_multiplier"]), Fraction(e["loss_multiplier"])
        p0, l0, weight = (
            self.cell(i, name) for name in ("default_probability", "loss_given_default", "risk_weight")
        )
        p = min(Fraction(1), by_p * Fraction(p0 or 0))
        lgd = min(Fraction(1), by_l * Fraction(e["loss_given_default"] if l0 is None else l0))
        if weight is None:
            return p, p * lgd
        return p, Fraction(weight) * (p / Fraction(p0) if p0 else by_p) * (lgd / Fraction(l0) if l0 else by_l)

    def _measures(self, i: int, k: int) -> dict[str, tuple[Fraction, Fraction]]:
        """Measure → (per unit of line, per loan)."""
        e, zero, one = self.scenario["economics"], Fraction(0), Fraction(1)
        s = (1 - Fraction(self.curves[self.column("grade")[i]][k])) * Fraction(e["utilisation"])
        p, rho = self.risk(i)
        kept = 1 - p if e["interest_lost_on_default"] else one
        return {
            "line": (one, zero),
            "exposure": (s, zero),
            "interest": (s * self.rates[k], zero),
            "revenue": (s * (kept * self.rates[k] - self.cost), -Fraction(e["fixed_cost"])),
            "risk": (rho if e["risk_basis"] == "line" else s * rho, zero),
            "count": (zero, one),
        }

    def _rows(self) -> Iterator[tuple[str, str, Any, Fraction]]:
        """Each row as (name, sense, coefficient(i, k), right side)."""
        budget = self.scenario["budget"]
        yield (
            "budget",
            "at_most",
            lambda i, k: self.measures(i, k)[budget["basis"]],
            Fraction(budget["total"]),
        )
        for limit in self.scenario["limits"]:
            sense = "at_most" if limit["at_most"] is not None else "at_least"
            value, by = limit[sense], limit["by"]
            share = Fraction(float(value[:-1]) / 100) if isinstance(value, str) else None
            for group in dict.fromkeys(self.column(by)) if by else [None]:
                members = {
                    i
                    for i in range(self.n)
                    if all(self.column(c)[i] in v for c, v in limit["where"].items())
                    and (not by or self.column(by)[i] == group)
                }
                if by and not members:
                    continue  # a group has a row where somebody is in it whom `where` keeps
                is_rate = limit["measure"] == "average_rate"

                def coefficient(
                    i: int,
                    k: int,
                    members: Any = members,
                    limit: Any = limit,
                    value: Any = value,
                    share: Any = share,
                ) -> tuple[Fraction, Fraction]:
                    m, inside = self.measures(i, k), Fraction(int(i in members))
                    if limit["measure"] == "average_rate":
                        rate, (a, b) = Fraction(value), (m["interest"][0], m["exposure"][0])
                        return inside * (a - rate * b), Fraction(0)
                    less = share if share is not None and not limit["of"] else 0
                    per_line, per_loan = m[limit["measure"]]
                    return (inside - less) * per_line, (inside - less) * per_loan

                right = Fraction(0) if share is not None or is_rate else Fraction(value)
                name = f"{limit['name']}[{group or '(blank)'}]" if by else limit["name"]
                if limit["measure"] == "count" and share is None:  # a count means a whole number
                    self.stated[name] = right
                    slack = Fraction(1e-9) * max(Fraction(1), right)
                    right = Fraction(
                        math.ceil(right - slack) if sense == "at_least" else math.floor(right + slack)
                    )
                if limit["of"] and share is not None:
                    right = share * Fraction(budget["total"])
                yield (
                    name,
                    sense,
                    coefficient,
                    right,
                )

    def value(self, i: int, k: int) -> tuple[Fraction, Fraction]:
        m, (a, b) = self.measures(i, k), self.weights
        return a * m["revenue"][0] + b * m["risk"][0], a * m["revenue"][1] + b * m["risk"][1]

    def _ends(self, i: int) -> tuple[Fraction, Fraction]:
        """Return smallest and largest line; with a step, the multiples of it within."""
        lines = self.scenario["lines"]
        low, high, step = (self.cell(i, f"line_{name}") for name in ("min", "max", "step"))
        low, high, step = (
            Fraction(lines[key] or 0 if own is None else own)
            for key, own in (("min", low), ("max", high), ("step", step))
        )
        if not step:
            return low, high
        dust = Fraction(1, 10**9)
        return max(1, math.ceil(low / step - dust)) * step, math.floor(high / step + dust) * step

    def options(self, i: int, points: int = 2) -> list[tuple[int, Fraction]]:
        """Return lending choices: each rate within the row's own bounds, lines from end to end."""
        (low, high), first, last = self.ends(i), self.cell(i, "rate_min"), self.cell(i, "rate_max")
        lines = [low + (high - low) * j / (points - 1) for j in range(points)]
        rates = [k for k, r in enumerate(self.rates) if (first or 0) <= r <= (1 if last is None else last)]
        return [(k, line) for k in rates for line in lines]

    def choices(
        self, i: int, branches: Sequence[Branch] = (), points: int = 2
    ) -> list[tuple[int, Fraction] | None]:
        """Return what branches leave of an enterprise: the rates, and the ends of the line."""
        mine = [branch for branch in branches if branch[0] == self.column("enterprise")[i]]
        low, high = self.ends(i)
        may_decline = self.column("must")[i] != "lend"
        rates = sorted({k for k, _ in self.options(i)})
        dust = Fraction(self.cell(i, "line_step") or 0) / 10**9
        for _, how, at in mine:
            if how == "at_most":
                rates = [k for k in rates if at is not None and self.rates[k] <= at]
            elif how == "above":
                may_decline, rates = False, [k for k in rates if at is None or self.rates[k] > at]
            elif how == "line_at_most":
                high = min(high, self._step_down(i, Fraction(at) + dust))
            else:
                may_decline, low = False, max(low, self._step_up(i, Fraction(at) - dust))
        found: list[tuple[int, Fraction] | None] = [None] if may_decline else []
        lines = [low + (high - low) * j / (points - 1) for j in range(points)] if low <= high else []
        return found + [(k, line) for k in rates for line in lines]

    def _step_down(self, i: int, line: Fraction) -> Fraction:
        step = Fraction(self.cell(i, "line_step") or 0)
        return math.floor(line / step) * step if step else line

    def _step_up(self, i: int, line: Fraction) -> Fraction:
        step = Fraction(self.cell(i, "line_step") or 0)
        return math.ceil(line / step) * step if step else line

    def priced(self, i: int, choice: tuple[int, Fraction] | None, prices: Mapping[str, float]) -> Fraction:
        """Return the worth of a choice once the rows are priced."""
        if choice is None:
            return Fraction(0)
        k, line = choice
        (a, b), *rows = self.effects(i, k)
        for (name, _, _, _), (per_line, per_loan) in zip(self.rows, rows, strict=True):
            if prices.get(name):
                price = Fraction(prices[name])
                a, b = a - price * per_line, b - price * per_loan
        return line * a + b

    def _effects(self, i: int, k: int) -> list[tuple[Fraction, Fraction]]:
        """Return the objective's coefficients and those of each row, per unit of line and per loan."""
        return [self.value(i, k), *(coefficient(i, k) for _, _, coefficient, _ in self.rows)]

    def bound(self, prices: Mapping[str, float], branches: Sequence[Branch] = ()) -> Fraction | None:
        """Return D(prices) over what branches leave; None for −infinity."""
        fixed = (Fraction(prices.get(name, 0.0)) * right for name, _, _, right in self.rows)
        found = sum(fixed, self.constant)
        for i in range(self.n):
            left = self.choices(i, branches)
            if not left:
                return None
            found += max(self.priced(i, one, prices) for one in left)
        return found

    def random_prices(self, draw: np.random.Generator) -> dict[str, float]:
        prices = {}
        for name, sense, _, _ in self.rows:
            price = float(draw.exponential(0.05)) * int(draw.integers(2))
            prices[name] = price if sense == "at_most" else -price
        return prices
