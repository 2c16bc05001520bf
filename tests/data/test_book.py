import logging

import numpy as np
import pandas as pd
import pytest

from lendplan.data.book import assemble_book
from lendplan.data.findings import InputError
from lendplan.data.tables import read_table, table_from_frame


@pytest.fixture
def read(tmp_path):
    def write_and_read(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_table(path)

    return write_and_read


def refusals(*tables, columns=None):
    with pytest.raises(InputError) as caught:
        assemble_book(*tables, columns=columns or {})
    return [str(finding).rpartition("/")[2] for finding in caught.value.findings]


def test_a_rating_stands_over_the_book_unless_blank(read):
    book = assemble_book(
        read("book.csv", "enterprise,grade,risk_weight,region\nE1,A,0.1,n\nE2,B,0.2,s\nE3,C,0.3,n\n"),
        read("ratings.csv", "enterprise,grade,risk_weight,score,model\nE3,D,0.9,12,m1\nE1,,0.5,,\n"),
    )
    assert book.table["enterprise"].tolist() == ["E1", "E2", "E3"]
    assert book.table["grade"].tolist() == ["A", "B", "D"]
    assert book.table["risk_weight"].tolist() == [0.5, 0.2, 0.9]
    assert book.table["score"].tolist() == ["", "", "12"]
    assert book.table["model"].tolist() == ["", "", "m1"]
    assert book.table["region"].tolist() == ["n", "s", "n"]
    assert book.line.tolist() == [2, 3, 4]
    assert book.file.endswith("book.csv")
    assert book.rated_by is not None
    assert book.rated_by.endswith("ratings.csv")
    assert [record.role for record in book.inputs] == ["enterprises", "ratings"]
    assert all(len(record.sha256) == 64 and record.encoding == "utf-8" for record in book.inputs)


def test_ratings_can_bring_any_column_of_the_book(read):
    book = assemble_book(
        read("book.csv", "enterprise,line_max\nE1,10\nE2,20\n"),
        read("ratings.csv", "enterprise,grade,risk_weight,line_max\nE2,A,0.1,5\n"),
    )
    assert book.table["line_max"].tolist() == [10, 5]


def test_further_columns_and_strangers_in_ratings_are_logged(read, caplog):
    with caplog.at_level(logging.INFO, logger="lendplan"):
        book = assemble_book(
            read("book.csv", "enterprise\nE1\nE2\n"),
            read("ratings.csv", "enterprise,grade,risk_weight,model\nE1,A,0.1,m\nE9,A,0.1,m\n"),
        )
    assert book.table.rows == 2
    assert "1 ratings are for enterprises that the book lacks: E9" in caplog.text
    assert "no rating for 1 enterprises" in caplog.text
    assert "further columns kept: model" in caplog.text


def test_without_ratings(read):
    book = assemble_book(read("book.csv", "enterprise,grade\nE1,A\n"), None, {})
    assert book.rated_by is None
    assert [record.role for record in book.inputs] == ["enterprises"]


def test_lower_bounds_stay_below_upper_ones(read):
    text = "enterprise,line_min,line_max,rate_min,rate_max\nE1,10,5,,\nE2,5,5,4%,\nE3,,5,5%,4%\nE4,9,,4%,4%\n"
    assert refusals(read("book.csv", text)) == [
        "book.csv:2: line_min: 10 is above line_max 5 of 'E1'",
        "book.csv:4: rate_min: 0.05 is above rate_max 0.04 of 'E3'",
    ]


def test_problems_of_both_tables_come_at_once(read):
    found = refusals(
        read("book.csv", "enterprise,line_max\nE1,x\n"),
        read("ratings.csv", "enterprise,grade,risk_weight\nE1,A,-1\nE1,A,1\n"),
    )
    assert found == [
        "book.csv:2: line_max: 'x' is no number; write it with digits",
        "ratings.csv:2: risk_weight: -1 is below 0",
        "ratings.csv:3: enterprise: 'E1' stands in line 2 already; ids are unique",
    ]


def test_columns_serve_both_tables(read):
    book = assemble_book(
        read("book.csv", "企业代号,上限\nE1,5\n"),
        read("ratings.csv", "企业代号,信誉评级,risk_weight\nE1,A,0.1\n"),
        {"enterprise": "企业代号", "grade": "信誉评级", "line_max": "上限"},
    )
    assert book.table["enterprise"].tolist() == ["E1"]
    assert book.table["grade"].tolist() == ["A"]
    assert book.table["line_max"].tolist() == [5]


def test_a_name_that_no_table_has_is_refused(read):
    with pytest.raises(InputError) as caught:
        assemble_book(read("book.csv", "enterprise,limit\nE1,5\n"), None, {"line_max": "limits"})
    (finding,) = caught.value.findings
    assert finding.key == "columns.line_max"
    assert finding.message.startswith("there is no column 'limits' in ")
    assert finding.message.endswith("book.csv; did you mean 'limit'?")


def test_a_name_of_no_known_column_may_be_absent(read):
    assert assemble_book(read("book.csv", "enterprise\nE1\n"), None, {"rate": "年利率"}).table.rows == 1


def test_the_inputs_are_left_as_they_were():
    enterprises = pd.DataFrame({"enterprise": ["a", "b"], "risk_weight": [0.1, 0.2]})
    ratings = pd.DataFrame({"enterprise": ["b"], "grade": ["A"], "risk_weight": [0.7]})
    before = enterprises.copy()
    book = assemble_book(table_from_frame(enterprises, "book"), table_from_frame(ratings, "ratings"))
    assert book.table["risk_weight"].tolist() == [0.1, 0.7]
    book.table.numbers("risk_weight")[0] = 9.0
    pd.testing.assert_frame_equal(enterprises, before)


def test_merging_follows_ids_whatever_the_order():
    generator = np.random.default_rng(3)
    ids = [f"E{number}" for number in range(500)]
    weights = generator.random(500).round(6)
    order = generator.permutation(500)
    book = assemble_book(
        table_from_frame(pd.DataFrame({"enterprise": ids}), "book"),
        table_from_frame(
            pd.DataFrame({"enterprise": np.array(ids)[order], "grade": "A", "risk_weight": weights[order]}),
            "ratings",
        ),
    )
    np.testing.assert_array_equal(book.table["risk_weight"], weights)
