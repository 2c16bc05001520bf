"""Where the points of a sweep stand while it runs, and how they become its folder.

Finished points are collected in a hidden folder beside the final one, ``.name.points``. It outlives a run that is
interrupted or killed, so that the next run of the same scenario solves only what is missing, and goes when the
sweep's folder is put in place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lendplan.errors import OutputError
from lendplan.interrupts import uninterrupted
from lendplan.reports.folder import FolderError, explained, staged, write_files
from lendplan.sweep.pointfolder import whole_points

try:
    import fcntl
except ImportError:  # no such locks on this system: two sweeps into one folder are then the user's to avoid
    fcntl = None  # type: ignore[assignment]

POINTS = "points"
_TRIES = 100  # to lock a folder that other runs take away meanwhile


class Place:
    """The hidden folder of one sweep, held for this run alone.

    Parameters
    ----------
    final : where the sweep's folder shall stand
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.folder = final.parent / f".{final.name}.points"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out while the block runs; an empty hidden folder goes at its end.

        Raises
        ------
        OutputError
            Where another run sweeps into the same folder, or nothing can be written there.
        """
        made = [folder for folder in self.folder.parents if not folder.exists()]  # innermost first
        try:
            lock = self._locked()
        except OSError as error:
            self._let_go(made)
            raise OutputError(explained(self.final, error)) from error
        if lock is None:  # what stands there is the other run's
            raise OutputError(
                f"another run sweeps into {self.final}; wait for it, or choose another folder with --output"
            )
        try:
            try:
                (self.folder / POINTS).mkdir(exist_ok=True)
            except OSError as error:
                raise OutputError(explained(self.final, error)) from error
            yield
        finally:
            if not any((self.folder / POINTS).glob("*")):
                shutil.rmtree(self.folder, ignore_errors=True)
                self._let_go(made)
            os.close(lock)

    def _locked(self) -> int | None:
        """Return the handle of the hidden folder's lock; None where another run has it."""
        for _ in range(_TRIES):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o644)
            except FileNotFoundError:  # the run before took the folder away between our two steps
                continue
            try:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(lock), (self.folder / "lock").stat()):
                        return lock
            except BlockingIOError:
                os.close(lock)
                return None
            except OSError:
                os.close(lock)
                raise
            os.close(lock)  # of a folder that the run before has taken away
        raise FileNotFoundError(
            errno.ENOENT, "its lock goes as often as it is made", str(self.folder / "lock")
        )

    def _let_go(self, made: list[Path]) -> None:
        """Take away folders that were made for nothing; what holds anything stays."""
        for folder in (self.folder, *made):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def whole(self) -> dict[str, Path]:
        """Return fingerprint → folder of the points that stand whole, here or in the sweep's folder."""
        return whole_points([self.folder / POINTS, self.final / POINTS])

    def of(self, mark: str) -> Path:
        """Return where a point is collected."""
        return self.folder / POINTS / mark[:32]

    def put(
        self,
        points: Mapping[str, Path],
        files: Callable[[], Mapping[str, bytes]],
        ours: tuple[str, ...],
        instead: Mapping[str, Mapping[str, bytes]],
    ) -> None:
        """Put the sweep's folder in place, whole or not at all, and let go of the hidden one.

        Parameters
        ----------
        points : name below the folder → where the point stands now
        files : the files beside them, made last
        ours : what a folder that stands there may hold
        instead : name below the folder → files of the point that take the place of those that stand now

        Raises
        ------
        OutputError
            Where it cannot be written; what stood there stands, and so do the points that were collected.
        """
        try:
            with staged(self.final, ours, while_placing=uninterrupted) as staging:
                for name, folder in points.items():
                    _linked(folder, staging / name, instead.get(name, {}))
                write_files(staging, files())
        except FolderError as error:
            raise OutputError(str(error)) from error
        self.clear()

    def clear(self) -> None:
        """Let go of the points that were collected."""
        shutil.rmtree(self.folder / POINTS, ignore_errors=True)


def _linked(source: Path, target: Path, instead: Mapping[str, bytes]) -> None:
    """Give the files of a folder a second name, save some that are written; copy them where that cannot be."""
    target.mkdir(parents=True)
    write_files(target, instead)
    for path in sorted(source.rglob("*")):  # a folder comes before what it holds
        name = path.relative_to(source)
        if path.is_dir():
            (target / name).mkdir(exist_ok=True)
        elif name.as_posix() not in instead:
            try:
                os.link(path, target / name)
            except OSError:
                shutil.copyfile(path, target / name)
