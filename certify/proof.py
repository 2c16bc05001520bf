r"""The claim of a search: no plan that obeys all rows is worth more than a number. Proven leaf by leaf.

A plan worth more than the claim holds no choice that a fixing leaves out (`lendplan.certify.dropping`). It lies in some
leaf, for the leaves hold all choices, and so it is worth at most D(the leaf's prices) over what is left in the leaf.
Where that is ≤ the claim in every leaf, there is no such plan.

The tree is walked depth first in doubles. What they leave of the choices, and their D with its error, are no less than
those without roundings, so a leaf that they prove is proven. The others are worked out without a rounding, with every
fixing on their way, the one with the largest estimate first: once none that is left can exceed the greatest found, the
rest need no work.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from lendplan.certify.bound import choices_of, price_faults
from lendplan.certify.choices import Choices
from lendplan.certify.dropping import after_fixing, after_fixing_exactly
from lendplan.certify.dual import exact_dual
from lendplan.certify.estimate import Sheets
from lendplan.certify.exact import Floats, rounded_up
from lendplan.certify.leaves import Search, search_of
from lendplan.certify.left import Left, Part, Whole, branched
from lendplan.certify.tree import Node, nodes, told, tree_of, uncovered
from lendplan.data.book import Book
from lendplan.data.churn import ChurnTable

SHOWN = 3
KEPT = 256
"""Nodes whose exact choices are remembered."""


@dataclass(frozen=True)
class Proof:
    """Whether a claim is proven; true where nothing fails.

    Parameters
    ----------
    claimed
        What no plan is worth more than, in the objective's unit.
    names
        Prices of no row, of the wrong sign or not finite; enterprises that are not eligible; fixings at no node.
    cover
        Where the leaves leave choices out.
    bounds
        Leaves in which the prices allow more than the claim.
    leaves
        Their number.
    choices, dropped
        Number of choices (an enterprise declining, or at one rate), and of those that the fixings at the root drop.
    inner
        Number of fixings below the root.
    reached
        The greatest D of a leaf, no less than it is: a claim of at least this is proven by these leaves. None where it
        was not looked at, or no leaf holds a choice of every enterprise.
    is_exact
        Whether every comparison was decided as exact arithmetic decides it.
    """

    claimed: float
    names: tuple[str, ...]
    cover: tuple[str, ...]
    bounds: tuple[str, ...]
    leaves: int
    choices: int
    dropped: int
    inner: int
    reached: float | None
    is_exact: bool

    @property
    def faults(self) -> tuple[str, ...]:
        """All that fails."""
        return self.names + self.cover + self.bounds

    def __bool__(self) -> bool:
        return not self.faults


def is_proven(
    scenario: Mapping[str, Any],
    book: Book,
    churn: ChurnTable,
    claimed: float,
    leaves: Sequence[Any],
    fixings: Sequence[Any],
    ranges: Mapping[str, float] | None,
) -> Proof:
    """Return whether leaves prove that no plan is worth more than `claimed`.

    Parameters
    ----------
    scenario
        As the manifest holds it: every default filled in.
    book, churn
        The input tables.
    claimed
        In the objective's unit. Fixings drop the more the higher it is, so a claim that fails may be raised to
        `Proof.reached` and is proven then.
    leaves, fixings
        As certificate.json has them.
    ranges
        Of a weighted objective, else None.

    Returns
    -------
    Proof
        True where the claim is proven; else it says what fails.

    Raises
    ------
    InputError
        If leaves, fixings, branches or prices have not their form, or the scenario and the tables make no problem.
    ValueError
        If ranges are missing, or the claim is not finite.
    """
    search = search_of({"leaves": leaves, "fixings": fixings})
    return prove(choices_of(scenario, book, churn, ranges), claimed, search)


def prove(choices: Choices, claimed: float, search: Search) -> Proof:
    """Return whether the leaves of a search, which must have some, prove a claim.

    Parameters
    ----------
    choices
        The enterprises, and what they are worth.
    claimed
        In the objective's unit; finite.
    search
        Leaves and fixings.

    Raises
    ------
    ValueError
        If the claim is not finite.
    """
    if not math.isfinite(claimed):
        raise ValueError(f"{claimed!r} is no bound that could be proven")
    leaves = search.leaves or ()
    named = {branch.enterprise for leaf in leaves for branch in leaf.choices}
    enterprise = choices.applicants.enterprise
    known = np.flatnonzero(enterprise.isin(named) & choices.applicants.is_eligible)
    places = {
        enterprise[i]: place
        for i, place in zip(known, np.searchsorted(choices.at, known).tolist(), strict=True)
    }
    root, strays = tree_of(search)
    kinds = {"fixing": search.fixings, "leaf": leaves}
    faults, unknown = [], set()
    for kind, parts in kinds.items():
        for number, one in enumerate(parts):
            faults += [f"{kind} {number}: {fault}" for fault in price_faults(choices.families, one.prices)]
    for number, leaf in enumerate(leaves):
        for branch in leaf.choices:
            if branch.enterprise not in places and branch.enterprise not in unknown:
                unknown.add(branch.enterprise)
                faults.append(f"leaf {number} names {branch.enterprise!r}, which is no eligible enterprise")
    for number in strays:
        faults.append(f"fixing {number} is at no node of the leaves: {told(search.fixings[number].choices)}")
    inner = len(search.fixings) - len(root.fixings)
    total, count = len(leaves), choices.count
    if faults:
        return Proof(claimed, _some(faults), (), (), total, count, 0, inner, None, choices.is_exact)
    gap = uncovered(root, places, choices)
    walk = _Walk(choices, search, root, places, claimed)
    bounds, reached = walk.above()
    cover = (gap,) if gap else ()
    return Proof(claimed, (), cover, bounds, total, count, walk.dropped, inner, reached, choices.is_exact)


def _some(faults: Sequence[str]) -> tuple[str, ...]:
    more = len(faults) - SHOWN
    return (*islice(faults, SHOWN), *((f"and {more:,} more",) if more > 0 else ()))


class _Walk:
    """The tree, walked with what is left at each node."""

    def __init__(
        self, choices: Choices, search: Search, root: Node, places: Mapping[str, int], claimed: float
    ) -> None:
        self.choices, self.search, self.places, self.claimed = choices, search, places, claimed
        self.root = root
        self._exactly: dict[int, Left] = {}
        self._at_root: Left = self._left_at_root()
        self.dropped = 0
        if not isinstance(self._at_root, Whole):
            self.dropped = choices.count - sum(part.count for part in self._at_root)

    def _left_at_root(self) -> Left:
        """Return what the fixings at the root leave, without a rounding where figures are exact."""
        left: Left = Whole(self.choices)
        for number in self.root.fixings:
            prices = self.search.fixings[number].prices
            if self.choices.is_exact:
                left = after_fixing_exactly(self.choices, prices, left, self.claimed)
            else:
                left = after_fixing(self.choices, Sheets(self.choices, [prices]), 0, left, self.claimed)
        return left

    def above(self) -> tuple[tuple[str, ...], float | None]:
        """Return the leaves whose D is above the claim, in words, and the greatest D, no less than it is."""
        values, errors, at = self._estimated()
        with np.errstate(invalid="ignore"):
            highest = np.where(np.isneginf(values), -np.inf, np.nextafter(values + errors, np.inf))
        highest[np.isnan(highest)] = np.inf
        is_known = highest <= self.claimed
        if self.choices.is_exact:
            greatest = self.claimed
            for number in np.argsort(-highest, kind="stable").tolist():
                if is_known[number] or highest[number] <= greatest:
                    break
                found = exact_dual(self.choices, self._prices(number), self._exact(at[number]))
                highest[number] = -np.inf if found is None else rounded_up(found)
                values[number], errors[number], is_known[number] = highest[number], 0.0, True
                greatest = max(greatest, float(highest[number]))
        is_above = highest > self.claimed
        told = self._told(np.flatnonzero(is_above), values, errors, is_known)
        reached = float(np.max(highest, initial=-np.inf))
        return told, reached if reached > -np.inf else None

    def _prices(self, number: int) -> Mapping[str, Any]:
        return (self.search.leaves or ())[number].prices

    def _estimated(self) -> tuple[Floats, Floats, dict[int, Node]]:
        """Return D of each leaf in doubles, how far it may be off, and the nodes of the leaves."""
        count = len(self.search.leaves or ())
        values, errors, at = np.empty(count), np.empty(count), {}
        sets: list[Mapping[str, Any]] = []
        for node in nodes(self.root):
            sets += [self.search.fixings[number].prices for number in node.fixings if node.parent]
            sets += [self._prices(number) for number in node.leaves]
        sheets, page = Sheets(self.choices, sets), 0
        todo: list[tuple[Node, Left]] = [(self.root, self._at_root)]
        while todo:  # in the order of `nodes`
            node, left = todo.pop()
            if node.branch:
                left = self._branched(node, left)
            for _ in node.fixings if node.parent else ():
                left = after_fixing(self.choices, sheets, page, left, self.claimed)
                page += 1
            for number in node.leaves:
                values[number], errors[number] = sheets.dual(page, left)
                at[number] = node
                page += 1
            todo.extend((below, left) for below in reversed(node.below.values()))
        return values, errors, at

    def _branched(self, node: Node, left: Left) -> tuple[Part, ...]:
        assert node.branch is not None
        return branched(self.choices, left, node.branch, self.places[node.branch.enterprise])

    def _exact(self, node: Node) -> Left:
        """Return what is left at a node without a rounding."""
        left = self._at_root
        if len(self._exactly) > KEPT:
            self._exactly.clear()
        for one in node.path()[1:]:
            known = self._exactly.get(id(one))
            if known is None:
                known = self._branched(one, left)
                for number in one.fixings:
                    prices = self.search.fixings[number].prices
                    known = after_fixing_exactly(self.choices, prices, known, self.claimed)
                self._exactly[id(one)] = known
            left = known
        return left

    def _told(self, above: Any, values: Floats, errors: Floats, is_known: Any) -> tuple[str, ...]:
        """Say which leaves are above the claim."""
        if not self.choices.is_exact:
            is_known = np.ones(len(values), dtype=bool)
        shown = [self._one(number, values, errors) for number in above[is_known[above]][:SHOWN].tolist()]
        more = len(above) - len(shown)
        if more:
            unsure = "up to " if not is_known[above].all() else ""
            shown.append(f"and {unsure}{more:,} more {'leaf' if more == 1 else 'leaves'}")
        return tuple(shown)

    def _one(self, number: int, values: Floats, errors: Floats) -> str:
        leaf = (self.search.leaves or ())[number]
        below = told(leaf.choices) or "all choices"
        value = float(values[number])
        margin = f" ± {errors[number]:.2g}" if errors[number] > 0 else ""
        return f"leaf {number}, {below}: D is {value!r}{margin}, {value - self.claimed:.3g} above the claim"
