"""What the machine has or lacks: matplotlib, fonts, settings of the user's own; and a real plan."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import figured
import pytest
import svgread
from workspace import Workspace

from lendplan.planreport import report_of
from lendplan.reports.figures import FiguresError, empty_figures, figures, lettering
from lendplan.reports.figures.lettering import Lettering, clean, shortened, width_of
from lendplan.reports.figures.sheet import drawing

CHINESE = replace(figured.frontier(5), title="授信计划")


@pytest.fixture
def work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workspace:
    """A scenario worked by hand."""
    return Workspace(tmp_path, capsys)


@pytest.fixture
def no_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """No font but matplotlib's own."""
    monkeypatch.setattr(lettering, "_CHINESE", ())


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (figures, empty_figures):
        with pytest.raises(FiguresError, match=r"figures take matplotlib; .*'lendplan\[report\]'"):
            draw(figured.frontier(3))


def test_matplotlib_is_loaded_only_to_draw_and_pyplot_never() -> None:
    program = (
        "import sys, figured; from lendplan.reports.figures import figures\n"
        "assert 'matplotlib' not in sys.modules\n"
        "figures(figured.frontier(3))\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    root = Path(__file__).resolve().parents[3]
    paths = f"import sys; sys.path[:0] = [{str(root)!r}, {str(root / 'tests' / 'helpers')!r}]\n"
    subprocess.run([sys.executable, "-c", paths + program], check=True, timeout=60)


@pytest.mark.usefixtures("no_chinese")
def test_where_no_font_has_the_letters_one_warning_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        made = figures(CHINESE)
    (record,) = caplog.records
    assert record.name == "lendplan.reports.figures.lettering"
    assert "4 of the letters in the figures (信划授计)" in record.getMessage()
    assert "apt install fonts-noto-cjk" in record.getMessage()
    assert all(one.png for one in made)
    assert "授信计划" in [one.text for one in svgread.texts(made[0].svg)]


@pytest.mark.usefixtures("no_chinese")
def test_empty_figures_warn_of_no_font_for_they_have_no_pixels(caplog: pytest.LogCaptureFixture) -> None:
    made = replace(CHINESE, money="万元")
    with caplog.at_level(logging.WARNING):
        assert "万元" in empty_figures(made)[0].svg
    assert not caplog.records


def test_an_installed_font_that_has_the_letters_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_PLAIN", "cmr10")  # has neither Greek nor Chinese
    monkeypatch.setattr(lettering, "_CHINESE", ("STIXGeneral", "DejaVu Sans"))
    found = Lettering()
    assert found.families(["abc"]) == ["cmr10"]
    assert found.families(["αβγ"]) == ["cmr10", "STIXGeneral"]
    assert not found.missing
    found.families(["授"])
    assert found.missing == {"授"}


def test_a_font_that_cannot_be_read_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from matplotlib.font_manager import FontEntry, fontManager

    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    gone = tmp_path / "gone.ttc"
    entries = [FontEntry(fname=str(broken), name="Broken"), FontEntry(fname=str(gone), name="Gone")]
    monkeypatch.setattr(fontManager, "ttflist", [*fontManager.ttflist, *entries])
    monkeypatch.setattr(lettering, "_CHINESE", ("Broken", "Gone"))
    monkeypatch.setattr(lettering, "_newly_installed", lambda _: {})
    found = Lettering()
    assert found.families(["授"]) == ["DejaVu Sans"]
    assert found.missing == {"授"}


def test_a_font_that_came_after_matplotlibs_list_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.font_manager import fontManager

    kept = [entry for entry in fontManager.ttflist if entry.name != "STIXGeneral"]
    (regular,) = {
        entry.fname
        for entry in fontManager.ttflist
        if entry.name == "STIXGeneral" and entry.fname.endswith("STIXGeneral.ttf")
    }
    monkeypatch.setattr(fontManager, "ttflist", kept)
    monkeypatch.setattr(lettering, "_PLAIN", "cmr10")
    monkeypatch.setattr(lettering, "_CHINESE", ("STIXGeneral",))
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [regular])
    found = Lettering()
    assert found.families(["α"]) == ["cmr10", "STIXGeneral"]
    assert not found.missing


def test_the_users_own_settings_neither_change_the_figures_nor_are_changed() -> None:
    import matplotlib as mpl

    expected = figures(figured.frontier(4))
    own: dict[Any, Any] = {
        "text.usetex": True,
        "svg.fonttype": "path",
        "axes.facecolor": "black",
        "font.size": 30.0,
    }
    with mpl.rc_context(own):
        assert figures(figured.frontier(4)) == expected
        assert {key: mpl.rcParams[key] for key in own} == own


def test_text_is_cleaned_and_cut_to_its_room() -> None:
    assert clean(" a\tb\x00c\n\ud800d\u202e ") == "a b c d"
    with drawing():
        assert shortened("short", 100.0) == "short"
        cut = shortened("x" * 5000, 100.0)
        assert cut.endswith("…")
        assert 90.0 < width_of(cut) <= 100.0
        assert width_of("信用", 10.0) == 20.0


def test_a_plan_that_was_solved(work: Workspace) -> None:
    work.optimize()
    report = report_of(work.plan)
    grades, churn = figures(report)
    # E1 and E3 of grade A get 100 and 40, E6 of grade B its 10, all at 10 %; D is excluded, and gets nothing.
    assert grades.description == (
        "Line granted, in CNY, and average rate a year by grade: A 140 at 10.00 %; B 10 at 10.00 %; D 0."
    )
    place = churn.places["churn"]
    circles = svgread.marks(churn.svg, "churn-figure-circles")
    # At 10 % A loses 20 % of its customers, and B 50 %.
    assert circles[0] == pytest.approx(place.at(0.1, 0.2), abs=1e-3)
    assert circles[1] == pytest.approx(place.at(0.1, 0.5), abs=1e-3)
    assert "2" in [one.text for one in svgread.texts(churn.svg)]


def test_a_sweep_that_was_solved(work: Workspace) -> None:
    work.scenario.write_text(
        work.scenario.read_text(encoding="utf-8") + "sweep: {budget.total: [50, 100, 150]}\n",
        encoding="utf-8",
    )
    work.optimize()
    report = report_of(work.plan)
    by_name = {one.name: one for one in figures(report)}
    assert list(by_name) == ["frontier", "curve", "grades", "churn"]
    place = by_name["curve"].places["objective"]
    last = svgread.marks(by_name["curve"].svg, "curve-figure-objective-points")[-1]
    assert last == pytest.approx(place.at(150.0, 7.95), abs=1e-3)


def test_drawing_takes_little_time() -> None:
    report = figured.budgets()
    figures(report)
    begun = time.perf_counter()
    figures(report)
    assert time.perf_counter() - begun < 3  # about 0.4 s; the bound allows for a busy machine
