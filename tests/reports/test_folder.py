"""A folder that is there whole or not at all, whatever fails on the way."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from workspace import snapshot

from lendplan.reports import folder
from lendplan.reports.folder import FolderError, abandon, staged, staging_name, sweep, write_files

FILES = {"a.csv": b"new a", "b.json": b"new b", "inputs/c.csv": b"new c"}


def write(final: Path, files: dict[str, bytes] | None = None) -> None:
    with staged(final, FILES) as staging:
        write_files(staging, FILES if files is None else files)


def content(final: Path) -> dict[str, bytes | None]:
    return {name: data for name, data in snapshot(final).items() if data is not None}


@pytest.fixture
def final(tmp_path: Path) -> Path:
    return tmp_path / "plans" / "one"


@pytest.fixture
def old(final: Path) -> Path:
    """A folder that was written before."""
    write(final, {"a.csv": b"old a", "b.json": b"old b"})
    return final


def test_a_new_folder_stands_with_all_its_files(final: Path) -> None:
    write(final)
    assert content(final) == FILES
    assert [path.name for path in final.parent.iterdir()] == ["one"]


def test_a_new_folder_replaces_the_old_one_whole(old: Path) -> None:
    write(old, {"a.csv": b"only"})
    assert content(old) == {"a.csv": b"only"}
    assert [path.name for path in old.parent.iterdir()] == ["one"]


def test_an_error_within_the_block_leaves_the_old_one(old: Path) -> None:
    before = snapshot(old.parent)
    with pytest.raises(ZeroDivisionError), staged(old, FILES) as staging:  # noqa: PT012
        write_files(staging, FILES)
        raise ZeroDivisionError
    assert snapshot(old.parent) == before


def test_ctrl_c_within_the_block_leaves_the_old_one(old: Path) -> None:
    before = snapshot(old.parent)
    with pytest.raises(KeyboardInterrupt), staged(old, FILES) as staging:  # noqa: PT012
        write_files(staging, FILES)
        raise KeyboardInterrupt
    assert snapshot(old.parent) == before


def test_without_an_exchange_of_names_the_old_one_moves_aside(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_exchanged", lambda *_: False)
    write(old)
    assert content(old) == FILES
    assert [path.name for path in old.parent.iterdir()] == ["one"]


def test_where_the_second_step_fails_the_old_one_moves_back(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_exchanged", lambda *_: False)
    before = snapshot(old.parent)
    real: Callable[[Path, Any], Path] = Path.rename

    def rename(self: Path, target: Any) -> Path:
        if ".partial-" in self.name:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(FolderError, match="could not be written"):
        write(old)
    assert snapshot(old.parent) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="renameat2 is Linux's")
def test_a_file_system_that_knows_no_exchange_is_told_from_one_that_refuses(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctypes

    class Library:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.renameat2 = lambda *_: -1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EINVAL)
    write(old)
    assert content(old) == FILES
    before = snapshot(old.parent)
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EACCES)
    with pytest.raises(FolderError, match="may not be written to"):
        write(old, {"a.csv": b"newer"})
    assert snapshot(old.parent) == before


class Failing:
    """Lets the n-th call that touches the disk fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, turn: int, code: int) -> None:
        self.calls = 0

        def counted(real: Any) -> Any:
            def call(*given: Any, **named: Any) -> Any:
                self.calls += 1
                if self.calls == turn:
                    raise OSError(code, os.strerror(code))
                return real(*given, **named)

            return call

        def half_written(real: Any) -> Any:
            """A write that fails may have written some of it."""

            def call(path: Path, data: bytes) -> int:
                self.calls += 1
                if self.calls == turn:
                    real(path, data[: len(data) // 2])
                    raise OSError(code, os.strerror(code))
                return int(real(path, data))

            return call

        monkeypatch.setattr(Path, "write_bytes", half_written(Path.write_bytes))
        monkeypatch.setattr(Path, "mkdir", counted(Path.mkdir))
        monkeypatch.setattr(Path, "rename", counted(Path.rename))
        monkeypatch.setattr(os, "fsync", counted(os.fsync))
        monkeypatch.setattr(folder, "_exchanged", counted(folder._exchanged))


def calls_of_a_good_run(final: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        failing = Failing(patch, -1, 0)
        write(final)
    return failing.calls


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two steps"])
@pytest.mark.parametrize("stood", [True, False], ids=["old", "none"])
def test_whichever_call_fails_the_old_one_stands_or_the_new_one_does(
    tmp_path: Path, stood: bool, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(folder, "_exchanged", lambda *_: False)
    calls = 0
    turn = 0
    while turn <= calls:
        turn += 1
        final = tmp_path / f"turn {turn}" / "one"
        if stood:
            write(final, {"a.csv": b"old a"})
        before = content(final) if stood else {}
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(patch, turn, errno.EIO)
            try:
                write(final)
            except FolderError:
                pass
            else:
                assert failing.calls < turn, f"call {turn} failed unheard"
        calls = max(calls, failing.calls)
        after = content(final) if final.exists() else {}
        # Once the new one is in place, only the flush of the folder above can still fail: it stands then.
        assert after in (before, FILES)
        if final.parent.exists():
            assert {path.name for path in final.parent.iterdir()} <= {"one"}
    assert calls >= 6


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "may not be written to"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_the_message_says_why_and_what_to_do(
    final: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    Failing(monkeypatch, 3, code)
    with pytest.raises(FolderError) as caught:
        write(final)
    assert words in str(caught.value)
    assert str(final) in str(caught.value)
    assert "--output" in str(caught.value)


# What is not ours -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["notes.txt", ".hidden", "sub", "inputs/mine.csv", "inputs/sub", "a.csv/mine.txt"]
)
def test_a_folder_with_strangers_is_refused_before_anything_is_written(final: Path, name: str) -> None:
    stranger = final / name
    stranger.parent.mkdir(parents=True)
    stranger.mkdir() if name.endswith("sub") else stranger.write_text("mine")
    before = snapshot(final.parent)
    with pytest.raises(FolderError, match=name.split("/", maxsplit=1)[0]):
        write(final)
    assert snapshot(final.parent) == before


def test_folders_that_had_to_be_made_go_again_where_the_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(FolderError):
        write(tmp_path / "far" / "away" / "one")
    assert not list(tmp_path.iterdir())


def test_a_stranger_that_comes_while_the_plan_is_written_is_spared(old: Path) -> None:
    with pytest.raises(FolderError, match=r"late\.txt"), staged(old, FILES) as staging:  # noqa: PT012
        write_files(staging, FILES)
        (old / "late.txt").write_text("mine")
    assert (old / "late.txt").read_text() == "mine"
    assert (old / "a.csv").read_bytes() == b"old a"
    assert [path.name for path in old.parent.iterdir()] == ["one"]


def test_many_strangers_are_not_all_named(final: Path) -> None:
    final.mkdir(parents=True)
    for i in range(40):
        (final / f"{i:02d}.txt").touch()
    with pytest.raises(FolderError, match=r"00\.txt") as caught:
        write(final)
    assert len(str(caught.value)) < 400


def test_a_file_or_a_link_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "broken").symlink_to("nowhere")
    before = sorted(path.name for path in tmp_path.iterdir())
    for name in ("file", "link", "broken"):
        with pytest.raises(FolderError, match=name):
            write(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert not list((tmp_path / "there").iterdir())


# What killed runs leave -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def alive() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process.pid
    process.kill()
    process.wait()


def leftover(final: Path, kind: str, process: int | str) -> Path:
    path = final.parent / f".{final.name}.{kind}-{process}-0123abcd"
    path.mkdir(parents=True)
    (path / "a.csv").write_bytes(b"left")
    return path


def test_what_dead_runs_left_is_swept_and_what_live_ones_write_is_not(
    old: Path, dead: int, alive: int
) -> None:
    gone, kept = leftover(old, "partial", dead), leftover(old, "partial", alive)
    write(old)
    assert not gone.exists()
    assert kept.exists()


def test_a_folder_that_was_moved_aside_by_a_killed_run_goes_back(final: Path, dead: int) -> None:
    """The run died between the two steps: the old plan is aside, the new one half done beside it."""
    aside, partial = leftover(final, "before", dead), leftover(final, "partial", dead)
    sweep(final)
    assert content(final) == {"a.csv": b"left"}
    assert not aside.exists()
    assert not partial.exists()


def test_a_folder_aside_is_swept_where_its_successor_stands(old: Path, dead: int) -> None:
    aside = leftover(old, "before", dead)
    sweep(old)
    assert not aside.exists()
    assert content(old) == {"a.csv": b"old a", "b.json": b"old b"}


@pytest.mark.parametrize("name", [".one.partial-notes", ".one.partial-12x-ab", ".other.partial-1-ab", ".one"])
def test_names_that_only_look_alike_are_left_alone(old: Path, name: str) -> None:
    (old.parent / name).mkdir()
    sweep(old)
    assert (old.parent / name).exists()


def test_a_name_with_signs_of_a_pattern_is_taken_as_it_is(tmp_path: Path, dead: int) -> None:
    final, other = tmp_path / "plan[1]*", tmp_path / "plan1x"
    mine, theirs = leftover(final, "partial", dead), leftover(other, "partial", dead)
    write(final)
    assert content(final) == FILES
    assert not mine.exists()
    assert theirs.exists()


def test_the_name_tells_which_process_writes() -> None:
    name = staging_name(Path("/plans/one")).name
    assert name.startswith(f".one.partial-{os.getpid()}-")
    assert staging_name(Path("/plans/one")) != staging_name(Path("/plans/one"))


def test_a_process_about_to_be_ended_removes_what_it_began(old: Path) -> None:
    before = snapshot(old.parent)
    with staged(old, FILES) as staging:
        write_files(staging, {"a.csv": b"half"})
        abandon()
        assert snapshot(old.parent) == before
        write_files(staging.parent / "one", {"a.csv": b"old a"})
        staging.mkdir()
        write_files(staging, FILES)
    abandon()
    assert content(old) == FILES, "what is in place is no longer anybody's to remove"
