"""From grades with few or no defaults to one default probability a grade: never zero, strictly rising as grades worsen.

Two methods. **Jeffreys**, the default: the posterior mean (k + ½)/(n + 1) of k defaults among n under the prior
Beta(½, ½). **Pluto–Tasche**, the most prudent: an upper confidence bound for a grade pooled with all worse ones.

Why Jeffreys by default: a risk weight prices every loan, so it wants a middle estimate that no lack of defaults turns
to zero, and Jeffreys' uses each grade's own enterprises. The most prudent bound prices a grade as though it were no
better than all worse ones together: with 0 of 27, 1 of 38, 2 of 34 and 24 of 24 defaults it gives the best grade
25 % (at 75 % confidence) against Jeffreys' 1.8 %, since the worst grade stands for default itself. It is the method
for books without defaults and for supervisors who ask for a bound; `default_grade` keeps such a worst grade out of
the pools.

Sources: Pluto and Tasche (2005), "Estimating probabilities of default for low default portfolios", independent case;
Brown, Cai and DasGupta (2001), "Interval estimation for a binomial proportion", for Jeffreys' prior; Elkan (2001), "The
foundations of cost-sensitive learning", theorem 2, for the change of the base rate.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError, listed
from lendplan.rating.records import Floats
from lendplan.rating.risk.rising import (
    CEILING,
    from_log_odds,
    log_odds,
    pooled,
    rises_within,
    strictly_rising,
)

log = logging.getLogger(__name__)

Counts = NDArray[np.int64]
Method = Literal["jeffreys", "pluto_tasche"]
METHODS: tuple[Method, ...] = ("jeffreys", "pluto_tasche")

CONFIDENCE = 0.75
"""Confidence of Pluto–Tasche unless another is asked for."""
FLOOR = 0.0005
"""Least default probability of any grade: the floor of Basel III for enterprises, 0.05 %."""


@dataclass(frozen=True)
class GradeProbabilities:
    """Default probability of each grade, and what it rests on.

    Parameters
    ----------
    grades
        From best to worst, g of them.
    counts, defaults
        Shape (g,): enterprises whose outcome is known, and those among them that defaulted.
    raw
        Shape (g,): the method's estimate of each grade, before it is made to rise; NaN for an empty grade.
    probability
        Shape (g,): what is used; strictly rising, within (0, 1).
    method, confidence
        How it was estimated; confidence None is the posterior mean.
    central_tendency
        The portfolio's default rate it was moved to, or None.
    """

    grades: tuple[str, ...]
    counts: Counts
    defaults: Counts
    raw: Floats
    probability: Floats
    method: Method
    confidence: float | None
    central_tendency: float | None

    def of(self, grades: Sequence[str]) -> Floats:
        """Return the default probability of each of `grades`, (n,); NaN where the grade is blank or unknown."""
        known = dict(zip(self.grades, self.probability.tolist(), strict=True))
        return np.array([known.get(grade, np.nan) for grade in grades], dtype=np.float64)

    def lines(self) -> tuple[str, ...]:
        """Return the table as text, a line a grade."""
        width = max(5, *(len(grade) for grade in self.grades))
        return (
            f"{'grade':<{width}}  {'rated':>7}  {'defaulted':>9}  {'default probability':>19}",
            *(
                f"{grade:<{width}}  {count:>7,}  {default:>9,}  {100 * p:>18.3f}%"
                for grade, count, default, p in zip(
                    self.grades,
                    self.counts.tolist(),
                    self.defaults.tolist(),
                    self.probability.tolist(),
                    strict=True,
                )
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "grades": list(self.grades),
            "counts": self.counts.tolist(),
            "defaults": self.defaults.tolist(),
            "raw": [None if np.isnan(value) else value for value in self.raw.tolist()],
            "probability": self.probability.tolist(),
            "method": self.method,
            "confidence": self.confidence,
            "central_tendency": self.central_tendency,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> GradeProbabilities:
        """Return what `to_dict` gave.

        Raises
        ------
        InputError
            If keys are missing or unknown, or the probabilities do not rise strictly within (0, 1).
        """
        keys = (
            "grades",
            "counts",
            "defaults",
            "raw",
            "probability",
            "method",
            "confidence",
            "central_tendency",
        )
        if not isinstance(content, Mapping) or set(content) != set(keys):
            found = (
                listed(sorted(map(str, content))) if isinstance(content, Mapping) else type(content).__name__
            )
            raise _not_readable(f"needs the keys {', '.join(keys)} and no others, and has {found}")
        try:
            grades = tuple(content["grades"])
            counts, defaults = (np.array(content[key], dtype=np.int64) for key in ("counts", "defaults"))
            raw, probability = (np.array(content[key], dtype=np.float64) for key in ("raw", "probability"))
            confidence, central = (
                None if content[key] is None else float(content[key])
                for key in ("confidence", "central_tendency")
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise _not_readable(f"holds what is no number: {error}") from error
        shape = (len(grades),)
        if not grades or any(array.shape != shape for array in (counts, defaults, raw, probability)):
            raise _not_readable("holds lists of unequal lengths")
        if not all(isinstance(grade, str) and grade for grade in grades) or len(set(grades)) < len(grades):
            raise _not_readable("holds grades that are blank, repeated or no text")
        if content["method"] not in METHODS:
            raise _not_readable(
                f"names the method {content['method']!r}, which is none of {', '.join(METHODS)}"
            )
        if not rises_within(probability):
            raise _not_readable("holds default probabilities that do not rise strictly between 0 and 1")
        return cls(grades, counts, defaults, raw, probability, content["method"], confidence, central)


def count_defaults(grade: Sequence[str], is_default: Floats, grades: Sequence[str]) -> tuple[Counts, Counts]:
    """Count enterprises of known outcome and their defaults, a grade each.

    Parameters
    ----------
    grade
        Grade of each enterprise, '' for none; n of them.
    is_default
        Shape (n,): 1 defaulted, 0 not, NaN not known.
    grades
        From best to worst, g of them; other grades are not counted.

    Returns
    -------
    tuple
        Enterprises and defaults, each (g,).
    """
    place = {name: position for position, name in enumerate(grades)}
    code = np.array([place.get(name, -1) for name in grade], dtype=np.int64)
    known = (code >= 0) & ~np.isnan(is_default)
    counts = np.bincount(code[known], minlength=len(grades))
    defaults = np.bincount(code[known & (is_default == 1)], minlength=len(grades))
    return counts.astype(np.int64), defaults.astype(np.int64)


def grade_probabilities(
    grades: Sequence[str],
    counts: Sequence[int] | Counts,
    defaults: Sequence[int] | Counts,
    *,
    method: Method = "jeffreys",
    confidence: float | None = None,
    default_grade: str | None = None,
    central_tendency: float | None = None,
    floor: float = FLOOR,
) -> GradeProbabilities:
    """Estimate a default probability for each grade.

    Parameters
    ----------
    grades
        From best to worst, g of them.
    counts, defaults
        Shape (g,): enterprises of known outcome, and how many of them defaulted. A grade may be empty.
    method
        ``jeffreys``: the posterior under Beta(½, ½), its mean, or its quantile where `confidence` is given; neighbours
        that come out in the wrong order are pooled (means weighted by n + 1) until none does.
        ``pluto_tasche``: the p at which a grade and all worse ones would show no more defaults than they did with
        probability 1 − `confidence`, which is the quantile of Beta(k + 1, n − k) there. Where all defaulted, and the
        bound would be one, Jeffreys' mean stands in. A worse grade whose bound is lower takes the better one's.
    confidence
        Within (0, 1). None: the mean for ``jeffreys``, 75 % for ``pluto_tasche``.
    default_grade
        The worst grade, where it stands for default itself (D): ``pluto_tasche`` keeps it out of the others' pools.
    central_tendency
        Default rate of the portfolio the estimates are for, where the sample's is not the portfolio's. The odds of
        every grade are multiplied by the odds of this rate over the odds of the mean of the estimates after they were
        made to rise, weighted by the enterprises of known outcome in each grade (Bayes' rule for another base rate).
        That mean is near the sample's default rate, and not it. The mix of grades changes with the odds, so the mean
        over the sample is not this rate.
    floor
        Least default probability of any grade; where it stands in place of a lower estimate, a warning is logged.

    Returns
    -------
    GradeProbabilities
        Empty grades stand evenly in log-odds between their neighbours, or beside the only one they have. Then each
        grade, from the best on, is raised to 0.01 or more in log-odds above the one before it; none is lowered.

    Raises
    ------
    InputError
        If no enterprise is both graded and of known outcome.
    ValueError
        If an argument is out of its range.
    """
    n = np.asarray(counts, dtype=np.int64)
    k = np.asarray(defaults, dtype=np.int64)
    names = tuple(grades)
    _check(names, n, k, method, confidence, default_grade, central_tendency, floor)
    if method == "pluto_tasche":
        confidence = CONFIDENCE if confidence is None else confidence
        apart = default_grade is not None and len(names) > 1
        raw = _most_prudent(n, k, confidence, apart=apart)
        rising = np.where(np.isnan(raw), np.nan, np.fmax.accumulate(raw))
    else:
        raw = _jeffreys(n, k, confidence)
        rising = pooled(raw, (n + 1).astype(np.float64))
    if central_tendency is not None:
        weight = n / n.sum()
        mean = float(np.nansum(weight * rising))
        wanted, found = log_odds(np.array([central_tendency, mean])).tolist()
        rising = from_log_odds(log_odds(np.minimum(rising, CEILING)) + (wanted - found))
    low = [name for name, estimate in zip(names, rising.tolist(), strict=True) if estimate < floor]
    if low:
        message = "the default probability of %s comes out below the floor of %g %%, which stands instead"
        log.warning(message, listed(low), 100 * floor)
    probability = strictly_rising(rising, floor)
    return GradeProbabilities(names, n, k, raw, probability, method, confidence, central_tendency)


def _check(
    grades: tuple[str, ...],
    counts: Counts,
    defaults: Counts,
    method: str,
    confidence: float | None,
    default_grade: str | None,
    central_tendency: float | None,
    floor: float,
) -> None:
    if not grades or len(set(grades)) < len(grades) or {counts.shape, defaults.shape} != {(len(grades),)}:
        raise ValueError("grades must be distinct, with one count and one number of defaults each")
    if (defaults < 0).any() or (defaults > counts).any():
        raise ValueError("defaults must lie between 0 and the count of their grade")
    if method not in METHODS:
        raise ValueError(f"method {method!r} is none of {', '.join(METHODS)}")
    for name, value in (("confidence", confidence), ("central_tendency", central_tendency)):
        if value is not None and not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1, both excluded, and is {value}")
    if default_grade is not None and default_grade != grades[-1]:
        raise ValueError(f"default_grade must be the worst grade, {grades[-1]!r}, and is {default_grade!r}")
    if not 0 < floor < 0.5:
        raise ValueError(f"floor must lie between 0 and 0.5, both excluded, and is {floor}")
    if not counts.sum():
        message = (
            "no enterprise has both a grade and a known outcome, so that no default probability can be estimated; "
            "fill the default column for rated enterprises"
        )
        raise InputError(Finding(message))


def _most_prudent(counts: Counts, defaults: Counts, confidence: float, *, apart: bool) -> Floats:
    """Return the bound of each grade pooled with the worse ones, (g,); NaN where the pool is empty."""
    from scipy.special import betaincinv

    n, k = (np.cumsum(array[::-1])[::-1].astype(np.float64) for array in (counts, defaults))
    if apart:  # the pools of the other grades end before the last
        n[:-1] -= counts[-1]
        k[:-1] -= defaults[-1]
    bound = np.full(len(n), np.nan)
    is_open = n > k
    bound[is_open] = betaincinv(k[is_open] + 1, n[is_open] - k[is_open], confidence)
    all_defaulted = (n == k) & (n > 0)
    bound[all_defaulted] = (k[all_defaulted] + 0.5) / (n[all_defaulted] + 1)
    return bound


def _jeffreys(counts: Counts, defaults: Counts, confidence: float | None) -> Floats:
    """Return mean or quantile of Beta(k + ½, n − k + ½), (g,); NaN where the grade is empty."""
    estimate = (defaults + 0.5) / (counts + 1.0)
    if confidence is not None:
        from scipy.special import betaincinv

        estimate = np.asarray(
            betaincinv(defaults + 0.5, counts - defaults + 0.5, confidence), dtype=np.float64
        )
    estimate[counts == 0] = np.nan
    return estimate


def _not_readable(message: str) -> InputError:
    return InputError(Finding(f"{message}; fit the rating again", key="grade_probabilities"))
