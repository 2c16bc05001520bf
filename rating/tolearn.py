"""Whether enough of the graded enterprises can be learnt from, and if not, why not of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lendplan.data.findings import Finding, InputError
from lendplan.rating.forecast.outcomes import grades_to_learn
from lendplan.rating.records import Dossier

_TOLD = 5


def refuse_too_few(dossier: Dossier, unrated: Mapping[str, str], grades: Sequence[str] | None) -> None:
    """Say which graded enterprises are lost to learning, and why, where too few are left for it.

    Parameters
    ----------
    dossier
        The enterprises, with their given grades.
    unrated
        Enterprise id → why it cannot be rated; nothing is learnt from it.
    grades
        All grades from best to worst, or None.

    Raises
    ------
    InputError
        If without those enterprises the grades are too few: what :func:`grades_to_learn` says, and then the reason of
        each of the first five, and how many more there are.
    """
    people = dossier.enterprises
    graded = [row for row, grade in enumerate(people.grade) if grade]
    lost = [row for row in graded if people.enterprise[row] in unrated]
    if not lost:
        return
    try:
        grades_to_learn(
            (people.grade[row] for row in graded if people.enterprise[row] not in unrated), grades
        )
    except InputError as error:
        reasons = [
            Finding(
                f"{people.enterprise[row]} has a grade, and nothing can be learnt from it: "
                f"{unrated[people.enterprise[row]]}",
                line=int(people.line[row]),
                key="grade",
            )
            for row in lost[:_TOLD]
        ]
        if len(lost) > _TOLD:
            reasons.append(
                Finding(f"… and {len(lost) - _TOLD:,} more enterprises with a grade, for such reasons")
            )
        raise InputError([*error.findings, *reasons]) from error
