"""One file, whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lendplan.reports.folder import FolderError, explained, staging_name
from lendplan.reports.onefile import staged_file

NO_PROCESS = 2**22 + 1  # above the highest process number of Linux


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_file_is_there_when_the_block_ends_and_not_before(tmp_path: Path) -> None:
    final = tmp_path / "new" / "model.json"
    with staged_file(final, b"1", "--model"):
        assert not final.exists()
    assert final.read_bytes() == b"1"
    assert names(final.parent) == ["model.json"]


def test_an_error_in_the_block_leaves_what_stood_there_and_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "model.json"
    final.write_bytes(b"before")
    with pytest.raises(ValueError, match="planned"), staged_file(final, b"after", "--model"):
        raise ValueError("planned")
    assert final.read_bytes() == b"before"
    with pytest.raises(ValueError, match="planned"), staged_file(tmp_path / "a" / "b.json", b"1", "--model"):
        raise ValueError("planned")
    assert names(tmp_path) == ["model.json"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_step_that_fails_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    final = tmp_path / "model.json"
    final.write_bytes(b"before")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fails)
    else:
        monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(FolderError, match=r"the disk is full.*--model"), staged_file(final, b"1", "--model"):
        pass
    assert final.read_bytes() == b"before"
    assert names(tmp_path) == ["model.json"]


def test_leftovers_of_a_killed_run_are_swept_and_those_of_a_running_one_are_not(tmp_path: Path) -> None:
    final = tmp_path / "model.json"
    ours = staging_name(final)
    ours.write_bytes(b"being written")
    dead = tmp_path / f".model.json.partial-{NO_PROCESS}-00000000"
    dead.write_bytes(b"left over")
    with staged_file(final, b"1", "--model"):
        pass
    assert names(tmp_path) == sorted([ours.name, "model.json"])


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="is a folder"), staged_file(tmp_path, b"1", "--model"):
        pass


@pytest.mark.parametrize(
    ("option", "said"), [("--model", "choose another with --model"), ("another file", "; name another file")]
)
def test_what_to_name_instead_is_said_with_or_without_an_option(option: str, said: str) -> None:
    assert explained(Path("card.html"), OSError(errno.ENOSPC, ""), option).endswith(said)
