"""Workbooks as zip archives: bombs, entities and encryption are refused before anything is parsed."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NoReturn

from lendplan.data.findings import Finding, InputError

COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""First bytes of an OLE compound file: legacy .xls, or an encrypted .xlsx."""

MAX_UNPACKED = 2 << 30
"""Most bytes that a workbook's parts may unpack to."""
MAX_RATIO = 250
"""Largest unpacked size of a large part relative to its packed one; people's sheets stay below 100."""
LARGE_PART = 32 << 20
MAX_PARTS = 10_000
MAX_PROLOG = 1 << 20
"""Most bytes before the first element of an XML part."""

XML_SUFFIXES = (".xml", ".rels", ".vml")
DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError)


class Parts:
    """The parts of a workbook, unpacked no further than the sizes they declare.

    Parameters
    ----------
    data
        The workbook's bytes.

    Raises
    ------
    zipfile.BadZipFile
        If it is no zip archive.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            self.entries = {entry.filename: entry for entry in archive.infolist()}
            self.count = len(archive.infolist())

    def chunks(self, name: str) -> Iterator[bytes]:
        """Unpack a part piece by piece.

        Raises
        ------
        zipfile.BadZipFile
            If the part is larger than it declares. `zipfile` would cut it off there and other readers would not.
        """
        entry = self.entries[name]
        header = self._data[entry.header_offset : entry.header_offset + 30]
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile(f"part {name} is not where the directory says")
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        start = entry.header_offset + 30 + name_length + extra_length
        packed = self._data[start : start + entry.compress_size]
        if entry.compress_type == zipfile.ZIP_STORED:
            yield packed
            return
        unpacker, left = zlib.decompressobj(-15), entry.file_size + 1
        while left > 0 and not unpacker.eof:
            piece = unpacker.decompress(packed, min(1 << 22, left))
            packed = unpacker.unconsumed_tail
            left -= len(piece)
            if not piece and not packed:
                break
            yield piece
        if left <= 0:
            raise zipfile.BadZipFile(f"part {name} is larger than the directory says")

    def unpacked(self, name: str) -> bytes:
        """Unpack a whole part."""
        return b"".join(self.chunks(name))


def open_parts(data: bytes, file: str) -> Parts:
    """Open a workbook's archive and look it over, parsing nothing.

    Parameters
    ----------
    data
        The workbook's bytes.
    file
        Its name, for messages.

    Returns
    -------
    Parts

    Raises
    ------
    InputError
        If it is encrypted, legacy, damaged or no workbook, unpacks to an absurd size, or has a part with a
        document type declaration.
    """

    def refuse(message: str, cause: Exception | None = None) -> NoReturn:
        raise InputError(Finding(message, file=file)) from cause

    if data.startswith(COMPOUND_FILE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            refuse("is encrypted; save it without a password")
        refuse("is a legacy .xls workbook, which is not read; save it as .xlsx")
    try:
        parts = Parts(data)
    except DAMAGE as error:
        refuse(f"is no .xlsx workbook: {error}", error)
    entries = parts.entries
    if parts.count > MAX_PARTS or sum(entry.file_size for entry in entries.values()) > MAX_UNPACKED:
        refuse("unpacks to an absurd size, as a zip bomb does; it is not opened")
    for name, entry in entries.items():
        if entry.file_size > max(LARGE_PART, MAX_RATIO * entry.compress_size):
            ratio = entry.file_size / max(entry.compress_size, 1)
            refuse(
                f"part {name} unpacks to {ratio:,.0f} times its size, as a zip bomb does; it is not opened"
            )
        if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            refuse(f"part {name} is encrypted or packed in an unknown way")
    if "[Content_Types].xml" not in entries:
        refuse("is a zip archive, but no .xlsx workbook")
    for name in entries:
        if name.lower().endswith(XML_SUFFIXES):
            try:
                fault = _prolog_fault(parts, name)
            except DAMAGE as error:
                refuse(f"is damaged: {error}", error)
            if fault:
                refuse(f"part {name} {fault}; it is not opened")
    return parts


def _prolog_fault(parts: Parts, name: str) -> str:
    """Return what is wrong before a part's first element; unpacks all of it, so that lies about sizes show."""
    head = b""
    is_open = True
    for piece in parts.chunks(name):
        if not is_open:
            continue
        head += piece[: MAX_PROLOG + 1]
        is_wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = head.decode("utf-16", "replace") if is_wide else head.decode("latin-1")
        text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
        before, *rest = re.split(r"<(?=[\w:])", text, maxsplit=1)
        if "<!DOCTYPE" in before or "<!ENTITY" in before:
            return "declares a document type or entities, which no workbook needs"
        is_open = not rest
        if is_open and len(head) > MAX_PROLOG:
            return "does not begin as XML does"
    return ""
