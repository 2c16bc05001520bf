"""The simulated book: the real proportions, the same draw every time, and a file that is whole or not there."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lendplan.data.book import assemble_book
from lendplan.data.tables import table_from_frame
from lendplan.scenarios import generator
from lendplan.scenarios.generator import (
    COLUMNS,
    GRADE_MIX,
    GRADES,
    INDUSTRIES,
    REGIONS,
    SIZES,
    main,
    simulate_book,
    write_book,
)

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def large() -> pd.DataFrame:
    return simulate_book(20_000, seed=7)


def test_grades_stand_in_the_real_mix() -> None:
    counts = simulate_book()["grade"].value_counts()
    assert [counts[grade] for grade in GRADES] == [27, 38, 34, 24]


# Shares of 27, 38, 34 and 24 in 123, each rounded down, the rest to the largest remainders:
# 10 → 2.20, 3.09, 2.76, 1.95; 2 → 0.44, 0.62, 0.55, 0.39; 1 → 0.22, 0.31, 0.28, 0.20.
@pytest.mark.parametrize(
    ("size", "counts"),
    [(10, (2, 3, 3, 2)), (2, (0, 1, 1, 0)), (1, (0, 1, 0, 0)), (1230, tuple(10 * n for n in GRADE_MIX))],
)
def test_other_sizes_by_largest_remainder(size: int, counts: tuple[int, ...]) -> None:
    book = simulate_book(size, seed=3)
    assert len(book) == size
    assert tuple(int((book["grade"] == grade).sum()) for grade in GRADES) == counts


def test_same_seed_same_book_other_seed_another() -> None:
    pd.testing.assert_frame_equal(simulate_book(200, 5), simulate_book(200, 5))
    assert not simulate_book(200, 5).equals(simulate_book(200, 6))


@pytest.mark.parametrize(("size", "seed", "word"), [(0, 1, "size"), (-3, 1, "size"), (5, -1, "seed")])
def test_refuses_what_makes_no_book(size: int, seed: int, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        simulate_book(size, seed)


@pytest.mark.parametrize("size", [1, 2, 123, 5000])
def test_keeps_the_contract_of_the_enterprises_table(size: int) -> None:
    book = simulate_book(size, seed=11)
    assert tuple(book.columns) == COLUMNS
    read = assemble_book(table_from_frame(book, "enterprises"), None, {}).table.to_frame()
    assert list(read["enterprise"]) == list(book["enterprise"])
    assert read["default_probability"].to_numpy() == pytest.approx(book["default_probability"].to_numpy())


def test_values_are_in_range_and_rounded(large: pd.DataFrame) -> None:
    p = large["default_probability"]
    assert p.equals(p.round(4))
    for grade, low, high in (("A", 0.015, 0.06), ("B", 0.03, 0.10), ("C", 0.06, 0.17), ("D", 0.40, 0.90)):
        assert p[large["grade"] == grade].between(low, high).all()
    assert large["loss_given_default"].between(0.28, 0.65).all()
    assert (large["line_min"] <= large["line_max"]).all()
    assert large["line_max"].between(10, 100).all()
    assert large["line_max"].max() == 100
    assert large["line_max"].min() == 10
    assert set(large["industry"]) == set(INDUSTRIES)
    assert set(large["region"]) == set(REGIONS)
    assert set(large["size"]) == set(SIZES)


def test_worse_grades_default_more_and_overlap(large: pd.DataFrame) -> None:
    by_grade = large.groupby("grade")["default_probability"]
    for better, worse in itertools.pairwise(GRADES):
        assert by_grade.median()[better] < by_grade.median()[worse]
    for better, worse in itertools.pairwise(GRADES[:3]):
        assert by_grade.max()[better] > by_grade.min()[worse]


def test_larger_businesses_have_larger_lines_better_collateral_and_grades(large: pd.DataFrame) -> None:
    by_size = large.groupby("size")
    for smaller, larger in itertools.pairwise(SIZES):
        assert by_size["line_max"].mean()[smaller] + 10 < by_size["line_max"].mean()[larger]
        assert by_size["loss_given_default"].mean()[smaller] > by_size["loss_given_default"].mean()[larger]
    medium = (large["size"] == "medium").groupby(large["grade"]).mean()
    assert all(medium[better] > medium[worse] for better, worse in itertools.pairwise(GRADES))


def test_a_few_are_decided_beforehand_with_reasons(large: pd.DataFrame) -> None:
    counts = large["must"].value_counts()
    assert counts["lend"] == 300
    assert counts["decline"] == 800
    assert (large.loc[large["must"] != "", "must_reason"] != "").all()
    assert (large.loc[large["must"] == "", "must_reason"] == "").all()
    assert set(large.loc[large["must"] == "lend", "grade"]) == {"A", "B"}


def test_every_row_says_that_it_is_simulated(large: pd.DataFrame) -> None:
    assert large["name"].str.startswith("Simulated ").all()
    assert large["enterprise"].is_unique


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_command_writes_the_book(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"book{suffix}"
    assert main(["--size", "50", "--seed", "4", "--output", str(target)]) == 0
    read = (
        pd.read_csv(target, keep_default_na=False, dtype={"must": str})
        if suffix == ".csv"
        else pd.read_parquet(target)
    )
    expected = simulate_book(50, 4)
    assert read.to_numpy().tolist() == expected.to_numpy().tolist()
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_csv_is_the_same_to_the_byte(tmp_path: Path) -> None:
    book = simulate_book(40, 9)
    assert (
        write_book(book, tmp_path / "a.csv").read_bytes() == write_book(book, tmp_path / "b.csv").read_bytes()
    )
    assert b"\r" not in (tmp_path / "a.csv").read_bytes()


@pytest.mark.parametrize(
    "arguments", [["--size", "0"], ["--seed", "-1"], ["--output", "book.xlsx"], ["--size", "many"]]
)
def test_wrong_usage_is_2_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["--output", "book.csv", *arguments])
    assert stop.value.code == 2
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_8_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--size", "5", "--output", str(tmp_path / "none" / "book.csv")])
    assert stop.value.code == 8
    assert "book.csv could not be written: No such file" in capsys.readouterr().err


def test_a_failed_write_leaves_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "book.csv"
    target.write_text("before")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generator.os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_book(simulate_book(5), target)
    assert target.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["book.csv"]


def test_shipped_book_is_the_generators(tmp_path: Path) -> None:
    shipped = CHECKOUT / "scenarios" / "annual_budget_enterprises.csv"
    assert shipped.read_bytes() == write_book(simulate_book(123, 2027), tmp_path / "again.csv").read_bytes()


def test_no_value_is_drawn_twice_from_one_number() -> None:
    """Columns that are drawn apart are not copies of each other's noise."""
    book = simulate_book(20_000, seed=1)
    micro = book[(book["size"] == "micro") & (book["grade"] == "C")]
    columns = micro[["line_max", "loss_given_default", "default_probability"]].to_numpy(float)
    apart = np.corrcoef(columns.T)[np.triu_indices(3, 1)]
    assert np.abs(apart).max() < 0.05
