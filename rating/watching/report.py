"""What the early warning says: signals, grades to look at again, and what could not be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lendplan.data import csvwriting
from lendplan.data.findings import listed
from lendplan.data.texts import Texts
from lendplan.rating.records import Floats

Severity = Literal["watch", "severe"]


@dataclass(frozen=True)
class Signal:
    """One change that reached its threshold.

    Parameters
    ----------
    enterprise, name
        Whose it is, and the rule's name.
    before, now
        The watched value at the fit and now; NaN where it was not defined.
    measure, threshold
        What was compared, and with what: the threshold of the severity.
    severity
        ``watch`` or ``severe``.
    text
        A sentence.
    """

    enterprise: str
    name: str
    before: float
    now: float
    measure: float
    threshold: float
    severity: Severity
    text: str


@dataclass(frozen=True)
class Review:
    """A grade that should be looked at again.

    Parameters
    ----------
    enterprise, grade
        Whose, and the grade that counts now.
    why
        A sentence.
    """

    enterprise: str
    grade: str
    why: str


@dataclass(frozen=True)
class Watch:
    """What the early warning found.

    Parameters
    ----------
    signals
        By enterprise in the state's order, then in the rules' order.
    review
        Grades to look at again.
    watched
        Enterprises that could be compared.
    absent
        Enterprises of the state that the new input lacks.
    unknown
        Enterprises of the new input that the state lacks.
    skipped
        Rule → why it was not looked at.
    """

    signals: tuple[Signal, ...]
    review: tuple[Review, ...]
    watched: int
    absent: tuple[str, ...]
    unknown: tuple[str, ...]
    skipped: Mapping[str, str]

    def to_csv(self) -> bytes:
        """Return the signals as comma-separated text in UTF-8, a row each."""

        def texts(name: str) -> Texts:
            return Texts.of(getattr(signal, name) for signal in self.signals)

        def numbers(name: str) -> Floats:
            return np.array([getattr(signal, name) for signal in self.signals], dtype=np.float64)

        columns: dict[str, Texts | Floats] = {
            "enterprise": texts("enterprise"),
            "signal": texts("name"),
            "severity": texts("severity"),
            "before": numbers("before"),
            "now": numbers("now"),
            "measure": numbers("measure"),
            "threshold": numbers("threshold"),
            "text": texts("text"),
        }
        rows = csvwriting.rows(list(columns.values())) if self.signals else b""
        return csvwriting.header(list(columns)) + rows

    def lines(self) -> tuple[str, ...]:
        """Return what the terminal shows."""
        severe = sum(signal.severity == "severe" for signal in self.signals)
        lines = [
            f"{self.watched:,} enterprises watched: {len(self.signals):,} signals, {severe:,} of them severe; "
            f"{len(self.review):,} grades to look at again"
        ]
        lines += [f"{one.enterprise} ({one.grade or 'no grade'}): {one.why}" for one in self.review]
        if self.absent:
            lines.append(f"not in the new input: {listed(self.absent, 10)}")
        if self.unknown:
            lines.append(f"not known when the rating was fitted: {listed(self.unknown, 10)}")
        lines += [f"not looked at: {name}, {why}" for name, why in self.skipped.items()]
        return tuple(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""

        def number(value: float) -> float | None:
            return None if np.isnan(value) else value

        return {
            "watched": self.watched,
            "signals": [
                {
                    "enterprise": signal.enterprise,
                    "signal": signal.name,
                    "severity": signal.severity,
                    "before": number(signal.before),
                    "now": number(signal.now),
                    "measure": number(signal.measure),
                    "threshold": signal.threshold,
                    "text": signal.text,
                }
                for signal in self.signals
            ],
            "review": [
                {"enterprise": one.enterprise, "grade": one.grade, "why": one.why} for one in self.review
            ],
            "absent": list(self.absent),
            "unknown": list(self.unknown),
            "skipped": dict(self.skipped),
        }
