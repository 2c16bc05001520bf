"""Where the points of a sweep stand while it runs, and how they become its folder.

Finished points are collected in a hidden folder beside the final one, ``.name.points``. It outlives a run that is
interrupted or killed, so that the next run of the same scenario solves only what is missing, and goes when the
sweep's folder is put in place.
"""

from __future__ import annotations

import contextlib
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
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise OutputError(explained(self.final, error)) from error
        try:
            if fcntl is not None:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise OutputError(
                        f"another run sweeps into {self.final}; wait for it, or choose another folder with --output"
                    ) from None
            (self.folder / POINTS).mkdir(exist_ok=True)
            yield
        finally:
            if not any((self.folder / POINTS).glob("*")):
                shutil.rmtree(self.folder, ignore_errors=True)
                for folder in made:
                    with contextlib.suppress(OSError):
                        folder.rmdir()
            os.close(lock)

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
    for entry in source.iterdir():
        if entry.name in instead:
            continue
        try:
            os.link(entry, target / entry.name)
        except OSError:
            shutil.copyfile(entry, target / entry.name)
