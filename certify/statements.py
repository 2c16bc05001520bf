"""What summary.json says beside totals, bounds and prices: that it is all there, and nothing in it is nonsense."""

from collections.abc import Mapping, Sequence
from typing import Any

from lendplan.certify.question import Question, finite
from lendplan.certify.report import Checklist
from lendplan.certify.rows import RowFamily, tolerance_of

KEYS = (
    "status",
    "objective",
    "bound",
    "gap",
    "certified_bound",
    "certified_gap",
    "revenue",
    "risk",
    "profit",
    "interest",
    "line",
    "exposure",
    "budget_used",
    "funded",
    "eligible",
    "average_rate",
    "unspent_because",
    "solver",
    "seconds",
    "shadow_prices",
    "ranges",
    "binding",
)
"""Of summary.json, in every version."""
LEFT = 1e-6
"""Part of the budget: where half of this is left, or less, there is no sentence; where twice as much, there is one."""
SHOWN = 3


def check_statements(
    summary: Mapping[str, Any], question: Question, families: Sequence[RowFamily], checks: Checklist
) -> None:
    """Check what can be checked of the keys that are neither totals nor bounds.

    Parameters
    ----------
    summary
        As read.
    question
        The scenario.
    families
        Its rows.
    checks
        Where to note.

    Notes
    -----
    That a row which is named in ``binding`` binds is not looked at, nor the sentence of ``unspent_because``, nor how
    far a right side may really move before its price does.
    """
    missing = [name for name in KEYS if name not in summary]
    detail = f"there is no {', '.join(missing)}" if missing else f"{len(KEYS)} keys"
    checks.add("summary keys", not missing, detail)
    if "solver" in summary:
        solver = summary["solver"]
        checks.add("summary solver", isinstance(solver, str), f"is {solver!r}; its name is text")
    if "seconds" in summary:
        _check_seconds(summary["seconds"], checks)
    names = {name for family in families for name in family.names}
    if "binding" in summary:
        _check_binding(summary["binding"], names, checks)
    if "unspent_because" in summary:
        _check_unspent(summary["unspent_because"], finite(summary.get("budget_used")), question, checks)
    if "shadow_price_ranges" in summary:  # not in version 0.1.0
        _check_ranges(summary["shadow_price_ranges"], families, checks)


def _check_seconds(seconds: object, checks: Checklist) -> None:
    faults = [] if isinstance(seconds, dict) else [f"are {seconds!r}; they are seconds by stage"]
    if isinstance(seconds, dict):
        for stage, spent in seconds.items():
            number = finite(spent)
            if number is None or number < 0:
                faults.append(f"{stage} took {spent!r}, which is no time")
    checks.add("summary seconds", not faults, _told(faults) or "each is a time")


def _check_binding(binding: object, names: set[str], checks: Checklist) -> None:
    if not isinstance(binding, list) or not all(isinstance(one, str) for one in binding):
        checks.add("summary binding", False, f"is {binding!r}; it is a list of names")
        return
    faults = [f"{one!r} is no row of the scenario" for one in binding if one not in names]
    if len(set(binding)) < len(binding):
        faults.append("a name stands twice")
    checks.add("summary binding", not faults, _told(faults) or f"{len(binding):,} rows of the scenario")


def _check_unspent(sentence: object, used: float | None, question: Question, checks: Checklist) -> None:
    left = None if used is None else question.budget - used
    is_right = sentence is None or (isinstance(sentence, str) and sentence.strip() != "")
    if left is not None and is_right:
        is_right = left >= 0.5 * LEFT * question.budget if sentence else left <= 2 * LEFT * question.budget
    told = "" if left is None else f", and {left!r} of the budget is left"
    checks.add("summary unspent_because", is_right, f"is {sentence!r}{told}")


def _check_ranges(ranges: object, families: Sequence[RowFamily], checks: Checklist) -> None:
    """Check that each range is a pair of ends, null where nothing ends it, with the right side between them."""
    name = "shadow price ranges"
    if not isinstance(ranges, dict):
        checks.add(name, False, f"are {ranges!r}; they are ranges by name")
        return
    of = {row: family for family in families for row in family.names}
    faults = []
    for row, ends in ranges.items():
        if row not in of:
            faults.append(f"{row!r} is no row of the scenario")
            continue
        is_pair = isinstance(ends, list) and len(ends) == 2
        if not is_pair or any(end is not None and finite(end) is None for end in ends):
            faults.append(f"that of {row!r} is {ends!r}, and no pair of numbers or null")
            continue
        low, high = (finite(end) for end in ends)
        if not any(_holds(low, right, high) for right in _right_sides(of[row])):
            faults.append(
                f"that of {row!r} is {ends!r}, and its right side, {_right_sides(of[row])[0]!r}, is not in it"
            )
    checks.add(name, not faults, _told(faults) or f"{len(ranges):,}, each with its right side in it")


def _right_sides(family: RowFamily) -> list[float]:
    """Return the right side: an amount, of a count also the whole number that it means; else 0."""
    if family.kind != "amount":
        return [0.0]
    return [family.value, *([] if family.whole_value is None else [family.whole_value])]


def _holds(low: float | None, right: float, high: float | None) -> bool:
    room = float(tolerance_of(right))
    return (low is None or low <= right + room) and (high is None or right - room <= high)


def _told(faults: Sequence[str]) -> str:
    more = len(faults) - SHOWN
    return "; ".join([*faults[:SHOWN], *([f"and {more:,} more"] if more > 0 else [])])
