"""Why an enterprise has its grade, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lendplan.data.findings import listed
from lendplan.rating.forecast.learning import Forecast
from lendplan.rating.records import Floats

_TOLD = 0.05  # points of score: less is no reason


def reasons(
    enterprise: Sequence[str],
    grade: Sequence[str],
    source: Sequence[str],
    foretold: Forecast,
    unrated: Mapping[str, str],
) -> tuple[str, ...]:
    """Return a sentence an enterprise: whence its grade comes, and what moved its score most.

    Parameters
    ----------
    enterprise, grade, source
        Ids, the grades that count and whence they come (``given``, ``forecast``, an agency's name, or ''); n each.
    foretold
        What the model says of them.
    unrated
        Enterprise id → why the model cannot rate it.
    """
    return tuple(
        _reason(grade[row], source[row], foretold, row, unrated.get(one, ""))
        for row, one in enumerate(enterprise)
    )


def _reason(grade: str, source: str, foretold: Forecast, row: int, cannot: str) -> str:
    if not grade:
        return f"cannot be rated: {cannot or 'nothing is known of it'}"
    whence = {"given": "grade as given", "forecast": "grade as forecast"}.get(source, f"grade by {source}")
    if cannot:
        return f"{whence}; no forecast: {cannot}"
    likely = foretold.grade[row]
    chance = foretold.grade_probability[row][foretold.grades.index(likely)]
    words = [f"{whence}; the model says {likely} ({100 * chance:.0f} %)"]
    points = foretold.contributions[row]
    order = np.argsort(points, kind="stable")
    up = [place for place in order[::-1][:2] if points[place] >= _TOLD]
    down = [place for place in order[:2] if points[place] <= -_TOLD]
    if up:
        words.append("raised by " + _pointed(foretold, points, up))
    if down:
        words.append("lowered by " + _pointed(foretold, points, down))
    return "; ".join(words)


def _pointed(foretold: Forecast, points: Floats, places: Sequence[int]) -> str:
    return listed([f"{foretold.names[place]} ({points[place]:+.1f})" for place in places])
