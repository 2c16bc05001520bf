"""A fitted grey relation: grades enterprises by the measure of the table it was fitted on, and is kept as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np

from lendplan.rating.indicators.catalogue import Direction
from lendplan.rating.plain import number, numbers, record, word, words, wrong
from lendplan.rating.records import Floats

Standardise = Literal["minmax", "mean", "initial"]

STANDARDISATIONS: tuple[Standardise, ...] = get_args(Standardise)

_KEYS = (
    "names",
    "directions",
    "may_be_unknown",
    "standardise",
    "zeta",
    "low",
    "high",
    "divisor",
    "weights",
    "least",
    "greatest",
    "reciprocals",
)


@dataclass(frozen=True)
class GreyRelation:
    """Grey relation of n enterprises to the best, on k indicators.

    Parameters
    ----------
    standardised
        Shape (n, k): larger is better.
    coefficients
        ξ, shape (n, k), in (0, 1]; NaN where the value is not known.
    weights
        Shape (k,), adding up to 1.
    contributions
        w_j ξ_ij, shape (n, k); each row adds up to its grade. An indicator that may be unknown and is contributes 0,
        and the weights of the others are scaled up to add up to 1.
    relation
        Grade γ, shape (n,), in (0, 1]; NaN where an indicator is not defined.
    least, greatest
        Δmin and Δmax of the table that was fitted.
    """

    standardised: Floats
    coefficients: Floats
    weights: Floats
    contributions: Floats
    relation: Floats
    least: float
    greatest: float


@dataclass(frozen=True)
class FittedGrey:
    """What a table has taught: enough to grade further enterprises by the same measure.

    Parameters
    ----------
    names
        Of the k indicators.
    directions
        Which way each is better.
    may_be_unknown
        Names of those that may be NaN without the grade becoming NaN.
    standardise, zeta
        As chosen.
    low, high
        Shape (k,): least and greatest value in the fitted table; a new value beyond them is taken to be at the limit.
    divisor
        Shape (k,), above 0: what `mean` and `initial` divide by; 1 for `minmax`.
    weights
        Shape (k,), adding up to 1.
    least, greatest
        Δmin and Δmax.
    reciprocals
        Σ 1/γ over the fitted enterprises that have a grade.
    """

    names: tuple[str, ...]
    directions: tuple[Direction, ...]
    may_be_unknown: tuple[str, ...]
    standardise: Standardise
    zeta: float
    low: Floats
    high: Floats
    divisor: Floats
    weights: Floats
    least: float
    greatest: float
    reciprocals: float

    def relate(self, values: Floats) -> GreyRelation:
        """Grade enterprises, those of the fitted table or new ones.

        A value beyond the fitted range is taken to be at its limit, so that standardised values of `minmax` stay
        within 0 and 1 and a grade within (0, 1].

        Parameters
        ----------
        values
            Shape (n, k), in the units of the fitted table; NaN where not defined.

        Raises
        ------
        ValueError
            If there are not k columns.
        """
        if values.ndim != 2 or values.shape[1] != len(self.names):
            raise ValueError(
                f"{len(self.names)} indicators were fitted, and the table has the shape {values.shape}"
            )
        standardised, gap = self.gaps(values)
        if self.greatest > 0:
            coefficients = (self.least + self.zeta * self.greatest) / (gap + self.zeta * self.greatest)
        else:
            coefficients = gap + 1  # all are alike, and as good as the best
        is_unknown = np.isnan(coefficients) & np.isin(self.names, self.may_be_unknown)
        shares = np.where(is_unknown, 0.0, self.weights)
        known = shares.sum(axis=1, keepdims=True)
        shares = np.divide(shares, known, out=np.full_like(shares, np.nan), where=known > 0)
        contributions = np.where(is_unknown, 0.0, shares * coefficients)
        contributions[~(known[:, 0] > 0)] = np.nan
        return GreyRelation(
            standardised,
            coefficients,
            self.weights,
            contributions,
            contributions.sum(axis=1),
            self.least,
            self.greatest,
        )

    def risk_index(self, relation: Floats) -> Floats:
        """Return (1/γ) / Σ 1/γ with the sum over the fitted enterprises, (n,).

        A fitted enterprise has the index of the published formula. A new one has the index it would have beside them
        with the sum as it was: no other enterprise's index changes because it came.
        """
        return np.asarray(1 / relation / self.reciprocals)

    def to_dict(self) -> dict[str, Any]:
        """Return the fitted state as plain JSON values; :meth:`from_dict` gives it back bit by bit."""
        return {
            name: value.tolist()
            if isinstance(value, np.ndarray)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in ((name, getattr(self, name)) for name in _KEYS)
        }

    @classmethod
    def from_dict(cls, raw: object, where: str = "grey") -> FittedGrey:
        """Return the fitted state that :meth:`to_dict` described.

        Parameters
        ----------
        raw
            What was read from JSON.
        where
            Its path within the file, for messages.

        Raises
        ------
        InputError
            If keys are unknown or missing, lengths differ, numbers are not finite, or they are none that a fit gives.
        """
        known = record(raw, where, _KEYS)
        names = words(known["names"], f"{where}.names")
        size = len(names)
        directions = words(known["directions"], f"{where}.directions", unique=False)
        columns = {
            name: numbers(known[name], f"{where}.{name}", shape=(size,))
            for name in ("low", "high", "divisor", "weights")
        }
        single = {
            name: number(known[name], f"{where}.{name}")
            for name in ("zeta", "least", "greatest", "reciprocals")
        }
        optional = words(known["may_be_unknown"], f"{where}.may_be_unknown")
        standardise = word(known["standardise"], f"{where}.standardise", STANDARDISATIONS)
        rules = {
            "names": size > 0,
            "directions": len(directions) == size and set(directions) <= {"more", "less"},
            "may_be_unknown": set(optional) <= set(names),
            "high": bool((columns["low"] <= columns["high"]).all()),
            "divisor": bool((columns["divisor"] > 0).all()),
            "weights": bool((columns["weights"] >= 0).all()) and abs(columns["weights"].sum() - 1) <= 1e-9,
            "zeta": 0 < single["zeta"] <= 1,
            "greatest": 0 <= single["least"] <= single["greatest"],
            "reciprocals": single["reciprocals"] > 0,
        }
        for name, holds in rules.items():
            if not holds:
                raise wrong(f"{where}.{name}", "is none that a fitted grey relation has")
        return cls(
            names=names,
            directions=cast(tuple[Direction, ...], directions),
            may_be_unknown=optional,
            standardise=cast(Standardise, standardise),
            zeta=single["zeta"],
            low=columns["low"],
            high=columns["high"],
            divisor=columns["divisor"],
            weights=columns["weights"],
            least=single["least"],
            greatest=single["greatest"],
            reciprocals=single["reciprocals"],
        )

    def gaps(self, values: Floats) -> tuple[Floats, Floats]:
        """Return standardised values and their distances from the reference series, (n, k) each."""
        is_more = np.array([direction == "more" for direction in self.directions])
        kept = np.clip(values, self.low, self.high)
        if self.standardise == "minmax":
            width = self.high - self.low
            gap = np.where(is_more, self.high - kept, kept - self.low)
            gap = np.divide(gap, width, out=gap - gap, where=width > 0)  # 0 or NaN where all are alike
            return 1 - gap, gap
        sign = np.where(is_more, 1.0, -1.0)
        best = np.where(is_more, self.high, self.low)
        return sign * kept / self.divisor, np.abs(best - kept) / self.divisor
