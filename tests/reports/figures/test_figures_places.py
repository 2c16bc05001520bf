"""A datum lies where the map of its panel says; maps and pictures worked by hand."""

from __future__ import annotations

import figured
import numpy as np
import pytest
import svgread
from figured import grade, told

from lendplan.reports.contents import Chosen, Report
from lendplan.reports.figures import Axes, Figure, empty_figures, figures


def drawn(report: Report, name: str, *, empty: bool = False) -> Figure:
    """Return one figure of a report."""
    (figure,) = (one for one in (empty_figures if empty else figures)(report) if one.name == name)
    return figure


def near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two places are the same to a thousandth of a unit."""
    return bool(np.allclose(one, other, rtol=0, atol=1e-3))


def test_a_map_is_a_slope_and_an_intercept() -> None:
    assert Axes((2.0, 10.0), (-3.0, 100.0)).at(5.0, 7.0) == (20.0, 79.0)


def test_the_points_of_a_frontier_are_marked_where_its_map_says() -> None:
    report = figured.report("frontier", [told(risk=0.0, revenue=10.0), told(risk=100.0, revenue=30.0)])
    figure = drawn(report, "frontier")
    place = figure.places["frontier"]
    assert near(svgread.marks(figure.svg, "frontier-figure-points-0")[0], place.at(0.0, 10.0))
    assert near(svgread.marks(figure.svg, "frontier-figure-points-0")[1], place.at(100.0, 30.0))
    assert near(svgread.path(figure.svg, "frontier-figure-line-0")[1], place.at(100.0, 30.0))
    # A margin of 5 % at each end: the panel from 40 to 624 goes over 110 units of risk from −5 on.
    # The label 100, wider than what the least margin holds, does not reach beyond it.
    assert place.x == pytest.approx((584 / 110, 40 + 5 * 584 / 110))
    # 7 % at each end: 300 units of the viewBox go over 22.8 of revenue.
    assert place.y[0] == pytest.approx(-300 / 22.8)


def test_ticks_stand_where_the_map_says() -> None:
    figure = drawn(figured.frontier(), "frontier")
    place = figure.places["frontier"]
    written = {one.text: one for one in svgread.texts(figure.svg)}
    assert written["60"].x == pytest.approx(place.at(60.0, 0.0)[0], abs=1e-3)
    assert abs(written["300"].y - place.at(0.0, 300.0)[1]) < 6  # its middle, not its baseline, is there


def test_the_empty_figure_has_the_same_map_but_for_the_heading_and_no_marks() -> None:
    report = figured.frontier()
    full, empty = drawn(report, "frontier"), drawn(report, "frontier", empty=True)
    assert empty.places["frontier"].x == full.places["frontier"].x
    assert empty.places["frontier"].y[0] == full.places["frontier"].y[0]
    assert empty.places["frontier"].y[1] < full.places["frontier"].y[1]
    assert svgread.has_group(empty.svg, "frontier-empty-line-0")
    assert "<use" not in empty.svg
    assert "knee" not in empty.svg.replace(empty.description, "")
    assert empty.png == b""


def test_the_ranges_go_over_all_points_whichever_is_opened() -> None:
    plans = [
        told(grades=[grade("A", 10.0, 0.05)], chosen=[Chosen("A", 0.08, 0.57, 1, 10.0)]),
        told(grades=[grade("A", 500.0, 0.11), grade("B", 20.0, None)], chosen=[]),
    ]
    first, second = (figured.report("frontier", plans, opened=at) for at in (0, 1))
    for name in ("frontier", "grades", "churn"):
        assert drawn(first, name).places == drawn(second, name).places
        assert drawn(first, name, empty=True) == drawn(second, name, empty=True)


def test_the_knee_and_the_plan_that_is_shown_are_marked_in_their_places() -> None:
    plans = [told(risk=float(at), revenue=float(10 * at - at * at)) for at in range(5)]
    report = figured.report("frontier", plans, knee=2, opened=3)
    figure = drawn(report, "frontier")
    place = figure.places["frontier"]
    assert near(svgread.marks(figure.svg, "frontier-figure-frontier-knee")[0], place.at(2.0, 16.0))
    assert near(svgread.marks(figure.svg, "frontier-figure-frontier-shown")[0], place.at(3.0, 21.0))
    words = [one.text for one in svgread.texts(figure.svg)]
    assert "knee" in words
    assert "shown: point 4" in words


def test_dominated_points_of_a_sweep_are_drawn_apart() -> None:
    pairs = [(1.0, 10.0), (2.0, 9.0), (3.0, 12.0), (3.0, 11.0), (3.0, 12.0), (4.0, 12.0)]
    plans = [told(risk=risk, revenue=revenue) for risk, revenue in pairs]
    values = [{"objective.revenue_weight": at / 5} for at in range(6)]
    report = figured.report("sweep", plans, values=values, swept=("objective.revenue_weight",))
    figure = drawn(report, "frontier")
    place = figure.places["frontier"]
    pale = svgread.marks(figure.svg, "frontier-figure-dominated-0")
    # (2, 9) has less revenue at more risk than (1, 10); (3, 11) less than (3, 12); (4, 12) more risk than it.
    # Of two equal points neither beats the other.
    expected = [place.at(*pair) for pair in ((2.0, 9.0), (3.0, 11.0), (4.0, 12.0))]
    assert len(pale) == 3
    assert all(near(one, other) for one, other in zip(pale, expected, strict=True))
    assert len(svgread.marks(figure.svg, "frontier-figure-points-0")) == 3


def test_a_product_has_a_series_for_each_value_of_the_first_key() -> None:
    values = [
        {"budget.total": total, "objective.revenue_weight": weight}
        for total in (200.0, 400.0)
        for weight in (0.25, 0.75)
    ]
    plans = [told(risk=float(at), revenue=float(at)) for at in range(4)]
    swept = ("budget.total", "objective.revenue_weight")
    figure = drawn(figured.report("sweep", plans, values=values, swept=swept), "frontier")
    assert [len(svgread.marks(figure.svg, f"frontier-figure-points-{at}")) for at in (0, 1)] == [2, 2]
    assert {"Budget: 200", "Budget: 400"} <= {one.text for one in svgread.texts(figure.svg)}


def test_beyond_eight_values_there_is_one_series() -> None:
    values = [{"budget.total": float(at), "rates.max": 0.1} for at in range(9)]
    plans = [told(risk=float(at), revenue=float(at)) for at in range(9)]
    report = figured.report("sweep", plans, values=values, swept=("budget.total", "rates.max"))
    figure = drawn(report, "frontier")
    assert len(svgread.marks(figure.svg, "frontier-figure-points-0")) == 9
    assert not any("Budget" in one.text for one in svgread.texts(figure.svg))


def test_a_curve_has_the_objective_and_the_price_over_one_axis() -> None:
    figure = drawn(figured.budgets(12), "curve")
    assert set(figure.places) == {"objective", "price"}
    assert figure.places["objective"].x == figure.places["price"].x
    first = svgread.marks(figure.svg, "curve-figure-objective-points")[0]
    assert near(first, figure.places["objective"].at(100.0, 20.0))  # 2 √100
    last = svgread.marks(figure.svg, "curve-figure-price-points")[-1]
    assert near(last, figure.places["price"].at(2000.0, 1 / 2000**0.5))


def test_grades_stand_at_whole_numbers_in_the_order_of_their_names() -> None:
    plans = [
        told(grades=[grade("C", 50.0, 0.1), grade("A", 200.0, 0.05)]),
        told(grades=[grade("B", 400.0, 0.07)]),
    ]
    figure = drawn(figured.report("frontier", plans), "grades")
    line, rate = figure.places["line"], figure.places["rate"]
    assert line.x == rate.x
    corners = svgread.path(figure.svg, "grades-figure-bar-2")
    assert near((min(x for x, _ in corners), 0), (2 * line.at(2, 0)[0] - max(x for x, _ in corners), 0))
    assert min(y for _, y in corners) == pytest.approx(line.at(2, 50.0)[1], abs=1e-3)
    assert max(y for _, y in corners) == pytest.approx(line.at(2, 0.0)[1], abs=1e-3)
    dots = svgread.marks(figure.svg, "grades-figure-dots")
    assert near(dots[0], rate.at(0, 0.05))
    assert near(dots[1], rate.at(2, 0.1))
    words = {one.text: one.x for one in svgread.texts(figure.svg)}
    assert [words[name] for name in "ABC"] == pytest.approx([line.at(at, 0)[0] for at in range(3)], abs=1e-3)
    assert {"200", "50", "5.00 %", "10.00 %"} <= set(words)


def test_circles_lie_on_the_curves_with_areas_by_line() -> None:
    chosen = [Chosen("A", 0.08, 0.57, 4, 400.0), Chosen("B", 0.04, 0.0, 1, 100.0)]
    figure = drawn(figured.report("plan", [told(chosen=chosen)]), "churn")
    place = figure.places["churn"]
    curve = svgread.path(figure.svg, "churn-figure-line-0")
    assert near(curve[1], place.at(0.08, 0.57))
    circles = svgread.marks(figure.svg, "churn-figure-circles")
    assert near(circles[0], place.at(0.08, 0.57))
    assert near(circles[1], place.at(0.04, 0.0))
    words = [one.text for one in svgread.texts(figure.svg)]
    assert "A (AAA, AA)" in words
    assert "4" in words  # loans; a single one is not counted
    assert "1" not in words


def test_which_figures_fit_which_report() -> None:
    def names(report: Report) -> list[str]:
        return [one.name for one in figures(report)]

    assert names(figured.report("plan", [told()])) == ["grades", "churn"]
    assert names(figured.frontier(3)) == ["frontier", "grades", "churn"]
    assert names(figured.budgets(3)) == ["frontier", "curve", "grades", "churn"]
    kinds = [{"churn_fit": name} for name in ("raw", "isotonic")]
    by_name = figured.report("sweep", [told(), told()], values=kinds, swept=("churn_fit",))
    assert names(by_name) == ["frontier", "grades", "churn"]


def test_an_empty_figure_has_each_curve_that_some_point_follows() -> None:
    other = figured.CURVES[0].__class__("A", ("A",), np.array([0.04, 0.15]), np.array([0.1, 0.6]))
    report = figured.report("frontier", [told(), told(curves=[other])])
    svg = drawn(report, "churn", empty=True).svg
    assert svg.count('id="churn-empty-line-0"') == 1
    assert svg.count('id="churn-empty-line-0-') == 1
