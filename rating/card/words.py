"""The words and figures of a rating report, the same for the terminal and for the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from lendplan.rating.card.card import Basis, Card, CardIndicator, How, ModelStamp
from lendplan.rating.indicators.catalogue import Direction

HOW: Mapping[How, str] = {
    "given": "given by the bank, and not changed by the model",
    "agency": "taken from a third-party rating",
    "forecast": "forecast by the model",
    "none": "not rated",
}
"""Where a grade comes from, in words."""

DIRECTIONS: Mapping[Direction, str] = {
    "more": "more is better",
    "less": "less is better",
    "none": "neither is better",
}


STARTING_POINT = "the score's starting point, before anything is known of this enterprise"
"""What the base of a score is."""


def points(value: float) -> str:
    """Write points of score with their sign, two digits."""
    return "0.00" if value == 0 else f"{value:+.2f}".replace("-", "−")


def figure(value: float) -> str:
    """Write an indicator's value with no more digits than one reads; – for NaN."""
    if math.isnan(value):
        return "–"
    size = abs(value)
    if size >= 1000 or value == int(value):
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}" if size >= 0.001 else f"{value:.2e}"
    return text.replace("-", "−")


def in_unit(indicator: CardIndicator) -> str:
    """Return an indicator's name and unit as words; a plain ratio has none."""
    name = spoken(indicator.name)
    return name if indicator.unit in {"", "1"} else f"{name}, {indicator.unit}"


def per_cent(value: float) -> str:
    """Write a probability in per cent, – for NaN."""
    return "–" if math.isnan(value) else f"{100 * value:.2f} %"


def spoken(name: str) -> str:
    """Return an indicator's name as words."""
    return name.replace("_", " ")


def headline(card: Card) -> str:
    """Return the rating in one sentence."""
    if not card.grade:
        return f"Not rated: {card.reason or 'no reason was given'}"
    forecast = card.grade_forecast
    other = f"; the model would say {forecast}" if forecast and forecast != card.grade else ""
    return f"Grade {card.grade}, {HOW[card.how]}{other}."


def key_figures(card: Card) -> Iterator[tuple[str, str, str]]:
    """Yield what is known of the rating: name, value, what it means."""
    if not math.isnan(card.score):
        yield "Score", f"{card.score:.2f}", "0 to 100, more is better"
    for name, value, meaning in (
        (
            "Default probability of the grade",
            card.default_probability,
            "of enterprises graded so, by the outcomes that were given",
        ),
        (
            "Default probability of its own",
            card.default_probability_own,
            "as the model sees this one enterprise",
        ),
        ("Loss given default", card.loss_given_default, "of what is drawn, after guarantees and pledges"),
        ("Risk weight", card.risk_weight, "expected loss per currency drawn"),
    ):
        if not math.isnan(value):
            yield name, per_cent(value), meaning
    if not math.isnan(card.risk_index):
        yield (
            "Risk index",
            f"{card.risk_index:.6g}",
            "of the published method, for the line rule of two_stage alone",
        )


def basis_lines(basis: Basis) -> Iterator[str]:
    """Yield what a rating rests on, a sentence each."""
    yield (
        f"{basis.sales:,} sales invoices, {basis.void_sales:,} of them void; "
        f"{basis.purchases:,} purchase invoices, {basis.void_purchases:,} of them void."
    )
    if basis.first_day:
        yield f"They cover {basis.days:,} days, {basis.first_day} to {basis.last_day}."
    yield from basis.remarks


def model_line(model: ModelStamp) -> str:
    """Return which model rated, in one line; '' where nothing is known of it."""
    parts = [
        f"model {model.sha256}" if model.sha256 else "",
        f"fitted {model.date}" if model.date else "",
        "" if model.seed is None else f"seed {model.seed}",
        f"lendplan {model.version}" if model.version else "",
    ]
    return ", ".join(part for part in parts if part)


def together(parts: Sequence[tuple[str, float]]) -> str:
    """Return the sum of some contributions as points."""
    return points(math.fsum(one for _, one in parts))
