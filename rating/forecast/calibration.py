"""From a forest's share of votes to a probability: Platt's logistic curve through the out-of-bag forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lendplan.rating.plain import number, record, wrong
from lendplan.rating.records import Floats

FLOOR = 0.005
"""Shares nearer to 0 or 1 are read as this near: a few hundred trees cannot tell them apart."""

LEAST = 1e-4
"""No probability is handed over below this, nor above 1 less this."""

FARTHEST = 1e6
"""No fitted intercept or slope comes near it: the shares' log odds lie within ±5.3, the aims' within ±21."""

_STEPS = 100
_FAR = 50.0  # log odds beyond which nothing changes, and before which no exponential overflows


@dataclass(frozen=True)
class Calibration:
    """p = 1 / (1 + exp(−intercept − slope·ln(v / (1 − v)))) with v the forest's share; never falling in v.

    Parameters
    ----------
    intercept, slope
        Of the curve; the slope is not negative, so that no order of enterprises is turned round.
    """

    intercept: float
    slope: float

    def apply(self, share: Floats) -> Floats:
        """Return probabilities strictly between 0 and 1, of the shape of `share`."""
        odds = np.clip(self.intercept + self.slope * _log_odds(share), -_FAR, _FAR)
        p = 1 / (1 + np.exp(-odds))
        return np.clip(p, LEAST, 1 - LEAST)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"intercept": self.intercept, "slope": self.slope}

    @classmethod
    def from_dict(cls, raw: object, where: str = "calibration") -> Calibration:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        InputError
            If it is not of that form, or beyond all that is ever fitted.
        """
        known = record(raw, where, ("intercept", "slope"))
        intercept, slope = (number(known[name], f"{where}.{name}") for name in ("intercept", "slope"))
        if slope < 0:
            raise wrong(f"{where}.slope", "is negative")
        for name, value in (("intercept", intercept), ("slope", slope)):
            if abs(value) > FARTHEST:
                raise wrong(f"{where}.{name}", f"{value:g} is beyond ±{FARTHEST:g}")
        return cls(intercept, slope)


def calibrate(share: Floats, happened: Floats) -> Calibration:
    """Fit the curve by maximum likelihood.

    The outcomes aimed at are Platt's (1999): (n₁ + 1)/(n₁ + 2) for a default and 1/(n₀ + 2) for none, which keeps the
    curve finite where the shares tell the two apart without error. Two parameters are all that some dozens of
    defaults bear; isotonic regression would give steps of 0 and 1.

    Parameters
    ----------
    share
        Shape (n,): forecasts of enterprises by trees that have not seen them.
    happened
        Shape (n,): 1 default, 0 none; both occur.
    """
    x = _log_odds(share)
    defaults = float(happened.sum())
    others = len(happened) - defaults
    aim = np.where(happened > 0, (defaults + 1) / (defaults + 2), 1 / (others + 2))
    design = np.column_stack((np.ones(len(x)), x))
    # centred, so that Newton's steps are well-conditioned
    centre = float(x.mean())
    design[:, 1] -= centre
    at = np.array([np.log(aim.mean() / (1 - aim.mean())), 0.0])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-design @ at))
        gradient = design.T @ (aim - p)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        # far steps of Newton's method can overshoot; a bounded one cannot leave the basin of a convex loss for long
        at = at + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if float(np.abs(step).max()) < 1e-12:
            break
    if at[1] < 0:
        return Calibration(float(np.log(aim.mean() / (1 - aim.mean()))), 0.0)
    return Calibration(float(at[0] - at[1] * centre), float(at[1]))


def _log_odds(share: Floats) -> Floats:
    inside = np.clip(share, FLOOR, 1 - FLOOR)
    return np.log(inside / (1 - inside))
