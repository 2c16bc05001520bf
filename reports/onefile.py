"""One file that is there whole or not at all: written beside its final name, flushed to the disk, then renamed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lendplan.reports.folder import FolderError, explained, staging_name, sweep_files

_BEGINNING = 4096  # bytes that tell what a file is


@contextlib.contextmanager
def staged_file(
    final: Path,
    content: bytes,
    option: str,
    while_placing: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
) -> Iterator[None]:
    """Write a file beside its final name; put it in place when the block ends without an error.

    Parameters
    ----------
    final : where the file shall stand
    content : what it holds
    option : of the command line, that named the file
    while_placing : entered for the moment in which the file is put in place

    Raises
    ------
    FolderError
        Where it cannot be written; what stood there before stands.
    """
    if final.is_dir():
        raise FolderError(f"{final} is a folder; name a file")
    staging = staging_name(final)
    made = [folder for folder in final.parents if not folder.exists()]  # innermost first
    placed = False
    try:
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            sweep_files(final)
            with staging.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FolderError(explained(final, error, option)) from error
        yield
        try:
            with while_placing():
                staging.replace(final)
                placed = True
        except OSError as error:
            raise FolderError(explained(final, error, option)) from error
    finally:
        if not placed:
            with contextlib.suppress(OSError):
                staging.unlink(missing_ok=True)
            for folder in made:
                with contextlib.suppress(OSError):
                    folder.rmdir()


def refuse_to_replace(path: Path, is_ours: Callable[[bytes], bool]) -> None:
    """Refuse to write over a file that is no earlier output of the same kind: it may be somebody's work.

    Parameters
    ----------
    path : where a file is to be put
    is_ours : whether the beginning of a file that stands there says that it is of this kind

    Raises
    ------
    FolderError
        Where another file stands there, or it cannot be looked at.
    """
    try:
        if not os.path.lexists(path):
            return
        if not path.is_file():
            raise FolderError(f"{path} is no file that could be replaced; name another")
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except OSError as error:
        raise FolderError(f"{path} cannot be looked at: {error.strerror}; name another file") from error
    if beginning and not is_ours(beginning):
        raise FolderError(
            f"{path} stands there already and is no earlier output of this command; name another file, or delete it"
        )


def is_page(beginning: bytes) -> bool:
    """Whether a file is an HTML page of ours."""
    return b'<meta name="generator" content="lendplan' in beginning
