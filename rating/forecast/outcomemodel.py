"""What is learnt of one outcome: a forest and a monotone logit, and whom each of them has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError
from lendplan.rating.forecast.forest import KINDS, Kind, grow
from lendplan.rating.forecast.logistic import MonotoneLogit, fit_logit
from lendplan.rating.forecast.normalscores import NormalScores
from lendplan.rating.forecast.outcomes import picked
from lendplan.rating.forecast.trees import Decomposition, Forest
from lendplan.rating.plain import number, record, whole_number, whole_numbers, word, words, wrong
from lendplan.rating.records import Floats, Mask

HELD_OUT = 5
"""Parts into which the enterprises are dealt; for each part there is a logit that was fitted without it."""


@dataclass(frozen=True)
class Settings:
    """How grades and defaults are learnt.

    The settings were chosen on the 123 rated enterprises of the contest by 10 to 30 repeats of cross-validation, with
    other seeds than the one reported, among some thirty variants: random forest or extra trees, least leaf 1–5, share
    of features 0.2–1, class weights, amounts as they are, as logarithms or as ranks, a forest a grade boundary,
    monotone forests, penalties of the logit 0.03–1, weights of the logit 0–1. What `validate` reports is optimistic by
    what such a choice gains; variants near the chosen one differ by 0.01, a tenth of the interval over enterprises. The
    choice of indicators (``LEARNT`` in the catalogue) gains as well: with all 45 the area under the curve is the same,
    and 0.57 to 0.59 of the grades are met, in place of 0.60.

    Parameters
    ----------
    trees
        Number of trees of each forest.
    kind
        ``extra_trees`` or ``random_forest``; see :func:`lendplan.rating.forecast.forest.grow`.
    min_leaf
        Least number of enterprises in a leaf.
    max_features
        Share of the features drawn at each node.
    grade_weight, default_weight
        Weight w of the monotone logit in (1 − w)·forest + w·logit. A few dozen defaults are too few for a forest to
        find out which way is up, and the logit knows it from the catalogue: it tells defaults apart better than the
        forest does (so w is a half), while grades are met better by the forest (so w is a fifth).
    """

    trees: int = 500
    kind: Kind = "extra_trees"
    min_leaf: int = 2
    max_features: float = 0.4
    grade_weight: float = 0.2
    default_weight: float = 0.5

    def __post_init__(self) -> None:
        if not (
            1 <= self.trees <= 100_000
            and self.min_leaf >= 1
            and 0 < self.max_features <= 1
            and 0 <= self.grade_weight <= 1
            and 0 <= self.default_weight <= 1
        ):
            raise InputError(Finding(f"nothing can be learnt with {asdict(self)}"))

    @classmethod
    def from_dict(cls, raw: object, where: str = "settings") -> Settings:
        """Return the settings that were stored.

        Raises
        ------
        InputError
            If they are not of that form.
        """
        known = record(raw, where, [field.name for field in fields(cls)])
        return cls(
            trees=whole_number(known["trees"], f"{where}.trees"),
            kind=KINDS[word(known["kind"], f"{where}.kind", KINDS)],
            min_leaf=whole_number(known["min_leaf"], f"{where}.min_leaf"),
            max_features=number(known["max_features"], f"{where}.max_features"),
            grade_weight=number(known["grade_weight"], f"{where}.grade_weight"),
            default_weight=number(known["default_weight"], f"{where}.default_weight"),
        )


@dataclass(frozen=True, eq=False)
class OutcomeModel:
    """A forest and a logit that never answer from memory for an enterprise that they learnt from.

    Parameters
    ----------
    forest
        The trees.
    scores
        What the logit takes for the features.
    logit
        Fitted on all; answers for enterprises that are none of `trained`.
    without
        A logit for each part of `trained`, fitted on the other parts.
    trained
        Ids of the enterprises learnt from.
    unseen
        Shape (trained, trees): True where the enterprise was not in the tree's bag.
    part
        Shape (trained,): the part that the enterprise belongs to.
    """

    forest: Forest
    scores: NormalScores
    logit: MonotoneLogit
    without: tuple[MonotoneLogit, ...]
    trained: tuple[str, ...]
    unseen: Mask
    part: NDArray[np.int32]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, from best to worst."""
        return self.forest.classes

    def seen(self, enterprise: Sequence[str]) -> Mask:
        """Return which enterprises were learnt from, (n,)."""
        return self._place(enterprise) >= 0

    def shares(self, x: Floats, enterprise: Sequence[str], weight: float) -> Floats:
        """Return a probability of each class, not calibrated, (n, G); rows sum to 1 within rounding.

        Parameters
        ----------
        x
            Shape (n, k): features.
        enterprise
            Their ids; those that were learnt from are answered by trees and by the logit that have not seen them.
        weight
            Of the logit.
        """
        place = self._place(enterprise)
        result = np.zeros((len(x), len(self.classes)))
        if weight < 1:
            result += (1 - weight) * self.forest.probabilities(x, asked=self._asked(place))
        if weight > 0:
            z = self.scores.apply(x)
            for logit, rows in self._logits(place):
                result[rows] += weight * logit.probabilities(z[rows])
        return result

    def decompose(self, x: Floats, enterprise: Sequence[str], points: Floats, weight: float) -> Decomposition:
        """Take Σ_g points_g·share_g apart: base (n,) and contributions (n, k) that add up to it."""
        place = self._place(enterprise)
        base, contributions = np.zeros(len(x)), np.zeros(x.shape)
        if weight < 1:
            found = self.forest.decompose(x, points, asked=self._asked(place))
            base += (1 - weight) * found.base
            contributions += (1 - weight) * found.contributions
        if weight > 0:
            z = self.scores.apply(x)
            for logit, rows in self._logits(place):
                found = logit.decompose(z[rows], points)
                base[rows] += weight * found.base
                contributions[rows] += weight * found.contributions
        return Decomposition(base, contributions)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; the bags as a text an enterprise, 1 for each tree that has not seen it."""
        digits = self.unseen.astype(np.uint8) + ord("0")
        return {
            "forest": self.forest.to_dict(),
            "scores": self.scores.to_dict(),
            "logit": self.logit.to_dict(),
            "without": [logit.to_dict() for logit in self.without],
            "trained": list(self.trained),
            "unseen": [row.tobytes().decode("ascii") for row in digits],
            "part": self.part.tolist(),
        }

    @classmethod
    def from_dict(cls, raw: object, where: str, features: Sequence[str]) -> OutcomeModel:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        InputError
            If it is not of that form, or asks for other features than the preparation gives.
        """
        known = record(raw, where, [field.name for field in fields(cls)])
        forest = Forest.from_dict(known["forest"], f"{where}.forest")
        scores = NormalScores.from_dict(known["scores"], f"{where}.scores")
        if not isinstance(known["without"], list) or not known["without"]:
            raise wrong(f"{where}.without", "must be a list of logits")
        logits = [
            MonotoneLogit.from_dict(one, f"{where}.{name}")
            for name, one in (("logit", known["logit"]), *(("without", one) for one in known["without"]))
        ]
        for name, has in [
            ("forest", forest.features),
            ("scores", scores.features),
            *(("logit", m.features) for m in logits),
        ]:
            if has != tuple(features):
                raise wrong(f"{where}.{name}.features", "are not those that the preparation gives")
        if any(logit.classes != forest.classes for logit in logits):
            raise wrong(f"{where}.logit.classes", "are not those of the forest")
        trained = words(known["trained"], f"{where}.trained")
        part = whole_numbers(known["part"], f"{where}.part", size=len(trained))
        if len(part) and not 0 <= part.min() <= part.max() < len(logits) - 1:
            raise wrong(f"{where}.part", f"names a part that is none of {len(logits) - 1}")
        unseen = _bits(known["unseen"], f"{where}.unseen", trained, forest.trees)
        return cls(forest, scores, logits[0], tuple(logits[1:]), trained, unseen, part)

    def _place(self, enterprise: Sequence[str]) -> NDArray[np.intp]:
        """Return the position of each enterprise among those learnt from, −1 for the others, (n,)."""
        position = {name: row for row, name in enumerate(self.trained)}
        return np.array([position.get(name, -1) for name in enterprise], np.intp)

    def _asked(self, place: NDArray[np.intp]) -> Mask | None:
        """Return which trees may answer, (n, trees); None where all may for all."""
        seen = place >= 0
        if not seen.any():
            return None
        mask = np.ones((len(place), self.forest.trees), np.bool_)
        mask[seen] = self.unseen[place[seen]]
        return mask

    def _logits(self, place: NDArray[np.intp]) -> Iterator[tuple[MonotoneLogit, NDArray[np.intp]]]:
        """Yield each logit with the rows that it may answer for."""
        part = np.where(place >= 0, self.part[place] if len(self.part) else -1, -1)
        for number_of, logit in enumerate((self.logit, *self.without), start=-1):
            rows = np.flatnonzero(part == number_of)
            if len(rows):
                yield logit, rows


def fit_outcome(
    x: Floats,
    scores: NormalScores,
    labels: Sequence[str],
    classes: Sequence[str],
    ids: Sequence[str],
    *,
    directions: Mapping[str, str],
    seed: int,
    settings: Settings,
    jobs: int = 1,
) -> OutcomeModel:
    """Learn one outcome.

    Parameters
    ----------
    x
        Shape (n, k): features, rows in the order of their ids.
    scores
        Of the same features, and k names.
    labels
        The n rows' classes.
    classes
        All classes, from best to worst, of which each has two rows at least.
    ids
        The n rows' ids, sorted.
    directions
        Feature → ``more``, ``less`` or ``none``.
    seed, settings, jobs
        As in :func:`lendplan.rating.forecast.learning.learn`.
    """
    found = grow(
        x,
        labels,
        classes,
        ids=ids,
        features=scores.features,
        seed=seed,
        trees=settings.trees,
        kind=settings.kind,
        min_leaf=settings.min_leaf,
        max_features=settings.max_features,
        jobs=jobs,
    )
    z = scores.apply(x)
    part = deal([classes.index(label) for label in labels], HELD_OUT, np.random.default_rng(seed)).astype(
        np.int32
    )

    def logit(rows: NDArray[np.intp], start: MonotoneLogit | None) -> MonotoneLogit:
        return fit_logit(
            z[rows],
            picked(labels, rows),
            classes,
            ids=picked(ids, rows),
            features=scores.features,
            directions=directions,
            start=start,
        )

    whole = logit(np.arange(len(x)), None)
    without = tuple(logit(np.flatnonzero(part != held), whole) for held in range(HELD_OUT))
    return OutcomeModel(found.forest, scores, whole, without, tuple(ids), found.unseen, part)


def deal(rank: Sequence[Any], parts: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Deal rows out to parts like cards: sorted by `rank`, in drawn order among equals; returns each row's part, (n,).

    So every part has as many of each rank as any other, give or take one.
    """
    drawn = random.permutation(len(rank))
    order = sorted(range(len(rank)), key=lambda row: (rank[row], drawn[row]))
    part = np.empty(len(rank), np.intp)
    # which part is dealt to first is drawn, too, or the first ones would always be the larger ones
    part[order] = random.permutation(parts)[np.arange(len(rank)) % parts]
    return part


def _bits(raw: object, where: str, trained: Sequence[str], trees: int) -> Mask:
    texts = words(raw, where, unique=False)
    if len(texts) != len(trained):
        raise wrong(where, f"has {len(texts)} entries where {len(trained)} belong")
    for name, text in zip(trained, texts, strict=True):
        if len(text) != trees or set(text) - {"0", "1"} or "1" not in text:
            raise wrong(where, f"must hold a 0 or 1 for each of {trees} trees and a 1, for {name}")
    digits = np.frombuffer("".join(texts).encode("ascii"), np.uint8).reshape(len(trained), trees)
    return np.asarray(digits == ord("1"))
