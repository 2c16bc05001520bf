"""The default pyramid: grades whose loss rate rises strictly as they worsen, divided as well as can be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lendplan.rating.loans.gradetable import GRADES, GradeTable, grade_table
from lendplan.rating.loans.losscurve import LossCurve, Places, loss_curve
from lendplan.rating.loans.pyramidbounds import hull_corners
from lendplan.rating.loans.pyramidsearch import best_cuts, feasible_cuts, lowest_rates
from lendplan.rating.plain import number, record, whole_number, word, wrong
from lendplan.rating.records import Floats

LEAST_SHARE = 0.02
"""Share of the loans that every grade has at least, unless another is asked for."""
_ROUNDED = 1e-12
"""Loss rates that differ by no more than this are equal: amounts that are no whole numbers of any unit are rounded."""
_EXPLAINED_AMONG = 600
"""Cuts among which the division nearest to a pyramid is looked for where there is none."""
_ANY = -2.0
"""A rise that every two loss rates have."""
_KEYS = ("table", "wanted", "least_share", "least_rise", "of_greatest", "remark")


@dataclass(frozen=True)
class Pyramid:
    """Grades under the default pyramid.

    Parameters
    ----------
    table
        The grades, from best to worst.
    wanted
        Grades that were asked for.
    least_share
        Share of the loans that every grade has at least.
    least_rise
        The loss rate rises by more than this from grade to grade.
    of_greatest
        What the grades explain, as a share of what any pyramid of any number of grades could.
    remark
        Why there are fewer grades than were asked for, and that neighbouring scores were taken as one; '' for nothing.
    """

    table: GradeTable
    wanted: int
    least_share: float
    least_rise: float
    of_greatest: float
    remark: str

    def lines(self) -> tuple[str, ...]:
        """Return the pyramid as text."""
        said = (
            f"{len(self.table.grades)} grades explain {self.table.explained:.2%} of the variance of the loans' "
            f"loss rates, {self.of_greatest:.1%} of what any pyramid on these scores could"
        )
        return (*self.table.lines(), said, *((self.remark,) if self.remark else ()))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "table": self.table.to_dict(),
            "wanted": self.wanted,
            "least_share": self.least_share,
            "least_rise": self.least_rise,
            "of_greatest": self.of_greatest,
            "remark": self.remark,
        }

    @classmethod
    def from_dict(cls, content: object, where: str = "pyramid") -> Pyramid:
        """Return what `to_dict` gave.

        Raises
        ------
        InputError
            If anything is missing, unknown or out of its range, or the loss rates do not rise.
        """
        held = record(content, where, _KEYS)
        table = GradeTable.from_dict(held["table"], f"{where}.table")
        if table.breaks:
            raise wrong(f"{where}.table", table.breaks[0])
        return cls(
            table,
            whole_number(held["wanted"], f"{where}.wanted"),
            number(held["least_share"], f"{where}.least_share"),
            number(held["least_rise"], f"{where}.least_rise"),
            number(held["of_greatest"], f"{where}.of_greatest"),
            word(held["remark"], f"{where}.remark"),
        )


def find_pyramid(
    score: Floats,
    receivable: Floats,
    defaulted: Floats,
    *,
    grades: int = len(GRADES),
    least_share: float = LEAST_SHARE,
    least_rise: float = 0.0,
    levels: int | None = None,
) -> Pyramid:
    """Divide loans into grades under the default pyramid, as well as can be, exactly.

    Parameters
    ----------
    score
        Shape (n,), more is better. Equal scores are never split.
    receivable, defaulted
        Shape (n,), in currency: above 0, and from 0 to the receivable.
    grades
        How many, from 1 to 9; where so many cannot be had, the most that can are taken, and `remark` says why.
    least_share
        Share of the loans that every grade has at least, from 0 to 1; one loan in any case.
    least_rise
        A grade's loss rate must be above the better grade's by more than this, and by more than 1e-12.
    levels
        Where there are more distinct scores, neighbouring ones are taken as one, so that about as many loans stand at
        each of so many levels; the division is then exact on these, and `remark` says so.

    Returns
    -------
    Pyramid
        Of all divisions that keep the pyramid and the least share, the one that explains the most of the variance of
        loss rates, Σ R_g (ℓ_g − ℓ)² with R_g the receivable of a grade, ℓ_g its loss rate and ℓ that of all loans. That
        is what grades are for: a currency lent in a grade is priced at the grade's loss rate, and this leaves the least
        squared error a currency. It does not depend on the grades' names or on the unit of the score.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    InputError
        If there are too many distinct scores for an exact division in reasonable time and `levels` is not set.
    """
    _check(score, receivable, defaulted, grades, least_share, least_rise)
    if levels is not None and levels < 1:
        raise ValueError(f"levels must be at least 1, and is {levels}")
    curve = loss_curve(score, receivable, defaulted, levels=levels)
    remarks = []
    distinct = len(np.unique(score))
    if curve.size < distinct:
        remarks.append(f"{distinct:,} distinct scores were taken as {curve.size:,} levels.")
    least = max(1, math.ceil(least_share * len(score) - 1e-9))
    rise = max(least_rise, _ROUNDED)
    cuts = best_cuts(curve, grades, least, rise)
    if cuts is None:
        most = _most_grades(curve, grades, least, rise)
        remarks.append(_why_not(curve, grades, most, least))
        cuts = best_cuts(curve, most, least, rise)
    if cuts is None:  # one grade is always possible
        raise AssertionError("no division into the number of grades that was found possible")
    table = grade_table(curve, cuts, score, defaulted > 0)
    hull = hull_corners(curve.receivable, curve.defaulted)
    greatest = curve.explained(hull)
    share = table.explained / greatest if greatest > 0 else 1.0
    return Pyramid(table, grades, least_share, least_rise, share, " ".join(remarks))


def _check(
    score: Floats, receivable: Floats, defaulted: Floats, grades: int, least_share: float, least_rise: float
) -> None:
    if not len(score) == len(receivable) == len(defaulted) > 0:
        raise ValueError("score, receivable and defaulted must be equally long, and not empty")
    if not all(np.isfinite(array).all() for array in (score, receivable, defaulted)):
        raise ValueError("score, receivable and defaulted must be finite")
    if (receivable <= 0).any() or (defaulted < 0).any() or (defaulted > receivable).any():
        raise ValueError("receivable must be above 0, and defaulted between 0 and it")
    if not 1 <= grades <= len(GRADES):
        raise ValueError(f"grades must lie between 1 and {len(GRADES)}, and is {grades}")
    if not 0.0 <= least_share <= 1.0:
        raise ValueError(f"least_share must lie between 0 and 1, and is {least_share}")
    if not 0.0 <= least_rise <= 1.0:
        raise ValueError(f"least_rise must lie between 0 and 1, and is {least_rise}")


def _most_grades(curve: LossCurve, grades: int, least: int, rise: float) -> int:
    """Return the most grades, at most `grades`, that a pyramid can have; two neighbours of one can always be joined."""
    lowest, _ = lowest_rates(curve, grades, least, rise)
    return int(np.flatnonzero(np.isfinite(lowest[:, -1])).max())


def _why_not(curve: LossCurve, grades: int, most: int, least: int) -> str:
    """Return why there is no pyramid of so many grades."""
    loans = int(curve.count[-1])
    begin = f"{grades} grades cannot be had, {most} can"
    if curve.size < grades:
        return f"{begin}: there are only {curve.size} distinct scores."
    if grades * least > loans:
        return f"{begin}: {grades} grades of at least {least:,} loans need {grades * least:,}, and there are {loans:,}."
    if feasible_cuts(curve, grades, least, _ANY) is None:
        return f"{begin}: equal scores are not split, and they stand in too few blocks of at least {least:,} loans."
    if curve.defaulted[-1] == 0:
        return f"{begin}: no loan lost anything, so that no grade is worse than another."
    cuts, is_all = _nearest(curve, grades, least)
    rates = np.array([curve.rate(i, j) for i, j in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)])
    worst = int(np.argmin(np.diff(rates)))
    change = rates[worst + 1] - rates[worst]
    if change == 0:
        moves = "stays the same"
    else:
        moves = f"falls by {-change:.2%}" if change < 0 else f"rises by only {change:.2%}"
    among = "" if is_all else f" (sought among {_EXPLAINED_AMONG} cuts)"
    return (
        f"{begin}: even in the division into {grades} that comes nearest{among} the loss rate {moves} from "
        f"{GRADES[worst]} ({rates[worst]:.2%}) to {GRADES[worst + 1]} ({rates[worst + 1]:.2%})."
    )


def _nearest(curve: LossCurve, grades: int, least: int) -> tuple[Places, bool]:
    """Return the division whose least rise from grade to grade is the greatest, and whether all cuts were looked at."""
    places = np.arange(curve.size + 1)
    is_all = len(places) <= _EXPLAINED_AMONG
    if not is_all:
        spread = np.linspace(0, curve.size, _EXPLAINED_AMONG).round().astype(np.int64)
        some = np.union1d(spread, hull_corners(curve.receivable, curve.defaulted))
        if feasible_cuts(curve.at(some), grades, least, _ANY) is not None:
            places = some
    part = curve.at(places)
    low, high = _ANY, 1.0
    cuts = feasible_cuts(part, grades, least, low)
    for _ in range(30):
        middle = (low + high) / 2
        found = feasible_cuts(part, grades, least, middle)
        if found is None:
            high = middle
        else:
            low, cuts = middle, found
    if cuts is None:  # the caller has made sure that there is one without regard to loss rates
        raise AssertionError("no division, though one without regard to loss rates exists")
    return places[cuts], is_all or len(places) == curve.size + 1
