"""Reports at the ends of what there is: every label whole, on the sheet, and none on another."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace

import figured
import numpy as np
import pytest
import svgread
from figured import grade, told

from lendplan.reports.contents import Cell, Chosen, Curve, PlanTold, Report
from lendplan.reports.figures import Figure, empty_figures, figures, look
from lendplan.reports.tables import LimitState

LONG = "a name of two hundred letters " * 7
RATES = np.linspace(0.04, 0.15, 29)


def _curves(count: int) -> list[Curve]:
    return [
        Curve(
            f"第{at:02d}级", (f"第{at:02d}级", f"G{at}"), RATES, np.linspace(0.0, 0.5 + 0.01 * at, 29) ** 0.8
        )
        for at in range(count)
    ]


def many_grades(count: int = 40) -> Report:
    """Return a plan with many grades, long names in two scripts, and a curve for each."""
    random = np.random.default_rng(1)
    grades = [
        grade(
            f"{at:02d} {LONG if at % 2 else '信用等级'}", float(random.random() * 12345678), 0.04 + 0.002 * at
        )
        for at in range(count)
    ]
    curves = _curves(count)
    chosen = [
        Chosen(one.name, float(one.rates[at]), float(one.churn[at]), int(random.integers(1, 400)), 10.0 + at)
        for one in curves
        for at in random.choice(29, 3)
    ]
    return figured.report("plan", [told(grades=grades, curves=curves, chosen=chosen)], title=LONG)


def many_points() -> Report:
    """Return a sweep of 2,000 points over a rate in per cent."""
    random = np.random.default_rng(2)
    plans, values = [], []
    for at in range(2000):
        risk, revenue = 100 * at / 1999 + random.normal(), 300 * (at / 1999) ** 0.5 + 5 * random.normal()
        plans.append(told(risk=float(risk), revenue=float(revenue), objective=float(revenue - risk)))
        values.append({"economics.funding_cost": f"{at / 500:.3f}%"})
    return figured.report("sweep", plans, values=values, swept=("economics.funding_cost",), opened=700)


def _swept(count: int, tell: Callable[[int], PlanTold]) -> Report:
    values: list[dict[str, Cell]] = [{"budget.total": 100.0 * at} for at in range(count)]
    plans = [tell(at) for at in range(count)]
    return figured.report("sweep", plans, values=values, swept=("budget.total",), opened=count // 2)


def _long_names() -> Report:
    made = figured.frontier(9)
    return replace(made, title=LONG, money=LONG, points=[replace(point, label=LONG) for point in made.points])


def _all_equal() -> Report:
    return figured.report(
        "sweep", [told()] * 5, values=[{"budget.total": 5.0}] * 5, swept=("budget.total",), opened=2
    )


EXTREMES: dict[str, Callable[[], Report]] = {
    "one point": lambda: figured.report("frontier", [told()], knee=0),
    "all points equal": _all_equal,
    "nothing lent": lambda: figured.report(
        "plan",
        [told(revenue=0.0, risk=0.0, grades=[grade("A", 0.0, None), grade("B", 0.0, None)], chosen=())],
    ),
    "no grades": lambda: figured.report("frontier", [told(grades=(), curves=(), chosen=())] * 2),
    "40 grades": many_grades,
    "90 grades": lambda: many_grades(90),
    "12 grades": lambda: many_grades(12),
    "2,000 points": many_points,
    "negative revenue": lambda: _swept(
        9, lambda at: told(risk=float(at), revenue=-50.0 + 3 * at, objective=-50.0 + 2 * at)
    ),
    "huge": lambda: _swept(
        9, lambda at: told(risk=1e17 * at, revenue=4e17 * at, objective=3e17 * at, price=1e14)
    ),
    "in milliards": lambda: _swept(
        9, lambda at: told(risk=1e10 * at, revenue=4e10 * at, objective=3e10 * at, price=0.1 * at)
    ),
    "tiny": lambda: _swept(
        9, lambda at: told(risk=1e-9 * at, revenue=4e-9 * at, objective=3e-9 * at, price=1e-12 * at)
    ),
    "far from zero": lambda: _swept(
        9, lambda at: told(risk=1e6 + at, revenue=1e9 + 0.25 * at, objective=1e9 + at)
    ),
    "no price": lambda: _swept(5, lambda at: told(objective=float(at), price=None)),
    "some prices": lambda: _swept(
        9, lambda at: told(objective=float(at), price=None if at % 3 else 0.5 * at)
    ),
    "long names": _long_names,
}


@pytest.fixture(scope="module", params=list(EXTREMES))
def extreme(request: pytest.FixtureRequest) -> list[Figure]:
    """The figures of each extreme, the full ones first."""
    report = EXTREMES[request.param]()
    return [*figures(report), *empty_figures(report)]


def test_every_label_is_on_the_sheet_and_none_on_another(extreme: list[Figure]) -> None:
    for figure in extreme:
        height = float(svgread.parsed(figure.svg).get("height"))
        boxes = np.array([one.box for one in svgread.texts(figure.svg)]).reshape(-1, 4)
        left, top, right, bottom = boxes.T
        assert (boxes >= 0).all()
        assert right.max() <= look.WIDTH
        assert bottom.max() <= height
        touch = (
            (left[:, None] < right)
            & (right[:, None] > left)
            & (top[:, None] < bottom)
            & (bottom[:, None] > top)
        )
        assert touch.sum() == len(boxes)  # each touches itself


def test_marks_are_on_the_sheet(extreme: list[Figure]) -> None:
    for figure in extreme:
        root = svgread.parsed(figure.svg)
        height = float(root.get("height"))
        for use in root.iter("{http://www.w3.org/2000/svg}use"):
            assert 0 < float(use.get("x")) < look.WIDTH
            assert 0 < float(use.get("y")) < height


def test_no_tick_is_written_as_an_offset_or_an_exponent(extreme: list[Figure]) -> None:
    for figure in extreme:
        for one in svgread.texts(figure.svg):
            assert not re.search(r"\de[+-]?\d|\+\d|nan|inf|None", one.text), one


def test_descriptions_are_sentences_that_one_reads(extreme: list[Figure]) -> None:
    for figure in extreme:
        assert figure.description.endswith(".")
        assert len(figure.description) < 2500
        assert "nan" not in figure.description


def test_2000_points_leave_the_picture_small() -> None:
    by_name = {one.name: one for one in empty_figures(many_points())}
    assert len(by_name["frontier"].svg) < 20_000
    assert len(by_name["curve"].svg) < 150_000


def test_nothing_lent_is_said() -> None:
    figure = figures(EXTREMES["nothing lent"]())[0]
    assert [one.text for one in svgread.texts(figure.svg)].count("nothing is lent") == 2


def test_without_prices_there_is_no_panel_for_them() -> None:
    by_name = {one.name: one for one in figures(EXTREMES["no price"]())}
    assert set(by_name["curve"].places) == {"objective"}
    assert by_name["curve"].title == "Objective"


def test_where_some_prices_are_missing_the_others_stand() -> None:
    by_name = {one.name: one for one in figures(EXTREMES["some prices"]())}
    assert len(svgread.marks(by_name["curve"].svg, "curve-figure-price-points")) == 3


@pytest.mark.parametrize(
    ("key", "values", "title", "ticks"),
    [
        ("economics.funding_cost", [0.0, 0.02], "Funding cost a year", {"0.00 %", "1.00 %", "2.00 %"}),
        ("economics.funding_cost", ["1%", 0.03], "Funding cost a year", {"1.00 %", "3.00 %"}),
        ("economics.funding_cost", ["50bp", "150bp"], "Funding cost a year", {"0.6 %", "1.4 %"}),
        ("objective.revenue_weight", [0.0, 1.0], "Weight of revenue", {"0.0", "0.2", "1.0"}),
        ("budget.total", [0, 8000], "Budget, CNY × 10,000", {"0", "4,000", "8,000"}),
        ("limits.reach.at_least", [10, 30], "Limit reach, at least", {"10.0", "20.0", "30.0"}),
        ("limits.mean rate.at_most", [0.06, 0.09], "Limit mean rate, at most", {"6.0 %", "9.0 %"}),
        ("limits.loss.at_most", [100, 200], "Limit loss, at most, CNY × 10,000", {"100", "200"}),
        ("limits.loss.at_most", ["10 %", "20 %"], "Limit loss, at most", {"10 %", "20 %"}),
        ("solver.gap", [0.1, 0.2], "solver.gap", {"0.10", "0.20"}),
    ],
)
def test_the_axis_of_a_swept_number_says_its_unit(
    key: str, values: list[Cell], title: str, ticks: set[str]
) -> None:
    states = [
        LimitState("reach[micro]", "count", -1, 10.0, 12.0, "amount", 0.0, False, 10.0),
        LimitState("mean rate", "average_rate", 1, 0.06, 0.05, "rate", 0.0, False, 0.06),
        LimitState("loss", "risk", 1, 100.0, 50.0, "amount", 0.0, False, 100.0),
    ]
    plans = [told(limits=states, objective=float(at)) for at in range(2)]
    report = figured.report("sweep", plans, values=[{key: value} for value in values], swept=(key,))
    curve = next(one for one in figures(report) if one.name == "curve")
    words = {one.text for one in svgread.texts(curve.svg)}
    assert title in words
    assert ticks <= words


@pytest.mark.parametrize("values", [["raw", "isotonic"], [True, False], [None, 5.0], ["5%", 10.0]])
def test_a_key_that_is_no_number_throughout_has_no_curve(values: list[Cell]) -> None:
    key = "limits.reach.at_least"
    plans = [told(), told()]
    report = figured.report("sweep", plans, values=[{key: value} for value in values], swept=(key,))
    assert "curve" not in [one.name for one in figures(report)]


def test_a_report_without_any_plan_has_no_figures(caplog: pytest.LogCaptureFixture) -> None:
    values: list[dict[str, Cell]] = [{"budget.total": 1.0}, {"budget.total": 2.0}]
    report = figured.report("sweep", [None, None], values=values, swept=("budget.total",))
    with caplog.at_level(logging.WARNING):
        assert figures(report) == []
        assert empty_figures(report) == []
    assert not caplog.records
