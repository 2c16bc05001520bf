"""A forest of decision trees as arrays: applied, taken apart and stored without the library that grew it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError
from lendplan.rating.forecast.treechecks import LEAF, problems
from lendplan.rating.plain import REMEDY, numbers, record, whole_numbers, words

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Mask = NDArray[np.bool_]

BLOCK = 1 << 19
"""Pairs of row and tree that are in hand at once: the memory needed is about 100 bytes times this."""

_KEYS = ("features", "classes", "offset", "feature", "threshold", "left", "right", "value")


class Decomposition(NamedTuple):
    """A probability taken apart; see :meth:`Forest.decompose`.

    Parameters
    ----------
    base
        Shape (n,): mean probability at the roots of the trees that were asked.
    contributions
        Shape (n, k): what each feature adds to it.
    """

    base: Floats
    contributions: Floats


@dataclass(frozen=True, eq=False)
class Forest:
    """Decision trees in one set of flat arrays; nodes are numbered through all trees, children after their parent.

    Parameters
    ----------
    features
        Names of the k features.
    classes
        Names of the classes, two at least.
    offset
        Shape (trees + 1,): first node, the root, of each tree; the number of nodes at the end.
    feature
        Shape (nodes,): the feature that a node asks for, −1 in a leaf.
    threshold
        Shape (nodes,): to the left where feature ≤ threshold; 0 in a leaf.
    left, right
        Shape (nodes,): the children, −1 in a leaf.
    value
        Shape (nodes, classes): share of each class among the (weighted) training rows in the node.

    Raises
    ------
    InputError
        If these arrays are no forest: every one is checked, since they may come from a file.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    offset: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats

    def __post_init__(self) -> None:
        # the first alone: later rules rest on those before them
        problem = next(problems(self), None)
        if problem is not None:
            raise InputError(Finding(f"{problem}; {REMEDY}"))

    @property
    def trees(self) -> int:
        """Number of trees."""
        return len(self.offset) - 1

    def probabilities(self, x: Floats, *, asked: Mask | None = None) -> Floats:
        """Return the mean over the trees of the class shares in the leaves that the rows fall into.

        Identical to ``predict_proba`` of the scikit-learn forest within 1e-12: like it, features are cast to
        single precision before they are compared. A row's result does not depend on the other rows, to the bit.

        Parameters
        ----------
        x
            Shape (n, k), finite, columns as :attr:`features`.
        asked
            Shape (n, trees): the trees that may answer for a row; all unless given. Out-of-bag forecasts ask those
            that did not see the row.

        Returns
        -------
        ndarray
            Shape (n, classes); rows sum to 1 within rounding.

        Raises
        ------
        ValueError
            If `x` has another number of columns or a value that is not finite in single precision, or a row may
            ask no tree.
        """
        single, asked = self._rows(x, asked)
        result = np.empty((len(single), len(self.classes)))
        for block in self._blocks(len(single)):
            leaf = self._leaves(single[block])
            mask = None if asked is None else asked[block]
            for position, shares in enumerate(self._shares):
                result[block, position] = _mean(shares[leaf], mask)
        return result

    def decompose(self, x: Floats, of: str | Floats, *, asked: Mask | None = None) -> Decomposition:
        """Take the probability of one class apart, feature by feature.

        On its way from root to leaf a row meets nodes whose share of the class differs from their parent's; each
        difference is booked to the feature that the parent asked for, and the mean is taken over the trees (Saabas,
        2014; Palczewska et al., 2013, doi:10.1109/IRI.2013.6642478). base + Σ contributions is the probability to
        1e-12. It says how this forest came to this number. It does not say what would happen if the feature
        changed, nor what causes what; of two features that say the same, the one asked first gets the credit,
        and features asked near the root get less than their Shapley value where features interact.

        Parameters
        ----------
        x, asked
            As in :meth:`probabilities`.
        of
            One of :attr:`classes`; or a weight for each, (classes,): then the weighted sum of their probabilities is
            taken apart.

        Returns
        -------
        Decomposition
            base (n,), contributions (n, k).

        Raises
        ------
        ValueError
            As :meth:`probabilities`, or if there is no such class.
        """
        single, asked = self._rows(x, asked)
        shares = self._shares[self.classes.index(of)] if isinstance(of, str) else self.value @ of
        roots = self.offset[:-1]
        width = len(self.features)
        base = np.empty(len(single))
        contributions = np.empty((len(single), width))
        for block in self._blocks(len(single)):
            rows = single[block]
            mask = None if asked is None else asked[block]
            counts = (
                np.full(len(rows), float(self.trees)) if mask is None else mask.sum(axis=1, dtype=np.float64)
            )
            base[block] = _mean(np.broadcast_to(shares[roots], (len(rows), self.trees)), mask)
            total = np.zeros(len(rows) * width)
            for row, node, child in self._steps(rows, mask):
                step = shares[child] - shares[node]
                total += np.bincount(row * width + self.feature[node], step, minlength=len(total))
            contributions[block] = total.reshape(len(rows), width) / counts[:, None]
        return Decomposition(base, contributions)

    def contributions(self, x: Floats, of: str | Floats) -> Floats:
        """Return the contributions of :meth:`decompose` alone, (n, k)."""
        return self.decompose(x, of).contributions

    def to_dict(self) -> dict[str, Any]:
        """Return the forest as plain JSON values; :meth:`from_dict` gives it back bit by bit."""
        return {
            "features": list(self.features),
            "classes": list(self.classes),
            **{name: getattr(self, name).tolist() for name in _KEYS[2:]},
        }

    @classmethod
    def from_dict(cls, raw: object, where: str = "forest") -> Forest:
        """Return the forest that :meth:`to_dict` described.

        Parameters
        ----------
        raw
            What was read from JSON.
        where
            Its path within the file, for messages.

        Raises
        ------
        InputError
            If keys are unknown or missing, shapes differ, children do not come after their parent or belong to
            another tree, numbers are not finite, or shares do not sum to 1.
        """
        known = record(raw, where, _KEYS)
        feature = whole_numbers(known["feature"], f"{where}.feature")
        classes = words(known["classes"], f"{where}.classes")
        nodes = len(feature)
        try:
            return cls(
                features=words(known["features"], f"{where}.features"),
                classes=classes,
                offset=whole_numbers(known["offset"], f"{where}.offset"),
                feature=feature,
                threshold=numbers(known["threshold"], f"{where}.threshold", shape=(nodes,)),
                left=whole_numbers(known["left"], f"{where}.left", size=nodes),
                right=whole_numbers(known["right"], f"{where}.right", size=nodes),
                value=numbers(known["value"], f"{where}.value", shape=(nodes, len(classes))),
            )
        except InputError as error:
            raise InputError(
                replace(finding, key=finding.key or where) for finding in error.findings
            ) from None

    @cached_property
    def _shares(self) -> tuple[Floats, ...]:
        """Class shares of the nodes, contiguous by class."""
        return tuple(np.ascontiguousarray(column) for column in self.value.T)

    def _rows(self, x: Floats, asked: Mask | None) -> tuple[NDArray[np.float32], Mask | None]:
        if x.ndim != 2 or x.shape[1] != len(self.features):
            raise ValueError(f"features of shape {x.shape}, where (rows, {len(self.features)}) belong")
        with np.errstate(over="ignore"):
            single = x.astype(np.float32)
        if not np.isfinite(single).all():
            raise ValueError("a feature is not finite in single precision; fill what is missing first")
        if asked is not None:
            if asked.shape != (len(x), self.trees):
                raise ValueError(f"a mask of shape {asked.shape}, where {(len(x), self.trees)} belongs")
            if not asked.any(axis=1).all():
                raise ValueError("a row may ask no tree; grow more trees")
        return single, asked

    def _blocks(self, rows: int) -> Iterator[slice]:
        size = max(1, BLOCK // self.trees)
        return (slice(first, min(first + size, rows)) for first in range(0, rows, size))

    @cached_property
    def _links(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Feature of each node, and the children of all: the left ones, then the right ones."""
        return self.feature.astype(np.intp), np.concatenate((self.left, self.right)).astype(np.intp)

    def _children(
        self, flat: NDArray[np.float32], first: NDArray[np.intp], node: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return the child that each row goes to; `first` is where the row starts in `flat`."""
        feature, child = self._links
        # `take` with whole indices is the fastest lookup there is, and one table of children halves them
        goes_right = flat.take(first + feature.take(node)) > self.threshold.take(node)
        return child.take(node + goes_right * len(feature))

    def _leaves(self, single: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return the leaf that each row falls into, (rows, trees)."""
        flat, feature = single.ravel(), self._links[0]
        leaf = np.tile(self.offset[:-1].astype(np.intp), len(single))
        active = np.flatnonzero(feature.take(leaf) != LEAF)
        node = leaf.take(active)
        first = active // self.trees * single.shape[1]
        while len(active):
            node = self._children(flat, first, node)
            leaf[active] = node
            going = np.flatnonzero(feature.take(node) != LEAF)
            active, node, first = active.take(going), node.take(going), first.take(going)
        return leaf.reshape(len(single), self.trees)

    def _steps(
        self, single: NDArray[np.float32], asked: Mask | None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]]:
        """Yield row, node and child of every step from root to leaf, depth by depth."""
        flat, feature = single.ravel(), self._links[0]
        node = np.tile(self.offset[:-1].astype(np.intp), len(single))
        row = np.repeat(np.arange(len(single)), self.trees)
        going = feature.take(node) != LEAF
        if asked is not None:
            going &= asked.ravel()
        row, node = row[going], node[going]
        while len(node):
            child = self._children(flat, row * single.shape[1], node)
            yield row, node, child
            going = np.flatnonzero(feature.take(child) != LEAF)
            row, node = row.take(going), child.take(going)


def _mean(values: Floats, mask: Mask | None) -> Floats:
    """Return the mean of each row over the trees that were asked, (rows,)."""
    if mask is None:
        return np.asarray(values.sum(axis=1) / values.shape[1])
    return np.asarray(np.where(mask, values, 0.0).sum(axis=1) / mask.sum(axis=1))
