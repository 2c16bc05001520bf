"""How long and how densely the invoices of each enterprise cover its business, a side each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lendplan.rating.records import Dossier

Counts = NDArray[np.int64]
SIDES = ("input", "output")
"""The second axis of every array: purchases, sales."""
_DAYS = 1 << 16
"""More than any day number of a date that is read."""


@dataclass(frozen=True)
class Coverage:
    """Figures of each enterprise and side, each (n, 2); days and months are those of valid invoices.

    Parameters
    ----------
    invoices, void, returns
        Number of invoices, of void ones, and of valid ones with a total below zero.
    first, last
        First and last day in days since 1970-01-01; −1 where there is none.
    days
        Days from the first to the last, both counted; 0 where there is none.
    active_days
        Days with at least one invoice.
    silence, silence_from
        Most days in a row without an invoice between the first and the last day, and the last day before them (−1).
    months, silent_months
        Calendar months from the first to the last, and those without an invoice.
    """

    invoices: Counts
    void: Counts
    returns: Counts
    first: Counts
    last: Counts
    days: Counts
    active_days: Counts
    silence: Counts
    silence_from: Counts
    months: Counts
    silent_months: Counts


def coverage_of(dossier: Dossier) -> Coverage:
    """Work out how each enterprise and side is covered.

    Parameters
    ----------
    dossier
        n enterprises and m invoices; a day that several invoices share counts once.
    """
    invoices, size = dossier.invoices, dossier.enterprises.size
    groups = 2 * size
    group = 2 * invoices.owner.astype(np.int64) + invoices.is_sale
    is_return = invoices.is_valid & (invoices.total < 0)
    # Sorted by group, then by day.
    present = np.unique((group * _DAYS + invoices.day)[invoices.is_valid])
    own, day = present // _DAYS, present % _DAYS
    active = np.bincount(own, minlength=groups)
    ends = np.cumsum(active)
    some = np.flatnonzero(active)
    first, last = np.full(groups, -1), np.full(groups, -1)
    first[some], last[some] = day[(ends - active)[some]], day[ends[some] - 1]
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    months, active_months = np.zeros(groups, dtype=np.int64), np.zeros(groups, dtype=np.int64)
    months[some] = month[ends[some] - 1] - month[(ends - active)[some]] + 1
    is_new = np.ones(len(own), dtype=bool)
    is_new[1:] = (np.diff(own) != 0) | (np.diff(month) != 0)
    active_months[:] = np.bincount(own[is_new], minlength=groups)
    silence, silence_from = _longest_silence(own, day, groups)

    def shaped(values: NDArray[np.int64]) -> Counts:
        return values.astype(np.int64).reshape(size, 2)

    return Coverage(
        invoices=shaped(np.bincount(group, minlength=groups)),
        void=shaped(np.bincount(group[~invoices.is_valid], minlength=groups)),
        returns=shaped(np.bincount(group[is_return], minlength=groups)),
        first=shaped(first),
        last=shaped(last),
        days=shaped(np.where(active > 0, last - first + 1, 0)),
        active_days=shaped(active),
        silence=shaped(silence),
        silence_from=shaped(silence_from),
        months=shaped(months),
        silent_months=shaped(months - active_months),
    )


def _longest_silence(own: Counts, day: Counts, groups: int) -> tuple[Counts, Counts]:
    """Return the longest stretch of days between two neighbouring days of each group, and the day before it."""
    silence, before = np.zeros(groups, dtype=np.int64), np.full(groups, -1, dtype=np.int64)
    between = np.flatnonzero((np.diff(own) == 0) & (np.diff(day) > 1))
    if between.size:
        gap = day[between + 1] - day[between] - 1
        # By group, the longest last; of equal ones the earliest.
        order = np.lexsort((-between, gap, own[between]))
        of_group = own[between][order]
        is_last = np.append(np.diff(of_group) != 0, True)
        longest = order[is_last]
        silence[of_group[is_last]] = gap[longest]
        before[of_group[is_last]] = day[between][longest]
    return silence, before
