"""From the limits of a scenario to rows of the problem: whom each counts, and what stands on its right side."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lendplan.models.measures import MeasureName
from lendplan.models.problem import RESERVED, Members, Row

BLANK = "(blank)"  # the group of those who leave the column blank

# Measures that are never negative: a share of their total can force it to zero.
NEVER_NEGATIVE = frozenset({"line", "exposure", "interest", "risk", "count"})


@dataclass(frozen=True)
class LimitSpec:
    """One limit as the scenario states it; exactly one of ``amount``, ``share`` and ``rate`` is given."""

    name: str
    measure: MeasureName | Literal["average_rate"]
    sense: Literal[1, -1]  # 1 at_most, -1 at_least
    amount: float | None = None
    share: float | None = None  # of the same measure over the whole plan
    rate: float | None = None  # of average_rate
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    by: str | None = None


@dataclass(frozen=True)
class LimitFault:
    """What is wrong with one limit: its position in the scenario, the key below it, and the message."""

    position: int
    key: str
    message: str


def build_limits(
    specs: Sequence[LimitSpec], book: pd.DataFrame, eligible: NDArray[np.int64]
) -> tuple[tuple[Row, ...], list[LimitFault]]:
    """Turn limits into rows over the eligible enterprises.

    Parameters
    ----------
    specs : limits in the scenario's order
    book : one row an enterprise; the columns that ``where`` and ``by`` name are text
    eligible : shape (n,), rows of ``book`` that take part

    Returns
    -------
    rows : one a limit, or one a value of the ``by`` column, named ``limit[value]``, values in sorted order
    faults : all that is wrong; the rows are of no use unless it is empty
    """
    rows: list[Row] = []
    faults: list[LimitFault] = []
    for position, spec in enumerate(specs):
        found = _column_faults(position, spec, book)
        if found:
            faults += found
            continue
        made = _rows_of(spec, book, eligible)
        forced = _forces_nothing(spec, made, len(eligible))
        if forced:
            faults.append(LimitFault(position, "at_most" if spec.sense == 1 else "at_least", forced))
        rows += made
    faults += _name_clashes(rows, specs)
    return tuple(rows), faults


def text_column(book: pd.DataFrame, column: str) -> NDArray[np.object_]:
    """Return a column as text, blanks as ``(blank)``."""
    values = book[column].to_numpy(dtype=object)
    return np.where(values == "", BLANK, values)


def _column_faults(position: int, spec: LimitSpec, book: pd.DataFrame) -> list[LimitFault]:
    faults: list[LimitFault] = []
    usable = [name for name in book.columns if not pd.api.types.is_numeric_dtype(book[name])]

    def check(key: str, column: str) -> bool:
        if column in usable:
            return True
        if column in book.columns:
            message = f"`{column}` holds numbers; members are chosen by columns of text"
        else:
            near = difflib.get_close_matches(column, usable, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; it has {', '.join(map(str, usable))}"
            message = f"the book has no column `{column}`{hint}"
        faults.append(LimitFault(position, key, message))
        return False

    if spec.by is not None:
        check("by", spec.by)
    for column, wanted in spec.where.items():
        if not check(f"where.{column}", column):
            continue
        present = sorted(set(text_column(book, column)))
        for value in wanted:
            if value not in present:
                near = difflib.get_close_matches(value, present, n=1, cutoff=0.5)
                shown = ", ".join(present[:8]) + (", …" if len(present) > 8 else "")
                hint = f"did you mean `{near[0]}`?" if near else f"it has {shown}"
                faults.append(
                    LimitFault(position, f"where.{column}", f"no row has `{value}` in `{column}`; {hint}")
                )
    return faults


def _rows_of(spec: LimitSpec, book: pd.DataFrame, eligible: NDArray[np.int64]) -> list[Row]:
    inside = np.ones(len(eligible), dtype=bool)
    for column, wanted in spec.where.items():
        inside &= np.isin(text_column(book, column)[eligible], list(wanted))

    def row(name: str, members: Members | None) -> Row:
        return Row(
            name=name,
            measure=spec.measure,
            sense=spec.sense,
            members=members,
            amount=spec.amount or 0.0,
            share=spec.share,
            rate=spec.rate,
            rule=spec.name,
        )

    if spec.by is None:
        codes = np.where(inside, np.int32(0), np.int32(-1)).astype(np.int32)
        return [row(spec.name, Members(codes, 0) if spec.where else None)]
    groups, values = pd.factorize(text_column(book, spec.by)[eligible], sort=True)
    codes = np.where(inside, groups, -1).astype(np.int32)
    present = np.unique(codes[codes >= 0])
    return [row(f"{spec.name}[{values[code]}]", Members(codes, int(code))) for code in present]


def _forces_nothing(spec: LimitSpec, rows: Sequence[Row], size: int) -> str:
    """Say why the shares of one limit leave no plan but the empty one; '' where they do not.

    The groups of one limit do not overlap. Where they hold every eligible enterprise, their measures add up to
    the whole, so shares that add up to less than 100 % (at_most) force the whole to zero; so do at_least shares
    of more than 100 % together, whoever is in them.
    """
    if spec.share is None or spec.measure not in NEVER_NEGATIVE or not rows or not size:
        return ""
    covered = sum(size if row.members is None else int(np.sum(row.members.mask)) for row in rows)
    together = spec.share * len(rows)
    per = f"{100 * spec.share:.6g} %"
    groups = f"{len(rows)} groups of at" if len(rows) > 1 else "at"
    if spec.sense == 1 and covered == size and together < 1 - 1e-12:
        budget = "" if spec.measure == "count" else ", or use `of: budget`"
        return (
            f"{groups} most {per} of the plan make {100 * together:.6g} % together, and every enterprise is in "
            f"one of them: only lending nothing obeys; raise it to at least {100 / len(rows):.6g} %{budget}"
        )
    if spec.sense == -1 and together > 1 + 1e-12:
        return (
            f"{groups} least {per} of the plan make {100 * together:.6g} % together: only lending nothing "
            f"obeys; lower it to at most {100 / len(rows):.6g} %"
        )
    return ""


def _name_clashes(rows: Sequence[Row], specs: Sequence[LimitSpec]) -> list[LimitFault]:
    """Find a limit named like a group of another, ``one industry[retail]``: two rows, one name."""
    position = {spec.name: place for place, spec in enumerate(specs)}
    seen: set[str] = set()
    faults = [
        LimitFault(
            position[name], "name", f"`{name}` is a name that the answers use themselves; choose another"
        )
        for name in RESERVED
        if name in position
    ]
    for row in rows:
        if row.name in seen:
            faults.append(LimitFault(position[row.rule], "name", f"two limits are named `{row.name}`"))
        seen.add(row.name)
    return faults
