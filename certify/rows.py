"""The rows of a scenario: the budget and every limit, as measures of members against a right side."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lendplan.certify.question import Kind, LimitText, Question, Sense
from lendplan.data.book import Book
from lendplan.data.cells import cell_text
from lendplan.data.findings import Finding, InputError, did_you_mean
from lendplan.data.numbers import parse_number

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
    """

    names: tuple[str, ...]
    measure: str
    sense: Sense
    kind: Kind
    value: float
    group: NDArray[np.int64]

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
        right = (
            self.value if self.kind == "amount" else self.value * math.fsum(measures[self.measure].tolist())
        )
        return left, np.full(len(self.names), right)

    def _sums(self, values: Floats) -> Floats:
        """Sum by row, each correctly rounded, so that no order of the rows can hide an excess."""
        order = np.argsort(self.group, kind="stable")
        ends = np.searchsorted(self.group[order], np.arange(len(self.names) + 1))
        listed = values[order].tolist()
        return np.array([math.fsum(listed[first:last]) for first, last in pairwise(ends.tolist())])

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of members of each row, (m,)."""
        return np.bincount(self.group[self.group >= 0], minlength=len(self.names))


def tolerances(right: Floats) -> Floats:
    """Return by how much each row may be missed: 1e-9·max(1, |right side|)."""
    return TOLERANCE * np.maximum(1.0, np.abs(right))


def rows_of(question: Question, book: Book, is_eligible: NDArray[np.bool_]) -> tuple[RowFamily, ...]:
    """Return the budget's row and those of every limit.

    Parameters
    ----------
    question
        The scenario.
    book
        Its columns choose the members.
    is_eligible
        Only these count; a limit `by` a column has a row for each value that one of them has, (n,).

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
        texts = _texts(_column(book, limit.by, question, limit))
        codes, found = pd.factorize(texts[is_eligible], sort=False)
        names = tuple(f"{limit.name}[{value}]" for value in found)
        group = np.full(len(member), -1, dtype=np.int64)
        group[is_eligible] = codes
        group[~member] = -1
    return RowFamily(names, limit.measure, limit.sense, limit.kind, limit.value, group)


def _column(book: Book, name: str, question: Question, limit: LimitText) -> pd.Series:
    ours = {theirs: ours for ours, theirs in question.columns.items()}
    for known in (name, ours.get(name)):
        if known is not None and known in book.frame.columns:
            column: pd.Series = book.frame[known]
            return column
    near = did_you_mean(name, [str(known) for known in book.frame.columns])
    raise InputError(Finding(f"limit {limit.name!r}: there is no column {name!r}{near}", file=book.file))


def _texts(column: pd.Series) -> NDArray[np.object_]:
    """Return a column as text; blanks are a group of their own."""
    values = column.to_numpy()
    if values.dtype != object:
        values = np.array([cell_text(value) for value in values], dtype=object)
    return np.where(np.asarray(values == "", dtype=bool), BLANK, values)


def _has(column: pd.Series, wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return where a column holds one of the values; numbers are compared as numbers."""
    names = {value or BLANK for value in wanted}
    found = np.asarray(pd.Series(_texts(column), dtype=object).isin(list(names)).to_numpy(), dtype=bool)
    if column.dtype != object:
        numbers = [parse_number(value, is_share=True) for value in wanted]
        found = found | np.isin(
            column.to_numpy(), [number for number in numbers if isinstance(number, float)]
        )
    return found
