"""How a scorecard does on loans it was not fitted on: a pyramid can always be found in the loans it is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lendplan.data import csvwriting
from lendplan.data.findings import InputError
from lendplan.data.texts import Texts
from lendplan.rating.loans.discrimination import area_under_curve
from lendplan.rating.loans.history import Loans
from lendplan.rating.loans.scorecard import Options, fit_scorecard
from lendplan.rating.loans.spec import Spec
from lendplan.rating.records import Floats, Mask

FOLDS = 5


@dataclass(frozen=True)
class HeldOut:
    """What scorecards fitted on the other folds say of each fold.

    Parameters
    ----------
    folds
        How many.
    auc
        Shape (folds,): of each fold, area under the curve of the score for default.
    grades
        Names, as many as every fold's pyramid has.
    count, receivable, defaulted
        Shape (g,): held-out loans by the grade they were given.
    """

    folds: int
    auc: Floats
    grades: tuple[str, ...]
    count: Floats
    receivable: Floats
    defaulted: Floats

    @property
    def loss_rate(self) -> Floats:
        """Return the loss rate of each grade, (g,); NaN where no held-out loan has it."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.defaulted / self.receivable)

    @property
    def rises(self) -> int:
        """Number of neighbouring grades between which the held-out loss rate rises."""
        rate = self.loss_rate[self.count > 0]
        return int((np.diff(rate) > 0).sum())

    def lines(self) -> tuple[str, ...]:
        """Return it as text."""
        rates = ", ".join(
            f"{grade} {rate:.2%}" for grade, rate in zip(self.grades, self.loss_rate.tolist(), strict=True)
        )
        steps = int((self.count > 0).sum()) - 1
        return (
            f"On loans held out ({self.folds} folds) the area under the curve is {self.auc.mean():.3f} "
            f"({self.auc.min():.3f} to {self.auc.max():.3f}),",
            f"and the loss rate rises in {self.rises} of {steps} steps: {rates}",
        )

    def to_csv(self) -> bytes:
        """Return the table of held-out loans by grade."""
        columns: dict[str, Texts | Floats] = {
            "grade": Texts.of(self.grades),
            "loans": self.count,
            "receivable": self.receivable,
            "defaulted": self.defaulted,
            "loss_rate": self.loss_rate,
        }
        return csvwriting.header(list(columns)) + csvwriting.rows(list(columns.values()))


def held_out(
    loans: Loans, spec: Spec, options: Options, used: Mask, *, folds: int = FOLDS, seed: int = 2027
) -> HeldOut | str:
    """Fit the whole scorecard on all folds but one, indicators, weights and grades, and rate that one; for each fold.

    Parameters
    ----------
    loans
        The history.
    spec, options
        Of :func:`lendplan.rating.loans.scorecard.fit_scorecard`.
    used
        Shape (n,): the loans that can be learnt from.
    folds
        How many; every fold has its share of the defaulters.
    seed
        Of the order in which loans are dealt to the folds.

    Returns
    -------
    HeldOut or str
        Where it cannot be said, why.
    """
    if folds < 2:
        return f"needs at least 2 folds, and {folds} is asked for"
    told = loans.take(used)
    bad = int(told.is_default.sum())
    if min(bad, told.size - bad) < folds:
        return f"too few loans to hold any out: {folds} folds need {folds} that defaulted and {folds} that did not"
    fold = _dealt(told, folds, seed)
    area = np.empty(folds)
    position = np.empty(told.size, dtype=np.int64)
    names: tuple[str, ...] = ()
    fewest = options.grades
    for one in range(folds):
        try:
            fit = fit_scorecard(told.take(fold != one), spec, options)
        except InputError as error:
            return f"cannot be fitted without fold {one + 1}: {error}"
        rest = told.take(fold == one)
        scored = fit.card.rate(rest)
        area[one] = area_under_curve(scored.score, rest.is_default)
        position[fold == one] = fit.card.pyramid.table.position_of(scored.score)
        names = fit.card.pyramid.table.grades
        fewest = min(fewest, len(names))
    # Where a fold has more grades than another, its worst ones count as the last that all have.
    position = np.minimum(position, fewest - 1)
    sums = [
        # Exact sums, so that the order of the rows changes no digit.
        np.array([math.fsum(amounts[position == place].tolist()) for place in range(fewest)])
        for amounts in (np.ones(told.size), told.receivable, told.defaulted)
    ]
    return HeldOut(folds, area, names[:fewest], sums[0], sums[1], sums[2])


def _dealt(loans: Loans, folds: int, seed: int) -> Floats:
    """Return the fold of each loan, (n,): dealt by id, so that the order of the rows changes nothing."""
    by_id = np.array(sorted(range(loans.size), key=lambda row: loans.enterprise[row]))
    shuffled = by_id[np.random.default_rng(seed).permutation(loans.size)]
    fold = np.empty(loans.size)
    for group in (loans.is_default, ~loans.is_default):
        rows = shuffled[group[shuffled]]
        fold[rows] = np.arange(len(rows)) % folds
    return fold
