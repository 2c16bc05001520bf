"""The plain alternative: a cumulative logit whose coefficients keep the direction that the catalogue states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import shown
from lendplan.rating.forecast.trees import Decomposition
from lendplan.rating.plain import numbers, record, words, wrong
from lendplan.rating.records import Floats

PENALTY = 0.1
"""Weight of ½·|coefficient|² beside the mean log-likelihood: one number for both targets, of 0.03, 0.1 and 0.3."""

FARTHEST = 1e6
"""No penalised coefficient comes near it, and beyond it sums of points could overflow."""

_KEYS = ("features", "classes", "centre", "spread", "coefficient", "cut")
_LEAST_STEP = 1e-6
_FLAT = 1e-9
_MOST_STEPS = 200


@dataclass(frozen=True, eq=False)
class MonotoneLogit:
    """P(class ≤ g) = 1/(1 + exp(−cut_g − η)) with η = Σ_j coefficient_j·(x_j − centre_j)/spread_j.

    Classes run from best to worst. With two classes it is logistic regression, with more the proportional-odds model
    of McCullagh (1980). Since the logistic density is log-concave, a higher η never makes the most probable class a
    worse one; so an enterprise that is better in every feature with a direction, and equal in the others, is never
    rated worse.

    Parameters
    ----------
    features, classes
        Names; k features, G classes from best to worst.
    centre, spread, coefficient
        Shape (k,): mean and standard deviation of the training rows, and the coefficients (positive: more is better).
    cut
        Shape (G − 1,), strictly rising.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    centre: Floats
    spread: Floats
    coefficient: Floats
    cut: Floats

    def points(self, x: Floats) -> Floats:
        """Return η, (n,); higher is better."""
        # a sum row by row in one order, so that a row's result does not depend on the others
        return np.asarray((((x - self.centre) / self.spread) * self.coefficient).sum(axis=1))

    def probabilities(self, x: Floats) -> Floats:
        """Return the probability of each class, (n, G), for features (n, k); rows sum to 1."""
        below = _logistic(self.cut + self.points(x)[:, None])
        edges = np.column_stack((np.zeros(len(x)), below, np.ones(len(x))))
        return np.diff(edges, axis=1)

    def decompose(self, x: Floats, points: Floats) -> Decomposition:
        """Take Σ_g points_g·P(g) apart, feature by feature.

        The difference to an enterprise that stands at the centre in every feature is shared out by Aumann and Shapley's
        rule along the straight line from there (Sundararajan et al., 2017). As η is a sum of terms, one a feature,
        each feature's part of the difference is its part of η.

        Parameters
        ----------
        x
            Shape (n, k).
        points
            Shape (G,): a weight for each class.

        Returns
        -------
        Decomposition
            base (n,), contributions (n, k); base + Σ contributions is the weighted sum to 1e-12.
        """
        terms = ((x - self.centre) / self.spread) * self.coefficient
        eta = terms.sum(axis=1)
        falls = points[:-1] - points[1:]
        centre = _logistic(self.cut)
        base = float(points[-1] + falls @ centre)
        gained = ((_logistic(self.cut + eta[:, None]) - centre) * falls).sum(axis=1)
        # at the centre itself the ratio is the slope there
        near = np.abs(eta) < 1e-6
        ratio = np.where(near, float(falls @ (centre * (1 - centre))), gained / np.where(near, 1.0, eta))
        return Decomposition(np.full(len(x), base), terms * ratio[:, None])

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; :meth:`from_dict` gives the model back bit by bit."""
        return {
            "features": list(self.features),
            "classes": list(self.classes),
            **{name: getattr(self, name).tolist() for name in _KEYS[2:]},
        }

    @classmethod
    def from_dict(cls, raw: object, where: str = "logistic") -> MonotoneLogit:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        InputError
            If it is not of that form, a spread is not positive, the cuts do not rise, or a coefficient is beyond all
            that is ever fitted.
        """
        known = record(raw, where, _KEYS)
        features = words(known["features"], f"{where}.features")
        classes = words(known["classes"], f"{where}.classes")
        if len(classes) < 2:
            raise wrong(f"{where}.classes", "must be two at least")
        shape = (len(features),)
        spread = numbers(known["spread"], f"{where}.spread", shape=shape)
        if (spread <= 0).any():
            raise wrong(f"{where}.spread", f"{shown(spread.min())} is not positive")
        cut = numbers(known["cut"], f"{where}.cut", shape=(len(classes) - 1,))
        if (np.diff(cut) <= 0).any():
            raise wrong(f"{where}.cut", "must rise strictly")
        coefficient = numbers(known["coefficient"], f"{where}.coefficient", shape=shape)
        if (np.abs(coefficient) > FARTHEST).any():
            raise wrong(f"{where}.coefficient", f"one is beyond ±{FARTHEST:g}")
        return cls(
            features,
            classes,
            numbers(known["centre"], f"{where}.centre", shape=shape),
            spread,
            coefficient,
            cut,
        )


def fit_logit(
    x: Floats,
    y: Sequence[str],
    classes: Sequence[str],
    *,
    ids: Sequence[str],
    features: Sequence[str],
    directions: Mapping[str, str],
    penalty: float = PENALTY,
    start: MonotoneLogit | None = None,
) -> MonotoneLogit:
    """Fit a cumulative logit, L2-penalised, with the sign of each coefficient as stated.

    Parameters
    ----------
    x
        Shape (n, k), finite.
    y
        The n rows' classes.
    classes
        All classes, from best to worst.
    ids
        The n rows' ids; rows are sorted by them first, so that their order changes nothing.
    features
        Names of the k columns.
    directions
        Name → ``more`` (more is better: coefficient ≥ 0), ``less`` (≤ 0); any other feature is free.
    penalty
        Weight λ of the penalty: the loss is −mean log-likelihood + λ/2·Σ coefficient².
    start
        A model of nearly the same rows to start from; it saves time.

    Returns
    -------
    MonotoneLogit
        At the minimum of this convex loss; see :func:`_minimised`.
    """
    order = np.array(sorted(range(len(ids)), key=lambda row: ids[row]), np.intp)
    x = x[order]
    code = np.array([classes.index(y[row]) for row in order])
    centre = x.mean(axis=0)
    spread = x.std(axis=0)
    # a column without spread says nothing; rounding must not make it look as if it did
    spread[spread <= 1e-9 * np.maximum(np.abs(centre), 1e-300)] = np.inf
    z = (x - centre) / spread
    spread[np.isinf(spread)] = 1.0
    steps = len(classes) - 1
    share = np.clip(np.cumsum(np.bincount(code, minlength=len(classes)))[:-1] / len(code), 0.01, 0.99)
    cut = np.log(share / (1 - share))
    weights = np.zeros(len(features))
    if start is not None:
        weights, cut = start.coefficient, start.cut
    first = np.concatenate((weights, cut[:1], np.maximum(np.diff(cut), 0.01)))

    stated = [directions.get(name, "none") for name in features]
    low = np.array(
        [0.0 if one == "more" else -np.inf for one in stated] + [-np.inf] + [_LEAST_STEP] * (steps - 1)
    )
    high = np.array([0.0 if one == "less" else np.inf for one in stated] + [np.inf] * steps)
    at = _minimised(_Loss(z, code, steps, penalty), np.clip(first, low, high), low, high)
    return MonotoneLogit(
        tuple(features),
        tuple(classes),
        centre,
        spread,
        # adding 0 turns −0 into 0
        at[: len(features)] + 0.0,
        np.cumsum(at[len(features) :]),
    )


class _Loss(NamedTuple):
    """The penalised loss as a function of coefficients, first cut and steps between cuts."""

    z: Floats
    code: NDArray[np.intp]
    steps: int
    penalty: float

    def at(self, x: Floats) -> tuple[float, Floats, Floats]:
        """Return value, gradient and Hessian."""
        width, rows, steps = self.z.shape[1], len(self.code), self.steps
        beta, cut = x[:width], np.cumsum(x[width:])
        eta = self.z @ beta
        first, last = self.code == 0, self.code == steps
        above, below = np.minimum(self.code, steps - 1), np.maximum(self.code - 1, 0)
        upper, lower = cut[above] + eta, cut[below] + eta
        middle = ~first & ~last
        gap = np.where(middle, upper - lower, 1.0)
        # ln(σ(u) − σ(l)) = ln σ(u) + ln σ(−l) + ln(1 − e^(l − u)): no difference of nearly equal numbers
        log_p = (
            np.where(last, 0.0, -np.logaddexp(0, -upper))
            + np.where(first, 0.0, -np.logaddexp(0, lower))
            + np.where(middle, np.log(-np.expm1(-gap)), 0.0)
        )
        inner = np.where(middle, 1 / np.expm1(gap), 0.0)
        by_upper = np.where(last, 0.0, _logistic(-upper) + inner)
        by_lower = np.where(first, 0.0, -_logistic(lower) - inner)
        bend_upper = np.where(last, 0.0, _logistic(upper) * _logistic(-upper))
        bend_lower = np.where(first, 0.0, _logistic(lower) * _logistic(-lower))
        # which cuts a row's class lies between, as rates of change of its upper and lower end by the steps
        of_upper = (np.arange(steps) <= above[:, None]) * ~last[:, None]
        of_lower = (np.arange(steps) <= below[:, None]) * ~first[:, None]
        gradient = np.concatenate(
            (self.z.T @ (by_upper + by_lower), by_upper @ of_upper + by_lower @ of_lower)
        )
        # the mixed term of u and l is the bend of ln(1 − e^(l − u)), which depends on their difference alone
        bend_gap = inner * (1 + inner)
        between = of_upper * 1.0 - of_lower
        hessian = np.empty((width + steps, width + steps))
        hessian[:width, :width] = (self.z * (bend_upper + bend_lower)[:, None]).T @ self.z
        mixed = self.z.T @ (of_upper * bend_upper[:, None] + of_lower * bend_lower[:, None])
        hessian[:width, width:], hessian[width:, :width] = mixed, mixed.T
        hessian[width:, width:] = (
            (of_upper * bend_upper[:, None]).T @ (of_upper * 1.0)
            + (of_lower * bend_lower[:, None]).T @ (of_lower * 1.0)
            + (between * np.where(middle, bend_gap, 0.0)[:, None]).T @ between
        )
        gradient, hessian = -gradient / rows, hessian / rows
        gradient[:width] += self.penalty * beta
        hessian[np.arange(width), np.arange(width)] += self.penalty
        return float(-log_p.mean() + self.penalty / 2 * (beta @ beta)), gradient, hessian


def _minimised(loss: _Loss, x: Floats, low: Floats, high: Floats) -> Floats:
    """Return the minimum within bounds, by Newton's method on what is free to move (Bertsekas, 1982).

    A dozen steps of small dense algebra; quasi-Newton code for large problems spends its time on threads here.
    """
    value, gradient, hessian = loss.at(x)
    for _ in range(_MOST_STEPS):
        held = ((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0))
        if np.abs(np.where(held, 0.0, gradient)).max() < _FLAT:
            break
        step = _newton_step(x, gradient, hessian, held, low, high)
        length = 1.0
        while True:
            there = np.clip(x + length * step, low, high)
            found = loss.at(there)
            if found[0] <= value + 1e-4 * float(gradient @ (there - x)) or length < 1e-12:
                break
            length /= 2
        if found[0] >= value:
            break
        x, (value, gradient, hessian) = there, found
    return x


def _newton_step(
    x: Floats, gradient: Floats, hessian: Floats, held: NDArray[np.bool_], low: Floats, high: Floats
) -> Floats:
    """Return Newton's step of what is not held, no part of it leading out of its bound."""
    held = held.copy()
    while not held.all():
        free = np.flatnonzero(~held)
        step = np.zeros(len(x))
        inside = hessian[np.ix_(free, free)]
        # a grade without members near a cut leaves it loose
        step[free] = np.linalg.solve(inside + 1e-10 * np.eye(len(free)), -gradient[free])
        out = ~held & (((x <= low) & (step < 0)) | ((x >= high) & (step > 0)))
        if not out.any():
            return step
        held |= out
    return -gradient


def _logistic(x: Floats) -> Floats:
    # the exponential of a large number would overflow, that of its negative does not
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)))
