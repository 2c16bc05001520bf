"""Write docs/certificate_example/certificate.xlsx: a certificate that checks itself, in formulas a reader can follow.

    python docs/spreadsheet.py

The scenario beside it is solved anew. Inputs, prices and the plan are copied into the sheet as numbers; all that
follows from them is a formula. It serves this one example: the objective is profit, interest is not lost on default,
risk counts on the exposure, the budget on lines, and the limit on the lines of each industry.
"""

from __future__ import annotations

import csv
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

EXAMPLE = Path(__file__).resolve().parent / "certificate_example"
WORKBOOK = EXAMPLE / "certificate.xlsx"
LEFT_OUT = -1_000_000
"""What a choice is worth that a leaf leaves out: less than any other."""


class Sheet:
    """One sheet: inputs are white, formulas grey and stored with the value they have."""

    def __init__(self, book: Any) -> None:
        self.sheet = book.add_worksheet("certificate")
        self.grey, self.bold = book.add_format({"bg_color": "#E7E6E6"}), book.add_format({"bold": True})
        self.values: dict[str, Any] = {}

    def put(self, cell: str, value: Any, *, is_title: bool = False) -> str:
        self.values[cell] = value
        self.sheet.write(cell, value, self.bold if is_title else None)
        return cell

    def row(self, row: int, *values: Any, first: int = 0, is_title: bool = False) -> None:
        for place, value in enumerate(values, start=first):
            self.put(f"{xl_col_to_name(place)}{row}", value, is_title=is_title)

    def formula(self, cell: str, text: str, value: float) -> float:
        self.values[cell] = value
        self.sheet.write_formula(cell, f"={text}", self.grey, value)
        return value


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


class Example:
    """What the sheet is made of, and where each part of it stands."""

    def __init__(self, folder: Path) -> None:
        manifest, self.certificate, self.summary = (
            read(folder, one) for one in ("manifest", "certificate", "summary")
        )
        self.scenario = manifest["scenario"]
        self.prices, self.limit = self.certificate["prices"], self.scenario["limits"][0]
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

    def price_of_a_line(self, industry: str) -> float:
        return float(self.prices["budget"] + self.prices[f"{self.limit['name']}[{industry}]"])


def fill(sheet: Sheet, e: Example) -> None:
    """Fill the sheet: inputs, the rows with their prices, churn, the enterprises, and the comparison."""
    title = "The certificate of scenario.yaml. White cells are inputs, grey ones formulas."
    sheet.row(1, title, is_title=True)
    sheet.row(3, "funding and operating cost", e.cost)
    sheet.row(4, "cost of a loan", e.loan)
    sheet.row(5, "loss given default", e.loss)
    sheet.row(6, "smallest line", e.low)
    sheet.row(7, "largest line", e.high)
    paid = fill_rows(sheet, e)
    sheet.row(e.head, "churn of a grade at a rate of", is_title=True)
    sheet.row(e.head, *e.rates, first=7)
    for row, grade in enumerate(e.grades, start=e.head + 1):
        sheet.row(row, grade)
        sheet.row(row, *(float(one[grade]) for one in e.churn), first=7)
    titles = ["enterprise", "grade", "industry", "default probability", "risk weight", "may decline"]
    titles += ["price of a line", *(f"v at {rate:.0%}" for rate in e.rates), "largest v", "worth"]
    titles += [f"1: not at {rate:.0%}" for rate in e.rates] + ["plan: rate", "plan: line", "plan: worth"]
    sheet.row(e.start - 1, *titles, is_title=True)
    each = [fill_enterprise(sheet, e, row, one) for row, one in enumerate(e.book, start=e.start)]
    compare(sheet, e, paid + sum(worth for worth, _ in each), sum(gained for _, gained in each))
    sheet.sheet.set_column("A:A", 30)
    sheet.sheet.set_column("B:R", 14)


def fill_rows(sheet: Sheet, e: Example) -> float:
    """Write the budget and the limits with their prices; return the sum of right side × price."""
    titles = ("row", "right side", "price", "right side × price", "used by the plan", "1 if kept")
    sheet.row(9, *titles, is_title=True)
    budget = e.scenario["budget"]["total"]
    share = float(e.limit["at_most"].removesuffix("%")) / 100
    paid = 0.0
    for row, (name, price) in enumerate(e.prices.items(), start=10):
        group = name.partition("[")[2].removesuffix("]")
        right = share * budget if group else budget
        sheet.row(row, name, right, price)
        paid += sheet.formula(f"D{row}", f"B{row}*C{row}", right * price)
        used = sum(
            float(e.plan[one["enterprise"]]["line"]) for one in e.book if group in ("", one["industry"])
        )
        lines = f"Q{e.start}:Q{e.stop}"
        members = f'SUMIF(C{e.start}:C{e.stop},"{group}",{lines})'
        sheet.formula(f"E{row}", members if group else f"SUM({lines})", used)
        sheet.formula(f"F{row}", f"IF(E{row}<=B{row},1,0)", int(used <= right))
    return paid


def fill_enterprise(sheet: Sheet, e: Example, row: int, one: dict[str, str]) -> tuple[float, float]:
    """Write an enterprise; return what it is worth once the rows are priced, and what the plan gains by it."""
    mine, p = e.plan[one["enterprise"]], float(one["default_probability"])
    sheet.row(row, one["enterprise"], one["grade"], one["industry"], p)
    rho = sheet.formula(f"E{row}", f"D{row}*B5", p * e.loss)
    sheet.put(f"F{row}", 1)
    of_industry = f'SUMIF(A10:A{e.ends},"{e.limit["name"]}["&C{row}&"]",C10:C{e.ends})'
    charge = sheet.formula(f"G{row}", f"C10+{of_industry}", e.price_of_a_line(one["industry"]))
    v = []
    curves = e.head + 1, e.head + len(e.grades)
    for k, (column, mark) in enumerate(zip("HIJ", "MNO", strict=True)):
        lost = f"SUMIF(A{curves[0]}:A{curves[1]},B{row},{column}{curves[0]}:{column}{curves[1]})"
        net = f"(1-{lost})*({column}{e.head}-B3-E{row})-G{row}"
        stays = 1 - float(e.churn[k][one["grade"]])
        text = f"IF({mark}{row}=1,{LEFT_OUT},{net})"
        v.append(sheet.formula(f"{column}{row}", text, stays * (e.rates[k] - e.cost - rho) - charge))
    top = sheet.formula(f"K{row}", f"MAX(H{row}:J{row})", max(v))
    lent = f"B6*K{row}-B4,B7*K{row}-B4"
    best = max(0.0, e.low * top - e.loan, e.high * top - e.loan)
    worth = sheet.formula(f"L{row}", f"IF(F{row}=1,MAX(0,{lent}),MAX({lent}))", best)
    line, rate = float(mine["line"]), float(mine["rate"] or 0)
    sheet.row(row, mine["rate"] and rate, line, first=15)
    v_of_plan = f"SUMIF(H{e.head}:J{e.head},P{row},H{row}:J{row})+G{row}"
    gained = line * (v[e.rates.index(rate)] + charge) - e.loan if line else 0.0
    return worth, sheet.formula(f"R{row}", f"IF(Q{row}>0,Q{row}*({v_of_plan})-B4,0)", gained)


def compare(sheet: Sheet, e: Example, bound: float, gained: float) -> None:
    """Write D, what the certificate states, and the plan's worth."""
    row, stated = e.stop + 2, e.certificate["certified_bound"]
    sheet.row(row, "D: all right sides × prices, and all worths")
    sheet.formula(f"E{row}", f"SUM(D10:D{e.ends})+SUM(L{e.start}:L{e.stop})", bound)
    sheet.row(row + 1, "certified_bound of certificate.json")
    sheet.put(f"E{row + 1}", stated)
    sheet.row(row + 2, "1 if D is not above it, but for this program's own rounding")
    text = f"IF(E{row}<=E{row + 1}+0.000000001,1,0)"
    sheet.formula(f"E{row + 2}", text, int(bound <= stated + 1e-9))
    sheet.row(row + 3, "what the plan is worth")
    sheet.formula(f"E{row + 3}", f"SUM(R{e.start}:R{e.stop})", gained)
    sheet.row(row + 4, "objective of summary.json")
    sheet.put(f"E{row + 4}", e.summary["objective"])
    sheet.row(row + 5, "gap: by how much another plan could be better, at most")
    sheet.formula(f"E{row + 5}", f"E{row}/E{row + 3}-1", bound / gained - 1)


def write(path: Path) -> None:
    """Solve the example and write the workbook."""
    import lendplan

    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan"
        lendplan.load(EXAMPLE / "scenario.yaml").solve().write(plan)
        with xlsxwriter.Workbook(str(path)) as book:
            # A fixed time, so that the same plan makes the same file.
            book.set_properties({"created": datetime(2027, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
            fill(Sheet(book), Example(plan))


if __name__ == "__main__":
    write(WORKBOOK)
    print(WORKBOOK)
