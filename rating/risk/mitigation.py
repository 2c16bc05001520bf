"""What guarantees and pledges take off the loss given default, and what of each guarantor they use up.

The covered part of the exposure loses nothing beyond its haircut, the rest loses the base loss given default:
LGD = max(floor, base · (1 − counted / exposure)), counted = Σ covered · (1 − haircut) · credit, at most the exposure.
`credit` is what the guarantor's own risk leaves of the promise:

- A pledge (receivables, property) counts in full.
- A guarantee by somebody who has defaulted counts nothing.
- A guarantee by somebody of known default probability q for an enterprise of default probability p counts
  1 − min(1, q/p). The covered part then carries q in place of p, so that its risk weight is that of a loan to the
  guarantor and never better: no benefit is taken from both having to fail (the rule of Basel's internal-ratings
  approach against double default). Two enterprises that vouch for one another thus help the weaker one at most.
- A mutual guarantee by somebody whose default probability is not known counts nothing; a professional guarantor's
  counts in full, since guarantee companies are licensed and supervised.
- A counter-guarantee secures the guarantor, not the bank: it counts nothing here.

A guarantor who has promised more than its capacity is counted pro rata (capacity / promised).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.data.findings import Finding, InputError, did_you_mean, shown
from lendplan.data.texts import Texts
from lendplan.rating.records import Floats, Mask
from lendplan.rating.risk.guarantees import COUNTER, MUTUAL, PROFESSIONAL, Guarantees

FLOOR = 0.1
"""Least loss given default of a covered loan: Basel III's floor for exposures secured by receivables or real estate."""


@dataclass(frozen=True)
class Mitigated:
    """Losses given default after guarantees and pledges, for n enterprises and m rows of guarantees.

    Parameters
    ----------
    loss_given_default
        Shape (n,): share of the exposure; NaN where no base is known.
    covered
        Shape (n,): amount counted, after haircuts; 0 without, NaN where a share of an unknown exposure is covered.
    covered_share
        Shape (n,): the same as a share of the exposure, in [0, 1].
    guarantor
        Whom most is owed by, among professional and mutual guarantors, those first of whose promise something counts;
        '' for none.
    guaranteed_amount
        Shape (n,): what that guarantor has promised for this enterprise, before haircut; NaN for none or not known.
    is_guaranteed
        Shape (n,): whether something of what that guarantor has promised counts.
    credit
        Shape (m,): the part of each promise that counts, before its haircut.
    why
        A sentence for each row of the guarantees: what of it counts, and why.
    promised
        Guarantor → amount promised over all enterprises, before haircuts.
    findings
        What was noticed: promises above a guarantor's capacity, guarantees that count nothing, …
    """

    loss_given_default: Floats
    covered: Floats
    covered_share: Floats
    guarantor: tuple[str, ...]
    guaranteed_amount: Floats
    is_guaranteed: Mask
    credit: Floats
    why: tuple[str, ...]
    promised: Mapping[str, float]
    findings: tuple[Finding, ...]

    def columns(self) -> dict[str, Texts | Floats]:
        """Return the columns of ``ratings.csv`` that a scenario's limits can use.

        ``guaranteed`` is ``yes`` where something of the guarantor's promise counts, or blank, so that a limit on each
        guarantor leaves the others alone:
        ``{name: guarantor, measure: line, where: {guaranteed: ["yes"]}, by: guarantor, at_most: 500}``.
        """
        return {
            "guarantor": Texts.of(self.guarantor),
            "guaranteed": Texts.of("yes" if one else "" for one in self.is_guaranteed.tolist()),
            "guaranteed_amount": self.guaranteed_amount,
        }


def mitigate(
    enterprise: Sequence[str],
    base_lgd: Floats,
    guarantees: Guarantees,
    *,
    exposure: Floats | None = None,
    default_probability: Floats | None = None,
    is_default: Floats | None = None,
    floor: float = FLOOR,
) -> Mitigated:
    """Lower losses given default by guarantees and pledges.

    Parameters
    ----------
    enterprise
        Ids, n of them; guarantors are looked for among them as well.
    base_lgd
        Shape (n,): loss given default without any security, NaN where it is not known.
    guarantees
        The table.
    exposure
        Shape (n,): used where the table states none; NaN where it is not known.
    default_probability
        Shape (n,): of these enterprises, in both their roles; a guarantor's own in the table stands behind it.
    is_default
        Shape (n,): 1 for those that have defaulted.
    floor
        A covered loss given default is not below this, unless the base is.

    Returns
    -------
    Mitigated

    Raises
    ------
    InputError
        If a row is about an enterprise that is not among `enterprise`.
    ValueError
        If an array does not have n values, or a share is outside [0, 1].
    """
    n = len(enterprise)
    nothing = np.full(n, np.nan)
    base = np.asarray(base_lgd, dtype=np.float64)
    known, probability, outcome = (
        nothing if array is None else np.asarray(array, dtype=np.float64)
        for array in (exposure, default_probability, is_default)
    )
    if any(array.shape != (n,) for array in (base, known, probability, outcome)):
        raise ValueError(f"base_lgd, exposure, default_probability and is_default need {n} values each")
    if not 0 <= floor <= 1 or (base < 0).any() or (base > 1).any():
        raise ValueError("floor and base_lgd must lie in [0, 1]")
    place = {name: position for position, name in enumerate(enterprise)}
    owner = _owners(guarantees, place)
    findings: list[Finding] = []

    stated = ~np.isnan(guarantees.exposure)
    exposures = known.copy()
    exposures[owner[stated]] = guarantees.exposure[stated]
    is_share = ~np.isnan(guarantees.covered_share)
    with np.errstate(invalid="ignore", divide="ignore"):
        amount = np.where(is_share, guarantees.covered_share * exposures[owner], guarantees.covered)
        share = np.where(is_share, guarantees.covered_share, guarantees.covered / exposures[owner])
    credit, why = _credits(guarantees, owner, place, probability, outcome)
    promised = _promised(guarantees, amount)
    borne = _within_capacity(guarantees, promised, findings)
    credit *= borne
    why = [
        f"{reason}; {100 * part:.3g} % of that is within the guarantor's capacity" if part < 1 else reason
        for reason, part in zip(why, borne.tolist(), strict=True)
    ]
    lost = (credit > 0) & np.isnan(share)
    for row in np.flatnonzero(lost).tolist():
        why[row] = "counts nothing: the exposure is not known"
        message = (
            f"the exposure to {shown(guarantees.enterprise[row])} is not known, so the amount counts nothing"
        )
        findings.append(guarantees.told(row, f"{message}; fill exposure, or state a share", "exposure"))
    credit[lost] = 0.0
    findings += [
        guarantees.told(row, f"the {guarantees.kind[row]} {why[row]}", "kind")
        for row in np.flatnonzero((credit == 0) & ~lost).tolist()
    ]

    counted = np.where(credit > 0, share * (1 - guarantees.haircut) * credit, 0.0)
    covered_share = np.minimum(np.bincount(owner, weights=counted, minlength=n), 1.0)
    lgd = np.maximum(base * (1 - covered_share), np.minimum(base, floor))
    covered = np.where(covered_share > 0, covered_share * exposures, 0.0)
    largest, largest_amount, is_guaranteed = _largest(guarantees, owner, amount, counted > 0, n)
    findings.sort(key=lambda finding: finding.line or 0)
    return Mitigated(
        loss_given_default=lgd,
        covered=covered,
        covered_share=covered_share,
        guarantor=largest,
        guaranteed_amount=largest_amount,
        is_guaranteed=is_guaranteed,
        credit=credit,
        why=tuple(why),
        promised=promised,
        findings=tuple(findings),
    )


def risk_weights(default_probability: Floats, loss_given_default: Floats) -> Floats:
    """Return default probability × loss given default, (n,): NaN, to be written as blank, where either is not known."""
    return np.asarray(default_probability * loss_given_default, dtype=np.float64)


def _owners(guarantees: Guarantees, place: Mapping[str, int]) -> NDArray[np.int64]:
    """Return the position of the enterprise of each row, (m,)."""
    findings = [
        guarantees.told(
            row,
            f"{shown(name)} is none of the enterprises that are rated{did_you_mean(name, place)}",
            "enterprise",
        )
        for row, name in enumerate(guarantees.enterprise)
        if name not in place
    ]
    if findings:
        raise InputError(findings)
    return np.array([place[name] for name in guarantees.enterprise], dtype=np.int64)


def _credits(
    guarantees: Guarantees,
    owner: NDArray[np.int64],
    place: Mapping[str, int],
    probability: Floats,
    is_default: Floats,
) -> tuple[Floats, list[str]]:
    """Return what of each promise its guarantor's own risk leaves, (m,), and why."""
    credit = np.ones(guarantees.size)
    why: list[str] = []
    for row, (kind, name) in enumerate(zip(guarantees.kind, guarantees.guarantor, strict=True)):
        p = float(probability[owner[row]])
        at = place.get(name, -1)
        q = float(probability[at]) if at >= 0 else np.nan
        if np.isnan(q):
            q = float(guarantees.guarantor_default_probability[row])
        if kind == COUNTER:
            credit[row], reason = 0.0, "counts nothing: it secures the guarantor, not the bank"
        elif kind not in (PROFESSIONAL, MUTUAL):
            reason = "counts in full, after its haircut"
        elif at >= 0 and is_default[at] == 1:
            credit[row], reason = 0.0, f"counts nothing: {name} has defaulted"
        elif np.isnan(q) and kind == MUTUAL:
            credit[row], reason = 0.0, f"counts nothing: no default probability of {name} is known"
        elif np.isnan(q):
            reason = f"counts in full, after its haircut: no default probability of {name} is known"
        elif np.isnan(p):
            credit[row], reason = (
                0.0,
                "counts nothing: the enterprise has no default probability to compare with",
            )
        else:
            credit[row] = 1 - min(1.0, q / p) if p > 0 else 0.0
            risks = f"{name} defaults with {100 * q:.3g} %, the enterprise with {100 * p:.3g} %"
            reason = f"counts {100 * credit[row]:.3g} %, after its haircut: {risks}"
        why.append(reason)
    return credit, why


def _promised(guarantees: Guarantees, amount: Floats) -> dict[str, float]:
    """Return guarantor → amount promised in all, in order of first mention; amounts that are not known count 0."""
    promised: dict[str, float] = {}
    for kind, name, value in zip(guarantees.kind, guarantees.guarantor, amount.tolist(), strict=True):
        if kind in (PROFESSIONAL, MUTUAL):
            promised[name] = promised.get(name, 0.0) + (0.0 if np.isnan(value) else value)
    return promised


def _within_capacity(
    guarantees: Guarantees, promised: Mapping[str, float], findings: list[Finding]
) -> Floats:
    """Return the part of each promise that its guarantor's capacity bears, (m,)."""
    capacity: dict[str, float] = {}
    for row in np.flatnonzero(~np.isnan(guarantees.capacity)).tolist():
        name = guarantees.guarantor[row]
        if name not in promised or name in capacity:
            continue
        capacity[name] = float(guarantees.capacity[row])
        if promised[name] > capacity[name]:
            message = (
                f"{shown(name)} has promised {promised[name]:,.12g} over all enterprises, above its capacity of "
                f"{capacity[name]:,.12g}; its promises are counted pro rata"
            )
            findings.append(guarantees.told(row, message, "capacity"))
    bears = {name: min(1.0, most / promised[name]) for name, most in capacity.items() if promised[name] > 0}
    return np.array(
        [
            bears.get(name, 1.0) if kind in (PROFESSIONAL, MUTUAL) else 1.0
            for kind, name in zip(guarantees.kind, guarantees.guarantor, strict=True)
        ],
        dtype=np.float64,
    )


def _largest(
    guarantees: Guarantees, owner: NDArray[np.int64], amount: Floats, counts: Mask, n: int
) -> tuple[tuple[str, ...], Floats, Mask]:
    """Return for each enterprise the guarantor who promised most, how much, and whether something of it counts.

    Those of whose promise something counts go before the others; among equals the first by name stands.
    """
    sums: dict[tuple[int, str], float] = {}
    counting: set[tuple[int, str]] = set()
    for position, kind, name, value, does_count in zip(
        owner.tolist(),
        guarantees.kind,
        guarantees.guarantor,
        amount.tolist(),
        counts.tolist(),
        strict=True,
    ):
        if kind in (PROFESSIONAL, MUTUAL):
            key = (position, name)
            sums[key] = sums.get(key, 0.0) + value  # NaN, a share of an exposure that is not known, stays
            if does_count:
                counting.add(key)
    best = [""] * n
    most = np.full(n, np.nan)
    is_counting = np.zeros(n, np.bool_)
    for key, value in sorted(sums.items(), key=lambda one: (one[0] not in counting, one[0])):
        position, name = key
        if best[position] and is_counting[position] and key not in counting:
            continue
        if not best[position] or (np.nan_to_num(value) > np.nan_to_num(most[position])):
            best[position] = name
            most[position] = value
            is_counting[position] = key in counting
    return tuple(best), most, is_counting
