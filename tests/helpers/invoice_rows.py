"""Invoices written as rows, and the dossier they make."""

import math
from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np
import pytest

from lendplan.data.texts import Texts
from lendplan.rating.records import Dossier, Enterprises, Indicators, Invoices

EPOCH = date(1970, 1, 1)

Row = tuple[str, str, date, str, float, float, bool]
"""enterprise, side, day, counterparty, amount, tax, whether it is valid."""


def dossier_of(rows: list[Row], ids: Iterable[str] | None = None) -> Dossier:
    names = tuple(ids if ids is not None else dict.fromkeys(row[0] for row in rows))
    place = {name: position for position, name in enumerate(names)}
    parties: dict[tuple[str, str], int] = {}
    n = len(names)
    amount = np.array([row[4] for row in rows], dtype=np.float64)
    tax = np.array([row[5] for row in rows], dtype=np.float64)
    return Dossier(
        Enterprises(names, ("",) * n, ("",) * n, np.full(n, np.nan), np.arange(2, n + 2)),
        Invoices(
            owner=np.array([place[row[0]] for row in rows], dtype=np.int32),
            is_sale=np.array([row[1] == "output" for row in rows], dtype=bool),
            number=Texts.of([str(number) for number in range(len(rows))]),
            day=np.array([(row[2] - EPOCH).days for row in rows], dtype=np.int32),
            counterparty=np.array(
                [parties.setdefault((row[1], row[3]), len(parties)) for row in rows], dtype=np.int32
            ),
            amount=amount,
            tax=tax,
            total=amount + tax,
            is_valid=np.array([row[6] for row in rows], dtype=bool),
        ),
    )


def row_of(indicators: Indicators, enterprise: str) -> dict[str, float]:
    row = indicators.values[indicators.enterprise.index(enterprise)]
    return dict(zip(indicators.names, row.tolist(), strict=True))


def same(found: float, expected: float) -> bool:
    return (math.isnan(found) and math.isnan(expected)) or found == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


def assert_same(found: dict[str, float], expected: dict[str, float]) -> None:
    wrong = {name: (found[name], value) for name, value in expected.items() if not same(found[name], value)}
    assert not wrong, wrong


def random_rows(seed: int, enterprises: int = 6, most: int = 150) -> list[Row]:
    random = np.random.default_rng(seed)
    rows: list[Row] = []
    for number in range(enterprises):
        first = date(2017, 1, 1) + timedelta(days=int(random.integers(0, 300)))
        span = int(random.choice([1, 20, 200, 1000]))
        for side in ("output", "input"):
            for _ in range(int(random.integers(0, most))):
                amount = round(float(random.lognormal(7, 2)), 2) * (-1 if random.random() < 0.1 else 1)
                tax = round(amount * float(random.choice([0, 0.03, 0.13])), 2)
                day = first + timedelta(days=int(random.integers(0, span)))
                rows.append(
                    (
                        f"E{number}",
                        side,
                        day,
                        f"P{random.integers(0, 12)}",
                        amount,
                        tax,
                        random.random() > 0.1,
                    )
                )
    return [rows[place] for place in random.permutation(len(rows))]
