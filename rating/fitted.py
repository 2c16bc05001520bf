"""A fitted rating as plain JSON: trees as arrays, probabilities, and the state that new invoices are watched against.

It is data and never code: nothing of it is run when it is read, and a file with unknown keys is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from lendplan.data.findings import Finding, InputError, shown
from lendplan.data.sources import read_bytes
from lendplan.rating.forecast.learning import Learned
from lendplan.rating.grey.relation import FittedGrey, Standardise
from lendplan.rating.plain import number, parse, record, whole_number, word, words, wrong
from lendplan.rating.risk.gradeprobability import METHODS, GradeProbabilities, Method
from lendplan.rating.watching.state import State

FORMAT = "lendplan rating 1"
"""First key of the file; the number changes when a reader of the old form would misread the new one."""

STANDARDISE: tuple[Standardise, ...] = ("minmax", "mean", "initial")


@dataclass(frozen=True)
class Options:
    """How a rating is fitted.

    Parameters
    ----------
    seed
        Of all that is drawn.
    trees
        Of each forest.
    probability_method, confidence
        How a few defaults become a probability; see :func:`lendplan.rating.risk.gradeprobability.grade_probabilities`.
    last_grade_is_default
        Whether the worst grade stands for default itself, as D does where every D has defaulted.
    central_tendency
        Default rate of the portfolio the rating is for, as a fraction; None takes the sample's.
    standardise, zeta
        Of the grey relation.
    grades
        All grades from best to worst; None where their own order tells
        (:func:`lendplan.rating.forecast.outcomes.in_order`).
    """

    seed: int = 2027
    trees: int = 500
    probability_method: Method = "jeffreys"
    confidence: float | None = None
    last_grade_is_default: bool = True
    central_tendency: float | None = None
    standardise: Standardise = "minmax"
    zeta: float = 0.5
    grades: tuple[str, ...] | None = None

    @classmethod
    def from_dict(cls, raw: object, where: str = "options") -> Options:
        """Return the options that were stored.

        Raises
        ------
        InputError
            If they are not of that form.
        """
        known = record(raw, where, [field.name for field in fields(cls)])

        def maybe(key: str) -> float | None:
            return None if known[key] is None else number(known[key], f"{where}.{key}")

        if not isinstance(known["last_grade_is_default"], bool):
            raise wrong(f"{where}.last_grade_is_default", "must be true or false")
        method: Any = word(known["probability_method"], f"{where}.probability_method", METHODS)
        standardise: Any = word(known["standardise"], f"{where}.standardise", STANDARDISE)
        return cls(
            seed=whole_number(known["seed"], f"{where}.seed"),
            trees=whole_number(known["trees"], f"{where}.trees"),
            probability_method=method,
            confidence=maybe("confidence"),
            last_grade_is_default=known["last_grade_is_default"],
            central_tendency=maybe("central_tendency"),
            standardise=standardise,
            zeta=number(known["zeta"], f"{where}.zeta"),
            grades=None if known["grades"] is None else words(known["grades"], f"{where}.grades"),
        )


@dataclass(frozen=True, eq=False)
class FittedRating:
    """All that a rating needs to be applied to further enterprises.

    Parameters
    ----------
    options
        How it was fitted.
    learned
        Forests for grade and default.
    probabilities
        Default probability of each grade.
    grey
        The grey relation of the published method; None where no enterprise had invoices on both sides.
    state
        The enterprises as they were when it was fitted, for the early warning.
    inputs
        Name and SHA-256 of each file that it was fitted on.
    """

    options: Options
    learned: Learned
    probabilities: GradeProbabilities
    grey: FittedGrey | None
    state: State
    inputs: tuple[tuple[str, str], ...]

    def to_options(self) -> dict[str, Any]:
        """Return the options as plain JSON values."""
        return asdict(self.options)

    def to_json(self) -> bytes:
        """Return the file's content; the same rating gives the same bytes."""
        content = {
            "format": FORMAT,
            "options": asdict(self.options),
            "inputs": [list(one) for one in self.inputs],
            "probabilities": self.probabilities.to_dict(),
            "learned": self.learned.to_dict(),
            "grey": None if self.grey is None else self.grey.to_dict(),
            "state": self.state.to_dict(),
        }
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode() + b"\n"

    @classmethod
    def from_dict(cls, raw: object) -> FittedRating:
        """Return the rating that was stored.

        Raises
        ------
        InputError
            If it is not of that form, or its parts do not belong together.
        """
        keys = ("format", "options", "inputs", "probabilities", "learned", "grey", "state")
        known = record(raw, "", keys)
        word(known["format"], "format", (FORMAT,))
        learned = Learned.from_dict(known["learned"])
        probabilities = GradeProbabilities.from_dict(known["probabilities"])
        if probabilities.grades != learned.grades:
            raise wrong("probabilities.grades", "are not those that were learnt")
        if not isinstance(known["inputs"], list):
            raise wrong("inputs", "must be a list")
        inputs = [words(one, "inputs", unique=False) for one in known["inputs"]]
        if any(len(one) != 2 for one in inputs):
            raise wrong("inputs", "must be pairs of a name and a hash")
        return cls(
            options=Options.from_dict(known["options"]),
            learned=learned,
            probabilities=probabilities,
            grey=None if known["grey"] is None else FittedGrey.from_dict(known["grey"]),
            state=State.from_dict(known["state"]),
            inputs=tuple((one[0], one[1]) for one in inputs),
        )


Kind = Literal["rating", "score"]


@dataclass(frozen=True)
class StoredModel:
    """A model's file as it was read.

    Parameters
    ----------
    content
        The JSON value.
    file
        Its name, for messages.
    sha256
        Of its bytes.
    """

    content: Mapping[str, Any]
    file: str
    sha256: str


def read_model(path: Path) -> StoredModel:
    """Read a model's file, of whichever kind.

    Raises
    ------
    InputError
        If it is missing, no JSON object, or holds NaN, infinite numbers or a key twice.
    """
    data = read_bytes(path)

    try:
        content = parse(data.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise InputError(Finding("is no text in UTF-8", file=str(path))) from error
    if not isinstance(content, dict):
        message = f"is no fitted rating: it holds {shown(content)}; name the file that --model wrote"
        raise InputError(Finding(message, file=str(path)))
    return StoredModel(content, str(path), hashlib.sha256(data).hexdigest())


def read_rating(path: Path) -> tuple[FittedRating, str]:
    """Read a fitted rating, and return it with the SHA-256 of its file.

    Raises
    ------
    InputError
        If it is none; each finding names the file and the key.
    """
    stored = read_model(path)
    try:
        return FittedRating.from_dict(stored.content), stored.sha256
    except InputError as error:
        raise InputError(
            Finding(one.message, file=stored.file, line=one.line, key=one.key) for one in error.findings
        ) from error
