"""What a check found: one entry a claim of the plan, with the numbers."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.exact import nearest_to
from lendplan.data.texts import Texts

Number = float | Fraction


@dataclass(frozen=True)
class Check:
    """One claim of the plan, checked.

    Parameters
    ----------
    name
        What was checked: ``line``, ``limit grade C``, ``summary revenue``, …
    passed
        Whether it holds.
    detail
        The numbers: left, right and excess; or the first rows at fault.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Report:
    """All checks of a plan.

    Parameters
    ----------
    checks
        In the order in which they were made.
    certified_bound
        What no plan exceeds, recomputed from the certificate and the input tables, in the objective's unit: D(λ), or
        the claim that the leaves prove. None where there are no usable prices, or the leaves do not prove it.
    notes
        What is proven and what is taken on trust, in words for an auditor.
    """

    checks: tuple[Check, ...]
    certified_bound: float | None
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.passed)


def _compared(left: Number, right: Number, off: Number, tolerance: Number, word: str) -> str:
    """Say what was compared; fractions as the doubles nearest to them."""
    ours, theirs = nearest_to(left), nearest_to(right)
    return f"left {ours!r}, right {theirs!r}, {word} {nearest_to(off):.6g}, tolerance {nearest_to(tolerance):.3g}"


@dataclass
class Checklist:
    """Checks as they are made. A comparison with NaN never passes."""

    checks: list[Check] = field(default_factory=list)

    def add(self, name: str, passed: bool, detail: str = "") -> bool:
        """Note a check, and return whether it holds."""
        self.checks.append(Check(name, bool(passed), detail))
        return bool(passed)

    def equal(self, name: str, stated: float | None, expected: float, tolerance: float) -> bool:
        """Note whether a stated number is the recomputed one within an absolute tolerance."""
        if stated is None:
            return self.add(name, False, f"no number is stated; recomputed {expected!r}")
        excess = abs(stated - expected)
        detail = (
            f"stated {stated!r}, recomputed {expected!r}, difference {excess:.3g}, tolerance {tolerance:.3g}"
        )
        return self.add(name, excess <= tolerance, detail)

    def at_most(self, name: str, left: Number, right: Number, tolerance: Number) -> bool:
        """Note whether left ≤ right within an absolute tolerance."""
        detail = _compared(left, right, left - right, tolerance, "excess")
        return self.add(name, left - right <= tolerance, detail)

    def at_least(self, name: str, left: Number, right: Number, tolerance: Number) -> bool:
        """Note whether left ≥ right within an absolute tolerance."""
        detail = _compared(left, right, right - left, tolerance, "shortfall")
        return self.add(name, right - left <= tolerance, detail)

    def rows(self, name: str, is_good: NDArray[np.bool_], messages: "RowMessages") -> bool:
        """Note whether every row is good; the first rows at fault are named."""
        bad = np.flatnonzero(~is_good)
        if not bad.size:
            return self.add(name, True, f"{len(is_good):,} rows")
        shown = "; ".join(messages(int(row)) for row in bad[:3])
        more = f"; and {bad.size - 3:,} more" if bad.size > 3 else ""
        return self.add(name, False, f"{bad.size:,} of {len(is_good):,} rows: {shown}{more}")


class RowMessages:
    """What to say of a row at fault: its enterprise, and one number or text of each column.

    Parameters
    ----------
    enterprise
        Ids, (rows,).
    columns
        What the values are called → values, (rows,).
    """

    def __init__(self, enterprise: Texts, **columns: Texts | NDArray[np.generic]) -> None:
        self._enterprise = enterprise
        self._columns = columns

    def __call__(self, row: int) -> str:
        """Return what to say of a row."""
        told = []
        for name, values in self._columns.items():
            value = values[row]
            told.append(f"{name} {float(value)!r}" if isinstance(value, np.floating) else f"{name} {value!r}")
        return f"{self._enterprise[row]!r}: {', '.join(told)}"
