"""Churn curves read from a table: fitted at its rates, then between them, on the grid of rates that are offered."""

import logging
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lendplan.data.churn import TOLERANCE, ChurnTable
from lendplan.data.findings import Finding, InputError

log = logging.getLogger(__name__)

Fit = Literal["raw", "isotonic", "logistic"]
MAX_RATES = 100_000


@dataclass(frozen=True)
class ChurnFit:
    """Churn curves at the table's rates, after a fit.

    Parameters
    ----------
    rates
        Annual rates as fractions, (m,).
    grades
        Names of the curves, (g,).
    churn
        Fitted share of customers lost, (g, m), each in [0, 1].
    how
        ``raw``, ``isotonic`` or ``logistic``.
    rmse
        Root mean square of fitted − observed, (g,).
    max_error
        Largest absolute difference, (g,).
    """

    rates: NDArray[np.float64]
    grades: tuple[str, ...]
    churn: NDArray[np.float64]
    how: Fit
    rmse: NDArray[np.float64]
    max_error: NDArray[np.float64]


def fit_churn(table: ChurnTable, how: Fit = "raw") -> ChurnFit:
    """Fit each grade's curve at the table's rates.

    Parameters
    ----------
    table
        Churn as observed.
    how
        ``raw``: as it stands. ``isotonic``: the non-decreasing curve of least squares, equal weights.
        ``logistic``: 1 / (1 + exp(−a − b·ln(r − r₀))) of least squares, b > 0; r₀ is the first rate, and the
        curve is 0 there.

    Returns
    -------
    ChurnFit

    Raises
    ------
    InputError
        If ``logistic`` has fewer than three rates to fit two parameters to.

    Notes
    -----
    A raw curve that falls as the rate rises is logged as a warning, one a grade, with the rates at which it falls.
    """
    observed = table.churn
    if how == "raw":
        _warn_of_falls(table)
        fitted = observed.copy()
    elif how == "isotonic":
        fitted = np.stack([_isotonic(curve) for curve in observed])
    elif how == "logistic":
        if len(table.rates) < 3:
            raise InputError(
                Finding(
                    "a logistic fit needs three rates or more; take raw", table.source.path, key="churn_fit"
                )
            )
        fitted = np.stack([_logistic(table.rates, curve) for curve in observed])
    else:
        raise ValueError(f"how must be raw, isotonic or logistic, not {how!r}")
    fitted = np.clip(fitted, 0.0, 1.0)
    error = fitted - observed
    fit = ChurnFit(
        table.rates,
        table.grades,
        fitted,
        how,
        np.sqrt(np.mean(error**2, axis=1)),
        np.max(np.abs(error), axis=1),
    )
    if how != "raw":
        for grade, rmse, worst in zip(fit.grades, fit.rmse, fit.max_error, strict=True):
            log.info(
                "churn of grade %s, %s fit: root mean square error %.4f, largest %.4f",
                grade,
                how,
                rmse,
                worst,
            )
    return fit


def _warn_of_falls(table: ChurnTable) -> None:
    for grade, curve in zip(table.grades, table.churn, strict=True):
        falls = table.rates[1:][np.diff(curve) < 0]
        if falls.size:
            log.warning(
                "%s: churn of grade %s falls at %s; `churn_fit: isotonic` reads it as never falling",
                table.source.path,
                grade,
                ", ".join(f"{100 * rate:.6g} %" for rate in falls),
            )


def _isotonic(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the non-decreasing curve nearest to `curve`, (m,): neighbours that fall are pooled until none does.

    The pool-adjacent-violators algorithm; SciPy's gives the same numbers, and its import takes longer than all else
    that a small book needs.
    """
    means: list[float] = []
    sizes: list[int] = []
    for value in curve.tolist():
        means.append(value)
        sizes.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            size = sizes[-2] + sizes[-1]
            pooled = (means[-2] * sizes[-2] + means[-1] * sizes[-1]) / size
            means[-2:], sizes[-2:] = [pooled], [size]
    return np.repeat(means, sizes)


def _logistic(rates: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.optimize import least_squares
    from scipy.special import expit, logit

    x = np.log(rates[1:] - rates[0])
    centre = x.mean()
    x = x - centre
    y = observed[1:]
    # Start from the straight line through the log odds; b = exp(β) keeps the curve rising.
    odds = logit(np.clip(y, 1e-6, 1 - 1e-6))
    slope = float(x @ (odds - odds.mean()) / (x @ x))
    start = np.array([odds.mean(), math.log(max(slope, 1e-3))])

    def residual(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(expit(parameters[0] + np.exp(parameters[1]) * x) - y, dtype=np.float64)

    best = least_squares(
        residual, start, bounds=([-50.0, -20.0], [50.0, 10.0]), xtol=1e-14, ftol=1e-14, gtol=1e-14
    ).x
    return np.concatenate(([0.0], residual(best) + y))


def rate_grid(
    table_rates: ArrayLike,
    minimum: float | None = None,
    maximum: float | None = None,
    step: float | None = None,
) -> NDArray[np.float64]:
    """Return the rates a plan may choose from.

    Parameters
    ----------
    table_rates
        Rates of the churn table, strictly increasing, fractions, (m,).
    minimum, maximum
        Ends of the grid, fractions; None for the table's own.
    step
        None: the table's own rates within the ends. Else minimum + j·step, and maximum in any case.

    Returns
    -------
    ndarray
        Strictly increasing, rounded to twelve decimals, (k,).

    Raises
    ------
    InputError
        If an end lies outside the table, the ends cross, no rate is left, or the step is not positive or makes
        more than 100,000 rates.
    """
    table = np.asarray(table_rates, dtype=np.float64)
    first, last = float(table[0]), float(table[-1])
    low = first if minimum is None else float(minimum)
    high = last if maximum is None else float(maximum)
    findings = [
        Finding(
            f"{value:.12g} is outside the churn table, which reaches from {first:.12g} to {last:.12g}; "
            "churn is never extrapolated",
            key=key,
        )
        for key, value in (("rates.min", low), ("rates.max", high))
        if not first - TOLERANCE <= value <= last + TOLERANCE
    ]
    if low > high + TOLERANCE:
        findings.append(Finding(f"{low:.12g} is above rates.max {high:.12g}", key="rates.min"))
    if step is not None and not (step > TOLERANCE and math.isfinite(step)):
        findings.append(
            Finding(
                f"{step:.12g} is no step; give a positive one, or none for the table's rates",
                key="rates.step",
            )
        )
    elif step is not None and not findings and (high - low) / step > MAX_RATES:
        findings.append(
            Finding(f"{step:.12g} makes more than {MAX_RATES:,} rates; take a larger step", key="rates.step")
        )
    if findings:
        raise InputError(findings)
    if step is None:
        grid = table[(table >= low - TOLERANCE) & (table <= high + TOLERANCE)]
        if not grid.size:
            message = f"the churn table has no rate from {low:.12g} to {high:.12g}; widen them or give a step"
            raise InputError(Finding(message, key="rates"))
        return np.round(grid, 12)
    # A step that ends within dust of the maximum ends at it, and adds no second rate beside it.
    count = math.floor((high - low) / step + 1e-6)
    grid = np.asarray(np.round(low + np.arange(count + 1) * step, 12), dtype=np.float64)
    end = round(high, 12)
    if end - grid[-1] > 1e-6 * step:
        return np.append(grid, end)
    grid[-1] = end
    return grid


def churn_at(fit: ChurnFit | ChurnTable, rates: ArrayLike) -> NDArray[np.float64]:
    """Read curves at given rates, linearly between the table's.

    Parameters
    ----------
    fit
        The curves.
    rates
        Annual rates as fractions, (k,).

    Returns
    -------
    ndarray
        Churn, (g, k).

    Raises
    ------
    ValueError
        If a rate lies outside the table, or is NaN: churn is never extrapolated.
    """
    wanted = np.atleast_1d(np.asarray(rates, dtype=np.float64))
    outside = ~((wanted >= fit.rates[0] - TOLERANCE) & (wanted <= fit.rates[-1] + TOLERANCE))
    if outside.any():
        reach = f"{fit.rates[0]:.12g} to {fit.rates[-1]:.12g}"
        raise ValueError(f"rate {wanted[outside][0]:.12g} is outside the churn table, {reach}")
    churn: NDArray[np.float64] = np.empty((len(fit.churn), len(wanted)))
    for row, curve in enumerate(fit.churn):
        churn[row] = np.interp(wanted, fit.rates, curve)
    return churn
