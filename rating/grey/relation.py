r"""Deng's grey relational analysis of a table of enterprises by indicators, and the risk index made of it.

Every indicator is standardised, the reference series is the best value of each, and with the distances
:math:`\Delta_{ij}` between the standardised value and the reference

.. math::

   \xi_{ij} = \frac{\Delta_{min} + \zeta \Delta_{max}}{\Delta_{ij} + \zeta \Delta_{max}}, \qquad
   \gamma_i = \sum_j w_j \xi_{ij}, \qquad
   w_j = \frac{\bar\xi_j}{\sum_k \bar\xi_k}, \qquad
   r_i = \frac{1 / \gamma_i}{\sum_k 1 / \gamma_k}

with :math:`\Delta_{min}` and :math:`\Delta_{max}` taken over the whole table and :math:`\bar\xi_j` the mean of the
coefficients of an indicator over enterprises. A large grade γ is close to the best, a large risk index r is far
from it.

The choice of standardisation changes the grades and even their order; it is therefore part of what is fitted.

References
----------
Deng, J. L. (1989). Introduction to grey system theory. The Journal of Grey System, 1(1), 1–24.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lendplan.rating.grey.fitted import STANDARDISATIONS, FittedGrey, GreyRelation, Standardise
from lendplan.rating.indicators.catalogue import Direction
from lendplan.rating.records import Floats

__all__ = [
    "STANDARDISATIONS",
    "FittedGrey",
    "GreyRelation",
    "Standardise",
    "fit_grey",
    "grey_relation",
    "risk_index",
]


def fit_grey(
    names: Sequence[str],
    values: Floats,
    directions: Sequence[Direction],
    *,
    standardise: Standardise = "minmax",
    zeta: float = 0.5,
    weights: Floats | None = None,
    may_be_unknown: Sequence[str] = (),
) -> FittedGrey:
    """Learn the extrema and the weights of a table.

    Parameters
    ----------
    names
        Of the k indicators.
    values
        Shape (n, k). A row with NaN takes no part, except for NaN in an indicator that may be unknown.
    directions
        `more` or `less` for each indicator.
    standardise
        `minmax`: (x − min) / (max − min), or (max − x) / (max − min) where less is better; an indicator on which all
        are alike puts all at the best. `mean`: x over the size of the indicator's mean. `initial`: x over the size of
        the first row's value, so that this one depends on the order of the rows. With the latter two the sign is
        turned where less is better.
    zeta
        ζ, above 0 and at most 1: the smaller, the more the coefficients differ.
    weights
        Shape (k,), not negative; scaled to add up to 1. By default those of the published method: the mean of an
        indicator's coefficients over the rows.
    may_be_unknown
        Names of indicators that some rows may lack.

    Raises
    ------
    ValueError
        If shapes differ, ζ is out of its range, a direction is `none`, no row takes part, or an indicator has no value
        or nothing to be divided by.
    """
    _check(names, values, directions, standardise, zeta, weights)
    optional = np.isin(names, list(may_be_unknown))
    is_whole = ~(np.isnan(values) & ~optional).any(axis=1)
    table = values[is_whole]
    if not table.size or np.isnan(table).all(axis=0).any():
        raise ValueError("no enterprise has every indicator, or an indicator has no value at all")
    divisor = _divisor(table, standardise)
    if not (divisor > 0).all():
        without = ", ".join(name for name, size in zip(names, divisor, strict=True) if not size > 0)
        raise ValueError(f"standardising by {standardise} divides by zero for {without}; use minmax")
    ones = np.full(len(names), 1 / len(names))
    low, high = np.nanmin(table, axis=0), np.nanmax(table, axis=0)
    draft = FittedGrey(
        tuple(names),
        tuple(directions),
        tuple(may_be_unknown),
        standardise,
        float(zeta),
        low,
        high,
        divisor,
        ones,
        0,
        0,
        1,
    )
    _, gap = draft.gaps(table)
    least, greatest = float(np.nanmin(gap)), float(np.nanmax(gap))
    draft = replace(draft, least=least, greatest=greatest)
    chosen = (
        _means(draft.relate(table).coefficients) if weights is None else np.asarray(weights, dtype=np.float64)
    )
    draft = replace(draft, weights=chosen / chosen.sum())
    return replace(draft, reciprocals=float(np.sort(1 / draft.relate(table).relation).sum()))


def grey_relation(
    values: Floats,
    directions: Sequence[Direction],
    *,
    standardise: Standardise = "minmax",
    zeta: float = 0.5,
    weights: Floats | None = None,
) -> GreyRelation:
    """Grade the enterprises of a table against the best of the same table; parameters are those of :func:`fit_grey`.

    Parameters
    ----------
    values
        Shape (n, k). A row with NaN has the grade NaN and takes no part in the extrema and weights.
    directions
        `more` or `less` for each indicator.
    standardise, zeta, weights
        See :func:`fit_grey`, also for the errors raised.
    """
    names = [str(place) for place in range(len(directions))]
    return fit_grey(names, values, directions, standardise=standardise, zeta=zeta, weights=weights).relate(
        values
    )


def risk_index(relation: Floats) -> Floats:
    """Return the published risk index (1/γ_i) / Σ_k 1/γ_k, (n,).

    It adds up to 1 over the enterprises that have a grade, and depends on how many there are: it compares those of one
    table. NaN where γ is NaN.
    """
    reciprocals = 1 / relation
    return np.asarray(reciprocals / np.sort(reciprocals[~np.isnan(reciprocals)]).sum())


def _divisor(table: Floats, standardise: Standardise) -> Floats:
    """Return what each column is divided by, (k,)."""
    if standardise == "minmax":
        return np.ones(table.shape[1])
    return np.abs(_means(table) if standardise == "mean" else table[0])


def _means(table: Floats) -> Floats:
    """Return the mean of each column's known values, (k,), the same to the last bit whatever the order of rows."""
    counted = (~np.isnan(table)).sum(axis=0)
    return np.asarray(np.nansum(np.sort(table, axis=0), axis=0) / counted)


def _check(
    names: Sequence[str],
    values: Floats,
    directions: Sequence[Direction],
    standardise: str,
    zeta: float,
    weights: Floats | None,
) -> None:
    """Raise ValueError where the arguments contradict one another."""
    if values.ndim != 2 or not len(names) == len(directions) == values.shape[1]:
        raise ValueError(
            f"{len(names)} names, {len(directions)} directions and a table of shape {values.shape}"
        )
    if standardise not in STANDARDISATIONS:
        raise ValueError(f"standardise is one of {', '.join(STANDARDISATIONS)}, not {standardise!r}")
    if not 0 < zeta <= 1:
        raise ValueError(f"zeta is above 0 and at most 1, not {zeta}")
    unclear = [
        name for name, direction in zip(names, directions, strict=True) if direction not in {"more", "less"}
    ]
    if unclear:
        raise ValueError(f"no better direction is known of {', '.join(unclear)}: a grey relation needs one")
    if np.isinf(values).any():
        raise ValueError("the table holds an infinite number")
    if weights is not None:
        chosen = np.asarray(weights)
        if chosen.shape != (len(names),) or not (chosen >= 0).all() or not 0 < chosen.sum() < np.inf:
            raise ValueError("weights are one non-negative number an indicator, not all 0")
