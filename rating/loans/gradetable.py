"""A division of loans into grades by their score: where each grade begins, and what its loans were due and lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data import csvwriting
from lendplan.data.texts import Texts
from lendplan.rating.loans.losscurve import LossCurve, Places
from lendplan.rating.plain import number, numbers, record, whole_numbers, word, wrong
from lendplan.rating.records import Floats, Mask

GRADES = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C")
"""The nine grades, from best to worst; a division into fewer has the first of them."""

_KEYS = ("grades", "lowest_score", "loans", "defaults", "receivable", "defaulted", "explained")


@dataclass(frozen=True)
class GradeTable:
    """Loans divided into g grades, from best to worst.

    Parameters
    ----------
    grades
        Names.
    lowest
        Shape (g,), falling: the lowest score of each grade. A score belongs to the best grade whose lowest score it
        reaches, and to the worst grade where it reaches none.
    count, defaults
        Shape (g,): loans, and those of them that lost anything.
    receivable, defaulted
        Shape (g,), in currency.
    explained
        Share of the variance of the loans' loss rates, weighted by receivable, that the grades explain.
    """

    grades: tuple[str, ...]
    lowest: Floats
    count: Places
    defaults: Places
    receivable: Floats
    defaulted: Floats
    explained: float

    @property
    def loss_rate(self) -> Floats:
        """Return defaulted / receivable of each grade, (g,)."""
        return self.defaulted / self.receivable

    @property
    def breaks(self) -> tuple[str, ...]:
        """Return where the loss rate does not rise from a grade to the next, in words; none for a pyramid."""
        rate = self.loss_rate.tolist()
        return tuple(
            f"the loss rate of {worse}, {after:.2%}, is not above that of {better}, {before:.2%}"
            for better, worse, before, after in zip(
                self.grades, self.grades[1:], rate, rate[1:], strict=False
            )
            if not after > before
        )

    def position_of(self, score: Floats) -> NDArray[np.int64]:
        """Return the position of the grade of each score, (n,); −1 for NaN."""
        place = np.searchsorted(-self.lowest, -score)
        return np.where(np.isnan(score), -1, np.minimum(place, len(self.grades) - 1))

    def grade_of(self, score: Floats) -> tuple[str, ...]:
        """Return the grade of each score, n of them; '' for NaN."""
        names = (*self.grades, "")
        return tuple(names[place] for place in self.position_of(score).tolist())

    def to_csv(self, further: Mapping[str, Floats] | None = None) -> bytes:
        """Return the table, and further columns of (g,) numbers."""
        columns: dict[str, Texts | Floats] = {
            "grade": Texts.of(self.grades),
            "lowest_score": self.lowest,
            "loans": self.count.astype(np.float64),
            "defaults": self.defaults.astype(np.float64),
            "receivable": self.receivable,
            "defaulted": self.defaulted,
            "loss_rate": self.loss_rate,
            **(further or {}),
        }
        return csvwriting.header(list(columns)) + csvwriting.rows(list(columns.values()))

    def lines(self) -> tuple[str, ...]:
        """Return the table as text, a line a grade."""
        share = 100.0 * self.count / self.count.sum()
        return (
            f"{'grade':<5}  {'score from':>10}  {'loans':>8}  {'share':>6}  {'defaults':>8}  {'loss rate':>9}",
            *(
                f"{grade:<5}  {lowest:>10.4f}  {count:>8,}  {part:>5.1f}%  {defaults:>8,}  {rate:>9.3%}"
                for grade, lowest, count, part, defaults, rate in zip(
                    self.grades,
                    self.lowest.tolist(),
                    self.count.tolist(),
                    share.tolist(),
                    self.defaults.tolist(),
                    self.loss_rate.tolist(),
                    strict=True,
                )
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "grades": list(self.grades),
            "lowest_score": self.lowest.tolist(),
            "loans": self.count.tolist(),
            "defaults": self.defaults.tolist(),
            "receivable": self.receivable.tolist(),
            "defaulted": self.defaulted.tolist(),
            "explained": self.explained,
        }

    @classmethod
    def from_dict(cls, content: object, where: str) -> GradeTable:
        """Return what `to_dict` gave.

        Raises
        ------
        InputError
            If anything is missing, unknown or out of its range.
        """
        held = record(content, where, _KEYS)
        grades = held["grades"]
        if not isinstance(grades, list) or not grades:
            raise wrong(f"{where}.grades", "must be a list of names")
        names = tuple(word(name, f"{where}.grades") for name in grades)
        if len(set(names)) < len(names) or "" in names:
            raise wrong(f"{where}.grades", "holds blank or repeated names")
        size = len(names)
        lowest = numbers(held["lowest_score"], f"{where}.lowest_score", shape=(size,))
        if (np.diff(lowest) >= 0).any():
            raise wrong(f"{where}.lowest_score", "must fall from grade to grade")
        count, defaults = (
            whole_numbers(held[key], f"{where}.{key}", size=size).astype(np.int64)
            for key in ("loans", "defaults")
        )
        receivable, defaulted = (
            numbers(held[key], f"{where}.{key}", shape=(size,)) for key in ("receivable", "defaulted")
        )
        if (receivable <= 0).any() or (defaulted < 0).any() or (defaulted > receivable).any():
            raise wrong(f"{where}.defaulted", "must lie between 0 and a receivable above 0")
        if (count < 1).any() or (defaults < 0).any() or (defaults > count).any():
            raise wrong(f"{where}.defaults", "must lie between 0 and the number of loans")
        explained = number(held["explained"], f"{where}.explained")
        return cls(names, lowest, count, defaults, receivable, defaulted, explained)


def grade_table(
    curve: LossCurve, cuts: Places, score: Floats, is_default: Mask, names: Sequence[str] = GRADES
) -> GradeTable:
    """Return the table of a division.

    Parameters
    ----------
    curve
        Of the loans.
    cuts
        Shape (g + 1,), from 0 to the number of distinct scores.
    score, is_default
        Shape (n,), of the loans.
    names
        At least g, from best to worst.
    """
    groups = len(cuts) - 1
    part = curve.at(cuts)
    table = GradeTable(
        tuple(names[:groups]),
        part.score,
        np.diff(part.count),
        np.zeros(groups, dtype=np.int64),
        np.diff(part.receivable) / part.unit,
        np.diff(part.defaulted) / part.unit,
        curve.explained(cuts),
    )
    defaults = np.bincount(table.position_of(score)[is_default], minlength=groups)
    return GradeTable(
        table.grades,
        table.lowest,
        table.count,
        defaults.astype(np.int64),
        table.receivable,
        table.defaulted,
        table.explained,
    )
