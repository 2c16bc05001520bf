"""What stands in an SVG: its texts with their boxes, its lines and its marks."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from lxml import etree

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Written:
    """A text and the box that it takes, left, top, right, bottom, if its letters are as wide as in Arial."""

    text: str
    x: float
    y: float
    colour: str
    box: Box


def parsed(svg: str) -> Any:
    """Return the root element."""
    return etree.fromstring(svg)


def texts(svg: str) -> list[Written]:
    """Return the texts of an SVG."""
    found = []
    for element in parsed(svg).iter(f"{_SVG}text"):
        text, size = element.text or "", float(element.get("font-size"))
        x, y = float(element.get("x")), float(element.get("y"))
        wide = size * sum(_width(letter) for letter in text)
        before = {"end": wide, "middle": wide / 2}.get(element.get("text-anchor"), 0.0)
        turned = _NUMBER.findall(element.get("transform", ""))
        up, down = 0.72 * size, 0.2 * size
        box = (x - before, y - up, x - before + wide, y + down)
        if turned and float(turned[0]) == -90:
            box = (x - up, y - (wide - before), x + down, y + before)
        found.append(Written(text, x, y, element.get("fill", "#000000"), box))
    return found


def _width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.28 if letter in " .,:·()ijl|'" else 0.556 if letter.islower() or letter.isdigit() else 0.68


def marks(svg: str, name: str) -> list[tuple[float, float]]:
    """Return the middles of the marks in a group, be they used or drawn."""
    uses = list(_group(svg, name).iter(f"{_SVG}use"))
    if uses:
        return [(float(use.get("x")), float(use.get("y"))) for use in uses]
    return [_middle(one.get("d")) for one in _group(svg, name).iter(f"{_SVG}path")]


def _middle(outline: str) -> tuple[float, float]:
    numbers = [float(one) for one in _NUMBER.findall(outline)]
    xs, ys = numbers[::2], numbers[1::2]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def path(svg: str, name: str) -> list[tuple[float, float]]:
    """Return the places that the line in a group goes through."""
    numbers = [float(one) for one in _NUMBER.findall(next(_group(svg, name).iter(f"{_SVG}path")).get("d"))]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _group(svg: str, name: str) -> Any:
    (group,) = (one for one in parsed(svg).iter(f"{_SVG}g") if one.get("id") == name)
    return group


def has_group(svg: str, name: str) -> bool:
    """Whether there is a group of this id."""
    return any(one.get("id") == name for one in parsed(svg).iter(f"{_SVG}g"))


def ids(svg: str) -> list[str]:
    """Return all ids."""
    return [one.get("id") for one in parsed(svg).iter() if one.get("id") is not None]


def references(svg: str) -> set[str]:
    """Return the ids that something refers to."""
    named = set()
    for element in parsed(svg).iter():
        for key, value in element.attrib.items():
            named |= {value[1:]} if key == _LINK else set(re.findall(r"url\(#([^)]+)\)", value))
            if key == "aria-labelledby":
                named |= set(value.split())
    return named


def paints(svg: str) -> set[str]:
    """Return the colours of strokes, and of what is filled wholly."""
    found = set()
    for element in parsed(svg).iter():
        if element.get("stroke", "none") != "none" and element.get("stroke-width") != "0":
            found.add(element.get("stroke"))
        if element.get("fill", "none") != "none" and element.get("fill-opacity") is None:
            found.add(element.get("fill"))
    return found


def contrast(colour: str, other: str = "#ffffff") -> float:
    """Return the contrast of two colours as WCAG 2 defines it."""
    first, second = sorted((_luminance(colour), _luminance(other)))
    return (second + 0.05) / (first + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
