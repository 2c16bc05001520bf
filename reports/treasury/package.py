"""A workbook's parts and how they hang together: sheets, relationships, tables, names, styles, shared strings."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lxml import etree

from lendplan.data.archives import open_parts
from lendplan.data.findings import Finding, InputError
from lendplan.data.sources import read_bytes
from lendplan.reports.treasury.celltext import shared_text, unescaped, unquoted
from lendplan.reports.treasury.target import WorkbookError
from lendplan.reports.treasury.zipcopy import refuse_overlaps

CONTENT_TYPES = "[Content_Types].xml"
_SIGNATURES = "_xmlsignatures/"
_STRING = re.compile(rb"<(?:\w+:)?si[\s>/]")
_PLAIN_STRING = re.compile(rb'<si><t(?: xml:space="preserve")?>([^<]*)</t></si>')
"""A shared text without runs of several formats; most are, and their elements need not be built."""

Element = Any
"""An lxml element; its stubs do not know the namespaces used here."""


def parsed(xml: bytes) -> Element:
    """Parse a part; no entity is resolved, nothing is fetched, and no tree grows beyond libxml2's own bounds.

    Raises
    ------
    lxml.etree.XMLSyntaxError
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_blank_text=False
    )
    return etree.fromstring(xml, parser)


def serialised(root: Element) -> bytes:
    """Return a part as Office writes it: UTF-8, standalone."""
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def local(element: Element) -> str:
    """Return an element's name without its namespace; '' for a comment."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Element, name: str) -> Iterator[Element]:
    """Yield the children of one name, in whatever namespace; transitional and strict files differ in it."""
    return (child for child in element if local(child) == name)


def child(element: Element, name: str) -> Element | None:
    """Return the first child of one name."""
    return next(children(element, name), None)


@dataclass(frozen=True)
class Relation:
    """A relationship of a part: its id, the end of its type, the part it leads to."""

    id: str
    kind: str
    part: str


@dataclass(frozen=True)
class SheetEntry:
    """A sheet as the workbook lists it; the part is '' where it cannot be found."""

    name: str
    part: str
    kind: str


class Package:
    """A workbook whose archive was looked over.

    Parameters
    ----------
    path
        The workbook.
    shown
        Its name in messages; the path unless given.

    Raises
    ------
    InputError
        If it is missing, hostile, damaged, encrypted, legacy, or no workbook.
    WorkbookError
        If it is signed.
    """

    def __init__(self, path: Path, shown: str = "") -> None:
        self.file = shown or str(path)
        self.data = read_bytes(path)
        self.parts = open_parts(self.data, self.file)
        refuse_overlaps(self.parts, self.data, self.file)
        start = self.relations("")
        self.workbook_part = next((one.part for one in start if one.kind == "officeDocument"), "")
        if self.workbook_part not in self.parts.entries:
            self._refuse("has no workbook part")
        if not self.workbook_part.lower().endswith(".xml"):
            self._refuse("is a binary workbook (.xlsb), which is not read; save it as .xlsx")
        self.workbook = self.xml(self.workbook_part)
        if local(self.workbook) != "workbook":
            self._refuse("holds no workbook, but another kind of document")

    def _refuse(self, message: str) -> None:
        raise InputError(Finding(message, file=self.file))

    def refuse_signed(self) -> None:
        """Refuse a workbook with a digital signature, which any change would break.

        Raises
        ------
        WorkbookError
        """
        if any(name.lower().startswith(_SIGNATURES) for name in self.parts.entries):
            message = (
                "is digitally signed, and filling it would break the signature; remove the signature first"
            )
            raise WorkbookError(Finding(message, file=self.file))

    def xml(self, part: str) -> Element:
        """Parse a part.

        Raises
        ------
        InputError
            If it is no XML.
        """
        try:
            return parsed(self.parts.unpacked(part))
        except etree.XMLSyntaxError as error:
            raise InputError(Finding(f"part {part} is damaged: {error}", file=self.file)) from error

    def relations_part(self, part: str) -> str:
        """Return the name of the part that lists a part's relationships; '' is the package itself."""
        folder, name = posixpath.split(part)
        return posixpath.join(folder, "_rels", f"{name}.rels")

    def relations(self, part: str) -> list[Relation]:
        """Return a part's relationships to other parts; those that lead outside are left out."""
        name = self.relations_part(part)
        if name not in self.parts.entries:
            return []
        return [
            Relation(
                item.get("Id", ""),
                item.get("Type", "").rpartition("/")[2],
                posixpath.normpath(
                    posixpath.join("/", posixpath.dirname(part), item.get("Target", ""))
                ).lstrip("/"),
            )
            for item in self.xml(name)
            if local(item) == "Relationship" and item.get("TargetMode") != "External"
        ]

    @cached_property
    def sheets(self) -> list[SheetEntry]:
        """The sheets in their order."""
        related = {one.id: one for one in self.relations(self.workbook_part)}
        listed = child(self.workbook, "sheets")
        sheets = []
        for item in () if listed is None else children(listed, "sheet"):
            relation_id = next((value for key, value in item.items() if key.endswith("}id")), "")
            relation = related.get(relation_id, Relation("", "", ""))
            part = relation.part if relation.part in self.parts.entries else ""
            sheets.append(SheetEntry(item.get("name", ""), part, relation.kind))
        return sheets

    def sheet(self, name: str) -> SheetEntry | None:
        """Return the sheet of a name; as in Excel, small and capital letters are alike."""
        exact = next((one for one in self.sheets if one.name == name), None)
        return exact or next((one for one in self.sheets if one.name.casefold() == name.casefold()), None)

    @property
    def worksheets(self) -> list[SheetEntry]:
        """The sheets that hold cells."""
        return [one for one in self.sheets if one.kind == "worksheet" and one.part]

    @cached_property
    def defined_names(self) -> list[tuple[str, str | None, str]]:
        """Name, the sheet it belongs to (None: the workbook), and what it refers to."""
        listed = child(self.workbook, "definedNames")
        names = []
        for item in () if listed is None else children(listed, "definedName"):
            scope = item.get("localSheetId", "")
            inside = scope.isdigit() and int(scope) < len(self.sheets)
            owner = self.sheets[int(scope)].name if inside else None
            names.append((item.get("name", ""), owner, (item.text or "").strip()))
        return names

    @cached_property
    def structure_is_locked(self) -> bool:
        """Whether the workbook is protected against new sheets."""
        protection = child(self.workbook, "workbookProtection")
        return protection is not None and protection.get("lockStructure", "0") in ("1", "true")

    @cached_property
    def shared_strings(self) -> list[str]:
        """The texts that cells of the workbook share, phonetic guides left out."""
        related = self.relations(self.workbook_part)
        part = next((one.part for one in related if one.kind == "sharedStrings"), "")
        if part not in self.parts.entries:
            return []
        xml = self.parts.unpacked(part)
        plain = _PLAIN_STRING.findall(xml)
        if (
            len(plain) == len(_STRING.findall(xml))
            and b"encoding=" in xml[:60].lower()
            and b"utf-8" in xml[:60].lower()
        ):
            return [unescaped(unquoted(text.decode())) for text in plain]
        return [shared_text(item) for item in children(self.xml(part), "si")]

    @cached_property
    def unlocked_styles(self) -> frozenset[int]:
        """Numbers of the cell formats that a sheet's protection lets one fill in."""
        related = self.relations(self.workbook_part)
        part = next((one.part for one in related if one.kind == "styles"), "")
        if part not in self.parts.entries:
            return frozenset()
        formats = child(self.xml(part), "cellXfs")
        unlocked = set()
        for number, item in enumerate(() if formats is None else children(formats, "xf")):
            protection = child(item, "protection")
            if protection is not None and protection.get("locked", "1") in ("0", "false"):
                unlocked.add(number)
        return frozenset(unlocked)
