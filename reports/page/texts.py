"""Texts and numbers as the page shows them: harmless whatever they hold, short, in their own script."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from lendplan.reports.proof import upward

if TYPE_CHECKING:
    from markupsafe import Markup

SHORT, LONG = 200, 1200  # letters; longer names and sentences end in an ellipsis
NONE = "–"
_NO_CENTS = 1e5  # amounts from here on are shown without decimals
_SMALL = 0.1  # and below this with four digits, so that none is shown as nothing
_PLAIN = re.compile(r"[\x20-\x7e]*")
_SPACES = re.compile(r"[\t\n\r\u2028\u2029]+")
_KEPT = re.compile(
    "([\u00a0\u1680\u2000-\u200a\u200c\u200d\u202f\u205f\u3000]|\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)"
)
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_OTHER_THAN_CHINESE = re.compile("[\u3040-\u30ff\uac00-\ud7a3]")


def clean(text: str, most: int = SHORT) -> str:
    """Return text that does nothing: no control characters, no marks that turn the direction, not endless.

    Line ends and tabs become spaces; what else cannot be printed, lone surrogates too, becomes U+FFFD. Spaces of any
    width, the joiners of scripts and emoji, and the tags of a flag stay as they are.
    """
    if len(text) > most:
        text = text[: most - 1] + "…"
    if _PLAIN.fullmatch(text):
        return text
    parts = _KEPT.split(_SPACES.sub(" ", text))  # every other part is one that is kept
    return "".join(
        part if at % 2 else "".join(one if one.isprintable() else "\ufffd" for one in part)
        for at, part in enumerate(parts)
    )


def is_chinese(text: str) -> bool:
    """Whether a text is to be drawn and read aloud in Chinese letters."""
    return bool(_HAN.search(text)) and not _OTHER_THAN_CHINESE.search(text)


def marked(text: str) -> Markup:
    """Return a text as HTML: escaped, kept apart from the direction of its neighbours, and marked where Chinese."""
    from markupsafe import Markup, escape

    told = escape(clean(str(text), LONG))
    language = Markup(' lang="zh-Hans"') if is_chinese(told) else ""
    return Markup("<bdi{}>{}</bdi>").format(language, told)


def money(value: float | None) -> str:
    """Write an amount of a plan: two decimals; none from 100,000 on, four digits below 0.1, and 0 as 0."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0.0:
        return "0"
    if abs(value) < _SMALL:
        return minus(f"{value:.4g}")
    return minus(f"{value:,.0f}" if abs(value) >= _NO_CENTS else f"{value:,.2f}")


def amount(value: float | None) -> str:
    """Write an amount with no more digits than it has, two decimals at most."""
    told = money(value)
    return told.rstrip("0").rstrip(".") if "." in told and "e" not in told else told


def rate(value: float | None) -> str:
    """Write a fraction in per cent."""
    return NONE if value is None or not math.isfinite(value) else minus(f"{100 * value:,.2f} %")


def figure(value: float) -> str:
    """Write a number of no known size with four digits; what is below 10⁻⁹ is nothing."""
    size = abs(value)
    if size < 1e-9:
        return "0"
    if size < 1e-4:
        return minus(f"{value:.{3 - math.floor(math.log10(size))}f}")
    return minus(f"{value:,.4g}" if size < 9999.5 else f"{value:,.0f}")


def bound(value: float) -> str:
    """Write a number that nothing exceeds with as many digits as `figure` does, rounded up."""
    return minus(upward(value, 4))


def minus(text: str) -> str:
    """Return a number with the sign that is as wide as a digit."""
    return text.replace("-", "−", 1) if text.startswith("-") else text


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number and its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
