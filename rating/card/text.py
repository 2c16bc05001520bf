"""The rating report as plain text for a terminal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from lendplan.rating.card.card import Card
from lendplan.rating.card.words import (
    DIRECTIONS,
    STARTING_POINT,
    basis_lines,
    figure,
    headline,
    in_unit,
    key_figures,
    model_line,
    per_cent,
    points,
    spoken,
    together,
)

WIDTH = 100
LISTED = 8
"""Contributions that are spelled out on each side; the rest are added up."""


def card_text(card: Card) -> str:
    r"""Return the report as lines of at most about 100 columns; the same card gives the same text.

    Control characters in names and remarks are shown as ``\ufffd``, so that no name can move the cursor.
    """
    lines = [*_heading(card), *_score(card), *_indicators(card), *_basis(card), *_further(card)]
    lines += ["", "How it may be appealed", *_wrapped(card.appeal)]
    return "\n".join(plain(line) for line in lines) + "\n"


def plain(text: str) -> str:
    """Return text without characters that command a terminal or hide the order of letters."""
    return "".join(letter if letter.isprintable() or letter == " " else "\ufffd" for letter in text)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH - 2, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


def _heading(card: Card) -> Iterator[str]:
    name = f"  {card.name}" if card.name else ""
    yield f"Rating report: {card.enterprise}{name}"
    yield headline(card)
    if card.reason and card.grade:
        yield card.reason
    yield from (f"  {name:34}{value:>12}  {meaning}" for name, value, meaning in key_figures(card))
    if card.grade_probabilities:
        chances = ", ".join(f"{grade} {per_cent(chance)}" for grade, chance in card.grade_probabilities)
        yield f"  The model's forecast: {chances}"


def _score(card: Card) -> Iterator[str]:
    if not card.contributions:
        return
    yield from (
        "",
        f"The score of {card.score:.2f} is {card.base:.2f}, {STARTING_POINT}, and what this one adds",
    )
    for words, parts in (("What raised the score", card.raised), ("What lowered the score", card.lowered)):
        yield f"{words} ({together(parts)})"
        yield from (f"  {points(one):>8}  {spoken(name)}" for name, one in parts[:LISTED])
        if len(parts) > LISTED:
            yield f"  {together(parts[LISTED:]):>8}  {len(parts) - LISTED} others together"


def _indicators(card: Card) -> Iterator[str]:
    if not card.indicators:
        return
    yield from ("", f"{'Indicator':46}{'its own':>12}{'median':>12}  standing in the book")
    for one in card.indicators:
        if not math.isnan(one.value):
            note = "" if one.direction == "none" else f" ({DIRECTIONS[one.direction]})"
            yield f"  {in_unit(one):44}{figure(one.value):>12}{figure(one.median):>12}  {one.standing}{note}"
    if card.undefined:
        yield from _wrapped(f"Not defined: {', '.join(map(spoken, card.undefined))}.")


def _basis(card: Card) -> Iterator[str]:
    yield from ("", "Data it rests on")
    for line in basis_lines(card.basis):
        yield from _wrapped(line)
    for file in card.basis.files:
        sheet = f"#{file.sheet}" if file.sheet else ""
        yield f"  {file.path}{sheet}  sha256 {file.sha256}"
    stamp = model_line(card.model)
    if stamp:
        yield f"  Rated by {stamp}"


def _further(card: Card) -> Iterator[str]:
    yield from _listed(
        "Third-party ratings",
        [
            f"{one.agency}: {one.rating}, that is grade {one.grade}"
            + (f", of {one.date}" if one.date else "")
            + (f"; {one.remark}" if one.remark else "")
            for one in card.agencies
        ],
    )
    yield from _listed(
        "Guarantees and pledges",
        [
            f"{one.kind}"
            + (f" by {one.guarantor}" if one.guarantor else "")
            + f": {figure(one.amount)}, haircut {per_cent(one.haircut)}"
            + (f"; {one.remark}" if one.remark else "")
            for one in card.guarantees
        ],
    )
    yield from _listed(
        "Earlier ratings",
        [
            f"{one.run}: grade {one.grade or '–'}, forecast {one.grade_forecast or '–'}, "
            f"default probability {per_cent(one.default_probability)}, "
            f"score {'–' if math.isnan(one.score) else f'{one.score:.2f}'}"
            for one in card.history
        ],
    )


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", title)
        for line in lines:
            yield from _wrapped(line)
