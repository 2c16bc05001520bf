"""Putting a workbook in its place in one step, without losing what anybody else did meanwhile.

What stood there is kept as a dated copy. The copy is a second name of the same file, made before the new one takes
the first name over, so that at each moment the old workbook is whole under at least one name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lendplan.data.findings import Finding, shown
from lendplan.reports.folder import explained, staging_name, sweep_files
from lendplan.reports.treasury.target import WorkbookError

_OPTION = "treasury.save_as"
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
_PIECE = 1 << 20

Placing = Callable[[], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Fingerprint:
    """A file as it was at a moment."""

    size: int
    modified: int
    sha256: str


def fingerprint(path: Path) -> Fingerprint | None:
    """Return a file's fingerprint; None where there is no file.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            digest = hashlib.sha256()
            while piece := file.read(_PIECE):
                digest.update(piece)
    except FileNotFoundError:
        return None
    return Fingerprint(status.st_size, status.st_mtime_ns, digest.hexdigest())


def open_elsewhere(path: Path) -> Path | None:
    """Return the file by which another program shows that it has a workbook open; None where there is none."""
    locks = (path.with_name(f"~${path.name}"), path.with_name(f".~lock.{path.name}#"))
    return next((lock for lock in locks if os.path.lexists(lock)), None)


def refuse_irregular(final: Path, instead: str = _OPTION) -> None:
    """Refuse a path at which no workbook can stand: a folder, a device, a pipe, a name that is too long.

    Parameters
    ----------
    final
        The workbook; nothing need stand there.
    instead
        What the user is told to name.

    Raises
    ------
    WorkbookError
    """
    try:
        mode = final.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return  # nothing stands there; of the folder above it others speak
    except OSError as error:
        raise not_written(final, error, instead) from error
    except ValueError as error:
        raise WorkbookError(
            Finding(f"can be no name of a file ({error}); name {instead}", file=shown(final))
        ) from error
    if stat.S_ISDIR(mode):
        raise WorkbookError(Finding("is a folder; name a file", file=str(final)))
    if not stat.S_ISREG(mode):
        message = f"is a device, a pipe or the like, and no file; name {instead}"
        raise WorkbookError(Finding(message, file=str(final)))


def refuse_open(final: Path) -> None:
    """Refuse a workbook that another program has open.

    Raises
    ------
    WorkbookError
    """
    lock = open_elsewhere(final)
    if lock is not None:
        message = (
            f"is open in another program: {lock.name} stands beside it. "
            "Close the workbook there; if nobody has it open, delete that file"
        )
        raise WorkbookError(Finding(message, file=str(final)))


@contextlib.contextmanager
def reserved(final: Path, instead: str = _OPTION) -> Iterator[None]:
    """Keep other runs from the same workbook while the block runs; sweep what killed ones left.

    The reservation ends with the process, however it ends.

    Parameters
    ----------
    final
        The workbook.
    instead
        What the user is told to name where it cannot be written.

    Raises
    ------
    WorkbookError
        If another run has it, or the folder cannot be written to.
    """
    lock = final.with_name(f".{final.name}.lendplan-lock")
    try:
        handle = _reserve(lock)
    except OSError as error:
        raise not_written(final, error, instead) from error
    if handle is None:
        message = "is being filled by another run; wait until that has ended"
        raise WorkbookError(Finding(message, file=str(final)))
    try:
        with contextlib.suppress(OSError):
            sweep_files(final)
            _sweep_copies(final)
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink(missing_ok=True)
        os.close(handle)


def _reserve(lock: Path) -> int | None:
    """Return the handle of a lock; None where another run has it."""
    try:
        import fcntl
    except ImportError:  # Windows removes such a file with the process that made it
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_TEMPORARY", 0)
        try:
            return os.open(lock, flags)
        except FileExistsError:
            return None
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:
            os.close(handle)
            raise
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
        os.close(handle)  # the run before removed it between our two steps


@contextlib.contextmanager
def staged(final: Path) -> Iterator[Path]:
    """Give the name of a file beside the final one, which is removed if it is still there in the end."""
    staging = staging_name(final)
    try:
        yield staging
    finally:
        with contextlib.suppress(OSError):
            staging.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def place(
    staging: Path,
    final: Path,
    before: Fingerprint | None,
    now: datetime,
    while_placing: Placing,
) -> Path | None:
    """Put a finished file in place; keep what stood there.

    Parameters
    ----------
    staging
        The file, beside its final name and on the disk.
    final
        Where it goes.
    before
        What stood there when the run began.
    now
        Names the copy.
    while_placing
        Entered for the moment in which the names change.

    Returns
    -------
    Path
        The dated copy; None where nothing stood there.

    Raises
    ------
    WorkbookError
        If something else stands there by now.
    OSError
        If a step fails; what stood there stands.
    """
    refuse_open(final)
    if fingerprint(final) != before:
        raise changed(final)
    with while_placing():
        copy = None if before is None else _kept(final, now)
        try:
            if not _is_as_before(final, before):
                raise changed(final)
            staging.replace(final)
        except (OSError, WorkbookError):
            if copy is not None:
                with contextlib.suppress(OSError):
                    copy.unlink()
            raise
    with contextlib.suppress(
        OSError
    ):  # the new file stands; that its name is on the disk, too, is a matter of moments
        flush(final.parent)
    return copy


def _is_as_before(final: Path, before: Fingerprint | None) -> bool:
    """Whether a file's size and time are still the same; takes no time, unlike its fingerprint."""
    try:
        status = final.stat()
    except FileNotFoundError:
        return before is None
    return before is not None and (status.st_size, status.st_mtime_ns) == (before.size, before.modified)


def changed(path: Path) -> WorkbookError:
    """Return the error of a workbook that somebody has changed meanwhile."""
    message = (
        "has changed since it was read, and that work stands; run again to fill the workbook as it is now"
    )
    return WorkbookError(Finding(message, file=str(path)))


def _kept(final: Path, now: datetime) -> Path:
    """Give a workbook a second, dated name that nothing has yet."""
    number = 1
    while True:
        ending = f".{now:%Y%m%d-%H%M%S}{'' if number == 1 else f'-{number}'}{final.suffix}"
        copy = final.with_name(final.stem + ending)
        try:
            os.link(final, copy)
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if not _copied(final, copy):
                number += 1
                continue
        return copy


def _copied(final: Path, copy: Path) -> bool:
    """Copy a file where the file system has no second names; False where the name is taken."""
    try:
        with copy.open("xb") as out, final.open("rb") as old:
            try:
                shutil.copyfileobj(old, out, _PIECE)
                out.flush()
                os.fsync(out.fileno())
            except OSError:
                copy.unlink()
                raise
    except FileExistsError:
        return False
    shutil.copystat(final, copy)
    return True


def _sweep_copies(final: Path) -> None:
    """Take away a second name that a run made and was killed before it used the first."""
    dated = re.compile(rf"{re.escape(final.stem)}\.\d{{8}}-\d{{6}}(-\d+)?{re.escape(final.suffix)}")
    if not final.exists() or final.stat().st_nlink < 2:
        return
    for copy in final.parent.iterdir():
        if dated.fullmatch(copy.name) and not copy.is_symlink() and copy.samefile(final):
            copy.unlink()


def not_written(final: Path, error: OSError, instead: str = _OPTION) -> WorkbookError:
    """Return an error of the disk as the user would be told; ``instead`` is what to name for another place."""
    return WorkbookError(Finding(explained(final, error, instead)))
