"""Invoices that stand in a table more than once: alike in every column, or with another content."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lendplan.data.bridge import numpy_of, packed_bytes
from lendplan.data.texts import Texts
from lendplan.rating.records import Codes, Invoices, Repeats

Rows = NDArray[np.int64]


def find_repeats(invoices: Invoices) -> tuple[Rows, Rows, Rows, Rows]:
    """Find rows with the enterprise, side and number of an earlier row.

    Returns
    -------
    duplicate, duplicated
        Rows that repeat an earlier one in every column, in ascending order, and the earliest such row of each.
    conflict, conflicting
        Rows that have another content than the earliest row of their enterprise, side and number, and repeat none;
        in ascending order, and that earliest row.
    """
    size = invoices.size
    key = _keys(invoices)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    is_next = ordered[1:] == ordered[:-1]
    starts = _false_at_front(is_next, size)
    if not is_next.any():
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, nothing, nothing
    several = np.sort(order[starts | np.append(is_next, False)])
    own = key[several]
    columns: list[NDArray[np.generic]] = [
        own,
        invoices.day[several],
        invoices.counterparty[several],
        invoices.amount[several],
        invoices.tax[several],
        invoices.total[several],
        invoices.is_valid[several],
    ]
    # The sort is stable, so the earliest row of each group comes first.
    order = np.lexsort(columns[::-1])
    is_same = np.ones(len(several) - 1, dtype=bool)
    for column in columns:
        sorted_column = column[order]
        is_same &= sorted_column[1:] == sorted_column[:-1]
    duplicate, duplicated = _with_first(several, order, is_same)
    is_distinct = ~np.isin(several, duplicate, assume_unique=True)
    left, own = several[is_distinct], own[is_distinct]
    order = np.argsort(own, kind="stable")
    conflict, conflicting = _with_first(left, order, np.diff(own[order]) == 0)
    return duplicate, duplicated, conflict, conflicting


def _keys(invoices: Invoices) -> NDArray[np.int64]:
    """Return one number for each enterprise, side and number, (m,)."""
    place = 2 * invoices.owner.astype(np.int64) + invoices.is_sale
    places = int(place.max(initial=0)) + 1
    numbers = _integers(invoices.number)
    if numbers is None or places * (int(numbers.max(initial=0)) + 1) >= 1 << 62:
        numbers = codes_of(invoices.number).astype(np.int64)  # at most 2^31, as the places are
    return place * (int(numbers.max(initial=0)) + 1) + numbers


def _integers(texts: Texts) -> NDArray[np.int64] | None:
    """Return texts as whole numbers, where no two different ones are the same number; most invoices are so numbered.

    Codes would say the same, in five times the time.
    """
    if not texts.is_packed or not len(texts):
        return None
    import pyarrow as pa

    array = texts.arrow()
    ends, letters = packed_bytes(array)
    used, lengths = letters[ends[0] : ends[-1]], np.diff(ends)
    if lengths.min() < 1 or lengths.max() > 18 or not ((used >= ord("0")) & (used <= ord("9"))).all():
        return None
    if ((letters[ends[:-1]] == ord("0")) & (lengths > 1)).any():  # 001 and 1 are two
        return None
    return np.asarray(numpy_of(array.cast(pa.int64())), dtype=np.int64)


def _false_at_front(is_next: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    whole = np.zeros(size, dtype=bool)
    whole[1:] = is_next
    return whole


def _with_first(rows: Rows, order: Rows, is_next: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Return the rows that belong to the one before them in some order, ascending, and the first of each run."""
    follows = _false_at_front(is_next, len(rows))
    start = np.maximum.accumulate(np.where(follows, 0, np.arange(len(rows))))
    repeated, first = rows[order[follows]], rows[order[start[follows]]]
    ascending = np.argsort(repeated)
    return repeated[ascending], first[ascending]


def codes_of(texts: Texts) -> Codes:
    """Return a code for each text, (rows,), equal where the texts are, without making Python's strings of them."""
    if texts.is_packed:
        return np.asarray(numpy_of(texts.arrow().dictionary_encode().indices), dtype=np.int32)
    return texts.coded()[0]


def named_codes(texts: Texts) -> tuple[Codes, Texts]:
    """Return a code for each text, (rows,), and the text that each code stands for."""
    if texts.is_packed:
        encoded = texts.arrow().dictionary_encode()
        return np.asarray(numpy_of(encoded.indices), dtype=np.int32), Texts.packed(encoded.dictionary)
    codes, values = texts.coded()
    return codes, Texts(np.arange(len(values), dtype=np.int32), values)


def told(invoices: Invoices, line: Codes, rows: Rows, first: Rows) -> Repeats:
    """Keep of some rows what the report tells."""
    return Repeats(
        owner=invoices.owner[rows],
        is_sale=invoices.is_sale[rows],
        number=invoices.number.take(rows),
        line=line[rows],
        first=line[first],
    )


def without(invoices: Invoices, rows: Rows) -> tuple[Invoices, NDArray[np.bool_]]:
    """Return the invoices without some rows, and which were kept, (m,)."""
    kept = np.ones(invoices.size, dtype=bool)
    kept[rows] = False
    return (
        Invoices(
            owner=invoices.owner[kept],
            is_sale=invoices.is_sale[kept],
            number=invoices.number.take(kept),
            day=invoices.day[kept],
            counterparty=invoices.counterparty[kept],
            amount=invoices.amount[kept],
            tax=invoices.tax[kept],
            total=invoices.total[kept],
            is_valid=invoices.is_valid[kept],
            counterparties=invoices.counterparties,
        ),
        kept,
    )
