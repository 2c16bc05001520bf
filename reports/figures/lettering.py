"""How wide text is, and the fonts that have its letters."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from lendplan.reports.figures.look import BODY

log = logging.getLogger(__name__)

_PLAIN = "DejaVu Sans"  # comes with matplotlib, so that the same report gives the same PNG on every machine
_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK TC",
    "Noto Sans CJK KR",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Source Han Sans",
    "PingFang SC",
    "PingFang HK",
    "Hiragino Sans GB",
    "Heiti SC",
    "Heiti TC",
    "STHeiti",
    "Microsoft YaHei",
    "DengXian",
    "SimHei",
    "SimSun",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "AR PL UMing CN",
    "Arial Unicode MS",
    "Noto Serif CJK SC",
    "Noto Serif CJK JP",
)
_UNFIT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def clean(text: str) -> str:
    """Return text on one line without what XML cannot hold or what turns the direction of writing."""
    return " ".join(_UNFIT.sub(" ", text).split())


@cache
def _advance(letter: str) -> float:
    """Return how far a letter moves the pen, in sizes of the font; of DejaVu Sans, which matplotlib brings along.

    It is wider than the fonts that an SVG asks for, and it is the same on every machine: so a figure's places are.
    """
    import matplotlib as mpl
    from matplotlib.font_manager import get_font

    if unicodedata.combining(letter):
        return 0.0
    font = get_font(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))
    if not font.get_char_index(ord(letter)):
        return 1.0
    font.set_size(100, 72)
    return font.load_char(ord(letter)).linearHoriAdvance / 65536 / 100


def width_of(text: str, size: float = BODY) -> float:
    """Return the width of text, in units of the viewBox."""
    return size * sum(map(_advance, text))


def shortened(text: str, room: float, size: float = BODY) -> str:
    """Return text that fits, cut and ended by … where it is too wide."""
    text = clean(text)
    if width_of(text[:1000], size) <= room and len(text) <= 1000:
        return text
    left = room - width_of("…", size)
    kept = 0
    for letter in text:
        left -= size * _advance(letter)
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


class Lettering:
    """Chooses fonts for the PNG of several figures, and says once what no font has."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self._looked = False  # whether the machine was searched for fonts that matplotlib does not know of

    def families(self, texts: Iterable[str]) -> list[str]:
        """Return the font families that have the letters of some texts, by preference."""
        from matplotlib.font_manager import fontManager

        fonts = {entry.name: entry for entry in reversed(fontManager.ttflist)}
        letters = {letter for text in texts for letter in text if not letter.isspace()}
        families = [_PLAIN]
        letters -= _has(fonts[_PLAIN], letters)
        if letters:
            chosen, letters = _covering(letters, fonts)
            if letters and not self._looked:
                self._looked = True
                more, letters = _covering(letters, _newly_installed(fontManager))
                chosen += more
            families += chosen
            self.missing |= letters
        return families

    def report(self) -> None:
        """Log what no font has."""
        if self.missing:
            some = "".join(sorted(self.missing)[:10]) + ("…" if len(self.missing) > 10 else "")
            log.warning(
                "no installed font has %d of the letters in the figures (%s): the PNG show boxes in their place; for "
                "Chinese install a font such as Noto Sans CJK (Debian and Ubuntu: apt install fonts-noto-cjk; Fedora: "
                "dnf install google-noto-sans-cjk-fonts) and draw them again; the SVG are not concerned",
                len(self.missing),
                some,
            )


def _covering(letters: set[str], fonts: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Return the first known family with all letters, or several that together have the most, and what they lack."""
    have = {name: _has(fonts[name], letters) for name in _CHINESE if name in fonts}
    for name, had in have.items():
        if had == letters:
            return [name], set()
    chosen, left = [], set(letters)
    while have and (best := max(have, key=lambda name: len(have[name] & left))) and have[best] & left:
        chosen.append(best)
        left -= have.pop(best)
    return chosen, left


def _has(entry: Any, letters: set[str]) -> set[str]:
    """Return the letters that a font has; none where its file cannot be read."""
    from matplotlib import font_manager

    try:
        place: Any = entry.fname
        if getattr(entry, "index", 0):  # a further face of a collection
            place = font_manager.FontPath(entry.fname, entry.index)
        font = font_manager.get_font(place)
        return {letter for letter in letters if font.get_char_index(ord(letter))}
    except (OSError, RuntimeError):
        return set()


def _newly_installed(manager: Any) -> dict[str, Any]:
    """Return the fonts that matplotlib's own list, kept from an earlier start, does not have yet."""
    from matplotlib.font_manager import findSystemFonts

    listed = {entry.fname for entry in manager.ttflist}
    before = len(manager.ttflist)
    for path in findSystemFonts():
        if path not in listed:
            try:
                manager.addfont(path)
            except (OSError, RuntimeError, NotImplementedError):
                continue  # no font that can be drawn with
    return {entry.name: entry for entry in manager.ttflist[before:]}
