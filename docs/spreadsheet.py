"""Write docs/certificate_example/certificate.xlsx: a certificate that checks itself, in formulas a reader can follow.

    python docs/spreadsheet.py

The scenario beside it is solved anew. Inputs, prices and the plan are copied into the first sheet as numbers; all that
follows from them is a formula. Each leaf of the certificate has a sheet like it, with the leaf's own prices and with
what the leaf leaves out struck out; its inputs are those of the first. It serves this one example: the objective is
profit, interest is not lost on default, risk counts on the exposure, the budget on lines, the limit on the lines of
each industry, and no leaf needs the certificate's fixings.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

EXAMPLE = Path(__file__).resolve().parent / "certificate_example"
WORKBOOK = EXAMPLE / "certificate.xlsx"
LEFT_OUT = -1_000_000
"""What a choice is worth that a leaf leaves out: less than any other."""


FIRST = "certificate"
"""The sheet of the prices; a leaf's is called leaf_1, leaf_2, …"""


class Sheet:
    """One sheet: inputs are white, formulas grey and stored with the value they have."""

    def __init__(self, book: Any, name: str) -> None:
        self.sheet, self.name = book.add_worksheet(name), name
        self.grey, self.bold = book.add_format({"bg_color": "#E7E6E6"}), book.add_format({"bold": True})

    def put(self, cell: str, value: Any, *, is_title: bool = False) -> None:
        self.sheet.write(cell, value, self.bold if is_title else None)

    def row(self, row: int, *values: Any, first: int = 0, is_title: bool = False) -> None:
        for place, value in enumerate(values, start=first):
            self.put(f"{xl_col_to_name(place)}{row}", value, is_title=is_title)

    def inputs(self, row: int, *values: Any, first: int = 0) -> None:
        """Write inputs; on a leaf's sheet, where to find them on the first."""
        for place, value in enumerate(values, start=first):
            cell = f"{xl_col_to_name(place)}{row}"
            if self.name == FIRST:
                self.put(cell, value)
            else:
                self.formula(cell, f"{FIRST}!{cell}", value)

    def formula(self, cell: str, text: str, value: Any) -> Any:
        self.sheet.write_formula(cell, f"={text}", self.grey, value)
        return value


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


class Leaf(NamedTuple):
    """A part of all choices with prices of its own; without choices, the whole."""

    choices: Sequence[tuple[str, str, float | None]]
    prices: Mapping[str, float]

    @property
    def words(self) -> str:
        return ", ".join(f"{who} {how} {'null' if at is None else at}" for who, how, at in self.choices)

    def left(self, enterprise: str, rates: Sequence[float]) -> tuple[bool, list[bool]]:
        """Return whether an enterprise may decline, and which of its rates are struck out."""
        may_decline, struck = True, [False] * len(rates)
        for who, how, at in self.choices:
            if who == enterprise:
                if how not in ("at_most", "above"):
                    raise ValueError(f"the sheet has no place for {how}")
                ends = 0.0 if at is None else at
                may_decline &= how == "at_most"
                struck = [
                    one or (rate > ends if how == "at_most" else rate <= ends)
                    for one, rate in zip(struck, rates, strict=True)
                ]
        return may_decline, struck


class Example:
    """What the sheet is made of, and where each part of it stands."""

    def __init__(self, folder: Path) -> None:
        manifest, self.certificate, self.summary = (
            read(folder, one) for one in ("manifest", "certificate", "summary")
        )
        self.scenario = manifest["scenario"]
        self.prices, self.limit = self.certificate["prices"], self.scenario["limits"][0]
        self.leaves = [Leaf(one["choices"], one["prices"]) for one in self.certificate.get("leaves", ())]
        self.plan = {row["enterprise"]: row for row in table(folder / "allocations.csv")}
        self.book, self.churn = table(EXAMPLE / "enterprises.csv"), table(EXAMPLE / "churn.csv")
        self.rates, self.grades = [float(row["rate"]) for row in self.churn], list(self.churn[0])[1:]
        money = self.scenario["economics"]
        self.cost = money["funding_cost"] + money["operating_cost"]
        self.loan, self.loss = money["fixed_cost"], money["loss_given_default"]
        self.low, self.high = self.scenario["lines"]["min"], self.scenario["lines"]["max"]
        # Rows from 10 on, churn below them, then the enterprises.
        self.ends = 9 + len(self.prices)
        self.head = self.ends + 2
        self.start = self.head + len(self.grades) + 3
        self.stop = self.start + len(self.book) - 1

    def right_side(self, row: str) -> float:
        budget = float(self.scenario["budget"]["total"])
        return float(self.limit["at_most"].removesuffix("%")) / 100 * budget if "[" in row else budget

    def price_of_a_line(self, industry: str, prices: Mapping[str, float]) -> float:
        return float(prices.get("budget", 0) + prices.get(f"{self.limit['name']}[{industry}]", 0))


def fill(sheet: Sheet, e: Example, leaf: Leaf) -> float:
    """Fill a sheet: inputs, the rows with their prices, churn, the enterprises. Return D."""
    title = "The certificate of scenario.yaml. White cells are inputs, grey ones formulas."
    sheet.row(1, title if sheet.name == FIRST else f"{sheet.name}: {leaf.words}", is_title=True)
    for row, (name, value) in enumerate(
        (
            ("funding and operating cost", e.cost),
            ("cost of a loan", e.loan),
            ("loss given default", e.loss),
            ("smallest line", e.low),
            ("largest line", e.high),
        ),
        start=3,
    ):
        sheet.row(row, name)
        sheet.inputs(row, value, first=1)
    paid = fill_rows(sheet, e, leaf)
    sheet.row(e.head, "churn of a grade at a rate of", is_title=True)
    sheet.inputs(e.head, *e.rates, first=7)
    for row, grade in enumerate(e.grades, start=e.head + 1):
        sheet.inputs(row, grade)
        sheet.inputs(row, *(float(one[grade]) for one in e.churn), first=7)
    titles = ["enterprise", "grade", "industry", "default probability", "risk weight", "may decline"]
    titles += ["price of a line", *(f"v at {rate:.0%}" for rate in e.rates), "largest v", "worth"]
    titles += [f"1: not at {rate:.0%}" for rate in e.rates]
    sheet.row(e.start - 1, *titles, is_title=True)
    each = [fill_enterprise(sheet, e, row, one, leaf) for row, one in enumerate(e.book, start=e.start)]
    sheet.sheet.set_column("A:A", 30)
    sheet.sheet.set_column("B:R", 14)
    bound = paid + sum(each)
    row = e.stop + 2
    sheet.row(row, "D: all right sides × prices, and all worths")
    return float(sheet.formula(f"E{row}", f"SUM(D10:D{e.ends})+SUM(L{e.start}:L{e.stop})", bound))


def fill_rows(sheet: Sheet, e: Example, leaf: Leaf) -> float:
    """Write the budget and the limits with their prices; return the sum of right side × price."""
    sheet.row(9, "row", "right side", "price", "right side × price", is_title=True)
    paid = 0.0
    for row, name in enumerate(e.prices, start=10):
        right, price = e.right_side(name), leaf.prices.get(name, 0.0)
        sheet.inputs(row, name, right)
        sheet.put(f"C{row}", price)
        paid += sheet.formula(f"D{row}", f"B{row}*C{row}", right * price)
    return paid


def fill_enterprise(sheet: Sheet, e: Example, row: int, one: dict[str, str], leaf: Leaf) -> float:
    """Write an enterprise; return what it is worth once the rows are priced."""
    p = float(one["default_probability"])
    sheet.inputs(row, one["enterprise"], one["grade"], one["industry"], p)
    rho = sheet.formula(f"E{row}", f"D{row}*B5", p * e.loss)
    may_decline, struck = leaf.left(one["enterprise"], e.rates)
    sheet.put(f"F{row}", int(may_decline))
    of_industry = f'SUMIF(A10:A{e.ends},"{e.limit["name"]}["&C{row}&"]",C10:C{e.ends})'
    charge = sheet.formula(f"G{row}", f"C10+{of_industry}", e.price_of_a_line(one["industry"], leaf.prices))
    v = []
    curves = e.head + 1, e.head + len(e.grades)
    for k, (column, mark) in enumerate(zip("HIJ", "MNO", strict=True)):
        if struck[k]:
            sheet.put(f"{mark}{row}", 1)
        lost = f"SUMIF(A{curves[0]}:A{curves[1]},B{row},{column}{curves[0]}:{column}{curves[1]})"
        net = f"(1-{lost})*({column}{e.head}-B3-E{row})-G{row}"
        stays = 1 - float(e.churn[k][one["grade"]])
        unit = LEFT_OUT if struck[k] else stays * (e.rates[k] - e.cost - rho) - charge
        v.append(sheet.formula(f"{column}{row}", f"IF({mark}{row}=1,{LEFT_OUT},{net})", unit))
    top = sheet.formula(f"K{row}", f"MAX(H{row}:J{row})", max(v))
    lent = f"B6*K{row}-B4,B7*K{row}-B4"
    best = max(e.low * top - e.loan, e.high * top - e.loan, *([0.0] if may_decline else []))
    return float(sheet.formula(f"L{row}", f"IF(F{row}=1,MAX(0,{lent}),MAX({lent}))", best))


def fill_plan(sheet: Sheet, e: Example) -> float:
    """Write the plan beside the enterprises and the rows; return what it is worth."""
    sheet.row(9, "used by the plan", "1 if kept", first=4, is_title=True)
    sheet.row(e.start - 1, "plan: rate", "plan: line", "plan: worth", first=15, is_title=True)
    for row, name in enumerate(e.prices, start=10):
        group = name.partition("[")[2].removesuffix("]")
        used = sum(
            float(e.plan[one["enterprise"]]["line"]) for one in e.book if group in ("", one["industry"])
        )
        lines = f"Q{e.start}:Q{e.stop}"
        members = f'SUMIF(C{e.start}:C{e.stop},"{group}",{lines})'
        sheet.formula(f"E{row}", members if group else f"SUM({lines})", used)
        sheet.formula(f"F{row}", f"IF(E{row}<=B{row},1,0)", int(used <= e.right_side(name)))
    gained = 0.0
    for row, one in enumerate(e.book, start=e.start):
        mine = e.plan[one["enterprise"]]
        line, rate = float(mine["line"]), float(mine["rate"] or 0)
        sheet.row(row, mine["rate"] and rate, line, first=15)
        v_of_plan = f"SUMIF(H{e.head}:J{e.head},P{row},H{row}:J{row})+G{row}"
        worth = 0.0
        if line:
            k = e.rates.index(rate)
            net = rate - e.cost - float(one["default_probability"]) * e.loss
            worth = line * (1 - float(e.churn[k][one["grade"]])) * net - e.loan
        gained += sheet.formula(f"R{row}", f"IF(Q{row}>0,Q{row}*({v_of_plan})-B4,0)", worth)
    return gained


def compare(sheet: Sheet, e: Example, bound: float, gained: float, leaves: Mapping[str, float]) -> None:
    """Write the plan's worth, what the prices alone prove, and what the leaves prove."""
    d, stated = e.stop + 2, e.certificate["certified_bound"]
    row = d + 1
    sheet.row(row, "what the plan is worth")
    sheet.formula(f"E{row}", f"SUM(R{e.start}:R{e.stop})", gained)
    sheet.row(row + 1, "objective of summary.json")
    sheet.put(f"E{row + 1}", e.summary["objective"])
    sheet.row(row + 2, "gap by these prices: by how much another plan could be better, at most")
    sheet.formula(f"E{row + 2}", f"E{d}/E{row}-1", bound / gained - 1)
    sheet.row(row + 3, "the largest D of the leaves")
    largest = max(leaves.values())
    sheet.formula(f"E{row + 3}", f"MAX({','.join(f'{name}!E{d}' for name in leaves)})", largest)
    sheet.row(row + 4, "certified_bound of certificate.json")
    sheet.put(f"E{row + 4}", stated)
    sheet.row(row + 5, "1 if no leaf's D is above it, but for this program's own rounding")
    text = f"IF(E{row + 3}<=E{row + 4}+0.000000001,1,0)"
    sheet.formula(f"E{row + 5}", text, int(largest <= stated + 1e-9))
    sheet.row(row + 6, "gap by the leaves")
    sheet.formula(f"E{row + 6}", f"E{row + 3}/E{row}-1", largest / gained - 1)


def write(path: Path) -> None:
    """Solve the example and write the workbook."""
    import lendplan

    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan"
        lendplan.load(EXAMPLE / "scenario.yaml").solve().write(plan)
        with xlsxwriter.Workbook(str(path)) as book:
            # A fixed time, so that the same plan makes the same file.
            book.set_properties({"created": datetime(2027, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
            e = Example(plan)
            first = Sheet(book, FIRST)
            bound = fill(first, e, Leaf([], e.prices))
            leaves = {
                f"leaf_{place}": fill(Sheet(book, f"leaf_{place}"), e, leaf)
                for place, leaf in enumerate(e.leaves, start=1)
            }
            compare(first, e, bound, fill_plan(first, e), leaves)


if __name__ == "__main__":
    write(WORKBOOK)
    print(WORKBOOK)
