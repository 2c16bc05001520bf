"""The workbook of docs/certificate.md: its formulas, worked out here and by LibreOffice, give the bound of the plan."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

import lendplan
from lendplan.certify.bound import choices_of
from lendplan.certify.dual import exact_dual
from lendplan.certify.leaves import search_of
from lendplan.certify.left import Left, Whole, branched
from lendplan.data.book import assemble_book
from lendplan.data.churn import read_churn
from lendplan.data.tables import read_table

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLE = DOCS / "certificate_example"
XML = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
TOKEN = re.compile(
    r'"[^"]*"|[A-Z]+\d+:[A-Z]+\d+|(?:[a-z_0-9]+!)?[A-Z]+\d+|[A-Z]+(?=\()|\d+\.?\d*|<=|[-+*/(),&=<>]'
)
FIRST, LAST, RESULT = 20, 25, "E27"
"""Rows of the enterprises, and the cell of D."""
LEAVES = ("leaf_1", "leaf_2", "leaf_3")


# ------------------------------------------------------------------------------------------- a small spreadsheet
class Workbook:
    """A workbook, worked out from its formulas; a cell of another sheet than the first is called leaf_1!E27."""

    def __init__(self, path: Path) -> None:
        self.stored: dict[str, Any] = {}
        self.formulas: dict[str, str] = {}
        with zipfile.ZipFile(path) as archive:
            texts = [
                "".join(one.itertext())
                for one in ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
            ]
            names = ElementTree.fromstring(archive.read("xl/workbook.xml")).iter(f"{XML}sheet")
            self.sheets = [one.attrib["name"] for one in names]
            for place, sheet in enumerate(self.sheets, start=1):
                cells = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{place}.xml"))
                self._read(cells, "" if place == 1 else f"{sheet}!", texts)

    def _read(self, cells: ElementTree.Element, sheet: str, texts: list[str]) -> None:
        for cell in cells.iter(f"{XML}c"):
            name, value, kind = sheet + cell.attrib["r"], cell.findtext(f"{XML}v"), cell.attrib.get("t")
            formula = cell.findtext(f"{XML}f")
            if formula is not None:
                self.formulas[name] = formula
            if value is not None:
                self.stored[name] = (
                    texts[int(value)] if kind == "s" else value if kind == "str" else float(value)
                )

    def worked_out(self, changes: dict[str, Any] | None = None) -> Callable[[str], Any]:
        """Return a function from a cell to its value, with some inputs changed."""
        known = {name: value for name, value in self.stored.items() if name not in self.formulas}
        known |= changes or {}

        def value(name: str) -> Any:
            if name not in known and name in self.formulas:
                sheet = name.rpartition("!")[0]
                known[name] = _Formula(
                    self.formulas[name],
                    lambda other: value(
                        other.removeprefix("certificate!")
                        if "!" in other or not sheet
                        else f"{sheet}!{other}"
                    ),
                ).result()
            return known.get(name, 0.0)

        return value


class _Formula:
    """A formula of sums, products, comparisons and the five functions of the example, by recursive descent."""

    def __init__(self, text: str, value: Callable[[str], Any]) -> None:
        self.tokens = TOKEN.findall(text)
        assert "".join(self.tokens) == text, f"{text} holds what this reader does not know"
        self.value, self.at = value, 0

    def result(self) -> Any:
        found = self.comparison()
        assert self.at == len(self.tokens)
        return found

    def take(self, *options: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at] in options:
            self.at += 1
            return str(self.tokens[self.at - 1])
        return None

    def comparison(self) -> Any:
        left = self.joined()
        sign = self.take("<=", "=", ">")
        if sign is None:
            return left
        right = self.joined()
        return {"<=": left <= right, "=": left == right, ">": left > right}[sign]

    def joined(self) -> Any:
        left = self.sum()
        while self.take("&"):
            left = f"{left}{self.sum()}"
        return left

    def sum(self) -> Any:
        left = self.product()
        while sign := self.take("+", "-"):
            left = left + self.product() if sign == "+" else left - self.product()
        return left

    def product(self) -> Any:
        left = self.factor()
        while sign := self.take("*", "/"):
            left = left * self.factor() if sign == "*" else left / self.factor()
        return left

    def factor(self) -> Any:
        if self.take("-"):
            return -self.factor()
        if self.take("("):
            found = self.comparison()
            assert self.take(")")
            return found
        token = self.tokens[self.at]
        self.at += 1
        if token.startswith('"'):
            return token[1:-1]
        if ":" in token:
            return [self.value(name) for name in _names(token)]
        if token in ("SUM", "MAX", "SUMIF", "IF"):
            return self.call(token)
        return float(token) if re.fullmatch(r"\d+\.?\d*", token) else self.value(token)

    def call(self, name: str) -> Any:
        assert self.take("(")
        given = [self.comparison()]
        while self.take(","):
            given.append(self.comparison())
        assert self.take(")")
        if name == "IF":
            return given[1] if given[0] else given[2]
        if name == "SUMIF":
            return math.fsum(one for key, one in zip(given[0], given[2], strict=True) if key == given[1])
        flat = [one for part in given for one in (part if isinstance(part, list) else [part])]
        return math.fsum(flat) if name == "SUM" else max(flat)


def _names(area: str) -> Iterator[str]:
    found = re.fullmatch(r"([A-Z])(\d+):([A-Z])(\d+)", area)
    assert found is not None
    first, top, last, bottom = found.groups()
    for row in range(int(top), int(bottom) + 1):
        for column in range(ord(first), ord(last) + 1):
            yield f"{chr(column)}{row}"


# --------------------------------------------------------------------------------------------------------- tests
def spreadsheet() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_spreadsheet", DOCS / "spreadsheet.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "plan"
    lendplan.load(EXAMPLE / "scenario.yaml").solve().write(folder)
    return folder


@pytest.fixture(scope="module", params=["committed", "fresh"])
def workbook(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    if request.param == "committed":
        return Workbook(EXAMPLE / "certificate.xlsx")
    path = tmp_path_factory.mktemp("example") / "certificate.xlsx"
    spreadsheet().write(path)
    return Workbook(path)


def choices(plan: Path) -> Any:
    scenario = json.loads((plan / "manifest.json").read_text(encoding="utf-8"))["scenario"]
    book = assemble_book(read_table(EXAMPLE / "enterprises.csv"))
    return choices_of(scenario, book, read_churn(EXAMPLE / "churn.csv"), None)


def prices(value: Callable[[str], Any], sheet: str = "") -> dict[str, float]:
    return {str(value(f"{sheet}A{row}")): float(value(f"{sheet}C{row}")) for row in range(10, 14)}


def left_by(plan: Path, branches: Any) -> Left:
    """Return what the branches leave, as the independent check has it."""
    read = search_of({"leaves": [{"choices": branches, "prices": {}}]}).leaves
    assert read is not None
    places = {f"S{i + 1}": i for i in range(LAST - FIRST + 1)}
    left: Left = Whole(choices(plan))
    for branch in read[0].choices:
        left = branched(choices(plan), left, branch, places[branch.enterprise])
    return left


def test_formulas_give_what_is_stored_beside_them(workbook: Workbook) -> None:
    value = workbook.worked_out()
    assert len(workbook.formulas) > 300
    for name in workbook.formulas:
        stored = workbook.stored[name]
        alike = stored if isinstance(stored, str) else pytest.approx(stored, rel=1e-12, abs=1e-14)
        assert value(name) == alike, name


def test_formulas_give_what_the_prices_prove(workbook: Workbook, plan: Path) -> None:
    value = workbook.worked_out()
    exact = exact_dual(choices(plan), prices(value))
    assert exact is not None
    assert value(RESULT) == pytest.approx(float(exact), rel=1e-13)
    assert value("E28") == pytest.approx(value("E29"), rel=1e-12)  # what the plan is worth
    assert value("E30") == pytest.approx(0.0280112, rel=1e-5)
    assert [value(f"F{row}") for row in range(10, 14)] == [1, 1, 1, 1]


def test_leaves_give_the_certificates_number(workbook: Workbook, plan: Path) -> None:
    """The sheets are the certificate's leaves, one by one, and need none of its fixings."""
    value = workbook.worked_out()
    leaves = json.loads((plan / "certificate.json").read_text(encoding="utf-8"))["leaves"]
    assert workbook.sheets == ["certificate", *LEAVES]
    assert len(leaves) == len(LEAVES)
    for sheet, leaf in zip(LEAVES, leaves, strict=True):
        stated = {name: price for name, price in prices(value, f"{sheet}!").items() if price}
        assert stated == pytest.approx(leaf["prices"])
        exact = exact_dual(choices(plan), leaf["prices"], left_by(plan, leaf["choices"]))
        assert exact is not None
        assert value(f"{sheet}!{RESULT}") == pytest.approx(float(exact), rel=1e-12)
        words = ", ".join(f"{who} {how} {'null' if at is None else at}" for who, how, at in leaf["choices"])
        assert value(f"{sheet}!A1") == f"{sheet}: {words}"
    assert value("E31") == max(value(f"{sheet}!{RESULT}") for sheet in LEAVES)
    assert value("E32") == pytest.approx(value("E31"), rel=1e-12)  # what the certificate states
    assert (value("E33"), value("E34")) == (1, pytest.approx(0.0, abs=1e-12))


def test_fresh_formulas_are_the_committed_ones(tmp_path: Path) -> None:
    spreadsheet().write(tmp_path / "fresh.xlsx")
    fresh, committed = Workbook(tmp_path / "fresh.xlsx"), Workbook(EXAMPLE / "certificate.xlsx")
    assert fresh.formulas == committed.formulas, "run python docs/spreadsheet.py"
    for name, stored in committed.stored.items():
        assert fresh.stored[name] == (pytest.approx(stored) if isinstance(stored, float) else stored)


def test_wrong_price_of_a_leaf_shows(workbook: Workbook) -> None:
    value = workbook.worked_out({"leaf_3!C10": 0.026})
    assert value(f"leaf_3!{RESULT}") > 8.93
    assert value("E33") == 0


def test_changed_input_reaches_every_sheet(workbook: Workbook) -> None:
    before, after = workbook.worked_out(), workbook.worked_out({"B3": 0.01, "B10": 260.0})
    for sheet in ("", *(f"{leaf}!" for leaf in LEAVES)):
        assert after(f"{sheet}{RESULT}") > before(f"{sheet}{RESULT}") + 0.5


@pytest.mark.parametrize(
    ("branches", "struck", "price", "bound"),
    [
        (
            [["S2", "at_most", None], ["S3", "at_most", None], ["S4", "above", None], ["S6", "above", None]],
            {**{f"{c}{r}": 1.0 for c in "MNO" for r in (21, 22)}, "F23": 0.0, "F25": 0.0},
            {"budget": 0.03825},
            8.925,
        ),
        (
            [["S1", "at_most", 0.05]],
            {"N20": 1.0, "O20": 1.0},
            {"budget": 0.027, "one industry[retail]": 0.008},
            8.775,
        ),
        ([["S1", "above", 0.08]], {"M20": 1.0, "N20": 1.0, "F20": 0.0}, {"budget": 0.03}, None),
    ],
)
def test_a_leaf_is_checked_in_the_same_sheet(
    workbook: Workbook, plan: Path, branches: Any, struck: dict[str, float], price: Any, bound: float | None
) -> None:
    typed = {f"C{row}": price.get(str(workbook.stored[f"A{row}"]), 0.0) for row in range(10, 14)}
    found = workbook.worked_out({**struck, **typed})(RESULT)
    exact = exact_dual(choices(plan), price, left_by(plan, branches))
    assert exact is not None
    assert found == pytest.approx(float(exact), rel=1e-12)
    assert bound is None or found == pytest.approx(bound, rel=1e-12)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_gives_the_same_number(tmp_path: Path) -> None:
    """The stored values are taken out first, so that the numbers can only come from the formulas."""
    bare = tmp_path / "bare.xlsx"
    with zipfile.ZipFile(EXAMPLE / "certificate.xlsx") as source, zipfile.ZipFile(bare, "w") as target:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.startswith("xl/worksheets/"):
                data = re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", data)
            target.writestr(item, data)
    command = [
        "soffice",
        "--headless",
        "--convert-to",
        "csv:Text - txt - csv (StarCalc):44,34,76",
        "--outdir",
        str(tmp_path),
        str(bare),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with (tmp_path / "bare.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert "9.175" in next(row for row in rows if any(cell.startswith("D:") for cell in row))
    assert "8.925" in next(row for row in rows if any(cell.startswith("the largest D") for cell in row))


def test_the_page_names_the_cells_of_the_sheet() -> None:
    page = (DOCS / "certificate.md").read_text(encoding="utf-8")
    formulas = set(Workbook(EXAMPLE / "certificate.xlsx").formulas.values())
    shown = re.findall(r"`=([^`]+)`", page)
    assert len(shown) == 3
    assert [one for one in shown if one not in formulas] == []


def test_the_page_names_the_prices_and_the_numbers_of_the_leaves() -> None:
    page = (DOCS / "certificate.md").read_text(encoding="utf-8")
    value = Workbook(EXAMPLE / "certificate.xlsx").worked_out()
    shown = re.findall(r"\| `(leaf_\d)` \|.*\| (\w+) ([\d.]+) \| ([\d.]+) \|", page)
    assert [sheet for sheet, *_ in shown] == list(LEAVES)
    for sheet, row, price, bound in shown:
        stated = {name: one for name, one in prices(value, f"{sheet}!").items() if one}
        assert list(stated.values()) == pytest.approx([float(price)])
        assert row in next(iter(stated))
        assert value(f"{sheet}!{RESULT}") == pytest.approx(float(bound), rel=1e-12)
