"""The table that the published method grades: the six indicators on invoices, the given grade and the given default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lendplan.data.findings import Finding, InputError, did_you_mean, shown
from lendplan.rating.grey.relation import FittedGrey, Standardise, fit_grey
from lendplan.rating.indicators.catalogue import CATALOGUE, PUBLISHED, Direction
from lendplan.rating.records import Dossier, Enterprises, Floats, Indicators

GRADES = ("A", "B", "C", "D")
"""The paper's scale, best first: A counts 4, D counts 1."""

LABELS = ("grade", "default")
"""Names of the two columns that an unrated enterprise lacks."""


@dataclass(frozen=True)
class PublishedTable:
    """The published method's table of n enterprises by eight indicators.

    Parameters
    ----------
    enterprise
        Ids, n of them.
    names
        The paper's six, then `grade` (best 4, worst 1) and `default` (1 for none, 0 for one); more is better in all.
    values
        Shape (n, 8). NaN in `grade` and `default` where not known.
    directions
        `more`, eight times.
    reasons
        Enterprise id → why it has no grey relation.
    """

    enterprise: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats
    directions: tuple[Direction, ...]
    reasons: Mapping[str, str]

    @property
    def is_comparable(self) -> bool:
        """Whether any enterprise has all six indicators, so that there is something to fit."""
        return len(self.reasons) < len(self.enterprise)

    def fit(self, *, standardise: Standardise = "minmax", zeta: float = 0.5) -> FittedGrey:
        """Fit the grey relation to this table; see :func:`lendplan.rating.grey.relation.fit_grey`.

        An unknown grade or default is left out: the weights of what is known of the enterprise are scaled up to add up
        to 1. Where nobody's grade (or default) is known, the column itself is left out.

        Raises
        ------
        InputError
            If no enterprise has all six indicators.
        """
        is_label = np.isin(self.names, LABELS)
        is_whole = ~np.isnan(self.values[:, ~is_label]).any(axis=1)
        is_used = ~is_label | ~np.isnan(self.values[is_whole]).all(axis=0)
        if not self.is_comparable:
            raise InputError(
                Finding(
                    "no enterprise has all of the published indicators, so that the grey relation has nothing to "
                    "compare; it takes enterprises with valid invoices on both sides"
                )
            )
        names = [name for name, used in zip(self.names, is_used, strict=True) if used]
        directions: list[Direction] = [
            direction for direction, used in zip(self.directions, is_used, strict=True) if used
        ]
        optional = [name for name in LABELS if name in names]
        return fit_grey(
            names,
            self.values[:, is_used],
            directions,
            standardise=standardise,
            zeta=zeta,
            may_be_unknown=optional,
        )

    def columns(self, names: Sequence[str]) -> Floats:
        """Return some of the columns, in the order given, (n, len(names))."""
        return self.values[:, [self.names.index(name) for name in names]]


def published_table(
    dossier: Dossier, indicators: Indicators, *, grades: Sequence[str] = GRADES, with_labels: bool = True
) -> PublishedTable:
    """Bring the published method's indicators together.

    The paper grades enterprises that all have a grade and a known default. It says nothing of one that has none; here
    such an enterprise is compared on what is known of it.

    Parameters
    ----------
    dossier
        Enterprises, with their given grades and defaults.
    indicators
        Of the same enterprises.
    grades
        The scale of the given grades, best first.
    with_labels
        Whether given grades and defaults are used at all; without them those columns are NaN throughout, and the rated
        are compared with the unrated on invoices alone.

    Raises
    ------
    InputError
        If a given grade is not on the scale; all such are named.
    """
    people = dossier.enterprises
    labels = np.full((people.size, len(LABELS)), np.nan)
    if with_labels:
        labels = np.column_stack((_grade_values(people, grades), 1 - people.is_default))
    invoices = np.column_stack([indicators.column(name) for name in PUBLISHED])
    reasons = {
        people.enterprise[row]: "no grey relation: "
        + ", ".join(name for name, value in zip(PUBLISHED, invoices[row], strict=True) if np.isnan(value))
        + " not defined, since a side has no valid invoice"
        for row in np.flatnonzero(np.isnan(invoices).any(axis=1))
    }
    directions: tuple[Direction, ...] = (*(CATALOGUE[name].direction for name in PUBLISHED), "more", "more")
    return PublishedTable(
        people.enterprise, PUBLISHED + LABELS, np.column_stack((invoices, labels)), directions, reasons
    )


def _grade_values(people: Enterprises, grades: Sequence[str]) -> Floats:
    """Return the given grades as numbers, the best the number of grades and the worst 1; NaN for none, (n,)."""
    worth = {grade: float(len(grades) - place) for place, grade in enumerate(grades)}
    unknown = sorted({grade for grade in people.grade if grade and grade not in worth})
    if unknown:
        raise InputError(
            Finding(
                f"enterprise {shown(people.enterprise[people.grade.index(grade)])} has the grade {shown(grade)}, "
                f"which is none of {', '.join(grades)}{did_you_mean(grade, grades)}; name the scale, best grade first",
                line=int(people.line[people.grade.index(grade)]),
                key="grade",
            )
            for grade in unknown
        )
    return np.array([worth.get(grade, np.nan) for grade in people.grade], dtype=np.float64)
