"""The rating report of one enterprise: what it was rated, why, on which data, and how it may be appealed.

The score is told as a base and points a name that add up to it; the report is refused where they do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lendplan.data.sources import InputRecord
from lendplan.rating.indicators.catalogue import CATALOGUE, Direction, Indicator
from lendplan.rating.records import Floats, Indicators

ADDS_UP = 1e-9
"""Largest distance between the score and its parts, in points."""

APPEAL = (
    "Who is rated may ask for this rating to be looked at again. Say what is wrong in the data listed here (an invoice "
    "that is missing, void or doubled, a date, a counterparty, an amount), add the documents, and quote the "
    "enterprise's id and the hash of the model. The corrected data are rated by the same model, and both ratings stay "
    "in the history. A decision on a loan is made by people; this report is one of the things they look at."
)
"""How a rating may be appealed, unless a bank states its own way."""

How = Literal["given", "agency", "forecast", "none"]


@dataclass(frozen=True)
class CardIndicator:
    """One indicator of the enterprise, beside the book's.

    Parameters
    ----------
    name, unit, description
        As the catalogue has them.
    direction
        Whether more or less of it is better.
    value
        The enterprise's; NaN where it is not defined.
    median
        The book's; NaN where nobody has one.
    percentile
        Share of the others in the book whose value is lower, ties counted half, in [0, 1]; NaN where not defined.
    """

    name: str
    unit: str
    direction: Direction
    value: float
    median: float
    percentile: float
    description: str = ""

    @property
    def standing(self) -> str:
        """How it stands in the book, in words."""
        if math.isnan(self.percentile):
            return "not defined"
        if self.direction == "none":
            return f"higher than {self.percentile:.0%} of the book"
        better = self.percentile if self.direction == "more" else 1 - self.percentile
        return f"better than {better:.0%} of the book"


@dataclass(frozen=True)
class Basis:
    """The data that a rating rests on.

    Parameters
    ----------
    files
        What was read, with hashes.
    sales, purchases
        Invoices of each side, void ones included.
    void_sales, void_purchases
        Void ones among them.
    first_day, last_day
        ISO dates of the first and the last invoice; '' where there is none.
    days
        Days from the first to the last, both counted.
    remarks
        What the quality report says of this enterprise, a sentence each.
    """

    files: tuple[InputRecord, ...] = ()
    sales: int = 0
    purchases: int = 0
    void_sales: int = 0
    void_purchases: int = 0
    first_day: str = ""
    last_day: str = ""
    days: int = 0
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class AgencyLine:
    """A third-party rating: on the agency's own scale, and the grade that the master scale makes of it."""

    agency: str
    rating: str
    grade: str
    date: str = ""
    remark: str = ""


@dataclass(frozen=True)
class GuaranteeLine:
    """A guarantee or pledge: amount covered, in currency, haircut as a fraction, and what of it counts, in words."""

    kind: str
    guarantor: str
    amount: float
    haircut: float
    remark: str = ""


@dataclass(frozen=True)
class HistoryLine:
    """An earlier rating."""

    run: str
    grade: str
    grade_forecast: str
    default_probability: float
    score: float


@dataclass(frozen=True)
class ModelStamp:
    """Which fitted model rated: SHA-256 of its file, when it was fitted (ISO), its seed, the program's version."""

    sha256: str = ""
    date: str = ""
    seed: int | None = None
    version: str = ""


@dataclass(frozen=True)
class Card:
    """The rating report of one enterprise; NaN and '' stand for what is not known.

    Parameters
    ----------
    enterprise, name
        Id and name.
    grade
        The grade that counts; '' where the enterprise cannot be rated.
    how
        Where it comes from.
    reason
        One sentence, as in ``ratings.csv``.
    grade_forecast
        What the model says, whatever was given.
    grade_probabilities
        Grade → probability that the model gives it, best grade first; empty, or they add up to 1.
    default_probability
        Of the grade, by the outcomes that were given.
    default_probability_own
        Of the enterprise by itself.
    loss_given_default
        Share of the exposure.
    risk_weight
        Currency lost per currency exposed.
    risk_index
        Of the published method; for the line rule of ``two_stage`` alone.
    score
        0 to 100, more is better.
    base
        The score's starting point, before anything is known of this enterprise: the forest's shares at the roots of the
        trees that are asked, and the logit's at the centre of every feature, in the weights of the score. It is no
        mean of scores, and differs between enterprises that other trees and another logit are asked for.
    contributions
        Indicator → points; `base` and they add up to `score`.
    indicators, basis, agencies, guarantees, history, model
        See each.
    appeal
        How the rating may be appealed.

    Raises
    ------
    ValueError
        If the contributions do not add up to the score, or a probability is none.
    """

    enterprise: str
    name: str = ""
    grade: str = ""
    how: How = "none"
    reason: str = ""
    grade_forecast: str = ""
    grade_probabilities: tuple[tuple[str, float], ...] = ()
    default_probability: float = math.nan
    default_probability_own: float = math.nan
    loss_given_default: float = math.nan
    risk_weight: float = math.nan
    risk_index: float = math.nan
    score: float = math.nan
    base: float = math.nan
    contributions: tuple[tuple[str, float], ...] = ()
    indicators: tuple[CardIndicator, ...] = ()
    basis: Basis = Basis()
    agencies: tuple[AgencyLine, ...] = ()
    guarantees: tuple[GuaranteeLine, ...] = ()
    history: tuple[HistoryLine, ...] = ()
    model: ModelStamp = ModelStamp()
    appeal: str = APPEAL

    def __post_init__(self) -> None:
        parts = math.fsum([self.base, *(points for _, points in self.contributions)])
        if self.contributions and not abs(parts - self.score) <= ADDS_UP:
            message = f"the score of {self.enterprise!r} is {self.score!r}, and its parts add up to {parts!r}"
            raise ValueError(message)
        chances = [probability for _, probability in self.grade_probabilities]
        known = [self.default_probability, self.default_probability_own, self.loss_given_default]
        if any(not 0 <= one <= 1 for one in chances) or any(one < 0 or one > 1 for one in known):
            raise ValueError(f"a probability of {self.enterprise!r} is outside 0 to 1")
        if chances and abs(math.fsum(chances) - 1) > ADDS_UP:
            message = f"the grade probabilities of {self.enterprise!r} add up to {math.fsum(chances)!r}"
            raise ValueError(message)

    @property
    def raised(self) -> tuple[tuple[str, float], ...]:
        """What raised the score, most points first."""
        return tuple(
            sorted((one for one in self.contributions if one[1] > 0), key=lambda one: (-one[1], one[0]))
        )

    @property
    def lowered(self) -> tuple[tuple[str, float], ...]:
        """What lowered it, most points first."""
        return tuple(
            sorted((one for one in self.contributions if one[1] < 0), key=lambda one: (one[1], one[0]))
        )

    @property
    def untouched(self) -> tuple[str, ...]:
        """What gave no points either way."""
        return tuple(name for name, points in self.contributions if points == 0)

    @property
    def undefined(self) -> tuple[str, ...]:
        """Indicators that are not defined for this enterprise."""
        return tuple(one.name for one in self.indicators if math.isnan(one.value))


def card_indicators(
    indicators: Indicators, enterprise: str, catalogue: Mapping[str, Indicator] = CATALOGUE
) -> tuple[CardIndicator, ...]:
    """Set an enterprise's indicators beside the book's.

    Parameters
    ----------
    indicators
        Of the whole book, (n, k).
    enterprise
        One of its ids.
    catalogue
        What each indicator is.

    Raises
    ------
    KeyError
        If the book has no such enterprise, or the catalogue no such indicator.
    """
    if enterprise not in indicators.enterprise:
        raise KeyError(enterprise)
    place = indicators.enterprise.index(enterprise)
    return tuple(
        CardIndicator(
            name=name,
            unit=catalogue[name].unit,
            direction=catalogue[name].direction,
            value=float(column[place]),
            median=_median(column),
            percentile=_percentile(column, place),
            description=catalogue[name].description,
        )
        for name, column in zip(indicators.names, indicators.values.T, strict=True)
    )


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else math.nan


def _percentile(values: Floats, place: int) -> float:
    others = np.delete(values, place)
    others = others[~np.isnan(others)]
    own = values[place]
    if np.isnan(own) or not others.size:
        return math.nan
    return float(np.mean((others < own) + 0.5 * (others == own)))
