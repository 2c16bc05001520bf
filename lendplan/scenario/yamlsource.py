"""YAML 1.2 text, composed to values that know their place.

PyYAML scans the text; what a plain word means is settled by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2,
chapter 10.3): ``NO`` and ``12:30`` are text, ``1e-9`` is a number. Anchors, aliases, tags, merge keys, repeated keys
and a second document are refused. Each problem is a `Finding`; all that one pass can see are reported.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lendplan.data.findings import Finding, InputError, shown
from lendplan.data.sources import read_text
from lendplan.scenario.nodes import Document, KeyPath, Node, Place, finding

MAX_BYTES = 5_000_000
"""Largest file, in bytes."""
MAX_DEPTH = 50
"""Deepest nesting of mappings and lists."""
MAX_NODES = 100_000
"""Most keys and values in a file."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Characters that cannot stand in YAML, nor usefully in any text of a scenario."""

# What PyYAML says (libyaml and its Python twin), and what that means to the author; the first match counts.
_SYNTAX: tuple[tuple[tuple[str, ...], str], ...] = (
    (("tab character",), "a tab; indent with spaces"),
    (("mapping values",), "no `:` can stand here; check the indentation, and quote text that holds `: `"),
    (("',' or '}'",), "the `{` is not closed, or a comma is missing"),
    (("',' or ']'",), "the `[` is not closed, or a comma is missing"),
    (("end of stream", "document separator"), "the quotation mark is not closed"),
    (("escape",), "between double quotes `\\` starts an escape; use single quotes"),
    (("cannot start", "alphabetic"), "text that starts with this character must be quoted"),
    (("node content",), "a value is missing, or a bracket or comma is too many"),
    (("expected ':'",), "a key needs a `:` and a space after it"),
    (("expected key", "'-' indicator", "block end"), "does not fit what is above; check indents, quotes and commas"),
)  # fmt: skip


def load_yaml(path: str | Path) -> Document:
    """Read a file whose root is a mapping.

    Parameters
    ----------
    path
        The file; findings name it as it is given.

    Returns
    -------
    Document
        With all that is wrong in its ``findings``; nothing is raised.
    """
    try:
        source = read_text(path, MAX_BYTES)
    except InputError as error:
        return _broken(*error.findings)
    document = parse_yaml(source.text, str(path))
    root = document.root
    if not isinstance(root.content, dict):
        message = "is empty" if root.content is None else "must be a mapping, `key: value` on each line"
        document = _broken(*document.findings, finding(message, root.place))
    return Document(root=document.root, findings=document.findings, complete=document.complete,
                    sha256=source.sha256, encoding=source.encoding)  # fmt: skip


def parse_yaml(text: str, file: str, *, in_file: bool = True) -> Document:
    """Compose a text, whatever its root.

    Parameters
    ----------
    text
        YAML.
    file
        What findings name as the file.
    in_file
        False leaves out line and column: for a value of the command line.
    """
    composer = _Composer(file, in_file)
    control = CONTROL.search(text)
    if control:
        before = text[: control.start()]
        place = composer.place(before.count("\n"), len(before) - before.rfind("\n") - 1)
        return _broken(
            finding(f"the character U+{ord(control.group()):04X} cannot stand in YAML; remove it", place)
        )
    try:
        complete = composer.compose(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        composer.report(_syntax(error, text), composer.place(mark.line, mark.column) if mark else Place(file))
        complete = False
    if not complete:
        return _broken(*composer.findings)
    return Document(composer.root or Node(None, composer.place(0, 0)), tuple(composer.findings))


def resolve_word(word: str) -> str | int | float | bool | None:
    """Return what a plain word means in the core schema.

    Raises
    ------
    ValueError
        If it is NaN, infinite or larger than any double; the message says so.
    """
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if _NOT_FINITE.fullmatch(word):
        raise ValueError(f"{word} is no usable number; write a finite one, or leave the key out")
    if _BASED.fullmatch(word) and len(word) < 200:
        return int(word, 0)
    if _BASED.fullmatch(word) or (_FLOAT.fullmatch(word) and math.isinf(float(word))):
        raise ValueError(f"{shown(word)} is too large a number")
    if _WHOLE.fullmatch(word):
        return int(word)
    return float(word) if _FLOAT.fullmatch(word) else word


def _broken(*findings: Finding) -> Document:
    return Document(Node({}, Place(findings[0].file)), findings, complete=False)


def _syntax(error: Exception, text: str) -> str:
    """Return the scanner's complaint in plain words."""
    problem = getattr(error, "problem", None) or str(error)
    start, mark = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    if mark and "\t" in text.split("\n")[min(mark.line, text.count("\n"))][mark.column : mark.column + 1]:
        problem = "tab character"
    meaning = next((words for signs, words in _SYNTAX if any(sign in problem for sign in signs)), None)
    if meaning is None:
        return f"is not YAML: {problem}"
    if start and mark and start.line != mark.line:
        meaning += f" (what is open here began at line {start.line + 1})"
    return meaning


def _is_text(word: str) -> bool:
    try:
        return isinstance(resolve_word(word), str)
    except ValueError:
        return False


_REFUSED = 0
"""Stands for a key that was refused: its value is read, and left out."""


@dataclass(slots=True)
class _Open:
    """An open mapping or list; in a mapping `key` is None until the next key was read."""

    node: Node
    path: KeyPath
    key: str | int | None = None
    key_place: Place | None = None


@dataclass(slots=True)
class _Composer:
    """Turns events into nodes with a stack of its own, so that nesting cannot exhaust Python's."""

    file: str
    in_file: bool
    root: Node | None = None
    findings: list[Finding] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)

    def place(self, line: int, column: int) -> Place:
        return Place(self.file, line + 1, column + 1) if self.in_file else Place(self.file)

    def report(self, message: str, place: Place, path: KeyPath = ()) -> None:
        self.findings.append(finding(message, place, path))

    def compose(self, events: Iterable[Any]) -> bool:
        """Read to the end, and return whether that was reached."""
        nodes = 0
        for event in events:
            place = self.place(event.start_mark.line, event.start_mark.column)
            if isinstance(event, yaml.CollectionEndEvent):
                self.stack.pop()
            elif isinstance(event, yaml.DocumentStartEvent):
                if self.root is not None:
                    self.report("a second document starts here; a scenario is one", place)
                    break
                if event.tags or event.version not in (None, (1, 2)):
                    self.report("no directive but `%YAML 1.2` is read; remove it", place)
            elif isinstance(event, yaml.NodeEvent):
                nodes += 1
                if nodes > MAX_NODES:
                    self.report(
                        f"more than {MAX_NODES:,} keys and values; tables belong in files of their own", place
                    )
                    return False
                if len(self.stack) == MAX_DEPTH and isinstance(event, yaml.CollectionStartEvent):
                    self.report(f"nested deeper than {MAX_DEPTH} levels", place)
                    return False
                self._node(event, place)
        return True

    def _node(self, event: Any, place: Place) -> None:
        node = Node(None, place)
        if isinstance(event, yaml.ScalarEvent):
            node.content = event.value
            node.written = event.value if event.implicit[0] and event.tag is None else None
        elif isinstance(event, yaml.CollectionStartEvent):
            node.content = {} if isinstance(event, yaml.MappingStartEvent) else []
        node.refused = isinstance(event, yaml.AliasEvent)
        path = self._take(node)
        if isinstance(event, yaml.AliasEvent):
            self.report(f"the alias *{event.anchor} is not read; write the value out", place, path)
            return
        if event.anchor is not None:
            self.report(f"the anchor &{event.anchor} is not read; remove it", place, path)
        if event.tag is not None:
            node.refused = True
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.report(f"the tag {shown(tag)} is not read; remove it, and quote what is text", place, path)
        if isinstance(event, yaml.CollectionStartEvent):
            self.stack.append(_Open(node, path))

    def _take(self, node: Node) -> KeyPath:
        """Put a node where it belongs, and return its path."""
        above = self.stack[-1] if self.stack else None
        path: KeyPath
        if above is None:
            self.root, path = node, ()
        elif isinstance(above.node.content, list):
            path = (*above.path, len(above.node.content))
            above.node.content.append(node)
        elif above.key is None:
            above.key, above.key_place = self._key(node, above), node.place
            return above.path
        else:
            key, above.key = above.key, None
            path = above.path
            if isinstance(key, str) and isinstance(above.node.content, dict):
                above.node.content[key] = node
                node.key_place = above.key_place
                path = (*path, key)
        self._resolve(node, path)
        return path

    def _resolve(self, node: Node, path: KeyPath) -> None:
        """Give a plain word its meaning, and refuse what no text may hold."""
        try:
            if node.written is not None:
                node.content = resolve_word(node.written)
            if isinstance(node.content, str):
                node.written = None
                if CONTROL.search(node.content):
                    raise ValueError(f"{shown(node.content)} holds a control character; remove it")
        except ValueError as error:
            node.content, node.refused = None, True
            self.report(str(error), node.place, path)

    def _key(self, node: Node, above: _Open) -> str | int:
        """Return the key that a node stands for, or _REFUSED."""
        key, siblings = node.content, above.node.content
        if node.refused or not isinstance(siblings, dict):
            return _REFUSED
        if not isinstance(key, str):
            problem = "a mapping or list cannot be a key"
        elif node.written == "<<":
            problem = (
                "the merge key << is not read; write the keys out, or put them in a file and use `extends`"
            )
        elif node.written is not None and not _is_text(key):
            problem = f"the key {key or 'null'} is not text; quote it if it is a name, and write numbers without commas"
        elif CONTROL.search(key):
            problem = f"the key {shown(key)} holds a control character; remove it"
        elif key in siblings:
            first = siblings[key].key_place
            where = f" (first at line {first.line}, column {first.column})" if first and first.line else ""
            problem = f"the key {shown(key)} stands here a second time{where}; keep one"
        else:
            return key
        self.report(problem, node.place, above.path)
        return _REFUSED
