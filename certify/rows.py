"""The rows of a scenario: the budget and every limit, as measures of members against a right side."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lendplan.certify.exact import float_sum
from lendplan.certify.question import Kind, LimitText, Question, Sense
from lendplan.data.book import Book
from lendplan.data.cells import cell_text
from lendplan.data.findings import Finding, InputError, did_you_mean
from lendplan.data.numbers import parse_number
from lendplan.data.texts import Texts

Floats = NDArray[np.float64]
BUDGET = "budget"
BLANK = "(blank)"
TOLERANCE = 1e-9


@dataclass(frozen=True)
class RowFamily:
    """The rows of one limit: one, or m of them, one for each value of a column.

    Parameters
    ----------
    names
        Of the rows, (m,).
    measure, sense, kind, value
        As in `LimitText`.
    group
        Row that each enterprise is a member of, −1 where it is of none, (n,).
    factors
        Numbers as they were read whose product `value` is; `value` alone where empty.
    """

    names: tuple[str, ...]
    measure: str
    sense: Sense
    kind: Kind
    value: float
    group: NDArray[np.int64]
    factors: tuple[float, ...] = ()

    @property
    def exact_value(self) -> Fraction:
        """`value` before it was rounded."""
        return math.prod((Fraction(factor) for factor in self.factors or (self.value,)), start=Fraction(1))

    @property
    def whole_value(self) -> float | None:
        """The whole number that an amount of `count` means, None for other rows: at least 39.2 borrowers are 40.

        A plan that keeps to the row within the tolerance keeps to this one, too, since its borrowers are whole; and
        D(λ), which counts parts of borrowers, is tighter for it.
        """
        if self.measure != "count" or self.kind != "amount":
            return None
        slack = TOLERANCE * max(1.0, abs(self.value))
        up = self.sense == "at_least"
        return float(math.ceil(self.value - slack) if up else math.floor(self.value + slack))

    def sides(self, measures: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Return both sides of each row for a plan.

        Parameters
        ----------
        measures
            Measure → what each enterprise adds to it, (n,).

        Returns
        -------
        left, right
            measure(members); and the amount, share × measure(all), or rate × exposure(members), (m,).
        """
        if self.kind == "rate":
            return self._sums(measures["interest"]), self.value * self._sums(measures["exposure"])
        left = self._sums(measures[self.measure])
        right = self.value if self.kind == "amount" else self.value * float_sum(measures[self.measure])
        return left, np.full(len(self.names), right)

    def _sums(self, values: Floats) -> Floats:
        """Sum by row, each correctly rounded, so that no order of the rows can hide an excess."""
        return np.array([float_sum(values[members]) for members in self.members(self.group)])

    def members(self, group: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the places of each row's members in `group`, a part of `RowFamily.group` or the whole."""
        if len(self.names) == 1:
            return [np.flatnonzero(group == 0)]
        order = np.argsort(group, kind="stable")
        ends = np.searchsorted(group[order], np.arange(len(self.names) + 1))
        return [order[first:last] for first, last in pairwise(ends.tolist())]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of members of each row, (m,)."""
        return np.bincount(self.group[self.group >= 0], minlength=len(self.names))


def tolerance_of(right: float | Fraction) -> float | Fraction:
    """Return by how much a row may be missed: 1e-9·max(1, |right side|)."""
    if isinstance(right, Fraction):
        return Fraction(TOLERANCE) * max(Fraction(1), abs(right))
    return TOLERANCE * max(1.0, abs(right))


def rows_of(question: Question, book: Book, is_eligible: NDArray[np.bool_]) -> tuple[RowFamily, ...]:
    """Return the budget's row and those of every limit.

    Parameters
    ----------
    question
        The scenario.
    book
        Its columns choose the members.
    is_eligible
        Only these count, (n,). A limit `by` a column has a row for each value that one of them has whom `where` keeps.

    Raises
    ------
    InputError
        If a limit names a column that the book lacks, or two rows are named alike.
    """
    everyone = np.where(is_eligible, 0, -1).astype(np.int64)
    families = [
        RowFamily((BUDGET,), question.budget_basis, "at_most", "amount", question.budget, everyone),
        *(_family(limit, question, book, is_eligible) for limit in question.limits),
    ]
    seen: set[str] = set()
    for name in (name for family in families for name in family.names):
        if name in seen:
            raise InputError(Finding(f"two limits are named {name!r}", key="scenario.limits"))
        seen.add(name)
    return tuple(families)


def _family(limit: LimitText, question: Question, book: Book, is_eligible: NDArray[np.bool_]) -> RowFamily:
    member = is_eligible.copy()
    for column, values in limit.where.items():
        member &= _has(_column(book, column, question, limit), values)
    if limit.by is None:
        names: tuple[str, ...] = (limit.name,)
        group = np.where(member, 0, -1).astype(np.int64)
    else:
        codes, texts = _texts(_column(book, limit.by, question, limit)).coded()
        found, first = np.unique(codes[member], return_index=True)
        found = found[np.argsort(first)]  # in the order in which they first stand in the book
        names = tuple(f"{limit.name}[{value}]" for value in texts[found])
        place = np.full(len(texts), -1, dtype=np.int64)
        place[found] = np.arange(len(found))
        group = np.where(member, place[codes], -1)
    return RowFamily(names, limit.measure, limit.sense, limit.kind, limit.value, group, limit.factors)


def _column(book: Book, name: str, question: Question, limit: LimitText) -> Texts | Floats:
    ours = {theirs: ours for ours, theirs in question.columns.items()}
    for known in (name, ours.get(name)):
        if known is not None and known in book.table:
            return book.table.columns[known]
    near = did_you_mean(name, book.table)
    raise InputError(Finding(f"limit {limit.name!r}: there is no column {name!r}{near}", file=book.file))


def _texts(column: Texts | Floats) -> Texts:
    """Return a column as text; blanks are a group of their own."""
    texts = column if isinstance(column, Texts) else Texts.of(cell_text(value) for value in column.tolist())
    return texts.mapped(lambda text: text or BLANK) if texts.equals("").any() else texts


def _has(column: Texts | Floats, wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return where a column holds one of the values; numbers are compared as numbers."""
    names = {value or BLANK for value in wanted}
    found = _texts(column).isin(names)
    if not isinstance(column, Texts):
        numbers = [parse_number(value, is_share=True) for value in wanted]
        found = found | np.isin(column, [number for number in numbers if isinstance(number, float)])
    return found
