"""Scenario files and mappings in, checked settings out: `extends`, relative paths, and every mistake at once."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lendplan.data.findings import Finding, InputError, shown
from lendplan.data.sources import InputRecord
from lendplan.scenario.mappings import nodes_of
from lendplan.scenario.messages import explain
from lendplan.scenario.nodes import KeyPath, Node, Place, finding
from lendplan.scenario.overrides import override
from lendplan.scenario.schema import Settings
from lendplan.scenario.yamlsource import CONTROL, load_yaml

log = logging.getLogger(__name__)

_READ: tuple[tuple[str, ...], ...] = (("enterprises",), ("ratings",), ("churn",), ("treasury", "workbook"))
_PATHS = (*_READ, ("output",), ("treasury", "save_as"))


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario as it was read from files.

    Parameters
    ----------
    settings
        What it says; its paths are absolute.
    path
        The file, absolute.
    files
        It and the files it extends, each with hash and encoding.
    """

    settings: Settings
    path: Path
    files: tuple[InputRecord, ...]
    _root: Node = field(repr=False)

    def locate(self, keypath: str | Sequence[str | int]) -> Place:
        """Return where a key's value stands; where the key is not given, where the nearest block above it does."""
        return _place(self._root, _split(keypath))[0]

    def finding(self, keypath: str | Sequence[str | int], message: str) -> Finding:
        """Return a finding about a key.

        Parameters
        ----------
        keypath
            Dotted (``limits.0.where``), or its steps; limits count from 0.
        message
            What is wrong, and the remedy.
        """
        path = _split(keypath)
        return finding(message, _place(self._root, path)[0], path)


def load_settings(path: str | Path, overrides: Sequence[str] = ()) -> ScenarioFile:
    """Read a scenario file.

    Parameters
    ----------
    path
        A YAML file.
    overrides
        ``KEY=VALUE`` each, as ``--set`` takes them: KEY is dotted, and a limit goes by its name or by its position
        from 0 (``limits.reach.at_least``); VALUE is YAML, and a path in it belongs to the working directory.

    Returns
    -------
    ScenarioFile

    Raises
    ------
    InputError
        With everything that is wrong in the file, those it extends, and the overrides.
    """
    if CONTROL.search(str(path)):
        raise InputError(Finding(f"the path {str(path)!a} holds a control character"))
    reading = _Reading()
    root = reading.chain(str(path))
    for text in overrides:
        reading.findings += override(root, text)
    if overrides:
        _absolute_paths(root, Path.cwd())
    main = Path(_absolute(path))
    reading.check_folders(root, main.parent)
    if isinstance(root.content, dict) and _absent(root, "output"):
        root.content["output"] = Node(str(main.parent / "plans" / main.stem), Place(str(path)))
    settings = reading.validate(root, need_enterprises=True)
    return ScenarioFile(settings, main, tuple(reading.files), root)


def settings_from(
    mapping: Mapping[str, Any], base: str | Path | None = None, *, need_enterprises: bool = True
) -> Settings:
    """Check a scenario given as a mapping, with the keys and values of a scenario file.

    Parameters
    ----------
    mapping
        The scenario; NumPy scalars, tuples and paths are taken for what they hold.
    base
        Folder that relative paths belong to; the working directory unless given.
    need_enterprises
        False where the book comes as a data frame.

    Returns
    -------
    Settings
        Its `output` is None unless given.

    Raises
    ------
    InputError
        With everything that is wrong; findings have key paths and no lines.
    """
    reading = _Reading()
    root, reading.findings = nodes_of(mapping)
    if not isinstance(root.content, dict):
        raise InputError(Finding("a scenario is a mapping of keys to values"))
    if not _absent(root, "extends"):
        root.content["extends"].refused = True
        reading.report("is read from files alone; merge the mappings", Place(), ("extends",))
    _absolute_paths(root, Path.cwd() if base is None else Path(base))
    return reading.validate(root, need_enterprises=need_enterprises)


class _Reading:
    """The findings of one reading, and the steps that add to them."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.files: list[InputRecord] = []
        self.complete = True

    def report(self, message: str, place: Place, path: KeyPath = ()) -> None:
        self.findings.append(finding(message, place, path))

    def chain(self, path: str) -> Node:
        """Read a file and those it extends, and merge them."""
        names, named_at, layers = [path], Place(path), []
        while True:
            root = self._layer(names, named_at)
            layers.append(root)
            extends = _take_extends(root)
            if extends is None:
                break
            named_at = extends.place
            names.append(os.path.normpath(Path(names[-1]).parent / str(extends.content)))
            if os.path.realpath(names[-1]) in map(os.path.realpath, names[:-1]):
                self.report(
                    f"runs in a circle: {' → '.join(names)}; remove one `extends`", named_at, ("extends",)
                )
                self.complete = False
                break
        merged = layers.pop()
        while layers:
            merged = _merge(merged, layers.pop())
        return merged

    def _layer(self, names: list[str], named_at: Place) -> Node:
        """Read the last file of a chain, its paths made absolute."""
        document = load_yaml(names[-1])
        for one in document.findings:
            if one.line is None and len(names) > 1:
                # About the file as a whole: what must be looked at is the line that names it.
                chain = f"{one.file}: {one.message} (read as {' → '.join(names)})"
                self.report(chain, named_at, ("extends",))
            else:
                self.findings.append(one)
        self.complete &= document.complete
        if document.sha256:
            record = InputRecord("scenario", _absolute(names[-1]), document.sha256, document.encoding)
            self.files.append(record)
        _absolute_paths(document.root, Path(names[-1]).parent)
        return document.root

    def check_folders(self, root: Node, folder: Path) -> None:
        """Log what is read outside the scenario's folder, and refuse to write there."""
        inside = Path(os.path.realpath(folder))
        for key in _READ:
            node = _below(root, key)
            if (
                node
                and isinstance(node.content, str)
                and not Path(os.path.realpath(node.content)).is_relative_to(inside)
            ):
                log.info("%s: %s lies outside the scenario's folder", ".".join(key), node.content)
        node = root.child("output")
        # On the command line the folder is the user's own word, not that of a file from somewhere.
        if node and isinstance(node.content, str) and not node.place.file.startswith("--set "):
            output = Path(os.path.realpath(node.content))
            if output == inside or not output.is_relative_to(inside):
                place = f"{shown(node.content, 200)} is no folder below that of the scenario"
                self.report(
                    f"{place}; remove the key, or give the folder with --output", node.place, ("output",)
                )

        treasury = root.child("treasury")
        if not treasury:
            return
        final_key = "workbook" if _absent(treasury, "save_as") else "save_as"
        node = treasury.child(final_key)
        if node and isinstance(node.content, str) and not node.place.file.startswith("--set "):
            final = Path(os.path.realpath(node.content))
            if not final.is_relative_to(inside):
                self.report(
                    f"{shown(node.content, 200)} would be written outside the scenario's folder; give a `save_as` "
                    f"within it, or say it on the command line with --set treasury.{final_key}=…",
                    node.place,
                    ("treasury", final_key),
                )

    def validate(self, root: Node, *, need_enterprises: bool) -> Settings:
        """Return the settings, or raise everything that was found."""
        _as_written(root)
        settings = None
        try:
            settings = Settings.model_validate(root.plain())
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self._explain(root, detail)
        if need_enterprises and _absent(root, "enterprises") and self.complete:
            about = "is required and missing: the file with a row for each enterprise"
            self.report(about, root.place, ("enterprises",))
        if self.findings or settings is None:
            ordered = sorted(
                dict.fromkeys(self.findings), key=lambda one: (one.file, one.line or 0, one.column or 0)
            )
            raise InputError(ordered)
        return settings

    def _explain(self, root: Node, detail: Any) -> None:
        steps = tuple(step for step in detail["loc"] if step != "[key]")
        node = _place(root, steps)[1]
        path, message = explain(detail, Settings, node.written)
        place, nearest = _place(root, path)
        if detail["type"] == "extra_forbidden":
            place = nearest.key_place or place
        spoken_of = _refused(root, path)
        if detail["type"] == "missing":
            spoken_of |= not self.complete
        elif detail["type"] == "lendplan" and isinstance(nearest.content, dict):
            spoken_of |= any(below.refused for below in nearest.content.values())
        if not spoken_of:
            self.report(message, place, path)


def _split(keypath: str | Sequence[str | int]) -> KeyPath:
    if isinstance(keypath, str):
        return tuple(int(step) if step.isdecimal() else step for step in keypath.split("."))
    return tuple(keypath)


def _place(root: Node, path: KeyPath) -> tuple[Place, Node]:
    """Return the place of a value and its node; where there is none, those of the nearest block above."""
    node = root
    for step in path:
        below = node.child(step)
        if below is None:
            return node.key_place or node.place, node
        node = below
    return node.place, node


def _refused(root: Node, path: KeyPath) -> bool:
    node: Node | None = root
    for step in path:
        if node is None or node.refused:
            break
        node = node.child(step)
    return node is not None and node.refused


def _absent(root: Node, key: str) -> bool:
    node = root.child(key)
    return node is None or (node.content is None and not node.refused)


def _merge(base: Node, over: Node) -> Node:
    if not (isinstance(base.content, dict) and isinstance(over.content, dict)):
        return over
    content = dict(base.content)
    for key, node in over.content.items():
        content[key] = _merge(content[key], node) if key in content else node
    return Node(content, over.place, over.key_place, refused=base.refused or over.refused)


def _take_extends(root: Node) -> Node | None:
    """Take `extends` out of a scenario where it can be followed; the schema speaks of it where it cannot."""
    extends = root.child("extends")
    if extends is None or extends.refused or not isinstance(extends.content, str) or not extends.content:
        return None
    return root.content.pop("extends") if isinstance(root.content, dict) else None


def _absolute(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - Path.absolute() keeps `..`, Path.resolve() follows links


def _below(root: Node, key: tuple[str, ...]) -> Node | None:
    node: Node | None = root
    for step in key:
        node = node.child(step) if node else None
    return node


def _absolute_paths(root: Node, folder: Path) -> None:
    for key in _PATHS:
        node = _below(root, key)
        if node and isinstance(node.content, str) and node.content:
            node.content = _absolute(folder / node.content)


def _as_written(root: Node) -> None:
    """Give the values of `where` back the text they were written as: 001 is a number in YAML, and a name there."""
    limits = root.child("limits")
    for limit in limits.content if limits and isinstance(limits.content, list) else []:
        where = limit.child("where")
        for _, node in where.walk() if where else ():
            if node is not where and node.written is not None and node.content is not None:
                node.content = node.written
