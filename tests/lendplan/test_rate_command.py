"""The command `rate`: from a folder of invoices to ratings that go straight into `optimize`, and what it refuses."""

from __future__ import annotations

import csv
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from workspace import Ran, snapshot

from lendplan import cli, ratecli


class Bench:
    """A folder with simulated invoices, and the commands in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.ok("simulate", "--output", folder / "in", "--size", "60", "--months", "18")
        table = folder / "in" / "enterprises.csv"
        columns = table.read_text(encoding="utf-8").splitlines()[0].count(",")
        with table.open("a", encoding="utf-8") as file:
            file.write("N001,No invoices" + "," * (columns - 1) + "\n")

    def rate(self, *arguments: str | Path) -> Ran:
        return self._run(ratecli.run, arguments)

    def optimize(self, *arguments: str | Path) -> Ran:
        return self._run(cli.run, arguments)

    def ok(self, *arguments: str | Path) -> str:
        ran = self.rate(*arguments)
        assert ran.code == 0, ran.err
        return ran.out

    def refused(self, *arguments: str | Path, code: int = 3) -> str:
        before = snapshot(self.folder)
        ran = self.rate(*arguments)
        assert ran.code == code, ran.err
        assert snapshot(self.folder) == before
        return ran.err

    def fit(self, *options: str | Path, source: Path | None = None) -> str:
        return self.ok(
            "fit",
            source or self.folder / "in",
            "--model",
            self.folder / "rating.json",
            "--output",
            self.folder / "out",
            "--trees",
            "60",
            *options,
        )

    def ratings(self, folder: str = "out") -> list[dict[str, str]]:
        with (self.folder / folder / "ratings.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def _run(self, command: Callable[[list[str]], int], arguments: tuple[str | Path, ...]) -> Ran:
        self.capsys.readouterr()
        code = command([str(one) for one in arguments])
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        assert "did not foresee" not in err
        return Ran(code, out, err)


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    pytest.importorskip("sklearn")
    return Bench(tmp_path, capsys)


def test_invoices_become_ratings_and_ratings_a_plan(bench: Bench) -> None:
    bench.fit("--lgd", "50%")
    rows = bench.ratings()
    assert len(rows) == 61
    assert {row["grade"] for row in rows if row["grade"]} <= {"A", "B", "C", "D"}
    for row in rows:
        if row["grade"]:
            probability = float(row["default_probability"])
            assert float(row["risk_weight"]) == pytest.approx(0.5 * probability, rel=1e-12)
        else:
            assert row["reason"].startswith("cannot be rated: ")
            assert row["default_probability"] == ""
    (bench.folder / "scenario.yaml").write_text(
        "title: Rated\ncurrency: CNY\nunit: 10000\nenterprises: in/enterprises.csv\nratings: out/ratings.csv\n"
        "unrated: exclude\nlines: {min: 10, max: 100}\nbudget: {total: 1000}\nchurn_fit: isotonic\n",
        encoding="utf-8",
    )
    for formulation in ("joint", "two_stage"):
        plan = bench.folder / formulation
        ran = bench.optimize(
            bench.folder / "scenario.yaml", "--set", f"formulation={formulation}", "--output", plan, "--json"
        )
        assert ran.code == 0, ran.err
        assert json.loads(ran.out)["funded"] > 0
        assert bench.optimize("verify", plan).code == 0


def test_default_probability_rises_strictly_as_grades_worsen(bench: Bench) -> None:
    bench.fit()
    with (bench.folder / "out" / "grades.csv").open(encoding="utf-8") as file:
        chances = [float(row["default_probability"]) for row in csv.DictReader(file)]
    assert all(better < worse for better, worse in itertools.pairwise(chances))
    assert chances[0] > 0
    assert chances[-1] < 1


def test_the_same_input_gives_the_same_bytes_in_any_order_of_rows(bench: Bench) -> None:
    bench.fit()
    first = snapshot(bench.folder / "out"), (bench.folder / "rating.json").read_bytes()
    bench.fit()
    assert (snapshot(bench.folder / "out"), (bench.folder / "rating.json").read_bytes()) == first
    before = {row["enterprise"]: row for row in bench.ratings()}
    table = (bench.folder / "in" / "enterprises.csv").read_text(encoding="utf-8").splitlines()
    (bench.folder / "in" / "enterprises.csv").write_text(
        "\n".join([table[0], *reversed(table[1:])]) + "\n", encoding="utf-8"
    )
    bench.fit()
    after = {row["enterprise"]: row for row in bench.ratings()}
    assert list(after) == list(reversed(before))
    assert after == before


def test_a_fitted_rating_applied_to_its_own_input_says_the_same(bench: Bench) -> None:
    bench.fit()
    bench.ok("apply", bench.folder / "rating.json", bench.folder / "in", "--output", bench.folder / "again")
    assert bench.ratings("again") == bench.ratings()


def test_a_fitted_rating_is_applied_without_the_library_that_grew_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.fit()
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    bench.ok("apply", bench.folder / "rating.json", bench.folder / "in", "--output", bench.folder / "again")
    assert bench.ratings("again") == bench.ratings()


def test_the_report_tells_a_score_that_its_parts_add_up_to(bench: Bench) -> None:
    bench.fit()
    rated = next(row for row in bench.ratings() if row["score"])
    page = bench.folder / "card.html"
    text = bench.ok("report", bench.folder / "out", rated["enterprise"], "--html", page)
    assert f"{float(rated['score']):.2f}" in text
    assert rated["enterprise"] in page.read_text(encoding="utf-8")
    assert "Not rated: has no invoice on either side" in bench.ok("report", bench.folder / "out", "N001")


def test_nothing_changed_raises_no_signal_and_another_year_does(bench: Bench) -> None:
    bench.fit()
    same = json.loads(bench.ok("watch", bench.folder / "rating.json", bench.folder / "in", "--json"))
    assert same["signals"] == []
    bench.ok("simulate", "--output", bench.folder / "later", "--size", "60", "--seed", "5")
    later = json.loads(bench.ok("watch", bench.folder / "rating.json", bench.folder / "later", "--json"))
    assert len(later["signals"]) > 0


def test_a_history_keeps_each_run_once(bench: Bench) -> None:
    book = bench.folder / "history.sqlite"
    bench.fit("--history", book, "--run", "first")
    one = bench.ratings()[0]["enterprise"]
    assert bench.ok("history", book).count("first") == 1
    assert "first" in bench.ok("history", book, one)
    bench.fit("--history", book, "--run", "second", "--seed", "3")
    assert "second" in bench.ok("history", book)
    bench.ok("history", book, "--moves", "first", "second")


def test_validation_names_each_model_and_its_figures(bench: Bench) -> None:
    told = json.loads(
        bench.ok("validate", bench.folder / "in", "--repeats", "1", "--folds", "2", "--trees", "50", "--json")
    )
    assert {"forest", "logistic"} <= set(told["models"])
    assert 0 < told["models"]["forest"]["accuracy"]["mean"] <= 1
    assert "logistic" in bench.ok(
        "validate", bench.folder / "in", "--repeats", "1", "--folds", "2", "--trees", "50"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--lgd", "50"), "50%"),
        (("--lgd", "150%"), "fraction"),
        (("--guarantees", "nowhere.csv"), "nowhere.csv"),
        (("--agencies", "in/enterprises.csv"), "--scale"),
    ],
)
def test_wrong_options_are_told_and_nothing_is_written(
    bench: Bench, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.folder)
    err = bench.refused("fit", "in", "--model", "rating.json", "--output", "out", "--trees", "50", *arguments)
    assert said in err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('"format":"lendplan rating 1"', '"format":"other"'), "format"),
        (lambda text: text.replace('{"format"', '{"code":"import os","format"', 1), "code"),
        (lambda text: text[: len(text) // 2], "is no JSON"),
        (lambda text: text.replace('"probability":[', '"probability":[NaN,', 1), "NaN"),
        (lambda _: "[]", "no fitted rating"),
    ],
)
def test_a_damaged_or_foreign_model_is_refused(bench: Bench, change: Callable[[str], str], said: str) -> None:
    bench.fit()
    model = bench.folder / "rating.json"
    model.write_text(change(model.read_text(encoding="utf-8")), encoding="utf-8")
    err = bench.refused("apply", model, bench.folder / "in", "--output", bench.folder / "again")
    assert said in err
    assert "rating.json" in err


def test_a_folder_with_other_files_is_left_alone(bench: Bench) -> None:
    (bench.folder / "out").mkdir()
    (bench.folder / "out" / "thesis.docx").write_bytes(b"years of work")
    err = bench.refused(
        "fit",
        bench.folder / "in",
        "--model",
        bench.folder / "rating.json",
        "--output",
        bench.folder / "out",
        "--trees",
        "50",
        code=8,
    )
    assert "holds other files than this command writes (thesis.docx)" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_model_that_cannot_be_written_leaves_no_folder(bench: Bench) -> None:
    sealed = bench.folder / "sealed"
    sealed.mkdir(mode=0o500)
    bench.refused(
        "fit",
        bench.folder / "in",
        "--model",
        sealed / "rating.json",
        "--output",
        bench.folder / "out",
        code=8,
    )


def test_an_unknown_enterprise_and_a_folder_that_is_none_are_told(bench: Bench) -> None:
    bench.fit()
    assert "did you mean" in bench.refused("report", bench.folder / "out", "S00011")
    assert "process.json" in bench.refused("report", bench.folder / "in", "S0001")


@pytest.mark.parametrize(
    "command",
    [
        ("fit", "in", "--model", "in/enterprises.csv", "--output", "out", "--trees", "50"),
        ("fit", "in", "--model", "notes.txt", "--output", "out", "--trees", "50"),
        ("report", "rated", "S0001", "--html", "in/invoices.csv"),
        ("watch", "model.json", "in", "--output", "model.json"),
        ("watch", "model.json", "in", "--output", "in/invoices.csv"),
        ("simulate", "--output", "in"),
        ("simulate", "--output", "book.xlsx"),
    ],
)
def test_no_file_of_another_kind_is_written_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(bench.folder)
    bench.ok("fit", "in", "--model", "model.json", "--output", "rated", "--trees", "50")
    Path("notes.txt").write_text("years of work", encoding="utf-8")
    Path("book.xlsx").write_bytes(b"PK")
    assert "stands there already" in bench.refused(*command, code=8)


def test_earlier_output_of_the_same_kind_is_replaced(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bench.folder)
    for _ in range(2):
        bench.ok("fit", "in", "--model", "model.json", "--output", "rated", "--trees", "50")
        bench.ok("report", "rated", "S0001", "--html", "card.html")
        bench.ok("watch", "model.json", "in", "--output", "signals.csv")


@pytest.mark.parametrize(
    "options",
    [("--run", "first"), ("--run", " ", "--history", "h.sqlite"), ("--trees", "1"), ("--seed", "-1")],
)
def test_options_that_mean_nothing_are_wrong_usage(bench: Bench, options: tuple[str, ...]) -> None:
    target = ("--model", bench.folder / "rating.json", "--output", bench.folder / "out")
    bench.refused("fit", bench.folder / "in", *target, *options, code=2)


class Relabelled:
    """The simulated book with other names for its grades."""

    def __init__(self, bench: Bench, names: dict[str, str]) -> None:
        self.table = bench.folder / "in" / "enterprises.csv"
        with self.table.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row["grade"] = names.get(row["grade"], "")
        with self.table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def test_a_scale_that_counts_the_other_way_is_refused_and_can_be_stated(bench: Bench) -> None:
    Relabelled(bench, {"A": "4", "B": "3", "C": "2", "D": "1"})
    target = ("--model", bench.folder / "rating.json", "--output", bench.folder / "out", "--trees", "50")
    for command in (
        ("fit", bench.folder / "in", *target),
        ("validate", bench.folder / "in", "--trees", "50"),
    ):
        err = bench.refused(*command)
        assert "enterprises.csv" in err
        assert "1, 2, 3, 4 from best to worst" in err
        assert '--grades "4,3,2,1"' in err
    bench.fit("--grades", "4, 3,2,1")
    with (bench.folder / "out" / "grades.csv").open(encoding="utf-8") as file:
        assert [row["grade"] for row in csv.DictReader(file)] == ["4", "3", "2", "1"]
    before = snapshot(bench.folder / "out")["ratings.csv"]
    bench.ok("apply", bench.folder / "rating.json", bench.folder / "in", "--output", bench.folder / "again")
    assert snapshot(bench.folder / "again")["ratings.csv"] == before


def test_grades_of_any_name_are_learnt_where_their_order_is_stated(bench: Bench) -> None:
    Relabelled(bench, {"A": "good", "B": "fair", "C": "poor", "D": "lost"})
    target = ("--model", bench.folder / "rating.json", "--output", bench.folder / "out", "--trees", "50")
    err = bench.refused("fit", bench.folder / "in", *target)
    assert "enterprises.csv" in err
    assert "--grades" in err
    err = bench.refused("fit", bench.folder / "in", *target, "--grades", "good,fair,poor")
    assert "lost" in err
    for wrong in ("good", "good,,poor", "good,good"):
        bench.refused("fit", bench.folder / "in", *target, "--grades", wrong, code=2)
    order = ["good", "fair", "poor", "lost"]
    found = bench.ok(
        *("validate", bench.folder / "in", "--trees", "50", "--repeats", "1", "--folds", "2", "--json"),
        *("--grades", ",".join(order)),
    )
    assert json.loads(found)["grades"] == order


def test_agency_ratings_age_to_the_last_invoice_and_no_typo_makes_them_old(bench: Bench) -> None:
    with (bench.folder / "in" / "invoices.csv").open(encoding="utf-8") as file:
        last = max(row["date"] for row in csv.DictReader(file) if row["status"] == "valid")
    (bench.folder / "a.csv").write_text(
        f"enterprise,agency,rating,date\nS0001,North,AA,2062-01-01\nN001,North,AA,{last}\n", encoding="utf-8"
    )
    (bench.folder / "s.csv").write_text("agency,rating,grade\nNorth,AA,A\n", encoding="utf-8")
    bench.fit("--agencies", bench.folder / "a.csv", "--scale", bench.folder / "s.csv")
    with (bench.folder / "out" / "agencies.csv").open(encoding="utf-8") as file:
        use = {row["enterprise"]: row["use"] for row in csv.DictReader(file)}
    assert use["N001"] == "counts"
    assert use["S0001"] != "counts"
    assert {row["enterprise"]: row["grade"] for row in bench.ratings()}["N001"] == "A"


def test_remarks_of_the_report_name_invoice_and_row(bench: Bench) -> None:
    bench.fit()
    with (bench.folder / "out" / "quality.csv").open(encoding="utf-8") as file:
        one = next(row for row in csv.DictReader(file) if row["invoice_no"])
    text = bench.ok("report", bench.folder / "out", one["enterprise"])
    place = f"invoice {one['invoice_no']}, row {one['row']}"
    assert f"{one['check']} ({one['side']}), {place}: {one['detail']}" in " ".join(text.split())


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("ratings.csv", ",A,", ",Z,"),
        ("ratings.csv", "S0001", "S0002"),
        ("forecasts.csv", "0.", "9."),
        ("indicators.csv", "0.", "inf"),
        ("quality.csv", "check", "cheque"),
        ("grades.csv", "A", "AA"),
    ],
)
def test_no_report_tells_of_a_file_that_was_changed(bench: Bench, name: str, old: str, new: str) -> None:
    bench.fit()
    path = bench.folder / "out" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    err = bench.refused("report", bench.folder / "out", "S0001")
    assert f"{name}: was changed since the rating wrote it; rate again" in err


def test_no_report_of_a_folder_that_lacks_a_file_or_has_one_more(bench: Bench) -> None:
    bench.fit()
    (bench.folder / "out" / "coverage.csv").unlink()
    (bench.folder / "out" / "agencies.csv").write_text("enterprise\n", encoding="utf-8")
    err = bench.refused("report", bench.folder / "out", "S0001")
    assert "coverage.csv: is missing" in err
    assert "agencies.csv: is none that the rating wrote" in err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: "[" * 100_000, "nested too deeply"),
        (lambda _: "[]", "must be an object"),
        (lambda text: text.replace('"seed": 2027', '"seed": "x"', 1), "model.seed"),
        (lambda text: text.replace('"inputs": [', '"inputs": [7, ', 1), "understand.inputs"),
        (lambda text: text.replace('"coverage.csv"', '"other.csv"', 1), "other.csv"),
        (lambda text: json.dumps(json.loads(text) | {"files": [1]}), "files: must be an object"),
        (lambda text: text.replace('"files": {', '"hashes": {', 1), "lacks files"),
    ],
)
def test_a_damaged_record_of_a_rating_is_refused(
    bench: Bench, change: Callable[[str], str], said: str
) -> None:
    bench.fit()
    path = bench.folder / "out" / "process.json"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    err = bench.refused("report", bench.folder / "out", "S0001")
    assert said in err
    assert "process.json" in err


def test_another_book_is_not_watched(bench: Bench) -> None:
    bench.fit()
    other = bench.folder / "in" / "enterprises.csv"
    for name in ("enterprises.csv", "invoices.csv"):
        other = bench.folder / "in" / name
        other.write_text(other.read_text(encoding="utf-8").replace("S0", "T0").replace("N001", "M001"))
    assert "is it another book?" in bench.refused("watch", bench.folder / "rating.json", bench.folder / "in")


def invoices(bench: Bench, keep: Callable[[dict[str, str]], dict[str, str] | None]) -> None:
    """Change or drop the invoices one by one."""
    path = bench.folder / "in" / "invoices.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row for row in map(keep, rows) if row is not None)


@pytest.mark.parametrize(
    ("keep", "why"),
    [
        (lambda row: row | {"status": "void"}, "void"),
        (lambda _: None, "has no invoice on either side"),
        (lambda row: None if row["side"] == "output" else row, "no sales invoice"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "validate"])
def test_where_nothing_can_be_learnt_each_is_told_why(
    bench: Bench, keep: Callable[[dict[str, str]], dict[str, str] | None], why: str, command: str
) -> None:
    invoices(bench, keep)
    rest = ("--model", bench.folder / "m.json", "--output", bench.folder / "out") if command == "fit" else ()
    err = bench.refused(command, bench.folder / "in", *rest)
    assert "enterprises.csv: there is no grade to learn from" in err
    assert why in err
    assert err.count("nothing can be learnt from it") == 5
    assert "more enterprises with a grade" in err


def test_without_purchases_all_is_rated_but_for_the_risk_index(bench: Bench) -> None:
    invoices(bench, lambda row: None if row["side"] == "input" else row)
    bench.fit()
    told = json.loads((bench.folder / "out" / "process.json").read_text(encoding="utf-8"))["rate"]["findings"]
    assert sum("risk_index and grey_relation are blank for all" in one for one in told) == 1
    rows = bench.ratings()
    assert {row["risk_index"] for row in rows} == {""}
    assert sum(row["grade_forecast"] != "" for row in rows) >= 50
    bench.ok("report", bench.folder / "out", "S0001")
    bench.ok("apply", bench.folder / "rating.json", bench.folder / "in", "--output", bench.folder / "again")
    assert bench.ratings("again") == rows
