import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from lendplan.data.churn import SHIPPED, churn_from_frame, read_churn
from lendplan.data.curves import churn_at, fit_churn, rate_grid
from lendplan.data.findings import InputError

REAL = Path(os.environ.get("LENDPLAN_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def frame(**columns):
    return pd.DataFrame({"rate": [0.04, 0.05, 0.06, 0.08], **columns})


def refusals(table):
    with pytest.raises(InputError) as caught:
        churn_from_frame(table) if isinstance(table, pd.DataFrame) else read_churn(table)
    return [(finding.line, finding.key, finding.message) for finding in caught.value.findings]


# ------------------------------------------------------------------------------------------------- the table
def test_the_shipped_table():
    table = read_churn()
    assert table.grades == ("A", "B", "C")
    assert table.churn.shape == (3, 29)
    assert (table.rates[0], table.rates[-1]) == (0.04, 0.15)
    assert table.churn[:, 0].tolist() == [0, 0, 0]
    assert table.churn[0, -1] == 0.922060687
    assert table.source.path == SHIPPED
    assert len(table.source.sha256) == 64
    assert read_churn(SHIPPED).source == table.source


def test_a_raw_curve_that_falls_is_one_warning_a_grade(caplog):
    table = read_churn()
    assert not caplog.records
    fit_churn(table, "isotonic")
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]
    fit_churn(table, "raw")
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    after = " reads it as never falling"
    assert [text.removesuffix(after).split("churn of ")[1].split(";")[0] for text in said] == [
        "grade A falls at 11.45 %, 12.25 %, 14.25 %",
        "grade B falls at 11.85 %, 14.25 %",
        "grade C falls at 11.05 %, 14.25 %",
    ]
    assert all(text.startswith(f"{SHIPPED}: ") for text in said)


def test_percent_signs_and_remarks(tmp_path, caplog):
    path = tmp_path / "churn.csv"
    path.write_text("rate,A,source\n4%,0%,survey\n500bp,12.5%,\n")
    table = read_churn(path)
    assert table.grades == ("A",)
    assert table.rates.tolist() == [0.04, 0.05]
    assert table.churn.tolist() == [[0, 0.125]]
    assert "no churn curves: source" in caplog.text
    assert table.source.path == str(path)


@pytest.mark.parametrize(
    ("table", "line", "key", "says"),
    [
        (frame(A=[0, 0.1, 1.2, 0.3]), 4, "A", "1.2 is above 1"),
        (frame(A=[0, 0.1, -0.2, 0.3]), 4, "A", "below 0"),
        (frame(A=[0, 0.1, None, 0.3]), 4, "A", "blank"),
        (
            frame(A=[0, 0.1, 0.2, 0.3]).assign(rate=[0.04, 0.05, 0.05, 0.06]),
            4,
            "rate",
            "0.05 repeats that of line 3",
        ),
        (
            frame(A=[0, 0.1, 0.2, 0.3]).assign(rate=[0.04, 0.06, 0.05, 0.07]),
            4,
            "rate",
            "0.05 is below that of line 3",
        ),
        (frame(A=[0, 0.1, 0.2, 0.3]).assign(rate=[0.04, np.nan, 0.05, 0.06]), 3, "rate", "blank"),
        (
            frame(A=[0, 0.1, 0.2, 0.3]).assign(rate=[4, 0.05, 0.06, 0.07]),
            2,
            "rate",
            "did you mean 4% or 0.04?",
        ),
        (frame(A=[0, "x", 0.2, 0.3]), 3, "A", "no number"),
        (frame(), 1, None, "one column a grade"),
        (frame(A=[0, 0.1, 0.2, 0.3]).rename(columns={"rate": "r"}), 1, None, "'rate' is missing"),
    ],
)
def test_impossible_tables_are_refused(table, line, key, says):
    (found,) = refusals(table)
    assert found[:2] == (line, key)
    assert says in found[2]


def test_their_name_of_the_rate():
    table = churn_from_frame(
        frame(A=[0, 0.1, 0.2, 0.3]).rename(columns={"rate": "利率"}), columns={"rate": "利率"}
    )
    assert table.rates.tolist() == [0.04, 0.05, 0.06, 0.08]


# ------------------------------------------------------------------------------------------------------ fits
def test_raw_is_the_table_itself():
    table = read_churn()
    fit = fit_churn(table, "raw")
    np.testing.assert_array_equal(fit.churn, table.churn)
    assert fit.rmse.tolist() == fit.max_error.tolist() == [0, 0, 0]


def test_isotonic_pools_a_fall_into_its_mean():
    fit = fit_churn(churn_from_frame(frame(A=[0.0, 0.4, 0.2, 0.5])), "isotonic")
    np.testing.assert_allclose(fit.churn, [[0, 0.3, 0.3, 0.5]], atol=1e-15)
    assert fit.max_error[0] == pytest.approx(0.1)
    assert fit.rmse[0] == pytest.approx(np.sqrt(0.02 / 4))


def test_isotonic_fits_of_the_shipped_table_never_fall():
    fit = fit_churn(read_churn(), "isotonic")
    assert (np.diff(fit.churn, axis=1) >= 0).all()


def test_logistic_finds_the_curve_it_is_given():
    rates = np.linspace(0.04, 0.15, 12)
    curve = np.concatenate(([0], 1 / (1 + np.exp(-4 - 1.5 * np.log(rates[1:] - 0.04)))))
    fit = fit_churn(churn_from_frame(pd.DataFrame({"rate": rates, "A": curve})), "logistic")
    np.testing.assert_allclose(fit.churn[0], curve, atol=1e-9)
    assert fit.max_error[0] < 1e-9


def test_logistic_is_the_least_squares_fit():
    table = read_churn()
    fit = fit_churn(table, "logistic")
    x = np.log(table.rates[1:] - table.rates[0])
    for curve, fitted in zip(table.churn, fit.churn, strict=True):

        def loss(parameters, curve=curve):
            return np.sum((1 / (1 + np.exp(-parameters[0] - parameters[1] * x)) - curve[1:]) ** 2)

        starts = [(0.0, 1.0), (5.0, 2.0), (1.0, 0.1)]
        best = min(minimize(loss, start, method="Nelder-Mead", tol=1e-12).fun for start in starts)
        assert np.sum((fitted - curve) ** 2) <= best + 1e-9
        assert fitted[0] == 0
        assert (np.diff(fitted) > 0).all()


@pytest.mark.parametrize("values", [[0, 0, 0, 0], [1, 1, 1, 1], [0.9, 0.5, 0.2, 0.1], [0, 1, 1, 1]])
def test_logistic_bears_odd_tables(values):
    fit = fit_churn(churn_from_frame(frame(A=values)), "logistic")
    assert np.isfinite(fit.churn).all()
    assert ((fit.churn >= 0) & (fit.churn <= 1)).all()
    assert (np.diff(fit.churn) >= 0).all()


def test_fits_that_cannot_be_made():
    table = churn_from_frame(pd.DataFrame({"rate": [0.04, 0.05], "A": [0, 0.1]}))
    with pytest.raises(InputError, match="three rates"):
        fit_churn(table, "logistic")
    unknown: Any = "spline"
    with pytest.raises(ValueError, match="how must be"):
        fit_churn(table, unknown)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data is not here")
def test_the_published_plan_has_its_published_value():
    plan = pd.read_csv(REAL / "cumcm2020c" / "published_q1.csv", keep_default_na=False, na_values=[""])
    lent = plan[plan["line"] > 0]
    fit = fit_churn(read_churn(), "isotonic")
    churn = churn_at(fit, lent["rate"])[
        [fit.grades.index(grade) for grade in lent["grade"]], np.arange(len(lent))
    ]
    p = lent["default_probability"]
    value = (lent["line"] * (1 - churn) * ((1 - p) * lent["rate"] - 0.03 - 0.5 * p)).sum()
    assert lent["line"].sum() == pytest.approx(4950)
    assert value == pytest.approx(55.18716253, abs=1e-6)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data is not here")
def test_the_shipped_table_is_the_published_one():
    table = read_churn()
    published = read_churn(REAL / "churn_2019.csv")
    np.testing.assert_array_equal(table.churn, published.churn)
    np.testing.assert_array_equal(table.rates, published.rates)


# ------------------------------------------------------------------------------------------------- the rates
def test_without_a_step_the_grid_is_the_tables():
    table = read_churn().rates
    np.testing.assert_array_equal(rate_grid(table, None, None, None), table)
    np.testing.assert_array_equal(rate_grid(table, 0.0425, 0.0505, None), [0.0425, 0.0465, 0.0505])
    np.testing.assert_array_equal(rate_grid(table, 0.041, 0.05, None), [0.0425, 0.0465])


def test_dust_neither_drops_nor_doubles_a_rate():
    table = read_churn().rates
    grid = rate_grid(table, 0.04, 0.15, 0.0005)
    assert len(grid) == 221
    np.testing.assert_array_equal(grid, [float(f"0.{number:04d}") for number in range(400, 1501, 5)])
    assert len(rate_grid(table, 0.04, 0.1, 0.01)) == 7
    assert len(rate_grid(table, 0.04, 0.15, 0.0001)) == 1101


def test_the_maximum_is_always_there():
    grid = rate_grid([0.04, 0.15], 0.04, 0.15, 0.03)
    np.testing.assert_array_equal(grid, [0.04, 0.07, 0.1, 0.13, 0.15])
    np.testing.assert_array_equal(rate_grid([0.04, 0.15], 0.05, 0.06, 0.5), [0.05, 0.06])
    np.testing.assert_array_equal(rate_grid([0.04, 0.15], 0.05, 0.05, 0.01), [0.05])


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((0.03, None, None), "rates.min"),
        ((None, 0.16, None), "rates.max"),
        ((None, 4.0, 0.01), "rates.max"),
        ((float("nan"), None, None), "rates.min"),
        ((0.1, 0.05, None), "rates.min"),
        ((None, None, 0.0), "rates.step"),
        ((None, None, -0.01), "rates.step"),
        ((None, None, float("nan")), "rates.step"),
        ((None, None, 1e-9), "rates.step"),
        ((0.041, 0.042, None), "rates"),
    ],
)
def test_grids_that_cannot_be(arguments, key):
    with pytest.raises(InputError) as caught:
        rate_grid(read_churn().rates, *arguments)
    assert [finding.key for finding in caught.value.findings] == [key]


def test_between_knots_churn_is_linear_and_beyond_them_an_error():
    fit = fit_churn(churn_from_frame(frame(A=[0.0, 0.1, 0.2, 0.4], B=[0.0, 0.5, 0.5, 0.5])))
    np.testing.assert_allclose(
        churn_at(fit, [0.04, 0.045, 0.07, 0.08]), [[0, 0.05, 0.3, 0.4], [0, 0.25, 0.5, 0.5]]
    )
    assert churn_at(fit, 0.05).tolist() == [[0.1], [0.5]]
    assert churn_at(fit, []).shape == (2, 0)
    for rate in (0.039, 0.081, float("nan")):
        with pytest.raises(ValueError, match="outside the churn table"):
            churn_at(fit, [0.05, rate])
