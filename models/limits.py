"""From the limits of a scenario to rows of the problem: whom each counts, and what stands on its right side."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lendplan.data.coltable import ColumnTable
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


@dataclass(frozen=True)
class Census:
    """What a book, or a part of one, holds of what limits ask for; those of parts add up to the book's.

    Parameters
    ----------
    is_text : column → whether it holds text, in the book's order
    present : columns that ``where`` names → the texts that stand in some row
    groups : for each limit, value of its ``by`` column ('' without one) → how many eligible enterprises have it, and
        how many of them the limit counts
    in_book : for each limit ``by`` a column that asks for at least so much, the values that some enterprise has which
        ``where`` keeps, eligible or not; nothing for the others
    size : number of eligible enterprises
    """

    is_text: Mapping[str, bool]
    present: Mapping[str, frozenset[str]]
    groups: tuple[Mapping[str, tuple[int, int]], ...]
    in_book: tuple[frozenset[str], ...]
    size: int

    def __add__(self, other: Census) -> Census:
        groups = []
        for ours, theirs in zip(self.groups, other.groups, strict=True):
            both = dict(ours)
            for value, (eligible, inside) in theirs.items():
                before = both.get(value, (0, 0))
                both[value] = (before[0] + eligible, before[1] + inside)
            groups.append(both)
        present = {column: texts | other.present[column] for column, texts in self.present.items()}
        in_book = tuple(ours | theirs for ours, theirs in zip(self.in_book, other.in_book, strict=True))
        return Census(self.is_text, present, tuple(groups), in_book, self.size + other.size)

    def left_out(self, position: int) -> list[str]:
        """Return the values of a limit's column of which nobody eligible is counted, so that it asks nothing there."""
        counted = {value for value, (_, inside) in self.groups[position].items() if inside}
        return sorted(self.in_book[position] - counted)


@dataclass(frozen=True)
class _Membership:
    """Whom one limit counts among the eligible."""

    inside: NDArray[np.bool_] | None  # (n,) those that `where` chooses; None for all
    codes: NDArray[np.int32]  # (n,) position in `values`
    values: list[str]  # of the `by` column; '' alone without one

    def counted(self) -> dict[str, tuple[int, int]]:
        """Return value → how many have it, and how many of them are inside."""
        most = len(self.values)
        eligible = np.bincount(self.codes, minlength=most)
        inside = eligible if self.inside is None else np.bincount(self.codes[self.inside], minlength=most)
        return {
            self.values[code]: (int(eligible[code]), int(inside[code]))
            for code in np.flatnonzero(eligible).tolist()
        }


def take_census(specs: Sequence[LimitSpec], book: ColumnTable, eligible: NDArray[np.int64]) -> Census:
    """Count what a part of a book holds of what limits ask for; parameters are those of `build_limits`."""
    return _census(specs, book, len(eligible), [_membership(spec, book, eligible) for spec in specs])


def build_limits(
    specs: Sequence[LimitSpec],
    book: ColumnTable,
    eligible: NDArray[np.int64],
    census: Census | None = None,
) -> tuple[tuple[Row, ...], list[LimitFault]]:
    """Turn limits into rows over the eligible enterprises.

    Parameters
    ----------
    specs : limits in the scenario's order
    book : one row an enterprise; the columns that ``where`` and ``by`` name are text
    eligible : shape (n,), rows of ``book`` that take part
    census : of the whole, where the book is a part of one

    Returns
    -------
    rows : one a limit, or one a value of the ``by`` column, named ``limit[value]``, values in sorted order
    faults : all that is wrong; the rows are of no use unless it is empty
    """
    memberships = [_membership(spec, book, eligible) for spec in specs]
    if census is None:
        census = _census(specs, book, len(eligible), memberships)
    rows: list[Row] = []
    faults: list[LimitFault] = []
    for position, (spec, membership) in enumerate(zip(specs, memberships, strict=True)):
        found = _column_faults(position, spec, census)
        if found or membership is None:
            faults += found
            continue
        made = _rows_of(spec, membership, census.groups[position])
        forced = _forces_nothing(spec, len(made), census.groups[position], census.size)
        if forced:
            faults.append(LimitFault(position, "at_most" if spec.sense == 1 else "at_least", forced))
        rows += made
    faults += _name_clashes(rows, specs)
    return tuple(rows), faults


def _census(
    specs: Sequence[LimitSpec], book: ColumnTable, size: int, memberships: Sequence[_Membership | None]
) -> Census:
    asked = dict.fromkeys(column for spec in specs for column in spec.where)
    return Census(
        is_text={name: book.is_text(name) for name in book},
        present={
            column: frozenset(present_values(book, column))
            for column in asked
            if column in book and book.is_text(column)
        },
        groups=tuple({} if one is None else one.counted() for one in memberships),
        in_book=tuple(_in_book(spec, book) for spec in specs),
        size=size,
    )


def _in_book(spec: LimitSpec, book: ColumnTable) -> frozenset[str]:
    if spec.by is None or spec.sense == 1:
        return frozenset()
    everyone = _membership(spec, book, np.arange(book.rows, dtype=np.int64))
    return (
        frozenset()
        if everyone is None
        else frozenset(v for v, (_, inside) in everyone.counted().items() if inside)
    )


def _membership(spec: LimitSpec, book: ColumnTable, eligible: NDArray[np.int64]) -> _Membership | None:
    """Return whom a limit counts; None where it names a column that cannot be used."""
    named = [*spec.where, *([] if spec.by is None else [spec.by])]
    if not all(column in book and book.is_text(column) for column in named):
        return None
    inside = None
    for column, wanted in spec.where.items():
        codes, values = coded_column(book, column)
        is_wanted = np.array([value in wanted for value in values], dtype=bool)[codes[eligible]]
        inside = is_wanted if inside is None else inside & is_wanted
    if spec.by is None:
        return _Membership(inside, np.zeros(len(eligible), dtype=np.int32), [""])
    codes, values = coded_column(book, spec.by)
    return _Membership(inside, codes[eligible], values)


def coded_column(book: ColumnTable, column: str) -> tuple[NDArray[np.int32], list[str]]:
    """Return a column of text as codes, (rows,), and the values they stand for, blanks as ``(blank)``."""
    texts = book.texts(column)
    if texts.equals("").any():
        texts = texts.mapped(lambda text: text or BLANK)
    codes, values = texts.coded()
    return codes, [str(value) for value in values]


def present_values(book: ColumnTable, column: str) -> list[str]:
    """Return the texts that stand in a column, blanks as ``(blank)``, in sorted order."""
    return sorted({text or BLANK for text in book.texts(column).present()})


def _column_faults(position: int, spec: LimitSpec, census: Census) -> list[LimitFault]:
    faults: list[LimitFault] = []
    usable = [name for name, is_text in census.is_text.items() if is_text]

    def check(key: str, column: str) -> bool:
        if column in usable:
            return True
        if column in census.is_text:
            message = f"`{column}` holds numbers; members are chosen by columns of text"
        else:
            near = difflib.get_close_matches(column, usable, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; it has {', '.join(usable)}"
            message = f"the book has no column `{column}`{hint}"
        faults.append(LimitFault(position, key, message))
        return False

    if spec.by is not None:
        check("by", spec.by)
    for column, wanted in spec.where.items():
        if not check(f"where.{column}", column):
            continue
        present = sorted(census.present[column])
        for value in wanted:
            if value not in present:
                near = difflib.get_close_matches(value, present, n=1, cutoff=0.5)
                shown = ", ".join(present[:8]) + (", …" if len(present) > 8 else "")
                hint = f"did you mean `{near[0]}`?" if near else f"it has {shown}"
                faults.append(
                    LimitFault(position, f"where.{column}", f"no row has `{value}` in `{column}`; {hint}")
                )
    return faults


def _rows_of(spec: LimitSpec, membership: _Membership, groups: Mapping[str, tuple[int, int]]) -> list[Row]:
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

    inside = membership.inside
    if spec.by is None:
        members = None
        if inside is not None:
            members = Members(np.where(inside, np.int32(0), np.int32(-1)).astype(np.int32), 0)
        return [row(spec.name, members)]
    found = sorted(value for value, (eligible, _) in groups.items() if eligible)
    place = {value: rank for rank, value in enumerate(found)}
    rank = np.array([place.get(value, -1) for value in membership.values], dtype=np.int32)
    codes = rank[membership.codes]
    if inside is not None:
        codes = np.where(inside, codes, np.int32(-1)).astype(np.int32)
    return [row(f"{spec.name}[{value}]", Members(codes, place[value])) for value in found if groups[value][1]]


def _forces_nothing(spec: LimitSpec, rows: int, groups: Mapping[str, tuple[int, int]], size: int) -> str:
    """Say why the shares of one limit leave no plan but the empty one; '' where they do not.

    The groups of one limit do not overlap. Where they hold every eligible enterprise, their measures add up to
    the whole, so shares that add up to less than 100 % (at_most) force the whole to zero; so do at_least shares
    of more than 100 % together, whoever is in them.
    """
    if spec.share is None or spec.measure not in NEVER_NEGATIVE or not rows or not size:
        return ""
    covered = sum(inside for _, inside in groups.values())
    together = spec.share * rows
    per = f"{100 * spec.share:.6g} %"
    which = f"{rows} groups of at" if rows > 1 else "at"
    if spec.sense == 1 and covered == size and together < 1 - 1e-12:
        budget = "" if spec.measure == "count" else ", or use `of: budget`"
        return (
            f"{which} most {per} of the plan make {100 * together:.6g} % together, and every enterprise is in "
            f"one of them: only lending nothing obeys; raise it to at least {100 / rows:.6g} %{budget}"
        )
    if spec.sense == -1 and together > 1 + 1e-12:
        return (
            f"{which} least {per} of the plan make {100 * together:.6g} % together: only lending nothing "
            f"obeys; lower it to at most {100 / rows:.6g} %"
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
