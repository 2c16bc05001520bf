"""Fixings below the root, and lines that they cut: held against fractions, against every plan, and spoiled."""

import copy
import io
import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from branching import branch_and_bound
from by_fractions import ExactBook
from random_tables import random_case
from tree_by_fractions import bounds

from lendplan.certify import choices, left
from lendplan.certify.bound import choices_of
from lendplan.certify.dropping import after_fixing, after_fixing_exactly
from lendplan.certify.estimate import Sheets
from lendplan.certify.exact import rounded_up
from lendplan.certify.proof import Proof, is_proven
from lendplan.data.book import assemble_book
from lendplan.data.churn import churn_from_frame
from lendplan.data.tables import table_from_frame

SEEDS = range(40)
_MADE: dict[int, "Case"] = {}


class Case:
    """A small book, a tree for it, some of whose subtrees are one leaf, and fixings at some of its nodes."""

    def __init__(self, seed: int, scenario: dict[str, Any]) -> None:
        draw = np.random.default_rng(seed)
        self.scenario, self.book, self.churn = random_case(seed, scenario, limits=seed % 2, sizes=(3, 6))
        self.exact = ExactBook(self.scenario, self.book, self.churn)
        found = branch_and_bound(self.exact, seed, most=12)
        self.best, self.claimed, self.leaves = found.best, found.claimed, list(found.leaves)
        for node in found.inner:
            depth = len(node["choices"])
            if depth and draw.random() < 0.2:
                below = [one for one in self.leaves if one["choices"][:depth] == node["choices"]]
                if below:
                    self.leaves = [one for one in self.leaves if one not in below] + [node]
        nodes = {
            tuple(map(tuple, one["choices"][:d]))
            for one in self.leaves
            for d in range(len(one["choices"]) + 1)
        }
        # Prices that are not the best: what they allow, a fixing above them may have dropped.
        for place, leaf in enumerate(self.leaves):
            prices = {
                name: price * float(draw.choice([0.7, 1.0, 1.4])) for name, price in leaf["prices"].items()
            }
            self.leaves[place] = {**leaf, "prices": prices}
        known = {tuple(map(tuple, one["choices"])): one["prices"] for one in found.inner + found.leaves}
        self.fixings: list[dict[str, Any]] = []
        for path in sorted(nodes, key=repr):
            for _ in range(int(draw.integers(0, 3))):
                prices = {
                    name: price * float(draw.choice([0.9, 1.0, 1.0, 1.2]))
                    for name, price in known[path].items()
                }
                self.fixings.append({"choices": list(map(list, path)), "prices": prices})
        self.claims = self._claims()

    @classmethod
    def of(cls, seed: int, scenario: dict[str, Any]) -> "Case":
        """Return the case of a seed, made once; all tests begin with the same scenario."""
        if seed not in _MADE:
            _MADE[seed] = cls(seed, scenario)
        return _MADE[seed]

    def prove(self, claimed: float, fixings: list[Any] | None = None) -> Proof:
        ranges = self.scenario["objective"]["ranges"]
        fixings = self.fixings if fixings is None else fixings
        return is_proven(self.scenario, self.book, self.churn, claimed, self.leaves, fixings, ranges)

    def expected(self, claimed: float, **options: Any) -> list[Fraction]:
        """Return D of the leaves in fractions."""
        found = bounds(self.exact, self.leaves, self.fixings, claimed, **options)
        return [one for one in found if one is not None]

    def _claims(self) -> list[float]:
        """Return claims around what can be proven: the least claim is where doubt is greatest."""
        no_fixing = [one for one in bounds(self.exact, self.leaves, [], 0.0) if one is not None]
        high = max(map(rounded_up, no_fixing), default=0.0)
        low = max(self.best - 1e-3, high - 1.0)
        middle = (low + high) / 2
        while low < middle < high and high - low > 1e-5:
            low, high = (low, middle) if self.prove(middle) else (middle, high)
            middle = (low + high) / 2
        return [low - 1e-3, low, high, high + 1e-2]


@pytest.mark.parametrize(
    ("step", "claimed", "low", "high"),
    [
        ("", 6.95, 2.55 / 0.026, 100.0),  # D 7, E1's best 2.5, room 2.45
        ("", 6.5, 2.1 / 0.026, 100.0),
        ("", 4.4, 10.0, 100.0),  # room −.1, which every line is worth more than
        ("30", 6.7, 90.0, 90.0),  # D 6.74, E1's best 2.24, room 2.2: lines from 88.46 on
        ("30", 6.0, 90.0, 90.0),  # 61.5
        ("30", 5.9, 60.0, 90.0),  # 57.7
    ],
)
def test_lines_are_cut_by_hand(plan: Any, step: str, claimed: float, low: float, high: float) -> None:
    """At .03 a line of E1 is worth .026 at 10 %, −.01 at 5 %; E2 0 and −.02, and .1 a loan. D = 4.5 + E1's best + 0."""
    rows = [row.split(",") for row in plan.book.splitlines()[:3]]
    rows[1][rows[0].index("line_step")] = step
    book = assemble_book(table_from_frame(pd.DataFrame(rows[1:], columns=rows[0]), "book"))
    churn = churn_from_frame(pd.read_csv(io.StringIO(plan.churn)))
    found = choices_of(plan.scenario, book, churn, None)
    prices = {"budget": 0.03}
    exactly = after_fixing_exactly(found, prices, left.Whole(found), claimed)
    nearly = after_fixing(found, Sheets(found, [prices]), 0, left.Whole(found), claimed)
    for (part,) in (exactly, nearly):
        ends = [
            (int(owner), int(rate), line * unit, top * unit)
            for owner, rate, line, unit, top in zip(
                part.owner, part.rate, part.low, part.unit, part.high, strict=True
            )
        ]
        mine = [one for one in ends if one[0] == 0 and one[1] == 1]
        assert mine == [(0, 1, pytest.approx(low, rel=1e-12), high)]
        assert part.may_decline[0] == (claimed < 4.5)  # room is claimed − 4.5
        assert part.may_decline[1]
    # What doubles leave holds what is left without a rounding.
    assert nearly[0].low[0] <= exactly[0].low[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_walk_agrees_with_fractions_to_the_last_bit(seed: int, scenario: dict[str, Any]) -> None:
    case = Case.of(seed, scenario)
    for claimed in case.claims:
        found, proof = case.expected(claimed), case.prove(claimed)
        assert bool(proof) == all(one <= Fraction(claimed) for one in found)
        if not proof:
            assert proof.reached == max(map(rounded_up, found))
            assert proof.reached is not None
            assert case.prove(proof.reached)
        # A claim that is met exactly, and one that is missed by the last bit.
        exactly = max(map(rounded_up, found), default=-math.inf)
        if exactly > -math.inf:
            for near in (exactly, math.nextafter(exactly, -math.inf)):
                assert bool(case.prove(near)) == all(one <= Fraction(near) for one in case.expected(near))


def test_the_cases_need_fixings_and_lines_that_are_cut(scenario: dict[str, Any]) -> None:
    by_fixings = by_lines = 0
    for seed in SEEDS:
        case = Case.of(seed, scenario)
        for claimed in case.claims:
            if case.prove(claimed):
                by_fixings += not case.prove(claimed, [])
                by_lines += any(one > Fraction(claimed) for one in case.expected(claimed, cuts_lines=False))
    assert by_fixings >= 20
    assert by_lines >= 5


def test_no_plan_exceeds_what_is_proven(scenario: dict[str, Any]) -> None:
    """Every combination of choices, lines at their ends and between, that obeys all rows."""
    met = 0
    for seed in SEEDS:
        case = Case.of(seed, scenario)
        proven = [claimed for claimed in case.claims if case.prove(claimed)]
        assert all(claimed > case.best - 1e-6 for claimed in proven)
        exact, rows = case.exact, case.exact.rows
        if exact.n > 3 or not proven:
            continue
        signs = [1 if sense == "at_most" else -1 for _, sense, _, _ in rows]
        for plan in itertools.product(*(exact.choices(i, points=4) for i in range(exact.n))):
            worth, used = exact.constant, [Fraction(0)] * len(rows)
            for i, one in enumerate(plan):
                if one is not None:
                    worth += exact.priced(i, one, {})
                    for r, (per_line, per_loan) in enumerate(exact.effects(i, one[0])[1:]):
                        used[r] += one[1] * per_line + per_loan
            if all(s * (a - row[3]) <= 0 for s, a, row in zip(signs, used, rows, strict=True)):
                met += 1
                assert worth <= Fraction(min(proven))
    assert met > 200


@pytest.mark.parametrize("block", [1, 5])
def test_doubles_alone_prove_no_more(
    block: int, scenario: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the exact size; in blocks of one enterprise, too. What they prove is hardly less."""
    monkeypatch.setattr(choices, "EXACT_UP_TO", 1)
    monkeypatch.setattr(left, "BLOCK", block)
    proven = 0
    for seed in SEEDS:
        case = Case.of(seed, scenario)
        for claimed in case.claims:
            proof, found = case.prove(claimed), case.expected(claimed)
            is_true = all(one <= Fraction(claimed) for one in found)
            proven += bool(proof)
            assert is_true or not proof
            if is_true and all(one <= Fraction(claimed - 1e-6) for one in case.expected(claimed - 1e-6)):
                assert proof
            if not proof and proof.reached is not None:
                assert case.prove(proof.reached)
    assert proven >= 30


def test_each_fixing_that_is_needed_is_missed(scenario: dict[str, Any]) -> None:
    """Without a fixing, or with prices that drop nothing, a leaf below it is not proven where fractions say so."""
    missed = 0
    for seed in SEEDS[:25]:
        case = copy.copy(Case.of(seed, scenario))
        kept = case.fixings
        for claimed in case.claims[2:3]:  # the least that is proven
            for place in range(len(kept)):
                idle = {**kept[place], "prices": dict.fromkeys(kept[place]["prices"], 0.0)}
                for spoiled in (kept[:place] + kept[place + 1 :], [*kept[:place], idle, *kept[place + 1 :]]):
                    case.fixings = spoiled
                    is_right = all(one <= Fraction(claimed) for one in case.expected(claimed))
                    assert bool(case.prove(claimed)) == is_right
                    missed += not is_right
        case.fixings = kept
    assert missed >= 10


def test_a_fixing_belongs_to_a_node(scenario: dict[str, Any]) -> None:
    """Turned to the other side, carried further, at another rate or line, or at a stranger: no node, or no proof."""
    told = 0
    for seed in SEEDS:
        case = Case.of(seed, scenario)
        for place, fixing in enumerate(case.fixings):
            path = fixing["choices"]
            wrong = [[*path, ["E0", "above", 0.0625]], [*path, ["E99", "above", None]]]
            wrong += [[*path[:-1], [path[-1][0], path[-1][1], 0.0625]]] if path else []
            for other in wrong:
                spoiled = [*case.fixings[:place], {**fixing, "choices": other}, *case.fixings[place + 1 :]]
                proof = case.prove(1e9, spoiled)
                assert not proof
                assert f"fixing {place} is at no node of the leaves" in proof.names[0]
                told += 1
    assert told >= 100


def test_a_fixing_serves_its_own_side_alone(scenario: dict[str, Any]) -> None:
    """Moved to another node, it proves what fractions say that it proves there."""
    changed = 0
    for seed in SEEDS[:20]:
        case = copy.copy(Case.of(seed, scenario))
        kept = case.fixings
        for claimed in case.claims[2:3]:
            for place, other in list(itertools.permutations(range(len(kept)), 2))[::7]:
                moved = {**kept[place], "choices": kept[other]["choices"]}
                case.fixings = [*kept[:place], moved, *kept[place + 1 :]]
                is_right = all(one <= Fraction(claimed) for one in case.expected(claimed))
                assert bool(case.prove(claimed)) == is_right
                changed += not is_right
        case.fixings = kept
    assert changed >= 5
