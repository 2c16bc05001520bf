"""What a check found: one entry a claim of the plan, with the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


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
        D(λ) recomputed from the saved prices and the input tables, in the objective's unit; None where there are
        no usable prices.
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

    def at_most(self, name: str, left: float, right: float, tolerance: float) -> bool:
        """Note whether left ≤ right within an absolute tolerance."""
        detail = f"left {left!r}, right {right!r}, excess {left - right:.6g}, tolerance {tolerance:.3g}"
        return self.add(name, left - right <= tolerance, detail)

    def at_least(self, name: str, left: float, right: float, tolerance: float) -> bool:
        """Note whether left ≥ right within an absolute tolerance."""
        detail = f"left {left!r}, right {right!r}, shortfall {right - left:.6g}, tolerance {tolerance:.3g}"
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

    def __init__(
        self, enterprise: Sequence[object] | NDArray[np.object_], **columns: NDArray[np.generic]
    ) -> None:
        self._enterprise = enterprise
        self._columns = columns

    def __call__(self, row: int) -> str:
        """Return what to say of a row."""
        told = []
        for name, values in self._columns.items():
            value = values[row]
            told.append(f"{name} {float(value)!r}" if isinstance(value, np.floating) else f"{name} {value!r}")
        return f"{self._enterprise[row]!r}: {', '.join(told)}"
