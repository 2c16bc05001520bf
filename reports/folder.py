"""A folder that is there whole or not at all.

It is written beside its final name, every file flushed to the disk, and then put in place: in one step where
there was none, and on Linux by one exchange of names where one stood before. A run that is killed leaves at most
a hidden ``.name.partial-…`` beside it, which the next run sweeps away.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_EXCHANGE = 2  # RENAME_EXCHANGE of Linux's renameat2
_AT_FDCWD = -100


_FEW, _AT_ONCE = 20, 16  # files that are flushed one after another; of more so many at once
_being_written: set[Path] = set()


def abandon() -> None:
    """Remove what this process has begun to write; for a process that is about to be ended."""
    for staging in list(_being_written):
        shutil.rmtree(staging, ignore_errors=True)


class FolderError(Exception):
    """The folder could not be written; what stood before stands."""


def staging_name(final: Path, kind: str = "partial") -> Path:
    """Return a name beside ``final`` that no other run uses; it tells which process writes there."""
    return final.parent / f".{final.name}.{kind}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def staged(
    final: Path,
    ours: Collection[str],
    while_placing: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    option: str = "--output",
) -> Iterator[Path]:
    """Give a new empty folder to fill; put it in place of ``final`` when the block ends without an error.

    Parameters
    ----------
    final : where the folder shall stand
    ours : the files, by their path below it, that a folder which stands there already may hold; ``*`` stands for any
        part of a name
    while_placing : entered for the moment in which the folder is put in place
    option : of the command line, that named the folder

    Raises
    ------
    FolderError
        Where it cannot be written, or something stands there that is not ours.
    """
    staging = staging_name(final)
    made = [folder for folder in final.parents if not folder.exists()]  # innermost first
    try:
        refuse_strangers(final, ours, option)
        final.parent.mkdir(parents=True, exist_ok=True)
        sweep(final)
        _being_written.add(staging)
        staging.mkdir()
    except OSError as error:
        raise FolderError(explained(final, error, option)) from error
    placed = False
    try:
        yield staging
        _flush(staging)
        refuse_strangers(final, ours, option)
        with while_placing():
            _put_in_place(staging, final)
            placed = True
    except OSError as error:
        raise FolderError(explained(final, error, option)) from error
    finally:
        with while_placing() if placed else contextlib.nullcontext():
            shutil.rmtree(staging, ignore_errors=True)
        _being_written.discard(staging)
        if not placed:
            for folder in made:
                with contextlib.suppress(OSError):
                    folder.rmdir()


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder; a name may hold one sub-folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def sweep(final: Path) -> None:
    """Remove what runs that were killed left beside ``final``; those of running processes are left alone.

    A folder that was moved aside and not yet replaced when its run was killed goes back to its place.
    """
    for kind in ("partial", "before"):
        for leftover in final.parent.glob(f".{glob.escape(final.name)}.{kind}-*"):
            process = leftover.name.rsplit("-", 2)[-2]
            if not process.isdigit() or _is_running(int(process)):
                continue
            if kind == "before" and not final.exists():
                leftover.rename(final)
            else:
                shutil.rmtree(leftover, ignore_errors=True)


def sweep_files(final: Path) -> None:
    """Remove what runs that were killed left beside a file; what running processes write is left alone."""
    for leftover in final.parent.glob(f".{glob.escape(final.name)}.partial-*"):
        process = leftover.name.rsplit("-", 2)[-2]
        if process.isdigit() and not _is_running(int(process)):
            leftover.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def refuse_strangers(final: Path, ours: Collection[str], option: str = "--output") -> None:
    """Refuse a place at which something stands that is not ours to replace; ``option`` is what named it.

    Raises
    ------
    FolderError
    """
    if final.is_symlink() or (final.exists() and not final.is_dir()):
        raise FolderError(f"{final} is not a folder; choose another with {option}")
    if not final.exists():
        return
    folders = {str(folder) for name in ours for folder in Path(name).parents} - {"."}
    strangers = sorted(
        str(entry.relative_to(final))
        for entry in final.rglob("*")
        if not _is_one_of(entry.relative_to(final), folders if _is_folder(entry) else ours)
    )
    if strangers:
        shown = ", ".join(strangers[:5]) + (", …" if len(strangers) > 5 else "")
        raise FolderError(
            f"{final} holds other files than this command writes ({shown}); it is left as it is: "
            f"choose another with {option}"
        )


def _is_one_of(name: Path, ours: Collection[str]) -> bool:
    return str(name) in ours or any(
        "*" in one and len(Path(one).parts) == len(name.parts) and name.match(one) for one in ours
    )


def _is_folder(entry: Path) -> bool:
    return entry.is_dir() and not entry.is_symlink()


def _flush(folder: Path) -> None:
    paths = [Path(directory) / name for directory, _, names in os.walk(folder) for name in (*names, ".")]
    if len(paths) <= _FEW:
        for path in paths:
            _flush_one(path)
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # the disk takes many as quickly as one
        list(pool.map(_flush_one, paths))


def _flush_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_in_place(staging: Path, final: Path) -> None:
    if not final.exists():
        staging.rename(final)
    elif not _exchanged(staging, final):
        # No exchange on this system: the old folder moves aside first, and back if the second step fails.
        aside = staging_name(final, "before")
        final.rename(aside)
        try:
            staging.rename(final)
        except OSError:
            aside.rename(final)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    handle = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None, use_errno=True)
    exchange = getattr(library, "renameat2", None)
    if exchange is None:
        return False
    if exchange(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(other))


def explained(final: Path, error: OSError, option: str = "--output") -> str:
    """Say why something could not be written, for the user; ``option`` named the place, or is what to name instead."""
    why = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the quota is used up",
        errno.EACCES: "the folder above it may not be written to",
        errno.EPERM: "it may not be written to",
        errno.EROFS: "the file system is read-only",
        errno.ENOTDIR: "a file stands where a folder is needed",
        errno.ENAMETOOLONG: "the name is too long",
    }.get(error.errno or 0, str(error))
    choice = f"choose another with {option}" if option.startswith("-") else f"name {option}"
    return f"{final} could not be written: {why}. What stood there before stands; {choice}"
