"""``KEY=VALUE`` of the command line, put into a scenario that was read."""

from lendplan.data.findings import Finding, did_you_mean, shown
from lendplan.scenario.nodes import KeyPath, Node, Place, finding
from lendplan.scenario.yamlsource import parse_yaml

_FREE = ("columns", "churn_as", "grade_factor", "where", "sweep")
"""Mappings whose keys are the user's own: all of the rest of a dotted key is one of them."""


def override(root: Node, text: str) -> tuple[Finding, ...]:
    """Set one key of a scenario.

    Parameters
    ----------
    root
        The scenario; it is changed.
    text
        ``KEY=VALUE``. KEY is dotted, a limit goes by its name or by its position from 0; VALUE is YAML.

    Returns
    -------
    tuple of Finding
        What is wrong; the scenario is then unchanged. Whether the key exists is for the schema to say.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    place = Place(f"--set {key if equals else text}")
    if not (key and equals):
        return (finding("write KEY=VALUE, such as --set budget.total=8000", place),)
    if key == "extends":
        return (finding("cannot be set; write it in the scenario", place),)
    document = parse_yaml(value, place.file, in_file=False)
    if not document.complete:
        return document.findings
    try:
        assign(root, key, document.root, place)
    except LookupError as error:
        return (*document.findings, finding(str(error.args[0]), place))
    return document.findings


def assign(root: Node, key: str, value: Node, place: Place) -> None:
    """Put a value at a dotted key, its blocks made where they are missing.

    Raises
    ------
    LookupError
        Whose text says why there is no such place; whether the key exists is for the schema to say.
    """
    path = _path(root, key)
    block = root
    for step in path[:-1]:
        block = _block_below(block, step, place)
    last = path[-1]
    value.key_place = place
    if isinstance(block.content, dict):
        block.content[str(last)] = value
    elif isinstance(block.content, list) and isinstance(last, int):
        block.content[last] = value


def _path(root: Node, key: str) -> KeyPath:
    """Return the steps of a dotted key; LookupError says why there are none."""
    first, _, rest = key.partition(".")
    path: list[str | int] = [first]
    if first == "limits" and rest:
        position, rest = _limit(root, rest)
        path.append(position)
    if first in _FREE and rest:
        return (first, rest)
    while rest:
        step, _, rest = rest.partition(".")
        path.append(step)
        if step in _FREE and rest:
            path.append(rest)
            break
    return tuple(path)


def _limit(root: Node, rest: str) -> tuple[int, str]:
    """Return a limit's position and what is left of the key; names may hold dots, so the longest counts."""
    limits = root.child("limits")
    nodes = limits.content if limits and isinstance(limits.content, list) else []
    called = [limit.child("name") for limit in nodes]
    names = {str(node.content): position for position, node in enumerate(called) if node}
    for name in sorted(names, key=len, reverse=True):
        if rest == name or rest.startswith(f"{name}."):
            return names[name], rest[len(name) + 1 :]
    step, _, rest = rest.partition(".")
    if step.isdecimal() and len(step) < 9 and int(step) < len(nodes):
        return int(step), rest
    there = f"; there are {', '.join(map(shown, names))}" if names else "; the scenario has no limits"
    raise LookupError(f"no limit is called {shown(step)}{did_you_mean(step, names) or there}")


def _block_below(block: Node, step: str | int, place: Place) -> Node:
    below = block.child(step)
    if isinstance(block.content, dict) and (below is None or below.content is None):
        below = block.content[str(step)] = Node({}, place, place)
    if below is None or not isinstance(below.content, dict | list):
        raise LookupError(f"{shown(step)} holds no keys, so none of them can be set")
    return below
