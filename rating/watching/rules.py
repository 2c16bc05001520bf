"""The rules of the early warning: what is compared with the fitted state, from where on it is a signal, and how bad.

Every threshold is in the unit its rule states, and ours: chosen beforehand so that a healthy enterprise's usual swings
stay below it, and meant to be overridden by a bank that knows its own. From `watch` on a change is told, from
`severe` on it alone asks for a new look at the grade.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from lendplan.data.findings import Finding, InputError, did_you_mean, shown
from lendplan.data.numbers import parse_number
from lendplan.rating.records import Floats

Column = Callable[[str], Floats]
"""An indicator by its name, (n,)."""
Measured = tuple[Floats, Floats, Floats]
"""Value before, value now, and what is held against the threshold, (n,) each; NaN where there is nothing to compare."""

RISE = 0.1
"""A concentration is new where the share has grown by this much."""
FALLING = -0.02
"""A trend below this, a share of mean monthly sales a month, was falling before already."""


@dataclass(frozen=True)
class Rule:
    """One thing that is watched.

    Parameters
    ----------
    name
        As in tables and in ``--threshold``.
    watch, severe
        Thresholds; a measure at or above one is a signal of that severity.
    unit
        Of the thresholds: ``share``, ``points`` (a difference of shares), ``times``, ``days``, ``months``, ``grades``.
    text
        What a signal says, with ``{before}``, ``{now}`` and ``{measure}`` to be filled in.
    needs
        Indicators it rests on; empty where it rests on the forecast or on the customers' names.
    measure
        From the indicators before and now to what is compared.
    """

    name: str
    watch: float
    severe: float
    unit: str
    text: str
    needs: tuple[str, ...]
    measure: Callable[[Column, Column], Measured] | None


def _rise(name: str) -> Callable[[Column, Column], Measured]:
    def measure(before: Column, now: Column) -> Measured:
        return before(name), now(name), now(name) - before(name)

    return measure


def _fall(name: str) -> Callable[[Column, Column], Measured]:
    def measure(before: Column, now: Column) -> Measured:
        return before(name), now(name), before(name) - now(name)

    return measure


def _lost(name: str) -> Callable[[Column, Column], Measured]:
    """Measure the share of a positive value that is lost."""

    def measure(before: Column, now: Column) -> Measured:
        was = before(name)
        return was, now(name), 1 - now(name) / np.where(was > 0, was, np.nan)

    return measure


def _times(name: str) -> Callable[[Column, Column], Measured]:
    def measure(before: Column, now: Column) -> Measured:
        was = before(name)
        return was, now(name), now(name) / np.where(was > 0, was, np.nan)

    return measure


def _more(name: str) -> Callable[[Column, Column], Measured]:
    """Measure the value itself, where it has grown."""

    def measure(before: Column, now: Column) -> Measured:
        was, is_now = before(name), now(name)
        grown = np.isnan(was) | (is_now > was)
        return was, is_now, np.where(grown, is_now, np.nan)

    return measure


def _new_share(name: str) -> Callable[[Column, Column], Measured]:
    """Measure the share itself, where it has grown by RISE or more."""

    def measure(before: Column, now: Column) -> Measured:
        was, is_now = before(name), now(name)
        return was, is_now, np.where(is_now - was >= RISE - 1e-12, is_now, np.nan)

    return measure


def _stopped(before: Column, now: Column) -> Measured:
    was, is_now = (np.nan_to_num(column("monthly_sales_invoices")) for column in (before, now))
    return was, is_now, np.where((was > 0) & (is_now == 0), 1.0, np.nan)


def _buying_only(before: Column, now: Column) -> Measured:
    """Measure days of purchases since the last sale; all days of purchases where there is no sale at all."""
    was, pause = before("days_since_last_sale"), now("days_since_last_sale")
    has_sale = np.nan_to_num(now("monthly_sales_invoices")) > 0
    is_now = np.where(has_sale, pause, now("purchase_days"))
    grown = np.isnan(was) | (is_now > was)
    return was, is_now, np.where(grown, is_now, np.nan)


def _broken_trend(before: Column, now: Column) -> Measured:
    was, is_now = before("trend"), now("trend")
    return was, is_now, np.where(was > FALLING, -is_now, np.nan)


# fmt: off
# A table: the formatter would give every cell a line of its own.
_ALL = (
    Rule("sales_fell", 0.3, 0.6, "share",
         "monthly sales fell by {measure:.0%}, from {before:,.0f} to {now:,.0f}",
         ("monthly_sales",), _lost("monthly_sales")),
    Rule("sales_stopped", 1, 1, "times",
         "it sold, and sells no more",
         ("monthly_sales_invoices",), _stopped),
    Rule("purchases_without_sales", 60, 120, "days",
         "it has bought for {now:.0f} days without selling",
         ("days_since_last_sale", "monthly_sales_invoices", "purchase_days"), _buying_only),
    Rule("silence", 2, 4, "months",
         "{now:.0f} months went by without a sale",
         ("silent_months",), _more("silent_months")),
    Rule("margin_fell", 0.15, 0.4, "points",
         "the margin fell from {before:.1%} to {now:.1%}",
         ("margin",), _fall("margin")),
    Rule("trend_broke", 0.05, 0.1, "share",
         "sales that did not fall now fall by {measure:.1%} a month",
         ("trend",), _broken_trend),
    Rule("volatility_rose", 1.5, 2.5, "times",
         "monthly sales became unsteady: volatility {before:.2f} then, {now:.2f} now",
         ("volatility",), _times("volatility")),
    Rule("void_share_rose", 0.05, 0.15, "points",
         "void sales invoices rose from {before:.1%} to {now:.1%}",
         ("sales_void_share",), _rise("sales_void_share")),
    Rule("return_share_rose", 0.05, 0.15, "points",
         "returns of sales rose from {before:.1%} to {now:.1%} of the invoices",
         ("sales_return_share",), _rise("sales_return_share")),
    Rule("customer_concentration", 0.5, 0.8, "share",
         "one customer takes {now:.1%} of its sales, {before:.1%} before",
         ("largest_customer_share",), _new_share("largest_customer_share")),
    Rule("supplier_concentration", 0.6, 0.9, "share",
         "one supplier has {now:.1%} of its purchases, {before:.1%} before",
         ("largest_supplier_share",), _new_share("largest_supplier_share")),
    Rule("busiest_days_rose", 0.2, 0.4, "points",
         "the busiest days bring {now:.1%} of its sales, {before:.1%} before; are they real?",
         ("busiest_days_share",), _rise("busiest_days_share")),
    Rule("largest_customer_gone", 0.2, 0.5, "share",
         "its largest customer, {before:.1%} of sales, buys no more",
         ("largest_customer_share",), None),
    Rule("default_probability_rose", 2, 4, "times",
         "its own default probability rose from {before:.2%} to {now:.2%}",
         (), None),
    Rule("forecast_fell", 1, 2, "grades",
         "the model now forecasts a grade worse by {measure:.0f}",
         (), None),
)
# fmt: on

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ALL})
"""Name → rule, in the order in which signals are told."""


def parse_thresholds(settings: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Read thresholds as the command line takes them.

    Parameters
    ----------
    settings
        ``name=watch`` or ``name=watch:severe``, such as ``sales_fell=40%:70%``.

    Returns
    -------
    dict
        Name → both thresholds. Where `severe` is left out it stays the rule's, or is `watch` if that is more.

    Raises
    ------
    InputError
        With everything that is wrong.
    """
    found: dict[str, tuple[float, float]] = {}
    findings: list[Finding] = []
    for setting in settings:
        name, equals, levels = setting.partition("=")
        name = name.strip()
        numbers = [parse_number(level, is_share=True) for level in levels.split(":")]
        wrong = [number for number in numbers if isinstance(number, str)]
        if not equals or wrong or len(numbers) > 2:
            told = wrong[0] if wrong and equals else "write it as name=watch or name=watch:severe"
            findings.append(Finding(f"{shown(setting)}: {told}", key="threshold"))
            continue
        watch, *rest = (number for number in numbers if isinstance(number, float))
        found[name] = (watch, rest[0] if rest else max(watch, RULES[name].severe if name in RULES else watch))
        findings += check_threshold(name, *found[name])
    if findings:
        raise InputError(findings)
    return found


def check_threshold(name: str, watch: float, severe: float) -> list[Finding]:
    """Tell what is wrong with the two thresholds of one signal."""
    if name not in RULES:
        message = f"{shown(name)} is no signal{did_you_mean(name, RULES)}; there are {', '.join(RULES)}"
        return [Finding(message, key="threshold")]
    if 0 < watch <= severe < np.inf:
        return []
    rule = "thresholds must be above 0, the severe one not below the other"
    return [Finding(f"{name}: {rule}; they are {watch:g} and {severe:g}", key="threshold")]
