"""Who buys from whom: each enterprise's customers by name, and the largest of them, for the early warning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lendplan.rating.records import Dossier, Floats


def customers_of(dossier: Dossier) -> dict[str, frozenset[str]]:
    """Return enterprise id → names of those who bought more than they returned; none where no names are known."""
    if dossier.invoices.counterparties is None:
        return {}
    owner, code, total = _sums(dossier)
    names = dossier.invoices.counterparties.tolist()
    ids = dossier.enterprises.enterprise
    found: dict[str, set[str]] = {one: set() for one in ids}
    for at, who, bought in zip(owner.tolist(), code.tolist(), total.tolist(), strict=True):
        if bought > 0:
            found[ids[at]].add(names[who])
    return {one: frozenset(customers) for one, customers in found.items()}


def largest_customers(dossier: Dossier) -> tuple[str, ...]:
    """Return whom each enterprise has sold most to, '' for none; of equals the first by name. Empty without names."""
    if dossier.invoices.counterparties is None:
        return ()
    owner, code, total = _sums(dossier)
    names = dossier.invoices.counterparties.tolist()
    known = [names[who] for who in code.tolist()]
    order = sorted(range(len(owner)), key=lambda row: (owner[row], -total[row], known[row]))
    largest = [""] * dossier.enterprises.size
    for row in reversed(order):  # the first of each enterprise is written last
        if total[row] > 0:
            largest[int(owner[row])] = known[row]
    return tuple(largest)


def _sums(dossier: Dossier) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return enterprise, customer and total of valid sales for each pair of them."""
    invoices = dossier.invoices
    chosen = np.flatnonzero(invoices.is_sale & invoices.is_valid)
    width = int(invoices.counterparty.max(initial=0)) + 1
    pair = invoices.owner[chosen].astype(np.int64) * width + invoices.counterparty[chosen]
    distinct, place = np.unique(pair, return_inverse=True)
    total = np.bincount(place, weights=invoices.total[chosen], minlength=len(distinct))
    return distinct // width, distinct % width, np.asarray(total, dtype=np.float64)
