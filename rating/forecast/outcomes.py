"""Outcomes that can be learnt: grades in their order, defaults, and whether there are enough of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError, listed, shown
from lendplan.rating.records import Floats, Indicators

LEAST_OF_A_CLASS = 2
"""Enterprises that a grade, or an outcome, needs before anything can be learnt of it."""

CONTRADICTED = -2.326
"""Standard score of the rank correlation of grade and default from which on an assumed order is refused: 1 %."""

KEPT, DEFAULT = "no default", "default"
"""The two classes of the forest for default, the better one first."""


def most_probable(probability: Floats, grades: Sequence[str]) -> tuple[str, ...]:
    """Return the most probable grade of each row of (n, G), the worse of equals; '' where it is NaN."""
    # the first of the reversed row is the last of equals
    place = probability.shape[1] - 1 - np.argmax(probability[:, ::-1], axis=1)
    blank = np.isnan(probability).any(axis=1)
    label = np.array(["", *grades], np.object_)
    return tuple(label[np.where(blank, 0, place + 1)].tolist())


def in_order(grades: Iterable[str]) -> tuple[str, ...]:
    """Return grades from best to worst: by letter, more of it first, + before none before −; or by number.

    Raises
    ------
    InputError
        If they are of neither form, so that their order must be given.
    """
    names = sorted(set(grades))
    if all(re.fullmatch(r"\d{1,9}", name) for name in names):
        return tuple(sorted(names, key=int))
    parts = {name: re.fullmatch(r"([A-Za-z])\1*([+-]?)", name) for name in names}
    odd = [name for name, part in parts.items() if part is None]
    if odd:
        raise InputError(
            Finding(
                f"the order of the grades {listed(odd)} is not known; state all grades from best to worst with "
                "--grades, such as --grades best,middle,worst"
            )
        )

    def rank(name: str) -> tuple[str, int, int]:
        letters = name.rstrip("+-")
        return letters[0].upper(), -len(letters), {"+": 0, "": 1, "-": 2}[name[len(letters) :]]

    return tuple(sorted(names, key=rank))


def grades_to_learn(rated: Iterable[str], grades: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the grades that occur, from best to worst, or say what is missing.

    Parameters
    ----------
    rated
        The grades of the rated enterprises.
    grades
        All grades from best to worst, if their order is to be taken from there.

    Raises
    ------
    InputError
        If they are fewer than two, or one has too few enterprises, or their order is not known.
    """
    counts = Counter(rated)
    if len(counts) < 2:
        have = f"the one grade {shown(next(iter(counts)))} alone" if counts else "no grade"
        raise InputError(
            Finding(
                f"there is {have} to learn from; at least two grades with {LEAST_OF_A_CLASS} enterprises each, "
                "and an indicator of each enterprise, are needed"
            )
        )
    few = sorted(name for name, count in counts.items() if count < LEAST_OF_A_CLASS)
    if few:
        raise InputError(
            Finding(
                f"grade {shown(name)} has {counts[name]} rated enterprise, and {LEAST_OF_A_CLASS} are needed "
                "to learn it; join it with a neighbouring grade, or leave it blank"
            )
            for name in few
        )
    if grades is None:
        return in_order(counts)
    unknown = [name for name in counts if name not in grades]
    if unknown:
        message = (
            f"{listed(unknown)}: not among the grades {', '.join(grades)}; name all, best first, in --grades"
        )
        raise InputError(Finding(message, key="grade"))
    return tuple(name for name in grades if name in counts)


def refuse_contradicted(grades: Sequence[str], grade: Sequence[str], is_default: Floats) -> None:
    """Refuse an assumed order of grades that the defaults speak against: a scale may count the other way.

    Parameters
    ----------
    grades
        From best to worst, as assumed.
    grade
        Of each enterprise, one of `grades` or ''; n of them.
    is_default
        Shape (n,): 1, 0, or NaN where not known.

    Raises
    ------
    InputError
        If worse grades default less often: the rank correlation r of grade and default is negative, and r·√(n − 1)
        below :data:`CONTRADICTED`.
    """
    place = {name: position for position, name in enumerate(grades)}
    code = np.array([place.get(name, -1) for name in grade], np.intp)
    known = (code >= 0) & ~np.isnan(is_default)
    code, outcome = code[known], is_default[known]
    counts = np.bincount(code, minlength=len(grades))
    rank = (np.cumsum(counts) - (counts - 1) / 2)[code]  # the mean rank of equals
    if not len(outcome) or rank.min() == rank.max() or outcome.min() == outcome.max():
        return
    correlation = float(np.corrcoef(rank, outcome)[0, 1])
    if correlation * np.sqrt(len(outcome) - 1) >= CONTRADICTED:
        return
    have = np.flatnonzero(counts)
    best, worst = int(have[0]), int(have[-1])
    rates = [
        f"{int(outcome[code == one].sum()):,} of {counts[one]:,} graded {grades[one]}"
        for one in (best, worst)
    ]
    raise InputError(
        Finding(
            f"the grades were taken to run {', '.join(grades)} from best to worst (letters as usual, of numbers 1 is "
            f"best), and the worse ones have defaulted less: {' but '.join(rates)}; state the order from best to "
            f'worst, perhaps --grades "{",".join(reversed(grades))}", or this one, if it is right',
            key="grade",
        )
    )


def too_few_defaults(is_default: Floats) -> str:
    """Return why no forest for default can be grown, or ''."""
    defaults = int((is_default == 1).sum())
    others = len(is_default) - defaults
    if min(defaults, others) >= LEAST_OF_A_CLASS:
        return ""
    if not len(is_default):
        return "of no enterprise is it known whether it has defaulted"
    return (
        f"{defaults:,} of {len(is_default):,} enterprises with a known outcome have defaulted, and "
        f"{LEAST_OF_A_CLASS} that have and {LEAST_OF_A_CLASS} that have not are needed to learn default"
    )


def given(grade: Sequence[str]) -> NDArray[np.bool_]:
    """Return which grades are given, (n,): all but ''."""
    return np.array([label != "" for label in grade], np.bool_)


def picked(labels: Sequence[str], rows: NDArray[np.intp]) -> list[str]:
    """Return the labels at some positions, in that order."""
    places: list[int] = rows.tolist()
    return [labels[place] for place in places]


def rows_of(indicators: Indicators, rows: NDArray[np.intp]) -> Indicators:
    """Return the enterprises at some positions, in that order."""
    return Indicators(
        tuple(indicators.enterprise[row] for row in rows.tolist()), indicators.names, indicators.values[rows]
    )
