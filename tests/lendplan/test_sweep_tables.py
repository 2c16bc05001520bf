"""The tidy table of many points, cell by cell."""

from __future__ import annotations

import io

from pyarrow import parquet

from lendplan.sweep.tables import cell_of, csv_of, flat, in_columns, parquet_of


def test_nested_keys_are_joined_by_a_dot() -> None:
    summary = {
        "status": "optimal",
        "gap": 0.0,
        "seconds": {"read": 0.5},
        "shadow_prices": {"one industry[retail]": 0.25},
        "shadow_price_ranges": {"budget": [None, 3.0]},
        "ranges": None,
        "binding": ["budget", "reach"],
        "conflict": {"limits": {}},
        "error": "long",
    }
    assert flat(summary) == {
        "status": "optimal",
        "gap": 0.0,
        "seconds.read": 0.5,
        "shadow_prices.one industry[retail]": 0.25,
        "shadow_price_ranges.budget.from": None,
        "shadow_price_ranges.budget.to": 3.0,
        "ranges": None,
        "binding": "budget; reach",
    }


def test_columns_that_only_some_rows_have_stand_where_those_have_them() -> None:
    rows = [{"a": 1, "z": 2}, {"a": 3, "b": 4, "z": 5}]
    assert in_columns(rows) == {"a": [1, 3], "b": [None, 4], "z": [2, 5]}


def test_cells_of_swept_values() -> None:
    assert [cell_of(one) for one in (1, "x", True, None, ["C", "D"])] == [1, "x", True, None, '["C", "D"]']


def test_numbers_are_written_to_the_last_bit_and_text_is_no_formula() -> None:
    columns = {"a": [0.1 + 0.2, None], "b": ["=1+1", "x,y"], "c": [True, False], "d": [-3, 2]}
    assert csv_of(columns).decode() == 'a,b,c,d\n0.30000000000000004,\'=1+1,true,-3\n,"x,y",false,2\n'


def test_parquet_keeps_the_kinds() -> None:
    columns = {"a": [1, None, 2.5], "b": ["=1+1", None, "x"], "c": [True, False, None], "d": [1, "x", None]}
    table = parquet.read_table(io.BytesIO(parquet_of(columns)))
    assert table.column("a").to_pylist() == [1.0, None, 2.5]
    assert table.column("b").to_pylist() == ["=1+1", None, "x"]
    assert table.column("c").to_pylist() == [True, False, None]
    assert table.column("d").to_pylist() == ["1", "x", None]


def test_no_rows_make_an_empty_table() -> None:
    assert csv_of(in_columns([])) == b"\n"
    assert parquet.read_table(io.BytesIO(parquet_of(in_columns([])))).num_rows == 0
