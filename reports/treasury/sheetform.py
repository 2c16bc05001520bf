"""The form in which a worksheet's part is written: the plain one, in which rows and cells are found by their tags."""

from __future__ import annotations

import re
from xml.parsers import expat

from lxml import etree

from lendplan.reports.treasury.package import Element, child, children, local, parsed, serialised
from lendplan.reports.treasury.references import cell_of, column_letters

ROOT = re.compile(rb"<(?:([A-Za-z_][\w.-]*):)?worksheet[\s>]")
_PIECE = 1 << 20


def refuse_malformed(xml: bytes) -> None:
    """Read a part from end to end.

    Raises
    ------
    xml.parsers.expat.ExpatError
        If it is not well-formed.
    """
    parser = expat.ParserCreate()
    for start in range(0, len(xml), _PIECE):
        parser.Parse(xml[start : start + _PIECE], False)
    parser.Parse(b"", True)


def is_plain(xml: bytes) -> bool:
    """Whether rows and cells can be found by their tags: UTF-8, no comments, and each says first where it stands."""
    declared = xml.startswith((b"<?xml", b"\xef\xbb\xbf<?xml"))
    start = xml.find(b"?>") + 2 if declared else 0
    encoding = re.search(rb"""encoding\s*=\s*["']([^"']*)""", xml[:start])
    root = ROOT.search(xml, start, start + (1 << 16))
    if root is None or (encoding and encoding[1].lower() not in (b"utf-8", b"us-ascii")):
        return False
    if xml.find(b"<!", start) >= 0 or xml.find(b"<?", start) >= 0:
        return False
    p = root[1] + b":" if root[1] else b""
    for name in (b"row", b"c"):
        tag = b"<%s%s" % (p, name)
        others = sum(xml.count(tag + end) for end in (b" ", b">", b"/", b"\n", b"\t", b"\r"))
        if others != xml.count(tag + b' r="'):
            return False
    return True


def plain_form(xml: bytes) -> bytes:
    """Write a worksheet again so that each row and cell says first, in its tag, where it stands.

    Raises
    ------
    lxml.etree.XMLSyntaxError
    ValueError
        If the part is no worksheet, or a reference is none.
    """
    root = parsed(xml)
    data = child(root, "sheetData")
    if local(root) != "worksheet" or data is None:
        raise ValueError("it is no worksheet")
    for item in list(root.iter(etree.Comment, etree.ProcessingInstruction)):
        parent = item.getparent()
        if parent is not None:
            parent.remove(item)
    number = 0
    for row in children(data, "row"):
        number = int(row.get("r", number + 1))
        column = 0
        for one in children(row, "c"):
            at = cell_of(one.get("r", f"{column_letters(column + 1)}{number}"))
            if at is None or at[0] != number:
                raise ValueError(f"cell {one.get('r')!r} stands in row {number}")
            column = at[1]
            _first(one, f"{column_letters(column)}{number}")
        _first(row, str(number))
    return serialised(root)


def _first(element: Element, reference: str) -> None:
    """Make where an element stands the first of its attributes."""
    others = {key: value for key, value in element.attrib.items() if key != "r"}
    element.attrib.clear()
    element.set("r", reference)
    for key, value in others.items():
        element.set(key, value)
