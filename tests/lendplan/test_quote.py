"""Quotes: the same as solving the relaxation with the applicant in the book, quick, and clear about what is missing."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from workspace import SCENARIO, Workspace

import lendplan
from lendplan.inputs import Case
from lendplan.models.problem import breaches
from lendplan.planfolder import WrittenPlan
from lendplan.scenarios.generator import simulate_book
from lendplan.solvers.relaxation import relax, shadow_prices
from lendplan.solvers.result import Options
from lendplan.solvers.sensitivity import price_ranges

OPTIONS = Options(threads=1)
LIMITS = [
    {"name": "one industry", "measure": "line", "by": "industry", "at_most": "22%", "of": "budget"},
    {"name": "grade C", "measure": "line", "where": {"grade": ["C"]}, "at_least": "12%"},
    {"name": "loss", "measure": "risk", "where": {"grade": ["B", "C"]}, "at_most": 20},
    {"name": "reach", "measure": "count", "where": {"size": ["micro"]}, "at_least": 75},
    {"name": "mean rate", "measure": "average_rate", "at_most": "9%"},
]
SETTINGS: dict[str, Any] = {
    "title": "large",
    "currency": "CNY",
    "churn_fit": "isotonic",
    "rates": {"max": "12%"},
    "lines": {"min": 10, "max": 100},
    "budget": {"total": 4500},
    "economics": {"funding_cost": "2%"},
    "objective": {"kind": "profit"},
    "limits": LIMITS,
}


def case_of(book: pd.DataFrame) -> Case:
    return lendplan.from_frames(book, **SETTINGS).case


@pytest.fixture(scope="module")
def book() -> pd.DataFrame:
    return simulate_book(750, 5)


@pytest.fixture(scope="module")
def plan(book: pd.DataFrame) -> WrittenPlan:
    """The relaxation of a large book, its prices, and each enterprise's best choice at them in place of a plan."""
    case = case_of(book)
    problem = case.problem
    prices, _, outcome = shadow_prices(problem, OPTIONS, seconds=20)
    assert outcome.x is not None
    relaxed = relax(problem, [problem.value_form])
    share = outcome.x
    owner = np.concatenate([relaxed.offers.enterprise] * 2)
    rates = np.concatenate([relaxed.offers.rate] * 2)
    lines = np.concatenate(
        [problem.line_min[relaxed.offers.enterprise], problem.line_max[relaxed.offers.enterprise]]
    )
    rate, line = np.full(problem.size, -1, dtype=np.int64), np.zeros(problem.size)
    for column in np.flatnonzero(share > 0.999):
        rate[owner[column]], line[owner[column]] = rates[column], lines[column]
    names = book["enterprise"].to_numpy(dtype=object)
    return WrittenPlan(
        case=case,
        problem=problem,
        choice=problem.choice(rate, line),
        prices=prices,
        price_ranges=price_ranges(problem, prices, OPTIONS),
        enterprise=names,
        grade=book["grade"].to_numpy(dtype=object),
        decision=np.full(len(names), "decline", dtype=object),
        reason=np.full(len(names), "", dtype=object),
    )


def applicants() -> list[dict[str, Any]]:
    """Half of them small enough for the prices to hold."""
    draw = np.random.default_rng(11)
    return [
        {
            "grade": str(draw.choice(["A", "B", "C"])),
            "risk_weight": round(float(draw.uniform(0.005, 0.06)), 4),
            "line_max": float(draw.integers(12, 60)) / (100 if number % 2 else 1),
            "line_min": 5.0 / (100 if number % 2 else 1),
            "industry": str(draw.choice(["retail", "food", "services"])),
            "size": "small" if number % 2 else "micro",
        }
        for number in range(14)
    ]


def solved_with(book: pd.DataFrame, one: dict[str, Any]) -> dict[tuple[float, float], float]:
    """(rate, line) → share of it that the relaxation gives the applicant, which is added to the book."""
    more = pd.concat([book, pd.DataFrame([{"enterprise": "NEW", **one}])], ignore_index=True)
    for column in ("must", "must_reason", "name", "region"):
        more[column] = more[column].fillna("")
    problem = case_of(more).problem
    relaxed = relax(problem, [problem.value_form])
    outcome = relaxed.maximise(problem.value_form, OPTIONS, seconds=20, stage="test")
    assert outcome.x is not None
    new = int(np.flatnonzero(problem.enterprise == "NEW")[0])
    offers = relaxed.offers.size
    found: dict[tuple[float, float], float] = {}
    for column in np.flatnonzero(outcome.x > 1e-9):
        offer = column % offers
        if relaxed.offers.enterprise[offer] == new:
            line = float((problem.line_min, problem.line_max)[column // offers][new])
            found[float(problem.rates[relaxed.offers.rate[offer]]), line] = float(outcome.x[column])
    return found


@pytest.mark.parametrize("number", range(14))
def test_the_quote_is_what_solving_again_gives(book: pd.DataFrame, plan: WrittenPlan, number: int) -> None:
    one = applicants()[number]
    quote = plan.quote(**one)
    assert quote.loan is not None
    if quote.is_tie:
        return
    solved = solved_with(book, one)
    if quote.decision == "decline":
        assert solved == {}
    elif quote.prices_hold:
        assert solved == {(quote.loan.rate, quote.loan.line): pytest.approx(1.0, abs=1e-7)}
    else:
        assert solved  # the prices move, yet it is lent to


def test_the_applicants_are_of_every_kind(plan: WrittenPlan) -> None:
    quotes = [plan.quote(**one) for one in applicants()]
    kinds = {(quote.decision, quote.prices_hold) for quote in quotes}
    assert ("decline", None) in kinds
    assert ("lend", True) in kinds


def test_a_quote_takes_less_than_50_milliseconds(plan: WrittenPlan) -> None:
    one = applicants()[0]
    plan.quote(**one)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        plan.quote(**one)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.05


def test_an_enterprise_of_the_book_is_quoted_what_it_got(book: pd.DataFrame, plan: WrittenPlan) -> None:
    """The same properties at the same prices: the same loan, whoever has it."""
    lent = np.flatnonzero(plan.choice.offered & ~plan.problem.must_lend)[:25]
    for i in lent.tolist():
        row = book.iloc[int(plan.case.applicants.row[i])]
        quote = plan.quote(
            grade=row["grade"],
            default_probability=row["default_probability"],
            line_min=row["line_min"],
            line_max=row["line_max"],
            industry=row["industry"],
            size=row["size"],
            loss_given_default=row["loss_given_default"],
        )
        assert quote.loan is not None
        assert quote.loan.rate == plan.choice.rate[i]
        assert quote.loan.line == plan.choice.line[i]


# On a written plan ----------------------------------------------------------------------------------------------


def quoted(work: Workspace, *options: str) -> tuple[dict[str, Any], str]:
    ran = work.run("quote", work.plan, *options, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out), work.run("quote", work.plan, *options).out


def test_a_better_applicant_takes_the_place_of_the_worst(work: Workspace) -> None:
    """Risk weight 0: 0.8 · 0.08 = .064 a unit, .1 a loan. The budget is used up, so E1, at .056 a unit, gives way."""
    assert work.optimize().code == 0
    record, text = quoted(work, "--grade", "A", "--risk-weight", "0", "--line-max", "30")
    price = work.json("summary")["shadow_prices"]["budget"]
    assert record["decision"] == "lend"
    assert record["loan"]["rate"] == 0.1
    assert record["loan"]["line"] == 30
    assert record["loan"]["value"] == pytest.approx(30 * 0.064 - 0.1)
    assert record["loan"]["net"] == pytest.approx(30 * (0.064 - price) - 0.1)
    (gone,) = record["displaced"]
    assert gone["enterprise"] == "E1"
    assert gone["line_after"] == pytest.approx(70)
    assert gone["value_lost"] == pytest.approx(30 * 0.056)
    assert record["effect"] == pytest.approx(30 * 0.008 - 0.1)
    assert record["risk_turns"]["lends_up_to"] == pytest.approx(0.08 - (price + 0.1 / 30) / 0.8)
    assert text.startswith("Lend 30 at 10 % a year\n")
    assert "E1  100 → 70" in text


def test_a_worse_applicant_is_declined(work: Workspace) -> None:
    assert work.optimize().code == 0
    record, text = quoted(work, "--grade", "B", "--risk-weight", "10%")
    assert record["decision"] == "decline"
    assert record["loan"]["net"] < 0
    assert record["displaced"] == []
    assert text.startswith("Decline; the best it could have is")


def test_a_tie_is_called_one(work: Workspace) -> None:
    assert work.optimize().code == 0
    price = work.json("summary")["shadow_prices"]["budget"]
    exact = 0.08 - (price + 0.001) / 0.8
    record, text = quoted(work, "--grade", "A", "--risk-weight", repr(exact))
    assert record["is_tie"]
    assert "A tie" in text


def test_a_large_line_that_cannot_be_had_makes_no_tie(work: Workspace) -> None:
    """What is compared is the loan that is offered, 150 by the budget, and not the line that was asked for."""
    assert work.optimize().code == 0
    price = work.json("summary")["shadow_prices"]["budget"]
    better = repr(0.08 - (price + 0.001) / 0.8 - 1e-4)
    for most in ("200", "1e6"):
        record, text = quoted(work, "--grade", "A", "--risk-weight", better, "--line-max", most)
        assert record["loan"]["line"] == 150
        assert record["loan"]["net"] == pytest.approx(150 * (0.8 * (0.08 - float(better)) - price) - 0.1)
        assert not record["is_tie"]
        assert "A tie" not in text


LINE_LEFT = [
    "  - {name: cap, measure: line, by: industry, at_most: 37}",
    "  - {name: cap, measure: exposure, by: industry, at_most: 29}",
    "  - {name: cap, measure: risk, by: industry, at_most: 1.1}",
    "  - {name: cap, measure: interest, by: industry, at_most: 2.9}",
]


@pytest.mark.parametrize("limit", LINE_LEFT)
@pytest.mark.parametrize("least", ["10", "0.5"])
def test_the_quote_turns_where_it_says_also_where_a_limit_cuts_the_line(
    work: Workspace, limit: str, least: str
) -> None:
    """A fixed cost weighs more on the line that is left than on the one that was asked for."""
    work.write(SCENARIO.replace("fixed_cost: 0.1", "fixed_cost: 0.6") + f"limits:\n{limit}\n")
    assert work.optimize("budget.total=60").code == 0
    plan = lendplan.read_plan(work.plan)

    def at(risk_weight: float) -> lendplan.quotation.Quote:
        return plan.quote(
            grade="A", risk_weight=risk_weight, line_min=least, line_max=100, industry="mining", size="micro"
        )

    turn = at(0.0).risk_turns.lends_up_to
    assert turn is not None
    assert turn > 0
    for now in (0.5 * turn, turn, 1.1 * turn):
        assert at(now).risk_turns.lends_up_to == pytest.approx(turn, rel=1e-12)
    below, above = at(turn * (1 - 1e-6)), at(turn * (1 + 1e-6))
    assert below.loan is not None
    assert below.loan.net > 0
    assert above.loan is None or above.loan.net < 0
    assert at(turn * (1 - 1e-3)).decision == "lend"
    assert at(turn * (1 + 1e-3)).decision == "decline"


def test_an_excluded_grade_is_told(work: Workspace) -> None:
    assert work.optimize().code == 0
    record, text = quoted(work, "--grade", "D", "--risk-weight", "0.1")
    assert record["decision"] == "excluded"
    assert "grade D is excluded" in text


def test_a_new_value_of_a_column_is_bounded_by_its_limit_alone(work: Workspace) -> None:
    work.write(SCENARIO + "limits:\n  - {name: one, measure: line, by: industry, at_most: 20%, of: budget}\n")
    assert work.optimize("budget.total=100").code == 0
    record, text = quoted(work, "--grade", "A", "--risk-weight", "0", "--set", "industry=mining")
    assert record["loan"]["line"] == pytest.approx(20)
    assert "`one[mining]` counts nobody of the plan" in text


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--grade", "A", "--risk-weight", "nan"], 3, "--risk-weight: 'nan' is no number"),
        (["--grade", "A", "--risk-weight", "-1"], 3, "--risk-weight: -1 is below 0"),
        (["--grade", "A"], 3, "--risk-weight: is needed"),
        (["--grade", "Q", "--risk-weight", "0.1"], 3, "grade Q has no churn curve; the table has A, B"),
        (["--grade", " ", "--risk-weight", "0.1"], 3, "--grade: is blank"),
        (["--risk-weight", "0.1"], 2, "--grade"),
        (["--grade", "A", "--risk-weight", "0.1", "--line-max", "5"], 3, "its least line is 10, above"),
        (["--grade", "A", "--risk-weight", "0.1", "--line-max", "inf"], 3, "--line-max: 'inf' is no number"),
        (
            ["--grade", "A", "--risk-weight", "0.1", "--line-max", "1e308"],
            3,
            "more than 10,000 times the budget, 40",
        ),
        (
            ["--grade", "A", "--risk-weight", "0.1", "--set", "line_max=2e6"],
            3,
            "--line-max: 2000000 is more than",
        ),
        (["--grade", "A", "--risk-weight", ""], 3, "--risk-weight: is blank; give a number, or leave it out"),
        (["--grade", "A", "--risk-weight", " ", "--default-probability", "3%"], 3, "--risk-weight: is blank"),
        (
            ["--grade", "A", "--risk-weight", "3%", "--default-probability", ""],
            3,
            "--default-probability: is blank",
        ),
        (
            ["--grade", "A", "--risk-weight", "3%", "--line-min", "", "--line-max", ""],
            3,
            "--line-max: is blank",
        ),
        (["--grade", "A", "--risk-weight", "0.1", "--set", "indutsry=x"], 3, "did you mean 'industry'?"),
        (["--grade", "A", "--risk-weight", "0.1", "--set", "industry"], 2, "is no COLUMN=VALUE"),
        (["--grade", "A", "--risk-weight", "0.1", "--set", "size=a", "--set", "size=b"], 2, "is given twice"),
        (["--grade", "A", "--risk-weight", "0.1", "--set", "grade=B"], 3, "grade is given twice"),
        (["--grade", "A", "--risk-weight", "0.1", "--set", "must=lend"], 3, "no property that a quote"),
        (["--grade", "A", "--risk-weight", "0.1", "--set", "rate_max=3%"], 3, "no rate of the scenario lies"),
    ],
)
def test_what_is_wrong_is_said(work: Workspace, options: list[str], code: int, said: str) -> None:
    assert work.optimize("budget.total=40").code == 0
    ran = work.run("quote", work.plan, *options)
    assert ran.code == code
    assert said in " ".join(ran.err.replace("│", " ").split())
    assert ran.out == ""


def test_columns_that_limits_need_are_asked_for_all_at_once(work: Workspace) -> None:
    work.write(
        SCENARIO + "limits:\n  - {name: one, measure: line, by: industry, at_most: 90}\n"
        "  - {name: reach, measure: count, where: {size: [micro]}, at_most: 3}\n"
    )
    assert work.optimize("budget.total=40").code == 0
    ran = work.run("quote", work.plan, "--grade", "A", "--risk-weight", "x")
    assert ran.code == 3
    assert "industry: needed by `one`: add --set industry=…; the book has (blank), farming, retail" in ran.err
    assert "size: needed by `reach`" in ran.err
    assert "--risk-weight: 'x' is no number" in ran.err


def test_the_displaced_loans_make_room_in_a_real_plan(
    book: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small = book.iloc[:60]
    settings = {**SETTINGS, "budget": {"total": 500}, "solver": {"gap": 0.01}}
    settings["limits"] = [LIMITS[0] | {"at_most": "30%"}, LIMITS[4]]
    asked = lendplan.from_frames(small, **settings)
    folder = asked.solve().write(tmp_path_factory.mktemp("small") / "plan")
    plan = lendplan.read_plan(folder)
    one = {"grade": "A", "risk_weight": 0.004, "line_min": 5.0, "line_max": 25.0, "industry": "food"}
    quote = plan.quote(**one)
    assert quote.decision == "lend"
    assert quote.loan is not None
    assert not quote.unplaced
    more = pd.concat([small, pd.DataFrame([{"enterprise": "NEW", **one}])], ignore_index=True)
    for column in ("must", "must_reason", "name", "region", "size"):
        more[column] = more[column].fillna("")
    problem = lendplan.from_frames(more, **settings).case.problem
    assert problem.enterprise[-1] == "NEW"
    line = np.append(plan.choice.line, quote.loan.line)
    for given in quote.displaced:
        line[list(problem.enterprise).index(given.enterprise)] = given.line_after
    rate = np.append(plan.choice.rate, quote.loan.rate)
    at = np.argmin(np.abs(problem.rates[:, None] - np.nan_to_num(rate)), axis=0)
    after = problem.choice(np.where(line > 0, at, -1), line)
    assert breaches(problem, after) == []
    assert problem.value(after) - plan.problem.value(plan.choice) == pytest.approx(quote.effect)


def test_price_ranges_of_an_earlier_plan_are_computed(work: Workspace) -> None:
    assert work.optimize().code == 0
    with_ranges = lendplan.read_plan(work.plan)
    summary = work.json("summary")
    del summary["shadow_price_ranges"]
    (work.plan / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    computed = lendplan.read_plan(work.plan)
    assert computed.price_ranges["budget"] == pytest.approx(with_ranges.price_ranges["budget"])
    assert with_ranges.price_ranges["budget"] == pytest.approx((50.0, 150.0))  # what E1 can have
    assert replace(computed, price_ranges={}).quote(grade="A", risk_weight=0).prices_hold is None
