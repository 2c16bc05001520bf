"""What makes arrays a forest: they may come from a file, and are checked before a row is sent down a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import shown

if TYPE_CHECKING:
    from lendplan.rating.forecast.trees import Forest

LEAF = -1
"""Stands for the feature and the children of a leaf."""

_SUM_TOLERANCE = 1e-9


def problems(forest: Forest) -> Iterator[str]:
    """Yield what is wrong with a forest's arrays; a later rule may fail where one before it is broken."""
    nodes = len(forest.feature)
    shapes: Mapping[str, tuple[int, ...]] = {
        "threshold": (nodes,),
        "left": (nodes,),
        "right": (nodes,),
        "value": (nodes, len(forest.classes)),
    }
    for name, shape in shapes.items():
        if getattr(forest, name).shape != shape:
            yield f"{name} has shape {getattr(forest, name).shape} where {shape} belongs"
    if len(forest.classes) < 2:
        yield "a forest tells two classes apart at least"
    offset = forest.offset
    if (
        offset.ndim != 1
        or len(offset) < 2
        or offset[0] != 0
        or offset[-1] != nodes
        or (np.diff(offset) < 1).any()
    ):
        yield "offset must rise from 0 to the number of nodes, a tree at least"
    leaf = forest.feature == LEAF
    bad = np.flatnonzero(~leaf & ((forest.feature < 0) | (forest.feature >= len(forest.features))))
    if len(bad):
        yield f"node {bad[0]} asks for feature {forest.feature[bad[0]]} of {len(forest.features)}"
    yield from _wrong_children(forest, leaf)
    if not np.isfinite(forest.threshold).all():
        yield f"the threshold of node {np.flatnonzero(~np.isfinite(forest.threshold))[0]} is not finite"
    value = forest.value
    bad = np.flatnonzero(~(np.isfinite(value) & (value >= 0) & (value <= 1)).all(axis=1))
    if len(bad):
        yield f"node {bad[0]} holds a share outside 0 to 1: {shown(value[bad[0]].tolist())}"
    bad = np.flatnonzero(np.abs(value.sum(axis=1) - 1) > _SUM_TOLERANCE)
    if len(bad):
        yield f"the shares of node {bad[0]} do not sum to 1: {shown(value[bad[0]].tolist())}"


def _wrong_children(forest: Forest, leaf: NDArray[np.bool_]) -> Iterator[str]:
    """Yield what is wrong with the links: every node but a root is the child of one node before it in its tree."""
    for name, children in (("left", forest.left), ("right", forest.right)):
        bad = np.flatnonzero(leaf != (children == LEAF))
        if len(bad):
            yield f"node {bad[0]} has a feature or a {name} child, and not both"
    node = np.flatnonzero(~leaf)
    end = np.repeat(forest.offset[1:], np.diff(forest.offset))[node]
    for name, children in (("left", forest.left[node]), ("right", forest.right[node])):
        bad = np.flatnonzero((children <= node) | (children >= end))
        if len(bad):
            yield f"the {name} child of node {node[bad[0]]}, {children[bad[0]]}, does not come after it in its tree"
    parents = np.bincount(np.concatenate((forest.left[node], forest.right[node])), minlength=len(leaf))
    parents[forest.offset[:-1]] += 1
    bad = np.flatnonzero(parents != 1)
    if len(bad):
        yield f"node {bad[0]} is the child of {parents[bad[0]]} nodes, not of one"
