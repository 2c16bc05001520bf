"""The leaves of a search: small books proven by brute force, and every way in which leaves can be wrong."""

import copy
import itertools
import math
from fractions import Fraction
from typing import Any

import pytest
from branching import Found, branch_and_bound
from by_fractions import ExactBook
from random_tables import random_case
from tree_by_fractions import bounds, count, everything, fixed

from lendplan.certify import choices, left
from lendplan.certify.exact import rounded_up
from lendplan.certify.leaves import search_of
from lendplan.certify.proof import Proof, is_proven
from lendplan.data.findings import InputError

SEEDS = range(30)
_MADE: dict[int, "Case"] = {}


class Case:
    """A small book, and the leaves that a branch and bound found for it."""

    def __init__(self, seed: int, scenario: dict[str, Any]) -> None:
        self.scenario, self.book, self.churn = random_case(seed, scenario, limits=2 + seed % 3)
        self.exact = ExactBook(self.scenario, self.book, self.churn)
        self.found: Found = branch_and_bound(self.exact, seed)

    @classmethod
    def of(cls, seed: int, scenario: dict[str, Any]) -> "Case":
        """Return the case of a seed, made once; all tests begin with the same scenario."""
        if seed not in _MADE:
            _MADE[seed] = cls(seed, scenario)
        return _MADE[seed]

    def prove(self, claimed: float, leaves: list[Any] | None = None, fixing: Any = ()) -> Proof:
        ranges = self.scenario["objective"]["ranges"]
        listed = self.found.leaves if leaves is None else leaves
        return is_proven(self.scenario, self.book, self.churn, claimed, listed, fixing, ranges)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_search_found_is_proven_to_the_last_bit(seed: int, scenario: dict[str, Any]) -> None:
    case = Case.of(seed, scenario)
    claimed = case.found.claimed
    if case.found.best == -math.inf:  # there is no plan, and the penalty's prices say so
        assert claimed < -1
        return
    assert case.prove(claimed)
    assert case.found.best == pytest.approx(claimed, abs=1e-6)
    below = case.prove(math.nextafter(claimed, -math.inf))
    assert not below
    assert "above the claim" in below.bounds[0]
    assert below.reached == claimed


def test_no_plan_exceeds_what_leaves_prove(scenario: dict[str, Any]) -> None:
    """Every combination of choices, lines at their ends and halfway, that obeys all rows."""
    met = tight = 0
    for seed in SEEDS:
        case = Case.of(seed, scenario)
        exact = case.exact
        if exact.n > 3:
            continue
        rows = exact.rows
        signs = [1 if sense == "at_most" else -1 for _, sense, _, _ in rows]
        for plan in itertools.product(*(exact.choices(i, points=3) for i in range(exact.n))):
            worth, left = exact.constant, [Fraction(0)] * len(rows)
            for i, one in enumerate(plan):
                if one is None:
                    continue
                worth += exact.priced(i, one, {})
                for r, (per_line, per_loan) in enumerate(exact.effects(i, one[0])[1:]):
                    left[r] += one[1] * per_line + per_loan
            if all(s * (a - row[3]) <= 0 for s, a, row in zip(signs, left, rows, strict=True)):
                met += 1
                tight += abs(float(worth) - case.found.claimed) < 1e-9
                assert worth <= Fraction(case.found.claimed)
    assert met > 200
    assert tight >= 1


def at_root(prices: dict[str, float]) -> list[dict[str, Any]]:
    """Return one fixing, of all choices."""
    return [{"choices": [], "prices": prices}]


def agrees(case: Case, claimed: float, leaves: list[Any], fixings: list[Any]) -> Proof:
    """Check a proof against fractions, to the last bit, and return it."""
    proof = case.prove(claimed, leaves, fixings)
    found = [one for one in bounds(case.exact, leaves, fixings, claimed) if one is not None]
    assert bool(proof) == all(one <= Fraction(claimed) for one in found)
    if not proof:
        assert proof.reached == max(map(rounded_up, found))
    return proof


def cases(scenario: dict[str, Any]) -> list[Case]:
    """Return those with two leaves or more and a plan."""
    made = [Case.of(seed, scenario) for seed in SEEDS]
    found = [one for one in made if len(one.found.leaves) >= 2 and one.found.best > -math.inf]
    assert len(found) >= 8
    return found


def test_each_leaf_is_needed(scenario: dict[str, Any]) -> None:
    for case in cases(scenario):
        for gone in range(len(case.found.leaves)):
            left = [leaf for place, leaf in enumerate(case.found.leaves) if place != gone]
            proof = case.prove(1e9, left)
            assert not proof
            assert "not two sides of one branch" in proof.cover[0]
            assert proof.bounds == ()


def test_no_leaf_at_all_holds_nothing(scenario: dict[str, Any]) -> None:
    assert Case.of(1, scenario).prove(1e9, []).cover == (
        "at the root there is no leaf at all: not two sides of one branch",
    )


def test_wrong_leaf_prices_are_caught(scenario: dict[str, Any]) -> None:
    """Other prices can only allow more, or less by chance where the leaf was not the tightest."""
    caught = 0
    for case in cases(scenario):
        for place in range(len(case.found.leaves)):
            leaves = copy.deepcopy(case.found.leaves)
            leaves[place]["prices"] = dict.fromkeys(leaves[place]["prices"], 0.0)
            bound = case.exact.bound({}, leaves[place]["choices"])
            is_right = bound is None or bound <= Fraction(case.found.claimed)
            assert bool(case.prove(case.found.claimed, leaves)) == is_right
            caught += not is_right
    assert caught >= 10


@pytest.mark.parametrize("seed", SEEDS)
def test_fixing_at_the_root_drops_what_fractions_drop(seed: int, scenario: dict[str, Any]) -> None:
    """Claims from below the optimum to above the root's bound, also where a choice is exactly at the claim."""
    case = Case.of(seed, scenario)
    exact, prices = case.exact, case.found.root
    whole = exact.bound(prices)
    assert whole is not None
    at_choice = [
        rounded_up(whole - max(exact.priced(i, one, prices) for one in exact.choices(i)))
        for i in range(exact.n)
        if None in exact.choices(i)
    ]
    for claimed in (case.found.claimed, case.found.claimed + 0.1, rounded_up(whole), *at_choice):
        proof = case.prove(claimed, fixing=at_root(prices))
        state = everything(exact)
        assert proof.dropped == count(state) - count(fixed(exact, state, prices, claimed))
        agrees(case, claimed, case.found.leaves, at_root(prices))


@pytest.mark.parametrize("block", [1, 5])
def test_beyond_the_exact_size_doubt_is_no_proof(
    block: int, scenario: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "EXACT_UP_TO", 1)
    monkeypatch.setattr(left, "BLOCK", block)
    for case in cases(scenario):
        claimed = case.found.claimed
        assert not case.prove(claimed).is_exact
        assert not case.prove(claimed)
        reached = case.prove(claimed).reached
        assert reached is not None
        assert claimed <= reached <= claimed + 1e-6  # the prices of parts without a plan are large
        assert case.prove(reached)
        assert case.prove(reached, fixing=at_root(case.found.root))


# ---------------------------------------------------------------------------------------------------- malformed
@pytest.mark.parametrize(
    ("certificate", "says"),
    [
        ({"leaves": {}}, r"c\.json: leaves: must be a list"),
        ({"leaves": ["x"]}, r"leaves\.0: must have the keys choices and prices"),
        ({"leaves": [{"choices": [], "prices": {}, "bound": 1}]}, r"leaves\.0: must have the keys"),
        ({"leaves": [{"choices": [], "prices": [1]}]}, r"leaves\.0\.prices: must be prices by name"),
        ({"leaves": [{"choices": "E1", "prices": {}}]}, r"leaves\.0\.choices: must be a list of branches"),
        ({"leaves": [{"choices": [["E1", "above"]], "prices": {}}]}, r"leaves\.0\.choices\.0: must be \["),
        ({"leaves": [{"choices": [["E1", "below", 0.1]], "prices": {}}]}, "one of at_most, above"),
        ({"leaves": [{"choices": [[1, "above", 0.1]], "prices": {}}]}, "must begin with an enterprise"),
        ({"leaves": [{"choices": [["E1", "above", 4]], "prices": {}}]}, "a fraction, or null"),
        ({"leaves": [{"choices": [["E1", "above", "4%"]], "prices": {}}]}, "a fraction, or null"),
        ({"leaves": [{"choices": [["E1", "line_at_most", None]], "prices": {}}]}, "an amount of 0 or more"),
        (
            {"leaves": [{"choices": [["E1", "line_at_most", math.nan]], "prices": {}}]},
            "an amount of 0 or more",
        ),
        ({"leaves": [], "fixings": {}}, "fixings: must be a list"),
        ({"leaves": [], "fixings": [3]}, r"fixings\.0: must have the keys choices and prices"),
        (
            {"leaves": [], "fixings": [{"choices": [], "prices": 3}]},
            r"fixings\.0\.prices: must be prices by name",
        ),
        (
            {"leaves": [], "fixings": [{"choices": [["E1", 1]], "prices": {}}]},
            r"fixings\.0\.choices\.0: must be",
        ),
        ({"fixings": [{"choices": [], "prices": {}}]}, "fixings: serve leaves, and there are none"),
    ],
)
def test_malformed_leaves_are_errors(certificate: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        search_of(certificate, "c.json")


def test_every_malformed_place_is_named() -> None:
    with pytest.raises(InputError) as error:
        search_of({"leaves": ["x", {"choices": [["E1"]], "prices": 3}], "fixings": [4]})
    assert [finding.key for finding in error.value.findings] == [
        "leaves.0", "leaves.1.choices.0", "leaves.1.prices", "fixings.0",
    ]  # fmt: skip


def test_without_leaves_there_is_no_search() -> None:
    assert search_of({}) == search_of({"leaves": None, "fixings": []})
    assert search_of({}).leaves is None


@pytest.mark.parametrize("claimed", [math.nan, math.inf, -math.inf])
def test_a_claim_is_a_number(claimed: float, scenario: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no bound that could be proven"):
        Case.of(1, scenario).prove(claimed)
