"""Text in cells: escapes that spreadsheets use for characters that XML cannot hold, and text to XML."""

from __future__ import annotations

import re
from typing import Any

MAX_TEXT = 32_767
"""Most characters in a cell."""

_REFERENCE = re.compile(r"&(lt|gt|quot|apos|amp|#[xX][0-9A-Fa-f]+|#\d+);")
_NAMED = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&"}
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]")


def unescaped(text: str) -> str:
    """Return a text with ``_x000D_`` and the like as the characters that they stand for."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def unquoted(text: str) -> str:
    """Return the text of an element without markup of its own: its references as the characters they stand for."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    name = match[1]
    if not name.startswith("#"):
        return _NAMED[name]
    return chr(int(name[2:], 16) if name[1] in "xX" else int(name[1:]))


def escaped(text: str) -> str:
    """Return a text as the content of an element."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text_xml(text: str, prefix: str = "") -> bytes:
    """Return a text as the content of an inline string cell, ``<is><t>…</t></is>``."""
    safe = _ESCAPED.sub(lambda match: f"_x005F{match[0]}", text)
    safe = _UNWRITABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", safe)
    space = ' xml:space="preserve"' if safe != safe.strip() or "\n" in safe or "  " in safe else ""
    return f"<{prefix}is><{prefix}t{space}>{escaped(safe)}</{prefix}t></{prefix}is>".encode()


def shared_text(element: Any) -> str:
    """Return the text of a string item, its runs joined, its phonetic guide left out."""
    texts = []
    for child in element:
        name = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else ""
        if name == "t":
            texts.append(child.text or "")
        elif name == "r":
            texts += [
                run.text or ""
                for run in child
                if isinstance(run.tag, str) and run.tag.rpartition("}")[2] == "t"
            ]
    return unescaped("".join(texts))


def number_text(value: float) -> str:
    """Return a finite number as a cell holds it, exactly."""
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
