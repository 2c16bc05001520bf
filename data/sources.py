"""Bytes in: size caps, hashes and encodings."""

import codecs
import hashlib
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lendplan.data.findings import Finding, InputError, did_you_mean

log = logging.getLogger(__name__)

MAX_BYTES = 2 << 30
"""Largest file that is read, in bytes."""
_PIECE = 1 << 22
"""Bytes that are decoded together."""


@dataclass(frozen=True)
class SourceText:
    """A text file as it was read.

    Parameters
    ----------
    path
        The file as it was named.
    text
        Its text, without a byte order mark; line ends as they stand.
    encoding
        ``utf-8``, ``utf-8-sig``, ``utf-16`` or ``gb18030``.
    sha256
        Of its bytes, in hexadecimal.
    """

    path: Path
    text: str
    encoding: str
    sha256: str


@dataclass(frozen=True)
class InputRecord:
    """What the manifest and the certificate keep of an input.

    Parameters
    ----------
    role
        ``enterprises``, ``ratings`` or ``churn``.
    path
        The file as it was named, without a sheet; the name of the table where it came as a data frame.
    sha256
        Of the file's bytes; of the content where the table came as a data frame.
    encoding
        Of a text file, else None.
    sheet
        Of a workbook, else None.
    """

    role: str
    path: str
    sha256: str
    encoding: str | None = None
    sheet: str | None = None


def _refuse(path: Path, message: str, line: int | None = None) -> NoReturn:
    raise InputError(Finding(message, file=str(path), line=line))


def read_bytes(path: str | Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a whole regular file.

    Parameters
    ----------
    path
        The file.
    max_bytes
        Refuse what is larger, in bytes.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        If the file is missing, a folder, no regular file, too large or unreadable.
    """
    path = Path(path)
    try:
        # Non-blocking, so that a named pipe is refused below and does not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                _refuse(
                    path, "is a folder, no file" if stat.S_ISDIR(status.st_mode) else "is no regular file"
                )
            # One byte beyond the cap shows a file that is larger than it says, or grows while it is read.
            data = stream.read(max_bytes + 1) if status.st_size <= max_bytes else None
    except FileNotFoundError:
        _refuse(path, f"no such file{_nearest_file(path)}")
    except IsADirectoryError:
        _refuse(path, "is a folder, no file")
    except (OSError, ValueError) as error:
        _refuse(path, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    if data is None or len(data) > max_bytes:
        _refuse(path, f"is larger than {max_bytes:,} bytes, the most that is read here")
    return data


def _nearest_file(path: Path) -> str:
    try:
        return did_you_mean(path.name, sorted(entry.name for entry in path.parent.iterdir())[:1000])
    except (OSError, ValueError):
        return "; its folder does not exist either"


def parquet_files(folder: Path) -> list[Path]:
    """Return the files of a table that is a folder, in the order of their names; hidden ones are none of it.

    Raises
    ------
    InputError
        If there are none.
    """
    found = [one for one in folder.iterdir() if one.suffix.lower() == ".parquet" and one.name[0] not in "._"]
    if not found:
        _refuse(folder, "is a folder without .parquet files")
    return sorted(found, key=lambda one: one.name)


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal; of a table that is a folder that of its files' lines.

    There is a line for each file: its name, a space, its hash.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        if Path(path).is_dir():
            lines = "".join(f"{file.name} {sha256_of(file)}\n" for file in parquet_files(Path(path)))
            return hashlib.sha256(lines.encode()).hexdigest()
        if Path(path).exists() and not Path(path).is_file():
            _refuse(Path(path), "is no regular file")  # a device or a pipe may have no end
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        _refuse(Path(path), f"cannot be read: {getattr(error, 'strerror', None) or error}")


def decode(data: bytes, path: Path) -> tuple[str, str]:
    """Decode a text file's bytes: a byte order mark first, then UTF-8, then GB18030, all of them strictly.

    UTF-8 comes before GB18030 because nearly all UTF-8 text decodes as GB18030 without an error, to nonsense.

    Returns
    -------
    text, encoding

    Raises
    ------
    InputError
        If the bytes are none of these, or hold a NUL.
    """
    if data.startswith(codecs.BOM_UTF8):
        encodings = ["utf-8-sig"]
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8", "gb18030"]
    fault: UnicodeDecodeError | None = None
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            fault = fault or error
            continue
        nul = text.find("\0")
        if nul >= 0:
            line = text.count("\n", 0, nul) + 1
            _refuse(
                path, "a NUL character: this is no text, or UTF-16 without its mark; save it as UTF-8", line
            )
        if encoding == "gb18030":
            log.info("%s: read as GB18030", path)
        return text, encoding
    assert fault is not None
    # fault.object, not data: the offset counts from behind a UTF-8 mark.
    line = fault.object.count(b"\n", 0, fault.start) + 1
    byte = fault.object[fault.start]
    _refuse(path, f"byte 0x{byte:02x} is neither UTF-8, UTF-16 nor GB18030; save the file as UTF-8", line)


def utf8_of(data: bytes, path: Path) -> tuple[bytes, str]:
    """Return a text file's bytes as UTF-8 without a mark, and the encoding they came in.

    What is UTF-8 already is looked through piece by piece, so that a large file stands in memory once.

    Raises
    ------
    InputError
        As `decode` does.
    """
    start = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    reader = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    try:
        for first in range(start, len(data), _PIECE):
            reader.decode(view[first : first + _PIECE], final=first + _PIECE >= len(data))
        is_utf8 = b"\0" not in data
    except UnicodeDecodeError:
        is_utf8 = False
    if is_utf8 and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return (data[start:], "utf-8-sig") if start else (data, "utf-8")
    text, encoding = decode(data, path)
    return text.encode("utf-8"), encoding


def read_text(path: str | Path, max_bytes: int = MAX_BYTES) -> SourceText:
    """Read a text file, find its encoding and hash it.

    Parameters
    ----------
    path
        The file.
    max_bytes
        Refuse what is larger, in bytes.

    Returns
    -------
    SourceText

    Raises
    ------
    InputError
        If the file is missing, a folder, unreadable, too large, in an unknown encoding, or holds a NUL.
    """
    path = Path(path)
    data = read_bytes(path, max_bytes)
    text, encoding = decode(data, path)
    return SourceText(path, text, encoding, hashlib.sha256(data).hexdigest())
