"""A Python mapping as nodes, so that a scenario from the API is checked as one from a file."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from lendplan.data.findings import Finding, shown
from lendplan.scenario.nodes import KeyPath, Node, Place, finding
from lendplan.scenario.yamlsource import CONTROL, MAX_DEPTH


def nodes_of(value: object) -> tuple[Node, list[Finding]]:
    """Return a value as nodes without places, and what no scenario can hold.

    Parameters
    ----------
    value
        Mappings, lists, tuples, text, numbers, paths and NumPy scalars. What is none of these is kept as it is, for
        the schema to refuse.
    """
    findings: list[Finding] = []
    return _node(value, (), findings), findings


def _node(value: Any, path: KeyPath, findings: list[Finding]) -> Node:
    node = Node(None, Place())

    def refuse(message: str) -> Node:
        findings.append(finding(message, Place(), path))
        return Node(None, Place(), refused=True)

    if isinstance(value, Mapping | list | tuple) and len(path) >= MAX_DEPTH:
        return refuse(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        node.content = {}
        for key, one in value.items():
            if not isinstance(key, str):
                refuse(f"the key {shown(key)} is not text")
            elif CONTROL.search(key):
                refuse(f"the key {shown(ascii(key)[1:-1])} holds a control character; remove it")
            else:
                node.content[key] = _node(one, (*path, key), findings)
    elif isinstance(value, list | tuple):
        node.content = [_node(one, (*path, position), findings) for position, one in enumerate(value)]
    elif isinstance(value, str | os.PathLike):
        text = os.fsdecode(value)
        if CONTROL.search(text):
            return refuse(f"{shown(ascii(text)[1:-1])} holds a control character; remove it")
        node.content = text
    elif isinstance(value, int) and abs(value) > sys.float_info.max:
        return refuse("is too large a number")
    else:
        # A NumPy scalar is no Python number; what it holds is.
        item = getattr(value, "item", None) if getattr(value, "ndim", None) == 0 else None
        node.content = item() if item else value
    return node
