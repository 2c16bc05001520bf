import os
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lendplan.data.findings import InputError
from lendplan.rating.ratings import Ratings
from lendplan.rating.watching.history import (
    HistoryError,
    Rated,
    Run,
    history_of,
    rated_rows,
    record_run,
    runs_of,
)
from lendplan.rating.watching.migration import Migration, Move, migration_matrix

SCALE = ("A", "B", "C", "D")
FIRST = Run("2027-01", "2027-01-31T18:00:00+08:00", "ab12", SCALE)
SECOND = Run("2027-02", "2027-02-28T18:00:00+08:00", "cd34", SCALE)


def graded(**grades: str) -> list[Rated]:
    return [Rated(enterprise, grade) for enterprise, grade in grades.items()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A history of two runs; E1 falls by two, E2 stays, E3 rises by three, E4 loses its grade, E5 goes, E6 comes."""
    path = tmp_path / "history.sqlite"
    assert record_run(path, FIRST, graded(E1="A", E2="B", E3="D", E4="B", E5="C"))
    assert record_run(path, SECOND, graded(E1="C", E2="B", E3="A", E4="", E6="D"))
    return path


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    rated = Rated("001", "B", "C", 0.1 + 0.2, 1 / 3, None, 61.25, "sales of 企业 are steady")
    record_run(path, FIRST, [rated, Rated("NA", "", reason="has no invoice")])
    assert runs_of(path) == (FIRST,)
    assert history_of(path, "001") == ((FIRST, rated),)
    assert history_of(path, "NA") == ((FIRST, Rated("NA", "", reason="has no invoice")),)


def test_an_enterprise_is_followed_from_run_to_run(path: Path) -> None:
    assert [(run.run, one.grade) for run, one in history_of(path, "E1")] == [
        ("2027-01", "A"),
        ("2027-02", "C"),
    ]
    assert [run.run for run, _ in history_of(path, "E6")] == ["2027-02"]


def test_the_same_run_twice_is_not_doubled(path: Path) -> None:
    before = path.read_bytes()
    assert not record_run(path, FIRST, graded(E1="A", E2="B", E3="D", E4="B", E5="C"))
    assert path.read_bytes() == before
    assert len(history_of(path, "E1")) == 2


def test_another_run_of_the_same_id_is_refused(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(
        HistoryError, match="holds another run '2027-01', with other ratings; name this one otherwise"
    ):
        record_run(path, FIRST, graded(E1="B"))
    assert path.read_bytes() == before


def test_the_migration_matrix_by_hand(path: Path) -> None:
    migration = migration_matrix(path, "2027-01", "2027-02")
    assert migration.grades == (*SCALE, "")
    expected = np.zeros((5, 5), dtype=int)
    expected[0, 2] = expected[1, 1] = expected[3, 0] = expected[1, 4] = 1
    assert migration.counts.tolist() == expected.tolist()
    assert migration.moved == (Move("E1", "A", "C", 2), Move("E3", "D", "A", -3))
    assert migration.appeared == ("E6",)
    assert migration.gone == ("E5",)
    lines = migration.lines()
    assert lines[1].split() == ["A", "0", "0", "1", "0", "0"]
    assert lines[-2:] == ("E1: A to C, 2 grades worse", "E3: D to A, 3 grades better")


def test_migration_turned_round_is_the_transpose(path: Path) -> None:
    there, back = migration_matrix(path, "2027-01", "2027-02"), migration_matrix(path, "2027-02", "2027-01")
    assert (back.counts == there.counts.T).all()
    assert isinstance(there, Migration)


def test_unknown_runs_and_enterprises_are_told(path: Path) -> None:
    with pytest.raises(InputError) as told:
        migration_matrix(path, "2027-03", "2026-12")
    assert len(told.value.findings) == 2
    assert "has no run '2027-03'; did you mean '2027-02'?; it has 2027-01, 2027-02" in str(told.value)
    with pytest.raises(InputError, match="no run knows 'E12'; did you mean"):
        history_of(path, "E12")


def test_runs_of_different_scales_are_not_compared(path: Path) -> None:
    record_run(path, Run("nine", "2027-03-31", "", ("AAA", "AA")), [Rated("E1", "AA")])
    with pytest.raises(InputError, match="moves are counted on one scale only"):
        migration_matrix(path, "2027-01", "nine")


def test_nothing_in_the_file_can_be_changed(path: Path) -> None:
    connection = sqlite3.connect(path)
    for statement in ("UPDATE ratings SET grade = 'A'", "DELETE FROM runs", "DELETE FROM ratings"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is a database of something else"),
        (b"enterprise,grade\nE1,A\n" * 100, "is no SQLite database, or is damaged"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        runs_of(path)
    if content:
        with pytest.raises(HistoryError, match=told):
            record_run(path, FIRST, graded(E1="A"))
        assert path.read_bytes() == content


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE runs (run TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="a database of something else, and no grade history"):
        history_of(path, "E1")
    with pytest.raises(HistoryError, match="a database of something else"):
        record_run(path, FIRST, graded(E1="A"))
    assert path.read_bytes() == before


def test_a_history_of_a_newer_release_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(InputError, match="of version 2, and this release reads version 1"):
        runs_of(path)
    with pytest.raises(HistoryError, match="of version 2"):
        record_run(path, Run("x", "2027-03-31", "", SCALE), [])


def test_a_damaged_history_is_told(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        history_of(path, "E1")


def test_a_cut_history_is_told(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(InputError, match="damaged"):
        history_of(path, "E1")


def test_a_missing_history_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there, or no file"):
        runs_of(tmp_path / "none.sqlite")
    with pytest.raises(InputError, match="is not there, or no file"):
        runs_of(tmp_path)
    with pytest.raises(HistoryError, match="folder is missing"):
        record_run(tmp_path / "no" / "history.sqlite", FIRST, [])


@pytest.mark.skipif(
    os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root writes anywhere"
)
def test_a_read_only_history_is_told(path: Path) -> None:
    path.chmod(0o444)
    with pytest.raises(HistoryError, match="read-only"):
        record_run(path, replace(FIRST, run="x"), graded(E1="A"))
    assert len(runs_of(path)) == 2


def test_a_history_that_another_run_is_writing_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lendplan.rating.watching.history.WAIT_SECONDS", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HistoryError, match="is being written by another run"):
        record_run(path, replace(FIRST, run="x"), graded(E1="A"))
    other.execute("ROLLBACK")
    other.close()


def test_a_write_that_fails_midway_leaves_the_file_as_it_was(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    broken = Rated("E2", "A", reason=b"\xff")  # type: ignore[arg-type]  # stands for whatever fails midway
    with pytest.raises((HistoryError, TypeError)):
        record_run(path, replace(FIRST, run="x"), [*graded(E1="A"), broken])
    assert path.read_bytes() == before
    fresh = tmp_path / "fresh.sqlite"
    with pytest.raises((HistoryError, TypeError)):
        record_run(fresh, FIRST, [broken])
    assert not fresh.exists()


def test_a_run_that_is_killed_midway_leaves_the_history_as_it_was(path: Path) -> None:
    # A small cache, so that pages of the unfinished run are in the file already when the process dies.
    killed = textwrap.dedent(
        f"""
        import os, sqlite3
        connection = sqlite3.connect({str(path)!r}, isolation_level=None)
        connection.execute("PRAGMA cache_size = 2")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO runs (run, at, model, grades, digest) VALUES ('x', '', '', '[]', '')")
        connection.executemany(
            "INSERT INTO ratings VALUES (3, ?, ?, 'A', '', NULL, NULL, NULL, NULL, '')",
            ((place, "E%06d" % place) for place in range(20000)),
        )
        os._exit(9)
        """
    )
    size = path.stat().st_size
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == 9
    assert path.stat().st_size > size  # the process did die in the middle
    assert [run.run for run in runs_of(path)] == ["2027-01", "2027-02"]
    assert record_run(path, replace(FIRST, run="2027-03"), graded(E1="D"))
    assert [one.grade for _, one in history_of(path, "E1")] == ["A", "C", "D"]


@pytest.mark.parametrize(
    ("run", "rated"),
    [
        (replace(FIRST, run=""), []),
        (replace(FIRST, at="yesterday"), []),
        (replace(FIRST, grades=("A", "A")), []),
        (FIRST, graded(E1="A") * 2),
        (FIRST, graded(E1="Z")),
        (FIRST, [Rated("E1", "A", score=float("nan"))]),
    ],
)
def test_improper_runs_are_refused_before_anything_is_written(
    tmp_path: Path, run: Run, rated: list[Rated]
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        record_run(tmp_path / "history.sqlite", run, rated)
    assert list(tmp_path.iterdir()) == []


def test_names_with_letters_of_their_own_are_files_like_others(tmp_path: Path) -> None:
    path = tmp_path / "历史 50%?#.sqlite"
    record_run(path, FIRST, graded(E1="A"))
    assert path.exists()
    assert len(runs_of(path)) == 1


def test_the_table_of_ratings_goes_in_with_its_blanks(tmp_path: Path) -> None:
    blank = np.array([np.nan, np.nan])
    ratings = Ratings(
        enterprise=("E1", "E2"),
        grade=("A", ""),
        grade_forecast=("B", ""),
        default_probability=np.array([0.02, np.nan]),
        default_probability_own=np.array([0.05, np.nan]),
        loss_given_default=blank,
        risk_weight=blank,
        risk_index=blank,
        score=np.array([71.5, np.nan]),
        reason=("given", "has no invoice"),
    )
    assert rated_rows(ratings) == (
        Rated("E1", "A", "B", 0.02, 0.05, None, 71.5, "given"),
        Rated("E2", "", reason="has no invoice"),
    )
    assert record_run(tmp_path / "history.sqlite", FIRST, rated_rows(ratings))
