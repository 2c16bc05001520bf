"""The pages of the rating say what the program does: no column, file, kind of security or signal is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from lendplan.rating.outputs import FILES
from lendplan.rating.ratings import COLUMNS
from lendplan.rating.risk.guarantees import GUARANTEES, HAIRCUTS
from lendplan.rating.watching.rules import RULES

PAGES = Path(__file__).resolve().parents[2] / "docs" / "rating"


def read(page: str) -> str:
    return (PAGES / page).read_text(encoding="utf-8")


def rows_of(page: str) -> dict[str, list[str]]:
    """Return the first word of each row of the page's tables, and its cells."""
    rows = [line.strip("| ").split(" | ") for line in read(page).splitlines() if line.startswith("| ")]
    return {row[0].strip("`*"): row for row in rows}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_of_the_ratings_is_told(name: str) -> None:
    assert f"| `{name}` |" in read("index.md")


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_a_rating_is_told(name: str) -> None:
    assert f"`{name}`" in read("index.md")


@pytest.mark.parametrize("kind", HAIRCUTS)
def test_every_kind_of_security_stands_with_its_haircut(kind: str) -> None:
    haircut = HAIRCUTS[kind]
    assert rows_of("guarantees_agencies_history.md")[kind][2] == (
        "all of it" if haircut == 1 else f"{haircut:.0%}".replace("%", " %")
    )


def test_every_column_of_guarantees_is_told() -> None:
    told = read("guarantees_agencies_history.md")
    assert [column.name for column in GUARANTEES.columns if column.name not in told] == []


@pytest.mark.parametrize("name", RULES)
def test_every_signal_stands_with_its_thresholds(name: str) -> None:
    rule, row = RULES[name], rows_of("watch.md")[name]
    if name == "sales_stopped":
        assert row[2] == "always"
        return
    forms = {
        "share": "{:.0%}",
        "points": "{:.0%}",
        "times": "{:g} ×",
        "days": "{:g}",
        "months": "{:g}",
        "grades": "{:g}",
    }
    ends = {"points": " points"}
    for shown, level in zip(row[1:3], (rule.watch, rule.severe), strict=True):
        written = forms[rule.unit].format(level)
        written = written.replace("%", "" if rule.unit in ends else " %") + ends.get(rule.unit, "")
        assert shown == written
