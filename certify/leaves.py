"""The leaves of a search: parts of all choices, each with prices that bound what a plan in it is worth.

A leaf is a list of branches, root first. Branches come in pairs that leave nothing out:

    ["ID", "at_most", r]       the enterprise declines, or is lent to at a rate ≤ r; null for r: it declines
    ["ID", "above", r]         it is lent to at a rate > r; null: at any rate
    ["ID", "line_at_most", a]  its line is ≤ a; declining is a line of 0
    ["ID", "line_at_least", b] its line is ≥ b

where no admissible line lies strictly between a and b. Where lines have a step, a and b are read as whole steps, within
the tolerance that the table's own ends are.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lendplan.certify.applicants import STEP_TOLERANCE
from lendplan.certify.choices import Choices, Cut
from lendplan.certify.question import finite
from lendplan.data.findings import Finding, InputError

HOW = ("at_most", "above", "line_at_most", "line_at_least")


class Branch(NamedTuple):
    """One decision of a search.

    Parameters
    ----------
    enterprise
        Its id.
    how
        One of `HOW`.
    at
        A rate, or None; or a line.
    """

    enterprise: str
    how: str
    at: float | None

    def __str__(self) -> str:
        at = "none" if self.at is None else repr(self.at)
        return f"{self.enterprise!r} {self.how} {at}"


@dataclass(frozen=True)
class Leaf:
    """A part of all choices.

    Parameters
    ----------
    choices
        Branches, root first; none for all choices.
    prices
        Row name → price, as it was read.
    """

    choices: tuple[Branch, ...]
    prices: Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """What a certificate has beside its prices.

    Parameters
    ----------
    leaves
        None where the prices alone make the bound.
    fixing_prices
        Sets of prices by which choices are dropped everywhere.
    """

    leaves: tuple[Leaf, ...] | None
    fixing_prices: tuple[Mapping[str, Any], ...]


def search_of(certificate: Mapping[str, Any], file: str = "certificate.json") -> Search:
    """Read ``leaves`` and ``fixing_prices``.

    Parameters
    ----------
    certificate
        As the file has it. Either key may be missing or null.
    file
        What findings name.

    Returns
    -------
    Search
        Whether names are known, prices have the right sign and leaves leave nothing out is not looked at here.

    Raises
    ------
    InputError
        With every place that has not the form of leaves, branches or prices.
    """
    findings: list[Finding] = []

    def refuse(key: str, message: str) -> None:
        findings.append(Finding(message, file=file, key=key))

    def prices(content: object, key: str) -> Mapping[str, Any]:
        if isinstance(content, dict):
            return content
        refuse(key, f"must be prices by name, and is {_short(content)}")
        return {}

    def branch(content: object, key: str) -> Branch | None:
        if not isinstance(content, list | tuple) or len(content) != 3:
            refuse(key, f'must be ["enterprise", "how", number], and is {_short(content)}')
            return None
        enterprise, how, at = content
        number = finite(at)
        if not isinstance(enterprise, str) or how not in HOW:
            refuse(
                key, f"must begin with an enterprise and one of {', '.join(HOW)}, and is {_short(content)}"
            )
        elif how.startswith("line_") and (number is None or number < 0):
            refuse(key, f"must end with a line, an amount of 0 or more, and is {_short(content)}")
        elif not how.startswith("line_") and at is not None and (number is None or not 0 <= number <= 1):
            refuse(key, f"must end with a rate, a fraction, or null, and is {_short(content)}")
        return Branch(str(enterprise), str(how), number)

    def leaf(content: object, key: str) -> Leaf:
        if not isinstance(content, dict) or set(content) != {"choices", "prices"}:
            refuse(key, f"must have the keys choices and prices and no other, and is {_short(content)}")
            return Leaf((), {})
        listed = content["choices"]
        if not isinstance(listed, list | tuple):
            refuse(f"{key}.choices", f"must be a list of branches, and is {_short(listed)}")
            listed = []
        made = [branch(one, f"{key}.choices.{place}") for place, one in enumerate(listed)]
        return Leaf(tuple(one for one in made if one is not None), prices(content["prices"], f"{key}.prices"))

    def each(name: str) -> list[tuple[str, object]] | None:
        content = certificate.get(name)
        if content is not None and not isinstance(content, list | tuple):
            refuse(name, f"must be a list, and is {_short(content)}")
            return None
        return None if content is None else [(f"{name}.{place}", one) for place, one in enumerate(content)]

    listed, fixing = each("leaves"), each("fixing_prices") or []
    search = Search(
        None if listed is None else tuple(leaf(one, key) for key, one in listed),
        tuple(prices(one, key) for key, one in fixing),
    )
    if listed is None and fixing and not findings:
        refuse("fixing_prices", "serve leaves, and there are none")
    if findings:
        raise InputError(findings)
    return search


def _short(content: object) -> str:
    text = repr(content)
    return text if len(text) <= 60 else text[:59] + "…"


# ------------------------------------------------------------------------------------------------------- cover
def uncovered(leaves: Sequence[Leaf], places: Mapping[str, int], choices: Choices) -> str:
    """Return where leaves leave choices out, in words; '' where they hold them all.

    Parameters
    ----------
    leaves
        Taken as a binary tree by their common beginnings: a node is held where a leaf ends at it, or where its leaves
        go on by two branches that complement each other and both sides are held.
    places
        Enterprise → place among the eligible; every enterprise of a branch is there.
    choices
        The admissible lines.
    """
    nodes: list[tuple[list[Leaf], int]] = [(list(leaves), 0)]
    while nodes:
        here, depth = nodes.pop()
        if any(len(leaf.choices) == depth for leaf in here):
            continue
        sides: dict[Branch, list[Leaf]] = {}
        for leaf in here:
            sides.setdefault(leaf.choices[depth], []).append(leaf)
        pair = list(sides)
        if len(pair) != 2 or not _complement(pair[0], pair[1], places, choices):
            below = " and ".join(str(one) for one in here[0].choices[:depth]) if here else ""
            found = "; ".join(str(one) for one in pair[:3]) or "no leaf at all"
            more = f"; and {len(pair) - 3} more" if len(pair) > 3 else ""
            return f"{'below ' + below if below else 'at the root'} there is {found}{more}: not two sides of one branch"
        nodes += [(side, depth + 1) for side in sides.values()]
    return ""


def _complement(one: Branch, other: Branch, places: Mapping[str, int], choices: Choices) -> bool:
    """Return whether two branches leave no choice out between them."""
    if one.enterprise != other.enterprise:
        return False
    by_how = {one.how: one, other.how: other}
    if set(by_how) == {"at_most", "above"}:
        return one.at == other.at
    if set(by_how) != {"line_at_most", "line_at_least"}:
        return False
    i = places[one.enterprise]
    most, least = by_how["line_at_most"].at or 0.0, by_how["line_at_least"].at or 0.0
    low, high = float(choices.low_count[i]), float(choices.high_count[i])
    if choices.has_step[i]:
        first, last = _steps_down(choices, i, most) + 1, _steps_up(choices, i, least) - 1
        return max(first, low) > min(last, high)
    return most >= least or least <= low or most >= high


def _steps_down(choices: Choices, i: int, line: float) -> float:
    return math.floor(line / float(choices.line_unit[i]) + STEP_TOLERANCE)


def _steps_up(choices: Choices, i: int, line: float) -> float:
    return math.ceil(line / float(choices.line_unit[i]) - STEP_TOLERANCE)


# ------------------------------------------------------------------------------------------------------ regions
def cuts_of(leaf: Leaf, places: Mapping[str, int], choices: Choices) -> dict[int, Cut]:
    """Return what a leaf leaves of the choices of the enterprises that its branches name.

    Parameters
    ----------
    leaf, places, choices
        As in `uncovered`.
    """
    cuts: dict[int, Cut] = {}
    for branch in leaf.choices:
        i = places[branch.enterprise]
        cut = cuts.get(i) or Cut(
            np.ones(len(choices.applicants.rates), dtype=bool),
            True,
            float(choices.low_count[i]),
            float(choices.high_count[i]),
        )
        cuts[i] = _narrowed(cut, branch, i, choices)
    return cuts


def _narrowed(cut: Cut, branch: Branch, i: int, choices: Choices) -> Cut:
    rates, may_decline, low, high = cut.rates, cut.may_decline, cut.low, cut.high
    grid, at = choices.applicants.rates, branch.at
    if branch.how == "at_most":
        rates = rates & (grid <= at) if at is not None else np.zeros_like(rates)
    elif branch.how == "above":
        rates, may_decline = (rates & (grid > at) if at is not None else rates), False
    elif branch.how == "line_at_most":
        high = min(high, _steps_down(choices, i, at or 0.0) if choices.has_step[i] else at or 0.0)
    else:
        low = max(low, _steps_up(choices, i, at or 0.0) if choices.has_step[i] else at or 0.0)
        may_decline = may_decline and at == 0
    if low > high:  # no line is left to lend
        rates = np.zeros_like(rates)
    return Cut(rates, may_decline, low, high)


def strangers(leaves: Sequence[Leaf], places: Mapping[str, int]) -> Iterator[str]:
    """Return what is wrong with the enterprises that leaves name, each once."""
    told = set()
    for number, leaf in enumerate(leaves):
        for branch in leaf.choices:
            if branch.enterprise not in places and branch.enterprise not in told:
                told.add(branch.enterprise)
                yield f"leaf {number} names {branch.enterprise!r}, which is no eligible enterprise"
