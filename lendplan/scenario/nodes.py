"""Values that know where they stand: what the YAML reader makes, and the scenario's loader merges."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lendplan.data.findings import Finding

KeyPath = tuple[str | int, ...]
"""Keys of mappings and positions in lists (from 0), from the root down."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: line and column count from 1, None where there is no file."""

    file: str = ""
    line: int | None = None
    column: int | None = None


@dataclass(slots=True)
class Node:
    """A value, its place, and that of its key.

    Parameters
    ----------
    content
        Of a mapping or list the nodes, else the value.
    place, key_place
        Where the value and its key stand.
    written
        A number, truth value or null as it was written.
    refused
        A finding speaks of it already; what follows from its content is not worth another.
    """

    content: "dict[str, Node] | list[Node] | str | int | float | bool | None"
    place: Place
    key_place: Place | None = None
    written: str | None = None
    refused: bool = False

    def child(self, step: str | int) -> "Node | None":
        """Return the node at one key or position, None where there is none."""
        if isinstance(self.content, dict):
            return self.content.get(str(step))
        if isinstance(self.content, list) and isinstance(step, int) and 0 <= step < len(self.content):
            return self.content[step]
        return None

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content

    def walk(self, path: KeyPath = ()) -> "Iterator[tuple[KeyPath, Node]]":
        """Yield this node and all below it, each with its path."""
        yield path, self
        steps: Iterable[tuple[str | int, Node]] = ()
        if isinstance(self.content, dict):
            steps = self.content.items()
        elif isinstance(self.content, list):
            steps = enumerate(self.content)
        for step, node in steps:
            yield from node.walk((*path, step))


@dataclass(frozen=True, slots=True)
class Document:
    """A text as it was read.

    Parameters
    ----------
    root
        Its value; an empty mapping where reading broke off.
    findings
        What is wrong with it.
    complete
        False where reading broke off.
    sha256, encoding
        Of the file.
    """

    root: Node
    findings: tuple[Finding, ...] = ()
    complete: bool = True
    sha256: str = ""
    encoding: str = ""

    @property
    def value(self) -> Any:
        """The value without places."""
        return self.root.plain()

    @property
    def places(self) -> dict[KeyPath, Place]:
        """The place of each value, by its path."""
        return {path: node.place for path, node in self.root.walk()}


def finding(message: str, place: Place, path: KeyPath = ()) -> Finding:
    """Return a finding about the key at `path`, at `place`."""
    key = ".".join(map(str, path)) or None
    return Finding(message, file=place.file, line=place.line, column=place.column, key=key)
