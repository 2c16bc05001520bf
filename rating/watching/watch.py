"""Early warning: new invoices against the fitted state; what changed, how badly, and which grades to look at again.

A grade is to be looked at again where one signal is severe, where two or more are told, or where the model now
forecasts a worse grade. An enterprise whose new values are missing altogether is told, too: silence is news.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import InputError
from lendplan.rating.records import Floats, Indicators
from lendplan.rating.watching.report import Review, Severity, Signal, Watch
from lendplan.rating.watching.rules import RULES, Measured, Rule, check_threshold
from lendplan.rating.watching.state import State

__all__ = ["Review", "Signal", "State", "Watch", "watch"]

ROUNDING = 1e-9
"""A change of 30 % in the data may come out as 29.999999999 %."""
LOW = 0.01
"""A default probability below this is low, whatever it rose from."""


def watch(
    before: State,
    now: Indicators,
    *,
    grades: Sequence[str] = (),
    grade_forecast: Sequence[str] | None = None,
    default_probability: Floats | None = None,
    customers: Mapping[str, Collection[str]] | None = None,
    thresholds: Mapping[str, tuple[float, float]] | None = None,
) -> Watch:
    """Hold new indicators against the fitted state.

    Parameters
    ----------
    before
        What was remembered when the rating was fitted.
    now
        Indicators of the new invoices, of m enterprises in any order. Most are rates by day or month, so that the new
        invoices may cover another span of time than the old.
    grades
        The scale, from best to worst; without it no forecasts are compared.
    grade_forecast
        The model's grades now, m of them; '' for none.
    default_probability
        Shape (m,): the enterprises' own now.
    customers
        Enterprise → names of those who buy from it now; needed to see that the largest customer is gone.
    thresholds
        Rule → its thresholds ``(watch, severe)``, in place of the rule's own.

    Returns
    -------
    Watch

    Raises
    ------
    InputError
        If a threshold is out of range or of no rule.
    """
    levels = {name: (rule.watch, rule.severe) for name, rule in RULES.items()} | dict(thresholds or {})
    findings = [finding for name, level in levels.items() for finding in check_threshold(name, *level)]
    if findings:
        raise InputError(findings)
    place = {name: position for position, name in enumerate(now.enterprise)}
    chosen = np.array([at for at, name in enumerate(before.enterprise) if name in place], dtype=np.int64)
    names = [before.enterprise[at] for at in chosen.tolist()]
    rows = np.array([place[name] for name in names], dtype=np.int64)
    pair = _Pair(before, now, chosen, rows, names)
    beside = {
        "largest_customer_gone": _gone(pair, customers),
        "default_probability_rose": _probability(pair, default_probability),
        "forecast_fell": _forecast(pair, grades, grade_forecast),
    }
    skipped: dict[str, str] = {}
    told: list[tuple[int, Signal]] = []
    for name, rule in RULES.items():
        measured = _by_indicators(rule, pair) if rule.measure is not None else beside[name]
        if isinstance(measured, str):
            skipped[name] = measured
        else:
            told += _signals(rule, measured, names, *levels[name])
    signals = [
        signal for _, signal in sorted(told, key=lambda pair: pair[0])
    ]  # stable: by rule within an enterprise
    absent = tuple(name for name in before.enterprise if name not in place)
    known = set(before.enterprise)
    return Watch(
        tuple(signals),
        _reviews(before, signals, absent),
        len(names),
        absent,
        tuple(name for name in now.enterprise if name not in known),
        skipped,
    )


@dataclass(frozen=True)
class _Pair:
    """The enterprises of both sides, w of them: their rows in the state and in the new indicators."""

    before: State
    now: Indicators
    chosen: NDArray[np.int64]
    rows: NDArray[np.int64]
    names: list[str]

    def was(self, name: str) -> Floats:
        return np.asarray(self.before.indicators.column(name)[self.chosen])

    def is_now(self, name: str) -> Floats:
        return np.asarray(self.now.column(name)[self.rows])


def _by_indicators(rule: Rule, pair: _Pair) -> Measured | str:
    for indicators, when in ((pair.before.indicators, "when the rating was fitted"), (pair.now, "now")):
        missing = [name for name in rule.needs if name not in indicators.names]
        if missing:
            return f"there was no {' or '.join(missing)} {when}"
    assert rule.measure is not None
    with np.errstate(invalid="ignore", divide="ignore"):
        return rule.measure(pair.was, pair.is_now)


def _gone(pair: _Pair, customers: Mapping[str, Collection[str]] | None) -> Measured | str:
    if not customers or not pair.before.largest_customer:
        return "the customers' names are not known"
    if "largest_customer_share" not in pair.before.indicators.names:
        return "there was no largest_customer_share when the rating was fitted"
    share = pair.was("largest_customer_share")
    largest = [pair.before.largest_customer[at] for at in pair.chosen.tolist()]
    gone = np.array(
        [
            bool(customer) and name in customers and customer not in customers[name]
            for name, customer in zip(pair.names, largest, strict=True)
        ],
        dtype=bool,
    )
    return share, np.where(gone, 0.0, np.nan), np.where(gone, share, np.nan)


def _probability(pair: _Pair, now: Floats | None) -> Measured | str:
    was = pair.before.default_probability[pair.chosen]
    if now is None or np.isnan(was).all():
        return "no default probability of its own was known then or is known now"
    is_now = np.asarray(now, dtype=np.float64)[pair.rows]
    return was, is_now, is_now / np.where((was > 0) & (is_now >= LOW), was, np.nan)


def _forecast(pair: _Pair, grades: Sequence[str], now: Sequence[str] | None) -> Measured | str:
    if now is None or not grades:
        return "no grade is forecast now"
    rank = {grade: float(position) for position, grade in enumerate(grades)}
    then = pair.before.grade_forecast or pair.before.grade

    def ranks(names: Sequence[str], rows: NDArray[np.int64]) -> Floats:
        return np.array([rank.get(names[int(at)], np.nan) for at in rows], dtype=np.float64)

    was, is_now = ranks(then, pair.chosen), ranks(now, pair.rows)
    return was + 1, is_now + 1, is_now - was


def _signals(
    rule: Rule, measured: Measured, names: Sequence[str], watch_from: float, severe_from: float
) -> list[tuple[int, Signal]]:
    """Return the signals of one rule, each with the position of its enterprise."""
    signals: list[tuple[int, Signal]] = []
    with np.errstate(invalid="ignore"):
        reached = np.flatnonzero(measured[2] >= watch_from - ROUNDING)
    for at in reached.tolist():
        was, is_now, measure = (float(column[at]) for column in measured)
        is_severe = measure >= severe_from - ROUNDING
        severity: Severity = "severe" if is_severe else "watch"
        text = rule.text.format(before=was, now=is_now, measure=measure)
        threshold = severe_from if is_severe else watch_from
        signals.append((at, Signal(names[at], rule.name, was, is_now, measure, threshold, severity, text)))
    return signals


def _reviews(before: State, signals: Sequence[Signal], absent: Sequence[str]) -> tuple[Review, ...]:
    by_enterprise: dict[str, list[Signal]] = {}
    for signal in signals:
        by_enterprise.setdefault(signal.enterprise, []).append(signal)
    gone = set(absent)
    reviews = []
    for enterprise, grade in zip(before.enterprise, before.grade, strict=True):
        told = by_enterprise.get(enterprise, [])
        names = {signal.name for signal in told}
        if enterprise in gone:
            if grade:
                reviews.append(Review(enterprise, grade, "it is not in the new input"))
        elif any(signal.severity == "severe" for signal in told) or len(told) > 1 or "forecast_fell" in names:
            from_worst = sorted(told, key=lambda signal: signal.severity != "severe")
            reviews.append(Review(enterprise, grade, "; ".join(signal.text for signal in from_worst)))
    return tuple(reviews)
