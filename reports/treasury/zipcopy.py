"""A zip archive written again with some members changed; all others are copied as the bytes they are.

`zipfile` can only pack a member anew, which changes its packed bytes, its date and its flags.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO
from zipfile import ZIP_DEFLATED, BadZipFile, ZipInfo

from lendplan.data.archives import Parts
from lendplan.data.findings import Finding, InputError

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_DESCRIPTOR = b"PK\x07\x08"
_HAS_DESCRIPTOR, _UTF8 = 0x8, 0x800
_ZIP64 = 0x0001
_OFFICE_DATE = (1980, 1, 1, 0, 0, 0)
"""What Office gives every part; a new part has no date of its own, so that a fill can be repeated to the byte."""
LEVEL = 6
"""Of compression, as Office packs."""

Chunks = Iterable[bytes | memoryview]


@dataclass(frozen=True)
class _Record:
    """Where a member lies in the archive: its header, its packed bytes, its end with any descriptor."""

    start: int
    packed: int
    packed_end: int
    end: int


def packed_bytes(data: bytes, entry: ZipInfo) -> memoryview:
    """Return a member's packed bytes as they lie in the archive."""
    record = _record(data, entry)
    return memoryview(data)[record.packed : record.packed_end]


def refuse_overlaps(parts: Parts, data: bytes, file: str) -> None:
    """Refuse an archive two of whose members share a name or bytes: readers would not agree on what is in it.

    Raises
    ------
    InputError
    """
    entries = sorted(parts.entries.values(), key=lambda entry: entry.header_offset)
    if parts.count != len(entries) or len({entry.filename.casefold() for entry in entries}) != len(entries):
        raise InputError(Finding("holds two parts of one name; it is not opened", file=file))
    end = 0
    for entry in entries:
        try:
            record = _record(data, entry)
        except BadZipFile as error:
            raise InputError(Finding(f"is damaged: {error}", file=file)) from error
        if record.start < end or record.end > len(data):
            message = f"part {entry.filename} lies over another, as in a zip bomb; it is not opened"
            raise InputError(Finding(message, file=file))
        end = record.end


def rewrite(
    data: bytes, parts: Parts, changed: Mapping[str, Chunks], added: Mapping[str, bytes], out: IO[bytes]
) -> None:
    """Write an archive again.

    Parameters
    ----------
    data
        The archive as it is.
    parts
        The same, looked over.
    changed
        Name → new content of a member that is there, piece by piece.
    added
        Name → content of a member that is not; it comes after all others.
    out
        Where the archive goes, from its beginning.
    """
    view = memoryview(data)
    central: list[bytes] = []
    offset = 0
    for entry in parts.entries.values():
        record = _record(data, entry)
        if entry.filename in changed:
            content = _packed(changed[entry.filename])
            local = _written(out, entry, entry.flag_bits & _UTF8, content)
            central.append(_directory(entry, entry.flag_bits & _UTF8, content, offset))
            offset += local
        else:
            out.write(view[record.start : record.end])
            kept = _Packed(entry.CRC, entry.file_size, entry.compress_size, [], entry.compress_type)
            central.append(_directory(entry, entry.flag_bits, kept, offset))
            offset += record.end - record.start
    for name, text in added.items():
        entry = ZipInfo(name, _OFFICE_DATE)
        entry.create_system, content = 0, _packed([text])
        central.append(_directory(entry, 0, content, offset))
        offset += _written(out, entry, 0, content)
    directory = b"".join(central)
    out.write(directory)
    out.write(struct.pack("<4s4H2LH", _END, 0, 0, len(central), len(central), len(directory), offset, 0))


@dataclass(frozen=True)
class _Packed:
    """A member's content, packed, and what the directory says of it."""

    crc: int
    size: int
    packed_size: int
    pieces: list[bytes]
    method: int = ZIP_DEFLATED


def _packed(chunks: Chunks) -> _Packed:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    crc = size = 0
    pieces = []
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        pieces.append(packer.compress(chunk))
    pieces.append(packer.flush())
    return _Packed(crc, size, sum(map(len, pieces)), pieces)


def _record(data: bytes, entry: ZipInfo) -> _Record:
    start = entry.header_offset
    header = data[start : start + 30]
    if len(header) < 30 or header[:4] != _LOCAL:
        raise BadZipFile(f"part {entry.filename} is not where the directory says")
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    packed = start + 30 + name_length + extra_length
    end = packed + entry.compress_size
    if not entry.flag_bits & _HAS_DESCRIPTOR:
        return _Record(start, packed, end, end)
    # Sizes in the descriptor take four bytes each, or eight where the header has room for large sizes.
    extra = data[packed - extra_length : packed]
    sizes = 16 if any(kind == _ZIP64 for kind, _ in _extras(extra)) else 8
    signature = 4 if data[end : end + 4] == _DESCRIPTOR else 0
    return _Record(start, packed, end, end + signature + 4 + sizes)


def _extras(extra: bytes) -> list[tuple[int, bytes]]:
    """Return the fields of a header's extra part: kind, and the field with its head."""
    fields = []
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        fields.append((kind, extra[: 4 + length]))
        extra = extra[4 + length :]
    return fields


def _without_zip64(extra: bytes) -> bytes:
    return b"".join(field for kind, field in _extras(extra) if kind != _ZIP64)


def _name(entry: ZipInfo) -> bytes:
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & _UTF8 else "cp437")


def _moment(entry: ZipInfo) -> tuple[int, int]:
    year, month, day, hour, minute, second = entry.date_time
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day


def _written(out: IO[bytes], entry: ZipInfo, flags: int, content: _Packed) -> int:
    """Write a member anew; return how many bytes it takes."""
    name, (time, date) = _name(entry), _moment(entry)
    header = struct.pack(
        "<4s5H3L2H",
        _LOCAL,
        20,
        flags,
        content.method,
        time,
        date,
        content.crc,
        content.packed_size,
        content.size,
        len(name),
        0,
    )
    out.write(header + name)
    for piece in content.pieces:
        out.write(piece)
    return len(header) + len(name) + content.packed_size


def _directory(entry: ZipInfo, flags: int, content: _Packed, offset: int) -> bytes:
    name, (time, date) = _name(entry), _moment(entry)
    extra = _without_zip64(entry.extra)
    return (
        struct.pack(
            "<4s4B4H3L5H2L",
            _CENTRAL,
            entry.create_version,
            entry.create_system,
            entry.extract_version,
            0,
            flags,
            content.method,
            time,
            date,
            content.crc,
            content.packed_size,
            content.size,
            len(name),
            len(extra),
            len(entry.comment),
            0,
            entry.internal_attr,
            entry.external_attr,
            offset,
        )
        + name
        + extra
        + entry.comment
    )
