"""D(λ) against exact arithmetic, against every plan of small books, and against a problem worked by hand."""

import io
import itertools
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lendplan.certify.bound import bound_from_prices
from lendplan.data.book import Book, assemble_book
from lendplan.data.churn import ChurnTable, churn_from_frame
from lendplan.data.findings import InputError
from lendplan.data.tables import read_table, table_from_frame

NO_LIMIT: dict[str, Any] = {"where": {}, "by": None, "at_most": None, "at_least": None, "of": None}


def tables(plan: Any, folder: Path) -> tuple[Book, ChurnTable]:
    (folder / "book.csv").write_text(plan.book, encoding="utf-8")
    book = assemble_book(read_table(folder / "book.csv"))
    return book, churn_from_frame(pd.read_csv(io.StringIO(plan.churn)))


@pytest.mark.parametrize(
    ("price", "bound"),
    [
        # 150λ + max(0, 100(.056 − λ) − .1) + max(0, 100(.03 − λ) − .1) + 40(.06 − λ) − .1 + E6's ends of 10 and 100
        (0.0, 5.5 + 2.9 + 2.3 + 2.4),
        (0.01, 1.5 + 4.5 + 1.9 + 1.9 + 1.4),
        (0.03, 7.95),
        (0.1, 15.0 + 0.0 + 0.0 + 0.0 + (10 * (0.025 - 0.1) - 0.1)),
    ],
)
def test_by_hand(plan: Any, tmp_path: Path, price: float, bound: float) -> None:
    book, churn = tables(plan, tmp_path)
    found = bound_from_prices(plan.scenario, book, churn, {"budget": price}, None)
    assert found == pytest.approx(bound, rel=1e-12)
    assert bound_from_prices(plan.scenario, book, churn, {"budget": price, **{}}, {"unused": 1.0}) == found


def test_price_on_a_count_and_on_an_average_rate(plan: Any, tmp_path: Path) -> None:
    """A loan pays .2 more: E2 lends at 5 % its 10 at least, or 100; a mean rate of 5 % at most costs .5·(r − .05)·s."""
    book, churn = tables(plan, tmp_path)
    plan.limit(measure="count", at_least=3.0)
    assert bound_from_prices(plan.scenario, book, churn, {"it": -0.2}, None) == pytest.approx(
        13.1 + 4 * 0.2 - 3 * 0.2
    )
    plan.scenario["limits"] = []
    plan.limit(measure="average_rate", at_most=0.05)
    # at 10 %: E1 .8(.07 − .025) = .036, E2 .5(.06 − .025) = .0175, E3 .8(.075 − .025) = .04, E6 .5(.05 − .025) = .0125
    expected = (3.6 - 0.1) + (1.75 - 0.1) + (1.6 - 0.1) + (1.25 - 0.1)
    assert bound_from_prices(plan.scenario, book, churn, {"it": 0.5}, None) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prices", "says"),
    [({"budget": -1e-9}, ">= 0"), ({"bugdet": 1.0}, "no row"), ({"budget": math.inf}, "no finite number")],
)
def test_prices_that_prove_nothing_are_refused(plan: Any, tmp_path: Path, prices: Any, says: str) -> None:
    book, churn = tables(plan, tmp_path)
    with pytest.raises(ValueError, match=says):
        bound_from_prices(plan.scenario, book, churn, prices, None)


def test_weighted_without_ranges_is_refused(plan: Any, tmp_path: Path) -> None:
    book, churn = tables(plan, tmp_path)
    plan.scenario["objective"]["kind"] = "weighted"
    with pytest.raises(ValueError, match="there is no revenue_max, revenue_min, risk_max, risk_min"):
        bound_from_prices(plan.scenario, book, churn, {}, None)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("E2,B,0.04", "E2,,0.04", "'E2' has no grade"),
        ("E2,B,0.04", "E2,Z,0.04", "'E2' has a grade without a churn curve"),
        ("E2,B,0.04", "E2,B,", "'E2' has neither"),
        ("5,50,20", "5,50,60", "'E3' has no line"),
    ],
)
def test_rows_that_make_no_problem_are_errors(
    plan: Any, tmp_path: Path, old: str, new: str, says: str
) -> None:
    plan.book = plan.book.replace(old, new)
    book, churn = tables(plan, tmp_path)
    with pytest.raises(InputError, match=says):
        bound_from_prices(plan.scenario, book, churn, {}, None)


def test_unrated_and_borrowed_curves(plan: Any, tmp_path: Path) -> None:
    plan.book = plan.book.replace("E2,B,0.04", "E2,,0.04").replace("E3,A", "E3,AAA")
    plan.scenario |= {"unrated": "exclude", "churn_as": {"AAA": "A"}}
    book, churn = tables(plan, tmp_path)
    assert bound_from_prices(plan.scenario, book, churn, {}, None) == pytest.approx(5.5 + 2.3 + 2.4)


def test_multipliers(plan: Any, tmp_path: Path) -> None:
    """p ×40, capped at 1, LGD ×1.5 = .75: E1 ρ .6, E2 .75, E3 .3; E6 has no p: .03·60 = 1.8. E6 alone gets a loan."""
    plan.scenario["economics"] |= {"default_multiplier": 40.0, "loss_multiplier": 1.5, "funding_cost": 0.0}
    plan.scenario["economics"]["operating_cost"] = 0.0
    book, churn = tables(plan, tmp_path)
    assert bound_from_prices(plan.scenario, book, churn, {}, None) == pytest.approx(
        10 * 0.5 * (0.1 - 1.8) - 0.1
    )
    plan.book = plan.book.replace("E6,B,,0.03", "E6,B,0.05,0.03")  # p_eff / p = 1 / .05 = 20
    book, churn = tables(plan, tmp_path)
    assert bound_from_prices(plan.scenario, book, churn, {}, None) == pytest.approx(
        10 * 0.5 * (0.1 - 0.9) - 0.1
    )


# ------------------------------------------------------------------------------------- random books, exactly
def random_case(seed: int, scenario: dict[str, Any]) -> tuple[dict[str, Any], Book, ChurnTable]:
    draw = np.random.default_rng(seed)
    n = int(draw.integers(2, 5))
    frame = pd.DataFrame(
        {
            "enterprise": [f"E{i}" for i in range(n)],
            "grade": draw.choice(["A", "B"], n),
            "default_probability": draw.uniform(0, 0.1, n),
            "risk_weight": np.where(draw.random(n) < 0.3, draw.uniform(0, 0.1, n), np.nan),
            "line_min": draw.uniform(0, 10, n),
            "line_max": draw.uniform(10, 30, n),
            "must": draw.choice(["", "", "lend"], n),
            "region": draw.choice(["north", "south", ""], n),
        }
    )
    churn = pd.DataFrame({"rate": [0.04, 0.07, 0.12], "A": [0.0, 0.2, 0.6], "B": [0.0, 0.1, 0.5]})
    scenario["economics"] |= {
        "utilisation": 0.9,
        "interest_lost_on_default": bool(draw.integers(2)),
        "risk_basis": str(draw.choice(["line", "exposure"])),
        "fixed_cost": 0.05,
    }
    scenario["budget"] = {
        "total": float(draw.uniform(20, 60)),
        "basis": str(draw.choice(["line", "exposure"])),
    }
    if draw.integers(2):
        ranges = {"revenue_max": 3.0, "revenue_min": 1.0, "risk_max": 1.5, "risk_min": 0.25}
        scenario["objective"] = {"kind": "weighted", "revenue_weight": 0.6, "ranges": ranges}
    measures = ["line", "exposure", "interest", "revenue", "risk", "count"]
    for position in range(3):
        sense = str(draw.choice(["at_most", "at_least"]))
        measure = str(draw.choice(measures))
        size = {"line": 30, "exposure": 25, "interest": 2, "revenue": 1.5, "risk": 1, "count": 2}[measure]
        value = "60%" if draw.integers(2) else float(size * (1.3 if sense == "at_most" else 0.3))
        by = "region" if draw.integers(2) else None
        where = {"grade": ["A"]} if draw.integers(2) else {}
        limit = {"name": f"l{position}", "measure": measure, "by": by, "where": where, sense: value}
        scenario["limits"].append({**NO_LIMIT, **limit})
    scenario["limits"].append({**NO_LIMIT, "name": "mean", "measure": "average_rate", "at_most": 0.08})
    return scenario, assemble_book(table_from_frame(frame, "book")), churn_from_frame(churn)


class Exact:
    """The same problem in fractions, with loops; each row as (name, sense, coefficients(i, k), right side)."""

    def __init__(self, scenario: dict[str, Any], book: Book, churn: ChurnTable) -> None:
        self.frame, e = book.frame, scenario["economics"]
        self.n, self.rates = len(self.frame), [Fraction(float(rate)) for rate in churn.rates]
        self.scenario, self.curves = scenario, dict(zip(churn.grades, churn.churn, strict=True))
        self.cost = Fraction(e["funding_cost"] + e["operating_cost"])
        objective = scenario["objective"]
        self.weights, self.constant = (Fraction(1), Fraction(-1)), Fraction(0)
        if objective["kind"] == "weighted":
            w, r = objective["revenue_weight"], objective["ranges"]
            a = Fraction(w / (r["revenue_max"] - r["revenue_min"]))
            b = Fraction((1 - w) / (r["risk_max"] - r["risk_min"]))
            self.weights = (a, -b)
            self.constant = -a * Fraction(r["revenue_min"]) + b * Fraction(r["risk_min"])

    def measures(self, i: int, k: int) -> dict[str, tuple[Fraction, Fraction]]:
        """Measure → (per unit of line, per loan)."""
        row, e = self.frame.iloc[i], self.scenario["economics"]
        s = Fraction(1 - float(self.curves[row["grade"]][k])) * Fraction(e["utilisation"])
        p = Fraction(float(row["default_probability"]))
        weight = row["risk_weight"]
        rho = Fraction(
            float(row["default_probability"] * e["loss_given_default"] if np.isnan(weight) else weight)
        )
        kept = 1 - p if e["interest_lost_on_default"] else Fraction(1)
        zero = Fraction(0)
        return {
            "line": (Fraction(1), zero),
            "exposure": (s, zero),
            "interest": (s * self.rates[k], zero),
            "revenue": (s * (kept * self.rates[k] - self.cost), -Fraction(e["fixed_cost"])),
            "risk": (rho if e["risk_basis"] == "line" else s * rho, zero),
            "count": (zero, Fraction(1)),
        }

    def rows(self) -> list[tuple[str, str, Any, Fraction]]:
        budget = self.scenario["budget"]
        basis = budget["basis"]
        found: list[tuple[str, str, Any, Fraction]] = [
            ("budget", "at_most", lambda i, k: self.measures(i, k)[basis], Fraction(budget["total"]))
        ]
        for limit in self.scenario["limits"]:
            sense = "at_most" if limit["at_most"] is not None else "at_least"
            value, by = limit[sense], limit["by"]
            groups = dict.fromkeys(self.frame[by].tolist()) if by else [None]
            for group in groups:
                name = f"{limit['name']}[{group or '(blank)'}]" if by else limit["name"]
                members = {
                    i
                    for i in range(self.n)
                    if all(self.frame[c].iloc[i] in v for c, v in limit["where"].items())
                    and (not by or self.frame[by].iloc[i] == group)
                }

                def coefficient(
                    i: int, k: int, members: Any = members, limit: Any = limit, value: Any = value
                ) -> tuple[Fraction, ...]:
                    m, inside = self.measures(i, k), Fraction(int(i in members))
                    if limit["measure"] == "average_rate":
                        return tuple(
                            inside * (a - Fraction(value) * b)
                            for a, b in zip(m["interest"], m["exposure"], strict=True)
                        )
                    share = Fraction(float(value[:-1]) / 100) if isinstance(value, str) else Fraction(0)
                    return tuple((inside - share) * part for part in m[limit["measure"]])

                is_zero = isinstance(value, str) or limit["measure"] == "average_rate"
                found.append((name, sense, coefficient, Fraction(0) if is_zero else Fraction(value)))
        return found

    def value(self, i: int, k: int) -> tuple[Fraction, Fraction]:
        m, (a, b) = self.measures(i, k), self.weights
        return a * m["revenue"][0] + b * m["risk"][0], a * m["revenue"][1] + b * m["risk"][1]

    def options(self, i: int, points: int) -> list[tuple[int, Fraction]]:
        low, high = (Fraction(float(self.frame[name].iloc[i])) for name in ("line_min", "line_max"))
        lines = [low + (high - low) * j / (points - 1) for j in range(points)]
        return [(k, line) for k in range(len(self.rates)) for line in lines]

    def bound(self, prices: dict[str, float]) -> Fraction:
        rows = self.rows()
        total = self.constant + sum(
            (Fraction(prices.get(name, 0.0)) * right for name, _, _, right in rows), Fraction(0)
        )
        for i in range(self.n):
            worth = [] if self.frame["must"].iloc[i] == "lend" else [Fraction(0)]
            for k, line in self.options(i, 2):
                v = line * self.value(i, k)[0] + self.value(i, k)[1]
                for name, _, coefficient, _ in rows:
                    a, b = coefficient(i, k)
                    v -= Fraction(prices.get(name, 0.0)) * (line * a + b)
                worth.append(v)
            total += max(worth)
        return total


def random_prices(exact: Exact, draw: np.random.Generator) -> dict[str, float]:
    prices = {}
    for name, sense, _, _ in exact.rows():
        price = float(draw.exponential(0.05)) * int(draw.integers(2))
        prices[name] = price if sense == "at_most" else -price
    return prices


@pytest.mark.parametrize("seed", range(25))
def test_exact_arithmetic_is_within_the_margin(seed: int, scenario: dict[str, Any]) -> None:
    scenario, book, churn = random_case(seed, scenario)
    exact, draw = Exact(scenario, book, churn), np.random.default_rng(seed)
    for _ in range(5):
        prices = random_prices(exact, draw)
        found = bound_from_prices(scenario, book, churn, prices, scenario["objective"]["ranges"])
        expected = exact.bound(prices)
        assert Fraction(found) >= expected
        assert found == pytest.approx(float(expected), rel=1e-11, abs=1e-12)


def test_no_feasible_plan_exceeds_the_bound(scenario: dict[str, Any]) -> None:
    """Weak duality: every plan of small books, lines at their ends and halfway, at random prices."""
    feasible = 0
    for seed in range(60):
        case, book, churn = random_case(
            seed, {**scenario, "limits": [], "economics": dict(scenario["economics"])}
        )
        exact, draw = Exact(case, book, churn), np.random.default_rng(seed)
        if exact.n > 3:
            continue
        bounds = [
            bound_from_prices(case, book, churn, random_prices(exact, draw), case["objective"]["ranges"])
            for _ in range(5)
        ]
        rows = exact.rows()
        effects = []
        for i in range(exact.n):
            none: list[tuple[float, ...]] = (
                [] if exact.frame["must"].iloc[i] == "lend" else [(0.0,) * (len(rows) + 1)]
            )
            for k, line in exact.options(i, 3):
                parts = [exact.value(i, k), *(coefficient(i, k) for _, _, coefficient, _ in rows)]
                none.append(tuple(float(line * a + b) for a, b in parts))
            effects.append(none)
        right = np.array([float(one[3]) for one in rows])
        sign = np.array([1.0 if one[1] == "at_most" else -1.0 for one in rows])
        for choice in itertools.product(*effects):
            value, *left = np.sum(choice, axis=0)
            if np.all(sign * (np.array(left) - right) <= 1e-12):
                feasible += 1
                assert value + float(exact.constant) <= min(bounds) + 1e-12
    assert feasible > 500
