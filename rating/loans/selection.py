"""Which indicators stay: those that tell defaulters from the rest, and of two that say the same the better one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lendplan.data import csvwriting
from lendplan.data.findings import Finding, InputError
from lendplan.data.texts import Texts
from lendplan.rating.loans.discrimination import Discrimination, adjusted, discrimination, ranks
from lendplan.rating.records import Floats, Mask

SIGNIFICANCE = 0.05
"""Largest adjusted p-value of an indicator that stays, unless another is asked for."""
CORRELATION = 0.7
"""Largest absolute rank correlation between two that stay, unless another is asked for."""
LEAST_AUC = 0.52
"""Smallest area under the curve of one that stays: in a large history even a worthless difference is significant."""
LEAK_AUC = 0.85
"""An indicator that alone tells as much as this may be known only after the outcome; it is told, not dropped."""


@dataclass(frozen=True)
class Choice:
    """What became of one indicator.

    Parameters
    ----------
    name
        The indicator.
    told
        How well it tells defaulters from the rest, on the scale on which more is better.
    adjusted
        Its p-value adjusted for the number of indicators (Benjamini–Hochberg).
    is_kept
        Whether it stays.
    reason
        Why, in one sentence.
    """

    name: str
    told: Discrimination
    adjusted: float
    is_kept: bool
    reason: str


@dataclass(frozen=True)
class Selection:
    """Which indicators stay, and why.

    Parameters
    ----------
    choices
        One for each indicator, in their order.
    findings
        Indicators that look as though they were known only after the outcome.
    """

    choices: tuple[Choice, ...]
    findings: tuple[Finding, ...]

    @property
    def kept(self) -> tuple[int, ...]:
        """Positions of those that stay."""
        return tuple(position for position, choice in enumerate(self.choices) if choice.is_kept)

    def to_csv(self) -> bytes:
        """Return the table of choices."""
        told = [choice.told for choice in self.choices]
        columns: list[Texts | Floats] = [
            Texts.of(choice.name for choice in self.choices),
            Texts.of("kept" if choice.is_kept else "dropped" for choice in self.choices),
            np.array([one.auc for one in told]),
            np.array([one.accuracy for one in told]),
            np.array([one.p_value for one in told]),
            np.array([choice.adjusted for choice in self.choices]),
            Texts.of(choice.reason for choice in self.choices),
        ]
        names = ("indicator", "decision", "auc", "accuracy", "p_value", "p_adjusted", "reason")
        return csvwriting.header(names) + csvwriting.rows(columns)


def select(
    names: Sequence[str],
    standard: Floats,
    is_default: Mask,
    *,
    significance: float = SIGNIFICANCE,
    least_auc: float = LEAST_AUC,
    correlation: float = CORRELATION,
) -> Selection:
    """Choose the indicators.

    Parameters
    ----------
    names
        Of the indicators, k of them.
    standard
        Shape (n, k), on the scale on which more is better; no NaN.
    is_default
        Shape (n,).
    significance, least_auc
        An indicator stays if its area under the curve is at least `least_auc` and its Mann–Whitney p-value, adjusted by
        Benjamini and Hochberg, at most `significance`. One below a half tells the other way than was stated, and goes.
    correlation
        Of the rest, the one with the largest area stays, and then each that has at most this absolute rank correlation
        (Spearman, since the indicators are skewed and differ in unit) with all that stay. Equal areas: the earlier.

    Returns
    -------
    Selection

    Raises
    ------
    InputError
        If no loan defaulted, if all did, or if no indicator stays.
    """
    count = int(is_default.sum())
    if count in (0, len(is_default)):
        text = f"{'no' if not count else 'every'} loan defaulted, so that nothing can tell defaulters from the rest"
        raise InputError(Finding(text))
    told = [discrimination(standard[:, position], is_default) for position in range(len(names))]
    p_values = adjusted(np.array([one.p_value for one in told]))
    reasons = [_untold(one, float(p), significance, least_auc) for one, p in zip(told, p_values, strict=True)]
    ranked = [ranks(standard[:, position]) for position in range(len(names))]
    kept: list[int] = []
    for position in sorted(range(len(names)), key=lambda position: (-told[position].auc, position)):
        if reasons[position]:
            continue
        alike = [(abs(_pearson(ranked[position], ranked[other])), other) for other in kept]
        worst = max(alike, default=(0.0, -1), key=lambda pair: pair[0])
        if worst[0] > correlation:
            reasons[position] = (
                f"says the same as {names[worst[1]]} (rank correlation {worst[0]:.2f} in size) and tells less"
            )
        else:
            kept.append(position)
    if not kept:
        text = "no indicator tells defaulters from the rest; bring others, or lower `significance` or `least_auc`"
        listed = "; ".join(f"{name}: {reason}" for name, reason in zip(names, reasons, strict=True))
        raise InputError(Finding(f"{text} ({listed})"))
    choices = tuple(
        Choice(
            name,
            one,
            float(p),
            position in kept,
            reasons[position] or f"tells defaulters from the rest (area under the curve {one.auc:.3f})",
        )
        for position, (name, one, p) in enumerate(zip(names, told, p_values, strict=True))
    )
    return Selection(choices, tuple(_leaks(choices)))


def _untold(told: Discrimination, p_value: float, significance: float, least_auc: float) -> str:
    """Return why an indicator tells too little, '' where it does not."""
    if told.p_value == 1.0 and told.auc == 0.5:
        return "is the same for defaulters and the rest"
    if p_value > significance:
        return (
            f"does not differ significantly between defaulters and the rest (adjusted p-value {p_value:.2g})"
        )
    if told.auc < 0.5:
        return f"tells the other way than its direction says (area under the curve {told.auc:.3f}); check the direction"
    if told.auc < least_auc:
        return f"tells too little (area under the curve {told.auc:.3f}, and {least_auc:g} is asked for)"
    return ""


def _pearson(one: Floats, other: Floats) -> float:
    """Return the correlation of two columns, 0 where one of them never varies."""
    a, b = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0


def _leaks(choices: Sequence[Choice]) -> list[Finding]:
    return [
        Finding(
            f"alone tells defaulters with an area under the curve of {max(one.told.auc, 1 - one.told.auc):.2f};"
            " make sure that it is known before the loan is granted, and not recorded afterwards",
            key=one.name,
        )
        for one in choices
        if max(one.told.auc, 1 - one.told.auc) >= LEAK_AUC
    ]
