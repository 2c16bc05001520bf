"""`verify` of a plan whose bound is proven by leaves, worked by hand; each false claim is caught by its own check.

The first two enterprises of the plan in conftest.py, with lines of 100 or nothing, and a budget of 150: at 10 % a line
of E1 earns 100·.056 − .1 = 5.5, one of E2 2.9; both do not fit. At a price of .029 D = 150·.029 + 2.6 + 0 = 6.95.

    E2 declines        price 0:  D = 5.5
    E2 is lent to, E1 declines         price 0: D = 2.9
    E2 is lent to, E1 is lent to       price 1: D = 150 + (2.9 − 100) + (5.5 − 100) = −41.6, which no plan is worth

D(.029 | E1 declines) = 6.95 − 2.6 = 4.35, and at 5 % E1 brings 100(.02 − .029) − .1 = −1, E2 100(.01 − .029) − .1 = −2:
with a claim of 5.5 these three choices of six are dropped, and two leaves do.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from lendplan.certify.plan import verify
from lendplan.certify.report import Report
from lendplan.data.findings import InputError

E1, E2 = ["E1", "at_most", None], ["E2", "at_most", None]
NO_E1, NO_E2 = ["E1", "above", None], ["E2", "above", None]
LEAVES: list[dict[str, Any]] = [
    {"choices": [E2], "prices": {"budget": 0.0}},
    {"choices": [NO_E2, E1], "prices": {}},
    {"choices": [NO_E2, NO_E1], "prices": {"budget": 1.0}},
]
FIXED: list[dict[str, Any]] = [LEAVES[0], {"choices": [NO_E2], "prices": {"budget": 1.0}}]
FIXING: list[dict[str, Any]] = [{"choices": [], "prices": {"budget": 0.029}}]
CLAIMED = 5.500000000000001
BY_PRICES = 6.950000000000001
"""D of the shadow prices: 150·.029 + (100·(.056 − .029) − .1) + 0, where E2 is worth 100·(.03 − .029) − .1 = 0."""


def failures(report: Report) -> dict[str, str]:
    return {check.name: check.detail for check in report.failed}


@pytest.fixture
def proven(plan: Any) -> Any:
    """The plan with leaves."""
    plan.book = "\n".join(plan.book.splitlines()[:3]) + "\n"
    plan.rows = plan.rows[:2]
    plan.scenario["lines"] |= {"min": 100.0}
    plan.summary |= {
        "revenue": 6.3, "risk": 0.8, "profit": 5.5, "interest": 8.0, "line": 100.0, "exposure": 80.0,
        "budget_used": 100.0, "funded": 1, "eligible": 2, "unspent_because": "50 of 150 is left: no whole line fits",
    }  # fmt: skip
    plan.state(objective=5.5, bound=5.5, certified_bound=CLAIMED)
    plan.certificate |= {"prices": {"budget": 0.029}, "prices_bound": BY_PRICES}
    plan.certificate |= {"leaves": copy.deepcopy(LEAVES), "fixings": []}
    return plan


def test_leaves_prove_what_prices_alone_do_not(proven: Any, tmp_path: Path) -> None:
    report = verify(proven.write(tmp_path / "plan"))
    assert report.passed, report.failed
    assert report.certified_bound == CLAIMED
    by = next(note for note in report.notes if note.startswith("certified by"))
    assert by == (
        "certified by 3 leaves of a search, which together hold every plan, and prices for each, in exact arithmetic"
    )
    del proven.certificate["leaves"]
    assert "6.95" in failures(verify(proven.write(tmp_path / "plan")))["certified bound"]


def test_fixing_at_the_root_spares_a_leaf(proven: Any, tmp_path: Path) -> None:
    proven.certificate |= {"leaves": FIXED, "fixings": FIXING}
    report = verify(proven.write(tmp_path / "plan"))
    assert report.passed, report.failed
    assert any("3 of 6 choices were left out" in note for note in report.notes)
    assert "3 of 6" not in " ".join(check.detail for check in report.checks if "leaves" not in check.name)


def test_fixing_below_the_root_does_too(proven: Any, tmp_path: Path) -> None:
    """Where E2 is lent to, D(.029) is 6.95 as well, and E1 declining is worth 2.6 less."""
    proven.certificate |= {"leaves": FIXED, "fixings": [{**FIXING[0], "choices": [NO_E2]}]}
    report = verify(proven.write(tmp_path / "plan"))
    assert report.passed, report.failed
    by = next(note for note in report.notes if note.startswith("certified by 2 leaves"))
    assert by.endswith("; 1 fixing left out more in parts of it")
    assert "were left out" not in by


@pytest.mark.parametrize(
    ("leaves", "fixing", "check", "says"),
    [
        # A missing leaf, an incomplete cover, sides that are not of one branch.
        (LEAVES[:2], [], "leaves: cover", "below 'E2' above none there is 'E1' at_most none"),
        (LEAVES[1:], [], "leaves: cover", "at the root there is 'E2' above none"),
        ([], [], "leaves: cover", "no leaf at all"),
        (
            [{"choices": [["E1", "at_most", 0.05]], "prices": {}}, {"choices": [["E1", "above", 0.07]], "prices": {}}],
            [],
            "leaves: cover",
            "'E1' at_most 0.05; 'E1' above 0.07",
        ),
        (
            [{"choices": [E1], "prices": {}}, {"choices": [NO_E2], "prices": {}}],
            [],
            "leaves: cover",
            "'E1' at_most none; 'E2' above none",
        ),
        (
            [{"choices": [one], "prices": {}} for one in (E1, ["E1", "at_most", 0.1], ["E1", "above", 0.05])],
            [],
            "leaves: cover",
            "not two sides of one branch",
        ),
        (
            [
                {"choices": [["E1", "line_at_most", 0.0]], "prices": {}},
                {"choices": [["E1", "line_at_least", 100.5]], "prices": {}},
            ],
            [],
            "leaves: cover",
            "'E1' line_at_most 0.0; 'E1' line_at_least 100.5",
        ),
        # Prices that prove less, fixing prices that do not drop what the leaves need dropped.
        ([{**LEAVES[0], "prices": {"budget": 0.01}}, *LEAVES[1:]], [], "certified bound", "leaf 0, 'E2' at_most none"),
        ([*LEAVES[:2], {**LEAVES[2], "prices": {}}], [], "certified bound", "D is 8.4"),
        (FIXED, [], "certified bound", "leaf 1, 'E2' above none: D is 52.9"),
        (FIXED, [{"choices": [], "prices": {"budget": 0.06}}], "certified bound", "leaf 1"),
        # A fixing on the other side, at prices that drop too little, at nodes that do not exist.
        (FIXED, [{**FIXING[0], "choices": [E2]}], "certified bound", "leaf 1, 'E2' above none: D is 52.9"),
        (FIXED, [{"choices": [NO_E2], "prices": {"budget": 0.06}}], "certified bound", "leaf 1"),
        (FIXED, [{**FIXING[0], "choices": [NO_E2, E1]}], "leaves: names and signs", "fixing 0 is at no node"),
        (FIXED, [{**FIXING[0], "choices": [NO_E1]}], "leaves: names and signs", "'E1' above none"),
        (LEAVES, [{**FIXING[0], "choices": [E1, NO_E2]}], "leaves: names and signs", "fixing 0 is at no node"),
        (LEAVES, [{**FIXING[0], "choices": [["E2", "above", 0.05]]}], "leaves: names and signs", "at no node"),
        # Names and signs.
        ([*LEAVES[:2], {**LEAVES[2], "prices": {"budget": -1.0}}], [], "leaves: names and signs", "leaf 2: the price"),
        ([*LEAVES[:2], {**LEAVES[2], "prices": {"bugdet": 1.0}}], [], "leaves: names and signs", "is no row"),
        ([*LEAVES[:2], {**LEAVES[2], "prices": {"budget": "1"}}], [], "leaves: names and signs", "no finite number"),
        (LEAVES, [{"choices": [], "prices": {"budget": -0.029}}], "leaves: names and signs", "fixing 0: the price of"),
        (
            [{"choices": [["E9", *one["choices"][0][1:]]], "prices": {}} for one in FIXED],
            [],
            "leaves: names and signs",
            "leaf 0 names 'E9', which is no eligible enterprise",
        ),
    ],
)  # fmt: skip
def test_wrong_leaves_are_caught(
    proven: Any, tmp_path: Path, leaves: Any, fixing: Any, check: str, says: str
) -> None:
    proven.certificate |= {"leaves": leaves, "fixings": fixing}
    report = verify(proven.write(tmp_path / "plan"))
    assert report.certified_bound is None
    assert says in failures(report)[check]


def test_wrong_line_and_changed_input_are_caught(proven: Any, tmp_path: Path) -> None:
    assert "line" in failures(verify(proven.set("E1", line=99.0).write(tmp_path / "plan")))
    proven.set("E1", line=100.0)
    folder = proven.write(tmp_path / "plan")
    (tmp_path / "book.csv").write_text(proven.book.replace("0.04", "0.01"), encoding="utf-8")
    assert "input enterprises" in failures(verify(folder))
    # With E1's risk halved, its line would be worth 100·.8·.075 − .1 = 5.9.
    (tmp_path / "book.csv").write_text(proven.book.replace("0.02", "0.01"), encoding="utf-8")
    assert {"input enterprises", "certified bound"} <= set(failures(verify(folder)))


@pytest.mark.parametrize(("claimed", "check"), [(5.4, "certified bound"), (None, "certified bound")])
def test_wrong_claim_is_caught(proven: Any, tmp_path: Path, claimed: Any, check: str) -> None:
    proven.state(certified_bound=claimed)
    assert check in failures(verify(proven.write(tmp_path / "plan")))


def test_a_claim_may_be_higher_than_it_need_be(proven: Any, tmp_path: Path) -> None:
    proven.state(certified_bound=5.6, certified_gap=0.1 / 5.5)
    assert verify(proven.write(tmp_path / "plan")).passed


@pytest.mark.parametrize(
    "prices", [{"budget": 0.0}, {"budget": 0.0290001}, {"budget": 1e300}, {"budget": 1e308}]
)
def test_shadow_prices_that_were_exchanged_are_caught_beside_leaves(
    proven: Any, tmp_path: Path, prices: Any
) -> None:
    proven.certificate["prices"] = prices
    assert "bound of the prices" in failures(verify(proven.write(tmp_path / "plan")))


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        (5.500000000000001, "recomputed 6.95"),
        (6.95, "stated 6.95 is less than D(λ)"),
        (6.9500001, "recomputed 6.95"),
        (None, "no number is stated"),
        ("6.95", "no number is stated"),
        (float("nan"), "no number is stated"),
    ],
)
def test_a_wrong_bound_of_the_prices_is_caught(proven: Any, tmp_path: Path, stated: Any, says: str) -> None:
    proven.certificate["prices_bound"] = stated
    assert says in failures(verify(proven.write(tmp_path / "plan")))["bound of the prices"]


def test_prices_that_prove_nothing_are_caught_without_a_stated_bound(proven: Any, tmp_path: Path) -> None:
    del proven.certificate["prices_bound"]
    proven.certificate["prices"] = {"budget": 1e308}
    assert "prove nothing" in failures(verify(proven.write(tmp_path / "plan")))["bound of the prices"]


def test_a_claim_above_what_the_prices_prove_is_caught(proven: Any, tmp_path: Path) -> None:
    proven.state(certified_bound=7.0, certified_gap=1.5 / 5.5)
    found = failures(verify(proven.write(tmp_path / "plan")))
    assert set(found) == {"certified bound within the prices'"}
    assert "by themselves prove 6.95" in found["certified bound within the prices'"]


def test_what_holds_the_shadow_prices_is_said(proven: Any, tmp_path: Path) -> None:
    said = verify(proven.write(tmp_path / "plan")).notes
    assert "the shadow prices by themselves prove that no plan is worth more than 6.95" in said
    proven.certificate["prices"], proven.certificate["prices_bound"] = {"budget": 0.0}, 8.4 + 1e-15
    # True, and of no use: nobody is held back from the 200 that both would take, 5.5 + 2.9.
    said = verify(proven.write(tmp_path / "plan")).notes
    assert "the shadow prices by themselves prove that no plan is worth more than 8.4" in said
    del proven.certificate["prices_bound"]  # as versions up to 0.2.0 wrote it
    report = verify(proven.write(tmp_path / "plan"))
    assert report.passed, report.failed
    assert any("taken on trust: the shadow prices" in note for note in report.notes)


def test_malformed_leaves_are_bad_input(proven: Any, tmp_path: Path) -> None:
    folder = proven.write(tmp_path / "plan")
    certificate = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    certificate["leaves"][1]["choices"][0] = "E2"
    (folder / "certificate.json").write_text(json.dumps(certificate), encoding="utf-8")
    with pytest.raises(InputError, match=r"certificate\.json: leaves\.1\.choices\.0: must be"):
        verify(folder)


@pytest.mark.parametrize(
    ("most", "least", "is_covered"),
    [
        (20.0, 40.0, True), (0.0, 20.0, True), (39.0, 40.0, True), (40.0, 60.0, True),
        (20.0, 41.0, False), (0.0, 40.0, False),
    ],
)  # fmt: skip
def test_branches_on_steps(plan: Any, tmp_path: Path, most: float, least: float, is_covered: bool) -> None:
    """E3's lines are 20 and 40, in steps of 20; D(.03) is 7.95 in either part, and nothing where no line is left."""
    plan.certificate["leaves"] = [
        {"choices": [["E3", "line_at_most", most]], "prices": {"budget": 0.03}},
        {"choices": [["E3", "line_at_least", least]], "prices": {"budget": 0.03}},
    ]
    report = verify(plan.write(tmp_path / "plan"))
    assert report.passed == is_covered, report.failed
    assert is_covered or set(failures(report)) == {"leaves: cover"}
