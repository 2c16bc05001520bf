"""The table that a rating hands over, ``ratings.csv``: one row an enterprise, straight into a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lendplan.data import csvwriting
from lendplan.data.texts import Texts
from lendplan.rating.records import Floats

COLUMNS = (
    "enterprise",
    "grade",
    "grade_forecast",
    "default_probability",
    "default_probability_own",
    "loss_given_default",
    "risk_weight",
    "risk_index",
    "score",
    "reason",
)
"""In the order in which they are written; further ones follow."""


@dataclass(frozen=True)
class Ratings:
    """The ratings of n enterprises, in the order of their table; NaN and '' are blank.

    Parameters
    ----------
    enterprise
        Ids.
    grade
        The given grade, else the agency's, else the forecast; '' where the enterprise cannot be rated.
    grade_forecast
        What the fitted model says; for those it was fitted on, out of bag.
    default_probability
        Shape (n,), of the grade, by the outcomes that were given; their label sets the horizon.
    default_probability_own
        Shape (n,), of the enterprise by itself.
    loss_given_default
        Shape (n,), share of the exposure; blank where none is known.
    risk_weight
        Shape (n,), currency lost per currency exposed; blank where no loss given default is known.
    risk_index
        Shape (n,), of the published method; serves the line rule of ``two_stage`` alone.
    score
        Shape (n,), 0 to 100, more is better.
    reason
        One sentence.
    further
        Further columns, such as those of guarantees, that a scenario's limits can use.
    """

    enterprise: tuple[str, ...]
    grade: tuple[str, ...]
    grade_forecast: tuple[str, ...]
    default_probability: Floats
    default_probability_own: Floats
    loss_given_default: Floats
    risk_weight: Floats
    risk_index: Floats
    score: Floats
    reason: tuple[str, ...]
    further: Mapping[str, Texts | Floats] = field(default_factory=dict)

    def to_csv(self) -> bytes:
        """Return the table as comma-separated text in UTF-8."""
        columns = [self._written(name) for name in COLUMNS] + list(self.further.values())
        return csvwriting.header([*COLUMNS, *self.further]) + csvwriting.rows(columns)

    def _written(self, name: str) -> Texts | Floats:
        column = getattr(self, name)
        return column if isinstance(column, np.ndarray) else Texts.of(column)
