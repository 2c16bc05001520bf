"""`optimize report`: what a folder tells, by hand; the files that are written; and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspace import BOOK, LUMPY, LUMPY_BOOK, PROFIT, SCENARIO, Workspace, snapshot

from lendplan.planreport import report_of
from lendplan.reportfiles import FIGURES
from lendplan.reports.contents import Report
from lendplan.written import read_written

NAMED = BOOK.replace("enterprise,grade", "enterprise,name,grade").replace("E1,A", "E1,湖北商贸,A")
NAMED = "\n".join(
    line if line.startswith(("enterprise", "E1")) else line.replace(",", ",,", 1)
    for line in NAMED.splitlines()
)
SWEEP = "sweep.budget.total=[0, 150, 250]"


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lendplan.sweep.runner._WORTH", float("inf"))
        yield


def made(work: Workspace, *settings: str) -> Path:
    ran = work.optimize(*settings)
    assert ran.code in (0, 4), ran.err  # 4: one of the points has no plan
    return work.plan


def refused(work: Workspace, *arguments: str | Path, code: int) -> str:
    """Run a command that must be refused and change nothing; return what it says."""
    before = snapshot(work.folder)
    ran = work.run(*arguments)
    assert ran.code == code, ran.err
    assert snapshot(work.folder) == before
    return ran.err


def told(report: Report) -> list[float]:
    return [float(point.told.summary["revenue"]) for point in report.points if point.told is not None]


def test_a_plan_by_hand(work: Workspace) -> None:
    """E1 gets 100, E3 40, E6 10, all at 10 %, where A loses 20 % and B 50 %."""
    work.write(book=NAMED)
    report = report_of(made(work))
    assert (report.kind, report.title, report.money, report.objective) == ("plan", "by hand", "CNY", "profit")
    assert (report.opened, report.swept, len(report.points)) == (0, (), 1)
    plan = report.shown
    assert plan.summary["objective"] == pytest.approx(PROFIT)
    assert {one.grade: (one.funded, one.line) for one in plan.grades} == {
        "A": (2, pytest.approx(140)),
        "B": (1, pytest.approx(10)),
        "D": (0, 0),
    }
    assert [(one.name, one.grades, list(one.churn)) for one in plan.curves] == [
        ("A", ("A",), pytest.approx([0, 0.2])),
        ("B", ("B",), pytest.approx([0, 0.5])),
    ]
    assert [(one.curve, one.rate, one.churn, one.loans, one.line) for one in plan.chosen] == [
        ("A", pytest.approx(0.1), pytest.approx(0.2), 2, pytest.approx(140)),
        ("B", pytest.approx(0.1), pytest.approx(0.5), 1, pytest.approx(10)),
    ]
    assert [(one.name, one.binding) for one in plan.limits] == [("budget", True)]
    assert plan.enterprises.enterprise.tolist() == ["E1", "E2", "E3", "E4", "E5", "E6"]
    assert plan.enterprises.name is not None
    assert plan.enterprises.name.tolist()[:2] == ["湖北商贸", ""]
    assert plan.enterprises.line.tolist() == pytest.approx([100, 0, 40, 0, 0, 10])
    assert plan.enterprises.lent.tolist() == [True, False, True, False, False, True]
    assert "needs" in plan.enterprises.reason[1]
    assert plan.command == f"optimize verify {work.plan}"
    assert set(report.facts) >= {"folder", "made", "scenario", "enterprises", "churn", "made by"}


def test_a_book_without_names_has_none(work: Workspace) -> None:
    assert report_of(made(work)).shown.enterprises.name is None


def test_grades_that_borrow_a_curve_stand_on_it(work: Workspace) -> None:
    report = report_of(made(work, "churn_as.D=B", "exclude_grades=[]"))
    assert [(one.name, one.grades) for one in report.shown.curves] == [("A", ("A",)), ("B", ("B", "D"))]


def test_the_points_of_a_sweep(work: Workspace) -> None:
    report = report_of(made(work, SWEEP))
    assert (report.kind, report.swept) == ("sweep", ("budget.total",))
    assert [point.values for point in report.points] == [{"budget.total": total} for total in (0, 150, 250)]
    assert [point.label for point in report.points] == ["total 0", "total 150", "total 250"]
    # With a budget of 0 the one that must be lent to cannot be: no plan.
    assert [point.status for point in report.points] == ["infeasible", "optimal", "optimal"]
    assert report.points[0].told is None
    assert "budget" in report.points[0].error
    assert report.opened == 1
    plans = [point.told for point in report.points[1:]]
    assert [plan.summary["objective"] for plan in plans if plan] == pytest.approx([PROFIT, PROFIT + 2.9])


@pytest.mark.parametrize(
    ("sweep", "opened"),
    [
        ("sweep.budget.total=[0, 250, 160, 140]", 2),  # 150 is as near to both: the first of them
        ("sweep.objective.revenue_weight=[0, 0.4, 0.55, 1]", 2),
        ("sweep.limits.reach.at_least=[1, 2, 3]", 1),
        ("sweep.churn_fit=[isotonic, raw]", 1),
        ("sweep.exclude_grades=[[C], [D]]", 1),
        ('sweep.objective.revenue_weight=["10%", "49%", "90%"]', 1),
        ("sweep.objective=[{kind: profit}, {kind: weighted, revenue_weight: 0.5}]", 1),
        ("sweep.churn_as=[{D: A}, {D: B}]", 1),
        ("sweep.enterprises=[other.csv, book.csv]", 1),
    ],
)
def test_a_sweep_opens_at_the_scenario(work: Workspace, sweep: str, opened: int) -> None:
    (work.folder / "other.csv").write_text(BOOK.replace("0.02", "0.03"), encoding="utf-8")
    work.write(
        SCENARIO.replace("kind: profit", "kind: weighted, revenue_weight: 0.5")
        + "churn_as: {D: B}\nlimits: [{name: reach, measure: count, at_least: 2}]\n"
    )
    assert read_written(made(work, sweep)).opened == opened


def test_the_point_that_is_asked_for_is_shown_first(work: Workspace) -> None:
    folder = made(work, SWEEP)
    assert report_of(folder, 3).shown.summary["line"] == pytest.approx(250)


def test_a_frontier_opens_at_its_knee(work: Workspace) -> None:
    """By hand: nothing, A, C, A and B; the knee is A."""
    work.write(LUMPY, LUMPY_BOOK)
    report = report_of(made(work))
    assert (report.kind, report.swept, report.opened) == ("frontier", (), 1)
    assert told(report) == pytest.approx([0, 0.5, 0.65, 1.0])
    assert [point.knee for point in report.points] == [False, True, False, False]
    assert report.points[0].label == "least risk"
    assert report.points[-1].label == "most revenue"
    assert report.points[1].label.startswith("risk ≤ ")
    assert set(report.points[1].values) == {"risk_limit", "revenue_bound"}
    nothing = report.points[0].told
    assert nothing is not None
    assert nothing.chosen == []


def test_a_swept_table_and_a_moved_folder(work: Workspace) -> None:
    """The second book has E2 alone: each point tells its own."""
    (work.folder / "other.csv").write_text(BOOK.splitlines()[0] + "\nE2,A,0.02,,,,,,retail,small\n")
    folder = made(work, "sweep.enterprises=[book.csv, other.csv]")
    moved = folder.rename(work.folder / "moved")
    report = report_of(moved)
    assert [point.told.enterprises.rows for point in report.points if point.told] == [6, 1]
    assert "enterprises of the point shown first" in report.facts


def test_the_page_and_the_figures(work: Workspace) -> None:
    folder = made(work, SWEEP)
    page, figures = work.folder / "out" / "report.html", work.folder / "figures"
    ran = work.run("report", folder, "--html", page, "--figures", figures)
    assert ran.code == 0, ran.err
    names = sorted(one.name for one in figures.iterdir())
    assert names == sorted(FIGURES)  # a sweep over one number has all four
    assert ran.out.split() == [
        word for path in [page, *map(figures.joinpath, FIGURES)] for word in f"Written to {path}".split()
    ]
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "by hand" in text
    # Once more over both: what stands there is ours.
    again = work.run("report", folder, "--html", page, "--figures", figures, "--point", "3")
    assert again.code == 0, again.err
    assert page.read_text(encoding="utf-8") != text


def test_the_same_folder_gives_the_same_page(work: Workspace) -> None:
    folder = made(work)
    pages = [work.folder / f"{name}.html" for name in "ab"]
    for page in pages:
        assert work.run("report", folder, "--html", page).code == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "name a file for the page"),
        (("--html", "PLAN/report.html"), 8, "lies within"),
        (("--figures", "PLAN"), 8, "lies within"),
        (("--html", "mine.txt"), 8, "no earlier output of this command"),
        (("--html", "somewhere"), 8, "is a folder; name a file"),
        (("--figures", "somewhere"), 8, "theirs.txt"),
        (("--figures", "figures", "--html", "figures/page.html"), 8, "within the folder of the figures"),
        (("--html", "r.html", "--point", "2"), 3, "single plan"),
    ],
)
def test_places_that_are_refused(
    work: Workspace, arguments: tuple[str, ...], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(work)
    monkeypatch.chdir(work.folder)
    (work.folder / "mine.txt").write_text("a letter")
    (work.folder / "somewhere").mkdir()
    (work.folder / "somewhere" / "theirs.txt").write_text("a letter")
    words = [one.replace("PLAN", str(folder)) for one in arguments]
    assert said in refused(work, "report", folder, *words, code=code)


@pytest.mark.parametrize(("point", "said"), [("0", "no point 0"), ("4", "no point 4"), ("1", "has no plan")])
def test_points_that_are_refused(work: Workspace, point: str, said: str) -> None:
    folder = made(work, SWEEP)
    page = work.folder / "r.html"
    assert said in refused(work, "report", folder, "--html", page, "--point", point, code=3)


def test_folders_that_are_no_plans(work: Workspace) -> None:
    page = work.folder / "r.html"
    assert "no such folder" in refused(work, "report", work.folder / "nowhere", "--html", page, code=3)
    assert "name a folder that" in refused(
        work, "report", work.folder, "--html", work.folder.parent / "r.html", code=3
    )
    empty = work.folder / "empty"
    empty.mkdir()
    for content, said in (("{}", "holds no plan"), ("[1]", "must be a JSON object"), ("{", "cannot be read")):
        (empty / "manifest.json").write_text(content)
        assert said in refused(work, "report", empty, "--html", page, code=3)
    (empty / "manifest.json").write_text("{}")
    (empty / "sweep.parquet").write_bytes(b"PAR1 nothing of the kind")
    assert "cannot be read as Parquet" in refused(work, "report", empty, "--html", page, code=3)


def test_a_point_that_leads_out_of_the_folder(work: Workspace) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    folder = made(work, SWEEP)
    table = parquet.read_table(folder / "sweep.parquet")
    at = table.column_names.index("folder")
    column = pa.array([None, "../../elsewhere", "points/0003"], table.schema.field(at).type)
    parquet.write_table(table.set_column(at, "folder", column), folder / "sweep.parquet")
    page = work.folder / "r.html"
    assert "leads out of" in refused(work, "report", folder, "--html", page, code=3)


def test_a_changed_table_and_a_changed_plan(work: Workspace) -> None:
    folder = made(work)
    page = work.folder / "r.html"
    kept = shutil.copytree(folder, work.folder / "kept")
    summary = json.loads((folder / "summary.json").read_text())
    summary["revenue"] += 1
    (folder / "summary.json").write_text(json.dumps(summary))
    assert "fails the independent check" in refused(work, "report", folder, "--html", page, code=7)
    (work.folder / "book.csv").write_text(BOOK.replace("0.02", "0.03"))
    assert "has changed since the plan was made" in refused(work, "report", kept, "--html", page, code=3)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_page_that_cannot_be_written_leaves_what_stood_there(
    work: Workspace, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(work)
    page, figures = work.folder / "r.html", work.folder / "figures"
    assert work.run("report", folder, "--html", page, "--figures", figures).code == 0

    def failing(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if call == "fsync":
            patch.setattr(os, "fsync", failing)
        else:
            patch.setattr(Path, "replace", failing)
        assert "the disk is full" in refused(
            work, "report", folder, "--html", page, "--figures", figures, code=8
        )


def test_too_many_points_for_a_report(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(work, SWEEP)
    monkeypatch.setattr("lendplan.planreport.MAX_POINTS", 2)
    page = work.folder / "r.html"
    assert "at most 2" in refused(work, "report", folder, "--html", page, code=3)


def test_what_a_folder_holds(work: Workspace) -> None:
    plan = read_written(made(work))
    assert (plan.kind, plan.rows, plan.keys, plan.opened) == ("plan", (), (), None)
    assert plan.plan_folder() == work.plan
    sweep = read_written(made(work, SWEEP))
    assert (sweep.kind, sweep.keys, sweep.opened) == ("sweep", ("budget.total",), 1)
    assert sweep.plan_folder() == work.plan / "points" / "0002"
    assert [sweep.has_plan(row) for row in range(3)] == [False, True, True]


@pytest.mark.parametrize("module", ["matplotlib", "jinja2"])
def test_a_library_that_is_missing_is_named(
    work: Workspace, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    folder = made(work)
    monkeypatch.setitem(sys.modules, module, None)
    for name in [name for name in sys.modules if name.startswith(f"{module}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    said = refused(work, "report", folder, "--html", work.folder / "r.html", code=3)
    assert "pip install 'lendplan[report]'" in said


@pytest.mark.parametrize("kind", ["fifo", "dangling link", "long name"])
def test_what_is_no_file_is_not_replaced(work: Workspace, kind: str) -> None:
    folder = made(work)
    page = work.folder / ("n" * 300 + ".html" if kind == "long name" else "page.html")
    if kind == "fifo":
        os.mkfifo(page)
    elif kind == "dangling link":
        page.symlink_to(work.folder / "nowhere")
    ran = work.run("report", folder, "--html", page)
    assert ran.code == 8, ran.err
    assert kind != "fifo" or page.is_fifo()
    assert kind != "dangling link" or page.is_symlink()


def test_a_figure_of_somebody_is_not_replaced(work: Workspace) -> None:
    folder, figures = made(work), work.folder / "figures"
    figures.mkdir()
    (figures / "churn.svg").write_text("<svg>theirs</svg>", encoding="utf-8")
    said = refused(work, "report", folder, "--figures", figures, code=8)
    assert "no figure of an earlier report" in said
    (figures / "notes.txt").write_text("theirs", encoding="utf-8")
    assert "choose another with --figures" in refused(work, "report", folder, "--figures", figures, code=8)


def test_large_values_keep_their_digits(work: Workspace) -> None:
    report = report_of(made(work, "sweep.budget.total=[140, 140.001]"))
    assert [point.label for point in report.points] == ["total 140", "total 140.001"]


def test_points_of_two_units_are_refused(work: Workspace) -> None:
    folder = made(work, "sweep.unit=[1, 10]")
    assert "takes points of one unit" in refused(
        work, "report", folder, "--html", work.folder / "r.html", code=3
    )


def test_hostile_manifests(work: Workspace) -> None:
    folder = made(work, SWEEP)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    page = work.folder / "r.html"
    for points in (5, [{}], [{"values": {}, "status": "optimal", "folder": "points/none"}] * 3):
        path.write_text(json.dumps({**manifest, "points": points}), encoding="utf-8")
        refused(work, "report", folder, "--html", page, code=3)
        assert work.run("verify", folder).code == 3
    path.write_text(json.dumps({**manifest, "overrides": 5}), encoding="utf-8")
    assert work.run("report", folder, "--html", page).code == 0


def test_scenario_text(work: Workspace) -> None:
    """A title in another script goes through to the page."""
    work.write(SCENARIO.replace("by hand", "2027年小微企业预算"))
    page = work.folder / "r.html"
    assert work.run("report", made(work), "--html", page).code == 0
    assert "2027年小微企业预算" in page.read_text(encoding="utf-8")
