"""Growing a forest with scikit-learn, and what each tree says of the enterprises it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError
from lendplan.rating.forecast.treechecks import LEAF
from lendplan.rating.forecast.trees import Floats, Forest, Mask

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Kind = Literal["random_forest", "extra_trees"]

KINDS: Mapping[str, Kind] = {"random_forest": "random_forest", "extra_trees": "extra_trees"}
"""Names of the kinds, as stored."""


@dataclass(frozen=True, eq=False)
class Grown:
    """A forest, and what it says of the rows that it was grown on.

    Parameters
    ----------
    forest
        The trees.
    unseen
        Shape (n, trees): True where the row was not in the tree's bag (bootstrap sample).
    oob
        Shape (n, classes): out-of-bag probabilities, each row's by the trees that have not seen it.
    """

    forest: Forest
    unseen: Mask
    oob: Floats


def grow(
    x: Floats,
    y: Sequence[str],
    classes: Sequence[str],
    *,
    ids: Sequence[str],
    features: Sequence[str],
    seed: int,
    trees: int = 500,
    kind: Kind = "extra_trees",
    min_leaf: int = 2,
    max_features: float = 0.4,
    jobs: int = 1,
) -> Grown:
    """Grow a forest on bootstrap samples.

    Rows are sorted by id before the samples are drawn, so that the order in which they come changes nothing. The same
    seed gives the same forest on any number of threads.

    Parameters
    ----------
    x
        Shape (n, k), finite: what is missing is filled before (:mod:`lendplan.rating.forecast.learning`).
    y
        The n rows' classes.
    classes
        All classes, in order.
    ids
        The n rows' ids, each once.
    features
        Names of the k columns.
    seed
        Of all random draws.
    trees
        Number of trees.
    kind
        ``extra_trees``: cut points are drawn at random, the best of them is taken (Geurts et al., 2006, here with
        bootstrap samples, since those give the out-of-bag forecasts); ``random_forest``: the best cut point of each
        drawn feature (Breiman, 2001).
    min_leaf
        Least number of rows in a leaf.
    max_features
        Share of the features drawn at each node.
    jobs
        Threads.

    Returns
    -------
    Grown
        Rows in the order of `x`.

    Raises
    ------
    InputError
        If scikit-learn is not installed, or a row was in the bag of every tree.
    ValueError
        If the lengths differ, ids repeat, or a class is unknown.
    """
    if not len(x) == len(y) == len(ids) == len(set(ids)):
        raise ValueError(f"{len(x)} rows, {len(y)} classes and {len(set(ids))} distinct ids")
    codes = np.array([classes.index(label) for label in y])
    order = np.array(sorted(range(len(ids)), key=lambda row: ids[row]), np.intp)
    fitted = _estimator(kind, trees, min_leaf, max_features, seed, jobs)
    single = _single(x[order])
    # scikit-learn drops a class that no row has, and the columns are put back below
    with _without_checks():
        fitted.fit(single, codes[order])
    forest = _arrays(fitted, features, classes)
    unseen = np.ones((len(x), trees), np.bool_)
    for tree, sample in enumerate(fitted.estimators_samples_):
        unseen[order[sample], tree] = False
    never = np.flatnonzero(~unseen.any(axis=1))
    if len(never):
        raise InputError(
            Finding(
                f"{trees} trees leave no out-of-bag forecast for {len(never)} enterprises, {ids[never[0]]!r} first; "
                "grow more trees, 60 at least"
            )
        )
    return Grown(forest, unseen, forest.probabilities(x, asked=unseen))


def _single(x: Floats) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = x.astype(np.float32)
    if not np.isfinite(single).all():
        raise ValueError("a feature is not finite in single precision; fill what is missing first")
    return single


def _estimator(kind: Kind, trees: int, min_leaf: int, max_features: float, seed: int, jobs: int) -> Any:
    try:
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    except ImportError:
        raise InputError(
            Finding("growing a forest needs scikit-learn; install it with: pip install 'lendplan[rating]'")
        ) from None
    make: Any = ExtraTreesClassifier if kind == "extra_trees" else RandomForestClassifier
    return make(
        n_estimators=trees,
        min_samples_leaf=min_leaf,
        max_features=max_features,
        bootstrap=True,
        # it takes seeds of 32 bits
        random_state=seed % 2**32,
        n_jobs=jobs,
    )


def _without_checks() -> AbstractContextManager[None]:
    """Return a context in which scikit-learn does not check every tree's parameters and data anew, which takes time."""
    from sklearn import config_context

    context: AbstractContextManager[None] = config_context(assume_finite=True, skip_parameter_validation=True)
    return context


def _arrays(fitted: Any, features: Sequence[str], classes: Sequence[str]) -> Forest:
    """Return a fitted scikit-learn forest as arrays."""
    known = np.asarray(fitted.classes_, np.intp)
    parts: dict[str, list[NDArray[Any]]] = {
        key: [] for key in ("feature", "threshold", "left", "right", "value")
    }
    offset = [0]
    for estimator in fitted.estimators_:
        tree = estimator.tree_
        first = offset[-1]
        leaf = tree.children_left < 0
        value = np.zeros((tree.node_count, len(classes)))
        counts: ArrayLike = tree.value[:, 0, :]
        value[:, known] = counts
        parts["feature"].append(np.where(leaf, LEAF, tree.feature))
        parts["threshold"].append(np.where(leaf, 0.0, tree.threshold))
        parts["left"].append(np.where(leaf, LEAF, tree.children_left + first))
        parts["right"].append(np.where(leaf, LEAF, tree.children_right + first))
        # counts up to scikit-learn 1.2, shares since
        parts["value"].append(value / value.sum(axis=1, keepdims=True))
        offset.append(first + tree.node_count)
    return Forest(
        features=tuple(features),
        classes=tuple(classes),
        offset=np.array(offset, np.int32),
        feature=np.concatenate(parts["feature"]).astype(np.int32),
        threshold=np.concatenate(parts["threshold"]).astype(np.float64),
        left=np.concatenate(parts["left"]).astype(np.int32),
        right=np.concatenate(parts["right"]).astype(np.int32),
        value=np.concatenate(parts["value"]),
    )
