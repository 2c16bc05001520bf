"""The tree of a search: leaves and fixings at the nodes they lead to, and whether it leaves nothing out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lendplan.certify.choices import Choices
from lendplan.certify.leaves import Branch, Leaf, Search
from lendplan.certify.left import steps_down, steps_up


@dataclass(eq=False)
class Node:
    """A common beginning of some leaves' branches, or a leaf.

    Parameters
    ----------
    branch
        The last of them; None at the root.
    parent
        What it is a branch of.
    leaves, fixings
        Those of the search that have exactly these branches, in its order.
    below
        The branches from here.
    """

    branch: Branch | None = None
    parent: "Node | None" = None
    leaves: list[int] = field(default_factory=list)
    fixings: list[int] = field(default_factory=list)
    below: dict[Branch, "Node"] = field(default_factory=dict)

    def path(self) -> list["Node"]:
        """Return the nodes from the root to here."""
        found, node = [], self
        while True:
            found.append(node)
            if node.parent is None:
                return found[::-1]
            node = node.parent

    def __str__(self) -> str:
        return told(tuple(node.branch for node in self.path() if node.branch))


def told(branches: tuple[Branch, ...]) -> str:
    """Return branches in words."""
    return " and ".join(str(branch) for branch in branches)


def tree_of(search: Search) -> tuple[Node, list[int]]:
    """Put leaves and fixings together.

    Parameters
    ----------
    search
        As read.

    Returns
    -------
    root, strays
        Strays are the fixings that belong to no node.
    """
    root, strays = Node(), []
    for number, leaf in enumerate(search.leaves or ()):
        node = root
        for branch in leaf.choices:
            if branch not in node.below:
                node.below[branch] = Node(branch, node)
            node = node.below[branch]
        node.leaves.append(number)
    for number, fixing in enumerate(search.fixings):
        found = _node(root, fixing)
        if found is None:
            strays.append(number)
        else:
            found.fixings.append(number)
    return root, strays


def _node(root: Node, fixing: Leaf) -> Node | None:
    node: Node | None = root
    for branch in fixing.choices:
        node = node.below.get(branch) if node else None
    return node


def nodes(root: Node) -> Iterator[Node]:
    """Return every node, each before those below it, and those before its other side."""
    todo = [root]
    while todo:
        node = todo.pop()
        yield node
        todo.extend(reversed(node.below.values()))


def uncovered(root: Node, places: Mapping[str, int], choices: Choices) -> str:
    """Return where leaves leave choices out, in words; '' where they hold them all.

    Parameters
    ----------
    root
        A node is held where a leaf ends at it, or where its leaves go on by two branches that complement each other
        and both sides are held.
    places
        Enterprise → place among the eligible; every enterprise of a branch is there.
    choices
        The admissible lines.
    """
    todo = [root]
    while todo:
        node = todo.pop()
        if node.leaves:
            continue
        pair = list(node.below)
        if len(pair) != 2 or not _complement(pair[0], pair[1], places, choices):
            found = "; ".join(str(one) for one in pair[:3]) or "no leaf at all"
            more = f"; and {len(pair) - 3} more" if len(pair) > 3 else ""
            where = f"below {node}" if node.parent else "at the root"
            return f"{where} there is {found}{more}: not two sides of one branch"
        todo.extend(node.below.values())
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
        first, last = steps_down(choices, i, most) + 1, steps_up(choices, i, least) - 1
        return max(first, low) > min(last, high)
    return most >= least or least <= low or most >= high
