"""The simulated book: the same everywhere, in the real proportions, dirty as real files are, and not too easy."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lendplan.data.coltable import ColumnTable
from lendplan.data.tables import read_table
from lendplan.rating.invoices.reading import read_dossier
from lendplan.rating.simulation import files as simulationfiles
from lendplan.rating.simulation.files import simulation_files, workbook_bytes, write_simulation
from lendplan.rating.simulation.invoices import INVOICE_COLUMNS
from lendplan.rating.simulation.simulator import (
    BOOK_COLUMNS,
    ENTERPRISE_COLUMNS,
    GRADES,
    largest_remainder,
    simulate,
)
from lendplan.rating.simulation.uniformdraw import Draw

Tables = Any


@pytest.fixture(scope="module")
def tables() -> Tables:
    return simulate(size=300, seed=5, invoices_per_month=6.0)


@pytest.fixture(scope="module")
def large() -> Tables:
    return simulate(size=2000, seed=11, months=24, invoices_per_month=4.0, unrated=0.0)


def digest(tables: Tables) -> str:
    return hashlib.sha256(b"".join(simulation_files(tables).values())).hexdigest()


def counts_of(column: NDArray[Any]) -> dict[str, int]:
    values, counts = np.unique(column.astype(str), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def auc(score: NDArray[np.float64], is_hit: NDArray[np.bool_]) -> float:
    """Share of the pairs of a hit and another one in which the hit scores higher, ties counted half."""
    hits, others = score[is_hit][:, None], score[~is_hit][None, :]
    return float(np.mean((hits > others) + 0.5 * (hits == others)))


# ------------------------------------------------------------------------------------------------- the same draw
def test_same_seed_same_tables_other_seed_others() -> None:
    assert digest(simulate(40, 5)) == digest(simulate(40, 5))
    assert digest(simulate(40, 5)) != digest(simulate(40, 6))


def test_the_draw_is_what_it_was_on_every_machine() -> None:
    """A change of this figure changes every number in the tutorial: it has to be meant."""
    assert digest(simulate(40, 5)) == "e6a101e120efd740a72184f4d3cd78290966e872546b2aba92cb4ed10c2a3597"


# (1 + x/32)^32 at −32, 0 and 32: 0, 1 and 2^32 (the exponent is held within ±16: 0.5^32 and 1.5^32).
@pytest.mark.parametrize(("exponent", "factor"), [(0.0, 1.0), (-40.0, 0.5**32), (40.0, 1.5**32)])
def test_spread_by_hand(exponent: float, factor: float) -> None:
    assert Draw.spread(np.array([exponent]))[0] == factor


def test_spread_is_much_like_exp() -> None:
    exponent = np.linspace(-2, 2, 41)
    np.testing.assert_allclose(Draw.spread(exponent), np.exp(exponent), rtol=0.07)


def test_bell_has_mean_zero_and_deviation_one() -> None:
    drawn = Draw(1).bell(200_000)
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    assert np.abs(drawn).max() <= 3


# ---------------------------------------------------------------------------------------------------- enterprises
def test_tables_have_the_columns_of_the_contract(tables: Tables) -> None:
    assert tables["enterprises"].names == (*ENTERPRISE_COLUMNS, *BOOK_COLUMNS)
    assert tables["invoices"].names == INVOICE_COLUMNS
    assert simulate(5, 1, book=False)["enterprises"].names == ENTERPRISE_COLUMNS


# Shares of 27, 38, 34 and 24 in 123, each rounded down, the rest to the largest remainders; 10: 2.20, 3.09, 2.76, 1.95.
@pytest.mark.parametrize(
    ("total", "counts"), [(123, [27, 38, 34, 24]), (10, [2, 3, 3, 2]), (1, [0, 1, 0, 0]), (0, [0, 0, 0, 0])]
)
def test_largest_remainder_by_hand(total: int, counts: list[int]) -> None:
    assert largest_remainder((27, 38, 34, 24), total).tolist() == counts


def test_grades_and_defaults_stand_as_in_the_real_mix() -> None:
    enterprises = simulate(123, 2027, unrated=0.0, invoices_per_month=1.0)["enterprises"]
    grade, default = enterprises["grade"], enterprises["default"]
    assert [int((grade == one).sum()) for one in GRADES] == [27, 38, 34, 24]
    assert set(default[grade == "D"]) == {"yes"}
    assert int((default == "yes").sum()) == 27
    assert int((default[grade == "A"] == "yes").sum()) == 0


def test_unrated_have_neither_grade_nor_default(tables: Tables) -> None:
    enterprises = tables["enterprises"]
    is_unrated = enterprises["grade"] == ""
    assert int(is_unrated.sum()) == 45  # 15 % of 300
    assert set(enterprises["default"][is_unrated]) == {""}
    assert set(enterprises["default"][~is_unrated]) == {"yes", "no"}


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("unrated", [0.0, 0.5, 1.0])
def test_the_smallest_books_are_drawn(size: int, unrated: float) -> None:
    drawn = simulate(size, 3, months=1, unrated=unrated)
    assert drawn["enterprises"].rows == size
    assert len(set(drawn["enterprises"]["enterprise"])) == size


def test_lines_fit_the_size(tables: Tables) -> None:
    enterprises = tables["enterprises"]
    assert set(enterprises["size"]) == {"micro", "small", "medium"}
    for size, least, most in (("micro", 10, 30), ("small", 25, 65), ("medium", 60, 100)):
        line_max = enterprises["line_max"][enterprises["size"] == size]
        assert least <= line_max.min() <= line_max.max() <= most
    assert np.all(enterprises["line_min"] < enterprises["line_max"])


# ------------------------------------------------------------------------------------------------------- invoices
def test_invoices_are_of_the_enterprises_and_the_months(tables: Tables) -> None:
    invoices = tables["invoices"]
    assert set(invoices["enterprise"]) <= set(tables["enterprises"]["enterprise"])
    assert min(invoices["date"]) >= "2024-01-01"
    assert max(invoices["date"]) <= "2026-12-31"
    assert counts_of(invoices["side"]).keys() == {"input", "output"}
    assert {len(number) for number in invoices["invoice_no"]} == {8}


def test_about_as_many_invoices_as_asked_for(large: Tables) -> None:
    a_month = large["invoices"].rows / (2000 * 24 * 2)
    assert 0.6 * 4.0 < a_month < 1.3 * 4.0


def test_rows_stand_by_enterprise_side_and_date(tables: Tables) -> None:
    invoices = tables["invoices"]
    keys = list(zip(invoices["enterprise"], invoices["side"], invoices["date"], strict=True))
    assert keys == sorted(keys)


def test_nearly_all_totals_are_amount_plus_tax(tables: Tables) -> None:
    invoices = tables["invoices"]
    off = np.abs(invoices["amount"] + invoices["tax"] - invoices["total"]) > 0.01
    assert 1 <= int(off.sum()) <= 6


def test_there_is_realistic_dirt(tables: Tables) -> None:
    invoices = tables["invoices"]
    rows = list(zip(*(invoices[name] for name in INVOICE_COLUMNS), strict=True))
    again = sum(one == other for one, other in itertools.pairwise(rows))
    assert 20 < again < 0.03 * len(rows)
    status = counts_of(invoices["status"])
    assert status.keys() == {"valid", "void", "valid ", " void"}
    is_void = np.char.strip(invoices["status"].astype(str)) == "void"
    assert 0.02 < is_void.mean() < 0.15
    assert 0.1 < (invoices["amount"][is_void] == 0).mean() < 0.3
    assert 0.002 < (invoices["total"][~is_void] < 0).mean() < 0.08


def test_some_files_are_thin(tables: Tables) -> None:
    invoices = tables["invoices"]
    owner, is_sale = invoices["enterprise"], invoices["side"] == "output"
    is_void = np.char.strip(invoices["status"].astype(str)) == "void"
    ids = tables["enterprises"]["enterprise"]
    single = [one for one in ids if (owner == one).sum() == 1]
    all_void = [one for one in ids if (owner == one).any() and is_void[owner == one].all()]
    no_purchases = [one for one in ids if not (~is_sale[owner == one]).any()]
    assert len(single) >= 4  # 1.2 % of 300, rounded
    assert len(all_void) >= 4
    assert len(set(no_purchases) - set(single)) >= 4


# ------------------------------------------------------------------------------------------------------ not too easy
def simple_indicators(tables: Tables) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
    """Return a few indicators of sales, more is better, of those that have sales and purchases; and who defaulted."""
    enterprises, invoices = tables["enterprises"], tables["invoices"]
    size = enterprises.rows
    owner = invoices.texts("enterprise").positions_in(enterprises.texts("enterprise"))
    is_sale = invoices["side"] == "output"
    is_valid = np.char.strip(invoices["status"].astype(str)) == "valid"
    sold = is_sale & is_valid

    def distinct(*columns: NDArray[Any]) -> NDArray[np.float64]:
        keys = np.unique(np.stack([owner[sold], *(one[sold] for one in columns)]), axis=1)
        return np.bincount(keys[0], minlength=size).astype(float)

    buyers, _ = invoices.texts("counterparty").coded()
    months = np.char.replace(invoices["date"].astype("U7"), "-", "").astype(int)
    number = np.bincount(owner[is_sale], minlength=size)
    sales = np.bincount(owner[sold], invoices["total"][sold], size)
    bought = np.bincount(owner[~is_sale & is_valid], invoices["total"][~is_sale & is_valid], size)
    void = np.bincount(owner[is_sale & ~is_valid], minlength=size)
    has_all = (number > 0) & (sales > 0) & (bought > 0)
    found = {
        "sales": np.log(sales[has_all]),
        "customers": distinct(buyers)[has_all],
        "months": distinct(months)[has_all],
        "void": -(void / np.maximum(number, 1))[has_all],
        "margin": ((sales - bought) / np.maximum(sales, 1))[has_all],
    }
    return found, (enterprises["default"] == "yes")[has_all]


def test_default_is_told_by_the_invoices_but_not_settled(large: Tables) -> None:
    found, is_default = simple_indicators(large)
    for name, values in found.items():
        assert 0.55 < auc(-values, is_default) < 0.95, name
    ranks = sum(np.argsort(np.argsort(values)) for values in found.values())
    assert 0.75 < auc(-np.asarray(ranks, dtype=float), is_default) < 0.95


def test_no_forest_settles_default(large: Tables) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    found, is_default = simple_indicators(large)
    table = np.column_stack(list(found.values()))
    forest = ensemble.RandomForestClassifier(100, min_samples_leaf=5, oob_score=True, random_state=0)
    forest.fit(table, is_default)
    assert 0.75 < auc(forest.oob_decision_function_[:, 1], is_default) < 0.95


def test_grades_follow_the_sales(large: Tables) -> None:
    enterprises, invoices = large["enterprises"], large["invoices"]
    owner = invoices.texts("enterprise").positions_in(enterprises.texts("enterprise"))
    sales = np.bincount(owner, np.where(invoices["side"] == "output", invoices["total"], 0), enterprises.rows)
    medians = [float(np.median(sales[enterprises["grade"] == grade])) for grade in GRADES]
    assert medians == sorted(medians, reverse=True)


# ------------------------------------------------------------------------------------------------------------ refused
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"size": 0}, "size"),
        ({"seed": -1}, "seed"),
        ({"months": 0}, "months"),
        ({"months": 241}, "months"),
        ({"invoices_per_month": 0.0}, "invoices_per_month"),
        ({"unrated": 1.2}, "unrated"),
        ({"size": 10_000_000}, "size × months"),
        ({"size": 20_000, "months": 240, "invoices_per_month": 50.0}, "invoices would be made"),
    ],
)
def test_refuses_what_makes_no_book(arguments: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        simulate(**arguments)


# -------------------------------------------------------------------------------------------------------------- files
def test_csv_and_parquet_hold_the_same(tables: Tables, tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        written = write_simulation(tmp_path / kind, tables, kind=kind)
        assert [path.name for path in written] == [f"enterprises.{kind}", f"invoices.{kind}"]
    for name in ("enterprises", "invoices"):
        text = read_table(tmp_path / "csv" / f"{name}.csv")
        packed = read_table(tmp_path / "parquet" / f"{name}.parquet")
        assert list(text.columns) == list(packed.columns) == list(tables[name].names)
        assert text.rows == packed.rows == tables[name].rows
    lines = (tmp_path / "csv" / "invoices.csv").read_text(encoding="utf-8").splitlines()
    invoices = tables["invoices"]
    last = invoices.rows - 1
    assert lines[-1] == ",".join(str(invoices[name][last]) for name in INVOICE_COLUMNS)


def test_same_tables_same_bytes(tables: Tables) -> None:
    for kind in ("csv", "parquet"):
        assert simulation_files(tables, kind=kind) == simulation_files(tables, kind=kind)


def test_blocks_of_rows_make_the_same_text(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = simulation_files(tables)
    monkeypatch.setattr(simulationfiles, "BLOCK", 1000)
    assert simulation_files(tables) == whole


def test_workbook_has_the_chinese_sheets_and_headers(tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    drawn = simulate(12, 3, months=6, invoices_per_month=3.0)
    target = tmp_path / "deep" / "book.xlsx"
    assert write_simulation(target, drawn) == [target]
    assert target.read_bytes() == workbook_bytes(drawn)
    enterprises = read_table(f"{target}#企业信息")
    assert list(enterprises.columns) == ["企业代号", "企业名称", "信誉评级", "是否违约", *BOOK_COLUMNS]
    sales, purchases = read_table(f"{target}#销项发票信息"), read_table(f"{target}#进项发票信息")
    assert list(sales.columns)[:4] == ["企业代号", "发票号码", "开票日期", "购方单位代号"]
    assert list(purchases.columns)[3:] == ["销方单位代号", "金额", "税额", "价税合计", "发票状态"]
    assert sales.rows + purchases.rows == drawn["invoices"].rows


def test_every_form_is_read_as_the_same_dossier(tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    drawn = simulate(60, 8, months=9, invoices_per_month=4.0)
    write_simulation(tmp_path / "csv", drawn)
    write_simulation(tmp_path / "parquet", drawn, kind="parquet")
    write_simulation(tmp_path / "book.xlsx", drawn)
    first, *others = [read_dossier(tmp_path / name) for name in ("csv", "parquet", "book.xlsx")]
    enterprises = drawn["enterprises"]
    assert first.enterprises.enterprise == tuple(enterprises["enterprise"])
    assert first.enterprises.grade == tuple(enterprises["grade"])
    assert len(first.unusable) >= 1
    assert all("void" in reason for reason in first.unusable.values())
    for other in others:
        assert other.enterprises.grade == first.enterprises.grade
        assert other.unusable == first.unusable
        np.testing.assert_array_equal(other.enterprises.is_default, first.enterprises.is_default)
        for name in ("owner", "is_sale", "day", "amount", "tax", "total", "is_valid"):
            # The workbook has one sheet a side, the folder one table by enterprise.
            one, two = (
                getattr(it, name)[np.argsort(it.owner, kind="stable")]
                for it in (first.invoices, other.invoices)
            )
            np.testing.assert_array_equal(one, two)


def test_a_sheet_that_would_be_too_long_is_refused(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xlsxwriter")
    monkeypatch.setattr(simulationfiles, "SHEET_ROWS", 100)
    with pytest.raises(ValueError, match=r"进项发票信息 would have .* write a folder instead"):
        workbook_bytes(tables)


def test_a_folder_with_the_other_kind_is_refused(tmp_path: Path) -> None:
    drawn = simulate(3, 1, months=2)
    write_simulation(tmp_path, drawn)
    with pytest.raises(ValueError, match=r"holds enterprises\.csv already"):
        write_simulation(tmp_path, drawn, kind="parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["enterprises.csv", "invoices.csv"]


def test_what_cannot_be_written_leaves_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = simulate(3, 1, months=2)
    write_simulation(tmp_path, drawn)
    before = (tmp_path / "invoices.csv").read_bytes()

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(simulationfiles.os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_simulation(tmp_path, simulate(3, 2, months=2))
    assert (tmp_path / "invoices.csv").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["enterprises.csv", "invoices.csv"]


def test_column_tables_are_ours(tables: Tables) -> None:
    assert all(isinstance(table, ColumnTable) for table in tables.values())
