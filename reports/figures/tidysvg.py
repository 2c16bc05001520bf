"""From the SVG that matplotlib writes to one that may stand inside a page, beside others."""

from __future__ import annotations

import re
from typing import Any

from lendplan.reports.figures.look import FAMILIES

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_URL = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"(?:(\d{3}) )?([\d.]+)px")
_UNTURNED = re.compile(r"rotate\(-?0 ")
_FONTS = ", ".join(family if family == "sans-serif" else f"'{family}'" for family in FAMILIES)


def tidied(drawn: bytes, prefix: str, size: tuple[int, int], title: str, description: str) -> str:
    """Return one ``<svg>`` element.

    Styles become attributes, which rules of a page may override and its content policy lets pass; the rule for all
    elements, which would reach the whole page, is dropped; ids begin with `prefix`, and those that nothing names go.

    Parameters
    ----------
    drawn
        What matplotlib wrote.
    prefix
        Of ids.
    size
        Width and height, units of the viewBox.
    title, description
        Told in place of the picture.
    """
    from lxml import etree

    root = etree.fromstring(drawn, etree.XMLParser(remove_comments=True, remove_blank_text=True))
    _drop(root)
    named = {one for element in root.iter() for one in _references(element)}
    for element in root.iter():
        _unstyle(element)
        _rename(element, prefix, named)
    root.attrib.clear()
    width, height = size
    for key, text in {
        "viewBox": f"0 0 {width} {height}",
        "width": str(width),
        "height": str(height),
        "role": "img",
        "aria-labelledby": f"{prefix}-title {prefix}-description",
        "font-family": _FONTS,
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }.items():
        root.set(key, text)
    for at, (tag, own, text) in enumerate((("title", "title", title), ("desc", "description", description))):
        told = etree.Element(f"{{{_SVG}}}{tag}", id=f"{prefix}-{own}")
        told.text = text
        root.insert(at, told)
    etree.cleanup_namespaces(root)
    return str(etree.tostring(root, encoding="unicode"))


def _drop(root: Any) -> None:
    """Take out the metadata, the rules for all elements, and the groups that hold nothing."""
    for gone in list(root.iter(f"{{{_SVG}}}metadata", f"{{{_SVG}}}style")):
        gone.getparent().remove(gone)
    for group in reversed(list(root.iter(f"{{{_SVG}}}g", f"{{{_SVG}}}defs"))):
        if not len(group):
            group.getparent().remove(group)


def _rename(element: Any, prefix: str, named: set[str]) -> None:
    """Begin ids, and what refers to them, with the prefix."""
    for key, value in element.attrib.items():
        if key == "id":
            if value in named or value.startswith(f"{prefix}-"):
                element.set(key, _prefixed(value, prefix))
            else:
                del element.attrib[key]
        elif key == _LINK:
            element.set(key, "#" + _prefixed(value[1:], prefix))
        elif "url(#" in value:
            element.set(key, _URL.sub(lambda match: f"url(#{_prefixed(match[1], prefix)})", value))


def _prefixed(own: str, prefix: str) -> str:
    return own if own.startswith(f"{prefix}-") else f"{prefix}-{own}"


def _references(element: Any) -> list[str]:
    values = list(element.attrib.values())
    found = [match for value in values for match in _URL.findall(value)]
    link = element.get(_LINK)
    return [*found, link[1:]] if link else found


def _unstyle(element: Any) -> None:
    if _UNTURNED.match(element.get("transform", "")):
        del element.attrib["transform"]
    style = element.attrib.pop("style", None)
    if style is None:
        return
    for rule in style.split(";"):
        key, _, value = rule.partition(":")
        key, value = key.strip(), value.strip()
        if key == "font-family" or not key:
            continue
        if key == "font":  # before matplotlib 3.11, all in one
            ((weight, size),) = _FONT.findall(value)
            element.attrib.update({"font-size": size} | ({"font-weight": weight} if weight else {}))
            continue
        element.set(key, value.removesuffix("px") if key == "font-size" else value)
