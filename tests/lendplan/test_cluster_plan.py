"""The road in parts, from a Parquet dataset to a written plan, against one process on the same files."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from datasets import ROWS, book, changed, written

from lendplan.certify.plan import verify
from lendplan.data.findings import InputError
from lendplan.models import sums
from lendplan.plan import Plan
from lendplan.run import load
from lendplan.scenario import load_settings
from lendplan.solvers import lagrangian, pricing
from lendplan.solvers.result import Options, Progress

distributed = pytest.importorskip("distributed")
from lendplan import cluster, clustercase  # noqa: E402
from lendplan.solvers.cluster import ClusterBook  # noqa: E402

OPTIONS = Options(gap=1e-3, time_limit=60.0)
BLOCK = 128


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """Give two workers at an address, as other machines would be."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as machines:
        yield machines


@pytest.fixture
def address(machines: Any) -> str:
    return str(machines.scheduler_address)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sums, pricing, lagrangian):
        monkeypatch.setattr(module, "BLOCK", BLOCK)
    monkeypatch.setattr(clustercase, "STRETCH", 450)


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    return written(tmp_path, book())


def in_one_process(scenario: Path, folder: Path) -> Path:
    case = load(scenario, ["solver.cluster=null"]).case
    return Plan(case, lagrangian.solve(case.problem, OPTIONS)).write(folder)


def in_parts(scenario: Path, address: str, folder: Path, parts: int, overrides: Sequence[str] = ()) -> Path:
    file = load_settings(scenario, [f"solver.cluster={address}", *overrides])
    division, resources = cluster.divide_over(file, parts=parts)
    with resources:
        assert len(division.book.parts) == parts
        return cluster.solve_partitioned(division, OPTIONS).write(folder)


def told(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    content.pop("seconds", None)
    return content


def test_the_plan_is_that_of_one_process_to_the_last_byte(
    scenario: Path, address: str, tmp_path: Path
) -> None:
    one = in_one_process(scenario, tmp_path / "one")
    assert told(one, "summary.json")["funded"] > 100
    for parts in (1, 2, 3, 7):
        plan = in_parts(scenario, address, tmp_path / f"parts{parts}", parts)
        for name in ("allocations.csv", "allocations.parquet", "certificate.json"):
            assert (plan / name).read_bytes() == (one / name).read_bytes()
        assert told(plan, "summary.json") == told(one, "summary.json")
        assert verify(plan).passed


def test_a_folder_of_files_is_the_book_that_one_file_is(scenario: Path, address: str, tmp_path: Path) -> None:
    one = in_one_process(scenario, tmp_path / "one")
    plan = in_parts(scenario, address, tmp_path / "parts", 3, ["enterprises=" + str(tmp_path / "book")])
    assert (plan / "allocations.csv").read_bytes() == (one / "allocations.csv").read_bytes()
    assert verify(plan).passed
    (tmp_path / "book" / "part-1.parquet").rename(tmp_path / "book" / "part-9.parquet")
    assert [check.name for check in verify(plan).failed][:1] == ["input enterprises"]


def test_the_python_interface_gives_what_it_gives_of_one_process(scenario: Path, address: str) -> None:
    alone = load(scenario, ["solver.cluster=null"]).case
    one = Plan(alone, lagrangian.solve(alone.problem, OPTIONS))
    with load(scenario, [f"solver.cluster={address}"]) as asked:
        assert asked.eligible == alone.problem.size
        plan = asked.solve()
        assert plan.allocations.equals(one.allocations)
        assert [vars(state) for state in plan.limits] == [vars(state) for state in one.limits]
        got = [vars(one) for one in plan.totals_by_grade]
        assert [one["enterprises"] for one in got] == [one.enterprises for one in one.totals_by_grade]
        assert plan.certified_bound == one.certified_bound
        with pytest.raises(InputError, match=r"add --set solver\.cluster=null"):
            asked.score(scenario)


def test_a_worker_that_dies_while_the_book_is_read_solved_and_written_costs_time_alone(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = in_one_process(scenario, tmp_path / "one")
    killed = []
    real = {name: getattr(ClusterBook, name) for name in ("ask", "ask_of")}

    def kill(client: Any) -> None:
        pids = list(client.run(os.getpid).values())
        killed.append(pids[0])
        os.kill(pids[0], signal.SIGKILL)

    def ask(self: Any, *arguments: Any) -> Any:
        if len(killed) < 1:
            kill(self.client)
        return real["ask"](self, *arguments)

    def ask_of(self: Any, *arguments: Any) -> Any:
        if len(killed) < 2:
            kill(self.client)
        return real["ask_of"](self, *arguments)

    monkeypatch.setattr(ClusterBook, "ask", ask)
    monkeypatch.setattr(ClusterBook, "ask_of", ask_of)
    plan = in_parts(scenario, "local", tmp_path / "parts", 3)
    assert len(killed) == 2
    assert (plan / "allocations.csv").read_bytes() == (one / "allocations.csv").read_bytes()


def mistakes(scenario: Path, address: str, *overrides: str) -> list[str]:
    with pytest.raises(InputError) as raised:
        load(scenario, [f"solver.cluster={address}", *overrides]).close()
    return [str(finding) for finding in raised.value.findings]


def test_what_is_wrong_in_all_parts_is_told_together(tmp_path: Path, address: str) -> None:
    table = changed(book(), "default_probability", {3: 1.5, 1_999: -1.0})
    table = changed(table, "line_max", {700: 1.0})
    scenario = written(tmp_path, changed(table, "grade", {1_200: "Z"}))
    file = tmp_path / "book.parquet"
    assert [one.split(": ")[0] for one in mistakes(scenario, address)] == [
        f"{file}:{row + 2}" for row in (3, 700, 1_200, 1_999)
    ]
    # In a folder each file has lines of its own.
    third = ROWS // 3
    found = mistakes(scenario, address, f"enterprises={tmp_path / 'book'}")
    assert f"{tmp_path}/book/part-1.parquet:{700 - third + 2}: line_min" in found[1]


def test_an_id_that_stands_in_two_parts_is_told_with_both_its_lines(tmp_path: Path, address: str) -> None:
    ids = book().column("enterprise").to_pylist()
    scenario = written(tmp_path, changed(book(), "enterprise", {1_500: ids[20], 1_501: ids[1_500]}))
    file = tmp_path / "book.parquet"
    assert mistakes(scenario, address) == [
        f"{file}:1502: enterprise: {ids[20]!r} stands in line 22 already; ids are unique"
    ]
    found = mistakes(scenario, address, f"enterprises={tmp_path / 'book'}")
    assert f"stands in line 22 of {tmp_path}/book/part-0.parquet already" in found[0]


def test_a_stretch_without_grades_is_told_as_such(tmp_path: Path, address: str) -> None:
    nothing = dict.fromkeys(range(450, 900))
    scenario = written(tmp_path, changed(book(), "grade", nothing))
    (said,) = mistakes(scenario, address)
    assert "no enterprise from line 452 to line 901 has a grade; rate them" in said
    everybody = tmp_path / "all"
    everybody.mkdir()
    (said,) = mistakes(written(everybody, changed(book(), "grade", dict.fromkeys(range(ROWS), ""))), address)
    assert "is its column called otherwise?" in said


def test_limits_are_held_against_the_whole_book(scenario: Path, address: str) -> None:
    said = mistakes(scenario, address, "limits.grade C.where={grade: [E]}", "budget.total=1e12")
    assert "no row has `E` in `grade`" in said[0]
    assert "unit" in said[1]
    assert (
        "only lending nothing obeys"
        in mistakes(
            scenario, address, "limits.one industry={name: x, measure: line, by: industry, at_most: 9%}"
        )[0]
    )
    contradicting = "[{name: a, measure: line, where: {grade: [A]}, at_most: 30%}, "
    contradicting += "{name: b, measure: line, where: {grade: [B, C]}, at_most: 30%}]"
    assert "leave no plan but lending nothing" in mistakes(scenario, address, f"limits={contradicting}")[0]


def test_a_group_of_which_nobody_is_eligible_in_any_part_is_told_as_by_one_process(
    tmp_path: Path, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Mining is that of two excluded enterprises, of two parts; one of opera's is excluded, and one is not."""
    table = changed(book(), "industry", {3: "mining", 1500: "mining", 4: "opera", 1501: "opera"})
    table = changed(table, "grade", {3: "D", 1500: "D", 4: "D", 1501: "A"})
    override = "limits.one industry={name: each, measure: line, by: industry, at_least: 1}"
    path = written(tmp_path, table)
    said = (
        "limit `each` asks nothing of `mining`: the book has enterprises there, and none of them is eligible"
    )
    for here in ("null", address):
        caplog.clear()
        asked = load(path, [f"solver.cluster={here}", "exclude_grades=[D]", override])
        with asked:
            assert [one for one in caplog.messages if "asks nothing" in one] == [said]


def test_what_is_not_solved_in_parts_is_refused_with_the_remedy(scenario: Path, address: str) -> None:
    said = mistakes(scenario, address, "enterprises=book.csv", "ratings=r.csv", "solver.method=highs")
    assert [one.split("; ")[-1] for one in said] == [
        "save the book as one, or leave `solver.cluster` out",
        "join them, or leave it out",
        "write `auto`, or leave `solver.cluster` out",
    ]


def test_an_address_at_which_nobody_answers_is_refused(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lendplan import clusterclient

    monkeypatch.setattr(clusterclient, "_PATIENCE", 0.5)
    (said,) = mistakes(scenario, "tcp://127.0.0.1:9")
    assert said.startswith(f"--set solver.cluster={'tcp://127.0.0.1:9'}") or "solver.cluster" in said
    assert "nobody answers at tcp://127.0.0.1:9" in said
    assert "start `dask scheduler`" in said


def test_workers_that_do_not_end_by_themselves_are_ended(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lendplan import clusterclient

    monkeypatch.setattr(clusterclient, "_AT_THE_END", 1e-9)
    with load(scenario, ["solver.cluster=local"]) as asked:
        said: Any = asked.division.book.client.run(os.getpid) if asked.division else {}
        pids = list(said.values())
    assert len(pids) == 2
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_without_dask_it_is_said_how_to_get_it(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    (said,) = mistakes(scenario, "local")
    assert "pip install 'lendplan[cluster]'" in said


def test_an_empty_book_is_told(tmp_path: Path, address: str) -> None:
    scenario = written(tmp_path, book().slice(0, 0))
    assert "has a header, but no row below it" in mistakes(scenario, address)[0]


def test_the_watcher_is_told_and_the_ranges_are_frozen(scenario: Path, address: str) -> None:
    seen: list[Progress] = []
    with load(scenario, [f"solver.cluster={address}"]) as asked:
        plan = asked.solve(seen.append)
    assert "prices" in {step.stage for step in seen}
    assert plan.result.problem.objective.ranges is not None
